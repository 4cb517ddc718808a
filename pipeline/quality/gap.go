package quality

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Periods that are missing inside a history: the series has those before and
// those after. No cell says so, and a missing period is not a zero.

// gapPeriods is how many alike periods in a row may be missing for the sender to
// have lost them; who has nothing for longer was closed.
func gapPeriods(g catalog.Granularity) int {
	switch g {
	case catalog.Day, catalog.Month:
		return 3
	case catalog.Week:
		return 5
	}
	return 1
}

// ofGap is the cause of periods that are missing inside a history.
const ofGap = "gaps"

// gap is a run of alike periods that a series has nothing of.
type gap struct {
	s             *Series
	before, after int32 // the alike periods beside it, which came
	periods       []int32
}

// longest is how many days lie between the starts of two alike periods at most.
func longest(g catalog.Granularity) int32 {
	switch g {
	case catalog.Day, catalog.Week:
		return 7
	case catalog.Month:
		return 31
	case catalog.Quarter:
		return 92
	case catalog.Tertial:
		return 123
	case catalog.HalfYear:
		return 184
	}
	return 366
}

// following is the start of the next alike period.
func following(g catalog.Granularity, p int32) int32 {
	if g == catalog.Day {
		return p + 7
	}
	return g.PeriodEnd(catalog.DateOfDays(p)).Days()
}

// gaps are those of the series beside which the run changed something, so that each
// is looked at when it shows.
func (in *Input) gaps(changed map[cell.Key]bool) []gap {
	g := in.Indicator.Period
	most := longest(g)
	step, limit := 1, gapPeriods(g)
	if g == catalog.Day {
		step = 7
	}
	var out []gap
	for i := range in.Series {
		s := &in.Series[i]
		if s.valid() != nil {
			continue
		}
		var last [7]int // by day of the week: place of the newest that came, from 1
		for _, j := range s.byPeriod() {
			p := s.Period[j]
			if s.Tombstone[j] {
				continue
			}
			day := (int(p)%step + step) % step // before 1970 as well
			was := last[day]
			last[day] = j + 1
			if was == 0 || p-s.Period[was-1] <= most || !s.Mature[j] {
				continue
			}
			v := gap{s: s, before: s.Period[was-1], after: p}
			vanished := false
			for q := following(g, v.before); q < p && len(v.periods) <= limit; q = following(g, q) {
				v.periods = append(v.periods, q)
				vanished = vanished || changed[s.key(in, q)]
			}
			if len(v.periods) <= limit && !vanished && (changed[s.key(in, p)] || changed[s.key(in, v.before)]) {
				out = append(out, v)
			}
		}
	}
	return out
}

// byPeriod are the places of the periods in their order.
func (s *Series) byPeriod() []int {
	at := make([]int, len(s.Period))
	for i := range at {
		at[i] = i
	}
	if !slices.IsSorted(s.Period) {
		slices.SortFunc(at, func(a, b int) int { return cmp.Compare(s.Period[a], s.Period[b]) })
	}
	return at
}

// aroundGap are the volumes of the alike periods around a gap, and whether the
// series has something in every one of them, and had in those of a year before and
// after: of who does not always report, nothing is missing.
func (in *Input) aroundGap(h *history, v *gap, free func(int32) bool) ([]float64, bool) {
	g := in.Indicator.Period
	_, year, window, _, _ := alike(g)
	from, to := slices.Min(v.periods), slices.Max(v.periods)
	least, most := from-int32(window)*longest(g), to+int32(window)*longest(g)
	has := map[int32]float64{}
	first, last := int32(math.MaxInt32), int32(math.MinInt32)
	for _, p := range h.points {
		if p.volume > 0 {
			has[p.period] = p.volume
			if g != catalog.Day || (p.period-from)%7 == 0 {
				first, last = min(first, p.period), max(last, p.period)
			}
		}
	}
	var near []float64
	for _, p := range h.points {
		if g == catalog.Day && (p.period-from)%7 != 0 || p.period < least || p.period > most || !p.mature {
			continue
		}
		if p.volume <= 0 && !slices.Contains(v.periods, p.period) {
			return nil, false
		}
		if !p.excluded && p.volume > 0 {
			near = append(near, p.volume)
		}
	}
	for p := first; p <= last; p = following(g, p) {
		if _, ok := has[p]; !ok && p >= least && p <= most && !slices.Contains(v.periods, p) && !free(p) {
			return nil, false
		}
	}
	if year > 0 {
		for _, p := range v.periods {
			for _, other := range []int32{g.PeriodStart(catalog.DateOfDays(p).AddMonths(-12)).Days(), g.PeriodStart(catalog.DateOfDays(p).AddMonths(12)).Days()} {
				if _, ok := has[other]; !ok && first <= other && other <= last {
					return nil, false
				}
			}
		}
	}
	return near, len(near) >= minBaseline
}

// mostPooled is what of the dispersion of all series counts for one that varies less:
// single faults elsewhere make it larger than any series is.
const mostPooled = 0.1

// farOut is how many times more or less than the median is a fault of its own.
const farOut = 5

// trimmed are the volumes without those that are far out.
func trimmed(volumes []float64) []float64 {
	sorted := slices.Sorted(slices.Values(volumes))
	centre := sorted[len(sorted)/2]
	return slices.DeleteFunc(slices.Clone(volumes), func(v float64) bool { return v > farOut*centre || v < centre/farOut })
}

// missed is a gap that is no chance.
type missed struct {
	gap

	expected, p0 float64
}

// lost judges the gaps: what each series should have had, and how improbable it is
// that it had nothing.
func (t *instance) lost(m *model, gaps []gap) []missed {
	in := t.in
	free := func(int32) bool { return false }
	if in.Country != "" && in.Indicator.Period == catalog.Day && len(gaps) > 0 {
		from, to := gaps[0].before, gaps[0].after
		for i := range gaps {
			from, to = min(from, gaps[i].before), max(to, gaps[i].after)
		}
		_, _, window, _, _ := alike(catalog.Day)
		wide := int32(7*window + 1)
		holiday := Holidays(in.Country, catalog.DateOfDays(from-wide), catalog.DateOfDays(to+wide))
		free = func(p int32) bool { // and the days beside it, on which many are closed
			return holiday(catalog.DateOfDays(p)) || holiday(catalog.DateOfDays(p-1)) || holiday(catalog.DateOfDays(p+1))
		}
	}
	var out []missed
	for i := range gaps {
		v := gaps[i]
		h := m.at[v.s.id()]
		if h == nil || h.err != nil || slices.ContainsFunc(v.periods, free) {
			continue
		}
		near, ok := in.aroundGap(h, &v, free)
		if !ok {
			t.skip("too few periods around the missing one, or others are missing too", 1)
			continue
		}
		near = trimmed(near)
		alpha := max(min(m.alpha, mostPooled), Dispersion([][]float64{near}))
		out = append(out, missed{v, mean(near), ZeroProbability(mean(near), alpha, len(near))})
	}
	return out
}

// without remarks periods that are missing inside the history of a series: at least
// Count records expected, and no records less probable than P. Where most series
// miss the period it is the export that does, and one question. There is nothing to
// hold: what is not there is shown as missing, and so it stays.
func (t *instance) without(m *model, gaps []gap) {
	in, severity := t.in, t.severity
	if severity == event.Hold {
		severity = event.Note
	}
	all := t.lost(m, gaps)
	missing, have := map[int32]int{}, map[int32]int{}
	for i := range all {
		for _, p := range all[i].periods {
			missing[p]++
		}
	}
	if len(all) == 0 {
		return
	}
	ended := map[int32]int{} // series that have something before only
	for i := range in.Series {
		s := &in.Series[i]
		first, last := int32(math.MaxInt32), int32(math.MinInt32)
		for j, p := range s.Period {
			if s.Tombstone[j] || s.Volume[j] <= 0 {
				continue
			}
			first, last = min(first, p), max(last, p)
			if missing[p] > 0 {
				have[p]++
			}
		}
		for p := range missing {
			if first < p && last < p {
				ended[p]++
			}
		}
	}
	together := map[int32]*Finding{}
	for i := range all {
		v := &all[i]
		improbable := v.expected >= t.count && v.p0 < t.p
		for _, p := range v.periods {
			if have[p] == 0 && ended[p] > missing[p] {
				t.skip("others have nothing then, nor after it", 1) // what lies beyond is in doubt
				continue
			}
			k := v.s.key(in, p)
			guard, _ := v.s.empty(k)
			if missing[p] >= fewestAround && missing[p] > have[p] {
				f := together[p]
				if f == nil {
					f = &Finding{Severity: severity, Period: catalog.DateOfDays(p), Direction: "down", cause: ofGap}
					together[p] = f
				}
				f.Guards = append(f.Guards, guard)
				f.Expected += v.expected
				f.share = f.share || improbable // until it is raised
				continue
			}
			if !improbable {
				t.pass()
				continue
			}
			t.flag(Finding{Severity: severity, Unit: v.s.Unit, Stratum: v.s.Stratum, Period: catalog.DateOfDays(p), Expected: v.expected, Direction: "down", cause: ofGap, Guards: []event.Guard{guard},
				Text: fmt.Sprintf("The period from %s is missing, with others before and after it: about %.0f records were expected (probability %.2g).", catalog.DateOfDays(p), v.expected, v.p0)})
		}
	}
	for _, p := range slices.Sorted(maps.Keys(together)) {
		f := together[p]
		if !f.share {
			t.pass()
			continue
		}
		f.share = false
		f.Text = fmt.Sprintf("The period from %s is missing of %d units or strata, with others before and after it; %d have it: about %.0f records were expected.", f.Period, len(f.Guards), have[p], f.Expected)
		t.flag(*f)
	}
}
