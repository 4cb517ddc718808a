package portal

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
)

func itoa(n int) string { return strconv.Itoa(n) }

type indicatorsBody struct{ Rows []indicatorLine }

type indicatorLine struct {
	indicatorRow
	Units, Held uint64
}

func (p *Portal) indicators(r *http.Request) (*view, error) {
	ctx := r.Context()
	b := &indicatorsBody{}
	pub, err := p.consistent(ctx, func(rd *reading) error {
		b.Rows = nil
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		counts, err := p.chartedIndicators(ctx)
		if err != nil {
			return err
		}
		for _, i := range c.indicators {
			l := indicatorLine{indicatorRow: i}
			if at := slices.IndexFunc(counts, func(c charted) bool { return c.ID == i.ID }); at >= 0 {
				l.Units, l.Held = counts[at].Others, counts[at].Held
			}
			b.Rows = append(b.Rows, l)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	v := &view{Title: p.words.t("nav.indicators"), Section: "indicators", Crumbs: p.crumbs(), Publication: pub}
	if pub != nil {
		v.Body = b
	}
	return v, nil
}

// indicatorBody is one indicator: its funnel, and the variation between units.
type indicatorBody struct {
	indicatorRow
	drawing
	Picks      []pick
	Period     string
	Lead       string
	Lines      string // what the drawn limits are
	Why        string
	Measure    string
	SizeTitle  string
	Sentences  []string
	Technical  []Fact
	Twice      string // why the funnel has another phi and tau²
	Units      []funnelLine
	NoFunnel   bool // counts and medians have none
	Named      []crumb
	Flags      int
	Compared   uint32
	OutsideAny bool
}

// funnelLine is one unit in the table of a funnel.
type funnelLine struct {
	funnelRow
	Name, Path, Said, Size, Low, High, StateSaid, Position string
}

func (p *Portal) indicator(r *http.Request) (*view, error) {
	ctx, id := r.Context(), r.PathValue("indicator")
	var b *indicatorBody
	pub, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		ind, ok := c.names.indicators[id]
		if !ok {
			return errMissing
		}
		b = &indicatorBody{indicatorRow: ind}
		keys, err := p.openFlagKeys(ctx)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.Indicator == id {
				b.Flags++
			}
		}
		rows, err := p.funnelOf(ctx, id)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			b.NoFunnel = true
			units, err := published[charted](ctx, p, "SELECT unit AS id, toUInt64(1) AS others, toUInt64(0) AS held FROM chart WHERE indicator = {indicator:String} GROUP BY unit", named("indicator", id))
			if err != nil {
				return err
			}
			for _, u := range units {
				b.Named = append(b.Named, crumb{chartPath(u.ID, id, seriesID{}), c.unit(u.ID)})
			}
			byName(p.words, b.Named, func(c crumb) (string, string) { return c.Title, c.Path })
			return nil
		}
		variation, err := p.variationOf(ctx, id)
		if err != nil {
			return err
		}
		return p.fillFunnel(b, rows, variation, c.names, r)
	})
	if err != nil {
		return &view{Section: "indicators", Publication: pub}, err
	}
	if pub == nil {
		return &view{Section: "indicators"}, errMissing
	}
	return &view{Title: b.Name, Section: "indicators", Publication: pub, Crumbs: p.crumbs(crumb{"/indicators", p.words.t("nav.indicators")}), Body: b}, nil
}

func (f funnelRow) series() seriesID { return seriesID{f.Version, f.Granularity, f.Stratum} }

// fillFunnel shows the asked-for funnel: by default the one that reaches
// furthest.
func (p *Portal) fillFunnel(b *indicatorBody, rows []funnelRow, variation []variationRow, called names, r *http.Request) error {
	slices.SortFunc(rows, func(x, y funnelRow) int {
		return cmp.Or(strings.Compare(x.Version, y.Version), strings.Compare(x.Granularity, y.Granularity), strings.Compare(x.Stratum, y.Stratum),
			strings.Compare(x.Unit, y.Unit))
	})
	var heads []funnelRow
	for i, f := range rows {
		if i == 0 || f.series() != rows[i-1].series() {
			heads = append(heads, f)
		}
	}
	slices.SortStableFunc(heads, func(x, y funnelRow) int {
		if c := y.End.Compare(x.End); c != 0 {
			return c
		}
		return strings.Compare(y.Version, x.Version)
	})
	head, err := chosen(heads, funnelRow.series, r.URL.Query())
	if err != nil {
		return err
	}
	var ids []seriesID
	for _, h := range heads {
		ids = append(ids, h.series())
	}
	b.Picks = p.picks(ids, head.series(), r.URL.EscapedPath())
	rows = slices.DeleteFunc(rows, func(f funnelRow) bool { return f.series() != head.series() })
	byName(p.words, rows, func(f funnelRow) (string, string) { return called.unit(f.Unit), f.Unit })
	m := p.funnelMeasure(rows, b.indicatorRow)
	b.Period, b.Why, b.Measure, b.SizeTitle, b.Compared = p.words.span(head.Granularity, day(head.Start), day(head.End)), p.words.why(head.Why), m.title(), p.denominator(b.indicatorRow), head.Units
	b.Lead = p.words.t("indicator.lead.chance", b.Period)
	switch {
	case head.Tau2 > 0:
		b.Lead = p.words.t("indicator.lead", b.Period)
	case !slices.ContainsFunc(rows, func(f funnelRow) bool { return !none(f.UCL998) }):
		b.Lead = p.words.t("indicator.lead.nolimits", b.Period)
	}
	if p.funnelCurve(rows, b.indicatorRow) != nil {
		b.Lines = p.words.t("funnel.lines")
	} else if b.Lead != p.words.t("indicator.lead.nolimits", b.Period) {
		b.Lines = p.words.t("funnel.lines.own")
	}
	b.drawing = p.funnel(rows, b.indicatorRow, called, b.Name, "funnel")
	b.Units, b.OutsideAny = p.funnelLines(rows, b.indicatorRow, m, called)
	for _, v := range variation {
		if (seriesID{v.Version, v.Granularity, v.Stratum}) == head.series() {
			p.describeVariation(b, v, m)
			if len(b.Technical) > 0 && !none(head.Phi) {
				b.Twice = p.words.t("technical.twice", p.words.figures(head.Phi), p.words.figures(head.Tau2))
			}
		}
	}
	return nil
}

// funnelLines are the units of a funnel in words, in the order of rows, and
// whether any is outside its limits.
func (p *Portal) funnelLines(rows []funnelRow, ind indicatorRow, m measure, c names) (lines []funnelLine, outside bool) {
	for _, f := range rows {
		l := funnelLine{funnelRow: f, Name: c.unit(f.Unit), Path: chartPath(f.Unit, ind.ID, f.series()), Said: "–", Size: p.size(f.Denominator),
			Low: m.bare(f.LCL998), High: m.bare(f.UCL998), StateSaid: p.words.state(f.State)}
		if drawnState(f.State) {
			l.Said = m.bare(f.Value)
		}
		switch {
		case f.State != "value" || none(f.UCL998):
		case f.Outlier > 0:
			l.Position, outside = p.words.t("funnel.above"), true
		case f.Outlier < 0:
			l.Position, outside = p.words.t("funnel.below"), true
		default:
			l.Position = p.words.t("funnel.within")
		}
		lines = append(lines, l)
	}
	return lines, outside
}

// describeVariation puts the measures of variation into sentences, and names
// them for those who know them.
func (p *Portal) describeVariation(b *indicatorBody, v variationRow, m measure) {
	w := p.words
	say := func(key string, args ...any) { b.Sentences = append(b.Sentences, w.t(key, args...)) }
	if v.Units < 2 {
		say("variation.few")
		return
	}
	if !none(v.P10) && !none(v.P90) {
		say("variation.deciles", m.say(v.P10), m.say(v.P90), m.say(v.P50))
	}
	shown := v.Tau2 > 0 && !(v.Tau2Low <= 0) // the interval, where there is one, leaves 0 out
	switch {
	case none(v.Tau2):
	case shown:
		say("variation.more")
	case v.Tau2 > 0:
		say("variation.unsure")
	default:
		say("variation.chance")
	}
	// The odds of a ratio that can pass 1 mean nothing; only a proportion of
	// people has an intra-class correlation.
	binomial := b.Type == string(catalog.Proportion) && !none(v.ICC)
	if shown && binomial && v.MOR > 1 {
		say("variation.mor", w.num(v.MOR, 2))
	}
	if shown && !none(v.ICC) && v.ICC > 0 {
		say("variation.icc", w.num(100*v.ICC, decimalsOf(100*v.ICC))+w.percent)
	}
	add := func(key, value string) {
		if value != "–" {
			b.Technical = append(b.Technical, Fact{w.t("technical." + key), value})
		}
	}
	add("units", w.whole(v.Units))
	add("mean", m.say(v.Mean))
	add("phi", w.figures(v.Phi))
	tau := w.figures(v.Tau2)
	if !none(v.Tau2Low) && !none(v.Tau2High) {
		tau += " (" + w.t("technical.interval", w.figures(v.Tau2Low), w.figures(v.Tau2High)) + ")"
	}
	add("tau2", tau)
	if !none(v.I2) {
		add("i2", w.num(100*v.I2, 0)+w.percent)
	}
	add("icc", w.figures(v.ICC))
	add("mor", w.figures(v.MOR))
	add("scv", w.figures(v.SCV))
}

// decimalsOf shows a small share with a decimal.
func decimalsOf(x float64) int {
	if math.Abs(x) < 10 {
		return 1
	}
	return 0
}
