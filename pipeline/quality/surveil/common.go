package surveil

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// The nights by which a common mode is judged.
const (
	localNights = 28 // before the tested ones: season and slow change are in them
	nullNights  = 60 // whose own differences are the null
)

// leaf is one source in one indicator: the mean residual of its units on each
// of the last nights, relative to what they should have.
type leaf struct {
	indicator, source int
	rho               []float64 // newest first
	sd                float64   // of one night by chance alone
	should            float64   // records tonight
	units             int
}

// leaves takes them for all sources and indicators.
func leaves(p *Panel, parts []*part) []leaf {
	var out []leaf
	sources := max(len(p.Sources), 1)
	for _, t := range parts {
		b := t.b
		nights := min(nullNights+localNights+longestMove+1, b.nights)
		for source := range sources {
			l := leaf{indicator: b.index, source: source, rho: make([]float64, nights)}
			var weights, noise float64
			over := make([]float64, nights)
			under := make([]float64, nights)
			for k, s := range b.series {
				if p.UnitSource != nil && int(p.UnitSource[p.Unit[s]]) != source || b.size[k] <= 0 {
					continue
				}
				v, state := b.volume(k), b.state[k*b.nights:]
				w := b.weight[k]
				if state[b.nights-1] != unknown {
					l.units++
				}
				for j := range nights {
					t := b.nights - 1 - j
					if state[t] == unknown {
						continue
					}
					e := b.level[7*k+b.weekday(t)]
					sd := math.Sqrt(e + b.alpha*e*e)
					// No unit alone moves a source.
					over[j] += w * (within(float64(v[t]), e, b.alpha) - e)
					under[j] += w * e
					if j == 0 {
						l.should += e
						weights += w * e
						noise += w * w * sd * sd
					}
				}
			}
			if l.units < 3 || weights <= 0 {
				continue
			}
			l.sd = math.Sqrt(noise) / weights
			for j := range nights {
				l.rho[j] = math.NaN()
				if under[j] > 0 {
					l.rho[j] = over[j] / under[j]
				}
			}
			out = append(out, l)
		}
	}
	return out
}

// jump is the mean of nights from offset on against what the straight line
// through the nights before them says: season moves a source too, but slowly.
func (l *leaf) jump(offset, nights int) float64 {
	after, n := 0.0, 0
	for j := offset; j < offset+nights && j < len(l.rho); j++ {
		if !math.IsNaN(l.rho[j]) {
			after += l.rho[j]
			n++
		}
	}
	var sx, sy, sxx, sxy, m float64
	for j := offset + nights; j < offset+nights+localNights && j < len(l.rho); j++ {
		if y := l.rho[j]; !math.IsNaN(y) {
			x := float64(j - offset)
			sx += x
			sy += y
			sxx += x * x
			sxy += x * y
			m++
		}
	}
	if n < nights || m < localNights/2 {
		return math.NaN()
	}
	slope := (sxy - sx*sy/m) / (sxx - sx*sx/m)
	at := float64(nights-1) / 2
	return after/float64(n) - (sy/m + slope*(at-sx/m))
}

// lineVariance is the variance of a jump by chance, in units of that of a
// night.
func lineVariance(nights int) float64 {
	const n = float64(localNights)
	d := (n + float64(nights)) / 2
	return 1/float64(nights) + 1/n + d*d*12/(n*(n*n-1))
}

// group is a set of leaves that may have one cause.
type group struct {
	indicator, source int // -1: all
	leaves            []int
}

// common finds what the units of a source, an indicator or the region share
// (T06). Groups are judged by the history of their own jumps; the one with the
// strongest evidence explains its leaves, and the rest is judged without it.
func common(p *Panel, o *Options, parts []*part) []hypothesis {
	if o.Off["T06"] {
		return nil
	}
	threshold := o.threshold("T06", -1)
	var out []hypothesis
	for _, nights := range []int{1, 7} {
		out = append(out, commonAt(p, leaves(p, parts), nights, threshold)...)
	}
	return out
}

func commonAt(p *Panel, all []leaf, nights int, threshold Threshold) []hypothesis {
	groups := groupsOf(p, all)
	d := make([]float64, len(all))
	for i := range all {
		d[i] = all[i].jump(0, nights)
	}
	scores := make([]score, len(groups))
	for g := range groups {
		scores[g] = scoreOf(&groups[g], all, d, nights)
	}
	tests := make([]hypothesis, len(groups))
	for g, group := range groups {
		tests[g] = hypothesis{family: familyCommon, Finding: Finding{Check: "T06", Series: -1, Unit: -1, Other: -1,
			Indicator: group.indicator, Source: group.source, Scale: nights, P: scores[g].p, Into: -1}}
	}
	// The strongest first; each takes its jump out of its leaves.
	open := make([]bool, len(groups))
	for g := range open {
		open[g] = true
	}
	for {
		best := -1
		for g := range groups {
			if open[g] && scores[g].p < threshold.P && (best < 0 || scores[g].evidence() > scores[best].evidence()) {
				best = g
			}
		}
		if best < 0 {
			return tests
		}
		s := scores[best]
		f := &tests[best]
		f.Expected = s.should
		f.Observed = math.Max(s.should*(1+s.jump), 0)
		f.Up = s.jump > 0
		change := math.Abs(s.jump)
		f.large = change >= threshold.Fraction && change*s.should >= threshold.Count
		open[best] = false
		for _, i := range groups[best].leaves {
			d[i] -= s.jump
		}
		for g := range groups {
			if open[g] {
				scores[g] = scoreOf(&groups[g], all, d, nights)
			}
		}
	}
}

// groupsOf are the leaves alone, those of an indicator, of a source, and all.
func groupsOf(p *Panel, all []leaf) []group {
	var out []group
	whole := group{-1, -1, nil}
	byIndicator, bySource := make([]group, len(p.Indicators)), make([]group, max(len(p.Sources), 1))
	for i := range byIndicator {
		byIndicator[i] = group{i, -1, nil}
	}
	for i := range bySource {
		bySource[i] = group{-1, i, nil}
	}
	for i, l := range all {
		out = append(out, group{l.indicator, l.source, []int{i}})
		byIndicator[l.indicator].leaves = append(byIndicator[l.indicator].leaves, i)
		bySource[l.source].leaves = append(bySource[l.source].leaves, i)
		whole.leaves = append(whole.leaves, i)
	}
	for _, list := range [][]group{byIndicator, bySource, {whole}} {
		for _, g := range list {
			if len(g.leaves) > 1 {
				out = append(out, g)
			}
		}
	}
	return out
}

// score is a group's common jump and what it is worth.
type score struct {
	jump, z, p, should float64
}

func (s score) evidence() float64 { return math.Abs(s.z) }

// scoreOf weighs the leaves of a group by their precision and judges their
// mean jump by the spread that the same mean had on earlier nights, or by
// chance alone where that is more.
func scoreOf(g *group, all []leaf, d []float64, nights int) score {
	var sum, weights, should float64
	null := make([]float64, 0, nullNights)
	for _, i := range g.leaves {
		if math.IsNaN(d[i]) {
			continue
		}
		w := 1 / (all[i].sd * all[i].sd)
		sum += w * d[i]
		weights += w
		should += all[i].should
	}
	if weights == 0 {
		return score{p: 1}
	}
	s := score{jump: sum / weights, should: should}
	for offset := nights; offset < nights+nullNights; offset++ {
		var x, w float64
		for _, i := range g.leaves {
			if j := all[i].jump(offset, nights); !math.IsNaN(j) && !math.IsNaN(d[i]) {
				x += j / (all[i].sd * all[i].sd)
				w += 1 / (all[i].sd * all[i].sd)
			}
		}
		if w > 0 {
			null = append(null, x/w)
		}
	}
	if len(null) < localNights {
		return score{p: 1}
	}
	var squares float64
	for _, v := range null {
		squares += v * v
	}
	// Jumps of overlapping windows are not independent pieces of the null.
	freedom := max(float64(len(null))/float64(nights), 3)
	chance := lineVariance(nights) / weights
	sd := math.Sqrt(max(squares/float64(len(null)), chance))
	s.z = s.jump / sd
	s.p = 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: freedom}.Survival(math.Abs(s.z))
	return s
}
