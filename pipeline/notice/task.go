package notice

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/queue"
)

// Duty is what somebody is to do.
type Duty string

// The duties.
const (
	// Review is deciding about a flag.
	Review Duty = "review"
	// Answer is the source's word on a reviewer's question.
	Answer Duty = "answer"
	// Confirm is a second person's word on a proposal.
	Confirm Duty = "confirm"
	// Tune is looking at a check that its decisions speak against, or for.
	Tune Duty = "tune"
	// Introduce is signing the introduction protocol of an indicator version, or
	// drawing its sample first.
	Introduce Duty = "introduce"
)

// Days is how many working days there are for a duty about a flag of the
// severity (CHECKS, review workflow).
func Days(d Duty, s event.Severity) int {
	switch d {
	case Review:
		if s == event.Block {
			return 2
		}
		return 5
	case Answer:
		return 5
	case Confirm:
		return 2
	case Introduce:
		// Nobody waits for it but the units that do not see the version: two weeks,
		// for cases have to be looked up in records.
		return 10
	}
	return 0
}

// Stage is how far a duty is beyond its beginning.
type Stage uint8

// The stages: from half of the days, from all of them, and from one and a half.
const (
	Fresh Stage = iota
	Half
	Due
	Late
)

// stageOf is the stage when used of days working days have passed.
func stageOf(used, days int) Stage {
	switch {
	case days <= 0:
		return Fresh
	case 2*used >= 3*days:
		return Late
	case used >= days:
		return Due
	case 2*used >= days:
		return Half
	}
	return Fresh
}

// duty is what the question awaits.
func (q *Question) duty() Duty {
	switch {
	case q.Waiting():
		return Answer
	case len(q.Proposals) > 0:
		return Confirm
	}
	return Review
}

// used counts the working days that have run of the duty up to the day on.
func (q *Question) used(d Duty, on catalog.Date, w Workdays) int {
	switch d {
	case Answer:
		return w.Between(q.Waits[len(q.Waits)-1].From, on)
	case Confirm:
		return w.Between(q.Proposals[0].On, on)
	}
	reviewer, _ := q.Days(q.OpenedOn, on, w.Between)
	return reviewer
}

// due is the day on which the last of the duty's days passes, as it looks on
// the day on.
func (q *Question) due(d Duty, on catalog.Date, w Workdays) catalog.Date {
	days := Days(d, q.Severity)
	used := q.used(d, on, w)
	if used <= days {
		return w.After(on, days-used)
	}
	due := on
	for q.used(d, due.AddDays(-1), w) >= days {
		due = due.AddDays(-1)
	}
	return due
}

// Advice is a proposal about the severity of a check, for a steward.
type Advice struct {
	Check   string
	Version int
	// Promote says to raise the severity; else to lower it.
	Promote bool
}

// task is what one person has to do about one flag or incident.
type task struct {
	id       string
	duty     Duty
	late     bool // here because those before have not done it
	incident string
	of       []*Question
	advice   Advice
	// introduction is that of the duty Introduce.
	introduction queue.Introduction
	stage        Stage
	due          catalog.Date
	severity     event.Severity
	impact       float64
	opened       uint64
}

// idOf names a task, anew each time that the duty begins anew, or a message.
func idOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// group is what makes questions one task: their incident, or else that one
// check asks them of one unit since one day.
func (q *Question) group(d Duty) string {
	what := q.Incident
	if what == "" {
		what = q.Check + " " + q.Unit + " " + q.OpenedOn.String()
	}
	round := strconv.Itoa(len(q.Waits))
	if d == Confirm {
		round = q.Proposals[0].Decision
		if b := q.Proposals[0].Batch; b != "" {
			round = b
		}
	}
	return string(d) + " " + round + " " + what
}

// add takes a question into the task.
func (t *task) add(q *Question, d Duty, on catalog.Date, w Workdays) {
	days := Days(d, q.Severity)
	used, due := q.used(d, on, w), q.due(d, on, w)
	if len(t.of) == 0 {
		t.duty, t.incident, t.due, t.opened, t.severity = d, q.Incident, due, q.OpenedSeq, q.Severity
	}
	t.of = append(t.of, q)
	t.stage = max(t.stage, stageOf(used, days))
	t.opened = min(t.opened, q.OpenedSeq)
	if due.Before(t.due) {
		t.due = due
	}
	if q.Severity == event.Block {
		t.severity = event.Block
	}
	t.impact += Impact(q)
}

// stageOn is the stage that the task had at the end of an earlier day.
func (t *task) stageOn(on catalog.Date, b *board) Stage {
	if t.duty == Introduce {
		return stageOf(b.workdays[t.introduction.Registry].Between(t.introduction.Since, on), Days(Introduce, ""))
	}
	s := Fresh
	for _, q := range t.of {
		s = max(s, stageOf(q.used(t.duty, on, b.days(q)), Days(t.duty, q.Severity)))
	}
	return s
}

// Impact is what is expected to change by a decision: how far the finding is
// from what was expected, as a share of the larger, times the cells that it
// keeps back, half where the indicator is not published yet.
func Impact(q *Question) float64 {
	delta := 1.0
	if m := max(math.Abs(q.Observed), math.Abs(q.Expected)); m > 0 {
		delta = min(1, math.Abs(q.Observed-q.Expected)/m)
	}
	use := 0.5
	if q.Published {
		use = 1
	}
	return delta * float64(max(1, len(q.Guards))) * use
}

// rank orders tasks by what is to be done first: what is late, what blocks,
// what changes most.
func rank(a, b *task) int {
	flag := func(v bool) int {
		if v {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(flag(a.late), flag(b.late)),
		cmp.Compare(flag(a.severity == event.Block), flag(b.severity == event.Block)),
		cmp.Compare(b.impact, a.impact), cmp.Compare(a.id, b.id))
}

// byName orders tasks as they are listed.
func byName(tasks []*task) {
	slices.SortStableFunc(tasks, func(a, b *task) int {
		return cmp.Or(cmp.Compare(a.advice.Check, b.advice.Check), cmp.Compare(a.introduction.Indicator, b.introduction.Indicator),
			cmp.Compare(a.introduction.Version, b.introduction.Version), cmp.Compare(a.first().Indicator, b.first().Indicator),
			cmp.Compare(a.first().Unit, b.first().Unit), cmp.Compare(a.id, b.id))
	})
}

// first is the question that the task is shown at.
func (t *task) first() *Question {
	if len(t.of) == 0 {
		return &Question{}
	}
	return slices.MinFunc(t.of, func(a, b *Question) int {
		return cmp.Or(cmp.Compare(a.Indicator, b.Indicator), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.FlagRaised.Flag, b.FlagRaised.Flag))
	})
}
