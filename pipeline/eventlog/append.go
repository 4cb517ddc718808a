package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of the protocol of atomic batches and of optimistic concurrency.
const (
	headerBatchID       = "Nats-Batch-Id"
	headerBatchSequence = "Nats-Batch-Sequence"
	headerBatchCommit   = "Nats-Batch-Commit"
)

// Error codes of the server that say what became of an append.
const (
	codeWrongLast         = 10071
	codeWrongLastConstant = 10164 // the same on replicated streams, without the sequence
	codeBatchIncomplete   = 10176
	codeBatchesInflight   = 10210
)

// headerRoom is kept free in a message for what the protocol adds.
const headerRoom = 512

// message is one message to be appended. A message with an id is the same as a
// stored one with that id, one without is the same as one of equal bytes.
type message struct {
	header nats.Header
	data   []byte
	id     string
}

func (m message) same(stored Message) bool {
	if m.id != "" {
		return stored.Header.Get(headerID) == m.id
	}
	return bytes.Equal(m.data, stored.Data)
}

func (m message) size() int {
	n := len(m.data)
	for k, vs := range m.header {
		for _, v := range vs {
			n += len(k) + len(v) + 4
		}
	}
	return n
}

// Append stores msgs on subject, after the message with sequence expectedLast,
// which must be the subject's last one (0: the subject is empty). Up to MaxBatch
// messages and MaxBatchBytes bytes are one atomic batch with one sync; more are
// several, one chained to the other, of which a crash leaves a prefix. first and
// last are the stream sequences of the first and last message.
//
// The call may be repeated with the same arguments, after a crash or an error:
// messages that are already stored after expectedLast are recognised by their
// bytes and are not stored again. When something else is stored there, the error
// is a *WrongLastSequenceError. headers are added to every message.
func (l *Log) Append(ctx context.Context, stream, subject string, expectedLast uint64, msgs [][]byte, headers nats.Header) (first, last uint64, err error) {
	ms := make([]message, len(msgs))
	for i, m := range msgs {
		ms[i] = message{header: headers, data: m}
	}
	return l.appendAll(ctx, stream, subject, expectedLast, ms)
}

func (l *Log) appendAll(ctx context.Context, stream, subject string, expected uint64, msgs []message) (first, last uint64, err error) {
	if _, err := l.stream(stream); err != nil {
		return 0, 0, err
	}
	if err := checkSubject(stream, subject); err != nil {
		return 0, 0, err
	}
	if len(msgs) == 0 {
		return 0, 0, fmt.Errorf("log: nothing to append to %s: %w", subject, ErrInvalid)
	}
	for _, m := range msgs {
		if err := l.checkSize(subject, m.size()); err != nil {
			return 0, 0, err
		}
	}
	for len(msgs) > 0 {
		n := l.batchLength(msgs)
		f, e, err := l.commit(ctx, stream, subject, expected, msgs[:n], bySubject)
		if err != nil {
			return first, last, err
		}
		if first == 0 {
			first = f
		}
		last, expected, msgs = e, e, msgs[n:]
	}
	return first, last, nil
}

func (l *Log) checkSize(subject string, size int) error {
	if limit := int(l.nc.MaxPayload()) - headerRoom; size > limit {
		return fmt.Errorf("log: a message of %d bytes for %s, above %d: %w", size, subject, limit, ErrTooLarge)
	}
	return nil
}

func (l *Log) batchLength(msgs []message) int {
	size := 0
	for i, m := range msgs {
		size += m.size()
		if i > 0 && (i == l.maxBatch || size > l.batchBytes) {
			return i
		}
	}
	return len(msgs)
}

// retryable is a cause that says nothing about the outcome, or only that this
// attempt had none.
type retryable struct{ cause error }

func (r retryable) Error() string { return r.cause.Error() }
func (r retryable) Unwrap() error { return r.cause }

// condition is how an attempt names the sequence that it expects.
type condition uint8

const (
	// bySubject: as that of the subject's last message.
	bySubject condition = iota
	// byStream: as that of the stream's last message, which is the subject's
	// where nobody writes to another subject meanwhile. The server then need not
	// load that message to see its sequence, and keeps no memory for it.
	byStream
)

// commit stores one batch after expected, exactly once, whatever happens to the
// answers. It loops: attempt; on any doubt, read what the subject holds after
// expected and compare. An attempt that is still under way somewhere cannot
// become a second copy, because it names the same expected sequence. The
// condition is that of the first attempt; any other is bySubject.
func (l *Log) commit(ctx context.Context, stream, subject string, expected uint64, msgs []message, by condition) (first, last uint64, err error) {
	caller := ctx
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		last, err = l.publish(ctx, stream, subject, expected, msgs, by)
		if err == nil {
			l.reached("acknowledged", last)
			if first == 0 {
				first = last - uint64(len(msgs)) + 1
			}
			return first, last, nil
		}
		var wrong *WrongLastSequenceError
		if by == byStream {
			by = bySubject
			if errors.As(err, &wrong) {
				continue // the stream's last message may be another subject's
			}
		}
		var retry retryable
		if !errors.As(err, &wrong) && !errors.As(err, &retry) {
			return 0, 0, fmt.Errorf("log: append to %s: %w", subject, err)
		}
		found, lookErr := l.compare(ctx, stream, subject, expected, msgs)
		switch {
		case lookErr != nil:
			err = lookErr
		case found.matched == len(msgs):
			if first == 0 {
				first = found.first
			}
			return first, found.last, nil
		case found.diverged:
			return 0, 0, l.wrongLast(ctx, stream, subject, expected)
		case found.matched > 0: // stored by an attempt that cut its batches elsewhere
			if first == 0 {
				first = found.first
			}
			expected, msgs = found.last, msgs[found.matched:]
			continue
		case wrong != nil:
			actual, lastErr := l.LastSequence(ctx, stream, subject)
			if lastErr == nil && actual != expected {
				return 0, 0, &WrongLastSequenceError{Subject: subject, Expected: expected, Actual: actual}
			}
			// The subject is as expected: the server refused because of another
			// append under way, or because our own earlier attempt was.
		}
		if errors.Is(err, nats.ErrConnectionClosed) {
			return 0, 0, fmt.Errorf("log: append to %s: %w: %w", subject, ErrUnknownOutcome, err)
		}
		l.cfg.Logger.Warn("append is tried again", "subject", subject, "after", expected, "messages", len(msgs), "error", err)
		if !wait(ctx, pause) {
			if caller.Err() != nil {
				err = caller.Err()
			}
			return 0, 0, fmt.Errorf("log: append to %s: %w: %w: repeat it when the log's server answers", subject, ErrUnknownOutcome, err)
		}
	}
}

func (l *Log) wrongLast(ctx context.Context, stream, subject string, expected uint64) error {
	actual, err := l.LastSequence(ctx, stream, subject)
	if err != nil {
		return err
	}
	return &WrongLastSequenceError{Subject: subject, Expected: expected, Actual: actual}
}

// comparison is what a subject holds after a sequence, beside what was to be
// stored there.
type comparison struct {
	matched     int // messages that are stored, from the first on
	first, last uint64
	diverged    bool // what is stored after them is another message
}

func (l *Log) compare(ctx context.Context, stream, subject string, expected uint64, msgs []message) (comparison, error) {
	var c comparison
	at := expected
	for _, m := range msgs {
		stored, found, err := l.after(ctx, stream, subject, at)
		if err != nil {
			return comparison{}, err
		}
		if !found {
			return c, nil
		}
		if !m.same(stored) {
			c.diverged = true
			return c, nil
		}
		if c.matched == 0 {
			c.first = stored.Sequence
		}
		c.matched++
		c.last = stored.Sequence
		at = stored.Sequence
	}
	return c, nil
}

// publish is one attempt. Its error is retryable, a *WrongLastSequenceError
// (with what the server said) or final.
func (l *Log) publish(ctx context.Context, stream, subject string, expected uint64, msgs []message, by condition) (last uint64, err error) {
	header := jetstream.ExpectedLastSubjSeqHeader
	if by == byStream {
		header = jetstream.ExpectedLastSeqHeader
	}
	batch := ""
	if len(msgs) > 1 {
		batch = l.token + "-" + strconv.FormatUint(l.batches.Add(1), 36)
	}
	for i, m := range msgs {
		out := &nats.Msg{Subject: subject, Header: nats.Header{}, Data: m.data}
		maps.Copy(out.Header, m.header)
		out.Header.Set(jetstream.ExpectedStreamHeader, stream)
		if i == 0 {
			out.Header.Set(header, strconv.FormatUint(expected, 10))
		}
		if batch != "" {
			out.Header.Set(headerBatchID, batch)
			out.Header.Set(headerBatchSequence, strconv.Itoa(i+1))
		}
		final := i == len(msgs)-1
		if final && batch != "" {
			out.Header.Set(headerBatchCommit, "1")
		}
		switch {
		case final:
			reply, err := l.request(ctx, out)
			if err != nil {
				return 0, err
			}
			return parseAck(reply.Data, stream, subject, expected, batch, len(msgs))
		case i == 0:
			// Whether batches are taken at all is known after the first message, before
			// megabytes follow it.
			reply, err := l.request(ctx, out)
			if err != nil {
				return 0, err
			}
			if len(reply.Data) > 0 {
				_, err := parseAck(reply.Data, stream, subject, expected, batch, len(msgs))
				return 0, err
			}
		default:
			if err := l.nc.PublishMsg(out); err != nil {
				return 0, classify(err)
			}
		}
		l.reached("sent", uint64(i+1))
	}
	return 0, fmt.Errorf("nothing to append: %w", ErrInvalid)
}

func (l *Log) request(ctx context.Context, m *nats.Msg) (reply *nats.Msg, err error) {
	err = l.connected(ctx, func(ctx context.Context) (err error) {
		reply, err = l.nc.RequestMsgWithContext(ctx, m)
		return err
	})
	if err != nil {
		return nil, classify(err)
	}
	return reply, nil
}

func classify(err error) error {
	if errors.Is(err, nats.ErrMaxPayload) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return retryable{err}
}

// ack is the server's answer to a message or batch.
type ack struct {
	Stream   string              `json:"stream"`
	Sequence uint64              `json:"seq"`
	Batch    string              `json:"batch"`
	Count    int                 `json:"count"`
	Error    *jetstream.APIError `json:"error"`
}

func parseAck(data []byte, stream, subject string, expected uint64, batch string, n int) (uint64, error) {
	var a ack
	if err := json.Unmarshal(data, &a); err != nil {
		return 0, retryable{fmt.Errorf("answer of the server: %w", err)}
	}
	if e := a.Error; e != nil {
		switch {
		case e.ErrorCode == codeWrongLast || e.ErrorCode == codeWrongLastConstant:
			return 0, &WrongLastSequenceError{Subject: subject, Expected: expected}
		case e.ErrorCode == codeBatchIncomplete || e.ErrorCode == codeBatchesInflight || e.Code >= 500:
			return 0, retryable{e}
		default:
			return 0, e
		}
	}
	if a.Stream != stream || a.Sequence == 0 || a.Batch != batch || batch != "" && a.Count != n {
		return 0, retryable{fmt.Errorf("answer of the server is about something else: stream %q, sequence %d, %d messages", a.Stream, a.Sequence, a.Count)}
	}
	return a.Sequence, nil
}

// wait pauses; it reports false when ctx ended instead.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
