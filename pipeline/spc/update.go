package spc

import (
	"fmt"
	"slices"
)

// Update brings the result of a Batch, or of an Update, to new data in which only
// the series in changed (ascending) differ: corrected, released, or longer by a
// period. It equals Batch over all, and costs the computing of those series and
// the copying of the rest. s, starts and plans are those of all series, as for
// Batch; new ones stand at the end and in changed. o must be the options that dst
// was computed with.
//
// Errors wrap ErrOptions or ErrSeries: other options, a series that is not in
// changed and has another length, fewer series than before. After an error dst is
// as it was.
func Update(dst *Charts, s Series, starts []int, o Options, plans []Plan, changed []int) error {
	if err := o.Validate(); err != nil {
		return err
	}
	if err := checkShape(s, starts, o, plans); err != nil {
		return err
	}
	series := len(starts) - 1
	switch {
	case o != dst.options:
		return fmt.Errorf("%w: other options than the charts were computed with; compute them anew", ErrOptions)
	case series < dst.Len():
		return fmt.Errorf("%w: %d series, before it were %d; compute them anew", ErrSeries, series, dst.Len())
	case !slices.IsSorted(changed) || len(changed) > 0 && (changed[0] < 0 || changed[len(changed)-1] >= series):
		return fmt.Errorf("%w: changed series must ascend within 0..%d", ErrOptions, series-1)
	}
	if dst.spare == nil {
		dst.spare = new(Charts)
	}
	next := dst.spare
	next.reset(s.Len(), starts, &o, plans)
	if len(next.Excluded) == 0 && len(dst.Excluded) > 0 {
		next.Excluded = slices.Grow(next.Excluded, s.Len())[:s.Len()]
		clear(next.Excluded)
	}
	for k := range series {
		if len(changed) > 0 && changed[0] == k {
			for len(changed) > 0 && changed[0] == k {
				changed = changed[1:]
			}
			if err := next.compute(k, s, &o, plans); err != nil {
				return err
			}
			continue
		}
		if k >= dst.Len() || starts[k+1]-starts[k] != dst.starts[k+1]-dst.starts[k] {
			return fmt.Errorf("%w: series %d has another length than before and is not among the changed", ErrSeries, k)
		}
		next.take(k, dst)
	}
	next.close()
	dst.spare = nil
	*dst, *next = *next, *dst
	dst.spare = next
	return nil
}

// take copies the chart of series k as it was.
func (c *Charts) take(k int, from *Charts) {
	lo, hi, at := from.starts[k], from.starts[k+1], c.starts[k]
	copy(c.State[at:], from.State[lo:hi])
	copy(c.Value[at:], from.Value[lo:hi])
	copy(c.Centre[at:], from.Centre[lo:hi])
	copy(c.LCL[at:], from.LCL[lo:hi])
	copy(c.UCL[at:], from.UCL[lo:hi])
	copy(c.SD[at:], from.SD[lo:hi])
	copy(c.SigmaSignal[at:], from.SigmaSignal[lo:hi])
	copy(c.RunsSignal[at:], from.RunsSignal[lo:hi])
	copy(c.Rules[at:], from.Rules[lo:hi])
	copy(c.Phase[at:], from.Phase[lo:hi])
	if len(c.Excluded) > 0 && len(from.Excluded) > 0 {
		copy(c.Excluded[at:], from.Excluded[lo:hi])
	}
	c.partStarts[k], c.signalStarts[k] = len(c.Parts), len(c.Signals)
	c.Parts = append(c.Parts, from.Parts[from.partStarts[k]:from.partStarts[k+1]]...)
	c.Signals = append(c.Signals, from.Signals[from.signalStarts[k]:from.signalStarts[k+1]]...)
}
