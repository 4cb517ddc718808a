package spc

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// zChart charts values with centre line 0 and sigma 1.
func zChart(t *testing.T, z []float64, gaps ...int) Chart {
	t.Helper()
	s := Series{States: values(len(z)), Value: z}
	for _, g := range gaps {
		s.States[g] = StateMissing
	}
	centre, sd := 0.0, 1.0
	return choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}}})
}

type found struct {
	From, To int
	Dir      int8
}

func only(signals []Signal) []found {
	var out []found
	for _, s := range signals {
		out = append(out, found{s.From, s.To, s.Direction})
	}
	return out
}

func TestRulesByHand(t *testing.T) {
	for name, tc := range map[string]struct {
		rule Rule
		z    []float64
		gaps []int
		want []found
	}{
		"beyond 3":              {RuleSigma, []float64{0, 3.1, 3, -3.1}, nil, []found{{1, 1, 1}, {3, 3, -1}}},
		"two of three":          {RuleTwoOfThree, []float64{2.1, 0, 2.1, 2.1, 0, -2.1}, nil, []found{{0, 2, 1}, {1, 3, 1}}},
		"two of three, sides":   {RuleTwoOfThree, []float64{2.1, 0, -2.1}, nil, nil},
		"two of three, gap":     {RuleTwoOfThree, []float64{2.1, 9, 0, 2.1}, []int{1}, []found{{0, 3, 1}}},
		"four of five":          {RuleFourOfFive, []float64{-1.1, -1.2, 0, -1.3, -1.4}, nil, []found{{0, 4, -1}}},
		"four of five, last in": {RuleFourOfFive, []float64{-1.1, -1.2, -1.3, -1.4, 0}, nil, nil},
		"eight":                 {RuleEight, []float64{-1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, nil, []found{{1, 9, 1}}},
		"eight, gap passed":     {RuleEight, []float64{1, 1, 1, 1, -5, 1, 1, 1, 1}, []int{4}, []found{{0, 8, 1}}},
		"eight, on the line":    {RuleEight, []float64{1, 1, 1, 1, 0, 1, 1, 1, 1}, nil, nil},
		"nine of eight":         {RuleNine, []float64{1, 1, 1, 1, 1, 1, 1, 1}, nil, nil},
		"six rising":            {RuleSixTrend, []float64{0.1, -0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.1}, nil, []found{{1, 6, 1}}},
		"six falling at once":   {RuleSixTrend, []float64{0, .1, .2, .3, .4, .5, .4, .3, .2, .1, 0}, nil, []found{{0, 5, 1}, {5, 10, -1}}},
		"five rising":           {RuleSixTrend, []float64{0, .1, .2, .3, .4}, nil, nil},
		"ties break a trend":    {RuleSixTrend, []float64{0, .1, .2, .2, .3, .4, .5}, nil, nil},
		"ties pass":             {RuleSevenTrend, []float64{0, .1, .2, .2, .3, .4, .5, .6}, nil, []found{{0, 7, 1}}},
		"ties do not add":       {RuleSevenTrend, []float64{0, .1, .2, .2, .3, .4, .5}, nil, nil},
		"gaps break a trend":    {RuleSixTrend, []float64{0, .1, .2, .25, .3, .4, .5}, []int{3}, nil},
		"alternating":           {RuleAlternating, []float64{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1}, nil, []found{{0, 13, 0}}},
		"alternating, 13":       {RuleAlternating, []float64{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0}, nil, nil},
		"fifteen within":        {RuleFifteenWithin, []float64{1, -1, .5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.1}, nil, []found{{0, 15, 0}}},
		"eight beyond":          {RuleEightBeyond, []float64{1.1, -1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1}, nil, []found{{0, 7, 0}, {1, 8, 0}}},
		"eight beyond one side": {RuleEightBeyond, []float64{1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1}, nil, nil},
		"seven one side":        {RuleSevenSide, []float64{-1, -1, -1, -1, -1, -1, -1}, nil, []found{{0, 6, -1}}},
		"seven rising":          {RuleSevenTrend, []float64{0, 1, 2, 2.1, 2.2, 2.3, 2.4}, nil, []found{{0, 6, 1}}},
		"close":                 {RuleTwoOfThreeClose, []float64{2.1, 0.1, 3.1}, nil, []found{{0, 2, 1}}},
		"close, other side":     {RuleTwoOfThreeClose, []float64{2.1, -0.1, 2.1}, nil, nil},
	} {
		c := zChart(t, tc.z, tc.gaps...)
		if diff := cmp.Diff(tc.want, only(c.Detect(0|RuleSet(0).With(tc.rule))), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestRulesUseEachPointsOwnLimits: a point of 100 at 1.9 sigma and one of 10,000
// at 2.1; qcc would judge both by the limits of the second.
func TestRulesUseEachPointsOwnLimits(t *testing.T) {
	centre, one := 0.5, 1.0
	s := Series{States: values(3), Den: []float64{100, 10000, 10000}, Num: []float64{59, 5000, 5110}}
	c := choose(t, s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &one}}})
	if got := c.Detect(WesternElectric); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRulesRestartInEachPart(t *testing.T) {
	centre, sd := 0.0, 1.0
	s := Series{States: values(10), Value: []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}}
	c := choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}, {From: 5, Centre: &centre, SD: &sd}}})
	if got := c.Detect(MakingDataCount); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRulesWithoutLimits(t *testing.T) {
	s := Series{States: values(11), Value: []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}
	c := choose(t, s, Options{Measure: Mean}, Plan{})
	want := []found{{0, 10, 1}}
	if diff := cmp.Diff(want, only(c.Detect(Nelson))); diff != "" {
		t.Errorf("a run chart shows its trend and nothing that needs sigma: %s", diff)
	}
}

func TestOverlappingPatternsAreAllData(t *testing.T) {
	// Rising through the upper limit: trend, run and 3 sigma at once.
	c := zChart(t, []float64{.5, 1, 1.5, 2, 2.5, 2.9, 3.5})
	rules := map[Rule]bool{}
	for _, s := range c.Detect(MakingDataCount) {
		rules[s.Rule] = true
	}
	if !rules[RuleSigma] || !rules[RuleSevenTrend] || !rules[RuleSevenSide] || !rules[RuleTwoOfThreeClose] {
		t.Errorf("%v", rules)
	}
}

func TestIcons(t *testing.T) {
	calm := zChart(t, []float64{1, -1, .5, -.5})
	high := zChart(t, []float64{1, -1, .5, 3.5})
	for _, tc := range []struct {
		c    Chart
		d    Direction
		want Icon
	}{{calm, Up, CommonCause}, {high, Up, Improvement}, {high, Down, Concern}, {high, Neutral, NeutralHigh}} {
		if got := tc.c.VariationIcon(tc.c.Detect(MakingDataCount), tc.d); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
	for _, tc := range []struct {
		target float64
		d      Direction
		want   Icon
	}{{4, Up, Fail}, {4, Down, Pass}, {-4, Up, Pass}, {-4, Down, Fail}, {0, Up, HitAndMiss}, {0, Neutral, IconNone}, {math.NaN(), Up, IconNone}} {
		if got := calm.AssuranceIcon(tc.target, tc.d); got != tc.want {
			t.Errorf("target %v: %s, want %s", tc.target, got, tc.want)
		}
	}
	// A constant series is not "inconsistent": it is where it is.
	s := Series{States: values(24), Value: repeat(5, 24)}
	flat := choose(t, s, Options{Measure: Mean}, Plan{})
	if got := flat.AssuranceIcon(4, Up); got != Pass {
		t.Errorf("always 5, target 4: %s", got)
	}
	if got := flat.VariationIcon(flat.Detect(MakingDataCount), Up); got != CommonCause {
		t.Errorf("always 5: %s", got)
	}
}

func TestRuleNames(t *testing.T) {
	seen := map[string]bool{}
	for r := Rule(0); r < ruleCount; r++ {
		if n := r.String(); n == "" || seen[n] {
			t.Errorf("rule %d is named %q", r, n)
		} else {
			seen[n] = true
		}
	}
}
