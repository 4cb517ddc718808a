package surveil

import (
	"cmp"
	"math"
	"slices"
)

// units is the night by unit, over all indicators together.
type units struct {
	p     *Panel
	o     *Options
	parts []*part
	// cells of each unit: where its series are.
	cells [][]place
	// has and should are the records of tonight over all indicators.
	has, should []float64
	// fresh units have no history in any indicator.
	fresh []bool
	// gone are those units that another finding of this kind explains.
	gone map[int]bool
}

// place is row k of the block of an indicator.
type place struct {
	t *part
	k int
}

func newUnits(p *Panel, o *Options, parts []*part) *units {
	u := &units{p: p, o: o, parts: parts, cells: make([][]place, len(p.Units)), gone: map[int]bool{}}
	u.has, u.should, u.fresh = make([]float64, len(p.Units)), make([]float64, len(p.Units)), make([]bool, len(p.Units))
	for _, t := range parts {
		for k, s := range t.b.series {
			u.cells[p.Unit[s]] = append(u.cells[p.Unit[s]], place{t, k})
		}
	}
	for i := range u.cells {
		for _, c := range u.cells[i] {
			has, should := c.last(1)
			u.has[i] += has
			u.should[i] += should
		}
		// A code that began within the last week has its level from it.
		u.fresh[i] = u.has[i] > 0 && u.began(i) >= 0
	}
	return u
}

// last is what the series has and should have over the last nights.
func (c place) last(nights int) (has, should float64) {
	b := c.t.b
	v := b.volume(c.k)
	for t := max(b.nights-nights, 0); t < b.nights; t++ {
		should += b.expected(c.k, t)
		if v[t] >= 0 {
			has += float64(v[t])
		}
	}
	return has, should
}

// longestMove is the number of nights in which a move is still one.
const longestMove = 7

// began is the first night, counted from the end, on which the unit had
// anything, if that lies within the last week; else -1.
func (u *units) began(i int) int {
	first := -1
	for _, c := range u.cells[i] {
		b := c.t.b
		v := b.volume(c.k)
		for t := range b.nights {
			if v[t] > 0 {
				if t < b.nights-longestMove {
					return -1
				}
				if first < 0 || t < first {
					first = t
				}
				break
			}
		}
	}
	if first < 0 {
		return -1
	}
	return u.parts[0].b.nights - first
}

// silent finds units that should have sent something tonight and sent nothing
// in any indicator (K01). A unit whose nights cannot be used is not silent.
func (u *units) silent() []Finding {
	if u.o.Off["K01"] {
		return nil
	}
	var out []Finding
	level := u.o.threshold("K01", -1).P
	for i := range u.cells {
		if u.has[i] > 0 || u.should[i] <= 0 || u.gone[i] {
			continue
		}
		logP, told := 0.0, true
		for _, c := range u.cells[i] {
			b := c.t.b
			// Indicators of a unit need not be independent; a few of them carry
			// the same silence. The strongest one bounds what all of them say.
			logP = min(logP, logPoint(0, b.expected(c.k, b.nights-1), b.alpha))
			told = told && b.state[(c.k+1)*b.nights-1] != unknown
		}
		if all := logPoint(0, u.should[i], roughAlpha); all < logP {
			logP = all
		}
		if p := math.Exp(logP); told && p < level {
			out = append(out, Finding{Check: "K01", Series: -1, Unit: i, Other: -1, Indicator: -1, Source: -1, Scale: 1,
				Expected: u.should[i], P: p, Into: -1})
		}
	}
	return out
}

// repeatNights is how far back a stale copy is looked for.
const repeatNights = 35

// stale finds units whose whole content of tonight is that of an earlier night
// (T08). One indicator alone repeats by chance; (nearly) all of them together do
// not.
func (u *units) stale() []Finding {
	if u.o.Off["T08"] {
		return nil
	}
	threshold := u.o.threshold("T08", -1)
	var out []Finding
	for i, cells := range u.cells {
		if u.has[i] == 0 {
			continue
		}
		for back := 1; back <= repeatNights; back++ {
			logP, told, differ := math.Log(repeatNights), 0, 0
			for _, c := range cells {
				b := c.t.b
				v := b.volume(c.k)
				last := b.nights - 1
				t := last - back
				if t < 0 || v[t] != v[last] || u.p.Numerator != nil && u.numerator(c)[t] != u.numerator(c)[last] {
					if differ++; t < 0 || differ > len(cells)/5 {
						break
					}
					continue
				}
				if v[t] > 0 {
					told++
				}
				logP += logPoint(v[last], b.expected(c.k, last), b.alpha)
				if u.p.Numerator != nil {
					logP += logHalf(u.numerator(c)[last], v[last])
				}
			}
			if differ > len(cells)/5 || float64(told) < threshold.Count {
				continue
			}
			// Which of them differ may be chosen.
			logP += lchoose(float64(len(cells)), float64(differ))
			if p := math.Exp(logP); p < threshold.P {
				out = append(out, Finding{Check: "T08", Series: -1, Unit: i, Other: -1, Indicator: -1, Source: -1, Scale: 1,
					Observed: u.has[i], Expected: u.should[i], P: p, Nights: back, Into: -1})
				break
			}
		}
	}
	return out
}

func (u *units) numerator(c place) []int32 {
	b := c.t.b
	return b.p.at(b.p.Numerator, b.series[c.k])[b.from:]
}

// move is a proposal that volume went from one unit to others.
type move struct {
	from, nights int
	to           []int
	evidence     float64 // log likelihood ratio against no move
	score        float64 // by which proposals are compared
	lost, gained float64
	variance     float64 // of what was gained less what was lost, by chance
}

// moved finds units that merged and units that split (X06): volume that
// vanishes from one code appears under another, in the same proportions over
// the indicators. Each unit is in one proposal at most, the best first.
func (u *units) moved() []Finding {
	if u.o.Off["X06"] {
		return nil
	}
	threshold := u.o.threshold("X06", -1)
	// That a unit vanished or a code is new is a fact; what is to be shown is
	// with which of all units it belongs together.
	need := math.Log(float64(max(len(u.p.Units), 1)) / max(threshold.P, 1e-300))
	var all []move
	all = append(all, u.merges(threshold)...)
	all = append(all, u.splits(threshold)...)
	slices.SortStableFunc(all, func(a, b move) int {
		return cmp.Or(-cmp.Compare(a.score, b.score), cmp.Compare(a.from, b.from))
	})
	used := map[int]bool{}
	var out []Finding
	for _, m := range all {
		taken := used[m.from]
		for _, to := range m.to {
			taken = taken || used[to]
		}
		if taken || m.evidence < need {
			continue
		}
		used[m.from] = true
		u.gone[m.from] = true
		for _, to := range m.to {
			used[to] = true
			out = append(out, Finding{Check: "X06", Series: -1, Unit: m.from, Other: to, Indicator: -1, Source: -1, Scale: m.nights,
				Observed: m.gained, Expected: m.lost, P: math.Exp(-m.evidence), Into: -1})
		}
	}
	// Parts of one split are one task.
	first := map[int]int{}
	for i := range out {
		if at, ok := first[out[i].Unit]; ok {
			out[i].Into = at
			continue
		}
		first[out[i].Unit] = i
	}
	return out
}

// conserved reports whether what was gained is what was lost: at least the
// threshold's share, and no more than chance allows.
func conserved(lost, gained, variance float64, t Threshold) bool {
	slack := 3 * math.Sqrt(variance)
	return lost >= t.Count && gained >= t.Fraction*lost-slack && gained >= t.Count && gained <= lost/max(t.Fraction, 0.01)+slack
}

// nothing is the share of what it should have that a vanished unit may hold.
const nothing = 0.02

// merges looks for each unit that has vanished for the one that holds its
// volume since, over as many nights of the last week as it has been gone: the
// more there are, the closer volume must be conserved.
func (u *units) merges(threshold Threshold) []move {
	var out []move
	for i := range u.cells {
		nights, has, should := 0, 0.0, 0.0
		for n := 1; n <= longestMove; n++ {
			h, s := 0.0, 0.0
			for _, c := range u.cells[i] {
				a, b := c.last(n)
				h, s = h+a, s+b
			}
			if h > nothing*s {
				break
			}
			nights, has, should = n, h, s
		}
		if should < max(threshold.Count, 7) || NegativeBinomial(int(has), should, roughAlpha).Lower > 1e-6 {
			continue
		}
		best := move{from: i, nights: nights}
		for j := range u.cells {
			if j == i || u.fresh[j] { // for new codes there is splits
				continue
			}
			if m, ok := u.merge(i, j, nights, threshold); ok && m.score > best.score {
				best = m
			}
		}
		if len(best.to) > 0 {
			out = append(out, best)
		}
	}
	return out
}

// merge weighs that unit j holds what unit i has lost.
func (u *units) merge(i, j, nights int, threshold Threshold) (move, bool) {
	m := move{from: i, to: []int{j}, nights: nights}
	variance := 0.0
	b := u.cells[j]
	holds, held := 0.0, 0.0
	for _, c := range b {
		h, s := c.last(nights)
		holds, held = holds+h, held+s
	}
	if holds <= held || held <= 0 {
		return m, false
	}
	own, fit := holds/held, loss
	at := 0
	for _, c := range u.cells[i] {
		for at < len(b) && b[at].t.b.index < c.t.b.index {
			at++
		}
		has, should := c.last(nights)
		lost := should - has
		m.lost += lost
		if at == len(b) || b[at].t != c.t {
			continue
		}
		h, s := b[at].last(nights)
		alpha := c.t.b.alpha / float64(nights)
		m.gained += h - s
		variance += s + alpha*s*s + should + alpha*should*should
		if lost > 0 {
			const floor = 0.05 // a unit without a level may hold something
			with := logPoint(int32(h), max(s+lost, floor), alpha)
			m.evidence += with - logPoint(int32(h), max(s, floor), alpha)
			// A gain on its own, of any size, would explain j too.
			fit += with - logPoint(int32(h), max(s*own, floor), alpha)
		}
		// Early out: most units are nowhere near.
		if m.evidence < -50 {
			return m, false
		}
	}
	m.score = min(m.evidence, fit)
	return m, m.evidence > 0 && fit > -loss && conserved(m.lost, m.gained, variance, threshold)
}

// splits looks for each new code for the unit that lost what it holds, and for
// new codes that are left for the one that lost what they hold together.
func (u *units) splits(threshold Threshold) []move {
	var out []move
	var left []int
	for j := range u.cells {
		if !u.fresh[j] {
			continue
		}
		best := move{nights: u.began(j)}
		for i := range u.cells {
			if u.fresh[i] {
				continue
			}
			if m, ok := u.part(i, j, best.nights, threshold); ok && m.score > best.score && conserved(m.lost, m.gained, m.variance, threshold) {
				best = m
			}
		}
		if len(best.to) == 0 {
			left = append(left, j)
			continue
		}
		out = append(out, best)
	}
	byUnit := map[int]move{}
	for _, j := range left {
		best := move{nights: u.began(j)}
		for i := range u.cells {
			if u.fresh[i] {
				continue
			}
			if m, ok := u.part(i, j, best.nights, threshold); ok && m.score > best.score {
				best = m
			}
		}
		if len(best.to) > 0 {
			m := byUnit[best.from]
			best.to = append(m.to, best.to...)
			best.gained += m.gained
			byUnit[best.from] = best
		}
	}
	for i := range u.cells {
		if m, ok := byUnit[i]; ok && conserved(m.lost, m.gained, m.variance, threshold) {
			out = append(out, m)
		}
	}
	return out
}

// loss is how much less probable it is beforehand, as a logarithm, that a unit
// loses records on the very night than that nothing happens to it.
const loss = 10.0

// part weighs that the new code j holds a part of unit i: i lacks what j has,
// and j has it in i's proportions.
func (u *units) part(i, j, nights int, threshold Threshold) (move, bool) {
	m := move{from: i, to: []int{j}, nights: nights}
	total, should, has := 0.0, 0.0, 0.0
	for _, c := range u.cells[j] {
		h, _ := c.last(nights)
		total += h
	}
	for _, c := range u.cells[i] {
		h, s := c.last(nights)
		should += s
		has += h
	}
	if should <= 0 || total < threshold.Count || has >= should {
		return m, false
	}
	share := min(total/should, 1)
	const trace = 0.02 // of what should be: nothing is ever impossible
	fit := loss
	b := u.cells[j]
	at := 0
	for _, c := range u.cells[i] {
		for at < len(b) && b[at].t.b.index < c.t.b.index {
			at++
		}
		h, s := c.last(nights)
		alpha := c.t.b.alpha / float64(nights)
		m.lost += s - h
		m.variance += s + alpha*s*s
		left := logPoint(int32(h), max(s*(1-share), trace*s), alpha)
		m.evidence += left - logPoint(int32(h), s, alpha)
		// A loss on its own, of any size, would explain i too.
		fit += left - logPoint(int32(h), max(s*has/should, trace*s), alpha)
		if at < len(b) && b[at].t == c.t {
			got, _ := b[at].last(nights)
			m.gained += got
			// In i's proportions, against the same total spread evenly.
			pattern := logPoint(int32(got), max(s*share, trace), alpha) - logPoint(int32(got), max(total/float64(len(b)), trace), alpha)
			m.evidence += pattern
			fit += pattern
		}
	}
	// With as many chances as there are units, some unit lost something on its
	// own; a fit that is worse than that contradicts the split.
	m.score = min(m.evidence, fit)
	if fit < loss/2 {
		return m, false
	}
	// What other parts of the same unit hold is not known here: no upper bound.
	return m, m.evidence > 0 && m.lost >= threshold.Fraction*m.gained-3*math.Sqrt(m.variance)
}

// arrived finds new codes that nothing explains and that hold enough to matter
// (X06): whose they are is for a person to say.
func (u *units) arrived(explained map[int]bool) []Finding {
	if u.o.Off["X06"] {
		return nil
	}
	var out []Finding
	for j := range u.cells {
		if u.fresh[j] && !explained[j] && u.has[j] >= newCode {
			out = append(out, Finding{Check: "X06", Series: -1, Unit: -1, Other: j, Indicator: -1, Source: -1, Scale: u.began(j),
				Observed: u.has[j], Up: true, Into: -1})
		}
	}
	return out
}

// newCode is how many records a new code holds before somebody is asked.
const newCode = 20
