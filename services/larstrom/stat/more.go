package stat

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

// cycles are how many periods make the cycle that values may follow: a year, of
// days a week.
func (p period) cycle() int {
	switch p.name {
	case "day":
		return 7
	case "week":
		return 52
	case "month":
		return 12
	case "quarter":
		return 4
	}
	return 0
}

// season prepares the options for Request.Season.
func (r *Request) season(d *data, o *spc.Options, p period) error {
	if r.Season == "" {
		return nil
	}
	if o.PeriodsPerYear = p.cycle(); o.PeriodsPerYear == 0 {
		return fmt.Errorf("%s: a season needs days, weeks, months or quarters in a row, and the dates are %ss; say --every", d.name, strings.Replace(p.name, "none", "single date", 1))
	}
	if r.Season == "adjust" && o.Kind != spc.Auto && o.Kind != spc.XmR && o.Kind != spc.Run {
		return fmt.Errorf("%w: values less their season are no counts; for --season adjust choose --chart auto, i, run, ewma or cusum", ErrRequest)
	}
	return nil
}

// adjust charts the values less the effect of their place in the cycle.
func (d *data) adjust(s *series, r *Request, o spc.Options, p period, c spc.Chart) (spc.Chart, error) {
	adjusted, err := spc.SeasonAdjusted(c, o.PeriodsPerYear)
	if err != nil {
		return spc.Chart{}, err
	}
	of := spc.Options{Measure: spc.Mean, Kind: o.Kind, Screening: o.Screening, PeriodsPerYear: o.PeriodsPerYear}
	one := *s
	one.in = adjusted
	plan, err := d.plan(&one, r, of, p)
	if err != nil {
		return spc.Chart{}, err
	}
	return spc.Choose(adjusted, of, plan)
}

// targets are those of Target, from the first point, and of Targets.
func (d *data) targets(s *series, r *Request, p period) ([]spc.Target, error) {
	var out []spc.Target
	if r.Target != nil {
		out = append(out, spc.Target{From: 0, Value: *r.Target})
	}
	for _, text := range r.Targets {
		at, number, _ := strings.Cut(text, "=")
		v, _ := parseNumber(number, ".")
		i, ok := s.find(at, r.DateFormat, p)
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: --target-from %q begins at no number of a point and no date", ErrRequest, text)
		case i < 0:
			return nil, fmt.Errorf("%s: %sthere is no point %s (--target-from); there are %d points", d.name, called(s.unit), at, len(s.labels))
		}
		out = append(out, spc.Target{From: i, Value: v})
	}
	slices.SortStableFunc(out, func(a, b spc.Target) int { return cmp.Compare(a.From, b.From) })
	return out, nil
}

// since charts a series up to a point, brings the chart up to date with the rest,
// and gives the signals that are new: of a rule that had none from that point.
func (d *data) since(s *series, r *Request, o spc.Options, plan spc.Plan, p period) (chart spc.Chart, fresh []spc.Signal, err error) {
	at, ok := s.find(r.Since, r.DateFormat, p)
	switch {
	case !ok:
		return chart, nil, fmt.Errorf("%w: --since %q is no number of a point and no date", ErrRequest, r.Since)
	case at < 0:
		return chart, nil, fmt.Errorf("%s: %sthere is no point %s (--since); there are %d points", d.name, called(s.unit), r.Since, len(s.labels))
	}
	n := at + 1
	then := spc.Plan{}
	for _, ph := range plan.Phases {
		if ph.From < n {
			ph.BaselineTo = min(ph.BaselineTo, at)
			then.Phases = append(then.Phases, ph)
		}
	}
	for _, i := range plan.Exclude {
		if i < n {
			then.Exclude = append(then.Exclude, i)
		}
	}
	var charts spc.Charts
	if err := spc.Batch(&charts, s.in.Slice(0, n), []int{0, n}, o, []spc.Plan{then}); err != nil {
		return chart, nil, err
	}
	before := slices.Clone(charts.At(0).Detect(r.rules()))
	if err := spc.Update(&charts, s.in, []int{0, s.in.Len()}, o, []spc.Plan{plan}, []int{0}); err != nil {
		return chart, nil, err
	}
	chart = charts.At(0)
	for _, sig := range chart.Detect(r.rules()) {
		if !slices.ContainsFunc(before, func(b spc.Signal) bool { return b.Rule == sig.Rule && b.Phase == sig.Phase && b.From == sig.From }) {
			fresh = append(fresh, sig)
		}
	}
	return chart, fresh, nil
}

// Resampled is a statistic of the variation between units with its interval over
// new units from the fitted model, and its distribution if units varied by chance
// alone.
type Resampled struct {
	Key, Text string
	Model     variation.Distribution
	Null      variation.Distribution
}

// resample computes them for those of SCV, MOR and ICC that the measure has. Each
// has random numbers of its own, so that none depends on which are asked for.
func (r *Request) resample(in variation.Input, o variation.Options, fit *variation.Result) ([]Resampled, error) {
	var out []Resampled
	for i, s := range []struct {
		key, text string
		of        func(*variation.Result) float64
	}{
		{"scv", "systematic component of variation", func(r *variation.Result) float64 { return r.SCV }},
		{"mor", "median odds (rate) ratio", func(r *variation.Result) float64 { return r.MOR }},
		{"icc", "intra-class correlation", func(r *variation.Result) float64 { return r.ICC }},
	} {
		if !finite(s.of(fit)) {
			continue
		}
		one := Resampled{Key: s.key, Text: s.text}
		var err error
		if one.Model, err = variation.Bootstrap(in, o, s.of, r.Bootstrap, rand.NewPCG(r.Seed, uint64(2*i))); err != nil {
			return nil, err
		}
		if one.Null, err = variation.Null(in, o, s.of, r.Bootstrap, rand.NewPCG(r.Seed, uint64(2*i+1))); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// Worklist is what to look at among the latest values of several units.
type Worklist struct {
	// Evidence of the units that stand out, in the order of Names.
	Names    []string
	Evidence []spc.Evidence
	// Units is how many have limits, FalseAlarms what 3-sigma limits alone would have
	// been expected to give over them.
	Units       int
	FalseAlarms spc.FalseAlarms
}

// discoveryRate is the share of false ones that a worklist may hold.
const discoveryRate = 0.05

// worklist orders what stands out by the units' names: units are never ranked.
func worklist(all []Series) *Worklist {
	var evidence []spc.Evidence
	for i := range all {
		if e, ok := all[i].Chart.LatestEvidence(); ok && all[i].Cumulative == nil {
			e.Series = i
			evidence = append(evidence, e)
		}
	}
	if len(evidence) < 2 {
		return nil
	}
	w := &Worklist{Units: len(evidence)}
	list, expected := spc.Worklist(evidence, discoveryRate)
	slices.SortFunc(list, func(a, b spc.Evidence) int { return cmp.Compare(a.Series, b.Series) })
	for _, e := range list {
		w.Names, w.Evidence = append(w.Names, all[e.Series].Unit), append(w.Evidence, e)
	}
	w.FalseAlarms = expected
	return w
}

func (w *Worklist) write(l *lines) {
	l.text("")
	l.text("latest values of %d units that stand out at %.0f %% false discoveries: %d", w.Units, 100*discoveryRate, len(w.Names))
	for i, name := range w.Names {
		l.text("%s: %s the centre line, p %.2g", name, direction(w.Evidence[i].Direction), w.Evidence[i].P)
	}
	l.text("3-sigma limits alone would be expected to give %.2g false alarms, %.2g if their parameters were known", w.FalseAlarms.Estimated, w.FalseAlarms.Known)
}

func (w *Worklist) json() object {
	units := make([]object, len(w.Names))
	for i, e := range w.Evidence {
		units[i] = object{{"unit", w.Names[i]}, {"point", e.Point + 1}, {"p", e.P}, {"direction", e.Direction}}
	}
	return object{{"units", w.Units}, {"rate", discoveryRate}, {"outstanding", units},
		{"expected_false_alarms", w.FalseAlarms.Estimated}, {"expected_false_alarms_known", w.FalseAlarms.Known}}
}

// reach says of the latest limits how often values in control fall outside them,
// where no signal is possible, and how far out they would have to lie for Guarantee.
func (s *Series) reach(guarantee float64) []string {
	var out []string
	c := &s.Chart
	if e, ok := c.LatestEvidence(); ok {
		how := "as they are estimated"
		if e.FalseAlarm <= spc.KnownFalseAlarmRate {
			how = "as they are given, or exact ones at most"
		}
		out = append(out, fmt.Sprintf("a new value in control falls outside 3-sigma limits in %.2g %% with known parameters, in %.2g %% %s",
			100*spc.KnownFalseAlarmRate, 100*e.FalseAlarm, how))
	}
	low, high := 0, 0
	for i := range c.Value {
		if finite(c.LCL[i]) && c.NoLowSignal(i) {
			low++
		}
		if finite(c.UCL[i]) && c.NoHighSignal(i) {
			high++
		}
	}
	if low > 0 {
		out = append(out, fmt.Sprintf("no low signal is possible at %d points: their lower limit is 0", low))
	}
	if high > 0 {
		out = append(out, fmt.Sprintf("no high signal is possible at %d points: their upper limit is all cases", high))
	}
	if guarantee > 0 {
		for _, p := range c.Parts {
			if k := spc.GuaranteedMultiplier(p.BaselinePoints, guarantee); p.Ranges > 0 && p.SpreadSE > 0 && finite(k) {
				out = append(out, fmt.Sprintf("limits at %.2f sigma would hold %.2g %% with %.3g %% confidence, from a baseline of %d",
					k, 100*spc.KnownFalseAlarmRate, 100*guarantee, p.BaselinePoints))
			}
		}
	}
	return out
}

// areas are the measures of small-area studies of the units that enter, expected
// events by the pooled proportion or rate where none are given.
func (c *compared) areas() (*variation.Areas, error) {
	if c.measure == "mean" {
		return nil, fmt.Errorf("%w: the measures of small-area studies (--areas) are of counts", ErrRequest)
	}
	var observed, expected []float64
	events, total := 0.0, 0.0
	for i, st := range c.states {
		if st == spc.StateValue && c.den[i] > 0 {
			observed, expected = append(observed, c.num[i]), append(expected, c.den[i])
			events, total = events+c.num[i], total+c.den[i]
		}
	}
	if c.measure != "ratio" {
		for i := range expected {
			expected[i] *= events / total
		}
	}
	a, err := variation.DescribeAreas(observed, expected)
	return &a, err
}
