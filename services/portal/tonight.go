package portal

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// tonight is the first page: what came, what was rejected, what is held, what
// is late, what is published, and what to do.
type tonight struct {
	Night   catalog.Date
	Ago     string
	Silent  bool // nothing has come since the night, and it is not the last one
	Exports []export
	Files   int
	Refused []export
	Lines   int64
	Taken   int64
	Left    int64 // rejected and parked lines
	Rules   []ruleLine
	Waiting int // accepted and not yet published

	Holding []heldGroup
	Remarks []heldGroup
	// Questions hold data back, an incident being one.
	Questions uint64
	Previous  uint64 // cells that show an earlier version
	Empty     uint64 // cells that show nothing
	Unknown   bool   // nothing is published, so nobody knows

	Signals signalsBody

	Late []lateFeed
	// SilentFeeds are late by now, when the newest night is past.
	SilentFeeds int
	Awaited     int // feeds with a schedule

	Next []advice
	statusBody
}

// ruleLine is a rule and the lines of one delivery that broke it.
type ruleLine struct {
	Export  export
	Rule    string
	Lines   int64
	Meaning string
}

type heldGroup struct {
	flagGroup
	Why string
}

type lateFeed struct {
	Feed, Registry, Every string
	lateness
	// Refused says that a file came and was refused.
	Refused bool
}

// advice is something to do, with the page on which to do it.
type advice struct{ Text, Path, Link string }

func (p *Portal) today() catalog.Date {
	return catalog.DateOf(p.cfg.Pages.Clock().In(p.words.zone))
}

func (p *Portal) tonight(r *http.Request) (*view, error) {
	ctx := r.Context()
	var all []export
	if err := p.ledger(ctx, func(s *run.State) error { all = exportsOf(s); return nil }); err != nil {
		return nil, err
	}
	night := nightOf(all, p.words.zone)
	t := &tonight{Night: night, Exports: ofNight(all, night)}
	if !night.IsZero() {
		t.Ago = p.words.ago(night, p.today())
		t.Silent = night.AddDays(1).Before(p.today())
	}
	t.came(p.words)
	t.Late, t.Awaited = p.lateFeeds(all, night)
	if t.Silent {
		// Judged at the newest night nothing may be late, for ever.
		now, _ := p.lateFeeds(all, p.today())
		t.SilentFeeds = len(now)
	}
	pub, err := p.consistent(ctx, func(rd *reading) (err error) {
		if err := p.held(ctx, t); err != nil {
			return err
		}
		t.Signals, err = p.signals(ctx, rd)
		return err
	})
	if err != nil {
		return nil, err
	}
	t.Unknown = pub == nil
	t.Next = p.advise(t)
	t.statusBody = p.statusBody(ctx)
	v := &view{Title: p.words.t("nav.tonight"), Section: "tonight", Publication: pub, Body: t}
	if t.Failed {
		v.Status = http.StatusServiceUnavailable
	}
	return v, nil
}

// came adds up what came.
func (t *tonight) came(w *words) {
	for _, e := range t.Exports {
		t.Files++
		t.Lines, t.Taken, t.Left = t.Lines+e.Lines, t.Taken+e.Taken, t.Left+e.Rejected+e.Parked
		switch {
		case e.State == "rejected":
			t.Refused = append(t.Refused, e)
		case e.State == "accepted" && !e.Published:
			t.Waiting++
		}
		for _, c := range e.Rules {
			t.Rules = append(t.Rules, ruleLine{e, c.Rule, c.Lines, w.or("rule.", c.Rule)})
		}
	}
}

// held reads what is under question.
func (p *Portal) held(ctx context.Context, t *tonight) error {
	keys, err := p.openFlagKeys(ctx)
	if err != nil {
		return err
	}
	t.Holding, t.Remarks, t.Questions, t.Previous, t.Empty = nil, nil, questionsOf(keys), 0, 0
	for _, h := range p.groupsOf(keys) {
		if holds(h.Severity) {
			t.Holding = append(t.Holding, h)
		} else {
			t.Remarks = append(t.Remarks, h)
		}
	}
	states, err := p.cellStates(ctx)
	if err != nil {
		return err
	}
	for _, s := range states {
		switch s.State {
		case "held_previous":
			t.Previous = s.Cells
		case "held_empty":
			t.Empty = s.Cells
		}
	}
	return nil
}

func holds(severity string) bool {
	return severity == string(event.Block) || severity == string(event.Hold)
}

// lateFeeds are the feeds that should have come by the night, by name, and how
// many are awaited at all.
func (p *Portal) lateFeeds(all []export, night catalog.Date) (out []lateFeed, awaited int) {
	came, refused := map[string][]catalog.Date{}, map[string]bool{}
	for _, e := range all {
		switch e.State {
		case "rejected":
			refused[e.Feed] = refused[e.Feed] || e.AsOf == night || e.AsOf.IsZero()
		default:
			came[e.Feed] = append(came[e.Feed], e.AsOf)
		}
	}
	for _, f := range p.cfg.Pages.Catalog.Feeds {
		if f.Schedule.Every == "" {
			continue
		}
		awaited++
		zone := p.words.zone
		if f.TimeZone != "" {
			if z, err := time.LoadLocation(f.TimeZone); err == nil {
				zone = z
			}
		}
		if l, ok := late(f.Schedule, zone, came[f.ID], night, p.cfg.Pages.Clock()); ok {
			out = append(out, lateFeed{f.ID, f.Registry, f.Schedule.Every, l, refused[f.ID]})
		}
	}
	slices.SortFunc(out, func(a, b lateFeed) int { return cmp.Compare(a.Feed, b.Feed) })
	return out, awaited
}

// advise is what to do next, most urgent first; where there is nothing to do,
// what there is to see.
func (p *Portal) advise(t *tonight) []advice {
	w := p.words
	var out []advice
	add := func(path, link, text string) { out = append(out, advice{text, path, link}) }
	if t.Night.IsZero() {
		add("/help", w.t("nav.help"), w.t("next.empty"))
		return out
	}
	if t.Questions > 0 {
		add("/flags", w.t("next.flags.link"), w.count("next.flags", t.Questions))
	}
	if len(t.Refused) > 0 {
		add("/deliveries/"+t.Refused[0].ID, w.t("next.refused.link"), w.count("next.refused", len(t.Refused)))
	}
	if len(t.Rules) > 0 {
		add("/deliveries/"+t.Rules[0].Export.ID, w.t("next.lines.link"), w.count("next.lines", t.Left))
	}
	if len(t.Late) > 0 {
		add("#late", w.t("next.late.link"), w.count("next.late", len(t.Late)))
	}
	if t.Waiting > 0 {
		add("/status", w.t("nav.status"), w.count("next.waiting", t.Waiting))
	}
	if !t.Unknown {
		add("/units", w.t("nav.units"), w.t("next.charts"))
	}
	return out
}

// statusBody is the state of the machinery.
type statusBody struct {
	Of     string // region
	Facts  []Fact
	Failed bool
}

func (p *Portal) statusBody(ctx context.Context) statusBody {
	s, err := p.summary(ctx)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			p.cfg.Logger.Error("the status cannot be read", "error", err)
		}
		return statusBody{Failed: true}
	}
	return statusBody{Of: s.Region, Facts: s.Facts}
}

func (p *Portal) status(r *http.Request) (*view, error) {
	b := p.statusBody(r.Context())
	v := &view{Title: p.words.t("nav.status"), Body: b}
	if p.cfg.Pages != nil {
		v.Crumbs = p.crumbs()
	}
	if b.Failed {
		v.Status = http.StatusServiceUnavailable
	}
	return v, nil
}

// crumbs begin with the first page.
func (p *Portal) crumbs(more ...crumb) []crumb {
	return append([]crumb{{"/", p.words.t("nav.tonight")}}, more...)
}

func (p *Portal) nothing(*http.Request) (*view, error) { return nil, errMissing }
