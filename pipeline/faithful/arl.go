package faithful

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Average run lengths: spc's integral equations (Nyström's method), and the
// Markov chain of vlad.

type arlInput struct {
	K      vec `json:"k"`
	H      vec `json:"h"`
	Mu     vec `json:"mu"`
	Lambda vec `json:"lambda"`
	C      vec `json:"c"`
}

// nystrom solves L(z) = 1 + atom(z) L(low) + ∫ density(x, z) L(x) dx over
// low..high and gives L at start. atom may be nil.
func nystrom(low, high, start float64, atom func(z float64) float64, density func(x, z float64) float64) (float64, error) {
	const n = 80
	x, w := make([]float64, n), make([]float64, n)
	quad.Legendre{}.FixedLocations(x, w, low, high)
	size := n
	if atom != nil {
		size++ // the last unknown is L(low)
	}
	a, b := mat.NewDense(size, size, nil), mat.NewVecDense(size, nil)
	at := func(i int) float64 {
		if i < n {
			return x[i]
		}
		return low
	}
	for i := range size {
		z := at(i)
		for j := range n {
			a.Set(i, j, -w[j]*density(x[j], z))
		}
		if atom != nil {
			a.Set(i, n, -atom(z))
		}
		a.Set(i, i, a.At(i, i)+1)
		b.SetVec(i, 1)
	}
	var l mat.VecDense
	if err := l.SolveVec(a, b); err != nil {
		return 0, fmt.Errorf("the run length is too long to compute: %w", err)
	}
	if atom != nil && start == low {
		return l.AtVec(n), nil
	}
	v := 1.0
	for j := range n {
		v += w[j] * density(x[j], start) * l.AtVec(j)
	}
	if atom != nil {
		v += atom(start) * l.AtVec(n)
	}
	return v, nil
}

func cusumOneSided(k, h, mu float64) (float64, error) {
	if !(h > 0 && k >= 0) {
		return 0, fmt.Errorf("k %v and h %v are out of range", k, h)
	}
	return nystrom(0, h, 0,
		func(z float64) float64 { return distuv.UnitNormal.CDF(k - mu - z) },
		func(x, z float64) float64 { return distuv.UnitNormal.Prob(x - z + k - mu) })
}

func arlCusum(in arlInput) (object, error) {
	if err := sameLength(len(in.K), map[string]int{"h": len(in.H), "mu": len(in.Mu)}); err != nil {
		return nil, err
	}
	one, two := make([]float64, len(in.K)), make([]float64, len(in.K))
	for i := range one {
		up, err := cusumOneSided(in.K[i], in.H[i], in.Mu[i])
		if err != nil {
			return nil, err
		}
		down, err := cusumOneSided(in.K[i], in.H[i], -in.Mu[i])
		if err != nil {
			return nil, err
		}
		one[i], two[i] = up, 1/(1/up+1/down)
	}
	return object{{"arl_one_sided", one}, {"arl_two_sided", two}}, nil
}

func ewmaTwoSided(lambda, c, mu float64) (float64, error) {
	if !(lambda > 0 && lambda <= 1 && c > 0) {
		return 0, fmt.Errorf("lambda %v and c %v are out of range", lambda, c)
	}
	h := c * math.Sqrt(lambda/(2-lambda))
	return nystrom(-h, h, 0, nil, func(x, z float64) float64 {
		return distuv.UnitNormal.Prob((x-(1-lambda)*z)/lambda-mu) / lambda
	})
}

func arlEwma(in arlInput) (object, error) {
	if err := sameLength(len(in.Lambda), map[string]int{"c": len(in.C), "mu": len(in.Mu)}); err != nil {
		return nil, err
	}
	out := make([]float64, len(in.Lambda))
	for i := range out {
		v, err := ewmaTwoSided(in.Lambda[i], in.C[i], in.Mu[i])
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return object{{"arl_two_sided_fixed_limits", out}}, nil
}

type criticalInput struct {
	L0     vec     `json:"L0"`
	K      float64 `json:"k"`
	Lambda float64 `json:"lambda"`
}

// arlCritical finds the limits that give an in-control run length.
func arlCritical(in criticalInput) (object, error) {
	h, c := make([]float64, len(in.L0)), make([]float64, len(in.L0))
	for i, l0 := range in.L0 {
		if !(l0 > 1.5 && l0 < 1e7) {
			return nil, fmt.Errorf("L0 %v is out of range", l0)
		}
		// The logarithm of a run length is nearly linear in the limit.
		solve := func(f func(float64) (float64, error)) (float64, error) {
			var failed error
			g := func(x float64) float64 {
				v, err := f(x)
				if err != nil {
					failed = err
				}
				return math.Log(v) - math.Log(l0)
			}
			high := 1.0
			for g(high) < 0 && high < 64 && failed == nil {
				high *= 2
			}
			x := zeroin(1e-3, high, 1e-11, g)
			return x, failed
		}
		var err error
		if h[i], err = solve(func(x float64) (float64, error) { return cusumOneSided(in.K, x, 0) }); err != nil {
			return nil, err
		}
		if c[i], err = solve(func(x float64) (float64, error) { return ewmaTwoSided(in.Lambda, x, 0) }); err != nil {
			return nil, err
		}
	}
	return object{{"h_cusum_one", h}, {"c_ewma_two", c}}, nil
}

type racusumARLInput struct {
	Weight  vec     `json:"weight"`
	Risk    vec     `json:"risk"`
	H       float64 `json:"h"`
	RA      float64 `json:"RA"`
	RQ      float64 `json:"RQ"`
	Scaling float64 `json:"scaling"`
}

// arlRacusum follows the chart as a Markov chain on a grid of 1/scaling. A score
// between two grid points goes to both, in the shares that keep its mean. The
// run length is the sum of survival, its tail once survival has become geometric.
func arlRacusum(in racusumARLInput) (object, error) {
	if err := sameLength(len(in.Risk), map[string]int{"weight": len(in.Weight)}); err != nil {
		return nil, err
	}
	states := int(math.Round(in.H * in.Scaling))
	if !(states > 0 && states <= 100000 && in.RA > 0 && in.RQ > 0) {
		return nil, fmt.Errorf("h %v, scaling %v, RA %v and RQ %v give no grid", in.H, in.Scaling, in.RA, in.RQ)
	}
	jumps := map[int]float64{}
	total := sum(in.Weight)
	add := func(score, p float64) {
		s := score * in.Scaling
		f := math.Floor(s)
		jumps[int(f)] += p * (1 - (s - f))
		jumps[int(f)+1] += p * (s - f)
	}
	for i, p := range in.Risk {
		if !(p > 0 && p < 1) {
			return nil, fmt.Errorf("risk %v is not between 0 and 1", p)
		}
		odds := in.RQ * p / (1 - p)
		q := odds / (1 + odds)
		w := in.Weight[i] / total
		add(likelihood(1, p, in.RA), w*q)
		add(likelihood(0, p, in.RA), w*(1-q))
	}
	// A fixed order of jumps: the order of a map would show in the last digits.
	step := slices.Sorted(maps.Keys(jumps))
	low := 0.0
	for len(step) > 0 && step[0] < -states {
		low += jumps[step[0]] // a rare fall below the grid: to 0
		step = step[1:]
	}
	share := make([]float64, len(step))
	for k, j := range step {
		share[k] = jumps[j]
	}
	now, next := make([]float64, states), make([]float64, states)
	now[0] = 1
	arl, alive, ratio := 0.0, 1.0, 0.0
	for range 1_000_000 {
		arl += alive
		clear(next)
		for s, p := range now {
			if p == 0 {
				continue
			}
			for k, j := range step {
				switch t := s + j; {
				case t <= 0:
					next[0] += p * share[k]
				case t < states:
					next[t] += p * share[k]
				}
			}
			next[0] += p * low
		}
		now, next = next, now
		survived := sum(now)
		r := survived / alive
		if survived == 0 {
			break
		}
		if math.Abs(r-ratio) < 1e-8*(1-r) {
			arl += survived / (1 - r)
			break
		}
		ratio, alive = r, survived
	}
	return object{{"arl", arl}}, nil
}
