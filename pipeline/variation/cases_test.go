package variation

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/spc"
)

// TestCaseQuantileByHand: of ten cases, P(B <= 1) = 11/1024 <= 2.5 % < P(B <= 2) =
// 56/1024: the 95 % interval of the median runs from the second to the ninth.
func TestCaseQuantileByHand(t *testing.T) {
	cases := []float64{9, 1, 8, 2, math.NaN(), 7, 3, 10, 4, 6, 5}
	v, low, high, err := CaseQuantile(cases, 0.5, 0.95)
	if err != nil || v != 5.5 || low != 2 || high != 9 || cases[0] != 9 {
		t.Errorf("%v, %v..%v, %v", v, low, high, err)
	}
	// Five cases have no such interval: 1/32 > 2.5 %.
	v, low, high, _ = CaseQuantile([]float64{1, 2, 3, 4, 5}, 0.5, 0.95)
	if v != 3 || !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("%v, %v..%v", v, low, high)
	}
	// A high quantile may have a lower end alone: P(all ten below) = .9^10 = .35.
	_, low, high, _ = CaseQuantile([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 0.9, 0.95)
	if low != 7 || !math.IsNaN(high) {
		t.Errorf("%v..%v", low, high)
	}
	if v, _, _, err := CaseQuantile(nil, 0.5, 0.95); err != nil || !math.IsNaN(v) {
		t.Errorf("of nothing %v, %v", v, err)
	}
	if _, _, _, err := CaseQuantile([]float64{math.Inf(1)}, 0.5, 0.95); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
	if _, _, _, err := CaseQuantile(nil, 1, 0.95); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

// The histogram's median and interval are those of the cases up to a bin.
func TestLawHistogramAgreesWithCases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "n")
		cases, counts, bounds := make([]float64, n), make([]float64, 20), make([]float64, 21)
		for i := range bounds {
			bounds[i] = 5 * float64(i)
		}
		for i := range cases {
			cases[i] = float64(rapid.IntRange(0, 99).Draw(t, "case"))
			counts[int(cases[i])/5]++
		}
		q := rapid.Float64Range(0.05, 0.95).Draw(t, "q")
		_, l1, h1, err := CaseQuantile(cases, q, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		_, l2, h2, err := HistogramInterval(bounds, counts, q, 0.9)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range [][2]float64{{l1, l2}, {h1, h2}} {
			if math.IsNaN(p[0]) != math.IsNaN(p[1]) || math.Abs(p[0]-p[1]) > 5+1e-9 {
				t.Fatalf("%v of cases, %v of bins", p[0], p[1])
			}
		}
	})
	if _, _, _, err := HistogramInterval([]float64{0, 1}, []float64{3}, 0, 0.9); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
	if _, _, _, err := HistogramInterval([]float64{0}, []float64{3}, 0.5, 0.9); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
}

// The interval holds the true median of any distribution at its confidence.
func TestCaseQuantileCoverage(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	inside := 0
	const reps = 2000
	for range reps {
		cases := make([]float64, 31)
		for i := range cases {
			cases[i] = r.ExpFloat64()
		}
		if _, low, high, _ := CaseQuantile(cases, 0.5, 0.95); low <= math.Ln2 && math.Ln2 <= high {
			inside++
		}
	}
	if rate := float64(inside) / reps; rate < 0.94 {
		t.Errorf("covers %.3f", rate)
	}
}

// TestPosteriorIntervals: with a uniform prior and nothing seen, the uniform's own
// quantiles; of a gamma of shape 1 those of the exponential.
func TestPosteriorIntervals(t *testing.T) {
	low, high := BetaBinomial{Alpha: 1, Beta: 1}.Interval(0, 0, 0.9)
	near(t, "low", low, 0.05, 1e-9)
	near(t, "high", high, 0.95, 1e-9)
	low, high = GammaPoisson{Mean: 2, Shape: 1}.Interval(0, 0.5, 0.9)
	near(t, "low", low, -math.Log(0.95), 1e-9)
	near(t, "high", high, -math.Log(0.05), 1e-9)
	for _, bad := range [][3]float64{{2, 1, 0.9}, {-1, 1, 0.9}, {1, 2, 1}, {math.NaN(), 1, 0.9}} {
		if low, _ := (BetaBinomial{Alpha: 1, Beta: 1}).Interval(bad[0], bad[1], bad[2]); !math.IsNaN(low) {
			t.Errorf("%v: %v", bad, low)
		}
	}
	if low, _ := (GammaPoisson{Mean: 1, Shape: 1}).Interval(1, 0, 0.9); !math.IsNaN(low) {
		t.Error("nothing expected")
	}
}

func TestDescribeDoesNotAllocate(t *testing.T) {
	in := chance(3, 0.3)
	in.Value, in.SE = in.Num, in.Den
	for _, m := range []Measure{Proportion, Rate, Ratio, Mean} {
		for _, e := range []Estimator{DerSimonianLaird, PauleMandel, REML} {
			o := Options{Measure: m, Estimator: e}
			r := describe(t, in, o)
			if got := testing.AllocsPerRun(5, func() {
				if err := Describe(r, in, o); err != nil {
					t.Fatal(err)
				}
			}); got > 0 {
				t.Errorf("%s: %v allocations for a second description", m, got)
			}
		}
	}
}

// Means and their standard errors scale and move together: tau² by the square.
func TestLawScaleAndTranslation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "units")
		a, b := Input{States: states(n)}, Input{States: states(n)}
		for range n {
			v, se := float64(rapid.IntRange(-400, 400).Draw(t, "v"))/8, float64(rapid.IntRange(1, 80).Draw(t, "se"))/8
			a.Value, a.SE = append(a.Value, v), append(a.SE, se)
			b.Value, b.SE = append(b.Value, 4*v+256), append(b.SE, 4*se)
		}
		o := Options{Measure: Mean, Estimator: Estimator(rapid.IntRange(0, 2).Draw(t, "estimator"))}
		var r, s Result
		if err := Describe(&r, a, o); err != nil {
			t.Fatal(err)
		}
		if err := Describe(&s, b, o); err != nil {
			t.Fatal(err)
		}
		for what, p := range map[string][2]float64{
			"mean": {4*r.Mean + 256, s.Mean}, "tau²": {16 * r.Tau2, s.Tau2}, "high": {16 * r.Tau2High, s.Tau2High},
			"I²": {r.I2, s.I2}, "median": {4*r.Deciles[4] + 256, s.Deciles[4]},
		} {
			if math.Abs(p[0]-p[1]) > 1e-6*(1+math.Abs(p[1])) {
				t.Fatalf("%s: %v and %v", what, p[0], p[1])
			}
		}
	})
}

// A unit without a value changes nothing.
func TestLawMissingUnit(t *testing.T) {
	in := chance(7, 0.3)
	a := describe(t, in, Options{Measure: Proportion})
	for st := spc.StatePreliminary; st <= spc.StateNotApplicable; st++ {
		more := Input{Num: append([]float64{math.NaN()}, in.Num...), Den: append([]float64{-3}, in.Den...), States: append([]spc.State{st}, in.States...)}
		b := describe(t, more, Options{Measure: Proportion})
		if b.Tau2 != a.Tau2 || b.MOR != a.MOR || b.Units != a.Units || !math.IsNaN(b.Shrunk[0]) {
			t.Errorf("%s: %v and %v", st, a.Tau2, b.Tau2)
		}
	}
}
