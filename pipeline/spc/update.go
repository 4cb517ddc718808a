package spc

import (
	"fmt"
	"slices"
)

// Update brings the result of a Batch, or of an Update, to new data in which only
// the series in changed (ascending) differ: corrected, released, or longer by a
// period. It equals Batch over all, and costs the computing of those series; where
// any is longer, or new, also the copying of the rest. s, starts and plans are
// those of all series, as for Batch, with its states for missing values; new ones
// stand at the end and in changed. o must be the options that dst was computed
// with.
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
	if slices.Equal(starts, dst.starts) && (len(dst.Excluded) > 0 || !slices.ContainsFunc(plans, func(p Plan) bool { return len(p.Exclude) > 0 })) {
		return dst.replace(s, &o, plans, changed)
	}
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
			if err := next.compute(k, k, starts[k], s, &o, plans); err != nil {
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
	next.spareParts, next.spareSignals = dst.spareParts, dst.spareSignals
	dst.spare = nil
	*dst, *next = *next, *dst
	dst.spare = next
	return nil
}

// replace computes the changed series beside the charts and puts them in their
// places, which are as long as before.
func (c *Charts) replace(s Series, o *Options, plans []Plan, changed []int) error {
	next := c.spare
	c.spareChanged = append(c.spareChanged[:0], changed...)
	changed = slices.Compact(c.spareChanged)
	at := append(c.spareStarts[:0], 0)
	for _, k := range changed {
		at = append(at, at[len(at)-1]+c.starts[k+1]-c.starts[k])
	}
	c.spareStarts = at
	next.reset(at[len(at)-1], at, o, plans)
	if len(c.Excluded) > 0 && len(next.Excluded) == 0 {
		next.Excluded = slices.Grow(next.Excluded, at[len(at)-1])[:at[len(at)-1]]
		clear(next.Excluded)
	}
	for i, k := range changed {
		if err := next.compute(i, k, c.starts[k], s, o, plans); err != nil {
			return err
		}
	}
	next.close()
	for i, k := range changed {
		c.put(k, next, i)
	}
	splice(&c.Parts, &c.spareParts, c.partStarts, next.Parts, next.partStarts, changed)
	splice(&c.Signals, &c.spareSignals, c.signalStarts, next.Signals, next.signalStarts, changed)
	return nil
}

// splice puts the entries of the changed series in the place of the former ones,
// and moves the starts; where they are not as many as before, all of them into
// spare, which changes places with entries.
func splice[T any](entries, spare *[]T, starts []int, fresh []T, freshStarts, changed []int) {
	old, same := *entries, true
	for i, k := range changed {
		same = same && freshStarts[i+1]-freshStarts[i] == starts[k+1]-starts[k]
	}
	if same {
		for i, k := range changed {
			copy(old[starts[k]:], fresh[freshStarts[i]:freshStarts[i+1]])
		}
		return
	}
	dst := (*spare)[:0]
	from := 0
	for i, k := range changed {
		dst = append(append(dst, old[from:starts[k]]...), fresh[freshStarts[i]:freshStarts[i+1]]...)
		from = starts[k+1]
	}
	dst = append(dst, old[from:]...)
	*entries, *spare = dst, old
	moved, i := 0, 0
	for k := range starts {
		was := starts[k]
		starts[k] += moved
		if i < len(changed) && changed[i] == k {
			moved += freshStarts[i+1] - freshStarts[i] - (starts[k+1] - was)
			i++
		}
	}
}

// put copies a chart of another batch over that of series k, but for its parts
// and signals.
func (c *Charts) put(k int, from *Charts, place int) {
	lo, hi, at := from.starts[place], from.starts[place+1], c.starts[k]
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
}

// take copies the chart of series k as it was.
func (c *Charts) take(k int, from *Charts) {
	c.put(k, from, k)
	c.partStarts[k], c.signalStarts[k] = len(c.Parts), len(c.Signals)
	c.Parts = append(c.Parts, from.Parts[from.partStarts[k]:from.partStarts[k+1]]...)
	c.Signals = append(c.Signals, from.Signals[from.signalStarts[k]:from.signalStarts[k+1]]...)
}
