package warehouse

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event/block"
)

// Table is all versions of the indicator's cells up to revision rev. Those that
// were read last stay in memory, up to tableBytes, since the services read the
// same ones one after the other: whoever decides, and whoever then publishes.
// Versions are never changed, so that a table that was read stays true, and of one up
// to a later revision only what is newer is read.
func (w *Warehouse) Table(ctx context.Context, region, indicator string, rev uint64) (*cell.Table, error) {
	of := tableOf{region, indicator, rev}
	t, turn := w.tables.get(of)
	if t != nil {
		return t, nil
	}
	earlier, through := w.tables.newest(of)
	and := ""
	if earlier != nil {
		and = fmt.Sprintf(" AND rev > %d", through)
	}
	t, err := w.readTable(ctx, of, and)
	if err != nil {
		return nil, err
	}
	if earlier != nil {
		if t, err = earlier.With(t); err != nil {
			return nil, fmt.Errorf("cells of %s: %w", indicator, err)
		}
	}
	w.tables.put(of, turn, t)
	return t, nil
}

// readTable reads the versions that meet a further condition.
func (w *Warehouse) readTable(ctx context.Context, of tableOf, and string) (t *cell.Table, err error) {
	r, err := w.conn.QueryFormat(ctx, "ArrowStream", fmt.Sprintf(`SELECT %s FROM cell WHERE indicator = %s AND rev <= %d%s
ORDER BY indicator, version, granularity, stratum, unit, period_start, rev`, cellColumns(), text(of.indicator), of.rev, and))
	if err != nil {
		return nil, fmt.Errorf("cells of %s: %w", of.indicator, err)
	}
	defer func() {
		if err = errors.Join(err, r.Close()); err != nil {
			t, err = nil, fmt.Errorf("cells of %s: %w", of.indicator, err)
		}
	}()
	b := cell.NewTableBuilder(of.region, of.indicator)
	for c := block.NewCellReader(r, true); ; {
		batch, err := c.Next()
		if err == io.EOF {
			return b.Table()
		}
		if err == nil {
			err = b.Add(batch)
		}
		if err != nil {
			return nil, err
		}
	}
}

// mostNamed is how many cells a query names.
const mostNamed = 2000

// TableOfCells is the table of the named cells alone, of however many others
// there are; of many cells it is Table.
func (w *Warehouse) TableOfCells(ctx context.Context, region, indicator string, rev uint64, cells []cell.Key) (*cell.Table, error) {
	switch {
	case len(cells) > mostNamed:
		return w.Table(ctx, region, indicator, rev)
	case len(cells) == 0:
		return cell.TableOf(region, indicator, nil)
	}
	if t, _ := w.tables.get(tableOf{region, indicator, rev}); t != nil {
		return t, nil
	}
	named := make([]string, len(cells))
	for i, k := range cells {
		named[i] = fmt.Sprintf("(%s, %s, %s, %s, %s, toDate32(%d))", text(k.Registry), text(k.Version), text(k.Granularity), text(k.Stratum), text(k.Unit), k.PeriodStart)
	}
	return w.readTable(ctx, tableOf{region, indicator, rev},
		" AND (registry, version, granularity, stratum, unit, period_start) IN ("+strings.Join(named, ", ")+")")
}

// TableOfSeries is the table of the series that the named cells are of, and of
// those that have a version newer than revision since.
func (w *Warehouse) TableOfSeries(ctx context.Context, region, indicator string, rev uint64, cells []cell.Key, since uint64) (*cell.Table, error) {
	var named []string
	for i, k := range cells {
		s := cell.SeriesOf(k)
		if i == 0 || s != cell.SeriesOf(cells[i-1]) {
			named = append(named, fmt.Sprintf("(%s, %s, %s, %s)", text(s.Version), text(s.Granularity), text(s.Stratum), text(s.Unit)))
		}
	}
	if len(named) > mostNamed {
		return w.Table(ctx, region, indicator, rev)
	}
	const series = "(version, granularity, stratum, unit)"
	var of []string
	if len(named) > 0 {
		of = append(of, series+" IN ("+strings.Join(named, ", ")+")")
	}
	if since < rev {
		of = append(of, fmt.Sprintf("%s IN (SELECT version, granularity, stratum, unit FROM cell WHERE indicator = %s AND rev > %d AND rev <= %d)", series, text(indicator), since, rev))
	}
	if len(of) == 0 {
		return cell.TableOf(region, indicator, nil)
	}
	return w.readTable(ctx, tableOf{region, indicator, rev}, " AND ("+strings.Join(of, " OR ")+")")
}

// Revs are the newest revisions up to rev of any cell of each indicator.
func (w *Warehouse) Revs(ctx context.Context, rev uint64) (map[string]uint64, error) {
	rows, err := w.conn.Query(ctx, fmt.Sprintf("SELECT toString(indicator) AS id, max(rev) FROM cell WHERE rev <= %d GROUP BY id", rev))
	if err != nil {
		return nil, fmt.Errorf("newest revisions: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]uint64{}
	for rows.Next() {
		var id string
		var newest uint64
		if err := rows.Scan(&id, &newest); err != nil {
			return nil, fmt.Errorf("newest revisions: %w", err)
		}
		out[id] = newest
	}
	return out, rows.Err()
}

// tableBytes bounds the tables that are kept: about three million versions.
const tableBytes = 256 << 20

// tableOf names a table.
type tableOf struct {
	region, indicator string
	rev               uint64
}

// tables are those that were read last. The zero value is ready.
type tables struct {
	mu    sync.Mutex
	turn  int // rises when rows come: what was being read then is not kept
	bytes int
	order list.List // of kept, the last used first
	at    map[tableOf]*list.Element
}

type kept struct {
	of    tableOf
	table *cell.Table
	bytes int
}

func (k *tables) get(of tableOf) (*cell.Table, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.at[of]
	if !ok {
		return nil, k.turn
	}
	k.order.MoveToFront(e)
	return e.Value.(kept).table, k.turn
}

// newest is the table of the indicator up to the last revision before that of the
// name, and that revision; nil: none is kept.
func (k *tables) newest(of tableOf) (t *cell.Table, through uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for o, e := range k.at {
		if o.region == of.region && o.indicator == of.indicator && o.rev < of.rev && o.rev >= through {
			t, through = e.Value.(kept).table, o.rev
		}
	}
	return t, through
}

// put keeps a table whose reading began in a turn, in the place of those of the same
// indicator up to earlier revisions.
func (k *tables) put(of tableOf, turn int, t *cell.Table) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := t.Bytes()
	if _, there := k.at[of]; there || turn != k.turn || n > tableBytes {
		return
	}
	if k.at == nil {
		k.at = map[tableOf]*list.Element{}
	}
	for o, e := range k.at {
		if o.region == of.region && o.indicator == of.indicator && o.rev < of.rev {
			k.drop(e)
		}
	}
	k.at[of] = k.order.PushFront(kept{of, t, n})
	for k.bytes += n; k.bytes > tableBytes; {
		k.drop(k.order.Back())
	}
}

func (k *tables) drop(e *list.Element) {
	gone := k.order.Remove(e).(kept)
	delete(k.at, gone.of)
	k.bytes -= gone.bytes
}

// forget drops all.
func (k *tables) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.turn++
	k.bytes = 0
	k.order.Init()
	clear(k.at)
}
