package funnel

import (
	"math"
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
	_, own := d.rates(t, 200, Options{MinUnits: 2})
	_, none := d.rates(t, 200, Options{})
	t.Logf("found in %.2f with a tau² of six units, in %.2f without", own, none)
	if none < own+0.2 || none < 0.7 {
		t.Errorf("found in %.2f with a tau² of six units, in %.2f without", own, none)
	}
}
