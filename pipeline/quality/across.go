package quality

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality/surveil"
)

// Checks that look at several indicators, or at cells beside what deliveries
// and the catalog say of them.

// sums are the numerator and denominator of a unit in a period over strata,
// with what is to be guarded.
type sums struct {
	numerator, denominator float64
	guards                 []event.Guard
}

type unitPeriod struct {
	unit   string
	period int32
}

// byUnitPeriod adds up the changed cells of an indicator: the cells without
// stratum where there are any, else those of all strata. With current they are
// all current ones.
func (in *Input) byUnitPeriod(current bool) map[unitPeriod]*sums {
	var versions []*cell.Version
	if current {
		all := in.current()
		for _, k := range slices.SortedFunc(maps.Keys(all), cell.Key.Compare) {
			versions = append(versions, all[k])
		}
	} else {
		for i := range in.Changed {
			versions = append(versions, &in.Changed[i].Current)
		}
	}
	whole := map[unitPeriod]bool{}
	for _, v := range versions {
		if v.Key.Stratum == "" {
			whole[unitPeriod{v.Key.Unit, v.Key.PeriodStart}] = true
		}
	}
	out := map[unitPeriod]*sums{}
	for _, v := range versions {
		at := unitPeriod{v.Key.Unit, v.Key.PeriodStart}
		if v.Tombstone || whole[at] && v.Key.Stratum != "" {
			continue
		}
		if out[at] == nil {
			out[at] = &sums{}
		}
		s := out[at]
		s.numerator += v.Content.Numerator.Float(cell.Micro)
		s.denominator += v.Content.Denominator.Float(cell.Micro)
		s.guards = append(s.guards, event.GuardOf(v.Key, v.Fingerprint))
	}
	return out
}

func inOrder(m map[unitPeriod]*sums) []unitPeriod {
	return slices.SortedFunc(maps.Keys(m), func(a, b unitPeriod) int {
		if a.unit != b.unit {
			if a.unit < b.unit {
				return -1
			}
			return 1
		}
		return int(a.period) - int(b.period)
	})
}

// k06 looks at the coverage of the register that stands beside an indicator.
func k06() Check {
	c := Check{ID: "K06", Version: 1, Severity: event.Note, Fraction: 0.8, Explain: explain("K06")}
	const hold = 0.6
	c.Night = func(n *Night) []Finding {
		return n.instances(c, func(t *instance) {
			of := n.byID[t.in.Indicator.Coverage]
			if of == nil {
				t.skip("no coverage indicator, or it is not in this run", 1)
				return
			}
			coverage := of.byUnitPeriod(true)
			cells := t.in.byUnitPeriod(false)
			for _, at := range inOrder(cells) {
				s := coverage[at]
				if s == nil || s.denominator <= 0 {
					t.skip("the coverage of the unit and period is not known", 1)
					continue
				}
				share := s.numerator / s.denominator
				if share >= t.fraction {
					t.pass()
					continue
				}
				f := Finding{Unit: at.unit, Period: catalog.DateOfDays(at.period), Guards: cells[at].guards, share: true, Observed: share, Expected: t.fraction, Direction: "down",
					Text: fmt.Sprintf("The register covers %.0f %% of the cases; below %.0f %% values are not to be compared.", 100*share, 100*hold)}
				if share < hold {
					f.Severity = event.Hold
				}
				t.flag(f)
			}
		})
	}
	return c
}

// k07 compares denominators with the listed population.
func k07() Check {
	c := Check{ID: "K07", Version: 1, Severity: event.Hold, Count: 10, Fraction: 0.1, P: 1e-4, Explain: explain("K07")}
	c.Night = func(n *Night) []Finding {
		return n.instances(c, func(t *instance) {
			of := n.byID[t.in.Indicator.Listed]
			if of == nil && (n.Population == nil || t.in.Indicator.Measurement != "cross_section") {
				t.skip("the listed population is not known, or is not the denominator", 1)
				return
			}
			var counted map[unitPeriod]*sums
			if of != nil {
				counted = of.byUnitPeriod(true)
			}
			cells := t.in.byUnitPeriod(false)
			for _, at := range inOrder(cells) {
				listed, ok := n.Population[at.unit]
				if c := counted[at]; c != nil {
					listed, ok = c.numerator, true
				}
				s := cells[at]
				if !ok || listed <= 0 {
					t.skip("the listed population of the unit is not known", 1)
					continue
				}
				d := math.Abs(s.denominator - listed)
				p := surveil.NegativeBinomial(int(math.Round(max(s.denominator, 0))), listed, 0).MidP()
				if d < t.count || d <= t.fraction*listed || p >= t.p {
					t.pass()
					continue
				}
				f := Finding{Unit: at.unit, Period: catalog.DateOfDays(at.period), Guards: s.guards, Observed: s.denominator, Expected: listed, Direction: "up",
					Text: fmt.Sprintf("The denominator is %.0f, %.0f persons are listed.", s.denominator, listed)}
				if s.denominator < listed {
					f.Direction = "down"
				}
				t.flag(f)
			}
		})
	}
	return c
}

// k12 remarks that suppression hides much.
func k12() Check {
	c := Check{ID: "K12", Version: 1, Severity: event.Note, Fraction: 0.75, Explain: explain("K12")}
	const all = 0.25
	c.Night = func(n *Night) []Finding {
		if len(n.Suppressed) == 0 {
			return notHere(c, "nothing is known of what suppression hid")
		}
		c, _ := c.tuned(n.Checks, n.AsOf)
		var out []Finding
		var hidden, of int64
		for _, id := range slices.Sorted(maps.Keys(n.Suppressed)) {
			s := n.Suppressed[id]
			hidden, of = hidden+s[0], of+s[1]
			if s[1] > 0 && float64(s[0]) >= c.Fraction*float64(s[1]) {
				out = append(out, flagged(c, c.Severity, float64(s[0]), c.Fraction*float64(s[1]), fmt.Sprintf("Suppression hides %d of %d cells of indicator %s.", s[0], s[1], id))...)
			} else {
				out = append(out, passes(c)...)
			}
		}
		if of > 0 && float64(hidden) >= all*float64(of) {
			out = append(out, flagged(c, c.Severity, float64(hidden), all*float64(of), fmt.Sprintf("Suppression hides %d of %d cells of all indicators.", hidden, of))...)
		}
		return out
	}
	return c
}

// ofFile holds what a delivery changed where too large a share of its lines
// was turned away by a rule: what is left of such a file is not to be trusted.
func ofFile(c Check, turned func(*event.DeliveryAccepted) int64, text string) Check {
	c.Explain = explain(c.ID)
	c.Night = func(n *Night) []Finding {
		var out []Finding
		if len(n.Deliveries.Accepted) == 0 {
			return notHere(c, "no delivery was accepted")
		}
		c, _ := c.tuned(n.Checks, n.AsOf)
		for i := range n.Deliveries.Accepted {
			d := &n.Deliveries.Accepted[i]
			away := turned(d)
			if float64(away) < max(c.Count, 1) || float64(away) <= c.Fraction*float64(d.Lines) {
				out = append(out, passes(c)...)
				continue
			}
			for j := range n.Inputs {
				in := &n.Inputs[j]
				if in.Indicator.Registry != d.Registry || len(in.Changed) == 0 {
					continue
				}
				t := newInstance(c, in)
				out = append(out, t.run(func() {
					var guards []event.Guard
					for k := range in.Changed {
						guards = append(guards, event.GuardOf(in.Changed[k].Current.Key, in.Changed[k].Current.Fingerprint))
					}
					t.flag(Finding{Observed: float64(away), Expected: c.Fraction * float64(d.Lines), Direction: "up", Guards: guards,
						Text: fmt.Sprintf(text, away, d.Lines, d.Delivery)})
				})...)
			}
		}
		return out
	}
	return c
}

func t01() Check {
	c := ofFile(Check{ID: "T01", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.05}, func(d *event.DeliveryAccepted) int64 { return d.Rules["T01"] },
		"%d of %d lines of delivery %s have impossible dates.")
	c.Deliveries = ruleCounts("T01")
	return c
}

func k13() Check {
	return ofFile(Check{ID: "K13", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.05}, func(d *event.DeliveryAccepted) int64 { return d.Parked },
		"%d of %d lines of delivery %s belong to no unit or indicator that is known.")
}

// p04 holds what contradicts a rule between two indicators.
func p04() Check {
	c := Check{ID: "P04", Version: 1, Severity: event.Hold, Count: 1, Explain: explain("P04")}
	c.Night = func(n *Night) []Finding {
		if len(n.Logic) == 0 {
			return notHere(c, "no rule between indicators is given")
		}
		var out []Finding
		for _, r := range n.Logic {
			lower, upper := n.byID[r.Lower], n.byID[r.Upper]
			if lower == nil || upper == nil {
				out = append(out, record(c, NotApplicable, 1, "an indicator of the rule is not in this run"))
				continue
			}
			t := newInstance(c, lower)
			out = append(out, t.run(func() {
				top := upper.byUnitPeriod(true)
				cells := lower.byUnitPeriod(false)
				for _, at := range inOrder(cells) {
					u := top[at]
					if u == nil {
						t.skip("the unit and period has nothing to compare with", 1)
						continue
					}
					if d := cells[at].numerator - u.numerator; d < t.count || d <= t.fraction*u.numerator {
						t.pass()
						continue
					}
					t.flag(Finding{Unit: at.unit, Period: catalog.DateOfDays(at.period), Guards: cells[at].guards, Observed: cells[at].numerator, Expected: u.numerator, Direction: "up",
						Text: fmt.Sprintf("%.10g in %s cannot be more than the %.10g in %s.", cells[at].numerator, r.Lower, u.numerator, r.Upper)})
				}
			})...)
		}
		return out
	}
	return c
}

// x01 compares two sources that should count the same.
func x01() Check {
	c := Check{ID: "X01", Version: 1, Severity: event.Note, Count: 5, Fraction: 0.1, P: 1e-4, Explain: explain("X01")}
	const hold, block = 0.2, 0.33
	c.Night = func(n *Night) []Finding {
		if len(n.Pairs) == 0 {
			return notHere(c, "no two indicators are said to count the same")
		}
		var out []Finding
		for _, r := range n.Pairs {
			a, b := n.byID[r.Lower], n.byID[r.Upper]
			if a == nil || b == nil {
				out = append(out, record(c, NotApplicable, 1, "an indicator of the pair is not in this run"))
				continue
			}
			t := newInstance(c, a)
			out = append(out, t.run(func() {
				other := b.byUnitPeriod(true)
				cells := a.byUnitPeriod(false)
				for _, at := range inOrder(cells) {
					o := other[at]
					if o == nil || o.denominator <= 0 {
						t.skip("the other source has nothing of the unit and period", 1)
						continue
					}
					has := cells[at].denominator
					d := math.Abs(has - o.denominator)
					share := d / o.denominator
					if d < t.count || share <= t.fraction {
						t.pass()
						continue
					}
					f := Finding{Unit: at.unit, Period: catalog.DateOfDays(at.period), Guards: cells[at].guards, Observed: has, Expected: o.denominator, Direction: "up",
						Text: fmt.Sprintf("%.10g here and %.10g in %s for the same unit and period (%.0f %%).", has, o.denominator, r.Upper, 100*share)}
					if has < o.denominator {
						f.Direction = "down"
					}
					// Two counts of about the same size: binomial about one half.
					all := int(math.Round(max(has+o.denominator, 0)))
					improbable := surveil.BetaBinomial(min(int(math.Round(max(has, 0))), all), all, 1e12, 1e12).MidP() < t.p
					switch {
					case share > block:
						f.Severity = event.Block
					case share > hold && improbable:
						f.Severity = event.Hold
					}
					t.flag(f)
				}
			})...)
		}
		return out
	}
	return c
}

// peer is a unit beside its peers in one indicator and period.
type peer struct {
	in    *Input
	at    unitPeriod
	cells *sums
	mean  float64
	p     float64
}

// fewestPeers is the least number of units from which their spread is known.
const fewestPeers = 10

// peersOf judges each changed cell of the newest mature period of proportions
// against an overdispersed funnel without it, and hands the p-values to the
// control of false discoveries of the night.
func (n *Night) peersOf(c Check, o *surveil.Options) []Finding {
	var out []Finding
	n.peers = nil
	for i := range n.Inputs {
		in := &n.Inputs[i]
		t := newInstance(c, in)
		out = append(out, t.run(func() {
			if in.Indicator.Type != catalog.Proportion {
				t.skip("the indicator is no proportion", 1)
				return
			}
			period, ok := in.newestMature()
			if !ok {
				t.skip("no period is mature", 1)
				return
			}
			changed := in.byUnitPeriod(false)
			all := in.byUnitPeriod(true)
			var x, m []float64
			var who []unitPeriod
			for _, at := range inOrder(all) {
				if s := all[at]; at.period == period && s.denominator > 0 && s.numerator >= 0 && s.numerator <= s.denominator {
					x, m, who = append(x, s.numerator), append(m, s.denominator), append(who, at)
				}
			}
			if len(who) < fewestPeers {
				t.skip(fmt.Sprintf("fewer than %d units", fewestPeers), 1)
				return
			}
			for k, at := range who {
				if changed[at] == nil {
					continue
				}
				mean, rho := spread(x, m, k)
				scale := 1/max(rho, 1e-9) - 1
				p := surveil.BetaBinomial(int(math.Round(x[k])), int(math.Round(m[k])), mean*scale, (1-mean)*scale).MidP()
				if mean <= 0 || mean >= 1 || math.IsNaN(p) {
					t.skip("all units have the same value", 1)
					continue
				}
				n.peers = append(n.peers, peer{in, at, changed[at], mean, p})
				o.Others = append(o.Others, p)
			}
		})...)
	}
	return out
}

// newestMature is the newest mature period of any series.
func (in *Input) newestMature() (period int32, ok bool) {
	for i := range in.Series {
		s := &in.Series[i]
		if s.valid() != nil {
			continue
		}
		for j, p := range s.Period {
			if s.Mature[j] && (!ok || p > period) {
				period, ok = p, true
			}
		}
	}
	return period, ok
}

// spread is the mean share and the intra-class correlation of all units but
// one, by moments (Kleinman 1973): a unit must not widen its own limits.
func spread(x, m []float64, without int) (mean, rho float64) {
	var sx, sm float64
	for i := range x {
		if i != without {
			sx += x[i]
			sm += m[i]
		}
	}
	mean = sx / sm
	v := mean * (1 - mean)
	if v <= 0 {
		return mean, 0
	}
	var over, square float64
	for i := range x {
		if i == without || m[i] <= 1 {
			continue
		}
		d := x[i] - m[i]*mean
		over += (d*d/(m[i]*v) - 1) * (m[i] - 1)
		square += (m[i] - 1) * (m[i] - 1)
	}
	if square <= 0 {
		return mean, 0
	}
	return mean, min(max(over/square, 0), 0.99)
}

// outlying are the peers that the control of false discoveries selected.
func (n *Night) outlying(c Check, selected []bool) []Finding {
	var out []Finding
	for i, p := range n.peers {
		t := newInstance(c, p.in)
		out = append(out, t.run(func() {
			if i >= len(selected) || !selected[i] || p.p >= t.p {
				t.pass()
				return
			}
			share := p.cells.numerator / p.cells.denominator
			f := Finding{Unit: p.at.unit, Period: catalog.DateOfDays(p.at.period), Guards: p.cells.guards, share: true, Observed: share, Expected: p.mean, Direction: "up",
				Text: fmt.Sprintf("%.1f %% where units of its kind have %.1f %%: outside the overdispersed 99.8 %% funnel (probability %.2g).", 100*share, 100*p.mean, p.p)}
			if share < p.mean {
				f.Direction = "down"
			}
			t.flag(f)
		})...)
	}
	return out
}
