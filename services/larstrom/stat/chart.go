package stat

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

// Result is what became of a table.
type Result struct {
	// Source is the name of the table, Chart what was made of it.
	Source, Chart string
	Measure       string
	Multiplier    float64
	// Notes say what was decided on the reader's behalf.
	Notes []string
	// Exactly one of these is set.
	Series    []Series
	Funnel    *Funnel
	Variation *Variation
	// Worklist are the units, by name, whose latest value stands out when the share
	// of false discoveries is held at 5 %; nil for fewer than two with limits.
	Worklist  *Worklist
	target    *float64
	since     string
	guarantee float64
}

// Series is one charted unit.
type Series struct {
	Unit       string
	Labels     []string
	Chart      spc.Chart
	Signals    []spc.Signal // of the rules that were asked for
	Targets    []spc.Target // by point; none without one
	Shifts     []spc.Shift  // where they were asked for
	Since      []spc.Signal // those that are new since Request.Since
	Variation  spc.Icon     // IconNone without a direction of improvement
	Assurance  spc.Icon
	Cumulative *spc.Cumulative // for charts that weight the past
	source     series
	period     period
	den        []float64
}

// Run reads a table and makes of it what the request says. Errors wrap
// ErrRequest, are a *CellError, or name the table and what is wrong with it.
func Run(name string, in io.Reader, r Request) (Result, error) {
	if err := r.Validate(); err != nil {
		return Result{}, err
	}
	t, err := readTable(name, in, &r)
	if err != nil {
		return Result{}, err
	}
	d, err := t.read(&r)
	if err != nil {
		return Result{}, err
	}
	chart := r.Chart
	if chart == "" || chart == "auto" {
		chart = "auto"
		if d.at.unit >= 0 && d.when == nil && d.at.subgroup < 0 {
			chart = "funnel"
			d.notes = append(d.notes, "a funnel, as there are units and no dates")
		}
	}
	res := Result{Source: name, Chart: chart, target: r.Target, since: r.Since, guarantee: r.Guarantee}
	switch chart {
	case "funnel":
		err = d.funnel(&r, &res)
	case "variation":
		err = d.variation(&r, &res)
	case "racusum", "bcusum", "vlad":
		err = d.cases(&r, &res)
	default:
		err = d.overTime(&r, &res)
	}
	res.Notes = t.notes
	return res, err
}

// measure settles what kind of number the columns hold.
func (d *data) measure(r *Request) (spc.Measure, error) {
	lack := func(what string) error {
		return fmt.Errorf("%s: a %s chart needs %s; its columns are: %s", d.name, r.Chart, what, strings.Join(d.header, ", "))
	}
	k := kind(r.Chart)
	switch k {
	case spc.T:
		if d.val == nil && d.when == nil {
			return 0, lack("the times between events (--value) or their dates (--date)")
		}
		return spc.TimeBetween, nil
	case spc.G:
		if d.val == nil {
			return 0, lack("the numbers of cases between events (--value)")
		}
		return spc.CasesBetween, nil
	case spc.P, spc.PPrime, spc.NP, spc.U, spc.UPrime:
		if d.num == nil || d.den == nil {
			return 0, lack("counts (--numerator) and what they are of (--denominator)")
		}
		if k == spc.U || k == spc.UPrime {
			return spc.Rate, nil
		}
		return spc.Proportion, d.subset()
	case spc.C:
		if d.num == nil && d.val == nil {
			return 0, lack("counts (--numerator)")
		}
		return spc.Count, nil
	case spc.Xbar, spc.S, spc.R:
		if d.val == nil {
			return 0, lack("measurements (--value)")
		}
		return spc.Mean, nil
	case spc.MR, spc.IPrime:
		if d.val == nil && d.den == nil {
			return spc.Count, nil
		}
		return spc.Mean, nil
	}
	switch r.Measure {
	case "proportion", "rate":
		if d.num == nil || d.den == nil {
			return 0, fmt.Errorf("%s: a %s needs --numerator and --denominator; its columns are: %s", d.name, r.Measure, strings.Join(d.header, ", "))
		}
		if r.Measure == "rate" {
			return spc.Rate, nil
		}
		return spc.Proportion, d.subset()
	case "mean":
		if d.val == nil && (d.num == nil || d.den == nil) {
			return 0, fmt.Errorf("%s: a mean needs --value, or --numerator and --denominator; its columns are: %s", d.name, strings.Join(d.header, ", "))
		}
		return spc.Mean, nil
	case "count":
		if d.num == nil && d.val == nil {
			return 0, fmt.Errorf("%s: a count needs --numerator; its columns are: %s", d.name, strings.Join(d.header, ", "))
		}
		return spc.Count, nil
	case "ratio", "count-ratio":
		return 0, fmt.Errorf("%w: measures of ratios are for units (--chart funnel); a chart over time takes --measure rate with the other number as --denominator", ErrRequest)
	}
	switch {
	case d.num != nil && d.den != nil:
		if !d.isSubset() {
			d.notes = append(d.notes, "a rate, as not every numerator is a whole number within its denominator")
			return spc.Rate, nil
		}
		d.notes = append(d.notes, "a proportion, as every numerator is a whole number within its denominator; say --measure rate if it is no part of it")
		return spc.Proportion, nil
	case d.num != nil:
		return spc.Count, nil
	case d.val != nil:
		return spc.Mean, nil
	}
	return 0, fmt.Errorf("%s: no column to chart; name it with --value, or --numerator and --denominator; its columns are: %s", d.name, strings.Join(d.header, ", "))
}

func (d *data) isSubset() bool {
	for i := range d.num {
		if d.num[i] > d.den[i] || d.num[i] != math.Trunc(d.num[i]) && !math.IsNaN(d.num[i]) {
			return false
		}
	}
	return true
}

// subset refuses a proportion above 1, with its line.
func (d *data) subset() error {
	for i := range d.num {
		if d.num[i] > d.den[i] {
			return d.fault(i, d.at.numerator, fmt.Sprintf("more than its denominator %v, so it is no proportion", d.den[i]),
				"correct it, or chart a rate: --chart u, or --measure rate")
		}
	}
	return nil
}

// standard is the multiplier of a measure where none is given.
func standard(r *Request, proportion bool) float64 {
	if r.Multiplier != 0 {
		return r.Multiplier
	}
	if proportion {
		return 100
	}
	return 1
}

func (d *data) overTime(r *Request, res *Result) error {
	m, err := d.measure(r)
	if err != nil {
		return err
	}
	k := kind(r.Chart)
	o := spc.Options{Measure: m, Kind: k, Multiplier: standard(r, m == spc.Proportion && k != spc.NP)}
	if r.Screen {
		o.Screening = spc.ScreenOnce
	}
	o.NonNegative = r.NonNegative
	res.Measure, res.Multiplier = m.String(), o.Multiplier
	d.scaleNote(r, o.Multiplier)
	p, err := d.settlePeriod(r.Every)
	if err != nil {
		return err
	}
	if err := r.season(d, &o, p); err != nil {
		return err
	}
	if c := r.Centre; c != nil && (m != spc.Mean && *c < 0 || m == spc.Proportion && k != spc.NP && *c > o.Multiplier) {
		return fmt.Errorf("%w: --centre %v is outside the range of a %s; it is read on the scale of the chart (multiplier %v)", ErrRequest, *c, m, o.Multiplier)
	}
	names, rows, err := d.byUnit()
	if err != nil {
		return err
	}
	for _, unit := range names {
		s, err := d.oneSeries(unit, rows[unit], p, m, k == spc.Xbar || k == spc.S || k == spc.R)
		if err != nil {
			return err
		}
		out, err := d.chartOne(&s, r, o, p)
		if err != nil {
			return err
		}
		res.Series = append(res.Series, out)
	}
	res.Worklist = worklist(res.Series)
	if r.Season == "adjust" {
		res.Measure, res.Multiplier = spc.Mean.String(), 1
		d.notes = append(d.notes, fmt.Sprintf("values are less the effect of their place in %d %ss, which is estimated from them; limits do not know that it is", o.PeriodsPerYear, p.name))
	}
	return nil
}

// scaleNote warns where a target looks like a share and the chart is in per cent.
func (d *data) scaleNote(r *Request, multiplier float64) {
	for _, l := range []struct {
		name string
		v    *float64
	}{{"target", r.Target}, {"centre", r.Centre}} {
		if l.v != nil && multiplier == 100 && *l.v > 0 && *l.v <= 1 {
			d.notes = append(d.notes, fmt.Sprintf("the %s %v is read as %v %%, as the values are; for values as fractions say --multiplier 1", l.name, *l.v, *l.v))
		}
	}
}

func (d *data) chartOne(s *series, r *Request, o spc.Options, p period) (Series, error) {
	out := Series{Unit: s.unit, Labels: s.labels, source: *s, period: p, den: s.in.Den}
	plan, err := d.plan(s, r, o, p)
	if err != nil {
		return out, err
	}
	if out.Targets, err = d.targets(s, r, p); err != nil {
		return out, err
	}
	if r.Since != "" {
		out.Chart, out.Since, err = d.since(s, r, o, plan, p)
	} else {
		out.Chart, err = spc.Choose(s.in, o, plan)
	}
	if err == nil && r.Season == "adjust" {
		out.Chart, err = d.adjust(s, r, o, p, out.Chart)
	}
	if errors.Is(err, ErrRequest) {
		return out, err
	}
	if err != nil {
		return out, d.place(err, func(i int) uint64 { return s.lines[i] })
	}
	if r.Sustained > 0 {
		baseline := r.SustainedBaseline
		if baseline == 0 {
			baseline = 13
		}
		if out.Shifts, err = out.Chart.Sustained(baseline, r.Sustained, spc.Neutral); err != nil {
			return out, err
		}
	}
	out.Signals = out.Chart.Signals
	if rules := r.rules(); rules != spc.DefaultRules {
		out.Signals = out.Chart.Detect(rules)
	}
	if dir := r.direction(); dir != spc.Neutral {
		out.Variation = out.Chart.VariationIcon(out.Chart.Detect(spc.MakingDataCount), dir)
		out.Assurance = out.Chart.Assurance(out.Targets, dir)
	}
	var sums spc.Cumulative
	switch r.Chart {
	case "ewma":
		sums, err = out.Chart.EWMA(or(r.Lambda, 0.2), or(r.Width, 3))
	case "cusum":
		interval := 5.0
		if r.HeadStart > 0 {
			interval = 4
		}
		sums, err = out.Chart.CUSUM(or(r.Allowance, 0.5), or(r.Interval, interval), r.HeadStart)
	default:
		return out, nil
	}
	out.Cumulative = &sums
	return out, err
}

// plan is what the request says of phases, baseline and special points.
func (d *data) plan(s *series, r *Request, o spc.Options, p period) (spc.Plan, error) {
	var plan spc.Plan
	at := func(flag, text string) (int, error) {
		i, ok := s.find(text, r.DateFormat, p)
		if !ok {
			return 0, fmt.Errorf("%w: --%s %q is no number of a point and no date", ErrRequest, flag, text)
		}
		if i < 0 {
			return 0, fmt.Errorf("%s: %sthere is no point %s (--%s); there are %d points", d.name, called(s.unit), text, flag, len(s.labels))
		}
		return i, nil
	}
	first := spc.Phase{}
	given := func(ph *spc.Phase) {
		if r.Centre != nil {
			c := *r.Centre / o.Multiplier
			ph.Centre = &c
		}
		if r.Sigma != nil {
			v := *r.Sigma
			if o.Measure != spc.Proportion && o.Measure != spc.Rate {
				v /= o.Multiplier
			}
			ph.SD = &v
		}
	}
	given(&first)
	if r.Freeze != "" {
		i, err := at("freeze", r.Freeze)
		if err != nil {
			return plan, err
		}
		if i == 0 {
			return plan, fmt.Errorf("%w: --freeze %s makes a baseline of one point; give a later one", ErrRequest, r.Freeze)
		}
		first.BaselineTo = i
	}
	plan.Phases = append(plan.Phases, first)
	for _, text := range r.Parts {
		i, err := at("part", text)
		if err != nil {
			return plan, err
		}
		if isNumber(text, len(s.labels)) { // the last point of the phase before
			i++
		}
		if i == len(s.labels) || i == 0 {
			continue
		}
		ph := spc.Phase{From: i}
		given(&ph)
		plan.Phases = append(plan.Phases, ph)
	}
	for _, text := range r.Exclude {
		i, err := at("exclude", text)
		if err != nil {
			return plan, err
		}
		plan.Exclude = append(plan.Exclude, i)
	}
	return plan, nil
}

// cases charts single outcomes against their risks, in order.
func (d *data) cases(r *Request, res *Result) error {
	outcome, col := d.num, d.at.numerator
	if outcome == nil {
		outcome, col = d.val, d.at.value
	}
	if outcome == nil || (d.exp == nil && (r.Chart != "bcusum" || r.Centre == nil)) {
		need := "each case's outcome, 0 or 1 (--numerator), and risk (--expected)"
		if r.Chart == "bcusum" {
			need = "each case's outcome, 0 or 1 (--numerator), and the expected probability (--centre)"
		}
		return fmt.Errorf("%s: a %s chart needs %s; its columns are: %s", d.name, r.Chart, need, strings.Join(d.header, ", "))
	}
	for i, v := range outcome {
		if v != 0 && v != 1 && !math.IsNaN(v) {
			return d.fault(i, col, "an outcome that is neither 0 nor 1", "give a line per case")
		}
		if d.exp != nil && (d.exp[i] <= 0 || d.exp[i] >= 1) {
			return d.fault(i, d.at.expected, "a risk that is not between 0 and 1", "give the expected probability of the outcome")
		}
	}
	res.Measure, res.Multiplier = "outcome", 1
	names, rows, err := d.byUnit()
	if err != nil {
		return err
	}
	for _, unit := range names {
		points := d.gather(rows[unit], period{name: "none"}, false)
		out := Series{Unit: unit, period: period{name: "none"}}
		var o, risk []float64
		c := &out.Chart
		for _, q := range points {
			i := q.rows[0]
			o = append(o, outcome[i])
			if d.exp != nil {
				risk = append(risk, d.exp[i])
			}
			st := d.state(i, outcome, d.exp)
			c.State, c.Value, c.Phase = append(c.State, st), append(c.Value, outcome[i]), append(c.Phase, 1)
			out.Labels, out.source.lines = append(out.Labels, q.label), append(out.source.lines, q.line)
			out.source.starts = append(out.source.starts, q.start)
			if st != spc.StateValue {
				o[len(o)-1] = math.NaN()
			}
		}
		var sums spc.Cumulative
		switch {
		case r.Chart == "vlad":
			sums.Upper, err = spc.VLAD(o, risk)
		case r.Chart == "bcusum" && r.Centre != nil:
			sums, err = spc.Bernoulli(o, *r.Centre, or(r.Odds, 2), or(r.Limit, 4.5))
		default:
			sums, err = spc.RiskAdjusted(o, risk, or(r.Odds, 2), or(r.Limit, 4.5))
		}
		if err != nil {
			return d.place(err, func(i int) uint64 { return points[i].line })
		}
		out.Cumulative = &sums
		res.Series = append(res.Series, out)
	}
	return nil
}

// Funnel is a funnel with its units, by name.
type Funnel struct {
	Names   []string
	Result  funnel.Funnel
	options funnel.Options
}

// Variation is the variation between units, by name.
type Variation struct {
	Names     []string
	Result    variation.Result
	Resampled []Resampled // where simulations were asked for
	Areas     *variation.Areas
}

// compared are the units of a table: sums of counts, or means with their errors.
type compared struct {
	measure string
	names   []string
	num     []float64
	den     []float64
	value   []float64
	se      []float64
	states  []spc.State
}

func (d *data) units(r *Request) (*compared, error) {
	if d.at.unit < 0 {
		return nil, fmt.Errorf("%s: a %s needs the column of the units (--unit); its columns are: %s", d.name, r.Chart, strings.Join(d.header, ", "))
	}
	names, rows, err := d.byUnit()
	if err != nil {
		return nil, err
	}
	c := &compared{measure: r.Measure, names: names}
	if c.measure == "" {
		switch {
		case d.num != nil && d.exp != nil:
			c.measure = "ratio"
			d.notes = append(d.notes, "a ratio of observed to expected, as there is a column "+d.header[d.at.expected])
		case d.num != nil && d.den != nil && d.isSubset():
			c.measure = "proportion"
			d.notes = append(d.notes, "a proportion, as every numerator is a whole number within its denominator; say --measure rate if it is no part of it")
		case d.num != nil && d.den != nil:
			c.measure = "rate"
			d.notes = append(d.notes, "a rate, as not every numerator is a whole number within its denominator")
		default:
			c.measure = "mean"
		}
	}
	den := d.den
	if c.measure == "ratio" && d.exp != nil {
		den = d.exp
	}
	lack := fmt.Errorf("%s: a %s of units needs --numerator with --denominator or --expected, or --value; its columns are: %s", d.name, c.measure, strings.Join(d.header, ", "))
	switch {
	case c.measure == "count":
		return nil, fmt.Errorf("%w: counts of units cannot be compared without a denominator; name it with --denominator", ErrRequest)
	case c.measure == "mean" && d.val == nil, c.measure != "mean" && (d.num == nil || den == nil):
		return nil, lack
	case c.measure == "proportion":
		if err := d.subset(); err != nil {
			return nil, err
		}
	}
	if d.when != nil {
		d.notes = append(d.notes, "rows of all dates are taken together; choose with --where")
	}
	for _, unit := range names {
		st, a, b, v, se := spc.StateValue, 0.0, 0.0, math.NaN(), math.NaN()
		if c.measure == "mean" {
			q := &point{rows: rows[unit], label: unit}
			raw := spc.Series{States: make([]spc.State, 1)}
			fill := func(col *[]float64, _ int, v float64) { *col = []float64{v} }
			if err := d.mean(q, 0, &raw, fill, true); err != nil {
				return nil, err
			}
			if raw.SD == nil || raw.Den == nil {
				return nil, fmt.Errorf("%s: means of units need their standard deviations and numbers of cases (--sd, --denominator), or a row per case", d.name)
			}
			st, v, b = raw.States[0], raw.Value[0], raw.Den[0]
			se = raw.SD[0] / math.Sqrt(b)
			if st == spc.StateValue && !(se > 0) {
				st = spc.StateNoEligible
				d.notes = append(d.notes, fmt.Sprintf("%s: %v cases give no standard error; it is not compared", unit, b))
			}
		} else {
			for _, i := range rows[unit] {
				if own := d.state(i, d.num, den); own != spc.StateValue && st == spc.StateValue {
					st = own
				}
				a += d.num[i]
				b += den[i]
			}
		}
		c.num, c.den, c.states = append(c.num, a), append(c.den, b), append(c.states, st)
		c.value, c.se = append(c.value, v), append(c.se, se)
	}
	return c, nil
}

// named puts the unit's name in the place of its number.
func (c *compared) named(err error) error {
	var f *funnel.UnitError
	var v *variation.UnitError
	switch {
	case errors.As(err, &f) && f.Unit < len(c.names):
		return fmt.Errorf("unit %s: %s", c.names[f.Unit], f.What)
	case errors.As(err, &v) && v.Unit < len(c.names):
		return fmt.Errorf("unit %s: %s", c.names[v.Unit], v.What)
	}
	return err
}

func (d *data) funnel(r *Request, res *Result) error {
	c, err := d.units(r)
	if err != nil {
		return err
	}
	o := funnel.Options{Multiplier: standard(r, c.measure == "proportion"), Overdispersion: r.overdispersion(), Together: r.Together, Winsor: r.Winsor, Level: r.Level}
	if r.Outliers == "truncate" {
		o.Outliers = funnel.Truncate
	}
	switch c.measure {
	case "proportion":
		o.Measure = funnel.Proportion
	case "rate":
		o.Measure = funnel.Rate
	case "ratio":
		o.Measure = funnel.Ratio
	case "count-ratio":
		o.Measure = funnel.CountRatio
	default:
		o.Measure = funnel.Mean
	}
	if r.Centre != nil {
		t := *r.Centre / o.Multiplier
		o.Target = &t
	}
	d.scaleNote(r, o.Multiplier)
	f := &Funnel{Names: c.names, options: o}
	if err := funnel.Compute(&f.Result, funnel.Input{Num: c.num, Den: c.den, Value: c.value, SE: c.se, States: c.states}, o); err != nil {
		return fmt.Errorf("%s: %w", d.name, c.named(err))
	}
	res.Funnel, res.Measure, res.Multiplier = f, c.measure, o.Multiplier
	return nil
}

func (d *data) variation(r *Request, res *Result) error {
	c, err := d.units(r)
	if err != nil {
		return err
	}
	o := variation.Options{Estimator: r.estimator(), Multiplier: standard(r, c.measure == "proportion")}
	switch c.measure {
	case "proportion":
		o.Measure = variation.Proportion
	case "rate":
		o.Measure = variation.Rate
	case "ratio":
		o.Measure = variation.Ratio
	case "count-ratio":
		return fmt.Errorf("%w: the variation of ratios of counts is that of the proportions of their sums: give the sum as --denominator", ErrRequest)
	default:
		o.Measure = variation.Mean
	}
	v := &Variation{Names: c.names}
	in := variation.Input{Num: c.num, Den: c.den, Value: c.value, SE: c.se, States: c.states}
	if err := variation.Describe(&v.Result, in, o); err != nil {
		return fmt.Errorf("%s: %w", d.name, c.named(err))
	}
	if r.Bootstrap > 0 {
		if v.Resampled, err = r.resample(in, o, &v.Result); err != nil {
			return fmt.Errorf("%s: %w", d.name, c.named(err))
		}
	}
	if r.Areas {
		if v.Areas, err = c.areas(); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	res.Variation, res.Measure, res.Multiplier = v, c.measure, o.Multiplier
	return nil
}
