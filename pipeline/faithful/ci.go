package faithful

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

type ciInput struct {
	X          vec      `json:"x"`
	N          vec      `json:"n"`
	Confidence float64  `json:"confidence"`
	Multiplier *float64 `json:"multiplier"`
}

func (in *ciInput) check() error {
	if !(in.Confidence > 0 && in.Confidence < 1) {
		return fmt.Errorf("confidence %v is not between 0 and 1", in.Confidence)
	}
	return sameLength(len(in.X), map[string]int{"n": len(in.N)})
}

// ciWilson is PHEindicatormethods::phe_proportion (Wilson 1927).
func ciWilson(in ciInput) (object, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	z := -mathext.NormalQuantile((1 - in.Confidence) / 2)
	value, low, high := columns3(len(in.X))
	for i, x := range in.X {
		value[i] = x / in.N[i]
		low[i], high[i] = variation.WilsonZ(x, in.N[i], z)
	}
	return object{{"value", value}, {"lower", low}, {"upper", high}}, nil
}

func columns3(n int) (a, b, c []float64) {
	return make([]float64, n), make([]float64, n), make([]float64, n)
}

// byar gives phe_rate's limits of a count and its name for the method.
func byar(x, confidence float64) (low, high float64, method string) {
	if x < 10 {
		low, high = variation.ExactPoisson(x, confidence)
		return low, high, "Exact"
	}
	low, high = variation.NewByar(confidence).Interval(x, 1)
	return low, high, "Byars"
}

// ciByar is PHEindicatormethods::phe_rate.
func ciByar(in ciInput) (object, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	m := 1.0
	if in.Multiplier != nil {
		m = *in.Multiplier
	}
	value, low, high := columns3(len(in.X))
	names := make([]string, len(in.X))
	for i, x := range in.X {
		value[i] = x / in.N[i] * m
		low[i], high[i], names[i] = byar(x, in.Confidence)
		low[i], high[i] = low[i]/in.N[i]*m, high[i]/in.N[i]*m
	}
	return object{{"value", value}, {"lower", low}, {"upper", high}, {"method", names}}, nil
}

// ciExact is epitools: binom.exact, binom.wilson, pois.exact and pois.byar, the
// last with x + 0.5 in both limits.
func ciExact(in ciInput) (object, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	n := len(in.X)
	z := -mathext.NormalQuantile((1 - in.Confidence) / 2)
	be, bw, pe := make([]float64, n), make([]float64, n), make([]float64, n)
	be2, bw2, pe2 := make([]float64, n), make([]float64, n), make([]float64, n)
	rate, mid, mid2 := columns3(n)
	for i, x := range in.X {
		d := in.N[i]
		be[i], be2[i] = variation.ExactBinomial(x, d, in.Confidence)
		bw[i], bw2[i] = variation.WilsonZ(x, d, z)
		low, high := poisExact(x, in.Confidence)
		rate[i], pe[i], pe2[i] = x/d, low/d, high/d
		h := x + 0.5
		a, b := 1-1/(9*h), z/3*math.Sqrt(1/h)
		mid[i], mid2[i] = h*math.Pow(a-b, 3)/d, h*math.Pow(a+b, 3)/d
	}
	return object{
		{"binom_exact_lower", be}, {"binom_exact_upper", be2}, {"wilson_lower", bw}, {"wilson_upper", bw2},
		{"pois_exact_rate", rate}, {"pois_exact_lower", pe}, {"pois_exact_upper", pe2},
		{"pois_byar_mid_lower", mid}, {"pois_byar_mid_upper", mid2},
	}, nil
}

// poisExact stops its root search at R's default tolerance: the sixth digit is
// the search's, not the method's.
func poisExact(x, confidence float64) (low, high float64) {
	a := (1 - confidence) / 2
	tol := math.Pow(0x1p-52, 0.25)
	top := 5*x + 4
	k := int(x)
	high = zeroin(0, top, tol, func(mu float64) float64 { return spc.PoissonCDF(k, mu) - a })
	if x > 0 {
		low = zeroin(0, top, tol, func(mu float64) float64 { return 1 - spc.PoissonCDF(k, mu) + spc.PoissonPMF(k, mu) - a })
	}
	return low, high
}

type meanInput struct {
	Group      []string `json:"group"`
	Y          vec      `json:"y"`
	Confidence float64  `json:"confidence"`
}

// ciMeanT is PHEindicatormethods::phe_mean.
func ciMeanT(in meanInput) (object, error) {
	if err := sameLength(len(in.Y), map[string]int{"group": len(in.Group)}); err != nil {
		return nil, err
	}
	names, rows := groups(in.Group)
	n := make([]int, len(names))
	m, sd, low := columns3(len(names))
	high := make([]float64, len(names))
	for i, name := range names {
		var v []float64
		for _, r := range rows[name] {
			v = append(v, in.Y[r])
		}
		n[i], m[i], sd[i] = len(v), mean(v), stddev(v)
		low[i], high[i] = variation.MeanT(m[i], sd[i], len(v), in.Confidence)
	}
	return object{{"group", names}, {"n", n}, {"mean", m}, {"sd", sd}, {"lower", low}, {"upper", high}}, nil
}
