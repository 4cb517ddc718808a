package surveil

import (
	"errors"
	"fmt"
)

// The nights that a panel should reach back, and the windows in them.
const (
	// History is how many nights before tonight are used.
	History = 196
	// sameWeekdays, weeks and months are the baseline windows of the scales:
	// twelve weeks by day and week, six months of four weeks by 28 days.
	sameWeekdays, weeks, months = 12, 12, 6
	// minWindows is the least number of windows with which a baseline is one:
	// of days and weeks, and of months.
	minWindows, minMonths = 6, 3
)

// Threshold is when a finding is large enough to be one.
type Threshold struct {
	// Count is the least difference in records, Fraction that relative to what
	// was expected (for shares: the difference itself).
	Count, Fraction float64
	// P is the level of checks that are outside the family, and of T06 beside it.
	P float64
}

// Options are the thresholds of a night. The zero value of a Threshold turns
// nothing off: use Off.
type Options struct {
	// Q is the false-discovery rate of a night.
	Q float64
	// By check; missing ones have their defaults.
	Thresholds map[string]Threshold
	// Series overrides thresholds by check and series; nil: none does.
	Series func(check string, series int) (Threshold, bool)
	// Off are the checks that do not run.
	Off map[string]bool
	// Others are p-values of tests that were made elsewhere and share the
	// control of false discoveries; each is a task of its own.
	Others []float64
	// Past are those of Look's findings, and Idle how many more hypotheses it had:
	// each counts as one that nothing speaks for.
	Past []float64
	Idle int
	// Workers compute at the same time; the result does not depend on them.
	Workers int
}

// Default thresholds are those of the catalogue of checks.
func Default() Options {
	return Options{Q: 0.05, Workers: 2, Thresholds: map[string]Threshold{
		"T02": {Count: 5, Fraction: 0.3},
		"T03": {Count: 10, Fraction: 0.2},
		"T05": {Count: 5, Fraction: 0.05},
		"K04": {Count: 5, Fraction: 0.05},
		"D04": {Count: 4, Fraction: 0.1},
		"T06": {Count: 10, Fraction: 0.05, P: 0.001},
		"T07": {Count: 4, P: 1e-4},
		"T08": {Count: 2, P: 1e-6},
		"X06": {Count: 5, Fraction: 0.8, P: 1e-3},
		"K01": {P: 0.001},
	}}
}

// Validate says what is wrong with the thresholds.
func (o *Options) Validate() error {
	var errs []error
	if !(o.Q > 0 && o.Q < 1) {
		errs = append(errs, fmt.Errorf("surveil: q is %v, not between 0 and 1", o.Q))
	}
	if o.Workers < 1 {
		errs = append(errs, fmt.Errorf("surveil: %d workers", o.Workers))
	}
	if o.Idle < 0 {
		errs = append(errs, fmt.Errorf("surveil: %d idle hypotheses", o.Idle))
	}
	for id, t := range o.Thresholds {
		if !(t.Count >= 0) || !(t.Fraction >= 0 && t.Fraction <= 1) || !(t.P >= 0 && t.P <= 1) {
			errs = append(errs, fmt.Errorf("surveil: the threshold of %s is %+v", id, t))
		}
	}
	return errors.Join(errs...)
}

// threshold is that of a check for a series; -1: for none.
func (o *Options) threshold(check string, series int) Threshold {
	if o.Series != nil && series >= 0 {
		if t, ok := o.Series(check, series); ok {
			return t
		}
	}
	return o.Thresholds[check]
}
