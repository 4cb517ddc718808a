package fhir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/lines"
	"larstrom/pipeline/intake/record"
)

// maxPlaces is how many Organizations and Locations of a Bundle are known.
const maxPlaces = 100_000

// Options of a reader.
type Options struct {
	// Encoding is utf-8 or utf-8-bom.
	Encoding string
	// Lines reads one resource a line, else one resource or Bundle.
	Lines bool
	// Names are the columns that become fields, in this order.
	Names []string
	// Reports is the type of report that is taken, summary or individual.
	Reports string
	// Unit says where the organisation stands.
	Unit catalog.FhirUnit
	// SubjectSystem is the system of the subject's identifier; empty: its
	// reference, or whatever identifier it has.
	SubjectSystem string
	// Exclusions is subtract, done or, where the feed does not say, empty.
	Exclusions string
	// Stratifiers are those whose strata become rows.
	Stratifiers []string
	// Measures are those that the feed knows.
	Measures []catalog.FhirMeasure
	// Aside takes texts that stand in no report and go with none; nil: nobody
	// looks at them.
	Aside func(text []byte)
	// Decimal is how the point of a number is written; 0: as it is.
	Decimal byte
	// Zone is the zone in which an instant becomes a date; nil: UTC.
	Zone *time.Location
}

// Reader reads rows of reports.
type Reader struct {
	opt    Options
	lines  *lines.Reader
	stream *stream
	state  state
	top    value // of the outermost object, without its entries
	held   int   // bytes of it
	entry  uint64
	match  int
	others int
	// unlisted counts the groups that no measure of the feed is.
	unlisted int
	places   map[string]string

	// report is the one whose rows are given; back says that reports come back
	// that had been rejected.
	report *Report
	back   bool
	// reports says that there was any.
	reports bool

	rows  []row
	aside [][]byte // texts that no field has, for the next row
	next  int
	place string
	raw   []byte
	line  uint64 // rows so far
	rec   record.Record
	err   error // what Next returns from now on
}

type state uint8

const (
	begin state = iota
	inObject
	inEntries
	ended
)

// NewReader reads reports from r.
func NewReader(r io.Reader, opt Options) (*Reader, error) {
	if opt.Encoding != "utf-8" && opt.Encoding != "utf-8-bom" {
		return nil, fmt.Errorf("fhir: encoding %q: must be utf-8 or utf-8-bom", opt.Encoding)
	}
	if opt.Reports != "summary" && opt.Reports != individual {
		return nil, fmt.Errorf("fhir: reports %q: must be summary or individual", opt.Reports)
	}
	rd := &Reader{opt: opt, places: map[string]string{}, top: value{sort: object}}
	rd.rec.Fields = make([][]byte, len(opt.Names))
	var err error
	if opt.Lines {
		rd.lines, err = lines.NewReader(r, opt.Encoding, lines.Options{LF: true, MaxLine: maxResource})
	} else {
		rd.stream, err = newStream(r, opt.Encoding)
	}
	return rd, err
}

// End is what is known of the text so far.
func (r *Reader) End() record.End {
	if r.lines != nil {
		e := r.lines.End()
		e.Findings = r.findings()
		return e
	}
	return record.End{Any: r.stream.any, Ended: true, Proven: true, Line: r.stream.line + 1, LineEnd: "\n", Findings: r.findings()}
}

func (r *Reader) findings() (out []record.Finding) {
	if r.others > 0 {
		out = append(out, record.Finding{Text: fmt.Sprintf("resources that are no MeasureReport: %d", r.others), Hint: "they give no rows"})
	}
	if r.unlisted > 0 {
		out = append(out, record.Finding{Text: fmt.Sprintf("groups of measures that the feed does not list: %d", r.unlisted), Hint: "they wait; list the measure, and its group where it has several, under fhir.measures of the feed"})
	}
	return out
}

// Next is the next row.
func (r *Reader) Next() (*record.Record, error) {
	for r.err == nil && r.next == len(r.rows) {
		r.rows, r.next = r.rows[:0], 0
		if r.err = r.read(); r.err == nil && r.rec.Malformed != "" {
			return &r.rec, nil
		}
	}
	if r.err != nil {
		r.rest()
		return nil, r.err
	}
	one := &r.rows[r.next]
	r.next++
	r.line++
	r.rec = record.Record{Line: r.line, Lines: 1, Fields: r.rec.Fields, Raw: r.raw, Others: r.aside, Faults: one.faults, Place: r.place + one.path, Back: r.back}
	r.aside = nil
	for i, name := range r.opt.Names {
		r.rec.Fields[i] = one.fields[name]
	}
	return &r.rec, nil
}

// read reads the next report.
func (r *Reader) read() error {
	r.rec.Malformed = ""
	if r.lines != nil {
		return r.readLine()
	}
	switch r.state {
	case begin:
		if _, err := r.stream.next(); err != nil {
			if !r.stream.any && r.stream.err == io.EOF {
				return io.EOF // the empty file is another rule's
			}
			return err
		}
		r.state = inObject
		return r.stream.take('{')
	case inEntries:
		return r.readEntry()
	case ended:
		return io.EOF
	default:
		return r.readMember()
	}
}

// readLine reads one resource from a line.
func (r *Reader) readLine() error {
	text, line, err := r.lines.Next()
	if err != nil {
		return err
	}
	text = bytes.Clone(text) // of which the report is made again
	r.raw, r.place = text, fmt.Sprintf("line %d", line)
	v, err := parse(text)
	if err == nil && v.sort != object {
		err = errJSON
	}
	if err != nil {
		r.malformed("the line is not a resource: "+err.Error(), "write one resource a line, as RFC 8259 says")
		return nil //nolint:nilerr // the record says that it is malformed; the next line can be read
	}
	if v.get("resourceType").str() == "Bundle" {
		return &record.Error{Line: line, Rule: "C03", Text: "a Bundle in a line", Hint: "write one report a line; for a file that is one Bundle remove fhir.form from the feed"}
	}
	return r.resource(&v, "", line)
}

func (r *Reader) malformed(text, hint string) {
	r.line++
	r.rec = record.Record{Line: r.line, Lines: 1, Fields: r.rec.Fields, Raw: r.raw, Malformed: text, Hint: hint, Place: r.place}
	for i := range r.rec.Fields {
		r.rec.Fields[i] = nil
	}
}

// resource takes a report; of others, what places are called.
func (r *Reader) resource(v *value, fullURL string, line uint64) error {
	switch typ := v.get("resourceType").str(); typ {
	case "MeasureReport":
		r.reports = true
		r.rows = r.rowsOf(v)
		r.given(v)
		r.besideReport(v)
		return nil
	case "Bundle":
		return &record.Error{Line: line, Rule: "C03", Text: "a Bundle in a Bundle", Hint: "its reports would be left out; let the sender write all reports into one Bundle"}
	case "OperationOutcome":
		if r.beside(v, nil); comesBack(v) {
			r.back = true
			return nil
		}
		r.others++
	case "":
		return &record.Error{Line: line, Rule: "C03", Text: "an object that is no resource: it has no resourceType", Hint: "the file may be of another feed; let the sender write resources of FHIR R4"}
	case "Organization", "Location":
		r.others++
		r.beside(v, nil)
		id := identified(v, r.opt.Unit.System)
		if id == "" || len(r.places) >= maxPlaces {
			return nil
		}
		for _, key := range []string{fullURL, typ + "/" + v.get("id").str()} {
			if key != "" {
				r.places[key] = id
			}
		}
	case "Patient", "RelatedPerson", "Group":
		r.others++
		if r.opt.Reports != individual { // whose subjects they are
			r.beside(v, nil)
		}
	default:
		r.others++
		r.beside(v, nil)
	}
	return nil
}

// besideReport keeps the texts of a report, but for those of its subject, which
// the feed declares.
func (r *Reader) besideReport(v *value) {
	if r.opt.Reports != individual {
		r.beside(v, nil)
		return
	}
	r.beside(v, []string{"subject", "contained"})
	local, _ := strings.CutPrefix(v.get("subject").get("reference").str(), "#")
	for _, c := range v.get("contained").items() {
		if local == "" || c.value.get("id").str() != local {
			r.beside(&c.value, nil)
		}
	}
}

// rest hands on the texts that go with no row.
func (r *Reader) rest() {
	for _, text := range r.aside {
		if r.opt.Aside != nil {
			r.opt.Aside(text)
		}
	}
	r.aside = nil
}

// maxBeside is how many texts that no row has are kept for the next row.
const maxBeside = 10_000

// unitOf reports whether a member is what the feed reads as a unit.
func (r *Reader) unitOf(v *value, m *member) bool {
	if r.opt.Unit.System != "" {
		return m.key == "value" && v.get("system").str() == r.opt.Unit.System
	}
	_, ok := organisation(m.value.str())
	return ok && m.key == "reference"
}

// snomed is the system whose codes are numbers of any length, and of no person.
const snomed = "http://snomed.info/sct"

// beside keeps the texts of a resource, and those of its keys that may be more:
// they are looked through with the next row, whether a field has them or not.
func (r *Reader) beside(v *value, but []string) {
	keep := func(text []byte) {
		if r.aside = append(r.aside, text); len(r.aside) > maxBeside {
			r.rest()
		}
	}
	for i := range v.members {
		m := &v.members[i]
		if record.Telling(m.key) {
			keep([]byte(m.key))
		}
		switch {
		case slices.Contains(but, m.key) && v.sort == object, m.key == "code" && v.get("system").str() == snomed, r.unitOf(v, m):
		case m.value.sort == text || m.value.sort == number && m.key != "count":
			keep(m.value.text)
		default:
			r.beside(&m.value, nil)
		}
	}
}

// readMember reads one member of the outermost object.
func (r *Reader) readMember() error {
	c, err := r.stream.next()
	if err != nil {
		return err
	}
	if c == '}' && len(r.top.members) == 0 {
		r.stream.at++
		return r.finish()
	}
	quoted, line, err := r.stream.raw()
	if err != nil {
		return err
	}
	key, err := parse(quoted)
	if err != nil || key.sort != text {
		return r.stream.fault(errJSON, jsonHint)
	}
	name := key.str()
	if r.top.get(name).sort != absent {
		return r.stream.fault(errTwice, "let the sender write each key once")
	}
	if err := r.stream.take(':'); err != nil {
		return err
	}
	if c, err = r.stream.next(); err != nil {
		return err
	}
	if name == "entry" && c == '[' {
		r.top.members = append(r.top.members, member{key: name, value: value{sort: array}})
		r.stream.at++
		if c, err = r.stream.next(); err != nil {
			return err
		}
		if c == ']' {
			r.stream.at++
			return r.after('}')
		}
		r.state = inEntries
		return nil
	}
	raw, _, err := r.stream.raw()
	if err != nil {
		return err
	}
	if r.held += len(raw); r.held > maxResource {
		return &record.Error{Line: line, Rule: "C02", Text: fmt.Sprintf("a resource of more than %d bytes", maxResource), Hint: "a report has counts, not their subjects; let the sender leave these out"}
	}
	v, err := parse(append([]byte(nil), raw...)) // what is kept of it must stay
	if err != nil {
		return r.stream.fault(err, jsonHint)
	}
	r.top.members = append(r.top.members, member{key: name, value: v})
	return r.after('}')
}

// after reads the comma behind a member or an entry, or the closing bracket.
func (r *Reader) after(closing byte) error {
	c, err := r.stream.next()
	switch {
	case err != nil:
		return err
	case c == ',':
		r.stream.at++
		if c, err = r.stream.next(); err != nil {
			return err
		}
		if c == closing {
			return r.stream.fault(errJSON, jsonHint)
		}
		return nil
	case c != closing:
		return r.stream.fault(errJSON, jsonHint)
	}
	r.stream.at++
	if closing == ']' {
		r.state = inObject
		return r.after('}')
	}
	return r.finish()
}

// readEntry reads one entry of a Bundle.
func (r *Reader) readEntry() error {
	raw, line, err := r.stream.raw()
	if err != nil {
		return err
	}
	r.entry++
	raw = bytes.Clone(raw) // of which the texts stay until their row is given
	v, err := parse(raw)
	if err == nil && v.sort != object {
		err = errJSON
	}
	if err != nil {
		return &record.Error{Line: line, Rule: "C02", Text: "the JSON is malformed: " + err.Error(), Hint: jsonHint}
	}
	r.raw, r.place = raw, fmt.Sprintf("entry %d, line %d", r.entry, line)
	if unknownKey(&v, "id", "extension", "link", "fullUrl", "resource", "search", "request", "response") {
		return strange(line)
	}
	if method := v.get("request").get("method").str(); method != "" && method != "POST" && method != "PUT" {
		return &record.Error{Line: line, Rule: "C03", Text: "an entry is no report but a request", Hint: "let the sender write reports; what is no longer true goes by a snapshot without it"}
	}
	r.beside(&v, []string{"resource"})
	if mode := v.get("search").get("mode").str(); mode == "" || mode == "match" {
		r.match++
	}
	if res := v.get("resource"); res.sort != object {
		r.others++
	} else if err := r.resource(res, v.get("fullUrl").str(), line); err != nil {
		return err
	}
	return r.after(']')
}

// finish holds, at the end of the outermost object, what it is. A report gives
// its rows now.
func (r *Reader) finish() error {
	r.state = ended
	if err := r.stream.end(); err != nil {
		return err
	}
	switch typ := r.top.get("resourceType").str(); {
	case typ == "Bundle":
		return r.bundle()
	case r.top.get("entry").sort != absent, typ == "":
		return &record.Error{Rule: "C03", Text: "the file is neither a resource nor a Bundle of FHIR", Hint: "the file may be of another feed; for one resource a line declare fhir: {form: ndjson} in the feed"}
	case typ != "MeasureReport":
		return &record.Error{Rule: "C03", Text: "the file is a resource that is no MeasureReport", Hint: "the file may be of another feed"}
	}
	r.place = "line 1"
	r.rows = r.rowsOf(&r.top)
	r.given(&r.top)
	r.besideReport(&r.top)
	return nil
}

// bundle holds that a Bundle is whole and holds reports as they are now.
func (r *Reader) bundle() error {
	if unknownKey(&r.top, "resourceType", "id", "meta", "language", "identifier", "type", "timestamp", "total", "link", "entry", "signature", "issues") {
		return strange(0)
	}
	switch typ := r.top.get("type").str(); typ {
	case "collection", "searchset", "batch", "transaction", "message":
	case "history", "document", "transaction-response", "batch-response":
		return &record.Error{Rule: "C03", Text: "the Bundle is of the type " + typ + ", which is not read", Hint: "let the sender write a collection, or the result of a search"}
	default:
		return &record.Error{Rule: "C03", Text: "the Bundle has no type that is known", Hint: "let the sender write a collection, or the result of a search"}
	}
	if !r.reports && r.others > 0 {
		return &record.Error{Rule: "C03", Text: fmt.Sprintf("the Bundle has no MeasureReport, and %s", record.Count(int64(r.others), "resource")),
			Hint: "the file may be of another feed; a delivery without reports is a Bundle without entries"}
	}
	of := r.aside // goes with the rows of the last entry
	r.aside = nil
	r.beside(&r.top, []string{"total"})
	r.rest()
	r.aside = of
	for _, l := range r.top.get("link").items() {
		if l.value.get("relation").str() == "next" {
			return &record.Error{Rule: "C04", Text: "the Bundle says that a further page follows", Hint: "one page is not the whole; let the sender join all pages, or write a bulk export"}
		}
	}
	if total := r.top.get("total"); r.top.get("type").str() == "searchset" && total.sort == number {
		if n, err := strconv.Atoi(string(total.text)); err != nil || n > r.match {
			return &record.Error{Rule: "C04", Text: fmt.Sprintf("the Bundle counts more matches than the %d that it has", r.match), Hint: "one page is not the whole; let the sender join all pages, or write a bulk export"}
		}
	}
	return nil
}

// unknownKey reports whether an object has a key that is none of these, nor
// what goes with one of them.
func unknownKey(v *value, known ...string) bool {
	return slices.ContainsFunc(v.members, func(m member) bool { return !slices.Contains(known, strings.TrimPrefix(m.key, "_")) })
}

// strange is the fault of a Bundle with a key that FHIR does not have: what it
// means may be left out.
func strange(line uint64) *record.Error {
	return &record.Error{Line: line, Rule: "C03", Text: "the Bundle, or an entry of it, has a key that a Bundle of FHIR does not have", Hint: "let the sender write it as FHIR R4 says"}
}

// Close frees what the reader holds. It leaves the source open.
func (r *Reader) Close() error {
	r.rows, r.places, r.top, r.err = nil, nil, value{}, errors.New("fhir: the reader is closed")
	r.next = 0
	return nil
}
