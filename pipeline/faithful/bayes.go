package faithful

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Empirical Bayes: VGAM's beta-binomial, MASS's negative binomial, spdep's EBest.

type countInput struct {
	X        vec  `json:"x"`
	N        vec  `json:"n"`
	Observed vec  `json:"observed"`
	Expected vec  `json:"expected"`
	NAGQ     *int `json:"nAGQ"`
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// newton2 climbs a smooth function of two parameters with given gradient; the
// Hessian is of differences of the gradient. Steps that do not climb are halved.
func newton2(at [2]float64, f func([2]float64) float64, gradient func([2]float64) [2]float64) [2]float64 {
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
			step = [2]float64{g[0] / (1 + size), g[1] / (1 + size)}
		}
		moved := false
		for range 60 {
			next := [2]float64{at[0] + step[0], at[1] + step[1]}
			if v := f(next); v >= value {
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

func betaBinomial(in countInput) (object, error) {
	if err := sameLength(len(in.X), map[string]int{"n": len(in.N)}); err != nil {
		return nil, err
	}
	p := sum(in.X) / sum(in.N)
	if !(p > 0 && p < 1) {
		return nil, fmt.Errorf("the units have no events, or nothing but events")
	}
	likelihood := func(t [2]float64) float64 {
		a, b := math.Exp(t[0]), math.Exp(t[1])
		s := 0.0
		for i, x := range in.X {
			n := in.N[i]
			s += lgamma(n+1) - lgamma(x+1) - lgamma(n-x+1)
			s += lgamma(x+a) + lgamma(n-x+b) - lgamma(n+a+b) + lgamma(a+b) - lgamma(a) - lgamma(b)
		}
		return s
	}
	gradient := func(t [2]float64) [2]float64 {
		a, b := math.Exp(t[0]), math.Exp(t[1])
		var ga, gb float64
		for i, x := range in.X {
			n := in.N[i]
			common := mathext.Digamma(a+b) - mathext.Digamma(n+a+b)
			ga += mathext.Digamma(x+a) - mathext.Digamma(a) + common
			gb += mathext.Digamma(n-x+b) - mathext.Digamma(b) + common
		}
		return [2]float64{ga * a, gb * b}
	}
	t := newton2([2]float64{math.Log(20 * p), math.Log(20 * (1 - p))}, likelihood, gradient)
	a, b := math.Exp(t[0]), math.Exp(t[1])
	shrunk, weight := make([]float64, len(in.X)), make([]float64, len(in.X))
	for i, x := range in.X {
		shrunk[i], weight[i] = (x+a)/(in.N[i]+a+b), in.N[i]/(in.N[i]+a+b)
	}
	return object{
		{"mu", a / (a + b)}, {"rho", 1 / (1 + a + b)}, {"alpha", a}, {"beta", b}, {"logLik", likelihood(t)},
		{"shrunk", shrunk}, {"shrink_weight", weight},
	}, nil
}

func gammaPoisson(in countInput) (object, error) {
	if err := sameLength(len(in.Observed), map[string]int{"expected": len(in.Expected)}); err != nil {
		return nil, err
	}
	m := sum(in.Observed) / sum(in.Expected)
	if !(m > 0) {
		return nil, fmt.Errorf("the units have no events")
	}
	likelihood := func(t [2]float64) float64 {
		m, th := math.Exp(t[0]), math.Exp(t[1])
		s := 0.0
		for i, o := range in.Observed {
			mu := m * in.Expected[i]
			s += lgamma(o+th) - lgamma(th) - lgamma(o+1) - th*math.Log1p(mu/th) - o*math.Log1p(th/mu)
		}
		return s
	}
	gradient := func(t [2]float64) [2]float64 {
		m, th := math.Exp(t[0]), math.Exp(t[1])
		var gm, gt float64
		for i, o := range in.Observed {
			mu := m * in.Expected[i]
			gm += (o - mu) * th / (th + mu)
			gt += mathext.Digamma(o+th) - mathext.Digamma(th) - math.Log1p(mu/th) + (mu-o)/(th+mu)
		}
		return [2]float64{gm, gt * th}
	}
	t := newton2([2]float64{math.Log(m), math.Log(10)}, likelihood, gradient)
	m, th := math.Exp(t[0]), math.Exp(t[1])
	shrunk := make([]float64, len(in.Observed))
	for i, o := range in.Observed {
		shrunk[i] = (o + th) / (in.Expected[i] + th/m)
	}
	return object{{"mean_ratio", m}, {"theta_shape", th}, {"logLik", likelihood(t)}, {"shrunk", shrunk}}, nil
}

func marshallPoisson(in countInput) (object, error) { return marshall(in, false) }

func marshallBinomial(in countInput) (object, error) { return marshall(in, true) }

func marshall(in countInput, binomial bool) (object, error) {
	k := len(in.X)
	if err := sameLength(k, map[string]int{"n": len(in.N)}); err != nil {
		return nil, err
	}
	total := sum(in.N)
	b := sum(in.X) / total
	raw, est := make([]float64, k), make([]float64, k)
	s2 := 0.0
	for i, x := range in.X {
		raw[i] = x / in.N[i]
		s2 += in.N[i] * (raw[i] - b) * (raw[i] - b)
	}
	average := total / float64(k)
	var a float64
	if binomial {
		// Moments of a beta prior: the sampling variance of the mean is taken out
		// of the total one, with the number of units as divisor.
		q := s2 / total
		a = (q - b*(1-b)/average) / (1 - 1/average)
	} else {
		a = s2/total - b/average
	}
	a = max(0, a)
	for i := range raw {
		noise := b / in.N[i]
		if binomial {
			noise = (b*(1-b) - a) / in.N[i]
		}
		est[i] = b
		if a > 0 {
			est[i] = b + (raw[i]-b)*a/(a+noise)
		}
	}
	return object{{"a", a}, {"m_or_b", b}, {"raw", raw}, {"estimate", est}}, nil
}
