package eventlog

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/sourcegraph/conc"

	"larstrom/pipeline/event"
)

func events(tb testing.TB, l *Log, from uint64) (evs []event.Event, err error) {
	tb.Helper()
	for ev, err := range l.Events(context.Background(), from) {
		if err != nil {
			return evs, err
		}
		evs = append(evs, ev)
	}
	return evs, nil
}

func seqPtr(n uint64) *uint64 { return &n }

func TestEventsRoundTrip(t *testing.T) {
	l := newLog(t)
	l.cfg.Source = "/larstrom/test"
	ctx := t.Context()
	if evs, err := events(t, l, 0); len(evs) != 0 || err != nil {
		t.Fatalf("an empty ledger: %v %v", evs, err)
	}
	want := []event.Event{
		adopted(t, 1),
		mustEvent(t, event.RunSubject("nord"), "cause-1", event.RunChecked{Run: "r", Rev: 4, Flags: map[string]int{"C05": 2}}),
		mustEvent(t, event.GateSubject("nord", "ind1"), "cause-2", event.FlagResolved{Flag: "f", Reason: "resent <&>", Run: "r"}),
	}
	for i := range want {
		seq, err := l.AppendEvent(ctx, want[i], seqPtr(0))
		if seq != uint64(i+1) || err != nil {
			t.Fatalf("event %d: sequence %d: %v", i, seq, err)
		}
		want[i].Sequence = seq
	}
	got, err := events(t, l, 0)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Fatalf("%v:\n%s", err, d)
	}
	if got, err := events(t, l, 3); len(got) != 1 || err != nil {
		t.Errorf("from 3: %d events: %v", len(got), err)
	}
	if got, err := events(t, l, 4); len(got) != 0 || err != nil {
		t.Errorf("from 4: %d events: %v", len(got), err)
	}
	for ev, err := range l.Events(ctx, 1) { // stopping early is no error
		if ev.Sequence != 1 || err != nil {
			t.Errorf("%d: %v", ev.Sequence, err)
		}
		break
	}
	body, err := event.Decode[event.RunChecked](got[1])
	if err != nil || body.Flags["C05"] != 2 {
		t.Errorf("body %+v: %v", body, err)
	}
	if ev, found, err := l.LastEvent(ctx, event.RunSubject("nord")); !found || ev.ID != want[1].ID || err != nil {
		t.Errorf("last event %+v: %v", ev, err)
	}
	if _, found, err := l.LastEvent(ctx, event.RunSubject("syd")); found || err != nil {
		t.Errorf("last event of none: %v", err)
	}
	m, _, err := l.Last(ctx, LEDGER, event.RunSubject("nord"))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range map[string]string{"ce-specversion": "1.0", "ce-id": want[1].ID, "ce-type": "run.checked",
		"ce-source": "/larstrom/test", "ce-subject": "ledger.run.nord", "ce-time": "2023-11-14T22:13:20.123Z",
		"ce-dataschema": "urn:larstrom:event:run.checked:1", "content-type": "application/json", "ce-cause": "cause-1"} {
		if got := m.Header.Get(k); got != v {
			t.Errorf("header %s is %q, want %q", k, got, v)
		}
	}
}

func TestAppendEventIsIdempotent(t *testing.T) {
	l := newLog(t)
	ctx := t.Context()
	subject := event.CatalogSubject("nord")
	for i := range 3 {
		want := uint64(i + 1)
		for range 3 {
			if seq, err := l.AppendEvent(ctx, adopted(t, i), seqPtr(uint64(i))); seq != want || err != nil {
				t.Fatalf("event %d: %d: %v", i, seq, err)
			}
			if seq, err := l.AppendEvent(ctx, adopted(t, i), nil); seq != want || err != nil {
				t.Fatalf("event %d without an expectation: %d: %v", i, seq, err)
			}
		}
		// The same event at another time is the same event.
		later := adopted(t, i)
		later.Time = later.Time.Add(time.Hour)
		if seq, err := l.AppendEvent(ctx, later, seqPtr(uint64(i))); seq != want || err != nil {
			t.Fatalf("event %d later: %d: %v", i, seq, err)
		}
	}
	var wrong *WrongLastSequenceError
	if _, err := l.AppendEvent(ctx, adopted(t, 9), seqPtr(1)); !errors.As(err, &wrong) || *wrong != (WrongLastSequenceError{subject, 1, 3}) {
		t.Errorf("error %v", err)
	}
	batch := []event.Event{adopted(t, 10), adopted(t, 11), adopted(t, 12)}
	for range 2 {
		if first, last, err := l.AppendEvents(ctx, batch, seqPtr(3)); first != 4 || last != 6 || err != nil {
			t.Fatalf("batch: %d … %d: %v", first, last, err)
		}
	}
	if _, _, err := l.AppendEvents(ctx, append(batch[:2:2], adopted(t, 13)), seqPtr(3)); !errors.As(err, &wrong) {
		t.Errorf("batch with another end: %v", err)
	}
	evs, err := events(t, l, 1)
	if len(evs) != 6 || err != nil {
		t.Errorf("%d events: %v", len(evs), err)
	}
}

func TestAppendEventRefuses(t *testing.T) {
	l := newLog(t)
	ok := adopted(t, 1)
	altered := ok
	altered.Data = []byte(`{"hash":"x"}`)
	foreign := mustEvent(t, "obs.a", "", event.CatalogAdopted{Hash: "h"})
	for name, evs := range map[string][]event.Event{
		"none": nil, "altered": {altered}, "another stream": {foreign},
		"two subjects": {ok, mustEvent(t, event.CatalogSubject("syd"), "", event.CatalogAdopted{Hash: "h"})},
	} {
		if _, _, err := l.AppendEvents(t.Context(), evs, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v, want ErrInvalid", name, err)
		}
	}
	large := mustEvent(t, event.CatalogSubject("nord"), "", event.CatalogAdopted{Hash: strings.Repeat("h", 1<<20)})
	if _, err := l.AppendEvent(t.Context(), large, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("error %v, want ErrTooLarge", err)
	}
}

// Writers that compete for a subject by its last sequence lose nothing and never
// overwrite one another's premises.
func TestOptimisticConcurrency(t *testing.T) {
	l := newLog(t)
	subject := event.GateSubject("nord", "ind1")
	const writers, each = 4, 15
	var wg conc.WaitGroup
	var mu sync.Mutex
	lost := 0
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				for {
					last, err := l.LastSequence(context.Background(), LEDGER, subject)
					if err != nil {
						t.Error(err)
						return
					}
					ev := mustEvent(t, subject, fmt.Sprint(last), event.FlagResolved{Flag: fmt.Sprintf("%d-%d", w, n)})
					_, err = l.AppendEvent(context.Background(), ev, &last)
					var wrong *WrongLastSequenceError
					if errors.As(err, &wrong) {
						mu.Lock()
						lost++
						mu.Unlock()
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					break
				}
			}
		})
	}
	wg.Wait()
	evs, err := events(t, l, 1)
	if err != nil || len(evs) != writers*each {
		t.Fatalf("%d events: %v", len(evs), err)
	}
	for i, ev := range evs {
		if ev.Cause != fmt.Sprint(i) {
			t.Errorf("event %d was decided after %s", i+1, ev.Cause)
		}
	}
	t.Logf("%d appends lost a race and tried again", lost)
}

// Without an expectation, writers that compete all get through, once each.
func TestAppendEventAfterWhateverIsThere(t *testing.T) {
	l := newLog(t)
	var wg conc.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 10 {
				if _, err := l.AppendEvent(context.Background(), adopted(t, w*100+n), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	evs, err := events(t, l, 1)
	seen := map[string]int{}
	for _, ev := range evs {
		seen[ev.ID]++
	}
	if len(evs) != 40 || len(seen) != 40 || err != nil {
		t.Fatalf("%d events, %d different: %v", len(evs), len(seen), err)
	}
}

// follow runs Follow and hands out what it delivers.
func follow(t *testing.T, l *Log, from uint64) (delivered <-chan uint64, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan uint64, 10_000)
	var wg conc.WaitGroup
	var err error
	wg.Go(func() {
		err = l.Follow(ctx, from, func(ev event.Event) error {
			ch <- ev.Sequence
			return nil
		})
	})
	var once sync.Once
	stop = func() error {
		once.Do(func() { cancel(); wg.Wait() })
		return err
	}
	t.Cleanup(func() { _ = stop() })
	return ch, stop
}

// await expects exactly the sequences from … to.
func await(t *testing.T, ch <-chan uint64, from, to uint64) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for want := from; want <= to; want++ {
		select {
		case got := <-ch:
			if got != want {
				t.Fatalf("sequence %d was delivered, want %d", got, want)
			}
		case <-deadline:
			t.Fatalf("sequence %d was not delivered", want)
		}
	}
}

func appendN(t *testing.T, l *Log, from, n int) {
	t.Helper()
	evs := make([]event.Event, n)
	for i := range evs {
		evs[i] = adopted(t, from+i)
	}
	if _, _, err := l.AppendEvents(context.Background(), evs, nil); err != nil {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	l := newLog(t)
	appendN(t, l, 0, 20)
	ch, stop := follow(t, l, 0)
	later, _ := follow(t, l, 15)
	ahead, _ := follow(t, l, 30) // of what exists
	await(t, ch, 1, 20)
	await(t, later, 15, 20)
	for i := range 5 {
		appendN(t, l, 100+i*10, 4)
		await(t, ch, uint64(21+4*i), uint64(24+4*i))
		await(t, later, uint64(21+4*i), uint64(24+4*i))
	}
	await(t, ahead, 30, 40)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	broken := errors.New("broken")
	n := 0
	err := l.Follow(t.Context(), 3, func(event.Event) error { n++; return broken })
	if err != broken || n != 1 {
		t.Errorf("after %d events: %v", n, err)
	}
}

// An error of the callback that wraps one of ours is still the callback's.
func TestFollowReturnsWhatTheCallbackReturns(t *testing.T) {
	l := newLog(t)
	appendN(t, l, 0, 3)
	inner := fmt.Errorf("append failed: %w", retryable{nats.ErrTimeout})
	n := 0
	if err := l.Follow(t.Context(), 1, func(event.Event) error { n++; return inner }); err != inner || n != 1 {
		t.Errorf("after %d events: %v", n, err)
	}
}

// A consumer that has messages and delivers none is replaced.
func TestFollowRenewsAStuckConsumer(t *testing.T) {
	l := newLog(t)
	l.cfg.StuckAfter = 100 * time.Millisecond
	names := make(chan string, 100)
	l.reached = func(point string, _ uint64) {
		if name, ok := strings.CutPrefix(point, "consumer "); ok {
			names <- name
		}
	}
	appendN(t, l, 0, 5)
	ch, _ := follow(t, l, 1)
	await(t, ch, 1, 5)
	js := l.js
	// Paused: alive, and silent.
	first := <-names
	if _, err := js.PauseConsumer(t.Context(), LEDGER, first, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 10, 5)
	await(t, ch, 6, 10)
	second := <-names
	if second == first {
		t.Fatal("the consumer was not replaced")
	}
	// Gone.
	if err := js.DeleteConsumer(t.Context(), LEDGER, second); err != nil {
		t.Fatal(err)
	}
	appendN(t, l, 20, 5)
	await(t, ch, 11, 15)
}

// Deliveries that are lost with a connection are delivered again, once.
func TestFollowAcrossBrokenConnections(t *testing.T) {
	srv := startServer(t, t.TempDir())
	writer := openLog(t, srv.JetStream(), Config{})
	line := &flaky{dial: srv}
	reader := openLog(t, connect(t, line), Config{AckWait: time.Second, StuckAfter: 100 * time.Millisecond})
	ch, _ := follow(t, reader, 1)
	for i := range 10 {
		var wg conc.WaitGroup
		wg.Go(func() { appendN(t, writer, 100*i, 60) })
		if i%2 == 0 {
			wg.Wait() // cut when all was sent; else at the same time
		}
		line.cut()
		wg.Wait()
		await(t, ch, uint64(60*i+1), uint64(60*i+60))
		eventually(t, "the connection is open again", func() bool {
			return reader.nc.IsConnected() && reader.nc.Stats().Reconnects == uint64(i+1)
		})
	}
}

// The ledger is whole or it is an error.
func TestLedgerGaps(t *testing.T) {
	cfg := streamConfigs(1)[2]
	if cfg.Name != LEDGER {
		t.Fatal(cfg.Name)
	}
	t.Run("beginning", func(t *testing.T) {
		js := startServer(t, t.TempDir()).JetStream()
		cfg := cfg
		cfg.FirstSeq = 5
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, js, Config{}) // empty: nothing is known to be missing yet
		appendN(t, l, 0, 3)
		if evs, err := events(t, l, 0); !errors.Is(err, ErrCorrupt) || len(evs) != 0 {
			t.Errorf("%d events: %v", len(evs), err)
		}
		if err := l.Follow(t.Context(), 1, func(event.Event) error { return nil }); !errors.Is(err, ErrCorrupt) {
			t.Errorf("following: %v", err)
		}
		if _, err := Open(t.Context(), js, Config{}); !errors.Is(err, ErrCorrupt) {
			t.Errorf("opening: %v", err)
		}
		if evs, err := events(t, l, 5); len(evs) != 3 || err != nil {
			t.Errorf("from 5: %d events: %v", len(evs), err)
		}
	})
	t.Run("middle", func(t *testing.T) {
		js := startServer(t, t.TempDir()).JetStream()
		open := cfg
		open.DenyDelete = false
		s, err := js.CreateStream(t.Context(), open)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), js, Config{}); !errors.Is(err, ErrConfig) {
			t.Fatalf("a ledger from which one can delete was opened: %v", err)
		}
		l := &Log{js: js, nc: js.Conn(), cfg: Config{}.withDefaults(), streams: map[string]jetstream.Stream{LEDGER: s},
			maxBatch: MaxBatch, batchBytes: MaxBatchBytes, reached: func(string, uint64) {}}
		appendN(t, l, 0, 9)
		if err := s.DeleteMsg(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		if evs, err := events(t, l, 1); !errors.Is(err, ErrCorrupt) || len(evs) != 3 {
			t.Errorf("%d events: %v", len(evs), err)
		} else if !strings.Contains(err.Error(), "sequences 4 to 4") {
			t.Errorf("it does not say what is missing: %v", err)
		}
		if err := s.DeleteMsg(t.Context(), 9); err != nil {
			t.Fatal(err)
		}
		if evs, err := events(t, l, 6); err == nil {
			t.Errorf("the last event is missing: %d events without an error", len(evs))
		}
		if _, err := s.Info(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("deleting is denied", func(t *testing.T) {
		l := newLog(t)
		appendN(t, l, 0, 3)
		s := l.streams[LEDGER]
		if s.DeleteMsg(t.Context(), 2) == nil || s.SecureDeleteMsg(t.Context(), 2) == nil || s.Purge(t.Context()) == nil {
			t.Error("the ledger let an event go")
		}
	})
}

func TestAlteredEvents(t *testing.T) {
	good := func(t *testing.T, l *Log) *nats.Msg {
		m := l.messageOfEvent(adopted(t, 1))
		return &nats.Msg{Subject: event.CatalogSubject("nord"), Header: m.header, Data: m.data}
	}
	for name, alter := range map[string]func(*nats.Msg){
		"body":    func(m *nats.Msg) { m.Data = []byte(`{"hash":"other"}`) },
		"id":      func(m *nats.Msg) { m.Header.Set(headerID, "0123") },
		"type":    func(m *nats.Msg) { m.Header.Set(headerType, "run.opened") },
		"subject": func(m *nats.Msg) { m.Subject = event.CatalogSubject("syd") },
		"cause":   func(m *nats.Msg) { m.Header.Set(headerCause, "x") },
		"time":    func(m *nats.Msg) { m.Header.Set(headerTime, "yesterday") },
		"version": func(m *nats.Msg) { m.Header.Set(headerSpec, "2.0") },
		"headers": func(m *nats.Msg) { m.Header = nil },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			if _, err := l.js.PublishMsg(t.Context(), good(t, l)); err != nil {
				t.Fatal(err)
			}
			m := good(t, l)
			alter(m)
			if _, err := l.js.PublishMsg(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			evs, err := events(t, l, 1)
			if len(evs) != 1 || !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "sequence 2") {
				t.Errorf("%d events, then %v, want ErrCorrupt at sequence 2", len(evs), err)
			}
			if err := l.Follow(t.Context(), 1, func(event.Event) error { return nil }); !errors.Is(err, ErrCorrupt) {
				t.Errorf("following: %v", err)
			}
			if _, _, err := l.LastEvent(t.Context(), m.Subject); !errors.Is(err, ErrCorrupt) {
				t.Errorf("last event: %v", err)
			}
		})
	}
}

// Events appended one by one through a line that keeps breaking are there once
// each, in order.
func TestEventsExactlyOnceUnderFaults(t *testing.T) {
	srv := startServer(t, t.TempDir())
	line := &flaky{dial: srv}
	l := openLog(t, connect(t, line), Config{AckWait: time.Second})
	var want []string
	last := uint64(0)
	for i := range 24 {
		line.plan(fault{i / 3 % 3, []string{"before", "half", "after"}[i%3]})
		ev := adopted(t, i)
		var err error
		if i%2 == 0 {
			last, err = l.AppendEvent(t.Context(), ev, seqPtr(last))
		} else {
			last, err = l.AppendEvent(t.Context(), ev, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, ev.ID)
	}
	line.plan()
	evs, err := events(t, l, 1)
	var got []string
	for _, ev := range evs {
		got = append(got, ev.ID)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%d events of %d: %v", len(got), len(want), err)
	}
	if line.reached() < 12 {
		t.Errorf("only %d faults were reached", line.reached())
	}
}
