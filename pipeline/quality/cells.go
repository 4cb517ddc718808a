package quality

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality/surveil"
)

// Checks that look at the cells of one indicator.

// current are the current versions by key: those that were given, and those
// that the run changed.
func (in *Input) current() map[cell.Key]*cell.Version {
	all := make(map[cell.Key]*cell.Version, len(in.Current)+len(in.Changed))
	for i := range in.Current {
		all[in.Current[i].Key] = &in.Current[i]
	}
	for i := range in.Changed {
		all[in.Changed[i].Current.Key] = &in.Changed[i].Current
	}
	return all
}

// c13 holds a total that is not the sum of its strata.
func c13() Check {
	c := Check{ID: "C13", Version: 1, Severity: event.Hold, Explain: explain("C13")}
	c.Run = func(in Input) []Finding {
		if !in.Indicator.Additive {
			return notApplicable(c, &in, "the indicator is not declared additive")
		}
		t := newInstance(c, &in)
		return t.run(func() {
			type sum struct {
				numerator, denominator cell.Fixed
				strata                 int
			}
			parts := map[cell.Key]*sum{}
			totals := map[cell.Key]*cell.Version{}
			for k, v := range in.current() {
				total := k
				total.Stratum = ""
				if k.Stratum == "" {
					totals[k] = v
					continue
				}
				if parts[total] == nil {
					parts[total] = &sum{}
				}
				if !v.Tombstone {
					p := parts[total]
					p.numerator, p.denominator = p.numerator.Add(v.Content.Numerator), p.denominator.Add(v.Content.Denominator)
					p.strata++
				}
			}
			for _, k := range slices.SortedFunc(maps.Keys(totals), cell.Key.Compare) {
				v, p := totals[k], parts[k]
				if p == nil || p.strata == 0 {
					t.skip("the total has no strata", 1)
					continue
				}
				num, den := v.Content.Numerator, v.Content.Denominator
				if v.Tombstone {
					num, den = cell.Fixed{}, cell.Fixed{}
				}
				if num == p.numerator && den == p.denominator {
					t.pass()
					continue
				}
				t.flag(Finding{Unit: k.Unit, Period: catalog.DateOfDays(k.PeriodStart), Guards: []event.Guard{event.GuardOf(k, v.Fingerprint)},
					Observed: den.Float(cell.Micro), Expected: p.denominator.Float(cell.Micro), Direction: direction(den.Cmp(p.denominator)),
					Text: fmt.Sprintf("The total is %s of %s, its %d strata together are %s of %s.", count(num), count(den), p.strata, count(p.numerator), count(p.denominator))})
			}
		})
	}
	return c
}

func direction(order int) string {
	switch {
	case order > 0:
		return "up"
	case order < 0:
		return "down"
	}
	return ""
}

// k03 remarks that much is missing of periods that are mature: outcomes are
// judged when their follow-up has passed. That it has become more is K04.
func k03() Check {
	c := Check{ID: "K03", Version: 1, Severity: event.Note, Count: 10, Fraction: 0.1, Explain: explain("K03")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			filling := in.filling()
			base := t
			var alike []Finding // with the thresholds of the indicator
			for i := range in.Changed {
				v := &in.Changed[i].Current
				t, all := t.of(v.Key.Unit), t
				if t == nil {
					all.skip("turned off for the unit", 1)
					continue
				}
				if filling[v.Key.PeriodStart] {
					t.skip("the period is not mature", 1)
					continue
				}
				part, whole := v.Content.Missing, v.Content.Rows
				if v.Tombstone || part == 0 || float64(part) < t.count || float64(part) <= t.fraction*float64(whole) {
					t.pass()
					continue
				}
				f := about(&in.Changed[i])
				f.Observed, f.Expected, f.Direction = float64(part), t.fraction*float64(whole), "up"
				f.Text = fmt.Sprintf("%d of %d rows lack the value that the indicator is made of.", part, whole)
				if t == base {
					alike = append(alike, f)
					continue
				}
				t.flag(f)
			}
			if len(alike) >= several {
				alike = []Finding{together(alike, base.fraction)}
			}
			for _, f := range alike {
				base.flag(f)
			}
		})
	}
	return c
}

// together is one remark about a field that is incomplete in many cells: that
// is how the feed is, and one answer is enough.
func together(alike []Finding, fraction float64) Finding {
	all := merged(alike)
	all.Direction = "up"
	units := map[string]bool{}
	for _, f := range alike {
		units[f.Unit] = true
	}
	share := 0.0
	if all.Expected > 0 {
		share = fraction * all.Observed / all.Expected
	}
	all.Text = fmt.Sprintf("In %d cells of %d units the value that the indicator is made of is missing in %.0f %% of rows: the field is always incomplete.", len(alike), len(units), 100*share)
	return all
}

// merged is one finding about the cells of several, of their unit if that is one.
func merged(alike []Finding) Finding {
	all := Finding{Unit: alike[0].Unit}
	for _, f := range alike {
		all.Guards = append(all.Guards, f.Guards...)
		all.Observed += f.Observed
		all.Expected += f.Expected
		if f.Unit != all.Unit {
			all.Unit = ""
		}
	}
	return all
}

// filling are the periods that are known not to be mature.
func (in *Input) filling() map[int32]bool {
	out := map[int32]bool{}
	for i := range in.Series {
		s := &in.Series[i]
		if s.valid() != nil {
			continue
		}
		for j, p := range s.Period {
			if !s.Mature[j] {
				out[p] = true
			}
		}
	}
	return out
}

// k08 remarks that the month before last has less than three quarters of what a
// month of the year before last had in the end, and less than chance explains: it
// is still filling. Where the indicator's own maturity says so it is shown as
// preliminary anyway. What many units have in common is one remark.
func k08() Check {
	c := Check{ID: "K08", Version: 2, Severity: event.Note, Count: 1, Fraction: 0.75, P: 0.001, Explain: explain("K08")}
	c.Run = func(in Input) []Finding {
		if in.Indicator.Period != catalog.Month {
			return notApplicable(c, &in, "the indicator's periods are not months")
		}
		t := newInstance(c, &in)
		return t.run(func() {
			second := catalog.Month.PeriodStart(in.AsOf).AddMonths(-2)
			if len(in.Series) == 0 {
				t.skip("no history was given", 1)
			}
			from, to := second.AddMonths(-23+2).Days(), second.AddMonths(-12+2).Days()
			year := make([][]float64, len(in.Series)) // of each series, a year before
			for i := range in.Series {
				if s := &in.Series[i]; s.valid() == nil {
					for j, p := range s.Period {
						if p >= from && p <= to && s.Mature[j] && !s.Excluded[j] {
							year[i] = append(year[i], s.Volume[j])
						}
					}
				}
			}
			alpha := Dispersion(year)
			var alike []Finding
			for i := range in.Series {
				s := &in.Series[i]
				if s.valid() != nil {
					continue
				}
				at := slices.Index(s.Period, second.Days())
				switch {
				case at < 0 || s.Tombstone[at]:
					t.skip("there is no month before last", 1)
					continue
				case !s.Mature[at]:
					t.skip("the month is not mature, and is shown as preliminary", 1)
					continue
				case len(year[i]) < minBaseline:
					t.skip(fmt.Sprintf("fewer than %d months of the year before", minBaseline), 1)
					continue
				}
				usual := mean(year[i])
				if s.Volume[at] >= t.fraction*usual || usual-s.Volume[at] < t.count ||
					surveil.NegativeBinomial(int(math.Round(max(s.Volume[at], 0))), usual, alpha).Lower >= t.p {
					t.pass()
					continue
				}
				alike = append(alike, Finding{Unit: s.Unit, Stratum: s.Stratum, Period: second, Observed: s.Volume[at], Expected: usual, Direction: "down",
					Guards: []event.Guard{event.GuardOf(s.key(&in, s.Period[at]), s.Fingerprint[at])},
					Text:   fmt.Sprintf("%.0f records, %.0f in a month of the year before: the month is preliminary.", s.Volume[at], usual)})
			}
			if len(alike) >= several {
				all := merged(alike)
				all.Period, all.Direction = second, "down"
				all.Text = fmt.Sprintf("In %d cells the month has %.0f records together, %.0f in a month of the year before: it is preliminary.", len(alike), all.Observed, all.Expected)
				alike = []Finding{all}
			}
			for _, f := range alike {
				t.flag(f)
			}
		})
	}
	return c
}

// learned is how many restated cells teach what is usual for a feed.
const learned = 50

// k11 holds closed cells that were restated by more than the feed usually does.
// Until enough has been seen, more than its count and its fraction are unusual.
func k11() Check {
	c := Check{ID: "K11", Version: 2, Severity: event.Hold, Count: 2, Fraction: 0.01, P: 0.01, Explain: explain("K11")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			mature := map[seriesID]map[int32]bool{}
			for i := range in.Series {
				s := &in.Series[i]
				if !in.Reached.IsZero() || s.valid() != nil { // see closed
					continue
				}
				at := map[int32]bool{}
				for j, p := range s.Period {
					at[p] = s.Mature[j]
				}
				mature[s.id()] = at
			}
			usual := t.fraction
			if len(in.Revisions) >= learned {
				sorted := slices.Clone(in.Revisions)
				slices.Sort(sorted)
				usual = max(usual, sorted[min(int(math.Ceil((1-t.p)*float64(len(sorted)))), len(sorted)-1)])
			}
			for i := range in.Changed {
				c := &in.Changed[i]
				k := c.Current.Key
				switch {
				case c.Released == nil:
					t.skip("the cell had not been released", 1)
					continue
				case !in.closed(k.PeriodStart, mature[idOf(k)][k.PeriodStart]):
					t.skip("the period was not closed", 1)
					continue
				}
				d := restated(c.Released, &c.Current)
				had := max(Volume(in.Indicator.Type, c.Released.Content), 1)
				if c.Released.Tombstone {
					had = 1
				}
				if d <= max(t.count, usual*had) {
					t.pass()
					continue
				}
				f := about(c)
				f.Observed, f.Expected = c.volume(&in), had
				f.Direction = direction(cmp.Compare(f.Observed, had))
				if is, was, moved := c.counted(); moved > math.Abs(f.Observed-had) {
					// The band of an acceptance is one of what moved: that as many
					// were restated says nothing of how many were counted. Without
					// direction, so that neither covers the other.
					f.Observed, f.Expected, f.Direction = is, was, ""
				}
				f.Text = fmt.Sprintf("A closed period was restated: %s instead of %s.", contentOf(&c.Current), contentOf(c.Released))
				t.flag(f)
			}
		})
	}
	return c
}

// closed reports whether a period had been mature before the run.
func (in *Input) closed(period int32, mature bool) bool {
	if in.Reached.IsZero() {
		return mature
	}
	end := in.Indicator.Period.PeriodEnd(catalog.DateOfDays(period))
	return !in.Reached.Before(end.AddDays(in.Indicator.FollowUpDays + in.Indicator.MaturityLagDays))
}

// restated is by how many events two versions differ: the larger of the
// differences of numerator, denominator and rows.
func restated(a, b *cell.Version) float64 {
	x, y := a.Content, b.Content
	if a.Tombstone {
		x = cell.Content{}
	}
	if b.Tombstone {
		y = cell.Content{}
	}
	return max(math.Abs(x.Numerator.Float(cell.Micro)-y.Numerator.Float(cell.Micro)),
		math.Abs(x.Denominator.Float(cell.Micro)-y.Denominator.Float(cell.Micro)), math.Abs(float64(x.Rows-y.Rows)))
}

// counted is what is counted of the volume in the version that came and in the one
// that was visible, and by how much it differs.
func (c *Change) counted() (is, was, moved float64) {
	if !c.Current.Tombstone {
		is = c.Current.Content.Numerator.Float(cell.Micro)
	}
	if !c.Released.Tombstone {
		was = c.Released.Content.Numerator.Float(cell.Micro)
	}
	return is, was, math.Abs(is - was)
}

func contentOf(v *cell.Version) string {
	if v.Tombstone {
		return "nothing"
	}
	if v.Content.Denominator.IsZero() && v.Content.ValueCount > 0 {
		return fmt.Sprintf("%d rows", v.Content.Rows)
	}
	return fmt.Sprintf("%s of %s in %d rows", count(v.Content.Numerator), count(v.Content.Denominator), v.Content.Rows)
}

// conversion turns a value into what it would be in another unit of measure.
type conversion struct {
	name          string
	factor, minus float64
}

// conversions are those that laboratory values are mixed up by, one way; the
// other way is tried too.
func conversions() []conversion {
	return []conversion{
		{"HbA1c in % (NGSP) and mmol/mol (IFCC)", 10.93, 23.5},
		{"glucose in mmol/l and mg/dl", 18.016, 0},
		{"cholesterol in mmol/l and mg/dl", 38.67, 0},
		{"creatinine in mg/dl and µmol/l", 88.42, 0},
		{"days and hours", 24, 0},
		{"hours and minutes", 60, 0},
		{"a factor of 10", 10, 0},
		{"a factor of 100", 100, 0},
		{"a factor of 1000", 1000, 0},
	}
}

// p03 holds cells whose values come in two units of measure: a part of them
// lies where the rest would lie after a conversion. The rest is what the unit
// had before, or most of the cell. Where rows have values those are judged
// (p03Rows), not sums.
//
// Of rates and shares it holds a numerator that is in another unit of measure (see
// scaled), unless it is above what it is a part of: that C11 blocks already.
func p03() Check {
	c := Check{ID: "P03", Version: 3, Severity: event.Hold, Count: 3, Fraction: 0.02, P: 1e-4, Explain: explain("P03")}
	c.Run = func(in Input) []Finding {
		switch in.Indicator.Type {
		case catalog.Mean, catalog.Median, catalog.Percentile:
		case catalog.Rate, catalog.Proportion:
			t := newInstance(c, &in)
			return t.run(t.scaled)
		default:
			return notApplicable(c, &in, "the indicator has no values with a unit of measure")
		}
		t := newInstance(c, &in)
		return t.run(func() {
			if in.byRow {
				t.skip("judged by the values of the rows", int64(len(in.Changed)))
				return
			}
			usual := in.usualMean()
			for i := range in.Changed {
				ch := &in.Changed[i]
				if ch.Current.Tombstone || ch.Current.Content.ValueCount == 0 && ch.Current.Content.Histogram == "" {
					t.skip("the cell has no values", 1)
					continue
				}
				n, of, which := in.otherUnit(ch, usual)
				if n == 0 || n < t.count || n < t.fraction*of {
					t.pass()
					continue
				}
				f := about(ch)
				f.Observed, f.Expected, f.Direction = n, 0, "up"
				f.Text = fmt.Sprintf("About %.0f of %.0f values lie where they would in another unit of measure (%s).", n, of, which)
				t.flag(f)
			}
		})
	}
	return c
}

const (
	// scale is how many times the numerator of a period must be what the periods
	// around it say for another unit of measure, and scaleSure where it is smaller
	// than fewestScaled. No process leaps so far and back: what moves by less, or
	// stays, is news about care.
	scale, scaleSure = 20, 50
	fewestScaled     = 100
	leastScaled      = 20
	// apart is how many times it must be beyond all of the periods around it.
	apart = 10
)

// scaled holds numerators of single periods that are many times, or a small part
// of, those around them, for as many in the denominator.
func (t *instance) scaled() {
	in := t.in
	if len(in.Series) == 0 {
		t.skip("no history was given", 1)
	}
	fresh := map[cell.Key]int{}
	if slices.ContainsFunc(in.Series, func(s Series) bool { return s.Numerator != nil }) {
		for i := range in.Changed {
			fresh[in.Changed[i].Current.Key] = i
		}
	}
	_, _, window, _, _ := alike(in.Indicator.Period)
	for i := range in.Series {
		s := &in.Series[i]
		if s.valid() != nil || s.Numerator == nil {
			t.skip("the numerators of other periods are not known", 1)
			continue
		}
		order := s.byPeriod()
		for place, j := range order {
			at, ok := fresh[s.key(in, s.Period[j])]
			if !ok || s.Tombstone[j] || s.Volume[j] <= 0 {
				continue
			}
			if in.Indicator.Subset && s.Numerator[j] > s.Volume[j] {
				t.pass() // C11
				continue
			}
			num, den, low, high, n := 0.0, 0.0, math.Inf(1), 0.0, 0
			for _, k := range order[max(0, place-window):min(len(order), place+window+1)] {
				if k == j || s.Tombstone[k] || s.Excluded[k] || !s.Mature[k] || s.Volume[k] <= 0 {
					continue
				}
				num, den, n = num+s.Numerator[k], den+s.Volume[k], n+1
				low, high = min(low, s.Numerator[k]/s.Volume[k]), max(high, s.Numerator[k]/s.Volume[k])
			}
			if n < minBaseline || num < leastScaled {
				t.skip(fmt.Sprintf("fewer than %d periods around it, or too little in them", minBaseline), 1)
				continue
			}
			got, share := s.Numerator[j], s.Numerator[j]/s.Volume[j]
			e := num / den * s.Volume[j]
			up := got >= leastScaled && got >= scale*e && (got >= scaleSure*e || got >= fewestScaled) && share >= apart*high
			down := got > 0 && e >= fewestScaled && got <= e/scaleSure && share <= low/apart
			if !up && !down {
				t.pass()
				continue
			}
			f := about(&in.Changed[at])
			f.Observed, f.Expected, f.Direction = got, e, direction(cmp.Compare(got, e))
			f.Text = fmt.Sprintf("A numerator of %.0f where %.1f were expected from the periods around it: it may be in another unit of measure.", got, e)
			t.flag(f)
		}
	}
}

// usualMean is the mean of values over what was visible before the run, or
// where nothing was over the run.
func (in *Input) usualMean() float64 {
	var sum, n float64
	for _, before := range []bool{true, false} {
		for i := range in.Changed {
			v := in.Changed[i].Released
			if !before {
				v = &in.Changed[i].Current
			}
			if v != nil && !v.Tombstone {
				s, k := values(&v.Content)
				sum, n = sum+s, n+k
			}
		}
		if n > 0 {
			return sum / n
		}
	}
	return math.NaN()
}

// values are the sum and number of a cell's values.
func values(c *cell.Content) (sum, n float64) {
	if c.ValueCount > 0 {
		return c.Values.Float(cell.Micro), float64(c.ValueCount)
	}
	for _, b := range bins(c.Histogram) {
		sum += b.value * b.count
		n += b.count
	}
	return sum, n
}

type bin struct{ value, count float64 }

// bins reads a histogram; what cannot be read is left out.
func bins(histogram string) []bin {
	var out []bin
	for _, field := range strings.Fields(histogram) {
		v, n, ok := strings.Cut(field, "*")
		value, err := strconv.ParseFloat(v, 64)
		number, err2 := strconv.ParseFloat(n, 64)
		if ok && err == nil && err2 == nil {
			out = append(out, bin{value, number})
		}
	}
	return out
}

// otherUnit is how many values of a cell lie nearer to a conversion of the
// usual mean than to the mean itself, of how many. Of a cell with a histogram
// each value is looked at; of one with sums only those that came since the
// version before, as one group.
func (in *Input) otherUnit(c *Change, usual float64) (n, of float64, which string) {
	groups := bins(c.Current.Content.Histogram)
	sum, all := values(&c.Current.Content)
	if len(groups) > 0 {
		// The cell's own centre: most of its values are right.
		usual = median(groups)
	} else {
		s, k := sum, all
		if v, ok := c.before(); ok && !v.Tombstone {
			s0, k0 := values(&v.Content)
			if k0 > 0 {
				usual = s0 / k0
			}
			if k > k0 {
				s, k = s-s0, k-k0
			}
		}
		if _, ok := c.before(); k <= 0 || !ok && k < fewestValues {
			return 0, all, ""
		}
		groups = []bin{{s / k, k}}
	}
	if !(usual > 0) {
		return 0, all, ""
	}
	for _, conv := range conversions() {
		for _, target := range []float64{usual*conv.factor - conv.minus, (usual + conv.minus) / conv.factor} {
			if target <= 0 || math.Abs(math.Log(target/usual)) < math.Log(2.5) {
				continue // too near to tell
			}
			var there float64
			for _, g := range groups {
				if g.value > 0 && math.Abs(math.Log(g.value/target)) < min(math.Log(1.5), math.Abs(math.Log(g.value/usual))) {
					there += g.count
				}
			}
			if there > n {
				n, which = there, conv.name
			}
		}
	}
	return n, all, which
}

// fewestValues must be in a cell of which nothing was known before for its mean
// to say in which unit they are: that of a few skewed ones lies anywhere.
const fewestValues = 10

func median(groups []bin) float64 {
	sorted := slices.Clone(groups)
	slices.SortFunc(sorted, func(a, b bin) int { return cmp.Compare(a.value, b.value) })
	var all, seen float64
	for _, g := range sorted {
		all += g.count
	}
	for _, g := range sorted {
		if seen += g.count; 2*seen >= all {
			return g.value
		}
	}
	return math.NaN()
}

// p05 puts on record in how many cells the denominator is below what is shown.
func p05() Check {
	c := Check{ID: "P05", Version: 1, Severity: event.Note, Count: 15, Explain: explain("P05")}
	c.Run = func(in Input) []Finding {
		switch in.Indicator.Type {
		case catalog.Proportion, catalog.Rate:
		default:
			return notApplicable(c, &in, "the indicator has no denominator")
		}
		t := newInstance(c, &in)
		return t.run(func() {
			least := t.count
			if in.Indicator.MinDenominator > 0 {
				least = float64(in.Indicator.MinDenominator)
			}
			small := int64(0)
			for i := range in.Changed {
				if c := &in.Changed[i]; !c.Current.Tombstone && c.volume(&in) < least {
					small++
					continue
				}
				t.pass()
			}
			if small > 0 {
				// No flag: what is too small is hidden by suppression, and a
				// question about each of them would be one every night.
				f := t.finding(Finding{Status: Flagged, Observed: float64(small), Low: float64(small), High: float64(small), Instances: small,
					Text: fmt.Sprintf("%d cells of indicator %s have a denominator below %.0f.", small, in.Indicator.ID, least)})
				f.Indicator = ""
				t.found = append(t.found, f)
			}
		})
	}
	return c
}

// t10 remarks that the definition changed within the window of comparison.
func t10() Check {
	c := Check{ID: "T10", Version: 1, Severity: event.Note, Count: 366, Explain: explain("T10")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			changed := false
			for _, v := range in.Indicator.Versions {
				if v.From.IsZero() || v.Comparable || in.AsOf.Before(v.From) || !in.AsOf.Before(v.From.AddDays(int(t.count))) {
					continue
				}
				changed = true
				var guards []event.Guard
				for i := range in.Changed {
					if k := in.Changed[i].Current.Key; k.Version == v.ID && k.PeriodStart == in.Indicator.Period.PeriodStart(v.From).Days() {
						guards = append(guards, event.GuardOf(k, in.Changed[i].Current.Fingerprint))
					}
				}
				f := Finding{Period: v.From, Guards: guards, Text: fmt.Sprintf("Version %s of the definition holds since %s: it is a new series, not to be compared with the one before.", v.ID, v.From)}
				if len(guards) > 0 {
					t.flag(f)
				} else {
					t.pass()
				}
			}
			if !changed {
				t.pass()
			}
		})
	}
	return c
}
