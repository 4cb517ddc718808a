package spc

import (
	"errors"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/stat/distuv"
)

func values(n int) []State {
	s := make([]State, n)
	for i := range s {
		s[i] = StateValue
	}
	return s
}

func repeat(v float64, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = v
	}
	return s
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-12*max(1, math.Abs(want)) {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

func choose(t *testing.T, s Series, o Options, p Plan) Chart {
	t.Helper()
	c, err := Choose(s, o, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStateNames(t *testing.T) {
	want := []string{"value", "preliminary", "held_previous", "held_empty", "suppressed", "missing", "no_eligible", "not_applicable"}
	for i, name := range want {
		s := State(i + 1)
		if s.String() != name {
			t.Errorf("state %d is %q, want %q", i+1, s, name)
		}
		if back, err := ParseState(name); err != nil || back != s {
			t.Errorf("ParseState(%q) = %v, %v", name, back, err)
		}
	}
	if _, err := ParseState("absent"); !errors.Is(err, ErrState) {
		t.Errorf("ParseState of an unknown name: %v", err)
	}
	if State(0).Valid() || State(9).Valid() {
		t.Error("a forgotten state must be invalid")
	}
}

// TestPByHand: 24 months of 20 of 200 and 20 of 800 in turn: p = 480/12000 =
// 0.04; s = sqrt(.04×.96/n).
func TestPByHand(t *testing.T) {
	s := Series{States: values(26)}
	for i := range 26 {
		s.Num = append(s.Num, 20)
		s.Den = append(s.Den, []float64{200, 800}[i%2])
	}
	s.Num[24], s.Num[25] = 0, 80
	c := choose(t, s, Options{Measure: Proportion, Kind: P, Multiplier: 100}, Plan{})
	near(t, "centre", c.Centre[0], 4)
	near(t, "sd of 200", c.SD[0], 100*math.Sqrt(0.04*0.96/200))
	near(t, "ucl of 200", c.UCL[0], 100*(0.04+3*math.Sqrt(0.04*0.96/200)))
	near(t, "lcl of 200, clipped", c.LCL[0], 0)
	near(t, "lcl of 800", c.LCL[1], 100*(0.04-3*math.Sqrt(0.04*0.96/800)))
	if !c.NoLowSignal(0) || c.NoLowSignal(1) || c.NoHighSignal(0) {
		t.Error("a low signal is impossible at 200 and possible at 800; a high one is possible")
	}
	// The clipped limit is 0, and 0 is not below the unclipped one.
	want := make([]bool, 26)
	for i := range want {
		want[i] = i%2 == 0 && i < 24 || i == 25
	}
	if diff := cmp.Diff(want, c.SigmaSignal); diff != "" {
		t.Error(diff)
	}
	p := c.Parts[0]
	if p.Kind != P || p.Stage != StageFrozen || p.BaselineFrom != 0 || p.BaselineTo != 23 || p.BaselinePoints != 24 || p.Points != 26 {
		t.Errorf("part %+v", p)
	}
	if !strings.Contains(p.Why(), "frozen: 24") {
		t.Errorf("why: %s", p.Why())
	}
}

// TestXmRByHand: 12 values 1,3,1,3,...: mean 2, every moving range 2, so
// sigma = 2/(2/sqrt(pi)) = sqrt(pi).
func TestXmRByHand(t *testing.T) {
	s := Series{States: values(12)}
	for i := range 12 {
		s.Value = append(s.Value, []float64{1, 3}[i%2])
	}
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	near(t, "centre", c.Centre[5], 2)
	near(t, "sd", c.SD[5], math.Sqrt(math.Pi))
	near(t, "ucl", c.UCL[5], 2+3*math.Sqrt(math.Pi))
	near(t, "lcl", c.LCL[5], 2-3*math.Sqrt(math.Pi))
	if p := c.Parts[0]; p.Stage != StageProvisional || p.Kind != XmR || p.Ranges != 11 || !strings.Contains(p.Why(), "provisional: 12") {
		t.Errorf("part %+v: %s", p, p.Why())
	}
	c = choose(t, s, Options{Measure: Mean, NonNegative: true}, Plan{})
	near(t, "drawn lcl", c.LCL[5], 0)
}

// TestLaneyByHand: 24 months of 40 and 60 of 100 in turn: p = .5, s = .05,
// z = -2, 2, ..., every range 4, sigma_z = 4 sqrt(pi)/2 = 2 sqrt(pi).
func TestLaneyByHand(t *testing.T) {
	s := Series{States: values(24), Den: repeat(100, 24)}
	for i := range 24 {
		s.Num = append(s.Num, []float64{40, 60}[i%2])
	}
	c := choose(t, s, Options{Measure: Proportion}, Plan{})
	p := c.Parts[0]
	if p.Kind != PPrime || p.Reason != ReasonOver {
		t.Fatalf("part %+v", p)
	}
	near(t, "sigma_z", p.Dispersion, 2*math.Sqrt(math.Pi))
	near(t, "phi", p.Phi, 24*4/23.0)
	near(t, "sd", c.SD[0], 0.1*math.Sqrt(math.Pi))
	near(t, "drawn ucl", c.UCL[0], 1)
	near(t, "drawn lcl", c.LCL[0], 0)
	// Rates: u = .5, s = sqrt(.005), z = ∓ .1/s.
	c = choose(t, s, Options{Measure: Rate}, Plan{})
	z := 0.1 / math.Sqrt(0.005)
	near(t, "sigma_z of u", c.Parts[0].Dispersion, 2*z/d2)
}

func TestStages(t *testing.T) {
	for _, tc := range []struct {
		points int
		kind   Kind
		stage  Stage
	}{{0, Run, StageNone}, {1, Run, StageRun}, {11, Run, StageRun}, {12, P, StageProvisional}, {23, P, StageProvisional}, {24, P, StageFrozen}, {60, P, StageFrozen}} {
		s := Series{States: values(tc.points), Num: make([]float64, tc.points), Den: repeat(200, tc.points)}
		for i := range s.Num {
			s.Num[i] = []float64{95, 103, 98, 106, 99, 110, 92, 101}[i%8]
		}
		if tc.points == 0 {
			s = Series{States: []State{StateMissing}, Num: []float64{0}, Den: []float64{0}}
		}
		c := choose(t, s, Options{Measure: Proportion}, Plan{})
		p := c.Parts[0]
		if p.Kind != tc.kind || p.Stage != tc.stage {
			t.Errorf("%d points: %s %s, want %s %s (%s)", tc.points, p.Kind, p.Stage, tc.kind, tc.stage, p.Why())
		}
		if p.Stage == StageRun {
			if tc.points == 11 {
				near(t, "median", c.Centre[0], 99.0/200)
			}
			if !math.IsNaN(c.UCL[0]) || p.Limits != LimitsNone {
				t.Error("a run chart has no limits")
			}
		}
	}
}

func TestFrozenBaselineIgnoresWhatFollows(t *testing.T) {
	s, starts := region(1, 60, 3)
	a := choose(t, s, Options{Measure: Proportion}, Plan{})
	for i := 30; i < 60; i++ {
		s.Num[i] = math.Floor(s.Num[i] / 2)
	}
	b := choose(t, s, Options{Measure: Proportion}, Plan{})
	if diff := cmp.Diff(a.UCL, b.UCL, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	if len(b.Signals) <= len(a.Signals) {
		t.Error("a halved proportion must signal")
	}
	_ = starts
}

func TestOverlappingGetsALineOnly(t *testing.T) {
	s, _ := region(1, 60, 3)
	c := choose(t, s, Options{Measure: Proportion, Overlapping: true}, Plan{})
	for i := range c.Value {
		if !math.IsNaN(c.Centre[i]) || !math.IsNaN(c.UCL[i]) || !math.IsNaN(c.LCL[i]) || c.SigmaSignal[i] || c.RunsSignal[i] {
			t.Fatalf("point %d has more than a value", i)
		}
		if math.IsNaN(c.Value[i]) == (c.State[i] == StateValue) {
			t.Fatalf("point %d: value %v in state %s", i, c.Value[i], c.State[i])
		}
	}
	if p := c.Parts[0]; p.Kind != Line || p.Stage != StageNone || p.BaselineFrom != -1 {
		t.Errorf("%+v", p)
	}
}

// TestConstantSeries: the tools lose their limits here, or put the values of a
// rounded mean outside them.
func TestConstantSeries(t *testing.T) {
	for _, screening := range []Screening{ScreenNone, ScreenOnce} {
		s := Series{States: values(30), Value: repeat(0.1, 30)}
		s.Value[29] = 0.2
		c := choose(t, s, Options{Measure: Mean, Screening: screening}, Plan{})
		if c.LCL[0] != 0.1 || c.UCL[0] != 0.1 || c.SD[0] != 0 {
			t.Errorf("limits %v..%v, want 0.1..0.1", c.LCL[0], c.UCL[0])
		}
		if got := slices.Index(c.SigmaSignal, true); got != 29 {
			t.Errorf("first signal at %d, want 29", got)
		}
	}
	// A proportion that never varies has binomial limits all the same.
	s := Series{States: values(30), Num: repeat(20, 30), Den: repeat(200, 30)}
	c := choose(t, s, Options{Measure: Proportion}, Plan{})
	if p := c.Parts[0]; p.Kind == PPrime || !(c.UCL[0] > 0.1) || p.Dispersion != 0 {
		t.Errorf("%+v", p)
	}
	// No events: nothing is known of variation, and no limits are made up.
	s.Num = repeat(0, 30)
	c = choose(t, s, Options{Measure: Proportion}, Plan{})
	if p := c.Parts[0]; p.Kind != Run || p.Reason != ReasonNoEvents || c.Centre[0] != 0 || c.SigmaSignal[29] {
		t.Errorf("%+v", p)
	}
}

func TestScreening(t *testing.T) {
	// Ranges: eleven of 1, one of 10 twice: mean (11+20)/13, D4 times it = 7.8.
	v := []float64{0, 1, 0, 1, 0, 1, 0, 10, 0, 1, 0, 1, 0, 1}
	s := Series{States: values(len(v)), Value: v}
	plain := choose(t, s, Options{Measure: Mean}, Plan{})
	near(t, "unscreened", plain.SD[0], (11+10+10)/13.0/d2)
	c := choose(t, s, Options{Measure: Mean, Screening: ScreenOnce}, Plan{})
	near(t, "screened", c.SD[0], 1/d2)
	if c.Parts[0].Screening != ScreenOnce || !strings.Contains(c.Parts[0].Why(), "screened") {
		t.Error("screening must be said")
	}
}

func TestGapsBreakMovingRanges(t *testing.T) {
	v := []float64{1, 3, 1, 3, 1, 3, 100, 1, 3, 1, 3, 1, 3, 1, 3}
	for st := StatePreliminary; st <= StateNotApplicable; st++ {
		s := Series{States: values(len(v)), Value: v}
		s.States[6] = st
		c := choose(t, s, Options{Measure: Mean}, Plan{})
		near(t, "centre", c.Centre[0], 2)
		near(t, "sd", c.SD[0], math.Sqrt(math.Pi))
		if c.SigmaSignal[6] || c.RunsSignal[6] || c.Rules[6] != 0 || len(c.Signals) != 0 {
			t.Errorf("%s: a point that does not enter must not signal", st)
		}
		if got := math.IsNaN(c.Value[6]); got == st.Drawn() {
			t.Errorf("%s: value %v", st, c.Value[6])
		}
		if c.Parts[0].Ranges != 12 {
			t.Errorf("%s: %d ranges, want 12: none spans the gap", st, c.Parts[0].Ranges)
		}
	}
}

func TestMostlyGaps(t *testing.T) {
	// Every second month is missing: no moving range exists.
	s := Series{States: values(40), Value: make([]float64, 40)}
	for i := range s.Value {
		s.Value[i] = float64(i * i % 7)
		if i%2 == 1 {
			s.States[i] = StateMissing
		}
	}
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	if p := c.Parts[0]; p.Kind != Run || p.Reason != ReasonFewRanges || math.IsNaN(c.Centre[0]) {
		t.Errorf("%+v", p)
	}
}

func TestRunWindowsAreData(t *testing.T) {
	// 24 values around 10 with mean exactly 10, then 12 above with a gap and a
	// value on the line, which the run passes over.
	s := Series{States: values(38)}
	for i := range 24 {
		s.Value = append(s.Value, []float64{9, 11}[i%2])
	}
	s.Value = append(s.Value, repeat(11, 14)...)
	s.States[30], s.Value[31] = StateMissing, 10
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	p := c.Parts[0]
	// 36 values, one on the line: 36 useful; run of the last baseline 11 and 12
	// more; limit round(log2 36)+3 = 8.
	if p.Useful != 36 || p.LongestRun != 13 || p.LongestRunMax != 8 || !p.RunsSignal {
		t.Fatalf("%+v", p)
	}
	want := []Signal{{Phase: 1, Rule: RuleLongRun, From: 23, To: 37, Points: 13, Direction: 1, Observed: 13, Limit: 8}}
	if diff := cmp.Diff(want, c.Signals); diff != "" {
		t.Error(diff)
	}
	for i := range c.Value {
		inRun := i >= 23 && i != 30 && i != 31
		if c.Rules[i].Has(RuleLongRun) != inRun {
			t.Errorf("point %d: run rule %v", i, !inRun)
		}
		if c.RunsSignal[i] != (c.State[i] == StateValue) {
			t.Errorf("point %d: runs signal %v", i, c.RunsSignal[i])
		}
	}
}

func TestFewCrossings(t *testing.T) {
	s := Series{States: values(24)}
	for i := range 24 {
		s.Value = append(s.Value, []float64{0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1}[i%12])
	}
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	want := []Signal{{Phase: 1, Rule: RuleFewCrossings, From: 0, To: 23, Points: 24, Observed: 3, Limit: 8}}
	if diff := cmp.Diff(want, c.Signals, cmpopts.IgnoreSliceElements(func(s Signal) bool { return s.Rule == RuleSigma })); diff != "" {
		t.Error(diff)
	}
}

func TestPhases(t *testing.T) {
	s, _ := region(1, 80, 5)
	c := choose(t, s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 40}}})
	if len(c.Parts) != 2 || c.Parts[1].First != 40 || c.Parts[1].Phase != 2 || c.Phase[39] != 1 || c.Phase[40] != 2 {
		t.Fatalf("%+v", c.Parts)
	}
	// Splitting a phase equals two charts.
	a := choose(t, s.Slice(0, 40), Options{Measure: Proportion}, Plan{})
	b := choose(t, s.Slice(40, 80), Options{Measure: Proportion}, Plan{})
	if diff := cmp.Diff(append(slices.Clone(a.UCL), b.UCL...), c.UCL, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	// A chosen window, and given values.
	c = choose(t, s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 0, BaselineFrom: 10, BaselineTo: 33}}})
	if p := c.Parts[0]; p.BaselineFrom < 10 || p.BaselineTo > 33 || p.Stage != StageFrozen {
		t.Errorf("%+v", p)
	}
	centre, sd := 0.25, 2.0
	c = choose(t, s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}}})
	near(t, "given limits", c.SD[0], 2*math.Sqrt(0.25*0.75/s.Den[0]))
	near(t, "given centre", c.Centre[0], 0.25)
	for _, bad := range []Plan{
		{Phases: []Phase{{From: 90}}}, {Phases: []Phase{{From: 40}, {From: 40}}}, {Phases: []Phase{{From: 40}, {From: 20}}},
		{Phases: []Phase{{From: 0, BaselineFrom: 70, BaselineTo: 80}}}, {Exclude: []int{80}}, {Exclude: []int{-1}},
	} {
		if _, err := Choose(s, Options{Measure: Proportion}, bad); !errors.Is(err, ErrOptions) {
			t.Errorf("plan %+v: %v", bad, err)
		}
	}
}

func TestExactLimits(t *testing.T) {
	// 24 months of 2 of 50: p = .04, 2 expected. P(X <= 7) = .99906 >= .99865 >
	// P(X <= 6) = .9964..., P(X = 0) = .96^50 = .13 > .00135: limits 0 and 7/50.
	s := Series{States: values(26), Num: repeat(2, 26), Den: repeat(50, 26)}
	for i := 0; i < 24; i += 2 {
		s.Num[i], s.Num[i+1] = 1, 3
	}
	s.Num[24], s.Num[25] = 7, 8
	c := choose(t, s, Options{Measure: Proportion}, Plan{})
	if p := c.Parts[0]; p.Kind != P || p.Limits != LimitsExact || p.Reason != ReasonSparse {
		t.Fatalf("%+v %s", p, p.Why())
	}
	near(t, "ucl", c.UCL[0], 7.0/50)
	near(t, "lcl", c.LCL[0], 0)
	if c.SigmaSignal[24] || !c.SigmaSignal[25] || !c.NoLowSignal(24) {
		t.Error("7 of 50 lies on the limit, 8 beyond it, and none can lie below")
	}
	// Poisson with mean 2 per unit of 1: P(X <= 8) = .99976, P(X <= 7) = .9989,
	// P(X <= 6) = .9955: limit 7.
	s.Den = repeat(1, 26)
	s.Num[24], s.Num[25] = 7, 8
	c = choose(t, s, Options{Measure: Rate}, Plan{})
	if p := c.Parts[0]; p.Kind != U || p.Limits != LimitsExact {
		t.Fatalf("%+v", p)
	}
	near(t, "ucl of u", c.UCL[0], 7)
}

func TestCountCharts(t *testing.T) {
	s := Series{States: values(24), Num: make([]float64, 24)}
	for i := range s.Num {
		s.Num[i] = []float64{12, 20}[i%2]
	}
	c := choose(t, s, Options{Measure: Count}, Plan{})
	if c.Parts[0].Kind != XmR || c.Parts[0].Reason != ReasonCount {
		t.Errorf("%+v", c.Parts[0])
	}
	c = choose(t, s, Options{Measure: Count, Kind: C}, Plan{})
	near(t, "c", c.UCL[0], 16+3*4)
	near(t, "c", c.LCL[0], 4)
	s.Num = repeat(1, 24)
	c = choose(t, s, Options{Measure: Count, Kind: C}, Plan{})
	if c.Parts[0].Limits != LimitsExact {
		t.Errorf("%+v", c.Parts[0])
	}
	near(t, "exact c: P(X<=5|1) = .99941, P(X<=4) = .9963", c.UCL[0], 5)
}

func TestZeroDenominatorIsNoEligible(t *testing.T) {
	s := Series{States: values(30), Num: repeat(20, 30), Den: repeat(200, 30)}
	s.Num[5], s.Den[5] = 0, 0
	c := choose(t, s, Options{Measure: Proportion}, Plan{})
	if c.State[5] != StateNoEligible || !math.IsNaN(c.Value[5]) || !math.IsNaN(c.UCL[5]) || c.Parts[0].Points != 29 {
		t.Errorf("state %s value %v", c.State[5], c.Value[5])
	}
	if s.States[5] != StateValue {
		t.Error("the input must not change")
	}
}

func TestUnevenMeansAreSaid(t *testing.T) {
	s := Series{States: values(24), Value: make([]float64, 24), Den: repeat(100, 24)}
	for i := range s.Value {
		s.Value[i] = float64(i % 5)
	}
	if c := choose(t, s, Options{Measure: Mean}, Plan{}); c.Parts[0].Uneven {
		t.Error("equal sizes called uneven")
	}
	s.Den[3] = 20
	if c := choose(t, s, Options{Measure: Mean}, Plan{}); !c.Parts[0].Uneven || !strings.Contains(c.Parts[0].Why(), "differ much") {
		t.Error("sizes of 20 and 100 must be said")
	}
}

func TestErrors(t *testing.T) {
	good := Series{States: values(2), Num: []float64{1, 2}, Den: []float64{3, 4}}
	nan, inf := math.NaN(), math.Inf(1)
	for name, tc := range map[string]struct {
		s    Series
		o    Options
		want error
	}{
		"no measure":         {good, Options{}, ErrOptions},
		"p of a rate":        {good, Options{Measure: Rate, Kind: P}, ErrOptions},
		"kind":               {good, Options{Measure: Rate, Kind: 99}, ErrOptions},
		"multiplier":         {good, Options{Measure: Rate, Multiplier: nan}, ErrOptions},
		"baseline":           {good, Options{Measure: Rate, BaselinePoints: 5}, ErrOptions},
		"no denominators":    {Series{States: values(1), Num: []float64{1}}, Options{Measure: Rate}, ErrSeries},
		"short column":       {Series{States: values(2), Num: []float64{1}, Den: []float64{1, 1}}, Options{Measure: Rate}, ErrSeries},
		"num over den":       {Series{States: values(1), Num: []float64{2}, Den: []float64{1}}, Options{Measure: Proportion}, ErrSeries},
		"negative":           {Series{States: values(1), Num: []float64{-2}, Den: []float64{1}}, Options{Measure: Rate}, ErrSeries},
		"zero denominator":   {Series{States: values(1), Num: []float64{2}, Den: []float64{0}}, Options{Measure: Rate}, ErrSeries},
		"not a number":       {Series{States: values(1), Num: []float64{nan}, Den: []float64{1}}, Options{Measure: Rate}, ErrSeries},
		"infinite":           {Series{States: values(1), Value: []float64{inf}}, Options{Measure: Mean}, ErrSeries},
		"state":              {Series{States: []State{0}, Value: []float64{1}}, Options{Measure: Mean}, ErrState},
		"state, series also": {Series{States: []State{0}, Value: []float64{1}}, Options{Measure: Mean}, ErrSeries},
	} {
		if _, err := Choose(tc.s, tc.o, Plan{}); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var at *PointError
	_, err := Choose(Series{States: values(2), Value: []float64{1, nan}}, Options{Measure: Mean}, Plan{})
	if !errors.As(err, &at) || at.Point != 1 || at.Series != 0 {
		t.Errorf("%v", err)
	}
	var c Charts
	if err := Batch(&c, good, []int{0, 1}, Options{Measure: Rate}, nil); !errors.Is(err, ErrSeries) {
		t.Errorf("starts that do not reach the end: %v", err)
	}
}

// slowChart recomputes a chart from the definitions, point by point, sharing no
// code with the package.
func slowChart(s Series, kind Kind) (centre float64, lcl, ucl []float64, sigma []bool, runs bool) {
	var idx []int
	for i, st := range s.States {
		if st == StateValue {
			idx = append(idx, i)
		}
	}
	base := idx[:min(24, len(idx))]
	val := func(i int) float64 {
		if s.Value != nil {
			return s.Value[i]
		}
		return s.Num[i] / s.Den[i]
	}
	inBase := map[int]bool{}
	var a, b float64
	for _, i := range base {
		inBase[i] = true
		if kind == XmR {
			a += val(i)
			b++
		} else {
			a += s.Num[i]
			b += s.Den[i]
		}
	}
	centre = a / b
	one := func(i int) float64 {
		switch kind {
		case P, PPrime:
			return math.Sqrt(centre * (1 - centre) / s.Den[i])
		case U, UPrime:
			return math.Sqrt(centre / s.Den[i])
		}
		return 1
	}
	factor := 1.0
	if kind == XmR || kind == PPrime || kind == UPrime {
		var ranges, n float64
		for i := 1; i < len(s.States); i++ {
			if inBase[i] && inBase[i-1] {
				ranges += math.Abs((val(i)-centre)/one(i) - (val(i-1)-centre)/one(i-1))
				n++
			}
		}
		factor = ranges / n * math.Sqrt(math.Pi) / 2
	}
	for i := range s.States {
		sd := factor * one(i)
		lo, hi := centre-3*sd, centre+3*sd
		v := val(i)
		sigma = append(sigma, s.States[i] == StateValue && (v < lo || v > hi))
		if kind != XmR {
			lo = math.Max(lo, 0)
		}
		if kind == P || kind == PPrime {
			hi = math.Min(hi, 1)
		}
		lcl, ucl = append(lcl, lo), append(ucl, hi)
	}
	var signs []bool
	for _, i := range idx {
		if v := val(i); v != centre {
			signs = append(signs, v > centre)
		}
	}
	longest, cur, cross := 0, 0, 0
	for i := range signs {
		if i > 0 && signs[i] == signs[i-1] {
			cur++
		} else {
			if i > 0 {
				cross++
			}
			cur = 1
		}
		longest = max(longest, cur)
	}
	// The 5 % quantile by summing the binomial mass, one term at a time.
	n := len(signs)
	fewest, term := 0, math.Pow(0.5, float64(n-1))
	for mass := term; mass < 0.05; mass += term {
		term *= float64(n-1-fewest) / float64(fewest+1)
		fewest++
	}
	return centre, lcl, ucl, sigma, longest > int(math.Round(math.Log2(float64(n))))+3 || cross < fewest
}

func TestAgainstSlowRecomputation(t *testing.T) {
	for seed := range uint64(60) {
		s, _ := region(1, 14+int(seed), seed)
		mean := Series{States: s.States}
		for i := range s.Num {
			mean.Value = append(mean.Value, s.Num[i]/s.Den[i])
		}
		for _, tc := range []struct {
			kind Kind
			s    Series
			m    Measure
		}{{P, s, Proportion}, {PPrime, s, Proportion}, {U, s, Rate}, {UPrime, s, Rate}, {XmR, mean, Mean}} {
			c := choose(t, tc.s, Options{Measure: tc.m, Kind: tc.kind}, Plan{})
			if c.Parts[0].Points < 12 {
				continue
			}
			centre, lcl, ucl, sigma, runs := slowChart(tc.s, tc.kind)
			near(t, "centre", c.Parts[0].Centre, centre)
			for i := range lcl {
				if tc.kind != XmR && !c.State[i].Drawn() {
					continue
				}
				near(t, "lcl", c.LCL[i], lcl[i])
				near(t, "ucl", c.UCL[i], ucl[i])
			}
			if diff := cmp.Diff(sigma, c.SigmaSignal); diff != "" {
				t.Errorf("seed %d %s: %s", seed, tc.kind, diff)
			}
			if c.Parts[0].RunsSignal != runs {
				t.Errorf("seed %d %s: runs signal %v, want %v", seed, tc.kind, !runs, runs)
			}
		}
	}
}

func TestBatchEqualsOneByOne(t *testing.T) {
	s, starts := region(40, 60, 9)
	starts[7] -= 50 // lengths may differ
	var c Charts
	for range 2 { // the second time into used memory
		if err := Batch(&c, s, starts, Options{Measure: Proportion, Multiplier: 100}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if c.Len() != 40 {
		t.Fatalf("%d series", c.Len())
	}
	for k := range c.Len() {
		one := choose(t, s.Slice(starts[k], starts[k+1]), Options{Measure: Proportion, Multiplier: 100}, Plan{})
		opts := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Part{}, "Series"), cmpopts.IgnoreFields(Signal{}, "Series"), cmpopts.IgnoreUnexported(Chart{})}
		if diff := cmp.Diff(one, c.At(k), opts); diff != "" {
			t.Fatalf("series %d: %s", k, diff)
		}
		for _, p := range c.At(k).Parts {
			if p.Series != k {
				t.Fatalf("part of series %d says %d", k, p.Series)
			}
		}
	}
}

// TestBatchDoesNotAllocate: neither per point nor per series, for any chart, with
// all signals of all rules.
func TestBatchDoesNotAllocate(t *testing.T) {
	s, starts := region(50, 60, 2)
	s.Value, s.SD, s.Range = s.Num, s.Num, s.Num
	sized := s
	sized.Den = repeat(9, s.Len())
	for _, tc := range []struct {
		s Series
		o Options
	}{
		{s, Options{Measure: Proportion, PeriodsPerYear: 12}}, {s, Options{Measure: Rate, Multiplier: 1000}},
		{s, Options{Measure: Proportion, Kind: P}}, {s, Options{Measure: Proportion, Kind: PPrime}}, {s, Options{Measure: Proportion, Kind: NP}},
		{s, Options{Measure: Rate, Kind: U}}, {s, Options{Measure: Rate, Kind: UPrime}}, {s, Options{Measure: Count}}, {s, Options{Measure: Count, Kind: C}},
		{s, Options{Measure: Mean, Screening: ScreenOnce}}, {s, Options{Measure: Mean, Kind: MR}}, {s, Options{Measure: Mean, Kind: IPrime}},
		{s, Options{Measure: Mean, Kind: Xbar}}, {s, Options{Measure: Mean, Kind: S}}, {sized, Options{Measure: Mean, Kind: R}},
		{s, Options{Measure: TimeBetween}}, {s, Options{Measure: CasesBetween}}, {s, Options{Measure: Proportion, Kind: Run}},
	} {
		var c Charts
		var d Detector
		run := func() {
			if err := Batch(&c, tc.s, starts, tc.o, nil); err != nil {
				t.Fatal(err)
			}
			d.Detect(&c, 1<<ruleCount-1)
		}
		run()
		if got := testing.AllocsPerRun(3, run); got > 0 {
			t.Errorf("%s %s: %v allocations for a second batch", tc.o.Measure, tc.o.Kind, got)
		}
		// Together they find what one by one they find.
		var want []Signal
		for k := range c.Len() {
			want = append(want, c.At(k).Detect(1<<ruleCount-1)...)
		}
		if diff := cmp.Diff(want, d.Detect(&c, 1<<ruleCount-1)); diff != "" {
			t.Errorf("%s %s: %s", tc.o.Measure, tc.o.Kind, diff)
		}
	}
}

// TestDispersionTest compares the test with simulation from the definition: the
// share of in-control baselines called dispersed is near 5 %.
func TestDispersionTest(t *testing.T) {
	for _, tc := range []struct {
		den, p float64
	}{{100, 0.2}, {1000, 0.05}, {40, 0.02}, {20, 0.1}, {30, 0.95}} {
		s, starts := Series{}, []int{0}
		r := newRand(77)
		for range 2000 {
			for range 24 {
				k := 0.0
				for range int(tc.den) {
					if r.Float64() < tc.p {
						k++
					}
				}
				s.Num, s.Den, s.States = append(s.Num, k), append(s.Den, tc.den), append(s.States, StateValue)
			}
			starts = append(starts, len(s.States))
		}
		var c Charts
		if err := Batch(&c, s, starts, Options{Measure: Proportion}, nil); err != nil {
			t.Fatal(err)
		}
		high, low := 0, 0
		for _, p := range c.Parts {
			if p.DispersionZ > dispersionCut {
				high++
			}
			if p.DispersionZ < -dispersionCut {
				low++
			}
		}
		if rate := float64(high+low) / 2000; rate > 0.075 || rate < 0.025 {
			t.Errorf("n %v, p %v: %d high and %d low of 2000 called dispersed", tc.den, tc.p, high, low)
		}
	}
}

func TestAnhoejLimitsByHand(t *testing.T) {
	// round(log2 n)+3 at the turning points, and 5 % quantiles of fair coins.
	for n, want := range map[int][2]int{1: {3, 0}, 2: {4, 0}, 5: {5, 0}, 6: {6, 1}, 10: {6, 2}, 11: {6, 2}, 12: {7, 3}, 22: {7, 7}, 23: {8, 7}, 24: {8, 8}, 45: {8, 17}, 46: {9, 17}, 100: {10, 41}} {
		if got := [2]int{LongestRunLimit(n), FewestCrossings(n)}; got != want {
			t.Errorf("n = %d: %v, want %v", n, got, want)
		}
	}
}

func TestQuantilesAgainstSums(t *testing.T) {
	for _, n := range []int{1, 2, 7, 30, 250} {
		for _, p := range []float64{0.001, 0.1, 0.5, 0.73, 0.999} {
			// Mass by recurrence from the exact first term.
			mass := make([]float64, n+1)
			for k := range mass {
				lc := 0.0
				for j := 1; j <= k; j++ {
					lc += math.Log(float64(n-k+j)) - math.Log(float64(j))
				}
				mass[k] = math.Exp(lc + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
				if got := BinomialPMF(k, n, p); math.Abs(got-mass[k]) > 1e-12*max(mass[k], 1e-300) {
					t.Errorf("pmf(%d; %d, %v) = %v, want %v", k, n, p, got, mass[k])
				}
			}
			cum := make([]float64, n+1)
			total := 0.0
			for k := range mass {
				total += mass[k]
				cum[k] = total
			}
			for _, q := range []float64{1e-6, 0.00135, 0.05, 0.5, 0.975, 0.99865} {
				want := sort.Search(n, func(k int) bool { return cum[k] >= q*(1-1e-13) })
				if got := BinomialQuantile(q, n, p); got != want {
					t.Errorf("quantile(%v; %d, %v) = %d, want %d", q, n, p, got, want)
				}
			}
		}
	}
	for _, mu := range []float64{0.01, 0.7, 5, 33.3, 400} {
		for _, q := range []float64{1e-6, 0.00135, 0.05, 0.5, 0.975, 0.99865} {
			want, term := 0, math.Exp(-mu)
			for total := term; total < q*(1-1e-13); total += term {
				term *= mu / float64(want+1)
				want++
			}
			if got := PoissonQuantile(q, mu); got != want {
				t.Errorf("Poisson quantile(%v; %v) = %d, want %d", q, mu, got, want)
			}
		}
	}
}

// TestDispersedExactLimits: rates of 0 and 4 in turn vary twice as much as
// chance; the limits are quantiles of the negative binomial, summed here anew.
func TestDispersedExactLimits(t *testing.T) {
	s := Series{States: values(26), Num: repeat(0, 26), Den: repeat(1, 26)}
	for i := 0; i < 24; i += 2 {
		s.Num[i+1] = 4
	}
	s.Num[24], s.Num[25] = 0, 40
	c := choose(t, s, Options{Measure: Rate}, Plan{})
	p := c.Parts[0]
	if p.Kind != UPrime || p.Limits != LimitsExact || p.Reason != ReasonSparseOver || !strings.Contains(p.Why(), "more variation") {
		t.Fatalf("%+v: %s", p, p.Why())
	}
	sigmaZ := 4 / math.Sqrt2 / d2
	rho := (sigmaZ*sigmaZ - 1) / 2
	near(t, "rho", p.Overdispersion, rho)
	near(t, "sd", c.SD[0], math.Sqrt2*math.Sqrt(1+2*rho))
	tail := func(k float64) float64 { // P(X <= k)
		r, total := 1/rho, 0.0
		for j := 0.0; j <= k; j++ {
			a, _ := math.Lgamma(j + r)
			b, _ := math.Lgamma(r)
			d, _ := math.Lgamma(j + 1)
			total += math.Exp(a - b - d - r*math.Log1p(2/r) - j*math.Log1p(r/2))
		}
		return total
	}
	if k := c.UCL[0]; tail(k) < 1-exactTail || tail(k-1) >= 1-exactTail {
		t.Errorf("upper limit %v holds %v", k, tail(k))
	}
	if c.LCL[0] != 0 || !c.SigmaSignal[25] {
		t.Errorf("lower limit %v", c.LCL[0])
	}
	// Beta-binomial: without correlation to speak of it is the binomial; with it
	// the mass is that of a Polya urn, here counted for two cases of p one half:
	// P(2) = (1+rho)/4.
	low, high, _ := dispersedLimits(Proportion, 50, 0.04, 0, 1e-9)
	wantLow, wantHigh := exactLimits(Proportion, 50, 0.04, 0)
	near(t, "low", low, wantLow)
	near(t, "high", high, wantHigh)
	low, high, _ = dispersedLimits(Proportion, 50, 0.96, 0, 1e-9)
	near(t, "mirrored low", low, 1-wantHigh)
	near(t, "mirrored high", high, 1-wantLow)
	_, high, _ = dispersedLimits(Proportion, 2, 0.01, 0, 0.5)
	if high != 1 { // P(2 of 2) = .01 × (.01 + .5 × .99) = .005 > .00135
		t.Errorf("two of two is possible at this correlation: limit %v", high)
	}
}

// TestCubeRoot compares the normal deviate of the dispersion test with the exact
// chi-square probability, over the degrees of freedom that occur.
func TestCubeRoot(t *testing.T) {
	for df := 11.0; df <= 59; df++ {
		for _, p := range []float64{0.005, 0.025, 0.5, 0.975, 0.995} {
			h := 2 / (9 * df)
			z := (math.Cbrt(distuv.ChiSquared{K: df}.Quantile(p)/df) - (1 - h)) / math.Sqrt(h)
			if got := distuv.UnitNormal.CDF(z); math.Abs(got-p) > 0.001 {
				t.Errorf("df %v: %v for %v", df, got, p)
			}
		}
	}
}
