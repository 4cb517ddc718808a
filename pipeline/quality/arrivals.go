package quality

import (
	"cmp"
	"slices"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/quality/surveil"
)

// Seen is a night on which a region's deliveries were taken: its as-of date
// and the highest revision of cells that was known then.
type Seen struct {
	AsOf catalog.Date
	Rev  uint64
}

// Past are all versions of all cells of one indicator.
type Past struct {
	Indicator catalog.Indicator
	Cells     *cell.Table
	// Seen are the nights of the feeds that bring the indicator, as those of
	// Arrivals; nil: all of them. A night of other feeds says nothing of it.
	Seen []Seen
	// Excluded reports versions that must be in no baseline: withdrawn,
	// rejected or held; nil: none is.
	Excluded func(cell.Fingerprint) bool
	// Rebased is by unit the as-of date from which an accepted real change
	// holds.
	Rebased map[string]catalog.Date
}

// Arrivals makes the panel of a run: what each night brought that earlier
// nights had not, over all periods and strata of a unit together. The ages of
// events are mixed alike on every night, so that this is a comparison at equal
// lag for cells of any length. Nights without a delivery, the first one of each
// indicator, on which all its past comes, and nights that took away more than
// they brought are unknown. Seen is in ascending order, tonight last; sources
// gives each unit's, or is nil; free tells holidays, or is nil.
func Arrivals(past []Past, seen []Seen, sources map[string]string, free func(catalog.Date) bool) *surveil.Panel {
	if len(seen) == 0 {
		return nil
	}
	last := seen[len(seen)-1].AsOf.Days()
	first := max(seen[0].AsOf.Days(), last-surveil.History)
	p := &surveil.Panel{First: first, Nights: int(last-first) + 1}
	units, names := map[string]int32{}, map[string]bool{}
	for i := range past {
		p.Indicators = append(p.Indicators, past[i].Indicator.ID)
		for j := range past[i].Cells.Series() {
			of, _, _ := past[i].Cells.SeriesAt(j)
			names[of.Unit] = true
		}
	}
	for u := range names {
		p.Units = append(p.Units, u)
	}
	slices.Sort(p.Units)
	for i, u := range p.Units {
		units[u] = int32(i)
	}
	if sources != nil {
		p.UnitSource = make([]int32, len(p.Units))
		for _, u := range p.Units {
			if s := sources[u]; !slices.Contains(p.Sources, s) {
				p.Sources = append(p.Sources, s)
			}
		}
		slices.Sort(p.Sources)
		for i, u := range p.Units {
			p.UnitSource[i] = int32(slices.Index(p.Sources, sources[u]))
		}
	}
	if free != nil {
		p.Free = make([]bool, p.Nights)
		for t := range p.Nights {
			p.Free[t] = free(catalog.DateOfDays(first + int32(t)))
		}
	}
	parts := make([]surveil.Panel, len(past))
	work := pool.New().WithMaxGoroutines(arrivingAtOnce)
	for i := range past {
		work.Go(func() {
			of := past[i].Seen
			if of == nil {
				of = seen
			}
			q := &parts[i]
			q.First, q.Nights = p.First, p.Nights
			arrive(q, &past[i], int32(i), units, of)
		})
	}
	work.Wait()
	for i := range parts {
		q := &parts[i]
		p.Unit, p.Indicator, p.Rebased = append(p.Unit, q.Unit...), append(p.Indicator, q.Indicator...), append(p.Rebased, q.Rebased...)
		p.Volume, p.Numerator, p.Missing = append(p.Volume, q.Volume...), append(p.Numerator, q.Numerator...), append(p.Missing, q.Missing...)
		parts[i] = surveil.Panel{}
	}
	return p
}

// arrivingAtOnce are laid out side by side.
const arrivingAtOnce = 2

// FewestNights is how many nights of an indicator make a past that arrivals are
// compared with: four weeks of a nightly feed.
const FewestNights = 28

// Nightly reports whether so many nights are known that what the last one brought
// can be compared with them. Until then, and for feeds that come by the week or
// month, the volume of a period is judged by the periods around it.
func Nightly(seen []Seen) bool {
	if len(seen) == 0 {
		return false
	}
	first := seen[len(seen)-1].AsOf.Days() - surveil.History
	known := 0
	for _, v := range seen {
		if v.AsOf.Days() >= first {
			known++
		}
	}
	return known > FewestNights
}

// arrive adds the series of one indicator.
func arrive(p *surveil.Panel, past *Past, indicator int32, units map[string]int32, seen []Seen) {
	t := past.Cells
	earliest := uint64(1<<64 - 1)
	for row := range t.Len() {
		earliest = min(earliest, t.Rev(row))
	}
	nightOf := func(rev uint64) int {
		k, _ := slices.BinarySearchFunc(seen, rev, func(s Seen, rev uint64) int { return cmp.Compare(s.Rev, rev) })
		return k
	}
	// columns of the nights of seen; -1: outside the panel, or after it.
	columns := make([]int, len(seen)+1)
	known := make([]bool, p.Nights)
	start := nightOf(earliest)
	for k := range seen {
		columns[k] = int(seen[k].AsOf.Days() - p.First)
		if columns[k] < 0 || columns[k] >= p.Nights {
			columns[k] = -1
		} else if k > start {
			known[columns[k]] = true
		}
	}
	columns[len(seen)] = -1
	byUnit := map[string]*arrived{}
	var order []string
	for i := range t.Series() {
		of, from, to := t.SeriesAt(i)
		a := byUnit[of.Unit]
		if a == nil {
			a = &arrived{make([]float64, p.Nights), make([]float64, p.Nights), make([]float64, p.Nights), make([]bool, p.Nights)}
			byUnit[of.Unit] = a
			order = append(order, of.Unit)
		}
		for row := from; row < to; {
			end := t.End(row, to)
			var n0, d0, m0 float64
			for ; row < end; row++ {
				n, d, m := held(past.Indicator.Type, t, row)
				if c := columns[nightOf(t.Rev(row))]; c >= 0 {
					a.numerator[c] += n - n0
					a.volume[c] += d - d0
					a.missing[c] += m - m0
					a.bad[c] = a.bad[c] || past.Excluded != nil && past.Excluded(t.Fingerprint(row))
				}
				n0, d0, m0 = n, d, m
			}
		}
	}
	slices.Sort(order)
	for _, unit := range order {
		a := byUnit[unit]
		for c := range p.Nights {
			if !known[c] || a.bad[c] || a.volume[c] < 0 || a.volume[c] > 1e9 {
				p.Volume = append(p.Volume, surveil.Unknown)
				p.Numerator = append(p.Numerator, surveil.Unknown)
				p.Missing = append(p.Missing, surveil.Unknown)
				continue
			}
			d := int32(a.volume[c])
			p.Volume = append(p.Volume, d)
			p.Numerator = append(p.Numerator, min(max(int32(a.numerator[c]), 0), d))
			p.Missing = append(p.Missing, min(max(int32(a.missing[c]), 0), d))
		}
		rebased := int32(0)
		if day, ok := past.Rebased[unit]; ok {
			rebased = max(day.Days()-p.First, 0)
		}
		p.Rebased = append(p.Rebased, rebased)
		p.Unit, p.Indicator = append(p.Unit, units[unit]), append(p.Indicator, indicator)
	}
}

// arrived is what each night brought of one unit.
type arrived struct {
	numerator, volume, missing []float64
	bad                        []bool
}

// held is what a row holds: numerator, volume and missing values.
func held(of catalog.IndicatorType, t *cell.Table, row int) (numerator, volume, missing float64) {
	if t.Tombstone(row) {
		return 0, 0, 0
	}
	c := t.Content(row)
	return c.Numerator.Float(cell.Micro), Volume(of, c), float64(c.Missing)
}
