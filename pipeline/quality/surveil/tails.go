package surveil

import "math"

// lchoose is log of n over k.
func lchoose(n, k float64) float64 { return -math.Log(n+1) - lbeta(n-k+1, k+1) }

// lbeta is the log of the beta function. For arguments of very different size
// the difference of two large log-gammas loses digits; Stirling's series of the
// difference does not.
func lbeta(a, b float64) float64 {
	if a > b {
		a, b = b, a
	}
	ga, _ := math.Lgamma(a)
	if b < 1e4 {
		gb, _ := math.Lgamma(b)
		gab, _ := math.Lgamma(a + b)
		return ga + gb - gab
	}
	// log Γ(b) - log Γ(a+b) by Stirling, term by term.
	s := a + b
	d := (b-0.5)*-math.Log1p(a/b) - a*math.Log(s) + a + (1/b-1/s)/12 - (1/(b*b*b)-1/(s*s*s))/360
	return ga + d
}

// Tails are the probabilities of at most and at least what was observed, and
// of exactly that.
type Tails struct{ Lower, Upper, Point float64 }

// MidP is the two-sided mid-p: twice the smaller tail with half of the point
// (Lancaster 1961), at most 1.
func (t Tails) MidP() float64 {
	return min(1, 2*min(t.Lower, t.Upper)-t.Point)
}

// BetaBinomial gives the tails of y of n under a beta-binomial with parameters
// a and b; infinite ones in the ratio share : 1 - share are a binomial. It
// returns NaN in every field for impossible arguments.
func BetaBinomial(y, n int, a, b float64) Tails {
	if y < 0 || n < y || !(a > 0) || !(b > 0) {
		return Tails{math.NaN(), math.NaN(), math.NaN()}
	}
	// Nearly binomial: the beta's own spread is below every rounding here.
	const nearly = 1e9
	if a > nearly || b > nearly*1e3 {
		return binomialTails(y, n, a/(a+b))
	}
	point := math.Exp(lchoose(float64(n), float64(y)) + lbeta(float64(y)+a, float64(n-y)+b) - lbeta(a, b))
	up := func(k float64) float64 { // p(k+1)/p(k)
		return (float64(n) - k) * (a + k) / ((k + 1) * (b + float64(n) - k - 1))
	}
	return tailsOf(y, n, point, up, (float64(n))*a/(a+b))
}

func binomialTails(y, n int, p float64) Tails {
	lp := lchoose(float64(n), float64(y))
	if y > 0 {
		lp += float64(y) * math.Log(p)
	}
	if y < n {
		lp += float64(n-y) * math.Log1p(-p)
	}
	odds := p / (1 - p)
	up := func(k float64) float64 { return (float64(n) - k) / (k + 1) * odds }
	return tailsOf(y, n, math.Exp(lp), up, float64(n)*p)
}

// NegativeBinomial gives the tails of y under a negative binomial with the
// given mean and variance mean + alpha*mean²; alpha 0 is Poisson's.
func NegativeBinomial(y int, mean, alpha float64) Tails {
	if y < 0 || !(mean > 0) || !(alpha >= 0) {
		if mean == 0 && y >= 0 && alpha >= 0 {
			if y == 0 {
				return Tails{1, 1, 1}
			}
			return Tails{Lower: 1}
		}
		return Tails{math.NaN(), math.NaN(), math.NaN()}
	}
	g, _ := math.Lgamma(float64(y) + 1)
	if alpha < 1e-12 {
		point := math.Exp(float64(y)*math.Log(mean) - mean - g)
		return tailsOf(y, math.MaxInt32, point, func(k float64) float64 { return mean / (k + 1) }, mean)
	}
	k := 1 / alpha
	lp := -k*math.Log1p(mean*alpha) - float64(y)*math.Log1p(1/(mean*alpha)) - g
	if y > 0 {
		lp += -lbeta(float64(y), k) + lgamma(float64(y))
	}
	share := mean * alpha / (1 + mean*alpha)
	return tailsOf(y, math.MaxInt32, math.Exp(lp), func(j float64) float64 { return (j + k) / (j + 1) * share }, mean)
}

func lgamma(x float64) float64 {
	g, _ := math.Lgamma(x)
	return g
}

// beneath is a probability so small that how small it is does not matter.
const beneath = 1e-280

// tailsOf adds up the tail on the far side of the mean by the ratio of
// neighbouring probabilities, which keeps its relative precision however small
// it is; the near tail is the rest. up(k) is p(k+1)/p(k).
func tailsOf(y, n int, point float64, up func(float64) float64, mean float64) Tails {
	const enough = 1e-17
	t := Tails{Point: point}
	sum, term := point, point
	if point < beneath {
		// Beneath the smallest normal number a product by a ratio near one rounds
		// back to itself, and the sum would never end.
		if float64(y) >= mean {
			return Tails{Lower: 1, Upper: point, Point: point}
		}
		return Tails{Lower: point, Upper: 1, Point: point}
	}
	if float64(y) >= mean {
		for k := y; k < n; k++ {
			r := up(float64(k))
			term *= r
			sum += term
			if r < 1 && term <= enough*sum*(1-r) {
				break
			}
		}
		t.Upper = min(sum, 1)
		t.Lower = min(1-t.Upper+point, 1)
		return t
	}
	for k := y - 1; k >= 0; k-- {
		r := up(float64(k))
		term /= r
		sum += term
		if r > 1 && term <= enough*sum*(1-1/r) {
			break
		}
	}
	t.Lower = min(sum, 1)
	t.Upper = min(1-t.Lower+point, 1)
	return t
}

// logPoint is the log probability of y under a negative binomial.
func logPoint(y int32, mean, alpha float64) float64 {
	if mean <= 0 {
		if y == 0 {
			return 0
		}
		return math.Inf(-1)
	}
	v := float64(y)
	if alpha < 1e-9 {
		return v*math.Log(mean) - mean - lgamma(v+1)
	}
	k := 1 / alpha
	return lgamma(v+k) - lgamma(k) - lgamma(v+1) - k*math.Log1p(mean*alpha) - v*math.Log1p(1/(mean*alpha))
}
