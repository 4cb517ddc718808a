package run

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Effective says which rows of a feed hold: the newest snapshot of every
// stretch of time, then later deltas by key.
type Effective struct {
	Feed string
	// Deliveries that can have effective rows, in effective order. Their
	// place in the slice, counted from 1, is their ordinal.
	Deliveries []Ordered
	// Segments cover all time without gaps, in order, for every row that is in
	// none of Parts.
	Segments []Segment
	// Parts are the units and lengths of periods that a snapshot named, and
	// which may so have another base than the rest. They are ordered by period
	// and unit.
	Parts []Part
}

// Ordered is one delivery at its place in the effective order.
type Ordered struct {
	ID       string
	Snapshot bool
	// Apart is a snapshot that names what it replaces by unit or by length of
	// period, so that of a row without a readable unit or indicator its window
	// does not tell whether a newer one has replaced it.
	Apart bool
	// KeysOnce: none of its rows has the key of another.
	KeysOnce bool
}

// Segment is a stretch of time with one base. From and To are half-open;
// zero is open.
type Segment struct {
	From, To catalog.Date
	// Base is the ordinal of the snapshot that holds here, 0 for none.
	Base int
}

// Part is what holds of the rows of one unit and of indicators with one length
// of period. An empty Period or Unit stands for those that no part names.
type Part struct {
	Period   catalog.Granularity
	Unit     string
	Segments []Segment
}

// Of are the segments for rows of a unit and of indicators with periods of a
// length.
func (e Effective) Of(period catalog.Granularity, unit string) []Segment {
	named := func(f func(Part) bool) bool { return slices.ContainsFunc(e.Parts, f) }
	if !named(func(p Part) bool { return p.Period == period }) {
		period = ""
	}
	if !named(func(p Part) bool { return p.Unit == unit }) {
		unit = ""
	}
	for _, p := range e.Parts {
		if p.Period == period && p.Unit == unit {
			return p.Segments
		}
	}
	return e.Segments
}

// EffectiveOf is the effective order of the feed's deliveries in the runs up
// to and including r, and in r only up to the delivery until (inclusive;
// empty: all of r).
//
// Deliveries are ordered by the feed's order key and then by acceptance; a
// delivery that was read again under a newer catalog keeps its first place, and
// one that was retracted leaves it empty. Keys that are whole numbers are
// ordered as numbers and before all others, which are ordered as text.
func (s *State) EffectiveOf(feed string, r *Run, until string) Effective {
	return effectiveOf(feed, s.through(feed, r, until))
}

// through are the deliveries of the feed in the runs up to and including r, in
// r only up to the delivery until, which may be of another feed.
func (s *State) through(feed string, r *Run, until string) []*Delivery {
	var out []*Delivery
	for _, o := range s.runs {
		for _, id := range o.Deliveries {
			if d := s.deliveries[id]; d.Feed == feed {
				out = append(out, d)
			}
			if id == until {
				return out
			}
		}
		if o == r {
			break
		}
	}
	return out
}

// standing are the deliveries that were not read again or retracted by one of
// the later ones, in effective order.
func standing(taken []*Delivery) []*Delivery {
	type placed struct {
		d     *Delivery
		place uint64
	}
	var all []placed
	at := map[string]int{}
	for _, d := range taken {
		p := placed{d, d.AcceptedSeq}
		if i, ok := at[d.Replaces]; d.Replaces != "" && ok {
			at[d.Delivery] = i
			if all[i].d.Retracts == nil { // what is withdrawn stays so, however it was read
				all[i].d = d
			}
			continue
		}
		at[d.Delivery] = len(all)
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(compareKeys(a.d.Accepted.OrderKey, b.d.Accepted.OrderKey), cmp.Compare(a.place, b.place))
	})
	var out []*Delivery
	for _, p := range all {
		if p.d.Retracts == nil {
			out = append(out, p.d)
		}
	}
	return out
}

// compareKeys orders order keys: none, whole numbers, other texts.
func compareKeys(a, b string) int {
	class := func(k string) int {
		switch {
		case k == "":
			return 0
		case strings.Trim(k, "0123456789") == "":
			return 1
		default:
			return 2
		}
	}
	if c := cmp.Compare(class(a), class(b)); c != 0 || class(a) != 1 {
		return cmp.Or(c, strings.Compare(a, b))
	}
	x, y := strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y))
}

func effectiveOf(feed string, taken []*Delivery) Effective {
	all := standing(taken)
	parts := partsOf(all)
	// Only bases, and deltas after the oldest base, can have effective rows.
	oldest := len(all)
	used := map[int]bool{}
	for _, p := range parts {
		for _, g := range p.segments {
			oldest = min(oldest, g.base)
			used[g.base] = true
		}
	}
	e := Effective{Feed: feed}
	renumber := map[int]int{}
	for i, d := range all {
		snapshot := d.Accepted.Kind == "snapshot"
		if snapshot && !used[i+1] || !snapshot && i+1 < oldest {
			continue
		}
		e.Deliveries = append(e.Deliveries, Ordered{d.Delivery, snapshot, snapshot && apart(d), d.Accepted.KeyOrder == event.KeysAscend})
		renumber[i+1] = len(e.Deliveries)
	}
	for _, p := range parts {
		var segments []Segment
		for _, g := range p.segments {
			segments = append(segments, Segment{g.from, g.to, renumber[g.base]})
		}
		if p.period == "" && p.unit == "" {
			e.Segments = segments
			continue
		}
		e.Parts = append(e.Parts, Part{p.period, p.unit, segments})
	}
	return e
}

// apart reports whether the snapshot names units or lengths of periods.
func apart(d *Delivery) bool { return len(d.Accepted.Units) > 0 || len(d.Accepted.Windows) > 0 }

type part struct {
	period   catalog.Granularity
	unit     string
	segments []segment
}

// partsOf lays the snapshots over each other, the newest last: once for every
// unit and length of period that any of them names, and once for the rest.
func partsOf(all []*Delivery) []part {
	general := []int{} // snapshots that replace every unit
	named := map[string][]int{"": nil}
	periods := map[catalog.Granularity]bool{"": true}
	for i, d := range all {
		a := d.Accepted
		if a.Kind != "snapshot" {
			continue
		}
		for _, w := range a.Windows {
			periods[w.Period] = true
		}
		if len(a.Units) == 0 {
			general = append(general, i)
		}
		for _, u := range a.Units {
			named[u] = append(named[u], i)
		}
	}
	var out []part
	for _, period := range slices.Sorted(maps.Keys(periods)) {
		for _, unit := range slices.Sorted(maps.Keys(named)) {
			snapshots := slices.Concat(general, named[unit])
			slices.Sort(snapshots)
			p := part{period, unit, []segment{{}}}
			for _, i := range snapshots {
				if from, to, ok := window(all[i].Accepted, period); ok {
					p.segments = cover(p.segments, from, to, i+1)
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// window is what the snapshot replaces of the periods of a length; ok is false
// where it replaces none.
func window(a *event.DeliveryAccepted, period catalog.Granularity) (from, to catalog.Date, ok bool) {
	if len(a.Windows) == 0 {
		return a.From, a.To, true
	}
	for _, w := range a.Windows {
		if w.Period == period {
			return w.From, w.To, true
		}
	}
	return from, to, false
}

// Dropped are the deliveries of the feed of d that had an effect before d, in
// run r, and have none with it.
func (s *State) Dropped(r *Run, d *Delivery) []string {
	var out []string
	with := s.through(d.Feed, r, d.Delivery)
	now := effectiveOf(d.Feed, with)
	for _, o := range effectiveOf(d.Feed, with[:len(with)-1]).Deliveries {
		if !slices.Contains(now.Deliveries, o) {
			out = append(out, o.ID)
		}
	}
	return out
}

type segment struct {
	from, to catalog.Date
	base     int
}

// cover lays a snapshot over from..to and joins neighbours with one base.
func cover(in []segment, from, to catalog.Date, base int) []segment {
	var out []segment
	add := func(g segment) {
		if n := len(out); n > 0 && out[n-1].base == g.base {
			out[n-1].to = g.to
			return
		}
		out = append(out, g)
	}
	for _, g := range in {
		lo, hi := later(g.from, from), sooner(g.to, to)
		if !hi.IsZero() && !lo.Before(hi) && !lo.IsZero() { // no overlap
			add(g)
			continue
		}
		if lo != g.from {
			add(segment{g.from, lo, g.base})
		}
		add(segment{lo, hi, base})
		if hi != g.to {
			add(segment{hi, g.to, g.base})
		}
	}
	return out
}

// later is the later of two starts, where zero is the beginning of time.
func later(a, b catalog.Date) catalog.Date {
	if a.Before(b) {
		return b
	}
	return a
}

// sooner is the sooner of two ends, where zero is the end of time.
func sooner(a, b catalog.Date) catalog.Date {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
