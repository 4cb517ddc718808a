package spc

import (
	"math"
	"testing"
)

func TestExactAtTheEdges(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		what      string
		got, want float64
	}{
		{"cdf below", BinomialCDF(-1, 5, 0.5), 0}, {"cdf all", BinomialCDF(5, 5, 0.5), 1}, {"cdf p 0", BinomialCDF(0, 5, 0), 1},
		{"cdf p 1", BinomialCDF(4, 5, 1), 0}, {"cdf p 2", BinomialCDF(1, 5, 2), nan}, {"cdf n", BinomialCDF(1, -5, 0.5), nan},
		{"pmf outside", BinomialPMF(6, 5, 0.5), 0}, {"pmf p 0", BinomialPMF(0, 5, 0), 1}, {"pmf p 0", BinomialPMF(1, 5, 0), 0},
		{"pmf p 1", BinomialPMF(5, 5, 1), 1}, {"pmf nan", BinomialPMF(1, 5, nan), nan}, {"pmf of nothing", BinomialPMF(0, 0, 0.5), 1},
		{"poisson cdf", PoissonCDF(-1, 2), 0}, {"poisson cdf", PoissonCDF(0, 0), 1}, {"poisson cdf", PoissonCDF(1, -1), nan},
		{"poisson pmf", PoissonPMF(-1, 2), 0}, {"poisson pmf", PoissonPMF(0, 0), 1}, {"poisson pmf", PoissonPMF(1, 0), 0},
		{"poisson pmf", PoissonPMF(1, math.Inf(1)), nan}, {"poisson pmf", PoissonPMF(0, 2), math.Exp(-2)},
		{"quantile", float64(BinomialQuantile(0.5, 5, 2)), -1}, {"quantile 0", float64(BinomialQuantile(0, 5, 0.5)), 0},
		{"quantile 1", float64(BinomialQuantile(1, 5, 0.5)), 5}, {"quantile p 1", float64(BinomialQuantile(0.2, 5, 1)), 5},
		{"quantile of nothing", float64(BinomialQuantile(0.2, 0, 0.5)), 0},
		{"poisson quantile", float64(PoissonQuantile(0.5, -1)), -1}, {"poisson quantile", float64(PoissonQuantile(1, 1)), -1},
		{"poisson quantile", float64(PoissonQuantile(0.5, 0)), 0}, {"poisson quantile", float64(PoissonQuantile(0, 3)), 0},
		{"runs", float64(LongestRunLimit(0)), 0}, {"crossings", float64(FewestCrossings(1)), 0},
		// The tie at which a quantile without fuzz would flip: P(X <= 1 | 2, .5) = .75.
		{"tie", float64(BinomialQuantile(0.75, 2, 0.5)), 1},
	} {
		near(t, tc.what, tc.got, tc.want)
	}
	// The tabled and the direct number of crossings agree far out.
	var c Charts
	if c.fewestCrossings(4095) != FewestCrossings(4095) || c.fewestCrossings(10000) != FewestCrossings(10000) {
		t.Error("table")
	}
}

func TestMassAtQuantiles(t *testing.T) {
	for _, q := range []float64{0.001, 0.5, 0.999} {
		k, cdf, pmf := BinomialQuantileMass(q, 300, 0.07)
		near(t, "cdf", cdf, BinomialCDF(k, 300, 0.07))
		near(t, "pmf", pmf, BinomialPMF(k, 300, 0.07))
		k, cdf, pmf = PoissonQuantileMass(q, 21.5)
		near(t, "poisson cdf", cdf, PoissonCDF(k, 21.5))
		near(t, "poisson pmf", pmf, PoissonPMF(k, 21.5))
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	add := func(s string) {
		if s == "" || seen[s] {
			t.Errorf("name %q is empty or taken", s)
		}
		seen[s] = true
	}
	for m := Proportion; m <= CasesBetween; m++ {
		add("measure " + m.String())
	}
	for k := Auto; k <= S; k++ {
		add("kind " + k.String())
		if k.title() == "" {
			t.Errorf("%s has no title", k)
		}
	}
	for s := StageNone; s <= StageFrozen; s++ {
		add("stage " + s.String())
	}
	for l := LimitsNone; l <= LimitsExact; l++ {
		add("limits " + l.String())
	}
	for i := IconNone; i <= HitAndMiss; i++ {
		add("icon " + i.String())
	}
	for _, s := range []string{Measure(0).String(), Kind(99).String(), Stage(9).String(), LimitMethod(9).String(), Rule(99).String(), State(0).String()} {
		add("unknown " + s)
	}
}

// The limits of denominators too large for exact ones go over to normal ones
// without a step.
func TestExactLimitsOfLargePeriods(t *testing.T) {
	sigma := math.Sqrt(0.3 * 0.7)
	a, b := exactLimits(Proportion, 9_999_999, 0.3, sigma)
	c, d := exactLimits(Proportion, 10_000_001, 0.3, sigma)
	if math.Abs(a-c) > 1e-6 || math.Abs(b-d) > 1e-6 {
		t.Errorf("%v..%v and %v..%v", a, b, c, d)
	}
	low, high, sd := dispersedLimits(Rate, 1e9, 2, 1e-3, 0.1)
	if !(low < 2 && 2 < high && sd > 1e-3) {
		t.Errorf("%v..%v, %v", low, high, sd)
	}
}
