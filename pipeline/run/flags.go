package run

import (
	"slices"
	"time"

	"larstrom/pipeline/event"
)

// Flag is a flag as its own events tell it. Package gate, which also knows the
// cells, verifies that each of them was legal.
type Flag struct {
	event.FlagRaised
	RaisedAt time.Time
	// Status is open, covered, accepted, rejected, waived, resolved or
	// corrected.
	Status string
	// Moved is the sequence of the last event by which somebody's duty about
	// the flag began or ended.
	Moved uint64
	// SLA is how far beyond its time the duty is that the open flag awaits
	// (event.SLADue, event.SLALate); empty: within it.
	SLA string
}

// Breach is a duty that was not done in its time, and where the LEDGER says so.
type Breach struct {
	event.SLABreached
	Seq uint64
}

// Breaches are all duties that were not done in their time, in order. The
// slice is not to be changed.
func (s *State) Breaches() []Breach { return s.breaches }

func (s *State) breached(b Breach) {
	s.breaches = append(s.breaches, b)
	if s.breachesOf == nil {
		s.breachesOf = map[string][]Breach{}
	}
	s.breachesOf[b.Flag] = append(s.breachesOf[b.Flag], b)
}

// FlagsMoved are the indicators, sorted, of which a flag may be another than it was,
// or new: something was said of one after one LEDGER sequence and up to another.
func (s *State) FlagsMoved(after, through uint64) []string {
	var out []string
	for indicator, events := range s.gate {
		for _, e := range slices.Backward(events) {
			if e.Sequence <= after {
				break
			}
			if e.Sequence <= through {
				out = append(out, indicator)
				break
			}
		}
	}
	for _, b := range slices.Backward(s.breaches) {
		if b.Seq <= after {
			break
		}
		if indicator, ok := s.flags[b.Flag]; ok && b.Seq <= through {
			out = append(out, indicator)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// FlagsOfAt are those of FlagsAt that are of one indicator.
func (s *State) FlagsOfAt(indicator string, seq uint64) ([]Flag, error) {
	f, err := s.flagsOf(indicator, seq)
	out := slices.Clone(f)
	s.late(out, seq)
	return out, err
}

// FlagsAt are all flags as they were at a LEDGER sequence, ordered by
// indicator and then as they were first raised.
func (s *State) FlagsAt(seq uint64) ([]Flag, error) {
	var out []Flag
	indicators := make([]string, 0, len(s.gate))
	for i := range s.gate {
		indicators = append(indicators, i)
	}
	slices.Sort(indicators)
	for _, i := range indicators {
		f, err := s.flagsOf(i, seq)
		if err != nil {
			return nil, err
		}
		out = append(out, f...)
	}
	s.late(out, seq)
	return out, nil
}

// flagsOf are the flags of an indicator at a LEDGER sequence, without SLA. What
// was folded is kept, so that the next question costs what came since. The slice
// is not to be changed.
func (s *State) flagsOf(indicator string, seq uint64) ([]Flag, error) {
	events := s.gate[indicator]
	n := len(events)
	for n > 0 && events[n-1].Sequence > seq {
		n--
	}
	f := s.folded[indicator]
	if f == nil || f.seen > n {
		f = &flagFold{at: map[string]int{}, proposed: map[string]event.DecisionProposed{}, standing: map[string]string{}, corrected: map[event.Guard][]string{}}
	}
	for _, e := range events[f.seen:n] {
		if err := f.apply(e); err != nil {
			delete(s.folded, indicator)
			return nil, err
		}
		f.seen++
	}
	if n == len(events) {
		if s.folded == nil {
			s.folded = map[string]*flagFold{}
		}
		s.folded[indicator] = f
	}
	return f.flags, nil
}

// late says of open flags what the LEDGER knew at a sequence of their time.
func (s *State) late(flags []Flag, seq uint64) {
	for i := range flags {
		f := &flags[i]
		if f.Status != "open" {
			continue
		}
		stage, since := "", uint64(0)
		for _, b := range s.breachesOf[f.FlagRaised.Flag] {
			if b.Seq <= seq && (b.Since > since || b.Since == since && b.Stage == event.SLALate) {
				stage, since = b.Stage, b.Since
			}
		}
		if since == f.Moved {
			f.SLA = stage
		}
	}
}

// flagFold folds the flags of one indicator.
type flagFold struct {
	seen  int // events
	flags []Flag
	at    map[string]int
	// proposed are all proposals; standing is the decision behind a flag's
	// status, where a person gave it.
	proposed map[string]event.DecisionProposed
	standing map[string]string
	// corrected are the flags that rest on the standing correction of a cell,
	// whose guard has no fingerprint here.
	corrected map[event.Guard][]string
}

func (f *flagFold) set(flag, status, decision string) {
	if i, ok := f.at[flag]; ok {
		f.flags[i].Status, f.standing[flag] = status, decision
	}
}

func (f *flagFold) status(flag string) string {
	if i, ok := f.at[flag]; ok {
		return f.flags[i].Status
	}
	return ""
}

func (f *flagFold) apply(e event.Event) error {
	switch e.Type {
	case event.TypeFlagRaised:
		return decoded(e, func(b event.FlagRaised) {
			// That an open flag is raised again for a newer version begins nothing.
			again := f.status(b.Flag) == "open"
			if f.raised(b, e.Time); !again {
				f.moved(b.Flag, e.Sequence)
			}
		})
	case event.TypeFlagResolved:
		return decoded(e, func(b event.FlagResolved) { f.set(b.Flag, "resolved", ""); f.moved(b.Flag, e.Sequence) })
	case event.TypeDecisionMade:
		return decoded(e, func(b event.DecisionMade) { f.made(b); f.moved(b.Flag, e.Sequence) })
	case event.TypeDecisionProposed:
		return decoded(e, func(b event.DecisionProposed) { f.proposed[b.Decision] = b; f.moved(b.Flag, e.Sequence) })
	case event.TypeDecisionConfirmed:
		return decoded(e, func(b event.DecisionConfirmed) { f.confirmed(b); f.moved(b.Flag, e.Sequence) })
	case event.TypeDecisionRefused:
		return decoded(e, func(b event.DecisionRefused) { f.moved(b.Flag, e.Sequence) })
	case event.TypeDecisionWithdrawn:
		return decoded(e, func(b event.DecisionWithdrawn) { f.withdrawn(b, e.Sequence); f.moved(b.Flag, e.Sequence) })
	case event.TypeFlagReopened:
		return decoded(e, func(b event.FlagReopened) {
			for _, g := range b.Guards {
				f.settle(g, b.Flag)
			}
			f.set(b.Flag, "open", "")
			f.moved(b.Flag, e.Sequence)
		})
	case event.TypeCorrectionRetired:
		return decoded(e, func(b event.CorrectionRetired) { f.settle(b.Cell, "") })
	}
	return nil
}

// moved notes that a duty about the flag began or ended.
func (f *flagFold) moved(flag string, seq uint64) {
	if i, ok := f.at[flag]; ok {
		f.flags[i].Moved = seq
	}
}

func decoded[B event.Body](e event.Event, then func(B)) error {
	b, err := event.Decode[B](e)
	if err == nil {
		then(b)
	}
	return err
}

func (f *flagFold) raised(b event.FlagRaised, at time.Time) {
	status := "open"
	if b.Memory != "" {
		status = "covered"
		if f.status(b.Memory) == "rejected" {
			status = "rejected" // it still fails, and is not asked again
		}
	}
	if i, ok := f.at[b.Flag]; ok { // asked again
		if f.flags[i].Status != "open" {
			f.unrest(b.Flag)
		}
		f.flags[i].FlagRaised = b
		f.set(b.Flag, status, "")
		return
	}
	f.at[b.Flag] = len(f.flags)
	f.flags = append(f.flags, Flag{FlagRaised: b, RaisedAt: at, Status: status})
}

func (f *flagFold) made(b event.DecisionMade) {
	switch b.Kind {
	case event.Accept:
		f.set(b.Flag, "accepted", b.Decision)
	case event.RejectIt:
		f.unrest(b.Flag)
		f.set(b.Flag, "rejected", b.Decision)
	}
}

func (f *flagFold) confirmed(b event.DecisionConfirmed) {
	p := f.proposed[b.Decision]
	switch p.Kind {
	case event.Accept:
		f.set(b.Flag, "accepted", b.Decision)
	case event.Correct:
		f.set(b.Flag, "corrected", b.Decision)
		for _, c := range p.Corrections {
			k := cellOf(c.Cell)
			f.corrected[k] = append(f.corrected[k], b.Flag)
		}
	default:
		f.set(b.Flag, "waived", b.Decision)
	}
}

func (f *flagFold) withdrawn(b event.DecisionWithdrawn, seq uint64) {
	if f.standing[b.Flag] != b.Decision {
		return // a proposal or a snooze
	}
	if rests := map[string]string{"accepted": "covered", "rejected": "rejected"}[f.status(b.Flag)]; rests != "" {
		for i := range f.flags {
			if o := &f.flags[i]; o.Status == rests && o.Memory == b.Flag {
				f.set(o.Flag, "open", "")
				f.moved(o.Flag, seq)
			}
		}
	}
	f.unrest(b.Flag)
	f.set(b.Flag, "open", "")
}

// unrest: the flag rests on no correction any more.
func (f *flagFold) unrest(flag string) {
	for k, flags := range f.corrected {
		f.corrected[k] = slices.DeleteFunc(flags, func(o string) bool { return o == flag })
	}
}

// settle ends the correction of a cell: flags that rested on it alone are
// resolved, except the named one.
func (f *flagFold) settle(g event.Guard, except string) {
	k := cellOf(g)
	flags := f.corrected[k]
	delete(f.corrected, k)
	for _, id := range flags {
		rests := false
		for _, others := range f.corrected {
			rests = rests || slices.Contains(others, id)
		}
		if id != except && !rests && f.status(id) == "corrected" {
			f.set(id, "resolved", "")
		}
	}
}

// cellOf is the guard's cell in any version.
func cellOf(g event.Guard) event.Guard {
	return event.Guard{Registry: g.Registry, Version: g.Version, Granularity: g.Granularity, Unit: g.Unit, Stratum: g.Stratum, Period: g.Period}
}
