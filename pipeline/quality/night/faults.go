package night

import (
	"math"
	"math/rand/v2"
)

// Kind is a kind of fault that is put into the last nights.
type Kind string

// The kinds. Sizes and targets are drawn uniformly within what is stated.
const (
	Spike      Kind = "spike"       // one series holds 1.5 to 4 times its records tonight
	DayDrop    Kind = "day drop"    // one series keeps 0 to 60 % of its records tonight
	WeekDrop   Kind = "week drop"   // one series keeps 30 to 90 % over 7 nights
	MonthDrop  Kind = "month drop"  // one series keeps 50 to 95 % over 28 nights
	Silent     Kind = "silent"      // one unit holds nothing tonight
	CommonMode Kind = "common mode" // all units of one indicator, or one source in one indicator or all, shift by 20 to 50 % tonight
	Merge      Kind = "merge"       // one unit writes under the code of another since 1 to 7 nights
	Split      Kind = "split"       // one unit writes 30 to 70 % of its records under a new code since 1 to 7 nights
	StaleCopy  Kind = "stale copy"  // one unit sends what it sent 1 to 14 nights ago
	Lost       Kind = "lost values" // one series lacks 15 to 60 % of its values over 28 nights
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{Spike, DayDrop, WeekDrop, MonthDrop, Silent, CommonMode, Merge, Split, StaleCopy, Lost}
}

// Fault is what was done to a night.
type Fault struct {
	Kind Kind
	// Unit is the unit that it happened to, or -1; Other that which gained.
	Unit, Other int
	// Indicator and Source are those of a common mode; -1: all.
	Indicator, Source int
	// Series is the one series of a fault of a series, or -1.
	Series int
	// Nights is how many nights have it, tonight included.
	Nights int
	// Factor is what the volume was multiplied by; for a split the share that
	// moved, for lost values the share that is lacking.
	Factor float64
}

// Touches reports whether the fault changed the numbers of a series.
func (f *Fault) Touches(n *Night, s int) bool {
	p := &n.Panel
	if f.Kind == CommonMode {
		return (f.Indicator < 0 || int(p.Indicator[s]) == f.Indicator) && (f.Source < 0 || int(p.UnitSource[p.Unit[s]]) == f.Source)
	}
	if f.Series >= 0 {
		return s == f.Series
	}
	return int(p.Unit[s]) == f.Unit || int(p.Unit[s]) == f.Other
}

// Spoil puts so many faults, of kinds drawn uniformly, into the last nights.
// No unit has two, and no night two common modes.
func (n *Night) Spoil(faults int, kinds []Kind) []Fault {
	var all []Fault
	used := map[int]bool{-1: true}
	pick := func() int {
		for {
			if u := n.rand.IntN(n.Config.Units); !used[u] {
				used[u] = true
				return u
			}
		}
	}
	common, spare := false, n.Config.Units
	for len(all) < faults {
		r := n.rand
		f := Fault{Kind: kinds[r.IntN(len(kinds))], Unit: -1, Other: -1, Indicator: -1, Source: -1, Series: -1, Nights: 1}
		switch f.Kind {
		case Spike, DayDrop, WeekDrop, MonthDrop, Lost:
			f.Unit, f.Indicator = pick(), r.IntN(n.Config.Indicators)
			f.Series = f.Indicator*(n.Config.Units+n.Config.Spare) + f.Unit
			switch f.Kind {
			case Spike:
				f.Factor = 1.5 + 2.5*r.Float64()
			case DayDrop:
				f.Factor = 0.6 * r.Float64()
			case WeekDrop:
				f.Nights, f.Factor = 7, 0.3+0.6*r.Float64()
			case MonthDrop:
				f.Nights, f.Factor = 28, 0.5+0.45*r.Float64()
			case Lost:
				f.Nights, f.Factor = 28, 0.15+0.45*r.Float64()
			}
		case Silent, StaleCopy:
			f.Unit = pick()
			if f.Kind == StaleCopy {
				f.Factor = float64(1 + r.IntN(14)) // nights ago
			}
		case CommonMode:
			if common && len(kinds) == 1 {
				return n.done(all)
			}
			if common {
				continue
			}
			common = true
			shape := r.IntN(3)
			if shape != 0 {
				f.Source = r.IntN(n.Config.Sources)
			}
			if shape != 1 {
				f.Indicator = r.IntN(n.Config.Indicators)
			}
			f.Factor = 0.5 + 0.3*r.Float64()
			if r.IntN(2) == 0 {
				f.Factor = 1.2 + 0.3*r.Float64()
			}
		case Merge, Split:
			if f.Kind == Split && spare == n.Config.Units+n.Config.Spare {
				continue
			}
			f.Unit, f.Nights, f.Factor = pick(), 1+r.IntN(7), 1
			if f.Kind == Merge {
				f.Other = pick()
			} else {
				f.Other, f.Factor = spare, 0.3+0.4*r.Float64()
				spare++
			}
		}
		all = append(all, f)
	}
	return n.done(all)
}

// done puts the faults in. What befalls a source befalls what its units then
// do: a copy of an old night stays a copy.
func (n *Night) done(all []Fault) []Fault {
	for _, first := range []bool{true, false} {
		for _, f := range all {
			if (f.Kind == CommonMode) == first {
				n.apply(f)
			}
		}
	}
	return all
}

func (n *Night) apply(f Fault) {
	p, r := &n.Panel, n.rand
	for s := range p.Unit {
		if !f.Touches(n, s) || int(p.Unit[s]) == f.Other {
			continue
		}
		for t := p.Nights - f.Nights; t < p.Nights; t++ {
			at := s*p.Nights + t
			switch f.Kind {
			case Silent:
				n.thin(r, at, 0)
			case Spike, CommonMode, DayDrop, WeekDrop, MonthDrop:
				if f.Factor < 1 {
					n.thin(r, at, f.Factor)
				} else {
					n.swell(r, at, f.Factor)
				}
			case Lost:
				p.Missing[at] = max(p.Missing[at], binomial(r, p.Volume[at], f.Factor))
			case StaleCopy:
				from := at - int(f.Factor)
				p.Volume[at], p.Numerator[at], p.Missing[at] = p.Volume[from], p.Numerator[from], p.Missing[from]
			case Merge, Split:
				to := (s-int(p.Unit[s])+f.Other)*p.Nights + t
				v, m, l := p.Volume[at], p.Numerator[at], p.Missing[at]
				n.thin(r, at, 1-f.Factor)
				p.Volume[to] += v - p.Volume[at]
				p.Numerator[to] += m - p.Numerator[at]
				p.Missing[to] += l - p.Missing[at]
			}
		}
	}
}

// thin keeps each record of a row with probability keep.
func (n *Night) thin(r *rand.Rand, at int, keep float64) {
	p := &n.Panel
	in, out := p.Numerator[at], p.Volume[at]-p.Numerator[at]
	in, out = binomial(r, in, keep), binomial(r, out, keep)
	p.Volume[at], p.Numerator[at] = in+out, in
	p.Missing[at] = min(binomial(r, p.Missing[at], keep), in+out)
}

// swell repeats records until there are f times as many.
func (n *Night) swell(r *rand.Rand, at int, f float64) {
	p := &n.Panel
	v := p.Volume[at]
	if v == 0 {
		return
	}
	for range int(math.Round(float64(v) * (f - 1))) {
		x := r.Int32N(v)
		p.Volume[at]++
		if x < p.Numerator[at]*v/p.Volume[at] {
			p.Numerator[at]++
		}
	}
}

// Improve moves the rate of series s by points, evenly over the last nights,
// without touching volume or missing values: what a team hopes to see.
func (n *Night) Improve(s int, points float64, nights int) {
	p := &n.Panel
	for k := range nights {
		t := p.Nights - nights + k
		rate := min(max(n.Rate[s]+points*float64(k+1)/float64(nights), 0), 1)
		at := s*p.Nights + t
		p.Numerator[at] = binomial(n.rand, p.Volume[at], rate)
	}
}

// binomial draws how many of n come, each with probability p.
func binomial(r *rand.Rand, n int32, p float64) (k int32) {
	for range n {
		if r.Float64() < p {
			k++
		}
	}
	return k
}
