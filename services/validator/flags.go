package validator

import (
	"context"
	"math"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/notice"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/queue"
)

// readFlags are the flags of an indicator as they stood at a place of its gate
// and a revision of its cells.
type readFlags struct {
	gate, rev uint64
	flags     []gate.Flag
	// about is, at the place of each flag, how many persons or events the
	// versions that it guards are about.
	about []float64
}

// flagsOf are the flags of an indicator, in the order in which they were
// raised. Lists are read far more often than anything changes, and the cells
// that a gate must be told are many: what has been read stays until an event or
// a revision comes. The slice is shared.
func (s *Service) flagsOf(ctx context.Context, indicator string) ([]gate.Flag, error) {
	of, err := s.readFlags(ctx, indicator)
	return of.flags, err
}

func (s *Service) readFlags(ctx context.Context, indicator string) (readFlags, error) {
	at := readFlags{gate: s.state.GateSeq(indicator), rev: s.foldRev()}
	if known, ok := s.read[indicator]; ok && known.gate == at.gate && known.rev == at.rev {
		return known, nil
	}
	cells, g, err := s.foldConcerned(ctx, indicator)
	if err != nil {
		return readFlags{}, err
	}
	s.cfg.Metrics.gate(indicator, g.Counts())
	for f := range g.Flags {
		at.flags = append(at.flags, f)
		at.about = append(at.about, s.about(&f, cells))
	}
	if s.read == nil {
		s.read = map[string]readFlags{}
	}
	s.read[indicator] = at
	return at, nil
}

// about is how many persons or events the versions that the flag guards are
// about; where they hold none, as many as were expected.
func (s *Service) about(f *gate.Flag, cells *cell.Table) float64 {
	ind, ok := s.index.Indicator(f.Indicator)
	if !ok || cells == nil {
		return 0
	}
	var sum float64
	for _, g := range f.Guards {
		for _, row, end := cells.Find(g.Key(s.cfg.Catalog.Region.Code, f.Indicator)); row < end; row++ {
			if cells.Fingerprint(row) == g.Fingerprint {
				sum += max(0, quality.Volume(ind.Type, cells.Content(row)))
				break
			}
		}
	}
	if sum == 0 {
		return math.Abs(f.Expected)
	}
	return sum
}

// QueueFor is what a person is to decide first; she may read and decide all of
// it. It is empty for those who decide nothing.
func (s *Service) QueueFor(ctx context.Context, who gate.Actor, on catalog.Date) (queue.Queue, error) {
	budget, ok := queue.BudgetOf(who)
	if !ok {
		return queue.Of(nil, who.ID, queue.Budget{New: 1, Per: catalog.Day}, on), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return queue.Queue{}, err
	}
	var items []queue.Item
	for i := range s.cfg.Catalog.Indicators {
		ind := &s.cfg.Catalog.Indicators[i]
		events := s.state.GateEvents(ind.ID)
		if len(events) == 0 {
			continue
		}
		of, err := s.readFlags(ctx, ind.ID)
		if err != nil {
			return queue.Queue{}, err
		}
		opened, err := notice.Opened(events, s.zone())
		if err != nil {
			return queue.Queue{}, err
		}
		published := false
		if s.state.Publication != nil {
			_, published = s.state.Publication.Sets[ind.ID]
		}
		for at := range of.flags {
			f := &of.flags[at]
			if f.Severity != event.Block && f.Severity != event.Hold || gate.ReadsFlag(who, *f, ind.Registry) != nil || !may(who, f, ind.Registry) {
				continue
			}
			items = append(items, queue.Item{Flag: *f, OpenedOn: opened[f.Flag], Denominator: of.about[at], Published: published})
		}
	}
	q := queue.Of(items, who.ID, budget, on)
	introductions, err := queue.Introductions(&s.state, s.cfg.Catalog, s.zone(), on)
	if err != nil {
		return queue.Queue{}, err
	}
	q.Introductions = queue.For(introductions, who)
	return q, nil
}

// may reports whether the person decides about the flag.
func may(who gate.Actor, f *gate.Flag, registry string) bool {
	units := []string{f.Unit}
	for _, g := range f.Guards {
		units = append(units, g.Unit)
	}
	slices.Sort(units)
	return gate.Allowed(who, event.RejectIt, []string{registry}, slices.Compact(units)) == nil
}

// zone is the region's; UTC where the catalog names none that is known.
func (s *Service) zone() *time.Location {
	if z, err := time.LoadLocation(s.cfg.Catalog.Region.TimeZone); err == nil {
		return z
	}
	return time.UTC
}

// foldRev is the revision of the cells that a gate is told; 0: none.
func (s *Service) foldRev() uint64 {
	r := s.state.LastChecked()
	if r == nil {
		return 0
	}
	// Flags of a run that is being checked already guard its cells.
	if next := s.state.NextRun(); next != nil && s.state.NextCells(next) == nil {
		return s.state.Rev(next)
	}
	return s.state.Rev(r)
}
