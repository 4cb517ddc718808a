package spc

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// The tests here hold, one by one, what the common tools get wrong and this
// package does not. What each tool prints is in package faithful.

// qicharts2: the same call gives screened or unscreened limits, by whether the
// package is attached. Here screening is an argument and comes back with the
// result.
func TestScreeningIsStored(t *testing.T) {
	v := []float64{0, 1, 0, 1, 0, 1, 0, 10, 0, 1, 0, 1, 0, 1}
	for _, want := range []Screening{ScreenNone, ScreenOnce} {
		c := choose(t, Series{States: values(len(v)), Value: v}, Options{Measure: Mean, Screening: want}, Plan{})
		if c.Parts[0].Screening != want {
			t.Errorf("screening %d came back as %d", want, c.Parts[0].Screening)
		}
	}
}

// qicharts2: an excluded point gets a sigma signal and the moving range spans the
// gap it leaves.
func TestExcludedPointsDoNotSignal(t *testing.T) {
	v := []float64{1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 500, 3}
	s := Series{States: values(len(v)), Value: v}
	s.States[14] = StateHeldPrevious
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	if c.SigmaSignal[14] || c.Parts[0].Ranges != 13 || len(c.Signals) != 0 {
		t.Errorf("%+v %+v", c.Parts[0], c.Signals)
	}
}

// qicharts2: a part silently disables the frozen baseline.
func TestPhaseKeepsItsOwnBaseline(t *testing.T) {
	s, _ := region(1, 90, 12)
	c := choose(t, s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 40}}})
	p := c.Parts[1]
	if p.BaselinePoints != 24 || p.BaselineTo >= p.Last || p.Stage != StageFrozen {
		t.Errorf("%+v", p)
	}
}

// qicharts2 divides by 1.128, NHSRplotthedots multiplies by 2.66: a point between
// the two limits is a signal in one and none in the other. The exact constant
// lies between 3/1.128 = 2.65957 and 2.66 and is stated.
func TestConstantIsExact(t *testing.T) {
	if k := 3 / d2; math.Abs(k-1.5*math.Sqrt(math.Pi)) > 1e-15 || k > 2.66 {
		t.Errorf("3/d2 = %v", k)
	}
	if math.Abs(d4-(1+3*math.Sqrt(math.Pi/2-1))) > 1e-13 {
		t.Errorf("D4 = %v", d4)
	}
}

// qicharts2 clips limits after its signals, or before, by chart. Here a signal
// never depends on what is drawn.
func TestSignalsPrecedeClipping(t *testing.T) {
	v := make([]float64, 24)
	for i := range v {
		v[i] = []float64{1, 3}[i%2]
	}
	v[23] = -10
	s := Series{States: values(24), Value: v}
	a := choose(t, s, Options{Measure: Mean, BaselinePoints: 23}, Plan{})
	b := choose(t, s, Options{Measure: Mean, BaselinePoints: 23, NonNegative: true}, Plan{})
	if !a.SigmaSignal[23] || !slices.Equal(a.SigmaSignal, b.SigmaSignal) || b.LCL[0] != 0 || b.Signals[0].Limit >= 0 {
		t.Errorf("%+v", b.Signals)
	}
}

// qicharts2: p′ of all zero events has no limits and no word about it;
// u likewise.
func TestNoEventsAreSaid(t *testing.T) {
	for _, m := range []Measure{Proportion, Rate} {
		s := Series{States: values(24), Num: repeat(0, 24), Den: repeat(50, 24)}
		c := choose(t, s, Options{Measure: m, Kind: map[Measure]Kind{Proportion: PPrime, Rate: UPrime}[m]}, Plan{})
		if p := c.Parts[0]; p.Reason != ReasonNoEvents || p.Why() == "" || c.Centre[0] != 0 {
			t.Errorf("%+v", p)
		}
	}
}

// NHSRplotthedots: a rebase date that matches no row is ignored without a word.
func TestPhaseOutsideTheSeriesIsAnError(t *testing.T) {
	s, _ := region(1, 30, 1)
	if _, err := Choose(s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 31}}}); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

// NHSRplotthedots: limits of proportions ignore the denominator.
func TestLimitsFollowTheDenominator(t *testing.T) {
	s := Series{States: values(24), Num: repeat(30, 24), Den: repeat(100, 24)}
	s.Num[23], s.Den[23] = 300, 1000
	c := choose(t, s, Options{Measure: Proportion, Kind: P}, Plan{})
	if r := (c.UCL[0] - 0.3) / (c.UCL[23] - 0.3); math.Abs(r-math.Sqrt(10)) > 1e-9 {
		t.Errorf("ten times the cases narrow the limits %v times", r)
	}
}

// NHSRplotthedots hides overlapping patterns behind one label; its icon of the
// last point is common cause while a rebase has just swept all before it away.
// Here the patterns are all there, and the part says how few points it has.
func TestFreshPhaseSaysSo(t *testing.T) {
	v := make([]float64, 40)
	for i := range v {
		v[i] = float64(i % 3)
	}
	s := Series{States: values(40), Value: v}
	c := choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 39}}})
	if icon := c.VariationIcon(c.Detect(MakingDataCount), Up); icon != IconNone {
		t.Errorf("an icon from one point: %s", icon)
	}
	if p := c.Parts[1]; p.Stage != StageRun || p.Points != 1 {
		t.Errorf("%+v", p)
	}
}

// STATISTICS: rolling proportions signal by Anhøj in nearly all in-control
// series; they get a line here, and the non-overlapping periods the chart.
func TestRollingPointsWouldMislead(t *testing.T) {
	r := newRand(41)
	signals := 0
	for range 100 {
		x := make([]float64, 47)
		for i := range x {
			for range 100 {
				if r.Float64() < 0.2 {
					x[i]++
				}
			}
		}
		s := Series{States: values(36)}
		for i := range 36 {
			n := 0.0
			for _, v := range x[i : i+12] {
				n += v
			}
			s.Num, s.Den = append(s.Num, n), append(s.Den, 1200)
		}
		if choose(t, s, Options{Measure: Proportion}, Plan{}).Parts[0].RunsSignal {
			signals++
		}
		if c := choose(t, s, Options{Measure: Proportion, Overlapping: true}, Plan{}); len(c.Signals) != 0 {
			t.Fatal("an overlapping series signals")
		}
	}
	if signals < 80 {
		t.Errorf("the premise: %d of 100 rolling series signal", signals)
	}
}

// qicharts2 draws a lower limit of 0 and no tool says that no low signal is
// possible.
func TestNoLowSignalIsSaid(t *testing.T) {
	s := Series{States: values(24), Num: repeat(2, 24), Den: repeat(40, 24)}
	c := choose(t, s, Options{Measure: Proportion}, Plan{})
	if !c.NoLowSignal(0) || c.NoHighSignal(0) {
		t.Error("2 of 40 leaves no room below")
	}
	s.Num = repeat(39, 24)
	c = choose(t, s, Options{Measure: Proportion}, Plan{})
	if c.NoLowSignal(0) || !c.NoHighSignal(0) {
		t.Error("39 of 40 leaves no room above")
	}
}
