package spc

import (
	"errors"
	"fmt"
)

// State says what kind of something, or of nothing, a point is. The zero State
// is invalid on purpose: a point whose state was forgotten must not become a
// value.
type State uint8

// The states of a point. Only StateValue enters centre lines, limits, signals
// and funnels.
const (
	// StateValue is a mature, released value.
	StateValue State = iota + 1
	// StatePreliminary is drawn, but not mature: it enters nothing.
	StatePreliminary
	// StateHeldPrevious is under question; an earlier released version is drawn.
	StateHeldPrevious
	// StateHeldEmpty is under question; nothing is shown.
	StateHeldEmpty
	// StateSuppressed is withheld for privacy.
	StateSuppressed
	// StateMissing was expected and not delivered.
	StateMissing
	// StateNoEligible is 0 of 0.
	StateNoEligible
	// StateNotApplicable is a period in which the indicator does not apply.
	StateNotApplicable
)

// ErrState is wrapped by errors about a State that is none of the eight.
var ErrState = errors.New("spc: unknown state of a point")

// String gives the name used in stores and files, such as "held_previous".
func (s State) String() string {
	switch s {
	case StateValue:
		return "value"
	case StatePreliminary:
		return "preliminary"
	case StateHeldPrevious:
		return "held_previous"
	case StateHeldEmpty:
		return "held_empty"
	case StateSuppressed:
		return "suppressed"
	case StateMissing:
		return "missing"
	case StateNoEligible:
		return "no_eligible"
	case StateNotApplicable:
		return "not_applicable"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ParseState is the inverse of State.String. It returns an error that wraps
// ErrState for any other name.
func ParseState(name string) (State, error) {
	for s := StateValue; s <= StateNotApplicable; s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("%w: %q; use value, preliminary, held_previous, held_empty, suppressed, missing, no_eligible or not_applicable", ErrState, name)
}

// Valid reports whether s is one of the eight states.
func (s State) Valid() bool { return s >= StateValue && s <= StateNotApplicable }

// Enters reports whether a point in this state enters centre lines, limits and
// signals.
func (s State) Enters() bool { return s == StateValue }

// Drawn reports whether a point in this state has a value to draw.
func (s State) Drawn() bool { return s >= StateValue && s <= StateHeldPrevious }
