package warehouse_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
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

// limit lets a property run on fewer cases than the default, and on as many as
// shrinking takes once one has failed.
type limit struct {
	cases, most int
	failed      bool
	// Of the cases of the model, those of observed rows alone and those whose
	// keys are not packed.
	observed, unpacked int
}

// reached counts a case, and says whether there have been enough.
func (l *limit) reached(t *rapid.T) bool {
	l.cases++
	t.Cleanup(func() { l.failed = l.failed || t.Failed() })
	return l.cases > l.most && !l.failed
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
	store, conn := newWarehouse(t, "cells_model")
	if err := conn.Exec(t.Context(), "SYSTEM STOP MERGES obs"); err != nil { // of hundreds of small parts
		t.Fatal(err)
	}
	l := limit{most: 60} // and some of every kind in the tests below
	rapid.Check(t, func(t *rapid.T) {
		if l.reached(t) {
			return
		}
		w := drawWorld(t, fmt.Sprintf("f%d", l.cases))
		if oneIn(t, 3, "nothing but observed") {
			w.observedOnly()
			l.observed++
		}
		for _, s := range w.sent {
			load(t, store, w, s)
		}
		n := len(w.sent)
		scope := w.scope(w.ledger(t), n)
		if oneIn(t, 4, "too many keys to be packed") {
			scope.PackAtMost(1)
			l.unpacked++
		}
		if rapid.Bool().Draw(t, "earlier") { // and of a part of all time
			n = rapid.IntRange(1, n).Draw(t, "after")
			scope = w.scope(w.ledger(t), n)
			scope.From, scope.To = drawDate(t, "scope from"), drawDate(t, "scope to")
		}
		if oneIn(t, 3, "keys in parts") {
			scope.KeysAtOnce(2)
		}
		got, err := store.Cells(context.Background(), region, scope)
		if err != nil {
			t.Fatalf("%v\n%s", err, w)
		}
		if d := cmp.Diff(w.cells(n, scope.From, scope.To), got); d != "" {
			t.Fatalf("after %d deliveries of\n%s(-want +got):\n%s", n, w, d)
		}
	})
	if l.cases < l.most || l.observed == 0 || l.unpacked == 0 {
		t.Errorf("only %d cases, %d of observed rows alone, %d that are not packed", l.cases, l.observed, l.unpacked)
	}
}

// observedOnly takes every other row away.
func (w *world) observedOnly() {
	for i := range w.sent {
		s := &w.sent[i]
		for j := range s.blocks {
			s.blocks[j] = slices.DeleteFunc(s.blocks[j], func(r obs) bool { return r.kind != event.Observed })
		}
		s.blocks = slices.DeleteFunc(s.blocks, func(rows []obs) bool { return len(rows) == 0 })
	}
}

// Two feeds of a registry may bring one indicator, even one cell: neither's
// deliveries are to the other's cost.
func TestCellsOfSeveralFeeds(t *testing.T) {
	store, _ := newWarehouse(t, "cells_feeds")
	shared, l := 0, limit{most: 8} // each is many rows
	rapid.Check(t, func(t *rapid.T) {
		if l.reached(t) {
			return
		}
		a := drawWorld(t, fmt.Sprintf("a%d", l.cases))
		b := drawWorld(t, fmt.Sprintf("b%d", l.cases))
		b.indicators = a.indicators[:1]
		for i := range b.sent { // what it has of others is now of this
			line := uint64(0)
			for _, rows := range b.sent[i].blocks {
				for j := range rows {
					if rows[j].indicator != "*" {
						rows[j].indicator = b.indicators[0].ID
					}
					line++
					rows[j].line = line
				}
			}
		}
		for _, w := range []*world{a, b} {
			for _, s := range w.sent {
				load(t, store, w, s)
			}
		}
		for _, w := range []*world{a, b} {
			other := map[*world]*world{a: b, b: a}[w]
			scope := w.scope(w.ledger(t), len(w.sent))
			scope.Others = []warehouse.Source{other.scope(other.ledger(t), len(other.sent)).Source}
			got, err := store.Cells(context.Background(), region, scope)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(w.cells(len(w.sent), catalog.Date{}, catalog.Date{}, other), got); d != "" {
				t.Fatalf("%s\n%s(-want +got):\n%s", w, other, d)
			}
			shared += len(got)
		}
	})
	if shared == 0 {
		t.Error("no cells at all")
	}
}

// Cells are recomputed in the periods that a delivery touches, so none may
// change outside of them.
func TestTouchedHoldsEveryChange(t *testing.T) {
	store, conn := newWarehouse(t, "touched")
	if err := conn.Exec(t.Context(), "SYSTEM STOP MERGES obs"); err != nil {
		t.Fatal(err)
	}
	bounded, l := 0, limit{most: 60}
	rapid.Check(t, func(t *rapid.T) {
		if l.reached(t) {
			return
		}
		w := drawWorld(t, fmt.Sprintf("f%d", l.cases))
		ledger := w.ledger(t)
		for i, s := range w.sent {
			load(t, store, w, s)
			a, _ := w.accepted(t, s)
			scope, ok, err := store.Touched(context.Background(), w.scope(ledger, i+1), a, ledger.Dropped(ledger.Runs()[i], ledger.Delivery(s.id)))
			if err != nil {
				t.Fatal(err)
			}
			if ok && !(scope.From.IsZero() && scope.To.IsZero()) {
				bounded++
			}
			before := map[cell.Key]cell.Content{}
			for _, v := range w.cells(i, catalog.Date{}, catalog.Date{}) {
				before[v.Key] = v.Content
			}
			changed := func(k cell.Key) {
				if !ok || !catalog.DateOfDays(k.PeriodStart).Within(scope.From, scope.To) {
					t.Fatalf("%s changes with %s, which touches %v, %s..%s\n%s", k, s.id, ok, scope.From, scope.To, w)
				}
			}
			for _, v := range w.cells(i+1, catalog.Date{}, catalog.Date{}) {
				if c, ok := before[v.Key]; !ok || c != v.Content {
					changed(v.Key)
				}
				delete(before, v.Key)
			}
			for k := range before {
				changed(k)
			}
		}
	})
	if bounded < 15 {
		t.Errorf("only %d deliveries of %d cases were bounded at all", bounded, l.most)
	}
}

func TestTouchedIsNoWider(t *testing.T) {
	store, _ := newWarehouse(t, "touched_narrow")
	month := []catalog.Indicator{{ID: "month", Type: catalog.Proportion, Period: catalog.Month}}
	row := func(line uint64, key byte, day int32) obs {
		return obs{line: line, indicator: "month", version: "1", unit: "U1", event: day, has: event.HasEventDate, key: key}
	}
	rejected := func(o obs) obs { o.kind = event.Rejected; return o }
	undated := func(o obs) obs { o.event, o.has = 0, 0; return o }
	deleted := func(o obs) obs { o.kind = event.Deleted; return o }
	parked := func(o obs) obs { o.kind = event.Parked; return o }
	jan, feb, mar, dec := days(2024, 1, 5), days(2024, 2, 5), days(2024, 3, 5), days(2023, 12, 5)
	base := sent{id: "base", snapshot: true, blocks: [][]obs{{row(1, 1, jan), row(2, 2, feb), row(3, 3, mar)}}}
	window := func(from, to catalog.Date, rows ...obs) sent {
		return sent{id: "s", snapshot: true, from: from, to: to, blocks: [][]obs{rows}}
	}
	delta := func(rows ...obs) sent { return sent{id: "d", blocks: [][]obs{rows}} }
	date := func(m time.Month) catalog.Date { return catalog.NewDate(2024, m, 1) }
	for i, c := range []struct {
		name  string
		feed  []sent
		want  string
		keyed bool
	}{
		{"a new row", []sent{base, delta(row(1, 9, feb))}, "2024-02-01..2024-03-01", true},
		{"an upsert in place", []sent{base, delta(row(1, 2, feb))}, "2024-02-01..2024-03-01", true},
		{"a move", []sent{base, delta(row(1, 3, jan))}, "2024-01-01..2024-04-01", true},
		{"a delete without a date", []sent{base, delta(undated(deleted(row(1, 3, 0))))}, "2024-03-01..2024-04-01", true},
		{"nothing to delete", []sent{base, delta(undated(deleted(row(1, 9, 0))))}, "nothing", true},
		{"a parked row", []sent{base, delta(parked(row(1, 9, jan)))}, "nothing", true},
		{"a rejected row with a date", []sent{base, delta(rejected(row(1, 9, jan)))}, "2024-01-01..2024-02-01", true},
		{"a rejected row without", []sent{base, delta(undated(rejected(row(1, 9, jan))))}, "..", true},
		{"an upsert in the place of one", []sent{base, delta(undated(rejected(row(1, 9, jan)))), {id: "e", blocks: [][]obs{{row(1, 9, feb)}}}}, "..", true},
		{"a window", []sent{base, window(date(2), date(3), row(1, 0, feb))}, "2024-02-01..2024-03-01", false},
		{"a window without keys, with keys in the rows", []sent{base, window(date(2), date(3), row(1, 1, feb))}, "2024-02-01..2024-03-01", false},
		{"a window takes a row from elsewhere", []sent{base, window(date(2), date(3), row(1, 1, feb))}, "2024-01-01..2024-03-01", true},
		{"an open end", []sent{base, window(date(2), catalog.Date{}, row(1, 2, feb))}, "2024-02-01..", true},
		{"an open end, and a row from before", []sent{base, window(date(2), catalog.Date{}, row(1, 1, feb))}, "2024-01-01..", true},
		{"an open start", []sent{base, window(catalog.Date{}, date(2), row(1, 1, jan))}, "..2024-02-01", true},
		{"a row comes back", []sent{base, window(date(3), date(4), row(1, 1, mar)), {id: "e", snapshot: true, from: date(3), to: date(4),
			blocks: [][]obs{{row(1, 3, mar)}}}}, "2024-01-01..2024-04-01", true},
		{"a rejected row without a date goes", []sent{base, window(date(3), date(4), undated(rejected(row(1, 0, mar)))),
			{id: "e", snapshot: true, from: date(3), to: date(4), blocks: [][]obs{{row(1, 3, mar)}}}}, "..", false},
		{"a rejected row without a date stays", []sent{base, window(date(3), date(5), undated(rejected(row(1, 0, mar)))),
			{id: "e", snapshot: true, from: date(3), to: date(4), blocks: [][]obs{{row(1, 3, mar)}}}}, "2024-03-01..2024-04-01", false},
		{"all time", []sent{base, window(catalog.Date{}, catalog.Date{}, row(1, 1, dec))}, "..", false},
		{"read again", []sent{base, {id: "d", replaces: "base", blocks: base.blocks}}, "..", false},
	} {
		w := &world{feed: catalog.Feed{ID: fmt.Sprintf("f%d", i), Registry: registry}, indicators: month}
		if c.keyed {
			w.feed.Key = []string{"id"}
		}
		for j, s := range c.feed {
			if s.replaces != "" {
				s.replaces = w.feed.ID + s.replaces
			}
			s.id = w.feed.ID + s.id
			w.sent = append(w.sent, s)
			load(t, store, w, w.sent[j])
		}
		n := len(w.sent)
		a, _ := w.accepted(t, w.sent[n-1])
		ledger := w.ledger(t)
		scope, ok, err := store.Touched(t.Context(), w.scope(ledger, n), a, ledger.Dropped(ledger.Runs()[n-1], ledger.Delivery(a.Delivery)))
		if err != nil {
			t.Fatal(err)
		}
		got := "nothing"
		if ok {
			got = scope.From.String() + ".." + scope.To.String()
		}
		if got != c.want {
			t.Errorf("%s touches %s, want %s", c.name, got, c.want)
		}
	}
}

// A snapshot that names units, or windows by the length of periods, replaces
// these and nothing else; a row of it whose unit cannot be read may be any of
// theirs, and stands until a newer snapshot comes over its day.
func TestSnapshotsThatNameWhatTheyReplace(t *testing.T) {
	store, _ := newWarehouse(t, "named")
	lengths := []catalog.Indicator{{ID: "month", Type: catalog.Proportion, Period: catalog.Month}, {ID: "year", Type: catalog.Count, Period: catalog.Year}}
	row := func(line uint64, indicator, unit string, day int32) obs {
		return obs{line: line, indicator: indicator, version: "1", unit: unit, event: day, has: event.HasEventDate}
	}
	rejected := func(o obs) obs { o.kind = event.Rejected; return o }
	date := func(m time.Month) catalog.Date { return catalog.NewDate(2024, m, 1) }
	jan, apr, dec := days(2024, 1, 5), days(2024, 4, 5), days(2024, 12, 5)
	all := func(line uint64, u string) []obs {
		return []obs{row(line, "month", u, jan), row(line+1, "month", u, apr), row(line+2, "year", u, jan), row(line+3, "year", u, dec)}
	}
	base := sent{id: "base", snapshot: true, blocks: [][]obs{all(1, "U1"), all(5, "U2")}}
	for i, c := range []struct {
		name string
		then []sent
		want string
	}{
		{"nothing more", nil, "month U1 2024-01-01 1 0 month U1 2024-04-01 1 0 month U2 2024-01-01 1 0 month U2 2024-04-01 1 0 year U1 2024-01-01 2 0 year U2 2024-01-01 2 0"},
		{"one unit, which is empty now", []sent{{id: "s", snapshot: true, units: []string{"U1"}}},
			"month U2 2024-01-01 1 0 month U2 2024-04-01 1 0 year U2 2024-01-01 2 0"},
		{"one unit, of which a row has no readable unit", []sent{{id: "s", snapshot: true, units: []string{"U1"}, blocks: [][]obs{{rejected(row(1, "month", "*", apr))}}}},
			"month U2 2024-01-01 1 0 month U2 2024-04-01 1 1 year U2 2024-01-01 2 0"},
		{"and then a newer snapshot over that day", []sent{
			{id: "s", snapshot: true, units: []string{"U1"}, blocks: [][]obs{{rejected(row(1, "month", "*", apr))}}},
			{id: "t", snapshot: true, from: date(4), to: date(5), blocks: [][]obs{{row(1, "month", "U2", apr)}}}},
			"month U2 2024-01-01 1 0 month U2 2024-04-01 1 0 year U2 2024-01-01 2 0"},
		{"a month and the year that it is in", []sent{{id: "s", snapshot: true, from: date(1), to: catalog.NewDate(2025, 1, 1),
			windows: []event.Window{{Period: catalog.Month, From: date(1), To: date(2)}, {Period: catalog.Year, From: date(1), To: catalog.NewDate(2025, 1, 1)}},
			blocks:  [][]obs{{row(1, "month", "U1", jan), row(2, "year", "U1", jan)}}}},
			"month U1 2024-01-01 1 0 month U1 2024-04-01 1 0 month U2 2024-04-01 1 0 year U1 2024-01-01 1 0"},
		{"a month, and nothing by the year", []sent{{id: "s", snapshot: true, from: date(1), to: date(2),
			windows: []event.Window{{Period: catalog.Month, From: date(1), To: date(2)}}}},
			"month U1 2024-04-01 1 0 month U2 2024-04-01 1 0 year U1 2024-01-01 2 0 year U2 2024-01-01 2 0"},
		{"retracted", []sent{{id: "s", snapshot: true, units: []string{"U1"}}, {id: "x", replaces: "s", retracts: true}},
			"month U1 2024-01-01 1 0 month U1 2024-04-01 1 0 month U2 2024-01-01 1 0 month U2 2024-04-01 1 0 year U1 2024-01-01 2 0 year U2 2024-01-01 2 0"},
	} {
		w := &world{feed: catalog.Feed{ID: fmt.Sprintf("f%d", i), Registry: registry}, indicators: lengths}
		for _, s := range append([]sent{base}, c.then...) {
			if s.replaces != "" {
				s.replaces = w.feed.ID + s.replaces
			}
			s.id = w.feed.ID + s.id
			w.sent = append(w.sent, s)
			load(t, store, w, s)
		}
		got, err := store.Cells(t.Context(), region, w.scope(w.ledger(t), len(w.sent)))
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, v := range got {
			said = append(said, fmt.Sprint(v.Key.Indicator, " ", v.Key.Unit, " ", catalog.DateOfDays(v.Key.PeriodStart), " ", v.Content.Rows, " ", v.Content.Rejected))
		}
		if all := strings.Join(said, " "); all != c.want {
			t.Errorf("%s: cells\n%s\nwant\n%s", c.name, all, c.want)
		}
		if d := cmp.Diff(w.cells(len(w.sent), catalog.Date{}, catalog.Date{}), got); d != "" {
			t.Errorf("%s (-model +got):\n%s", c.name, d)
		}
	}
}
