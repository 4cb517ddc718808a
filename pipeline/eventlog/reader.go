package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a reader buffers: few blocks of up to a megabyte, many small events.
const (
	bufferBlocks = 24
	bufferEvents = 512
	bufferBytes  = 16 << 20
	// fruitless is how many consumers in a row may deliver nothing although
	// messages are pending.
	fruitless = 5
)

// query says which messages to read.
type query struct {
	stream  string
	subject string // one subject; empty: the whole stream
	from    uint64 // first sequence of interest
	until   uint64 // last sequence of interest; 0: follow for ever
	headers bool   // without payloads
	// contiguous: every sequence from from on exists, so that a missing one is
	// damage and not an erasure.
	contiguous bool
}

// errStop ends a reading from within its callback.
var errStop = errors.New("stop")

// each calls fn for every message of q, in order and once. It reads through an
// ephemeral consumer without acknowledgements, makes a new one from where it is
// when messages were lost on the way or none arrive although some are pending,
// and ends without an error when it has seen q.until or knows that nothing up
// to it is left. An error of fn ends it and is returned; errStop ends it with nil.
func (l *Log) each(ctx context.Context, q query, fn func(Message) error) error {
	next := max(q.from, 1)
	for idle := 0; ; {
		before := next
		end, err := l.generation(ctx, q, &next, fn)
		switch {
		case end == failed && errors.Is(err, errStop):
			return nil
		case end == failed:
			return err
		case end == answered:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("log: reading %s: %w", q, ctx.Err())
		}
		if next > before {
			idle = 0
		}
		idle++
		if idle > fruitless {
			return fmt.Errorf("log: reading %s from sequence %d: %w: %w", q, next, ErrStuck, err)
		}
		l.cfg.Logger.Warn("consumer is renewed", "stream", q.stream, "subject", q.subject, "from", next, "error", err)
		if !wait(ctx, time.Duration(idle)*20*time.Millisecond) {
			return fmt.Errorf("log: reading %s: %w", q, ctx.Err())
		}
	}
}

// ending is how one consumer ended.
type ending int

const (
	answered ending = iota // the query is answered
	failed                 // the reading ends with the error
	renew                  // another consumer must go on from where this one got to
)

func (q query) String() string {
	if q.subject != "" {
		return q.subject
	}
	return "stream " + q.stream
}

// generation reads through one consumer, and moves *next past what fn has seen.
func (l *Log) generation(ctx context.Context, q query, next *uint64, fn func(Message) error) (ending, error) {
	if q.until > 0 && *next > q.until {
		return answered, nil
	}
	setup, cancel := context.WithTimeout(ctx, l.cfg.AckWait)
	defer cancel()
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: *next,
		FilterSubject: q.subject, HeadersOnly: q.headers, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: time.Minute,
	}
	cons, err := l.js.CreateConsumer(setup, q.stream, cfg)
	if err != nil {
		return renew, fmt.Errorf("log: consumer on %s: %w", q, err)
	}
	name := cons.CachedInfo().Name
	defer func() {
		// Best effort: what is not deleted disappears by itself after a minute.
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = l.js.DeleteConsumer(clean, q.stream, name)
	}()
	buffer := jetstream.PullMaxMessagesWithBytesLimit(bufferBlocks, bufferBytes)
	if q.stream == LEDGER || q.headers {
		buffer = jetstream.PullMaxMessagesWithBytesLimit(bufferEvents, bufferBytes)
	}
	opts := []jetstream.PullMessagesOpt{buffer}
	if q.until > 0 {
		// Nothing beyond the end is fetched: not for nothing, and not of what is
		// being written, see behind.
		opts = append(opts, jetstream.StopAfter(int(min(q.until-*next+1, math.MaxInt32))))
	}
	msgs, err := cons.Messages(opts...)
	if err != nil {
		return renew, fmt.Errorf("log: consumer on %s: %w", q, err)
	}
	defer msgs.Stop()
	// Next cannot watch a context and a deadline at once.
	defer context.AfterFunc(ctx, msgs.Stop)()
	l.reached("consumer "+name, *next)
	left := cons.CachedInfo().NumPending
	for delivered := uint64(1); ; {
		// The consumer knows of nothing more: when that is so, it is not waited for
		// what was erased.
		if q.until > 0 && left == 0 {
			pending, err := l.pending(ctx, q, *next)
			if err != nil {
				return renew, err
			}
			if !pending {
				return answered, nil
			}
		}
		m, err := msgs.Next(jetstream.NextMaxWait(l.cfg.StuckAfter))
		if ctx.Err() != nil {
			return renew, ctx.Err()
		}
		if errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoHeartbeat) {
			pending, err := l.pending(ctx, q, *next)
			if err != nil {
				return renew, err
			}
			if pending {
				return renew, errors.New("messages are pending and none arrives")
			}
			left = 0
			continue
		}
		if err != nil {
			return renew, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return failed, fmt.Errorf("log: reading %s: %w", q, err)
		}
		if meta.Sequence.Consumer != delivered {
			return renew, fmt.Errorf("delivery %d follows %d: messages were lost on the way", meta.Sequence.Consumer, delivered-1)
		}
		delivered++
		left = meta.NumPending
		seq := meta.Sequence.Stream
		if q.until > 0 && seq > q.until {
			return answered, nil
		}
		if q.contiguous && seq != *next {
			return failed, fmt.Errorf("log: reading %s: sequences %d to %d are missing: %w: restore the stream", q, *next, seq-1, ErrCorrupt)
		}
		*next = seq + 1
		if err := fn(Message{Sequence: seq, Subject: m.Subject(), Header: m.Headers(), Data: m.Data(), Time: meta.Timestamp}); err != nil {
			return failed, err
		}
		if q.until > 0 && seq == q.until {
			return answered, nil
		}
	}
}

// pending reports whether the query has messages at or after next.
func (l *Log) pending(ctx context.Context, q query, next uint64) (bool, error) {
	subject := q.subject
	if subject == "" {
		subject = ">"
	}
	m, found, err := l.after(ctx, q.stream, subject, next-1)
	if err != nil || !found {
		return false, err
	}
	return q.until == 0 || m.Sequence <= q.until, nil
}
