package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/event"
)

// TestMain runs the tests, or is the child process that a test kills.
func TestMain(m *testing.M) {
	switch os.Getenv(childMode) {
	case "append":
		childAppends()
	case "events":
		childEvents()
	default:
		goleak.VerifyTestMain(m)
	}
}

func startServer(tb testing.TB, dir string) *natsd.Client {
	tb.Helper()
	s, err := natsd.Start(natsd.Config{StoreDir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	return s
}

func openLog(tb testing.TB, js jetstream.JetStream, cfg Config) *Log {
	tb.Helper()
	l, err := Open(context.Background(), js, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func newLog(tb testing.TB) *Log {
	tb.Helper()
	return openLog(tb, startServer(tb, tb.TempDir()).JetStream(), Config{})
}

// connect opens one more client of the server, by way of dial.
func connect(tb testing.TB, dial nats.InProcessConnProvider) jetstream.JetStream {
	tb.Helper()
	nc, err := nats.Connect(nats.DefaultURL, nats.InProcessServer(dial), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatal(err)
	}
	return js
}

// fault is what happens to a connection at one of its writes.
type fault struct {
	write int    // after so many writes from when it was set
	kind  string // before: nothing is sent; half: a part; after: all, and no answer comes back
}

// flaky is connections that break as planned and can be opened again.
type flaky struct {
	dial   nats.InProcessConnProvider
	mu     sync.Mutex
	faults []fault
	hits   int
	open   []net.Conn
}

func (f *flaky) InProcessConn() (net.Conn, error) {
	c, err := f.dial.InProcessConn()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = append(f.open, c)
	return &flakyConn{Conn: c, owner: f}, nil
}

// cut breaks every connection that is open.
func (f *flaky) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		_ = c.Close() // it may be closed already
	}
	f.hits++
	f.open = nil
}

func (f *flaky) plan(faults ...fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append([]fault(nil), faults...)
}

func (f *flaky) reached() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits
}

// next is the fault of this write; kind is empty when there is none.
func (f *flaky) next() (kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.faults) == 0 {
		return ""
	}
	if f.faults[0].write > 0 {
		f.faults[0].write--
		return ""
	}
	kind = f.faults[0].kind
	f.faults = f.faults[1:]
	f.hits++
	return kind
}

type flakyConn struct {
	net.Conn
	owner *flaky
	mu    sync.Mutex
	deaf  bool
}

func (c *flakyConn) Write(b []byte) (int, error) {
	broken := errors.New("broken on purpose")
	switch c.owner.next() {
	case "before":
		return 0, errors.Join(broken, c.Close())
	case "half":
		n, _ := c.Conn.Write(b[:len(b)/2])
		return n, errors.Join(broken, c.Close())
	case "after":
		c.mu.Lock()
		c.deaf = true
		c.mu.Unlock()
		// The pipe is synchronous: when Write returns, the server has the bytes.
		n, err := c.Conn.Write(b)
		return n, errors.Join(err, c.Close())
	}
	return c.Conn.Write(b)
}

func (c *flakyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return 0, io.EOF
	}
	return n, err
}

// payloads are n blocks that depend on seed alone.
func payloads(n int, seed uint64, maxSize int) [][]byte {
	r := rand.New(rand.NewPCG(seed, 2))
	noise := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	ps := make([][]byte, n)
	for i := range ps {
		ps[i] = make([]byte, 1+r.IntN(maxSize))
		_, _ = noise.Read(ps[i])
	}
	return ps
}

func blocksOf(ps [][]byte) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		var buf []byte // blocks share memory, as an encoder's do
		for i, p := range ps {
			buf = append(buf[:0], p...)
			if !yield(Block{Payload: buf, Rows: i + 1}, nil) {
				return
			}
			clear(buf)
		}
	}
}

func rangeOf(ps [][]byte) event.Range {
	s := newSummer("")
	for i, p := range ps {
		s.add(0, p, i+1)
	}
	return s.result()
}

func mustEvent(tb testing.TB, subject, cause string, body event.Body) event.Event {
	tb.Helper()
	ev, err := event.New(subject, cause, body, time.Unix(1_700_000_000, 123_000_000))
	if err != nil {
		tb.Fatal(err)
	}
	return ev
}

func adopted(tb testing.TB, n int) event.Event {
	tb.Helper()
	return mustEvent(tb, event.CatalogSubject("nord"), "", event.CatalogAdopted{Hash: fmt.Sprintf("hash-%d", n)})
}

// contents are the payloads of a subject, read one by one from the leader:
// another way than the one under test.
func contents(tb testing.TB, js jetstream.JetStream, stream, subject string) (ps [][]byte, seqs []uint64, headers []nats.Header) {
	tb.Helper()
	s, err := js.Stream(context.Background(), stream)
	if err != nil {
		tb.Fatal(err)
	}
	for next := uint64(1); ; {
		m, err := s.GetMsg(context.Background(), next, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return ps, seqs, headers
		}
		if err != nil {
			tb.Fatal(err)
		}
		ps, seqs, headers = append(ps, m.Data), append(seqs, m.Sequence), append(headers, m.Header)
		next = m.Sequence + 1
	}
}

// eventually polls until cond holds.
func eventually(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("it did not happen that %s", what)
		}
	}
}
