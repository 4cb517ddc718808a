package funnel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The tests here hold, one by one, what FunnelPlotR and PHEindicatormethods get
// wrong and this package does not; false alarms are in TestFalseOutliers.

// A zero numerator makes phi and all overdispersed limits of the SHMI method
// disappear.
func TestZeroNumerators(t *testing.T) {
	in := units([]float64{0, 2, 1, 0, 3, 1, 2, 0, 4, 1, 2, 1}, []float64{1.5, 2.2, 0.9, 1.1, 2.7, 0.8, 3, 2.1, 1.3, 0.7, 1.2, 1.3})
	f := compute(t, in, Options{Measure: Ratio})
	if math.IsNaN(f.Phi) || math.IsInf(f.Phi, 0) || math.IsNaN(f.Tau2) {
		t.Errorf("phi %v, tau2 %v", f.Phi, f.Tau2)
	}
	for i := range f.UCL998 {
		if math.IsNaN(f.UCL998[i]) || math.IsNaN(f.LCL998[i]) {
			t.Errorf("unit %d has no limits", i)
		}
	}
}

// Equal numerators and denominators are an error there; here units at 100 % are
// data.
func TestAllAtOneHundredPercent(t *testing.T) {
	f := compute(t, units([]float64{3, 5, 8}, []float64{3, 5, 8}), Options{Measure: Proportion})
	if f.Value[0] != 1 || f.Outlier[0] != 0 {
		t.Errorf("%+v", f)
	}
}

// draw_adjusted = FALSE reports phi = 0 there.
func TestPhiIsReportedUnadjusted(t *testing.T) {
	in := units([]float64{40, 60, 40, 60, 40, 60, 40, 60, 40, 60}, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100})
	f := compute(t, in, Options{Measure: Proportion, Winsor: -1, Overdispersion: Unadjusted})
	near(t, "phi", f.Phi, 4, 1e-12)
	if f.Tau2 != 0 || f.Source != SourceNone {
		t.Errorf("%v from %s", f.Tau2, f.Source)
	}
}

// Arcsine limits wrap round at small denominators and are repaired by their
// neighbours on the plot; here a unit's limits depend on its own denominator, the
// target and tau² alone, and stay in range.
func TestLimitsDependOnTheUnitAlone(t *testing.T) {
	target, tau2 := 0.3, 0.04
	o := Options{Measure: Proportion, Target: &target, PreviousTau2: &tau2, MinUnits: 1000}
	alone := compute(t, units([]float64{1}, []float64{3}), o)
	among := compute(t, units([]float64{1, 30, 500}, []float64{3, 100, 1700}), o)
	if alone.UCL998[0] != among.UCL998[0] || alone.LCL95[0] != among.LCL95[0] || alone.UCL998[0] > 1 || alone.LCL998[0] < 0 {
		t.Errorf("%v and %v", alone.UCL998[0], among.UCL998[0])
	}
}

// With a multiplier of 1 the upper limit of a proportion exceeds 1 there (1.024
// at n = 1).
func TestLimitsStayInRange(t *testing.T) {
	target := 0.0994
	f := compute(t, units([]float64{0, 1, 2}, []float64{1, 2, 3}), Options{Measure: Proportion, Target: &target})
	for i := range f.UCL998 {
		if f.UCL998[i] > 1 || f.LCL998[i] < 0 {
			t.Errorf("unit %d: %v..%v", i, f.LCL998[i], f.UCL998[i])
		}
	}
}

// Six units cannot give a tau²: an odds ratio of 2.5 would widen the limits that
// should catch it.
func TestSixUnitsGiveNoTau2(t *testing.T) {
	d := design{Proportion, 6, 0.2, 150, 250, 0, true}
	_, _, own := d.rates(t, 200, Options{MinUnits: 2, Together: true})
	_, _, none := d.rates(t, 200, Options{})
	t.Logf("found in %.2f with a tau² of six units, in %.2f without", own, none)
	if none < own+0.2 || none < 0.7 {
		t.Errorf("found in %.2f with a tau² of six units, in %.2f without", own, none)
	}
}

// Limits of standardised ratios by the CQC's method are drawn on the scale of the
// square root, about half as wide as meant. Here the limits of a unit so large
// that chance plays no part are those between units, on the scale drawn.
func TestRatioLimitsAreOnTheirScale(t *testing.T) {
	tau2 := 0.04
	f := compute(t, units([]float64{1e9}, []float64{1e9}), Options{Measure: Ratio, PreviousTau2: &tau2})
	near(t, "ucl998", f.UCL998[0], math.Exp(z998*0.2), 1e-6)
	near(t, "lcl998", f.LCL998[0], math.Exp(-z998*0.2), 1e-6)
}

// Ratios of counts there have z scores of one variance and limits of another: 36 %
// of units in control are flagged. Here both come from the share, and a unit on
// its limit has exactly that z.
func TestLimitsOfCountRatiosMatchTheirScores(t *testing.T) {
	one := 1.0
	f := compute(t, units([]float64{100}, []float64{100}), Options{Measure: CountRatio, Target: &one, Limits: Normal})
	share := f.UCL998[0] / (1 + f.UCL998[0])
	near(t, "z at the limit", (share-0.5)/math.Sqrt(0.25/200), z998, 1e-12)
}

// phi below 1 by chance neither narrows the limits nor hides.
func TestUnderdispersionNeverNarrows(t *testing.T) {
	in := units([]float64{50, 51, 49, 50, 51, 49, 50, 51, 49, 50}, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100})
	f := compute(t, in, Options{Measure: Proportion})
	plain := compute(t, in, Options{Measure: Proportion, Overdispersion: Unadjusted})
	if !(f.Phi < 1) || f.Tau2 != 0 || f.UCL998[0] != plain.UCL998[0] || f.LCL95[0] != plain.LCL95[0] {
		t.Errorf("phi %v, tau² %v", f.Phi, f.Tau2)
	}
}

// Winsorising a fifth of the units takes variation away that all share: tau² of
// 0.09 comes out about a third too small there. Here it is divided by what
// winsorising takes from chance.
func TestWinsorisingKeepsTau2(t *testing.T) {
	d := design{Proportion, 100, 0.1, 2000, 2000, 0.3, false}
	r := rand.New(rand.NewPCG(7, 8))
	var f Funnel
	sum := 0.0
	const reps = 60
	for range reps {
		if err := Compute(&f, d.draw(r), Options{Measure: Proportion}); err != nil {
			t.Fatal(err)
		}
		sum += f.Tau2
	}
	// The standard error of the mean is about 0.0025.
	t.Logf("mean tau² %.4f of 0.09", sum/reps)
	if got := sum / reps; got < 0.082 || got > 0.098 {
		t.Errorf("mean tau² %v, made with 0.09", got)
	}
}

// Expected events are rounded to two decimals there.
func TestExpectedIsNotRounded(t *testing.T) {
	f := compute(t, units([]float64{1, 1}, []float64{0.004, 0.0049}), Options{Measure: Ratio})
	if f.Value[0] != 250 || f.Value[1] != 1/0.0049 {
		t.Errorf("%v", f.Value)
	}
}

// The only levels there are 95 and 99.8 %.
func TestAnyLevel(t *testing.T) {
	target := 0.2
	o := Options{Measure: Proportion, Target: &target, Limits: Normal}
	f := compute(t, units([]float64{20}, []float64{100}), o)
	_, high := f.LimitsAt(100, 0.05, o)
	near(t, "90 %", high, 0.2+1.6448536269514722*0.04, 1e-12)
}

// A call there resets the caller's random numbers. Here nothing is drawn: the
// same units give the same numbers, whatever was computed before.
func TestNoHiddenState(t *testing.T) {
	d := design{Proportion, 40, 0.1, 50, 2000, 0.3, false}
	in := d.draw(rand.New(rand.NewPCG(3, 4)))
	a := compute(t, in, Options{Measure: Proportion})
	var b Funnel
	for _, o := range []Options{{Measure: Ratio}, {Measure: CountRatio}, {Measure: Proportion}} {
		if err := Compute(&b, in, o); err != nil {
			t.Fatal(err)
		}
	}
	for i := range a.UCL998 {
		if a.UCL998[i] != b.UCL998[i] || a.LCL95[i] != b.LCL95[i] || a.Outlier[i] != b.Outlier[i] {
			t.Fatalf("unit %d: %v and %v", i, a.UCL998[i], b.UCL998[i])
		}
	}
}
