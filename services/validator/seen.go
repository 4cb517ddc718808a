package validator

import (
	"context"
	"fmt"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// assignable refuses to give a flag to somebody who cannot decide about it.
func (s *Service) assignable(g *gate.State, f gate.Flag, to string, on catalog.Date) error {
	if to == "" {
		return nil
	}
	p, ok := s.index.Person(to)
	if !ok {
		return fmt.Errorf("%w: the catalog has no person %q", gate.ErrInvalid, to)
	}
	if err := g.Permitted(f.Flag, event.Comment, gate.NewActor(*p, s.cfg.Catalog.Units, on)); err != nil {
		// It is not who gives that may not: she gets no gate.ErrForbidden.
		return fmt.Errorf("%w: flag %s cannot be given to %s: %s", gate.ErrInvalid, f.Flag, to, err.Error())
	}
	return nil
}

// See puts on record that a person was shown a flag whole, once for each
// version of it that she was shown. It is refused with gate.ErrForbidden where
// she may not read it.
func (s *Service) See(ctx context.Context, who gate.Actor, flag, client string, on catalog.Date) error {
	f, err := s.FlagFor(ctx, who, flag)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, was := range s.state.SeenBy(flag) {
		if was.By == who.ID && was.FlagVersion == f.Version {
			return nil
		}
	}
	body := event.FlagSeen{Flag: flag, FlagVersion: f.Version, By: who.ID, On: on, Client: client}
	return s.note(ctx, event.ReadingSubject(s.cfg.Catalog.Region.Code), body)
}

// Read puts on record that person-level data are read, before they are.
func (s *Service) Read(ctx context.Context, r event.DataRead) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.note(ctx, event.ReadingSubject(s.cfg.Catalog.Region.Code), r)
}

// note appends an event that no other waits for. Two of the same content are
// two facts.
func (s *Service) note(ctx context.Context, subject string, body event.Body) error {
	now := s.cfg.Clock()
	e, err := event.New(subject, now.UTC().Format(time.RFC3339Nano), body, now)
	if err != nil {
		return err
	}
	if _, err := s.cfg.Log.AppendEvent(ctx, e, nil); err != nil {
		return err
	}
	return s.state.Sync(ctx, s.cfg.Log)
}

// Affirm puts on record that a person who answers for a unit stands by what is
// shown of it up to the last day of a quarter. What it is said of must have
// ended, and nothing about it may await a decision; what is affirmed already is
// not said again. seq is that of the LEDGER when it has the word.
func (s *Service) Affirm(ctx context.Context, who gate.Actor, a event.UnitAffirmed, on catalog.Date) (said event.UnitAffirmed, seq uint64, err error) {
	a.By, a.On = who.ID, on
	if _, ok := s.index.Unit(a.Unit); !ok {
		return a, 0, fmt.Errorf("%w: the catalog has no unit %q", gate.ErrInvalid, a.Unit)
	}
	registries := make([]string, 0, len(s.cfg.Catalog.Registries))
	for _, r := range s.cfg.Catalog.Registries {
		registries = append(registries, r.Code)
	}
	if err := gate.Allowed(who, gate.Affirm, registries, []string{a.Unit}); err != nil {
		return a, 0, err
	}
	a.Role = gate.Capacity(who, gate.Affirm, registries, []string{a.Unit})
	next := a.Through.AddDays(1)
	if a.Through.IsZero() || catalog.Quarter.PeriodStart(next) != next {
		return a, 0, fmt.Errorf("%w: %s is not the last day of a quarter", gate.ErrInvalid, a.Through)
	}
	if on.Before(next) {
		return a, 0, fmt.Errorf("%w: the quarter ends on %s; affirm it afterwards", gate.ErrInvalid, a.Through)
	}
	flags, err := s.Flags(ctx)
	if err != nil {
		return a, 0, err
	}
	for i := range flags {
		if f := &flags[i]; f.Unit == a.Unit && f.Holds() && !a.Through.Before(f.Period) {
			return a, 0, fmt.Errorf("%w: flag %s about unit %s awaits a decision; decide first, then affirm", gate.ErrInvalid, f.Flag, a.Unit)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.state.Affirmed(a.Unit); ok && !was.Through.Before(a.Through) {
		return was, 0, nil
	}
	if err := s.note(ctx, event.UnitSubject(s.cfg.Catalog.Region.Code), a); err != nil {
		return a, 0, err
	}
	return a, s.state.AffirmedSeq(), nil
}

// Affirmed is the affirmation of the unit that reaches furthest, if there is
// one.
func (s *Service) Affirmed(ctx context.Context, unit string) (event.UnitAffirmed, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return event.UnitAffirmed{}, false, err
	}
	a, ok := s.state.Affirmed(unit)
	return a, ok, nil
}

// SeenBy is who was shown the flag, each as she saw it last, if the person may
// read the flag.
func (s *Service) SeenBy(ctx context.Context, who gate.Actor, flag string) ([]event.FlagSeen, error) {
	if _, err := s.FlagFor(ctx, who, flag); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.SeenBy(flag), nil
}
