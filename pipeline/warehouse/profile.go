package warehouse

import (
	"context"
	"fmt"
	"math"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Column is what stood in the rows of one delivery that one indicator is made
// of, as counts. It names no person and no row.
type Column struct {
	Indicator string
	// Rows were taken; Missing of them lack what the indicator is made of, and
	// Unknown have a code that no code system has.
	Rows, Missing, Unknown int64
	// Values is how many rows have a value, Single whether every row is one case.
	Values int64
	Single bool
	// Placeholders of the rows stand for nothing: a value such as -1 or 99, the
	// first day of 1900, a stratum such as "okänd".
	Placeholders int64
	// Strata counts rows by stratum, the empty one not.
	Strata map[string]int64
	// Digits counts whole values by their last digit, Leading the counts of
	// denominators by their first; Least and Most are the smallest and largest
	// of those.
	Digits, Leading [10]int64
	Least, Most     float64
	// Decimals counts values by how many decimals they have.
	Decimals [7]int64
	// Under and Over count values just under and just over the target.
	Under, Over int64
	// Weekdays counts events by weekday, Monday first; Span is the number of
	// days from the first to the last.
	Weekdays [7]int64
	Span     int64
	// LagP90 is in how many days nine of ten of the events that were registered
	// within four weeks of the newest registration had been; NaN: not known.
	LagP90 float64
}

// Sizes counts the values above 0 of a delivery by indicator, unit and size:
// size s is what lies about exp(s/perFold). Only indicators that are made of
// values have any.
func (w *Warehouse) Sizes(ctx context.Context, feed *catalog.Feed, delivery string, indicators []*catalog.Indicator, perFold int) (map[string]map[string]map[int]int64, error) {
	var ids []string
	for _, ind := range indicators {
		if measures(ind) {
			ids = append(ids, ind.ID)
		}
	}
	out := map[string]map[string]map[int]int64{}
	if len(ids) == 0 {
		return out, nil
	}
	rows, err := w.conn.Query(ctx, fmt.Sprintf(`SELECT toString(indicator) AS i, toString(unit) AS u, toInt32(round(log(value / 1e6) * %d)) AS s, count()
FROM obs WHERE feed = %s AND delivery = %s AND kind = %d AND (bitAnd(has, %d) != 0 OR bitAnd(finding, %d) != 0) AND value > 0 AND has(%s, toString(indicator))
GROUP BY i, u, s`, perFold, text(feed.ID), text(delivery), event.Observed, event.HasValue, event.Implausible, texts(ids)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var indicator, unit string
		var size int32
		var n uint64
		if err := rows.Scan(&indicator, &unit, &size, &n); err != nil {
			return nil, err
		}
		if out[indicator] == nil {
			out[indicator] = map[string]map[int]int64{}
		}
		if out[indicator][unit] == nil {
			out[indicator][unit] = map[int]int64{}
		}
		out[indicator][unit][int(size)] += int64(n)
	}
	return out, rows.Err()
}

// Outside counts by indicator and unit the rows of a delivery that say what the
// indicator's bounds do not allow: their value, which intake took for a missing
// one, or where rows have counts only their numerator.
func (w *Warehouse) Outside(ctx context.Context, feed *catalog.Feed, delivery string, indicators []*catalog.Indicator) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	var bad []string
	for _, ind := range indicators {
		bad = append(bad, fmt.Sprintf("indicator = %s AND bitAnd(finding, %d) != 0", text(ind.ID), event.Implausible))
		if measures(ind) {
			continue
		}
		for _, of := range []struct {
			end *float64
			is  string
		}{{ind.Plausible.Min, "<"}, {ind.Plausible.Max, ">"}} {
			if of.end != nil {
				bad = append(bad, fmt.Sprintf("indicator = %s AND bitAnd(has, %d) != 0 AND numerator / 1e6 %s %v", text(ind.ID), event.HasNumerator, of.is, *of.end))
			}
		}
	}
	if len(bad) == 0 {
		return out, nil
	}
	rows, err := w.conn.Query(ctx, fmt.Sprintf(`SELECT toString(indicator) AS i, toString(unit) AS u, count()
FROM obs WHERE feed = %s AND delivery = %s AND kind = %d AND (%s) GROUP BY i, u`, text(feed.ID), text(delivery), event.Observed, strings.Join(bad, " OR ")))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var indicator, unit string
		var n uint64
		if err := rows.Scan(&indicator, &unit, &n); err != nil {
			return nil, err
		}
		if out[indicator] == nil {
			out[indicator] = map[string]int64{}
		}
		out[indicator][unit] = int64(n)
	}
	return out, rows.Err()
}

// Rounded counts the rows of a delivery in which two indicators have whole
// values, and of them those that both end in 0: rows of one line of the file.
func (w *Warehouse) Rounded(ctx context.Context, feed *catalog.Feed, delivery, indicator, pair string) (both, pairs int64, err error) {
	var b, p uint64
	err = w.conn.QueryRow(ctx, fmt.Sprintf(`SELECT countIf(rounded = 2), count() FROM (SELECT countIf(value %% 10000000 = 0) AS rounded
	FROM obs WHERE feed = %s AND delivery = %s AND kind = %d AND bitAnd(has, %d) != 0 AND value %% 1000000 = 0 AND indicator IN (%s, %s)
	GROUP BY block, line HAVING uniqExact(indicator) = 2)`, text(feed.ID), text(delivery), event.Observed, event.HasValue, text(indicator), text(pair))).Scan(&b, &p)
	return int64(b), int64(p), err
}

// measures reports whether the indicator is made of values with a unit of
// measure.
func measures(ind *catalog.Indicator) bool {
	switch ind.Type {
	case catalog.Mean, catalog.Median, catalog.Percentile:
		return true
	}
	return false
}

// nearTarget is how near to a target a value is just under or over it, as a
// share of the target: 138 and 139 of 140.
const nearTarget = 0.015

// Columns profiles a delivery in one pass over its rows, by indicator in the
// order of their ids.
func (w *Warehouse) Columns(ctx context.Context, feed *catalog.Feed, delivery string, indicators []*catalog.Indicator) ([]Column, error) {
	rows, err := w.conn.Query(ctx, columnsSQL(feed, delivery, indicators))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Column
	for rows.Next() {
		var c Column
		var single uint8
		var digits, leading, decimals, weekdays []uint8
		var nDigits, nLeading, nDecimals, nWeekdays, nStrata []uint64
		var strata []string
		var rowsOf, missing, unknown, values, placeholders, under, over, registered uint64
		var first, last int32
		if err := rows.Scan(&c.Indicator, &rowsOf, &missing, &unknown, &values, &single, &placeholders, &strata, &nStrata,
			&digits, &nDigits, &leading, &nLeading, &c.Least, &c.Most, &decimals, &nDecimals, &under, &over, &weekdays, &nWeekdays,
			&first, &last, &c.LagP90, &registered); err != nil {
			return nil, err
		}
		for _, v := range []struct {
			to   *int64
			from uint64
		}{{&c.Rows, rowsOf}, {&c.Missing, missing}, {&c.Unknown, unknown}, {&c.Values, values}, {&c.Placeholders, placeholders}, {&c.Under, under}, {&c.Over, over}} {
			*v.to = int64(v.from)
		}
		c.Single, c.Span = single != 0, int64(last-first)
		c.Strata = make(map[string]int64, len(strata))
		for i, s := range strata {
			c.Strata[s] = int64(nStrata[i])
		}
		spread(c.Digits[:], digits, nDigits)
		spread(c.Leading[:], leading, nLeading)
		spread(c.Decimals[:], decimals, nDecimals)
		spread(c.Weekdays[:], weekdays, nWeekdays)
		if registered == 0 {
			c.LagP90 = math.NaN()
		}
		out = append(out, c)
	}
	return out, rows.Err()
}

// spread puts counts in their places.
func spread(to []int64, places []uint8, counts []uint64) {
	for i, p := range places {
		to[p] = int64(counts[i])
	}
}

// columnsSQL selects the profile of the observed rows of a delivery.
func columnsSQL(feed *catalog.Feed, delivery string, indicators []*catalog.Indicator) string {
	has := func(bit event.Has) string { return fmt.Sprintf("bitAnd(has, %d) != 0", bit) }
	histogram := func(name, of, where string) string {
		return fmt.Sprintf("(sumMapIf([%s], [toUInt64(1)], %s) AS %s).1, %s.2", of, where, name, name)
	}
	value, event1900 := has(event.HasValue), has(event.HasEventDate)+" AND event_date = toDate32('1900-01-01')"
	placeholder := fmt.Sprintf("(%s AND value IN (-1000000, -9000000, 99000000, 999000000, 9999000000) OR %s OR lower(stratum) IN ('okänd', 'ukjent', 'ukendt', 'unknown', 'tuntematon', 'óþekkt', '-1', '99', '999'))",
		value, event1900)
	under, over := targetSQL(indicators)
	return fmt.Sprintf(`SELECT toString(indicator) AS i, count(), countIf(%s), countIf(bitAnd(finding, %d) != 0), countIf(%s),
	toUInt8(max(if(%s, abs(denominator - 1000000), 0)) = 0), countIf(%s),
	%s,
	%s,
	%s, toFloat64(minIf(denominator, %s AND denominator > 0)) / 1e6, toFloat64(maxIf(denominator, %s AND denominator > 0)) / 1e6,
	%s,
	countIf(%s AND %s), countIf(%s AND %s),
	%s, toInt32(minIf(event_date, %s)), toInt32(maxIf(event_date, %s)),
	toFloat64(quantileExactIf(0.9)(toInt32(registration_date) - toInt32(event_date), %s AND toInt32(registration_date) > toInt32(newest) - 28)), countIf(%s AND toInt32(registration_date) > toInt32(newest) - 28)
FROM (SELECT *, (SELECT maxIf(registration_date, %s) FROM obs WHERE feed = %s AND delivery = %s) AS newest
	FROM obs WHERE feed = %s AND delivery = %s AND kind = %d)
GROUP BY i ORDER BY i%s`,
		has(event.HasMissing), event.UnknownCode, value,
		has(event.HasDenominator), placeholder,
		histogram("h_strata", "toString(stratum)", "stratum != ''"),
		histogram("h_digits", "toUInt8(intDiv(abs(value), 1000000) % 10)", value+" AND value % 1000000 = 0"),
		histogram("h_leading", "toUInt8(substring(toString(intDiv(abs(denominator), 1000000)), 1, 1))", has(event.HasDenominator)+" AND denominator >= 1000000"), has(event.HasDenominator), has(event.HasDenominator),
		histogram("h_decimals", "toUInt8(multiIf(value % 1000000 = 0, 0, value % 100000 = 0, 1, value % 10000 = 0, 2, value % 1000 = 0, 3, value % 100 = 0, 4, value % 10 = 0, 5, 6))", value),
		value, under, value, over,
		histogram("h_weekdays", "toUInt8(toDayOfWeek(event_date) - 1)", has(event.HasEventDate)), has(event.HasEventDate), has(event.HasEventDate),
		laggedSQL(), laggedSQL(),
		has(event.HasRegistrationDate), text(feed.ID), text(delivery),
		text(feed.ID), text(delivery), event.Observed, wideDates)
}

// laggedSQL is whether a row has both dates in their order.
func laggedSQL() string {
	const both = event.HasEventDate | event.HasRegistrationDate
	return fmt.Sprintf("bitAnd(has, %d) = %d AND registration_date >= event_date", both, both)
}

// targetSQL is whether a value lies just under and just over the target of its
// indicator.
func targetSQL(indicators []*catalog.Indicator) (under, over string) {
	var ids, targets []string
	for _, ind := range indicators {
		if !measures(ind) {
			continue
		}
		if n := len(ind.Targets); n > 0 {
			ids = append(ids, ind.ID)
			targets = append(targets, fmt.Sprintf("%d", int64(math.Round(ind.Targets[n-1].Value*1e6))))
		}
	}
	if len(ids) == 0 {
		return "0", "0"
	}
	target := fmt.Sprintf("transform(i, %s, [%s], 0)", texts(ids), strings.Join(targets, ", "))
	return fmt.Sprintf("value < %s AND value >= %s * %v", target, target, 1-nearTarget),
		fmt.Sprintf("value > %s AND value <= %s * %v", target, target, 1+nearTarget)
}
