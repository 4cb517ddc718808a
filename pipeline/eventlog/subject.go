package eventlog

import (
	"context"

	"larstrom/pipeline/event"
)

// ReadSubject calls fn for every message of a subject from sequence from on, in
// order and once each: up to sequence until, or, where that is 0, those that
// exist and then those that come, until ctx ends (the error is then ctx's) or fn
// returns an error (which is returned as it is). The payload is valid until fn
// returns. Whether the messages are those of anything is the caller's to find
// out: see Tally.
func (l *Log) ReadSubject(ctx context.Context, stream, subject string, from, until uint64, fn func(seq uint64, payload []byte) error) error {
	if _, err := l.stream(stream); err != nil {
		return err
	}
	if err := checkSubject(stream, subject); err != nil {
		return err
	}
	return l.each(ctx, query{stream: stream, subject: subject, from: max(from, 1), until: until}, func(m Message) error {
		return fn(m.Sequence, m.Data)
	})
}

// Tally is the range of messages that somebody reads before there is a range
// to hold them against.
type Tally struct{ sum *summer }

// NewTally is the empty range of a subject.
func NewTally(subject string) *Tally { return &Tally{newSummer(subject)} }

// Add counts a message behind those before it.
func (t *Tally) Add(seq uint64, payload []byte) { t.sum.add(seq, payload, 0) }

// Last is the sequence of the last message; 0: there is none.
func (t *Tally) Last() uint64 { return t.sum.last }

// Is reports whether the messages are exactly those of the range.
func (t *Tally) Is(r event.Range) bool {
	got := t.sum.result()
	got.Rows = r.Rows // the log does not look into blocks
	return got == r
}
