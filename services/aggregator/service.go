package aggregator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// Config is what the service needs.
type Config struct {
	Log     *eventlog.Log
	Catalog *catalog.Catalog
	// CatalogOf reads an earlier catalog by its hash.
	CatalogOf func(hash string) (*catalog.Catalog, error)
	Warehouse *warehouse.Warehouse
	Released  *warehouse.Released
	// Audiences are the wider audiences of the catalog.
	Audiences []Audience
	// AheadBytes is how much of a delivery is in the log when its rows begin to be
	// loaded before it is accepted. 0: 4 MiB.
	AheadBytes int
	Clock      func() time.Time
	Logger     *slog.Logger
	Metrics    *Metrics
	Crash      crashpoint.Hook
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Log == nil || c.Catalog == nil || c.CatalogOf == nil || c.Warehouse == nil || c.Released == nil {
		errs = append(errs, errors.New("aggregator: a log, a catalog and both stores are needed"))
	}
	if c.Clock == nil || c.Logger == nil {
		errs = append(errs, errors.New("aggregator: a clock and a logger are needed"))
	}
	return errors.Join(errs...)
}

// Service computes cells and publications.
type Service struct {
	cfg   Config
	index *catalog.Index
	state run.State
	// shown is the newest publication that the pointer shows.
	shown struct {
		sync.Mutex
		publication int
		changed     chan struct{}
	}
	// verified is the last publication whose sets were read back.
	verified int
	// diverged: the last publication cannot be made again, a new one is due.
	diverged bool
	built    map[string]built // by indicator: what its last set was made from
	flagged  flagged          // what the last set of flags was made from
	// changedAt are the newest revisions of the cells of every indicator, up to
	// the revision through.
	changedAt struct {
		through uint64
		of      map[string]uint64
	}
	// audiences are the wider ones that have a store here.
	audiences []*audience
	ahead     ahead
}

// New is a service that is ready to run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, index: cfg.Catalog.Index(), built: map[string]built{}}
	for _, a := range cfg.Audiences {
		s.audiences = append(s.audiences, &audience{Audience: a, key: disclosure.KeyID(a.Key)})
	}
	s.shown.changed = make(chan struct{})
	s.ahead.s = s
	return s, nil
}

// pause between two attempts when a store is away.
const pause = time.Second

// Run works until ctx ends: it takes every step that the LEDGER asks for and
// then waits for the LEDGER to grow. When a store goes away it waits and
// recovers; when something contradicts itself it stops.
func (s *Service) Run(ctx context.Context) error {
	stop, err := s.LoadAhead(ctx)
	if err != nil {
		return fmt.Errorf("aggregator: %w", err)
	}
	defer stop()
	for {
		err := s.work(ctx)
		switch {
		case ctx.Err() != nil:
			return nil // the service is to stop: no failure
		case !warehouse.Transient(err):
			return fmt.Errorf("aggregator: %w", err)
		}
		s.cfg.Logger.Warn("a store is away; trying again", "error", err.Error())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// work recovers and takes steps until an error.
func (s *Service) work(ctx context.Context) error {
	if err := s.Recover(ctx); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	for {
		worked, err := s.Step(ctx)
		if err != nil {
			return err
		}
		if worked {
			continue
		}
		if err := run.Await(ctx, s.cfg.Log, s.state.Seq); err != nil {
			return err
		}
	}
}

// Step takes the next step, if there is one for this service.
func (s *Service) Step(ctx context.Context) (worked bool, err error) {
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return false, err
	}
	// What waits for the store of an audience that is away keeps nothing else back.
	made, away := s.editions(ctx)
	if made {
		return true, nil
	}
	r := s.state.NextRun()
	switch {
	case r == nil && s.state.LastChecked() != nil && (s.state.Stale() || s.diverged):
		return true, s.publish(ctx, s.state.LastChecked())
	case r == nil:
		return false, away
	case s.state.NextCells(r) != nil:
		return true, s.cells(ctx, r, s.state.NextCells(r))
	case r.Checked != nil:
		return true, s.publish(ctx, r)
	default:
		return false, away // the validator's turn
	}
}

// Recover holds the stores against the LEDGER: rows and cells that are
// missing are loaded again, and the pointer is moved to the last publication.
func (s *Service) Recover(ctx context.Context) error {
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return err
	}
	if err := s.cfg.Warehouse.DropAhead(ctx); err != nil {
		return err
	}
	if err := s.reload(ctx); err != nil {
		return err
	}
	for _, a := range s.audiences {
		a.shown = 0 // its pointer is looked at again
	}
	err := s.restorePointer(ctx)
	if errors.Is(err, ErrDiverged) {
		// The sets are lost and this program makes others of the same facts: it
		// says so and publishes anew, for there is nothing to show otherwise.
		s.cfg.Logger.Error("the last publication cannot be shown as it was; publishing anew", "error", err.Error())
		s.diverged = true
		return nil
	}
	return err
}

// reload loads what the LEDGER names and the warehouse lacks.
func (s *Service) reload(ctx context.Context) error {
	obs, err := s.cfg.Warehouse.ObservationCounts(ctx)
	if err != nil {
		return err
	}
	cells, err := s.cfg.Warehouse.CellCounts(ctx)
	if err != nil {
		return err
	}
	for _, d := range s.state.Deliveries() {
		if d.Cells == nil {
			continue
		}
		if obs[d.Delivery] != d.Accepted.Blocks.Rows {
			if err := s.load(ctx, d); err != nil {
				return err
			}
		}
		if cells[d.Rev] != d.Cells.Cells.Rows {
			if err := s.cfg.Warehouse.LoadCells(ctx, *d.Cells, s.blocks(eventlog.CELLS, d.Cells.Cells)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) blocks(stream string, r event.Range) warehouse.Blocks {
	return func(ctx context.Context, f func([]byte) error) error {
		return s.cfg.Log.ReadRange(ctx, stream, r, func(_ uint64, payload []byte) error { return f(payload) })
	}
}

func (s *Service) load(ctx context.Context, d *run.Delivery) error {
	s.ahead.accept(ctx, d)
	return s.cfg.Warehouse.LoadObservations(ctx, *d.Accepted, s.blocks(eventlog.OBS, d.Accepted.Blocks))
}

// cells recomputes what one delivery touches and appends what changed.
func (s *Service) cells(ctx context.Context, r *run.Run, d *run.Delivery) error {
	started := s.cfg.Clock()
	if err := s.load(ctx, d); err != nil {
		return err
	}
	s.cfg.Crash.Hit(crashpoint.Loaded)
	s.cfg.Metrics.observe("load", s.cfg.Clock().Sub(started))
	started = s.cfg.Clock()
	changed, err := s.changed(ctx, r, d)
	if err != nil {
		return err
	}
	tombstones, restated := s.counts(r, d, changed)
	region := s.cfg.Catalog.Region.Code
	subject := event.CellsSubject(region, d.Registry, d.Delivery)
	splitter := block.NewSplitter()
	blocks := func(yield func(eventlog.Block, error) bool) {
		err := splitter.Cells(changed, r.Run, d.Delivery, func(payload []byte, rows int) error {
			if !yield(eventlog.Block{Payload: payload, Rows: rows}, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(eventlog.Block{}, err)
		}
	}
	rng, err := s.cfg.Log.AppendBlocks(ctx, eventlog.CELLS, subject, blocks)
	if err != nil {
		return err
	}
	s.cfg.Crash.Hit(crashpoint.CellsAppended)
	body := event.CellsAppended{Run: r.Run, Delivery: d.Delivery, Rev: d.Rev, Cells: rng, Tombstones: tombstones, Restated: restated}
	if err := s.cfg.Warehouse.LoadCells(ctx, body, s.blocks(eventlog.CELLS, rng)); err != nil {
		return err
	}
	s.cfg.Metrics.observe("cells", s.cfg.Clock().Sub(started))
	s.cfg.Metrics.changed(len(changed))
	s.cfg.Logger.Info("cells computed", "run", r.Run, "delivery", d.Delivery, "changed", len(changed), "tombstones", tombstones, "restated", restated)
	return s.appendRun(ctx, d.Delivery, body)
}

var errStopped = errors.New("the log takes no more blocks")

// changed are the versions that a delivery brings, sorted by key.
func (s *Service) changed(ctx context.Context, r *run.Run, d *run.Delivery) ([]cell.Version, error) {
	feed, ok := s.index.Feed(d.Feed)
	if !ok {
		return nil, fmt.Errorf("delivery %s: the catalog no longer has the feed %s; put it back", d.Delivery, d.Feed)
	}
	scope := s.scope(feed, r, d.Delivery)
	scope, touched, err := s.cfg.Warehouse.Touched(ctx, scope, *d.Accepted, s.state.Dropped(r, d))
	if err != nil || !touched {
		return nil, err
	}
	now, err := s.cfg.Warehouse.Cells(ctx, s.cfg.Catalog.Region.Code, scope)
	if err != nil {
		return nil, err
	}
	before, err := s.cfg.Warehouse.CurrentCells(ctx, scope, d.Rev)
	if err != nil {
		return nil, err
	}
	if len(before) == 0 {
		return cell.Diff(now[:0], nil, now, d.Rev) // all are new
	}
	return cell.Diff(make([]cell.Version, 0, max(len(now)-len(before), 0)), before, now, d.Rev)
}

// counts are the tombstones among the versions that a delivery brings, and
// those of closed periods.
func (s *Service) counts(r *run.Run, d *run.Delivery, changed []cell.Version) (tombstones, restated int64) {
	reached := s.state.Reached(r, d)
	for i := range changed {
		if changed[i].Tombstone {
			tombstones++
		}
		if s.closed(changed[i].Key, reached) {
			restated++
		}
	}
	return tombstones, restated
}

// closed reports whether the cell's period was mature with data that reach a
// date.
func (s *Service) closed(k cell.Key, reached catalog.Date) bool {
	ind, ok := s.index.Indicator(k.Indicator)
	if !ok || reached.IsZero() {
		return false
	}
	end := catalog.Granularity(k.Granularity).PeriodEnd(catalog.DateOfDays(k.PeriodStart))
	return !reached.Before(end.AddDays(ind.FollowUpDays + ind.MaturityLagDays))
}

// Restatement is one cell that a delivery changed.
type Restatement struct {
	cell.Change
	// Closed: its period had been mature before the delivery came.
	Closed bool
}

// ErrNoCells says that there is nothing to compare a delivery with yet, or ever.
var ErrNoCells = errors.New("the delivery has changed no cells")

// Restatements are the cells that a delivery changed, as they were before it
// and as they were with it, in the order of their keys.
func (s *Service) Restatements(ctx context.Context, state *run.State, delivery string) ([]Restatement, error) {
	d := state.Delivery(delivery)
	switch {
	case d == nil:
		return nil, fmt.Errorf("%w: the ledger has no delivery %q", ErrNoCells, delivery)
	case d.Cells == nil:
		return nil, fmt.Errorf("%w: %s is not accepted, or not computed yet", ErrNoCells, delivery)
	}
	before, after, err := s.cfg.Warehouse.Changed(ctx, d.Rev)
	if err != nil {
		return nil, err
	}
	changes, err := cell.Changes(before, after)
	reached := state.Reached(state.Run(d.Run), d)
	out := make([]Restatement, len(changes))
	for i, c := range changes {
		out[i] = Restatement{c, s.closed(c.Key, reached)}
	}
	return out, err
}

// scope is all time of a feed's indicators, with everything that brings them,
// as it stands in run r after the delivery until (empty: after all of r).
func (s *Service) scope(feed *catalog.Feed, r *run.Run, until string) warehouse.Scope {
	source := func(f *catalog.Feed) warehouse.Source {
		return warehouse.Source{Feed: f, Effective: s.state.EffectiveOf(f.ID, r, until), Indicators: s.indicatorsOf(f)}
	}
	scope := warehouse.Scope{Source: source(feed)}
	for i := range s.cfg.Catalog.Feeds {
		o := source(&s.cfg.Catalog.Feeds[i])
		shared := func(i *catalog.Indicator) bool { return slices.Contains(scope.Indicators, i) }
		if o.Feed.ID != feed.ID && slices.ContainsFunc(o.Indicators, shared) {
			scope.Others = append(scope.Others, o)
		}
	}
	return scope
}

// indicatorsOf are the indicators whose observations the feed can bring.
func (s *Service) indicatorsOf(feed *catalog.Feed) []*catalog.Indicator {
	measured := map[string]bool{}
	for _, m := range feed.Measures {
		measured[m.Indicator] = true
	}
	var out []*catalog.Indicator
	for i := range s.cfg.Catalog.Indicators {
		ind := &s.cfg.Catalog.Indicators[i]
		if ind.Registry == feed.Registry && (len(feed.Measures) == 0 || measured[ind.ID]) {
			out = append(out, ind)
		}
	}
	return out
}

// appendRun writes one event about runs, after whatever others wrote.
func (s *Service) appendRun(ctx context.Context, cause string, body event.Body) error {
	for {
		e, err := event.New(event.RunSubject(s.cfg.Catalog.Region.Code), cause, body, s.cfg.Clock())
		if err != nil {
			return err
		}
		expected := s.state.RunSeq()
		_, err = s.cfg.Log.AppendEvent(ctx, e, &expected)
		var conflict *eventlog.WrongLastSequenceError
		if !errors.As(err, &conflict) {
			return errors.Join(err, s.state.Sync(ctx, s.cfg.Log))
		}
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return err
		}
		if s.state.Has(e.ID) {
			return nil
		}
	}
}
