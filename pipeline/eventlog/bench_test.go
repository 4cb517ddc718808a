package eventlog

import (
	"context"
	"fmt"
	"testing"

	"larstrom/pipeline/event"
)

// 64 MB in blocks of one size, to the acknowledgement of the last batch.
func BenchmarkAppendBlocks(b *testing.B) {
	for _, size := range []int{64 << 10, 256 << 10, 1000 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			l := newLog(b)
			ps := payloads(64, 1, 1)
			for i := range ps {
				ps[i] = payloads(1, uint64(i), 1)[0]
				ps[i] = append(make([]byte, size-8), fmt.Sprintf("%08d", i)...)
			}
			n := 64 << 20 / size
			b.SetBytes(int64(n * size))
			i := 0
			for b.Loop() {
				i++
				_, err := l.AppendBlocks(context.Background(), OBS, fmt.Sprintf("obs.%d", i), func(yield func(Block, error) bool) {
					for j := range n {
						if !yield(Block{Payload: ps[j%len(ps)], Rows: 1}, nil) {
							return
						}
					}
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadRange(b *testing.B) {
	l := newLog(b)
	const n, size = 256, 256 << 10
	p := make([]byte, size)
	r, err := l.AppendBlocks(context.Background(), OBS, "obs.a", func(yield func(Block, error) bool) {
		for range n {
			if !yield(Block{Payload: p, Rows: 1}, nil) {
				return
			}
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(n * size)
	for b.Loop() {
		if err := l.ReadRange(context.Background(), OBS, r, func(uint64, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	l := newLog(b)
	last, i := uint64(0), 0
	for b.Loop() {
		i++
		var err error
		if last, err = l.AppendEvent(context.Background(), adopted(b, i), &last); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	l := newLog(b)
	const n = 20_000
	evs := make([]event.Event, n)
	for i := range evs {
		evs[i] = adopted(b, i)
	}
	if _, _, err := l.AppendEvents(context.Background(), evs, seqPtr(0)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if got, err := events(b, l, 1); len(got) != n || err != nil {
			b.Fatal(len(got), err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "events/s")
}
