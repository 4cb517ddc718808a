package delimited

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/record"
)

// MaxFields is the most fields of a record where Options say nothing.
const MaxFields = 4096

// Options of a reader. The zero value is the default.
type Options struct {
	// MaxRecord is the most bytes of text a record may have; 0: 1 MiB. It
	// bounds the memory of a reader.
	MaxRecord int
	// MaxFields is the most fields a record may have; 0: MaxFields.
	MaxFields int
	// Trailer keeps the last line that is not empty out of the records.
	Trailer bool
	// Preamble is what stands before the records.
	Preamble record.Preamble
	// Chunk is how many bytes are read at a time; 0: 256 KiB.
	Chunk int
	// Workers are how many goroutines split the text ahead of Next, in a file of
	// more than one chunk; 0: none. The records are the same whatever it is.
	// The Reader must be closed then.
	Workers int
}

// Record is one record of the text.
type Record = record.Record

// Reader splits the text of one file.
type Reader struct {
	gate    *gate
	opt     Options
	s       splitter
	buf     []byte // text that has passed the gate
	pos     int    // where the next record begins
	err     error  // why no more text comes; io.EOF at the end
	line    uint64 // physical line at pos
	width   int    // fields of the first record; 0 before it
	rec     Record
	ended   bool
	trailer []byte
	any     bool
	// before is the text of the record before that of rec, in kept where its own
	// memory is used again.
	before, kept []byte
	// above is the preamble, passed once it has been read.
	above  []byte
	passed bool

	ahead *ahead // nil: not yet, or never
	// seg is a segment whose text is in buf from segAt on, or which is read
	// where it stands: joined, up to upTo. cut is its next record.
	seg         *segment
	segAt, upTo int
	cut         int
	joined      bool
	fields      [][]byte // of the record at hand, where it stands in seg
}

// NewReader reads text of the dialect. It fails if the dialect is none.
func NewReader(r io.Reader, d catalog.Dialect, opt Options) (*Reader, error) {
	if !knownEncoding(d.Encoding) {
		return nil, fmt.Errorf("dialect: encoding %q: must be utf-8, utf-8-bom, iso-8859-1, windows-1252, utf-16le or utf-16be", d.Encoding)
	}
	if !oneSign(d.Delimiter) {
		return nil, fmt.Errorf("dialect: delimiter %q: must be one ASCII character and no line end", d.Delimiter)
	}
	if d.Quote != "" && (!oneSign(d.Quote) || d.Quote == d.Delimiter) {
		return nil, fmt.Errorf("dialect: quote %q: must be one ASCII character other than the delimiter, or empty", d.Quote)
	}
	if opt.MaxRecord <= 0 {
		opt.MaxRecord = 1 << 20
	}
	if opt.MaxFields <= 0 {
		opt.MaxFields = MaxFields
	}
	if opt.Chunk <= 0 {
		opt.Chunk = 256 << 10
	}
	rd := &Reader{gate: newGate(r, d.Encoding, opt.Chunk), opt: opt, line: 1}
	rd.s.delim = d.Delimiter[0]
	if d.Quote != "" {
		rd.s.quoted, rd.s.quote, rd.s.guards = true, d.Quote[0], d.Guards
	}
	return rd, nil
}

func oneSign(s string) bool {
	return len(s) == 1 && s[0] != '\n' && s[0] != '\r' && s[0] != 0 && s[0] < 0x80
}

// Next is the next record. It returns io.EOF after the last, a *Error where
// the file cannot be read on, or the underlying reader's error.
func (r *Reader) Next() (*Record, error) {
	if !r.passed {
		if err := r.pass(); err != nil {
			return nil, err
		}
	}
	r.before = r.rec.Raw
	for {
		if rec := r.taken(); rec != nil {
			return rec, nil
		}
		if r.pos == len(r.buf) && r.err != nil {
			return nil, r.err
		}
		if n := r.blank(); n > 0 {
			r.pos += n
			r.line++
			continue
		}
		st := r.s.split(r.buf, r.pos, r.err == io.EOF)
		if st == splitWhole && r.opt.Trailer {
			st = r.follows()
		}
		switch st {
		case splitShort:
			if r.err != nil && r.err != io.EOF {
				return nil, r.err // the gate's fault cuts the record
			}
			if len(r.buf)-r.pos > r.opt.MaxRecord {
				return nil, r.tooLong()
			}
			if err := r.fill(); err != nil {
				return nil, err
			}
			continue
		case splitOpen:
			return nil, &Error{Line: r.line, Rule: "C02", Text: "a quote that opens in this record is still open at the end of the file",
				Hint: "close it, or double the quotes inside the field; if quotes mean nothing in this file, declare quote: \"\" in the feed",
				Cut:  true}
		case splitLast:
			// The last line of a file with a trailer.
			r.trailer = append(r.trailer[:0], r.s.raw...)
			r.ended = r.s.ended
			r.pos = len(r.buf)
			r.any = true
			return nil, io.EOF
		}
		if len(r.s.raw) > r.opt.MaxRecord {
			return nil, r.tooLong()
		}
		if len(r.s.fields) > r.opt.MaxFields {
			return nil, &Error{Line: r.line, Rule: "C02", Text: fmt.Sprintf("a record of more than %d fields", r.opt.MaxFields),
				Hint: "the delimiter of the feed may be wrong for this file"}
		}
		r.rec = Record{Line: r.line, Lines: r.s.lines, Fields: r.s.fields, Raw: r.s.raw}
		if r.s.why != whole {
			r.rec.Malformed, r.rec.Hint = r.s.why.texts()
		}
		r.pos, r.line, r.ended, r.any = r.s.next, r.line+r.s.lines, r.s.ended, true
		if r.width == 0 {
			r.width = len(r.s.fields)
		}
		return &r.rec, nil
	}
}

// pass reads the preamble.
func (r *Reader) pass() (err error) {
	r.above, err = r.opt.Preamble.Pass(
		func() ([]byte, error) { return r.buf[r.pos:], r.err },
		func() error {
			if len(r.buf)-r.pos > r.opt.MaxRecord {
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

// Before is the text of the record before the last one that Next gave, up to the
// next call.
func (r *Reader) Before() []byte { return r.before }

// keep saves the text of the record before, whose memory is going to be used
// again.
func (r *Reader) keep() {
	r.kept = append(r.kept[:0], r.before...)
	r.before = r.kept
}

// Any reports whether there was any text at all.
func (r *Reader) Any() bool { return r.any || len(r.buf) > 0 }

// Ended reports whether the last line that was read had its line end.
func (r *Reader) Ended() bool { return r.ended }

// Line is the physical line after the last record.
func (r *Reader) Line() uint64 { return r.line }

// Trailer is the last line that is not empty, at the end of a file with a
// trailer.
func (r *Reader) Trailer() []byte { return r.trailer }

// End is what is known of the text so far.
func (r *Reader) End() record.End {
	return record.End{Any: r.Any(), Ended: r.ended, Line: r.line, Trailer: r.trailer, LineEnd: r.LineEnd(), Preamble: r.above}
}

// LineEnd is the kind of line end that the first line has; "\n" before it.
func (r *Reader) LineEnd() string {
	switch {
	case r.s.eol == '\r':
		return "\r"
	case r.s.crlf:
		return "\r\n"
	default:
		return "\n"
	}
}

// blank is the length of a line without any character at pos, or 0.
func (r *Reader) blank() int {
	if r.width == 1 {
		return 0
	}
	b := r.buf[r.pos:]
	switch {
	case len(b) == 0:
		return 0
	case b[0] == '\n' && r.s.eol != '\r':
		return 1
	case b[0] == '\r' && len(b) > 1 && b[1] == '\n' && r.s.eol != '\r':
		return 2
	case b[0] == '\r' && (r.s.eol == '\r' || r.s.eol == 0 && (len(b) > 1 || r.err != nil)):
		return 1
	}
	return 0
}

// follows tells a record from the trailer: some text must come after it.
func (r *Reader) follows() splitState {
	for i := r.s.next; i < len(r.buf); i++ {
		if c := r.buf[i]; c != '\n' && c != '\r' {
			return splitWhole
		}
	}
	if r.err == io.EOF {
		return splitLast
	}
	return splitShort
}

func (r *Reader) tooLong() *Error {
	return &Error{Line: r.line, Rule: "C02", Text: fmt.Sprintf("a record of more than %d bytes", r.opt.MaxRecord),
		Hint: "a quote may be open since this line, or the file may not be delimited text"}
}

// fill brings more text behind what is unread. The text that it has passed is
// given up, so fields of earlier records are no longer valid.
func (r *Reader) fill() error {
	if r.ahead == nil && r.opt.Workers > 0 && r.s.eol != 0 && r.width > 0 {
		r.ahead = newAhead(r)
		r.keep()
		r.buf, r.pos = r.buf[:0], 0
	}
	if r.pos > 0 {
		r.keep()
		r.buf = append(r.buf[:0], r.buf[r.pos:]...)
		r.pos = 0
	}
	r.s.moved()
	if r.ahead != nil {
		return r.fillAhead()
	}
	var err error
	r.buf, err = r.gate.read(r.buf)
	return r.behind(err)
}

// behind notes what the gate says behind the text that it gave.
func (r *Reader) behind(err error) error {
	r.err = err
	if _, ok := errors.AsType[*Error](err); ok || err == io.EOF {
		// What is before the fault is still read, so that an earlier fault of
		// the file is the one that is named.
		return nil
	}
	return err
}

// why says what makes a record malformed.
type why uint8

const (
	whole why = iota
	bareQuote
	afterQuote
	otherEnd
)

func (w why) texts() (text, hint string) {
	switch w {
	case bareQuote:
		return "a quote inside a field that is not quoted",
			"put the field in quotes and double those inside; if quotes mean nothing in this file, declare quote: \"\" in the feed"
	case afterQuote:
		return "text after a closing quote", "double the quotes inside a quoted field"
	case otherEnd:
		return "a line end of another kind than the file's, outside quotes", "put the field in quotes, or write one kind of line end"
	default:
		return "", ""
	}
}

type splitState uint8

const (
	splitWhole splitState = iota // a record, in the splitter's fields
	splitShort                   // the text ends before the record does
	splitOpen                    // the file ends inside quotes
	splitLast                    // the record is the last line
)

// splitter cuts one record at a time out of a window of text.
type splitter struct {
	delim, quote byte
	quoted       bool
	guards       bool // ="…" is the text inside
	eol          byte // '\n' or '\r'; 0 until the first line end
	crlf         bool // the first line end was CRLF

	// Where the next quote and the next stray line end stand, or len(buf);
	// -1: not known. They make the search for them linear in the text.
	nextQuote, nextStray int
	known                bool

	fields  [][]byte
	scratch []byte // unquoted text of fields with doubled quotes
	raw     []byte
	next    int
	lines   uint64
	ended   bool
	why     why
}

// moved forgets positions: the window has changed.
func (s *splitter) moved() { s.known = false }

// seek is the position of c in buf at or after pos, or len(buf).
func seek(buf []byte, pos int, c byte) int {
	if i := bytes.IndexByte(buf[pos:], c); i >= 0 {
		return pos + i
	}
	return len(buf)
}

// split cuts the record at pos. last says that no text comes after buf.
func (s *splitter) split(buf []byte, pos int, last bool) splitState {
	to, next := s.plain(buf, pos)
	if next == 0 {
		return s.slow(buf, pos, last)
	}
	raw := buf[pos:to]
	s.raw, s.next, s.lines, s.ended, s.why = raw, next, 1, true, whole
	fields, from := s.fields[:0], 0
	for i, c := range raw {
		if c == s.delim {
			fields = append(fields, raw[from:i:i])
			from = i + 1
		}
	}
	s.fields = append(fields, raw[from:len(raw):len(raw)])
	return splitWhole
}

// plain finds where the text of the record at pos ends and the next one begins,
// if it is a line of the known kind without quotes; else next is 0.
func (s *splitter) plain(buf []byte, pos int) (to, next int) {
	if s.eol == 0 {
		return 0, 0
	}
	end := seek(buf, pos, s.eol)
	if end == len(buf) {
		return 0, 0
	}
	if !s.known {
		s.known, s.nextQuote, s.nextStray = true, -1, -1
	}
	if s.quoted && s.nextQuote < pos {
		s.nextQuote = seek(buf, pos, s.quote)
	}
	if s.quoted && s.nextQuote < end {
		return 0, 0
	}
	if s.nextStray < pos {
		s.nextStray = seek(buf, pos, '\n'+'\r'-s.eol)
	}
	if s.nextStray >= end {
		return end, end + 1
	}
	if s.eol == '\r' || s.nextStray != end-1 {
		return 0, 0
	}
	return end - 1, end + 1 // before the CR of CRLF
}

// slow knows the whole grammar.
func (s *splitter) slow(buf []byte, pos int, last bool) splitState {
	s.fields, s.scratch, s.why, s.ended = s.fields[:0], s.scratch[:0], whole, false
	p := pos
	for {
		start := p
		var field []byte
		guard := false
		if s.guards && p < len(buf) && buf[p] == '=' {
			if p+1 == len(buf) && !last {
				return splitShort
			}
			guard = p+1 < len(buf) && buf[p+1] == s.quote
		}
		if guard || s.quoted && p < len(buf) && buf[p] == s.quote {
			p++
			if guard {
				p++
			}
			start = p
			doubled := false
			for {
				q := seek(buf, p, s.quote)
				if q == len(buf) {
					if last {
						return splitOpen
					}
					return splitShort
				}
				if q+1 == len(buf) && !last {
					return splitShort
				}
				if q+1 < len(buf) && buf[q+1] == s.quote {
					doubled, p = true, q+2
					continue
				}
				field, p = buf[start:q:q], q+1
				break
			}
			if doubled {
				field = s.undouble(field)
			}
			if s.guards && !guard {
				field = s.unguard(field)
			}
			if p < len(buf) && buf[p] != s.delim && buf[p] != '\n' && buf[p] != '\r' {
				s.why = afterQuote
				return s.giveUp(buf, pos, p, last)
			}
		} else {
			for p < len(buf) {
				c := buf[p]
				if c == s.delim || c == '\n' || c == '\r' {
					break
				}
				if s.quoted && c == s.quote {
					s.why = bareQuote
					return s.giveUp(buf, pos, p, last)
				}
				p++
			}
			field = buf[start:p:p]
		}
		if p == len(buf) {
			if !last {
				return splitShort
			}
			s.fields = append(s.fields, field)
			return s.end(buf, pos, p, p)
		}
		if buf[p] == s.delim {
			s.fields = append(s.fields, field)
			p++
			continue
		}
		// A line end of some kind.
		if buf[p] == '\r' && p+1 == len(buf) && !last && s.eol != '\r' {
			return splitShort
		}
		pair := buf[p] == '\r' && p+1 < len(buf) && buf[p+1] == '\n'
		if s.eol == 0 {
			switch {
			case pair:
				s.eol, s.crlf = '\n', true
			default:
				s.eol = buf[p]
			}
		}
		switch {
		case buf[p] == s.eol:
			s.fields = append(s.fields, field)
			return s.end(buf, pos, p, p+1)
		case pair && s.eol == '\n':
			s.fields = append(s.fields, field)
			return s.end(buf, pos, p, p+2)
		}
		s.why = otherEnd
		return s.giveUp(buf, pos, p, last)
	}
}

// end closes the record whose text is buf[pos:to].
func (s *splitter) end(buf []byte, pos, to, next int) splitState {
	s.raw, s.next, s.ended = buf[pos:to:to], next, next > to
	s.lines = 1
	if s.eol != 0 {
		s.lines += uint64(bytes.Count(s.raw, []byte{s.eol}))
	}
	return splitWhole
}

// giveUp ends a malformed record at the first line end after its fault.
func (s *splitter) giveUp(buf []byte, pos, p int, last bool) splitState {
	eol := s.eol
	if eol == 0 {
		eol = '\n'
	}
	to := seek(buf, p, eol)
	if to == len(buf) {
		if !last {
			return splitShort
		}
		return s.end(buf, pos, to, to)
	}
	next := to + 1
	if eol == '\n' && to > p && buf[to-1] == '\r' {
		to--
	}
	return s.end(buf, pos, to, next)
}

// unguard takes the guard off a field that was quoted around it.
func (s *splitter) unguard(field []byte) []byte {
	if n := len(field); n >= 3 && field[0] == '=' && field[1] == s.quote && field[n-1] == s.quote {
		inside := field[2 : n-1 : n-1]
		if bytes.IndexByte(inside, s.quote) < 0 {
			return inside
		}
	}
	return field
}

// undouble writes a field with doubled quotes to the scratch memory. Earlier
// fields keep theirs if it grows.
func (s *splitter) undouble(field []byte) []byte {
	from := len(s.scratch)
	for {
		i := bytes.IndexByte(field, s.quote)
		if i < 0 {
			s.scratch = append(s.scratch, field...)
			break
		}
		s.scratch = append(s.scratch, field[:i+1]...)
		field = field[i+2:]
	}
	return s.scratch[from:len(s.scratch):len(s.scratch)]
}
