package publication

import (
	"fmt"
	"math"
	"slices"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/catalog"
)

// Made is what must be known of a set to make from it one in which few series
// are different: what each series adds to the checksums and to the comparison of
// units. It is never changed.
type Made struct {
	// ID names the set.
	ID string
	// Base is the set whose rows the store has, all but those that a patch
	// replaces; the set itself where there is none.
	Base string

	of     []madeSeries     // in the order of the series, also those without points
	last   map[string]int32 // newest period by granularity
	spans  []yearSpan
	tables [4]Sum // those that name the set
}

// madeSeries is one series of a set.
type madeSeries struct {
	key seriesKey
	// latest is the newest period in which the series has anything, to which the
	// others reach too; none: it has nothing.
	latest int32
	// mature is the newest mature period.
	mature int32
	rows   seriesSums
	// base are the sums of the rows that the base has.
	base seriesSums
	// year is the unit in the funnel; nil: it has no place there.
	year *yearOfUnit
}

// none is no period.
const none = math.MinInt32

// seriesSums are the rows of one series in the tables of cells and charts.
type seriesSums struct {
	cells, charts int
	cell, chart   uint64
}

// yearSpan is the span of the funnel of one version, granularity and stratum.
type yearSpan struct {
	key seriesKey // without the unit
	// first and last are its periods, and to is the day behind it.
	first, last, to int32
}

// Patch is a set as rows that replace those of the same series in another one,
// its base. The funnels and the variation are wholly those of the patch.
type Patch struct {
	// ID names the whole set: what Build makes of the same cells.
	ID, Base string
	// Rows has the tables of an indicator's set, and last the series that are
	// replaced.
	Rows Set
}

// OfPatch is the owner of the patches of an indicator.
func OfPatch(indicator string) string { return "patch of " + indicator }

// Replaced is the name of the table of the series that a patch replaces.
const Replaced = "replaced"

// mostReplaced is the share of the series above which a whole set costs less than
// a patch.
const mostReplaced = 0.25

// BuildMade is Build, with what is to be known of the set; nil where series are
// made of the cells of several.
func BuildMade(in Input) (Set, *Made, error) {
	b, err := in.build(nil)
	if err != nil {
		return Set{}, nil, err
	}
	if !in.apart() {
		return Seal(in.Indicator.ID, b.tables), nil, nil
	}
	m := &Made{last: b.last}
	m.of, m.spans = in.madeOf(&b, nil)
	for i := range m.of {
		m.of[i].base = m.of[i].rows
	}
	m.tables = [4]Sum{{Table: b.tables[0].Name}, {Table: b.tables[1].Name}, b.tables[2].sum(), b.tables[3].sum()}
	for i := range m.of {
		m.of[i].rows.addTo(&m.tables)
	}
	m.ID = SetID(in.Indicator.ID, m.tables[:])
	m.Base = m.ID
	return Set{ID: m.ID, Tables: b.tables}, m, nil
}

// apart reports whether every series is made of the cells of one.
func (in *Input) apart() bool {
	return !in.joins() || !slices.ContainsFunc(in.Cells, func(c Cell) bool { return in.joined(c.Key) != asDelivered(c.Key) })
}

func (t Table) sum() Sum {
	rows, sum := t.Checksum()
	return Sum{t.Name, uint64(rows), sum}
}

func (s seriesSums) addTo(tables *[4]Sum) {
	tables[0].Rows += uint64(s.cells)
	tables[0].Sum += s.cell
	tables[1].Rows += uint64(s.charts)
	tables[1].Sum += s.chart
}

func (s seriesSums) takeFrom(tables *[4]Sum) {
	tables[0].Rows -= uint64(s.cells)
	tables[0].Sum -= s.cell
	tables[1].Rows -= uint64(s.charts)
	tables[1].Sum -= s.chart
}

// Update makes the set that Build makes of cells that differ from those of a set
// that was made only in some series: in has all cells of these, and of whichever
// others, in the order of their keys. ok is false where the set has to be made
// whole: much has changed, or what the others look like has.
func (m *Made) Update(in Input) (p Patch, made *Made, ok bool, err error) {
	if m == nil || !in.apart() {
		return Patch{}, nil, false, nil
	}
	b, err := in.build(m)
	if err != nil {
		return Patch{}, nil, false, err
	}
	changed, _ := in.madeOf(&b, m.spans)
	out := &Made{Base: m.Base, tables: m.tables}
	var replaced []bool // of changed: the series differs from the base
	out.of, replaced, ok = merge(m.of, changed, &out.tables)
	if !ok || !sameLast(out.of, m.last) {
		return Patch{}, nil, false, nil
	}
	if out.last = m.last; !slices.Equal(in.spans(out.of), m.spans) {
		return Patch{}, nil, false, nil
	}
	out.spans = m.spans
	n := 0
	for _, r := range replaced {
		if r {
			n++
		}
	}
	if float64(n) > mostReplaced*float64(len(out.of)) {
		return Patch{}, nil, false, nil
	}
	funnels, variations, err := in.years(out.of, out.spans)
	if err != nil {
		return Patch{}, nil, false, err
	}
	out.tables[2], out.tables[3] = funnels.sum(), variations.sum()
	out.ID = SetID(in.Indicator.ID, out.tables[:])
	p = Patch{ID: out.ID, Base: m.Base}
	if n == 0 {
		return p, out, p.ID == p.Base, nil
	}
	var cells, charts []run
	for i := range changed {
		cells = append(cells, run{changed[i].rows.cells, replaced[i]})
		charts = append(charts, run{changed[i].rows.charts, replaced[i]})
	}
	p.Rows = Seal(OfPatch(in.Indicator.ID), []Table{pick(b.tables[0], cells), pick(b.tables[1], charts), funnels, variations, in.replaced(&p, changed, replaced)})
	return p, out, true, nil
}

// Steady reports whether the set, which was made of data that reach one date, is
// the one that would be made of the same cells if the data reached another: no
// period matures between the two, and the catalog says the same of the units.
func (m *Made) Steady(ind *catalog.Indicator, units []catalog.Unit, was, now catalog.Date) bool {
	if m == nil || now.Before(was) {
		return false
	}
	if was == now {
		return true
	}
	wait := ind.FollowUpDays + ind.MaturityLagDays
	for granularity := range m.last {
		// The newest of the days on which a period ends that is mature by then.
		if was.AddDays(-wait).Before(catalog.Granularity(granularity).PeriodStart(now.AddDays(-wait))) {
			return false
		}
	}
	between := func(d catalog.Date) bool { return was.Before(d) && !now.Before(d) }
	for i := range units {
		u := &units[i]
		if between(u.From) || between(u.To) ||
			slices.ContainsFunc(u.Parents, func(p catalog.Parent) bool { return between(p.From) || between(p.To) }) ||
			slices.ContainsFunc(u.Successors, func(s catalog.Successor) bool { return between(s.From) }) {
			return false
		}
	}
	return true
}

// merge puts the series that were made anew in the place of the earlier ones,
// takes the difference into the sums, and tells which differ from the base; ok is
// false where one that differs was not made anew.
func merge(of, changed []madeSeries, sums *[4]Sum) (out []madeSeries, replaced []bool, ok bool) {
	out, replaced = make([]madeSeries, 0, len(of)+len(changed)), make([]bool, len(changed))
	ok = true
	for i := range changed {
		for len(of) > 0 && of[0].key.compare(changed[i].key) < 0 {
			ok = ok && of[0].rows == of[0].base
			out, of = append(out, of[0]), of[1:]
		}
		s := &changed[i]
		if len(of) > 0 && of[0].key == s.key {
			s.base = of[0].base
			of[0].rows.takeFrom(sums)
			of = of[1:]
		}
		s.rows.addTo(sums)
		replaced[i] = s.rows != s.base
		out = append(out, *s)
	}
	for i := range of {
		ok = ok && of[i].rows == of[i].base
	}
	return append(out, of...), replaced, ok
}

// sameLast reports whether the newest period of every granularity is the one
// given.
func sameLast(of []madeSeries, last map[string]int32) bool {
	now := map[string]int32{}
	for i := range of {
		if s := &of[i]; s.latest != none {
			at, ok := now[s.key.granularity]
			if !ok || at < s.latest {
				now[s.key.granularity] = s.latest
			}
		}
	}
	if len(now) != len(last) {
		return false
	}
	for g, at := range now {
		if was, ok := last[g]; !ok || was != at {
			return false
		}
	}
	return true
}

// run is how many rows come one after the other, and whether they are wanted.
type run struct {
	rows   int
	wanted bool
}

// pick is the rows of the table that are wanted.
func pick(t Table, rows []run) Table {
	out := Table{Name: t.Name}
	for _, c := range t.Columns {
		out.Columns = append(out.Columns, Column{c.Name, picked(c.Values, rows)})
	}
	return out
}

func picked(values any, rows []run) any {
	switch v := values.(type) {
	case []string:
		return pickedOf(v, rows)
	case []float64:
		return pickedOf(v, rows)
	case []int32:
		return pickedOf(v, rows)
	case []uint16:
		return pickedOf(v, rows)
	case []bool:
		return pickedOf(v, rows)
	case [][]string:
		return pickedOf(v, rows)
	}
	panic(fmt.Sprintf("publication: a table of series has a column of type %T", values))
}

func pickedOf[T any](v []T, rows []run) []T {
	out := []T{}
	for _, r := range rows {
		if r.wanted {
			out = append(out, v[:r.rows]...)
		}
		v = v[r.rows:]
	}
	return out
}

// replaced is the table of the series that the patch replaces.
func (in *Input) replaced(p *Patch, changed []madeSeries, replaced []bool) Table {
	var whole, base, version, granularity, stratum, unit []string
	for i := range changed {
		if !replaced[i] {
			continue
		}
		k := &changed[i].key
		whole, base = append(whole, p.ID), append(base, p.Base)
		version, granularity = append(version, k.version), append(granularity, k.granularity)
		stratum, unit = append(stratum, k.stratum), append(unit, k.unit)
	}
	return Table{Replaced, []Column{{"whole", whole}, {"base", base}, {"indicator_version", version}, {"granularity", granularity},
		{"stratum", stratum}, {"unit", unit}}}
}

// PatchTemplate is a patch's set with its tables and columns and no rows.
func PatchTemplate() Set {
	var in Input
	t := IndicatorTemplate()
	return Set{Tables: append(t.Tables, in.replaced(&Patch{}, nil, nil))}
}

// madeOf is what is to be known of the series that were built, and the spans of
// their funnels; those given, if any, else what follows from the series.
func (in *Input) madeOf(b *built, spans []yearSpan) ([]madeSeries, []yearSpan) {
	out := in.keys()
	var cells, charts []uint64
	var both conc.WaitGroup
	both.Go(func() { cells = b.tables[0].sums(b.raw) })
	both.Go(func() { charts = b.tables[1].sums(b.raw) })
	both.Wait()
	of := make([]*series, len(out)) // nil: without points
	at := 0
	for i := range out {
		if at == len(b.raw) || b.raw[at].key != out[i].key {
			continue
		}
		of[i] = &b.raw[at]
		out[i].rows = seriesSums{cells: len(of[i].points), charts: len(of[i].points), cell: cells[at], chart: charts[at]}
		out[i].mature = of[i].mature()
		at++
	}
	if spans == nil {
		spans = in.spans(out)
	}
	for i := range out {
		if of[i] == nil {
			continue
		}
		if j, ok := spanOf(spans, out[i].key); ok {
			out[i].year = year(of[i], spans[j])
		}
	}
	return out, spans
}

// keys are the series of the cells, in their order.
func (in *Input) keys() []madeSeries {
	var out []madeSeries
	for i := range in.Cells {
		c := &in.Cells[i]
		k := asDelivered(c.Key)
		if i == 0 || k != out[len(out)-1].key {
			out = append(out, madeSeries{key: k, latest: none, mature: none})
		}
		if s := &out[len(out)-1]; c.counts() {
			s.latest = max(s.latest, c.Key.PeriodStart)
		}
	}
	slices.SortStableFunc(out, func(x, y madeSeries) int { return x.key.compare(y.key) })
	n := 0
	for i := range out {
		if n > 0 && out[n-1].key == out[i].key { // two registries have it
			out[n-1].latest = max(out[n-1].latest, out[i].latest)
			continue
		}
		out[n] = out[i]
		n++
	}
	return out[:n]
}

// spanOf is the place of the span of a series.
func spanOf(spans []yearSpan, k seriesKey) (int, bool) {
	k.unit = ""
	return slices.BinarySearchFunc(spans, k, func(s yearSpan, k seriesKey) int { return s.key.compare(k) })
}

// sums are the checksums of the rows of each series, one after the other.
func (t Table) sums(of []series) []uint64 {
	out := make([]uint64, len(of))
	at, left := -1, 0
	t.each(func(sum uint64) {
		for left == 0 {
			at++
			left = len(of[at].points)
		}
		out[at] += sum
		left--
	})
	return out
}

// spans are the spans of the funnels of sorted series.
func (in *Input) spans(of []madeSeries) []yearSpan {
	var out []yearSpan
	for i := 0; i < len(of); {
		k, last := of[i].key, int32(none)
		k.unit = ""
		for ; i < len(of) && of[i].key.version == k.version && of[i].key.granularity == k.granularity && of[i].key.stratum == k.stratum; i++ {
			last = max(last, of[i].mature)
		}
		if last != none {
			out = append(out, in.span(k, last))
		}
	}
	return out
}

// years makes the funnels and variations of sorted series.
func (in *Input) years(of []madeSeries, spans []yearSpan) (funnels, variations Table, err error) {
	units := make([][]*yearOfUnit, len(spans))
	for i := range of {
		if of[i].year == nil {
			continue
		}
		if j, ok := spanOf(spans, of[i].key); ok {
			units[j] = append(units[j], of[i].year)
		}
	}
	return in.compared(spans, units)
}

// Replaces are the rows of the base that the patch replaces, with all its funnels
// and variation: between them and the rows of the patch lies all that differs.
func (p *Patch) Replaces(base Set) Set {
	replaced := map[seriesKey]bool{}
	if last := len(p.Rows.Tables) - 1; last >= 0 {
		for _, k := range p.Rows.Tables[last].series() {
			replaced[k] = true
		}
	}
	out := Set{ID: base.ID}
	for _, t := range base.Tables {
		if t.Name == "cell" || t.Name == "chart" {
			var rows []run
			last := seriesKey{}
			for i, k := range t.series() {
				if i == 0 || k != last {
					rows, last = append(rows, run{wanted: replaced[k]}), k
				}
				rows[len(rows)-1].rows++
			}
			t = pick(t, rows)
		}
		out.Tables = append(out.Tables, t)
	}
	return out
}

// series are those of the rows.
func (t Table) series() []seriesKey {
	version, granularity := column[string](t, "indicator_version"), column[string](t, "granularity")
	stratum, unit := column[string](t, "stratum"), column[string](t, "unit")
	out := make([]seriesKey, len(unit))
	for i := range out {
		out[i] = seriesKey{version[i], granularity[i], stratum[i], unit[i]}
	}
	return out
}
