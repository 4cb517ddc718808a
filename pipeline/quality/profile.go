package quality

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality/surveil"
)

// Profile is what stood in one column of a feed's newest delivery, as counts,
// and in earlier ones. It holds no value that belongs to a person: codes and
// categories only, and digits.
type Profile struct {
	Feed, Column string
	// Indicator is the one that the column is read for.
	Indicator string
	// Rows were read; Placeholders of them hold one of the texts that stand
	// for nothing (-1, 99, 1900-01-01, okänd).
	Rows, Placeholders int64
	// Allowed is the share of placeholders that the feed has always had.
	Allowed float64
	// Categories counts rows by category, Before the same of the last accepted
	// delivery; Extreme are the categories at the ends of a scale.
	Categories, Before map[string]int64
	Extreme            []string
	// Digits counts values by their last digit; BothZero are blood pressures
	// whose systolic and diastolic value both end in 0, of Pairs.
	Digits          [10]int64
	BothZero, Pairs int64
	// Leading counts values by their first digit, 1 to 9, where they span
	// several orders of magnitude.
	Leading [10]int64
	// Under and Over count values just under and just over a target.
	Under, Over int64
	// Decimals is the commonest number of decimals; DecimalsBefore that of the
	// last accepted delivery, -1: not known.
	Decimals, DecimalsBefore int
	// Outside counts by unit the rows that the indicator's bounds of what is
	// plausible do not allow.
	Outside map[string]int64
	// Values counts values above 0 by unit and size (SizesPerFold), ValuesBefore
	// those of earlier deliveries; nil: the rows have none.
	Values, ValuesBefore map[string]map[int]int64
	// Hours and Weekdays count events by the hour (24) and weekday (7), with
	// the same of earlier deliveries; nil: times are not known.
	Hours, HoursBefore, Weekdays, WeekdaysBefore []int64
}

// profileCheck is a check of what stood in columns: a flag of the indicator
// that the column is read for. What is to be held are the cells that the
// delivery changed; a remark is about the newest of them.
func profileCheck(c Check, judge func(c Check, p *Profile) []Finding) Check {
	c.Explain = explain(c.ID)
	c.Night = func(n *Night) []Finding {
		if len(n.Profiles) == 0 {
			return []Finding{record(c, NotApplicable, 1, "the columns of the delivery were not profiled")}
		}
		var out []Finding
		for i := range n.Profiles {
			p := &n.Profiles[i]
			d, off := c.tuned(n.Checks, n.AsOf)
			if in := n.byID[p.Indicator]; in != nil {
				for _, own := range []map[string]catalog.CheckParams{in.Feed, in.Indicator.Checks} {
					if _, ok := own[c.ID]; ok {
						d, off = d.tuned(own, n.AsOf)
					}
				}
			}
			if off {
				out = append(out, record(c, NotApplicable, 1, "turned off in the catalog"))
				continue
			}
			for _, f := range judge(d, p) {
				out = append(out, n.each(d, f, p.Feed, []string{p.Indicator}, func(in *Input) []event.Guard {
					if f.Severity == event.Note {
						return newest(in, nil)
					}
					return in.changed()
				})...)
			}
		}
		return out
	}
	return c
}

func notHere(c Check, why string) []Finding { return []Finding{record(c, NotApplicable, 1, why)} }

func passes(c Check) []Finding { return []Finding{record(c, Pass, 1, "")} }

func total[K comparable](m map[K]int64) (sum int64) {
	for _, n := range m {
		sum += n
	}
	return sum
}

// k05 notices more placeholders than the feed has always had.
func k05() Check {
	return profileCheck(Check{ID: "K05", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.05}, func(c Check, p *Profile) []Finding {
		if p.Rows == 0 {
			return notHere(c, "the column has no rows")
		}
		share := float64(p.Placeholders) / float64(p.Rows)
		if float64(p.Placeholders) < c.Count || share <= p.Allowed+c.Fraction {
			return passes(c)
		}
		return flagged(c, c.Severity, float64(p.Placeholders), p.Allowed*float64(p.Rows),
			fmt.Sprintf("Column %s of feed %s holds a placeholder in %.1f %% of rows; %.1f %% are allowed.", p.Column, p.Feed, 100*share, 100*p.Allowed))
	})
}

// k10 notices that there are fewer different codes than before.
func k10() Check {
	return profileCheck(Check{ID: "K10", Version: 1, Severity: event.Hold, Count: 3, Fraction: 0.05}, func(c Check, p *Profile) []Finding {
		had, has := float64(len(p.Before)), float64(len(p.Categories))
		if had == 0 || has == 0 {
			return notHere(c, "there is nothing to compare with")
		}
		if had-has < c.Count || had-has <= c.Fraction*had {
			return passes(c)
		}
		return flagged(c, c.Severity, has, had, fmt.Sprintf("Column %s of feed %s has %.0f different codes, %.0f were in the last delivery.", p.Column, p.Feed, has, had))
	})
}

// p01 notices rows of a unit that say what cannot be. An impossible value is in
// no number, as one that is missing: it is remarked, and where more than the
// fraction of the unit's rows have one, what changed is held. An impossible count
// is in the number, and blocks it: the source must correct it.
func p01(c Check) Check {
	c.Night = func(n *Night) []Finding {
		var out []Finding
		for i := range n.Inputs {
			in := &n.Inputs[i]
			t := newInstance(c, in)
			out = append(out, t.run(func() {
				if b := in.Indicator.Plausible; b.Min == nil && b.Max == nil {
					t.skip("the indicator has no bounds of what is plausible", 1)
					return
				}
				for j := range n.Profiles {
					if p := &n.Profiles[j]; p.Indicator == in.Indicator.ID {
						t.outside(p)
					}
				}
			})...)
		}
		return out
	}
	return c
}

// outside judges the rows of each unit.
func (t *instance) outside(p *Profile) {
	b := t.in.Indicator.Plausible
	for _, unit := range slices.Sorted(maps.Keys(p.Outside)) {
		of := t.of(unit)
		guards := t.in.touched(unit)
		rows := p.Outside[unit]
		if of == nil || float64(rows) < max(of.count, 1) || len(guards) == 0 {
			t.pass()
			continue
		}
		severity := of.severity
		if severity == event.Block && ofValues(t.in.Indicator.Type) {
			severity = event.Note
			if float64(rows) > of.fraction*float64(t.in.rows(unit)) {
				severity = event.Hold
			}
		}
		of.flag(Finding{Unit: unit, Guards: guards, Severity: severity, Observed: float64(rows), Direction: "up",
			Text: fmt.Sprintf("%d rows of the unit are outside what is plausible (%s to %s).", rows, end(b.Min), end(b.Max))})
	}
	if len(p.Outside) == 0 {
		t.pass()
	}
}

// ofValues reports whether an indicator is made of the values of its rows.
func ofValues(of catalog.IndicatorType) bool {
	switch of {
	case catalog.Mean, catalog.Median, catalog.Percentile, catalog.TimeBetween:
		return true
	}
	return false
}

// rows are those of the cells of the unit that changed.
func (in *Input) rows(unit string) (n int64) {
	for i := range in.Changed {
		if v := &in.Changed[i].Current; v.Key.Unit == unit && !v.Tombstone {
			n += v.Content.Rows
		}
	}
	return n
}

// end writes a bound.
func end(v *float64) string {
	if v == nil {
		return "any"
	}
	return fmt.Sprintf("%.10g", *v)
}

// p02 notices that the categories at the ends of a scale are overfull.
func p02() Check {
	return profileCheck(Check{ID: "P02", Version: 1, Severity: event.Hold, Count: 10, Fraction: 0.1}, func(c Check, p *Profile) []Finding {
		if len(p.Extreme) == 0 {
			return notHere(c, "no category is named extreme")
		}
		var n int64
		for _, e := range p.Extreme {
			n += p.Categories[e]
		}
		all := total(p.Categories)
		if float64(n) < c.Count || float64(n) <= c.Fraction*float64(all) {
			return passes(c)
		}
		return flagged(c, c.Severity, float64(n), c.Fraction*float64(all), fmt.Sprintf("%d of %d rows in column %s of feed %s are of an extreme category.", n, all, p.Column, p.Feed))
	})
}

// d01 notices end digits that are zero too often.
func d01() Check {
	return profileCheck(Check{ID: "D01", Version: 1, Severity: event.Note, Count: 100, Fraction: 0.3}, func(c Check, p *Profile) []Finding {
		var n int64
		for _, d := range p.Digits {
			n += d
		}
		if float64(n) < c.Count {
			return notHere(c, fmt.Sprintf("fewer than %.0f values", c.Count))
		}
		const hold, bothZero = 0.5, 0.25
		share := float64(p.Digits[0]) / float64(n)
		both := 0.0
		if float64(p.Pairs) >= c.Count {
			both = float64(p.BothZero) / float64(p.Pairs)
		}
		if share <= c.Fraction && both <= bothZero {
			return passes(c)
		}
		severity := c.Severity
		if share > hold {
			severity = event.Hold
		}
		return flagged(c, severity, float64(p.Digits[0]), float64(n)/10, fmt.Sprintf("%.0f %% of the values in column %s of feed %s end in 0, and %.0f %% of pairs in both values; 10 %% and 1 %% would by chance.", 100*share, p.Column, p.Feed, 100*both))
	})
}

// d02 notices values that heap just under a target.
func d02() Check {
	return profileCheck(Check{ID: "D02", Version: 1, Severity: event.Note, Count: 10, Fraction: 0.5, P: 0.001}, func(c Check, p *Profile) []Finding {
		n := p.Under + p.Over
		if float64(n) < c.Count {
			return notHere(c, "too few values near a target")
		}
		tail := surveil.BetaBinomial(int(p.Under), int(n), 1e12, 1e12)
		if float64(p.Under) <= (1+c.Fraction)*float64(p.Over) || tail.Upper >= c.P {
			return passes(c)
		}
		return flagged(c, c.Severity, float64(p.Under), float64(n)/2, fmt.Sprintf("%d values of column %s of feed %s lie just under the target and %d just over it.", p.Under, p.Column, p.Feed, p.Over))
	})
}

// d03 puts on record that first digits do not follow Benford's law.
func d03() Check {
	return profileCheck(Check{ID: "D03", Version: 1, Severity: event.Info, Count: 500}, func(c Check, p *Profile) []Finding {
		var n float64
		for _, d := range p.Leading[1:] {
			n += float64(d)
		}
		if n < c.Count {
			return notHere(c, fmt.Sprintf("fewer than %.0f counts of several orders of magnitude", c.Count))
		}
		var chi2 float64
		for d := 1; d <= 9; d++ {
			e := n * math.Log10(1+1/float64(d))
			chi2 += (float64(p.Leading[d]) - e) * (float64(p.Leading[d]) - e) / e
		}
		if chi2 <= chiSquared999(8) {
			return passes(c)
		}
		return flagged(c, c.Severity, chi2, 8, fmt.Sprintf("First digits of column %s of feed %s are not Benford's (chi-squared %.1f on 8).", p.Column, p.Feed, chi2))
	})
}

// chiSquared999 is the 99.9 % quantile of chi-squared on df degrees of freedom
// (Wilson and Hilferty 1931; to 1 % from 3 on).
func chiSquared999(df float64) float64 {
	const z = 3.090232
	v := 2 / (9 * df)
	return df * math.Pow(1-v+z*math.Sqrt(v), 3)
}

// drifted compares two distributions by the Jensen-Shannon divergence against
// the quantile that it has by chance for so many values: 2 n ln 2 times the
// divergence in bits is chi-squared, with n the harmonic size of the two
// samples.
func drifted(a, b []int64) (distance float64, beyond bool) {
	var na, nb float64
	for i := range a {
		na += float64(a[i])
		nb += float64(b[i])
	}
	if na == 0 || nb == 0 {
		return 0, false
	}
	df := -1.0
	for i := range a {
		p, q := float64(a[i])/na, float64(b[i])/nb
		if p+q == 0 {
			continue
		}
		df++
		m := (p*na + q*nb) / (na + nb) // pooled: then the chi-squared is exact in the limit
		if p > 0 {
			distance += na / (na + nb) * p * math.Log(p/m)
		}
		if q > 0 {
			distance += nb / (na + nb) * q * math.Log(q/m)
		}
	}
	return distance, df > 0 && 2*(na+nb)*distance > chiSquared999(df)
}

// aligned gives two maps as columns over the same categories, in order.
func aligned(a, b map[string]int64) (x, y []int64) {
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		x, y = append(x, a[k]), append(y, b[k])
	}
	return x, y
}

// d05 remarks that a distribution drifted beyond what chance does.
func d05() Check {
	return profileCheck(Check{ID: "D05", Version: 1, Severity: event.Note, Count: 100, Fraction: 0.05}, func(c Check, p *Profile) []Finding {
		if float64(total(p.Categories)) < c.Count || float64(total(p.Before)) < c.Count {
			return notHere(c, fmt.Sprintf("fewer than %.0f values to compare", c.Count))
		}
		x, y := aligned(p.Categories, p.Before)
		d, beyond := drifted(x, y)
		if !beyond || largestChange(x, y) < c.Fraction {
			return passes(c)
		}
		return flagged(c, c.Severity, d, 0, fmt.Sprintf("The categories of column %s of feed %s are distributed otherwise than in the last delivery.", p.Column, p.Feed))
	})
}

// largestChange is the largest change of a share.
func largestChange(x, y []int64) (most float64) {
	var nx, ny float64
	for i := range x {
		nx += float64(x[i])
		ny += float64(y[i])
	}
	for i := range x {
		most = max(most, math.Abs(float64(x[i])/nx-float64(y[i])/ny))
	}
	return most
}

// d06 notices a category that appeared or vanished.
func d06() Check {
	return profileCheck(Check{ID: "D06", Version: 1, Severity: event.Hold, Count: 10, Fraction: 0.05}, func(c Check, p *Profile) []Finding {
		has, had := float64(total(p.Categories)), float64(total(p.Before))
		if has == 0 || had == 0 {
			return notHere(c, "there is nothing to compare with")
		}
		var out []Finding
		for _, side := range []struct {
			here, there map[string]int64
			all         float64
			what        string
		}{{p.Categories, p.Before, has, "appeared"}, {p.Before, p.Categories, had, "vanished"}} {
			for _, k := range slices.Sorted(maps.Keys(side.here)) {
				n := float64(side.here[k])
				if side.there[k] == 0 && n >= c.Count && n >= c.Fraction*side.all {
					observed, expected := n, 0.0
					if side.what == "vanished" {
						observed, expected = 0, n
					}
					out = append(out, flagged(c, c.Severity, observed, expected, fmt.Sprintf("Category %q of column %s of feed %s %s: %.0f rows.", k, p.Column, p.Feed, side.what, n))...)
				}
			}
		}
		if len(out) == 0 {
			return passes(c)
		}
		return out
	})
}

// d07 remarks that values come with another number of decimals.
func d07() Check {
	return profileCheck(Check{ID: "D07", Version: 1, Severity: event.Note, Count: 1}, func(c Check, p *Profile) []Finding {
		if p.DecimalsBefore < 0 || p.Rows == 0 {
			return notHere(c, "there is nothing to compare with")
		}
		if math.Abs(float64(p.Decimals-p.DecimalsBefore)) < c.Count {
			return passes(c)
		}
		return flagged(c, c.Severity, float64(p.Decimals), float64(p.DecimalsBefore), fmt.Sprintf("Values of column %s of feed %s have %d decimals, they had %d.", p.Column, p.Feed, p.Decimals, p.DecimalsBefore))
	})
}

// t09 remarks that the profile of weekdays or hours changed, or that
// everything happens at midnight.
func t09() Check {
	return profileCheck(Check{ID: "T09", Version: 1, Severity: event.Note, Count: 100, Fraction: 0.9}, func(c Check, p *Profile) []Finding {
		var out []Finding
		judged := false
		for _, v := range []struct {
			now, before []int64
			what        string
		}{{p.Hours, p.HoursBefore, "hours"}, {p.Weekdays, p.WeekdaysBefore, "weekdays"}} {
			var n int64
			for _, k := range v.now {
				n += k
			}
			if float64(n) < c.Count {
				continue
			}
			judged = true
			if len(v.before) == len(v.now) {
				if d, beyond := drifted(v.now, v.before); beyond && largestChange(v.now, v.before) >= 0.05 {
					out = append(out, flagged(c, c.Severity, d, 0, fmt.Sprintf("The %s of the events in column %s of feed %s are distributed otherwise than before.", v.what, p.Column, p.Feed))...)
					continue
				}
			}
			if v.what == "hours" && float64(v.now[0]) > c.Fraction*float64(n) {
				out = append(out, flagged(c, c.Severity, float64(v.now[0]), float64(n)/24, fmt.Sprintf("%d of %d events in column %s of feed %s are at midnight: the time was lost.", v.now[0], n, p.Column, p.Feed))...)
			}
		}
		switch {
		case !judged:
			return notHere(c, "the times of events are not known")
		case len(out) == 0:
			return passes(c)
		}
		return out
	})
}
