package variation

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"larstrom/pipeline/spc"
)

func states(n int) []spc.State {
	s := make([]spc.State, n)
	for i := range s {
		s[i] = spc.StateValue
	}
	return s
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tol*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

func describe(t *testing.T, in Input, o Options) *Result {
	t.Helper()
	var r Result
	if err := Describe(&r, in, o); err != nil {
		t.Fatal(err)
	}
	return &r
}

// TestByHand: ten units of 100, half 40 and half 60: p = .5, s² = .0025,
// Q = 10 × 4 = 40, tau² on the value scale (40-9)/3600, typical variance
// 9/3600 = .0025, I² = 31/40.
func TestByHand(t *testing.T) {
	in := Input{States: states(10)}
	for i := range 10 {
		in.Num, in.Den = append(in.Num, []float64{40, 60}[i%2]), append(in.Den, 100)
	}
	r := describe(t, in, Options{Measure: Proportion, Multiplier: 100})
	t2 := 31 / 3600.0
	near(t, "mean", r.Mean, 50, 1e-12)
	near(t, "phi", r.Phi, 40/9.0, 1e-12)
	near(t, "tau2", r.Tau2, t2/0.0625, 1e-12)
	near(t, "I2", r.I2, 31/40.0, 1e-12)
	near(t, "reliability", r.Reliability, 31/40.0, 1e-12)
	near(t, "ICC", r.ICC, r.Tau2/(r.Tau2+math.Pi*math.Pi/3), 1e-12)
	near(t, "MOR", r.MOR, math.Exp(math.Sqrt(2*r.Tau2)*0.6744897501960817), 1e-12)
	// SCV: (.1/.5)² - .5/(100 × .5) = .04 - .01.
	near(t, "SCV", r.SCV, 0.03, 1e-12)
	// The Q profile with equal variances solves Q s²/(s²+t²) = chi-square.
	lo, hi := distuv.ChiSquared{K: 9}.Quantile(0.975), distuv.ChiSquared{K: 9}.Quantile(0.025)
	near(t, "tau2 low", r.Tau2Low, 0.0025*(40/lo-1)/0.0625, 1e-8)
	near(t, "tau2 high", r.Tau2High, 0.0025*(40/hi-1)/0.0625, 1e-8)
	// Beta prior of weight .25/t2 - 1.
	w := 0.25/t2 - 1
	near(t, "shrunk", r.Shrunk[0], 100*(40+w/2)/(100+w), 1e-12)
	near(t, "p10", r.Deciles[0], r.Shrunk[0], 1e-12)
	near(t, "p90", r.Deciles[8], r.Shrunk[1], 1e-12)
	near(t, "raw p10", r.RawDeciles[0], 40, 1e-12)
	near(t, "raw p50", r.RawDeciles[4], 50, 1e-12)

	r = describe(t, in, Options{Measure: Rate})
	// s² = .005, Q = 20, W1 - W2/W1 = 9/.005 = 1800, t2 = 11/1800.
	near(t, "rate tau2", r.Tau2, 11/1800.0/0.25, 1e-12)
	near(t, "rate SCV", r.SCV, 0.04-0.02, 1e-12)
	w = 0.5 / (11 / 1800.0)
	near(t, "rate shrunk", r.Shrunk[1], (60+w/2)/(100+w), 1e-12)
	if !math.IsNaN(r.ICC) {
		t.Error("rates have no latent ICC here")
	}
}

// TestMeansByHand: values 1, 3 with standard error 1/2 (n = 4, so variance of a
// case 1), five of each: mean 2, Q = 10 × 4 = 40, t2 = (40-9)/36.
func TestMeansByHand(t *testing.T) {
	in := Input{States: states(10)}
	for i := range 10 {
		in.Value, in.SE, in.Den = append(in.Value, []float64{1, 3}[i%2]), append(in.SE, 0.5), append(in.Den, 4)
	}
	r := describe(t, in, Options{Measure: Mean})
	t2 := 31 / 36.0
	near(t, "mean", r.Mean, 2, 1e-12)
	near(t, "tau2", r.Tau2, t2, 1e-12)
	near(t, "ICC", r.ICC, t2/(t2+1), 1e-12)
	near(t, "shrunk", r.Shrunk[0], 2-t2/(t2+0.25), 1e-12)
	if !math.IsNaN(r.MOR) || !math.IsNaN(r.SCV) {
		t.Error("means have no MOR and no SCV")
	}
}

func TestChanceOnly(t *testing.T) {
	in := Input{States: states(4), Num: []float64{10, 20, 30, 40}, Den: []float64{100, 200, 300, 400}}
	r := describe(t, in, Options{Measure: Proportion})
	if r.Tau2 != 0 || r.Tau2Low != 0 || r.MOR != 1 || r.I2 != 0 || !(r.SCV < 0) {
		t.Errorf("%+v", r)
	}
	for _, v := range r.Shrunk {
		near(t, "fully shrunk", v, 0.1, 1e-12)
	}
	if !strings.Contains(r.Why(), "no more than chance") {
		t.Error(r.Why())
	}
}

func TestTooFew(t *testing.T) {
	r := describe(t, Input{}, Options{Measure: Rate})
	if r.Units != 0 || !math.IsNaN(r.Mean) || !strings.HasPrefix(r.Why(), "No variation") {
		t.Errorf("%+v", r)
	}
	r = describe(t, Input{States: states(1), Num: []float64{3}, Den: []float64{4}}, Options{Measure: Proportion})
	if r.Units != 1 || r.Mean != 0.75 || !math.IsNaN(r.Tau2) || r.Shrunk[0] != 0.75 || r.Deciles[4] != 0.75 {
		t.Errorf("%+v", r)
	}
	r = describe(t, Input{States: states(3), Num: []float64{0, 0, 0}, Den: []float64{4, 5, 6}}, Options{Measure: Proportion})
	if r.Mean != 0 || r.Tau2 != 0 || r.MOR != 1 || r.Shrunk[0] != 0 || !strings.Contains(r.Why(), "no events") {
		t.Errorf("%+v: %s", r, r.Why())
	}
}

func TestErrors(t *testing.T) {
	nan := math.NaN()
	for name, tc := range map[string]struct {
		in   Input
		o    Options
		want error
	}{
		"measure":    {Input{}, Options{}, ErrOptions},
		"confidence": {Input{}, Options{Measure: Rate, Confidence: 1}, ErrOptions},
		"shape":      {Input{States: states(1)}, Options{Measure: Rate}, ErrUnit},
		"nan":        {Input{States: states(1), Num: []float64{nan}, Den: []float64{1}}, Options{Measure: Rate}, ErrUnit},
		"over":       {Input{States: states(1), Num: []float64{2}, Den: []float64{1}}, Options{Measure: Proportion}, ErrUnit},
		"no se":      {Input{States: states(1), Value: []float64{2}, SE: []float64{0}}, Options{Measure: Mean}, ErrUnit},
		"state":      {Input{States: []spc.State{0}, Num: []float64{2}, Den: []float64{1}}, Options{Measure: Rate}, spc.ErrState},
	} {
		var r Result
		if err := Describe(&r, tc.in, tc.o); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecovery: the variance that data were made with is found.
func TestRecovery(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	total, inside := 0.0, 0
	const reps = 200
	for range reps {
		in := Input{States: states(100)}
		for range 100 {
			n := 100 + r.IntN(900)
			odds := 0.25 * math.Exp(0.3*r.NormFloat64())
			k := 0.0
			for range n {
				if r.Float64() < odds/(1+odds) {
					k++
				}
			}
			in.Num, in.Den = append(in.Num, k), append(in.Den, float64(n))
		}
		d := describe(t, in, Options{Measure: Proportion})
		total += d.Tau2
		if d.Tau2Low <= 0.09 && 0.09 <= d.Tau2High {
			inside++
		}
	}
	near(t, "mean tau2", total/reps, 0.09, 0.01)
	if inside < 180 {
		t.Errorf("the 95 %% interval holds the truth in %d of %d", inside, reps)
	}
}

func TestWilson(t *testing.T) {
	// x = 0 of n: upper z²/(n+z²); the middle by hand for 5 of 10, z = 2:
	// (10 + 4 ∓ 2 sqrt(4+20×.5))/28.
	low, high := WilsonZ(5, 10, 2)
	near(t, "low", low, (14-2*math.Sqrt(14))/28, 1e-14)
	near(t, "high", high, (14+2*math.Sqrt(14))/28, 1e-14)
	low, high = WilsonZ(0, 12, 2)
	near(t, "none", low, 0, 0)
	near(t, "none", high, 4/16.0, 1e-14)
	low, high = WilsonZ(12, 12, 2)
	near(t, "all", low, 12/16.0, 1e-14)
	near(t, "all", high, 1, 0)
	for _, bad := range [][2]float64{{1, 0}, {3, 2}, {-1, 2}, {math.NaN(), 2}} {
		if low, _ := Wilson(bad[0], bad[1], 0.95); !math.IsNaN(low) {
			t.Errorf("Wilson of %v", bad)
		}
	}
	if low, _ := Wilson(1, 2, 1); !math.IsNaN(low) {
		t.Error("confidence 1")
	}
}

// TestExactIntervals checks the limits by their definition: the tail at the
// limit is half of alpha.
func TestExactIntervals(t *testing.T) {
	for _, x := range []float64{0, 1, 2, 9, 10, 57, 1234} {
		low, high := ExactPoisson(x, 0.95)
		near(t, "upper tail", spc.PoissonCDF(int(x), high), 0.025, 1e-12)
		if x > 0 {
			near(t, "lower tail", 1-spc.PoissonCDF(int(x)-1, low), 0.025, 1e-12)
		} else if low != 0 {
			t.Errorf("no events: %v", low)
		}
		n := 2000.0
		low, high = ExactBinomial(x, n, 0.95)
		near(t, "upper tail", spc.BinomialCDF(int(x), int(n), high), 0.025, 1e-9)
		if x > 0 {
			near(t, "lower tail", 1-spc.BinomialCDF(int(x)-1, int(n), low), 0.025, 1e-9)
		}
	}
}

func TestByar(t *testing.T) {
	b := NewByar(0.95)
	// 100 events: 100 (1 - 1/900 - z/30)³ and 101 (1 - 1/909 + z/(3 sqrt 101))³.
	z := 1.959963984540054
	low, high := b.Interval(100, 50)
	near(t, "low", low, 2*math.Pow(1-1/900.0-z/30, 3), 1e-12)
	near(t, "high", high, 2.02*math.Pow(1-1/909.0+z/(3*math.Sqrt(101)), 3), 1e-12)
	low, high = b.Interval(0, 2)
	near(t, "none", low, 0, 0)
	near(t, "none", high, -math.Log(0.025)/2, 1e-12)
	if low, _ := b.Interval(1, 0); !math.IsNaN(low) {
		t.Error("no denominator")
	}
}

func TestChiSquaredQuantile(t *testing.T) {
	for _, df := range []float64{0.01, 0.3, 1, 2, 5, 22, 199, 1e4, 1e6} {
		for _, p := range []float64{1e-8, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.999, 1 - 1e-8} {
			x := ChiSquaredQuantile(p, df)
			if x < 1e-300 {
				continue // the quantile itself underflows
			}
			got := distuv.ChiSquared{K: df}.CDF(x)
			if p > 0.5 {
				got, p = distuv.ChiSquared{K: df}.Survival(x), 1-p
			}
			if math.Abs(got-p) > 1e-9*p {
				t.Errorf("chi-square %v, p %v: quantile %v has tail %v", df, p, x, got)
			}
		}
	}
	if x := ChiSquaredQuantile(0.5, 2); math.Abs(x-2*math.Ln2) > 1e-15 {
		t.Errorf("median of 2 degrees of freedom %v", x)
	}
}

func TestMeanT(t *testing.T) {
	// Two values: t with one degree of freedom is Cauchy, 12.706 at 97.5 %.
	low, high := MeanT(10, 2, 2, 0.95)
	half := math.Tan(math.Pi*0.475) * 2 / math.Sqrt2
	near(t, "low", low, 10-half, 1e-10)
	near(t, "high", high, 10+half, 1e-10)
	if low, _ := MeanT(1, 1, 1, 0.95); !math.IsNaN(low) {
		t.Error("one value")
	}
}

func TestStudent(t *testing.T) {
	s := NewStudent(0.95, 30)
	for _, n := range []int{2, 7, 30, 31, 500} {
		low, high := s.Interval(10, 2, n)
		wantLow, wantHigh := MeanT(10, 2, n, 0.95)
		near(t, "low", low, wantLow, 0)
		near(t, "high", high, wantHigh, 0)
	}
	if low, _ := s.Interval(1, 1, 1); !math.IsNaN(low) {
		t.Error("one value")
	}
	if low, _ := NewStudent(1, 5).Interval(1, 1, 3); !math.IsNaN(low) {
		t.Error("confidence 1")
	}
}

func TestLawPermutationAndStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "units")
		in := Input{States: states(n), Num: make([]float64, n), Den: make([]float64, n)}
		idx := make([]int, n)
		for i := range n {
			den := rapid.IntRange(1, 500).Draw(t, "den")
			in.Den[i], in.Num[i] = float64(den), float64(rapid.IntRange(0, den).Draw(t, "num"))
			if rapid.IntRange(0, 4).Draw(t, "gap") == 0 {
				in.States[i] = spc.State(rapid.IntRange(2, 8).Draw(t, "state"))
			}
			idx[i] = i
		}
		perm := rapid.Permutation(idx).Draw(t, "perm")
		other := Input{States: make([]spc.State, n), Num: make([]float64, n), Den: make([]float64, n)}
		for i, p := range perm {
			other.States[i], other.Num[i], other.Den[i] = in.States[p], in.Num[p], in.Den[p]
			if in.States[p] != spc.StateValue {
				other.Num[i] = 1e9
			}
		}
		o := Options{Measure: Measure(rapid.IntRange(1, 3).Draw(t, "measure"))}
		var a, b Result
		if err := Describe(&a, in, o); err != nil {
			t.Fatal(err)
		}
		if err := Describe(&b, other, o); err != nil {
			t.Fatal(err)
		}
		opts := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateApprox(1e-7, 1e-10), cmpopts.IgnoreUnexported(Result{}), cmpopts.IgnoreFields(Result{}, "Shrunk")}
		if diff := cmp.Diff(a, b, opts); diff != "" {
			t.Fatal(diff)
		}
		for i, st := range in.States {
			v := a.Shrunk[i]
			if math.IsNaN(v) != (st != spc.StateValue) {
				t.Fatalf("unit %d in state %s: %v", i, st, v)
			}
			raw := in.Num[i] / in.Den[i]
			if st == spc.StateValue && (v < math.Min(raw, a.Mean)-1e-9 || v > math.Max(raw, a.Mean)+1e-9) {
				t.Fatalf("unit %d: shrunk %v is not between %v and the mean %v", i, v, raw, a.Mean)
			}
		}
		if a.Units >= 2 && !(a.Tau2Low <= a.Tau2High) {
			t.Fatalf("interval %v..%v", a.Tau2Low, a.Tau2High)
		}
	})
}

func FuzzDescribe(f *testing.F) {
	f.Add(uint8(1), 3.0, 4.0, 1.0, uint8(1))
	f.Add(uint8(4), math.NaN(), math.Inf(1), 1e308, uint8(0))
	f.Add(uint8(2), 0.0, 0.0, 1e-300, uint8(2))
	f.Add(uint8(1), 1.0, 12.0, 5.0, uint8(1))
	f.Add(uint8(3), -1.0, math.Copysign(0, -1), 1e100, uint8(8))
	f.Add(uint8(4), 1e99, 1e-99, 2.0, uint8(1))
	f.Fuzz(func(t *testing.T, measure uint8, a, b, c float64, state uint8) {
		var in Input
		for i := range 7 {
			v := []float64{a, b, c}
			in.Num = append(in.Num, v[i%3])
			in.Den = append(in.Den, v[(i+1+i/5)%3])
			in.States = append(in.States, spc.StateValue)
		}
		in.Value, in.SE = in.Num, in.Den
		in.States[4] = spc.State(state)
		for _, in := range []Input{in, {}} {
			for _, e := range []Estimator{DerSimonianLaird, PauleMandel, REML} {
				o := Options{Measure: Measure(measure), Estimator: e}
				var out Result
				if Describe(&out, in, o) != nil {
					continue
				}
				if out.Why() == "" {
					t.Fatal("no reason")
				}
				if out.Units >= 2 && !math.IsNaN(out.Phi) && math.IsNaN(out.Tau2) {
					t.Fatalf("tau² is lost: %+v", out)
				}
				if _, err := Bootstrap(in, o, func(r *Result) float64 { return r.MOR }, 2, rand.NewPCG(1, 1)); err != nil {
					t.Fatal(err)
				}
			}
			_, _ = DescribeAreas(in.Num, in.Den)
			_, _ = Direct(in.Num, in.Den, in.Num, a)
			_, _ = Indirect(in.Num, in.Den, in.Num, b)
			_, _ = FitLogitNormal(in.Num, in.Den, MixedOptions{Nodes: 5})
			_, _ = FitLogNormal(in.Num, in.Den, MixedOptions{Nodes: 5})
			if fit, err := FitBetaBinomial(in.Num, in.Den); err == nil {
				fit.Interval(a, b, 0.9)
			}
			if fit, err := FitGammaPoisson(in.Num, in.Den); err == nil {
				fit.Interval(a, b, 0.9)
			}
			_, _, _, _ = CaseQuantile(in.Num, a, b)
			_, _, _, _ = CaseQuantile(in.Num, 0.5, 0.95)
		}
		_, _, _, _ = HistogramInterval([]float64{a, b, c}, []float64{b, c}, 0.5, 0.95)
		MedianRatio(a)
		ChiSquaredQuantile(a, b)
		MeanT(a, b, 3, c)
		NewStudent(a, 2).Interval(a, b, 3)
		Wilson(a, b, c)
		NewByar(a).Interval(b, c)
		ExactBinomial(a, b, c)
		ExactPoisson(a, c)
	})
}
