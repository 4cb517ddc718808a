package portal

import (
	"net/http"
	"net/url"
	"slices"

	"larstrom/pipeline/catalog"
)

// unitNode is a unit in the hierarchy.
type unitNode struct {
	unitRow
	Indicators, Held uint64
	Charted          bool
	SuccessorName    string
	Below            []*unitNode
}

type unitsBody struct {
	Top     []*unitNode
	Charted int
}

func (p *Portal) units(r *http.Request) (*view, error) {
	ctx := r.Context()
	var b *unitsBody
	pub, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		counts, err := p.chartedUnits(ctx, p.reader(ctx))
		if err != nil {
			return err
		}
		units, counts := p.readableUnits(ctx, c.units, counts)
		b = treeOf(p.words, units, counts)
		return nil
	})
	if err != nil {
		return nil, err
	}
	v := &view{Title: p.words.t("nav.units"), Section: "units", Crumbs: p.crumbs(), Publication: pub}
	if pub != nil {
		v.Body = b
	}
	return v, nil
}

// treeOf places every unit under its parent, by name. What names a parent that
// is not there, or itself above itself, stands at the top.
func treeOf(w *words, units []unitRow, counts []charted) *unitsBody {
	b, nodes := &unitsBody{}, map[string]*unitNode{}
	for _, u := range units {
		nodes[u.ID] = &unitNode{unitRow: u}
	}
	for _, c := range counts {
		n := nodes[c.ID]
		if n == nil { // delivered under an earlier catalog
			n = &unitNode{unitRow: unitRow{ID: c.ID, Name: c.ID}}
			nodes[c.ID] = n
		}
		n.Indicators, n.Held, n.Charted = c.Others, c.Held, true
		b.Charted++
	}
	for _, n := range nodes {
		n.SuccessorName = n.Successor
		if s := nodes[n.Successor]; s != nil {
			n.SuccessorName = s.Name
		}
		parent := nodes[n.Parent]
		for up, steps := parent, 0; up != nil && parent != nil; up, steps = nodes[up.Parent], steps+1 {
			if up == n || steps > len(nodes) {
				parent = nil
			}
		}
		if parent == nil {
			b.Top = append(b.Top, n)
		} else {
			parent.Below = append(parent.Below, n)
		}
	}
	sortNodes(w, b.Top)
	return b
}

func sortNodes(w *words, all []*unitNode) {
	byName(w, all, func(n *unitNode) (string, string) { return n.Name, n.ID })
	for _, n := range all {
		sortNodes(w, n.Below)
	}
}

// unitBody is one unit with a small chart for each indicator.
type unitBody struct {
	unitRow
	ParentName, SuccessorName string
	Below                     []crumb
	Cards                     []card
	Earlier                   []crumb // series of versions that have ended
	Flags                     int
	Notes                     []annotationRow
	Affirmation               affirmation
}

type card struct {
	Title, Note, Path, ID string
	verdict
	drawing
}

func (p *Portal) unit(r *http.Request) (*view, error) {
	ctx, id := r.Context(), r.PathValue("unit")
	var b *unitBody
	found := true
	pub, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		points, err := p.pointsOfUnit(ctx, id)
		if err != nil {
			return err
		}
		points = p.readableSeries(ctx, id, points)
		at := slices.IndexFunc(c.units, func(u unitRow) bool { return u.ID == id })
		if found = at >= 0 || len(points) > 0; !found {
			return nil
		}
		b = &unitBody{unitRow: unitRow{ID: id, Name: id}}
		if at >= 0 {
			b.unitRow = c.units[at]
		}
		if b.Parent != "" {
			b.ParentName = c.unit(b.Parent)
		}
		if b.Successor != "" {
			b.SuccessorName = c.unit(b.Successor)
		}
		for _, u := range c.units {
			if u.Parent == id {
				b.Below = append(b.Below, crumb{"/units/" + url.PathEscape(u.ID), u.Name})
			}
		}
		keys, err := p.openFlagKeys(ctx)
		if err != nil {
			return err
		}
		for _, k := range p.readable(ctx, keys) {
			if k.Unit == id {
				b.Flags++
			}
		}
		b.Notes = b.unsaid(c.events[id])
		p.cards(b, seriesOf(points), slices.Clone(c.indicators))
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case pub == nil:
		return &view{Section: "units"}, errMissing
	case !found:
		return &view{Section: "units", Publication: pub}, errMissing
	}
	if b.Affirmation, err = p.affirmationOf(r, id, pub); err != nil {
		return nil, err
	}
	return &view{Title: b.Name, Section: "units", Publication: pub, Crumbs: p.crumbs(crumb{"/units", p.words.t("nav.units")}), Body: b}, nil
}

// unsaid are the events that the unit's own dates and successor do not tell.
func (b *unitBody) unsaid(all []annotationRow) []annotationRow {
	return slices.DeleteFunc(slices.Clone(all), func(n annotationRow) bool {
		return !b.Ended().IsZero() && (n.Kind == "unit_to" || n.Kind == "successor" && b.Successor != "" && n.At.Equal(*b.To))
	})
}

// cards draws the newest series of every indicator and stratum, by the
// indicators' names; series of versions that were ended by a newer one are
// named only.
func (p *Portal) cards(b *unitBody, all []series, inds []indicatorRow) {
	of := map[string][]series{}
	for _, s := range all {
		of[s.Indicator] = append(of[s.Indicator], s)
	}
	for id := range of { // delivered under an earlier catalog
		if !slices.ContainsFunc(inds, func(i indicatorRow) bool { return i.ID == id }) {
			inds = append(inds, indicatorRow{ID: id, Name: id, Multiplier: 1})
		}
	}
	byName(p.words, inds, func(i indicatorRow) (string, string) { return i.Name, i.ID })
	for _, i := range inds {
		list := of[i.ID]
		newestFirst(list)
		for _, s := range list {
			path := chartPath(b.ID, i.ID, s.seriesID)
			note := ""
			if s.Stratum != "" {
				note = p.stratum(s.Stratum)
			}
			if s.Version != list[0].Version {
				b.Earlier = append(b.Earlier, crumb{path, i.Name + " · " + p.words.t("version", s.Version) + " " + note})
				continue
			}
			m := p.words.measureOf(i, s.values())
			id := "c" + itoa(len(b.Cards)+1)
			b.Cards = append(b.Cards, card{i.Name, note, path, id, p.verdictOf(s, m), p.control(s.newest(smallPoints), i, i.Name+", "+b.Name, id, nil, true)})
		}
	}
}

// chartBody is the chart of one unit and indicator.
type chartBody struct {
	drawing
	verdict
	Unit, UnitName string
	Indicator      indicatorRow
	Granularity    string
	Picks          []pick
	Lines          []pointLine
	Phases         []phase
	Why            string
	Kind           string
	Target, Ref    string
	RefSource      string
	Per            string
	Notes          []annotationRow
	Measure        string
	SizeTitle      string
	Shown, All     int
	Fewer          bool   // all are shown of many
	Other          string // the page with all, or with fewer
}

// phase is a stretch of the chart with limits of its own.
type phase struct {
	Number                 uint16
	From, To               string
	Kind, Why              string
	BaselineFrom, Baseline string
	Centre                 string
}

// pointLine is one point in the table of a chart.
type pointLine struct {
	pointRow
	Path                          string
	Said, Size, Middle, Low, High string
	StateSaid                     string
	// Unaffirmed: nobody stands by it yet, and it is new.
	Unaffirmed bool
}

func (p *Portal) chart(r *http.Request) (*view, error) {
	ctx, unit, indicator := r.Context(), r.PathValue("unit"), r.PathValue("indicator")
	var b *chartBody
	pub, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		points, err := p.pointsOf(ctx, unit, indicator)
		if err != nil {
			return err
		}
		all := seriesOf(points)
		newestFirst(all)
		s, err := chosen(all, func(s series) seriesID { return s.seriesID }, r.URL.Query())
		if err != nil {
			return err
		}
		b = p.chartBody(s, all, c.names, c.events[unit], r.URL.Query().Has("all"))
		return p.unaffirmed(ctx, unit, b.Lines, day(rd.AsOf))
	})
	if err != nil {
		return &view{Section: "units", Publication: pub}, err
	}
	if pub == nil {
		return &view{Section: "units"}, errMissing
	}
	return &view{Title: b.Indicator.Name, Section: "units", Publication: pub, Body: b,
		Crumbs: p.crumbs(crumb{"/units", p.words.t("nav.units")}, crumb{"/units/" + url.PathEscape(unit), b.UnitName})}, nil
}

// chartBody shows a series, or where it is long and not asked for whole, its
// end. What is said of phases is said of all.
func (p *Portal) chartBody(s series, all []series, called names, notes []annotationRow, asked bool) *chartBody {
	ind := indicatorOf(called, s.Indicator)
	m := p.words.measureOf(ind, s.values())
	b := &chartBody{Unit: s.Unit, UnitName: called.unit(s.Unit), Indicator: ind, Granularity: s.Granularity,
		verdict: p.verdictOf(s, m), Per: m.per, Measure: m.title(), SizeTitle: p.denominator(ind)}
	b.phases(p, s, m)
	b.All, b.Shown = len(s.Points), len(s.Points)
	if long := b.All > wholePoints; long {
		k := s.seriesID.values()
		if b.Fewer = asked; !asked {
			s = s.newest(chartPoints)
			b.Shown = len(s.Points)
			k.Set("all", "1")
		}
		b.Other = "/units/" + url.PathEscape(s.Unit) + "/" + url.PathEscape(s.Indicator) + "?" + k.Encode()
	}
	b.drawing = p.control(s, ind, b.Indicator.Name+", "+b.UnitName, "chart", notes, false)
	var ids []seriesID
	for _, o := range all {
		ids = append(ids, o.seriesID)
	}
	b.Picks = p.picks(ids, s.seriesID, chartPath(s.Unit, s.Indicator, seriesID{}))
	for _, n := range notes {
		if !n.At.Before(s.Points[0].Start) && n.At.Before(s.end()) {
			b.Notes = append(b.Notes, n)
		}
	}
	for _, r := range slices.Backward(s.Points) {
		l := pointLine{pointRow: r, Path: pointPath(s.Unit, s.Indicator, s.seriesID, day(r.Start)), StateSaid: p.words.state(r.State),
			Said: "–", Size: p.size(r.N), Middle: m.bare(r.Centre), Low: m.bare(r.LCL), High: m.bare(r.UCL)}
		if drawnState(r.State) {
			l.Said = m.bare(r.Value)
		}
		b.Lines = append(b.Lines, l)
	}
	last := s.Points[len(s.Points)-1]
	b.Kind, b.Why = p.words.kindOfChart(last.Chart), p.words.why(last.Why)
	if !none(last.Target) {
		b.Target = m.say(last.Target)
	}
	if !none(last.Reference) {
		b.Ref, b.RefSource = m.say(last.Reference), last.RefSource
	}
	return b
}

// phases tells the stretches of a series.
func (b *chartBody) phases(p *Portal, s series, m measure) {
	for i, r := range s.Points {
		if i == 0 || r.Phase != s.Points[i-1].Phase {
			ph := phase{Number: r.Phase, From: p.words.period(s.Granularity, day(r.Start)), Kind: p.words.kindOfChart(r.Chart), Why: p.words.why(r.Why), Centre: m.say(r.Centre)}
			if r.BaselineFrom != nil && r.BaselineTo != nil {
				ph.Baseline = p.words.span(s.Granularity, day(*r.BaselineFrom), day(*r.BaselineTo))
			}
			b.Phases = append(b.Phases, ph)
		}
		b.Phases[len(b.Phases)-1].To = p.words.period(s.Granularity, day(r.Start))
	}
}

// size is a denominator: whole where it is.
func (p *Portal) size(n float64) string {
	if n == float64(int64(n)) {
		return p.words.num(n, 0)
	}
	return p.words.num(n, 1)
}

// indicatorOf is what the catalog says of it, or what its id says.
func indicatorOf(called names, id string) indicatorRow {
	if i, ok := called.indicators[id]; ok {
		return i
	}
	return indicatorRow{ID: id, Name: id, Multiplier: 1}
}

// ended is the last day of a unit, or zero.
func (u unitRow) Ended() catalog.Date {
	if u.To == nil {
		return catalog.Date{}
	}
	return day(*u.To).AddDays(-1)
}
