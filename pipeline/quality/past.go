package quality

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality/surveil"
)

// The volume of a period judged by the periods around it (T02 for days, T03 for
// weeks and longer, T06 for what all units share): for indicators of which too
// few nights are known to compare what each of them brought, or whose feed never
// comes by night. A first delivery brings its history with it.

// pastDays is how far back a period that changed is judged: who wanted to know
// of an older one has lived with it for a year, unless it is grossly wrong.
const pastDays = 396

// past is an input by the periods of its events.
type past struct {
	surveil.Past

	in    *Input
	check string // T02 or T03
	scale int    // days of a window of several periods; 0: one period
	units []string
	start []int32 // first day of each column
	held  []bool  // rows of which no version counts
	fresh []bool  // rows that are new tonight, however old
	// numerator is that of each row; nil: not known. count says that Volume is
	// it, so that only what all units share is judged.
	numerator []float64
	count     bool
	// counts are the series that are laid out, part says that they are of one
	// stratum, whole that they are of all together.
	counts      func(*Series) bool
	part, whole bool
	odd         surveil.Oddities
	err         error
	// ofCell and ofColumn are the changed cells by series and column, and by
	// column; see place.
	ofCell   map[[2]int][]int
	ofColumn map[int][]int
}

// ofOld is the cause of what is grossly wrong in an older one.
const ofOld = "old"

// alike says how the periods of a granularity are compared: how many lie between
// alike ones, how many make a year, how many alike ones on each side are the
// baseline, how many together are one, and how many in a row are a level.
func alike(g catalog.Granularity) (step, year, window, least, persist int) {
	switch g {
	case catalog.Day:
		return 7, 0, 12, 6, 3
	case catalog.Week:
		return 1, 52, 12, 6, 2
	case catalog.Month:
		return 1, 12, 12, 4, 2
	case catalog.Quarter:
		return 1, 4, 8, 4, 2
	case catalog.Tertial:
		return 1, 3, 6, 4, 2
	case catalog.HalfYear:
		return 1, 2, 6, 4, 2
	}
	return 1, 0, 5, 3, 2
}

// row is what the columns of a past are of: the cells of a unit under versions
// of the definition that may be compared.
type pastRow struct {
	unit string
	era  int
}

// eras numbers the versions of the definition; those that are comparable with
// the one before share its number.
func eras(versions []catalog.Version) map[string]int {
	out := map[string]int{}
	sorted := slices.Clone(versions)
	slices.SortStableFunc(sorted, func(a, b catalog.Version) int { return a.From.Compare(b.From) })
	era := 0
	for i, v := range sorted {
		if i > 0 && !v.Comparable {
			era++
		}
		out[v.ID] = era
	}
	return out
}

// newPasts lays an input out: the series without stratum, those of each stratum,
// and where there are only such what their units have in all of them together,
// for what all units share.
func newPasts(in *Input) []*past {
	strata := map[string]bool{}
	for i := range in.Series {
		strata[in.Series[i].Stratum] = true
	}
	var out []*past
	for _, stratum := range slices.Sorted(maps.Keys(strata)) {
		if p := newPast(in, func(s *Series) bool { return s.Stratum == stratum }); p != nil {
			p.part = stratum != ""
			out = append(out, p)
		}
	}
	if !strata[""] && len(strata) > 1 {
		if p := newPast(in, func(*Series) bool { return true }); p != nil {
			p.whole = true
			out = append(out, p)
		}
	}
	if in.Indicator.Type == catalog.Proportion {
		for _, p := range out {
			if p.numerator != nil && !p.part {
				out = append(out, p.counted())
				break
			}
		}
	}
	return out
}

// counted is the past of the numerators, of which what all units share is
// judged: columns that changed places leave every volume as it was.
func (p *past) counted() *past {
	c := *p
	c.whole, c.count = true, true
	c.Volume = slices.Clone(p.Volume)
	for k, v := range c.Volume {
		if v != surveil.Unknown {
			c.Volume[k] = int32(math.Round(min(max(p.numerator[k], 0), math.MaxInt32/2)))
		}
	}
	return &c
}

// newPast lays those series of an input out that count; nil: nothing of it is to
// be judged.
func newPast(in *Input, counts func(*Series) bool) *past {
	g := in.Indicator.Period
	newest := int32(math.MinInt32)
	for i := range in.Changed {
		newest = max(newest, in.Changed[i].Current.Key.PeriodStart)
	}
	earliest := newest
	for i := range in.Changed {
		if p := in.Changed[i].Current.Key.PeriodStart; p > newest-pastDays {
			earliest = min(earliest, p)
		}
	}
	if len(in.Changed) == 0 {
		return nil
	}
	p := &past{in: in, check: "T03", counts: counts}
	if g == catalog.Day {
		p.check = "T02"
	}
	p.Step, p.Year, p.Window, p.Least, p.Persist = alike(g)
	from := earliest
	for i := range in.Series {
		if s := &in.Series[i]; s.valid() == nil && len(s.Period) > 0 && counts(s) {
			from = min(from, slices.Min(s.Period))
			newest = max(newest, slices.Max(s.Period))
		}
	}
	column := map[int32]int{}
	var all []int32
	for d := catalog.DateOfDays(from); d.Days() <= newest; d = g.PeriodEnd(d) {
		all = append(all, d.Days())
	}
	at, _ := slices.BinarySearch(all, earliest)
	all = all[max(0, at-p.Window*p.Step-p.Year):]
	for i, d := range all {
		column[d] = i
	}
	p.start, p.Periods = all, len(all)
	if g != catalog.Day && g != catalog.Week {
		for t := range all {
			p.Days = append(p.Days, p.ends(t)-p.start[t])
		}
	}
	p.lay(column)
	return p
}

// lay fills the columns.
func (p *past) lay(column map[int32]int) {
	in := p.in
	era := eras(in.Indicator.Versions)
	rows := map[pastRow]int{}
	var order []pastRow
	for i := range in.Series {
		s := &in.Series[i]
		if s.valid() != nil || !p.counts(s) {
			continue
		}
		key := pastRow{s.Unit, era[s.Version]}
		if _, ok := rows[key]; !ok {
			rows[key] = 0
			order = append(order, key)
		}
	}
	slices.SortFunc(order, func(a, b pastRow) int { return cmp.Or(cmp.Compare(a.unit, b.unit), cmp.Compare(a.era, b.era)) })
	for i, key := range order {
		rows[key] = i
		p.units = append(p.units, key.unit)
	}
	p.Series = len(order)
	n := p.Series * p.Periods
	volume, bad := make([]float64, n), make([]bool, n)
	p.numerator = make([]float64, n)
	p.Volume, p.Test, p.Asked, p.Young = make([]int32, n), make([]bool, n), make([]bool, n), make([]bool, p.Periods)
	for i := range p.Volume {
		p.Volume[i] = surveil.Unknown
	}
	at := map[seriesID]int{}
	for i := range in.Series {
		s := &in.Series[i]
		if s.valid() != nil || !p.counts(s) {
			continue
		}
		row := rows[pastRow{s.Unit, era[s.Version]}]
		at[s.id()] = row
		for j, d := range s.Period {
			t, ok := column[d]
			if !ok {
				continue
			}
			k := row*p.Periods + t
			p.Young[t] = p.Young[t] || !s.Mature[j]
			bad[k] = bad[k] || s.Excluded[j] || s.Volume[j] > math.MaxInt32/2
			if s.Numerator == nil {
				p.numerator = nil
			}
			if !s.Tombstone[j] {
				if p.numerator != nil {
					p.numerator[k] += s.Numerator[j]
				}
				volume[k] += s.Volume[j]
				p.Volume[k] = int32(math.Round(min(volume[k], math.MaxInt32/2)))
			}
		}
	}
	changed := make([]bool, n)
	p.fresh = make([]bool, n)
	id, row := seriesID{}, -1
	for i := range in.Changed {
		c := &in.Changed[i]
		if key := idOf(c.Current.Key); key != id || i == 0 {
			id, row = key, -1
			if r, ok := at[id]; ok {
				row = r
			}
		}
		t, ok := column[c.Current.Key.PeriodStart]
		if row < 0 || !ok {
			continue
		}
		k := row*p.Periods + t
		changed[k] = true
		p.fresh[k] = p.fresh[k] || !c.Current.Tombstone
		if c.Current.Key.PeriodStart <= p.start[p.Periods-1]-pastDays {
			continue
		}
		p.Asked[k] = p.Asked[k] || c.Asked
		if !c.Current.Tombstone {
			p.Test[k] = true
		}
	}
	for k := range p.Volume {
		// What is held is in no baseline; what is new is judged nevertheless.
		if bad[k] = bad[k] && !changed[k]; bad[k] {
			p.Volume[k] = surveil.Unknown
		}
	}
	p.held, p.Old = bad, p.fresh
	if in.Country != "" && in.Indicator.Period == catalog.Day {
		free := Holidays(in.Country, catalog.DateOfDays(p.start[0]), catalog.DateOfDays(p.start[p.Periods-1]))
		p.Free = make([]bool, p.Periods)
		for t, d := range p.start {
			p.Free[t] = free(catalog.DateOfDays(d))
		}
	}
	if len(in.Rebased) > 0 {
		p.Rebased = make([]int32, p.Series)
		for i, u := range p.units {
			if d, ok := in.Rebased[u]; ok {
				t, _ := slices.BinarySearch(p.start, in.Indicator.Period.PeriodStart(d).Days())
				p.Rebased[i] = int32(t)
			}
		}
	}
}

// weeks is a past of days in windows of seven; nil: there are not two.
func (p *past) weeks() *past {
	const days = 7
	of, begin := p.Past.Windows(days, p.held)
	if of == nil {
		return nil
	}
	w := &past{Past: *of, in: p.in, check: "T03", scale: days, units: p.units, counts: p.counts, part: p.part}
	w.Step, w.Year, w.Window, w.Least, w.Persist = alike(catalog.Week)
	w.Year = 0
	for t := range w.Periods {
		w.start = append(w.start, p.start[begin+t*days])
	}
	return w
}

// ends is the day after the last one of column t.
func (p *past) ends(t int) int32 {
	if p.scale > 0 {
		return p.start[t] + int32(p.scale)
	}
	return p.in.Indicator.Period.PeriodEnd(catalog.DateOfDays(p.start[t])).Days()
}

// pasts are those of the indicators that the panel does not judge.
func (n *Night) pasts() []*past {
	byNight := map[string]bool{}
	if n.Panel != nil {
		for _, id := range n.Panel.Indicators {
			byNight[id] = true
		}
	}
	each := make([][]*past, len(n.Inputs))
	work := pool.New().WithMaxGoroutines(n.Workers)
	for i := range n.Inputs {
		if byNight[n.Inputs[i].Indicator.ID] {
			continue
		}
		work.Go(func() {
			for _, p := range newPasts(&n.Inputs[i]) {
				each[i] = append(each[i], p)
				if p.check == "T02" && !p.whole {
					if w := p.weeks(); w != nil {
						each[i] = append(each[i], w)
					}
				}
			}
		})
	}
	work.Wait()
	return slices.Concat(each...)
}

// commonPeriods is how many plain hypotheses a shift of all units counts as; see
// surveil.
const commonPeriods = 20

// look judges the pasts and gives surveil what is improbable in them.
func (n *Night) look(all []*past, o *surveil.Options, instances map[[2]string]*instance) {
	work := pool.New().WithMaxGoroutines(n.Workers)
	for _, p := range all {
		work.Go(func() {
			t, of := instances[[2]string{p.check, p.in.Indicator.ID}], instances[[2]string{"T06", p.in.Indicator.ID}]
			never := surveil.Threshold{Count: 1e18, Fraction: 1}
			var common surveil.Threshold // none
			if of != nil && !of.off && p.scale == 0 && !p.part {
				common = surveil.Threshold{Count: of.count, Fraction: of.fraction, P: of.p}
			}
			if t == nil || t.off || p.whole {
				t = nil
				if common.P == 0 {
					return
				}
			}
			p.odd, p.err = surveil.Look(&p.Past, func(s int) surveil.Threshold {
				if t == nil {
					return never
				}
				u := t.of(p.units[s])
				if u == nil || u.off {
					return never
				}
				return surveil.Threshold{Count: u.count, Fraction: u.fraction}
			}, common)
			cut := p.begins()
			begun := func(v surveil.Odd) bool { return !v.Up && v.Period == cut }
			p.odd.Found, p.odd.Common = slices.DeleteFunc(p.odd.Found, begun), slices.DeleteFunc(p.odd.Common, begun)
			p.odd.Gross = slices.DeleteFunc(p.odd.Gross, begun)
			if p.whole {
				p.odd.Found, p.odd.Tested, p.odd.Skipped = nil, len(p.odd.Common), 0
			}
		})
	}
	work.Wait()
	tested, shared := 0, 0
	for _, p := range all {
		tested += p.odd.Tested
		shared += len(p.odd.Common)
	}
	plain := 1.0
	if tested > commonPeriods*shared {
		plain = float64(tested-shared) / float64(tested-commonPeriods*shared)
	}
	for _, p := range all {
		for _, v := range p.odd.Common {
			o.Past = append(o.Past, v.P/commonPeriods)
		}
		for _, v := range p.odd.Found {
			o.Past = append(o.Past, v.P*plain)
		}
	}
	o.Idle = tested - len(o.Past)
}

// begins is the first column of which anybody has anything. A history begins on
// some day, and not on the first of a week or quarter: that it has less there
// than later is no fault.
func (p *past) begins() int {
	for t := range p.Periods {
		for s := range p.Series {
			if p.Volume[s*p.Periods+t] != surveil.Unknown {
				return t
			}
		}
	}
	return -1
}

// ofPast are the findings that the control of false discoveries selected, in the
// order in which look gave them.
func (n *Night) ofPast(all []*past, selected []bool, instances map[[2]string]*instance) []Finding {
	var out []Finding
	k := 0
	shared := map[[2]string]bool{} // indicators and periods of common modes
	for _, p := range all {
		if p.err != nil {
			t := instances[[2]string{p.check, p.in.Indicator.ID}]
			if t != nil {
				out = append(out, blockChanged(t, "the periods could not be compared: "+p.err.Error())...)
			}
			continue
		}
		found := 0
		guards := map[[2]int][]event.Guard{} // of series and column
		var chosen []surveil.Odd
		for _, v := range slices.Concat(p.odd.Common, p.odd.Found) {
			if selected[k] || v.Asked {
				chosen = append(chosen, v)
				guards[[2]int{v.Series, v.Period}] = nil
			}
			k++
		}
		recent := len(chosen)
		for _, v := range p.odd.Gross {
			chosen = append(chosen, v)
			guards[[2]int{v.Series, v.Period}] = nil
		}
		p.guard(guards)
		for place, v := range chosen {
			check := p.check
			if v.Series < 0 {
				check = "T06"
				at := [2]string{p.in.Indicator.ID, catalog.DateOfDays(p.start[v.Period]).String()}
				if shared[at] {
					continue // the volumes have it too
				}
				shared[at] = true
			}
			t := instances[[2]string{check, p.in.Indicator.ID}]
			f := t.finding(Finding{Status: Flagged, Observed: v.Observed, Expected: v.Expected, Direction: "down",
				Period: catalog.DateOfDays(p.start[v.Period]), Guards: sortedGuards(guards[[2]int{v.Series, v.Period}])})
			if v.Up {
				f.Direction = "up"
			}
			if v.Series >= 0 {
				f.Unit = p.units[v.Series]
				if len(f.Guards) > 0 {
					f.Stratum = f.Guards[0].Stratum
				}
				if u := t.of(f.Unit); u != nil {
					f.Shadow, f.Severity = u.mode == Shadow, u.severity
				}
			} else {
				f.cause = p.in.Indicator.Registry
			}
			if place >= recent {
				f.cause = cmp.Or(f.cause, ofOld)
			}
			f.Text = p.sentence(&v)
			f.Low, f.High = band(f.Severity, f.Observed)
			if len(f.Guards) > 0 {
				out = append(out, f)
				found++
			}
		}
		for _, f := range p.beyond(instances) {
			if !slices.ContainsFunc(out, func(v Finding) bool { return FlagID(v) == FlagID(f) }) {
				out = append(out, f)
			}
		}
		if t := instances[[2]string{p.check, p.in.Indicator.ID}]; t != nil && !t.off {
			if passed := p.odd.Tested - found; passed > 0 {
				out = append(out, t.finding(Finding{Status: Pass, Instances: int64(passed)}))
			}
			if p.odd.Skipped > 0 {
				out = append(out, t.finding(Finding{Status: NotApplicable, Instances: int64(p.odd.Skipped), Text: "too short a history, or a holiday"}))
			}
		}
	}
	return out
}

// guard fills in the changed cells of series and columns; those of series -1 are
// of all.
func (p *past) guard(of map[[2]int][]event.Guard) {
	if len(of) == 0 {
		return
	}
	p.place()
	for at := range of {
		list := p.ofColumn[at[1]]
		if at[0] >= 0 {
			list = p.ofCell[at]
		}
		for _, i := range list {
			v := &p.in.Changed[i].Current
			of[at] = append(of[at], event.GuardOf(v.Key, v.Fingerprint))
		}
	}
}

// place finds once where the changed cells lie: by series and column, and by column.
func (p *past) place() {
	if p.ofCell != nil {
		return
	}
	p.ofCell, p.ofColumn = map[[2]int][]int{}, map[int][]int{}
	row := map[string][]int{} // a unit has one for each definition
	for s, u := range p.units {
		row[u] = append(row[u], s)
	}
	var series Series
	for i := range p.in.Changed {
		k := &p.in.Changed[i].Current.Key
		if series.Stratum = k.Stratum; !p.counts(&series) {
			continue
		}
		t, exact := slices.BinarySearch(p.start, k.PeriodStart)
		if !exact {
			t--
		}
		if t < 0 || k.PeriodStart >= p.ends(t) {
			continue
		}
		p.ofColumn[t] = append(p.ofColumn[t], i)
		for _, s := range row[k.Unit] {
			p.ofCell[[2]int{s, t}] = append(p.ofCell[[2]int{s, t}], i)
		}
	}
}

// sentence says with numbers what is odd.
func (p *past) sentence(v *surveil.Odd) string {
	from := catalog.DateOfDays(p.start[v.Period])
	change := 0.0
	if v.Expected > 0 {
		change = 100 * (v.Observed - v.Expected) / v.Expected
	}
	switch {
	case v.Series < 0 && p.count:
		return fmt.Sprintf("All units shifted together in indicator %s: a numerator of %.0f in the period from %s where %.0f were expected from those before it (%+.0f %%; probability %.2g).",
			p.in.Indicator.ID, v.Observed, from, v.Expected, change, v.P)
	case v.Series < 0:
		return fmt.Sprintf("All units shifted together in indicator %s: %.0f records in the period from %s where %.0f were expected from those before it (%+.0f %%; probability %.2g).",
			p.in.Indicator.ID, v.Observed, from, v.Expected, change, v.P)
	case p.scale > 0:
		return fmt.Sprintf("%.0f records in the %d days from %s where %.1f were expected from the weeks around them (%+.0f %%; probability %.2g).", v.Observed, p.scale, from, v.Expected, change, v.P)
	case p.in.Indicator.Period == catalog.Day:
		return fmt.Sprintf("%.0f records on %s where %.1f were expected from the same weekdays around it (%+.0f %%; probability %.2g).", v.Observed, from, v.Expected, change, v.P)
	}
	return fmt.Sprintf("%.0f records in the period from %s where %.1f were expected from those around it (%+.0f %%; probability %.2g).", v.Observed, from, v.Expected, change, v.P)
}
