package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// The causes: why a flag was raised, in the reviewer's judgement.
const (
	ExportError          = "export_error"          // export or transformation went wrong
	CodingPractice       = "coding_practice"       // coding or documentation practice
	TrueChange           = "true_change"           // true clinical change
	OrganisationalChange = "organisational_change" // merge, split, move
	DefinitionChange     = "definition_change"     // code system or indicator definition
	PopulationChange     = "population_change"     // other patients
	DuplicateOrLate      = "duplicate_or_late"     // duplicate or late delivery
	FalseAlarm           = "false_alarm"           // the check is wrong
	Unknown              = "unknown"
)

// Causes lists the causes in the order in which they are offered.
func Causes() []string {
	return []string{ExportError, CodingPractice, TrueChange, OrganisationalChange, DefinitionChange,
		PopulationChange, DuplicateOrLate, FalseAlarm, Unknown}
}

// MaxSnoozeDays and MaxMemoryDays bound how far ahead a snooze and a memory or
// waiver may reach.
const (
	MaxSnoozeDays = 30
	MaxMemoryDays = 366
)

// Command is what a person wants done to a flag.
type Command struct {
	Flag string
	// Kind is a decision kind of package event, or Confirm, Refuse, Undo, Judge,
	// Assign or Attach.
	Kind string
	// Cause is one of Causes; needed to accept, reject, waive, correct and
	// judge.
	Cause string
	// Note is free text without personal data; needed to comment, to answer,
	// to waive and to refuse.
	Note string
	// Evidence is what the decision rests on, without personal data; needed
	// to correct and to judge.
	Evidence string
	// To is to whom the flag is assigned; empty: to nobody any more.
	To string
	// Link and SHA256 are where attached evidence is, and its hash.
	Link, SHA256 string
	// Until ends a snooze (needed, at most MaxSnoozeDays ahead), a memory or
	// a waiver (default MemoryDays ahead, at most MaxMemoryDays).
	Until catalog.Date
	// Low and High narrow the band of an acceptance; nil: the flag's own.
	Low, High *float64
	// Decision is the proposal to confirm or refuse, or the decision to undo;
	// empty: the only open proposal, or the decision that holds.
	Decision string
	// Corrections are the new contents of every version that the flag guards
	// and that is the newest of its cell; only to correct.
	Corrections []event.Correction
	// Effects are what an acceptance would do to published values, together
	// with the others of its batch; nil: nobody has computed it. They decide
	// whether an interest needs a second person.
	Effects []Effect
	// Batch is shared by the commands of one; it is no part of the decision's
	// identity, and neither is Client, the program by which it was given.
	Batch, Client string
	// At is the present instant; needed to undo.
	At time.Time
	// ExpectedVersion is the Flag.Version that the person has read; 0: any.
	// It is needed to reject what has been accepted, waived or covered.
	ExpectedVersion int
}

// Decide says what to append to the ledger for a command by who on the day on,
// or why it is refused: ErrUnknownFlag, ErrInvalid, ErrForbidden, ErrClosed,
// ErrConflict, ErrFourEyes, ErrCorrections, ErrTooLate. It changes nothing. A
// command that has been carried out already gives no bodies and no error.
//
// Waivers and corrections are proposed and await a second person; so does an
// acceptance by somebody who has an interest in it (see Interested).
//
// The bodies are to be appended at the gate subject's sequence that this state
// has reached; after them comes a Release, since a decision by itself makes
// nothing visible.
func (s *State) Decide(cmd Command, who Actor, on catalog.Date) ([]event.Body, error) {
	bodies, err := s.decision(cmd, who, on)
	if err != nil || len(bodies) == 0 {
		return nil, err
	}
	f := s.flags[cmd.Flag]
	role := Capacity(who, cmd.Kind, s.registries(f), s.units(f))
	for i, body := range bodies {
		switch b := body.(type) {
		case event.DecisionMade:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		case event.DecisionProposed:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		case event.DecisionConfirmed:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		case event.DecisionRefused:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		case event.DecisionWithdrawn:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		case event.FlagAssigned:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		case event.EvidenceAttached:
			b.Role, b.Client = role, cmd.Client
			bodies[i] = b
		}
	}
	return bodies, nil
}

// decision is what Decide says, without by which role and program.
func (s *State) decision(cmd Command, who Actor, on catalog.Date) ([]event.Body, error) {
	f, err := s.flag(cmd.Flag)
	if err != nil {
		return nil, err
	}
	if who.ID == "" || on.IsZero() {
		return nil, fmt.Errorf("%w: a decision needs a person and a date", ErrInvalid)
	}
	if !slices.Contains(Kinds(), cmd.Kind) {
		return nil, fmt.Errorf("%w: unknown kind %q; use %s", ErrInvalid, cmd.Kind, strings.Join(Kinds(), ", "))
	}
	if err := Allowed(who, cmd.Kind, s.registries(f), s.units(f)); err != nil {
		return nil, err
	}
	if cmd.Kind != event.Correct && len(cmd.Corrections) > 0 {
		return nil, fmt.Errorf("%w: only a correction has new content", ErrInvalid)
	}
	switch cmd.Kind {
	case Confirm:
		return s.confirm(f, cmd, who, on)
	case Refuse:
		return s.refuse(f, cmd, who, on)
	case Undo:
		return s.undo(f, cmd, who, on)
	case Judge:
		return s.judge(f, cmd, who.ID, on)
	case Assign:
		return s.assign(f, cmd, who.ID, on)
	case Attach:
		return s.attach(f, cmd, who.ID, on)
	}
	d, err := complete(f, cmd, who.ID, on)
	if err != nil {
		return nil, err
	}
	if s.decisions[d.Decision] != nil {
		return nil, nil
	}
	if err := f.expect(cmd.ExpectedVersion); err != nil {
		return nil, err
	}
	if err := f.permits(cmd); err != nil {
		return nil, err
	}
	switch cmd.Kind {
	case event.Correct:
		if err := s.correctable(f, cmd.Corrections); err != nil {
			return nil, err
		}
		if err := s.whole(f, cmd.Corrections); err != nil {
			return nil, err
		}
		return []event.Body{proposal(d, cmd.Corrections)}, nil
	case event.Waive:
		return []event.Body{proposal(d, nil)}, nil
	case event.Accept:
		if s.interest(f, who, cmd, on) {
			return []event.Body{proposal(d, nil)}, nil
		}
		d.Moves = moves(who, cmd.Effects)
	case event.RejectIt:
		return append([]event.Body{d}, s.overruled(f, on)...), nil
	}
	return []event.Body{d}, nil
}

// Permitted reports by a nil error whether the actor may do kind to the flag.
func (s *State) Permitted(flag, kind string, who Actor) error {
	f, err := s.flag(flag)
	if err != nil {
		return err
	}
	return Allowed(who, kind, s.registries(f), s.units(f))
}

// Kinds lists what a command may ask for.
func Kinds() []string {
	return []string{event.Accept, event.RejectIt, event.Correct, event.Comment, event.Answer, event.Snooze, event.Waive,
		Confirm, Refuse, Undo, Judge, Assign, Attach}
}

// proposal is a decision that awaits a second person.
func proposal(d event.DecisionMade, corrections []event.Correction) event.DecisionProposed {
	return event.DecisionProposed{Decision: d.Decision, Flag: d.Flag, Kind: d.Kind, By: d.By, Cause: d.Cause, Note: d.Note, On: d.On,
		Until: d.Until, Low: d.Low, High: d.High, Evidence: d.Evidence, Corrections: corrections, Batch: d.Batch}
}

// overruled are the flags that a memory has covered which falls with the
// rejection of f: they are asked again.
func (s *State) overruled(f *Flag, on catalog.Date) []event.Body {
	var out []event.Body
	for _, accepted := range []string{f.Flag, f.Memory} {
		if s.memories[accepted] == nil {
			continue
		}
		for _, o := range s.restingOn(accepted) {
			if o != f {
				out = append(out, event.FlagReopened{Flag: o.Flag, Reason: Overruled, Rev: s.release.Rev, AsOf: on})
			}
		}
	}
	return out
}

// complete checks the command by itself and fills in what it leaves open.
func complete(f *Flag, cmd Command, by string, on catalog.Date) (event.DecisionMade, error) {
	d := event.DecisionMade{Flag: f.Flag, Kind: cmd.Kind, By: by, Cause: cmd.Cause, Note: strings.TrimSpace(cmd.Note), On: on,
		Evidence: strings.TrimSpace(cmd.Evidence), Batch: cmd.Batch}
	invalid := func(format string, a ...any) (event.DecisionMade, error) {
		return event.DecisionMade{}, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, a...)...)
	}
	known := slices.Contains(Causes(), cmd.Cause)
	switch cmd.Kind {
	case event.Accept, event.RejectIt, event.Waive, event.Correct:
		if !known {
			return invalid("%s needs a cause: %s", cmd.Kind, strings.Join(Causes(), ", "))
		}
	default:
		if cmd.Cause != "" && !known {
			return invalid("unknown cause %q; use %s", cmd.Cause, strings.Join(Causes(), ", "))
		}
	}
	if d.Note == "" && (cmd.Kind == event.Comment || cmd.Kind == event.Answer || cmd.Kind == event.Waive) {
		return invalid("%s needs a note", cmd.Kind)
	}
	if d.Evidence == "" && cmd.Kind == event.Correct {
		return invalid("a correction needs evidence: where the right value stands")
	}
	if cmd.Kind != event.Accept && (cmd.Low != nil || cmd.High != nil) {
		return invalid("only an acceptance has a band")
	}
	switch cmd.Kind {
	case event.Snooze:
		if cmd.Until.IsZero() || !on.Before(cmd.Until) || on.AddDays(MaxSnoozeDays).Before(cmd.Until) {
			return invalid("snooze needs a last day between %s and %s", on.AddDays(1), on.AddDays(MaxSnoozeDays))
		}
		d.Until = cmd.Until
	case event.Accept, event.Waive:
		d.Until = until(on, cmd.Until)
		if d.Until.Before(on) || on.AddDays(MaxMemoryDays).Before(d.Until) {
			return invalid("the last day of %s must lie between %s and %s", cmd.Kind, on, on.AddDays(MaxMemoryDays))
		}
	default:
		if !cmd.Until.IsZero() {
			return invalid("%s has no last day", cmd.Kind)
		}
	}
	if cmd.Kind == event.Accept {
		d.Low, d.High = f.Low, f.High
		if cmd.Low != nil {
			d.Low = *cmd.Low
		}
		if cmd.High != nil {
			d.High = *cmd.High
		}
		if !(d.Low >= f.Low && d.Low <= f.Observed && f.Observed <= d.High && d.High <= f.High) {
			return invalid("the band %v to %v must hold the observed %v and lie within %v to %v", d.Low, d.High, f.Observed, f.Low, f.High)
		}
	}
	d.Decision = decisionID(f, d, cmd.Corrections)
	return d, nil
}

// decisionID names a decision by its content, so that a command sent twice is
// one decision. How often the flag was opened, and how often something about it
// was taken back, are part of it: the same words about a question that came
// back are a new decision.
func decisionID(f *Flag, d event.DecisionMade, corrections []event.Correction) string {
	parts := []string{d.Kind, d.By, d.On.String(), d.Until.String(), d.Cause, d.Note,
		strconv.FormatFloat(d.Low, 'g', -1, 64), strconv.FormatFloat(d.High, 'g', -1, 64)}
	// What decisions of earlier releases did not have is no part of theirs.
	if d.Evidence != "" {
		parts = append(parts, "evidence", d.Evidence)
	}
	if f.again > 0 {
		parts = append(parts, "again", strconv.Itoa(f.again))
	}
	if len(corrections) > 0 {
		b, _ := json.Marshal(corrections) // numbers and texts: it cannot fail
		parts = append(parts, "corrections", string(b))
	}
	return f.idOf("decision", parts...)
}

// idOf names something that is said of the flag in its present opening.
func (f *Flag) idOf(what string, parts ...string) string {
	h := sha256.New()
	for _, p := range append([]string{what, f.Flag, strconv.Itoa(f.Opened)}, parts...) {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (f *Flag) expect(version int) error {
	if version == 0 || version == f.Version {
		return nil
	}
	return &ConflictError{Flag: f.Flag, Expected: version, Actual: f.Version, What: f.last.what, By: f.last.by, On: f.last.on}
}

// undrawable is the check for numerators above the denominators that they are
// part of: no chart can hold such a share, whoever waives what.
const undrawable = "C11"

// permits checks the command against the flag's state and severity.
func (f *Flag) permits(cmd Command) error {
	switch cmd.Kind {
	case event.Comment, event.Answer:
		return nil
	case event.Correct:
		if rank(f.Severity) < rank(event.Note) {
			return fmt.Errorf("%w: a finding of severity %s has nothing to correct", ErrInvalid, f.Severity)
		}
	case event.Accept:
		if f.Severity == event.Block {
			return fmt.Errorf("%w: a BLOCK cannot be accepted; ask the source to send again, or have two stewards waive it", ErrInvalid)
		}
		if !acceptable(f.Severity) {
			return fmt.Errorf("%w: a finding of severity %s needs no acceptance", ErrInvalid, f.Severity)
		}
	case event.Waive:
		if f.Severity != event.Block {
			return fmt.Errorf("%w: only a BLOCK is waived; a %s can be accepted or rejected", ErrInvalid, f.Severity)
		}
		if f.Check == undrawable {
			return fmt.Errorf("%w: a share above 1 cannot be drawn, so that a waiver would show nothing; correct or reject it", ErrInvalid)
		}
	case event.RejectIt:
		if rank(f.Severity) < rank(event.Note) {
			return fmt.Errorf("%w: a finding of severity %s has nothing to withdraw", ErrInvalid, f.Severity)
		}
		if rejectable(f) && f.Status != Open && cmd.ExpectedVersion == 0 {
			return fmt.Errorf("%w: flag %s is %s; to overrule that, name the version of the flag that you have read (%d)", ErrClosed, f.Flag, f.Status, f.Version)
		}
		if rejectable(f) {
			return nil
		}
	}
	if f.Status != Open {
		return fmt.Errorf("%w: flag %s is %s (%s)", ErrClosed, f.Flag, f.Status, f.last.what)
	}
	return nil
}

func (s *State) confirm(f *Flag, cmd Command, who Actor, on catalog.Date) ([]event.Body, error) {
	id := cmd.Decision
	if id == "" && len(f.Proposals) == 1 {
		id = f.Proposals[0].Decision
	}
	if slices.ContainsFunc(f.Confirmations, func(c event.DecisionConfirmed) bool {
		return c.By == who.ID && (c.Decision == id || id == "" && f.Status == Waived)
	}) {
		return nil, nil
	}
	if err := f.expect(cmd.ExpectedVersion); err != nil {
		return nil, err
	}
	if f.Status != Open {
		return nil, fmt.Errorf("%w: flag %s is %s (%s)", ErrClosed, f.Flag, f.Status, f.last.what)
	}
	p, err := f.proposal(id)
	if err != nil {
		return nil, err
	}
	if p.By == who.ID {
		return nil, fmt.Errorf("%w: %s proposed it; another steward must confirm", ErrFourEyes, who.ID)
	}
	if until(p.On, p.Until).Before(on) {
		return nil, fmt.Errorf("%w: the proposal ended on %s; propose again", ErrInvalid, until(p.On, p.Until))
	}
	if p.Kind == event.Correct {
		if err := s.correctable(f, p.Corrections); err != nil {
			return nil, err
		}
		if err := s.whole(f, p.Corrections); err != nil {
			return nil, fmt.Errorf("the data have changed since it was proposed: %w; propose again", err)
		}
	}
	return []event.Body{event.DecisionConfirmed{Decision: p.Decision, Flag: f.Flag, By: who.ID, On: on, Batch: cmd.Batch}}, nil
}

func (s *State) refuse(f *Flag, cmd Command, who Actor, on catalog.Date) ([]event.Body, error) {
	if v := s.decisions[cmd.Decision]; v != nil && v.over && v.flag == f.Flag {
		return nil, nil
	}
	if err := f.expect(cmd.ExpectedVersion); err != nil {
		return nil, err
	}
	note := strings.TrimSpace(cmd.Note)
	if note == "" {
		return nil, fmt.Errorf("%w: a refusal needs a note that says why", ErrInvalid)
	}
	p, err := f.proposal(cmd.Decision)
	if err != nil {
		return nil, err
	}
	if p.By == who.ID {
		return nil, fmt.Errorf("%w: %s proposed it; what one has proposed oneself one takes back (undo)", ErrFourEyes, who.ID)
	}
	return []event.Body{event.DecisionRefused{Decision: p.Decision, Flag: f.Flag, By: who.ID, Note: note, On: on, Batch: cmd.Batch}}, nil
}

// undo takes back the person's own part, or as a steward anybody's.
func (s *State) undo(f *Flag, cmd Command, who Actor, on catalog.Date) ([]event.Body, error) {
	if cmd.At.IsZero() {
		return nil, fmt.Errorf("%w: to undo, the present instant is needed", ErrInvalid)
	}
	id := cmd.Decision
	if id == "" {
		id = f.standing
		if mine := slices.IndexFunc(f.Proposals, func(p event.DecisionProposed) bool { return p.By == who.ID }); id == "" && mine >= 0 {
			id = f.Proposals[mine].Decision
		}
		if id == "" {
			id = f.snooze
		}
	}
	v := s.decisions[id]
	switch {
	case v == nil || v.flag != f.Flag:
		return nil, fmt.Errorf("%w: flag %s has no such decision to take back", ErrInvalid, f.Flag)
	case v.over:
		return nil, nil
	}
	if err := f.expect(cmd.ExpectedVersion); err != nil {
		return nil, err
	}
	if !slices.Contains(v.by, who.ID) && Allowed(who, Confirm, s.registries(f), s.units(f)) != nil {
		return nil, fmt.Errorf("%w: decision %s is that of %s; only they or a steward take it back", ErrForbidden, id, strings.Join(v.by, " and "))
	}
	if age := cmd.At.Sub(v.at); age > UndoTime {
		return nil, fmt.Errorf("%w: decision %s was taken at %s; reject or correct instead", ErrTooLate, id, v.at.UTC().Format(time.RFC3339))
	}
	if err := s.withdrawable(f, id); err != nil {
		return nil, err
	}
	return []event.Body{event.DecisionWithdrawn{Decision: id, Flag: f.Flag, By: who.ID, Note: strings.TrimSpace(cmd.Note), On: on, Batch: cmd.Batch}}, nil
}

// registries and units are what the flag is about and guards.
func (s *State) registries(f *Flag) []string {
	var all []string
	for _, g := range f.Guards {
		all = append(all, g.Registry)
	}
	if len(all) == 0 {
		for k := range s.cells {
			all = append(all, k.Registry)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *State) units(f *Flag) []string {
	all := []string{f.Unit}
	for _, g := range f.all() {
		all = append(all, g.Unit)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
