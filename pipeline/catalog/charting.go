package catalog

import (
	"fmt"
	"strings"
)

// charting holds what people decided about charts to what their dates and units
// allow. A day that begins no period would move to one that nobody approved.
func (v *validator) charting(in *Indicator, p *place) {
	if in.Measurement == "rolling" && !p.field("measurement").broken {
		for key, given := range map[string]bool{"phases": len(in.Phases) > 0, "exclude": len(in.Exclude) > 0, "rules": in.Rules != ""} {
			if given {
				v.bad(p.field(key), "", "a rolling measurement has none: its points overlap and carry no limits", "remove it, or give it to an indicator of single periods")
			}
		}
	}
	for i := range in.Phases {
		v.phase(in, i, p)
	}
	for i, e := range in.Exclude {
		at := p.field("exclude").item(i)
		v.refers(at.field("unit"), "unit", e.Unit, v.units)
		v.beginsPeriod(in, p, at.field("period"), e.Period)
		for j, o := range in.Exclude[:i] {
			if !at.field("period").broken && o.Unit == e.Unit && o.Stratum == e.Stratum && o.Period == e.Period {
				v.bad(at, e.Period.String(), "the period is left out twice", fmt.Sprintf("the other is in line %d; remove one of them", p.field("exclude").item(j).line))
				break
			}
		}
	}
}

func (v *validator) phase(in *Indicator, i int, p *place) {
	ph, at := in.Phases[i], p.field("phases").item(i)
	v.refers(at.field("unit"), "unit", ph.Unit, v.units)
	whole := true
	for _, d := range []struct {
		key string
		day Date
	}{{"from", ph.From}, {"baseline_from", ph.BaselineFrom}, {"baseline_to", ph.BaselineTo}} {
		whole = v.beginsPeriod(in, p, at.field(d.key), d.day) && whole
	}
	if !whole || at.field("from").broken {
		return
	}
	begin := ph.BaselineFrom
	if begin.IsZero() {
		begin = ph.From
	} else if ph.BaselineTo.IsZero() {
		v.bad(at, begin.String(), "baseline_from needs baseline_to", "say where the baseline ends, or leave both out")
		return
	}
	switch {
	case begin.Before(ph.From):
		v.bad(at.field("baseline_from"), begin.String(), "must not be before from, "+ph.From.String(), "a baseline lies in its phase")
		return
	case !ph.BaselineTo.IsZero() && !begin.Before(ph.BaselineTo):
		v.bad(at.field("baseline_to"), ph.BaselineTo.String(), "must be after the first day of the baseline, "+begin.String(), "it is the first day after the baseline")
		return
	}
	for j, o := range in.Phases {
		if j == i || o.Unit != ph.Unit || o.Stratum != ph.Stratum || p.field("phases").item(j).field("from").broken {
			continue
		}
		other := p.field("phases").item(j)
		switch {
		case j < i && o.From == ph.From:
			v.bad(at, ph.From.String(), "two phases begin on the same day", fmt.Sprintf("the other is in line %d; remove one of them", other.line))
		case ph.From.Before(o.From) && o.From.Before(ph.BaselineTo):
			v.bad(at.field("baseline_to"), ph.BaselineTo.String(), "the baseline reaches into the phase that begins on "+o.From.String(), "end it there, or move that phase")
		}
	}
}

// beginsPeriod tells a day that is not the first of a period of the indicator.
func (v *validator) beginsPeriod(in *Indicator, p, at *place, d Date) bool {
	if d.IsZero() || at.broken || p.field("period").broken {
		return !at.broken
	}
	first := in.Period.PeriodStart(d)
	if first == d {
		return true
	}
	v.bad(at, d.String(), "must be the first day of a "+strings.ReplaceAll(string(in.Period), "_", " "), "as "+first.String()+" or "+in.Period.PeriodEnd(first).String())
	return false
}
