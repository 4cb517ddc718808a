package spc

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// KnownFalseAlarmRate is the probability that a new value falls outside 3-sigma
// limits whose centre and sigma are known.
const KnownFalseAlarmRate = 2 * exactTail

// rangeDF says how the average moving range of n independent normal values,
// over d2, estimates sigma: as sigma/bias times chi over the root of df, of equal
// mean and variance (Cryer & Ryan 1990 for the variance, in which neighbouring
// ranges share a value; Patnaik 1950 for the approximation).
func rangeDF(n int) (df, bias float64) {
	m := float64(n - 1)
	if m < 1 {
		return math.NaN(), math.NaN()
	}
	// Variance and lag-one covariance of |differences|, over their squared mean.
	one, cov := math.Pi/2-1, math.Sqrt(3)/2+math.Pi/12-1
	v := (m*one + 2*(m-1)*cov) / (m * m)
	// The mean of chi_df over root df, squared, is 1/(1+v).
	c4 := func(df float64) float64 {
		a, _ := math.Lgamma((df + 1) / 2)
		b, _ := math.Lgamma(df / 2)
		return math.Exp(a-b) * math.Sqrt(2/df)
	}
	df = bisect(0.1, 1/v+2, func(df float64) float64 { return 1/(1+v) - c4(df)*c4(df) })
	return df, c4(df)
}

// EstimatedFalseAlarmRate is the probability, over baselines, that a new value
// falls outside 3-sigma limits estimated from n of them by the average moving
// range: 0.0027 for large n, 0.0095 at n = 24, 0.02 at n = 12. It takes the new
// value's distance in estimated sigma as Student's t with the degrees of freedom
// of the average moving range (Patnaik 1950; Cryer & Ryan 1990): within 0.003 of simulation from n = 12. NaN for
// n < 2.
func EstimatedFalseAlarmRate(n int) float64 {
	df, bias := rangeDF(n)
	if math.IsNaN(df) {
		return df
	}
	return 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(3/bias/math.Sqrt(1+1/float64(n)))
}

// GuaranteedMultiplier is the number of sigma that limits from n baseline values
// (average moving range) must lie from the centre line so that, with the given
// confidence over baselines, new values fall outside at a rate of no more than
// 0.0027 (Albers & Kallenberg 2005): at confidence 0.9 about 4.7 from 12 values,
// 4.0 from 24. It is NaN for n < 4 or a confidence outside (0, 1). For the
// careful; never the default, because it hides changes.
func GuaranteedMultiplier(n int, confidence float64) float64 {
	if n < 4 || !(confidence > 0 && confidence < 1) {
		return math.NaN()
	}
	df, bias := rangeDF(n)
	chi := distuv.ChiSquared{K: df}
	const nodes = 40
	z, w := make([]float64, nodes), make([]float64, nodes)
	quad.Hermite{}.FixedLocations(z, w, math.Inf(-1), math.Inf(1))
	// Distance that holds the rate when the centre line is off by c sigma.
	needed := make([]float64, nodes)
	for i := range z {
		c := z[i] * math.Sqrt(2/float64(n))
		needed[i] = bisect(2, 40, func(x float64) float64 {
			return (math.Erfc((x-c)/math.Sqrt2)+math.Erfc((x+c)/math.Sqrt2))/2 - KnownFalseAlarmRate
		})
	}
	return bisect(2, 200, func(k float64) float64 {
		short := 0.0
		for i := range z {
			s := needed[i] * bias / k
			short += w[i] / math.SqrtPi * chi.CDF(df*s*s)
		}
		return short - (1 - confidence)
	})
}

// bisect finds where a falling function is 0.
func bisect(low, high float64, f func(float64) float64) float64 {
	for range 200 {
		mid := (low + high) / 2
		if mid <= low || mid >= high {
			break
		}
		if f(mid) > 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// Evidence is how surprising the latest mature value of a series is.
type Evidence struct {
	Series, Point int
	// P is the two-sided probability of a value as far from the centre line.
	P float64
	// Direction is +1 above the centre line, -1 below.
	Direction int8
	// FalseAlarm is the probability, over baselines, that a value in control falls
	// outside the 3-sigma limits of this point: KnownFalseAlarmRate where both are
	// given, more where the centre line or sigma was estimated. Exact limits are
	// outward-rounded, so it is at most that of known ones for them.
	FalseAlarm float64
}

// LatestEvidence gives the evidence at the latest mature value; ok is false
// without limits there. The probability allows for estimation: of sigma where it
// is an average moving range (Student's t; Patnaik 1950), of the centre line
// always. Exact
// limits give twice the smaller exact tail. Charts of spread (S, R, MR) give none:
// they stand beside the one that is judged.
func (c Chart) LatestEvidence() (e Evidence, ok bool) { return c.latestEvidence(rangeDF) }

// Evidence is LatestEvidence of every series that has limits, in their order: what
// Worklist takes.
func (c *Charts) Evidence() []Evidence {
	// Nearly all series rest on as many ranges as the others.
	known := map[int][2]float64{}
	df := func(n int) (float64, float64) {
		v, ok := known[n]
		if !ok {
			v[0], v[1] = rangeDF(n)
			known[n] = v
		}
		return v[0], v[1]
	}
	out := make([]Evidence, 0, c.Len())
	for k := range c.Len() {
		if e, ok := c.At(k).latestEvidence(df); ok {
			e.Series = k
			out = append(out, e)
		}
	}
	return out
}

func (c Chart) latestEvidence(rangeDF func(int) (df, bias float64)) (e Evidence, ok bool) {
	i, found := c.latest()
	if !found {
		return Evidence{}, false
	}
	p := c.part(i)
	e = Evidence{Series: p.Series, Point: i, P: 1, FalseAlarm: KnownFalseAlarmRate}
	if p.Limits == LimitsNone {
		return e, false
	}
	if p.Limits == LimitsNormal {
		e.FalseAlarm = c.falseAlarm(i, p, rangeDF)
	}
	d := c.Value[i] - c.Centre[i]
	e.Direction = int8(sign(d))
	if d == 0 {
		return e, true
	}
	if c.SD[i] == 0 || p.Kind == T && c.UCL[i] == c.Centre[i] {
		e.P = 0
		return e, true
	}
	const furthest = 1e100 // its square is finite; its probability is 0 anyway
	z := min(math.Abs(d)/c.SD[i], furthest)
	n := float64(max(p.BaselinePoints, 1))
	switch {
	case p.Kind == MR || p.Kind == S || p.Kind == R:
		return e, false // they stand beside the chart that is judged
	case p.Kind == T:
		root := func(v float64) float64 { return math.Pow(v/c.multiplier, 1/timePower) }
		centre := root(c.Centre[i])
		z = min(math.Abs(root(c.Value[i])-centre)/((root(c.UCL[i])-centre)/3), furthest)
		e.P = math.Erfc(z / math.Sqrt(2*(1+1/n)))
		if p.Ranges > 0 {
			df, bias := rangeDF(p.Ranges + 1)
			e.P = 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(z/bias/math.Sqrt(1+1/n))
		}
	case p.Kind == G:
		sd := c.SD[i] / c.multiplier
		mean := (math.Sqrt(1+4*sd*sd) - 1) / 2
		k, none := c.Value[i]/c.multiplier, math.Log(mean/(1+mean)) // of one more case
		tail := -math.Expm1((k + 1) * none)
		if d > 0 {
			tail = math.Exp(k * none)
		}
		e.P = min(1, 2*tail)
	case p.Limits == LimitsExact && p.Overdispersion == 0:
		e.P = c.exactP(i, p, d > 0)
	case p.Ranges > 0 && (p.Kind == XmR || p.Kind == PPrime || p.Kind == UPrime):
		df, bias := rangeDF(p.Ranges + 1)
		e.P = 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(z/bias/math.Sqrt(1+1/n))
	default:
		e.P = math.Erfc(z / math.Sqrt(2*(1+1/n)))
	}
	return e, true
}

// falseAlarm takes the distance of a value from an estimated centre line in
// estimated sigma as Student's t (see EstimatedFalseAlarmRate); where sigma does not
// come from moving ranges its degrees of freedom are those of its standard error.
func (c Chart) falseAlarm(i int, p Part, rangeDF func(int) (df, bias float64)) float64 {
	centre := 1 / math.Sqrt(float64(max(p.BaselinePoints, 1)))
	if !math.IsNaN(p.CentreSE) && c.SD[i] > 0 && p.Kind != T {
		centre = p.CentreSE / c.SD[i]
	}
	at := 3 / math.Hypot(1, centre)
	switch {
	case centre == 0 && p.SpreadSE == 0:
		return KnownFalseAlarmRate
	case p.Ranges > 0 && p.SpreadSE != 0:
		df, bias := rangeDF(p.Ranges + 1)
		return 2 * distuv.StudentsT{Sigma: 1, Nu: df}.Survival(at/bias)
	case p.SpreadSE > 0:
		return 2 * distuv.StudentsT{Sigma: 1, Nu: max(1/(2*p.SpreadSE*p.SpreadSE), 1)}.Survival(at)
	}
	return math.Erfc(at / math.Sqrt2)
}

// exactP recovers the count from the standard deviation, which for exact limits
// is that of the binomial or Poisson.
func (c Chart) exactP(i int, p Part, above bool) float64 {
	m := c.multiplier
	centre, value, sd := c.Centre[i]/m, c.Value[i]/m, c.SD[i]/m
	if p.Kind == NP {
		n := centre / (p.Centre / m)
		centre, value, sd = p.Centre/m, value/n, sd/n
	}
	proportion := p.Kind == P || p.Kind == NP
	variance := centre
	if proportion {
		variance *= 1 - centre
	}
	n := variance / (sd * sd)
	k := int(math.Round(value * n))
	var tail float64
	switch {
	case above && k <= 0:
		tail = 1 // part of an event is none
	case proportion && above:
		tail = mathext.RegIncBeta(float64(k), n-float64(k)+1, centre)
	case proportion:
		tail = BinomialCDF(k, int(math.Round(n)), centre)
	case above:
		tail = mathext.GammaIncReg(float64(k), n*centre)
	default:
		tail = PoissonCDF(k, n*centre)
	}
	return min(1, 2*tail)
}

// FalseAlarms are the numbers of false alarms to expect of 3-sigma limits over some
// series in control: if the parameters were known, and as their limits are, most
// of which are estimated. The second is about three times the first for baselines
// of 24 moving ranges.
type FalseAlarms struct {
	Known, Estimated float64
}

// Worklist is what to look at in a night: the evidence that stands when the share
// of false discoveries among all that is listed is held at rate, most surprising
// first (Benjamini & Hochberg 1995). It changes the order of nothing it is given.
// Evidence with P that is not a number is left out. expected is the number of
// false alarms that plain 3-sigma limits would have been expected to give over
// the same series, so that the reader sees what the control spares; a FalseAlarm
// that was not set counts as that of known limits. A rate that is not above 0, or
// NaN, lists nothing that could have come by chance; there is no error.
func Worklist(evidence []Evidence, rate float64) (list []Evidence, expected FalseAlarms) {
	all := make([]Evidence, 0, len(evidence))
	for _, e := range evidence {
		if e.P >= 0 && e.P <= 1 {
			all = append(all, e)
			expected.Known += KnownFalseAlarmRate
			expected.Estimated += max(e.FalseAlarm, KnownFalseAlarmRate)
		}
	}
	slices.SortStableFunc(all, func(a, b Evidence) int {
		return cmp.Or(cmp.Compare(a.P, b.P), cmp.Compare(a.Series, b.Series), cmp.Compare(a.Point, b.Point))
	})
	last := 0
	for i, e := range all {
		if e.P <= rate*float64(i+1)/float64(len(all)) {
			last = i + 1
		}
	}
	return all[:last:last], expected
}
