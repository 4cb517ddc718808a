package spc

import "math"

// timePower makes exponential times between events nearly normal (Nelson 1994).
const timePower = 3.6

// timeLimits are those of a t chart on the transformed scale: centre (given back
// on the scale of the times) and the sigma of transformed times. A time of 0, two
// events at once, transforms to 0; the tools stop there.
func (c *Charts) timeLimits(p *Part, from, to int, o *Options, ph *Phase) (centre, sigma float64) {
	p.Kind, p.Limits, p.Reason = T, LimitsNormal, ReasonRare
	state, value := c.cols.state, c.cols.value
	var sum, last float64
	n := 0
	c.work = c.work[:0]
	for i := from; i >= 0 && i < to; i++ {
		if state[i] != StateValue {
			continue
		}
		z := math.Pow(value[i], 1/timePower)
		if i > from && state[i-1] == StateValue {
			c.work = append(c.work, math.Abs(z-last))
		}
		sum += z
		last = z
		n++
	}
	centre = math.Pow(sum/float64(n), timePower)
	if ph.Centre != nil {
		centre = *ph.Centre
	}
	amr, m := c.average(o.Screening)
	p.Ranges = m
	switch {
	case ph.SD != nil:
		return centre, *ph.SD
	case m < fewRanges:
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonFewRanges
		return centre, 0
	}
	return centre, amr / d2
}

// casesLimits are those of a g chart: the line is the median, for the runs; the
// mean that the limits need is given back as sigma.
func (c *Charts) casesLimits(p *Part, from, to int, ph *Phase) (centre, mean float64) {
	p.Kind, p.Limits, p.Reason = G, LimitsExact, ReasonRare
	n := 0
	for i := from; i >= 0 && i < to; i++ {
		if c.cols.state[i] == StateValue {
			mean += c.cols.value[i]
			n++
		}
	}
	mean /= float64(n)
	centre = c.median(from, to)
	if ph.Centre != nil {
		mean, centre = *ph.Centre, *ph.Centre
	}
	if !(mean > 0) {
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonNoEvents
	}
	return centre, mean
}

// geometricQuantile is the smallest k with P(X <= k) >= q for the number of cases
// before an event, with mean m.
func geometricQuantile(q, m float64) float64 {
	// P(X > k) = (m/(1+m))^(k+1).
	k := math.Ceil(math.Log1p(-q)/math.Log(m/(1+m))-1e-9) - 1
	return max(k, 0)
}

// drawOwn draws charts whose limits are not multiples of a standard deviation.
func (c *Charts) drawOwn(p *Part, lo, hi int, centre, sigma float64) {
	col := &c.cols
	var low, high float64
	sd := math.NaN()
	switch p.Kind {
	case T:
		z := math.Pow(centre, 1/timePower)
		low, high = math.Pow(max(z-3*sigma, 0), timePower), math.Pow(max(z+3*sigma, 0), timePower)
	case G:
		low, high = geometricQuantile(exactTail, sigma), geometricQuantile(1-exactTail, sigma)
		sd = math.Sqrt(sigma * (sigma + 1))
	case MR:
		low, high, sd = 0, movingHigh*sigma, movingSD*sigma
	}
	lastN := math.NaN()
	for i := lo; i < hi; i++ {
		st := col.state[i]
		if p.Kind == S || p.Kind == R {
			if !st.Drawn() {
				col.centre[i], col.lcl[i], col.ucl[i], col.sd[i] = centre, math.NaN(), math.NaN(), math.NaN()
				continue
			}
			if n := col.den[i]; n != lastN {
				lastN = n
				if p.Kind == R {
					shape := c.rangeOf(n)
					low, high, sd = sigma*shape.low/shape.mean, sigma*shape.high/shape.mean, sigma*shape.sd/shape.mean
				} else {
					low, high, sd = deviationLimits(n, sigma)
				}
			}
		}
		col.centre[i], col.lcl[i], col.ucl[i], col.sd[i] = centre, low, high, sd
		if v := col.value[i]; st == StateValue && (v > high || v < low) {
			c.beyond(p, i, v, low, high)
		}
	}
}

// sized says what is wrong with the size or the deviation of a drawn point.
func (c *Charts) sized(i int, k Kind) string {
	n := c.cols.den[i]
	if !(n > 0 && n <= maxMagnitude) {
		return "the number of cases of a mean must be above 0; give the point another state"
	}
	if k == IPrime {
		return ""
	}
	if c.cols.byRange {
		if r := c.cols.within[i]; !(n >= 2 && n <= mostRanged && n == math.Floor(n) && r >= 0 && r <= maxMagnitude) {
			return "a range needs 2 to 100 cases and must be 0 or more; use standard deviations for larger periods, or give the point another state"
		}
		return ""
	}
	if s := c.cols.within[i]; !(n >= 2 && s >= 0 && s <= maxMagnitude) {
		return "a mean needs 2 cases or more and a standard deviation of 0 or more for this chart; give the point another state"
	}
	return ""
}

// primeLimits are those of I′: ranges between neighbours of the baseline, each
// over what their sizes explain. It gives the sigma of a single case.
func (c *Charts) primeLimits(p *Part, from, to int, o *Options, ph *Phase) (centre, sigma float64) {
	p.Kind, p.Limits, p.Reason = IPrime, LimitsNormal, ReasonAsked
	state, value, den := c.cols.state, c.cols.value, c.cols.den
	var sum, n float64
	c.work = c.work[:0]
	for i := from; i >= 0 && i < to; i++ {
		if state[i] != StateValue {
			continue
		}
		sum += value[i] * den[i]
		n += den[i]
		if i > from && state[i-1] == StateValue {
			c.work = append(c.work, math.Abs(value[i]-value[i-1])/math.Sqrt(1/den[i]+1/den[i-1])*math.Sqrt(math.Pi/2))
		}
	}
	centre = sum / n
	if ph.Centre != nil {
		centre = *ph.Centre
	}
	s, m := c.average(o.Screening)
	p.Ranges = m
	switch {
	case ph.SD != nil:
		s = *ph.SD
	case m < fewRanges:
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonFewRanges
		return centre, 0
	}
	p.CentreSE, p.SpreadSE = s/math.Sqrt(n), rangeSpread(m)
	return centre, s
}

// withinLimits are those of Xbar, S and R: sigma of a case from the pooled
// variance within, made unbiased, or from the ranges within, each over its mean
// for its size and weighted by the inverse of its variance.
func (c *Charts) withinLimits(p *Part, from, to int, o *Options, ph *Phase) (centre, sigma float64) {
	p.Kind, p.Limits, p.Reason = o.Kind, LimitsNormal, ReasonAsked
	spread := o.Kind == S || o.Kind == R
	if spread {
		p.Limits = LimitsExact
	}
	var sum, n, squares, df, ranges, weights float64
	for i := from; i >= 0 && i < to; i++ {
		if c.cols.state[i] != StateValue {
			continue
		}
		k, s := c.cols.den[i], c.cols.within[i]
		sum += c.cols.value[i] * k
		n += k
		squares += (k - 1) * s * s
		df += k - 1
		if c.cols.byRange {
			shape := c.rangeOf(k)
			w := shape.mean * shape.mean / (shape.sd * shape.sd)
			ranges += w * s / shape.mean
			weights += w
		}
	}
	if c.cols.byRange {
		sigma = ranges / weights
		p.SpreadSE = 1 / math.Sqrt(weights)
	} else {
		sigma = math.Sqrt(squares/df) / biasOfSD(df+1)
		p.SpreadSE = 1 / math.Sqrt(2*df)
	}
	centre = sum / n
	if ph.SD != nil {
		sigma = *ph.SD
	}
	p.CentreSE = sigma / math.Sqrt(n)
	if spread {
		p.CentreSE = sigma * p.SpreadSE
		centre = sigma
	}
	if ph.Centre != nil {
		centre = *ph.Centre
		if spread {
			sigma = centre
		}
	}
	if spread {
		p.CentreSE, p.SpreadSE = math.NaN(), math.NaN() // limits are quantiles
	}
	return centre, sigma
}

// biasOfSD is c4: the mean of the standard deviation of n normal values over
// sigma.
func biasOfSD(n float64) float64 {
	if n > 1e6 {
		return 1 - 1/(4*n)
	}
	a, _ := math.Lgamma(n / 2)
	b, _ := math.Lgamma((n - 1) / 2)
	return math.Sqrt(2/(n-1)) * math.Exp(a-b)
}

// unbiased replaces values by standard deviations or ranges within, over their
// bias, so that sizes that differ share one centre line.
func (c *Charts) unbiased(lo, hi int) {
	for i := lo; i < hi; i++ {
		switch {
		case !c.cols.state[i].Drawn():
		case c.cols.byRange:
			c.cols.value[i] = c.cols.within[i] / c.rangeOf(c.cols.den[i]).mean
		default:
			c.cols.value[i] = c.cols.within[i] / biasOfSD(c.cols.den[i])
		}
	}
}

// deviationLimits are exact chi-square limits of an unbiased standard deviation
// of n values, and its standard deviation.
func deviationLimits(n, sigma float64) (low, high, sd float64) {
	c4 := biasOfSD(n)
	low = sigma / c4 * math.Sqrt(ChiSquaredQuantile(exactTail, n-1)/(n-1))
	high = sigma / c4 * math.Sqrt(ChiSquaredQuantile(1-exactTail, n-1)/(n-1))
	return low, high, sigma * math.Sqrt(max(1/(c4*c4)-1, 0))
}
