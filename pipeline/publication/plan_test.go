package publication_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
)

// shifted are months of a unit that lie about 0.5 up to a month, and about 0.8 from
// it on.
func shifted(unit string, months, at int) []publication.Cell {
	var out []publication.Cell
	for m := range months {
		n := 50 + float64((m*7)%9-4)
		if m >= at {
			n += 30
		}
		out = append(out, counted(unit, month(m), n, 100))
	}
	return out
}

// rowsOf are the indices of the chart's rows of a unit.
func rowsOf(t *testing.T, s publication.Set, unit string) []int {
	t.Helper()
	var out []int
	for i, u := range col[string](t, s, "chart", "unit") {
		if u == unit {
			out = append(out, i)
		}
	}
	return out
}

// parts are the phases of a unit's chart: number, first month, and the months of
// the baseline.
func parts(t *testing.T, s publication.Set, unit string) []string {
	t.Helper()
	at := func(days int32) int {
		d := catalog.DateOfDays(days).Time()
		return (d.Year()-2020)*12 + int(d.Month()) - 1
	}
	start, phase := col[int32](t, s, "chart", "period_start"), col[uint16](t, s, "chart", "phase")
	from, to := col[int32](t, s, "chart", "baseline_from"), col[int32](t, s, "chart", "baseline_to")
	var out []string
	for _, i := range rowsOf(t, s, unit) {
		base := fmt.Sprintf("%d to %d", at(from[i]), at(to[i]))
		if to[i] == 0 {
			base = "none"
		}
		if len(out) == 0 || !strings.HasPrefix(out[len(out)-1], fmt.Sprint(phase[i], " ")) {
			out = append(out, fmt.Sprintf("%d from %d baseline %s", phase[i], at(start[i]), base))
		}
	}
	return out
}

func decision(from, baseFrom, baseTo int) catalog.Phase {
	p := catalog.Phase{From: month(from), Reason: "A new routine.", ApprovedBy: "p1"}
	if baseFrom > 0 {
		p.BaselineFrom = month(baseFrom)
	}
	if baseTo > 0 {
		p.BaselineTo = month(baseTo)
	}
	return p
}

// A person's phase begins a part with limits of its own on the charts that it
// names; without one the baseline stays, whatever the data do.
func TestPhases(t *testing.T) {
	i := input(append(shifted("U", 60, 30), shifted("V", 60, 30)...)...)
	ph := decision(30, 0, 0)
	ph.Unit = "U"
	i.Indicator.Phases = []catalog.Phase{ph}
	s := build(t, i)
	same(t, "the phases of U", parts(t, s, "U"), "1 from 0 baseline 0 to 24", "2 from 30 baseline 30 to 54")
	same(t, "those of V", parts(t, s, "V"), "1 from 0 baseline 0 to 24")
	centre, runs, why := col[float64](t, s, "chart", "centre"), col[bool](t, s, "chart", "runs_signal"), col[string](t, s, "chart", "why")
	u, v := rowsOf(t, s, "U"), rowsOf(t, s, "V")
	if a, b := centre[u[29]], centre[u[30]]; math.Abs(a-0.5) > 0.01 || math.Abs(b-0.8) > 0.01 {
		t.Errorf("centre lines %v and %v", a, b)
	}
	if runs[u[59]] || !runs[v[59]] {
		t.Errorf("signals at the end: %v with the phase, %v without", runs[u[59]], runs[v[59]])
	}
	if w := why[u[59]]; !strings.Contains(w, "Phase from 2022-07-01: A new routine (approved by p1).") {
		t.Errorf("the second phase says %q", w)
	}
	for _, w := range []string{why[u[0]], why[v[59]]} {
		if strings.Contains(w, "Phase from") {
			t.Errorf("what nobody decided says %q", w)
		}
	}
}

// A baseline that was set is that and no other; while it is not over its limits are
// provisional.
func TestBaselinesThatWereSet(t *testing.T) {
	for name, c := range map[string]struct {
		phase catalog.Phase
		want  []string
		says  []string
	}{
		"within": {decision(30, 32, 46), []string{"1 from 0 baseline 0 to 24", "2 from 30 baseline 32 to 46"},
			[]string{"The baseline is frozen: 14 mature values.", "Its baseline was set: from 2022-09-01 to before 2023-11-01."}},
		"from its beginning": {decision(30, 0, 42), []string{"1 from 0 baseline 0 to 24", "2 from 30 baseline 30 to 42"}, []string{"frozen: 12 mature values", "from 2022-07-01 to before 2023-07-01"}},
		"not over yet":       {decision(30, 32, 72), []string{"1 from 0 baseline 0 to 24", "2 from 30 baseline 32 to 60"}, []string{"provisional: 28 mature values so far"}},
		"too short":          {decision(30, 32, 38), []string{"1 from 0 baseline 0 to 24", "2 from 30 baseline 32 to 38"}, []string{"Run chart"}},
		"not begun":          {decision(30, 70, 80), []string{"1 from 0 baseline 0 to 24", "2 from 30 baseline 30 to 54"}, []string{"frozen: 24"}},
	} {
		i := input(shifted("U", 60, 30)...)
		i.Reach = month(60)
		i.Indicator.Phases = []catalog.Phase{c.phase}
		s := build(t, i)
		same(t, name, parts(t, s, "U"), c.want...)
		why := col[string](t, s, "chart", "why")
		for _, says := range c.says {
			if w := why[len(why)-1]; !strings.Contains(w, says) {
				t.Errorf("%s: %q does not say %q", name, w, says)
			}
		}
	}
}

// Which phases a series has: of several that begin with it, or before it, the
// latest; of two of a day the one that names it; none behind its end.
func TestPhasesOfASeries(t *testing.T) {
	of := func(p catalog.Phase, unit, stratum string) catalog.Phase {
		p.Unit, p.Stratum, p.Reason = unit, stratum, unit+"/"+stratum
		return p
	}
	i := input()
	for _, u := range []string{"U", "V", "W"} {
		for _, c := range shifted(u, 40, 20) {
			if u == "W" && c.Key.PeriodStart < month(10).Days() {
				continue
			}
			i.Cells = append(i.Cells, c)
			if u == "V" {
				c.Key.Stratum = "women"
				i.Cells = append(i.Cells, c)
			}
		}
	}
	i.Indicator.Phases = []catalog.Phase{of(decision(4, 0, 0), "", ""), of(decision(8, 0, 0), "W", ""), of(decision(20, 0, 0), "U", ""),
		of(decision(20, 0, 0), "", ""), of(decision(20, 0, 0), "", "women"), of(decision(90, 0, 0), "", "")}
	s := build(t, i)
	why, phase, stratum := col[string](t, s, "chart", "why"), col[uint16](t, s, "chart", "phase"), col[string](t, s, "chart", "stratum")
	got := map[string]string{}
	for row, u := range col[string](t, s, "chart", "unit") {
		said := "begin"
		if _, after, ok := strings.Cut(why[row], "Phase from "); ok {
			said, _, _ = strings.Cut(after, " (")
		}
		got[fmt.Sprint(u, stratum[row], " ", phase[row])] = said
	}
	want := map[string]string{
		"U 1": "begin", "U 2": "2020-05-01: /", "U 3": "2021-09-01: U/",
		"V 1": "begin", "V 2": "2020-05-01: /", "V 3": "2021-09-01: /",
		"Vwomen 1": "begin", "Vwomen 2": "2020-05-01: /", "Vwomen 3": "2021-09-01: /women",
		"W 1": "2020-09-01: W/", "W 2": "2021-09-01: /",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("phases\n%v; want\n%v", got, want)
	}
}

// What was decided of a unit goes with its series when another carries it on.
func TestPhasesGoWithTheSeries(t *testing.T) {
	i := input(append(shifted("OLD", 30, 20), counted("NEW", month(30), 80, 100), counted("NEW", month(31), 80, 100))...)
	i.Index = units(catalog.Unit{ID: "OLD", To: month(30), Successors: []catalog.Successor{{Unit: "NEW", From: month(30), Policy: "continue", AsOf: "current"}}}, catalog.Unit{ID: "NEW"})
	ph := decision(20, 0, 0)
	ph.Unit = "OLD"
	i.Indicator.Phases = []catalog.Phase{ph}
	i.Indicator.Exclude = []catalog.Exclusion{{Unit: "OLD", Period: month(3), Reason: "strike"}, {Unit: "OLD", Period: month(31), Reason: "later"}}
	s := build(t, i)
	same(t, "the phases of what carries on", parts(t, s, "NEW"), "1 from 0 baseline 0 to 20", "2 from 20 baseline 20 to 32")
	var out []int
	for at, x := range col[bool](t, s, "chart", "excluded") {
		if x {
			out = append(out, at)
		}
	}
	if !slices.Equal(out, []int{3}) {
		t.Errorf("excluded are %v; the unit had ended before the other", out)
	}
}

// An excluded point is drawn and enters nothing; nobody else's is touched, and the
// funnel counts its patients.
func TestExclusions(t *testing.T) {
	cells := func() []publication.Cell {
		all := append(shifted("U", 36, 99), shifted("V", 36, 99)...)
		for k := range all {
			if all[k].Key.PeriodStart == month(10).Days() || all[k].Key.PeriodStart == month(30).Days() {
				all[k] = counted(all[k].Key.Unit, catalog.DateOfDays(all[k].Key.PeriodStart), 100, 100)
			}
		}
		return all
	}
	i := input(cells()...)
	before := build(t, i)
	i.Indicator.Exclude = []catalog.Exclusion{{Unit: "U", Period: month(10), Reason: "strike"}, {Unit: "U", Period: month(30), Reason: "flood."}, {Unit: "U", Period: month(80), Reason: "later"}}
	s := build(t, i)
	centre, sigma, value := col[float64](t, s, "chart", "centre"), col[bool](t, s, "chart", "sigma_signal"), col[float64](t, s, "chart", "value")
	out, rules, state := col[bool](t, s, "chart", "excluded"), col[[]string](t, s, "chart", "rules"), col[string](t, s, "chart", "state")
	u, v := rowsOf(t, s, "U"), rowsOf(t, s, "V")
	for m := range 36 {
		k := u[m]
		if special := m == 10 || m == 30; out[k] != special || special && (value[k] != 1 || sigma[k] || len(rules[k]) > 0 || state[k] != "value") {
			t.Errorf("month %d of U: excluded %v, value %v, signal %v %v, state %s", m, out[k], value[k], sigma[k], rules[k], state[k])
		}
		if out[v[m]] {
			t.Errorf("month %d of V is excluded", m)
		}
	}
	if math.Abs(centre[u[0]]-0.5) > 0.002 || centre[v[0]] < 0.515 || !sigma[v[30]] {
		t.Errorf("centre lines %v and %v, signal of V %v", centre[u[0]], centre[v[0]], sigma[v[30]])
	}
	why := col[string](t, s, "chart", "why")
	if w := why[u[0]]; !strings.Contains(w, "Left out of centre line, limits and signals: 2020-11-01 (strike).") || !strings.Contains(w, "2022-07-01 (flood).") || strings.Contains(w, "later") {
		t.Errorf("U says %q", w)
	}
	same(t, "the funnel", points(t, s, "funnel"), points(t, before, "funnel")...)
}

// The catalog's rules take the place of the default ones; sets are never united.
func TestRules(t *testing.T) {
	cells := shifted("U", 40, 99)
	for m := 30; m < 37; m++ { // a slow rise: six rising, seven rising
		cells[m] = counted("U", month(m), 43+2.2*float64(m-30), 100)
	}
	for m := 14; m < 16; m++ { // two of three beyond 2 sigma
		cells[m] = counted("U", month(m), 62, 100)
	}
	cells[16] = counted("U", month(16), 53, 100) // on their side
	for rules, want := range map[string]string{"": "", "anhoej": "", "western-electric": "two_of_three", "nelson": "six_trend two_of_three", "mdc": "seven_trend two_of_three_close"} {
		i := input(cells...)
		i.Indicator.Rules = rules
		s := build(t, i)
		seen := map[string]bool{}
		runs, sigma := col[bool](t, s, "chart", "runs_signal"), col[bool](t, s, "chart", "sigma_signal")
		for k, names := range col[[]string](t, s, "chart", "rules") {
			run := false
			for _, n := range names {
				if n != "sigma3" {
					seen[n], run = true, true
				}
			}
			if run != runs[k] || slices.Contains(names, "sigma3") != sigma[k] {
				t.Errorf("%s: point %d has %v, runs %v, sigma %v", rules, k, names, runs[k], sigma[k])
			}
		}
		var got []string
		for n := range seen {
			got = append(got, n)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%q signals by %v; want %s", rules, got, want)
		}
		says := map[string]string{"western-electric": "Western Electric (1956)", "nelson": "Nelson's eight tests", "mdc": "Making Data Count"}[rules]
		if w := col[string](t, s, "chart", "why")[0]; !strings.Contains(w, says) || says == "" && strings.Contains(w, "Signals are by") {
			t.Errorf("%q says %q", rules, w)
		}
	}
	// What the default rules found of a shift is not left standing: it has no trend.
	shift := input(shifted("U", 60, 30)...)
	shift.Indicator.Rules = "mdc"
	for k, names := range col[[]string](t, build(t, shift), "chart", "rules") {
		for _, n := range names {
			if strings.HasPrefix(n, "anhoej") {
				t.Fatalf("point %d of Making Data Count has %v", k, names)
			}
		}
	}
	if runs := col[bool](t, build(t, shift), "chart", "runs_signal"); runs[0] || !runs[59] {
		t.Errorf("an unusual run at the beginning %v, at the end %v", runs[0], runs[59])
	}
	// They judge the latest value too: a signal of the rise is one of improvement.
	i := input(cells[:37]...)
	i.Indicator.Rules, i.Indicator.Direction = "mdc", "up"
	why := col[string](t, build(t, i), "chart", "why")
	if w := why[36]; !strings.Contains(w, "part of a signal of improvement") {
		t.Errorf("the newest value says %q", w)
	}
}

// Overlapping points have a line and nothing else, whatever an earlier catalog
// says.
func TestNoPhasesOfARollingMeasurement(t *testing.T) {
	i := input(shifted("U", 40, 20)...)
	i.Indicator.Measurement = "rolling"
	want := build(t, i).ID
	i.Indicator.Phases, i.Indicator.Exclude = []catalog.Phase{decision(20, 0, 0)}, []catalog.Exclusion{{Period: month(3), Reason: "r"}}
	if build(t, i).ID != want {
		t.Error("a phase changes a line")
	}
}

// The evidence of a series stands once, at its latest mature value.
func TestEvidenceOfTheLatestValue(t *testing.T) {
	cells := append(shifted("FEW", 5, 99), shifted("U", 40, 99)...)
	cells = append(cells, shifted("V", 40, 39)...)
	cells = append(cells, in(spc.StateHeldPrevious, counted("U", month(40), 1, 100)))
	s := build(t, input(cells...))
	p, alarm, unit := col[float64](t, s, "chart", "p_value"), col[float64](t, s, "chart", "false_alarm"), col[string](t, s, "chart", "unit")
	var got []string
	for k := range p {
		if math.IsNaN(p[k]) != math.IsNaN(alarm[k]) {
			t.Errorf("row %d: p %v and false alarm %v", k, p[k], alarm[k])
		}
		if math.IsNaN(p[k]) {
			continue
		}
		d := catalog.DateOfDays(col[int32](t, s, "chart", "period_start")[k]).Time()
		got = append(got, fmt.Sprintf("%s%d surprising %v", unit[k], (d.Year()-2020)*12+int(d.Month())-1, p[k] < 0.001))
		if !(alarm[k] >= spc.KnownFalseAlarmRate && alarm[k] < 0.03) {
			t.Errorf("%s: false alarm %v", unit[k], alarm[k])
		}
	}
	same(t, "evidence", got, "U39 surprising false", "V39 surprising true")
}
