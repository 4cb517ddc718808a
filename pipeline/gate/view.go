package gate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// ViewState says what of a cell may be seen, and why not more.
type ViewState uint8

// The states of a view.
const (
	// Missing: no version is visible and none is under question. The cell
	// was never delivered, or its absence has been released.
	Missing ViewState = iota
	// Released: Shown is visible and nothing questions the cell. Current may
	// be newer while it awaits its release.
	Released
	// HeldPrevious: Current is under question; the earlier release Shown is
	// visible and must be marked.
	HeldPrevious
	// HeldEmpty: Current is under question and nothing may be shown.
	HeldEmpty
	// Waiting: not under question, but not released yet; nothing is shown.
	// A publication that follows a release does not meet it.
	Waiting
)

// String is the lower-case name.
func (v ViewState) String() string {
	switch v {
	case Missing:
		return "missing"
	case Released:
		return "released"
	case HeldPrevious:
		return "held_previous"
	case HeldEmpty:
		return "held_empty"
	case Waiting:
		return "waiting"
	}
	return "unknown"
}

// Footnote says that a visible version carries a remark.
type Footnote struct {
	Flag string
	// Kind is note (a NOTE was raised), covered (released by the memory of an
	// acceptance), accepted, waived or corrected.
	Kind string
}

// View is what of one cell may be seen.
type View struct {
	State ViewState
	// Shown is the visible version; zero unless State is Released or HeldPrevious.
	Shown Ref
	// Current is the newest version delivered; zero when there is none.
	Current Ref
	// Flags put the cell under question: ids, sorted.
	Flags []string
	// Footnotes of the visible version, or of the absence that is, by flag.
	Footnotes []Footnote
}

// View is what may be seen of a cell. A cell that is unknown is Missing.
func (s *State) View(k cell.Key) View {
	if c := s.cells[k]; c != nil {
		return s.view(c)
	}
	return s.plainView(k)
}

// ViewOf is View of a cell that has the rows [from, to) of the table that the gate
// was folded from.
func (s *State) ViewOf(k cell.Key, from, to int) View {
	if len(s.cells) > 0 {
		if c := s.cells[k]; c != nil {
			return s.view(c)
		}
	}
	return s.viewOf(from, to)
}

// Views calls yield for every known cell in the order of the keys, until it
// returns false. A cell that was never delivered is known while something
// guards its absence.
func (s *State) Views(yield func(cell.Key, View) bool) {
	if !s.sorted {
		slices.SortFunc(s.keys, cell.Key.Compare)
		s.sorted = true
	}
	keys := s.keys
	for k, v := range s.plainViews {
		for len(keys) > 0 && keys[0].Compare(k) < 0 {
			if !yield(keys[0], s.view(s.cells[keys[0]])) {
				return
			}
			keys = keys[1:]
		}
		if len(keys) > 0 && keys[0] == k {
			v, keys = s.view(s.cells[k]), keys[1:]
		}
		if !yield(k, v) {
			return
		}
	}
	for _, k := range keys {
		if !yield(k, s.view(s.cells[k])) {
			return
		}
	}
}

func (s *State) view(c *cellState) View {
	var v View
	current, has := c.current()
	if len(c.versions) > 0 {
		v.Current = current
	}
	question := has && (s.kept(c, current.Fingerprint) || s.unsettledCorrection(c, current.Fingerprint))
	shown := c.hasVisible
	if c.hasVisible && s.questioned(c, c.visible.Fingerprint) {
		question, shown = true, false
	}
	switch {
	case question && shown && !c.visible.Tombstone:
		v.State = HeldPrevious
	case question:
		v.State = HeldEmpty
	case shown && !c.visible.Tombstone:
		v.State = Released
	case !shown && len(c.versions) > 0:
		v.State = Waiting
	}
	if v.State == Released || v.State == HeldPrevious {
		v.Shown = c.visible
		v.Footnotes = c.footnotes(c.visible.Fingerprint)
		if p := s.projections[version{c.key, c.visible.Fingerprint}]; p != nil && c.visible.Corrected {
			v.Footnotes = append(v.Footnotes, Footnote{Flag: p.Flag, Kind: Corrected.String()})
		}
	}
	if v.State == Missing && has {
		v.Footnotes = c.footnotes(current.Fingerprint) // of the absence
	}
	if question {
		v.Flags = c.questions(current.Fingerprint, c.visible.Fingerprint)
		if p := s.corrections[c.key]; p != nil && s.unsettledCorrection(c, current.Fingerprint) {
			why := []string{p.Flag} // the source has sent again
			if p.Base == current.Fingerprint {
				why = c.questions(p.Fingerprint)
			}
			v.Flags = append(v.Flags, why...)
			slices.Sort(v.Flags)
			v.Flags = slices.Compact(v.Flags)
		}
	}
	return v
}

// questions are the flags that keep one of the versions back, or whose
// rejection withdrew it.
func (c *cellState) questions(versions ...cell.Fingerprint) []string {
	var ids []string
	for _, fp := range versions {
		ids = append(ids, c.withdrawn[fp]...)
		for _, f := range c.guards[fp] {
			if f.Holds() {
				ids = append(ids, f.Flag)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (c *cellState) footnotes(fp cell.Fingerprint) []Footnote {
	var notes []Footnote
	for _, f := range c.guards[fp] {
		switch {
		case f.Status == Covered || f.Status == Accepted || f.Status == Waived:
			notes = append(notes, Footnote{Flag: f.Flag, Kind: f.Status.String()})
		case f.Status == Open && f.Severity == event.Note:
			notes = append(notes, Footnote{Flag: f.Flag, Kind: "note"})
		}
	}
	slices.SortFunc(notes, func(a, b Footnote) int { return strings.Compare(a.Flag, b.Flag) })
	return notes
}

// Flag is the flag of that id, if it was ever raised.
func (s *State) Flag(id string) (Flag, bool) {
	f := s.flags[id]
	if f == nil {
		return Flag{}, false
	}
	return *f, true
}

// Flags calls yield for every flag in the order in which they were first
// raised, until it returns false.
func (s *State) Flags(yield func(Flag) bool) {
	for _, id := range s.order {
		if !yield(*s.flags[id]) {
			return
		}
	}
}

// Memories are the acceptances that may cover later findings, expired ones
// included, ordered by flag.
func (s *State) Memories() []Memory {
	all := make([]Memory, 0, len(s.memories))
	for _, id := range slices.Sorted(maps.Keys(s.memories)) {
		all = append(all, *s.memories[id])
	}
	return all
}

// Counts are the numbers that an operator watches.
type Counts struct {
	// Open flags by severity.
	Open map[event.Severity]int
	// Held cells: under question, whether or not an earlier release shows.
	Held int
}

// Counts counts open flags and held cells.
func (s *State) Counts() Counts {
	n := Counts{Open: map[event.Severity]int{}}
	held := map[*cellState]struct{}{}
	look := func(c *cellState) {
		if v := s.view(c).State; v == HeldPrevious || v == HeldEmpty {
			held[c] = struct{}{}
		}
	}
	for _, f := range s.open {
		n.Open[f.Severity]++
		for _, g := range f.all() {
			look(s.cells[g.Key(s.region, s.indicator)])
		}
	}
	for c := range s.withdrawals {
		look(c)
	}
	n.Held = len(held)
	return n
}

// Verdict is what Admit says of a finding.
type Verdict uint8

// The verdicts.
const (
	// Raise: append the flag as it is.
	Raise Verdict = iota
	// Remember: append the flag with its Memory, it does not hold.
	Remember
	// Known: append nothing, every version that it would guard is already
	// under an open flag of this check, decided, or withdrawn.
	Known
)

// Admit says what to append for a finding, judged on the day asOf (the as-of
// date of the run): the flag with AsOf and, if a memory covers it, Memory set.
// It changes nothing.
func (s *State) Admit(f event.FlagRaised, asOf catalog.Date) (event.FlagRaised, Verdict) {
	f.AsOf = asOf
	f.Memory = ""
	f.Guards = canonical(f.Guards)
	if s.known(&f, asOf) {
		return f, Known
	}
	if old := s.flags[f.Flag]; old == nil || old.Status != Open {
		if rejected := s.stillFails(&f); rejected != "" {
			f.Memory = rejected
			return f, Remember
		}
	}
	if acceptable(f.Severity) {
		// The acceptance that was raised last; the id breaks ties, so that
		// the same history always names the same memory.
		best := ""
		for id, m := range s.memories {
			if !m.covers(&f, s.region, asOf) {
				continue
			}
			if best == "" || cmp.Or(cmp.Compare(m.Rev, s.memories[best].Rev), strings.Compare(id, best)) > 0 {
				best = id
			}
		}
		// An open flag stays open: what a person is looking at does not
		// close by itself.
		if old := s.flags[f.Flag]; best != "" && (old == nil || old.Status != Open) {
			f.Memory = best
			return f, Remember
		}
	}
	return f, Raise
}

// stillFails is the newest rejected flag of which the finding is the same
// question about later versions of its cells: what a person has said is wrong is
// not asked again while it is. Empty: none.
func (s *State) stillFails(f *event.FlagRaised) string {
	best := ""
	if len(f.Guards) == 0 {
		return best
	}
	c := s.cells[f.Guards[0].Key(s.region, s.indicator)]
	if c == nil {
		return best
	}
	for fp := range c.withdrawn {
		for _, id := range c.withdrawn[fp] {
			if o := s.flags[id]; s.holdsFor(o, f) && (best == "" || cmp.Or(cmp.Compare(o.Rev, s.flags[best].Rev), strings.Compare(id, best)) > 0) {
				best = id
			}
		}
	}
	return best
}

// holdsFor reports whether the rejection of a flag holds for a finding: the same
// check, target and direction, about later versions of its cells.
func (s *State) holdsFor(o *Flag, f *event.FlagRaised) bool {
	if o == nil || o.Flag == f.Flag || !acceptable(f.Severity) || o.Status != Rejected || o.Check != f.Check || o.Unit != f.Unit || o.Stratum != f.Stratum || o.Direction != f.Direction ||
		o.Rev >= f.Rev || o.Severity != f.Severity || o.Period != f.Period || len(f.Guards) == 0 {
		return false
	}
	was := o.all()
	for _, g := range f.Guards {
		k := g.Key(s.region, s.indicator)
		if c := s.cells[k]; c == nil || g.Fingerprint == c.absence() {
			return false // that a cell is gone is another question
		}
		if !slices.ContainsFunc(was, func(o event.Guard) bool { return o.Key(s.region, s.indicator) == k }) {
			return false
		}
	}
	return true
}

func (s *State) known(f *event.FlagRaised, asOf catalog.Date) bool {
	if len(f.Guards) == 0 {
		old := s.flags[f.Flag]
		return old != nil && s.settles(old, f, asOf)
	}
	for _, g := range f.Guards {
		c := s.cells[g.Key(s.region, s.indicator)]
		if c == nil {
			return false
		}
		if _, withdrawn := c.withdrawn[g.Fingerprint]; withdrawn {
			continue
		}
		if !slices.ContainsFunc(c.guards[g.Fingerprint], func(old *Flag) bool { return s.settles(old, f, asOf) }) {
			return false
		}
	}
	return true
}

// settles reports whether old asks, or has answered, what f would ask of a
// version that both guard.
func (s *State) settles(old *Flag, f *event.FlagRaised, asOf catalog.Date) bool {
	if old.Check != f.Check {
		return false
	}
	switch old.Status {
	case Open:
		return rank(old.Severity) >= rank(f.Severity)
	case Accepted:
		return f.Severity != event.Block
	case Covered:
		m := s.memories[old.Memory]
		return f.Severity != event.Block && m != nil && !m.Until.Before(asOf)
	case Waived:
		return !old.WaivedUntil.Before(asOf)
	case Corrected:
		return true
	}
	return false
}

// Resolutions are the open flags that close without a person now that
// revision rev has been checked and the flags of that check have been applied:
// for every guarded cell a later version passes the check (reason "resent"),
// or a newer flag of the check asks the question (reason "covered"). They are
// ordered by flag and take effect by Apply. Flags without guards stay open until
// their check has passed them.
func (s *State) Resolutions(run string, rev uint64) []event.FlagResolved {
	if s.released && rev < s.release.Rev {
		return nil
	}
	var all []event.FlagResolved
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		f := s.open[id]
		if len(f.Guards) == 0 && f.clean < CleanRuns {
			continue
		}
		if reason, ok := s.resolution(f, rev); ok {
			all = append(all, event.FlagResolved{Flag: id, Reason: reason, Run: run, Rev: rev})
		}
	}
	return all
}
