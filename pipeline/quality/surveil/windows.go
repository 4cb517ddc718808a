package surveil

import "math"

// windows are the sums of one scale over an indicator: the tested window and
// those before it.
type windows struct {
	b     *block
	days  int
	count int       // baseline windows
	sum   []float64 // len(series) x (count+1), tested first
	// share is the part of a window's expectation that was really observed.
	share  []float64
	factor []float64 // groups x (count+1): what the group shares
	last   []float64 // groups x 2: what the tested window's factor is made of
	own    []float64 // len(series) x 2: the series' part of it
	alpha  float64
}

// scale takes the windows of a scale. A window with less than three quarters
// of its expectation observed is not one.
func (b *block) scale(days, count int) *windows {
	w := &windows{b: b, days: days, count: count}
	n := len(b.series)
	w.sum, w.share = make([]float64, n*(count+1)), make([]float64, n*(count+1))
	step := max(days, 7)
	for k := range b.series {
		v, state := b.volume(k), b.state[k*b.nights:(k+1)*b.nights]
		for j := range count + 1 {
			end := b.nights - j*step
			begin := end - days
			if begin < 0 {
				break
			}
			has, observed, all := 0.0, 0.0, 0.0
			for t := begin; t < end; t++ {
				m := b.level[7*k+b.weekday(t)]
				all += m
				e := m * b.factor[b.group[k]*b.nights+t]
				switch out := state[t] == high || state[t] == low; {
				case state[t] == unknown || out && j > 0:
					has += e
					continue
				case out && t < b.nights-1:
					has += b.clipped(float64(v[t]), e)
				default:
					has += float64(v[t])
				}
				observed += m
			}
			i := k*(count+1) + j
			w.sum[i] = has
			switch {
			case all > 0:
				w.share[i] = observed / all
			case b.known[k] > 0:
				w.share[i] = 1
			}
		}
	}
	w.common()
	w.alpha = w.dispersion()
	return w
}

// clipAt is how many standard deviations of a day a gross outlier of an earlier
// night may add to the tested window: enough for several in a row to be found,
// too little for one alone, which was asked about on its own night.
const clipAt = 2.5

func (b *block) clipped(v, expected float64) float64 {
	sd := clipAt * math.Sqrt(expected+b.alpha*expected*expected)
	return min(max(v, expected-sd), expected+sd)
}

// ok reports whether window j of series k can be used.
func (w *windows) ok(k, j int) bool { return w.share[k*(w.count+1)+j] >= 0.75 }

// common takes the factor of each window that the units of a group share.
func (w *windows) common() {
	b, n := w.b, w.count+1
	w.last, w.own = make([]float64, 2*b.groups), make([]float64, 2*len(b.series))
	has, should := make([]float64, b.groups*n), make([]float64, b.groups*n)
	for k := range b.series {
		for j := range n {
			if w.ok(k, j) {
				e := w.level(k, j)
				y := b.weight[k] * within(w.sum[k*n+j], e, b.alpha/float64(w.days))
				has[b.group[k]*n+j] += y
				should[b.group[k]*n+j] += b.weight[k] * e
				if j == 0 {
					w.own[2*k], w.own[2*k+1] = y, b.weight[k]*e
				}
			}
		}
	}
	for g := range b.groups {
		w.last[2*g], w.last[2*g+1] = has[g*n], should[g*n]
	}
	w.factor = has
	for i := range has {
		w.factor[i] = shrunk(has[i], should[i])
	}
}

// level is the expectation of window j without its common factor.
func (w *windows) level(k, j int) float64 {
	if w.days == 1 {
		return w.b.level[7*k+w.b.weekday(w.b.nights-1-7*j)]
	}
	return float64(w.days) * w.b.size[k]
}

// baseline is the sum of the usable windows before the tested one, of their
// factors and of the squares of those.
type baseline struct {
	sum, exposure, squares float64
	n                      int
}

// before is the baseline of series k made of the windows after j.
func (w *windows) before(k, j int) (s baseline) {
	n := w.count + 1
	for i := j + 1; i < n; i++ {
		if w.ok(k, i) {
			c := w.factor[w.b.group[k]*n+i]
			s.sum += w.sum[k*n+i]
			s.exposure += c
			s.squares += c * c
			s.n++
		}
	}
	return s
}

// dispersion is that of a window about what the windows before it say, pooled
// over series: how wrong the very prediction was that tonight is judged by.
// Drift and season that the factors miss are in it.
func (w *windows) dispersion() float64 {
	least, ahead := minWindows, w.count-minWindows
	if w.days == 28 {
		least, ahead = minMonths, w.count-minMonths
	}
	var within, before moments
	guess := w.b.alpha / float64(w.days)
	n := w.count + 1
	for range 2 {
		within, before = moments{}, moments{}
		for k := range w.b.series {
			all := w.before(k, 0)
			if all.n < least || all.sum <= 0 {
				continue
			}
			lambda := all.sum / all.exposure
			c := float64(all.n) / float64(all.n-1)
			for j := 1; j < n; j++ {
				if !w.ok(k, j) {
					continue
				}
				f := w.factor[w.b.group[k]*n+j]
				m := lambda * f
				d := w.sum[k*n+j] - m
				within.add(guess, c*d*d, m, m*m)
				if j > ahead {
					continue
				}
				s := w.before(k, j)
				if s.n < least || s.sum <= 0 {
					continue
				}
				p := s.sum / s.exposure * f
				d = w.sum[k*n+j] - p
				before.add(guess, d*d, p*(1+f/s.exposure), p*p*(1+s.squares/(s.exposure*s.exposure)))
			}
		}
		guess = max(within.alpha(), before.alpha())
	}
	return guess
}

// judged is a window against its baseline.
type judged struct {
	observed, expected float64
	p                  float64
	tested             bool
}

// test judges the tested window of series k. floor is the least difference
// that could matter: where the records of both together are fewer, no test is
// made, and the decision to make one looks at their sum only.
func (w *windows) test(k int, floor float64) judged {
	least := minWindows
	if w.days == 28 {
		least = minMonths
	}
	n := w.count + 1
	b := w.b
	if !w.ok(k, 0) || b.state[(k+1)*b.nights-1] == unknown {
		return judged{}
	}
	s := w.before(k, 0)
	y := math.Round(w.sum[k*n])
	total := math.Round(s.sum) + y
	if s.n < least || total < floor {
		return judged{}
	}
	g := b.group[k]
	c := shrunk(w.last[2*g]-w.own[2*k], w.last[2*g+1]-w.own[2*k+1])
	e := s.sum / s.exposure * c
	j := judged{observed: y, expected: e, tested: true}
	ratio := s.exposure / c
	d := y - total/(1+ratio)
	// About its mean given the sum, the variance is known.
	v := total * ratio / ((1 + ratio) * (1 + ratio))
	a := 1 / max(w.alpha, 1e-10)
	v *= (a*(1+ratio) + total) / (a*(1+ratio) + 1)
	if v <= 0 || d*d < 6.25*v {
		j.p = math.Erfc(math.Abs(d) / math.Sqrt(2*max(v, 1e-300)))
		return j
	}
	j.p = BetaBinomial(int(y), int(total), a, a*ratio).MidP()
	return j
}
