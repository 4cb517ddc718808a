package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/embedded/engine"
	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/pipeline/run"
	"larstrom/services/larstrom/app"
)

// servers starts what a scaled deployment has elsewhere: a NATS server on
// loopback TCP and two stores behind ClickHouse's HTTP interface.
func servers(t *testing.T) (nats string, dsn [2]string) {
	t.Helper()
	client, err := natsd.Start(natsd.Config{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", MaxPayload: 8 << 20, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Shutdown)
	for i, name := range []string{"warehouse", "released"} {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		e, err := engine.Start(t.Context(), engine.Config{Path: t.TempDir(), Databases: []string{name}, Command: []string{exe, "engine"},
			Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		dsn[i] = fmt.Sprintf("http://%s:%s@%s/%s", e.User(), e.Secret(), e.Addr(), name)
	}
	return "nats://" + client.ListenAddr(), dsn
}

// TestScaledDeployment runs each service in an app of its own against servers
// that are named by URL and DSN alone, and compares with one embedded process.
func TestScaledDeployment(t *testing.T) {
	catalogDir, drop := writeCatalog(t, ""), threeNights(t)
	want, _ := cleanRun(t, catalogDir, drop)
	nats, dsn := servers(t)
	scaled := func(drop string) *app.App {
		cfg := config(t.TempDir(), catalogDir, drop, nil)
		cfg.NATS, cfg.Replicas, cfg.WarehouseDSN, cfg.ReleasedDSN = nats, 1, dsn[0], dsn[1]
		cfg.Clock = time.Now
		a, err := app.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running conc.WaitGroup
	errs := make([]error, 3)
	apps := make([]*app.App, 3)
	in := t.TempDir()
	for i, name := range []string{"aggregator", "validator", "ingest"} {
		folder := ""
		if name == "ingest" {
			folder = in
		}
		apps[i] = scaled(folder)
		running.Go(func() { errs[i] = apps[i].RunService(ctx, name) })
	}
	entries, err := os.ReadDir(drop)
	if err != nil {
		t.Fatal(err)
	}
	entries = slices.DeleteFunc(entries, os.DirEntry.IsDir) // receipts that were given back
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(drop, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		write(t, in, e.Name(), string(b))
	}
	eventually(t, apps[0], func(s *run.State) bool { return len(s.Deliveries()) == len(entries) && s.Idle() })
	if got := published(t, apps[1]); got != want {
		t.Errorf("the scaled deployment publishes something else:\n%s", diff(want, got))
	}
	stop()
	running.Wait()
	err = errors.Join(errs...)
	for _, a := range apps {
		err = errors.Join(err, a.Close())
	}
	if err != nil {
		t.Error(err)
	}
}
