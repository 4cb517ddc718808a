package funnel

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"larstrom/pipeline/spc"
)

func units(num, den []float64) Input {
	in := Input{Num: num, Den: den, States: make([]spc.State, len(num))}
	for i := range in.States {
		in.States[i] = spc.StateValue
	}
	return in
}

func compute(t *testing.T, in Input, o Options) *Funnel {
	t.Helper()
	var f Funnel
	if err := Compute(&f, in, o); err != nil {
		t.Fatal(err)
	}
	return &f
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > tol*max(1, math.Abs(want)) {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

// TestTau2ByHand: ten units of 100, five with 40 and five with 60. p = .5,
// s² = .0025, every z is 2 in size: Q = 40. W1 = 4000, W2/W1 = 400, so on the
// value scale (40 - 9)/3600 = 31/3600, and on the logit scale that over .25².
func TestTau2ByHand(t *testing.T) {
	in := units([]float64{40, 60, 40, 60, 40, 60, 40, 60, 40, 60}, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100})
	f := compute(t, in, Options{Together: true, Measure: Proportion, Winsor: -1, Multiplier: 100, Limits: Normal})
	near(t, "phi", f.Phi, 4, 1e-12)
	near(t, "tau2", f.Tau2, 31/3600.0/0.0625, 1e-12)
	near(t, "centre", f.Centre, 50, 1e-12)
	if f.Source != SourceOwn || f.Units != 10 {
		t.Errorf("source %s of %d units", f.Source, f.Units)
	}
	// Limit: sampling 1.96 × .05 and between units expit(1.96 tau) - .5.
	tau := math.Sqrt(f.Tau2)
	b := 1/(1+math.Exp(-z95*tau)) - 0.5
	near(t, "ucl95", f.UCL95[0], 100*(0.5+math.Hypot(z95*0.05, b)), 1e-12)
	near(t, "lcl95", f.LCL95[0], 100*(0.5-math.Hypot(z95*0.05, b)), 1e-12)
	// Rates: 40 and 60 per 1, target 50, s² = 50, z² = 2, Q = 20; W1 = .2,
	// W2/W1 = .02: (20-9)/.18; log scale over 50².
	for i := range in.Den {
		in.Den[i] = 1
	}
	f = compute(t, in, Options{Together: true, Measure: Rate, Winsor: -1})
	near(t, "tau2 of rates", f.Tau2, 11/0.18/2500, 1e-12)
}

// TestUnadjustedLimits recomputes the interpolated quantiles by summing the
// binomial mass.
func TestUnadjustedLimits(t *testing.T) {
	num, den := make([]float64, 30), make([]float64, 30)
	for i := range num {
		den[i] = float64(20 + 13*i)
		num[i] = math.Round(0.3 * den[i])
	}
	target := 0.3
	f := compute(t, units(num, den), Options{Measure: Proportion, Target: &target})
	if f.Tau2 != 0 || f.Source != SourceOwn {
		t.Fatalf("units alike: tau2 %v from %s", f.Tau2, f.Source)
	}
	quantile := func(n int, q float64) float64 {
		term, total := math.Pow(1-target, float64(n)), 0.0
		for k := 0; ; k++ {
			total += term
			if total >= q {
				return (float64(k) - (total-q)/term) / float64(n)
			}
			term *= float64(n-k) / float64(k+1) * target / (1 - target)
		}
	}
	for i, n := range den {
		near(t, "lcl998", f.LCL998[i], max(0, quantile(int(n), 0.001)), 1e-10)
		near(t, "lcl95", f.LCL95[i], quantile(int(n), 0.025), 1e-10)
		near(t, "ucl95", f.UCL95[i], quantile(int(n), 0.975), 1e-10)
		near(t, "ucl998", f.UCL998[i], quantile(int(n), 0.999), 1e-10)
		if f.Outlier[i] != 0 {
			t.Errorf("unit %d is no outlier", i)
		}
	}
}

// TestNoSignalPossible: with p = .95 and 15 of 15 the interpolated upper limit
// lies below 1 and would flag 46 % of units in control; here it is said that no
// high signal is possible, and the limit is 1.
func TestNoSignalPossible(t *testing.T) {
	target := 0.95
	in := units([]float64{15, 200, 2}, []float64{15, 200, 15})
	f := compute(t, in, Options{Measure: Proportion, Target: &target})
	if BinomialLimit(0.999, 15, target) >= 1 {
		t.Fatal("the premise is gone")
	}
	if _, high := f.LimitsAt(15, 0.001, Options{Measure: Proportion, Target: &target}); high != 1 || f.UCL998[0] != 1 {
		t.Errorf("ucl998 = %v, drawn at %v", f.UCL998[0], high)
	}
	if f.Outlier[0] != 0 || !f.NoHigh[0] || f.NoLow[0] {
		t.Errorf("15 of 15: outlier %d, no high %v, no low %v", f.Outlier[0], f.NoHigh[0], f.NoLow[0])
	}
	// .95^200 / 2 = 1.75e-5: all of 200 is one.
	if f.Outlier[1] != 1 || f.NoHigh[1] {
		t.Errorf("200 of 200: outlier %d", f.Outlier[1])
	}
	if f.Outlier[2] != -1 {
		t.Errorf("2 of 15: outlier %d", f.Outlier[2])
	}
}

func TestFewUnits(t *testing.T) {
	in := units([]float64{40, 60, 40, 60, 40, 60}, []float64{100, 100, 100, 100, 100, 100})
	f := compute(t, in, Options{Measure: Proportion})
	if f.Tau2 != 0 || f.Source != SourceNone || !strings.Contains(f.Why(), "too few") {
		t.Errorf("tau2 %v from %s: %s", f.Tau2, f.Source, f.Why())
	}
	if !(f.Phi > 1) {
		t.Errorf("phi %v is reported all the same", f.Phi)
	}
	previous := 0.1
	f = compute(t, in, Options{Measure: Proportion, PreviousTau2: &previous})
	if f.Tau2 != 0.1 || f.Source != SourcePrevious || !strings.Contains(f.Why(), "previous") {
		t.Errorf("tau2 %v from %s: %s", f.Tau2, f.Source, f.Why())
	}
}

func TestStates(t *testing.T) {
	base := units([]float64{40, 60, 40, 60, 40, 60, 40, 60, 40, 60, 45}, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100})
	want := compute(t, base, Options{Measure: Proportion})
	for st := spc.StatePreliminary; st <= spc.StateNotApplicable; st++ {
		in := units(append([]float64{100}, base.Num...), append([]float64{100}, base.Den...))
		in.States[0] = st
		f := compute(t, in, Options{Measure: Proportion})
		if f.Units != 11 || f.Outlier[0] != 0 || math.IsNaN(f.Value[0]) == st.Drawn() || math.IsNaN(f.UCL998[0]) == st.Drawn() {
			t.Errorf("%s: %d units, outlier %d, value %v", st, f.Units, f.Outlier[0], f.Value[0])
		}
		if diff := cmp.Diff(want.UCL998, f.UCL998[1:]); diff != "" {
			t.Errorf("%s changed the others: %s", st, diff)
		}
	}
	in := units([]float64{0, 5}, []float64{0, 10})
	if f := compute(t, in, Options{Measure: Proportion}); f.State[0] != spc.StateNoEligible || f.Units != 1 || in.States[0] != spc.StateValue {
		t.Errorf("0 of 0 is %s", f.State[0])
	}
}

func TestNothingToCompare(t *testing.T) {
	for name, in := range map[string]Input{
		"no units": {}, "no events": units([]float64{0, 0}, []float64{5, 9}), "only events": units([]float64{5, 9}, []float64{5, 9}),
	} {
		f := compute(t, in, Options{Measure: Proportion})
		if f.Tau2 != 0 || f.Source != SourceNone || !strings.HasPrefix(f.Why(), "No limits") {
			t.Errorf("%s: %s", name, f.Why())
		}
	}
}

func TestRiskModelInDoubt(t *testing.T) {
	f := compute(t, units([]float64{30, 25}, []float64{20, 20}), Options{Measure: Ratio})
	if f.Centre != 1 || !f.ModelDoubt || f.PooledRatio != 55.0/40 || !strings.Contains(f.Why(), "risk model") {
		t.Errorf("%+v", f)
	}
	f = compute(t, units([]float64{20, 21}, []float64{20, 20}), Options{Measure: Ratio})
	if f.ModelDoubt {
		t.Error("1.025 times the expected is no doubt")
	}
}

func TestErrors(t *testing.T) {
	nan := math.NaN()
	two := 2.0
	for name, tc := range map[string]struct {
		in   Input
		o    Options
		want error
	}{
		"measure":    {units(nil, nil), Options{}, ErrOptions},
		"target":     {units(nil, nil), Options{Measure: Proportion, Target: &two}, ErrOptions},
		"winsor":     {units(nil, nil), Options{Measure: Rate, Winsor: 0.5}, ErrOptions},
		"previous":   {units(nil, nil), Options{Measure: Rate, PreviousTau2: &nan}, ErrOptions},
		"shape":      {Input{Num: []float64{1}}, Options{Measure: Rate}, ErrUnit},
		"over":       {units([]float64{3}, []float64{2}), Options{Measure: Proportion}, ErrUnit},
		"nan":        {units([]float64{nan}, []float64{2}), Options{Measure: Rate}, ErrUnit},
		"negative":   {units([]float64{-1}, []float64{2}), Options{Measure: Rate}, ErrUnit},
		"zero":       {units([]float64{1}, []float64{0}), Options{Measure: Rate}, ErrUnit},
		"state":      {Input{Num: []float64{1}, Den: []float64{1}, States: []spc.State{0}}, Options{Measure: Rate}, spc.ErrState},
		"state, too": {Input{Num: []float64{1}, Den: []float64{1}, States: []spc.State{0}}, Options{Measure: Rate}, ErrUnit},
	} {
		var f Funnel
		if err := Compute(&f, tc.in, tc.o); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var f Funnel
	var at *UnitError
	if err := Compute(&f, units([]float64{1, 3}, []float64{2, 2}), Options{Measure: Proportion}); !errors.As(err, &at) || at.Unit != 1 {
		t.Errorf("%v", err)
	}
}

// TestWinsorisedVariance compares the correction with simulation.
func TestWinsorisedVariance(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i, n := range []int{10, 15, 30, 100, 199, 500, 10, 15, 30, 100, 199, 500} {
		how := Outliers(i / 6)
		var z table
		total := 0.0
		const reps = 4000
		for range reps {
			z.z = z.z[:0]
			for range n {
				z.z = append(z.z, r.NormFloat64())
			}
			z.arrange(0.1)
			total += z.square(n, 0, 0.1, how)
		}
		got, want := trimmedVariance(n, 0.1, how), total/reps
		tol := 0.015
		if n == 10 {
			tol = 0.03
		}
		if how == Truncate {
			tol *= 2 // what is left is smaller and noisier
		}
		if math.Abs(got/want-1) > tol {
			t.Errorf("n = %d, %d: %.4f, simulated %.4f", n, how, got, want)
		}
	}
}

// TestLawSquareWithoutOne: the windows of a table give, for each value left out,
// what sorting the others and winsorising or truncating them gives; with ties, and
// with one value that is nearly all of the sum.
func TestLawSquareWithoutOne(t *testing.T) {
	// The seventh is the first of the upper window and most of what lies between.
	squareWithoutOne(t, []float64{-2.067, -0.928, -0.928, -0.928, -0.928, -0.0427, 0.7669, 0.768, 0.8618, 0.8618}, 0.1, Winsorise)
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.OneOf(rapid.SampledFrom([]float64{-1000, -40, -1, -0.5, 0, 0.5, 1, 40, 1000}), rapid.Float64Range(-3, 3))
		values := rapid.SliceOfN(one, 2, rapid.SampledFrom([]int{6, 14, 60}).Draw(t, "most")).Draw(t, "z")
		squareWithoutOne(t, values, rapid.SampledFrom([]float64{-1, 0.02, 0.1, 0.25, 0.45}).Draw(t, "w"), Outliers(rapid.IntRange(0, 1).Draw(t, "how")))
	})
}

func squareWithoutOne(t rapid.TB, values []float64, w float64, how Outliers) {
	t.Helper()
	for i := -1; i < len(values); i++ {
		var z table
		z.z = append(z.z, values...)
		z.arrange(w)
		at, own, rest := len(values), 0.0, append([]float64(nil), values...)
		if i >= 0 {
			own = values[i]
			at, rest = z.find(own), append(rest[:i], rest[i+1:]...)
		}
		slices.Sort(rest)
		n := len(rest)
		quantile := func(q float64) float64 {
			h := q * float64(n-1)
			k := min(int(h), n-1)
			return rest[k] + (h-float64(k))*(rest[min(k+1, n-1)]-rest[k])
		}
		sum, kept := 0.0, float64(n)
		for k, v := range rest {
			switch cut := int(w * float64(n)); {
			case w > 0 && how == Winsorise:
				v = min(max(v, quantile(w)), quantile(1-w))
			case w > 0 && (k < cut || k >= n-cut):
				kept--
				continue
			}
			sum += v * v
		}
		if got, want := z.square(at, own, w, how), sum/kept; math.Abs(got-want) > 1e-9*max(1, want) {
			t.Fatalf("without %d: %v, want %v", i, got, want)
		}
	}
}

func drawUnits(t *rapid.T) Input {
	n := rapid.IntRange(0, 60).Draw(t, "units")
	in := Input{Num: make([]float64, n), Den: make([]float64, n), States: make([]spc.State, n)}
	for i := range n {
		den := rapid.IntRange(0, 2000).Draw(t, "den")
		in.Den[i], in.Num[i] = float64(den), float64(rapid.IntRange(0, den).Draw(t, "num"))
		in.States[i] = spc.StateValue
		if rapid.IntRange(0, 4).Draw(t, "gap") == 0 {
			in.States[i] = spc.State(rapid.IntRange(1, 8).Draw(t, "state"))
		}
	}
	return in
}

func TestLawPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawUnits(t)
		o := Options{Measure: []Measure{Proportion, Rate, Ratio, CountRatio}[rapid.IntRange(0, 3).Draw(t, "measure")]}
		perm := rapid.Permutation(indices(len(in.Num))).Draw(t, "perm")
		other := Input{Num: make([]float64, len(perm)), Den: make([]float64, len(perm)), States: make([]spc.State, len(perm))}
		for i, p := range perm {
			other.Num[i], other.Den[i], other.States[i] = in.Num[p], in.Den[p], in.States[p]
		}
		var a, b Funnel
		if err := Compute(&a, in, o); err != nil {
			t.Fatal(err)
		}
		if err := Compute(&b, other, o); err != nil {
			t.Fatal(err)
		}
		for i, p := range perm {
			if b.Outlier[i] != a.Outlier[p] || !cmp.Equal(b.UCL998[i], a.UCL998[p], cmpopts.EquateApprox(1e-9, 1e-12), cmpopts.EquateNaNs()) {
				t.Fatalf("unit %d: %v and %v", p, a.UCL998[p], b.UCL998[i])
			}
		}
	})
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// Limits enclose the centre, stay in range, nest, and are never inside the
// exact ones; no outlier lies inside.
func TestLawLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawUnits(t)
		m := Measure(rapid.IntRange(1, 3).Draw(t, "measure"))
		together := rapid.Bool().Draw(t, "together")
		var f, plain Funnel
		if err := Compute(&f, in, Options{Measure: m, Together: together}); err != nil {
			t.Fatal(err)
		}
		if err := Compute(&plain, in, Options{Measure: m, Together: together, Overdispersion: Unadjusted}); err != nil {
			t.Fatal(err)
		}
		for i := range f.Value {
			if math.IsNaN(f.UCL998[i]) {
				continue
			}
			l, c, u := f.LCL998[i], f.Centre, f.UCL998[i]
			if !together {
				c = (f.LCL95[i] + f.UCL95[i]) / 2 // its target is that of the others
			}
			if !(0 <= l && l <= f.LCL95[i] && f.LCL95[i] <= c && c <= f.UCL95[i] && f.UCL95[i] <= u) || m == Proportion && u > 1 {
				t.Fatalf("unit %d: %v %v %v %v %v", i, l, f.LCL95[i], c, f.UCL95[i], u)
			}
			if u < plain.UCL998[i]-1e-12 || l > plain.LCL998[i]+1e-12 {
				t.Fatalf("unit %d: overdispersed limits inside the exact ones", i)
			}
			if f.Outlier[i] != 0 && (in.States[i] != spc.StateValue || f.Outlier[i] > 0 && f.Value[i] < c || f.Outlier[i] < 0 && f.Value[i] > c) {
				t.Fatalf("unit %d: outlier %d at %v", i, f.Outlier[i], f.Value[i])
			}
			if f.Outlier[i] != 0 && plain.Outlier[i] == 0 {
				t.Fatalf("unit %d is an outlier only with the wider limits", i)
			}
			if f.Outlier[i] < 0 && f.NoLow[i] || f.Outlier[i] > 0 && f.NoHigh[i] {
				t.Fatalf("unit %d is an outlier where none is possible", i)
			}
		}
	})
}

// Between units of one size the normal limits widen as n falls.
func TestLawNormalLimitsWiden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawUnits(t)
		var f Funnel
		if err := Compute(&f, in, Options{Together: true, Measure: Rate, Limits: Normal}); err != nil {
			t.Fatal(err)
		}
		for i := range f.Value {
			for j := range i {
				if f.Denominator[i] < f.Denominator[j] && (f.UCL998[i] < f.UCL998[j] || f.LCL998[i] > f.LCL998[j]) {
					t.Fatalf("%v and %v", f.Denominator[i], f.Denominator[j])
				}
			}
		}
	})
}

func FuzzCompute(f *testing.F) {
	f.Add(uint8(1), 3.0, 4.0, 1.0, 0.5, uint8(1))
	f.Add(uint8(3), math.NaN(), math.Inf(1), 1e308, -1.0, uint8(0))
	f.Add(uint8(2), 0.0, 0.0, 1e-300, 0.1, uint8(2))
	f.Add(uint8(4), 1.0, 1e-12, -5.0, -1.0, uint8(1))
	f.Add(uint8(5), 3.0, 0.0, 1e12, 0.49, uint8(1))
	f.Add(uint8(1), 1.0, 2.0, 1e12, 0.0, uint8(1))
	f.Fuzz(func(t *testing.T, measure uint8, a, b, c, w float64, state uint8) {
		var in Input
		for i := range 13 {
			v := []float64{a, b, c}
			in.Num = append(in.Num, v[i%3])
			in.Den = append(in.Den, v[(i+1+i/5)%3])
			in.States = append(in.States, spc.StateValue)
		}
		in.Value, in.SE = in.Num, in.Den
		in.States[4] = spc.State(state)
		for _, in := range []Input{in, {}} {
			for k := range uint8(12) {
				o := Options{
					Measure: Measure(measure), Winsor: w, Limits: LimitMethod(k % 2), Outliers: Outliers(k / 2 % 2),
					Overdispersion: Overdispersion(k % 3), Together: k%4 != 3,
				}
				if k%5 == 4 {
					o.Target, o.PreviousTau2, o.Multiplier = &a, &b, c
				}
				var out Funnel
				if Compute(&out, in, o) != nil {
					continue
				}
				if out.Why() == "" {
					t.Fatal("no reason")
				}
				for i, st := range out.State {
					if st != spc.StateValue && out.Outlier[i] != 0 {
						t.Fatalf("unit %d in state %s is an outlier", i, st)
					}
				}
				low, high := out.LimitsAt(a, b, o)
				if low > high {
					t.Fatalf("limits %v..%v", low, high)
				}
				out.LimitsAt(12, w, o)
			}
		}
	})
}

func TestDoesNotAllocate(t *testing.T) {
	for _, m := range []Measure{Proportion, Rate, Ratio, Mean, CountRatio} {
		d := design{m, 300, 0.1, 50, 2000, 0.3, false}
		in := d.draw(rand.New(rand.NewPCG(3, 4)))
		for _, o := range []Options{{}, {Limits: Normal}, {Outliers: Truncate}, {Overdispersion: Multiplicative}} {
			o.Measure = m
			f := compute(t, in, o)
			if got := testing.AllocsPerRun(5, func() {
				if err := Compute(f, in, o); err != nil {
					t.Fatal(err)
				}
			}); got > 0 {
				t.Errorf("%s: %v allocations for a second funnel", m, got)
			}
		}
	}
}

// TestMultiplicative: phi 4 doubles the width of the sampling limits.
func TestMultiplicative(t *testing.T) {
	in := units([]float64{40, 60, 40, 60, 40, 60, 40, 60, 40, 60}, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100})
	f := compute(t, in, Options{Together: true, Measure: Proportion, Winsor: -1, Limits: Normal, Overdispersion: Multiplicative})
	near(t, "ucl998", f.UCL998[0], 0.5+z998*0.1, 1e-12)
	if f.Source != SourcePhi || f.Tau2 != 0 || !strings.Contains(f.Why(), "phi") {
		t.Errorf("%s %v: %s", f.Source, f.Tau2, f.Why())
	}
}

// TestLeaveOneOut: with an extreme unit among few, the others' target and limits
// judge it, not its own.
func TestLeaveOneOut(t *testing.T) {
	num, den := make([]float64, 12), make([]float64, 12)
	for i := range num {
		den[i], num[i] = 200, []float64{38, 42}[i%2]
	}
	num[0] = 90
	in := units(num, den)
	all := compute(t, in, Options{Measure: Proportion})
	out := compute(t, in, Options{Measure: Proportion})
	var others Funnel
	rest := units(append([]float64(nil), num[1:]...), den[1:])
	if err := Compute(&others, rest, Options{Measure: Proportion, Together: true}); err != nil {
		t.Fatal(err)
	}
	near(t, "limit of the unit from the others", out.UCL998[0], others.UCL998[0], 1e-12)
	if out.Centre != all.Centre || out.Tau2 != all.Tau2 || out.Units != 12 {
		t.Error("what is reported is that of all units")
	}
	if out.Outlier[0] != 1 {
		t.Error("not found")
	}
}

// TestNothingToBeJudgedBy: a unit alone has no limits of its own making, unless it
// asks for them or a target is given; where the others have no events they count as
// with half of one, so that 30 of 100 beside nothing is found and 1 of 100 is not.
func TestNothingToBeJudgedBy(t *testing.T) {
	in, target := units([]float64{30}, []float64{100}), 0.2
	alone := compute(t, in, Options{Measure: Proportion})
	if !math.IsNaN(alone.UCL998[0]) || alone.Centre != 0.3 || !strings.Contains(alone.Why(), "no others") {
		t.Errorf("%v: %s", alone.UCL998, alone.Why())
	}
	for name, o := range map[string]Options{"together": {Measure: Proportion, Together: true}, "target": {Measure: Proportion, Target: &target}} {
		if f := compute(t, in, o); math.IsNaN(f.UCL998[0]) {
			t.Errorf("%s: %s", name, f.Why())
		}
	}
	f := compute(t, units([]float64{30, 0, 0}, []float64{100, 100, 100}), Options{Measure: Proportion})
	if f.Outlier[0] != 1 || f.Outlier[1] != -1 || strings.Contains(f.Why(), "No limits") {
		t.Errorf("%v %v: %s", f.UCL998, f.Outlier, f.Why())
	}
	// The others: half an event in 201, so the limit is that of 100 at 1/402.
	near(t, "limit", f.UCL998[0], BinomialLimit(0.999, 100, 0.5/201), 1e-12)
	one := units([]float64{1, 0, 0}, []float64{100, 100, 100})
	for _, m := range []Measure{Proportion, Rate} {
		if f := compute(t, one, Options{Measure: m}); f.Outlier[0] != 0 || math.IsNaN(f.UCL998[0]) {
			t.Errorf("%s: 1 of 100 beside nothing: %v %v", m, f.UCL998, f.Outlier)
		}
	}
	f = compute(t, units([]float64{70, 100, 100}, []float64{100, 100, 100}), Options{Measure: Proportion})
	if f.Outlier[0] != -1 {
		t.Errorf("70 of 100 beside all: %v", f.Outlier)
	}
}

// A unit that is left out cannot move its own limits beyond the rounding of sums,
// whatever its value.
func TestLawLeaveOneOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawUnits(t)
		if len(in.Num) < 3 {
			return
		}
		k := rapid.IntRange(0, len(in.Num)-1).Draw(t, "unit")
		in.States[k] = spc.StateValue
		in.Den[k]++
		other := in
		other.Num = append([]float64(nil), in.Num...)
		other.Num[k] = float64(rapid.IntRange(0, int(in.Den[k])).Draw(t, "num"))
		var a, b Funnel
		o := Options{Measure: Proportion}
		if err := Compute(&a, in, o); err != nil {
			t.Fatal(err)
		}
		if err := Compute(&b, other, o); err != nil {
			t.Fatal(err)
		}
		if !(math.IsNaN(a.UCL998[k]) || math.IsNaN(b.UCL998[k])) && math.Abs(a.UCL998[k]-b.UCL998[k]) > 1e-9 {
			t.Fatalf("%v and %v", a.UCL998[k], b.UCL998[k])
		}
	})
}

func TestLimitsAt(t *testing.T) {
	d := design{Proportion, 60, 0.1, 50, 2000, 0.3, false}
	in := d.draw(rand.New(rand.NewPCG(3, 4)))
	o := Options{Together: true, Measure: Proportion, Multiplier: 100}
	f := compute(t, in, o)
	for i, n := range f.Denominator {
		low, high := f.LimitsAt(n, 0.001, o)
		near(t, "low", low, f.LCL998[i], 1e-9)
		near(t, "high", high, f.UCL998[i], 1e-9)
		if l, h := f.LimitsAt(n, 0.01, o); l < low || h > high {
			t.Errorf("98 %% limits %v..%v outside 99.8 %% ones", l, h)
		}
	}
	if low, _ := f.LimitsAt(0, 0.001, o); !math.IsNaN(low) {
		t.Error("no units have no limits")
	}
}

// TestMeansByHand: ten means of 1 and 3 with standard error 1/2: target 2, z = ∓2,
// Q = 40; W1 = 40, W2/W1 = 4: tau² = (40-9)/36.
func TestMeansByHand(t *testing.T) {
	in := Input{}
	for i := range 10 {
		in.Value, in.SE = append(in.Value, []float64{1, 3}[i%2]), append(in.SE, 0.5)
		in.States = append(in.States, spc.StateValue)
	}
	f := compute(t, in, Options{Together: true, Measure: Mean, Winsor: -1, Multiplier: 10})
	near(t, "centre", f.Centre, 20, 1e-12)
	near(t, "tau2", f.Tau2, 31/36.0, 1e-12)
	near(t, "lcl", f.LCL998[0], 10*(2-z998*math.Sqrt(0.25+31/36.0)), 1e-12)
	if f.LCL998[0] >= 0 || f.NoLow[0] || f.NoHigh[0] || !math.IsNaN(f.Denominator[0]) {
		t.Errorf("%+v", f)
	}
	low, _ := f.LimitsAt(4, 0.001, Options{Together: true, Measure: Mean, Multiplier: 10})
	near(t, "limit at", low, f.LCL998[0], 1e-9)
	// An extreme mean among equal ones.
	for i := range in.Value {
		in.Value[i] = 2 + 0.1*float64(i%3-1)
	}
	in.Value[4] = 9
	in.Den = make([]float64, 10)
	f = compute(t, in, Options{Together: true, Measure: Mean})
	if f.Outlier[4] != 1 || f.Outlier[0] != 0 || f.Denominator[0] != 0 || !strings.HasPrefix(f.Why(), "Normal") {
		t.Errorf("%v: %s", f.Outlier, f.Why())
	}
	in.SE[3] = 0
	var bad Funnel
	if err := Compute(&bad, in, Options{Together: true, Measure: Mean}); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
	if err := Compute(&bad, Input{States: in.States}, Options{Together: true, Measure: Mean}); !errors.Is(err, ErrUnit) {
		t.Errorf("%v", err)
	}
}
