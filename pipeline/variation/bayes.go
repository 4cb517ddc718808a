package variation

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// ErrFit is wrapped by errors about data that no model can be fitted to.
var ErrFit = errors.New("variation: nothing to fit")

// BetaBinomial is a beta distribution of unit proportions, fitted by maximum
// likelihood.
type BetaBinomial struct {
	Alpha, Beta float64
	// LogLik includes the binomial coefficients.
	LogLik float64
}

// Shrink is the posterior mean of a unit with x of n (Griffiths 1973); NaN where
// either is.
func (b BetaBinomial) Shrink(x, n float64) float64 { return (x + b.Alpha) / (n + b.Alpha + b.Beta) }

// FitBetaBinomial fits unit proportions x of n by maximum likelihood (Griffiths
// 1973; Prentice 1986): dearer than the moments of Describe, better for few and
// small units. Units that vary no more than chance give parameters so large that
// shrinking is complete. Leave units without numbers out: errors wrap ErrFit: other
// lengths, x missing (NaN) or outside 0..n, no events or nothing but events.
func FitBetaBinomial(x, n []float64) (BetaBinomial, error) {
	if len(x) != len(n) {
		return BetaBinomial{}, fmt.Errorf("%w: %d counts for %d denominators; give one each", ErrFit, len(x), len(n))
	}
	var events, total float64
	for i := range x {
		if !(x[i] >= 0 && x[i] <= n[i] && n[i] <= 1e12) {
			return BetaBinomial{}, fmt.Errorf("%w: unit %d has %v of %v", ErrFit, i, x[i], n[i])
		}
		events += x[i]
		total += n[i]
	}
	p := events / total
	if !(p > 0 && p < 1) {
		return BetaBinomial{}, fmt.Errorf("%w: the units have no events, or nothing but events", ErrFit)
	}
	logLik := func(t [2]float64) float64 {
		a, b := math.Exp(t[0]), math.Exp(t[1])
		s := 0.0
		for i := range x {
			s += logGamma(n[i]+1) - logGamma(x[i]+1) - logGamma(n[i]-x[i]+1)
			s += logGamma(x[i]+a) + logGamma(n[i]-x[i]+b) - logGamma(n[i]+a+b) + logGamma(a+b) - logGamma(a) - logGamma(b)
		}
		return s
	}
	gradient := func(t [2]float64) [2]float64 {
		a, b := math.Exp(t[0]), math.Exp(t[1])
		var ga, gb float64
		for i := range x {
			common := mathext.Digamma(a+b) - mathext.Digamma(n[i]+a+b)
			ga += mathext.Digamma(x[i]+a) - mathext.Digamma(a) + common
			gb += mathext.Digamma(n[i]-x[i]+b) - mathext.Digamma(b) + common
		}
		return [2]float64{ga * a, gb * b}
	}
	t := climb([2]float64{math.Log(20 * p), math.Log(20 * (1 - p))}, logLik, gradient)
	return BetaBinomial{math.Exp(t[0]), math.Exp(t[1]), logLik(t)}, nil
}

// Interval is the equal-tailed posterior interval (Griffiths 1973) of a unit with x
// of n: what the unit and all others together say of it, with the fitted
// distribution taken as known. NaN for a confidence outside (0, 1) or x outside 0..n.
func (b BetaBinomial) Interval(x, n, confidence float64) (low, high float64) {
	a := (1 - checked(confidence)) / 2
	if math.IsNaN(a) || !(x >= 0 && x <= n && n <= 1e12) || !(b.Alpha > 0 && b.Beta > 0) {
		return math.NaN(), math.NaN()
	}
	d := distuv.Beta{Alpha: x + b.Alpha, Beta: n - x + b.Beta}
	return d.Quantile(a), d.Quantile(1 - a)
}

// GammaPoisson is a gamma distribution of unit ratios or rates, fitted by maximum
// likelihood.
type GammaPoisson struct {
	Mean, Shape float64
	LogLik      float64
}

// Shrink is the posterior mean of a unit with o observed and e expected (Clayton &
// Kaldor 1987); NaN where either is.
func (g GammaPoisson) Shrink(o, e float64) float64 { return (o + g.Shape) / (e + g.Shape/g.Mean) }

// Interval is the equal-tailed posterior interval of a unit with o observed and e
// expected (Clayton & Kaldor 1987), with the fitted distribution taken as known. NaN for a confidence
// outside (0, 1) or counts that are none.
func (g GammaPoisson) Interval(o, e, confidence float64) (low, high float64) {
	a := (1 - checked(confidence)) / 2
	if math.IsNaN(a) || !(o >= 0 && e > 0 && o <= 1e12 && e <= 1e12) || !(g.Shape > 0 && g.Mean > 0) {
		return math.NaN(), math.NaN()
	}
	rate := e + g.Shape/g.Mean
	return ChiSquaredQuantile(a, 2*(o+g.Shape)) / 2 / rate, ChiSquaredQuantile(1-a, 2*(o+g.Shape)) / 2 / rate
}

// FitGammaPoisson fits unit counts o with expected counts (or denominators) e by
// maximum likelihood of the negative binomial (Clayton & Kaldor 1987). Errors
// wrap ErrFit: other lengths, missing (NaN) or negative counts, expected counts not
// above 0, no events. Leave units without numbers out.
func FitGammaPoisson(o, e []float64) (GammaPoisson, error) {
	if len(o) != len(e) {
		return GammaPoisson{}, fmt.Errorf("%w: %d counts for %d expected; give one each", ErrFit, len(o), len(e))
	}
	var events, total float64
	for i := range o {
		if !(o[i] >= 0 && o[i] <= 1e12 && e[i] > 0 && e[i] <= 1e12) {
			return GammaPoisson{}, fmt.Errorf("%w: unit %d has %v observed, %v expected", ErrFit, i, o[i], e[i])
		}
		events += o[i]
		total += e[i]
	}
	if !(events > 0) {
		return GammaPoisson{}, fmt.Errorf("%w: the units have no events", ErrFit)
	}
	logLik := func(t [2]float64) float64 {
		m, th := math.Exp(t[0]), math.Exp(t[1])
		s := 0.0
		for i := range o {
			mu := m * e[i]
			s += logGamma(o[i]+th) - logGamma(th) - logGamma(o[i]+1) - th*math.Log1p(mu/th) - o[i]*math.Log1p(th/mu)
		}
		return s
	}
	gradient := func(t [2]float64) [2]float64 {
		m, th := math.Exp(t[0]), math.Exp(t[1])
		var gm, gt float64
		for i := range o {
			mu := m * e[i]
			gm += (o[i] - mu) * th / (th + mu)
			gt += mathext.Digamma(o[i]+th) - mathext.Digamma(th) - math.Log1p(mu/th) + (mu-o[i])/(th+mu)
		}
		return [2]float64{gm, gt * th}
	}
	t := climb([2]float64{math.Log(events / total), math.Log(10)}, logLik, gradient)
	return GammaPoisson{math.Exp(t[0]), math.Exp(t[1]), logLik(t)}, nil
}

func logGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// climb finds the maximum of a smooth function of two log-parameters by Newton's
// method on its gradient, with the Hessian from differences and steps halved
// until they climb. It stops where a parameter says "no variation at all".
func climb(at [2]float64, f func([2]float64) float64, gradient func([2]float64) [2]float64) [2]float64 {
	const farthest = 25 // exp(25) cases' worth of prior: no variation
	value := f(at)
	for range 200 {
		g := gradient(at)
		const h = 1e-5
		var hess [2][2]float64
		for j := range 2 {
			up, down := at, at
			up[j] += h
			down[j] -= h
			gu, gd := gradient(up), gradient(down)
			for i := range 2 {
				hess[i][j] = (gu[i] - gd[i]) / (2 * h)
			}
		}
		det := hess[0][0]*hess[1][1] - hess[0][1]*hess[1][0]
		step := [2]float64{
			-(hess[1][1]*g[0] - hess[0][1]*g[1]) / det,
			-(hess[0][0]*g[1] - hess[1][0]*g[0]) / det,
		}
		if !(hess[0][0] < 0 && det > 0) {
			// Not concave here: go uphill.
			size := math.Hypot(g[0], g[1])
			step = [2]float64{g[0] / (0.1*size + 1e-300), g[1] / (0.1*size + 1e-300)}
			step[0] /= 20
			step[1] /= 20
		}
		moved := false
		for range 60 {
			next := [2]float64{at[0] + step[0], at[1] + step[1]}
			if v := f(next); v >= value && math.Max(math.Abs(next[0]), math.Abs(next[1])) < farthest {
				moved = math.Hypot(step[0], step[1]) > 1e-12
				at, value = next, v
				break
			}
			step[0] /= 2
			step[1] /= 2
		}
		if !moved {
			break
		}
	}
	return at
}
