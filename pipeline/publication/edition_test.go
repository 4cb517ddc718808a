package publication_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
)

func edition(t *testing.T, in publication.Input) (publication.Set, disclosure.Edition) {
	t.Helper()
	p, err := disclosure.New(disclosure.Config{Rule: disclosure.SE, Key: bytes.Repeat([]byte{7}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	var cells []disclosure.Cell
	for _, c := range in.Cells {
		cells = append(cells, disclosure.Cell(c))
	}
	e := p.Apply(disclosure.Input{Index: in.Index, Indicator: in.Indicator, Cells: cells, Reach: in.Reach})
	set, err := publication.BuildEdition(in, e)
	if err != nil {
		t.Fatal(err)
	}
	return set, e
}

// TestEditionTellsNothingOfWhatIsWithheld: two truths that differ only in what is
// withheld give one set, to the bit, in every table and column.
func TestEditionTellsNothingOfWhatIsWithheld(t *testing.T) {
	of := func(small, den float64) publication.Input {
		var cells []publication.Cell
		for m := range 30 {
			cells = append(cells, counted("a", month(m), 40+float64(m%7), 100), counted("b", month(m), 50, 120))
		}
		cells[20] = counted("a", month(10), small, den)
		cells[20].Content.Missing, cells[20].Content.Rows = int64(small), int64(den)
		return input(cells...)
	}
	want, e := edition(t, of(2, 80))
	if e.Cells[20].State != spc.StateSuppressed {
		t.Fatalf("the small cell is %v", e.Cells[20].State)
	}
	for _, other := range [][2]float64{{0, 70}, {4, 999}, {3, 14}} {
		if got, _ := edition(t, of(other[0], other[1])); got.ID != want.ID {
			t.Errorf("%v of %v, which is withheld, gives another set", other[0], other[1])
		}
	}
	if got, _ := edition(t, of(20, 80)); got.ID == want.ID {
		t.Error("what is shown makes no difference: the test could not fail")
	}
	at := func(name string) float64 { return col[float64](t, want, "cell", name)[10] }
	if state := col[string](t, want, "cell", "state")[10]; state != "suppressed" || col[string](t, want, "cell", "fingerprint")[10] != "" {
		t.Errorf("cell 10 is %q", state)
	}
	for _, name := range []string{"numerator", "denominator", "value", "ci_low", "ci_high", "missing_share"} {
		if !math.IsNaN(at(name)) {
			t.Errorf("%s of what is withheld is %v", name, at(name))
		}
	}
	for i, n := range col[float64](t, want, "cell", "numerator") {
		if !math.IsNaN(n) && math.Mod(n, 10) != 0 {
			t.Errorf("numerator %d is %v", i, n)
		}
	}
}

// TestSuppressedHasNothing: whatever a suppressed cell carries, no set has it.
func TestSuppressedHasNothing(t *testing.T) {
	empty := build(t, input(publication.Cell{Key: counted("u", month(0), 1, 2).Key, State: spc.StateSuppressed}))
	full := build(t, input(in(spc.StateSuppressed, counted("u", month(0), 1, 2))))
	if empty.ID != full.ID {
		t.Error("the content of a suppressed cell is in the set")
	}
}

// TestEditionWithoutWhatIsNotMature: a young period is not in the edition, so that
// nothing is withheld that a later edition shows.
func TestEditionWithoutWhatIsNotMature(t *testing.T) {
	one := input(counted("u", month(0), 50, 100), counted("u", month(1), 50, 100))
	one.Reach = month(1).AddDays(3)
	set, _ := edition(t, one)
	same(t, "periods", points(t, set, "chart"), "u0 value 0.5")
}

// TestEditionKeepsReasons within the organisation.
func TestEditionKeepsReasons(t *testing.T) {
	var cells []publication.Cell
	for m := range 30 {
		cells = append(cells, counted("u", month(m), 50, 100))
	}
	one := input(cells...)
	one.Indicator.Phases = []catalog.Phase{{From: month(12), Reason: "patient 4711 moved", ApprovedBy: "p-17"}}
	one.Indicator.Exclude = []catalog.Exclusion{{Period: month(20), Reason: "strike of 3 nurses"}}
	set, _ := edition(t, one)
	why := strings.Join(col[string](t, set, "chart", "why"), "\n")
	for _, word := range []string{"4711", "p-17", "nurses"} {
		if strings.Contains(why, word) {
			t.Errorf("a wider audience reads %q", word)
		}
	}
	if !strings.Contains(why, "Phase from 2021-01-01") || one.Indicator.Phases[0].ApprovedBy != "p-17" {
		t.Error("the phase is lost, or changed for others")
	}
}

// TestMetaEdition: no flags, no deliveries, and only what the audience sees.
func TestMetaEdition(t *testing.T) {
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Units: []catalog.Unit{{ID: "u", Kind: "clinic"}},
		Indicators: []catalog.Indicator{{ID: "i", Versions: []catalog.Version{{ID: "1"}}}, {ID: "j", Versions: []catalog.Version{{ID: "1"}}}}}
	set := publication.MetaEdition(c, &catalog.Profile{ID: "SE", Rule: "SE", Indicators: []string{"j"}})
	for name, rows := range map[string]int{"flag": 0, "delivery": 0, "unit": 1, "indicator": 1} {
		if got := table(t, set, name).Rows(); got != rows {
			t.Errorf("%s has %d rows, want %d", name, got, rows)
		}
	}
	if got := col[string](t, set, "indicator", "indicator")[0]; got != "j" {
		t.Errorf("the audience sees %s", got)
	}
}
