package funnel

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"larstrom/pipeline/spc"
)

// TestCountRatioByHand: ten units with 40 over 60 and 60 over 40 in turn: shares
// of .4 and .6 of 100, so tau² is that of TestTau2ByHand, and limits of the share
// s become s/(1-s).
func TestCountRatioByHand(t *testing.T) {
	in := units([]float64{40, 60, 40, 60, 40, 60, 40, 60, 40, 60}, []float64{60, 40, 60, 40, 60, 40, 60, 40, 60, 40})
	o := Options{Together: true, Measure: CountRatio, Winsor: -1, Multiplier: 10, Limits: Normal}
	f := compute(t, in, o)
	near(t, "centre", f.Centre, 10, 1e-12)
	near(t, "value", f.Value[0], 10*40/60.0, 1e-12)
	near(t, "tau2", f.Tau2, 31/3600.0/0.0625, 1e-12)
	tau := math.Sqrt(f.Tau2)
	u := 0.5 + math.Hypot(z95*0.05, 1/(1+math.Exp(-z95*tau))-0.5)
	near(t, "ucl95", f.UCL95[0], 10*u/(1-u), 1e-12)
	near(t, "lcl95", f.LCL95[0], 10*(1-u)/u, 1e-12)
	low, high := f.LimitsAt(100, 0.025, o)
	near(t, "low at", low, f.LCL95[0], 1e-9)
	near(t, "high at", high, f.UCL95[0], 1e-9)
	if f.Denominator[1] != 40 || f.Units != 10 || f.Why() == "" {
		t.Errorf("%+v", f)
	}
	// Turned upside down, everything is the inverse.
	inverse := compute(t, units(in.Den, in.Num), Options{Together: true, Measure: CountRatio, Winsor: -1, Limits: Normal})
	near(t, "inverse", inverse.LCL998[0], 10/f.UCL998[0], 1e-12)
}

// Nothing in the second count is a unit like others, without a ratio.
func TestCountRatioOfNothing(t *testing.T) {
	half := 0.5
	f := compute(t, units([]float64{30, 2, 0, 0}, []float64{0, 0, 3, 0}), Options{Measure: CountRatio, Target: &half})
	if !math.IsNaN(f.Value[0]) || f.Outlier[0] != 1 {
		t.Errorf("30 over 0: value %v, outlier %d", f.Value[0], f.Outlier[0])
	}
	// Both in the first count has probability 1/9: no high signal is possible.
	if f.Outlier[1] != 0 || !f.NoHigh[1] || !math.IsNaN(f.UCL998[1]) {
		t.Errorf("2 over 0: outlier %d, ucl %v", f.Outlier[1], f.UCL998[1])
	}
	if f.Value[2] != 0 || f.State[3] != spc.StateNoEligible {
		t.Errorf("0 over 3 is %v, 0 over 0 %s", f.Value[2], f.State[3])
	}
	var bad Funnel
	for name, in := range map[string]Input{
		"negative": units([]float64{1}, []float64{-1}), "nan": units([]float64{1}, []float64{math.NaN()}),
		"huge": units([]float64{1}, []float64{1e13}), "shape": {States: []spc.State{1}},
	} {
		if err := Compute(&bad, in, Options{Measure: CountRatio}); !errors.Is(err, ErrUnit) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLeaveOneOutUsesT: eleven others give ten degrees of freedom.
func TestLeaveOneOutUsesT(t *testing.T) {
	in := Input{}
	for i := range 12 {
		in.Value, in.SE = append(in.Value, []float64{1, 3}[i%2]), append(in.SE, 1e-6)
		in.States = append(in.States, spc.StateValue)
	}
	f := compute(t, in, Options{Measure: Mean, Winsor: -1})
	// The others of unit 0: five of 1 and six of 3: mean 23/11, and as a variance
	// with next to no sampling error their sum of squares over ten.
	mean := 23 / 11.0
	s2 := (5*(1-mean)*(1-mean) + 6*(3-mean)*(3-mean)) / 10
	near(t, "ucl998", f.UCL998[0], mean+distuv.StudentsT{Sigma: 1, Nu: 10}.Quantile(0.999)*math.Sqrt(s2), 1e-6)
}

// Exact limits of a unit hold at least their nominal share when rounded outward,
// to the next value that is possible.
func TestLawRoundedLimitsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3000).Draw(t, "n")
		p := rapid.Float64Range(0.001, 0.999).Draw(t, "p")
		_, _, _, high := exactLimits(Proportion, float64(n), p)
		low, _, _, _ := exactLimits(Proportion, float64(n), p)
		k, l := int(math.Ceil(high*float64(n)-1e-9)), int(math.Floor(low*float64(n)+1e-9))
		if above := 1 - spc.BinomialCDF(k, n, p); above > 0.001*(1+1e-9) {
			t.Fatalf("n %d, p %v: %v above %d", n, p, above, k)
		}
		if below := spc.BinomialCDF(l-1, n, p); below > 0.001*(1+1e-9) {
			t.Fatalf("n %d, p %v: %v below %d", n, p, below, l)
		}
		mu := p * float64(n)
		low, _, _, high = exactLimits(Rate, float64(n), p)
		k, l = int(math.Ceil(high*float64(n)-1e-9)), int(math.Floor(low*float64(n)+1e-9))
		if above := 1 - spc.PoissonCDF(k, mu); above > 0.001*(1+1e-9) || spc.PoissonCDF(l-1, mu) > 0.001*(1+1e-9) {
			t.Fatalf("mean %v: beyond %d..%d", mu, l, k)
		}
	})
}

// The walk from quantile to quantile ends where a search would.
func TestLawWalkEqualsSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20000).Draw(t, "n")
		p := rapid.Float64Range(0.001, 0.999).Draw(t, "p")
		a, b, c, d := exactLimits(Proportion, float64(n), p)
		u, v, w, x := exactLimits(Rate, float64(n), p)
		for i, pair := range [][2]float64{
			{a, BinomialLimit(0.001, n, p)}, {b, BinomialLimit(0.025, n, p)}, {c, BinomialLimit(0.975, n, p)}, {d, BinomialLimit(0.999, n, p)},
			{u, PoissonLimit(0.001, float64(n), p)}, {v, PoissonLimit(0.025, float64(n), p)}, {w, PoissonLimit(0.975, float64(n), p)}, {x, PoissonLimit(0.999, float64(n), p)},
		} {
			if math.Abs(pair[0]-pair[1]) > 1e-9 {
				t.Fatalf("limit %d of n %d, p %v: %v and %v", i, n, p, pair[0], pair[1])
			}
		}
	})
}

// Scaling: a multiplier scales all that is drawn; means scale and move with
// their values.
func TestLawScaling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawUnits(t)
		m := []Measure{Proportion, Rate, Ratio, CountRatio}[rapid.IntRange(0, 3).Draw(t, "measure")]
		var a, b Funnel
		if err := Compute(&a, in, Options{Measure: m}); err != nil {
			t.Fatal(err)
		}
		if err := Compute(&b, in, Options{Measure: m, Multiplier: 1000}); err != nil {
			t.Fatal(err)
		}
		for i := range a.Value {
			if a.Outlier[i] != b.Outlier[i] || math.Abs(a.UCL998[i]*1000-b.UCL998[i]) > 1e-9*math.Abs(b.UCL998[i]) {
				t.Fatalf("unit %d: %v and %v", i, a.UCL998[i], b.UCL998[i])
			}
		}
		mean, moved := Input{}, Input{}
		for i, n := range in.Den {
			v := in.Num[i] / 8
			mean.Value, mean.SE, mean.States = append(mean.Value, v), append(mean.SE, 1+n), append(mean.States, in.States[i])
			moved.Value, moved.SE, moved.States = append(moved.Value, 4*v+512), append(moved.SE, 4*(1+n)), append(moved.States, in.States[i])
		}
		if err := Compute(&a, mean, Options{Measure: Mean}); err != nil {
			t.Fatal(err)
		}
		if err := Compute(&b, moved, Options{Measure: Mean}); err != nil {
			t.Fatal(err)
		}
		for i := range a.Value {
			if !math.IsNaN(a.UCL998[i]) && math.Abs(4*a.UCL998[i]+512-b.UCL998[i]) > 1e-6*(1+math.Abs(b.UCL998[i])) {
				t.Fatalf("unit %d: %v moved to %v", i, a.UCL998[i], b.UCL998[i])
			}
		}
	})
}
