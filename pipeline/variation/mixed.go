package variation

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// Mixed is a generalised linear mixed model with one normal effect per unit: of
// log odds (logit-normal) or log rates (Poisson log-normal), fitted by maximum
// likelihood. Against the moments of Describe it costs some hundred times as much and
// needs no large counts: units with few events weigh as their likelihood says.
type Mixed struct {
	// Intercept is the log odds, or log rate, of the median unit.
	Intercept float64
	// Tau2 is the variance between units on that scale, with its interval by the
	// profile likelihood; Tau2Low is 0 where no variation is compatible with the data.
	Tau2, Tau2Low, Tau2High float64
	// MedianRatio is the median odds ratio (Larsen & Merlo 2005) or the median rate
	// ratio (Chan et al. 2011), ICC the latent intra-class correlation
	// tau²/(tau²+pi²/3) (Snijders & Bosker 1999), NaN for rates; with the intervals
	// that follow from that of Tau2.
	MedianRatio, MedianRatioLow, MedianRatioHigh float64
	ICC, ICCLow, ICCHigh                         float64
	// P is the probability of a likelihood ratio this large if the units varied by
	// chance alone: half of chi-square with one degree of freedom, because a
	// variance cannot be below 0 (Self & Liang 1987).
	P float64
	// Shrunk is the posterior mean of each unit's proportion or rate, in the order of
	// the input; NaN for a unit of size 0.
	Shrunk []float64
	// LogLik includes the constants of the binomial or Poisson.
	LogLik float64
}

// MixedOptions of one fit. The zero value is the default.
type MixedOptions struct {
	// Nodes of the adaptive Gauss-Hermite quadrature, 5 to 99; 0 means 15. One node,
	// Laplace's approximation, understates the variance of small units and is not
	// offered.
	Nodes int
	// Confidence of the intervals; 0 means 0.95.
	Confidence float64
}

// FitLogitNormal fits unit proportions x of n (Stiratelli, Laird & Ware 1984),
// one entry per unit, the integral over each unit's effect by adaptive
// Gauss-Hermite quadrature (Liu & Pierce 1994; Pinheiro & Bates 1995). Units of
// n = 0 say nothing and are passed over.
//
// Errors wrap ErrFit: other lengths, x outside 0..n, fewer than 2 units that have
// cases, no events or nothing but events; ErrOptions: nodes outside 5..99, a
// confidence outside (0, 1).
func FitLogitNormal(x, n []float64, o MixedOptions) (Mixed, error) {
	return fitMixed(x, n, o, true)
}

// FitLogNormal fits counts o with expected counts, or denominators, e likewise
// (Breslow & Clayton 1993). Units of e = 0 without events are passed over. Errors
// as FitLogitNormal: negative counts, no events.
func FitLogNormal(o, e []float64, opt MixedOptions) (Mixed, error) {
	return fitMixed(o, e, opt, false)
}

// mixed is a model being fitted.
type mixed struct {
	x, n         []float64 // of the units that have cases
	binomial     bool
	node, weight []float64
	mode         []float64 // of each unit, where the next search starts
	beta         float64
}

func fitMixed(x, n []float64, o MixedOptions, binomial bool) (Mixed, error) {
	nodes, confidence := o.Nodes, o.Confidence
	if nodes == 0 {
		nodes = 15
	}
	if confidence == 0 {
		confidence = 0.95
	}
	if nodes < 5 || nodes > 99 || math.IsNaN(checked(confidence)) {
		return Mixed{}, fmt.Errorf("%w: %d nodes and confidence %v; give 5 to 99 and one in (0, 1)", ErrOptions, o.Nodes, o.Confidence)
	}
	if len(x) != len(n) {
		return Mixed{}, fmt.Errorf("%w: %d counts for %d sizes; give one each", ErrFit, len(x), len(n))
	}
	m := mixed{binomial: binomial, node: make([]float64, nodes), weight: make([]float64, nodes)}
	quad.Hermite{}.FixedLocations(m.node, m.weight, math.Inf(-1), math.Inf(1))
	var events, total, constant float64
	for i := range x {
		switch {
		case x[i] == 0 && n[i] == 0:
			continue
		case !(x[i] >= 0 && n[i] > 0 && x[i] <= 1e12 && n[i] <= 1e12) || binomial && x[i] > n[i]:
			return Mixed{}, fmt.Errorf("%w: unit %d has %v of %v", ErrFit, i, x[i], n[i])
		}
		m.x, m.n = append(m.x, x[i]), append(m.n, n[i])
		events += x[i]
		total += n[i]
		constant -= logGamma(x[i] + 1)
		if binomial {
			constant += logGamma(n[i]+1) - logGamma(n[i]-x[i]+1)
		} else {
			constant += x[i] * math.Log(n[i])
		}
	}
	p := events / total
	if len(m.x) < 2 || !(p > 0) || binomial && p >= 1 {
		return Mixed{}, fmt.Errorf("%w: %d units with %v events of %v; there must be 2 units, events, and of proportions other cases", ErrFit, len(m.x), events, total)
	}
	m.mode = make([]float64, len(m.x))
	m.beta = math.Log(p)
	if binomial {
		m.beta = math.Log(p / (1 - p))
	}
	return m.fit(constant, confidence, x, n), nil
}

func (m *mixed) fit(constant, confidence float64, x, n []float64) Mixed {
	null := m.climb(0).logLik
	tau := m.maximum()
	top := m.climb(tau).logLik
	out := Mixed{Intercept: m.beta, Tau2: tau * tau, LogLik: top + constant, P: 1, ICC: math.NaN(), ICCLow: math.NaN(), ICCHigh: math.NaN()}
	if lr := 2 * (top - null); lr > 0 && tau > 0 {
		out.P = math.Erfc(math.Sqrt(lr/2)) / 2
	}
	out.Shrunk = m.shrunk(tau, x, n)
	drop := ChiSquaredQuantile(confidence, 1) / 2
	short := func(tau float64) float64 { return m.climb(tau).logLik - (top - drop) }
	low, high := 0.0, max(2*tau, 0.5)
	if null < top-drop {
		low = root(0, tau, null-(top-drop), drop, short)
	}
	f := short(high)
	for ; f > 0 && high < farthestTau; f = short(high) {
		high *= 2
	}
	if f < 0 {
		high = root(tau, high, drop, f, short)
	}
	out.Tau2Low, out.Tau2High = low*low, high*high
	out.MedianRatio, out.MedianRatioLow, out.MedianRatioHigh = MedianRatio(out.Tau2), MedianRatio(out.Tau2Low), MedianRatio(out.Tau2High)
	if m.binomial {
		icc := func(t2 float64) float64 { return t2 / (t2 + math.Pi*math.Pi/3) }
		out.ICC, out.ICCLow, out.ICCHigh = icc(out.Tau2), icc(out.Tau2Low), icc(out.Tau2High)
	}
	return out
}

// farthestTau bounds the search: units that differ by more are all or nothing.
const farthestTau = 30

// maximum is the standard deviation between units at which the likelihood, at its
// best intercept, no longer rises; 0 where it falls from the start.
func (m *mixed) maximum() float64 {
	slope := func(tau float64) float64 { return m.climb(tau).tau }
	low, high := 1e-3, 0.5
	fl := slope(low)
	if !(fl > 0) {
		return 0
	}
	fh := slope(high)
	for fh > 0 {
		if high > farthestTau {
			return high
		}
		low, fl, high = high, fh, 2*high
		fh = slope(high)
	}
	return root(low, high, fl, fh, slope)
}

// root of a function that has other signs at a and b, by the Illinois variant of
// the false position (Dowell & Jarratt 1971).
func root(a, b, fa, fb float64, f func(float64) float64) float64 {
	for range 100 {
		if math.Abs(b-a) <= 1e-9*(math.Abs(a)+math.Abs(b)) {
			break
		}
		mid := (a*fb - b*fa) / (fb - fa)
		if !(mid > min(a, b) && mid < max(a, b)) {
			mid = (a + b) / 2
		}
		v := f(mid)
		switch {
		case v == 0:
			return mid
		case (v > 0) == (fb > 0):
			b, fb = mid, v
			fa /= 2
		default:
			a, fa = b, fb
			b, fb = mid, v
		}
	}
	return b
}

// fitted is the log-likelihood without constants at some intercept and standard
// deviation, and its derivatives.
type fitted struct {
	logLik, beta, curvature, tau float64
}

// climb moves the intercept to its best for tau: the marginal likelihood is
// log-concave in it.
func (m *mixed) climb(tau float64) fitted {
	for range 100 {
		f := m.at(tau)
		step := -f.beta / f.curvature
		if !(math.Abs(step) > 1e-10*(1+math.Abs(m.beta))) {
			return f
		}
		m.beta += math.Copysign(min(math.Abs(step), 2), step)
	}
	return m.at(tau)
}

// at sums over units; of each, the effect is integrated around its mode.
func (m *mixed) at(tau float64) (f fitted) {
	for i := range m.x {
		one := m.unit(i, tau, nil)
		f.logLik += one.logLik
		f.beta += one.beta
		f.curvature += one.curvature
		f.tau += one.tau
	}
	return f
}

// unit is the share of unit i; mean, where not nil, receives the posterior mean of
// its proportion or rate.
func (m *mixed) unit(i int, tau float64, mean *float64) (f fitted) {
	v, curvature := m.mode[i], 1.0
	for range 100 {
		_, d1, d2 := m.value(i, m.beta+tau*v)
		curvature = 1 - tau*tau*d2
		step := (tau*d1 - v) / curvature
		v += math.Copysign(min(math.Abs(step), 3), step)
		if !(math.Abs(step) > 1e-10*(1+math.Abs(v))) {
			break
		}
	}
	m.mode[i] = v
	l, _, _ := m.value(i, m.beta+tau*v)
	top := l - v*v/2
	scale := math.Sqrt2 / math.Sqrt(curvature)
	var s, s1, s11, s2, su, sm float64
	for k, z := range m.node {
		u := v + scale*z
		eta := m.beta + tau*u
		l, d1, d2 := m.value(i, eta)
		w := m.weight[k] * math.Exp(l-u*u/2-top+z*z)
		if !(w > 0) {
			continue
		}
		s += w
		s1 += w * d1
		s11 += w * d1 * d1
		s2 += w * d2
		su += w * d1 * u
		if mean != nil {
			sm += w * m.link(eta)
		}
	}
	if mean != nil {
		*mean = sm / s
	}
	e1 := s1 / s
	return fitted{top + math.Log(s/math.Sqrt(math.Pi*curvature)), e1, s2/s + s11/s - e1*e1, su / s}
}

// value is the log-likelihood of unit i at linear predictor eta, without
// constants, and its two derivatives.
func (m *mixed) value(i int, eta float64) (l, d1, d2 float64) {
	if !m.binomial {
		mu := m.n[i] * math.Exp(eta)
		return m.x[i]*eta - mu, m.x[i] - mu, -mu
	}
	p := m.link(eta)
	log1pExp := max(eta, 0) + math.Log1p(math.Exp(-math.Abs(eta)))
	return m.x[i]*eta - m.n[i]*log1pExp, m.x[i] - m.n[i]*p, -m.n[i] * p * (1 - p)
}

// link is the proportion, or rate, at linear predictor eta.
func (m *mixed) link(eta float64) float64 {
	if m.binomial {
		return 1 / (1 + math.Exp(-eta))
	}
	return math.Exp(eta)
}

func (m *mixed) shrunk(tau float64, x, n []float64) []float64 {
	out, j := make([]float64, len(x)), 0
	for i := range out {
		if x[i] == 0 && n[i] == 0 {
			out[i] = math.NaN()
			continue
		}
		m.unit(j, tau, &out[i])
		j++
	}
	return out
}
