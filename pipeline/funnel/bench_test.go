package funnel

import (
	"math/rand/v2"
	"testing"
)

func BenchmarkCompute(b *testing.B) {
	d := design{Proportion, 1000, 0.1, 50, 2000, 0.3, false}
	in := d.draw(rand.New(rand.NewPCG(3, 4)))
	for _, bc := range []struct {
		name string
		o    Options
	}{
		{"exact", Options{Measure: Proportion}},
		{"normal", Options{Measure: Proportion, Limits: Normal}},
	} {
		b.Run(bc.name, func(b *testing.B) {
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
