package spc

import "math"

// Proposal is a change of level that a person may make a new phase of, with its
// evidence. Nothing is re-based without that.
type Proposal struct {
	Series, Phase int
	// From is the point at which the new level most likely began; Earliest and
	// Latest bound it with about 95 % confidence.
	From, Earliest, Latest int
	// Before and After are the mean values on either side, in units of the chart,
	// within the phase.
	Before, After float64
	// Shift is the difference in sigma of the chart.
	Shift float64
	// Points is the number of mature values since From.
	Points int
	// Evidence is the log-likelihood ratio of a change against none, and Signals
	// the signals of the phase that agree with its direction.
	Evidence float64
	Signals  []Signal
}

// proposalPoints is the least number of values on either side of a change:
// fewer make a run chart of the new phase that says nothing.
const proposalPoints = 8

// Propose looks for a sustained change of level in the last phase of a chart: the
// most likely change point of standardised values (Hinkley 1970; Pignatiello &
// Samuel 2001). It proposes one only where the phase also signals in the same
// direction after the change, or by too few crossings, and the change is worth a
// log-likelihood ratio of more than 8: measured, one in-control chart of 60 points
// in a hundred has a proposal. The interval holds the change points whose
// likelihood is within a factor exp(3) of the best. ok is false where there is
// nothing to propose, also for phases of fewer than 16 values and for charts
// without standard deviations.
func (c Chart) Propose() (p Proposal, ok bool) {
	if len(c.Parts) == 0 {
		return Proposal{}, false
	}
	part := c.Parts[len(c.Parts)-1]
	if !part.RunsSignal && part.SigmaSignals == 0 {
		return Proposal{}, false
	}
	var index []int
	var z, value []float64
	for i := part.First; i <= part.Last; i++ {
		if !c.enters(i) || math.IsNaN(c.Centre[i]) || !(c.SD[i] > 0) {
			continue
		}
		index, value = append(index, i), append(value, c.Value[i])
		z = append(z, (c.Value[i]-c.Centre[i])/c.SD[i])
	}
	n := len(z)
	if n < 2*proposalPoints {
		return Proposal{}, false
	}
	total := 0.0
	for _, v := range z {
		total += v
	}
	ratio := make([]float64, n) // of a change before value k
	best, left := -1, 0.0
	for k := range n {
		if k >= proposalPoints && n-k >= proposalPoints {
			a, b := float64(k), float64(n-k)
			d := (total-left)/b - left/a
			ratio[k] = d * d * a * b / float64(n) / 2
			if best < 0 || ratio[k] > ratio[best] {
				best = k
			}
		}
		left += z[k]
	}
	if best < 0 || !(ratio[best] > 8) {
		return Proposal{}, false
	}
	mean := func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += x
		}
		return s / float64(len(v))
	}
	p = Proposal{
		Series: part.Series, Phase: part.Phase, From: index[best], Points: n - best, Evidence: ratio[best],
		Before: mean(value[:best]), After: mean(value[best:]), Shift: mean(z[best:]) - mean(z[:best]),
		Earliest: index[best], Latest: index[best],
	}
	for k := range n {
		if ratio[k] >= ratio[best]-3 {
			p.Earliest = min(p.Earliest, index[k])
			p.Latest = max(p.Latest, index[k])
		}
	}
	side := int8(sign(p.Shift))
	for _, s := range c.Signals {
		if s.Phase == part.Phase && (s.Direction == side && s.To >= p.From || s.Rule == RuleFewCrossings) {
			p.Signals = append(p.Signals, s)
		}
	}
	return p, len(p.Signals) > 0
}
