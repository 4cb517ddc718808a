package lines

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/record"
)

// Options of a reader. The zero value is the default.
type Options struct {
	// MaxLine is the most bytes of text a line may have; 0: 1 MiB. It bounds
	// the memory of a reader.
	MaxLine int
	// Trailer keeps the last line that is not empty out of the lines.
	Trailer bool
	// LF takes LF and CRLF only: a CR alone is a character of its line.
	LF bool
	// Preamble is what stands before the lines.
	Preamble record.Preamble
	// Chunk is how many bytes are read at a time; 0: 256 KiB.
	Chunk int
}

// Reader cuts text into lines.
type Reader struct {
	gate    *delimited.Gate
	opt     Options
	buf     []byte
	pos     int
	err     error  // why no more text comes; io.EOF at the end
	line    uint64 // at pos
	eol     byte   // 0: not known yet
	crlf    bool
	any     bool
	ended   bool
	trailer []byte
	above   []byte // the preamble, passed once it has been read
	passed  bool
}

// NewReader reads text of the encoding.
func NewReader(r io.Reader, encoding string, opt Options) (*Reader, error) {
	if opt.MaxLine <= 0 {
		opt.MaxLine = 1 << 20
	}
	if opt.Chunk <= 0 {
		opt.Chunk = 256 << 10
	}
	gate, err := delimited.NewGate(r, encoding, opt.Chunk)
	if err != nil {
		return nil, err
	}
	return &Reader{gate: gate, opt: opt, line: 1}, nil
}

// Next is the next line, without its end, and its number from 1. Its memory
// is used again by the next call. It returns io.EOF after the last, a
// *record.Error where the text cannot be read on, or the source's error.
func (r *Reader) Next() ([]byte, uint64, error) {
	if !r.passed {
		if err := r.pass(); err != nil {
			return nil, 0, err
		}
	}
	for {
		if r.pos == len(r.buf) && r.err != nil {
			return nil, 0, r.err
		}
		to, next, found := r.find()
		switch {
		case !found && r.err == nil:
			if len(r.buf)-r.pos > r.opt.MaxLine {
				return nil, 0, r.tooLong()
			}
			if err := r.fill(); err != nil {
				return nil, 0, err
			}
			continue
		case !found && r.err != io.EOF:
			return nil, 0, r.err // the gate's fault cuts the line
		case !found:
			to, next = len(r.buf), len(r.buf)
		}
		if to-r.pos > r.opt.MaxLine {
			return nil, 0, r.tooLong()
		}
		if to > r.pos && r.opt.Trailer && !r.follows(next) {
			if r.err == nil {
				if err := r.fill(); err != nil {
					return nil, 0, err
				}
				continue
			}
			if r.err == io.EOF {
				r.trailer = append(r.trailer[:0], r.buf[r.pos:to]...)
				r.any, r.ended = true, next > to
				r.pos = len(r.buf)
				return nil, 0, io.EOF
			}
		}
		text, at := r.buf[r.pos:to:to], r.line
		r.any, r.ended = true, next > to
		r.pos = next
		r.line++
		if len(text) > 0 {
			return text, at, nil
		}
	}
}

// pass reads the preamble.
func (r *Reader) pass() (err error) {
	r.above, err = r.opt.Preamble.Pass(
		func() ([]byte, error) { return r.buf[r.pos:], r.err },
		func() error {
			if len(r.buf)-r.pos > r.opt.MaxLine {
				return r.tooLong()
			}
			return r.fill()
		},
		func(n int) {
			r.pos += n
			r.line++
		})
	r.passed = err == nil || err == io.EOF
	return err
}

// find is where the line at pos ends and the next begins.
func (r *Reader) find() (to, next int, found bool) {
	b := r.buf[r.pos:]
	if r.eol == 0 {
		i := bytes.IndexByte(b, '\n')
		cr := -1
		if !r.opt.LF {
			if i >= 0 {
				cr = bytes.IndexByte(b[:i], '\r')
			} else {
				cr = bytes.IndexByte(b, '\r')
			}
		}
		switch {
		case cr >= 0 && cr+1 == len(b) && r.err == nil:
			return 0, 0, false // an LF may follow
		case cr >= 0 && (cr+1 == len(b) || b[cr+1] != '\n'):
			r.eol = '\r'
		case i < 0:
			return 0, 0, false
		default:
			r.eol, r.crlf = '\n', i > 0 && b[i-1] == '\r'
		}
	}
	i := bytes.IndexByte(b, r.eol)
	if i < 0 {
		return 0, 0, false
	}
	to, next = r.pos+i, r.pos+i+1
	if r.eol == '\n' && i > 0 && b[i-1] == '\r' {
		to--
	}
	return to, next, true
}

// follows reports whether there is some text after the line.
func (r *Reader) follows(from int) bool {
	return len(bytes.TrimLeft(r.buf[from:], "\r\n")) > 0
}

func (r *Reader) fill() error {
	if r.pos > 0 {
		r.buf = append(r.buf[:0], r.buf[r.pos:]...)
		r.pos = 0
	}
	var err error
	r.buf, err = r.gate.Read(r.buf)
	if _, ok := errors.AsType[*record.Error](err); ok || err == io.EOF {
		// What is before the fault is still read, so that an earlier fault of
		// the file is the one that is named.
		r.err = err
		return nil
	}
	return err
}

func (r *Reader) tooLong() *record.Error {
	return &record.Error{Line: r.line, Rule: "C02", Text: fmt.Sprintf("a line of more than %d bytes", r.opt.MaxLine),
		Hint: "the line ends may be lost, or the file may be of another format"}
}

// End is what is known of the text so far.
func (r *Reader) End() record.End {
	e := record.End{Any: r.any || len(r.buf) > 0, Ended: r.ended, Line: r.line, Trailer: r.trailer, LineEnd: "\n", Preamble: r.above}
	switch {
	case r.eol == '\r':
		e.LineEnd = "\r"
	case r.crlf:
		e.LineEnd = "\r\n"
	}
	return e
}
