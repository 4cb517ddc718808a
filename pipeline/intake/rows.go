package intake

import (
	"fmt"
	"regexp"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// withoutAdded takes off the three columns that a file of rejected rows has
// more than the file that it came from. Where no header names them, they are
// known by the id of a rule in the first.
func (c *conformer) withoutAdded(fields [][]byte) [][]byte {
	const added = 3 // as addedColumns are
	n := len(fields) - added
	switch {
	case n < c.layout.width || n > c.layout.width+1:
		return fields
	case c.layout.added, c.header == nil && c.ruleIDs.Match(trim(fields[n])):
		return fields[:n]
	}
	return fields
}

// ruleIDs is what stands in the column rule of a file of rejected rows.
func ruleIDs() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Z][0-9]{2}( \(parked\))?( \| [A-Z][0-9]{2}( \(parked\))?)*$`)
}

// again reports whether the fields are the header once more: files that were
// put together by hand have it.
func (c *conformer) again(fields [][]byte) bool {
	if len(c.header) == 0 || len(fields) < len(c.header) || string(trim(fields[0])) != c.header[0] {
		return false
	}
	for i, name := range c.header {
		if string(trim(fields[i])) != name {
			return false
		}
	}
	return len(c.header) > 1
}

// headerAgain rejects a line that holds no row, so no cell lacks one. Rows
// without keys cannot be told from the same ones again, though: what follows a
// second header may be the file a second time.
func (c *conformer) headerAgain(line uint64, fields [][]byte) error {
	if len(c.feed.Key) == 0 {
		return fileError(event.Problem{Line: line, Rule: RuleDialect, Text: "the header stands here again",
			Hint: "several files may have been put together, or one twice, and rows without a key cannot be told apart; send each file by itself"})
	}
	c.ragged++
	c.lastRagged = "the header again"
	c.res.Lines++
	c.faults = c.faults[:0]
	c.fault(fault{rule: RuleDialect, text: "the header stands here again", hint: "several files may have been put together; send one header, or each file by itself"})
	c.raw = rawOf(fields)
	return c.report(line, 1)
}

// takes reports whether the row meets the conditions of the feed. A row that
// the feed rejects is taken, with a fault.
func (c *conformer) takes(fields [][]byte) bool {
	for i := range c.only {
		o := &c.only[i]
		b := get(fields, &o.ref)
		if slices.Contains(o.in, string(b)) {
			continue
		}
		if !o.reject {
			return false
		}
		c.fault(fault{column: o.name, value: b, field: numberField, rule: RuleType, text: "the feed takes no row with this value",
			hint: "correct the row, or the values under only of the feed"})
	}
	return true
}

// reasonOf reads why the row has no number (check C17).
func (c *conformer) reasonOf(r *row, fields [][]byte) {
	b := get(fields, &c.reason)
	switch {
	case c.missing(b):
	case slices.Contains(c.feed.Reasons.Codes, string(b)):
		r.reason, r.masked = true, c.masks(b)
		c.count(b)
	default:
		r.badReason = true
		c.fault(fault{column: c.reason.name, value: b, field: numberField, rule: RuleReason, text: "not a reason that the feed knows",
			hint: "correct it, or add it under reasons.codes of the feed"})
	}
}

// masks reports whether a reason says that the source withholds the number.
func (c *conformer) masks(reason []byte) bool {
	return slices.Contains(c.feed.Reasons.Withheld(), string(reason))
}

// count counts a reason.
func (c *conformer) count(reason []byte) {
	if c.res.Reasons == nil {
		c.res.Reasons = map[string]int64{}
	}
	c.res.Reasons[string(reason)]++
}

// lacks reports whether not exactly one of the rows that were joined gave the
// number. It is a fault: a number that was left out is not one that is missing.
func (c *conformer) lacks(at *ref) bool {
	if at.col < 0 || !slices.Contains(c.absent, at.col) {
		return false
	}
	if !c.told(RuleType, at.name) {
		c.fault(fault{column: at.name, rule: RuleType, text: "the rows that belong together do not have exactly one " + at.name,
			hint: "rows of one observation follow each other, and each number has one row"})
	}
	return true
}

// untranslated is the fault of a text in a column of which the feed
// translates texts.
func (c *conformer) untranslated(at *ref, b []byte) {
	if !c.told(RuleType, at.name) {
		c.fault(fault{column: at.name, value: b, field: numberField, rule: RuleType, text: "a text that the feed does not translate",
			hint: "add it under translate of the feed"})
	}
}

// partial faults the counts of persons or cases that are not whole: 1.234 may be
// what is left of 1,234, and nobody would see that it is a thousandth of it.
func (c *conformer) partial(m *measure, fields [][]byte, n [4]int64) {
	for i := range 2 {
		if at := &m.numbers[i]; n[i]%cell.Micro != 0 && !c.told(RuleType, at.name) {
			c.fault(fault{column: at.name, value: get(fields, at), field: numberField, rule: RuleType, text: "a count that is not whole",
				hint: "is its decimal sign one between thousands? Then correct the dialect or the row; parts of cases are no subset of cases: leave subset out of indicator " + m.ind.ID})
		}
	}
}

// onePeriod holds that the row's dates are the first and the last day of one
// period of the indicator.
func (c *conformer) onePeriod(m *measure, r *row) bool {
	day, ok := r.eventDay()
	if !ok || !r.hasEnd {
		return false // which is a fault of its own
	}
	g := m.ind.Period
	from := catalog.DateOfDays(day)
	if g.PeriodStart(from) == from && g.PeriodEnd(from).AddDays(-1) == catalog.DateOfDays(r.end) {
		return true
	}
	if !c.told(RuleType, c.periodEnd.name) {
		c.fault(fault{column: c.periodEnd.name, rule: RuleType,
			text: "the row is not of one " + string(g) + ", which is the period of indicator " + m.ind.ID,
			hint: "send rows of that period, or correct the indicator's period in the catalog"})
	}
	return false
}

// tally counts lines and remembers the first.
type tally struct {
	lines int64
	first uint64
	last  uint64
}

func (t *tally) add(line uint64) {
	if t.lines > 0 && t.last == line {
		return // another value of the same row
	}
	if t.lines == 0 {
		t.first = line
	}
	t.lines++
	t.last = line
}

// blank reports whether the fields of a line of text hold nothing but spaces:
// spreadsheets write such lines behind their tables. They are no rows.
func (c *conformer) blank(fields [][]byte) bool {
	switch c.feed.Format {
	case "", "delimited", "fixed":
	default:
		return false
	}
	for _, f := range fields {
		if len(trim(f)) > 0 {
			return false
		}
	}
	return true
}

// findings are what the receipt says of lines that were read with a change or
// not at all.
func (c *conformer) findings() []event.Problem {
	var out []event.Problem
	if t := c.empty; t.lines > 0 {
		out = append(out, event.Problem{Line: t.first, Rule: RuleDialect, Text: fmt.Sprintf("lines without any value, passed over: %d", t.lines),
			Hint: "spreadsheets write them behind a table; this is the first"})
	}
	if t := c.finer; t.lines > 0 {
		out = append(out, event.Problem{Line: t.first, Rule: RuleType, Text: fmt.Sprintf("lines with a number of more than six decimals, rounded to six: %d", t.lines),
			Hint: "send six decimals, or the numerator and denominator instead of their ratio; this is the first"})
	}
	return out
}
