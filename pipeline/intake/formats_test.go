package intake

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/xlsx"
)

// formatFeed is wideFeed in another format.
func formatFeed(format string) *catalog.Feed {
	f := wideFeed()
	f.Format = format
	switch format {
	case "fixed":
		f.Dialect.Header = false
		f.Fixed = []catalog.FixedColumn{{Name: "unit", From: 1, Width: 6}, {Name: "date", From: 8, Width: 10}, {Name: "pid", From: 19, Width: 3},
			{Name: "sex", From: 23, Width: 1}, {Name: "id", From: 25, Width: 2}, {Name: "ok", From: 28, Width: 3}, {Name: "days", From: 32, Width: 5}, {Name: "ward", From: 38, Width: 1}}
	case "xlsx":
		f.XLSX = catalog.Xlsx{Sheet: "Blad1", HeaderRow: 3}
	}
	return f
}

// The three rows of every format, and what becomes of them.
const (
	fixedText = "" +
		"SE1-N  2024-01-31 p1  K 01   1   2,5 A\n" +
		"SE1-S  2024-02-29 p2  M 02   0       C\n" +
		"SE1-N  2024-03-01 p3  K 03   x  10,0 B\n"
	ndjsonText = "" +
		`{"unit":"SE1-N","date":"2024-01-31","pid":"p1","sex":"K","id":"01","ok":true,"days":2.5,"ward":"A"}` + "\n" +
		`{"unit":"SE1-S","date":"2024-02-29","pid":"p2","sex":"M","id":"02","ok":0,"days":null,"ward":"C"}` + "\n" +
		`{"unit":"SE1-N","date":"2024-03-01","pid":"p3","sex":"K","id":"03","ok":"x","days":10.0,"ward":"B"}` + "\n"
	delimitedText = wideHeader +
		"SE1-N;2024-01-31;p1;K;01;1;2,5;A\n" +
		"SE1-S;2024-02-29;p2;M;02;0;;C\n" +
		"SE1-N;2024-03-01;p3;K;03;x;10,0;B\n"
)

// workbookText is a workbook of these rows that another program wrote; a title
// stands above the header in row 3, and row 5 is hidden.
func workbookText(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("xlsx", "testdata", "excelize.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func expectedRows(first int) []string {
	return []string{
		fmt.Sprintf("%d obs ctl@2 north/K 2024-01-31 n=1 d=1", first),
		fmt.Sprintf("%d obs wait@1 north/K 2024-01-31 v=2.5", first),
		fmt.Sprintf("%d obs n@1 north/K 2024-01-31 n=1", first),
		fmt.Sprintf("%d obs ctl@2 south/M 2024-02-29 n=0 d=1", first+1),
		fmt.Sprintf("%d obs wait@1 south/M 2024-02-29 missing", first+1),
		fmt.Sprintf("%d rej ctl@2 north/K 2024-03-01", first+2),
		fmt.Sprintf("%d obs wait@1 north/K 2024-03-01 v=10", first+2),
		fmt.Sprintf("%d obs n@1 north/K 2024-03-01 n=1", first+2),
	}
}

func packed(t testing.TB, method string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var archive *zip.Writer
	var err error
	switch method {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	case "zip":
		archive = zip.NewWriter(&out)
		var in io.Writer
		in, err = archive.Create("export.txt")
		w = struct {
			io.Writer
			io.Closer
		}{in, archive}
	default:
		return b
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(b)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestFormatsAgree: the same rows in any format and compression are the same
// observations, with the same keys and subjects.
func TestFormatsAgree(t *testing.T) {
	plain, _, err := readText(t, wideFeed(), delimitedText, delivery())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format string
		text   string
		first  int
	}{{"delimited", delimitedText, 2}, {"fixed", fixedText, 1}, {"ndjson", ndjsonText, 1}, {"xlsx", workbookText(t), 4}} {
		for _, method := range []string{"", "gzip", "zstd", "zip"} {
			feed := formatFeed(c.format)
			feed.Compression = method
			s, res, err := readText(t, feed, string(packed(t, method, []byte(c.text))), delivery())
			if err != nil {
				t.Errorf("%s %s: %v", c.format, method, err)
				continue
			}
			equal(t, c.format+" "+method, s.rows(), expectedRows(c.first))
			equal(t, c.format+" "+method+" faults", s.faults(), []string{fmt.Sprintf("%d C06 ok \"x\"", c.first+2)})
			if fmt.Sprint(s.obs.Key, s.obs.Subject) != fmt.Sprint(plain.obs.Key, plain.obs.Subject) || res.Lines != 3 {
				t.Errorf("%s %s: keys, subjects or lines differ", c.format, method)
			}
		}
	}
}

// TestFormatsCutEverywhere: no beginning of a file passes for the file, and
// nothing is left of it but an error that says that it may be a beginning.
func TestFormatsCutEverywhere(t *testing.T) {
	for _, c := range []struct{ format, text string }{{"delimited", delimitedText}, {"fixed", fixedText}, {"ndjson", ndjsonText}, {"xlsx", workbookText(t)}} {
		for _, method := range []string{"", "gzip", "zstd", "zip"} {
			feed := formatFeed(c.format)
			feed.Compression = method
			whole := packed(t, method, []byte(c.text))
			step := 1
			if len(whole) > 2000 {
				step = 7 // package xlsx cuts everywhere
			}
			for n := 0; n < len(whole); n += step {
				b := whole[:n]
				if method == "" && n > 0 && b[n-1] == '\n' {
					continue // whole lines are a file of their own; a trailer or manifest tells
				}
				_, err := Read(context.Background(), bytes.NewReader(b), feed, world(), delivery(), &taken{})
				var fe *FileError
				if !errors.As(err, &fe) {
					t.Fatalf("%s %s: %d of %d bytes: %v", c.format, method, n, len(whole), err)
				}
				if !fe.Incomplete && n > 0 && method != "" {
					t.Fatalf("%s %s: %d of %d bytes: %v; it may be a beginning", c.format, method, n, len(whole), err)
				}
			}
			feed.Complete = catalog.Complete{By: "manifest"}
			d := delivery()
			d.Manifest = manifestFor(whole, 3)
			for n := 0; n < len(whole); n += step {
				_, err := Read(context.Background(), bytes.NewReader(whole[:n]), feed, world(), d, &taken{})
				var fe *FileError
				if !errors.As(err, &fe) {
					t.Fatalf("%s %s with a manifest: %d of %d bytes: %v", c.format, method, n, len(whole), err)
				}
			}
		}
	}
}

// TestFixedTrailer: the last line of a fixed file may count its rows.
func TestFixedTrailer(t *testing.T) {
	feed := formatFeed("fixed")
	feed.Complete = catalog.Complete{By: "trailer", Pattern: `^SLUT (\d+)$`}
	if s, _, err := readText(t, feed, fixedText+"SLUT 3\n", delivery()); err != nil {
		t.Error(err)
	} else {
		equal(t, "rows", s.rows(), expectedRows(1))
	}
	for _, bad := range []string{fixedText, fixedText + "SLUT 4\n", fixedText + "SLUT 3"} {
		if _, _, err := readText(t, feed, bad, delivery()); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// TestBadRowsOfFormats: a row that is not of the form is rejected with its
// place, rule and hint, and the others stay.
func TestBadRowsOfFormats(t *testing.T) {
	for _, c := range []struct{ format, text, bad, fault string }{
		{"fixed", fixedText, "SE1-N  2024-01-31 p1\n", `4 C02  ""`},
		{"fixed", fixedText, "SE1-N  2024-01-31 p1  K 04X  1   2,5 A\n", `4 C02  ""`},
		{"fixed", fixedText, "SE1-N  2024-13-31 p1  K 04   1   2,5 A\n", `4 C06 date "2024-13-31"`},
		{"ndjson", ndjsonText, `{"unit":"SE1-N","date":` + "\n", `4 C02  ""`},
		{"ndjson", ndjsonText, `{"unit":"SE1-N","date":"2024-01-31","pid":"p1","sex":"K","id":"04","ok":1,"ok":0,"days":2.5,"ward":"A"}` + "\n", `4 C02  ""`},
		{"ndjson", ndjsonText, `{"unit":"SE1-N","date":"2024-01-31","pid":"p1","sex":"K","id":"04","ok":1,"days":2.5}` + "\n", `4 C03  ""`},
		{"ndjson", ndjsonText, `{"unit":"SE1-N","date":"2024-01-31","pid":"p1","sex":"K","id":"04","ok":1,"days":2.5e99,"ward":"C"}` + "\n", `4 C06 days "2,5e99"`},
	} {
		s, res, err := readText(t, formatFeed(c.format), c.text+c.bad, delivery())
		if err != nil {
			t.Errorf("%s %q: %v", c.format, c.bad, err)
			continue
		}
		got := s.faults()
		if len(got) != 2 || got[1] != c.fault || res.Rejected != 2 || res.Lines != 4 {
			t.Errorf("%s %q: %q, %d of %d rejected; want %q", c.format, c.bad, got, res.Rejected, res.Lines, c.fault)
		}
		if r := s.rejects[len(s.rejects)-1]; r.Hint == "" || strings.Join(r.Raw, "") == "" {
			t.Errorf("%s %q: no hint or no raw row: %+v", c.format, c.bad, r)
		}
	}
}

// TestBadFilesOfFormats: a file that is not the feed's becomes no fact.
func TestBadFilesOfFormats(t *testing.T) {
	for _, c := range []struct {
		format, method, text, want string
	}{
		{"ndjson", "", "", "C04  the file is empty"},
		{"fixed", "", "", "C04  the file is empty"},
		{"ndjson", "gzip", "", "C04  the file is empty"},
		{"ndjson", "", ndjsonText + `{"unit":"SE1-N","new":1}` + "\n", "C03 new the feed does not know the key"},
		{"ndjson", "", strings.Repeat("x\n", 60), "C02  51 of 51 lines read so far are not of the form that the feed declares; the last: the line is not a JSON object"},
		{"fixed", "", strings.Repeat("x\n", 60), "C02  51 of 51 lines read so far are not of the form that the feed declares; the last: 1 characters where the columns have 38"},
		{"fixed", "", delimitedText, "C02  4 of 4 lines read so far are not of the form that the feed declares; the last: 33 characters where the columns have 38"},
		{"delimited", "", ndjsonText, "C02  the header: a quote inside a field that is not quoted"},
		{"delimited", "", string(packed(t, "gzip", []byte(delimitedText))), "C01  the feed declares no compression, the file begins as gzip"},
		{"delimited", "zstd", delimitedText, "C01  the feed declares compression: zstd, the file does not begin as zstd"},
		{"delimited", "zip", delimitedText, "C01  the feed declares compression: zip, the file does not begin as zip"},
	} {
		feed := formatFeed(c.format)
		feed.Compression = c.method
		_, _, err := readText(t, feed, c.text, delivery())
		if got := problems(t, err); got[0] != c.want {
			t.Errorf("%s %s: %q, want %q", c.format, c.method, got[0], c.want)
		}
	}
	feed := formatFeed("delimited")
	feed.Limits.Bytes = 50
	_, _, err := readText(t, feed, delimitedText, delivery())
	if got := problems(t, err); got[0] != "C01  the file holds more than 50 bytes" {
		t.Error(got)
	}
	feed.Format = "sas"
	if _, _, err := readText(t, feed, delimitedText, delivery()); err == nil || !strings.Contains(err.Error(), "not read") {
		t.Error(err)
	}
}

func manifestFor(b []byte, rows int64) *Manifest {
	sum := sha256.Sum256(b)
	return &Manifest{SHA256: hex.EncodeToString(sum[:]), Rows: rows}
}

// TestWorkbookFaults: a fault names its cell, and what the eye does not see is
// a finding of the receipt.
func TestWorkbookFaults(t *testing.T) {
	feed := formatFeed("xlsx")
	s, res, err := readText(t, feed, workbookText(t), delivery())
	if err != nil {
		t.Fatal(err)
	}
	if r := s.rejects[0]; r.Place != "Blad1!F6" || r.Line != 6 {
		t.Errorf("%+v", r)
	}
	receipt, err := NewReceipt(feed, delivery(), res, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := receipt.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"note: x.csv:5: hidden rows: 1 (C02)", "merged cells above the data: A1:H1", "x.csv:Blad1!F6 column ok"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}

// errorSheet gives the texts of a header and one row, in which "#" begins an
// error.
func errorSheet(t testing.TB, header, row []string) string {
	t.Helper()
	sheet := "<worksheet><sheetData>"
	for _, cells := range [][]string{header, row} {
		sheet += "<row>"
		for _, c := range cells {
			if strings.HasPrefix(c, "#") {
				sheet += `<c t="e"><v>` + c + "</v></c>"
			} else {
				sheet += `<c t="str"><v>` + c + "</v></c>"
			}
		}
		sheet += "</row>"
	}
	return workbookOf(t, sheet+"</sheetData></worksheet>")
}

// workbookOf is the smallest workbook around a sheet.
func workbookOf(t testing.TB, sheet string) string {
	t.Helper()
	return workbookWith(t, sheet, "<worksheet/>")
}

// workbookWith has one more sheet, which is hidden.
func workbookWith(t testing.TB, sheet, hidden string) string {
	t.Helper()
	return workbookSheets(t, sheet, hidden, "hidden")
}

// workbookSheets is one of two sheets, the second in that state.
func workbookSheets(t testing.TB, sheet, other, state string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name, text string) {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("_rels/.rels", `<Relationships><Relationship Id="a" Type="x/officeDocument" Target="b.xml"/></Relationships>`)
	add("_rels/b.xml.rels", `<Relationships><Relationship Id="s" Type="x/worksheet" Target="s.xml"/><Relationship Id="h" Type="x/worksheet" Target="h.xml"/></Relationships>`)
	add("b.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="s"/><sheet name="H" state="`+state+`" r:id="h"/></sheets></workbook>`)
	add("s.xml", sheet)
	add("h.xml", other)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestEmptyWorkbook: a workbook has its own end, so one without rows is the
// empty snapshot that it says it is, where the scope tells of which periods;
// other formats need a trailer or a manifest to say so.
func TestEmptyWorkbook(t *testing.T) {
	header := strings.Split(strings.TrimSpace(wideHeader), ";")
	feed := formatFeed("xlsx")
	feed.XLSX, feed.Scope.Window = catalog.Xlsx{}, "all"
	book := errorSheet(t, header, nil)
	if _, res, err := readText(t, feed, book, delivery()); err != nil || res.Lines != 0 {
		t.Errorf("%+v, %v", res, err)
	}
	feed.Scope.Window = "file"
	_, _, err := readText(t, feed, book, delivery())
	if got := problems(t, err); got[0] != "C04  the file has no data rows" {
		t.Error(got)
	}
	plain := formatFeed("delimited")
	plain.Scope.Window, plain.Compression = "all", "gzip"
	_, _, err = readText(t, plain, string(packed(t, "gzip", []byte(wideHeader))), delivery())
	if got := problems(t, err); got[0] != "C04  the file has no data rows" {
		t.Error(got)
	}
}

// TestErrorCells: an error is never a value: not a stratum, not a key, not a
// person and not a number that is missing.
func TestErrorCells(t *testing.T) {
	header := strings.Split(strings.TrimSpace(wideHeader), ";")
	for i, name := range header {
		row := strings.Split("SE1-N;2024-01-31;p1;K;01;1;2,5;A", ";")
		row[i] = "#N/A"
		feed := formatFeed("xlsx")
		feed.XLSX = catalog.Xlsx{}
		s, _, err := readText(t, feed, errorSheet(t, header, row), delivery())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(s.rejects) == 0 || s.rejects[0].Column != name || s.rejects[0].Rule != RuleType || !strings.HasSuffix(s.rejects[0].Place, "2") {
			t.Errorf("%s: %+v", name, s.rejects)
		}
		for j, k := range s.obs.Kind {
			if alone := name == "ok" || name == "days"; k == event.Observed && (!alone || s.obs.Has[j]&event.HasMissing != 0) {
				t.Errorf("%s: %q", name, s.rows())
			}
		}
		if name == "days" {
			feed.Dialect.Missing = []string{"#N/A"}
			if s, _, err := readText(t, feed, errorSheet(t, header, row), delivery()); err != nil || len(s.rejects) != 0 {
				t.Errorf("an error that the feed calls missing: %v %+v", err, s)
			}
		}
	}
}

// TestManifestOfPackedFile: the manifest's hash is that of the bytes that were
// sent, not of those inside.
func TestManifestOfPackedFile(t *testing.T) {
	for _, method := range []string{"gzip", "zstd", "zip"} {
		feed := formatFeed("ndjson")
		feed.Compression, feed.Complete.By = method, "manifest"
		b := packed(t, method, []byte(ndjsonText))
		d := delivery()
		d.Manifest = manifestFor(b, 3)
		if _, _, err := readText(t, feed, string(b), d); err != nil {
			t.Errorf("%s: %v", method, err)
		}
		d.Manifest = manifestFor([]byte(ndjsonText), 3)
		if _, _, err := readText(t, feed, string(b), d); err == nil {
			t.Errorf("%s: the hash of the bytes inside was taken", method)
		}
	}
}

// TestRejectedRowsOfFormats: objects go back as objects, and mended they are read
// as what they should have been.
func TestRejectedRowsOfFormats(t *testing.T) {
	for format, text := range map[string]string{"ndjson": ndjsonText} {
		var out bytes.Buffer
		rows := NewRejectedRows(&out, formatFeed(format))
		sink := rejectSink{rows}
		if _, err := Read(context.Background(), strings.NewReader(text), formatFeed(format), world(), delivery(), sink); err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if !strings.Contains(got, `,"rule":"C06","column":"ok","hint":"`) || strings.Count(got, "\n") != 1 || rows.Rows() != 1 {
			t.Errorf("%s: %s", format, got)
		}
		s, res, err := readText(t, formatFeed(format), strings.Replace(got, `"ok":"x"`, `"ok":1`, 1), delivery())
		if err != nil || len(s.rejects) != 0 || res.Observed == 0 || res.Kind != "delta" {
			t.Errorf("%s comes back: %+v, %v, %v", got, res, s.faults(), err)
		}
		if _, _, err := readText(t, formatFeed(format), strings.Replace(got, `,"rule":"C06"`, "", 1), delivery()); err == nil {
			t.Error("a key that the feed does not know is passed over")
		}
	}
}

// TestRejectedRowsOfWorkbooks: they go back as a workbook with the same sheet, in
// the same row, and mended they are read as what they should have been.
func TestRejectedRowsOfWorkbooks(t *testing.T) {
	const sheet = "Blad 'å' & _x0041_"
	for _, first := range []int{0, 3} {
		feed := formatFeed("xlsx")
		feed.XLSX = catalog.Xlsx{Sheet: sheet, HeaderRow: first}
		book := func(rows ...[]string) string {
			var b bytes.Buffer
			w, err := xlsx.NewWriter(&b, sheet)
			if err != nil {
				t.Fatal(err)
			}
			w.Skip(max(first, 1))
			for _, r := range rows {
				if err := w.Row(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		head := []string{"unit", "date", "pid", "sex", "id", "ok", "days", "ward"}
		bad := []string{"SE1-N", "2024-03-01", "p3", "K", "03", "x", "10", "rad\r\n\x01två _x0041_ <&>"}
		var out bytes.Buffer
		rows := NewRejectedRows(&out, feed)
		if _, err := Read(context.Background(), strings.NewReader(book(head, []string{"SE1-S", "2024-02-29", "p2", "M", "02", "0", "", "C"}, bad)), feed, world(), delivery(), rejectSink{rows}); err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil || rows.Rows() != 1 {
			t.Fatalf("%d rows, %v", rows.Rows(), err)
		}
		r, err := xlsx.NewReader(bytes.NewReader(out.Bytes()), xlsx.Options{First: first})
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for {
			rec, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rawOf(rec.Fields))
		}
		if len(got) != 2 || !slices.Equal(got[0], append(slices.Clone(head), "rule", "column", "hint")) || got[1][8] != "C06" || got[1][7] != bad[7] || r.Names()[0] != sheet {
			t.Fatalf("%q of %q", got, r.Names())
		}
		got[1][5] = "1"
		s, res, err := readText(t, feed, book(got...), delivery())
		if err != nil || len(s.rejects) != 0 || res.Observed == 0 || res.Kind != "delta" {
			t.Errorf("comes back: %+v, %v, %v", res, s.faults(), err)
		}
	}
}

type rejectSink struct{ *RejectedRows }

func (rejectSink) Block(*event.Observations) error { return nil }

// FuzzFormats: whatever a file holds, Read ends without panic, and what it
// takes sums up.
func FuzzFormats(f *testing.F) {
	for i, text := range []string{delimitedText, fixedText, ndjsonText, workbookText(f)} {
		for j, method := range []string{"", "gzip", "zstd", "zip"} {
			f.Add(uint8(i), uint8(j), packed(f, method, []byte(text)))
		}
	}
	f.Fuzz(func(t *testing.T, format, method uint8, b []byte) {
		feed := formatFeed([]string{"delimited", "fixed", "ndjson", "xlsx"}[format%4])
		feed.Compression = []string{"", "gzip", "zstd", "zip"}[method%4]
		feed.Limits.Bytes = 1 << 20
		_, _, err := readText(t, feed, string(b), delivery())
		var fe *FileError
		if err != nil && !errors.As(err, &fe) {
			t.Fatal(err)
		}
	})
}

// TestTablesInSeveralSheets: half of a table is no table. Where the feed does not
// say which sheet it means, a second with the same header rejects the file, and
// one with another is a finding.
func TestTablesInSeveralSheets(t *testing.T) {
	sheet := func(head string) string {
		return `<worksheet><sheetData><row><c t="str"><v>unit</v></c><c t="str"><v>ind</v></c><c t="str"><v>date</v></c><c t="str"><v>num</v></c><c t="str"><v>` + head + `</v></c></row>` +
			`<row><c t="str"><v>SE1-N</v></c><c t="str"><v>ctl</v></c><c t="str"><v>2024-01-01</v></c><c><v>1</v></c><c><v>2</v></c></row></sheetData></worksheet>`
	}
	feed := longFeed()
	feed.Format = "xlsx"
	_, _, err := readText(t, feed, workbookSheets(t, sheet("den"), sheet("den"), "visible"), delivery())
	if got := problems(t, err); len(got) != 1 || !strings.HasPrefix(got[0], "C02  the table goes on in another sheet") {
		t.Errorf("%q", got)
	}
	_, res, err := readText(t, feed, workbookSheets(t, sheet("den"), sheet("note"), "visible"), delivery())
	if err != nil || len(res.Findings) != 1 || !strings.HasPrefix(res.Findings[0].Text, "sheets that are not read: ") {
		t.Errorf("%+v, %v", res.Findings, err)
	}
}
