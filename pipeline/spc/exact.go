package spc

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// fuzz makes a cumulative probability that equals q up to rounding count as
// reaching it, as R's quantile functions do; without it a quantile flips at an
// exact tie.
const fuzz = 1 - 64*0x1p-52

// BinomialCDF is P(X <= k) for X ~ binomial(n, p), by the incomplete beta function
// (Abramowitz & Stegun 1964, 26.5.24). It is 0 for k < 0, 1 for k >= n, and NaN for n < 0 or p outside
// [0, 1].
func BinomialCDF(k, n int, p float64) float64 {
	switch {
	case n < 0 || !(p >= 0 && p <= 1):
		return math.NaN()
	case k < 0:
		return 0
	case k >= n:
		return 1
	case p == 0:
		return 1
	case p == 1:
		return 0
	}
	return mathext.RegIncBeta(float64(n-k), float64(k)+1, 1-p)
}

// BinomialPMF is P(X = k) for X ~ binomial(n, p) (Loader 2000); 0 outside 0..n, NaN for n < 0
// or p outside [0, 1].
func BinomialPMF(k, n int, p float64) float64 {
	switch {
	case n < 0 || !(p >= 0 && p <= 1):
		return math.NaN()
	case k < 0 || k > n:
		return 0
	case p == 0 || p == 1:
		if (p == 0) == (k == 0) && (p == 1) == (k == n) {
			return 1
		}
		return 0
	}
	fn, fk := float64(n), float64(k)
	if k == 0 {
		return math.Exp(fn * math.Log1p(-p))
	}
	if k == n {
		return math.Exp(fn * math.Log(p))
	}
	// The saddle-point form keeps full relative precision for large n, where a
	// difference of three log-gammas would lose it: Loader 2000.
	lc := stirlingError(fn) - stirlingError(fk) - stirlingError(fn-fk) - deviance(fk, fn*p) - deviance(fn-fk, fn*(1-p))
	return math.Exp(lc) * math.Sqrt(fn/(2*math.Pi*fk*(fn-fk)))
}

// BinomialQuantile is the smallest k with P(X <= k) >= q for X ~ binomial(n, p),
// a q reached up to 64 units of rounding counting as reached. It returns -1 for
// n < 0, p outside [0, 1] or q outside [0, 1]. Where the standard deviation is
// above a million it is the normal quantile.
func BinomialQuantile(q float64, n int, p float64) int {
	k, _, _ := BinomialQuantileMass(q, n, p)
	return k
}

// BinomialQuantileMass is BinomialQuantile with P(X <= k) and P(X = k) at it
// (Loader 2000), which the search knows anyway; NaN where k is -1.
func BinomialQuantileMass(q float64, n int, p float64) (k int, cdf, pmf float64) {
	switch {
	case n < 0 || !(p >= 0 && p <= 1) || !(q >= 0 && q <= 1):
		return -1, math.NaN(), math.NaN()
	case n == 0 || p == 0:
		return 0, 1, 1
	case q == 0:
		m := BinomialPMF(0, n, p)
		return 0, m, m
	case p == 1 || q == 1:
		return n, 1, BinomialPMF(n, n, p)
	}
	mean := float64(n) * p
	sd := math.Sqrt(mean * (1 - p))
	if sd > mostExact {
		k = min(farQuantile(q, mean, sd), n)
		return k, q, normalMass(q, sd)
	}
	k = cornishFisher(q, mean, sd, (1-2*p)/sd)
	k = min(max(k, 0), n)
	f := BinomialCDF(k, n, p)
	pk := BinomialPMF(k, n, p)
	odds := p / (1 - p)
	if f >= q*fuzz {
		for k > 0 && f-pk >= q*fuzz {
			f -= pk
			pk *= float64(k) / (float64(n-k+1) * odds)
			k--
		}
		return k, f, pk
	}
	for k < n && f < q*fuzz {
		pk *= float64(n-k) / float64(k+1) * odds
		k++
		f += pk
		if pk < q*0x1p-60 && float64(k) > mean {
			// What is left is below rounding; no further k can change f.
			return k, f, pk
		}
	}
	return k, f, pk
}

// PoissonCDF is P(X <= k) for X ~ Poisson(mu), by the incomplete gamma function
// (Abramowitz & Stegun 1964, 26.4.21).
// It is 0 for k < 0 and NaN for mu negative or not finite.
func PoissonCDF(k int, mu float64) float64 {
	switch {
	case !(mu >= 0) || math.IsInf(mu, 0):
		return math.NaN()
	case k < 0:
		return 0
	case mu == 0:
		return 1
	}
	return mathext.GammaIncRegComp(float64(k)+1, mu)
}

// PoissonPMF is P(X = k) for X ~ Poisson(mu) (Loader 2000); 0 for k < 0, NaN for mu negative
// or not finite.
func PoissonPMF(k int, mu float64) float64 {
	switch {
	case !(mu >= 0) || math.IsInf(mu, 0):
		return math.NaN()
	case k < 0:
		return 0
	case mu == 0:
		if k == 0 {
			return 1
		}
		return 0
	case k == 0:
		return math.Exp(-mu)
	}
	fk := float64(k)
	return math.Exp(-stirlingError(fk)-deviance(fk, mu)) / math.Sqrt(2*math.Pi*fk)
}

// PoissonQuantile is the smallest k with P(X <= k) >= q for X ~ Poisson(mu), with
// the rounding rule of BinomialQuantile, and the normal quantile for means above
// 10^12. It returns -1 for mu negative or not
// finite and for q outside [0, 1).
func PoissonQuantile(q, mu float64) int {
	k, _, _ := PoissonQuantileMass(q, mu)
	return k
}

// PoissonQuantileMass is PoissonQuantile with P(X <= k) and P(X = k) at it (Loader 2000);
// NaN where k is -1.
func PoissonQuantileMass(q, mu float64) (k int, cdf, pmf float64) {
	switch {
	case !(mu >= 0) || math.IsInf(mu, 0) || !(q >= 0 && q < 1):
		return -1, math.NaN(), math.NaN()
	case mu == 0:
		return 0, 1, 1
	case q == 0:
		m := PoissonPMF(0, mu)
		return 0, m, m
	}
	sd := math.Sqrt(mu)
	if sd > mostExact {
		return farQuantile(q, mu, sd), q, normalMass(q, sd)
	}
	k = max(cornishFisher(q, mu, sd, 1/sd), 0)
	f := PoissonCDF(k, mu)
	pk := PoissonPMF(k, mu)
	if f >= q*fuzz {
		for k > 0 && f-pk >= q*fuzz {
			f -= pk
			pk *= float64(k) / mu
			k--
		}
		return k, f, pk
	}
	for f < q*fuzz {
		k++
		pk *= mu / float64(k)
		f += pk
		if pk < q*0x1p-60 && float64(k) > mu {
			return k, f, pk
		}
	}
	return k, f, pk
}

// ChiSquaredQuantile is the p quantile of chi-square with df degrees of freedom, by
// a search from the cube root (Wilson & Hilferty 1931), to about 12 digits; 0 for df = 0, NaN for p outside [0, 1] or df negative.
func ChiSquaredQuantile(p, df float64) float64 {
	switch {
	case !(p >= 0 && p <= 1) || !(df >= 0) || math.IsInf(df, 0):
		return math.NaN()
	case df == 0 || p == 0:
		return 0
	case p == 1:
		return math.Inf(1)
	}
	a := df / 2
	// Wilson & Hilferty (1931) or the leading term of the series near 0 start a
	// search that a bracket keeps safe and the density makes fast.
	h := 1 / (9 * a)
	start := 1 - h + mathext.NormalQuantile(p)*math.Sqrt(h)
	x := a * start * start * start
	lg, _ := math.Lgamma(a + 1)
	if small := math.Exp((math.Log(p) + lg) / a); start <= 0 || small < 0.1*a {
		x = small
	}
	if x < 1e-14 {
		return 2 * x // the series ends with its first term
	}
	low, high := 0.0, math.Inf(1)
	for range 100 {
		var excess float64 // of the distribution function over p
		if p < 0.5 {
			excess = mathext.GammaIncReg(a, x) - p
		} else {
			excess = (1 - p) - mathext.GammaIncRegComp(a, x)
		}
		if excess > 0 {
			high = x
		} else {
			low = x
		}
		density := math.Exp((a-1)*math.Log(x) - x - (lg - math.Log(a)))
		step := excess / density
		// Halley's correction: the density's slope is known.
		if d := 1 - step*((a-1)/x-1)/2; d > 0.5 {
			step /= d
		}
		if math.Abs(step) <= 2e-16*x || high-low <= 2e-16*x {
			break
		}
		x -= step
		switch {
		case x > low && x < high:
		case math.IsInf(high, 1):
			x = 2*low + 1
		default:
			x = (low + high) / 2
		}
	}
	return 2 * x
}

// mostExact is the largest standard deviation of counts whose quantiles are
// exact. Beyond it, at more than 10^12 events, they are normal ones: the rounding
// of a cumulative probability spans more counts than the approximation errs by.
const mostExact = 1e6

// farQuantile is the normal quantile as a count.
func farQuantile(q, mean, sd float64) int {
	k := math.Ceil(mean + sd*mathext.NormalQuantile(q) - 0.5)
	if k >= math.MaxInt {
		return math.MaxInt
	}
	return max(int(k), 0)
}

// normalMass is the density of a count at its quantile q.
func normalMass(q, sd float64) float64 {
	z := mathext.NormalQuantile(q)
	return math.Exp(-z*z/2) / (sd * math.Sqrt(2*math.Pi))
}

// cornishFisher starts the search for a quantile within a step or two.
func cornishFisher(q, mean, sd, skew float64) int {
	z := mathext.NormalQuantile(q)
	return int(math.Floor(mean + sd*(z+skew*(z*z-1)/6) + 0.5))
}

// stirlingError is log(n!) minus Stirling's approximation, n > 0.
func stirlingError(n float64) float64 {
	if n < 16 {
		lg, _ := math.Lgamma(n + 1)
		return lg - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	i := 1 / (n * n)
	return (1.0/12 - i*(1.0/360-i*(1.0/1260-i*(1.0/1680-i/1188)))) / n
}

// deviance is x log(x/m) - (x - m), without cancellation for x near m.
func deviance(x, m float64) float64 {
	if d := x - m; math.Abs(d) < 0.1*(x+m) {
		v := d / (x + m)
		s := d * v
		ej := 2 * x * v
		v *= v
		for j := 1; j < 1000; j++ {
			ej *= v
			next := s + ej/float64(2*j+1)
			if next == s {
				return next
			}
			s = next
		}
		return s
	}
	return x*math.Log(x/m) + m - x
}
