package run

import (
	"maps"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// seen is what people have looked at, and stand by.
type seen struct {
	flags map[string]map[string]event.FlagSeen // by flag and person, the last
	units map[string]event.UnitAffirmed        // by unit, that which reaches furthest
	said  []affirmed                           // in the order of the LEDGER
	// affirmed is the sequence of the last affirmation that said something new.
	affirmed uint64
}

// affirmed is an affirmation at its place in the LEDGER.
type affirmed struct {
	event.UnitAffirmed
	seq uint64
}

func (s *seen) flag(b event.FlagSeen) {
	if s.flags == nil {
		s.flags = map[string]map[string]event.FlagSeen{}
	}
	if s.flags[b.Flag] == nil {
		s.flags[b.Flag] = map[string]event.FlagSeen{}
	}
	if s.flags[b.Flag][b.By].FlagVersion <= b.FlagVersion {
		s.flags[b.Flag][b.By] = b
	}
}

func (s *seen) unit(b event.UnitAffirmed, seq uint64) {
	s.said = append(s.said, affirmed{b, seq})
	if s.units == nil {
		s.units = map[string]event.UnitAffirmed{}
	}
	if s.units[b.Unit].Through.Before(b.Through) {
		s.units[b.Unit], s.affirmed = b, seq
	}
}

// SeenBy is who was shown the flag, each as she saw it last, by person.
func (s *State) SeenBy(flag string) []event.FlagSeen {
	return slices.SortedFunc(maps.Values(s.seen.flags[flag]), func(a, b event.FlagSeen) int { return strings.Compare(a.By, b.By) })
}

// Affirmed is the affirmation of the unit that reaches furthest, if there is
// one.
func (s *State) Affirmed(unit string) (event.UnitAffirmed, bool) {
	b, ok := s.seen.units[unit]
	return b, ok
}

// AffirmedSeq is the LEDGER sequence of the last affirmation that said something
// new, 0 before the first.
func (s *State) AffirmedSeq() uint64 { return s.seen.affirmed }

// AffirmedAt is by unit the last day that was affirmed as of a LEDGER sequence.
func (s *State) AffirmedAt(through uint64) map[string]catalog.Date {
	out := map[string]catalog.Date{}
	for _, a := range s.seen.said {
		if a.seq <= through && out[a.Unit].Before(a.Through) {
			out[a.Unit] = a.Through
		}
	}
	return out
}

// PreliminaryMonths is for how long after its end a period that nobody has
// affirmed is marked as preliminary.
const PreliminaryMonths = 3

// Preliminary reports whether a period of the unit that ends before the day end
// (half-open) is still to be marked as preliminary on the day on: nobody has
// affirmed it, and three months have not passed since.
func (s *State) Preliminary(unit string, end, on catalog.Date) bool {
	if a, ok := s.Affirmed(unit); ok && !a.Through.AddDays(1).Before(end) {
		return false
	}
	return on.Before(end.AddMonths(PreliminaryMonths))
}
