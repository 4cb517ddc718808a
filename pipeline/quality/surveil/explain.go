package surveil

import (
	"cmp"
	"slices"
)

// rank orders findings by how much they explain.
func rank(f *Finding) int {
	switch f.Check {
	case "X06":
		return 0
	case "T08":
		return 1
	case "K01":
		return 2
	case "T06":
		if f.Indicator < 0 || f.Source < 0 {
			return 3
		}
		return 4
	case "T02":
		return 5
	case "T03":
		return 6
	case "K04":
		return 7
	case "D04":
		return 8
	case "T07":
		return 9
	}
	return 10
}

// explain orders findings and folds each into the one that explains it: a unit
// that moved, repeats or is silent explains everything about it; a common mode
// what its units do in its direction; of the scales of one series the shortest
// the others. What is explained is on record and asks nobody.
func explain(p *Panel, all []Finding) []Finding {
	parent := make(map[int]int)
	for i, f := range all {
		if f.Into >= 0 {
			parent[i] = f.Into
		}
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &all[a], &all[b]
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(x.Unit, y.Unit), cmp.Compare(x.Other, y.Other),
			cmp.Compare(x.Indicator, y.Indicator), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Scale, y.Scale))
	})
	at := make([]int, len(all)) // where each has gone
	out := make([]Finding, len(all))
	for to, from := range order {
		at[from] = to
		out[to] = all[from]
	}
	for i := range out {
		out[i].Into = -1
	}
	for child, of := range parent {
		out[at[child]].Into = at[of]
	}
	units := map[int]int{}
	volume, level := map[int]int{}, map[int]int{}
	var commons []int
	for i := range out {
		f := &out[i]
		if f.Into >= 0 {
			continue
		}
		switch f.Check {
		case "X06", "T08", "K01":
			if by, ok := units[f.Unit]; ok && f.Unit >= 0 {
				f.Into = by
				continue
			}
			if f.Unit >= 0 {
				units[f.Unit] = i
			}
			if f.Other >= 0 {
				if _, ok := units[f.Other]; !ok {
					units[f.Other] = i
				}
			}
			continue
		case "T06":
			// What is left of a part of it, in whichever direction, is the same
			// question; so is another source or indicator that the night moved
			// in the same direction.
			f.Into = -1
			for _, c := range commons {
				w := &out[c]
				part := (w.Indicator < 0 || w.Indicator == f.Indicator) && (w.Source < 0 || w.Source == f.Source)
				beside := w.Up == f.Up && (w.Indicator >= 0 && w.Indicator == f.Indicator || w.Source >= 0 && w.Source == f.Source ||
					w.Source < 0 && w.Indicator < 0 || f.Source < 0 && w.Source >= 0 || f.Indicator < 0 && w.Indicator >= 0)
				if part || beside {
					f.Into = c
					break
				}
			}
			if f.Into < 0 {
				commons = append(commons, i)
			}
			continue
		}
		if by, ok := units[f.Unit]; ok {
			f.Into = by
			continue
		}
		if f.Into = covering(out, commons, f, func(c *Finding) bool {
			return !f.Share && (c.Indicator < 0 || c.Indicator == f.Indicator) && (c.Source < 0 || p.UnitSource != nil && c.Source == int(p.UnitSource[f.Unit]))
		}); f.Into >= 0 {
			continue
		}
		switch f.Check {
		case "T02", "T03":
			if by, ok := volume[f.Series]; ok {
				f.Into = by
				continue
			}
			volume[f.Series] = i
		case "D04":
			if by, ok := volume[f.Series]; ok {
				f.Into = by
			}
		case "K04":
			if by, ok := level[f.Series]; ok {
				f.Into = by
				continue
			}
			level[f.Series] = i
		case "T05":
			// The volume or the missing values changed too: the rate may be
			// their doing.
			_, v := volume[f.Series]
			_, l := level[f.Series]
			f.Artefact = f.Artefact || v || l
		}
	}
	return out
}

// covering is the first of the common modes that covers f in its direction.
func covering(out []Finding, commons []int, f *Finding, covers func(*Finding) bool) int {
	for _, i := range commons {
		if out[i].Up == f.Up && covers(&out[i]) {
			return i
		}
	}
	return -1
}
