package quality

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// The checks, in the order of their ids. Thresholds are those of the catalogue
// of checks; an indicator's catalog may override each.

// c05 puts bytes that had been seen before on record. Repetition is harmless:
// nothing follows from it.
func c05() Check {
	return Check{ID: "C05", Version: 1, Severity: event.Info, Explain: explain("C05"),
		Deliveries: func(d Deliveries) []Finding {
			var all []Finding
			for _, r := range d.Repeated {
				all = append(all, Finding{Check: "C05", CheckVersion: 1, Severity: event.Info, Status: Flagged, Observed: 1, Low: 1, High: 1, Instances: 1,
					Text: fmt.Sprintf("File %s of feed %s has the content of delivery %s and was not taken again.", r.Name, r.Feed, r.Delivery)})
			}
			return all
		}}
}

// c06 holds a cell of whose rows too many were rejected: what is left need not
// be what happened. Rows that C07 and C08 turned away count the same.
//
// Those that C17 turned away are counted by it.
//
// The share is that of the rejected in all rows that may belong to the cell.
// The default is the feed's tolerance; a fraction in the indicator's catalog
// goes before it.
func c06() Check {
	c := Check{ID: "C06", Version: 1, Severity: event.Hold, Count: 1, Explain: explain("C06"), Deliveries: ruleCounts("C06")}
	c.Run = func(in Input) []Finding {
		d := c
		d.Fraction = in.Tolerance
		t := newInstance(d, &in)
		if !(in.Tolerance >= 0 && in.Tolerance <= 1) && t.err == nil {
			t.err = fmt.Errorf("the feed's tolerance is %v", in.Tolerance)
		}
		return t.run(func() {
			for i := range in.Changed {
				c := &in.Changed[i]
				rejected, rows := float64(c.Current.Content.Rejected-c.Current.Content.BadReasons), float64(c.Current.Content.Rows)
				t, all := t.of(c.Current.Key.Unit), t
				if t == nil {
					all.skip("turned off for the unit", 1)
					continue
				}
				if rejected < max(t.count, 1) || rejected <= t.fraction*(rows+rejected) {
					t.pass()
					continue
				}
				f := about(c)
				f.Observed, f.Expected, f.Direction = rejected, t.fraction*(rows+rejected), "up"
				f.Text = fmt.Sprintf("Rejected rows that may belong to this cell: %.0f; accepted ones: %.0f. The feed tolerates a share of %.4g.", rejected, rows, t.fraction)
				t.flag(f)
			}
		})
	}
	return c
}

func c07() Check {
	return Check{ID: "C07", Version: 1, Severity: event.Reject, Explain: explain("C07"), Deliveries: ruleCounts("C07")}
}

func c08() Check {
	return Check{ID: "C08", Version: 1, Severity: event.Reject, Explain: explain("C08"), Deliveries: ruleCounts("C08")}
}

// ruleCounts puts the rows that intake turned away by one rule on record.
func ruleCounts(rule string) func(Deliveries) []Finding {
	return func(d Deliveries) []Finding {
		var all []Finding
		for _, a := range d.Accepted {
			if n := a.Rules[rule]; n > 0 {
				all = append(all, Finding{Check: rule, CheckVersion: 1, Severity: event.Reject, Status: Flagged, Observed: float64(n), Low: float64(n), High: float64(n), Instances: n,
					Text: fmt.Sprintf("%d of %d lines of delivery %s were rejected or parked by %s.", n, a.Lines, a.Delivery, rule)})
			}
		}
		return all
	}
}

// c09 holds the cells of a unit in which too many codes are unknown to their
// code system, counted over the cells that the delivery changed.
func c09() Check {
	c := Check{ID: "C09", Version: 1, Severity: event.Hold, Count: 20, Fraction: 0.05, Explain: explain("C09")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			type sum struct {
				unknown, rows int64
				guards        []event.Guard
			}
			units := map[string]*sum{}
			for i := range in.Changed {
				v := &in.Changed[i].Current
				u := units[v.Key.Unit]
				if u == nil {
					u = &sum{}
					units[v.Key.Unit] = u
				}
				u.rows += v.Content.Rows
				if n := v.Content.UnknownCodes; n > 0 {
					u.unknown += n
					u.guards = append(u.guards, event.GuardOf(v.Key, v.Fingerprint))
				}
			}
			for _, unit := range slices.Sorted(maps.Keys(units)) {
				u := units[unit]
				unknown, allowed := float64(u.unknown), t.fraction*float64(u.rows)
				if u.unknown == 0 || unknown < t.count || unknown <= allowed {
					t.pass()
					continue
				}
				t.flag(Finding{Unit: unit, Observed: unknown, Expected: allowed, Direction: "up", Guards: u.guards,
					Text: fmt.Sprintf("%d of %d rows have a code that its code system does not have at that date.", u.unknown, u.rows)})
			}
		})
	}
	return c
}

// c10 blocks cells with rows whose natural key had been seen in the same
// delivery: which of them is right is for the source to say.
func c10() Check {
	c := Check{ID: "C10", Version: 1, Severity: event.Block, Count: 1, Explain: explain("C10")}
	c.Run = func(in Input) []Finding {
		return eachCell(c, &in, func(t *instance, v *cell.Version) (float64, string) {
			n := v.Content.Duplicates
			return float64(n), said(n, "repeats a natural key of the same delivery; the first was counted", "repeat natural keys of the same delivery; the first of each was counted")
		})
	}
	return c
}

// c11 looks for numerators above their denominators: a fault where the
// numerator counts members of the denominator, a remark where it need not.
func c11() Check {
	c := Check{ID: "C11", Version: 1, Severity: event.Block, Count: 1, Explain: explain("C11")}
	c.Run = func(in Input) []Finding {
		d := c
		switch in.Indicator.Type {
		case catalog.Proportion:
			if !in.Indicator.Subset {
				d.Severity = event.Note
			}
		case catalog.Rate:
			d.Severity = event.Note
		default:
			return notApplicable(c, &in, "the indicator has no numerator and denominator")
		}
		return eachCell(d, &in, func(t *instance, v *cell.Version) (float64, string) {
			n := float64(v.Content.NumeratorAbove)
			if v.Content.Numerator.Cmp(v.Content.Denominator) > 0 {
				n = max(n, 1)
				return n, fmt.Sprintf("The numerator %s is above the denominator %s.", count(v.Content.Numerator), count(v.Content.Denominator))
			}
			return n, said(v.Content.NumeratorAbove, "has a numerator above its denominator", "have a numerator above their denominator")
		})
	}
	return c
}

// c12 blocks negative counts, events among nobody, and rates that are not what
// numerator and denominator say. 0 of 0 is no eligible patient, not a fault.
func c12() Check {
	c := Check{ID: "C12", Version: 1, Severity: event.Block, Count: 1, Explain: explain("C12")}
	c.Run = func(in Input) []Finding {
		ratio := in.Indicator.Type == catalog.Proportion || in.Indicator.Type == catalog.Rate
		return eachCell(c, &in, func(t *instance, v *cell.Version) (float64, string) {
			n := v.Content.Negative + v.Content.ZeroDenominator + v.Content.RateMismatch
			faults := float64(n)
			text := strings.TrimSpace(said(v.Content.Negative, "has a negative count", "have a negative count") + " " +
				said(v.Content.ZeroDenominator, "has a numerator above 0 of 0", "have a numerator above 0 of 0") + " " +
				said(v.Content.RateMismatch, "has a rate that is not numerator by denominator", "have a rate that is not numerator by denominator"))
			negative := v.Content.Denominator.Sign() < 0 || v.Content.Numerator.Sign() < 0
			if (ratio || in.Indicator.Type == catalog.Count) && negative {
				faults = max(faults, 1)
				text = strings.TrimSpace(fmt.Sprintf("The cell has %s of %s. %s", count(v.Content.Numerator), count(v.Content.Denominator), text))
			} else if ratio && v.Content.Denominator.IsZero() && v.Content.Numerator.Sign() > 0 {
				faults = max(faults, 1)
				text = strings.TrimSpace(fmt.Sprintf("The cell has %s of 0. %s", count(v.Content.Numerator), text))
			}
			return faults, text
		})
	}
	return c
}

// c17 blocks cells with rows whose reason for having no number is none of the
// feed's, or stands beside a number: nobody can tell which of the two is meant.
func c17() Check {
	c := Check{ID: "C17", Version: 1, Severity: event.Block, Count: 1, Explain: explain("C17"), Deliveries: turnedAway("C17", event.Reject)}
	c.Run = func(in Input) []Finding {
		return eachCell(c, &in, func(t *instance, v *cell.Version) (float64, string) {
			n := v.Content.BadReasons
			return float64(n), said(n, "has a reason for having no number that is unknown, or stands beside a number",
				"have a reason for having no number that is unknown, or stands beside a number")
		})
	}
	return c
}

// said is a sentence about n rows; empty for none.
func said(n int64, one, more string) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 row " + one + "."
	}
	return fmt.Sprintf("%d rows %s.", n, more)
}

// eachCell flags every changed cell of which faults returns at least the
// check's count, and at least one.
func eachCell(c Check, in *Input, faults func(*instance, *cell.Version) (float64, string)) []Finding {
	t := newInstance(c, in)
	return t.run(func() {
		for i := range in.Changed {
			v := &in.Changed[i].Current
			t, all := t.of(v.Key.Unit), t
			if t == nil {
				all.skip("turned off for the unit", 1)
				continue
			}
			n, text := faults(t, v)
			if v.Tombstone || n == 0 || n < t.count {
				t.pass()
				continue
			}
			f := about(&in.Changed[i])
			f.Observed, f.Direction, f.Text = n, "up", text
			t.flag(f)
		}
	})
}

func notApplicable(c Check, in *Input, why string) []Finding {
	t := newInstance(c, in)
	return t.run(func() { t.skip(why, int64(len(in.Changed))) })
}

// count writes a sum of micro-units as a number.
func count(f cell.Fixed) string { return fmt.Sprintf("%.10g", f.Float(cell.Micro)) }

// k01 holds what a silent unit leaves behind: an awaited unit of which nothing
// came for its newest period in any indicator of the feed, where nothing is
// improbable. One flag an indicator guards the cells of the unit that vanished
// or stayed empty; what was released before stays visible, marked.
//
// A cell that never existed is guarded as its own absence.
func k01() Check {
	c := Check{ID: "K01", Version: 1, Severity: event.Hold, P: 0.001, Explain: explain("K01")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			if len(in.Silent) == 0 {
				return
			}
			m := newModel(in.Indicator.Period, byUnit(histories(&in)))
			for _, s := range in.Silent {
				guards := t.silenced(s.Unit)
				z, _ := m.silence(&in, s.Unit)
				switch {
				case s.Broken != "" || s.Known && !(s.P0 >= 0 && s.P0 <= 1):
					t.couldNotRun(Finding{Unit: s.Unit, Guards: guards, Text: "the silence of the unit could not be weighed: " + s.Broken})
				case !s.Known:
					t.skip("no indicator of the feed has the history to judge the silent unit by", 1)
				case s.P0 >= t.p || len(guards) == 0:
					t.pass()
				default:
					f := Finding{Unit: s.Unit, Expected: z.expected, Direction: "down", Guards: guards,
						Text: fmt.Sprintf("Nothing came from the unit, in any indicator of the feed (probability %.2g or less).", s.P0)}
					if z.why == "" {
						f.Text = fmt.Sprintf("Nothing came from the unit, in any indicator of the feed; about %.0f records were expected in this one (probability %.2g or less).", z.expected, s.P0)
					}
					t.flag(f)
				}
			}
		})
	}
	return c
}

// silenced are the versions of the unit that its silence leaves: changed cells
// without records, and expected periods that have none.
func (t *instance) silenced(unit string) []event.Guard {
	var guards []event.Guard
	changed := map[cell.Key]bool{}
	for i := range t.in.Changed {
		c := &t.in.Changed[i]
		if c.Current.Key.Unit != unit {
			continue
		}
		changed[c.Current.Key] = true
		if c.volume(t.in) == 0 {
			guards = append(guards, event.GuardOf(c.Current.Key, c.Current.Fingerprint))
		}
	}
	for i := range t.in.Series {
		s := &t.in.Series[i]
		if s.Unit != unit || s.valid() != nil {
			continue
		}
		for _, p := range s.Expected {
			if k := s.key(t.in, p); !changed[k] {
				if g, empty := s.empty(k); empty {
					guards = append(guards, g)
				}
			}
		}
	}
	return sortedGuards(guards)
}

// empty guards what the series holds in a period that this run did not change,
// if that is nothing.
func (s *Series) empty(k cell.Key) (event.Guard, bool) {
	i := slices.Index(s.Period, k.PeriodStart)
	switch {
	case i < 0:
		return event.GuardOf(k, cell.FingerprintOf(k, cell.Content{}, true)), true
	case s.Tombstone[i] || s.Volume[i] == 0:
		return event.GuardOf(k, s.Fingerprint[i]), true
	}
	return event.Guard{}, false
}

// k09 holds a cell that has lost records. It is compared with what was visible
// before, or where nothing was with the previous version: a cell under
// question must not become the measure of the next one.
func k09() Check {
	c := Check{ID: "K09", Version: 1, Severity: event.Hold, Count: 5, Fraction: 0.05, Explain: explain("K09")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			for i := range in.Changed {
				c := &in.Changed[i]
				t, all := t.of(c.Current.Key.Unit), t
				if t == nil {
					all.skip("turned off for the unit", 1)
					continue
				}
				prior, ok := c.before()
				if !ok {
					t.skip("the cell is new", 1)
					continue
				}
				had := 0.0
				if !prior.Tombstone {
					had = Volume(in.Indicator.Type, prior.Content)
				}
				has := c.volume(&in)
				f := about(c)
				if math.IsNaN(had) || math.IsNaN(has) {
					f.Text = "the number of records is no number"
					t.couldNotRun(f)
					continue
				}
				lost := had - has
				if lost < t.count || lost <= 0 || lost <= t.fraction*had {
					t.pass()
					continue
				}
				f.Observed, f.Expected, f.Direction = has, had, "down"
				f.Text = fmt.Sprintf("%.10g records where there were %.10g: %.10g fewer (%.1f %%).", has, had, lost, 100*lost/had)
				t.flag(f)
			}
		})
	}
	return c
}

// t04 holds a cell without records where the unit's own history makes that
// improbable: at least Count expected, and P(0) below P. Periods that are missing
// inside a history it remarks; see without.
func t04() Check {
	c := Check{ID: "T04", Version: 2, Severity: event.Hold, Count: 7, P: 0.001, Explain: explain("T04")}
	c.Run = func(in Input) []Finding {
		t := newInstance(c, &in)
		return t.run(func() {
			var m *model // built when the first zero is met: most nights have none
			judge := func(id seriesID, f Finding) {
				if m == nil {
					m = newModel(in.Indicator.Period, histories(&in))
				}
				h := m.at[id]
				if h == nil || h.err != nil {
					f.Text = "the history of the cell was not given"
					if h != nil {
						f.Text = h.err.Error()
					}
					t.couldNotRun(f)
					return
				}
				z := m.judge(h, f.Period.Days())
				switch {
				case z.why != "":
					t.skip(z.why, 1)
				case math.IsNaN(z.p0):
					f.Text = "the probability of no records is no number"
					t.couldNotRun(f)
				case z.expected >= t.count && z.p0 < t.p:
					f.Expected, f.Direction = z.expected, "down"
					f.Text = fmt.Sprintf("No records where about %.1f were expected (probability %.2g).", z.expected, z.p0)
					t.flag(f)
				default:
					t.pass()
				}
			}
			changed := map[cell.Key]bool{}
			for i := range in.Changed {
				c := &in.Changed[i]
				changed[c.Current.Key] = true
				if c.volume(&in) != 0 {
					t.pass()
					continue
				}
				judge(idOf(c.Current.Key), about(c))
			}
			for i := range in.Series {
				s := &in.Series[i]
				if s.valid() != nil {
					continue
				}
				for _, p := range s.Expected {
					k := s.key(&in, p)
					if changed[k] {
						continue
					}
					if g, empty := s.empty(k); empty {
						judge(s.id(), Finding{Unit: s.Unit, Stratum: s.Stratum, Period: catalog.DateOfDays(p), Guards: []event.Guard{g}})
					}
				}
			}
			if gaps := in.gaps(changed); len(gaps) > 0 {
				if m == nil {
					m = newModel(in.Indicator.Period, histories(&in))
				}
				t.without(m, gaps)
			}
		})
	}
	return c
}
