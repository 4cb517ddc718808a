package warehouse

import (
	"context"
	"errors"
	"fmt"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/introduction"
)

// ErrAggregated says that an indicator's rows are no cases.
var ErrAggregated = errors.New("the rows of this indicator are aggregated; draw the sample where the cases are")

// Cases are the effective rows of one version of an indicator that a source
// brings, with dates from from to before to (zero: open): those of which a
// person can look up the record. They are named by delivery and line, and no
// subject is read. Rows of more than one case are ErrAggregated.
func (w *Warehouse) Cases(ctx context.Context, s Source, ind *catalog.Indicator, version string, from, to catalog.Date) ([]introduction.Row, error) {
	if len(s.Effective.Deliveries) == 0 {
		return nil, nil
	}
	rows, err := w.conn.Query(ctx, s.casesSQL(ind, version, from, to))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []introduction.Row
	for rows.Next() {
		var ord int64
		var r introduction.Row
		var numerator, denominator int64
		if err := rows.Scan(&ord, &r.Line, &r.Unit, &r.Stratum, &numerator, &denominator); err != nil {
			return nil, err
		}
		if denominator != cell.Micro || numerator != 0 && numerator != cell.Micro {
			return nil, fmt.Errorf("%w: line %d of delivery %s", ErrAggregated, r.Line, s.Effective.Deliveries[ord-1].ID)
		}
		r.Delivery, r.Inside = s.Effective.Deliveries[ord-1].ID, numerator != 0
		out = append(out, r)
	}
	return out, rows.Err()
}

// casesSQL follows effectiveSQL row by row: of the rows that compete for a key
// the newest delivery's first one stands, and it holds where its snapshot is
// the base or none is newer.
func (s Source) casesSQL(ind *catalog.Indicator, version string, from, to catalog.Date) string {
	g := ind.Period
	within := Scope{Source: s, From: from, To: to}.within("d")
	standing := fmt.Sprintf(`SELECT * FROM (%s) WHERE indicator = %s AND (NOT %s OR NOT dated OR %s)
ORDER BY ord DESC, line ASC LIMIT 1 BY if(key = %s, concat(toString(ord), ' ', toString(line)), hex(key))`,
		s.rowsSQL(), text(ind.ID), s.isSnapshot(), s.isBase(g), noKey)
	return fmt.Sprintf(`SELECT toInt64(ord), line, unit, stratum, numerator, denominator FROM (%s)
WHERE kind = %d AND dated AND version = %s AND if(%s, %s, ord > %s) AND %s AND bitAnd(has, %d) = %d
ORDER BY ord, line%s`, standing, event.Observed, text(version), s.isSnapshot(), s.isBase(g), s.base(g), within,
		event.HasNumerator|event.HasDenominator, event.HasNumerator|event.HasDenominator, wideDates)
}
