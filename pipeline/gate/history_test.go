package gate_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
)

// night draws what the services do in one run: a delivery changes some cells,
// checks find something about some of them, the gate is asked what to append,
// flags whose cause is gone close, and what is clean is released.
func (b *book) night(t *rapid.T, asOf catalog.Date) {
	b.rev++
	units, months := []string{"E", "F"}, []int{1, 2, 3}
	var changed []event.Guard
	for _, u := range units {
		for _, m := range months {
			letter := rapid.SampledFrom([]string{"", "", "", "A", "B", "C", "-"}).Draw(t, "delivered")
			k := key(u, m)
			if letter == "" || b.s.View(k).Current.Fingerprint == fp(k, letter) {
				continue
			}
			b.take(gate.Version{Key: k, Fingerprint: fp(k, letter), Rev: b.rev, Tombstone: letter == "-"})
			changed = append(changed, guard(k, letter))
		}
	}
	var found []event.FlagRaised
	add := func(check string, sev event.Severity, gs ...event.Guard) {
		f := finding("", check, sev, b.rev, gs...)
		f.Flag, f.Run = check, fmt.Sprint("run ", b.rev)
		for _, g := range gs {
			f.Flag += fmt.Sprintf(" %s%s%x", g.Unit, g.Period, g.Fingerprint[:3])
		}
		f.Observed = float64(rapid.SampledFrom([]int{85, 90, 70}).Draw(t, "observed"))
		f.Low, f.High = f.Observed-10, f.Observed+10
		found = append(found, f)
	}
	for _, g := range changed {
		switch rapid.SampledFrom([]string{"", "", "K09", "K09", "T04", "C10", "C10", "C11", "both"}).Draw(t, "found") {
		case "K09":
			add("K09", event.Hold, g)
		case "T04":
			add("T04", event.Hold, g)
		case "C10":
			add("C10", event.Block, g)
		case "C11":
			add("C11", event.Note, g)
		case "both":
			add("K09", event.Hold, g)
			add("C10", event.Block, g)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "silent") == 0 {
		// One flag over several cells, some of which never existed or are
		// visible already.
		var gs []event.Guard
		for _, m := range months {
			k := key("E", m)
			v := b.s.View(k).Current.Fingerprint
			if v.IsZero() {
				v = fp(k, "-")
			}
			gs = append(gs, event.GuardOf(k, v))
		}
		add("K01", event.Hold, gs...)
	}
	for _, f := range found {
		f, verdict := b.s.Admit(f, asOf)
		if verdict != gate.Known {
			b.append(f)
		}
	}
	for _, l := range b.s.Lapses("run", b.rev, asOf) {
		b.append(l)
	}
	for _, p := range b.s.Cleared(fmt.Sprint("run ", b.rev), b.rev, asOf, func(gate.Flag) bool { return rapid.IntRange(0, 2).Draw(t, "clean") > 0 }) {
		b.append(p)
	}
	for _, r := range b.s.Resolutions("run", b.rev) {
		b.append(r)
	}
	if len(b.s.Contests(b.rev)) > 0 {
		// What would be released now shows nothing of the contested cells.
		r := b.s.Release("run", b.rev, 1, b.rev)
		for _, c := range b.s.Contests(b.rev) {
			if !slices.Contains(r.Except, c.Now) && len(r.ExceptFlags) == 0 {
				b.t.Fatalf("the contested %s is not excepted from %+v", c.Cell, r)
			}
		}
	}
	for _, s := range b.s.Settled("run", b.rev, asOf, func(gate.Contest) bool { return rapid.IntRange(0, 3).Draw(t, "agrees") == 0 }) {
		b.append(s)
	}
	b.append(b.s.Release("run", b.rev, 1, b.rev))
}

// later draws how much later the next event comes; time is recorded with each.
func (b *book) later(t *rapid.T) {
	b.now = b.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 5, 30}).Draw(t, "hours")) * time.Hour)
}

// decision draws what a person does; refusals are part of life.
func (b *book) decision(t *rapid.T, on catalog.Date) {
	// What is open, and more so what awaits a second person, gets most of the
	// attention.
	var ids []string
	for f := range b.s.Flags {
		n := 1
		switch f.Status {
		case gate.Open:
			n += 3 + 20*len(f.Proposals)
		case gate.Corrected, gate.Accepted, gate.Waived, gate.Covered, gate.Rejected:
			n += 3
		}
		ids = append(ids, slices.Repeat([]string{f.Flag}, n)...)
	}
	if len(ids) == 0 {
		return
	}
	id := rapid.SampledFrom(ids).Draw(t, "flag")
	f, _ := b.s.Flag(id)
	kinds := []string{event.Accept, event.Accept, event.Accept, event.Accept, event.RejectIt, event.RejectIt, event.Comment, event.Snooze, gate.Confirm,
		event.Correct, event.Correct, event.Correct, gate.Undo, gate.Undo, event.Answer, gate.Judge, gate.Assign, gate.Attach}
	b.later(t)
	switch {
	case len(f.Proposals) > 0:
		kinds = append(kinds, gate.Refuse, gate.Confirm, gate.Confirm, gate.Confirm, gate.Confirm, gate.Confirm, gate.Confirm)
	case f.Status != gate.Open && f.Status != gate.Resolved:
		kinds = append(kinds, gate.Undo, gate.Undo, gate.Undo, gate.Undo)
	case f.Status == gate.Open && f.Severity == event.Block:
		kinds = append(kinds, event.Waive, event.Waive, event.Waive, event.Waive, event.Waive, event.Waive, event.Waive, event.Waive, event.Waive, event.Waive)
	}
	cmd := gate.Command{Flag: id, Cause: gate.Unknown, Note: "n", ExpectedVersion: f.Version,
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind")}
	if cmd.Kind == event.Snooze {
		cmd.Until = on.AddDays(3)
	}
	if cmd.Kind == event.Correct || cmd.Kind == gate.Judge {
		cmd.Evidence = "e"
	}
	if cmd.Kind == event.Correct {
		letter := rapid.SampledFrom([]string{"A", "B", "C", "D"}).Draw(t, "right")
		for _, g := range b.s.Current(id) {
			cmd.Corrections = append(cmd.Corrections, correction(g, letter))
		}
	}
	cmd.At = b.now
	if (cmd.Kind == gate.Confirm || cmd.Kind == gate.Refuse) && len(f.Proposals) > 0 {
		cmd.Decision = rapid.SampledFrom(f.Proposals).Draw(t, "proposal").Decision
	}
	if cmd.Kind == event.Accept && rapid.Bool().Draw(t, "weighed") {
		cmd.Effects = []gate.Effect{{Unit: "E", Points: rapid.SampledFrom([]float64{0, 2, -3, 5, -5.1, 40}).Draw(t, "points")}}
	}
	who := rapid.SampledFrom([]gate.Actor{steward, second, steward, second, actor("p3", gate.SuperUser, "E"), actor("p4", gate.Administrator)}).Draw(t, "who")
	bodies, err := b.s.Decide(cmd, who, on)
	if err != nil {
		for _, known := range []error{gate.ErrInvalid, gate.ErrForbidden, gate.ErrClosed, gate.ErrFourEyes, gate.ErrCorrections, gate.ErrTooLate} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("refused by %v", err)
	}
	for _, body := range bodies {
		b.append(body)
		if d, ok := body.(event.DecisionMade); ok && d.Kind == event.Accept && d.By == "p3" {
			for _, e := range cmd.Effects {
				if e.Points > 5 || e.Points < -5 {
					t.Fatalf("a super-user accepted alone what moves her unit by %v", e.Points)
				}
			}
			if cmd.Effects == nil {
				t.Fatal("a super-user accepted alone what nobody has weighed")
			}
			if sum := b.alone("p3", on); sum > 5 {
				t.Fatalf("a super-user moved her unit alone by %v, bit by bit", sum)
			}
		}
		// Often another steward is at hand, or the same one tries.
		if p, ok := body.(event.DecisionProposed); ok && rapid.IntRange(0, 4).Draw(t, "seconded") < 4 {
			confirmer := rapid.SampledFrom([]gate.Actor{second, steward}).Draw(t, "confirmer")
			kind := rapid.SampledFrom([]string{gate.Confirm, gate.Confirm, gate.Confirm, gate.Confirm, gate.Refuse}).Draw(t, "word")
			confirmed, err := b.s.Decide(gate.Command{Flag: id, Kind: kind, Decision: p.Decision, Note: "n"}, confirmer, on)
			if own := confirmer.ID == p.By; own != errors.Is(err, gate.ErrFourEyes) || !own && err != nil {
				t.Fatalf("%s confirms what %s proposed: %v", confirmer.ID, p.By, err)
			}
			for _, body := range confirmed {
				b.append(body)
			}
		}
	}
	released := func() {
		if last, ok := b.s.LastRelease(); ok && rapid.IntRange(0, 4).Draw(t, "released") > 0 {
			b.append(b.s.Release(last.Run, last.Rev, last.CellsFrom, last.CellsTo))
		}
	}
	released()
	// And sometimes it is taken back at once.
	if rapid.IntRange(0, 5).Draw(t, "second thoughts") == 0 {
		undone, err := b.s.Decide(gate.Command{Flag: id, Kind: gate.Undo, At: b.now}, second, on)
		if err != nil && !errors.Is(err, gate.ErrInvalid) && !errors.Is(err, gate.ErrClosed) && !errors.Is(err, gate.ErrTooLate) {
			t.Fatalf("taken back at once: %v", err)
		}
		for _, body := range undone {
			b.append(body)
		}
		released()
	}
}

// alone is by how much the person has moved values alone in the 90 days up to
// the day on, as far as it was not taken back.
func (b *book) alone(who string, on catalog.Date) (sum float64) {
	back := map[string]bool{}
	for _, e := range b.events {
		if w, err := event.Decode[event.DecisionWithdrawn](e); err == nil {
			back[w.Decision] = true
		}
	}
	for _, e := range b.events {
		d, err := event.Decode[event.DecisionMade](e)
		if err != nil || d.By != who || back[d.Decision] || d.On.AddDays(90).Before(on) {
			continue
		}
		for _, m := range d.Moves {
			sum += max(m.Points, -m.Points)
		}
	}
	return sum
}

// history draws a whole log, checking after every step.
func history(t *rapid.T, check func(*book)) *book {
	b := &book{t: t, s: gate.New("nord", "i1"), now: time.Unix(0, 0)}
	on := day
	for range rapid.IntRange(12, 40).Draw(t, "steps") {
		if rapid.IntRange(0, 2).Draw(t, "step") == 0 {
			on = on.AddDays(rapid.SampledFrom([]int{1, 1, 40, 95}).Draw(t, "days"))
			b.night(t, on)
		} else {
			b.decision(t, on)
		}
		if check != nil {
			check(b)
		}
	}
	return b
}

// plain is the rule of the gate told once more from the log alone, without any
// of the state machine's indices: the slow reading that it must agree with.
type plain struct {
	status    map[string]string
	flags     map[string]event.FlagRaised
	withdrawn map[event.Guard]bool
	visible   map[cell.Key]gate.Version
	proposers map[string]string
	problems  []string
	// also are the versions that a flag guards since a conflict.
	also      map[string][]event.Guard
	corrected map[cell.Key]*answer
	proposals map[string]event.DecisionProposed
	made      map[string]event.DecisionMade
	shown     map[cell.Key]bool // the visible version is a correction
	// before are, by flag, what its cells showed when it was closed by a person
	// or by memory.
	before map[string]map[cell.Key]sight
	// clean are, by open flag, the runs that did not find it again.
	clean map[string]map[string]bool
}

// sight is what is shown of a cell.
type sight struct {
	gate.Version
	corrected bool
}

// answer is a standing correction.
type answer struct {
	base, shown cell.Fingerprint
	flags       map[string]bool
}

// closing remembers what is shown of the flag's cells.
func (p *plain) closing(flag string) {
	p.before[flag] = map[cell.Key]sight{}
	for _, g := range p.guards(flag) {
		k := g.Key("nord", "i1")
		if v, ok := p.visible[k]; ok && !v.Tombstone && v.Fingerprint != g.Fingerprint {
			p.before[flag][k] = sight{v, p.shown[k]}
		}
	}
}

// gone: the version is not to come back by an undo.
func (p *plain) gone(k cell.Key, f cell.Fingerprint) {
	for _, b := range p.before {
		if b[k].Fingerprint == f {
			delete(b, k)
		}
	}
}

// back shows what was shown before the flags were closed.
func (p *plain) back(flags []string) {
	for _, flag := range flags {
		for _, g := range p.guards(flag) {
			k := g.Key("nord", "i1")
			if v, ok := p.visible[k]; ok && !p.guarded(k, v.Fingerprint) {
				continue
			}
			var best sight
			for _, of := range flags {
				if s, ok := p.before[of][k]; ok && s.Rev > best.Rev && !p.held(k, s.Fingerprint) {
					best = s
				}
			}
			if best.Rev > 0 {
				p.visible[k], p.shown[k] = best.Version, best.corrected
			}
		}
	}
}

func (p *plain) guards(flag string) []event.Guard {
	return append(slices.Clone(p.flags[flag].Guards), p.also[flag]...)
}

// unanswer ends what a flag's corrections show.
func (p *plain) unanswer(flag string) {
	for k, a := range p.corrected {
		if !a.flags[flag] {
			continue
		}
		if delete(a.flags, flag); len(a.flags) == 0 {
			delete(p.corrected, k)
		}
		p.gone(k, a.shown)
		if p.shown[k] && p.visible[k].Fingerprint == a.shown {
			delete(p.visible, k)
		}
	}
}

// answered ends a correction because the source has sent again.
func (p *plain) answered(k cell.Key, except string) {
	a := p.corrected[k]
	delete(p.corrected, k)
	for flag := range a.flags {
		rests := false
		for _, o := range p.corrected {
			rests = rests || o.flags[flag]
		}
		if !rests && flag != except && p.status[flag] == "corrected" {
			p.status[flag] = "resolved"
		}
	}
}

func read(versions []gate.Version, events []event.Event) *plain {
	p := &plain{status: map[string]string{}, flags: map[string]event.FlagRaised{}, withdrawn: map[event.Guard]bool{},
		visible: map[cell.Key]gate.Version{}, proposers: map[string]string{}, also: map[string][]event.Guard{}, corrected: map[cell.Key]*answer{},
		proposals: map[string]event.DecisionProposed{}, made: map[string]event.DecisionMade{}, shown: map[cell.Key]bool{},
		before: map[string]map[cell.Key]sight{}, clean: map[string]map[string]bool{}}
	withdrawnBy := map[string]map[event.Guard]bool{}
	standing := map[string]string{}
	hide := func(flag string) {
		for _, g := range p.guards(flag) {
			p.gone(g.Key("nord", "i1"), g.Fingerprint)
			if v, ok := p.visible[g.Key("nord", "i1")]; ok && v.Fingerprint == g.Fingerprint {
				delete(p.visible, v.Key)
			}
		}
	}
	for _, e := range events {
		switch e.Type {
		case event.TypeFlagRaised:
			f, _ := event.Decode[event.FlagRaised](e)
			if old := p.flags[f.Flag]; p.status[f.Flag] == "open" && (old.Severity == event.Block || old.Severity == event.Hold && f.Severity == event.Note) {
				f.Severity = old.Severity
			}
			if p.status[f.Flag] != "open" {
				p.unanswer(f.Flag)
			}
			p.flags[f.Flag] = f
			p.clean[f.Flag] = map[string]bool{}
			p.status[f.Flag] = "open"
			switch {
			case f.Memory != "" && p.status[f.Memory] == "rejected":
				// What a person has rejected and the check still finds is rejected.
				p.unanswer(f.Flag)
				p.status[f.Flag] = "rejected"
				withdrawnBy["memory "+f.Flag] = map[event.Guard]bool{}
				for _, g := range p.guards(f.Flag) {
					withdrawnBy["memory "+f.Flag][g] = true
				}
				hide(f.Flag)
			case f.Memory != "":
				p.status[f.Flag] = "covered"
				p.closing(f.Flag)
			}
		case event.TypeFlagResolved:
			r, _ := event.Decode[event.FlagResolved](e)
			if r.Reason == gate.Passed {
				if len(p.clean[r.Flag]) < 2 || p.flags[r.Flag].Severity == event.Block {
					p.problems = append(p.problems, fmt.Sprintf("%s closed by itself after %d clean runs", r.Flag, len(p.clean[r.Flag])))
				}
			} else if s := p.flags[r.Flag].Severity; s == event.Block || s == event.Hold {
				hide(r.Flag)
			}
			p.status[r.Flag] = "resolved"
		case event.TypeDecisionMade:
			d, _ := event.Decode[event.DecisionMade](e)
			p.made[d.Decision] = d
			switch d.Kind {
			case event.Accept:
				p.closing(d.Flag)
				p.status[d.Flag], standing[d.Flag] = "accepted", d.Decision
			case event.RejectIt:
				p.unanswer(d.Flag)
				p.status[d.Flag], standing[d.Flag] = "rejected", d.Decision
				withdrawnBy[d.Decision] = map[event.Guard]bool{}
				for _, g := range p.guards(d.Flag) {
					k := g.Key("nord", "i1")
					v, ok := p.visible[k]
					back := ok && !v.Tombstone && v.Rev > p.flags[d.Flag].Rev
					if !back || g.Fingerprint != fp(k, "-") {
						withdrawnBy[d.Decision][g] = true
					}
				}
				hide(d.Flag)
			}
		case event.TypeFlagPassed:
			r, _ := event.Decode[event.FlagPassed](e)
			p.clean[r.Flag][r.Run] = true
		case event.TypeDecisionProposed:
			d, _ := event.Decode[event.DecisionProposed](e)
			p.proposers[d.Decision], p.proposals[d.Decision] = d.By, d
		case event.TypeDecisionWithdrawn:
			d, _ := event.Decode[event.DecisionWithdrawn](e)
			if standing[d.Flag] != d.Decision || p.status[d.Flag] == "open" {
				break
			}
			reopened := []string{d.Flag}
			if p.status[d.Flag] == "accepted" {
				for id := range p.flags {
					if p.status[id] == "covered" && p.flags[id].Memory == d.Flag {
						p.status[id] = "open"
						reopened = append(reopened, id)
					}
				}
			}
			if p.status[d.Flag] == "rejected" {
				for id := range p.flags {
					if p.status[id] == "rejected" && p.flags[id].Memory == d.Flag {
						p.status[id] = "open"
						reopened = append(reopened, id)
						delete(withdrawnBy, "memory "+id)
					}
				}
			}
			delete(withdrawnBy, d.Decision)
			clear(p.withdrawn)
			for _, by := range withdrawnBy {
				for g := range by {
					p.withdrawn[g] = true
				}
			}
			p.unanswer(d.Flag)
			p.status[d.Flag] = "open"
			for _, id := range reopened {
				p.clean[id] = map[string]bool{}
			}
			p.back(reopened)
		case event.TypeFlagReopened:
			d, _ := event.Decode[event.FlagReopened](e)
			for _, g := range d.Guards {
				p.answered(g.Key("nord", "i1"), d.Flag)
				p.also[d.Flag] = append(p.also[d.Flag], g)
			}
			if p.status[d.Flag] != "open" {
				p.clean[d.Flag] = map[string]bool{}
			}
			p.status[d.Flag] = "open"
		case event.TypeCorrectionRetired:
			d, _ := event.Decode[event.CorrectionRetired](e)
			p.answered(d.Cell.Key("nord", "i1"), "")
		case event.TypeDecisionConfirmed:
			d, _ := event.Decode[event.DecisionConfirmed](e)
			standing[d.Flag] = d.Decision
			p.closing(d.Flag)
			switch q := p.proposals[d.Decision]; q.Kind {
			case event.Accept:
				p.status[d.Flag] = "accepted"
			case event.Correct:
				p.status[d.Flag] = "corrected"
				for _, c := range q.Corrections {
					k := c.Cell.Key("nord", "i1")
					if p.corrected[k] == nil {
						p.corrected[k] = &answer{base: c.Cell.Fingerprint, shown: gate.ShownAs(c, "nord", "i1"), flags: map[string]bool{}}
					}
					p.corrected[k].flags[d.Flag] = true
				}
			default:
				p.status[d.Flag] = "waived"
			}
			if p.proposers[d.Decision] == d.By || p.proposers[d.Decision] == "" {
				p.problems = append(p.problems, d.By+" proposed and confirmed "+d.Decision)
			}
		case event.TypeReleaseMade:
			r, _ := event.Decode[event.ReleaseMade](e)
			for k, v := range newest(versions, r.Rev) {
				if p.kept(k, v.Fingerprint) {
					continue
				}
				was, wasShown := p.visible[k], p.shown[k]
				p.shown[k] = false
				if a := p.corrected[k]; a != nil {
					v.Fingerprint, p.shown[k] = a.shown, true
				}
				p.visible[k] = v
				if !v.Tombstone && (was != v || wasShown != p.shown[k]) {
					for _, by := range withdrawnBy {
						delete(by, event.GuardOf(k, fp(k, "-")))
					}
				}
			}
		}
		clear(p.withdrawn)
		for _, by := range withdrawnBy {
			for g := range by {
				p.withdrawn[g] = true
			}
		}
	}
	return p
}

func newest(versions []gate.Version, rev uint64) map[cell.Key]gate.Version {
	m := map[cell.Key]gate.Version{}
	for _, v := range versions {
		if old, ok := m[v.Key]; v.Rev <= rev && (!ok || old.Rev < v.Rev) {
			m[v.Key] = v
		}
	}
	return m
}

func (p *plain) guarded(k cell.Key, f cell.Fingerprint) bool {
	for id, flag := range p.flags {
		if a := p.corrected[k]; a != nil && a.flags[id] && a.base == f {
			continue
		}
		if p.status[id] == "open" && (flag.Severity == event.Block || flag.Severity == event.Hold) &&
			slices.Contains(p.guards(id), event.GuardOf(k, f)) {
			return true
		}
	}
	return false
}

// kept: nothing of the cell can be released while f is its newest version.
func (p *plain) kept(k cell.Key, f cell.Fingerprint) bool {
	a := p.corrected[k]
	return p.held(k, f) || a != nil && (a.base != f || p.held(k, a.shown))
}

func (p *plain) held(k cell.Key, f cell.Fingerprint) bool {
	return p.withdrawn[event.GuardOf(k, f)] || p.guarded(k, f)
}

// statuses compares the flags with those that package run tells from the log.
func (b *book) statuses(t *rapid.T) {
	var s run.State
	for _, e := range b.events {
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	told, err := s.FlagsAt(s.Seq)
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for f := range b.s.Flags {
		if told[i].Flag != f.Flag || told[i].Status != f.Status.String() {
			t.Fatalf("the log tells of flag %s that it is %s, the gate has %s %s", told[i].Flag, told[i].Status, f.Flag, f.Status)
		}
		i++
	}
}

// agree compares what is seen with the slow reading.
func (b *book) agree(t *rapid.T) {
	p := read(b.versions, b.events)
	for _, problem := range p.problems {
		t.Fatalf("%s", problem)
	}
	now := newest(b.versions, b.rev)
	keys := map[cell.Key]bool{}
	for k, v := range b.s.Views {
		keys[k] = true
		shown, ok := p.visible[k]
		if ok && p.guarded(k, shown.Fingerprint) {
			ok = false
		}
		ok = ok && !shown.Tombstone
		if sees := v.State == gate.Released || v.State == gate.HeldPrevious; sees != ok || sees && (v.Shown.Fingerprint != shown.Fingerprint || v.Shown.Rev != shown.Rev) {
			t.Fatalf("%s is %s with %v, the log says %v %v", k, v.State, v.Shown, ok, shown)
		}
		if ok && p.held(k, v.Shown.Fingerprint) {
			t.Fatalf("%s shows a version that is held or withdrawn", k)
		}
		current, has := now[k]
		if v.Current.Fingerprint != current.Fingerprint || v.Current.Rev != current.Rev {
			t.Fatalf("%s has the current version %v, want %v", k, v.Current, current)
		}
		if !has {
			current.Fingerprint = fp(k, "-")
		}
		if ok && v.Shown.Corrected != p.shown[k] {
			t.Fatalf("%s shows a correction: %v, want %v", k, v.Shown.Corrected, p.shown[k])
		}
		if c, is := b.s.Correction(k, v.Shown.Fingerprint); v.Shown.Corrected && (!is || c.By == c.Confirmed || c.By == "" || c.Confirmed == "") {
			t.Fatalf("%s shows the correction %+v", k, c)
		}
		visible, any := p.visible[k]
		question := p.kept(k, current.Fingerprint) || any && p.guarded(k, visible.Fingerprint)
		if marked := v.State == gate.HeldPrevious || v.State == gate.HeldEmpty; marked != question || marked != (len(v.Flags) > 0) {
			t.Fatalf("%s is %s with the flags %q; under question: %v", k, v.State, v.Flags, question)
		}
	}
	for k := range now {
		if !keys[k] {
			t.Fatalf("%s has no view", k)
		}
	}
}

// Invariants 5 and 6, and agreement with the slow reading, after every step.
func TestHistories(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		rejections := map[string]map[event.Guard]bool{} // values that a rejection withdrew
		done := 0
		history(t, func(b *book) {
			b.agree(t)
			if len(b.events) > done && b.events[len(b.events)-1].Type == event.TypeDecisionWithdrawn {
				for _, v := range b.s.Views {
					if v.State == gate.HeldPrevious {
						seen["taken back, marked"]++
					}
				}
			}
			for ; done < len(b.events); done++ {
				e := b.events[done]
				seen[string(e.Type)]++
				if d, err := event.Decode[event.DecisionMade](e); err == nil {
					seen[d.Kind]++
					if f, _ := b.s.Flag(d.Flag); d.Kind == event.RejectIt {
						rejections[d.Decision] = map[event.Guard]bool{}
						for _, g := range append(f.Guards, f.Also...) {
							rejections[d.Decision][g] = g.Fingerprint != fp(g.Key("nord", "i1"), "-")
						}
					}
				}
				if d, err := event.Decode[event.DecisionWithdrawn](e); err == nil {
					// Taken back within a day by a person: no longer withdrawn.
					delete(rejections, d.Decision)
				}
				if d, err := event.Decode[event.DecisionConfirmed](e); err == nil {
					f, _ := b.s.Flag(d.Flag)
					for _, p := range f.Confirmed {
						if p.Decision == d.Decision {
							seen["confirmed "+p.Kind]++
						}
					}
				}
				if d, err := event.Decode[event.FlagReopened](e); err == nil {
					seen["reopened "+d.Reason]++
				}
				if r, err := event.Decode[event.FlagResolved](e); err == nil {
					seen["resolved "+r.Reason]++
				}
				if f, err := event.Decode[event.FlagRaised](e); err == nil && f.Memory != "" {
					seen["memory"]++
					if f.Severity == event.Block {
						t.Fatalf("a BLOCK was released by memory: %+v", f)
					}
				}
			}
			for k, v := range b.s.Views {
				seen[v.State.String()]++
				if v.Shown.Corrected {
					seen["shows a correction"]++
				}
				for _, ever := range rejections {
					if !v.Shown.Fingerprint.IsZero() && ever[event.GuardOf(k, v.Shown.Fingerprint)] {
						t.Fatalf("%s shows a version that was withdrawn", k)
					}
				}
			}
			b.statuses(t)
		})
	})
	t.Logf("met %v", seen)
	// A test of what never happens must meet what does.
	for _, what := range []string{"flag.raised", "flag.resolved", "decision.proposed", "decision.confirmed", "release.made", "accept",
		"reject", "comment", "snooze", "memory", "decision.refused", "decision.withdrawn", "flag.judged",
		"answer", "confirmed waive", "confirmed correct", "flag.reopened", "shows a correction", "taken back, marked", "resolved passed", "resolved resent", "resolved covered", "released", "held_previous", "held_empty", "missing"} {
		if seen[what] == 0 {
			t.Errorf("no history had %s", what)
		}
	}
}

// Whatever prefix of log and cells has been applied, what follows leads to the
// state of a fold of all; and events and versions that come again change nothing.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := history(t, nil)
		want := dump(b.s)
		whole, err := gate.Fold("nord", "i1", rapid.Permutation(b.versions).Draw(t, "versions"), b.events)
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(whole); got != want {
			t.Fatalf("folded\n%s\nstep by step\n%s", got, want)
		}
		cut := rapid.IntRange(0, len(b.events)).Draw(t, "cut")
		var rev uint64 // what the events before the cut must have seen
		for _, e := range b.events[:cut] {
			if r, err := event.Decode[event.ReleaseMade](e); err == nil {
				rev = max(rev, r.Rev)
			}
			if r, err := event.Decode[event.FlagResolved](e); err == nil {
				rev = max(rev, r.Rev)
			}
			if r, err := event.Decode[event.FlagPassed](e); err == nil {
				rev = max(rev, r.Rev)
			}
			if r, err := event.Decode[event.CorrectionRetired](e); err == nil {
				rev = max(rev, r.Rev)
			}
			if r, err := event.Decode[event.FlagReopened](e); err == nil {
				rev = max(rev, r.Rev)
			}
		}
		rev += uint64(rapid.IntRange(0, 3).Draw(t, "early"))
		split := slices.IndexFunc(b.versions, func(v gate.Version) bool { return v.Rev > rev })
		if split < 0 {
			split = len(b.versions)
		}
		s, err := gate.Fold("nord", "i1", b.versions[:split], b.events[:cut])
		if err != nil {
			t.Fatal(err)
		}
		again := rapid.IntRange(0, cut).Draw(t, "again")
		for _, e := range append(slices.Clone(b.events[again:cut]), b.events[:again]...) {
			before := dump(s)
			if err := s.Apply(e); err != nil || dump(s) != before {
				t.Fatalf("%s applied twice: %v", e.Type, err)
			}
		}
		if err := s.Cells(b.versions); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.events[cut:] {
			if err := s.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Cells(b.versions); err != nil {
			t.Fatal(err)
		}
		if got := dump(s); got != want {
			t.Fatalf("continued\n%s\nstep by step\n%s", got, want)
		}
	})
}

// In which order the checks of a night raise their flags does not show.
func TestOrderOfFlagsDoesNotShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := history(t, nil)
		mixed := slices.Clone(b.events)
		for i := 0; i < len(mixed); {
			j := i
			for j < len(mixed) && mixed[j].Type == event.TypeFlagRaised {
				j++
			}
			copy(mixed[i:j], rapid.Permutation(mixed[i:j]).Draw(t, "flags"))
			i = j + 1
		}
		for i := range mixed {
			mixed[i].Sequence = uint64(i + 1)
		}
		s, err := gate.Fold("nord", "i1", b.versions, mixed)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range b.s.Views {
			if got, want := line(k, s.View(k)), line(k, v); got != want {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	})
}

// A release that leaves out any one of its exceptions, or adds a withdrawal
// that nobody decided, is refused and changes nothing.
func TestForgedReleases(t *testing.T) {
	forged := 0
	rapid.Check(t, func(t *rapid.T) {
		b := history(t, nil)
		r := b.s.Release("run", b.rev, 1, b.rev)
		before := dump(b.s)
		try := func(f event.ReleaseMade) {
			forged++
			if err := b.s.Apply(b.event(f)); !errors.Is(err, gate.ErrGateViolation) {
				t.Fatalf("%+v gives %v", f, err)
			}
			if dump(b.s) != before {
				t.Fatal("a refused release changed the state")
			}
		}
		for i := range r.Except {
			f := r
			f.Except = slices.Delete(slices.Clone(r.Except), i, i+1)
			try(f)
		}
		for i := range r.Withdrawn {
			f := r
			f.Withdrawn = slices.Delete(slices.Clone(r.Withdrawn), i, i+1)
			try(f)
		}
		f := r
		f.Withdrawn = append(slices.Clone(r.Withdrawn), guard(key("Z", 1), "A"))
		try(f)
	})
	if forged < 200 {
		t.Errorf("only %d forgeries were tried", forged)
	}
}
