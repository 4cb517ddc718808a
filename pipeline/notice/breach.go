package notice

import (
	"strconv"

	"larstrom/pipeline/event"
)

// Breaches are the duties that were not done in their time, as facts for the
// LEDGER (check L05): one when all of the working days have passed, another
// when the next level is told. A fact that is found again has the same
// identity; a duty that begins anew, by a decision or an answer, is another
// one. They do not depend on who has an address.
func Breaches(in Input) []event.SLABreached {
	b := boardOf(in, false)
	var out []event.SLABreached
	for i := range in.Questions {
		q := &in.Questions[i]
		d, w := q.duty(), b.days(q)
		days := Days(d, q.Severity)
		stage := stageOf(q.used(d, in.On, w), days)
		if stage < Due {
			continue
		}
		e := event.SLABreached{Flag: q.FlagRaised.Flag, Indicator: q.Indicator, Unit: q.Unit, Duty: string(d), Severity: q.Severity,
			Since: q.Moved, Days: days, Due: q.due(d, in.On, w), On: in.On}
		for _, s := range []struct {
			Stage
			name string
		}{{Due, event.SLADue}, {Late, event.SLALate}} {
			if stage < s.Stage {
				break
			}
			e.Stage, e.Breach = s.name, idOf(in.Catalog.Region.Code, q.FlagRaised.Flag, string(d), strconv.FormatUint(q.Moved, 10), s.name)
			if levels := b.levels(q, d); s.Stage == Late {
				if _, next := steps(levels); next >= 0 {
					e.Level = levels[next].role
				}
			}
			out = append(out, e)
		}
	}
	return out
}
