package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
)

// patience is how long a command waits for a process that has the data folder
// and does not answer yet: one that is starting, or a command that ends soon.
const patience = 20 * time.Second

// session is a data folder that a command may work on: by itself, or by asking
// the process that has it. The answers are the same.
type session struct {
	control.Submitter
	control.Reader
	control.Reviewer
	control.Custodian
	control.Steward
	control.Scoped
	control.Introducer
	control.Learner
	control.Recorder
	control.Asker
	// settle does what follows from what the command did; where a process
	// runs, it does so itself.
	settle func(context.Context) error
	close  func() error
	// running: a process has the folder; portal is where it has its pages.
	running bool
	portal  string
}

// open gives a session of the data folder. The caller closes it.
func open(ctx context.Context, c *console, data string, crash crashFlags) (*session, error) {
	if err := ownsLog(data); err != nil {
		return nil, err
	}
	lock, client, err := control.Enter(ctx, data, patience)
	if err != nil {
		return nil, err
	}
	if client != nil {
		return &session{client, client, client, client, client, client, client, client, client, client, func(context.Context) error { return nil }, func() error { return nil }, true, client.Portal}, nil
	}
	a, err := openApp(ctx, app.Config{Data: data, KeyFile: c.getenv(envKeyFile), Logger: c.logger(slog.LevelWarn)}, crash)
	if err != nil {
		return nil, errors.Join(err, lock.Release())
	}
	d := direct{a}
	return &session{d, d, d, d, d, d, d, d, d, d, a.Settle, func() error { return errors.Join(a.Close(), lock.Release()) }, false, ""}, nil
}

// ownsLog refuses the folder of services whose log is a server's: a command
// would make an empty log and empty stores there and answer from them.
func ownsLog(data string) error {
	_, catalogs := os.Stat(filepath.Join(data, "catalogs"))
	if _, err := os.Stat(filepath.Join(data, "log")); catalogs == nil && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: the log of this folder is on a server, and this command knows folders with a log of their own; ask the services' pages and stores instead", data)
	}
	return nil
}

// with runs a command in a session.
func with(ctx context.Context, c *console, data string, crash crashFlags, do func(*session) error) error {
	s, err := open(ctx, c, data, crash)
	if err != nil {
		return err
	}
	err = do(s)
	return errors.Join(err, s.close())
}

// alone opens the app for a command that no running process can do for it.
func alone(ctx context.Context, c *console, data string, do func(*app.App) error) error {
	if err := ownsLog(data); err != nil {
		return err
	}
	lock, err := control.Acquire(data)
	if err != nil {
		return err
	}
	a, err := openApp(ctx, app.Config{Data: data, KeyFile: c.getenv(envKeyFile), Logger: c.logger(slog.LevelWarn)}, crashFlags{})
	if err != nil {
		return errors.Join(err, lock.Release())
	}
	err = do(a)
	return errors.Join(err, a.Close(), lock.Release())
}

func openApp(ctx context.Context, cfg app.Config, crash crashFlags) (*app.App, error) {
	if crash.CrashAt != "" {
		hook, err := crashpoint.Parse(crash.CrashAt, crash.CrashReached)
		if err != nil {
			return nil, &usageError{err.Error()}
		}
		cfg.Crash = hook
	}
	cfg.Clock = time.Now
	if cfg.Registry == nil {
		cfg.Registry = newRegistry()
	}
	return app.Open(ctx, cfg)
}

// newRegistry is the process's own: nothing registers itself unasked.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// logger writes JSON lines on standard error, from the level of the command
// line or else this one.
func (c *console) logger(level slog.Level) *slog.Logger {
	if c.level != "" {
		// The grammar allows no text that is not a level.
		_ = level.UnmarshalText([]byte(c.level))
	}
	return slog.New(slog.NewJSONHandler(c.err, &slog.HandlerOptions{Level: level}))
}

// direct answers from an app in this process.
type direct struct{ app *app.App }

func (d direct) Submit(ctx context.Context, paths []string, again bool) ([]intake.Receipt, error) {
	return d.app.Submit(ctx, paths, again)
}

func (d direct) Status(ctx context.Context) (control.Status, error) {
	s, err := d.app.State(ctx)
	if err != nil {
		return control.Status{}, err
	}
	flags, err := d.app.Flags(ctx)
	if err != nil {
		return control.Status{}, err
	}
	open := map[event.Severity]int{}
	for i := range flags {
		if flags[i].Status == gate.Open {
			open[flags[i].Severity]++
		}
	}
	st := control.StatusOf(d.app.Catalog.Region.Code, s)
	if st.Late, err = control.LateOf(s); err != nil {
		return st, err
	}
	held, err := d.app.HeldCells(ctx)
	if err != nil {
		return st, err
	}
	return d.status(ctx, st, open, held)
}

// status adds to what the LEDGER says what stores and engines know.
func (d direct) status(ctx context.Context, st control.Status, open map[event.Severity]int, held uint64) (_ control.Status, err error) {
	for _, severity := range []event.Severity{event.Block, event.Hold, event.Note} {
		st.OpenFlags[severity] = 0 // said also where there are none
	}
	maps.Copy(st.OpenFlags, open)
	if st.Lag.Dead, err = d.app.DeadLetters(ctx); err != nil {
		return st, err
	}
	st.HeldCells = held
	for _, w := range d.app.Awaited() {
		st.Awaited = append(st.Awaited, control.Awaited(w))
	}
	st.Know(d.app.Audiences())
	for _, e := range d.app.EngineStates() {
		st.Engines = append(st.Engines, control.Engine(e))
	}
	return st, nil
}

// SQL reads only: what is in a store comes from the log, and the released one
// is the publisher's alone.
func (d direct) SQL(ctx context.Context, store, format, query string, w io.Writer) error {
	return d.app.SQLFor(ctx, nil, client(), store, format, query, w)
}

// SQLAs is SQL by a person.
func (d direct) SQLAs(ctx context.Context, r control.SQLRequest, w io.Writer) error {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return err
	}
	return d.app.SQLFor(ctx, &who, r.Client, r.Store, r.Format, r.Query, w)
}

func (d direct) Catalog(context.Context) (*catalog.Catalog, error) { return d.app.Catalog, nil }

func (d direct) Flags(ctx context.Context) ([]control.Flag, error) {
	flags, err := d.app.Flags(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]control.Flag, len(flags))
	for i, f := range flags {
		out[i] = control.FlagOf(f)
	}
	return out, nil
}

func (d direct) Flag(ctx context.Context, id string) (control.Flag, error) {
	f, err := d.app.Flag(ctx, id)
	if err != nil {
		return control.Flag{}, err
	}
	return control.FlagOf(f), nil
}

func (d direct) Decide(ctx context.Context, r control.DecisionRequest) (control.Decision, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return control.Decision{}, err
	}
	done, err := d.app.Order(ctx, who, r.Order())
	if err != nil {
		return control.Decision{}, fmt.Errorf("flag %s: %w", r.Flag, err)
	}
	return control.DecisionOf(done.Events, done.Publication), nil
}
