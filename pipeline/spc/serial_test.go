package spc

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// TestSeasonByHand: three years of three tertials, each with mean 2. Places mean
// -4/3, 7/3 and -1: between 74/3. The line through them has the slope 1/6, which
// takes 1/6 away and leaves 24.5 with one degree of freedom. Residuals: 30/9 with
// four. F(1, 4) = 29.4; with x = within/(within + between), P = 1 - sqrt(1-x)(1+x/2).
func TestSeasonByHand(t *testing.T) {
	var s seasonScratch
	z := []float64{1, 5, 0, 0, 4, 2, 1, 4, 1}
	s.fit(z, 3)
	near(t, "place", s.placeSum[1], 7/3.0)
	x := (30 / 9.0) / (30/9.0 + 24.5)
	near(t, "p", seasonP(z, 3, &s), 1-math.Sqrt(1-x)*(1+x/2))
	// d2 < 4 is no test, and with two places a season is a trend.
	for _, v := range []float64{seasonP(z[:6], 3, &s), seasonP([]float64{0, 4, 1, 3, 0, 4, 1, 3, 0, 4, 1, 3}, 2, &s)} {
		if !math.IsNaN(v) {
			t.Errorf("%v", v)
		}
	}
}

// A trend is no season: noise about a steep line is called one at the stated
// rate, and a season on a line is still found.
func TestTrendIsNoSeason(t *testing.T) {
	r := newRand(12)
	called, found := 0, 0
	const reps = 1000
	for range reps {
		line, wave := Series{States: values(36), Value: make([]float64, 36)}, Series{States: values(36), Value: make([]float64, 36)}
		for i := range line.Value {
			line.Value[i] = float64(i) + r.NormFloat64()
			wave.Value[i] = float64(i) + 2*math.Cos(2*math.Pi*float64(i)/12) + r.NormFloat64()
		}
		if choose(t, line, Options{Measure: Mean, PeriodsPerYear: 12}, Plan{}).Parts[0].SeasonP < serialLevel {
			called++
		}
		if choose(t, wave, Options{Measure: Mean, PeriodsPerYear: 12}, Plan{}).Parts[0].SeasonP < serialLevel {
			found++
		}
	}
	// Three standard errors of 1 % of 1000 are 9.4.
	if called > 19 || found < 950 {
		t.Errorf("a trend was called a season %d times, a season was found %d times, of %d", called, found, reps)
	}
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
