package run

import (
	"cmp"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// Effective says which rows of a feed hold: the newest snapshot of every
// stretch of time, then later deltas by key.
type Effective struct {
	Feed string
	// Deliveries that can have effective rows, in effective order. Their
	// place in the slice, counted from 1, is their ordinal.
	Deliveries []Ordered
	// Segments cover all time without gaps, in order.
	Segments []Segment
}

// Ordered is one delivery at its place in the effective order.
type Ordered struct {
	ID       string
	Snapshot bool
}

// Segment is a stretch of time with one base. From and To are half-open;
// zero is open.
type Segment struct {
	From, To catalog.Date
	// Base is the ordinal of the snapshot that holds here, 0 for none.
	Base int
}

// EffectiveOf is the effective order of the feed's deliveries in the runs up
// to and including r, and in r only up to the delivery until (inclusive;
// empty: all of r).
//
// Deliveries are ordered by the feed's order key and then by acceptance; a
// delivery that was read again under a newer catalog keeps its first place.
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

func effectiveOf(feed string, taken []*Delivery) Effective {
	type placed struct {
		d     *Delivery
		place uint64
	}
	var all []placed
	at := map[string]int{}
	for _, d := range taken {
		p := placed{d, d.AcceptedSeq}
		if i, ok := at[d.Replaces]; d.Replaces != "" && ok {
			p.place = all[i].place
			all[i] = p
			at[d.Delivery] = i
		} else {
			at[d.Delivery] = len(all)
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b placed) int {
		return cmp.Or(strings.Compare(a.d.Accepted.OrderKey, b.d.Accepted.OrderKey), cmp.Compare(a.place, b.place))
	})
	segments := []segment{{}}
	for i, p := range all {
		if p.d.Accepted.Kind == "snapshot" {
			segments = cover(segments, p.d.Accepted.From, p.d.Accepted.To, i+1)
		}
	}
	// Only bases, and deltas after the oldest base, can have effective rows.
	oldest := len(all)
	used := map[int]bool{}
	for _, g := range segments {
		oldest = min(oldest, g.base)
		used[g.base] = true
	}
	e := Effective{Feed: feed}
	renumber := map[int]int{}
	for i, p := range all {
		snapshot := p.d.Accepted.Kind == "snapshot"
		if snapshot && !used[i+1] || !snapshot && i+1 < oldest {
			continue
		}
		e.Deliveries = append(e.Deliveries, Ordered{p.d.Delivery, snapshot})
		renumber[i+1] = len(e.Deliveries)
	}
	for _, g := range segments {
		e.Segments = append(e.Segments, Segment{g.from, g.to, renumber[g.base]})
	}
	return e
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
