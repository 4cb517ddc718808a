package funnel_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
)

// Limits of any level are made as the usual ones are: asked for at their level they
// are the same, for every measure, alone or with variation between units.
func TestAnyLevelIsAsTheUsualOnes(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, m := range []funnel.Measure{funnel.Proportion, funnel.Rate, funnel.Ratio, funnel.Mean, funnel.CountRatio} {
		for _, units := range []int{4, 24} {
			for _, spread := range []float64{0, 0.5} {
				var in funnel.Input
				for range units {
					n := float64(60 + r.IntN(400))
					events := math.Round(n * 0.3 * math.Exp(spread*r.NormFloat64()))
					in.Num, in.Den = append(in.Num, min(events, n)), append(in.Den, n)
					in.Value, in.SE = append(in.Value, 10+spread*20*r.NormFloat64()), append(in.SE, 5/math.Sqrt(n))
					in.States = append(in.States, spc.StateValue)
				}
				compute := func(level float64) *funnel.Funnel {
					var f funnel.Funnel
					if err := funnel.Compute(&f, in, funnel.Options{Measure: m, Multiplier: 100, Level: level}); err != nil {
						t.Fatal(err)
					}
					return &f
				}
				at95, at998, at99, none := compute(0.95), compute(0.998), compute(0.99), compute(0)
				if len(none.LCL) > 0 || len(none.UCL) > 0 {
					t.Errorf("%s: limits that nobody asked for", m)
				}
				for i := range in.States {
					for _, pair := range [][2]float64{{at95.LCL[i], none.LCL95[i]}, {at95.UCL[i], none.UCL95[i]}, {at998.LCL[i], none.LCL998[i]}, {at998.UCL[i], none.UCL998[i]}} {
						if math.Abs(pair[0]-pair[1]) > 1e-6*math.Abs(pair[1])+1e-9 {
							t.Fatalf("%s of %d units, spread %v, unit %d: %v, want %v", m, units, spread, i, pair[0], pair[1])
						}
					}
					if !(at99.LCL[i] < none.LCL95[i] && at99.LCL[i] > none.LCL998[i] && at99.UCL[i] > none.UCL95[i] && at99.UCL[i] < none.UCL998[i]) {
						t.Errorf("%s: 99 %% limits %v to %v lie outside those of 95 and 99.8 %%", m, at99.LCL[i], at99.UCL[i])
					}
					if at99.Outlier[i] != none.Outlier[i] {
						t.Errorf("%s: unit %d is judged by another level", m, i)
					}
				}
			}
		}
	}
	for _, level := range []float64{0.5, 1, -0.9, math.NaN()} {
		if err := (funnel.Options{Measure: funnel.Rate, Level: level}).Validate(); !errors.Is(err, funnel.ErrOptions) {
			t.Errorf("level %v: %v", level, err)
		}
	}
}
