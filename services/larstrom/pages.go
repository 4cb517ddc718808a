package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/services/ingest/upload"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
	"larstrom/services/portal"
)

// portalOptions say what a process's portal has.
type portalOptions struct {
	// incoming is the folder of exports on their way in; empty: it takes none.
	incoming string
	// uploads takes exports from the owners of feeds' tokens; nil: none.
	uploads portal.Mounted
	// behindProxy says that a proxy encrypts what comes in clear text.
	behindProxy bool
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
	cfg := portal.Config{Source: w, Registry: reg, Logger: log.With("service", "portal"), Uploads: o.uploads}
	if o.pages {
		sessions := portal.NewSessions(time.Now)
		cfg.Pages = &portal.Pages{Released: a.ReleasedReader(), Delivered: a.WarehouseReader(), Ledger: w, Catalog: a.Catalog, Clock: time.Now,
			Receipts: receipts{a}, Login: login{a}, Scope: scope{a}, Data: o.data, Desk: desk{a}, Several: desk{a}, Tasks: desk{a}, Viewings: desk{a}, Affirming: desk{a}, Sessions: sessions}
		asked, err := newReview(a, sessions, o.behindProxy, log)
		if err != nil {
			return nil, err
		}
		cfg.Review = asked
	}
	if o.incoming != "" {
		submit, err := control.SourceOperators(context.WithoutCancel(ctx), o.incoming, a.Incoming(), a.Catalog, d)
		if err != nil {
			return nil, err
		}
		cfg.Submit = private(submit, o.behindProxy)
	}
	return portal.New(cfg)
}

// newUploads takes exports over HTTPS; its Run hands them in.
func newUploads(data string, behindProxy bool, a *app.App, reg *prometheus.Registry, log *slog.Logger) (*upload.Handler, error) {
	return upload.New(upload.Config{Dir: filepath.Join(data, "uploads"), Catalog: a.Catalog, Submitter: a, Receipts: a, Clock: time.Now,
		Logger: log.With("service", "ingest", "part", "upload"), Metrics: upload.NewMetrics(reg), Seal: a.Incoming(), RefusedName: a.RefusedName, BehindProxy: behindProxy})
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

// scope lets people read what lies in their part of the organisation.
type scope struct{ app *app.App }

func (s scope) Reader(id string) portal.Reader {
	p, ok := s.app.Catalog.Index().Person(id)
	if !ok {
		return reader{}
	}
	return reader{gate.NewActor(*p, s.app.Catalog.Units, catalog.DateOf(time.Now())), s.app.Catalog}
}

// reader is one person's part.
type reader struct {
	who     gate.Actor
	catalog *catalog.Catalog
}

func (r reader) Cells(registry, unit string) bool {
	return gate.ReadsCell(r.who, registry, unit) == nil
}

func (r reader) Flag(registry string, units []string) bool {
	return gate.Reads(r.who, gate.OfFlag, []string{registry}, units) == nil
}

func (r reader) Delivery(feed string) bool {
	if r.catalog == nil {
		return false
	}
	f, ok := r.catalog.Index().Feed(feed)
	return ok && gate.ReadsDelivery(r.who, f) == nil
}
