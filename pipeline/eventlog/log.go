package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"
)

// Log is the log. Its methods are safe for concurrent use. It owns no
// connection and no lasting goroutine: there is nothing to close.
type Log struct {
	js      jetstream.JetStream
	nc      *nats.Conn
	cfg     Config
	streams map[string]jetstream.Stream
	// token and batches name atomic batches apart while they are under way; the
	// name means nothing afterwards.
	token      string
	batches    atomic.Uint64
	maxBatch   int
	batchBytes int
	// reached is called at named points of appending and reading; tests kill the
	// process there.
	reached func(point string, sequence uint64)
}

// Open opens the four streams and makes those that do not exist. Settings that
// differ from what this program needs are ErrConfig and are left as they are.
func Open(ctx context.Context, js jetstream.JetStream, cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	l := &Log{js: js, nc: js.Conn(), cfg: cfg, streams: make(map[string]jetstream.Stream), token: rand.Text(),
		maxBatch: MaxBatch, batchBytes: MaxBatchBytes, reached: func(string, uint64) {}}
	for _, want := range streamConfigs(cfg.Replicas) {
		s, err := openStream(ctx, js, want)
		if err != nil {
			return nil, err
		}
		l.streams[want.Name] = s
	}
	return l, nil
}

// StreamInfo is the extent of a stream.
type StreamInfo struct {
	Stream string
	// First and Last are the stream sequences of the first and last message;
	// an empty stream has First above Last.
	First, Last     uint64
	Messages, Bytes uint64
	// Missing is the number of messages between First and Last that were erased.
	Missing uint64
}

// Info is the extent of every stream, in the order OBS, CELLS, LEDGER, DLQ.
func (l *Log) Info(ctx context.Context) ([]StreamInfo, error) {
	infos := make([]StreamInfo, 0, len(l.streams))
	for _, name := range []string{OBS, CELLS, LEDGER, DLQ} {
		info, err := l.state(ctx, name)
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// Lag is how many sequences of stream come after position, the last one that a
// reader has dealt with.
func (l *Log) Lag(ctx context.Context, stream string, position uint64) (uint64, error) {
	info, err := l.state(ctx, stream)
	if err != nil || info.Last <= position {
		return 0, err
	}
	return info.Last - position, nil
}

func (l *Log) state(ctx context.Context, stream string) (StreamInfo, error) {
	s, err := l.stream(stream)
	if err != nil {
		return StreamInfo{}, err
	}
	var st jetstream.StreamState
	err = l.ask(ctx, func(ctx context.Context) error {
		info, err := s.Info(ctx)
		if err == nil {
			st = info.State
		}
		return err
	})
	if err != nil {
		return StreamInfo{}, fmt.Errorf("log: state of stream %s: %w", stream, err)
	}
	return StreamInfo{Stream: stream, First: st.FirstSeq, Last: st.LastSeq, Messages: st.Msgs, Bytes: st.Bytes,
		Missing: uint64(st.NumDeleted)}, nil
}

// Message is one stored message.
type Message struct {
	Sequence uint64
	Subject  string
	Header   nats.Header
	Data     []byte
	Time     time.Time
}

// Last is the last message of subject; found is false when there is none.
func (l *Log) Last(ctx context.Context, stream, subject string) (m Message, found bool, err error) {
	s, err := l.stream(stream)
	if err != nil {
		return Message{}, false, err
	}
	if err := checkSubject(stream, subject); err != nil {
		return Message{}, false, err
	}
	var raw *jetstream.RawStreamMsg
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		raw, err = s.GetLastMsgForSubject(ctx, subject)
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, fmt.Errorf("log: last message of %s: %w", subject, err)
	}
	return messageOf(raw), true, nil
}

// LastSequence is the stream sequence of the last message of subject, 0 when
// there is none: what an append to it expects.
func (l *Log) LastSequence(ctx context.Context, stream, subject string) (uint64, error) {
	m, _, err := l.Last(ctx, stream, subject)
	return m.Sequence, err
}

// after is the first message of subject with a sequence above seq.
func (l *Log) after(ctx context.Context, stream, subject string, seq uint64) (m Message, found bool, err error) {
	var raw *jetstream.RawStreamMsg
	err = l.ask(ctx, func(ctx context.Context) (err error) {
		raw, err = l.streams[stream].GetMsg(ctx, seq+1, jetstream.WithGetMsgSubject(subject))
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, fmt.Errorf("log: message of %s after sequence %d: %w", subject, seq, err)
	}
	return messageOf(raw), true, nil
}

// ask puts a question that may be put again, until it is answered or patience
// ends. What the server says of the question itself is an answer.
func (l *Log) ask(ctx context.Context, question func(context.Context) error) error {
	patience, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := l.connected(patience, question)
		var api *jetstream.APIError
		switch {
		case err == nil, errors.Is(err, jetstream.ErrMsgNotFound), errors.Is(err, nats.ErrConnectionClosed):
			return err
		case errors.As(err, &api) && api.Code < 500:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if !wait(patience, pause) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("no answer for %s: %w", l.cfg.Patience, err)
		}
	}
}

// connected runs an exchange with the server, for at most AckWait and for as
// long as the connection lasts: an answer does not come back over another one,
// and to wait for it would only delay the look at what is stored.
func (l *Log) connected(ctx context.Context, exchange func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.AckWait)
	var watch conc.WaitGroup
	defer watch.Wait()
	defer cancel()
	lost := l.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer l.nc.RemoveStatusListener(lost)
	watch.Go(func() {
		select {
		case <-lost:
			cancel()
		case <-ctx.Done():
		}
	})
	return exchange(ctx)
}

func messageOf(raw *jetstream.RawStreamMsg) Message {
	return Message{Sequence: raw.Sequence, Subject: raw.Subject, Header: raw.Header, Data: raw.Data, Time: raw.Time}
}

func (l *Log) stream(name string) (jetstream.Stream, error) {
	s, ok := l.streams[name]
	if !ok {
		return nil, fmt.Errorf("log: there is no stream %q: %w", name, ErrInvalid)
	}
	return s, nil
}

// checkSubject refuses what would store a message outside its stream or read
// more than one subject.
func checkSubject(stream, subject string) error {
	bad := func(why string) error { return fmt.Errorf("log: subject %q %s: %w", subject, why, ErrInvalid) }
	if !strings.HasPrefix(subject, strings.ToLower(stream)+".") {
		return bad("does not belong to stream " + stream)
	}
	if len(subject) > 512 {
		return bad("is longer than 512 bytes")
	}
	for _, token := range strings.Split(subject, ".") {
		if token == "" {
			return bad("has an empty token")
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r == '*' || r == '>' || r <= ' ' || r == 0x7f }) {
			return bad("has a token with a wildcard, a space or a control character")
		}
	}
	return nil
}
