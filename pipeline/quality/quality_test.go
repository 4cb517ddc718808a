package quality_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality"
)

// month is the first day of the month m, counted from January 2020.
func month(m int) int32 { return catalog.NewDate(2020, 1, 1).AddMonths(m).Days() }

func proportion() catalog.Indicator {
	return catalog.Indicator{ID: "i1", Registry: "hjarta", Type: catalog.Proportion, Subset: true, Period: catalog.Month}
}

func content(num, den, rows int64) cell.Content {
	return cell.Content{Rows: rows, Numerator: cell.FixedOf(num * cell.Micro), Denominator: cell.FixedOf(den * cell.Micro)}
}

// basics are the checks that judge one indicator by its cells and history, and
// what intake says.
func basics() []quality.Check {
	return slices.DeleteFunc(quality.Catalogue(), func(c quality.Check) bool {
		return !slices.Contains([]string{"C05", "C06", "C07", "C08", "C09", "C10", "C11", "C12", "C17", "K01", "K09", "T04"}, c.ID)
	})
}

func version(unit string, m int, c cell.Content) cell.Version {
	k := cell.Key{Region: "nord", Registry: "hjarta", Indicator: "i1", Version: "1", Granularity: "month", Unit: unit, PeriodStart: month(m)}
	return cell.Version{Key: k, Content: c, Fingerprint: cell.FingerprintOf(k, c, false), Rev: 9}
}

func tombstone(unit string, m int) cell.Version {
	v := version(unit, m, cell.Content{})
	v.Tombstone = true
	v.Fingerprint = cell.FingerprintOf(v.Key, cell.Content{}, true)
	return v
}

func input(changed ...quality.Change) quality.Input {
	return quality.Input{Region: "nord", Indicator: proportion(), AsOf: catalog.NewDate(2022, 2, 3), Tolerance: 0.01, Changed: changed}
}

func changed(v cell.Version) quality.Change { return quality.Change{Current: v} }

func replaced(v, previous cell.Version) quality.Change {
	return quality.Change{Current: v, Previous: &previous, Released: &previous}
}

// series is a history of mature months from January 2020.
func series(unit string, volumes ...float64) quality.Series {
	s := quality.Series{Registry: "hjarta", Version: "1", Unit: unit}
	for m, v := range volumes {
		put(&s, m, v, true)
	}
	return s
}

func put(s *quality.Series, m int, volume float64, mature bool) {
	v := version(s.Unit, m, content(0, int64(volume), 1))
	s.Period = append(s.Period, month(m))
	s.Volume = append(s.Volume, volume)
	s.Mature = append(s.Mature, mature)
	s.Excluded = append(s.Excluded, false)
	s.Fingerprint = append(s.Fingerprint, v.Fingerprint)
	s.Tombstone = append(s.Tombstone, false)
}

func drop(s *quality.Series, m int) {
	i := slices.Index(s.Period, month(m))
	s.Volume[i], s.Tombstone[i], s.Fingerprint[i] = 0, true, tombstone(s.Unit, m).Fingerprint
}

func repeat(v float64, n int) []float64 { return slices.Repeat([]float64{v}, n) }

// flags writes what is found, one line a finding, as in a fixture.
func flags(found []quality.Finding) []string {
	var lines []string
	for _, f := range found {
		if f.Status != quality.Flagged && f.Status != quality.CouldNotRun {
			continue
		}
		status := ""
		if f.Status == quality.CouldNotRun {
			status = " could-not-run"
		}
		if f.FoldedInto != "" {
			status += " folded"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %d%s", f.Check, f.Severity, f.Unit, cmp.Or(f.Period.String(), "0"), len(f.Guards), status))
	}
	return lines
}

func p[T any](v T) *T { return &v }

func with(in quality.Input, change func(*quality.Input)) quality.Input {
	change(&in)
	return in
}

func override(id string, c catalog.CheckParams) func(*quality.Input) {
	return func(in *quality.Input) { in.Indicator.Checks = map[string]catalog.CheckParams{id: c} }
}

// fixture is a night and the flags that it must raise: check, severity, unit,
// period (0: several) and number of guarded versions.
type fixture struct {
	name string
	in   quality.Input
	want []string
}

func fixtures() []fixture {
	withRejected := func(rows, rejected int64) quality.Input {
		c := content(3, 7, rows)
		c.Rejected = rejected
		return input(changed(version("A", 30, c)))
	}
	withCodes := func(unknown ...int64) quality.Input {
		in := input()
		for i, n := range unknown {
			c := content(3, 100, 200)
			c.UnknownCodes = n
			in.Changed = append(in.Changed, changed(version("A", i, c)))
		}
		return in
	}
	marked := func(mark func(*cell.Content)) quality.Input {
		c := content(3, 7, 7)
		mark(&c)
		return input(changed(version("A", 30, c)))
	}
	typed := func(t catalog.IndicatorType, subset bool, num, den int64) quality.Input {
		in := input(changed(version("A", 30, content(num, den, 2))))
		in.Series = []quality.Series{series("A")}
		in.Indicator.Type, in.Indicator.Subset = t, subset
		return in
	}
	fewer := func(had, has int64) quality.Input {
		return input(replaced(version("A", 30, content(1, has, 1)), version("A", 30, content(1, had, 1))))
	}
	// zero is a mature month without records after n months of v.
	zero := func(v float64, n int) quality.Input {
		in := input(changed(version("A", n, content(0, 0, 1))))
		in.Series = []quality.Series{series("A", append(repeat(v, n), 0)...)}
		return in
	}
	lagged := func(views ...float64) quality.Input {
		in := input()
		s := series("A", repeat(100, 12)...)
		s.Expected = []int32{month(12)}
		for i, v := range views {
			s.LagFor, s.LagOf, s.LagVolume = append(s.LagFor, month(12)), append(s.LagOf, month(11-i)), append(s.LagVolume, v)
		}
		in.Series = []quality.Series{s}
		return in
	}
	all := []fixture{
		{"C06 at the tolerance", withRejected(99, 1), nil},
		{"C06 above", withRejected(98, 1), []string{"C06 HOLD A 2022-07-01 1"}},
		{"C06 nothing but rejects", withRejected(0, 1), []string{"C06 HOLD A 2022-07-01 1"}},
		{"C06 no rejects, no tolerance", with(withRejected(99, 0), func(in *quality.Input) { in.Tolerance = 0 }), nil},
		{"C06 one reject, no tolerance", with(withRejected(9999, 1), func(in *quality.Input) { in.Tolerance = 0 }), []string{"C06 HOLD A 2022-07-01 1"}},
		{"C06 the indicator's own fraction", with(withRejected(90, 10), override("C06", catalog.CheckParams{Fraction: p(0.1)})), nil},
		{"C06 above the indicator's own", with(withRejected(89, 10), override("C06", catalog.CheckParams{Fraction: p(0.1)})), []string{"C06 HOLD A 2022-07-01 1"}},
		{"C06 tolerance is no number", with(withRejected(89, 0), func(in *quality.Input) { in.Tolerance = math.NaN() }), []string{"C06 BLOCK A 0 1 could-not-run"}},

		{"C09 few", withCodes(19), nil},
		{"C09 enough", withCodes(20), []string{"C09 HOLD A 0 1"}},
		{"C09 over the unit", withCodes(10, 11, 0), nil}, // 21 of 600
		{"C09 over the unit, enough", withCodes(15, 16, 0), []string{"C09 HOLD A 0 2"}},
		{"C09 exactly the share", withCodes(15, 15, 0), nil}, // 30 of 600

		{"C10 none", marked(func(c *cell.Content) {}), nil},
		{"C10 one", marked(func(c *cell.Content) { c.Duplicates = 1 }), []string{"C10 BLOCK A 2022-07-01 1"}},
		{"C10 turned off", with(marked(func(c *cell.Content) { c.Duplicates = 1 }), override("C10", catalog.CheckParams{Off: true})), nil},
		{"C10 milder", with(marked(func(c *cell.Content) { c.Duplicates = 1 }), override("C10", catalog.CheckParams{Severity: "NOTE"})), []string{"C10 NOTE A 2022-07-01 1"}},
		{"C10 severity that is none", with(marked(func(c *cell.Content) {}), override("C10", catalog.CheckParams{Severity: "MAYBE"})), []string{"C10 BLOCK A 0 1 could-not-run"}},
		{"C10 from two", with(marked(func(c *cell.Content) { c.Duplicates = 1 }), override("C10", catalog.CheckParams{Count: p(2.0)})), nil},

		{"C11 all", typed(catalog.Proportion, true, 7, 7), nil},
		{"C11 more than all", typed(catalog.Proportion, true, 8, 7), []string{"C11 BLOCK A 2022-07-01 1"}},
		{"C11 one row", marked(func(c *cell.Content) { c.NumeratorAbove = 1 }), []string{"C11 BLOCK A 2022-07-01 1"}},
		{"C11 no subset", typed(catalog.Proportion, false, 8, 7), []string{"C11 NOTE A 2022-07-01 1"}},
		{"C11 rate", typed(catalog.Rate, false, 8, 7), []string{"C11 NOTE A 2022-07-01 1"}},
		{"C11 mean", typed(catalog.Mean, false, 8, 7), nil},

		{"C17 one", marked(func(c *cell.Content) { c.Rejected, c.BadReasons = 1, 1 }), []string{"C17 BLOCK A 2022-07-01 1"}},
		{"C17 beside C06", marked(func(c *cell.Content) { c.Rejected, c.BadReasons = 2, 1 }), []string{"C06 HOLD A 2022-07-01 1", "C17 BLOCK A 2022-07-01 1"}},
		{"C17 masked", marked(func(c *cell.Content) { c.Missing, c.Masked = 1, 1 }), nil},
		{"C12 zero of zero", typed(catalog.Proportion, true, 0, 0), nil},
		{"C12 negative rows", marked(func(c *cell.Content) { c.Negative = 1 }), []string{"C12 BLOCK A 2022-07-01 1"}},
		{"C12 rows of 0", marked(func(c *cell.Content) { c.ZeroDenominator = 1 }), []string{"C12 BLOCK A 2022-07-01 1"}},
		{"C12 rates", marked(func(c *cell.Content) { c.RateMismatch = 1 }), []string{"C12 BLOCK A 2022-07-01 1"}},
		{"C12 one of nobody", typed(catalog.Rate, false, 1, 0), []string{"C11 NOTE A 2022-07-01 1", "C12 BLOCK A 2022-07-01 1"}},
		{"C12 negative denominator", typed(catalog.Rate, false, 0, -1), []string{"C11 NOTE A 2022-07-01 1", "C12 BLOCK A 2022-07-01 1"}},
		{"C12 negative numerator", typed(catalog.Proportion, true, -1, 5), []string{"C12 BLOCK A 2022-07-01 1"}},
		{"C12 negative mean", typed(catalog.Mean, false, -1, 0), nil},

		{"K09 new", input(changed(version("A", 30, content(1, 7, 1)))), nil},
		{"K09 four fewer", fewer(20, 16), nil},
		{"K09 five fewer", fewer(20, 15), []string{"K09 HOLD A 2022-07-01 1"}},
		{"K09 exactly the share", fewer(100, 95), nil},
		{"K09 one more", fewer(100, 94), []string{"K09 HOLD A 2022-07-01 1"}},
		{"K09 more records", fewer(15, 20), nil},
		{"K09 gone", with(input(replaced(tombstone("A", 3), version("A", 3, content(1, 5, 1)))), func(in *quality.Input) {
			in.Series = []quality.Series{series("A")}
		}), []string{"K09 HOLD A 2020-04-01 1"}},
		{"K09 back", input(replaced(version("A", 30, content(1, 5, 1)), tombstone("A", 30))), nil},
		{"K09 a held version is no measure", input(quality.Change{Current: version("A", 30, content(1, 94, 1)),
			Previous: p(version("A", 30, content(1, 95, 1))), Released: p(version("A", 30, content(1, 100, 1)))}),
			[]string{"K09 HOLD A 2022-07-01 1"}},
		{"K09 never released", input(quality.Change{Current: version("A", 30, content(1, 50, 1)), Previous: p(version("A", 30, content(1, 95, 1)))}),
			[]string{"K09 HOLD A 2022-07-01 1"}},

		// With 24 months of the mean v and no dispersion the predictive
		// variance is v*25/24, and P(0) = (1 + 1/24)^(-24 v) reaches 0.001 at
		// v = 7.0507.
		{"T04 improbable", zero(7.06, 24), []string{"T04 HOLD A 2022-01-01 1"}},
		{"T04 not quite", zero(7.04, 24), nil},
		{"T04 six months", zero(50, 6), []string{"T04 HOLD A 2020-07-01 1"}},
		{"T04 five months", zero(50, 5), nil},
		{"T04 too few expected", with(zero(6.99, 24), override("T04", catalog.CheckParams{P: p(0.5)})), nil},
		{"T04 enough expected", with(zero(7, 24), override("T04", catalog.CheckParams{P: p(0.5)})), []string{"T04 HOLD A 2022-01-01 1"}},
		{"T04 absent at three views", lagged(20, 22, 18), []string{"T04 HOLD A 2021-01-01 1"}},
		{"T04 absent at two views", lagged(20, 22), nil},
		{"T04 absent at low lag views", lagged(2, 0, 3, 1), nil},
		{"T04 no history given", with(zero(50, 24), func(in *quality.Input) { in.Series = nil }), []string{"T04 BLOCK A 2022-01-01 1 could-not-run"}},
		{"T04 lengths differ", with(zero(50, 24), func(in *quality.Input) { in.Series[0].Mature = nil }), []string{"T04 BLOCK A 2022-01-01 1 could-not-run"}},
		{"T04 volume is no number", with(zero(50, 24), func(in *quality.Input) { in.Series[0].Volume[3] = math.NaN() }), []string{"T04 BLOCK A 2022-01-01 1 could-not-run"}},
		{"T04 series given twice", with(zero(50, 24), func(in *quality.Input) { in.Series = append(in.Series, in.Series[0]) }), []string{"T04 BLOCK A 2022-01-01 1 could-not-run"}},
		{"T04 views that differ widely", lagged(1, 45, 2, 40, 0, 50), nil},
		{"T04 few views of a unit that differs widely", with(lagged(20, 20, 20), func(in *quality.Input) {
			for i := range 12 {
				in.Series[0].Volume[i] = float64(5 + 190*(i%2))
			}
		}), nil},
		{"T04 history is not mature", with(zero(50, 24), func(in *quality.Input) {
			for i := range 19 {
				in.Series[0].Mature[i] = false
			}
		}), nil},
		{"T04 history is withdrawn", with(zero(50, 24), func(in *quality.Input) {
			for i := range 19 {
				in.Series[0].Excluded[i] = true
			}
		}), nil},
	}
	return all
}

func TestFixtures(t *testing.T) {
	for _, f := range fixtures() {
		t.Run(f.name, func(t *testing.T) {
			found := quality.Evaluate(f.in, basics())
			if got := flags(found); !slices.Equal(got, f.want) {
				t.Errorf("got  %q\nwant %q", got, f.want)
			}
			for _, f := range found {
				sound(t, f)
			}
		})
	}
}

// sound holds for every finding.
func sound(t interface{ Errorf(string, ...any) }, f quality.Finding) {
	for _, v := range []float64{f.Observed, f.Expected, f.Low, f.High} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%s: a number is not finite: %+v", f.Check, f)
		}
	}
	if f.Instances < 1 || f.CheckVersion < 1 || f.Indicator != "i1" && f.Indicator != "" {
		t.Errorf("incomplete: %+v", f)
	}
	if f.Status == quality.Flagged && !(f.Low <= f.Observed && f.Observed <= f.High) {
		t.Errorf("%s: %v is outside its own band %v to %v", f.Check, f.Observed, f.Low, f.High)
	}
	if f.Status == quality.CouldNotRun && f.Severity != event.Block {
		t.Errorf("%s could not run and does not block", f.Check)
	}
	if f.Raises() && (f.Text == "" || len(f.Guards) == 0) {
		t.Errorf("%s raises a flag without text or guards", f.Check)
	}
	if _, err := json.Marshal(quality.ToFlag(f, quality.Origin{})); err != nil {
		t.Errorf("%s: %v", f.Check, err)
	}
}

// silentNight is a night on which unit A sends nothing, not even its past, and
// B sends what it always does.
func silentNight() (quality.Input, []quality.Silence) {
	in := input()
	a, b := series("A", repeat(30, 12)...), series("B", repeat(30, 12)...)
	for m := range 12 {
		was := version("A", m, content(1, 30, 30))
		in.Changed = append(in.Changed, replaced(tombstone("A", m), was))
		drop(&a, m)
	}
	a.Expected, b.Expected = []int32{month(12)}, []int32{month(12)}
	put(&b, 12, 30, true)
	in.Series = []quality.Series{a, b}
	in.Silent = quality.Silences([]string{"A"}, []quality.Input{in})
	return in, in.Silent
}

func TestSilentUnit(t *testing.T) {
	in, silences := silentNight()
	if len(silences) != 1 || !silences[0].Known || silences[0].P0 > 1e-6 {
		t.Fatalf("silence %+v", silences)
	}
	found := quality.Evaluate(in, basics())
	got := flags(found)
	// Months 1 to 11 had records and enough months around them; month 12 was
	// never delivered and is guarded as its absence.
	if got[0] != "K01 HOLD A 0 13" {
		t.Errorf("got %q", got)
	}
	n := map[string]int{}
	for _, f := range found {
		sound(t, f)
		if f.Status == quality.Flagged {
			n[fmt.Sprint(f.Check, f.Raises())]++
		}
	}
	if want := map[string]int{"K01true": 1, "K09false": 12, "T04false": 12}; !reflect.DeepEqual(n, want) {
		t.Errorf("findings %v, want %v", n, want)
	}
	if f := found[slices.IndexFunc(found, func(f quality.Finding) bool { return f.Check == "K01" })]; f.Expected != 30 || f.Observed != 0 || f.High != 5 || f.Low != 0 {
		t.Errorf("finding %+v", f)
	}

	// Without K01 each cell asks for itself.
	others := slices.DeleteFunc(basics(), func(c quality.Check) bool { return c.ID == "K01" })
	if got := flags(quality.Evaluate(in, others)); len(got) != 24 || strings.Contains(strings.Join(got, ","), "folded") {
		t.Errorf("without K01: %q", got)
	}
}

func TestSilenceThreshold(t *testing.T) {
	for _, c := range []struct {
		name   string
		silent quality.Silence
		want   []string
	}{
		{"below", quality.Silence{Unit: "A", Known: true, P0: 0.00099}, []string{"K01 HOLD A 0 1"}},
		{"at", quality.Silence{Unit: "A", Known: true, P0: 0.001}, nil},
		{"above", quality.Silence{Unit: "A", Known: true, P0: 0.0011}, nil},
		{"short history", quality.Silence{Unit: "A", P0: 1}, nil},
		{"broken", quality.Silence{Unit: "A", Broken: "no number"}, []string{"K01 BLOCK A 0 1 could-not-run"}},
		{"no probability", quality.Silence{Unit: "A", Known: true, P0: math.NaN()}, []string{"K01 BLOCK A 0 1 could-not-run"}},
		{"no cells here", quality.Silence{Unit: "C", Known: true}, nil},
	} {
		in := input()
		s := series("A", 3)
		s.Expected = []int32{month(1)}
		in.Series = []quality.Series{s}
		in.Silent = []quality.Silence{c.silent}
		if got := flags(quality.Evaluate(in, basics())); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The strongest evidence of any indicator counts, strata are added up, and a
// total goes before its strata.
func TestSilencesOverIndicatorsAndStrata(t *testing.T) {
	weak, strong := input(), input()
	strong.Indicator.ID = "i2"
	s := series("A", append(repeat(1, 12), 0)...)
	s.Expected = []int32{month(12)}
	weak.Series = []quality.Series{s}
	f, m := series("A", append(repeat(5, 12), 0)...), series("A", append(repeat(5, 12), 0)...)
	f.Stratum, m.Stratum = "f", "m"
	f.Expected = []int32{month(12)}
	strong.Series = []quality.Series{f, m}
	p0 := func(in ...quality.Input) float64 {
		s := quality.Silences([]string{"A"}, in)
		if len(s) != 1 || !s[0].Known {
			t.Fatalf("%+v", s)
		}
		return s[0].P0
	}
	if got, want := p0(strong), quality.ZeroProbability(10, 0, 12); got != want {
		t.Errorf("two strata of 5: %v, want %v", got, want)
	}
	if p0(weak, strong) != p0(strong) || p0(strong, weak) != p0(strong) || p0(weak) <= p0(strong) {
		t.Error("not the strongest evidence")
	}
	strong.Series = append(strong.Series, s)
	if got, want := p0(strong), p0(weak); got != want {
		t.Errorf("a total of 1 with strata: %v, want %v", got, want)
	}
	if s := quality.Silences([]string{"Z", "A"}, []quality.Input{weak}); len(s) != 2 || s[0].Unit != "A" || s[1].Known {
		t.Errorf("unknown unit: %+v", s)
	}
	weak.Series[0].Volume[2] = math.Inf(1)
	if s := quality.Silences([]string{"A"}, []quality.Input{weak}); s[0].Broken == "" {
		t.Errorf("broken history: %+v", s)
	}
}

func deliveries() quality.Deliveries {
	return quality.Deliveries{
		Accepted: []event.DeliveryAccepted{{Delivery: "d1", Lines: 100, Rules: map[string]int64{"C06": 2, "C07": 3, "C08": 4}}},
		Repeated: []event.DeliveryRepeated{{Delivery: "d1", Name: "f.csv", Feed: "pv"}},
	}
}

func TestDeliveryFindings(t *testing.T) {
	var got []string
	for _, f := range quality.EvaluateDeliveries(deliveries(), basics()) {
		got = append(got, fmt.Sprintf("%s %s %v", f.Check, f.Severity, f.Observed))
		if f.Raises() {
			t.Errorf("%s raises a flag of no indicator", f.Check)
		}
		sound(t, f)
	}
	if want := []string{"C05 INFO 1", "C06 REJECT 2", "C07 REJECT 3", "C08 REJECT 4"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every check of the registry is the only one to find what it is for.
func TestRemovingAnyCheckShows(t *testing.T) {
	silent, _ := silentNight()
	inputs := []quality.Input{silent}
	for _, f := range fixtures() {
		inputs = append(inputs, f.in)
	}
	all := func(checks []quality.Check) string {
		var lines []string
		for _, in := range inputs {
			lines = append(lines, flags(quality.Evaluate(in, checks))...)
		}
		return strings.Join(append(lines, flags(quality.EvaluateDeliveries(deliveries(), checks))...), "\n")
	}
	whole := all(basics())
	var ids []string
	for i, c := range basics() {
		ids = append(ids, c.ID)
		if all(slices.Delete(basics(), i, i+1)) == whole {
			t.Errorf("nothing misses %s", c.ID)
		}
		for _, lang := range []string{"sv", "nb", "da", "en"} {
			if c.Explain[lang] == "" {
				t.Errorf("%s has no explanation in %s", c.ID, lang)
			}
		}
		if c.Version < 1 || c.Run == nil && c.Deliveries == nil {
			t.Errorf("%s: %+v", c.ID, c)
		}
	}
	if want := []string{"C05", "C06", "C07", "C08", "C09", "C10", "C11", "C12", "C17", "K01", "K09", "T04"}; !slices.Equal(ids, want) {
		t.Errorf("registry %v, want %v", ids, want)
	}
}

func TestCrashOfACheckBlocks(t *testing.T) {
	crash := quality.Check{ID: "X99", Version: 1, Severity: event.Note, Run: func(quality.Input) []quality.Finding { panic("no") }}
	in := input(changed(version("A", 1, content(1, 2, 2))), changed(version("A", 2, content(1, 2, 2))), changed(version("B", 1, content(1, 2, 2))))
	got := flags(quality.Evaluate(in, append(basics(), crash)))
	if want := []string{"X99 BLOCK A 0 2 could-not-run", "X99 BLOCK B 0 1 could-not-run"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A period that is still filling is judged by earlier views at its own lag,
// never by months that had a year to fill.
func TestEqualMaturity(t *testing.T) {
	in := input()
	s := series("A", repeat(100, 12)...)
	s.Expected = []int32{month(12)}
	in.Series = []quality.Series{s}
	if got := flags(quality.Evaluate(in, basics())); got != nil {
		t.Errorf("a period without views is judged: %q", got)
	}
	// Another unit shows that the period is mature: then it is comparable.
	other := series("B", repeat(100, 13)...)
	in.Series = []quality.Series{s, other}
	if got := flags(quality.Evaluate(in, basics())); !slices.Equal(got, []string{"T04 HOLD A 2021-01-01 1"}) {
		t.Errorf("a mature period is not judged: %q", got)
	}
	// Views of the period itself, or of later ones, are no baseline.
	for _, of := range []int{12, 13} {
		s := series("A", repeat(100, 12)...)
		s.Expected = []int32{month(12)}
		for range 5 {
			s.LagFor, s.LagOf, s.LagVolume = append(s.LagFor, month(12)), append(s.LagOf, month(of)), append(s.LagVolume, 50)
		}
		in.Series = []quality.Series{s}
		if got := flags(quality.Evaluate(in, basics())); got != nil {
			t.Errorf("views of month %d judge month 12: %q", of, got)
		}
	}
}

// Days are compared with the same day of the week: a unit that is closed on
// Sundays is not asked about them.
func TestDaysCompareWithTheirWeekday(t *testing.T) {
	in := input()
	in.Indicator.Period = catalog.Day
	s := quality.Series{Registry: "hjarta", Version: "1", Unit: "A"}
	monday := catalog.NewDate(2024, 1, 1).Days()
	key := func(d int32) cell.Key {
		return cell.Key{Region: "nord", Registry: "hjarta", Indicator: "i1", Version: "1", Granularity: "day", Unit: "A", PeriodStart: d}
	}
	add := func(d int32, v float64) {
		s.Period, s.Volume = append(s.Period, d), append(s.Volume, v)
		s.Mature, s.Excluded, s.Tombstone = append(s.Mature, true), append(s.Excluded, false), append(s.Tombstone, false)
		s.Fingerprint = append(s.Fingerprint, cell.Fingerprint{1})
	}
	for d := range int32(70) {
		v := 30.0
		if d%7 == 6 {
			v = 0
		}
		add(monday+d, v)
	}
	add(monday+70, 0) // a Monday
	for d := range int32(6) {
		add(monday+71+d, 0)
	}
	for _, d := range []int32{70, 76} {
		c := content(0, 0, 1)
		in.Changed = append(in.Changed, changed(cell.Version{Key: key(monday + d), Content: c, Fingerprint: cell.FingerprintOf(key(monday+d), c, false)}))
	}
	in.Series = []quality.Series{s}
	if got := flags(quality.Evaluate(in, basics())); !slices.Equal(got, []string{"T04 HOLD A " + catalog.DateOfDays(monday+70).String() + " 1"}) {
		t.Errorf("got %q", got)
	}
}

func TestVolume(t *testing.T) {
	c := content(3, 7, 5)
	for typ, want := range map[catalog.IndicatorType]float64{
		catalog.Proportion: 7, catalog.Rate: 7, catalog.Count: 3, catalog.Mean: 5, catalog.Median: 5,
		catalog.Percentile: 5, catalog.TimeBetween: 5, catalog.StandardisedRatio: 7,
	} {
		if got := quality.Volume(typ, c); got != want {
			t.Errorf("%s: %v, want %v", typ, got, want)
		}
	}
	if got := quality.Volume(catalog.StandardisedRatio, content(3, 0, 5)); got != 5 {
		t.Errorf("ratio without denominator: %v", got)
	}
}

func TestFlagID(t *testing.T) {
	base := quality.Finding{Check: "K09", Status: quality.Flagged, Indicator: "i1", Unit: "A", Stratum: "f", Period: catalog.DateOfDays(month(3)),
		Guards: []event.Guard{event.GuardOf(version("A", 3, content(1, 2, 3)).Key, cell.Fingerprint{1}), event.GuardOf(version("A", 4, content(1, 2, 3)).Key, cell.Fingerprint{2})}}
	id := quality.FlagID(base)
	if !strings.HasPrefix(id, "K09-") || len(id) != 24 {
		t.Errorf("id %q", id)
	}
	same := base
	same.Observed, same.Text, same.Severity, same.CheckVersion = 3, "other words", event.Block, 4
	same.Guards = []event.Guard{base.Guards[1], base.Guards[0], base.Guards[1]}
	if quality.FlagID(same) != id {
		t.Error("numbers, words or the order of guards change the flag")
	}
	for name, change := range map[string]func(*quality.Finding){
		"check":       func(f *quality.Finding) { f.Check = "T04" },
		"status":      func(f *quality.Finding) { f.Status = quality.CouldNotRun },
		"indicator":   func(f *quality.Finding) { f.Indicator = "i2" },
		"unit":        func(f *quality.Finding) { f.Unit = "B" },
		"stratum":     func(f *quality.Finding) { f.Stratum = "m" },
		"period":      func(f *quality.Finding) { f.Period = catalog.Date{} },
		"fingerprint": func(f *quality.Finding) { f.Guards = slices.Clone(f.Guards); f.Guards[0].Fingerprint[31]++ },
		"cell":        func(f *quality.Finding) { f.Guards = slices.Clone(f.Guards); f.Guards[0].Version = "2" },
		"one guard":   func(f *quality.Finding) { f.Guards = f.Guards[:1] },
	} {
		f := base
		change(&f)
		if quality.FlagID(f) == id {
			t.Errorf("another %s is the same flag", name)
		}
	}
	body := quality.ToFlag(same, quality.Origin{Run: "r1", Rev: 9, Catalog: "c1", AsOf: catalog.NewDate(2022, 2, 3)})
	if body.Flag != id || body.Run != "r1" || body.Rev != 9 || body.Catalog != "c1" || body.AsOf.String() != "2022-02-03" || len(body.Guards) != 2 || body.Guards[0] != base.Guards[0] {
		t.Errorf("flag %+v", body)
	}
}

func TestBand(t *testing.T) {
	for _, c := range []struct{ has, low, high float64 }{{0, 0, 5}, {10, 5, 15}, {80, 72, 88}} {
		found := quality.Evaluate(input(replaced(version("A", 30, content(0, int64(c.has), 1)), version("A", 30, content(0, 200, 1)))),
			slices.DeleteFunc(basics(), func(c quality.Check) bool { return c.ID != "K09" }))
		if f := found[0]; f.Observed != c.has || f.Low != c.low || f.High != c.high || f.Expected != 200 || f.Direction != "down" {
			t.Errorf("%+v, want the band %v to %v", f, c.low, c.high)
		}
	}
}

// A night of any shape gives the same findings whatever the order of its parts.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := input()
		for u := range rapid.IntRange(1, 4).Draw(t, "units") {
			unit := string(rune('A' + u))
			for _, stratum := range []string{"", "f"} {
				s := quality.Series{Registry: "hjarta", Version: "1", Unit: unit, Stratum: stratum}
				for m := range rapid.IntRange(0, 14).Draw(t, "months") {
					put(&s, m, float64(rapid.SampledFrom([]int{0, 1, 9, 10, 11, 12, 40}).Draw(t, "volume")), m < 12)
					if rapid.IntRange(0, 2).Draw(t, "changed") == 0 {
						v := version(unit, m, content(int64(rapid.IntRange(0, 60).Draw(t, "num")), int64(s.Volume[m]), 10))
						v.Key.Stratum = stratum
						v.Content.Rejected = int64(rapid.IntRange(0, 1).Draw(t, "rejected"))
						v.Content.UnknownCodes = int64(rapid.SampledFrom([]int{0, 0, 25}).Draw(t, "codes"))
						v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, false)
						was := v
						was.Content = content(0, 30, 10)
						in.Changed = append(in.Changed, replaced(v, was))
					}
				}
				s.Expected = []int32{month(14)}
				for m := range rapid.IntRange(0, 5).Draw(t, "views") {
					s.LagFor, s.LagOf = append(s.LagFor, month(14)), append(s.LagOf, month(m))
					s.LagVolume = append(s.LagVolume, float64(rapid.IntRange(0, 40).Draw(t, "view")))
				}
				in.Series = append(in.Series, s)
			}
		}
		units := []string{"A", "B"}
		in.Silent = quality.Silences(units, []quality.Input{in})
		mixed := in
		mixed.Changed = rapid.Permutation(in.Changed).Draw(t, "changed")
		mixed.Series = rapid.Permutation(in.Series).Draw(t, "series")
		for i := range mixed.Series {
			mixed.Series[i] = shuffled(t, mixed.Series[i])
		}
		slices.Reverse(units)
		mixed.Silent = quality.Silences(units, []quality.Input{mixed})
		if !slices.Equal(mixed.Silent, in.Silent) {
			t.Fatalf("silences %v, want %v", mixed.Silent, in.Silent)
		}
		slices.Reverse(mixed.Silent)
		want := quality.Evaluate(in, basics())
		reversed := basics()
		slices.Reverse(reversed)
		got := quality.Evaluate(mixed, reversed)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		seen := map[string]bool{}
		for _, f := range got {
			sound(t, f)
			if id := quality.FlagID(f); f.Raises() {
				if seen[id] {
					t.Fatalf("two findings are one flag: %+v", f)
				}
				seen[id] = true
			}
		}
	})
}

// shuffled is the series with its rows in another order.
func shuffled(t *rapid.T, s quality.Series) quality.Series {
	rows := make([]int, len(s.Period))
	for i := range rows {
		rows[i] = i
	}
	rows = rapid.Permutation(rows).Draw(t, "rows")
	o := s
	o.Period, o.Volume, o.Mature, o.Excluded, o.Fingerprint, o.Tombstone = nil, nil, nil, nil, nil, nil
	for _, i := range rows {
		o.Period, o.Volume = append(o.Period, s.Period[i]), append(o.Volume, s.Volume[i])
		o.Mature, o.Excluded = append(o.Mature, s.Mature[i]), append(o.Excluded, s.Excluded[i])
		o.Fingerprint, o.Tombstone = append(o.Fingerprint, s.Fingerprint[i]), append(o.Tombstone, s.Tombstone[i])
	}
	type lag struct {
		on, of int32
		v      float64
	}
	var lags []lag
	for i := range s.LagFor {
		lags = append(lags, lag{s.LagFor[i], s.LagOf[i], s.LagVolume[i]})
	}
	slices.SortFunc(lags, func(a, b lag) int { return cmp.Compare(b.of, a.of) })
	o.LagFor, o.LagOf, o.LagVolume = nil, nil, nil
	for _, l := range lags {
		o.LagFor, o.LagOf, o.LagVolume = append(o.LagFor, l.on), append(o.LagOf, l.of), append(o.LagVolume, l.v)
	}
	return o
}
