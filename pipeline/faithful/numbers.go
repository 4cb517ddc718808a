package faithful

import (
	"math"
	"slices"
)

// Plain statistics as R gives them: NaN for nothing, NaN through.

// sum carries what each addition rounds away: R adds in long double, and a plain
// sum can miss a tie with a centre line or a limit that R finds.
func sum(v []float64) float64 {
	s, _ := sumParts(v)
	return s
}

// sumParts gives the sum and what is left of it after rounding (Knuth's two-sum).
func sumParts(v []float64) (s, rest float64) {
	plain := 0.0
	for _, x := range v {
		plain += x
		t := s + x
		b := t - s
		rest += (s - (t - b)) + (x - b)
		s = t
	}
	if math.IsNaN(plain) || math.IsInf(plain, 0) {
		return plain, 0
	}
	total := s + rest
	return total, rest - (total - s)
}

// mean refines the quotient once with the residual, as R does.
func mean(v []float64) float64 {
	n := float64(len(v))
	s, rest := sumParts(v)
	m := s / n
	if math.IsNaN(m) || math.IsInf(m, 0) {
		return m
	}
	return m + (math.FMA(-m, n, s)+rest)/n
}

// present is the values that are not missing.
func present(v []float64) []float64 {
	var out []float64
	for _, x := range v {
		if !math.IsNaN(x) {
			out = append(out, x)
		}
	}
	return out
}

// variance has divisor n-1; NaN for fewer than 2.
func variance(v []float64) float64 {
	if len(v) < 2 {
		return math.NaN()
	}
	m, s := mean(v), 0.0
	for _, x := range v {
		s += (x - m) * (x - m)
	}
	return s / float64(len(v)-1)
}

func stddev(v []float64) float64 { return math.Sqrt(variance(v)) }

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Clone(v)
	slices.Sort(s)
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return (s[m-1] + s[m]) / 2
}

// quantile7 is R's default quantile, of values in any order: R forms the rank
// before it takes the fraction, and leaves two equal neighbours alone, so that
// infinite ones stay infinite.
func quantile7(v []float64, q float64) float64 {
	if len(v) == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	s := slices.Clone(v)
	slices.Sort(s)
	rank := 1 + float64(len(s)-1)*q
	k := math.Floor(rank)
	if k < 1 || int(k) > len(s) {
		return math.NaN()
	}
	a := s[int(k)-1]
	if rank == k || int(k) == len(s) || s[int(k)] == a {
		return a
	}
	h := rank - k
	return float64((1-h)*a) + float64(h*s[int(k)])
}

// atLeastZero and atMost leave NaN alone.
func atLeastZero(v float64) float64 {
	if v < 0 {
		return 0
	}
	return v
}

func atMost(v, high float64) float64 {
	if v > high {
		return high
	}
	return v
}

// groups lists the names in byte order and the rows of each.
func groups(names []string) ([]string, map[string][]int) {
	rows := map[string][]int{}
	for i, g := range names {
		rows[g] = append(rows[g], i)
	}
	var sorted []string
	for g := range rows {
		sorted = append(sorted, g)
	}
	slices.Sort(sorted)
	return sorted, rows
}

// zeroin finds a root of f between a and b to a tolerance, by bisection, secant
// and inverse quadratic steps (Brent 1973): R's uniroot takes the same steps, and
// where a tool leaves its tolerance wide the steps show in its results.
func zeroin(a, b, tol float64, f func(float64) float64) float64 {
	fa, fb := f(a), f(b)
	if fa == 0 {
		return a
	}
	c, fc := a, fa
	for range 1000 {
		previous := b - a
		if math.Abs(fc) < math.Abs(fb) {
			a, b, c = b, c, b
			fa, fb, fc = fb, fc, fb
		}
		enough := 2*0x1p-52*math.Abs(b) + tol/2
		step := (c - b) / 2
		if math.Abs(step) <= enough || fb == 0 {
			return b
		}
		if math.Abs(previous) >= enough && math.Abs(fa) > math.Abs(fb) {
			var p, q float64
			cb := c - b
			if a == c {
				t := fb / fa
				p, q = cb*t, 1-t
			} else {
				r, t, u := fa/fc, fb/fc, fb/fa
				p = u * (cb*r*(r-t) - (b-a)*(t-1))
				q = (r - 1) * (t - 1) * (u - 1)
			}
			if p > 0 {
				q = -q
			} else {
				p = -p
			}
			if p < 0.75*cb*q-math.Abs(enough*q)/2 && p < math.Abs(previous*q/2) {
				step = p / q
			}
		}
		if math.Abs(step) < enough {
			step = math.Copysign(enough, step)
		}
		a, fa = b, fb
		b += step
		fb = f(b)
		if (fb > 0) == (fc > 0) {
			c, fc = a, fa
		}
	}
	return b
}
