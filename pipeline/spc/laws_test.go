package spc

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawSeries draws counts with states; one in three points is none.
func drawSeries(t *rapid.T, least int) Series {
	n := rapid.IntRange(least, 70).Draw(t, "n")
	s := Series{Num: make([]float64, n), Den: make([]float64, n), States: make([]State, n)}
	for i := range n {
		den := rapid.IntRange(1, 400).Draw(t, "den")
		s.Den[i] = float64(den)
		s.Num[i] = float64(rapid.IntRange(0, den).Draw(t, "num"))
		s.States[i] = StateValue
		if rapid.IntRange(0, 2).Draw(t, "gap") == 0 {
			s.States[i] = State(rapid.IntRange(1, 8).Draw(t, "state"))
		}
	}
	return s
}

func drawChart(t *rapid.T, s Series, o Options) Chart {
	c, err := Choose(s, o, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func close12(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || a == b || math.Abs(a-b) <= 1e-9*(math.Abs(a)+math.Abs(b)+1)
}

func drawMean(t *rapid.T) Series {
	s := drawSeries(t, 1)
	v := make([]float64, s.Len())
	for i := range v {
		v[i] = float64(rapid.IntRange(-500, 500).Draw(t, "v")) / 4
	}
	return Series{Value: v, States: s.States}
}

// A translation by a power of two keeps these values exact, so that even points
// on the centre line stay there.
func TestLawTranslationAndScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMean(t)
		a := drawChart(t, s, Options{Measure: Mean, Screening: Screening(rapid.IntRange(0, 1).Draw(t, "screen"))})
		o := Options{Measure: Mean, Screening: a.screening()}
		moved, scaled := s, s
		moved.Value, scaled.Value = slices.Clone(s.Value), slices.Clone(s.Value)
		for i := range s.Value {
			moved.Value[i] += 1024
			scaled.Value[i] *= 8
		}
		b, c := drawChart(t, moved, o), drawChart(t, scaled, o)
		for i := range a.Value {
			for _, col := range []struct{ x, moved, scaled float64 }{
				{a.Centre[i], b.Centre[i], c.Centre[i]}, {a.LCL[i], b.LCL[i], c.LCL[i]}, {a.UCL[i], b.UCL[i], c.UCL[i]},
			} {
				if !close12(col.x+1024, col.moved) || !close12(col.x*8, col.scaled) {
					t.Fatalf("point %d: %v, moved %v, scaled %v", i, col.x, col.moved, col.scaled)
				}
			}
		}
		if diff := cmp.Diff(a.Rules, c.Rules); diff != "" {
			t.Fatalf("scaling changed signals: %s", diff)
		}
	})
}

func (c Chart) screening() Screening {
	if len(c.Parts) == 0 {
		return ScreenNone
	}
	return c.Parts[0].Screening
}

func TestLawMultiplierScalesWhatIsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 1)
		m := Measure(rapid.IntRange(1, 2).Draw(t, "measure"))
		a, b := drawChart(t, s, Options{Measure: m}), drawChart(t, s, Options{Measure: m, Multiplier: 100})
		for i := range a.Value {
			if !close12(a.UCL[i]*100, b.UCL[i]) || !close12(a.LCL[i]*100, b.LCL[i]) || !close12(a.Value[i]*100, b.Value[i]) {
				t.Fatalf("point %d", i)
			}
		}
		if diff := cmp.Diff(a.Rules, b.Rules); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What lies under any state but value never changes a number of the others.
func TestLawOnlyValuesEnter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 1)
		other := Series{Num: slices.Clone(s.Num), Den: slices.Clone(s.Den), States: slices.Clone(s.States)}
		for i, st := range s.States {
			if st != StateValue {
				other.States[i] = State(rapid.IntRange(2, 8).Draw(t, "other"))
				other.Den[i] = float64(rapid.IntRange(1, 9000).Draw(t, "den"))
				other.Num[i] = float64(rapid.IntRange(0, int(other.Den[i])).Draw(t, "num"))
			}
		}
		a, b := drawChart(t, s, Options{Measure: Proportion}), drawChart(t, other, Options{Measure: Proportion})
		for i, st := range s.States {
			if st == StateValue && (!close12(a.UCL[i], b.UCL[i]) || !close12(a.LCL[i], b.LCL[i]) || !close12(a.Centre[i], b.Centre[i])) {
				t.Fatalf("point %d changed", i)
			}
			if st != StateValue && (a.Rules[i] != 0 || a.SigmaSignal[i] || a.RunsSignal[i]) {
				t.Fatalf("point %d in state %s signals", i, st)
			}
		}
		if diff := cmp.Diff(a.Rules, b.Rules); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A missing period after the last, or before the first, changes no signal.
func TestLawMissingAtTheEndsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 1)
		padded := Series{
			Num: append(append([]float64{0}, s.Num...), 7), Den: append(append([]float64{0}, s.Den...), 9),
			States: append(append([]State{StateMissing}, s.States...), StateSuppressed),
		}
		a, b := drawChart(t, s, Options{Measure: Proportion}), drawChart(t, padded, Options{Measure: Proportion})
		if diff := cmp.Diff(a.Rules, b.Rules[1:len(b.Rules)-1]); diff != "" {
			t.Fatal(diff)
		}
		if len(a.Signals) != len(b.Signals) {
			t.Fatal("another number of signals")
		}
	})
}

// A gap inside never adds or removes a run signal: runs pass over it.
func TestLawRunsPassOverGaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawMean(t)
		at := rapid.IntRange(0, s.Len()).Draw(t, "at")
		gapped := Series{Value: slices.Insert(slices.Clone(s.Value), at, 1e9), States: slices.Insert(slices.Clone(s.States), at, StateMissing)}
		centre := float64(rapid.IntRange(-400, 400).Draw(t, "centre")) / 4
		sd := 10.0
		plan := Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &sd}}}
		a, err := Choose(s, Options{Measure: Mean}, plan)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Choose(gapped, Options{Measure: Mean}, plan)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a.Rules, slices.Delete(slices.Clone(b.Rules), at, at+1)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Unclipped normal limits widen as n falls.
func TestLawLimitsWiden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 24)
		c := drawChart(t, s, Options{Measure: Proportion})
		for _, p := range c.Parts {
			if p.Limits != LimitsNormal {
				continue
			}
			for i := p.First; i <= p.Last; i++ {
				for j := p.First; j < i; j++ {
					if c.State[i].Drawn() && c.State[j].Drawn() && s.Den[i] < s.Den[j] && (c.SD[i] < c.SD[j] || c.UCL[i] < c.UCL[j] || c.LCL[i] > c.LCL[j]) {
						t.Fatalf("n %v and %v: sd %v and %v", s.Den[i], s.Den[j], c.SD[i], c.SD[j])
					}
				}
			}
		}
	})
}

// Outward-rounded exact limits hold at least the probability of 3 sigma.
func TestLawExactLimitsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3000).Draw(t, "n")
		p := rapid.Float64Range(0.0001, 0.9999).Draw(t, "p")
		low, high := exactLimits(Proportion, float64(n), p, 0)
		a, b := int(math.Round(low*float64(n))), int(math.Round(high*float64(n)))
		if BinomialCDF(a-1, n, p) > exactTail*(1+1e-9) || 1-BinomialCDF(b, n, p) > exactTail*(1+1e-9) {
			t.Fatalf("n %d p %v: beyond %d..%d lies more than 3 sigma", n, p, a, b)
		}
		if a > 0 && BinomialCDF(a, n, p) < exactTail*(1-1e-9) || b > 0 && 1-BinomialCDF(b-1, n, p) < exactTail*(1-1e-9) {
			t.Fatalf("n %d p %v: %d..%d is wider than needed", n, p, a, b)
		}
	})
}

// p′ with sigma_z given as 1 is p.
func TestLawPrimeOfOneIsPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 24)
		a := drawChart(t, s, Options{Measure: Proportion, Kind: P})
		if len(a.Parts) != 1 || a.Parts[0].Kind != P || a.Parts[0].Limits != LimitsNormal {
			return
		}
		centre, one := a.Parts[0].Centre, 1.0
		b, err := Choose(s, Options{Measure: Proportion}, Plan{Phases: []Phase{{From: 0, Centre: &centre, SD: &one}}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.UCL {
			if !close12(a.UCL[i], b.UCL[i]) || !close12(a.LCL[i], b.LCL[i]) {
				t.Fatalf("point %d", i)
			}
		}
	})
}

// A batch cut anywhere gives the same numbers.
func TestLawBatchCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 2)
		at := rapid.IntRange(0, s.Len()).Draw(t, "at")
		var c Charts
		if err := Batch(&c, s, []int{0, at, s.Len()}, Options{Measure: Rate}, nil); err != nil {
			t.Fatal(err)
		}
		a, b := drawChart(t, s.Slice(0, at), Options{Measure: Rate}), drawChart(t, s.Slice(at, s.Len()), Options{Measure: Rate})
		for i := range c.UCL {
			want := a.UCL
			j := i
			if i >= at {
				want, j = b.UCL, i-at
			}
			if !close12(c.UCL[i], want[j]) {
				t.Fatalf("point %d", i)
			}
		}
	})
}

// Splitting a phase equals two charts.
func TestLawSplitPhase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 2)
		at := rapid.IntRange(1, s.Len()-1).Draw(t, "at")
		whole, err := Choose(s, Options{Measure: Proportion, PeriodsPerYear: 12}, Plan{Phases: []Phase{{From: at}}})
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Measure: Proportion, PeriodsPerYear: 12}
		a, b := drawChart(t, s.Slice(0, at), o), drawChart(t, s.Slice(at, s.Len()), o)
		if diff := cmp.Diff(append(slices.Clone(a.Rules), b.Rules...), whole.Rules); diff != "" {
			t.Fatal(diff)
		}
		for i, v := range append(slices.Clone(a.LCL), b.LCL...) {
			if !close12(v, whole.LCL[i]) {
				t.Fatalf("point %d", i)
			}
		}
	})
}

// A new period changes no limit and no 3-sigma signal of the periods before it
// once the baseline is full: charting anew equals charting on.
func TestLawNewPeriodChangesNothingBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 40)
		for i := range 26 {
			s.States[i] = StateValue
		}
		cut := rapid.IntRange(26, s.Len()).Draw(t, "cut")
		whole, before := drawChart(t, s, Options{Measure: Rate}), drawChart(t, s.Slice(0, cut), Options{Measure: Rate})
		for i := range cut {
			if !close12(whole.UCL[i], before.UCL[i]) || !close12(whole.Centre[i], before.Centre[i]) || whole.SigmaSignal[i] != before.SigmaSignal[i] {
				t.Fatalf("point %d", i)
			}
		}
	})
}

func FuzzChoose(f *testing.F) {
	f.Add(uint8(1), uint8(0), 3.0, 4.0, -1.0, uint8(1))
	f.Add(uint8(3), uint8(3), math.NaN(), math.Inf(1), 1e308, uint8(1))
	f.Add(uint8(2), uint8(0), 0.0, 0.0, 1e-300, uint8(2))
	f.Add(uint8(4), uint8(7), 1e149, math.Copysign(0, -1), 5e-324, uint8(1))
	f.Fuzz(func(t *testing.T, measure, kind uint8, a, b, c float64, state uint8) {
		s := Series{}
		for i := range 30 {
			v := []float64{a, b, c}
			s.Num = append(s.Num, v[i%3])
			s.Den = append(s.Den, v[(i+1+i/7)%3])
			s.States = append(s.States, StateValue)
		}
		s.States[4] = State(state)
		for _, value := range [][]float64{nil, s.Num} {
			s.Value = value
			out, err := Choose(s, Options{Measure: Measure(measure), Kind: Kind(kind)}, Plan{Phases: []Phase{{From: 3}, {From: 17}}})
			if err != nil {
				continue
			}
			for i := range out.Value {
				if math.IsNaN(out.Value[i]) && out.State[i].Drawn() {
					t.Fatalf("point %d is drawn without a value", i)
				}
			}
			for _, p := range out.Parts {
				if p.Limits != LimitsNone && math.IsNaN(p.Centre) {
					t.Fatalf("limits without a centre: %+v", p)
				}
				if p.Why() == "" {
					t.Fatal("no reason")
				}
			}
		}
	})
}
