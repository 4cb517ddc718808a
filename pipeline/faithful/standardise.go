package faithful

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// PHEindicatormethods 2.1.0: standardised ratios and rates, and its funnels.

type standardInput struct {
	Unit       []string `json:"unit"`
	Stratum    vec      `json:"stratum"`
	Observed   vec      `json:"observed"`
	Population vec      `json:"population"`
	Standard   vec      `json:"std_population"`
	RefObs     vec      `json:"ref_observed"`
	RefPop     vec      `json:"ref_population"`
	RefValue   *float64 `json:"refvalue"`
	Confidence *float64 `json:"confidence"`
	Multiplier *float64 `json:"multiplier"`
}

func (in *standardInput) check(indirect bool) error {
	n := len(in.Observed)
	cols := map[string]int{"unit": len(in.Unit), "stratum": len(in.Stratum), "population": len(in.Population)}
	if !indirect {
		cols["std_population"] = len(in.Standard)
	}
	if err := sameLength(n, cols); err != nil {
		return err
	}
	if !indirect {
		return nil
	}
	if len(in.RefObs) != len(in.RefPop) {
		return fmt.Errorf("%d reference counts for %d reference populations", len(in.RefObs), len(in.RefPop))
	}
	for i, s := range in.Stratum {
		if !(s >= 1 && s <= float64(len(in.RefObs)) && s == math.Floor(s)) {
			return fmt.Errorf("stratum %v of row %d is not one of 1 to %d", s, i+1, len(in.RefObs))
		}
	}
	return nil
}

// observedExpected sums a unit's rows.
func (in *standardInput) observedExpected(rows []int) (o, e float64) {
	for _, r := range rows {
		s := int(in.Stratum[r]) - 1
		o += in.Observed[r]
		e += in.Population[r] * in.RefObs[s] / in.RefPop[s]
	}
	return o, e
}

func indirectRatio(in standardInput) (object, error) {
	if err := in.check(true); err != nil {
		return nil, err
	}
	names, rows := groups(in.Unit)
	k := len(names)
	obs, exp, value := columns3(k)
	low, high, low3 := columns3(k)
	high3, method := make([]float64, k), make([]string, k)
	m := or(in.RefValue, 1)
	for i, u := range names {
		obs[i], exp[i] = in.observedExpected(rows[u])
		value[i] = obs[i] / exp[i] * m
		low[i], high[i], method[i] = byar(obs[i], 0.95)
		low3[i], high3[i], _ = byar(obs[i], 0.998)
		for _, c := range []*float64{&low[i], &high[i], &low3[i], &high3[i]} {
			*c *= m / exp[i]
		}
	}
	return object{
		{"unit", names}, {"observed", obs}, {"expected", exp}, {"value", value}, {"lower95", low}, {"upper95", high},
		{"lower998", low3}, {"upper998", high3}, {"method", method},
	}, nil
}

func indirectRate(in standardInput) (object, error) {
	if err := in.check(true); err != nil {
		return nil, err
	}
	names, rows := groups(in.Unit)
	k := len(names)
	obs, exp, value := columns3(k)
	low, high := make([]float64, k), make([]float64, k)
	rate := sum(in.RefObs) / sum(in.RefPop) * or(in.Multiplier, 1)
	for i, u := range names {
		obs[i], exp[i] = in.observedExpected(rows[u])
		value[i] = obs[i] / exp[i] * rate
		low[i], high[i], _ = byar(obs[i], or(in.Confidence, 0.95))
		low[i], high[i] = low[i]*rate/exp[i], high[i]*rate/exp[i]
	}
	return object{{"unit", names}, {"observed", obs}, {"expected", exp}, {"ref_rate", same(rate, k)}, {"value", value}, {"lower", low}, {"upper", high}}, nil
}

// direct is Dobson's method on Byar's limits; fewer than 10 events give null.
func direct(in standardInput) (object, error) {
	if err := in.check(false); err != nil {
		return nil, err
	}
	names, rows := groups(in.Unit)
	k := len(names)
	total, pop, value := columns3(k)
	low, high := make([]float64, k), make([]float64, k)
	m := or(in.Multiplier, 1)
	for i, u := range names {
		var wx, v, w float64
		for _, r := range rows[u] {
			total[i] += in.Observed[r]
			pop[i] += in.Population[r]
			ratio := in.Standard[r] / in.Population[r]
			wx += ratio * in.Observed[r]
			v += in.Observed[r] * ratio * ratio
			w += in.Standard[r]
		}
		value[i] = wx / w * m
		if total[i] < 10 {
			value[i], low[i], high[i] = math.NaN(), math.NaN(), math.NaN()
			continue
		}
		a, b, _ := byar(total[i], or(in.Confidence, 0.95))
		scale := math.Sqrt(v / (w * w) / total[i])
		low[i] = value[i] + scale*(a-total[i])*m
		high[i] = value[i] + scale*(b-total[i])*m
	}
	return object{{"unit", names}, {"total_count", total}, {"total_pop", pop}, {"value", value}, {"lower", low}, {"upper", high}}, nil
}

type pheInput struct {
	Numerator   vec    `json:"numerator"`
	Denominator vec    `json:"denominator"`
	Statistic   string `json:"statistic"`
}

// axis is the tool's 100 places to draw limits at, denser for small ones. lag is
// 1 for proportions, 0 for ratios.
func (in *pheInput) axis(lag int) []float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, d := range in.Denominator {
		low, high = min(low, d), max(high, d)
	}
	digits := func(v float64) float64 { return float64(len(fmt.Sprintf("%.0f", v))) }
	first := 0.0
	if high <= 2*low {
		unit := math.Pow(10, digits(math.Floor(low*0.95))-1)
		first = math.Floor(low*0.95/unit) * unit
	}
	unit := math.Pow(10, digits(math.Ceil(high*1.05))-2)
	last := math.Ceil(high*1.05/unit) * unit
	x := []float64{max(1, first)}
	for j := 1; j < 100; j++ {
		p := x[j-1]
		x = append(x, max(math.RoundToEven(math.Pow(last/p, 1/float64(101-j-lag))*p), p+1))
	}
	return x
}

func (in *pheInput) check() error {
	if len(in.Numerator) == 0 {
		return fmt.Errorf("there are no units")
	}
	for i, d := range in.Denominator {
		if !(d > 0) {
			return fmt.Errorf("denominator %v of row %d is not positive", d, i+1)
		}
	}
	return sameLength(len(in.Numerator), map[string]int{"denominator": len(in.Denominator)})
}

func pheProportion(in pheInput) (object, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	p := sum(in.Numerator) / sum(in.Denominator)
	z2, z3 := mathext.NormalQuantile(0.975), mathext.NormalQuantile(0.999)
	at := func(z, n float64) float64 { return p + z*math.Sqrt(p*(1-p)/n) }
	verdict := make([]string, len(in.Numerator))
	for i, x := range in.Numerator {
		n := in.Denominator[i]
		verdict[i] = pheVerdict(x/n < at(-z3, n), x/n < at(-z2, n), x/n > at(z3, n), x/n > at(z2, n))
	}
	x := in.axis(1)
	l2, u2, l3 := columns3(len(x))
	u3 := make([]float64, len(x))
	for i, n := range x {
		l2[i], l3[i] = max(0, at(-z2, n)), max(0, at(-z3, n))
		u2[i], u3[i] = min(100, at(z2, n)), min(100, at(z3, n))
	}
	return object{
		{"significance", verdict}, {"limits_x", x}, {"lower_2s", l2}, {"upper_2s", u2},
		{"lower_3s", l3}, {"upper_3s", u3}, {"baseline", same(p, len(x))},
	}, nil
}

func pheVerdict(low3, low2, high3, high2 bool) string {
	switch {
	case low3:
		return "Low (0.001)"
	case low2:
		return "Low (0.025)"
	case high3:
		return "High (0.001)"
	case high2:
		return "High (0.025)"
	}
	return "Not significant"
}

func pheRatio(in pheInput) (object, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	verdict := make([]string, len(in.Numerator))
	for i, o := range in.Numerator {
		e := in.Denominator[i]
		l2, u2, _ := byar(o, 0.95)
		l3, u3, _ := byar(o, 0.998)
		verdict[i] = pheVerdict(u3/e < 1, u2/e < 1, l3/e > 1, l2/e > 1)
	}
	x := in.axis(0)
	l2, u2, l3 := columns3(len(x))
	u3 := make([]float64, len(x))
	for i, o := range x {
		l2[i], u2[i] = o/poissonBisected(o, 0.025, true)-1, o/poissonBisected(o, 0.025, false)-1
		l3[i], u3[i] = o/poissonBisected(o, 0.001, true)-1, o/poissonBisected(o, 0.001, false)-1
	}
	return object{
		{"significance", verdict}, {"limits_x", x}, {"lower_2s", l2}, {"upper_2s", u2},
		{"lower_3s", l3}, {"upper_3s", u3}, {"baseline", nil},
	}, nil
}

// poissonBisected finds the mean at which a tail of the count o has probability
// p, halving on v with mean (1+o) v/(1-v) until the step is 1e-7: for few events
// what is left of the step shows.
func poissonBisected(o, p float64, high bool) float64 {
	v, step := 0.5, 0.5
	at := func() float64 { return (1 + o) * v / (1 - v) }
	for step > 1e-7 {
		step /= 2
		below := mathext.GammaIncRegComp(o+1, at()) // P(X <= o)
		down := below < p
		if !high {
			down = mathext.GammaIncReg(o, at()) > p // P(X >= o)
		}
		if down {
			v -= step
		} else {
			v += step
		}
	}
	return at()
}
