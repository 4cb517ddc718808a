package portal

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// export is one delivery as the pages tell it.
type export struct {
	ID, Feed, Registry, File string
	// AsOf is zero where nobody could tell.
	AsOf       catalog.Date
	ReceivedAt time.Time
	// State is accepted, rejected, reading or, of bytes that came again, repeated.
	State                           string
	Published                       bool
	Lines, Taken, Rejected, Parked  int64
	Observations, Deleted, Repeated int64
	Kind                            string // snapshot or delta
	From, To                        catalog.Date
	Rules                           []counted
	Problems                        []event.Problem
	// Findings changed no value: differences from the delivery before.
	Findings []event.Problem
	// Reason is why the bytes were taken: new, again or catalog.
	Reason string
	// Later is the delivery that read the same bytes again.
	Later string
	// Retracted is the word by which somebody withdrew it; Retracts is that word
	// where this is the withdrawal itself. nil: nobody did.
	Retracted, Retracts *event.DeliveryRetracted
	// Restated are the cells of closed periods that it changed.
	Restated int64
}

type counted struct {
	Rule  string
	Lines int64
}

// publishedRuns are the runs that a publication shows.
func publishedRuns(s *run.State) map[string]bool {
	out := map[string]bool{}
	for _, r := range s.Runs() {
		if r.Published {
			out[r.Run] = true
		}
	}
	return out
}

func exportOf(published map[string]bool, d *run.Delivery) export {
	e := export{ID: d.Delivery, Feed: d.Feed, Registry: d.Registry, File: d.Name, AsOf: d.AsOf, ReceivedAt: d.ReceivedAt,
		State: "reading", Reason: d.Reason, Later: d.Retried, Repeated: int64(d.Repeats),
		Retracted: d.Retracted, Retracts: d.Retracts}
	if d.Cells != nil {
		e.Restated = d.Cells.Restated
	}
	switch {
	case d.Accepted != nil:
		a := d.Accepted
		e.State, e.AsOf, e.Kind, e.From, e.To = "accepted", a.AsOf, a.Kind, a.From, a.To
		e.Lines, e.Rejected, e.Parked = a.Lines, a.Rejected, a.Parked
		e.Taken, e.Observations, e.Deleted = a.Lines-a.Rejected-a.Parked, a.Observed, a.Deleted
		for rule, n := range a.Rules {
			e.Rules = append(e.Rules, counted{rule, n})
		}
		slices.SortFunc(e.Rules, func(a, b counted) int { return cmp.Compare(a.Rule, b.Rule) })
		e.Published, e.Findings = published[d.Run], slices.Clone(a.Findings)
	case d.Rejected != nil:
		e.State, e.Problems = "rejected", slices.Clone(d.Rejected.Problems)
	}
	return e
}

// exportsOf are all deliveries that came, newest reception first.
func exportsOf(s *run.State) []export {
	all, published := s.Deliveries(), publishedRuns(s)
	out := make([]export, 0, len(all))
	for _, d := range slices.Backward(all) {
		if d.Retracts == nil {
			out = append(out, exportOf(published, d))
		}
	}
	return out
}

// nightOf is the newest as-of date of what came; where no date was read, that of
// the last reception in the zone. Zero: nothing came.
func nightOf(all []export, zone *time.Location) catalog.Date {
	var night, received catalog.Date
	for _, e := range all {
		if night.Before(e.AsOf) {
			night = e.AsOf
		}
		if d := catalog.DateOf(e.ReceivedAt.In(zone)); received.Before(d) {
			received = d
		}
	}
	if night.IsZero() {
		return received
	}
	return night
}

// ofNight are the deliveries of the night, and the refused ones without a
// date that came no earlier than the first of them.
func ofNight(all []export, night catalog.Date) []export {
	var first time.Time
	for _, e := range all {
		if e.AsOf == night && (first.IsZero() || e.ReceivedAt.Before(first)) {
			first = e.ReceivedAt
		}
	}
	var out []export
	for _, e := range all {
		if e.AsOf == night || e.AsOf.IsZero() && !e.ReceivedAt.Before(first) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b export) int { return cmp.Or(cmp.Compare(a.Feed, b.Feed), a.ReceivedAt.Compare(b.ReceivedAt)) })
	return out
}

// story is a flag with everything that was said of it.
type story struct {
	event.FlagRaised
	// Status is open, covered, accepted, rejected, waived, resolved or corrected.
	Status string
	// Version counts the events about the flag.
	Version int
	Steps   []step
	// Proposals await a second person.
	Proposals []event.DecisionProposed
	// Corrections were confirmed, whether or not they stand.
	Corrections []correction
	standing    string // the decision behind Status
	// Judgements were recorded since it was last opened, before their authors saw
	// what a decision would change.
	Judgements []event.FlagJudged
	// Assigned is to whom it is given; empty: to nobody.
	Assigned string
	// Attached is the evidence that people have added, oldest first.
	Attached []event.EvidenceAttached
	// Since is the run in which it was last opened.
	Since string
}

// correction is what a cell should have held, and who said so.
type correction struct {
	event.Correction
	By, Confirmed, Cause, Evidence string
	On                             catalog.Date
}

// step is one event about a flag.
type step struct {
	At time.Time
	// What is raised, covered, resolved, reopened, retired, assigned, unassigned,
	// attached, or the kind of a decision; that of a proposal follows proposed, confirmed or refused, and
	// withdrawn is of any.
	What             string
	By, Cause, Note  string
	To               string // to whom it was given
	Reason, Run      string
	Until            catalog.Date
	Low, High        float64
	Observed, Expect float64
}

// Open reports whether it awaits a decision or a better delivery.
func (s *story) Open() bool { return s.Status == "open" }

// Holds reports whether it keeps cells back.
func (s *story) Holds() bool {
	return s.Open() && (s.Severity == event.Hold || s.Severity == event.Block)
}

// Guarding is the fingerprint of the cell that the flag is about, if it is
// about it.
func (s *story) Guarding(c cellKey) (fingerprint string, ok bool) {
	for _, g := range s.Guards {
		if g.Unit == c.Unit && g.Version == c.Version && g.Granularity == c.Granularity && g.Stratum == c.Stratum && g.Period == c.Period {
			return g.Fingerprint.String(), true
		}
	}
	return "", false
}

// cellKey names a cell of an indicator.
type cellKey struct {
	Unit, Version, Granularity, Stratum string
	Period                              catalog.Date
}

// storiesOf folds the gate events of one indicator, in the order in which the
// flags were first raised. Only findings whose JSON may be about what is asked
// are decoded: one that guards a whole snapshot is large.
func storiesOf(events []event.Event, may func(finding []byte) bool) ([]*story, error) {
	var out []*story
	at := map[string]*story{}
	tell := func(e event.Event, flag string, s step, status string) {
		f := at[flag]
		if f == nil {
			return
		}
		s.At = e.Time
		f.Steps = append(f.Steps, s)
		f.Version++
		if status != "" {
			f.Status = status
		}
	}
	for _, e := range events {
		switch e.Type {
		case event.TypeFlagRaised:
			if !may(e.Data) {
				continue
			}
			b, err := event.Decode[event.FlagRaised](e)
			if err != nil {
				return nil, err
			}
			if at[b.Flag] == nil {
				at[b.Flag] = &story{}
				out = append(out, at[b.Flag])
			}
			what, status := "raised", "open"
			if b.Memory != "" {
				what, status = "covered", "covered"
			}
			if !at[b.Flag].Open() {
				at[b.Flag].Since = b.Run
			}
			at[b.Flag].FlagRaised = b
			at[b.Flag].Proposals, at[b.Flag].Judgements, at[b.Flag].standing = nil, nil, ""
			tell(e, b.Flag, step{What: what, Run: b.Run, Observed: b.Observed, Expect: b.Expected}, status)
		case event.TypeFlagResolved:
			b, err := event.Decode[event.FlagResolved](e)
			if err != nil {
				return nil, err
			}
			tell(e, b.Flag, step{What: "resolved", Reason: b.Reason, Run: b.Run}, "resolved")
		case event.TypeDecisionMade:
			b, err := event.Decode[event.DecisionMade](e)
			if err != nil {
				return nil, err
			}
			status := map[string]string{event.Accept: "accepted", event.RejectIt: "rejected"}[b.Kind]
			tell(e, b.Flag, step{What: b.Kind, By: b.By, Cause: b.Cause, Note: b.Note, Until: b.Until, Low: b.Low, High: b.High}, status)
			if f := at[b.Flag]; f != nil && status != "" {
				f.standing = b.Decision
			}
		case event.TypeDecisionProposed:
			b, err := event.Decode[event.DecisionProposed](e)
			if err != nil {
				return nil, err
			}
			tell(e, b.Flag, step{What: "proposed." + b.Kind, By: b.By, Cause: b.Cause, Note: joined(b.Note, b.Evidence), Until: b.Until}, "")
			if f := at[b.Flag]; f != nil {
				f.Proposals = append(f.Proposals, b)
			}
		case event.TypeDecisionConfirmed:
			b, err := event.Decode[event.DecisionConfirmed](e)
			if err != nil {
				return nil, err
			}
			if f := at[b.Flag]; f != nil {
				tell(e, b.Flag, step{What: "confirmed." + f.confirm(b), By: b.By}, f.Status)
			}
		case event.TypeDecisionRefused:
			b, err := event.Decode[event.DecisionRefused](e)
			if err != nil {
				return nil, err
			}
			tell(e, b.Flag, step{What: "refused", By: b.By, Note: b.Note}, "")
			if f := at[b.Flag]; f != nil {
				f.drop(b.Decision)
			}
		case event.TypeDecisionWithdrawn:
			b, err := event.Decode[event.DecisionWithdrawn](e)
			if err != nil {
				return nil, err
			}
			f, status := at[b.Flag], ""
			if f != nil && f.standing == b.Decision {
				status, f.standing = "open", ""
			} else if f != nil {
				f.drop(b.Decision)
			}
			tell(e, b.Flag, step{What: "withdrawn", By: b.By, Note: b.Note}, status)
		case event.TypeFlagReopened:
			b, err := event.Decode[event.FlagReopened](e)
			if err != nil {
				return nil, err
			}
			if f := at[b.Flag]; f != nil && !f.Open() {
				f.Since = b.Run
			}
			tell(e, b.Flag, step{What: "reopened", Reason: b.Reason, Run: b.Run}, "open")
			if f := at[b.Flag]; f != nil {
				f.standing, f.Judgements, f.Guards = "", nil, append(slices.Clone(f.Guards), b.Guards...)
			}
		case event.TypeFlagJudged:
			b, err := event.Decode[event.FlagJudged](e)
			if err != nil {
				return nil, err
			}
			if f := at[b.Flag]; f != nil { // it decides nothing: the version stays
				f.Judgements = append(f.Judgements, b)
				f.Steps = append(f.Steps, step{At: e.Time, What: "judged", By: b.By, Cause: b.Cause, Note: b.Evidence})
			}
		case event.TypeFlagAssigned:
			b, err := event.Decode[event.FlagAssigned](e)
			if err != nil {
				return nil, err
			}
			if f := at[b.Flag]; f != nil { // neither does this, nor evidence
				f.Assigned = b.To
				what := "assigned"
				if b.To == "" {
					what = "unassigned"
				}
				f.Steps = append(f.Steps, step{At: e.Time, What: what, By: b.By, To: b.To, Note: b.Note})
			}
		case event.TypeEvidenceAttached:
			b, err := event.Decode[event.EvidenceAttached](e)
			if err != nil {
				return nil, err
			}
			if f := at[b.Flag]; f != nil {
				f.Attached = append(f.Attached, b)
				f.Steps = append(f.Steps, step{At: e.Time, What: "attached", By: b.By, Note: joined(b.Text, b.Link)})
			}
		case event.TypeCorrectionRetired:
			b, err := event.Decode[event.CorrectionRetired](e)
			if err != nil {
				return nil, err
			}
			tell(e, b.Flag, step{What: "retired", Run: b.Run}, "resolved")
		}
	}
	return out, nil
}

// confirm carries out a confirmed proposal, and gives its kind.
func (s *story) confirm(b event.DecisionConfirmed) string {
	kind := event.Waive
	for _, p := range s.Proposals {
		if p.Decision != b.Decision {
			continue
		}
		kind = p.Kind
		for _, c := range p.Corrections {
			s.Corrections = append(s.Corrections, correction{c, p.By, b.By, p.Cause, p.Evidence, b.On})
		}
	}
	s.Status = map[string]string{event.Accept: "accepted", event.Correct: "corrected"}[kind]
	if s.Status == "" {
		s.Status = "waived"
	}
	s.Proposals, s.standing = nil, b.Decision
	return kind
}

// drop forgets a proposal that was refused or taken back.
func (s *story) drop(decision string) {
	s.Proposals = slices.DeleteFunc(slices.Clone(s.Proposals), func(p event.DecisionProposed) bool { return p.Decision == decision })
}

// joined are the texts that say something.
func joined(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}

// behind are the deliveries whose rows may be in a unit's period, by feed: the
// newest snapshot that covers it and the deltas after it, as of the last
// publication; and those that were there until somebody withdrew them. They are
// what the LEDGER knows; which rows of them are in a cell, the warehouse knows.
func behind(s *run.State, feeds []string, unit string, g catalog.Granularity, period catalog.Date) []export {
	return behindAt(s, lastPublished(s, ""), feeds, unit, g, period)
}

// lastPublished is the last run that was published, before the run of that name
// where one is named; nil for none.
func lastPublished(s *run.State, before string) *run.Run {
	var last *run.Run
	for _, r := range s.Runs() {
		if before != "" && r.Run == before {
			break
		}
		if r.Published {
			last = r
		}
	}
	return last
}

// behindAt is behind as of an earlier run; nothing where there was none.
func behindAt(s *run.State, last *run.Run, feeds []string, unit string, g catalog.Granularity, period catalog.Date) []export {
	if last == nil {
		return nil
	}
	var out []export
	published := publishedRuns(s)
	for _, feed := range feeds {
		e := s.EffectiveOf(feed, last, "")
		for _, d := range s.Deliveries() {
			if a := d.Accepted; d.Feed == feed && d.Retracted != nil && (a.Kind == "delta" || period.Within(a.From, a.To)) {
				out = append(out, exportOf(published, d))
			}
		}
		for _, held := range e.Of(g, unit) {
			if !period.Within(held.From, held.To) {
				continue
			}
			for i, d := range e.Deliveries {
				if i+1 == held.Base || !d.Snapshot && i+1 > held.Base {
					out = append(out, exportOf(published, s.Delivery(d.ID)))
				}
			}
		}
	}
	return out
}

// feedsOf are the feeds that may bring the indicator: those that name it, and
// those of its registry whose rows name their indicator themselves.
func feedsOf(c *catalog.Catalog, indicator string) []string {
	i, ok := c.Index().Indicator(indicator)
	if !ok {
		return nil
	}
	var out []string
	for _, f := range c.Feeds {
		brings := len(f.Measures) == 0 && f.Registry == i.Registry
		for _, m := range f.Measures {
			brings = brings || m.Indicator == indicator
		}
		if brings {
			out = append(out, f.ID)
		}
	}
	return out
}

// ledger reads the LEDGER with the time of a page.
func (p *Portal) ledger(ctx context.Context, fn func(*run.State) error) error {
	return p.cfg.Pages.Ledger.Read(ctx, fn)
}
