package disclosure

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// alone applies a rule to one cell that stands in no sum.
func alone(p *Profile, ind *catalog.Indicator, c Cell, persons int64) Edition {
	cat := &catalog.Catalog{Units: []catalog.Unit{{ID: "u", Kind: "clinic"}}}
	few := p.Few(ind, &c.Content, Persons{All: persons, With: persons, Without: persons})
	return p.Apply(Input{Index: cat.Index(), Indicator: ind, Cells: []Cell{c}, Few: []bool{few}, Reach: march.AddMonths(2)})
}

func TestRules(t *testing.T) {
	se, round5 := profileOf(t, SE), profileOf(t, Round5)
	lenient, err := New(Config{Rule: SE, Key: bytes.Repeat([]byte{1}, 32), Lenient: true})
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	for _, c := range []struct {
		name     string
		profile  *Profile
		n, total int64
		cause    Cause
		value    float64
	}{
		{"SE below 15", se, 7, 14, FewPersons, nan},
		{"SE from 15", se, 7, 15, NoCause, 0.47},
		{"SE few with", se, 4, 100, FewWith, nan},
		{"SE nobody with", se, 0, 100, FewWith, nan},
		{"SE five with", se, 5, 100, NoCause, 0.05},
		{"SE few without", se, 96, 100, FewWithout, nan},
		{"SE five without", se, 95, 100, NoCause, 0.95},
		{"SE few of many", se, 4, 5000, FewWith, nan},
		{"SE two decimals", se, 1234, 2000, NoCause, 0.62},
		{"lenient below 15", lenient, 7, 14, FewPersons, nan},
		{"lenient few of 15 to 199", lenient, 4, 199, NoCause, 0},
		{"lenient few of 40", lenient, 3, 40, NoCause, 0.1},
		{"lenient few without of 40", lenient, 37, 40, NoCause, 0.95},
		{"lenient few of 200", lenient, 3, 200, NoCause, 0.02},
		{"lenient others", lenient, 13, 40, NoCause, 0.33},
		{"ROUND5 one", round5, 1, 100, FewWith, nan},
		{"ROUND5 seven", round5, 7, 100, FewWith, nan},
		{"ROUND5 nobody", round5, 0, 100, NoCause, 0},
		{"ROUND5 few without", round5, 93, 100, FewWithout, nan},
		{"ROUND5 all", round5, 100, 100, NoCause, 1},
		{"ROUND5 seven persons", round5, 0, 7, FewPersons, nan},
		{"ROUND5 eight persons", round5, 0, 8, NoCause, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := alone(c.profile, proportion(), cellOf("u", "", c.n, c.total), 0)
			same(t, "cause", c.cause, e.Causes[0])
			if c.cause != NoCause {
				same(t, "state", spc.StateSuppressed, e.Cells[0].State)
				same(t, "reason", SmallNumbers, e.Reasons[0])
				same(t, "content", cell.Content{}, e.Cells[0].Content)
				same(t, "fingerprint", cell.Fingerprint{}, e.Cells[0].Fingerprint)
				same(t, "numbers", []float64{nan, nan}, []float64{e.Numerators[0], e.Denominators[0]})
				return
			}
			got := e.Cells[0].Content
			same(t, "state", spc.StateValue, e.Cells[0].State)
			same(t, "value", c.value, math.Round(1e6*got.Numerator.Float(1)/got.Denominator.Float(1))/1e6)
			base := 10.0
			if c.profile == round5 {
				base = 5
			}
			for _, x := range []struct {
				exact int64
				got   float64
			}{{c.n, e.Numerators[0]}, {c.total, e.Denominators[0]}} {
				if math.Mod(x.got, base) != 0 || math.Abs(x.got-float64(x.exact)) >= base {
					t.Errorf("%d is shown as %v: not a multiple of %v next to it", x.exact, x.got, base)
				}
			}
			same(t, "only what is shown", cell.Content{Numerator: got.Numerator, Denominator: got.Denominator}, got)
		})
	}
}

// TestRound5RatesComeFromRoundedNumbers: rates are those of the rounded counts.
func TestRound5RatesComeFromRoundedNumbers(t *testing.T) {
	for n := int64(8); n < 60; n++ {
		e := alone(profileOf(t, Round5), proportion(), cellOf("u", "", n, 100), 0)
		c := e.Cells[0].Content
		same(t, "numerator", e.Numerators[0], c.Numerator.Float(cell.Micro))
		same(t, "denominator", e.Denominators[0], c.Denominator.Float(cell.Micro))
	}
}

func TestIndicatorsOfOtherTypes(t *testing.T) {
	values := func(n int64) Cell {
		c := cellOf("u", "", 0, 0)
		c.Content = cell.Content{Rows: n, ValueCount: n, Values: cell.FixedOf(n * 53_126_000), ValueSquares: cell.FixedOf(n * 2_900_000).Add(cell.Fixed{})}
		return c
	}
	mean := &catalog.Indicator{ID: "i", Type: catalog.Mean}
	for _, c := range []struct {
		rule  string
		n     int64
		cause Cause
	}{{Round5, 1, FewPersons}, {Round5, 7, FewPersons}, {Round5, 8, NoCause}, {SE, 14, FewPersons}, {SE, 15, NoCause}} {
		e := alone(profileOf(t, c.rule), mean, values(c.n), 0)
		same(t, c.rule+" mean", c.cause, e.Causes[0])
		if got := e.Cells[0].Content; c.cause == NoCause && math.Abs(got.Values.Float(cell.Micro)/float64(got.ValueCount)-53.13) > 1e-9 {
			t.Errorf("%s: the mean is %v, want 53.13", c.rule, got.Values.Float(cell.Micro)/float64(got.ValueCount))
		}
	}
	median := values(20)
	median.Content.Histogram = "1000000*10 5000000*10"
	e := alone(profileOf(t, SE), &catalog.Indicator{ID: "i", Type: catalog.Median}, median, 0)
	same(t, "median of one bin", []byte("3000000*"), []byte(e.Cells[0].Content.Histogram)[:8])

	rate := cellOf("u", "", 4, 1000)
	same(t, "SE few events", FewWith, alone(profileOf(t, SE), &catalog.Indicator{ID: "i", Type: catalog.Rate}, rate, 0).Causes[0])
	count := cellOf("u", "", 5, 0)
	same(t, "SE count of five", NoCause, alone(profileOf(t, SE), &catalog.Indicator{ID: "i", Type: catalog.Count}, count, 0).Causes[0])

	// Persons, not events: forty events of six persons.
	many := cellOf("u", "", 40, 1000)
	same(t, "SE events of few persons", FewPersons, alone(profileOf(t, SE), &catalog.Indicator{ID: "i", Type: catalog.Rate}, many, 6).Causes[0])
	same(t, "ROUND5 events of few persons", FewPersons, alone(profileOf(t, Round5), &catalog.Indicator{ID: "i", Type: catalog.Rate}, many, 6).Causes[0])
}

func TestCatalogRaisesTheBounds(t *testing.T) {
	ind := proportion()
	ind.DisclosureMin = 10
	same(t, "disclosure_min", FewWith, alone(profileOf(t, SE), ind, cellOf("u", "", 9, 100), 0).Causes[0])
	same(t, "disclosure_min, without", FewWithout, alone(profileOf(t, Round5), ind, cellOf("u", "", 91, 100), 0).Causes[0])
	ind = proportion()
	ind.MinDenominator = 30
	same(t, "min_denominator", FewPersons, alone(profileOf(t, Round5), ind, cellOf("u", "", 10, 29), 0).Causes[0])
}

// TestKindsOfNothing: what is nothing stays the nothing that it is.
func TestKindsOfNothing(t *testing.T) {
	p := profileOf(t, SE)
	held := cellOf("u", "", 50, 100)
	held.State = spc.StateHeldEmpty
	e := alone(p, proportion(), held, 0)
	same(t, "held", spc.StateHeldEmpty, e.Cells[0].State)
	same(t, "held content", cell.Content{}, e.Cells[0].Content)

	gone := cellOf("u", "", 0, 0)
	gone.Tombstone, gone.Content = true, cell.Content{}
	e = alone(p, proportion(), gone, 0)
	same(t, "missing", Cell{Key: gone.Key, State: spc.StateValue, Tombstone: true}, e.Cells[0])

	e = alone(p, proportion(), cellOf("u", "", 0, 0), 0)
	same(t, "nobody eligible", spc.StateValue, e.Cells[0].State)
	same(t, "nobody eligible", NotWithheld, e.Reasons[0])
	same(t, "without rows nothing came", int64(0), e.Cells[0].Content.Rows)
	zero := cellOf("u", "", 0, 0)
	zero.Content.Rows = 7
	same(t, "seven rows of nobody", cell.Content{Rows: 1}, alone(p, proportion(), zero, 0).Cells[0].Content)
	zero.Content.Masked = 1
	e = alone(p, proportion(), zero, 0)
	same(t, "masked by its source", spc.StateSuppressed, e.Cells[0].State)
	same(t, "masked is not for ever", 0, len(e.History.Withheld))

	e = alone(p, proportion(), cellOf("u", "", 120, 100), 0)
	same(t, "impossible", spc.StateHeldEmpty, e.Cells[0].State)

	ind := proportion()
	ind.MaturityLagDays = 90
	e = alone(p, ind, cellOf("u", "", 50, 100), 0)
	same(t, "immature", spc.StateSuppressed, e.Cells[0].State)
	same(t, "immature", NotMature, e.Reasons[0])
	same(t, "immature is not for ever", 0, len(e.History.Withheld))
}

func TestInternalIsExact(t *testing.T) {
	p, err := New(Config{Rule: Internal})
	if err != nil {
		t.Fatal(err)
	}
	c := cellOf("u", "", 1, 3)
	same(t, "cell", []Cell{c}, alone(p, proportion(), c, 0).Cells)
}

func TestNationIsFree(t *testing.T) {
	cat := &catalog.Catalog{Units: []catalog.Unit{{ID: "u", Kind: "nation"}}}
	in := Input{Index: cat.Index(), Indicator: proportion(), Cells: []Cell{cellOf("u", "", 3, 101)}, Reach: march.AddMonths(2)}
	e := profileOf(t, Round5).Apply(in)
	same(t, "exact", []float64{3, 101}, []float64{e.Numerators[0], e.Denominators[0]})
	same(t, "SE knows no such thing", FewWith, profileOf(t, SE).Apply(in).Causes[0])
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{}, {Rule: "UK"}, {Rule: SE}, {Rule: SE, Key: []byte("short")}, {Rule: Round5, Key: make([]byte, 32), Lenient: true}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

// region is a unit tree: region, one area, units.
func region(units ...string) *catalog.Catalog {
	cat := &catalog.Catalog{Units: []catalog.Unit{{ID: "region"}, {ID: "area", Parents: []catalog.Parent{{Unit: "region"}}}}}
	for _, u := range units {
		cat.Units = append(cat.Units, catalog.Unit{ID: u, Parents: []catalog.Parent{{Unit: "area"}}})
	}
	return cat
}

func (e Edition) causes() map[string]Cause {
	out := map[string]Cause{}
	for i, c := range e.Cells {
		if e.Causes[i] != NoCause {
			out[c.Key.Unit+c.Key.Stratum] = e.Causes[i]
		}
	}
	return out
}

func TestSecondary(t *testing.T) {
	p := profileOf(t, SE)
	apply := func(cat *catalog.Catalog, cells ...Cell) map[string]Cause {
		return p.Apply(Input{Index: cat.Index(), Indicator: proportion(), Cells: cells, Reach: march.AddMonths(2)}).causes()
	}
	cat := region("a", "b", "c")
	same(t, "nothing small", map[string]Cause{},
		apply(cat, cellOf("a", "", 20, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90), cellOf("region", "", 90, 210)))
	same(t, "the next smallest", map[string]Cause{"a": FewWith, "b": Complementary},
		apply(cat, cellOf("a", "", 2, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90), cellOf("region", "", 72, 210)))
	same(t, "without a sum nothing tells", map[string]Cause{"a": FewWith},
		apply(cat, cellOf("a", "", 2, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90)))
	same(t, "two of few are too few", map[string]Cause{"a": FewWith, "b": FewWith, "c": Complementary},
		apply(cat, cellOf("a", "", 2, 50), cellOf("b", "", 2, 70), cellOf("c", "", 40, 90), cellOf("region", "", 44, 210)))
	same(t, "two of enough", map[string]Cause{"a": FewWith, "b": FewWith},
		apply(cat, cellOf("a", "", 4, 50), cellOf("b", "", 3, 70), cellOf("c", "", 40, 90), cellOf("region", "", 47, 210)))
	same(t, "an only child", map[string]Cause{"a": FewWith, "area": FewWith, "region": Complementary},
		apply(region("a"), cellOf("a", "", 2, 50), cellOf("area", "", 2, 50), cellOf("region", "", 40, 50)))
	same(t, "strata go together, and in two units", map[string]Cause{"aF": FewWith, "aM": Complementary, "bF": Complementary, "bM": Complementary},
		apply(cat, cellOf("a", "", 30, 60), cellOf("a", "F", 2, 20), cellOf("a", "M", 28, 40),
			cellOf("b", "", 40, 90), cellOf("b", "F", 20, 40), cellOf("b", "M", 20, 50),
			cellOf("c", "", 50, 140), cellOf("c", "F", 20, 60), cellOf("c", "M", 30, 80),
			cellOf("region", "", 120, 290), cellOf("region", "F", 42, 120), cellOf("region", "M", 78, 170)))
	same(t, "the only stratum is the total", map[string]Cause{"a": Complementary, "aF": FewWith, "b": Complementary},
		apply(cat, cellOf("a", "", 30, 60), cellOf("a", "F", 2, 20), cellOf("b", "", 40, 90), cellOf("c", "", 50, 140), cellOf("region", "", 120, 290)))
	// Under an area and an owner: both sums go.
	two := region("a", "b", "c")
	two.Units = append(two.Units, catalog.Unit{ID: "owner"})
	two.Units[2].Parents = append(two.Units[2].Parents, catalog.Parent{Unit: "owner"})
	two.Units[4].Parents = []catalog.Parent{{Unit: "owner"}}
	same(t, "two hierarchies", map[string]Cause{"a": FewWith, "area": Complementary, "owner": Complementary},
		apply(two, cellOf("a", "", 2, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90), cellOf("area", "", 32, 120), cellOf("owner", "", 42, 140)))
	held := cellOf("a", "", 2, 50)
	held.State = spc.StateHeldEmpty
	got := apply(cat, held, cellOf("b", "", 30, 70), cellOf("c", "", 40, 90), cellOf("region", "", 72, 210))
	same(t, "what is under question is not told either", map[string]Cause{"b": Complementary}, got)
	// A relation that has ended is no sum.
	moved := region("a", "b")
	for i := range moved.Units[2:] {
		moved.Units[2+i].Parents[0].To = march
	}
	same(t, "moved away", map[string]Cause{"a": FewWith},
		apply(moved, cellOf("a", "", 2, 50), cellOf("b", "", 30, 70), cellOf("region", "", 72, 210)))
}

func TestWithheldStaysWithheld(t *testing.T) {
	p, cat := profileOf(t, SE), region("a", "b", "c")
	apply := func(h History, a, b, c Cell, total int64) Edition {
		return p.Apply(Input{Index: cat.Index(), Indicator: proportion(), Reach: march.AddMonths(2), History: h,
			Cells: []Cell{a, b, c, cellOf("region", "", total, 300)}})
	}
	a, b, c := cellOf("a", "", 2, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90)
	first := apply(History{}, a, b, c, 72)
	same(t, "first", map[string]Cause{"a": FewWith, "b": Complementary}, first.causes())
	same(t, "again", map[string]Cause{"a": Earlier, "b": Earlier}, apply(first.History, a, b, c, 72).causes())
	same(t, "grown", map[string]Cause{"a": Earlier, "b": Earlier, "region": Revised},
		apply(first.History, cellOf("a", "", 20, 90), b, c, 90).causes())
	gone := a
	gone.Tombstone, gone.Content, gone.Fingerprint = true, cell.Content{}, cell.Fingerprint{1}
	same(t, "gone", map[string]Cause{"a": Earlier, "b": Earlier, "region": Revised}, apply(first.History, gone, b, c, 70).causes())
	away := c
	away.Tombstone, away.Content, away.Fingerprint = true, cell.Content{}, cell.Fingerprint{2}
	same(t, "what was shown goes away", map[string]Cause{"a": Earlier, "b": Earlier, "c": Revised, "region": Revised},
		apply(first.History, a, b, away, 32).causes())
	held := c
	held.State = spc.StateHeldEmpty
	second := apply(first.History, a, b, held, 72)
	same(t, "held", spc.StateHeldEmpty, second.Cells[2].State)
	same(t, "and back, as it was shown", map[string]Cause{"a": Earlier, "b": Earlier}, apply(second.History, a, b, c, 72).causes())
	// Nothing was withheld: numbers are revised as they should be.
	open := apply(History{}, cellOf("a", "", 20, 50), b, c, 90)
	same(t, "revised", map[string]Cause{}, apply(open.History, cellOf("a", "", 22, 50), b, c, 92).causes())
	// A small number appears where all was shown.
	same(t, "appears", map[string]Cause{"a": FewWith, "region": Revised}, apply(open.History, a, b, c, 72).causes())
}

// TestFewPersons: with and without the outcome, too; a cell that its counts
// withhold need not be told.
func TestFewPersons(t *testing.T) {
	se, lenient, round5 := profileOf(t, SE), &Profile{Config{Rule: SE, Lenient: true}}, profileOf(t, Round5)
	mean := &catalog.Indicator{ID: "i", Type: catalog.Mean}
	cases := cellOf("u", "", 0, 0)
	cases.Content = cell.Content{Rows: 40, ValueCount: 40, Values: cell.FixedOf(40 * cell.Micro)}
	for _, c := range []struct {
		name string
		p    *Profile
		ind  *catalog.Indicator
		c    Cell
		of   Persons
		want bool
	}{
		{"enough", se, proportion(), cellOf("u", "", 40, 100), Persons{60, 20, 45}, false},
		{"unknown", se, proportion(), cellOf("u", "", 40, 100), Persons{}, false},
		{"few of all", se, proportion(), cellOf("u", "", 40, 100), Persons{14, 9, 9}, true},
		{"few with", se, proportion(), cellOf("u", "", 40, 100), Persons{60, 4, 58}, true},
		{"few without", se, proportion(), cellOf("u", "", 40, 100), Persons{60, 58, 4}, true},
		{"nobody has them all", se, proportion(), cellOf("u", "", 40, 100), Persons{60, 60, 0}, true},
		{"lenient few with", lenient, proportion(), cellOf("u", "", 40, 100), Persons{60, 4, 58}, false},
		{"withheld by its counts", se, proportion(), cellOf("u", "", 4, 100), Persons{60, 4, 58}, false},
		{"nobody eligible", se, proportion(), cellOf("u", "", 0, 0), Persons{3, 0, 0}, false},
		{"few without of a rate", se, &catalog.Indicator{ID: "i", Type: catalog.Rate}, cellOf("u", "", 40, 1000), Persons{60, 20, 2}, false},
		{"a mean has no outcome", se, mean, cases, Persons{30, 0, 30}, false},
		{"a mean of few", se, mean, cases, Persons{14, 0, 14}, true},
		{"ROUND5 seven", round5, proportion(), cellOf("u", "", 40, 100), Persons{60, 7, 58}, true},
		{"ROUND5 eight", round5, proportion(), cellOf("u", "", 40, 100), Persons{60, 8, 58}, false},
	} {
		same(t, c.name, c.want, c.p.Few(c.ind, &c.c.Content, c.of))
	}
	// Ten events of two persons do not hide a small cell beside them.
	cat := region("a", "b", "c")
	in := Input{Index: cat.Index(), Indicator: proportion(), Reach: march.AddMonths(2),
		Cells: []Cell{cellOf("a", "", 2, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90), cellOf("region", "", 72, 210)}}
	in.Few = []bool{false, true, false, false}
	same(t, "hides nobody", map[string]Cause{"a": FewWith, "b": FewPersons, "c": Complementary}, se.Apply(in).causes())
}

// TestWithout: until the next edition nothing new is shown, and what may no
// longer be shown goes.
func TestWithout(t *testing.T) {
	p, cat := profileOf(t, SE), region("a", "b", "c", "d")
	cells := []Cell{cellOf("a", "", 20, 50), cellOf("b", "", 30, 70), cellOf("c", "", 40, 90), cellOf("d", "", 1, 90)}
	e := p.Apply(Input{Index: cat.Index(), Indicator: proportion(), Cells: cells, Reach: march.AddMonths(2)})
	asked := 0
	got := Without(e, func(k cell.Key, fp cell.Fingerprint) bool {
		asked++
		return k == cells[1].Key && fp == cells[1].Fingerprint || k == cells[3].Key
	})
	var states []spc.State
	for _, c := range got.Cells {
		states = append(states, c.State)
	}
	same(t, "states", []spc.State{spc.StateValue, spc.StateHeldEmpty, spc.StateValue, spc.StateSuppressed}, states)
	same(t, "only what is shown is asked for", 3, asked)
	same(t, "others", e.Cells[0], got.Cells[0])
	same(t, "withdrawn", Cell{Key: cells[1].Key, State: spc.StateHeldEmpty}, got.Cells[1])
	same(t, "numbers", []float64{math.NaN(), math.NaN()}, []float64{got.Numerators[1], got.Denominators[1]})
	same(t, "nothing gone", e, Without(e, func(cell.Key, cell.Fingerprint) bool { return false }))
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		day, editions int
		last          catalog.Date
	}{{0, 3, catalog.NewDate(2027, 1, 1)}, {5, 3, catalog.NewDate(2026, 12, 5)}, {28, 3, catalog.NewDate(2026, 12, 28)}} {
		p := &catalog.Profile{ID: "SE", Rule: SE, EditionDay: c.day}
		made, last := 0, catalog.Date{}
		for d := catalog.NewDate(2026, 11, 3); d.Before(catalog.NewDate(2027, 1, 3)); d = d.AddDays(1) {
			if Due(p, last, d) {
				made, last = made+1, p.Edition(d)
			}
		}
		same(t, "editions of two months, the first at once", c.editions, made)
		same(t, "the last", c.last, last)
	}
}

// TestHistorySum: every part of a history is in its name.
func TestHistorySum(t *testing.T) {
	a, b := cellOf("a", "", 20, 50), cellOf("b", "", 30, 70)
	base := History{Withheld: []cell.Key{a.Key}, Shown: []Source{{b.Key, b.Fingerprint}}}
	seen := map[string]bool{}
	for _, h := range []History{{}, base, {Withheld: base.Withheld}, {Shown: base.Shown}, {Withheld: []cell.Key{b.Key}, Shown: base.Shown},
		{Withheld: base.Withheld, Shown: []Source{{b.Key, a.Fingerprint}}}, {Withheld: base.Withheld, Shown: []Source{{a.Key, b.Fingerprint}}}} {
		if seen[h.Sum()] {
			t.Errorf("another history has the name of %+v", h)
		}
		seen[h.Sum()] = true
	}
	same(t, "again", base.Sum(), History{Withheld: []cell.Key{a.Key}, Shown: []Source{{b.Key, b.Fingerprint}}}.Sum())
}

// TestRoundingIsUnbiasedAndStable: the mean over many places is the count, an
// equal count gives an equal number whatever the indicator, and another store's
// key gives others.
func TestRoundingIsUnbiasedAndStable(t *testing.T) {
	k, other := newKeyed(bytes.Repeat([]byte{1}, 32)), newKeyed(bytes.Repeat([]byte{2}, 32))
	sum, differs := 0.0, 0
	const places = 20_000
	for i := range places {
		key := cell.Key{Unit: "u", PeriodStart: int32(i)}
		offset := k.offset(&key, 10)
		sum += float64(round(33, offset, 10))
		key.Indicator, key.Version = "j", "2"
		if k.offset(&key, 10) != offset {
			t.Fatal("the offset depends on the indicator")
		}
		if other.offset(&key, 10) != offset {
			differs++
		}
	}
	if mean := sum / places; math.Abs(mean-33) > 0.2 {
		t.Errorf("33 becomes %v in the mean", mean)
	}
	if differs < places*8/10 {
		t.Errorf("another key gives another offset in only %d of %d", differs, places)
	}
}

func TestLaws(t *testing.T) {
	profiles := []*Profile{profileOf(t, SE), profileOf(t, Round5)}
	rapid.Check(t, func(rt *rapid.T) {
		p := rapid.SampledFrom(profiles).Draw(rt, "profile")
		strata := rapid.SampledFrom([][]string{nil, {"F", "M"}, {"a", "b", "c"}}).Draw(rt, "strata")
		w := newWorld(rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 3).Draw(rt, "areas"), 4, strata...)
		in := w.input(History{})
		first := p.Apply(in)

		// Order does not matter.
		order := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(rt, "order"))).Perm(len(in.Cells))
		mixed := in
		mixed.Cells = make([]Cell, len(in.Cells))
		for i, j := range order {
			mixed.Cells[i] = in.Cells[j]
		}
		second := p.Apply(mixed)
		for i, j := range order {
			if second.Cells[i] != first.Cells[j] || second.Reasons[i] != first.Reasons[j] {
				rt.Fatalf("%s depends on the order", first.Cells[j].Key)
			}
		}
		// The same cells give the same edition, the next month too.
		in.History = first.History
		again := p.Apply(in)
		if d := cmp.Diff(first.Cells, again.Cells); d != "" {
			rt.Fatalf("an edition of the same cells differs:\n%s", d)
		}
		if d := cmp.Diff(first.History, again.History); d != "" {
			rt.Fatalf("its history differs:\n%s", d)
		}
		// Later: what is withheld stays so, and what is unchanged keeps its number.
		before := in.Cells
		w.grow(0.1)
		later := w.input(first.History)
		next := p.Apply(later)
		r := p.rule(in.Indicator)
		for i, c := range next.Cells {
			if first.Cells[i].State == spc.StateSuppressed && c.State != spc.StateSuppressed {
				rt.Fatalf("%s was withheld and is shown", c.Key)
			}
			if c.State == spc.StateSuppressed {
				continue
			}
			if later.Cells[i].Fingerprint == before[i].Fingerprint && c != first.Cells[i] {
				rt.Fatalf("%s is unchanged and shown otherwise", c.Key)
			}
			n := w.n[place{c.Key.Unit, c.Key.Stratum}]
			m := w.m[place{c.Key.Unit, c.Key.Stratum}]
			if n+m > 0 && (r.few(n) || r.few(m)) {
				rt.Fatalf("%s is shown with %d and %d persons", c.Key, n, m)
			}
		}
	})
}

func BenchmarkApply(b *testing.B) {
	p := profileOf(b, SE)
	rng := rand.New(rand.NewPCG(1, 2))
	cat := &catalog.Catalog{Units: []catalog.Unit{{ID: "region"}}}
	var cells []Cell
	for u := range 1200 {
		id := string(rune('a'+u/100)) + string(rune('a'+u/10%10)) + string(rune('a'+u%10))
		cat.Units = append(cat.Units, catalog.Unit{ID: id, Parents: []catalog.Parent{{Unit: "region"}}})
		for m := range 60 {
			n := int64(5 + rng.IntN(60))
			c := cellOf(id, "", n/2, n)
			c.Key.PeriodStart = catalog.NewDate(2021, 1, 1).AddMonths(m).Days()
			cells = append(cells, c)
		}
	}
	for m := range 60 {
		c := cellOf("region", "", 20_000, 40_000)
		c.Key.PeriodStart = catalog.NewDate(2021, 1, 1).AddMonths(m).Days()
		cells = append(cells, c)
	}
	in := Input{Index: cat.Index(), Indicator: proportion(), Cells: cells, Reach: march.AddMonths(2)}
	b.ReportAllocs()
	for b.Loop() {
		p.Apply(in)
	}
	b.ReportMetric(float64(len(cells))*float64(b.N)/b.Elapsed().Seconds(), "cells/s")
}
