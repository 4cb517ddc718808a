package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sourcegraph/conc/pool"

	"larstrom/services/ingest/upload"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
)

// logFlags say where the log is; the zero value: in the data folder.
type logFlags struct {
	NATS         string `name:"nats" env:"LARSTROM_NATS" placeholder:"URL" help:"NATS server or cluster with the log (default: a log in the data folder)."`
	NATSCreds    string `name:"nats-creds" env:"LARSTROM_NATS_CREDS" placeholder:"FILE" help:"Credentials file for NATS (default: none)."`
	NATSReplicas int    `name:"nats-replicas" env:"LARSTROM_NATS_REPLICAS" default:"3" placeholder:"N" help:"Copies of each stream: 3 on a cluster, 1 on a single server (default: ${default})."`
}

// replicas are asked for where the log is on a server; an embedded one has one.
func (l *logFlags) replicas() int {
	if l.NATS == "" {
		return 0
	}
	return l.NATSReplicas
}

// storeFlags say where the stores are; the zero value: in the data folder.
type storeFlags struct {
	WarehouseDSN string            `name:"warehouse-dsn" env:"LARSTROM_WAREHOUSE_DSN" placeholder:"DSN" help:"ClickHouse database of the warehouse (default: one in the data folder); better in LARSTROM_WAREHOUSE_DSN, where no process list shows it."`
	ReleasedDSN  string            `name:"released-dsn" env:"LARSTROM_RELEASED_DSN" placeholder:"DSN" help:"ClickHouse database of the released store (default: one in the data folder); better in LARSTROM_RELEASED_DSN."`
	AudienceDSN  map[string]string `name:"audience-dsn" env:"LARSTROM_AUDIENCE_DSN" placeholder:"PROFILE=DSN" help:"ClickHouse database of a wider audience of the catalog, with a user of its own; once for each, or all in LARSTROM_AUDIENCE_DSN with ; between them (default: one in the data folder). The aggregator alone needs them, and the key file."`
}

// serviceFlags are those of one service in a deployment of one process each.
// What is not named is embedded in the data folder, as with up.
type serviceFlags struct {
	dataFlag
	Catalog string `placeholder:"DIR" help:"Folder of YAML to adopt (default: the catalog adopted last)."`
	logFlags
	storeFlags
	Listen string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Address of /healthz and /metrics, of the ingest service also of uploads; empty: none (default: ${default})."`
	keyFlag
	listenFlags
	crashFlags
}

type ingestCmd struct {
	serviceFlags
	Drop string `placeholder:"DIR" help:"Folder in which exports appear (default: none; they come over HTTPS)."`
}

func (s *ingestCmd) Run(ctx context.Context, c *console) error {
	return s.serve(ctx, c, "ingest", s.Drop)
}

type aggregatorCmd struct{ serviceFlags }

func (s *aggregatorCmd) Run(ctx context.Context, c *console) error {
	return s.serve(ctx, c, "aggregator", "")
}

type validatorCmd struct{ serviceFlags }

func (s *validatorCmd) Run(ctx context.Context, c *console) error {
	return s.serve(ctx, c, "validator", "")
}

type portalCmd struct{ serviceFlags }

func (s *portalCmd) Run(ctx context.Context, c *console) error {
	if s.Listen == "" {
		return &usageError{"portal: --listen is empty, and the portal is nothing but what listens"}
	}
	return s.serve(ctx, c, "portal", "")
}

func (s *serviceFlags) serve(ctx context.Context, c *console, name, drop string) (err error) {
	if err := errors.Join(usable(s.Catalog, drop), s.usable()); err != nil {
		return err
	}
	if err := os.MkdirAll(s.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	// Where log and stores are servers, several processes share the folder of
	// raw files; where one is embedded, it can have one process.
	if s.NATS == "" || s.WarehouseDSN == "" || s.ReleasedDSN == "" {
		lock, err := control.Acquire(s.Data)
		if err != nil {
			return fmt.Errorf("%w; or name --nats, --warehouse-dsn and --released-dsn, so that services share servers", err)
		}
		defer func() { err = errors.Join(err, lock.Release()) }()
	}
	log, reg := c.logger(slog.LevelInfo), newRegistry()
	a, err := openApp(ctx, app.Config{Data: s.Data, Catalog: s.Catalog, Drop: drop, KeyFile: s.KeyFile,
		WithoutIntake: name == "aggregator" || name == "validator", NATS: s.NATS, Credentials: s.NATSCreds,
		Replicas: s.replicas(), WarehouseDSN: s.WarehouseDSN, ReleasedDSN: s.ReleasedDSN,
		AudienceDSN: s.AudienceDSN, WithoutAudiences: name != "aggregator", Logger: log, Registry: reg}, s.crashFlags)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	p := pool.New().WithContext(ctx).WithCancelOnError()
	if s.Listen != "" {
		listener, err := s.listen(ctx, s.Listen, log)
		if err != nil {
			return err
		}
		incoming := ""
		if name == "ingest" || name == "portal" {
			host, err := os.Hostname() // replicas may share the folder
			if err != nil {
				return errors.Join(err, listener.Close())
			}
			incoming = filepath.Join(s.Data, "incoming", host+"-"+name)
		}
		options := portalOptions{incoming: incoming, behindProxy: s.BehindProxy, pages: name == "portal", data: s.Data}
		var uploads *upload.Handler
		if name == "ingest" {
			if uploads, err = newUploads(s.Data, s.BehindProxy, a, reg, log); err != nil {
				return errors.Join(err, listener.Close())
			}
			options.uploads = uploads
		}
		page, err := newPortal(ctx, options, a, reg, log)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		if uploads != nil {
			p.Go(uploads.Run)
		}
		log.Info("listening", "service", name, "listen", listener.Addr().String())
		p.Go(func(ctx context.Context) error { return page.Serve(ctx, listener) })
	}
	if name != "portal" {
		p.Go(func(ctx context.Context) error { return a.RunService(ctx, name) })
	}
	log.Info("ready", "service", name)
	return p.Wait()
}
