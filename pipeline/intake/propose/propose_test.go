package propose_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf16"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/parquet-go/parquet-go"
	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/propose"
	"larstrom/pipeline/intake/pseudonym"
)

// nowhere takes everything, shows the first reject and remembers what was read
// of each row: date, unit and numbers.
type nowhere struct {
	first string
	rows  []string
}

func (n *nowhere) Block(o *event.Observations) error {
	for i := range o.Line {
		n.rows = append(n.rows, fmt.Sprintf("%s %s %d/%d", catalog.DateOfDays(o.EventDate[i]), o.Unit.At(i), o.Numerator[i], o.Denominator[i]))
	}
	return nil
}
func (n *nowhere) Reject(r *intake.Reject) error {
	if n.first == "" {
		n.first = fmt.Sprintf("line %d column %s: %s (%s)", r.Line, r.Column, r.Text, r.Rule)
	}
	return nil
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// readBack puts the proposal into a minimal catalog and reads the file with it.
func readBack(t failer, name string, file []byte, units []string) (*propose.Proposal, intake.Result) {
	t.Helper()
	p, res, _ := rowsBack(t, name, file, units)
	return p, res
}

// rowsBack gives the rows that were read, too.
func rowsBack(t failer, name string, file []byte, units []string) (*propose.Proposal, intake.Result, []string) {
	t.Helper()
	p, err := propose.Propose(name, bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatalf("%v\n%.400q", err, file)
	}
	var b strings.Builder
	b.WriteString("region: {code: norr, name: Norr, time_zone: Europe/Stockholm}\nregistries: [{code: registry, name: R, country: SE}]\n")
	b.WriteString("indicators:\n")
	for _, n := range append(p.Needs, propose.Need{ID: "other", Type: catalog.Count}) {
		period := map[string]string{"week": "week", "quarter": "quarter", "year": "year", "half-year": "half_year", "tertial": "tertial"}[p.Feed.Dialect.Dates]
		if period == "" {
			period = "month"
		}
		fmt.Fprintf(&b, "  - {id: %s, registry: registry, name: N, type: %s, class: process, period: %s}\n", n.ID, n.Type, period)
	}
	b.WriteString("units:\n")
	for i, u := range append(units, "UNIT") {
		fmt.Fprintf(&b, "  - {id: u%d, name: U, kind: clinic, codes: {local: %q}}\n", i, u)
	}
	yaml := p.YAML()
	c, err := catalog.Load(fstest.MapFS{"a.yaml": {Data: []byte(b.String())}, "feed.yaml": {Data: []byte(yaml)}})
	if err != nil {
		t.Fatalf("the proposal is no catalog: %v\n%s", err, yaml)
	}
	feed, err := c.FeedFor(name)
	if err != nil {
		t.Fatalf("%v\n%s", err, yaml)
	}
	keys, err := pseudonym.New("norr", rand.Reader)
	if err != nil {
		t.Fatalf("%v", err)
	}
	sink := &nowhere{}
	d := intake.Delivery{Region: "norr", ID: "d", Name: name, AsOf: catalog.DateOf(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), Keys: keys}
	res, err := intake.Read(context.Background(), bytes.NewReader(file), feed, c.Index(), d, sink)
	if err != nil {
		t.Fatalf("%v\n%s\n%.600q", err, yaml, file)
	}
	if res.Rejected != 0 || res.Parked != 0 || sink.first != "" {
		t.Fatalf("%d rejected, %d parked: %s\n%s\n%.600q", res.Rejected, res.Parked, sink.first, yaml, file)
	}
	return p, res, sink.rows
}

// written is a table in a dialect.
type written struct {
	enc, delimiter, eol, decimal, thousands, dates string
	header, quoted, nameless, guards               bool
	preamble                                       int
}

func number(w written, whole, cents int, decimals bool) string {
	s := fmt.Sprint(whole)
	if w.thousands != "" && len(s) > 3 {
		s = s[:len(s)-3] + w.thousands + s[len(s)-3:]
	}
	if decimals {
		s += w.decimal + fmt.Sprintf("%02d", cents)
	}
	return s
}

func dateText(form string, i int) string {
	d := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i*9)
	year, week := d.ISOWeek()
	switch form {
	case "iso":
		return d.Format("2006-01-02")
	case "dd.mm.yyyy":
		return d.Format("02.01.2006")
	case "dd-mm-yyyy":
		return d.Format("02-01-2006")
	case "dd/mm/yyyy":
		return d.Format("02/01/2006")
	case "yyyymmdd":
		return d.Format("20060102")
	case "year-month":
		return d.Format("2006-01")
	case "year":
		return d.Format("2006")
	case "quarter":
		return fmt.Sprintf("%dQ%d", d.Year(), (int(d.Month())+2)/3)
	default:
		return fmt.Sprintf("%d-W%02d", year, week)
	}
}

// bytesOf writes the table.
func bytesOf(w written, names []string, rows [][]string) []byte {
	var b strings.Builder
	for i := range w.preamble {
		fmt.Fprintf(&b, "Uttag ur registret%s", strings.Repeat(" ", i))
		b.WriteString(w.eol)
	}
	line := func(fields []string, data bool) {
		for i, f := range fields {
			if i > 0 {
				b.WriteString(w.delimiter)
			}
			switch {
			case w.guards && data && i == 1:
				b.WriteString(`="` + f + `"`)
			case w.quoted || strings.ContainsAny(f, w.delimiter+"\"\r\n"):
				b.WriteString(`"` + strings.ReplaceAll(f, `"`, `""`) + `"`)
			default:
				b.WriteString(f)
			}
		}
		if w.nameless {
			b.WriteString(w.delimiter)
		}
		b.WriteString(w.eol)
	}
	if w.header {
		line(names, false)
	}
	for _, r := range rows {
		line(r, true)
	}
	text := b.String()
	switch w.enc {
	case "utf-8-bom":
		return []byte("\xef\xbb\xbf" + text)
	case "windows-1252":
		out, err := charmap.Windows1252.NewEncoder().Bytes([]byte(text))
		if err != nil {
			panic(err)
		}
		return out
	case "utf-16le", "utf-16be":
		var out []byte
		order := binary.ByteOrder(binary.LittleEndian)
		if w.enc == "utf-16be" {
			order = binary.BigEndian
		}
		for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
			out = append(out, 0, 0)
			order.PutUint16(out[len(out)-2:], u)
		}
		return out
	}
	return []byte(text)
}

// firstDay is the day that a date of that form stands for.
func firstDay(form string, i int) catalog.Date {
	d := catalog.NewDate(2023, time.January, 1).AddDays(i * 9)
	switch form {
	case "year":
		return catalog.Year.PeriodStart(d)
	case "quarter":
		return catalog.Quarter.PeriodStart(d)
	case "year-month":
		return catalog.Month.PeriodStart(d)
	case "week":
		return catalog.Week.PeriodStart(d)
	}
	return d
}

// TestWhatIsProposedReads: tables of many forms in all dialects: the proposal
// is a catalog's, and reads the file without one rejected row and with the values
// that were written.
func TestWhatIsProposedReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := written{
			enc:       rapid.SampledFrom([]string{"utf-8", "utf-8-bom", "windows-1252", "utf-16le", "utf-16be"}).Draw(t, "encoding"),
			delimiter: rapid.SampledFrom([]string{";", ",", "\t", "|"}).Draw(t, "delimiter"),
			eol:       rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "line end"),
			decimal:   rapid.SampledFrom([]string{",", "."}).Draw(t, "decimal"),
			dates:     rapid.SampledFrom([]string{"iso", "dd.mm.yyyy", "dd-mm-yyyy", "dd/mm/yyyy", "yyyymmdd", "year-month", "year", "quarter", "week"}).Draw(t, "dates"),
			header:    true,
			quoted:    rapid.Bool().Draw(t, "quoted"),
			nameless:  rapid.Bool().Draw(t, "nameless"),
			guards:    rapid.Bool().Draw(t, "guards"),
			preamble:  rapid.IntRange(0, 3).Draw(t, "preamble"),
		}
		if w.decimal == w.delimiter {
			w.decimal = "."
		}
		w.thousands = rapid.SampledFrom([]string{"", " ", "\u00a0", ".", "\u202f"}).Draw(t, "thousands")
		if w.thousands == w.decimal || w.thousands == w.delimiter || w.thousands == "\u202f" && w.enc == "windows-1252" {
			w.thousands = ""
		}
		long := rapid.Bool().Draw(t, "long")
		missing := rapid.SampledFrom([]string{"", "NA", "-", "saknas"}).Draw(t, "missing")
		names := []string{"Datum", "Enhet", "Täljare", "Nämnare", "Kommentar", "Väntetid"}
		if long {
			names[5] = "Indikator"
		}
		n := rapid.IntRange(2, 40).Draw(t, "rows")
		units := []string{"SE2321000016-1001", "Å-kliniken", "0042"}
		var rows [][]string
		for i := range n {
			r := []string{dateText(w.dates, i), units[i%len(units)], number(w, 900+i*7, 0, false), number(w, 1000+i*11, 0, false),
				rapid.SampledFrom([]string{"", "lugnt", "en; annan, | sak\toch", `med "citat"`, "rad" + w.eol + "två", "åäö"}).Draw(t, "comment"), number(w, i*131, i%100, true)}
			if long {
				r[5] = "other"
			} else if i%5 == 4 {
				r[5] = missing
			}
			rows = append(rows, r)
		}
		file := bytesOf(w, names, rows)
		name := "utdrag_20260101.csv"
		if rapid.Bool().Draw(t, "gzip") {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(file)
			_ = z.Close()
			file, name = b.Bytes(), name+".gz"
		}
		p, res, got := rowsBack(t, name, file, units)
		for i := range rows {
			unit, num, den := fmt.Sprintf("u%d", i%len(units)), int64(900+i*7)*1_000_000, int64(1000+i*11)*1_000_000
			if long {
				den = 0 // a count has none
			}
			if want := fmt.Sprintf("%s %s %d/%d", firstDay(w.dates, i), unit, num, den); i >= len(got) || !strings.HasPrefix(got[i], want[:len(want)-len(fmt.Sprint(den))]) || !long && got[i] != want {
				t.Fatalf("row %d is read as %v, want %s\n%s\n%.600q", i, got[min(i, len(got)):min(i+1, len(got))], want, p.YAML(), file)
			}
		}
		if res.Lines != int64(n) {
			t.Fatalf("%d lines of %d\n%s", res.Lines, n, p.YAML())
		}
		if f := p.Feed; f.Dialect.Dates != w.dates || f.Columns.Unit != "Enhet" || f.Columns.EventDate != "Datum" || long != (f.Columns.Indicator == "Indikator") {
			t.Fatalf("proposed is another meaning:\n%s\n%.500q", p.YAML(), file)
		}
		if strings.Contains(p.YAML(), "0042") || strings.Contains(p.YAML(), "citat") {
			t.Fatalf("the proposal shows values:\n%s", p.YAML())
		}
	})
}

// workbook is a workbook of texts.
func workbook(t *testing.T, rows [][]string) string {
	t.Helper()
	var sheet strings.Builder
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for i, r := range rows {
		if len(r) == 0 {
			continue
		}
		fmt.Fprintf(&sheet, `<row r="%d">`, i+1)
		for j, f := range r {
			fmt.Fprintf(&sheet, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+j, i+1, f)
		}
		sheet.WriteString("</row>")
	}
	sheet.WriteString("</sheetData></worksheet>")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range [][2]string{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Blad1" sheetId="1" r:id="r1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", sheet.String()},
	} {
		w, err := z.Create(f[0])
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestForms: formats, and what is ambiguous.
func TestForms(t *testing.T) {
	day := func(i int) string { return dateText("iso", i) }
	book := workbook(t, [][]string{{"Rapport"}, {}, {"Enhet", "Datum", "Antal"}, {"1001", "2024-01-05", "4"}, {"1002", "2024-01-06", "5"}})
	pnr := func(i int) string { // Luhn's rule
		d := fmt.Sprintf("%02d%02d%02d%03d", 50+i%45, 1+i%12, 1+i%28, 100+i*7%800)
		sum := 0
		for j, c := range d {
			v := int(c - '0')
			if j%2 == 0 {
				if v *= 2; v > 9 {
					v -= 9
				}
			}
			sum += v
		}
		return fmt.Sprintf("19%s-%s%d", d[:6], d[6:], (10-sum%10)%10)
	}
	type visit struct {
		Enhet string  `parquet:"Enhet"`
		Datum string  `parquet:"Datum"`
		Antal float64 `parquet:"Antal"`
	}
	var columnar bytes.Buffer
	pw := parquet.NewGenericWriter[visit](&columnar)
	if _, err := pw.Write([]visit{{"1001", "2024-01-01", 4.5}, {"1002", "2024-01-02", 5}}); err != nil {
		t.Fatal(err)
	}
	if err := pw.Close(); err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "Enhet", Type: arrow.BinaryTypes.String}, {Name: "Datum", Type: arrow.FixedWidthTypes.Date32}, {Name: "Antal", Type: arrow.PrimitiveTypes.Float64}}, nil)
	var stream bytes.Buffer
	rb := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	rb.Field(0).(*array.StringBuilder).AppendValues([]string{"1001", "1002"}, nil)
	rb.Field(1).(*array.Date32Builder).AppendValues([]arrow.Date32{19723, 19724}, nil)
	rb.Field(2).(*array.Float64Builder).AppendValues([]float64{4.5, 5}, nil)
	sw := ipc.NewWriter(&stream, ipc.WithSchema(schema))
	if err := errors.Join(sw.Write(rb.NewRecord()), sw.Close()); err != nil {
		t.Fatal(err)
	}
	one := func(who, numerator string) string {
		return `{"resourceType":"MeasureReport","status":"complete","type":"individual","measure":"http://example.org/Measure/eyes|1","date":"2024-02-01",` +
			`"subject":{"identifier":{"system":"urn:x","value":"` + who + `"}},"period":{"start":"2024-01-01","end":"2024-01-31"},"reporter":{"reference":"Organization/1001"},"group":[{"population":[` +
			`{"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/measure-population","code":"numerator"}]},"count":` + numerator + `},` +
			`{"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/measure-population","code":"denominator"}]},"count":1}]}]}`
	}
	var persons strings.Builder
	persons.WriteString("id;enhet;datum;utfall\n")
	for i := range 200 {
		fmt.Fprintf(&persons, "%s;1001;%s;%d\n", pnr(i), day(i), i%2)
	}
	for _, c := range []struct {
		what, name, text string
		has              []string
		hasNot           []string
	}{
		{"headerless", "a.csv", "1001;2024-01-01;5\n1002;2024-01-02;7\n", []string{"header: false", `names: ["column_1", "column_2", "column_3"]`, "DECIDE: the file has no header"}, nil},
		{"trailer", "a.csv", "enhet;datum;antal\n1001;2024-01-01;5\n1002;2024-01-02;7\nSLUT;2\n", []string{"by: trailer", `^SLUT;(\\d+)$`}, nil},
		{"not ended", "a.csv", "enhet;datum;antal\n1001;2024-01-01;5\n1002;2024-01-02;7", []string{"complete: none", "DECIDE: the last line does not end"}, nil},
		{"ambiguous dates", "a.csv", "enhet;datum;antal\n1001;01/02/2024;5\n1002;03/04/2024;7\n", []string{"dates: dd/mm/yyyy", "DECIDE: dates with slashes"}, nil},
		{"ambiguous commas", "a.csv", "enhet;datum;antal\n1001;2024-01-01;1,234\n1002;2024-01-02;7,100\n", []string{"three digits behind it"}, nil},
		{"fixed width", "a.txt", "1001 2024-01-01   5\n1002 2024-01-02  17\n", []string{"format: fixed", "from: 6, width: 10"}, nil},
		{"ndjson", "a.jsonl", `{"enhet":"1001","datum":"2024-01-01","v":{"antal":5}}` + "\n" + `{"enhet":"1002","datum":"2024-01-02"}` + "\n", []string{"format: ndjson", "absent: missing", `value: "v.antal"`}, nil},
		{"xlsx", "a.xlsx", book, []string{"format: xlsx", "header_row: 3"}, nil},
		{"parquet", "a.parquet", columnar.String(), []string{"format: parquet", `value: "Antal"`}, nil},
		{"FHIR", "a.json", `{"resourceType":"MeasureReport","status":"complete","type":"summary","measure":"http://example.org/Measure/eyes|1","date":"2024-02-01",` +
			`"period":{"start":"2024-01-01","end":"2024-01-31"},"reporter":{"reference":"Organization/1001"},"group":[{"population":[` +
			`{"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/measure-population","code":"numerator"}]},"count":5},` +
			`{"code":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/measure-population","code":"denominator"}]},"count":9}]}]}`,
			[]string{"format: fhir", "reports: summary", `url: "http://example.org/Measure/eyes"`}, nil},
		{"Arrow", "a.arrow", stream.String(), []string{"format: arrow", `unit: "Enhet"`, `event_date: "Datum"`, `value: "Antal"`}, nil},
		{"FHIR of persons", "a.json", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + one("A-1", "1") + `},{"resource":` + one("A-2", "0") + `}]}`,
			[]string{"format: fhir", "reports: individual", `subject: "subject"`, `url: "http://example.org/Measure/eyes"`}, []string{"A-1", "A-2"}},
		{"FHIR of persons, a line each", "a.ndjson", one("A-1", "1") + "\n" + one("A-2", "0") + "\n", []string{"format: fhir", "form: ndjson", "reports: individual"}, []string{"A-1"}},
		{"identity numbers", "a.csv", persons.String(), []string{`subject: "id"`, "200 of 200 fields hold numbers like those of persons"}, []string{pnr(3), pnr(199)}},
		{"latin-1", "a.csv", "enhet;datum;antal;text\n1001;2024-01-01;5;\xe5\n1002;2024-01-02;7;\xe4\n", []string{"windows-1252", "ISO-8859-1 reads it alike"}, []string{"å"}},
		{"CR ends", "a.csv", "enhet;datum;antal\r1001;2024-01-01;5\r1002;2024-01-02;7\r", []string{"CRLF 0, LF 0, CR 3"}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, _ := readBack(t, c.name, []byte(c.text), []string{"1001", "1002"})
			y := p.YAML()
			for _, s := range c.has {
				if !strings.Contains(y, s) {
					t.Errorf("no %q in\n%s", s, y)
				}
			}
			for _, s := range c.hasNot {
				if strings.Contains(y, s) {
					t.Errorf("%q in\n%s", s, y)
				}
			}
		})
	}
}

// TestAmericanDates are not read, and said to be what they are.
// TestSpreadsheet: titles and a closing line that a spreadsheet has filled up
// with delimiters, a stray quote in a title, and guards.
func TestSpreadsheet(t *testing.T) {
	file := "Uttag \"diabetes\";;;;;\nKörd 2024-05-31;;;;;\n\nEnhet;Namn;Rad;Datum;HbA1c;Uppnått\n" +
		"=\"0098\";\"Almvik; filial\";=\"001\";2024-05-02;52,5;ja\n=\"0098\";Almvik;=\"002\";2024-05-03;1\u00a0048;nej\n=\"0099\";Hamn;=\"003\";2024-05-04;-;ja\nSlut;3;;;;\n"
	p, res := readBack(t, "uttag_2024.csv", []byte(file), []string{"0098", "0099"})
	d := p.Feed.Dialect
	if !d.Guards || d.Quote != `"` || d.Preamble.Lines != 3 || d.Thousands != "\u00a0" || p.Feed.Complete.By != "trailer" || res.Lines != 3 || len(p.Warnings) != 0 {
		t.Fatalf("%+v, %d lines, %q", d, res.Lines, p.Warnings)
	}
}

// TestFixedWithDecimals: a decimal comma in every line cuts no fields.
func TestFixedWithDecimals(t *testing.T) {
	p, _ := readBack(t, "x.txt", []byte("A1   02.01.2024    -1,50\nÅ22  13.02.2024  1234,25\n"), []string{"A1", "Å22"})
	if p.Feed.Format != "fixed" || len(p.Feed.Fixed) != 3 || p.Feed.Dialect.Decimal != "," || p.Feed.Dialect.Dates != "dd.mm.yyyy" {
		t.Fatalf("%s %v %+v", p.Feed.Format, p.Feed.Fixed, p.Feed.Dialect)
	}
}

// TestPathsAndExponents: what JSON lines write otherwise than a table does.
func TestPathsAndExponents(t *testing.T) {
	p, _ := readBack(t, "x.ndjson", []byte(`{"hospital":{"sor":"A","namn":"x1"},"date":"2024-01-02","val":1.5e1}`+"\n"+`{"hospital":{"sor":"B","namn":"x1"},"date":"2024-01-03","val":25e-1}`+"\n"), []string{"A", "B"})
	if p.Feed.Columns.Unit != "hospital.sor" || len(p.Feed.Measures) != 1 || p.Feed.Measures[0].Value != "val" {
		t.Fatalf("%+v %+v", p.Feed.Columns, p.Feed.Measures)
	}
}

// TestDayFirst: what can only be a day is no question.
func TestDayFirst(t *testing.T) {
	for second, asked := range map[string]bool{"03/04/2024": true, "13/04/2024": false} {
		p, _ := readBack(t, "x.csv", []byte("unit;date;n\nA;01/02/2024;5\nB;"+second+";6\n"), []string{"A", "B"})
		if got := len(p.Warnings) > 0; got != asked || p.Feed.Dialect.Dates != "dd/mm/yyyy" {
			t.Errorf("%s: %s %q", second, p.Feed.Dialect.Dates, p.Warnings)
		}
	}
}

// TestColumnsWithoutTellingNames: a unit by one of its many words and never the
// sex of persons, dates where no name says so.
func TestColumnsWithoutTellingNames(t *testing.T) {
	var clinic, bare strings.Builder
	clinic.WriteString("Mottagning;Kön;Besöksdatum;Väntetid\n")
	for i := range 12 {
		fmt.Fprintf(&clinic, "SE%d;%c;%02d.01.2026;%d\n", i%3, "KM"[i%2], i+1, i)
		fmt.Fprintf(&bare, "A%d\t2025-%02d\t%d\n", i%3, i+1, 40+i)
	}
	p, err := propose.Propose("a.csv", strings.NewReader(clinic.String()), int64(clinic.Len()))
	if err != nil || p.Feed.Columns.Unit != "Mottagning" || len(p.Warnings) != 0 {
		t.Errorf("%v: %+v %q", err, p.Feed.Columns, p.Warnings)
	}
	text := strings.Replace(clinic.String(), "Mottagning", "Ort", 1)
	if p, err = propose.Propose("a.csv", strings.NewReader(text), int64(len(text))); err != nil || p.Feed.Columns.Unit != "Ort" {
		t.Errorf("%v: %+v", err, p.Feed.Columns)
	}
	p, err = propose.Propose("b.tab", strings.NewReader(bare.String()), int64(bare.Len()))
	if err != nil || p.Feed.Columns.EventDate != "column_2" || p.Feed.Dialect.Dates != "year-month" {
		t.Errorf("%v: %+v %+v", err, p.Feed.Columns, p.Feed.Dialect)
	}
	text = strings.NewReplacer("2025-", "202501").Replace(bare.String())
	p, err = propose.Propose("b.tab", strings.NewReader(text), int64(len(text)))
	if err != nil || p.Feed.Columns.EventDate != "column_2" || p.Feed.Dialect.Dates != "yyyymmdd" ||
		!slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "the event date is guessed") }) {
		t.Errorf("%v: %+v %+v %q", err, p.Feed.Columns, p.Feed.Dialect, p.Warnings)
	}
}

// TestInstructionRow: it is pointed out, and is none of the rows.
func TestInstructionRow(t *testing.T) {
	file := "unit;date;numerator;denominator\nKEEP_EXISTING_DATA:R1;;;\nA;2024-01-02;1;2\nB;2024-01-03;1;3\n"
	p, err := propose.Propose("x.csv", strings.NewReader(file), int64(len(file)))
	if err != nil || p.Records != 2 || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "line 2") || !strings.Contains(p.Warnings[0], "KEEP_EXISTING_DATA:") {
		t.Fatalf("%v %d %q", err, p.Records, p.Warnings)
	}
}

func TestAmericanDates(t *testing.T) {
	text := "enhet;datum;antal\n1001;01/31/2024;5\n1002;02/28/2024;7\n"
	p, err := propose.Propose("a.csv", strings.NewReader(text), int64(len(text)))
	if err != nil || !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "month first (line 2)") }) {
		t.Errorf("%v %v", err, p.Warnings)
	}
}

// TestKindsOfNumbers: what is 0 or 1 is one of a case, what numbers the rows is no
// value, in text, in JSON and in a workbook, also one in a ZIP.
func TestKindsOfNumbers(t *testing.T) {
	rows := [][]string{{"enhet", "datum", "nr", "ok", "tid"}}
	text, objects := "enhet;datum;nr;ok;tid\n", ""
	for i := range 30 {
		r := []string{"A", fmt.Sprintf("2024-01-%02d", 1+i%28), fmt.Sprint(500 + i), fmt.Sprint(i % 3 % 2), fmt.Sprint(i % 7)}
		rows = append(rows, r)
		text += strings.Join(r, ";") + "\n"
		objects += fmt.Sprintf(`{"enhet":"A","datum":%q,"nr":%s,"ok":%t,"tid":%s}`+"\n", r[1], r[2], r[3] == "1", r[4])
	}
	book := workbook(t, rows)
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	w, err := z.Create("a.xlsx")
	if err == nil {
		_, err = w.Write([]byte(book))
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"a.csv": text, "a.ndjson": objects, "a.xlsx": book, "a.xlsx.zip": packed.String()} {
		p, res := readBack(t, name, []byte(file), []string{"A"})
		yaml := p.YAML()
		if res.Lines != 30 || !strings.Contains(yaml, `numerator: "ok", denominator: "=1"`) || !strings.Contains(yaml, `value: "tid"`) || strings.Contains(yaml, `value: "nr"`) {
			t.Errorf("%s:\n%s", name, yaml)
		}
	}
}

// TestNumbersInNames: what looks like a personal identity number in the place of
// a name is never told: text with it has no header, and other files are refused.
func TestNumbersInNames(t *testing.T) {
	for name, text := range map[string]string{
		"a.csv":    "namn;19121212-1212;datum;enhet;n\nBo;x;2024-01-02;B;0\nCia;y;2024-01-02;B;0\n",
		"b.ndjson": `{"enhet":"A","datum":"2024-01-01","131052-308T":5}` + "\n" + `{"enhet":"A","datum":"2024-01-01","131052-308T":5}` + "\n",
	} {
		p, err := propose.Propose(name, strings.NewReader(text), int64(len(text)))
		said := fmt.Sprint(err)
		if err == nil {
			said = p.YAML()
		}
		if (name == "b.ndjson") != errors.Is(err, propose.ErrUnknown) || strings.Contains(said, "1212") || strings.Contains(said, "1310") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestUnknown: what nothing can be said of.
func TestUnknown(t *testing.T) {
	for _, text := range []string{"", "\x00\x01\x02\x00", "   \n\n", "one word", "{\"a\":", "PK\x03\x04garbage", "\x1f\x8bgarbage", "PAR1", "a;b;c\n"} {
		if p, err := propose.Propose("a.csv", strings.NewReader(text), int64(len(text))); err == nil {
			t.Errorf("%q: proposed is\n%s", text, p.YAML())
		}
	}
}

// TestTooManyColumns: ten thousand columns are refused by that name, and not as a
// file without columns.
func TestTooManyColumns(t *testing.T) {
	for _, columns := range []int{4096, 10000} {
		text := strings.Repeat("c;", columns-1) + "c\n" + strings.Repeat("1;", columns-1) + "1\n"
		_, err := propose.Propose("a.csv", strings.NewReader(text), int64(len(text)))
		if said := err != nil && strings.Contains(err.Error(), "more than 4096 columns"); said != (columns > 4096) {
			t.Errorf("%d columns: %v", columns, err)
		}
	}
}

// FuzzPropose: no bytes make it panic or propose what is no YAML of a catalog.
func FuzzPropose(f *testing.F) {
	for _, s := range []string{"a;b\n1;2\n", "{\"a\":1}\n", "PAR1", "PK\x03\x04", "\xff\xfea\x00", "\"a\",b\n\"1\n2\",3\n", "\"a\x02,b\n\"=\n2\",3\x18"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := propose.Propose("a_1.csv", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if _, err := catalog.Load(fstest.MapFS{"feed.yaml": {Data: []byte(p.YAML())}}); err != nil && strings.Contains(err.Error(), "YAML") {
			t.Fatalf("%v\n%s", err, p.YAML())
		}
	})
}

// TestDifferences: what changed between two nights and was read all the same.
func TestDifferences(t *testing.T) {
	feed := &catalog.Feed{Format: "delimited", Dialect: catalog.Dialect{Encoding: "windows-1252", Delimiter: ";", Quote: `"`, Decimal: ",", Dates: "iso", Header: true}}
	form := func(text string) event.Form {
		line, _, _ := strings.Cut(text, "\n")
		end := "\n"
		if strings.HasSuffix(line, "\r") {
			end = "\r\n"
		}
		names := strings.Split(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), `"`, ""), ";")
		return propose.FormOf([]byte(text), feed, intake.Layout{Columns: names, LineEnd: end})
	}
	was := form("enhet;datum;antal;v\r\na;2024-01-01;5;1,50\r\nb;2024-01-02;6;2,25\r\n")
	for _, c := range []struct{ what, text, want string }{
		{"nothing", "enhet;datum;antal;v\r\n\xe5;2024-02-01;7;3,10\r\n", ""},
		{"line ends", "enhet;datum;antal;v\na;2024-01-01;5;1,50\n", "C02 : lines ended with CRLF"},
		{"order", "datum;enhet;antal;v\r\n2024-01-01;a;5;1,50\r\n", "C03 : the columns are in another order"},
		{"a new column", "enhet;datum;antal;v;x\r\na;2024-01-01;5;1,50;1\r\n", "C03 x: the column was not there"},
		{"a column less", "enhet;datum;antal\r\na;2024-01-01;5\r\n", "C03 v: the column is no longer there"},
		{"decimals of a number", "enhet;datum;antal;v\r\na;2024-01-01;5;1,500\r\n", "C06 v: numbers had 2 decimals at the delivery before and have 3"},
		{"decimals of a count", "enhet;datum;antal;v\r\na;2024-01-01;5,5;1,50\r\n", "C06 antal: numbers had 0 decimals"},
		{"dates", "enhet;datum;antal;v\r\na;01.01.2024;5;1,50\r\n", "C06 datum: dates were of the form iso"},
		{"quotes", "\"enhet\";\"datum\";\"antal\";\"v\"\r\na;2024-01-01;5;1,50\r\n", "C02 : the header did not stand in quotes"},
		{"another encoding", "enhet;datum;antal;v\r\n\xe5;2024-01-01;5;1,50\r\n", ""},
	} {
		var got []string
		for _, p := range propose.Differences(was, form(c.text)) {
			if p.Hint == "" {
				t.Errorf("%s: no hint", c.what)
			}
			got = append(got, p.Rule+" "+p.Column+": "+p.Text)
		}
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	if d := propose.Differences(event.Form{Encoding: "utf-8", LineEnd: "LF"}, event.Form{Encoding: "windows-1252", LineEnd: "LF"}); len(d) != 1 || d[0].Rule != "C01" {
		t.Errorf("another encoding: %v", d)
	}
}
