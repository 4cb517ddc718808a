package portal

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/queue"
)

// Tasks are what people are asked to decide first, within their budgets.
type Tasks interface {
	QueueFor(ctx context.Context, person string) (queue.Queue, error)
}

// tasksBody is the queue of the person who has logged in.
type tasksBody struct {
	Tasks []taskLine
	// Folded tasks wait for the next week or day; they can be decided all the same.
	Folded, Blocks int
	// Introductions are indicator versions that await her signature.
	Introductions []introductionLine
}

// introductionLine is an indicator version that only its pilot units see.
type introductionLine struct {
	Indicator, Version string
	Since              catalog.Date
	// What is to be done, and the command that does it.
	What, Command string
}

// taskLine is one task: flags that are decided together.
type taskLine struct {
	Severity, Check, Path, Indicator, Unit string
	// Others are the checks of its other flags.
	Others   []string
	Flags    int
	Opened   catalog.Date
	Assigned bool
}

// tasksOf is the queue of who asks; nil: nobody has shown who she is. Tasks are in
// the order of the queue, which is by gravity and name and never by size.
func (p *Portal) tasksOf(r *http.Request, c *called) *tasksBody {
	if p.cfg.Pages.Tasks == nil {
		return nil
	}
	person, ok := p.person(r)
	if !ok {
		return nil
	}
	q, err := p.cfg.Pages.Tasks.QueueFor(r.Context(), person)
	if err != nil {
		p.cfg.Logger.Warn("a queue cannot be read; the list is shown without it", "error", err.Error())
		return nil
	}
	b := &tasksBody{Folded: q.Folded.Tasks, Blocks: q.Folded.Blocks}
	for _, t := range q.Tasks {
		if len(t.Flags) == 0 {
			continue
		}
		l := taskLine{Severity: string(t.Severity), Check: t.Check, Path: flagPath(t.Flags[0]), Indicator: c.indicator(t.Indicator), Unit: p.words.t("flag.all_units"),
			Flags: len(t.Flags), Opened: t.OpenedOn, Assigned: t.Assigned}
		if len(t.Units) > 0 {
			l.Unit = unitsSaid(c, t.Units)
		}
		for _, check := range t.Checks {
			if check != t.Check {
				l.Others = append(l.Others, check)
			}
		}
		b.Tasks = append(b.Tasks, l)
	}
	for _, n := range q.Introductions {
		l := introductionLine{Indicator: c.indicator(n.Indicator), Version: n.Version, Since: n.Since, What: p.words.t("introduce.draw"),
			Command: "larstrom protocol draw --indicator " + quoted(n.Indicator) + " --indicator-version " + quoted(n.Version) + " --seed TEXT --data " + p.data() + " --as USER"}
		if n.Protocol != "" {
			l.What = p.words.t("introduce.sign")
			l.Command = "larstrom protocol sign " + quoted(n.Protocol) + " --indicator " + quoted(n.Indicator) + " --indicator-version " + quoted(n.Version) +
				" --specification TEXT --comparison TEXT --checker USER --inside-checked N --inside-agreed N --outside-checked N --outside-agreed N --data " + p.data() + " --as USER"
		}
		b.Introductions = append(b.Introductions, l)
	}
	return b
}

// namedUnits is how many units of a task are named; of more, their number.
const namedUnits = 3

// unitsSaid names units, ordered by name.
func unitsSaid(c *called, units []string) string {
	var named []string
	for _, u := range units {
		named = append(named, c.unit(u))
	}
	slices.Sort(named)
	if n := len(named) - namedUnits; n > 0 {
		return strings.Join(named[:namedUnits], ", ") + " + " + strconv.Itoa(n)
	}
	return strings.Join(named, ", ")
}
