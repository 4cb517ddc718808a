package faithful

import (
	"math"

	"larstrom/pipeline/variation"
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
	if binomial {
		a = s2 / total // the tool shows the total variance, not the one it used
	}
	return object{{"a", a}, {"m_or_b", b}, {"raw", raw}, {"estimate", est}}, nil
}
