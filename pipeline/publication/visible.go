package publication

import (
	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/spc"
)

// Visible are the cells of an indicator as the gate shows them, each with the
// content of the version that is visible: what was delivered, or what a
// correction says instead. Cells of an indicator version that is not
// introduced are there for its pilot units only, and what is below these on
// the day on.
//
// The table is the one that the gate was folded from. The cells are in the order
// of their keys.
func Visible(g *gate.State, cells *cell.Table, ind *catalog.Indicator, units []catalog.Unit, on catalog.Date) []Cell {
	walk := cells.Walk()
	introduced := map[string]bool{}
	var below func(unit, above string) bool
	out := make([]Cell, 0, cells.Len())
	for k, v := range g.Views {
		all, known := introduced[k.Version]
		if !known {
			all = g.Introduced(ind, k.Version)
			introduced[k.Version] = all
		}
		if !all {
			if below == nil {
				below = gate.NewActor(catalog.Person{}, units, on).Below
			}
			if !gate.Pilot(ind, k.Unit, below) {
				continue
			}
		}
		c := Cell{Key: k}
		switch v.State {
		case gate.Released:
			c.State = spc.StateValue
		case gate.HeldPrevious:
			c.State = spc.StateHeldPrevious
		case gate.HeldEmpty, gate.Waiting:
			c.State = spc.StateHeldEmpty
		case gate.Missing:
			c.State, c.Tombstone = spc.StateValue, true
		}
		if v.State == gate.Released || v.State == gate.HeldPrevious {
			row := walk.Row(k, v.Shown.Rev)
			c.Content, c.Fingerprint, c.Tombstone = cells.Content(row), cells.Fingerprint(row), cells.Tombstone(row)
			if correction, ok := g.Correction(k, v.Shown.Fingerprint); v.Shown.Corrected && ok {
				c.Content, c.Fingerprint, c.Tombstone = correction.New.Cell(), correction.Fingerprint, false
			}
		}
		out = append(out, c)
	}
	return out
}
