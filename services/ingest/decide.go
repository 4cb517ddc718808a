package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/run"
)

// ErrUnknown says that the LEDGER has no such delivery, or no such feed.
var ErrUnknown = errors.New("not in the ledger")

// Retract withdraws an accepted delivery for somebody who may, and opens the
// run that shows what follows. Where its bytes were read more than once it is
// the last reading that is withdrawn. Doing it again changes nothing and gives
// what was said first.
func (s *Service) Retract(ctx context.Context, who catalog.Person, delivery, note string) (event.DeliveryRetracted, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return event.DeliveryRetracted{}, err
	}
	d := s.state.Delivery(delivery)
	if d == nil {
		return event.DeliveryRetracted{}, fmt.Errorf("%w: delivery %q; its receipt and `larstrom sql 'SELECT delivery, file FROM delivery'` have the id", ErrUnknown, delivery)
	}
	d = s.state.Standing(d)
	switch {
	case d.Retracts != nil:
		return event.DeliveryRetracted{}, fmt.Errorf("%w: delivery %s is itself the retraction of %s; to take those bytes back, hand them in with submit --again",
			gate.ErrInvalid, d.Delivery, d.Retracts.Delivery)
	case d.Accepted == nil:
		return event.DeliveryRetracted{}, fmt.Errorf("%w: delivery %s was not accepted, so there is nothing to retract", gate.ErrInvalid, d.Delivery)
	}
	if err := allowed(who, d.Registry, "retract a delivery", "source_operator", gate.RegionSteward, gate.NationalSteward); err != nil {
		return event.DeliveryRetracted{}, err
	}
	if strings.TrimSpace(note) == "" {
		return event.DeliveryRetracted{}, fmt.Errorf("%w: a retraction needs a note that says why, without personal data", gate.ErrInvalid)
	}
	if d.Retracted == nil {
		body := event.DeliveryRetracted{Delivery: d.Delivery, Retraction: deliveryID(d.Raw, d.Feed, "retraction of "+d.Delivery), By: who.ID,
			On: catalog.DateOf(s.cfg.Clock()), Note: note}
		e, err := event.New(s.subject(d.DeliveryReceived), "retract "+d.Delivery, body, s.cfg.Clock())
		if err != nil {
			return body, err
		}
		if _, err := s.cfg.Log.AppendEvent(ctx, e, nil); err != nil {
			return body, err
		}
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return body, err
		}
		s.cfg.Logger.Info("delivery retracted", "delivery", d.Delivery, "feed", d.Feed, "by", who.ID)
	}
	return *d.Retracted, s.openRuns(ctx)
}

// SkipNumbers says for somebody who may that deliveries of a numbered feed are awaited
// no more, and opens the runs of what they kept back. From and through are both
// included; zeros are the first gap.
func (s *Service) SkipNumbers(ctx context.Context, who catalog.Person, feed string, from, through int64, note string) (event.SequenceSkipped, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.index.Feed(feed)
	if !ok {
		return event.SequenceSkipped{}, fmt.Errorf("%w: feed %q", ErrUnknown, feed)
	}
	if err := allowed(who, f.Registry, "skip a delivery", gate.RegionSteward, gate.NationalSteward); err != nil {
		return event.SequenceSkipped{}, err
	}
	if strings.TrimSpace(note) == "" {
		return event.SequenceSkipped{}, fmt.Errorf("%w: a skip needs a note that says why, without personal data", gate.ErrInvalid)
	}
	for {
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return event.SequenceSkipped{}, err
		}
		q, _ := s.state.Sequence(feed)
		if len(q.Missing) == 0 {
			return event.SequenceSkipped{}, fmt.Errorf("%w: nothing is missing before a delivery of feed %s", gate.ErrInvalid, feed)
		}
		body := event.SequenceSkipped{Feed: feed, From: from, Through: through, By: who.ID, On: catalog.DateOf(s.cfg.Clock()), Note: note}
		if from == 0 && through == 0 {
			body.From, body.Through = q.Missing[0].From, q.Missing[0].Through
		}
		if !slices.ContainsFunc(q.Missing, func(g run.Gap) bool {
			return g.From <= body.From && body.From <= body.Through && body.Through <= g.Through
		}) {
			return body, fmt.Errorf("%w: the numbers %d to %d are not missing; missing are %s", gate.ErrInvalid, body.From, body.Through, gaps(q.Missing))
		}
		expected := s.state.FeedSeq(feed)
		e, err := event.New(event.FeedSubject(s.cfg.Catalog.Region.Code, f.Registry, feed), fmt.Sprintf("skip after %d", expected), body, s.cfg.Clock())
		if err != nil {
			return body, err
		}
		_, err = s.cfg.Log.AppendEvent(ctx, e, &expected)
		var conflict *eventlog.WrongLastSequenceError
		if errors.As(err, &conflict) {
			continue // somebody skipped meanwhile
		}
		if err != nil {
			return body, err
		}
		s.cfg.Logger.Info("sequence skipped", "feed", feed, "from", body.From, "through", body.Through, "by", who.ID)
		return body, s.openRuns(ctx)
	}
}

// allowed reports by a nil error whether the person has, for the whole of the
// registry, one of the roles. Who administers users decides nothing.
func allowed(who catalog.Person, registry, what string, roles ...string) error {
	has := func(f func(catalog.Role) bool) bool { return slices.ContainsFunc(who.Roles, f) }
	switch {
	case has(func(r catalog.Role) bool { return r.Role == gate.Administrator }):
		return fmt.Errorf("%w: %s is an administrator, and administrators decide nothing; ask a steward", gate.ErrForbidden, who.ID)
	case has(func(r catalog.Role) bool {
		return slices.Contains(roles, r.Role) && len(r.Units) == 0 && (len(r.Registries) == 0 || slices.Contains(r.Registries, registry))
	}):
		return nil
	}
	return fmt.Errorf("%w: to %s needs the role %s for all of registry %s, which %s has not", gate.ErrForbidden, what, strings.Join(roles, " or "), registry, who.ID)
}

// gaps are missing numbers in words.
func gaps(missing []run.Gap) string {
	var out []string
	for _, g := range missing {
		if g.From == g.Through {
			out = append(out, fmt.Sprint(g.From))
		} else {
			out = append(out, fmt.Sprintf("%d to %d", g.From, g.Through))
		}
	}
	return strings.Join(out, ", ")
}

// sayHeld tells on the receipts of accepted deliveries that others are awaited
// before them.
func (s *Service) sayHeld(receipts []intake.Receipt) {
	for _, q := range s.state.Sequences() {
		for i := range receipts {
			r := &receipts[i]
			if !slices.ContainsFunc(q.Held, func(d *run.Delivery) bool { return d.Delivery == r.Delivery }) {
				continue
			}
			if len(q.Missing) > 0 {
				r.Note = fmt.Sprintf("kept until delivery %s of the feed has come, or a steward skips it: larstrom sequence skip %s", gaps(q.Missing), q.Feed)
			} else {
				r.Note = fmt.Sprintf("kept because delivery %d of the feed came twice with different content: retract one of the two", q.Next)
			}
		}
	}
}
