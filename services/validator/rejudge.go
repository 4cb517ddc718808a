package validator

import (
	"slices"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
)

// rejudged says of an open flag whose versions the run has not changed whether
// its check, asked about them anew, has nothing against them any more: a
// threshold was moved, or what they are compared with has grown. Only checks
// that judge cells can be asked so. Those of a whole night judge what came in
// it: that later nights are quiet says nothing of an odd one, which stays with
// people until its source sends again.
func (s *Service) rejudged(m *matter, n *night, g *gate.State) func(gate.Flag) bool {
	return func(f gate.Flag) bool {
		at := slices.IndexFunc(s.cfg.Checks, func(c quality.Check) bool { return c.ID == f.Check })
		if at < 0 {
			return false
		}
		c := s.cfg.Checks[at]
		if c.Run == nil || c.Panel || c.Night != nil || len(f.Also) > 0 {
			return false
		}
		in := m.input
		in.Changed = nil
		for _, guard := range f.Guards {
			k := guard.Key(s.cfg.Catalog.Region.Code, f.Indicator)
			series, from, to := m.cells.Find(k)
			row := to - 1
			if row < from || m.cells.Fingerprint(row) != guard.Fingerprint || m.cells.Rev(row) > n.before {
				return false // never delivered, or judged in this run as what came
			}
			in.Changed = append(in.Changed, comparison(m.cells, g, series, from, row))
		}
		passed := int64(0)
		for _, found := range quality.Evaluate(in, []quality.Check{c}) {
			if found.Status != quality.Pass {
				return false
			}
			passed += found.Instances
		}
		return passed >= int64(len(in.Changed))
	}
}

// comparison is the version of a row with what it was compared with when it was
// new: what is shown in its place, or else the version before it.
func comparison(cells *cell.Table, g *gate.State, series, from, row int) quality.Change {
	c := quality.Change{Current: cells.Version(series, row)}
	if row > from {
		before := cells.Version(series, row-1)
		c.Previous = &before
	}
	v := g.View(c.Current.Key)
	if v.State != gate.HeldPrevious || v.Shown.Rev == c.Current.Rev {
		return c
	}
	for at := from; at < row; at++ {
		if cells.Rev(at) == v.Shown.Rev {
			shown := cells.Version(series, at)
			c.Released = &shown
		}
	}
	return c
}
