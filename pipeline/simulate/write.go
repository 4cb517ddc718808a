package simulate

import (
	"bytes"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
)

// Sink takes files. A name is a slash-separated path below the output.
type Sink interface {
	// Create begins a file; nothing of that name exists. Closing it ends it.
	Create(name string) (io.WriteCloser, error)
}

// valueKind is how a value is written.
type valueKind uint8

const (
	blank valueKind = iota
	words
	whole
	decimal // n in units of 10^-places
	date
	moment // n in minutes since 1970-01-01
)

// value is one field before the sender's dialect.
type value struct {
	kind   valueKind
	places uint8
	n      int64
	s      string
}

func txt(s string) value              { return value{kind: words, s: s} }
func num(n int64) value               { return value{kind: whole, n: n} }
func dec(n int64, places uint8) value { return value{kind: decimal, n: n, places: places} }
func day(d int32) value               { return value{kind: date, n: int64(d)} }
func at(d int32, minute int) value    { return value{kind: moment, n: int64(d)*1440 + int64(minute)} }
func yes(b bool) value                { return num(map[bool]int64{true: 1}[b]) }

// record is one row on its way into a file.
type record struct {
	unit   *unit
	day    int32 // of the event, or the first of the period
	ind    *indicator
	values []value
}

// exporter writes records as one sender writes them.
type exporter struct {
	w       io.Writer
	feed    *catalog.Feed
	columns []string
	enc     string // may differ from what the feed declares: that is a fault
	lineEnd string

	buf   []byte
	rows  int64
	bytes int64
	err   error
}

func newExporter(w io.Writer, f *feed, enc string) *exporter {
	e := &exporter{w: w, feed: &f.Feed, columns: f.columns, enc: enc, lineEnd: f.lineEnd}
	if enc == "utf-8-bom" {
		e.buf = append(e.buf, "\xef\xbb\xbf"...)
	}
	for i, c := range f.columns {
		if i > 0 {
			e.buf = append(e.buf, f.Dialect.Delimiter...)
		}
		e.text(c)
	}
	e.end()
	e.rows = 0
	return e
}

func (e *exporter) end() {
	if e.feed.Dialect.NamelessLast {
		e.buf = append(e.buf, e.feed.Dialect.Delimiter...)
	}
	e.buf = append(e.buf, e.lineEnd...)
	e.rows++
	if len(e.buf) >= 1<<16 {
		e.flush()
	}
}

func (e *exporter) flush() {
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
		e.bytes += int64(len(e.buf))
	}
	e.buf = e.buf[:0]
}

// write adds a row.
func (e *exporter) write(r *record) error {
	d := &e.feed.Dialect
	for i := range r.values {
		if i > 0 {
			e.buf = append(e.buf, d.Delimiter...)
		}
		v := &r.values[i]
		switch v.kind {
		case words:
			e.text(v.s)
		case whole:
			e.buf = strconv.AppendInt(e.buf, v.n, 10)
		case decimal:
			e.buf = appendDecimal(e.buf, v.n, int(v.places), d.Decimal)
		case date:
			e.buf = appendDate(e.buf, int32(v.n), d.Dates)
		case moment:
			e.buf = appendDate(e.buf, int32(v.n/1440), d.Dates)
			e.buf = fmt.Appendf(e.buf, "T%02d:%02d", v.n%1440/60, v.n%60)
		default: // blank
		}
	}
	e.end()
	return e.err
}

// text adds a text in the encoding of the file, quoted where it must be.
func (e *exporter) text(s string) {
	d := &e.feed.Dialect
	quoted := strings.ContainsAny(s, d.Delimiter+"\"\r\n")
	if quoted {
		s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	if e.enc != "windows-1252" {
		e.buf = append(e.buf, s...)
		return
	}
	for _, r := range s {
		switch {
		case r == '–':
			e.buf = append(e.buf, 0x96)
		case r < 0x100:
			e.buf = append(e.buf, byte(r))
		default:
			e.buf = append(e.buf, '?')
		}
	}
}

// close writes the trailer, if the sender has one, and what is left.
func (e *exporter) close() error {
	if e.feed.Complete.By == "trailer" {
		e.buf = append(e.buf, "SLUT;"...)
		e.buf = strconv.AppendInt(e.buf, e.rows, 10)
		e.buf = append(e.buf, e.lineEnd...)
	}
	e.flush()
	return e.err
}

func appendDecimal(b []byte, n int64, places int, sign string) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	scale := int64(1)
	for range places {
		scale *= 10
	}
	b = strconv.AppendInt(b, n/scale, 10)
	if places == 0 {
		return b
	}
	b = append(b, sign...)
	for scale /= 10; scale > 0; scale /= 10 {
		b = append(b, byte('0'+n/scale%10))
	}
	return b
}

func appendDate(b []byte, d int32, form string) []byte {
	y, m, day := catalog.DateOfDays(d).Time().Date()
	two := func(n int) { b = append(b, byte('0'+n/10), byte('0'+n%10)) }
	four := func(n int) { two(n / 100); two(n % 100) }
	switch form {
	case "dd.mm.yyyy", "dd-mm-yyyy":
		two(day)
		b = append(b, form[2])
		two(int(m))
		b = append(b, form[2])
		four(y)
	default:
		four(y)
		b = append(b, '-')
		two(int(m))
		b = append(b, '-')
		two(day)
	}
	return b
}

// cutter passes the first bytes on and drops the rest.
type cutter struct {
	w    io.Writer
	left int64
}

func (c *cutter) Write(b []byte) (int, error) {
	n := len(b)
	if int64(n) > c.left {
		b = b[:c.left]
	}
	c.left -= int64(len(b))
	if _, err := c.w.Write(b); err != nil {
		return 0, err
	}
	return n, nil
}

// tally counts what passes.
type tally struct {
	w            io.Writer
	bytes, lines int64
	sum          hash.Hash
}

func (t *tally) Write(b []byte) (int, error) {
	t.bytes += int64(len(b))
	t.lines += int64(bytes.Count(b, []byte{'\n'}))
	_, _ = t.sum.Write(b) // a hash takes everything
	return t.w.Write(b)
}
