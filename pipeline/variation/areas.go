package variation

import (
	"fmt"
	"math"
	"slices"
)

// Areas are the summary measures of small-area studies. They are on request
// only, beside Describe: quotients of extremes grow with the number of areas and
// shrink with their size, whatever the true variation (Diehr et al. 1990; Ibáñez
// et al. 2009).
type Areas struct {
	// Extremal is the highest over the lowest ratio, Extremal5 the 95th over the
	// 5th percentile, Quartiles the third over the first quartile; NaN where the
	// lower one is 0.
	Extremal, Extremal5, Quartiles float64
	// CV is the coefficient of variation of the ratios, WeightedCV the one weighted
	// by expected events.
	CV, WeightedCV float64
	// ChiSquared is that of observed over expected, with one degree of freedom
	// less than areas.
	ChiSquared float64
}

// DescribeAreas computes them for observed and expected events, one entry per
// area (McPherson et al. 1982; Diehr et al. 1990). Leave areas without numbers out:
// errors wrap ErrUnit: other lengths, fewer than 2 areas, and with a *UnitError
// counts that are missing (NaN) or negative, expected events not above 0.
func DescribeAreas(observed, expected []float64) (Areas, error) {
	if len(observed) != len(expected) || len(observed) < 2 {
		return Areas{}, fmt.Errorf("%w: %d observed and %d expected; give one each for 2 areas or more", ErrUnit, len(observed), len(expected))
	}
	var sumO, sumE, sumR, chi float64
	ratio := make([]float64, len(observed))
	for i, o := range observed {
		e := expected[i]
		if !(o >= 0 && o <= 1e100 && e > 0 && e <= 1e100) {
			return Areas{}, &UnitError{Unit: i, What: fmt.Sprintf("%v observed and %v expected; give counts and expected events above 0", o, e)}
		}
		ratio[i] = o / e
		sumO += o
		sumE += e
		sumR += ratio[i]
		chi += (o - e) * (o - e) / e
	}
	total, k := sumO/sumE, float64(len(observed))
	var sd, weighted float64
	for i, e := range expected {
		r := ratio[i]
		sd += (r - sumR/k) * (r - sumR/k)
		weighted += e * (r - total) * (r - total)
	}
	slices.Sort(ratio)
	quotient := func(high, low float64) float64 {
		if low == 0 {
			return math.NaN()
		}
		return high / low
	}
	return Areas{
		Extremal:   quotient(ratio[len(ratio)-1], ratio[0]),
		Extremal5:  quotient(Quantile(ratio, 0.95), Quantile(ratio, 0.05)),
		Quartiles:  quotient(Quantile(ratio, 0.75), Quantile(ratio, 0.25)),
		CV:         math.Sqrt(sd/(k-1)) / (sumR / k),
		WeightedCV: math.Sqrt(weighted/sumE) / total,
		ChiSquared: chi,
	}, nil
}

// Standardised is a standardised rate or ratio with its interval.
type Standardised struct {
	Value, Low, High float64
	// Observed is the number of events, Expected the expected one (NaN for direct
	// standardisation).
	Observed, Expected float64
}

// Direct is the directly standardised rate of one unit: observed events and
// population by stratum, weighted by a standard population, with the interval of
// Dobson et al. (1991) on Byar's limits. With fewer than 10 events it has no
// interval: NaN. Multiply afterwards. Errors wrap ErrUnit.
func Direct(observed, population, standard []float64, confidence float64) (Standardised, error) {
	if len(observed) != len(population) || len(observed) != len(standard) || len(observed) == 0 {
		return Standardised{}, fmt.Errorf("%w: %d observed, %d population and %d standard; give one each per stratum", ErrUnit, len(observed), len(population), len(standard))
	}
	out := Standardised{Low: math.NaN(), High: math.NaN(), Expected: math.NaN()}
	var variance, weight float64
	for i, o := range observed {
		if !(o >= 0 && o <= 1e100 && population[i] > 0 && standard[i] >= 0 && standard[i] <= 1e100) {
			return Standardised{}, &UnitError{Unit: i, What: fmt.Sprintf("stratum with %v of %v, standard %v; merge strata without population", o, population[i], standard[i])}
		}
		w := standard[i] / population[i]
		out.Observed += o
		out.Value += w * o
		variance += w * w * o
		weight += standard[i]
	}
	if !(weight > 0) {
		return Standardised{}, fmt.Errorf("%w: the standard population is empty", ErrUnit)
	}
	out.Value /= weight
	if out.Observed >= 10 {
		low, high := NewByar(confidence).Interval(out.Observed, 1)
		scale := math.Sqrt(variance/out.Observed) / weight
		out.Low = out.Value + scale*(low-out.Observed)
		out.High = out.Value + scale*(high-out.Observed)
	}
	return out, nil
}

// Indirect is the standardised ratio of one unit, observed over expected by the
// reference rates of the strata, with Byar's interval (Breslow & Day 1987; exact
// below 10 events). Ratios of two units are not comparable with each other: their
// weights differ. Errors wrap ErrUnit: other lengths, no expected events, and with a
// *UnitError a stratum with a missing number (NaN) or a negative one.
func Indirect(observed, population, referenceRate []float64, confidence float64) (Standardised, error) {
	if len(observed) != len(population) || len(observed) != len(referenceRate) || len(observed) == 0 {
		return Standardised{}, fmt.Errorf("%w: %d observed, %d population and %d reference rates; give one each per stratum", ErrUnit, len(observed), len(population), len(referenceRate))
	}
	var out Standardised
	for i, o := range observed {
		if !(o >= 0 && o <= 1e100 && population[i] >= 0 && population[i] <= 1e100 && referenceRate[i] >= 0 && referenceRate[i] <= 1e100) {
			return Standardised{}, &UnitError{Unit: i, What: fmt.Sprintf("stratum with %v of %v at reference rate %v", o, population[i], referenceRate[i])}
		}
		out.Observed += o
		out.Expected += population[i] * referenceRate[i]
	}
	if !(out.Expected > 0) {
		return Standardised{}, fmt.Errorf("%w: no events are expected", ErrUnit)
	}
	out.Value = out.Observed / out.Expected
	out.Low, out.High = NewByar(confidence).Interval(out.Observed, out.Expected)
	return out, nil
}

// HistogramQuantile is the q quantile of grouped cases: bin i holds counts[i]
// values from bounds[i] to bounds[i+1], spread evenly (linear interpolation,
// Yule 1911).
// Merging histograms by adding counts and taking the quantile equals taking it of
// the pooled cases up to the width of a bin; quantiles themselves cannot be
// averaged. NaN without cases or for q outside [0, 1]; errors wrap ErrUnit for
// other lengths, bounds that do not ascend, or negative counts.
func HistogramQuantile(bounds, counts []float64, q float64) (float64, error) {
	if len(bounds) != len(counts)+1 {
		return 0, fmt.Errorf("%w: %d bounds for %d bins; give one more", ErrUnit, len(bounds), len(counts))
	}
	total := 0.0
	for i, c := range counts {
		if !(c >= 0 && c <= 1e100) || !(bounds[i] < bounds[i+1]) {
			return 0, &UnitError{Unit: i, What: fmt.Sprintf("bin %v to %v holds %v; give ascending bounds and counts", bounds[i], bounds[i+1], c)}
		}
		total += c
	}
	if total == 0 || !(q >= 0 && q <= 1) {
		return math.NaN(), nil
	}
	below := 0.0
	for i, c := range counts {
		if c > 0 && below+c >= q*total {
			return bounds[i] + (bounds[i+1]-bounds[i])*max(q*total-below, 0)/c, nil
		}
		below += c
	}
	return bounds[len(counts)], nil
}
