package warehouse_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/warehouse"
)

// Rows of a delivery that is not accepted are nowhere to be seen; accepted they
// are those of the store, and what nobody accepts is gone.
func TestAhead(t *testing.T) {
	store, conn := newWarehouse(t, "ahead")
	ctx := t.Context()
	tables := func() int { return len(lines(t, conn, "SHOW TABLES LIKE 'obs\\_%'")) }
	ahead := func(id string, blocks int) (*world, sent, *warehouse.Ahead) {
		t.Helper()
		w, s := twoBlocks(id)
		_, payloads := w.accepted(t, s)
		a, err := store.NewAhead(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range payloads[:blocks] {
			if err := a.Add(b); err != nil {
				t.Fatal(err)
			}
		}
		return w, s, a
	}
	rows := func(id string) string {
		return strings.Join(lines(t, conn, "SELECT block, line, numerator FROM obs WHERE feed = ? ORDER BY ALL", id), "; ")
	}
	const whole = "0 2 2; 0 3 3; 0 4 4; 1 5 5; 1 6 6"

	w, s, a := ahead("taken", 2)
	if err := a.End(nil); err != nil {
		t.Fatal(err)
	}
	if n, err := store.ObservationCounts(ctx); err != nil || len(n) != 0 || rows("taken") != "" {
		t.Fatalf("rows of no accepted delivery: %v, %v", n, err)
	}
	if err := store.DropAhead(ctx); err != nil || tables() != 1 { // it is in use
		t.Fatalf("%d tables, %v", tables(), err)
	}
	if err := a.Accept(ctx); err != nil {
		t.Fatal(err)
	}
	accepted, _ := w.accepted(t, s)
	if err := store.LoadObservations(ctx, accepted, nil); err != nil || rows("taken") != whole || tables() != 0 {
		t.Errorf("rows %s, %d tables, %v", rows("taken"), tables(), err)
	}

	// A crash between the two halves of the move leaves the rows twice.
	_, _, a = ahead("taken", 2)
	if err := errors.Join(a.End(nil), a.Accept(ctx)); err != nil {
		t.Fatal(err)
	}
	_, payloads := w.accepted(t, s)
	if err := store.LoadObservations(ctx, accepted, fromMemory(payloads)); err != nil || rows("taken") != whole {
		t.Errorf("taken twice: rows %s, %v", rows("taken"), err)
	}

	w, s, a = ahead("half", 1)
	if err := errors.Join(a.End(nil), a.Accept(ctx)); err != nil {
		t.Fatal(err)
	}
	accepted, payloads = w.accepted(t, s)
	if err := store.LoadObservations(ctx, accepted, fromMemory(payloads)); err != nil || rows("half") != whole {
		t.Errorf("half was there: rows %s, %v", rows("half"), err)
	}

	_, _, a = ahead("rejected", 2)
	broken := errors.New("no fact")
	if err := a.End(broken); !errors.Is(err, broken) {
		t.Errorf("an end with an error: %v", err)
	}
	if err := a.Drop(ctx); err != nil || tables() != 0 || rows("rejected") != "" {
		t.Errorf("rejected: %d tables, %v", tables(), err)
	}

	// What another process left behind is dropped by the next.
	_, _, a = ahead("left", 2)
	if err := a.End(nil); err != nil || tables() != 1 {
		t.Fatalf("%d tables, %v", tables(), err)
	}
	if err := warehouse.NewWarehouse(conn).DropAhead(ctx); err != nil || tables() != 0 {
		t.Errorf("%d tables are left, %v", tables(), err)
	}
	if err := a.Accept(ctx); err == nil {
		t.Error("rows of a table that is gone were taken")
	}
}

// What is worth a part is in the store while the last blocks are still to come.
func TestAheadInParts(t *testing.T) {
	store, conn := newWarehouse(t, "parts")
	ctx := t.Context()
	w, s := twoBlocks("parts")
	line := uint64(1)
	for _, rows := range []int{50_000, 50_000, 50_000, 2} {
		b := make([]obs, rows)
		for i := range b {
			line++
			b[i] = s.blocks[0][0]
			b[i].line = line
		}
		s.blocks = append(s.blocks, b)
	}
	s.blocks = s.blocks[2:]
	accepted, payloads := w.accepted(t, s)
	a, err := store.NewAhead(ctx, "parts")
	if err != nil {
		t.Fatal(err)
	}
	last := len(payloads) - 1
	for _, b := range payloads[:last] {
		if err := a.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Part(); err != nil {
		t.Fatal(err)
	}
	const there = "SELECT toInt64(ifNull(sum(total_rows), 0)) FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'obs_ahead_')"
	for deadline := time.Now().Add(20 * time.Second); ; {
		var rows int64
		if err := conn.QueryRow(ctx, there).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the store waits for the last block")
		}
	}
	// Too little for a part of its own.
	if err := errors.Join(a.Part(), a.Add(payloads[last]), a.Part(), a.End(nil), a.Accept(ctx)); err != nil {
		t.Fatal(err)
	}
	if err := store.LoadObservations(ctx, accepted, nil); err != nil {
		t.Error(err)
	}
	var parts uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'obs'").Scan(&parts); err != nil || parts != 2 {
		t.Errorf("%d parts, %v", parts, err)
	}
}
