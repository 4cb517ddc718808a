package intake

import (
	"errors"
	"io"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/arrowipc"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/fhir"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/ndjson"
	"larstrom/pipeline/intake/parquet"
	"larstrom/pipeline/intake/typed"
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
// lines as objects with three more keys, a workbook as one. A table with types
// (Parquet, Arrow) has them again; a text that is no value of its column, as the
// outline of an identifier, stands in the hint. Reports of FHIR go back whole,
// each behind an OperationOutcome. All are compressed as the file was.
//
// A file in the sender's own dialect can be mended and sent again as it is: the
// three columns are known, and passed over.
//
// The file holds the values of the rows. It belongs to the sender alone.
type RejectedRows struct {
	w       io.Writer
	packed  io.WriteCloser // around w; nil: not begun
	feed    *catalog.Feed
	dialect catalog.Dialect
	above   bool // the instruction stands above the header
	fixed   []catalog.FixedColumn
	objects bool // one a line
	names   []string
	table   rowWriter      // of a workbook, or with types
	types   []typed.Column // of a table with types
	form    typed.Form
	reports *fhir.Writer
	report  *fhir.Report
	issues  []fhir.Issue
	eol     string
	out     *delimited.Writer
	line    uint64
	columns int
	raw     []string
	more    [][]string // rows that were joined to it
	added   [3][]string
	n       int64
}

// rowWriter writes the rows of a table.
type rowWriter interface {
	Row(fields []string) error
	Close() error
}

// NewRejectedRows writes to w in the dialect of the feed.
func NewRejectedRows(w io.Writer, feed *catalog.Feed) *RejectedRows {
	r := &RejectedRows{w: w, feed: feed, dialect: feed.Dialect, above: feed.Instruction != nil && feed.Instruction.At == "above"}
	switch feed.Format {
	case "fixed":
		r.fixed = feed.Fixed
		r.dialect.Quote, r.dialect.Delimiter = `"`, "," // which the writer wants and does not use
	case "parquet", "arrow":
		r.dialect.Header = false // the schema is it
	case "ndjson":
		r.objects = true
		r.dialect.Quote, r.dialect.Delimiter, r.dialect.Header = `"`, ",", false
	}
	return r
}

// Reject takes one fault; it has the form of a Sink's method. The faults of a
// row must follow each other.
func (r *RejectedRows) Reject(f *Reject) error {
	if same := f.Line == r.line || f.Report != nil && f.Report == r.report; !same {
		if err := r.row(); err != nil {
			return err
		}
		if r.packed == nil {
			if err := r.begin(f.Layout); err != nil {
				return err
			}
		}
		r.raw, r.more, r.report = f.Raw, f.More, f.Report
	}
	r.line = f.Line
	if r.reports != nil {
		r.issues = append(r.issues, fhir.Issue{Place: f.Place, Column: f.Column, Rule: f.Rule, Text: f.Text, Hint: f.Hint, Parked: f.Parked})
		return nil
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

func (r *RejectedRows) begin(l *Layout) (err error) {
	if l == nil {
		l = &Layout{LineEnd: "\n"}
	}
	r.columns, r.names, r.eol = len(l.Columns), l.Columns, l.LineEnd
	inside := strings.TrimSuffix(RejectedName(r.feed), compressed.Suffix(r.feed.Compression))
	if r.packed, err = compressed.NewWriter(r.w, r.feed.Compression, inside); err != nil {
		return err
	}
	if err := r.open(l); err != nil || r.reports != nil {
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
	switch r.feed.Format {
	case "xlsx":
		book, err := xlsx.NewWriter(r.packed, l.Sheet)
		if err != nil {
			return err
		}
		book.Skip(max(r.feed.XLSX.HeaderRow, 1))
		r.table = book
		return nil
	case "parquet", "arrow":
		return r.openTable(l)
	case "fhir":
		opt := fhir.Options{}
		if o := r.feed.FHIR; o != nil {
			opt.Lines, opt.Unit = o.Form == "ndjson", o.Unit
		}
		r.reports = fhir.NewWriter(r.packed, opt)
		return nil
	}
	if r.out, err = delimited.NewWriter(r.packed, r.dialect, l.LineEnd); err != nil {
		return err
	}
	return r.out.WriteText(l.Preamble)
}

// openTable begins a table with the types of the file. Declared identifiers,
// which are not given back, have texts in their place.
func (r *RejectedRows) openTable(l *Layout) (err error) {
	t := l.Table
	if t == nil {
		t = &Table{}
	}
	names := slices.Clone(l.Columns)
	for _, name := range addedColumns() {
		for slices.Contains(names, name) { // a schema has each name once
			name += "_"
		}
		names = append(names, name)
	}
	r.form, r.types = t.Form, make([]typed.Column, len(names))
	for i, c := range t.Types[:min(len(t.Types), len(l.Columns))] {
		if name := l.Columns[i]; name != r.feed.Columns.Subject && !slices.Contains(r.feed.Identifiers, name) {
			r.types[i] = c
		}
	}
	if r.feed.Format == "parquet" {
		r.table = parquet.NewWriter(r.packed, names, r.types, r.form)
		return nil
	}
	r.table, err = arrowipc.NewWriter(r.packed, t.Stream, names, r.types, r.form)
	return err
}

// row writes the row, or report, whose faults are complete.
func (r *RejectedRows) row() error {
	if r.line == 0 {
		return nil
	}
	r.line = 0
	if r.reports != nil {
		r.n++
		issues := r.issues
		r.issues = r.issues[:0]
		return r.reports.Write(r.report, issues)
	}
	var added []string
	for i, parts := range r.added {
		added = append(added, strings.Join(parts, " | "))
		r.added[i] = parts[:0]
	}
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
	switch {
	case r.table != nil:
		return r.table.Row(r.fitting(fields, added))
	case added == nil: // an instruction
		return r.out.Write(fields)
	case r.fixed != nil:
		return r.out.WriteText([]byte(fixed.Append(r.fixed, fields, added[0], added[1], added[2]) + r.eol))
	case r.objects:
		line, err := ndjson.Append(nil, r.names, fields, added[0], added[1], added[2])
		if err != nil {
			return err
		}
		return r.out.WriteText(append(line, r.eol...))
	}
	return r.out.Write(append(slices.Clone(fields), added...))
}

// fitting is the row of a table. A text that its column cannot hold goes to the
// hint.
func (r *RejectedRows) fitting(fields, added []string) []string {
	row := append(slices.Clone(fields), added...)
	if r.types == nil || len(added) == 0 {
		return row
	}
	hint := len(row) - 1
	for i, text := range fields {
		if i >= r.columns || text == "" || r.types[i].Kind == typed.Text {
			continue
		}
		if _, ok := r.types[i].Parse(text, &r.form); !ok {
			row[i] = ""
			row[hint] += "; " + r.names[i] + " was " + text
		}
	}
	return row
}

// Rows is how many rows, or reports, have been written.
func (r *RejectedRows) Rows() int64 { return r.n }

// Close writes the last row and what is buffered; it does not close w.
func (r *RejectedRows) Close() error {
	if err := r.row(); err != nil {
		return err
	}
	var err error
	switch {
	case r.packed == nil:
		return nil
	case r.table != nil:
		err = r.table.Close()
	case r.reports != nil:
		err = r.reports.Close()
	default:
		err = r.out.Flush()
	}
	return errors.Join(err, r.packed.Close())
}

// RejectedName is what a file of the rejected rows of the feed is named: their
// form shows in it.
func RejectedName(feed *catalog.Feed) string {
	ending := ".csv"
	switch feed.Format {
	case "fixed":
		ending = ".txt"
	case "fhir":
		if ending = ".json"; feed.FHIR != nil && feed.FHIR.Form == "ndjson" {
			ending = ".ndjson"
		}
	case "ndjson", "xlsx", "parquet", "arrow":
		ending = "." + feed.Format
	}
	return "rejected" + ending + compressed.Suffix(feed.Compression)
}

// RejectedType is the media type of a file of the rejected rows of the feed.
func RejectedType(feed *catalog.Feed) string {
	switch feed.Compression {
	case "gzip", "zip", "zstd":
		return "application/" + feed.Compression
	}
	switch feed.Format {
	case "xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case "parquet":
		return "application/vnd.apache.parquet"
	case "arrow":
		return "application/vnd.apache.arrow.file" // or a stream, whose readers see it
	case "fhir":
		if feed.FHIR != nil && feed.FHIR.Form == "ndjson" {
			return "application/fhir+ndjson"
		}
		return "application/fhir+json"
	case "ndjson":
		return "application/x-ndjson; charset=utf-8"
	}
	charset := strings.TrimSuffix(feed.Dialect.Encoding, "-bom")
	if feed.Format == "fixed" {
		return "text/plain; charset=" + charset
	}
	return "text/csv; charset=" + charset
}

// RejectedNames are all that RejectedName gives.
func RejectedNames() []string {
	var names []string
	for _, ending := range []string{".csv", ".txt", ".ndjson", ".json", ".xlsx", ".parquet", ".arrow"} {
		for _, method := range []string{"", "gzip", "zstd", "zip"} {
			names = append(names, "rejected"+ending+compressed.Suffix(method))
		}
	}
	return names
}
