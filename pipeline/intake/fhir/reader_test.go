package fhir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/fhir"
	"larstrom/pipeline/intake/record"
)

const hsa = "urn:oid:1.2.752.29.4.19"

func options(t testing.TB) fhir.Options {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	return fhir.Options{Encoding: "utf-8", Reports: "summary", Unit: catalog.FhirUnit{System: hsa}, Zone: zone, Decimal: ',',
		Names: []string{"indicator", "version", "unit", "start", "end", "stratum", "numerator", "denominator", "score"},
		Measures: []catalog.FhirMeasure{{URL: "https://example.org/Measure/bp", Indicator: "bp"}, {URL: "https://example.org/Measure/bp|2.0", Indicator: "bp", Version: "2"},
			{URL: "https://example.org/Measure/two", Group: "a", Indicator: "first"}, {URL: "https://example.org/Measure/two", Group: "b", Indicator: "second"}}}
}

// read gives one text a row: its fields joined by "|", and behind "!" its
// faults.
func read(t testing.TB, text string, opt fhir.Options) (out []string, err error) {
	t.Helper()
	r, err := fhir.NewReader(strings.NewReader(text), opt)
	if err != nil {
		t.Fatal(err)
	}
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if rec.Line != uint64(len(out)+1) || rec.Place == "" {
			t.Fatalf("row %d says that it is %d, at %q", len(out)+1, rec.Line, rec.Place)
		}
		s := string(bytes.Join(rec.Fields, []byte("|")))
		if rec.Malformed != "" {
			s = "malformed: " + rec.Malformed
		}
		for _, f := range rec.Faults {
			if f.Hint == "" || f.Rule == "" {
				t.Errorf("a fault without a hint or rule: %+v", f)
			}
			s += fmt.Sprintf("!%s %s", f.Column, f.Text)
		}
		out = append(out, s)
	}
}

// report is a report of the measure with one group; change replaces its texts.
func report(change ...string) string {
	return strings.NewReplacer(change...).Replace(`{
  "resourceType": "MeasureReport", "id": "r1", "status": "complete", "type": "summary",
  "measure": "https://example.org/Measure/bp|1.0",
  "reporter": {"identifier": {"system": "` + hsa + `", "value": "SE1-N"}},
  "period": {"start": "2024-01-01", "end": "2024-01-31"},
  "group": [{
    "population": [
      {"code": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-population", "code": "initial-population"}]}, "count": 120},
      {"code": {"coding": [{"code": "denominator"}]}, "count": 100},
      {"code": {"coding": [{"code": "numerator"}]}, "count": 81}
    ],
    "measureScore": {"value": 0.810}
  }]
}`)
}

func bundle(entries ...string) string {
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = fmt.Sprintf(`{"fullUrl":"urn:uuid:%d","resource":%s}`, i, e)
	}
	return `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(out, ",\n") + "]}\n"
}

func lines(entries ...string) string {
	var b strings.Builder
	for _, e := range entries {
		var one bytes.Buffer
		if err := json.Compact(&one, []byte(e)); err != nil {
			panic(err)
		}
		b.WriteString(one.String() + "\n")
	}
	return b.String()
}

const plainRow = "bp|1.0|SE1-N|2024-01-01|2024-01-31||81|100|0,810"

// TestForms: one resource, a Bundle and lines give the same rows.
func TestForms(t *testing.T) {
	opt := options(t)
	other := report("SE1-N", "SE1-S", "81", "0")
	want := []string{plainRow, strings.NewReplacer("SE1-N", "SE1-S", "|81|", "|0|", "0,810", "0,00").Replace(plainRow)}
	want[1] = "bp|1.0|SE1-S|2024-01-01|2024-01-31||0|100|0,00"
	got, err := read(t, report(), opt)
	if err != nil || !slices.Equal(got, want[:1]) {
		t.Errorf("one resource: %q, %v", got, err)
	}
	if got, err = read(t, bundle(report(), other), opt); err != nil || !slices.Equal(got, want) {
		t.Errorf("a Bundle: %q, %v", got, err)
	}
	opt.Lines = true
	if got, err = read(t, lines(report(), other), opt); err != nil || !slices.Equal(got, want) {
		t.Errorf("lines: %q, %v", got, err)
	}
	for name, text := range map[string]string{"in a Bundle": bundle(bundle(report())), "inside another": bundle(`{"resourceType":"Basic","contained":[` + report() + `]}`),
		"behind a mark": "\ufeff" + report()} {
		var bad *record.Error
		if got, err := read(t, text, options(t)); len(got) != 0 || !errors.As(err, &bad) || bad.Cut {
			t.Errorf("a report %s: %q, %v", name, got, err)
		}
	}
	if got, err = read(t, bundle(), options(t)); err != nil || len(got) != 0 {
		t.Errorf("an empty Bundle: %q, %v", got, err)
	}
}

// TestReports: what becomes of one report.
func TestReports(t *testing.T) {
	const denominator = `{"code": {"coding": [{"code": "denominator"}]}, "count": 100}`
	excluded := denominator + `, {"code": {"coding": [{"code": "denominator-exclusion"}]}, "count": 7}, {"code": {"coding": [{"code": "denominator-exception"}]}, "count": 3}`
	row := func(change ...string) string { return strings.NewReplacer(change...).Replace(plainRow) }
	for _, c := range []struct {
		name string
		text string
		opt  func(*fhir.Options)
		want string
	}{
		{"plain", report(), nil, plainRow},
		{"the version before the URL alone", report("|1.0", "|2.0"), nil, row("1.0", "2")},
		{"no version", report("|1.0", ""), nil, row("1.0", "")},
		{"a code of the sender before that of FHIR", report(`{"coding": [{"code": "numerator"}]}`, `{"coding": [{"system": "urn:x", "code": "T"}, {"code": "numerator"}]}`), nil, plainRow},
		{"two codes of FHIR", report(`{"coding": [{"code": "numerator"}]}`, `{"coding": [{"system": "urn:x", "code": "denominator"}, {"system": "http://terminology.hl7.org/CodeSystem/measure-population", "code": "numerator"}]}`), nil, plainRow},
		{"a population called as a field", report(`"code": "initial-population"`, `"code": "unit"`), nil, plainRow},
		{"unknown measure waits", report("Measure/bp", "Measure/x"), nil, row("bp|1.0", "https://example.org/Measure/x|1.0|1.0")},
		{"months", report(`"2024-01-31"`, `"2024-02"`), nil, row("2024-01-31", "2024-02-29")},
		{"years", report(`"2024-01-01"`, `"2024"`, `"2024-01-31"`, `"2024"`), nil, row("2024-01-31", "2024-12-31")},
		{"instants are of the zone", report(`"2024-01-01"`, `"2023-12-31T23:00:00Z"`, `"2024-01-31"`, `"2024-01-31T23:59:59.999+01:00"`), nil, plainRow},
		{"an instant of the next day", report(`"2024-01-31"`, `"2024-01-31T23:30:00Z"`), nil, row("2024-01-31", "2024-02-01")},
		{"no date", report(`"2024-01-31"`, `"2024-01-32"`), nil, row("2024-01-31", "") + "!end not a date of FHIR"},
		{"no end", report(`, "end": "2024-01-31"`, ""), nil, row("2024-01-31", "") + "!end the report has no end of its period"},
		{"missing count is missing", report(`"count": 81`, `"_count": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}`), nil, row("|81|", "||")},
		{"absent count is missing", report(`, "count": 81`, ""), nil, row("|81|", "||")},
		{"absent population is missing", report(`,
      {"code": {"coding": [{"code": "numerator"}]}, "count": 81}`, ""), nil, row("|81|", "||")},
		{"a count and a reason", report(`"count": 81`, `"count": 81, "_count": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "error"}]}`), nil,
			row("|81|", "||") + "!numerator the count has a value and a reason why it has none"},
		{"a count in quotes", report(`"count": 81`, `"count": "81"`), nil, row("|81|", "||") + "!numerator the count is not a whole number"},
		{"a count with a fraction", report(`"count": 81`, `"count": 81.0`), nil, row("|81|", "||") + "!numerator the count is not a whole number"},
		{"a count twice", report(`"denominator"`, `"numerator"`), nil, row("|81|100", "|100|") + "!numerator the population stands twice in a group"},
		{"score without exponent", report("0.810", "8.1e-1"), nil, row("0,810", "0,81")},
		{"score with many digits", report("0.810", "0.81000000000000000001"), nil, row("0,810", "0,81000000000000000001")},
		{"score with an exponent", report("0.810", "1.25E+1"), nil, row("0,810", "12,5")},
		{"score with a large exponent", report("0.810", "-12.5e2"), nil, row("0,810", "-1250")},
		{"score with a small exponent", report("0.810", "125e-4"), nil, row("0,810", "0,0125")},
		{"score that no score is", report("0.810", "1e999"), nil, row("|0,810", "|") + "!score the score has an exponent that no score has"},
		{"score in quotes", report("0.810", `"0.810"`), nil, row("|0,810", "|") + "!score the score is not a number"},
		{"a bound", report(`{"value": 0.810}`, `{"value": 0.810, "comparator": "<"}`), nil, row("|0,810", "|") + "!score the score is a bound, not a value"},
		{"no score", report(`,
    "measureScore": {"value": 0.810}`, ""), nil, row("|0,810", "|")},
		{"exclusions that nothing is said of", report(denominator, excluded), nil, plainRow + "!denominator-exclusion the report has a denominator-exclusion, and the feed does not say whether its denominator holds it"},
		{"exclusions that are off", report(denominator, excluded), func(o *fhir.Options) { o.Exclusions = "done" }, plainRow},
		{"exclusions that are in", report(denominator, excluded), func(o *fhir.Options) { o.Exclusions = "subtract" }, row("|100|", "|90|")},
		{"exclusions of none", report(denominator, strings.NewReplacer("7", "0", "3", "0").Replace(excluded)), nil, plainRow},
		{"exclusions that are not known", report(denominator, strings.Replace(excluded, `, "count": 7`, "", 1)), func(o *fhir.Options) { o.Exclusions = "subtract" }, row("|100|", "||")},
		{"pending", report(`"complete"`, `"pending"`), nil, plainRow + "! the report is not complete: its status is pending"},
		{"no status", report(`"complete"`, `"entered-in-error"`), nil, plainRow + "! the report has no status that is known"},
		{"individual in a summary", report(`"type": "summary"`, `"type": "individual"`), nil, plainRow + "! the report is of the type individual, the feed takes the type summary"},
		{"subject list", report(`"type": "summary"`, `"type": "subject-list"`), nil, plainRow + "! the report is of the type subject-list, which has no counts"},
		{"data collection", report(`"type": "summary"`, `"type": "data-collection"`), nil, plainRow + "! the report is of the type data-collection, which has no counts"},
		{"a modifier", report(`"measureScore": {`, `"measureScore": {"modifierExtension": [{"url": "x", "valueBoolean": true}], `), nil, plainRow + "! the report has implicit rules or a modifier extension, which give it another meaning"},
		{"no group", report(`"group"`, `"groups"`), nil, "bp|1.0|SE1-N|2024-01-01|2024-01-31||||! the report has no group"},
		{"another system", report(hsa, "urn:oid:2"), nil, row("SE1-N", "") + "!unit the reporter has no identifier of the system that the feed names"},
		{"a contained organisation", report(`"identifier": {"system": "`+hsa+`", "value": "SE1-N"}`, `"reference": "#o"`, `"period"`,
			`"contained": [{"resourceType": "Organization", "id": "o", "identifier": [{"system": "x", "value": "no"}, {"system": "`+hsa+`", "value": "SE1-N"}]}], "period"`), nil, plainRow},
		{"the id of a reference", report(`"identifier": {"system": "`+hsa+`", "value": "SE1-N"}`, `"reference": "https://fhir.example.org/Organization/SE1-N"`),
			func(o *fhir.Options) { o.Unit.System = "" }, plainRow},
		{"the id of a person is none of a unit", report(`"identifier": {"system": "`+hsa+`", "value": "SE1-N"}`, `"reference": "Practitioner/191212121212"`),
			func(o *fhir.Options) { o.Unit.System = "" }, row("SE1-N", "")},
		{"the organisation as the subject", report(`"reporter"`, `"subject"`), func(o *fhir.Options) { o.Unit.From = "subject" }, plainRow},
		{"escapes", report("SE1-N", `\u0053E1\u002dN`), nil, plainRow},
	} {
		opt := options(t)
		if c.opt != nil {
			c.opt(&opt)
		}
		got, err := read(t, c.text, opt)
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %q, %v\nwant %q", c.name, got, err, c.want)
		}
	}
}

// TestIndividual: a report of one subject counts 0 or 1, and its subject stands
// in its column alone.
func TestIndividual(t *testing.T) {
	opt := options(t)
	opt.Reports, opt.Names = "individual", []string{"subject", "numerator", "denominator"}
	one := report(`"type": "summary"`, `"type": "individual", "subject": {"reference": "Patient/p-17", "identifier": {"system": "urn:p", "value": "17"}}`, "81", "0", "100", "1", "120", "1", "0.810", "0")
	if got, err := read(t, one, opt); err != nil || !slices.Equal(got, []string{"Patient/p-17|0|1"}) {
		t.Errorf("%q, %v", got, err)
	}
	opt.SubjectSystem = "urn:p"
	if got, err := read(t, one, opt); err != nil || !slices.Equal(got, []string{"17|0|1"}) {
		t.Errorf("%q, %v", got, err)
	}
	opt.SubjectSystem = "urn:q"
	if got, err := read(t, one, opt); err != nil || !slices.Equal(got, []string{"|0|1!subject an individual report without a subject"}) {
		t.Errorf("%q, %v", got, err)
	}
	opt.SubjectSystem = ""
	got, err := read(t, strings.Replace(one, `"count": 0`, `"count": 2`, 1), opt)
	if err != nil || !slices.Equal(got, []string{"Patient/p-17||1!numerator the count of an individual report is neither 0 nor 1"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestGroupsAndStrata: each group is an indicator of its own, and each stratum
// of a stratifier that the feed takes a row.
func TestGroupsAndStrata(t *testing.T) {
	population := func(n, d int) string {
		return fmt.Sprintf(`"population": [{"code": {"coding": [{"code": "numerator"}]}, "count": %d}, {"code": {"coding": [{"code": "denominator"}]}, "count": %d}]`, n, d)
	}
	text := report()
	text = text[:strings.Index(text, `"group"`)] + `"group": [
		{"code": {"coding": [{"code": "a"}]}, ` + population(3, 10) + `, "stratifier": [
			{"code": [{"text": "sex"}], "stratum": [
				{"value": {"coding": [{"code": "K"}]}, ` + population(1, 4) + `, "measureScore": {"value": 0.25}},
				{"value": {"text": "M"}, ` + population(2, 6) + `},
				{` + population(0, 0) + `}]},
			{"code": [{"coding": [{"code": "age"}]}], "stratum": [{"component": [{"code": {"text": "to"}, "value": {"text": "80"}}, {"code": {"text": "from"}, "value": {"text": "65"}}], ` + population(3, 9) + `}]}]},
		{"id": "b", ` + population(5, 10) + `}, {"code": {"text": "c"}, ` + population(6, 10) + `}]}`
	text = strings.Replace(text, "Measure/bp|1.0", "Measure/two", 1)
	opt := options(t)
	opt.Names = []string{"indicator", "group", "stratum", "numerator", "denominator", "score"}
	opt.Stratifiers = []string{"sex"}
	want := []string{"first|a||3|10|", "first|a|K|1|4|0,25", "first|a|M|2|6|", "first|a||0|0|!stratum a stratum without a value", "second|b||5|10|", "https://example.org/Measure/two#c|c||6|10|"}
	if got, err := read(t, text, opt); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	opt.Stratifiers = []string{"sex", "age"}
	got, err := read(t, text, opt)
	if err != nil || len(got) != 7 || got[1] != "first|a|sex=K|1|4|0,25" || got[4] != "first|a|age=from=65;to=80|3|9|" {
		t.Errorf("%q, %v", got, err)
	}
	opt.Stratifiers = nil
	if got, err := read(t, text, opt); err != nil || len(got) != 3 {
		t.Errorf("%q, %v", got, err)
	}
}

// TestOrganisations of a Bundle tell the identifiers of reporters behind them.
func TestOrganisations(t *testing.T) {
	organisation := `{"resourceType":"Organization","id":"o","identifier":[{"system":"` + hsa + `","value":"SE1-N"}]}`
	for _, reference := range []string{"Organization/o", "urn:uuid:0"} {
		one := report(`"identifier": {"system": "`+hsa+`", "value": "SE1-N"}`, `"reference": "`+reference+`"`)
		got, err := read(t, bundle(organisation, one), options(t))
		if err != nil || !slices.Equal(got, []string{plainRow}) {
			t.Errorf("%s: %q, %v", reference, got, err)
		}
		if got, err := read(t, bundle(one, organisation), options(t)); err != nil || !strings.Contains(got[0], "!unit") {
			t.Errorf("%s behind: %q, %v", reference, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, rule, want, text string }{
		{"no JSON", "C02", "not JSON", "unit;date\n"},
		{"an array", "C02", "not JSON", "[" + report() + "]"},
		{"another resource", "C03", "no MeasureReport", `{"resourceType":"Patient"}`},
		{"no resource", "C03", "neither a resource nor a Bundle", `{"a":1}`},
		{"a key twice", "C02", "twice", report(`"id": "r1"`, `"id": "r1", "id": "r2"`)},
		{"a key twice inside", "C02", "twice", report(`"count": 81`, `"count": 81, "count": 82`)},
		{"something behind", "C02", "follows", report() + "{}"},
		{"lines in a feed of one resource", "C02", "follows", lines(report(), report())},
		{"a comma behind the last", "C02", "not JSON", bundle(report() + ",")},
		{"a comma in the object", "C02", "not JSON", `{"resourceType":"Bundle","type":"collection",}`},
		{"not UTF-8", "C01", "", report("SE1-N", "SE1-\xff")},
		{"NUL", "C02", "NUL", report("SE1-N", `SE1-\u0000`)},
		{"half a pair", "C02", "surrogate", report("SE1-N", `SE1-\ud800`)},
		{"history", "C03", "history", strings.Replace(bundle(report()), "collection", "history", 1)},
		{"no type", "C03", "no type", strings.Replace(bundle(report()), "collection", "x", 1)},
		{"a further page", "C04", "further page", strings.Replace(bundle(report()), `"entry"`, `"link":[{"relation":"next","url":"x"}],"entry"`, 1)},
		{"fewer than it says", "C04", "more matches than the 1", strings.Replace(bundle(report()), `"type":"collection"`, `"type":"searchset","total":2`, 1)},
		{"a request", "C03", "request", `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"MeasureReport/r1"}}]}`},
		{"depth", "C02", "deep", report(`"id": "r1"`, `"extension": `+strings.Repeat("[", 70)+strings.Repeat("]", 70))},
		{"entries that are none", "C02", "not JSON", `{"resourceType":"Bundle","type":"collection","entry":[1]}`},
		{"one endless string", "C02", "more than 16777216 bytes", `{"resourceType":"MeasureReport","text":"` + strings.Repeat("x", 17<<20)},
	} {
		_, err := read(t, c.text, options(t))
		bad, ok := errors.AsType[*record.Error](err)
		if !ok || bad.Cut || bad.Rule != c.rule || bad.Hint == "" || !strings.Contains(bad.Text, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestLinesThatAreNone: a line that is no resource rejects itself alone.
func TestLinesThatAreNone(t *testing.T) {
	opt := options(t)
	opt.Lines = true
	got, err := read(t, lines(report())+"{\"resourceType\":\n"+lines(report()), opt)
	if err != nil || len(got) != 3 || got[0] != plainRow || got[1] != "malformed: the line is not a resource: it is not JSON" || got[2] != plainRow {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := read(t, lines(bundle(report())), opt); err == nil {
		t.Error("a Bundle in a line")
	}
}

// TestCutEverywhere: no beginning of a resource or Bundle passes for it.
func TestCutEverywhere(t *testing.T) {
	for _, text := range []string{report(), strings.TrimSpace(bundle(report("SE1-N", "SE1-å"), report()))} {
		for n := 1; n < len(text); n++ {
			_, err := read(t, text[:n], options(t))
			if bad, ok := errors.AsType[*record.Error](err); !ok || !bad.Cut {
				t.Fatalf("%d of %d bytes: %v", n, len(text), err)
			}
		}
	}
}

// TestEscapesAtBorders: what is read in pieces is the same wherever they end.
func TestEscapesAtBorders(t *testing.T) {
	for odd := range 2 {
		text := report(`"id": "r1"`, `"id": "`+strings.Repeat("x", odd)+strings.Repeat(`\"`, 400_000)+`"`)
		if got, err := read(t, bundle(text, report()), options(t)); err != nil || !slices.Equal(got, []string{plainRow, plainRow}) {
			t.Errorf("%d rows, %v", len(got), err)
		}
	}
}

// TestDamage: a byte that was changed gives a fault, another text or the same
// row, never a panic and never another number of rows unnoticed.
func TestDamage(t *testing.T) {
	text := bundle(report(), report("SE1-N", "SE1-S"))
	for i := range text {
		for _, c := range []byte("\"{}[],:0x \\") {
			b := []byte(text)
			b[i] = c
			got, err := read(t, string(b), options(t))
			if _, ok := errors.AsType[*record.Error](err); err != nil && !ok {
				t.Fatalf("byte %d as %q: %v", i, c, err)
			}
			// What is no report any more gives no row, and is a finding.
			whole := strings.Count(string(b), `"resource":`) == 2 && strings.Count(string(b), `"resourceType": "MeasureReport"`) == 2
			if err == nil && len(got) != 2 && whole {
				t.Fatalf("byte %d as %q: %q", i, c, got)
			}
		}
	}
}

// TestBeside: texts are told with the next row, but for those of the subject and
// of the unit, and codes of SNOMED CT, which have any number of digits.
func TestBeside(t *testing.T) {
	opt := options(t)
	patient := `{"resourceType":"Patient","id":"p","name":[{"family":"Fremmed"}]}`
	one := report(`"type": "summary"`, `"type": "summary", "text": {"status": "generated", "div": "Tolvan", "_div": {"191212121212": 7}}, "subject": {"display": "Alla"}, "evaluatedResource": [{"extension":
		[{"valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "1010561009", "display": "Mottagning"}, {"system": "urn:x", "code": "1010561010"}]}}]}]`)
	for reports, want := range map[string][]string{
		"summary":    {"Patient", "p", "Fremmed", "MeasureReport", "r1", "generated", "Tolvan", "191212121212", "7", "Alla", "Mottagning", "1010561010"},
		"individual": {"r1", "generated", "Tolvan", "191212121212", "7", "Mottagning", "1010561010"},
	} {
		opt.Reports = reports
		r, err := fhir.NewReader(strings.NewReader(bundle(patient, strings.Replace(one, `"type": "summary"`, `"type": "`+reports+`"`, 1))), opt)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(string(bytes.Join(rec.Others, []byte("|"))), "|")
		for _, text := range want {
			if !slices.Contains(got, text) {
				t.Errorf("%s: %q lacks %s", reports, got, text)
			}
		}
		if slices.Contains(got, "1010561009") || slices.Contains(got, "SE1-N") || reports == "individual" && (slices.Contains(got, "Fremmed") || slices.Contains(got, "Alla")) {
			t.Errorf("%s: %q", reports, got)
		}
		if n := len(r.End().Findings); n != 1 {
			t.Errorf("%d findings", n)
		}
	}
}

// TestRoundTrip: any counts and scores come out digit by digit.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var texts, want []string
		for range rapid.IntRange(1, 5).Draw(rt, "reports") {
			n, d := rapid.Int64Range(0, 1<<40).Draw(rt, "n"), rapid.Int64Range(0, 1<<40).Draw(rt, "d")
			unit := strings.ReplaceAll(rapid.StringN(1, 12, -1).Draw(rt, "unit"), "\x00", "")
			unit = strings.ToValidUTF8(unit, "")
			quoted, err := json.Marshal(unit)
			if err != nil {
				rt.Fatal(err)
			}
			whole, fraction := rapid.Uint64().Draw(rt, "whole"), rapid.StringOfN(rapid.RuneFrom([]rune("0123456789")), 1, 20, -1).Draw(rt, "fraction")
			one := report(`"SE1-N"`, string(quoted), `"count": 81`, fmt.Sprintf(`"count": %d`, n), `"count": 100`, fmt.Sprintf(`"count": %d`, d), "0.810", fmt.Sprintf("%d.%s", whole, fraction))
			texts = append(texts, one)
			want = append(want, fmt.Sprintf("bp|1.0|%s|2024-01-01|2024-01-31||%d|%d|%d,%s", unit, n, d, whole, fraction))
			if unit == "" {
				want[len(want)-1] += "!unit the reporter has no identifier of the system that the feed names"
			}
		}
		opt := options(t)
		text := bundle(texts...)
		if opt.Lines = rapid.Bool().Draw(rt, "lines"); opt.Lines {
			text = lines(texts...)
		}
		if got, err := read(t, text, opt); err != nil || !slices.Equal(got, want) {
			rt.Fatalf("%v\n%q\nwant\n%q", err, got, want)
		}
	})
}

// FuzzReader: whatever the bytes are, the reader ends without panic.
func FuzzReader(f *testing.F) {
	for _, text := range []string{report(), bundle(report(), report()), lines(report()), `{"resourceType":"Bundle","entry":[{}]}`, "{}", "[", `{"entry":[{"resource":{"resourceType":"MeasureReport","type":"individual","group":[{"stratifier":[{}]}]}}]}`} {
		f.Add(false, text)
		f.Add(true, text)
	}
	f.Fuzz(func(t *testing.T, byLine bool, text string) {
		opt := options(t)
		opt.Lines, opt.Stratifiers, opt.Exclusions = byLine, []string{"sex"}, "subtract"
		_, err := read(t, text, opt)
		if _, ok := errors.AsType[*record.Error](err); err != nil && !ok {
			t.Fatal(err)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	one := report()
	many := make([]string, 2000)
	for i := range many {
		many[i] = one
	}
	for name, text := range map[string]string{"bundle": bundle(many...), "lines": lines(many...)} {
		b.Run(name, func(b *testing.B) {
			opt := options(b)
			opt.Lines = name == "lines"
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if got := count(b, text, opt); got != len(many) {
					b.Fatal(got)
				}
			}
			b.ReportMetric(float64(len(many))*float64(b.N)/b.Elapsed().Seconds()/1e3, "krows/s")
		})
	}
}

func count(t testing.TB, text string, opt fhir.Options) (n int) {
	r, err := fhir.NewReader(strings.NewReader(text), opt)
	for ; err == nil; n++ {
		_, err = r.Next()
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	return n - 1
}
