package app

import (
	"context"
	"fmt"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
)

// DeadLetters is how many messages wait in the DLQ for a person.
func (a *App) DeadLetters(ctx context.Context) (uint64, error) {
	infos, err := a.log.Info(ctx)
	if err != nil {
		return 0, err
	}
	for _, i := range infos {
		if i.Stream == eventlog.DLQ {
			return i.Messages, nil
		}
	}
	return 0, nil
}

// Shown names the publication that the released store shows.
type Shown struct {
	Publication uint64
	At          time.Time
}

// Shown is the zero value before the first publication.
func (a *App) Shown(ctx context.Context) (s Shown, err error) {
	rows, err := a.conns[1].Query(ctx, "SELECT publication, published_at FROM run ORDER BY publication DESC LIMIT 1")
	if err != nil {
		return s, fmt.Errorf("read which publication is shown: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&s.Publication, &s.At); err != nil {
			return s, fmt.Errorf("read which publication is shown: %w", err)
		}
	}
	return s, rows.Err()
}

// HeldCells is how many cells the last publication shows as held: what a
// reader of the charts sees of the gate.
func (a *App) HeldCells(ctx context.Context) (uint64, error) {
	var n uint64
	if err := a.conns[1].QueryRow(ctx, "SELECT count() FROM cell WHERE startsWith(state, 'held_')").Scan(&n); err != nil {
		return 0, fmt.Errorf("count the held cells: %w", err)
	}
	return n, nil
}

// EngineState is an embedded engine as its supervisor sees it.
type EngineState struct {
	Store    string
	Running  bool
	Restarts int
}

// EngineStates are those of the embedded engines; a store on a server has none.
func (a *App) EngineStates() []EngineState {
	var out []EngineState
	for i, e := range a.engines {
		if e != nil {
			out = append(out, EngineState{Store: a.stores[i], Running: e.Pid() != 0, Restarts: e.Restarts()})
		}
	}
	return out
}

// Sync folds into s what is new in the LEDGER: for callers that look often.
func (a *App) Sync(ctx context.Context, s *run.State) error { return s.Sync(ctx, a.log) }

// OpenFlags counts the open flags of the last publication by severity. It
// reads no cell, as Flags does, so that it may be asked often.
func (a *App) OpenFlags(ctx context.Context) (map[event.Severity]int, error) {
	rows, err := a.conns[1].Query(ctx, "SELECT severity, count() FROM flag WHERE state = ? GROUP BY severity", gate.Open.String())
	if err != nil {
		return nil, fmt.Errorf("count the open flags: %w", err)
	}
	defer func() { _ = rows.Close() }()
	open := map[event.Severity]int{}
	for rows.Next() {
		var severity string
		var n uint64
		if err := rows.Scan(&severity, &n); err != nil {
			return nil, fmt.Errorf("count the open flags: %w", err)
		}
		open[event.Severity(severity)] = int(n)
	}
	return open, rows.Err()
}
