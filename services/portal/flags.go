package portal

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
)

type flagsBody struct {
	Rows   []flagLine
	Groups []heldGroup
	Filter flagFilter
	Chosen bool // a filter is set
	Units  []crumb
	Inds   []crumb
	// Versions of the flags that are listed, where several can be decided.
	Versions map[string]int
	Several  several
	Tasks    *tasksBody
	pager
}

// flagLine is a flag in a list.
type flagLine struct {
	flagKey
	// Text is the finding in English, Why what it means in the reader's words.
	Text, Why, IndicatorName, UnitName, Periods string
	Night                                       catalog.Date
}

// names are what the catalog of the publication calls things.
type names struct {
	units      map[string]string
	indicators map[string]indicatorRow
}

func (n names) unit(id string) string {
	if s := n.units[id]; s != "" {
		return s
	}
	return id
}

func (n names) indicator(id string) string {
	if s := n.indicators[id].Name; s != "" {
		return s
	}
	return id
}

func (p *Portal) flags(r *http.Request) (*view, error) {
	ctx, q := r.Context(), r.URL.Query()
	b := &flagsBody{Several: p.severalOf(r), Filter: flagFilter{Severity: q.Get("severity"), Check: q.Get("check"), Indicator: q.Get("indicator"), Unit: q.Get("unit")}}
	b.Chosen = b.Filter != flagFilter{}
	pub, err := p.consistent(ctx, func(rd *reading) error {
		c, err := rd.names(ctx)
		if err != nil {
			return err
		}
		b.Tasks = p.tasksOf(r, c)
		keys, err := p.openFlagKeys(ctx)
		if err != nil {
			return err
		}
		keys = p.readable(ctx, keys)
		b.choices(keys, c, p.reader(ctx) == nil)
		keys = slices.DeleteFunc(keys, func(k flagKey) bool { return !b.Filter.wants(k) })
		sortFlags(keys, c)
		b.Groups = p.groupsOf(keys)
		pg, offset := pageOf(r, len(keys))
		b.pager = pg
		keys = keys[offset:pg.Last]
		ids := make([]string, len(keys))
		for i, k := range keys {
			ids[i] = k.Flag
		}
		texts, err := p.flagTexts(ctx, ids)
		if err != nil {
			return err
		}
		if b.Several.Person != "" {
			if b.Versions, err = p.versionsOf(ctx, keys); err != nil {
				return err
			}
		}
		b.Rows = nil
		for _, k := range keys {
			b.Rows = append(b.Rows, p.flagLine(k, texts[k.Flag], c))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	v := &view{Title: p.words.t("nav.flags"), Section: "flags", Crumbs: p.crumbs(), Publication: pub}
	if pub != nil {
		v.Body = b
	}
	return v, nil
}

// choices are the indicators and units of which a flag is open, by name, and
// those that were asked for: by name where who asks may read everything, or the
// answer would tell what there is.
func (b *flagsBody) choices(keys []flagKey, c *called, everything bool) {
	units, inds := map[string]bool{b.Filter.Unit: everything}, map[string]bool{b.Filter.Indicator: everything}
	for _, k := range keys {
		units[k.Unit], inds[k.Indicator] = true, true
	}
	b.Units, b.Inds = nil, nil
	for _, u := range c.units {
		if units[u.ID] {
			b.Units = append(b.Units, crumb{u.ID, u.Name})
		}
	}
	for _, i := range c.indicators {
		if inds[i.ID] {
			b.Inds = append(b.Inds, crumb{i.ID, i.Name})
		}
	}
	if id := b.Filter.Unit; id != "" && !units[id] {
		b.Units = append(b.Units, crumb{id, id})
	}
	if id := b.Filter.Indicator; id != "" && !inds[id] {
		b.Inds = append(b.Inds, crumb{id, id})
	}
}

// sortFlags puts the gravest first, then those of the newest night, then goes
// by the indicator's name.
func sortFlags(keys []flagKey, c *called) {
	slices.SortFunc(keys, func(a, b flagKey) int {
		return cmp.Or(cmp.Compare(gravity(a.Severity), gravity(b.Severity)), c.nights[b.Run].Compare(c.nights[a.Run]),
			strings.Compare(c.indicator(a.Indicator), c.indicator(b.Indicator)), strings.Compare(a.Indicator, b.Indicator),
			strings.Compare(a.Unit, b.Unit), strings.Compare(a.Stratum, b.Stratum), a.Period.Compare(b.Period), strings.Compare(a.Flag, b.Flag))
	})
}

// groupsOf counts flags that are in their order.
func (p *Portal) groupsOf(keys []flagKey) []heldGroup {
	var out []heldGroup
	units := map[string]bool{}
	for _, k := range keys {
		at := slices.IndexFunc(out, func(g heldGroup) bool { return g.Severity == k.Severity && g.Check == k.Check })
		if at < 0 {
			at = len(out)
			out = append(out, heldGroup{flagGroup{Severity: k.Severity, Check: k.Check}, p.whyOf(k.Check)})
		}
		out[at].Flags++
		out[at].Cells += uint64(k.Cells)
		if id := k.Severity + "/" + k.Check + "/" + k.Unit; k.Unit != "" && !units[id] {
			units[id] = true
			out[at].Units++
		}
	}
	slices.SortStableFunc(out, func(a, b heldGroup) int {
		return cmp.Or(cmp.Compare(gravity(a.Severity), gravity(b.Severity)), strings.Compare(a.Check, b.Check))
	})
	return out
}

func (p *Portal) flagLine(k flagKey, t flagText, c *called) flagLine {
	l := flagLine{flagKey: k, Text: t.Text, Why: p.whyOf(k.Check), IndicatorName: c.indicator(k.Indicator), UnitName: p.words.t("flag.all_units"),
		Periods: p.words.t("flag.several"), Night: c.nights[k.Run]}
	if k.Unit != "" {
		l.UnitName = c.unit(k.Unit)
	}
	if k.Period.Unix() != 0 {
		l.Periods = p.words.period(t.Granularity, day(k.Period))
	}
	return l
}

// flagBody is one flag as the LEDGER tells it now.
type flagBody struct {
	*story
	Why                     string
	IndicatorName, UnitName string
	Periods                 string
	Night                   catalog.Date
	Observed, Expected      string
	Cells                   []flaggedCell
	Further                 int
	Commands                []command
	Steps                   []stepLine
	ChartPath               string
	Panel                   panel
	Evidence                *evidence
}

// flaggedCell is a cell that a flag guards.
type flaggedCell struct {
	Unit, UnitName, Granularity, Stratum, Version, Fingerprint string
	Period                                                     catalog.Date
	Path                                                       string
}

// command is a line to type, and what it does.
type command struct{ Line, What string }

type stepLine struct {
	step
	Text string
}

// mostCells is how many guarded cells a page names.
const mostCells = 60

func (p *Portal) flag(r *http.Request) (*view, error) {
	ctx := r.Context()
	f, err := p.storyOf(ctx, r.PathValue("flag"))
	if err != nil {
		return nil, err
	}
	if person, ok := p.person(r); ok && p.cfg.Pages.Viewings != nil {
		if err := p.cfg.Pages.Viewings.See(ctx, person, f.Flag); err != nil {
			return nil, err
		}
	}
	b := &flagBody{story: f, Why: p.whyOf(f.Check), Night: f.AsOf, Periods: p.words.t("flag.several"),
		Observed: p.words.figures(f.Observed), Expected: p.words.figures(f.Expected)}
	c := &called{}
	var ev *evidence
	var queue []string
	pub, err := p.consistent(ctx, func(rd *reading) (err error) {
		if c, err = rd.names(ctx); err != nil {
			return err
		}
		if p.cfg.Pages.Desk != nil {
			if queue, err = p.queueOf(ctx, c); err != nil {
				return err
			}
		}
		ev, err = p.evidenceOf(ctx, f, c)
		return err
	})
	if err != nil {
		return nil, err
	}
	b.Evidence = ev
	b.IndicatorName, b.UnitName = c.indicator(f.Indicator), p.words.t("flag.all_units")
	if f.Unit != "" {
		b.UnitName = c.unit(f.Unit)
	}
	if !f.Period.IsZero() {
		granularity := ""
		if len(f.Guards) > 0 {
			granularity = f.Guards[0].Granularity
		}
		b.Periods = p.words.period(granularity, f.Period)
	}
	for i, g := range f.Guards {
		if i == mostCells {
			b.Further = len(f.Guards) - i
			break
		}
		key := seriesID{g.Version, g.Granularity, g.Stratum}
		b.Cells = append(b.Cells, flaggedCell{g.Unit, c.unit(g.Unit), g.Granularity, g.Stratum, g.Version, g.Fingerprint.String(), g.Period,
			pointPath(g.Unit, f.Indicator, key, g.Period)})
	}
	if f.Unit != "" && len(f.Guards) > 0 {
		g := f.Guards[0]
		b.ChartPath = chartPath(f.Unit, f.Indicator, seriesID{g.Version, g.Granularity, g.Stratum})
	}
	if b.Panel = p.panelOf(r, f, queue); !b.Panel.On {
		b.Commands = p.commands(f)
	}
	for _, s := range f.Steps {
		b.Steps = append(b.Steps, stepLine{s, p.words.t("step." + s.What)})
	}
	return &view{Title: p.words.t("flag.title", f.Check, b.UnitName), Section: "flags", Publication: pub,
		Crumbs: p.crumbs(crumb{"/flags", p.words.t("nav.flags")}), Body: b}, nil
}

// storyOf is the flag of that id.
func (p *Portal) storyOf(ctx context.Context, flag string) (f *story, err error) {
	var events []event.Event
	if err := p.ledger(ctx, func(s *run.State) error {
		indicator := s.IndicatorOf(flag)
		if indicator == "" {
			return errMissing
		}
		events = s.GateEvents(indicator) // only ever appended to
		return nil
	}); err != nil {
		return nil, err
	}
	all, err := storiesOf(events, func(finding []byte) bool { return bytes.Contains(finding, []byte(flag)) })
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Flag == flag {
			return s, nil
		}
	}
	return nil, errMissing
}

// commands are what decides an open flag, ready to be completed: USER and the
// words in capitals are the reader's.
func (p *Portal) commands(f *story) []command {
	if !f.Open() {
		return nil
	}
	line := func(kind, rest string) string {
		return "larstrom flags decide " + quoted(f.Flag) + " " + kind + " --data " + p.data() + " --as USER" + rest
	}
	const cause, note, evidence, right = " --cause CAUSE", ` --note "TEXT"`, ` --evidence "TEXT"`, " --numerator N --denominator N"
	var out []command
	add := func(what, line string) { out = append(out, command{line, p.words.t("command." + what)}) }
	switch f.Severity {
	case event.Block:
		if len(f.Proposals) > 0 {
			add("confirm", line("confirm", ""))
		}
		add("correct", line("correct", cause+evidence+right))
		add("waive", line("waive", cause+note))
		add("reject", line("reject", cause+note))
	case event.Hold, event.Note:
		if len(f.Proposals) > 0 {
			add("confirm", line("confirm", ""))
		}
		add("accept", line("accept", cause+note))
		add("reject", line("reject", cause+note))
		add("correct", line("correct", cause+evidence+right))
		add("snooze", line("snooze", " --until DATE"))
	}
	add("comment", line("comment", note))
	return out
}

// Causes are the causes that a decision may name.
func (flagBody) Causes() []string { return gate.Causes() }

// quoted is a word as a shell takes it.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func chartPath(unit, indicator string, k seriesID) string {
	return "/units/" + url.PathEscape(unit) + "/" + url.PathEscape(indicator) + k.query()
}

func pointPath(unit, indicator string, k seriesID, period catalog.Date) string {
	return "/units/" + url.PathEscape(unit) + "/" + url.PathEscape(indicator) + "/" + period.String() + k.query()
}

func none(v float64) bool { return math.IsNaN(v) }

func day(t time.Time) catalog.Date { return catalog.DateOf(t.UTC()) }

// Severities are those that a flag may have, gravest first.
func (flagsBody) Severities() []string { return severities() }
