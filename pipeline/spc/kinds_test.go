package spc

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/mathext"
	"pgregory.net/rapid"
)

// TestNPByHand: 10 and 40 of 100 and 400: p = .1; at 100 the line is 10 and sigma
// 3, at 400 40 and 6.
func TestNPByHand(t *testing.T) {
	s := Series{States: values(27)}
	for i := range 27 {
		s.Num, s.Den = append(s.Num, []float64{10, 40}[i%2]), append(s.Den, []float64{100, 400}[i%2])
	}
	s.Num[24], s.Num[25] = 20, 61
	s.States[26] = StateMissing
	c := choose(t, s, Options{Measure: Proportion, Kind: NP}, Plan{})
	near(t, "value", c.Value[1], 40)
	near(t, "line of 100", c.Centre[0], 10)
	near(t, "line of 400", c.Centre[1], 40)
	near(t, "ucl of 100", c.UCL[0], 19)
	near(t, "lcl of 400", c.LCL[1], 22)
	near(t, "sd", c.SD[1], 6)
	near(t, "part", c.Parts[0].Centre, 0.1)
	want := []Signal{
		{Phase: 1, Rule: RuleSigma, From: 24, To: 24, Points: 1, Direction: 1, Observed: 20, Limit: 19},
		{Phase: 1, Rule: RuleSigma, From: 25, To: 25, Points: 1, Direction: 1, Observed: 61, Limit: 58},
	}
	opts := cmp.Options{cmpopts.EquateApprox(1e-12, 0), cmpopts.IgnoreSliceElements(func(s Signal) bool { return s.Rule != RuleSigma })}
	if diff := cmp.Diff(want, c.Signals, opts); diff != "" {
		t.Error(diff)
	}
	if c.Parts[0].Kind != NP || !math.IsNaN(c.Centre[26]) || c.NoLowSignal(0) || c.NoHighSignal(0) {
		t.Errorf("%+v", c.Parts[0])
	}
	// It signals where p does, and its evidence is that of p.
	p := choose(t, s, Options{Measure: Proportion, Kind: P}, Plan{})
	if diff := cmp.Diff(p.Rules, c.Rules); diff != "" {
		t.Error(diff)
	}
	a, _ := c.LatestEvidence()
	b, _ := p.LatestEvidence()
	near(t, "evidence", a.P, b.P)
	// Small counts have exact limits, multiplied, and know where none is possible.
	s.Num, s.Den = repeat(39, 27), repeat(40, 27)
	s.Num[3] = 38
	c = choose(t, s, Options{Measure: Proportion, Kind: NP, Multiplier: 2}, Plan{})
	if c.Parts[0].Limits != LimitsExact || c.UCL[0] != 80 || !c.NoHighSignal(0) || c.NoLowSignal(0) {
		t.Errorf("%+v %v", c.Parts[0], c.UCL[0])
	}
	if e, ok := c.LatestEvidence(); !ok || !(e.P > 0.1) {
		t.Errorf("%+v", e)
	}
}

// TestMRByHand: every second range 2 and 4: mean 3, sigma 3 sqrt(pi)/2.
func TestMRByHand(t *testing.T) {
	s := Series{States: values(15), Value: []float64{0, 2, -2, 0, -4, -2, -6, -4, -8, -6, -10, -8, -12, -10, 90}}
	s.States[13] = StateMissing
	c := choose(t, s, Options{Measure: Mean, Kind: MR}, Plan{})
	if c.State[0] != StateNotApplicable || c.State[14] != StateNotApplicable || !math.IsNaN(c.Value[14]) {
		t.Errorf("a range without a predecessor is %s %v", c.State[0], c.Value[14])
	}
	near(t, "range", c.Value[2], 4)
	near(t, "line", c.Centre[2], 3)
	sigma := 3 / d2
	// P(|N(0, 2 sigma²)| > limit) = 0.00135.
	if q := math.Erfc(c.UCL[2] / (2 * sigma)); math.Abs(q-exactTail) > 1e-12 {
		t.Errorf("beyond the limit %v", q)
	}
	near(t, "lower", c.LCL[2], 0)
	near(t, "sd", c.SD[2], sigma*math.Sqrt(2-4/math.Pi))
	p := c.Parts[0]
	if p.Kind != MR || !p.RunsOff || p.RunsSignal || p.Points != 12 || !c.NoLowSignal(2) || !strings.HasPrefix(p.Why(), "Moving range chart") {
		t.Errorf("%+v: %s", p, p.Why())
	}
	// A range of a value and a preliminary one is preliminary.
	s.States[13], s.States[12] = StateValue, StatePreliminary
	c = choose(t, s, Options{Measure: Mean, Kind: MR}, Plan{})
	if c.State[12] != StatePreliminary || c.State[13] != StatePreliminary || c.Value[13] != 2 || c.SigmaSignal[14] != true {
		t.Errorf("%v %v", c.State[12:], c.SigmaSignal)
	}
	sd := 1.0
	c = choose(t, s, Options{Measure: Mean, Kind: MR}, Plan{Phases: []Phase{{From: 0, SD: &sd}}})
	near(t, "given sigma", c.Centre[3], d2)
}

// TestRangeShapes against tables (Montgomery 2013, appendix VI) and, for two
// values, the half normal distribution.
func TestRangeShapes(t *testing.T) {
	for n, want := range map[int][2]float64{2: {1.128, 0.853}, 3: {1.693, 0.888}, 4: {2.059, 0.880}, 5: {2.326, 0.864}, 10: {3.078, 0.797}, 25: {3.931, 0.708}} {
		s := newRangeShape(n)
		if math.Abs(s.mean-want[0]) > 6e-4 || math.Abs(s.sd-want[1]) > 6e-4 {
			t.Errorf("n = %d: %.4f and %.4f, tabled %v", n, s.mean, s.sd, want)
		}
	}
	s := newRangeShape(2)
	near(t, "d2", s.mean, d2)
	if math.Abs(s.sd-movingSD) > 1e-6 || math.Abs(s.high-movingHigh) > 1e-8 {
		t.Errorf("d3 %v, upper limit %v", s.sd, s.high)
	}
	if math.Abs(movingHigh+math.Sqrt2*mathext.NormalQuantile(exactTail/2)) > 1e-12 {
		t.Errorf("%v", movingHigh)
	}
	if q := math.Erf(s.low / 2); math.Abs(q-exactTail) > 1e-9 {
		t.Errorf("below the lower limit %v", q)
	}
}

// TestRByHand: ranges of one size average; sizes that differ weigh by (d2/d3)².
func TestRByHand(t *testing.T) {
	s := Series{States: values(14), Value: repeat(10, 14), Den: repeat(5, 14), Range: repeat(4, 14)}
	for i := range 12 {
		s.Range[i] = []float64{3, 5}[i%2]
	}
	s.Den[12], s.Range[12], s.Range[13] = 10, 9, 12
	o := Options{Measure: Mean, Kind: R, BaselinePoints: 12}
	c := choose(t, s, o, Plan{})
	five, ten := newRangeShape(5), newRangeShape(10)
	sigma := 4 / five.mean
	near(t, "sigma", c.Centre[0], sigma)
	near(t, "value of 10", c.Value[12], 9/ten.mean)
	near(t, "ucl of 10", c.UCL[12], sigma*ten.high/ten.mean)
	if !c.SigmaSignal[13] || c.SigmaSignal[12] || c.Parts[0].Kind != R {
		t.Errorf("%v", c.SigmaSignal)
	}
	o.Kind = Xbar
	c = choose(t, s, o, Plan{})
	near(t, "xbar", c.UCL[12], 10+3*sigma/math.Sqrt(10))
	s.SD = repeat(1, 14)
	c = choose(t, s, o, Plan{})
	near(t, "standard deviations come first", c.SD[0], 1/biasOfSD(49)/math.Sqrt(5))
	s.SD = nil
	s.Den[0] = 10
	c = choose(t, s, o, Plan{})
	w5, w10 := five.mean*five.mean/five.sd/five.sd, ten.mean*ten.mean/ten.sd/ten.sd
	near(t, "weighted", c.SD[12], (11*w5*(4*12-3)/11/five.mean+w10*3/ten.mean)/(11*w5+w10)/math.Sqrt(10))
	for _, bad := range []float64{1, 101, 5.5} {
		s.Den[3] = bad
		if _, err := Choose(s, o, Plan{}); !errors.Is(err, ErrSeries) {
			t.Errorf("a range of %v cases: %v", bad, err)
		}
	}
}

// TestExclude: 500 is drawn and enters nothing; no range spans it.
func TestExclude(t *testing.T) {
	v := []float64{1, 3, 1, 3, 1, 3, 500, 3, 1, 3, 1, 3, 1, 3, 1}
	s := Series{States: values(len(v)), Value: v}
	c := choose(t, s, Options{Measure: Mean}, Plan{Exclude: []int{6}})
	gap := Series{States: values(len(v)), Value: v}
	gap.States[6] = StatePreliminary
	want := choose(t, gap, Options{Measure: Mean}, Plan{})
	if diff := cmp.Diff(want.UCL, c.UCL); diff != "" || c.Parts[0].Ranges != 12 {
		t.Error(diff)
	}
	if c.State[6] != StateValue || !c.Excluded[6] || c.SigmaSignal[6] || c.RunsSignal[6] || c.Value[6] != 500 || len(c.Signals) != 0 {
		t.Errorf("%v %v", c.State[6], c.Signals)
	}
	if len(c.Detect(Nelson|MakingDataCount|WesternElectric)) != 0 {
		t.Error("an excluded value is part of a pattern")
	}
	e, err := c.EWMA(0.2, 3)
	if err != nil || !math.IsNaN(e.Upper[6]) {
		t.Errorf("an excluded value moves an average: %v", e.Upper[6])
	}
	last := choose(t, s, Options{Measure: Mean}, Plan{Exclude: []int{14}})
	if e, ok := last.LatestEvidence(); !ok || e.Point != 13 {
		t.Errorf("%+v", e)
	}
	// Excluding what has no value anyway changes nothing, and each series of a
	// batch has its own.
	s.States[2] = StateMissing
	again := choose(t, s, Options{Measure: Mean}, Plan{Exclude: []int{2, 6, 6}})
	if again.State[2] != StateMissing || again.Excluded[2] {
		t.Error("a missing value is missing")
	}
	var b Charts
	two := Series{Value: append(slices.Clone(v), v...), States: values(30)}
	if err := Batch(&b, two, []int{0, 15, 30}, Options{Measure: Mean}, []Plan{{}, {Exclude: []int{6}}}); err != nil {
		t.Fatal(err)
	}
	if b.At(0).Excluded[6] || !b.At(1).Excluded[6] || !b.At(0).SigmaSignal[6] || b.At(1).SigmaSignal[6] {
		t.Error("an exclusion reaches another series")
	}
	if err := Batch(&b, two, []int{0, 15, 30}, Options{Measure: Mean}, nil); err != nil || b.At(1).Excluded != nil {
		t.Errorf("exclusions of an earlier batch remain: %v", err)
	}
}

func TestGivenSigmaAlone(t *testing.T) {
	sd := 0.5
	s := Series{States: values(12), Value: []float64{1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3}}
	c := choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 0, SD: &sd}}})
	near(t, "centre", c.Centre[0], 2)
	near(t, "ucl", c.UCL[0], 3.5)
}

func TestMeanOfNobodyIsNoEligible(t *testing.T) {
	s := Series{States: values(15), Value: repeat(4, 15), Den: repeat(5, 15), SD: repeat(2, 15)}
	s.Value[3], s.Den[3], s.SD[3] = math.NaN(), 0, math.NaN()
	for _, k := range []Kind{XmR, IPrime, Xbar, S} {
		c := choose(t, s, Options{Measure: Mean, Kind: k}, Plan{})
		if c.State[3] != StateNoEligible || c.Parts[0].Points != 14 {
			t.Errorf("%s: %s", k, c.State[3])
		}
	}
}

func TestTargetsByPeriod(t *testing.T) {
	targets := []Target{{From: 2, Value: 4}, {From: 10, Value: -4}, {From: 20, Value: math.NaN()}}
	for i, want := range map[int]float64{0: math.NaN(), 2: 4, 9: 4, 10: -4, 19: -4, 20: math.NaN()} {
		near(t, "target", TargetAt(targets, i), want)
	}
	c := zChart(t, []float64{1, -1, .5, -.5, 0})
	if got := c.Assurance(targets, Down); got != Pass {
		t.Errorf("%s", got)
	}
	if got := c.Assurance(targets[1:], Down); got != IconNone {
		t.Errorf("before any target: %s", got)
	}
	if got := (Chart{}).Assurance(targets, Down); got != IconNone {
		t.Errorf("nothing: %s", got)
	}
}

func TestMembersAndZones(t *testing.T) {
	c := zChart(t, []float64{2.1, 0.5, 2.2, 9, 0, -1.1, -1.2, 0.3, -1.3, -1.4}, 3)
	got := c.Detect(RuleSet(0).With(RuleTwoOfThree).With(RuleFourOfFive))
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	if diff := cmp.Diff([]int{0, 2}, c.Members(got[0])); diff != "" || got[0].Zone != 2 || got[0].Points != 2 || got[0].Limit != 2 {
		t.Errorf("%s %+v", diff, got[0])
	}
	if diff := cmp.Diff([]int{5, 6, 8, 9}, c.Members(got[1])); diff != "" || got[1].Zone != 1 {
		t.Errorf("%s %+v", diff, got[1])
	}
	if c.Members(Signal{From: 50, To: 60}) != nil {
		t.Error("members of another chart's signal")
	}
	// Every signal's members are as many as it says, inside its window.
	rapid.Check(t, func(t *rapid.T) {
		s := drawMean(t)
		c := drawChart(t, s, Options{Measure: Mean})
		for _, sig := range c.Detect(1<<ruleCount - 1) {
			m := c.Members(sig)
			if len(m) != sig.Points || m[0] < sig.From || m[len(m)-1] > sig.To {
				t.Fatalf("%+v: %v", sig, m)
			}
		}
	})
}

func TestTwoOfThreeVariants(t *testing.T) {
	for _, tc := range []struct {
		z                 []float64
		close, inner, any int
	}{
		{[]float64{2.1, 0.1, 3.1}, 1, 0, 1},  // one beyond 3
		{[]float64{2.1, 0.1, 2.1}, 1, 1, 1},  // within the limits
		{[]float64{2.1, -0.1, 2.1}, 0, 0, 1}, // the third on the other side
		{[]float64{2.1, 2.2, 0.1}, 1, 1, 1},  // the last not among them
	} {
		c := zChart(t, tc.z)
		for r, want := range map[Rule]int{RuleTwoOfThreeClose: tc.close, RuleTwoOfThreeInner: tc.inner, RuleTwoOfThreeAny: tc.any} {
			if got := len(c.Detect(RuleSet(0).With(r))); got != want {
				t.Errorf("%v: %s %d times, want %d", tc.z, r, got, want)
			}
		}
	}
	c := zChart(t, []float64{1, 1, 1, 1, 1, 1})
	if len(c.Detect(RuleSet(0).With(RuleSixSide))) != 1 || len(c.Detect(MakingDataCount)) != 0 {
		t.Error("six on one side are a rule of their own")
	}
}

// Improvement and concern at once: both are there.
func TestOverlappingVerdicts(t *testing.T) {
	c := zChart(t, []float64{-2.9, -2.7, -2.5, -2.3, -1.5, -1, -.5})
	signals := c.Detect(MakingDataCount)
	up, down := 0, 0
	for _, s := range c.Latest(signals) {
		if s.Direction > 0 {
			up++
		} else {
			down++
		}
	}
	if up == 0 || down == 0 {
		t.Errorf("%+v", signals)
	}
	if got := c.VariationIcon(signals, Up); got != Improvement {
		t.Errorf("a trend is more certain than a run: %s", got)
	}
	if (Chart{}).Latest(signals) != nil {
		t.Error("nothing has no latest value")
	}
}

// An icon of a rebased series is that of its last phase.
func TestIconsOfRebasedSeries(t *testing.T) {
	v := make([]float64, 60)
	for i := range v {
		v[i] = float64(i%3) + 10*float64(i/30)
	}
	v[59] = 40
	s := Series{States: values(60), Value: v}
	c := choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 30}}})
	if got := c.VariationIcon(c.Detect(MakingDataCount), Down); got != Concern {
		t.Errorf("%s", got)
	}
	if got := c.AssuranceIcon(9, Up); got != HitAndMiss && got != Pass || c.LCL[59] == c.LCL[0] {
		t.Errorf("%s with limits %v", got, c.LCL[59])
	}
	v[59] = 11
	c = choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 30}}})
	if got := c.VariationIcon(c.Detect(MakingDataCount), Down); got != CommonCause {
		t.Errorf("%s: 11 is high for the first phase alone", got)
	}
}

func TestSustainedByHand(t *testing.T) {
	// Median 2 of the first five; then six of 5 (a value on the line and a gap
	// between), then back to 1.
	v := []float64{1, 2, 3, 2, 2, 5, 5, 2, 5, 0, 5, 6, 6, 1, 1, 1, 1, 1, 1}
	s := Series{States: values(len(v)), Value: v}
	s.States[9] = StateMissing
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	got, err := c.Sustained(5, 4, Neutral)
	if err != nil {
		t.Fatal(err)
	}
	want := []Shift{
		{Phase: 1, From: 5, Found: 10, To: 12, Points: 6, Direction: 1, Before: 2, Median: 5},
		{Phase: 1, From: 13, Found: 16, To: 18, Points: 6, Direction: -1, Before: 5, Median: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, _ = c.Sustained(5, 4, Down); len(got) != 1 || got[0].From != 13 || got[0].Before != 2 {
		t.Errorf("down alone: %+v", got)
	}
	if got, _ = c.Sustained(30, 4, Neutral); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := c.Sustained(0, 4, Neutral); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
	if len(c.Parts) != 1 {
		t.Error("the chart was re-based")
	}
}

func TestEvidenceOfRareEvents(t *testing.T) {
	s := Series{States: values(25), Value: repeat(9, 25)}
	for i := range 24 {
		s.Value[i] = []float64{3, 15}[i%2]
	}
	s.Value[24] = 40
	e, ok := choose(t, s, Options{Measure: CasesBetween, Multiplier: 2}, Plan{}).LatestEvidence()
	if !ok || e.Direction != 1 {
		t.Fatalf("%+v", e)
	}
	near(t, "40 cases or more", e.P, 2*math.Pow(0.9, 40))
	s.Value[24] = 0
	e, _ = choose(t, s, Options{Measure: CasesBetween}, Plan{}).LatestEvidence()
	near(t, "none", e.P, 0.2)
	c := choose(t, s, Options{Measure: TimeBetween}, Plan{})
	e, ok = c.LatestEvidence()
	if !ok || !(e.P > 0 && e.P < 1) || e.Direction != -1 {
		t.Errorf("%+v", e)
	}
	if _, ok := choose(t, s, Options{Measure: Mean, Kind: MR}, Plan{}).LatestEvidence(); ok {
		t.Error("a chart of spread stands beside the one that is judged")
	}
}

func TestBernoulliByHand(t *testing.T) {
	y := []float64{1, 0, math.NaN(), 1, 1}
	c, err := Bernoulli(y, 0.5, 2, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	up, down := math.Log(4/3.0), math.Log(2/3.0)
	near(t, "first", c.Upper[0], up)
	near(t, "second", c.Upper[1], max(0, up+down))
	near(t, "crossing, kept", c.Upper[4], 2*up)
	if c.Signal[4] != 1 || !math.IsNaN(c.Upper[2]) {
		t.Errorf("%+v", c)
	}
	for _, p := range []float64{0, 1, math.NaN()} {
		if _, err := Bernoulli(y, p, 2, 3); !errors.Is(err, ErrOptions) {
			t.Errorf("%v: %v", p, err)
		}
	}
}

// TestLimitSE compares the stated standard error of limits with how they vary
// over baselines.
func TestLimitSE(t *testing.T) {
	r := newRand(61)
	for _, kind := range []Kind{XmR, PPrime, P, U, Xbar, IPrime} {
		var sum, square, se [2]float64
		const reps = 1500
		for range reps {
			s := Series{States: values(24), Den: repeat(400, 24)}
			o := Options{Measure: Mean, Kind: kind}
			switch kind {
			case P, PPrime, U:
				o.Measure = Proportion
				if kind == U {
					o.Measure = Rate
				}
				for range 24 {
					// A normal deviate with the binomial's, or the Poisson's, moments.
					v := 0.3 * 0.7
					if kind == U {
						v = 0.3
					}
					s.Num = append(s.Num, 400*(0.3+math.Sqrt(v/400)*r.NormFloat64()))
				}
			default:
				for range 24 {
					s.Value = append(s.Value, r.NormFloat64())
				}
				s.SD = nans(24)
				for i := range s.SD {
					// Chi-square with 399 degrees of freedom, nearly.
					s.SD[i] = 20 * math.Pow(1-2/(9*399.0)+r.NormFloat64()*math.Sqrt(2/(9*399.0)), 1.5)
				}
			}
			c := choose(t, s, o, Plan{})
			low, high := c.LimitSE(0)
			for j, v := range [][2]float64{{c.LCL[0], low}, {c.UCL[0], high}} {
				sum[j] += v[0]
				square[j] += v[0] * v[0]
				se[j] += v[1]
			}
		}
		for j := range sum {
			got := math.Sqrt(square[j]/reps - sum[j]/reps*sum[j]/reps)
			if stated := se[j] / reps; math.Abs(got/stated-1) > 0.08 {
				t.Errorf("%s, limit %d: varies by %.5f, stated %.5f", kind, j, got, stated)
			}
		}
	}
	one := 1.0
	c := choose(t, Series{States: values(12), Value: repeat(1, 12)}, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 0, Centre: &one, SD: &one}}})
	if low, high := c.LimitSE(0); low != 0 || high != 0 {
		t.Error("known limits have no error")
	}
	c = choose(t, Series{States: values(3), Value: repeat(1, 3)}, Options{Measure: Mean}, Plan{})
	if low, _ := c.LimitSE(0); !math.IsNaN(low) {
		t.Error("no limits, no error")
	}
	// Counts of twice the size vary as counts: n times the error of the proportion.
	s := Series{States: values(12), Num: repeat(40, 12), Den: repeat(100, 12)}
	p := choose(t, s, Options{Measure: Proportion, Kind: P, Multiplier: 100}, Plan{})
	np := choose(t, s, Options{Measure: Proportion, Kind: NP}, Plan{})
	a, b := p.LimitSE(3)
	l, u := np.LimitSE(3)
	near(t, "lower", l, a)
	near(t, "upper", u, b)
}

// An XmR chart of counts cannot signal below 0.
func TestNoLowSignalOfCounts(t *testing.T) {
	s := Series{States: values(24), Num: make([]float64, 24)}
	for i := range s.Num {
		s.Num[i] = []float64{0, 6}[i%2]
	}
	if c := choose(t, s, Options{Measure: Count}, Plan{}); !c.NoLowSignal(0) {
		t.Error("a count below 0 cannot be")
	}
	m := Series{States: s.States, Value: s.Num}
	if c := choose(t, m, Options{Measure: Mean}, Plan{}); c.NoLowSignal(0) {
		t.Error("a mean may be below 0")
	}
	if c := choose(t, m, Options{Measure: Mean, NonNegative: true}, Plan{}); !c.NoLowSignal(0) {
		t.Error("this mean may not")
	}
}
