package spc

import (
	"fmt"
	"math"
)

// Cumulative is a chart that weights the past: one entry per point, NaN where the
// point does not enter (the sums wait there).
type Cumulative struct {
	// Upper and Lower are the sums, or the average in Upper alone; LCL and UCL
	// their limits.
	Upper, Lower, LCL, UCL []float64
	// Signal is +1 where the upper sum or average is beyond its limit, -1 where the
	// lower one is, else 0.
	Signal []int8
}

func newCumulative(n int, lower bool) Cumulative {
	c := Cumulative{Upper: nans(n), LCL: nans(n), UCL: nans(n), Signal: make([]int8, n)}
	if lower {
		c.Lower = nans(n)
	}
	return c
}

func nans(n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}

// deviates are the distances of a chart's values from its centre line in their
// own standard deviations, restarted parts marked; NaN where a point does not
// enter or has no standard deviation.
func (c Chart) deviates() (z []float64, restart []bool) {
	z, restart = nans(len(c.Value)), make([]bool, len(c.Value))
	for _, p := range c.Parts {
		restart[p.First] = true
		for i := p.First; i <= p.Last; i++ {
			if c.enters(i) && c.SD[i] > 0 {
				z[i] = (c.Value[i] - c.Centre[i]) / c.SD[i]
			}
		}
	}
	return z, restart
}

// EWMA is the exponentially weighted moving average (Roberts 1959) of a chart's
// standardised values, so that periods of different size weigh by their own
// standard deviation: e = lambda z + (1-lambda) e, from 0, with limits that widen
// to width × sqrt(lambda/(2-lambda)). It restarts in each part and waits over
// points that do not enter. Usual: lambda 0.2, width 3 (2.7 for lambda 0.1). A
// lambda outside (0, 1] or a width not above 0 is an error (ErrOptions).
func (c Chart) EWMA(lambda, width float64) (Cumulative, error) {
	if !(lambda > 0 && lambda <= 1 && width > 0) {
		return Cumulative{}, fmt.Errorf("%w: EWMA with lambda %v and width %v; give lambda in (0, 1] and a width above 0", ErrOptions, lambda, width)
	}
	z, restart := c.deviates()
	out := newCumulative(len(z), false)
	e, left := 0.0, 1.0
	for i, v := range z {
		if restart[i] {
			e, left = 0, 1
		}
		if math.IsNaN(v) {
			continue
		}
		e = lambda*v + (1-lambda)*e
		left *= (1 - lambda) * (1 - lambda)
		limit := width * math.Sqrt(lambda/(2-lambda)*(1-left))
		out.Upper[i], out.LCL[i], out.UCL[i] = e, -limit, limit
		switch {
		case e > limit:
			out.Signal[i] = 1
		case e < -limit:
			out.Signal[i] = -1
		}
	}
	return out, nil
}

// CUSUM is the tabular cumulative sum (Page 1954) of a chart's standardised
// values: upper sums of z - allowance, not below 0, lower sums of z + allowance,
// not above 0, both from ∓ headStart (Lucas & Crosier 1982). The allowance is half
// the shift to detect; usual: allowance 0.5, interval 5 (4 with head start 2). It
// signals beyond the interval, restarts in each part and waits over points that do
// not enter. Arguments out of range are an error (ErrOptions).
func (c Chart) CUSUM(allowance, interval, headStart float64) (Cumulative, error) {
	if !(allowance >= 0 && interval > 0 && headStart >= 0 && headStart < interval) {
		return Cumulative{}, fmt.Errorf("%w: CUSUM with allowance %v, interval %v and head start %v; give allowance >= 0, interval > 0 and a head start below it", ErrOptions, allowance, interval, headStart)
	}
	z, restart := c.deviates()
	out := newCumulative(len(z), true)
	up, down := headStart, -headStart
	for i, v := range z {
		if restart[i] {
			up, down = headStart, -headStart
		}
		if math.IsNaN(v) {
			continue
		}
		up, down = max(0, up+v-allowance), min(0, down+v+allowance)
		out.Upper[i], out.Lower[i], out.LCL[i], out.UCL[i] = up, down, -interval, interval
		switch {
		case up > interval:
			out.Signal[i] = 1
		case down < -interval:
			out.Signal[i] = -1
		}
	}
	return out, nil
}

// RiskAdjusted is the risk-adjusted cumulative sum of single outcomes (Steiner et
// al. 2000): per patient the log-likelihood ratio of odds multiplied by worse
// against odds as expected accumulates in Upper, not below 0; the ratio of odds
// divided by worse accumulates in Lower, shown negative. Outcome is 1 for the
// event, 0 without; risk its expected probability. A constant risk is the
// Bernoulli CUSUM (Leandro et al. 2005). A sum at or beyond the limit signals, its
// value is kept, and it starts anew with the next patient. Patients whose outcome
// or risk is NaN are passed over.
//
// Errors: ErrOptions for worse not above 1 or a limit not above 0; a *PointError
// (ErrSeries) for other outcomes, risks outside (0, 1), or columns that differ in
// length.
func RiskAdjusted(outcome, risk []float64, worse, limit float64) (Cumulative, error) {
	if !(worse > 1 && limit > 0 && limit <= maxMagnitude && worse <= maxMagnitude) {
		return Cumulative{}, fmt.Errorf("%w: risk-adjusted CUSUM with odds ratio %v and limit %v; give a ratio above 1 and a limit above 0", ErrOptions, worse, limit)
	}
	if err := checkOutcomes(outcome, risk); err != nil {
		return Cumulative{}, err
	}
	out := newCumulative(len(outcome), true)
	weight := func(y, p, r float64) float64 { return y*math.Log(r) - math.Log(1-p+r*p) }
	var up, down float64
	for i, y := range outcome {
		p := risk[i]
		if math.IsNaN(y) || math.IsNaN(p) {
			continue
		}
		if up >= limit {
			up = 0
		}
		if down <= -limit {
			down = 0
		}
		up, down = max(0, up+weight(y, p, worse)), min(0, down-weight(y, p, 1/worse))
		out.Upper[i], out.Lower[i], out.LCL[i], out.UCL[i] = up, down, -limit, limit
		switch {
		case up >= limit:
			out.Signal[i] = 1
		case down <= -limit:
			out.Signal[i] = -1
		}
	}
	return out, nil
}

// VLAD is the variable life-adjusted display (Lovegrove et al. 1997): the running
// sum of risk less outcome, events fewer than expected; rising is good. It has no
// limits: RiskAdjusted signals beside it. NaN where outcome or risk is. Errors as
// RiskAdjusted.
func VLAD(outcome, risk []float64) ([]float64, error) {
	if err := checkOutcomes(outcome, risk); err != nil {
		return nil, err
	}
	out, s := nans(len(outcome)), 0.0
	for i, y := range outcome {
		if d := risk[i] - y; !math.IsNaN(d) {
			s += d
			out[i] = s
		}
	}
	return out, nil
}

func checkOutcomes(outcome, risk []float64) error {
	if len(outcome) != len(risk) {
		return fmt.Errorf("%w: %d outcomes and %d risks; give one each per patient", ErrSeries, len(outcome), len(risk))
	}
	for i, y := range outcome {
		if y != 0 && y != 1 && !math.IsNaN(y) {
			return &PointError{Point: i, What: fmt.Sprintf("outcome %v is neither 0 nor 1", y)}
		}
		if p := risk[i]; !math.IsNaN(p) && !(p > 0 && p < 1) {
			return &PointError{Point: i, What: fmt.Sprintf("risk %v is not between 0 and 1", p)}
		}
	}
	return nil
}

// Bernoulli is the cumulative sum of single outcomes with one expected probability
// (Leandro et al. 2005; Reynolds & Stoumbos 1999), known as the b chart:
// RiskAdjusted with that risk for everybody. Outcomes that are NaN are passed over.
// Unlike the common implementation it keeps the value at which it signals. Errors
// as RiskAdjusted.
func Bernoulli(outcome []float64, expected, worse, limit float64) (Cumulative, error) {
	if !(expected > 0 && expected < 1) {
		return Cumulative{}, fmt.Errorf("%w: expected probability %v; give one between 0 and 1", ErrOptions, expected)
	}
	risk := make([]float64, len(outcome))
	for i := range risk {
		risk[i] = expected
	}
	return RiskAdjusted(outcome, risk, worse, limit)
}
