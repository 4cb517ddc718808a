package delimited

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/sourcegraph/conc"
)

// ahead reads and splits the text before the Reader asks for it: one goroutine
// passes bytes through the gate and cuts the text into segments at line ends,
// others split the segments. Whether a line end stands inside quotes is known
// only from what is before it, so a segment is split as if a record began with
// it. The Reader, which goes through the file in its order, takes over what was
// split only from a place where a record does begin: what follows from there
// depends on nothing before.
type ahead struct {
	gate    *gate
	opt     Options
	s       splitter // as the first record left it
	one     bool     // a file of one column, whose blank lines are records
	order   chan *segment
	work    chan *segment
	free    chan *segment
	stop    chan struct{}
	running conc.WaitGroup
}

// segment is a part of the text that ends with a line end, or has not been
// split. It keeps where things stand and, but for records with quotes, no slices
// of them: there are many, and the collector would go through them all.
type segment struct {
	text []byte
	err  error // that of the gate, behind the text
	cuts []cut
	// ends is where the fields of the plain records end, fields are those of the
	// others.
	ends   []int32
	fields [][]byte
	done   chan struct{}
}

// cut is one record of a segment, or of its beginning that is none. Its numbers
// are positions in the text, which is far below 2 GiB.
type cut struct {
	// from is where the record begins, or the blank lines before it, and next
	// where the next one does. Its text is from start up to to.
	from, start, to, next int32
	blanks, lines         int32
	first, last           int32 // of its fields: in ends where it is plain, else in fields
	plain                 bool
	why                   why
}

func newAhead(r *Reader) *ahead {
	n := r.opt.Workers
	a := &ahead{gate: r.gate, opt: r.opt, one: r.width == 1,
		s:     splitter{delim: r.s.delim, quote: r.s.quote, quoted: r.s.quoted, guards: r.s.guards, eol: r.s.eol, crlf: r.s.crlf},
		order: make(chan *segment, n), work: make(chan *segment, n), free: make(chan *segment, 2*n+2), stop: make(chan struct{})}
	rest := bytes.Clone(r.buf[r.pos:])
	a.running.Go(func() {
		defer close(a.order)
		defer close(a.work)
		a.read(rest)
	})
	for range n {
		a.running.Go(func() {
			s := a.s
			for seg := range a.work {
				a.split(seg, &s)
				seg.done <- struct{}{}
			}
		})
	}
	return a
}

// read cuts the text, which begins with rest, into segments.
func (a *ahead) read(rest []byte) {
	for {
		seg := a.empty()
		seg.text = append(seg.text, rest...)
		seg.text, seg.err = a.gate.read(seg.text)
		to := len(seg.text)
		if seg.err == nil {
			if i := bytes.LastIndexByte(seg.text, a.s.eol); i >= 0 {
				to = i + 1
			}
		}
		rest = append(rest[:0], seg.text[to:]...)
		seg.text = seg.text[:to]
		last := seg.err != nil
		select {
		case a.order <- seg:
		case <-a.stop:
			return
		}
		select {
		case a.work <- seg:
		case <-a.stop:
			return
		}
		if last {
			return
		}
	}
}

// empty is a segment that nobody uses.
func (a *ahead) empty() *segment {
	select {
	case seg := <-a.free:
		seg.text, seg.err, seg.cuts, seg.ends, seg.fields = seg.text[:0], nil, seg.cuts[:0], seg.ends[:0], seg.fields[:0]
		return seg
	default:
		return &segment{done: make(chan struct{}, 1)}
	}
}

// split splits a segment from its beginning as far as that can be done without
// what follows it. What remains is for the Reader, and so are faults that end
// the file.
func (a *ahead) split(seg *segment, s *splitter) {
	text := seg.text
	if seg.err != nil || len(text) == 0 || text[len(text)-1] != s.eol {
		return
	}
	limit := len(text)
	if a.opt.Trailer { // of the last line that is not empty it is not known whether another follows
		for limit > 0 && (text[limit-1] == '\n' || text[limit-1] == '\r') {
			limit--
		}
	}
	s.moved()
	for pos := 0; pos < len(text); {
		c := cut{from: int32(pos), plain: true}
		if !a.one {
			for {
				n := blankAt(text[pos:], s.eol)
				if n == 0 {
					break
				}
				pos += n
				c.blanks++
			}
		}
		if pos == len(text) {
			return
		}
		c.start, c.first = int32(pos), int32(len(seg.ends))
		var to, next int
		if seg.ends, to, next = s.ends(seg.ends, text, pos); next == 0 {
			seg.ends = seg.ends[:c.first]
		}
		if c.plain = next > 0; c.plain {
			c.to, c.next, c.lines, c.last = int32(to), int32(next), 1, int32(len(seg.ends))
		} else {
			if s.slow(text, pos, false) != splitWhole {
				return
			}
			// What was written for this record stays.
			s.scratch = s.scratch[len(s.scratch):]
			c.first = int32(len(seg.fields))
			seg.fields = append(seg.fields, s.fields...)
			c.to, c.next, c.lines, c.why, c.last = int32(pos+len(s.raw)), int32(s.next), int32(s.lines), s.why, int32(len(seg.fields))
		}
		if a.opt.Trailer && int(c.next) >= limit || int(c.to-c.start) > a.opt.MaxRecord || int(c.last-c.first) > a.opt.MaxFields {
			return
		}
		seg.cuts = append(seg.cuts, c)
		pos = int(c.next)
	}
}

// ends finds what plain does, and appends where the fields of the record end. It
// goes through the text once, eight bytes at a time, as long as there are so many:
// next is 0 also where they are no more.
func (s *splitter) ends(ends []int32, text []byte, pos int) (fields []int32, to, next int) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	if !s.known {
		s.known, s.nextQuote, s.nextStray = true, -1, -1
	}
	if s.quoted && s.nextQuote < pos {
		s.nextQuote = seek(text, pos, s.quote)
	}
	delims := uint64(s.delim) * ones
	for i := pos; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		x := w ^ delims
		// The top bit of each byte that is the delimiter, or below a space, as all
		// line ends are.
		m := (^((x&^tops + 0x7f*ones) | x) | ^((w&^tops + 0x60*ones) | w)) & tops
		for ; m != 0; m &= m - 1 {
			at := i + bits.TrailingZeros64(m)/8
			switch c := text[at]; {
			case c == s.delim:
				ends = append(ends, int32(at))
			case c == s.eol:
				to, next = at, at+1
			case c == '\r' && at+1 < len(text) && text[at+1] == '\n':
				to, next = at, at+2
			case c == '\n' || c == '\r': // one that the file's are not
				return ends, 0, 0
			}
			if next > 0 {
				if s.quoted && s.nextQuote < to {
					return ends, 0, 0
				}
				return append(ends, int32(to)), to, next
			}
		}
	}
	return ends, 0, 0
}

// blankAt is the length of a line without any character where the kind of line
// end is known and b holds more than a part of it, or 0.
func blankAt(b []byte, eol byte) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] == eol:
		return 1
	case eol == '\n' && b[0] == '\r' && len(b) > 1 && b[1] == '\n':
		return 2
	}
	return 0
}

// next is the next segment in the order of the file, once it has been split.
func (a *ahead) next() *segment {
	seg := <-a.order
	<-seg.done
	return seg
}

// release gives a segment back. Its memory is used again.
func (a *ahead) release(seg *segment) {
	select {
	case a.free <- seg:
	default:
	}
}

func (a *ahead) close() {
	close(a.stop)
	a.running.Wait()
}

// taken is the next record of the segment at hand, where it was split and a
// record begins at pos; else nil.
func (r *Reader) taken() *Record {
	seg := r.seg
	if seg == nil {
		return nil
	}
	if !r.joined {
		at := int32(r.pos - r.segAt)
		for r.cut < len(seg.cuts) && seg.cuts[r.cut].from < at {
			r.cut++
		}
		if r.cut == len(seg.cuts) || seg.cuts[r.cut].from != at {
			return nil
		}
		r.joined, r.upTo = true, r.pos-r.segAt
	}
	if r.cut == len(seg.cuts) {
		r.keep()
		r.buf, r.pos = append(r.buf[:0], seg.text[r.upTo:]...), 0
		r.s.moved()
		r.drop()
		return nil
	}
	c := &seg.cuts[r.cut]
	r.cut++
	rec := &r.rec
	rec.Line, rec.Lines, rec.Raw = r.line+uint64(c.blanks), uint64(c.lines), seg.text[c.start:c.to:c.to]
	if c.plain {
		text, ends := seg.text, seg.ends[c.first:c.last]
		fields := slices.Grow(r.fields[:0], len(ends))[:len(ends)]
		from := c.start
		for i, end := range ends {
			fields[i] = text[from:end:end]
			from = end + 1
		}
		r.fields, rec.Fields = fields, fields
	} else {
		rec.Fields = seg.fields[c.first:c.last:c.last]
	}
	if rec.Malformed, rec.Hint = "", ""; c.why != whole {
		rec.Malformed, rec.Hint = c.why.texts()
	}
	r.upTo, r.line, r.ended = int(c.next), rec.Line+rec.Lines, true
	return rec
}

// fillAhead brings the next segment behind what is unread. Where nothing is, it
// is not copied: its records are taken from where it stands.
func (r *Reader) fillAhead() error {
	r.drop()
	seg := r.ahead.next()
	r.seg, r.segAt, r.cut, r.joined = seg, len(r.buf), 0, false
	if len(r.buf) == 0 && len(seg.cuts) > 0 {
		r.joined, r.upTo = true, 0
	} else {
		r.buf = append(r.buf, seg.text...)
	}
	return r.behind(seg.err)
}

// drop gives the segment at hand back.
func (r *Reader) drop() {
	if r.seg != nil {
		r.keep()
		r.ahead.release(r.seg)
		r.seg, r.joined = nil, false
	}
}

// Close ends what reads ahead. The Reader is not used after it.
func (r *Reader) Close() error {
	if r.ahead != nil {
		r.ahead.close()
		r.ahead = nil
	}
	return nil
}
