package publication_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

func month(n int) catalog.Date { return catalog.NewDate(2020, 1, 1).AddMonths(n) }

// counted is a released cell with counts.
func counted(unit string, at catalog.Date, num, den float64) publication.Cell {
	c := publication.Cell{State: spc.StateValue, Key: cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1",
		Granularity: "month", Unit: unit, PeriodStart: at.Days()},
		Content: cell.Content{Rows: 10, Numerator: micro(num), Denominator: micro(den), Expected: micro(den)}}
	c.Fingerprint = cell.FingerprintOf(c.Key, c.Content, false)
	return c
}

func micro(v float64) cell.Fixed { return cell.FixedOf(int64(math.Round(v * cell.Micro))) }

func in(state spc.State, c publication.Cell) publication.Cell { c.State = state; return c }

// input is an indicator of proportions whose data reach far enough.
func input(cells ...publication.Cell) publication.Input {
	return publication.Input{Region: "nord", Index: (&catalog.Catalog{}).Index(), Reach: month(200), Cells: cells,
		Indicator: &catalog.Indicator{ID: "i", Registry: "reg", Type: catalog.Proportion, Subset: true, Period: catalog.Month,
			Measurement: "event", Multiplier: 1, Versions: []catalog.Version{{ID: "1"}}}}
}

func units(us ...catalog.Unit) *catalog.Index { return (&catalog.Catalog{Units: us}).Index() }

func build(t fataler, in publication.Input) publication.Set {
	t.Helper()
	s, err := publication.Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// col is a column of a table.
func col[T any](t fataler, s publication.Set, table, name string) []T {
	t.Helper()
	for _, tab := range s.Tables {
		for _, c := range tab.Columns {
			if tab.Name == table && c.Name == name {
				v, ok := c.Values.([]T)
				if !ok {
					t.Fatalf("%s.%s is a %T", table, name, c.Values)
				}
				return v
			}
		}
	}
	t.Fatalf("no column %s.%s", table, name)
	return nil
}

func table(t fataler, s publication.Set, name string) publication.Table {
	t.Helper()
	i := slices.IndexFunc(s.Tables, func(tab publication.Table) bool { return tab.Name == name })
	if i < 0 {
		t.Fatalf("no table %s", name)
	}
	return s.Tables[i]
}

// points are "unit period state value", with the period as months since 2020.
func points(t fataler, s publication.Set, name string) []string {
	t.Helper()
	var out []string
	value := col[float64](t, s, name, "value")
	for i, u := range col[string](t, s, name, "unit") {
		d := catalog.DateOfDays(col[int32](t, s, name, "period_start")[i]).Time()
		v := "none"
		if !math.IsNaN(value[i]) {
			v = fmt.Sprintf("%g", math.Round(value[i]*1000)/1000)
		}
		out = append(out, fmt.Sprintf("%s%d %s %s", u, (d.Year()-2020)*12+int(d.Month())-1, col[string](t, s, name, "state")[i], v))
	}
	return out
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// A cell with rows and no number says what kind of nothing it is: withheld by
// its source, not delivered, or nobody eligible.
func TestKindsOfNothingOfACell(t *testing.T) {
	cells := make([]publication.Cell, 6)
	for i := range cells {
		cells[i] = counted("U", month(i), 0, 0)
	}
	cells[1].Content.Missing, cells[1].Content.Masked = 1, 1
	cells[2].Content.Missing = 1
	cells[3].Content.Rows, cells[3].Content.Rejected = 0, 2
	cells[4] = counted("U", month(4), 1, 4)
	cells[4].Content.Missing, cells[4].Content.Masked = 1, 1
	cells[5].Content.Missing = 1
	want := []string{"U0 no_eligible none", "U1 suppressed none", "U2 missing none", "U3 missing none", "U4 value 0.25", "U5 missing none"}
	s := build(t, input(cells...))
	same(t, "cells", points(t, s, "cell"), want...)
	same(t, "chart", points(t, s, "chart"), want...)
}

// The kinds of nothing stay distinct from the cells to the chart, and only
// what may be drawn has a number.
func TestStates(t *testing.T) {
	gone := counted("U", month(5), 0, 0)
	gone.Tombstone, gone.Content = true, cell.Content{}
	withdrawn := in(spc.StateHeldPrevious, gone)
	withdrawn.Key.PeriodStart = month(6).Days()
	all := input(
		counted("U", month(0), 1, 4),
		in(spc.StateHeldPrevious, counted("U", month(1), 2, 4)),
		in(spc.StateHeldEmpty, counted("U", month(2), 3, 4)),
		in(spc.StateSuppressed, counted("U", month(3), 1, 4)),
		// month 4: never delivered
		gone, withdrawn,
		counted("U", month(7), 0, 0),
		in(spc.StateHeldPrevious, counted("U", month(8), 0, 0)),
		in(spc.StateNotApplicable, counted("U", month(9), 1, 2)),
		// month 10: the unit has ended
		counted("U", month(11), 1, 5),
	)
	all.Index = units(catalog.Unit{ID: "U", To: month(10)})
	all.Reach = month(11)
	s := build(t, all)
	want := []string{"U0 value 0.25", "U1 held_previous 0.5", "U2 held_empty none", "U3 suppressed none", "U4 missing none", "U5 missing none",
		"U6 held_empty none", "U7 no_eligible none", "U8 held_previous none", "U9 not_applicable none", "U10 not_applicable none", "U11 preliminary 0.2"}
	same(t, "cells", points(t, s, "cell"), want...)
	same(t, "chart", points(t, s, "chart"), want...)
	for _, name := range []string{"cell", "chart"} {
		for i, fp := range col[string](t, s, name, "fingerprint") {
			if shown := slices.Contains([]int{0, 1, 7, 8, 9, 11}, i); (fp != "") != shown {
				t.Errorf("%s: point %d has the fingerprint %q", name, i, fp)
			}
		}
	}
	numerators, denominators, lows := col[float64](t, s, "cell", "numerator"), col[float64](t, s, "cell", "denominator"), col[float64](t, s, "cell", "ci_low")
	for i := range numerators {
		hidden := slices.Contains([]int{2, 3, 4, 5, 6, 9, 10}, i)
		if math.IsNaN(numerators[i]) != hidden || math.IsNaN(denominators[i]) != hidden {
			t.Errorf("point %d shows %v of %v", i, numerators[i], denominators[i])
		}
		if hidden && !math.IsNaN(lows[i]) {
			t.Errorf("point %d shows an interval", i)
		}
	}
	for i, n := range col[float64](t, s, "chart", "n") {
		if drawn := slices.Contains([]int{0, 1, 8, 11}, i); math.IsNaN(n) == drawn {
			t.Errorf("the chart's point %d has n = %v", i, n)
		}
	}
	// A cell asked about by itself is what its point is.
	for _, c := range all.Cells {
		state, drawn := publication.StateOf(all.Indicator, c, all.Reach)
		at := slices.IndexFunc(want, func(w string) bool { return strings.HasPrefix(w, fmt.Sprintf("U%d ", monthsSince(c.Key.PeriodStart))) })
		if !strings.Contains(want[at], " "+state.String()+" ") || drawn != slices.Contains([]int{0, 1, 8, 11}, at) {
			t.Errorf("the state of point %s: %v, drawn %v", want[at], state, drawn)
		}
	}
	// Only values enter the funnel; the unit's one value here is month 0.
	all.Cells = append(all.Cells, counted("V", month(0), 1, 2))
	if d := col[float64](t, build(t, all), "funnel", "denominator"); !slices.Equal(d, []float64{4, 2}) {
		t.Errorf("denominators of the funnel %v", d)
	}
}

func monthsSince(days int32) int {
	n := 0
	for month(n).Days() < days {
		n++
	}
	return n
}

func TestMaturity(t *testing.T) {
	for _, c := range []struct {
		follow, lag int
		reach       catalog.Date
		want        string
	}{
		{0, 0, month(1).AddDays(-1), "preliminary immature"},
		{0, 0, month(1), "value mature"},
		{30, 5, month(1).AddDays(34), "preliminary immature"},
		{30, 5, month(1).AddDays(35), "value mature"},
		{0, 0, catalog.Date{}, "preliminary immature"},
	} {
		i := input(counted("U", month(0), 1, 2))
		i.Indicator.FollowUpDays, i.Indicator.MaturityLagDays, i.Reach = c.follow, c.lag, c.reach
		s := build(t, i)
		for _, name := range []string{"cell", "chart"} {
			if got := col[string](t, s, name, "state")[0] + " " + col[string](t, s, name, "maturity")[0]; got != c.want {
				t.Errorf("%s: %d and %d days, data to %s: %s, want %s", name, c.follow, c.lag, c.reach, got, c.want)
			}
		}
		if got := len(col[string](t, s, "funnel", "unit")); got > 0 != strings.HasSuffix(c.want, " mature") {
			t.Errorf("%s: %d units in the funnel", c.want, got)
		}
	}
}

// Every series has every period from its first to the newest of the indicator.
func TestGridHasNoHoles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := rapid.SampledFrom([]catalog.Granularity{catalog.Day, catalog.Week, catalog.Month, catalog.Tertial, catalog.Quarter, catalog.HalfYear, catalog.Year}).Draw(t, "granularity")
		origin := g.PeriodStart(catalog.NewDate(rapid.SampledFrom([]int{1955, 1968, 2019, 2023}).Draw(t, "year"), 12, 30))
		starts := []catalog.Date{origin}
		for range 30 {
			starts = append(starts, g.PeriodEnd(starts[len(starts)-1]))
		}
		i := input()
		i.Indicator.Period, i.Reach = g, starts[30]
		type at struct {
			unit string
			n    int
		}
		seen := map[at]bool{}
		first, last := map[string]int{}, -1
		for range rapid.IntRange(1, 20).Draw(t, "cells") {
			a := at{rapid.SampledFrom([]string{"U", "V", "W"}).Draw(t, "unit"), rapid.IntRange(0, 29).Draw(t, "period")}
			if seen[a] {
				continue
			}
			seen[a] = true
			c := counted(a.unit, starts[a.n], 1, 2)
			c.Key.Granularity = string(g)
			i.Cells = append(i.Cells, c)
			if f, ok := first[a.unit]; !ok || a.n < f {
				first[a.unit] = a.n
			}
			last = max(last, a.n)
		}
		var want []string
		for _, u := range []string{"U", "V", "W"} {
			f, ok := first[u]
			for n := f; ok && n <= last; n++ {
				state := "missing"
				if seen[at{u, n}] {
					state = "value"
				}
				want = append(want, fmt.Sprintf("%s %s..%s %s", u, starts[n], starts[n+1], state))
			}
		}
		s := build(t, i)
		for _, name := range []string{"cell", "chart"} {
			var got []string
			for j, u := range col[string](t, s, name, "unit") {
				got = append(got, fmt.Sprintf("%s %s..%s %s", u, catalog.DateOfDays(col[int32](t, s, name, "period_start")[j]),
					catalog.DateOfDays(col[int32](t, s, name, "period_end")[j]), col[string](t, s, name, "state")[j]))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s (-want +got):\n%s", name, d)
			}
		}
	})
}

func TestSeriesEndWithTheirUnitAndVersion(t *testing.T) {
	i := input(counted("U", month(0), 1, 2), counted("V", month(4), 1, 2))
	i.Index = units(catalog.Unit{ID: "U", To: month(2).AddDays(3)}) // in the middle of month 2
	same(t, "a unit that ends", points(t, build(t, i), "chart"), "U0 value 0.5", "U1 missing none", "U2 missing none", "V4 value 0.5")

	next := counted("U", month(3), 1, 4)
	next.Key.Version = "2"
	i = input(counted("U", month(0), 1, 2), next)
	i.Indicator.Versions = []catalog.Version{{ID: "1", To: month(2)}, {ID: "2", From: month(2)}}
	s := build(t, i)
	same(t, "a version that ends", points(t, s, "chart"), "U0 value 0.5", "U1 missing none", "U3 value 0.25")
	same(t, "its cells", points(t, s, "cell"), "U0 value 0.5", "U1 missing none", "U3 value 0.25")

	gone := counted("U", month(5), 0, 0)
	gone.Tombstone = true
	same(t, "a series that was withdrawn", points(t, build(t, input(gone)), "chart"))
	same(t, "an absence behind the newest period", points(t, build(t, input(counted("U", month(0), 1, 2), gone)), "chart"), "U0 value 0.5")
	held := in(spc.StateHeldEmpty, counted("U", month(2), 1, 2))
	same(t, "one in question at the end", points(t, build(t, input(counted("U", month(0), 1, 2), held)), "chart"),
		"U0 value 0.5", "U1 missing none", "U2 held_empty none")
}

func TestComparableVersionsAreOneSeries(t *testing.T) {
	versions := func(comparable ...bool) (publication.Input, []catalog.Version) {
		i := input()
		var vs []catalog.Version
		for n, c := range comparable {
			v := catalog.Version{ID: fmt.Sprint(n + 1), Comparable: c, From: month(n), To: month(n + 1)}
			if n == len(comparable)-1 {
				v.To = catalog.Date{}
			}
			vs = append(vs, v)
			x := counted("U", month(n), float64(n), 10)
			x.Key.Version = v.ID
			i.Cells = append(i.Cells, x)
		}
		i.Indicator.Versions = vs
		return i, vs
	}
	for _, c := range []struct {
		comparable []bool
		want       string
	}{
		{[]bool{false, true, true}, "3 3 3"},
		{[]bool{false, false, true}, "1 3 3"},
		{[]bool{false, true, false}, "2 2 3"},
		{[]bool{false, false, false}, "1 2 3"},
	} {
		i, _ := versions(c.comparable...)
		s := build(t, i)
		if got := strings.Join(col[string](t, s, "chart", "indicator_version"), " "); got != c.want {
			t.Errorf("comparable %v: charts of the versions %s, want %s", c.comparable, got, c.want)
		}
		if got := strings.Join(col[string](t, s, "cell", "indicator_version"), " "); got != "1 2 3" {
			t.Errorf("comparable %v: cells of the versions %s", c.comparable, got)
		}
	}
}

func TestSuccessors(t *testing.T) {
	// A is carried on by B from month 2 on; both deliver in months 1 to 3.
	cells := []publication.Cell{counted("A", month(0), 1, 10), counted("A", month(1), 2, 10), counted("A", month(2), 3, 10),
		counted("B", month(1), 0, 10), counted("B", month(2), 1, 10), counted("B", month(3), 5, 10)}
	apart := []string{"A0 value 0.1", "A1 value 0.2", "A2 value 0.3", "A3 missing none", "B1 value 0", "B2 value 0.1", "B3 value 0.5"}
	summed := []string{"B0 value 0.1", "B1 value 0.1", "B2 value 0.2", "B3 value 0.5"}
	for _, c := range []struct {
		name       string
		successors []catalog.Successor
		reach      catalog.Date
		want       []string
	}{
		{"none", nil, month(9), apart},
		{"sum, current", []catalog.Successor{{Unit: "B", From: month(2), Policy: "sum", AsOf: "current"}}, month(9), summed},
		{"sum, as of the period", []catalog.Successor{{Unit: "B", From: month(2), Policy: "sum", AsOf: "period"}}, month(9), apart},
		{"continue, current", []catalog.Successor{{Unit: "B", From: month(2), Policy: "continue", AsOf: "current"}}, month(9),
			[]string{"A2 value 0.3", "A3 missing none", "B0 value 0.1", "B1 value 0.1", "B2 value 0.1", "B3 value 0.5"}},
		{"continue, as of the period", []catalog.Successor{{Unit: "B", From: month(2), Policy: "continue", AsOf: "period"}}, month(9), apart},
		{"break", []catalog.Successor{{Unit: "B", From: month(2), Policy: "break", AsOf: "current"}}, month(9), apart},
		{"not yet", []catalog.Successor{{Unit: "B", From: month(20), Policy: "sum", AsOf: "current"}}, month(9), apart},
		{"a split", []catalog.Successor{{Unit: "B", From: month(2), Policy: "sum", AsOf: "current"}, {Unit: "C", From: month(2), Policy: "sum", AsOf: "current"}}, month(9), apart},
	} {
		i := input(cells...)
		i.Reach = c.reach
		i.Index = units(catalog.Unit{ID: "A", Successors: c.successors}, catalog.Unit{ID: "B"}, catalog.Unit{ID: "C"})
		s := build(t, i)
		same(t, c.name+": charts", points(t, s, "chart"), c.want...)
		same(t, c.name+": cells are as delivered", points(t, s, "cell"), apart...)
	}
	// A chain, and a point in question: the sum is in question.
	i := input(counted("A", month(0), 1, 10), in(spc.StateHeldEmpty, counted("B", month(0), 1, 10)), in(spc.StateHeldPrevious, counted("A", month(1), 1, 10)),
		counted("C", month(1), 3, 10), counted("A", month(2), 0, 0), counted("C", month(2), 1, 4), counted("A", month(3), 0, 0), counted("B", month(3), 0, 0))
	on := func(u string) []catalog.Successor {
		return []catalog.Successor{{Unit: u, From: month(2), Policy: "sum", AsOf: "current"}}
	}
	i.Index = units(catalog.Unit{ID: "A", Successors: on("B")}, catalog.Unit{ID: "B", Successors: on("C")}, catalog.Unit{ID: "C"})
	s := build(t, i)
	same(t, "a chain", points(t, s, "chart"), "C0 held_empty none", "C1 held_previous 0.2", "C2 value 0.25", "C3 no_eligible none")
	for j, fp := range col[string](t, s, "chart", "fingerprint") {
		if fp != "" {
			t.Errorf("point %d of several cells has the fingerprint of one", j)
		}
	}
}

// A unit under question is in the funnel as that: with its earlier value where
// there is one, and never as a unit without patients.
func TestFunnelOfUnitsUnderQuestion(t *testing.T) {
	var cells []publication.Cell
	for m := range 20 {
		cells = append(cells, counted("U", month(m), 5, 10), counted("V", month(m), 6, 12))
	}
	cells = append(cells, in(spc.StateHeldPrevious, counted("previous", month(18), 3, 10)), in(spc.StateHeldPrevious, counted("previous", month(19), 4, 10)),
		in(spc.StateHeldPrevious, counted("nobody", month(19), 0, 0)), in(spc.StateHeldEmpty, counted("empty", month(19), 1, 10)))
	s := build(t, input(cells...))
	var got []string
	for j, u := range col[string](t, s, "funnel", "unit") {
		got = append(got, fmt.Sprintf("%s %s %v %v", u, col[string](t, s, "funnel", "state")[j], col[float64](t, s, "funnel", "value")[j], col[float64](t, s, "funnel", "denominator")[j]))
	}
	slices.Sort(got)
	want := []string{"U value 0.5 120", "V value 0.5 144", "empty held_empty NaN NaN", "nobody held_empty NaN NaN", "previous held_previous 0.35 20"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if units := col[uint32](t, s, "variation", "units")[0]; units != 2 {
		t.Errorf("%d units enter the variation, want 2", units)
	}
}

// The funnel adds up the twelve newest mature months; of rolling windows and
// cross-sections it takes the newest mature period.
func TestFunnelWindow(t *testing.T) {
	var cells []publication.Cell
	for m := range 20 {
		cells = append(cells, counted("U", month(m), float64(m), 100), counted("V", month(m), 1, 10))
	}
	cells = append(cells, counted("old", month(7), 5, 10), in(spc.StateHeldEmpty, counted("held", month(15), 5, 10)), in(spc.StateSuppressed, counted("held", month(16), 5, 10)))
	for _, c := range []struct {
		measurement string
		months      int // of data
		from, to    int
		num, den    float64 // of U
		states      string
	}{
		{"event", 20, 8, 20, 162, 1200, "held held_empty, old missing, U value, V value"},
		{"event", 19, 7, 19, 150, 1200, "held held_empty, old value, U value, V value"}, // month 19 is not mature
		{"rolling", 20, 19, 20, 19, 100, "held missing, old missing, U value, V value"},
		{"cross_section", 19, 18, 19, 18, 100, "held missing, old missing, U value, V value"},
	} {
		i := input(cells...)
		i.Indicator.Measurement, i.Reach = c.measurement, month(c.months)
		s := build(t, i)
		var states []string
		for j, u := range col[string](t, s, "funnel", "unit") {
			states = append(states, u+" "+col[string](t, s, "funnel", "state")[j])
			if from, to := col[int32](t, s, "funnel", "period_start")[j], col[int32](t, s, "funnel", "period_end")[j]; from != month(c.from).Days() || to != month(c.to).Days() {
				t.Errorf("%s: %s..%s", c.measurement, catalog.DateOfDays(from), catalog.DateOfDays(to))
			}
			if d := col[float64](t, s, "funnel", "denominator")[j]; u == "U" && (d != c.den || math.Abs(col[float64](t, s, "funnel", "value")[j]-c.num/c.den) > 1e-12) {
				t.Errorf("%s: %v of %v, want %v of %v", c.measurement, col[float64](t, s, "funnel", "value")[j], d, c.num/c.den, c.den)
			}
		}
		slices.SortFunc(states, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
		if got := strings.Join(states, ", "); got != c.states {
			t.Errorf("%s with %d months: %s, want %s", c.measurement, c.months, got, c.states)
		}
		v := table(t, s, "variation")
		if v.Rows() != 1 || col[int32](t, s, "variation", "period_start")[0] != month(c.from).Days() {
			t.Errorf("%s: variation has %d rows", c.measurement, v.Rows())
		}
	}
	for g, n := range map[catalog.Granularity]int{catalog.Day: 365, catalog.Week: 52, catalog.Quarter: 4, catalog.Tertial: 3, catalog.HalfYear: 2, catalog.Year: 1} {
		i := input()
		i.Indicator.Period = g
		last := g.PeriodStart(catalog.NewDate(2024, 5, 15))
		first := last
		for range n - 1 {
			first = g.PeriodStart(first.AddDays(-1))
		}
		for at := g.PeriodStart(first.AddDays(-1)); !last.Before(at); at = g.PeriodEnd(at) { // one more than the window
			c := counted("U", at, 1, 2)
			c.Key.Granularity = string(g)
			i.Cells = append(i.Cells, c)
		}
		i.Reach = g.PeriodEnd(last)
		s := build(t, i)
		if d := col[float64](t, s, "funnel", "denominator"); !slices.Equal(d, []float64{float64(2 * n)}) || col[int32](t, s, "funnel", "period_start")[0] != first.Days() {
			t.Errorf("%s: a year has the denominator %v from %s", g, d, catalog.DateOfDays(col[int32](t, s, "funnel", "period_start")[0]))
		}
	}
}

// Quantiles of the histogram are those of all the values, also after adding up.
func TestQuantilesAgainstSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom([]float64{50, 10, 25, 90, 99.5}).Draw(t, "p")
		i := input()
		i.Indicator.Type, i.Indicator.Subset, i.Indicator.Percentile = catalog.Percentile, false, p
		if p == 50 {
			i.Indicator.Type = rapid.SampledFrom([]catalog.IndicatorType{catalog.Median, catalog.TimeBetween, catalog.Percentile}).Draw(t, "type")
		}
		i.Index = units(catalog.Unit{ID: "A", Successors: []catalog.Successor{{Unit: "B", From: month(0), Policy: "sum", AsOf: "current"}}}, catalog.Unit{ID: "B"})
		var all []float64
		for _, u := range []string{"A", "B"} {
			values := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64Range(-5e12, 5e12)), 0, 12).Draw(t, u)
			if len(values) == 0 {
				continue
			}
			slices.Sort(values)
			c := counted(u, month(0), 0, 0)
			c.Content.ValueCount = int64(len(values))
			var bins []string
			for at := 0; at < len(values); {
				n := at
				for n < len(values) && values[n] == values[at] {
					all = append(all, float64(values[n])/cell.Micro)
					n++
				}
				bins = append(bins, fmt.Sprintf("%d*%d", values[at], n-at))
				at = n
			}
			c.Content.Histogram = strings.Join(bins, " ")
			i.Cells = append(i.Cells, c)
		}
		slices.Sort(all)
		s := build(t, i)
		got := col[float64](t, s, "chart", "value")
		if len(all) == 0 {
			if len(got) > 0 {
				t.Fatalf("%v of nothing", got)
			}
			return
		}
		h := p / 100 * float64(len(all)-1)
		lo := int(math.Floor(h))
		want := all[lo] + (h-float64(lo))*(all[min(lo+1, len(all)-1)]-all[lo])
		if len(got) != 1 || math.Abs(got[0]-want) > 1e-9*max(1, math.Abs(want)) {
			t.Fatalf("the %v percent quantile of %v is %v, want %v", p, all, got, want)
		}
		if n := col[float64](t, s, "chart", "n")[0]; n != float64(len(all)) {
			t.Fatalf("n = %v of %d", n, len(all))
		}
	})
}

func TestIntervals(t *testing.T) {
	const num, den = 7, 40
	wilsonLow, wilsonHigh := variation.Wilson(num, den, 0.95)
	byarLow, byarHigh := variation.NewByar(0.95).Interval(num, den)
	values := []float64{1, 2, 4, 9}
	var sum, squares float64
	for _, v := range values {
		sum, squares = sum+v, squares+v*v
	}
	mean := sum / 4
	sd := math.Sqrt((squares - 4*mean*mean) / 3)
	meanLow, meanHigh := variation.MeanT(mean, sd, 4, 0.95)
	nan := math.NaN()
	for _, c := range []struct {
		kind                                  catalog.IndicatorType
		subset                                bool
		value, low, high, num, den, exp, draw float64
	}{
		{catalog.Proportion, true, num / 40.0, wilsonLow, wilsonHigh, num, den, nan, 1},
		{catalog.Proportion, false, num / 40.0, byarLow, byarHigh, num, den, nan, 1},
		{catalog.Rate, false, num / 40.0, byarLow, byarHigh, num, den, nan, 1000},
		{catalog.StandardisedRatio, false, num / 40.0, byarLow, byarHigh, num, den, den, 100},
		{catalog.Mean, false, mean, meanLow, meanHigh, sum, 4, nan, 1},
		{catalog.Count, false, num, nan, nan, num, nan, nan, 1},
		{catalog.Median, false, 3, nan, nan, nan, 4, nan, 1},
	} {
		x := counted("U", month(0), num, den)
		x.Content.ValueCount, x.Content.Values, x.Content.ValueSquares = 4, micro(sum), cell.FixedOf(int64(squares*cell.Micro*cell.Micro))
		x.Content.Histogram, x.Content.Missing = "1000000*1 2000000*1 4000000*1 9000000*1", 3
		i := input(x)
		i.Indicator.Type, i.Indicator.Subset, i.Indicator.Multiplier = c.kind, c.subset, c.draw
		s := build(t, i)
		for name, want := range map[string]float64{"value": c.value * c.draw, "ci_low": c.low * c.draw, "ci_high": c.high * c.draw,
			"numerator": c.num, "denominator": c.den, "expected": c.exp, "missing_share": 0.3, "coverage": nan} {
			got := col[float64](t, s, "cell", name)[0]
			if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-9 {
				t.Errorf("%s of %s (subset %v): %v, want %v", name, c.kind, c.subset, got, want)
			}
		}
		if got := col[float64](t, s, "chart", "value")[0]; math.Abs(got-c.value*c.draw) > 1e-9 {
			t.Errorf("the chart of %s shows %v", c.kind, got)
		}
		if funnel := table(t, s, "funnel").Rows(); funnel > 0 != (c.kind != catalog.Count && c.kind != catalog.Median) {
			t.Errorf("%s has %d rows in the funnel", c.kind, funnel)
		}
	}
	// Nobody eligible has no interval, and one case no precision.
	for kind, content := range map[catalog.IndicatorType]cell.Content{
		catalog.Proportion: {Rows: 1}, catalog.Rate: {Rows: 1}, catalog.StandardisedRatio: {Rows: 1, Denominator: micro(5)}, catalog.Mean: {Rows: 1},
	} {
		x := counted("U", month(0), 0, 0)
		x.Content = content
		i := input(x)
		i.Indicator.Type = kind
		s := build(t, i)
		if state, low := col[string](t, s, "cell", "state")[0], col[float64](t, s, "cell", "ci_low")[0]; state != "no_eligible" || !math.IsNaN(low) {
			t.Errorf("0 of 0 in a %s is %s, from %v", kind, state, low)
		}
	}
}

func TestTargetsAndReferences(t *testing.T) {
	i := input(counted("U", month(0), 1, 2), counted("U", month(3), 1, 2))
	i.Indicator.Multiplier = 100
	i.Indicator.Targets = []catalog.Target{{Value: 0.7}, {Value: 0.8, From: month(1)}, {Value: 0.9, From: month(3)}}
	i.Indicator.References = []catalog.Reference{{Value: 0.6, Source: "later", From: month(3)}, {Value: 0.5, Source: "report", From: month(2)}}
	s := build(t, i)
	var got []string
	for j, v := range col[float64](t, s, "chart", "target") {
		got = append(got, fmt.Sprintf("%.4g %.4g %s", v, col[float64](t, s, "chart", "reference_value")[j], col[string](t, s, "chart", "reference_source")[j]))
	}
	same(t, "targets", got, "70 NaN ", "80 NaN ", "80 50 report", "90 60 later")
	i.Indicator.Targets, i.Indicator.References = nil, nil
	if v := col[float64](t, build(t, i), "chart", "target")[0]; !math.IsNaN(v) {
		t.Errorf("no target is %v", v)
	}
}

// No chart can hold counts that are none, waived or not.
// TestBaselineHoldsWholeCycles: limits from 12 points, or two weeks of days; a frozen
// baseline of the fewest whole cycles that make 24: two years of months, one of
// weeks, four weeks of days.
func TestBaselineHoldsWholeCycles(t *testing.T) {
	for _, tc := range []struct {
		granularity          catalog.Granularity
		cycle, least, frozen int
	}{
		{catalog.Day, 7, 14, 28}, {catalog.Week, 52, 12, 52}, {catalog.Month, 12, 12, 24}, {catalog.Quarter, 4, 12, 24},
		{catalog.Tertial, 3, 12, 24}, {catalog.HalfYear, 2, 12, 24}, {catalog.Year, 1, 12, 24},
	} {
		r := rand.New(rand.NewPCG(4, 2))
		in := input()
		in.Indicator.Period, in.Reach = tc.granularity, catalog.NewDate(2100, 1, 1)
		for at := tc.granularity.PeriodStart(catalog.NewDate(2020, 6, 1)); len(in.Cells) < tc.frozen+3; at = tc.granularity.PeriodEnd(at) {
			num := 0.0
			for range 200 {
				if r.Float64() < 0.4 {
					num++
				}
			}
			c := counted("U", at, num, 200)
			c.Key.Granularity = string(tc.granularity)
			in.Cells = append(in.Cells, c)
		}
		points := func(n int) (chart string, baseline int, why string) {
			cut := in
			cut.Cells = in.Cells[:n]
			s := build(t, cut)
			from, to := col[int32](t, s, "chart", "baseline_from")[0], col[int32](t, s, "chart", "baseline_to")[0]
			for at := catalog.DateOfDays(from); at.Days() < to; at = tc.granularity.PeriodEnd(at) {
				baseline++
			}
			return col[string](t, s, "chart", "chart")[0], baseline, col[string](t, s, "chart", "why")[0]
		}
		if chart, _, _ := points(tc.least - 1); chart != "run" {
			t.Errorf("%s: %d points have the chart %s", tc.granularity, tc.least-1, chart)
		}
		if chart, n, why := points(tc.least); chart == "run" || n != tc.least || !strings.Contains(why, "provisional") {
			t.Errorf("%s: %d points: chart %s from %d: %s", tc.granularity, tc.least, chart, n, why)
		}
		if _, n, why := points(tc.frozen - 1); n != tc.frozen-1 || !strings.Contains(why, "provisional") {
			t.Errorf("%s: %d points: baseline of %d: %s", tc.granularity, tc.frozen-1, n, why)
		}
		if _, n, why := points(tc.frozen + 3); n != tc.frozen || !strings.Contains(why, "frozen") {
			t.Errorf("%s: %d points: baseline of %d: %s", tc.granularity, tc.frozen+3, n, why)
		}
	}
}

// TestWeekdaysAreACycle: values that follow the days of the week turn the run rules
// off, as a season does.
func TestWeekdaysAreACycle(t *testing.T) {
	in := input()
	in.Indicator.Period = catalog.Day
	for i := range 56 {
		c := counted("U", catalog.NewDate(2020, 6, 1).AddDays(i), []float64{80, 82, 79, 81, 80, 60, 58}[i%7]+float64(i*i%5), 200)
		c.Key.Granularity = "day"
		in.Cells = append(in.Cells, c)
	}
	s := build(t, in)
	if why := col[string](t, s, "chart", "why")[0]; !strings.Contains(why, "run rules are off") {
		t.Errorf("%s", why)
	}
}

// TestVerdicts: what is said of the target, of the latest value, and of a new phase
// that could be made, on the last phase alone and only where there is a direction.
func TestVerdicts(t *testing.T) {
	draw := func(p func(i int) float64) publication.Input {
		r := rand.New(rand.NewPCG(4, 3))
		in := input()
		in.Indicator.Multiplier = 100
		for i := range 48 {
			num := 0.0
			for range 400 {
				if r.Float64() < p(i) {
					num++
				}
			}
			in.Cells = append(in.Cells, counted("U", month(i), num, 400))
		}
		return in
	}
	why := func(in publication.Input) string { return col[string](t, build(t, in), "chart", "why")[0] }
	steady := draw(func(int) float64 { return 0.4 })
	none := why(steady)
	if strings.Contains(none, "target") || strings.Contains(none, "phase") || strings.Contains(none, "latest") {
		t.Errorf("without direction and change: %s", none)
	}
	for _, tc := range []struct {
		target    float64
		direction string
		want      string
	}{
		{0.1, "up", "will meet its target"}, {0.9, "up", "will miss its target"}, {0.1, "down", "will miss its target"},
		{0.9, "down", "will meet its target"}, {0.4, "up", "by chance"}, {0.4, "none", ""},
	} {
		in := steady
		ind := *in.Indicator
		// An older target that would say otherwise does not count.
		ind.Direction, ind.Targets = tc.direction, []catalog.Target{{Value: 1 - tc.target}, {Value: tc.target, From: month(20)}}
		in.Indicator = &ind
		if got := why(in); !strings.Contains(got, tc.want) || tc.want == "" && got != none {
			t.Errorf("target %v, %s: %s", tc.target, tc.direction, got)
		}
	}
	shifted := draw(func(i int) float64 {
		if i >= 30 {
			return 0.5
		}
		return 0.4
	})
	shifted.Indicator.Direction = "down"
	got := why(shifted)
	for _, want := range []string{"A new phase could be made from 2022-07-01 (between 2022-0", "39.67 before, 50.03 in the 18 mature values since", "sigma apart", "signal of concern"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
	shifted.Indicator.Direction = "up"
	if got := why(shifted); !strings.Contains(got, "signal of improvement") {
		t.Errorf("%s", got)
	}
}

func TestImpossibleCounts(t *testing.T) {
	for _, c := range []struct {
		kind     catalog.IndicatorType
		subset   bool
		num, den float64
		want     string
	}{
		{catalog.Proportion, true, 3, 2, "held_empty"}, {catalog.Proportion, true, 2, 2, "value"}, {catalog.Proportion, false, 3, 2, "value"},
		{catalog.Proportion, true, -1, 2, "held_empty"}, {catalog.Rate, false, -1, 2, "held_empty"}, {catalog.Rate, false, 1, -2, "held_empty"},
		{catalog.Count, false, -1, 0, "held_empty"}, {catalog.StandardisedRatio, false, 1, -1, "held_empty"}, {catalog.Proportion, true, 1, 0, "held_empty"},
	} {
		for _, state := range []spc.State{spc.StateValue, spc.StateHeldPrevious} {
			i := input(in(state, counted("U", month(0), c.num, c.den)), counted("U", month(1), 1, 2), counted("V", month(0), 1, 2))
			i.Indicator.Type, i.Indicator.Subset = c.kind, c.subset
			s := build(t, i)
			want := c.want
			if want == "value" {
				want = state.String()
			}
			for _, name := range []string{"cell", "chart"} {
				if got := col[string](t, s, name, "state")[0]; got != want {
					t.Errorf("%v of %v in a %s (subset %v) is %s, want %s", c.num, c.den, c.kind, c.subset, got, want)
				}
			}
			if fp := col[string](t, s, "cell", "fingerprint")[0]; want == "held_empty" && fp != "" {
				t.Errorf("what is not shown has the fingerprint %s", fp)
			}
		}
	}
	x := counted("U", month(0), -5, -5)
	x.Content.ValueCount, x.Content.Values = 2, micro(-10)
	i := input(x)
	i.Indicator.Type = catalog.Mean
	same(t, "a negative mean is none of this", points(t, build(t, i), "chart"), "U0 value -5")
}

// full is a set with something in every table.
func full() publication.Input {
	i := input()
	for m := range 30 {
		for u := range 12 {
			i.Cells = append(i.Cells, counted(fmt.Sprint("U", u), month(m), float64((m*7+u*5)%20), 20+float64(u)))
		}
	}
	i.Index = units(catalog.Unit{ID: "U0", Successors: []catalog.Successor{{Unit: "U1", From: month(3), Policy: "sum", AsOf: "current"}}},
		catalog.Unit{ID: "U2", Successors: []catalog.Successor{{Unit: "U1", From: month(3), Policy: "sum", AsOf: "current"}}}, catalog.Unit{ID: "U1"})
	return i
}

func TestBuildDoesNotDependOnTheOrderOfCells(t *testing.T) {
	i := full()
	i.Cells[3].State, i.Cells[14].State, i.Cells[25].State = spc.StateHeldPrevious, spc.StateHeldEmpty, spc.StateSuppressed
	want := build(t, i)
	r := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		r.Shuffle(len(i.Cells), func(a, b int) { i.Cells[a], i.Cells[b] = i.Cells[b], i.Cells[a] })
		if got := build(t, i); got.ID != want.ID {
			t.Fatal("another order of the cells gives another set")
		} else if !cmp.Equal(want, got, cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })) {
			t.Fatal("the rows are in another order")
		}
	}
}

func columns(s publication.Set) []string {
	var out []string
	for _, t := range s.Tables {
		for _, c := range t.Columns {
			out = append(out, fmt.Sprintf("%s.%s %T", t.Name, c.Name, c.Values))
		}
	}
	return out
}

func TestTemplatesAreSetsWithoutRows(t *testing.T) {
	s := build(t, full())
	if d := cmp.Diff(columns(s), columns(publication.IndicatorTemplate())); d != "" {
		t.Errorf("the template of an indicator (-set +template):\n%s", d)
	}
	for _, tab := range s.Tables {
		if tab.Rows() == 0 {
			t.Errorf("table %s is not tested", tab.Name)
		}
	}
	if d := cmp.Diff(columns(publication.Meta(meta())), columns(publication.MetaTemplate())); d != "" {
		t.Errorf("the template of meta (-set +template):\n%s", d)
	}
	for _, tab := range slices.Concat(publication.IndicatorTemplate().Tables, publication.MetaTemplate().Tables) {
		if n, sum := tab.Checksum(); n != 0 || sum != 0 {
			t.Errorf("the template of %s has %d rows", tab.Name, n)
		}
	}
}

func meta() publication.MetaInput {
	at := time.Date(2026, 3, 2, 1, 2, 3, 0, time.UTC)
	return publication.MetaInput{
		Catalog: &catalog.Catalog{Region: catalog.Region{Code: "nord"},
			Units: []catalog.Unit{{ID: "A", Kind: "clinic", Name: catalog.Text{"sv": "å", "en": "a"}, From: month(0), To: month(9),
				Parents: []catalog.Parent{{Unit: "P"}}, Successors: []catalog.Successor{{Unit: "B", From: month(9)}}}, {ID: "B"}},
			Indicators: []catalog.Indicator{{ID: "i", Name: catalog.Text{"da": "d"}, Type: catalog.Rate, Multiplier: 1000, Versions: []catalog.Version{{ID: "1"}, {ID: "2"}}}}},
		Flags: []publication.Flag{{FlagRaised: event.FlagRaised{Flag: "f2", Indicator: "i", Observed: math.Inf(1), Guards: []event.Guard{{Version: "1", Granularity: "month"}}}, Status: "open", RaisedAt: at},
			{FlagRaised: event.FlagRaised{Flag: "f1", Indicator: "i", Check: "C11"}, Status: "accepted", RaisedAt: at}},
		Deliveries: []publication.Delivery{{Received: event.DeliveryReceived{Delivery: "d1", Name: "a.csv"}, ReceivedAt: at, Accepted: &event.DeliveryAccepted{Lines: 9, Observed: 8, Rejected: 1, AsOf: month(3)}},
			{Received: event.DeliveryReceived{Delivery: "d2"}, Rejected: &event.DeliveryRejected{Problems: []event.Problem{{Rule: "C03", Text: "no header"}}}}},
	}
}

func TestMeta(t *testing.T) {
	s := publication.Meta(meta())
	same(t, "flags", col[string](t, s, "flag", "flag"), "f1", "f2")
	same(t, "their state", col[string](t, s, "flag", "state"), "accepted", "open")
	if o := col[float64](t, s, "flag", "observed")[1]; !math.IsNaN(o) {
		t.Errorf("infinity is shown as %v", o)
	}
	same(t, "deliveries", col[string](t, s, "delivery", "state"), "accepted", "rejected")
	same(t, "their reason", col[string](t, s, "delivery", "reason"), "", "C03: no header")
	same(t, "units", col[string](t, s, "unit", "name"), "a", "B")
	same(t, "parents", col[string](t, s, "unit", "parent"), "P", "")
	same(t, "successors", col[string](t, s, "unit", "successor"), "B", "")
	same(t, "indicators", col[string](t, s, "indicator", "indicator_version"), "1", "2")
	same(t, "their name", col[string](t, s, "indicator", "name"), "d", "d")
	same(t, "annotations", col[string](t, s, "annotation", "kind"), "unit_from", "successor", "predecessor")
	same(t, "their texts", col[string](t, s, "annotation", "text"), "The unit begins", "Carried on by B", "Carries on a")
	alone := meta()
	alone.Catalog.Units[0].Successors = nil
	same(t, "of a unit that nobody carries on", col[string](t, publication.Meta(alone), "annotation", "kind"), "unit_from", "unit_to")
	in := meta()
	slices.Reverse(in.Flags)
	if publication.Meta(in).ID != s.ID {
		t.Error("the order of flags is in the name of the set")
	}
	in.Flags[0].Status = "rejected"
	if publication.Meta(in).ID == s.ID {
		t.Error("the state of a flag is not in the name of the set")
	}
}

// Apart are the same tables, and a decision changes the flags alone.
func TestMetaApart(t *testing.T) {
	flags, lists := publication.MetaApart(meta())
	whole := publication.Meta(meta())
	if d := cmp.Diff(whole.Tables, slices.Concat(flags.Tables, lists.Tables), cmpopts.EquateNaNs()); d != "" {
		t.Errorf("the tables (-in one set +in two):\n%s", d)
	}
	in := meta()
	in.Flags[0].Status = "rejected"
	decided, same := publication.MetaApart(in)
	if decided.ID == flags.ID || same.ID != lists.ID {
		t.Errorf("a decision makes flags %s of %s and lists %s of %s", decided.ID, flags.ID, same.ID, lists.ID)
	}
	in.Deliveries = in.Deliveries[:1]
	if _, fewer := publication.MetaApart(in); fewer.ID == lists.ID {
		t.Error("a delivery is not in the name of the lists")
	}
	noFlags, noLists := publication.MetaApartTemplate()
	if d := cmp.Diff(columns(whole), slices.Concat(columns(noFlags), columns(noLists))); d != "" {
		t.Errorf("the templates (-set +templates):\n%s", d)
	}
}

// A set is named by all of its content and by nothing else.
func TestSeal(t *testing.T) {
	for of, s := range map[string]publication.Set{"i": build(t, full()), "meta": publication.Meta(meta())} {
		if again := publication.Seal(of, s.Tables); again.ID != s.ID || len(s.ID) != 32 {
			t.Errorf("%s is named %s and %s", of, s.ID, again.ID)
		}
		seen := map[string]string{s.ID: "the set itself", publication.Seal("other", s.Tables).ID: "another owner"}
		for _, tab := range s.Tables {
			for _, c := range tab.Columns {
				v := reflect.ValueOf(c.Values)
				x := v.Index(tab.Rows() - 1)
				old := reflect.New(x.Type()).Elem()
				old.Set(x)
				switch x.Kind() {
				case reflect.String:
					x.SetString(x.String() + "x")
				case reflect.Float64:
					x.SetFloat(math.Nextafter(x.Float(), 1e300))
					if math.IsNaN(old.Float()) {
						x.SetFloat(0)
					}
				case reflect.Bool:
					x.SetBool(!x.Bool())
				case reflect.Slice:
					x.Set(reflect.ValueOf([]string{"a", "b"}))
				case reflect.Int8, reflect.Int32, reflect.Int64:
					x.SetInt(x.Int() - 1)
				default:
					x.SetUint(x.Uint() + 1)
				}
				id := publication.Seal(of, s.Tables).ID
				if was, ok := seen[id]; ok {
					t.Errorf("changing %s.%s gives the name of %s", tab.Name, c.Name, was)
				}
				seen[id] = tab.Name + "." + c.Name
				x.Set(old)
			}
		}
		if publication.Seal(of, s.Tables).ID != s.ID {
			t.Error("the test did not restore the set")
		}
	}
	// The order of rows does not matter; that of values between rows and columns does.
	tab := func(a, b []string) publication.Set {
		return publication.Seal("x", []publication.Table{{Name: "t", Columns: []publication.Column{{Name: "a", Values: a}, {Name: "b", Values: b}}}})
	}
	base := tab([]string{"1", "2"}, []string{"3", "4"}).ID
	if tab([]string{"2", "1"}, []string{"4", "3"}).ID != base {
		t.Error("the order of rows is in the name")
	}
	for _, other := range []publication.Set{tab([]string{"2", "1"}, []string{"3", "4"}), tab([]string{"3", "4"}, []string{"1", "2"}), tab([]string{"1"}, []string{"3"})} {
		if other.ID == base {
			t.Error("other rows have the same name")
		}
	}
}

// Equal numbers have equal bits: there is one zero and one NaN.
func TestNumbersHaveOneForm(t *testing.T) {
	for _, s := range []publication.Set{build(t, full()), publication.Meta(meta())} {
		for _, tab := range s.Tables {
			for _, c := range tab.Columns {
				v, ok := c.Values.([]float64)
				if !ok {
					continue
				}
				for _, x := range v {
					if x == 0 && math.Signbit(x) || math.IsInf(x, 0) || math.IsNaN(x) && math.Float64bits(x) != math.Float64bits(math.NaN()) {
						t.Errorf("%s.%s has the bits %x", tab.Name, c.Name, math.Float64bits(x))
					}
				}
			}
		}
	}
}

func TestAnIndicatorWithoutCells(t *testing.T) {
	for _, kind := range []catalog.IndicatorType{catalog.Proportion, catalog.Mean, catalog.Count, catalog.Median} {
		i := input()
		i.Indicator.Type = kind
		for _, tab := range build(t, i).Tables {
			if tab.Rows() > 0 {
				t.Errorf("%s: table %s has rows", kind, tab.Name)
			}
		}
	}
}
