package gate

import (
	"errors"
	"fmt"

	"larstrom/pipeline/catalog"
)

// Errors of Cells and Apply: the log or its reader is corrupt, and the caller
// must stop. The state is as it was before the call.
var (
	// ErrForeign: a version or event of another region or indicator, or an
	// event that is none of the gate's.
	ErrForeign = errors.New("gate: not of this gate")
	// ErrOrder: a version or event came later than its place.
	ErrOrder = errors.New("gate: out of order")
	// ErrVersion: one revision of one cell has two fingerprints.
	ErrVersion = errors.New("gate: two versions in one revision")
	// ErrUnknownFlag: an event or command names a flag that was never raised.
	ErrUnknownFlag = errors.New("gate: unknown flag")
	// ErrTransition: the event has no place in the flag's present state.
	ErrTransition = errors.New("gate: illegal transition")
	// ErrGateViolation: the event would show what must not be shown.
	ErrGateViolation = errors.New("gate: violation")
	// ErrFourEyes: one person proposed and confirmed. Decide returns it too.
	ErrFourEyes = errors.New("gate: the proposer cannot confirm")
)

// Errors of Decide: the request is refused, nothing is wrong with the log.
var (
	// ErrInvalid: the command is incomplete or its parts do not fit.
	ErrInvalid = errors.New("gate: invalid command")
	// ErrForbidden: the person has no role that allows it.
	ErrForbidden = errors.New("gate: not allowed")
	// ErrClosed: the flag is not open.
	ErrClosed = errors.New("gate: the flag is closed")
	// ErrConflict: the flag changed since the person read it; see ConflictError.
	ErrConflict = errors.New("gate: somebody decided meanwhile")
	// ErrCorrections: this cannot be put in the place of what was delivered.
	ErrCorrections = errors.New("gate: no such correction")
	// ErrJudgeFirst: who wants to see the effect must judge before.
	ErrJudgeFirst = errors.New("gate: the judgement comes before the effect")
	// ErrTooLate: a decision can no longer be taken back.
	ErrTooLate = errors.New("gate: too late to take it back")
	// ErrIntroduction: an introduction protocol is incomplete.
	ErrIntroduction = errors.New("gate: the introduction protocol is incomplete")
)

// ConflictError says what changed a flag since the person read it. It matches
// ErrConflict.
type ConflictError struct {
	Flag             string
	Expected, Actual int // flag versions
	What             string
	By               string // opaque id, empty when no person did it
	On               catalog.Date
}

// Error names the change.
func (e *ConflictError) Error() string {
	who := ""
	if e.By != "" {
		who = " by " + e.By
	}
	on := ""
	if !e.On.IsZero() {
		on = " on " + e.On.String()
	}
	return fmt.Sprintf("flag %s has changed since it was read (version %d, now %d): %s%s%s; read it again",
		e.Flag, e.Expected, e.Actual, e.What, who, on)
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }
