package eventlog

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"larstrom/pipeline/event"
)

// TestTrail: what is written is read in its order and once, up to the last few
// MiB, which nobody reads while they may still be in the file that is written.
func TestTrail(t *testing.T) {
	l := newLog(t)
	const blocks, before, size = 40, 3, 1_000_000
	appendBlocks(t, l, "obs.a.b.before", payloads(before, 9, size))
	ps := payloads(blocks, 1, size)
	looked := make(chan uint64)
	ctx, stop := context.WithCancel(t.Context())
	l.reached = func(point string, last uint64) {
		if point == "trail" {
			select {
			case looked <- last:
			case <-ctx.Done():
			}
		}
	}
	defer stop()
	var mu sync.Mutex
	var read []uint64
	wrong := 0
	ended := make(chan error, 1)
	go func() {
		ended <- l.Trail(ctx, OBS, "obs.a.b.one", func(seq uint64, payload []byte) error {
			mu.Lock()
			defer mu.Unlock()
			if n := len(read); n >= blocks || !bytes.Equal(payload, ps[n]) {
				wrong++
			}
			read = append(read, seq)
			return nil
		})
	}()
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(read)
	}
	// The reader looks after every few blocks, so that it could read as much of them
	// as it may.
	r, err := l.AppendBlocks(t.Context(), OBS, "obs.a.b.one", func(yield func(Block, error) bool) {
		for i, p := range ps {
			if i%4 == 0 {
				<-looked
				if last, n := <-looked, count(); n > 0 && (int(last)-before-n)*size < behind-size {
					t.Errorf("%d of %d blocks are read", n, int(last)-before)
				}
			}
			if !yield(Block{Payload: p, Rows: 1}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []uint64
	for seq := r.First; seq <= r.Last; seq++ {
		want = append(want, seq)
	}
	<-looked
	<-looked
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n := len(read); wrong > 0 || !slices.Equal(read, want[:min(n, blocks)]) || (blocks-n)*size < behind-size || (blocks-n)*size > behind+stride+10*size {
		t.Errorf("%d read of %d, %d wrong: %v, want the beginning of %v", n, blocks, wrong, read, want)
	}
}

// A tally is that of a range whose messages are exactly those that were counted.
func TestTally(t *testing.T) {
	tally := NewTally("obs.se.pv.1")
	if tally.Last() != 0 || !tally.Is(event.Range{Subject: "obs.se.pv.1"}) {
		t.Error("nothing was counted")
	}
	for _, seq := range []uint64{3, 4, 9} {
		tally.Add(seq)
	}
	is := event.Range{Subject: "obs.se.pv.1", First: 3, Last: 9, Blocks: 3, Rows: 100, Hash: "of the bytes"}
	for what, c := range map[string]struct {
		r    event.Range
		want bool
	}{
		"these":           {is, true},
		"another subject": {event.Range{Subject: "obs.se.pv.2", First: 3, Last: 9, Blocks: 3}, false},
		"one before":      {event.Range{Subject: is.Subject, First: 2, Last: 9, Blocks: 3}, false},
		"one behind":      {event.Range{Subject: is.Subject, First: 3, Last: 10, Blocks: 3}, false},
		"one between":     {event.Range{Subject: is.Subject, First: 3, Last: 9, Blocks: 4}, false},
	} {
		if got := tally.Is(c.r); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
	if tally.Last() != 9 {
		t.Errorf("the last is %d", tally.Last())
	}
}
