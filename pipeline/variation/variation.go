package variation

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/spc"
)

// Measure is what kind of number the units have.
type Measure uint8

const (
	// Proportion is a count of n: binomial within units, tau² on the logit scale.
	Proportion Measure = iota + 1
	// Rate is a count per denominator: Poisson, tau² on the log scale.
	Rate
	// Ratio is observed over expected: Poisson, tau² on the log scale.
	Ratio
	// Mean is a value with a standard error: tau² on the scale of the value.
	Mean
)

// String gives "proportion", "rate", "ratio" or "mean".
func (m Measure) String() string {
	switch m {
	case Proportion:
		return "proportion"
	case Rate:
		return "rate"
	case Ratio:
		return "ratio"
	case Mean:
		return "mean"
	}
	return fmt.Sprintf("measure(%d)", uint8(m))
}

// Input is the units of one period, one entry each, in any order.
type Input struct {
	// Num and Den are counts and denominators (observed and expected for Ratio).
	// For Mean, Den is the number of cases where known, else nil.
	Num, Den []float64
	// Value and SE are means and their within-unit standard errors, for Mean.
	Value, SE []float64
	States    []spc.State
}

// Estimator is how the variance between units is estimated. All take the sampling
// variance under the common mean as known.
type Estimator uint8

const (
	// DerSimonianLaird 1986: moments, in one pass. The default.
	DerSimonianLaird Estimator = iota
	// PauleMandel 1982: the variance at which Cochran's Q with it in the weights
	// equals its degrees of freedom. Better than DerSimonianLaird where units
	// differ much in size.
	PauleMandel
	// REML maximises the restricted normal likelihood (Viechtbauer 2005).
	REML
)

// Options of one description.
type Options struct {
	Measure   Measure
	Estimator Estimator
	// Multiplier scales Mean, deciles, and Shrunk; 0 means 1. Variances and
	// ratios of odds or rates are not scaled.
	Multiplier float64
	// Confidence of the interval of tau²; 0 means 0.95.
	Confidence float64
}

// ErrOptions is wrapped by errors about options.
var ErrOptions = errors.New("variation: invalid options")

// ErrUnit is wrapped by errors about units; errors.As finds a *UnitError.
var ErrUnit = errors.New("variation: invalid unit")

// UnitError names the unit that cannot be described.
type UnitError struct {
	Unit int // 0-based
	What string
}

// Error says where and what.
func (e *UnitError) Error() string { return fmt.Sprintf("variation: unit %d: %s", e.Unit, e.What) }

// Unwrap gives ErrUnit.
func (e *UnitError) Unwrap() error { return ErrUnit }

// Result describes the variation between units. NaN is "none": the number does
// not exist for the measure, or there are too few units (fewer than 2).
type Result struct {
	// Units is the number that entered: state value, denominator above 0.
	Units int
	// Mean is the pooled proportion, rate or ratio, or the precision-weighted
	// mean under random effects; multiplied.
	Mean float64
	// Phi is Cochran's Q over its degrees of freedom: 1 where there is chance only.
	Phi float64
	// Tau2 is the variance between units by Options.Estimator, with its interval by
	// the Q profile (Viechtbauer 2007). The scale is the measure's.
	Tau2, Tau2Low, Tau2High float64
	// I2 is the share, 0 to 1, of the variance between unit values that is not
	// chance, for a unit of typical size (Higgins & Thompson 2002).
	I2 float64
	// ICC is the intra-class correlation: latent, tau²/(tau²+pi²/3), for
	// proportions (Snijders & Bosker 1999); tau²/(tau²+s²) with s² the pooled
	// variance of cases for means with Den; NaN for rates and ratios.
	ICC float64
	// MOR is the median odds ratio (Larsen & Merlo 2005) for proportions and the
	// median rate ratio (Chan et al. 2011) for rates and ratios; NaN for means.
	MOR float64
	// SCV is the systematic component of variation (McPherson et al. 1982), with
	// the binomial sampling variance for proportions; it may be negative. NaN for
	// means.
	SCV float64
	// Reliability is the mean share of a unit's observed deviation that is not
	// chance, 0 to 1.
	Reliability float64
	// Deciles are p10 … p90 (type 7 of Hyndman & Fan 1996) of shrunken estimates,
	// RawDeciles of raw values; multiplied.
	Deciles, RawDeciles [9]float64
	// Shrunk has one entry per unit of the input: the empirical-Bayes estimate,
	// multiplied, NaN where the unit did not enter. Beta-binomial for proportions,
	// gamma-Poisson for rates and ratios (Marshall 1991), normal-normal for means
	// (Efron & Morris 1975), with moments from Mean and Tau2.
	Shrunk []float64

	raw, weight, sorted []float64
}

func (o Options) validate() error {
	var errs []error
	if o.Measure < Proportion || o.Measure > Mean {
		errs = append(errs, fmt.Errorf("%w: measure: %s is none; set Proportion, Rate, Ratio or Mean", ErrOptions, o.Measure))
	}
	if o.Estimator > REML {
		errs = append(errs, fmt.Errorf("%w: estimator: %d is none; give DerSimonianLaird, PauleMandel or REML", ErrOptions, o.Estimator))
	}
	if !(o.Multiplier >= 0 && o.Multiplier <= 1e12) {
		errs = append(errs, fmt.Errorf("%w: multiplier: %v; give a positive number", ErrOptions, o.Multiplier))
	}
	if !(o.Confidence >= 0 && o.Confidence < 1) {
		errs = append(errs, fmt.Errorf("%w: confidence: %v; give one in (0, 1)", ErrOptions, o.Confidence))
	}
	return errors.Join(errs...)
}

// Describe puts the variation between the units into dst, whose memory is
// reused. Only units in state value with a denominator above 0 (a finite
// standard error above 0 for means) enter. Without events, or with nothing but
// events, the variance between units is 0 and ratios are 1; with fewer than 2
// units there is none: NaN.
//
// The order of the units never changes a result beyond rounding of sums. Errors
// wrap ErrOptions or ErrUnit.
func Describe(dst *Result, in Input, o Options) error {
	if err := o.validate(); err != nil {
		return err
	}
	if err := dst.load(in, &o); err != nil {
		return err
	}
	nan := math.NaN()
	dst.Mean, dst.Phi, dst.Tau2, dst.Tau2Low, dst.Tau2High = nan, nan, nan, nan, nan
	dst.I2, dst.ICC, dst.MOR, dst.SCV, dst.Reliability = nan, nan, nan, nan, nan
	for i := range dst.Deciles {
		dst.Deciles[i], dst.RawDeciles[i] = nan, nan
	}
	if dst.Units == 0 {
		return nil
	}
	dst.describe(in, &o)
	return nil
}

// load checks the units and collects raw values and inverse sampling variances;
// for counts the latter are denominators until the mean is known.
func (r *Result) load(in Input, o *Options) error {
	n := len(in.States)
	a, b := in.Num, in.Den
	if o.Measure == Mean {
		a, b = in.Value, in.SE
		if in.Den != nil && len(in.Den) != n {
			return fmt.Errorf("%w: %d denominators for %d units; give one each or none", ErrUnit, len(in.Den), n)
		}
	}
	if len(a) != n || len(b) != n {
		return fmt.Errorf("%w: columns of %d and %d entries for %d states; give one each per unit", ErrUnit, len(a), len(b), n)
	}
	r.Units = 0
	r.raw, r.weight = r.raw[:0], r.weight[:0]
	r.Shrunk = slices.Grow(r.Shrunk[:0], n)[:n]
	for i, st := range in.States {
		r.Shrunk[i] = math.NaN()
		if !st.Valid() {
			return fmt.Errorf("%w: %w", &UnitError{Unit: i, What: st.String() + " is no state; give one of the eight"}, spc.ErrState)
		}
		if st != spc.StateValue || (o.Measure != Mean && a[i] == 0 && b[i] == 0) {
			continue
		}
		const most = 1e50 // squares and their products stay finite
		switch {
		case o.Measure == Mean:
			if !(math.Abs(a[i]) <= most && b[i] > 1/most && b[i] <= most) {
				return &UnitError{Unit: i, What: fmt.Sprintf("mean %v with standard error %v; give finite numbers and a standard error above 0, or another state", a[i], b[i])}
			}
			r.raw = append(r.raw, a[i])
			r.weight = append(r.weight, 1/(b[i]*b[i]))
		case !(a[i] >= 0 && a[i] <= most && b[i] >= 1/most && b[i] <= most):
			return &UnitError{Unit: i, What: fmt.Sprintf("%v of %v is not a %s; give a numerator >= 0 and a denominator > 0, or another state", a[i], b[i], o.Measure)}
		case o.Measure == Proportion && a[i] > b[i]:
			return &UnitError{Unit: i, What: fmt.Sprintf("numerator %v exceeds denominator %v; describe a proportion that is not a subset as a rate", a[i], b[i])}
		default:
			r.raw = append(r.raw, a[i]/b[i])
			r.weight = append(r.weight, b[i])
		}
		r.Units++
	}
	return nil
}

func (r *Result) describe(in Input, o *Options) {
	var sum, total float64
	for i, w := range r.weight {
		sum += w * r.raw[i]
		total += w
	}
	mean := sum / total
	slope, unit := 1.0, 1.0 // slope of the inverse link, sampling variance of one case
	switch o.Measure {
	case Proportion:
		slope = mean * (1 - mean)
		unit = slope
	case Rate, Ratio:
		slope, unit = mean, mean
	}
	t2 := math.NaN() // on the scale of the value
	if r.Units >= 2 {
		t2 = 0
		r.Tau2, r.Tau2Low, r.Tau2High, r.Phi, r.I2 = 0, 0, 0, 0, 0
		if unit > 0 {
			r.scv(mean, o)
			for i := range r.weight {
				r.weight[i] /= unit
			}
			t2 = r.heterogeneity(mean, slope, o)
			if o.Measure == Mean {
				mean = r.weightedMean(t2)
			}
		} else {
			r.Phi = math.NaN() // no variation is possible, so none can be compared
		}
		r.derived(in, o, t2)
	}
	r.shrink(in, o, mean, t2)
	m := o.Multiplier
	if m == 0 {
		m = 1
	}
	r.Mean = mean * m
	r.deciles(m)
}

// heterogeneity gives DerSimonian and Laird's variance on the scale of the value
// and fills what is reported of it. Weights are inverse sampling variances.
func (r *Result) heterogeneity(mean, slope float64, o *Options) float64 {
	var w, c, q float64
	for _, wi := range r.weight {
		w += wi
	}
	for i, wi := range r.weight {
		c += wi * (w - wi) / w // one term at a time: one unit may have nearly all the weight
		d := r.raw[i] - mean
		q += wi * d * d
	}
	df := float64(r.Units - 1)
	t2 := max(0, (q-df)/c)
	typical := df / c // sampling variance of a typical unit
	switch o.Estimator {
	case PauleMandel:
		t2 = r.profile(df, typical)
	case REML:
		t2 = r.reml(t2, typical)
	}
	r.Phi = q / df
	r.I2 = t2 / (t2 + typical)
	r.Tau2 = t2 / (slope * slope)
	a := 1 - o.Confidence
	if o.Confidence == 0 {
		a = 0.05
	}
	r.Tau2Low = r.profile(ChiSquaredQuantile(1-a/2, df), typical) / (slope * slope)
	r.Tau2High = r.profile(ChiSquaredQuantile(a/2, df), typical) / (slope * slope)
	rel := 0.0
	for _, wi := range r.weight {
		rel += t2 / (t2 + 1/wi)
	}
	r.Reliability = rel / float64(r.Units)
	return t2
}

func (r *Result) weightedMean(t2 float64) float64 {
	var s, w float64
	for i, wi := range r.weight {
		v := 1 / (1/wi + t2)
		s += v * r.raw[i]
		w += v
	}
	return s / w
}

// q is Cochran's Q with the variance between units added to the weights; it
// falls as t2 rises.
func (r *Result) q(t2 float64) float64 {
	mean, q := r.weightedMean(t2), 0.0
	for i, wi := range r.weight {
		d := r.raw[i] - mean
		q += d * d / (1/wi + t2)
	}
	return q
}

// reml follows the restricted score to its root by Fisher's scoring, from start,
// with bisection where a step would leave the bracket.
func (r *Result) reml(start, typical float64) float64 {
	score := func(t2 float64) (s, information float64) {
		mean := r.weightedMean(t2)
		var w, w2, w3, q float64
		for i, wi := range r.weight {
			v := 1 / (1/wi + t2)
			w += v
			w2 += v * v
			w3 += v * v * v
			d := r.raw[i] - mean
			q += v * v * d * d
		}
		return q - w + w2/w, w2 - 2*w3/w + w2*w2/(w*w)
	}
	if s, _ := score(0); s <= 0 {
		return 0
	}
	low, high := 0.0, math.Inf(1)
	t2 := max(start, 0.01*typical)
	for range 100 {
		s, information := score(t2)
		if s > 0 {
			low = t2
		} else {
			high = t2
		}
		next := t2 + s/information
		if !(next > low && next < high) {
			next = 2 * t2
			if !math.IsInf(high, 1) {
				next = (low + high) / 2
			}
		}
		if math.Abs(next-t2) <= 1e-12*(t2+1e-9*typical) {
			return next
		}
		t2 = next
	}
	return t2
}

// profile solves q(t2) = target, 0 where even q(0) is smaller.
func (r *Result) profile(target, typical float64) float64 {
	if r.q(0) <= target {
		return 0
	}
	low, high := 0.0, typical
	for range 1000 {
		if !(r.q(high) > target) {
			break
		}
		low, high = high, 4*high
	}
	for range 200 {
		mid := (low + high) / 2
		if mid <= low || mid >= high || high-low <= 1e-12*high {
			break
		}
		if r.q(mid) > target {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// scv is called while weights are still denominators.
func (r *Result) scv(mean float64, o *Options) {
	if o.Measure == Mean {
		return
	}
	sum := 0.0
	for i, n := range r.weight {
		e := n * mean
		ratio := r.raw[i]/mean - 1
		sampling := 1 / e
		if o.Measure == Proportion {
			sampling *= 1 - mean
		}
		sum += ratio*ratio - sampling
	}
	r.SCV = sum / float64(len(r.weight))
}

func (r *Result) derived(in Input, o *Options, t2 float64) {
	if o.Measure != Mean {
		r.MOR = MedianRatio(r.Tau2)
	}
	switch {
	case o.Measure == Proportion:
		r.ICC = r.Tau2 / (r.Tau2 + math.Pi*math.Pi/3)
	case o.Measure == Mean && in.Den != nil:
		// The variance of a case, pooled: se² n weighted by n-1.
		var s, d float64
		for i, st := range in.States {
			if n := in.Den[i]; st == spc.StateValue && n > 1 {
				s += in.SE[i] * in.SE[i] * n * (n - 1)
				d += n - 1
			}
		}
		if d > 0 {
			r.ICC = t2 / (t2 + s/d)
		}
	}
}

// MedianRatio is the median odds (or rate) ratio of two units drawn at random,
// the higher over the lower, for a variance between units on the logit (log)
// scale: exp(sqrt(2 tau²) × 0.6745) (Larsen & Merlo 2005; Chan et al. 2011). NaN
// for a negative variance.
func MedianRatio(tau2 float64) float64 {
	return math.Exp(math.Sqrt(2*tau2) * 0.67448975019608174)
}

func (r *Result) shrink(in Input, o *Options, mean, t2 float64) {
	if math.IsNaN(t2) {
		t2 = 0 // a single unit is its own mean
	}
	j := 0
	for i, st := range in.States {
		if st != spc.StateValue || (o.Measure != Mean && in.Num[i] == 0 && in.Den[i] == 0) {
			continue
		}
		raw := r.raw[j]
		j++
		switch {
		case t2 == 0:
			r.Shrunk[i] = mean
		case o.Measure == Mean:
			b := t2 / (t2 + in.SE[i]*in.SE[i])
			r.Shrunk[i] = mean + b*(raw-mean)
		case o.Measure == Proportion:
			// Beta prior with this mean and variance; its weight in cases is
			// m(1-m)/t2 - 1, at least none.
			weight := max(mean*(1-mean)/t2-1, 0)
			r.Shrunk[i] = (in.Num[i] + weight*mean) / (in.Den[i] + weight)
		default:
			weight := mean / t2
			r.Shrunk[i] = (in.Num[i] + weight*mean) / (in.Den[i] + weight)
		}
	}
}

func (r *Result) deciles(m float64) {
	r.sorted = r.sorted[:0]
	for i, v := range r.Shrunk {
		if !math.IsNaN(v) {
			r.Shrunk[i] = v * m
			r.sorted = append(r.sorted, v*m)
		}
	}
	slices.Sort(r.sorted)
	for d := range r.Deciles {
		r.Deciles[d] = Quantile(r.sorted, float64(d+1)/10)
	}
	r.sorted = append(r.sorted[:0], r.raw...)
	slices.Sort(r.sorted)
	for d := range r.RawDeciles {
		r.RawDeciles[d] = Quantile(r.sorted, float64(d+1)/10) * m
	}
}

// Quantile is the type-7 quantile (Hyndman & Fan 1996) of values in ascending
// order: linear between order statistics at rank 1 + q(n-1). NaN for no values
// or q outside [0, 1].
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 || !(q >= 0 && q <= 1) {
		return math.NaN()
	}
	h := q * float64(len(sorted)-1)
	k := int(h)
	if k+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[k] + (h-float64(k))*(sorted[k+1]-sorted[k])
}

// Why is a sentence or two for the reader.
func (r *Result) Why() string {
	switch {
	case r.Units == 0:
		return "No variation described: no unit with a released value."
	case r.Units == 1:
		return "No variation described: one unit only."
	case math.IsNaN(r.Phi):
		return "No variation possible: no events, or nothing but events."
	case r.Tau2 == 0:
		return fmt.Sprintf("The %d units vary no more than chance explains (phi %.2f); shrunken estimates are all the mean.", r.Units, r.Phi)
	}
	return fmt.Sprintf("The %d units vary more than chance explains (phi %.2f); of an average unit's deviation %.0f %% is not chance.", r.Units, r.Phi, 100*r.Reliability)
}
