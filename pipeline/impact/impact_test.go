package impact_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
)

var ind = &catalog.Indicator{ID: "i1", Registry: "hjarta", Type: catalog.Proportion, Subset: true, Period: catalog.Month, Multiplier: 100,
	Measurement: "event", Versions: []catalog.Version{{ID: "1"}}}

// share is a unit's month m with n of 100.
func share(unit string, m, n int, state spc.State) publication.Cell {
	k := cell.Key{Region: "nord", Registry: "hjarta", Indicator: "i1", Version: "1", Granularity: "month", Unit: unit,
		PeriodStart: catalog.NewDate(2024, time.Month(m), 1).Days()}
	c := cell.Content{Rows: 100, Numerator: cell.FixedOf(int64(n) * cell.Micro), Denominator: cell.FixedOf(100 * cell.Micro)}
	return publication.Cell{Key: k, State: state, Content: c, Fingerprint: cell.FingerprintOf(k, c, false)}
}

// months are two years of five units; change may replace a cell.
func months(t *testing.T, change func(unit string, m int, c publication.Cell) publication.Cell) publication.Set {
	t.Helper()
	units := []catalog.Unit{}
	var cells []publication.Cell
	for i, u := range []string{"E", "F", "G", "H", "I"} {
		units = append(units, catalog.Unit{ID: u})
		for m := 1; m <= 24; m++ {
			c := share(u, m, 50+i+(m*7+i*3)%5, spc.StateValue)
			if change != nil {
				c = change(u, m, c)
			}
			cells = append(cells, c)
		}
	}
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{*ind}, Units: units}
	set, err := publication.Build(publication.Input{Region: "nord", Index: c.Index(), Indicator: ind, Cells: cells, Reach: catalog.NewDate(2026, 2, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func compare(t *testing.T, before, after publication.Set) impact.Impact {
	t.Helper()
	i, err := impact.Compare(ind, before, after)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(i); err != nil {
		t.Error(err)
	}
	return i
}

func TestNothingChanges(t *testing.T) {
	a := months(t, nil)
	if i := compare(t, a, months(t, nil)); len(i.Cells)+len(i.Charts)+len(i.Signals)+len(i.Centres)+len(i.Outliers)+len(i.Moves) != 0 {
		t.Errorf("%+v", i)
	}
}

func TestOneMonth(t *testing.T) {
	replace := func(n int, state spc.State) publication.Set {
		return months(t, func(u string, m int, c publication.Cell) publication.Cell {
			if u == "G" && m == 20 {
				return share(u, m, n, state)
			}
			return c
		})
	}
	held := replace(52, spc.StateHeldPrevious)
	// The newer version is accepted: the month falls from 52 to 12 percent.
	i := compare(t, held, replace(12, spc.StateValue))
	if len(i.Cells) != 1 || i.Cells[0].Unit != "G" || i.Cells[0].Period != catalog.NewDate(2025, 8, 1) || i.Cells[0].StateBefore != "held_previous" ||
		*i.Cells[0].Before != 52 || *i.Cells[0].After != 12 || *i.Cells[0].NumeratorBefore != 52 || *i.Cells[0].NumeratorAfter != 12 ||
		*i.Cells[0].DenominatorBefore != 100 || *i.Cells[0].DenominatorAfter != 100 {
		t.Errorf("cells %+v", i.Cells)
	}
	if len(i.Charts) != 1 || i.Charts[0].Unit != "G" || len(i.Signals) == 0 || i.Signals[0].Unit != "G" || len(i.Signals[0].After) == 0 {
		t.Errorf("charts %+v, signals %+v", i.Charts, i.Signals)
	}
	if len(i.Centres) != 1 || i.Centres[0].Unit != "G" {
		t.Errorf("centre lines %+v", i.Centres)
	}
	if len(i.Moves) != 1 || i.Moves[0].Unit != "G" || *i.Moves[0].Points != 40 {
		t.Errorf("moves %+v", i.Moves)
	}
	// Both ways.
	if i := compare(t, replace(12, spc.StateValue), held); *i.Moves[0].Points != 40 {
		t.Errorf("moves back %+v", i.Moves)
	}
	// A month that shows a value for the first time moves the year, by less.
	i = compare(t, replace(52, spc.StateHeldEmpty), replace(12, spc.StateValue))
	if len(i.Moves) != 1 || !(*i.Moves[0].Points > 3 && *i.Moves[0].Points < 4) || i.Cells[0].Before != nil || i.Cells[0].DenominatorBefore != nil {
		t.Errorf("cells %+v, moves %+v", i.Cells, i.Moves)
	}
}

// A unit that was in no funnel is compared with its own centre line.
func TestWithoutAFunnel(t *testing.T) {
	only := func(state spc.State, n int) publication.Set {
		return months(t, func(u string, m int, c publication.Cell) publication.Cell {
			switch {
			case u != "G":
				return c
			case m == 24:
				return share(u, m, n, state)
			case m > 12:
				return share(u, m, 0, spc.StateHeldEmpty)
			}
			return c
		})
	}
	i := compare(t, only(spc.StateHeldEmpty, 90), only(spc.StateValue, 90))
	if len(i.Moves) == 0 || i.Moves[0].Unit != "G" || i.Moves[0].Points == nil || math.Abs(*i.Moves[0].Points-36) > 3 {
		t.Errorf("moves %+v", i.Moves)
	}
}

// A unit far from the others becomes an outlier of the funnel.
func TestOutlier(t *testing.T) {
	year := func(n int) publication.Set {
		return months(t, func(u string, m int, c publication.Cell) publication.Cell {
			if u == "I" && m > 12 {
				return share(u, m, n, spc.StateValue)
			}
			return c
		})
	}
	i := compare(t, year(52), year(99))
	var found bool
	for _, o := range i.Outliers {
		found = found || o.Unit == "I" && o.After == 1 && o.Before == 0
	}
	if len(i.Cells) != 12 || !found {
		t.Errorf("cells %d, outliers %+v", len(i.Cells), i.Outliers)
	}
}
