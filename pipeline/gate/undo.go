package gate

import (
	"fmt"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// UndoTime is how long a decision can be taken back.
const UndoTime = 24 * time.Hour

// Reasons of FlagReopened.
const (
	// Expired: the waiver has ended and the waived version is still there.
	Expired = "expired"
	// Overruled: the acceptance whose memory covered the flag was rejected.
	Overruled = "overruled"
	// Conflict: the source contradicts the correction.
	Conflict = "conflict"
)

// applyWithdrawn takes a decision or a proposal back. What the decision
// released is under question again; the release that was shown before it is
// shown in its place, unless that has been withdrawn or questioned since. What
// the decision withdrew stays hidden until somebody decides anew.
func (s *State) applyWithdrawn(w event.DecisionWithdrawn, at time.Time) error {
	f, err := s.flag(w.Flag)
	if err != nil {
		return err
	}
	v := s.decisions[w.Decision]
	switch {
	case w.By == "" || w.On.IsZero():
		return fmt.Errorf("%w: a withdrawal for flag %s without person or date", ErrTransition, f.Flag)
	case v == nil || v.flag != f.Flag:
		return fmt.Errorf("%w: flag %s has no decision %s", ErrTransition, f.Flag, w.Decision)
	case v.over:
		return nil
	case at.Sub(v.at) > UndoTime:
		return fmt.Errorf("%w: decision %s of flag %s was taken at %s and is withdrawn at %s, after more than %s",
			ErrTransition, w.Decision, f.Flag, v.at.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), UndoTime)
	}
	if err := s.withdrawable(f, w.Decision); err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	v.over = true
	switch {
	case !v.done:
		f.dropProposal(w.Decision)
	case f.snooze == w.Decision:
		f.Snoozed, f.snooze = catalog.Date{}, ""
		f.again++
	default:
		s.takeBack(f, w.On)
	}
	f.touch("withdrawal of "+v.kind, w.By, w.On)
	return nil
}

// withdrawable: only what holds now can be taken back.
func (s *State) withdrawable(f *Flag, decision string) error {
	v := s.decisions[decision]
	if !v.done {
		_, err := f.proposal(decision)
		return err
	}
	if f.snooze == decision || f.standing == decision {
		return nil
	}
	return fmt.Errorf("%w: decision %s (%s) of flag %s no longer holds: %s", ErrClosed, decision, v.kind, f.Flag, f.last.what)
}

// takeBack opens the flag that a decision had closed.
func (s *State) takeBack(f *Flag, on catalog.Date) {
	open := []*Flag{f}
	switch f.Status {
	case Accepted:
		delete(s.memories, f.Flag)
		for _, o := range s.restingOn(f.Flag) {
			s.reopen(o)
			o.touch("withdrawal of the acceptance of "+f.Flag, "", on)
			open = append(open, o)
		}
	case Rejected:
		for _, g := range f.all() {
			s.restore(s.cells[g.Key(s.region, s.indicator)], g.Fingerprint, f.Flag)
		}
		for _, id := range s.order { // what was rejected by its memory
			if o := s.flags[id]; o.Status == Rejected && o.Memory == f.Flag {
				for _, g := range o.all() {
					s.restore(s.cells[g.Key(s.region, s.indicator)], g.Fingerprint, o.Flag)
				}
				s.reopen(o)
				o.touch("withdrawal of the rejection of "+f.Flag, "", on)
				open = append(open, o)
			}
		}
	case Corrected:
		s.endCorrections(f)
	}
	s.reopen(f)
	s.fallBack(open)
}

// earlier is what a cell showed when a decision about the flag, or its memory,
// let a newer version be seen.
type earlier struct {
	flag  string
	shown Ref
}

// keepEarlier remembers what is shown of the cells that the flag guards, for
// the case that the decision which closes it now is taken back.
func (s *State) keepEarlier(f *Flag) {
	for _, g := range f.all() {
		k := g.Key(s.region, s.indicator)
		kept := slices.DeleteFunc(s.earlier[k], func(e earlier) bool { return e.flag == f.Flag })
		if c := s.cells[k]; c.hasVisible && !c.visible.Tombstone && c.visible.Fingerprint != g.Fingerprint {
			kept = append(kept, earlier{f.Flag, c.visible})
		}
		s.earlier[k] = kept
		if len(kept) == 0 {
			delete(s.earlier, k)
		}
	}
}

// forgetEarlier: the version is not to be shown again.
func (s *State) forgetEarlier(k cell.Key, fp cell.Fingerprint) {
	if len(s.earlier[k]) > 0 {
		s.earlier[k] = slices.DeleteFunc(s.earlier[k], func(e earlier) bool { return e.shown.Fingerprint == fp })
	}
}

// fallBack shows again what was shown before the decisions about the flags
// that are open now: of each cell the newest release that nobody has withdrawn
// or questioned since.
func (s *State) fallBack(open []*Flag) {
	for _, f := range open {
		for _, g := range f.all() {
			c := s.cells[g.Key(s.region, s.indicator)]
			if c.hasVisible && !s.questioned(c, c.visible.Fingerprint) {
				continue
			}
			var best Ref
			for _, e := range s.earlier[c.key] {
				if slices.ContainsFunc(open, func(o *Flag) bool { return o.Flag == e.flag }) && !s.kept(c, e.shown.Fingerprint) && e.shown.Rev >= best.Rev {
					best = e.shown
				}
			}
			if best.Rev > 0 {
				c.visible, c.hasVisible = best, true
				s.unsettled[c] = struct{}{}
			}
		}
	}
}

// restingOn are the flags that the memory of an acceptance covers, in the order
// in which they were raised.
func (s *State) restingOn(accepted string) []*Flag {
	var out []*Flag
	for _, id := range s.order {
		if f := s.flags[id]; f.Status == Covered && f.Memory == accepted {
			out = append(out, f)
		}
	}
	return out
}

func (s *State) reopen(f *Flag) {
	f.reopen()
	f.Status = Open
	s.open[f.Flag] = f
}

// restore ends the withdrawal of a version by one flag's rejection.
func (s *State) restore(c *cellState, fp cell.Fingerprint, flag string) {
	by := slices.DeleteFunc(slices.Clone(c.withdrawn[fp]), func(id string) bool { return id == flag })
	if len(by) > 0 {
		c.withdrawn[fp] = by
		return
	}
	delete(c.withdrawn, fp)
	if len(c.withdrawn) == 0 {
		delete(s.withdrawals, c)
	}
	s.unsettled[c] = struct{}{}
}

// Lapses are the closed flags that open again, now that revision rev has been
// checked as of the day asOf: waivers that have ended and acceptances by a
// memory that was overruled, as far as they guard the newest version of a cell.
// They are ordered by flag and take effect by Apply.
func (s *State) Lapses(run string, rev uint64, asOf catalog.Date) []event.FlagReopened {
	var all []event.FlagReopened
	for _, id := range s.order {
		f := s.flags[id]
		reason, ok := s.lapsed(f, asOf)
		if !ok || !slices.ContainsFunc(f.all(), func(g event.Guard) bool {
			now, ok := s.cells[g.Key(s.region, s.indicator)].newest(rev)
			return ok && (now.Fingerprint == g.Fingerprint || s.standsAs(s.cells[g.Key(s.region, s.indicator)], now.Fingerprint, g.Fingerprint))
		}) {
			continue
		}
		all = append(all, event.FlagReopened{Flag: id, Reason: reason, Run: run, Rev: rev, AsOf: asOf})
	}
	slices.SortFunc(all, func(a, b event.FlagReopened) int {
		switch {
		case a.Flag < b.Flag:
			return -1
		case a.Flag > b.Flag:
			return 1
		}
		return 0
	})
	return all
}

// lapsed reports why a closed flag must be asked again on the day asOf.
func (s *State) lapsed(f *Flag, asOf catalog.Date) (reason string, ok bool) {
	switch {
	case f.Status == Waived && f.WaivedUntil.Before(asOf):
		return Expired, true
	case f.Status == Covered && s.memories[f.Memory] == nil:
		return Overruled, true
	}
	return "", false
}

func (s *State) applyReopened(r event.FlagReopened) error {
	f, err := s.flag(r.Flag)
	if err != nil {
		return err
	}
	if r.AsOf.IsZero() {
		return fmt.Errorf("%w: flag %s is opened again without a date", ErrTransition, f.Flag)
	}
	if r.Reason != Conflict {
		if why, ok := s.lapsed(f, r.AsOf); !ok || why != r.Reason || len(r.Guards) > 0 {
			return fmt.Errorf("%w: flag %s is %s and cannot be opened again as %q", ErrTransition, f.Flag, f.Status, r.Reason)
		}
		s.reopen(f)
		f.touch("opened again: "+r.Reason, "", r.AsOf)
		return nil
	}
	if len(r.Guards) == 0 {
		return fmt.Errorf("%w: flag %s is opened again for a conflict with nothing", ErrTransition, f.Flag)
	}
	contested := make([]*Correction, len(r.Guards))
	for i, g := range r.Guards {
		p := s.corrections[g.Key(s.region, s.indicator)]
		if p == nil || p.Flag != f.Flag || slices.Contains(contested, p) {
			return fmt.Errorf("%w: flag %s has no standing correction of %s", ErrTransition, f.Flag, g.Key(s.region, s.indicator))
		}
		if g.Fingerprint == p.Fingerprint {
			return fmt.Errorf("%w: the source has sent what the correction of %s says", ErrTransition, p.Cell)
		}
		if err := s.newer(f, p, g, r.Rev); err != nil {
			return err
		}
		contested[i] = p
	}
	for i, p := range contested {
		s.settle(p, f.Flag)
		if !slices.ContainsFunc(f.all(), func(g event.Guard) bool { return compareGuards(g, r.Guards[i]) == 0 }) {
			f.Also = append(slices.Clone(f.Also), r.Guards[i])
			s.guard(f, r.Guards[i])
		}
	}
	if f.Status != Open {
		s.reopen(f)
	}
	s.floor = max(s.floor, r.Rev)
	f.touch("opened again: "+r.Reason, "", r.AsOf)
	return nil
}
