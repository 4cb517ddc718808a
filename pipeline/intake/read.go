package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"regexp"
	"strconv"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/ndjson"
	"larstrom/pipeline/intake/record"
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

// Read reads one file of the feed: it hands blocks and rejects to the sink in
// the order of the file and sums up. It returns a *FileError where the file
// becomes no fact, the sink's own error where the sink fails, the reader's
// where the bytes cannot be read, and the context's when it ends.
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
	if err := f.read(r, idx, sink); err != nil {
		return Result{}, err
	}
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
	if feed.Format == "xlsx" && feed.Compression == "" {
		return f.workbook(r, limits)
	}
	in, err := compressed.NewReader(r, feed.Compression, limits)
	if err != nil {
		return nil, nil, err
	}
	var out rows
	switch feed.Format {
	case "xlsx":
		book, held, err := f.workbook(in, limits)
		if err := errors.Join(err, in.Close()); err != nil { // it has been read whole
			return nil, nil, err
		}
		return book, held, nil
	case "", "delimited":
		out, err = delimited.NewReader(in, feed.Dialect, delimited.Options{Trailer: f.trailer != nil})
	case "fixed":
		out, err = fixed.NewReader(in, feed.Dialect.Encoding, feed.Fixed, feed.Dialect.Header, lines.Options{Trailer: f.trailer != nil})
	case "ndjson":
		out, err = ndjson.NewReader(in, ndjson.Options{Encoding: feed.Dialect.Encoding, Names: wanted(feed), Ignored: feed.IgnoreColumns,
			AbsentIsMissing: feed.NDJSON.Absent == "missing", Decimal: decimal(feed)})
	default:
		err = fmt.Errorf("format %q is not read", feed.Format)
	}
	if err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return out, in, nil
}

// workbook reads one that can be read at any place, or is held in memory.
func (f *file) workbook(r io.Reader, limits compressed.Limits) (rows, io.Closer, error) {
	d := f.feed.Dialect
	book, err := xlsx.NewReader(r, xlsx.Options{Sheet: f.feed.XLSX.Sheet, First: f.feed.XLSX.HeaderRow, Header: d.Header, Width: len(d.Names),
		Decimal: decimal(f.feed), Dates: d.Dates, Limits: limits})
	if err != nil {
		return nil, nil, err
	}
	return book, book, nil
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
	c       *conformer
	trailer *regexp.Regexp
	sum     hash.Hash
	records int64 // data records, as a trailer or manifest counts them
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
	if err := f.columns(); err != nil {
		return err
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
		if n == 0 {
			f.c.shared.LineEnd = f.rows.End().LineEnd // without a header it shows only now
		}
		if rec.Malformed != "" {
			f.records += int64(rec.Lines)
			err = f.c.unreadable(rec.Line, rec.Lines, []string{string(rec.Raw)}, rec.Rule, rec.Malformed, rec.Hint)
		} else {
			f.records++
			err = f.c.row(rec.Line, rec.Fields, rec.Faulty)
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
	f.res.From, f.res.To = f.c.span()
	f.res.Layout = f.c.shared
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
	case "ndjson":
		names, inFile = wanted(f.feed), false
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
		names = make([]string, len(rec.Fields))
		for i, field := range rec.Fields {
			names[i] = string(trim(field))
		}
	}
	l, problems := header(f.feed, names)
	if len(problems) > 0 {
		return &FileError{Problems: problems}
	}
	end := f.rows.End()
	f.c.shared = Layout{Columns: names, LineEnd: end.LineEnd, Sheet: end.Sheet}
	return f.c.bind(l)
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
					Text: fmt.Sprintf("the trailer does not count the %d data rows that the file has", f.records),
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
		return fileError(event.Problem{Rule: RuleDialect,
			Text: fmt.Sprintf("%d of %d lines read so far are not of the form that the feed declares; the last: %s", f.c.ragged, f.res.Lines, f.c.lastRagged),
			Hint: fmt.Sprintf("more than %d, or more than %g %%: the form of the file is probably not the feed's", maxRagged, 100*maxRaggedShare)})
	}
	return fileError(event.Problem{Rule: RuleDialect,
		Text: fmt.Sprintf("%d of %d lines read so far cannot be split into the %d columns of the header", f.c.ragged, f.res.Lines, f.c.layout.width),
		Hint: fmt.Sprintf("more than %d, or more than %g %%: the delimiter, quote or header of the file is probably not the feed's", maxRagged, 100*maxRaggedShare)})
}

// fileFault is a fault of the format as one of the file. Other errors pass.
func fileFault(err error) error {
	var fault *record.Error
	if errors.As(err, &fault) {
		return &FileError{Incomplete: fault.Cut, Problems: []event.Problem{{Line: fault.Line, Column: fault.Column, Rule: fault.Rule, Text: fault.Text, Hint: fault.Hint}}}
	}
	return err
}
