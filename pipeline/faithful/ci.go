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
	Confidence *float64 `json:"confidence"`
	Multiplier *float64 `json:"multiplier"`
}

// pheConfidence is the confidence level as a fraction, which PHEindicatormethods
// also takes in percent, or why it would not.
func pheConfidence(given *float64) (level float64, why string) {
	level = or(given, 0.95)
	if !(level >= 0.9 && level <= 1 || level >= 90 && level <= 100) {
		return 0, "confidence level must be between 90 and 100 or between 0.9 and 1"
	}
	if level >= 90 {
		level /= 100
	}
	return level, ""
}

// phe is the confidence level, or an error about the case, or why
// PHEindicatormethods would not take it.
func (in *ciInput) phe(proportion bool) (confidence float64, why string, err error) {
	if err := sameLength(len(in.X), map[string]int{"n": len(in.N)}); err != nil {
		return 0, "", err
	}
	for i, x := range in.X {
		switch n := in.N[i]; {
		case x < 0:
			return 0, "numerators must be greater than or equal to zero", nil
		case n <= 0:
			return 0, "denominators must be greater than zero", nil
		case proportion && x > n:
			return 0, "numerators must be less than or equal to denominator for a proportion statistic", nil
		}
	}
	confidence, why = pheConfidence(in.Confidence)
	return confidence, why, nil
}

// ciWilson is PHEindicatormethods::phe_proportion (Wilson 1927).
func ciWilson(in ciInput) (object, error) {
	confidence, why, err := in.phe(true)
	if err != nil || why != "" {
		return stopped("%s", why), err
	}
	m := or(in.Multiplier, 1)
	value, low, high := columns3(len(in.X))
	for i, x := range in.X {
		value[i] = x / in.N[i] * m
		low[i], high[i] = 0, 1
		if confidence < 1 {
			low[i], high[i] = variation.WilsonZ(x, in.N[i], -mathext.NormalQuantile((1-confidence)/2))
		}
		low[i], high[i] = low[i]*m, high[i]*m
	}
	return object{{"value", value}, {"lower", low}, {"upper", high}}, nil
}

func columns3(n int) (a, b, c []float64) {
	return make([]float64, n), make([]float64, n), make([]float64, n)
}

// byar gives phe_rate's limits of a count and its name for the method.
func byar(x, confidence float64) (low, high float64, method string) {
	switch {
	case confidence == 1 && x < 10:
		return 0, math.Inf(1), "Exact"
	case confidence == 1:
		return math.NaN(), math.Inf(1), "Byars"
	case x < 10:
		low, high = variation.ExactPoisson(x, confidence)
		return low, high, "Exact"
	}
	low, high = variation.NewByar(confidence).Interval(x, 1)
	return low, high, "Byars"
}

// ciByar is PHEindicatormethods::phe_rate.
func ciByar(in ciInput) (object, error) {
	confidence, why, err := in.phe(false)
	if err != nil || why != "" {
		return stopped("%s", why), err
	}
	m := or(in.Multiplier, 100_000)
	value, low, high := columns3(len(in.X))
	names := make([]any, len(in.X))
	for i, x := range in.X {
		value[i] = x / in.N[i] * m
		a, b, name := byar(x, confidence)
		low[i], high[i] = a/in.N[i]*m, b/in.N[i]*m
		names[i] = orNull(math.IsNaN(x), name)
	}
	return object{{"value", value}, {"lower", low}, {"upper", high}, {"method", names}}, nil
}

// ciExact is epitools: binom.exact, binom.wilson, pois.exact and pois.byar, the
// last with x + 0.5 in both limits.
func ciExact(in ciInput) (object, error) {
	confidence := or(in.Confidence, 0.95)
	if !(confidence > 0 && confidence < 1) {
		return nil, fmt.Errorf("confidence %v is not between 0 and 1", confidence)
	}
	if err := sameLength(len(in.X), map[string]int{"n": len(in.N)}); err != nil {
		return nil, err
	}
	n := len(in.X)
	z := -mathext.NormalQuantile((1 - confidence) / 2)
	be, bw, pe := make([]float64, n), make([]float64, n), make([]float64, n)
	be2, bw2, pe2 := make([]float64, n), make([]float64, n), make([]float64, n)
	rate, mid, mid2 := columns3(n)
	for i, x := range in.X {
		d := in.N[i]
		be[i], be2[i] = variation.ExactBinomial(x, d, confidence)
		bw[i], bw2[i] = variation.WilsonZ(x, d, z)
		low, high := poisExact(x, confidence)
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
	Confidence *float64 `json:"confidence"`
}

// ciMeanT is PHEindicatormethods::phe_mean.
func ciMeanT(in meanInput) (object, error) {
	if err := sameLength(len(in.Y), map[string]int{"group": len(in.Group)}); err != nil {
		return nil, err
	}
	confidence, why := pheConfidence(in.Confidence)
	if why != "" {
		return stopped("%s", why), nil
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
		n[i], m[i], sd[i] = len(v), sum(v)/float64(len(v)), stddev(v)
		low[i], high[i] = variation.MeanT(m[i], sd[i], len(v), confidence)
	}
	return object{{"group", names}, {"n", n}, {"mean", m}, {"sd", sd}, {"lower", low}, {"upper", high}}, nil
}
