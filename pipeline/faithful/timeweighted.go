package faithful

import (
	"errors"
	"fmt"
	"math"
)

// Charts that weight the past: qcc's ewma and cusum, the packages cusum and vlad,
// and the Bernoulli chart of qicharts2.

type ewmaInput struct {
	Data    vec      `json:"data"`
	Lambda  *float64 `json:"lambda"`
	NSigmas *float64 `json:"nsigmas"`
}

func ewma(in ewmaInput) (object, error) {
	lambda, sigmas := or(in.Lambda, 0.2), or(in.NSigmas, 3)
	if !(lambda >= 0 && lambda <= 1) {
		return stopped("lambda parameter must be between 0 and 1"), nil
	}
	center := mean(in.Data)
	s := mean(movingRanges(in.Data)) / 1.128
	z, low, high := columns3(len(in.Data))
	outside := []int{}
	last := center
	for i, x := range in.Data {
		last = lambda*x + (1-lambda)*last
		z[i] = last
		d := sigmas * s * math.Sqrt(lambda/(2-lambda)*(1-math.Pow(1-lambda, 2*float64(i+1))))
		low[i], high[i] = center-d, center+d
		if z[i] > high[i] || z[i] < low[i] {
			outside = append(outside, i+1)
		}
	}
	return object{{"center", center}, {"std_dev", s}, {"ewma", z}, {"lcl", low}, {"ucl", high}, {"violations", outside}}, nil
}

type cusumInput struct {
	Data      vec      `json:"data"`
	Interval  *float64 `json:"decision_interval"`
	Shift     *float64 `json:"se_shift"`
	HeadStart float64  `json:"head_start"`
}

func tabularCusum(in cusumInput) (object, error) {
	interval, shift := or(in.Interval, 5), or(in.Shift, 1)
	switch {
	case !(interval > 0):
		return stopped("decision.interval must be positive"), nil
	case !(in.HeadStart >= 0 && in.HeadStart < interval):
		return stopped("head.start must be non-negative and less than decision.interval"), nil
	}
	center := mean(in.Data)
	s := mean(movingRanges(in.Data)) / 1.128
	n := len(in.Data)
	pos, neg := make([]float64, n), make([]float64, n)
	upper, lower := []int{}, []int{}
	p, q := in.HeadStart, -in.HeadStart
	for i, x := range in.Data {
		t := (x - center) / s
		p = max(0, p+(t-shift/2))
		q = min(0, q+(t+shift/2))
		pos[i], neg[i] = p, q
		// The tool marks violations with the code 1 at each point, and NA
		// elsewhere; listed, that is [1] where there is any, not their positions.
		if p > interval {
			upper = []int{1}
		}
		if q < -interval {
			lower = []int{1}
		}
	}
	return object{
		{"center", center}, {"std_dev", s}, {"pos", pos}, {"neg", neg},
		{"violations_upper", upper}, {"violations_lower", lower},
	}, nil
}

// likelihood is the log-likelihood ratio of an outcome for odds multiplied by r.
func likelihood(outcome, p, r float64) float64 {
	w := -math.Log(1 - p + r*p)
	if outcome == 1 {
		w += math.Log(r)
	}
	return w
}

type racusumInput struct {
	Risk    vec      `json:"risk"`
	Outcome vec      `json:"outcome"`
	Limit   vec      `json:"limit"`
	Odds    *float64 `json:"odds_multiplier"`
	Reset   *bool    `json:"reset"`
	Failure float64  `json:"failure_probability"`
}

// check is why the package would not take the case, "" where it would.
func (in *racusumInput) check() (string, error) {
	if len(in.Limit) == 0 {
		return "", errors.New("limit is missing")
	}
	if len(in.Limit) == 1 {
		in.Limit = same(in.Limit[0], len(in.Outcome))
	}
	if err := sameLength(len(in.Outcome), map[string]int{"limit": len(in.Limit)}); err != nil {
		return "", err
	}
	for i, y := range in.Outcome {
		if !(y > -1 && y < 2) {
			return fmt.Sprintf("patient_outcomes: element %d is not 0 or 1", i+1), nil
		}
		in.Outcome[i] = math.Trunc(y)
	}
	for i, p := range in.Risk {
		if !(p >= 0 && p <= 1) {
			return fmt.Sprintf("patient_risks: element %d is not within 0 to 1", i+1), nil
		}
	}
	switch odds := or(in.Odds, 2); {
	case len(in.Outcome) == 0:
		return "patient_outcomes must have length >= 1", nil
	case !(odds >= 0):
		return "odds_multiplier is not >= 0", nil
	}
	return "", nil
}

// upOrDown accumulates as the package cusum does: upwards for odds multipliers
// above 1, mirrored below, not at all for 1; at a signal with reset the value
// stored is 0.
func (in *racusumInput) upOrDown(weight func(i int) float64) (ct []float64, signal []int, count int) {
	odds := or(in.Odds, 2)
	ct, signal = make([]float64, len(in.Outcome)), make([]int, len(in.Outcome))
	c := 0.0
	for i := range in.Outcome {
		var hit bool
		switch {
		case odds > 1:
			c = max(0, c+weight(i))
			hit = c >= in.Limit[i]
		case odds < 1:
			c = min(0, c-weight(i))
			hit = c <= in.Limit[i]
		}
		if hit {
			signal[i] = 1
			count++
			if or(in.Reset, true) {
				c = 0
			}
		}
		ct[i] = c
	}
	return ct, signal, count
}

func racusum(in racusumInput) (object, error) {
	if err := sameLength(len(in.Outcome), map[string]int{"risk": len(in.Risk)}); err != nil {
		return nil, err
	}
	if why, err := in.check(); err != nil || why != "" {
		return stopped("%s", why), err
	}
	if len(in.Risk) == 1 && in.Risk[0] > 0.5 {
		in.Risk[0] = 1 - in.Risk[0] // of a single case the package takes the smaller side
	}
	odds := or(in.Odds, 2)
	ct, signal, count := in.upOrDown(func(i int) float64 { return likelihood(in.Outcome[i], in.Risk[i], odds) })
	return object{{"ct", ct}, {"signal", signal}, {"n_signals", count}}, nil
}

func bernoulliCusum(in racusumInput) (object, error) {
	why, err := in.check()
	odds, p := or(in.Odds, 2), in.Failure
	switch {
	case err != nil:
		return nil, err
	case why != "":
		return stopped("%s", why), nil
	case odds == 1:
		return stopped("CUSUM is set to detect no process change (odds_multiplier = 1)."), nil
	case !(p >= 0 && p <= 1):
		return stopped("failure_probability is not within 0 to 1"), nil
	}
	p = min(p, 1-p) // the package recodes a failure above one half
	ct, signal, _ := in.upOrDown(func(i int) float64 { return likelihood(in.Outcome[i], p, odds) })
	return object{{"ct", ct}, {"signal", signal}}, nil
}

type vladInput struct {
	// Score is what the risk was made from; it has no effect.
	Score   vec     `json:"score"`
	Outcome vec     `json:"outcome"`
	Risk    vec     `json:"risk"`
	Worse   float64 `json:"RA_deterioration"`
	Better  float64 `json:"RA_improvement"`
	H1      float64 `json:"h1"`
	H2      float64 `json:"h2"`
	K1      float64 `json:"eo_k1"`
	K2      float64 `json:"eo_k2"`
	EH1     float64 `json:"eo_h1"`
	EH2     float64 `json:"eo_h2"`
}

func vlad(in vladInput) (object, error) {
	n := len(in.Outcome)
	if err := sameLength(n, map[string]int{"risk": len(in.Risk)}); err != nil {
		return nil, err
	}
	total := make([]float64, n)
	s := 0.0
	for i := range total {
		s += in.Risk[i] - in.Outcome[i]
		total[i] = s
	}
	up := func(i int) float64 { return likelihood(in.Outcome[i], in.Risk[i], in.Worse) }
	down := func(i int) float64 { return likelihood(in.Outcome[i], in.Risk[i], in.Better) }
	diff := func(k float64) func(int) float64 {
		return func(i int) float64 { return in.Risk[i] - in.Outcome[i] + k }
	}
	// A crossing is kept and both sums start again at the next step.
	pair := func(a, b func(int) float64, low float64, h1, h2 float64, reset bool) (x, y []float64) {
		x, y = make([]float64, n), make([]float64, n)
		var p, q float64
		for i := range n {
			if reset && (p > h1 || math.Abs(q) > h2) {
				p, q = 0, 0
			}
			p = max(0, p+a(i))
			if low < 0 {
				q = min(0, q+b(i))
			} else {
				q = max(0, q+b(i))
			}
			x[i], y[i] = p, q
		}
		return x, y
	}
	u, l := pair(up, down, 1, 0, 0, false)
	ur, lr := pair(up, down, 1, in.H1, in.H2, true)
	e, f := pair(diff(0), diff(0), -1, 0, 0, false)
	er, fr := pair(diff(-in.K1), diff(in.K2), -1, in.EH1, in.EH2, true)
	return object{
		{"vlad_cumulative", total}, {"racusum_up", u}, {"racusum_low", l},
		{"racusum_up_reset", ur}, {"racusum_low_reset", lr},
		{"eocusum_k0_up", e}, {"eocusum_k0_low", f}, {"eocusum_up_reset", er}, {"eocusum_low_reset", fr},
	}, nil
}

type bchartInput struct {
	X      vec      `json:"x"`
	Target *float64 `json:"target"`
	OR     *float64 `json:"or"`
	Limit  *float64 `json:"limit"`
}

// bchart zeroes a sum at the crossing, and keeps one that equals the limit.
func bchart(in bchartInput) (object, error) {
	limit, ratio := or(in.Limit, 3.5), or(in.OR, 2)
	p0 := or(in.Target, 0)
	switch {
	case in.Target == nil:
		p0 = mean(in.X)
	case p0 > float64(len(in.X))+1:
		p0 = math.NaN() // some of those cases are not there
	case p0 > 1:
		// A target above 1 is the number of first cases that give it.
		if int(p0) > len(in.X) {
			p0 = math.NaN()
			break
		}
		p0 = mean(in.X[:int(p0)])
	}
	shifted := func(r float64) float64 { o := r * (p0 / (1 - p0)); return o / (1 + o) }
	p1, p2 := shifted(ratio), shifted(1/ratio)
	n := len(in.X)
	up, down := make([]float64, n), make([]float64, n)
	hitUp, hitDown := make([]bool, n), make([]bool, n)
	var u, d float64
	for i, x := range in.X {
		w := func(p float64) float64 {
			return x*math.Log(p/p0) + (1-x)*math.Log((1-p)/(1-p0))
		}
		u = max(0, u+w(p1))
		d = min(0, d-w(p2))
		hitUp[i], hitDown[i] = u >= limit, d <= -limit
		if u > limit {
			u = 0
		}
		if d < -limit {
			d = 0
		}
		up[i], down[i] = u, d
	}
	return object{
		{"p0", p0}, {"p1", p1}, {"p2", p2}, {"cusum_up", up}, {"cusum_down", down},
		{"signal_up", hitUp}, {"signal_down", hitDown},
	}, nil
}
