package publication

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/funnel"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/variation"
)

// Input is everything that the result set of one indicator depends on.
type Input struct {
	Region    string
	Index     *catalog.Index
	Indicator *catalog.Indicator
	// Cells are the cells that the gate shows, in any order.
	Cells []Cell
	// Reach is the date up to which the data of the indicator's feeds reach:
	// the newest as-of date.
	Reach catalog.Date

	ends map[span]int32 // of periods, once asked for
	hex  digits
}

// Build is the result set of one indicator.
func Build(in Input) (Set, error) {
	b, err := in.build(nil)
	if err != nil {
		return Set{}, err
	}
	return Seal(in.Indicator.ID, b.tables), nil
}

// built is a set before it has a name, with the series as they were delivered and
// the newest period by granularity.
type built struct {
	raw    []series
	last   map[string]int32
	tables []Table
}

// build makes the tables of a set; of a part of the series of a set that was made,
// without those that compare units.
func (in *Input) build(part *Made) (built, error) {
	b := built{last: in.latest()}
	if part != nil {
		b.last = part.last
	}
	b.raw = in.grid(asDelivered, b.last)
	joined := b.raw
	if in.joins() {
		joined = in.grid(in.joined, b.last)
	}
	var charts Table
	// The charts cost about as much as the rest together.
	beside := pool.New().WithErrors().WithFirstError()
	beside.Go(func() (err error) {
		own := *in
		own.ends = nil
		if charts, err = own.charts(joined); err != nil {
			return fmt.Errorf("indicator %s: charts: %w", in.Indicator.ID, err)
		}
		return nil
	})
	cells := in.cells(b.raw)
	var funnels, variations Table
	var err error
	if part == nil {
		if funnels, variations, err = in.between(joined); err != nil {
			err = fmt.Errorf("indicator %s: %w", in.Indicator.ID, err)
		}
	}
	err = errors.Join(beside.Wait(), err)
	if b.tables = []Table{cells, charts}; part == nil {
		b.tables = append(b.tables, funnels, variations)
	}
	return b, err
}

// rows collects the key columns that all tables of an indicator share.
type rows struct {
	region, indicator, version, granularity, stratum []string
	unit                                             []string
	start, end                                       []int32
	state, maturity                                  []string
	fingerprint                                      []string
}

// newRows has room for n rows.
func newRows(n int) rows {
	var r rows
	room(n, &r.region, &r.indicator, &r.version, &r.granularity, &r.stratum, &r.unit, &r.state, &r.maturity, &r.fingerprint)
	room(n, &r.start, &r.end)
	return r
}

// room makes room for n values in each of the columns.
func room[T any](n int, columns ...*[]T) {
	for _, c := range columns {
		*c = make([]T, 0, n)
	}
}

// points is the number of points of some series.
func points(all []series) int {
	n := 0
	for i := range all {
		n += len(all[i].points)
	}
	return n
}

func (r *rows) add(in *Input, k seriesKey, start, end int32, state spc.State, mature bool, fingerprint string) {
	r.region = append(r.region, in.Region)
	r.indicator = append(r.indicator, in.Indicator.ID)
	r.version = append(r.version, k.version)
	r.granularity = append(r.granularity, k.granularity)
	r.stratum = append(r.stratum, k.stratum)
	r.unit = append(r.unit, k.unit)
	r.start = append(r.start, start)
	r.end = append(r.end, end)
	r.state = append(r.state, state.String())
	m := "immature"
	if mature {
		m = "mature"
	}
	r.maturity = append(r.maturity, m)
	r.fingerprint = append(r.fingerprint, fingerprint)
}

func (r *rows) columns() []Column {
	return []Column{
		{"region", r.region}, {"indicator", r.indicator}, {"indicator_version", r.version},
		{"granularity", r.granularity}, {"stratum", r.stratum}, {"unit", r.unit},
		{"period_start", r.start}, {"period_end", r.end}, {"state", r.state}, {"maturity", r.maturity},
		{"fingerprint", r.fingerprint},
	}
}

// clean makes one NaN and one zero of all, so that equal numbers have equal bits.
func clean(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return math.NaN()
	}
	return v + 0 // −0 becomes 0
}

// periodEnd is the day behind the period of a series that begins on day start.
// Almost all periods of an indicator are those of the point before or after it
// in another series.
func (in *Input) periodEnd(k seriesKey, start int32) int32 {
	at := span{k.granularity, start}
	end, ok := in.ends[at]
	if !ok {
		end = periodEnd(k, start)
		if in.ends == nil {
			in.ends = map[span]int32{}
		}
		in.ends[at] = end
	}
	return end
}

// span is a period.
type span struct {
	granularity string
	start       int32
}

func periodEnd(k seriesKey, start int32) int32 {
	return catalog.Granularity(k.granularity).PeriodEnd(catalog.DateOfDays(start)).Days()
}

func (in *Input) cells(all []series) Table {
	r := newRows(points(all))
	var num, den, value, low, high, expected, coverage, missing []float64
	room(points(all), &num, &den, &value, &low, &high, &expected, &coverage, &missing)
	z := 1.959963984540054 // 95 %
	byar := variation.NewByar(0.95)
	for i := range all {
		s := &all[i]
		for j := range s.points {
			p := &s.points[j]
			r.add(in, s.key, p.period, in.periodEnd(s.key, p.period), p.state, p.mature, p.fingerprint)
			n := number{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
			lo, hi, exp, miss := math.NaN(), math.NaN(), math.NaN(), math.NaN()
			if p.drawn() || p.state == spc.StateNoEligible {
				n = in.number(p.numbers())
				lo, hi = in.interval(p, n, z, byar)
				if in.Indicator.Type == catalog.StandardisedRatio {
					exp = n.n
				}
				if c := p.numbers(); c.Rows > 0 {
					miss = float64(c.Missing) / float64(c.Rows)
				}
			}
			m := in.multiplier()
			num, den = append(num, clean(n.numerator)), append(den, clean(n.denominator))
			value = append(value, clean(n.value*m))
			low, high = append(low, clean(lo*m)), append(high, clean(hi*m))
			expected, missing = append(expected, clean(exp)), append(missing, clean(miss))
			coverage = append(coverage, math.NaN())
		}
	}
	return Table{"cell", append(r.columns(),
		Column{"numerator", num}, Column{"denominator", den}, Column{"value", value},
		Column{"ci_low", low}, Column{"ci_high", high}, Column{"expected", expected},
		Column{"coverage", coverage}, Column{"missing_share", missing})}
}

func (in *Input) multiplier() float64 {
	if in.Indicator.Multiplier == 0 {
		return 1
	}
	return in.Indicator.Multiplier
}

// interval is the 95 % interval of one cell: Wilson (1927) for proportions,
// Byar (Breslow & Day 1987) for rates and ratios, Student for means.
func (in *Input) interval(p *point, n number, z float64, byar *variation.Byar) (low, high float64) {
	switch {
	case in.binomial():
		return variation.WilsonZ(n.numerator, n.n, z)
	case in.Indicator.Type == catalog.Mean:
		se := standardError(p.numbers())
		return variation.MeanT(n.value, se*math.Sqrt(n.n), int(p.numbers().ValueCount), 0.95)
	case in.poisson():
		return byar.Interval(n.numerator, n.n)
	}
	return math.NaN(), math.NaN()
}

// binomial: every numerator is among its denominator.
func (in *Input) binomial() bool {
	return in.Indicator.Type == catalog.Proportion && in.Indicator.Subset
}

// poisson: events for a denominator that does not hold them.
func (in *Input) poisson() bool {
	t := in.Indicator.Type
	return t == catalog.Rate || t == catalog.StandardisedRatio || t == catalog.Proportion && !in.Indicator.Subset
}

func (in *Input) measure() spc.Measure {
	switch {
	case in.binomial():
		return spc.Proportion
	case in.poisson():
		return spc.Rate
	case in.Indicator.Type == catalog.Count:
		return spc.Count
	default:
		return spc.Mean
	}
}

func (in *Input) charts(all []series) (Table, error) {
	var s spc.Series
	starts := []int{0}
	room(points(all), &s.Num, &s.Den, &s.Value)
	s.States = make([]spc.State, 0, points(all))
	for k := range all {
		one := &all[k]
		for i := range one.points {
			p := &one.points[i]
			n := number{math.NaN(), math.NaN(), math.NaN(), math.NaN()}
			if p.drawn() {
				n = in.number(p.numbers())
			}
			s.Num, s.Den = append(s.Num, n.numerator), append(s.Den, n.n)
			s.Value = append(s.Value, n.value)
			s.States = append(s.States, p.state)
		}
		starts = append(starts, len(s.States))
	}
	o := spc.Options{Measure: in.measure(), Overlapping: in.Indicator.Measurement == "rolling", Multiplier: in.multiplier()}
	o.PeriodsPerYear, o.MinPoints, o.BaselinePoints = baseline(in.Indicator.Period)
	switch o.Measure {
	case spc.Count:
		s.Den, s.Value = nil, nil
	case spc.Mean:
		s.Num = nil
	default:
		s.Value = nil
	}
	var c spc.Charts
	if len(all) == 0 {
		return in.chartRows(all, &c, nil, nil), nil
	}
	plans, why := in.plans(all)
	if err := spc.Batch(&c, s, starts, o, plans); err != nil {
		return Table{}, err
	}
	return in.chartRows(all, &c, plans, why), nil
}

// chartRows are the points of the charts. The evidence of a series stands at its
// latest mature value.
func (in *Input) chartRows(all []series, c *spc.Charts, plans []spc.Plan, why []decided) Table {
	r := newRows(points(all))
	var kind, source, words []string
	var value, n, sd, centre, lcl, ucl, target, reference, dispersion, surprise, alarm []float64
	var sigma, runs, excluded []bool
	var rules [][]string
	var phase []uint16
	var from, to []int32
	room(points(all), &kind, &source, &words)
	room(points(all), &value, &n, &sd, &centre, &lcl, &ucl, &target, &reference, &dispersion, &surprise, &alarm)
	room(points(all), &sigma, &runs, &excluded)
	room(points(all), &rules)
	room(points(all), &phase)
	room(points(all), &from, &to)
	evidence := c.Evidence()
	set, saysRules := in.ruleSet()
	var signals [][]spc.Signal // of another rule set than the default
	if set != spc.DefaultRules {
		signals = chosen(c, set)
	}
	names := ruleTexts{}
	for k := range all {
		s, ch := &all[k], c.At(k)
		judged, plan, decisions := ch.Signals, (*spc.Plan)(nil), (*decided)(nil)
		if signals != nil {
			judged = signals[k]
		}
		if plans != nil {
			plan, decisions = &plans[k], &why[k]
		}
		said := make([]string, len(ch.Parts)) // once a part: a sentence costs more than a point
		for j, part := range ch.Parts {
			said[j] = part.Why() + decisions.say(plan, &ch, part)
			if part.Kind != spc.Line {
				said[j] += saysRules
			}
		}
		if last := len(said) - 1; last >= 0 {
			said[last] += in.verdict(s, ch, judged)
		}
		latest := spc.Evidence{Point: -1}
		if len(evidence) > 0 && evidence[0].Series == k {
			latest, evidence = evidence[0], evidence[1:]
		}
		for i := range s.points {
			p, state := &s.points[i], ch.State[i]
			if p.state == spc.StateHeldPrevious {
				state = p.state // also where what is shown is 0 of 0
			}
			r.add(in, s.key, p.period, in.periodEnd(s.key, p.period), state, p.mature, p.fingerprint)
			part, text := partAt(ch.Parts, said, i)
			kind, words = append(kind, chartName(part)), append(words, text)
			excluded = append(excluded, ch.Excluded != nil && ch.Excluded[i])
			chance, false3 := math.NaN(), math.NaN()
			if i == latest.Point {
				chance, false3 = latest.P, latest.FalseAlarm
			}
			surprise, alarm = append(surprise, clean(chance)), append(alarm, clean(false3))
			value = append(value, clean(ch.Value[i]))
			size := math.NaN()
			if p.drawn() {
				size = in.number(p.numbers()).n
			}
			n, sd = append(n, clean(size)), append(sd, clean(ch.SD[i]))
			centre, lcl, ucl = append(centre, clean(ch.Centre[i])), append(lcl, clean(ch.LCL[i])), append(ucl, clean(ch.UCL[i]))
			at := catalog.DateOfDays(p.period)
			target = append(target, clean(in.target(at)*in.multiplier()))
			ref, src := in.reference(at)
			reference, source = append(reference, clean(ref*in.multiplier())), append(source, src)
			sigma, runs = append(sigma, ch.SigmaSignal[i]), append(runs, ch.RunsSignal[i])
			rules = append(rules, names.of(ch.Rules[i]))
			phase = append(phase, uint16(ch.Phase[i]))
			bf, bt := int32(0), int32(0)
			if part.BaselineFrom >= 0 && part.Stage != spc.StageNone {
				bf = s.points[part.BaselineFrom].period
				bt = in.periodEnd(s.key, s.points[part.BaselineTo].period)
			}
			from, to = append(from, bf), append(to, bt)
			dispersion = append(dispersion, clean(part.Dispersion))
		}
	}
	return Table{"chart", append(r.columns(),
		Column{"chart", kind}, Column{"value", value}, Column{"n", n}, Column{"sd", sd}, Column{"centre", centre},
		Column{"lcl", lcl}, Column{"ucl", ucl}, Column{"target", target}, Column{"reference_value", reference},
		Column{"reference_source", source}, Column{"sigma_signal", sigma}, Column{"runs_signal", runs},
		Column{"rules", rules}, Column{"phase", phase}, Column{"baseline_from", from}, Column{"baseline_to", to},
		Column{"dispersion", dispersion}, Column{"why", words}, Column{"excluded", excluded},
		Column{"p_value", surprise}, Column{"false_alarm", alarm})}
}

// chartName is the short name of a part's chart. Small counts that vary more
// than chance have limits of their own, which are not Laney's.
func chartName(p spc.Part) string {
	if p.Limits == spc.LimitsExact {
		switch p.Kind {
		case spc.PPrime:
			return "p_beta_binomial"
		case spc.UPrime:
			return "u_negative_binomial"
		}
	}
	return p.Kind.String()
}

// partAt is the part of a point, and what is said of it.
func partAt(parts []spc.Part, said []string, i int) (spc.Part, string) {
	for j := range parts {
		if parts[j].First <= i && i <= parts[j].Last {
			return parts[j], said[j]
		}
	}
	return spc.Part{BaselineFrom: -1, BaselineTo: -1, Dispersion: math.NaN()}, ""
}

// verdict is what a series' last phase says of its latest value, of the target, and
// of a new phase that could be made of a change; empty for nothing, with a blank
// before each sentence. It proposes and never re-bases.
func (in *Input) verdict(s *series, c spc.Chart, judged []spc.Signal) string {
	var out strings.Builder
	direction := spc.Neutral
	switch in.Indicator.Direction {
	case "up":
		direction = spc.Up
	case "down":
		direction = spc.Down
	}
	if direction != spc.Neutral {
		switch c.VariationIcon(judged, direction) {
		case spc.Improvement:
			out.WriteString(" The latest mature value is part of a signal of improvement.")
		case spc.Concern:
			out.WriteString(" The latest mature value is part of a signal of concern.")
		}
		switch c.Assurance(in.targets(s), direction) {
		case spc.Pass:
			out.WriteString(" As it is, the process will meet its target.")
		case spc.Fail:
			out.WriteString(" As it is, the process will miss its target.")
		case spc.HitAndMiss:
			out.WriteString(" As it is, the process will meet or miss its target by chance.")
		}
	}
	if p, ok := c.Propose(); ok {
		at := func(i int) catalog.Date { return catalog.DateOfDays(s.points[i].period) }
		fmt.Fprintf(&out, " A new phase could be made from %s (between %s and %s): %.4g before, %.4g in the %d mature values since, %.1f sigma apart.",
			at(p.From), at(p.Earliest), at(p.Latest), p.Before, p.After, p.Points, math.Abs(p.Shift))
	}
	return out.String()
}

// targets are those of the points of a series, where they change.
func (in *Input) targets(s *series) []spc.Target {
	if len(in.Indicator.Targets) == 0 {
		return nil
	}
	var out []spc.Target
	for i, p := range s.points {
		v := in.target(catalog.DateOfDays(p.period)) * in.multiplier()
		if last := len(out) - 1; last < 0 || out[last].Value != v && !(math.IsNaN(v) && math.IsNaN(out[last].Value)) {
			out = append(out, spc.Target{From: i, Value: v})
		}
	}
	return out
}

// ruleTexts are the names of the rules of every set that was met.
type ruleTexts map[spc.RuleSet][]string

func (t ruleTexts) of(s spc.RuleSet) []string {
	names, ok := t[s]
	if !ok {
		names = ruleNames(s)
		t[s] = names
	}
	return names
}

func ruleNames(s spc.RuleSet) []string {
	out := []string{}
	for r := spc.Rule(0); r < 32; r++ {
		if s.Has(r) {
			out = append(out, r.String())
		}
	}
	return out
}

func (in *Input) target(at catalog.Date) float64 {
	v, since := math.NaN(), catalog.Date{}
	for _, t := range in.Indicator.Targets {
		if t.From.IsZero() && since.IsZero() || !t.From.IsZero() && !at.Before(t.From) && !t.From.Before(since) {
			v, since = t.Value, t.From
		}
	}
	return v
}

func (in *Input) reference(at catalog.Date) (float64, string) {
	v, source, since := math.NaN(), "", catalog.Date{}
	for _, t := range in.Indicator.References {
		if t.From.IsZero() && since.IsZero() || !t.From.IsZero() && !at.Before(t.From) && !t.From.Before(since) {
			v, source, since = t.Value, t.Source, t.From
		}
	}
	return v, source
}

// periodsPerYear is how many periods of the granularity make a year: the funnel's
// default.
func periodsPerYear(g catalog.Granularity) int {
	switch g {
	case catalog.Day:
		return 365
	case catalog.Week:
		return 52
	case catalog.Month:
		return 12
	case catalog.Quarter:
		return 4
	case catalog.Tertial:
		return 3
	case catalog.HalfYear:
		return 2
	default:
		return 1
	}
}

// baseline is how many periods make the cycle that values may follow (weekdays, or
// the seasons of a year), how many mature points limits take at the least, and how
// many the frozen baseline has: the fewest whole cycles that make 24 points. With
// part of a cycle in the baseline the rest of it would look like a change: 24 weeks
// know one half of the year, 24 days some weekdays more often than others.
func baseline(g catalog.Granularity) (cycle, least, frozen int) {
	const points, limits = 24, 12
	if cycle = periodsPerYear(g); g == catalog.Day {
		cycle = 7
	}
	whole := func(n int) int { return (n + cycle - 1) / cycle * cycle }
	least = limits
	if cycle < limits {
		least = whole(limits)
	}
	return cycle, least, whole(points)
}

// yearOfUnit is one unit over the funnel's periods. held counts those under
// question, which its value does not hold.
type yearOfUnit struct {
	key   seriesKey
	state spc.State
	point point
	held  int
}

// between makes the funnels and the variation between units over the last
// twelve mature months. Cross-sections and rolling windows hold the same
// people again and again, so of these only the newest mature period counts.
func (in *Input) between(all []series) (Table, Table, error) {
	var spans []yearSpan
	var units [][]*yearOfUnit
	for i := 0; i < len(all); {
		k, last := all[i].key, int32(none)
		k.unit = ""
		j := i
		for ; j < len(all) && all[j].key.version == k.version && all[j].key.granularity == k.granularity && all[j].key.stratum == k.stratum; j++ {
			last = max(last, all[j].mature())
		}
		if last != none {
			span := in.span(k, last)
			var of []*yearOfUnit
			for ; i < j; i++ {
				if u := year(&all[i], span); u != nil {
					of = append(of, u)
				}
			}
			spans, units = append(spans, span), append(units, of)
		}
		i = j
	}
	return in.compared(spans, units)
}

// compared makes the funnels and the variation of units in each span.
func (in *Input) compared(spans []yearSpan, units [][]*yearOfUnit) (Table, Table, error) {
	var fr, vr rows
	var f funnelColumns
	var v variationColumns
	for i, span := range spans {
		if len(units[i]) == 0 {
			continue
		}
		if err := in.funnel(&fr, &f, span.first, span.to, units[i]); err != nil {
			return Table{}, Table{}, fmt.Errorf("funnel of stratum %q: %w", span.key.stratum, err)
		}
		if err := in.variation(&vr, &v, span.first, span.to, units[i]); err != nil {
			return Table{}, Table{}, fmt.Errorf("variation of stratum %q: %w", span.key.stratum, err)
		}
	}
	return Table{"funnel", append(fr.columns(), f.columns()...)}, Table{"variation", append(vr.variationColumns(), v.columns()...)}, nil
}

// mature is the newest mature period of the series.
func (s *series) mature() int32 {
	last := int32(none)
	for i := range s.points {
		if s.points[i].mature {
			last = max(last, s.points[i].period)
		}
	}
	return last
}

// span is that of the funnel whose newest mature period is given.
func (in *Input) span(k seriesKey, last int32) yearSpan {
	g := catalog.Granularity(k.granularity)
	n := periodsPerYear(g)
	if in.Indicator.Measurement != "event" {
		n = 1
	}
	first := catalog.DateOfDays(last)
	for range n - 1 {
		first = g.PeriodStart(first.AddDays(-1))
	}
	return yearSpan{k, first.Days(), last, g.PeriodEnd(catalog.DateOfDays(last)).Days()}
}

// year adds up the value points of a series in a span; nil where it has no place
// in the funnel. Nothing of the series is kept.
func year(s *series, span yearSpan) *yearOfUnit {
	u := yearOfUnit{key: s.key, state: spc.StateNotApplicable}
	worst := -1
	for i := range s.points {
		p := s.points[i]
		if p.period < span.first || p.period > span.last {
			continue
		}
		if p.state == spc.StateHeldPrevious || p.state == spc.StateHeldEmpty {
			u.held++
		}
		if p.state == spc.StateValue {
			if u.state == spc.StateValue {
				u.point = join(u.point, p)
			} else {
				u.point = p
			}
			u.state = spc.StateValue
		} else if u.state != spc.StateValue && gravity(p.state) > worst {
			u.state, u.point, worst = p.state, p, gravity(p.state)
		} else if p.state == u.state && p.drawn() {
			u.point = join(u.point, p)
		}
	}
	if u.state == spc.StateNotApplicable {
		return nil
	}
	if u.point.fingerprint = ""; u.point.content != nil {
		own := *u.point.content
		u.point.content = &own
	}
	return &u
}

// unplaced is the state of a unit that is drawn elsewhere and has no place in a
// funnel. What is under question does not become a unit without patients.
func unplaced(s spc.State) spc.State {
	switch s {
	case spc.StateValue, spc.StatePreliminary:
		return spc.StateNoEligible
	case spc.StateHeldPrevious:
		return spc.StateHeldEmpty
	}
	return s
}

type funnelColumns struct {
	value, den, centre, l95, u95, l998, u998, phi, tau2 []float64
	outlier                                             []int8
	units                                               []uint32
	why                                                 []string
}

func (f *funnelColumns) columns() []Column {
	return []Column{{"value", f.value}, {"denominator", f.den}, {"centre", f.centre}, {"lcl95", f.l95}, {"ucl95", f.u95},
		{"lcl998", f.l998}, {"ucl998", f.u998}, {"outlier", f.outlier}, {"phi", f.phi}, {"tau2", f.tau2},
		{"units", f.units}, {"why", f.why}}
}

func (in *Input) funnel(r *rows, f *funnelColumns, from, to int32, units []*yearOfUnit) error {
	o := funnel.Options{Multiplier: in.multiplier()}
	switch {
	case in.binomial():
		o.Measure = funnel.Proportion
	case in.Indicator.Type == catalog.StandardisedRatio:
		o.Measure = funnel.Ratio
	case in.poisson():
		o.Measure = funnel.Rate
	case in.Indicator.Type == catalog.Mean:
		o.Measure = funnel.Mean
	default:
		return nil // counts and medians have no funnel
	}
	var fin funnel.Input
	for _, u := range units {
		n, state := in.number(u.point.numbers()), u.state
		fin.Num, fin.Den = append(fin.Num, n.numerator), append(fin.Den, n.n)
		if o.Measure == funnel.Mean {
			se := standardError(u.point.numbers())
			if !(se > 0) {
				state = unplaced(state) // one case, or equal cases, say nothing about precision
			}
			fin.Value, fin.SE = append(fin.Value, n.value), append(fin.SE, se)
		}
		if o.Measure != funnel.Mean && !(n.n > 0) {
			state = unplaced(state)
		}
		fin.States = append(fin.States, state)
	}
	var out funnel.Funnel
	if err := funnel.Compute(&out, fin, o); err != nil {
		return err
	}
	why := out.Why() + leftOut(units)
	for i, u := range units {
		r.add(in, u.key, from, to, out.State[i], true, "")
		f.value, f.den = append(f.value, clean(out.Value[i])), append(f.den, clean(out.Denominator[i]))
		f.centre = append(f.centre, clean(out.Centre))
		f.l95, f.u95 = append(f.l95, clean(out.LCL95[i])), append(f.u95, clean(out.UCL95[i]))
		f.l998, f.u998 = append(f.l998, clean(out.LCL998[i])), append(f.u998, clean(out.UCL998[i]))
		f.outlier = append(f.outlier, out.Outlier[i])
		f.phi, f.tau2 = append(f.phi, clean(out.Phi)), append(f.tau2, clean(out.Tau2))
		f.units = append(f.units, uint32(out.Units))
		f.why = append(f.why, why)
	}
	return nil
}

// leftOut says how much of the units that are compared is under question and so not
// in their values, with a blank before the sentence; nothing for none.
func leftOut(units []*yearOfUnit) string {
	periods, of := 0, 0
	for _, u := range units {
		if u.held > 0 && u.state == spc.StateValue {
			periods, of = periods+u.held, of+1
		}
	}
	if periods == 0 {
		return ""
	}
	some := func(n int, one, more string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprint(n, " ", more)
	}
	return fmt.Sprintf(" Left out, because they are under question: %s of %s; the other periods of these units count.",
		some(periods, "period", "periods"), some(of, "unit", "units"))
}

type variationColumns struct {
	units                                         []uint32
	mean, phi, tau2, low, high, i2, icc, mor, scv []float64
	deciles, raw                                  [9][]float64
}

func (r *rows) variationColumns() []Column {
	return []Column{
		{"region", r.region}, {"indicator", r.indicator}, {"indicator_version", r.version},
		{"granularity", r.granularity}, {"stratum", r.stratum},
		{"period_start", r.start}, {"period_end", r.end}, {"state", r.state},
	}
}

func (v *variationColumns) columns() []Column {
	out := []Column{{"units", v.units}, {"mean", v.mean}, {"phi", v.phi}, {"tau2", v.tau2}, {"tau2_low", v.low},
		{"tau2_high", v.high}, {"i2", v.i2}, {"icc", v.icc}, {"mor", v.mor}, {"scv", v.scv}}
	for i := range v.deciles {
		out = append(out, Column{fmt.Sprintf("p%d0", i+1), v.deciles[i]})
	}
	for i := range v.raw {
		out = append(out, Column{fmt.Sprintf("raw_p%d0", i+1), v.raw[i]})
	}
	return out
}

func (in *Input) variation(r *rows, v *variationColumns, from, to int32, units []*yearOfUnit) error {
	o := variation.Options{Multiplier: in.multiplier()}
	switch {
	case in.binomial():
		o.Measure = variation.Proportion
	case in.Indicator.Type == catalog.StandardisedRatio:
		o.Measure = variation.Ratio
	case in.poisson():
		o.Measure = variation.Rate
	case in.Indicator.Type == catalog.Mean:
		o.Measure = variation.Mean
	default:
		return nil
	}
	var vin variation.Input
	for _, u := range units {
		n := in.number(u.point.numbers())
		state := u.state
		if o.Measure == variation.Mean {
			se := standardError(u.point.numbers())
			if !(se > 0) {
				state = unplaced(state)
			}
			vin.Value, vin.SE = append(vin.Value, n.value), append(vin.SE, se)
		} else {
			vin.Num = append(vin.Num, n.numerator)
		}
		vin.Den = append(vin.Den, n.n)
		vin.States = append(vin.States, state)
	}
	var out variation.Result
	if err := variation.Describe(&out, vin, o); err != nil {
		return err
	}
	r.add(in, units[0].key, from, to, spc.StateValue, true, "")
	v.units = append(v.units, uint32(out.Units))
	for _, c := range []struct {
		to *[]float64
		x  float64
	}{{&v.mean, out.Mean}, {&v.phi, out.Phi}, {&v.tau2, out.Tau2}, {&v.low, out.Tau2Low}, {&v.high, out.Tau2High},
		{&v.i2, out.I2}, {&v.icc, out.ICC}, {&v.mor, out.MOR}, {&v.scv, out.SCV}} {
		*c.to = append(*c.to, clean(c.x))
	}
	for i := range v.deciles {
		v.deciles[i] = append(v.deciles[i], clean(out.Deciles[i]))
		v.raw[i] = append(v.raw[i], clean(out.RawDeciles[i]))
	}
	return nil
}

// IndicatorTemplate is a set with the tables and columns of an indicator's set
// and no rows.
func IndicatorTemplate() Set {
	in := Input{Indicator: &catalog.Indicator{Type: catalog.Proportion, Subset: true}}
	var f funnelColumns
	var v variationColumns
	var r rows
	return Set{Tables: []Table{in.cells(nil), in.chartRows(nil, &spc.Charts{}, nil, nil),
		{"funnel", append(r.columns(), f.columns()...)}, {"variation", append(r.variationColumns(), v.columns()...)}}}
}
