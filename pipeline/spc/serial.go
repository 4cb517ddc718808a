package spc

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// serialLevel is the probability under which season or autocorrelation puts a
// badge on a chart and turns its run rules off.
const serialLevel = 0.01

// serialPoints is the least number of mature values that are tested.
const serialPoints = 24

// serial tests the values of a part for season and for autocorrelation.
//
// Autocorrelation is that of lag one over the baseline (Anderson 1942), between
// neighbours without a gap: after the baseline a change of level, which is what a
// chart is for, would look the same. Season is an analysis of variance by place
// in the year after removal of each year's own mean (Fisher 1925), over the whole
// part: a change of level between years does not look like a season, and two
// years alone can show only a strong one. It is exact for complete years.
//
// Values are taken in their own sigma where there is one, so that small periods
// do not weigh as large ones.
func (c *Charts) serial(p *Part, lo, hi, from, to int, perYear int, centre float64) {
	p.AutocorrelationP, p.SeasonP = math.NaN(), math.NaN()
	if perYear <= 0 || p.Points < serialPoints {
		return
	}
	z := c.zValues(lo, hi, centre)
	p.AutocorrelationP = lagOne(z[from-lo : to-lo])
	p.SeasonP = seasonP(z, perYear, &c.season)
	p.RunsOff = p.AutocorrelationP < serialLevel || p.SeasonP < serialLevel
}

// zValues are distances from the centre line, NaN where a point does not enter.
func (c *Charts) zValues(lo, hi int, centre float64) []float64 {
	c.work = c.work[:0]
	for i := lo; i < hi; i++ {
		z := math.NaN()
		if c.cols.state[i] == StateValue {
			z = c.cols.value[i] - centre
			if sd := c.cols.sd[i]; sd > 0 {
				z /= sd
			}
		}
		c.work = append(c.work, z)
	}
	return c.work
}

// lagOne is the two-sided probability of the autocorrelation of lag one; NaN
// with fewer than 12 pairs of neighbours or without variation.
func lagOne(z []float64) float64 {
	var sum, n float64
	for _, v := range z {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	mean := sum / n
	var square, product, pairs float64
	for i, v := range z {
		if math.IsNaN(v) {
			continue
		}
		square += (v - mean) * (v - mean)
		if i > 0 && !math.IsNaN(z[i-1]) {
			product += (v - mean) * (z[i-1] - mean)
			pairs++
		}
	}
	if pairs < 12 || !(square > 0) {
		return math.NaN()
	}
	// Its mean under independence is -1/n, not 0.
	r := product/square*(n-1)/pairs + 1/n
	return math.Erfc(math.Abs(r) * math.Sqrt(pairs/2))
}

// seasonScratch is memory for seasonP.
type seasonScratch struct {
	yearSum, yearN, placeSum, placeN []float64
}

// fit fills the means of years, and of places in the year after removal of years.
func (s *seasonScratch) fit(z []float64, perYear int) {
	years := (len(z) + perYear - 1) / perYear
	size := func(v []float64, n int) []float64 {
		if cap(v) < n {
			v = make([]float64, n)
		}
		v = v[:n]
		clear(v)
		return v
	}
	s.yearSum, s.yearN = size(s.yearSum, years), size(s.yearN, years)
	s.placeSum, s.placeN = size(s.placeSum, perYear), size(s.placeN, perYear)
	for i, v := range z {
		if !math.IsNaN(v) {
			s.yearSum[i/perYear] += v
			s.yearN[i/perYear]++
		}
	}
	for i := range s.yearSum {
		if s.yearN[i] > 0 {
			s.yearSum[i] /= s.yearN[i]
		}
	}
	for i, v := range z {
		if !math.IsNaN(v) {
			s.placeSum[i%perYear] += v - s.yearSum[i/perYear]
			s.placeN[i%perYear]++
		}
	}
	for i := range s.placeSum {
		if s.placeN[i] > 0 {
			s.placeSum[i] /= s.placeN[i]
		}
	}
}

func seasonP(z []float64, perYear int, s *seasonScratch) float64 {
	if perYear < 2 || len(z) < 2*perYear {
		return math.NaN()
	}
	s.fit(z, perYear)
	var places, years, n, between, within float64
	var at, slope, spread float64 // mean index of places, and the line through them
	for _, k := range s.yearN {
		if k > 0 {
			years++
		}
	}
	for i, k := range s.placeN {
		if k > 0 {
			places++
			between += k * s.placeSum[i] * s.placeSum[i]
			at += k * float64(i)
			n += k
		}
	}
	// A trend has the same slope in every year: the line through the places is
	// no season, at the price of one degree of freedom.
	at /= max(n, 1)
	n = 0
	for i, k := range s.placeN {
		slope += k * (float64(i) - at) * s.placeSum[i]
		spread += k * (float64(i) - at) * (float64(i) - at)
	}
	if spread > 0 {
		between = max(between-slope*slope/spread, 0)
	}
	for i, v := range z {
		if math.IsNaN(v) {
			continue
		}
		n++
		r := v - s.yearSum[i/perYear] - s.placeSum[i%perYear]
		within += r * r
	}
	d1, d2 := places-2, n-places-(years-1)
	if d1 < 1 || d2 < 4 || !(between+within > 0) {
		return math.NaN()
	}
	// Survival of F(d1, d2) at (between/d1)/(within/d2).
	return mathext.RegIncBeta(d2/2, d1/2, within/(within+between))
}

// SeasonAdjusted gives the values of a chart less the effect of their place in
// the year, as a series of means for a chart of its own: what to look at when
// Part.SeasonP is small. perYear is the number of periods in a year. Effects are
// estimated within each phase as in the test (Fisher 1925), and sum to about 0; the limits of an
// adjusted chart ignore that they are estimated. States are those of the chart; a
// value that does not enter has no part in the effects.
// It is an error (ErrOptions) unless perYear is at least 2.
func SeasonAdjusted(c Chart, perYear int) (Series, error) {
	if perYear < 2 {
		return Series{}, fmt.Errorf("%w: %d periods in a year; give 2 or more", ErrOptions, perYear)
	}
	out := Series{Value: make([]float64, len(c.Value)), States: append([]State(nil), c.State...)}
	copy(out.Value, c.Value)
	var s seasonScratch
	for _, p := range c.Parts {
		z := make([]float64, 0, p.Last-p.First+1)
		for i := p.First; i <= p.Last; i++ {
			v := math.NaN()
			if c.enters(i) {
				v = c.Value[i]
			}
			z = append(z, v)
		}
		s.fit(z, perYear)
		for i := p.First; i <= p.Last; i++ {
			out.Value[i] -= s.placeSum[(i-p.First)%perYear]
		}
	}
	return out, nil
}
