package spc

import (
	"fmt"
	"math"
	"slices"
)

// Duplicates says what Arrange does with several entries of one period.
type Duplicates uint8

const (
	// RefuseDuplicates makes them an error. The default: what two values of a month
	// mean is for their owner to say.
	RefuseDuplicates Duplicates = iota
	// MergeDuplicates adds counts, and pools means by their cases.
	MergeDuplicates
)

// longestArranged bounds the periods from first to last, most of which would be
// missing in a series that is longer.
const longestArranged = 1_000_000

// Arrange brings entries in any order into the form that charts read: ascending,
// one entry per period, every period from the first to the last there.
//
// periods has one number per entry of s; periods that follow one another have
// numbers that do (months since year 0, days since 1970). Periods without an entry
// become StateMissing, with NaN in every column: a gap in the dates is a gap in
// the chart. Merged counts add up; merged means weigh by Den, their standard
// deviations pool with what the means differ; entries in different states, means
// without Den, and ranges cannot be merged. For TimeBetween and CasesBetween
// entries are events: they are sorted, those of one period keep their order, and
// nothing is merged or filled in.
//
// index has, per point of out, the entry of s that it came from (the first of those
// merged), -1 for a missing period. The input is not changed. Errors wrap
// ErrSeries, with a *PointError that names the later entry of a duplicate;
// ErrOptions for an unknown measure.
func Arrange(periods []int, s Series, m Measure, d Duplicates) (out Series, index []int, err error) {
	if m < Proportion || m > CasesBetween || d > MergeDuplicates {
		return Series{}, nil, fmt.Errorf("%w: measure %s or duplicates %d is none of the known", ErrOptions, m, d)
	}
	n := s.Len()
	columns := []*[]float64{&s.Num, &s.Den, &s.Value, &s.SD, &s.Range}
	for _, c := range columns {
		if *c != nil && len(*c) != n {
			return Series{}, nil, fmt.Errorf("%w: a column has %d entries and States %d; give one per entry", ErrSeries, len(*c), n)
		}
	}
	if len(periods) != n {
		return Series{}, nil, fmt.Errorf("%w: %d periods for %d entries; give one each", ErrSeries, len(periods), n)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case periods[a] < periods[b]:
			return -1
		case periods[a] > periods[b]:
			return 1
		}
		return 0
	})
	events := m == TimeBetween || m == CasesBetween
	size := n
	if n > 0 && !events {
		first, last := periods[order[0]], periods[order[n-1]]
		// Unsigned, so that no two numbers are too far apart to be subtracted.
		span := uint64(last) - uint64(first)
		if span >= longestArranged {
			return Series{}, nil, fmt.Errorf("%w: periods %d to %d are too far apart; number periods so that neighbours differ by 1", ErrSeries, first, last)
		}
		size = int(span) + 1
	}
	out.States, index = make([]State, size), make([]int, size)
	into := []*[]float64{&out.Num, &out.Den, &out.Value, &out.SD, &out.Range}
	for j, c := range columns {
		if *c != nil {
			*into[j] = nans(size)
		}
	}
	for i := range index {
		out.States[i], index[i] = StateMissing, -1
	}
	for rank, i := range order {
		at := rank
		if !events {
			at = periods[i] - periods[order[0]]
			if index[at] >= 0 {
				if err := merge(&out, at, s, index[at], i, m, d); err != nil {
					return Series{}, nil, err
				}
				continue
			}
		}
		out.States[at], index[at] = s.States[i], i
		for j, c := range columns {
			if *c != nil {
				(*into[j])[at] = (*c)[i]
			}
		}
	}
	return out, index, nil
}

// merge adds entry i of s to point at of out, which holds entry first and perhaps
// more.
func merge(out *Series, at int, s Series, first, i int, m Measure, d Duplicates) error {
	bad := func(what string) error {
		return &PointError{Point: i, What: fmt.Sprintf("the same period as entry %d; %s", first, what)}
	}
	switch {
	case d == RefuseDuplicates:
		return bad("correct it, or have duplicates merged")
	case s.States[i] != out.States[at]:
		return bad(fmt.Sprintf("states %s and %s cannot be merged", out.States[at], s.States[i]))
	case s.Range != nil:
		return bad("ranges cannot be merged")
	case s.Value != nil && (m != Mean || s.Den == nil):
		return bad("values without their numbers of cases cannot be merged")
	}
	if s.Value != nil {
		n, k := out.Den[at], s.Den[i]
		if !(n >= 0 && k >= 0 && n+k > 0) {
			return bad("numbers of cases must be 0 or more, and not all 0, to be merged")
		}
		a, b := out.Value[at], s.Value[i]
		switch {
		case k == 0:
			b = a
		case n == 0:
			a = b
		}
		if s.SD != nil {
			squares := n * k / (n + k) * (a - b) * (a - b)
			if n > 1 {
				squares += (n - 1) * out.SD[at] * out.SD[at]
			}
			if k > 1 {
				squares += (k - 1) * s.SD[i] * s.SD[i]
			}
			out.SD[at] = math.Sqrt(squares / (n + k - 1))
		}
		out.Value[at] = a + (b-a)*k/(n+k)
	}
	if s.Num != nil {
		out.Num[at] += s.Num[i]
	}
	if s.Den != nil {
		out.Den[at] += s.Den[i]
	}
	return nil
}
