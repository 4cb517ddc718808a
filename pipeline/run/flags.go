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
	// Status is open, covered, accepted, rejected, waived or resolved.
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
		at := map[string]int{}
		for _, e := range s.gate[i] {
			if e.Sequence > seq {
				break
			}
			if err := applyFlag(&out, at, e); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func applyFlag(flags *[]Flag, at map[string]int, e event.Event) error {
	set := func(flag, status string) {
		if i, ok := at[flag]; ok {
			(*flags)[i].Status = status
		}
	}
	switch e.Type {
	case event.TypeFlagRaised:
		b, err := event.Decode[event.FlagRaised](e)
		if err != nil {
			return err
		}
		status := "open"
		if b.Memory != "" {
			status = "covered"
		}
		if i, ok := at[b.Flag]; ok { // asked again
			(*flags)[i].FlagRaised, (*flags)[i].Status = b, status
			return nil
		}
		at[b.Flag] = len(*flags)
		*flags = append(*flags, Flag{FlagRaised: b, RaisedAt: e.Time, Status: status})
	case event.TypeFlagResolved:
		b, err := event.Decode[event.FlagResolved](e)
		if err != nil {
			return err
		}
		set(b.Flag, "resolved")
	case event.TypeDecisionMade:
		b, err := event.Decode[event.DecisionMade](e)
		if err != nil {
			return err
		}
		switch b.Kind {
		case event.Accept:
			set(b.Flag, "accepted")
		case event.RejectIt:
			set(b.Flag, "rejected")
		}
	case event.TypeDecisionConfirmed:
		b, err := event.Decode[event.DecisionConfirmed](e)
		if err != nil {
			return err
		}
		set(b.Flag, "waived")
	}
	return nil
}
