package stat

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/delimited"
)

// CellError is a field, or a line, that cannot be read.
type CellError struct {
	File   string
	Line   uint64
	Column string // empty: the line as a whole
	Value  string // as it stands, masked where it may identify a person
	Rule   string // what does not hold
	Hint   string
}

// Error says where and what and what to do.
func (e *CellError) Error() string {
	s := fmt.Sprintf("%s:%d", e.File, e.Line)
	if e.Column != "" {
		s += fmt.Sprintf(" column %s value %q", e.Column, e.Value)
	}
	s += ": " + e.Rule
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// maxRows bounds the memory of a table; larger ones belong into a registry.
const maxRows = 5_000_000

// table is a file as text.
type table struct {
	name    string
	header  []string
	rows    [][]string
	lines   []uint64
	decimal string
	notes   []string
}

// readTable reads all rows that meet the conditions.
func readTable(name string, in io.Reader, r *Request) (*table, error) {
	buffered := bufio.NewReaderSize(in, 64<<10)
	dialect := catalog.Dialect{Encoding: r.Encoding, Quote: `"`, Decimal: ".", Header: true}
	start, err := buffered.Peek(32 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if dialect.Encoding == "" {
		dialect.Encoding = "utf-8"
		if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) {
			dialect.Encoding = "utf-8-bom"
		}
	}
	t := &table{name: name}
	dialect.Delimiter = r.Delimiter
	switch r.Delimiter {
	case "tab":
		dialect.Delimiter = "\t"
	case "":
		dialect.Delimiter = delimiter(start)
		if dialect.Delimiter != "," {
			t.notes = append(t.notes, fmt.Sprintf("read with --delimiter %s, which the header has", shown(dialect.Delimiter)))
		}
	}
	reader, err := delimited.NewReader(buffered, dialect, delimited.Options{})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	for {
		rec, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var fault *delimited.Error
		if errors.As(err, &fault) {
			hint := fault.Hint
			if fault.Rule == "C01" {
				hint = "name the encoding with --encoding, such as windows-1252 or iso-8859-1"
			}
			return nil, &CellError{File: name, Line: max(fault.Line, 1), Rule: fault.Text, Hint: hint}
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if rec.Malformed != "" {
			return nil, &CellError{File: name, Line: rec.Line, Rule: rec.Malformed, Hint: rec.Hint}
		}
		fields := make([]string, len(rec.Fields))
		for i, f := range rec.Fields {
			fields[i] = strings.TrimSpace(string(f))
		}
		if t.header == nil {
			t.header = fields
			if err := t.checkHeader(rec.Line); err != nil {
				return nil, err
			}
			continue
		}
		if len(fields) != len(t.header) {
			return nil, &CellError{File: name, Line: rec.Line, Rule: fmt.Sprintf("%d fields, and the header has %d", len(fields), len(t.header)),
				Hint: "quote fields that contain the delimiter " + shown(dialect.Delimiter) + ", or name another with --delimiter"}
		}
		if len(t.rows) == maxRows {
			return nil, fmt.Errorf("%s has more than %d rows; this command charts tables, larger data belong into a registry", name, maxRows)
		}
		t.rows, t.lines = append(t.rows, fields), append(t.lines, rec.Line)
	}
	if t.header == nil {
		return nil, &CellError{File: name, Line: 1, Rule: "the table is empty", Hint: "its first line has the names of the columns"}
	}
	if err := t.where(r.Where); err != nil {
		return nil, err
	}
	if len(t.rows) == 0 {
		return nil, &CellError{File: name, Line: 1, Rule: "the table has no rows to chart", Hint: "see --where, and the lines after the header"}
	}
	t.decimal = r.Decimal
	return t, nil
}

// delimiter is what the header has: the most frequent of tab, semicolon, bar and
// comma, in this order of preference.
func delimiter(start []byte) string {
	line, _, _ := bytes.Cut(start, []byte("\n"))
	best, most := ",", 0
	for _, d := range []string{"\t", ";", "|", ","} {
		if n := bytes.Count(line, []byte(d)); n > most {
			best, most = d, n
		}
	}
	return best
}

func shown(delimiter string) string {
	switch delimiter {
	case "\t":
		return "tab"
	case ",":
		return "','"
	}
	return "'" + delimiter + "'"
}

func (t *table) checkHeader(line uint64) error {
	for i, h := range t.header {
		if h == "" && i == len(t.header)-1 && i > 0 {
			continue // exports end their lines with the delimiter
		}
		if h == "" {
			return &CellError{File: t.name, Line: line, Rule: fmt.Sprintf("column %d has no name", i+1), Hint: "the first line has the names of the columns"}
		}
		for _, other := range t.header[:i] {
			if h == other {
				return &CellError{File: t.name, Line: line, Rule: fmt.Sprintf("two columns have the name %q", h), Hint: "give each its own"}
			}
		}
	}
	return nil
}

func (t *table) index(name string) int {
	for i, h := range t.header {
		if h == name {
			return i
		}
	}
	for i, h := range t.header {
		if name != "" && strings.EqualFold(h, name) {
			return i
		}
	}
	return -1
}

func (t *table) unknown(flag, name string) error {
	return fmt.Errorf("%s has no column %q (--%s); its columns are: %s", t.name, name, flag, strings.Join(t.header, ", "))
}

func (t *table) where(conditions []string) error {
	for _, c := range conditions {
		name, want, _ := strings.Cut(c, "=")
		col := t.index(name)
		if col < 0 {
			return t.unknown("where", name)
		}
		rows, lines := t.rows[:0:0], t.lines[:0:0]
		for i, row := range t.rows {
			if row[col] == want {
				rows, lines = append(rows, row), append(lines, t.lines[i])
			}
		}
		if len(rows) == 0 {
			return fmt.Errorf("%s has no row with %s = %q (--where)", t.name, t.header[col], want)
		}
		if left := len(t.rows) - len(rows); left > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%d rows are left out by --where %s", left, c))
		}
		t.rows, t.lines = rows, lines
	}
	return nil
}

func (t *table) fault(row, col int, rule, hint string) error {
	return &CellError{File: t.name, Line: t.lines[row], Column: t.header[col], Value: masked(t.rows[row][col]), Rule: rule, Hint: hint}
}

// masked is a value as an error may show it: numbers, dates and short codes as
// they are; letters and digits of anything that may be a name or a personal
// number are replaced.
func masked(s string) string {
	letters, digits := 0, 0
	for _, r := range s {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		}
	}
	if letters > 3 || digits > 8 {
		s = strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r):
				return 'x'
			case unicode.IsDigit(r):
				return 'd'
			}
			return r
		}, s)
	}
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return s
}
