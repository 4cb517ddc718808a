package validator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// Config is what the service needs.
type Config struct {
	Log       *eventlog.Log
	Catalog   *catalog.Catalog
	Warehouse *warehouse.Warehouse
	Clock     func() time.Time
	Logger    *slog.Logger
	Metrics   *Metrics
	Crash     crashpoint.Hook
	// Checks of the catalogue; nil: all of quality.Catalogue.
	Checks []quality.Check
	// Judged is given what the checks of each run saw, before they run, so that
	// thresholds can be tried on it; nil: nobody asks.
	Judged func(quality.Night)
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Log == nil || c.Catalog == nil || c.Warehouse == nil {
		errs = append(errs, errors.New("validator: a log, a catalog and the warehouse are needed"))
	}
	if c.Clock == nil || c.Logger == nil {
		errs = append(errs, errors.New("validator: a clock and a logger are needed"))
	}
	return errors.Join(errs...)
}

// Service checks runs and takes decisions.
type Service struct {
	cfg   Config
	index *catalog.Index

	mu    sync.Mutex // a step and a decision never mix
	state run.State
	read  map[string]readFlags // by indicator; see flagsOf
	// counted is what stood in deliveries, by delivery and indicator.
	counted map[string]map[string]warehouse.Column
	// sized is how large the values of deliveries are, by delivery, indicator,
	// unit and size.
	sized map[string]map[string]map[string]map[int]int64
}

// New is a service that is ready to run.
func New(cfg Config) (*Service, error) {
	if cfg.Checks == nil {
		cfg.Checks = quality.Catalogue()
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Service{cfg: cfg, index: cfg.Catalog.Index()}, nil
}

// pause between two attempts when the store is away.
const pause = time.Second

// Run works until ctx ends. When the store goes away it tries again; when
// something contradicts itself it stops.
func (s *Service) Run(ctx context.Context) error {
	for {
		err := s.work(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // ctx ends when the service is to stop: the end of Run, not a failure
		case !warehouse.Transient(err):
			return fmt.Errorf("validator: %w", err)
		}
		s.cfg.Logger.Warn("the store is away; trying again", "error", err.Error())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (s *Service) work(ctx context.Context) error {
	if _, err := s.Flags(ctx); err != nil { // fills the gauges after a start
		return err
	}
	for {
		worked, err := s.Step(ctx)
		if err != nil {
			return err
		}
		if worked {
			continue
		}
		if err := run.Await(ctx, s.cfg.Log, s.seq()); err != nil {
			return err
		}
	}
}

func (s *Service) seq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Seq
}

// Step checks the next run whose cells are complete, if there is one.
func (s *Service) Step(ctx context.Context) (worked bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return false, err
	}
	r := s.state.NextRun()
	if r == nil || r.Checked != nil || s.state.NextCells(r) != nil {
		return false, nil
	}
	return true, s.check(ctx, r)
}

// check runs every check on every indicator that the run's feeds can bring,
// and releases what is clean.
func (s *Service) check(ctx context.Context, r *run.Run) error {
	started := s.cfg.Clock()
	night := s.night(r)
	raised := map[string]int{}
	matters, err := s.matters(ctx, night)
	if err != nil {
		return err
	}
	whole, err := s.whole(ctx, night, matters)
	if err != nil {
		return err
	}
	if s.cfg.Judged != nil {
		s.cfg.Judged(whole)
	}
	result := quality.EvaluateNight(whole, s.cfg.Checks)
	found := map[string][]quality.Finding{}
	for _, f := range result.Findings {
		found[f.Indicator] = append(found[f.Indicator], f)
	}
	judged := s.cfg.Clock()
	for _, m := range matters {
		m.found, m.judged = found[m.indicator.ID], result.Judged
		if err := s.checkIndicator(ctx, night, m, raised); err != nil {
			return fmt.Errorf("indicator %s: %w", m.indicator.ID, err)
		}
	}
	body := event.RunChecked{Run: r.Run, Rev: night.rev, Flags: raised}
	body.Shadow, body.Outcomes, body.Incidents = outcomes(&result)
	for {
		e, err := event.New(event.RunSubject(s.cfg.Catalog.Region.Code), r.Run, body, s.cfg.Clock())
		if err != nil {
			return err
		}
		expected := s.state.RunSeq()
		_, err = s.cfg.Log.AppendEvent(ctx, e, &expected)
		var conflict *eventlog.WrongLastSequenceError
		if err := errors.Join(ignore(err, &conflict), s.state.Sync(ctx, s.cfg.Log)); err != nil {
			return err
		}
		if r.Checked != nil {
			break
		}
	}
	s.cfg.Crash.Hit(crashpoint.Checked)
	s.cfg.Metrics.observe("check", s.cfg.Clock().Sub(started))
	s.cfg.Logger.Info("run checked", "run", r.Run, "flags", raised, "incidents", len(result.Incidents), "judged", judged.Sub(started), "took", s.cfg.Clock().Sub(started))
	return nil
}

// outcomes are what goes on record of all findings: those of checks in shadow
// mode, how many instances of each check came to what, and how many incidents
// the flags are.
func outcomes(r *quality.Result) (shadow map[string]int, by map[string]event.Outcomes, incidents int) {
	shadow, by = map[string]int{}, map[string]event.Outcomes{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.Shadow && f.Status == quality.Flagged {
			shadow[f.Check]++
		}
		o := by[f.Check]
		switch {
		case f.Status == quality.Pass:
			o.Passed += f.Instances
		case f.Status == quality.NotApplicable:
			o.NotApplicable += f.Instances
		case f.Status == quality.CouldNotRun:
			o.CouldNotRun += f.Instances
		case f.FoldedInto != "":
			o.Folded += f.Instances
		default:
			o.Found += f.Instances
		}
		by[f.Check] = o
	}
	return shadow, by, len(r.Incidents)
}

// mattersAtOnce are read and laid out side by side: while one waits for the
// store others compute.
const mattersAtOnce = 4

// matters loads the indicators that the run's feeds can bring, and those of
// feeds that should have come.
func (s *Service) matters(ctx context.Context, n *night) ([]*matter, error) {
	var out []*matter
	p := pool.New().WithContext(ctx).WithMaxGoroutines(mattersAtOnce).WithCancelOnError().WithFirstError()
	for i := range s.cfg.Catalog.Indicators {
		ind := &s.cfg.Catalog.Indicators[i]
		feeds, absent := n.feedsOf(s.cfg.Catalog, ind)
		if len(feeds)+len(absent) == 0 {
			continue
		}
		m := &matter{}
		out = append(out, m)
		p.Go(func(ctx context.Context) error {
			loaded, err := s.matter(ctx, n, ind, feeds, absent)
			if err != nil {
				return fmt.Errorf("indicator %s: %w", ind.ID, err)
			}
			*m = *loaded
			return nil
		})
	}
	return out, p.Wait()
}

// ignore drops an error that is only a conflict: the caller reads and decides
// again.
func ignore(err error, conflict **eventlog.WrongLastSequenceError) error {
	if errors.As(err, conflict) {
		return nil
	}
	return err
}

// checkIndicator raises the flags of what was found in one indicator, closes
// those whose cause is gone, and releases the rest.
func (s *Service) checkIndicator(ctx context.Context, n *night, m *matter, raised map[string]int) error {
	ind, g := m.indicator, m.gate
	for _, e := range s.state.GateEvents(ind.ID) {
		switch e.Type {
		case event.TypeReleaseMade:
			if e.Cause == n.run.Run {
				return nil // done before a crash
			}
		case event.TypeFlagRaised:
			if f, err := event.Decode[event.FlagRaised](e); err != nil {
				return err
			} else if f.Run == n.run.Run {
				raised[f.Check]++ // before a crash
			}
		}
	}
	origin := quality.Origin{Run: n.run.Run, Rev: n.rev, Catalog: s.cfg.Catalog.Hash, AsOf: n.run.AsOf}
	var flags []event.Body
	for _, f := range append(slices.Clip(m.found), s.recheck(m)...) {
		if !f.Raises() {
			continue
		}
		flag, verdict := g.Admit(quality.ToFlag(f, origin), n.run.AsOf)
		if verdict == gate.Known {
			continue
		}
		flags = append(flags, flag)
		raised[f.Check]++
	}
	for _, f := range s.carried(m, n, origin) {
		if flag, verdict := g.Admit(f, n.run.AsOf); verdict != gate.Known {
			flags = append(flags, flag)
			raised[f.Check]++
		}
	}
	g, err := s.appendGate(ctx, ind.ID, n.run.Run, m.cells, g, flags)
	if err != nil {
		return err
	}
	if len(flags) > 0 {
		s.cfg.Crash.Hit(crashpoint.Flagged)
	}
	var passed []event.Body
	for _, p := range g.Cleared(n.run.Run, n.rev, n.run.AsOf, s.rejudged(m, n, g)) {
		passed = append(passed, p)
	}
	if g, err = s.appendGate(ctx, ind.ID, n.run.Run, m.cells, g, passed); err != nil {
		return err
	}
	var closed []event.Body
	for _, l := range g.Lapses(n.run.Run, n.rev, n.run.AsOf) {
		closed = append(closed, l)
	}
	for _, a := range g.Handovers(n.run.Run, n.rev, n.run.AsOf) {
		if f, ok := g.Flag(a.Flag); ok && s.assignable(g, f, a.To, n.run.AsOf) == nil {
			closed = append(closed, a)
		}
	}
	for _, c := range g.Resolutions(n.run.Run, n.rev) {
		closed = append(closed, c)
	}
	closed = append(closed, g.Settled(n.run.Run, n.rev, n.run.AsOf, m.agrees)...)
	if g, err = s.appendGate(ctx, ind.ID, n.run.Run, m.cells, g, closed); err != nil {
		return err
	}
	if len(m.input.Changed) == 0 && len(flags)+len(closed) == 0 {
		return nil // nothing new to show
	}
	release := g.Release(n.run.Run, n.rev, n.cellsFrom, n.cellsTo)
	if g, err = s.appendGate(ctx, ind.ID, n.run.Run, m.cells, g, []event.Body{release}); err != nil {
		return err
	}
	s.cfg.Crash.Hit(crashpoint.Released)
	s.cfg.Metrics.gate(ind.ID, g.Counts())
	return nil
}

// weighSilence gives every indicator of a feed the weight of what its units'
// silence means over all of them.
func weighSilence(matters []*matter) {
	byFeeds := map[string][]*matter{}
	for _, m := range matters {
		for _, f := range m.feeds {
			byFeeds[f.ID] = append(byFeeds[f.ID], m)
		}
	}
	for _, feed := range slices.Sorted(maps.Keys(byFeeds)) {
		group := byFeeds[feed]
		units := silent(group)
		if len(units) == 0 {
			continue
		}
		inputs := make([]quality.Input, len(group))
		for i, m := range group {
			inputs[i] = m.input
		}
		weighed := quality.Silences(units, inputs)
		for _, m := range group {
			m.input.Silent = append(m.input.Silent, weighed...)
		}
	}
}

// Flags are all flags of all indicators, by indicator and then as they were
// raised.
func (s *Service) Flags(ctx context.Context) ([]gate.Flag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return nil, err
	}
	var out []gate.Flag
	for i := range s.cfg.Catalog.Indicators {
		id := s.cfg.Catalog.Indicators[i].ID
		if len(s.state.GateEvents(id)) == 0 {
			continue
		}
		flags, err := s.flagsOf(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, flags...)
	}
	return out, nil
}

// ErrUnknownFlag says that no indicator has the flag.
var ErrUnknownFlag = gate.ErrUnknownFlag

// Flag is the flag of that id.
func (s *Service) Flag(ctx context.Context, id string) (gate.Flag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return gate.Flag{}, err
	}
	if indicator := s.state.IndicatorOf(id); indicator != "" {
		flags, err := s.flagsOf(ctx, indicator)
		if err != nil {
			return gate.Flag{}, err
		}
		if at := slices.IndexFunc(flags, func(f gate.Flag) bool { return f.Flag == id }); at >= 0 {
			return flags[at], nil
		}
	}
	return gate.Flag{}, unknown(id)
}
