package faithful

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/optimize"

	"larstrom/pipeline/variation"
)

// lme4::glmer with a random intercept per unit: logit-normal and Poisson
// log-normal, by the Laplace approximation (nAGQ 1) or adaptive Gauss-Hermite
// quadrature.

// intercepts is one such model. Of unit i, value gives the log-likelihood at
// linear predictor eta without constants, and its first two derivatives.
type intercepts struct {
	units  int
	value  func(i int, eta float64) (l, d1, d2 float64)
	nodes  []float64
	weight []float64
}

func newIntercepts(units, nagq int, value func(int, float64) (float64, float64, float64)) *intercepts {
	m := &intercepts{units: units, value: value, nodes: make([]float64, nagq), weight: make([]float64, nagq)}
	quad.Hermite{}.FixedLocations(m.nodes, m.weight, math.Inf(-1), math.Inf(1))
	return m
}

// mode is the most likely standard-normal effect of unit i, and the curvature
// there.
func (m *intercepts) mode(i int, beta, sigma float64) (v, curvature float64) {
	for range 100 {
		_, d1, d2 := m.value(i, beta+sigma*v)
		curvature = 1 - sigma*sigma*d2
		step := (sigma*d1 - v) / curvature
		v += math.Copysign(min(math.Abs(step), 3), step)
		if math.Abs(step) < 1e-12*(1+math.Abs(v)) {
			break
		}
	}
	return v, curvature
}

// logLik is without constants of the data.
func (m *intercepts) logLik(beta, sigma float64) float64 {
	total := 0.0
	for i := range m.units {
		v, h := m.mode(i, beta, sigma)
		l0, _, _ := m.value(i, beta+sigma*v)
		top := l0 - v*v/2
		s := 0.0
		for j, z := range m.nodes {
			u := v + math.Sqrt2*z/math.Sqrt(h)
			l, _, _ := m.value(i, beta+sigma*u)
			s += m.weight[j] * math.Exp(l-u*u/2-top+z*z)
		}
		total += top + math.Log(s/math.Sqrt(math.Pi*h))
	}
	return total
}

// fit maximises the likelihood. beta is the estimate without variance between
// units.
func (m *intercepts) fit(beta float64) (b, sigma, ll float64, err error) {
	problem := optimize.Problem{Func: func(x []float64) float64 {
		f := -m.logLik(x[0], math.Abs(x[1]))
		if math.IsNaN(f) {
			return math.Inf(1)
		}
		return f
	}}
	settings := &optimize.Settings{Converger: &optimize.FunctionConverge{Absolute: 1e-11, Iterations: 60}, FuncEvaluations: 5000}
	r, err := optimize.Minimize(problem, []float64{beta, 0.3}, settings, &optimize.NelderMead{})
	if r == nil {
		return 0, 0, 0, fmt.Errorf("the likelihood has no maximum: %w", err)
	}
	b, sigma, ll = r.X[0], math.Abs(r.X[1]), -r.F
	// Where no variance does as well, the tool's fit is singular: exactly 0.
	if zero := m.logLik(beta, 0); zero >= ll-1e-9*math.Abs(ll) {
		return beta, 0, zero, nil
	}
	return b, sigma, ll, nil
}

// nodes is the number of quadrature points; 1 is the Laplace approximation.
func (in *countInput) nodes() (int, error) {
	n := or(in.NAGQ, 1)
	if !(n >= 1 && n <= 100 && n == math.Trunc(n)) {
		return 0, fmt.Errorf("nAGQ %v is not a whole number of 1 to 100", n)
	}
	return int(n), nil
}

func morLogitNormal(in countInput) (object, error) {
	k := len(in.X)
	if err := sameLength(k, map[string]int{"n": len(in.N)}); err != nil {
		return nil, err
	}
	p := sum(in.X) / sum(in.N)
	if !(p > 0 && p < 1) {
		return nil, fmt.Errorf("the units have no events, or nothing but events")
	}
	nagq, err := in.nodes()
	if err != nil {
		return nil, err
	}
	m := newIntercepts(k, nagq, func(i int, eta float64) (float64, float64, float64) {
		q := 1 / (1 + math.Exp(-eta))
		soft := max(eta, 0) + math.Log1p(math.Exp(-math.Abs(eta)))
		return in.X[i]*eta - in.N[i]*soft, in.X[i] - in.N[i]*q, -in.N[i] * q * (1 - q)
	})
	beta, sigma, ll, err := m.fit(math.Log(p / (1 - p)))
	if err != nil {
		return nil, err
	}
	// With quadrature the tool's likelihood is relative to the saturated model.
	for i, x := range in.X {
		n := in.N[i]
		if nagq == 1 {
			ll += lgamma(n+1) - lgamma(x+1) - lgamma(n-x+1)
			continue
		}
		if x > 0 {
			ll -= x * math.Log(x/n)
		}
		if x < n {
			ll -= (n - x) * math.Log(1-x/n)
		}
	}
	blup, prob := make([]float64, k), make([]float64, k)
	for i := range k {
		v, _ := m.mode(i, beta, sigma)
		blup[i] = sigma * v
		prob[i] = 1 / (1 + math.Exp(-beta-blup[i]))
	}
	s2 := sigma * sigma
	return object{
		{"intercept", beta}, {"sigma2_u", s2}, {"MOR", variation.MedianRatio(s2)},
		{"ICC_latent", s2 / (s2 + math.Pi*math.Pi/3)}, {"logLik", ll}, {"blup_logit", blup}, {"blup_prob", prob},
	}, nil
}

func morPoisson(in countInput) (object, error) {
	k := len(in.Observed)
	if err := sameLength(k, map[string]int{"expected": len(in.Expected)}); err != nil {
		return nil, err
	}
	ratio := sum(in.Observed) / sum(in.Expected)
	if !(ratio > 0) {
		return nil, fmt.Errorf("the units have no events")
	}
	nagq, err := in.nodes()
	if err != nil {
		return nil, err
	}
	m := newIntercepts(k, nagq, func(i int, eta float64) (float64, float64, float64) {
		mu := in.Expected[i] * math.Exp(eta)
		return in.Observed[i]*eta - mu, in.Observed[i] - mu, -mu
	})
	beta, sigma, _, err := m.fit(math.Log(ratio))
	if err != nil {
		return nil, err
	}
	blup := make([]float64, k)
	for i := range k {
		v, _ := m.mode(i, beta, sigma)
		blup[i] = sigma * v
	}
	return object{
		{"intercept", beta}, {"sigma2_u", sigma * sigma}, {"MRR", variation.MedianRatio(sigma * sigma)}, {"blup_log", blup},
	}, nil
}
