package queue

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// Budgets of new tasks.
const (
	SuperUserWeek = 5
	StewardDay    = 20
)

// Item is a BLOCK or HOLD that the person may decide, or has decided or been
// spared by a colleague's decision.
type Item struct {
	Flag gate.Flag
	// OpenedOn is the day on which it was opened last.
	OpenedOn catalog.Date
	// Denominator is how many persons or events the guarded versions are about.
	Denominator float64
	// Published: what it guards is of an indicator that people look at.
	Published bool
}

// open reports whether the item awaits a decision.
func (i *Item) open() bool { return i.Flag.Status == gate.Open }

// decided reports whether a person has decided it: it has cost time.
func (i *Item) decided() bool {
	return slices.Contains([]gate.Status{gate.Accepted, gate.Rejected, gate.Waived, gate.Corrected}, i.Flag.Status)
}

// Impact is what is expected to change by a decision: how far the finding is
// from what was expected, as a share of the larger of both, times the
// denominator, times the use that is made of it: half where nothing is
// published yet.
func (i *Item) Impact() float64 {
	delta := 1.0
	if m := max(math.Abs(i.Flag.Observed), math.Abs(i.Flag.Expected)); m > 0 {
		delta = min(1, math.Abs(i.Flag.Observed-i.Flag.Expected)/m)
	}
	use := 0.5
	if i.Published {
		use = 1
	}
	return delta * max(1, i.Denominator) * use
}

// Budget is how many new tasks there are in a stretch of time.
type Budget struct {
	New int
	Per catalog.Granularity // day or week
}

// BudgetOf is that of the actor: a steward's, who is also asked about units of
// others, goes before a super-user's. ok is false for those who decide nothing.
func BudgetOf(a gate.Actor) (b Budget, ok bool) {
	for _, r := range a.Roles {
		switch r.Role {
		case gate.RegionSteward, gate.NationalSteward:
			return Budget{StewardDay, catalog.Day}, true
		case gate.SuperUser:
			b, ok = Budget{SuperUserWeek, catalog.Week}, true
		}
	}
	return b, ok
}

// Task is what is decided together. It speaks of its open flags only.
type Task struct {
	// Incident is the likely cause that its flags share; empty: one check asks
	// about one unit.
	Incident string `json:"incident,omitempty"`
	// Severity is the gravest.
	Severity event.Severity `json:"severity"`
	// Check, Indicator and Unit are those of the first flag; no unit: of all.
	Check     string `json:"check"`
	Indicator string `json:"indicator"`
	Unit      string `json:"unit,omitempty"`
	// Checks and Units are those of all flags, by name.
	Checks   []string     `json:"checks"`
	Units    []string     `json:"units"`
	OpenedOn catalog.Date `json:"opened_on"`
	// Assigned says that somebody has given it to this person.
	Assigned bool `json:"assigned"`
	// Flags are the open ones, by indicator, unit, period and id.
	Flags []string `json:"flags"`

	impact float64
	// grave is the gravest severity of the open and the decided ones: what a
	// person decides of a task must not change what was chosen before.
	grave event.Severity
	id    string
	spent bool // a person has decided all of it
}

// Folded is the rest, as one incident.
type Folded struct {
	Tasks  int `json:"tasks"`
	Blocks int `json:"blocks"`
	// Flags are ordered as those of a task.
	Flags []string `json:"flags"`
}

// Queue is what a person is asked.
type Queue struct {
	Tasks  []Task `json:"tasks"`
	Folded Folded `json:"folded"`
	// Introductions are the indicator versions that await the person's signature;
	// they cost no budget.
	Introductions []Introduction `json:"introductions"`
}

// Of is the queue of the person on a day. What is assigned to somebody else is
// not in it; what is assigned to her is, and costs no budget. Snoozed items wait
// until their day has passed.
func Of(items []Item, person string, b Budget, on catalog.Date) Queue {
	var pool []*Task
	q := Queue{Tasks: []Task{}, Folded: Folded{Flags: []string{}}, Introductions: []Introduction{}}
	for _, t := range group(items, person, on) {
		if t.Assigned {
			q.Tasks = append(q.Tasks, *t)
		} else {
			pool = append(pool, t)
		}
	}
	slices.SortFunc(pool, func(x, y *Task) int {
		return cmp.Or(cmp.Compare(gravity(x.grave), gravity(y.grave)), cmp.Compare(y.impact, x.impact), strings.Compare(x.id, y.id))
	})
	var first catalog.Date
	for _, t := range pool {
		if first.IsZero() || t.OpenedOn.Before(first) {
			first = t.OpenedOn
		}
	}
	for start := b.Per.PeriodStart(first); len(pool) > 0 && !on.Before(start); start = b.Per.PeriodEnd(start) {
		end, left := b.Per.PeriodEnd(start), b.New
		pool = slices.DeleteFunc(pool, func(t *Task) bool {
			if left == 0 || !t.OpenedOn.Before(end) {
				return false
			}
			left--
			if !t.spent {
				q.Tasks = append(q.Tasks, *t)
			}
			return true
		})
	}
	for _, t := range pool {
		if t.spent {
			continue
		}
		q.Folded.Tasks++
		if t.Severity == event.Block {
			q.Folded.Blocks++
		}
		q.Folded.Flags = append(q.Folded.Flags, t.Flags...)
	}
	slices.Sort(q.Folded.Flags)
	slices.SortFunc(q.Tasks, func(x, y Task) int {
		return cmp.Or(cmp.Compare(gravity(x.Severity), gravity(y.Severity)), strings.Compare(x.Indicator, y.Indicator),
			strings.Compare(x.Unit, y.Unit), strings.Compare(x.id, y.id))
	})
	return q
}

func gravity(s event.Severity) int {
	if s == event.Block {
		return 0
	}
	return 1
}

// group makes tasks of items: one an incident and day, else one a check, unit and
// day.
// A task is spent when nothing of it is open any more and a person has decided
// some of it; what closed by itself never was one.
func group(items []Item, person string, on catalog.Date) []*Task {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Item) int {
		return cmp.Or(strings.Compare(a.Flag.Indicator, b.Flag.Indicator), strings.Compare(a.Flag.Unit, b.Flag.Unit),
			a.Flag.Period.Compare(b.Flag.Period), strings.Compare(a.Flag.Flag, b.Flag.Flag))
	})
	byID := map[string]*Task{}
	var all []*Task
	for i := range sorted {
		it := &sorted[i]
		f := &it.Flag
		if !it.open() && !it.decided() || f.Severity != event.Block && f.Severity != event.Hold ||
			f.Assigned != "" && f.Assigned != person || it.open() && !f.Snoozed.Before(on) && !f.Snoozed.IsZero() {
			continue
		}
		// What joins an incident later is another task: it must not change what
		// was chosen before.
		id := "incident " + f.Incident + " " + it.OpenedOn.String()
		if f.Incident == "" {
			id = "check " + f.Check + " " + f.Unit + " " + it.OpenedOn.String()
		}
		t := byID[id]
		if t == nil {
			t = &Task{Incident: f.Incident, OpenedOn: it.OpenedOn, Units: []string{}, grave: event.Hold, id: id, spent: true}
			byID[id] = t
			all = append(all, t)
		}
		t.impact += it.Impact()
		if f.Severity == event.Block {
			t.grave = event.Block
		}
		if it.open() {
			t.add(f, person)
		}
	}
	for _, t := range all {
		slices.Sort(t.Checks)
		slices.Sort(t.Units)
		t.Checks, t.Units = slices.Compact(t.Checks), slices.Compact(t.Units)
	}
	return all
}

// add is one more open flag.
func (t *Task) add(f *gate.Flag, person string) {
	if len(t.Flags) == 0 {
		t.Severity, t.Check, t.Indicator, t.Unit = f.Severity, f.Check, f.Indicator, f.Unit
	}
	if f.Severity == event.Block {
		t.Severity = event.Block
	}
	t.spent = false
	t.Flags = append(t.Flags, f.Flag)
	t.Checks = append(t.Checks, f.Check)
	if f.Unit != "" {
		t.Units = append(t.Units, f.Unit)
	}
	t.Assigned = t.Assigned || f.Assigned == person && person != ""
}
