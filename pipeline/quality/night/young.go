package night

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"larstrom/pipeline/quality/surveil"
)

// Of a young region: how many event days its first delivery brings, how many
// nights follow it until what each brings can be compared, and how many days
// after an event nearly all of it is registered.
const (
	YoungDays   = 365
	YoungNights = 28
	settled     = 35
)

// Young is a region in its first nights: the first delivery brings a year of
// event days, and every night after it what was registered since.
type Young struct {
	*Region

	rand *rand.Rand
	// old counts by series the records of each event day that the first delivery
	// brought whole, fresh those of the later days, of which each night knows more.
	old, fresh [][]int32
	days       int
}

// whole is how many event days the first delivery brought whole.
const whole = YoungDays - longestLag

// known is how many records of an event day of a series the night knows.
func (y *Young) known(s, k, d int) int32 {
	if d < whole {
		return y.old[s][d]
	}
	return y.fresh[s][k*(y.days-whole)+d-whole]
}

// NewYoung makes the region of a seed.
func NewYoung(c Config, seed uint64) *Young {
	c.Nights, c.Basis = 1, Happened
	y := &Young{Region: NewRegion(c, seed, 1), days: YoungDays + YoungNights}
	y.rand = rand.New(rand.NewPCG(seed, 0x756e67)) //nolint:gosec // the numbers are to be repeatable; they keep no secret
	r := y.rand
	for s := range y.unit {
		old, fresh := make([]int32, whole), make([]int32, (YoungNights+1)*(y.days-whole))
		y.old, y.fresh = append(y.old, old), append(y.fresh, fresh)
		y.bad[s] = nil
		for d := range y.days {
			if y.Mean[s] == 0 {
				continue
			}
			n := poisson(r, y.intensity(s, y.first+d)*gamma(r, c.K)/c.K)
			if r.Float64() < c.Contaminated && d < whole {
				f := 0.0
				if r.IntN(2) == 0 {
					f = 2 + 3*r.Float64()
				}
				n = int(math.Round(f * float64(n)))
				y.bad[s] = append(y.bad[s], contaminated{d, f})
			}
			if d < whole {
				old[d] = int32(n)
				continue
			}
			for range n {
				lag := int(c.MedianLag * r.ExpFloat64() / math.Ln2)
				if lag >= longestLag {
					lag = longestLag - 1
				}
				for k := max(0, d+lag-YoungDays+1); k <= YoungNights; k++ {
					fresh[k*(y.days-whole)+d-whole]++
				}
			}
		}
	}
	return y
}

// Odd is a fault that was put into one event day of one series.
type Odd struct {
	Series, Day int
	Factor      float64
}

// Night is the k-th night, 0 the first delivery, with so many faults in it: an
// event day of one series that holds 1.5 to 4 times its records, or keeps 0 to
// 60 % of them where it is settled. It gives one past an indicator.
func (y *Young) Night(k, faults int) ([]*surveil.Past, []Odd) {
	c := &y.Config
	units := len(y.units)
	days := YoungDays + k
	first := 0
	var out []*surveil.Past
	for i := range c.Indicators {
		p := &surveil.Past{Series: units, Periods: days, Step: 7, Window: 12, Least: 6, Persist: 3,
			Volume: make([]int32, units*days), Test: make([]bool, units*days), Young: make([]bool, days)}
		for d := range days {
			p.Young[d] = d >= days-settled
		}
		for u := range units {
			for d := range days {
				v := y.known(i*units+u, k, d)
				p.Volume[u*days+d] = v
				p.Test[u*days+d] = k == 0 || v != y.known(i*units+u, k-1, d)
				if y.Mean[i*units+u] == 0 {
					p.Volume[u*days+d] = surveil.Unknown
				}
			}
		}
		out = append(out, p)
		first += units
	}
	r := rand.New(rand.NewPCG(y.seed, uint64(k)+7)) //nolint:gosec // the numbers are to be repeatable; they keep no secret
	var put []Odd
	for len(put) < faults {
		i, u := r.IntN(c.Indicators), r.IntN(c.Units)
		f := Odd{Series: i*units + u, Day: days - 1 - r.IntN(2*settled), Factor: 1.5 + 2.5*r.Float64()}
		if f.Day < days-settled && r.IntN(2) == 0 {
			f.Factor = 0.6 * r.Float64()
		}
		if slices.ContainsFunc(put, func(o Odd) bool { return o.Series == f.Series }) {
			continue
		}
		p := out[i]
		p.Volume[u*days+f.Day] = int32(math.Round(float64(p.Volume[u*days+f.Day]) * f.Factor))
		p.Test[u*days+f.Day] = true
		put = append(put, f)
	}
	return out, put
}

// JudgeYoung is the night of somebody who knows the true mean and dispersion of
// every complete event day, and looks for what the checks look for: the same
// days, floors and rate, and in days that are not settled for too many records
// only.
func (y *Young) JudgeYoung(all []*surveil.Past, floor surveil.Threshold, q float64) map[[2]int]bool {
	var pv []float64
	var family, task []int
	var at [][2]int
	idle := 0
	for i, p := range all {
		for u := range p.Series {
			s := i*len(y.units) + u
			for d := range p.Periods {
				row := u*p.Periods + d
				if !p.Test[row] || p.Volume[row] < 0 {
					continue
				}
				m, v := y.intensity(s, y.first+d), float64(p.Volume[row])
				diff := math.Abs(v - m)
				if diff < floor.Count || diff < floor.Fraction*m || p.Young[d] && v < m {
					idle++
					continue
				}
				pv, family, task = append(pv, surveil.NegativeBinomial(int(p.Volume[row]), m, 1/y.Config.K).MidP()), append(family, 0), append(task, len(task))
				at = append(at, [2]int{s, d})
			}
		}
	}
	for range idle {
		pv, family, task = append(pv, 1), append(family, 0), append(task, len(task))
	}
	out := map[[2]int]bool{}
	for i, found := range surveil.Select(pv, family, task, q)[:len(at)] {
		if found {
			out[at[i]] = true
		}
	}
	return out
}

// YoungScore adds up nights of young regions.
type YoungScore struct {
	Nights, Flagged, Asked, False int
	Bands                         [bands]Band
	Wrong                         []string
}

// Add scores what was found of a night, days and weeks beginning with a day.
func (s *YoungScore) Add(y *Young, put []Odd, found, oracle map[[2]int]bool, weeks map[[2]int]bool) {
	s.Nights++
	wrong := 0
	touched := func(series, from, to int) bool {
		return slices.ContainsFunc(put, func(o Odd) bool { return o.Series == series && o.Day >= from && o.Day < to }) ||
			slices.ContainsFunc(y.bad[series], func(b contaminated) bool { return b.night >= from && b.night < to })
	}
	judge := func(list map[[2]int]bool, length int) {
		for at := range list {
			s.Asked++
			if !touched(at[0], at[1], at[1]+length) {
				s.False++
				wrong++
				s.Wrong = append(s.Wrong, fmt.Sprintf("%d days of series %d (mean %.1f) from day %d", length, at[0], y.Mean[at[0]], at[1]))
			}
		}
	}
	judge(found, 1)
	judge(weeks, 7)
	if wrong > 0 {
		s.Flagged++
	}
	for _, o := range put {
		b := &s.Bands[bandOf(y.Mean[o.Series])]
		at := [2]int{o.Series, o.Day}
		b.Made++
		if found[at] {
			b.Met++
		}
		if oracle[at] {
			b.Oracle++
		}
	}
}

// Join adds the nights of another score.
func (s *YoungScore) Join(o YoungScore) {
	s.Nights, s.Flagged, s.Asked, s.False = s.Nights+o.Nights, s.Flagged+o.Flagged, s.Asked+o.Asked, s.False+o.False
	s.Wrong = append(s.Wrong, o.Wrong...)
	for i, b := range o.Bands {
		s.Bands[i].Made += b.Made
		s.Bands[i].Met += b.Met
		s.Bands[i].Oracle += b.Oracle
	}
}

// FalseShare is the pooled proportion of false findings.
func (s *YoungScore) FalseShare() float64 { return float64(s.False) / float64(max(s.Asked, 1)) }

// OfOracle is the recall relative to the oracle's.
func (s *YoungScore) OfOracle() float64 {
	met, oracle := 0, 0
	for _, b := range s.Bands {
		met, oracle = met+b.Met, oracle+b.Oracle
	}
	if oracle == 0 {
		return 1
	}
	return float64(met) / float64(oracle)
}

// String is a table for a reader.
func (s *YoungScore) String() string {
	out := fmt.Sprintf("%d young nights: %d with a false finding; %d findings, %d false (%.3f)\n", s.Nights, s.Flagged, s.Asked, s.False, s.FalseShare())
	low := 0.0
	for i, v := range s.Bands {
		if v.Made > 0 {
			out += fmt.Sprintf("  mean %3.0f to %3.0f: %4d faults of one day, recall %.3f, oracle %.3f\n", low, min(bandTop(i), 999), v.Made,
				float64(v.Met)/float64(v.Made), float64(v.Oracle)/float64(v.Made))
		}
		low = bandTop(i)
	}
	return out
}
