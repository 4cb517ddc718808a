package intake

import (
	"fmt"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/fhir"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/intake/typed"
)

// The rules that intake applies, by their ids in the catalogue of checks.
const (
	RuleBytes     = "C01" // byte gate
	RuleDialect   = "C02" // delimiters, quotes, ragged rows
	RuleHeader    = "C03" // columns
	RuleWhole     = "C04" // line end, trailer, manifest, declared window
	RuleType      = "C06" // numbers, dates, texts of the wrong form
	RuleUnit      = "C07" // unknown unit
	RuleIndicator = "C08" // unknown indicator or version
	RuleReason    = "C17" // codes that say why there is no number
	RuleIdentity  = "C15" // personal identity numbers where none is declared
	RuleFuture    = "T01" // dates after the as-of date
)

// Catalog is what intake asks of the catalog.
type Catalog interface {
	// UnitByCode is the unit that carries the code on that date.
	UnitByCode(system, code string, at catalog.Date) (*catalog.Unit, bool)
	// Indicator is the indicator with that id.
	Indicator(id string) (*catalog.Indicator, bool)
	// CodeValid reports whether the code is in the code system on that date.
	CodeValid(system, code string, at catalog.Date) bool
}

// Delivery is one file that is to be read.
type Delivery struct {
	Region string
	ID     string
	// Name is the base name of the file.
	Name string
	// Raw is the hex SHA-256 of the bytes. Empty: Read takes it while it
	// reads, where a manifest is there to compare it with.
	Raw string
	// AsOf is the date on which the export was made. Zero: it is read from
	// the column that the feed names, else dates are not held against it.
	AsOf catalog.Date
	// Manifest is the manifest that came with the file, or nil.
	Manifest *Manifest
	// Keys make the pseudonyms of a feed with a subject or a key, which cannot
	// be read without.
	Keys *pseudonym.Keys
	// Looked is what an earlier reading of the file found (Reread); nil: this
	// is the first.
	Looked *Looked
}

// Pseudonymised reports whether files of the feed are read with keys.
func Pseudonymised(feed *catalog.Feed) bool { return feed.Columns.Subject != "" || len(feed.Key) > 0 }

// Sink takes what Read finds: blocks in the order of the file and faults in the
// order of the file. A block comes while the file is read on, so that faults of
// later rows may come before it; there is one call at a time, from any
// goroutine. Both methods must have used or copied their argument when they
// return: its memory is used again.
type Sink interface {
	// Block takes the next block. Its boundaries depend only on the file, the
	// feed and the catalog.
	Block(*event.Observations) error
	// Reject takes one fault. The faults of one row follow each other.
	Reject(*Reject) error
}

// Reject is one fault of one row.
type Reject struct {
	// Line is the physical line on which the row begins, from 1.
	Line   uint64
	Column string
	// Place is the cell of a workbook, as Blad1!C7, or the entry of a Bundle, as
	// entry 3, line 57; else empty.
	Place string
	// Value is masked where it may identify a person.
	Value string
	Rule  string
	Text  string
	Hint  string
	// Parked rows wait for a catalog that knows their unit or indicator.
	Parked bool
	// Raw are the fields as delivered; where the row could not be split, one
	// field with its text. They are for the rejected-rows file alone.
	Raw []string
	// More are the fields of further rows that were joined to the first.
	More [][]string
	// Report is that of a row of FHIR, as its sender may have it back; nil: its
	// text could not be read, or the row is of another format.
	Report *fhir.Report
	// Layout is that of the file.
	Layout *Layout
}

// Layout is what of a file's form the feed does not say.
type Layout struct {
	// Columns in the order of the file.
	Columns []string
	// LineEnd is "\n", "\r\n" or "\r".
	LineEnd string
	// Sheet is that of a workbook, whose lines are its rows; else empty.
	Sheet string
	// Preamble is the text above the header, with its line ends.
	Preamble []byte
	// Table is the form of a table with types; nil: it is none.
	Table *Table
	// Instruction is one that says of rows of this file that they are added;
	// where the feed has none, the file's own. Empty: the feed has none.
	Instruction string
}

// Table is the form of a table whose columns have types (Parquet, Arrow).
type Table struct {
	// Types are those of the columns, in the order of the file.
	Types []typed.Column
	// Form is how their values are written as texts.
	Form typed.Form
	// Stream says of Arrow data that they came as a stream.
	Stream bool
}

// Result sums up a file that became facts.
type Result struct {
	// Lines is the number of data lines.
	Lines int64
	// Rows is the number of rows in all blocks, Blocks that of the blocks.
	Rows   int64
	Blocks int
	// Observed and Deleted are observations: a wide line gives several.
	Observed, Deleted int64
	// Rejected and Parked are lines; a line that is both counts as rejected.
	// Skipped are lines that the feed does not take.
	Rejected, Parked, Skipped int64
	// Kind is snapshot or delta and Scope what a snapshot replaces, where the
	// file itself says it; else they are empty, and those of the feed hold.
	Kind  string
	Scope catalog.Scope
	// Units are those that a snapshot replaces, by id; empty: every unit.
	Units []string
	// Reasons counts the lines without number by the reason that they give.
	Reasons map[string]int64
	// Rules counts the rejected and parked lines by rule; a line with faults
	// under two rules counts under both.
	Rules map[string]int64
	// From and To (half-open) span the periods that occur in the file; zero
	// where no row has a date.
	From, To catalog.Date
	// Windows are the same by the lengths of the periods, where that tells more.
	Windows []event.Window
	// Spreads are which periods a snapshot of the periods of its own rows spans,
	// and of how many of them it has rows.
	Spreads []Spread
	// AsOf is that of the delivery, or the one read from the feed's column.
	AsOf catalog.Date
	// OrderKey is set where the feed reads it from a column.
	OrderKey string
	// First are the first faults, at most MaxFirst, without their Raw.
	First []Reject
	// Faults is the number of all faults.
	Faults int64
	Layout Layout
	// Findings are peculiarities of the file that changed no value.
	Findings []event.Problem
	// Identity are the columns in which identity numbers stood here and there.
	Identity []event.IdentityColumn
	// KeysOnce says that the keys stand in ascending order, so that no two rows
	// have the same.
	KeysOnce bool
}

// MaxFirst is how many faults a result, and so a receipt, names.
const MaxFirst = 100

// FileError says why a file becomes no fact. Whatever the sink has taken of
// it is to be erased.
type FileError struct {
	// Incomplete files may be the beginning of a whole one: a drop folder may
	// wait for the rest before it rejects.
	Incomplete bool
	Problems   []event.Problem
	// Identity are the columns in which identity numbers stood, as far as the
	// file was read.
	Identity []event.IdentityColumn
}

// Error names every problem on a line of its own.
func (e *FileError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.Line > 0 {
			fmt.Fprintf(&b, "line %d: ", p.Line)
		}
		if p.Column != "" {
			fmt.Fprintf(&b, "column %s: ", p.Column)
		}
		fmt.Fprintf(&b, "%s (%s)", p.Text, p.Rule)
		if p.Hint != "" {
			fmt.Fprintf(&b, "; %s", p.Hint)
		}
	}
	return b.String()
}

func fileError(p event.Problem) *FileError { return &FileError{Problems: []event.Problem{p}} }
