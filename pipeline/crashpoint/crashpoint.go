package crashpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Point is one moment.
type Point string

// The points, in the order in which the data pass them, each with what the
// next start has to do.
const (
	// RawStored: the raw file is there, the LEDGER does not know it. The drop
	// folder or the sender still has the file: it is taken again.
	RawStored Point = "raw_stored"
	// Received: the LEDGER knows the file. Ingest reads it from the raw store.
	Received Point = "received"
	// BlockPublished: some blocks are in OBS, none is a fact. Ingest goes on
	// behind the last one.
	BlockPublished Point = "block_published"
	// Accepted: the rows are facts, no run has them. Ingest opens the run.
	Accepted Point = "accepted"
	// RunOpened: the aggregator begins the run.
	RunOpened Point = "run_opened"
	// LoadedAhead: rows of a delivery are in a table that nobody reads; mostly it is
	// not accepted yet. The aggregator drops the table: the rows come from the log.
	LoadedAhead Point = "loaded_ahead"
	// Loaded: the rows are in the warehouse. The aggregator finds them there.
	Loaded Point = "loaded"
	// CellsAppended: the changed cells are in CELLS, the LEDGER does not say
	// so. The aggregator computes them again and finds them there.
	CellsAppended Point = "cells_appended"
	// Flagged: flags are raised, nothing is released. The validator finds them.
	Flagged Point = "flagged"
	// Released: an indicator is released, others are not.
	Released Point = "released"
	// Checked: all is released, nothing published.
	Checked Point = "checked"
	// SetWritten: some result sets are in the released store, unnamed.
	SetWritten Point = "set_written"
	// Published: the LEDGER has the publication, the store's pointer does not.
	Published Point = "published"
	// PointerMoved: the views show it. Editions for wider audiences may be due.
	PointerMoved Point = "pointer_moved"
	// EditionWritten: some sets of an edition are in the audience's store, unnamed,
	// and some of its histories in the warehouse. The aggregator makes it again.
	EditionWritten Point = "edition_written"
	// EditionPublished: the LEDGER has the edition, the audience's pointer does not.
	EditionPublished Point = "edition_published"
	// EditionShown: the audience's views show it. Nothing is left to do.
	EditionShown Point = "edition_shown"
)

// All are the points in order.
func All() []Point {
	return []Point{RawStored, Received, BlockPublished, Accepted, RunOpened, LoadedAhead, Loaded, CellsAppended,
		Flagged, Released, Checked, SetWritten, Published, PointerMoved,
		EditionWritten, EditionPublished, EditionShown}
}

// Hook is called at every point. The nil Hook does nothing.
type Hook func(Point)

// Hit passes point p.
func (h Hook) Hit(p Point) {
	if h != nil {
		h(p)
	}
}

// Parse reads "point" or "point:n" and gives the hook that kills this process
// at the n-th passing, as SIGKILL does: no deferred call runs, no buffer is
// written. Before it dies it creates the file reached, so that the campaign
// can tell that the fault happened.
func Parse(s, reached string) (Hook, error) {
	name, count, counted := strings.Cut(s, ":")
	nth := int64(1)
	if counted {
		n, err := strconv.ParseInt(count, 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("crash point %q: after the colon comes the number of the passing, from 1", s)
		}
		nth = n
	}
	if !slices.Contains(All(), Point(name)) {
		return nil, fmt.Errorf("crash point %q is none of %v", name, All())
	}
	var passed atomic.Int64
	return func(p Point) {
		if p != Point(name) || passed.Add(1) != nth {
			return
		}
		if err := os.WriteFile(reached, []byte(s), 0o600); err != nil {
			panic(err)
		}
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}, nil
}
