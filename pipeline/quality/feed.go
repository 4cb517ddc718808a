package quality

import (
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/spc"
)

// Feed is what is known of the deliveries of one feed, oldest first.
type Feed struct {
	ID, Registry string
	// Awaited says that the feed has a schedule; Late is by how many hours the
	// export of this run's day is later than that, or was when it came; below
	// 0: in time. Came says whether it came at all.
	Awaited, Came bool
	Late          float64
	// Due is the as-of date of an export that has not come; zero: it came.
	Due catalog.Date
	// Indicators are those that the feed can bring.
	Indicators []string
	// Ahead is by how many minutes the day that the export is of begins after it
	// came.
	Ahead float64
	// Days are the feed's deliveries, the newest last.
	Days []FeedDay
}

// FeedDay is one delivery as numbers.
type FeedDay struct {
	AsOf catalog.Date
	// Rows were read; Missing of them lack a value that an indicator needs,
	// Unknown have a code that no code system has.
	Rows, Missing, Unknown int64
	// Snapshot says that it replaces what was there, Changed how many cells it
	// changed by that.
	Snapshot bool
	Changed  int64
	// Late is by how many hours it was late, LagP90 in how many days nine of
	// ten events had arrived; NaN: not known.
	Late, LagP90 float64
	// Excluded deliveries were withdrawn or rejected.
	Excluded bool
}

// feedCheck is a check that judges each feed. What it finds is a flag of each
// indicator of which guards finds something to put in question, else it is on
// record.
func feedCheck(c Check, guards func(*Input, *Feed) []event.Guard, judge func(c Check, f *Feed) []Finding) Check {
	c.Explain = explain(c.ID)
	c.Night = func(n *Night) []Finding {
		if len(n.Feeds) == 0 {
			return []Finding{record(c, NotApplicable, 1, "nothing is known of the feeds as such")}
		}
		var out []Finding
		for i := range n.Feeds {
			d, off := c.tuned(n.Checks, n.AsOf)
			if own := feedParams(n, n.Feeds[i].Registry); own != nil {
				d, off = d.tuned(own, n.AsOf)
			}
			if off {
				out = append(out, record(c, NotApplicable, 1, "turned off in the catalog"))
				continue
			}
			f := &n.Feeds[i]
			for _, v := range judge(d, f) {
				out = append(out, n.each(c, v, f.ID, f.Indicators, func(in *Input) []event.Guard { return guards(in, f) })...)
			}
		}
		return out
	}
	return c
}

// each makes what was found about a feed or column a flag of each indicator of
// which there is something to guard; where there is none it stays on record. The
// flags share their cause.
func (n *Night) each(c Check, found Finding, cause string, indicators []string, guards func(*Input) []event.Guard) []Finding {
	if found.Status != Flagged || found.Severity == event.Info {
		return []Finding{found}
	}
	var out []Finding
	for _, id := range indicators {
		in := n.byID[id]
		if in == nil {
			continue
		}
		t := newInstance(c, in)
		g := guards(in)
		if t.off || len(g) == 0 {
			continue
		}
		f := found
		f.Indicator, f.Guards, f.Shadow, f.cause = id, g, t.mode == Shadow, ofFeed+cause
		if own, ok := in.Indicator.Checks[c.ID]; ok && own.Severity != "" && in.AsOf.Within(own.From, own.To) {
			f.Severity = event.Severity(own.Severity)
		}
		out = append(out, f)
	}
	if len(out) == 0 {
		return []Finding{found}
	}
	return out
}

// changed guards what the run changed.
func (in *Input) changed() []event.Guard {
	var out []event.Guard
	for i := range in.Changed {
		out = append(out, event.GuardOf(in.Changed[i].Current.Key, in.Changed[i].Current.Fingerprint))
	}
	return out
}

// awaited guards the absence of what an export of the day would have brought of
// the period after the newest one. What was brought before stays as it is.
func (in *Input) awaited(due catalog.Date) []event.Guard {
	last, any := int32(0), false
	for i := range in.Series {
		s := &in.Series[i]
		for j, p := range s.Period {
			if !s.Tombstone[j] && (!any || p > last) {
				last, any = p, true
			}
		}
	}
	if !any {
		return nil
	}
	next := in.Indicator.Period.PeriodEnd(catalog.DateOfDays(last))
	if !next.Before(due) {
		return nil
	}
	var out []event.Guard
	for i := range in.Series {
		s := &in.Series[i]
		if j := slices.Index(s.Period, last); j >= 0 && !s.Tombstone[j] && !slices.Contains(s.Period, next.Days()) {
			k := s.key(in, next.Days())
			out = append(out, event.GuardOf(k, cell.FingerprintOf(k, cell.Content{}, true)))
		}
	}
	return out
}

// feedParams are the thresholds of the feed that brings a registry.
func feedParams(n *Night, registry string) map[string]catalog.CheckParams {
	for i := range n.Inputs {
		if n.Inputs[i].Indicator.Registry == registry && n.Inputs[i].Feed != nil {
			return n.Inputs[i].Feed
		}
	}
	return nil
}

func flagged(c Check, severity event.Severity, observed, expected float64, text string) []Finding {
	f := record(c, Flagged, 1, text)
	f.Severity, f.Observed, f.Expected = severity, finite(observed), finite(expected)
	f.Low, f.High = band(severity, f.Observed)
	f.Direction = "up"
	if f.Observed < f.Expected {
		f.Direction = "down"
	}
	return []Finding{f}
}

// k02 notices an export that has not come: a remark first, and a day later a
// hold on what is shown of it, which gets its banner.
func k02() Check {
	return feedCheck(Check{ID: "K02", Version: 1, Severity: event.Note, Count: 2}, func(in *Input, f *Feed) []event.Guard { return in.awaited(f.Due) }, func(c Check, f *Feed) []Finding {
		switch {
		case !f.Awaited:
			return []Finding{record(c, NotApplicable, 1, "the feed has no schedule")}
		case f.Came || f.Late < c.Count:
			return []Finding{record(c, Pass, 1, "")}
		}
		severity := event.Note
		if f.Late >= staleAfter {
			severity = event.Hold
		}
		return flagged(c, severity, f.Late, 0, fmt.Sprintf("The export of feed %s is %.0f hours late and has not come.", f.ID, f.Late))
	})
}

// lately guards the newest that the run changed.
func lately(in *Input, _ *Feed) []event.Guard { return newest(in, nil) }

// staleAfter is how many hours late what is shown is stale.
const staleAfter = 24

// l01 remarks that an export came late.
func l01() Check {
	return feedCheck(Check{ID: "L01", Version: 1, Severity: event.Note, Count: 2}, lately, func(c Check, f *Feed) []Finding {
		switch {
		case !f.Awaited || !f.Came:
			return []Finding{record(c, NotApplicable, 1, "the feed has no schedule, or its export has not come (K02)")}
		case f.Late < c.Count:
			return []Finding{record(c, Pass, 1, "")}
		}
		return flagged(c, event.Note, f.Late, 0, fmt.Sprintf("The export of feed %s came %.1f hours late.", f.ID, f.Late))
	})
}

// l02 remarks that events take longer to arrive than they did.
func l02() Check {
	return feedCheck(Check{ID: "L02", Version: 1, Severity: event.Note, Fraction: 0.5}, lately, func(c Check, f *Feed) []Finding {
		var before []float64
		now := math.NaN()
		for i, d := range f.Days {
			if d.Excluded || math.IsNaN(d.LagP90) {
				continue
			}
			if i == len(f.Days)-1 {
				now = d.LagP90
			} else {
				before = append(before, d.LagP90)
			}
		}
		if math.IsNaN(now) || len(before) < minBaseline {
			return []Finding{record(c, NotApplicable, 1, fmt.Sprintf("the lag of registration is not known, or on fewer than %d earlier nights", minBaseline))}
		}
		slices.Sort(before)
		usual := before[len(before)/2]
		if now <= (1+c.Fraction)*usual || now-usual < 1 {
			return []Finding{record(c, Pass, 1, "")}
		}
		return flagged(c, event.Note, now, usual, fmt.Sprintf("Nine of ten events of feed %s arrive within %.0f days, %.0f were usual.", f.ID, now, usual))
	})
}

// l04 puts on record that an export says it is of the future.
func l04() Check {
	return feedCheck(Check{ID: "L04", Version: 1, Severity: event.Info, Count: 5, Partly: "exports say of which day they are, not of which minute: a clock is wrong where that day begins after the export came"}, lately, func(c Check, f *Feed) []Finding {
		if f.Ahead <= c.Count {
			return []Finding{record(c, Pass, 1, "")}
		}
		return flagged(c, event.Info, f.Ahead, 0, fmt.Sprintf("The export of feed %s is dated %.0f minutes after it came.", f.ID, f.Ahead))
	})
}

// suspicious is how improbable it must be that nothing changed for a remark,
// where the feed is too small for T08 to be sure.
const suspicious = 1e-3

// staleFeed finds a snapshot that is dated anew and changes nothing, where those
// before it changed at least as many cells as make that improbable: the export
// of an earlier night, sent again. Nothing of it is to be held, since nothing
// came; somebody must ask for the right one. Of a small feed it is a remark.
func staleFeed(n *Night, c Check) []Finding {
	var out []Finding
	c, off := c.tuned(n.Checks, n.AsOf)
	for i := range n.Feeds {
		f := &n.Feeds[i]
		if own := feedParams(n, f.Registry); own != nil {
			c, off = c.tuned(own, n.AsOf)
		}
		least, judged := stale(f)
		switch {
		case off || !f.Came:
			continue
		case !judged:
			out = append(out, record(c, NotApplicable, 1, "the feed is no snapshot, or has too few earlier deliveries on such days"))
			continue
		case math.Exp(-least) >= max(c.P, suspicious):
			out = append(out, record(c, Pass, 1, ""))
			continue
		}
		for _, id := range f.Indicators {
			in := n.byID[id]
			if in == nil {
				continue
			}
			t := newInstance(c, in)
			if t.off {
				continue
			}
			severity, is := t.severity, "it is"
			if math.Exp(-least) >= c.P {
				severity, is = event.Note, "it may be"
			}
			out = append(out, t.finding(Finding{Status: Flagged, Severity: severity, Period: in.Indicator.Period.PeriodStart(n.AsOf), Expected: least, Direction: "down", cause: ofFeed + f.ID,
				Text: fmt.Sprintf("The export of feed %s of %s changes nothing, where earlier ones changed at least %.0f cells: %s a copy of an earlier night's.", f.ID, n.AsOf, least, is)}))
		}
	}
	return out
}

// stale is the least number of cells that earlier snapshots changed on such
// days, where the newest one changed none; 0 where it changed any.
func stale(f *Feed) (least float64, judged bool) {
	last := len(f.Days) - 1
	if last < fewestSnapshots || !f.Days[last].Snapshot {
		return 0, false
	}
	if f.Days[last].Changed > 0 {
		return 0, true
	}
	weekend := func(d catalog.Date) bool { return d.Time().Weekday()%6 == 0 }
	least, n := math.Inf(1), 0
	for _, d := range f.Days[1:last] { // the first brings the past
		if d.Snapshot && !d.Excluded && weekend(d.AsOf) == weekend(f.Days[last].AsOf) && d.AsOf.Before(f.Days[last].AsOf) {
			least = min(least, float64(d.Changed))
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return least, true
}

// fewestSnapshots must have come before one that changes nothing is odd.
const fewestSnapshots = 2

// FeedChart is a control chart on a feed itself.
type FeedChart struct {
	Feed string
	// Kind is volume, completeness, unknown_codes or lateness.
	Kind  string
	AsOf  []catalog.Date
	Chart spc.Chart
	// Signal is that the newest delivery lies outside the limits.
	Signal bool
}

// FeedCharts draws the four charts of a feed: the logarithm of its rows, the
// share of rows without missing values, the share of unknown codes, and the
// hours by which it was late. Excluded deliveries break the lines. A feed
// without deliveries has none.
func FeedCharts(f *Feed) ([]FeedChart, error) {
	if len(f.Days) == 0 {
		return nil, nil
	}
	var asOf []catalog.Date
	for _, d := range f.Days {
		asOf = append(asOf, d.AsOf)
	}
	var out []FeedChart
	for _, k := range []struct {
		kind    string
		measure spc.Measure
		of      func(FeedDay) (num, den float64)
	}{
		{"volume", spc.Mean, func(d FeedDay) (float64, float64) { return math.Log1p(float64(d.Rows)), 1 }},
		{"completeness", spc.Proportion, func(d FeedDay) (float64, float64) { return float64(d.Rows - d.Missing), float64(d.Rows) }},
		{"unknown_codes", spc.Proportion, func(d FeedDay) (float64, float64) { return float64(d.Unknown), float64(d.Rows) }},
		{"lateness", spc.Mean, func(d FeedDay) (float64, float64) { return d.Late, 1 }},
	} {
		n := len(f.Days)
		s := spc.Series{Num: make([]float64, n), Den: make([]float64, n), States: make([]spc.State, n)}
		for i, d := range f.Days {
			num, den := k.of(d)
			s.States[i] = spc.StateValue
			switch {
			case d.Excluded:
				s.States[i] = spc.StateHeldEmpty
			case math.IsNaN(num):
				s.States[i] = spc.StateMissing
			case den == 0:
				s.States[i] = spc.StateNoEligible
			default:
				s.Num[i], s.Den[i] = num, den
			}
		}
		chart, err := spc.Choose(s, spc.Options{Measure: k.measure}, spc.Plan{})
		if err != nil {
			return nil, fmt.Errorf("feed %s, %s: %w", f.ID, k.kind, err)
		}
		out = append(out, FeedChart{Feed: f.ID, Kind: k.kind, AsOf: asOf, Chart: chart, Signal: chart.SigmaSignal[n-1]})
	}
	return out, nil
}
