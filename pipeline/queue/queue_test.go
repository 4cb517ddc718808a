package queue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/queue"
)

var monday = catalog.NewDate(2026, 3, 2)

func item(id string, opened catalog.Date, denominator float64) queue.Item {
	return queue.Item{Flag: gate.Flag{FlagRaised: event.FlagRaised{Flag: id, Check: "K09", Severity: event.Hold, Indicator: "i", Unit: "u-" + id, Observed: 50, Expected: 100},
		Status: gate.Open}, OpenedOn: opened, Denominator: denominator, Published: true}
}

func text(q queue.Queue) string {
	var out []string
	for _, t := range q.Tasks {
		out = append(out, strings.Join(t.Flags, "+"))
	}
	return strings.Join(out, " ") + " | " + strings.Join(q.Folded.Flags, " ")
}

func expect(t *testing.T, q queue.Queue, want string) {
	t.Helper()
	if got := text(q); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

var week = queue.Budget{New: 2, Per: catalog.Week}

// The top by impact are tasks, listed by name; the rest is folded, and comes in
// the next week. What was a task stays one.
func TestBudget(t *testing.T) {
	items := []queue.Item{item("a", monday, 10), item("d", monday, 40), item("c", monday.AddDays(2), 30), item("b", monday.AddDays(6), 20)}
	expect(t, queue.Of(items, "p", week, monday.AddDays(1)), "c d | a b") // the week as a whole
	expect(t, queue.Of(items, "p", week, monday.AddDays(7)), "a b c d | ")
	// A heavier one in the second week does not take a place of the first.
	items = append(items, item("e", monday.AddDays(8), 99))
	q := queue.Of(items, "p", week, monday.AddDays(9))
	expect(t, q, "b c d e | a")
	if q.Folded.Tasks != 1 || q.Folded.Blocks != 0 {
		t.Errorf("folded %+v", q.Folded)
	}
	// BLOCK goes first, whatever its size; unpublished counts half.
	items[0].Flag.Severity = event.Block
	items[1].Published = false // 20 × 0.5
	expect(t, queue.Of(items[:4], "p", week, monday), "a c | b d")
	// What a person has decided has cost the budget, what closed by itself not.
	items[0].Flag.Status = gate.Accepted
	expect(t, queue.Of(items[:4], "p", week, monday), "c | b d")
	items[0].Flag.Status = gate.Resolved
	expect(t, queue.Of(items[:4], "p", week, monday), "b c | d")
	expect(t, queue.Of(nil, "p", week, monday), " | ")
}

// Flags with one cause are one task.
func TestGroups(t *testing.T) {
	items := []queue.Item{item("a", monday, 10), item("b", monday, 10), item("c", monday, 15), item("d", monday, 16)}
	items[0].Flag.Incident, items[1].Flag.Incident = "shift", "shift"
	expect(t, queue.Of(items, "p", week, monday), "a+b d | c")
	items[0].Flag.Incident, items[1].Flag.Incident = "", ""
	items[0].Flag.Unit = items[1].Flag.Unit
	expect(t, queue.Of(items, "p", week, monday), "a+b d | c")
	items[0].Flag.Severity, items[1].Flag.Severity = event.Note, event.Info
	expect(t, queue.Of(items, "p", week, monday), "c d | ")
}

// A task speaks of what is still open: what of it has been decided lends neither
// its unit nor its check nor its severity, but still its place among the tasks.
func TestTaskSpeaksOfWhatIsOpen(t *testing.T) {
	items := []queue.Item{item("a", monday, 10), item("b", monday, 10), item("c", monday, 10), item("d", monday, 90)}
	for i := range items[:3] {
		items[i].Flag.Incident = "shift"
	}
	items[0].Flag.Check, items[0].Flag.Severity, items[0].Flag.Status = "C11", event.Block, gate.Corrected
	items[2].Flag.Check = "K11"
	q := queue.Of(items, "p", queue.Budget{New: 1, Per: catalog.Day}, monday)
	expect(t, q, "b+c | d")
	got := q.Tasks[0]
	if got.Severity != event.Hold || got.Check != "K09" || got.Unit != "u-b" ||
		!slices.Equal(got.Checks, []string{"K09", "K11"}) || !slices.Equal(got.Units, []string{"u-b", "u-c"}) {
		t.Errorf("%+v", got)
	}
}

// What is assigned to her is hers beside the budget, what is another's is not.
func TestAssigned(t *testing.T) {
	items := []queue.Item{item("a", monday, 10), item("b", monday, 20), item("c", monday, 30), item("d", monday, 40)}
	items[0].Flag.Assigned, items[2].Flag.Assigned = "p", "q"
	expect(t, queue.Of(items, "p", queue.Budget{New: 1, Per: catalog.Day}, monday), "a d | b")
	items[3].Flag.Snoozed = monday.AddDays(3)
	expect(t, queue.Of(items, "p", queue.Budget{New: 1, Per: catalog.Day}, monday), "a b | ")
	expect(t, queue.Of(items, "p", queue.Budget{New: 1, Per: catalog.Day}, monday.AddDays(4)), "a b d | ")
}

func TestBudgetOf(t *testing.T) {
	actor := func(roles ...string) gate.Actor {
		a := gate.Actor{ID: "p"}
		for _, r := range roles {
			a.Roles = append(a.Roles, catalog.Role{Role: r})
		}
		return a
	}
	for _, c := range []struct {
		who  gate.Actor
		want queue.Budget
		ok   bool
	}{
		{actor(gate.SuperUser), queue.Budget{New: 5, Per: catalog.Week}, true},
		{actor(gate.SuperUser, gate.RegionSteward), queue.Budget{New: 20, Per: catalog.Day}, true},
		{actor(gate.NationalSteward), queue.Budget{New: 20, Per: catalog.Day}, true},
		{actor(gate.Viewer, gate.Auditor), queue.Budget{}, false},
	} {
		if b, ok := queue.BudgetOf(c.who); b != c.want || ok != c.ok {
			t.Errorf("%v: %+v, %v", c.who.Roles, b, ok)
		}
	}
}

// Never more new tasks than the budget, nothing is lost, and a task stays one
// from day to day, whatever is opened later and in whatever order it is told.
func TestQueues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := queue.Budget{New: rapid.IntRange(1, 4).Draw(t, "new"), Per: rapid.SampledFrom([]catalog.Granularity{catalog.Day, catalog.Week}).Draw(t, "per")}
		var items []queue.Item
		for i := range rapid.IntRange(0, 25).Draw(t, "items") {
			it := item(fmt.Sprintf("f%02d", i), monday.AddDays(rapid.IntRange(0, 20).Draw(t, "opened")), float64(rapid.IntRange(1, 9).Draw(t, "denominator")))
			it.Flag.Incident = rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(t, "incident")
			it.Flag.Severity = rapid.SampledFrom([]event.Severity{event.Hold, event.Hold, event.Block}).Draw(t, "severity")
			items = append(items, it)
		}
		before := map[string]bool{}
		tasks := map[string]bool{}
		for day := range 25 {
			on := monday.AddDays(day)
			start := b.Per.PeriodStart(on)
			known := slices.DeleteFunc(slices.Clone(items), func(i queue.Item) bool { return !i.OpenedOn.Before(start) }) // of earlier periods
			q := queue.Of(rapid.Permutation(known).Draw(t, "order"), "p", b, start.AddDays(-1))
			seen := map[string]bool{}
			fresh := map[string]bool{}
			for _, task := range q.Tasks {
				id := task.Incident + task.Unit
				if task.Incident != "" {
					id = task.Incident + task.OpenedOn.String()
				}
				if !tasks[id] {
					fresh[id] = true
				}
				for _, f := range task.Flags {
					seen[f] = true
				}
			}
			for f := range before {
				if !seen[f] {
					t.Fatalf("on %s %s is no task any more", on, f)
				}
			}
			if day > 0 && len(fresh) > b.New {
				t.Fatalf("%d new tasks where %d are allowed", len(fresh), b.New)
			}
			for id := range fresh {
				tasks[id] = true
			}
			if len(seen)+len(q.Folded.Flags) != len(known) {
				t.Fatalf("%d of %d flags are in %+v", len(seen)+len(q.Folded.Flags), len(known), q)
			}
			before = seen
		}
	})
}
