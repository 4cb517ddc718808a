package spc

import "math"

// runs applies the Anhøj rules (Anhøj & Olesen 2014) to the values of a part:
// values exactly on the centre line are of no use and passed over, as is every
// point in another state.
func (c *Charts) runs(p *Part, lo, hi int, centre float64) {
	state, value := c.cols.state[lo:hi], c.cols.value[lo:hi]
	useful, crossings, longest, run := 0, 0, 0, 0
	above := 0
	for i, v := range value[:len(state)] {
		if state[i] != StateValue || v == centre {
			continue
		}
		// Without branches: on which side a value lies cannot be foreseen.
		side := int(bit(v > centre))
		crossed := side ^ above
		above = side
		useful++
		crossings += crossed
		run = run&(crossed-1) + 1
		longest = max(longest, run)
	}
	if useful == 0 {
		return
	}
	if c.firstAbove(lo, hi, centre) {
		crossings-- // the first value crosses nothing
	}
	p.Useful, p.Crossings, p.LongestRun = useful, crossings, longest
	p.LongestRunMax, p.CrossingsMin = LongestRunLimit(useful), c.fewestCrossings(useful)
	tooLong, tooFew := longest > p.LongestRunMax, crossings < p.CrossingsMin
	if (!tooLong && !tooFew) || p.RunsOff {
		return
	}
	p.RunsSignal = true
	for i := range state {
		c.cols.runs[lo+i] = state[i] == StateValue
	}
	if tooLong {
		c.longRuns(p, lo, hi, centre)
	}
	if tooFew {
		first, last := -1, -1
		for i, v := range value {
			if state[i] == StateValue && v != centre {
				c.cols.rules[lo+i] = c.cols.rules[lo+i].With(RuleFewCrossings)
				if first < 0 {
					first = lo + i
				}
				last = lo + i
			}
		}
		c.Signals = append(c.Signals, Signal{
			Series: p.Series, Phase: p.Phase, Rule: RuleFewCrossings, From: first, To: last, Points: useful,
			Observed: float64(crossings), Limit: float64(p.CrossingsMin),
		})
	}
}

// firstAbove says that the first value off the centre line lies above it.
func (c *Charts) firstAbove(lo, hi int, centre float64) bool {
	for i := lo; i < hi; i++ {
		if v := c.cols.value[i]; c.cols.state[i] == StateValue && v != centre {
			return v > centre
		}
	}
	return false
}

// longRuns records every run that is too long, not only the longest.
func (c *Charts) longRuns(p *Part, lo, hi int, centre float64) {
	first, last, run := 0, 0, 0
	var side int8
	flush := func() {
		if run <= p.LongestRunMax {
			return
		}
		for i := first; i <= last; i++ {
			if c.cols.state[i] == StateValue && c.cols.value[i] != centre {
				c.cols.rules[i] = c.cols.rules[i].With(RuleLongRun)
			}
		}
		c.Signals = append(c.Signals, Signal{
			Series: p.Series, Phase: p.Phase, Rule: RuleLongRun, From: first, To: last, Points: run, Direction: side,
			Observed: float64(run), Limit: float64(p.LongestRunMax),
		})
	}
	for i := lo; i < hi; i++ {
		v := c.cols.value[i]
		if c.cols.state[i] != StateValue || v == centre {
			continue
		}
		s := int8(1)
		if v < centre {
			s = -1
		}
		if s != side {
			flush()
			first, run, side = i, 0, s
		}
		run++
		last = i
	}
	flush()
}

// fewestCrossings is FewestCrossings from a table that grows with the longest
// series seen: the quantile costs more than the chart of a short series.
func (c *Charts) fewestCrossings(n int) int {
	const tabled = 4096
	if n >= tabled {
		return FewestCrossings(n)
	}
	for len(c.crossings) <= n {
		c.crossings = append(c.crossings, int32(FewestCrossings(len(c.crossings))))
	}
	return int(c.crossings[n])
}

// FewestCrossings is the smallest number of crossings of the centre line that n
// useful observations should show: the 5 % quantile of binomial(n-1, 1/2)
// (Anhøj & Olesen 2014; Chen 2010). Fewer are a signal. n <= 1 gives 0.
func FewestCrossings(n int) int {
	if n <= 1 {
		return 0
	}
	return BinomialQuantile(0.05, n-1, 0.5)
}

// LongestRunLimit is the longest run on one side of the centre line that n
// useful observations should show: round(log2 n) + 3 (Anhøj & Olesen 2014;
// Schilling 2012). A longer one is a signal. n <= 0 gives 0.
func LongestRunLimit(n int) int {
	if n <= 0 {
		return 0
	}
	return int(math.RoundToEven(math.Log2(float64(n)))) + 3
}
