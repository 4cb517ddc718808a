package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"
	"pgregory.net/rapid"

	natsd "larstrom/pipeline/embedded/nats"
)

func TestAppend(t *testing.T) {
	l := newLog(t)
	ctx := t.Context()
	ps := payloads(7, 1, 100)
	first, last, err := l.Append(ctx, OBS, "obs.a.b.c", 0, ps[:1], nats.Header{"X": {"y"}})
	if first != 1 || last != 1 || err != nil {
		t.Fatalf("single message: %d … %d: %v", first, last, err)
	}
	if _, _, err := l.Append(ctx, OBS, "obs.a.b.other", 0, ps[:1], nil); err != nil {
		t.Fatal(err)
	}
	first, last, err = l.Append(ctx, OBS, "obs.a.b.c", 1, ps[1:5], nats.Header{"X": {"y"}})
	if first != 3 || last != 6 || err != nil {
		t.Fatalf("batch: %d … %d: %v", first, last, err)
	}
	// The same call again finds itself, also when more has come after it.
	for range 2 {
		first, last, err = l.Append(ctx, OBS, "obs.a.b.c", 1, ps[1:5], nil)
		if first != 3 || last != 6 || err != nil {
			t.Fatalf("batch again: %d … %d: %v", first, last, err)
		}
		if _, _, err := l.Append(ctx, OBS, "obs.a.b.c", 6, ps[5:6], nil); err != nil {
			t.Fatal(err)
		}
	}
	// A longer call with the same beginning adds what is missing.
	first, last, err = l.Append(ctx, OBS, "obs.a.b.c", 1, ps[1:7], nil)
	if first != 3 || last != 8 || err != nil {
		t.Fatalf("continued: %d … %d: %v", first, last, err)
	}
	got, seqs, headers := contents(t, l.js, OBS, "obs.a.b.c")
	if d := cmp.Diff(ps, got); d != "" {
		t.Fatal(d)
	}
	if want := []uint64{1, 3, 4, 5, 6, 7, 8}; !slices.Equal(seqs, want) {
		t.Errorf("sequences %v, want %v", seqs, want)
	}
	if headers[0].Get("X") != "y" || headers[2].Get("X") != "y" {
		t.Errorf("headers are not on every message: %v", headers)
	}
}

func TestAppendAfterTheWrongMessage(t *testing.T) {
	l := newLog(t)
	ctx := t.Context()
	ps := payloads(5, 1, 100)
	if _, _, err := l.Append(ctx, CELLS, "cells.a", 0, ps[:3], nil); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		expected uint64
		msgs     [][]byte
		actual   uint64
	}{
		"as if it were empty":        {0, ps[3:4], 3},
		"as if it were shorter":      {2, ps[3:5], 3},
		"as if it were longer":       {9, ps[3:4], 3},
		"same beginning, other end":  {1, [][]byte{ps[1], ps[4]}, 3},
		"the same in another place":  {3 + 4, ps[2:3], 3},
		"batch as if it were longer": {9, ps[3:5], 3},
	} {
		_, _, err := l.Append(ctx, CELLS, "cells.a", tc.expected, tc.msgs, nil)
		var wrong *WrongLastSequenceError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: error %v, want a WrongLastSequenceError", name, err)
			continue
		}
		if want := (WrongLastSequenceError{"cells.a", tc.expected, tc.actual}); *wrong != want {
			t.Errorf("%s: %+v, want %+v", name, *wrong, want)
		}
	}
	if got, _, _ := contents(t, l.js, CELLS, "cells.a"); !reflect.DeepEqual(got, ps[:3]) {
		t.Error("a refused append changed the subject")
	}
}

func TestAppendInSeveralBatches(t *testing.T) {
	l := newLog(t)
	l.maxBatch = 10
	l.batchBytes = 2000
	ps := payloads(95, 3, 300)
	first, last, err := l.Append(t.Context(), OBS, "obs.x", 0, ps, nil)
	if first != 1 || last != 95 || err != nil {
		t.Fatalf("%d … %d: %v", first, last, err)
	}
	got, _, headers := contents(t, l.js, OBS, "obs.x")
	if !reflect.DeepEqual(got, ps) {
		t.Error("stored differs")
	}
	batches := map[string]int{}
	for i, h := range headers {
		id := h.Get(headerBatchID)
		batches[id] += len(got[i])
		if len(id) > 64 {
			t.Errorf("batch id %q is longer than the server takes", id)
		}
	}
	if len(batches) < 10 {
		t.Errorf("%d batches", len(batches))
	}
	for id, size := range batches {
		if id != "" && size > l.batchBytes {
			t.Errorf("batch %s has %d bytes", id, size)
		}
	}
}

func TestLargestBatch(t *testing.T) {
	l := newLog(t)
	ps := payloads(MaxBatch+1, 4, 20)
	if first, last, err := l.Append(t.Context(), OBS, "obs.x", 0, ps, nil); first != 1 || last != MaxBatch+1 || err != nil {
		t.Fatalf("%d … %d: %v", first, last, err)
	}
}

func TestAppendRefuses(t *testing.T) {
	l := newLog(t)
	one := [][]byte{{1}}
	for name, tc := range map[string]struct {
		stream, subject string
		msgs            [][]byte
		want            error
	}{
		"no message":        {OBS, "obs.a", nil, ErrInvalid},
		"unknown stream":    {"NONE", "none.a", one, ErrInvalid},
		"foreign subject":   {OBS, "cells.a", one, ErrInvalid},
		"wildcard":          {OBS, "obs.*.a", one, ErrInvalid},
		"wildcard at end":   {OBS, "obs.>", one, ErrInvalid},
		"empty token":       {OBS, "obs..a", one, ErrInvalid},
		"only the prefix":   {OBS, "obs.", one, ErrInvalid},
		"space":             {OBS, "obs.a b", one, ErrInvalid},
		"line break":        {OBS, "obs.a\r\nPUB x", one, ErrInvalid},
		"long subject":      {OBS, "obs." + string(bytes.Repeat([]byte("a"), 600)), one, ErrInvalid},
		"too large":         {OBS, "obs.a", [][]byte{make([]byte, 1<<20)}, ErrTooLarge},
		"one of two":        {OBS, "obs.a", [][]byte{{1}, make([]byte, 1<<20)}, ErrTooLarge},
		"headers too large": {OBS, "obs.a", [][]byte{make([]byte, 1<<20-600)}, ErrTooLarge},
	} {
		if _, _, err := l.Append(t.Context(), tc.stream, tc.subject, 0, tc.msgs, nats.Header{"K": {string(make([]byte, 200))}}); !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, err, tc.want)
		}
	}
	if info, _ := l.state(t.Context(), OBS); info.Last != 0 {
		t.Errorf("something was stored: %+v", info)
	}
}

// Any interleaving of lost requests, lost answers, repetitions and two writers
// gives exactly one copy of each message, in order.
func TestExactlyOnceUnderFaults(t *testing.T) {
	srv := startServer(t, t.TempDir())
	clean := srv.JetStream()
	var lines [2]*flaky
	var logs [2]*Log
	for i := range lines {
		lines[i] = &flaky{dial: srv}
		logs[i] = openLog(t, connect(t, lines[i]), Config{AckWait: time.Second})
		logs[i].maxBatch, logs[i].batchBytes = 8, 60_000
	}
	logs[1].maxBatch = 5 // the writers cut their batches in different places
	check := 0
	rapid.Check(t, func(t *rapid.T) {
		check++
		subject := fmt.Sprintf("obs.check.%d", check)
		ps := payloads(rapid.IntRange(1, 30).Draw(t, "blocks"), uint64(check), 9000)
		draw := func(line *flaky) {
			var faults []fault
			for range rapid.IntRange(0, 2).Draw(t, "faults") {
				faults = append(faults, fault{rapid.IntRange(0, 12).Draw(t, "write"),
					rapid.SampledFrom([]string{"before", "half", "after"}).Draw(t, "kind")})
			}
			line.plan(faults...)
		}
		want := rangeOf(ps)
		want.Subject = subject
		appendOnce := func(l *Log) error {
			r, err := l.AppendBlocks(context.Background(), OBS, subject, blocksOf(ps))
			if err == nil {
				want.First, want.Last = r.First, r.Last
				if r != want {
					return fmt.Errorf("range %+v, want %+v", r, want)
				}
			}
			return err
		}
		for range rapid.IntRange(0, 3).Draw(t, "attempts") {
			line := rapid.IntRange(0, 1).Draw(t, "writer")
			draw(lines[line])
			part := ps[:rapid.IntRange(1, len(ps)).Draw(t, "until")]
			stop := errors.New("the producer died")
			_, err := logs[line].AppendBlocks(context.Background(), OBS, subject, func(yield func(Block, error) bool) {
				for b, err := range blocksOf(part) {
					if !yield(b, err) {
						return
					}
				}
				yield(Block{}, stop)
			})
			if !errors.Is(err, stop) && !errors.Is(err, ErrConflict) {
				t.Fatalf("interrupted attempt: %v", err)
			}
		}
		draw(lines[0])
		draw(lines[1])
		var results [2]error
		if rapid.Bool().Draw(t, "both at once") {
			// Ranges are compared after the fact: the goroutines must not share want.
			var got [2]any
			var wg conc.WaitGroup
			for i, l := range logs {
				wg.Go(func() { got[i], results[i] = l.AppendBlocks(context.Background(), OBS, subject, blocksOf(ps)) })
			}
			wg.Wait()
			if !reflect.DeepEqual(got[0], got[1]) {
				t.Fatalf("two writers of the same blocks got %+v and %+v", got[0], got[1])
			}
		} else {
			results[0] = appendOnce(logs[0])
		}
		lines[0].plan()
		lines[1].plan()
		if err := errors.Join(results[:]...); err != nil {
			t.Fatal(err)
		}
		if err := appendOnce(logs[1]); err != nil { // once more, without faults
			t.Fatal(err)
		}
		if got, _, _ := contents2(t, clean, subject); !reflect.DeepEqual(got, ps) {
			t.Fatalf("%d blocks are stored, %d were appended, or they differ", len(got), len(ps))
		}
	})
	if n := lines[0].reached() + lines[1].reached(); n < check/4 {
		t.Errorf("only %d faults were reached in %d checks", n, check)
	} else {
		t.Logf("%d faults in %d checks", n, check)
	}
}

// contents2 is contents for rapid.
func contents2(t *rapid.T, js jetstream.JetStream, subject string) (ps [][]byte, seqs []uint64, err error) {
	s, err := js.Stream(context.Background(), OBS)
	if err != nil {
		t.Fatal(err)
	}
	for next := uint64(1); ; {
		m, err := s.GetMsg(context.Background(), next, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return ps, seqs, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		ps, seqs = append(ps, m.Data), append(seqs, m.Sequence)
		next = m.Sequence + 1
	}
}

// An outcome that cannot be found out is said to be unknown, and the same call
// settles it later.
func TestUnknownOutcome(t *testing.T) {
	dir := t.TempDir()
	srv := startServer(t, dir)
	line := &flaky{dial: srv}
	l := openLog(t, connect(t, line), Config{AckWait: 50 * time.Millisecond, Patience: 300 * time.Millisecond})
	srv.Shutdown()
	_, _, err := l.Append(t.Context(), OBS, "obs.a", 0, payloads(3, 1, 50), nil)
	if !errors.Is(err, ErrUnknownOutcome) {
		t.Fatalf("error %v with the server gone, want ErrUnknownOutcome", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := l.Append(ctx, OBS, "obs.a", 0, payloads(3, 1, 50), nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v with the context ended, want context.Canceled", err)
	}
	l.nc.Close()
	l2 := openLog(t, startServer(t, dir).JetStream(), Config{})
	if first, last, err := l2.Append(t.Context(), OBS, "obs.a", 0, payloads(3, 1, 50), nil); first != 1 || last != 3 || err != nil {
		t.Fatalf("again: %d … %d: %v", first, last, err)
	}
}

// Settings that the promises rest on are compared when a stream is opened; only
// a stream that does not exist is made.
func TestOpenComparesSettings(t *testing.T) {
	for name, alter := range map[string]func(*jetstream.StreamConfig){
		"subjects":    func(c *jetstream.StreamConfig) { c.Subjects = []string{"obs.>", "more.>"} },
		"retention":   func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
		"storage":     func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"age":         func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"bytes":       func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 },
		"messages":    func(c *jetstream.StreamConfig) { c.MaxMsgs = 100 },
		"per subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 },
		"size":        func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1000 },
		"discard":     func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
		"no ack":      func(c *jetstream.StreamConfig) { c.NoAck = true; c.AllowAtomicPublish = false },
		"deny delete": func(c *jetstream.StreamConfig) { c.DenyDelete = true },
		"allow purge": func(c *jetstream.StreamConfig) { c.DenyPurge = false },
		"rollup":      func(c *jetstream.StreamConfig) { c.DenyPurge = false; c.AllowRollup = true },
		"no batches":  func(c *jetstream.StreamConfig) { c.AllowAtomicPublish = false },
		"direct":      func(c *jetstream.StreamConfig) { c.AllowDirect = true },
		"ttl":         func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true },
		"asynchronous": func(c *jetstream.StreamConfig) {
			c.PersistMode = jetstream.AsyncPersistMode
			c.AllowAtomicPublish = false
		},
	} {
		t.Run(name, func(t *testing.T) {
			js := startServer(t, t.TempDir()).JetStream()
			cfg := streamConfigs(1)[0]
			alter(&cfg)
			if _, err := js.CreateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), js, Config{}); !errors.Is(err, ErrConfig) {
				t.Fatalf("error %v, want ErrConfig", err)
			}
		})
	}
	t.Run("replicas", func(t *testing.T) {
		if err := sameSettings(streamConfigs(1)[0], streamConfigs(3)[0]); !errors.Is(err, ErrConfig) {
			t.Fatalf("error %v, want ErrConfig", err)
		}
	})
	// What a server refuses to combine with the rest is compared all the same.
	for name, alter := range map[string]func(*jetstream.StreamConfig){
		"mirror":           func(c *jetstream.StreamConfig) { c.Mirror = &jetstream.StreamSource{Name: "X"} },
		"sources":          func(c *jetstream.StreamConfig) { c.Sources = []*jetstream.StreamSource{{Name: "X"}} },
		"transform":        func(c *jetstream.StreamConfig) { c.SubjectTransform = &jetstream.SubjectTransformConfig{} },
		"sealed":           func(c *jetstream.StreamConfig) { c.Sealed = true },
		"no ack, alone":    func(c *jetstream.StreamConfig) { c.NoAck = true },
		"rollup, alone":    func(c *jetstream.StreamConfig) { c.AllowRollup = true },
		"persisting later": func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := streamConfigs(1)[0]
			alter(&cfg)
			if err := sameSettings(cfg, streamConfigs(1)[0]); !errors.Is(err, ErrConfig) {
				t.Fatalf("error %v, want ErrConfig", err)
			}
		})
	}
	t.Run("again", func(t *testing.T) {
		js := startServer(t, t.TempDir()).JetStream()
		for range 2 {
			openLog(t, js, Config{})
		}
	})
	t.Run("configuration", func(t *testing.T) {
		err := Config{Replicas: -1, AckWait: -1, Patience: -1, StuckAfter: -1}.Validate()
		if err == nil || len(err.(interface{ Unwrap() []error }).Unwrap()) != 4 {
			t.Fatalf("faults: %v", err)
		}
		if _, err := Open(t.Context(), nil, Config{Replicas: 9}); err == nil {
			t.Fatal("opened with 9 replicas")
		}
	})
}

// silent answers every look-up with an error that says nothing about what exists.
type silent struct {
	jetstream.JetStream
	err     error
	created int
}

func (s *silent) Stream(context.Context, string) (jetstream.Stream, error) { return nil, s.err }
func (s *silent) CreateStream(ctx context.Context, c jetstream.StreamConfig) (jetstream.Stream, error) {
	s.created++
	return s.JetStream.CreateStream(ctx, c)
}

func TestStreamsAreMadeOnlyWhenThereAreNone(t *testing.T) {
	js := startServer(t, t.TempDir()).JetStream()
	for _, err := range []error{nats.ErrTimeout, jetstream.ErrJetStreamNotEnabled, nats.ErrNoResponders} {
		s := &silent{JetStream: js, err: err}
		if _, got := Open(t.Context(), s, Config{}); !errors.Is(got, err) || s.created != 0 {
			t.Errorf("error %v, %d streams made, want %v and none", got, s.created, err)
		}
	}
	// Two processes that open an empty server at once both get the streams.
	var wg conc.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, errs[i] = Open(context.Background(), js, Config{}) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestInfo(t *testing.T) {
	l := newLog(t)
	ctx := t.Context()
	if _, _, err := l.Append(ctx, CELLS, "cells.a", 0, payloads(4, 1, 1000), nil); err != nil {
		t.Fatal(err)
	}
	infos, err := l.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range infos {
		names = append(names, i.Stream)
		if i.Stream == CELLS && (i.First != 1 || i.Last != 4 || i.Messages != 4 || i.Bytes == 0) {
			t.Errorf("%+v", i)
		}
		if i.Stream == OBS && i.Messages != 0 {
			t.Errorf("%+v", i)
		}
	}
	if !slices.Equal(names, []string{OBS, CELLS, LEDGER, DLQ}) {
		t.Errorf("streams %v", names)
	}
	for position, want := range map[uint64]uint64{0: 4, 3: 1, 4: 0, 9: 0} {
		if lag, err := l.Lag(ctx, CELLS, position); lag != want || err != nil {
			t.Errorf("lag after %d is %d, want %d: %v", position, lag, want, err)
		}
	}
	if _, err := l.Lag(ctx, "NONE", 0); !errors.Is(err, ErrInvalid) {
		t.Errorf("lag of no stream: %v", err)
	}
	if m, found, err := l.Last(ctx, CELLS, "cells.a"); !found || m.Sequence != 4 || err != nil {
		t.Errorf("last %+v: %v", m, err)
	}
	if _, found, err := l.Last(ctx, CELLS, "cells.b"); found || err != nil {
		t.Errorf("last of an empty subject: %v", err)
	}
}

func TestDLQ(t *testing.T) {
	l := newLog(t)
	ctx := t.Context()
	seq, err := l.DLQ(ctx, "loader", map[string]string{"Stream": "OBS"}, []byte("payload"))
	if seq != 1 || err != nil {
		t.Fatalf("%d: %v", seq, err)
	}
	if _, err := l.DLQ(ctx, "loader", nil, make([]byte, 3<<20)); err != nil {
		t.Fatal(err)
	}
	m, _, err := l.Last(ctx, DLQ, "dlq.loader")
	if err != nil || m.Header.Get(headerTruncated) != fmt.Sprint(3<<20) || len(m.Data) < 1<<20-4096 {
		t.Fatalf("%v, %d bytes: %v", m.Header, len(m.Data), err)
	}
	for _, reason := range []string{"", "a.b", "a b", ">"} {
		if _, err := l.DLQ(ctx, reason, nil, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	if _, err := l.DLQ(ctx, "a", map[string]string{"K": "v\r\nX: y"}, nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("header with a line break: %v", err)
	}
}

var _ nats.InProcessConnProvider = (*natsd.Client)(nil)

// An answer counts only when it is about exactly what was sent.
func TestParseAck(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		batch  string
		n      int
		want   uint64
		kind   string // of the error: wrong, retry, final
	}{
		"single":            {`{"stream":"OBS","seq":7}`, "", 1, 7, ""},
		"batch":             {`{"stream":"OBS","seq":7,"batch":"b","count":3}`, "b", 3, 7, ""},
		"another batch":     {`{"stream":"OBS","seq":7,"batch":"c","count":3}`, "b", 3, 0, "retry"},
		"fewer messages":    {`{"stream":"OBS","seq":7,"batch":"b","count":2}`, "b", 3, 0, "retry"},
		"a batch as single": {`{"stream":"OBS","seq":7}`, "b", 3, 0, "retry"},
		"another stream":    {`{"stream":"CELLS","seq":7}`, "", 1, 0, "retry"},
		"no sequence":       {`{"stream":"OBS"}`, "", 1, 0, "retry"},
		"nothing":           {``, "", 1, 0, "retry"},
		"wrong last":        {`{"error":{"code":400,"err_code":10071}}`, "", 1, 0, "wrong"},
		"replicated":        {`{"error":{"code":400,"err_code":10164}}`, "b", 3, 0, "wrong"},
		"incomplete":        {`{"error":{"code":400,"err_code":10176}}`, "b", 3, 0, "retry"},
		"too many batches":  {`{"error":{"code":429,"err_code":10210}}`, "b", 3, 0, "retry"},
		"no resources":      {`{"error":{"code":503,"err_code":10023}}`, "", 1, 0, "retry"},
		"batches disabled":  {`{"error":{"code":400,"err_code":10174}}`, "b", 3, 0, "final"},
	} {
		got, err := parseAck([]byte(tc.answer), OBS, "obs.a", 6, tc.batch, tc.n)
		kind := ""
		var wrong *WrongLastSequenceError
		var retry retryable
		switch {
		case errors.As(err, &wrong):
			kind = "wrong"
		case errors.As(err, &retry):
			kind = "retry"
		case err != nil:
			kind = "final"
		}
		if got != tc.want || kind != tc.kind {
			t.Errorf("%s: %d, error %q (%v), want %d, error %q", name, got, kind, err, tc.want, tc.kind)
		}
	}
}
