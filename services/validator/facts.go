package validator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// What the checks need to know beside cells: deliveries, feeds, columns.

// overdue is a feed that should have come.
type overdue struct {
	due   catalog.Date
	hours float64
}

// timelyDays is how old the as-of date of a run may be for its feeds to be late:
// what is older is history that is loaded afterwards.
const timelyDays = 7

// moment is when the run's newest delivery came: the present of its checks,
// whenever they run.
func (s *Service) moment(r *run.Run) (at time.Time) {
	for _, id := range r.Deliveries {
		if d := s.state.Delivery(id); at.Before(d.ReceivedAt) {
			at = d.ReceivedAt
		}
	}
	return at
}

func zoneOf(f *catalog.Feed) *time.Location {
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// timely reports whether a run of that as-of date was taken when it came.
func timely(asOf catalog.Date, at time.Time, zone *time.Location) bool {
	return !asOf.AddDays(timelyDays).Before(catalog.DateOf(at.In(zone)))
}

// overdue are the feeds that the run is without and that were late when its
// newest delivery came.
func (s *Service) overdue(n *night) map[string]overdue {
	out := map[string]overdue{}
	at := s.moment(n.run)
	for i := range s.cfg.Catalog.Feeds {
		f := &s.cfg.Catalog.Feeds[i]
		zone := zoneOf(f)
		if f.Schedule.Every == "" || n.feeds[f.ID] || !timely(n.run.AsOf, at, zone) {
			continue
		}
		var came []catalog.Date
		for _, v := range n.seen[f.ID] {
			came = append(came, v.AsOf)
		}
		if len(came) == 0 {
			continue // it has never come: nothing is shown of it
		}
		if l, late := run.Late(f.Schedule, zone, came, n.run.AsOf, at); late {
			out[f.ID] = overdue{l.Due, at.Sub(l.By).Hours()}
		}
	}
	return out
}

// feedDays is how many deliveries of a feed its newest one is compared with.
const feedDays = 28

// feeds are the facts of the run's feeds, and of those that are overdue. Gates are
// by indicator those before the run.
func (s *Service) feeds(ctx context.Context, n *night, gates map[string]*gate.State) ([]quality.Feed, []quality.Profile, error) {
	var feeds []quality.Feed
	var columns []quality.Profile
	for i := range s.cfg.Catalog.Feeds {
		f := &s.cfg.Catalog.Feeds[i]
		late, absent := n.overdue[f.ID]
		if !n.feeds[f.ID] && !absent {
			continue
		}
		q := quality.Feed{ID: f.ID, Registry: f.Registry, Awaited: f.Schedule.Every != "", Came: !absent, Late: late.hours, Due: late.due}
		for j := range s.cfg.Catalog.Indicators {
			if ind := &s.cfg.Catalog.Indicators[j]; brings(f, ind) {
				q.Indicators = append(q.Indicators, ind.ID)
			}
		}
		all := s.taken(n, f.ID)
		for k, d := range all {
			day := quality.FeedDay{AsOf: d.Accepted.AsOf, Rows: d.Accepted.Lines, LagP90: math.NaN(), Late: math.NaN(),
				Snapshot: d.Accepted.Kind == "snapshot", Excluded: n.retracted[d.Rev]}
			if d.Cells != nil {
				day.Changed = d.Cells.Cells.Rows
			}
			if hours, ok := lateness(f, all[:k], d); ok {
				day.Late = hours
				if d.Run == n.run.Run {
					q.Late = hours
				}
			} else if d.Run == n.run.Run {
				q.Awaited = false
			}
			if d.Run == n.run.Run {
				q.Ahead = max(q.Ahead, ahead(f, d))
			}
			q.Days = append(q.Days, day)
		}
		if q.Came {
			profiles, err := s.profiles(ctx, f, all, q.Days, gates)
			if err != nil {
				return nil, nil, err
			}
			columns = append(columns, profiles...)
		}
		feeds = append(feeds, q)
	}
	return feeds, columns, nil
}

// taken are the newest deliveries of the feed up to the night, oldest first.
func (s *Service) taken(n *night, feed string) []*run.Delivery {
	var out []*run.Delivery
	for _, o := range s.state.Runs() {
		for _, id := range o.Deliveries {
			if d := s.state.Delivery(id); d.Feed == feed && d.Retracts == nil {
				out = append(out, d)
			}
		}
		if o == n.run {
			break
		}
	}
	return out[max(0, len(out)-feedDays-1):]
}

// lateness is by how many hours the delivery came after its feed's time, below
// 0: before it; ok is false where nothing awaited it, or it is history that was
// loaded afterwards.
func lateness(f *catalog.Feed, before []*run.Delivery, d *run.Delivery) (hours float64, ok bool) {
	zone := zoneOf(f)
	if f.Schedule.Every == "" || len(before) == 0 || !timely(d.Accepted.AsOf, d.ReceivedAt, zone) {
		return 0, false
	}
	var came []catalog.Date
	for _, b := range before {
		came = append(came, b.Accepted.AsOf)
	}
	l, _ := run.Late(f.Schedule, zone, came, d.Accepted.AsOf, d.ReceivedAt)
	if l.By.IsZero() {
		return 0, false
	}
	return d.ReceivedAt.Sub(l.By).Hours(), true
}

// ahead is by how many minutes the day that an export says it is of begins
// after it came.
func ahead(f *catalog.Feed, d *run.Delivery) float64 {
	y, m, day := d.Accepted.AsOf.Time().Date()
	return max(time.Date(y, m, day, 0, 0, 0, 0, zoneOf(f)).Sub(d.ReceivedAt).Minutes(), 0)
}

// deliveries are what intake says of the run: its own deliveries, and the files
// of its feeds that were turned away or came again since the run before.
func (s *Service) deliveries(n *night) quality.Deliveries {
	var out quality.Deliveries
	from := uint64(0)
	for _, o := range s.state.Runs() {
		if o == n.run {
			break
		}
		from = o.OpenedSeq
	}
	for _, id := range n.run.Deliveries {
		if d := s.state.Delivery(id); d.Retracts == nil {
			out.Accepted = append(out.Accepted, *d.Accepted)
		}
	}
	for _, d := range s.state.Deliveries() {
		if d.Rejected != nil && d.RejectedSeq > from && d.RejectedSeq < n.run.OpenedSeq {
			out.Rejected = append(out.Rejected, *d.Rejected)
		}
		for _, again := range d.Repeated {
			if again.Seq > from && again.Seq < n.run.OpenedSeq {
				out.Repeated = append(out.Repeated, event.DeliveryRepeated{Delivery: d.Delivery, Raw: d.Raw, Name: again.Name, Feed: d.Feed})
			}
		}
	}
	for i := range s.cfg.Catalog.Feeds {
		f := &s.cfg.Catalog.Feeds[i]
		q, counted := s.state.Sequence(f.ID)
		if waiting := len(q.Held); counted && waiting > 0 {
			g := quality.Gap{Feed: f.ID, Waiting: waiting}
			if len(q.Missing) > 0 {
				g.Missing = q.Missing[0].From
			}
			out.Gaps = append(out.Gaps, g)
		}
	}
	return out
}

// whole is everything that the checks of a run see.
func (s *Service) whole(ctx context.Context, n *night, matters []*matter) (quality.Night, error) {
	gates := map[string]*gate.State{}
	for _, m := range matters {
		gates[m.indicator.ID] = m.before
	}
	feeds, profiles, err := s.feeds(ctx, n, gates)
	if err != nil {
		return quality.Night{}, err
	}
	q := s.gather(n, matters)
	q.Deliveries, q.Feeds, q.Profiles = s.deliveries(n), feeds, profiles
	return q, nil
}

// gather puts the indicators of a night together, with the panel of the nights
// up to it.
func (s *Service) gather(n *night, matters []*matter) quality.Night {
	q := quality.Night{Region: s.cfg.Catalog.Region.Code, AsOf: n.run.AsOf}
	weighSilence(matters)
	learn(matters)
	q.Suppressed = s.suppressed(matters)
	var past []quality.Past
	registries := map[string]map[string]bool{} // of units
	for _, m := range matters {
		q.Inputs = append(q.Inputs, m.input)
		if quality.Nightly(m.past.Seen) {
			past = append(past, m.past)
		}
		for i := range m.input.Series {
			r := &m.input.Series[i]
			if registries[r.Unit] == nil {
				registries[r.Unit] = map[string]bool{}
			}
			registries[r.Unit][r.Registry] = true
		}
		for _, r := range []struct {
			to    *[]quality.Relation
			other string
		}{{&q.Logic, m.indicator.AtMost}, {&q.Pairs, m.indicator.SameAs}} {
			if r.other != "" {
				*r.to = append(*r.to, quality.Relation{Lower: m.indicator.ID, Upper: r.other})
			}
		}
	}
	if len(past) > 0 {
		sources := make(map[string]string, len(registries))
		for u, of := range registries {
			sources[u] = strings.Join(sorted(of), "+")
		}
		seen := nightsOf(past)
		q.Panel = quality.Arrivals(past, seen, sources, s.holidays(past, seen))
	}
	return q
}

// suppressedDays is for how long back hidden cells are counted: a year and the
// month before it, as charts begin.
const suppressedDays = 396

// suppressed are by indicator the cells of the last year that the strictest of
// the catalog's wider audiences is not shown for their own sake, of how many.
func (s *Service) suppressed(matters []*matter) map[string][2]int64 {
	var out map[string][2]int64
	for i := range s.cfg.Catalog.Profiles {
		p := &s.cfg.Catalog.Profiles[i]
		if !p.Wider() {
			continue
		}
		for _, m := range matters {
			if !p.Sees(m.indicator.ID) {
				continue
			}
			var n [2]int64
			m.each(func(_ *cell.Series, h history) {
				row := h.now()
				if m.cells.Tombstone(row) || m.cells.Period(row) <= m.newest-suppressedDays {
					return
				}
				n[1]++
				if c := m.cells.Content(row); disclosure.Hidden(p.Rule, p.Lenient, m.indicator, &c) {
					n[0]++
				}
			})
			if out == nil {
				out = map[string][2]int64{}
			}
			if n[0] >= out[m.indicator.ID][0] {
				out[m.indicator.ID] = n
			}
		}
	}
	return out
}

func sorted(set map[string]bool) []string {
	var out []string
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// nightsOf are the nights of all of them.
func nightsOf(past []quality.Past) []quality.Seen {
	var all []quality.Seen
	for _, p := range past {
		all = append(all, p.Seen...)
	}
	slices.SortFunc(all, func(a, b quality.Seen) int { return cmp.Compare(a.Rev, b.Rev) })
	return slices.CompactFunc(all, func(a, b quality.Seen) bool { return a.Rev == b.Rev })
}

// holidays are those of the countries of the registries, together.
func (s *Service) holidays(past []quality.Past, seen []quality.Seen) func(catalog.Date) bool {
	countries := map[string]bool{}
	for _, p := range past {
		for i := range s.cfg.Catalog.Registries {
			if r := &s.cfg.Catalog.Registries[i]; r.Code == p.Indicator.Registry {
				countries[r.Country] = true
			}
		}
	}
	var free []func(catalog.Date) bool
	for _, c := range sorted(countries) {
		free = append(free, quality.Holidays(c, seen[0].AsOf, seen[len(seen)-1].AsOf))
	}
	return func(d catalog.Date) bool {
		return slices.ContainsFunc(free, func(f func(catalog.Date) bool) bool { return f(d) })
	}
}

// measures are the indicators that others are held against.
func (s *Service) measures() map[string]bool {
	out := map[string]bool{}
	for i := range s.cfg.Catalog.Indicators {
		ind := &s.cfg.Catalog.Indicators[i]
		for _, id := range []string{ind.Coverage, ind.AtMost, ind.SameAs, ind.Listed} {
			out[id] = id != ""
		}
	}
	return out
}

// learn gives every indicator of a feed what the feed's earlier deliveries
// restated of closed periods, in all its indicators.
func learn(matters []*matter) {
	by := map[string][]float64{}
	for _, m := range matters {
		for _, f := range m.feeds {
			by[f.ID] = append(by[f.ID], m.revisions...)
		}
	}
	for _, m := range matters {
		for _, f := range m.feeds {
			m.input.Revisions = append(m.input.Revisions, by[f.ID]...)
		}
	}
}

// most revisions are kept of an indicator: the newest teach enough.
const mostRevisions = 2000

// restated notes by how much earlier deliveries restated the closed cell. That a
// fault came and was put right teaches nothing about what is usual.
func (l *layout) restated(h history) {
	m, n := l.matter, l.night
	if h.to-h.from < 2 || len(m.revisions) >= mostRevisions {
		return
	}
	end := m.closes(m.cells.Period(h.from))
	for row := h.from + 1; row < h.to && m.cells.Rev(row) <= n.before; row++ {
		rev := m.cells.Rev(row)
		at, _ := slices.BinarySearchFunc(m.past.Seen, rev, func(s quality.Seen, rev uint64) int { return cmp.Compare(s.Rev, rev) })
		if at == 0 || at == len(m.past.Seen) || m.past.Seen[at-1].AsOf.Before(end) || n.retracted[rev] {
			continue
		}
		earlier := m.undoubted(l.gate, n, h.series, h.from, row)
		if earlier < 0 || m.undoubted(l.gate, n, h.series, row, row+1) < 0 {
			continue
		}
		was := m.volume(earlier)
		m.revisions = append(m.revisions, math.Abs(m.volume(row)-was)/max(was, 1))
	}
}

// ofColumns are the checks that say what a delivery holds in a column.
func ofColumns() []string { return []string{"C09", "D05", "D06", "D07", "K05", "K10", "P03", "T09"} }

// doubted reports whether what the delivery holds in the column of an indicator
// was in question and nobody has said that it is right: as with a cell, what puts
// it right is not to be measured by it. One that changed nothing answered nothing.
func doubted(d *run.Delivery, day *quality.FeedDay, g *gate.State) bool {
	return day.Excluded || day.Changed == 0 || g != nil && g.Doubts(d.Run, ofColumns())
}

// profiles are what stood in the columns of the feed's newest delivery beside
// the newest one before it that is not in doubt. What a delivery was never
// changes, so that each is counted once while the process lives. Days are filled
// with what of them is known.
func (s *Service) profiles(ctx context.Context, f *catalog.Feed, all []*run.Delivery, days []quality.FeedDay, gates map[string]*gate.State) ([]quality.Profile, error) {
	var now map[string]warehouse.Column
	before := map[string]warehouse.Column{}
	for k := max(0, len(all)-profiledDays); k < len(all); k++ {
		columns, err := s.columns(ctx, f, all[k])
		if err != nil {
			return nil, err
		}
		if k == len(all)-1 {
			now = columns
		} else {
			for id, c := range columns {
				if !doubted(all[k], &days[k], gates[id]) {
					before[id] = c
				}
			}
		}
		var lags []float64
		for _, c := range columns {
			days[k].Missing += c.Missing
			days[k].Unknown += c.Unknown
			if !math.IsNaN(c.LagP90) {
				lags = append(lags, c.LagP90)
			}
		}
		if len(lags) > 0 {
			days[k].LagP90 = slices.Max(lags)
		}
	}
	var out []quality.Profile
	for _, id := range slices.Sorted(maps.Keys(now)) {
		ind, ok := s.index.Indicator(id)
		if !ok {
			continue
		}
		var earlier *warehouse.Column
		if c, ok := before[id]; ok {
			earlier = &c
		}
		out = append(out, profileOf(f, ind, now[id], earlier, all[len(all)-1].Accepted.Kind == "snapshot"))
	}
	if err := s.values(ctx, f, all, days, gates, out); err != nil {
		return nil, err
	}
	return out, s.rows(ctx, f, all[len(all)-1], out)
}

// rows fills in what the rows of the feed's newest delivery say one by one, where
// the catalog says what to look for.
func (s *Service) rows(ctx context.Context, f *catalog.Feed, d *run.Delivery, profiles []quality.Profile) error {
	var bounded []*catalog.Indicator
	for i := range profiles {
		p := &profiles[i]
		ind, ok := s.index.Indicator(p.Indicator)
		if !ok {
			continue
		}
		p.Extreme = ind.Extreme
		if ind.Plausible != (catalog.Bounds{}) {
			bounded = append(bounded, ind)
		}
		if ind.Pair == "" {
			continue
		}
		var err error
		if p.BothZero, p.Pairs, err = s.cfg.Warehouse.Rounded(ctx, f, d.Delivery, ind.ID, ind.Pair); err != nil {
			return fmt.Errorf("pairs of delivery %s: %w", d.Delivery, err)
		}
	}
	outside, err := s.cfg.Warehouse.Outside(ctx, f, d.Delivery, bounded)
	if err != nil {
		return fmt.Errorf("bounds of delivery %s: %w", d.Delivery, err)
	}
	for i := range profiles {
		profiles[i].Outside = outside[profiles[i].Indicator]
	}
	return nil
}

// values fills in how large the values of the feed's newest delivery are, and
// those of earlier ones: of a snapshot the oldest, which a mistake that lasts
// has not reached; of a delta all that came. What is in doubt is in neither.
func (s *Service) values(ctx context.Context, f *catalog.Feed, all []*run.Delivery, days []quality.FeedDay, gates map[string]*gate.State, profiles []quality.Profile) error {
	last := len(all) - 1
	now, err := s.sizes(ctx, f, all[last])
	if err != nil || len(now) == 0 {
		return err
	}
	for k := range last {
		if days[k].Excluded {
			continue
		}
		earlier, err := s.sizes(ctx, f, all[k])
		if err != nil {
			return err
		}
		for i := range profiles {
			if p := &profiles[i]; !(days[k].Snapshot && p.ValuesBefore != nil) && !doubted(all[k], &days[k], gates[p.Indicator]) {
				addSizes(&p.ValuesBefore, earlier[p.Indicator])
			}
		}
		if days[k].Snapshot && !slices.ContainsFunc(profiles, func(p quality.Profile) bool { return p.ValuesBefore == nil && now[p.Indicator] != nil }) {
			break
		}
	}
	for i := range profiles {
		profiles[i].Values = now[profiles[i].Indicator]
	}
	return nil
}

func addSizes(to *map[string]map[int]int64, more map[string]map[int]int64) {
	for unit, of := range more {
		if *to == nil {
			*to = map[string]map[int]int64{}
		}
		if (*to)[unit] == nil {
			(*to)[unit] = map[int]int64{}
		}
		for size, n := range of {
			(*to)[unit][size] += n
		}
	}
}

// sizes counts the values of a delivery by indicator, unit and size; each
// delivery once while the process lives.
func (s *Service) sizes(ctx context.Context, f *catalog.Feed, d *run.Delivery) (map[string]map[string]map[int]int64, error) {
	if known, ok := s.sized[d.Delivery]; ok {
		return known, nil
	}
	var indicators []*catalog.Indicator
	for i := range s.cfg.Catalog.Indicators {
		if ind := &s.cfg.Catalog.Indicators[i]; brings(f, ind) {
			indicators = append(indicators, ind)
		}
	}
	sizes, err := s.cfg.Warehouse.Sizes(ctx, f, d.Delivery, indicators, quality.SizesPerFold)
	if err != nil {
		return nil, fmt.Errorf("values of delivery %s: %w", d.Delivery, err)
	}
	if s.sized == nil || len(s.sized) > mostCounted {
		s.sized = map[string]map[string]map[string]map[int]int64{}
	}
	s.sized[d.Delivery] = sizes
	return sizes, nil
}

// profiledDays is how many deliveries of a feed are counted column by column.
const profiledDays = 8

// columns counts what stood in a delivery, by indicator.
func (s *Service) columns(ctx context.Context, f *catalog.Feed, d *run.Delivery) (map[string]warehouse.Column, error) {
	if known, ok := s.counted[d.Delivery]; ok {
		return known, nil
	}
	var indicators []*catalog.Indicator
	for i := range s.cfg.Catalog.Indicators {
		if ind := &s.cfg.Catalog.Indicators[i]; brings(f, ind) {
			indicators = append(indicators, ind)
		}
	}
	columns, err := s.cfg.Warehouse.Columns(ctx, f, d.Delivery, indicators)
	if err != nil {
		return nil, fmt.Errorf("columns of delivery %s: %w", d.Delivery, err)
	}
	by := make(map[string]warehouse.Column, len(columns))
	for _, c := range columns {
		by[c.Indicator] = c
	}
	if s.counted == nil || len(s.counted) > mostCounted {
		s.counted = map[string]map[string]warehouse.Column{}
	}
	s.counted[d.Delivery] = by
	return by, nil
}

// mostCounted deliveries are kept.
const mostCounted = 500

// fewestMeasured values make the column of an indicator one of measurements.
const fewestMeasured = 20

// weeksOfDays is how many days a snapshot must span for its weekdays to be
// comparable.
const weeksOfDays = 28

// profileOf lays one column out for the checks.
func profileOf(f *catalog.Feed, ind *catalog.Indicator, now warehouse.Column, before *warehouse.Column, snapshot bool) quality.Profile {
	p := quality.Profile{Feed: f.ID, Column: ind.ID, Indicator: ind.ID, Rows: now.Rows, Placeholders: now.Placeholders, Categories: now.Strata,
		Under: now.Under, Over: now.Over, DecimalsBefore: -1}
	if now.Values >= fewestMeasured && now.Single {
		p.Digits = now.Digits
		p.Decimals = commonest(now.Decimals[:])
	}
	// Counts of at least three orders of magnitude.
	if !now.Single && now.Most >= 1000*max(now.Least, 1) {
		p.Leading = now.Leading
	}
	if now.Single && snapshot && now.Span >= weeksOfDays {
		p.Weekdays = now.Weekdays[:]
	}
	if before == nil {
		return p
	}
	p.Before = before.Strata
	if before.Rows > 0 {
		p.Allowed = float64(before.Placeholders) / float64(before.Rows)
	}
	if before.Values >= fewestMeasured && before.Single && now.Values >= fewestMeasured {
		p.DecimalsBefore = commonest(before.Decimals[:])
	}
	if p.Weekdays != nil && before.Single && before.Span >= weeksOfDays {
		p.WeekdaysBefore = before.Weekdays[:]
	}
	return p
}

// commonest is the place of the largest count.
func commonest(counts []int64) (at int) {
	for i, n := range counts {
		if n > counts[at] {
			at = i
		}
	}
	return at
}
