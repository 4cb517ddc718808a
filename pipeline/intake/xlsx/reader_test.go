package xlsx_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/xlsx"
)

// book is a workbook, part by part.
type book map[string]string

const (
	rootRels = `<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	bookRels = `<Relationships><Relationship Id="s1" Type="x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="s2" Type="x/worksheet" Target="/xl/worksheets/sheet2.xml"/><Relationship Id="st" Type="x/styles" Target="styles.xml"/><Relationship Id="sh" Type="x/sharedStrings" Target="sharedStrings.xml"/></Relationships>`
	// Styles by number: 0 plain, 1 day, 2 day and time, 3 time, 4 elapsed, 5
	// percent, 6 month name, 7 red number, 8 exponent, 9 quoted letters.
	styles = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="[$-41D]d\ mmmm\ yyyy\ hh:mm;@"/><numFmt numFmtId="166" formatCode="[h]:mm:ss"/><numFmt numFmtId="167" formatCode="mmm"/><numFmt numFmtId="168" formatCode="[Red]0.00"/><numFmt numFmtId="169" formatCode="0.00E+00"/><numFmt numFmtId="170" formatCode="0&quot; days&quot;"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="20"/><xf numFmtId="166"/><xf numFmtId="9"/><xf numFmtId="167"/><xf numFmtId="168"/><xf numFmtId="169"/><xf numFmtId="170"/></cellXfs><dxfs><dxf/></dxfs></styleSheet>`
	shared = `<sst><si><t>name</t></si><si><t xml:space="preserve"> a&amp;ö </t></si><si><r><t>ri</t></r><r><rPr/><t>ch</t></r><rPh sb="0" eb="1"><t>no</t></rPh></si><si><t>_x000D_x_x005F_x0041_ _xZZZZ_ _x0000_</t></si></sst>`
)

func newBook(sheet string) book {
	return book{
		"_rels/.rels":                rootRels,
		"xl/workbook.xml":            `<workbook xmlns:r="x"><workbookPr/><sheets><sheet name="Blad1" sheetId="1" r:id="s1"/><sheet name="Hidden" state="hidden" sheetId="2" r:id="s2"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": bookRels,
		"xl/styles.xml":              styles,
		"xl/sharedStrings.xml":       shared,
		"xl/worksheets/sheet1.xml":   sheet,
		"xl/worksheets/sheet2.xml":   rows(`<row><c t="inlineStr"><is><t>secret</t></is></c></row>`),
	}
}

func rows(s string) string {
	return `<worksheet><sheetData>` + s + `</sheetData></worksheet>`
}

func (b book) bytes(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	names := make([]string, 0, len(b))
	for n := range b {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		f, err := w.Create(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, b[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(src io.Reader, opt xlsx.Options) (out []string, end record.End, err error) {
	r, err := xlsx.NewReader(src, opt)
	if err != nil {
		return nil, end, err
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, r.End(), r.Close()
		}
		if err != nil {
			return out, r.End(), errors.Join(err, r.Close())
		}
		s := fmt.Sprintf("%d:%s", rec.Line, bytes.Join(rec.Fields, []byte("|")))
		if len(rec.Faulty) > 0 {
			s += fmt.Sprint("!", rec.Faulty)
		}
		out = append(out, s)
	}
}

func cells(s string) string { return rows(`<row r="1">` + s + `</row>`) }

// TestCells: each value by what the standard and the writers of workbooks say
// it is.
func TestCells(t *testing.T) {
	n := func(style int, v string) string { return fmt.Sprintf(`<c s="%d"><v>%s</v></c>`, style, v) }
	for _, c := range []struct {
		cells string
		opt   xlsx.Options
		want  string
	}{
		{n(0, "1"), xlsx.Options{}, "1"},
		{n(0, "0.1"), xlsx.Options{Decimal: ','}, "0,1"},
		{n(0, "1234.0999999999999"), xlsx.Options{}, "1234.1"},
		{n(0, "0.30000000000000004"), xlsx.Options{}, "0.30000000000000004"},
		{n(0, "2.2999999999999998"), xlsx.Options{}, "2.3"},
		{n(0, "-1.5E-3"), xlsx.Options{}, "-0.0015"},
		{n(0, "1E+20"), xlsx.Options{}, "100000000000000000000"},
		{n(0, "123456789012345678"), xlsx.Options{}, "123456789012345678"},
		{n(0, "0.12345678901234567891"), xlsx.Options{Decimal: ','}, "0,12345678901234567891"},
		{n(5, "0.135"), xlsx.Options{}, "0.135"},
		{n(7, "45322"), xlsx.Options{}, "45322"},
		{n(8, "45322"), xlsx.Options{}, "45322"},
		{n(9, "45322"), xlsx.Options{}, "45322"},
		{n(1, "45322"), xlsx.Options{}, "2024-01-31"},
		{n(1, "45322"), xlsx.Options{Dates: "dd.mm.yyyy"}, "31.01.2024"},
		{n(1, "45322"), xlsx.Options{Dates: "dd-mm-yyyy"}, "31-01-2024"},
		{n(1, "45322"), xlsx.Options{Dates: "dd/mm/yyyy"}, "31/01/2024"},
		{n(1, "45322"), xlsx.Options{Dates: "yyyymmdd"}, "20240131"},
		{n(1, "45322"), xlsx.Options{Dates: "year-month"}, "2024-01-31"},
		{n(6, "45323"), xlsx.Options{Dates: "year-month"}, "2024-02"},
		{n(1, "45323"), xlsx.Options{Dates: "year"}, "2024-02-01"},
		{n(1, "45292"), xlsx.Options{Dates: "year"}, "2024"},
		{n(2, "45322.75"), xlsx.Options{}, "2024-01-31T18:00:00"},
		{n(2, "45322.75"), xlsx.Options{Dates: "dd.mm.yyyy"}, "31.01.2024 18:00:00"},
		{n(2, "45322.75"), xlsx.Options{Dates: "yyyymmdd"}, "2024-01-31T18:00:00"},
		{n(2, "45322.99999999999"), xlsx.Options{}, "2024-02-01"},
		{n(2, "45322.9999"), xlsx.Options{}, "2024-01-31T23:59:51"},
		{n(1, "1"), xlsx.Options{}, "1900-01-01"},
		{n(1, "59"), xlsx.Options{}, "1900-02-28"},
		{n(1, "60"), xlsx.Options{}, "#DATE 60![0]"},
		{n(1, "61"), xlsx.Options{}, "1900-03-01"},
		{n(1, "-1"), xlsx.Options{}, "#DATE -1![0]"},
		{n(1, "1E9"), xlsx.Options{}, "#DATE 1E9![0]"},
		{n(3, "0.5"), xlsx.Options{}, "12:00:00"},
		{n(4, "1.25"), xlsx.Options{}, "30:00:00"},
		{`<c t="d"><v>2024-01-31</v></c>`, xlsx.Options{Dates: "dd.mm.yyyy"}, "31.01.2024"},
		{`<c t="d"><v>2024-01-31T06:00:00</v></c>`, xlsx.Options{}, "2024-01-31T06:00:00"},
		{`<c t="d"><v>yesterday</v></c>`, xlsx.Options{}, "yesterday![0]"},
		{`<c t="b"><v>1</v></c><c t="b"><v>0</v></c>`, xlsx.Options{}, "1|0"},
		{`<c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="s"><v>2</v></c>`, xlsx.Options{}, "name| a&ö |rich"},
		{`<c t="s"><v>3</v></c>`, xlsx.Options{}, "\rx_x0041_ _xZZZZ_ _x0000_"},
		{`<c t="inlineStr"><is><r><t>a</t></r><rPh><t>x</t></rPh><r><t>b</t></r></is></c>`, xlsx.Options{}, "ab"},
		{`<c t="inlineStr"><is><t>1,50</t></is></c>`, xlsx.Options{Decimal: ','}, "1,50"},
		{`<c t="str"><f>A2&amp;"x"</f><v>yx</v></c>`, xlsx.Options{}, "yx"},
		{`<c t="str"><f>""</f><v></v></c><c><v>1</v></c>`, xlsx.Options{}, "|1"},
		{`<c><f>1+1</f><v>2</v></c>`, xlsx.Options{}, "2"},
		{`<c><f>1+1</f></c>`, xlsx.Options{}, "#FORMULA![0]"},
		{`<c><f>1+1</f><v/></c>`, xlsx.Options{}, "#FORMULA![0]"},
		{`<c><v>1</v></c><c t="e"><f>NA()</f><v>#N/A</v></c>`, xlsx.Options{}, "1|#N/A![1]"},
		{`<c r="B1"><v>1</v></c><c r="D1"><v>2</v></c>`, xlsx.Options{}, "|1||2"},
		{`<c><v>1</v></c><c s="1"/><c t="s"><v></v></c>`, xlsx.Options{}, "1"},
		{`<c><v> 7 </v></c>`, xlsx.Options{}, "7"},
	} {
		got, _, err := read(bytes.NewReader(newBook(cells(c.cells)).bytes(t)), c.opt)
		if err != nil || len(got) != 1 || got[0] != "1:"+c.want {
			t.Errorf("%s %+v: %q, %v; want %q", c.cells, c.opt, got, err, c.want)
		}
	}
	b := newBook(cells(n(1, "43860") + n(1, "0")))
	b["xl/workbook.xml"] = strings.Replace(b["xl/workbook.xml"], "<workbookPr/>", `<workbookPr date1904="1"/>`, 1)
	if got, _, err := read(bytes.NewReader(b.bytes(t)), xlsx.Options{}); err != nil || got[0] != "1:2024-01-31|1904-01-01" {
		t.Errorf("the 1904 calendar: %q, %v", got, err)
	}
}

const table = `<row r="1"><c r="A1" t="inlineStr"><is><t>title</t></is></c></row>` +
	`<row r="3"><c r="A3" t="s"><v>0</v></c><c r="B3" t="inlineStr"><is><t>n</t></is></c><c r="C3" s="1"/></row>` +
	`<row r="4"><c r="A4"><v>1</v></c></row><row r="5"/><row r="6" hidden="1"><c r="B6"><v>2</v></c><c r="C6"/></row>` +
	`<row r="9"><c r="A9"><v>3</v></c><c r="B9"><v>4</v></c><c r="C9"><v>5</v></c></row>`

func TestRows(t *testing.T) {
	header := xlsx.Options{First: 3, Header: true}
	for _, c := range []struct {
		name, sheet string
		opt         xlsx.Options
		want        string
		findings    int
	}{
		{"header", rows(table), header, "3:name|n 4:1| 6:|2 9:3|4|5", 1},
		{"no header", rows(table), xlsx.Options{First: 4, Width: 4}, "4:1||| 6:|2|| 9:3|4|5|", 1},
		{"merged title", strings.Replace(rows(table), "</worksheet>", `<mergeCells><mergeCell ref="A1:C1"/></mergeCells></worksheet>`, 1), header, "3:name|n 4:1| 6:|2 9:3|4|5", 2},
		{"merged beside", strings.Replace(rows(table), "</worksheet>", `<mergeCells><mergeCell ref="F4:F6"/></mergeCells></worksheet>`, 1), header, "3:name|n 4:1| 6:|2 9:3|4|5", 1},
		{"merged below", strings.Replace(rows(table), "</worksheet>", `<mergeCells><mergeCell ref="A20:B20"/></mergeCells></worksheet>`, 1), header, "3:name|n 4:1| 6:|2 9:3|4|5", 1},
		{"hidden column", strings.Replace(rows(table), "<sheetData>", `<cols><col min="2" max="2" hidden="1"/></cols><sheetData>`, 1), header, "3:name|n 4:1| 6:|2 9:3|4|5", 2},
		{"rows without numbers", rows(`<row><c><v>1</v></c></row><row><c><v>2</v></c></row>`), xlsx.Options{}, "1:1 2:2", 0},
		{"nothing", rows(""), header, "", 0},
	} {
		got, end, err := read(bytes.NewReader(newBook(c.sheet).bytes(t)), c.opt)
		if err != nil || strings.Join(got, " ") != c.want || len(end.Findings) != c.findings || !end.Ended || !end.Proven || end.Any != (c.want != "") || end.Sheet != "Blad1" {
			t.Errorf("%s: %q %+v %v; want %q", c.name, strings.Join(got, " "), end, err, c.want)
		}
	}
	got, end, err := read(bytes.NewBuffer(newBook(rows(table)).bytes(t)), xlsx.Options{Sheet: "Hidden"})
	if err != nil || strings.Join(got, " ") != "1:secret" || len(end.Findings) != 1 {
		t.Errorf("a hidden sheet by its name: %q %+v %v", got, end, err)
	}
	if got, end, err := read(bytes.NewReader(nil), header); err != nil || got != nil || end.Any {
		t.Errorf("an empty source: %q %+v %v", got, end, err)
	}
}

func TestBadBooks(t *testing.T) {
	header := xlsx.Options{First: 3, Header: true}
	with := func(part, text string) book {
		b := newBook(rows(table))
		b[part] = text
		return b
	}
	sheet := func(text string) book { return newBook(text) }
	long := strings.Repeat("x", 5<<20)
	for _, c := range []struct {
		name       string
		b          book
		opt        xlsx.Options
		rule, text string
		line       uint64
	}{
		{"other sheet", newBook(rows(table)), xlsx.Options{Sheet: "Data"}, "C03", `none of the 2 sheets of the workbook is named "Data"`, 0},
		{"header row empty", newBook(rows(table)), xlsx.Options{First: 2, Header: true}, "C03", "row of the header is empty", 2},
		{"merged data", sheet(strings.Replace(rows(table), "</worksheet>", `<mergeCells><mergeCell ref="A4:A6"/></mergeCells></worksheet>`, 1)), header, "C02", "Blad1!A4:A6", 4},
		{"merged header and data", sheet(strings.Replace(rows(table), "</worksheet>", `<mergeCells><mergeCell ref="B3:B4"/></mergeCells></worksheet>`, 1)), header, "C02", "Blad1!B3:B4", 4},
		{"no workbook", book{"word/document.xml": "<x/>"}, header, "C01", "the ZIP is no workbook", 0},
		{"sheet is missing", func() book { b := newBook(""); delete(b, "xl/worksheets/sheet1.xml"); return b }(), header, "C01", "a part is missing", 0},
		{"broken XML", sheet(`<worksheet><sheetData><row><c><v>1</v></c></row>`), xlsx.Options{}, "C01", "not well formed", 0},
		{"broken cell", sheet(`<worksheet><sheetData><row><c><v>1</v>`), xlsx.Options{}, "C01", "not well formed", 0},
		{"wrong end", sheet(`<worksheet><sheetData><row><c><v>1</c></v></row>`), xlsx.Options{}, "C01", "not well formed", 0},
		{"entity", sheet(`<!DOCTYPE x [<!ENTITY a "b">]>` + cells(`<c t="str"><v>&a;</v></c>`)), xlsx.Options{}, "C01", "not well formed", 0},
		{"encoding", sheet(`<?xml version="1.0" encoding="UTF-16"?>` + rows(table)), header, "C01", "not UTF-8", 0},
		{"no text", sheet(cells(`<c t="s"><v>99</v></c>`)), xlsx.Options{}, "C01", "a cell has no text", 1},
		{"no style", sheet(cells(`<c s="99"><v>1</v></c>`)), xlsx.Options{}, "C01", "a cell has no style", 1},
		{"no number", sheet(cells(`<c><v>0x10</v></c>`)), xlsx.Options{}, "C01", "a number is none", 1},
		{"comma", sheet(cells(`<c><v>1,5</v></c>`)), xlsx.Options{}, "C01", "a number is none", 1},
		{"infinite", sheet(cells(`<c><v>inf</v></c>`)), xlsx.Options{}, "C01", "a number is none", 1},
		{"no truth", sheet(cells(`<c t="b"><v>2</v></c>`)), xlsx.Options{}, "C01", "a truth value is none", 1},
		{"unknown type", sheet(cells(`<c t="q"><v>2</v></c>`)), xlsx.Options{}, "C01", "an unknown type", 1},
		{"cells out of order", sheet(cells(`<c r="B1"><v>2</v></c><c r="A1"><v>2</v></c>`)), xlsx.Options{}, "C01", "its cells are not in order", 1},
		{"cell of another row", sheet(cells(`<c r="A2"><v>2</v></c>`)), xlsx.Options{}, "C01", "its cells are not in order", 1},
		{"rows out of order", sheet(rows(`<row r="2"><c><v>1</v></c></row><row r="2"><c><v>1</v></c></row>`)), xlsx.Options{}, "C01", "its rows are not in order", 2},
		{"too many columns", sheet(cells(`<c r="FZZ1"><v>1</v></c>`)), xlsx.Options{}, "C02", "more than 4096 columns", 1},
		{"beyond the sheet", sheet(rows(`<row r="1048577"><c><v>1</v></c></row>`)), xlsx.Options{}, "C01", "more rows than a sheet can have", 0},
		{"long text", sheet(cells(`<c t="str"><v>` + long + `</v></c>`)), xlsx.Options{}, "C01", "more than 4194304 bytes", 0},
		{"long attribute", with("xl/workbook.xml", `<workbook x="`+long+`"/>`), xlsx.Options{}, "C01", "more than 4194304 bytes", 0},
		{"bomb", sheet(rows(strings.Repeat(" ", 20<<20))), xlsx.Options{}, "C01", "more than 200 times", 0},
		{"too much", newBook(rows(table)), xlsx.Options{Limits: compressed.Limits{Bytes: 300}}, "C01", "more than 300 bytes", 0},
	} {
		_, _, err := read(bytes.NewReader(c.b.bytes(t)), c.opt)
		fault, ok := errors.AsType[*record.Error](err)
		if !ok || fault.Rule != c.rule || !strings.Contains(fault.Text, c.text) || fault.Line != c.line || fault.Hint == "" || fault.Cut {
			t.Errorf("%s: %+v, %v", c.name, fault, err)
		}
	}
	for name, b := range map[string]string{"text": "unit;n\n1;2\n", "old": "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more", "gzip": "\x1f\x8b\x08\x00\x00\x00"} {
		_, _, err := read(strings.NewReader(b), header)
		if fault, ok := errors.AsType[*record.Error](err); !ok || fault.Rule != "C01" || fault.Cut || fault.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBookOfAnotherProgram: testdata/excelize.xlsx was written by the library
// of that name (2.10.0), of which nothing else is used.
func TestBookOfAnotherProgram(t *testing.T) {
	f, err := os.Open("testdata/excelize.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got, end, err := read(f, xlsx.Options{First: 3, Header: true, Decimal: ','})
	want := []string{"3:unit|date|pid|sex|id|ok|days|ward", "4:SE1-N|2024-01-31|p1|K|01|1|2,5|A", "5:SE1-S|2024-02-29|p2|M|02|0||C", "6:SE1-N|2024-03-01|p3|K|03|x|10|B"}
	if err != nil || !slices.Equal(got, want) || len(end.Findings) != 2 {
		t.Errorf("%q %+v %v", got, end, err)
	}
	got, _, err = read(f, xlsx.Options{Sheet: "Blad2"})
	if err != nil || len(got) != 1 || got[0] != "1:0.3|1234.1|  \r ö\r\n|rich|12:28:48" {
		t.Errorf("%q %v", got, err)
	}
}

// TestCutEverywhere: no beginning of a workbook passes for one.
func TestCutEverywhere(t *testing.T) {
	b := newBook(rows(table)).bytes(t)
	for n := 1; n < len(b); n++ {
		out, _, err := read(bytes.NewReader(b[:n]), xlsx.Options{First: 3, Header: true})
		if fault, ok := errors.AsType[*record.Error](err); !ok || !fault.Cut {
			t.Fatalf("%d of %d bytes gave %q and %v", n, len(b), out, err)
		}
	}
}

// TestDamage: a byte that another takes the place of is noticed, or changed
// nothing that is read.
func TestDamage(t *testing.T) {
	opt := xlsx.Options{First: 3, Header: true}
	b := newBook(rows(table)).bytes(t)
	want, _, err := read(bytes.NewReader(b), opt)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for _, x := range []byte{0x01, 0xff} {
			c := bytes.Clone(b)
			c[i] ^= x
			if got, _, err := read(bytes.NewReader(c), opt); err == nil && !slices.Equal(got, want) {
				t.Fatalf("byte %d xor %02x gave %q", i, x, got)
			}
		}
	}
}

// FuzzSheet: whatever a sheet holds, reading ends without panic, rows rise and
// every fault says what to do.
func FuzzSheet(f *testing.F) {
	f.Add(rows(table), uint8(3), true)
	f.Add(cells(`<c s="1"><v>45322</v></c><c t="e"><v>#N/A</v></c><c t="b"><v>1</v></c><c t="s"><v>2</v></c>`), uint8(1), false)
	f.Add(`<worksheet><cols><col min="1" max="9" hidden="1"/></cols><sheetData/><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>`, uint8(1), true)
	f.Add(cells(`<c s="2"><v>-1E+300</v></c><c s="3"><v>99999999999999999999</v></c><c t="d"><v>2024-01-31T00:00:00</v></c>`), uint8(1), false)
	f.Fuzz(func(t *testing.T, sheet string, first uint8, header bool) {
		r, err := xlsx.NewReader(bytes.NewReader(newBook(sheet).bytes(t)), xlsx.Options{First: int(first), Header: header, Width: 2, Decimal: ','})
		if err != nil {
			t.Fatal(err)
		}
		last := uint64(0)
		for {
			rec, err := r.Next()
			if err == io.EOF {
				if err = r.Aside(func([]byte) {}); err == nil {
					return
				}
			}
			if err != nil {
				if fault, ok := errors.AsType[*record.Error](err); !ok || fault.Rule == "" || fault.Hint == "" {
					t.Fatal(err)
				}
				return
			}
			if rec.Line <= last || len(rec.Fields) > 4096 {
				t.Fatalf("row %d after %d, %d fields", rec.Line, last, len(rec.Fields))
			}
			last = rec.Line
			for _, i := range rec.Faulty {
				if i >= len(rec.Fields) || len(rec.Fields[i]) == 0 {
					t.Fatalf("an error that would pass for no value: %q %v", rec.Fields, rec.Faulty)
				}
			}
		}
	})
}
