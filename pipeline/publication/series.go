package publication

import (
	"cmp"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// Cell is one cell as the gate shows it.
type Cell struct {
	Key cell.Key
	// State is StateValue for a released version, StateHeldPrevious or
	// StateHeldEmpty for one under question. Maturity, absence and 0 of 0 are
	// found here.
	State spc.State
	// Tombstone, Content and Fingerprint are those of the version that is
	// shown; with StateHeldEmpty they are not read.
	Tombstone   bool
	Content     cell.Content
	Fingerprint cell.Fingerprint
}

// seriesKey names one line of a chart.
type seriesKey struct{ version, granularity, stratum, unit string }

func (k seriesKey) compare(o seriesKey) int {
	return cmp.Or(strings.Compare(k.version, o.version), strings.Compare(k.granularity, o.granularity),
		strings.Compare(k.stratum, o.stratum), strings.Compare(k.unit, o.unit))
}

// point is one period of one series.
type point struct {
	period      int32 // days
	state       spc.State
	mature      bool
	content     *cell.Content // nil: nothing
	fingerprint string
}

// numbers is what the point holds, of a point without content nothing.
func (p *point) numbers() *cell.Content {
	if p.content == nil {
		return &cell.Content{}
	}
	return p.content
}

// drawn reports whether the point shows a number.
func (p point) drawn() bool {
	return p.state == spc.StateValue || p.state == spc.StatePreliminary || p.state == spc.StateHeldPrevious
}

type series struct {
	key    seriesKey
	points []point // consecutive periods
}

// gravity orders states of parts that become one point: what is in doubt in a
// part is in doubt in the whole.
func gravity(s spc.State) int {
	switch s {
	case spc.StateHeldEmpty:
		return 7
	case spc.StateSuppressed:
		return 6
	case spc.StateHeldPrevious:
		return 5
	case spc.StatePreliminary:
		return 4
	case spc.StateValue:
		return 3
	case spc.StateNoEligible:
		return 2
	case spc.StateMissing:
		return 1
	default:
		return 0
	}
}

// latest is the newest period of the indicator, by granularity.
func (in *Input) latest() map[string]int32 {
	last := map[string]int32{}
	for i := range in.Cells {
		c := &in.Cells[i]
		if at, ok := last[c.Key.Granularity]; c.counts() && (!ok || at < c.Key.PeriodStart) {
			last[c.Key.Granularity] = c.Key.PeriodStart
		}
	}
	return last
}

// counts reports whether the cell makes its period one of the indicator's.
func (c *Cell) counts() bool { return !c.Tombstone || c.State == spc.StateHeldEmpty }

// grid turns cells into series without holes: every period from a series'
// first to the newest period of the indicator, or to the end of its unit or
// version, has a point, missing ones by their state. seriesOf says to which
// series a cell belongs; cells that meet in one point are added.
func (in *Input) grid(seriesOf func(cell.Key) seriesKey, last map[string]int32) []series {
	if out, ok := in.inOrder(seriesOf, last); ok {
		return out
	}
	points := map[seriesKey]map[int32]point{}
	for i := range in.Cells {
		c := &in.Cells[i]
		k := seriesOf(c.Key)
		if points[k] == nil {
			points[k] = map[int32]point{}
		}
		p := in.point(c)
		if q, ok := points[k][c.Key.PeriodStart]; ok {
			p = join(q, p)
		}
		points[k][c.Key.PeriodStart] = p
	}
	keys := make([]seriesKey, 0, len(points))
	for k := range points {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, seriesKey.compare)
	var out []series
	for _, k := range keys {
		of := slices.SortedFunc(maps.Values(points[k]), func(a, b point) int { return cmp.Compare(a.period, b.period) })
		if s := in.fill(k, of, last[k.granularity]); len(s.points) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// inOrder is grid where the cells come in the order of the series and the
// periods and none meets another, as they mostly do; ok is false where not.
func (in *Input) inOrder(seriesOf func(cell.Key) seriesKey, last map[string]int32) (out []series, ok bool) {
	var keys []seriesKey
	var starts []int
	for i := range in.Cells {
		k, n := seriesOf(in.Cells[i].Key), len(keys)-1
		switch {
		case n < 0 || k != keys[n]:
			if n >= 0 && keys[n].compare(k) >= 0 {
				return nil, false
			}
			keys, starts = append(keys, k), append(starts, i)
		case in.Cells[i-1].Key.PeriodStart >= in.Cells[i].Key.PeriodStart:
			return nil, false
		}
	}
	starts = append(starts, len(in.Cells))
	out = make([]series, 0, len(keys))
	var points []point
	for n, k := range keys {
		points = points[:0]
		for i := starts[n]; i < starts[n+1]; i++ {
			points = append(points, in.point(&in.Cells[i]))
		}
		if s := in.fill(k, points, last[k.granularity]); len(s.points) > 0 {
			out = append(out, s)
		}
	}
	return out, true
}

// StateOf is what the point of a cell is, and whether a value is shown of it, when
// the data of the indicator's feeds reach to a date.
func StateOf(ind *catalog.Indicator, c Cell, reach catalog.Date) (state spc.State, drawn bool) {
	in := Input{Indicator: ind, Reach: reach}
	p := in.point(&c)
	return p.state, p.drawn()
}

// point gives a cell its state.
func (in *Input) point(c *Cell) point {
	p := point{period: c.Key.PeriodStart, state: c.State, mature: in.mature(c.Key)}
	if c.State == spc.StateHeldEmpty || c.State == spc.StateSuppressed {
		return p // nothing of the content may show, nor what names it
	}
	if c.Tombstone {
		if c.State == spc.StateValue {
			p.state = spc.StateMissing
		} else {
			p.state = spc.StateHeldEmpty // the earlier release was an absence
		}
		return p
	}
	if in.impossible(&c.Content) {
		p.state = spc.StateHeldEmpty // waived or not: no chart can hold it
		return p
	}
	p.content, p.fingerprint = &c.Content, in.hex.of(c.Fingerprint)
	if c.State == spc.StateValue {
		switch {
		case in.empty(&c.Content):
			p.state = nothing(c.Content)
		case !p.mature:
			p.state = spc.StatePreliminary
		}
	}
	return p
}

// impossible reports counts that are none: negative ones, or more in the
// numerator than in the denominator that it is part of.
func (in *Input) impossible(c *cell.Content) bool {
	switch in.Indicator.Type {
	case catalog.Proportion, catalog.Rate, catalog.StandardisedRatio, catalog.Count:
		return c.Numerator.Sign() < 0 || c.Denominator.Sign() < 0 || c.Expected.Sign() < 0 ||
			in.binomial() && c.Numerator.Cmp(c.Denominator) > 0
	default:
		return false
	}
}

// nothing is the state of a cell without a number: the source withholds it, it
// was to come and did not, or nobody was eligible.
func nothing(c cell.Content) spc.State {
	switch {
	case c.Masked > 0:
		return spc.StateSuppressed
	case c.Missing > 0 || c.Rows == 0: // its rows were rejected
		return spc.StateMissing
	}
	return spc.StateNoEligible
}

// empty reports whether there is no number.
func (in *Input) empty(c *cell.Content) bool {
	switch in.Indicator.Type {
	case catalog.Proportion, catalog.Rate:
		return c.Denominator.IsZero()
	case catalog.StandardisedRatio:
		return c.Expected.IsZero()
	case catalog.Mean, catalog.Median, catalog.Percentile, catalog.TimeBetween:
		return c.ValueCount == 0
	default:
		return false
	}
}

func (in *Input) mature(k cell.Key) bool {
	end := catalog.Granularity(k.Granularity).PeriodEnd(catalog.DateOfDays(k.PeriodStart))
	return !in.Reach.Before(end.AddDays(in.Indicator.FollowUpDays + in.Indicator.MaturityLagDays))
}

// join adds two parts of one point.
func join(a, b point) point {
	if gravity(a.state) < gravity(b.state) {
		a, b = b, a
	}
	out := a
	out.fingerprint = ""
	if !b.drawn() && b.state != spc.StateNoEligible {
		out.fingerprint = a.fingerprint
		return out
	}
	sum := add(*a.numbers(), *b.numbers())
	out.content = &sum
	return out
}

func add(a, b cell.Content) cell.Content {
	return cell.Content{
		Rows: a.Rows + b.Rows, Numerator: a.Numerator.Add(b.Numerator), Denominator: a.Denominator.Add(b.Denominator),
		ValueCount: a.ValueCount + b.ValueCount, Values: a.Values.Add(b.Values), ValueSquares: a.ValueSquares.Add(b.ValueSquares),
		Expected: a.Expected.Add(b.Expected), Histogram: mergeHistograms(a.Histogram, b.Histogram),
		Missing: a.Missing + b.Missing, Rejected: a.Rejected + b.Rejected, Duplicates: a.Duplicates + b.Duplicates,
		NumeratorAbove: a.NumeratorAbove + b.NumeratorAbove, Negative: a.Negative + b.Negative,
		ZeroDenominator: a.ZeroDenominator + b.ZeroDenominator, RateMismatch: a.RateMismatch + b.RateMismatch,
		UnknownCodes: a.UnknownCodes + b.UnknownCodes, Masked: a.Masked + b.Masked, BadReasons: a.BadReasons + b.BadReasons,
	}
}

// fill makes consecutive periods of the points of one series. Where nothing
// was delivered, it is missing while the unit and the version hold; behind
// their end nothing is expected, and only what comes still later is shown.
func (in *Input) fill(k seriesKey, points []point, last int32) series {
	first, own := int32(math.MaxInt32), int32(math.MinInt32)
	for i := range points {
		p, at := &points[i], points[i].period
		if p.state != spc.StateMissing || p.fingerprint != "" {
			first, own = min(first, at), max(own, at)
		}
	}
	s := series{key: k}
	if first > own {
		return s
	}
	g := catalog.Granularity(k.granularity)
	s.points = make([]point, 0, len(points))
	for at := catalog.DateOfDays(first); at.Days() <= last; at = g.PeriodEnd(at) {
		for len(points) > 0 && points[0].period < at.Days() {
			points = points[1:]
		}
		var p point
		if len(points) > 0 && points[0].period == at.Days() {
			p = points[0]
		} else {
			p = point{period: at.Days(), state: spc.StateMissing,
				mature: in.mature(cell.Key{Granularity: k.granularity, PeriodStart: at.Days()})}
			if in.ended(k, at) {
				p.state = spc.StateNotApplicable
			}
		}
		if p.state == spc.StateNotApplicable && at.Days() > own {
			break
		}
		s.points = append(s.points, p)
	}
	return s
}

// ended reports whether the unit or the version of the series has ended before
// the period that begins at a date.
func (in *Input) ended(k seriesKey, at catalog.Date) bool {
	if unit, ok := in.Index.Unit(k.unit); ok && !unit.To.IsZero() && !at.Before(unit.To) {
		return true
	}
	for _, v := range in.Indicator.Versions {
		if v.ID == k.version && !v.To.IsZero() && !at.Before(v.To) {
			return true
		}
	}
	return false
}

// asDelivered keeps every unit and version apart.
func asDelivered(k cell.Key) seriesKey {
	return seriesKey{k.Version, k.Granularity, k.Stratum, k.Unit}
}

// digits writes fingerprints in hex, many into one piece of memory.
type digits struct{ b strings.Builder }

func (d *digits) of(f cell.Fingerprint) string {
	const size, piece = 2 * len(f), 64 << 10
	if d.b.Cap()-d.b.Len() < size {
		d.b.Reset()
		d.b.Grow(piece)
	}
	var text [size]byte
	hex.Encode(text[:], f[:])
	from := d.b.Len()
	_, _ = d.b.Write(text[:]) // never fails
	return d.b.String()[from:]
}

// joins reports whether joined may make other series of the cells than
// asDelivered has.
func (in *Input) joins() bool {
	if slices.ContainsFunc(in.Indicator.Versions, func(v catalog.Version) bool { return v.Comparable }) {
		return true
	}
	for i := range in.Cells {
		unit := in.Cells[i].Key.Unit
		if i > 0 && unit == in.Cells[i-1].Key.Unit {
			continue
		}
		if u, ok := in.Index.Unit(unit); ok && len(u.Successors) == 1 {
			return true
		}
	}
	return false
}

// joined lets comparable versions be one series and lets a unit's earlier
// periods count for its successor, where the catalog says so.
func (in *Input) joined(k cell.Key) seriesKey {
	s := asDelivered(k)
	vs := in.Indicator.Versions
	for i, v := range vs {
		if v.ID != k.Version {
			continue
		}
		for i+1 < len(vs) && vs[i+1].Comparable {
			i++
		}
		s.version = vs[i].ID
		break
	}
	at := catalog.DateOfDays(k.PeriodStart)
	for range 16 { // the catalog has no cycles; a chain is short
		u, ok := in.Index.Unit(s.unit)
		if !ok || len(u.Successors) != 1 {
			break // a split joins nothing
		}
		next := u.Successors[0]
		if next.AsOf != "current" || next.Policy == "break" || next.Policy == "continue" && !at.Before(next.From) ||
			in.Reach.Before(next.From) {
			break
		}
		s.unit = next.Unit
	}
	return s
}

// number is what a content shows: value (not multiplied), numerator,
// denominator, and n, the size by which it is judged. NaN is none.
type number struct{ value, numerator, denominator, n float64 }

func (in *Input) number(c *cell.Content) number {
	nan := math.NaN()
	num, den := c.Numerator.Float(cell.Micro), c.Denominator.Float(cell.Micro)
	switch in.Indicator.Type {
	case catalog.Proportion, catalog.Rate:
		return number{ratio(num, den), num, den, den}
	case catalog.StandardisedRatio:
		e := c.Expected.Float(cell.Micro)
		return number{ratio(num, e), num, den, e}
	case catalog.Mean:
		n := float64(c.ValueCount)
		return number{ratio(c.Values.Float(cell.Micro), n), c.Values.Float(cell.Micro), n, n}
	case catalog.Median, catalog.TimeBetween:
		return number{quantile(c.Histogram, 0.5), nan, float64(c.ValueCount), float64(c.ValueCount)}
	case catalog.Percentile:
		return number{quantile(c.Histogram, in.Indicator.Percentile/100), nan, float64(c.ValueCount), float64(c.ValueCount)}
	default:
		return number{num, num, nan, nan}
	}
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// standardError is that of a mean, by its cases (Student 1908); NaN below two.
func standardError(c *cell.Content) float64 {
	n := float64(c.ValueCount)
	if n < 2 {
		return math.NaN()
	}
	mean := c.Values.Float(cell.Micro) / n
	variance := (c.ValueSquares.Float(cell.Micro*cell.Micro) - n*mean*mean) / (n - 1)
	return math.Sqrt(max(variance, 0) / n)
}

type bin struct {
	value int64 // micro-units
	count int64
}

func bins(histogram string) []bin {
	var out []bin
	for part := range strings.FieldsSeq(histogram) {
		v, n, _ := strings.Cut(part, "*")
		value, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			panic("publication: a histogram has the value " + strconv.Quote(v))
		}
		count, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			panic("publication: a histogram has the count " + strconv.Quote(n))
		}
		out = append(out, bin{value, count})
	}
	return out
}

func mergeHistograms(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	all := append(bins(a), bins(b)...)
	slices.SortFunc(all, func(x, y bin) int { return cmp.Compare(x.value, y.value) })
	var parts []string
	for i := 0; i < len(all); {
		sum := all[i]
		for i++; i < len(all) && all[i].value == sum.value; i++ {
			sum.count += all[i].count
		}
		parts = append(parts, strconv.FormatInt(sum.value, 10)+"*"+strconv.FormatInt(sum.count, 10))
	}
	return strings.Join(parts, " ")
}

// quantile is the type 7 quantile (Hyndman & Fan 1996) of the histogram's cases.
func quantile(histogram string, q float64) float64 {
	bs := bins(histogram)
	var n int64
	for _, b := range bs {
		n += b.count
	}
	if n == 0 {
		return math.NaN()
	}
	h := float64(n-1) * q
	lo := int64(math.Floor(h))
	at := func(i int64) float64 {
		for _, b := range bs {
			if i < b.count {
				return float64(b.value) / cell.Micro
			}
			i -= b.count
		}
		return float64(bs[len(bs)-1].value) / cell.Micro
	}
	x, y := at(lo), at(min(lo+1, n-1))
	return x + (h-float64(lo))*(y-x)
}
