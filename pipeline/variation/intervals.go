package variation

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"larstrom/pipeline/spc"
)

// Wilson is the score interval of a proportion x of n (Wilson 1927) at a
// confidence such as 0.95. It is NaN unless 0 <= x <= n, n > 0 and the
// confidence lies in (0, 1).
func Wilson(x, n, confidence float64) (low, high float64) {
	return WilsonZ(x, n, -mathext.NormalQuantile((1-checked(confidence))/2))
}

// WilsonZ is Wilson (1927) for a given standard normal quantile z, 1.96 for 95 %:
// for loops over many cells. NaN as Wilson.
func WilsonZ(x, n, z float64) (low, high float64) {
	if !(n > 0 && x >= 0 && x <= n && z > 0) {
		return math.NaN(), math.NaN()
	}
	z2 := z * z
	mid, half, over := 2*x+z2, z*math.Sqrt(z2+4*x*(1-x/n)), 2*(n+z2)
	low, high = (mid-half)/over, (mid+half)/over
	// At the ends the formula gives 0 and 1 but for rounding.
	if x == 0 {
		low = 0
	}
	if x == n {
		high = 1
	}
	return low, high
}

// checked lets a confidence outside (0, 1) become NaN and so the result.
func checked(confidence float64) float64 {
	if !(confidence > 0 && confidence < 1) {
		return math.NaN()
	}
	return confidence
}

// ExactBinomial is the interval of Clopper & Pearson (1934) of a proportion x of
// n: conservative. It is NaN unless 0 <= x <= n, n > 0 and the confidence lies
// in (0, 1).
func ExactBinomial(x, n, confidence float64) (low, high float64) {
	a := (1 - checked(confidence)) / 2
	if !(n > 0 && x >= 0 && x <= n) || math.IsNaN(a) {
		return math.NaN(), math.NaN()
	}
	low, high = 0, 1
	if x > 0 {
		low = distuv.Beta{Alpha: x, Beta: n - x + 1}.Quantile(a)
	}
	if x < n {
		high = distuv.Beta{Alpha: x + 1, Beta: n - x}.Quantile(1 - a)
	}
	return low, high
}

// ExactPoisson is the interval of the mean of a Poisson count x (Garwood 1936).
// It is NaN for x < 0 or a confidence outside (0, 1).
func ExactPoisson(x, confidence float64) (low, high float64) {
	a := (1 - checked(confidence)) / 2
	if !(x >= 0 && x <= math.MaxFloat64) || math.IsNaN(a) {
		return math.NaN(), math.NaN()
	}
	return ChiSquaredQuantile(a, 2*x) / 2, ChiSquaredQuantile(1-a, 2*x+2) / 2
}

// ChiSquaredQuantile is spc.ChiSquaredQuantile: the p quantile of chi-square with
// df degrees of freedom; NaN for p outside [0, 1] or df negative.
func ChiSquaredQuantile(p, df float64) float64 { return spc.ChiSquaredQuantile(p, df) }

// Byar computes intervals of rates: Byar's approximation (Breslow & Day 1987)
// from 10 events, exact below (Garwood 1936). NewByar makes one; it is safe for
// concurrent use.
type Byar struct {
	z    float64
	conf float64
	// low and high hold the exact limits of 0 to 9 events: most rates of small
	// units are among them.
	low, high [10]float64
}

// NewByar prepares intervals at a confidence in (0, 1); outside it they are NaN.
func NewByar(confidence float64) *Byar {
	b := &Byar{z: -mathext.NormalQuantile((1 - checked(confidence)) / 2), conf: confidence}
	for x := range b.low {
		b.low[x], b.high[x] = ExactPoisson(float64(x), confidence)
	}
	return b
}

// Interval is that of the rate x/n, for x events in n > 0 (population, person
// time, expected events). NaN for other input.
func (b *Byar) Interval(x, n float64) (low, high float64) {
	if !(x >= 0 && n > 0) {
		return math.NaN(), math.NaN()
	}
	if x < 10 {
		if i := int(x); float64(i) == x {
			return b.low[i] / n, b.high[i] / n
		}
		low, high = ExactPoisson(x, b.conf)
		return low / n, high / n
	}
	cube := func(v float64) float64 { return v * v * v }
	y := x + 1
	return x * cube(1-1/(9*x)-b.z/(3*math.Sqrt(x))) / n, y * cube(1-1/(9*y)+b.z/(3*math.Sqrt(y))) / n
}

// MeanT is the t interval of a mean (Gosset 1908) of n values with standard
// deviation sd (divisor n-1). NaN for n < 2 or a confidence outside (0, 1).
func MeanT(mean, sd float64, n int, confidence float64) (low, high float64) {
	if n < 2 || !(sd >= 0) || math.IsNaN(checked(confidence)) {
		return math.NaN(), math.NaN()
	}
	half := studentQuantile(n, confidence) * sd / math.Sqrt(float64(n))
	return mean - half, mean + half
}

// Student computes t intervals of means from prepared quantiles: the quantile
// costs more than the rest of a cell. NewStudent makes one; it is safe for
// concurrent use.
type Student struct {
	conf float64
	t    []float64 // of n-1 degrees of freedom, by n
}

// NewStudent prepares intervals (Gosset 1908) at a confidence in (0, 1) of means of
// up to sizes cases; larger ones compute their quantile. Outside (0, 1) they are NaN.
func NewStudent(confidence float64, sizes int) *Student {
	s := &Student{conf: confidence, t: make([]float64, max(sizes, 1)+1)}
	for n := range s.t {
		s.t[n] = studentQuantile(n, confidence)
	}
	return s
}

func studentQuantile(n int, confidence float64) float64 {
	if n < 2 || math.IsNaN(checked(confidence)) {
		return math.NaN()
	}
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile((1 + confidence) / 2)
}

// Interval is MeanT (Gosset 1908) at the prepared confidence: NaN for n < 2.
func (s *Student) Interval(mean, sd float64, n int) (low, high float64) {
	if n < 2 || !(sd >= 0) {
		return math.NaN(), math.NaN()
	}
	var t float64
	if n < len(s.t) {
		t = s.t[n]
	} else {
		t = studentQuantile(n, s.conf)
	}
	half := t * sd / math.Sqrt(float64(n))
	return mean - half, mean + half
}
