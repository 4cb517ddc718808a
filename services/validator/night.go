package validator

import (
	"cmp"
	"context"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/run"
)

// night is what the checks of one run have in common.
type night struct {
	run *run.Run
	// before and rev are the highest revisions before and with the run.
	before, rev uint64
	// cellsFrom and cellsTo are the CELLS sequences that the run appended.
	cellsFrom, cellsTo uint64
	feeds              map[string]bool
	// seen are, by feed, the earlier nights: as-of date and highest revision.
	seen map[string][]view
	// retracted are the revisions of deliveries that were withdrawn: nothing is
	// compared with what they said.
	retracted map[uint64]bool
}

// view is how a feed's data were seen in one night.
type view struct {
	asOf catalog.Date
	rev  uint64
}

func (s *Service) night(r *run.Run) *night {
	n := &night{run: r, rev: s.state.Rev(r), feeds: map[string]bool{}, seen: map[string][]view{}, retracted: map[uint64]bool{}}
	for _, o := range s.state.Runs() {
		var rev uint64
		feeds := map[string]catalog.Date{}
		for _, id := range o.Deliveries {
			d := s.state.Delivery(id)
			rev = max(rev, d.Rev)
			if d.Retracts == nil && feeds[d.Feed].Before(d.Accepted.AsOf) {
				feeds[d.Feed] = d.Accepted.AsOf
			}
			if w := d.Retracts; w != nil {
				n.retracted[s.state.Delivery(w.Delivery).Rev] = true
			}
			if o != r {
				continue
			}
			n.feeds[d.Feed] = true
			if d.Cells != nil && d.Cells.Cells.Blocks > 0 {
				if n.cellsFrom == 0 || d.Cells.Cells.First < n.cellsFrom {
					n.cellsFrom = d.Cells.Cells.First
				}
				n.cellsTo = max(n.cellsTo, d.Cells.Cells.Last)
			}
		}
		if o == r {
			return n
		}
		n.before = max(n.before, rev)
		for f, as := range feeds {
			n.seen[f] = append(n.seen[f], view{as, n.before})
		}
	}
	return n
}

// feedsOf are the run's feeds that can bring the indicator.
func (n *night) feedsOf(c *catalog.Catalog, ind *catalog.Indicator) []*catalog.Feed {
	var out []*catalog.Feed
	for i := range c.Feeds {
		f := &c.Feeds[i]
		if !n.feeds[f.ID] || f.Registry != ind.Registry {
			continue
		}
		if len(f.Measures) == 0 || slices.ContainsFunc(f.Measures, func(m catalog.Measure) bool { return m.Indicator == ind.ID }) {
			out = append(out, f)
		}
	}
	return out
}

// changes reports whether the run has a new version of any of the cells.
func (n *night) changes(versions []cell.Version) bool {
	return slices.ContainsFunc(versions, func(v cell.Version) bool { return v.Rev > n.before })
}

// matter is one indicator in one night: what was loaded for it, and what the
// checks see.
type matter struct {
	indicator *catalog.Indicator
	feeds     []*catalog.Feed
	versions  []cell.Version
	gate      *gate.State
	input     quality.Input
	// here are the units with something in the newest period.
	newest int32
	here   map[string]bool
	fresh  bool // the run filled the newest period
}

// matter loads an indicator and lays it out for the checks.
func (s *Service) matter(ctx context.Context, n *night, ind *catalog.Indicator, feeds []*catalog.Feed) (*matter, error) {
	versions, err := s.cfg.Warehouse.Versions(ctx, ind.ID, n.rev)
	if err != nil {
		return nil, err
	}
	now, err := s.gate(ind.ID, versions)
	if err != nil {
		return nil, err
	}
	// What the checks see is the gate before this run: after a crash in the
	// middle they must find what they found at first.
	g, err := s.gateBefore(ind.ID, versions, n.run.Run)
	if err != nil {
		return nil, err
	}
	m := &matter{indicator: ind, feeds: feeds, versions: versions, gate: now, here: map[string]bool{},
		input: quality.Input{Region: s.cfg.Catalog.Region.Code, Indicator: *ind, AsOf: n.run.AsOf, Tolerance: 1}}
	reach := catalog.Date{}
	for _, f := range feeds {
		m.input.Tolerance = min(m.input.Tolerance, f.Tolerance)
		if as := s.state.AsOf(f.ID, n.run); reach.Before(as) {
			reach = as
		}
	}
	histories := byCell(versions)
	for _, h := range histories {
		if now := h[len(h)-1]; !now.Tombstone {
			m.newest = max(m.newest, now.Key.PeriodStart)
		}
	}
	for _, h := range histories {
		now := h[len(h)-1]
		if now.Key.PeriodStart == m.newest && !now.Tombstone {
			m.here[now.Key.Unit] = true
			m.fresh = m.fresh || now.Rev > n.before
		}
	}
	byRev := map[cell.Key]map[uint64]*cell.Version{}
	for i := range versions {
		v := &versions[i]
		if byRev[v.Key] == nil {
			byRev[v.Key] = map[uint64]*cell.Version{}
		}
		byRev[v.Key][v.Rev] = v
	}
	corrected := map[cell.Key]gate.Correction{}
	for _, c := range g.Corrections() {
		corrected[c.Cell] = c
	}
	var series *quality.Series
	for _, h := range histories {
		now := h[len(h)-1]
		k := now.Key
		if series == nil || series.Registry != k.Registry || series.Version != k.Version || series.Unit != k.Unit || series.Stratum != k.Stratum {
			m.input.Series = append(m.input.Series, quality.Series{Registry: k.Registry, Version: k.Version, Unit: k.Unit, Stratum: k.Stratum})
			series = &m.input.Series[len(m.input.Series)-1]
			if m.fresh && s.expects(m, k.Unit) {
				series.Expected = []int32{m.newest}
			}
		}
		shown := g.View(k)
		volume := 0.0
		if !now.Tombstone {
			// What two persons have corrected is judged as they corrected it.
			content := now.Content
			if c, ok := corrected[k]; ok && c.Base == now.Fingerprint {
				content = c.New.Cell()
			}
			volume = quality.Volume(ind.Type, content)
		}
		end := ind.Period.PeriodEnd(catalog.DateOfDays(k.PeriodStart))
		series.Period = append(series.Period, k.PeriodStart)
		series.Volume = append(series.Volume, max(volume, 0))
		series.Mature = append(series.Mature, !reach.Before(end.AddDays(ind.FollowUpDays+ind.MaturityLagDays)))
		series.Excluded = append(series.Excluded, shown.State == gate.HeldPrevious || shown.State == gate.HeldEmpty || volume < 0)
		series.Fingerprint = append(series.Fingerprint, now.Fingerprint)
		series.Tombstone = append(series.Tombstone, now.Tombstone)
		m.lag(n, series, h, reach)
		if now.Rev <= n.before {
			continue
		}
		c := quality.Change{Current: *now}
		for _, v := range h {
			if v.Rev <= n.before && !n.retracted[v.Rev] {
				c.Previous = v
			}
		}
		if (shown.State == gate.Released || shown.State == gate.HeldPrevious) && !n.retracted[shown.Shown.Rev] {
			c.Released = byRev[k][shown.Shown.Rev]
			if p, ok := g.Correction(k, shown.Shown.Fingerprint); shown.Shown.Corrected && ok {
				c.Released = &cell.Version{Key: k, Content: p.New.Cell(), Fingerprint: p.Fingerprint, Rev: shown.Shown.Rev}
			}
		}
		m.input.Changed = append(m.input.Changed, c)
	}
	return m, nil
}

// agrees reports whether the source now says what a correction says.
func (m *matter) agrees(c gate.Contest) bool {
	return slices.ContainsFunc(m.versions, func(v cell.Version) bool {
		return v.Key == c.Cell && v.Fingerprint == c.Now.Fingerprint && gate.Agrees(c.New, v.Content)
	})
}

// expects reports whether the unit should be in every delivery: it is on the
// feed's roster, or there is none, and it is open in the newest period.
func (s *Service) expects(m *matter, unit string) bool {
	u, ok := s.index.Unit(unit)
	if !ok || !catalog.DateOfDays(m.newest).Within(u.From, u.To) {
		return false
	}
	return slices.ContainsFunc(m.feeds, func(f *catalog.Feed) bool {
		return len(f.Schedule.Roster) == 0 || slices.Contains(f.Schedule.Roster, unit)
	})
}

// lagSlack is how many days an earlier night may have been before the day of
// the equal lag: exports of a weekend come on Monday.
const lagSlack = 3

// lag adds how the night at equal lag saw the period of history h, for the
// newest period while that is not mature.
func (m *matter) lag(n *night, series *quality.Series, h []*cell.Version, reach catalog.Date) {
	g := m.indicator.Period
	period := h[0].Key.PeriodStart
	newestEnd := g.PeriodEnd(catalog.DateOfDays(m.newest)).Days()
	wait := int32(m.indicator.FollowUpDays + m.indicator.MaturityLagDays)
	if period >= m.newest || reach.Days() >= newestEnd+wait {
		return
	}
	on := g.PeriodEnd(catalog.DateOfDays(period)).Days() + reach.Days() - newestEnd
	rev := uint64(0)
	for _, f := range m.feeds {
		for _, v := range n.seen[f.ID] {
			if v.asOf.Days() <= on && v.asOf.Days() > on-lagSlack {
				rev = max(rev, v.rev)
			}
		}
	}
	if rev == 0 {
		return
	}
	volume := 0.0
	for _, v := range h {
		if v.Rev <= rev && !v.Tombstone {
			volume = quality.Volume(m.indicator.Type, v.Content)
		} else if v.Rev <= rev {
			volume = 0
		}
	}
	series.LagFor = append(series.LagFor, m.newest)
	series.LagOf = append(series.LagOf, period)
	series.LagVolume = append(series.LagVolume, max(volume, 0))
}

// byCell groups versions by cell, cells in the order of units and periods,
// versions by revision.
func byCell(versions []cell.Version) [][]*cell.Version {
	at := map[cell.Key]int{}
	var out [][]*cell.Version
	for i := range versions {
		v := &versions[i]
		j, ok := at[v.Key]
		if !ok {
			j = len(out)
			at[v.Key] = j
			out = append(out, nil)
		}
		out[j] = append(out[j], v)
	}
	for _, h := range out {
		slices.SortFunc(h, func(a, b *cell.Version) int { return cmp.Compare(a.Rev, b.Rev) })
	}
	slices.SortFunc(out, func(a, b []*cell.Version) int { return a[0].Key.Compare(b[0].Key) })
	return out
}

// silent are the units that are expected in some indicator and are in none.
func silent(matters []*matter) []string {
	expected := map[string]bool{}
	for _, m := range matters {
		for _, s := range m.input.Series {
			if len(s.Expected) > 0 {
				expected[s.Unit] = true
			}
		}
	}
	for _, m := range matters {
		for u := range m.here {
			delete(expected, u)
		}
	}
	var out []string
	for u := range expected {
		out = append(out, u)
	}
	slices.Sort(out)
	return out
}
