package spc

import (
	"math"
	"math/bits"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestLawDetectEqualsPointwise: the rows of bits find what a walk over the values,
// rule by rule, finds, in the same order: with values on the line and on the edges
// of zones, ties, gaps, phases, exclusions, limits that vary, and series of more
// than one word.
func TestLawDetectEqualsPointwise(t *testing.T) {
	centre, sd := 0.0, 1.0
	edges := []float64{0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5}
	var d Detector
	seen := map[Rule]int{}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		// A series that keeps its ways for a while, so that patterns occur.
		s := Series{States: values(n), Value: make([]float64, n), Den: make([]float64, n)}
		way := rapid.SampledFrom([]string{"any", "high", "low", "far", "near", "rising", "falling", "turning"})
		now, left := "any", 0
		for i := range n {
			if left == 0 {
				now, left = way.Draw(t, "way"), rapid.IntRange(1, 20).Draw(t, "for")
			}
			left--
			v := rapid.SampledFrom(edges).Draw(t, "v") * float64(rapid.SampledFrom([]int{-1, 1}).Draw(t, "side"))
			switch now {
			case "high":
				v = math.Abs(v)
			case "low":
				v = -math.Abs(v)
			case "far":
				v += math.Copysign(1, v)
			case "near":
				v /= 4
			case "rising", "falling":
				v = rapid.SampledFrom([]float64{0, 0.125, 0.25}).Draw(t, "step")
				if now == "falling" {
					v = -v
				}
				if i > 0 {
					v += s.Value[i-1]
				}
			case "turning":
				v = math.Abs(v) + 0.125
				if i%2 == 0 {
					v = -v
				}
			}
			s.Value[i], s.Den[i] = v, 1
			if rapid.IntRange(0, 40).Draw(t, "gap") == 0 {
				s.States[i] = rapid.SampledFrom([]State{StateMissing, StatePreliminary, StateHeldEmpty}).Draw(t, "state")
			}
		}
		plan := Plan{Phases: []Phase{{Centre: &centre, SD: &sd}}}
		if n > 2 && rapid.Bool().Draw(t, "phases") {
			plan.Phases = append(plan.Phases, Phase{From: rapid.IntRange(1, n-1).Draw(t, "from")})
			if rapid.Bool().Draw(t, "given") {
				plan.Phases[1].Centre, plan.Phases[1].SD = &centre, &sd
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "exclude") == 0 {
			plan.Exclude = []int{rapid.IntRange(0, n-1).Draw(t, "excluded")}
		}
		o := Options{Measure: Mean}
		if rapid.IntRange(0, 2).Draw(t, "counts") == 0 {
			// Limits of each point's own; runs are left to chance.
			o.Measure, plan.Phases[0].Centre, plan.Phases[0].SD = Rate, nil, nil
			for i := range plan.Phases {
				plan.Phases[i].Centre, plan.Phases[i].SD = nil, nil
			}
			s.Num = make([]float64, n)
			for i := range n {
				s.Den[i] = float64(rapid.IntRange(1, 4).Draw(t, "den"))
				s.Num[i] = math.Round(s.Den[i] * max(5+s.Value[i], 0))
			}
		}
		var c Charts
		if err := Batch(&c, s, []int{0, n}, o, []Plan{plan}); err != nil {
			t.Fatal(err)
		}
		var p pointwise
		p.detect(c.At(0), 1<<ruleCount-1)
		for _, sig := range p.out {
			seen[sig.Rule]++
		}
		if diff := cmp.Diff(p.out, d.Detect(&c, 1<<ruleCount-1), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s", diff)
		}
	})
	for r := RuleTwoOfThree; r < ruleCount; r++ {
		if seen[r] == 0 {
			t.Errorf("no series had a signal of %s: nothing was compared", r)
		}
	}
}

// pointwise is the plain reference: a walk over the values that enter.
type pointwise struct {
	chart Chart
	part  *Part
	index []int   // of the point in the series
	zone  []uint8 // where each value lies
	step  []int8  // sign of the step from the value before; gap where none is one
	zones bool    // every value has a distance in its own standard deviation
	out   []Signal
}

// Bits of a zone, two for each distance in sigma: above and below.
const (
	zoneAbove uint8 = 1 << iota
	zoneBelow
	zoneAbove1
	zoneBelow1 // then above and below 2 and 3

	zoneSide    = zoneAbove | zoneBelow
	zoneOutside = zoneAbove1 | zoneBelow1
)

// zoneOf compares without branches: which way a value falls cannot be foreseen.
func zoneOf(z float64) uint8 {
	return bit(z > 0) | bit(z < 0)<<1 | bit(z > 1)<<2 | bit(z < -1)<<3 | bit(z > 2)<<4 | bit(z < -2)<<5 | bit(z > 3)<<6 | bit(z < -3)<<7
}

// direction is the side of a zone.
func direction(zone uint8) int { return int(zone&zoneAbove) - int(zone&zoneBelow)>>1 }

// gap marks a step across points that do not enter.
const gap = 2

func (d *pointwise) detect(c Chart, set RuleSet) {
	d.chart = c
	for i := range c.Parts {
		d.part = &c.Parts[i]
		d.load()
		for r := Rule(0); r < ruleCount; r++ {
			if set.Has(r) {
				d.rule(r)
			}
		}
	}
}

func (d *pointwise) load() {
	p, c := d.part, &d.chart
	lo, hi := p.First, p.Last+1
	n := hi - lo
	if cap(d.index) < n {
		d.index, d.zone, d.step = make([]int, n), make([]uint8, n), make([]int8, n)
	}
	index, zones, steps := d.index[:n], d.zone[:n], d.step[:n]
	state, value, centre, sd := c.State[lo:hi][:n], c.Value[lo:hi][:n], c.Centre[lo:hi][:n], c.SD[lo:hi][:n]
	d.zones = p.Limits != LimitsNone
	k, last, before := 0, -2, 0.0
	for i, st := range state {
		if st != StateValue || c.Excluded != nil && c.Excluded[lo+i] || p.Kind == Line {
			continue
		}
		v := value[i]
		diff := v - centre[i]
		if math.IsNaN(diff) {
			continue
		}
		z := diff / sd[i]
		if p.Kind == T || diff == 0 {
			z = c.distance(lo+i, p)
		}
		if math.IsNaN(z) {
			d.zones = false
			z = diff
		}
		step := int8(bit(v > before)) - int8(bit(v < before))
		if last != i-1 {
			step = gap
		}
		last, before = i, v
		index[k], zones[k], steps[k] = lo+i, zoneOf(z), step
		k++
	}
	d.index, d.zone, d.step = index[:k], zones[:k], steps[:k]
}

func (d *pointwise) rule(r Rule) {
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
		d.sides(r, 8)
	case RuleNine:
		d.sides(r, 9)
	case RuleSevenSide:
		d.sides(r, 7)
	case RuleSixSide:
		d.sides(r, 6)
	case RuleSixTrend:
		d.trends(r, 6, false)
	case RuleSevenTrend:
		d.trends(r, 7, true)
	case RuleAlternating:
		d.alternating(r, 14)
	}
	if !d.zones {
		return
	}
	switch r {
	case RuleTwoOfThree, RuleTwoOfThreeClose, RuleTwoOfThreeInner, RuleTwoOfThreeAny:
		d.windows(r, 3, 2, 2)
	case RuleFourOfFive:
		d.windows(r, 5, 4, 1)
	case RuleFifteenWithin:
		d.within(r, 15)
	case RuleEightBeyond:
		d.beyond(r, 8)
	}
}

// add records a pattern of points values from one value to another.
func (d *pointwise) add(r Rule, from, to, points, direction int, limit, zone float64) {
	d.out = append(d.out, Signal{
		Series: d.part.Series, Phase: d.part.Phase, Rule: r, From: d.index[from], To: d.index[to],
		Points: points, Direction: int8(direction), Observed: float64(points), Limit: limit, Zone: zone,
	})
}

func (d *pointwise) sides(r Rule, n int) {
	start, side := 0, uint8(0)
	for i, zone := range d.zone {
		if zone &= zoneSide; zone != side {
			if i-start >= n && side != 0 {
				d.add(r, start, i-1, i-start, direction(side), float64(n), 0)
			}
			start, side = i, zone
		}
	}
	if end := len(d.zone); end-start >= n && side != 0 {
		d.add(r, start, end-1, end-start, direction(side), float64(n), 0)
	}
}

// trends finds n values or more that rise or fall. Equal neighbours end a trend,
// or, where ties is set, neither add to it nor cancel it.
func (d *pointwise) trends(r Rule, n int, ties bool) {
	start, end, count := 0, 0, 1
	dir := int8(0)
	for i := 1; i < len(d.step); i++ {
		step := d.step[i]
		if step == 0 && ties {
			continue
		}
		if step == dir && step != 0 {
			end = i
			count++
			continue
		}
		if count >= n {
			d.add(r, start, end, count, int(dir), float64(n), 0)
		}
		if start, end, count, dir = i, i, 1, 0; step == 1 || step == -1 {
			// The value before begins this trend, even where it ends another.
			start, count, dir = i-1, 2, step
		}
	}
	if count >= n {
		d.add(r, start, end, count, int(dir), float64(n), 0)
	}
}

func (d *pointwise) alternating(r Rule, n int) {
	start := 0
	for i := 1; i <= len(d.step); i++ {
		if i < len(d.step) && d.moves(i) && (i == start+1 || d.step[i] == -d.step[i-1]) {
			continue
		}
		if i-start >= n {
			d.add(r, start, i-1, i-start, 0, float64(n), 0)
		}
		start = i
		if i < len(d.step) && d.moves(i) {
			start = i - 1
		}
	}
}

// moves says that value i is higher or lower than the one just before it.
func (d *pointwise) moves(i int) bool { return d.step[i] == 1 || d.step[i] == -1 }

// windows finds windows of n values of which at least m lie beyond sigma on one
// side, as the rule wants the others. The last n values are bits.
func (d *pointwise) windows(r Rule, n, m int, sigma float64) {
	beyond := 4 // the bit of a zone that says above; below follows
	if sigma == 1 {
		beyond = 2
	}
	inner := uint32(0)
	if r == RuleTwoOfThreeInner {
		inner = 1
	}
	together := r == RuleTwoOfThreeClose || r == RuleTwoOfThreeInner
	last := r == RuleTwoOfThree || r == RuleFourOfFive
	all := uint32(1)<<n - 1
	var up, down, high, low uint32 // beyond, and on the side
	for i, zone := range d.zone {
		z := uint32(zone)
		up = (up<<1 | z>>beyond&1&^(z>>6&inner)) & all
		down = (down<<1 | z>>(beyond+1)&1&^(z>>7&inner)) & all
		high, low = (high<<1|z&1)&all, (low<<1|z>>1&1)&all
		if i < n-1 || up|down == 0 {
			continue
		}
		if k := bits.OnesCount32(up); k >= m && (!together || high == all) && (!last || up&1 != 0) {
			d.add(r, i-n+1, i, k, 1, float64(m), sigma)
		} else if k := bits.OnesCount32(down); k >= m && (!together || low == all) && (!last || down&1 != 0) {
			d.add(r, i-n+1, i, k, -1, float64(m), sigma)
		}
	}
}

// within finds stretches of n values or more within 1 sigma.
func (d *pointwise) within(r Rule, n int) {
	start := 0
	for i, zone := range d.zone {
		if zone&zoneOutside != 0 {
			if i-start >= n {
				d.add(r, start, i-1, i-start, 0, float64(n), 1)
			}
			start = i + 1
		}
	}
	if end := len(d.zone); end-start >= n {
		d.add(r, start, end-1, end-start, 0, float64(n), 1)
	}
}

// beyond finds windows of n values beyond 1 sigma, on both sides.
func (d *pointwise) beyond(r Rule, n int) {
	run, up, down := 0, -1, -1 // values beyond so far, and the last on each side
	for i, zone := range d.zone {
		switch {
		case zone&zoneOutside == 0:
			run = 0
			continue
		case zone&zoneAbove != 0:
			up = i
		default:
			down = i
		}
		if run++; run >= n && min(up, down) > i-n {
			d.add(r, i-n+1, i, n, 0, float64(n), 1)
		}
	}
}
