package validator

import (
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
)

// readable is what the person may read of an impact: a decision about one unit
// moves the funnel of the others, and a flag of a whole source guards cells of
// many.
func readable(who gate.Actor, ind *catalog.Indicator, i impact.Impact) impact.Impact {
	known := map[string]bool{}
	hidden := func(unit string) bool {
		may, ok := known[unit]
		if !ok {
			may = gate.ReadsCell(who, ind.Registry, unit) == nil
			known[unit] = may
		}
		return !may
	}
	i.Cells = slices.DeleteFunc(i.Cells, func(c impact.Cell) bool { return hidden(c.Unit) })
	i.Charts = slices.DeleteFunc(i.Charts, func(p impact.Place) bool { return hidden(p.Unit) })
	i.Signals = slices.DeleteFunc(i.Signals, func(s impact.Signal) bool { return hidden(s.Unit) })
	i.Centres = slices.DeleteFunc(i.Centres, func(c impact.Centre) bool { return hidden(c.Unit) })
	i.Outliers = slices.DeleteFunc(i.Outliers, func(o impact.Outlier) bool { return hidden(o.Unit) })
	i.Moves = slices.DeleteFunc(i.Moves, func(m impact.Move) bool { return hidden(m.Unit) })
	return i
}

// conceal leaves of the flags in an answer that the person may not read only
// that they are there, by which check and how grave: what they say is about
// others too.
func conceal(a *Answer, g *gate.State, who gate.Actor, registry string) {
	for i, r := range a.Flags {
		if f, ok := g.Flag(r.Flag); !ok || gate.ReadsFlag(who, f, registry) != nil {
			a.Flags[i] = Reason{Check: r.Check, Severity: r.Severity, Part: r.Part}
		}
	}
}
