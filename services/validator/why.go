package validator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/run"
	"larstrom/pipeline/spc"
)

// Question asks what was visible of a point, and why.
type Question struct {
	Indicator, Unit string
	// Version, Granularity and Stratum choose among several; nil or empty: any.
	Version, Granularity string
	Stratum              *string
	Period               catalog.Date
	// At is the instant as of which it is asked; zero: now.
	At time.Time
}

// Answer is what was visible of one cell.
type Answer struct {
	Indicator   string       `json:"indicator"`
	Unit        string       `json:"unit"`
	Version     string       `json:"indicator_version"`
	Granularity string       `json:"granularity"`
	Stratum     string       `json:"stratum,omitempty"`
	Period      catalog.Date `json:"period"`
	// Publication showed it; 0: there was none yet.
	Publication int          `json:"publication"`
	PublishedAt time.Time    `json:"published_at"`
	AsOf        catalog.Date `json:"as_of"`
	Catalog     string       `json:"catalog"`
	// State is that of the point, as in the released views; Visible says whether
	// a value was shown.
	State   string `json:"state"`
	Visible bool   `json:"visible"`
	// Hidden says why nothing is there at all: not_introduced, or above_one for a
	// share that no chart can hold.
	Hidden string `json:"hidden,omitempty"`
	// Shown is the fingerprint of the version that was shown, Delivered that
	// of the newest delivered one; empty: none.
	Shown     string `json:"shown,omitempty"`
	Delivered string `json:"delivered,omitempty"`
	// Numerator and Denominator of the shown version, where it has them.
	Numerator   *float64 `json:"numerator,omitempty"`
	Denominator *float64 `json:"denominator,omitempty"`
	// Correction is what the shown version rests on, if it is one.
	Correction *Corrected `json:"correction,omitempty"`
	// Flags that question the cell, or are a remark about what is shown.
	Flags []Reason `json:"flags,omitempty"`
	// Released is the run of the release that the publication rests on.
	Released string `json:"released,omitempty"`
}

// Corrected says who corrected a cell, when and why.
type Corrected struct {
	Decision  string        `json:"decision"`
	Flag      string        `json:"flag"`
	By        string        `json:"by"`
	Confirmed string        `json:"confirmed"`
	On        catalog.Date  `json:"on"`
	Cause     string        `json:"cause"`
	Evidence  string        `json:"evidence"`
	Base      string        `json:"base"`
	Old       event.Content `json:"old"`
	New       event.Content `json:"new"`
}

// Reason is a flag with its part in the answer.
type Reason struct {
	Flag     string         `json:"flag"`
	Check    string         `json:"check"`
	Severity event.Severity `json:"severity"`
	Text     string         `json:"text"`
	// Part is holds or withdrew for what keeps the cell back, else the kind of
	// the remark: note, covered, accepted, waived or corrected.
	Part      string               `json:"part"`
	Decisions []event.DecisionMade `json:"decisions,omitempty"`
}

// Why says what was visible of a point at an instant, from a replay of the
// LEDGER up to there: the publication that stood then, the gate as it was when
// that was made, and what people had decided.
func (s *Service) Why(ctx context.Context, who gate.Actor, q Question) ([]Answer, error) {
	ind, ok := s.index.Indicator(q.Indicator)
	if !ok {
		return nil, fmt.Errorf("%w: the catalog has no indicator %q", gate.ErrInvalid, q.Indicator)
	}
	if err := gate.ReadsCell(who, ind.Registry, q.Unit); err != nil {
		return nil, err
	}
	var then run.State
	for e, err := range s.cfg.Log.Events(ctx, 1) {
		if err != nil {
			return nil, err
		}
		if !q.At.IsZero() && e.Time.After(q.At) {
			break
		}
		if err := then.Apply(e); err != nil {
			return nil, err
		}
	}
	p := then.Publication
	if p == nil {
		return []Answer{}, nil
	}
	r := then.Run(p.Run)
	cells, err := s.table(ctx, q.Indicator, then.Rev(r))
	if err != nil {
		return nil, err
	}
	events := then.GateEvents(q.Indicator)
	if at := slices.IndexFunc(events, func(e event.Event) bool { return e.Sequence > p.Through }); at >= 0 {
		events = events[:at]
	}
	g, err := gate.FoldTable(cells, events)
	if err != nil {
		return nil, err
	}
	var reach catalog.Date
	for i := range s.cfg.Catalog.Feeds {
		if f := &s.cfg.Catalog.Feeds[i]; brings(f, ind) {
			if as := then.AsOf(f.ID, r); reach.Before(as) {
				reach = as
			}
		}
	}
	out := []Answer{}
	shown := map[cell.Key]publication.Cell{}
	for _, c := range publication.Visible(g, cells, ind, s.cfg.Catalog.Units, reach) {
		shown[c.Key] = c
	}
	for k, v := range g.Views {
		if k.Unit != q.Unit || k.PeriodStart != q.Period.Days() || q.Version != "" && q.Version != k.Version ||
			q.Granularity != "" && q.Granularity != k.Granularity || q.Stratum != nil && *q.Stratum != k.Stratum {
			continue
		}
		a := Answer{Indicator: q.Indicator, Unit: k.Unit, Version: k.Version, Granularity: k.Granularity, Stratum: k.Stratum, Period: q.Period,
			Publication: p.Publication, PublishedAt: then.PublishedAt, AsOf: p.AsOf, Catalog: p.Catalog}
		explain(&a, g, k, v)
		conceal(&a, g, who, ind.Registry)
		c, visible := shown[k]
		if !visible {
			a.State, a.Hidden = spc.StateNotApplicable.String(), "not_introduced"
		} else {
			var state spc.State
			state, a.Visible = publication.StateOf(ind, c, reach)
			a.State = state.String()
			if v.State == gate.Released && state == spc.StateHeldEmpty {
				a.Hidden = "above_one" // released by a waiver of old, and nothing that a chart can hold
			}
		}
		if a.Visible {
			a.Shown = c.Fingerprint.String()
			n, d := c.Content.Numerator.Float(cell.Micro), c.Content.Denominator.Float(cell.Micro)
			a.Numerator, a.Denominator = &n, &d
		}
		out = append(out, a)
	}
	return out, nil
}

// explain adds what the gate knows of a cell.
func explain(a *Answer, g *gate.State, k cell.Key, v gate.View) {
	if !v.Current.Fingerprint.IsZero() {
		a.Delivered = v.Current.Fingerprint.String()
	}
	if last, ok := g.LastRelease(); ok {
		a.Released = last.Run
	}
	if c, ok := g.Correction(k, v.Shown.Fingerprint); v.Shown.Corrected && ok {
		a.Correction = &Corrected{Decision: c.Decision, Flag: c.Flag, By: c.By, Confirmed: c.Confirmed, On: c.On, Cause: c.Cause,
			Evidence: c.Evidence, Base: c.Base.String(), Old: c.Old, New: c.New}
	}
	add := func(id, part string) {
		if f, ok := g.Flag(id); ok {
			a.Flags = append(a.Flags, Reason{Flag: id, Check: f.Check, Severity: f.Severity, Text: f.Text, Part: part, Decisions: f.Decisions})
		}
	}
	for _, id := range v.Flags {
		part := "holds"
		if f, ok := g.Flag(id); ok && f.Status == gate.Rejected {
			part = "withdrew"
		}
		add(id, part)
	}
	for _, n := range v.Footnotes {
		add(n.Flag, n.Kind)
	}
}
