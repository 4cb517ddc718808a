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
// series; they get a line here.
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

// qicharts2: an empty subgroup adds -1 to the degrees of freedom and widens the
// limits; whether sizes are equal is asked of the whole part, not of the baseline.
func TestSubgroupsOfTheBaselineAlone(t *testing.T) {
	s := Series{States: values(30), Value: repeat(10, 30), Den: repeat(5, 30), SD: repeat(2, 30)}
	want := choose(t, s, Options{Measure: Mean, Kind: Xbar}, Plan{}).SD[0]
	s.Den[3], s.SD[3], s.Value[3] = 0, math.NaN(), math.NaN()
	s.Den[28], s.SD[29] = 50, 9
	c := choose(t, s, Options{Measure: Mean, Kind: Xbar}, Plan{})
	near(t, "sigma with an empty subgroup", c.SD[0], want)
}

// qicharts2: ranges of MR and I' charts are taken before points are excluded.
func TestExclusionComesBeforeRanges(t *testing.T) {
	v := []float64{1, 3, 1, 3, 1, 3, 500, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3}
	s := Series{States: values(len(v)), Value: v, Den: repeat(4, len(v))}
	plan := Plan{Exclude: []int{6}}
	near(t, "mean range", choose(t, s, Options{Measure: Mean, Kind: MR}, plan).Centre[2], 2)
	c := choose(t, s, Options{Measure: Mean, Kind: IPrime}, plan)
	near(t, "sigma of a mean of 4", c.SD[0], 2*math.Sqrt(math.Pi/2)/math.Sqrt(0.5)/2)
	// The excluded point of a moving-range chart has no range of its own to enter.
	first := choose(t, s, Options{Measure: Mean, Kind: MR}, Plan{Exclude: []int{0}})
	if first.State[0] != StateNotApplicable || first.State[1] != StatePreliminary {
		t.Errorf("%s and %s", first.State[0], first.State[1])
	}
}

// qicharts2: a missing count among several rows becomes 0.
func TestMissingCountIsNotZero(t *testing.T) {
	s := Series{States: values(24), Num: repeat(9, 24)}
	s.States[5], s.Num[5] = StateMissing, 0
	c := choose(t, s, Options{Measure: Count, Kind: C}, Plan{})
	if c.Centre[0] != 9 || c.SigmaSignal[5] || !math.IsNaN(c.Value[5]) {
		t.Errorf("centre %v, value %v", c.Centre[0], c.Value[5])
	}
}

// qicharts2: a given centre line of a t chart is read on the transformed scale, one
// of a g chart is drawn at 0.693 of it. Here it is where the values are.
func TestGivenCentreIsOnTheScaleOfValues(t *testing.T) {
	s := Series{States: values(24), Value: make([]float64, 24)}
	for i := range s.Value {
		s.Value[i] = []float64{3, 15}[i%2]
	}
	centre := 12.0
	plan := Plan{Phases: []Phase{{From: 0, Centre: &centre}}}
	for _, m := range []Measure{TimeBetween, CasesBetween, Mean} {
		c := choose(t, s, Options{Measure: m}, plan)
		if math.Abs(c.Centre[0]-12) > 1e-12 || !(c.UCL[0] > 12 && c.LCL[0] < 12) {
			t.Errorf("%s: centre %v in %v..%v", m, c.Centre[0], c.LCL[0], c.UCL[0])
		}
	}
}

// qicharts2: a time of 0 is an error, and a whole chart is lost.
func TestTwoEventsAtOnce(t *testing.T) {
	s := Series{States: values(24), Value: repeat(5, 24)}
	s.Value[7], s.Value[9] = 0, 8
	if c := choose(t, s, Options{Measure: TimeBetween}, Plan{}); c.Value[7] != 0 || math.IsNaN(c.UCL[0]) {
		t.Errorf("%v, limit %v", c.Value[7], c.UCL[0])
	}
}

// qcc: rules beyond the first crash on a g chart, whose sigma does not vary
// symmetrically. Here they are evaluated.
func TestRulesOnEveryChart(t *testing.T) {
	s := Series{States: values(30), Value: make([]float64, 30)}
	for i := range s.Value {
		s.Value[i] = float64(i * 3)
	}
	for _, m := range []Measure{CasesBetween, TimeBetween} {
		c := choose(t, s, Options{Measure: m}, Plan{})
		rules := map[Rule]bool{}
		for _, s := range c.Detect(Nelson) {
			rules[s.Rule] = true
		}
		if !rules[RuleSixTrend] || !rules[RuleNine] {
			t.Errorf("%s: %v", m, rules)
		}
	}
}

// qicharts2 gives one list of exclusions and phases to every facet by position.
func TestEachSeriesHasItsOwnPlan(t *testing.T) {
	s, starts := region(3, 60, 4)
	var c Charts
	if err := Batch(&c, s, starts, Options{Measure: Proportion}, []Plan{{}, {Phases: []Phase{{From: 30}}}, {}}); err != nil {
		t.Fatal(err)
	}
	for k, want := range []int{1, 2, 1} {
		if got := len(c.At(k).Parts); got != want {
			t.Errorf("series %d has %d phases, want %d", k, got, want)
		}
	}
}

// The badge of a season turns off every rule that looks at more than one value,
// not only Anhøj's.
func TestRunsOffTurnsEveryRunRuleOff(t *testing.T) {
	s := Series{States: values(48), Value: make([]float64, 48)}
	r := newRand(14)
	for i := range s.Value {
		s.Value[i] = 10*math.Sin(2*math.Pi*float64(i)/12) + r.NormFloat64()
	}
	c := choose(t, s, Options{Measure: Mean, PeriodsPerYear: 12}, Plan{})
	if !c.Parts[0].RunsOff {
		t.Fatal("the premise: no season was seen")
	}
	for _, sig := range c.Detect(1<<ruleCount - 1) {
		if sig.Rule != RuleSigma {
			t.Errorf("%s signals", sig.Rule)
		}
	}
}
