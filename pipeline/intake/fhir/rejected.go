package fhir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// RuleSystem is the system of the codes by which an OperationOutcome names the
// check that a report breaks. By it a Reader knows reports that come back.
const RuleSystem = "urn:larstrom:check"

// Report is a report as it was delivered, for the file of rejected rows. It may
// be written once it has been masked.
type Report struct {
	of    *Reader
	value value
	place string
	// reference and id are those of an Organization of the Bundle, by which alone
	// the unit is known.
	reference, id string
	masked        []byte
	hidden        bool
}

// Report is the report of the row that was given last; nil where that is none.
func (r *Reader) Report() *Report {
	if r.rec.Malformed != "" {
		return nil
	}
	return r.report
}

// given keeps the report whose rows are given now.
func (r *Reader) given(v *value) {
	from := r.opt.Unit.From
	if from == "" {
		from = "reporter"
	}
	r.report = &Report{of: r, value: *v, place: r.place}
	ref := v.get(from)
	if key := ref.get("reference").str(); r.opt.Unit.System != "" && identified(ref, r.opt.Unit.System) == "" && key != "" && r.places[key] != "" {
		r.report.reference, r.report.id = key, r.places[key]
	}
}

// Mask prepares the report for its sender: texts in which hide finds something
// stand as what it gives, those of the subject of an individual report as
// outlines. It reports whether there were any. Only the first call does.
func (p *Report) Mask(hide func(text string) (string, bool), outline func(text string) string) bool {
	if p.masked != nil {
		return p.hidden
	}
	m := masker{hide: hide, outline: outline, unit: p.of.unitOf}
	if p.of.opt.Reports == individual {
		m.subject = true
		m.local, _ = strings.CutPrefix(p.value.get("subject").get("reference").str(), "#")
	}
	p.masked = m.value(nil, &p.value, 0, false)
	p.hidden = m.hidden
	p.value = value{} // its memory is the reader's
	return p.hidden
}

// masker writes a report again.
type masker struct {
	hide    func(string) (string, bool)
	outline func(string) string
	unit    func(*value, *member) bool
	subject bool   // the report has one
	local   string // the id of the contained resource that is it
	hidden  bool
}

func (m *masker) text(s string, secret bool) string {
	if secret {
		m.hidden = m.hidden || s != ""
		return m.outline(s)
	}
	if masked, found := m.hide(s); found {
		m.hidden = true
		return masked
	}
	return s
}

func (m *masker) value(b []byte, v *value, depth int, secret bool) []byte {
	switch v.sort {
	case object:
		b = append(b, '{')
		for i := range v.members {
			of := &v.members[i]
			if i > 0 {
				b = append(b, ',')
			}
			b = append(quote(b, m.text(of.key, false)), ':')
			hides := secret || m.subject && depth == 0 && of.key == "subject"
			switch {
			case m.subject && depth == 0 && of.key == "contained" && of.value.sort == array:
				b = m.contained(b, &of.value)
			case !hides && of.value.sort != object && of.value.sort != array &&
				(of.key == "code" && v.get("system").str() == snomed || m.unit(v, of) || of.key == "count"):
				b = plain(b, &of.value)
			default:
				b = m.value(b, &of.value, depth+1, hides)
			}
		}
		return append(b, '}')
	case array:
		b = append(b, '[')
		for i := range v.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = m.value(b, &v.members[i].value, depth+1, secret)
		}
		return append(b, ']')
	case text:
		return quote(b, m.text(string(v.text), secret))
	case number:
		if masked := m.text(string(v.text), secret); masked != string(v.text) {
			return quote(b, masked)
		}
	}
	return plain(b, v)
}

// contained writes the resources in a report, its subject by outlines.
func (m *masker) contained(b []byte, v *value) []byte {
	b = append(b, '[')
	for i := range v.members {
		if i > 0 {
			b = append(b, ',')
		}
		one := &v.members[i].value
		if m.local == "" || one.get("id").str() != m.local {
			b = m.value(b, one, 2, false)
			continue
		}
		b = append(b, '{')
		for k := range one.members {
			if k > 0 {
				b = append(b, ',')
			}
			key := one.members[k].key
			b = append(quote(b, key), ':')
			b = m.value(b, &one.members[k].value, 2, key != "resourceType" && key != "id")
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

func plain(b []byte, v *value) []byte {
	switch v.sort {
	case text:
		return quote(b, string(v.text))
	case absent, null:
		return append(b, "null"...)
	}
	return append(b, v.text...)
}

func quote(b []byte, text string) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text is always written
	return append(b, bytes.TrimRight(out.Bytes(), "\n")...)
}

// Issue is one thing that is wrong with a row of a report.
type Issue struct {
	// Place is that of the row, Column the field of it; empty: the whole.
	Place, Column    string
	Rule, Text, Hint string
	// Parked rows wait for a catalog that knows their unit or measure.
	Parked bool
}

// code is the IssueType of a check.
func (i *Issue) code() string {
	switch i.Rule {
	case "C06":
		return "value"
	case "C07", "C08":
		return "not-found"
	case "C02", "C03":
		return "structure"
	case "C15":
		return "security"
	case "C09", "C17":
		return "code-invalid"
	case "C10":
		return "duplicate"
	}
	return "business-rule"
}

// expression is where the fault stands, in FHIRPath.
func (i *Issue) expression(unit string) string {
	row := "MeasureReport.group[0]"
	if _, path, ok := strings.Cut(i.Place, rowMark); ok {
		row = "MeasureReport." + rowPath + path
	}
	switch i.Column {
	case "":
		return "MeasureReport"
	case colUnit:
		if unit == "" {
			unit = "reporter"
		}
		return "MeasureReport." + unit
	case colSubject, colDate:
		return "MeasureReport." + i.Column
	case colStart, colEnd:
		return "MeasureReport.period." + i.Column
	case colReport:
		return "MeasureReport.id"
	case colMeasure, colIndicator, colVersion:
		return "MeasureReport.measure"
	case colGroup:
		return row + ".code"
	case colStratifier, colStratum:
		return row
	case colScore:
		return row + ".measureScore"
	}
	return row + ".population.where(code.coding.code = '" + strings.ReplaceAll(i.Column, "'", `\'`) + "').count"
}

// A row of a group or stratum has its path behind the place of its report.
const (
	rowPath = "group["
	rowMark = ", " + rowPath
)

// Writer writes rejected reports: a Bundle, or one resource a line, in which an
// OperationOutcome stands before each report that it is about. Mended, it can be
// sent again as it is.
type Writer struct {
	w     io.Writer
	lines bool
	unit  string // where that stands
	begun bool
	// system is that of the identifiers of units, and told are the Organizations
	// that have been written.
	system string
	told   []string
	err    error
}

// NewWriter writes as the options say that the reports come.
func NewWriter(w io.Writer, opt Options) *Writer {
	return &Writer{w: w, lines: opt.Lines, unit: opt.Unit.From, system: opt.Unit.System}
}

type coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

type concept struct {
	Coding []coding `json:"coding"`
	Text   string   `json:"text"`
}

type outcomeIssue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Details     concept  `json:"details"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

type outcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []outcomeIssue `json:"issue"`
}

// Write writes one report with what is wrong with it. nil is one that could not
// be read.
func (w *Writer) Write(p *Report, issues []Issue) error {
	out := outcome{ResourceType: "OperationOutcome"}
	for i := range issues {
		one := &issues[i]
		said := outcomeIssue{Severity: "error", Code: one.code(), Details: concept{[]coding{{RuleSystem, one.Rule}}, one.Text}, Diagnostics: one.Hint}
		if one.Parked {
			said.Severity, said.Details.Text = "warning", one.Text+" (parked: it is tried again when the catalog changes)"
		}
		if p != nil {
			said.Expression = []string{one.expression(w.unit)}
		}
		if one.Place != "" {
			said.Diagnostics = one.Place + ": " + one.Hint
		}
		out.Issue = append(out.Issue, said)
	}
	if p != nil && p.reference != "" && !slices.Contains(w.told, p.reference) {
		w.told = append(w.told, p.reference)
		w.organisation(p)
	}
	w.resource("", quoteAll(out))
	if p != nil {
		w.resource("", p.masked)
	}
	return w.err
}

// organisation writes the place by which the unit of a report is known.
func (w *Writer) organisation(p *Report) {
	typ, id, full := "Organization", "", p.reference
	if parts := strings.Split(p.reference, "/"); len(parts) == 2 && parts[1] != "" {
		typ, id, full = parts[0], parts[1], ""
	}
	place := map[string]any{"resourceType": typ, "identifier": []map[string]string{{"system": w.system, "value": p.id}}}
	if id != "" {
		place["id"] = id
	}
	w.resource(full, quoteAll(place))
}

func quoteAll(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // texts in structs and maps are always written
	return bytes.TrimRight(out.Bytes(), "\n")
}

func (w *Writer) resource(fullURL string, b []byte) {
	var out []byte
	switch {
	case w.lines:
		out = append(append(out, b...), '\n')
	default:
		if !w.begun {
			out = append(out, `{"resourceType":"Bundle","type":"collection","entry":[`...)
		} else {
			out = append(out, ',')
		}
		out = append(out, "\n{"...)
		if fullURL != "" {
			out = append(quote(append(out, `"fullUrl":`...), fullURL), ',')
		}
		out = append(append(append(out, `"resource":`...), b...), '}')
	}
	w.begun = true
	if w.err == nil {
		if _, err := w.w.Write(out); err != nil {
			w.err = fmt.Errorf("write reports: %w", err)
		}
	}
}

// Close ends the Bundle. It leaves what it writes to open.
func (w *Writer) Close() error {
	if w.err == nil && w.begun && !w.lines {
		_, w.err = io.WriteString(w.w, "\n]}\n")
	}
	return w.err
}

// comesBack reports whether a resource says of reports that they were rejected.
func comesBack(v *value) bool {
	for _, i := range v.get("issue").items() {
		for _, c := range i.value.get("details").get("coding").items() {
			if c.value.get("system").str() == RuleSystem {
				return true
			}
		}
	}
	return false
}
