package warehouse_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larstrom/pipeline/warehouse"
)

// fromMemory gives blocks in their order.
func fromMemory(payloads [][]byte) warehouse.Blocks {
	return func(_ context.Context, f func([]byte) error) error {
		for _, p := range payloads {
			if err := f(p); err != nil {
				return err
			}
		}
		return nil
	}
}

func load(t fataler, store *warehouse.Warehouse, w *world, s sent) {
	t.Helper()
	a, payloads := w.accepted(t, s)
	if err := store.LoadObservations(context.Background(), a, fromMemory(payloads)); err != nil {
		t.Fatal(err)
	}
}

// What the engine makes of the rows is what a person would, row by row.
func TestCellsAgainstTheModel(t *testing.T) {
	store, _ := newWarehouse(t, "cells_model")
	cases := 0
	rapid.Check(t, func(t *rapid.T) {
		cases++
		w := drawWorld(t, fmt.Sprintf("f%d", cases))
		for _, s := range w.sent {
			load(t, store, w, s)
		}
		n := len(w.sent)
		scope := w.scope(w.ledger(t), n)
		if rapid.Bool().Draw(t, "earlier") { // and of a part of all time
			n = rapid.IntRange(1, n).Draw(t, "after")
			scope = w.scope(w.ledger(t), n)
			scope.From, scope.To = drawDate(t, "scope from"), drawDate(t, "scope to")
		}
		got, err := store.Cells(context.Background(), region, scope)
		if err != nil {
			t.Fatalf("%v\n%s", err, w)
		}
		if d := cmp.Diff(w.cells(n, scope.From, scope.To), got); d != "" {
			t.Fatalf("after %d deliveries of\n%s(-want +got):\n%s", n, w, d)
		}
	})
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}
