package warehouse

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/publication"
)

// Sum is a number of rows and the wrapping sum of the XXH64 of each row: equal
// for equal rows in any order, different when any value differs.
type Sum struct {
	Rows int64
	Sum  uint64
}

// AddObservations adds the rows of a block, as the log has them.
func (s *Sum) AddObservations(o *event.Observations) {
	b := make([]byte, 0, 16*8)
	put := func(v uint64) { b = binary.LittleEndian.AppendUint64(b, v) }
	for i := range o.Len() {
		b = b[:0]
		put(o.Line[i])
		put(uint64(o.Kind[i]))
		for _, v := range [...]string{o.Indicator.At(i), o.Version.At(i), o.Unit.At(i), o.Stratum.At(i), string(o.Subject[i][:]), string(o.Key[i][:])} {
			put(xxhash.Sum64String(v))
		}
		put(uint64(int64(o.EventDate[i])))
		put(uint64(int64(o.RegistrationDate[i])))
		put(uint64(o.Has[i]))
		put(uint64(o.Finding[i]))
		for _, v := range [...]int64{o.Numerator[i], o.Denominator[i], o.Value[i], o.Expected[i]} {
			put(uint64(v))
		}
		s.Sum += xxhash.Sum64(b)
		s.Rows++
	}
}

// Observations is the sum of a delivery's rows, as the store has them.
func (w *Warehouse) Observations(ctx context.Context, feed, delivery string) (Sum, error) {
	exprs := "reinterpretAsFixedString(line), reinterpretAsFixedString(toUInt64(kind))"
	for _, c := range []string{"indicator", "version", "unit", "stratum", "subject", "key"} {
		exprs += ", reinterpretAsFixedString(xxHash64(" + c + "))"
	}
	for _, c := range []string{"event_date", "registration_date"} {
		exprs += ", reinterpretAsFixedString(toInt64(toInt32(" + c + ")))"
	}
	for _, c := range []string{"has", "finding"} {
		exprs += ", reinterpretAsFixedString(toUInt64(" + c + "))"
	}
	for _, c := range []string{"numerator", "denominator", "value", "expected"} {
		exprs += ", reinterpretAsFixedString(" + c + ")"
	}
	var s Sum
	q := fmt.Sprintf("SELECT toInt64(count()), sumWithOverflow(xxHash64(concat(%s))) FROM obs WHERE feed = %s AND delivery = %s",
		exprs, text(feed), text(delivery))
	if err := w.conn.QueryRow(ctx, q).Scan(&s.Rows, &s.Sum); err != nil {
		return s, fmt.Errorf("sum of delivery %s: %w", delivery, err)
	}
	return s, nil
}

// AllVersions reads every version of every cell of an indicator, in the order
// of keys and revisions, and checks that each is what its fingerprint says.
func (w *Warehouse) AllVersions(ctx context.Context, indicator string) ([]cell.Version, error) {
	return w.Versions(ctx, indicator, math.MaxInt64)
}

// Truncate empties the released store, for a rebuild: first the pointer, so that
// no view shows a part.
func (r *Released) Truncate(ctx context.Context) error {
	for _, t := range slices.Concat([]string{"pointer"}, prefixed(indicatorTables()), prefixed(metaTables()), prefixed([]string{publication.Replaced})) {
		if err := r.conn.Exec(ctx, "TRUNCATE TABLE "+t); err != nil {
			return fmt.Errorf("truncate %s: %w", t, err)
		}
	}
	r.sets.forget()
	r.patches.forgetAll()
	return nil
}

func prefixed(tables []string) []string {
	out := make([]string, len(tables))
	for i, t := range tables {
		out[i] = "result_" + t
	}
	return out
}
