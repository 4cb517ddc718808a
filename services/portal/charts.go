package portal

import (
	"cmp"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/figure"
	"larstrom/pipeline/funnel"
)

// seriesID tells the series of one unit and indicator apart.
type seriesID struct{ Version, Granularity, Stratum string }

// query names the series in a link.
func (k seriesID) query() string {
	q := k.values()
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

func (k seriesID) values() url.Values {
	q := url.Values{}
	if k.Stratum != "" {
		q.Set("stratum", k.Stratum)
	}
	if k.Version != "" {
		q.Set("version", k.Version)
	}
	return q
}

// series is one line of a chart: consecutive periods of one unit and indicator.
type series struct {
	seriesID
	Unit, Indicator string
	Points          []pointRow
}

// seriesOf puts points in order and cuts them into their series.
func seriesOf(points []pointRow) []series {
	slices.SortFunc(points, func(a, b pointRow) int {
		return cmp.Or(strings.Compare(a.Indicator, b.Indicator), strings.Compare(a.Version, b.Version), strings.Compare(a.Granularity, b.Granularity),
			strings.Compare(a.Stratum, b.Stratum), strings.Compare(a.Unit, b.Unit), a.Start.Compare(b.Start))
	})
	var out []series
	for i := 0; i < len(points); {
		j, p := i, points[i]
		for j < len(points) && points[j].Indicator == p.Indicator && points[j].Version == p.Version &&
			points[j].Granularity == p.Granularity && points[j].Stratum == p.Stratum && points[j].Unit == p.Unit {
			j++
		}
		out = append(out, series{seriesID{p.Version, p.Granularity, p.Stratum}, p.Unit, p.Indicator, points[i:j]})
		i = j
	}
	return out
}

// Most points of a drawing: a series of days has more than a page can show at
// once. A chart may be asked for whole, a small one not.
const (
	smallPoints = 60
	chartPoints = 120
	wholePoints = 150 // up to so many are shown whole
)

// newest is the end of a series.
func (s series) newest(n int) series {
	s.Points = s.Points[max(0, len(s.Points)-n):]
	return s
}

// end is when the newest period of the series ends.
func (s series) end() time.Time { return s.Points[len(s.Points)-1].End }

// newestFirst orders the series of one indicator: those that reach furthest
// first, then by version, newest first, and stratum.
func newestFirst(all []series) {
	slices.SortStableFunc(all, func(a, b series) int {
		return cmp.Or(b.end().Compare(a.end()), strings.Compare(b.Version, a.Version), strings.Compare(a.Stratum, b.Stratum))
	})
}

// chosen is the asked-for series: the newest one that has the named stratum
// and version. A name that no series has is errMissing.
func chosen[T any](all []T, id func(T) seriesID, q url.Values) (T, error) {
	for _, s := range all {
		k := id(s)
		if (!q.Has("stratum") || q.Get("stratum") == k.Stratum) && (!q.Has("version") || q.Get("version") == k.Version) {
			return s, nil
		}
	}
	var none T
	return none, errMissing
}

// pick is a choice between series.
type pick struct {
	Path, Title string
	Here        bool
}

// picks name the series of a page by what tells them apart.
func (p *Portal) picks(all []seriesID, here seriesID, path string) []pick {
	versions := map[string]bool{}
	for _, k := range all {
		versions[k.Version] = true
	}
	var out []pick
	for _, k := range all {
		title := p.stratum(k.Stratum)
		if len(versions) > 1 {
			title += " · " + p.words.t("version", k.Version)
		}
		out = append(out, pick{path + k.query(), title, k == here})
	}
	return out
}

// stratum names a stratum; the empty one is everybody.
func (p *Portal) stratum(s string) string {
	if s == "" {
		return p.words.t("stratum.all")
	}
	return p.words.t("stratum.one", s)
}

func drawnState(s string) bool { return s == "value" || s == "preliminary" || s == "held_previous" }

func (s series) values() []float64 {
	var v []float64
	for _, p := range s.Points {
		if drawnState(p.State) {
			v = append(v, p.Value)
		}
	}
	return v
}

// drawing is a chart for wide and for narrow pages.
type drawing struct{ Wide, Narrow template.HTML }

// control draws a series. Where the store has a point that cannot be drawn,
// the chart is left out and the table tells; the log says why.
func (p *Portal) control(s series, ind indicatorRow, title, id string, notes []annotationRow, small bool) drawing {
	m := p.words.measureOf(ind, s.values())
	c := figure.Control{Title: title, Description: p.describe(s, m), Percent: m.percent, Decimals: m.decimals, ValueTitle: m.title(), Texts: p.words.figureTexts()}
	c.Texts.Denominator = p.denominator(ind)
	if m.percent {
		c.ValueTitle = "" // the axis says it
	}
	few := map[uint16]bool{} // phases whose centre line is crossed too rarely
	for _, r := range s.Points {
		if slices.Contains(r.Rules, ruleCrossings) {
			few[r.Phase] = true
		}
		if r.Pattern() != "" {
			c.Texts.RunsSignal = p.words.t("chart.pattern")
		}
	}
	for _, r := range s.Points {
		state := figure.State(r.State)
		if drawnState(r.State) && none(r.Value) {
			state = figure.HeldEmpty // what was released before was 0 of 0
		}
		c.Points = append(c.Points, figure.ControlPoint{Start: r.Start, Period: p.words.period(s.Granularity, day(r.Start)), Value: r.Value,
			Centre: r.Centre, LCL: r.LCL, UCL: r.UCL, Target: r.Target, Reference: r.Reference, State: state,
			SigmaSignal: r.SigmaSignal, RunsSignal: r.InRun(), FewCrossings: few[r.Phase], Phase: int(r.Phase), Excluded: r.Excluded, N: r.N,
			Href: pointPath(s.Unit, s.Indicator, s.seriesID, day(r.Start))})
	}
	last := s.Points[len(s.Points)-1]
	if last.Chart == "run" {
		c.CentreName = p.words.t("chart.median")
	}
	if last.RefSource != "" && !small {
		c.ReferenceName = p.words.t("chart.reference", last.RefSource)
	}
	for _, n := range notes {
		if !n.At.Before(s.Points[0].Start) && n.At.Before(last.End) {
			c.Notes = append(c.Notes, figure.Note{Start: n.At, Label: n.Text})
		}
	}
	if small {
		// A small multiple is one picture that leads to its page.
		for i := range c.Points {
			c.Points[i].Href = ""
		}
		c.Notes = nil
		return drawing{Wide: p.svg(c, figure.Options{Width: 420, Height: 210, Narrow: true, NoHeading: true, NoLegend: true, ID: id})}
	}
	return drawing{Wide: p.svg(c, figure.Options{NoHeading: true, ID: id}), Narrow: p.svg(c, figure.Options{Narrow: true, NoHeading: true, ID: id + "-narrow"})}
}

func (p *Portal) svg(c figure.Control, o figure.Options) template.HTML {
	var b strings.Builder
	if err := c.WriteSVG(&b, o); err != nil {
		p.cfg.Logger.Error("a chart cannot be drawn", "chart", c.Title, "error", err)
		return ""
	}
	return template.HTML(b.String()) //nolint:gosec // package figure escapes what it is given
}

// describe is a chart in a sentence or two.
func (p *Portal) describe(s series, m measure) string {
	first, last := s.Points[0], s.Points[len(s.Points)-1]
	sigma, runs := 0, false
	for _, r := range s.Points {
		if r.SigmaSignal {
			sigma++
		}
		runs = runs || r.RunsSignal
	}
	text := p.words.count("chart.describe", len(s.Points), p.words.period(s.Granularity, day(first.Start)), p.words.period(s.Granularity, day(last.Start)))
	if !none(last.Centre) {
		text += " " + p.words.t("chart.describe.centre", m.say(last.Centre))
	}
	if sigma > 0 {
		text += " " + p.words.count("chart.describe.sigma", sigma)
	}
	if runs {
		text += " " + p.words.t("chart.describe.runs")
	}
	return text
}

// verdict is the state of a process in words, newest first: what it is now,
// and whether that is unusual.
type verdict struct {
	Period, Value, State string
	Text                 string
	// Mark is sigma, runs, steady, none or held: how it is marked beside the words.
	Mark string
}

// verdictOf judges a series by its newest point and the newest phase.
func (p *Portal) verdictOf(s series, m measure) verdict {
	last := s.Points[len(s.Points)-1]
	v := verdict{Period: p.words.period(s.Granularity, day(last.Start)), Value: "–"}
	if last.State != "value" {
		v.State = strings.ToLower(p.words.state(last.State))
	}
	if drawnState(last.State) {
		v.Value = m.say(last.Value)
	}
	newest, runs := -1, false
	from, to := -1, -1 // the newest unusual run of the newest phase
	for i, r := range s.Points {
		if r.State == "value" && !r.Excluded {
			newest = i
		}
		if r.Phase != last.Phase || !r.RunsSignal {
			continue
		}
		runs = true
		if r.InRun() {
			if to < 0 || slices.ContainsFunc(s.Points[to+1:i], func(q pointRow) bool { return q.State == "value" && !q.Excluded && !q.InRun() }) {
				from = i
			}
			to = i
		}
	}
	when := func(i int) string { return p.words.period(s.Granularity, day(s.Points[i].Start)) }
	side := func(r pointRow) string {
		if r.Value < r.Centre {
			return "below"
		}
		return "above"
	}
	switch {
	case newest < 0:
		v.Mark, v.Text = "none", p.words.t("verdict.no_value")
	case s.Points[newest].SigmaSignal:
		v.Mark, v.Text = "sigma", p.words.t("verdict.sigma."+side(s.Points[newest]), when(newest))
	case to >= 0 && s.Points[to].Pattern() != "":
		v.Mark, v.Text = "runs", p.words.t("verdict.pattern", when(to), strings.ToLower(p.words.or("spc.", s.Points[to].Pattern())))
	case to >= 0 && to == newest:
		v.Mark, v.Text = "runs", p.words.t("verdict.runs."+side(s.Points[to]), when(from))
	case to >= 0:
		v.Mark, v.Text = "runs", p.words.t("verdict.past."+side(s.Points[to]), when(from), when(to))
	case runs:
		v.Mark, v.Text = "runs", p.words.t("verdict.crossings")
	case none(s.Points[newest].LCL) && none(s.Points[newest].UCL):
		v.Mark, v.Text = "none", cmp.Or(p.words.why(s.Points[newest].Why), p.words.t("verdict.no_limits"))
	default:
		v.Mark, v.Text = "steady", p.words.t("verdict.steady", when(newest))
		if strings.Contains(s.Points[newest].Why, "run rules are off") {
			v.Text = p.words.t("verdict.inside", when(newest))
		}
	}
	return v
}

// funnel draws the units of an indicator.
func (p *Portal) funnel(rows []funnelRow, ind indicatorRow, called names, title, id string) drawing {
	return p.funnelWith(rows, ind, called, title, id, "")
}

// funnelWith does so, and marks one of them.
func (p *Portal) funnelWith(rows []funnelRow, ind indicatorRow, called names, title, id, chosen string) drawing {
	m := p.funnelMeasure(rows, ind)
	f := figure.Funnel{Title: title, Description: p.words.why(rows[0].Why), Percent: m.percent, Decimals: m.decimals, Centre: rows[0].Centre,
		CentreName: p.words.t("funnel.centre"), DenominatorTitle: p.denominator(ind), Texts: p.words.figureTexts()}
	f.Texts.Denominator = f.DenominatorTitle
	f.Curve = p.funnelCurve(rows, ind)
	if !m.percent {
		f.ValueTitle = m.title()
	}
	for _, r := range rows {
		state := figure.State(r.State)
		if drawnState(r.State) && (none(r.Value) || none(r.Denominator)) {
			state = figure.NoEligible
			if r.State == "held_previous" {
				state = figure.HeldEmpty
			}
		}
		f.Units = append(f.Units, figure.FunnelUnit{Name: called.unit(r.Unit), Href: chartPath(r.Unit, ind.ID, seriesID{r.Version, r.Granularity, r.Stratum}),
			Value: r.Value, Denominator: r.Denominator, LCL95: r.LCL95, UCL95: r.UCL95, LCL998: r.LCL998, UCL998: r.UCL998,
			Outlier: r.Outlier, State: state, Highlight: r.Unit == chosen && chosen != ""})
	}
	draw := func(o figure.Options) template.HTML {
		var b strings.Builder
		if err := f.WriteSVG(&b, o); err != nil {
			p.cfg.Logger.Error("a funnel cannot be drawn", "indicator", ind.ID, "error", err)
			return ""
		}
		return template.HTML(b.String()) //nolint:gosec // package figure escapes what it is given
	}
	return drawing{draw(figure.Options{NoHeading: true, ID: id}), draw(figure.Options{Narrow: true, NoHeading: true, ID: id + "-narrow"})}
}

// funnelCurve are the limits of all units together, as lines are drawn: those of a
// unit leave the unit itself out and lie on no line. nil where there are none, and
// for means, whose limits depend on more than their number of cases.
func (p *Portal) funnelCurve(rows []funnelRow, ind indicatorRow) []figure.FunnelLimits {
	o := funnel.Options{Multiplier: ind.Multiplier}
	of, ok := p.cfg.Pages.Catalog.Index().Indicator(ind.ID)
	subset := ok && of.Subset
	switch kind := catalog.IndicatorType(ind.Type); {
	case kind == catalog.StandardisedRatio:
		o.Measure = funnel.Ratio
	case kind == catalog.Rate || kind == catalog.Proportion && !subset:
		o.Measure = funnel.Rate
	case kind == catalog.Proportion:
		o.Measure = funnel.Proportion
	default:
		return nil
	}
	least, most, limited := math.Inf(1), 0.0, false
	for _, r := range rows {
		if drawnState(r.State) && r.Denominator > 0 {
			least, most = min(least, r.Denominator), max(most, r.Denominator)
			limited = limited || !none(r.UCL998)
		}
	}
	head := rows[0]
	if !limited || none(head.Centre) {
		return nil
	}
	common := &funnel.Funnel{Centre: head.Centre}
	if head.Tau2 > 0 {
		common.Tau2, common.Source = head.Tau2, funnel.SourceOwn
	}
	const steps = 120
	var out []figure.FunnelLimits
	for i := range steps + 1 {
		// Closer together where the lines bend, and a little beyond the largest unit.
		n := least * math.Pow(1.04*most/least, float64(i)/steps)
		if o.Measure == funnel.Proportion {
			n = math.Round(n)
		}
		if last := len(out) - 1; last >= 0 && out[last].Denominator == n {
			continue
		}
		l := figure.FunnelLimits{Denominator: n}
		l.LCL95, l.UCL95 = common.LimitsAt(n, 0.025, o)
		l.LCL998, l.UCL998 = common.LimitsAt(n, 0.001, o)
		out = append(out, l)
	}
	return out
}

func (p *Portal) funnelMeasure(rows []funnelRow, ind indicatorRow) measure {
	var values []float64
	for _, r := range rows {
		if !none(r.Value) {
			values = append(values, r.Value)
		}
	}
	return p.words.measureOf(ind, values)
}

// denominator is what the size of a unit is called.
func (p *Portal) denominator(ind indicatorRow) string {
	switch catalog.IndicatorType(ind.Type) {
	case catalog.StandardisedRatio:
		return p.words.t("denominator.expected")
	case catalog.Mean, catalog.Median, catalog.Percentile, catalog.TimeBetween:
		return p.words.t("denominator.cases")
	default:
		return p.words.t("denominator")
	}
}

// numerator is what is counted, or added up, of a unit.
func (p *Portal) numerator(ind indicatorRow) string {
	switch catalog.IndicatorType(ind.Type) {
	case catalog.StandardisedRatio:
		return p.words.t("numerator.expected")
	case catalog.Mean:
		return p.words.t("numerator.cases")
	default:
		return p.words.t("numerator")
	}
}

// byName orders by name, as the language of the words does, and what has one
// name by its id. It never looks at values: units are not ranked.
func byName[T any](w *words, all []T, of func(T) (name, id string)) {
	order := w.collator()
	slices.SortStableFunc(all, func(a, b T) int {
		an, ai := of(a)
		bn, bi := of(b)
		return cmp.Or(order.CompareString(an, bn), strings.Compare(ai, bi))
	})
}
