package faithful

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"larstrom/pipeline/spc"
)

type exactInput struct {
	N         vec     `json:"n"`
	Expected  vec     `json:"expected"`
	Target    float64 `json:"target"`
	Quantiles vec     `json:"quantiles"`
}

// exactColumns runs the interpolation of Spiegelhalter 2005 (A.1.1) over a grid.
//
// Without quantiles it takes those of 99.8 and 95 % limits.
func exactColumns(n, quantiles vec, r func(q, n float64) int, cdf, pmf func(k int, n float64) float64) object {
	if quantiles == nil {
		quantiles = vec{0.001, 0.025, 0.975, 0.999}
	}
	var rs, plain, inter []vec
	for _, q := range quantiles {
		a, b, c := columns3(len(n))
		for i, x := range n {
			k := r(q, x)
			a[i] = float64(k)
			b[i] = a[i] / x
			c[i] = (a[i] - (cdf(k, x)-q)/pmf(k, x)) / x
		}
		rs, plain, inter = append(rs, a), append(plain, b), append(inter, c)
	}
	return object{{"r", rs}, {"limit_plain", plain}, {"limit_interpolated", inter}}
}

func exactBinomial(in exactInput) (object, error) {
	for _, n := range in.N {
		if !(n > 0 && n == math.Floor(n) && n < 1e9) {
			return nil, fmt.Errorf("n %v is not a positive whole number", n)
		}
	}
	if !(in.Target > 0 && in.Target < 1) {
		return nil, fmt.Errorf("target %v is not between 0 and 1", in.Target)
	}
	return exactColumns(in.N, in.Quantiles,
		func(q, n float64) int { return spc.BinomialQuantile(q, int(n), in.Target) },
		func(k int, n float64) float64 { return spc.BinomialCDF(k, int(n), in.Target) },
		func(k int, n float64) float64 { return spc.BinomialPMF(k, int(n), in.Target) }), nil
}

func exactPoisson(in exactInput) (object, error) {
	for _, e := range in.Expected {
		if !(e > 0 && e < 1e9) {
			return nil, fmt.Errorf("expected %v is not a positive number", e)
		}
	}
	return exactColumns(in.Expected, in.Quantiles, spc.PoissonQuantile, spc.PoissonCDF, spc.PoissonPMF), nil
}

type spiegelhalterInput struct {
	X      vec      `json:"x"`
	N      vec      `json:"n"`
	Winsor *float64 `json:"winsor"`
}

// spiegelhalterOD is the untransformed method of Spiegelhalter 2005 as written,
// without clipping.
func spiegelhalterOD(in spiegelhalterInput) (object, error) {
	if err := sameLength(len(in.X), map[string]int{"n": len(in.N)}); err != nil {
		return nil, err
	}
	k := len(in.X)
	t := sum(in.X) / sum(in.N)
	z, s, v := columns3(k)
	for i, x := range in.X {
		v[i] = t * (1 - t) / in.N[i]
		s[i] = math.Sqrt(v[i])
		z[i] = (x/in.N[i] - t) / s[i]
	}
	winsor := or(in.Winsor, 0.1)
	low, high := quantile7(z, winsor), quantile7(z, 1-winsor)
	zw := slices.Clone(z)
	var phi, w1, w2 float64
	for i := range zw {
		zw[i] = min(max(z[i], low), high)
		phi += zw[i] * zw[i]
		w1 += 1 / v[i]
		w2 += 1 / (v[i] * v[i])
	}
	n := float64(k)
	phi /= n
	tau2 := max(0, (n*phi-(n-1))/(w1-w2/w1))
	ml, mu, al := columns3(k)
	au := make([]float64, k)
	z3 := mathext.NormalQuantile(0.999)
	for i := range z {
		m, a := z3*math.Sqrt(phi)*s[i], z3*math.Sqrt(v[i]+tau2)
		ml[i], mu[i], al[i], au[i] = t-m, t+m, t-a, t+a
	}
	return object{
		{"target", t}, {"z", z}, {"z_winsorised", zw}, {"phi", phi}, {"tau2", tau2},
		{"mult_lower_998", ml}, {"mult_upper_998", mu}, {"add_lower_998", al}, {"add_upper_998", au},
	}, nil
}
