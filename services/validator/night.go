package validator

import (
	"cmp"
	"context"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
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
	// overdue are feeds with a schedule that did not come, with the hours by
	// which they were late when this run's newest delivery came.
	overdue map[string]overdue
	// seen are, by feed, the nights up to this one: as-of date and highest
	// revision.
	seen map[string][]quality.Seen
	// retracted are the revisions of deliveries that were withdrawn: nothing is
	// compared with what they said.
	retracted map[uint64]bool
	// measures are the indicators that others are held against.
	measures map[string]bool
}

func (s *Service) night(r *run.Run) *night {
	n := &night{run: r, rev: s.state.Rev(r), feeds: map[string]bool{}, seen: map[string][]quality.Seen{}, retracted: map[uint64]bool{}}
	newest := catalog.Date{}
	for _, o := range s.state.Runs() {
		rev := n.before
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
		// What comes dated before what is known is news of the newest night.
		if newest.Before(o.AsOf) {
			newest = o.AsOf
		}
		for f := range feeds {
			n.seen[f] = append(n.seen[f], quality.Seen{AsOf: newest, Rev: rev})
		}
		if o == r {
			break
		}
		n.before = rev
	}
	n.overdue, n.measures = s.overdue(n), s.measures()
	return n
}

// brings reports whether the feed can bring the indicator.
func brings(f *catalog.Feed, ind *catalog.Indicator) bool {
	return f.Registry == ind.Registry &&
		(len(f.Measures) == 0 || slices.ContainsFunc(f.Measures, func(m catalog.Measure) bool { return m.Indicator == ind.ID }))
}

// feedsOf are the run's feeds that can bring the indicator, and those that
// should have come and did not.
func (n *night) feedsOf(c *catalog.Catalog, ind *catalog.Indicator) (came, absent []*catalog.Feed) {
	for i := range c.Feeds {
		f := &c.Feeds[i]
		switch _, late := n.overdue[f.ID]; {
		case !brings(f, ind):
		case n.feeds[f.ID]:
			came = append(came, f)
		case late:
			absent = append(absent, f)
		}
	}
	return came, absent
}

// nights are those of the feeds together, without the ones that come from a
// delivery of another: in ascending order, one a run.
func (n *night) nights(feeds []*catalog.Feed) []quality.Seen {
	var all []quality.Seen
	for _, f := range feeds {
		all = append(all, n.seen[f.ID]...)
	}
	slices.SortFunc(all, func(a, b quality.Seen) int { return cmp.Compare(a.Rev, b.Rev) })
	return slices.CompactFunc(all, func(a, b quality.Seen) bool { return a.Rev == b.Rev })
}

// matter is one indicator in one night: what was loaded for it, and what the
// checks see.
type matter struct {
	indicator *catalog.Indicator
	feeds     []*catalog.Feed
	absent    []*catalog.Feed
	cells     *cell.Table
	gate      *gate.State
	before    *gate.State // as it was before the run
	input     quality.Input
	past      quality.Past
	// measure says that other indicators are held against this one.
	measure bool
	// revisions are by how much earlier deliveries restated closed cells.
	revisions []float64
	// here are the units with something in the newest period.
	newest int32
	// since is the first period that lies just before the newest one.
	since int32
	here  map[string]bool
	fresh bool // the run filled the newest period
	// found and judged are what the checks found in the indicator, and what those
	// of the panel have looked at.
	found  []quality.Finding
	judged quality.Judged
}

// matter loads an indicator and lays it out for the checks.
func (s *Service) matter(ctx context.Context, n *night, ind *catalog.Indicator, feeds, absent []*catalog.Feed) (*matter, error) {
	cells, err := s.table(ctx, ind.ID, n.rev)
	if err != nil {
		return nil, err
	}
	now, err := s.gate(ind.ID, cells)
	if err != nil {
		return nil, err
	}
	// What the checks see is the gate before this run: after a crash in the
	// middle they must find what they found at first.
	g := now
	if s.begun(ind.ID, n.run.Run) {
		if g, err = s.gateBefore(ind.ID, cells, n.run.Run); err != nil {
			return nil, err
		}
	}
	reach := catalog.Date{}
	for _, f := range slices.Concat(feeds, absent) {
		if as := s.state.AsOf(f.ID, n.run); reach.Before(as) {
			reach = as
		}
	}
	m := &matter{indicator: ind, feeds: feeds, absent: absent, cells: cells, gate: now}
	s.lay(n, m, g, reach)
	return m, nil
}

// lay lays what was loaded out for the checks: the cells, the gate as it was
// before the run, and how far the feeds have come.
func (s *Service) lay(n *night, m *matter, before *gate.State, reach catalog.Date) {
	ind := m.indicator
	m.before, m.measure = before, n.measures[ind.ID]
	m.input = quality.Input{Region: s.cfg.Catalog.Region.Code, Indicator: *ind, AsOf: n.run.AsOf, Tolerance: 1,
		Feed: thresholds(m.feeds), Units: s.unitThresholds()}
	m.past = quality.Past{Indicator: *ind, Cells: m.cells, Seen: n.nights(m.feeds)}
	m.past.Excluded, m.past.Rebased, m.input.Rebased = standing(before)
	for i := range s.cfg.Catalog.Registries {
		if r := &s.cfg.Catalog.Registries[i]; r.Code == ind.Registry {
			m.input.Country = r.Country
		}
	}
	for _, f := range slices.Concat(m.feeds, m.absent) {
		m.input.Tolerance = min(m.input.Tolerance, f.Tolerance)
	}
	for _, v := range m.past.Seen {
		if v.Rev <= n.before {
			m.input.Reached = v.AsOf
		}
	}
	l := layout{matter: m, night: n, gate: before, reach: reach}
	l.lay(func(unit string) bool { return s.expects(m, unit) })
}

// begun reports whether the run has already said something of the indicator.
func (s *Service) begun(indicator, run string) bool {
	return slices.ContainsFunc(s.state.GateEvents(indicator), func(e event.Event) bool { return e.Cause == run })
}

// standing tells what a baseline may not hold, versions that are held or were
// withdrawn, and from when on units are at a level that a person accepted: by
// the night that brought it, and by the first period that has it.
func standing(g *gate.State) (excluded func(cell.Fingerprint) bool, rebased, level map[string]catalog.Date) {
	bad := map[cell.Fingerprint]bool{}
	rebased, level = map[string]catalog.Date{}, map[string]catalog.Date{}
	for f := range g.Flags {
		switch {
		case f.Holds() || f.Status == gate.Rejected:
			for _, v := range f.Guards {
				bad[v.Fingerprint] = true
			}
		case f.Status == gate.Accepted && f.Unit != "" && rebases(f):
			if rebased[f.Unit].Before(f.AsOf) {
				rebased[f.Unit] = f.AsOf
			}
			from := f.AsOf
			if !f.Period.IsZero() {
				from = f.Period
			}
			if level[f.Unit].Before(from) {
				level[f.Unit] = from
			}
		}
	}
	if len(bad) == 0 {
		return nil, rebased, level
	}
	return func(fp cell.Fingerprint) bool { return bad[fp] }, rebased, level
}

// asked are the versions that a person has been asked about for the volume of
// their period, and has not answered, or has rejected.
func asked(g *gate.State) map[cell.Fingerprint]bool {
	out := map[cell.Fingerprint]bool{}
	for f := range g.Flags {
		if ofPeriod(&f) && (f.Status == gate.Open || f.Status == gate.Rejected) {
			for _, v := range f.Guards {
				out[v.Fingerprint] = true
			}
		}
	}
	return out
}

// ofPeriod reports whether a flag of a check that also judges what a night
// brought is about one period: it is judged again with each version of its cells.
func ofPeriod(f *gate.Flag) bool {
	return !f.Period.IsZero() && len(f.Guards) > 0 && quality.ByPanel(f.Check)
}

// rebases reports whether the flag was accepted as a change that has come to
// stay.
func rebases(f gate.Flag) bool {
	for _, d := range slices.Backward(f.Decisions) {
		if d.Kind == event.Accept {
			return slices.Contains([]string{gate.TrueChange, gate.OrganisationalChange, gate.DefinitionChange, gate.PopulationChange, gate.CodingPractice}, d.Cause)
		}
	}
	return false
}

// thresholds are those of the feeds, the first in the order of ids going first.
func thresholds(feeds []*catalog.Feed) map[string]catalog.CheckParams {
	var out map[string]catalog.CheckParams
	for _, f := range feeds {
		for id, p := range f.Checks {
			if out == nil {
				out = map[string]catalog.CheckParams{}
			}
			if _, ok := out[id]; !ok {
				out[id] = p
			}
		}
	}
	return out
}

// unitThresholds are those of units that have any.
func (s *Service) unitThresholds() map[string]map[string]catalog.CheckParams {
	out := map[string]map[string]catalog.CheckParams{}
	for i := range s.cfg.Catalog.Units {
		if u := &s.cfg.Catalog.Units[i]; len(u.Checks) > 0 {
			out[u.ID] = u.Checks
		}
	}
	return out
}

// layout lays the cells of one indicator out as the columns of its series.
type layout struct {
	*matter

	night *night
	gate  *gate.State // before the run
	reach catalog.Date
	// asked are the versions that are under a question of their volume.
	asked map[cell.Fingerprint]bool
	// lags are the revisions at equal lag by the first day of a period: 0, none.
	lags map[int32]uint64
}

// history is the rows [from, to) of one cell, in series series.
type history struct{ series, from, to int }

// now is the row of the current version.
func (h history) now() int { return h.to - 1 }

// each calls f for every cell in the order of the keys.
func (m *matter) each(f func(*cell.Series, history)) {
	for i := range m.cells.Series() {
		s, from, end := m.cells.SeriesAt(i)
		for from < end {
			to := m.cells.End(from, end)
			f(&s, history{i, from, to})
			from = to
		}
	}
}

// volume is how many records a row holds.
func (m *matter) volume(row int) float64 {
	if m.cells.Tombstone(row) {
		return 0
	}
	return quality.Volume(m.indicator.Type, m.cells.Content(row))
}

// numerator is that of a row, or the sum of its values.
func (m *matter) numerator(row int) float64 {
	if m.cells.Tombstone(row) {
		return 0
	}
	return quality.Numerator(m.indicator.Type, m.cells.Content(row))
}

// closes is the day on which the data of a period are complete.
func (m *matter) closes(period int32) catalog.Date {
	return m.indicator.Period.PeriodEnd(catalog.DateOfDays(period)).AddDays(m.indicator.FollowUpDays + m.indicator.MaturityLagDays)
}

// present finds the newest period and the units that have something in it.
func (l *layout) present() {
	m := l.matter
	m.here = map[string]bool{}
	m.each(func(_ *cell.Series, h history) {
		if !m.cells.Tombstone(h.now()) {
			m.newest = max(m.newest, m.cells.Period(h.now()))
		}
	})
	m.each(func(s *cell.Series, h history) {
		if row := h.now(); m.cells.Period(row) == m.newest && !m.cells.Tombstone(row) {
			m.here[s.Unit] = true
			m.fresh = m.fresh || m.cells.Rev(row) > l.night.before
		}
	})
	m.fresh = m.fresh && len(m.feeds) > 0
	g := m.indicator.Period
	two := g.PeriodStart(g.PeriodStart(catalog.DateOfDays(m.newest).AddDays(-1)).AddDays(-1)).Days()
	m.since = min(two, m.newest-recentDays)
}

func (l *layout) lay(expects func(unit string) bool) {
	m, n := l.matter, l.night
	l.present()
	corrected := map[cell.Key]gate.Correction{}
	for _, c := range l.gate.Corrections() {
		corrected[c.Cell] = c
	}
	kept := l.keeps()
	l.asked = asked(l.gate)
	nightly := quality.Nightly(m.past.Seen)
	mature := map[int32]bool{}
	var series *quality.Series
	at, lately := -1, false
	end := func() {
		if series != nil && m.fresh && (lately || m.listed(series.Unit)) && m.holds(series.Version) && expects(series.Unit) {
			series.Expected = []int32{m.newest}
		}
	}
	m.input.Series = make([]quality.Series, 0, m.cells.Series())
	m.each(func(of *cell.Series, h history) {
		if h.series != at {
			end()
			m.input.Series = append(m.input.Series, quality.Series{Registry: of.Registry, Version: of.Version, Unit: of.Unit, Stratum: of.Stratum})
			series, at, lately = &m.input.Series[len(m.input.Series)-1], h.series, false
		}
		row := h.now()
		k := m.cells.Key(h.series, row)
		shown := l.gate.ViewOf(k, h.from, h.to)
		volume := m.volume(row)
		if len(corrected) > 0 && !m.cells.Tombstone(row) {
			// What two persons have corrected is judged as they corrected it.
			if c, ok := corrected[k]; ok && c.Base == m.cells.Fingerprint(row) {
				volume = quality.Volume(m.indicator.Type, c.New.Cell())
			}
		}
		closed, known := mature[k.PeriodStart]
		if !known {
			closed = !l.reach.Before(m.closes(k.PeriodStart))
			mature[k.PeriodStart] = closed
		}
		series.Period = append(series.Period, k.PeriodStart)
		series.Volume = append(series.Volume, max(volume, 0))
		if !nightly {
			series.Numerator = append(series.Numerator, m.numerator(row))
		}
		series.Mature = append(series.Mature, closed)
		series.Excluded = append(series.Excluded, shown.State == gate.HeldPrevious || shown.State == gate.HeldEmpty || volume < 0)
		series.Fingerprint = append(series.Fingerprint, m.cells.Fingerprint(row))
		series.Tombstone = append(series.Tombstone, m.cells.Tombstone(row))
		lately = lately || m.recent(k.PeriodStart) && (volume > 0 || l.had(h))
		l.lag(series, h)
		l.restated(h)
		if kept(&k) {
			m.input.Current = append(m.input.Current, m.cells.Version(h.series, row))
		}
		if m.cells.Rev(row) > n.before {
			m.input.Changed = append(m.input.Changed, l.change(h, shown))
		}
	})
	end()
}

// version is a row as a value of its own; nil for none.
func (m *matter) version(h history, row int) *cell.Version {
	if row < 0 {
		return nil
	}
	v := m.cells.Version(h.series, row)
	return &v
}

// change is the new version of a cell and what it is compared with.
func (l *layout) change(h history, shown gate.View) quality.Change {
	m, n := l.matter, l.night
	c := quality.Change{Current: m.cells.Version(h.series, h.now())}
	newest, released := -1, -1
	for row := h.from; row < h.to; row++ {
		rev := m.cells.Rev(row)
		if rev <= n.before && !n.retracted[rev] {
			newest = row
		}
		if rev == shown.Shown.Rev {
			released = row
		}
	}
	previous := m.undoubted(l.gate, n, h.series, h.from, newest+1)
	c.Previous = m.version(h, previous)
	c.Asked = newest >= 0 && l.asked[m.cells.Fingerprint(newest)]
	if (shown.State == gate.Released || shown.State == gate.HeldPrevious) && !n.retracted[shown.Shown.Rev] {
		c.Released = c.Previous
		if released != previous {
			c.Released = m.version(h, released)
		}
		if shown.Shown.Corrected {
			if p, ok := l.gate.Correction(c.Current.Key, shown.Shown.Fingerprint); ok {
				c.Released = &cell.Version{Key: c.Current.Key, Content: p.New.Cell(), Fingerprint: p.Fingerprint, Rev: shown.Shown.Rev}
			}
		}
	}
	return c
}

// undoubted is the row of [from, to) of a cell that a later version of it is
// compared with: the newest that was not withdrawn and that nothing stands or stood
// against. -1: none.
func (m *matter) undoubted(g *gate.State, n *night, series, from, to int) int {
	for row := to - 1; row >= from; row-- {
		if !n.retracted[m.cells.Rev(row)] && !g.Doubted(m.cells.Key(series, row), m.cells.Fingerprint(row)) {
			return row
		}
	}
	return -1
}

// had reports whether the cell held anything before the run.
func (l *layout) had(h history) bool {
	for row := h.now(); row >= h.from; row-- {
		if l.cells.Rev(row) <= l.night.before {
			return l.volume(row) > 0
		}
	}
	return false
}

// recentDays is how far back a unit, or a stratum of it, must have had
// something for its absence to be a question; at least two periods. Who closed
// longer ago has been asked about then, or was closed before the first
// delivery.
const recentDays = 28

// recent reports whether the period lies just before the newest one.
func (m *matter) recent(period int32) bool { return m.since <= period && period <= m.newest }

// holds reports whether the version of the definition is the one of the newest
// period: of an older one nothing is awaited any more.
func (m *matter) holds(version string) bool {
	for _, v := range m.indicator.Versions {
		if v.ID == version {
			return catalog.DateOfDays(m.newest).Within(v.From, v.To)
		}
	}
	return true
}

// listed reports whether a roster names the unit.
func (m *matter) listed(unit string) bool {
	return slices.ContainsFunc(m.feeds, func(f *catalog.Feed) bool { return slices.Contains(f.Schedule.Roster, unit) })
}

// keeps tells which current versions the checks look up beside the changed
// ones: all of an indicator that others are held against, the strata of changed
// totals where they must add up, and the peers in the newest mature period.
func (l *layout) keeps() func(*cell.Key) bool {
	m := l.matter
	type place struct {
		unit   string
		period int32
	}
	peers := int32(math.MinInt32)
	changed := map[place]bool{}
	m.each(func(s *cell.Series, h history) {
		period := m.cells.Period(h.from)
		if m.indicator.Type == catalog.Proportion && period > peers && !l.reach.Before(m.closes(period)) {
			peers = period
		}
		if m.indicator.Additive && m.cells.Rev(h.now()) > l.night.before {
			changed[place{s.Unit, period}] = true
		}
	})
	return func(k *cell.Key) bool {
		return m.measure || k.PeriodStart == peers || len(changed) > 0 && changed[place{k.Unit, k.PeriodStart}]
	}
}

// agrees reports whether the source now says what a correction says.
func (m *matter) agrees(c gate.Contest) bool {
	series, from, to := m.cells.Find(c.Cell)
	for row := from; row < to; row++ {
		if m.cells.Fingerprint(row) == c.Now.Fingerprint && gate.Agrees(c.New, m.cells.Version(series, row).Content) {
			return true
		}
	}
	return false
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
func (l *layout) lag(series *quality.Series, h history) {
	m := l.matter
	period := m.cells.Period(h.from)
	newestEnd := m.indicator.Period.PeriodEnd(catalog.DateOfDays(m.newest)).Days()
	wait := int32(m.indicator.FollowUpDays + m.indicator.MaturityLagDays)
	if period >= m.newest || l.reach.Days() >= newestEnd+wait {
		return
	}
	rev, known := l.lags[period]
	if !known {
		rev = l.lagOf(m.indicator.Period.PeriodEnd(catalog.DateOfDays(period)).Days() + l.reach.Days() - newestEnd)
		if l.lags == nil {
			l.lags = map[int32]uint64{}
		}
		l.lags[period] = rev
	}
	if rev == 0 {
		return
	}
	volume := 0.0
	for row := h.now(); row >= h.from; row-- {
		if m.cells.Rev(row) <= rev {
			volume = m.volume(row)
			break
		}
	}
	series.LagFor = append(series.LagFor, m.newest)
	series.LagOf = append(series.LagOf, period)
	series.LagVolume = append(series.LagVolume, max(volume, 0))
}

// lagOf is the highest revision that was known on the day, or shortly before;
// 0: no night was near it.
func (l *layout) lagOf(on int32) (rev uint64) {
	for _, v := range l.past.Seen {
		if v.Rev <= l.night.before && v.AsOf.Days() <= on && v.AsOf.Days() > on-lagSlack {
			rev = max(rev, v.Rev)
		}
	}
	return rev
}

// silent are the units that are expected in some indicator and are in none.
func silent(matters []*matter) []string {
	expected := map[string]bool{}
	for _, m := range matters {
		for i := range m.input.Series {
			if s := &m.input.Series[i]; len(s.Expected) > 0 {
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
