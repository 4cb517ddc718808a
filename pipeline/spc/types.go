package spc

import (
	"errors"
	"fmt"
	"math"
)

// Measure is what kind of number a series holds; it decides the default chart.
type Measure uint8

const (
	// Proportion is a count of n: each numerator is a subset of its denominator.
	// Binomial variation.
	Proportion Measure = iota + 1
	// Rate is a count per denominator that is not its superset (events per bed
	// day, or a proportion whose numerator is no subset). Poisson variation.
	Rate
	// Mean is a continuous value: mean, median, percentile, or a ratio whose
	// within-period variation is unknown.
	Mean
	// Count is a number of events without a denominator.
	Count
	// TimeBetween is the time from one rare event to the next, 0 or more; each
	// entry is an event, not a period. Read from Value.
	TimeBetween
	// CasesBetween is the number of cases from one rare event to the next, whole
	// and 0 or more; each entry is an event. Read from Value.
	CasesBetween
)

// String gives "proportion", "rate", "mean", "count", "time_between" or
// "cases_between".
func (m Measure) String() string {
	switch m {
	case Proportion:
		return "proportion"
	case Rate:
		return "rate"
	case Mean:
		return "mean"
	case Count:
		return "count"
	case TimeBetween:
		return "time_between"
	case CasesBetween:
		return "cases_between"
	}
	return fmt.Sprintf("measure(%d)", uint8(m))
}

// Kind is a type of chart.
type Kind uint8

const (
	// Auto lets Choose decide.
	Auto Kind = iota
	// Line is values without centre line, limits and signals.
	Line
	// Run is a median with runs rules, without limits.
	Run
	// XmR is Shewhart's chart of individual values with the average moving range.
	XmR
	// P is the binomial chart of proportions.
	P
	// PPrime is Laney's p′ chart.
	PPrime
	// U is the Poisson chart of rates.
	U
	// UPrime is Laney's u′ chart.
	UPrime
	// C is the Poisson chart of counts.
	C
	// T is the chart of times between rare events, by the power 1/3.6 (Nelson
	// 1994).
	T
	// G is the chart of cases between rare events, with exact geometric limits
	// (Benneyan 2001).
	G
	// IPrime is the chart of individual means of differing size, I′ (Taylor 2017).
	IPrime
	// Xbar is Shewhart's chart of means with the standard deviations within.
	Xbar
	// S is the chart of standard deviations within, each made unbiased for its
	// size, with exact limits.
	S
	// R is the chart of ranges within, each divided by its mean for its size, so
	// that all estimate sigma, with exact limits (Tippett 1925).
	R
	// MR is the chart of moving ranges beside XmR, with exact limits.
	MR
	// NP is the binomial chart in counts: centre line and limits follow the
	// denominator.
	NP
)

// String gives the short name that stores carry: "line", "run", "xmr", "p",
// "pp", "u", "up", "c", "t", "g", "ip", "xbar", "s", "r", "mr", "np".
func (k Kind) String() string {
	switch k {
	case Auto:
		return "auto"
	case Line:
		return "line"
	case Run:
		return "run"
	case XmR:
		return "xmr"
	case P:
		return "p"
	case PPrime:
		return "pp"
	case U:
		return "u"
	case UPrime:
		return "up"
	case C:
		return "c"
	case T:
		return "t"
	case G:
		return "g"
	case IPrime:
		return "ip"
	case Xbar:
		return "xbar"
	case S:
		return "s"
	case R:
		return "r"
	case MR:
		return "mr"
	case NP:
		return "np"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Stage says how firm the limits of a part are.
type Stage uint8

const (
	// StageNone has no centre line: a line only.
	StageNone Stage = iota
	// StageRun has a median only: too few mature points for limits.
	StageRun
	// StageProvisional has limits from 12 to 23 points, still re-estimated.
	StageProvisional
	// StageFrozen has limits from a complete baseline.
	StageFrozen
)

// String gives "none", "run", "provisional" or "frozen".
func (s Stage) String() string {
	switch s {
	case StageNone:
		return "none"
	case StageRun:
		return "run"
	case StageProvisional:
		return "provisional"
	case StageFrozen:
		return "frozen"
	}
	return fmt.Sprintf("stage(%d)", uint8(s))
}

// LimitMethod says how the limits of a part were computed.
type LimitMethod uint8

const (
	// LimitsNone means the part has no limits.
	LimitsNone LimitMethod = iota
	// LimitsNormal are centre line -/+ 3 standard deviations.
	LimitsNormal
	// LimitsExact are quantiles at the probabilities of 3 sigma: outward-rounded
	// binomial, Poisson, beta-binomial, negative binomial or geometric ones,
	// chi-square ones for standard deviations.
	LimitsExact
)

// String gives "none", "normal" or "exact".
func (m LimitMethod) String() string {
	switch m {
	case LimitsNone:
		return "none"
	case LimitsNormal:
		return "normal"
	case LimitsExact:
		return "exact"
	}
	return fmt.Sprintf("limits(%d)", uint8(m))
}

// Screening says what is done with large moving ranges before they are averaged.
type Screening uint8

const (
	// ScreenNone averages all moving ranges (Wheeler; Laney 2002). The default.
	ScreenNone Screening = iota
	// ScreenOnce drops, once, the moving ranges above D4 times their average
	// (Nelson 1982; Provost & Murray 2011), D4 = 1 + 3*sqrt(pi/2-1).
	ScreenOnce
)

// String gives "none" or "once", as a store keeps it beside the limits.
func (s Screening) String() string {
	switch s {
	case ScreenNone:
		return "none"
	case ScreenOnce:
		return "once"
	}
	return fmt.Sprintf("screening(%d)", uint8(s))
}

// Rule identifies a rule that can signal.
type Rule uint8

const (
	// RuleSigma is a point beyond a 3-sigma (or exact) limit: Shewhart 1931.
	RuleSigma Rule = iota
	// RuleLongRun is an unusually long run on one side of the centre line:
	// Anhøj & Olesen 2014.
	RuleLongRun
	// RuleFewCrossings is unusually few crossings of the centre line: Anhøj &
	// Olesen 2014.
	RuleFewCrossings
)

// String gives the rule's identifier in stores, such as "sigma3" or
// "anhoej_run".
func (r Rule) String() string {
	names := [...]string{
		RuleSigma: "sigma3", RuleLongRun: "anhoej_run", RuleFewCrossings: "anhoej_crossings",
		RuleTwoOfThree: "two_of_three", RuleFourOfFive: "four_of_five", RuleEight: "eight_one_side", RuleNine: "nine_one_side",
		RuleSixTrend: "six_trend", RuleAlternating: "fourteen_alternating", RuleFifteenWithin: "fifteen_within",
		RuleEightBeyond: "eight_beyond", RuleSevenSide: "seven_one_side", RuleSevenTrend: "seven_trend",
		RuleTwoOfThreeClose: "two_of_three_close", RuleTwoOfThreeInner: "two_of_three_inner", RuleTwoOfThreeAny: "two_of_three_any",
		RuleSixSide: "six_one_side",
	}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("rule(%d)", uint8(r))
}

// RuleSet is a set of rules, one bit a rule.
type RuleSet uint32

// Has reports whether r is in the set.
func (s RuleSet) Has(r Rule) bool { return s&(1<<r) != 0 }

// With returns the set with r added.
func (s RuleSet) With(r Rule) RuleSet { return s | 1<<r }

// DefaultRules are the rules that Choose and Batch apply: 3 sigma and Anhøj.
const DefaultRules RuleSet = 1<<RuleSigma | 1<<RuleLongRun | 1<<RuleFewCrossings

// Series is one series, or many one after another (see Batch), as columns. Every
// consecutive period has an entry; what is not there is there as a state.
//
// Which columns are read depends on the measure. Proportion and Rate: Num and
// Den. Count: Num. Mean: Value, or Num/Den where Value is nil; Den, where given
// beside Value, is used to say that periods differ much in size, and by the IPrime,
// Xbar and S charts. TimeBetween and CasesBetween: Value. Entries of
// points that are not drawn are ignored and may be anything. A point in state
// value with a denominator of zero becomes no_eligible in the result.
//
// SD, the standard deviation (divisor n-1) of the Den cases of a mean, is read by
// the Xbar and S charts alone; Range, the highest less the lowest of 2 to 100
// cases, by the R chart, and by the Xbar chart where SD is nil. A mean of Den 0
// cases becomes no_eligible.
type Series struct {
	Num, Den, Value, SD, Range []float64
	States                     []State
}

// Len is the number of points.
func (s Series) Len() int { return len(s.States) }

// Slice gives the points from..to (half-open) of s, sharing memory.
func (s Series) Slice(from, to int) Series {
	cut := func(v []float64) []float64 {
		if v == nil {
			return nil
		}
		return v[from:to:to]
	}
	return Series{Num: cut(s.Num), Den: cut(s.Den), Value: cut(s.Value), SD: cut(s.SD), Range: cut(s.Range), States: s.States[from:to:to]}
}

// Options hold what applies to all series of a call.
type Options struct {
	// Measure is required.
	Measure Measure
	// Overlapping says that the points share data (rolling windows): they get a
	// line and nothing else.
	Overlapping bool
	// Kind overrides the choice; Auto (zero) chooses. The stage rules hold
	// nevertheless: too few points remain a run chart.
	Kind Kind
	// Multiplier scales values, centre lines and limits (100 for per cent);
	// 0 means 1.
	Multiplier float64
	// MinPoints is the least number of mature points for limits; 0 means 12.
	MinPoints int
	// BaselinePoints is the number of mature points of a full baseline; 0 means
	// 24.
	BaselinePoints int
	// Screening of moving ranges; none by default.
	Screening Screening
	// PeriodsPerYear, where not 0 (12 for months; of days 7, for weekdays), is the
	// cycle that values may follow. It asks for tests of season and
	// autocorrelation of parts with 24 mature values or more. A test with
	// p < 0.01 turns the run rules of the part off; see Part.RunsOff.
	PeriodsPerYear int
	// NonNegative clips drawn limits of XmR charts at 0. Proportions are always
	// drawn within [0, 1], rates and counts within [0, ∞). Signals never see it.
	NonNegative bool
}

// Validate joins everything that is wrong with the options; each error wraps
// ErrOptions.
func (o Options) Validate() error {
	var errs []error
	if o.Measure < Proportion || o.Measure > CasesBetween {
		errs = append(errs, fmt.Errorf("%w: measure: %s is none; set Proportion, Rate, Mean, Count, TimeBetween or CasesBetween", ErrOptions, o.Measure))
	}
	switch o.Kind {
	case Auto, Line, Run, XmR:
	case P, PPrime, NP:
		if o.Measure != Proportion {
			errs = append(errs, fmt.Errorf("%w: kind: a %s chart needs the measure proportion, not %s", ErrOptions, o.Kind, o.Measure))
		}
	case U, UPrime:
		if o.Measure != Rate {
			errs = append(errs, fmt.Errorf("%w: kind: a %s chart needs the measure rate, not %s", ErrOptions, o.Kind, o.Measure))
		}
	case C:
		if o.Measure != Count {
			errs = append(errs, fmt.Errorf("%w: kind: a c chart needs the measure count, not %s", ErrOptions, o.Measure))
		}
	case T:
		if o.Measure != TimeBetween {
			errs = append(errs, fmt.Errorf("%w: kind: a t chart needs the measure time_between, not %s", ErrOptions, o.Measure))
		}
	case G:
		if o.Measure != CasesBetween {
			errs = append(errs, fmt.Errorf("%w: kind: a g chart needs the measure cases_between, not %s", ErrOptions, o.Measure))
		}
	case MR:
		if o.Measure != Mean && o.Measure != Count {
			errs = append(errs, fmt.Errorf("%w: kind: a chart of moving ranges needs the measure mean or count, not %s", ErrOptions, o.Measure))
		}
	case IPrime, Xbar, S, R:
		if o.Measure != Mean {
			errs = append(errs, fmt.Errorf("%w: kind: a chart of kind %s needs the measure mean, not %s", ErrOptions, o.Kind, o.Measure))
		}
	default:
		errs = append(errs, fmt.Errorf("%w: kind: %s is none that Choose draws", ErrOptions, o.Kind))
	}
	if o.Multiplier < 0 || math.IsNaN(o.Multiplier) || math.IsInf(o.Multiplier, 0) {
		errs = append(errs, fmt.Errorf("%w: multiplier: %v; give a positive number", ErrOptions, o.Multiplier))
	}
	if o.MinPoints < 0 || o.BaselinePoints < 0 || o.minPoints() > o.baselinePoints() {
		errs = append(errs, fmt.Errorf("%w: minimum %d and baseline %d points; give 0 < minimum <= baseline", ErrOptions, o.minPoints(), o.baselinePoints()))
	}
	if o.PeriodsPerYear < 0 || o.PeriodsPerYear > 366 {
		errs = append(errs, fmt.Errorf("%w: %d periods per year; give 0 for none, or 1 to 366", ErrOptions, o.PeriodsPerYear))
	}
	if o.Screening > ScreenOnce {
		errs = append(errs, fmt.Errorf("%w: screening: %d; give ScreenNone or ScreenOnce", ErrOptions, o.Screening))
	}
	return errors.Join(errs...)
}

func (o *Options) minPoints() int {
	if o.MinPoints == 0 {
		return 12
	}
	return o.MinPoints
}

func (o *Options) baselinePoints() int {
	if o.BaselinePoints == 0 {
		return 24
	}
	return o.BaselinePoints
}

func (o *Options) multiplier() float64 {
	if o.Multiplier == 0 {
		return 1
	}
	return o.Multiplier
}

// Plan is what people decided for one series: its phases, and what is known to
// be special. The zero Plan is one phase with the default baseline.
type Plan struct {
	// Phases in ascending order of From. Points before the first From belong to
	// an implicit first phase.
	Phases []Phase
	// Exclude are points, in any order, that are drawn and enter nothing: no centre
	// line, limit, moving range, run or signal. Moving ranges do not span them.
	Exclude []int
}

// Phase starts a new part of a chart, computed alone.
type Phase struct {
	// From is the index of its first point.
	From int
	// BaselineFrom and BaselineTo (inclusive) fix the baseline window; both zero
	// means the rule (the first 24 mature points of the phase). Points in other
	// states inside the window are passed over.
	BaselineFrom, BaselineTo int
	// BaselineOpen says that the window goes on behind the newest point: limits are
	// provisional until it is over.
	BaselineOpen bool
	// Centre and SD, where not nil, are given instead of estimated, each alone or
	// both, in units of the unmultiplied value. SD is the standard deviation of a
	// value for XmR (for T of a transformed time, for IPrime, Xbar, S and R of a
	// single case), and the factor sigma_z for charts of proportions and rates.
	// Charts whose spread follows from the centre line (C, G) ignore it. With
	// Centre no baseline is needed.
	Centre, SD *float64
}

// ErrOptions is wrapped by errors about options or plans.
var ErrOptions = errors.New("spc: invalid options")

// ErrSeries is wrapped by errors about the data of a series; errors.As finds a
// *PointError where one point is at fault.
var ErrSeries = errors.New("spc: invalid series")

// PointError names the point that cannot be charted.
type PointError struct {
	Series, Point int    // 0-based: series in the batch, point in the series
	What          string // what is wrong and what to do
}

// Error says where and what.
func (e *PointError) Error() string {
	return fmt.Sprintf("spc: series %d, point %d: %s", e.Series, e.Point, e.What)
}

// Unwrap gives ErrSeries.
func (e *PointError) Unwrap() error { return ErrSeries }

// Part is one phase of one series: how it was charted, and its runs.
// Indices count from the start of the series, windows are inclusive, -1 is none.
type Part struct {
	Series      int
	Phase       int // 1-based within the series
	First, Last int
	Kind        Kind
	Stage       Stage
	Limits      LimitMethod
	Reason      Reason
	Screening   Screening
	// Points counts the mature values of the part, BaselinePoints those of its
	// baseline, First and Last of which are BaselineFrom and BaselineTo.
	Points, BaselinePoints   int
	BaselineFrom, BaselineTo int
	// Centre is the centre line, multiplied; NaN without one.
	Centre float64
	// Dispersion is Laney's sigma_z of the baseline for proportions and rates
	// (c charts: of counts); NaN where it cannot be estimated or does not apply.
	Dispersion float64
	// Phi is the sum of squared z over its degrees of freedom, beside sigma_z: it
	// also sees shifts inside the baseline. NaN as for Dispersion.
	Phi float64
	// DispersionZ is the standard normal deviate of the dispersion test; NaN
	// where there was none. |z| > 1.96 is called dispersed.
	DispersionZ float64
	// Overdispersion is that of exact p′ and u′ limits: the correlation rho between
	// the cases of a period for the beta-binomial, one over the shape for the
	// negative binomial; else 0.
	Overdispersion float64
	// Ranges is the number of moving ranges averaged, 0 without.
	Ranges int
	// CentreSE is the standard error of the centre line, multiplied, SpreadSE that of
	// the standard deviation as a share of it: what estimation from this baseline
	// leaves open (see Chart.LimitSE). 0 for what is given, NaN without limits, or
	// where limits are not multiples of a standard deviation.
	CentreSE, SpreadSE float64
	// NonNegative says that no value can be below 0.
	NonNegative bool
	// Uneven says that baseline denominators of a mean differ by more than a
	// factor of 2, which limits that ignore them do not show.
	Uneven bool
	// Runs of the part, over values not exactly on the centre line.
	Useful, LongestRun, LongestRunMax, Crossings, CrossingsMin int
	RunsSignal                                                 bool
	SigmaSignals                                               int
	// SeasonP and AutocorrelationP are the probabilities of the tests that
	// Options.PeriodsPerYear asks for; NaN without one. RunsOff says that one is
	// below 0.01, or that the values are moving ranges, neighbours among which share
	// a value: runs are counted but do not signal.
	SeasonP, AutocorrelationP float64
	RunsOff                   bool
}

// Signal is one rule that fired, as data.
type Signal struct {
	Series, Phase int
	Rule          Rule
	// From and To are the first and last point of the pattern, inclusive.
	From, To int
	// Points is how many values make the pattern, see Chart.Members.
	Points int
	// Direction is +1 above or upward, -1 below or downward, 0 neither.
	Direction int8
	// Observed and Limit are what was compared: value and limit (multiplied and
	// unclipped), run length and longest allowed, crossings and fewest allowed, for
	// rules of windows and trends the values that make it and how many the rule asks
	// for.
	Observed, Limit float64
	// Zone is the distance from the centre line, in each value's own standard
	// deviation, that the values of the pattern were compared with: 1 or 2 for the
	// rules of zones, else 0.
	Zone float64
}

// Chart is one charted series. Columns have one entry per point; NaN is "none".
type Chart struct {
	State []State
	// Excluded marks the points that the plan excludes; nil where it excludes none.
	Excluded                    []bool
	Value, Centre, LCL, UCL, SD []float64
	SigmaSignal, RunsSignal     []bool
	Rules                       []RuleSet
	Phase                       []int32
	Parts                       []Part
	Signals                     []Signal
	multiplier                  float64
}
