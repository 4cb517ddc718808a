package fixed

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
)

// Reader cuts lines into columns.
type Reader struct {
	lines   *lines.Reader
	columns []catalog.FixedColumn
	header  bool
	covered []bool // by character: it belongs to a column
	width   int    // characters of a line
	starts  []int  // byte at which each character of a line begins
	added   *regexp.Regexp
	rec     record.Record
}

// NewReader reads lines of the encoding with these columns. With header, the
// first line has their names.
func NewReader(r io.Reader, encoding string, columns []catalog.FixedColumn, header bool, opt lines.Options) (*Reader, error) {
	if len(columns) == 0 {
		return nil, fmt.Errorf("fixed: no columns")
	}
	rd := &Reader{columns: columns, header: header, added: regexp.MustCompile(added)}
	for _, c := range columns {
		if c.From < 1 || c.Width < 1 {
			return nil, fmt.Errorf("fixed: column %q: from and width must be at least 1", c.Name)
		}
		rd.width = max(rd.width, c.From-1+c.Width)
	}
	rd.covered = make([]bool, rd.width)
	for _, c := range columns {
		for i := c.From - 1; i < c.From-1+c.Width; i++ {
			if rd.covered[i] {
				return nil, fmt.Errorf("fixed: column %q overlaps another", c.Name)
			}
			rd.covered[i] = true
		}
	}
	rd.rec.Fields = make([][]byte, len(columns))
	var err error
	rd.lines, err = lines.NewReader(r, encoding, opt)
	return rd, err
}

// added is what stands behind the columns in a file of rejected rows: the id of
// a rule, or the names of the columns that were added.
const added = `^ ([A-Z][0-9]{2}( \(parked\))?( \| [A-Z][0-9]{2}( \(parked\))?)* |rule +column +hint$)`

// Append writes a row that was cut into fields as a line again, with what is
// said of it behind its columns, so that a Reader reads the same fields. A row
// that could not be cut is one field with its text.
func Append(columns []catalog.FixedColumn, fields []string, rule, column, hint string) string {
	width := 0
	for _, c := range columns {
		width = max(width, c.From-1+c.Width)
	}
	line := []rune(strings.Repeat(" ", width))
	if len(fields) == len(columns) {
		for i, c := range columns {
			copy(line[c.From-1:c.From-1+c.Width], []rune(fields[i]))
		}
	} else if text := []rune(strings.Join(fields, " ")); len(text) > width {
		line = text
	} else {
		copy(line, text)
	}
	oneLine := strings.NewReplacer("\n", " ", "\r", " ", "\t", " ")
	return string(line) + oneLine.Replace(fmt.Sprintf(" %-24s %-40s %s", rule, column, hint))
}

// End is what is known of the text so far.
func (r *Reader) End() record.End { return r.lines.End() }

// Next is the next line, cut.
func (r *Reader) Next() (*record.Record, error) {
	if r.header {
		r.header = false
		if err := r.names(); err != nil {
			return nil, err
		}
	}
	return r.next()
}

func (r *Reader) next() (*record.Record, error) {
	text, line, err := r.lines.Next()
	if err != nil {
		return nil, err
	}
	r.rec.Line, r.rec.Lines, r.rec.Raw = line, 1, text
	r.rec.Malformed, r.rec.Hint = r.cut(text)
	return &r.rec, nil
}

// cut cuts one line into the record's fields.
func (r *Reader) cut(text []byte) (malformed, hint string) {
	if bytes.IndexByte(text, '\t') >= 0 {
		return "a tab, whose width nobody knows", "let the sender write spaces"
	}
	if bytes.ContainsAny(text, "\r\n") {
		return "a line end of another kind than the file's", "let the sender write one kind of line end"
	}
	at := func(i int) int { return i }
	n := len(text)
	if utf8.RuneCount(text) < n {
		r.starts = r.starts[:0]
		for i := range string(text) {
			r.starts = append(r.starts, i)
		}
		n = len(r.starts)
		r.starts = append(r.starts, len(text))
		at = func(i int) int { return r.starts[i] }
	}
	if r.rec.Back = n > r.width && r.added.Match(text[at(r.width):]); r.rec.Back {
		n = r.width
	}
	if n < r.width {
		return fmt.Sprintf("%d characters where the columns have %d", n, r.width),
			"the line may have been cut; if the sender leaves spaces at the end out, let it fill the line"
	}
	for i := range n {
		if (i >= r.width || !r.covered[i]) && text[at(i)] != ' ' {
			return fmt.Sprintf("character %d belongs to no column and is no space", i+1),
				"the line may have slipped, or the columns of the feed are not those of the file"
		}
	}
	for i, c := range r.columns {
		from, to := at(c.From-1), at(c.From-1+c.Width)
		r.rec.Fields[i] = text[from:to:to]
	}
	return "", ""
}

// names holds the header against the columns. A name that is longer than its
// column stands cut there.
func (r *Reader) names() error {
	rec, err := r.next()
	if err != nil {
		return err
	}
	if rec.Malformed != "" {
		return &record.Error{Line: rec.Line, Rule: "C03", Text: "the header: " + rec.Malformed, Hint: rec.Hint}
	}
	for i, c := range r.columns {
		name := []rune(c.Name)
		want := string(name[:min(len(name), c.Width)])
		if string(bytes.Trim(rec.Fields[i], " ")) != string(bytes.Trim([]byte(want), " ")) {
			return &record.Error{Line: rec.Line, Column: c.Name, Rule: "C03", Text: fmt.Sprintf("the header has another name at character %d", c.From),
				Hint: "if the file has no header, declare header: false; if its columns have moved, change fixed in the feed"}
		}
	}
	return nil
}

// Names are the columns in the order of the records' fields.
func Names(columns []catalog.FixedColumn) []string {
	names := make([]string, 0, len(columns))
	for _, c := range columns {
		names = append(names, c.Name)
	}
	return slices.Clip(names)
}
