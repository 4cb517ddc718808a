package quality

import (
	"fmt"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/quality/surveil"
)

const (
	// fewestAround is how many units must have something in each of the periods
	// before a gap for the gap to be one.
	fewestAround = 3
	// gapSteps is how many alike periods nobody may miss together.
	gapSteps = 2
	// fewBeyond is one in how many units may lie beyond a gap for their dates to
	// be in doubt: where more do, the others' delivery is.
	fewBeyond = 4
)

// beyond are the cells of few units that lie behind periods in which no unit has
// anything, though many have it before them: their dates are wrong, most often by
// a year. It is no matter of chance.
func (p *past) beyond(instances map[[2]string]*instance) []Finding {
	t := instances[[2]string{p.check, p.in.Indicator.ID}]
	if t == nil || t.off || p.scale > 0 || p.whole || p.count {
		return nil
	}
	gap, last := p.gap()
	if gap < 0 {
		return nil
	}
	var out []Finding
	few := map[string]bool{}
	for s, unit := range p.units {
		for k := last; k < p.Periods; k++ {
			v := p.Volume[s*p.Periods+k]
			if v == surveil.Unknown {
				continue
			}
			few[unit] = true
			if !p.Test[s*p.Periods+k] {
				continue
			}
			f, ok := strand{p, s}.tell(t, k, Finding{Observed: float64(v), Direction: "up",
				Text: fmt.Sprintf("%d records in the period from %s, behind %d periods in which no unit has any: their dates may be wrong.",
					v, catalog.DateOfDays(p.start[k]), last-gap)})
			if ok {
				out = append(out, f)
			}
		}
	}
	if len(few) > max(1, len(p.units)/fewBeyond) {
		return nil
	}
	return out
}

// gap are the first of the newest periods in a row in which nobody has anything,
// and the one behind them; -1: there is none, or nothing is behind it, or it is as
// usual.
func (p *past) gap() (from, to int) {
	have := make([]int, p.Periods)
	for s := range p.Series {
		for t := range p.Periods {
			if p.Volume[s*p.Periods+t] != surveil.Unknown || p.held[s*p.Periods+t] {
				have[t]++
			}
		}
	}
	for to = p.Periods - 1; to > 0; to-- {
		if have[to] == 0 || have[to-1] > 0 {
			continue
		}
		for from = to; from > 0 && have[from-1] == 0; {
			from--
		}
		before := have[max(0, from-p.Least*p.Step):from]
		if to-from >= gapSteps*p.Step && len(before) == p.Least*p.Step && slices.Min(before) >= fewestAround {
			return from, to
		}
		to = from
	}
	return -1, -1
}
