package stat_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/figure"
	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
	"larstrom/services/larstrom/stat"
)

// text is the result as printed.
func text(t *testing.T, r stat.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func holds(t *testing.T, r stat.Result, wanted ...string) {
	t.Helper()
	printed := text(t, r)
	encoded, err := json.Marshal(r.JSON())
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wanted {
		if !strings.Contains(printed+string(encoded), w) {
			t.Errorf("no %q in\n%s\n%s", w, printed, encoded)
		}
	}
}

func TestTargetsByPeriod(t *testing.T) {
	table := monthly("month,value", 24, alternating) // limits 5.68 to 16.32
	five := 5.0
	r := stat.Request{Target: &five, Targets: []string{"2024-06=20", "13=4.5"}, Direction: "up"}
	res := run(t, table, r)
	want := []spc.Target{{From: 0, Value: 5}, {From: 12, Value: 4.5}, {From: 17, Value: 20}}
	if got := res.Series[0].Targets; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	if got := res.Series[0].Assurance; got != spc.Fail {
		t.Errorf("judged as %s by the newest target", got)
	}
	holds(t, res, "target 5", "target from 2024-01: 4.5", "target from 2024-06: 20", `"target":20`)
	r.Targets = r.Targets[1:]
	if got := run(t, table, r).Series[0].Assurance; got != spc.Pass {
		t.Errorf("%s", got)
	}
	if _, err := stat.Run("t", strings.NewReader(table), stat.Request{Targets: []string{"2030-01=3"}}); err == nil || errors.Is(err, stat.ErrRequest) {
		t.Errorf("a point that is not there: %v", err)
	}
}

// TestSustainedShifts: 13 values around a median of 11, then nine of 15.
func TestSustainedShifts(t *testing.T) {
	table := monthly("month,value", 22, func(i int) string {
		if i >= 13 {
			return "15"
		}
		return fmt.Sprint(10 + i%3)
	})
	res := run(t, table, stat.Request{Sustained: 9})
	want := []spc.Shift{{Phase: 1, From: 13, Found: 21, To: 21, Points: 9, Direction: 1, Before: 11, Median: 15}}
	if got := res.Series[0].Shifts; !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	holds(t, res, "sustained shift: 9 values from 2024-02 to 2024-10 above the median 11", `"shifts":[{"phase":1,"from":14,"found":22`)
	if got := run(t, table, stat.Request{Sustained: 10}).Series[0].Shifts; len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := run(t, table, stat.Request{Sustained: 2, SustainedBaseline: 19}).Series[0].Shifts; len(got) != 1 || got[0].From != 19 {
		t.Errorf("%+v", got)
	}
}

func TestSeason(t *testing.T) {
	year := []float64{3, 2, 1, 0, -1, -2, -3, -2, -1, 0, 1, 2}
	table := monthly("month,value", 36, func(i int) string { return fmt.Sprint(10 + year[i%12] + 0.25*float64(i*i%3)) })
	tested := run(t, table, stat.Request{Season: "test"})
	if p := tested.Series[0].Chart.Parts[0]; !p.RunsOff || !(p.SeasonP < 1e-6) {
		t.Errorf("%+v", p)
	}
	holds(t, tested, "The values have a season", `"runs_off":true`)
	adjusted := run(t, table, stat.Request{Season: "adjust"})
	c := adjusted.Series[0].Chart
	low, high := slices.Min(c.Value), slices.Max(c.Value)
	if high-low > 0.6 || c.Parts[0].RunsOff {
		t.Errorf("values from %v to %v, season p %v", low, high, c.Parts[0].SeasonP)
	}
	holds(t, adjusted, "less the effect of their place in 12 months")
	if p := run(t, table, stat.Request{}).Series[0].Chart.Parts[0]; !math.IsNaN(p.SeasonP) {
		t.Error("tested unasked")
	}
	if _, err := stat.Run("t", strings.NewReader(table), stat.Request{Season: "adjust", Chart: "mr"}); !errors.Is(err, stat.ErrRequest) {
		t.Errorf("%v", err)
	}
	if _, err := stat.Run("t", strings.NewReader("value\n1\n2\n"), stat.Request{Season: "test"}); err == nil || !strings.Contains(err.Error(), "--every") {
		t.Errorf("%v", err)
	}
}

// TestSince: the chart is that of all values, and what signals since is told apart
// from what did before.
func TestSince(t *testing.T) {
	table := monthly("month,value", 30, func(i int) string {
		switch i {
		case 20, 28:
			return "40"
		}
		return alternating(i)
	})
	whole := run(t, table, stat.Request{Freeze: "12"}).Series[0]
	res := run(t, table, stat.Request{Freeze: "12", Since: "2025-03"})
	s := res.Series[0]
	if !slices.Equal(s.Chart.UCL, whole.Chart.UCL) || !slices.Equal(s.Signals, whole.Signals) || len(s.Signals) != 2 {
		t.Errorf("%+v", s.Signals)
	}
	if len(s.Since) != 1 || s.Since[0].From != 28 || s.Since[0].Rule != spc.RuleSigma {
		t.Errorf("%+v", s.Since)
	}
	holds(t, res, "signals that are new since 2025-03: 1", "sigma3, 2025-05 to 2025-05", `"since":{"point":"2025-03","signals":[{"rule":"sigma3"`)
	// Phases, exclusions and baselines that lie behind the point do not disturb.
	later := stat.Request{Parts: []string{"25"}, Exclude: []string{"29"}, Since: "10"}
	if got := run(t, table, later).Series[0]; len(got.Chart.Parts) != 2 {
		t.Errorf("%+v", got.Chart.Parts)
	}
	run(t, table, stat.Request{Freeze: "20", Since: "10"})
}

func TestBootstrap(t *testing.T) {
	table := "unit,numerator,denominator\n"
	for i := range 20 {
		table += fmt.Sprintf("U%02d,%d,200\n", i, 40+5*(i%7))
	}
	r := stat.Request{Chart: "variation", Bootstrap: 200, Seed: 7}
	res := run(t, table, r)
	var keys []string
	for _, one := range res.Variation.Resampled {
		keys = append(keys, one.Key)
		low, high := one.Model.Interval(0.95)
		if !(low < one.Model.Observed && one.Model.Observed < high) || len(one.Model.Values) != 200 {
			t.Errorf("%s: %v in %v to %v", one.Key, one.Model.Observed, low, high)
		}
		if !(one.Null.P() <= 0.01) {
			t.Errorf("%s: by chance alone in %v", one.Key, one.Null.P())
		}
	}
	if !slices.Equal(keys, []string{"scv", "mor", "icc"}) {
		t.Errorf("%v", keys)
	}
	holds(t, res, "95 % interval of median odds (rate) ratio", "by chance alone", `"null_p":0.00497`)
	if again := run(t, table, r); text(t, again) != text(t, res) {
		t.Error("the same seed gives other numbers")
	}
	r.Seed = 8
	if other := run(t, table, r); text(t, other) == text(t, res) {
		t.Error("another seed gives the same numbers")
	}
}

// TestRowsOfOneDate: what is added up, or taken as cases of one point, is said.
func TestRowsOfOneDate(t *testing.T) {
	note := func(table string, r stat.Request) string { return strings.Join(run(t, table, r).Notes, "\n") }
	counts := "month,numerator,denominator\n2024-01,1,10\n2024-01,2,20\n2024-02,3,30\n"
	if got := note(counts, stat.Request{}); !strings.Contains(got, "rows of one date are added up: 2024-01") {
		t.Errorf("%s", got)
	}
	if got := note(strings.Replace(counts, "2024-01,2", "2024-03,2", 1), stat.Request{}); strings.Contains(got, "added up") {
		t.Errorf("%s", got)
	}
	values := "date,value\n2024-01,1\n2024-01,2\n2024-02,3\n2024-02,5\n"
	if got := note(values, stat.Request{Chart: "xbar"}); !strings.Contains(got, "cases of one point: 2024-01, 2024-02") {
		t.Errorf("%s", got)
	}
	if got := note("subgroup,value\na,1\na,2\nb,3\nb,4\n", stat.Request{Chart: "xbar"}); strings.Contains(got, "one point") {
		t.Errorf("%s", got)
	}
}

// TestNegativeInput: numbers below 0 that cannot be are named with their line or
// unit.
func TestNegativeInput(t *testing.T) {
	below, beyond := -3.0, 140.0
	for name, tc := range map[string]struct {
		table string
		r     stat.Request
		want  string
	}{
		"count":       {"value\n3\n-4\n", stat.Request{Chart: "c"}, "t.csv:3"},
		"numerator":   {"numerator,denominator\n3,5\n-4,5\n", stat.Request{Chart: "u"}, "a count below 0"},
		"denominator": {"numerator,denominator\n3,5\n4,-5\n", stat.Request{Chart: "u"}, "a denominator below 0"},
		"time":        {"value\n3\n-4\n", stat.Request{Chart: "t"}, "t.csv:3"},
		"cases":       {"value\n3\n-4\n", stat.Request{Chart: "g"}, "t.csv:3"},
		"sd":          {"value,sd,n\n3,1,5\n4,-1,5\n", stat.Request{Chart: "s"}, "a standard deviation below 0"},
		"expected":    {"unit,observed,expected\na,3,2\nb,4,-1\n", stat.Request{}, "an expected number below 0"},
		"nothing":     {"unit,observed,expected\na,3,2\nb,4,0\n", stat.Request{}, "unit b: 4 of 0"},
		"variation":   {"unit,observed,expected\na,3,2\nb,4,0\n", stat.Request{Chart: "variation"}, "unit b: "},
		"centre":      {"numerator,denominator\n3,5\n4,5\n", stat.Request{Centre: &below}, "outside the range of a proportion"},
		"percent":     {"numerator,denominator\n3,5\n4,5\n", stat.Request{Centre: &beyond}, "outside the range of a proportion"},
	} {
		if _, err := stat.Run("t.csv", strings.NewReader(tc.table), tc.r); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWorklist: of three units one ends far out; the others are in control. Units
// stand by name.
func TestWorklist(t *testing.T) {
	table := "month,unit,value\n"
	for i := range 26 {
		for _, unit := range []string{"C", "A", "B"} {
			v := alternating(i)
			if unit == "B" && i == 25 {
				v = "60"
			}
			table += fmt.Sprintf("%d-%02d,%s,%s\n", 2023+i/12, i%12+1, unit, v)
		}
	}
	res := run(t, table, stat.Request{})
	w := res.Worklist
	if w == nil || w.Units != 3 || !slices.Equal(w.Names, []string{"B"}) || w.Evidence[0].Direction != 1 {
		t.Fatalf("%+v", w)
	}
	near(t, "known", w.FalseAlarms.Known, 3*spc.KnownFalseAlarmRate)
	if !(w.FalseAlarms.Estimated > 3*w.FalseAlarms.Known) {
		t.Errorf("%+v", w.FalseAlarms)
	}
	holds(t, res, "latest values of 3 units that stand out at 5 % false discoveries: 1", "B: above the centre line, p ", `"outstanding":[{"unit":"B","point":26`)
	if one := run(t, monthly("month,value", 26, alternating), stat.Request{}); one.Worklist != nil {
		t.Error("a worklist of one unit")
	}
}

// TestReachOfLimits: false-alarm rates with known and with estimated parameters, where
// no signal is possible, and limits with a guarantee.
func TestReachOfLimits(t *testing.T) {
	res := run(t, monthly("month,value", 26, alternating), stat.Request{Guarantee: 0.9})
	holds(t, res, "in 0.27 % with known parameters, in 0.95 % as they are estimated", "limits at 4.0", "90 % confidence, from a baseline of 24", `"lcl_se":`)
	rare := run(t, monthly("month,numerator,denominator", 26, func(i int) string { return fmt.Sprintf("%d,20", i%3) }), stat.Request{})
	holds(t, rare, "no low signal is possible at 26 points", `"no_low":true,"no_high":false`)
	centre, sigma := 11.0, 2.0
	given := run(t, monthly("month,value", 26, alternating), stat.Request{Chart: "i", Centre: &centre, Sigma: &sigma})
	holds(t, given, "in 0.27 % as they are given")
}

// TestSignalsAreData: rule, window, the points that make it, and what they were
// compared with.
func TestSignalsAreData(t *testing.T) {
	centre, sigma := 0.0, 1.0
	res := run(t, "value\n0\n2.5\n0.5\n2.2\n", stat.Request{Chart: "i", Centre: &centre, Sigma: &sigma, Rules: "western-electric"})
	holds(t, res, `{"rule":"two_of_three","phase":1,"from":2,"to":4,"points":2,"direction":1,"observed":2,"limit":2,"zone":2,"members":[2,4]}`)
}

// One more level of limits stands beside the usual ones, in the table, the JSON and
// the drawing; nobody is judged by it.
func TestFunnelLevel(t *testing.T) {
	table := "unit,numerator,denominator\nA,20,50\nB,30,100\nC,30,50\n"
	res := run(t, table, stat.Request{Level: 0.99})
	f := res.Funnel.Result
	near(t, "lower limit of B", f.LCL[1], 100*funnel.BinomialLimit(0.005, 100, 0.5))
	for i := range f.LCL {
		if !(f.LCL998[i] < f.LCL[i] && f.LCL[i] < f.LCL95[i] && f.UCL95[i] < f.UCL[i] && f.UCL[i] < f.UCL998[i]) {
			t.Errorf("unit %d: limits %v %v %v, %v %v %v", i, f.LCL998[i], f.LCL[i], f.LCL95[i], f.UCL95[i], f.UCL[i], f.UCL998[i])
		}
	}
	var svg strings.Builder
	js, err := json.Marshal(res.JSON())
	if err := errors.Join(err, res.WriteSVG(&svg, "", figure.Options{Standalone: true})); err != nil {
		t.Fatal(err)
	}
	for what, has := range map[string]bool{"table": strings.Contains(text(t, res), "lcl 99 "), "JSON": strings.Contains(string(js), `"level":0.99,"lcl":`),
		"drawing": strings.Contains(svg.String(), "99 % limits") && strings.Contains(svg.String(), "lf-ucl-level")} {
		if !has {
			t.Errorf("the %s has no limits of 99 %%:\n%s\n%s", what, text(t, res), js)
		}
	}
	if none := run(t, table, stat.Request{}); len(none.Funnel.Result.LCL) > 0 || none.Level() != "" {
		t.Error("limits that nobody asked for")
	}
	for _, r := range []stat.Request{{Level: 0.3}, {Level: 1}, {Level: 0.99, Chart: "p"}} {
		if err := r.Validate(); err == nil {
			t.Errorf("%v of %q is taken", r.Level, r.Chart)
		}
	}
}

func TestFunnelVariantsAndAreas(t *testing.T) {
	table := "unit,observed,expected\n"
	for i := range 20 {
		table += fmt.Sprintf("U%02d,%d,50\n", i, 30+2*i)
	}
	phi := map[float64]string{}
	for _, r := range []stat.Request{{}, {Outliers: "truncate"}, {Winsor: 0.2}, {Outliers: "truncate", Winsor: 0.2}} {
		got := run(t, table, r).Funnel.Result.Phi
		if other, ok := phi[got]; ok {
			t.Errorf("%+v has the phi of %s", r, other)
		}
		phi[got] = fmt.Sprintf("%+v", r)
	}
	res := run(t, table, stat.Request{Chart: "variation", Areas: true})
	near(t, "extremal quotient", res.Variation.Areas.Extremal, 68/30.0)
	holds(t, res, "extremal quotient", `"areas":{"eq":2.2666`)
	if v := run(t, table, stat.Request{Chart: "variation"}).Variation; v.Areas != nil {
		t.Error("an extremal quotient that nobody asked for")
	}
	// By the pooled proportion: 10 of 100 and 30 of 100 are 0.5 and 1.5 of what is
	// expected.
	pooled := run(t, "unit,numerator,denominator\nA,10,100\nB,30,100\n", stat.Request{Chart: "variation", Areas: true})
	near(t, "of proportions", pooled.Variation.Areas.Extremal, 3)
	for name, r := range map[string]stat.Request{"outliers": {Outliers: "x"}, "winsor": {Winsor: 0.5}, "guarantee": {Guarantee: 1}} {
		if _, err := stat.Run("t", strings.NewReader(table), r); !errors.Is(err, stat.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
