package spc

import "math"

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
	// RuleSevenTrend is seven values steadily rising or falling: NHS Making Data
	// Count.
	RuleSevenTrend
	// RuleTwoOfThreeClose is two of three values on one side beyond 2 sigma: NHS
	// Making Data Count, in the variant in which values beyond 3 sigma count.
	RuleTwoOfThreeClose

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
)

// Detect finds the signals of a rule set on a chart, in order of the part and the
// rule, and marks nothing. It knows every rule; the default ones it repeats from
// the chart.
//
// Each value is compared with its own standard deviation, also where it varies
// (qcc compares a whole window with the limits of its last point). Rules on sides
// and zones pass over points that do not enter; rules on rises and falls stop at
// them, as moving ranges do. Every rule starts anew in each part. A part without
// standard deviations can only signal by sides, rises and falls. A run or trend
// is one signal from its first to its last point; windows of a fixed length are
// one signal each.
func (c Chart) Detect(set RuleSet) []Signal {
	var out []Signal
	for _, p := range c.Parts {
		d := detector{chart: c, part: p, series: p.Series}
		d.load()
		for r := Rule(0); r < ruleCount; r++ {
			if set.Has(r) {
				d.rule(r)
			}
		}
		out = append(out, d.out...)
	}
	return out
}

// detector holds the values of a part that enter, closed up.
type detector struct {
	chart  Chart
	part   Part
	series int
	index  []int     // of the point in the series
	z      []float64 // distance from the centre line in its own sigma; ±Inf without
	out    []Signal
}

func (d *detector) load() {
	if d.part.Kind == Line {
		return
	}
	for i := d.part.First; i <= d.part.Last; i++ {
		if !d.chart.State[i].Enters() || math.IsNaN(d.chart.Centre[i]) {
			continue
		}
		z := 0.0
		if diff := d.chart.Value[i] - d.chart.Centre[i]; diff != 0 {
			z = diff / d.chart.SD[i]
			if math.IsNaN(z) {
				z = math.Copysign(math.Inf(1), diff) // a side, but no distance
			}
		}
		d.index, d.z = append(d.index, i), append(d.z, z)
	}
}

func (d *detector) rule(r Rule) {
	switch r {
	case RuleSigma, RuleLongRun, RuleFewCrossings:
		for _, s := range d.chart.Signals {
			if s.Rule == r && s.Phase == d.part.Phase {
				d.out = append(d.out, s)
			}
		}
	case RuleEight:
		d.sides(r, 8)
	case RuleNine:
		d.sides(r, 9)
	case RuleSevenSide:
		d.sides(r, 7)
	case RuleSixTrend:
		d.trends(r, 6)
	case RuleSevenTrend:
		d.trends(r, 7)
	case RuleAlternating:
		d.alternating(r, 14)
	}
	if d.part.Limits == LimitsNone {
		return
	}
	switch r {
	case RuleTwoOfThree:
		d.windows(r, 3, func(w []float64) int { return mostBeyond(w, 2, 2, true) })
	case RuleFourOfFive:
		d.windows(r, 5, func(w []float64) int { return mostBeyond(w, 4, 1, true) })
	case RuleTwoOfThreeClose:
		d.windows(r, 3, func(w []float64) int {
			side := mostBeyond(w, 2, 2, false)
			for _, z := range w {
				if z*float64(side) <= 0 {
					return 0
				}
			}
			return side
		})
	case RuleFifteenWithin:
		d.zone(r, 15, func(z float64) bool { return math.Abs(z) <= 1 }, false)
	case RuleEightBeyond:
		d.zone(r, 8, func(z float64) bool { return math.Abs(z) > 1 }, true)
	}
}

func (d *detector) add(r Rule, from, to int, direction int, limit float64) {
	d.out = append(d.out, Signal{
		Series: d.series, Phase: d.part.Phase, Rule: r, From: d.index[from], To: d.index[to],
		Points: to - from + 1, Direction: int8(direction), Observed: float64(to - from + 1), Limit: limit,
	})
}

func (d *detector) sides(r Rule, n int) {
	start := 0
	for i := 0; i <= len(d.z); i++ {
		if i < len(d.z) && i > start && sign(d.z[i]) == sign(d.z[start]) {
			continue
		}
		if i-start >= n && d.z[start] != 0 {
			d.add(r, start, i-1, sign(d.z[start]), float64(n))
		}
		start = i
	}
}

// rise is the sign of the step to value i, 0 across a gap.
func (d *detector) rise(i int) int {
	if i == 0 || d.index[i] != d.index[i-1]+1 {
		return 0
	}
	return sign(d.chart.Value[d.index[i]] - d.chart.Value[d.index[i-1]])
}

func (d *detector) trends(r Rule, n int) {
	start := 0
	for i := 1; i <= len(d.z); i++ {
		if i < len(d.z) && i > start+1 && d.rise(i) != 0 && d.rise(i) == d.rise(start+1) {
			continue
		}
		if i-start >= n && i > start+1 && d.rise(start+1) != 0 {
			d.add(r, start, i-1, d.rise(start+1), float64(n))
		}
		// The next trend may begin with the last value of this one.
		if i < len(d.z) {
			start = i - 1
			if d.rise(i) == 0 {
				start = i
			}
		}
	}
}

func (d *detector) alternating(r Rule, n int) {
	start := 0
	for i := 1; i <= len(d.z); i++ {
		if i < len(d.z) && d.rise(i) != 0 && (i == start+1 || d.rise(i) == -d.rise(i-1)) {
			continue
		}
		if i-start >= n {
			d.add(r, start, i-1, 0, float64(n))
		}
		if i < len(d.z) {
			start = i - 1
			if d.rise(i) == 0 {
				start = i
			}
		}
	}
}

func (d *detector) windows(r Rule, n int, side func([]float64) int) {
	for i := n; i <= len(d.z); i++ {
		if s := side(d.z[i-n : i]); s != 0 {
			d.add(r, i-n, i-1, s, float64(n))
		}
	}
}

// mostBeyond is the side on which at least m of the values lie beyond k sigma,
// with last the last among them; 0 for none.
func mostBeyond(w []float64, m int, k float64, last bool) int {
	up, down := 0, 0
	for _, z := range w {
		if z > k {
			up++
		}
		if z < -k {
			down++
		}
	}
	end := w[len(w)-1]
	switch {
	case up >= m && (!last || end > k):
		return 1
	case down >= m && (!last || end < -k):
		return -1
	}
	return 0
}

// zone reports maximal stretches of at least n values of which in holds; both
// asks that each window of n has values on both sides.
func (d *detector) zone(r Rule, n int, in func(float64) bool, both bool) {
	start := 0
	flush := func(end int) {
		if end-start < n {
			return
		}
		if !both {
			d.add(r, start, end-1, 0, float64(n))
			return
		}
		for i := start + n; i <= end; i++ {
			up, down := false, false
			for _, z := range d.z[i-n : i] {
				up, down = up || z > 0, down || z < 0
			}
			if up && down {
				d.add(r, i-n, i-1, 0, float64(n))
			}
		}
	}
	for i, z := range d.z {
		if !in(z) {
			flush(i)
			start = i + 1
		}
	}
	flush(len(d.z))
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
	order := []Rule{RuleSigma, RuleSevenTrend, RuleSixTrend, RuleTwoOfThreeClose, RuleTwoOfThree, RuleFourOfFive, RuleSevenSide, RuleEight, RuleNine, RuleLongRun}
	for _, r := range order {
		for _, s := range signals {
			if s.Rule != r || s.From > last || s.To < last || s.Direction == 0 {
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

func (c Chart) latest() (int, bool) {
	for i := len(c.State) - 1; i >= 0; i-- {
		if c.State[i].Enters() {
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
