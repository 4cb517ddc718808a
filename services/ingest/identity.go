package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
)

// ErrKeys says that the keys are not those with which earlier deliveries were
// read: their pseudonyms and keys would fit none of the earlier ones.
var ErrKeys = errors.New("these are other keys than those of the earlier deliveries")

// checkKeys refuses to read anything with other keys than before.
func (s *Service) checkKeys() error {
	if s.cfg.Keys == nil {
		return cmp.Or(s.cfg.NoKeys, errors.New("no keys: name the key file of the region with --key-file"))
	}
	for _, d := range s.state.Deliveries() {
		feed, ok := s.index.Feed(d.Feed)
		if d.Rejected == nil && d.Keys != "" && d.Keys != s.cfg.Keys.ID() && (!ok || intake.Pseudonymised(feed)) {
			return fmt.Errorf("%w: delivery %s was read with the keys %s, the key file has %s; give back the key file of that time, or begin a new data folder and hand everything in again",
				ErrKeys, d.Delivery, d.Keys, s.cfg.Keys.ID())
		}
	}
	return nil
}

// found tells the LEDGER of identity numbers before the delivery is decided, so
// that no crash comes between the rejection and the security event.
func (s *Service) found(ctx context.Context, r event.DeliveryReceived, outcome string, columns []event.IdentityColumn) error {
	body := event.IdentityFound{Delivery: r.Delivery, Raw: r.Raw, Feed: r.Feed, Registry: r.Registry,
		Outcome: outcome, Columns: columns, Catalog: s.cfg.Catalog.Hash}
	e, err := event.New(event.SecuritySubject(s.cfg.Catalog.Region.Code), r.Delivery, body, s.cfg.Clock())
	if err != nil {
		return err
	}
	if !s.state.Has(e.ID) { // else a crash came after it
		if _, err := s.cfg.Log.AppendEvent(ctx, e, nil); err != nil {
			return err
		}
	}
	hits := int64(0)
	for _, c := range columns {
		hits += c.Hits
	}
	s.cfg.Metrics.identity(r.Feed)
	s.cfg.Logger.Warn("identity numbers where none is declared", "delivery", r.Delivery, "feed", r.Feed, "outcome", outcome, "columns", len(columns), "fields", hits)
	return nil
}

// RefusedName tells the LEDGER of an identity number in the name of a file, by
// the outline of it: once a day and outline, since a drop folder shows a name
// again and again. The feed is known of an upload alone.
func (s *Service) RefusedName(ctx context.Context, feed, shown string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return err
	}
	return s.refusedName(ctx, feed, shown)
}

func (s *Service) refusedName(ctx context.Context, feed, shown string) error {
	body := event.IdentityFound{Feed: feed, Name: shown, Outcome: event.OutcomeName, Catalog: s.cfg.Catalog.Hash}
	e, err := event.New(event.SecuritySubject(s.cfg.Catalog.Region.Code), "name on "+catalog.DateOf(s.cfg.Clock()).String(), body, s.cfg.Clock())
	if err != nil || s.state.Has(e.ID) {
		return err
	}
	if _, err := s.cfg.Log.AppendEvent(ctx, e, nil); err != nil {
		return err
	}
	s.cfg.Metrics.identity(feed)
	s.cfg.Logger.Warn("identity number in the name of a file", "file", shown, "feed", feed)
	return nil
}

// foundIn tells of a rejected file in which there were identity numbers.
func (s *Service) foundIn(ctx context.Context, r event.DeliveryReceived, bad *intake.FileError) error {
	for _, p := range bad.Problems {
		if p.Rule == intake.RuleIdentity {
			return s.found(ctx, r, event.OutcomeFile, bad.Identity)
		}
	}
	if len(bad.Identity) == 0 {
		return nil
	}
	return s.found(ctx, r, event.OutcomeFile, bad.Identity)
}
