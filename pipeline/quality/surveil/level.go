package surveil

import "math"

// block is the panel of one indicator, prepared: what every later test of its
// series shares.
type block struct {
	p      *Panel
	index  int   // of the indicator
	series []int // of the panel
	from   int   // first night that is used
	nights int   // that are used, with tonight

	// level is the mean of each series by day of the week, without outliers.
	level []float64 // len(series) x 7
	size  []float64 // mean over the week
	// known counts usable nights before tonight.
	known []int
	// group is the peer group of each series: those of its source where they
	// are enough, else all of the indicator.
	group  []int
	groups int
	// factor of a night in a group: what all its units share.
	factor []float64 // groups x nights
	weight []float64 // of a series in common factors
	last   []float64 // groups x 2: what tonight's factor is made of
	own    []float64 // len(series) x 2: the series' part of it
	alpha  float64   // of days
	// state of each night of each series.
	state []uint8 // len(series) x nights
}

// States of a night of a series.
const (
	usable uint8 = iota
	unknown
	high // a gross outlier
	low
)

// enough units make a peer group of their own.
const enoughPeers = 20

// improbable is the tail beyond which a past night is a gross outlier: rare
// enough to leave the dispersion as it is (it takes 0.2 % of a variance), and
// met by spikes wherever they matter.
const improbable = 1e-4

// roughAlpha is the dispersion that is assumed until it is estimated.
const roughAlpha = 0.05

func newBlock(p *Panel, indicator int, series []int) *block {
	b := &block{p: p, index: indicator, series: series, nights: min(p.Nights, History+1), alpha: roughAlpha}
	b.from = p.Nights - b.nights
	n := len(series)
	b.level, b.size, b.known = make([]float64, 7*n), make([]float64, n), make([]int, n)
	b.group, b.weight, b.state = make([]int, n), make([]float64, n), make([]uint8, n*b.nights)
	b.peers()
	for k := range series {
		for t := range b.nights {
			if !b.usable(k, t) {
				b.state[k*b.nights+t] = unknown
			}
		}
	}
	// The first round is of everything, the second without what the first
	// found far out.
	for range 2 {
		b.levels()
		b.factors()
		b.outliers()
		b.alpha = b.dayDispersion()
	}
	b.levels()
	b.factors()
	return b
}

// usable reports whether the number of a night may be used at all.
func (b *block) usable(k, t int) bool {
	p := b.p
	return p.at(p.Volume, b.series[k])[b.from+t] >= 0 && !(p.Free != nil && p.Free[b.from+t]) &&
		!(p.Rebased != nil && b.from+t < int(p.Rebased[b.series[k]]))
}

// volume of series k on night t of the block.
func (b *block) volume(k int) []int32 { return b.p.at(b.p.Volume, b.series[k])[b.from:] }

func (b *block) weekday(t int) int { return (int(b.p.First) + b.from + t) % 7 }

// peers puts each series into the group of its source.
func (b *block) peers() {
	p := b.p
	if p.UnitSource == nil {
		b.groups = 1
		return
	}
	count := make([]int, max(len(p.Sources), 1))
	for _, s := range b.series {
		count[p.UnitSource[p.Unit[s]]]++
	}
	group := make([]int, len(count))
	b.groups = 1 // the first is of all small sources
	for i, n := range count {
		if n >= enoughPeers {
			group[i] = b.groups
			b.groups++
		}
	}
	for k, s := range b.series {
		b.group[k] = group[p.UnitSource[p.Unit[s]]]
	}
}

// restAfter is how many known nights tell on which days of the week nothing
// ever comes.
const restAfter = 28

// levels takes the mean of each series by weekday over past nights that are
// neither unknown nor outliers. A weekday without three of them takes that of
// the week; one on which no night is ever known, while those of four weeks are,
// has none to be missed: the feed rests then.
func (b *block) levels() {
	for k := range b.series {
		v, state := b.volume(k), b.state[k*b.nights:]
		var sum [7]float64
		var n [7]int
		total, count := 0.0, 0
		day := b.weekday(0)
		for t := range b.nights - 1 {
			if state[t] == usable {
				sum[day] += float64(v[t])
				n[day]++
			}
			if day++; day == 7 {
				day = 0
			}
		}
		for d := range 7 {
			total += sum[d]
			count += n[d]
		}
		b.known[k] = count
		b.size[k] = 0
		for d := range 7 {
			l := 0.0
			switch {
			case n[d] >= 3:
				l = sum[d] / float64(n[d])
			case b.rests(state, d, count):
			case count > 0:
				l = total / float64(count)
			}
			b.level[7*k+d] = l
			b.size[k] += l / 7
		}
		b.weight[k] = 1 / (1 + b.alpha*b.size[k])
	}
}

// rests reports whether the feed brings nothing on the weekday: no night of it
// is known, tonight included, though count others are.
func (b *block) rests(state []uint8, weekday, count int) bool {
	if count < restAfter || b.weekday(b.nights-1) == weekday {
		return false
	}
	for t := range b.nights {
		if b.weekday(t) == weekday && state[t] != unknown {
			return false
		}
	}
	return true
}

// prior is the variance that a common factor may have: a factor that few units
// carry is drawn towards 1 as far as chance alone would explain it.
const prior = 0.01

// factors takes what the units of a group share on each night: the weighted sum
// of what they have over that of their levels. Large units weigh less than
// their size, so that no single one is the region.
func (b *block) factors() {
	b.last, b.own = make([]float64, 2*b.groups), make([]float64, 2*len(b.series))
	has := make([]float64, b.groups*b.nights)
	should := make([]float64, b.groups*b.nights)
	for k := range b.series {
		v, state := b.volume(k), b.state[k*b.nights:]
		at := b.group[k] * b.nights
		day := b.weekday(0)
		w := b.weight[k]
		for t := range b.nights {
			if state[t] == usable {
				e := b.level[7*k+day]
				y := within(float64(v[t]), e, b.alpha)
				has[at+t] += w * y
				should[at+t] += w * e
				if t == b.nights-1 {
					b.own[2*k], b.own[2*k+1] = w*y, w*e
				}
			}
			if day++; day == 7 {
				day = 0
			}
		}
	}
	for g := range b.groups {
		b.last[2*g], b.last[2*g+1] = has[(g+1)*b.nights-1], should[(g+1)*b.nights-1]
	}
	b.factor = has
	for i := range has {
		b.factor[i] = shrunk(has[i], should[i])
	}
}

// loudest is how many standard deviations one unit may add to what a group
// shares: no unit alone moves its peers.
const loudest = 5

// within is y within so much of its expectation.
func within(y, expected, alpha float64) float64 {
	slack := loudest * math.Sqrt(max(expected+alpha*expected*expected, 1))
	return min(max(y, expected-slack), expected+slack)
}

// shrunk is the factor has/should, drawn towards 1 by what chance explains.
// Weights make the sums behave as Poisson counts at most.
func shrunk(has, should float64) float64 {
	if should <= 0 {
		return 1
	}
	chance := 1 / should
	return max(1+(has/should-1)*prior/(prior+chance), 0.01)
}

// expected is what series k should have on night t.
func (b *block) expected(k, t int) float64 {
	f := b.factor[b.group[k]*b.nights+t]
	if g := b.group[k]; t == b.nights-1 {
		// Tonight a series is in nothing that it is compared with.
		f = shrunk(b.last[2*g]-b.own[2*k], b.last[2*g+1]-b.own[2*k+1])
	}
	return b.level[7*k+b.weekday(t)] * f
}

// outliers marks nights that are grossly improbable, tonight included.
func (b *block) outliers() {
	for k := range b.series {
		v, state := b.volume(k), b.state[k*b.nights:]
		f := b.factor[b.group[k]*b.nights:]
		day := b.weekday(0)
		for t := range b.nights {
			m := b.level[7*k+day] * f[t]
			if t == b.nights-1 {
				m = b.expected(k, t)
			}
			if day++; day == 7 {
				day = 0
			}
			if state[t] == unknown {
				continue
			}
			state[t] = usable
			d := float64(v[t]) - m
			if m <= 0 || d*d < 9*(m+b.alpha*m*m) {
				continue
			}
			tail := NegativeBinomial(int(v[t]), m, b.alpha)
			switch {
			case d > 0 && tail.Upper < improbable:
				state[t] = high
			case d < 0 && tail.Lower < improbable:
				state[t] = low
			}
		}
	}
}

// dayDispersion is the dispersion of days about their expectation.
func (b *block) dayDispersion() float64 {
	var m moments
	for k := range b.series {
		v, state := b.volume(k), b.state[k*b.nights:]
		f := b.factor[b.group[k]*b.nights:]
		day := b.weekday(0)
		c := 1.0
		if b.known[k] > 14 {
			// Each day's mean took the 1/28th of a variance that the day is.
			c = 1 / (1 - 7/float64(b.known[k]))
		}
		for t := range b.nights - 1 {
			if state[t] == usable {
				e := b.level[7*k+day] * f[t]
				d := float64(v[t]) - e
				m.add(b.alpha, c*d*d, e, e*e)
			}
			if day++; day == 7 {
				day = 0
			}
		}
	}
	return m.alpha()
}

// moments estimate a pooled alpha from squared residuals, each with the
// Poisson part of its variance and the factor of alpha, weighted by what the
// residual's own variance leaves of its information.
type moments struct {
	over, square, noise float64
	n                   int
}

func (m *moments) add(guess, residual2, poisson, square float64) {
	v := poisson + guess*square
	if v <= 0 {
		return
	}
	w := square / (v * v)
	m.over += w * (residual2 - poisson)
	m.square += w * square
	m.noise += 2 * w * w * v * v
	m.n++
}

// alpha is the estimate with one standard error above it: a night judged by
// too small a dispersion asks people in vain.
func (m *moments) alpha() float64 {
	if m.square <= 0 {
		return 0
	}
	return max(0, m.over/m.square) + math.Sqrt(m.noise)/m.square
}
