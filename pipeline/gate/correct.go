package gate

import (
	"fmt"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Correction is what two persons put in the place of one version of one cell.
// The version itself stays as it was delivered: the correction is a version of
// its own, with the fingerprint of its content, and is shown wherever the
// delivered one would be.
type Correction struct {
	// Decision made it, about Flag; Flags are all flags that it answers.
	Decision, Flag string
	Flags          []string
	Cell           cell.Key
	// Base is the corrected version, Fingerprint that of the correction.
	Base, Fingerprint cell.Fingerprint
	Old, New          event.Content
	Cause, Evidence   string
	// By proposed it, Confirmed confirmed it on the day On.
	By, Confirmed string
	On            catalog.Date
}

// ShownAs is the fingerprint under which a correction is shown.
func ShownAs(c event.Correction, region, indicator string) cell.Fingerprint {
	return cell.FingerprintOf(c.Cell.Key(region, indicator), c.New.Cell(), false)
}

// Correction is the correction that is shown as the version fp of the cell k,
// if one was ever shown so. It is the content of a View whose Shown is
// Corrected.
func (s *State) Correction(k cell.Key, fp cell.Fingerprint) (Correction, bool) {
	p := s.projections[version{k, fp}]
	if p == nil {
		return Correction{}, false
	}
	return *p, true
}

// Corrections are those that stand, ordered by cell.
func (s *State) Corrections() []Correction {
	all := make([]Correction, 0, len(s.corrections))
	for _, p := range s.corrections {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Correction) int { return a.Cell.Compare(b.Cell) })
	return all
}

// Contest is a correction whose source has sent again.
type Contest struct {
	Correction
	// Now is the newest version of the cell.
	Now       event.Guard
	Tombstone bool
}

// Contests are the corrections that stand while their cell has another version
// than the corrected one at revision rev. Until each of them is settled
// nothing of these cells is released.
func (s *State) Contests(rev uint64) []Contest {
	var all []Contest
	for _, p := range s.Corrections() {
		if now, ok := s.cells[p.Cell].newest(rev); ok && now.Fingerprint != p.Base {
			all = append(all, Contest{Correction: p, Now: event.GuardOf(p.Cell, now.Fingerprint), Tombstone: now.Tombstone})
		}
	}
	return all
}

// Settled is the event that ends contests of one flag: agrees reports whether
// the newest version says what the correction says. Equal content always does.
// It takes effect by Apply; the events are ordered by flag and cell.
func (s *State) Settled(run string, rev uint64, asOf catalog.Date, agrees func(Contest) bool) []event.Body {
	var all []event.Body
	against := map[string][]event.Guard{}
	var flags []string
	for _, c := range s.Contests(rev) {
		if !c.Tombstone && (c.Now.Fingerprint == c.Fingerprint || agrees(c)) {
			all = append(all, event.CorrectionRetired{Decision: c.Decision, Flag: c.Flag, Cell: c.Now, Run: run, Rev: rev})
			continue
		}
		if len(against[c.Flag]) == 0 {
			flags = append(flags, c.Flag)
		}
		against[c.Flag] = append(against[c.Flag], c.Now)
	}
	slices.Sort(flags)
	for _, f := range flags {
		all = append(all, event.FlagReopened{Flag: f, Reason: Conflict, Run: run, Rev: rev, AsOf: asOf, Guards: against[f]})
	}
	return all
}

// Agrees reports whether a delivered content says what a correction says: the
// same numbers. How many rows they came in, and the faults of those rows, is
// not what was corrected.
func Agrees(c event.Content, delivered cell.Content) bool {
	return c.Numerator == delivered.Numerator && c.Denominator == delivered.Denominator && c.Expected == delivered.Expected &&
		c.ValueCount == delivered.ValueCount && c.Values == delivered.Values && c.ValueSquares == delivered.ValueSquares &&
		c.Histogram == delivered.Histogram
}

// corrects reports whether a standing correction of the flag f answers for the
// version fp.
func (s *State) corrects(f *Flag, c *cellState, fp cell.Fingerprint) bool {
	p := s.corrections[c.key]
	return p != nil && p.Base == fp && slices.Contains(p.Flags, f.Flag)
}

// standsAs reports whether fp is that of the correction which stands for the
// delivered version base of the cell.
func (s *State) standsAs(c *cellState, base, fp cell.Fingerprint) bool {
	p := s.corrections[c.key]
	return p != nil && p.Base == base && p.Fingerprint == fp
}

// unsettledCorrection reports whether the cell has a standing correction under
// which the version fp cannot be shown: it is not the corrected one, or the
// correction itself is held or withdrawn.
func (s *State) unsettledCorrection(c *cellState, fp cell.Fingerprint) bool {
	p := s.corrections[c.key]
	return p != nil && (p.Base != fp || s.kept(c, p.Fingerprint))
}

// corrected is what a release shows for the version v.
func (s *State) corrected(c *cellState, v Ref) Ref {
	if p := s.corrections[c.key]; p != nil && p.Base == v.Fingerprint {
		return Ref{Fingerprint: p.Fingerprint, Rev: v.Rev, Corrected: true}
	}
	return v
}

// endCorrections takes what the flag's corrections show from view. Where other
// flags rest on the same correction it stands for them.
func (s *State) endCorrections(f *Flag) {
	for _, g := range f.all() {
		c := s.cells[g.Key(s.region, s.indicator)]
		if !s.corrects(f, c, g.Fingerprint) {
			continue
		}
		p := s.corrections[c.key]
		s.forgetEarlier(c.key, p.Fingerprint)
		if c.visible.Corrected {
			s.hide(c, p.Fingerprint)
		}
		s.unsettled[c] = struct{}{}
		if p.Flags = slices.DeleteFunc(p.Flags, func(id string) bool { return id == f.Flag }); len(p.Flags) == 0 {
			delete(s.corrections, c.key)
		}
	}
}

// settle ends a correction because the source has sent again. Flags that
// rested on it and on no other are resolved, except the named one.
func (s *State) settle(p *Correction, except string) {
	delete(s.corrections, p.Cell)
	s.unsettled[s.cells[p.Cell]] = struct{}{}
	for _, id := range p.Flags {
		if f := s.flags[id]; id != except && f.Status == Corrected && !s.hasCorrection(f) {
			s.close(f, Resolved)
			f.Reason, f.standing = Resent, ""
		}
	}
}

// correctable checks a proposed correction against what it would change.
func (s *State) correctable(f *Flag, corrections []event.Correction) error {
	if len(corrections) == 0 {
		return fmt.Errorf("%w: flag %s: no new content is given", ErrCorrections, f.Flag)
	}
	met := map[cell.Key]bool{}
	for _, p := range corrections {
		k := p.Cell.Key(s.region, s.indicator)
		c := s.cells[k]
		shown := ShownAs(p, s.region, s.indicator)
		switch {
		case c == nil || !slices.ContainsFunc(f.all(), func(g event.Guard) bool { return compareGuards(g, p.Cell) == 0 }):
			return fmt.Errorf("%w: flag %s does not guard version %s of %s", ErrCorrections, f.Flag, p.Cell.Fingerprint, k)
		case met[k]:
			return fmt.Errorf("%w: %s is corrected twice", ErrCorrections, k)
		case p.Cell.Fingerprint == c.absence():
			return fmt.Errorf("%w: %s was not delivered, and what was not delivered cannot be corrected; ask the source for it", ErrCorrections, k)
		case !plausible(p.New):
			return fmt.Errorf("%w: the new content of %s has a negative number or no rows", ErrCorrections, k)
		case shown == p.Cell.Fingerprint:
			return fmt.Errorf("%w: the new content of %s is the delivered one", ErrCorrections, k)
		}
		if _, withdrawn := c.withdrawn[shown]; withdrawn {
			return fmt.Errorf("%w: the new content of %s is one that was rejected before", ErrCorrections, k)
		}
		if old := s.corrections[k]; old != nil && old.Fingerprint != shown {
			return fmt.Errorf("%w: %s has a correction by flag %s with another content; withdraw that first", ErrCorrections, k, old.Flag)
		}
		met[k] = true
	}
	return nil
}

func plausible(c event.Content) bool {
	for _, f := range []cell.Fixed{c.Numerator, c.Denominator, c.ValueSquares, c.Expected} {
		if f.Sign() < 0 {
			return false
		}
	}
	return c.Rows > 0 && c.ValueCount >= 0 && c.Missing >= 0 && c.ValueCount <= c.Rows && c.Missing <= c.Rows
}

// whole reports whether the corrections are of every version that the flag
// guards and that is the newest of its cell, and of no other.
func (s *State) whole(f *Flag, corrections []event.Correction) error {
	want := s.current(f)
	got := make([]event.Guard, 0, len(corrections))
	for _, p := range corrections {
		got = append(got, p.Cell)
	}
	if !sameGuards(canonical(got), want) {
		return fmt.Errorf("%w: flag %s guards %d versions that are the newest of their cells; a correction must name each of them, and no other", ErrCorrections, f.Flag, len(want))
	}
	return nil
}

// current are the versions that the flag guards and that are the newest of
// their cells.
func (s *State) current(f *Flag) []event.Guard {
	var out []event.Guard
	for _, g := range f.all() {
		if now, ok := s.cells[g.Key(s.region, s.indicator)].current(); ok && now.Fingerprint == g.Fingerprint {
			out = append(out, g)
		}
	}
	return canonical(out)
}

// Current are the versions that the flag guards and that are the newest of
// their cells: those that a correction names.
func (s *State) Current(flag string) []event.Guard {
	if f := s.flags[flag]; f != nil {
		return s.current(f)
	}
	return nil
}

// correct lets the corrections of a confirmed proposal stand.
func (s *State) correct(f *Flag, p event.DecisionProposed, confirmed event.DecisionConfirmed) {
	s.keepEarlier(f)
	s.close(f, Corrected)
	f.standing = p.Decision
	for _, one := range p.Corrections {
		k := one.Cell.Key(s.region, s.indicator)
		if same := s.corrections[k]; same != nil {
			same.Flags = append(same.Flags, f.Flag)
			continue
		}
		c := &Correction{Decision: p.Decision, Flag: f.Flag, Flags: []string{f.Flag}, Cell: k, Base: one.Cell.Fingerprint,
			Fingerprint: ShownAs(one, s.region, s.indicator), Old: one.Old, New: one.New, Cause: p.Cause, Evidence: p.Evidence,
			By: p.By, Confirmed: confirmed.By, On: confirmed.On}
		s.corrections[k] = c
		s.projections[version{k, c.Fingerprint}] = c
		s.unsettled[s.cells[k]] = struct{}{}
	}
}

func (s *State) applyRetired(r event.CorrectionRetired) error {
	f, err := s.flag(r.Flag)
	if err != nil {
		return err
	}
	k := r.Cell.Key(s.region, s.indicator)
	p := s.corrections[k]
	if p == nil || p.Flag != f.Flag || p.Decision != r.Decision {
		return fmt.Errorf("%w: %s has no standing correction %s of flag %s", ErrTransition, k, r.Decision, f.Flag)
	}
	if err := s.newer(f, p, r.Cell, r.Rev); err != nil {
		return err
	}
	s.settle(p, "")
	s.floor = max(s.floor, r.Rev)
	f.touch("correction retired: the source has sent it", "", catalog.Date{})
	return nil
}

// newer verifies that g is the newest version of a corrected cell at revision
// rev, and another than the corrected one.
func (s *State) newer(f *Flag, p *Correction, g event.Guard, rev uint64) error {
	now, ok := s.cells[p.Cell].newest(rev)
	if !ok || now.Fingerprint != g.Fingerprint || now.Fingerprint == p.Base {
		return fmt.Errorf("%w: flag %s: version %s of %s is not what the source sent after the correction, at revision %d",
			ErrTransition, f.Flag, g.Fingerprint, p.Cell, rev)
	}
	if s.released && rev < s.release.Rev {
		return fmt.Errorf("%w: a correction of flag %s settled at revision %d after the release of %d", ErrOrder, f.Flag, rev, s.release.Rev)
	}
	return nil
}

func (s *State) hasCorrection(f *Flag) bool {
	for _, p := range s.corrections {
		if slices.Contains(p.Flags, f.Flag) {
			return true
		}
	}
	return false
}
