package fhir_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/intake/fhir"
)

// TestPathsOfRows: a fault of a group or stratum has its path in the place, and in
// FHIRPath in the outcome that stands before the report.
func TestPathsOfRows(t *testing.T) {
	const bad, good = `{"population":[{"code":{"text":"numerator"},"count":"x"}]`, `{"population":[{"code":{"text":"numerator"},"count":1}]`
	one := strings.Replace(report(), `"group": [{`, `"group": [`+good+`,"code":{"text":"a"},"stratifier":[{"code":[{"text":"age"}]},{"code":[{"text":"sex"}],"stratum":[`+
		good+`,"value":{"text":"K"}},`+bad+`,"value":{"text":"M"}}]}]},`+bad+`,"code":{"text":"b"}},{`, 1)
	opt := options(t)
	opt.Stratifiers = []string{"sex"}
	r, err := fhir.NewReader(strings.NewReader(bundle(report(), one)), opt)
	if err != nil {
		t.Fatal(err)
	}
	var places []string
	var issues []fhir.Issue
	var of *fhir.Report
	for {
		rec, err := r.Next()
		if err != nil {
			break
		}
		for _, f := range rec.Faults {
			places = append(places, rec.Place)
			issues = append(issues, fhir.Issue{Place: rec.Place, Column: f.Column, Rule: f.Rule, Text: f.Text, Hint: f.Hint})
			of = r.Report()
		}
		if rec.Back {
			t.Error("it comes back")
		}
	}
	if want := []string{"entry 2, line 15, group[0].stratifier[1].stratum[1]", "entry 2, line 15, group[1]"}; !slices.Equal(places, want) {
		t.Fatalf("%q", places)
	}
	same := func(s string) (string, bool) { return s, false }
	if of.Mask(same, strings.ToUpper) {
		t.Error("a summary has nothing to hide")
	}
	var out bytes.Buffer
	w := fhir.NewWriter(&out, opt)
	if err := w.Write(of, issues); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"MeasureReport.group[0].stratifier[1].stratum[1].population.where(code.coding.code = 'numerator').count", "MeasureReport.group[1].population."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
	// The report is the one that came, and says that it comes back.
	var back struct {
		Entry []struct{ Resource any }
	}
	var came any
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back.Entry) != 2 {
		t.Fatalf("%v: %s", err, out.String())
	}
	if err := json.Unmarshal([]byte(one), &came); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(came)
	b, _ := json.Marshal(back.Entry[1].Resource)
	if !bytes.Equal(a, b) {
		t.Errorf("%s\nwas\n%s", b, a)
	}
	r, err = fhir.NewReader(bytes.NewReader(out.Bytes()), opt)
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Next(); err != nil || !rec.Back {
		t.Errorf("%+v, %v", rec, err)
	}
}
