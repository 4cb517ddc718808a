package spc

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
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

// Adding a missing value anywhere changes no signal where limits rest on the
// values alone; and after the baseline nowhere.
func TestLawMissingInsideChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSeries(t, 1)
		kinds := []struct {
			m Measure
			k Kind
		}{{Proportion, P}, {Proportion, NP}, {Rate, U}, {Count, C}, {Proportion, Run}, {CasesBetween, G}, {Mean, Xbar}, {Mean, S}}
		kind := kinds[rapid.IntRange(0, len(kinds)-1).Draw(t, "kind")]
		s.Value, s.SD = s.Num, s.Num
		o := Options{Measure: kind.m, Kind: kind.k}
		for i := range s.Den {
			s.Den[i]++ // two cases or more
		}
		a := drawChart(t, s, o)
		insert := func(at int) Series {
			return Series{
				Num: slices.Insert(slices.Clone(s.Num), at, 1e9), Den: slices.Insert(slices.Clone(s.Den), at, 0),
				Value: slices.Insert(slices.Clone(s.Value), at, -5), SD: slices.Insert(slices.Clone(s.SD), at, -1),
				States: slices.Insert(slices.Clone(s.States), at, StateMissing),
			}
		}
		at := rapid.IntRange(0, s.Len()).Draw(t, "at")
		b := drawChart(t, insert(at), o)
		if diff := cmp.Diff(a.Rules, slices.Delete(slices.Clone(b.Rules), at, at+1)); diff != "" || b.Rules[at] != 0 {
			t.Fatalf("%s: %s", kind.k, diff)
		}
		// Of the other charts, behind a full baseline.
		if p := a.Parts[0]; p.BaselinePoints == 24 {
			o := Options{Measure: []Measure{Proportion, Rate, Mean}[rapid.IntRange(0, 2).Draw(t, "measure")]}
			at := rapid.IntRange(p.BaselineTo+1, s.Len()).Draw(t, "behind")
			a, b := drawChart(t, s, o), drawChart(t, insert(at), o)
			if diff := cmp.Diff(a.Rules, slices.Delete(slices.Clone(b.Rules), at, at+1)); diff != "" {
				t.Fatalf("%s: %s", o.Measure, diff)
			}
		}
	})
}

// The order of the series in a batch changes none of them.
func TestLawPermutedSeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawSeries(t, 1), drawSeries(t, 1)
		join := func(x, y Series) (Series, []int) {
			return Series{Num: append(slices.Clone(x.Num), y.Num...), Den: append(slices.Clone(x.Den), y.Den...), States: append(slices.Clone(x.States), y.States...)},
				[]int{0, x.Len(), x.Len() + y.Len()}
		}
		o := Options{Measure: Rate, PeriodsPerYear: 12}
		var one, other Charts
		s, starts := join(a, b)
		if err := Batch(&one, s, starts, o, nil); err != nil {
			t.Fatal(err)
		}
		s, starts = join(b, a)
		if err := Batch(&other, s, starts, o, nil); err != nil {
			t.Fatal(err)
		}
		opts := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Part{}, "Series"), cmpopts.IgnoreFields(Signal{}, "Series"), cmpopts.IgnoreUnexported(Chart{})}
		for k := range 2 {
			if diff := cmp.Diff(one.At(k), other.At(1-k), opts); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

// Outward-rounded limits of rates, of cases between events, and of counts that
// vary more than chance hold at least the probability of 3 sigma.
func TestLawOtherExactLimitsCover(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mu := rapid.Float64Range(0.001, 500).Draw(t, "mu")
		const most = exactTail * (1 + 1e-9)
		low, high := exactLimits(Rate, 1, mu, 0)
		if PoissonCDF(int(low)-1, mu) > most || 1-PoissonCDF(int(high), mu) > most {
			t.Fatalf("mean %v: %v..%v", mu, low, high)
		}
		low, high = geometricQuantile(exactTail, mu), geometricQuantile(1-exactTail, mu)
		none := math.Log(mu / (1 + mu))
		if -math.Expm1(low*none) > exactTail*(1+1e-6) || math.Exp((high+1)*none) > exactTail*(1+1e-6) {
			t.Fatalf("mean %v: cases %v..%v", mu, low, high)
		}
		rho := rapid.Float64Range(0.001, 2).Draw(t, "rho")
		low, high, _ = dispersedLimits(Rate, 1, mu, 1, rho)
		shape := 1 / rho
		mass := func(k float64) float64 {
			return math.Exp(lgamma(k+shape) - lgamma(shape) - lgamma(k+1) - shape*math.Log1p(mu/shape) - k*math.Log1p(shape/mu))
		}
		below, within := 0.0, 0.0
		for k := 0.0; k <= high; k++ {
			if k < low {
				below += mass(k)
			} else {
				within += mass(k)
			}
		}
		if below > exactTail*(1+1e-6) || 1-below-within > exactTail*(1+1e-6) {
			t.Fatalf("mean %v, rho %v: %v below %v, %v above %v", mu, rho, below, low, 1-below-within, high)
		}
	})
}

func lgamma(x float64) float64 { v, _ := math.Lgamma(x); return v }

func FuzzChoose(f *testing.F) {
	f.Add(uint8(1), uint8(0), 3.0, 4.0, -1.0, uint8(1))
	f.Add(uint8(3), uint8(3), math.NaN(), math.Inf(1), 1e308, uint8(1))
	f.Add(uint8(2), uint8(0), 0.0, 0.0, 1e-300, uint8(2))
	f.Add(uint8(4), uint8(7), 1e149, math.Copysign(0, -1), 5e-324, uint8(1))
	f.Add(uint8(3), uint8(14), 4.0, 5.0, 6.0, uint8(1))    // R
	f.Add(uint8(3), uint8(15), 4.0, -5.0, 6.0, uint8(3))   // MR
	f.Add(uint8(1), uint8(16), 4.0, 5.0, 6.0, uint8(1))    // NP
	f.Add(uint8(5), uint8(0), 4.0, 0.0, 1e9, uint8(6))     // T
	f.Add(uint8(6), uint8(10), 40.0, 0.0, 7.0, uint8(1))   // G
	f.Add(uint8(3), uint8(12), 1e75, 2.0, 1e-75, uint8(8)) // Xbar
	f.Fuzz(func(t *testing.T, measure, kind uint8, a, b, c float64, state uint8) {
		s := Series{}
		for i := range 30 {
			v := []float64{a, b, c}
			s.Num = append(s.Num, v[i%3])
			s.Den = append(s.Den, v[(i+1+i/7)%3])
			s.States = append(s.States, StateValue)
		}
		s.States[4] = State(state)
		for k, value := range [][]float64{nil, s.Num, s.Num} {
			s.Value, s.SD, s.Range = value, s.Num, nil
			if k == 2 {
				s.SD, s.Range = nil, s.Num
			}
			for _, plan := range []Plan{
				{Phases: []Phase{{From: 3}, {From: 17}}}, {Exclude: []int{7, int(state)}}, {Phases: []Phase{{From: 0, Centre: &a, SD: &c}}}, {Phases: []Phase{{From: 0, SD: &b}}},
			} {
				out, err := Choose(s, Options{Measure: Measure(measure), Kind: Kind(kind), PeriodsPerYear: 4, Screening: Screening(k / 2)}, plan)
				if err == nil {
					useChart(t, out, a, b)
				}
			}
		}
		empty, err := Choose(Series{Num: []float64{}, Den: []float64{}, Value: []float64{}, SD: []float64{}, Range: []float64{}}, Options{Measure: Measure(measure), Kind: Kind(kind)}, Plan{})
		if err == nil {
			useChart(t, empty, a, b)
		}
	})
}

// useChart calls all that a chart answers.
func useChart(t *testing.T, out Chart, a, b float64) {
	t.Helper()
	for i := range out.Value {
		if math.IsNaN(out.Value[i]) && out.State[i].Drawn() {
			t.Fatalf("point %d is drawn without a value", i)
		}
		if out.LCL[i] > out.UCL[i] {
			t.Fatalf("point %d: limits %v..%v", i, out.LCL[i], out.UCL[i])
		}
		out.NoLowSignal(i)
		out.NoHighSignal(i)
		out.LimitSE(i)
	}
	for _, p := range out.Parts {
		if p.Limits != LimitsNone && math.IsNaN(p.Centre) {
			t.Fatalf("limits without a centre: %+v", p)
		}
		if p.Why() == "" {
			t.Fatal("no reason")
		}
	}
	signals := out.Detect(1<<ruleCount - 1)
	for _, s := range signals {
		if s.From > s.To || s.From < 0 || s.To >= len(out.Value) {
			t.Fatalf("signal %+v", s)
		}
		out.Members(s)
	}
	out.Latest(signals)
	out.VariationIcon(signals, Up)
	out.AssuranceIcon(a, Down)
	out.Assurance([]Target{{From: 2, Value: b}}, Up)
	out.Propose()
	if e, ok := out.LatestEvidence(); ok && !(e.P >= 0 && e.P <= 1) {
		t.Fatalf("evidence %+v: value %v, centre %v, sd %v, part %+v", e, out.Value[e.Point], out.Centre[e.Point], out.SD[e.Point], out.part(e.Point))
	}
	_, _ = out.EWMA(a, b)
	_, _ = out.EWMA(0.2, 3)
	_, _ = out.CUSUM(a, b, 0)
	_, _ = out.CUSUM(0.5, 5, 2)
	_, _ = out.Sustained(5, 4, Neutral)
	_, _ = SeasonAdjusted(out, 4)
}

func FuzzCumulative(f *testing.F) {
	f.Add(1.0, 0.2, 2.0, 4.0)
	f.Add(math.NaN(), 0.0, 1.0, math.Inf(1))
	f.Add(0.0, 1-1e-16, 1e300, 5e-324)
	f.Add(-1.0, -0.5, math.NaN(), -1.0)
	f.Fuzz(func(t *testing.T, y, p, worse, limit float64) {
		outcome, risk := []float64{y, 0, 1, y, math.NaN()}, []float64{p, p, 0.5, 0.1, p}
		if c, err := RiskAdjusted(outcome, risk, worse, limit); err == nil {
			for i, v := range c.Upper {
				if math.IsInf(v, 0) || math.IsNaN(v) != math.IsNaN(outcome[i]+risk[i]) {
					t.Fatalf("sum %v of %v at risk %v", v, outcome[i], risk[i])
				}
			}
		}
		_, _ = VLAD(outcome, risk)
		_, _ = Bernoulli(outcome, p, worse, limit)
		_, _ = VLAD(nil, nil)
	})
}

func FuzzQuantiles(f *testing.F) {
	f.Add(0.05, 24, 0.5)
	f.Add(0.999, math.MaxInt, 0.3)
	f.Add(0.5, -3, math.NaN())
	f.Add(1e-300, 1_000_000_000, 1e-17)
	f.Add(1-1e-16, 7, 1e300)
	f.Add(0.00135, 0, math.Inf(1))
	f.Fuzz(func(t *testing.T, q float64, n int, p float64) {
		if k, cdf, _ := BinomialQuantileMass(q, n, p); k < -1 || k > max(n, -1) || k >= 0 && math.IsNaN(cdf) {
			t.Fatalf("quantile %d of %d", k, n)
		}
		if k, cdf, _ := PoissonQuantileMass(q, p); k < -1 || k >= 0 && math.IsNaN(cdf) {
			t.Fatalf("quantile %d of mean %v", k, p)
		}
		BinomialCDF(n/2, n, p)
		BinomialPMF(n/3, n, p)
		PoissonCDF(n, p)
		PoissonPMF(n, p)
		FewestCrossings(n)
		LongestRunLimit(n)
		EstimatedFalseAlarmRate(n)
		GuaranteedMultiplier(n, q)
		list, _ := Worklist([]Evidence{{P: q}, {P: p}, {P: 0.001}}, p)
		if len(list) > 3 {
			t.Fatal("more than there were")
		}
	})
}

func FuzzArrange(f *testing.F) {
	f.Add(3, 1, 2, 1.0, 2.0, uint8(3), uint8(0))
	f.Add(3, 3, 2, 1.0, math.NaN(), uint8(3), uint8(1))
	f.Add(math.MinInt, math.MaxInt, 0, -1.0, math.Inf(-1), uint8(1), uint8(1))
	f.Add(5, 5, 5, 0.0, 0.0, uint8(5), uint8(1))
	f.Fuzz(func(t *testing.T, p, q, r int, a, b float64, measure, how uint8) {
		s := Series{Num: []float64{a, b, a}, Den: []float64{b, a, 1}, Value: []float64{a, b, b}, SD: []float64{1, a, b}, States: values(3)}
		out, index, err := Arrange([]int{p, q, r}, s, Measure(measure), Duplicates(how))
		if err == nil && (out.Len() != len(index) || len(out.Value) != len(index)) {
			t.Fatal("columns of other lengths")
		}
	})
}
