package delimited

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// transcript is all that a reader gives: records, what is known after each, and
// the error.
func transcript(t rapid.TB, b []byte, d catalog.Dialect, opt Options) []string {
	t.Helper()
	r, err := NewReader(iotest.OneByteReader(bytes.NewReader(b)), d, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var out []string
	before := ""
	for {
		rec, err := r.Next()
		if got := string(r.Before()); got != before {
			t.Fatalf("%q is said to be before, and it was %q", got, before)
		}
		end := r.End()
		known := fmt.Sprintf("line %d, ended %v, end %q, trailer %q, above %q", end.Line, end.Ended, end.LineEnd, end.Trailer, end.Preamble)
		if err != nil {
			if _, again := r.Next(); again == nil || again.Error() != err.Error() {
				t.Fatalf("after %v comes %v", err, again)
			}
			return append(out, fmt.Sprintf("%v; %s", err, known))
		}
		before = string(rec.Raw)
		out = append(out, fmt.Sprintf("%d+%d %q of %q, %s %s; %s", rec.Line, rec.Lines, rec.Fields, rec.Raw, rec.Malformed, rec.Hint, known))
	}
}

// Reading ahead gives the records that reading in order gives, however the text
// is cut: also within quotes, where a line end is none.
func TestAheadIsTheSame(t *testing.T) {
	pieces := []string{"a", "b;c", ";", ";", "\n", "\n", "\n", "\r\n", "\r", `"`, `"`, `""`, "\"x\ny\"", "\"x\r\ny;z\"\n", `="0`, "=", "1;2\n", "\"1\n\n\";2\n", "END\n", "å", "\x00"}
	rapid.Check(t, func(t *rapid.T) {
		head := rapid.SampledFrom([]string{"h;i\n", "h\n", "h;i\r\n", "h;i\r", "above\nh;i\n", ""}).Draw(t, "head")
		text := head + strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 60).Draw(t, "text"), "")
		d := dialect("utf-8", ";", rapid.SampledFrom([]string{`"`, ""}).Draw(t, "quote"))
		d.Guards = d.Quote != "" && rapid.Bool().Draw(t, "guards")
		opt := Options{Trailer: rapid.Bool().Draw(t, "trailer"), MaxFields: rapid.SampledFrom([]int{0, 4}).Draw(t, "fields")}
		if !opt.Trailer && d.Quote == "" && !strings.Contains(text, "\x00") {
			// Else which of two faults is named depends on how much is looked at.
			opt.MaxRecord = rapid.SampledFrom([]int{0, 20}).Draw(t, "record")
		}
		if strings.HasPrefix(head, "above") {
			opt.Preamble = record.Preamble{Until: regexp.MustCompile("^h")}
		}
		opt.Chunk = 1 << 16
		want := transcript(t, []byte(text), d, opt)
		opt.Chunk, opt.Workers = rapid.IntRange(1, 40).Draw(t, "chunk"), rapid.IntRange(1, 3).Draw(t, "workers")
		got := transcript(t, []byte(text), d, opt)
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("text %q, step %d:\n%s\nwant\n%s", text, i, got[i], want[i])
			}
		}
		if len(got) != len(want) {
			t.Fatalf("text %q: %d steps, want %d", text, len(got), len(want))
		}
	})
}

// What lies behind a quote that a cut falls into is not split in order for the
// rest of the file: the first record that both begin is taken over.
func TestAheadJoinsAgain(t *testing.T) {
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&b, "%d;\"x\ny;%d\";%d\n", i, i, i)
	}
	r, err := NewReader(&b, dialect("utf-8", ";", `"`), Options{Chunk: 1000, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	ahead, n := 0, 0
	for ; ; n++ {
		rec, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil || rec.Malformed != "" || len(rec.Fields) != 3 || rec.Line != uint64(2*n+1) {
			t.Fatalf("record %d: %+v, %v", n, rec, err)
		}
		if r.joined {
			ahead++
		}
	}
	if n != 5000 || ahead < 4000 {
		t.Errorf("%d records, %d of them split ahead", n, ahead)
	}
}

// A file that is given up half-way leaves nothing running.
func TestAheadCanBeLeft(t *testing.T) {
	for _, records := range []int{0, 1, 2, 50, 500} {
		r, err := NewReader(strings.NewReader(strings.Repeat("a;b;c\n", 1000)), dialect("utf-8", ";", `"`), Options{Chunk: 50, Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		for range records {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
