package gate_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// tableOf is the versions as the store gives them.
func tableOf(t interface{ Fatal(...any) }, versions []gate.Version) *cell.Table {
	all := make([]cell.Version, len(versions))
	for i, v := range versions {
		all[i] = cell.Version{Key: v.Key, Fingerprint: v.Fingerprint, Rev: v.Rev, Tombstone: v.Tombstone}
	}
	table, err := cell.TableOf("nord", "i1", all)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// A gate that leaves its cells in a table is the one that takes each of them,
// after any history and wherever it is cut.
func TestFoldOfATable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := history(t, nil)
		whole, err := gate.FoldTable(tableOf(t, b.versions), b.events)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := dump(whole), dump(b.s); got != want {
			t.Fatalf("of a table\n%s\nstep by step\n%s", got, want)
		}
		cut := rapid.IntRange(0, len(b.events)).Draw(t, "cut")
		part, err := gate.Fold("nord", "i1", b.versions, b.events[:cut])
		if err != nil {
			t.Fatal(err)
		}
		table, err := gate.FoldTable(tableOf(t, b.versions), b.events[:cut])
		if err != nil {
			t.Fatal(err)
		}
		if got, want := dump(table), dump(part); got != want {
			t.Fatalf("of a table, %d events\n%s\nof versions\n%s", cut, got, want)
		}
		if err := table.Cells(b.versions); err != nil { // that are known
			t.Fatal(err)
		}
		for _, e := range b.events[cut:] {
			if err := table.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := dump(table), dump(b.s); got != want {
			t.Fatalf("of a table, continued\n%s\nstep by step\n%s", got, want)
		}
	})
}

// Told of the cells that its events name, a gate has the flags, counts and
// releases of one that knows all cells.
func TestFoldOfConcernedCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := history(t, nil)
		keys, err := gate.Concerned("nord", "i1", b.events)
		if err != nil {
			t.Fatal(err)
		}
		some := slices.DeleteFunc(slices.Clone(b.versions), func(v gate.Version) bool { return !slices.Contains(keys, v.Key) })
		part, err := gate.FoldTable(tableOf(t, some), b.events)
		if err != nil {
			t.Fatal(err)
		}
		told := func(s *gate.State) string {
			var out strings.Builder
			for f := range s.Flags {
				fmt.Fprintf(&out, "%+v\n", f)
			}
			fmt.Fprintf(&out, "%+v\n%+v\n", s.Counts(), s.Release("run", b.rev, 1, b.rev))
			return out.String()
		}
		if got, want := told(part), told(b.s); got != want {
			t.Fatalf("of %d of the versions\n%s\nof all %d\n%s", len(some), got, len(b.versions), want)
		}
	})
}

// What is seen of a cell changes only where an event names it, or where it has a
// version that an earlier release had not reached.
func TestOnlyConcernedCellsChange(t *testing.T) {
	looked := 0
	rapid.Check(t, func(t *rapid.T) {
		b := history(t, nil)
		versions := slices.Clone(b.versions)
		for rev := range b.rev { // of cells that nobody asks about
			k := key("Q", int(rev%4))
			versions = append(versions, gate.Version{Key: k, Fingerprint: fp(k, string('A'+rune(rev%3))), Rev: rev + 1})
		}
		table := tableOf(t, versions)
		before, err := gate.FoldTable(table, b.events[:rapid.IntRange(0, len(b.events)).Draw(t, "cut")])
		if err != nil {
			t.Fatal(err)
		}
		after, err := gate.FoldTable(table, b.events)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := gate.Concerned("nord", "i1", b.events)
		if err != nil {
			t.Fatal(err)
		}
		release, released := before.LastRelease()
		for k, v := range after.Views {
			_, from, to := table.Find(k)
			if from < to {
				if of := after.ViewOf(k, from, to); !reflect.DeepEqual(of, v) {
					t.Fatalf("%s is seen as %+v, and by its rows as %+v", k, v, of)
				}
			}
			if !released || slices.Contains(keys, k) || table.Rev(to-1) > release.Rev {
				continue
			}
			looked++
			if was := before.View(k); !reflect.DeepEqual(was, v) {
				t.Fatalf("%s is seen as %+v and was seen as %+v", k, v, was)
			}
		}
	})
	if looked == 0 {
		t.Error("no cell was looked at")
	}
}

// A release may hold back a cell that nobody has asked about.
func TestExceptionOfAPlainCell(t *testing.T) {
	b := newBook(t).cells("A 1 A", "B 1 A").release()
	b.cells("A 1 B", "B 1 B")
	r := b.s.Release("run", b.rev, 1, b.rev)
	r.Except = append(r.Except, guard(key("A", 1), "B"))
	b.append(r)
	s, err := gate.FoldTable(tableOf(t, b.versions), b.events)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.View(key("A", 1)).Shown.Fingerprint; got != fp(key("A", 1), "A") {
		t.Errorf("the excepted cell shows %s", letterOf(key("A", 1), got))
	}
	if got, want := dump(s), dump(b.s); got != want {
		t.Errorf("of a table\n%s\nstep by step\n%s", got, want)
	}
}

// Events alone decide what folding costs: most cells have no state.
func BenchmarkFoldTable(b *testing.B) {
	var versions []gate.Version
	for u := range 1200 {
		for m := range 60 {
			k := key(string(rune('a'+u%26))+string(rune('a'+u/26%26))+string(rune('a'+u/676)), 1)
			k.PeriodStart = int32(m * 31)
			versions = append(versions, gate.Version{Key: k, Fingerprint: fp(k, "A"), Rev: 1})
		}
	}
	table := tableOf(b, versions)
	last := slices.MaxFunc(versions, func(x, y gate.Version) int { return x.Key.Compare(y.Key) })
	f := finding("f", "K09", event.Hold, 1, event.GuardOf(last.Key, last.Fingerprint))
	e, err := event.New(event.GateSubject("nord", "i1"), "run", f, day.Time())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := gate.FoldTable(table, []event.Event{e})
		if err != nil || s.View(last.Key).State != gate.HeldEmpty {
			b.Fatal(err)
		}
	}
}
