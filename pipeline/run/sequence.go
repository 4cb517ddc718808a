package run

import (
	"cmp"
	"fmt"
	"slices"

	"larstrom/pipeline/event"
)

// Gap is a run of numbers of a feed, both ends included.
type Gap struct{ From, Through int64 }

// Sequence is how far a feed has come that numbers its deliveries (check L03).
// A number that is missing keeps back every delivery with a higher one, until
// it comes or a person skips it; so does a number that came twice with
// different bytes, until a person retracts one of the two.
type Sequence struct {
	Feed string
	// Step is the distance between two numbers.
	Step int64
	// Next is the lowest number that is awaited or in dispute.
	Next int64
	// Missing are the numbers that are awaited before what is held, in order.
	Missing []Gap
	// Disputed are the deliveries whose number an earlier one has, with other
	// bytes, in the order of the numbers.
	Disputed []*Delivery
	// Held are all deliveries that are kept back, the disputed ones included,
	// in the order of their numbers.
	Held []*Delivery
}

// Sequence is that of the feed. ok is false where its newest delivery has no
// number: then nothing is kept back.
func (s *State) Sequence(feed string) (q Sequence, ok bool) {
	var numbered []*Delivery // in the order of acceptance
	var newest *Delivery
	for _, d := range s.order {
		if d.Feed != feed || d.Accepted == nil || d.Retracts != nil {
			continue
		}
		if newest == nil || newest.AcceptedSeq < d.AcceptedSeq {
			newest = d
		}
		if d.Accepted.Step > 0 {
			numbered = append(numbered, d)
		}
	}
	if newest == nil || newest.Accepted.Step == 0 {
		return q, false
	}
	slices.SortStableFunc(numbered, func(a, b *Delivery) int { return cmp.Compare(a.AcceptedSeq, b.AcceptedSeq) })
	q = Sequence{Feed: feed, Step: newest.Accepted.Step, Next: newest.Accepted.First}
	if q.Next == 0 {
		q.Next = numbered[0].Accepted.Number
	}
	came := map[int64]bool{}
	holder := map[int64]*Delivery{}
	disputed := map[int64]bool{}
	for _, d := range numbered {
		n := d.Accepted.Number
		came[n] = true
		if s.gone(d) {
			continue
		}
		switch h := holder[n]; {
		case h == nil:
			holder[n] = d
		case h.Raw == d.Raw: // handed in again on purpose
		case d.Run == "":
			disputed[n] = true
			q.Disputed = append(q.Disputed, d)
		}
	}
	q.Next = s.advance(q, q.Next, func(n int64) bool { return came[n] && !disputed[n] })
	for _, d := range numbered {
		if d.Run == "" && !withdrawn(d) && (d.Accepted.Number > q.Next || slices.Contains(q.Disputed, d)) {
			q.Held = append(q.Held, d)
		}
	}
	inOrder := func(a, b *Delivery) int {
		return cmp.Or(cmp.Compare(a.Accepted.Number, b.Accepted.Number), cmp.Compare(a.AcceptedSeq, b.AcceptedSeq))
	}
	slices.SortFunc(q.Disputed, inOrder)
	slices.SortFunc(q.Held, inOrder)
	if len(q.Held) > 0 {
		q.Missing = s.missing(q, q.Held[len(q.Held)-1].Accepted.Number, func(n int64) bool { return came[n] })
	}
	return q, true
}

// advance is the first number from n on that is neither passed nor skipped.
func (s *State) advance(q Sequence, n int64, passed func(int64) bool) int64 {
	for {
		if passed(n) {
			n += q.Step
			continue
		}
		through, ok := s.skippedAt(q.Feed, n)
		if !ok {
			return n
		}
		n += ((through-n)/q.Step + 1) * q.Step
	}
}

// missing are the numbers from q.Next up to the last that neither came nor were
// skipped.
func (s *State) missing(q Sequence, last int64, came func(int64) bool) []Gap {
	var out []Gap
	for n := s.advance(q, q.Next, came); n < last; n = s.advance(q, n+q.Step, came) {
		if i := len(out) - 1; i >= 0 && out[i].Through == n-q.Step {
			out[i].Through = n
			continue
		}
		out = append(out, Gap{n, n})
	}
	return out
}

// skippedAt is the last number that was skipped together with n.
func (s *State) skippedAt(feed string, n int64) (through int64, ok bool) {
	for _, g := range s.skipped[feed] {
		if g.From <= n && n <= g.Through {
			return g.Through, true
		}
	}
	return 0, false
}

// superseded reports whether a later reading of the delivery's bytes was
// accepted.
func (s *State) superseded(d *Delivery) bool {
	o := s.deliveries[d.Retried]
	return o != nil && o.Accepted != nil
}

// gone reports whether any reading of the delivery's bytes was retracted.
func (s *State) gone(d *Delivery) bool {
	for d.Replaces != "" {
		d = s.deliveries[d.Replaces]
	}
	for d.Retracted == nil && s.superseded(d) {
		d = s.deliveries[d.Retried]
	}
	return d.Retracted != nil
}

// held are the deliveries that gaps keep back, of all feeds.
func (s *State) held() map[*Delivery]bool {
	out := map[*Delivery]bool{}
	seen := map[string]bool{}
	for _, d := range s.order {
		if d.Accepted == nil || d.Accepted.Step == 0 || d.Run != "" || seen[d.Feed] {
			continue
		}
		seen[d.Feed] = true
		q, _ := s.Sequence(d.Feed)
		for _, h := range q.Held {
			out[h] = true
		}
	}
	return out
}

// Sequences are those of all feeds that keep something back, by feed.
func (s *State) Sequences() []Sequence {
	feeds := map[string]bool{}
	for d := range s.held() {
		feeds[d.Feed] = true
	}
	var out []Sequence
	for f := range feeds {
		q, _ := s.Sequence(f)
		out = append(out, q)
	}
	slices.SortFunc(out, func(a, b Sequence) int { return cmp.Compare(a.Feed, b.Feed) })
	return out
}

// byNumber puts the deliveries of each numbered feed, in the places that they
// have together, into the order of their numbers.
func byNumber(w []*Delivery) {
	places := map[string][]int{}
	for i, d := range w {
		if d.Accepted.Step > 0 {
			places[d.Feed] = append(places[d.Feed], i)
		}
	}
	for _, at := range places {
		ds := make([]*Delivery, len(at))
		for i, p := range at {
			ds[i] = w[p]
		}
		slices.SortStableFunc(ds, func(a, b *Delivery) int { return cmp.Compare(a.Accepted.Number, b.Accepted.Number) })
		for i, p := range at {
			w[p] = ds[i]
		}
	}
}

func (s *State) skip(e event.Event) error {
	b, err := event.Decode[event.SequenceSkipped](e)
	if err != nil {
		return err
	}
	if b.Through < b.From {
		return fmt.Errorf("numbers %d through %d of feed %s are skipped", b.From, b.Through, b.Feed)
	}
	s.skipped[b.Feed] = append(s.skipped[b.Feed], Gap{b.From, b.Through})
	s.feedSeq[b.Feed] = e.Sequence
	return nil
}

// FeedSeq is the sequence of the last event about the feed itself, 0 when there
// is none: what the next append expects.
func (s *State) FeedSeq(feed string) uint64 { return s.feedSeq[feed] }

// withdrawn reports whether the delivery was retracted before any run had it,
// so that none will. A second reading is taken nevertheless: the first stands
// behind it, and goes with it.
func withdrawn(d *Delivery) bool {
	return d.Retracted != nil && d.Run == "" && d.Replaces == ""
}

// untimely reports whether the delivery is a retraction of what no run has yet.
func (s *State) untimely(d *Delivery) bool {
	return d.Retracts != nil && s.deliveries[d.Retracts.Delivery].Run == ""
}

// Due reports whether cells of the delivery are still to be computed, now or
// when what it waits for has come.
func (s *State) Due(d *Delivery) bool {
	if d.Retracts != nil {
		return d.Cells == nil && !withdrawn(s.deliveries[d.Retracts.Delivery])
	}
	return d.Accepted != nil && d.Cells == nil && !withdrawn(d)
}

// retract folds the withdrawal of a delivery, and makes of it a delivery
// without rows in the place of the withdrawn one. Only the first counts.
func (s *State) retract(e event.Event) error {
	b, err := event.Decode[event.DeliveryRetracted](e)
	if err != nil {
		return err
	}
	d := s.deliveries[b.Delivery]
	switch {
	case d == nil || d.Accepted == nil:
		return fmt.Errorf("delivery %s is retracted, which was not accepted", b.Delivery)
	case d.Retracts != nil:
		return fmt.Errorf("delivery %s is retracted, which is itself a retraction", b.Delivery)
	case d.Retracted != nil:
		return nil
	case s.deliveries[b.Retraction] != nil:
		return fmt.Errorf("the retraction of %s has the id of delivery %s", b.Delivery, b.Retraction)
	}
	d.Retracted = &b
	was := d.Accepted
	x := &Delivery{
		DeliveryReceived: event.DeliveryReceived{Delivery: b.Retraction, Raw: d.Raw, Name: d.Name, Feed: d.Feed, Registry: d.Registry,
			AsOf: b.On, Reason: event.CauseRetracted, Replaces: b.Delivery, Catalog: was.Catalog},
		ReceivedSeq: e.Sequence, ReceivedAt: e.Time, AcceptedSeq: e.Sequence, Retracts: &b,
		Accepted: &event.DeliveryAccepted{Delivery: b.Retraction, Raw: d.Raw, Name: d.Name, Feed: d.Feed, Registry: d.Registry, AsOf: b.On,
			Kind: event.KindRetraction, Catalog: was.Catalog, Replaces: b.Delivery,
			Blocks: event.Range{Subject: event.ObsSubject(s.Region, d.Registry, b.Retraction)}},
	}
	s.deliveries[b.Retraction] = x
	s.order = append(s.order, x)
	return nil
}

// Standing follows the readings of a delivery's bytes to the last that was
// accepted: what is to be retracted when a person names the first.
func (s *State) Standing(d *Delivery) *Delivery {
	for s.superseded(d) {
		d = s.deliveries[d.Retried]
	}
	return d
}
