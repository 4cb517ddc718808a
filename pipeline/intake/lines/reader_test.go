package lines_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
)

func read(t testing.TB, text, enc string, opt lines.Options) (out []string, end record.End, err error) {
	t.Helper()
	r, err := lines.NewReader(strings.NewReader(text), enc, opt)
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, n, err := r.Next()
		if err == io.EOF {
			return out, r.End(), nil
		}
		if err != nil {
			return out, r.End(), err
		}
		out = append(out, fmt.Sprintf("%d:%s", n, b))
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		opt        lines.Options
		want       string
		eol        string
		ended      bool
		trailer    string
		line       uint64
	}{
		{"empty", "", lines.Options{}, "", "\n", false, "", 1},
		{"lf", "a\nb\n", lines.Options{}, "1:a 2:b", "\n", true, "", 3},
		{"crlf", "a\r\nb\r\n", lines.Options{}, "1:a 2:b", "\r\n", true, "", 3},
		{"crlf at the end of a piece", "aaaa\r\nb\r\n", lines.Options{}, "1:aaaa 2:b", "\r\n", true, "", 3},
		{"crlf at the end of another", "aaaaaaa\r\nb\r\n", lines.Options{}, "1:aaaaaaa 2:b", "\r\n", true, "", 3},
		{"mixed", "a\nb\r\nc\n", lines.Options{}, "1:a 2:b 3:c", "\n", true, "", 4},
		{"cr", "a\rb\r", lines.Options{}, "1:a 2:b", "\r", true, "", 3},
		{"cr alone in an lf file", "a\nb\rc\n", lines.Options{}, "1:a 2:b\rc", "\n", true, "", 3},
		{"lf in a cr file", "a\rb\nc\r", lines.Options{}, "1:a 2:b\nc", "\r", true, "", 3},
		{"lf only", "a\rb\nc\r\n", lines.Options{LF: true}, "1:a\rb 2:c", "\n", true, "", 3},
		{"not ended", "a\nb", lines.Options{}, "1:a 2:b", "\n", false, "", 3},
		{"one without end", "a", lines.Options{}, "1:a", "\n", false, "", 2},
		{"cr at the end", "a\r", lines.Options{}, "1:a", "\r", true, "", 2},
		{"empty lines", "\na\n\n\nb\n\n", lines.Options{}, "2:a 5:b", "\n", true, "", 7},
		{"trailer", "a\nb\nEND\n\n", lines.Options{Trailer: true}, "1:a 2:b", "\n", true, "END", 3},
		{"trailer cut", "a\nb\nEN", lines.Options{Trailer: true}, "1:a 2:b", "\n", false, "EN", 3},
		{"trailer alone", "END\n", lines.Options{Trailer: true}, "", "\n", true, "END", 1},
	} {
		for chunk := 1; chunk < 12; chunk++ {
			c.opt.Chunk = chunk
			got, end, err := read(t, c.text, "utf-8", c.opt)
			if err != nil || strings.Join(got, " ") != c.want || end.LineEnd != c.eol || end.Ended != c.ended || string(end.Trailer) != c.trailer || end.Line != c.line || end.Any != (c.text != "") {
				t.Errorf("%s, %d bytes at a time: %q %+v %v", c.name, chunk, got, end, err)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, text string
		opt        lines.Options
		before     int
		line       uint64
		rule       string
	}{
		{"long line", "a\n" + strings.Repeat("x", 101) + "\n", lines.Options{MaxLine: 100}, 1, 2, "C02"},
		{"long without end", "a\n" + strings.Repeat("x", 101), lines.Options{MaxLine: 100, Chunk: 16}, 1, 2, "C02"},
		{"byte", "a\nb\n\xff\n", lines.Options{}, 2, 3, "C01"},
		{"nul", "a\nb\x00\n", lines.Options{}, 1, 2, "C01"},
	} {
		got, _, err := read(t, c.text, "utf-8", c.opt)
		var fault *record.Error
		if !errors.As(err, &fault) || len(got) != c.before || fault.Line != c.line || fault.Rule != c.rule || fault.Hint == "" {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	if _, err := lines.NewReader(nil, "latin", lines.Options{}); err == nil {
		t.Error("an unknown encoding was taken")
	}
}

// FuzzLines: lines joined again are the text, whatever the pieces in which it
// comes.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"a\nb\n", "a\r\nb", "a\rb\r", "\n\n", "a\r\r\nb"} {
		f.Add(s, uint8(1), false)
		f.Add(s, uint8(3), true)
	}
	f.Fuzz(func(t *testing.T, text string, chunk uint8, lf bool) {
		opt := lines.Options{Chunk: int(chunk) + 1, LF: lf}
		got, end, err := read(t, text, "utf-8", opt)
		whole, end2, err2 := read(t, text, "utf-8", lines.Options{LF: lf})
		if fmt.Sprint(got, end, err) != fmt.Sprint(whole, end2, err2) {
			t.Fatalf("%d bytes at a time: %q %v, at once: %q %v", opt.Chunk, got, err, whole, err2)
		}
		if err != nil {
			return
		}
		if lf {
			want := strings.Split(text, "\n")
			if want[len(want)-1] == "" {
				want = want[:len(want)-1]
			}
			i := 0
			for n, w := range want {
				if n < len(want)-1 || strings.HasSuffix(text, "\n") {
					w = strings.TrimSuffix(w, "\r")
				}
				if w == "" {
					continue
				}
				if i >= len(got) || got[i] != fmt.Sprintf("%d:%s", n+1, w) {
					t.Fatalf("%q gave %q", text, got)
				}
				i++
			}
			if i != len(got) {
				t.Fatalf("%q gave %q", text, got)
			}
		}
	})
}
