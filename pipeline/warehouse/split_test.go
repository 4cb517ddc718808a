package warehouse_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// splits is how many histories the engine is asked about; in memory, in package
// run, there are many more.
func splits() int {
	if n, err := strconv.Atoi(os.Getenv("LARSTROM_SPLITS")); err == nil {
		return n
	}
	return 6
}

// Any split of a table of facts into deliveries, in any order that the feed's
// order keys allow and with any repetition, has in the engine the cells of the
// table delivered once. Two feeds of one registry are compared: the cells of
// both have the same keys.
func TestAnySplitHasTheCellsOfTheUnion(t *testing.T) {
	store, conn := newWarehouse(t, "splits")
	if err := conn.Exec(t.Context(), "SYSTEM STOP MERGES obs"); err != nil {
		t.Fatal(err)
	}
	l, compared := limit{most: splits()}, 0
	rapid.Check(t, func(t *rapid.T) {
		if l.reached(t) {
			return
		}
		split := &world{feed: catalog.Feed{ID: fmt.Sprintf("split%d", l.cases), Registry: registry, Key: []string{"id"}}, indicators: indicators()[:3]}
		union := &world{feed: catalog.Feed{ID: fmt.Sprintf("union%d", l.cases), Registry: registry, Key: []string{"id"}}, indicators: split.indicators}
		whole := sent{id: union.feed.ID, blocks: [][]obs{{}}}
		number := func(rows []obs) [][]obs {
			for i := range rows {
				rows[i].line = uint64(i + 2)
			}
			if len(rows) == 0 {
				return nil
			}
			return [][]obs{rows}
		}
		if rapid.Bool().Draw(t, "deltas") {
			// The last word on every key is the union.
			last := map[byte]obs{}
			for i := range rapid.IntRange(1, 8).Draw(t, "files") {
				s := sent{id: fmt.Sprintf("%s-d%d", split.feed.ID, i), order: strconv.Itoa(i + 1)}
				var rows []obs
				for _, key := range rapid.SliceOfNDistinct(rapid.ByteRange(1, 12), 1, 8, rapid.ID).Draw(t, "keys") {
					r := drawRow(t, split, true, 1)
					if r.kind == event.Parked {
						r.kind = event.Observed
					}
					if _, there := last[key]; there && oneIn(t, 4, "deleted") {
						r.kind = event.Deleted
					}
					if r.indicator == "*" {
						r.indicator = split.indicators[0].ID
					}
					if was, there := last[key]; there { // a case keeps its indicator: the key holds for one
						r.indicator = was.indicator
					}
					r.key = key
					rows, last[key] = append(rows, r), r
				}
				s.blocks = number(rows)
				split.sent = append(split.sent, s)
			}
			for _, key := range slices.Sorted(maps.Keys(last)) {
				whole.blocks[0] = append(whole.blocks[0], last[key])
			}
		} else {
			// Each file has rows where it replaces something; what no newer one
			// covers is the union.
			whole.snapshot = true
			n := rapid.IntRange(1, 6).Draw(t, "files")
			for i := range n {
				s := sent{id: fmt.Sprintf("%s-d%d", split.feed.ID, i), order: strconv.Itoa(i + 1), snapshot: true}
				switch rapid.IntRange(0, 3).Draw(t, "scope") {
				case 0:
				case 1:
					s.windows, s.from, s.to = drawWindows(t, split)
				default:
					if s.from, s.to = drawDate(t, "from"), drawDate(t, "to"); s.to.Before(s.from) {
						s.from, s.to = s.to, s.from
					}
				}
				if oneIn(t, 3, "of units") {
					s.units = rapid.SampledFrom([][]string{{"U1"}, {"U2"}, {"U1", "Å'\\3"}}).Draw(t, "units")
				}
				split.sent = append(split.sent, s)
			}
			for i := range split.sent {
				s := &split.sent[i]
				var rows []obs
				for range rapid.IntRange(0, 10).Draw(t, "rows") {
					r := drawRow(t, split, true, 1)
					r.key = 0
					day, dated := split.dated(r)
					ind := split.indicator(r.indicator)
					if r.kind == event.Parked || !dated || ind == nil || r.unit == "*" || !s.covers(day, r.unit, ind.Period) {
						continue
					}
					rows = append(rows, r)
					if !slices.ContainsFunc(split.sent[i+1:], func(o sent) bool { return o.covers(day, r.unit, ind.Period) }) {
						whole.blocks[0] = append(whole.blocks[0], r)
					}
				}
				s.blocks = number(rows)
			}
		}
		whole.blocks = number(whole.blocks[0])
		union.sent = []sent{whole}
		split.sent = rapid.Permutation(split.sent).Draw(t, "arrival")
		for i := range rapid.IntRange(0, 2).Draw(t, "again") { // the same file once more
			again := rapid.SampledFrom(split.sent).Draw(t, "which")
			again.id = fmt.Sprintf("%s-again%d", split.feed.ID, i)
			split.sent = append(split.sent, again)
		}
		cells := func(w *world) []cell.Version {
			for _, s := range w.sent {
				load(t, store, w, s)
			}
			got, err := store.Cells(context.Background(), region, w.scope(w.ledger(t), len(w.sent)))
			if err != nil {
				t.Fatalf("%v\n%s", err, w)
			}
			return got
		}
		want := cells(union)
		compared += len(want)
		if d := cmp.Diff(want, cells(split)); d != "" {
			t.Fatalf("(-union +split):\n%s\n%s\n%s", d, split, union)
		}
		if d := cmp.Diff(union.cells(1, catalog.Date{}, catalog.Date{}), want); d != "" {
			t.Fatalf("(-model +engine):\n%s\n%s", d, union)
		}
	})
	if compared == 0 {
		t.Error("no cells were compared")
	}
}
