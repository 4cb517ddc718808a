package portal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"larstrom/pipeline/embedded/engine"
	"larstrom/pipeline/warehouse"
	schemas "larstrom/schemas/clickhouse"
)

// eng is the one engine of all the tests of this package; each store is a
// database of its own.
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
	if err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func withEngine(run func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "larstrom-portal-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	eng, err = engine.Start(context.Background(), engine.Config{Path: dir, NoSync: true,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, eng.Close()) }()
	code = run()
	if shared.conn != nil {
		err = shared.conn.Close()
	}
	return code, err
}

// store is a new released store without a publication. The caller closes the
// connection.
func store(t testing.TB, name string) driver.Conn {
	t.Helper()
	o := eng.Options()
	admin, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(admin.Exec(context.Background(), "CREATE DATABASE "+name), admin.Close()); err != nil {
		t.Fatal(err)
	}
	o = eng.Options()
	o.Auth.Database = name
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := warehouse.Migrate(context.Background(), conn, schemas.Released, "released"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// shared is the store of the region of the fixture, which no test changes.
var shared struct {
	once sync.Once
	conn driver.Conn
}
