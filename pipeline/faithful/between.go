package faithful

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Variation between units: metafor, lme4, and the formulas of small-area studies.

type tauInput struct {
	// What the estimates came from has no effect.
	Measure string `json:"measure"`
	X       vec    `json:"x"`
	N       vec    `json:"n"`
	Y       vec    `json:"yi"`
	V       vec    `json:"vi"`
}

// moments of inverse-variance weights with tau2 added.
func (in *tauInput) weighted(tau2 float64) (w, w2, mu, q float64) {
	for i, y := range in.Y {
		a := 1 / (in.V[i] + tau2)
		w += a
		w2 += a * a
		mu += a * y
	}
	mu /= w
	for i, y := range in.Y {
		q += (y - mu) * (y - mu) / (in.V[i] + tau2)
	}
	return w, w2, mu, q
}

// heterogeneity is metafor::rma without moderators, with its iterations run to
// convergence.
func heterogeneity(in tauInput) (object, error) {
	k := len(in.Y)
	if err := sameLength(k, map[string]int{"vi": len(in.V)}); err != nil {
		return nil, err
	}
	// Units with something missing are left out.
	var y, v vec
	for i := range in.Y {
		if !math.IsNaN(in.Y[i]) && !math.IsNaN(in.V[i]) {
			if !(in.V[i] > 0) {
				return nil, fmt.Errorf("unit %d has variance %v; give positive ones", i+1, in.V[i])
			}
			y, v = append(y, in.Y[i]), append(v, in.V[i])
		}
	}
	in.Y, in.V = y, v
	k = len(y)
	if k == 0 {
		return stopped("Processing terminated since k = 0."), nil
	}
	df := float64(k - 1)
	w, w2, _, q := in.weighted(0)
	if k == 1 {
		// One unit has no variance between units by any method.
		var out object
		for _, name := range []string{"DL", "PM", "REML", "HE", "SJ"} {
			out = append(out, field{name, object{
				{"method", name}, {"tau2", 0.0}, {"mu", y[0]}, {"se_mu", math.Sqrt(v[0])},
				{"I2", 0.0}, {"H2", 1.0}, {"Q", 0.0}, {"Q_p", 1.0}, {"k", 1},
			}})
		}
		return out, nil
	}
	typical := df / (w - w2/w)
	qp := distuv.ChiSquared{K: df}.Survival(q)
	he := max(0, variance(in.Y)-mean(in.V))
	sj0 := variance(in.Y) * df / float64(k)
	_, _, _, rss := in.weighted(sj0)
	estimates := []struct {
		name string
		tau2 float64
	}{
		{"DL", max(0, (q-df)/(w-w2/w))},
		{"PM", falling(func(t float64) float64 { _, _, _, q := in.weighted(t); return q - df })},
		{"REML", in.reml(he)},
		{"HE", he},
		{"SJ", sj0 * rss / df},
	}
	var out object
	for _, e := range estimates {
		ws, _, mu, _ := in.weighted(e.tau2)
		out = append(out, field{e.name, object{
			{"method", e.name}, {"tau2", e.tau2}, {"mu", mu}, {"se_mu", math.Sqrt(1 / ws)},
			{"I2", 100 * e.tau2 / (e.tau2 + typical)}, {"H2", e.tau2/typical + 1}, {"Q", q}, {"Q_p", qp}, {"k", k},
		}})
	}
	return out, nil
}

// reml scores as Fisher did, from the estimate he, and halves a step that would go
// below 0: where the maximum is at 0, what is left of the halving shows. At last
// the tool compares with no variance at all.
func (in *tauInput) reml(he float64) float64 {
	const enough = 1e-13
	tau2 := he
	for range 10_000 {
		w, w2, mu, _ := in.weighted(tau2)
		w3, pp := 0.0, 0.0
		for i, y := range in.Y {
			a := 1 / (in.V[i] + tau2)
			w3 += a * a * a
			pp += a * a * (y - mu) * (y - mu)
		}
		step := (pp - (w - w2/w)) / (w2 - 2*w3/w + w2*w2/(w*w))
		if math.IsInf(step, 0) || math.IsNaN(step) {
			break
		}
		for tau2+step < 0 {
			step /= 2
		}
		old := tau2
		tau2 += step
		if !(math.Abs(tau2-old) > enough) {
			break
		}
	}
	if tau2 > enough && in.remlLogLik(0)-in.remlLogLik(tau2) > enough {
		return 0
	}
	return tau2
}

// remlLogLik is without constants of the data.
func (in *tauInput) remlLogLik(tau2 float64) float64 {
	w, _, _, q := in.weighted(tau2)
	logs := 0.0
	for _, v := range in.V {
		logs += math.Log(v + tau2)
	}
	return -(logs + math.Log(w) + q) / 2
}

// falling finds the root of a function that falls through 0, or gives 0 where it
// starts below.
func falling(f func(float64) float64) float64 {
	if f(0) <= 0 {
		return 0
	}
	high := 1e-8
	for f(high) > 0 && high < 1e300 {
		high *= 2
	}
	return zeroin(0, high, 1e-17+1e-15*high, f)
}

type iccInput struct {
	Group []string `json:"group"`
	Y     vec      `json:"y"`
}

// iccOneway is lme4::lmer(y ~ 1 + (1|group)) by REML, and the analysis of
// variance.
func iccOneway(in iccInput) (object, error) {
	if err := sameLength(len(in.Y), map[string]int{"group": len(in.Group)}); err != nil {
		return nil, err
	}
	var y vec
	var group []string
	for i, v := range in.Y { // the tool leaves missing values out
		if !math.IsNaN(v) {
			y, group = append(y, v), append(group, in.Group[i])
		}
	}
	in.Y, in.Group = y, group
	names, rows := groups(in.Group)
	k, total := float64(len(names)), float64(len(in.Y))
	if len(names) < 2 || len(in.Y) <= len(names) {
		return nil, fmt.Errorf("%d values in %d groups; give 2 or more groups and some with more than one value", len(in.Y), len(names))
	}
	grand := mean(in.Y)
	var n, m []float64
	var ssb, ssw, n2 float64
	for _, g := range names {
		var v []float64
		for _, r := range rows[g] {
			v = append(v, in.Y[r])
		}
		gm := mean(v)
		for _, y := range v {
			ssw += (y - gm) * (y - gm)
		}
		c := float64(len(v))
		n, m = append(n, c), append(m, gm)
		ssb += c * (gm - grand) * (gm - grand)
		n2 += c * c
	}
	msb, msw := ssb/(k-1), ssw/(total-k)
	n0 := (total - n2/total) / (k - 1)
	// Profile over ratio = between / within: group means have variance
	// within (ratio + 1/n), the rest within on total-k degrees of freedom.
	profile := func(ratio float64) (deviance, within, mu float64) {
		var w, wm, rss, logs float64
		for i := range n {
			a := 1 / (ratio + 1/n[i])
			w += a
			wm += a * m[i]
			logs += math.Log1p(ratio * n[i])
		}
		mu = wm / w
		for i := range n {
			rss += (m[i] - mu) * (m[i] - mu) / (ratio + 1/n[i])
		}
		within = (rss + ssw) / (total - 1)
		return (total-1)*math.Log(within) + logs + math.Log(w), within, mu
	}
	// On the scale of the root, as the tool does: the optimum may lie at 0.
	root := minimise(func(r float64) float64 { d, _, _ := profile(r * r); return d }, 0, 1)
	_, within, mu := profile(root * root)
	between := root * root * within
	return object{
		{"reml_sigma2_between", between}, {"reml_sigma2_within", within}, {"reml_icc", between / (between + within)},
		{"reml_mean", mu}, {"msb", msb}, {"msw", msw}, {"n0", n0}, {"anova_icc", (msb - msw) / (msb + (n0-1)*msw)},
	}, nil
}

// minimise finds the minimum of a function with one, from low upwards, by golden
// sections.
func minimise(f func(float64) float64, low, step float64) float64 {
	a, b := low, low+step
	for f(b) < f((a+b)/2) && b < 1e150 {
		a, b = (a+b)/2, b+2*(b-a)
	}
	if f(low) <= f(a) {
		a = low
	}
	const g = 0.6180339887498949
	x, y := b-g*(b-a), a+g*(b-a)
	fx, fy := f(x), f(y)
	for range 200 {
		if b-a <= 1e-10*(1+b) {
			break
		}
		if fx <= fy {
			b, y, fy = y, x, fx
			x = b - g*(b-a)
			fx = f(x)
		} else {
			a, x, fx = x, y, fy
			y = a + g*(b-a)
			fy = f(y)
		}
	}
	mid := (a + b) / 2
	if f(low) <= f(mid) {
		return low
	}
	return mid
}

type areaInput struct {
	Observed vec `json:"observed"`
	Expected vec `json:"expected"`
}

func smallArea(in areaInput) (object, error) {
	k := len(in.Observed)
	if err := sameLength(k, map[string]int{"expected": len(in.Expected)}); err != nil {
		return nil, err
	}
	if k < 2 {
		return nil, fmt.Errorf("%d areas; give 2 or more", k)
	}
	r := make([]float64, k)
	var scv, chi, cvw float64
	total := sum(in.Observed) / sum(in.Expected)
	lowest, highest := math.Inf(1), math.Inf(-1)
	for i, o := range in.Observed {
		e := in.Expected[i]
		if !(e > 0) {
			return nil, fmt.Errorf("expected %v of area %d is not positive", e, i+1)
		}
		r[i] = o / e
		lowest, highest = min(lowest, r[i]), max(highest, r[i])
		scv += (o-e)*(o-e)/(e*e) - 1/e
		chi += (o - e) * (o - e) / e
		cvw += e * (r[i] - total) * (r[i] - total)
	}
	scv /= float64(k)
	eq := highest / lowest // null where the lowest is 0
	q := []float64{quantile7(r, 0.05), quantile7(r, 0.25), quantile7(r, 0.75), quantile7(r, 0.95)}
	return object{
		{"k", k}, {"EQ", eq}, {"EQ_5_95", q[3] / q[0]}, {"IQ_25_75", q[2] / q[1]}, {"CV", stddev(r) / mean(r)},
		{"CVw", math.Sqrt(cvw/sum(in.Expected)) / total}, {"SCV", scv}, {"SCV_x100", 100 * scv},
		{"chisq", chi}, {"chisq_p", distuv.ChiSquared{K: float64(k - 1)}.Survival(chi)}, {"phi", chi / float64(k)},
		{"quantiles_type7", q},
	}, nil
}
