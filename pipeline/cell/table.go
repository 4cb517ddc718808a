package cell

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrTable says that versions do not belong into one table: they are of another
// indicator, or two of one revision differ.
var ErrTable = errors.New("the versions do not make one table")

// Series names the cells of one line of a chart: those that only the period
// tells apart.
type Series struct{ Registry, Version, Granularity, Stratum, Unit string }

// SeriesOf is the series of a cell.
func SeriesOf(k Key) Series {
	return Series{k.Registry, k.Version, k.Granularity, k.Stratum, k.Unit}
}

// Compare orders series as Key.Compare orders their cells.
func (s Series) Compare(o Series) int {
	return cmp.Or(strings.Compare(s.Registry, o.Registry), strings.Compare(s.Version, o.Version), strings.Compare(s.Granularity, o.Granularity),
		strings.Compare(s.Stratum, o.Stratum), strings.Compare(s.Unit, o.Unit))
}

// Table is versions of the cells of one indicator in one region, as columns: a
// version costs about a hundred bytes where a Version has three times as many,
// and no key is repeated. Rows are in the order of the keys and, of one cell,
// of the revisions; none is there twice. A table is never changed, so that many
// may read it at once.
type Table struct {
	region, indicator string

	series []Series
	starts []int32 // the first row of each series, and at the end the number of rows

	period      []int32
	rev         []uint64
	fingerprint []Fingerprint
	tombstone   []bool // nil: none is one
	numbers     [fixedColumns][]Fixed
	counts      [countColumns][]int64
	histogram   []string
}

// Columns of a content. One in which every number is 0 takes no memory.
const (
	fixedColumns = 5
	countColumns = 12
)

func (c *Content) fixed() [fixedColumns]*Fixed {
	return [...]*Fixed{&c.Numerator, &c.Denominator, &c.Values, &c.ValueSquares, &c.Expected}
}

func (c *Content) counted() [countColumns]*int64 {
	return [...]*int64{&c.Rows, &c.ValueCount, &c.Missing, &c.Rejected, &c.Duplicates, &c.NumeratorAbove, &c.Negative,
		&c.ZeroDenominator, &c.RateMismatch, &c.UnknownCodes, &c.Masked, &c.BadReasons}
}

// TableOf is the table of some versions, in any order; a version that is there
// twice counts once.
func TableOf(region, indicator string, versions []Version) (*Table, error) {
	b := NewTableBuilder(region, indicator)
	if err := b.Add(versions); err != nil {
		return nil, err
	}
	return b.Table()
}

// Len is the number of rows: of versions.
func (t *Table) Len() int { return len(t.period) }

// Region is that of all cells.
func (t *Table) Region() string { return t.region }

// Indicator is that of all cells.
func (t *Table) Indicator() string { return t.indicator }

// Bytes is about how much memory the table takes.
func (t *Table) Bytes() int {
	n := 200 + len(t.series)*100 + len(t.period)*(4+8+32)
	n += len(t.tombstone)
	for _, c := range t.numbers {
		n += 16 * len(c)
	}
	for _, c := range t.counts {
		n += 8 * len(c)
	}
	for _, h := range t.histogram {
		n += 16 + len(h)
	}
	return n
}

// Series is the number of series; their order is that of the keys.
func (t *Table) Series() int { return len(t.series) }

// SeriesAt is series i with its rows [from, to).
func (t *Table) SeriesAt(i int) (s Series, from, to int) {
	return t.series[i], int(t.starts[i]), int(t.starts[i+1])
}

// Period of a row: the first day, in days since 1970-01-01.
func (t *Table) Period(row int) int32 { return t.period[row] }

// Rev is the revision of a row.
func (t *Table) Rev(row int) uint64 { return t.rev[row] }

// Fingerprint of a row.
func (t *Table) Fingerprint(row int) Fingerprint { return t.fingerprint[row] }

// Tombstone reports whether a row says that the cell is gone.
func (t *Table) Tombstone(row int) bool { return t.tombstone != nil && t.tombstone[row] }

// Content of a row.
func (t *Table) Content(row int) Content {
	var c Content
	for i, to := range c.fixed() {
		if col := t.numbers[i]; col != nil {
			*to = col[row]
		}
	}
	for i, to := range c.counted() {
		if col := t.counts[i]; col != nil {
			*to = col[row]
		}
	}
	if t.histogram != nil {
		c.Histogram = t.histogram[row]
	}
	return c
}

// Key of a row of series i.
func (t *Table) Key(i, row int) Key {
	s := &t.series[i]
	return Key{Region: t.region, Registry: s.Registry, Indicator: t.indicator, Version: s.Version, Granularity: s.Granularity,
		Unit: s.Unit, Stratum: s.Stratum, PeriodStart: t.period[row]}
}

// Version is a row of series i as a value of its own.
func (t *Table) Version(i, row int) Version {
	return Version{Key: t.Key(i, row), Content: t.Content(row), Tombstone: t.Tombstone(row), Fingerprint: t.fingerprint[row], Rev: t.rev[row]}
}

// Versions are all rows.
func (t *Table) Versions() []Version {
	out := make([]Version, 0, t.Len())
	for i := range t.series {
		for row := int(t.starts[i]); row < int(t.starts[i+1]); row++ {
			out = append(out, t.Version(i, row))
		}
	}
	return out
}

// End is the row behind the last version of the cell of a row, in a series
// whose rows end before to.
func (t *Table) End(row, to int) int {
	end := row + 1
	for end < to && t.period[end] == t.period[row] {
		end++
	}
	return end
}

// Find gives the rows [from, to) of a cell, and its series; none where the
// table does not have it.
func (t *Table) Find(k Key) (series, from, to int) {
	if k.Region != t.region || k.Indicator != t.indicator {
		return 0, 0, 0
	}
	series, ok := slices.BinarySearchFunc(t.series, SeriesOf(k), Series.Compare)
	if !ok {
		return 0, 0, 0
	}
	first, last := int(t.starts[series]), int(t.starts[series+1])
	at, ok := slices.BinarySearch(t.period[first:last], k.PeriodStart)
	if !ok {
		return series, 0, 0
	}
	from = first + at
	return series, from, t.End(from, last)
}

// Row gives the row of the version of revision rev of a cell; ok is false where
// there is none.
func (t *Table) Row(k Key, rev uint64) (row int, ok bool) {
	_, from, to := t.Find(k)
	at, ok := slices.BinarySearch(t.rev[from:to], rev)
	return from + at, ok
}

// Walk finds rows of cells that are asked for in the order of their keys, which
// costs less than Row.
type Walk struct {
	t           *Table
	series, row int
}

// Walk begins before the first cell.
func (t *Table) Walk() *Walk { return &Walk{t: t} }

// Row is the row of the version of revision rev of a cell that comes after those
// that were asked for before, or is the last of them. It panics where the table
// does not have it.
func (w *Walk) Row(k Key, rev uint64) int {
	t := w.t
	for w.series < len(t.series) && !same(&t.series[w.series], &k) {
		w.series++
		w.row = int(t.starts[w.series])
	}
	if w.series < len(t.series) {
		end := int(t.starts[w.series+1])
		for w.row < end && t.period[w.row] < k.PeriodStart {
			w.row++
		}
		for row := w.row; row < end && t.period[row] == k.PeriodStart; row++ {
			if t.rev[row] == rev {
				return row
			}
		}
	}
	panic(fmt.Sprintf("cell: the table has no version of revision %d of %s, or that was asked for out of order", rev, k))
}

// TableBuilder makes a table of versions that come in parts.
type TableBuilder struct {
	t      Table
	sorted bool
}

// NewTableBuilder begins the table of an indicator.
func NewTableBuilder(region, indicator string) *TableBuilder {
	return &TableBuilder{t: Table{region: region, indicator: indicator}, sorted: true}
}

// Add takes versions; nothing of the slice is kept. They cost least in the order
// of a table, and one that follows itself is passed over.
func (b *TableBuilder) Add(versions []Version) error {
	t := &b.t
	t.period = slices.Grow(t.period, len(versions))
	t.rev = slices.Grow(t.rev, len(versions))
	t.fingerprint = slices.Grow(t.fingerprint, len(versions))
	for i := range versions {
		v := &versions[i]
		if v.Key.Region != t.region || v.Key.Indicator != t.indicator {
			return fmt.Errorf("%w: %s is given to %s of %s", ErrTable, v.Key, t.indicator, t.region)
		}
		row, last := len(t.period), len(t.series)-1
		if last < 0 || !same(&t.series[last], &v.Key) {
			t.series, t.starts = append(t.series, SeriesOf(v.Key)), append(t.starts, int32(row))
			b.sorted = b.sorted && (last < 0 || t.series[last].Compare(t.series[last+1]) < 0)
		} else if t.period[row-1] == v.Key.PeriodStart && t.rev[row-1] == v.Rev && t.fingerprint[row-1] == v.Fingerprint {
			continue
		} else if t.period[row-1] > v.Key.PeriodStart || t.period[row-1] == v.Key.PeriodStart && t.rev[row-1] >= v.Rev {
			b.sorted = false
		}
		t.period = append(t.period, v.Key.PeriodStart)
		t.rev = append(t.rev, v.Rev)
		t.fingerprint = append(t.fingerprint, v.Fingerprint)
		b.content(v, row, len(versions)-i)
	}
	b.fill(len(t.period))
	return nil
}

func same(s *Series, k *Key) bool {
	return s.Unit == k.Unit && s.Stratum == k.Stratum && s.Version == k.Version && s.Granularity == k.Granularity && s.Registry == k.Registry
}

// content adds what of the version's content is not 0 as a row; about more rows
// follow.
func (b *TableBuilder) content(v *Version, row, more int) {
	t := &b.t
	if v.Tombstone {
		t.tombstone = put(t.tombstone, row, more, true)
	}
	for j, f := range v.Content.fixed() {
		if !f.IsZero() {
			t.numbers[j] = put(t.numbers[j], row, more, *f)
		}
	}
	for j, c := range v.Content.counted() {
		if *c != 0 {
			t.counts[j] = put(t.counts[j], row, more, *c)
		}
	}
	if v.Content.Histogram != "" {
		t.histogram = put(t.histogram, row, more, v.Content.Histogram)
	}
}

// fill makes every column that is there n rows long.
func (b *TableBuilder) fill(n int) {
	t := &b.t
	if t.tombstone != nil {
		t.tombstone = upTo(t.tombstone, n)
	}
	for j := range t.numbers {
		if t.numbers[j] != nil {
			t.numbers[j] = upTo(t.numbers[j], n)
		}
	}
	for j := range t.counts {
		if t.counts[j] != nil {
			t.counts[j] = upTo(t.counts[j], n)
		}
	}
	if t.histogram != nil {
		t.histogram = upTo(t.histogram, n)
	}
}

// put sets a row of a column that may end before it; about more rows follow.
func put[T any](column []T, row, more int, v T) []T {
	if cap(column) < row+1 {
		column = slices.Grow(column, row+more-len(column))
	}
	return append(upTo(column, row), v)
}

// upTo makes the column n rows long, with zeros.
func upTo[T any](column []T, n int) []T {
	if len(column) >= n {
		return column
	}
	column = slices.Grow(column, n-len(column))
	from := len(column)
	column = column[:n]
	clear(column[from:])
	return column
}

// Table ends the building. Two versions of one revision of a cell that differ
// are ErrTable.
func (b *TableBuilder) Table() (*Table, error) {
	t := &b.t
	t.starts = append(t.starts, int32(len(t.period)))
	if b.sorted {
		return t, nil
	}
	// What came in another order is taken apart and sorted.
	all := t.Versions()
	slices.SortStableFunc(all, func(x, y Version) int { return cmp.Or(x.Key.Compare(y.Key), cmp.Compare(x.Rev, y.Rev)) })
	out := all[:0]
	for i := range all {
		if last := len(out) - 1; last >= 0 && out[last].Key == all[i].Key && out[last].Rev == all[i].Rev {
			if out[last].Fingerprint != all[i].Fingerprint || out[last].Tombstone != all[i].Tombstone {
				return nil, fmt.Errorf("%w: revision %d of %s is there with two contents", ErrTable, all[i].Rev, all[i].Key)
			}
			continue
		}
		out = append(out, all[i])
	}
	again := NewTableBuilder(t.region, t.indicator)
	if err := again.Add(out); err != nil {
		return nil, err
	}
	return again.Table()
}
