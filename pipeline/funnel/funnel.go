package funnel

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
	// Proportion is a count of n; sampling variation is binomial, variation
	// between units normal on the logit scale.
	Proportion Measure = iota + 1
	// Rate is a count per denominator; Poisson, and log-normal between units.
	Rate
	// Ratio is observed over expected; Poisson, and log-normal between units. Its
	// target is 1 unless given.
	Ratio
	// Mean is a mean with its standard error within the unit; normal, also between
	// units, on the scale of the value.
	Mean
	// CountRatio is a count over another, both Poisson (Num over Den): given their
	// sum the first is binomial (Przyborowski & Wilenski 1940), so its funnel is that
	// of the share, on the scale of the ratio; log-normal between units. A unit's
	// size is the sum of its counts.
	CountRatio
)

// String gives "proportion", "rate", "ratio", "mean" or "count_ratio".
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
	case CountRatio:
		return "count_ratio"
	}
	return fmt.Sprintf("measure(%d)", uint8(m))
}

// LimitMethod is how the sampling part of the limits is computed.
type LimitMethod uint8

const (
	// Exact limits are binomial or Poisson quantiles with Spiegelhalter's (2005,
	// A.1.1) interpolation. The default.
	Exact LimitMethod = iota
	// Normal limits are z times the standard deviation under the target: faster,
	// and too narrow on the long side where counts are small.
	Normal
)

// Overdispersion says what is done about variation between units.
type Overdispersion uint8

const (
	// Additive adds a variance between units to the sampling variance
	// (Spiegelhalter 2005). The default.
	Additive Overdispersion = iota
	// Unadjusted ignores it; phi is reported all the same.
	Unadjusted
	// Multiplicative widens the sampling limits by the square root of phi where
	// that is above 1 (Spiegelhalter 2005): large units then get as much allowance
	// as small ones. Tau2 stays 0.
	Multiplicative
)

// Outliers says how extreme units are kept from the estimate of phi and tau².
type Outliers uint8

const (
	// Winsorise sets the tails to their quantiles. The default.
	Winsorise Outliers = iota
	// Truncate leaves the tails out (the SHMI's method).
	Truncate
)

// Source says whose variance between units widens the limits.
type Source uint8

const (
	// SourceNone means none: too few units and no previous estimate, or
	// Unadjusted.
	SourceNone Source = iota
	// SourceOwn means it was estimated from these units (it may be 0).
	SourceOwn
	// SourcePrevious means too few units; the given previous estimate was used.
	SourcePrevious
	// SourcePhi means that limits were widened by phi (Multiplicative).
	SourcePhi
)

// String gives "none", "own" or "previous".
func (s Source) String() string {
	switch s {
	case SourceNone:
		return "none"
	case SourceOwn:
		return "own"
	case SourcePrevious:
		return "previous"
	case SourcePhi:
		return "phi"
	}
	return fmt.Sprintf("source(%d)", uint8(s))
}

// Input is the units of one funnel, one entry each, in any order.
type Input struct {
	// Num is the numerator, or observed events; Den the denominator, or expected
	// events, or the count compared with. Entries of units that are not drawn are
	// ignored.
	Num, Den []float64
	// Value and SE are means and their standard errors within the unit, read for
	// Mean alone, where Num is not read and Den, the number of cases, is only shown.
	Value, SE []float64
	States    []spc.State
}

// Options of one funnel. The zero value of everything but Measure is the default.
type Options struct {
	Measure Measure
	// Target is the centre; nil means the pooled proportion or rate, 1 for ratios,
	// and the mean weighted by precision for means.
	Target *float64
	// Multiplier scales values, centre and limits; 0 means 1.
	Multiplier float64
	// Winsor is the share of z scores in each tail that are set to its quantile, or
	// left out, before the variation between units is estimated; 0 means 0.1,
	// negative means none.
	Winsor   float64
	Outliers Outliers
	// MinUnits is the least number of units with a variance of their own; 0
	// means 10.
	MinUnits int
	// PreviousTau2 is used when there are fewer; nil means there is none.
	PreviousTau2   *float64
	Limits         LimitMethod
	Overdispersion Overdispersion
	// Level, where not 0, asks for limits of one more level, such as 0.99, in LCL and
	// UCL: of each unit, as those of 95 and 99.8 %. Nobody is judged by them.
	Level float64
	// Together judges all units by one target and one variation between units, that
	// each of them takes part in, as published tools do. By default every unit is
	// judged by what the others give, so that none moves the limits that it is judged
	// by: limits and NoLow, NoHigh are then each unit's own; Centre, Phi and Tau2 are
	// those of all. A given target, previous tau² and a ratio's 1 are kept.
	Together bool
}

// ErrOptions is wrapped by errors about options.
var ErrOptions = errors.New("funnel: invalid options")

// ErrUnit is wrapped by errors about units; errors.As finds a *UnitError.
var ErrUnit = errors.New("funnel: invalid unit")

// UnitError names the unit that cannot be compared.
type UnitError struct {
	Unit int // 0-based
	What string
}

// Error says where and what.
func (e *UnitError) Error() string { return fmt.Sprintf("funnel: unit %d: %s", e.Unit, e.What) }

// Unwrap gives ErrUnit.
func (e *UnitError) Unwrap() error { return ErrUnit }

// Funnel is the result. Columns have one entry per unit, in the order of the
// input; NaN is "none". The zero Funnel is ready to be computed into.
type Funnel struct {
	State []spc.State
	// Value and the limits are multiplied by Options.Multiplier. A CountRatio over a
	// count of 0 has no value and is judged all the same; its limit is NaN where
	// every ratio, however high, is within.
	Value, Denominator           []float64
	LCL95, UCL95, LCL998, UCL998 []float64
	// LCL and UCL are the limits of Options.Level; empty without one.
	LCL, UCL []float64
	// Outlier is -1 below, +1 above the 99.8 % limits, else 0; only units in
	// state value can be one.
	Outlier []int8
	// NoLow and NoHigh say that no value of this unit could be an outlier on that
	// side: its denominator is too small.
	NoLow, NoHigh []bool

	// Centre is the target, multiplied.
	Centre float64
	// Units is the number that entered.
	Units int
	// Phi is the winsorised, corrected mean of squared z scores: 1 without
	// variation between units. NaN for fewer than 2 units.
	Phi float64
	// Tau2 is the variance between units on the logit (proportions) or log scale, for
	// means on that of the value, that widened the limits: 0 where none did, see
	// Source.
	Tau2 float64
	// Source says whose Tau2 it is.
	Source Source
	// PooledRatio is total observed over total expected of the target: for ratios
	// it should be near 1, see ModelDoubt.
	PooledRatio float64
	// ModelDoubt says that the measure is Ratio and PooledRatio lies outside 0.9
	// to 1.1: a finding about the risk model, not about units.
	ModelDoubt bool

	measure  Measure
	minUnits int
	limits   LimitMethod
	together bool
	size     []float64 // denominators, or precisions of means
	totals   []float64 // sums of counts, for CountRatio
	tables   [64]table
	clock    int
	known    [2]trimmedKey
	between  struct {
		measure      Measure
		target, tau2 float64
		df           int // of the t quantiles of a unit left out, 0 for normal ones
		z95, z998    float64
		distance     [4]float64
	}
}

const (
	z95          = 1.959963984540054 // 97.5 % point of the standard normal
	z998         = 3.090232306167813 // 99.9 % point
	tail         = 0.001
	maxMagnitude = 1e12 // counts beyond this are no counts
)

// Validate joins everything that is wrong with the options; each error wraps
// ErrOptions.
func (o Options) Validate() error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...))
	}
	if o.Measure < Proportion || o.Measure > CountRatio {
		add("measure: %s is none; set Proportion, Rate, Ratio or Mean", o.Measure)
	}
	if o.Target != nil && !((*o.Target > 0 || o.Measure == Mean) && math.Abs(*o.Target) <= maxMagnitude && (o.Measure != Proportion || *o.Target < 1)) {
		add("target: %v is outside the range of a %s", *o.Target, o.Measure)
	}
	if !(o.Multiplier >= 0 && o.Multiplier <= maxMagnitude) {
		add("multiplier: %v; give a positive number", o.Multiplier)
	}
	if !(o.Winsor < 0.5) {
		add("winsor: %v; give the share of one tail, below 0.5", o.Winsor)
	}
	if o.Level != 0 && !(o.Level > 0.5 && o.Level < 1) {
		add("level: %v; give the share of units within the limits, above 0.5 and below 1, such as 0.99", o.Level)
	}
	if o.MinUnits < 0 {
		add("minimum of units: %d; give 2 or more", o.MinUnits)
	}
	if o.PreviousTau2 != nil && !(*o.PreviousTau2 >= 0 && *o.PreviousTau2 <= 100) {
		add("previous tau2: %v; give a variance on the logit or log scale", *o.PreviousTau2)
	}
	if o.Limits > Normal || o.Overdispersion > Multiplicative || o.Outliers > Truncate {
		add("limits or overdispersion is none of the known")
	}
	return errors.Join(errs...)
}

// Compute puts the funnel of the units into dst, whose memory is reused.
//
// Only units in state value enter the target, the variation between units and
// the outliers; preliminary and held_previous units have a value and limits
// drawn; a unit with denominator 0 becomes no_eligible. Without a unit that
// enters, or with a pooled target that leaves no variation (no events, or
// nothing but events), there are no limits: NaN, Tau2 0, Source none; Why says
// which.
//
// Each unit is judged by the others (see Options.Together): by their target, their
// variation, and quantiles of Student's t for it, because few units say little of
// their variance (Higgins et al. 2009). A unit that is alone has no limits. Where the
// others have no events, or nothing but events, they count as with half of one more
// (Haldane 1956), so that what only one unit has can be seen. Means have normal
// limits only, whatever Options.Limits says.
//
// Units vary more than by chance where the chi-square test of homogeneity says so
// at 10 %, which is usual for a test that has little power in few units (Fleiss
// 1986). Without that test phi above 1 by chance, which half of all funnels have,
// would widen limits; with it an odds ratio of 2.5 is found more often, see the
// package comment.
//
// Limits: with s the distance from the target to the sampling limit (exact or
// normal, see LimitMethod) and b the distance to the same quantile of the
// distribution between units (normal on the logit or log scale with variance
// Tau2), the limit lies sqrt(s² + b²) from the target, on each side. Without
// Tau2 it is the sampling limit; in a very large unit it is the quantile between
// units; the ranges are kept by construction.
//
// Outliers: mid-p below 0.001 in the tail of the exact distribution under the
// target and, with a Tau2, a value outside the 99.8 % limits as well.
//
// The order of the units never changes a result beyond rounding of sums.
//
// Sources: Spiegelhalter 2005 (funnels, additive overdispersion, winsorising);
// DerSimonian & Kacker 2007 (moments with their own weights). Errors wrap
// ErrOptions or ErrUnit.
func Compute(dst *Funnel, in Input, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if o.Measure == CountRatio {
		return dst.countRatio(in, o)
	}
	if err := dst.load(in, &o); err != nil {
		return err
	}
	dst.compute(&in, &o)
	dst.scale(&o)
	return nil
}

func (f *Funnel) compute(in *Input, o *Options) {
	all := f.sum(in, o)
	total, ok := f.judgeBy(in, -1, all, o)
	if f.Units > 0 || o.Target != nil || o.Measure == Ratio {
		f.Centre = total.target
	}
	if f.Units > 0 && o.Measure != Mean {
		f.PooledRatio = all.events / (all.size * total.target)
		f.ModelDoubt = o.Measure == Ratio && (f.PooledRatio < 0.9 || f.PooledRatio > 1.1)
	}
	if !ok {
		return
	}
	f.Phi, f.Tau2, f.Source = total.phi, total.tau2, total.source
	for i, st := range f.State {
		switch {
		case !st.Drawn():
		case o.Together || st != spc.StateValue:
			f.draw(i, in, &total, 0, o)
		default:
			if by, ok := f.judgeBy(in, i, all, o); ok {
				df := 0
				if by.source == SourceOwn {
					df = max(f.Units-2, 1)
				}
				f.draw(i, in, &by, df, o)
			}
		}
	}
}

func (f *Funnel) load(in Input, o *Options) error {
	n := len(in.States)
	if o.Measure == Mean {
		if len(in.Value) != n || len(in.SE) != n || (in.Den != nil && len(in.Den) != n) {
			return fmt.Errorf("%w: %d means, %d standard errors and %d states; give one each per unit", ErrUnit, len(in.Value), len(in.SE), n)
		}
	} else if len(in.Num) != n || len(in.Den) != n {
		return fmt.Errorf("%w: %d numerators, %d denominators and %d states; give one each per unit", ErrUnit, len(in.Num), len(in.Den), n)
	}
	nan := math.NaN()
	f.State = append(f.State[:0], in.States...)
	for _, col := range []*[]float64{&f.Value, &f.Denominator, &f.size, &f.LCL95, &f.UCL95, &f.LCL998, &f.UCL998} {
		*col = slices.Grow((*col)[:0], n)[:n]
		for i := range *col {
			(*col)[i] = nan
		}
	}
	f.LCL, f.UCL = f.LCL[:0], f.UCL[:0]
	for range n {
		if o.Level != 0 {
			f.LCL, f.UCL = append(f.LCL, nan), append(f.UCL, nan)
		}
	}
	f.Outlier = slices.Grow(f.Outlier[:0], n)[:n]
	f.NoLow = slices.Grow(f.NoLow[:0], n)[:n]
	f.NoHigh = slices.Grow(f.NoHigh[:0], n)[:n]
	clear(f.Outlier)
	clear(f.NoLow)
	clear(f.NoHigh)
	f.Centre, f.Units, f.Phi, f.Tau2, f.Source = nan, 0, nan, 0, SourceNone
	f.PooledRatio, f.ModelDoubt = nan, false
	f.measure, f.limits, f.together = o.Measure, o.Limits, o.Together
	f.between.df, f.between.target, f.between.z95, f.between.z998 = 0, nan, z95, z998
	for k := range f.tables {
		f.tables[k].used = 0
	}
	f.clock = 0
	f.minUnits = o.MinUnits
	if f.minUnits == 0 {
		f.minUnits = 10
	}
	for i, st := range f.State {
		if !st.Valid() {
			return fmt.Errorf("%w: %w", &UnitError{Unit: i, What: st.String() + " is no state; give one of the eight"}, spc.ErrState)
		}
		if !st.Drawn() {
			continue
		}
		if o.Measure == Mean {
			v, se := in.Value[i], in.SE[i]
			if !(math.Abs(v) <= maxMagnitude && se > 1/maxMagnitude && se <= maxMagnitude) {
				return &UnitError{Unit: i, What: fmt.Sprintf("mean %v with standard error %v; give finite numbers and a standard error above 0, or another state", v, se)}
			}
			f.Value[i], f.size[i] = v, 1/(se*se)
			if in.Den != nil {
				f.Denominator[i] = in.Den[i]
			}
			if st == spc.StateValue {
				f.Units++
			}
			continue
		}
		num, den := in.Num[i], in.Den[i]
		if den == 0 && num == 0 {
			f.State[i] = spc.StateNoEligible
			continue
		}
		switch {
		case !(den > 0 && den <= maxMagnitude && num >= 0 && num <= maxMagnitude):
			return &UnitError{Unit: i, What: fmt.Sprintf("%v of %v is not a %s; give a numerator >= 0 and a denominator > 0, or another state", num, den, o.Measure)}
		case o.Measure == Proportion && num > den:
			return &UnitError{Unit: i, What: fmt.Sprintf("numerator %v exceeds denominator %v; compare a proportion that is not a subset as a rate", num, den)}
		}
		f.Value[i], f.Denominator[i], f.size[i] = num/den, den, den
		if st == spc.StateValue {
			f.Units++
		}
	}
	return nil
}

func (f *Funnel) scale(o *Options) {
	if o.Multiplier == 0 || o.Multiplier == 1 {
		return
	}
	f.Centre *= o.Multiplier
	for _, col := range [][]float64{f.Value, f.LCL95, f.UCL95, f.LCL998, f.UCL998, f.LCL, f.UCL} {
		for i := range col {
			col[i] *= o.Multiplier
		}
	}
}

// Why is a sentence or two for the reader of the funnel.
func (f *Funnel) Why() string {
	switch {
	case f.Units == 0:
		return "No limits: no unit with a released value."
	case !f.limited() && f.Units == 1 && !f.together:
		return "No limits: one unit has no others to be judged by."
	case !f.limited():
		return "No limits: no events, or nothing but events, so there is nothing to compare."
	}
	s := "Exact limits"
	if f.limits == Normal || f.measure == Mean {
		s = "Normal limits"
	}
	switch f.Source {
	case SourceOwn:
		if f.Tau2 > 0 {
			s += fmt.Sprintf(" widened by the variation between these %d units (phi %.2f, tau² %.3g).", f.Units, f.Phi, f.Tau2)
		} else {
			s += fmt.Sprintf("; no variation between the %d units beyond chance (phi %.2f).", f.Units, f.Phi)
		}
	case SourcePhi:
		s += fmt.Sprintf(" widened by the square root of phi (%.2f) where it is above 1.", f.Phi)
	case SourcePrevious:
		s += fmt.Sprintf(" widened by the previous variation between units (tau² %.3g): %d units are too few for their own.", f.Tau2, f.Units)
	default:
		s += " without allowance for variation between units"
		if f.Units < f.minUnits {
			s += fmt.Sprintf(": %d units are too few to estimate it, and there is no previous estimate", f.Units)
		}
		s += "."
	}
	if !f.together && f.Units > 1 {
		s += " Each unit is judged by what the others give."
	}
	if f.ModelDoubt {
		s += fmt.Sprintf(" In total %.2f times the expected: a finding about the risk model.", f.PooledRatio)
	}
	return s
}

// limited says that some unit has limits.
func (f *Funnel) limited() bool {
	return slices.ContainsFunc(f.LCL998, func(v float64) bool { return !math.IsNaN(v) })
}
