package spc

import "math"

// exactTail is the probability beyond 3 sigma on one side.
const exactTail = 0.0013498980316300945

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
	case p.Kind == T || p.Kind == G || p.Kind == S || p.Kind == R || p.Kind == MR:
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
