package portal

import (
	"context"
	"net/http"

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
}

// taskLine is one task: flags that are decided together.
type taskLine struct {
	Severity, Check, Path, Indicator, Unit string
	Flags                                  int
	Opened                                 catalog.Date
	Assigned                               bool
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
		if t.Unit != "" {
			l.Unit = c.unit(t.Unit)
		}
		b.Tasks = append(b.Tasks, l)
	}
	return b
}
