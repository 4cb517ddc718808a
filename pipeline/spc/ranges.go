package spc

import (
	"math"
	"slices"
)

// A moving range of independent normal values is half normal with scale
// sqrt(2) sigma: its upper quantile at 3 sigma, and its standard deviation, in
// sigma. The usual D4 (3.69 sigma) is passed by 0.9 % of ranges.
const (
	movingHigh = 4.532773558217872  // sqrt(2) times the 1 - 0.00135/2 point
	movingSD   = 0.8525024664274214 // sqrt(2 - 4/pi)
)

// moving replaces the values of a part by the distance to the value before. A
// point without a predecessor in the part that can be drawn has none: it does not
// apply. A range enters only where both its values do.
func (c *Charts) moving(lo, hi int) {
	state, value := c.cols.state, c.cols.value
	for i := hi - 1; i >= lo; i-- {
		switch {
		case !state[i].Drawn():
		case i == lo || !state[i-1].Drawn():
			state[i], value[i] = StateNotApplicable, math.NaN()
		default:
			value[i] = math.Abs(value[i] - value[i-1])
			if state[i] == StateValue {
				state[i] = state[i-1]
			}
		}
	}
}

// movingLimits are those of moving ranges: the mean range, and the sigma of a
// value that it gives.
func (c *Charts) movingLimits(p *Part, from, to int, o *Options, ph *Phase) (centre, sigma float64) {
	p.Kind, p.Limits, p.Reason = MR, LimitsExact, ReasonAsked
	c.work = c.work[:0]
	for i := from; i >= 0 && i < to; i++ {
		if c.cols.state[i] == StateValue {
			c.work = append(c.work, c.cols.value[i])
		}
	}
	centre, p.Ranges = c.average(o.Screening)
	switch {
	case ph.Centre != nil && ph.SD != nil:
		return *ph.Centre, *ph.SD
	case ph.SD != nil:
		return *ph.SD * d2, *ph.SD
	case ph.Centre != nil:
		centre = *ph.Centre
	case p.Ranges < fewRanges:
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonFewRanges
		return centre, 0
	}
	return centre, centre / d2
}

// inCounts turns a part of proportions, signals from the given one on included,
// into counts. Where nothing is drawn the denominator, and so the line, is
// unknown.
func (c *Charts) inCounts(p *Part, lo, hi, signals int) {
	col := &c.cols
	if p.Kind == P {
		p.Kind = NP
	}
	for i := lo; i < hi; i++ {
		n := math.NaN()
		if col.state[i].Drawn() {
			n = col.den[i]
		}
		col.value[i] *= n
		col.centre[i] *= n
		col.lcl[i] *= n
		col.ucl[i] *= n
		col.sd[i] *= n
	}
	for i := signals; i < len(c.Signals); i++ {
		if s := &c.Signals[i]; s.Rule == RuleSigma {
			s.Observed *= col.den[s.From]
			s.Limit *= col.den[s.From]
		}
	}
}

// sized says that charts of this kind read the number of cases of a mean.
func (k Kind) sized() bool { return k == IPrime || k == Xbar || k == S || k == R }

// mostRanged is the largest size whose range is charted: beyond it a range says
// little, and a standard deviation is to be had.
const mostRanged = 100

// rangeShape is the distribution of the range of n standard normal values: its
// mean d2, standard deviation d3, and quantiles at the probabilities of 3 sigma.
type rangeShape struct{ mean, sd, low, high float64 }

// rangeOf remembers shapes by n.
func (c *Charts) rangeOf(n float64) rangeShape {
	if len(c.shapes) == 0 {
		c.shapes = make([]rangeShape, mostRanged+1)
	}
	s := &c.shapes[int(n)]
	if s.mean == 0 {
		*s = newRangeShape(int(n))
	}
	return *s
}

// newRangeShape integrates the distribution of the range (Tippett 1925) by the
// trapezoidal rule, which is exact to rounding for integrands that vanish at both
// ends.
func newRangeShape(n int) (s rangeShape) {
	const h, reach = 1.0 / 16, 9.0
	const nodes = int(2*reach/h) + 1
	phi, density := make([]float64, nodes), make([]float64, nodes)
	for i := range phi {
		x := float64(i)*h - reach
		phi[i] = math.Erfc(-x/math.Sqrt2) / 2
		density[i] = math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
		s.mean += h * (1 - math.Pow(phi[i], float64(n)) - math.Pow(1-phi[i], float64(n)))
	}
	// P(W <= w) for w a whole number of steps; E W² = 2 ∫ w P(W > w) dw, with the
	// end correction of a slope of 1 at 0.
	square := h * h / 12
	for k := 1; k < nodes; k++ {
		cdf := 0.0
		for i, f := range density {
			top := 1.0
			if i+k < nodes {
				top = phi[i+k]
			}
			cdf += h * float64(n) * f * math.Pow(top-phi[i], float64(n-1))
		}
		square += h * float64(k) * h * max(1-cdf, 0)
	}
	s.sd = math.Sqrt(2*square - s.mean*s.mean)
	within := func(w float64) float64 {
		total := 0.0
		for i, f := range density {
			x := float64(i)*h - reach
			total += h * float64(n) * f * math.Pow(math.Erfc(-(x+w)/math.Sqrt2)/2-phi[i], float64(n-1))
		}
		return total
	}
	s.low = bisect(0, 2*reach, func(w float64) float64 { return exactTail - within(w) })
	s.high = bisect(0, 2*reach, func(w float64) float64 { return 1 - exactTail - within(w) })
	return s
}

// rangeSpread is the standard error of sigma from m moving ranges of successive
// values, as a share of sigma (Cryer & Ryan 1990).
func rangeSpread(m int) float64 {
	n := float64(m)
	return math.Sqrt(n*rangeVariance+2*(n-1)*rangeCovariance) / n
}

// Variance, and covariance of neighbours, of |differences| over their squared mean.
const (
	rangeVariance   = 0.5707963267948966  // pi/2 - 1
	rangeCovariance = 0.12782479156358820 // sqrt(3)/2 + pi/12 - 1
)

// LimitSE is the standard error of the two limits of point i that estimation from
// the baseline leaves, multiplied (by the delta method; of moving ranges after
// Cryer & Ryan 1990): that of the centre line, with which the limits of counts
// widen or narrow, and of three standard deviations, taken as independent. Limits
// that are rounded to whole counts share it. NaN where there are no limits, or
// where they are not multiples of a standard deviation (T, G, S, R, MR).
func (c Chart) LimitSE(i int) (lower, upper float64) {
	p := c.part(i)
	if p.Limits == LimitsNone {
		return math.NaN(), math.NaN()
	}
	size := 1.0
	if p.Kind == NP {
		size = c.Centre[i] / p.Centre
	}
	sd, centre := c.SD[i]/size, p.Centre/c.multiplier
	var slope float64 // of the logarithm of the standard deviation
	switch p.Kind {
	case P, PPrime, NP:
		slope = (1 - 2*centre) / (2 * centre * (1 - centre))
	case U, UPrime, C:
		slope = 1 / (2 * centre)
	}
	slope *= 3 * sd / c.multiplier
	spread := 3 * sd * p.SpreadSE
	return size * math.Hypot(p.CentreSE*(1-slope), spread), size * math.Hypot(p.CentreSE*(1+slope), spread)
}

// Members are the points that make a signal's pattern: of a run or trend all that
// enter and count, of a window those beyond its zone. nil for a signal of another
// chart.
func (c Chart) Members(s Signal) []int {
	if s.From < 0 || s.From >= len(c.Value) {
		return nil
	}
	part := c.part(s.From)
	var out []int
	for i := max(s.From, 0); i <= s.To && i < len(c.Value); i++ {
		if !c.enters(i) {
			continue
		}
		z := c.Value[i] - c.Centre[i]
		if s.Zone > 0 {
			z = c.distance(i, &part)
		}
		switch s.Rule {
		case RuleLongRun, RuleFewCrossings, RuleSixSide, RuleSevenSide, RuleEight, RuleNine:
			if z == 0 {
				continue
			}
		case RuleTwoOfThree, RuleFourOfFive, RuleTwoOfThreeClose, RuleTwoOfThreeAny, RuleTwoOfThreeInner:
			if z*float64(s.Direction) <= s.Zone || s.Rule == RuleTwoOfThreeInner && math.Abs(z) > 3 {
				continue
			}
		case RuleSevenTrend:
			if len(out) > 0 && c.Value[i] == c.Value[out[len(out)-1]] {
				continue
			}
		}
		out = append(out, i)
	}
	return out
}

// enters says whether point i entered centre line, limits and signals.
func (c *Chart) enters(i int) bool {
	return c.State[i].Enters() && (c.Excluded == nil || !c.Excluded[i])
}

// distance is that of point i from its centre line in its own standard deviation,
// of times between events on the scale on which they are nearly normal; NaN where
// there is none.
func (c *Chart) distance(i int, p *Part) float64 {
	diff := c.Value[i] - c.Centre[i]
	if diff == 0 {
		return 0
	}
	if p.Kind == T {
		root := func(v float64) float64 { return math.Pow(v/c.multiplier, 1/timePower) }
		centre := root(c.Centre[i])
		return (root(c.Value[i]) - centre) / ((root(c.UCL[i]) - centre) / 3)
	}
	return diff / c.SD[i]
}

// median of values in any order, which it sorts; NaN of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	m := len(v) / 2
	if len(v)%2 == 1 {
		return v[m]
	}
	return (v[m-1] + v[m]) / 2
}
