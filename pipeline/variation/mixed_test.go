package variation

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

// marginal integrates the likelihood of one unit by brute force: 5,001 points
// over 10 standard deviations, nothing shared with the package.
func marginal(x, n, beta, tau float64, binomial bool) float64 {
	total, h := 0.0, 0.004
	for u := -10.0; u <= 10; u += h {
		eta := beta + tau*u
		l := x*math.Log(n) + x*eta - n*math.Exp(eta)
		if binomial {
			l = x*eta - n*math.Log1p(math.Exp(eta))
		}
		total += h * math.Exp(l-u*u/2) / math.Sqrt(2*math.Pi)
	}
	return math.Log(total)
}

func TestMixedAgainstBruteForce(t *testing.T) {
	x, n := []float64{2, 8, 3, 7, 5, 0, 9}, []float64{10, 11, 12, 9, 10, 4, 10}
	for _, binomial := range []bool{true, false} {
		fit := FitLogNormal
		if binomial {
			fit = FitLogitNormal
		}
		f, err := fit(x, n, MixedOptions{Nodes: 41})
		if err != nil {
			t.Fatal(err)
		}
		whole := func(beta, tau float64) float64 {
			s := 0.0
			for i := range x {
				s += marginal(x[i], n[i], beta, tau, binomial) - logGamma(x[i]+1)
				if binomial {
					s += logGamma(n[i]+1) - logGamma(n[i]-x[i]+1)
				}
			}
			return s
		}
		tau := math.Sqrt(f.Tau2)
		top := whole(f.Intercept, tau)
		near(t, "log-likelihood", f.LogLik, top, 1e-7)
		for _, d := range [][2]float64{{1e-3, 0}, {-1e-3, 0}, {0, 1e-3}, {0, -1e-3}} {
			if tau+d[1] > 0 && whole(f.Intercept+d[0], tau+d[1]) > top {
				t.Errorf("binomial %v: higher at %v", binomial, d)
			}
		}
		// The profile at the ends of the interval lies 1.92 below.
		best := func(tau float64) float64 {
			b := math.Inf(-1)
			for beta := f.Intercept - 1; beta <= f.Intercept+1; beta += 0.02 {
				b = max(b, whole(beta, tau))
			}
			return b
		}
		near(t, "upper end", best(math.Sqrt(f.Tau2High)), top-1.9207294103470494, 2e-4)
		near(t, "MOR", f.MedianRatioHigh, MedianRatio(f.Tau2High), 1e-12)
		if binomial {
			near(t, "ICC", f.ICC, f.Tau2/(f.Tau2+math.Pi*math.Pi/3), 1e-12)
		} else if !math.IsNaN(f.ICC) {
			t.Error("rates have no latent ICC")
		}
	}
}

// TestMixedByHand: symmetrical units have an intercept of 0 and estimates that
// mirror each other; units alike have no variance, and are all the mean.
func TestMixedByHand(t *testing.T) {
	f, err := FitLogitNormal([]float64{10, 40, 25, 0}, []float64{50, 50, 50, 0}, MixedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "intercept", f.Intercept, 0, 1e-8)
	near(t, "mirror", f.Shrunk[0]+f.Shrunk[1], 1, 1e-8)
	near(t, "middle", f.Shrunk[2], 0.5, 1e-8)
	if !(f.Shrunk[0] > 0.2 && f.Shrunk[0] < 0.5) || !math.IsNaN(f.Shrunk[3]) || !(f.P < 0.001) {
		t.Errorf("%+v", f)
	}
	f, err = FitLogNormal([]float64{12, 24, 36}, []float64{100, 200, 300}, MixedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "no variation", f.Tau2, 0, 0)
	near(t, "rate", math.Exp(f.Intercept), 0.12, 1e-8)
	near(t, "shrunk", f.Shrunk[1], 0.12, 1e-8)
	if f.P != 1 || f.Tau2Low != 0 || !(f.Tau2High > 0) || f.MedianRatio != 1 {
		t.Errorf("%+v", f)
	}
}

func TestMixedRecovers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	total, inside := 0.0, 0
	const reps = 40
	for range reps {
		var x, n []float64
		for range 60 {
			odds, k := 0.25*math.Exp(0.5*r.NormFloat64()), 0.0
			size := 5 + r.IntN(40)
			for range size {
				if r.Float64() < odds/(1+odds) {
					k++
				}
			}
			x, n = append(x, k), append(n, float64(size))
		}
		f, err := FitLogitNormal(x, n, MixedOptions{})
		if err != nil {
			t.Fatal(err)
		}
		total += f.Tau2
		if f.Tau2Low <= 0.25 && 0.25 <= f.Tau2High {
			inside++
		}
	}
	t.Logf("mean tau² %.3f of 0.25, in the interval %d of %d", total/reps, inside, reps)
	if got := total / reps; got < 0.19 || got > 0.3 || inside < 34 {
		t.Errorf("mean tau² %v, inside %d", got, inside)
	}
}

func TestMixedErrors(t *testing.T) {
	for name, tc := range map[string]struct{ x, n []float64 }{
		"shape": {[]float64{1}, []float64{2, 3}}, "one unit": {[]float64{1}, []float64{2}}, "no events": {[]float64{0, 0}, []float64{2, 3}},
		"only events": {[]float64{2, 3}, []float64{2, 3}}, "over": {[]float64{3, 1}, []float64{2, 3}}, "nan": {[]float64{math.NaN(), 1}, []float64{2, 3}},
		"negative": {[]float64{-1, 1}, []float64{2, 3}}, "nothing": {},
	} {
		if _, err := FitLogitNormal(tc.x, tc.n, MixedOptions{}); !errors.Is(err, ErrFit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, o := range []MixedOptions{{Nodes: 4}, {Nodes: 100}, {Confidence: 1}, {Confidence: math.NaN()}} {
		if _, err := FitLogNormal([]float64{1, 2}, []float64{3, 4}, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func BenchmarkMixed(b *testing.B) {
	in := chance(3, 0.4)
	for range 24 {
		in.Num, in.Den = append(in.Num, in.Num[:40]...), append(in.Den, in.Den[:40]...)
	}
	for b.Loop() {
		if _, err := FitLogitNormal(in.Num, in.Den, MixedOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
