package surveil

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Past is one indicator by the periods in which its events happened, as it is
// known tonight. A first delivery brings months of it, and a feed that comes
// once a month never has nights to compare: what is odd about a period is then
// judged by the periods around it. Columns are series-major: series s in period
// t is row s*Periods+t; periods follow each other without a gap.
type Past struct {
	Series, Periods int
	// Step is how many periods lie between two that are alike: 7 for days, else
	// 1. Year is how many make a year, 0: not looked at.
	Step, Year int
	// Window is how many alike periods on each side are the baseline, Least how
	// many of them together are one, Persist how many neighbours in a row must
	// share a difference for it to be a level and no fault of one period.
	Window, Least, Persist int

	// Volume counts records; Unknown where there is no cell, or none that counts.
	Volume []int32
	// Test marks what is new tonight.
	Test []bool
	// Asked marks what of it a person has been asked already; nil: nothing. It
	// stays found as long as it is odd, whatever else the night brings.
	Asked []bool
	// Old marks what is new tonight and of a period so long ago that only a gross
	// difference of it is a question; nil: nothing.
	Old []bool
	// Young periods, by period, are still filling: they are in no baseline, and
	// can only be found too high.
	Young []bool
	// Free periods are holidays; nil: none is.
	Free []bool
	// Days is how long each period is, for what all series share; nil: all alike.
	Days []int32
	// Rebased is the first period of each series at its present level, where a
	// real change was accepted; nil: none.
	Rebased []int32
}

// Validate says everything that is wrong with the shapes.
func (p *Past) Validate() error {
	var errs []error
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("%w: %s", ErrPanel, fmt.Sprintf(format, a...)))
	}
	rows := p.Series * p.Periods
	if p.Series < 0 || p.Periods < 1 || p.Step < 1 || p.Year < 0 || p.Window < 1 || p.Least < 2 || p.Persist < 1 {
		bad("%d series, %d periods, step %d, year %d, window %d, least %d, persist %d", p.Series, p.Periods, p.Step, p.Year, p.Window, p.Least, p.Persist)
	}
	if len(p.Volume) != rows || len(p.Test) != rows || p.Asked != nil && len(p.Asked) != rows {
		bad("%d volumes, %d tests and %d asked are not %d series of %d periods", len(p.Volume), len(p.Test), len(p.Asked), p.Series, p.Periods)
	}
	if p.Old != nil && len(p.Old) != rows {
		bad("Old has %d rows", len(p.Old))
	}
	if p.Days != nil && len(p.Days) != p.Periods {
		bad("Days has %d rows", len(p.Days))
	}
	if len(p.Young) != p.Periods || p.Free != nil && len(p.Free) != p.Periods {
		bad("Young has %d rows, Free %d", len(p.Young), len(p.Free))
	}
	if p.Rebased != nil && len(p.Rebased) != p.Series {
		bad("Rebased has %d rows", len(p.Rebased))
	}
	return errors.Join(errs...)
}

// Windows is the past in windows of so many periods, the newest ending with the
// newest one that is not filling any more, and the first period of the first
// window; nil: there are not two. Held periods are those of which nothing may be
// used; one that is only unknown holds no records, unless all of its window are.
func (p *Past) Windows(periods int, held []bool) (w *Past, begin int) {
	end := p.Periods
	for end > 0 && p.Young[end-1] {
		end--
	}
	n := end / periods
	if n < 2 {
		return nil, 0
	}
	begin = end - n*periods
	rows := n * p.Series
	w = &Past{Series: p.Series, Periods: n, Step: 1, Window: p.Window, Least: p.Least, Persist: 2,
		Volume: make([]int32, rows), Test: make([]bool, rows), Asked: make([]bool, rows), Young: make([]bool, n)}
	for k := range rows {
		known, bad := false, false
		from := k/n*p.Periods + begin + k%n*periods
		for i := from; i < from+periods; i++ {
			if p.Volume[i] >= 0 {
				w.Volume[k] += p.Volume[i]
				known = true
			}
			bad = bad || held != nil && held[i]
			w.Test[k] = w.Test[k] || p.Test[i]
			w.Asked[k] = w.Asked[k] || p.Asked != nil && p.Asked[i]
		}
		if !known || bad {
			w.Volume[k] = Unknown
		}
	}
	if p.Rebased != nil {
		w.Rebased = make([]int32, p.Series)
		for s, t := range p.Rebased {
			w.Rebased[s] = int32(max(int(t)-begin+periods-1, 0) / periods)
		}
	}
	return w, begin
}

// Odd is a period of a series that differs from those around it. Series is -1
// for what all series of the indicator share.
type Odd struct {
	Series, Period     int
	Observed, Expected float64
	P                  float64
	Up                 bool
	// Asked is that of Past.
	Asked bool
}

// Oddities are what Look found.
type Oddities struct {
	// Found are large enough to matter and improbable on their own; whether they
	// are found is for the control of false discoveries of the night.
	Found []Odd
	// Common are shifts that all series share in the newest period, if they are.
	Common []Odd
	// Gross are differences of old periods that no chance explains among so many:
	// outside the control of false discoveries. Series is -1 for what all share.
	Gross []Odd
	// Tested is how many hypotheses were looked at, with those of Found and of
	// Common.
	Tested int
	// Alpha is the dispersion of the indicator.
	Alpha float64
	// Skipped is how many had too short a history, or were free.
	Skipped int
}

// single is the probability above which a difference is no question whatever
// else the night brings.
const single = 0.01

const (
	// grossly is how many times more or less of an old period is a gross difference,
	// and unheard how improbable it must be: 10 million periods hold one such by
	// chance at most.
	grossly = 5
	unheard = 1e-7
)

// gross reports whether the difference is one that is asked about however old.
func (v *Odd) gross() bool {
	return v.Observed >= grossly*v.Expected || v.Observed <= v.Expected/grossly
}

// Look judges every tested period by those around it: alike periods on both
// sides, without the tested one, without gross outliers, times what all series
// of the indicator share in that period. The test is conditional on the sum of
// both, as for the windows of nights, with the dispersion of the indicator or
// the series' own where that is more: a series that has always leapt is asked
// about less.
//
// What persists is a level, not a fault of a period, and is not found: a
// difference that the next periods on either side share. Nor is one that the
// series had a year before: that is its season.
func Look(p *Past, threshold func(series int) Threshold, common Threshold) (Oddities, error) {
	if err := p.Validate(); err != nil {
		return Oddities{}, err
	}
	l := &look{p: p, alpha: roughAlpha}
	l.prepare()
	return l.judge(threshold, common), nil
}

// look is a past with what the tests of its series share.
type look struct {
	p     *Past
	state []uint8 // as of a block
	// factor is what the series share in a period relative to those around it,
	// last and own are what it is made of.
	has, should []float64
	// centre is what they shared in the round before: no series may be far from it.
	centre  []float64
	alpha   float64
	own     []float64 // alpha of each series
	mean    []float64 // of each series, for weights
	y, n    []float64 // prefix sums of one series, by residue of Step
	rebased int       // of that series
	filled  []int     // how much farther back the baseline of each period reaches
}

func (l *look) at(s, t int) int { return s*l.p.Periods + t }

// prepare finds, in two rounds as a block does, what the series share, what is
// far out, and how much the rest varies.
func (l *look) prepare() {
	p := l.p
	rows := p.Series * p.Periods
	l.state = make([]uint8, rows)
	l.own, l.mean = make([]float64, p.Series), make([]float64, p.Series)
	l.y, l.n = make([]float64, p.Periods+p.Step), make([]float64, p.Periods+p.Step)
	l.filled = make([]int, p.Periods)
	for t := p.Step; t < p.Periods; t++ {
		if l.filled[t] = l.filled[t-p.Step]; p.Young[t-p.Step] {
			l.filled[t]++
		}
	}
	for t := range p.Periods {
		after := 0
		for k := t + p.Step; k < p.Periods && !p.Young[k] && after < p.Window; k += p.Step {
			after++
		}
		if p.Step > 1 { // of what is a week apart more is like it
			l.filled[t] += (p.Window - after) / 2
		}
	}
	for s := range p.Series {
		sum, n := 0.0, 0.0
		for t := range p.Periods {
			i := l.at(s, t)
			if p.Volume[i] < 0 || p.Free != nil && p.Free[t] {
				l.state[i] = unknown
			} else if !p.Young[t] {
				sum += float64(p.Volume[i])
				n++
			}
		}
		if n > 0 {
			l.mean[s] = sum / n
		}
	}
	l.has, l.should, l.centre = make([]float64, p.Periods), make([]float64, p.Periods), make([]float64, p.Periods)
	for range 2 {
		l.share()
		l.vary()
	}
	l.share()
}

// sums lays the prefix sums of a series out.
func (l *look) sums(s int) {
	p := l.p
	step := p.Step
	l.rebased = 0
	if p.Rebased != nil {
		l.rebased = int(p.Rebased[s])
	}
	for t := range p.Periods {
		y, n := l.y[t], l.n[t] // of the alike period before
		if i := l.at(s, t); l.state[i] == usable && !p.Young[t] {
			y += float64(p.Volume[i])
			n++
		}
		l.y[t+step], l.n[t+step] = y, n
	}
}

// around is the sum of the usable alike periods around t and their number:
// those before, and unless before is set those after it, at the level that
// the series has in t.
func (l *look) around(t int, before bool) (sum, n float64) {
	p := l.p
	step := p.Step
	// Those that are still filling are none of the baseline's, and on one side there
	// are fewer: it reaches farther back.
	from, first := t-(p.Window+l.filled[t])*step, 0
	if t >= l.rebased {
		first = l.rebased
	}
	for from < first {
		from += step
	}
	// l.y[i+step] holds what is alike and not after i; l.y[i] what is before i.
	sum, n = l.y[t]-l.y[from], l.n[t]-l.n[from]
	if before || t+step >= p.Periods {
		return sum, n
	}
	to, end := t+p.Window*step, p.Periods
	if t < l.rebased {
		end = l.rebased
	}
	for to >= end {
		to -= step
	}
	return sum + l.y[to+step] - l.y[t+step], n + l.n[to+step] - l.n[t+step]
}

// share takes what the series of the indicator have in common in each period.
func (l *look) share() {
	p := l.p
	for t := range l.centre {
		l.centre[t] = 1
		if l.should[t] > 0 {
			l.centre[t] = shrunk(l.has[t], l.should[t])
		}
	}
	clear(l.has)
	clear(l.should)
	for s := range p.Series {
		l.sums(s)
		w := l.weight(s)
		for t := range p.Periods {
			i := l.at(s, t)
			if l.state[i] != usable {
				continue
			}
			sum, n := l.around(t, false)
			if n < float64(p.Least) || sum <= 0 {
				continue
			}
			e := sum / n
			l.has[t] += w * within(float64(p.Volume[i]), e*l.centre[t], l.alpha)
			l.should[t] += w * e
		}
	}
}

func (l *look) weight(s int) float64 { return 1 / (1 + l.alpha*l.mean[s]) }

// factor is what the others share in period t. A period that is still filling
// has no less than those around it.
func (l *look) factor(s, t int, y, e float64) float64 {
	has, should := l.has[t], l.should[t]
	if l.state[l.at(s, t)] == usable {
		w := l.weight(s)
		has -= w * within(y, e*l.centre[t], l.alpha)
		should -= w * e
	}
	f := 1.0
	if should > 1e-9 {
		f = shrunk(max(has, 0), should)
	}
	if l.p.Young[t] {
		return max(f, 1)
	}
	return f
}

// vary marks what is grossly improbable and estimates the dispersion of the
// rest about what the periods around it, and those before it, say: how wrong
// the very prediction is that a period is judged by.
func (l *look) vary() {
	p := l.p
	var both, before moments
	for s := range p.Series {
		l.sums(s)
		var own moments
		for t := range p.Periods {
			i := l.at(s, t)
			if l.state[i] == unknown || p.Young[t] {
				continue
			}
			y := float64(p.Volume[i])
			sum, n := l.around(t, false)
			if n < float64(p.Least) || sum <= 0 {
				continue
			}
			f := l.factor(s, t, y, sum/n)
			e := sum / n * f
			d := y - e
			state := usable
			if d*d > 9*(e+l.alpha*e*e) {
				tail := NegativeBinomial(int(p.Volume[i]), e, l.alpha)
				switch {
				case d > 0 && tail.Upper < improbable:
					state = high
				case d < 0 && tail.Lower < improbable:
					state = low
				}
			}
			if l.state[i] = state; state != usable {
				continue
			}
			own.add(l.alpha, d*d, e*(1+f/n), e*e*(1+1/n))
			both.add(l.alpha, d*d, e*(1+f/n), e*e*(1+1/n))
			if sum, n := l.around(t, true); n >= float64(p.Least) && sum > 0 {
				e := sum / n * f
				d := y - e
				before.add(l.alpha, d*d, e*(1+f/n), e*e*(1+1/n))
			}
		}
		l.own[s] = 0
		if own.n >= 2*p.Least && own.square > 0 {
			// As far as chance does not explain that it is more than the others'.
			l.own[s] = (own.over - math.Sqrt(own.noise)) / own.square
		}
	}
	l.alpha = max(both.alpha(), before.alpha())
	if both.n == 0 {
		l.alpha = roughAlpha
	}
}

// ratio is a period's volume relative to what is expected of it; ok is false
// where that is not known.
func (l *look) ratio(s, t int) (r float64, ok bool) {
	if t < 0 || t >= l.p.Periods || l.state[l.at(s, t)] == unknown {
		return 0, false
	}
	sum, n := l.around(t, false)
	if n < float64(l.p.Least) || sum <= 0 {
		return 0, false
	}
	y := float64(l.p.Volume[l.at(s, t)])
	return y / (sum / n * l.factor(s, t, y, sum/n)), true
}

// like reports whether period t differs from what is expected of it in the same
// way, by at least half as much.
func (l *look) like(s, t int, r float64) bool {
	v, ok := l.ratio(s, t)
	if !ok {
		return false
	}
	if r > 1 {
		return v-1 >= (r-1)/2
	}
	return !l.p.Young[t] && 1-v >= (1-r)/2
}

// level reports whether the difference of period t is no fault of that period:
// the next ones on one side have it too, or the same time of last year.
func (l *look) level(s, t int, r float64) bool {
	p := l.p
	for _, side := range [...]int{-1, 1} {
		known := 0
		for k, met := t+side, 0; k >= 0 && k < p.Periods && met < p.Persist; k += side {
			if _, ok := l.ratio(s, k); !ok || r < 1 && p.Young[k] {
				if p.Free != nil && p.Free[k] {
					continue
				}
				break
			}
			met++
			if !l.like(s, k, r) {
				known = -1
				break
			}
			known = met
		}
		if known == p.Persist {
			return true
		}
	}
	if p.Year > 0 {
		for year := t - p.Year; year >= 0; year -= p.Year {
			for k := -p.Step; k <= p.Step; k += p.Step {
				if (p.Year > 12 || k == 0) && l.like(s, year+k, r) {
					return true
				}
			}
		}
	}
	return false
}

// trend reports whether its nearest alike periods lead at least half of the way
// to where period t is, or beyond: on the line through some on each side, or at an
// end of the series through as many on one. What grows or shrinks by itself, as a
// sum over the last twelve months of a unit that has just opened, is no fault.
func (l *look) trend(s, t int, y, e float64) bool {
	p := l.p
	var x, v [6]float64
	most := 4
	if p.Step > 1 {
		most = len(x) // what is a week apart grows slowly
	}
	n := 0
	take := func(way, most int) (got int) {
		for k := t + way*p.Step; k >= 0 && k < p.Periods && got < most && (k-t)*way <= (p.Window+l.filled[t])*p.Step; k += way * p.Step {
			i := l.at(s, k)
			if l.state[i] == unknown || p.Young[k] {
				continue
			}
			x[n], v[n] = float64(k-t), float64(p.Volume[i])
			n++
			got++
		}
		return got
	}
	left := take(-1, most/2)
	if right := take(1, most-left); left == most/2 && right < most/2 {
		n = 0
		take(1, right)
		take(-1, most-right)
	}
	if n < 3 {
		return false
	}
	var sx, sy, sxx, sxy float64
	for i := range n {
		sx += x[i]
		sy += v[i]
		sxx += x[i] * x[i]
		sxy += x[i] * v[i]
	}
	m := float64(n)
	spread := sxx - sx*sx/m
	if spread <= 0 {
		return false
	}
	slope := (sxy - sx*sy/m) / spread
	return ((sy-slope*sx)/m-e)/(y-e) > 0.5
}

// judge makes the tests.
func (l *look) judge(threshold func(series int) Threshold, common Threshold) (r Oddities) {
	p := l.p
	r.Alpha = l.alpha
	tested, aged := make([]bool, p.Periods), make([]bool, p.Periods)
	for s := range p.Series {
		floor := threshold(s)
		ready := false
		for t := range p.Periods {
			i := l.at(s, t)
			old := p.Old != nil && p.Old[i] && !p.Test[i]
			if !p.Test[i] && !old {
				continue
			}
			tested[t] = tested[t] || !old
			aged[t] = aged[t] || old
			if l.state[i] == unknown {
				if !old {
					r.Skipped++
				}
				continue
			}
			if !ready {
				l.sums(s)
				ready = true
			}
			sum, n := l.around(t, false)
			if n < float64(p.Least) || sum <= 0 {
				if !old {
					r.Skipped++
				}
				continue
			}
			if old {
				if odd, ok := l.test(s, t, sum, n, floor); ok && odd.gross() && odd.P < unheard {
					r.Gross = append(r.Gross, odd)
				}
				continue
			}
			r.Tested++
			if odd, ok := l.test(s, t, sum, n, floor); ok {
				odd.Asked = p.Asked != nil && p.Asked[i]
				r.Found = append(r.Found, odd)
			}
		}
	}
	if common.P > 0 {
		m := l.shared()
		for t := range p.Periods {
			if !tested[t] && !aged[t] || p.Young[t] {
				continue
			}
			odd, ok := m.judge(t, common)
			if !tested[t] {
				if ok && odd.P < 1 && odd.gross() {
					r.Gross = append(r.Gross, odd)
				}
				continue
			}
			if ok {
				r.Tested++
				if odd.P < 1 {
					r.Common = append(r.Common, odd)
				}
			}
		}
	}
	return r
}

// test judges one period: the floor of magnitude first, since it is the cheapest.
func (l *look) test(s, t int, sum, n float64, floor Threshold) (Odd, bool) {
	p := l.p
	i := l.at(s, t)
	y := float64(p.Volume[i])
	f := l.factor(s, t, y, sum/n)
	e := sum / n * f
	if !floor.passes(y, e) || y < e && l.filling(t) {
		return Odd{}, false
	}
	ratio := n / f
	total := math.Round(sum) + y
	d := y - total/(1+ratio)
	v := total * ratio / ((1 + ratio) * (1 + ratio))
	a := 1 / max(l.alpha, l.own[s], 1e-10)
	v *= (a*(1+ratio) + total) / (a*(1+ratio) + 1)
	if v <= 0 || d*d < 6.25*v || l.level(s, t, y/e) || l.trend(s, t, y, e) {
		return Odd{}, false
	}
	odd := Odd{Series: s, Period: t, Observed: y, Expected: e, Up: y > e, P: BetaBinomial(int(y), int(total), a, a*ratio).MidP()}
	return odd, odd.P < single
}

// enough is the share of what should be there below which a period at the end,
// in all series together, is still filling whatever the catalog says.
const enough = 0.75

// filling reports whether the period is younger than its records need to come.
func (l *look) filling(t int) bool {
	if l.p.Young[t] {
		return true
	}
	for k := t; k < l.p.Periods; k++ {
		if l.should[k] > 0 && shrunk(l.has[k], l.should[k]) >= enough {
			return false
		}
	}
	return true
}

// fewestCommon is of how many series a shift is common, and by how many earlier
// periods it is judged.
const fewestCommon, fewestNull = 3, 8

// led is how many alike periods lead to the one that is judged.
const led = 6

// shared is what all series have in common in each period, against those before
// it.
type shared struct {
	p                                 *Past
	has, should, noise, series, total []float64
}

// shared adds it up.
func (l *look) shared() *shared {
	p := l.p
	m := &shared{p, make([]float64, p.Periods), make([]float64, p.Periods), make([]float64, p.Periods), make([]float64, p.Periods), make([]float64, p.Periods)}
	usual := 0.0 // days of a period
	for _, d := range p.Days {
		usual += float64(d) / float64(p.Periods)
	}
	for s := range p.Series {
		l.sums(s)
		w := l.weight(s)
		for k := range p.Periods {
			i := l.at(s, k)
			if l.state[i] == unknown || p.Young[k] {
				continue
			}
			sum, n := l.around(k, true)
			if n < float64(p.Least) || sum <= 0 {
				continue
			}
			e := sum / n
			if p.Days != nil {
				e *= float64(p.Days[k]) / usual
			}
			m.has[k] += w * within(float64(p.Volume[i]), e*l.centre[k], l.alpha)
			m.should[k] += w * e
			m.noise[k] += w * w * (e + l.alpha*e*e)
			m.series[k]++
			m.total[k] += e
		}
	}
	return m
}

// shift is the logarithm of what all series have over what those before say, less
// that of a year before.
func (m *shared) shift(k int) (float64, bool) {
	if k < 0 || k >= m.p.Periods || m.should[k] <= 0 || m.has[k] <= 0 {
		return 0, false
	}
	d := math.Log(m.has[k] / m.should[k])
	if year := k - m.p.Year; m.p.Year > 0 && year >= 0 && m.should[year] > 0 && m.has[year] > 0 {
		d -= math.Log(m.has[year] / m.should[year])
	}
	return d, true
}

// jump is the shift of a period from where those before it lead: what all units
// improve or grow by over months is none.
func (m *shared) jump(k int) (float64, bool) {
	now, ok := m.shift(k)
	if !ok {
		return 0, false
	}
	var sx, sy, sxx, sxy, n float64
	for i := 1; i <= led; i++ {
		if y, ok := m.shift(k - i*m.p.Step); ok {
			x := float64(-i)
			sx, sy, sxx, sxy, n = sx+x, sy+y, sxx+x*x, sxy+x*y, n+1
		}
	}
	if n < led/2 {
		return 0, false
	}
	return now - (sy-(sxy-sx*sy/n)/(sxx-sx*sx/n)*sx)/n, true
}

// judge judges the jump of period t by those of the other periods.
func (m *shared) judge(t int, floor Threshold) (Odd, bool) {
	now, ok := m.jump(t)
	if !ok || m.series[t] < fewestCommon {
		return Odd{}, false
	}
	squares, n := 0.0, 0.0
	for k := range m.p.Periods {
		// Those that this one leads to have it in what they are judged by.
		if d, ok := m.jump(k); ok && (k < t || k > t+led*m.p.Step) {
			squares += d * d
			n++
		}
	}
	if n < fewestNull {
		return Odd{}, false
	}
	sd := math.Sqrt(max(squares/n, m.noise[t]/(m.should[t]*m.should[t])) * (1 + 1/n))
	change := math.Expm1(now)
	odd := Odd{Series: -1, Period: t, Expected: m.total[t], Observed: m.total[t] * (1 + change), Up: now > 0,
		P: 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: max(n/2, 3)}.Survival(math.Abs(now)/sd)}
	if odd.P >= floor.P || math.Abs(change) < floor.Fraction || math.Abs(change)*m.total[t] < floor.Count || m.lasts(t, now) {
		odd.P = 1
	}
	return odd, true
}

// lasts reports whether the periods after t have its shift too: a level, which
// was a question when it began.
func (m *shared) lasts(t int, by float64) bool {
	now, _ := m.shift(t)
	n := 0
	for k := t + 1; k < m.p.Periods && n < 2; k++ {
		d, ok := m.shift(k)
		if !ok {
			continue
		}
		if (d-(now-by))/by < 0.5 {
			return false
		}
		n++
	}
	return n > 0
}
