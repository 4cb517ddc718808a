package warehouse_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/warehouse"
)

// shares is an indicator of a few units and months, in which each unit has the
// share that is given.
func shares(of string, met map[string]int64) publication.Input {
	ind := catalog.Indicator{ID: of, Registry: "g", Type: catalog.Proportion, Subset: true, Multiplier: 100, Period: catalog.Month,
		Measurement: "event", Versions: []catalog.Version{{ID: "1"}}}
	c := &catalog.Catalog{Indicators: []catalog.Indicator{ind}}
	in := publication.Input{Region: "nord", Index: c.Index(), Indicator: &ind, Reach: catalog.NewDate(2026, 1, 10)}
	for u := range 8 {
		unit := fmt.Sprint("u", u)
		for m := range 4 {
			k := cell.Key{Region: "nord", Registry: "g", Indicator: of, Version: "1", Granularity: "month", Unit: unit, PeriodStart: catalog.NewDate(2025, 1, 1).AddMonths(m).Days()}
			content := cell.Content{Rows: 100, Numerator: cell.FixedOf((50 + met[unit]) * cell.Micro), Denominator: cell.FixedOf(100 * cell.Micro)}
			in.Cells = append(in.Cells, publication.Cell{Key: k, State: spc.StateValue, Content: content, Fingerprint: cell.FingerprintOf(k, content, false)})
		}
	}
	return in
}

// A set that is a patch of another one is shown, read back and kept as one that
// was written whole.
func TestPatches(t *testing.T) {
	store, conn := newReleased(t, "patches")
	ctx := t.Context()
	whole, made, err := publication.BuildMade(shares("a", nil))
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := publication.BuildMade(shares("b", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.WriteSets(ctx, []warehouse.Named{{Of: "a", Set: whole}, {Of: "b", Set: other}}); err != nil {
		t.Fatal(err)
	}
	shown := func() []string {
		t.Helper()
		var out []string
		for _, view := range []string{"cell", "chart", "funnel", "variation"} {
			out = append(out, lines(t, conn, "SELECT '"+view+"', count(), sum(cityHash64(toString(tuple(* EXCEPT (run))))) FROM "+view)...)
		}
		return out
	}
	publications := uint64(0)
	show := func(s *warehouse.Released, a string) {
		t.Helper()
		publications++
		p := warehouse.Pointer{Publication: publications, Run: "r", AsOf: catalog.NewDate(2026, 1, 10), PublishedAt: time.Unix(1, 0), Sets: []string{a, other.ID}, Meta: "m"}
		if err := s.MovePointer(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	show(store, whole.ID)
	before := shown()
	patch := func(met map[string]int64) publication.Patch {
		t.Helper()
		in := shares("a", met)
		in.Cells = slices.DeleteFunc(in.Cells, func(c publication.Cell) bool { return c.Key.Unit != "u2" && c.Key.Unit != "u5" })
		p, next, ok, err := made.Update(in)
		if err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		made = next
		if err := store.WritePatches(ctx, []warehouse.NamedPatch{{Of: "a", Patch: p}}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := patch(map[string]int64{"u2": 7})
	if got := shown(); !slices.Equal(got, before) {
		t.Errorf("before the pointer moves it shows\n%s\nand showed\n%s", strings.Join(got, "\n"), strings.Join(before, "\n"))
	}
	show(store, p.ID)
	if got := lines(t, conn, "SELECT unit, count(), round(sum(value)) FROM cell WHERE indicator = 'a' AND unit IN ('u1', 'u2') GROUP BY unit ORDER BY unit"); !slices.Equal(got, []string{"u1 4 200", "u2 4 228"}) {
		t.Errorf("the view of cells shows %q", got)
	}
	second := patch(map[string]int64{"u2": 7, "u5": -3})
	show(store, second.ID)
	after := shown()

	// The same, written whole, in another store.
	again, conn2 := newReleased(t, "patches_whole")
	want, err := publication.Build(shares("a", map[string]int64{"u2": 7, "u5": -3}))
	if err != nil || want.ID != second.ID {
		t.Fatalf("built as %s, patched as %s, %v", want.ID, second.ID, err)
	}
	if err := again.WriteSets(ctx, []warehouse.Named{{Of: "a", Set: want}, {Of: "b", Set: other}}); err != nil {
		t.Fatal(err)
	}
	publications--
	show(again, want.ID)
	was := conn
	conn = conn2
	if got := shown(); !slices.Equal(got, after) {
		t.Errorf("patched, the views show\n%s\nand whole\n%s", strings.Join(after, "\n"), strings.Join(got, "\n"))
	}
	conn = was

	// Another process finds it, and keeps what it rests on.
	sets := map[string]string{"a": second.ID, "b": other.ID}
	broken := func(s *warehouse.Released) []string {
		t.Helper()
		got, err := s.Whole(ctx, sets, publication.IndicatorTemplate())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	next := warehouse.NewReleased(conn)
	if got := broken(next); len(got) > 0 {
		t.Fatalf("broken are %v", got)
	}
	publications--
	show(next, second.ID)
	at, ok, err := next.Pointer(ctx)
	if err != nil || !ok || len(at.Patched) != 1 || at.Patched[0] != (warehouse.Patched{Whole: second.ID, Base: whole.ID, Patch: second.Rows.ID}) {
		t.Fatalf("the pointer has the patches %v, %v, %v", at.Patched, ok, err)
	}
	if err := next.DropUnused(ctx, []string{second.ID, other.ID, "m"}); err != nil {
		t.Fatal(err)
	}
	if got := shown(); !slices.Equal(got, after) {
		t.Errorf("after what is unused was dropped the views show\n%s", strings.Join(got, "\n"))
	}
	kept := []string{whole.ID, other.ID, second.Rows.ID}
	slices.Sort(kept)
	if got := lines(t, conn, "SELECT DISTINCT result_set FROM result_chart ORDER BY 1"); !slices.Equal(got, kept) {
		t.Errorf("kept are %v, want %v", got, kept)
	}
	for _, damage := range []string{
		"ALTER TABLE result_cell UPDATE numerator = numerator + 1 WHERE result_set = '" + whole.ID + "' AND unit = 'u3' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_chart DELETE WHERE result_set = '" + second.Rows.ID + "' AND unit = 'u5' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_funnel DELETE WHERE result_set = '" + second.Rows.ID + "' AND unit = 'u1' SETTINGS mutations_sync = 1",
		"ALTER TABLE result_replaced DELETE WHERE result_set = '" + second.Rows.ID + "' AND unit = 'u5' SETTINGS mutations_sync = 1",
		"INSERT INTO result_cell SELECT * FROM result_cell WHERE result_set = '" + whole.ID + "' AND unit = 'u1' LIMIT 1",
	} {
		exec(t, conn, damage)
		if got := broken(next); !slices.Equal(got, []string{"a"}) {
			t.Errorf("after %s broken are %v", damage, got)
		}
		// Written whole, it is shown whole at once, at the same publication.
		if err := next.WriteSets(ctx, []warehouse.Named{{Of: "a", Set: want}}); err != nil {
			t.Fatal(err)
		}
		publications--
		show(next, want.ID)
		if got := shown(); !slices.Equal(got, after) {
			t.Errorf("after %s and writing it whole the views show\n%s", damage, strings.Join(got, "\n"))
		}
		if err := next.DropUnused(ctx, []string{want.ID, other.ID, "m"}); err != nil {
			t.Fatal(err)
		}
		// And then as a patch again.
		if err := next.WriteSets(ctx, []warehouse.Named{{Of: "a", Set: whole}}); err != nil {
			t.Fatal(err)
		}
		if err := next.WritePatches(ctx, []warehouse.NamedPatch{{Of: "a", Patch: second}}); err != nil {
			t.Fatal(err)
		}
		publications--
		show(next, want.ID)
		if got := shown(); !slices.Equal(got, after) {
			t.Errorf("as a patch again the views show\n%s", strings.Join(got, "\n"))
		}
		if err := next.DropUnused(ctx, []string{want.ID, other.ID, "m"}); err != nil {
			t.Fatal(err)
		}
	}
	// What was decided is undone: the set is its base again.
	undone := patch(nil)
	if undone.ID != whole.ID {
		t.Fatalf("undone it is %s", undone.ID)
	}
	show(store, undone.ID)
	if got := shown(); !slices.Equal(got, before) {
		t.Errorf("undone, the views show\n%s", strings.Join(got, "\n"))
	}
}

// A set of flags that is a patch of another one is shown, found again, and read
// back as one that was written whole.
func TestPatchesOfFlags(t *testing.T) {
	store, conn := newReleased(t, "patches_flags")
	ctx := t.Context()
	var flags []publication.Flag
	for i := range 6 {
		flags = append(flags, publication.Flag{Status: "open", RaisedAt: time.Unix(int64(i), 0), FlagRaised: event.FlagRaised{Indicator: "a", Flag: fmt.Sprint("f", i)}})
	}
	whole, made := publication.BuildFlags("nord", flags)
	if err := store.WriteSets(ctx, []warehouse.Named{{Of: publication.OfMeta, Set: whole}}); err != nil {
		t.Fatal(err)
	}
	publications := uint64(0)
	show := func(s *warehouse.Released, meta string) []string {
		t.Helper()
		publications++
		if err := s.MovePointer(ctx, warehouse.Pointer{Publication: publications, Run: "r", AsOf: catalog.NewDate(2026, 1, 10), PublishedAt: time.Unix(1, 0), Meta: meta}); err != nil {
			t.Fatal(err)
		}
		return lines(t, conn, "SELECT flag, state FROM flag ORDER BY flag")
	}
	if got := show(store, whole.ID); !slices.Equal(got, []string{"f0 open", "f1 open", "f2 open", "f3 open", "f4 open", "f5 open"}) {
		t.Fatalf("the view shows %q", got)
	}
	flags[2].Status, flags[4].Status = "accepted", "rejected"
	flags = append(flags, publication.Flag{Status: "open", RaisedAt: time.Unix(9, 0), FlagRaised: event.FlagRaised{Indicator: "a", Flag: "f9"}})
	patch, next, ok := made.Update("nord", map[string][]publication.Flag{"a": flags})
	if want, _ := publication.BuildFlags("nord", flags); !ok || patch.ID != want.ID || patch.Rows.Tables[0].Rows() != 3 {
		t.Fatalf("%v: a patch of %d rows for set %s, want 3 and %s", ok, patch.Rows.Tables[0].Rows(), patch.ID, want.ID)
	}
	if err := store.WritePatches(ctx, []warehouse.NamedPatch{{Of: publication.OfMeta, Patch: patch}}); err != nil {
		t.Fatal(err)
	}
	decided := []string{"f0 open", "f1 open", "f2 accepted", "f3 open", "f4 rejected", "f5 open", "f9 open"}
	if got := show(store, patch.ID); !slices.Equal(got, decided) {
		t.Errorf("patched the view shows %q", got)
	}

	// Another process finds it, knows what it rests on, and keeps that.
	again := warehouse.NewReleased(conn)
	template, _ := publication.MetaApartTemplate()
	broken := func() []string {
		t.Helper()
		got, err := again.Whole(ctx, map[string]string{publication.OfMeta: patch.ID}, template)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := broken(); len(got) > 0 {
		t.Fatalf("broken: %v", got)
	}
	of, patched := again.Patched(patch.ID)
	if !patched || of.Base != whole.ID {
		t.Fatalf("held as %+v, %v", of, patched)
	}
	sums, err := again.FlagSums(ctx, of.Base)
	if err != nil {
		t.Fatal(err)
	}
	_, now := publication.BuildFlags("nord", flags)
	flags[0].Status = "accepted"
	moved := map[string][]publication.Flag{"a": flags}
	other, _, _ := now.On(of.Base, sums, flags).Update("nord", moved)
	if p, _, _ := next.Update("nord", moved); p.Rows.ID != other.Rows.ID || p.Rows.Tables[0].Rows() != 4 {
		t.Errorf("the next patch of %d rows is %s where this process knows all, and %s where it read back what the store has", p.Rows.Tables[0].Rows(), p.Rows.ID, other.Rows.ID)
	}
	p, ok, err := again.Pointer(ctx)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if err := again.DropUnused(ctx, p.All()); err != nil {
		t.Fatal(err)
	}
	if got := show(again, patch.ID); !slices.Equal(got, decided) || len(broken()) > 0 {
		t.Errorf("with the unused dropped the view shows %q, broken are %v", got, broken())
	}
	for _, d := range []string{"ALTER TABLE result_flag DROP PARTITION '" + patch.Rows.ID + "'", "ALTER TABLE result_replaced DROP PARTITION '" + patch.Rows.ID + "'"} {
		if err := conn.Exec(ctx, d); err != nil {
			t.Fatal(err)
		}
		if got := broken(); !slices.Equal(got, []string{publication.OfMeta}) {
			t.Errorf("after %s broken are %v", d, got)
		}
	}
}
