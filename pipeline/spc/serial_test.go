package spc

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// TestSeasonByHand: two years of two halves, (0, 4) and (1, 3): years mean 2, so
// places mean -1.5 and 1.5; between 4 × 2.25 = 9, residuals ∓.5 and ±.5: within
// 1. F(1, 1) = 9: P(F > 9) = P(|t1| > 3) = 1 - 2 atan(3)/pi.
func TestSeasonByHand(t *testing.T) {
	var s seasonScratch
	z := []float64{0, 4, 1, 3}
	s.fit(z, 2)
	near(t, "place", s.placeSum[1], 1.5)
	// d2 < 4 is no test.
	if p := seasonP(z, 2, &s); !math.IsNaN(p) {
		t.Errorf("%v", p)
	}
	// Six years: d1 = 1, d2 = 12-2-5 = 5, t² = (12 × 2.25)/(3/5) = 45.
	var six []float64
	for range 3 {
		six = append(six, z...)
	}
	got := seasonP(six, 2, &s)
	// Survival of t with 5 degrees of freedom at sqrt(45), two-sided, by its
	// closed form with theta = atan(t/sqrt 5) = atan 3.
	th := math.Atan(3)
	c := math.Cos(th)
	near(t, "p", got, 1-2/math.Pi*(th+math.Sin(th)*(c+2*c*c*c/3)))
}

func TestLagOneByHand(t *testing.T) {
	// 1, -1 in turn, 24 values: mean 0, product -23, square 24, 23 pairs.
	var z []float64
	for i := range 24 {
		z = append(z, float64(1-2*(i%2)))
	}
	r := -23.0/24*23/23 + 1/24.0
	near(t, "p", lagOne(z), math.Erfc(math.Abs(r)*math.Sqrt(23/2.0)))
	z[3] = math.NaN()
	if p := lagOne(z[:8]); !math.IsNaN(p) {
		t.Errorf("too few pairs: %v", p)
	}
}

func TestSeasonTurnsRunsOff(t *testing.T) {
	s := Series{States: values(48), Num: make([]float64, 48), Den: repeat(400, 48)}
	r := newRand(4)
	for i := range s.Num {
		s.Num[i] = math.Round(100 + 40*math.Sin(2*math.Pi*float64(i)/12) + 8*r.NormFloat64())
	}
	off := choose(t, s, Options{Measure: Proportion}, Plan{})
	if !off.Parts[0].RunsSignal || off.Parts[0].RunsOff {
		t.Error("untested, a season looks like runs")
	}
	c := choose(t, s, Options{Measure: Proportion, PeriodsPerYear: 12}, Plan{})
	p := c.Parts[0]
	if !p.RunsOff || p.RunsSignal || !(p.SeasonP < 1e-6) || !strings.Contains(p.Why(), "season") {
		t.Errorf("%+v", p)
	}
	for i := range c.RunsSignal {
		if c.RunsSignal[i] || c.Rules[i].Has(RuleLongRun) {
			t.Fatal("a run signals all the same")
		}
	}
	adjusted, err := SeasonAdjusted(c, 12)
	if err != nil {
		t.Fatal(err)
	}
	again := choose(t, adjusted, Options{Measure: Mean, PeriodsPerYear: 12}, Plan{})
	if again.Parts[0].SeasonP < 0.01 {
		t.Errorf("a season remains: %+v", again.Parts[0])
	}
	if _, err := SeasonAdjusted(c, 1); !errors.Is(err, ErrOptions) {
		t.Errorf("%v", err)
	}
}

// A change of level, which the chart is for, must not silence its rules.
func TestShiftIsNoSeasonAndNoAutocorrelation(t *testing.T) {
	r := newRand(8)
	muted, seen := 0, 0
	for range 200 {
		s := Series{States: values(48), Value: make([]float64, 48)}
		for i := range s.Value {
			s.Value[i] = r.NormFloat64()
			if i >= 30 {
				s.Value[i] += 2.5
			}
		}
		p := choose(t, s, Options{Measure: Mean, PeriodsPerYear: 12}, Plan{}).Parts[0]
		if p.RunsOff {
			muted++
		}
		if p.RunsSignal {
			seen++
		}
	}
	if muted > 12 || seen < 180 {
		t.Errorf("muted %d and seen %d of 200", muted, seen)
	}
}

// Independent values without a season are called otherwise at the stated rate.
func TestSerialLevels(t *testing.T) {
	r := newRand(9)
	season, auto := 0, 0
	const reps = 4000
	for range reps {
		s := Series{States: values(36), Value: make([]float64, 36)}
		for i := range s.Value {
			s.Value[i] = r.NormFloat64()
		}
		p := choose(t, s, Options{Measure: Mean, PeriodsPerYear: 12}, Plan{}).Parts[0]
		if p.SeasonP < serialLevel {
			season++
		}
		if p.AutocorrelationP < serialLevel {
			auto++
		}
	}
	// Three standard errors of 1 % of 4000 are 19.
	if season > 60 || season < 20 || auto > 60 || auto < 5 {
		t.Errorf("season %d, autocorrelation %d of %d at 1 %%", season, auto, reps)
	}
}
