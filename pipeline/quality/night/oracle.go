package night

import (
	"math"

	"larstrom/pipeline/quality/surveil"
)

// Oracle judges the tested night as somebody would who knows every parameter
// and every contaminated night: the same windows, floors, families and rate as
// the checks, with true means, variances and shares in place of estimates.
type Oracle struct {
	// Volume and Missing say of each series whether it is found.
	Volume, Missing []bool
}

// Judge is the oracle's night. o has the floors and the rate; others is the
// number of further hypotheses that share the control of false discoveries.
func (n *Night) Judge(o surveil.Options, others int) Oracle {
	p := &n.Panel
	at, tasks := 0, 0
	var pv []float64
	var family, series, task []int
	var large []bool
	add := func(v float64, f, s int, l bool) {
		pv, family, series, large = append(pv, v), append(family, f), append(series, s), append(large, l)
		task = append(task, at)
	}
	offset := int(p.First) - n.first
	for s := range p.Unit {
		if n.Mean[s] == 0 {
			continue
		}
		bad := map[int]bool{}
		for _, b := range n.bad[s] {
			if t := b.night - offset; t < p.Nights-1 {
				bad[t] = true
			}
		}
		volume, missing := tasks, tasks+1
		tasks += 2
		for f, days := range []int{1, 7, 28} {
			at = volume
			mean, variance := n.Variance(s, p.Nights-days, p.Nights)
			has, lost, known := 0.0, 0.0, 0.0
			for t := p.Nights - days; t < p.Nights; t++ {
				at := s*p.Nights + t
				if bad[t] {
					has += n.Expected(s, t)
				} else {
					has += float64(p.Volume[at])
				}
				lost += float64(p.Missing[at])
				known += float64(p.Volume[at])
			}
			floor := o.Thresholds[map[bool]string{true: "T02", false: "T03"}[days == 1]]
			d := math.Abs(has - mean)
			v := 1.0
			if d*d > 6*variance {
				v = surveil.NegativeBinomial(int(math.Round(has)), mean, max(variance-mean, 0)/(mean*mean)).MidP()
			}
			add(v, f, s, d >= floor.Count && d >= floor.Fraction*mean)
			if days > 1 && known > 0 {
				floor = o.Thresholds["K04"]
				share := n.Config.MissingShare
				up := lost - share*known
				v = 1
				if up > 2*math.Sqrt(share*known) {
					t := surveil.BetaBinomial(int(lost), int(known), share*1e12, (1-share)*1e12)
					v = t.Upper - t.Point/2
				}
				at = missing
				add(v, 2+f, s, up >= floor.Count && up >= floor.Fraction*known)
			}
		}
	}
	for range others {
		at = tasks
		tasks++
		add(1, 5, -1, false)
	}
	out := Oracle{make([]bool, len(p.Unit)), make([]bool, len(p.Unit))}
	for i, found := range surveil.Select(pv, family, task, o.Q) {
		if !found || !large[i] {
			continue
		}
		if family[i] < 3 {
			out.Volume[series[i]] = true
		} else {
			out.Missing[series[i]] = true
		}
	}
	return out
}
