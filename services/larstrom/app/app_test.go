package app_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/embedded/engine"
	"larstrom/services/larstrom/app"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "engine" {
		if err := engine.RunChild(context.Background(), os.Stdin, os.Stdout); err != nil {
			slog.Error("engine", "error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestAE(t *testing.T) {
	shared := os.Getenv("LARSTROM_SHARED")
	drop := t.TempDir()
	b, err := os.ReadFile(filepath.Join(shared, "data/nhsr_ae_attendances.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(drop, "nhsr_ae_attendances.csv"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	start := time.Now()
	a, err := app.Open(ctx, app.Config{Data: t.TempDir(), Catalog: "../../../schemas/catalog/examples/nhs-ae", Drop: drop, Clock: time.Now,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("open", time.Since(start))
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	start = time.Now()
	if err := a.Once(ctx); err != nil {
		t.Fatal(err)
	}
	t.Log("once", time.Since(start))
	for _, r := range a.Received() {
		_ = r.WriteText(os.Stdout)
	}
	for _, q := range []string{"SELECT state, count() FROM cell GROUP BY state", "SELECT indicator, chart, count() FROM chart GROUP BY indicator, chart",
		"SELECT check, severity, count() FROM flag GROUP BY 1,2", "SELECT * FROM run", "SELECT indicator, stratum, count(), any(phi), any(tau2) FROM funnel GROUP BY 1,2", "SELECT * FROM variation FORMAT Vertical"} {
		if err := a.SQL(ctx, "released", "", q, os.Stdout); err != nil {
			t.Error(err)
		}
	}
}
