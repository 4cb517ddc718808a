package quality

import (
	"cmp"
	"slices"

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

// Past are all versions of all cells of one indicator, in any order.
type Past struct {
	Indicator catalog.Indicator
	Versions  []cell.Version
	// Excluded reports versions that must be in no baseline: withdrawn,
	// rejected or held; nil: none is.
	Excluded func(*cell.Version) bool
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
		for j := range past[i].Versions {
			names[past[i].Versions[j].Key.Unit] = true
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
	for i := range past {
		arrive(p, &past[i], int32(i), units, seen)
	}
	return p
}

// arrive adds the series of one indicator.
func arrive(p *surveil.Panel, past *Past, indicator int32, units map[string]int32, seen []Seen) {
	order := make([]int, len(past.Versions))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &past.Versions[a], &past.Versions[b]
		return cmp.Or(cmp.Compare(x.Key.Unit, y.Key.Unit), x.Key.Compare(y.Key), cmp.Compare(x.Rev, y.Rev))
	})
	earliest := uint64(1<<64 - 1)
	for i := range past.Versions {
		earliest = min(earliest, past.Versions[i].Rev)
	}
	start, _ := slices.BinarySearchFunc(seen, earliest, func(s Seen, rev uint64) int { return cmp.Compare(s.Rev, rev) })
	// column of each night of seen; -1: before the panel.
	column := func(k int) int { return int(seen[k].AsOf.Days() - p.First) }
	for from := 0; from < len(order); {
		unit := past.Versions[order[from]].Key.Unit
		to := from
		for to < len(order) && past.Versions[order[to]].Key.Unit == unit {
			to++
		}
		volume, numerator, missing := make([]float64, p.Nights), make([]float64, p.Nights), make([]float64, p.Nights)
		bad := make([]bool, p.Nights)
		var before *cell.Version
		for _, i := range order[from:to] {
			v := &past.Versions[i]
			if before != nil && before.Key != v.Key {
				before = nil
			}
			night, _ := slices.BinarySearchFunc(seen, v.Rev, func(s Seen, rev uint64) int { return cmp.Compare(s.Rev, rev) })
			if night < len(seen) {
				if t := column(night); t >= 0 {
					n, d, m := held(past.Indicator.Type, v)
					if before != nil {
						n0, d0, m0 := held(past.Indicator.Type, before)
						n, d, m = n-n0, d-d0, m-m0
					}
					numerator[t] += n
					volume[t] += d
					missing[t] += m
					bad[t] = bad[t] || past.Excluded != nil && past.Excluded(v)
				}
			}
			before = v
		}
		known := make([]bool, p.Nights)
		for k := range seen {
			if t := column(k); t >= 0 && k > start {
				known[t] = true
			}
		}
		for t := range p.Nights {
			if !known[t] || bad[t] || volume[t] < 0 || volume[t] > 1e9 {
				p.Volume = append(p.Volume, surveil.Unknown)
				p.Numerator = append(p.Numerator, surveil.Unknown)
				p.Missing = append(p.Missing, surveil.Unknown)
				continue
			}
			d := int32(volume[t])
			p.Volume = append(p.Volume, d)
			p.Numerator = append(p.Numerator, min(max(int32(numerator[t]), 0), d))
			p.Missing = append(p.Missing, min(max(int32(missing[t]), 0), d))
		}
		rebased := int32(0)
		if day, ok := past.Rebased[unit]; ok {
			rebased = max(day.Days()-p.First, 0)
		}
		p.Rebased = append(p.Rebased, rebased)
		p.Unit, p.Indicator = append(p.Unit, units[unit]), append(p.Indicator, indicator)
		from = to
	}
}

// held is what a version holds: numerator, volume and missing values.
func held(t catalog.IndicatorType, v *cell.Version) (numerator, volume, missing float64) {
	if v.Tombstone {
		return 0, 0, 0
	}
	return v.Content.Numerator.Float(cell.Micro), Volume(t, v.Content), float64(v.Content.Missing)
}
