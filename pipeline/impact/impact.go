package impact

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/publication"
)

// Place names a point of a chart, or with a zero Period a whole series or a
// unit's place in a funnel.
type Place struct {
	Unit        string       `json:"unit"`
	Version     string       `json:"indicator_version"`
	Granularity string       `json:"granularity"`
	Stratum     string       `json:"stratum,omitempty"`
	Period      catalog.Date `json:"period"`
}

func (p Place) compare(o Place) int {
	return cmp.Or(strings.Compare(p.Version, o.Version), strings.Compare(p.Granularity, o.Granularity), strings.Compare(p.Stratum, o.Stratum),
		strings.Compare(p.Unit, o.Unit), p.Period.Compare(o.Period))
}

// Cell is a published value that changes. A value is nil where none is shown;
// State says why.
type Cell struct {
	Place
	StateBefore string   `json:"state_before"`
	StateAfter  string   `json:"state_after"`
	Before      *float64 `json:"before"`
	After       *float64 `json:"after"`
	// What the values are made of: a share of 12 of 15 is another thing than one
	// of 1,200 of 1,500. Nil where none is shown, or the indicator has none.
	NumeratorBefore   *float64 `json:"numerator_before"`
	NumeratorAfter    *float64 `json:"numerator_after"`
	DenominatorBefore *float64 `json:"denominator_before"`
	DenominatorAfter  *float64 `json:"denominator_after"`
}

// Signal is a point whose signals change.
type Signal struct {
	Place
	Before []string `json:"before"`
	After  []string `json:"after"`
}

// Centre is a phase of a chart whose centre line changes; Period is its first.
type Centre struct {
	Place
	Before *float64 `json:"before"`
	After  *float64 `json:"after"`
}

// Outlier is a unit whose place in a funnel changes: −1 low, 0 inside, 1 high.
type Outlier struct {
	Place
	Before int8 `json:"before"`
	After  int8 `json:"after"`
}

// Move is by how many points a unit's published values move at most: percentage
// points for shares, percent of the earlier value for all else.
type Move struct {
	Unit string `json:"unit"`
	// Points is nil where there is nothing to compare with: any value is then
	// a move without measure.
	Points *float64 `json:"points"`
}

// Impact is what differs. Lists are ordered by place, never by size.
type Impact struct {
	Cells []Cell `json:"cells"`
	// Charts are the series that change in anything that is drawn.
	Charts   []Place   `json:"charts"`
	Signals  []Signal  `json:"signals"`
	Centres  []Centre  `json:"centres"`
	Outliers []Outlier `json:"outliers"`
	Moves    []Move    `json:"moves"`
}

// Compare is what differs between two sets of the indicator, as made by
// publication.Build before and after.
//
// A unit moves by the largest of: a cell that shows another value than before;
// its value over the funnel's periods. Where a unit shows a value for the first
// time, or none any more, only the latter counts; where it has no place in a
// funnel before or after, a cell that appears or disappears counts against the
// centre line of its chart.
func Compare(ind *catalog.Indicator, before, after publication.Set) (Impact, error) {
	b, err := read(before)
	if err != nil {
		return Impact{}, err
	}
	a, err := read(after)
	if err != nil {
		return Impact{}, err
	}
	c := comparison{ind: ind, before: b, after: a, moves: map[string]float64{}}
	c.cells()
	c.charts()
	c.funnels()
	c.sort()
	return c.Impact, nil
}

type cellRow struct {
	state, fingerprint            string
	value, numerator, denominator float64
}

// nothing is a cell that is in no set.
func nothing() cellRow {
	return cellRow{state: "missing", value: math.NaN(), numerator: math.NaN(), denominator: math.NaN()}
}

type chartRow struct {
	state                   string
	value, centre, lcl, ucl float64
	rules                   []string
	phase                   uint16
}

type funnelRow struct {
	state   string
	value   float64
	outlier int8
}

type rows struct {
	cells   map[Place]cellRow
	charts  map[Place]chartRow
	funnels map[Place]funnelRow
}

func read(s publication.Set) (rows, error) {
	r := rows{map[Place]cellRow{}, map[Place]chartRow{}, map[Place]funnelRow{}}
	for _, t := range s.Tables {
		g := columns{table: t}
		at := g.places()
		switch t.Name {
		case "cell":
			state, fp, value := column[string](&g, "state"), column[string](&g, "fingerprint"), column[float64](&g, "value")
			numerator, denominator := column[float64](&g, "numerator"), column[float64](&g, "denominator")
			if g.err == nil {
				for i, p := range at {
					r.cells[p] = cellRow{state[i], fp[i], value[i], numerator[i], denominator[i]}
				}
			}
		case "chart":
			state, rules, phase := column[string](&g, "state"), column[[]string](&g, "rules"), column[uint16](&g, "phase")
			value, centre := column[float64](&g, "value"), column[float64](&g, "centre")
			lcl, ucl := column[float64](&g, "lcl"), column[float64](&g, "ucl")
			if g.err == nil {
				for i, p := range at {
					r.charts[p] = chartRow{state: state[i], value: value[i], centre: centre[i], lcl: lcl[i], ucl: ucl[i], rules: rules[i], phase: phase[i]}
				}
			}
		case "funnel":
			state, value, outlier := column[string](&g, "state"), column[float64](&g, "value"), column[int8](&g, "outlier")
			if g.err == nil {
				for i, p := range at {
					r.funnels[Place{Unit: p.Unit, Version: p.Version, Granularity: p.Granularity, Stratum: p.Stratum}] = funnelRow{state[i], value[i], outlier[i]}
				}
			}
		}
		if g.err != nil {
			return r, g.err
		}
	}
	return r, nil
}

// columns reads a table by the names of its columns.
type columns struct {
	table publication.Table
	err   error
}

func column[T any](c *columns, name string) []T {
	for _, col := range c.table.Columns {
		if col.Name != name {
			continue
		}
		if v, ok := col.Values.([]T); ok {
			return v
		}
		break
	}
	if c.err == nil {
		c.err = fmt.Errorf("impact: table %s has no column %s of the expected type", c.table.Name, name)
	}
	return nil
}

func (c *columns) places() []Place {
	if c.table.Name != "cell" && c.table.Name != "chart" && c.table.Name != "funnel" {
		return nil
	}
	unit, version, granularity := column[string](c, "unit"), column[string](c, "indicator_version"), column[string](c, "granularity")
	stratum, start := column[string](c, "stratum"), column[int32](c, "period_start")
	if c.err != nil {
		return nil
	}
	out := make([]Place, len(unit))
	for i := range out {
		out[i] = Place{unit[i], version[i], granularity[i], stratum[i], catalog.DateOfDays(start[i])}
	}
	return out
}

type comparison struct {
	Impact
	ind           *catalog.Indicator
	before, after rows
	moves         map[string]float64
}

// both calls f for every place of either map.
func both[R any](before, after map[Place]R, f func(p Place, b, a R, was, is bool)) {
	for p, b := range before {
		a, is := after[p]
		f(p, b, a, true, is)
	}
	for p, a := range after {
		if b, was := before[p]; !was {
			f(p, b, a, false, true)
		}
	}
}

func (c *comparison) cells() {
	both(c.before.cells, c.after.cells, func(p Place, b, a cellRow, was, is bool) {
		if !was {
			b = nothing()
		}
		if !is {
			a = nothing()
		}
		if b.state == a.state && b.fingerprint == a.fingerprint {
			return
		}
		c.Cells = append(c.Cells, Cell{Place: p, StateBefore: b.state, StateAfter: a.state, Before: number(b.value), After: number(a.value),
			NumeratorBefore: number(b.numerator), NumeratorAfter: number(a.numerator), DenominatorBefore: number(b.denominator), DenominatorAfter: number(a.denominator)})
		switch {
		case !math.IsNaN(b.value) && !math.IsNaN(a.value):
			c.move(p.Unit, b.value, a.value)
		case math.IsNaN(b.value) && math.IsNaN(a.value):
		case !c.placed(p):
			if math.IsNaN(b.value) {
				c.move(p.Unit, c.before.charts[p].centre, a.value)
			} else {
				c.move(p.Unit, b.value, c.after.charts[p].centre)
			}
		}
	})
}

// placed: the unit has a value over the funnel's periods before and after.
func (c *comparison) placed(p Place) bool {
	p.Period = catalog.Date{}
	b, was := c.before.funnels[p]
	a, is := c.after.funnels[p]
	return was && is && !math.IsNaN(b.value) && !math.IsNaN(a.value)
}

func (c *comparison) charts() {
	drawn := map[Place]bool{}
	both(c.before.charts, c.after.charts, func(p Place, b, a chartRow, was, is bool) {
		whole := p
		whole.Period = catalog.Date{}
		if was != is || b.state != a.state || !same(b.value, a.value) || !same(b.centre, a.centre) || !same(b.lcl, a.lcl) || !same(b.ucl, a.ucl) ||
			!slices.Equal(b.rules, a.rules) {
			drawn[whole] = true
		}
		if !slices.Equal(b.rules, a.rules) {
			c.Signals = append(c.Signals, Signal{Place: p, Before: texts(b.rules), After: texts(a.rules)})
		}
	})
	for p := range drawn {
		c.Charts = append(c.Charts, p)
	}
	centres := func(r rows) map[Place]chartRow {
		// The first point of each stretch with one centre line.
		var places []Place
		for p := range r.charts {
			places = append(places, p)
		}
		slices.SortFunc(places, Place.compare)
		out := map[Place]chartRow{}
		for i, p := range places {
			row := r.charts[p]
			if i > 0 {
				q := places[i-1]
				prev := r.charts[q]
				q.Period = p.Period
				if q == p && prev.phase == row.phase && same(prev.centre, row.centre) {
					continue
				}
			}
			out[p] = row
		}
		return out
	}
	both(centres(c.before), centres(c.after), func(p Place, b, a chartRow, was, is bool) {
		if !was {
			b = chartRow{centre: c.centreAt(c.before, p)}
		}
		if !is {
			a = chartRow{centre: c.centreAt(c.after, p)}
		}
		if !same(b.centre, a.centre) {
			c.Centres = append(c.Centres, Centre{Place: p, Before: number(b.centre), After: number(a.centre)})
		}
	})
}

func (c *comparison) centreAt(r rows, p Place) float64 {
	if row, ok := r.charts[p]; ok {
		return row.centre
	}
	return math.NaN()
}

func (c *comparison) funnels() {
	both(c.before.funnels, c.after.funnels, func(p Place, b, a funnelRow, was, is bool) {
		if b.outlier != a.outlier {
			c.Outliers = append(c.Outliers, Outlier{Place: p, Before: b.outlier, After: a.outlier})
		}
		if was && is && !math.IsNaN(b.value) && !math.IsNaN(a.value) {
			c.move(p.Unit, b.value, a.value)
		}
	})
}

// move notes that a published value of the unit goes from one number to
// another. From nothing to compare with, any value is a move without measure.
func (c *comparison) move(unit string, from, to float64) {
	if same(from, to) {
		return
	}
	points := math.Inf(1)
	if c.ind.Type == catalog.Proportion {
		scale := c.ind.Multiplier
		if scale == 0 {
			scale = 1
		}
		points = 100 * math.Abs(to-from) / scale
	} else if from != 0 {
		points = 100 * math.Abs(to-from) / math.Abs(from)
	}
	if math.IsNaN(points) {
		points = math.Inf(1)
	}
	// A tenth of a millionth of a point is the arithmetic's, not the data's.
	points = math.Round(points*1e7) / 1e7
	c.moves[unit] = max(c.moves[unit], points)
}

func (c *comparison) sort() {
	slices.SortFunc(c.Cells, func(a, b Cell) int { return a.compare(b.Place) })
	slices.SortFunc(c.Charts, Place.compare)
	slices.SortFunc(c.Signals, func(a, b Signal) int { return a.compare(b.Place) })
	slices.SortFunc(c.Centres, func(a, b Centre) int { return a.compare(b.Place) })
	slices.SortFunc(c.Outliers, func(a, b Outlier) int { return a.compare(b.Place) })
	for u, p := range c.moves {
		m := Move{Unit: u}
		if !math.IsInf(p, 0) {
			m.Points = &p
		}
		c.Moves = append(c.Moves, m)
	}
	slices.SortFunc(c.Moves, func(a, b Move) int { return strings.Compare(a.Unit, b.Unit) })
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func number(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	return &v
}

func texts(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
