package variation

import (
	"fmt"
	"math"
	"slices"

	"larstrom/pipeline/spc"
)

// CaseQuantile is the q quantile of single cases, such as the median waiting time
// at 0.5 (type 7 of Hyndman & Fan 1996), with its distribution-free interval by
// order statistics (Thompson 1936): low and high are cases between which the
// quantile lies with at least the given confidence. Cases may stand in any order
// and are not changed; those that are NaN are missing and passed over.
//
// value is NaN without cases; an end is NaN where the cases are too few to have
// one (fewer than 6 for the 95 % interval of a median). Errors wrap ErrOptions: q
// or the confidence outside (0, 1); a *UnitError (ErrUnit) names an infinite case.
func CaseQuantile(cases []float64, q, confidence float64) (value, low, high float64, err error) {
	nan := math.NaN()
	if !(q > 0 && q < 1) || math.IsNaN(checked(confidence)) {
		return nan, nan, nan, fmt.Errorf("%w: quantile %v at confidence %v; give both in (0, 1)", ErrOptions, q, confidence)
	}
	sorted := make([]float64, 0, len(cases))
	for i, v := range cases {
		if math.IsInf(v, 0) {
			return nan, nan, nan, &UnitError{Unit: i, What: fmt.Sprintf("case %v is infinite; leave it out or correct it", v)}
		}
		if !math.IsNaN(v) {
			sorted = append(sorted, v)
		}
	}
	slices.Sort(sorted)
	value, low, high = Quantile(sorted, q), nan, nan
	if l, u := orderRanks(len(sorted), q, confidence); l >= 1 {
		low = sorted[l-1]
		if u <= len(sorted) {
			high = sorted[u-1]
		}
	} else if u >= 1 && u <= len(sorted) {
		high = sorted[u-1]
	}
	return value, low, high, nil
}

// orderRanks are the ranks, from 1, of the order statistics between which the q
// quantile of n values lies; 0 and n+1 where there is none.
func orderRanks(n int, q, confidence float64) (low, high int) {
	tail := (1 - confidence) / 2
	// P(the quantile lies below the l-th value) = P(B <= l-1).
	low = spc.BinomialQuantile(tail, n, q)
	for low > 0 && spc.BinomialCDF(low-1, n, q) > tail {
		low--
	}
	high = spc.BinomialQuantile(1-tail, n, q) + 1
	for high <= n && 1-spc.BinomialCDF(high-1, n, q) > tail {
		high++
	}
	return low, high
}

// HistogramInterval is HistogramQuantile with the interval that CaseQuantile
// would give (Thompson 1936), up to the width of a bin: the quantiles at the shares
// of the ranks.
// Ends are NaN where the cases are too few to have them. Errors as
// HistogramQuantile; ErrOptions as CaseQuantile. Counts are rounded down to a
// whole number of cases for the ranks.
func HistogramInterval(bounds, counts []float64, q, confidence float64) (value, low, high float64, err error) {
	nan := math.NaN()
	if !(q > 0 && q < 1) || math.IsNaN(checked(confidence)) {
		return nan, nan, nan, fmt.Errorf("%w: quantile %v at confidence %v; give both in (0, 1)", ErrOptions, q, confidence)
	}
	if value, err = HistogramQuantile(bounds, counts, q); err != nil || math.IsNaN(value) {
		return nan, nan, nan, err
	}
	total := 0.0
	for _, c := range counts {
		total += c
	}
	low, high = nan, nan
	const most = 1e9 // more cases have no interval to speak of
	l, u := orderRanks(int(min(total, most)), q, confidence)
	n := min(math.Floor(total), most)
	if l >= 1 {
		low, err = HistogramQuantile(bounds, counts, (float64(l)-0.5)/n)
	}
	if err == nil && float64(u) <= n {
		high, err = HistogramQuantile(bounds, counts, (float64(u)-0.5)/n)
	}
	return value, low, high, err
}
