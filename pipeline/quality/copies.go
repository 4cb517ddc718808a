package quality

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality/surveil"
)

// What several periods or indicators of a unit say together, for feeds of which
// too few nights are known: a period that repeats an earlier one (T08), a number
// that does not move (T07), columns that changed places (T05 with the evidence of
// an artefact).

// copies is how many periods back a stale copy is looked for.
func copies(g catalog.Granularity) int {
	if g == catalog.Day {
		return 35
	}
	return 12
}

// strand is one series of a unit in a past.
type strand struct {
	p *past
	s int
}

// at are the numbers of a period; ok is false where there are none.
func (v strand) at(t int) (volume, numerator float64, ok bool) {
	if t < 0 || t >= v.p.Periods {
		return 0, 0, false
	}
	k := v.s*v.p.Periods + t
	if v.p.Volume[k] == surveil.Unknown {
		return 0, 0, false
	}
	return float64(v.p.Volume[k]), v.p.numerator[k], true
}

// newest is the newest period that changed tonight, or -1.
func (v strand) newest() int {
	for t := v.p.Periods - 1; t >= 0; t-- {
		if v.p.Test[v.s*v.p.Periods+t] {
			return t
		}
	}
	return -1
}

// reading is what of a strand is compared with its other periods: the numerator
// for each record, or the records for each day.
type reading struct {
	strand

	records bool
}

// of is how many there are in a period, of how many.
func (v reading) of(t int) (n, base float64, ok bool) {
	volume, numerator, ok := v.at(t)
	if !v.records {
		return numerator, volume, ok
	}
	if v.p.Days != nil && ok {
		return volume, float64(v.p.Days[t]), ok
	}
	return volume, 1, ok
}

// around is the share in the periods around t, how varied it is in them beyond
// chance, and how many they are.
func (v reading) around(t int) (share, alpha float64, n int) {
	num, den := 0.0, 0.0
	each := func(do func(n, base float64)) {
		for k := t - v.p.Window; k <= t+v.p.Window; k++ {
			if count, base, ok := v.of(k); ok && k != t {
				do(count, base)
			}
		}
	}
	each(func(count, base float64) { num, den, n = num+count, den+base, n+1 })
	if den <= 0 {
		return 0, 0, 0
	}
	share = num / den
	if n < fewestVaried {
		return share, swappedAlpha, n
	}
	over, of := 0.0, 0.0
	each(func(count, base float64) {
		e := base * share
		over, of = over+(count-e)*(count-e)-e, of+e*e
	})
	return share, max(leastAlpha, over/max(of, 1)), n
}

// within reports whether the share lies among those of the other periods.
func (v reading) within(t int, share float64) bool {
	low, high := math.Inf(1), math.Inf(-1)
	for k := range v.p.Periods {
		if n, base, ok := v.of(k); ok && k != t && base > 0 {
			low, high = min(low, n/base), max(high, n/base)
		}
	}
	return low <= share && share <= high
}

// together looks at the strands of each unit of a registry and granularity.
func (n *Night) together(all []*past, instances map[[2]string]*instance) []Finding {
	type group struct{ registry, unit, period string }
	by := map[group][]strand{}
	series := 0
	for _, p := range all {
		if p.numerator == nil || p.count || p.whole || p.scale > 0 || p.err != nil {
			continue
		}
		series += p.Series
		for s, unit := range p.units {
			at := group{p.in.Indicator.Registry, unit, string(p.in.Indicator.Period)}
			by[at] = append(by[at], strand{p, s})
		}
	}
	var keys []group
	for k := range by {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b group) int {
		return cmp.Or(cmp.Compare(a.registry, b.registry), cmp.Compare(a.unit, b.unit), cmp.Compare(a.period, b.period))
	})
	var out []Finding
	again := map[copied][]string{} // units
	for _, k := range keys {
		strands := by[k]
		for d, back := range staleOf(strands, instances) {
			v := copied{k.registry, k.period, d, back}
			again[v] = append(again[v], k.unit)
		}
		out = append(out, n.swappedOf(strands, instances)...)
		for _, v := range strands {
			out = append(out, n.stuckOf(v, series, instances)...)
		}
	}
	for _, v := range slices.SortedFunc(maps.Keys(again), copied.compare) {
		units := again[v]
		for _, k := range keys {
			if k.registry != v.registry || k.period != v.period {
				continue
			}
			one := slices.Contains(units, k.unit)
			if !one && len(units) < several {
				continue
			}
			// Where several units say that the export is, it is for the small ones too.
			_, at := fresh(by[k], v.start)
			if at[v.start] == nil {
				continue
			}
			r := repeats(by[k], at[v.start], v.back)
			if one || r.told > 0 && r.differ <= r.of/5 {
				out = append(out, repeated(by[k], at[v.start], v.back, r.probability(v.back, copies(catalog.Granularity(k.period))), instances)...)
			}
		}
	}
	return out
}

// copied is that what came of the period from start is what came of the one that
// lies so many periods back.
type copied struct {
	registry, period string
	start            int32
	back             int
}

func (a copied) compare(b copied) int {
	return cmp.Or(cmp.Compare(a.registry, b.registry), cmp.Compare(a.period, b.period), cmp.Compare(a.start, b.start), cmp.Compare(a.back, b.back))
}

// tell is a finding about a period of a strand.
func (v strand) tell(t *instance, column int, f Finding) (Finding, bool) {
	f.Status, f.Unit, f.Period = Flagged, v.p.units[v.s], catalog.DateOfDays(v.p.start[column])
	of := map[[2]int][]event.Guard{{v.s, column}: nil}
	v.p.guard(of)
	f.Guards = sortedGuards(of[[2]int{v.s, column}])
	if len(f.Guards) == 0 {
		return f, false
	}
	f.Stratum = f.Guards[0].Stratum
	severity := f.Severity
	f = t.finding(f)
	u := t.of(f.Unit)
	if u == nil {
		return f, false
	}
	f.Shadow = u.mode == Shadow
	if severity == "" {
		f.Severity = u.severity
	}
	if f.share {
		f.Low, f.High = shareBand(f.Severity, f.Observed)
	} else {
		f.Low, f.High = band(f.Severity, f.Observed)
	}
	return f, true
}

// chance is the logarithm of the probability that a number of records and its
// numerator repeat: that of the likeliest values.
func (v strand) chance(volume, numerator float64, again bool) float64 {
	logP := 0.0
	if !again {
		logP = math.Log(surveil.NegativeBinomial(int(volume), max(volume, 0.1), v.p.odd.Alpha).Point)
	}
	if numerator > 0 && numerator < volume && numerator == math.Trunc(numerator) {
		q := numerator / volume
		logP += math.Log(surveil.BetaBinomial(int(numerator), int(volume), q*1e12, (1-q)*1e12).Point)
	}
	return logP
}

// repeat is what two periods of a unit have in common.
type repeat struct {
	of, told, differ int
	// logP is the logarithm of the probability of it.
	logP float64
}

// repeats compares what the strands, each with its column of the newer period or
// below 0, have in two periods that lie so far apart.
func repeats(strands []strand, at []int, back int) (r repeat) {
	for i := range strands {
		if at[i] >= 0 {
			r.of++
		}
	}
	volumes := map[float64]bool{} // what indicators share is one coincidence
	for i, v := range strands {
		t := at[i]
		if t < 0 {
			continue
		}
		volume, numerator, ok := v.at(t)
		before, was, known := v.at(t - back)
		if !ok || !known || volume != before || numerator != was {
			if r.differ++; r.differ > r.of/5 {
				return r
			}
			continue
		}
		if volume > 0 {
			r.told++
		}
		r.logP += v.chance(volume, numerator, volumes[volume])
		volumes[volume] = true
	}
	return r
}

// own counts of a repetition only what no other number says already:
// a number that varies less than counts do, because it is worked out from another
// or never moves, repeats itself.
func (r *repeat) own(strands []strand, at []int, back int) {
	r.logP = 0
	var told []strand
	for i, v := range strands {
		volume, numerator, ok := v.at(at[i])
		before, was, known := v.at(at[i] - back)
		if at[i] < 0 || !ok || !known || volume != before || numerator != was || volume <= 0 {
			continue
		}
		again := v.still() || slices.ContainsFunc(told, v.follows)
		if v.derived() {
			numerator = volume // tells nothing
		}
		r.logP += v.chance(volume, numerator, again)
		told = append(told, v)
	}
}

// tooAlike is the share of the variance of counts below which numbers are not
// counted each for itself.
const tooAlike = 0.25

// each calls do for the periods that the strand has.
func (v strand) each(do func(t int, volume, numerator float64)) {
	for t := range v.p.Periods {
		if volume, numerator, ok := v.at(t); ok {
			do(t, volume, numerator)
		}
	}
}

// still reports whether the records of the periods vary less than counts.
func (v strand) still() bool {
	sum, squares, n := 0.0, 0.0, 0.0
	v.each(func(_ int, volume, _ float64) { sum, squares, n = sum+volume, squares+volume*volume, n+1 })
	return squares-sum*sum/n < tooAlike*sum*(n-1)/n
}

// derived reports whether the numerator follows from the records.
func (v strand) derived() bool {
	num, den, apart := 0.0, 0.0, 0.0
	v.each(func(_ int, volume, numerator float64) { num, den = num+numerator, den+volume })
	q := num / den
	v.each(func(_ int, volume, numerator float64) { apart += (numerator - q*volume) * (numerator - q*volume) })
	return apart < tooAlike*den*q*max(1-q, 0)
}

// follows reports whether the records follow from those of another strand.
func (v strand) follows(u strand) bool {
	mine, its, apart := 0.0, 0.0, 0.0
	both := func(do func(a, b float64)) {
		v.each(func(t int, a, _ float64) {
			if k, exact := slices.BinarySearch(u.p.start, v.p.start[t]); exact {
				if b, _, ok := u.at(k); ok {
					do(a, b)
				}
			}
		})
	}
	both(func(a, b float64) { mine, its = mine+a, its+b })
	if its <= 0 {
		return false
	}
	r := mine / its
	both(func(a, b float64) { apart += (a - r*b) * (a - r*b) })
	return apart < tooAlike*(mine+r*mine)
}

// probability is that of the repetition of the period so far back, of the most that
// are looked at. Half of the weight is the last period's: that is what is sent again.
func (r *repeat) probability(back, most int) float64 {
	looks := 2.0
	if back > 1 {
		looks = 2 * float64(most-1)
	}
	return math.Exp(r.logP + math.Log(looks) + logChoose(r.of, min(r.differ, r.of)))
}

// fresh are the starts of the periods that are new tonight, or only those given,
// newest first, and for each the column of every strand that has it, below 0 where
// it has not.
func fresh(strands []strand, only ...int32) (starts []int32, at map[int32][]int) {
	at = map[int32][]int{}
	for i, v := range strands {
		for t, d := range v.p.start {
			if !v.p.fresh[v.s*v.p.Periods+t] || len(only) > 0 && !slices.Contains(only, d) {
				continue
			}
			if at[d] == nil {
				at[d] = slices.Repeat([]int{-1}, len(strands))
				starts = append(starts, d)
			}
			at[d][i] = t
		}
	}
	slices.Sort(starts)
	slices.Reverse(starts)
	return starts, at
}

// staleOf are the new periods of a unit that repeat an earlier one in nearly all of
// its strands, each with how far back that is.
func staleOf(strands []strand, instances map[[2]string]*instance) map[int32]int {
	first := instances[[2]string{"T08", strands[0].p.in.Indicator.ID}]
	if first == nil || first.off {
		return nil
	}
	most := copies(strands[0].p.in.Indicator.Period)
	var out map[int32]int
	starts, at := fresh(strands)
	for _, d := range starts {
		for back := 1; back <= most; back++ {
			r := repeats(strands, at[d], back)
			if r.differ > r.of/5 || float64(r.told) < first.count || r.probability(back, most) >= first.p {
				continue
			}
			if r.own(strands, at[d], back); r.probability(back, most) >= first.p {
				continue
			}
			if out == nil {
				out = map[int32]int{}
			}
			out[d] = back
			break
		}
	}
	return out
}

// repeated are the findings about the strands of a period that repeats the one so
// far back.
func repeated(strands []strand, at []int, back int, p float64, instances map[[2]string]*instance) []Finding {
	var out []Finding
	for i, v := range strands {
		t := instances[[2]string{"T08", v.p.in.Indicator.ID}]
		if t == nil || t.off || at[i] < 0 {
			continue
		}
		volume, _, _ := v.at(at[i])
		f, ok := v.tell(t, at[i], Finding{Observed: max(volume, 0), Expected: max(volume, 0),
			Text: fmt.Sprintf("What the unit sent of the period from %s is what it sent of the period from %s, in (nearly) all indicators (probability %.2g).",
				catalog.DateOfDays(v.p.start[at[i]]), catalog.DateOfDays(v.p.start[max(at[i]-back, 0)]), p)})
		if ok {
			out = append(out, f)
		}
	}
	return out
}

// logChoose is log of n over k.
func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// stuckOf finds that a series has not moved for several periods, the newest
// tonight. What is counted at a date may stay as it is.
func (n *Night) stuckOf(v strand, series int, instances map[[2]string]*instance) []Finding {
	i := instances[[2]string{"T07", v.p.in.Indicator.ID}]
	t := v.newest()
	if m := v.p.in.Indicator.Measurement; i == nil || i.off || t < 0 || m != "" && m != "event" {
		return nil
	}
	volume, numerator, ok := v.at(t)
	if !ok || volume < 1 {
		return nil
	}
	periods := 1
	for {
		before, was, known := v.at(t - periods)
		if !known || before != volume || was != numerator {
			break
		}
		periods++
	}
	logP := float64(periods-1) * v.chance(volume, numerator, false)
	level := min(i.p, 0.01/float64(max(series, 1)))
	if i.p >= 1 {
		level = 1
	}
	if float64(periods) < i.count || math.Exp(logP) >= level {
		return nil
	}
	f, ok := v.tell(i, t, Finding{Observed: volume, Expected: volume,
		Text: fmt.Sprintf("The same %.0f records with the same numerator in %d periods in a row (probability %.2g).", volume, periods, math.Exp(logP))})
	if !ok {
		return nil
	}
	return []Finding{f}
}

// ofColumns begins the cause of what is said of columns that changed places.
const ofColumns = ofFeed + "columns "

const (
	// swapped is by how much better, as a logarithm, two numbers must fit each
	// other's places than their own.
	swapped = 20.0
	// fewestVaried periods tell how varied a series is; of fewer it is taken to
	// be swappedAlpha, and never less than leastAlpha.
	fewestVaried = 8
	swappedAlpha = 0.02
	leastAlpha   = 0.005
)

// misplaced is a number far from those of the periods around it.
type misplaced struct {
	reading

	t                        int
	n, base, share, alpha, e float64
}

// fit is how likely a number is in its place, as a logarithm.
func (x *misplaced) fit(n float64) float64 {
	return math.Log(max(surveil.NegativeBinomial(int(n), max(x.e, 0.1), x.alpha).Point, 1e-300))
}

// exchanged reports whether each of two has what the other should have: a share
// that the other has had, where its own never was.
func exchanged(x, y *misplaced) bool {
	i, j := x.p.in.Indicator, y.p.in.Indicator
	if i.ID == j.ID || i.Type == catalog.Mean || j.Type == catalog.Mean || x.share <= 0 || y.share <= 0 {
		return false
	}
	return x.fit(y.n)+y.fit(x.n)-x.fit(x.n)-y.fit(y.n) >= swapped &&
		!x.within(x.t, x.n/x.base) && !y.within(y.t, y.n/y.base) &&
		x.within(x.t, y.n/x.base) && y.within(y.t, x.n/y.base)
}

// swappedOf finds two indicators of a unit of which each has the numerator, or
// the records, that the other should have: the columns changed places.
func (n *Night) swappedOf(strands []strand, instances map[[2]string]*instance) []Finding {
	var out []Finding
	type place struct {
		indicator string
		start     int32
	}
	told := map[place]bool{}
	for _, records := range []bool{false, true} {
		byPeriod := map[int32][]misplaced{}
		for _, s := range strands {
			v := reading{s, records}
			for t := range v.p.Periods {
				if !v.p.fresh[v.s*v.p.Periods+t] || records && (v.p.Young[t] || told[place{v.p.in.Indicator.ID, v.p.start[t]}]) {
					continue
				}
				number, base, ok := v.of(t)
				share, alpha, known := v.around(t)
				if e := base * share; ok && base > 0 && known >= v.p.Least && number >= 0 && math.Abs(number-e) >= max(10, 0.2*e) {
					byPeriod[v.p.start[t]] = append(byPeriod[v.p.start[t]], misplaced{v, t, number, base, share, alpha, e})
				}
			}
		}
		for _, d := range slices.Sorted(maps.Keys(byPeriod)) {
			list := byPeriod[d]
			for a := range list {
				for b := range list[:a] {
					x, y := &list[a], &list[b]
					if !exchanged(x, y) {
						continue
					}
					for _, pair := range [][2]*misplaced{{x, y}, {y, x}} {
						v, other := pair[0], pair[1]
						t := instances[[2]string{"T05", v.p.in.Indicator.ID}]
						if t == nil || t.off {
							continue
						}
						told[place{v.p.in.Indicator.ID, d}] = true
						if f, ok := v.tell(t, v.t, v.inPlaceOf(other.p.in.Indicator.ID)); ok {
							out = append(out, f)
						}
					}
				}
			}
		}
	}
	return out
}

// inPlaceOf is what is to be said of a number that another indicator should have.
func (x *misplaced) inPlaceOf(other string) Finding {
	f := Finding{Severity: event.Hold, share: true, Observed: x.n / max(x.base, 1), Expected: x.share,
		Direction: direction(cmp.Compare(x.n, x.e)), cause: ofColumns + x.p.in.Indicator.Registry,
		Text: fmt.Sprintf("The numerator is %.0f where %.0f was expected: that of indicator %s, and the other way round; the columns changed places.",
			x.n, x.e, other)}
	if x.records {
		f.share, f.Observed, f.Expected = false, x.n, x.e
		f.Text = fmt.Sprintf("The records are %.0f where %.0f were expected: those of indicator %s, and the other way round; the columns changed places.",
			x.n, x.e, other)
	}
	return f
}

// moved are the units that fell silent in a period in which another one gained
// what they should have had, in every indicator (X06): two codes became one.
func (n *Night) moved(before, odd []Finding, instances map[[2]string]*instance) []Finding {
	type place struct{ indicator, unit string }
	lost, gained, had := map[string]map[string]float64{}, map[string]map[string]float64{}, map[place][]event.Guard{}
	var period catalog.Date // the newest with a gain
	put := func(m map[string]map[string]float64, unit, indicator string, v float64) {
		if m[unit] == nil {
			m[unit] = map[string]float64{}
		}
		m[unit][indicator] += v
	}
	for i := range before {
		if f := &before[i]; f.Check == "K01" && f.Status == Flagged && !f.Shadow && f.Unit != "" && f.Expected > 0 {
			put(lost, f.Unit, f.Indicator, f.Expected)
			had[place{f.Indicator, f.Unit}] = f.Guards
		}
	}
	for i := range odd {
		if f := &odd[i]; len(lost) > 0 && f.Check == "T03" && f.Direction == "up" && f.cause != ofOld && period.Before(f.Period) {
			period = f.Period
		}
	}
	for i := range odd {
		if f := &odd[i]; f.Check == "T03" && f.Direction == "up" && f.Period == period && f.Unit != "" {
			put(gained, f.Unit, f.Indicator, f.Observed-f.Expected)
			at := place{f.Indicator, f.Unit}
			had[at] = append(had[at], f.Guards...)
		}
	}
	var out []Finding
	used := map[string]bool{}
	for _, from := range slices.Sorted(maps.Keys(lost)) {
		best, miss := "", math.Inf(1)
		for _, to := range slices.Sorted(maps.Keys(gained)) {
			var away, all float64
			for indicator, v := range lost[from] {
				away, all = away+math.Abs(gained[to][indicator]-v), all+v
			}
			t := instances[[2]string{"X06", sortedFirst(lost[from])}]
			if t != nil && !t.off && !used[to] && all >= t.count && away/all <= 1-t.fraction && away/all < miss {
				best, miss = to, away/all
			}
		}
		if best == "" {
			continue
		}
		used[best] = true
		for _, indicator := range slices.Sorted(maps.Keys(lost[from])) {
			t := instances[[2]string{"X06", indicator}]
			if t == nil || t.off {
				continue
			}
			v, g := lost[from][indicator], gained[best][indicator]
			f := t.finding(Finding{Status: Flagged, Unit: from, Period: period, Observed: g, Expected: v, Direction: "down",
				Guards: sortedGuards(slices.Concat(had[place{indicator, from}], had[place{indicator, best}])),
				Text: fmt.Sprintf("Unit %s lost about %.0f records in the period from %s and %s gained %.0f in the same proportions: a merge, a split, or a changed code.",
					from, v, period, best, g)})
			f.Low, f.High = band(f.Severity, f.Observed)
			if len(f.Guards) > 0 {
				out = append(out, f)
			}
		}
	}
	return out
}

// sortedFirst is the first key.
func sortedFirst(m map[string]float64) string { return slices.Min(slices.Collect(maps.Keys(m))) }
