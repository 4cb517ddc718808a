package intake

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"larstrom/pipeline/catalog"
)

// endless gives the beginning and then the rest again and again, and counts what
// was read of it.
type endless struct {
	first, rest []byte
	n           int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(e.first) == 0 {
			e.first = e.rest
		}
		k := copy(p[n:], e.first)
		e.first = e.first[k:]
		n += k
	}
	e.n += int64(n)
	return n, nil
}

// The lines of a file that is not refused have room in a block, also those of a
// record that is as long as may be.
func TestMostLines(t *testing.T) {
	if problem := tooManyLines(); maxLines+maxRow > math.MaxUint32 || !strings.Contains(problem.Text, "4000000000") {
		t.Errorf("%d lines and %d more: %v", int64(maxLines), maxRow, problem)
	}
}

// What is beyond a limit is refused after little of it has been read, with a
// text that says which limit, and nothing has become an observation.
func TestRefusedEarly(t *testing.T) {
	columns := strings.Repeat("x;", 9_999) + "x"
	keys := strings.Builder{}
	for i := range 10_000 {
		fmt.Fprintf(&keys, `"k%d":1,`, i)
	}
	for _, c := range []struct {
		name, format, first, rest, rule, says string
		limits                                catalog.Limits
		most                                  int64
	}{
		{"10,000 columns in the header", "delimited", columns + "\n", columns + "\n", "C02", "more than 4096 fields", catalog.Limits{}, 1 << 20},
		{"10,000 columns in a row", "delimited", wideHeader, columns + "\n", "C02", "more than 4096 fields", catalog.Limits{}, 1 << 20},
		{"10,000 keys", "ndjson", "", "{" + keys.String() + `"z":1}` + "\n", "C03", "does not know the key", catalog.Limits{}, 1 << 20},
		{"a line without end", "delimited", wideHeader, "x", "C02", "more than 1048576 bytes", catalog.Limits{}, 3 << 20},
		{"a line without end, own limit", "delimited", wideHeader, "x", "C02", "more than 1000 bytes", catalog.Limits{Row: 1000}, 1 << 20},
		{"an open quote", "delimited", wideHeader + `"`, "x;\n", "C02", "more than 1048576 bytes", catalog.Limits{}, 3 << 20},
		{"an object without end", "ndjson", `{"unit":"`, "x", "C02", "more than 1048576 bytes", catalog.Limits{}, 2 << 20},
		{"a line of fixed width without end", "fixed", "", "x", "C02", "more than 1048576 bytes", catalog.Limits{}, 2 << 20},
		{"deep JSON", "ndjson", `{"meta":`, `{"a":`, "C02", "more than 1048576 bytes", catalog.Limits{}, 2 << 20},
		{"fields that are too long", "delimited", wideHeader, strings.Repeat("x", 70_000) + ";;;;;;;\n", "C02", "", catalog.Limits{}, 8 << 20},
		{"a file that is too large", "delimited", wideHeader, "SE1-N;2024-05-01;p;K;1;1;2;A\n", "C01", "more than 3000000 bytes", catalog.Limits{Bytes: 3_000_000}, 4 << 20},
	} {
		feed := wideFeed()
		feed.Format, feed.Limits = c.format, c.limits
		if c.format == "fixed" {
			feed.Dialect.Header = false
			for i, n := range strings.Split(strings.TrimSpace(wideHeader), ";") {
				feed.Fixed = append(feed.Fixed, catalog.FixedColumn{Name: n, From: 1 + 10*i, Width: 9})
			}
		}
		if c.format == "ndjson" {
			feed.IgnoreColumns = []string{"meta"}
		}
		in := &endless{first: []byte(c.first), rest: []byte(c.rest)}
		_, err := Read(context.Background(), in, feed, world(), delivery(), &taken{})
		bad, ok := errors.AsType[*FileError](err)
		if !ok || bad.Problems[0].Rule != c.rule || !strings.Contains(err.Error(), c.says) || bad.Problems[0].Hint == "" || in.n > c.most {
			t.Errorf("%s: %.200s, after %d bytes", c.name, err, in.n)
		}
	}
}

// What unpacks to more than its feed allows is refused before it fills anything,
// whatever it is packed with.
func TestBombs(t *testing.T) {
	row := []byte("SE1-N;2024-05-01;p;K;1;1;2;A;" + strings.Repeat("x", 970) + "\n")
	text := append([]byte(notedHeader), bytes.Repeat(row, 20_000)...)
	pack := func(method string) []byte {
		var out bytes.Buffer
		var w io.WriteCloser
		var err error
		switch method {
		case "gzip":
			w, err = gzip.NewWriterLevel(&out, flate.BestCompression)
		case "zstd":
			w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		default:
			return packed(t, method, text)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(text)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for _, method := range []string{"gzip", "zstd", "zip"} {
		file := pack(method)
		for _, c := range []struct {
			says   string
			limits catalog.Limits
			most   int
		}{
			{"times its size", catalog.Limits{Ratio: 20}, 18_000},
			{"more than 1000000 bytes", catalog.Limits{Bytes: 1_000_000, Ratio: 1 << 20}, 1_100},
		} {
			feed := notedFeed()
			feed.Compression, feed.Limits = method, c.limits
			s := &taken{}
			_, err := Read(context.Background(), bytes.NewReader(file), feed, world(), delivery(), s)
			bad, ok := errors.AsType[*FileError](err)
			if !ok || bad.Problems[0].Rule != RuleBytes || !strings.Contains(err.Error(), c.says) || len(s.obs.Line) > 3*c.most {
				t.Errorf("%s: %v after %d observations", method, err, len(s.obs.Line))
			}
		}
	}
}
