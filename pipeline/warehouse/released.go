package warehouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/publication"
)

// ErrUnverified says that what the released store holds of a set is not what
// was written to it.
var ErrUnverified = errors.New("the released store does not hold the result set that was written")

// Released is the store that dashboards read. Only the publisher writes it.
type Released struct {
	conn    driver.Conn
	sets    held
	patches patches
	streams sync.Pool // of *bytes.Buffer: what an insert sends
}

// NewReleased wraps a connection whose database is the released store.
func NewReleased(conn driver.Conn) *Released { return &Released{conn: conn} }

// Pointer names the publication that the views show.
type Pointer struct {
	Publication uint64
	Run         string
	AsOf        catalog.Date
	Catalog     string
	PublishedAt time.Time
	// Sets are those of indicators and that of the lists; Meta is that of the flags,
	// which in older publications and in editions holds the lists too.
	Sets []string
	Meta string
	// Patched are those of Sets, and Meta, that the store holds as patches.
	// MovePointer, which knows them, does not read it.
	Patched []Patched
	// Reach is by indicator the date up to which its data reach. Pointer does not read
	// it.
	Reach map[string]catalog.Date
}

// All are the sets that the pointer needs, with what patches are made of.
func (p *Pointer) All() []string {
	out := append(slices.Clone(p.Sets), p.Meta)
	for _, x := range p.Patched {
		out = append(out, x.Base, x.Patch)
	}
	return out
}

// indicatorTables are those of an indicator's set, in the order in which their
// checksums name it.
func indicatorTables() []string { return []string{"cell", "chart", "funnel", "variation"} }

// metaTables are those of what belongs to no indicator, likewise.
func metaTables() []string {
	return []string{"flag", "delivery", "unit", "indicator", "annotation"}
}

// Named is a set and its owner: an indicator id, "meta" or "lists".
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
		for _, s := range part {
			r.patches.forget(s.Set.ID) // now it is held whole
		}
	}
	return nil
}

func (r *Released) writeSets(ctx context.Context, sets []Named) error {
	if len(sets) == 0 {
		return nil
	}
	there, err := r.there(ctx, sets)
	if err != nil {
		return fmt.Errorf("look for result sets: %w", err)
	}
	var begun []Named
	missing := slices.DeleteFunc(slices.Clone(sets), func(s Named) bool {
		if there[s.Set.ID] {
			begun = append(begun, s)
		}
		return there[s.Set.ID]
	})
	stored, err := r.storedIDs(ctx, begun)
	if err != nil {
		return fmt.Errorf("look at result sets: %w", err)
	}
	for i, s := range begun {
		if stored[i].id == s.Set.ID {
			continue
		}
		missing = append(missing, s)
		for _, t := range s.Set.Tables {
			if err := r.drop(ctx, t.Name, s.Set.ID); err != nil {
				return fmt.Errorf("result set %s of %s: drop unfinished: %w", s.Set.ID, s.Of, err)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	r.sets.written(missing)
	p := pool.New().WithContext(ctx).WithMaxGoroutines(insertersPerLoad).WithCancelOnError().WithFirstError()
	for i, t := range missing[0].Set.Tables {
		p.Go(func(ctx context.Context) error {
			if err := r.insert(ctx, missing, i); err != nil {
				return fmt.Errorf("result table %s: %w", t.Name, err)
			}
			return nil
		})
	}
	if err := p.Wait(); err != nil {
		return err
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

// there are the sets of which the store has any row.
func (r *Released) there(ctx context.Context, sets []Named) (map[string]bool, error) {
	if of, known := r.sets.among(sets); known {
		return of, nil
	}
	ids := idsOf(sets)
	var parts []string
	for _, t := range sets[0].Set.Tables {
		parts = append(parts, fmt.Sprintf("SELECT toString(result_set) AS id FROM result_%s WHERE result_set IN (%s) GROUP BY id", t.Name, ids))
	}
	rows, err := r.conn.Query(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out[id] = true
	}
	return out, rows.Err()
}

func idsOf(sets []Named) string {
	ids := make([]string, len(sets))
	for i, s := range sets {
		ids[i] = s.Set.ID
	}
	return strings.Trim(texts(ids), "[]")
}

// rowsApart are so many that a set is inserted by itself: an insert into several
// partitions copies every row into a block of its own partition, which costs the
// store more than taking the rows in and writing them.
const rowsApart = 4000

// insert writes table i of all the sets.
func (r *Released) insert(ctx context.Context, sets []Named, i int) error {
	var few []Named
	for j, s := range sets {
		switch n := s.Set.Tables[i].Rows(); {
		case n >= rowsApart:
			if err := r.insertAtOnce(ctx, sets[j:j+1], i); err != nil {
				return err
			}
		case n > 0:
			few = append(few, s)
		}
	}
	if len(few) == 0 {
		return nil
	}
	return r.insertAtOnce(ctx, few, i)
}

// insertAtOnce writes table i of the sets, which have rows, in one insert.
func (r *Released) insertAtOnce(ctx context.Context, sets []Named, i int) error {
	names := []string{"result_set"}
	for _, c := range sets[0].Set.Tables[i].Columns {
		names = append(names, c.Name)
	}
	stream, ok := r.streams.Get().(*bytes.Buffer)
	if !ok {
		stream = new(bytes.Buffer)
	}
	stream.Reset()
	w := block.NewRowsWriter(stream)
	for _, s := range sets {
		t := s.Set.Tables[i]
		columns := []block.Values{{Name: "result_set", Data: block.Constant{Text: s.Set.ID, Rows: t.Rows()}}}
		for _, c := range t.Columns {
			columns = append(columns, block.Values{Name: c.Name, Data: c.Values, Distinct: c.Name == "fingerprint" || c.Name == "flag",
				Milliseconds: strings.HasSuffix(c.Name, "_at")})
		}
		if err := w.Write(columns); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := r.conn.InsertFormat(ctx, "ArrowStream", fmt.Sprintf("INSERT INTO result_%s (%s)", sets[0].Set.Tables[i].Name, strings.Join(names, ", ")), stream); err != nil {
		return err // what sends it may still be reading
	}
	r.streams.Put(stream)
	return nil
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
	sums := make([][]publication.Sum, len(sets))
	for i, s := range sets {
		at[s.Set.ID] = i
		for _, t := range s.Set.Tables {
			sums[i] = append(sums[i], publication.Sum{Table: t.Name})
		}
	}
	var parts []string
	for j, t := range sets[0].Set.Tables {
		parts = append(parts, sumSQL(j, t, "result_set IN ("+idsOf(sets)+")"))
	}
	err := r.sums(ctx, parts, func(place uint8, id string, n, sum uint64) {
		sums[at[id]][place].Rows, sums[at[id]][place].Sum = n, sum
		out[at[id]].rows += n
	})
	if err != nil {
		return nil, err
	}
	for i, s := range sets {
		out[i].id = publication.SetID(s.Of, sums[i])
	}
	return out, nil
}

// sumSQL is the query for the checksums of the table at a place, by partition.
func sumSQL(place int, t publication.Table, where string) string {
	return fmt.Sprintf("SELECT toUInt8(%d) AS place, toString(result_set) AS id, count(), sumWithOverflow(xxHash64(concat(%s))) FROM result_%s WHERE %s GROUP BY id",
		place, bitsSQL(t), t.Name, where)
}

// sums asks several queries for checksums together.
func (r *Released) sums(ctx context.Context, queries []string, yield func(place uint8, id string, n, sum uint64)) error {
	rows, err := r.conn.Query(ctx, strings.Join(queries, " UNION ALL "))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var place uint8
		var id string
		var n, sum uint64
		if err := rows.Scan(&place, &id, &n, &sum); err != nil {
			return err
		}
		yield(place, id, n, sum)
	}
	return rows.Err()
}

// bitsSQL is publication.Column.Bits in SQL, for every column of the table.
func bitsSQL(t publication.Table) string {
	exprs := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		e := "toInt64(" + c.Name + ")"
		switch c.Values.(type) {
		case []string:
			e = "xxHash64(" + c.Name + ")"
		case []float64:
			e = c.Name // its eight bytes
		case [][]string:
			e = "xxHash64(arrayStringConcat(" + c.Name + ", '" + publication.ArraySeparator + "'))"
		case []int32:
			e = "toInt64(toInt32(" + c.Name + "))"
		case []int64:
			if strings.HasSuffix(c.Name, "_at") {
				e = "toUnixTimestamp64Milli(" + c.Name + ")"
			}
		}
		exprs[i] = "reinterpretAsFixedString(" + e + ")"
	}
	return strings.Join(exprs, ", ")
}

// MovePointer shows a publication. Its sets must have been written before.
func (r *Released) MovePointer(ctx context.Context, p Pointer) error {
	var whole, base, patch []string
	for _, x := range r.patches.among(p.Sets) {
		whole, base, patch = append(whole, x.Whole), append(base, x.Base), append(patch, x.Patch)
	}
	var meta Patched
	for _, x := range r.patches.among([]string{p.Meta}) {
		meta = x
	}
	indicators := slices.Sorted(maps.Keys(p.Reach))
	reach := make([]string, len(indicators))
	for i, id := range indicators {
		reach[i] = day(p.Reach[id])
	}
	q := fmt.Sprintf(`INSERT INTO pointer (publication, run, as_of, catalog, published_at, sets, meta, meta_base, meta_patch, reach, patched, moved)
SELECT %d, %s, %s, %s, fromUnixTimestamp64Milli(toInt64(%d), 'UTC'), CAST(%s AS Array(String)), %s, %s, %s,
	arrayZip(CAST(%s AS Array(String)), CAST([%s] AS Array(Date32))),
	arrayZip(CAST(%s AS Array(String)), CAST(%s AS Array(String)), CAST(%s AS Array(String))), toUInt64(toUnixTimestamp64Nano(now64(9)))`,
		p.Publication, text(p.Run), day(p.AsOf), text(p.Catalog), p.PublishedAt.UnixMilli(), texts(p.Sets), text(p.Meta), text(meta.Base), text(meta.Patch), texts(indicators), strings.Join(reach, ", "), texts(whole), texts(base), texts(patch))
	if err := r.conn.Exec(ctx, q); err != nil {
		return fmt.Errorf("pointer: %w", err)
	}
	return nil
}

// Pointer is the publication that the views show; ok is false before the first.
func (r *Released) Pointer(ctx context.Context) (p Pointer, ok bool, err error) {
	rows, err := r.conn.Query(ctx, `SELECT publication, run, as_of, catalog, published_at, sets, meta, meta_base, meta_patch, patched.whole, patched.base, patched.patch
		FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1`)
	if err != nil {
		return Pointer{}, false, fmt.Errorf("pointer: %w", err)
	}
	defer func() { _ = rows.Close() }()
	if rows.Next() {
		var as time.Time
		var whole, base, patch []string
		meta := Patched{}
		if err := rows.Scan(&p.Publication, &p.Run, &as, &p.Catalog, &p.PublishedAt, &p.Sets, &p.Meta, &meta.Base, &meta.Patch, &whole, &base, &patch); err != nil {
			return Pointer{}, false, fmt.Errorf("pointer: %w", err)
		}
		for i := range whole {
			p.Patched = append(p.Patched, Patched{whole[i], base[i], patch[i]})
		}
		if meta.Whole = p.Meta; meta.Patch != "" {
			p.Patched = append(p.Patched, meta)
		}
		p.AsOf, ok = catalog.DateOf(as), true
	}
	return p, ok, rows.Err()
}

// DropUnused removes the sets that none of the kept ids names, nor what is kept is
// a patch of. Readers that
// are in the middle of a query keep what they read. Which sets there are is read
// from the store once; from then on it follows from what was written.
func (r *Released) DropUnused(ctx context.Context, keep []string) error {
	if !r.sets.known() {
		for _, t := range slices.Concat(indicatorTables(), metaTables(), []string{publication.Replaced}) {
			ids, err := r.setIDs(ctx, t)
			if err != nil {
				return err
			}
			r.sets.found(t, ids)
		}
		r.sets.all()
	}
	needed := map[string]bool{}
	for _, id := range keep {
		needed[id] = true
	}
	for _, p := range r.patches.among(keep) {
		delete(needed, p.Whole)
	}
	for _, p := range r.patches.among(keep) {
		needed[p.Base], needed[p.Patch] = true, true
	}
	unused := r.sets.but(needed)
	r.patches.dropped(unused)
	byTable := map[string][]string{}
	for id, tables := range unused {
		for _, t := range tables {
			byTable[t] = append(byTable[t], id)
		}
	}
	for t, ids := range byTable {
		slices.Sort(ids)
		for some := range slices.Chunk(ids, setsPerInsert) {
			if err := r.drop(ctx, t, some...); err != nil {
				return fmt.Errorf("drop unused sets: %w", err)
			}
		}
	}
	r.sets.dropped(unused)
	return nil
}

func (r *Released) drop(ctx context.Context, table string, sets ...string) error {
	commands := make([]string, len(sets))
	for i, s := range sets {
		commands[i] = "DROP PARTITION " + text(s)
	}
	return r.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE result_%s %s", table, strings.Join(commands, ", ")))
}

// held are the sets that the store may hold, and in which tables.
type held struct {
	mu       sync.Mutex
	complete bool
	tables   map[string][]string // by set
}

func (h *held) add(set, table string) {
	if h.tables == nil {
		h.tables = map[string][]string{}
	}
	if !slices.Contains(h.tables[set], table) {
		h.tables[set] = append(h.tables[set], table)
	}
}

// among are those of the sets of which the store may hold something; known is
// false while that is not known.
func (h *held) among(sets []Named) (of map[string]bool, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	of = map[string]bool{}
	for _, s := range sets {
		if len(h.tables[s.Set.ID]) > 0 {
			of[s.Set.ID] = true
		}
	}
	return of, h.complete
}

func (h *held) written(sets []Named) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range sets {
		for _, t := range s.Set.Tables {
			if t.Rows() > 0 {
				h.add(s.Set.ID, t.Name)
			}
		}
	}
}

func (h *held) found(table string, sets []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range sets {
		h.add(s, table)
	}
}

func (h *held) all() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.complete = true
}

func (h *held) known() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.complete
}

// but are the sets that are not to be kept.
func (h *held) but(keep map[string]bool) map[string][]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := maps.Clone(h.tables)
	for id := range keep {
		delete(out, id)
	}
	return out
}

func (h *held) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.tables)
}

func (h *held) dropped(sets map[string][]string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for set := range sets {
		delete(h.tables, set)
	}
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
	asked := map[string]string{}
	for _, of := range broken {
		asked[of] = sets[of]
	}
	patched, err := r.wholeByPatch(ctx, asked, template)
	if err != nil {
		return nil, err
	}
	broken = slices.DeleteFunc(broken, func(of string) bool { return patched[of] })
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
