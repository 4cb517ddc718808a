package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/intake"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
	"larstrom/services/portal"
)

// portalOptions say what a process's portal has.
type portalOptions struct {
	// incoming is the folder of exports on their way in; empty: it takes none.
	incoming string
	// pages says that it has the pages about the data, not only the status.
	pages bool
	// data is the folder that the commands on the pages name.
	data string
}

// newPortal is the portal of a process that has the app.
func newPortal(ctx context.Context, o portalOptions, a *app.App, reg *prometheus.Registry, log *slog.Logger) (*portal.Portal, error) {
	d := direct{a}
	w := &watch{direct: d}
	reg.MustRegister(w)
	cfg := portal.Config{Source: w, Registry: reg, Logger: log.With("service", "portal")}
	if o.pages {
		cfg.Pages = &portal.Pages{Released: a.ReleasedReader(), Ledger: w, Catalog: a.Catalog, Clock: time.Now,
			Receipts: receipts{a}, Login: login{a}, Data: o.data}
	}
	if o.incoming != "" {
		var err error
		if cfg.Submit, err = control.SourceOperators(context.WithoutCancel(ctx), o.incoming, a.Catalog, d); err != nil {
			return nil, err
		}
	}
	return portal.New(cfg)
}

// receipts are those that this process keeps.
type receipts struct{ app *app.App }

func (r receipts) Receipt(_ context.Context, delivery string) (intake.Receipt, error) {
	receipt, err := r.app.Receipt(delivery)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", portal.ErrNoReceipt, err)
	}
	return receipt, err
}

// login lets in every person of the catalog.
type login struct{ app *app.App }

func (l login) Login(_ context.Context, id, token string) bool {
	_, err := control.Authenticate(l.app.Catalog, id, token)
	return err == nil
}
