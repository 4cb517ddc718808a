package portal

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// evidence is what who decides about a flag sees beside the finding, on the same
// page: the year before, what came and what is shown, other units, the export,
// and what was decided earlier.
type evidence struct {
	Matters string // why it matters
	Band    template.HTML

	drawing
	Months                           []monthLine
	Weekdays                         []monthLine // the same day of earlier weeks
	NumeratorTitle, DenominatorTitle string

	Came []cameLine

	Peers     drawing
	PeerTable peerTable
	PeersPath string
	// PeersOnly says that other units are left out, because who asks may not read
	// them.
	PeersOnly bool

	Elsewhere []elsewhere
	Exports   []exportChange
	Earlier   []earlierLine

	Spec, SpecLink string
	Checklist      []string
}

// monthLine is a point of the year before.
type monthLine struct {
	Period, Path, Value, Numerator, Denominator, State string
	// Before is the value of the same period a year earlier.
	Before string
	Here   bool
}

// peerTable is the funnel in words.
type peerTable struct {
	SizeTitle string
	Units     []funnelLine
}

// monthTable is a table of them.
type monthTable struct {
	Of      *evidence
	Lines   []monthLine
	Caption string
}

// cameLine is a cell in question: what came, and what is shown now.
type cameLine struct {
	Unit, Period, Path, Numerator, Denominator, Shown, ShownOf, State string
}

// elsewhere says how often the same check has an open flag among others.
type elsewhere struct {
	Of, Text string
}

// exportChange compares the delivery that raised the flag with the one before
// it in its feed.
type exportChange struct {
	Feed, File, Path, Before, BeforePath string
	Facts                                []exportFact
}

type exportFact struct {
	Name, Before, Now string
	Changed           bool
}

// earlierLine is what was said last of another flag of the same target.
type earlierLine struct {
	Flag, Check, Period, Said, By, Cause, Note string
	On                                         time.Time
}

// How much of a thing the page of a flag shows.
const (
	monthsShown  = 13
	weekdayShown = 12
	mostEarlier  = 12
	mostCame     = 12
)

// evidenceOf reads it. c are the names of the publication.
func (p *Portal) evidenceOf(ctx context.Context, f *story, c *called) (*evidence, error) {
	ev := &evidence{Matters: p.words.or("matters.", string(f.Severity)), Band: p.band(f)}
	ind := indicatorOf(c.names, f.Indicator)
	ev.NumeratorTitle, ev.DenominatorTitle = p.numerator(ind), p.denominator(ind)
	ev.Spec = ind.Specification
	if isWebAddress(ind.Specification) {
		ev.SpecLink = ind.Specification
	}
	for i := 1; p.words.has(fmt.Sprintf("checklist.%d", i)); i++ {
		ev.Checklist = append(ev.Checklist, p.words.t(fmt.Sprintf("checklist.%d", i)))
	}
	if err := p.yearBefore(ctx, ev, f, ind, c); err != nil {
		return nil, err
	}
	if err := p.cameOf(ctx, ev, f, c); err != nil {
		return nil, err
	}
	if err := p.peersOf(ctx, ev, f, ind, c); err != nil {
		return nil, err
	}
	if err := p.elsewhereOf(ctx, ev, f, c); err != nil {
		return nil, err
	}
	return ev, p.pastOf(ctx, ev, f)
}

// isWebAddress reports whether the text is an address that a browser may be led to.
func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// seriesOfFlag is the series of a flag's own unit that it is about.
func seriesOfFlag(f *story) (seriesID, bool) {
	if f.Unit == "" || len(f.Guards) == 0 {
		return seriesID{}, false
	}
	g := f.Guards[0]
	return seriesID{g.Version, g.Granularity, g.Stratum}, true
}

// yearBefore draws the unit's chart over the thirteen months up to the period in
// question, or the newest where the question is about several.
func (p *Portal) yearBefore(ctx context.Context, ev *evidence, f *story, ind indicatorRow, c *called) error {
	key, ok := seriesOfFlag(f)
	if !ok {
		return nil
	}
	points, err := p.pointsOf(ctx, f.Unit, f.Indicator)
	if err != nil {
		return err
	}
	all := seriesOf(points)
	at := slices.IndexFunc(all, func(s series) bool { return s.seriesID == key })
	if at < 0 {
		return nil
	}
	s := all[at]
	m := p.words.measureOf(ind, s.values())
	values := map[catalog.Date]string{}
	for _, r := range s.Points {
		if drawnState(r.State) {
			values[day(r.Start)] = m.say(r.Value)
		}
	}
	last := len(s.Points) - 1
	if !f.Period.IsZero() {
		if i := slices.IndexFunc(s.Points, func(r pointRow) bool { return day(r.Start) == f.Period }); i >= 0 {
			last = min(i+2, last) // and what came after it
		}
	}
	end := day(s.Points[last].Start)
	from := end.AddMonths(1 - monthsShown)
	whole := s.Points
	s.Points = slices.Clone(s.Points[:last+1])
	s.Points = slices.DeleteFunc(s.Points, func(r pointRow) bool { return day(r.Start).Before(from) })
	ev.drawing = p.control(s, ind, ind.Name+", "+c.unit(f.Unit), "year", c.events[f.Unit], false)
	cells, err := p.cellsOf(ctx, f.Indicator, f.Unit, key)
	if err != nil {
		return err
	}
	yearAgo := func(d catalog.Date) catalog.Date {
		if catalog.Granularity(s.Granularity) == catalog.Day || catalog.Granularity(s.Granularity) == catalog.Week {
			return d.AddDays(-364) // the same day of the week
		}
		return d.AddMonths(-12)
	}
	line := func(r pointRow) monthLine {
		d := day(r.Start)
		l := monthLine{Period: p.words.period(s.Granularity, d), Path: pointPath(f.Unit, f.Indicator, key, d), Value: cmp.Or(values[d], "–"),
			Numerator: "–", Denominator: "–", State: p.words.state(r.State), Before: cmp.Or(values[yearAgo(d)], "–"), Here: d == f.Period}
		if n, ok := cells[d]; ok && drawnState(r.State) {
			l.Numerator, l.Denominator = p.sizeOr(n.Numerator), p.sizeOr(n.Denominator)
		}
		return l
	}
	if catalog.Granularity(s.Granularity) != catalog.Day {
		for _, r := range slices.Backward(s.Points) {
			ev.Months = append(ev.Months, line(r))
		}
		return nil
	}
	here := cmp.Or(f.Period, end)
	for _, r := range slices.Backward(whole[:last+1]) {
		if d := day(r.Start); len(ev.Weekdays) <= weekdayShown && !here.Before(d) && d.Time().Weekday() == here.Time().Weekday() {
			ev.Weekdays = append(ev.Weekdays, line(r))
		}
	}
	return nil
}

func (p *Portal) sizeOr(v float64) string {
	if none(v) {
		return "–"
	}
	return p.size(v)
}

// countedCell is what a cell counts.
type countedCell struct {
	Unit        string    `ch:"unit"`
	Start       time.Time `ch:"period_start"`
	State       string    `ch:"state"`
	Fingerprint string    `ch:"fp"`
	Numerator   float64   `ch:"num"`
	Denominator float64   `ch:"den"`
}

// cellsOf are the released cells of a series, by period.
func (p *Portal) cellsOf(ctx context.Context, indicator, unit string, k seriesID) (map[catalog.Date]countedCell, error) {
	rows, err := published[countedCell](ctx, p, `SELECT unit, period_start, state, fingerprint AS fp, ifNull(numerator, nan) AS num,
		ifNull(denominator, nan) AS den FROM cell WHERE indicator = {indicator:String} AND indicator_version = {version:String}
		AND granularity = {granularity:String} AND stratum = {stratum:String} AND unit = {unit:String}`,
		named("indicator", indicator), named("version", k.Version), named("granularity", k.Granularity), named("stratum", k.Stratum), named("unit", unit))
	out := make(map[catalog.Date]countedCell, len(rows))
	for _, r := range rows {
		out[day(r.Start)] = r
	}
	return out, err
}

// cameOf tells of the cells in question what came, and what dashboards show now.
func (p *Portal) cameOf(ctx context.Context, ev *evidence, f *story, c *called) error {
	guards := f.Guards[:min(len(f.Guards), mostCame)]
	came, err := p.deliveredCells(ctx, f.Indicator, guards)
	if err != nil {
		return err
	}
	shown := map[string]map[catalog.Date]countedCell{}
	for _, g := range guards {
		k := seriesID{g.Version, g.Granularity, g.Stratum}
		at := g.Unit + k.query()
		if shown[at] == nil {
			if shown[at], err = p.cellsOf(ctx, f.Indicator, g.Unit, k); err != nil {
				return err
			}
		}
		l := cameLine{Unit: c.unit(g.Unit), Period: p.words.period(g.Granularity, g.Period), Path: pointPath(g.Unit, f.Indicator, k, g.Period),
			Numerator: "–", Denominator: "–", Shown: "–", ShownOf: "–", State: p.words.t("came.nothing")}
		if n, ok := came[g.Fingerprint.String()]; ok {
			l.Numerator, l.Denominator = p.sizeOr(n.Numerator), p.sizeOr(n.Denominator)
		}
		if n, ok := shown[at][g.Period]; ok {
			l.State = p.words.state(n.State)
			if drawnState(n.State) {
				l.Shown, l.ShownOf = p.sizeOr(n.Numerator), p.sizeOr(n.Denominator)
			}
		}
		ev.Came = append(ev.Came, l)
	}
	return nil
}

// deliveredCells are the versions that guards name, by fingerprint.
func (p *Portal) deliveredCells(ctx context.Context, indicator string, guards []event.Guard) (map[string]countedCell, error) {
	if p.cfg.Pages.Delivered == nil || len(guards) == 0 {
		return nil, nil
	}
	var units, fps []string
	for _, g := range guards {
		units, fps = append(units, g.Unit), append(fps, g.Fingerprint.String())
	}
	rows, err := selectRows[countedCell](ctx, p.cfg.Pages.Delivered, `SELECT DISTINCT toString(unit) AS unit, period_start, '' AS state,
		lower(hex(c.fingerprint)) AS fp, toFloat64(numerator) AS num, toFloat64(denominator) AS den FROM cell AS c
		WHERE c.indicator = {indicator:String} AND c.unit IN {units:Array(String)} AND c.tombstone = 0 AND fp IN {fps:Array(String)}`,
		named("indicator", indicator), named("units", units), named("fps", fps))
	out := make(map[string]countedCell, len(rows))
	for _, r := range rows {
		out[r.Fingerprint] = r
	}
	return out, err
}

// peersOf draws the funnel of the series, with the names of the units that who
// asks may read; of others not even the place.
func (p *Portal) peersOf(ctx context.Context, ev *evidence, f *story, ind indicatorRow, c *called) error {
	key, ok := seriesOfFlag(f)
	if !ok {
		return nil
	}
	rows, err := p.funnelOf(ctx, f.Indicator)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r funnelRow) bool { return r.series() != key })
	if rd := p.reader(ctx); rd != nil {
		was := len(rows)
		rows = slices.DeleteFunc(rows, func(r funnelRow) bool { return !rd.Cells(p.registryOf(f.Indicator), r.Unit) })
		ev.PeersOnly = len(rows) < was
	}
	if len(rows) == 0 {
		return nil
	}
	byName(p.words, rows, func(r funnelRow) (string, string) { return c.unit(r.Unit), r.Unit })
	ev.PeerTable.SizeTitle = p.denominator(ind)
	ev.PeerTable.Units, _ = p.funnelLines(rows, ind, p.funnelMeasure(rows, ind), c.names)
	ev.Peers = p.funnelWith(rows, ind, c.names, ind.Name, "peers", f.Unit)
	if !ev.PeersOnly {
		ev.PeersPath = "/indicators/" + url.PathEscape(f.Indicator) + key.query()
	}
	return nil
}

// elsewhereOf counts the units of which the same check has an open flag about
// the indicator: those beside this one, and all.
func (p *Portal) elsewhereOf(ctx context.Context, ev *evidence, f *story, c *called) error {
	keys, err := p.openFlagKeys(ctx)
	if err != nil {
		return err
	}
	all, err := published[charted](ctx, p, `SELECT unit AS id, toUInt64(1) AS others, toUInt64(0) AS held FROM chart
		WHERE indicator = {indicator:String} GROUP BY unit`, named("indicator", f.Indicator))
	if err != nil {
		return err
	}
	has, parents := map[string]bool{}, map[string]string{}
	for _, k := range keys {
		if k.Check == f.Check && k.Indicator == f.Indicator {
			has[k.Unit] = true
		}
	}
	for _, u := range c.units {
		parents[u.ID] = u.Parent
	}
	add := func(key string, among func(unit string) bool) {
		n, of := 0, 0
		for _, u := range all {
			if among(u.ID) {
				of++
				if has[u.ID] {
					n++
				}
			}
		}
		if of == 0 {
			return
		}
		ev.Elsewhere = append(ev.Elsewhere, elsewhere{p.words.t(key),
			p.words.t("elsewhere.share", p.words.whole(n), p.words.whole(of), p.words.num(100*float64(n)/float64(of), 0)+p.words.percent)})
	}
	if parent := parents[f.Unit]; parent != "" {
		add("elsewhere.neighbours", func(u string) bool { return u != f.Unit && parents[u] == parent })
	}
	add("elsewhere.all", func(string) bool { return true })
	return nil
}

// pastOf tells what the export brought otherwise than the one before, and what
// was said of other flags about the same unit and indicator.
func (p *Portal) pastOf(ctx context.Context, ev *evidence, f *story) error {
	var events []event.Event
	if err := p.ledger(ctx, func(s *run.State) error {
		events = s.GateEvents(f.Indicator)
		raised := s.Run(cmp.Or(f.Since, f.Run))
		if raised == nil {
			return nil
		}
		feeds := feedsOf(p.cfg.Pages.Catalog, f.Indicator)
		for _, id := range raised.Deliveries {
			if d := s.Delivery(id); d != nil && d.Accepted != nil && slices.Contains(feeds, d.Feed) {
				ev.Exports = append(ev.Exports, p.compared(d, before(s, d)))
			}
		}
		return nil
	}); err != nil {
		return err
	}
	rd, others := p.reader(ctx), `"unit":"`+f.Unit+`"`
	if f.Unit == "" {
		others = `"check":"` + f.Check + `"`
	}
	all, err := storiesOf(events, func(finding []byte) bool { return strings.Contains(string(finding), others) })
	if err != nil {
		return err
	}
	for _, o := range slices.Backward(all) {
		if o.Flag == f.Flag || o.Unit != f.Unit || len(ev.Earlier) == mostEarlier || rd != nil && !rd.Flag(p.registryOf(o.Indicator), unitsOf(o)) {
			continue
		}
		for _, s := range slices.Backward(o.Steps) {
			if s.By == "" || s.What == "judged" {
				continue
			}
			l := earlierLine{Flag: o.Flag, Check: o.Check, Period: p.words.t("flag.several"), Said: p.words.or("step.", s.What), By: s.By, Cause: s.Cause, Note: s.Note, On: s.At}
			if !o.Period.IsZero() && len(o.Guards) > 0 {
				l.Period = p.words.period(o.Guards[0].Granularity, o.Period)
			}
			ev.Earlier = append(ev.Earlier, l)
			break
		}
	}
	return nil
}

// unitsOf are the units that a flag is about.
func unitsOf(f *story) []string {
	units := []string{f.Unit}
	for _, g := range f.Guards {
		units = append(units, g.Unit)
	}
	slices.Sort(units)
	return slices.Compact(units)
}

// before is the accepted delivery of the feed before d; nil: d is the first.
func before(s *run.State, d *run.Delivery) *run.Delivery {
	var last *run.Delivery
	for _, o := range s.Deliveries() {
		if o == d {
			break
		}
		if o.Feed == d.Feed && o.Accepted != nil && o.Retracts == nil && o.Retracted == nil {
			last = o
		}
	}
	return last
}

// compared says what two deliveries of a feed were.
func (p *Portal) compared(d, was *run.Delivery) exportChange {
	out := exportChange{Feed: d.Feed, File: d.Name, Path: "/deliveries/" + d.Delivery}
	old := &event.DeliveryAccepted{}
	if was != nil {
		out.Before, out.BeforePath, old = was.Name, "/deliveries/"+was.Delivery, was.Accepted
	}
	now := d.Accepted
	add := func(key, before, is string) {
		if before == "" && is == "" {
			return
		}
		if was == nil {
			before = ""
		}
		out.Facts = append(out.Facts, exportFact{p.words.t(key), cmp.Or(before, "–"), cmp.Or(is, "–"), was != nil && before != is})
	}
	count := func(key string, before, is int64) { add(key, p.words.whole(before), p.words.whole(is)) }
	add("col.asof", p.words.date(old.AsOf), p.words.date(now.AsOf))
	out.Facts[0].Changed = false // it always does
	count("col.lines", old.Lines, now.Lines)
	count("delivery.observations", old.Observed, now.Observed)
	count("col.rejected", old.Rejected, now.Rejected)
	count("col.parked", old.Parked, now.Parked)
	add("export.encoding", old.Form.Encoding, now.Form.Encoding)
	add("export.line_end", old.Form.LineEnd, now.Form.LineEnd)
	columns := func(f event.Form) string { return strings.Join(f.Columns, ", ") }
	add("export.columns", columns(old.Form), columns(now.Form))
	add("export.dates", pairs(old.Form.Dates), pairs(now.Form.Dates))
	add("export.decimals", pairs(old.Form.Decimals), pairs(now.Form.Decimals))
	add("export.catalog", short(old.Catalog), short(now.Catalog))
	return out
}

// pairs are a map in the order of its keys.
func pairs(m map[string]string) string {
	var out []string
	for k, v := range m {
		out = append(out, k+": "+strings.ReplaceAll(v, " to ", "–"))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// band draws what was observed beside what an acceptance would cover: position
// and shape say it, and the words beside it.
func (p *Portal) band(f *story) template.HTML {
	lo, hi := min(f.Low, f.High, f.Observed, f.Expected), max(f.Low, f.High, f.Observed, f.Expected)
	if math.IsNaN(lo) || math.IsInf(lo, 0) || math.IsNaN(hi) || math.IsInf(hi, 0) || hi <= lo {
		return ""
	}
	const width, pad = 320.0, 10.0
	x := func(v float64) string { return fmt.Sprintf("%.1f", pad+(width-2*pad)*(v-lo)/(hi-lo)) }
	wide := fmt.Sprintf("%.1f", (width-2*pad)*(f.High-f.Low)/(hi-lo))
	label := template.HTMLEscapeString(p.words.t("flag.band.label", p.words.figures(f.Observed), p.words.figures(f.Expected), p.words.figures(f.Low), p.words.figures(f.High)))
	return template.HTML(`<svg class="band" viewBox="0 0 320 30" width="320" height="30" role="img" aria-label="` + label + `"><title>` + label + `</title>` + //nolint:gosec // numbers, and escaped words
		`<rect x="` + x(f.Low) + `" y="9" width="` + wide + `" height="12" fill="currentColor" fill-opacity="0.18" stroke="currentColor"/>` +
		`<path d="M` + x(f.Expected) + ` 4V26" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2"/>` +
		`<circle cx="` + x(f.Observed) + `" cy="15" r="6" fill="currentColor"/></svg>`)
}
