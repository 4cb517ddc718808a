package record

import "fmt"

// Record is one record. Its memory is used again by the next call of the
// reader that gave it.
type Record struct {
	// Line is the physical line, or the row of a sheet, on which the record
	// begins, from 1; Lines is how many it spans.
	Line, Lines uint64
	// Fields are the values as text in UTF-8. Of a malformed record they are
	// those before the fault.
	Fields [][]byte
	// Raw is the text of the record without its line end.
	Raw []byte
	// Others are values that no field has: those of keys that are ignored, and
	// the keys inside them. They are looked through and go nowhere.
	Others [][]byte
	// Malformed says why the record cannot be split; empty: it can.
	Malformed string
	// Hint goes with Malformed.
	Hint string
	// Rule is the check that a malformed record breaks; empty: C02.
	Rule string
	// Faulty are the positions of fields that have no value, but the text of
	// an error in its place.
	Faulty []int
	// Faults are what the format finds wrong with the record. It is rejected
	// with what its fields tell.
	Faults []Fault
	// Back says that the record ends in what a file of rejected rows adds.
	Back bool
	// Place is where the record stands, in words of the format; empty: its line
	// says all.
	Place string
}

// Fault is one thing that is wrong with a record. Its texts hold no value of
// the file.
type Fault struct {
	Column string // empty: the record as a whole
	Rule   string
	Text   string
	Hint   string
}

// Error is why a file as a whole cannot be read. Its texts hold no value of
// the file.
type Error struct {
	// Line is the physical line, from 1; 0: the file as a whole.
	Line uint64
	// Column is the name of a column; empty: none.
	Column string
	// Rule is the id of the check: C01 for bytes, C02 for the grammar, C03 for
	// columns, C04 for what is not whole.
	Rule string
	Text string
	Hint string
	// Cut says that the file may be the beginning of one without the fault.
	Cut bool
}

// Error is the text, in one line.
func (f *Error) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("line %d: %s (%s); %s", f.Line, f.Text, f.Rule, f.Hint)
	}
	return fmt.Sprintf("%s (%s); %s", f.Text, f.Rule, f.Hint)
}

// Count is a number of things in words: 1 line, 2 lines.
func Count(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// End is what a reader knows of the form and the end of its file. Before the
// last record it tells what has been read so far.
type End struct {
	// Any says that there was anything at all, Ended that the last line had
	// its line end or that the format has an end of its own, which was there.
	Any, Ended bool
	// Proven says that a file without records is told from one that was cut.
	Proven bool
	// Line is that after the last record.
	Line uint64
	// Trailer is the last line that is not empty, of a file with a trailer.
	Trailer []byte
	// LineEnd is "\n", "\r\n" or "\r".
	LineEnd string
	// Sheet is that of a workbook; else empty.
	Sheet string
	// Preamble is the text before the records, with its line ends.
	Preamble []byte
	// Findings are peculiarities of the file that changed no value.
	Findings []Finding
}

// Finding is a peculiarity of the file that the sender should know of.
type Finding struct {
	Line uint64
	Text string
	Hint string
}
