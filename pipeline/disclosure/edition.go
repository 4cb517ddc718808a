package disclosure

import (
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// Month is the key of the edition that a date belongs to: the first day of its
// month.
func Month(d catalog.Date) catalog.Date { return catalog.Month.PeriodStart(d) }

// Due reports whether a publication as of a date begins a new edition, when the
// last one was made as of another (zero: there was none). An exact profile has a
// new one every time.
func (p *Profile) Due(last, asOf catalog.Date) bool {
	return p.Exact() || last.IsZero() || Month(last).Before(Month(asOf))
}

// Between takes out of an edition, until the next one is due, what the gate no
// longer shows as it was: now are the cells that the gate shows. A version that is
// shown as the previous one is marked; any that is not shown goes, also when a
// later one is. Nothing new appears, so that no night can be subtracted from
// another.
func Between(e Edition, now []Cell) Edition {
	current := make(map[cell.Key]*Cell, len(now))
	for i := range now {
		current[now[i].Key] = &now[i]
	}
	source := make(map[cell.Key]cell.Fingerprint, len(e.History.Shown))
	for _, s := range e.History.Shown {
		source[s.Key] = s.Fingerprint
	}
	out := e
	out.Cells, out.Numerators, out.Denominators = slices.Clone(e.Cells), slices.Clone(e.Numerators), slices.Clone(e.Denominators)
	for i := range out.Cells {
		c := &out.Cells[i]
		if c.Tombstone || c.State != spc.StateValue && c.State != spc.StateHeldPrevious {
			continue
		}
		n, known := current[c.Key]
		if known && n.Fingerprint == source[c.Key] && (n.State == spc.StateValue || n.State == spc.StateHeldPrevious) {
			c.State = n.State
			continue
		}
		*c = Cell{Key: c.Key, State: spc.StateHeldEmpty}
		out.Numerators[i], out.Denominators[i] = math.NaN(), math.NaN()
	}
	return out
}
