package validator

import (
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
)

// rejudged says of an open flag whose versions the run has not changed whether
// its check, asked about them anew, has nothing against them any more: a
// threshold was moved, or what they are compared with has grown. Checks that
// judge cells are asked so; those that judge what each night brought have looked
// at tonight and found nothing again.
func (s *Service) rejudged(m *matter, n *night, g *gate.State) func(gate.Flag) bool {
	return func(f gate.Flag) bool {
		at := slices.IndexFunc(s.cfg.Checks, func(c quality.Check) bool { return c.ID == f.Check })
		if at < 0 {
			return false
		}
		c := s.cfg.Checks[at]
		if ofPeriod(&f) {
			return false // until a version of its cells is judged
		}
		if quality.ByPanel(f.Check) || len(f.Guards) == 0 {
			return m.quiet(&f)
		}
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
			in.Changed = append(in.Changed, m.comparison(g, n, series, from, row))
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

// quiet reports whether the check of a flag looked at what it is about tonight
// and did not find it again. An export that was a copy of an earlier one is
// followed by one that changes something.
func (m *matter) quiet(f *gate.Flag) bool {
	if slices.ContainsFunc(m.found, func(v quality.Finding) bool {
		return v.Check == f.Check && v.Unit == f.Unit && v.Stratum == f.Stratum && (v.Status == quality.Flagged || v.Status == quality.CouldNotRun)
	}) {
		return false
	}
	if f.Check == "T08" && f.Unit == "" {
		return len(m.feeds) > 0 && len(m.input.Changed) > 0
	}
	since := f.AsOf
	if f.CleanSince() > 0 {
		since = catalog.Date{} // the code is back already
	}
	return m.judged.Looked(f.Check, f.Indicator, f.Unit, since)
}

// carried are the flags of what earlier nights brought, about the versions that
// tonight put in the place of those that they guard: that a cell of a month has
// grown since does not answer what was asked about a night in it. They go on until
// their check has looked and found nothing in enough runs, or a person has
// decided. What a person has rejected is asked again until something of it was
// taken back.
func (s *Service) carried(m *matter, n *night, o quality.Origin) []event.FlagRaised {
	var out []event.FlagRaised
	for f := range m.gate.Flags {
		rejected := f.Status == gate.Rejected
		if f.Status != gate.Open && !rejected || f.Severity == event.Block || f.Run == n.run.Run || len(f.Also) > 0 || f.Check == "K01" || !quality.ByPanel(f.Check) || ofPeriod(&f) {
			continue
		}
		again := slices.ContainsFunc(m.found, func(v quality.Finding) bool {
			return v.Check == f.Check && v.Unit == f.Unit && v.Stratum == f.Stratum && v.Raises()
		})
		clean := f.CleanSince()
		switch {
		case rejected && m.judged.TookBack(f.Indicator, f.Unit):
			continue
		case rejected:
			clean = 0
		case m.quiet(&f):
			clean++
		}
		if again || clean >= gate.CleanRuns {
			continue
		}
		moved := false
		next := f.FlagRaised
		next.Guards = nil
		for _, was := range f.Guards {
			k := was.Key(s.cfg.Catalog.Region.Code, f.Indicator)
			_, from, to := m.cells.Find(k)
			if row := to - 1; row >= from {
				earlier := row
				for earlier >= from && m.cells.Rev(earlier) > n.before {
					earlier--
				}
				moved = moved || earlier >= from && m.cells.Fingerprint(earlier) == was.Fingerprint && m.cells.Fingerprint(row) != was.Fingerprint
				was.Fingerprint = m.cells.Fingerprint(row)
			}
			next.Guards = append(next.Guards, was)
		}
		if !moved {
			continue
		}
		next.Flag = quality.FlagID(quality.Finding{Check: f.Check, Status: quality.Flagged, Indicator: f.Indicator, Unit: f.Unit, Stratum: f.Stratum, Period: f.Period, Guards: next.Guards})
		next.Run, next.Rev, next.Catalog, next.AsOf, next.Memory, next.Clean = o.Run, o.Rev, o.Catalog, o.AsOf, "", clean
		out = append(out, next)
	}
	return out
}

// comparison is the version of a row with what it was compared with when it was
// new: what is shown in its place, or else the newest before it against which
// nothing stands.
func (m *matter) comparison(g *gate.State, n *night, series, from, row int) quality.Change {
	cells := m.cells
	c := quality.Change{Current: cells.Version(series, row)}
	if at := m.undoubted(g, n, series, from, row); at >= 0 {
		before := cells.Version(series, at)
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
