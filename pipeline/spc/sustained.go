package spc

import (
	"fmt"
	"math"
)

// Shift is a sustained run on one side of a median, and the level it may stand
// for.
type Shift struct {
	Series, Phase int
	// From and Found are the first point of the run and the one at which it was
	// long enough; To is its last.
	From, Found, To int
	// Points is the number of values in the run, Direction the side: +1 above.
	Points    int
	Direction int8
	// Before is the median that the run lies beside, Median that of its first
	// values, as many as the run had to have: known at Found, and the level against
	// which later runs are judged. Multiplied, as the chart is.
	Before, Median float64
}

// Sustained finds successive sustained shifts of a chart: from the median of the
// first baseline values of each phase, a run of length values or more strictly on
// one side makes a new median of its first length values, and so on from there.
// runcharter (Buckley 2018) re-bases its run charts so; here the chart stays as it
// is, the shifts are data to propose a phase from, and each tells when it was
// found. Values on the median, and points that do not enter, neither extend nor
// break a run. only asks for shifts in one direction; Neutral for both. Usual:
// baseline 13, length 9.
//
// Nothing is found in phases of fewer than baseline values, overlapping points
// (lines) or charts of moving ranges. Errors wrap ErrOptions: baseline or length
// below 1.
func (c Chart) Sustained(baseline, length int, only Direction) ([]Shift, error) {
	if baseline < 1 || length < 1 {
		return nil, fmt.Errorf("%w: sustained runs of %d values after a baseline of %d; give 1 or more of each", ErrOptions, length, baseline)
	}
	var out []Shift
	var index []int
	work := make([]float64, 0, max(baseline, length))
	for _, p := range c.Parts {
		if p.Kind == Line || p.Kind == MR {
			continue
		}
		index = index[:0]
		for i := p.First; i <= p.Last; i++ {
			if c.enters(i) {
				index = append(index, i)
			}
		}
		if len(index) < baseline {
			continue
		}
		of := func(points []int) float64 {
			work = work[:0]
			for _, i := range points {
				work = append(work, c.Value[i])
			}
			return median(work)
		}
		level, from := of(index[:baseline]), baseline
		for from < len(index) {
			shift, next, ok := c.sustained(index[from:], level, length, only)
			if !ok {
				break
			}
			shift.Series, shift.Phase = p.Series, p.Phase
			shift.Median = of(shift.run)
			level = shift.Median
			out = append(out, shift.Shift)
			from += next
		}
	}
	return out, nil
}

// foundShift is a shift and the first points of its run.
type foundShift struct {
	Shift
	run []int
}

// sustained finds the first run that is long enough; next counts the points up to
// where it was.
func (c Chart) sustained(index []int, level float64, length int, only Direction) (s foundShift, next int, ok bool) {
	var side int8
	for k, i := range index {
		on := int8(sign(c.Value[i] - level))
		switch {
		case on == 0 || math.IsNaN(level):
			continue
		case ok && on != side:
			return s, next, true
		case on != side:
			side, s.run = on, s.run[:0]
		}
		if only != Neutral && side != int8(only) {
			continue
		}
		if !ok {
			s.run = append(s.run, i)
			if len(s.run) < length {
				continue
			}
			s.Shift = Shift{From: s.run[0], Found: i, Points: length - 1, Direction: side, Before: level}
			ok, next = true, k+1
		}
		s.To = i
		s.Points++
	}
	return s, next, ok
}
