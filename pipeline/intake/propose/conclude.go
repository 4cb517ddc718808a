package propose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// conclude makes of the columns what the definition says of them.
func (p *Proposal) conclude() error {
	if len(p.columns) == 0 || p.Records == 0 {
		return fmt.Errorf("%w: it has no rows, and only rows show what columns hold", ErrUnknown)
	}
	p.numbers()
	left := p.columns
	take := func(c *column) *column {
		left = slices.DeleteFunc(slices.Clone(left), func(o *column) bool { return o == c })
		return c
	}
	f := &p.Feed
	f.Columns.UnitSystem = UnitSystem
	for _, c := range p.columns {
		if !c.isPerson() {
			continue
		}
		v := c.person.Verdict()
		if f.Columns.Subject == "" {
			f.Columns.Subject = c.name
			p.why("subject", "%d of %d fields hold numbers like those of persons (%s)", v.Hits, v.Fields, v.Kind)
			take(c)
			continue
		}
		f.Identifiers = append(f.Identifiers, c.name)
		p.why("identifiers", "%s: %d of %d fields hold numbers like those of persons", c.name, v.Hits, v.Fields)
	}
	if c := named(left, "subject"); f.Columns.Subject == "" && c != nil {
		f.Columns.Subject = take(c).name
		p.why("subject", "by its name")
	}
	if c := p.eventDate(left); c != nil {
		f.Columns.EventDate = take(c).name
	}
	unit := named(left, "unit")
	if unit != nil {
		p.why("unit", "by its name; %d different values", len(unit.distinct))
	} else if unit = p.likelyUnit(left); unit != nil {
		p.why("unit", "a text of %d different values in %d rows; no column has a name that says it", len(unit.distinct), unit.full)
		p.warn("the unit is guessed: is it %q?", unit.name)
	}
	if unit == nil {
		f.Columns.Unit = "=UNIT"
		p.warn("no column looks like the unit; if the file is one unit's, write its code after =")
	} else {
		f.Columns.Unit = take(unit).name
		if unit.empty > 0 {
			p.warn("%d rows have no unit", unit.empty)
		}
	}
	p.measured(left)
	used := p.used()
	for _, c := range p.columns {
		if !used[c.name] {
			f.IgnoreColumns = append(f.IgnoreColumns, c.name)
		}
	}
	p.keys()
	return nil
}

// named is the first column whose name says that role.
func named(cols []*column, as string) *column {
	for _, c := range cols {
		if role(c.name) == as && !c.isPerson() {
			return c
		}
	}
	return nil
}

// numbers chooses the decimal sign and the separator of thousands: those with
// which most columns are numbers; the plainest of them.
func (p *Proposal) numbers() {
	forms, best, most := numberForms(), 0, -1
	for i := range forms {
		if d := p.Feed.Dialect.Delimiter; p.Feed.Format == "delimited" && (forms[i][0] == d) {
			continue
		}
		if (p.Feed.Format == "ndjson" || p.Feed.Format == "parquet" || p.Feed.Format == "arrow" || p.Feed.Format == "xlsx") && i > 0 {
			continue // typed numbers have a point
		}
		n := 0
		for _, c := range p.columns {
			if c.isNumber(i) {
				n++
			}
		}
		if n > most {
			best, most = i, n
		}
	}
	best = p.wholeCounts(forms, best)
	d := &p.Feed.Dialect
	d.Decimal, d.Thousands = forms[best][0], forms[best][1]
	for _, c := range p.columns {
		if c.full == c.worded {
			continue
		}
		if c.isNumber(best) {
			if c.fraction > 0 {
				p.why("decimal", "%s: %d numbers, %d of them with decimals or thousands", c.name, c.numbers[best].n, c.fraction)
			}
			if c.thirds > 0 && c.thirds == c.fraction {
				p.warn("in %q every comma or point has three digits behind it: it may be of decimals or of thousands; ask the sender", c.name)
			}
			for w := range c.words {
				if !slices.Contains(d.Missing, w) {
					d.Missing = append(d.Missing, w)
				}
			}
			continue
		}
		if n := c.numbers[best].n; n > 0 && n*10 > (c.full-c.worded)*9 {
			first := c.numbers[best].bad
			if first == 0 || c.texted > 0 && c.texted < first {
				first = c.texted
			}
			p.warn("%q is a number in %d of %d rows; line %d is the first in which it is not", c.name, n, c.full, first)
		}
	}
	slices.Sort(d.Missing)
	if len(d.Missing) > 0 {
		p.why("missing", "texts in columns of numbers")
	}
	if len(p.evidence["decimal"]) == 0 {
		p.why("decimal", "no number has decimals")
	}
}

// wholeCounts is the form in which counts are whole: where every sign in a column
// of counts has three digits behind it, it stands between thousands, unless other
// columns say that it is the decimal sign.
func (p *Proposal) wholeCounts(forms [][2]string, best int) int {
	counted, other := "", slices.Index(forms, [2]string{map[string]string{".": ",", ",": "."}[forms[best][0]], forms[best][0]})
	if forms[best][1] != "" || other < 0 || p.Feed.Format == "delimited" && forms[other][0] == p.Feed.Dialect.Delimiter {
		return best
	}
	for _, c := range p.columns {
		if r := role(c.name); (r == "numerator" || r == "denominator") && c.isNumber(best) && c.fraction > 0 && c.thirds == c.fraction {
			counted = c.name
		}
		if c.isNumber(best) && !c.isNumber(other) {
			return best
		}
	}
	if counted == "" {
		return best
	}
	p.why("thousands", "%s: a count is whole, and every sign in it has three digits behind it", counted)
	return other
}

// eventDate is the column of the event date, and sets the form of dates.
func (p *Proposal) eventDate(cols []*column) *column {
	const unnamedDates = 5 // rows; of fewer, numbers may be dates by chance
	var found *column
	form := -1
	for _, plain := range []bool{false, true} {
		for _, wanted := range []bool{true, false} {
			for _, c := range cols {
				if found != nil || wanted != (role(c.name) == "date") || plain && !wanted {
					continue
				}
				if i := c.isDate(plain); i >= 0 {
					found, form = c, i
				}
			}
		}
	}
	// No name says it: what can be no number, or reads as a date in every row.
	for _, c := range cols {
		if i := c.isDate(true); found == nil && i >= 0 && dateForms()[i] != "year" && c.full >= unnamedDates {
			found, form = c, i
			p.warn("the event date is guessed: is it %q?", c.name)
		}
	}
	if found == nil {
		p.Feed.Columns.EventDate = "=2000-01-01"
		p.warn("no column is a date of a form that is read; name the column of the event date, or write the date of the whole file after =")
		for _, c := range p.columns {
			if c.american > 0 {
				p.warn("%q holds dates with the month first (line %d): they are not read; let the sender write 2024-05-31", c.name, c.american)
			}
		}
		return nil
	}
	p.Feed.Dialect.Dates = dateForms()[form]
	p.why("dates", "%s: all %d dates have this form", found.name, found.full-found.worded)
	if p.Feed.Dialect.Dates == "dd/mm/yyyy" {
		american := found.american > 0
		for _, c := range p.columns {
			american = american || c.american > 0
		}
		switch {
		case american:
			p.warn("other columns hold dates with the month first")
		case found.dayFirst > 0:
			p.why("dates", "the day is first: line %d has more than 12 there", found.dayFirst)
		default:
			p.warn("dates with slashes may have the day or the month first: no date here has a month above 12 in second place, so hold one against the sender's calendar")
		}
	}
	for w := range found.words {
		if !slices.Contains(p.Feed.Dialect.Missing, w) {
			p.Feed.Dialect.Missing = append(p.Feed.Dialect.Missing, w)
		}
	}
	slices.Sort(p.Feed.Dialect.Missing)
	for _, c := range cols {
		if i := c.isDate(false); c != found && i >= 0 && i != form {
			p.warn("%q holds dates of another form, %s: a feed has one", c.name, dateForms()[i])
		}
	}
	return found
}

// likelyUnit is the text with fewest different values, of which most rows have
// one.
func (p *Proposal) likelyUnit(cols []*column) *column {
	var best *column
	for _, c := range cols {
		if role(c.name) != "" || ofPersons(c.name) || c.empty > 0 || c.isPerson() || c.isDate(false) >= 0 || len(c.distinct) >= maxDistinct ||
			c.isNumber(p.form()) || int64(len(c.distinct))*2 > c.full && c.full > 20 {
			continue
		}
		if best == nil || len(c.distinct) < len(best.distinct) {
			best = c
		}
	}
	return best
}

// ofPersons reports whether a name says that the column groups persons, not
// units.
func ofPersons(name string) bool {
	return slices.Contains([]string{"kön", "kon", "kjønn", "kjonn", "køn", "koen", "sex", "gender", "ålder", "alder", "age", "åldersgrupp", "aldersgruppe", "agegroup"}, strings.ToLower(name))
}

// form is the chosen form of numbers.
func (p *Proposal) form() int {
	d := p.Feed.Dialect
	return slices.Index(numberForms(), [2]string{d.Decimal, d.Thousands})
}

// measured says what is counted.
func (p *Proposal) measured(cols []*column) {
	f := &p.Feed
	number := func(as string) string {
		for _, c := range cols {
			if role(c.name) == as && c.isNumber(p.form()) {
				return c.name
			}
		}
		return ""
	}
	numerator, denominator, value := number("numerator"), number("denominator"), number("value")
	if indicator := named(cols, "indicator"); indicator != nil && (numerator != "" || value != "") {
		f.Columns.Indicator, f.Columns.Numerator, f.Columns.Denominator, f.Columns.Value = indicator.name, numerator, denominator, value
		p.why("indicator", "by its name; %d different values: one row tells one indicator", len(indicator.distinct))
		return
	}
	id := f.ID
	switch {
	case numerator != "" && denominator != "":
		f.Measures = []catalog.Measure{{Indicator: id, Numerator: numerator, Denominator: denominator}}
		p.Needs = []Need{{id, catalog.Proportion}}
		p.why("measures", "numerator and denominator by their names")
	default:
		taken := map[string]bool{}
		for _, c := range cols {
			if !c.isNumber(p.form()) || c.isPerson() || role(c.name) == "rate" || role(c.name) == "date" || role(c.name) == "expected" || role(c.name) == "unit" || role(c.name) == "indicator" ||
				role(c.name) == "" && c.isSerial() {
				continue
			}
			mine := slug(f.ID + "_" + c.name)
			for n := 2; taken[mine]; n++ {
				mine = fmt.Sprintf("%s_%d", slug(f.ID+"_"+c.name), n)
			}
			taken[mine] = true
			if c.isTruth() {
				f.Measures = append(f.Measures, catalog.Measure{Indicator: mine, Numerator: c.name, Denominator: "=1"})
				p.Needs = append(p.Needs, Need{mine, catalog.Proportion})
				p.why("measures", "%s: 0 or 1 in every row that has it, so one of a case", c.name)
				continue
			}
			f.Measures = append(f.Measures, catalog.Measure{Indicator: mine, Value: c.name})
			p.Needs = append(p.Needs, Need{mine, catalog.Mean})
		}
		p.why("measures", "columns that are numbers in every row; say for each whether it is a value, or numerator and denominator, and list the others under ignore_columns")
	}
	if len(f.Measures) == 0 {
		f.Measures = []catalog.Measure{{Indicator: id, Numerator: "=1"}}
		p.Needs = []Need{{id, catalog.Count}}
		p.why("measures", "no column is a number in every row, so rows are counted")
	}
}

// used are the columns that the definition reads.
func (p *Proposal) used() map[string]bool {
	c := p.Feed.Columns
	out := map[string]bool{}
	for _, n := range []string{c.Unit, c.Indicator, c.EventDate, c.Subject, c.Numerator, c.Denominator, c.Value} {
		out[n] = true
	}
	for _, m := range p.Feed.Measures {
		out[m.Numerator], out[m.Denominator], out[m.Value] = true, true, true
	}
	return out
}

// keys tells which columns could be a key.
func (p *Proposal) keys() {
	var one []string
	for _, c := range p.columns {
		if c.empty == 0 && int64(len(c.distinct)) == p.Records && p.Records > 1 && len(c.distinct) < maxDistinct && !c.isPerson() {
			one = append(one, c.name)
		}
	}
	if len(one) > 0 {
		p.why("key", "different in every row: %s", strings.Join(one, ", "))
	} else {
		p.why("key", "no column is different in every row")
	}
}

// Columns are the names of the columns, in the order of the file.
func (p *Proposal) Columns() []string {
	var out []string
	for _, c := range p.columns {
		out = append(out, c.name)
	}
	return out
}

// Evidence is why a key of the definition is proposed.
func (p *Proposal) Evidence() map[string][]string { return maps.Clone(p.evidence) }
