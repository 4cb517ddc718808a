package propose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/fixed"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// text looks at a file of text.
func (p *Proposal) text(in io.Reader) error {
	raw, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return err
	}
	p.Whole = len(raw) < most
	enc, why, err := encodingOf(raw, p.Whole)
	if err != nil {
		return err
	}
	p.Feed.Dialect.Encoding = enc
	p.why("encoding", "%s", why)
	text, err := decoded(raw, enc)
	if err != nil {
		return err
	}
	if !p.Whole { // the last line is cut
		text = text[:bytes.LastIndexByte(text, '\n')+1]
	}
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return fmt.Errorf("%w: it has white space only", ErrUnknown)
	case trimmed[0] == '{' || trimmed[0] == '[':
		if bytes.Contains(trimmed[:min(len(trimmed), 1<<20)], []byte(`"resourceType"`)) {
			return p.reports(trimmed)
		}
		if trimmed[0] == '{' {
			return p.objects(text)
		}
	}
	return p.lines(text)
}

// encodingOf tells the encoding, and why.
func encodingOf(raw []byte, whole bool) (enc, why string, err error) {
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		return "utf-8-bom", "the file begins with the byte order mark of UTF-8", nil
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		return "utf-16le", "the file begins with the byte order mark FF FE", nil
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		return "utf-16be", "the file begins with the byte order mark FE FF", nil
	case bytes.IndexByte(raw, 0) >= 0:
		return "", "", fmt.Errorf("%w: it has NUL bytes (%d in all) and no byte order mark; it is no text, or UTF-16 that does not say so", ErrUnknown, bytes.Count(raw, []byte{0}))
	}
	valid := raw
	if !whole {
		for len(valid) > 0 && !utf8.RuneStart(valid[len(valid)-1]) {
			valid = valid[:len(valid)-1]
		}
		valid = valid[:max(len(valid)-1, 0)]
	}
	high, controls, first := 0, 0, 0
	for i, c := range raw {
		if c >= 0x80 {
			if high == 0 {
				first = i
			}
			high++
			if c < 0xa0 {
				controls++
			}
		}
	}
	line := 1 + bytes.Count(raw[:first], []byte{'\n'})
	switch {
	case high == 0:
		return "utf-8", "only ASCII was seen: UTF-8, ISO-8859-1 and Windows-1252 read it alike; ask the sender what a name with å is written in", nil
	case utf8.Valid(valid):
		return "utf-8", fmt.Sprintf("%d bytes beyond ASCII, all of valid UTF-8, the first in line %d", high, line), nil
	case controls > 0:
		return "windows-1252", fmt.Sprintf("no valid UTF-8, and %d of %d bytes beyond ASCII lie in 80-9F, where only Windows-1252 has letters and signs", controls, high), nil
	default:
		return "windows-1252", fmt.Sprintf("no valid UTF-8: %d single bytes beyond ASCII, the first in line %d, none in 80-9F, so ISO-8859-1 reads it alike", high, line), nil
	}
}

func decoded(raw []byte, enc string) ([]byte, error) {
	gate, err := delimited.NewGate(bytes.NewReader(raw), enc, 256<<10)
	if err != nil {
		return nil, err
	}
	var text []byte
	for {
		text, err = gate.Read(text)
		if err == io.EOF {
			return text, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	}
}

// lineEnds counts the kinds of line ends, and names the commonest.
func lineEnds(text []byte) (kind string, counts map[string]int) {
	crlf := bytes.Count(text, []byte("\r\n"))
	counts = map[string]int{"CRLF": crlf, "LF": bytes.Count(text, []byte{'\n'}) - crlf, "CR": bytes.Count(text, []byte{'\r'}) - crlf}
	kind = "LF"
	for _, k := range []string{"CRLF", "CR"} {
		if counts[k] > counts[kind] {
			kind = k
		}
	}
	return kind, counts
}

// cut is how a delimiter and a quote cut the text.
type cut struct {
	delimiter, quote string
	guards           bool
	records          int
	width            int // of most records
	agree            int // records of that width
	malformed        int
	first            uint64 // line of the first record of that width that is no title
	last             int    // width of the last record
	lastLine         string // its text
	lastSparse       bool   // most of its fields are empty
	tooWide          bool   // its first line has more columns than are read
}

func (c cut) better(o cut) bool {
	if (c.width > 1) != (o.width > 1) {
		return c.width > 1
	}
	a, b := float64(c.agree)/float64(max(c.records, 1)), float64(o.agree)/float64(max(o.records, 1))
	if a-b > 0.02 || b-a > 0.02 {
		return a > b
	}
	if c.malformed != o.malformed {
		return c.malformed < o.malformed
	}
	return c.width > o.width
}

// head is the first line.
func head(text []byte) []byte {
	if at := bytes.IndexAny(text, "\r\n"); at >= 0 {
		return text[:at]
	}
	return text
}

// trial is how many records show how a delimiter cuts.
const trial = 2000

func tryCut(text []byte, delimiter, quote string, guards bool) cut {
	c := cut{delimiter: delimiter, quote: quote, guards: guards}
	r, err := delimited.NewReader(bytes.NewReader(text), catalog.Dialect{Encoding: "utf-8", Delimiter: delimiter, Quote: quote, Guards: guards}, delimited.Options{MaxRecord: 64 << 10})
	if err != nil {
		return c
	}
	widths, firsts := map[int]int{}, map[int]uint64{}
	for c.records < trial {
		rec, err := r.Next()
		if err != nil {
			if err != io.EOF {
				c.malformed += trial // a quote that never closes
				c.tooWide = bytes.Count(head(text), []byte(delimiter)) >= delimited.MaxFields
			}
			break
		}
		c.records++
		if rec.Malformed != "" {
			c.malformed++
			continue
		}
		if quote == "" && slices.ContainsFunc(rec.Fields, quoted) {
			c.malformed++
		}
		n := len(rec.Fields)
		widths[n]++
		c.last, c.lastLine, c.lastSparse = n, string(rec.Raw), sparse(rec.Fields)
		if firsts[n] == 0 && !c.lastSparse {
			firsts[n] = rec.Line
		}
	}
	for n, k := range widths {
		if k > c.agree || k == c.agree && n > c.width {
			c.width, c.agree, c.first = n, k, firsts[n]
		}
	}
	return c
}

// quoted reports whether a field that was read without quotes stands in them.
func quoted(field []byte) bool {
	field = bytes.TrimPrefix(bytes.TrimSpace(field), []byte("="))
	return len(field) > 1 && field[0] == '"' && field[len(field)-1] == '"'
}

// instruction is a text before a colon, in capitals, as senders write what is
// to become of the rows that were there before.
var instruction = regexp.MustCompile(`^([A-Z][A-Z_]{7,63}:)`)

// instructed gives what of the first row is an instruction, if it is one.
func instructed(fields [][]byte) string {
	if !sparse(fields) {
		return ""
	}
	return string(instruction.Find(bytes.TrimSpace(fields[0])))
}

// sparse reports whether most fields are empty: so a spreadsheet writes titles
// above the table, and what stands below it.
func sparse(fields [][]byte) bool {
	full := 0
	for _, f := range fields {
		if len(bytes.TrimSpace(f)) > 0 {
			full++
		}
	}
	return len(fields) > 3 && full <= 2 && full*2 < len(fields)
}

func (p *Proposal) lines(text []byte) error {
	end, counts := lineEnds(text)
	p.why("line ends", "CRLF %d, LF %d, CR %d", counts["CRLF"], counts["LF"], counts["CR"])
	if p.Whole && !bytes.HasSuffix(text, []byte("\n")) && !bytes.HasSuffix(text, []byte("\r")) {
		p.Feed.Complete.By = "none"
		p.why("complete", "the last line does not end: the file is cut, or its sender never ends it")
		p.warn("the last line does not end; if the sender ends it, declare complete: newline, which finds files that were cut")
	}
	guards := bytes.Contains(text, []byte(`="`))
	var best cut
	wide := "" // a delimiter that cuts into more columns than are read
	for _, d := range []string{"\t", ";", "|", ",", "~", "^", ":"} {
		for _, q := range []string{`"`, "", "'"} {
			if q == "'" && !bytes.Contains(text, []byte("'")) || q == "" && !bytes.Contains(text, []byte(`"`)) {
				continue
			}
			c := tryCut(text, d, q, guards && q == `"`)
			if c.tooWide {
				wide = d
			}
			if best.delimiter == "" || c.better(best) {
				best = c
			}
		}
	}
	if best.width < 2 && wide != "" {
		return fmt.Errorf("%w: cut by %q its first line has more than %d columns, the most that a row may have; let the export leave out what no indicator needs", ErrUnknown, wide, delimited.MaxFields)
	}
	if best.width < 2 || best.agree*2 < best.records {
		return p.fixed(text, end)
	}
	if withinNumbers(text, best.delimiter) {
		if _, _, err := blocks(text, end); err == nil {
			return p.fixed(text, end)
		}
	}
	d := &p.Feed.Dialect
	d.Delimiter, d.Quote, d.Guards = best.delimiter, best.quote, best.guards
	p.why("delimiter", "%d of %d records have %d fields with it", best.agree, best.records, best.width)
	switch {
	case best.quote == "":
		p.why("quote", "quotes inside fields mean nothing: read as quotes they would leave records open")
	case bytes.Contains(text, []byte(best.quote)):
		p.why("quote", "fields stand in it, %d signs in all", bytes.Count(text, []byte(best.quote)))
	}
	if best.guards {
		p.why("guards", `fields stand in ="…"`)
	}
	if err := p.preamble(best); err != nil {
		return err
	}
	body := text
	if p.Whole && p.Feed.Complete.By == "newline" && best.records < trial && (best.last != best.width || best.lastSparse) {
		body = p.trailer(text, best)
	}
	return p.table(body)
}

// preamble is what stands before the first record of the table's width.
func (p *Proposal) preamble(c cut) error {
	if c.first > 1 {
		p.Feed.Dialect.Preamble.Lines = int(c.first) - 1
		p.why("preamble", "the table begins in line %d", c.first)
	}
	return nil
}

// trailer is a last line with the number of rows.
func (p *Proposal) trailer(text []byte, c cut) []byte {
	m := regexp.MustCompile(`^([^0-9]{0,40}?)([0-9]+)([^0-9]*)$`).FindStringSubmatch(c.lastLine)
	at := bytes.LastIndex(text, []byte(c.lastLine))
	if m == nil || at < 0 {
		return text
	}
	n, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil || n > int64(c.records) || n < int64(c.records)-3-int64(c.first) {
		return text
	}
	p.Feed.Complete = catalog.Complete{By: "trailer", Pattern: "^" + regexp.QuoteMeta(m[1]) + `(\d+)` + regexp.QuoteMeta(m[3]) + "$"}
	p.why("complete", "the last line is no row and holds a number near that of the rows")
	return text[:at]
}

// table reads the text with the dialect, and tells its header.
func (p *Proposal) table(text []byte) error {
	d := p.Feed.Dialect
	d.Encoding = "utf-8"
	open := func() (*delimited.Reader, error) {
		return delimited.NewReader(bytes.NewReader(text), d, delimited.Options{Preamble: record.Preamble{Lines: d.Preamble.Lines}})
	}
	r, err := open()
	if err != nil {
		return err
	}
	first, err := r.Next()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	names := texts(first.Fields)
	nameless := len(names) > 2 && names[len(names)-1] == ""
	if nameless {
		names = names[:len(names)-1]
	}
	if !isHeader(names) {
		p.why("header", "the first line holds numbers, or the same text twice: it is data")
		p.Feed.Dialect.Header = false
		p.Feed.Dialect.Names = nil
		for i := range first.Fields {
			p.Feed.Dialect.Names = append(p.Feed.Dialect.Names, fmt.Sprintf("column_%d", i+1))
		}
		p.warn("the file has no header: name its columns under names, in their order")
		if r, err = open(); err != nil {
			return err
		}
		if err := p.look(r, p.Feed.Dialect.Names); err != nil {
			return err
		}
		return p.conclude()
	}
	p.why("header", "the first line of the table holds %d different names and no number", len(names))
	if nameless {
		p.Feed.Dialect.NamelessLast = true
		p.why("nameless_last", "the header ends with a delimiter")
	}
	if err := p.look(r, names); err != nil {
		return err
	}
	return p.conclude()
}

// isHeader reports whether the texts can be names of columns: all there, all
// different, and none a number, a date or the like of an identifier.
func isHeader(names []string) bool {
	seen := map[string]bool{}
	for _, n := range names {
		digits := strings.IndexFunc(n, unicode.IsDigit) >= 0
		letters := strings.IndexFunc(n, unicode.IsLetter) >= 0
		if n == "" || seen[n] || digits && !letters || count(n, unicode.IsDigit) >= 6 {
			return false
		}
		seen[n] = true
	}
	return true
}

func count(s string, is func(rune) bool) int {
	n := 0
	for _, r := range s {
		if is(r) {
			n++
		}
	}
	return n
}

// withinNumbers reports whether the delimiter stands between two digits
// wherever it stands: it may be a decimal sign.
func withinNumbers(text []byte, delimiter string) bool {
	digit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	for i := range text {
		if text[i] == delimiter[0] && !(digit(i-1) && digit(i+1)) {
			return false
		}
	}
	return true
}

// blocks gives the lines, and the columns between the places at which every
// line is blank.
func blocks(text []byte, end string) (all []string, cols []catalog.FixedColumn, err error) {
	all = strings.Split(strings.TrimRight(string(text), "\r\n"), map[string]string{"CRLF": "\r\n", "LF": "\n", "CR": "\r"}[end])
	width := utf8.RuneCountInString(all[0])
	if width < 4 || len(all) < 2 {
		return nil, nil, fmt.Errorf("%w: no delimiter cuts it into columns", ErrUnknown)
	}
	blank := slices.Repeat([]bool{true}, width)
	for _, l := range all {
		r := []rune(l)
		if len(r) != width {
			return nil, nil, fmt.Errorf("%w: no delimiter cuts it into columns, and its lines are not of one length", ErrUnknown)
		}
		for i, c := range r {
			blank[i] = blank[i] && c == ' '
		}
	}
	for i := 0; i < width; {
		if blank[i] {
			i++
			continue
		}
		from := i
		for i < width && !blank[i] {
			i++
		}
		cols = append(cols, catalog.FixedColumn{From: from + 1, Width: i - from})
	}
	if len(cols) < 2 {
		return nil, nil, fmt.Errorf("%w: its lines are of one length, and no place is blank in all of them", ErrUnknown)
	}
	return all, cols, nil
}

// fixed takes the text for one of columns of fixed width.
func (p *Proposal) fixed(text []byte, end string) error {
	all, cols, err := blocks(text, end)
	if err != nil {
		return err
	}
	width := utf8.RuneCountInString(all[0])
	p.Feed.Format = "fixed"
	p.why("format", "%d lines of %d characters each, with %d blocks apart from each other", len(all), width, len(cols))
	p.warn("columns that touch each other cannot be told apart: hold the widths against the sender's description")
	first := []rune(all[0])
	var names []string
	for _, c := range cols {
		names = append(names, strings.TrimSpace(string(first[c.From-1:c.From-1+c.Width])))
	}
	if p.Feed.Dialect.Header = isHeader(names); !p.Feed.Dialect.Header {
		for i := range names {
			names[i] = fmt.Sprintf("column_%d", i+1)
		}
		p.warn("the file has no header: name its columns under fixed")
	}
	for i := range cols {
		cols[i].Name = names[i]
	}
	p.Feed.Fixed = cols
	r, err := fixed.NewReader(bytes.NewReader(text), "utf-8", cols, p.Feed.Dialect.Header, lines.Options{})
	if err != nil {
		return err
	}
	if err := p.look(r, names); err != nil {
		return err
	}
	return p.conclude()
}

// objects looks at one JSON object a line.
func (p *Proposal) objects(text []byte) error {
	p.Feed.Format = "ndjson"
	p.why("format", "every line is a JSON object")
	var names []string
	at := map[string]int{}
	var cols []*column
	absent := false
	line := uint64(0)
	for raw := range bytes.Lines(text) {
		line++
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var o map[string]any
		if err := dec.Decode(&o); err != nil {
			return fmt.Errorf("%w: line %d begins as JSON and is no object", ErrUnknown, line)
		}
		flat := map[string]string{}
		flatten("", o, flat)
		for name := range flat {
			if _, ok := at[name]; !ok {
				at[name] = len(names)
				names = append(names, name)
				absent = absent || p.Records > 0
				more, err := newColumns([]string{name})
				if err != nil {
					return err
				}
				cols = append(cols, more...)
			}
		}
		absent = absent || len(flat) < len(names)
		for name, v := range flat {
			cols[at[name]].add(line, []byte(v))
		}
		p.Records++
	}
	slices.SortFunc(cols, func(a, b *column) int { return strings.Compare(a.name, b.name) })
	p.columns = cols
	if absent {
		p.Feed.NDJSON.Absent = "missing"
		p.why("ndjson", "objects lack keys that others have")
	}
	return p.conclude()
}

// flatten gives the values of an object by their paths.
func flatten(prefix string, o map[string]any, out map[string]string) {
	for k, v := range o {
		switch v := v.(type) {
		case map[string]any:
			flatten(prefix+k+".", v, out)
		case json.Number:
			out[prefix+k] = v.String()
			if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), "eE") {
				out[prefix+k] = strconv.FormatFloat(f, 'f', -1, 64)
			}
		case string:
			out[prefix+k] = v
		case bool:
			out[prefix+k] = string(typed.AppendBool(nil, v)) // as it is read
		default:
			out[prefix+k] = ""
		}
	}
}

// reports looks at FHIR: the measures that its reports name.
func (p *Proposal) reports(text []byte) error {
	p.Feed.Format, p.Feed.Complete.By = "fhir", ""
	f := &catalog.Fhir{Reports: "summary"}
	p.Feed.FHIR = f
	dec := json.NewDecoder(bytes.NewReader(text))
	seen := map[string]bool{}
	resources := 0
	var walk func(v map[string]any)
	walk = func(v map[string]any) {
		if entries, ok := v["entry"].([]any); ok {
			for _, e := range entries {
				if m, ok := e.(map[string]any); ok {
					if r, ok := m["resource"].(map[string]any); ok {
						walk(r)
					}
				}
			}
		}
		if v["resourceType"] != "MeasureReport" {
			return
		}
		p.Records++
		if v["type"] == "individual" {
			f.Reports = "individual"
		}
		url, _ := v["measure"].(string)
		groups, _ := v["group"].([]any)
		for _, g := range groups {
			code := ""
			if m, ok := g.(map[string]any); ok && len(groups) > 1 {
				code, _ = m["id"].(string)
				if c, ok := m["code"].(map[string]any); ok {
					if codings, ok := c["coding"].([]any); ok && len(codings) > 0 {
						if first, ok := codings[0].(map[string]any); ok {
							code, _ = first["code"].(string)
						}
					}
				}
			}
			canonical, _, _ := strings.Cut(url, "|")
			if key := canonical + " " + code; canonical != "" && !seen[key] {
				seen[key] = true
				f.Measures = append(f.Measures, catalog.FhirMeasure{URL: canonical, Group: code, Indicator: slug(canonical[strings.LastIndexByte(canonical, '/')+1:] + "_" + code)})
			}
		}
	}
	for {
		var v map[string]any
		err := dec.Decode(&v)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: it begins as JSON and is none: %w", ErrUnknown, err)
		}
		resources++
		walk(v)
	}
	if len(f.Measures) == 0 {
		return errors.Join(ErrUnknown, errors.New("it is FHIR and has no MeasureReport with a measure and a group"))
	}
	if resources > 1 {
		f.Form = "ndjson"
	}
	p.why("format", "JSON with resourceType, %d reports", p.Records)
	p.warn("hold against the sender's description what the populations count: exclusions, stratifiers and where the organisation stands are not proposed")
	p.Feed.Columns = catalog.Columns{Unit: "unit", UnitSystem: UnitSystem, Indicator: "indicator", EventDate: "start", Numerator: "numerator", Denominator: "denominator"}
	if f.Reports == "individual" {
		p.Feed.Columns.Subject = "subject"
	} else {
		p.Feed.Columns.PeriodEnd = "end"
	}
	for _, m := range f.Measures {
		p.Needs = append(p.Needs, Need{m.Indicator, catalog.Proportion})
	}
	return nil
}
