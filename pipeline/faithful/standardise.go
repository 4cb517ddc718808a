package faithful

import (
	"errors"
	"fmt"
	"math"
	"strconv"

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

// refused is why the tool would not take such counts, "" where it would.
func (in *standardInput) refused(indirect bool) string {
	confidence, why := pheConfidence(in.Confidence)
	if why != "" {
		return why
	}
	in.Confidence = &confidence
	rows := map[string]int{}
	for i, x := range in.Observed {
		n := in.Population[i]
		rows[in.Unit[i]]++
		switch {
		case x < 0:
			return "numerators must all be greater than or equal to zero"
		case indirect && n < 0:
			return "denominators must all be greater than or equal to zero"
		case indirect:
		case math.IsNaN(n) || math.IsNaN(in.Standard[i]):
			return "fields n and stdpop cannot have missing values"
		case n <= 0:
			return "denominators must all be greater than zero"
		case in.Standard[i] < 0:
			return "stdpop must all be greater than or equal to zero"
		}
	}
	if !indirect {
		if m := or(in.Multiplier, 1); !(m > 0) {
			return "multiplier must be greater than 0"
		}
		return ""
	}
	for _, n := range rows {
		if n != len(in.RefObs) {
			return "x_ref length must equal number of rows in each group within data"
		}
	}
	return ""
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

// observedExpected sums a unit's rows; a missing count or population is 0, except
// a missing reference population.
func (in *standardInput) observedExpected(rows []int) (o, e float64) {
	var obs, exp []float64
	for _, r := range rows {
		s := int(in.Stratum[r]) - 1
		obs = append(obs, in.Observed[r])
		exp = append(exp, orZero(in.RefObs[s])/in.RefPop[s]*orZero(in.Population[r]))
	}
	return sum(present(obs)), sum(exp)
}

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

func indirectRatio(in standardInput) (object, error) {
	if err := in.check(true); err != nil {
		return nil, err
	}
	if why := in.refused(true); why != "" {
		return stopped("%s", why), nil
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
	if why := in.refused(true); why != "" {
		return stopped("%s", why), nil
	}
	names, rows := groups(in.Unit)
	k := len(names)
	obs, exp, value := columns3(k)
	low, high := make([]float64, k), make([]float64, k)
	rate := sum(present(in.RefObs)) / sum(in.RefPop) * or(in.Multiplier, 100_000)
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
	if why := in.refused(false); why != "" {
		return stopped("%s", why), nil
	}
	names, rows := groups(in.Unit)
	k := len(names)
	total, pop, value := columns3(k)
	low, high := make([]float64, k), make([]float64, k)
	m := or(in.Multiplier, 100_000)
	for i, u := range names {
		var wx, v, w float64
		for _, r := range rows[u] {
			x := orZero(in.Observed[r]) // a missing count is none
			total[i] += x
			pop[i] += in.Population[r]
			ratio := in.Standard[r] / in.Population[r]
			wx += ratio * x
			v += x * ratio * ratio
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
	first := 0.0
	if high <= 2*low {
		unit := math.Pow(10, printedWidth(math.Floor(low*0.95))-1)
		first = math.Floor(low*0.95/unit) * unit
	}
	unit := math.Pow(10, printedWidth(math.Ceil(high*1.05))-2)
	last := math.Ceil(high*1.05/unit) * unit
	x := []float64{max(1, first)}
	for j := 1; j < 100; j++ {
		p := x[j-1]
		x = append(x, max(math.RoundToEven(math.Pow(last/p, 1/float64(101-j-lag))*p), p+1))
	}
	return x
}

// printedWidth is the number of characters in which R prints a whole number: a
// round one is shorter as 1e+05.
func printedWidth(v float64) float64 {
	fixed := len(strconv.FormatFloat(v, 'f', 0, 64))
	return float64(min(fixed, len(strconv.FormatFloat(v, 'e', -1, 64))))
}

// check is an error about the case, or why the tool would not take it.
func (in *pheInput) check(statistic string) (why string, err error) {
	if in.Statistic != "" && in.Statistic != statistic {
		return "", fmt.Errorf("statistic %q does not belong to the method phefunnel.%s", in.Statistic, statistic)
	}
	if len(in.Numerator) == 0 {
		return "", errors.New("there are no units")
	}
	if err := sameLength(len(in.Numerator), map[string]int{"denominator": len(in.Denominator)}); err != nil {
		return "", err
	}
	for i, d := range in.Denominator {
		switch x := in.Numerator[i]; {
		case math.IsNaN(x) || math.IsNaN(d):
			return "numerators and denominators must be provided for all records", nil
		case x < 0:
			return "numerators must be greater than or equal to zero", nil
		case d <= 0:
			return "denominators must be greater than zero", nil
		case statistic == "proportion" && x > d:
			return "numerators must be less than or equal to denominator for a proportion statistic", nil
		}
	}
	return "", nil
}

func pheProportion(in pheInput) (object, error) {
	if why, err := in.check("proportion"); err != nil || why != "" {
		return stopped("%s", why), err
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
	if why, err := in.check("ratio"); err != nil || why != "" {
		return stopped("%s", why), err
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
