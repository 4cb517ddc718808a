package spc

import (
	"math"
	"math/rand/v2"
	"testing"
)

// region makes units of the same length, with binomial counts and a few gaps.
func region(units, months int, seed uint64) (Series, []int) {
	r := rand.New(rand.NewPCG(seed, 1))
	n := units * months
	s := Series{Num: make([]float64, n), Den: make([]float64, n), States: make([]State, n)}
	starts := make([]int, units+1)
	for u := range units {
		starts[u+1] = (u + 1) * months
		for m := range months {
			i := u*months + m
			den := 80 + r.IntN(200)
			num := 0
			for range den {
				if r.Float64() < 0.2 {
					num++
				}
			}
			s.Num[i], s.Den[i], s.States[i] = float64(num), float64(den), StateValue
			if r.IntN(50) == 0 {
				s.States[i] = StateMissing
			}
		}
	}
	return s, starts
}

// naivePChart is what a reader of a textbook would write for one unit: fresh
// slices per chart. It is the peer that the batch path is measured against.
func naivePChart(num, den []float64) (value, lcl, ucl []float64, sigma []bool, long, few bool) {
	var sn, sd float64
	for i := range num[:24] {
		sn += num[i]
		sd += den[i]
	}
	p := sn / sd
	for i := range num {
		v := num[i] / den[i]
		s := math.Sqrt(p * (1 - p) / den[i])
		value = append(value, v)
		lcl = append(lcl, math.Max(0, p-3*s))
		ucl = append(ucl, math.Min(1, p+3*s))
		sigma = append(sigma, v > p+3*s || v < p-3*s)
	}
	var side []int
	for _, v := range value {
		if v > p {
			side = append(side, 1)
		} else if v < p {
			side = append(side, -1)
		}
	}
	longest, run, cross := 0, 0, 0
	for i := range side {
		if i > 0 && side[i] != side[i-1] {
			cross++
			run = 0
		}
		run++
		longest = max(longest, run)
	}
	return value, lcl, ucl, sigma, longest > LongestRunLimit(len(side)), cross < FewestCrossings(len(side))
}

func BenchmarkBatch(b *testing.B) {
	s, starts := region(1200, 60, 7)
	mean := Series{Value: make([]float64, s.Len()), States: s.States}
	for i := range mean.Value {
		mean.Value[i] = s.Num[i] / s.Den[i]
	}
	for _, bc := range []struct {
		name string
		s    Series
		o    Options
	}{
		{"p", s, Options{Measure: Proportion, Kind: P, Multiplier: 100}},
		{"pp", s, Options{Measure: Proportion, Kind: PPrime, Multiplier: 100}},
		{"u", s, Options{Measure: Rate, Kind: U}},
		{"auto", s, Options{Measure: Proportion}},
		{"xmr", mean, Options{Measure: Mean}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			var c Charts
			if err := Batch(&c, bc.s, starts, bc.o, nil); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := Batch(&c, bc.s, starts, bc.o, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(bc.s.Len())/b.Elapsed().Seconds()/1e6, "Mpoints/s")
		})
	}
	// 1,000 units of 60 months; R with qicharts2 takes 42 s on the same kind of
	// machine.
	b.Run("pp_1000x60", func(b *testing.B) {
		var c Charts
		o := Options{Measure: Proportion, Kind: PPrime, Multiplier: 100}
		part := s.Slice(0, starts[1000])
		b.ReportAllocs()
		for b.Loop() {
			if err := Batch(&c, part, starts[:1001], o, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, bc := range []struct {
		name  string
		s     Series
		o     Options
		rules RuleSet
	}{
		{"p_and_nelson", s, Options{Measure: Proportion, Kind: P}, Nelson},
		{"p_and_mdc", s, Options{Measure: Proportion, Kind: P}, MakingDataCount},
		{"p_and_western_electric", s, Options{Measure: Proportion, Kind: P}, WesternElectric},
		{"u_and_nelson", s, Options{Measure: Rate, Kind: U}, Nelson},
		{"u_and_mdc", s, Options{Measure: Rate, Kind: U}, MakingDataCount},
		{"xmr_and_nelson", mean, Options{Measure: Mean}, Nelson},
		{"xmr_and_mdc", mean, Options{Measure: Mean}, MakingDataCount},
		{"p_and_every_rule", s, Options{Measure: Proportion, Kind: P}, 1<<ruleCount - 1},
	} {
		b.Run(bc.name, func(b *testing.B) {
			var c Charts
			var d Detector
			b.ReportAllocs()
			for b.Loop() {
				if err := Batch(&c, bc.s, starts, bc.o, nil); err != nil {
					b.Fatal(err)
				}
				d.Detect(&c, bc.rules)
			}
			b.ReportMetric(float64(b.N)*float64(bc.s.Len())/b.Elapsed().Seconds()/1e6, "Mpoints/s")
		})
	}
	b.Run("update_1_percent", func(b *testing.B) {
		var c Charts
		o := Options{Measure: Proportion}
		if err := Batch(&c, s, starts, o, nil); err != nil {
			b.Fatal(err)
		}
		changed := make([]int, 12)
		for i := range changed {
			changed[i] = 100 * i
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := Update(&c, s, starts, o, nil, changed); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("naive_p", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for k := 0; k+1 < len(starts); k++ {
				naivePChart(s.Num[starts[k]:starts[k+1]], s.Den[starts[k]:starts[k+1]])
			}
		}
		b.ReportMetric(float64(b.N)*float64(s.Len())/b.Elapsed().Seconds()/1e6, "Mpoints/s")
	})
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }
