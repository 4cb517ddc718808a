package eventlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"

	"larstrom/pipeline/event"
)

// CloudEvents attributes as headers (CloudEvents NATS protocol binding, binary
// mode), and our extension for the cause.
const (
	headerSpec    = "ce-specversion"
	headerID      = "ce-id"
	headerType    = "ce-type"
	headerSource  = "ce-source"
	headerSubject = "ce-subject"
	headerTime    = "ce-time"
	headerSchema  = "ce-dataschema"
	headerCause   = "ce-cause"
	headerContent = "content-type"
	specVersion   = "1.0"
	jsonContent   = "application/json"
)

// SchemaURN names the JSON Schema of the bodies of a type, as $id does in it.
func SchemaURN(t event.Type) string { return "urn:larstrom:event:" + string(t) + ":1" }

// AppendEvent stores ev on its subject of LEDGER and returns its sequence. With
// expected, the subject's last message must have that sequence (0: none), else
// the error is a *WrongLastSequenceError; without, it is stored after whatever
// is there. Repeating the call is safe: an event that already follows expected,
// or without it is the subject's last, is recognised by its id.
func (l *Log) AppendEvent(ctx context.Context, ev event.Event, expected *uint64) (seq uint64, err error) {
	_, last, err := l.AppendEvents(ctx, []event.Event{ev}, expected)
	return last, err
}

// AppendEvents stores events, which share one subject, as AppendEvent does one.
// Up to MaxBatch events and MaxBatchBytes bytes are one atomic batch; of more, a
// crash leaves a beginning, which the same call completes.
func (l *Log) AppendEvents(ctx context.Context, evs []event.Event, expected *uint64) (first, last uint64, err error) {
	if len(evs) == 0 {
		return 0, 0, fmt.Errorf("log: no events to append: %w", ErrInvalid)
	}
	subject := evs[0].Subject
	msgs := make([]message, len(evs))
	for i, ev := range evs {
		if ev.Subject != subject {
			return 0, 0, fmt.Errorf("log: events for %s and %s in one batch: %w", subject, ev.Subject, ErrInvalid)
		}
		if err := ev.Verify(); err != nil {
			return 0, 0, fmt.Errorf("log: event for %s: %w: %w", subject, ErrInvalid, err)
		}
		msgs[i] = l.messageOfEvent(ev)
	}
	if expected != nil {
		return l.appendAll(ctx, LEDGER, subject, *expected, msgs)
	}
	return l.appendAfterLast(ctx, LEDGER, subject, msgs)
}

// appendAfterLast appends wherever the subject ends. Each try names the end that
// it saw, so that an unknown outcome can be settled as everywhere else.
func (l *Log) appendAfterLast(ctx context.Context, stream, subject string, msgs []message) (first, last uint64, err error) {
	for {
		end, found, err := l.Last(ctx, stream, subject)
		if err != nil {
			return 0, 0, err
		}
		if found && len(msgs) == 1 && msgs[0].same(end) {
			return end.Sequence, end.Sequence, nil
		}
		first, last, err = l.appendAll(ctx, stream, subject, end.Sequence, msgs)
		var wrong *WrongLastSequenceError
		if errors.As(err, &wrong) && first == 0 && ctx.Err() == nil {
			continue
		}
		return first, last, err
	}
}

func (l *Log) messageOfEvent(ev event.Event) message {
	h := nats.Header{
		headerSpec: {specVersion}, headerID: {ev.ID}, headerType: {string(ev.Type)}, headerSource: {l.cfg.Source},
		headerSubject: {ev.Subject}, headerTime: {ev.Time.UTC().Format(time.RFC3339Nano)},
		headerSchema: {SchemaURN(ev.Type)}, headerContent: {jsonContent},
	}
	if ev.Cause != "" {
		h.Set(headerCause, ev.Cause)
	}
	return message{header: h, data: ev.Data, id: ev.ID}
}

// eventOf reads an event and checks that it is the one that was appended.
func eventOf(m Message) (event.Event, error) {
	bad := func(err error) (event.Event, error) {
		return event.Event{}, fmt.Errorf("log: event at sequence %d on %s: %w: %w", m.Sequence, m.Subject, ErrCorrupt, err)
	}
	if v := m.Header.Get(headerSpec); v != specVersion {
		return bad(fmt.Errorf("%s is %q, not %s", headerSpec, v, specVersion))
	}
	if s := m.Header.Get(headerSubject); s != m.Subject {
		return bad(fmt.Errorf("%s is %q", headerSubject, s))
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get(headerTime))
	if err != nil {
		return bad(err)
	}
	ev := event.Event{
		ID: m.Header.Get(headerID), Type: event.Type(m.Header.Get(headerType)), Subject: m.Subject,
		Cause: m.Header.Get(headerCause), Time: at.UTC(), Data: m.Data, Sequence: m.Sequence,
	}
	if err := ev.Verify(); err != nil {
		return bad(err)
	}
	return ev, nil
}

// Events are the events of LEDGER from sequence from (0 and 1: the first) to the
// end as it is when the iteration begins. A missing or altered event ends it
// with ErrCorrupt.
func (l *Log) Events(ctx context.Context, from uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		info, err := l.state(ctx, LEDGER)
		if err != nil {
			yield(event.Event{}, err)
			return
		}
		from := max(from, 1)
		if info.Last < from {
			return
		}
		next, stopped := from, false
		err = l.each(ctx, query{stream: LEDGER, from: from, until: info.Last, contiguous: true}, func(m Message) error {
			ev, err := eventOf(m)
			if err != nil {
				return err
			}
			next = m.Sequence + 1
			if !yield(ev, nil) {
				stopped = true
				return errStop
			}
			return nil
		})
		if stopped {
			return
		}
		if err == nil && next <= info.Last {
			err = fmt.Errorf("log: LEDGER ends at sequence %d and its events from %d on are gone: %w: restore the stream", info.Last, next, ErrCorrupt)
		}
		if err != nil {
			yield(event.Event{}, err)
		}
	}
}

// Follow calls fn for every event of LEDGER from sequence from on, those that
// exist and then those that come, in order and once each, until ctx ends (the
// error is then ctx's) or fn returns an error (which is returned as it is). A
// missing or altered event is ErrCorrupt.
func (l *Log) Follow(ctx context.Context, from uint64, fn func(event.Event) error) error {
	return l.each(ctx, query{stream: LEDGER, from: max(from, 1), contiguous: true}, func(m Message) error {
		ev, err := eventOf(m)
		if err != nil {
			return err
		}
		return fn(ev)
	})
}

// LastEvent is the last event of a subject of LEDGER; found is false when there
// is none.
func (l *Log) LastEvent(ctx context.Context, subject string) (ev event.Event, found bool, err error) {
	m, found, err := l.Last(ctx, LEDGER, subject)
	if err != nil || !found {
		return event.Event{}, false, err
	}
	ev, err = eventOf(m)
	return ev, err == nil, err
}
