package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/run"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
	"larstrom/services/portal"
)

// notifierCmd is the notifier alone. It knows the log and the adopted catalog,
// and neither stores nor keys; of the data folder it reads DIR/catalogs.
type notifierCmd struct {
	dataFlag
	logFlags
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address of /healthz and /metrics; empty: none (default: ${default})."`
	listenFlags
	mailFlags
}

func (n *notifierCmd) Run(ctx context.Context, c *console) (err error) {
	told, err := n.notify(c.getenv)
	if err != nil {
		return err
	}
	if err := isFolder(n.Data); err != nil {
		return fmt.Errorf("--data: %w; name the folder that the other services share", err)
	}
	if n.NATS == "" {
		lock, err := control.Acquire(n.Data)
		if err != nil {
			return fmt.Errorf("%w; or name --nats, so that services share a server", err)
		}
		defer func() { err = errors.Join(err, lock.Release()) }()
	}
	log, reg := c.logger(slog.LevelInfo), newRegistry()
	a, err := app.Open(ctx, app.Config{Data: n.Data, WithoutIntake: true, WithoutStores: true, NATS: n.NATS, Credentials: n.NATSCreds,
		Replicas: n.replicas(), Clock: time.Now, Logger: log, Registry: reg})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	notices, err := a.Notifier(told)
	if err != nil {
		return err
	}
	if told.Sink == nil {
		log.Warn("nobody is written to: name --mail-server or --mail-outbox; what is not done in its time is recorded all the same")
	}
	p := pool.New().WithContext(ctx).WithCancelOnError()
	if n.Listen != "" {
		listener, err := n.listen(ctx, n.Listen, log)
		if err != nil {
			return err
		}
		page, err := portal.New(portal.Config{Source: &ledgerOnly{app: a}, Registry: reg, Logger: log.With("service", "notifier")})
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		log.Info("listening", "service", "notifier", "listen", listener.Addr().String())
		p.Go(func(ctx context.Context) error { return page.Serve(ctx, listener) })
	}
	p.Go(notices.Run)
	log.Info("ready", "service", "notifier")
	return p.Wait()
}

// ledgerOnly is the status of a process that has no stores.
type ledgerOnly struct {
	app *app.App

	mu    sync.Mutex
	state run.State
}

// Summary is what the LEDGER says.
func (l *ledgerOnly) Summary(ctx context.Context) (portal.Summary, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.app.Sync(ctx, &l.state); err != nil {
		return portal.Summary{}, err
	}
	region := l.app.Catalog.Region.Code
	late, err := control.LateOf(&l.state)
	if err != nil {
		return portal.Summary{}, err
	}
	return portal.Summary{Region: region, Facts: []portal.Fact{{Name: "Region", Text: region}, {Name: "Late duties", Text: lateText(late)}}}, nil
}
