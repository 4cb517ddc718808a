package warehouse

import (
	"context"
	"fmt"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/event"
)

// Persons counts the different persons behind the cells of an indicator that a
// source brings, by their pseudonyms. A row without one stands for one person
// more. Cells without any pseudonym are left out: of them nothing is known. No
// pseudonym leaves the store.
func (w *Warehouse) Persons(ctx context.Context, region string, s Source, ind *catalog.Indicator) (map[cell.Key]disclosure.Persons, error) {
	if len(s.Effective.Deliveries) == 0 || s.Feed.Columns.Subject == "" {
		return nil, nil
	}
	rows, err := w.conn.Query(ctx, s.personsSQL(ind))
	if err != nil {
		return nil, fmt.Errorf("persons of %s: %w", ind.ID, err)
	}
	defer func() { _ = rows.Close() }()
	out := map[cell.Key]disclosure.Persons{}
	for rows.Next() {
		k := cell.Key{Region: region, Registry: ind.Registry, Indicator: ind.ID, Granularity: string(ind.Period)}
		var p disclosure.Persons
		if err := rows.Scan(&k.Version, &k.Stratum, &k.Unit, &k.PeriodStart, &p.All, &p.With, &p.Without); err != nil {
			return nil, fmt.Errorf("persons of %s: %w", ind.ID, err)
		}
		out[k] = p
	}
	return out, rows.Err()
}

// nobody is the pseudonym of a row without one.
const nobody = "toFixedString('', 16)"

// personsSQL follows casesSQL: the effective rows, by cell. With the outcome is
// who has a row with a numerator, without it who has one in which it is less than
// the denominator.
func (s Source) personsSQL(ind *catalog.Indicator) string {
	g := ind.Period
	standing := fmt.Sprintf(`SELECT * FROM (%s) WHERE indicator = %s AND (NOT %s OR NOT dated OR %s)
ORDER BY ord DESC, line ASC LIMIT 1 BY if(key = %s, concat(toString(ord), ' ', toString(line)), hex(key))`,
		strings.Replace(s.rowsSQL(), "o.line AS line", "o.line AS line, o.subject AS subject", 1), text(ind.ID), s.isSnapshot(), s.isBase(g), noKey)
	persons := func(of string) string {
		return fmt.Sprintf("toInt64(uniqExactIf(subject, subject != %[1]s AND %[2]s) + countIf(subject = %[1]s AND %[2]s))", nobody, of)
	}
	with := fmt.Sprintf("bitAnd(has, %d) != 0 AND numerator > 0", event.HasNumerator)
	without := fmt.Sprintf("bitAnd(has, %d) = %[1]d AND numerator < denominator", event.HasNumerator|event.HasDenominator)
	return fmt.Sprintf(`SELECT toString(version), toString(stratum), toString(unit), toInt32(%s) AS period, %s, %s, %s
FROM (%s) WHERE kind = %d AND dated AND if(%s, %s, ord > %s)
GROUP BY version, stratum, unit, period HAVING countIf(subject != %s) > 0%s`,
		periodExpr(g, "d"), persons("1"), persons(with), persons(without),
		standing, event.Observed, s.isSnapshot(), s.isBase(g), s.base(g), nobody, wideDates)
}
