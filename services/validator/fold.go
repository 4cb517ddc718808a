package validator

import (
	"context"
	"fmt"
	"slices"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
)

// table is all versions of the indicator's cells up to revision rev.
func (s *Service) table(ctx context.Context, indicator string, rev uint64) (*cell.Table, error) {
	return s.cfg.Warehouse.Table(ctx, s.cfg.Catalog.Region.Code, indicator, rev)
}

// fold is the gate of an indicator as the LEDGER has it, with the cells that it
// was told.
func (s *Service) fold(ctx context.Context, indicator string) (*cell.Table, *gate.State, error) {
	if s.state.LastChecked() == nil {
		none, err := cell.TableOf(s.cfg.Catalog.Region.Code, indicator, nil)
		return none, gate.New(s.cfg.Catalog.Region.Code, indicator), err
	}
	cells, err := s.table(ctx, indicator, s.foldRev())
	if err != nil {
		return nil, nil, err
	}
	g, err := s.gate(indicator, cells)
	return cells, g, err
}

// foldConcerned is fold for those who ask after flags: it reads the cells that
// the gate's events name, and no other.
func (s *Service) foldConcerned(ctx context.Context, indicator string) (*cell.Table, *gate.State, error) {
	if s.state.LastChecked() == nil {
		return s.fold(ctx, indicator)
	}
	region := s.cfg.Catalog.Region.Code
	keys, err := gate.Concerned(region, indicator, s.state.GateEvents(indicator))
	if err != nil {
		return nil, nil, err
	}
	cells, err := s.cfg.Warehouse.TableOfCells(ctx, region, indicator, s.foldRev(), keys)
	if err != nil {
		return nil, nil, err
	}
	g, err := s.gate(indicator, cells)
	return cells, g, err
}

// gate folds the indicator's gate as the LEDGER has it. What it costs is in the
// number of its events, not of its cells.
func (s *Service) gate(indicator string, cells *cell.Table) (*gate.State, error) {
	return gate.FoldTable(cells, s.state.GateEvents(indicator))
}

// gateBefore folds the gate as it was before the run's own events.
func (s *Service) gateBefore(indicator string, cells *cell.Table, run string) (*gate.State, error) {
	events := s.state.GateEvents(indicator)
	if at := slices.IndexFunc(events, func(e event.Event) bool { return e.Cause == run }); at >= 0 {
		events = events[:at]
	}
	return gate.FoldTable(cells, events)
}

// gateBatch bounds the events of one append. A crash between two leaves flags
// without a release, and the checks find them again.
const gateBatch = eventlog.MaxBatch

// appendGate writes gate events behind the ones that g has seen, and gives the
// gate after them. Up to gateBatch events are one atomic batch.
func (s *Service) appendGate(ctx context.Context, indicator, cause string, cells *cell.Table, g *gate.State, bodies []event.Body) (*gate.State, error) {
	if len(bodies) == 0 {
		return g, nil
	}
	subject := event.GateSubject(s.cfg.Catalog.Region.Code, indicator)
	var events []event.Event
	for _, b := range bodies {
		e, err := event.New(subject, cause, b, s.cfg.Clock())
		if err != nil {
			return nil, err
		}
		// The gate judges before the LEDGER hears of it.
		if err := g.Apply(e); err != nil {
			return nil, fmt.Errorf("the gate refuses its own event: %w", err)
		}
		events = append(events, e)
	}
	for batch := range slices.Chunk(events, gateBatch) {
		expected := s.state.GateSeq(indicator)
		if _, _, err := s.cfg.Log.AppendEvents(ctx, batch, &expected); err != nil {
			return nil, err
		}
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return nil, err
		}
	}
	return s.gate(indicator, cells)
}
