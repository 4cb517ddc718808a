package funnel

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"

	"larstrom/pipeline/spc"
)

// dispersionCut is the 10 % point of the standard normal: where the test of
// dispersion is below it, units vary as by chance.
const dispersionCut = 1.2815515655446004

// found is what units say of their target and of the variation between them.
type found struct {
	target float64
	phi    float64
	tau2   float64 // on the logit or log scale
	source Source
}

// totals are sums over the units that enter, with which those without one of them
// are a subtraction away.
type totals struct {
	events, size   float64 // of counts; of means the sum of precisions times values
	square         float64 // of events over size, for the test of dispersion
	inverse        float64 // of one over size
	largest        float64 // size
	kept, keptLess float64 // trimmedVariance of all units, and of one less
}

// without are the totals without unit i, or of all for i < 0.
func (t totals) without(events, size float64) totals {
	t.events -= events
	t.size -= size
	t.square -= events * events / size
	t.inverse -= 1 / size
	return t
}

func (f *Funnel) enters(i int) bool { return f.State[i] == spc.StateValue }

// events of unit i: of means their weighted value.
func (f *Funnel) events(in *Input, i int, m Measure) float64 {
	if m == Mean {
		return f.size[i] * f.Value[i]
	}
	return in.Num[i]
}

func (f *Funnel) sum(in *Input, o *Options) totals {
	var t totals
	for i := range f.State {
		if f.enters(i) {
			e, n := f.events(in, i, o.Measure), f.size[i]
			t.events += e
			t.size += n
			t.square += e * e / n
			t.inverse += 1 / n
			t.largest = max(t.largest, n)
		}
	}
	t.kept, t.keptLess = 1, 1
	if w := o.winsor(); w > 0 && f.Units > 1 {
		t.kept = f.trimmed(f.Units, w, o.Outliers)
		if f.Units > 2 && !o.Together {
			t.keptLess = f.trimmed(f.Units-1, w, o.Outliers)
		}
	}
	return t
}

// judgeBy is what unit i is judged by: the target of the others and the variation
// between them, or between all for i < 0. ok is false where the others have
// nothing to judge by.
func (f *Funnel) judgeBy(in *Input, i int, all totals, o *Options) (by found, ok bool) {
	units, t := f.Units, all
	if i >= 0 {
		units--
		t = all.without(f.events(in, i, o.Measure), f.size[i])
		t.kept = all.keptLess
	}
	by = found{phi: math.NaN()}
	switch {
	case o.Target != nil:
		by.target = *o.Target
	case o.Measure == Ratio:
		by.target = 1
	case units == 0:
		return by, false
	default:
		by.target = t.events / t.size
		if i < 0 || sampling(o.Measure, by.target) > 0 {
			break
		}
		// Only this unit has events, or is without: the others have half of one.
		if o.Measure == Proportion {
			by.target = (t.events + 0.5) / (t.size + 1)
		} else {
			by.target = 0.5 / t.size
		}
	}
	if !(sampling(o.Measure, by.target) > 0) {
		return by, false
	}
	if units < 2 {
		by.previous(o)
		return by, true
	}
	// The others' target to the precision that counts: within 1/20 of the standard
	// error of the largest unit. Then nearly all units share the work.
	centre := by.target
	if i >= 0 {
		centre = f.near(by.target, t.largest, o)
	}
	variance := sampling(o.Measure, centre)
	t2 := 0.0
	table := f.table(centre, 0, o)
	by.phi = f.square(table, i, o) / t.kept
	switch {
	case o.Overdispersion == Unadjusted:
		return by, true
	case f.Units < f.minUnits:
		by.previous(o)
		return by, true
	case o.Overdispersion == Multiplicative:
		by.source = SourcePhi
		return by, true
	}
	by.source = SourceOwn
	if !t.dispersed(by.target, float64(units), o) {
		return by, true
	}
	phi := by.phi
	for range 4 {
		t2 = f.moment(table, i, phi)
		weights := grid(t2, variance/t.largest)
		if weights == table.t2 {
			break
		}
		table = f.table(centre, weights, o)
		phi = f.square(table, i, o) / t.kept
	}
	// The derivative of the inverse link carries the variance to its scale.
	slope := by.target
	switch o.Measure {
	case Proportion:
		slope = sampling(o.Measure, by.target)
	case Mean:
		slope = 1
	}
	by.tau2 = t2 / (slope * slope)
	return by, true
}

func (by *found) previous(o *Options) {
	if o.PreviousTau2 != nil && o.Overdispersion == Additive {
		by.tau2, by.source = *o.PreviousTau2, SourcePrevious
	}
}

// dispersed says that units differ more than by chance: the chi-square of homogeneity
// with the variance that it has where counts are small (Haldane 1940), by the cube
// root (Wilson & Hilferty 1931), lies above its 90 % point, or chance leaves
// nothing to test.
func (t *totals) dispersed(target, units float64, o *Options) bool {
	given := o.Target != nil || o.Measure == Ratio
	v := sampling(o.Measure, target)
	x2 := (t.square - 2*target*t.events + target*target*t.size) / v
	mean := units - 1
	if given {
		mean = units
	}
	variance := 2 * mean
	switch o.Measure {
	case Proportion:
		variance += (1 - 6*v) / v * t.inverse
		if !given {
			variance -= 2*mean/t.size + units*units*(1-2*target)*(1-2*target)/(t.size*v)
		}
	case Mean:
	default:
		variance += t.inverse / target
		if !given {
			variance -= (2*mean + units*units) / (t.size * target)
		}
	}
	if !(variance > 1e-6*mean) {
		return true
	}
	h := 2 / (9 * 2 * mean * mean / variance)
	root := 1 - h + dispersionCut*math.Sqrt(h)
	return x2 > mean*root*root*root
}

// near rounds a target on the scale on which its standard error is that of its
// size alone (Anscombe 1948).
func (f *Funnel) near(target, largest float64, o *Options) float64 {
	const step = 0.1
	round := func(v, scale float64) float64 { return math.Round(v*scale/step) * step / scale }
	var c float64
	switch root := math.Sqrt(largest); o.Measure {
	case Mean:
		c = round(target, root)
	case Proportion:
		s := math.Sin(round(math.Asin(math.Sqrt(target)), 2*root))
		c = s * s
	default:
		s := round(math.Sqrt(target), 2*root)
		c = s * s
	}
	if !(sampling(o.Measure, c) > 0.5*sampling(o.Measure, target)) {
		return target
	}
	return c
}

// grid cuts a variance between units, where it only weighs them, to 1 or 1.5 times
// a power of 2, and to 0 where it is small beside the smallest sampling variance.
func grid(t2, least float64) float64 {
	if t2 <= 0.01*least {
		return 0
	}
	const fraction = 1<<51 - 1 // all of the significand but its first bit
	return math.Float64frombits(math.Float64bits(t2) &^ fraction)
}

// table is all units as they stand to a centre, weighted with a variance between
// them.
type table struct {
	centre, t2 float64
	z          []float64
	low, high  [2]int  // first and last place of the windows in which z is sorted
	middle     float64 // sum of squares of what lies between them
	// Sums of the weights and of their squares, and of both times the sampling
	// variance.
	w1, w2, s1, s2 float64
	dominated      bool // one unit has most of the weight
	used           int
}

// table finds a table, or makes it in place of the one that was used longest ago.
func (f *Funnel) table(centre, t2 float64, o *Options) *table {
	f.clock++
	t := &f.tables[0]
	for k := range f.tables {
		c := &f.tables[k]
		if c.used > 0 && c.centre == centre && c.t2 == t2 {
			c.used = f.clock
			return c
		}
		if c.used < t.used {
			t = c
		}
	}
	variance := sampling(o.Measure, centre)
	*t = table{centre: centre, t2: t2, z: t.z[:0], used: f.clock}
	most := 0.0
	for i := range f.State {
		if f.enters(i) {
			s2 := variance / f.size[i]
			w := 1 / (s2 + t2)
			t.z = append(t.z, (f.Value[i]-centre)*math.Sqrt(w))
			t.w1 += w
			t.w2 += w * w
			t.s1 += s2 * w
			t.s2 += s2 * w * w
			most = max(most, w)
		}
	}
	t.dominated = most > t.w1/4
	t.arrange(o.winsor())
	return t
}

// arrange puts z so far in order as quantiles of tails of share w need it, of all
// units and of all but one: two short windows are sorted, what is below, between
// and above them lies there in any order.
func (t *table) arrange(w float64) {
	n := len(t.z)
	window := func(q float64) (from, to int) {
		return max(int(q*float64(n-2))-1, 0), min(int(q*float64(n-1))+3, n-1)
	}
	t.low[0], t.low[1] = window(w)
	t.high[0], t.high[1] = window(1 - w)
	if w <= 0 {
		t.low, t.high = [2]int{0, -1}, [2]int{n, n - 1}
	} else if t.low[1]+1 >= t.high[0] {
		t.low, t.high = [2]int{0, n - 1}, [2]int{n, n - 1}
		slices.Sort(t.z)
	} else {
		for _, edge := range [...][2]int{t.low, t.high} {
			place(t.z, edge[0])
			place(t.z[edge[0]:], edge[1]-edge[0])
			slices.Sort(t.z[edge[0] : edge[1]+1])
		}
	}
	t.middle = 0
	for _, z := range t.z[t.low[1]+1 : t.high[0]] {
		t.middle += z * z
	}
}

// find is the place of a value in z, exact within the windows.
func (t *table) find(own float64) int {
	for _, edge := range [...][2]int{t.low, t.high} {
		for k := edge[0]; k <= edge[1]; k++ {
			if own <= t.z[k] {
				if k == edge[0] && k > 0 && own < t.z[k] {
					k-- // below the window
				}
				return k
			}
		}
	}
	return len(t.z) - 1
}

// moment is the variance between units of which a mean square of phi is expected
// (DerSimonian & Kacker 2007), without unit i.
func (f *Funnel) moment(t *table, i int, phi float64) float64 {
	n := float64(len(t.z))
	w1, w2, s1, s2 := t.w1, t.w2, t.s1, t.s2
	variance := sampling(f.measure, t.centre)
	if i >= 0 {
		n--
		s := variance / f.size[i]
		w := 1 / (s + t.t2)
		w1, w2, s1, s2 = w1-w, w2-w*w, s1-s*w, s2-s*w*w
	}
	shared, chance := w1-w2/w1, s1-s2/w1
	if t.dominated {
		// One term at a time: one unit may have nearly all the weight.
		w1, shared, chance = 0, 0, 0
		for k := range f.State {
			if k != i && f.enters(k) {
				w1 += 1 / (variance/f.size[k] + t.t2)
			}
		}
		for k := range f.State {
			if k != i && f.enters(k) {
				s := variance / f.size[k]
				w := 1 / (s + t.t2)
				share := w * (w1 - w) / w1
				shared += share
				chance += share * s
			}
		}
	}
	return max(0, (n*phi-chance)/shared)
}

// square is the mean square of z without unit i.
func (f *Funnel) square(t *table, i int, o *Options) float64 {
	if i < 0 {
		return t.square(len(t.z), 0, o.winsor(), o.Outliers)
	}
	own := (f.Value[i] - t.centre) * math.Sqrt(1/(sampling(f.measure, t.centre)/f.size[i]+t.t2))
	return t.square(t.find(own), own, o.winsor(), o.Outliers)
}

// square is the mean square of z without the one at a place, which is own, after
// its tails of share w were set to the type-7 quantiles (Hyndman & Fan 1996), or
// left out. Nothing is left out at the place behind the last.
func (t *table) square(at int, own, w float64, how Outliers) float64 {
	n := len(t.z)
	if at < n {
		n--
	}
	z := func(k int) float64 {
		if k >= at {
			k++
		}
		return t.z[k]
	}
	// squares sums over from..to (inclusive) of the others; both lie in a window, or
	// at an end where there is none.
	squares := func(from, to int) float64 {
		if at <= from {
			from++
		}
		if at <= to {
			to++
		}
		sum := 0.0
		add := func(from, to int) {
			for k := from; k <= to; k++ {
				if k != at {
					sum += t.z[k] * t.z[k]
				}
			}
		}
		between := at > t.low[1] && at < t.high[0]
		switch {
		case t.low[1]+1 >= t.high[0]:
			add(from, to)
		case !between:
			sum = t.middle
		case own*own < t.middle/2:
			sum = t.middle - own*own
		default:
			// What is left would be rounding.
			find := own
			for k := t.low[1] + 1; k < t.high[0]; k++ {
				if t.z[k] == find {
					find = math.NaN() // once
					continue
				}
				sum += t.z[k] * t.z[k]
			}
		}
		if t.low[1]+1 < t.high[0] {
			add(from, t.low[1])
			add(t.high[0], to)
		}
		return sum
	}
	if w <= 0 {
		return squares(0, n-1) / float64(n)
	}
	if how == Truncate {
		k := int(w * float64(n))
		return squares(k, n-1-k) / float64(n-2*k)
	}
	quantile := func(q float64) (k int, v float64) {
		h := q * float64(n-1)
		k = int(h)
		if k+1 >= n {
			return n - 1, z(n - 1)
		}
		return k, z(k) + (h-float64(k))*(z(k+1)-z(k))
	}
	k1, low := quantile(w)
	k2, high := quantile(1 - w)
	return (float64(k1+1)*low*low + squares(k1+1, k2) + float64(n-1-k2)*high*high) / float64(n)
}

// place reorders v so that v[k] is what sorting would put there, with nothing
// larger before and nothing smaller after it (Hoare 1961): quantiles need no whole
// sort.
func place(v []float64, k int) {
	lo, hi := 0, len(v)-1
	for hi > lo {
		// The median of three keeps ordered units from being slow.
		mid := lo + (hi-lo)/2
		pivot := max(min(v[lo], v[hi]), min(max(v[lo], v[hi]), v[mid]))
		i, j := lo, hi
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return
		}
	}
}

func (o *Options) winsor() float64 {
	if o.Winsor == 0 {
		return 0.1
	}
	return o.Winsor
}

// trimmed is trimmedVariance, remembered for the last two numbers of units.
func (f *Funnel) trimmed(n int, w float64, how Outliers) float64 {
	for _, k := range f.known {
		if k.n == n && k.w == w && k.how == how {
			return k.v
		}
	}
	f.known[0], f.known[1] = f.known[1], trimmedKey{n, w, how, trimmedVariance(n, w, how)}
	return f.known[1].v
}

type trimmedKey struct {
	n   int
	w   float64
	how Outliers
	v   float64
}

// trimmedVariance is the expected mean square of n standard normal deviates
// whose tails of share w were winsorised (0.679 for large n and w = 0.1) or
// truncated (0.438). Below 200 it uses the first two moments of normal order
// statistics (Blom 1958; David & Johnson 1954): within 3 % at n = 10 and 1.5 %
// from n = 15.
func trimmedVariance(n int, w float64, how Outliers) float64 {
	if n >= 200 {
		c := -mathext.NormalQuantile(w)
		inside := 1 - 2*w - 2*c*math.Exp(-c*c/2)/math.Sqrt(2*math.Pi)
		if how == Truncate {
			return inside / (1 - 2*w)
		}
		return 2*w*c*c + inside
	}
	// Mean of the product of order statistics i <= j.
	product := func(i, j float64) float64 {
		p, q := (i-0.375)/(float64(n)+0.25), (j-0.375)/(float64(n)+0.25)
		a, b := mathext.NormalQuantile(p), mathext.NormalQuantile(q)
		density := math.Exp(-(a*a+b*b)/2) / (2 * math.Pi)
		return a*b + p*(1-q)/(float64(n+2)*density)
	}
	if how == Truncate {
		cut := int(w * float64(n))
		sum := 0.0
		for i := cut + 1; i <= n-cut; i++ {
			sum += product(float64(i), float64(i))
		}
		return sum / float64(n-2*cut)
	}
	// The type-7 quantile w lies at rank 1 + w(n-1), between two of them; ranks
	// below it take its value.
	rank := 1 + w*float64(n-1)
	k := math.Floor(rank)
	f := rank - k
	edge := (1-f)*(1-f)*product(k, k) + f*f*product(k+1, k+1) + 2*f*(1-f)*product(k, k+1)
	sum := 0.0
	for i := 1; i <= n; i++ {
		r := min(float64(i), float64(n+1-i))
		if r <= rank {
			sum += edge
		} else {
			sum += product(r, r)
		}
	}
	return sum / float64(n)
}
