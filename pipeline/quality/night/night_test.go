package night_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"larstrom/pipeline/quality/night"
)

func region(basis night.Basis) night.Config {
	c := night.Default()
	c.Units, c.Indicators, c.Basis, c.Contaminated = 40, 5, basis, 0
	return c
}

// The same seed gives the same night, another another, and the nights of one
// region are windows on the same past.
func TestSeeds(t *testing.T) {
	c := region(night.Happened)
	a, b, other := night.New(c, 3), night.New(c, 3), night.New(c, 4)
	a.Spoil(5, night.Kinds())
	b.Spoil(5, night.Kinds())
	if !reflect.DeepEqual(a.Panel, b.Panel) || reflect.DeepEqual(a.Panel.Volume, other.Panel.Volume) {
		t.Error("a seed is not a night")
	}
	g := night.NewRegion(c, 3, 2)
	last, before := g.Night(0), g.Night(1)
	if last.Panel.First-before.Panel.First != 28 || !slices.Equal(last.Panel.Volume[:c.Nights-28], before.Panel.Volume[28:c.Nights]) {
		t.Error("the nights of a region do not share their past")
	}
	if err := last.Panel.Validate(); err != nil {
		t.Error(err)
	}
}

// Counts have the means and variances that the oracle is told, on both ways to
// take them, by day and over windows.
func TestCountsAreWhatTheyAreSaidToBe(t *testing.T) {
	for _, basis := range []night.Basis{night.Happened, night.Came} {
		v := night.New(region(basis), 8)
		p := &v.Panel
		for _, days := range []int{1, 7} {
			var z, z2, n, has, should float64
			for s := range p.Unit {
				if v.Mean[s] == 0 {
					continue
				}
				for to := days; to <= p.Nights; to += days {
					mean, variance := v.Variance(s, to-days, to)
					sum := 0.0
					for t := to - days; t < to; t++ {
						sum += float64(p.Volume[s*p.Nights+t])
					}
					d := (sum - mean) / math.Sqrt(variance)
					z, z2, n, has, should = z+d, z2+d*d, n+1, has+sum, should+mean
				}
			}
			if math.Abs(z/n) > 0.05 || math.Abs(z2/n-1) > 0.06 || math.Abs(has/should-1) > 0.01 {
				t.Errorf("basis %d, %d days: standardised mean %.3f, variance %.3f, total %.3f", basis, days, z/n, z2/n, has/should)
			}
		}
		var volume, numerator, missing, rate float64
		for s := range p.Unit {
			for t := range p.Nights {
				at := s*p.Nights + t
				volume += float64(p.Volume[at])
				numerator += float64(p.Numerator[at])
				missing += float64(p.Missing[at])
				rate += float64(p.Volume[at]) * v.Rate[s]
			}
		}
		if math.Abs(missing/volume-0.04) > 0.002 || math.Abs(numerator/rate-1) > 0.01 {
			t.Errorf("basis %d: %.4f missing, numerators %.3f of their share", basis, missing/volume, numerator/rate)
		}
	}
}

// A fault changes what it is said to touch, and nothing else.
func TestFaultsTouchWhatTheySay(t *testing.T) {
	for _, kind := range night.Kinds() {
		clean, faulty := night.New(region(night.Happened), 6), night.New(region(night.Happened), 6)
		faults := faulty.Spoil(3, []night.Kind{kind})
		if kind == night.CommonMode {
			faults = faults[:1]
		}
		changed := false
		p := &clean.Panel
		for s := range p.Unit {
			touched := false
			for i := range faults {
				touched = touched || faults[i].Touches(faulty, s)
			}
			for t2 := range p.Nights {
				at := s*p.Nights + t2
				same := p.Volume[at] == faulty.Panel.Volume[at] && p.Numerator[at] == faulty.Panel.Numerator[at] && p.Missing[at] == faulty.Panel.Missing[at]
				if !same && !touched {
					t.Fatalf("%s changed series %d", kind, s)
				}
				changed = changed || !same
			}
		}
		if !changed {
			t.Errorf("%s changed nothing", kind)
		}
	}
}
