package warehouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Ahead is a table of its own with rows of a delivery that is not accepted yet.
// Nobody reads it: when the delivery is accepted its rows go over to obs, which
// moves files and no rows, and else it is dropped. What a crash leaves behind
// DropAhead drops, for the rows come again from the log. It is not safe for
// concurrent use.
type Ahead struct {
	w           *Warehouse
	table, feed string
	in          *inserts
}

// aheadPrefix begins the names of such tables.
const aheadPrefix = "obs_ahead_"

// aheads are the tables that this process uses.
type aheads struct {
	mu    sync.Mutex
	names map[string]bool
}

func (a *aheads) set(name string, used bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.names == nil {
		a.names = map[string]bool{}
	}
	if used {
		a.names[name] = true
	} else {
		delete(a.names, name)
	}
}

func (a *aheads) has(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.names[name]
}

// NewAhead makes an empty table for the rows of a delivery of a feed. They are
// inserted for as long as ctx lasts.
func (w *Warehouse) NewAhead(ctx context.Context, feed string) (*Ahead, error) {
	a := &Ahead{w: w, feed: feed, table: aheadPrefix + strings.ToLower(rand.Text())}
	w.aheads.set(a.table, true)
	if err := w.conn.Exec(ctx, "CREATE TABLE "+a.table+" AS obs"); err != nil {
		w.aheads.set(a.table, false) // DropAhead finds it, should it be there
		return nil, fmt.Errorf("table for rows that are not accepted: %w", err)
	}
	a.in = w.newInserts(ctx, a.table)
	return a, nil
}

// Add sends a block on. It keeps none of its memory.
func (a *Ahead) Add(payload []byte) error { return a.in.add(payload) }

// Part lets the store begin with what was sent, while the last blocks are still
// read, unless that is too little to be worth a part.
func (a *Ahead) Part() error {
	if a.in.rows < rowsPerInsert/4 {
		return nil
	}
	return a.in.finish(nil)
}

// End waits for what was sent. With an error the last rows are not taken.
func (a *Ahead) End(err error) error { return a.in.end(err) }

// Accept moves the rows to obs, and drops the table. Whether obs then has exactly
// the rows of the log is for LoadObservations to find out.
func (a *Ahead) Accept(ctx context.Context) error {
	err := a.w.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s MOVE PARTITION %s TO TABLE obs", a.table, text(a.feed)))
	if err != nil {
		return errors.Join(fmt.Errorf("move the rows of an accepted delivery: %w", err), a.Drop(ctx))
	}
	defer a.w.aheads.set(a.table, false)
	return a.w.dropAhead(ctx, a.table, "") // it is empty: nothing waits for its files to go
}

// Drop drops the table and its rows.
func (a *Ahead) Drop(ctx context.Context) error {
	defer a.w.aheads.set(a.table, false)
	return a.w.dropAhead(ctx, a.table, " SYNC")
}

func (w *Warehouse) dropAhead(ctx context.Context, table, sync string) error {
	if err := w.conn.Exec(ctx, "DROP TABLE IF EXISTS "+table+sync); err != nil {
		return fmt.Errorf("drop rows that are not accepted: %w", err)
	}
	return nil
}

// DropAhead drops the tables that an earlier process left behind.
func (w *Warehouse) DropAhead(ctx context.Context) error {
	rows, err := w.conn.Query(ctx, "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, "+text(aheadPrefix)+")")
	if err != nil {
		return fmt.Errorf("tables of rows that are not accepted: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var left []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return fmt.Errorf("tables of rows that are not accepted: %w", err)
		}
		if !w.aheads.has(name) {
			left = append(left, name)
		}
	}
	err = rows.Err()
	for _, name := range left {
		err = errors.Join(err, w.dropAhead(ctx, name, " SYNC"))
	}
	return err
}
