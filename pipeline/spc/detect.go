package spc

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// detector holds the values of a part that enter, closed up, as rows of bits: one
// row for each thing that a rule asks of a value, 64 values a word. A rule is a
// few operations on whole words; only where it finds something are values looked
// at one by one.
type detector struct {
	chart Chart
	part  *Part
	n     int                // values
	index []int32            // of each in the series
	marks []uint8            // what each is, one bit a row
	slab  []uint64           // memory of the rows
	rows  [rowCount][]uint64 // bits of all values, then scratch
	zones bool               // every value has a distance in its own standard deviation
	out   []Signal
}

// Rows of bits. The first eight are the bits of a mark.
const (
	rowAbove = iota // the centre line
	rowBelow
	rowOne // beyond 1 sigma, on either side
	rowTwo
	rowThree
	rowUp // higher than the value just before
	rowDown
	rowLevel // equal to it
	rowA     // scratch
	rowB
	rowC
	rowD

	rowCount
)

func bit(b bool) uint8 {
	var v uint8
	if b {
		v = 1
	}
	return v
}

func (d *detector) detect(c *Chart, set RuleSet) {
	d.chart = *c
	for i := range c.Parts {
		d.part = &c.Parts[i]
		d.load()
		for left := uint32(set); left != 0; left &= left - 1 {
			if r := Rule(bits.TrailingZeros32(left)); r < ruleCount {
				d.rule(r)
			}
		}
	}
}

func (d *detector) load() {
	p, c := d.part, &d.chart
	lo, hi := p.First, p.Last+1
	n := hi - lo
	words := (n + 63) / 64
	if cap(d.index) < n || cap(d.slab) < words*rowCount {
		d.index, d.marks, d.slab = make([]int32, n), make([]uint8, words*64), make([]uint64, words*rowCount)
	}
	index, marks := d.index[:n], d.marks[:n]
	state, value, centre, sd := c.State[lo:hi][:n], c.Value[lo:hi][:n], c.Centre[lo:hi][:n], c.SD[lo:hi][:n]
	d.zones = p.Limits != LimitsNone
	k, before := 0, math.NaN()
	for i, st := range state {
		if st != StateValue || c.Excluded != nil && c.Excluded[lo+i] {
			before = math.NaN()
			continue
		}
		v := value[i]
		diff := v - centre[i]
		z := diff / sd[i]
		if !(math.Abs(z) > 0) || p.Kind == T {
			// On the line, or without a standard deviation, or with one of its own.
			if math.IsNaN(diff) {
				before = math.NaN()
				continue
			}
			if z = c.distance(lo+i, p); math.IsNaN(z) {
				d.zones = false
				z = diff
			}
		}
		// Without branches: which way a value falls cannot be foreseen. With before
		// not a number, as behind a gap, there is no step.
		far := math.Abs(z)
		index[k] = int32(lo + i)
		marks[k] = bit(z > 0)<<rowAbove | bit(z < 0)<<rowBelow | bit(far > 1)<<rowOne | bit(far > 2)<<rowTwo |
			bit(far > 3)<<rowThree | bit(v > before)<<rowUp | bit(v < before)<<rowDown | bit(v == before)<<rowLevel
		before = v
		k++
	}
	if p.Kind == Line {
		k = 0
	}
	d.n = k
	d.turn()
}

// turn makes rows of the marks: eight marks are a matrix of bits, transposed at
// once (Warren 2013).
func (d *detector) turn() {
	words := (d.n + 63) / 64
	for r := range d.rows {
		d.rows[r] = d.slab[r*words : (r+1)*words : (r+1)*words]
	}
	marks := d.marks[:cap(d.marks)]
	clear(marks[d.n : words*64])
	for w := range words {
		var row [8]uint64
		block := marks[w*64 : w*64+64]
		for b := 0; b < 64; b += 8 {
			x := binary.LittleEndian.Uint64(block[b:])
			t := (x ^ x>>7) & 0x00aa00aa00aa00aa
			x ^= t ^ t<<7
			t = (x ^ x>>14) & 0x0000cccc0000cccc
			x ^= t ^ t<<14
			t = (x ^ x>>28) & 0x00000000f0f0f0f0
			x ^= t ^ t<<28
			row[0] |= x & 0xff << b
			row[1] |= x >> 8 & 0xff << b
			row[2] |= x >> 16 & 0xff << b
			row[3] |= x >> 24 & 0xff << b
			row[4] |= x >> 32 & 0xff << b
			row[5] |= x >> 40 & 0xff << b
			row[6] |= x >> 48 & 0xff << b
			row[7] |= x >> 56 << b
		}
		for r, v := range row {
			d.rows[r][w] = v
		}
	}
}

func (d *detector) rule(r Rule) {
	if r <= RuleFewCrossings {
		for i := range d.chart.Signals {
			if s := &d.chart.Signals[i]; s.Rule == r && s.Phase == d.part.Phase {
				d.out = append(d.out, *s)
			}
		}
		return
	}
	if d.part.RunsOff {
		return
	}
	switch r {
	case RuleEight:
		d.stretches(r, rowAbove, rowBelow, 8, 0)
	case RuleNine:
		d.stretches(r, rowAbove, rowBelow, 9, 0)
	case RuleSevenSide:
		d.stretches(r, rowAbove, rowBelow, 7, 0)
	case RuleSixSide:
		d.stretches(r, rowAbove, rowBelow, 6, 0)
	case RuleSixTrend:
		d.stretches(r, rowUp, rowDown, 5, 1)
	case RuleSevenTrend:
		d.trends(r, 7)
	case RuleAlternating:
		d.alternating(r, 14)
	}
	if !d.zones {
		return
	}
	switch r {
	case RuleTwoOfThree, RuleTwoOfThreeClose, RuleTwoOfThreeInner, RuleTwoOfThreeAny:
		d.windows(r, 3, 2, rowTwo)
	case RuleFourOfFive:
		d.windows(r, 5, 4, rowOne)
	case RuleFifteenWithin:
		d.within(r, 15)
	case RuleEightBeyond:
		d.beyond(r, 8)
	}
}

// add records a pattern of points values from one value to another.
func (d *detector) add(r Rule, from, to, points, direction, limit int, zone float64) {
	d.out = append(d.out, Signal{
		Series: d.part.Series, Phase: d.part.Phase, Rule: r, From: int(d.index[from]), To: int(d.index[to]),
		Points: points, Direction: int8(direction), Observed: float64(points), Limit: float64(limit), Zone: zone,
	})
}

// stretches finds n values or more that all have a bit of the row high, or all of
// low. Steps lie between values: a stretch of them begins one value before.
func (d *detector) stretches(r Rule, high, low, n, before int) {
	up, down := d.full(rowA, high, n), d.full(rowB, low, n)
	if !up && !down {
		return
	}
	i, j := d.next(rowA, 0), d.next(rowB, 0)
	for i < d.n || j < d.n {
		if i < j {
			end := d.nextClear(high, i)
			d.add(r, i-n+1-before, end-1, end-i+n-1+before, 1, n+before, 0)
			i = d.next(rowA, end)
		} else {
			end := d.nextClear(low, j)
			d.add(r, j-n+1-before, end-1, end-j+n-1+before, -1, n+before, 0)
			j = d.next(rowB, end)
		}
	}
}

// trends finds n values or more that rise or fall; equal neighbours neither add to
// a trend nor cancel it.
func (d *detector) trends(r Rule, n int) {
	level := uint64(0)
	for _, v := range d.rows[rowLevel] {
		level |= v
	}
	if level == 0 {
		d.stretches(r, rowUp, rowDown, n-1, 1)
		return
	}
	for w, v := range d.rows[rowLevel] {
		d.rows[rowC][w], d.rows[rowD][w] = d.rows[rowUp][w]|v, d.rows[rowDown][w]|v
	}
	up, down := d.full(rowA, rowC, n-1), d.full(rowB, rowD, n-1)
	if !up && !down {
		return
	}
	i, j := d.next(rowA, 0), d.next(rowB, 0)
	for i < d.n || j < d.n {
		if i < j {
			end := d.nextClear(rowC, i)
			d.trend(r, rowUp, i-n+2, end, n, 1)
			i = d.next(rowA, end)
		} else {
			end := d.nextClear(rowD, j)
			d.trend(r, rowDown, j-n+2, end, n, -1)
			j = d.next(rowB, end)
		}
	}
}

// trend records the steps of a row within from..end (half-open), in which there is
// none the other way, if they make a trend.
func (d *detector) trend(r Rule, row, from, end, n, direction int) {
	steps, first, last := 0, 0, 0
	for i := d.next(row, from); i < end; i = d.next(row, i+1) {
		if steps == 0 {
			first = i
		}
		last = i
		steps++
	}
	if steps+1 >= n {
		d.add(r, first-1, last, steps+1, direction, n, 0)
	}
}

func (d *detector) alternating(r Rule, n int) {
	up, down, turns := d.rows[rowUp], d.rows[rowDown], d.rows[rowC]
	for w := range turns {
		turns[w] = up[w]&shifted(down, w, 1) | down[w]&shifted(up, w, 1)
	}
	// A turn takes three values.
	if !d.full(rowA, rowC, n-2) {
		return
	}
	for i := d.next(rowA, 0); i < d.n; {
		end := d.nextClear(rowC, i)
		d.add(r, i-n+1, end-1, end-i+n-1, 0, n, 0)
		i = d.next(rowA, end)
	}
}

// windows finds windows of n values of which at least m (2 of 3, or 4 of 5) lie
// beyond a distance on one side, as the rule wants the others.
func (d *detector) windows(r Rule, n, m, distance int) {
	together := r == RuleTwoOfThreeClose || r == RuleTwoOfThreeInner
	last := r == RuleTwoOfThree || r == RuleFourOfFive
	up, down := d.rows[rowA], d.rows[rowB]
	some := uint64(0)
	for w := range up {
		far := d.rows[distance][w]
		if r == RuleTwoOfThreeInner {
			far &^= d.rows[rowThree][w]
		}
		up[w], down[w] = far&d.rows[rowAbove][w], far&d.rows[rowBelow][w]
		some |= far
	}
	if some == 0 {
		return
	}
	zone := float64(distance - rowOne + 1)
	for w := range up {
		high, low := enough(up, w, n, last), enough(down, w, n, last)
		if together {
			high &= all3(d.rows[rowAbove], w)
			low &= all3(d.rows[rowBelow], w)
		}
		found := high | low
		// Whole windows only.
		if w == 0 {
			found &= ^uint64(0) << (n - 1)
		}
		if w == d.n>>6 {
			found &= 1<<(d.n&63) - 1
		}
		for ; found != 0; found &= found - 1 {
			b := bits.TrailingZeros64(found)
			row, direction := down, -1
			if high>>b&1 != 0 {
				row, direction = up, 1
			}
			i := w*64 + b
			points := 0
			for k := i - n + 1; k <= i; k++ {
				points += int(row[k>>6] >> (k & 63) & 1)
			}
			d.add(r, i-n+1, i, points, direction, m, zone)
		}
	}
}

// enough marks where windows of 3 values that hold 2 bits, or of 5 that hold 4,
// end; with last, on one of them.
func enough(a []uint64, w, n int, last bool) uint64 {
	x0, x1, x2 := a[w], shifted(a, w, 1), shifted(a, w, 2)
	if n == 3 {
		v := x0 & (x1 | x2)
		if !last {
			v |= x1 & x2
		}
		return v
	}
	x3, x4 := shifted(a, w, 3), shifted(a, w, 4)
	return x0 & (x1&x2&(x3|x4) | x3&x4&(x1|x2))
}

func all3(a []uint64, w int) uint64 { return a[w] & shifted(a, w, 1) & shifted(a, w, 2) }

// within finds stretches of n values or more within 1 sigma.
func (d *detector) within(r Rule, n int) {
	inside := d.rows[rowC]
	for w, v := range d.rows[rowOne] {
		inside[w] = ^v
	}
	if !d.full(rowA, rowC, n) {
		return
	}
	for i := d.next(rowA, 0); i < d.n; {
		end := d.nextClear(rowC, i)
		d.add(r, i-n+1, end-1, end-i+n-1, 0, n, 1)
		i = d.next(rowA, end)
	}
}

// beyond finds windows of n values beyond 1 sigma, on both sides.
func (d *detector) beyond(r Rule, n int) {
	if !d.full(rowA, rowOne, n) {
		return
	}
	d.full(rowB, rowAbove, n)
	d.full(rowC, rowBelow, n)
	for w := range d.rows[rowA] {
		d.rows[rowA][w] &^= d.rows[rowB][w] | d.rows[rowC][w]
	}
	for i := d.next(rowA, 0); i < d.n; i = d.next(rowA, i+1) {
		d.add(r, i-n+1, i, n, 0, n, 1)
	}
}

// full marks in row to where n bits of a row, one after another, end, and says
// whether there are any. The length doubles until it is enough.
func (d *detector) full(to, row, n int) bool {
	a, dst := d.rows[row], d.rows[to]
	if len(a) == 1 {
		v := a[0]
		for have := 1; have < n && v != 0; {
			s := min(have, n-have)
			v &= v << s
			have += s
		}
		dst[0] = v
		return v != 0
	}
	copy(dst, a)
	for have := 1; have < n; {
		s := min(have, n-have)
		for w := len(dst) - 1; w >= 0; w-- {
			dst[w] &= shifted(dst, w, s)
		}
		have += s
	}
	some := uint64(0)
	for _, v := range dst {
		some |= v
	}
	return some != 0
}

// shifted is word w of a row moved s bits, below 64, towards later values.
func shifted(a []uint64, w, s int) uint64 {
	v := a[w] << s
	if w > 0 {
		v |= a[w-1] >> (64 - s)
	}
	return v
}

// next is the first set bit of a row from bit i on, d.n where there is none.
func (d *detector) next(row, i int) int {
	a := d.rows[row]
	for w := i >> 6; w < len(a); w++ {
		v := a[w]
		if w == i>>6 {
			v &= ^uint64(0) << (i & 63)
		}
		if v != 0 {
			return w*64 + bits.TrailingZeros64(v)
		}
	}
	return d.n
}

// nextClear is the first clear bit of a row from bit i on, d.n where there is
// none.
func (d *detector) nextClear(row, i int) int {
	a := d.rows[row]
	for w := i >> 6; w < len(a); w++ {
		v := ^a[w]
		if w == i>>6 {
			v &= ^uint64(0) << (i & 63)
		}
		if v != 0 {
			return min(w*64+bits.TrailingZeros64(v), d.n)
		}
	}
	return d.n
}
