package eventlog

import (
	"errors"
	"fmt"
)

var (
	// ErrConflict is returned when a subject already holds blocks that are not
	// the ones that are appended: two inputs claim one identity, or the same
	// input no longer makes the same bytes.
	ErrConflict = errors.New("the log holds other blocks under this subject")
	// ErrCorrupt is returned when the log does not hold what was once written:
	// a message is missing or altered. It needs an operator, not a retry.
	ErrCorrupt = errors.New("the log is damaged")
	// ErrUnknownOutcome is returned when it could not be found out whether an
	// append took effect. Repeating the same call is safe and settles it.
	ErrUnknownOutcome = errors.New("it is not known whether the append took effect")
	// ErrTooLarge is returned for a message above the server's limit.
	ErrTooLarge = errors.New("message is above the server's limit")
	// ErrConfig is returned when a stream exists with settings that this program
	// must not work with.
	ErrConfig = errors.New("the stream's settings are not those of this program")
	// ErrInvalid is returned for an argument that cannot be appended or read.
	ErrInvalid = errors.New("invalid argument")
	// ErrStuck is returned when messages exist and repeatedly renewed consumers
	// do not deliver them.
	ErrStuck = errors.New("the log's server does not deliver messages that it has")
)

// WrongLastSequenceError is returned when a subject has moved on: its last
// message is not the one that the append was to follow, and what follows that
// one is not what was appended. Read the subject, decide again, and append
// after Actual.
type WrongLastSequenceError struct {
	Subject string
	// Expected is the stream sequence that the append named (0: no message).
	Expected uint64
	// Actual is the stream sequence of the subject's last message.
	Actual uint64
}

func (e *WrongLastSequenceError) Error() string {
	return fmt.Sprintf("subject %s ends at sequence %d, not at %d as expected: someone else appended; read it and decide again",
		e.Subject, e.Actual, e.Expected)
}
