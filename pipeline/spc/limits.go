package spc

import (
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

// dispersionCut is the two-sided 5 % point of the standard normal.
const dispersionCut = 1.959963984540054

// fewRanges is the least number of moving ranges that limits may rest on: below
// it gaps have eaten the chart and the spread would be a guess.
const fewRanges = 6

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
		p.CentreSE, p.SpreadSE = math.Sqrt(max(centre, 0)/max(float64(n), 1)), 0
		return centre, math.Sqrt(max(centre, 0))
	}
	if ph.SD != nil {
		p.CentreSE, p.SpreadSE = *ph.SD/math.Sqrt(max(float64(n), 1)), 0
		return centre, *ph.SD
	}
	amr, m := c.average(o.Screening)
	p.Ranges = m
	if m < fewRanges {
		p.Kind, p.Limits, p.Reason = Run, LimitsNone, ReasonFewRanges
		return centre, 0
	}
	p.CentreSE, p.SpreadSE = amr/d2/math.Sqrt(float64(n)), rangeSpread(m)
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
	p.CentreSE, p.SpreadSE = unit/math.Sqrt(total), 0
	p.Dispersion, p.DispersionZ = c.dispersion(p, from, to, o, centre, unit)
	if ph.SD != nil {
		p.Kind, p.Limits, p.Reason = prime, LimitsNormal, ReasonAsked
		p.Dispersion = *ph.SD
		p.CentreSE *= *ph.SD
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
	case o.Kind == plain || o.Kind == NP:
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
		p.CentreSE *= p.Dispersion
		if p.SpreadSE = rangeSpread(p.Ranges); p.Ranges == 0 {
			p.SpreadSE = 1 / math.Sqrt(2*float64(p.BaselinePoints-1))
		}
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
