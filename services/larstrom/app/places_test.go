package app_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	pq "github.com/parquet-go/parquet-go"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/services/larstrom/app"
)

// placesCatalog has a feed of each form in which a file may come.
const placesCatalog = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries: [{code: con, name: Contacts, country: SE}]
indicators:
  - {id: con_ok, registry: con, name: Good, type: proportion, subset: true, class: process, direction: up, multiplier: 100}
profiles: [{id: internal, rule: internal}]
units: [{id: unit-a, name: Unit A, kind: clinic, codes: {local: a}}]
feeds:
  - id: fhir
    files: ["fhir_*"]
    registry: con
    format: fhir
    fhir: {reports: summary, unit: {system: "urn:local"}, exclusions: done, measures: [{url: "https://example.org/ok", indicator: con_ok}]}
    delivery: snapshot
    scope: file
    as_of: {by: arrival}
    columns: {unit: unit, unit_system: local, indicator: indicator, event_date: start, period_end: end, numerator: numerator, denominator: denominator}
`

// packedPart is one file in an archive.
type packedPart struct{ name, text, comment string }

func archive(t *testing.T, comment string, parts ...packedPart) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Comment: p.comment, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(p.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.SetComment(comment); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// book is a workbook of one row; what is put into it by place.
func book(t *testing.T, in map[string]string, more ...packedPart) string {
	t.Helper()
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	const rel = `http://schemas.openxmlformats.org/officeDocument/2006/relationships/`
	cell := func(s string) string { return `<c t="str"><v>` + s + `</v></c>` }
	other := in["other"]
	if other == "" {
		other = "Info"
	}
	parts := []packedPart{
		{name: "[Content_Types].xml", text: `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`},
		{name: "_rels/.rels", text: `<Relationships><Relationship Id="rId1" Type="` + rel + `officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{name: "xl/_rels/workbook.xml.rels", text: `<Relationships><Relationship Id="r1" Type="` + rel + `worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="r2" Type="` + rel + `worksheet" Target="worksheets/sheet2.xml"/><Relationship Id="r3" Type="` + rel + `sharedStrings" Target="sharedStrings.xml"/></Relationships>`},
		{name: "xl/workbook.xml", text: `<workbook ` + ns + ` xmlns:r="r"><sheets><sheet name="Data" sheetId="1" r:id="r1"/><sheet name="` + other + `" state="hidden" sheetId="2" r:id="r2"/></sheets>` +
			`<definedNames><definedName name="Urval" comment="` + in["name comment"] + `">` + in["name"] + `</definedName></definedNames></workbook>`},
		{name: "xl/sharedStrings.xml", text: `<sst ` + ns + `><si><t>fri</t><rPh sb="0" eb="1"><t>` + in["phonetic"] + `</t></rPh></si><si><r><t>` + in["orphan"] + `</t></r></si></sst>`},
		{name: "xl/worksheets/sheet1.xml", text: `<worksheet ` + ns + `><sheetData><row>` + cell("enhet") + cell("dag") + cell("ok") + cell("anteckning") + `</row>` +
			`<row>` + cell("a") + cell("2025-03-01") + `<c><f>IF(1,1,"` + in["formula"] + `")</f><v>1</v></c><c t="s"><v>0</v></c></row><row>` + cell("a") + cell("2025-03-02") + cell("0") + cell("x") + `</row></sheetData>` +
			`<dataValidations><dataValidation prompt="` + in["prompt"] + `"><formula1>"` + in["choice"] + `"</formula1></dataValidation></dataValidations>` +
			`<hyperlinks><hyperlink ref="A1" tooltip="` + in["tooltip"] + `"/></hyperlinks><headerFooter><oddHeader>&amp;L` + in["header"] + `</oddHeader></headerFooter><!-- ` + in["remark"] + ` --></worksheet>`},
		{name: "xl/worksheets/sheet2.xml", text: `<worksheet ` + ns + `><sheetData><row>` + cell("Läs mig") + `</row><row>` + cell(in["hidden"]) + `</row></sheetData><mergeCells><mergeCell ref="A1:D1"/></mergeCells>` +
			`<headerFooter><oddFooter>` + in["footer"] + `</oddFooter></headerFooter></worksheet>`},
	}
	return archive(t, in["archive"], append(parts, more...)...)
}

// note is a row of a table with types.
type note struct {
	Enhet      string `parquet:"enhet"`
	Dag        string `parquet:"dag"`
	OK         string `parquet:"ok"`
	Anteckning string `parquet:"anteckning"`
}

func parquetNote(t *testing.T, text string, options ...pq.WriterOption) string {
	t.Helper()
	var b bytes.Buffer
	w := pq.NewGenericWriter[note](&b, options...)
	if _, err := w.Write([]note{{"a", "2025-03-01", "1", text}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// arrowNote has a dictionary of which a value is of no row.
func arrowNote(t *testing.T, text, unused, schema, field string) string {
	t.Helper()
	words := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	of := func(s string) arrow.Metadata { return arrow.NewMetadata([]string{"said"}, []string{s}) }
	m := of(schema)
	s := arrow.NewSchema([]arrow.Field{{Name: "enhet", Type: arrow.BinaryTypes.String}, {Name: "dag", Type: arrow.BinaryTypes.String},
		{Name: "ok", Type: arrow.BinaryTypes.String, Metadata: of(field)}, {Name: "anteckning", Type: words}}, &m)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer b.Release()
	for i, v := range []string{"a", "2025-03-01", "1"} {
		if err := b.Field(i).AppendValueFromString(v); err != nil {
			t.Fatal(err)
		}
	}
	values := array.NewStringBuilder(memory.DefaultAllocator)
	values.AppendValues([]string{text, unused}, nil)
	d := b.Field(3).(*array.BinaryDictionaryBuilder)
	if err := d.InsertStringDictValues(values.NewStringArray()); err != nil {
		t.Fatal(err)
	}
	if err := d.AppendString(text); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(s))
	if err := w.Write(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// zipped is a stream with what its header says.
func zipped(t *testing.T, text, name, comment string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name, w.Comment = name, comment
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// measureReport is a Bundle with one report; what is put into it by place.
func measureReport(in map[string]string) string {
	return `{"resourceType": "Bundle", "type": "collection", "identifier": {"value": "` + in["bundle"] + `"}, "entry": [
		{"fullUrl": "` + in["fullUrl"] + `", "resource": {"resourceType": "Organization", "id": "o", "identifier": [{"system": "urn:other", "value": "` + in["organisation"] + `"}]}},
		{"resource": {"resourceType": "MeasureReport", "id": "r", "status": "complete", "type": "summary", "measure": "https://example.org/ok",
		"meta": {"tag": [{"display": "` + in["tag"] + `"}]}, "text": {"div": "<div>` + in["narrative"] + `</div>"},
		"contained": [{"resourceType": "Patient", "id": "p", "identifier": [{"value": "` + in["contained"] + `"}]}],
		"subject": {"reference": "Patient/` + in["subject"] + `", "display": "` + in["subject display"] + `"},
		"reporter": {"identifier": {"system": "urn:local", "value": "a"}, "display": "` + in["reporter"] + `"},
		"extension": [{"url": "urn:x", "valueString": "` + in["extension"] + `", "` + in["key"] + `": 1}],
		"period": {"start": "2025-03-01", "end": "2025-03-31", "_start": {"extension": [{"url": "urn:y", "valueString": "` + in["period"] + `"}]}},
		"evaluatedResource": [{"reference": "Patient/` + in["evaluated"] + `"}],
		"group": [{"code": {"coding": [{"system": "urn:z", "code": "` + in["code"] + `", "display": "` + in["display"] + `"}], "text": "` + in["text"] + `"}, "population": [
			{"code": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-population", "code": "denominator"}]}, "count": 10},
			{"code": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-population", "code": "numerator"}]}, "count": 7}]}]}}]}`
}

// filesWith are files with the word in one place each, by the feed and the place.
func filesWith(t *testing.T, w string) map[string]string {
	t.Helper()
	const head, row = "enhet;dag;ok;anteckning\n", "a;2025-03-01;1;\na;2025-03-02;0;\n"
	out := map[string]string{
		"csv_preamble":   "av " + w + "\n" + head + row,
		"csv_note":       "x\n" + head + row + "a;2025-03-03;1;ring " + w + "\n",
		"csv_alone":      "x\n" + head + row + "a;2025-03-03;1;" + w + "\n",
		"csv_unit":       "x\n" + head + row + w + ";2025-03-03;1;\n",
		"csv_number":     "x\n" + head + row + "a;2025-03-03;" + w + ";\n",
		"csv_date":       "x\n" + head + row + "a;" + w + ";1;\n",
		"csv_ragged":     "x\n" + head + row + "a;2025-03-03;1;;" + w + "\n",
		"csv_quote":      "x\n" + head + row + "a;2025-03-03;1;\"" + w + "\n",
		"csv_header":     "x\nenhet;dag;ok;anteckning;" + w + "\na;2025-03-01;1;;\n",
		"csv_headerless": "x\n" + w + ";2025-03-01;1;\n",
		"csv_encoding":   "x\n" + head + row + w + ";2025-03-01;1;\xff\n",
		"fix_note":       "a2025-03-011" + fmt.Sprintf("%-28s", "om "+w) + "\n",
		"fix_short":      "a2025-03-011\na" + w + "\n",
		"gz_name":        zipped(t, head+row, w+".csv", ""),
		"gz_comment":     zipped(t, head+row, "", "av "+w),
		"gz_second":      zipped(t, head+row, "", "") + zipped(t, "a;2025-03-03;0;\n", w, ""),
		"gz_row":         zipped(t, head+row+"a;2025-03-03;1;"+w+"\n", "", ""),
		"zip_comment":    archive(t, "av "+w, packedPart{name: "x.csv", text: head + row}),
		"zip_member":     archive(t, "", packedPart{name: "x.csv", text: head + row, comment: w}),
		"zip_name":       archive(t, "", packedPart{name: "lista " + w + ".csv", text: head + row}),
		"zip_folder":     archive(t, "", packedPart{name: w + "/"}, packedPart{name: "x.csv", text: head + row}),
		"zip_hidden":     archive(t, "", packedPart{name: "x.csv", text: head + row}, packedPart{name: ".log", text: "en rad\nav " + w + "\n"}),
		"ndj_nested":     `{"enhet":"a","dag":"2025-03-01","ok":1,"anteckning":{"om":{"vem":["` + w + `"]}}}` + "\n",
		"ndj_key":        `{"enhet":"a","dag":"2025-03-01","ok":1,"anteckning":{"` + w + `":1}}` + "\n",
		"ndj_unknown":    `{"enhet":"a","dag":"2025-03-01","ok":1,"anteckning":"","` + w + `":1}` + "\n",
		"ndj_broken":     `{"enhet":"a","dag":"2025-03-01","ok":1,"anteckning":""}` + "\n" + `{"enhet":"a","dag":"` + w + "\n",

		"parquet_note":     parquetNote(t, w),
		"parquet_metadata": parquetNote(t, "", pq.KeyValueMetadata("av", "skapad av "+w)),
		"parquet_key":      parquetNote(t, "", pq.KeyValueMetadata(w, "x")),
		"parquet_writer":   parquetNote(t, "", pq.CreatedBy(w, "1", "x")),
		"arrow_note":       arrowNote(t, "om "+w, "x", "", ""),
		"arrow_unused":     arrowNote(t, "x", w, "", ""),
		"arrow_schema":     arrowNote(t, "x", "y", `{"by": "`+w+`"}`, ""),
		"arrow_field":      arrowNote(t, "x", "y", "", w),
	}
	for _, place := range []string{"other", "name comment", "name", "phonetic", "orphan", "formula", "prompt", "choice", "tooltip", "header", "remark", "hidden", "footer", "archive"} {
		out["book_"+place] = book(t, map[string]string{place: w})
	}
	for name, p := range map[string]packedPart{
		"comments":   {name: "xl/comments1.xml", text: `<comments><authors><author>A</author></authors><commentList><comment ref="A2"><text><r><t>` + w[:5] + `</t></r><r><rPr><b/></rPr><t>` + w[5:] + `</t></r></text></comment></commentList></comments>`},
		"author":     {name: "xl/comments1.xml", text: `<comments><authors><author>` + w + `</author></authors></comments>`},
		"threads":    {name: "xl/threadedComments/threadedComment1.xml", text: `<ThreadedComments><threadedComment ref="A1"><text>se ` + w + `</text></threadedComment></ThreadedComments>`},
		"person":     {name: "xl/persons/person.xml", text: `<personList><person displayName="` + w + `"/></personList>`},
		"core":       {name: "docProps/core.xml", text: `<cp:coreProperties xmlns:cp="a" xmlns:dc="b"><dc:creator>` + w + `</dc:creator></cp:coreProperties>`},
		"app":        {name: "docProps/app.xml", text: `<Properties><Manager>` + w + `</Manager></Properties>`},
		"custom":     {name: "docProps/custom.xml", text: `<Properties><property name="Patient"><vt:lpwstr xmlns:vt="v">` + w + `</vt:lpwstr></property></Properties>`},
		"own":        {name: "customXml/item1.xml", text: `<a b="` + w + `"/>`},
		"pivot":      {name: "xl/pivotCache/pivotCacheDefinition1.xml", text: `<pivotCacheDefinition><sharedItems><s v="` + w + `"/></sharedItems></pivotCacheDefinition>`},
		"external":   {name: "xl/externalLinks/externalLink1.xml", text: `<externalLink><cell r="A1"><v>` + w + `</v></cell></externalLink>`},
		"link":       {name: "xl/worksheets/_rels/sheet1.xml.rels", text: `<Relationships><Relationship Id="rId9" Type="hyperlink" Target="https://example.org/` + w + `" TargetMode="External"/></Relationships>`},
		"box":        {name: "xl/drawings/drawing1.xml", text: `<xdr:wsDr xmlns:xdr="x" xmlns:a="a"><a:p><a:r><a:t>` + w + `</a:t></a:r></a:p></xdr:wsDr>`},
		"picture":    {name: "xl/drawings/drawing1.xml", text: `<xdr:wsDr xmlns:xdr="x"><xdr:cNvPr id="2" name="Bild 1" descr="` + w + `"/></xdr:wsDr>`},
		"vml":        {name: "xl/drawings/vmlDrawing1.vml", text: `<xml><v:textbox><br>` + w + `</v:textbox></xml>`},
		"printer":    {name: "xl/printerSettings/printerSettings1.bin", text: "\x01\x00" + strings.Join(strings.Split(" "+w+" ", ""), "\x00") + "\x00"},
		"table":      {name: "xl/tables/table1.xml", text: `<table displayName="T"><tableColumns><tableColumn id="1" name="` + w + `"/></tableColumns></table>`},
		"format":     {name: "xl/styles.xml", text: `<styleSheet><numFmts><numFmt numFmtId="170" formatCode="0&quot; ` + w + `&quot;"/></numFmts></styleSheet>`},
		"embeddings": {name: "xl/embeddings/Microsoft_Excel_Sheet1.xlsx", text: w},
	} {
		out["book_"+name] = book(t, nil, p)
	}
	for _, place := range []string{"bundle", "fullUrl", "organisation", "tag", "narrative", "contained", "subject", "subject display", "reporter", "extension", "key", "period", "evaluated", "code", "display", "text"} {
		out["fhir_"+place] = measureReport(map[string]string{place: w, "key": map[bool]string{true: w, false: "urn"}[place == "key"]})
	}
	for _, name := range []string{"csv_" + w, "csv_av" + w + "a", "csv_2025-03-01T1200_" + w} {
		out[name] = "x\n" + head + row
	}
	return out
}

// placesFeeds is placesCatalog with the feeds whose rows are alike.
func placesFeeds() string {
	all := placesCatalog
	for _, feed := range []string{"id: csv, dialect: {delimiter: \";\", dates: iso, preamble: {lines: 1}}", "id: gz, compression: gzip, dialect: {delimiter: \";\", dates: iso}",
		"id: zip, compression: zip, dialect: {delimiter: \";\", dates: iso}", "id: book, format: xlsx, dialect: {dates: iso}", "id: ndj, format: ndjson, dialect: {dates: iso}",
		"id: parquet, format: parquet, dialect: {dates: iso}", "id: arrow, format: arrow, dialect: {dates: iso}",
		"id: fix, format: fixed, dialect: {header: false, dates: iso}, fixed: [{name: enhet, from: 1, width: 1}, {name: dag, from: 2, width: 10}, {name: ok, from: 12, width: 1}, {name: anteckning, from: 13, width: 28}]"} {
		id, _, _ := strings.Cut(feed[4:], ",")
		all += "  - {" + feed + `, registry: con, files: ["` + id + `_*"], delivery: snapshot, scope: file, as_of: {by: arrival},
      columns: {unit: enhet, unit_system: local, event_date: dag}, measures: [{indicator: con_ok, numerator: ok, denominator: "=1"}], ignore_columns: [anteckning]}
`
	}
	return all
}

// placesNumbers are a number of each country.
func placesNumbers() []string {
	return []string{"19121212-1212", "13097248022", "070761-4285", "131052-308T"}
}

// otherwise reports whether a file is rejected, or loses a row, by another check
// before C15 has its turn; it is not taken whole.
func otherwise(place string) bool {
	return slices.Contains([]string{"ndj_broken", "ndj_unknown", "csv_encoding", "csv_headerless", "book_embeddings", "csv_header", "fix_short", "csv_ragged", "csv_quote"}, place)
}

// faultsOnly keeps the faults of a reading.
type faultsOnly struct{ all []intake.Reject }

func (*faultsOnly) Block(*event.Observations) error { return nil }

func (f *faultsOnly) Reject(r *intake.Reject) error {
	one := *r
	one.Raw, one.More, one.Layout = nil, nil, nil // which are the sender's own
	f.all = append(f.all, one)
	return nil
}

// readFor reads a file as its feed says, and reports whether check C15 found
// anything, whether it was taken whole, and all that was said of it.
func readFor(t *testing.T, c *catalog.Catalog, file, text string) (found, whole bool, said string) {
	t.Helper()
	idx := c.Index()
	feed, err := idx.FeedFor(file)
	if err != nil {
		t.Fatal(err)
	}
	d := intake.Delivery{Region: "testland", ID: "d", Name: file, AsOf: catalog.DateOf(noon())}
	sink := &faultsOnly{}
	res, err := intake.Read(t.Context(), strings.NewReader(text), feed, idx, d, sink)
	if again, ok := errors.AsType[*intake.Reread](err); ok {
		d.Looked, sink = again.Looked, &faultsOnly{}
		res, err = intake.Read(t.Context(), strings.NewReader(text), feed, idx, d, sink)
	}
	found, whole = res.Rules[intake.RuleIdentity] > 0, err == nil && res.Rejected == 0
	if bad, ok := errors.AsType[*intake.FileError](err); ok {
		for _, p := range bad.Problems {
			found = found || p.Rule == intake.RuleIdentity
		}
	} else if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	res.Layout = intake.Layout{}
	return found, whole, fmt.Sprintf("%+v %v %+v", res, err, sink.all)
}

// TestIdentitiesOfEveryCountryInEveryPlace plants a number of each country in
// every place of every format that holds text, one a file: each file is rejected
// or loses that row by check C15, and what is said of it has no number. The same
// files without a number are taken.
func TestIdentitiesOfEveryCountryInEveryPlace(t *testing.T) {
	c, err := catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(placesFeeds())}})
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, number := range append(placesNumbers(), "inget") {
		for place, text := range filesWith(t, number) {
			files++
			shown, bad := intake.CheckName(place, catalog.DateOf(noon()))
			if strings.Contains(place, number) {
				if number != "inget" && (bad == nil || bad.Rule != intake.RuleIdentity || strings.Contains(shown, number)) {
					t.Errorf("the name %s is taken", place)
				}
				continue
			}
			found, whole, said := readFor(t, c, place, text)
			if strings.Contains(said, number) && number != "inget" {
				t.Errorf("%s: %s is said: %s", place, number, said)
			}
			switch {
			case otherwise(place):
				if whole && number != "inget" {
					t.Errorf("%s with %s is taken whole", place, number)
				}
			case found != (number != "inget"):
				t.Errorf("%s with %s: found %v: %s", place, number, found, said)
			}
		}
	}
	if files < 400 {
		t.Errorf("%d files", files)
	}
}

// TestIdentitiesOfEveryPlaceStandNowhere runs the same files through the whole
// process, each with the number of one country: the numbers stand in none of the
// files, tables, events, logs and metrics but in the sealed raw files.
func TestIdentitiesOfEveryPlaceStandNowhere(t *testing.T) {
	numbers := placesNumbers()
	catalogDir, drop, data := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, catalogDir, "catalog.yaml", placesFeeds())
	var of []map[string]string
	for _, number := range numbers {
		of = append(of, filesWith(t, number))
	}
	placed := 0
	for _, place := range slices.Sorted(maps.Keys(of[0])) {
		i := placed % len(numbers)
		here := strings.ReplaceAll(place, numbers[0], numbers[i])
		write(t, drop, fmt.Sprintf("%s.%d", strings.ReplaceAll(here, " ", "-"), i), of[i][here])
		placed++
	}
	var logs bytes.Buffer
	cfg := config(data, catalogDir, drop, nil)
	cfg.Logger = slog.New(slog.NewJSONHandler(&logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	receipts := a.Received()
	if len(receipts) != placed {
		t.Fatalf("%d receipts of %d files", len(receipts), placed)
	}
	kept := map[string][]byte{"logs": logs.Bytes(), "receipts": fmt.Appendf(nil, "%+v", receipts)}
	if raws := whatIsKept(t, a, cfg, kept); raws < 60 {
		t.Errorf("%d raw files", raws)
	}
	for _, number := range numbers {
		for form, b := range forms(number) {
			for where, all := range kept {
				if i := bytes.Index(all, b); i >= 0 {
					t.Errorf("%s, %s, stands in %s: %q", number, form, where, all[max(0, i-80):min(len(all), i+40)])
				}
			}
		}
	}
	if len(kept) < 200 || placed < 80 {
		t.Errorf("%d places, %d files", len(kept), placed)
	}
}
