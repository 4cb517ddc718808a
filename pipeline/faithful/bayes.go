package faithful

import (
	"math"

	"larstrom/pipeline/variation"
)

// Empirical Bayes: VGAM's beta-binomial, MASS's negative binomial, spdep's EBest.

type countInput struct {
	X        vec      `json:"x"`
	N        vec      `json:"n"`
	Observed vec      `json:"observed"`
	Expected vec      `json:"expected"`
	NAGQ     *float64 `json:"nAGQ"`
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// betaBinomial is VGAM's maximum likelihood; any that converges is the same.
func betaBinomial(in countInput) (object, error) {
	f, err := variation.FitBetaBinomial(in.X, in.N)
	if err != nil {
		return nil, err
	}
	shrunk, weight := make([]float64, len(in.X)), make([]float64, len(in.X))
	total := f.Alpha + f.Beta
	for i, x := range in.X {
		shrunk[i], weight[i] = f.Shrink(x, in.N[i]), in.N[i]/(in.N[i]+total)
	}
	return object{
		{"mu", f.Alpha / total}, {"rho", 1 / (1 + total)}, {"alpha", f.Alpha}, {"beta", f.Beta}, {"logLik", f.LogLik},
		{"shrunk", shrunk}, {"shrink_weight", weight},
	}, nil
}

// gammaPoisson is MASS::glm.nb with the expected events as offset.
func gammaPoisson(in countInput) (object, error) {
	f, err := variation.FitGammaPoisson(in.Observed, in.Expected)
	if err != nil {
		return nil, err
	}
	shrunk := make([]float64, len(in.Observed))
	for i, o := range in.Observed {
		shrunk[i] = f.Shrink(o, in.Expected[i])
	}
	return object{{"mean_ratio", f.Mean}, {"theta_shape", f.Shape}, {"logLik", f.LogLik}, {"shrunk", shrunk}}, nil
}

func marshallPoisson(in countInput) (object, error) { return marshall(in, false) }

func marshallBinomial(in countInput) (object, error) { return marshall(in, true) }

func marshall(in countInput, binomial bool) (object, error) {
	k := len(in.X)
	if err := sameLength(k, map[string]int{"n": len(in.N)}); err != nil {
		return nil, err
	}
	for i, n := range in.N {
		if !(n >= 0x1p-52 && in.X[i] >= 0) {
			return stopped("row %d has a missing or negative number of cases, or no population", i+1), nil
		}
	}
	total := sum(in.N)
	average := total / float64(k)
	b := sum(in.X) / total
	raw, est, share := columns3(k)
	for i, x := range in.X {
		raw[i] = x / in.N[i]
		share[i] = in.N[i] * ((raw[i] - b) * (raw[i] - b) / total)
	}
	a := sum(share)
	if !binomial {
		a = max(0, a-b/average)
	}
	for i, p := range raw {
		n := in.N[i]
		if binomial {
			// Nothing keeps this share within 0 and 1; a is the total variance.
			v := b * (1 - b)
			rho := (n*a - n/average*v) / ((n-1)*a + (average-n)/average*v)
			est[i] = rho*p + (1-rho)*b
			continue
		}
		est[i] = b + a*(p-b)/(a+b/n)
	}
	return object{{"a", a}, {"m_or_b", b}, {"raw", raw}, {"estimate", est}}, nil
}
