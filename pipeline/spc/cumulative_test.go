package spc

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEWMAByHand(t *testing.T) {
	c := zChart(t, []float64{1, 9, 3, 3, 3}, 1)
	e, err := c.EWMA(0.5, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first", e.Upper[0], 0.5)
	near(t, "after the gap", e.Upper[2], 1.75)
	near(t, "limit", e.UCL[0], 0.5)
	near(t, "second limit", e.UCL[2], math.Sqrt(1.0/3*(1-1.0/16)))
	if diff := cmp.Diff([]int8{0, 0, 1, 1, 1}, e.Signal); diff != "" || !math.IsNaN(e.Upper[1]) {
		t.Error(diff)
	}
	for _, bad := range [][2]float64{{0, 3}, {1.1, 3}, {0.2, 0}, {math.NaN(), 3}} {
		if _, err := c.EWMA(bad[0], bad[1]); !errors.Is(err, ErrOptions) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestCUSUMByHand(t *testing.T) {
	c := zChart(t, []float64{1, 9, 2, -3}, 1)
	s, err := c.CUSUM(0.5, 1.9, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "head start", s.Upper[0], 1.5)
	near(t, "after the gap", s.Upper[2], 3)
	near(t, "floor", s.Upper[3], 0)
	near(t, "lower", s.Lower[0], 0)
	near(t, "lower", s.Lower[3], -2.5)
	if diff := cmp.Diff([]int8{0, 0, 1, -1}, s.Signal); diff != "" {
		t.Error(diff)
	}
	if _, err := c.CUSUM(0.5, 5, 5); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

func TestCumulativeRestartsInEachPart(t *testing.T) {
	centre, sd := 0.0, 1.0
	s := Series{States: values(4), Value: []float64{1, 1, 1, 1}}
	c := choose(t, s, Options{Measure: Mean}, Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}, {From: 2, Centre: &centre, SD: &sd}}})
	u, _ := c.CUSUM(0, 5, 0)
	if diff := cmp.Diff([]float64{1, 2, 1, 2}, u.Upper); diff != "" {
		t.Error(diff)
	}
	e, _ := c.EWMA(0.5, 3)
	if e.Upper[0] != e.Upper[2] || e.UCL[0] != e.UCL[2] {
		t.Error("no restart")
	}
}

func TestRiskAdjustedByHand(t *testing.T) {
	nan := math.NaN()
	// p = .5 and odds ratio 2: log(2/1.5) per event, log(1/1.5) per other; for
	// halved odds log(.5/.75) and log(1/.75).
	s, err := RiskAdjusted([]float64{1, nan, 1, 0}, []float64{0.5, 0.5, 0.5, 0.5}, 2, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "first", s.Upper[0], math.Log(4/3.0))
	near(t, "crossing, kept", s.Upper[2], 2*math.Log(4/3.0))
	near(t, "new start", s.Upper[3], 0)
	near(t, "lower", s.Lower[3], -math.Log(4/3.0))
	if diff := cmp.Diff([]int8{0, 0, 1, 0}, s.Signal); diff != "" || !math.IsNaN(s.Upper[1]) {
		t.Error(diff)
	}
	v, err := VLAD([]float64{1, nan, 0}, []float64{0.25, 0.5, 0.25})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "vlad", v[0], -0.75)
	near(t, "vlad", v[2], -0.5)
	for _, bad := range [][2][]float64{{{2}, {0.5}}, {{1}, {0}}, {{1}, {1}}, {{1}, {}}} {
		if _, err := RiskAdjusted(bad[0], bad[1], 2, 4); !errors.Is(err, ErrSeries) {
			t.Errorf("%v: %v", bad, err)
		}
		if _, err := VLAD(bad[0], bad[1]); !errors.Is(err, ErrSeries) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := RiskAdjusted(nil, nil, 1, 4); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

func TestPropose(t *testing.T) {
	r := newRand(31)
	found, close, proposed := 0, 0, 0
	const reps = 300
	for rep := range 2 * reps {
		s := Series{States: values(60), Value: make([]float64, 60)}
		for i := range s.Value {
			s.Value[i] = 10 + r.NormFloat64()
			if rep < reps && i >= 40 {
				s.Value[i] += 2
			}
		}
		s.States[50] = StateMissing
		c := choose(t, s, Options{Measure: Mean}, Plan{})
		p, ok := c.Propose()
		if len(c.Parts) != 1 {
			t.Fatal("a proposal must not re-base")
		}
		switch {
		case rep >= reps && ok:
			proposed++
		case ok:
			found++
			if p.Earliest <= 40 && 40 <= p.Latest {
				close++
			}
			if p.Shift < 0 || p.After < p.Before || len(p.Signals) == 0 || p.From < p.Earliest || p.From > p.Latest {
				t.Fatalf("%+v", p)
			}
		}
	}
	t.Logf("found %d of %d, true point in the interval %d, without a change %d", found, reps, close, proposed)
	if found < 280 || close < 250 || proposed > 9 {
		t.Errorf("found %d, in the interval %d, false %d of %d", found, close, proposed, reps)
	}
	if _, ok := (Chart{}).Propose(); ok {
		t.Error("nothing to propose in nothing")
	}
}
