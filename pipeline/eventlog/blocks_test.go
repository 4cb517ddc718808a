package eventlog

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
)

func appendBlocks(tb testing.TB, l *Log, subject string, ps [][]byte) event.Range {
	tb.Helper()
	r, err := l.AppendBlocks(context.Background(), OBS, subject, blocksOf(ps))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// readRange is what ReadRange delivers.
func readRange(tb testing.TB, l *Log, r event.Range) (ps [][]byte, err error) {
	tb.Helper()
	last := uint64(0)
	err = l.ReadRange(context.Background(), OBS, r, func(seq uint64, p []byte) error {
		if seq <= last {
			tb.Errorf("sequence %d after %d", seq, last)
		}
		last = seq
		ps = append(ps, bytes.Clone(p))
		return nil
	})
	return ps, err
}

func TestBlocksRoundTrip(t *testing.T) {
	l := newLog(t)
	l.batchBytes = 50_000
	one, other := payloads(40, 1, 9000), payloads(30, 2, 9000)
	r1 := appendBlocks(t, l, "obs.a.b.one", one)
	r2 := appendBlocks(t, l, "obs.a.b.other", other)
	want := rangeOf(one)
	want.Subject, want.First, want.Last = "obs.a.b.one", 1, 40
	if r1 != want {
		t.Errorf("range %+v, want %+v", r1, want)
	}
	for _, tc := range []struct {
		r  event.Range
		ps [][]byte
	}{{r1, one}, {r2, other}} {
		if got, err := readRange(t, l, tc.r); err != nil || !reflect.DeepEqual(got, tc.ps) {
			t.Errorf("%s: %d blocks of %d: %v", tc.r.Subject, len(got), len(tc.ps), err)
		}
		stored, err := l.Stored(t.Context(), OBS, tc.r.Subject)
		stored.Rows = tc.r.Rows
		if err != nil || stored != tc.r {
			t.Errorf("stored %+v, want %+v: %v", stored, tc.r, err)
		}
	}
	// Again: nothing is stored, the range is the same.
	if again := appendBlocks(t, l, "obs.a.b.one", one); again != r1 {
		t.Errorf("again: %+v, want %+v", again, r1)
	}
	if info, _ := l.state(t.Context(), OBS); info.Last != 70 {
		t.Errorf("%d messages are stored", info.Last)
	}
}

func TestNoBlocks(t *testing.T) {
	l := newLog(t)
	r := appendBlocks(t, l, "obs.none", nil)
	if r.First != 0 || r.Last != 0 || r.Blocks != 0 || r.Rows != 0 || r.Hash != rangeOf(nil).Hash {
		t.Errorf("range %+v", r)
	}
	if got, err := readRange(t, l, r); len(got) != 0 || err != nil {
		t.Errorf("%d blocks: %v", len(got), err)
	}
	if r, err := l.Stored(t.Context(), OBS, "obs.none"); r.Blocks != 0 || err != nil {
		t.Errorf("stored %+v: %v", r, err)
	}
}

func TestBlocksContinue(t *testing.T) {
	l := newLog(t)
	l.batchBytes = 20_000
	ps := payloads(30, 1, 4000)
	for _, n := range []int{1, 1, 7, 30, 30} {
		stop := errors.New("stop")
		_, err := l.AppendBlocks(t.Context(), OBS, "obs.a", func(yield func(Block, error) bool) {
			for b, err := range blocksOf(ps[:n]) {
				if !yield(b, err) {
					return
				}
			}
			if n < len(ps) {
				yield(Block{}, stop)
			}
		})
		if n < len(ps) != errors.Is(err, stop) {
			t.Fatalf("%d blocks: %v", n, err)
		}
	}
	if got, _, _ := contents(t, l.js, OBS, "obs.a"); !reflect.DeepEqual(got, ps) {
		t.Errorf("%d blocks are stored of %d, or they differ", len(got), len(ps))
	}
}

// A block by itself is stored behind the stream's last message, if that is its
// subject's; where somebody writes to another subject meanwhile, behind its
// subject's. Where somebody writes to its own, it is not stored.
func TestBlocksAmongOthers(t *testing.T) {
	l := newLog(t)
	l.batchBytes = 1
	ps := payloads(12, 1, 500)
	// Before block 5, when all before it are stored but the one in hand, a message
	// of somebody else is.
	with := func(subject, other string) error {
		_, err := l.AppendBlocks(t.Context(), OBS, subject, func(yield func(Block, error) bool) {
			for i, p := range ps {
				if i == 5 {
					eventually(t, "four blocks", func() bool {
						r, err := l.Stored(t.Context(), OBS, subject)
						return err == nil && r.Blocks == 4
					})
					last, err := l.LastSequence(t.Context(), OBS, other)
					if err == nil {
						_, _, err = l.Append(t.Context(), OBS, other, last, [][]byte{{1}}, nil)
					}
					if err != nil {
						t.Error(err)
					}
				}
				if !yield(Block{Payload: p, Rows: 1}, nil) {
					return
				}
			}
		})
		return err
	}
	if err := with("obs.a", "obs.other"); err != nil {
		t.Fatal(err)
	}
	got, seqs, headers := contents(t, l.js, OBS, "obs.a")
	if !reflect.DeepEqual(got, ps) || seqs[3] != 4 || seqs[4] != 6 {
		t.Errorf("%d blocks are stored, at %d", len(got), seqs)
	}
	for i, h := range headers {
		want := jetstream.ExpectedLastSeqHeader
		if i == 0 || i == 4 {
			want = jetstream.ExpectedLastSubjSeqHeader
		}
		if h.Get(want) == "" {
			t.Errorf("block %d has the headers %v, want %s", i, h, want)
		}
	}
	if err := with("obs.b", "obs.b"); !errors.Is(err, ErrConflict) {
		t.Errorf("its own subject: %v, want ErrConflict", err)
	}
}

func TestBlocksConflict(t *testing.T) {
	l := newLog(t)
	ps := payloads(12, 1, 500)
	appendBlocks(t, l, "obs.a", ps)
	changed := append([][]byte(nil), ps...)
	changed[5] = append(bytes.Clone(ps[5]), 1)
	for name, other := range map[string][][]byte{"a block differs": changed, "fewer blocks": ps[:11], "none": nil,
		"another order": {ps[1], ps[0]}} {
		_, err := l.AppendBlocks(t.Context(), OBS, "obs.a", blocksOf(other))
		if !errors.Is(err, ErrConflict) {
			t.Errorf("%s: error %v, want ErrConflict", name, err)
		}
	}
	if got, _, _ := contents(t, l.js, OBS, "obs.a"); !reflect.DeepEqual(got, ps) {
		t.Error("a conflict changed the subject")
	}
	// A foreign block that comes in between is a conflict too, not a success.
	_, err := l.AppendBlocks(t.Context(), OBS, "obs.b", func(yield func(Block, error) bool) {
		if _, _, err := l.Append(context.Background(), OBS, "obs.b", 0, [][]byte{[]byte("foreign")}, nil); err != nil {
			t.Error(err)
		}
		yield(Block{Payload: ps[0], Rows: 1}, nil)
	})
	var wrong *WrongLastSequenceError
	if !errors.Is(err, ErrConflict) || !errors.As(err, &wrong) {
		t.Errorf("a foreign block: error %v, want ErrConflict with the sequences", err)
	}
}

func TestBlocksRefuse(t *testing.T) {
	l := newLog(t)
	for name, tc := range map[string]struct {
		b    Block
		want error
	}{
		"empty":         {Block{Rows: 1}, ErrInvalid},
		"negative rows": {Block{Payload: []byte{1}, Rows: -1}, ErrInvalid},
		"too large":     {Block{Payload: make([]byte, 1<<20), Rows: 1}, ErrTooLarge},
	} {
		_, err := l.AppendBlocks(t.Context(), OBS, "obs.a", func(yield func(Block, error) bool) { yield(tc.b, nil) })
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, err, tc.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.AppendBlocks(ctx, OBS, "obs.a", func(yield func(Block, error) bool) {
		cancel()
		yield(Block{Payload: []byte{1}, Rows: 1}, nil)
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestReadRangeSaysWhatIsWrong(t *testing.T) {
	l := newLog(t)
	ps := payloads(9, 1, 500)
	r := appendBlocks(t, l, "obs.a", ps)
	more := appendBlocks(t, l, "obs.b", ps[:3])
	broken := func(alter func(*event.Range)) event.Range {
		x := r
		alter(&x)
		return x
	}
	for name, tc := range map[string]struct {
		r    event.Range
		want error
		text string
	}{
		"hash":              {broken(func(x *event.Range) { x.Hash = strings.Repeat("0", 64) }), ErrCorrupt, "hash"},
		"fewer than stored": {broken(func(x *event.Range) { x.Blocks = 8 }), ErrCorrupt, "more than 8"},
		"ends later":        {broken(func(x *event.Range) { x.Last, x.Blocks = 11, 11 }), ErrCorrupt, "9 of 11"},
		"begins earlier":    {broken(func(x *event.Range) { x.Subject, x.Blocks, x.Last = more.Subject, 3, 12 }), ErrCorrupt, "sequence 1 is missing"},
		"nothing there":     {broken(func(x *event.Range) { x.Subject = "obs.none" }), ErrCorrupt, "0 of 9"},
		"not a range":       {broken(func(x *event.Range) { x.First = 0 }), ErrInvalid, ""},
		"backwards":         {broken(func(x *event.Range) { x.First = 10 }), ErrInvalid, ""},
		"too many":          {broken(func(x *event.Range) { x.Blocks = 10 }), ErrInvalid, ""},
		"wildcard":          {broken(func(x *event.Range) { x.Subject = "obs.>" }), ErrInvalid, ""},
		"empty with a hash": {event.Range{Subject: "obs.a", Hash: r.Hash}, ErrInvalid, ""},
	} {
		if _, err := readRange(t, l, tc.r); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: error %v, want %v that says %q", name, err, tc.want, tc.text)
		}
	}
	stop := errors.New("stop")
	if err := l.ReadRange(t.Context(), OBS, r, func(uint64, []byte) error { return stop }); err != stop {
		t.Errorf("error of the callback came back as %v", err)
	}
	for _, missing := range []uint64{5, 1, 9} {
		if _, err := l.SecureErase(t.Context(), OBS, event.Range{Subject: "obs.a", First: missing, Last: missing}); err != nil {
			t.Fatal(err)
		}
		if _, err := readRange(t, l, r); !errors.Is(err, ErrCorrupt) {
			t.Errorf("without sequence %d: error %v, want ErrCorrupt", missing, err)
		}
	}
}

// A byte that flips on the disk is an error, never other data and never less.
func TestFlippedByteOnDisk(t *testing.T) {
	dir := t.TempDir()
	srv := startServer(t, dir)
	l := openLog(t, srv.JetStream(), Config{})
	ps := payloads(5, 1, 3000)
	marker := []byte("the block whose byte will flip")
	ps[2] = marker
	r := appendBlocks(t, l, "obs.a", ps)
	srv.Shutdown()
	if n := eachFile(t, dir, func(path string, b []byte) bool {
		at := bytes.Index(b, marker)
		if at < 0 {
			return false
		}
		b[at] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return true
	}); n != 1 {
		t.Fatalf("the block was found in %d files", n)
	}
	l = openLog(t, startServer(t, dir).JetStream(), Config{})
	if got, err := readRange(t, l, r); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrStuck) {
		t.Fatalf("%d blocks and the error %v, want ErrCorrupt or ErrStuck", len(got), err)
	} else {
		t.Log(err)
	}
}

// eachFile calls fn for every file below dir and counts those it is true for.
func eachFile(tb testing.TB, dir string, fn func(path string, b []byte) bool) (n int) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && fn(path, b) {
			n++
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestErase(t *testing.T) {
	dir := t.TempDir()
	srv := startServer(t, dir)
	l := openLog(t, srv.JetStream(), Config{})
	ctx := t.Context()
	secret := []byte("a person's row, which the law says must go")
	ps := payloads(20, 1, 300)
	for i := range ps {
		ps[i] = append(ps[i], secret...)
	}
	holds := func() int {
		return eachFile(t, dir, func(_ string, b []byte) bool { return bytes.Contains(b, secret) })
	}
	// Neighbours that stay keep the server from dropping or packing the whole file.
	neighbour := payloads(40, 9, 4000)
	before := appendBlocks(t, l, "obs.before", neighbour)
	stop := errors.New("rejected half-way")
	_, err := l.AppendBlocks(ctx, OBS, "obs.rejected", func(yield func(Block, error) bool) {
		for i, p := range ps {
			if i == 15 {
				l.batchBytes = 1 // what was filled is sent
			}
			if !yield(Block{Payload: p, Rows: 1}, nil) {
				return
			}
		}
		yield(Block{}, stop)
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	if holds() == 0 {
		t.Fatal("nothing was stored: the case does not test erasing")
	}
	after := appendBlocks(t, l, "obs.after", neighbour)
	stored, _, _ := contents(t, l.js, OBS, "obs.rejected")
	n, err := l.EraseSubject(ctx, OBS, "obs.rejected")
	if err != nil || n != len(stored) || n < 15 {
		t.Fatalf("%d of %d erased: %v", n, len(stored), err)
	}
	if n := holds(); n != 0 {
		t.Errorf("%d files hold erased rows", n)
	}
	if n, err := l.EraseSubject(ctx, OBS, "obs.rejected"); n != 0 || err != nil {
		t.Errorf("again: %d: %v", n, err)
	}
	for _, r := range []event.Range{before, after} {
		if got, err := readRange(t, l, r); err != nil || !reflect.DeepEqual(got, neighbour) {
			t.Errorf("the neighbour %s: %d blocks: %v", r.Subject, len(got), err)
		}
	}
	// The subject can begin anew.
	l.batchBytes = MaxBatchBytes
	r := appendBlocks(t, l, "obs.kept", ps)
	if again := appendBlocks(t, l, "obs.rejected", ps[:4]); again.Blocks != 4 {
		t.Errorf("after erasing: %+v", again)
	}
	if _, err := l.SecureErase(ctx, OBS, event.Range{Subject: "obs.rejected", First: 1, Last: 1 << 40}); err != nil {
		t.Error(err)
	}
	if got, err := readRange(t, l, r); err != nil || len(got) != 20 {
		t.Errorf("the neighbour: %d blocks: %v", len(got), err)
	}
	for _, stream := range []string{LEDGER, DLQ, "NONE"} {
		if _, err := l.SecureErase(ctx, stream, event.Range{Subject: "ledger.a", First: 1, Last: 1}); !errors.Is(err, ErrInvalid) {
			t.Errorf("erasing from %s: %v", stream, err)
		}
	}
	if n, err := l.SecureErase(ctx, OBS, event.Range{Subject: "obs.kept"}); n != 0 || err != nil {
		t.Errorf("an empty range: %d: %v", n, err)
	}
	if n, err := l.SecureErase(ctx, OBS, r); n != 20 || err != nil {
		t.Errorf("a range: %d: %v", n, err)
	}
	if n := holds(); n != 0 {
		t.Errorf("%d files hold erased rows in the end", n)
	}
}

// Memory stays bounded: the iterator is asked for no more than two batches ahead
// of what is stored.
func TestAppendBlocksIsBounded(t *testing.T) {
	l := newLog(t)
	l.maxBatch = 10
	var stored atomic.Int64
	asked, most := 0, 0
	l.reached = func(point string, _ uint64) {
		if point == "acknowledged" {
			stored.Add(10)
		}
	}
	p := make([]byte, 1000)
	_, err := l.AppendBlocks(t.Context(), OBS, "obs.a", func(yield func(Block, error) bool) {
		for range 200 {
			asked++
			if asked%10 == 2 { // just after the batch before the last one was awaited
				most = max(most, asked-int(stored.Load()))
			}
			if !yield(Block{Payload: p, Rows: 1}, nil) {
				return
			}
		}
	})
	if err != nil || stored.Load() != 200 {
		t.Fatalf("%d stored: %v", stored.Load(), err)
	}
	if most > 22 {
		t.Errorf("%d blocks were asked for beyond those stored, batches have 10", most)
	}
}

// The largest block of package block goes through every path.
func TestLargestBlock(t *testing.T) {
	l := newLog(t)
	p := bytes.Repeat([]byte{7}, block.MaxBytes)
	r := appendBlocks(t, l, "obs.a", [][]byte{p, p, p})
	if again := appendBlocks(t, l, "obs.a", [][]byte{p, p, p}); again != r {
		t.Errorf("again: %+v, want %+v", again, r)
	}
	if m, found, err := l.Last(t.Context(), OBS, "obs.a"); !found || len(m.Data) != len(p) || err != nil {
		t.Errorf("last: %d bytes: %v", len(m.Data), err)
	}
	if got, err := readRange(t, l, r); err != nil || len(got) != 3 || !bytes.Equal(got[2], p) {
		t.Errorf("%d blocks: %v", len(got), err)
	}
	if first, last, err := l.Append(t.Context(), OBS, "obs.a", 1, [][]byte{p, p}, nil); first != 2 || last != 3 || err != nil {
		t.Errorf("%d … %d: %v", first, last, err)
	}
}
