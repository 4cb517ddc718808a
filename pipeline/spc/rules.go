package spc

import (
	"math"
	"math/bits"
)

// Rules beyond the default set. They are chosen by the catalog, never added to
// the default: all eight of Nelson signal on 32 % of in-control charts of 36
// points, 3 sigma and Anhøj on 12 %.
const (
	// RuleTwoOfThree is two of three successive values beyond 2 sigma on one side,
	// the last among them: Western Electric 1956, rule 2; Nelson 1984, test 5.
	RuleTwoOfThree Rule = iota + 3
	// RuleFourOfFive is four of five beyond 1 sigma likewise: Western Electric
	// rule 3; Nelson test 6.
	RuleFourOfFive
	// RuleEight is eight successive values on one side: Western Electric rule 4.
	RuleEight
	// RuleNine is nine successive values on one side: Nelson test 2.
	RuleNine
	// RuleSixTrend is six values steadily rising or falling: Nelson test 3.
	RuleSixTrend
	// RuleAlternating is fourteen values alternating up and down: Nelson test 4.
	RuleAlternating
	// RuleFifteenWithin is fifteen values within 1 sigma of the centre line:
	// Nelson test 7.
	RuleFifteenWithin
	// RuleEightBeyond is eight values beyond 1 sigma, on both sides: Nelson test 8.
	RuleEightBeyond
	// RuleSevenSide is seven successive values on one side: NHS Making Data Count.
	RuleSevenSide
	// RuleSevenTrend is seven values rising or falling, equal neighbours neither
	// adding nor cancelling: NHS Making Data Count.
	RuleSevenTrend
	// RuleTwoOfThreeClose is two of three values on one side beyond 2 sigma: NHS
	// Making Data Count, in the variant in which values beyond 3 sigma count.
	RuleTwoOfThreeClose
	// RuleTwoOfThreeInner is the older variant, in which values beyond 3 sigma do
	// not count for two of three.
	RuleTwoOfThreeInner
	// RuleTwoOfThreeAny is the variant in which the third value may lie anywhere,
	// and which two they are does not matter.
	RuleTwoOfThreeAny
	// RuleSixSide is six successive values on one side: the shorter run that Making
	// Data Count's spreadsheets offer.
	RuleSixSide

	ruleCount
)

// Rule sets, to be chosen one at a time.
const (
	// WesternElectric 1956.
	WesternElectric RuleSet = 1<<RuleSigma | 1<<RuleTwoOfThree | 1<<RuleFourOfFive | 1<<RuleEight
	// Nelson 1984, tests 1 to 8.
	Nelson RuleSet = 1<<RuleSigma | 1<<RuleNine | 1<<RuleSixTrend | 1<<RuleAlternating | 1<<RuleTwoOfThree |
		1<<RuleFourOfFive | 1<<RuleFifteenWithin | 1<<RuleEightBeyond
	// MakingDataCount is NHS England's set.
	MakingDataCount RuleSet = 1<<RuleSigma | 1<<RuleSevenSide | 1<<RuleSevenTrend | 1<<RuleTwoOfThreeClose
	// MakingDataCountInner is the same with the older two of three, as in published
	// software of that name.
	MakingDataCountInner RuleSet = 1<<RuleSigma | 1<<RuleSevenSide | 1<<RuleSevenTrend | 1<<RuleTwoOfThreeInner
)

// Detect finds the signals of a rule set on a chart, in order of the part and the
// rule, and marks nothing. It knows every rule; the default ones it repeats from
// the chart.
//
// Each value is compared with its own standard deviation, also where it varies
// (qcc compares a whole window with the limits of its last point). Rules on sides
// and zones pass over points that do not enter; rules on rises and falls stop at
// them, as moving ranges do. Every rule starts anew in each part. A part without
// standard deviations can only signal by sides, rises and falls; one whose runs
// are off (Part.RunsOff) only by single points. A run or trend is one signal from
// its first to its last point; windows of a fixed length are one signal each, so
// that overlapping patterns are all there. Chart.Members names the points.
func (c Chart) Detect(set RuleSet) []Signal {
	var d detector
	d.detect(c, set)
	return d.out
}

// Detector finds the signals of many charts in memory of its own. The zero
// Detector is ready. Not for concurrent use.
type Detector struct{ d detector }

// Detect is Chart.Detect for all series of a batch. The result is overwritten by
// the next call; a second call of the same size does not allocate.
func (d *Detector) Detect(c *Charts, set RuleSet) []Signal {
	d.d.out = d.d.out[:0]
	for k := range c.Len() {
		d.d.detect(c.At(k), set)
	}
	return d.d.out
}

// detector holds the values of a part that enter, closed up.
type detector struct {
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

func bit(b bool) uint8 {
	var v uint8
	if b {
		v = 1
	}
	return v
}

// direction is the side of a zone.
func direction(zone uint8) int { return int(zone&zoneAbove) - int(zone&zoneBelow)>>1 }

// gap marks a step across points that do not enter.
const gap = 2

func (d *detector) detect(c Chart, set RuleSet) {
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

func (d *detector) load() {
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
func (d *detector) add(r Rule, from, to, points, direction int, limit, zone float64) {
	d.out = append(d.out, Signal{
		Series: d.part.Series, Phase: d.part.Phase, Rule: r, From: d.index[from], To: d.index[to],
		Points: points, Direction: int8(direction), Observed: float64(points), Limit: limit, Zone: zone,
	})
}

func (d *detector) sides(r Rule, n int) {
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
func (d *detector) trends(r Rule, n int, ties bool) {
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

func (d *detector) alternating(r Rule, n int) {
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
func (d *detector) moves(i int) bool { return d.step[i] == 1 || d.step[i] == -1 }

// windows finds windows of n values of which at least m lie beyond sigma on one
// side, as the rule wants the others. The last n values are bits.
func (d *detector) windows(r Rule, n, m int, sigma float64) {
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
func (d *detector) within(r Rule, n int) {
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
func (d *detector) beyond(r Rule, n int) {
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

func sign(v float64) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// Direction is which way is improvement.
type Direction int8

const (
	// Neutral means neither way is.
	Neutral Direction = 0
	// Up and Down mean that higher, or lower, is better.
	Up   Direction = 1
	Down Direction = -1
)

// Icon is a verdict of NHS Making Data Count.
type Icon uint8

const (
	// IconNone means there is nothing to say: no limits, no target or no direction.
	IconNone Icon = iota
	// CommonCause means that the latest value is no part of a signal.
	CommonCause
	// Improvement, Concern, NeutralHigh and NeutralLow say what the latest value
	// is part of.
	Improvement
	Concern
	NeutralHigh
	NeutralLow
	// Pass, Fail and HitAndMiss say whether the process will meet its target.
	Pass
	Fail
	HitAndMiss
)

// String gives "common_cause", "improvement", "pass" and so on.
func (i Icon) String() string {
	return [...]string{"none", "common_cause", "improvement", "concern", "neutral_high", "neutral_low", "pass", "fail", "hit_and_miss"}[min(int(i), 8)]
}

// iconOrder is from the most certain: 3 sigma, then trends, two of three, runs.
//
//nolint:gochecknoglobals // a constant that Go cannot declare as such
var iconOrder = [...]Rule{
	RuleSigma, RuleSevenTrend, RuleSixTrend, RuleTwoOfThreeClose, RuleTwoOfThreeInner, RuleTwoOfThree, RuleTwoOfThreeAny,
	RuleFourOfFive, RuleSixSide, RuleSevenSide, RuleEight, RuleNine, RuleLongRun,
}

// Latest are those of the signals that the latest mature value is part of: what
// its icon is judged by, improvement and concern side by side where both are
// there.
func (c Chart) Latest(signals []Signal) []Signal {
	last, ok := c.latest()
	if !ok {
		return nil
	}
	var out []Signal
	for _, s := range signals {
		if s.From <= last && last <= s.To && s.Series == c.part(last).Series {
			out = append(out, s)
		}
	}
	return out
}

// VariationIcon says whether the latest mature value is part of one of the
// signals, and what that means for the direction of improvement (NHS England,
// Making Data Count). Signals on both sides of it, such as a value below the
// limit at the end of a rising trend, are judged by the most certain: 3 sigma,
// then trends, then two of three, then runs; the tools do the same, but show no
// other. Fewer than 12 points make no icon.
func (c Chart) VariationIcon(signals []Signal, d Direction) Icon {
	last, ok := c.latest()
	if !ok || c.part(last).Limits == LimitsNone {
		return IconNone
	}
	series := c.part(last).Series
	for _, r := range iconOrder {
		for _, s := range signals {
			if s.Rule != r || s.Series != series || s.From > last || s.To < last || s.Direction == 0 {
				continue
			}
			switch {
			case d == Neutral && s.Direction > 0:
				return NeutralHigh
			case d == Neutral:
				return NeutralLow
			case s.Direction == int8(d):
				return Improvement
			}
			return Concern
		}
	}
	return CommonCause
}

// AssuranceIcon says whether a process that stays as it is will meet the target,
// by the limits at its latest mature value: beyond both on the good side it
// passes, on the bad side it fails, within the limits it is hit and miss. target
// is multiplied like the chart; NaN, Neutral or no limits give IconNone. Limits of
// zero width still give a verdict.
func (c Chart) AssuranceIcon(target float64, d Direction) Icon {
	last, ok := c.latest()
	if !ok || d == Neutral || math.IsNaN(target) || math.IsNaN(c.UCL[last]) {
		return IconNone
	}
	switch {
	case c.LCL[last] > target:
		if d == Up {
			return Pass
		}
		return Fail
	case c.UCL[last] < target:
		if d == Down {
			return Pass
		}
		return Fail
	}
	// A process that always is exactly on its target meets it.
	if c.LCL[last] == target && c.UCL[last] == target {
		return Pass
	}
	return HitAndMiss
}

// Target is a target from a point on. It is neither a limit nor a centre line and
// enters nothing but the assurance icon.
type Target struct {
	From  int
	Value float64 // multiplied, as the chart is; NaN for none from here on
}

// TargetAt is the target that holds at point i: that of the last entry whose From
// is not later; NaN where there is none. Entries stand in ascending order of From.
func TargetAt(targets []Target, i int) float64 {
	v := math.NaN()
	for _, t := range targets {
		if t.From <= i {
			v = t.Value
		}
	}
	return v
}

// Assurance is AssuranceIcon for a target that changes by period: the one that
// holds at the latest mature value counts.
func (c Chart) Assurance(targets []Target, d Direction) Icon {
	last, ok := c.latest()
	if !ok {
		return IconNone
	}
	return c.AssuranceIcon(TargetAt(targets, last), d)
}

func (c Chart) latest() (int, bool) {
	for i := len(c.State) - 1; i >= 0; i-- {
		if c.enters(i) {
			return i, true
		}
	}
	return 0, false
}

func (c Chart) part(i int) Part {
	for _, p := range c.Parts {
		if p.First <= i && i <= p.Last {
			return p
		}
	}
	return Part{}
}
