package funnel

import (
	"fmt"
	"math"
	"slices"
)

// countRatio computes the funnel of shares and brings it to the scale of the
// ratio. The logit of the share is the logarithm of the ratio, so the variance
// between units is the same.
func (f *Funnel) countRatio(in Input, o Options) error {
	n := len(in.States)
	if len(in.Num) != n || len(in.Den) != n {
		return fmt.Errorf("%w: %d numerators, %d denominators and %d states; give one each per unit", ErrUnit, len(in.Num), len(in.Den), n)
	}
	f.totals = slices.Grow(f.totals[:0], n)[:n]
	for i, st := range in.States {
		f.totals[i] = in.Num[i] + in.Den[i]
		if st.Drawn() && !(in.Num[i] >= 0 && in.Den[i] >= 0 && f.totals[i] <= maxMagnitude) {
			return &UnitError{Unit: i, What: fmt.Sprintf("%v over %v is no ratio of counts; give counts of 0 or more, or another state", in.Num[i], in.Den[i])}
		}
	}
	share := o
	share.Measure, share.Multiplier = Proportion, 0
	if o.Target != nil {
		t := *o.Target / (1 + *o.Target)
		share.Target = &t
	}
	if err := Compute(f, Input{Num: in.Num, Den: f.totals, States: in.States}, share); err != nil {
		return err
	}
	f.measure = CountRatio
	m := o.Multiplier
	if m == 0 {
		m = 1
	}
	f.Centre = m * odds(f.Centre)
	for _, col := range [][]float64{f.Value, f.LCL95, f.UCL95, f.LCL998, f.UCL998, f.LCL, f.UCL} {
		for i, v := range col {
			col[i] = m * odds(v)
		}
	}
	for i := range f.Denominator {
		if !math.IsNaN(f.Denominator[i]) {
			f.Denominator[i] = in.Den[i]
		}
	}
	return nil
}

// odds of a share; none of a share of 1.
func odds(share float64) float64 {
	if share >= 1 {
		return math.NaN()
	}
	return share / (1 - share)
}
