package xlsx

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
)

// The sheet's own bounds, and the most columns that are read.
const (
	maxRow     = 1 << 20
	maxColumn  = 1 << 14
	maxColumns = 4096
)

// maxLoose is how many texts beside the rows are kept until they are looked at.
const maxLoose = 10_000

// noValue stands for the value of a formula that has none.
const noValue = "#FORMULA"

// Options of a reader.
type Options struct {
	// Sheet is the name of the sheet; empty: the first that is not hidden.
	Sheet string
	// First is the first row that is read; 0: 1.
	First int
	// Header says that the first row holds names: it gives the width of the
	// others.
	Header bool
	// Width is how many columns a row has in a table without header.
	Width int
	// Decimal is how the point of a number is written; 0: as it is.
	Decimal byte
	// Dates is how a date is written, as in catalog.Dialect; empty: iso.
	Dates  string
	Limits compressed.Limits
}

// Reader reads the rows of one sheet.
type Reader struct {
	opt   Options
	book  *workbook
	sheet sheet
	in    *tokens
	rec   record.Record
	err   error // what Next returns from now on

	row, column int // of the last cell
	width       int // 0: not known yet
	any         bool
	other       bool     // the sheet is looked through, not read
	formulas    [][]byte // of the row, where they say more than their value
	codes       *regexp.Regexp
	loose       []string // texts beside the rows in which a number may stand
	hidden      count    // rows
	header      []string // the first row; nil: the table has no header
	passed      []string // names of sheets with rows that are not read
	columns     count
	above       []string // merged cells above the data
	scratch     []byte
	cells       []span
	faulty      []int
}

type count struct{ n, first int }

func (c *count) add(at int) {
	if c.n == 0 {
		c.first = at
	}
	c.n++
}

// span is where a field stands in the scratch memory.
type span struct{ from, to int }

// NewReader opens a workbook and finds the sheet.
func NewReader(r io.Reader, opt Options) (*Reader, error) {
	opt.First = max(opt.First, 1)
	rd := &Reader{opt: opt, codes: codes()}
	if !opt.Header {
		rd.width = opt.Width
	}
	at, size, err := compressed.At(r, opt.Limits)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		rd.err = io.EOF
		return rd, nil
	}
	if rd.book, err = openWorkbook(at, size, opt.Limits); err != nil {
		return nil, err
	}
	if rd.sheet, err = rd.book.sheet(opt.Sheet); err != nil {
		return nil, err
	}
	rd.in, err = rd.book.open(rd.sheet.part)
	return rd, err
}

func (w *workbook) sheet(name string) (sheet, error) {
	for _, s := range w.sheets {
		if s.name == name || name == "" && !s.hidden {
			if s.part == "" {
				return s, damaged("a sheet has no part")
			}
			return s, nil
		}
	}
	if name == "" {
		return sheet{}, damaged("it has no sheet")
	}
	return sheet{}, &record.Error{Rule: "C03", Text: fmt.Sprintf("none of the %d sheets of the workbook is named %q", len(w.sheets), name),
		Hint: "let the sender keep the name; or correct xlsx.sheet of the feed"}
}

// Close frees what the reader holds. It leaves the source open.
func (r *Reader) Close() error {
	if r.in == nil {
		return nil
	}
	return r.in.in.Close()
}

// Names are those of all sheets.
func (r *Reader) Names() []string {
	if r.book == nil {
		return nil
	}
	var names []string
	for _, s := range r.book.sheets {
		names = append(names, s.name)
	}
	return names
}

// Aside hands on every text of the workbook that is in none of the rows: those
// of the other sheets, those above the table, and what every other part holds:
// comments, properties, names, headers and footers, kept copies of the data. It
// refuses a part that nobody can look through, and a sheet that goes on with the
// table where the feed does not say which it means. It is to be called behind the
// last row.
func (r *Reader) Aside(look func([]byte)) error {
	if r.book == nil {
		return nil
	}
	for _, text := range r.loose {
		look([]byte(text))
	}
	for _, s := range r.book.sheets {
		mine := s.part == r.sheet.part
		if s.part == "" || mine && r.opt.First == 1 {
			continue
		}
		if err := r.aside(s, mine, look); err != nil {
			return err
		}
	}
	return r.book.aside(look)
}

func (r *Reader) aside(s sheet, mine bool, look func([]byte)) (err error) {
	other := &Reader{opt: Options{First: 1, Decimal: r.opt.Decimal, Dates: r.opt.Dates, Limits: r.opt.Limits}, book: r.book, sheet: s, other: true, codes: r.codes}
	if other.in, err = r.book.open(s.part); err != nil {
		return err
	}
	defer func() { _ = other.Close() }() // it was read only
	for n := 0; ; n++ {
		rec, err := other.Next()
		if err == nil && !mine && !s.hidden && r.opt.Sheet == "" {
			if r.header != nil && slices.Equal(texts(rec.Fields), r.header) {
				return &record.Error{Rule: "C02", Text: fmt.Sprintf("the table goes on in another sheet, %q: it has the same header", s.name),
					Hint: "let the sender write one table; or, if the first sheet is all, name it under xlsx.sheet of the feed"}
			}
			if n == 0 {
				r.passed = append(r.passed, s.name)
			}
		}
		if err == nil && mine && rec.Line >= uint64(r.opt.First) {
			return nil
		}
		for ; len(other.loose) > 0; other.loose = other.loose[1:] {
			look([]byte(other.loose[0]))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, text := range rec.Fields {
			look(text)
		}
		for _, text := range rec.Others {
			look(text)
		}
	}
}

// End is what is known of the sheet so far.
func (r *Reader) End() record.End {
	e := record.End{Any: r.any, Ended: true, Proven: true, Line: uint64(r.row + 1), LineEnd: "\n", Sheet: r.sheet.name}
	add := func(line int, text, hint string) {
		e.Findings = append(e.Findings, record.Finding{Line: uint64(line), Text: text, Hint: hint})
	}
	if r.sheet.hidden {
		add(0, "the sheet is hidden", "it is read as if it were not")
	}
	if r.hidden.n > 0 {
		add(r.hidden.first, fmt.Sprintf("hidden rows: %d", r.hidden.n), "they are read as all others; a filter that hides them takes nothing out of the file")
	}
	if r.columns.n > 0 {
		add(0, fmt.Sprintf("hidden columns: %d, the first is %s", r.columns.n, letters(r.columns.first)), "they are read as all others")
	}
	if len(r.passed) > 0 {
		add(0, "sheets that are not read: "+strings.Join(r.passed, ", "), "the feed reads the first; name it under xlsx.sheet of the feed")
	}
	if len(r.above) > 0 {
		add(0, "merged cells above the data: "+strings.Join(r.above, ", "), "they hold nothing that is read")
	}
	return e
}

// Next is the next row that has any value.
func (r *Reader) Next() (*record.Record, error) {
	for r.err == nil {
		rec, err := r.next()
		if err != nil {
			r.err = err
			break
		}
		if rec != nil {
			if r.opt.Header && r.header == nil {
				r.header = texts(rec.Fields)
			}
			return rec, nil
		}
	}
	return nil, r.err
}

// texts are the fields of a row down to its last value.
func texts(fields [][]byte) []string {
	out := make([]string, len(fields))
	n := 0
	for i, f := range fields {
		if out[i] = strings.TrimSpace(string(f)); out[i] != "" {
			n = i + 1
		}
	}
	return out[:n]
}

// next reads up to the end of a row; nil: it has nothing to give.
func (r *Reader) next() (*record.Record, error) {
	for {
		tok, err := r.in.next()
		if err != nil {
			return nil, err
		}
		switch el := tok.(type) {
		case xml.StartElement:
			switch el.Name.Local {
			case "col":
				if truth(attr(el, "hidden")) {
					from, _ := strconv.Atoi(attr(el, "min"))
					to, _ := strconv.Atoi(attr(el, "max"))
					for c := from; c <= min(to, maxColumns); c++ {
						r.columns.add(c)
					}
				}
			case "row":
				if err := r.beginRow(el); err != nil {
					return nil, err
				}
			case "c":
				if err := r.cell(el); err != nil {
					return nil, err
				}
			case "mergeCell":
				if err := r.merged(attr(el, "ref")); err != nil {
					return nil, err
				}
			default: // links, conditions of input, …
				for _, a := range el.Attr {
					if err := r.beside(a.Value); err != nil {
						return nil, err
					}
				}
			}
		case xml.CharData: // headers and footers, with codes as &L, …
			if err := r.beside(r.codes.ReplaceAllString(string(el), " ")); err != nil {
				return nil, err
			}
		case xml.Comment:
			if err := r.beside(string(el)); err != nil {
				return nil, err
			}
		case xml.EndElement:
			if el.Name.Local == "row" {
				return r.endRow()
			}
		}
	}
}

// codes are those that headers and footers have in their texts: parts of the
// page, fonts and sizes.
func codes() *regexp.Regexp { return regexp.MustCompile(`&(?:[A-Za-z]|"[^"]*"|[0-9]{1,2}\b)`) }

// beside keeps a text of the sheet that stands in no row.
func (r *Reader) beside(text string) error {
	if !record.Telling(text) {
		return nil
	}
	if r.loose = append(r.loose, text); len(r.loose) > maxLoose {
		return damaged(fmt.Sprintf("more than %d texts stand beside its rows", maxLoose))
	}
	return nil
}

func (r *Reader) damaged(text string) *record.Error {
	e := damaged(text)
	e.Line = uint64(r.row)
	return e
}

func (r *Reader) beginRow(el xml.StartElement) error {
	n := r.row + 1
	if s := attr(el, "r"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil || n <= r.row {
			return r.damaged("its rows are not in order")
		}
	}
	if n > maxRow {
		return r.damaged("it has more rows than a sheet can have")
	}
	r.row, r.column = n, 0
	r.cells, r.faulty, r.scratch, r.formulas = r.cells[:0], r.faulty[:0], r.scratch[:0], r.formulas[:0]
	if truth(attr(el, "hidden")) && n >= r.opt.First {
		r.hidden.add(n)
	}
	return nil
}

// endRow gives the cells of a row as a record.
func (r *Reader) endRow() (*record.Record, error) {
	if r.row < r.opt.First {
		return nil, nil // a row above the table is none
	}
	last := len(r.cells)
	for last > 0 && r.cells[last-1].from == r.cells[last-1].to {
		last--
	}
	header := r.opt.Header && r.width == 0
	if header && r.row > r.opt.First {
		last = 0 // the row of the header is not there
	}
	if last == 0 {
		if header {
			return nil, &record.Error{Line: uint64(r.opt.First), Rule: "C03", Text: "the row of the header is empty", Hint: "let the sender keep the table where it was; or correct xlsx.header_row of the feed"}
		}
		return nil, nil // a row without values is none
	}
	r.any = true
	if header {
		r.width = last
	}
	r.cells = r.cells[:min(len(r.cells), max(last, r.width))]
	r.rec.Fields = r.rec.Fields[:0]
	for _, c := range r.cells {
		r.rec.Fields = append(r.rec.Fields, r.scratch[c.from:c.to:c.to])
	}
	for len(r.rec.Fields) < r.width {
		r.rec.Fields = append(r.rec.Fields, nil)
	}
	r.rec.Line, r.rec.Lines, r.rec.Faulty, r.rec.Others = uint64(r.row), 1, r.faulty, r.formulas
	return &r.rec, nil
}

// cell reads one cell to its end.
func (r *Reader) cell(el xml.StartElement) error {
	at := r.column + 1
	if s := attr(el, "r"); s != "" {
		column, row, ok := position(s)
		if !ok || row != r.row || column <= r.column {
			return r.damaged("its cells are not in order")
		}
		at = column
	}
	r.column = at
	typ, style := attr(el, "t"), attr(el, "s")
	var value, inline, rule []byte
	formula, has, isInline := false, false, false
	for phonetic := 0; ; {
		tok, err := r.in.next()
		if err == io.EOF {
			return r.damaged("its XML is not well formed")
		}
		if err != nil {
			return err
		}
		if end, ok := tok.(xml.EndElement); ok {
			if end.Name.Local == "c" {
				break
			}
			if end.Name.Local == "rPh" {
				phonetic--
			}
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "f":
			formula = true
			if rule, err = r.in.text(); err != nil {
				return err
			}
		case "v":
			has = true
			if value, err = r.in.text(); err != nil {
				return err
			}
		case "is":
			isInline = true
		case "rPh":
			phonetic++
		case "t":
			text, err := r.in.text()
			if err != nil {
				return err
			}
			if phonetic == 0 {
				inline = append(inline, text...)
			} else if err := r.beside(string(text)); err != nil {
				return err
			}
		}
	}
	if r.row < r.opt.First {
		return nil
	}
	if at > maxColumns {
		if len(value) == 0 && len(inline) == 0 {
			return nil
		}
		return &record.Error{Line: uint64(r.row), Rule: "C02", Text: fmt.Sprintf("a row of more than %d columns", maxColumns), Hint: "the sheet of the feed may be the wrong one for this file"}
	}
	if isInline {
		value, has, typ = inline, true, "str"
	}
	for len(r.cells) < at-1 {
		r.cells = append(r.cells, span{len(r.scratch), len(r.scratch)})
	}
	from := len(r.scratch)
	faulty, err := r.value(typ, style, value, has, formula)
	if err != nil {
		return err
	}
	if faulty {
		r.faulty = append(r.faulty, at-1)
	}
	r.cells = append(r.cells, span{from, len(r.scratch)})
	if formula { // what it says beyond its value, which is looked at as such
		if value := r.scratch[from:]; record.Telling(string(value)) {
			rule = bytes.ReplaceAll(rule, value, nil)
		}
		if record.Telling(string(rule)) {
			r.formulas = append(r.formulas, rule)
		}
	}
	return nil
}

// value appends the text of a cell to the scratch memory.
func (r *Reader) value(typ, style string, value []byte, has, formula bool) (faulty bool, err error) {
	put := func(s string) { r.scratch = append(r.scratch, s...) }
	if len(value) == 0 && (typ != "str" || !has) {
		if formula {
			put(noValue)
		}
		return formula, nil
	}
	switch typ {
	case "s":
		i, err := strconv.Atoi(string(value))
		text, ok := r.book.text(i)
		if ok {
			r.book.used[i/64] |= 1 << (i % 64)
		}
		if err != nil || !ok {
			return false, r.damaged("a cell has no text")
		}
		r.scratch = append(r.scratch, text...)
	case "str", "inlineStr":
		r.scratch = append(r.scratch, value...)
	case "b":
		if string(value) != "0" && string(value) != "1" {
			return false, r.damaged("a truth value is none")
		}
		r.scratch = append(r.scratch, value...)
	case "e":
		r.scratch = append(r.scratch, value...)
		return true, nil
	case "d":
		for _, layout := range []string{"2006-01-02", "2006-01-02T15:04:05", "2006-01-02T15:04:05.999", "2006-01-02T15:04:05Z"} {
			if at, err := time.Parse(layout, string(value)); err == nil {
				r.scratch = appendDate(r.scratch, at, r.opt.Dates)
				return false, nil
			}
		}
		r.scratch = append(r.scratch, value...)
		return true, nil
	case "", "n":
		return r.number(style, strings.TrimSpace(string(value)))
	default:
		return false, r.damaged("a cell has an unknown type")
	}
	return false, nil
}

func (r *Reader) number(style, value string) (faulty bool, err error) {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || strings.Trim(value, "0123456789+-.eE") != "" || math.IsInf(f, 0) {
		return false, r.damaged("a number is none")
	}
	k := plain
	if style != "" {
		i, err := strconv.Atoi(style)
		if err != nil || i < 0 || i >= len(r.book.kinds) && (i > 0 || len(r.book.kinds) > 0) {
			return false, r.damaged("a cell has no style")
		}
		if i < len(r.book.kinds) {
			k = r.book.kinds[i]
		}
	} else if len(r.book.kinds) > 0 {
		k = r.book.kinds[0]
	}
	switch k {
	case dateKind:
		at, ok := civil(f, r.book.date1904)
		if !ok {
			r.scratch = append(append(r.scratch, "#DATE "...), value...)
			return true, nil
		}
		r.scratch = appendDate(r.scratch, at, r.opt.Dates)
	case timeKind:
		ms := math.Round(f * 86_400_000)
		if ms < 0 || ms > 1e15 {
			r.scratch = append(append(r.scratch, "#TIME "...), value...)
			return true, nil
		}
		s := int64(ms) / 1000
		r.scratch = fmt.Appendf(r.scratch, "%02d:%02d:%02d", s/3600, s/60%60, s%60)
	default:
		r.scratch = appendNumber(r.scratch, value, f, r.opt.Decimal)
	}
	return false, nil
}

// appendNumber writes a number: the shortest text of the same double, or the
// text itself where no double would have written it.
func appendNumber(b []byte, text string, f float64, decimal byte) []byte {
	from := len(b)
	digits := strings.TrimLeft(strings.NewReplacer("-", "", "+", "", ".", "").Replace(text), "0")
	switch {
	case strings.ContainsAny(text, "eE"), strings.Contains(text, ".") && len(digits) <= 17:
		b = strconv.AppendFloat(b, f, 'f', -1, 64)
	default:
		b = append(b, text...)
	}
	if decimal != 0 && decimal != '.' {
		for i := from; i < len(b); i++ {
			if b[i] == '.' {
				b[i] = decimal
			}
		}
	}
	return b
}

// civil is the time that a serial number stands for.
func civil(serial float64, date1904 bool) (time.Time, bool) {
	ms := math.Round(serial * 86_400_000)
	if ms < 0 || serial >= 2958466 { // 10000-01-01
		return time.Time{}, false
	}
	days, rest := int64(ms)/86_400_000, int64(ms)%86_400_000
	var first time.Time
	switch {
	case date1904:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days == 0 || days == 60:
		return time.Time{}, false // before the calendar; 29 February 1900
	case days < 60:
		first = time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC)
	default:
		first = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	}
	return first.AddDate(0, 0, int(days)).Add(time.Duration(rest) * time.Millisecond), true
}

// appendDate writes a date in the feed's form where the form tells it whole,
// and else as ISO, which is then no date of the form.
func appendDate(b []byte, at time.Time, form string) []byte {
	h, m, s := at.Clock()
	midnight := h == 0 && m == 0 && s == 0
	layout := "2006-01-02"
	switch {
	case form == "dd.mm.yyyy":
		layout = "02.01.2006"
	case form == "dd-mm-yyyy":
		layout = "02-01-2006"
	case form == "dd/mm/yyyy":
		layout = "02/01/2006"
	case form == "yyyymmdd" && midnight:
		layout = "20060102"
	case form == "year-month" && midnight && at.Day() == 1:
		layout = "2006-01"
	case form == "year" && midnight && at.YearDay() == 1:
		layout = "2006"
	}
	switch {
	case midnight:
	case layout == "2006-01-02":
		layout += "T15:04:05"
	default:
		layout += " 15:04:05"
	}
	return at.AppendFormat(b, layout)
}

// merged takes a range of merged cells.
func (r *Reader) merged(ref string) error {
	from, to, _ := strings.Cut(ref, ":")
	c1, r1, ok1 := position(from)
	c2, r2, ok2 := position(to)
	if !ok1 || !ok2 {
		return r.damaged("its merged cells")
	}
	if r.other {
		return nil
	}
	first := r.opt.First
	if r.opt.Header {
		first++
	}
	if r2 < first {
		if len(r.above) < 10 {
			r.above = append(r.above, ref)
		}
		return nil
	}
	if min(c1, c2) > max(r.width, 1) || min(r1, r2) > r.row {
		return nil // beside or below the table
	}
	return &record.Error{Line: uint64(max(r1, first)), Rule: "C02", Text: "cells are merged among the rows of data: " + r.sheet.name + "!" + ref,
		Hint: "only the first of them has the value; let the sender unmerge them and fill each"}
}

// position reads a reference as B12.
func position(ref string) (column, row int, ok bool) {
	i := 0
	for i < len(ref) && ref[i] >= 'A' && ref[i] <= 'Z' {
		column = column*26 + int(ref[i]-'A') + 1
		if i++; column > maxColumn {
			return 0, 0, false
		}
	}
	row, err := strconv.Atoi(ref[i:])
	return column, row, err == nil && i > 0 && row > 0 && row <= maxRow && ref[i] != '+'
}

// letters is the name of a column.
func letters(column int) string {
	s := ""
	for n := column; n > 0; n = (n - 1) / 26 {
		s = string(rune('A'+(n-1)%26)) + s
	}
	return s
}
