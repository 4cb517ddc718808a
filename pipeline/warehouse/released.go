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

// indicatorTables are those of an indicator's set, in the order in which their
// checksums name it.
func indicatorTables() []string { return []string{"cell", "chart", "funnel", "variation"} }

// metaTables are those of the meta set, likewise.
func metaTables() []string {
	return []string{"flag", "delivery", "unit", "indicator", "annotation"}
}

// Named is a set and its owner: an indicator id, or "meta".
type Named struct {
	Of  string
	Set publication.Set
}

// setsPerInsert bounds the partitions that one insert makes.
const setsPerInsert = 50

// WriteSets stores sets of one kind and reads back their checksums. A set that
// is there already, whole, is left alone; an unfinished one is dropped and
// written again.
func (r *Released) WriteSets(ctx context.Context, sets []Named) error {
	for part := range slices.Chunk(sets, setsPerInsert) {
		if err := r.writeSets(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (r *Released) writeSets(ctx context.Context, sets []Named) error {
	stored, err := r.storedIDs(ctx, sets)
	if err != nil {
		return fmt.Errorf("look for result sets: %w", err)
	}
	var missing []Named
	for i, s := range sets {
		if stored[i].id == s.Set.ID {
			continue
		}
		missing = append(missing, s)
		if stored[i].rows == 0 {
			continue
		}
		for _, t := range s.Set.Tables {
			if err := r.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE result_%s DROP PARTITION %s", t.Name, text(s.Set.ID))); err != nil {
				return fmt.Errorf("result set %s of %s: drop unfinished %s: %w", s.Set.ID, s.Of, t.Name, err)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for i := range missing[0].Set.Tables {
		if err := r.insert(ctx, missing, i); err != nil {
			return fmt.Errorf("result table %s: %w", missing[0].Set.Tables[i].Name, err)
		}
	}
	if stored, err = r.storedIDs(ctx, missing); err != nil {
		return fmt.Errorf("verify result sets: %w", err)
	}
	for i, s := range missing {
		if stored[i].id != s.Set.ID {
			return fmt.Errorf("%w: set %s of %s reads back as %s with %d rows", ErrUnverified, s.Set.ID, s.Of, stored[i].id, stored[i].rows)
		}
	}
	return nil
}

// insert writes table i of all the sets.
func (r *Released) insert(ctx context.Context, sets []Named, i int) error {
	names := []string{"result_set"}
	for _, c := range sets[0].Set.Tables[i].Columns {
		names = append(names, c.Name)
	}
	batch, err := r.conn.PrepareBatch(ctx, fmt.Sprintf("INSERT INTO result_%s (%s)", sets[0].Set.Tables[i].Name, strings.Join(names, ", ")))
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }()
	total := 0
	for _, s := range sets {
		t := s.Set.Tables[i]
		total += t.Rows()
		if err := batch.Column(0).Append(slices.Repeat([]string{s.Set.ID}, t.Rows())); err != nil {
			return err
		}
		for j, c := range t.Columns {
			if err := batch.Column(j + 1).Append(driverValues(c.Name, c.Values)); err != nil {
				return fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
	}
	if total == 0 {
		return batch.Abort()
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

// stored is the name that the stored content of a set deserves, and its rows.
type stored struct {
	id   string
	rows uint64
}

// storedIDs reads back the checksums of sets of one kind.
func (r *Released) storedIDs(ctx context.Context, sets []Named) ([]stored, error) {
	out := make([]stored, len(sets))
	if len(sets) == 0 {
		return out, nil
	}
	at := map[string]int{}
	ids := make([]string, len(sets))
	sums := make([][]publication.Sum, len(sets))
	for i, s := range sets {
		at[s.Set.ID], ids[i] = i, s.Set.ID
		for _, t := range s.Set.Tables {
			sums[i] = append(sums[i], publication.Sum{Table: t.Name})
		}
	}
	for j, t := range sets[0].Set.Tables {
		q := fmt.Sprintf("SELECT toString(result_set), count(), sumWithOverflow(xxHash64(concat(%s))) FROM result_%s WHERE result_set IN (%s) GROUP BY result_set",
			bitsSQL(t), t.Name, strings.Trim(texts(ids), "[]"))
		rows, err := r.conn.Query(ctx, q)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var id string
			var n, sum uint64
			if err := rows.Scan(&id, &n, &sum); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			sums[at[id]][j].Rows, sums[at[id]][j].Sum = n, sum
			out[at[id]].rows += n
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	for i, s := range sets {
		out[i].id = publication.SetID(s.Of, sums[i])
	}
	return out, nil
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
	for _, t := range slices.Concat(indicatorTables(), metaTables()) {
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

// Whole reports which of the sets, given by owner, the store does not hold as
// they were written. The template has the tables and columns of such a set.
func (r *Released) Whole(ctx context.Context, sets map[string]string, template publication.Set) (broken []string, err error) {
	var named []Named
	for of, id := range sets {
		named = append(named, Named{of, publication.Set{ID: id, Tables: template.Tables}})
	}
	for part := range slices.Chunk(named, setsPerInsert) {
		ids, err := r.storedIDs(ctx, part)
		if err != nil {
			return nil, fmt.Errorf("read back result sets: %w", err)
		}
		for i, s := range part {
			if ids[i].id != s.Set.ID {
				broken = append(broken, s.Of)
			}
		}
	}
	slices.Sort(broken)
	return broken, nil
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
