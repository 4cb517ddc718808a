package quality_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"larstrom/pipeline/quality"
)

// The negative binomial is a Poisson whose mean is gamma distributed: its
// probability of nothing is the gamma mean of exp(-x), here by Simpson's rule
// over the gamma quantiles' range.
func TestZeroProbabilityIsAGammaMixture(t *testing.T) {
	for _, c := range []struct {
		mean, alpha float64
		n           int
	}{{7, 0, 24}, {7.2, 0, 6}, {9, 0.05, 24}, {12, 0.3, 12}, {30, 0.5, 6}, {1, 1, 3}, {0.2, 0.1, 24}} {
		variance := (c.mean + c.alpha*c.mean*c.mean) * (1 + 1/float64(c.n))
		shape := c.mean * c.mean / (variance - c.mean)
		gamma := distuv.Gamma{Alpha: shape, Beta: shape / c.mean}
		// The substitution x = y³ takes the pole at 0 away for small shapes.
		top := math.Cbrt(gamma.Quantile(1 - 1e-15))
		const steps = 200_000
		h := top / steps
		var sum float64
		for i := 0; i <= steps; i++ {
			y := float64(i) * h
			w := 2.0
			switch {
			case i == 0 || i == steps:
				w = 1
			case i%2 == 1:
				w = 4
			}
			if x := y * y * y; x > 0 {
				sum += w * math.Exp(-x) * gamma.Prob(x) * 3 * y * y
			}
		}
		want := sum * h / 3
		if got := quality.ZeroProbability(c.mean, c.alpha, c.n); math.Abs(got-want) > 1e-6*want {
			t.Errorf("mean %v alpha %v n %d: %v, want %v", c.mean, c.alpha, c.n, got, want)
		}
	}
}

func TestZeroProbabilityEdges(t *testing.T) {
	if got := quality.ZeroProbability(0, 0, 6); got != 1 {
		t.Errorf("nothing expected: %v", got)
	}
	if got, want := quality.ZeroProbability(7, 0, math.MaxInt32), math.Exp(-7); math.Abs(got-want) > 1e-9 {
		t.Errorf("with a known mean: %v, want Poisson's %v", got, want)
	}
	for _, bad := range []float64{
		quality.ZeroProbability(-1, 0, 6), quality.ZeroProbability(math.NaN(), 0, 6), quality.ZeroProbability(math.Inf(1), 0, 6),
		quality.ZeroProbability(1, -1, 6), quality.ZeroProbability(1, math.Inf(1), 6), quality.ZeroProbability(1, 0, 0),
	} {
		if !math.IsNaN(bad) {
			t.Errorf("an impossible case has the probability %v", bad)
		}
	}
	for n := 3; n < 24; n++ {
		if quality.ZeroProbability(9, 0.1, n) <= quality.ZeroProbability(9, 0.1, n+1) {
			t.Errorf("a longer history than %d makes less sure", n)
		}
	}
}

// The pooled moment estimate finds the dispersion that the counts were made
// with, over groups of different means, and none where there is none.
func TestDispersionFindsItsOwn(t *testing.T) {
	for _, alpha := range []float64{0, 1.0 / 30, 0.2, 1} {
		r := rand.New(rand.NewPCG(7, uint64(alpha*1000)))
		var estimates float64
		const times = 40
		for range times {
			var groups [][]float64
			for u := range 200 {
				groups = append(groups, counts(r, 4+float64(u%40), alpha, 6+u%19))
			}
			estimates += quality.Dispersion(groups)
		}
		got := estimates / times
		if tolerance := 0.03*alpha + 0.0015; math.Abs(got-alpha) > tolerance {
			t.Errorf("alpha %v is estimated as %v", alpha, got)
		}
	}
	for name, groups := range map[string][][]float64{"none": nil, "single values": {{3}, {4}}, "constant": {{5, 5, 5}, {9, 9}}, "zeros": {{0, 0, 0}}} {
		if got := quality.Dispersion(groups); got != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := quality.Dispersion([][]float64{{2, 4, 12}}); math.Abs(got-22.0/(36-28.0/3)) > 1e-12 {
		t.Errorf("2, 4, 12: %v", got) // s² = 28, m = 6: (28 - 6) / (36 - 28/3)
	}
}

// counts draws n negative binomial counts.
func counts(r *rand.Rand, mean, alpha float64, n int) []float64 {
	var v []float64
	for range n {
		m := mean
		if alpha > 0 {
			m = distuv.Gamma{Alpha: 1 / alpha, Beta: 1 / (alpha * mean), Src: r}.Rand()
		}
		v = append(v, distuv.Poisson{Lambda: m, Src: r}.Rand())
	}
	return v
}

// A zero that belongs to the process is flagged about as often as the
// threshold says, with mean and dispersion estimated from the history.
func TestZeroIsAsRareAsStated(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const (
		nights = 400_000
		alpha  = 0.2
		limit  = 0.01 // the frequency of a rarer event would need a longer test
	)
	flagged := 0.0
	for range nights {
		mean := 3 + 20*r.Float64()
		h := counts(r, mean, alpha, 12)
		var sum float64
		for _, v := range h {
			sum += v
		}
		if quality.ZeroProbability(sum/12, alpha, 12) < limit {
			// Rao and Blackwell: the true probability of a zero, not a draw.
			flagged += math.Pow(1+alpha*mean, -1/alpha)
		}
	}
	if rate := flagged / nights; rate > limit/2 {
		t.Errorf("%.5f of all nights have a false zero, the threshold is %v", rate, limit)
	}
	// And it has power: at the threshold's own mean it does flag.
	if quality.ZeroProbability(30, alpha, 12) > limit {
		t.Error("30 expected and nothing is not improbable")
	}
}

// Sums of floats depend on their order; results must not depend on that of the
// input, to the last bit.
func TestSilenceToTheLastBit(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	in := input()
	for u := range 40 {
		s := series(string(rune('A'+u)), counts(r, 9+0.1*float64(u), 0.3, 7+u%6)...)
		s.Expected = []int32{month(30)}
		in.Series = append(in.Series, s)
	}
	whole := series("z", counts(r, 20, 0, 31)...) // makes the expected month mature
	in.Series = append(in.Series, whole)
	want := quality.Silences([]string{"A"}, []quality.Input{in})
	if !want[0].Known {
		t.Fatalf("%+v", want)
	}
	for range 50 {
		r.Shuffle(len(in.Series), func(i, j int) { in.Series[i], in.Series[j] = in.Series[j], in.Series[i] })
		if got := quality.Silences([]string{"A"}, []quality.Input{in}); got[0] != want[0] {
			t.Fatalf("%v in another order, %v in the first", got[0].P0, want[0].P0)
		}
	}
}
