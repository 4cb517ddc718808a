package surveil

import (
	"cmp"
	"slices"

	"github.com/sourcegraph/conc/pool"
)

// Finding is something odd about tonight.
type Finding struct {
	// Check is the id of the catalogue of checks.
	Check string
	// Series, Unit, Indicator and Source say what it is about, as numbers of
	// the panel; -1: several, or all. Other is the unit that gained in a merge
	// or split.
	Series, Unit, Other, Indicator, Source int
	// Scale is the length of the tested window in nights.
	Scale int
	// Observed and Expected are records, or shares where Share is set.
	Observed, Expected float64
	Share              bool
	P                  float64
	// Up is the direction.
	Up bool
	// Nights says which earlier night a stale copy repeats, and for how many
	// nights a value has been stuck.
	Nights int
	// Artefact says that there is evidence of an artefact beside the finding.
	Artefact bool
	// Into is the finding that explains this one, or -1.
	Into int
}

// Skip counts tests that do not apply, with the reason.
type Skip struct {
	Check, Why string
	Series     int
}

// Result is what a night's surveillance found.
type Result struct {
	// Findings are in a fixed order: findings that explain others first.
	Findings []Finding
	// Tested counts the statistical hypotheses of the night by check.
	Tested map[string]int
	Skips  []Skip
	// Others says which of the tests made elsewhere are selected, Past which of
	// those of the past.
	Others, Past []bool
	// Judged says by check and series whether a hypothesis was tested.
	Judged map[string][]bool
}

// The families of the hierarchical control: class by scale.
const (
	familyDay = iota
	familyWeek
	familyMonth
	familyRate
	familyMissingWeek
	familyMissingMonth
	familyCommon
	familyOthers
	familyZeros
	familyMissingDay
	familyPast
)

// hypothesis is a test with the finding that it would be.
type hypothesis struct {
	Finding

	family int
	// large is that the difference passes the floor of magnitude.
	large bool
}

// part is what one indicator contributes.
type part struct {
	b     *block
	tests []hypothesis
	found []Finding // deterministic
	skips map[[2]string]int
}

// Run judges the last night of the panel. The panel must be valid.
func Run(p *Panel, o Options) (Result, error) {
	if err := cmp.Or(p.Validate(), o.Validate()); err != nil {
		return Result{}, err
	}
	by := make([][]int, len(p.Indicators))
	for s, i := range p.Indicator {
		by[i] = append(by[i], s)
	}
	parts := make([]*part, len(by))
	work := pool.New().WithMaxGoroutines(o.Workers)
	for i, series := range by {
		work.Go(func() { parts[i] = judge(p, &o, i, series) })
	}
	work.Wait()
	return join(p, &o, parts), nil
}

// judge makes every test that looks at one indicator.
func judge(p *Panel, o *Options, indicator int, series []int) *part {
	t := &part{b: newBlock(p, indicator, series), skips: map[[2]string]int{}}
	t.volumes(o)
	t.zeros(o)
	t.rates(o)
	t.stuck(o)
	return t
}

// skip counts a test that does not apply.
func (t *part) skip(check, why string) { t.skips[[2]string{check, why}]++ }

// join puts the indicators together: what looks at whole units or sources, the
// control of false discoveries, and what explains what.
func join(p *Panel, o *Options, parts []*part) Result {
	r := Result{Tested: map[string]int{}, Judged: map[string][]bool{}}
	u := newUnits(p, o, parts)
	moved := u.moved()
	silent := u.silent()
	stale := u.stale()
	// What moved, fell silent or repeats itself is explained: its series are no
	// hypotheses, or their many tiny p-values would lend their level to others.
	explained := map[int]bool{}
	for _, f := range slices.Concat(moved, silent, stale) {
		explained[f.Unit] = true
		explained[f.Other] = true
	}
	moved = append(moved, u.arrived(explained)...)
	for i, fresh := range u.fresh {
		if fresh { // its history is not a baseline
			explained[i] = true
		}
	}
	delete(explained, -1)
	tests := common(p, o, parts)
	var aside []hypothesis
	for _, t := range parts {
		for _, h := range t.tests {
			if r.Judged[h.Check] == nil {
				r.Judged[h.Check] = make([]bool, p.Series())
			}
			r.Judged[h.Check][h.Series] = true
			if explained[h.Unit] {
				aside = append(aside, h)
			} else {
				tests = append(tests, h)
			}
		}
	}
	// Weights fixed beforehand and one on average keep the rate (Genovese,
	// Roeder and Wasserman, Biometrika 2006): the few common modes, which
	// concern the most units, weigh as many as stand for them.
	shared := 0
	for i := range tests {
		if tests[i].family == familyCommon {
			shared++
		}
	}
	plain := 1.0
	if rest := float64(len(tests) - shared); rest > commonWeight*float64(shared) {
		plain = rest / (rest - (commonWeight-1)*float64(shared))
	}
	all := len(tests) + len(o.Others) + len(o.Past)
	pv, family, task := make([]float64, all), make([]int, all), make([]int, all)
	numbers := map[[2]int]int{}
	families := map[int]int{}
	for i := range tests {
		h := &tests[i]
		pv[i] = h.P * plain
		if h.family == familyCommon {
			pv[i] = h.P / commonWeight
		}
		family[i] = number(families, h.family)
		key := [2]int{h.Series, class(h.family)}
		if h.Series < 0 {
			key = [2]int{-1 - i, 0}
		}
		task[i] = number(numbers, key)
		r.Tested[h.Check]++
	}
	for k, v := range slices.Concat(o.Others, o.Past) {
		i := len(tests) + k
		of := familyOthers
		if k >= len(o.Others) {
			of = familyPast
		}
		pv[i], family[i], task[i] = v, number(families, of), number(numbers, [2]int{-1 - i, 0})
	}
	idle := idleOf{family: -1}
	if o.Idle > 0 {
		idle = idleOf{n: o.Idle, family: number(families, familyPast)}
	}
	selected := choose(pv, family, task, idle, o.Q)
	r.Others, r.Past = selected[len(tests):len(tests)+len(o.Others)], selected[len(tests)+len(o.Others):]
	var statistical []Finding
	for i := range tests {
		if selected[i] && tests[i].large {
			statistical = append(statistical, tests[i].Finding)
		}
	}
	for i := range aside {
		// On record as what follows from the cause.
		if h := &aside[i]; h.large && h.P < improbable {
			statistical = append(statistical, h.Finding)
		}
	}
	r.Findings = slices.Concat(moved, silent, stale)
	for _, t := range parts {
		r.Findings = append(r.Findings, t.found...)
		for k, n := range t.skips {
			r.Skips = append(r.Skips, Skip{k[0], k[1], n})
		}
	}
	r.Findings = explain(p, append(r.Findings, statistical...))
	r.Skips = sumSkips(r.Skips)
	return r
}

// commonWeight is how many plain hypotheses a common mode counts as.
const commonWeight = 20

// class is the question that a family's tests ask: volume, rate, missing
// values, common mode.
func class(family int) int {
	switch family {
	case familyRate:
		return 1
	case familyMissingDay, familyMissingWeek, familyMissingMonth:
		return 2
	case familyZeros:
		return 3
	}
	return 0
}

// number gives keys the numbers 0, 1, … in the order in which they come.
func number[K comparable](numbers map[K]int, key K) int {
	n, ok := numbers[key]
	if !ok {
		n = len(numbers)
		numbers[key] = n
	}
	return n
}

func sumSkips(all []Skip) []Skip {
	slices.SortFunc(all, func(a, b Skip) int { return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Why, b.Why)) })
	var out []Skip
	for _, s := range all {
		if n := len(out); n > 0 && out[n-1].Check == s.Check && out[n-1].Why == s.Why {
			out[n-1].Series += s.Series
			continue
		}
		out = append(out, s)
	}
	return out
}
