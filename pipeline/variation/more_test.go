package variation

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEstimatorsByHand: with equal sampling variances all three estimates are
// the variance of the values less the sampling variance: (10 × .01)/9 - .0025.
func TestEstimatorsByHand(t *testing.T) {
	in := Input{States: states(10)}
	for i := range 10 {
		in.Num, in.Den = append(in.Num, []float64{40, 60}[i%2]), append(in.Den, 100)
	}
	for _, e := range []Estimator{DerSimonianLaird, PauleMandel, REML} {
		r := describe(t, in, Options{Measure: Proportion, Estimator: e})
		near(t, "tau2", r.Tau2, (0.1/9-0.0025)/0.0625, 1e-10)
	}
	// No variation: 0 by all.
	for i := range in.Num {
		in.Num[i] = 50
	}
	for _, e := range []Estimator{DerSimonianLaird, PauleMandel, REML} {
		if r := describe(t, in, Options{Measure: Proportion, Estimator: e}); r.Tau2 != 0 {
			t.Errorf("estimator %d: %v", e, r.Tau2)
		}
	}
}

// TestREMLIsAMaximum checks the restricted likelihood itself around the estimate.
func TestREMLIsAMaximum(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	in := Input{States: states(30)}
	for range 30 {
		se := 0.3 + r.Float64()
		in.SE, in.Value = append(in.SE, se), append(in.Value, 10+r.NormFloat64()*math.Hypot(se, 0.8))
	}
	got := describe(t, in, Options{Measure: Mean, Estimator: REML})
	likelihood := func(t2 float64) float64 {
		var w, m, s float64
		for i := range in.Value {
			v := 1 / (in.SE[i]*in.SE[i] + t2)
			w += v
			m += v * in.Value[i]
		}
		m /= w
		for i := range in.Value {
			v := in.SE[i]*in.SE[i] + t2
			s -= 0.5*math.Log(v) + (in.Value[i]-m)*(in.Value[i]-m)/(2*v)
		}
		return s - 0.5*math.Log(w)
	}
	top := likelihood(got.Tau2)
	for _, d := range []float64{-1e-3, 1e-3, -0.1, 0.1} {
		if likelihood(got.Tau2+d) > top {
			t.Errorf("likelihood at %v is higher", got.Tau2+d)
		}
	}
	pm := describe(t, in, Options{Measure: Mean, Estimator: PauleMandel})
	near(t, "Q at the Paule-Mandel estimate", pm.q(pm.Tau2), 29, 1e-8)
}

func TestFits(t *testing.T) {
	// Symmetric data: mean one half; the gradient is zero at the maximum, so
	// neighbours are lower.
	x, n := []float64{2, 8, 3, 7, 5}, []float64{10, 10, 10, 10, 10}
	b, err := FitBetaBinomial(x, n)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "alpha = beta", b.Alpha, b.Beta, 1e-8)
	near(t, "shrunk", b.Shrink(2, 10), (2+b.Alpha)/(10+2*b.Alpha), 1e-12)
	g, err := FitGammaPoisson([]float64{2, 18, 4, 16}, []float64{10, 10, 10, 10})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", g.Mean, 1, 1e-9)
	// No variation: complete shrinkage.
	b, err = FitBetaBinomial([]float64{10, 10, 10}, []float64{100, 100, 100})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "complete", b.Shrink(0, 100), 0.1, 1e-3)
	for _, bad := range [][2][]float64{{{1}, {2, 3}}, {{0}, {5}}, {{5}, {5}}, {{3}, {2}}, {{}, {}}, {{math.NaN()}, {1}}} {
		if _, err := FitBetaBinomial(bad[0], bad[1]); !errors.Is(err, ErrFit) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := FitGammaPoisson([]float64{0}, []float64{1}); !errors.Is(err, ErrFit) {
		t.Errorf("no events: %v", err)
	}
}

func TestFitRecovers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var x, n []float64
	for range 400 {
		// Beta(4, 12) as a ratio of gammas of whole shape.
		var a, b float64
		for range 4 {
			a += r.ExpFloat64()
		}
		for range 12 {
			b += r.ExpFloat64()
		}
		p, k := a/(a+b), 0.0
		for range 60 {
			if r.Float64() < p {
				k++
			}
		}
		x, n = append(x, k), append(n, 60)
	}
	f, err := FitBetaBinomial(x, n)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "mean", f.Alpha/(f.Alpha+f.Beta), 0.25, 0.01)
	near(t, "weight", f.Alpha+f.Beta, 16, 0.2) // two standard errors
}

func chance(seed uint64, sd float64) Input {
	r := rand.New(rand.NewPCG(seed, 5))
	in := Input{States: states(40)}
	for range 40 {
		odds := 0.25 * math.Exp(sd*r.NormFloat64())
		k := 0.0
		for range 200 {
			if r.Float64() < odds/(1+odds) {
				k++
			}
		}
		in.Num, in.Den = append(in.Num, k), append(in.Den, 200)
	}
	return in
}

func TestNullAndBootstrap(t *testing.T) {
	scv := func(r *Result) float64 { return r.SCV }
	o := Options{Measure: Proportion}
	low := 0
	for seed := range uint64(40) {
		d, err := Null(chance(seed, 0), o, scv, 99, rand.NewPCG(seed, 1))
		if err != nil {
			t.Fatal(err)
		}
		if d.P() <= 0.1 {
			low++
		}
	}
	if low > 10 {
		t.Errorf("chance alone has p <= 0.1 in %d of 40", low)
	}
	varied := chance(1, 0.4)
	d, err := Null(varied, o, scv, 199, rand.NewPCG(1, 1))
	if err != nil || d.P() != 1.0/200 {
		t.Errorf("real variation: p %v, %v", d.P(), err)
	}
	b, err := Bootstrap(varied, o, func(r *Result) float64 { return r.MOR }, 300, rand.NewPCG(1, 1))
	if err != nil {
		t.Fatal(err)
	}
	if lo, hi := b.Interval(0.95); !(lo < b.Observed && b.Observed < hi) {
		t.Errorf("MOR %v not in %v..%v", b.Observed, lo, hi)
	}
	inside := 0
	for seed := range uint64(40) {
		b, err := Bootstrap(chance(seed, 0.4), o, func(r *Result) float64 { return r.MOR }, 100, rand.NewPCG(seed, 1))
		if err != nil {
			t.Fatal(err)
		}
		if lo, hi := b.Interval(0.95); lo < MedianRatio(0.16) && MedianRatio(0.16) < hi {
			inside++
		}
	}
	if inside < 32 {
		t.Errorf("the 95 %% interval holds the truth in %d of 40", inside)
	}
	again, err := Bootstrap(varied, o, func(r *Result) float64 { return r.MOR }, 300, rand.NewPCG(1, 1))
	if err != nil || !cmp.Equal(b, again) {
		t.Error("the same source must give the same values")
	}
	for _, m := range []Measure{Rate, Ratio} {
		if _, err := Bootstrap(varied, Options{Measure: m, Multiplier: 100}, scv, 5, rand.NewPCG(1, 1)); err != nil {
			t.Error(err)
		}
	}
	means := Input{States: states(5), Value: []float64{1, 2, 3, 4, 5}, SE: []float64{1, 1, 1, 1, 1}}
	if d, err := Bootstrap(means, Options{Measure: Mean}, func(r *Result) float64 { return r.Tau2 }, 20, rand.NewPCG(1, 1)); err != nil || len(d.Values) != 20 {
		t.Errorf("%v %v", d, err)
	}
	if _, err := Null(varied, o, scv, 0, rand.NewPCG(1, 1)); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

func TestAreas(t *testing.T) {
	a, err := DescribeAreas([]float64{5, 20}, []float64{10, 10})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "extremal", a.Extremal, 4, 1e-12)
	near(t, "weighted", a.WeightedCV, 0.6, 1e-12)
	near(t, "cv", a.CV, math.Sqrt(1.125)/1.25, 1e-12)
	near(t, "chi", a.ChiSquared, 12.5, 1e-12)
	near(t, "quartiles", a.Quartiles, 1.625/0.875, 1e-12)
	if a, _ = DescribeAreas([]float64{0, 20}, []float64{10, 10}); !math.IsNaN(a.Extremal) {
		t.Error("an area without events has no quotient")
	}
	if _, err := DescribeAreas([]float64{1}, []float64{1}); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
}

func TestStandardisation(t *testing.T) {
	// Two strata with rates .1 and .3, standard 3 to 1: .15. Variance: sum of
	// (w/n)² x over W² = (9 × 10/1e4 + 1 × 30/1e4)/16.
	s, err := Direct([]float64{10, 30}, []float64{100, 100}, []float64{3, 1}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "direct", s.Value, 0.15, 1e-12)
	low, _ := NewByar(0.95).Interval(40, 1)
	near(t, "low", s.Low, 0.15+math.Sqrt(120.0/1e4/16/40)*(low-40), 1e-12)
	if s, _ = Direct([]float64{5}, []float64{100}, []float64{1}, 0.95); !math.IsNaN(s.Low) || s.Value != 0.05 {
		t.Errorf("five events: %+v", s)
	}
	r, err := Indirect([]float64{10, 30}, []float64{100, 100}, []float64{0.05, 0.15}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "indirect", r.Value, 2, 1e-12)
	near(t, "expected", r.Expected, 20, 1e-12)
	near(t, "indirect low", r.Low, low/20, 1e-12)
	if _, err := Direct([]float64{1}, []float64{0}, []float64{1}, 0.95); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
	if _, err := Indirect(nil, nil, nil, 0.95); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
}

func TestHistogramQuantile(t *testing.T) {
	b := []float64{0, 10, 20, 40}
	for q, want := range map[float64]float64{0: 0, 0.25: 10, 0.5: 20, 0.75: 30, 1: 40, 0.125: 5} {
		got, err := HistogramQuantile(b, []float64{1, 1, 2}, q)
		if err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("q %v: %v, %v, want %v", q, got, err, want)
		}
	}
	if got, _ := HistogramQuantile(b, []float64{0, 0, 0}, 0.5); !math.IsNaN(got) {
		t.Error("no cases")
	}
	if _, err := HistogramQuantile(b, []float64{1}, 0.5); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
}

func BenchmarkREML(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	in := Input{States: states(1000)}
	for range 1000 {
		n := float64(50 + r.IntN(2000))
		in.Den, in.Num = append(in.Den, n), append(in.Num, math.Round(n*0.1*math.Exp(0.3*r.NormFloat64())))
	}
	var out Result
	for _, bc := range []struct {
		name string
		e    Estimator
	}{{"dl", DerSimonianLaird}, {"pm", PauleMandel}, {"reml", REML}} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Describe(&out, in, Options{Measure: Rate, Estimator: bc.e}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
