package propose

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// YAML is the definition with its evidence as comments, ready for a catalog
// that has the registry, the units and the indicators.
func (p *Proposal) YAML() string {
	w := &writer{p: p}
	f := &p.Feed
	w.comment(0, "A proposed feed definition: detection proposes, you declare. %s.", p.looked())
	for _, warning := range p.Warnings {
		w.comment(0, "DECIDE: %s", warning)
	}
	if len(p.Needs) > 0 {
		w.comment(0, "The catalog must have these indicators; say of each what it is:")
		for _, n := range p.Needs {
			w.comment(0, "  %s (a %s can be read so)", n.ID, n.Type)
		}
	}
	w.line("feeds:")
	w.line("  - id: %s", f.ID)
	w.line("    registry: %s # yours", f.Registry)
	w.line("    files: [%s]", text(f.Files[0]))
	w.key("format", "    format: %s", f.Format)
	if f.Compression != "" {
		w.key("compression", "    compression: %s", f.Compression)
	}
	if f.XLSX.HeaderRow > 0 {
		w.key("xlsx", "    xlsx: {header_row: %d}", f.XLSX.HeaderRow)
	}
	if f.NDJSON.Absent != "" {
		w.key("ndjson", "    ndjson: {absent: %s}", f.NDJSON.Absent)
	}
	w.dialect()
	if len(f.Fixed) > 0 {
		w.line("    fixed:")
		for _, c := range f.Fixed {
			w.line("      - {name: %s, from: %d, width: %d}", text(c.Name), c.From, c.Width)
		}
	}
	if h := f.FHIR; h != nil {
		w.line("    fhir:")
		if h.Form != "" {
			w.line("      form: %s", h.Form)
		}
		w.line("      reports: %s", h.Reports)
		w.line("      measures:")
		for _, m := range h.Measures {
			group := ""
			if m.Group != "" {
				group = ", group: " + text(m.Group)
			}
			w.line("        - {url: %s%s, indicator: %s}", text(m.URL), group, m.Indicator)
		}
	}
	switch f.Complete.By {
	case "trailer":
		w.key("complete", "    complete: {by: trailer, pattern: %s}", text(f.Complete.Pattern))
	case "none":
		w.key("complete", "    complete: none")
	}
	w.line("    delivery: snapshot # or delta, with key: what a file does not contain is gone, or stays?")
	w.line("    scope: file # or all, or {window: months, months: 24}: which periods does a file replace?")
	w.columns()
	return w.b.String()
}

func (p *Proposal) looked() string {
	if p.Whole {
		return fmt.Sprintf("All %d rows were looked at", p.Records)
	}
	return fmt.Sprintf("The first %d rows were looked at", p.Records)
}

type writer struct {
	p *Proposal
	b strings.Builder
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

func (w *writer) comment(indent int, format string, args ...any) {
	s := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // a comment has no escapes
			return ' '
		}
		return r
	}, fmt.Sprintf(format, args...))
	w.line("%s# %s", strings.Repeat(" ", indent), s)
}

// key writes the evidence of a key above its line.
func (w *writer) key(key, format string, args ...any) {
	indent := len(format) - len(strings.TrimLeft(format, " "))
	for _, e := range w.p.evidence[key] {
		w.comment(indent, "%s", e)
	}
	w.line(format, args...)
}

func (w *writer) dialect() {
	d, f := &w.p.Feed.Dialect, &w.p.Feed
	if f.Format == "fhir" {
		if d.Encoding == "utf-8-bom" {
			w.line("    dialect: {encoding: utf-8-bom}")
		}
		return
	}
	w.line("    dialect:")
	if f.Format == "delimited" || f.Format == "fixed" || f.Format == "ndjson" {
		w.key("encoding", "      encoding: %s", d.Encoding)
	}
	if e := w.p.evidence["line ends"]; len(e) > 0 {
		w.comment(6, "line ends, which are not declared: %s", strings.Join(e, "; "))
	}
	if f.Format == "delimited" {
		w.key("delimiter", "      delimiter: %s", text(d.Delimiter))
		w.key("quote", "      quote: %s", text(d.Quote))
		if d.Guards {
			w.key("guards", "      guards: true")
		}
	}
	if d.Preamble.Lines > 0 {
		w.key("preamble", "      preamble: {lines: %d}", d.Preamble.Lines)
	}
	if f.Format == "delimited" || f.Format == "fixed" {
		w.key("header", "      header: %t", d.Header)
	}
	if len(d.Names) > 0 {
		w.line("      names: [%s]", list(d.Names))
	}
	if d.NamelessLast {
		w.key("nameless_last", "      nameless_last: true")
	}
	w.key("decimal", "      decimal: %s", text(d.Decimal))
	if d.Thousands != "" {
		w.key("thousands", "      thousands: %s", text(d.Thousands))
	}
	w.key("dates", "      dates: %s", d.Dates)
	if len(d.Missing) > 0 {
		w.key("missing", "      missing: [%s]", list(d.Missing))
	}
}

func (w *writer) columns() {
	f := &w.p.Feed
	for _, e := range w.p.evidence["key"] {
		w.comment(4, "key: %s", e)
	}
	w.line("    columns:")
	w.key("unit", "      unit: %s", text(f.Columns.Unit))
	w.line("      unit_system: %s # that of the codes: hsa, sor, resh, ods, local", f.Columns.UnitSystem)
	w.line("      event_date: %s", text(f.Columns.EventDate))
	for _, c := range [][2]string{{"period_end", f.Columns.PeriodEnd}, {"indicator", f.Columns.Indicator}, {"subject", f.Columns.Subject}, {"numerator", f.Columns.Numerator},
		{"denominator", f.Columns.Denominator}, {"value", f.Columns.Value}} {
		if c[1] != "" {
			w.key(c[0], "      "+c[0]+": %s", text(c[1]))
		}
	}
	if len(f.Measures) > 0 {
		w.key("measures", "    measures:")
		for _, m := range f.Measures {
			var parts []string
			for _, c := range [][2]string{{"numerator", m.Numerator}, {"denominator", m.Denominator}, {"value", m.Value}} {
				if c[1] != "" {
					parts = append(parts, c[0]+": "+text(c[1]))
				}
			}
			w.line("      - {indicator: %s, %s}", m.Indicator, strings.Join(parts, ", "))
		}
	}
	if len(f.IgnoreColumns) > 0 {
		w.line("    ignore_columns: [%s]", list(f.IgnoreColumns))
	}
	if len(f.Identifiers) > 0 {
		w.key("identifiers", "    identifiers: [%s]", list(f.Identifiers))
	}
}

// text is a text as YAML takes it whatever it holds.
func text(s string) string { return strconv.Quote(s) }

func list(all []string) string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = text(s)
	}
	return strings.Join(out, ", ")
}
