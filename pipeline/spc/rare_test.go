package spc

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func TestTByHand(t *testing.T) {
	// Times whose powers are 1 and 2 in turn: mean 1.5, every range 1.
	s := Series{States: values(13)}
	for i := range 12 {
		s.Value = append(s.Value, math.Pow(float64(1+i%2), 3.6))
	}
	s.Value = append(s.Value, 0) // two events at once
	c := choose(t, s, Options{Measure: TimeBetween, BaselinePoints: 12}, Plan{})
	near(t, "centre", c.Centre[0], math.Pow(1.5, 3.6))
	near(t, "ucl", c.UCL[0], math.Pow(1.5+3/d2, 3.6))
	near(t, "lcl", c.LCL[0], 0)
	if p := c.Parts[0]; p.Kind != T || p.Why() == "" || !c.NoLowSignal(0) {
		t.Errorf("%+v", p)
	}
}

func TestGByHand(t *testing.T) {
	// Mean 9: P(X > k) = .9^(k+1) <= .00135 from k + 1 = 62.7: 62.
	s := Series{States: values(13)}
	for i := range 12 {
		s.Value = append(s.Value, []float64{3, 15}[i%2])
	}
	s.Value = append(s.Value, 63)
	c := choose(t, s, Options{Measure: CasesBetween, BaselinePoints: 12}, Plan{})
	near(t, "median", c.Centre[0], 9)
	near(t, "ucl", c.UCL[0], math.Ceil(math.Log(exactTail)/math.Log(0.9))-1)
	near(t, "lcl", c.LCL[0], 0)
	if !c.SigmaSignal[12] || c.SigmaSignal[1] {
		t.Error("63 cases without an event are a signal")
	}
	for _, m := range []float64{0.3, 9, 5000} {
		for _, q := range []float64{exactTail, 0.5, 1 - exactTail} {
			k := geometricQuantile(q, m)
			cdf := func(k float64) float64 { return 1 - math.Pow(m/(1+m), k+1) }
			if cdf(k) < q*(1-1e-9) || k > 0 && cdf(k-1) >= q*(1+1e-9) {
				t.Errorf("mean %v, q %v: %v", m, q, k)
			}
		}
	}
	if _, err := Choose(Series{States: values(1), Value: []float64{1.5}}, Options{Measure: CasesBetween}, Plan{}); !errors.Is(err, ErrSeries) {
		t.Errorf("half a case: %v", err)
	}
}

func TestIPrimeByHand(t *testing.T) {
	// Sizes 4 and 4, values 1 and 3: each range 2 sqrt(pi/2)/sqrt(1/2).
	s := Series{States: values(13), Den: repeat(4, 13)}
	for i := range 13 {
		s.Value = append(s.Value, []float64{1, 3}[i%2])
	}
	s.Den[12] = 16
	c := choose(t, s, Options{Measure: Mean, Kind: IPrime, BaselinePoints: 12}, Plan{})
	sigma := 2 * math.Sqrt(math.Pi/2) / math.Sqrt(0.5)
	near(t, "sd of 4", c.SD[0], sigma/2)
	near(t, "sd of 16", c.SD[12], sigma/4)
	near(t, "centre", c.Centre[0], 2)
	// With equal sizes it is XmR.
	s.Den[12] = 4
	x := choose(t, s, Options{Measure: Mean, BaselinePoints: 12}, Plan{})
	c = choose(t, s, Options{Measure: Mean, Kind: IPrime, BaselinePoints: 12}, Plan{})
	near(t, "equal sizes", c.UCL[3], x.UCL[3])
}

func TestXbarAndSByHand(t *testing.T) {
	s := Series{States: values(13), Value: repeat(10, 13), Den: repeat(5, 13), SD: repeat(2, 13)}
	s.Den[12], s.Value[12], s.SD[12] = 20, 12, 7
	c := choose(t, s, Options{Measure: Mean, Kind: Xbar, BaselinePoints: 12}, Plan{})
	sigma := 2 / biasOfSD(49)
	near(t, "sd of 5", c.SD[0], sigma/math.Sqrt(5))
	near(t, "ucl of 20", c.UCL[12], 10+3*sigma/math.Sqrt(20))
	if !c.SigmaSignal[12] {
		t.Error("12 is beyond")
	}
	c = choose(t, s, Options{Measure: Mean, Kind: S, BaselinePoints: 12}, Plan{})
	near(t, "centre", c.Centre[0], sigma)
	near(t, "value", c.Value[0], 2/biasOfSD(5))
	chi := distuv.ChiSquared{K: 4}
	back := func(v float64) float64 { v = v * biasOfSD(5) / sigma; return chi.CDF(4 * v * v) }
	if math.Abs(back(c.UCL[0])-(1-exactTail)) > 1e-9 || math.Abs(back(c.LCL[0])-exactTail) > 1e-9 {
		t.Errorf("limits hold %v and %v", back(c.LCL[0]), back(c.UCL[0]))
	}
	if !c.SigmaSignal[12] || c.SigmaSignal[0] {
		t.Error("7 is beyond")
	}
	near(t, "c4 of 2", biasOfSD(2), math.Sqrt(2/math.Pi))
	for name, bad := range map[string]Series{
		"one case":    {States: values(1), Value: []float64{1}, Den: []float64{1}, SD: []float64{1}},
		"no SD":       {States: values(1), Value: []float64{1}, Den: []float64{2}},
		"negative SD": {States: values(1), Value: []float64{1}, Den: []float64{2}, SD: []float64{-1}},
	} {
		if _, err := Choose(bad, Options{Measure: Mean, Kind: S}, Plan{}); !errors.Is(err, ErrSeries) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
