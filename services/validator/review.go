package validator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/publication"
)

// Decided is what a decision led to.
type Decided struct {
	// Events that were appended; none when the command had been carried out
	// before.
	Events []event.Event
	// Seq is the LEDGER sequence that a publication must reach to show it.
	Seq uint64
}

// Order is a person's command about one flag.
type Order struct {
	gate.Command
	// Revisions are the new contents of a correction; they become its
	// Corrections.
	Revisions []Revision
}

// Revision says what the cells of a flag that it fits should have held. What is
// empty fits every cell, what is nil stays as it was delivered.
type Revision struct {
	Unit    string       `json:"unit,omitempty"`
	Version string       `json:"indicator_version,omitempty"`
	Stratum *string      `json:"stratum,omitempty"`
	Period  catalog.Date `json:"period"`

	Rows         *int64   `json:"rows,omitempty"`
	Numerator    *float64 `json:"numerator,omitempty"`
	Denominator  *float64 `json:"denominator,omitempty"`
	Expected     *float64 `json:"expected,omitempty"`
	ValueCount   *int64   `json:"value_count,omitempty"`
	Values       *float64 `json:"values,omitempty"`        // their sum
	ValueSquares *float64 `json:"value_squares,omitempty"` // sum of their squares
	Histogram    *string  `json:"histogram,omitempty"`
	Missing      *int64   `json:"missing,omitempty"`
}

func (r *Revision) fits(g event.Guard) bool {
	return (r.Unit == "" || r.Unit == g.Unit) && (r.Version == "" || r.Version == g.Version) &&
		(r.Stratum == nil || *r.Stratum == g.Stratum) && (r.Period.IsZero() || r.Period == g.Period)
}

// most that a number of a cell can be: beyond it micro-units are not exact.
const most = float64(1<<53) / cell.Micro

func (r *Revision) of(old event.Content) (event.Content, error) {
	out := old
	for _, n := range []struct {
		from *int64
		to   *int64
	}{{r.Rows, &out.Rows}, {r.ValueCount, &out.ValueCount}, {r.Missing, &out.Missing}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	if r.Histogram != nil {
		out.Histogram = *r.Histogram
	}
	for _, n := range []struct {
		from  *float64
		to    *cell.Fixed
		scale float64
	}{{r.Numerator, &out.Numerator, 1}, {r.Denominator, &out.Denominator, 1}, {r.Expected, &out.Expected, 1}, {r.Values, &out.Values, 1},
		{r.ValueSquares, &out.ValueSquares, cell.Micro}} {
		if n.from == nil {
			continue
		}
		if !(math.Abs(*n.from)*n.scale <= most) {
			return out, fmt.Errorf("%w: %v is no number that a cell can hold", gate.ErrCorrections, *n.from)
		}
		*n.to = cell.FixedOf(int64(math.Round(*n.from * n.scale * cell.Micro)))
	}
	return out, nil
}

// corrections turns revisions into the new content of every version that the
// flag guards and that is the newest of its cell, which must be lawful on the
// day on.
func (s *Service) corrections(g *gate.State, f gate.Flag, cells *cell.Table, revisions []Revision, on catalog.Date) ([]event.Correction, error) {
	ind, ok := s.index.Indicator(f.Indicator)
	if !ok {
		return nil, fmt.Errorf("%w: the catalog no longer has the indicator %s", gate.ErrCorrections, f.Indicator)
	}
	used := make([]bool, len(revisions))
	var out []event.Correction
	for _, guard := range g.Current(f.Flag) {
		at := -1
		for i := range revisions {
			if !revisions[i].fits(guard) {
				continue
			}
			if at >= 0 {
				return nil, fmt.Errorf("%w: two revisions are about unit %s, period %s; name unit, stratum, version or period", gate.ErrCorrections, guard.Unit, guard.Period)
			}
			at = i
		}
		if at < 0 {
			return nil, fmt.Errorf("%w: no revision is about unit %s, period %s, stratum %q, which flag %s guards", gate.ErrCorrections, guard.Unit, guard.Period, guard.Stratum, f.Flag)
		}
		used[at] = true
		k := guard.Key(s.cfg.Catalog.Region.Code, f.Indicator)
		_, row, end := cells.Find(k)
		for row < end && cells.Fingerprint(row) != guard.Fingerprint {
			row++
		}
		if row == end || cells.Tombstone(row) {
			return nil, fmt.Errorf("%w: %s was not delivered, and what was not delivered cannot be corrected; ask the source for it", gate.ErrCorrections, k)
		}
		c := event.Correction{Cell: guard, Old: event.ContentOf(cells.Content(row))}
		var err error
		if c.New, err = revisions[at].of(c.Old); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	for i, u := range used {
		if !u {
			return nil, fmt.Errorf("%w: revision %d is about no cell that flag %s guards", gate.ErrCorrections, i+1, f.Flag)
		}
	}
	return out, s.lawful(ind, out, on)
}

// Decide carries out a person's command: the decision and the release that
// follows from it are one atomic batch.
func (s *Service) Decide(ctx context.Context, who gate.Actor, o Order, on catalog.Date) (Decided, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := s.decide(ctx, who, []Order{o}, on)
	if err != nil {
		return Decided{}, err
	}
	return Decided{Events: out[0].Events, Seq: out[0].Seq}, out[0].Err
}

// MostAtOnce is how many flags one command may decide.
const MostAtOnce = 500

// Outcome is what became of one command of several.
type Outcome struct {
	Flag string
	Decided
	// Err says why it was refused.
	Err error
}

// Batch names the commands that a person gives at once: the same ones give the
// same name.
func Batch(who string, orders []Order, on catalog.Date) string {
	h := sha256.New()
	fmt.Fprintf(h, "batch %d:%s %s\n", len(who), who, on)
	for _, o := range orders {
		fmt.Fprintf(h, "%d:%s %s %d:%s %d:%s\n", len(o.Flag), o.Flag, o.Kind, len(o.Cause), o.Cause, len(o.Note), o.Note)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// DecideAll carries out commands about up to MostAtOnce flags, each by an event
// of its own, all with one batch id. What is refused is said for its flag alone
// and stops nothing. Only those who decide in bulk may name more than one flag.
func (s *Service) DecideAll(ctx context.Context, who gate.Actor, orders []Order, on catalog.Date) ([]Outcome, error) {
	if len(orders) == 0 || len(orders) > MostAtOnce {
		return nil, fmt.Errorf("%w: %d flags; decide between 1 and %d at once", gate.ErrInvalid, len(orders), MostAtOnce)
	}
	seen := map[string]bool{}
	for _, o := range orders {
		if seen[o.Flag] {
			return nil, fmt.Errorf("%w: flag %s is named twice", gate.ErrInvalid, o.Flag)
		}
		seen[o.Flag] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	orders = slices.Clone(orders)
	if len(orders) > 1 {
		batch := Batch(who.ID, orders, on)
		for i := range orders {
			orders[i].Batch = batch
		}
	}
	return s.decide(ctx, who, orders, on)
}

// decideAttempts is how often a decision is tried when another process writes
// to the same gate.
const decideAttempts = 5

// decide carries out commands, one indicator after the other.
func (s *Service) decide(ctx context.Context, who gate.Actor, orders []Order, on catalog.Date) ([]Outcome, error) {
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return nil, err
	}
	out := make([]Outcome, len(orders))
	byIndicator := map[string][]int{}
	var indicators []string
	for i, o := range orders {
		out[i].Flag = o.Flag
		if out[i].Err = s.plainOrder(o); out[i].Err != nil {
			continue
		}
		id := s.state.IndicatorOf(o.Flag)
		if id == "" {
			out[i].Err = unknown(o.Flag)
			continue
		}
		if byIndicator[id] == nil {
			indicators = append(indicators, id)
		}
		byIndicator[id] = append(byIndicator[id], i)
	}
	slices.Sort(indicators)
	for _, id := range indicators {
		var conflict *eventlog.WrongLastSequenceError
		for attempt := 1; ; attempt++ {
			err := s.decideOf(ctx, who, id, orders, byIndicator[id], out, on)
			if err == nil {
				break
			}
			// Somebody else has written to this gate: read it, and judge anew.
			if !errors.As(err, &conflict) || attempt == decideAttempts {
				return nil, err
			}
			if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func unknown(flag string) error {
	return fmt.Errorf("%w: %q; `larstrom flags list` shows the flags", ErrUnknownFlag, flag)
}

// decideOf carries out the commands at the places of one indicator.
func (s *Service) decideOf(ctx context.Context, who gate.Actor, indicator string, orders []Order, places []int, out []Outcome, on catalog.Date) error {
	fold := s.foldConcerned
	if superUser(who) && slices.ContainsFunc(places, func(i int) bool { return orders[i].Kind == event.Accept }) {
		fold = s.fold // what she moves is measured on all that is published
	}
	cells, g, err := fold(ctx, indicator)
	if err != nil {
		return err
	}
	before := s.state.GateSeq(indicator)
	var bodies []event.Body
	var cause string
	joint, err := s.together(indicator, cells, who, orders, places, on)
	if err != nil {
		return err
	}
	made := map[int]int{} // place → number of its bodies
	for _, i := range places {
		o := orders[i]
		out[i].Err = nil
		f, ok := g.Flag(o.Flag)
		if !ok {
			out[i].Err = unknown(o.Flag)
			continue
		}
		if len(places) > 1 || o.Batch != "" {
			if out[i].Err = g.Permitted(o.Flag, gate.Bulk, who); out[i].Err != nil {
				continue
			}
		}
		cmd, err := s.prepare(g, f, cells, who, o, joint, on)
		if err != nil {
			out[i].Err = err
			continue
		}
		these, err := g.Decide(cmd, who, on)
		if err != nil {
			out[i].Err = err
			continue
		}
		// The flag's version makes the cause of every command its own.
		own := fmt.Sprintf("command %s %s %d", who.ID, o.Flag, f.Version)
		if cause == "" {
			cause = own
		}
		for _, b := range these {
			e, err := event.New(event.GateSubject(s.cfg.Catalog.Region.Code, indicator), cause, b, s.cfg.Clock())
			if err != nil {
				return err
			}
			if err := g.Apply(e); err != nil {
				return err
			}
		}
		made[i] = len(these)
		bodies = append(bodies, these...)
	}
	if len(bodies) > 0 || cause != "" && s.unreleased(indicator) {
		// The gate has seen them: it says what follows, and the log is told all.
		if last, ok := g.LastRelease(); ok && (len(bodies) == 0 || slices.ContainsFunc(bodies, decides)) {
			bodies = append(bodies, g.Release(last.Run, last.Rev, last.CellsFrom, last.CellsTo))
		}
		if g, err = s.appendGate(ctx, indicator, cause, cells, g, bodies); err != nil {
			return err
		}
		s.cfg.Metrics.gate(indicator, g.Counts())
		s.cfg.Crash.Hit(crashpoint.Released)
	}
	var seq uint64 // of the last release: what else is said needs no publication
	var fresh []event.Event
	for _, e := range s.state.GateEvents(indicator) {
		if e.Type == event.TypeReleaseMade {
			seq = e.Sequence
		}
		if e.Sequence > before {
			fresh = append(fresh, e)
		}
	}
	for _, i := range places {
		out[i].Seq = seq
		if n := made[i]; n > 0 && n <= len(fresh) {
			out[i].Events, fresh = fresh[:n:n], fresh[n:]
		}
	}
	if len(fresh) > 0 { // the release belongs to all of them, and is told with the last
		for _, i := range slices.Backward(places) {
			if made[i] > 0 {
				out[i].Events = append(slices.Clone(out[i].Events), fresh...)
				break
			}
		}
	}
	return nil
}

// unreleased reports whether the release that follows from a decision is not in
// the LEDGER: more had been decided at once than one atomic batch holds, and the
// command broke off.
func (s *Service) unreleased(indicator string) bool {
	for _, e := range slices.Backward(s.state.GateEvents(indicator)) {
		switch e.Type {
		case event.TypeReleaseMade:
			return false
		case event.TypeDecisionMade, event.TypeDecisionConfirmed, event.TypeDecisionWithdrawn:
			return true
		}
	}
	return false
}

// decides reports whether a release follows from the event.
func decides(b event.Body) bool {
	return !slices.Contains([]event.Type{event.TypeFlagJudged, event.TypeFlagAssigned, event.TypeEvidenceAttached}, b.EventType())
}

// together are the effects of all acceptances that a person with an interest
// gives at once, since they move published values as one; nil: there is one at
// most, or she answers for no unit.
func (s *Service) together(indicator string, cells *cell.Table, who gate.Actor, orders []Order, places []int, on catalog.Date) ([]gate.Effect, error) {
	var all []Order
	for _, i := range places {
		if orders[i].Kind == event.Accept {
			all = append(all, orders[i])
		}
	}
	if len(all) < 2 || !superUser(who) {
		return nil, nil
	}
	moved, err := s.impactOf(indicator, cells, who, all, on, func(Order, error) error { return nil })
	if err != nil {
		return nil, err
	}
	return effects(moved), nil
}

func superUser(who gate.Actor) bool {
	return slices.ContainsFunc(who.Roles, func(r catalog.Role) bool { return r.Role == gate.SuperUser })
}

// prepare completes a command with what only the stores know: what a
// correction was before, and what an acceptance moves, by itself or, where
// joint is given, with the others of its batch.
func (s *Service) prepare(g *gate.State, f gate.Flag, cells *cell.Table, who gate.Actor, o Order, joint []gate.Effect, on catalog.Date) (gate.Command, error) {
	cmd := o.Command
	cmd.At = s.cfg.Clock()
	cmd.Effects = nil
	switch cmd.Kind {
	case event.Correct:
		var err error
		if cmd.Corrections, err = s.corrections(g, f, cells, o.Revisions, on); err != nil {
			return cmd, err
		}
	case gate.Assign:
		if err := s.assignable(g, f, cmd.To, on); err != nil {
			return cmd, err
		}
	case gate.Confirm:
		// The catalog may have changed since it was proposed.
		if ind, ok := s.index.Indicator(f.Indicator); ok {
			for _, p := range f.Proposals {
				if p.Kind == event.Correct && (cmd.Decision == "" || cmd.Decision == p.Decision) {
					if err := s.lawful(ind, p.Corrections, on); err != nil {
						return cmd, err
					}
				}
			}
		}
	}
	switch {
	case cmd.Kind != event.Accept || !superUser(who):
	case joint != nil:
		cmd.Effects = joint
	default:
		moved, err := s.impactOf(f.Indicator, cells, who, []Order{o}, on, refuse)
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			// The gate says so itself, in the words for this command.
		case err != nil:
			return cmd, err
		default:
			cmd.Effects = effects(moved)
		}
	}
	return cmd, nil
}

// effects are the moves in the gate's words.
func effects(i impact.Impact) []gate.Effect {
	out := []gate.Effect{}
	for _, m := range i.Moves {
		e := gate.Effect{Unit: m.Unit, Points: math.Inf(1)}
		if m.Points != nil {
			e.Points = *m.Points
		}
		out = append(out, e)
	}
	return out
}

// refusal says that the gate refuses what was tried.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refuse ends an impact with a command that the gate refuses.
func refuse(_ Order, err error) error { return &refusal{err} }

// impactOf is what the commands would change in what is published of the
// indicator, if they and their confirmations were carried out now. It appends
// nothing. A command that the gate would refuse is given to refused, and left
// out unless that gives an error.
func (s *Service) impactOf(indicator string, cells *cell.Table, who gate.Actor, orders []Order, on catalog.Date, refused func(Order, error) error) (impact.Impact, error) {
	ind, ok := s.index.Indicator(indicator)
	if !ok {
		return impact.Impact{}, fmt.Errorf("the catalog no longer has the indicator %s", indicator)
	}
	now, err := s.gate(indicator, cells)
	if err != nil {
		return impact.Impact{}, err
	}
	then, err := s.gate(indicator, cells)
	if err != nil {
		return impact.Impact{}, err
	}
	events := slices.Clip(s.state.GateEvents(indicator))
	try := func(b event.Body) error {
		e, err := event.New(event.GateSubject(s.cfg.Catalog.Region.Code, indicator), "impact", b, s.cfg.Clock())
		if err != nil {
			return err
		}
		events = append(events, e)
		return then.Apply(e)
	}
	for _, o := range orders {
		bodies, err := s.attempt(then, cells, who, o, on)
		if err != nil {
			if err := refused(o, err); err != nil {
				return impact.Impact{}, err
			}
			continue
		}
		for _, b := range bodies {
			if err := try(b); err != nil {
				return impact.Impact{}, err
			}
			if p, ok := b.(event.DecisionProposed); ok {
				if err := try(event.DecisionConfirmed{Decision: p.Decision, Flag: p.Flag, By: "the second person of " + p.By, On: on}); err != nil {
					return impact.Impact{}, err
				}
			}
		}
	}
	if last, ok := then.LastRelease(); ok {
		if err := try(then.Release(last.Run, last.Rev, last.CellsFrom, last.CellsTo)); err != nil {
			return impact.Impact{}, err
		}
	}
	concerned, err := gate.Concerned(s.cfg.Catalog.Region.Code, indicator, events)
	if err != nil {
		return impact.Impact{}, err
	}
	return s.compare(ind, now, then, cells, concerned)
}

// compare is what differs between what two gates of the indicator show, which
// differ in the series of the cells that are concerned and in no other.
func (s *Service) compare(ind *catalog.Indicator, now, then *gate.State, cells *cell.Table, concerned []cell.Key) (impact.Impact, error) {
	before, made, err := publication.BuildMade(s.shows(ind, now, cells))
	if err != nil {
		return impact.Impact{}, err
	}
	series := map[cell.Series]bool{}
	for _, k := range concerned {
		series[cell.SeriesOf(k)] = true
	}
	all := s.shows(ind, then, cells)
	some := all
	some.Cells = nil
	for _, c := range all.Cells {
		if series[cell.SeriesOf(c.Key)] {
			some.Cells = append(some.Cells, c)
		}
	}
	patch, _, ok, err := made.Update(some)
	switch {
	case err != nil:
		return impact.Impact{}, err
	case ok && patch.ID == patch.Base:
		return impact.Compare(ind, publication.Set{}, publication.Set{})
	case ok:
		return impact.Compare(ind, patch.Replaces(before), patch.Rows)
	}
	after, err := publication.Build(all)
	if err != nil {
		return impact.Impact{}, err
	}
	return impact.Compare(ind, before, after)
}

// attempt says what a command would append, as if nobody had an interest in it.
func (s *Service) attempt(g *gate.State, cells *cell.Table, who gate.Actor, o Order, on catalog.Date) ([]event.Body, error) {
	f, ok := g.Flag(o.Flag)
	if !ok {
		return nil, unknown(o.Flag)
	}
	cmd := o.Command
	cmd.At, cmd.Effects = s.cfg.Clock(), []gate.Effect{}
	if cmd.Kind == event.Correct {
		var err error
		if cmd.Corrections, err = s.corrections(g, f, cells, o.Revisions, on); err != nil {
			return nil, err
		}
	}
	return g.Decide(cmd, who, on)
}

// shows is what the gate shows of the indicator now, for a publication.
func (s *Service) shows(ind *catalog.Indicator, g *gate.State, cells *cell.Table) publication.Input {
	var reach catalog.Date
	if r := s.state.LastChecked(); r != nil {
		for i := range s.cfg.Catalog.Feeds {
			f := &s.cfg.Catalog.Feeds[i]
			if !brings(f, ind) {
				continue
			}
			if as := s.state.AsOf(f.ID, r); reach.Before(as) {
				reach = as
			}
		}
	}
	return publication.Input{Region: s.cfg.Catalog.Region.Code, Index: s.index, Indicator: ind,
		Cells: publication.Visible(g, cells, ind, s.cfg.Catalog.Units, reach), Reach: reach}
}

// Preview is what commands would change in what is published, by indicator.
type Preview struct {
	Flags      int                      `json:"flags"`
	Indicators map[string]impact.Impact `json:"indicators"`
	// Interest are the person's own units that would move by more than she
	// may move alone.
	Interest []string `json:"interest"`
	// Refused says which commands the gate would refuse, and why.
	Refused map[string]string `json:"refused,omitempty"`
}

// Preview shows a person what her commands would change. She has recorded her
// judgement of every flag before; that she was shown is appended to the LEDGER
// before she is.
func (s *Service) Preview(ctx context.Context, who gate.Actor, orders []Order, on catalog.Date) (Preview, error) {
	if len(orders) == 0 || len(orders) > MostAtOnce {
		return Preview{}, fmt.Errorf("%w: %d flags; look at between 1 and %d at once", gate.ErrInvalid, len(orders), MostAtOnce)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return Preview{}, err
	}
	p := Preview{Indicators: map[string]impact.Impact{}, Refused: map[string]string{}, Interest: []string{}}
	byIndicator := map[string][]Order{}
	for _, o := range orders {
		id := s.state.IndicatorOf(o.Flag)
		if id == "" {
			return Preview{}, unknown(o.Flag)
		}
		byIndicator[id] = append(byIndicator[id], o)
	}
	for id, of := range byIndicator {
		cells, g, err := s.fold(ctx, id)
		if err != nil {
			return Preview{}, err
		}
		var viewed []event.Body
		for _, o := range of {
			v, err := g.Viewing(o.Flag, o.Kind, who, on)
			if err != nil {
				return Preview{}, err
			}
			viewed = append(viewed, v)
		}
		possible := len(of)
		i, err := s.impactOf(id, cells, who, of, on, func(o Order, err error) error {
			p.Refused[o.Flag] = err.Error()
			possible--
			return nil
		})
		if err != nil {
			return Preview{}, err
		}
		if _, err := s.appendGate(ctx, id, fmt.Sprintf("viewing %s %s", who.ID, s.cfg.Clock().UTC().Format(time.RFC3339Nano)), cells, g, viewed); err != nil {
			return Preview{}, err
		}
		p.Flags += possible
		p.Interest = append(p.Interest, g.Interest(who, effects(i), on, "")...)
		if ind, ok := s.index.Indicator(id); ok {
			p.Indicators[id] = readable(who, ind, i)
		}
	}
	slices.Sort(p.Interest)
	p.Interest = slices.Compact(p.Interest)
	return p, nil
}

// FlagsFor are the flags that the person may read.
func (s *Service) FlagsFor(ctx context.Context, who gate.Actor) ([]gate.Flag, error) {
	all, err := s.Flags(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(f gate.Flag) bool { return gate.ReadsFlag(who, f, s.registryOf(f.Indicator)) != nil }), nil
}

// FlagFor is the flag of that id, if the person may read it.
func (s *Service) FlagFor(ctx context.Context, who gate.Actor, id string) (gate.Flag, error) {
	f, err := s.Flag(ctx, id)
	if err != nil {
		return gate.Flag{}, err
	}
	return f, gate.ReadsFlag(who, f, s.registryOf(f.Indicator))
}

func (s *Service) registryOf(indicator string) string {
	if ind, ok := s.index.Indicator(indicator); ok {
		return ind.Registry
	}
	return ""
}
