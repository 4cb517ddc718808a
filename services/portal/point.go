package portal

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
)

// pointBody says why a point looks as it does.
type pointBody struct {
	pointRow
	Unit, UnitName string
	Indicator      indicatorRow
	ChartPath      string
	PeriodSaid     string
	StateSaid      string
	StateMeans     string
	Value          string
	Cell           *cellFacts
	Joined         bool // the point is made of cells of other units or versions
	Maturity       string
	DataThrough    string
	Centre         string
	Low, High      string
	Limited        bool
	Kind           string
	Baseline       string
	Signals        []signal
	Target, Ref    string
	Flags          []pointFlag
	Corrected      *pointCorrection
	Held           string // fingerprint of the version under question
	HeldSince      string // the night since which
	ShownBy        []export
	Sources        []export
	Further        int
	Before, After  string
	Data           string
}

// cellFacts is what was delivered of the period.
type cellFacts struct {
	Numerator, Denominator, Low, High, Expected, Missing string
	NumeratorTitle, DenominatorTitle                     string
	Interval                                             bool
}

// pointCorrection says what the shown value rests on.
type pointCorrection struct{ Text, Old string }

// signal is a rule that fired at the point.
type signal struct{ Name, Means string }

// pointFlag is a flag that concerns the point.
type pointFlag struct {
	*story
	Why   string
	Steps []stepLine
}

// mostSources is how many deliveries a point names.
const mostSources = 20

func (p *Portal) point(r *http.Request) (*view, error) {
	ctx, unit, indicator := r.Context(), r.PathValue("unit"), r.PathValue("indicator")
	period, err := catalog.ParseDate(r.PathValue("period"))
	if err != nil {
		return &view{Section: "units"}, errMissing
	}
	var b *pointBody
	pub, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		points, err := p.pointsOf(ctx, unit, indicator)
		if err != nil {
			return err
		}
		all := slices.DeleteFunc(seriesOf(points), func(s series) bool { return s.at(period) < 0 })
		newestFirst(all)
		s, err := chosen(all, func(s series) seriesID { return s.seriesID }, r.URL.Query())
		if err != nil {
			return err
		}
		b = p.pointBody(s, s.at(period), c.names)
		found, err := p.cellOf(ctx, indicator, cellKey{unit, s.Version, s.Granularity, s.Stratum, period})
		if err != nil {
			return err
		}
		p.fillCell(b, found, s)
		return nil
	})
	if err != nil {
		return &view{Section: "units", Publication: pub}, err
	}
	if pub == nil {
		return &view{Section: "units"}, errMissing
	}
	if err := p.fillPast(ctx, b); err != nil {
		return nil, err
	}
	return &view{Title: p.words.t("point.title", b.PeriodSaid), Section: "units", Publication: pub, Body: b,
		Crumbs: p.crumbs(crumb{"/units", p.words.t("nav.units")}, crumb{"/units/" + url.PathEscape(unit), b.UnitName}, crumb{b.ChartPath, b.Indicator.Name})}, nil
}

// at is where the period is in the series, -1 where it is not.
func (s series) at(period catalog.Date) int {
	return slices.IndexFunc(s.Points, func(r pointRow) bool { return day(r.Start) == period })
}

// stateMeans says what a state means; while the period is not mature nothing is
// final about what is not there.
func stateMeans(w *words, r pointRow) string {
	if r.Excluded {
		return w.t("state.means.excluded")
	}
	if r.Maturity != "mature" && (r.State == "missing" || r.State == "no_eligible") {
		return w.t("state.early." + r.State)
	}
	return w.or("state.means.", r.State)
}

func (p *Portal) pointBody(s series, at int, called names) *pointBody {
	w, r := p.words, s.Points[at]
	r.Why = w.why(r.Why)
	ind := indicatorOf(called, s.Indicator)
	m := w.measureOf(ind, s.values())
	b := &pointBody{pointRow: r, Unit: s.Unit, UnitName: called.unit(s.Unit), Indicator: ind, ChartPath: chartPath(s.Unit, s.Indicator, s.seriesID),
		PeriodSaid: w.period(s.Granularity, day(r.Start)), StateSaid: w.state(r.State), StateMeans: stateMeans(w, r), Value: "–",
		Maturity: w.or("maturity.", r.Maturity), DataThrough: w.date(day(r.DataThrough)), Centre: m.say(r.Centre), Low: m.say(r.LCL), High: m.say(r.UCL),
		Limited: !none(r.LCL) || !none(r.UCL), Kind: w.kindOfChart(r.Chart), Data: p.data()}
	if drawnState(r.State) {
		b.Value = m.say(r.Value)
	}
	if r.BaselineFrom != nil && r.BaselineTo != nil {
		b.Baseline = w.span(s.Granularity, day(*r.BaselineFrom), day(*r.BaselineTo))
	}
	if !none(r.Target) {
		b.Target = m.say(r.Target)
	}
	if !none(r.Reference) {
		b.Ref = m.say(r.Reference)
	}
	for _, rule := range r.Rules {
		b.Signals = append(b.Signals, signal{w.or("spc.", rule), w.or("spc.means.", rule)})
	}
	if at > 0 {
		b.Before = pointPath(s.Unit, s.Indicator, s.seriesID, day(s.Points[at-1].Start))
	}
	if at+1 < len(s.Points) {
		b.After = pointPath(s.Unit, s.Indicator, s.seriesID, day(s.Points[at+1].Start))
	}
	return b
}

func (p *Portal) fillCell(b *pointBody, c *cellRow, s series) {
	if c == nil || c.Fingerprint != b.Fingerprint {
		b.Joined = c == nil && drawnState(b.State) || c != nil && b.Fingerprint == "" && drawnState(b.State)
	}
	if c == nil {
		return
	}
	m := p.words.measureOf(b.Indicator, s.values())
	f := &cellFacts{NumeratorTitle: p.numerator(b.Indicator), DenominatorTitle: p.words.t("denominator"), Numerator: p.size(c.Numerator), Denominator: p.size(c.Denominator), Low: m.say(c.Low), High: m.say(c.High),
		Expected: p.words.figures(c.Expected), Interval: !none(c.Low) && !none(c.High)}
	switch catalog.IndicatorType(b.Indicator.Type) {
	case catalog.Mean, catalog.Median, catalog.Percentile, catalog.TimeBetween:
		f.DenominatorTitle = p.denominator(b.Indicator)
	}
	if c.Missing > 0 {
		f.Missing = p.words.num(100*c.Missing, 1) + p.words.percent
	}
	b.Cell = f
}

// fillPast adds what the LEDGER knows: flags about the cell, and deliveries.
func (p *Portal) fillPast(ctx context.Context, b *pointBody) error {
	period := day(b.Start)
	var events []event.Event
	if err := p.ledger(ctx, func(s *run.State) error {
		events = s.GateEvents(b.Indicator.ID)
		b.Sources = behind(s, feedsOf(p.cfg.Pages.Catalog, b.Indicator.ID), b.Unit, catalog.Granularity(b.Granularity), period)
		return nil
	}); err != nil {
		return err
	}
	slices.SortStableFunc(b.Sources, func(x, y export) int { return cmp.Or(y.AsOf.Compare(x.AsOf), y.ReceivedAt.Compare(x.ReceivedAt)) })
	if len(b.Sources) > mostSources {
		b.Further = len(b.Sources) - mostSources
		b.Sources = b.Sources[:mostSources]
	}
	stories, err := storiesOf(events, func(finding []byte) bool {
		return bytes.Contains(finding, []byte(b.Unit)) && bytes.Contains(finding, []byte(period.String()))
	})
	if err != nil {
		return err
	}
	key := cellKey{b.Unit, b.Version, b.Granularity, b.Stratum, period}
	var held []string // runs in which flags that hold the value were raised
	for _, f := range slices.Backward(stories) {
		fingerprint, ok := f.Guarding(key)
		if !ok {
			continue
		}
		p.fillCorrection(b, f, key)
		pf := pointFlag{story: f, Why: p.whyOf(f.Check)}
		for _, s := range f.Steps {
			pf.Steps = append(pf.Steps, stepLine{s, p.words.t("step." + s.What)})
		}
		if f.Holds() && fingerprint != b.Fingerprint {
			b.Held = fingerprint
			held = append(held, f.Since)
		}
		b.Flags = append(b.Flags, pf)
	}
	return p.fillHeld(ctx, b, held)
}

// fillHeld says since which night the value is under question, and which
// deliveries brought the one that is shown: those in force before the first run in
// which a flag that holds it was raised.
func (p *Portal) fillHeld(ctx context.Context, b *pointBody, runs []string) error {
	if len(runs) == 0 {
		return nil
	}
	return p.ledger(ctx, func(s *run.State) error {
		for _, r := range s.Runs() {
			if !slices.Contains(runs, r.Run) {
				continue
			}
			b.HeldSince = p.words.date(r.AsOf)
			if b.State == "held_previous" {
				b.ShownBy = behindAt(s, lastPublished(s, r.Run), feedsOf(p.cfg.Pages.Catalog, b.Indicator.ID), b.Unit, catalog.Granularity(b.Granularity), day(b.Start))
				slices.SortStableFunc(b.ShownBy, func(x, y export) int { return cmp.Or(y.AsOf.Compare(x.AsOf), y.ReceivedAt.Compare(x.ReceivedAt)) })
				b.ShownBy = b.ShownBy[:min(len(b.ShownBy), mostSources)]
			}
			return nil // runs are in their order: this is the first
		}
		return nil
	})
}

// fillCorrection says who corrected the shown value, and why.
func (p *Portal) fillCorrection(b *pointBody, f *story, key cellKey) {
	for _, c := range slices.Backward(f.Corrections) {
		g := c.Cell
		if g.Unit != key.Unit || g.Version != key.Version || g.Granularity != key.Granularity || g.Stratum != key.Stratum || g.Period != key.Period ||
			gate.ShownAs(c.Correction, p.cfg.Pages.Catalog.Region.Code, b.Indicator.ID).String() != b.Fingerprint || g.Fingerprint.String() == b.Fingerprint {
			continue
		}
		b.Corrected = &pointCorrection{Text: p.words.t("point.corrected", c.By, c.Confirmed, p.words.date(c.On), p.words.or("cause.", c.Cause)+"; "+c.Evidence),
			Old: p.words.t("point.corrected.old", p.size(c.Old.Numerator.Float(cell.Micro)), p.size(c.Old.Denominator.Float(cell.Micro)))}
		return
	}
}
