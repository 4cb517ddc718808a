package warehouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/publication"
)

// ErrUnverified says that what the released store holds of a set is not what
// was written to it.
var ErrUnverified = errors.New("the released store does not hold the result set that was written")

// Released is the store that dashboards read. Only the publisher writes it.
type Released struct{ conn driver.Conn }

// NewReleased wraps a connection whose database is the released store.
func NewReleased(conn driver.Conn) *Released { return &Released{conn} }

// Pointer names the publication that the views show.
type Pointer struct {
	Publication uint64
	Run         string
	AsOf        catalog.Date
	Catalog     string
	PublishedAt time.Time
	Sets        []string
	Meta        string
}

// Tables of indicator sets and of the meta set, in the order in which their
// checksums name a set.
var (
	indicatorTables = []string{"cell", "chart", "funnel", "variation"}
	metaTables      = []string{"flag", "delivery", "unit", "indicator", "annotation"}
)

// WriteSet stores a set and reads back its checksums. A set that is there
// already, whole, is left alone; an unfinished one is dropped and written
// again.
func (r *Released) WriteSet(ctx context.Context, of string, s publication.Set) error {
	id, rows, err := r.storedID(ctx, of, s)
	if err != nil {
		return fmt.Errorf("result set %s of %s: %w", s.ID, of, err)
	}
	if id == s.ID {
		return nil
	}
	for _, t := range s.Tables {
		if rows > 0 {
			if err := r.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE result_%s DROP PARTITION %s", t.Name, text(s.ID))); err != nil {
				return fmt.Errorf("result set %s of %s: drop unfinished %s: %w", s.ID, of, t.Name, err)
			}
		}
		if t.Rows() == 0 {
			continue
		}
		if err := r.insert(ctx, s.ID, t); err != nil {
			return fmt.Errorf("result set %s of %s: table %s: %w", s.ID, of, t.Name, err)
		}
	}
	id, _, err = r.storedID(ctx, of, s)
	if err != nil {
		return fmt.Errorf("result set %s of %s: verify: %w", s.ID, of, err)
	}
	if id != s.ID {
		return fmt.Errorf("%w: set %s of %s reads back as %s", ErrUnverified, s.ID, of, id)
	}
	return nil
}

func (r *Released) insert(ctx context.Context, set string, t publication.Table) error {
	names := []string{"result_set"}
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	batch, err := r.conn.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO result_%s (%s)", t.Name, strings.Join(names, ", ")))
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }()
	if err := batch.Column(0).Append(slices.Repeat([]string{set}, t.Rows())); err != nil {
		return err
	}
	for i, c := range t.Columns {
		if err := batch.Column(i + 1).Append(driverValues(c.Name, c.Values)); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return batch.Send()
}

// driverValues turns days and milliseconds into the times that the driver
// takes for dates.
func driverValues(name string, values any) any {
	switch v := values.(type) {
	case []int32:
		ts := make([]time.Time, len(v))
		for i, d := range v {
			ts[i] = time.Unix(int64(d)*86400, 0).UTC()
		}
		return ts
	case []int64:
		if !strings.HasSuffix(name, "_at") {
			return v
		}
		ts := make([]time.Time, len(v))
		for i, ms := range v {
			ts[i] = time.UnixMilli(ms).UTC()
		}
		return ts
	default:
		return values
	}
}

// storedID is the name that the stored content of the set deserves, and how
// many rows there are.
func (r *Released) storedID(ctx context.Context, of string, s publication.Set) (string, uint64, error) {
	var total uint64
	sums := make([]publication.Sum, len(s.Tables))
	for i, t := range s.Tables {
		sums[i].Table = t.Name
		q := fmt.Sprintf("SELECT count(), sumWithOverflow(xxHash64(concat(%s))) FROM result_%s WHERE result_set = ?", bitsSQL(t), t.Name)
		if err := r.conn.QueryRow(ctx, q, s.ID).Scan(&sums[i].Rows, &sums[i].Sum); err != nil {
			return "", 0, err
		}
		total += sums[i].Rows
	}
	return publication.SetID(of, sums), total, nil
}

// bitsSQL is publication.Column.Bits in SQL, for every column of the table.
func bitsSQL(t publication.Table) string {
	exprs := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		e := "toUInt64(toInt64(" + c.Name + "))"
		switch c.Values.(type) {
		case []string:
			e = "xxHash64(toString(" + c.Name + "))"
		case []float64:
			e = "reinterpretAsUInt64(" + c.Name + ")"
		case [][]string:
			e = "xxHash64(arrayStringConcat(" + c.Name + ", '" + publication.ArraySeparator + "'))"
		case []int32:
			e = "toUInt64(toInt64(toInt32(" + c.Name + ")))"
		case []int64:
			if strings.HasSuffix(c.Name, "_at") {
				e = "toUInt64(toUnixTimestamp64Milli(" + c.Name + "))"
			}
		}
		exprs[i] = "reinterpretAsFixedString(toUInt64(" + e + "))"
	}
	return strings.Join(exprs, ", ")
}

// MovePointer shows a publication. Its sets must have been written before.
func (r *Released) MovePointer(ctx context.Context, p Pointer) error {
	batch, err := r.conn.PrepareBatch(ctx, "INSERT INTO pointer (publication, run, as_of, catalog, published_at, sets, meta)")
	if err != nil {
		return fmt.Errorf("pointer: %w", err)
	}
	defer func() { _ = batch.Close() }()
	if err := batch.Append(p.Publication, p.Run, p.AsOf.Time(), p.Catalog, p.PublishedAt, p.Sets, p.Meta); err != nil {
		return fmt.Errorf("pointer: %w", err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("pointer: %w", err)
	}
	return nil
}

// Pointer is the publication that the views show; ok is false before the first.
func (r *Released) Pointer(ctx context.Context) (p Pointer, ok bool, err error) {
	rows, err := r.conn.Query(ctx, `SELECT publication, run, as_of, catalog, published_at, sets, meta
		FROM pointer ORDER BY publication DESC LIMIT 1`)
	if err != nil {
		return Pointer{}, false, fmt.Errorf("pointer: %w", err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		var as time.Time
		if err := rows.Scan(&p.Publication, &p.Run, &as, &p.Catalog, &p.PublishedAt, &p.Sets, &p.Meta); err != nil {
			return Pointer{}, false, fmt.Errorf("pointer: %w", err)
		}
		p.AsOf, ok = catalog.DateOf(as), true
	}
	return p, ok, rows.Err()
}

// DropUnused removes the sets that none of the kept ids names. Readers that
// are in the middle of a query keep what they read.
func (r *Released) DropUnused(ctx context.Context, keep []string) error {
	for _, t := range slices.Concat(indicatorTables, metaTables) {
		ids, err := r.setIDs(ctx, t)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if slices.Contains(keep, id) {
				continue
			}
			if err := r.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE result_%s DROP PARTITION %s", t, text(id))); err != nil {
				return fmt.Errorf("drop unused sets: %w", err)
			}
		}
	}
	return nil
}

// Holds reports whether the store has rows of every one of the sets that are
// not empty: whether a publication can be shown without making it again.
func (r *Released) Holds(ctx context.Context, sets map[string]string, meta string) (bool, error) {
	have := map[string]bool{}
	for _, t := range slices.Concat(indicatorTables, metaTables) {
		ids, err := r.setIDs(ctx, t)
		if err != nil {
			return false, err
		}
		for _, id := range ids {
			have[id] = true
		}
	}
	for of, id := range sets {
		if !have[id] && id != emptySet(of) {
			return false, nil
		}
	}
	return have[meta], nil
}

// emptySet is the name of an indicator's set without any row.
func emptySet(of string) string {
	var sums []publication.Sum
	for _, t := range indicatorTables {
		sums = append(sums, publication.Sum{Table: t})
	}
	return publication.SetID(of, sums)
}

func (r *Released) setIDs(ctx context.Context, table string) ([]string, error) {
	rows, err := r.conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT toString(result_set) FROM result_%s", table))
	if err != nil {
		return nil, fmt.Errorf("result sets of %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("result sets of %s: %w", table, err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
