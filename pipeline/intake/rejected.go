package intake

import (
	"io"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/delimited"
)

// RejectedRows writes the rejected and parked rows of one file in the sender's
// own dialect: the fields as they were delivered, and behind them three more:
// rule, column and hint. A row with several faults stands once, its rules,
// columns and hints joined by " | "; a parked row's rule ends in " (parked)".
// A record that could not be split stands as one field with its text. The
// header, where the dialect has one, comes with the first row, so that a file
// without rejects stays empty.
//
// A format that is not text with delimiters gets such text in UTF-8 with a
// header, and a semicolon where the comma is the decimal sign.
//
// The file holds the values of the rows. It belongs to the sender alone.
type RejectedRows struct {
	w       io.Writer
	dialect catalog.Dialect
	out     *delimited.Writer
	line    uint64
	columns int
	raw     []string
	added   [3][]string
	n       int64
}

// NewRejectedRows writes to w in the dialect of the feed.
func NewRejectedRows(w io.Writer, feed *catalog.Feed) *RejectedRows {
	r := &RejectedRows{w: w, dialect: feed.Dialect}
	if feed.Format != "" && feed.Format != "delimited" {
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
		if r.out == nil {
			if err := r.begin(f.Layout); err != nil {
				return err
			}
		}
		r.line, r.raw = f.Line, f.Raw
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
	var err error
	if r.out, err = delimited.NewWriter(r.w, r.dialect, l.LineEnd); err != nil {
		return err
	}
	r.columns = len(l.Columns)
	if !r.dialect.Header {
		return nil
	}
	return r.out.Write(append(slices.Clone(l.Columns), "rule", "column", "hint"))
}

// row writes the row whose faults are complete.
func (r *RejectedRows) row() error {
	if r.line == 0 {
		return nil
	}
	fields := slices.Clone(r.raw)
	for len(fields) < r.columns {
		fields = append(fields, "")
	}
	for i, parts := range r.added {
		fields = append(fields, strings.Join(parts, " | "))
		r.added[i] = parts[:0]
	}
	r.line = 0
	r.n++
	return r.out.Write(fields)
}

// Rows is how many rows have been written.
func (r *RejectedRows) Rows() int64 { return r.n }

// Close writes the last row and what is buffered; it does not close w.
func (r *RejectedRows) Close() error {
	if err := r.row(); err != nil {
		return err
	}
	if r.out == nil {
		return nil
	}
	return r.out.Flush()
}
