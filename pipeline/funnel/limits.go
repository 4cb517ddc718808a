package funnel

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"

	"larstrom/pipeline/spc"
)

// LimitsAt gives the limits (Spiegelhalter 2005) that the funnel would draw at
// denominator n, from all units together, for a tail probability of its own, such as 0.01 in each tail, with the funnel's
// centre and its variation between units; for drawing lines and other levels.
// o are the options that f was computed with. Unmultiplied n (for means one over
// the squared standard error, for a CountRatio the sum of both counts), multiplied
// limits. NaN where there are no limits, or for n <= 0 or a tail outside (0, 0.5).
func (f *Funnel) LimitsAt(n, tail float64, o Options) (low, high float64) {
	if o.Measure == CountRatio {
		m := o.Multiplier
		if m == 0 {
			m = 1
		}
		o.Measure, o.Multiplier = Proportion, 0
		ratio := f.Centre / m
		low, high = f.limitsAt(n, tail, ratio/(1+ratio), o)
		return m * odds(low), m * odds(high)
	}
	target := f.Centre
	if o.Multiplier != 0 {
		target /= o.Multiplier
	}
	return f.limitsAt(n, tail, target, o)
}

func (f *Funnel) limitsAt(n, tail, target float64, o Options) (low, high float64) {
	variance := sampling(o.Measure, target)
	if !(variance > 0 && n > 0 && tail > 0 && tail < 0.5) {
		return math.NaN(), math.NaN()
	}
	z := -mathext.NormalQuantile(tail)
	below, above := between(o.Measure, target, z, math.Sqrt(f.Tau2))
	widen := 1.0
	if f.Source == SourcePhi {
		widen = math.Sqrt(max(f.Phi, 1))
	}
	low, high = limitsOf(&o, n, tail, target, below, above, widen)
	if o.Multiplier != 0 {
		low, high = low*o.Multiplier, high*o.Multiplier
	}
	return low, high
}

// limitsOf are the limits at size n of any tail, unmultiplied, with the distances of
// the quantiles between units.
func limitsOf(o *Options, n, tail, target, below, above, widen float64) (low, high float64) {
	z := -mathext.NormalQuantile(tail)
	s := math.Sqrt(sampling(o.Measure, target) / n)
	low, high = target-z*s, target+z*s
	if o.Limits == Exact && exactFits(o.Measure, n, target) {
		low, high = PoissonLimit(tail, n, target), PoissonLimit(1-tail, n, target)
		if o.Measure == Proportion {
			low, high = BinomialLimit(tail, int(n), target), BinomialLimit(1-tail, int(n), target)
			if math.Pow(target, n)/2 >= tail {
				high = 1 // no value, however high, is outside
			}
		}
	}
	low = target - math.Hypot(widen*max(target-low, 0), below)
	if o.Measure != Mean {
		low = max(low, 0)
	}
	high = target + math.Hypot(widen*max(high-target, 0), above)
	if o.Measure == Proportion {
		high = min(high, 1)
	}
	return low, high
}

// sampling is the variance of a value of size 1 under the target.
func sampling(m Measure, target float64) float64 {
	switch m {
	case Proportion:
		return target * (1 - target)
	case Mean:
		if math.IsNaN(target) {
			return math.NaN()
		}
		return 1 // sizes are precisions
	}
	return target
}

// between gives the distances below and above the target of the quantile z of
// the distribution between units.
func between(m Measure, target, z float64, tau float64) (below, above float64) {
	if tau == 0 {
		return 0, 0
	}
	if m == Mean {
		return z * tau, z * tau
	}
	if m == Proportion {
		odds := target / (1 - target)
		up, down := odds*math.Exp(z*tau), odds*math.Exp(-z*tau)
		return target - down/(1+down), up/(1+up) - target
	}
	return target - target*math.Exp(-z*tau), target*math.Exp(z*tau) - target
}

// draw fills the limits of unit i and judges it. df is of the t quantiles between
// units, 0 for normal ones.
func (f *Funnel) draw(i int, in *Input, by *found, df int, o *Options) {
	target := by.target
	variance := sampling(o.Measure, target)
	below95, above95, below998, above998 := f.betweens(by, df, o)
	floor, ceiling := 0.0, math.Inf(1)
	switch o.Measure {
	case Proportion:
		ceiling = 1
	case Mean:
		floor = math.Inf(-1)
	}
	widen := 1.0
	if by.source == SourcePhi {
		widen = math.Sqrt(max(by.phi, 1))
	}
	n := f.size[i]
	var l95, u95, l998, u998 float64
	if s := math.Sqrt(variance / n); o.Limits == Normal || !exactFits(o.Measure, n, target) {
		l95, u95, l998, u998 = target-z95*s, target+z95*s, target-z998*s, target+z998*s
	} else {
		l998, l95, u95, u998 = exactLimits(o.Measure, n, target)
	}
	// Where less than one event is expected, an interpolated upper quantile can
	// lie below the target; a limit cannot.
	f.LCL95[i] = max(target-math.Hypot(widen*max(target-l95, 0), below95), floor)
	f.UCL95[i] = min(target+math.Hypot(widen*max(u95-target, 0), above95), ceiling)
	f.LCL998[i] = max(target-math.Hypot(widen*max(target-l998, 0), below998), floor)
	f.UCL998[i] = min(target+math.Hypot(widen*max(u998-target, 0), above998), ceiling)
	if o.Level != 0 {
		outside := (1 - o.Level) / 2
		z := -mathext.NormalQuantile(outside)
		if df > 0 {
			z = distuv.StudentsT{Sigma: 1, Nu: float64(df)}.Quantile(1 - outside)
		}
		below, above := between(o.Measure, target, z, math.Sqrt(by.tau2))
		f.LCL[i], f.UCL[i] = limitsOf(o, n, outside, target, below, above, widen)
	}
	events := math.NaN()
	if o.Measure != Mean {
		events = in.Num[i]
	}
	f.judge(i, events, n, by, widen, o)
}

// betweens are the distances of the quantiles between units, remembered while
// target and variance stay the same.
func (f *Funnel) betweens(by *found, df int, o *Options) (below95, above95, below998, above998 float64) {
	if b := &f.between; b.target != by.target || b.tau2 != by.tau2 || b.measure != o.Measure || b.df != df {
		tau := math.Sqrt(by.tau2)
		b.target, b.tau2, b.measure = by.target, by.tau2, o.Measure
		if b.df != df {
			b.df, b.z95, b.z998 = df, z95, z998
			if df > 0 {
				t := distuv.StudentsT{Sigma: 1, Nu: float64(df)}
				b.z95, b.z998 = t.Quantile(0.975), t.Quantile(1-tail)
			}
		}
		b.distance[0], b.distance[1] = between(o.Measure, by.target, b.z95, tau)
		b.distance[2], b.distance[3] = between(o.Measure, by.target, b.z998, tau)
	}
	d := &f.between.distance
	return d[0], d[1], d[2], d[3]
}

// exactFits says whether exact quantiles apply: whole denominators of
// proportions, and sizes at which they still differ from normal ones.
func exactFits(m Measure, n, target float64) bool {
	const large = 1e7
	if m == Mean {
		return false
	}
	if m == Proportion {
		return n == math.Floor(n) && n <= large
	}
	return n*target <= large
}

// judge names the unit an outlier, and says where none could be.
func (f *Funnel) judge(i int, events, n float64, by *found, widen float64, o *Options) {
	target := by.target
	v := f.Value[i]
	exact := exactFits(o.Measure, n, target) && events == math.Floor(events)
	// Without any event, and with nothing but events, mid-p is half of a power.
	// Both are below exp of minus what is expected; from 7 on that is far below tail.
	noneLow, noneHigh := 0.0, 0.0
	const many = 7
	switch {
	case n*target > many:
	case o.Measure == Proportion:
		noneLow = math.Exp(n * math.Log1p(-target))
	default:
		noneLow = math.Exp(-n * target)
	}
	if o.Measure == Proportion && n*(1-target) <= many {
		noneHigh = math.Pow(target, n)
	}
	wider := by.tau2 > 0 || widen > 1
	if o.Measure == Mean {
		noneLow, noneHigh = 0, 0 // a mean can always be further out
	}
	f.NoLow[i] = noneLow/2 >= tail || (wider && o.Measure != Mean && f.LCL998[i] <= 0)
	if noneHigh/2 >= tail {
		// The interpolated limit lies between the last two values; that of what
		// cannot signal is the end of the range.
		f.UCL998[i] = 1
	}
	f.NoHigh[i] = noneHigh/2 >= tail || (wider && o.Measure == Proportion && f.UCL998[i] >= 1)
	if f.State[i] != spc.StateValue {
		return
	}
	low, high := v < f.LCL998[i], v > f.UCL998[i]
	if exact && (!wider || low || high) {
		// A tail needs computing only where the value is far out.
		var pLow, pHigh float64
		if o.Measure == Proportion {
			pLow, pHigh = midP(int(events), v < target, func(k int) float64 { return spc.BinomialCDF(k, int(n), target) },
				func(k int) float64 { return spc.BinomialPMF(k, int(n), target) })
		} else {
			pLow, pHigh = midP(int(events), v < target, func(k int) float64 { return spc.PoissonCDF(k, n*target) },
				func(k int) float64 { return spc.PoissonPMF(k, n*target) })
		}
		low = pLow < tail && (!wider || low)
		high = pHigh < tail && (!wider || high)
	}
	switch {
	case low:
		f.Outlier[i] = -1
	case high:
		f.Outlier[i] = 1
	}
}

// midP gives the mid-p values of both tails (Lancaster 1961), computing only the
// one on the value's side; the other is reported as 1.
func midP(k int, below bool, cdf, pmf func(int) float64) (low, high float64) {
	if below {
		return cdf(k) - pmf(k)/2, 1
	}
	return 1, 1 - cdf(k) + pmf(k)/2
}

// exactLimits are Spiegelhalter's (2005, A.1.1) interpolated quantiles at
// 0.001, 0.025, 0.975 and 0.999, on the scale of the value; they may be below 0.
// The outer quantile of a side is searched for; the inner one is a walk away.
func exactLimits(m Measure, n, target float64) (q001, q025, q975, q999 float64) {
	var low, high mass
	if m == Proportion {
		odds := target / (1 - target)
		low, high = mass{n: n, ratio: odds}, mass{n: n, ratio: odds}
		low.k, low.cdf, low.pmf = spc.BinomialQuantileMass(0.001, int(n), target)
		high.k, high.cdf, high.pmf = spc.BinomialQuantileMass(0.999, int(n), target)
	} else {
		low, high = mass{ratio: n * target}, mass{ratio: n * target}
		low.k, low.cdf, low.pmf = spc.PoissonQuantileMass(0.001, n*target)
		high.k, high.cdf, high.pmf = spc.PoissonQuantileMass(0.999, n*target)
	}
	q001, q999 = low.limit(0.001)/n, high.limit(0.999)/n
	for low.cdf < 0.025 {
		low.up()
	}
	for high.k > 0 && high.cdf-high.pmf >= 0.975 {
		high.down()
	}
	return q001, low.limit(0.025) / n, high.limit(0.975) / n, q999
}

// mass is a place k in a binomial or Poisson distribution, with P(X <= k) and
// P(X = k).
type mass struct {
	k        int
	cdf, pmf float64
	n        float64 // trials, 0 for Poisson
	ratio    float64 // odds, or the mean of a Poisson distribution
}

// step is the ratio of the mass at k+1 to that at k.
func (m *mass) step(k float64) float64 {
	if m.n > 0 {
		return (m.n - k) / (k + 1) * m.ratio
	}
	return m.ratio / (k + 1)
}

func (m *mass) up() {
	m.pmf *= m.step(float64(m.k))
	m.k++
	m.cdf += m.pmf
}

func (m *mass) down() {
	m.cdf -= m.pmf
	m.k--
	m.pmf /= m.step(float64(m.k))
}

// limit interpolates (Spiegelhalter 2005, A.1.1).
func (m *mass) limit(q float64) float64 { return float64(m.k) - (m.cdf-q)/m.pmf }

// BinomialLimit is the interpolated exact quantile of a proportion of n under
// the target: (r - a)/n with r the smallest integer with F(r) >= q and
// a = (F(r)-q)/f(r) (Spiegelhalter 2005, A.1.1). It may lie below 0; NaN for q or
// target outside [0, 1] or n below 0.
func BinomialLimit(q float64, n int, target float64) float64 {
	r, cdf, pmf := spc.BinomialQuantileMass(q, n, target)
	return (float64(r) - (cdf-q)/pmf) / float64(n)
}

// PoissonLimit is the same (Spiegelhalter 2005, A.1.1) for a count per n with mean
// n*target; NaN for q outside [0, 1) or a mean that is negative or not finite.
func PoissonLimit(q, n, target float64) float64 {
	mu := n * target
	r, cdf, pmf := spc.PoissonQuantileMass(q, mu)
	return (float64(r) - (cdf-q)/pmf) / n
}
