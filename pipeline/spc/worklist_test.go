package spc

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFalseAlarmRates measures the rates that are stated, for known and for
// estimated limits.
func TestFalseAlarmRates(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	const reps = 20000
	for _, n := range []int{12, 24} {
		out, known := 0, 0
		s := Series{Value: make([]float64, (n+1)*reps), States: values((n + 1) * reps)}
		starts := make([]int, reps+1)
		for i := range s.Value {
			s.Value[i] = r.NormFloat64()
		}
		for k := range reps {
			starts[k+1] = (k + 1) * (n + 1)
			if math.Abs(s.Value[starts[k+1]-1]) > 3 {
				known++
			}
		}
		var c Charts
		if err := Batch(&c, s, starts, Options{Measure: Mean, BaselinePoints: n, MinPoints: n}, nil); err != nil {
			t.Fatal(err)
		}
		for k := range reps {
			if c.SigmaSignal[starts[k+1]-1] {
				out++
			}
		}
		got, want := float64(out)/reps, EstimatedFalseAlarmRate(n)
		se := math.Sqrt(got / reps)
		t.Logf("n = %d: %.2f %% (Monte-Carlo error %.2f), formula %.2f %%; known parameters %.2f %%", n, 100*got, 100*se, 100*want, 100*float64(known)/reps)
		if math.Abs(got-want) > 0.003 {
			t.Errorf("n = %d: %.4f outside, formula %.4f", n, got, want)
		}
		if math.Abs(float64(known)/reps-KnownFalseAlarmRate) > 0.001 {
			t.Errorf("known: %v", float64(known)/reps)
		}
	}
	if got := EstimatedFalseAlarmRate(1_000_000); math.Abs(got-KnownFalseAlarmRate) > 1e-6 {
		t.Errorf("without estimation error %v", got)
	}
}

// TestInControlCharts measures how often an in-control chart of 36 points shows
// any signal, by rule set.
func TestInControlCharts(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 1))
	const reps = 4000
	centre, sd := 0.0, 1.0
	known := Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}}}
	for _, tc := range []struct {
		name string
		o    Options
		plan Plan
		want [4][2]float64
	}{
		{"known", Options{Measure: Mean}, known, [4][2]float64{{7.5, 11}, {15, 20}, {29, 37}, {33, 42}}},
		{"estimated from the 36", Options{Measure: Mean, BaselinePoints: 36}, Plan{}, [4][2]float64{{7.5, 12}, {10, 16}, {20, 32}, {26, 40}}},
	} {
		var n [4]int
		for range reps {
			s := Series{Value: make([]float64, 36), States: values(36)}
			for i := range s.Value {
				s.Value[i] = r.NormFloat64()
			}
			c := choose(t, s, tc.o, tc.plan)
			for i, set := range []RuleSet{1 << RuleSigma, DefaultRules, MakingDataCount, Nelson} {
				n[i] += min(1, len(c.Detect(set)))
			}
		}
		pct := func(i int) float64 { return 100 * float64(n[i]) / reps }
		t.Logf("%s: 3 sigma %.1f %%, default %.1f %%, Making Data Count %.1f %%, Nelson %.1f %% (Monte-Carlo error 0.5)", tc.name, pct(0), pct(1), pct(2), pct(3))
		for i, w := range tc.want {
			if pct(i) < w[0] || pct(i) > w[1] {
				t.Errorf("%s: set %d signals on %.1f %%, not %v", tc.name, i, pct(i), w)
			}
		}
	}
}

func TestGuaranteedMultiplier(t *testing.T) {
	for n, want := range map[int]float64{12: 4.6, 24: 4.0} {
		if got := GuaranteedMultiplier(n, 0.9); math.Abs(got-want) > 0.15 {
			t.Errorf("n = %d: %.2f, published %.1f", n, got, want)
		}
	}
	// The guarantee holds in simulation, for at least about nine in ten baselines.
	r := rand.New(rand.NewPCG(23, 1))
	k := GuaranteedMultiplier(24, 0.9)
	held := 0
	const reps = 3000
	for range reps {
		s := Series{Value: make([]float64, 24), States: values(24)}
		for i := range s.Value {
			s.Value[i] = r.NormFloat64()
		}
		c := choose(t, s, Options{Measure: Mean}, Plan{})
		low, high := c.Centre[0]-k*c.SD[0], c.Centre[0]+k*c.SD[0]
		rate := (math.Erfc(high/math.Sqrt2) + math.Erfc(-low/math.Sqrt2)) / 2
		if rate <= KnownFalseAlarmRate {
			held++
		}
	}
	if got := float64(held) / reps; got < 0.88 || got > 0.93 {
		t.Errorf("held in %.3f of baselines, want 0.9", got)
	}
	if !math.IsNaN(GuaranteedMultiplier(3, 0.9)) || !math.IsNaN(GuaranteedMultiplier(24, 1)) {
		t.Error("out of range")
	}
}

func TestWorklist(t *testing.T) {
	// Thresholds at rate .1 over five: .02, .04, .06, .08, .1.
	in := []Evidence{{Series: 0, P: 0.9}, {Series: 1, P: 0.05}, {Series: 2, P: 0.001}, {Series: 3, P: 0.05}, {Series: 4, P: 0.5}, {Series: 5, P: math.NaN()}}
	list, expected := Worklist(in, 0.1)
	if len(list) != 3 || list[0].Series != 2 || list[1].Series != 1 || list[2].Series != 3 {
		t.Errorf("%+v", list)
	}
	near(t, "expected", expected.Known, 5*KnownFalseAlarmRate)
	near(t, "expected of unset ones", expected.Estimated, 5*KnownFalseAlarmRate)
	if list, _ := Worklist(nil, 0.1); len(list) != 0 {
		t.Error("nothing lists nothing")
	}
}

// TestWorklistHoldsItsRate: 400 series in control and 40 shifted by 5 sigma at
// the last point: the share of false ones among those listed stays near 5 %.
func TestWorklistHoldsItsRate(t *testing.T) {
	r := rand.New(rand.NewPCG(24, 1))
	var wrong, listed, found float64
	for range 20 {
		var s Series
		starts := []int{0}
		for k := range 440 {
			for i := range 40 {
				v := r.NormFloat64()
				if k < 40 && i == 39 {
					v += 5
				}
				s.Value, s.States = append(s.Value, v), append(s.States, StateValue)
			}
			starts = append(starts, len(s.Value))
		}
		var c Charts
		if err := Batch(&c, s, starts, Options{Measure: Mean}, nil); err != nil {
			t.Fatal(err)
		}
		all := c.Evidence()
		if one, ok := c.At(7).LatestEvidence(); !ok || one != all[7] {
			t.Fatalf("%+v and %+v", one, all[7])
		}
		list, _ := Worklist(all, 0.05)
		for _, e := range list {
			listed++
			if e.Series >= 40 {
				wrong++
			} else {
				found++
			}
		}
	}
	t.Logf("%.0f listed, %.0f wrongly; %.0f of 800 found", listed, wrong, found)
	if wrong/listed > 0.09 || found < 400 {
		t.Errorf("%v wrong of %v", wrong, listed)
	}
}

// TestExpectedFalseAlarms: what the worklist expects of 3-sigma limits is what they
// give, over series in control whose limits are estimated, given, or half of each.
func TestExpectedFalseAlarms(t *testing.T) {
	mean, one := 5.0, 1.0
	for name, tc := range map[string]struct {
		o  Options
		ph Phase
	}{
		"xmr":        {Options{Measure: Mean}, Phase{}},
		"given":      {Options{Measure: Mean}, Phase{Centre: &mean, SD: &one}},
		"centre":     {Options{Measure: Mean}, Phase{Centre: &mean}},
		"sigma":      {Options{Measure: Mean}, Phase{SD: &one}},
		"i prime":    {Options{Measure: Mean, Kind: IPrime}, Phase{}},
		"p":          {Options{Measure: Proportion, Kind: P}, Phase{}},
		"p prime":    {Options{Measure: Proportion, Kind: PPrime}, Phase{}},
		"12 ranges":  {Options{Measure: Mean, BaselinePoints: 12}, Phase{}},
		"multiplied": {Options{Measure: Mean, Multiplier: 100}, Phase{}},
	} {
		const series, points = 20000, 25
		r := rand.New(rand.NewPCG(25, 1))
		s := Series{Value: make([]float64, series*points), Num: make([]float64, series*points), Den: make([]float64, series*points), States: values(series * points)}
		starts, plans := []int{0}, []Plan{}
		for i := range s.Value {
			s.Value[i], s.Den[i] = mean+r.NormFloat64(), 1
			if tc.o.Measure == Proportion {
				s.Den[i] = 1e6
				s.Num[i] = math.Round(5e5 + 500*r.NormFloat64())
			}
		}
		for k := range series {
			starts, plans = append(starts, (k+1)*points), append(plans, Plan{Phases: []Phase{tc.ph}})
		}
		var c Charts
		if err := Batch(&c, s, starts, tc.o, plans); err != nil {
			t.Fatal(err)
		}
		_, expected := Worklist(c.Evidence(), 0.05)
		got := 0.0
		for k := range series {
			if c.SigmaSignal[(k+1)*points-1] {
				got++
			}
		}
		se := math.Sqrt(got)
		t.Logf("%s: %.0f false alarms (Monte-Carlo error %.0f), expected %.0f, with known parameters %.0f", name, got, se, expected.Estimated, expected.Known)
		// The t is an approximation of its own: within 0.003 (see EstimatedFalseAlarmRate),
		// and within a tenth where it matters.
		if math.Abs(got-expected.Estimated) > 3*se+0.1*got {
			t.Errorf("%s: %.0f false alarms, expected %.0f", name, got, expected.Estimated)
		}
	}
}

func TestExactEvidence(t *testing.T) {
	s := Series{States: values(26), Num: repeat(2, 26), Den: repeat(50, 26)}
	for i := 0; i < 24; i += 2 {
		s.Num[i], s.Num[i+1] = 1, 3
	}
	s.Num[25] = 8
	e, ok := choose(t, s, Options{Measure: Proportion, Multiplier: 100}, Plan{}).LatestEvidence()
	if !ok || e.Point != 25 || e.Direction != 1 {
		t.Fatalf("%+v", e)
	}
	near(t, "p", e.P, 2*(1-BinomialCDF(7, 50, 0.04)))
	s.Num[25] = 0
	e, _ = choose(t, s, Options{Measure: Proportion}, Plan{}).LatestEvidence()
	near(t, "p low", e.P, 2*math.Pow(0.96, 50))
	s.Den = repeat(1, 26)
	s.Num[25] = 8
	e, _ = choose(t, s, Options{Measure: Rate}, Plan{}).LatestEvidence()
	near(t, "p rate", e.P, 2*(1-PoissonCDF(7, 2)))
}
