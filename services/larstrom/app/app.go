package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/embedded/engine"
	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
	"larstrom/schemas/clickhouse"
	"larstrom/services/aggregator"
	"larstrom/services/ingest"
	"larstrom/services/validator"
)

// Config says what one process has.
type Config struct {
	// Data is the data folder. Required.
	Data string
	// Catalog is a folder of YAML to adopt; empty: the adopted catalog.
	Catalog string
	// Drop is the drop folder; empty: none.
	Drop string
	// Settle is ingest.Config.Settle.
	Settle time.Duration
	// KeyFile is the file with the keys of pseudonyms and raw files; empty: one
	// in the data folder, which is made when nothing has been read yet.
	KeyFile string
	// WithoutIntake is a process that takes no files, and needs no keys.
	WithoutIntake bool
	// WithoutStores is a process that has the log and the catalog alone, and
	// no service but the notifier.
	WithoutStores bool
	// NATS is the URL of a NATS server or cluster; empty: the log is embedded.
	NATS string
	// Credentials is the NATS credentials file for NATS.
	Credentials string
	// Replicas of each stream where NATS is a URL; 0: three.
	Replicas int
	// WarehouseDSN and ReleasedDSN are http(s):// data source names of
	// ClickHouse servers; empty: that store is embedded. Each names a database
	// and a user of its own.
	WarehouseDSN, ReleasedDSN string
	// AudienceDSN are those of the released stores of wider audiences, by the id
	// of the profile. Where ReleasedDSN is set every such audience needs one.
	AudienceDSN map[string]string
	// WithoutAudiences is a process that neither makes editions for wider
	// audiences nor reads their stores.
	WithoutAudiences bool
	// ClickHouse serves the released store, where it is embedded, to Grafana.
	ClickHouse ClickHouse
	Clock      func() time.Time
	Logger     *slog.Logger
	Registry   *prometheus.Registry
	Crash      crashpoint.Hook
	// AheadBytes is aggregator.Config.AheadBytes.
	AheadBytes int
	// Judged is validator.Config.Judged.
	Judged func(quality.Night)
	// EngineCommand runs the engine child; empty: this executable.
	EngineCommand []string
}

// App is one running process: the log, both stores and the services.
type App struct {
	cfg       Config
	nats      *natsd.Client
	log       *eventlog.Log
	stores    []string         // their names: warehouse, released, and released:ID of each wider audience
	engines   []*engine.Engine // in the same order, as the rest
	conns     []driver.Conn
	readers   []driver.Conn // for the queries of people
	Catalog   *catalog.Catalog
	raw       *rawstore.Store
	incoming  *rawstore.Sealer
	keys      *pseudonym.Keys
	noKeys    error // why there are none
	warehouse *warehouse.Warehouse
	released  *warehouse.Released
	audiences []aggregator.Audience

	ingest     *ingest.Service
	aggregator *aggregator.Service
	validator  *validator.Service
	metrics    *metrics
	running    atomic.Bool // the services work by themselves
	turn       sync.Mutex  // of who works while they do not; see alone
	// ledger is what was read of the LEDGER for those who await a publication:
	// each of them reads what is new alone.
	ledger struct {
		sync.Mutex
		state run.State
	}
}

// ErrNoCatalog says that the data folder has no catalog yet.
var ErrNoCatalog = errors.New("the data folder has no catalog yet: start `larstrom up` with --catalog DIR")

// ErrRegion says that a catalog of one region was given to the data folder of
// another: every subject of the log carries the region.
var ErrRegion = errors.New("the data folder belongs to another region")

// ErrPending says that a catalog lacks what a delivery under way needs.
var ErrPending = errors.New("the catalog lacks the feed of a delivery under way")

// maxMessage of the log: blocks stay below 1 MiB, but a release that names the
// flags of a whole snapshot does not.
const maxMessage = 8 << 20

// memoryOf an engine process, and of one query in it.
const (
	engineMemory = 6 << 30
	queryMemory  = 4 << 30
)

// Open starts the log and the stores and wires the services; nothing is
// processed yet. The caller holds the lock of the data folder.
func Open(ctx context.Context, cfg Config) (_ *App, err error) {
	if cfg.ClickHouse.Listen != "" && (cfg.ReleasedDSN != "" || cfg.AudienceDSN[cfg.ClickHouse.Audience] != "") {
		return nil, fmt.Errorf("%w: it is on a ClickHouse server, to which Grafana connects itself, as a user with SELECT on its views", ErrClickHouse)
	}
	if err := cfg.ClickHouse.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.ClickHouse.reserve(ctx); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, raw: rawstore.New(filepath.Join(cfg.Data, "raw")), metrics: newMetrics(cfg.Registry)}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	// The engines need longest: start them beside the log.
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	if !cfg.WithoutStores {
		a.stores = []string{"warehouse", "released"}
		a.engines, a.conns, a.readers = make([]*engine.Engine, 2), make([]driver.Conn, 2), make([]driver.Conn, 2)
		p.Go(func(ctx context.Context) error {
			return a.openStore(ctx, 0, "warehouse", cfg.WarehouseDSN, clickhouse.Warehouse)
		})
		p.Go(func(ctx context.Context) error {
			return a.openStore(ctx, 1, "released", cfg.ReleasedDSN, clickhouse.Released)
		})
	}
	p.Go(a.startLog)
	if err := p.Wait(); err != nil {
		return nil, err
	}
	if err := a.adopt(ctx); err != nil {
		return nil, err
	}
	if cfg.WithoutStores {
		return a, cfg.Registry.Register(newStreams(a))
	}
	a.warehouse, a.released = warehouse.NewWarehouse(a.conns[0]), warehouse.NewReleased(a.conns[1])
	if err := a.openKeys(ctx); err != nil {
		return nil, err
	}
	if err := a.openAudiences(ctx); err != nil {
		return nil, err
	}
	return a, a.wire()
}

// migrateAgain is how often a store that went away meanwhile is migrated again.
const migrateAgain = 3

// portPicks is how often another port is picked for one that was taken.
const portPicks = 3

func (a *App) openStore(ctx context.Context, i int, name, dsn string, migrations fs.FS) (err error) {
	database, audience, _ := strings.Cut(name, ":")
	served := database == "released" && audience == a.cfg.ClickHouse.Audience && a.cfg.ClickHouse.Listen != ""
	if dsn == "" {
		reader := engine.Listener{Addr: "127.0.0.1:0", User: "reader", Password: rand.Text(), Database: database, Policy: engine.Policy{ReadOnly: true}}
		start := func() error {
			listeners := []engine.Listener{reader}
			if served {
				listeners = append(listeners, a.cfg.ClickHouse.listener())
			}
			a.engines[i], err = engine.Start(ctx, engine.Config{
				Path: filepath.Join(a.cfg.Data, strings.ReplaceAll(name, ":", "-")), Databases: []string{database}, MaxMemory: engineMemory, MaxQueryMemory: queryMemory,
				Listeners: listeners,
				Command:   a.cfg.EngineCommand, Logger: a.cfg.Logger.With("engine", name),
				OnRestart: func(int, error) { a.metrics.engineRestarts.WithLabelValues(name).Inc() },
			})
			return err
		}
		err = start()
		for range portPicks {
			if err == nil || !served || !a.cfg.ClickHouse.repick(ctx, err) {
				break
			}
			err = start()
		}
		if err != nil {
			return fmt.Errorf("start the %s engine: %w", name, err)
		}
		a.conns[i], err = a.engines[i].Open()
		if err == nil {
			a.readers[i], err = openReader(a.engines[i], reader)
		}
	} else {
		a.conns[i], err = warehouse.Connect(dsn)
		a.readers[i] = a.conns[i]
	}
	if err != nil {
		return fmt.Errorf("connect to the %s store: %w", name, err)
	}
	// An engine that dies is started again, and what was half made is made again.
	err = warehouse.Migrate(ctx, a.conns[i], migrations, database)
	for n := 0; n < migrateAgain && warehouse.Transient(err); n++ {
		err = warehouse.Migrate(ctx, a.conns[i], migrations, database)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if served {
		return viewsOfTheirOwn(ctx, a.conns[i])
	}
	return nil
}

// openReader connects as the one who may only read, and only tables: no file,
// no network, no other process.
func openReader(e *engine.Engine, as engine.Listener) (driver.Conn, error) {
	o := e.Options()
	o.Auth = clickhousego.Auth{Database: as.Database, Username: as.User, Password: as.Password}
	o.DialContext = func(ctx context.Context, _ string) (net.Conn, error) {
		addrs := e.ListenerAddrs()
		if len(addrs) == 0 {
			return nil, engine.ErrDown
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", addrs[0])
	}
	return clickhousego.Open(o)
}

func (a *App) startLog(ctx context.Context) (err error) {
	cfg := natsd.Config{URL: a.cfg.NATS, Credentials: a.cfg.Credentials, Replicas: a.cfg.Replicas, Logger: a.cfg.Logger.With("part", "nats")}
	if cfg.URL == "" {
		cfg.StoreDir = filepath.Join(a.cfg.Data, "log")
		cfg.MaxPayload = maxMessage
	}
	a.nats, err = natsd.Open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("start the log: %w", err)
	}
	a.log, err = eventlog.Open(ctx, a.nats.JetStream(), eventlog.Config{Replicas: a.nats.Replicas(), Logger: a.cfg.Logger.With("part", "eventlog")})
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	return nil
}

// adopt makes the catalog of the folder, or the adopted one, that of this
// process, and tells the LEDGER when it is a new one.
func (a *App) adopt(ctx context.Context) error {
	var state run.State
	if err := state.Sync(ctx, a.log); err != nil {
		return err
	}
	if a.cfg.Catalog == "" {
		if state.Catalog == "" {
			return ErrNoCatalog
		}
		c, err := a.catalogOf(state.Catalog)
		a.Catalog = c
		return err
	}
	c, err := catalog.LoadDir(a.cfg.Catalog)
	if err != nil {
		return err
	}
	a.Catalog = c
	if state.Region != "" && state.Region != c.Region.Code {
		return fmt.Errorf("%w: it is of the region %q, the catalog of %q; give the catalog its region back, or use another data folder",
			ErrRegion, state.Region, c.Region.Code)
	}
	for _, d := range state.Deliveries() {
		if d.Accepted == nil && d.Rejected == nil || state.Due(d) {
			if _, ok := c.Index().Feed(d.Feed); !ok {
				return fmt.Errorf("%w: delivery %s of feed %s is not computed yet; put the feed back until it is", ErrPending, d.Delivery, d.Feed)
			}
		}
	}
	if state.Catalog != "" && state.Catalog != c.Hash {
		was, err := a.catalogOf(state.Catalog)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			a.cfg.Logger.Warn("the copy of the adopted catalog is lost: what the new one redefines cannot be seen", "catalog", state.Catalog)
		case err != nil:
			return err
		default:
			if err := keepsMeaning(was, c, &state); err != nil {
				return err
			}
		}
	}
	if _, err := os.Stat(a.catalogPath(c.Hash)); err != nil {
		if err := rawstore.WriteFile(a.catalogPath(c.Hash), c.Canonical(), 0o600); err != nil {
			return fmt.Errorf("keep the catalog: %w", err)
		}
	}
	if state.Catalog == c.Hash {
		return nil
	}
	body := event.CatalogAdopted{Hash: c.Hash, Previous: state.Catalog}
	e, err := event.New(event.CatalogSubject(c.Region.Code), fmt.Sprint(state.Seq), body, a.cfg.Clock())
	if err != nil {
		return err
	}
	_, err = a.log.AppendEvent(ctx, e, nil)
	return err
}

func (a *App) catalogPath(hash string) string {
	return filepath.Join(a.cfg.Data, "catalogs", hash+".json")
}

func (a *App) catalogOf(hash string) (*catalog.Catalog, error) {
	b, err := os.ReadFile(a.catalogPath(hash))
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", hash, err)
	}
	c, err := catalog.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", hash, err)
	}
	if c.Hash != hash {
		return nil, fmt.Errorf("catalog %s is damaged: its content is %s", hash, c.Hash)
	}
	return c, nil
}

func (a *App) wire() (err error) {
	a.ingest, err = ingest.New(ingest.Config{Log: a.log, Catalog: a.Catalog, Raw: a.raw, Keys: a.keys, NoKeys: a.noKeys, Receipts: filepath.Join(a.cfg.Data, "receipts"),
		Incoming: a.incoming, Drop: a.cfg.Drop, Settle: a.cfg.Settle, Clock: a.cfg.Clock, Logger: a.cfg.Logger.With("service", "ingest"),
		Metrics: ingest.NewMetrics(a.cfg.Registry, a.metrics.steps), Crash: a.cfg.Crash})
	if err != nil {
		return err
	}
	a.validator, err = validator.New(validator.Config{Log: a.log, Catalog: a.Catalog, Warehouse: a.warehouse, Clock: a.cfg.Clock,
		Logger: a.cfg.Logger.With("service", "validator"), Metrics: validator.NewMetrics(a.cfg.Registry, a.metrics.steps), Crash: a.cfg.Crash, Judged: a.cfg.Judged})
	if err != nil {
		return err
	}
	a.aggregator, err = aggregator.New(aggregator.Config{Log: a.log, Catalog: a.Catalog, CatalogOf: a.catalogOf, Warehouse: a.warehouse,
		Released: a.released, Audiences: a.audiences, AheadBytes: a.cfg.AheadBytes, Clock: a.cfg.Clock, Logger: a.cfg.Logger.With("service", "aggregator"),
		Metrics: aggregator.NewMetrics(a.cfg.Registry, a.metrics.steps), Crash: a.cfg.Crash})
	if err != nil {
		return err
	}
	return a.cfg.Registry.Register(newStreams(a))
}

// Close stops the stores and then the log.
func (a *App) Close() error {
	var errs []error
	for i, e := range a.engines {
		if a.readers[i] != nil && a.readers[i] != a.conns[i] {
			errs = append(errs, a.readers[i].Close())
		}
		if a.conns[i] != nil {
			errs = append(errs, a.conns[i].Close())
		}
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	if a.nats != nil {
		a.nats.Shutdown()
	}
	return errors.Join(errs...)
}

// Engines are the warehouse and the released engine, and those of the wider
// audiences.
func (a *App) Engines() []*engine.Engine { return a.engines }

// Run runs all services until ctx ends, and stops them in the order of the
// data: ingest first, then what it feeds.
func (a *App) Run(ctx context.Context) error {
	a.turn.Lock() // what was begun while no services ran is done first
	a.running.Store(true)
	a.turn.Unlock()
	defer a.running.Store(false)
	base := context.WithoutCancel(ctx)
	ingestCtx, stopIngest := context.WithCancel(base)
	computeCtx, stopCompute := context.WithCancel(base)
	defer stopIngest()
	defer stopCompute()
	failed, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	guard := func(f func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			err := f(ctx)
			if err != nil {
				fail(err)
			}
			return err
		}
	}
	intake := pool.New().WithContext(ingestCtx)
	intake.Go(guard(a.ingest.Run))
	compute := pool.New().WithContext(computeCtx)
	compute.Go(guard(a.aggregator.Run))
	compute.Go(guard(a.validator.Run))
	<-failed.Done()
	stopIngest()
	err := intake.Wait()
	stopCompute()
	return errors.Join(err, compute.Wait())
}

// RunService runs one service alone until ctx ends, for deployments with one
// process a service.
func (a *App) RunService(ctx context.Context, name string) error {
	switch name {
	case "ingest":
		return a.ingest.Run(ctx)
	case "aggregator":
		return a.aggregator.Run(ctx)
	case "validator":
		return a.validator.Run(ctx)
	}
	return fmt.Errorf("service %q: there are ingest, aggregator, validator and portal", name)
}

// Once takes what lies in the drop folder, works until nothing is left to do
// and returns.
func (a *App) Once(ctx context.Context) error {
	stop, err := a.aggregator.LoadAhead(ctx)
	if err != nil {
		return fmt.Errorf("aggregator: %w", err)
	}
	defer stop()
	if err := a.ingest.Recover(ctx); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	if err := a.ingest.Scan(ctx); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return a.Settle(ctx)
}

// alone settles where no services run; ok is false where they do, and then they do
// the work. Of several who ask, and the services that begin, one works at a time.
func (a *App) alone(ctx context.Context) (ok bool, err error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if a.running.Load() {
		return false, nil
	}
	return true, a.Settle(ctx)
}

// settleAttempts is how often Settle begins again when an engine died; each
// attempt waits by itself for the engine to be back.
const settleAttempts = 10

// Settle lets the aggregator and the validator work, in this goroutine, until
// nothing is left to do.
func (a *App) Settle(ctx context.Context) error {
	var err error
	for range settleAttempts {
		if err = a.settle(ctx); err == nil || !warehouse.Transient(err) || ctx.Err() != nil {
			return err
		}
		a.cfg.Logger.Warn("a store went away; beginning again", "error", err.Error())
	}
	return err
}

func (a *App) settle(ctx context.Context) error {
	if err := a.aggregator.Recover(ctx); err != nil {
		return fmt.Errorf("aggregator: %w", err)
	}
	for {
		computed, err := a.aggregator.Step(ctx)
		if err != nil {
			return fmt.Errorf("aggregator: %w", err)
		}
		checked, err := a.validator.Step(ctx)
		if err != nil {
			return fmt.Errorf("validator: %w", err)
		}
		if !computed && !checked {
			return nil
		}
	}
}

// SQL writes the result of a query on one of the stores in a ClickHouse format.
// It reads tables and nothing else; a store by DSN is as open as its user.
func (a *App) SQL(ctx context.Context, store, format, query string, w io.Writer) error {
	return a.SQLFor(ctx, nil, "", store, format, query, w)
}

// SQLFor is SQL by a person with the program client, who must be allowed to read
// the events of everything, for a store shows all of it. nil is the operator, who
// can read the data folder. What either reads of the rows is on record before.
func (a *App) SQLFor(ctx context.Context, who *catalog.Person, client, store, format, query string, w io.Writer) error {
	by := ""
	if who != nil {
		if err := a.readsEvents(*who); err != nil {
			return err
		}
		by = who.ID
	}
	if store == "" {
		store = "released"
	}
	i := slices.Index(a.stores, store)
	if i < 0 {
		return fmt.Errorf("store %q: there are %s", store, strings.Join(a.stores, ", "))
	}
	if format == "" {
		format = "PrettyCompact"
	}
	if store == "warehouse" {
		if err := a.noteRows(ctx, by, client, query); err != nil {
			return err
		}
	}
	r, err := a.readers[i].QueryFormat(ctx, format, query)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}
