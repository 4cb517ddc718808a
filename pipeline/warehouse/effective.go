package warehouse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// Scope is what a recomputation of cells covers: the cells of a feed's
// indicators.
type Scope struct {
	Source
	// Others are the other feeds that bring any of the indicators: a cell is
	// made of the rows of all.
	Others []Source
	// From and To bound the first days of the periods: half-open, zero open.
	From, To catalog.Date
	// packAtMost is for tests: another mostPacked. 0: that.
	packAtMost uint64
}

// Source is one feed and what holds of it.
type Source struct {
	Feed      *catalog.Feed
	Effective run.Effective
	// Indicators whose observations the feed can bring.
	Indicators []*catalog.Indicator
	// every is what all of its rows are known to be: what need not be asked of
	// each row again.
	every every
}

// every holds of all rows of a source. The zero value says nothing of them.
type every struct {
	// observed: none is deleted, rejected or parked. dated: each has the date by
	// which it falls into a period.
	observed, dated bool
	// rows is how many there are, keysAtOnce for tests another keysAtOnce; 0: that.
	rows, keysAtOnce uint64
}

// sources are those of which any row holds.
func (s Scope) sources() []Source {
	return slices.DeleteFunc(append([]Source{s.Source}, s.Others...), func(o Source) bool { return len(o.Effective.Deliveries) == 0 })
}

// text quotes s as a ClickHouse string literal.
func text(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func texts(ss []string) string {
	q := make([]string, len(ss))
	for i, s := range ss {
		q[i] = text(s)
	}
	return "[" + strings.Join(q, ", ") + "]"
}

func day(d catalog.Date) string { return "toDate32(" + text(d.String()) + ")" }

// dateExpr is the date by which an observation o falls into a period.
func dateExpr(indicators []*catalog.Indicator) string {
	var registered []string
	for _, i := range indicators {
		if i.PeriodBy == "registration_date" {
			registered = append(registered, i.ID)
		}
	}
	if len(registered) == 0 {
		return "o.event_date"
	}
	return "if(has(" + texts(registered) + ", o.indicator), o.registration_date, o.event_date)"
}

// datedExpr says whether the row o has that date.
func datedExpr(indicators []*catalog.Indicator) string {
	var registered []string
	for _, i := range indicators {
		if i.PeriodBy == "registration_date" {
			registered = append(registered, i.ID)
		}
	}
	ev := fmt.Sprintf("bitAnd(o.has, %d) != 0", event.HasEventDate)
	if len(registered) == 0 {
		return ev
	}
	return fmt.Sprintf("if(has(%s, o.indicator), bitAnd(o.has, %d) != 0, %s)", texts(registered), event.HasRegistrationDate, ev)
}

// wideDates lets the functions of periodExpr give dates before 1970 and after
// 2149: without it they wrap around.
const wideDates = "\nSETTINGS enable_extended_results_for_datetime_functions = 1"

// periodExpr is the first day of the period of date d, in a query with wideDates.
func periodExpr(g catalog.Granularity, d string) string {
	switch g {
	case catalog.Day:
		return d
	case catalog.Week:
		return "toMonday(" + d + ")"
	case catalog.Month:
		return "toStartOfMonth(" + d + ")"
	case catalog.Quarter:
		return "toStartOfQuarter(" + d + ")"
	case catalog.Year:
		return "toStartOfYear(" + d + ")"
	case catalog.Tertial:
		return "makeDate32(toYear(" + d + "), intDiv(toMonth(" + d + ") - 1, 4) * 4 + 1, 1)"
	case catalog.HalfYear:
		return "makeDate32(toYear(" + d + "), intDiv(toMonth(" + d + ") - 1, 6) * 6 + 1, 1)"
	default:
		panic("warehouse: the catalog let through the granularity " + strconv.Quote(string(g)))
	}
}

// segmentsExpr is the ordinal of the snapshot that holds at date d.
func segmentsExpr(segments []run.Segment, d string) string {
	if len(segments) == 1 {
		return strconv.Itoa(segments[0].Base)
	}
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, s := range segments[:len(segments)-1] {
		fmt.Fprintf(&b, "%s < %s, %d, ", d, day(s.To), s.Base)
	}
	fmt.Fprintf(&b, "%d)", segments[len(segments)-1].Base)
	return b.String()
}

// effectiveColumns are those of one effective row, in the order of the tuples below.
func effectiveColumns() []string {
	return []string{"kind", "ord", "indicator", "version", "unit", "stratum", "dated", "d", "has", "finding",
		"numerator", "denominator", "value", "expected"}
}

// rowsSQL selects the rows of the effective deliveries but the parked ones,
// with the columns of effectiveColumns, key and line.
func (s Source) rowsSQL() string {
	var ids, ords []string
	for i, d := range s.Effective.Deliveries {
		ids, ords = append(ids, d.ID), append(ords, strconv.Itoa(i+1))
	}
	ord := fmt.Sprintf("transform(o.delivery, %s, [%s], 0)", texts(ids), strings.Join(ords, ", "))
	if len(ids) == 1 {
		ord = "1"
	}
	dated, kinds := datedExpr(s.Indicators), fmt.Sprintf(" AND o.kind != %d", event.Parked)
	if s.every.dated {
		dated = "1"
	}
	if s.every.observed {
		kinds = ""
	}
	return fmt.Sprintf(`SELECT o.kind AS kind, %s AS ord, o.indicator AS indicator,
	o.version AS version, o.unit AS unit, o.stratum AS stratum, %s AS dated, %s AS d, o.has AS has, o.finding AS finding,
	o.numerator AS numerator, o.denominator AS denominator, o.value AS value, o.expected AS expected, o.key AS key, o.line AS line
FROM obs AS o
WHERE o.feed = %s AND o.delivery IN (%s)%s`,
		ord, dated, dateExpr(s.Indicators), text(s.Effective.Feed), strings.Trim(texts(ids), "[]"), kinds)
}

// kindIsNot is the condition that a row is of another kind.
func (s Source) kindIsNot(k event.Kind) string {
	if s.every.observed && k != event.Observed {
		return "1"
	}
	return fmt.Sprintf("kind != %d", k)
}

// isSnapshot is whether a row is of a snapshot.
func (s Source) isSnapshot() string {
	return s.isAny(func(d run.Ordered) bool { return d.Snapshot })
}

// isAny is whether a row is of one of the deliveries that are so.
func (s Source) isAny(so func(run.Ordered) bool) string {
	var ords []string
	for i, d := range s.Effective.Deliveries {
		if so(d) {
			ords = append(ords, strconv.Itoa(i+1))
		}
	}
	switch len(ords) {
	case 0:
		return "0"
	case len(s.Effective.Deliveries):
		return "1"
	}
	return "has([" + strings.Join(ords, ", ") + "], ord)"
}

// base is the ordinal of the snapshot that holds at the date of a row, for the
// indicators with granularity g.
func (s Source) base(g catalog.Granularity) string {
	rest := segmentsExpr(s.Effective.Of(g, ""), "d")
	units := map[string][]string{} // by what holds of them
	var order []string
	for _, p := range s.Effective.Parts {
		if p.Unit == "" {
			continue
		}
		e := segmentsExpr(s.Effective.Of(g, p.Unit), "d")
		if e == rest || slices.Contains(units[e], p.Unit) {
			continue
		}
		if units[e] == nil {
			order = append(order, e)
		}
		units[e] = append(units[e], p.Unit)
	}
	if len(order) == 0 {
		return rest
	}
	var b strings.Builder
	b.WriteString("multiIf(")
	for _, e := range order {
		fmt.Fprintf(&b, "unit IN (%s), %s, ", strings.Trim(texts(units[e]), "[]"), e)
	}
	b.WriteString(rest + ")")
	return b.String()
}

// byPeriod reports whether what holds differs between lengths of periods.
func (s Source) byPeriod() bool {
	return slices.ContainsFunc(s.Effective.Parts, func(p run.Part) bool { return p.Period != "" })
}

// isBase is whether a row of a snapshot is in what its snapshot is the base of.
// A rejected row whose unit or indicator cannot be read may lie where its
// snapshot replaces nothing; it stands until a newer one covers its date.
func (s Source) isBase(g catalog.Granularity) string {
	base, apart := s.base(g), s.isAny(func(d run.Ordered) bool { return d.Apart })
	if apart == "0" {
		return "ord = " + base
	}
	return fmt.Sprintf("(ord = %s OR kind = %d AND (unit = '*' OR indicator = '*') AND %s AND ord > %s)", base, event.Rejected, apart, base)
}

// noKey is the key of a row without one.
const noKey = "toFixedString('', 16)"

// standingSQL selects the rows that compete for their keys: those of deltas,
// and those of snapshots where these are the base.
func (s Source) standingSQL(g catalog.Granularity) string {
	return fmt.Sprintf("SELECT * FROM (%s) WHERE key != %s AND (NOT %s OR NOT dated OR %s)", s.rowsSQL(), noKey, s.isSnapshot(), s.isBase(g))
}

// repeatedSQL selects the keys for which more than one row competes.
func (s Source) repeatedSQL(g catalog.Granularity) string {
	return "SELECT key FROM (" + s.standingSQL(g) + ") GROUP BY key HAVING count() > 1"
}

// effectiveSQL selects the effective rows of the feed's indicators with
// granularity g, and of others some, rejected ones included, with the columns of effectiveColumns and dup: how many rows of
// the same delivery had the same key and gave way to the first.
//
// Snapshot rows hold where their snapshot is the base. Delta rows first take
// the place of older rows with their key, wherever those are; then they hold
// if no newer snapshot covers their date.
//
// Repeated is the set of the keys of repeatedSQL; empty: there are none. Only
// their rows take the dear way, which holds a whole row for each key. A row
// that comes back only if its date d meets the condition within is left out
// early; which rows stand for their keys is found among all.
func (s Source) effectiveSQL(g catalog.Granularity, within, repeated string) string {
	columns := strings.Join(effectiveColumns(), ", ")
	// An undated rejected row belongs to no segment: it counts while its
	// delivery has any effect.
	holds := fmt.Sprintf("(NOT dated OR if(%s, %s, ord > %s))", s.isSnapshot(), s.isBase(g), s.base(g))
	once := ""
	if repeated != "" {
		once = fmt.Sprintf(" AND key NOT IN (%s)", repeated)
	}
	plain := fmt.Sprintf("SELECT %s, toUInt64(0) AS dup FROM (%s) WHERE %s AND %s AND %s%s",
		columns, s.rowsSQL(), s.kindIsNot(event.Deleted), holds, within, once)
	if repeated == "" {
		return plain
	}
	first := fmt.Sprintf("SELECT key, ord, argMin(tuple(%s), line) AS w, count() AS n FROM (%s) WHERE key IN (%s) GROUP BY key, ord", columns, s.standingSQL(g), repeated)
	newest := "SELECT argMax(w, ord) AS w, argMax(n, ord) - 1 AS dup FROM (" + first + ") GROUP BY key"
	var named []string
	for i, c := range effectiveColumns() {
		named = append(named, fmt.Sprintf("w.%d AS %s", i+1, c))
	}
	more := fmt.Sprintf("SELECT %s, toUInt64(dup) AS dup FROM (%s)", strings.Join(named, ", "), newest)
	return fmt.Sprintf("%s UNION ALL SELECT * FROM (%s) WHERE kind != %d AND %s AND %s", plain, more, event.Deleted, holds, within)
}

// within bounds the first day p of a period by the scope.
func (s Scope) within(p string) string {
	cond := "1"
	if !s.From.IsZero() {
		cond += " AND " + p + " >= " + day(s.From)
	}
	if !s.To.IsZero() {
		cond += " AND " + p + " < " + day(s.To)
	}
	return cond
}

// dates bounds the dates d of the periods of the scope.
func (s Scope) dates(g catalog.Granularity) string {
	cond := "1"
	if !s.From.IsZero() {
		cond += " AND d >= " + day(s.From)
	}
	if !s.To.IsZero() {
		cond += " AND d < " + day(g.PeriodEnd(g.PeriodStart(s.To.AddDays(-1))))
	}
	return cond
}

// present are the numbers and findings that any row of a scope has, and the
// numbers that every one has. What none has needs no sum in each cell, and what
// all have no question in each row.
type present struct {
	has, all event.Has
	finding  event.Finding
}

// obsOf selects expressions of all rows of the source's deliveries.
func (s Source) obsOf(exprs string) string {
	ids := make([]string, len(s.Effective.Deliveries))
	for i, d := range s.Effective.Deliveries {
		ids[i] = d.ID
	}
	return fmt.Sprintf("SELECT %s FROM obs WHERE feed = %s AND delivery IN (%s)", exprs, text(s.Effective.Feed), strings.Trim(texts(ids), "[]"))
}

// presentSQL selects what any row of the source's deliveries has, what every one
// has, whether all are observed, and how many there are.
func (s Source) presentSQL() string {
	return s.obsOf(fmt.Sprintf("groupBitOr(has), groupBitAnd(has), groupBitOr(finding), toUInt8(groupBitOr(kind) = %d), count()", event.Observed))
}

// learn keeps what holds of all rows of the source, of which each has the numbers
// and dates all.
func (s *Source) learn(all event.Has, observed bool, rows uint64) {
	dates := event.HasEventDate
	for _, i := range s.Indicators {
		if i.PeriodBy == "registration_date" {
			dates |= event.HasRegistrationDate
		}
	}
	s.every = every{observed: observed, dated: all&dates == dates, rows: rows, keysAtOnce: s.every.keysAtOnce}
}

// cellsSQL aggregates the effective rows of the indicators with granularity g
// into cells, with the columns of a cell that any row has. Repeated are, for each
// source, the keys that more than one row competes for.
//
// Packed, the rows are grouped by one number (see packing), which is several
// times as fast as by texts, and the cells come in the order of their keys; where
// there is no room for it in a number the query fails with tooWide. Else they come
// in any order.
func (s Scope) cellsSQL(g catalog.Granularity, indicators []*catalog.Indicator, repeated []string, any present, packed bool) string {
	ids := make([]string, len(indicators))
	var histograms []string
	for i, ind := range indicators {
		ids[i] = ind.ID
		if ind.Type == catalog.Median || ind.Type == catalog.Percentile || ind.Type == catalog.TimeBetween {
			histograms = append(histograms, ind.ID)
		}
	}
	var columns, names []string
	column := func(expr, name string) {
		columns, names = append(columns, fmt.Sprintf("%s AS `%s`", expr, name)), append(names, "`"+name+"`")
	}
	column("toInt64(count())", "rows")
	if strings.Join(repeated, "") != "" {
		column("toInt64(sum(dup))", "duplicates")
	}
	has := func(bit event.Has) string { return fmt.Sprintf("bitAnd(has, %d) != 0", bit) }
	count := func(bit event.Has, name string) {
		if any.has&bit != 0 {
			column("toInt64(countIf("+has(bit)+"))", name)
		}
	}
	found := func(bit event.Finding, name string) {
		if any.finding&bit != 0 {
			column(fmt.Sprintf("toInt64(countIf(bitAnd(finding, %d) != 0))", bit), name)
		}
	}
	sum := func(expr string, bit event.Has, name string) {
		switch {
		case any.all&bit != 0:
			column(fmt.Sprintf("reinterpretAsFixedString(sum(%s))", expr), name)
		case any.has&bit != 0:
			column(fmt.Sprintf("reinterpretAsFixedString(sumIf(%s, %s))", expr, has(bit)), name)
		}
	}
	sum("toInt128(numerator)", event.HasNumerator, "numerator")
	sum("toInt128(denominator)", event.HasDenominator, "denominator")
	count(event.HasValue, "value_count")
	sum("toInt128(value)", event.HasValue, "values")
	sum("toInt128(value) * toInt128(value)", event.HasValue, "value_squares")
	sum("toInt128(expected)", event.HasExpected, "expected")
	if len(histograms) > 0 {
		column(fmt.Sprintf(`arrayStringConcat(arrayMap((v, n) -> concat(toString(v), '*', toString(n)),
	(sumMapIf([value], [toUInt64(1)], %s AND has(%s, indicator)) AS h).1, h.2), ' ')`, has(event.HasValue), texts(histograms)), "histogram")
	}
	count(event.HasMissing, "missing")
	found(event.NumeratorAbove, "numerator_above")
	found(event.Negative, "negative")
	found(event.ZeroDenominator, "zero_denominator")
	found(event.RateMismatch, "rate_mismatch")
	found(event.UnknownCode, "unknown_codes")
	found(event.Masked, "masked")
	var rows []string
	taken := []string{fmt.Sprintf("kind = %d AND dated", event.Observed)}
	if !slices.ContainsFunc(s.sources(), func(o Source) bool { return !o.every.observed || !o.every.dated }) {
		taken = nil
	}
	for i, o := range s.sources() {
		rows = append(rows, o.effectiveSQL(g, s.dates(g), repeated[i]))
	}
	slices.Sort(ids)
	taken = append(taken, fmt.Sprintf("indicator IN (%s)", strings.Trim(texts(ids), "[]")))
	of := fmt.Sprintf("(SELECT *, %s AS p FROM (%s) WHERE %s)\nWHERE %s",
		periodExpr(g, "d"), strings.Join(rows, " UNION ALL "), strings.Join(taken, " AND "), s.within("p"))
	const asked = ", prefer_column_name_to_alias = 1, output_format_arrow_low_cardinality_as_dictionary = 1"
	if packed {
		return s.packedSQL(columns, names, of, ids) + wideDates + asked
	}
	return fmt.Sprintf("SELECT indicator, version, stratum, unit, p AS period_start, %s\nFROM %s\nGROUP BY indicator, version, stratum, unit, p%s",
		strings.Join(columns, ", "), of, wideDates+asked)
}

// What identifies a cell within a granularity is packed into one number: the
// places of indicator, version, stratum and unit among those that there are, in
// their order, and the day, so that the numbers have the order of the keys.
const (
	// daysPacked is above every number of days since firstPacked, the first day
	// of the engine's dates.
	daysPacked  = 1 << 18
	firstPacked = -25567
	// mostPacked is above what the places may take: the rest of 63 bits.
	mostPacked = 1 << 45
	// tooWide is the engine's code for what does not go into a number.
	tooWide = 395
)

// packedSQL selects the cells of rows, which are the FROM and WHERE of a query
// with the texts of a key and the period p. They have no indicators but these,
// which are sorted.
func (s Scope) packedSQL(columns, names []string, rows string, indicators []string) string {
	most := uint64(mostPacked)
	if s.packAtMost > 0 {
		most = s.packAtMost
	}
	columnsOfKey := [...]string{"indicator", "version", "stratum", "unit"}
	var lists, lengths, back []string
	packed, unit := "0", fmt.Sprint(daysPacked)
	for i, t := range columnsOfKey {
		all := "all_" + t
		if t == "indicator" {
			lists = append(lists, texts(indicators)+" AS "+all)
		} else {
			var distinct []string
			for _, o := range s.sources() {
				distinct = append(distinct, o.obsOf("DISTINCT "+t+" AS t"))
			}
			lists = append(lists, fmt.Sprintf("(SELECT if(count() = 0, [''], arraySort(groupUniqArray(toString(t)))) FROM (%s)) AS %s", strings.Join(distinct, " UNION ALL "), all))
		}
		lengths = append(lengths, "toFloat64(length("+all+"))")
		// What is the same in all rows is not looked up in each.
		packed = fmt.Sprintf("(%s) * length(%s) + if(length(%[2]s) = 1, toUInt64(0), transform(%s, %[2]s, range(length(%[2]s)), toUInt64(0)))", packed, all, t)
		last := columnsOfKey[len(columnsOfKey)-1-i]
		back = append(back, fmt.Sprintf("toLowCardinality(transform(intDiv(k, %s) %% length(all_%s), range(length(all_%[2]s)), all_%[2]s, '')) AS %[2]s", unit, last))
		unit = fmt.Sprintf("(%s * length(all_%s))", unit, last)
	}
	return fmt.Sprintf(`WITH %s
SELECT %s, toDate32(toInt32(k %% %d) + %d) AS period_start, %s
FROM (SELECT (%s) * %d + toUInt64(toInt32(p) - %d) AS k, %s
FROM %s AND throwIf(%s >= %d, 'too many different keys to be packed') = 0
GROUP BY k)
ORDER BY k`, strings.Join(lists, ",\n"), strings.Join(back, ", "), daysPacked, firstPacked, strings.Join(names, ", "),
		packed, daysPacked, firstPacked, strings.Join(columns, ", "), rows, strings.Join(lengths, " * "), most)
}

// rejectedSQL counts the effective rejected rows by what could be read.
func (s Source) rejectedSQL(g catalog.Granularity, repeated string) string {
	return fmt.Sprintf(`SELECT indicator, version, stratum, unit, toInt32(if(dated, %s, toDate32('1970-01-01'))) AS period, toUInt8(dated) AS has_period, toInt64(count()), toInt64(countIf(bitAnd(finding, %d) != 0))
FROM (%s) WHERE kind = %d
GROUP BY indicator, version, stratum, unit, period, has_period
ORDER BY indicator, version, stratum, unit, period, has_period%s`, periodExpr(g, "d"), event.BadReason, s.effectiveSQL(g, "1", repeated), event.Rejected, wideDates)
}
