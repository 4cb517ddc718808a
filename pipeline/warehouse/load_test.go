package warehouse_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/warehouse"
)

// twoBlocks is a delivery of five rows in two blocks.
func twoBlocks(id string) (*world, sent) {
	row := func(line uint64) obs {
		return obs{line: line, indicator: "month", version: "1", unit: "U1", event: days(2024, 1, 5), has: event.HasEventDate | event.HasNumerator, num: int64(line)}
	}
	s := sent{id: id + "-d", snapshot: true, blocks: [][]obs{{row(2), row(3), row(4)}, {row(5), row(6)}}}
	return &world{feed: catalog.Feed{ID: id, Registry: registry}, indicators: indicators()[:1], sent: []sent{s}}, s
}

func TestLoadObservations(t *testing.T) {
	store, conn := newWarehouse(t, "load")
	ctx := t.Context()
	insert := func(t *testing.T, b []byte) {
		t.Helper()
		if err := conn.InsertFormat(ctx, "ArrowStream", "INSERT INTO obs", bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	rows := func(t *testing.T, id string) string {
		t.Helper()
		return strings.Join(lines(t, conn, "SELECT block, line, numerator FROM obs WHERE feed = ? ORDER BY ALL", id), "; ")
	}
	const whole = "0 2 2; 0 3 3; 0 4 4; 1 5 5; 1 6 6"
	for _, c := range []struct {
		name   string
		before func(t *testing.T, id string, a event.DeliveryAccepted, b [][]byte)
		reads  int // how often a block is read
		want   error
	}{
		{"from nothing", nil, 2, nil},
		{"a second time", func(t *testing.T, _ string, a event.DeliveryAccepted, b [][]byte) {
			if err := store.LoadObservations(ctx, a, fromMemory(b)); err != nil {
				t.Fatal(err)
			}
		}, 0, nil},
		{"after the first block", func(t *testing.T, _ string, _ event.DeliveryAccepted, b [][]byte) { insert(t, b[0]) }, 2, nil},
		{"after the last block", func(t *testing.T, _ string, _ event.DeliveryAccepted, b [][]byte) { insert(t, b[1]) }, 2, nil},
		{"over a block that is there twice", func(t *testing.T, _ string, _ event.DeliveryAccepted, b [][]byte) {
			insert(t, b[0])
			insert(t, b[0])
		}, 2, nil},
		{"over all blocks, one twice", func(t *testing.T, _ string, _ event.DeliveryAccepted, b [][]byte) {
			insert(t, b[0])
			insert(t, b[1])
			insert(t, b[1])
		}, 2, nil},
		{"over a row that is not the log's", func(t *testing.T, id string, _ event.DeliveryAccepted, _ [][]byte) {
			w, s := twoBlocks(id)
			s.blocks = [][]obs{{s.blocks[0][0]}, {}, {s.blocks[1][1]}}
			s.blocks[2][0].line = 99
			for _, o := range w.observations(s) {
				if o.Len() == 0 {
					continue
				}
				b, err := block.EncodeObservations(o)
				if err != nil {
					t.Fatal(err)
				}
				insert(t, b)
			}
		}, 2, warehouse.ErrUnreconciled},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := strings.ReplaceAll(c.name, " ", "_")
			w, s := twoBlocks(id)
			a, payloads := w.accepted(t, s)
			if c.before != nil {
				c.before(t, id, a, payloads)
			}
			reads := 0
			err := store.LoadObservations(ctx, a, func(ctx context.Context, f func([]byte) error) error {
				return fromMemory(payloads)(ctx, func(b []byte) error {
					reads++
					// The payload is the reader's; it is overwritten at once.
					lent := bytes.Clone(b)
					defer clear(lent)
					return f(lent)
				})
			})
			if !errors.Is(err, c.want) || err == nil != (c.want == nil) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if reads != c.reads {
				t.Errorf("%d blocks read, want %d", reads, c.reads)
			}
			if got := rows(t, id); c.want == nil && got != whole {
				t.Errorf("rows %s", got)
			}
		})
	}
	t.Run("blocks that are missing", func(t *testing.T) {
		w, s := twoBlocks("short")
		a, payloads := w.accepted(t, s)
		if err := store.LoadObservations(ctx, a, fromMemory(payloads[:1])); !errors.Is(err, warehouse.ErrUnreconciled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a log that cannot be read", func(t *testing.T) {
		w, s := twoBlocks("unreadable")
		a, _ := w.accepted(t, s)
		broken := errors.New("broken")
		if err := store.LoadObservations(ctx, a, func(context.Context, func([]byte) error) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a block that is none", func(t *testing.T) {
		w, s := twoBlocks("damaged")
		a, payloads := w.accepted(t, s)
		payloads[1] = payloads[1][:len(payloads[1])/2]
		if err := store.LoadObservations(ctx, a, fromMemory(payloads)); err == nil {
			t.Error("half a block was loaded")
		}
	})
	counts, err := store.ObservationCounts(ctx)
	if err != nil || counts["from_nothing-d"] != 5 || counts["short-d"] != 3 {
		t.Errorf("counts %v, %v", counts, err)
	}
}

// The sum of the log's rows is that of the store's, and every value is in it.
func TestObservationSums(t *testing.T) {
	store, _ := newWarehouse(t, "sums")
	of := func(w *world, s sent) (log warehouse.Sum) {
		for _, o := range w.observations(s) {
			log.AddObservations(o)
		}
		return log
	}
	l := limit{most: 20}
	rapid.Check(t, func(t *rapid.T) {
		if l.reached(t) {
			return
		}
		w := drawWorld(t, fmt.Sprintf("f%d", l.cases))
		for _, s := range w.sent {
			load(t, store, w, s)
			got, err := store.Observations(context.Background(), w.feed.ID, s.id)
			if err != nil {
				t.Fatal(err)
			}
			if want := of(w, s); got != want {
				t.Fatalf("the store has %v, the log %v", got, want)
			}
		}
	})
	w, s := twoBlocks("changed")
	base := w.observations(s)[0]
	var was warehouse.Sum
	was.AddObservations(base)
	v := reflect.ValueOf(base).Elem()
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		if f.Kind() != reflect.Slice {
			continue // constant over the delivery, or the block's number
		}
		x := f.Index(1)
		old := reflect.New(x.Type()).Elem()
		old.Set(x)
		switch x.Kind() {
		case reflect.String:
			x.SetString(x.String() + "x")
		case reflect.Array:
			x.Index(15).SetUint(1)
		case reflect.Int32, reflect.Int64:
			x.SetInt(x.Int() - 1)
		default:
			x.SetUint(x.Uint() ^ 1)
		}
		var now warehouse.Sum
		now.AddObservations(base)
		if now == was {
			t.Errorf("%s is not in the sum", name)
		}
		x.Set(old)
	}
}

// version is a cell that says which revision it is.
func version(unit string, month, rev int, tombstone bool) cell.Version {
	v := cell.Version{Rev: uint64(rev), Tombstone: tombstone, Key: cell.Key{Region: region, Registry: registry, Indicator: "i", Version: "1",
		Granularity: "month", Unit: unit, PeriodStart: catalog.NewDate(2024, 1, 1).AddMonths(month).Days()}}
	if !tombstone {
		v.Content = cell.Content{Rows: int64(rev), Numerator: cell.FixedOf(-7), Values: cell.Fixed{Hi: 1, Lo: 5}, Histogram: "1*2"}
	}
	v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, tombstone)
	return v
}

func TestLoadCells(t *testing.T) {
	store, conn := newWarehouse(t, "load_cells")
	ctx := t.Context()
	var payloads [][]byte
	for _, vs := range [][]cell.Version{{version("a", 0, 7, false), version("a", 1, 7, true)}, {version("b", 0, 7, false)}} {
		b, err := block.EncodeCells(vs, "r", "d")
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, b)
	}
	c := event.CellsAppended{Run: "r", Delivery: "d", Rev: 7, Cells: event.Range{Blocks: 2, Rows: 3}}
	if err := store.LoadCells(ctx, c, fromMemory(payloads[:1])); !errors.Is(err, warehouse.ErrUnreconciled) {
		t.Errorf("a block is missing: %v", err)
	}
	for i := range 3 {
		if err := store.LoadCells(ctx, c, fromMemory(payloads)); err != nil {
			t.Fatalf("time %d: %v", i+1, err)
		}
		if n, err := store.CellCounts(ctx); err != nil || !maps.Equal(n, map[uint64]int64{7: 3}) {
			t.Fatalf("time %d: counts %v, %v", i+1, n, err)
		}
	}
	if err := conn.InsertFormat(ctx, "ArrowStream", "INSERT INTO cell", bytes.NewReader(payloads[0])); err != nil {
		t.Fatal(err)
	}
	if err := store.LoadCells(ctx, c, fromMemory(payloads)); err != nil {
		t.Errorf("a block that is there twice: %v", err)
	}
	c.Cells.Rows = 2
	if err := store.LoadCells(ctx, c, fromMemory(payloads)); !errors.Is(err, warehouse.ErrUnreconciled) {
		t.Errorf("more versions than the log: %v", err)
	}
	if err := store.LoadCells(ctx, event.CellsAppended{Rev: 8, Delivery: "e"}, fromMemory(nil)); err != nil {
		t.Errorf("a delivery that changed nothing: %v", err)
	}
}

func TestCurrentCellsAndVersions(t *testing.T) {
	store, conn := newWarehouse(t, "current")
	ctx := t.Context()
	all := []cell.Version{version("Å", 0, 3, false), version("b", 0, 1, false), version("b", 0, 2, true), version("b", 0, 3, false),
		version("b", 1, 1, false), version("b", 1, 4, true), version("c", 2, 2, false)}
	other := version("b", 0, 2, false)
	other.Key.Indicator = "j"
	other.Fingerprint = cell.FingerprintOf(other.Key, other.Content, false)
	stratum := version("a", 0, 2, false)
	stratum.Key.Stratum = "f"
	stratum.Fingerprint = cell.FingerprintOf(stratum.Key, stratum.Content, false)
	foreign := version("b", 0, 2, false)
	foreign.Key.Registry = "other"
	foreign.Key.Indicator = "k"
	foreign.Fingerprint = cell.FingerprintOf(foreign.Key, foreign.Content, false)
	all = append(all, other, stratum, foreign)
	for rev := range uint64(5) {
		var vs []cell.Version
		for _, v := range all {
			if v.Rev == rev {
				vs = append(vs, v)
			}
		}
		if len(vs) == 0 {
			continue
		}
		b, err := block.EncodeCells(vs, "r", fmt.Sprint("d", rev))
		if err != nil {
			t.Fatal(err)
		}
		c := event.CellsAppended{Delivery: fmt.Sprint("d", rev), Rev: rev, Cells: event.Range{Rows: int64(len(vs)), Blocks: 1}}
		if err := store.LoadCells(ctx, c, fromMemory([][]byte{b})); err != nil {
			t.Fatal(err)
		}
	}
	sorted := func(vs []cell.Version) []cell.Version {
		slices.SortFunc(vs, func(a, b cell.Version) int {
			if c := a.Key.Compare(b.Key); c != 0 {
				return c
			}
			return int(a.Rev) - int(b.Rev)
		})
		return vs
	}
	before, after, err := store.Changed(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sorted([]cell.Version{version("b", 0, 2, true)}), before); d != "" {
		t.Errorf("before revision 3 (-want +got):\n%s", d)
	}
	if d := cmp.Diff(sorted([]cell.Version{version("Å", 0, 3, false), version("b", 0, 3, false)}), after); d != "" {
		t.Errorf("of revision 3 (-want +got):\n%s", d)
	}
	if before, after, err = store.Changed(ctx, 77); err != nil || len(before)+len(after) > 0 {
		t.Errorf("a revision that is not there: %v %v %v", before, after, err)
	}
	feb := catalog.NewDate(2024, 2, 1)
	for _, c := range []struct {
		ids      []string
		before   uint64
		from, to catalog.Date
	}{
		{[]string{"i"}, 1, catalog.Date{}, catalog.Date{}},
		{[]string{"i"}, 2, catalog.Date{}, catalog.Date{}},
		{[]string{"i", "j", "k"}, 3, catalog.Date{}, catalog.Date{}},
		{[]string{"i", "j"}, 9, catalog.Date{}, catalog.Date{}},
		{[]string{"i"}, 9, feb, catalog.Date{}},
		{[]string{"i"}, 9, catalog.Date{}, feb},
		{[]string{"i"}, 9, feb, feb.AddMonths(1)},
	} {
		scope := warehouse.Scope{Source: warehouse.Source{Feed: &catalog.Feed{ID: "f", Registry: registry}}, From: c.from, To: c.to}
		for _, id := range c.ids {
			scope.Indicators = append(scope.Indicators, &catalog.Indicator{ID: id})
		}
		newest := map[cell.Key]cell.Version{}
		for _, v := range all {
			if slices.Contains(c.ids, v.Key.Indicator) && v.Key.Registry == registry && v.Rev < c.before && v.Rev >= newest[v.Key].Rev &&
				catalog.DateOfDays(v.Key.PeriodStart).Within(c.from, c.to) {
				newest[v.Key] = v
			}
		}
		got, err := store.CurrentCells(ctx, scope, c.before)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(sorted(slices.Collect(maps.Values(newest))), got); d != "" {
			t.Errorf("cells of %v before %d in %s..%s (-want +got):\n%s", c.ids, c.before, c.from, c.to, d)
		}
	}
	for _, rev := range []uint64{0, 1, 2, 3, 4, 5, 2, 4} { // of what is newer, and of what is older
		var want []cell.Version
		for _, v := range all {
			if v.Key.Indicator == "i" && v.Rev <= rev {
				want = append(want, v)
			}
		}
		got, err := store.Versions(ctx, "i", rev)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(sorted(want), got); d != "" {
			t.Errorf("versions up to %d (-want +got):\n%s", rev, d)
		}
		for range 2 { // read, and from memory
			table, err := store.Table(ctx, all[0].Key.Region, "i", rev)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(got, table.Versions(), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("table up to %d (-want +got):\n%s", rev, d)
			}
		}
	}
	named := []cell.Key{version("b", 0, 2, true).Key, version("no such", 0, 1, false).Key, version("Å", 0, 3, false).Key}
	some, err := warehouse.NewWarehouse(conn).TableOfCells(ctx, region, "i", 5, named)
	if err != nil {
		t.Fatal(err)
	}
	var wantSome []cell.Version
	for _, v := range all {
		if v.Rev <= 5 && slices.Contains(named, v.Key) {
			wantSome = append(wantSome, v)
		}
	}
	if d := cmp.Diff(sorted(wantSome), some.Versions()); d != "" || len(wantSome) == 0 {
		t.Errorf("versions of named cells (-want +got):\n%s", d)
	}
	revs, err := store.Revs(ctx, 3)
	if err != nil {
		t.Fatal(err)
	}
	wantRevs := map[string]uint64{}
	for _, v := range all {
		if v.Rev <= 3 {
			wantRevs[v.Key.Indicator] = max(wantRevs[v.Key.Indicator], v.Rev)
		}
	}
	if d := cmp.Diff(wantRevs, revs); d != "" {
		t.Errorf("newest revisions (-want +got):\n%s", d)
	}
	cells, sum, err := store.Fingerprint(ctx)
	if err != nil || cells == 0 {
		t.Fatal(cells, err)
	}
	if err := store.Truncate(ctx); err != nil {
		t.Fatal(err)
	}
	if n, s, err := store.Fingerprint(ctx); err != nil || n != 0 || s == sum {
		t.Errorf("an empty store has %d cells, sum %d, %v", n, s, err)
	}
	if table, err := store.Table(ctx, all[0].Key.Region, "i", 5); err != nil || table.Len() != 0 {
		t.Errorf("the table of an empty store is there from memory, %v", err)
	}
}
