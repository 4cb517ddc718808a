package spc

import (
	"math"
	"math/rand/v2"
	"testing"
)

// runLength is the number of in-control points, of known centre 0 and sigma 1, up
// to the first signal; first gives its point, -1 for none so far.
func runLength(t *testing.T, r *rand.Rand, block int, first func(Chart) int) float64 {
	t.Helper()
	centre, sd := 0.0, 1.0
	known := Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}}}
	var v []float64
	for {
		for range block {
			v = append(v, r.NormFloat64())
		}
		c := choose(t, Series{Value: v, States: values(len(v))}, Options{Measure: Mean}, known)
		if i := first(c); i >= 0 {
			return float64(i + 1)
		}
	}
}

// holds compares an average run length, over fixed seeds, with a published one.
func holds(t *testing.T, name string, r *rand.Rand, low, high float64, first func(Chart) int) {
	t.Helper()
	const reps = 400
	sum, square := 0.0, 0.0
	for range reps {
		n := runLength(t, r, int(high), first)
		sum += n
		square += n * n
	}
	mean := sum / reps
	se := math.Sqrt((square/reps - mean*mean) / reps)
	t.Logf("%s: average run length %.1f (Monte-Carlo error %.1f), published %.2f", name, mean, se, high)
	if mean < low-3.5*se || mean > high+3.5*se {
		t.Errorf("%s: average run length %.1f (Monte-Carlo error %.1f), published %.2f", name, mean, se, high)
	}
}

// TestPublishedRunLengths: average run lengths in control with known parameters,
// as Champ & Woodall (1987) computed them exactly for the Western Electric rules.
func TestPublishedRunLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 1))
	const sigma = 1 << RuleSigma
	for _, tc := range []struct {
		name string
		set  RuleSet
		want float64
	}{
		{"3 sigma", sigma, 370.40},
		{"and two of three", sigma | 1<<RuleTwoOfThree, 225.44},
		{"and four of five", sigma | 1<<RuleFourOfFive, 166.05},
		{"and eight on a side", sigma | 1<<RuleEight, 152.73},
		{"Western Electric", WesternElectric, 91.75},
	} {
		var d detector
		holds(t, tc.name, r, tc.want, tc.want, func(c Chart) int {
			d.out = d.out[:0]
			d.detect(&c, tc.set)
			first := -1
			for _, s := range d.out {
				at := s.To
				if s.Rule == RuleEight {
					at = s.From + 7 // a run signals when it is long enough
				}
				if first < 0 || at < first {
					first = at
				}
			}
			return first
		})
	}
}

// TestPublishedCumulativeRunLengths: those of two-sided CUSUM (Lucas & Crosier
// 1982; Montgomery 2013, section 9.1) and of EWMA (Lucas & Saccucci 1990, with
// constant limits: limits that widen from the start give a little less).
func TestPublishedCumulativeRunLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(52, 1))
	for _, tc := range []struct {
		name      string
		of        func(Chart) (Cumulative, error)
		low, high float64
	}{
		{"CUSUM 0.5, 4", func(c Chart) (Cumulative, error) { return c.CUSUM(0.5, 4, 0) }, 168, 168},
		{"CUSUM 0.5, 5", func(c Chart) (Cumulative, error) { return c.CUSUM(0.5, 5, 0) }, 465, 465},
		{"CUSUM 0.5, 4, head start 2", func(c Chart) (Cumulative, error) { return c.CUSUM(0.5, 4, 2) }, 149, 149},
		{"EWMA 1, 3", func(c Chart) (Cumulative, error) { return c.EWMA(1, 3) }, 370.4, 370.4},
		{"EWMA 0.2, 2.962", func(c Chart) (Cumulative, error) { return c.EWMA(0.2, 2.962) }, 480, 500},
	} {
		holds(t, tc.name, r, tc.low, tc.high, func(c Chart) int {
			sums, err := tc.of(c)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range sums.Signal {
				if s != 0 {
					return i
				}
			}
			return -1
		})
	}
}

// TestFalseAlarmsOfCounts: with a known centre line exact limits are passed by no
// more than 0.27 % of points in control; normal ones, where counts are small, by
// several times as many.
func TestFalseAlarmsOfCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 1))
	const points = 40000
	for _, tc := range []struct {
		n, p float64
	}{{50, 0.04}, {30, 0.1}, {200, 0.01}, {100, 0.97}} {
		s := Series{States: values(points), Num: make([]float64, points), Den: repeat(tc.n, points)}
		for i := range s.Num {
			for range int(tc.n) {
				if r.Float64() < tc.p {
					s.Num[i]++
				}
			}
		}
		rate := func(sd *float64) float64 {
			out := 0
			for _, v := range choose(t, s, Options{Measure: Proportion, Kind: P}, Plan{Phases: []Phase{{From: 0, BaselineTo: points - 1, Centre: &tc.p, SD: sd}}}).SigmaSignal {
				if v {
					out++
				}
			}
			return float64(out) / points
		}
		one := 1.0
		exact, normal := rate(nil), rate(&one)
		se := math.Sqrt(KnownFalseAlarmRate / points)
		t.Logf("n %v, p %v: exact limits %.3f %%, normal ones %.3f %% (Monte-Carlo error %.3f)", tc.n, tc.p, 100*exact, 100*normal, 100*se)
		if exact > KnownFalseAlarmRate+3*se || normal < exact {
			t.Errorf("n %v, p %v: exact limits %.4f, normal ones %.4f", tc.n, tc.p, exact, normal)
		}
	}
}

// TestEstimatedRunLengths: with limits estimated from 24 points the run length
// varies between baselines; its average is longer than the 109 that one false
// alarm in 0.92 % of points suggests, and half of all baselines stay below 370
// (Quesenberry 1993).
func TestEstimatedRunLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(54, 1))
	const reps = 3000
	below, rate := 0, 0.0
	for range reps {
		s := Series{Value: make([]float64, 24), States: values(24)}
		for i := range s.Value {
			s.Value[i] = r.NormFloat64()
		}
		c := choose(t, s, Options{Measure: Mean}, Plan{})
		alarm := (math.Erfc(c.UCL[0]/math.Sqrt2) + math.Erfc(-c.LCL[0]/math.Sqrt2)) / 2
		rate += alarm
		if 1/alarm < 370.4 {
			below++
		}
	}
	got, share := rate/reps, float64(below)/reps
	t.Logf("estimated from 24: %.2f %% of new points outside (stated 0.92, formula %.2f), %.0f %% of baselines alarm more often than known limits", 100*got, 100*EstimatedFalseAlarmRate(24), 100*share)
	if math.Abs(got-0.0092) > 0.0012 || share < 0.5 || share > 0.7 {
		t.Errorf("rate %.4f, share %.3f", got, share)
	}
}
