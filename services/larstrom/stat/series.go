package stat

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"larstrom/pipeline/spc"
)

// data are the columns of a table as numbers, nil where there is none.
type data struct {
	*table
	at                     roles
	num, den, val, exp, sd []float64
	states                 []spc.State // nil: by the values
	when                   []when      // nil: in the order of the rows
	form                   dateForm
}

func (t *table) read(r *Request) (*data, error) {
	cols, err := t.find(r.Columns)
	if err != nil {
		return nil, err
	}
	d := &data{table: t, at: cols}
	numeric := []struct {
		col int
		to  *[]float64
	}{{cols.numerator, &d.num}, {cols.denominator, &d.den}, {cols.value, &d.val}, {cols.expected, &d.exp}, {cols.sd, &d.sd}}
	var present []int
	for _, n := range numeric {
		if n.col >= 0 {
			present = append(present, n.col)
		}
	}
	t.settleDecimal(present)
	for _, n := range numeric {
		if n.col < 0 {
			continue
		}
		if *n.to, err = t.numbers(n.col, r.Missing); err != nil {
			return nil, err
		}
	}
	if cols.state >= 0 {
		if d.states, err = t.states(cols.state); err != nil {
			return nil, err
		}
	}
	if cols.date >= 0 {
		if d.when, d.form, err = t.dates(cols.date, r.DateFormat); err != nil {
			return nil, err
		}
	}
	return d, d.range_()
}

// range_ refuses counts that cannot be.
func (d *data) range_() error {
	for _, c := range []struct {
		col    int
		values []float64
		what   string
	}{{d.at.numerator, d.num, "a count"}, {d.at.denominator, d.den, "a denominator"}, {d.at.expected, d.exp, "an expected number"}, {d.at.sd, d.sd, "a standard deviation"}} {
		for i, v := range c.values {
			if v < 0 {
				return d.fault(i, c.col, c.what+" below 0", "correct it in the source")
			}
		}
	}
	return nil
}

// state of a row: missing where a number that the chart needs is.
func (d *data) state(row int, need ...[]float64) spc.State {
	if d.states != nil && !d.states[row].Drawn() {
		return d.states[row]
	}
	for _, c := range need {
		if c != nil && math.IsNaN(c[row]) {
			return spc.StateMissing
		}
	}
	if d.states != nil {
		return d.states[row]
	}
	return spc.StateValue
}

// series is one chart's points: columns for spc, and what each point is called.
type series struct {
	unit   string
	in     spc.Series
	labels []string
	starts []time.Time // zero where there are no dates
	lines  []uint64    // the first line of each point; 0: none
}

// byUnit are the rows of each unit, units by name.
func (d *data) byUnit() (names []string, rows map[string][]int, err error) {
	rows = map[string][]int{}
	for i := range d.rows {
		name := ""
		if d.at.unit >= 0 {
			if name = d.rows[i][d.at.unit]; name == "" {
				return nil, nil, d.fault(i, d.at.unit, "a row without a unit belongs nowhere", "name the unit, or leave the row out with --where")
			}
		}
		if _, ok := rows[name]; !ok {
			names = append(names, name)
		}
		rows[name] = append(rows[name], i)
	}
	slices.Sort(names)
	return names, rows, nil
}

// period numbers a date so that neighbours differ by 1; every says how long
// periods are and whether the series has them all.
type period struct {
	name  string // day, week, month, quarter, year, number, none
	step  int    // in its base unit
	first int
}

// settlePeriod finds the length of the periods of all rows: the largest that all
// dates are multiples of, and none where too few of the days have a row.
func (d *data) settlePeriod(every string) (period, error) {
	if d.when == nil {
		return period{name: "none"}, nil
	}
	if every == "none" || d.form == formNumber {
		return period{name: "none"}, nil
	}
	firsts := true
	for _, w := range d.when {
		firsts = firsts && w.date.Day() == 1
	}
	index := func(w when, months bool) int {
		if months {
			return w.date.Year()*12 + int(w.date.Month()) - 1
		}
		return int(math.Floor(float64(w.date.Unix()) / 86400))
	}
	months := firsts && d.form != formWeek && every != "day" && every != "week"
	low, high, step := math.MaxInt, math.MinInt, 0
	distinct := map[int]bool{}
	for _, w := range d.when {
		v := index(w, months)
		low, high = min(low, v), max(high, v)
		distinct[v] = true
	}
	for v := range distinct {
		step = gcd(step, v-low)
	}
	name := "day"
	switch {
	case months && (d.form == formYear || every == "year" || every == "" && step%12 == 0 && step > 0):
		name, step = "year", 12
	case months && (d.form == formQuarter || every == "quarter" || every == "" && step%3 == 0 && step > 0):
		name, step = "quarter", 3
	case months:
		name, step = "month", 1
	case d.form == formWeek || every == "week" || every == "" && step%7 == 0 && step > 0:
		name, step = "week", 7
	case every == "month" || every == "quarter" || every == "year":
		return period{}, fmt.Errorf("%s: periods of one %s begin on the first of a month, and not all dates do; give the first day of each, or write dates as yyyy-mm", d.name, every)
	default:
		step = 1
	}
	for v := range distinct {
		if (v-low)%step != 0 {
			return period{}, fmt.Errorf("%s: not all dates are a whole number of %ss apart; say --every none to chart them as they come", d.name, name)
		}
	}
	if every == "" && name == "day" && 2*len(distinct) < high-low+1 {
		return period{name: "none"}, nil
	}
	return period{name: name, step: step, first: low}, nil
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	if a < 0 {
		return -a
	}
	return a
}

func (p period) months() bool { return p.name == "month" || p.name == "quarter" || p.name == "year" }

// number of a date among the periods.
func (p period) number(w when) int {
	if p.months() {
		return (w.date.Year()*12 + int(w.date.Month()) - 1 - p.first) / p.step
	}
	return (int(math.Floor(float64(w.date.Unix())/86400)) - p.first) / p.step
}

func (p period) start(n int) time.Time {
	v := p.first + n*p.step
	if p.months() {
		return time.Date(v/12, time.Month(v%12+1), 1, 0, 0, 0, 0, time.UTC)
	}
	return time.Unix(int64(v)*86400, 0).UTC()
}

// label is how a period is called.
func (p period) label(at time.Time) string {
	switch p.name {
	case "year":
		return at.Format("2006")
	case "quarter":
		return fmt.Sprintf("%d-Q%d", at.Year(), (int(at.Month())+2)/3)
	case "month":
		return at.Format("2006-01")
	case "week":
		y, w := at.ISOWeek()
		return fmt.Sprintf("%d-W%02d", y, w)
	}
	return at.Format(time.DateOnly)
}

// point is one entry of a series while it is gathered.
type point struct {
	key    int
	label  string
	start  time.Time
	line   uint64
	rows   []int
	number float64
}

// gather puts rows into points: rows of one subgroup, or of one date, are one.
func (d *data) gather(rows []int, p period, together bool) []*point {
	var points []*point
	byKey := map[string]*point{}
	for _, i := range rows {
		q := &point{line: d.lines[i], rows: []int{i}, label: strconv.Itoa(len(points) + 1)}
		if d.when != nil {
			w := d.when[i]
			switch {
			case d.form == formNumber:
				q.number, q.label = w.number, strconv.FormatFloat(w.number, 'f', -1, 64)
			case p.name != "none":
				q.key = p.number(w)
				q.start = p.start(q.key)
				q.label = p.label(q.start)
			default:
				q.number, q.start, q.label = float64(w.date.Unix()), w.date, w.date.Format(time.DateOnly)
			}
		}
		key := q.label
		if d.at.subgroup >= 0 {
			key = d.rows[i][d.at.subgroup]
			if d.when == nil {
				q.label = key
			}
		}
		if together {
			if first, ok := byKey[key]; ok && (d.when != nil || d.at.subgroup >= 0) {
				first.rows = append(first.rows, i)
				continue
			}
			byKey[key] = q
		}
		points = append(points, q)
	}
	slices.SortStableFunc(points, func(a, b *point) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.number, b.number))
	})
	return points
}

// oneSeries makes the series of one unit for a measure.
func (d *data) oneSeries(unit string, rows []int, p period, m spc.Measure, needSpread bool) (series, error) {
	s := series{unit: unit}
	events := m == spc.TimeBetween || m == spc.CasesBetween
	if m == spc.TimeBetween && d.val == nil {
		return d.intervals(unit, rows)
	}
	points := d.gather(rows, p, !events)
	n := len(points)
	raw := spc.Series{States: make([]spc.State, n)}
	fill := func(col *[]float64, at int, v float64) {
		if *col == nil {
			*col = make([]float64, n)
			for i := range *col {
				(*col)[i] = math.NaN()
			}
		}
		(*col)[at] = v
	}
	var merged []string
	for k, q := range points {
		if len(q.rows) > 1 && d.at.subgroup < 0 {
			merged = append(merged, q.label)
		}
		var err error
		switch {
		case events:
			i := q.rows[0]
			raw.States[k] = d.state(i, d.val)
			fill(&raw.Value, k, d.val[i])
		case m == spc.Mean && d.val != nil:
			err = d.mean(q, k, &raw, fill, needSpread)
		default: // counts add up
			num := d.num
			if num == nil {
				num = d.val
			}
			a, b, st := 0.0, 0.0, spc.StateValue
			for _, i := range q.rows {
				own := d.state(i, num, d.den)
				if own != spc.StateValue && st == spc.StateValue {
					st = own // a sum with a part missing is no sum
				}
				a += num[i]
				if d.den != nil {
					b += d.den[i]
				}
			}
			raw.States[k] = st
			fill(&raw.Num, k, a)
			if d.den != nil {
				fill(&raw.Den, k, b)
			}
		}
		if err != nil {
			return s, err
		}
	}
	if len(merged) > 0 {
		what := "counts of the rows of one date are added up"
		if m == spc.Mean && d.val != nil {
			what = "the rows of one date are the cases of one point"
		}
		d.notes = append(d.notes, called(unit)+what+": "+some(merged))
	}
	index := make([]int, n)
	periods := make([]int, n)
	for k, q := range points {
		index[k], periods[k] = k, k
		if p.name != "none" {
			periods[k] = q.key
		}
	}
	s.in = raw
	if !events && p.name != "none" && n > 0 {
		if err := d.gap(points, p); err != nil {
			return s, err
		}
		var err error
		if s.in, index, err = spc.Arrange(periods, raw, m, spc.RefuseDuplicates); err != nil {
			return s, d.place(err, func(i int) uint64 { return points[i].line })
		}
	}
	var absent []string
	for k, from := range index {
		if from >= 0 {
			q := points[from]
			s.labels, s.starts, s.lines = append(s.labels, q.label), append(s.starts, q.start), append(s.lines, q.line)
			continue
		}
		at := p.start(periods[0] + k)
		s.labels, s.starts, s.lines = append(s.labels, p.label(at)), append(s.starts, at), append(s.lines, 0)
		absent = append(absent, p.label(at))
	}
	if len(absent) > 0 {
		d.notes = append(d.notes, called(unit)+"periods without a row are missing: "+some(absent))
	}
	return s, nil
}

// gap refuses a series that would be mostly missing periods: one of its dates is
// a slip.
func (d *data) gap(points []*point, p period) error {
	const long, sparse = 1000, 10
	span := points[len(points)-1].key - points[0].key + 1
	if span < long || span < sparse*len(points) {
		return nil
	}
	widest := 1
	for i := range points {
		if i > 0 && points[i].key-points[i-1].key > points[widest].key-points[widest-1].key {
			widest = i
		}
	}
	row := points[widest].rows[0]
	return d.fault(row, d.at.date, fmt.Sprintf("%d %ss after the date before it, which the series would have as missing", points[widest].key-points[widest-1].key, p.name),
		"correct the date, or say --every none")
}

// mean makes a point of the cases of a subgroup, or takes a mean as it stands.
func (d *data) mean(q *point, k int, raw *spc.Series, fill func(*[]float64, int, float64), needSpread bool) error {
	if len(q.rows) == 1 && (d.den != nil || !needSpread) {
		i := q.rows[0]
		raw.States[k] = d.state(i, d.val, d.den, d.sd)
		fill(&raw.Value, k, d.val[i])
		if d.den != nil {
			fill(&raw.Den, k, d.den[i])
		}
		if d.sd != nil {
			fill(&raw.SD, k, d.sd[i])
		}
		return nil
	}
	if d.den != nil || d.sd != nil {
		return d.fault(q.rows[1], d.at.value, fmt.Sprintf("a second mean for %s, with its number of cases or standard deviation", q.label),
			"give one row per period, or the single cases without those columns")
	}
	sum, n, low, high := 0.0, 0.0, math.Inf(1), math.Inf(-1)
	raw.States[k] = spc.StateValue
	for _, i := range q.rows {
		if st := d.state(i); st != spc.StateValue {
			raw.States[k] = st
		}
		if v := d.val[i]; !math.IsNaN(v) {
			sum, n, low, high = sum+v, n+1, min(low, v), max(high, v)
		}
	}
	mean, squares := sum/n, 0.0
	for _, i := range q.rows {
		if v := d.val[i]; !math.IsNaN(v) {
			squares += (v - mean) * (v - mean)
		}
	}
	if n == 0 {
		raw.States[k] = spc.StateMissing
	}
	fill(&raw.Value, k, mean)
	fill(&raw.Den, k, n)
	sd := 0.0
	if n > 1 {
		sd = math.Sqrt(squares / (n - 1))
	}
	fill(&raw.SD, k, sd)
	fill(&raw.Range, k, high-low)
	return nil
}

// intervals are the days from each event to the next.
func (d *data) intervals(unit string, rows []int) (series, error) {
	s := series{unit: unit}
	if d.when == nil || d.form == formNumber {
		return s, fmt.Errorf("%s: a t chart needs a column of times (--value), or one of event dates (--date)", d.name)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b int) int { return d.when[a].date.Compare(d.when[b].date) })
	for k := 1; k < len(rows); k++ {
		at := d.when[rows[k]].date
		s.in.Value = append(s.in.Value, at.Sub(d.when[rows[k-1]].date).Hours()/24)
		s.in.States = append(s.in.States, spc.StateValue)
		s.labels, s.starts, s.lines = append(s.labels, at.Format(time.DateOnly)), append(s.starts, at), append(s.lines, d.lines[rows[k]])
	}
	d.notes = append(d.notes, called(unit)+"values are the days from one event to the next")
	return s, nil
}

// place says the line of a point at fault.
func (d *data) place(err error, line func(int) uint64) error {
	var at *spc.PointError
	if errors.As(err, &at) && at.Point >= 0 {
		return &CellError{File: d.name, Line: line(at.Point), Rule: at.What}
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

func called(unit string) string {
	if unit == "" {
		return ""
	}
	return unit + ": "
}

func some(names []string) string {
	if len(names) > 6 {
		return strings.Join(names[:6], ", ") + fmt.Sprintf(" and %d more", len(names)-6)
	}
	return strings.Join(names, ", ")
}

// find is the point that a number from 1, or a date, means; -1 without one.
func (s *series) find(text, format string, p period) (int, bool) {
	if isNumber(text, len(s.labels)) {
		n, _ := strconv.Atoi(text)
		if n < 1 || n > len(s.labels) {
			return -1, true
		}
		return n - 1, true
	}
	at, _, form, ok := parseDate(text, format)
	if !ok && format != "" {
		at, _, form, ok = parseDate(text, "")
	}
	if !ok || form == formNumber {
		return -1, false
	}
	for i, start := range s.starts {
		if start.IsZero() {
			continue
		}
		if start.Equal(at) || p.name != "none" && p.number(when{date: start}) == p.number(when{date: at}) && !at.Before(start) {
			return i, true
		}
	}
	return -1, true
}

// isNumber reports whether a text is the number of a point, not a year.
func isNumber(text string, points int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && (n < 1800 || n > 2200 || n <= points)
}
