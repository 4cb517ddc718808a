package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
	// Kind is a decision kind of package event, or Confirm.
	Kind string
	// Cause is one of Causes; needed to accept, reject, waive and correct.
	Cause string
	// Note is free text without personal data; needed to comment and to waive.
	Note string
	// Until ends a snooze (needed, at most MaxSnoozeDays ahead), a memory or
	// a waiver (default MemoryDays ahead, at most MaxMemoryDays).
	Until catalog.Date
	// Low and High narrow the band of an acceptance; nil: the flag's own.
	Low, High *float64
	// Decision is the proposal to confirm; empty: the only open one.
	Decision string
	// ExpectedVersion is the Flag.Version that the person has read; 0: any.
	// It is needed to reject what has been accepted, waived or covered.
	ExpectedVersion int
}

// Decide says what to append to the ledger for a command by who on the day on,
// or why it is refused: ErrUnknownFlag, ErrInvalid, ErrForbidden, ErrClosed,
// ErrConflict, ErrFourEyes, ErrCorrections. It changes nothing. A command that
// has been carried out already gives no bodies and no error.
//
// The bodies are to be appended at the gate subject's sequence that this state
// has reached; after them comes a Release, since a decision by itself makes
// nothing visible.
func (s *State) Decide(cmd Command, who Actor, on catalog.Date) ([]event.Body, error) {
	f, err := s.flag(cmd.Flag)
	if err != nil {
		return nil, err
	}
	if who.ID == "" || on.IsZero() {
		return nil, fmt.Errorf("%w: a decision needs a person and a date", ErrInvalid)
	}
	if cmd.Kind == event.Correct {
		return nil, ErrCorrections
	}
	if err := Allowed(who, cmd.Kind, s.registries(f), s.units(f)); err != nil {
		if !slices.Contains([]string{event.Accept, event.RejectIt, event.Comment, event.Snooze, event.Waive, Confirm}, cmd.Kind) {
			return nil, fmt.Errorf("%w: unknown kind %q; use accept, reject, comment, snooze, waive or confirm", ErrInvalid, cmd.Kind)
		}
		return nil, err
	}
	if cmd.Kind == Confirm {
		return s.confirm(f, cmd, who, on)
	}
	d, err := complete(f, cmd, who.ID, on)
	if err != nil {
		return nil, err
	}
	if _, done := s.decisions[d.Decision]; done {
		return nil, nil
	}
	if err := f.expect(cmd.ExpectedVersion); err != nil {
		return nil, err
	}
	if err := f.permits(cmd); err != nil {
		return nil, err
	}
	if cmd.Kind == event.Waive {
		return []event.Body{event.DecisionProposed{Decision: d.Decision, Flag: d.Flag, Kind: d.Kind, By: d.By,
			Cause: d.Cause, Note: d.Note, On: d.On, Until: d.Until}}, nil
	}
	return []event.Body{d}, nil
}

// complete checks the command by itself and fills in what it leaves open.
func complete(f *Flag, cmd Command, by string, on catalog.Date) (event.DecisionMade, error) {
	d := event.DecisionMade{Flag: f.Flag, Kind: cmd.Kind, By: by, Cause: cmd.Cause, Note: strings.TrimSpace(cmd.Note), On: on}
	invalid := func(format string, a ...any) (event.DecisionMade, error) {
		return event.DecisionMade{}, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, a...)...)
	}
	known := slices.Contains(Causes(), cmd.Cause)
	switch cmd.Kind {
	case event.Accept, event.RejectIt, event.Waive:
		if !known {
			return invalid("%s needs a cause: %s", cmd.Kind, strings.Join(Causes(), ", "))
		}
	default:
		if cmd.Cause != "" && !known {
			return invalid("unknown cause %q; use %s", cmd.Cause, strings.Join(Causes(), ", "))
		}
	}
	if d.Note == "" && (cmd.Kind == event.Comment || cmd.Kind == event.Waive) {
		return invalid("%s needs a note", cmd.Kind)
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
	d.Decision = decisionID(f, d)
	return d, nil
}

// decisionID names a decision by its content, so that a command sent twice is
// one decision. How often the flag was opened is part of it: the same words
// about a question that came back are a new decision.
func decisionID(f *Flag, d event.DecisionMade) string {
	h := sha256.New()
	for _, p := range []string{"decision", d.Flag, strconv.Itoa(f.Opened), d.Kind, d.By, d.On.String(), d.Until.String(), d.Cause, d.Note,
		strconv.FormatFloat(d.Low, 'g', -1, 64), strconv.FormatFloat(d.High, 'g', -1, 64)} {
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

// permits checks the command against the flag's state and severity.
func (f *Flag) permits(cmd Command) error {
	switch cmd.Kind {
	case event.Comment:
		return nil
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
	at := slices.IndexFunc(f.Proposals, func(p event.DecisionProposed) bool { return p.Decision == id })
	switch {
	case f.Status != Open:
		return nil, fmt.Errorf("%w: flag %s is %s (%s)", ErrClosed, f.Flag, f.Status, f.last.what)
	case len(f.Proposals) == 0:
		return nil, fmt.Errorf("%w: flag %s has no proposal to confirm", ErrInvalid, f.Flag)
	case id == "":
		return nil, fmt.Errorf("%w: flag %s has %d proposals; name one", ErrInvalid, f.Flag, len(f.Proposals))
	case at < 0:
		return nil, fmt.Errorf("%w: flag %s has no open proposal %s", ErrInvalid, f.Flag, id)
	}
	p := f.Proposals[at]
	if p.By == who.ID {
		return nil, fmt.Errorf("%w: %s proposed it; another steward must confirm", ErrFourEyes, who.ID)
	}
	if until(p.On, p.Until).Before(on) {
		return nil, fmt.Errorf("%w: the proposal ended on %s; propose again", ErrInvalid, until(p.On, p.Until))
	}
	return []event.Body{event.DecisionConfirmed{Decision: p.Decision, Flag: f.Flag, By: who.ID, On: on}}, nil
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
	for _, g := range f.Guards {
		all = append(all, g.Unit)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
