package conformance_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/ClickHouse/clickhouse-go/v2"

	"larstrom/pipeline/embedded/engine"
	"larstrom/pipeline/embedded/engine/conformance"
)

// TestMain is also the engine's process: engine.Start runs this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		if err := engine.RunChild(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestEmbedded(t *testing.T) {
	e, err := engine.Start(t.Context(), engine.Config{
		Path: t.TempDir(), Databases: []string{"conformance"}, MaxBackoff: 100 * time.Millisecond, // it is killed often
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	conformance.Run(t, e)
	t.Run("arrow", func(t *testing.T) { arrowStreams(t, e) })
	t.Run("large arrow", func(t *testing.T) { arrowLarge(t, e) })
}

// server is a ClickHouse server by its address.
type server struct{ dsn string }

func (s server) Options() *clickhouse.Options {
	options, err := clickhouse.ParseDSN(s.dsn)
	if err != nil {
		panic(err)
	}
	return options
}

// TestServer holds a ClickHouse server to the same suite where one is given.
func TestServer(t *testing.T) {
	dsn := os.Getenv("LARSTROM_CLICKHOUSE_DSN")
	if dsn == "" {
		t.Log("LARSTROM_CLICKHOUSE_DSN is not set: only the embedded engine was tested")
		return
	}
	conformance.Run(t, server{dsn})
	t.Run("arrow", func(t *testing.T) { arrowStreams(t, server{dsn}) })
	t.Run("large arrow", func(t *testing.T) { arrowLarge(t, server{dsn}) })
}
