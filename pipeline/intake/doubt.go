package intake

import (
	"strings"

	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/record"
)

// lastRow is the row before the one at hand. A line end that does not belong
// there can cut a row before or inside its last field: what is left of it still
// has every column, with the last one blank or short. Only the line after it
// shows that.
type lastRow struct {
	line, after uint64 // its line, and the one after it; after is 0 where there is none
	block       uint32
	from        int      // of its observations in the block
	fields      []string // where it has no text, or was joined from several
	joined      [][]string
	outcome
}

// outcome is what became of a row: took says that it was one with all columns;
// rejected or parked it was by a fault of its own.
type outcome struct{ took, rejected, parked bool }

// mark is a place between observations: that of the next one in its block, or, if
// that is full, in the one after it.
type mark struct {
	block uint32
	from  int
	full  bool
}

// before is where the observations of the next row begin.
func (c *conformer) before() mark {
	c.now = outcome{}
	return mark{c.block.number, c.block.obs.Len(), c.block.full()}
}

// keep notes the row that has been read.
func (c *conformer) keep(rec *record.Record, before mark) {
	l := &c.last
	if !c.now.took || c.feed.Format != "" && c.feed.Format != "delimited" {
		return // the other formats cannot be cut so
	}
	l.line, l.after, l.block, l.from = rec.Line, rec.Line+rec.Lines, before.block, before.from
	l.outcome = c.now
	if before.full && l.block != c.block.number {
		l.block, l.from = c.block.number, 0 // the full block left before the row
	}
	if rec.Raw == nil {
		l.fields, l.joined = rawOf(c.delivered(rec.Fields)), c.joined
	}
}

// doubt rejects the row before a line of a single field that is none: it may
// be its end. Nothing of that row counts then.
func (c *conformer) doubt(line uint64, raw []string) error {
	l := c.last
	c.last.after = 0
	if l.after != line || len(raw) != 1 || strings.Contains(raw[0], c.feed.Dialect.Delimiter) || strings.TrimSpace(raw[0]) == "" {
		return nil
	}
	const text, hint = "the next line is none of a row, and may be the end of this one", "a line end may stand inside a field that is not quoted: quote it, or send the row on one line"
	o := &c.block.obs
	if l.block != c.block.number {
		// Its observations have left; the file cannot be taken without them.
		return fileError(event.Problem{Line: l.line, Rule: RuleDialect, Text: text, Hint: hint})
	}
	for i := l.from; i < o.Len(); i++ {
		switch o.Kind[i] {
		case event.Observed:
			c.res.Observed--
		case event.Deleted:
			c.res.Deleted--
		}
		o.Kind[i], o.Finding[i] = event.Rejected, 0
		o.Has[i] &= event.HasEventDate | event.HasRegistrationDate
		o.Numerator[i], o.Denominator[i], o.Value[i], o.Expected[i] = 0, 0, 0, 0
	}
	lines := 1 + int64(len(l.joined))
	switch {
	case l.rejected:
		c.res.Rejected -= lines
	case l.parked:
		c.res.Parked -= lines
	}
	c.faults = append(c.faults[:0], fault{rule: RuleDialect, text: text, hint: hint})
	c.raw = l.fields
	if l.fields == nil {
		c.raw = c.split(c.textBefore())
	}
	joined := c.joined
	c.joined = l.joined
	err := c.report(l.line, lines)
	c.joined = joined
	return err
}

// split is the fields of a row by its text.
func (c *conformer) split(raw []byte) []string {
	d := c.feed.Dialect
	d.Encoding = "utf-8"
	r, err := delimited.NewReader(strings.NewReader(string(raw)), d, delimited.Options{})
	if err != nil {
		return []string{string(raw)}
	}
	rec, err := r.Next()
	if err != nil || rec.Malformed != "" {
		return []string{string(raw)}
	}
	return rawOf(c.delivered(rec.Fields))
}
