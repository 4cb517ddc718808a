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
// that overlapping patterns are all there. Chart.Members names the points. The
// rules are those of Western Electric 1956, Nelson 1984 and NHS England's Making
// Data Count, as each Rule says.
func (c Chart) Detect(set RuleSet) []Signal {
	var d detector
	d.detect(&c, set)
	return d.out
}

// Detector finds the signals of many charts in memory of its own. The zero
// Detector is ready. Not for concurrent use.
type Detector struct{ d detector }

// Detect is Chart.Detect (Western Electric 1956; Nelson 1984) for all series of a
// batch. The result is overwritten by
// the next call; a second call of the same size does not allocate.
func (d *Detector) Detect(c *Charts, set RuleSet) []Signal {
	d.d.out = d.d.out[:0]
	for k := range c.Len() {
		ch := c.At(k)
		d.d.detect(&ch, set)
	}
	return d.d.out
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
// there; none without a mature value.
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
