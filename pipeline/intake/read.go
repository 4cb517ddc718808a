package intake

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/arrowipc"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/fhir"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/ndjson"
	"larstrom/pipeline/intake/parquet"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
	"larstrom/pipeline/intake/xlsx"
)

// A file with more lines than this that could not be split into the header's
// columns, or a larger share, is rejected: its dialect is another. The share
// counts from the second such line on, so that one bad line of a short file
// is still only a bad line.
const (
	maxRagged      = 50
	maxRaggedShare = 0.01
)

// maxLines bounds the lines of a file: a block of the log has 32 bits for the
// number of one, and a record may begin below it and end as many lines behind as
// it has bytes.
const maxLines = 4_000_000_000

func tooManyLines() event.Problem {
	return event.Problem{Rule: RuleBytes, Text: fmt.Sprintf("the file has more than %d lines", int64(maxLines)), Hint: "let the sender split it"}
}

// Read reads one file of the feed: it hands blocks and rejects to the sink in
// the order of the file and sums up. It returns a *FileError where the file
// becomes no fact, a *Reread where it must be read once more, the sink's own
// error where the sink fails, the reader's where the bytes cannot be read, and
// the context's when it ends.
//
// The result and what the sink sees depend on the bytes, the feed, the catalog
// and the delivery alone. Memory does not grow with the file.
//
// A file without data rows is accepted as the empty delivery that it says it
// is only where that can be told from a file cut after its header: of a
// snapshot, with a trailer or manifest that says so, and with a scope that
// does not depend on the rows; of a delta, always.
func Read(ctx context.Context, r io.Reader, feed *catalog.Feed, idx Catalog, d Delivery, sink Sink) (Result, error) {
	f := &file{ctx: ctx, feed: feed, d: d, res: Result{Rules: map[string]int64{}}}
	err := f.read(r, idx, sink)
	if f.c != nil {
		// An earlier block is before what was found meanwhile.
		err = cmp.Or(f.c.out.wait(), err)
	}
	if err != nil {
		if bad, ok := errors.AsType[*FileError](err); ok && f.c != nil && f.c.look != nil {
			bad.Identity = f.c.look.found()
		}
		return Result{}, err
	}
	f.res.Identity = f.c.look.found()
	f.res.KeysOnce = f.c.keysOnce()
	return f.res, nil
}

// rows is what Read asks of a format.
type rows interface {
	// Next is the next record, whose memory is used again by the next call. It
	// returns io.EOF after the last, a *record.Error where the file cannot be
	// read on, or the error of what it reads from.
	Next() (*record.Record, error)
	// End is what is known of the file so far.
	End() record.End
}

// open unpacks the source and reads it in the feed's format.
func (f *file) open(r io.Reader) (rows, io.Closer, error) {
	feed := f.feed
	limits := compressed.Limits{Bytes: feed.Limits.Bytes, Ratio: int64(feed.Limits.Ratio)}
	if feed.Compression == "" {
		switch feed.Format {
		case "xlsx":
			return f.workbook(r, limits)
		case "parquet":
			return f.parquet(r, limits)
		}
	}
	in, err := compressed.NewReader(r, feed.Compression, limits)
	if err != nil {
		return nil, nil, err
	}
	f.in = in
	var out rows
	switch feed.Format {
	case "xlsx":
		book, held, err := f.workbook(in, limits)
		if err := errors.Join(err, in.Close()); err != nil { // it has been read whole
			return nil, nil, err
		}
		return book, held, nil
	case "parquet":
		table, held, err := f.parquet(in, limits)
		if err := errors.Join(err, in.Close()); err != nil { // it has been read whole
			return nil, nil, err
		}
		return table, held, nil
	case "arrow":
		out, err = arrowipc.NewReader(in, arrowipc.Options{Names: wanted(feed), All: true, Form: f.form(), Limits: limits, Unused: f.unused})
	case "fhir":
		out, err = fhir.NewReader(in, f.fhir())
	case "", "delimited":
		text, fault := delimited.NewReader(in, feed.Dialect, delimited.Options{MaxRecord: feed.Limits.Row, Trailer: f.trailer != nil, Preamble: f.preamble, Workers: splitters()})
		if fault == nil {
			return text, &closers{text, in}, nil
		}
		err = fault
	case "fixed":
		out, err = fixed.NewReader(in, feed.Dialect.Encoding, feed.Fixed, feed.Dialect.Header, lines.Options{MaxLine: feed.Limits.Row, Trailer: f.trailer != nil, Preamble: f.preamble})
	case "ndjson":
		out, err = ndjson.NewReader(in, ndjson.Options{Encoding: feed.Dialect.Encoding, Names: wanted(feed), Ignored: feed.IgnoreColumns,
			AbsentIsMissing: feed.NDJSON.Absent == "missing", Decimal: decimal(feed), Lines: lines.Options{MaxLine: feed.Limits.Row}})
	default:
		err = fmt.Errorf("format %q is not read", feed.Format)
	}
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return out, in, nil
}

// splitters is how many goroutines split text ahead: more than a few wait for
// the one that reads.
func splitters() int { return min(runtime.GOMAXPROCS(0), 4) }

// closers ends what reads before what it reads from.
type closers []io.Closer

func (c *closers) Close() error {
	var errs []error
	for _, one := range *c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// workbook reads one that can be read at any place, or is held in memory.
func (f *file) workbook(r io.Reader, limits compressed.Limits) (rows, io.Closer, error) {
	d := f.feed.Dialect
	book, err := xlsx.NewReader(r, xlsx.Options{Sheet: f.feed.XLSX.Sheet, First: f.feed.XLSX.HeaderRow, Header: d.Header, Width: len(d.Names),
		Decimal: decimal(f.feed), Dates: d.Dates, Limits: limits})
	if err != nil {
		return nil, nil, err
	}
	for _, name := range book.Names() { // before any of them is told
		if holdsIdentity(name, f.res.AsOf) {
			return nil, nil, fileError(nameProblem("the name of a sheet"))
		}
	}
	return book, book, nil
}

// parquet reads one that can be read at any place, or is held in memory.
func (f *file) parquet(r io.Reader, limits compressed.Limits) (rows, io.Closer, error) {
	table, err := parquet.NewReader(r, parquet.Options{Names: wanted(f.feed), All: true, Form: f.form(), Limits: limits, Unused: f.unused})
	if err != nil {
		return nil, nil, err
	}
	return table, table, nil
}

// form is how typed values are written.
func (f *file) form() typed.Form {
	return typed.Form{Decimal: decimal(f.feed), Dates: f.feed.Dialect.Dates, Zone: f.c.date.zone}
}

func (f *file) fhir() fhir.Options {
	opt := fhir.Options{Encoding: f.feed.Dialect.Encoding, Names: wanted(f.feed), Decimal: decimal(f.feed), Zone: f.c.date.zone, Aside: f.aside}
	if o := f.feed.FHIR; o != nil {
		opt.Lines, opt.Reports, opt.Unit, opt.SubjectSystem = o.Form == "ndjson", o.Reports, o.Unit, o.SubjectSystem
		opt.Exclusions, opt.Stratifiers, opt.Measures = o.Exclusions, o.Stratifiers, o.Measures
	}
	return opt
}

// decimal is the decimal sign of the feed; newConformer holds that it is one.
func decimal(feed *catalog.Feed) byte { return feed.Dialect.Decimal[0] }

// file is one file while it is read.
type file struct {
	ctx     context.Context
	feed    *catalog.Feed
	d       Delivery
	res     Result
	rows    rows
	table   rows      // without what joins its rows
	in      io.Reader // what is around them; nil: nothing is
	c       *conformer
	trailer *regexp.Regexp
	sum     hash.Hash
	records int64 // data records, as a trailer or manifest counts them
	// preamble is what stands above the header, and named the columns that the
	// file's name gives.
	preamble record.Preamble
	named    map[string][]byte
	joiner   *joiner // of a feed with a pivot
	// instructed is an instruction for the file of rejected rows.
	instructed string
	headerLine uint64
}

func (f *file) read(r io.Reader, idx Catalog, sink Sink) error {
	if err := f.manifest(&r); err != nil {
		return err
	}
	if f.feed.Complete.By == "trailer" {
		var err error
		if f.trailer, err = regexp.Compile(f.feed.Complete.Pattern); err != nil {
			return fmt.Errorf("feed %s: complete.pattern: %w", f.feed.ID, err)
		}
	}
	var err error
	f.preamble.Lines = f.feed.Dialect.Preamble.Lines
	if until := f.feed.Dialect.Preamble.Until; until != "" {
		if f.preamble.Until, err = regexp.Compile(until); err != nil {
			return fmt.Errorf("feed %s: dialect.preamble.until: %w", f.feed.ID, err)
		}
	}
	if f.named, err = named(f.feed, f.d.Name); err != nil {
		return err
	}
	if f.c, err = newConformer(f.feed, idx, f.d, sink, &f.res); err != nil {
		return err
	}
	var in io.Closer
	if f.rows, in, err = f.open(r); err != nil {
		if bad, ok := errors.AsType[*FileError](fileFault(err)); ok {
			return bad
		}
		return fmt.Errorf("feed %s: %w", f.feed.ID, err)
	}
	defer func() { _ = in.Close() }() // it holds memory, not the source
	f.table = f.rows
	if err := f.columns(); err != nil {
		return err
	}
	returned := false
	reports, _ := f.rows.(interface{ Report() *fhir.Report })
	if text, ok := f.rows.(interface{ Before() []byte }); ok {
		f.c.textBefore = text.Before
	}
	for n := 0; ; n++ {
		if n%4096 == 0 && f.ctx.Err() != nil {
			return context.Cause(f.ctx)
		}
		rec, err := f.rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fileFault(err)
		}
		if rec.Line > maxLines {
			return fileError(tooManyLines())
		}
		if n == 0 {
			end := f.rows.End() // without a header it shows only now
			f.c.shared.LineEnd, f.c.shared.Preamble = end.LineEnd, end.Preamble
		}
		if !returned && f.returned(rec) {
			returned = true
			if err := f.back(rowsBack(rec.Line)); err != nil {
				return err
			}
		}
		if reports != nil {
			f.c.document = reports.Report()
		}
		if rec.Malformed != "" {
			f.records += int64(rec.Lines)
			f.c.at = rec.Place
			err = f.c.unreadable(rec.Line, rec.Lines, []string{string(rec.Raw)}, rec.Rule, rec.Malformed, rec.Hint)
		} else if f.c.blank(rec.Fields) {
			f.c.empty.add(rec.Line)
		} else {
			f.records++
			if f.joiner != nil {
				f.c.joined, f.c.absent = f.joiner.joined, f.joiner.absent
				f.records += int64(len(f.c.joined))
			}
			f.c.others, f.c.reported, f.c.at = rec.Others, rec.Faults, rec.Place
			before := f.c.before()
			err = f.c.row(rec.Line, rec.Fields, rec.Faulty)
			f.c.keep(rec, before)
			f.c.joined = nil
		}
		if err != nil {
			return err
		}
		if f.c.ragged > maxRagged {
			return f.ragged()
		}
	}
	if err := f.whole(); err != nil {
		return err
	}
	if n := f.c.ragged; n > 1 && float64(n) > maxRaggedShare*float64(f.res.Lines) {
		return f.ragged()
	}
	if err := f.outside(); err != nil {
		return err
	}
	if err := f.c.look.verdict(); err != nil {
		return err
	}
	if f.joiner != nil { // lines with names that are not used
		f.res.Lines += f.joiner.passed
		f.res.Skipped += f.joiner.passed
	}
	f.res.From, f.res.To = f.c.span()
	f.res.Windows = f.c.windows()
	f.res.Spreads = f.c.spreads()
	f.res.Units = slices.Sorted(maps.Keys(f.c.units))
	f.res.Layout = f.c.shared
	f.res.Findings = append(append(f.res.Findings, f.c.findings()...), sparse(f.res.Spreads)...)
	for _, n := range f.rows.End().Findings {
		f.res.Findings = append(f.res.Findings, event.Problem{Line: n.Line, Rule: RuleDialect, Text: n.Text, Hint: n.Hint})
	}
	return f.c.flush()
}

// manifest holds the bytes against the manifest, as soon as their hash is
// known.
func (f *file) manifest(r *io.Reader) error {
	m := f.d.Manifest
	switch {
	case m == nil && needsManifest(f.feed):
		return &FileError{Incomplete: true, Problems: []event.Problem{{Rule: RuleWhole,
			Text: "the manifest is missing", Hint: "send " + ManifestName("NAME") + " with the file"}}}
	case m == nil:
		return nil
	case f.d.Raw != "":
		return m.CheckBytes(f.d.Raw)
	}
	f.sum = sha256.New()
	*r = io.TeeReader(*r, f.sum)
	return nil
}

// columns reads the header, or takes the names that the feed gives.
func (f *file) columns() error {
	names, inFile := f.feed.Dialect.Names, f.feed.Dialect.Header
	switch f.feed.Format {
	case "fixed": // which holds a header against these
		names, inFile = fixed.Names(f.feed.Fixed), false
	case "ndjson", "fhir":
		names, inFile = wanted(f.feed), false
	case "parquet", "arrow":
		inFile = false
		if table, ok := f.rows.(interface{ Columns() []string }); ok && f.rows.End().Any {
			names = table.Columns()
			if err := f.unread(); err != nil {
				return err
			}
		} else {
			return emptyFile()
		}
	}
	if in := f.feed.Instruction; in != nil && in.At == "above" {
		if err := f.instruction(); err != nil {
			return err
		}
	}
	if inFile {
		rec, err := f.rows.Next()
		switch {
		case err == io.EOF && !f.rows.End().Any:
			return emptyFile()
		case err == io.EOF:
			// The only line of a file with a trailer.
			if err := f.whole(); err != nil {
				return err
			}
			return fileError(event.Problem{Line: 1, Rule: RuleHeader, Text: "the file has a trailer and no header", Hint: "send the header line"})
		case err != nil:
			return fileFault(err)
		case rec.Malformed != "":
			return fileError(event.Problem{Line: rec.Line, Rule: RuleDialect, Text: "the header: " + rec.Malformed, Hint: rec.Hint})
		}
		f.headerLine = rec.Line
		names = make([]string, len(rec.Fields))
		for i, field := range rec.Fields {
			names[i] = string(trim(field))
		}
	}
	l, problems := header(f.feed, names)
	if len(problems) > 0 {
		if slices.ContainsFunc(names, func(name string) bool { return holdsIdentity(name, f.res.AsOf) }) {
			problems = append(problems, nameProblem("the header, or what stands in its place,"))
		}
		for i := range problems {
			problems[i].Line = max(f.headerLine, 1)
		}
		return &FileError{Problems: problems}
	}
	l.named = f.named
	if inFile {
		f.c.header = names[:l.width]
	}
	if l.added {
		names = names[:len(names)-len(addedColumns())]
	}
	if in := f.feed.Instruction; in != nil && in.At != "above" {
		if err := f.instruction(); err != nil {
			return err
		}
	}
	end := f.rows.End()
	f.c.shared = Layout{Columns: names, LineEnd: end.LineEnd, Sheet: end.Sheet, Preamble: end.Preamble, Instruction: f.instructed, Table: f.typed()}
	if l.added {
		if err := f.back(rowsBack(f.headerLine)); err != nil {
			return err
		}
	}
	if f.feed.Pivot != nil {
		f.joiner = newJoiner(f.rows, f.feed, l)
		f.rows = f.joiner
	}
	return f.c.bind(l)
}

// typed is the form of a table with types; nil: it is none.
func (f *file) typed() *Table {
	table, ok := f.rows.(interface{ Types() []typed.Column })
	if !ok {
		return nil
	}
	t := &Table{Types: table.Types(), Form: f.form()}
	if data, ok := f.rows.(interface{ Stream() bool }); ok {
		t.Stream = data.Stream()
	}
	return t
}

// back takes a file of rejected rows that comes back, mended. It holds few of
// the rows that a snapshot has, and taken for one it would take all others away:
// its rows are added by their keys; without keys it is refused.
func (f *file) back(problem event.Problem) error {
	if f.feed.Delivery != "snapshot" || f.feed.Instruction != nil {
		return nil
	}
	if len(f.feed.Key) == 0 || f.res.Lines > 0 {
		return fileError(problem)
	}
	feed := *f.feed
	feed.Delivery, feed.Scope = "delta", catalog.Scope{}
	f.feed, f.c.feed = &feed, &feed
	f.res.Kind, f.c.window = feed.Delivery, false
	f.res.Findings = append(f.res.Findings, event.Problem{Line: problem.Line, Rule: RuleWhole, Text: "these are rejected rows that come back: they are added by their keys, and nothing else is taken away",
		Hint: "a snapshot without the columns rule, column and hint replaces what it does not contain"})
	return nil
}

// returned reports whether a record without header ends in what a file of
// rejected rows adds.
func (f *file) returned(rec *record.Record) bool {
	n := len(rec.Fields) - len(addedColumns())
	return rec.Back || f.c.header == nil && n >= f.c.layout.width && n <= f.c.layout.width+1 && f.c.ruleIDs.Match(trim(rec.Fields[n]))
}

func rowsBack(line uint64) event.Problem {
	return event.Problem{Line: line, Rule: RuleWhole, Text: "these are rejected rows that come back, and the feed delivers snapshots: alone they would take all other rows away",
		Hint: "mend them in the source and send the whole export; where the feed has a key, they are added by it"}
}

// outside looks at what of the file stands in no row.
func (f *file) outside() error {
	end := f.rows.End()
	for line := range bytes.Lines(end.Preamble) {
		f.aside(line)
	}
	f.aside(end.Trailer)
	for _, part := range []any{f.in, f.table} {
		if part, ok := part.(compressed.Aside); ok {
			if err := part.Aside(f.aside); err != nil {
				return fileFault(err)
			}
		}
	}
	return nil
}

// nameProblem is the fault of a name in the file that is told of nobody.
func nameProblem(of string) event.Problem {
	return event.Problem{Rule: RuleIdentity, Text: of + " holds what looks like a personal identity number", Hint: "leave it out of the export"}
}

func (f *file) aside(text []byte) { f.c.look.outside(text, f.res.AsOf) }

// unused looks at a value that the dictionary of a column has and no row.
func (f *file) unused(columns []string, text []byte) {
	secret := func(name string) bool {
		return f.feed.Columns.Subject == name || slices.Contains(f.feed.Identifiers, name)
	}
	if !slices.ContainsFunc(columns, secret) {
		f.aside(text)
	}
}

// unread refuses a file with columns that cannot be looked through: whole files
// are, before they are accepted. One that the feed declares to hold identifiers
// needs no look.
func (f *file) unread() error {
	table, ok := f.rows.(interface{ Unread() []string })
	if !ok {
		return nil
	}
	var problems []event.Problem
	for _, name := range table.Unread() {
		if !slices.Contains(f.feed.Identifiers, name) {
			problems = append(problems, event.Problem{Line: 1, Column: name, Rule: RuleIdentity,
				Text: "values of this type cannot be looked through for personal identity numbers",
				Hint: "leave the column out of the export, or write it as text; or, if identifiers of persons may stand there, declare it under identifiers and ignore_columns of the feed"})
		}
	}
	if len(problems) > 0 {
		return &FileError{Problems: problems}
	}
	return nil
}

// whole holds that nothing of the file is missing at its end.
func (f *file) whole() error {
	incomplete := func(text, hint string) error {
		return &FileError{Incomplete: true, Problems: []event.Problem{{Line: f.lastLine(), Rule: RuleWhole, Text: text, Hint: hint}}}
	}
	end := f.rows.End()
	if !end.Any {
		return emptyFile()
	}
	by := f.feed.Complete.By
	if by != "none" && !end.Ended {
		return incomplete("the last line does not end", "the file was cut short on its way, or is still being written; if the sender never ends the last line, declare complete: none in the feed")
	}
	proven := end.Proven
	if f.trailer != nil {
		m := f.trailer.FindSubmatch(end.Trailer)
		if m == nil {
			return incomplete("the last line is not the trailer", "the file was cut short on its way, or is still being written; send it again, or change complete.pattern of the feed")
		}
		if len(m) > 1 {
			n, err := strconv.ParseInt(string(m[1]), 10, 64)
			if err != nil || n != f.records {
				return &FileError{Incomplete: err == nil && f.records < n, Problems: []event.Problem{{Line: f.lastLine(), Rule: RuleWhole,
					Text: fmt.Sprintf("the trailer does not count what the file has: %s", record.Count(f.records, "data row")),
					Hint: "rows were lost on the way, or the trailer is another file's; send it again"}}}
			}
			proven = true
		}
	}
	if f.sum != nil {
		if err := f.d.Manifest.CheckBytes(hex.EncodeToString(f.sum.Sum(nil))); err != nil {
			return err
		}
	}
	if f.d.Manifest != nil {
		if err := f.d.Manifest.CheckRows(f.records); err != nil {
			return err
		}
		proven = true
	}
	if f.records == 0 && f.feed.Delivery == "snapshot" && (!proven || f.feed.Scope.Window == "file") {
		hint := "nothing says which periods are empty; declare scope: all or months in the feed"
		if !proven {
			hint = "it cannot be told from a file that was cut after its header; let a trailer or manifest say that it has 0 rows"
		}
		return &FileError{Incomplete: !proven, Problems: []event.Problem{{Rule: RuleWhole, Text: "the file has no data rows", Hint: hint}}}
	}
	return nil
}

// lastLine is the number of the last line.
func (f *file) lastLine() uint64 {
	n := f.rows.End().Line
	if f.trailer == nil && n > 1 {
		n--
	}
	return n
}

func emptyFile() error {
	return &FileError{Incomplete: true, Problems: []event.Problem{{Rule: RuleWhole, Text: "the file is empty", Hint: "send it again; an empty delivery still has its header"}}}
}

func (f *file) ragged() error {
	if format := f.feed.Format; format != "" && format != "delimited" {
		return &FileError{Problems: append([]event.Problem{{Rule: RuleDialect,
			Text: fmt.Sprintf("%d of %d lines read so far are not of the form that the feed declares; the last: %s", f.c.ragged, f.res.Lines, f.c.lastRagged),
			Hint: fmt.Sprintf("more than %d, or more than %g %%: the form of the file is probably not the feed's", maxRagged, 100*maxRaggedShare)}}, firstFaults(&f.res)...)}
	}
	return &FileError{Problems: append([]event.Problem{{Rule: RuleDialect,
		Text: fmt.Sprintf("%d of %d lines read so far cannot be split into the %d columns of the header", f.c.ragged, f.res.Lines, f.c.layout.width),
		Hint: fmt.Sprintf("more than %d, or more than %g %%: the delimiter, quote or header of the file is probably not the feed's", maxRagged, 100*maxRaggedShare)}}, firstFaults(&f.res)...)}
}

// fileFault is a fault of the format as one of the file. Other errors pass.
func fileFault(err error) error {
	var fault *record.Error
	if errors.As(err, &fault) {
		return &FileError{Incomplete: fault.Cut, Problems: []event.Problem{{Line: fault.Line, Column: fault.Column, Rule: fault.Rule, Text: fault.Text, Hint: fault.Hint}}}
	}
	return err
}
