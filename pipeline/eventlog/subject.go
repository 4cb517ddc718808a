package eventlog

import (
	"context"
	"fmt"
	"time"

	"larstrom/pipeline/event"
)

// behind is how many bytes a reader stays behind a writer. The server keeps what
// it writes in files of 8 MiB, and what of one is read while it is written it
// keeps in memory for 10 seconds more: at the pace of intake, hundreds of MiB.
const behind = 9 << 20

// stride is how many bytes more there must be before Trail reads on, so that a
// consumer is worth its making, and pace how often it asks how many there are.
const (
	stride = 4 << 20
	pace   = 50 * time.Millisecond
)

// Trail calls fn for every message of a subject from sequence 1 on, in order and
// once each, as ReadSubject does, while somebody writes them: never the last few
// MiB of the stream, which it leaves to be read when the writing is over. It ends
// with ctx (the error is then ctx's) or when fn returns an error.
func (l *Log) Trail(ctx context.Context, stream, subject string, fn func(seq uint64, payload []byte) error) error {
	first, err := l.state(ctx, stream)
	if err != nil {
		return err
	}
	read, until := StreamInfo{Bytes: first.Bytes}, first
	known := []StreamInfo{first} // what the stream was, the oldest first
	for {
		now, err := l.state(ctx, stream)
		if err != nil {
			return err
		}
		if len(known) == 0 || known[len(known)-1].Last < now.Last {
			known = append(known, now)
		}
		for len(known) > 0 && known[0].Bytes+behind <= now.Bytes {
			until, known = known[0], known[1:]
		}
		if until.Bytes >= read.Bytes+stride {
			if err := l.ReadSubject(ctx, stream, subject, read.Last+1, until.Last, fn); err != nil {
				return err
			}
			read = until
		}
		l.reached("trail", now.Last)
		if !wait(ctx, pace) {
			return fmt.Errorf("log: reading %s: %w", subject, ctx.Err())
		}
	}
}

// ReadSubject calls fn for every message of a subject from sequence from up to
// sequence until, in order and once each, until fn returns an error (which is
// returned as it is). The payload is valid until fn returns. Whether the messages
// are those of anything is the caller's to find out: see Tally.
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
// to hold them against. It takes no hash of them: what was appended is never
// altered, and the server holds each message that it reads from its files against
// its checksum, so that their places tell which they are. The hash is for who
// reads a range, and for verification.
type Tally struct{ is event.Range }

// NewTally is the empty range of a subject.
func NewTally(subject string) *Tally { return &Tally{event.Range{Subject: subject}} }

// Add counts the message at a sequence behind those before it.
func (t *Tally) Add(seq uint64) {
	if t.is.Blocks == 0 {
		t.is.First = seq
	}
	t.is.Last = seq
	t.is.Blocks++
}

// Last is the sequence of the last message; 0: there is none.
func (t *Tally) Last() uint64 { return t.is.Last }

// Is reports whether the messages are exactly those of the range.
func (t *Tally) Is(r event.Range) bool {
	r.Rows, r.Hash = 0, ""
	return t.is == r
}
