package intake

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"

	"larstrom/pipeline/event"
)

// generated writes an export of n rows while it is read. Some rows have line
// ends within quotes, some cannot be split, some have a unit that is none.
type generated struct {
	header []byte
	n, i   int
	line   int
	buf    bytes.Buffer
	// What a reading must find.
	broken   []uint64 // lines
	observed int64
}

func (g *generated) Read(p []byte) (int, error) {
	every := g.n/maxRagged + 2 // more would be too many
	for g.buf.Len() < len(p) && g.i < g.n {
		if g.i == 0 {
			g.buf.Write(g.header)
			g.line = 2
		}
		at := uint64(g.line)
		switch {
		case g.i%every == every/2:
			fmt.Fprintf(&g.buf, "%08d;P%07d;SE2321000016-%04X;2023-01-0%d;Man;1;9\"9,5\r\n", g.i, g.i%70001, g.i%1200, 1+g.i%9)
			g.broken = append(g.broken, at)
		case g.i%1_000 == 777:
			fmt.Fprintf(&g.buf, "%08d;\"P%07d\r\n\";SE2321000016-%04X;2023-01-0%d;\"M\"\"a\nn\";1;\"9\n9,5\"\r\n", g.i, g.i%70001, g.i%1200, 1+g.i%9)
			g.line += 3
			g.observed++
		case g.i%9_000 == 8_000:
			fmt.Fprintf(&g.buf, "%08d;P%07d;SE2321000016-%04X;2023-02-30;Man;1;99,5\r\n", g.i, g.i%70001, g.i%1200)
			g.broken = append(g.broken, at)
		default:
			fmt.Fprintf(&g.buf, "%08d;P%07d;SE2321000016-%04X;2023-01-0%d;Man;1;99,5\r\n", g.i, g.i%70001, g.i%1200, 1+g.i%9)
			g.observed++
		}
		g.line++
		g.i++
	}
	if g.buf.Len() == 0 {
		return 0, io.EOF
	}
	return g.buf.Read(p)
}

// heap notes the most memory that there was when a block came, and on which
// lines rejects were.
type heap struct {
	most   uint64
	broken []uint64
	rows   int
	next   uint64
}

func (h *heap) Block(o *event.Observations) error {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.most = max(h.most, m.HeapInuse)
	h.rows += o.Len()
	for _, line := range o.Line {
		if line < h.next {
			return fmt.Errorf("line %d comes after line %d", line, h.next-1)
		}
		h.next = line + 1
	}
	return nil
}

func (h *heap) Reject(r *Reject) error {
	h.broken = append(h.broken, r.Line)
	return nil
}

// resident is the memory of this process, where the system tells.
func resident() string {
	text, err := os.ReadFile("/proc/self/statm")
	var size, pages int
	if err != nil {
		return "unknown"
	}
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d MiB", pages*os.Getpagesize()>>20)
}

// A file of any length is read in the same memory, and to the line as it is
// written, by however many goroutines.
func TestManyRowsInTheMemoryOfFew(t *testing.T) {
	feed, idx, text := caseLevel(1)
	header := text[:bytes.IndexByte(text, '\n')+1]
	read := func(n int) uint64 {
		t.Helper()
		g := &generated{header: header, n: n}
		h := &heap{}
		runtime.GC()
		res, err := Read(context.Background(), g, feed, idx, Delivery{Region: "r", ID: "d", AsOf: day("2026-01-01"), Keys: keys()}, h)
		if err != nil {
			t.Fatal(err)
		}
		if res.Observed != g.observed || int(res.Rows) != n || h.rows != n || res.Rejected != int64(len(g.broken)) || !slices.Equal(h.broken, g.broken) {
			t.Fatalf("%d of %d observed, %d rows of %d, %d rejected of %d", res.Observed, g.observed, h.rows, n, res.Rejected, len(g.broken))
		}
		t.Logf("%d rows: %d MiB of heap at most, %s resident", n, h.most>>20, resident())
		return h.most
	}
	few, many := read(200_000), read(1_000_000)
	const limit = 256 << 20
	if many > limit || many > few+few/2+32<<20 {
		t.Errorf("%d bytes for 200,000 rows, %d for 1,000,000", few, many)
	}
}

// BenchmarkMemory reads as many rows as LARSTROM_BENCH_ROWS says, or 10 M, and
// reports the most heap that there was.
func BenchmarkMemory(b *testing.B) {
	n := 10_000_000
	if s := os.Getenv("LARSTROM_BENCH_ROWS"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			b.Fatal(err)
		}
	}
	feed, idx, text := caseLevel(1)
	header := text[:bytes.IndexByte(text, '\n')+1]
	for b.Loop() {
		h := &heap{}
		g := &generated{header: header, n: n}
		if _, err := Read(context.Background(), g, feed, idx, Delivery{Region: "r", ID: "d", AsOf: day("2026-01-01"), Keys: keys()}, h); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(h.most>>20), "MiB-heap")
		b.Log(n, "rows,", resident(), "resident")
	}
}
