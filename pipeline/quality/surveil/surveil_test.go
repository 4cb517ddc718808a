package surveil_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"larstrom/pipeline/quality/night"
	"larstrom/pipeline/quality/surveil"
)

// rational is the probability of y of n under a beta-binomial with whole
// parameters, exactly: C(y+a-1, y) C(n-y+b-1, n-y) / C(n+a+b-1, n).
func rational(y, n, a, b int64) *big.Rat {
	c := func(n, k int64) *big.Int { return new(big.Int).Binomial(n, k) }
	return new(big.Rat).SetFrac(new(big.Int).Mul(c(y+a-1, y), c(n-y+b-1, n-y)), c(n+a+b-1, n))
}

// near compares to a relative precision, however small the numbers are.
func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s: %.17g, want %.17g", what, got, want)
	}
}

func TestBetaBinomialIsExactFarOut(t *testing.T) {
	for _, c := range []struct{ y, n, a, b int64 }{
		{0, 10, 1, 1}, {10, 10, 3, 7}, {60, 90, 30, 360}, {0, 400, 30, 360}, {200, 900, 70, 840}, {3, 900, 30, 360}, {300, 1500, 30, 360}, {1, 60, 2000, 24000},
	} {
		lower, upper := new(big.Rat), new(big.Rat)
		for k := range c.n + 1 {
			p := rational(k, c.n, c.a, c.b)
			if k <= c.y {
				lower.Add(lower, p)
			}
			if k >= c.y {
				upper.Add(upper, p)
			}
		}
		wl, _ := lower.Float64()
		wu, _ := upper.Float64()
		wp, _ := rational(c.y, c.n, c.a, c.b).Float64()
		got := surveil.BetaBinomial(int(c.y), int(c.n), float64(c.a), float64(c.b))
		near(t, "point", got.Point, wp, 1e-8)
		near(t, "lower", got.Lower, wl, 1e-8)
		near(t, "upper", got.Upper, wu, 1e-8)
		near(t, "mid-p", got.MidP(), min(1, 2*min(wl, wu)-wp), 1e-8)
	}
	for _, bad := range []surveil.Tails{surveil.BetaBinomial(-1, 3, 1, 1), surveil.BetaBinomial(4, 3, 1, 1), surveil.BetaBinomial(1, 3, 0, 1), surveil.BetaBinomial(1, 3, 1, math.NaN())} {
		if !math.IsNaN(bad.Point) {
			t.Errorf("an impossible case has %+v", bad)
		}
	}
}

// With endless parameters the beta-binomial is the binomial, and the negative
// binomial without dispersion Poisson's.
func TestLimitsOfTheTails(t *testing.T) {
	for _, y := range []int{0, 3, 20, 55} {
		b := distuv.Binomial{N: 100, P: 0.2}
		got := surveil.BetaBinomial(y, 100, 2e11, 8e11)
		near(t, "binomial point", got.Point, b.Prob(float64(y)), 1e-9)
		near(t, "binomial lower", got.Lower, b.CDF(float64(y)), 1e-9)
		p := distuv.Poisson{Lambda: 20}
		n := surveil.NegativeBinomial(y, 20, 0)
		near(t, "poisson point", n.Point, p.Prob(float64(y)), 1e-9)
		near(t, "poisson lower", n.Lower, p.CDF(float64(y)), 1e-9)
		// Dispersed: the sum of the points is one, the mean and variance those
		// that were asked for.
		var sum, mean, square float64
		for k := range 3000 {
			v := surveil.NegativeBinomial(k, 20, 0.4).Point
			sum += v
			mean += v * float64(k)
			square += v * float64(k*k)
		}
		near(t, "sum", sum, 1, 1e-9)
		near(t, "mean", mean, 20, 1e-9)
		near(t, "variance", square-mean*mean, 20+0.4*400, 1e-9)
	}
	if v := surveil.NegativeBinomial(0, 0, 0.1); v.Point != 1 || v.Lower != 1 {
		t.Errorf("nothing of nothing: %+v", v)
	}
	if v := surveil.NegativeBinomial(2, 0, 0.1); v.Upper != 0 {
		t.Errorf("two of nothing: %+v", v)
	}
}

// What is selected at one rate is selected at every higher one; a smaller
// p-value is never selected less; order does not matter; and what is selected
// passes plain Benjamini-Hochberg over tasks.
// A count ten and a thousand times what is expected has a probability that no
// number holds, and is judged at once.
func TestTailsFarBeyondNumbers(t *testing.T) {
	for _, mean := range []float64{3, 800, 20_000} {
		for _, factor := range []float64{10, 1000} {
			for _, alpha := range []float64{0, 1e-6, 0.001, 0.01} {
				y := int(mean * factor)
				up := surveil.NegativeBinomial(y, mean, alpha)
				if !(up.Upper >= 0 && up.Upper < 1e-6) || !(up.Lower > 0.99) {
					t.Errorf("%d where %v were expected, alpha %v: %+v", y, mean, alpha, up)
				}
				v := surveil.BetaBinomial(y, y+int(24*mean), 1/max(alpha, 1e-10), 24/max(alpha, 1e-10))
				if !(v.MidP() >= 0 && v.MidP() < 1e-4) {
					t.Errorf("%d of %d: %+v", y, y+int(24*mean), v)
				}
			}
		}
	}
}

func TestSelectLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		p, family, task := make([]float64, n), make([]int, n), make([]int, n)
		for i := range n {
			p[i] = math.Pow(10, -rapid.Float64Range(0, 6).Draw(t, "p"))
			family[i], task[i] = rapid.IntRange(0, 2).Draw(t, "family"), i/2
		}
		for i := range 3 { // no number is left out
			family[min(i, n-1)] = min(i, n-1)
		}
		got := surveil.Select(p, family, task, 0.05)
		wider := surveil.Select(p, family, task, 0.2)
		count := 0
		for i := range n {
			if got[i] && !wider[i] {
				t.Fatalf("%v is selected at 0.05 and not at 0.2", p[i])
			}
			if got[i] {
				count++
			}
		}
		for i := range n {
			if got[i] && p[i] > 0.05*float64(count)/float64((n+1)/2) {
				t.Fatalf("%v is selected among %d of %d tasks", p[i], count, (n+1)/2)
			}
		}
		order := rapid.Permutation(index(n)).Draw(t, "order")
		p2, f2, t2 := make([]float64, n), make([]int, n), make([]int, n)
		for to, from := range order {
			p2[to], f2[to], t2[to] = p[from], family[from], task[from]
		}
		again := surveil.Select(p2, f2, t2, 0.05)
		for to, from := range order {
			if again[to] != got[from] {
				t.Fatal("the order matters")
			}
		}
	})
}

func index(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

// Under the null the share of nights with anything selected is at most q, and
// with signals the pooled share of false ones is.
func TestSelectBoundsFalseDiscoveries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const nights, n, q = 3000, 300, 0.1
	any, wrong, all := 0, 0, 0
	for range nights {
		p, family, task := make([]float64, n), make([]int, n), make([]int, n)
		for i := range n {
			p[i], family[i], task[i] = r.Float64(), i%3, i/3
		}
		if slices.Contains(surveil.Select(p, family, task, q), true) {
			any++
		}
		for i := range 10 {
			p[3*i] = 1e-9
		}
		for i, s := range surveil.Select(p, family, task, q) {
			if s {
				all++
				if p[i] != 1e-9 {
					wrong++
				}
			}
		}
	}
	if v := float64(any) / nights; v > q*1.2 {
		t.Errorf("%.3f of null nights have a finding", v)
	}
	if v := float64(wrong) / float64(all); v > q {
		t.Errorf("%.3f of findings are false", v)
	}
	if all < 9*nights {
		t.Errorf("%d of %d true ones were selected", all-wrong, 10*nights)
	}
}

// A small family with a fair p-value does not borrow from the night: what
// passes inside its family must pass over all tasks too. And a family without
// anything of its own does not live on another's findings.
func TestSelectIsHierarchical(t *testing.T) {
	build := func(large, small int, first, of float64) (p []float64, family, task []int) {
		for i := range large {
			p, family, task = append(p, 0.5), append(family, 0), append(task, i)
		}
		p[0] = first
		for i := range small {
			p, family, task = append(p, 0.5), append(family, 1), append(task, large+i)
		}
		p[large] = of
		return p, family, task
	}
	p, family, task := build(100_000, 10, 1e-9, 0.004)
	if got := surveil.Select(p, family, task, 0.05); !got[0] || got[100_000] {
		t.Errorf("large family %v, small family %v", got[0], got[100_000])
	}
	// Twenty findings of one family raise the level of all tasks; the other
	// family's best of 1000 passes that, and not its own.
	p, family, task = build(100, 1000, 1e-9, 2e-4)
	for i := range 20 {
		p[i] = 1e-9
	}
	if got := surveil.Select(p, family, task, 0.05); !got[19] || got[100] {
		t.Errorf("with findings %v, without %v", got[19], got[100])
	}
}

// A window of which a good part cannot be used is not one.
func TestUnknownWindows(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators, c.Median = 30, 1, 50
	tested := func(unknown ...int) (int, int) {
		v := night.New(c, 4)
		for _, back := range unknown {
			v.Panel.Volume[5*v.Panel.Nights+v.Panel.Nights-1-back] = surveil.Unknown
		}
		r, err := surveil.Run(&v.Panel, surveil.Default())
		if err != nil {
			t.Fatal(err)
		}
		return r.Tested["T02"], r.Tested["T03"]
	}
	day, windows := tested()
	if d, w := tested(1, 2, 3); d != day || w != windows-1 {
		t.Errorf("three of the last nights unknown: %d and %d tests, %d and %d without", d, w, day, windows)
	}
	if d, w := tested(0); d != day-1 || w != windows-2 {
		t.Errorf("tonight unknown: %d and %d tests, %d and %d without", d, w, day, windows)
	}
}

// The p-values of clean nights are about as rare as they say, in every family,
// out to the tails that a night looks at.
func TestPValuesAreWhatTheySay(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators = 300, 12
	g := night.NewRegion(c, 3, 4)
	all := map[string][]float64{}
	for k := range 4 {
		v := g.Night(k)
		for f, p := range surveil.Hypotheses(&v.Panel, surveil.Default()) {
			all[f] = append(all[f], p...)
		}
	}
	for f, p := range all {
		for _, level := range []float64{1e-2, 1e-3, 1e-4} {
			n := 0.0
			for _, v := range p {
				if v < level {
					n++
				}
			}
			want := level * float64(len(p))
			if n > 1.6*want+4*math.Sqrt(want)+2 {
				t.Errorf("%s: %.0f of %d p-values are below %v, %.1f should", f, n, len(p), level, want)
			}
			// And they have not lost their force: discreteness and the second
			// look at shares leave at least a fifth of the volumes' tails.
			if f[:2] == "T0" && f != "T05 28" && f != "T06" && n < want/5-4*math.Sqrt(want) {
				t.Errorf("%s: only %.0f of %d p-values are below %v, %.1f should", f, n, len(p), level, want)
			}
		}
	}
}

// The pooled dispersion is that of the generator: 1/30 by day, that divided by
// the nights of a window where days are independent.
func TestDispersionIsFound(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators, c.Median = 400, 1, 30
	v := night.New(c, 9)
	got := surveil.Dispersions(&v.Panel, 0)
	for i, days := range []float64{1, 1, 7, 28} {
		want := 1 / c.K / days
		if got[i] < 0.8*want || got[i] > 1.5*want+0.0005 {
			t.Errorf("over %v days %.5f, want %.5f", days, got[i], want)
		}
	}
}

// The result depends neither on workers nor on the order of series.
func TestOrderOfSeriesDoesNotMatter(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators, c.Median = 60, 3, 40
	v := night.New(c, 2)
	v.Spoil(5, night.Kinds())
	p := &v.Panel
	a, err := surveil.Run(p, surveil.Default())
	if err != nil {
		t.Fatal(err)
	}
	q := *p
	order := rand.New(rand.NewPCG(4, 4)).Perm(p.Series())
	q.Unit, q.Indicator, q.Volume, q.Numerator, q.Missing = nil, nil, nil, nil, nil
	for _, s := range order {
		q.Unit, q.Indicator = append(q.Unit, p.Unit[s]), append(q.Indicator, p.Indicator[s])
		q.Volume = append(q.Volume, p.Volume[s*p.Nights:(s+1)*p.Nights]...)
		q.Numerator = append(q.Numerator, p.Numerator[s*p.Nights:(s+1)*p.Nights]...)
		q.Missing = append(q.Missing, p.Missing[s*p.Nights:(s+1)*p.Nights]...)
	}
	o := surveil.Default()
	o.Workers = 5
	b, err := surveil.Run(&q, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Findings) == 0 || len(a.Findings) != len(b.Findings) || !reflect.DeepEqual(a.Tested, b.Tested) {
		t.Fatalf("%d findings, %d", len(a.Findings), len(b.Findings))
	}
	for i := range a.Findings {
		x, y := a.Findings[i], b.Findings[i]
		x.Series, y.Series = 0, 0
		// Sums in another order may differ in their last bits.
		if math.Abs(x.P-y.P) > 1e-9*x.P || math.Abs(x.Expected-y.Expected) > 1e-9*x.Expected {
			t.Errorf("%+v, %+v", x, y)
		}
		x.P, y.P, x.Expected, y.Expected, x.Observed, y.Observed = 0, 0, 0, 0, 0, 0
		if x != y {
			t.Errorf("%+v, %+v", x, y)
		}
	}
}

// Small and empty panels are judged without a finding, and without a crash.
func TestSmallPanels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nights := rapid.IntRange(1, 60).Draw(t, "nights")
		p := &surveil.Panel{Nights: nights, First: rapid.Int32Range(0, 30000).Draw(t, "first"), Units: []string{"a", "b", "c"}, Indicators: []string{"i", "j"}}
		for u := range rapid.IntRange(0, 3).Draw(t, "units") {
			for i := range 2 {
				p.Unit, p.Indicator = append(p.Unit, int32(u)), append(p.Indicator, int32(i))
				for range nights {
					v := rapid.Int32Range(-1, 9).Draw(t, "volume")
					p.Volume = append(p.Volume, v)
					p.Numerator, p.Missing = append(p.Numerator, min(v, 2)), append(p.Missing, min(v, 1))
				}
			}
		}
		r, err := surveil.Run(p, surveil.Default())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			if math.IsNaN(f.P) || math.IsNaN(f.Observed) || math.IsNaN(f.Expected) || f.Into >= len(r.Findings) {
				t.Fatalf("%+v", f)
			}
		}
	})
}

func TestValidate(t *testing.T) {
	good := func() *surveil.Panel {
		return &surveil.Panel{Nights: 2, Units: []string{"a"}, Indicators: []string{"i"}, Unit: []int32{0}, Indicator: []int32{0}, Volume: []int32{1, 2}}
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*surveil.Panel){
		"no nights":       func(p *surveil.Panel) { p.Nights = 0 },
		"short volume":    func(p *surveil.Panel) { p.Volume = p.Volume[1:] },
		"short numerator": func(p *surveil.Panel) { p.Numerator = []int32{1} },
		"short missing":   func(p *surveil.Panel) { p.Missing = []int32{1} },
		"unknown unit":    func(p *surveil.Panel) { p.Unit[0] = 1 },
		"unknown source":  func(p *surveil.Panel) { p.UnitSource = []int32{3} },
		"sources of none": func(p *surveil.Panel) { p.UnitSource = []int32{} },
		"short rebased":   func(p *surveil.Panel) { p.Rebased = []int32{} },
		"short artefact":  func(p *surveil.Panel) { p.Artefact = []bool{} },
		"short free":      func(p *surveil.Panel) { p.Free = []bool{true} },
		"series twice": func(p *surveil.Panel) {
			p.Unit, p.Indicator, p.Volume = []int32{0, 0}, []int32{0, 0}, []int32{1, 2, 3, 4}
		},
		"more indicators":  func(p *surveil.Panel) { p.Indicator = []int32{0, 0} },
		"unknown negative": func(p *surveil.Panel) { p.Indicator[0] = -1 },
	} {
		p := good()
		spoil(p)
		if err := p.Validate(); !errors.Is(err, surveil.ErrPanel) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := surveil.Run(p, surveil.Default()); err == nil {
			t.Errorf("%s: judged", name)
		}
	}
	for name, spoil := range map[string]func(*surveil.Options){
		"q":         func(o *surveil.Options) { o.Q = 0 },
		"workers":   func(o *surveil.Options) { o.Workers = 0 },
		"threshold": func(o *surveil.Options) { o.Thresholds["T02"] = surveil.Threshold{Fraction: 2} },
	} {
		o := surveil.Default()
		spoil(&o)
		if _, err := surveil.Run(good(), o); err == nil {
			t.Errorf("%s: judged", name)
		}
	}
}

// A feed that rests on some days of the week is judged by weeks as one that comes
// every night: nothing is missed on the days on which nothing ever comes.
func TestRestingWeekdays(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators, c.Median, c.Contaminated = 60, 2, 50, 0
	v := night.New(c, 6)
	p := &v.Panel
	for t := range p.Nights {
		if back := (p.Nights - 1 - t) % 7; back == 2 || back == 3 {
			for s := range p.Unit {
				p.Volume[s*p.Nights+t] = surveil.Unknown
			}
		}
	}
	found := func() (what []string, weeks int) {
		r, err := surveil.Run(p, surveil.Default())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Findings {
			what = append(what, fmt.Sprint(f.Check, " ", f.Series, " ", f.Scale))
		}
		return what, r.Tested["T03"]
	}
	if what, weeks := found(); len(what) != 0 || weeks != 2*2*60 {
		t.Errorf("found %v in %d tests by week and month", what, weeks)
	}
	large := 0
	for s := range p.Unit {
		if p.Volume[(s+1)*p.Nights-1] > p.Volume[(large+1)*p.Nights-1] {
			large = s
		}
	}
	for t := p.Nights - 7; t < p.Nights; t++ {
		if k := large*p.Nights + t; p.Volume[k] > 0 {
			p.Volume[k] = p.Volume[k] / 2
			p.Numerator[k] = min(p.Numerator[k], p.Volume[k])
		}
	}
	if what, _ := found(); !slices.Contains(what, fmt.Sprint("T03 ", large, " 7")) {
		t.Errorf("half a week: found %v", what)
	}
}

// Holidays are in no baseline and are not tested.
func TestHolidays(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators, c.Median, c.Contaminated = 60, 2, 50, 0
	v := night.New(c, 6)
	p := &v.Panel
	p.Free = make([]bool, p.Nights)
	// Every fourth week of the tested weekday was a holiday on which nothing
	// came; tonight everything is as on a working day.
	for w := 1; w <= 3; w++ {
		t := p.Nights - 1 - 28*w
		p.Free[t] = true
		for s := range p.Unit {
			p.Volume[s*p.Nights+t], p.Numerator[s*p.Nights+t] = 0, 0
		}
	}
	count := func() (found, tested int) {
		r, err := surveil.Run(p, surveil.Default())
		if err != nil {
			t.Fatal(err)
		}
		return len(r.Findings), r.Tested["T02"]
	}
	if found, tested := count(); found != 0 || tested < 100 {
		t.Errorf("%d findings in %d tests", found, tested)
	}
	p.Free[p.Nights-1] = true
	for s := range p.Unit {
		p.Volume[s*p.Nights+p.Nights-1], p.Numerator[s*p.Nights+p.Nights-1] = 0, 0
	}
	if found, tested := count(); found != 0 || tested != 0 {
		t.Errorf("on a holiday %d findings in %d tests", found, tested)
	}
}
