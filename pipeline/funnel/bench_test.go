package funnel

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkCompute: 1,000 units that vary, each judged by the others, or all by
// limits that they take part in.
func BenchmarkCompute(b *testing.B) {
	for _, bc := range []struct {
		name string
		d    design
		o    Options
	}{
		{"exact", design{Proportion, 1000, 0.1, 50, 2000, 0.3, false}, Options{}},
		{"normal", design{Proportion, 1000, 0.1, 50, 2000, 0.3, false}, Options{Limits: Normal}},
		{"exact_rate", design{Rate, 1000, 0.1, 50, 20000, 0.3, false}, Options{}},
		{"normal_rate", design{Rate, 1000, 0.1, 50, 20000, 0.3, false}, Options{Limits: Normal}},
		{"exact_ratio", design{Ratio, 1000, 1, 5, 300, 0.3, false}, Options{}},
		{"normal_ratio", design{Ratio, 1000, 1, 5, 300, 0.3, false}, Options{Limits: Normal}},
		{"exact_together", design{Proportion, 1000, 0.1, 50, 2000, 0.3, false}, Options{Together: true}},
		{"normal_together", design{Proportion, 1000, 0.1, 50, 2000, 0.3, false}, Options{Together: true, Limits: Normal}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			in := bc.d.draw(rand.New(rand.NewPCG(3, 4)))
			bc.o.Measure = bc.d.measure
			var f Funnel
			b.ReportAllocs()
			for b.Loop() {
				if err := Compute(&f, in, bc.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
