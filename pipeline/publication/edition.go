package publication

import (
	"fmt"
	"math"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/spc"
)

// Wide are the cells that a wider audience may be given: those that the gate
// shows of versions that are introduced. What is visible to pilot units is for
// these alone.
func Wide(g *gate.State, ind *catalog.Indicator, visible []Cell) []disclosure.Cell {
	out := make([]disclosure.Cell, 0, len(visible))
	introduced := map[string]bool{}
	for _, c := range visible {
		all, known := introduced[c.Key.Version]
		if !known {
			all = g.Introduced(ind, c.Key.Version)
			introduced[c.Key.Version] = all
		}
		if all {
			out = append(out, disclosure.Cell(c))
		}
	}
	return out
}

// place is a cell in a set of one indicator.
type place struct {
	version, granularity, stratum, unit string
	period                              int32
}

// BuildEdition is the result set of one indicator for a wider audience: charts,
// funnels and variation come from the numbers that the audience is shown, so
// nothing in them tells more. The cells of in are not read.
//
// A period that is not mature is in no edition: it comes with a later one, and is
// not withheld by then.
//
// The reasons that people gave for phases and exclusions are about their own
// units and stay within the organisation, as do their ids.
func BuildEdition(in Input, e disclosure.Edition) (Set, error) {
	in.Cells = make([]Cell, 0, len(e.Cells))
	at := make(map[place]int, len(e.Cells))
	for i, c := range e.Cells {
		if e.Reasons != nil && e.Reasons[i] == disclosure.NotMature {
			continue
		}
		in.Cells = append(in.Cells, Cell(c))
		k := c.Key
		at[place{k.Version, k.Granularity, k.Stratum, k.Unit, k.PeriodStart}] = i
	}
	in.Indicator = withoutReasons(in.Indicator)
	set, err := Build(in)
	if err != nil {
		return Set{}, err
	}
	for _, t := range set.Tables {
		if t.Name != "cell" {
			continue
		}
		if err := showRounded(t, e, at); err != nil {
			return Set{}, fmt.Errorf("indicator %s: %w", in.Indicator.ID, err)
		}
	}
	return Seal(in.Indicator.ID, set.Tables), nil
}

// showRounded puts the rounded counts into the table of cells. Charts have what
// makes the rounded value instead.
func showRounded(t Table, e disclosure.Edition, at map[place]int) error {
	version, granularity := column[string](t, "indicator_version"), column[string](t, "granularity")
	stratum, unit, state := column[string](t, "stratum"), column[string](t, "unit"), column[string](t, "state")
	period := column[int32](t, "period_start")
	numerator, denominator, missing := column[float64](t, "numerator"), column[float64](t, "denominator"), column[float64](t, "missing_share")
	for i := range t.Rows() {
		missing[i] = math.NaN() // a share of rows that nobody is shown
		if state[i] != spc.StateValue.String() && state[i] != spc.StatePreliminary.String() && state[i] != spc.StateHeldPrevious.String() {
			continue
		}
		c, ok := at[place{version[i], granularity[i], stratum[i], unit[i], period[i]}]
		if !ok {
			return fmt.Errorf("unit %s, period %s: a number is shown that no edition has", unit[i], catalog.DateOfDays(period[i]))
		}
		numerator[i], denominator[i] = clean(e.Numerators[c]), clean(e.Denominators[c])
	}
	return nil
}

// column is the values of a column of the table; a table without it, or with
// other values, is a fault of this package.
func column[T any](t Table, name string) []T {
	for _, c := range t.Columns {
		if c.Name == name {
			return c.Values.([]T)
		}
	}
	panic("publication: table " + t.Name + " has no column " + name)
}

// What a wider audience reads in place of a reason and of who approved it.
const (
	someReason = "a decision within the region"
	somebody   = "the region"
)

func withoutReasons(ind *catalog.Indicator) *catalog.Indicator {
	if len(ind.Phases) == 0 && len(ind.Exclude) == 0 {
		return ind
	}
	out := *ind
	out.Phases = append([]catalog.Phase(nil), ind.Phases...)
	for i := range out.Phases {
		out.Phases[i].Reason, out.Phases[i].ApprovedBy = someReason, somebody
	}
	out.Exclude = append([]catalog.Exclusion(nil), ind.Exclude...)
	for i := range out.Exclude {
		out.Exclude[i].Reason = someReason
	}
	return &out
}

// MetaEdition is the set of units, indicators and annotations for a wider
// audience. It has no flags and no deliveries: their texts and numbers are exact.
func MetaEdition(c *catalog.Catalog, p *catalog.Profile) Set {
	seen := &catalog.Catalog{Region: c.Region, Units: c.Units}
	for _, ind := range c.Indicators {
		if p.Sees(ind.ID) {
			seen.Indicators = append(seen.Indicators, ind)
		}
	}
	return Meta(MetaInput{Catalog: seen})
}
