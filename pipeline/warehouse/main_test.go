package warehouse_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"larstrom/pipeline/embedded/engine"
	"larstrom/pipeline/warehouse"
	schemas "larstrom/schemas/clickhouse"
)

// eng is the one engine of all the tests of this package; each test has
// databases of its own.
var eng *engine.Engine

// TestMain lets the test binary be the engine child, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		if err := engine.RunChild(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code, err := withEngine(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func withEngine(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "larstrom-warehouse-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// What survives a power cut is the engine's own test; here speed counts.
	eng, err = engine.Start(context.Background(), engine.Config{Path: dir, NoSync: true,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	return run(), nil
}

// database is a connection to a new, empty database.
func database(t *testing.T, name string) driver.Conn {
	t.Helper()
	o := eng.Options()
	admin, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(admin.Exec(t.Context(), "CREATE DATABASE "+name), admin.Close()); err != nil {
		t.Fatal(err)
	}
	o = eng.Options()
	o.Auth.Database = name
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// migrated is a connection to a new store with all its migrations.
func migrated(t *testing.T, name string, fsys fs.FS, dir string) driver.Conn {
	t.Helper()
	conn := database(t, name)
	if err := warehouse.Migrate(t.Context(), conn, fsys, dir); err != nil {
		t.Fatal(err)
	}
	return conn
}

func newWarehouse(t *testing.T, name string) (*warehouse.Warehouse, driver.Conn) {
	t.Helper()
	conn := migrated(t, name, schemas.Warehouse, "warehouse")
	return warehouse.NewWarehouse(conn), conn
}

func newReleased(t *testing.T, name string) (*warehouse.Released, driver.Conn) {
	t.Helper()
	conn := migrated(t, name, schemas.Released, "released")
	return warehouse.NewReleased(conn), conn
}
