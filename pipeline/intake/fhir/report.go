package fhir

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/record"
)

// Names of the rows' fields beside the codes of populations.
const (
	colReport     = "report"
	colMeasure    = "measure"
	colIndicator  = "indicator"
	colVersion    = "version"
	colUnit       = "unit"
	colSubject    = "subject"
	colDate       = "date"
	colStart      = "start"
	colEnd        = "end"
	colGroup      = "group"
	colStratifier = "stratifier"
	colStratum    = "stratum"
	colScore      = "score"
	numerator     = "numerator"
	denominator   = "denominator"
)

// excluded are the populations that a numerator or denominator may hold and
// its proportion does not.
func excluded(population string) []string {
	if population == numerator {
		return []string{"numerator-exclusion"}
	}
	return []string{"denominator-exclusion", "denominator-exception"}
}

// Exclusions of a feed.
const (
	subtract = "subtract"
	done     = "done"
)

const individual = "individual"

// row is one row of a report.
type row struct {
	fields map[string][]byte
	faults []record.Fault
	// path is where it stands in a report of several rows.
	path string
}

func (r *row) set(name, s string) { r.fields[name] = []byte(s) }

func (r *row) fault(column, rule, text, hint string) {
	r.faults = append(r.faults, record.Fault{Column: column, Rule: rule, Text: text, Hint: hint})
}

// rowsOf gives the rows of one report.
func (r *Reader) rowsOf(v *value) []row {
	top := row{fields: map[string][]byte{}}
	top.set(colReport, v.get("id").str())
	r.trust(v, &top)
	r.measure(v, &top)
	top.set(colUnit, r.unit(v, &top))
	if r.opt.Reports == individual {
		top.set(colSubject, r.person(v.get("subject")))
		if len(top.fields[colSubject]) == 0 {
			top.fault(colSubject, "C06", "an individual report without a subject", "let the sender name the subject by its identifier or reference")
		}
	}
	r.times(v, &top)
	groups := v.get("group").items()
	if len(groups) == 0 {
		if len(top.faults) == 0 {
			top.fault("", "C06", "the report has no group", "a report has the counts of at least one group")
		}
		r.indicator(&top, nil, true)
		return []row{top}
	}
	var rows []row
	for i := range groups {
		path := ""
		if len(groups) > 1 {
			path = fmt.Sprintf("%s%d]", rowMark, i)
		}
		for _, one := range r.group(&groups[i].value, &top, len(groups) == 1) {
			if one.path != "" {
				one.path = fmt.Sprintf("%s%d]%s", rowMark, i, one.path)
			} else {
				one.path = path
			}
			rows = append(rows, one)
		}
	}
	return rows
}

// trust holds that a report says what it seems to say.
func (r *Reader) trust(v *value, top *row) {
	switch typ := v.get("type").str(); {
	case typ == r.opt.Reports:
	case typ == "summary" || typ == individual:
		top.fault("", "C03", "the report is of the type "+typ+", the feed takes the type "+r.opt.Reports, "declare fhir.reports of the feed as the sender means it; two types need two feeds")
	case typ == "subject-list" || typ == "data-collection" || typ == "data-exchange":
		top.fault("", "C03", "the report is of the type "+typ+", which has no counts", "let the sender evaluate the measure as "+r.opt.Reports)
	default:
		top.fault("", "C03", "the report has no type that is known", "let the sender write type as "+r.opt.Reports)
	}
	switch status := v.get("status").str(); status {
	case "complete":
	case "pending", "error":
		top.fault("", "C06", "the report is not complete: its status is "+status, "send it again once the measure has been evaluated")
	default:
		top.fault("", "C06", "the report has no status that is known", "let the sender write complete")
	}
	if v.get("implicitRules").sort != absent || modified(v) {
		top.fault("", "C03", "the report has implicit rules or a modifier extension, which give it another meaning", "let the sender write a report that says what it means without them")
	}
}

// modified reports whether a modifier extension lies anywhere in a value.
func modified(v *value) bool {
	for i := range v.members {
		m := &v.members[i]
		if m.key == "modifierExtension" && len(m.value.members) > 0 && v.sort == object || m.key != "contained" && modified(&m.value) {
			return true
		}
	}
	return false
}

// measure splits the canonical URL.
func (r *Reader) measure(v *value, top *row) {
	canonical := v.get("measure").str()
	if canonical == "" {
		top.fault(colMeasure, "C08", "the report names no measure", "let the sender write measure, the canonical URL with the version")
	}
	top.set(colMeasure, canonical)
	_, version, _ := strings.Cut(canonical, "|")
	version, _, _ = strings.Cut(version, "#")
	top.set(colVersion, version)
}

// unit is the identifier of the organisation.
func (r *Reader) unit(v *value, top *row) string {
	from := r.opt.Unit.From
	if from == "" {
		from = "reporter"
	}
	ref := v.get(from)
	reference := ref.get("reference").str()
	if r.opt.Unit.System == "" {
		if id, ok := organisation(reference); ok {
			return id
		}
		return ref.get("identifier").get("value").str()
	}
	if id := identified(ref, r.opt.Unit.System); id != "" {
		return id
	}
	if local, ok := strings.CutPrefix(reference, "#"); ok {
		for _, c := range v.get("contained").items() {
			if c.value.get("id").str() == local {
				if id := identified(&c.value, r.opt.Unit.System); id != "" {
					return id
				}
			}
		}
	}
	if id := r.places[reference]; id != "" && reference != "" {
		return id
	}
	top.fault(colUnit, "C07", "the "+from+" has no identifier of the system that the feed names",
		"let the sender write it in "+from+".identifier, in a contained resource, or in an Organization that stands before the report in the Bundle; or correct fhir.unit.system of the feed")
	return ""
}

// organisation is the id in a reference to a place, and to nobody.
func organisation(reference string) (id string, ok bool) {
	parts := strings.Split(reference, "/")
	if n := len(parts); n >= 2 && (parts[n-2] == "Organization" || parts[n-2] == "Location") {
		return parts[n-1], parts[n-1] != ""
	}
	return "", false
}

// identified is the value of an identifier of the system: of a reference, which
// has one, or of a resource, which has several.
func identified(v *value, system string) string {
	id := v.get("identifier")
	if id.sort == object && id.get("system").str() == system {
		return id.get("value").str()
	}
	for _, m := range id.items() {
		if m.value.get("system").str() == system && m.value.get("use").str() != "old" {
			return m.value.get("value").str()
		}
	}
	return ""
}

// person is what tells one subject from others.
func (r *Reader) person(ref *value) string {
	if r.opt.SubjectSystem != "" {
		return identified(ref, r.opt.SubjectSystem)
	}
	if s := ref.get("reference").str(); s != "" {
		return s
	}
	return ref.get("identifier").get("value").str()
}

// times are the dates of a report.
func (r *Reader) times(v *value, top *row) {
	one := func(column string, at *value, last, must bool) {
		s := at.str()
		if s == "" {
			if must {
				top.fault(column, "C06", "the report has no "+column+" of its period", "let the sender write period with start and end")
			}
			return
		}
		day, ok := civil(s, last, r.opt.Zone)
		if !ok {
			top.fault(column, "C06", "not a date of FHIR", "as 2024, 2024-05, 2024-05-31 or 2024-05-31T23:59:59+02:00")
			return
		}
		top.set(column, day)
	}
	one(colStart, v.get("period").get("start"), false, true)
	one(colEnd, v.get("period").get("end"), true, true)
	one(colDate, v.get("date"), false, false)
}

// civil is the date of a dateTime in the zone. A year or month stands for its
// first day, or its last.
func civil(s string, last bool, zone *time.Location) (string, bool) {
	for _, layout := range []string{"2006", "2006-01", time.DateOnly} {
		if len(s) != len(layout) {
			continue
		}
		at, err := time.Parse(layout, s)
		if err != nil {
			return "", false
		}
		if last {
			switch layout {
			case "2006":
				at = at.AddDate(1, 0, -1)
			case "2006-01":
				at = at.AddDate(0, 1, -1)
			}
		}
		return at.Format(time.DateOnly), true
	}
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return "", false
	}
	if zone == nil {
		zone = time.UTC
	}
	return at.In(zone).Format(time.DateOnly), true
}

// group gives the row of a group and those of its strata.
func (r *Reader) group(v *value, top *row, alone bool) []row {
	codes := codesOf(v.get("code"))
	if id := v.get("id").str(); id != "" {
		codes = append(codes, id)
	}
	base := row{fields: map[string][]byte{}, faults: slices.Clone(top.faults)}
	for k, f := range top.fields {
		base.fields[k] = f
	}
	if len(codes) > 0 {
		base.set(colGroup, codes[0])
	}
	r.indicator(&base, codes, alone)
	rows := []row{r.counts(v, &base)}
	for k, s := range v.get("stratifier").items() {
		var keys []string
		for _, c := range s.value.get("code").items() {
			keys = append(keys, codesOf(&c.value)...)
		}
		if id := s.value.get("id").str(); id != "" {
			keys = append(keys, id)
		}
		i := slices.IndexFunc(keys, func(k string) bool { return slices.Contains(r.opt.Stratifiers, k) })
		if i < 0 {
			continue // the feed does not take it
		}
		for n, st := range s.value.get("stratum").items() {
			one := r.counts(&st.value, &base)
			one.path = fmt.Sprintf(".stratifier[%d].stratum[%d]", k, n)
			one.set(colStratifier, keys[i])
			name, ok := stratum(&st.value)
			if !ok {
				one.fault(colStratum, "C06", "a stratum without a value", "let the sender write its value, or those of its components")
			} else if len(r.opt.Stratifiers) > 1 {
				name = keys[i] + "=" + name
			}
			one.set(colStratum, name)
			rows = append(rows, one)
		}
	}
	return rows
}

// indicator looks the measure up.
func (r *Reader) indicator(to *row, codes []string, alone bool) {
	canonical := string(to.fields[colMeasure])
	url, _, _ := strings.Cut(canonical, "|")
	for _, want := range []string{canonical, url} {
		for i := range r.opt.Measures {
			m := &r.opt.Measures[i]
			if m.URL != want || m.Group == "" && !alone || m.Group != "" && !slices.Contains(codes, m.Group) {
				continue
			}
			to.set(colIndicator, m.Indicator)
			if m.Version != "" {
				to.set(colVersion, m.Version)
			}
			return
		}
	}
	r.unlisted++
	name := canonical
	if !alone {
		name += "#" + string(to.fields[colGroup])
	}
	to.set(colIndicator, name)
}

// codesOf are the codes of a concept, and its text.
func codesOf(v *value) []string {
	var out []string
	for _, c := range v.get("coding").items() {
		if s := c.value.get("code").str(); s != "" {
			out = append(out, s)
		}
	}
	if s := v.get("text").str(); s != "" {
		out = append(out, s)
	}
	return out
}

// isPopulation reports whether a field has the counts of the population. Another
// may be called as a field that says something else.
func isPopulation(code string) bool {
	all := catalog.FhirColumns()
	return slices.Contains(all[slices.Index(all, "initial-population"):], code)
}

// populations is the system of the codes that FHIR has for populations.
const populations = "http://terminology.hl7.org/CodeSystem/measure-population"

// populationOf is the code of a population: that of the system of FHIR, whatever
// codes of their own the sender writes before it; else the first that FHIR has,
// else the first.
func populationOf(concept *value) string {
	for _, c := range concept.get("coding").items() {
		if c.value.get("system").str() == populations {
			return c.value.get("code").str()
		}
	}
	codes := codesOf(concept)
	for _, c := range codes {
		if isPopulation(c) {
			return c
		}
	}
	if len(codes) == 0 {
		return ""
	}
	return codes[0]
}

// stratum is the name of a stratum: its first code, or those of its components.
func stratum(v *value) (string, bool) {
	if codes := codesOf(v.get("value")); len(codes) > 0 {
		return codes[0], true
	}
	var parts []string
	for _, c := range v.get("component").items() {
		key, val := codesOf(c.value.get("code")), codesOf(c.value.get("value"))
		if len(key) == 0 || len(val) == 0 {
			return "", false
		}
		parts = append(parts, key[0]+"="+val[0])
	}
	slices.Sort(parts)
	return strings.Join(parts, ";"), len(parts) > 0
}

const absentReason = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

// unknown reports whether an element says why it has no value.
func unknown(v *value) bool {
	for _, e := range v.get("extension").items() {
		if e.value.get("url").str() == absentReason {
			return true
		}
	}
	return false
}

// counts gives the row with the numbers of a group or stratum.
func (r *Reader) counts(v *value, base *row) row {
	one := row{fields: map[string][]byte{}, faults: slices.Clone(base.faults)}
	for k, f := range base.fields {
		one.fields[k] = f
	}
	known := map[string]*int64{} // by population; nil: it has no count
	for _, p := range v.get("population").items() {
		code := populationOf(p.value.get("code"))
		if code == "" {
			continue
		}
		if _, twice := known[code]; twice {
			one.fault(code, "C06", "the population stands twice in a group", "let the sender write each population once; several rates are several groups")
			continue
		}
		known[code] = nil
		count := p.value.get("count")
		if count.sort == absent || count.sort == null {
			continue // with a reason or without: no value
		}
		n, err := strconv.ParseInt(string(count.text), 10, 64)
		switch {
		case count.sort != number || err != nil:
			one.fault(code, "C06", "the count is not a whole number", "let the sender write it in digits, without quotes")
			continue
		case unknown(p.value.get("_count")):
			one.fault(code, "C06", "the count has a value and a reason why it has none", "let the sender write one of them")
			continue
		case r.opt.Reports == individual && n != 0 && n != 1:
			one.fault(code, "C06", "the count of an individual report is neither 0 nor 1", "an individual report counts its subject; let the sender write one report a subject and event, or summaries")
			continue
		}
		known[code] = &n
		if isPopulation(code) {
			one.fields[code] = count.text
		}
	}
	for _, population := range []string{numerator, denominator} {
		r.net(&one, population, known)
	}
	r.score(v.get("measureScore"), v.get("_measureScore"), &one)
	return one
}

// net takes what is excluded off a numerator or denominator.
func (r *Reader) net(one *row, population string, known map[string]*int64) {
	n := known[population]
	if n == nil {
		return
	}
	left := *n
	for _, code := range excluded(population) {
		off, there := known[code]
		switch {
		case !there || off != nil && *off == 0 || r.opt.Exclusions == done:
			continue
		case r.opt.Exclusions != subtract:
			one.fault(code, "C06", "the report has a "+code+", and the feed does not say whether its "+population+" holds it",
				"declare fhir.exclusions of the feed: subtract where it does, done where the sender has taken it off")
			return
		case off == nil:
			delete(one.fields, population) // it cannot be told
			return
		}
		left -= *off
	}
	if left != *n {
		one.fields[population] = strconv.AppendInt(nil, left, 10)
	}
}

// score is the sender's own result.
func (r *Reader) score(v, about *value, one *row) {
	val := v.get("value")
	switch {
	case v.sort == absent || val.sort == absent || val.sort == null:
	case val.sort != number:
		one.fault(colScore, "C06", "the score is not a number", "let the sender write it in digits, without quotes")
	case v.get("comparator").sort != absent:
		one.fault(colScore, "C06", "the score is a bound, not a value", "let the sender write the value itself, or leave it out")
	case unknown(v.get("_value")) || unknown(about) || unknown(v):
		one.fault(colScore, "C06", "the score has a value and a reason why it has none", "let the sender write one of them")
	default:
		text, ok := decimal(val.text, r.opt.Decimal)
		if !ok {
			one.fault(colScore, "C06", "the score has an exponent that no score has", "let the sender write it in plain digits")
			return
		}
		one.fields[colScore] = text
	}
}

// decimal writes a number of JSON in plain digits: an exponent moves its point,
// and no digit is lost.
func decimal(b []byte, point byte) ([]byte, bool) {
	if point == 0 {
		point = '.'
	}
	mantissa, exponent := b, int64(0)
	if i := bytes.IndexAny(b, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.ParseInt(string(b[i+1:]), 10, 64); err != nil || exponent > 60 || exponent < -60 {
			return nil, false
		}
		mantissa = b[:i]
	}
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(string(mantissa), ".")
	switch n := int(exponent); {
	case n > 0:
		fraction += strings.Repeat("0", max(0, n-len(fraction)))
		whole, fraction = whole+fraction[:n], fraction[n:]
	case n < 0:
		whole = strings.Repeat("0", max(0, -n-len(whole)+1)) + whole
		whole, fraction = whole[:len(whole)+n], whole[len(whole)+n:]+fraction
	}
	if exponent != 0 {
		if whole = strings.TrimLeft(whole, "0"); whole == "" {
			whole = "0"
		}
	}
	if fraction == "" {
		return []byte(sign + whole), true
	}
	return fmt.Appendf(nil, "%s%s%c%s", sign, whole, point, fraction), true
}
