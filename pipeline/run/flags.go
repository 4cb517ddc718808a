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
		f := flagFold{at: map[string]int{}, proposed: map[string]event.DecisionProposed{}, standing: map[string]string{}, corrected: map[event.Guard][]string{}}
		for _, e := range s.gate[i] {
			if e.Sequence > seq {
				break
			}
			if err := f.apply(e); err != nil {
				return nil, err
			}
		}
		out = append(out, f.flags...)
	}
	return out, nil
}

// flagFold folds the flags of one indicator.
type flagFold struct {
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
		return decoded(e, func(b event.FlagRaised) { f.raised(b, e.Time) })
	case event.TypeFlagResolved:
		return decoded(e, func(b event.FlagResolved) { f.set(b.Flag, "resolved", "") })
	case event.TypeDecisionMade:
		return decoded(e, f.made)
	case event.TypeDecisionProposed:
		return decoded(e, func(b event.DecisionProposed) { f.proposed[b.Decision] = b })
	case event.TypeDecisionConfirmed:
		return decoded(e, f.confirmed)
	case event.TypeDecisionWithdrawn:
		return decoded(e, f.withdrawn)
	case event.TypeFlagReopened:
		return decoded(e, func(b event.FlagReopened) {
			for _, g := range b.Guards {
				f.settle(g, b.Flag)
			}
			f.set(b.Flag, "open", "")
		})
	case event.TypeCorrectionRetired:
		return decoded(e, func(b event.CorrectionRetired) { f.settle(b.Cell, "") })
	}
	return nil
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

func (f *flagFold) withdrawn(b event.DecisionWithdrawn) {
	if f.standing[b.Flag] != b.Decision {
		return // a proposal or a snooze
	}
	if f.status(b.Flag) == "accepted" {
		for i := range f.flags {
			if o := &f.flags[i]; o.Status == "covered" && o.Memory == b.Flag {
				f.set(o.Flag, "open", "")
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
