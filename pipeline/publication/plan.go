package publication

import (
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// decided is what people decided of the chart of one series, in the order of the
// plan's phases and excluded points.
type decided struct {
	phases   []*catalog.Phase
	excluded []*catalog.Exclusion
}

// plans are the phases and exclusions of the catalog as each series has them; nil
// where nobody decided anything. A line of rolling windows has no phases.
func (in *Input) plans(all []series) ([]spc.Plan, []decided) {
	if len(in.Indicator.Phases) == 0 && len(in.Indicator.Exclude) == 0 || in.Indicator.Measurement == "rolling" {
		return nil, nil
	}
	plans, why := make([]spc.Plan, len(all)), make([]decided, len(all))
	for k := range all {
		plans[k], why[k] = in.plan(&all[k])
	}
	return plans, why
}

func (in *Input) plan(s *series) (plan spc.Plan, why decided) {
	why.phases = in.phasesOf(s)
	mature := int32(0) // the end of the newest mature period
	for _, p := range s.points {
		if p.mature {
			mature = periodEnd(s.key, p.period)
		}
	}
	for i, ph := range why.phases {
		from, end := s.since(ph.From), len(s.points)
		if i+1 < len(why.phases) {
			end = s.since(why.phases[i+1].From)
		}
		part := spc.Phase{From: from}
		if !ph.BaselineTo.IsZero() {
			first := from
			if !ph.BaselineFrom.IsZero() {
				first = s.since(ph.BaselineFrom)
			}
			if last := min(s.since(ph.BaselineTo), end) - 1; first <= last {
				part.BaselineFrom, part.BaselineTo = first, last
				part.BaselineOpen = end == len(s.points) && mature < ph.BaselineTo.Days()
			}
		}
		plan.Phases = append(plan.Phases, part)
	}
	for i := range in.Indicator.Exclude {
		e := &in.Indicator.Exclude[i]
		at := s.since(e.Period)
		if at < len(s.points) && s.points[at].period == e.Period.Days() && in.concerns(s, e.Unit, e.Stratum, e.Period) && !slices.Contains(plan.Exclude, at) {
			plan.Exclude, why.excluded = append(plan.Exclude, at), append(why.excluded, e)
		}
	}
	return plan, why
}

// phasesOf are the phases of the series, each of which has a point. Of those that
// begin at one point the latest holds; of those of one day the one that names the
// unit, then the one that names the stratum.
func (in *Input) phasesOf(s *series) []*catalog.Phase {
	var out []*catalog.Phase
	for i := range in.Indicator.Phases {
		ph := &in.Indicator.Phases[i]
		if s.since(ph.From) < len(s.points) && in.concerns(s, ph.Unit, ph.Stratum, ph.From) {
			out = append(out, ph)
		}
	}
	names := func(ph *catalog.Phase) int {
		n := 0
		if ph.Unit != "" {
			n += 2
		}
		if ph.Stratum != "" {
			n++
		}
		return n
	}
	slices.SortStableFunc(out, func(a, b *catalog.Phase) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return names(a) - names(b)
	})
	last := out[:0]
	for i, ph := range out {
		if i+1 == len(out) || s.since(out[i+1].From) != s.since(ph.From) {
			last = append(last, ph)
		}
	}
	return last
}

// concerns reports whether what was decided of a unit and stratum, empty for any,
// is about the series. A unit that another carries on at that date is in the
// series of that one.
func (in *Input) concerns(s *series, unit, stratum string, at catalog.Date) bool {
	if stratum != "" && stratum != s.key.stratum {
		return false
	}
	return unit == "" || unit == s.key.unit || in.joined(cell.Key{Unit: unit, PeriodStart: at.Days()}).unit == s.key.unit
}

// since is the first point of the series from that day on; its length where there
// is none.
func (s *series) since(d catalog.Date) int {
	at, _ := slices.BinarySearchFunc(s.points, d.Days(), func(p point, day int32) int { return int(p.period) - int(day) })
	return at
}

// say is what people decided of the points from..to of a chart, with a blank before
// each sentence. plan is nil where they decided nothing.
func (d *decided) say(plan *spc.Plan, ch *spc.Chart, part spc.Part) string {
	if plan == nil {
		return ""
	}
	var out strings.Builder
	for i, ph := range d.phases {
		if plan.Phases[i].From != part.First {
			continue
		}
		fmt.Fprintf(&out, " Phase from %s: %s (approved by %s).", ph.From, sentence(ph.Reason), ph.ApprovedBy)
		if !ph.BaselineTo.IsZero() {
			begin := ph.BaselineFrom
			if begin.IsZero() {
				begin = ph.From
			}
			fmt.Fprintf(&out, " Its baseline was set: from %s to before %s.", begin, ph.BaselineTo)
		}
	}
	for i, e := range d.excluded {
		if at := plan.Exclude[i]; part.First <= at && at <= part.Last && ch.Excluded != nil && ch.Excluded[at] {
			fmt.Fprintf(&out, " Left out of centre line, limits and signals: %s (%s).", e.Period, sentence(e.Reason))
		}
	}
	return out.String()
}

// sentence is a reason as a part of another sentence.
func sentence(reason string) string {
	return strings.TrimRight(strings.Join(strings.Fields(reason), " "), ".")
}

// ruleSet is the catalog's choice of rules, and what the chart says of it; nothing
// of the default, which the chart already has.
func (in *Input) ruleSet() (set spc.RuleSet, says string) {
	switch in.Indicator.Rules {
	case "western-electric":
		return spc.WesternElectric, " Signals are by the rules of Western Electric (1956)."
	case "nelson":
		return spc.Nelson, " Signals are by Nelson's eight tests (1984)."
	case "mdc":
		return spc.MakingDataCount, " Signals are by the rules of NHS Making Data Count."
	}
	return spc.DefaultRules, ""
}

// chosen judges the charts by a rule set other than the default, in place of it.
// The result has the signals of each series.
func chosen(c *spc.Charts, set spc.RuleSet) [][]spc.Signal {
	out := make([][]spc.Signal, c.Len())
	for k := range out {
		ch := c.At(k)
		for i := range ch.Rules {
			ch.RunsSignal[i] = false
			if ch.Rules[i].Has(spc.RuleSigma) {
				ch.Rules[i] = spc.RuleSet(0).With(spc.RuleSigma)
			} else {
				ch.Rules[i] = 0
			}
		}
		out[k] = ch.Detect(set)
		for _, s := range out[k] {
			if s.Rule == spc.RuleSigma {
				continue
			}
			for _, i := range ch.Members(s) {
				ch.Rules[i], ch.RunsSignal[i] = ch.Rules[i].With(s.Rule), true
			}
		}
	}
	return out
}
