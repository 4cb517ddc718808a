package intake

import (
	"io"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/ndjson"
	"larstrom/pipeline/intake/xlsx"
)

// RejectedRows writes the rejected and parked rows of one file in the sender's
// own dialect: the fields as they were delivered, and behind them three more:
// rule, column and hint. A row with several faults stands once, its rules,
// columns and hints joined by " | "; a parked row's rule ends in " (parked)".
// A record that could not be split stands as one field with its text. The
// header, where the dialect has one, comes with the first row, so that a file
// without rejects stays empty.
//
// Text of fixed width goes back as such, with the three behind its columns, JSON
// lines as objects with three more keys, and a workbook as one. Another format
// gets text with delimiters in UTF-8, with a header and a semicolon where the
// comma is the decimal sign.
//
// A file in the sender's own dialect can be mended and sent again as it is: the
// three columns are known, and passed over.
//
// The file holds the values of the rows. It belongs to the sender alone.
type RejectedRows struct {
	w       io.Writer
	dialect catalog.Dialect
	above   bool // the instruction stands above the header
	fixed   []catalog.FixedColumn
	objects bool // one a line
	names   []string
	book    *xlsx.Writer
	isBook  bool
	first   int // row of a workbook's table
	eol     string
	out     *delimited.Writer
	line    uint64
	columns int
	raw     []string
	more    [][]string // rows that were joined to it
	added   [3][]string
	n       int64
}

// NewRejectedRows writes to w in the dialect of the feed.
func NewRejectedRows(w io.Writer, feed *catalog.Feed) *RejectedRows {
	r := &RejectedRows{w: w, dialect: feed.Dialect, above: feed.Instruction != nil && feed.Instruction.At == "above"}
	switch feed.Format {
	case "", "delimited":
	case "fixed":
		r.fixed = feed.Fixed
		r.dialect.Quote, r.dialect.Delimiter = `"`, "," // which the writer wants and does not use
	case "xlsx":
		r.isBook, r.first = true, max(feed.XLSX.HeaderRow, 1)
	case "ndjson":
		r.objects = true
		r.dialect.Quote, r.dialect.Delimiter, r.dialect.Header = `"`, ",", false
	default:
		r.dialect.Encoding, r.dialect.Quote, r.dialect.Delimiter, r.dialect.Header = "utf-8", `"`, ",", true
		if feed.Dialect.Decimal == "," {
			r.dialect.Delimiter = ";"
		}
	}
	return r
}

// Reject takes one fault; it has the form of a Sink's method. The faults of a
// row must follow each other.
func (r *RejectedRows) Reject(f *Reject) error {
	if f.Line != r.line {
		if err := r.row(); err != nil {
			return err
		}
		if r.out == nil && r.book == nil {
			if err := r.begin(f.Layout); err != nil {
				return err
			}
		}
		r.line, r.raw, r.more = f.Line, f.Raw, f.More
	}
	rule := f.Rule
	if f.Parked {
		rule += " (parked)"
	}
	for i, s := range []string{rule, f.Column, f.Text + "; " + f.Hint} {
		r.added[i] = append(r.added[i], s)
	}
	return nil
}

func (r *RejectedRows) begin(l *Layout) error {
	if l == nil {
		l = &Layout{LineEnd: "\n"}
	}
	r.columns, r.names, r.eol = len(l.Columns), l.Columns, l.LineEnd
	if err := r.open(l); err != nil {
		return err
	}
	instruction := func(above bool) error {
		if l.Instruction == "" || r.above != above {
			return nil
		}
		line := make([]string, r.columns+len(addedColumns()))
		line[0] = l.Instruction
		return r.write(line, nil)
	}
	if err := instruction(true); err != nil {
		return err
	}
	if r.dialect.Header {
		if err := r.write(l.Columns, addedColumns()); err != nil {
			return err
		}
	}
	return instruction(false)
}

// open begins the file, down to its header.
func (r *RejectedRows) open(l *Layout) (err error) {
	if r.isBook {
		if r.book, err = xlsx.NewWriter(r.w, l.Sheet); err != nil {
			return err
		}
		r.book.Skip(r.first)
		return nil
	}
	if r.out, err = delimited.NewWriter(r.w, r.dialect, l.LineEnd); err != nil {
		return err
	}
	return r.out.WriteText(l.Preamble)
}

// row writes the row whose faults are complete.
func (r *RejectedRows) row() error {
	if r.line == 0 {
		return nil
	}
	var added []string
	for i, parts := range r.added {
		added = append(added, strings.Join(parts, " | "))
		r.added[i] = parts[:0]
	}
	r.line = 0
	for _, raw := range append([][]string{r.raw}, r.more...) {
		fields := slices.Clone(raw)
		for len(fields) < r.columns && (r.fixed == nil && !r.objects || len(fields) > 1) {
			fields = append(fields, "")
		}
		r.n++
		if err := r.write(fields, added); err != nil {
			return err
		}
	}
	return nil
}

// write writes one line of the file.
func (r *RejectedRows) write(fields, added []string) error {
	if added == nil && r.out != nil { // an instruction
		return r.out.Write(fields)
	}
	if r.fixed != nil {
		return r.out.WriteText([]byte(fixed.Append(r.fixed, fields, added[0], added[1], added[2]) + r.eol))
	}
	if r.objects {
		line, err := ndjson.Append(nil, r.names, fields, added[0], added[1], added[2])
		if err != nil {
			return err
		}
		return r.out.WriteText(append(line, r.eol...))
	}
	if r.book != nil {
		return r.book.Row(append(slices.Clone(fields), added...))
	}
	return r.out.Write(append(slices.Clone(fields), added...))
}

// Rows is how many rows have been written.
func (r *RejectedRows) Rows() int64 { return r.n }

// Close writes the last row and what is buffered; it does not close w.
func (r *RejectedRows) Close() error {
	if err := r.row(); err != nil {
		return err
	}
	switch {
	case r.book != nil:
		return r.book.Close()
	case r.out == nil:
		return nil
	}
	return r.out.Flush()
}

// RejectedName is what a file of the rejected rows of the feed is named: their
// form shows in it.
func RejectedName(feed *catalog.Feed) string {
	switch feed.Format {
	case "fixed":
		return "rejected.txt"
	case "ndjson":
		return "rejected.ndjson"
	case "xlsx":
		return "rejected.xlsx"
	}
	return "rejected.csv"
}

// RejectedNames are all that RejectedName gives.
func RejectedNames() []string {
	return []string{"rejected.csv", "rejected.txt", "rejected.ndjson", "rejected.xlsx"}
}
