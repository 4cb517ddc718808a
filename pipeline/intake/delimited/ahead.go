package delimited

import (
	"bytes"

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
// split.
type segment struct {
	text   []byte
	err    error // that of the gate, behind the text
	cuts   []cut
	fields [][]byte
	done   chan struct{}
}

// cut is one record of a segment, or of its beginning that is none.
type cut struct {
	// from is where the record begins, or the blank lines before it, and next
	// where the next one does.
	from, next           int
	blanks, lines        uint64
	fieldsFrom, fieldsTo int
	raw                  []byte
	why                  why
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
		seg.text, seg.err, seg.cuts, seg.fields = seg.text[:0], nil, seg.cuts[:0], seg.fields[:0]
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
		c := cut{from: pos}
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
		if pos == len(text) || s.split(text, pos, false) != splitWhole || a.opt.Trailer && s.next >= limit ||
			len(s.raw) > a.opt.MaxRecord || len(s.fields) > a.opt.MaxFields {
			return
		}
		// What was written for this record stays.
		s.scratch = s.scratch[len(s.scratch):]
		c.next, c.lines, c.raw, c.why, c.fieldsFrom = s.next, s.lines, s.raw, s.why, len(seg.fields)
		seg.fields = append(seg.fields, s.fields...)
		c.fieldsTo = len(seg.fields)
		seg.cuts = append(seg.cuts, c)
		pos = s.next
	}
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
		at := r.pos - r.segAt
		for r.cut < len(seg.cuts) && seg.cuts[r.cut].from < at {
			r.cut++
		}
		if r.cut == len(seg.cuts) || seg.cuts[r.cut].from != at {
			return nil
		}
		r.joined, r.upTo = true, at
	}
	if r.cut == len(seg.cuts) {
		r.buf, r.pos = append(r.buf[:0], seg.text[r.upTo:]...), 0
		r.s.moved()
		r.drop()
		return nil
	}
	c := &seg.cuts[r.cut]
	r.cut++
	rec := &r.rec
	rec.Line, rec.Lines, rec.Raw, rec.Malformed, rec.Hint = r.line+c.blanks, c.lines, c.raw, "", ""
	rec.Fields = seg.fields[c.fieldsFrom:c.fieldsTo:c.fieldsTo]
	if c.why != whole {
		rec.Malformed, rec.Hint = c.why.texts()
	}
	r.upTo, r.line, r.ended = c.next, rec.Line+c.lines, true
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
