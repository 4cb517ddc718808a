package warehouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
)

// ErrUnreconciled says that a table does not hold exactly the rows that the
// log holds.
var ErrUnreconciled = errors.New("the warehouse does not hold exactly the rows of the log")

// Warehouse is the store of rows and cells. It is rebuilt from the log at any
// time and is never the authority.
type Warehouse struct {
	conn   driver.Conn
	tables tables
	aheads aheads
}

// NewWarehouse wraps a connection whose database is the warehouse.
func NewWarehouse(conn driver.Conn) *Warehouse { return &Warehouse{conn: conn} }

// Blocks reads the payloads of a range of the log, in order. The payload is
// valid until f returns.
type Blocks func(ctx context.Context, f func(payload []byte) error) error

const (
	// insertersPerLoad is how many inserts are on their way to the engine at
	// once: two saturate two cores.
	insertersPerLoad = 2
	// rowsPerInsert are the most rows of one insert: each makes a part, which
	// costs the engine files, syncs and, later, merges; and the engine begins with
	// them when it has them all, and holds them in memory. Half a million cost no
	// more than more, and half of that a tenth. They are fewer than the rows that
	// the engine makes a part of (partRows, asked for with each insert), so that an
	// insert is there whole or not at all.
	rowsPerInsert = 524_000
	partRows      = 1_048_576
)

// insertSettings of blocks that go into one part. What repeated inserts leave
// double collapses in merges and in reconcile: looking for it within each insert
// is the dearest part of one.
func insertSettings() clickhouse.Settings {
	return clickhouse.Settings{"optimize_on_insert": 0,
		"max_insert_block_size": partRows, "min_insert_block_size_rows": partRows, "min_insert_block_size_bytes": 0}
}

// LoadObservations puts the blocks of an accepted delivery into obs, undecoded,
// and checks that exactly its rows are there. Blocks that are there already,
// from before a crash, are passed over; a block is there whole or not at all,
// since it is within one insert into one partition.
func (w *Warehouse) LoadObservations(ctx context.Context, d event.DeliveryAccepted, blocks Blocks) error {
	return w.load(ctx, "obs", loadTarget{
		where:   fmt.Sprintf("feed = %s AND delivery = %s", text(d.Feed), text(d.Delivery)),
		parts:   "block", // a block is there whole, so counting blocks tells what is double
		rows:    d.Blocks.Rows,
		whole:   int64(d.Blocks.Blocks),
		byBlock: true,
	}, blocks)
}

// LoadCells puts the CELLS blocks of one delivery into cell and checks that
// exactly its versions are there.
func (w *Warehouse) LoadCells(ctx context.Context, c event.CellsAppended, blocks Blocks) error {
	return w.load(ctx, "cell", loadTarget{
		where: fmt.Sprintf("rev = %d AND delivery = %s", c.Rev, text(c.Delivery)),
		parts: "fingerprint", // which is of the key, too
		rows:  c.Cells.Rows,
		whole: c.Cells.Rows,
	}, blocks)
}

// loadTarget is what a table has to hold: so many rows, and of its parts, each
// of which is there whole or not at all, exactly whole different ones.
type loadTarget struct {
	where, parts string
	rows, whole  int64
	byBlock      bool // the table knows the number of the block
}

func (w *Warehouse) load(ctx context.Context, table string, t loadTarget, blocks Blocks) error {
	total, distinct, err := w.count(ctx, table, t)
	if err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	if total == t.rows && distinct == t.whole {
		return nil
	}
	present := map[int]bool{}
	if total > 0 {
		if !t.byBlock {
			// Identities collapse, so inserting everything again is safe.
		} else if present, err = w.presentBlocks(ctx, table, t); err != nil {
			return fmt.Errorf("load %s: %w", table, err)
		}
	}
	in := w.newInserts(ctx, table)
	i := -1
	readErr := blocks(ctx, func(payload []byte) error {
		i++
		if present[i] {
			return nil
		}
		return errors.Join(ctx.Err(), in.add(payload))
	})
	if err := in.end(readErr); err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	return w.reconcile(ctx, table, t)
}

// inserts puts blocks into a table, many with one insert, while they are read:
// what is on its way is in the engine's hands and not in memory here.
type inserts struct {
	conn  driver.Conn
	table string
	run   *pool.ContextPool
	// Of the insert that takes blocks now: nil, there is none.
	body *io.PipeWriter
	join *block.Joiner
	rows int
}

func (w *Warehouse) newInserts(ctx context.Context, table string) *inserts {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(insertSettings()))
	return &inserts{conn: w.conn, table: table,
		run: pool.New().WithContext(ctx).WithMaxGoroutines(insertersPerLoad).WithCancelOnError().WithFirstError()}
}

// add sends a block on. It keeps none of its memory.
func (in *inserts) add(payload []byte) error {
	rows, err := block.Rows(payload)
	if err != nil {
		return err
	}
	if in.body != nil && in.rows+rows > rowsPerInsert {
		if err := in.finish(nil); err != nil {
			return err
		}
	}
	if in.body == nil {
		in.begin()
	}
	in.rows += rows
	return in.join.Add(payload)
}

// begin waits for a place among those that are on their way.
func (in *inserts) begin() {
	from, to := io.Pipe()
	in.body, in.join, in.rows = to, block.NewJoiner(to), 0
	in.run.Go(func(ctx context.Context) error {
		err := in.conn.InsertFormat(ctx, "ArrowStream", "INSERT INTO "+in.table, from)
		_ = from.CloseWithError(cmp.Or(err, io.ErrClosedPipe)) // who still writes learns that nobody reads
		return err
	})
}

// finish ends the stream of the insert that takes blocks; with an error it
// breaks it off, so that the engine takes none of it.
func (in *inserts) finish(err error) error {
	if in.body == nil {
		return nil
	}
	if err == nil {
		err = in.join.Close()
	}
	closed := in.body.CloseWithError(err)
	in.body = nil
	return errors.Join(err, closed)
}

// end waits for all inserts. Err is what kept blocks from coming: where an
// insert failed, that its blocks could not be sent on.
func (in *inserts) end(err error) error {
	err = errors.Join(err, in.finish(err))
	if failed := in.run.Wait(); failed != nil && !errors.Is(err, failed) {
		err = errors.Join(err, failed)
	}
	return err
}

// reconcile holds the table against the log: absence and excess are both
// detected. Excess is an insert that was repeated; its identities collapse.
func (w *Warehouse) reconcile(ctx context.Context, table string, t loadTarget) error {
	total, distinct, err := w.count(ctx, table, t)
	if err != nil {
		return fmt.Errorf("reconcile %s: %w", table, err)
	}
	if total > t.rows && distinct == t.whole {
		if err := w.conn.Exec(ctx, "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			return fmt.Errorf("reconcile %s: %w", table, err)
		}
		if total, distinct, err = w.count(ctx, table, t); err != nil {
			return fmt.Errorf("reconcile %s: %w", table, err)
		}
	}
	if total != t.rows || distinct != t.whole {
		return fmt.Errorf("%w: table %s has %d rows (%d different parts) where %s, the log %d (%d); run replay",
			ErrUnreconciled, table, total, distinct, t.where, t.rows, t.whole)
	}
	return nil
}

func (w *Warehouse) count(ctx context.Context, table string, t loadTarget) (total, distinct int64, err error) {
	q := fmt.Sprintf("SELECT toInt64(count()), toInt64(uniqExact(%s)) FROM %s WHERE %s", t.parts, table, t.where)
	err = w.conn.QueryRow(ctx, q).Scan(&total, &distinct)
	return total, distinct, err
}

func (w *Warehouse) presentBlocks(ctx context.Context, table string, t loadTarget) (map[int]bool, error) {
	rows, err := w.conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT block FROM %s WHERE %s", table, t.where))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	present := map[int]bool{}
	for rows.Next() {
		var b uint32
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		present[int(b)] = true
	}
	return present, rows.Err()
}

// Touched bounds the scope s, which has the effective deliveries with the
// delivery a, by the periods whose cells a can change. ok is false when it can
// change none. Dropped are the deliveries that a has left without any effect.
//
// A delivery changes the periods of its window and of its own rows; those of
// older rows with its keys, whose place it takes; and, by what it covers, those
// of rows with the keys of what is covered, which may come back. A rejected row
// without a date may belong to any period, so when one comes or goes all do.
func (w *Warehouse) Touched(ctx context.Context, s Scope, a event.DeliveryAccepted, dropped []string) (touched Scope, ok bool, err error) {
	snapshot := a.Kind == "snapshot"
	if a.Replaces != "" || snapshot && a.From.IsZero() && a.To.IsZero() {
		return s, true, nil // the earlier reading may have had other periods
	}
	n, undated, lo, hi, err := w.dates(ctx, s, a, dropped)
	switch {
	case err != nil:
		return s, false, fmt.Errorf("dates of delivery %s: %w", a.Delivery, err)
	case undated > 0:
		return s, true, nil
	case !snapshot && n == 0:
		return s, false, nil
	}
	from, to := lo, hi
	if snapshot {
		from, to = a.From, a.To
		if n > 0 && !from.IsZero() && lo.Before(from) {
			from = lo
		}
		if n > 0 && !to.IsZero() && to.Before(hi) {
			to = hi
		}
	}
	for _, i := range s.Indicators {
		if p := i.Period.PeriodStart(from); !from.IsZero() && (s.From.IsZero() || p.Before(s.From)) {
			s.From = p
		}
		if p := i.Period.PeriodEnd(i.Period.PeriodStart(to.AddDays(-1))); !to.IsZero() && s.To.Before(p) {
			s.To = p
		}
	}
	return s, true, nil
}

// dates are the number of dated rows that delivery a adds or whose place can
// change by it, their first date and the day after the last, and the number of
// rejected rows without a date that come or go.
func (w *Warehouse) dates(ctx context.Context, s Scope, a event.DeliveryAccepted, dropped []string) (n, undated int64, from, to catalog.Date, err error) {
	keys := "delivery = " + text(a.Delivery)
	if a.Kind == "snapshot" {
		keys += " OR dated AND " + Scope{From: a.From, To: a.To}.within("d")
	}
	rows := fmt.Sprintf(`SELECT %s AS dated, %s AS d, o.delivery AS delivery, o.key AS key, o.kind AS kind,
	o.unit AS unit, o.indicator AS indicator FROM obs AS o WHERE o.feed = %s AND o.kind != %d`,
		datedExpr(s.Indicators), dateExpr(s.Indicators), text(s.Feed.ID), event.Parked)
	moves := "delivery = " + text(a.Delivery)
	if len(dropped) > 0 { // a rejected row that may be anybody's goes with its delivery
		moves += fmt.Sprintf(" OR kind = %d AND (unit = '*' OR indicator = '*') AND has(%s, delivery)", event.Rejected, texts(dropped))
	}
	more := len(s.Feed.Key) > 0
	if more { // a key has no older row where there is no older delivery
		var older uint8
		if err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT toUInt8(count() > 0) FROM (SELECT 1 FROM obs WHERE feed = %s AND delivery != %s LIMIT 1)",
			text(s.Feed.ID), text(a.Delivery))).Scan(&older); err != nil {
			return 0, 0, from, to, err
		}
		more = older != 0
	}
	if more {
		moves += fmt.Sprintf(" OR key IN (SELECT key FROM (%s) WHERE key != toFixedString('', 16) AND (%s))", rows, keys)
	}
	q := fmt.Sprintf(`SELECT toInt64(countIf(dated)), toInt32(minIf(d, dated)), toInt32(maxIf(d, dated)), toInt64(countIf(NOT dated AND kind = %d))
FROM (%s) WHERE %s OR NOT dated AND has(%s, delivery)`, event.Rejected, rows, moves, texts(append([]string{a.Delivery}, dropped...)))
	var lo, hi int32
	if err := w.conn.QueryRow(ctx, q).Scan(&n, &lo, &hi, &undated); err != nil {
		return 0, 0, from, to, err
	}
	return n, undated, catalog.DateOfDays(lo), catalog.DateOfDays(hi).AddDays(1), nil
}

// Cells computes the cells of the scope from the effective rows, sorted by
// key, without revision.
func (w *Warehouse) Cells(ctx context.Context, region string, s Scope) ([]cell.Version, error) {
	if len(s.sources()) == 0 {
		return nil, nil
	}
	byGranularity := map[catalog.Granularity][]*catalog.Indicator{}
	for _, i := range s.Indicators {
		byGranularity[i.Period] = append(byGranularity[i.Period], i)
	}
	any, err := w.present(ctx, &s)
	if err != nil {
		return nil, err
	}
	var out []cell.Version
	repeated := map[repeatedOf]string{}
	for g, indicators := range byGranularity {
		keys := make([]string, len(s.sources()))
		var vs []cell.Version
		work := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
		work.Go(func(ctx context.Context) error {
			for i, o := range s.sources() {
				of := repeatedOf{feed: i}
				if o.byPeriod() {
					of.period = g
				}
				var err error
				if _, known := repeated[of]; !known {
					if repeated[of], err = w.repeated(ctx, o, g); err != nil {
						return fmt.Errorf("repeated keys of feed %s: %w", o.Feed.ID, err)
					}
				}
				keys[i] = repeated[of]
			}
			return nil
		})
		if once := make([]string, len(s.sources())); s.probablyOnce() {
			work.Go(func(ctx context.Context) (err error) {
				vs, err = w.cellsOf(ctx, region, s, g, indicators, once, any)
				return err
			})
		}
		err := work.Wait()
		if err == nil && (!s.probablyOnce() || strings.Join(keys, "") != "") {
			vs, err = w.cellsOf(ctx, region, s, g, indicators, keys, any)
		}
		if err != nil {
			return nil, fmt.Errorf("cells of feed %s by %s: %w", s.Feed.ID, g, err)
		}
		if out == nil {
			out = vs
		} else {
			out = append(out, vs...)
		}
	}
	cell.Sort(out)
	fingerprint(out)
	return out, nil
}

// fingerprint gives each cell its fingerprint, with all processors.
func fingerprint(cells []cell.Version) {
	var work conc.WaitGroup
	for part := range slices.Chunk(cells, max(len(cells)/runtime.GOMAXPROCS(0)+1, 1000)) {
		work.Go(func() {
			for i := range part {
				part[i].Fingerprint = cell.FingerprintOf(part[i].Key, part[i].Content, false)
			}
		})
	}
	work.Wait()
}

// present is what any row of the scope has and what every one. It leaves with
// each source what holds of all its rows.
func (w *Warehouse) present(ctx context.Context, s *Scope) (present, error) {
	found := present{all: math.MaxUint8}
	s.Others = slices.Clone(s.Others) // they are the caller's
	sources := []*Source{&s.Source}
	for i := range s.Others {
		sources = append(sources, &s.Others[i])
	}
	for _, o := range sources {
		if len(o.Effective.Deliveries) == 0 {
			continue
		}
		var has, all, finding, observed uint8
		var rows uint64
		if err := w.conn.QueryRow(ctx, o.presentSQL()).Scan(&has, &all, &finding, &observed, &rows); err != nil {
			return found, fmt.Errorf("numbers of feed %s: %w", o.Feed.ID, err)
		}
		o.learn(event.Has(all), observed != 0, rows)
		found.has, found.all, found.finding = found.has|event.Has(has), found.all&event.Has(all), found.finding|event.Finding(finding)
	}
	return found, nil
}

// probablyOnce reports whether no key is likely to be repeated, as among the
// rows of one delivery: the cells are then computed while that is looked up.
func (s Scope) probablyOnce() bool {
	return len(s.sources()) == 1 && len(s.sources()[0].Effective.Deliveries) == 1
}

// repeatedOf names the repeated keys of a source: most sources have the same
// for all lengths of periods.
type repeatedOf struct {
	feed   int
	period catalog.Granularity
}

// mostKeys is how many repeated keys a query names; more are found again.
const mostKeys = 1000

// repeated is the set of the source's keys that more than one row competes for,
// as a query has it; empty: there are none. Most feeds have few or none, and
// their cells then cost no more than a sum.
func (w *Warehouse) repeated(ctx context.Context, o Source, g catalog.Granularity) (string, error) {
	if len(o.Feed.Key) == 0 || len(o.Effective.Deliveries) == 1 && o.Effective.Deliveries[0].KeysOnce {
		return "", nil
	}
	// The store holds the keys that it compares. Keys are random, so that each part
	// of many has about as many, and those that are equal are in one.
	parts := o.every.rows/cmp.Or(o.every.keysAtOnce, keysAtOnce) + 1
	var keys []string
	for part := range parts {
		standing := o.standingSQL(g)
		if parts > 1 {
			standing = fmt.Sprintf("SELECT * FROM (%s) WHERE reinterpretAsUInt64(key) %% %d = %d", standing, parts, part)
		}
		more, err := w.repeatedAmong(ctx, standing)
		if err != nil {
			return "", err
		}
		if keys = append(keys, more...); len(keys) > mostKeys {
			return o.repeatedSQL(g), nil
		}
	}
	return strings.Join(keys, ", "), nil
}

// keysAtOnce is about how many keys are compared at once, which takes the store
// some 30 bytes each.
const keysAtOnce = 4_000_000

// repeatedAmong are the keys for which more than one of the rows competes, as a query
// has them, at most mostKeys and one more.
func (w *Warehouse) repeatedAmong(ctx context.Context, standing string) ([]string, error) {
	// Of no two keys the first halves are equal where the keys are not; that they
	// are all different is known soon then.
	var once uint8
	if err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT toUInt8(uniqExact(reinterpretAsUInt64(key)) = count()) FROM (%s)%s", standing, wideDates)).Scan(&once); err != nil || once != 0 {
		return nil, err
	}
	rows, err := w.conn.Query(ctx, fmt.Sprintf("SELECT hex(key) FROM (%s) GROUP BY key HAVING count() > 1 LIMIT %d%s", standing, mostKeys+1, wideDates))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var keys []string
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return nil, err
		}
		keys = append(keys, "unhex('"+k+"')")
	}
	return keys, rows.Err()
}

func (w *Warehouse) cellsOf(ctx context.Context, region string, s Scope, g catalog.Granularity, indicators []*catalog.Indicator, repeated []string, any present) ([]cell.Version, error) {
	out, err := w.contents(ctx, s.cellsSQL(g, indicators, repeated, any, true))
	if refused, ok := errors.AsType[*clickhouse.Exception](err); ok && refused.Code == tooWide {
		out, err = w.contents(ctx, s.cellsSQL(g, indicators, repeated, any, false))
	}
	if err != nil {
		return nil, err
	}
	for i := range out {
		k := &out[i].Key
		k.Region, k.Registry, k.Granularity = region, s.Feed.Registry, string(g)
	}
	var index map[cell.Key]int // once a rejected row asks for it
	mine := map[string]bool{}
	for _, i := range indicators {
		mine[i.ID] = true
	}
	var open []unread
	for i, o := range s.sources() {
		counts, err := w.rejected(ctx, o, g, repeated[i])
		if err != nil {
			return nil, err
		}
		for _, r := range counts {
			r.key.Region, r.key.Registry = region, s.Feed.Registry
			switch {
			case r.open():
				open = append(open, r)
			case mine[r.key.Indicator] && s.holds(r.key.PeriodStart):
				if index == nil {
					index = indexOf(out)
				}
				// A rejected row whose cell can be read, and which has no other
				// row, makes a cell of its own: it is not an absent row.
				i, ok := index[r.key]
				if !ok {
					i = len(out)
					index[r.key] = i
					out = append(out, cell.Version{Key: r.key})
				}
				r.on(&out[i].Content)
			}
		}
	}
	// Last, when every cell is there, those that may belong to several.
	for _, r := range open {
		for i := range out {
			if r.may(out[i].Key) {
				r.on(&out[i].Content)
			}
		}
	}
	return out, nil
}

// contents reads the cells that a query makes.
func (w *Warehouse) contents(ctx context.Context, query string) ([]cell.Version, error) {
	r, err := w.conn.QueryFormat(ctx, "ArrowStream", query)
	if err != nil {
		return nil, err
	}
	out, err := block.ReadContents(r)
	return out, errors.Join(err, r.Close())
}

// unread is a number of rejected rows of a source of which only the key could
// be read: anyOf stands for the rest, and without dated for the period.
type unread struct {
	source Source
	key    cell.Key
	dated  bool
	n      int64
	// reasons are those among the n whose reason for having no number is wrong.
	reasons int64
}

// on counts them in a cell that they may belong to.
func (u unread) on(c *cell.Content) {
	c.Rejected += u.n
	c.BadReasons += u.reasons
}

func (w *Warehouse) rejected(ctx context.Context, o Source, g catalog.Granularity, repeated string) ([]unread, error) {
	if o.every.observed {
		return nil, nil
	}
	var any uint8
	ids := make([]string, len(o.Effective.Deliveries))
	for i, d := range o.Effective.Deliveries {
		ids[i] = d.ID
	}
	if err := w.conn.QueryRow(ctx, fmt.Sprintf("SELECT toUInt8(count() > 0) FROM (SELECT 1 FROM obs WHERE feed = %s AND kind = %d AND delivery IN (%s) LIMIT 1)",
		text(o.Effective.Feed), event.Rejected, strings.Trim(texts(ids), "[]"))).Scan(&any); err != nil || any == 0 {
		return nil, err
	}
	rows, err := w.conn.Query(ctx, o.rejectedSQL(g, repeated))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []unread
	for rows.Next() {
		u := unread{source: o, key: cell.Key{Granularity: string(g)}}
		var dated uint8
		if err := rows.Scan(&u.key.Indicator, &u.key.Version, &u.key.Stratum, &u.key.Unit, &u.key.PeriodStart, &dated, &u.n, &u.reasons); err != nil {
			return nil, err
		}
		u.dated = dated != 0
		out = append(out, u)
	}
	return out, rows.Err()
}

// open reports whether the rows may belong to several cells.
func (u unread) open() bool {
	return !u.dated || u.key.Indicator == anyOf || u.key.Version == anyOf || u.key.Stratum == anyOf || u.key.Unit == anyOf
}

// may reports whether the rows may belong to c.
func (u unread) may(c cell.Key) bool {
	fits := func(read, is string) bool { return read == anyOf || read == is }
	return fits(u.key.Indicator, c.Indicator) && fits(u.key.Version, c.Version) && fits(u.key.Stratum, c.Stratum) &&
		fits(u.key.Unit, c.Unit) && (!u.dated || u.key.PeriodStart == c.PeriodStart) &&
		slices.ContainsFunc(u.source.Indicators, func(i *catalog.Indicator) bool { return i.ID == c.Indicator })
}

// anyOf stands in a rejected row for what could not be read.
const anyOf = "*"

func (s Scope) holds(day int32) bool {
	return catalog.DateOfDays(day).Within(s.From, s.To)
}

// indexOf is where each cell is.
func indexOf(cells []cell.Version) map[cell.Key]int {
	index := make(map[cell.Key]int, len(cells))
	for i := range cells {
		index[cells[i].Key] = i
	}
	return index
}

// CurrentCells are the newest versions before revision rev of the cells in
// the scope, tombstones included, sorted by key.
func (w *Warehouse) CurrentCells(ctx context.Context, s Scope, rev uint64) ([]cell.Version, error) {
	ids := make([]string, len(s.Indicators))
	for i, ind := range s.Indicators {
		ids[i] = ind.ID
	}
	where := fmt.Sprintf("registry = %s AND indicator IN (%s) AND rev < %d AND %s",
		text(s.Feed.Registry), strings.Trim(texts(ids), "[]"), rev, s.within("period_start"))
	q := fmt.Sprintf(`SELECT %s FROM cell WHERE %s
ORDER BY indicator, version, granularity, stratum, unit, period_start, rev DESC
LIMIT 1 BY indicator, version, granularity, stratum, unit, period_start`, cellColumns(), where)
	return w.readCells(ctx, q)
}

// Versions are all versions of the indicator's cells up to revision rev,
// sorted by key and revision.
func (w *Warehouse) Versions(ctx context.Context, indicator string, rev uint64) ([]cell.Version, error) {
	q := fmt.Sprintf(`SELECT %s FROM cell WHERE indicator = %s AND rev <= %d
ORDER BY indicator, version, granularity, stratum, unit, period_start, rev
LIMIT 1 BY indicator, version, granularity, stratum, unit, period_start, rev`, cellColumns(), text(indicator), rev)
	return w.readCells(ctx, q)
}

// Changed are the versions of revision rev, and the newest versions before it
// of the same cells; both sorted by key, tombstones included.
func (w *Warehouse) Changed(ctx context.Context, rev uint64) (before, after []cell.Version, err error) {
	const key = "registry, indicator, version, granularity, stratum, unit, period_start"
	after, err = w.readCells(ctx, fmt.Sprintf("SELECT %s FROM cell WHERE rev = %d ORDER BY %s LIMIT 1 BY %s", cellColumns(), rev, key, key))
	if err != nil || len(after) == 0 {
		return nil, nil, err
	}
	before, err = w.readCells(ctx, fmt.Sprintf(`SELECT %s FROM cell WHERE rev < %d AND (%s) IN (SELECT %s FROM cell WHERE rev = %d)
ORDER BY %s, rev DESC LIMIT 1 BY %s`, cellColumns(), rev, key, key, rev, key, key))
	slices.SortFunc(before, func(a, b cell.Version) int { return a.Key.Compare(b.Key) })
	slices.SortFunc(after, func(a, b cell.Version) int { return a.Key.Compare(b.Key) })
	return before, after, err
}

func cellColumns() string { return strings.Join(block.CellSchema().Names(), ", ") }

func (w *Warehouse) readCells(ctx context.Context, query string) ([]cell.Version, error) {
	r, err := w.conn.QueryFormat(ctx, "ArrowStream", query)
	if err != nil {
		return nil, fmt.Errorf("read cells: %w", err)
	}
	vs, err := block.ReadCells(r, true)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("read cells: %w", err)
	}
	return vs, nil
}

// Fingerprint is the number of current cells and the wrapping sum over them
// of the first eight bytes of the fingerprint: equal exactly when the cells
// are, up to a chance of 2^-64.
func (w *Warehouse) Fingerprint(ctx context.Context) (cells, sum uint64, err error) {
	q := `SELECT count(), sumWithOverflow(reinterpretAsUInt64(substring(fp, 1, 8))) FROM (
	SELECT argMax(fingerprint, rev) AS fp FROM cell
	GROUP BY registry, indicator, version, granularity, stratum, unit, period_start)`
	if err := w.conn.QueryRow(ctx, q).Scan(&cells, &sum); err != nil {
		return 0, 0, fmt.Errorf("fingerprint: %w", err)
	}
	return cells, sum, nil
}

// Truncate empties the tables, for a rebuild from the log.
func (w *Warehouse) Truncate(ctx context.Context) error {
	w.tables.forget()
	for _, t := range []string{"obs", "cell", "history"} {
		if err := w.conn.Exec(ctx, "TRUNCATE TABLE "+t); err != nil {
			return fmt.Errorf("truncate %s: %w", t, err)
		}
	}
	return nil
}

// ObservationCounts are the distinct rows in obs by delivery.
func (w *Warehouse) ObservationCounts(ctx context.Context) (map[string]int64, error) {
	rows, err := w.conn.Query(ctx, "SELECT toString(delivery), toInt64(count()) FROM obs GROUP BY delivery")
	if err != nil {
		return nil, fmt.Errorf("count observations: %w", err)
	}
	defer func() { _ = rows.Close() }()
	counts := map[string]int64{}
	for rows.Next() {
		var id string
		var n int64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, fmt.Errorf("count observations: %w", err)
		}
		counts[id] = n
	}
	return counts, rows.Err()
}

// CellCounts are the versions in cell by revision.
func (w *Warehouse) CellCounts(ctx context.Context) (map[uint64]int64, error) {
	rows, err := w.conn.Query(ctx, "SELECT rev, toInt64(count()) FROM cell GROUP BY rev")
	if err != nil {
		return nil, fmt.Errorf("count cells: %w", err)
	}
	defer func() { _ = rows.Close() }()
	counts := map[uint64]int64{}
	for rows.Next() {
		var rev uint64
		var n int64
		if err := rows.Scan(&rev, &n); err != nil {
			return nil, fmt.Errorf("count cells: %w", err)
		}
		counts[rev] = n
	}
	return counts, rows.Err()
}
