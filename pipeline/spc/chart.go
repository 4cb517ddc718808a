package spc

import (
	"fmt"
	"math"
	"slices"
)

// d2 is the mean absolute difference of two standard normal deviates, 2/sqrt(pi).
// Tools use 1.128, or 2.66 for 3/d2; the exact constant moves limits by 0.03 %
// and has no rounding to argue about.
const d2 = 1.1283791670955125738961589031215451716881012586580

// d4 is 1 + 3 d3/d2 for ranges of two: the 3-sigma limit of a moving range over
// its mean, 1 + 3*sqrt(pi/2 - 1).
const d4 = 3.2665319192886013

// exactTail is the probability beyond 3 sigma on one side.
const exactTail = 0.0013498980316300945

// dispersionCut is the two-sided 5 % point of the standard normal.
const dispersionCut = 1.959963984540054

// fewRanges is the least number of moving ranges that limits may rest on: below
// it gaps have eaten the chart and the spread would be a guess.
const fewRanges = 6

// maxMagnitude bounds what is charted: squares and sums of such values stay
// finite.
const maxMagnitude = 1e150

// Charts holds many charted series as long columns, series after series in the
// order and with the indices of the input, and the memory to do so again without
// allocating. The zero Charts is ready. Not for concurrent use.
type Charts struct {
	State                       []State
	Value, Centre, LCL, UCL, SD []float64
	SigmaSignal, RunsSignal     []bool
	Rules                       []RuleSet
	Phase                       []int32
	// Parts and Signals of all series, ordered by series.
	Parts   []Part
	Signals []Signal

	starts, partStarts, signalStarts []int
	multiplier                       float64
	work                             []float64
	crossings                        []int32 // FewestCrossings of n, by n
	season                           seasonScratch
	cols                             columns
}

// columns are the input and output columns of one series, cut to one length.
type columns struct {
	num, den, val, within       []float64
	state                       []State
	value, centre, lcl, ucl, sd []float64
	sigma, runs                 []bool
	rules                       []RuleSet
	phase                       []int32
}

// Len is the number of series of the last Batch.
func (c *Charts) Len() int { return max(len(c.starts)-1, 0) }

// At gives the chart of series k. It shares memory with c and is overwritten by
// the next Batch into c.
func (c *Charts) At(k int) Chart {
	lo, hi := c.starts[k], c.starts[k+1]
	return Chart{
		State: c.State[lo:hi:hi], Value: c.Value[lo:hi:hi], Centre: c.Centre[lo:hi:hi],
		LCL: c.LCL[lo:hi:hi], UCL: c.UCL[lo:hi:hi], SD: c.SD[lo:hi:hi],
		SigmaSignal: c.SigmaSignal[lo:hi:hi], RunsSignal: c.RunsSignal[lo:hi:hi],
		Rules: c.Rules[lo:hi:hi], Phase: c.Phase[lo:hi:hi],
		Parts:      c.Parts[c.partStarts[k]:c.partStarts[k+1]],
		Signals:    c.Signals[c.signalStarts[k]:c.signalStarts[k+1]],
		multiplier: c.multiplier,
	}
}

// Choose picks and computes the chart of one series.
//
// The choice, per phase: overlapping points get a line. Fewer than 12 mature
// values get a run chart with their median. From 12 the limits are provisional,
// from 24 the first 24 mature values are the frozen baseline. Proportions and
// rates are tested for dispersion on the baseline (see Part.DispersionZ): plain
// p or u where the variation is compatible with binomial or Poisson, Laney's p′
// or u′ (Laney 2002) where it is not, exact limits (binomial or Poisson, or where
// dispersed beta-binomial or negative binomial) where more than one in five
// baseline points expect fewer than 5 events, or fewer than 5 non-events
// (Cochran 1954). Means and counts get an XmR chart (Shewhart 1931; Wheeler
// 1993), times and cases between rare events a t and a g chart. Baselines without
// an event, or without a non-event, and baselines with
// fewer than 6 moving ranges carry no limits and remain run charts. Part.Why
// says which and why.
//
// With Options.PeriodsPerYear, season and autocorrelation are tested and may turn
// the run rules off.
//
// Missing values: only state value enters anything. Points in other states have
// no signals, moving ranges do not span them, runs pass over them. Preliminary
// and held_previous points have a value and limits drawn. The centre line and
// limits that do not depend on the denominator run through gaps.
//
// Errors wrap ErrOptions or ErrSeries.
func Choose(s Series, o Options, p Plan) (Chart, error) {
	var c Charts
	if err := Batch(&c, s, []int{0, s.Len()}, o, []Plan{p}); err != nil {
		return Chart{}, err
	}
	return c.At(0), nil
}

// Batch is Choose for many series at once: series k is the points
// starts[k]..starts[k+1] (half-open) of s, so starts has one entry more than
// there are series, begins with 0 and ends with s.Len(). plans is nil or has one
// entry per series. The result replaces what dst held; its memory is reused, so
// that a second call of the same size does not allocate. Series are independent:
// any partition of them into calls gives the same numbers.
//
// Errors wrap ErrOptions or ErrSeries; after an error dst holds nothing usable.
func Batch(dst *Charts, s Series, starts []int, o Options, plans []Plan) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if err := checkShape(s, starts, o, plans); err != nil {
		return err
	}
	dst.reset(s.Len(), starts, o.multiplier())
	for k := 0; k+1 < len(starts); k++ {
		dst.cut(s, starts[k], starts[k+1])
		dst.partStarts[k], dst.signalStarts[k] = len(dst.Parts), len(dst.Signals)
		var plan Plan
		if plans != nil {
			plan = plans[k]
		}
		if err := dst.series(k, &o, plan); err != nil {
			return err
		}
	}
	dst.partStarts[len(starts)-1], dst.signalStarts[len(starts)-1] = len(dst.Parts), len(dst.Signals)
	return nil
}

func checkShape(s Series, starts []int, o Options, plans []Plan) error {
	n := s.Len()
	column := func(name string, v []float64, need bool) error {
		if v == nil && need {
			return fmt.Errorf("%w: column %s is missing for the measure %s", ErrSeries, name, o.Measure)
		}
		if v != nil && len(v) != n {
			return fmt.Errorf("%w: column %s has %d entries and States %d; give one per point", ErrSeries, name, len(v), n)
		}
		return nil
	}
	between := o.Measure == TimeBetween || o.Measure == CasesBetween
	needNum := !between && (o.Measure != Mean || s.Value == nil)
	sized := o.Kind == IPrime || o.Kind == Xbar || o.Kind == S
	needDen := o.Measure == Proportion || o.Measure == Rate || (o.Measure == Mean && s.Value == nil) || sized
	for _, err := range []error{
		column("Num", s.Num, needNum), column("Den", s.Den, needDen), column("Value", s.Value, between),
		column("SD", s.SD, o.Kind == Xbar || o.Kind == S),
	} {
		if err != nil {
			return err
		}
	}
	if len(starts) == 0 || starts[0] != 0 || starts[len(starts)-1] != n || !slices.IsSorted(starts) {
		return fmt.Errorf("%w: starts must rise from 0 to %d, the number of points", ErrSeries, n)
	}
	if plans != nil && len(plans) != len(starts)-1 {
		return fmt.Errorf("%w: %d plans for %d series; give one per series or nil", ErrOptions, len(plans), len(starts)-1)
	}
	return nil
}

func (c *Charts) reset(n int, starts []int, multiplier float64) {
	c.State = slices.Grow(c.State[:0], n)[:n]
	for _, col := range []*[]float64{&c.Value, &c.Centre, &c.LCL, &c.UCL, &c.SD} {
		*col = slices.Grow((*col)[:0], n)[:n]
	}
	c.SigmaSignal = slices.Grow(c.SigmaSignal[:0], n)[:n]
	c.RunsSignal = slices.Grow(c.RunsSignal[:0], n)[:n]
	c.Rules = slices.Grow(c.Rules[:0], n)[:n]
	c.Phase = slices.Grow(c.Phase[:0], n)[:n]
	c.Parts, c.Signals = c.Parts[:0], c.Signals[:0]
	c.starts = append(c.starts[:0], starts...)
	c.partStarts = slices.Grow(c.partStarts[:0], len(starts))[:len(starts)]
	c.signalStarts = slices.Grow(c.signalStarts[:0], len(starts))[:len(starts)]
	c.multiplier = multiplier
}

func (c *Charts) cut(s Series, lo, hi int) {
	s = s.Slice(lo, hi)
	c.cols = columns{
		num: s.Num, den: s.Den, val: s.Value, within: s.SD, state: c.State[lo:hi],
		value: c.Value[lo:hi], centre: c.Centre[lo:hi], lcl: c.LCL[lo:hi], ucl: c.UCL[lo:hi], sd: c.SD[lo:hi],
		sigma: c.SigmaSignal[lo:hi], runs: c.RunsSignal[lo:hi], rules: c.Rules[lo:hi], phase: c.Phase[lo:hi],
	}
	copy(c.cols.state, s.States)
}

func (c *Charts) series(k int, o *Options, plan Plan) error {
	n := len(c.cols.state)
	if err := c.values(k, o); err != nil {
		return err
	}
	from, phase := 0, Phase{}
	number := 0
	for i := 0; i <= len(plan.Phases); i++ {
		to, next := n, Phase{}
		if i < len(plan.Phases) {
			next = plan.Phases[i]
			to = next.From
			if to < from || to > n || (i > 0 && to == from) {
				return fmt.Errorf("%w: series %d: phase %d starts at point %d; give ascending starts within 0..%d", ErrOptions, k, i+1, to, n)
			}
		}
		if to > from {
			number++
			if err := c.part(k, number, from, to, o, &phase); err != nil {
				return err
			}
		}
		from, phase = to, next
	}
	return nil
}

// values fills the value column, unmultiplied, and the states that values decide.
func (c *Charts) values(k int, o *Options) error {
	col := &c.cols
	bad := func(i int, format string, args ...any) error {
		return &PointError{Series: k, Point: i, What: fmt.Sprintf(format, args...)}
	}
	nan := math.NaN()
	n := len(col.state)
	value := col.value[:n]
	ratio := o.Measure == Proportion || o.Measure == Rate || (o.Measure == Mean && col.val == nil)
	for i, st := range col.state {
		if !st.Drawn() {
			if !st.Valid() {
				return fmt.Errorf("%w: %w", &PointError{Series: k, Point: i, What: st.String() + " is no state; give one of the eight"}, ErrState)
			}
			value[i] = nan
			continue
		}
		if !ratio {
			v := 0.0
			if o.Measure == Count {
				v = col.num[i]
			} else if col.val != nil {
				v = col.val[i]
			}
			if !(math.Abs(v) <= maxMagnitude) {
				return bad(i, "value %v is not a number that can be charted; give the point another state", v)
			}
			if o.Measure != Mean && v < 0 {
				return bad(i, "%s %v is negative; reject or correct it", o.Measure, v)
			}
			if o.Measure == CasesBetween && v != math.Floor(v) {
				return bad(i, "%v cases are not whole; chart it as time_between", v)
			}
			value[i] = v
			if o.Kind == IPrime || o.Kind == Xbar || o.Kind == S {
				if err := c.sized(i, o.Kind); err != "" {
					return bad(i, "%s", err)
				}
			}
			continue
		}
		num, den := col.num[i], col.den[i]
		if den == 0 && !(num != 0) {
			col.state[i], value[i] = StateNoEligible, nan
			continue
		}
		if !(den > 0 && den <= maxMagnitude) || !(math.Abs(num) <= maxMagnitude) {
			return bad(i, "%v of %v is not a %s; give a finite numerator and a positive denominator, or another state", num, den, o.Measure)
		}
		if o.Measure != Mean {
			if num < 0 {
				return bad(i, "numerator %v is negative; reject or correct it", num)
			}
			if num > den && o.Measure == Proportion {
				return bad(i, "numerator %v exceeds denominator %v; chart a proportion that is not a subset as a rate", num, den)
			}
		}
		value[i] = num / den
		if o.Kind == IPrime || o.Kind == Xbar || o.Kind == S {
			if err := c.sized(i, o.Kind); err != "" {
				return bad(i, "%s", err)
			}
		}
	}
	return nil
}

// part charts the points lo..hi (half-open) as one phase.
func (c *Charts) part(k, number, lo, hi int, o *Options, ph *Phase) error {
	col := &c.cols
	p := Part{
		Series: k, Phase: number, First: lo, Last: hi - 1, Screening: o.Screening,
		BaselineFrom: -1, BaselineTo: -1,
		Centre: math.NaN(), Dispersion: math.NaN(), DispersionZ: math.NaN(), Phi: math.NaN(),
		SeasonP: math.NaN(), AutocorrelationP: math.NaN(),
	}
	for i := lo; i < hi; i++ {
		col.phase[i], col.rules[i], col.sigma[i], col.runs[i] = int32(number), 0, false, false
	}
	bFrom, bTo, err := c.baseline(&p, lo, hi, o, ph)
	if err != nil {
		return err
	}
	var sigma float64 // of a value, or of a value times sqrt(n)
	centre := math.NaN()
	switch {
	case o.Overlapping || o.Kind == Line:
		p.Kind, p.Stage, p.Reason = Line, StageNone, ReasonAsked
		if o.Overlapping {
			p.Reason = ReasonOverlapping
		}
		p.BaselineFrom, p.BaselineTo, p.BaselinePoints = -1, -1, 0
	case p.BaselinePoints == 0 && ph.Centre == nil:
		p.Kind, p.Stage, p.Reason = Run, StageNone, ReasonNoPoints
	case o.Kind == Run:
		p.Kind, p.Stage, p.Reason = Run, StageRun, ReasonAsked
		centre = c.median(bFrom, bTo)
	case p.BaselinePoints < o.minPoints() && ph.Centre == nil:
		p.Kind, p.Stage, p.Reason = Run, StageRun, ReasonFewPoints
		centre = c.median(bFrom, bTo)
	default:
		p.Stage = StageProvisional
		if p.BaselinePoints >= o.baselinePoints() || ph.BaselineTo > 0 || ph.Centre != nil {
			p.Stage = StageFrozen
		}
		switch o.Measure {
		case Proportion, Rate:
			centre, sigma = c.ratioLimits(&p, bFrom, bTo, o, ph)
		case TimeBetween:
			centre, sigma = c.timeLimits(&p, bFrom, bTo, o, ph)
		case CasesBetween:
			centre, sigma = c.casesLimits(&p, bFrom, bTo, o, ph)
		case Mean, Count:
			switch o.Kind {
			case IPrime:
				centre, sigma = c.primeLimits(&p, bFrom, bTo, o, ph)
			case Xbar, S:
				centre, sigma = c.withinLimits(&p, bFrom, bTo, o, ph)
			default:
				centre, sigma = c.individualLimits(&p, bFrom, bTo, o, ph)
			}
		}
		if p.Kind == Run {
			p.Stage = StageRun
			centre = c.median(bFrom, bTo)
		}
	}
	if ph.Centre != nil && p.Kind != Line {
		centre = *ph.Centre
	}
	if p.Kind == S {
		c.unbiased(lo, hi)
	}
	c.draw(&p, lo, hi, o, centre, sigma)
	if p.Kind != Line && !math.IsNaN(centre) {
		c.serial(&p, lo, hi, max(bFrom, lo), max(bTo, lo), o.PeriodsPerYear, centre)
		c.runs(&p, lo, hi, centre)
	}
	c.scale(lo, hi)
	p.Centre = centre * c.multiplier
	c.Parts = append(c.Parts, p)
	return nil
}

// baseline finds the half-open window of the baseline and counts its points.
func (c *Charts) baseline(p *Part, lo, hi int, o *Options, ph *Phase) (from, to int, err error) {
	state := c.cols.state
	given := ph.BaselineFrom != 0 || ph.BaselineTo != 0
	if given {
		if ph.BaselineFrom < lo || ph.BaselineTo >= hi || ph.BaselineFrom > ph.BaselineTo {
			return 0, 0, fmt.Errorf("%w: series %d: baseline %d..%d is not inside its phase %d..%d", ErrOptions, p.Series, ph.BaselineFrom, ph.BaselineTo, lo, hi-1)
		}
	}
	if ph.SD != nil && ph.Centre == nil {
		return 0, 0, fmt.Errorf("%w: series %d: a given standard deviation needs a given centre line", ErrOptions, p.Series)
	}
	if (ph.Centre != nil && !(math.Abs(*ph.Centre) <= maxMagnitude)) || (ph.SD != nil && !(*ph.SD >= 0 && *ph.SD <= maxMagnitude)) {
		return 0, 0, fmt.Errorf("%w: series %d: given centre line or standard deviation is not a finite number >= 0", ErrOptions, p.Series)
	}
	want := o.baselinePoints()
	for i := lo; i < hi; i++ {
		if state[i] != StateValue {
			continue
		}
		p.Points++
		if given && (i < ph.BaselineFrom || i > ph.BaselineTo) || !given && p.BaselinePoints >= want {
			continue
		}
		if p.BaselinePoints == 0 {
			p.BaselineFrom = i
		}
		p.BaselinePoints++
		p.BaselineTo = i
	}
	return p.BaselineFrom, p.BaselineTo + 1, nil
}

func (c *Charts) median(from, to int) float64 {
	if from < 0 {
		return math.NaN()
	}
	c.work = c.work[:0]
	for i := from; i < to; i++ {
		if c.cols.state[i] == StateValue {
			c.work = append(c.work, c.cols.value[i])
		}
	}
	if len(c.work) == 0 {
		return math.NaN()
	}
	slices.Sort(c.work)
	m := len(c.work) / 2
	if len(c.work)%2 == 1 {
		return c.work[m]
	}
	return (c.work[m-1] + c.work[m]) / 2
}

// average is the mean of c.work, once without what screening drops.
func (c *Charts) average(s Screening) (mean float64, n int) {
	sum := 0.0
	for _, v := range c.work {
		sum += v
	}
	n = len(c.work)
	if n == 0 {
		return math.NaN(), 0
	}
	mean = sum / float64(n)
	if s == ScreenOnce {
		// "Not above" keeps the zeros of a constant series; the tools' strict
		// "below" keeps nothing there and loses the limits.
		sum, n = 0, 0
		for _, v := range c.work {
			if v <= d4*mean {
				sum += v
				n++
			}
		}
		mean = sum / float64(n)
	}
	return mean, n
}

func (c *Charts) individualLimits(p *Part, from, to int, o *Options, ph *Phase) (centre, sigma float64) {
	state, value, den := c.cols.state, c.cols.value, c.cols.den
	p.Kind, p.Limits, p.Reason = XmR, LimitsNormal, ReasonMean
	if o.Measure == Count {
		p.Reason = ReasonCount
	}
	if o.Kind != Auto {
		p.Reason = ReasonAsked
	}
	// The mean is taken of differences from the first value, so that the mean of
	// a constant series is that constant and limits of zero width hold it.
	var sum, first, least, most float64
	n := 0
	c.work = c.work[:0]
	for i := from; i >= 0 && i < to; i++ {
		if state[i] != StateValue {
			continue
		}
		if n == 0 {
			first = value[i]
		}
		sum += value[i] - first
		n++
		if i > from && state[i-1] == StateValue {
			c.work = append(c.work, math.Abs(value[i]-value[i-1]))
		}
		if o.Measure == Mean && den != nil && den[i] > 0 {
			if least == 0 || den[i] < least {
				least = den[i]
			}
			most = max(most, den[i])
		}
	}
	p.Uneven = most > 2*least
	centre = first + sum/float64(n)
	if ph.Centre != nil {
		centre = *ph.Centre
	}
	if o.Kind == C {
		p.Kind = C
		p.Dispersion, p.DispersionZ = c.dispersion(p, from, to, o, centre, 0)
		switch {
		case centre <= 0:
			p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonNoEvents
		case centre < 5:
			p.Limits = LimitsExact
		}
		return centre, math.Sqrt(max(centre, 0))
	}
	if ph.SD != nil {
		return centre, *ph.SD
	}
	amr, m := c.average(o.Screening)
	p.Ranges = m
	if m < fewRanges {
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonFewRanges
		return centre, 0
	}
	return centre, amr / d2
}

func (c *Charts) ratioLimits(p *Part, from, to int, o *Options, ph *Phase) (centre, sigma float64) {
	state, num, den := c.cols.state, c.cols.num, c.cols.den
	proportion := o.Measure == Proportion
	plain, prime := U, UPrime
	if proportion {
		plain, prime = P, PPrime
	}
	var events, total float64
	whole := true
	for i := from; i >= 0 && i < to; i++ {
		if state[i] == StateValue {
			events += num[i]
			total += den[i]
			whole = whole && num[i] == math.Floor(num[i]) && (!proportion || den[i] == math.Floor(den[i]))
		}
	}
	centre = events / total
	if ph.Centre != nil {
		centre = *ph.Centre
	}
	variance := centre
	if proportion {
		variance = centre * (1 - centre)
	}
	if !(variance > 0) {
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonNoEvents
		return centre, 0
	}
	unit := math.Sqrt(variance)
	p.Dispersion, p.DispersionZ = c.dispersion(p, from, to, o, centre, unit)
	if ph.SD != nil {
		p.Kind, p.Limits, p.Reason = prime, LimitsNormal, ReasonAsked
		p.Dispersion = *ph.SD
		return centre, unit * *ph.SD
	}
	sparse := 0
	for i := from; i >= 0 && i < to; i++ {
		if state[i] == StateValue && (den[i]*centre < 5 || (proportion && den[i]*(1-centre) < 5)) {
			sparse++
		}
	}
	isSparse := whole && 5*sparse > p.BaselinePoints
	over := p.DispersionZ > dispersionCut && p.Dispersion > 0
	under := p.DispersionZ < -dispersionCut && p.Dispersion > 0
	p.Limits = LimitsNormal
	switch {
	case o.Kind == prime && p.Dispersion > 0:
		p.Kind, p.Reason = prime, ReasonAsked
	case o.Kind == plain:
		p.Kind, p.Reason = plain, ReasonAsked
		if isSparse {
			p.Limits = LimitsExact
		}
	case over && isSparse && p.Dispersion > 1:
		// Small counts that vary more than chance: Laney's limits would be normal
		// ones where nothing is normal.
		p.Kind, p.Limits, p.Reason = prime, LimitsExact, ReasonSparseOver
		average := total / float64(p.BaselinePoints)
		p.Overdispersion = (p.Dispersion*p.Dispersion - 1) / (average * centre)
		if proportion {
			p.Overdispersion = min((p.Dispersion*p.Dispersion-1)/max(average-1, 1), 0.999)
		}
		return centre, unit
	case over:
		p.Kind, p.Reason = prime, ReasonOver
	case isSparse:
		p.Kind, p.Limits, p.Reason = plain, LimitsExact, ReasonSparse
	case under:
		p.Kind, p.Reason = prime, ReasonUnder
	default:
		p.Kind, p.Reason = plain, ReasonPlain
	}
	if p.Kind == prime {
		return centre, unit * p.Dispersion
	}
	return centre, unit
}

// dispersion gives sigma_z (Laney 2002) of the baseline and the standard normal
// deviate of a test of its dispersion.
//
// The test statistic is X² = sum of z², which is homogeneous-binomial (Poisson)
// chi-square with k-1 degrees of freedom where counts are large. Where they are
// small its variance is not 2(k-1); it is matched with the variance given the
// total of events (after Haldane 1940), as a scaled chi-square, and turned into
// a normal deviate by the cube root (Wilson & Hilferty 1931): within 0.001 of
// the exact probability for the 11 degrees of freedom and more that occur here.
//
// X² answers whether plain limits would be honest; sigma_z, from moving ranges,
// is the factor they need and is not inflated by a shift inside the baseline.
func (c *Charts) dispersion(p *Part, from, to int, o *Options, centre, unit float64) (sigmaZ, z float64) {
	state, value, den := c.cols.state, c.cols.value, c.cols.den
	counts := o.Measure == Count
	if counts {
		unit = math.Sqrt(centre)
	}
	c.work = c.work[:0]
	var x2, inverse, total, last float64
	k := 0
	for i := from; i >= 0 && i < to; i++ {
		if state[i] != StateValue {
			continue
		}
		n := 1.0
		if !counts {
			n = den[i]
		}
		zi := (value[i] - centre) * math.Sqrt(n) / unit
		if i > from && state[i-1] == StateValue {
			c.work = append(c.work, math.Abs(zi-last))
		}
		last = zi
		x2 += zi * zi
		inverse += 1 / n
		total += n
		k++
	}
	amr, ranges := c.average(o.Screening)
	p.Ranges = ranges
	sigmaZ = amr / d2
	fk := float64(k)
	if ranges < fewRanges {
		// Gaps have eaten the moving ranges; the standard deviation of z remains.
		p.Ranges = 0
		sigmaZ = math.Sqrt(x2 / (fk - 1))
	}
	if k < 3 || !(unit > 0) {
		return sigmaZ, math.NaN()
	}
	p.Phi = x2 / (fk - 1)
	v := unit * unit
	mean := fk - 1
	variance := 2 * (fk - 1) * (1 - 1/(total*centre))
	if o.Measure == Proportion {
		variance = 2*(fk-1)*(1-1/total) + (1-6*v)/v*inverse - fk*fk*(1-2*centre)*(1-2*centre)/(total*v)
	} else {
		variance += inverse/centre - fk*fk/(total*centre)
	}
	if !(variance > 1e-6*mean) {
		// Denominators of 1 and the like: X² is constant and tests nothing.
		return sigmaZ, math.NaN()
	}
	df := 2 * mean * mean / variance
	h := 2 / (9 * df)
	return sigmaZ, (math.Cbrt(x2/mean) - (1 - h)) / math.Sqrt(h)
}

// draw fills centre, limits and standard deviations, unmultiplied and unclipped
// while it compares, and marks points beyond the limits.
func (c *Charts) draw(p *Part, lo, hi int, o *Options, centre, sigma float64) {
	col := &c.cols
	nan := math.NaN()
	floor, ceiling := math.Inf(-1), math.Inf(1)
	if o.Measure != Mean || o.NonNegative {
		floor = 0
	}
	if o.Measure == Proportion {
		ceiling = 1
	}
	state, value := col.state[lo:hi], col.value[lo:hi]
	n := len(state)
	centreCol, lcl, ucl, sd := col.centre[lo:hi][:n], col.lcl[lo:hi][:n], col.ucl[lo:hi][:n], col.sd[lo:hi][:n]
	value = value[:n]
	switch {
	case p.Limits == LimitsNone:
		for i := range n {
			centreCol[i], lcl[i], ucl[i], sd[i] = centre, nan, nan, nan
		}
	case p.Kind == T || p.Kind == G || p.Kind == S:
		c.drawOwn(p, lo, hi, centre, sigma)
	case p.Limits == LimitsExact:
		c.drawExact(p, lo, hi, o, centre, sigma)
	case p.Kind == XmR || p.Kind == C:
		low, high := centre-3*sigma, centre+3*sigma
		drawnLow, drawnHigh := max(low, floor), min(high, ceiling)
		for i := range n {
			centreCol[i], lcl[i], ucl[i], sd[i] = centre, drawnLow, drawnHigh, sigma
			if v := value[i]; (v > high || v < low) && state[i] == StateValue {
				c.beyond(p, lo+i, v, low, high)
			}
		}
	default:
		den := col.den[lo:hi][:n]
		for i := range n {
			if !state[i].Drawn() {
				centreCol[i], lcl[i], ucl[i], sd[i] = centre, nan, nan, nan
				continue
			}
			s := sigma / math.Sqrt(den[i])
			low, high := centre-3*s, centre+3*s
			centreCol[i], lcl[i], ucl[i], sd[i] = centre, max(low, floor), min(high, ceiling), s
			if v := value[i]; (v > high || v < low) && state[i] == StateValue {
				c.beyond(p, lo+i, v, low, high)
			}
		}
	}
}

func (c *Charts) drawExact(p *Part, lo, hi int, o *Options, centre, sigma float64) {
	col := &c.cols
	nan := math.NaN()
	lastN, low, high, sd := math.NaN(), 0.0, 0.0, 0.0
	for i := lo; i < hi; i++ {
		st := col.state[i]
		n := 1.0
		if p.Kind != C {
			if !st.Drawn() {
				col.centre[i], col.lcl[i], col.ucl[i], col.sd[i] = centre, nan, nan, nan
				continue
			}
			n = col.den[i]
		}
		if n != lastN {
			low, high = exactLimits(o.Measure, n, centre, sigma)
			sd = sigma / math.Sqrt(n)
			if p.Overdispersion > 0 {
				low, high, sd = dispersedLimits(o.Measure, n, centre, sd, p.Overdispersion)
			}
			lastN = n
		}
		col.centre[i], col.lcl[i], col.ucl[i], col.sd[i] = centre, low, high, sd
		if v := col.value[i]; st == StateValue && (v > high || v < low) {
			c.beyond(p, i, v, low, high)
		}
	}
}

// exactLimits are outward-rounded: beyond each lies at most the probability that
// a normal deviate has beyond 3.
func exactLimits(m Measure, n, centre, sigma float64) (low, high float64) {
	const large = 1e7 // from here normal and exact limits do not differ visibly
	mu := n * centre
	if mu > large || (m == Proportion && (n != math.Floor(n) || n > large)) {
		s := sigma / math.Sqrt(n)
		low, high = max(centre-3*s, 0), centre+3*s
		if m == Proportion {
			high = min(high, 1)
		}
		return low, high
	}
	if m == Proportion {
		return float64(BinomialQuantile(exactTail, int(n), centre)) / n, float64(BinomialQuantile(1-exactTail, int(n), centre)) / n
	}
	return float64(PoissonQuantile(exactTail, mu)) / n, float64(PoissonQuantile(1-exactTail, mu)) / n
}

// dispersedLimits are outward-rounded quantiles of the beta-binomial with
// correlation rho (proportions), or the negative binomial with shape 1/rho
// (rates), and the standard deviation of a value.
func dispersedLimits(m Measure, n, centre, plain, rho float64) (low, high, sd float64) {
	if m == Proportion {
		sd = plain * math.Sqrt(1+(n-1)*rho)
	} else {
		sd = plain * math.Sqrt(1+n*centre*rho)
	}
	if mu := n * min(centre, 1-centre); mu > 1e4 || (m == Rate && n*centre > 1e4) || (m == Proportion && n != math.Floor(n)) {
		low, high = max(centre-3*sd, 0), centre+3*sd
		if m == Proportion {
			high = min(high, 1)
		}
		return low, high, sd
	}
	// Sums run up from no events, or from nothing but events where these are the
	// rarer.
	p, mirrored := centre, m == Proportion && centre > 0.5
	if mirrored {
		p = 1 - centre
	}
	var term float64
	var next func(k float64) float64 // ratio of the mass at k+1 to that at k
	if m == Proportion {
		w := 1/rho - 1
		a, b := p*w, (1-p)*w
		g := func(x float64) float64 { v, _ := math.Lgamma(x); return v }
		term = math.Exp(g(n+b) - g(b) + g(w) - g(n+w))
		next = func(k float64) float64 { return (n - k) * (k + a) / ((k + 1) * (n - k - 1 + b)) }
	} else {
		shape, mu := 1/rho, n*p
		term = math.Exp(-shape * math.Log1p(mu/shape))
		next = func(k float64) float64 { return (k + shape) / (k + 1) * mu / (mu + shape) }
	}
	f, lowSet := term, false
	for k := 0.0; ; k++ {
		if !lowSet && f >= exactTail*fuzz {
			low, lowSet = k, true
		}
		if f >= (1-exactTail)*fuzz || (m == Proportion && k >= n) || k > 1e7 {
			high = k
			break
		}
		term *= next(k)
		f += term
	}
	if mirrored {
		low, high = n-high, n-low
	}
	return low / n, high / n, sd
}

func (c *Charts) beyond(p *Part, i int, v, low, high float64) {
	p.SigmaSignals++
	c.cols.sigma[i] = true
	c.cols.rules[i] = c.cols.rules[i].With(RuleSigma)
	sig := Signal{Series: p.Series, Phase: p.Phase, Rule: RuleSigma, From: i, To: i, Points: 1, Observed: v * c.multiplier}
	if v > high {
		sig.Direction, sig.Limit = 1, high*c.multiplier
	} else {
		sig.Direction, sig.Limit = -1, low*c.multiplier
	}
	c.Signals = append(c.Signals, sig)
}

func (c *Charts) scale(lo, hi int) {
	m := c.multiplier
	if m == 1 {
		return
	}
	col := &c.cols
	for i := lo; i < hi; i++ {
		col.value[i] *= m
		col.centre[i] *= m
		col.lcl[i] *= m
		col.ucl[i] *= m
		col.sd[i] *= m
	}
}

// runs applies the Anhøj rules (Anhøj & Olesen 2014) to the values of a part:
// values exactly on the centre line are of no use and passed over, as is every
// point in another state.
func (c *Charts) runs(p *Part, lo, hi int, centre float64) {
	state, value := c.cols.state[lo:hi], c.cols.value[lo:hi]
	useful, crossings, longest, run := 0, 0, 0, 0
	above := false
	for i, v := range value[:len(state)] {
		if state[i] != StateValue || v == centre {
			continue
		}
		side := v > centre
		useful++
		if side != above && useful > 1 {
			crossings++
			run = 0
		}
		above = side
		run++
		longest = max(longest, run)
	}
	if useful == 0 {
		return
	}
	p.Useful, p.Crossings, p.LongestRun = useful, crossings, longest
	p.LongestRunMax, p.CrossingsMin = LongestRunLimit(useful), c.fewestCrossings(useful)
	tooLong, tooFew := longest > p.LongestRunMax, crossings < p.CrossingsMin
	if (!tooLong && !tooFew) || p.RunsOff {
		return
	}
	p.RunsSignal = true
	for i := range state {
		c.cols.runs[lo+i] = state[i] == StateValue
	}
	if tooLong {
		c.longRuns(p, lo, hi, centre)
	}
	if tooFew {
		first, last := -1, -1
		for i, v := range value {
			if state[i] == StateValue && v != centre {
				c.cols.rules[lo+i] = c.cols.rules[lo+i].With(RuleFewCrossings)
				if first < 0 {
					first = lo + i
				}
				last = lo + i
			}
		}
		c.Signals = append(c.Signals, Signal{
			Series: p.Series, Phase: p.Phase, Rule: RuleFewCrossings, From: first, To: last, Points: useful,
			Observed: float64(crossings), Limit: float64(p.CrossingsMin),
		})
	}
}

// longRuns records every run that is too long, not only the longest.
func (c *Charts) longRuns(p *Part, lo, hi int, centre float64) {
	first, last, run := 0, 0, 0
	var side int8
	flush := func() {
		if run <= p.LongestRunMax {
			return
		}
		for i := first; i <= last; i++ {
			if c.cols.state[i] == StateValue && c.cols.value[i] != centre {
				c.cols.rules[i] = c.cols.rules[i].With(RuleLongRun)
			}
		}
		c.Signals = append(c.Signals, Signal{
			Series: p.Series, Phase: p.Phase, Rule: RuleLongRun, From: first, To: last, Points: run, Direction: side,
			Observed: float64(run), Limit: float64(p.LongestRunMax),
		})
	}
	for i := lo; i < hi; i++ {
		v := c.cols.value[i]
		if c.cols.state[i] != StateValue || v == centre {
			continue
		}
		s := int8(1)
		if v < centre {
			s = -1
		}
		if s != side {
			flush()
			first, run, side = i, 0, s
		}
		run++
		last = i
	}
	flush()
}

// fewestCrossings is FewestCrossings from a table that grows with the longest
// series seen: the quantile costs more than the chart of a short series.
func (c *Charts) fewestCrossings(n int) int {
	const tabled = 4096
	if n >= tabled {
		return FewestCrossings(n)
	}
	for len(c.crossings) <= n {
		c.crossings = append(c.crossings, int32(FewestCrossings(len(c.crossings))))
	}
	return int(c.crossings[n])
}
