package intake

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	pq "github.com/parquet-go/parquet-go"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/compressed"
)

// rejectedOf is the file of rejected rows of a file.
func rejectedOf(t testing.TB, feed *catalog.Feed, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	rows, d := NewRejectedRows(&out, feed), delivery()
	_, err := Read(context.Background(), strings.NewReader(text), feed, world(), d, rejectSink{rows})
	if again, ok := errors.AsType[*Reread](err); ok {
		out.Reset()
		rows, d.Looked = NewRejectedRows(&out, feed), again.Looked
		_, err = Read(context.Background(), strings.NewReader(text), feed, world(), d, rejectSink{rows})
	}
	if err != nil {
		t.Fatalf("%s %s: %v", feed.Format, feed.Compression, err)
	}
	if err := rows.Close(); err != nil || rows.Rows() != 1 {
		t.Fatalf("%s %s: %d rows, %v", feed.Format, feed.Compression, rows.Rows(), err)
	}
	return out.Bytes()
}

// unpacked is what lies in a compressed file.
func unpacked(t testing.TB, method string, b []byte) []byte {
	t.Helper()
	if method == "" {
		return b // a workbook is a ZIP, too
	}
	r, err := compressed.NewReader(bytes.NewReader(b), method, compressed.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// effective are the observations of deliveries, the later in the place of the
// earlier of the same key.
func effective(all ...*taken) map[string]string {
	out := map[string]string{}
	for _, s := range all {
		for i, text := range s.rows() {
			_, text, _ = strings.Cut(text, " ") // without its line
			kind, text, _ := strings.Cut(text, " ")
			if id := fmt.Sprintf("%x %s %s", s.obs.Key[i], s.obs.Indicator.At(i), s.obs.Stratum.At(i)); kind == "obs" {
				out[id] = text
			} else {
				delete(out, id)
			}
		}
	}
	return out
}

// textMend puts one text in the place of another.
func textMend(bad, good string) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		t.Helper()
		if n := bytes.Count(b, []byte(bad)); n != 1 {
			t.Fatalf("%q stands %d times in %s", bad, n, b)
		}
		return bytes.Replace(b, []byte(bad), []byte(good), 1)
	}
}

// bookMend mends the sheet of a workbook.
func bookMend(t *testing.T, b []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.Create(f.Name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.Write(bytes.ReplaceAll(part, []byte(">x<"), []byte(">1<"))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// parquetMend mends a table with the library of the format.
func parquetMend(t *testing.T, b []byte) []byte {
	t.Helper()
	f, err := pq.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	names, at := []string{}, -1
	for i, c := range f.Schema().Fields() {
		if names = append(names, c.Name()); c.Name() == "ok" {
			at = i
		}
		if want := map[string]string{"date": "DATE", "days": "DOUBLE", "unit": "STRING"}[c.Name()]; want != "" && c.Type().String() != want {
			t.Errorf("%s is %s", c.Name(), c.Type())
		}
	}
	if want := []string{"unit", "date", "pid", "sex", "id", "ok", "days", "ward", "rule", "column", "hint"}; !slices.Equal(names, want) {
		t.Errorf("columns %q", names)
	}
	r := pq.NewGenericReader[any](bytes.NewReader(b), f.Schema())
	rows := make([]pq.Row, 2)
	n, err := r.ReadRows(rows)
	if n != 1 || err != nil && err != io.EOF {
		t.Fatal(n, err)
	}
	if got := rows[0][at].String() + " " + rows[0][8].String() + " " + rows[0][9].String(); got != "x C06 ok" {
		t.Errorf("the row is %v", rows[0])
	}
	rows[0][at] = pq.ByteArrayValue([]byte("1")).Level(0, 1, at)
	var out bytes.Buffer
	w := pq.NewGenericWriter[any](&out, f.Schema())
	_, err = w.WriteRows(rows[:1])
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// arrowMend does so with a file or stream of Arrow.
func arrowMend(isFile bool) func(*testing.T, []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		t.Helper()
		var rec arrow.Record
		if isFile {
			r, err := ipc.NewFileReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if rec, err = r.Record(0); err != nil {
				t.Fatal(err)
			}
		} else {
			r, err := ipc.NewReader(bytes.NewReader(b))
			if err != nil || !r.Next() {
				t.Fatal(err)
			}
			rec = r.Record()
		}
		if got := rec.Schema().Field(1).Type.String() + " " + rec.Schema().Field(6).Type.String() + " " + rec.Column(5).ValueStr(0) + " " + rec.Column(8).ValueStr(0); got != "timestamp[s, tz=UTC] float64 x C06" {
			t.Errorf("the table is %v", rec)
		}
		build := array.NewStringBuilder(memory.DefaultAllocator)
		build.Append("1")
		columns := slices.Clone(rec.Columns())
		columns[5] = build.NewArray()
		rec = array.NewRecord(rec.Schema(), columns, rec.NumRows())
		var out seekBuffer
		var w interface {
			Write(arrow.Record) error
			Close() error
		} = ipc.NewWriter(&out, ipc.WithSchema(rec.Schema()))
		var err error
		if isFile {
			if w, err = ipc.NewFileWriter(&out, ipc.WithSchema(rec.Schema())); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Write(rec), w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
}

// TestMendedRejectsGiveTheRightFile: in every format and compression the rejected
// rows come back as what they came as; mended and sent again they are accepted,
// and all rows together are those of the file that was right at once.
func TestMendedRejectsGiveTheRightFile(t *testing.T) {
	right := tableRows()
	right[2].OK = "1"
	replace := func(bad, good string) func(string) string {
		return func(s string) string { return strings.Replace(s, bad, good, 1) }
	}
	report := func(unit, month, n string) string {
		return reportText(unit, "ctl", month, population(`,"count":`+n, `,"count":10`))
	}
	bundle := func(n string) string {
		// The unit is known by an Organization of the Bundle alone.
		second := strings.Replace(report("SE1-N", "2024-03", n), `"identifier":{"system":"`+sorSystem+`","value":"SE1-N"}`, `"reference":"urn:uuid:5f2f"`, 1)
		return `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:5f2f","resource":{"resourceType":"Organization","identifier":[{"system":"` + sorSystem + `","value":"SE1-N"}]}},` +
			`{"resource":` + report("SE1-S", "2024-01", "8") + `},{"resource":` + second + `}]}`
	}
	lines := func(n string) string {
		return report("SE1-S", "2024-01", "8") + "\n" + report("SE1-N", "2024-03", n) + "\n"
	}
	for name, c := range map[string]struct {
		format      string
		bad, right  string
		mend        func(*testing.T, []byte) []byte
		fhirAsLines bool
	}{
		"delimited":    {format: "delimited", bad: delimitedText, right: replace("03;x;", "03;1;")(delimitedText), mend: textMend("03;x;", "03;1;")},
		"fixed":        {format: "fixed", bad: fixedText, right: replace("03   x", "03   1")(fixedText), mend: textMend("03   x", "03   1")},
		"ndjson":       {format: "ndjson", bad: ndjsonText, right: replace(`"ok":"x"`, `"ok":1`)(ndjsonText), mend: textMend(`"ok":"x"`, `"ok":1`)},
		"xlsx":         {format: "xlsx", bad: workbookText(t), right: string(bookMend(t, []byte(workbookText(t)))), mend: bookMend},
		"parquet":      {format: "parquet", bad: parquetText(t, tableRows()), right: parquetText(t, right), mend: parquetMend},
		"arrow file":   {format: "arrow", bad: arrowText(t, tableRows(), true), right: arrowText(t, right, true), mend: arrowMend(true)},
		"arrow stream": {format: "arrow", bad: arrowText(t, tableRows(), false), right: arrowText(t, right, false), mend: arrowMend(false)},
		"fhir":         {format: "fhir", bad: bundle(`"7"`), right: bundle("7"), mend: textMend(`"count":"7"`, `"count":7`)},
		"fhir lines":   {format: "fhir", bad: lines(`"7"`), right: lines("7"), mend: textMend(`"count":"7"`, `"count":7`), fhirAsLines: true},
		"fhir single":  {format: "fhir", bad: report("SE1-N", "2024-03", `"7"`), right: report("SE1-N", "2024-03", "7"), mend: textMend(`"count":"7"`, `"count":7`)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"", "gzip", "zstd", "zip"} {
				feed := formatFeed(c.format)
				if c.format == "fhir" {
					feed = fhirFeed()
					feed.Key, feed.Columns.Rate = []string{"unit", "start", "stratum"}, ""
					if c.fhirAsLines {
						feed.FHIR.Form = "ndjson"
					}
				} else {
					feed.Columns.Subject, feed.IgnoreColumns = "", []string{"pid"} // which is not given back
				}
				feed.Compression = method
				want, _, err := readText(t, feed, string(packed(t, method, []byte(c.right))), delivery())
				if err != nil || len(want.rejects) != 0 {
					t.Fatalf("the right file: %v, %v", err, want.faults())
				}
				first, _, err := readText(t, feed, string(packed(t, method, []byte(c.bad))), delivery())
				if err != nil {
					t.Fatal(err)
				}
				if maps.Equal(effective(first), effective(want)) {
					t.Fatal("the fault changes nothing")
				}
				back := unpacked(t, method, rejectedOf(t, feed, string(packed(t, method, []byte(c.bad)))))
				if !slices.Contains(RejectedNames(), RejectedName(feed)) {
					t.Errorf("nobody looks for %s", RejectedName(feed))
				}
				second, res, err := readText(t, feed, string(packed(t, method, c.mend(t, back))), delivery())
				if err != nil || len(second.rejects) != 0 || res.Kind != "delta" {
					t.Fatalf("the mended rows: %v, %v, %s", err, second.faults(), res.Kind)
				}
				if got := effective(first, second); !maps.Equal(got, effective(want)) {
					t.Errorf("%s: %v, want %v", method, got, effective(want))
				}
			}
		})
	}
}

// TestRejectedReports: what is wrong stands in an OperationOutcome before its
// report, and the subject of a report goes nowhere.
func TestRejectedReports(t *testing.T) {
	feed := fhirFeed()
	feed.FHIR.Reports, feed.FHIR.Form, feed.FHIR.Stratifiers = "individual", "ndjson", nil
	feed.Columns.Subject, feed.Columns.Strata, feed.Key = "subject", nil, []string{"subject"}
	bad := strings.Replace(reportText("SE1-N", "ctl", "2024-01", population(`,"count":2`, `,"count":"1"`)), `"type":"summary"`,
		`"type":"individual","extension":[{"url":"x","valueString":"fnr 19121212-1212"}],"contained":[{"resourceType":"Patient","id":"p","name":[{"family":"Åberg"}]},`+
			`{"resourceType":"Organization","id":"o","name":"Åkliniken"}],"subject":{"reference":"#p","display":"Åberg"}`, 1)
	got := rejectedOf(t, feed, bad+"\n")
	text := string(got)
	if strings.Contains(text, "1212") || strings.Contains(text, "Åberg") || !strings.Contains(text, `"family":"xxxxx"`) || !strings.Contains(text, "Åkliniken") {
		t.Error(text)
	}
	out, report, ok := bytes.Cut(got, []byte("\n"))
	var outcome struct {
		ResourceType string
		Issue        []struct {
			Severity, Code, Diagnostics string
			Details                     struct {
				Coding []struct{ System, Code string }
			}
			Expression []string
		}
	}
	if err := json.Unmarshal(out, &outcome); err != nil || !ok || !json.Valid(report) {
		t.Fatal(err, text)
	}
	if len(outcome.Issue) != 3 || outcome.ResourceType != "OperationOutcome" {
		t.Fatalf("%+v", outcome)
	}
	var places []string
	for _, i := range outcome.Issue {
		if i.Severity != "error" || i.Details.Coding[0].System != "urn:larstrom:check" || !strings.HasPrefix(i.Diagnostics, "line 1: ") {
			t.Errorf("%+v", i)
		}
		places = append(places, i.Details.Coding[0].Code+" "+i.Code+" "+i.Expression[0])
	}
	equal(t, "issues", places, []string{
		"C15 security MeasureReport",
		"C06 value MeasureReport.group[0].population.where(code.coding.code = 'numerator').count",
		"C06 value MeasureReport.group[0].population.where(code.coding.code = 'denominator').count",
	})
}

// TestRejectedRowsOfTypedTables: what a column cannot hold stands in the hint, and
// a column of identifiers, whose numbers are not given back, is one of texts.
func TestRejectedRowsOfTypedTables(t *testing.T) {
	type row struct {
		Unit, Ind string
		Date      int32 `parquet:"Date,date"`
		Num       float64
		Person    int64
		Note      int64
		Rule      string `parquet:"rule"`
	}
	feed := longFeed()
	feed.Format, feed.IgnoreColumns = "parquet", []string{"Note", "rule"}
	feed.Columns = catalog.Columns{Unit: "Unit", UnitSystem: "hsa", Indicator: "Ind", EventDate: "Date", Numerator: "Num", Subject: "Person"}
	var in bytes.Buffer
	w := pq.NewGenericWriter[row](&in)
	_, err := w.Write([]row{{"SE1-N", "n", 19723, 1, 4711, 191212121212, "own"}})
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	b := rejectedOf(t, feed, in.String())
	f, err := pq.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]pq.Row, 1)
	r := pq.NewGenericReader[any](bytes.NewReader(b), f.Schema())
	if _, err := r.ReadRows(rows); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	var got []string
	for i, c := range f.Schema().Fields() {
		got = append(got, c.Name()+" "+c.Type().String()+" "+rows[0][i].String())
	}
	hint := got[len(got)-1]
	equal(t, "the row", got[:len(got)-1], []string{"Unit STRING SE1-N", "Ind STRING n", "Date DATE 19723", "Num DOUBLE 1", "Person STRING dddd", "Note INT(64,true) <null>", "rule STRING own",
		"rule_ STRING C15", "column STRING Note"})
	if !strings.HasPrefix(hint, "hint STRING ") || !strings.HasSuffix(hint, "; Note was dddddddddddd") {
		t.Error(hint)
	}
}
