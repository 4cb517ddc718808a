package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Version is one version of one cell as the gate needs it.
type Version struct {
	Key         cell.Key
	Fingerprint cell.Fingerprint
	Rev         uint64
	Tombstone   bool
}

// Ref points to a version of a cell; the zero Ref to none.
type Ref struct {
	Fingerprint cell.Fingerprint
	Rev         uint64
	Tombstone   bool
	// Corrected: Fingerprint is that of a correction of the version of
	// revision Rev, and State.Correction has the content.
	Corrected bool
}

// State is the gate of one indicator in one region. It is not safe for
// concurrent use, reading methods included.
type State struct {
	region, indicator string

	// base are the versions that were given at once, nil for none. A cell of it
	// is in cells as well once anything but a release has concerned it.
	base   *cell.Table
	cells  map[cell.Key]*cellState
	keys   []cell.Key // all of cells, in order when sorted is true
	sorted bool

	flags map[string]*Flag
	order []string // flags as they were first raised
	open  map[string]*Flag

	memories  map[string]*Memory  // by accepted flag
	decisions map[string]*verdict // every decision and proposal
	seen      map[string]struct{}

	corrections map[cell.Key]*Correction // those that stand
	projections map[version]*Correction  // all that were ever shown, by their own version
	protocols   map[string]*Protocol     // by indicator version, the last drawn
	earlier     map[cell.Key][]earlier   // what cells showed when decisions let newer versions be seen

	last        uint64 // highest ledger sequence applied
	release     event.ReleaseMade
	released    bool
	floor       uint64 // versions up to here can no longer be news
	unsettled   map[*cellState]struct{}
	withdrawals map[*cellState]struct{}
}

// cellState is one cell. Versions are in the order of their revisions; those
// that no later event can see are dropped.
type cellState struct {
	key      cell.Key
	versions []Ref
	// visible is what the last release made visible, until it is withdrawn
	// or replaced.
	visible    Ref
	hasVisible bool
	// withdrawn names the flags whose rejection withdrew a version.
	withdrawn map[cell.Fingerprint][]string
	guards    map[cell.Fingerprint][]*Flag
}

// New is the empty gate of an indicator.
func New(region, indicator string) *State {
	return &State{
		region: region, indicator: indicator,
		cells: map[cell.Key]*cellState{}, flags: map[string]*Flag{}, open: map[string]*Flag{},
		memories: map[string]*Memory{}, decisions: map[string]*verdict{}, seen: map[string]struct{}{},
		corrections: map[cell.Key]*Correction{}, projections: map[version]*Correction{}, protocols: map[string]*Protocol{},
		earlier:   map[cell.Key][]earlier{},
		unsettled: map[*cellState]struct{}{}, withdrawals: map[*cellState]struct{}{},
	}
}

// Fold is the gate after all versions and events. Versions may be in any
// order, events must be in ledger order.
func Fold(region, indicator string, versions []Version, events []event.Event) (*State, error) {
	s := New(region, indicator)
	sorted := slices.Clone(versions)
	slices.SortStableFunc(sorted, func(a, b Version) int { return cmp.Compare(a.Rev, b.Rev) })
	if err := s.Cells(sorted); err != nil {
		return nil, err
	}
	for _, e := range events {
		if err := s.Apply(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Cells takes versions in the order of their revisions. A version that is
// known already is ignored. A version that a release or resolution already
// applied should have seen is ErrOrder; two fingerprints of one cell in one
// revision are ErrVersion; another indicator's version is ErrForeign. On an
// error the versions before the faulty one have been taken.
func (s *State) Cells(versions []Version) error {
	for i := range versions {
		v := &versions[i]
		if v.Key.Region != s.region || v.Key.Indicator != s.indicator {
			return fmt.Errorf("%w: version of %s given to %s/%s", ErrForeign, v.Key, s.region, s.indicator)
		}
		if err := s.take(v); err != nil {
			return err
		}
	}
	return nil
}

func (s *State) take(v *Version) error {
	c := s.of(v.Key)
	if c == nil {
		c = &cellState{key: v.Key}
	}
	at, found := slices.BinarySearchFunc(c.versions, v.Rev, func(r Ref, rev uint64) int { return cmp.Compare(r.Rev, rev) })
	if found {
		if c.versions[at].Fingerprint != v.Fingerprint || c.versions[at].Tombstone != v.Tombstone {
			return fmt.Errorf("%w: revision %d of %s", ErrVersion, v.Rev, v.Key)
		}
		return nil
	}
	if v.Rev <= s.floor {
		// Older than a version that was seen in time: it can change nothing.
		if newer, ok := c.newest(s.floor); ok && newer.Rev > v.Rev {
			return nil
		}
		return fmt.Errorf("%w: revision %d of %s after the gate had passed revision %d", ErrOrder, v.Rev, v.Key, s.floor)
	}
	c = s.cell(v.Key)
	c.versions = slices.Insert(c.versions, at, Ref{Fingerprint: v.Fingerprint, Rev: v.Rev, Tombstone: v.Tombstone})
	s.unsettled[c] = struct{}{}
	return nil
}

func (s *State) cell(k cell.Key) *cellState {
	c := s.cells[k]
	if c == nil {
		if c = s.plain(k); c == nil {
			c = &cellState{key: k}
		} else if len(c.versions) > 1 || !c.hasVisible {
			s.unsettled[c] = struct{}{}
		}
		s.cells[k] = c
		s.keys = append(s.keys, k)
		s.sorted = false
	}
	return c
}

// newest is the newest version up to rev.
func (c *cellState) newest(rev uint64) (Ref, bool) {
	for i := len(c.versions) - 1; i >= 0; i-- {
		if c.versions[i].Rev <= rev {
			return c.versions[i], true
		}
	}
	return Ref{}, false
}

// current is the newest version of all. A cell that was never delivered but is
// guarded is under question as its own absence.
func (c *cellState) current() (Ref, bool) {
	if r, ok := c.newest(math.MaxUint64); ok {
		return r, true
	}
	if len(c.guards) > 0 {
		return Ref{Fingerprint: c.absence(), Tombstone: true}, true
	}
	return Ref{}, false
}

func (c *cellState) absence() cell.Fingerprint {
	return cell.FingerprintOf(c.key, cell.Content{}, true)
}

// questioned reports whether an open BLOCK or HOLD guards the version. A flag
// that is open for other cells does not question what its own correction has
// answered here.
func (s *State) questioned(c *cellState, fp cell.Fingerprint) bool {
	for _, f := range c.guards[fp] {
		if f.Holds() && !s.corrects(f, c, fp) {
			return true
		}
	}
	return false
}

// kept reports whether the version must not be visible.
func (s *State) kept(c *cellState, fp cell.Fingerprint) bool {
	_, withdrawn := c.withdrawn[fp]
	return withdrawn || s.questioned(c, fp)
}

// Apply takes the next gate event. An event whose id is known is ignored. On
// an error, which is one of the first group in this package and means that the
// log or its reader is corrupt, the state is unchanged.
func (s *State) Apply(e event.Event) error {
	if e.ID == "" {
		return fmt.Errorf("%w: event %d has no id", ErrTransition, e.Sequence)
	}
	if _, ok := s.seen[e.ID]; ok {
		return nil
	}
	if e.Subject != event.GateSubject(s.region, s.indicator) {
		return fmt.Errorf("%w: event %d on %s given to %s/%s", ErrForeign, e.Sequence, e.Subject, s.region, s.indicator)
	}
	if e.Sequence != 0 && e.Sequence <= s.last {
		return fmt.Errorf("%w: event %d after event %d", ErrOrder, e.Sequence, s.last)
	}
	if err := s.apply(e); err != nil {
		return fmt.Errorf("event %d %s: %w", e.Sequence, e.Type, err)
	}
	s.seen[e.ID] = struct{}{}
	s.last = max(s.last, e.Sequence)
	return nil
}

func (s *State) apply(e event.Event) error {
	switch e.Type {
	case event.TypeFlagRaised:
		return with(e, s.applyRaised)
	case event.TypeFlagPassed:
		return with(e, s.applyPassed)
	case event.TypeFlagResolved:
		return with(e, s.applyResolved)
	case event.TypeDecisionMade:
		return with(e, func(d event.DecisionMade) error { return s.applyDecision(d, e.Time) })
	case event.TypeDecisionProposed:
		return with(e, func(p event.DecisionProposed) error { return s.applyProposed(p, e.Time) })
	case event.TypeDecisionConfirmed:
		return with(e, func(d event.DecisionConfirmed) error { return s.applyConfirmed(d, e.Time) })
	case event.TypeDecisionRefused:
		return with(e, s.applyRefused)
	case event.TypeDecisionWithdrawn:
		return with(e, func(w event.DecisionWithdrawn) error { return s.applyWithdrawn(w, e.Time) })
	case event.TypeFlagReopened:
		return with(e, s.applyReopened)
	case event.TypeFlagJudged:
		return with(e, s.applyJudged)
	case event.TypeImpactViewed:
		return with(e, s.applyViewed)
	case event.TypeCorrectionRetired:
		return with(e, s.applyRetired)
	case event.TypeFlagAssigned:
		return with(e, s.applyAssigned)
	case event.TypeEvidenceAttached:
		return with(e, s.applyAttached)
	case event.TypeProtocolDrawn:
		return with(e, s.applyDrawn)
	case event.TypeProtocolSigned:
		return with(e, s.applySigned)
	case event.TypeProtocolRevoked:
		return with(e, s.applyRevoked)
	case event.TypeReleaseMade:
		return with(e, s.applyRelease)
	}
	return fmt.Errorf("%w: the gate has no events of this type", ErrForeign)
}

func with[B event.Body](e event.Event, apply func(B) error) error {
	b, err := event.Decode[B](e)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	return apply(b)
}

func (s *State) applyRaised(r event.FlagRaised) error {
	switch {
	case r.Flag == "" || r.Check == "":
		return fmt.Errorf("%w: a flag without id or check", ErrTransition)
	case r.Indicator != s.indicator:
		return fmt.Errorf("%w: flag %s is about indicator %s", ErrForeign, r.Flag, r.Indicator)
	case rank(r.Severity) == 0:
		return fmt.Errorf("%w: flag %s has severity %q", ErrTransition, r.Flag, r.Severity)
	case r.Clean < 0 || r.Clean >= CleanRuns:
		return fmt.Errorf("%w: flag %s is raised after %d clean runs", ErrTransition, r.Flag, r.Clean)
	}
	r.Guards = canonical(r.Guards)
	f := s.flags[r.Flag]
	if f != nil && (f.Check != r.Check || !sameGuards(f.Guards, r.Guards)) {
		return fmt.Errorf("%w: flag %s is raised again with other guards or another check", ErrTransition, r.Flag)
	}
	if r.Memory != "" {
		if f != nil && f.Status == Open {
			return fmt.Errorf("%w: flag %s is open and is raised as covered by %s", ErrTransition, r.Flag, r.Memory)
		}
		m := s.memories[r.Memory]
		if rejected := s.flags[r.Memory]; m == nil && !s.holdsFor(rejected, &r) || m != nil && !m.covers(&r, s.region, r.AsOf) {
			return fmt.Errorf("%w: flag %s is not covered by the memory of flag %s on %s", ErrGateViolation, r.Flag, r.Memory, r.AsOf)
		}
	}
	if f == nil {
		f = &Flag{}
		s.flags[r.Flag] = f
		s.order = append(s.order, r.Flag)
		for _, g := range r.Guards {
			s.guard(f, g)
		}
	}
	if f.Status == Open && rank(f.Severity) > rank(r.Severity) {
		r.Severity = f.Severity
	}
	if f.Status != Open {
		s.endCorrections(f)
		f.reopen()
	}
	f.FlagRaised = r
	f.Status = Open
	f.unclean()
	f.clean = r.Clean
	switch {
	case r.Memory != "" && s.memories[r.Memory] == nil:
		s.reject(f)
	case r.Memory != "":
		f.Status = Covered
		s.keepEarlier(f)
	default:
		s.open[r.Flag] = f
	}
	f.touch("raised", "", r.AsOf)
	return nil
}

// guard lets the flag guard the version.
func (s *State) guard(f *Flag, g event.Guard) {
	c := s.cell(g.Key(s.region, s.indicator))
	if c.guards == nil {
		c.guards = map[cell.Fingerprint][]*Flag{}
	}
	c.guards[g.Fingerprint] = append(c.guards[g.Fingerprint], f)
}

// reopen forgets what belonged to the flag's last opening.
func (f *Flag) reopen() {
	f.Opened++
	f.unclean()
	f.Proposals, f.Judgements = nil, nil
	f.Snoozed, f.WaivedUntil = catalog.Date{}, catalog.Date{}
	f.Reason, f.standing, f.snooze = "", "", ""
	f.answered(catalog.Date{})
}

func (f *Flag) touch(what, by string, on catalog.Date) {
	f.Version++
	f.last = change{what: what, by: by, on: on}
}

func (s *State) flag(id string) (*Flag, error) {
	f := s.flags[id]
	if f == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownFlag, id)
	}
	return f, nil
}

func (s *State) close(f *Flag, to Status) {
	f.Status = to
	f.Proposals = nil
	f.Snoozed, f.snooze = catalog.Date{}, ""
	delete(s.open, f.Flag)
}

// Reasons of FlagResolved.
const (
	// Resent: every guarded cell has a later version that passes the check.
	Resent = "resent"
	// Superseded: the newest version of a guarded cell has a flag of the same
	// check of its own.
	Superseded = "covered"
)

func (s *State) applyResolved(r event.FlagResolved) error {
	f, err := s.flag(r.Flag)
	if err != nil {
		return err
	}
	if f.Status != Open {
		return fmt.Errorf("%w: flag %s is %s and cannot be resolved", ErrTransition, f.Flag, f.Status)
	}
	if s.released && r.Rev < s.release.Rev {
		return fmt.Errorf("%w: flag %s resolved at revision %d after the release of %d", ErrOrder, f.Flag, r.Rev, s.release.Rev)
	}
	reason, ok := s.resolution(f, r.Rev)
	if !ok {
		return fmt.Errorf("%w: flag %s still guards the newest version of a cell at revision %d", ErrGateViolation, f.Flag, r.Rev)
	}
	if reason != r.Reason {
		return fmt.Errorf("%w: flag %s resolved as %q where it is %q", ErrTransition, f.Flag, r.Reason, reason)
	}
	// What was questioned and then replaced by its source must not come back
	// as an earlier release.
	if f.Holds() && reason != Passed {
		for _, g := range f.all() {
			s.hide(s.cells[g.Key(s.region, s.indicator)], g.Fingerprint)
		}
	}
	s.close(f, Resolved)
	f.Reason = r.Reason
	s.floor = max(s.floor, r.Rev)
	f.touch("resolved as "+r.Reason, "", catalog.Date{})
	return nil
}

// resolution says why the flag may be closed at revision rev without a person,
// if it may.
func (s *State) resolution(f *Flag, rev uint64) (string, bool) {
	if f.clean >= CleanRuns {
		return Passed, true
	}
	if len(f.Guards) == 0 {
		return Resent, true
	}
	reason := Resent
	for _, g := range f.all() {
		c := s.cells[g.Key(s.region, s.indicator)]
		if s.corrects(f, c, g.Fingerprint) {
			continue // answered
		}
		now, ok := c.newest(rev)
		if !ok || s.standsAs(c, now.Fingerprint, g.Fingerprint) {
			return "", false
		}
		if now.Fingerprint == g.Fingerprint && !c.carried(f, g.Fingerprint) {
			return "", false
		}
		if slices.ContainsFunc(c.guards[now.Fingerprint], func(o *Flag) bool {
			return o != f && o.Check == f.Check && o.Status != Resolved && o.clean < CleanRuns
		}) {
			reason = Superseded
		}
	}
	return reason, true
}

// carried reports whether another open flag of the same check, raised later
// and at least as grave, guards the same version.
func (c *cellState) carried(f *Flag, fp cell.Fingerprint) bool {
	return slices.ContainsFunc(c.guards[fp], func(o *Flag) bool {
		return o != f && o.Check == f.Check && o.Status == Open && o.clean < CleanRuns && o.Rev > f.Rev && rank(o.Severity) >= rank(f.Severity)
	})
}

// hide takes the version from view if it is the visible one; no undo brings it
// back.
func (s *State) hide(c *cellState, fp cell.Fingerprint) {
	s.forgetEarlier(c.key, fp)
	if c.hasVisible && c.visible.Fingerprint == fp {
		c.visible, c.hasVisible = Ref{}, false
		s.unsettled[c] = struct{}{}
	}
}

func (s *State) applyDecision(d event.DecisionMade, at time.Time) error {
	f, err := s.flag(d.Flag)
	if err != nil {
		return err
	}
	if d.Decision == "" || d.By == "" || d.On.IsZero() {
		return fmt.Errorf("%w: a decision of flag %s without id, person or date", ErrTransition, f.Flag)
	}
	if _, known := s.decisions[d.Decision]; known {
		return nil // the same command, appended twice
	}
	switch d.Kind {
	case event.Comment:
		if f.Status == Open {
			f.asked(d.On)
		}
	case event.Answer:
	case event.Snooze:
		if f.Status != Open {
			return fmt.Errorf("%w: snooze of flag %s, which is %s", ErrTransition, f.Flag, f.Status)
		}
		f.Snoozed, f.snooze = d.Until, d.Decision
	case event.Accept:
		switch {
		case f.Severity == event.Block:
			return fmt.Errorf("%w: flag %s is BLOCK and cannot be accepted", ErrGateViolation, f.Flag)
		case f.Status != Open || !acceptable(f.Severity):
			return fmt.Errorf("%w: acceptance of flag %s, which is %s %s", ErrTransition, f.Flag, f.Status, f.Severity)
		case !(d.Low <= d.High) || math.IsInf(d.Low, 0) || math.IsInf(d.High, 0):
			return fmt.Errorf("%w: acceptance of flag %s with the band %v to %v", ErrTransition, f.Flag, d.Low, d.High)
		}
		s.accept(f, d)
	case event.RejectIt:
		if !rejectable(f) {
			return fmt.Errorf("%w: rejection of flag %s, which is %s %s", ErrTransition, f.Flag, f.Status, f.Severity)
		}
		s.reject(f)
		f.standing = d.Decision
	default:
		return fmt.Errorf("%w: one person cannot decide %q of flag %s", ErrGateViolation, d.Kind, f.Flag)
	}
	if d.Kind != event.Comment {
		f.answered(d.On)
	}
	s.decisions[d.Decision] = &verdict{flag: f.Flag, kind: d.Kind, by: []string{d.By}, at: at, done: true}
	f.Decisions = append(f.Decisions, d)
	f.touch(d.Kind, d.By, d.On)
	return nil
}

// accept closes the flag and remembers.
func (s *State) accept(f *Flag, d event.DecisionMade) {
	s.keepEarlier(f)
	s.close(f, Accepted)
	s.memories[f.Flag] = newMemory(f, d, s.region)
	f.standing = d.Decision
}

func acceptable(s event.Severity) bool { return s == event.Hold || s == event.Note }

// rejectable: also what was accepted, waived or covered earlier can turn out
// to be wrong.
func rejectable(f *Flag) bool {
	if rank(f.Severity) < rank(event.Note) {
		return false
	}
	return f.Status == Open || f.Status == Accepted || f.Status == Covered || f.Status == Waived || f.Status == Corrected
}

// reject withdraws the guarded versions, and the memory and corrections that
// rest on them.
func (s *State) reject(f *Flag) {
	s.endCorrections(f)
	for _, g := range f.all() {
		c := s.cells[g.Key(s.region, s.indicator)]
		if c.hasVisible && !c.visible.Tombstone && c.visible.Rev > f.Rev && g.Fingerprint == c.absence() {
			continue // the cell is back since: see forgetAbsence
		}
		if c.withdrawn == nil {
			c.withdrawn = map[cell.Fingerprint][]string{}
		}
		c.withdrawn[g.Fingerprint] = append(c.withdrawn[g.Fingerprint], f.Flag)
		s.withdrawals[c] = struct{}{}
		s.hide(c, g.Fingerprint)
	}
	delete(s.memories, f.Flag)
	if f.Memory != "" {
		delete(s.memories, f.Memory)
	}
	s.close(f, Rejected)
}
