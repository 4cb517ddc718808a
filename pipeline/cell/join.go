package cell

import (
	"cmp"
	"fmt"
)

// With is the table of the versions of two tables of one indicator. What it costs is
// mostly the copying of columns, so that the table that a few newer versions make of
// a large one costs far less than reading it again. Two versions of one revision of
// a cell that differ are ErrTable.
func (t *Table) With(o *Table) (*Table, error) {
	if t.region != o.region || t.indicator != o.indicator {
		return nil, fmt.Errorf("%w: %s of %s is joined with %s of %s", ErrTable, o.indicator, o.region, t.indicator, t.region)
	}
	j := joint{of: [2]*Table{t, o}}
	j.out.region, j.out.indicator = t.region, t.indicator
	a, b := 0, 0
	for a < len(t.series) || b < len(o.series) {
		order := -1
		switch {
		case a == len(t.series):
			order = 1
		case b < len(o.series):
			order = t.series[a].Compare(o.series[b])
		}
		j.out.starts = append(j.out.starts, int32(j.rows))
		if order > 0 {
			j.out.series = append(j.out.series, o.series[b])
		} else {
			j.out.series = append(j.out.series, t.series[a])
		}
		switch {
		case order < 0:
			j.take(0, t.starts[a], t.starts[a+1])
			a++
		case order > 0:
			j.take(1, o.starts[b], o.starts[b+1])
			b++
		default:
			if err := j.merge(a, b); err != nil {
				return nil, err
			}
			a, b = a+1, b+1
		}
	}
	j.out.starts = append(j.out.starts, int32(j.rows))
	return j.table(), nil
}

// joint is a table in the making of the rows of two.
type joint struct {
	of     [2]*Table
	out    Table
	pieces []piece
	rows   int
}

// piece is the rows [from, to) of one of the tables.
type piece struct {
	of       int
	from, to int32
}

func (j *joint) take(of int, from, to int32) {
	if from == to {
		return
	}
	j.rows += int(to - from)
	if last := len(j.pieces) - 1; last >= 0 && j.pieces[last].of == of && j.pieces[last].to == from {
		j.pieces[last].to = to
		return
	}
	j.pieces = append(j.pieces, piece{of, from, to})
}

// merge takes the rows of a series that both tables have.
func (j *joint) merge(a, b int) error {
	t, o := j.of[0], j.of[1]
	x, y := t.starts[a], o.starts[b]
	for x < t.starts[a+1] && y < o.starts[b+1] {
		switch order := cmp.Or(cmp.Compare(t.period[x], o.period[y]), cmp.Compare(t.rev[x], o.rev[y])); {
		case order < 0:
			j.take(0, x, x+1)
			x++
		case order > 0:
			j.take(1, y, y+1)
			y++
		case t.fingerprint[x] != o.fingerprint[y] || t.Tombstone(int(x)) != o.Tombstone(int(y)):
			return fmt.Errorf("%w: revision %d of %s is there with two contents", ErrTable, t.rev[x], t.Key(a, int(x)))
		default:
			y++
		}
	}
	j.take(0, x, t.starts[a+1])
	j.take(1, y, o.starts[b+1])
	return nil
}

func (j *joint) table() *Table {
	t, o, out := j.of[0], j.of[1], &j.out
	out.period = joined(j, t.period, o.period)
	out.rev = joined(j, t.rev, o.rev)
	out.fingerprint = joined(j, t.fingerprint, o.fingerprint)
	out.tombstone = joined(j, t.tombstone, o.tombstone)
	for i := range out.numbers {
		out.numbers[i] = joined(j, t.numbers[i], o.numbers[i])
	}
	for i := range out.counts {
		out.counts[i] = joined(j, t.counts[i], o.counts[i])
	}
	out.histogram = joined(j, t.histogram, o.histogram)
	return out
}

// joined is a column of the rows of two, either of which may be nil for zeros.
func joined[T any](j *joint, a, b []T) []T {
	if a == nil && b == nil {
		return nil
	}
	out, at := make([]T, j.rows), 0
	for _, p := range j.pieces {
		if from := [2][]T{a, b}[p.of]; from != nil {
			copy(out[at:], from[p.from:p.to])
		}
		at += int(p.to - p.from)
	}
	return out
}
