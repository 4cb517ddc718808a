package spc

import (
	"fmt"
	"math"
	"slices"
)

// maxMagnitude bounds what is charted: squares and sums of such values stay
// finite.
const maxMagnitude = 1e150

// Charts holds many charted series as long columns, series after series in the
// order and with the indices of the input, and the memory to do so again without
// allocating. The zero Charts is ready. Not for concurrent use.
type Charts struct {
	State []State
	// Excluded is empty where no plan excludes a point.
	Excluded                    []bool
	Value, Centre, LCL, UCL, SD []float64
	SigmaSignal, RunsSignal     []bool
	Rules                       []RuleSet
	Phase                       []int32
	// Parts and Signals of all series, ordered by series.
	Parts   []Part
	Signals []Signal

	starts, partStarts, signalStarts []int
	multiplier                       float64
	options                          Options
	work                             []float64
	crossings                        []int32 // FewestCrossings of n, by n
	shapes                           []rangeShape
	season                           seasonScratch
	cols                             columns
	// What Update builds into, and puts parts and signals together in.
	spare        *Charts
	spareParts   []Part
	spareSignals []Signal
	spareStarts  []int
	spareChanged []int
}

// columns are the input and output columns of one series, cut to one length.
type columns struct {
	num, den, val, within       []float64
	byRange                     bool // within holds ranges, not standard deviations
	state                       []State
	value, centre, lcl, ucl, sd []float64
	sigma, runs, excluded       []bool
	rules                       []RuleSet
	phase                       []int32
}

// Len is the number of series of the last Batch.
func (c *Charts) Len() int { return max(len(c.starts)-1, 0) }

// At gives the chart of series k. It shares memory with c and is overwritten by
// the next Batch into c.
func (c *Charts) At(k int) Chart {
	lo, hi := c.starts[k], c.starts[k+1]
	var excluded []bool
	if len(c.Excluded) > 0 {
		excluded = c.Excluded[lo:hi:hi]
	}
	return Chart{
		Excluded: excluded,
		State:    c.State[lo:hi:hi], Value: c.Value[lo:hi:hi], Centre: c.Centre[lo:hi:hi],
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
// any partition of them into calls gives the same numbers. Missing values, which
// their states tell, are as for Choose.
//
// Errors wrap ErrOptions or ErrSeries; after an error dst holds nothing usable.
func Batch(dst *Charts, s Series, starts []int, o Options, plans []Plan) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if err := checkShape(s, starts, o, plans); err != nil {
		return err
	}
	dst.reset(s.Len(), starts, &o, plans)
	for k := 0; k+1 < len(starts); k++ {
		if err := dst.compute(k, k, starts[k], s, &o, plans); err != nil {
			return err
		}
	}
	dst.close()
	return nil
}

// compute charts series k, whose points begin at from, into a place of its length.
func (c *Charts) compute(place, k, from int, s Series, o *Options, plans []Plan) error {
	c.cut(s, o, from, c.starts[place], c.starts[place+1])
	c.partStarts[place], c.signalStarts[place] = len(c.Parts), len(c.Signals)
	var plan Plan
	if plans != nil {
		plan = plans[k]
	}
	return c.series(k, o, plan)
}

func (c *Charts) close() {
	last := len(c.starts) - 1
	c.partStarts[last], c.signalStarts[last] = len(c.Parts), len(c.Signals)
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
	sized := o.Kind.sized()
	needDen := o.Measure == Proportion || o.Measure == Rate || (o.Measure == Mean && s.Value == nil) || sized
	for _, err := range []error{
		column("Num", s.Num, needNum), column("Den", s.Den, needDen), column("Value", s.Value, between),
		column("SD", s.SD, o.Kind == S || o.Kind == Xbar && s.Range == nil), column("Range", s.Range, o.Kind == R),
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

func (c *Charts) reset(n int, starts []int, o *Options, plans []Plan) {
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
	c.multiplier, c.options = o.multiplier(), *o
	c.Excluded = c.Excluded[:0]
	if slices.ContainsFunc(plans, func(p Plan) bool { return len(p.Exclude) > 0 }) {
		c.Excluded = slices.Grow(c.Excluded, n)[:n]
		clear(c.Excluded)
	}
}

func (c *Charts) cut(s Series, o *Options, from, lo, hi int) {
	s = s.Slice(from, from+hi-lo)
	within, byRange := s.SD, o.Kind == R || s.SD == nil
	if byRange {
		within = s.Range
	}
	c.cols = columns{
		num: s.Num, den: s.Den, val: s.Value, within: within, byRange: byRange, state: c.State[lo:hi],
		value: c.Value[lo:hi], centre: c.Centre[lo:hi], lcl: c.LCL[lo:hi], ucl: c.UCL[lo:hi], sd: c.SD[lo:hi],
		sigma: c.SigmaSignal[lo:hi], runs: c.RunsSignal[lo:hi], rules: c.Rules[lo:hi], phase: c.Phase[lo:hi],
	}
	if len(c.Excluded) > 0 {
		c.cols.excluded = c.Excluded[lo:hi]
	}
	copy(c.cols.state, s.States)
}

func (c *Charts) series(k int, o *Options, plan Plan) error {
	n := len(c.cols.state)
	if err := c.values(k, o); err != nil {
		return err
	}
	if err := c.exclude(k, plan.Exclude); err != nil {
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
	for _, i := range plan.Exclude {
		if c.cols.excluded[i] && c.cols.state[i] == StatePreliminary {
			c.cols.state[i] = StateValue
		}
	}
	return nil
}

// exclude hides values from all that looks at states, as preliminary points are
// hidden, until series gives them their state back.
func (c *Charts) exclude(k int, points []int) error {
	for _, i := range points {
		if i < 0 || i >= len(c.cols.state) {
			return fmt.Errorf("%w: series %d: excluded point %d is not among its %d points", ErrOptions, k, i, len(c.cols.state))
		}
		if c.cols.state[i] == StateValue {
			c.cols.state[i], c.cols.excluded[i] = StatePreliminary, true
		}
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
	counts, sized := ratio && o.Measure != Mean, o.Kind.sized()
	for i, st := range col.state {
		if counts && st == StateValue {
			// Nearly all points are this: as many of so many.
			num, den := col.num[i], col.den[i]
			most := den
			if o.Measure == Rate {
				most = maxMagnitude
			}
			if v := num / den; num >= 0 && num <= most && den > 0 && den <= maxMagnitude && v <= maxMagnitude {
				value[i] = v
				continue
			}
		}
		if !st.Drawn() {
			if !st.Valid() {
				return fmt.Errorf("%w: %w", &PointError{Series: k, Point: i, What: st.String() + " is no state; give one of the eight"}, ErrState)
			}
			value[i] = nan
			continue
		}
		if o.Measure == Mean && col.den != nil && col.den[i] == 0 && !(ratio && col.num[i] != 0) {
			col.state[i], value[i] = StateNoEligible, nan
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
			if sized {
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
		if !(den > 0 && den <= maxMagnitude) || !(math.Abs(num) <= maxMagnitude) || !(math.Abs(num/den) <= maxMagnitude) {
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
		if sized {
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
		SeasonP: math.NaN(), AutocorrelationP: math.NaN(), CentreSE: math.NaN(), SpreadSE: math.NaN(),
		NonNegative: o.Measure != Mean || o.NonNegative || o.Kind == S || o.Kind == R || o.Kind == MR,
	}
	signals := len(c.Signals)
	if o.Kind == MR {
		c.moving(lo, hi)
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
		if ph.Centre != nil || !ph.BaselineOpen && (p.BaselinePoints >= o.baselinePoints() || ph.BaselineTo > 0) {
			p.Stage = StageFrozen
		}
		switch o.Measure {
		case Proportion, Rate:
			centre, sigma = c.ratioLimits(&p, bFrom, bTo, o, ph)
		case TimeBetween:
			centre, sigma = c.timeLimits(&p, bFrom, bTo, o, ph)
		case CasesBetween:
			centre, sigma = c.casesLimits(&p, bFrom, bTo, ph)
		case Mean, Count:
			switch o.Kind {
			case IPrime:
				centre, sigma = c.primeLimits(&p, bFrom, bTo, o, ph)
			case Xbar, S, R:
				centre, sigma = c.withinLimits(&p, bFrom, bTo, o, ph)
			case MR:
				centre, sigma = c.movingLimits(&p, bFrom, bTo, o, ph)
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
	if p.Kind == S || p.Kind == R {
		c.unbiased(lo, hi)
	}
	c.draw(&p, lo, hi, o, centre, sigma)
	if p.Kind != Line && !math.IsNaN(centre) {
		if o.Kind == MR {
			p.RunsOff = true
		} else {
			c.serial(&p, lo, hi, max(bFrom, lo), max(bTo, lo), o.PeriodsPerYear, centre)
		}
		c.runs(&p, lo, hi, centre)
	}
	if ph.Centre != nil && !math.IsNaN(p.CentreSE) {
		p.CentreSE = 0
	}
	if ph.SD != nil && !math.IsNaN(p.SpreadSE) {
		p.SpreadSE = 0
	}
	if o.Kind == NP {
		c.inCounts(&p, lo, hi, signals)
	}
	c.scale(lo, hi)
	p.Centre, p.CentreSE = centre*c.multiplier, p.CentreSE*c.multiplier
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
