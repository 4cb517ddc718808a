package stat

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/spc"
)

// roles are the columns that a table was found to have, -1 for none.
type roles struct {
	date, value, numerator, denominator, unit, subgroup, expected, sd, state int
}

// usual are the names by which a column is known where no flag names it: in
// English, Swedish, Danish and Norwegian, and as the common R packages call it.
func usual() map[string][]string {
	return map[string][]string{
		"date":        {"date", "datum", "dato", "month", "månad", "måned", "period", "periode", "period_start", "week", "vecka", "uke", "uge", "quarter", "kvartal", "year", "år", "day", "dag", "time", "tid", "x"},
		"value":       {"value", "värde", "verdi", "værdi", "mean", "medelvärde", "measurement", "y"},
		"numerator":   {"numerator", "num", "täljare", "tæller", "teller", "events", "observed", "obs", "count", "antal", "antall", "cases", "outcome"},
		"denominator": {"denominator", "den", "denom", "nämnare", "nævner", "nevner", "n", "total", "population", "size"},
		"unit":        {"unit", "enhet", "enhed", "clinic", "klinik", "klinikk", "hospital", "sjukhus", "sykehus", "sygehus", "health_centre", "vårdcentral", "organisation", "org_code", "trust", "provider", "group", "facet"},
		"subgroup":    {"subgroup", "sample", "batch", "undergrupp"},
		"expected":    {"expected", "förväntat", "forventet", "predicted", "risk", "e"},
		"sd":          {"sd", "std", "stdev"},
		"state":       {"state"},
	}
}

func normal(name string) string {
	return strings.NewReplacer(" ", "_", "-", "_", ".", "_").Replace(strings.ToLower(name))
}

// find settles the columns: those that are named, then the usual names.
func (t *table) find(c Columns) (roles, error) {
	r := roles{-1, -1, -1, -1, -1, -1, -1, -1, -1}
	taken := map[int]bool{}
	wanted := []struct {
		role, name string
		at         *int
	}{
		{"date", c.Date, &r.date}, {"value", c.Value, &r.value}, {"numerator", c.Numerator, &r.numerator}, {"denominator", c.Denominator, &r.denominator},
		{"unit", c.Unit, &r.unit}, {"subgroup", c.Subgroup, &r.subgroup}, {"expected", c.Expected, &r.expected}, {"sd", c.SD, &r.sd}, {"state", c.State, &r.state},
	}
	for _, w := range wanted {
		if w.name == "" {
			continue
		}
		if *w.at = t.index(w.name); *w.at < 0 {
			return r, t.unknown(w.role, w.name)
		}
		taken[*w.at] = true
	}
	names := usual()
	var found []string
	for _, w := range wanted {
		if w.name != "" {
			continue
		}
		// A value that is named is what shall be charted, not counts beside it.
		if c.Value != "" && w.role == "numerator" || (c.Numerator != "" && w.role == "value") {
			continue
		}
		for _, name := range names[w.role] {
			var match []int
			for i, h := range t.header {
				if !taken[i] && normal(h) == name {
					match = append(match, i)
				}
			}
			if len(match) > 1 {
				return r, fmt.Errorf("%s: the columns %s and %s could both be the %s; name one with --%s", t.name, t.header[match[0]], t.header[match[1]], w.role, w.role)
			}
			if len(match) == 1 {
				*w.at = match[0]
				taken[match[0]] = true
				found = append(found, w.role+" = "+t.header[match[0]])
				break
			}
		}
	}
	// y with n is a count with its denominator, as the R packages have it.
	if r.value >= 0 && r.denominator >= 0 && r.numerator < 0 && r.sd < 0 && normal(t.header[r.value]) == "y" {
		r.numerator, r.value = r.value, -1
	}
	// A count with its denominator is charted rather than a value made of them.
	if r.numerator >= 0 && r.denominator >= 0 && r.value >= 0 && c.Value == "" {
		r.value = -1
	}
	if len(found) > 0 {
		t.notes = append(t.notes, "columns by their names: "+strings.Join(found, ", "))
	}
	return r, nil
}

// numbers reads a column; NaN is missing.
func (t *table) numbers(col int, missing []string) ([]float64, error) {
	out := make([]float64, len(t.rows))
	for i, row := range t.rows {
		s := row[col]
		if s == "" || slices.Contains(missing, s) {
			out[i] = math.NaN()
			continue
		}
		v, ok := parseNumber(s, t.decimal)
		if !ok {
			return nil, t.fault(i, col, "not a number with the decimal sign "+strconv.Quote(t.decimal), t.numberHint(s))
		}
		out[i] = v
	}
	return out, nil
}

// numberHint proposes what would make a number of s.
func (t *table) numberHint(s string) string {
	other := ","
	if t.decimal == "," {
		other = "."
	}
	if _, ok := parseNumber(s, other); ok {
		return "if " + strconv.Quote(other) + " is the decimal sign, say --decimal " + quoteFlag(other)
	}
	return "write digits, without unit, per cent sign or thousands separator; a text that means \"no value\" is named with --missing"
}

func quoteFlag(s string) string { return "'" + s + "'" }

// settleDecimal finds the decimal sign in the columns that are numbers, where no
// flag says it.
func (t *table) settleDecimal(cols []int) {
	if t.decimal != "" {
		return
	}
	t.decimal = "."
	for _, col := range cols {
		for _, row := range t.rows {
			if _, ok := parseNumber(row[col], "."); ok && strings.Contains(row[col], ".") {
				return
			}
		}
	}
	for _, col := range cols {
		for _, row := range t.rows {
			if _, ok := parseNumber(row[col], ","); ok && strings.Contains(row[col], ",") {
				t.decimal = ","
				t.notes = append(t.notes, "read with --decimal ',': numbers have decimal commas and no point")
				return
			}
		}
	}
}

// parseNumber reads digits with a sign, a decimal sign and an exponent.
func parseNumber(s, decimal string) (float64, bool) {
	if decimal == "," {
		if strings.Contains(s, ".") {
			return 0, false
		}
		s = strings.Replace(s, ",", ".", 1)
	}
	for _, r := range s {
		if !(r >= '0' && r <= '9' || strings.ContainsRune("+-.eE", r)) {
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(strings.Replace(s, "−", "-", 1), 64)
	if err != nil || !finite(v) || math.Abs(v) > 1e15 {
		return 0, false
	}
	return v, true
}

func (t *table) states(col int) ([]spc.State, error) {
	out := make([]spc.State, len(t.rows))
	for i, row := range t.rows {
		st, err := spc.ParseState(row[col])
		if err != nil {
			return nil, t.fault(i, col, "not a state of a point", "use value, preliminary, held_previous, held_empty, suppressed, missing, no_eligible or not_applicable")
		}
		out[i] = st
	}
	return out, nil
}

// when is one date: civil, or a number in a sequence.
type when struct {
	date   time.Time
	number float64
}

// dateForm is how a column writes dates.
type dateForm uint8

const (
	formNone dateForm = iota
	formDay
	formMonth
	formWeek
	formQuarter
	formYear
	formNumber
)

const dateHint = "write yyyy-mm-dd, yyyy-mm, yyyy-Www, yyyy-Qn, yyyy, dd.mm.yyyy or a whole number, or say --date-format such as %d/%m/%Y"

// parseDate reads a date in one of the forms that have one reading only.
func parseDate(s, format string) (time.Time, float64, dateForm, bool) {
	day := func(layout, text string) (time.Time, float64, dateForm, bool) {
		at, err := time.Parse(layout, text)
		return at, 0, formDay, err == nil && at.Year() >= 1
	}
	if format != "" {
		return day(strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%b", "Jan", "%y", "06").Replace(format), s)
	}
	digits := func(from, to int) (int, bool) {
		if to > len(s) {
			return 0, false
		}
		n, err := strconv.ParseUint(s[from:to], 10, 32)
		return int(n), err == nil
	}
	year, hasYear := digits(0, min(4, len(s)))
	switch {
	case hasYear && len(s) >= 11 && s[4] == '-' && (s[10] == 'T' || s[10] == ' '):
		for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.RFC3339} {
			if at, _, f, ok := day(layout, s); ok {
				return at, 0, f, true
			}
		}
	case len(s) == 10 && hasYear && s[4] == '-':
		return day("2006-01-02", s)
	case len(s) == 10 && s[2] == '.' && s[5] == '.':
		return day("02.01.2006", s)
	case len(s) == 7 && hasYear && s[4] == '-' && s[5] != 'W' && s[5] != 'Q':
		at, _, _, ok := day("2006-01", s)
		return at, 0, formMonth, ok
	case hasYear && (len(s) == 7 || len(s) == 6) && strings.ContainsAny(s[4:len(s)-1], "QqKk"):
		if q, ok := digits(len(s)-1, len(s)); ok && q >= 1 && q <= 4 && (len(s) == 6 || s[4] == '-' || s[4] == ' ') && strings.ContainsRune("QqKk", rune(s[len(s)-2])) {
			return time.Date(year, time.Month(3*q-2), 1, 0, 0, 0, 0, time.UTC), 0, formQuarter, year >= 1
		}
	case hasYear && (len(s) == 8 || len(s) == 7) && strings.ContainsRune("Ww", rune(s[len(s)-3])):
		week, ok := digits(len(s)-2, len(s))
		if !ok || len(s) == 8 && s[4] != '-' || year < 1 {
			return time.Time{}, 0, formNone, false
		}
		// The Monday of the ISO week: week 1 has 4 January.
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7+7*(week-1))
		y, w := monday.ISOWeek()
		return monday, 0, formWeek, y == year && w == week
	case len(s) == 4 && hasYear && year >= 1800 && year <= 2200:
		return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), 0, formYear, true
	}
	if v, ok := parseNumber(s, "."); ok && v == math.Trunc(v) {
		return time.Time{}, v, formNumber, true
	}
	return time.Time{}, 0, formNone, false
}

// dates reads the date column; all rows have one form.
func (t *table) dates(col int, format string) ([]when, dateForm, error) {
	out := make([]when, len(t.rows))
	first := formNone
	for i, row := range t.rows {
		at, number, form, ok := parseDate(row[col], format)
		switch {
		case row[col] == "":
			return nil, 0, t.fault(i, col, "a row without a date cannot be placed", "give the date, or leave the row out with --where")
		case !ok:
			hint := dateHint
			if strings.Count(row[col], "/") == 2 {
				hint = "day and month cannot be told apart; say --date-format %d/%m/%Y or %m/%d/%Y"
			}
			return nil, 0, t.fault(i, col, "not a date in a known form", hint)
		case first == formNone:
			first = form
		case form != first:
			return nil, 0, t.fault(i, col, "a date in another form than that of the first row", "write all dates in one form")
		}
		out[i] = when{date: at, number: number}
	}
	return out, first, nil
}
