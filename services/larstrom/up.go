package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
)

type upCmd struct {
	dataFlag
	Catalog string `placeholder:"DIR" help:"Folder of YAML to adopt (default: the catalog adopted last)."`
	Drop    string `placeholder:"DIR" help:"Folder in which exports appear (default: none; they come by submit and over HTTPS)."`
	Listen  string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address of the portal and of /metrics; empty: none."`
	keyFlag
	listenFlags
	clickHouseFlags
	mailFlags

	Once bool `help:"Process what is there to the publication, print a summary, exit."`
	crashFlags
}

func (u *upCmd) Run(ctx context.Context, c *console) (err error) {
	level := slog.LevelInfo
	if u.Once {
		level = slog.LevelWarn
	}
	log := c.logger(level)
	if err := errors.Join(usable(u.Catalog, u.Drop), u.usable()); err != nil {
		return err
	}
	grafana, passwordIn, err := u.config(u.Data, c.getenv)
	if err != nil {
		return err
	}
	told, err := u.notify(c.getenv)
	if err != nil {
		return err
	}
	// An address in use is found before anything is made or started; where the
	// folder has a process already, that is what is wrong.
	var listener net.Listener
	open := func() (err error) {
		if u.Once || u.Listen == "" {
			return nil
		}
		listener, err = u.listen(ctx, u.Listen, log)
		return err
	}
	_, err = os.Stat(u.Data)
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := open(); err != nil {
			return err
		}
		if err := grafana.Free(ctx); err != nil && !u.Once {
			return errors.Join(err, closed(listener))
		}
	}
	defer func() { _ = closed(listener) }()
	if err := os.MkdirAll(u.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := control.Acquire(u.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if !fresh {
		if err := open(); err != nil {
			return err
		}
	}
	switch {
	case u.Once:
		grafana = app.ClickHouse{} // nothing is served
	case grafana.Listen != "" && grafana.Password == "":
		if grafana.Password, err = keptPassword(passwordIn); err != nil {
			return fmt.Errorf("the password of --clickhouse-listen: %w", err)
		}
	}
	started, reg := time.Now(), newRegistry()
	a, err := openApp(ctx, app.Config{Data: u.Data, Catalog: u.Catalog, Drop: u.Drop, KeyFile: u.KeyFile, ClickHouse: grafana, Logger: log, Registry: reg}, u.crashFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if u.Once {
		return u.once(ctx, c, a, told)
	}
	if grafana.Listen != "" {
		announceClickHouse(log, a.ClickHouseAddr(), grafana.User, passwordIn)
	}
	return u.serve(ctx, log, lock, listener, a, reg, started, told)
}

// closed closes a listener, if there is one.
func closed(l net.Listener) error {
	if l == nil {
		return nil
	}
	return l.Close()
}

// usable refuses folders that are not there and a wrong catalog before
// anything is made or started.
func usable(cat, drop string) error {
	for _, f := range []struct{ flag, dir, remedy string }{
		{"--catalog", cat, "name the folder that holds the catalog's YAML files"},
		{"--drop", drop, "make the folder in which exports appear, or name another"},
	} {
		if err := isFolder(f.dir); err != nil {
			return fmt.Errorf("%s: %w; %s", f.flag, err, f.remedy)
		}
	}
	if cat == "" {
		return nil
	}
	_, err := loadCatalog(cat)
	return err
}

// loadCatalog reads a folder of YAML; every problem of it is one line.
func loadCatalog(dir string) (*catalog.Catalog, error) {
	c, err := catalog.LoadDir(dir)
	var wrong *catalog.Error
	if errors.As(err, &wrong) {
		return nil, fmt.Errorf("catalog %s is refused, %d problems:\n%w", dir, len(wrong.Problems), err)
	}
	return c, err
}

func isFolder(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such folder", dir)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s: is no folder", dir)
	}
	return err
}

// serve runs the services, the portal and the control API until ctx ends.
func (u *upCmd) serve(ctx context.Context, log *slog.Logger, lock *control.Lock, listener net.Listener, a *app.App, reg *prometheus.Registry, started time.Time, told app.Notify) error {
	d := direct{a}
	api, err := control.Listen(ctx, control.Config{Incoming: filepath.Join(u.Data, "incoming", "control"), Seal: a.Incoming(), Submitter: d, Reader: d, Reviewer: d, Custodian: d, Steward: d, Scoped: d, Introducer: d, Learner: d, Recorder: d, Asker: d, Logger: log})
	if err != nil {
		return err
	}
	about := api.Run(started)
	page := func(context.Context) error { return nil }
	uploads := page
	if listener != nil {
		about.Listen = listener.Addr().String()
		h, err := newUploads(u.Data, u.BehindProxy, a, reg, log)
		if err != nil {
			return errors.Join(err, api.Close())
		}
		uploads = h.Run
		p, err := newPortal(ctx, portalOptions{incoming: filepath.Join(u.Data, "incoming", "portal"), uploads: h, behindProxy: u.BehindProxy, pages: true, data: u.Data}, a, reg, log)
		if err != nil {
			return errors.Join(err, api.Close())
		}
		page = func(ctx context.Context) error { return p.Serve(ctx, listener) }
	}
	notices, err := a.Notifier(told)
	if err != nil {
		return errors.Join(err, api.Close())
	}
	if err := lock.WriteRun(about); err != nil {
		return errors.Join(err, api.Close())
	}
	log.Info("ready", "listen", about.Listen, "control", about.Address, "after", time.Since(started).String())
	p := pool.New().WithContext(ctx).WithCancelOnError()
	p.Go(func(ctx context.Context) error {
		err := a.Run(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("the services have ended by themselves")
		}
		return err
	})
	p.Go(page)
	p.Go(uploads)
	p.Go(notices.Run)
	p.Go(func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(lock.RemoveRun(), api.Close())
	})
	err = p.Wait()
	log.Info("stopped")
	return err
}

func (u *upCmd) once(ctx context.Context, c *console, a *app.App, told app.Notify) error {
	err := withProgress(ctx, c, func(ctx context.Context) (string, error) {
		s, err := a.State(ctx)
		if err != nil {
			return "", err
		}
		n := control.StatusOf(a.Catalog.Region.Code, s)
		return fmt.Sprintf("deliveries: %d read, %d waiting for their publication; runs: %d of %d published",
			n.Deliveries.Received-n.Deliveries.Undecided, n.Deliveries.Unpublished, n.Runs.Published, n.Runs.Opened), nil
	}, a.Once)
	if err != nil {
		return err
	}
	// What is due by now; the rest is for the next time.
	notices, err := a.Notifier(told)
	if err != nil {
		return err
	}
	if _, err := notices.Step(ctx); err != nil {
		return err
	}
	st, err := direct{a}.Status(ctx)
	if err != nil {
		return err
	}
	flags, err := direct{a}.Flags(ctx)
	if err != nil {
		return err
	}
	s := summary{name: c.name, data: u.Data, drop: u.Drop, receipts: a.Received(), status: st, flags: flags, catalog: a.Catalog}
	return s.write(c.out)
}
