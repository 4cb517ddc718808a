package funnel

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"larstrom/pipeline/spc"
)

type design struct {
	measure Measure
	units   int
	p       float64 // proportion, rate or 1
	lo, hi  int     // denominators, log-uniform; expected events for ratios
	sd      float64 // on the logit or log scale
	shifted bool    // unit 0: odds (rate) ratio 2.5 at n = 200
}

func binomial(r *rand.Rand, n int, p float64) float64 {
	k := 0
	for range n {
		if r.Float64() < p {
			k++
		}
	}
	return float64(k)
}

func poisson(r *rand.Rand, mu float64) float64 {
	if mu > 500 {
		return poisson(r, mu/2) + poisson(r, mu/2)
	}
	k, t := 0, r.ExpFloat64()
	for t < mu {
		k++
		t += r.ExpFloat64()
	}
	return float64(k)
}

func (d design) draw(r *rand.Rand) Input {
	in := Input{Num: make([]float64, d.units), Den: make([]float64, d.units), States: make([]spc.State, d.units)}
	for i := range d.units {
		n := math.Round(float64(d.lo) * math.Pow(float64(d.hi)/float64(d.lo), r.Float64()))
		effect := d.sd * r.NormFloat64()
		if d.shifted && i == 0 {
			n, effect = 200, math.Log(2.5)
			if d.measure != Proportion {
				n = 200 * d.p / d.p
			}
		}
		in.Den[i], in.States[i] = n, spc.StateValue
		switch d.measure {
		case CountRatio:
			// Both counts vary; n is the mean of the second.
			in.Num[i], in.Den[i] = poisson(r, n*d.p*math.Exp(effect)), poisson(r, n)
		case Mean:
			se := 1 / math.Sqrt(n)
			in.Value, in.SE = append(in.Value, 3+effect+se*r.NormFloat64()), append(in.SE, se)
		case Proportion:
			odds := d.p / (1 - d.p) * math.Exp(effect)
			in.Num[i] = binomial(r, int(n), odds/(1+odds))
		default:
			in.Num[i] = poisson(r, n*d.p*math.Exp(effect))
		}
	}
	return in
}

// rates repeats a design and counts outliers among the unshifted units and
// detections of the shifted one. The seed is fixed: no test here needs luck.
func (d design) rates(t *testing.T, reps int, o Options) (falseRate, outside, detected float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 22))
	var f Funnel
	var out, beyond, all, found float64
	o.Measure = d.measure
	for range reps {
		if err := Compute(&f, d.draw(r), o); err != nil {
			t.Fatal(err)
		}
		for i, v := range f.Outlier {
			if d.shifted && i == 0 {
				if v == 1 {
					found++
				}
				continue
			}
			all++
			if v != 0 {
				out++
			}
			if f.Value[i] > f.UCL998[i] || f.Value[i] < f.LCL998[i] {
				beyond++
			}
		}
	}
	return out / all, beyond / all, found / float64(reps)
}

// TestFalseOutliers holds the rates that the common tools were measured to miss:
// 0.07 to 36 % of units flagged by noise alone, 1.6 to 21 % with real variation.
func TestFalseOutliers(t *testing.T) {
	for _, tc := range []struct {
		name string
		d    design
		most float64
	}{
		{"noise p 0.02", design{Proportion, 100, 0.02, 50, 2000, 0, false}, 0.004},
		{"noise p 0.1", design{Proportion, 100, 0.1, 50, 2000, 0, false}, 0.004},
		{"noise p 0.5", design{Proportion, 100, 0.5, 20, 500, 0, false}, 0.004},
		{"noise p 0.95, tiny units", design{Proportion, 100, 0.95, 10, 60, 0, false}, 0.004},
		{"noise rate", design{Rate, 100, 0.05, 100, 5000, 0, false}, 0.004},
		{"noise ratio", design{Ratio, 100, 1, 5, 300, 0, false}, 0.004},
		{"noise ratio of counts", design{CountRatio, 100, 0.8, 10, 500, 0, false}, 0.004},
		{"noise mean", design{Mean, 100, 1, 10, 500, 0, false}, 0.004},
		{"varied p 0.1", design{Proportion, 100, 0.1, 50, 2000, 0.3, false}, 0.005},
		{"varied p 0.02", design{Proportion, 100, 0.02, 50, 2000, 0.3, false}, 0.005},
		{"varied p 0.1, large units", design{Proportion, 100, 0.1, 1000, 20000, 0.3, false}, 0.005},
		{"varied p 0.5", design{Proportion, 100, 0.5, 50, 2000, 0.3, false}, 0.005},
		{"varied rate", design{Rate, 100, 0.05, 100, 5000, 0.3, false}, 0.005},
		{"varied ratio", design{Ratio, 100, 1, 5, 300, 0.3, false}, 0.005},
		{"varied ratio of counts", design{CountRatio, 100, 0.8, 10, 500, 0.3, false}, 0.005},
		{"varied mean", design{Mean, 100, 1, 10, 500, 0.3, false}, 0.005},
	} {
		got, outside, _ := tc.d.rates(t, 200, Options{})
		t.Logf("%s: %.3f %% outliers (Monte-Carlo error %.3f), %.3f %% outside the drawn 99.8 %% limits", tc.name, 100*got, 100*math.Sqrt(got/20000), 100*outside)
		if got > tc.most || outside > tc.most {
			t.Errorf("%s: %.3f %% outliers, %.3f %% outside, at most %.3f %% allowed", tc.name, 100*got, 100*outside, 100*tc.most)
		}
	}
}

// TestFalseOutliersOfVariants holds the other estimates to the same rates.
func TestFalseOutliersOfVariants(t *testing.T) {
	for name, o := range map[string]Options{
		"truncated":      {Outliers: Truncate},
		"together":       {Together: true},
		"normal limits":  {Limits: Normal},
		"multiplicative": {Overdispersion: Multiplicative},
	} {
		for _, sd := range []float64{0, 0.3} {
			d := design{Proportion, 100, 0.1, 200, 400, sd, false}
			got, _, _ := d.rates(t, 60, o)
			most := 0.004 + 0.002*min(sd*10, 1)
			t.Logf("%s, sd %v: %.3f %%", name, sd, 100*got)
			if got > most {
				t.Errorf("%s, sd %v: %.3f %% outliers", name, sd, 100*got)
			}
		}
	}
}

// TestDetection: an odds ratio of 2.5 at n = 200 among 21 units of 100 to 400. The
// standard error of a share found is at most 1.5 % at 0.9; the least is what is
// promised, not what was seen less luck. At a proportion of 0.05 the unit has 23
// events where 10 are expected: limits without any allowance find it in 70 %.
func TestDetection(t *testing.T) {
	for _, tc := range []struct {
		p, least float64
		o        Options
	}{
		{0.05, 0.6, Options{}}, {0.1, 0.9, Options{}}, {0.15, 0.95, Options{}}, {0.2, 0.97, Options{}}, {0.3, 0.98, Options{}},
		{0.1, 0.8, Options{Together: true}},
	} {
		const reps = 2000
		d := design{Proportion, 21, tc.p, 100, 400, 0, true}
		_, _, got := d.rates(t, reps, tc.o)
		t.Logf("odds ratio 2.5 at n = 200, p = %v, together %v: found in %.1f %% (Monte-Carlo error %.1f)",
			tc.p, tc.o.Together, 100*got, 100*math.Sqrt(got*(1-got)/reps))
		if got < tc.least {
			t.Errorf("p %v: found in %.3f, want %v", tc.p, got, tc.least)
		}
	}
}

// TestFewUnitsThatVary is the price of a test that has little power: among few small
// units that vary, more are outliers than among many, where it always says so.
func TestFewUnitsThatVary(t *testing.T) {
	for _, tc := range []struct {
		d    design
		most float64
	}{
		{design{Proportion, 12, 0.1, 100, 400, 0, false}, 0.004},
		{design{Proportion, 12, 0.1, 100, 400, 0.3, false}, 0.025},
		{design{Proportion, 21, 0.1, 100, 400, 0.3, false}, 0.012},
		{design{Proportion, 21, 0.1, 1000, 4000, 0.3, false}, 0.007},
		{design{Ratio, 21, 1, 5, 300, 0.3, false}, 0.007},
	} {
		const reps = 1000
		got, _, _ := tc.d.rates(t, reps, Options{})
		t.Logf("%d units of %d to %d, standard deviation %v: %.2f %% outliers (Monte-Carlo error %.2f)", tc.d.units, tc.d.lo, tc.d.hi, tc.d.sd,
			100*got, 100*math.Sqrt(got/float64(reps*tc.d.units)))
		if got > tc.most {
			t.Errorf("%+v: %.2f %%, at most %.2f %%", tc.d, 100*got, 100*tc.most)
		}
	}
}

// TestLeaveOneOutIsWhatItSays: limits of a unit are those that a plain estimate
// from the others gives, within the roundings that let units share the work.
func TestLeaveOneOutIsWhatItSays(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 7))
	for _, d := range []design{
		{Proportion, 12, 0.1, 50, 2000, 0.3, false}, {Proportion, 60, 0.3, 50, 2000, 0.5, false}, {Rate, 40, 0.05, 100, 5000, 0.3, false},
		{Ratio, 150, 1, 5, 300, 0.3, false}, {Mean, 30, 1, 10, 500, 0.3, false}, {Proportion, 30, 0.1, 50, 2000, 0, false},
	} {
		in := d.draw(r)
		for _, how := range []Outliers{Winsorise, Truncate} {
			o := Options{Measure: d.measure, Limits: Normal, Outliers: how}
			f := compute(t, in, o)
			for i := range in.States {
				rest := Input{States: append([]spc.State(nil), in.States...), Num: in.Num, Den: in.Den, Value: in.Value, SE: in.SE}
				rest.States[i] = spc.StateMissing
				o.Together = true
				others := compute(t, rest, o)
				size := in.Den[i]
				if d.measure == Mean {
					size = 1 / (in.SE[i] * in.SE[i])
				}
				low, high := others.LimitsAt(size, tail, o)
				// Student's t is what remains of the difference.
				z := 1.0
				if others.Tau2 > 0 {
					z = distuv.StudentsT{Sigma: 1, Nu: float64(others.Units - 1)}.Quantile(1-tail) / z998
				}
				slack := 0.03*(high-low) + (z-1)*(high-low)
				if math.Abs(f.UCL998[i]-high) > slack || math.Abs(f.LCL998[i]-low) > slack {
					t.Errorf("%s, %d units, unit %d: %v..%v, from the others %v..%v", d.measure, d.units, i, f.LCL998[i], f.UCL998[i], low, high)
				}
			}
		}
	}
}
