package notice

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/queue"
)

// Budgets of new tasks: per super-user and ISO week, per steward and day.
const (
	SuperUserWeek = 5
	StewardDay    = 20
)

// Input is what the notices of one moment depend on.
type Input struct {
	Catalog *catalog.Catalog
	// On is the day in the region's zone; Through the LEDGER sequence that is
	// known.
	On        catalog.Date
	Through   uint64
	Questions []Question
	Advice    []Advice
	// Introductions await a signature.
	Introductions []queue.Introduction
	// Sent are all notices before.
	Sent []event.NoticeSent
	// Explain says what a check is about; nil: nothing is said.
	Explain func(check string) catalog.Text
	// Pages is the address of the portal, without a slash at its end; empty:
	// messages have no links.
	Pages string
}

// board is who has which tasks.
type board struct {
	in       Input
	people   []catalog.Person // by id; no administrators
	actors   map[string]gate.Actor
	workdays map[string]Workdays // by registry
	tasks    map[string]map[string]*task
	reach    map[string][]string
}

func newBoard(in Input) *board {
	b := boardOf(in, true)
	for i := range in.Questions {
		b.place(&in.Questions[i])
	}
	for _, a := range in.Advice {
		b.advise(a)
	}
	for _, n := range in.Introductions {
		b.introduce(n)
	}
	return b
}

// boardOf is a board without tasks. Those who cannot be written to are on it
// where addressed is false.
func boardOf(in Input, addressed bool) *board {
	b := &board{in: in, actors: map[string]gate.Actor{}, workdays: map[string]Workdays{}, tasks: map[string]map[string]*task{}, reach: map[string][]string{}}
	for _, p := range in.Catalog.People {
		if addressed && p.Email == "" || has(p, gate.Administrator) {
			continue
		}
		b.people = append(b.people, p)
		b.actors[p.ID] = gate.NewActor(p, in.Catalog.Units, in.On)
	}
	from := in.On
	for i := range in.Questions {
		if d := in.Questions[i].OpenedOn; d.Before(from) {
			from = d
		}
	}
	for _, n := range in.Introductions {
		if n.Since.Before(from) {
			from = n.Since
		}
	}
	for _, r := range in.Catalog.Registries {
		b.workdays[r.Code] = NewWorkdays(r.Country, from, in.On.AddDays(366))
	}
	return b
}

func has(p catalog.Person, role string) bool {
	return slices.ContainsFunc(p.Roles, func(r catalog.Role) bool { return r.Role == role })
}

// registry is that of the question's indicator.
func (b *board) registry(q *Question) string {
	if ind, ok := b.in.Catalog.Index().Indicator(q.Indicator); ok {
		return ind.Registry
	}
	return ""
}

func (b *board) days(q *Question) Workdays { return b.workdays[b.registry(q)] }

// place gives the question to those whose it is, and once it is late to the
// next level as well (check L05).
func (b *board) place(q *Question) {
	d := q.duty()
	w := b.days(q)
	levels := b.levels(q, d)
	at, next := steps(levels)
	if at < 0 {
		return
	}
	late := stageOf(q.used(d, b.in.On, w), Days(d, q.Severity)) == Late
	if !late && d == Review && !q.Snoozed.IsZero() && !q.Snoozed.Before(b.in.On) {
		return // she has said when she wants to see it again
	}
	for _, p := range levels[at].people {
		b.give(p, q, d, false)
	}
	if !late || next < 0 {
		return
	}
	for _, p := range levels[next].people {
		if !slices.Contains(levels[at].people, p) {
			b.give(p, q, d, true)
		}
	}
}

// level is who answers for a duty by one role.
type level struct {
	role   string
	people []string
}

// steps are the first level with people and the next that has others; -1:
// there is none.
func steps(levels []level) (at, next int) {
	at = slices.IndexFunc(levels, func(l level) bool { return len(l.people) > 0 })
	if at < 0 {
		return -1, -1
	}
	for n := at + 1; n < len(levels); n++ {
		if slices.ContainsFunc(levels[n].people, func(p string) bool { return !slices.Contains(levels[at].people, p) }) {
			return at, n
		}
	}
	return at, -1
}

// levels are who answers for the duty, and who after them.
func (b *board) levels(q *Question, d Duty) []level {
	super, region, national := b.allowed(q, event.Accept, gate.SuperUser), b.allowed(q, gate.Confirm, gate.RegionSteward), b.allowed(q, gate.Confirm, gate.NationalSteward)
	switch d {
	case Answer:
		return []level{{gate.SourceOperator, b.allowed(q, event.Answer, gate.SourceOperator)}, {gate.SuperUser, super}, {gate.RegionSteward, region}, {gate.NationalSteward, national}}
	case Confirm:
		proposer := func(p string) bool {
			return !slices.ContainsFunc(q.Proposals, func(o event.DecisionProposed) bool { return o.By != p })
		}
		return []level{{gate.RegionSteward, slices.DeleteFunc(slices.Clone(region), proposer)}, {gate.NationalSteward, slices.DeleteFunc(slices.Clone(national), proposer)}}
	}
	levels := []level{{gate.SuperUser, super}, {gate.RegionSteward, region}, {gate.NationalSteward, national}}
	for _, l := range levels {
		if slices.Contains(l.people, q.Assigned) {
			// She is asked first, and alone: it is in nobody else's queue.
			return append([]level{{l.role, []string{q.Assigned}}}, levels...)
		}
	}
	return levels
}

// allowed are the people who by that role may do kind to the flag, by id.
func (b *board) allowed(q *Question, kind, role string) []string {
	registries, units := []string{b.registry(q)}, []string{q.Unit}
	for _, g := range q.Guards {
		registries, units = append(registries, g.Registry), append(units, g.Unit)
	}
	slices.Sort(registries)
	slices.Sort(units)
	registries, units = slices.Compact(registries), slices.Compact(units)
	key := kind + "|" + role + "|" + strings.Join(registries, ",") + "|" + strings.Join(units, ",")
	if known, ok := b.reach[key]; ok {
		return known
	}
	out := []string{}
	for _, p := range b.people {
		a := b.actors[p.ID]
		a.Roles = slices.DeleteFunc(slices.Clone(a.Roles), func(r catalog.Role) bool { return r.Role != role })
		if len(a.Roles) > 0 && gate.Allowed(a, kind, registries, units) == nil {
			out = append(out, p.ID)
		}
	}
	b.reach[key] = out
	return out
}

func (b *board) give(person string, q *Question, d Duty, late bool) {
	group := q.group(d)
	if late {
		group = "late " + group
	}
	t := b.task(person, idOf(group))
	t.late = late
	t.add(q, d, b.in.On, b.days(q))
}

func (b *board) task(person, id string) *task {
	if b.tasks[person] == nil {
		b.tasks[person] = map[string]*task{}
	}
	if b.tasks[person][id] == nil {
		b.tasks[person][id] = &task{id: id}
	}
	return b.tasks[person][id]
}

// advise gives a proposal about a check to the national stewards, or where
// there are none to the region's.
func (b *board) advise(a Advice) {
	for _, role := range []string{gate.NationalSteward, gate.RegionSteward} {
		found := false
		for _, p := range b.people {
			if has(p, role) {
				found = true
				t := b.task(p.ID, idOf(string(Tune), a.Check, strconv.Itoa(a.Version), strconv.FormatBool(a.Promote)))
				t.duty, t.advice = Tune, a
			}
		}
		if found {
			return
		}
	}
}

// introduce gives an indicator version that awaits its signature to all who may
// sign: it is one person's work, and nobody's to withhold from the others.
func (b *board) introduce(n queue.Introduction) {
	w := b.workdays[n.Registry]
	for _, p := range b.people {
		if len(queue.For([]queue.Introduction{n}, b.actors[p.ID])) == 0 {
			continue
		}
		t := b.task(p.ID, idOf(string(Introduce), n.Indicator, n.Version, n.Protocol, n.Since.String()))
		t.duty, t.introduction = Introduce, n
		t.stage, t.due = stageOf(w.Between(n.Since, b.in.On), Days(Introduce, "")), w.After(n.Since, Days(Introduce, ""))
	}
}

// told is what a person has been told before.
type told struct {
	offered map[string]bool
	// digest is the day of the last digest, or zero.
	digest catalog.Date
	// today: there was a digest on this day.
	today bool
	// week and day count the new tasks of this ISO week and of this day.
	week, day int
}

func (b *board) told(person string) told {
	t := told{offered: map[string]bool{}}
	week := catalog.Week.PeriodStart(b.in.On)
	for _, n := range b.in.Sent {
		if n.Person != person {
			continue
		}
		for _, id := range n.Offered {
			t.offered[id] = true
		}
		if n.Kind == event.NoticeDigest {
			if t.digest.Before(n.On) {
				t.digest = n.On
			}
			t.today = t.today || n.On.Equal(b.in.On)
		}
		if catalog.Week.PeriodStart(n.On).Equal(week) {
			t.week += n.New
		}
		if n.On.Equal(b.in.On) {
			t.day += n.New
		}
	}
	return t
}

// budget is how many new tasks the person may be given now; negative: any.
func budget(p catalog.Person, t told) int {
	switch {
	case has(p, gate.RegionSteward) || has(p, gate.NationalSteward):
		return max(0, StewardDay-t.day)
	case has(p, gate.SuperUser):
		return max(0, SuperUserWeek-t.week)
	}
	return -1
}

// works reports whether the day is a working day in a country of the tasks.
func (b *board) works(tasks map[string]*task) bool {
	for _, t := range tasks {
		for _, q := range t.of {
			if b.days(q).On(b.in.On) {
				return true
			}
		}
		if t.duty == Introduce && b.workdays[t.introduction.Registry].On(b.in.On) {
			return true
		}
	}
	// Advice is about no registry.
	return slices.ContainsFunc(slices.Collect(maps.Keys(b.workdays)), func(r string) bool { return b.workdays[r].On(b.in.On) }) &&
		!slices.ContainsFunc(slices.Collect(maps.Values(tasks)), func(t *task) bool { return len(t.of) > 0 })
}

// Digests are the digests that are due on the day, by person. A person whom
// nothing new concerns gets none.
func Digests(in Input) []Message {
	b := newBoard(in)
	var out []Message
	for _, p := range b.people {
		tasks, t := b.tasks[p.ID], b.told(p.ID)
		if len(tasks) == 0 || t.today || !b.works(tasks) {
			continue
		}
		m := message{person: p, kind: event.NoticeDigest, tasks: len(tasks)}
		for _, id := range slices.Sorted(maps.Keys(tasks)) {
			o := tasks[id]
			switch {
			case !t.offered[id]:
				m.fresh = append(m.fresh, o)
			case o.duty != Tune && o.stage > o.stageOn(t.digest, b):
				m.again = append(m.again, o)
			}
		}
		slices.SortFunc(m.fresh, rank)
		if n := budget(p, t); n >= 0 && len(m.fresh) > n {
			m.beyond = len(m.fresh) - n
			m.fresh = m.fresh[:n]
		}
		if len(m.fresh)+len(m.again) == 0 {
			continue
		}
		m.id = idOf(in.Catalog.Region.Code, m.kind, p.ID, in.On.String())
		out = append(out, b.write(m))
	}
	return out
}

// Immediate are the messages about BLOCKs on published indicators that a
// reviewer or a steward of the region has not been told of, by person. The
// budget does not hold them back.
func Immediate(in Input) []Message {
	in.Questions = slices.DeleteFunc(slices.Clone(in.Questions), func(q Question) bool {
		return q.Severity != event.Block || !q.Published || q.duty() != Review
	})
	in.Advice, in.Introductions = nil, nil
	if len(in.Questions) == 0 {
		return nil
	}
	b := newBoard(in)
	for i := range in.Questions {
		q := &in.Questions[i]
		snoozed := !q.Snoozed.IsZero() && !q.Snoozed.Before(in.On)
		for _, p := range b.allowed(q, gate.Confirm, gate.RegionSteward) {
			if id := idOf(q.group(Review)); !snoozed && (b.tasks[p] == nil || b.tasks[p][id] == nil || !slices.Contains(b.tasks[p][id].of, q)) {
				b.give(p, q, Review, false)
			}
		}
	}
	var out []Message
	for _, p := range b.people {
		t := b.told(p.ID)
		m := message{person: p, kind: event.NoticeImmediate, tasks: len(b.tasks[p.ID])}
		for _, id := range slices.Sorted(maps.Keys(b.tasks[p.ID])) {
			if o := b.tasks[p.ID][id]; !o.late && !t.offered[id] {
				m.fresh = append(m.fresh, o)
			}
		}
		if len(m.fresh) == 0 {
			continue
		}
		// What was opened first is in the message whatever came since: computed
		// again after a crash, it is the same one.
		oldest := slices.MinFunc(m.fresh, func(x, y *task) int { return cmp.Or(cmp.Compare(x.opened, y.opened), cmp.Compare(x.id, y.id)) })
		m.id = idOf(in.Catalog.Region.Code, m.kind, p.ID, oldest.id)
		slices.SortFunc(m.fresh, rank)
		out = append(out, b.write(m))
	}
	return out
}
