package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	pq "github.com/parquet-go/parquet-go"

	"larstrom/pipeline/catalog"
)

// tableRow is a row of wideFeed with types.
type tableRow struct {
	Unit string   `parquet:"unit,dict"`
	Date int32    `parquet:"date,date"` // days since 1970
	PID  string   `parquet:"pid"`
	Sex  string   `parquet:"sex,dict"`
	ID   string   `parquet:"id"`
	OK   string   `parquet:"ok"`
	Days *float64 `parquet:"days,optional"`
	Ward string   `parquet:"ward"`
}

// tableRows are those of delimitedText.
func tableRows() []tableRow {
	at := func(m time.Month, d int) int32 {
		return int32(time.Date(2024, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	short, long := 2.5, 10.0
	return []tableRow{
		{"SE1-N", at(1, 31), "p1", "K", "01", "1", &short, "A"},
		{"SE1-S", at(2, 29), "p2", "M", "02", "0", nil, "C"},
		{"SE1-N", at(3, 1), "p3", "K", "03", "x", &long, "B"},
	}
}

// perGroup is how many rows a group, or a record batch, has.
func perGroup(rows []tableRow) int { return max(2, len(rows)/4) }

func parquetText(t testing.TB, rows []tableRow) string {
	t.Helper()
	var out bytes.Buffer
	w := pq.NewGenericWriter[tableRow](&out, pq.MaxRowsPerRowGroup(int64(perGroup(rows))))
	_, err := w.Write(rows)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func arrowText(t testing.TB, rows []tableRow, asFile bool) string {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "unit", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}},
		{Name: "date", Type: &arrow.TimestampType{Unit: arrow.Second, TimeZone: "UTC"}}, {Name: "pid", Type: arrow.BinaryTypes.String}, {Name: "sex", Type: arrow.BinaryTypes.String},
		{Name: "id", Type: arrow.BinaryTypes.LargeString}, {Name: "ok", Type: arrow.BinaryTypes.String}, {Name: "days", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "ward", Type: arrow.BinaryTypes.String}}, nil)
	var out seekBuffer
	var w interface {
		Write(arrow.Record) error
		Close() error
	} = ipc.NewWriter(&out, ipc.WithSchema(schema), ipc.WithLZ4())
	var err error
	if asFile {
		if w, err = ipc.NewFileWriter(&out, ipc.WithSchema(schema), ipc.WithZstd()); err != nil {
			t.Fatal(err)
		}
	}
	// One dictionary for all batches: a file cannot change it.
	units := array.NewDictionaryBuilder(memory.DefaultAllocator, schema.Field(0).Type.(*arrow.DictionaryType)).(*array.BinaryDictionaryBuilder)
	for _, u := range []string{"SE1-N", "SE1-S"} {
		if err := units.AppendString(u); err != nil {
			t.Fatal(err)
		}
	}
	dictionary := units.NewDictionaryArray().Dictionary()
	for from := 0; from < len(rows); from += perGroup(rows) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		if err := b.Field(0).(*array.BinaryDictionaryBuilder).InsertStringDictValues(dictionary.(*array.String)); err != nil {
			t.Fatal(err)
		}
		for _, r := range rows[from:min(from+perGroup(rows), len(rows))] {
			if err := b.Field(0).(*array.BinaryDictionaryBuilder).AppendString(r.Unit); err != nil {
				t.Fatal(err)
			}
			b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(int64(r.Date)*86400 - 3600)) // midnight in Stockholm
			for i, s := range map[int]string{2: r.PID, 3: r.Sex, 4: r.ID, 5: r.OK, 7: r.Ward} {
				if err := b.Field(i).AppendValueFromString(s); err != nil {
					t.Fatal(err)
				}
			}
			if days := b.Field(6).(*array.Float64Builder); r.Days == nil {
				days.AppendNull()
			} else {
				days.Append(*r.Days)
			}
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// seekBuffer is what the writer of Arrow files needs.
type seekBuffer struct{ bytes.Buffer }

func (b *seekBuffer) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("the writer seeks")
	}
	return int64(b.Len()), nil
}

// tableTexts are the rows in each form of a table with types.
func tableTexts(t testing.TB) map[string][2]string {
	return map[string][2]string{
		"parquet":      {"parquet", parquetText(t, tableRows())},
		"arrow stream": {"arrow", arrowText(t, tableRows(), false)},
		"arrow file":   {"arrow", arrowText(t, tableRows(), true)},
	}
}

// TestTablesAgree: the rows of a table with types are the observations of the
// same rows as text, with the same keys and subjects, in any compression.
func TestTablesAgree(t *testing.T) {
	plain, _, err := readText(t, wideFeed(), delimitedText, delivery())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range tableTexts(t) {
		for _, method := range []string{"", "gzip", "zstd", "zip"} {
			feed := formatFeed(c[0])
			feed.Compression = method
			s, res, err := readText(t, feed, string(packed(t, method, []byte(c[1]))), delivery())
			if err != nil {
				t.Errorf("%s %s: %v", name, method, err)
				continue
			}
			equal(t, name+" "+method, s.rows(), expectedRows(1))
			equal(t, name+" "+method+" faults", s.faults(), []string{`3 C06 ok "x"`})
			if fmt.Sprint(s.obs.Key, s.obs.Subject) != fmt.Sprint(plain.obs.Key, plain.obs.Subject) || res.Lines != 3 {
				t.Errorf("%s %s: keys, subjects or lines differ", name, method)
			}
		}
	}
}

// TestTablesCutEverywhere: no beginning of a table or of reports passes for the
// whole, in any compression, and each may be a beginning. Of one report a line a
// beginning that ends with a line is one of fewer.
func TestTablesCutEverywhere(t *testing.T) {
	all := tableTexts(t)
	report := reportText("SE1-N", "ctl", "2024-01", population(`,"count":8`, `,"count":10`))
	all["bundle"], all["report"], all["reports in lines"] = [2]string{"fhir", strings.TrimSpace(fhirText())}, [2]string{"fhir", report}, [2]string{"fhir", report + "\n" + report + "\n"}
	for name, c := range all {
		for _, method := range []string{"", "gzip", "zstd", "zip"} {
			feed := formatFeed(c[0])
			if c[0] == "fhir" {
				feed = fhirFeed()
			}
			if name == "reports in lines" {
				feed.FHIR.Form = "ndjson"
			}
			feed.Compression = method
			b := packed(t, method, []byte(c[1]))
			for n := range b {
				if method != "" && n%11 > 0 && n < len(b)-40 {
					continue // package compressed cuts its containers everywhere
				}
				s := &taken{}
				_, err := Read(context.Background(), bytes.NewReader(b[:n]), feed, world(), delivery(), s)
				if name == "reports in lines" && method == "" && n == len(report)+1 && err == nil && len(s.obs.Line) == 1 {
					continue
				}
				if bad, ok := errors.AsType[*FileError](err); !ok || !bad.Incomplete {
					t.Fatalf("%s %s: %d of %d bytes: %v", name, method, n, len(b), err)
				}
			}
		}
	}
}

// TestTableColumns: the columns of a table are held against the feed as those
// of a header are.
func TestTableColumns(t *testing.T) {
	for name, c := range tableTexts(t) {
		feed := formatFeed(c[0])
		feed.Measures = feed.Measures[:1]
		_, _, err := readText(t, feed, c[1], delivery())
		equal(t, name, problems(t, err), []string{"C03 days the feed does not know the column", "C03 ward the feed does not know the column"})
		feed = formatFeed(c[0])
		feed.Columns.Strata = []string{"gender"}
		_, _, err = readText(t, feed, c[1], delivery())
		if got := problems(t, err); got[0] != "C03 gender the column is missing" {
			t.Errorf("%s: %q", name, got)
		}
		feed = formatFeed(c[0])
		feed.Measures, feed.IgnoreColumns = feed.Measures[:1], []string{"days", "ward"}
		if s, _, err := readText(t, feed, c[1], delivery()); err != nil || len(s.obs.Line) != 3 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _, err := readText(t, formatFeed("arrow"), "", delivery())
	equal(t, "empty", problems(t, err), []string{"C04  the file is empty"})
	_, _, err = readText(t, formatFeed("parquet"), "", delivery())
	equal(t, "empty", problems(t, err), []string{"C04  the file is empty"})
	_, _, err = readText(t, formatFeed("parquet"), delimitedText, delivery())
	equal(t, "text", problems(t, err), []string{"C02  the file is not Parquet: it does not begin as one"})
}

// TestTableWithoutRows: a table has an end of its own, so one without rows is
// the empty snapshot that it says it is.
func TestTableWithoutRows(t *testing.T) {
	for format, text := range map[string]string{"parquet": parquetText(t, nil), "arrow": arrowText(t, nil, true)} {
		feed := formatFeed(format)
		feed.Scope.Window = "all"
		if _, res, err := readText(t, feed, text, delivery()); err != nil || res.Lines != 0 {
			t.Errorf("%s: %+v, %v", format, res, err)
		}
	}
}

const sorSystem = "urn:oid:1.2.208.176.1.1"

func fhirFeed() *catalog.Feed {
	f := longFeed()
	f.Format = "fhir"
	f.FHIR = &catalog.Fhir{Reports: "summary", Unit: catalog.FhirUnit{System: sorSystem}, Stratifiers: []string{"sex"}, Exclusions: "subtract",
		Measures: []catalog.FhirMeasure{{URL: "https://example.org/Measure/ctl", Indicator: "ctl"}}}
	f.Columns = catalog.Columns{Unit: "unit", UnitSystem: "hsa", Indicator: "indicator", EventDate: "start", PeriodEnd: "end", Strata: []string{"stratum"},
		Numerator: "numerator", Denominator: "denominator", Rate: "score"}
	f.Scope.Window = "all"
	return f
}

func population(n, d string) string {
	return `"population":[{"code":{"coding":[{"code":"numerator"}]}` + n + `},{"code":{"coding":[{"code":"denominator"}]}` + d + `}]`
}

// reportText is a report of a unit and a month.
func reportText(unit, measure, month, group string) string {
	return fmt.Sprintf(`{"resourceType":"MeasureReport","status":"complete","type":"summary","measure":"https://example.org/Measure/%s","reporter":{"identifier":{"system":"%s","value":"%s"}},`+
		`"period":{"start":"%s","end":"%s"},"group":[{%s}]}`, measure, sorSystem, unit, month, month, group)
}

func fhirText() string {
	return `{"resourceType":"Bundle","type":"collection","entry":[
{"resource":` + reportText("SE1-N", "ctl", "2024-01", population(`,"count":8`, `,"count":10`)+`,"measureScore":{"value":80.0},"stratifier":[{"code":[{"text":"sex"}],"stratum":[`+
		`{"value":{"text":"K"},`+population(`,"count":5`, `,"count":6`)+`},{"value":{"text":"M"},`+population(`,"count":3`, `,"count":4`)+`}]}]`) + `},
{"resource":` + reportText("SE1-S", "ctl", "2024-01", population(``, `,"count":4`)) + `},
{"resource":` + reportText("SE1-N", "ctl", "2024-02", population(`,"count":1`, `,"count":2`)+`,"measureScore":{"value":60}`) + `},
{"resource":` + reportText("SE9", "ctl", "2024-02", population(`,"count":1`, `,"count":2`)) + `},
{"resource":` + reportText("SE1-N", "new", "2024-02", population(`,"count":1`, `,"count":2`)) + `},
{"resource":` + strings.Replace(reportText("SE1-N", "ctl", "2024-03", population(`,"count":1`, `,"count":2`)), "complete", "pending", 1) + `},
{"resource":` + reportText("SE1-N", "ctl", "2024", population(`,"count":1`, `,"count":2`)) + `}
]}
`
}

// TestReports: reports become observations, in every compression; a count that
// is missing is missing, a score that does not fit is a finding, and what is
// wrong has its place.
func TestReports(t *testing.T) {
	for _, method := range []string{"", "gzip", "zstd", "zip"} {
		feed := fhirFeed()
		feed.Compression = method
		s, res, err := readText(t, feed, string(packed(t, method, []byte(fhirText()))), delivery())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "rows", s.rows(), []string{
			"1 obs ctl@2 north 2024-01-01 n=8 d=10", "2 obs ctl@2 north/K 2024-01-01 n=5 d=6", "3 obs ctl@2 north/M 2024-01-01 n=3 d=4",
			"4 obs ctl@2 south 2024-01-01 missing", "5 obs ctl@2 north 2024-02-01 n=1 d=2 rate", "6 park ctl@2 * 2024-02-01 n=1 d=2",
			"7 park *@* north 2024-02-01", "8 rej ctl@2 north 2024-03-01", "9 rej ctl@2 north 2024-01-01",
		})
		if len(s.rejects) != 4 || s.rejects[0].Place != "entry 4, line 5" || s.rejects[2].Place != "entry 6, line 7" || s.rejects[3].Column != "end" || res.Lines != 9 {
			t.Errorf("%s: %+v", method, s.rejects)
		}
	}
}

// TestIndividualReports: the subject leaves as a pseudonym, and nowhere else.
func TestIndividualReports(t *testing.T) {
	feed := fhirFeed()
	feed.FHIR.Reports, feed.FHIR.Form, feed.FHIR.Stratifiers = "individual", "ndjson", nil
	feed.Columns.Subject, feed.Columns.Strata, feed.Key = "subject", nil, []string{"subject"}
	const person = "Patient/19121212-1212"
	one := strings.Replace(reportText("SE1-N", "ctl", "2024-01", population(`,"count":1`, `,"count":1`)), `"type":"summary"`, `"type":"individual","subject":{"reference":"`+person+`"}`, 1)
	bad := strings.Replace(one, `"count":1`, `"count":"1"`, 1)
	s, res, err := readText(t, feed, one+"\n"+bad+"\n", delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", s.rows(), []string{"1 obs ctl@2 north 2024-01-01 n=1 d=1", "2 rej ctl@2 north 2024-01-01"})
	if s.obs.Subject[0] == [16]byte{} || s.obs.Subject[0] != s.obs.Subject[1] {
		t.Errorf("subjects %q", s.obs.Subject)
	}
	for i := range s.rejects {
		s.rejects[i].Raw = nil // the sender's own
	}
	receipt, err := NewReceipt(feed, delivery(), res, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := receipt.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if all := fmt.Sprintf("%+v %+v %s", s.rejects, res, text.String()); strings.Contains(all, "1212") || !strings.Contains(text.String(), "line 2") {
		t.Errorf("the subject, or no place: %s", all)
	}
	if _, _, err := readText(t, feed, one, delivery()); err == nil {
		t.Error("a last line without its end was taken")
	}
}

// TestReportsCutEverywhere: no beginning of a Bundle passes for it.
func TestReportsCutEverywhere(t *testing.T) {
	text := strings.TrimSpace(fhirText())
	for _, method := range []string{"", "gzip", "zip"} {
		feed := fhirFeed()
		feed.Compression = method
		b := packed(t, method, []byte(text))
		for n := range b {
			_, err := Read(context.Background(), bytes.NewReader(b[:n]), feed, world(), delivery(), &taken{})
			if bad, ok := errors.AsType[*FileError](err); !ok || !bad.Incomplete {
				t.Fatalf("%s: %d of %d bytes: %v", method, n, len(b), err)
			}
		}
	}
}

// TestReportsWithAStranger: an identity number where none is declared rejects
// its report, and is not shown.
func TestReportsWithAStranger(t *testing.T) {
	text := strings.Replace(fhirText(), `"status":"complete"`, `"text":{"div":"gäller 19121212-1212"},"status":"complete"`, 1)
	s, res, err := readText(t, fhirFeed(), text, delivery())
	if err != nil {
		t.Fatal(err)
	}
	if s.rejects[0].Rule != RuleIdentity || s.rejects[0].Line != 1 || strings.Contains(fmt.Sprintf("%+v", res), "1212") {
		t.Errorf("%+v", s.rejects[0])
	}
}

// FuzzTables: whatever a table or report holds, Read ends without panic, and
// what it takes sums up.
func FuzzTables(f *testing.F) {
	for _, c := range tableTexts(f) {
		f.Add(c[0], []byte(c[1]))
	}
	for name, text := range nestedText(f, "nobody", 7) {
		format, _, _ := strings.Cut(name, ",")
		f.Add(format, []byte(text))
	}
	f.Add("fhir", []byte(fhirText()))
	f.Fuzz(func(t *testing.T, format string, b []byte) {
		feed := fhirFeed()
		if format != "fhir" {
			feed = formatFeed(format)
			feed.IgnoreColumns = append(feed.IgnoreColumns, "notes", "whom")
		}
		feed.Limits.Bytes = 1 << 20
		_, _, err := readText(t, feed, string(b), delivery())
		if _, ok := errors.AsType[*FileError](err); err != nil && !ok && (format == "fhir" || format == "parquet" || format == "arrow") {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		// What is rejected can always be given back, in a form that can be read.
		var out bytes.Buffer
		rows := NewRejectedRows(&out, feed)
		_, err = Read(context.Background(), bytes.NewReader(b), feed, world(), delivery(), rejectSink{rows})
		if _, again := errors.AsType[*Reread](err); again {
			return // of which the first reading says nothing
		}
		if err = errors.Join(err, rows.Close()); err != nil {
			t.Fatal(err)
		}
		if out.Len() > 0 {
			feed.Limits = catalog.Limits{}
			if len(feed.Key) == 0 {
				feed.Key = []string{"unit"}
			}
			if _, _, err := readText(t, feed, out.String(), delivery()); err != nil && !strings.Contains(err.Error(), RuleIdentity) {
				t.Fatalf("%v: %q", err, out.String())
			}
		}
	})
}

func BenchmarkTables(b *testing.B) {
	rows := make([]tableRow, 100_000)
	for i := range rows {
		days := float64(i%1000) / 10
		rows[i] = tableRow{"SE1-N", int32(19723 + i%300), fmt.Sprintf("p%06d", i), "K", fmt.Sprintf("%07d", i), "1", &days, "A"}
	}
	var text strings.Builder
	text.WriteString(wideHeader)
	for _, r := range rows {
		fmt.Fprintf(&text, "%s;%s;%s;%s;%s;%s;%s;%s\n", r.Unit, catalog.DateOfDays(r.Date), r.PID, r.Sex, r.ID, r.OK, strings.Replace(fmt.Sprint(*r.Days), ".", ",", 1), r.Ward)
	}
	for format, text := range map[string]string{"delimited": text.String(), "parquet": parquetText(b, rows), "arrow": arrowText(b, rows, false)} {
		b.Run(format, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s := &nothingSink{}
				if _, err := Read(context.Background(), strings.NewReader(text), formatFeed(format), world(), delivery(), s); err != nil || s.rows != 3*len(rows) {
					b.Fatal(err, s.rows)
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

// nestedRow is a tableRow with columns of types that are not read.
type nestedRow struct {
	tableRow
	Notes []string `parquet:"notes,list"`
	Whom  struct {
		Number int64 `parquet:"number"`
	} `parquet:"whom"`
}

// nestedText are rows with columns of lists and groups, in Parquet, and in Arrow
// with and without compression.
func nestedText(t testing.TB, note string, number int64) map[string]string {
	t.Helper()
	var rows []nestedRow
	for i, r := range tableRows() {
		n := nestedRow{tableRow: r, Notes: [][]string{{}, {"a", "ring " + note, "b"}, {"c"}}[i]}
		n.Whom.Number = number
		rows = append(rows, n)
	}
	out := map[string]string{}
	for name, options := range map[string][]pq.WriterOption{"parquet": nil, "parquet, first pages": {pq.DataPageVersion(1), pq.Compression(&pq.Snappy)}} {
		var b bytes.Buffer
		w := pq.NewGenericWriter[nestedRow](&b, options...)
		_, err := w.Write(rows)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		out[name] = b.String()
	}
	fields := []arrow.Field{{Name: "notes", Type: arrow.ListOf(arrow.StructOf(arrow.Field{Name: "when", Type: arrow.FixedWidthTypes.Date32}, arrow.Field{Name: "text", Type: arrow.BinaryTypes.String}))},
		{Name: "whom", Type: arrow.StructOf(arrow.Field{Name: "ok", Type: arrow.FixedWidthTypes.Boolean}, arrow.Field{Name: "number", Type: arrow.PrimitiveTypes.Int64})}}
	names := []string{"unit", "date", "pid", "sex", "id", "ok", "days", "ward"}
	for _, name := range names {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
	}
	schema := arrow.NewSchema(fields, nil)
	for name, options := range map[string][]ipc.Option{"arrow": {ipc.WithSchema(schema)}, "arrow, packed": {ipc.WithSchema(schema), ipc.WithZstd()}} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i, r := range rows {
			list := b.Field(0).(*array.ListBuilder)
			list.Append(true)
			in := list.ValueBuilder().(*array.StructBuilder)
			for _, text := range r.Notes {
				in.Append(true)
				in.FieldBuilder(0).(*array.Date32Builder).Append(arrow.Date32(i))
				in.FieldBuilder(1).(*array.StringBuilder).Append(text)
			}
			whom := b.Field(1).(*array.StructBuilder)
			whom.Append(true)
			whom.FieldBuilder(0).(*array.BooleanBuilder).Append(true)
			whom.FieldBuilder(1).(*array.Int64Builder).Append(number)
			for j, text := range []string{r.Unit, time.Unix(int64(r.Date)*86400, 0).UTC().Format(time.DateOnly), r.PID, r.Sex, r.ID, "1", "", r.Ward} {
				b.Field(2 + j).(*array.StringBuilder).Append(text)
			}
		}
		var stream bytes.Buffer
		w := ipc.NewWriter(&stream, options...)
		if err := errors.Join(w.Write(b.NewRecord()), w.Close()); err != nil {
			t.Fatal(err)
		}
		out[name] = stream.String()
	}
	return out
}

// Columns of lists and groups that the feed ignores are looked through: a number
// in one of them rejects the file, where the feed does not declare that
// identifiers may stand there.
func TestNestedColumnsAreLookedThrough(t *testing.T) {
	for _, tc := range []struct {
		note   string
		number int64
		column string
	}{{"nobody", 7, ""}, {"19121212-1212", 7, "notes"}, {"nobody", 191212121212, "whom"}} {
		for name, text := range nestedText(t, tc.note, tc.number) {
			format, _, _ := strings.Cut(name, ",")
			feed := wideFeed()
			feed.Format, feed.Dialect.Header = format, false
			feed.IgnoreColumns = []string{"notes", "whom"}
			d := delivery()
			d.Keys = keys()
			_, res, err := readText(t, feed, text, d)
			var bad *FileError
			switch {
			case tc.column == "" && (err != nil || res.Lines != 3):
				t.Errorf("%s, %s: %+v, %v", name, tc.note, res, err)
			case tc.column != "" && (!errors.As(err, &bad) || bad.Problems[0].Rule != RuleIdentity || strings.Contains(err.Error(), "1212")):
				t.Errorf("%s, %s %d: %v", name, tc.note, tc.number, err)
			}
			feed.Identifiers = []string{tc.column}
			if _, _, err := readText(t, feed, text, d); tc.column != "" && err != nil {
				t.Errorf("%s, declared: %v", name, err)
			}
		}
	}
}

// Columns that cannot be looked through are refused, ignored or not: only the
// feed's own word that identifiers may stand there lets them by.
func TestColumnsThatCannotBeLookedThrough(t *testing.T) {
	type strangeRow struct {
		tableRow
		Notes [][7]byte `parquet:"notes,list"`
		Whom  [9]byte   `parquet:"whom"`
	}
	var rows []strangeRow
	for _, r := range tableRows() {
		rows = append(rows, strangeRow{tableRow: r, Notes: [][7]byte{{'a'}}})
	}
	var out bytes.Buffer
	w := pq.NewGenericWriter[strangeRow](&out)
	_, err := w.Write(rows)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	fields := []arrow.Field{{Name: "notes", Type: arrow.ListOf(&arrow.FixedSizeBinaryType{ByteWidth: 9})}, {Name: "whom", Type: &arrow.FixedSizeBinaryType{ByteWidth: 9}},
		{Name: "days_seen", Type: arrow.ListOf(arrow.FixedWidthTypes.Date32)}}
	for _, name := range []string{"unit", "date", "pid", "sex", "id", "ok", "days", "ward"} {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String})
	}
	schema := arrow.NewSchema(fields, nil)
	var stream bytes.Buffer
	if err := ipc.NewWriter(&stream, ipc.WithSchema(schema)).Close(); err != nil {
		t.Fatal(err)
	}
	for format, text := range map[string]string{"parquet": out.String(), "arrow": stream.String()} {
		feed := wideFeed()
		feed.Format, feed.Dialect.Header = format, false
		feed.IgnoreColumns = []string{"notes", "whom", "days_seen"}
		d := delivery()
		d.Keys = keys()
		_, _, err := readText(t, feed, text, d)
		var bad *FileError
		if !errors.As(err, &bad) || len(bad.Problems) != 2 || bad.Problems[0].Column != "notes" || bad.Problems[1].Column != "whom" || bad.Problems[0].Rule != RuleIdentity {
			t.Errorf("%s: %v", format, err)
		}
		feed.Identifiers = []string{"notes", "whom"}
		if _, _, err := readText(t, feed, text, d); errors.As(err, &bad) && bad.Problems[0].Rule == RuleIdentity {
			t.Errorf("%s, declared: %v", format, err)
		}
	}
}
