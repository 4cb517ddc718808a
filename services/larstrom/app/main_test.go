package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/embedded/engine"
	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/inmemory"
)

// TestMain lets the test binary be the engine child and the process that the
// crash campaign kills. What the tests write is in memory.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "engine":
			exit(engine.RunChild(context.Background(), os.Stdin, os.Stdout))
		case "job":
			exit(job(os.Args[2], os.Args[3], os.Args[4]))
		case "intake":
			exit(intakeJob(os.Stdout, os.Args[2], os.Args[3], os.Args[4]))
		}
	}
	os.Exit(inmemory.M{Tests: m}.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// job is one whole run of the main job, with the crash that the environment
// asks for.
func job(data, catalog, drop string) error {
	var crash crashpoint.Hook
	if at := os.Getenv("TEST_CRASH_AT"); at != "" {
		var err error
		if crash, err = crashpoint.Parse(at, os.Getenv("TEST_CRASH_REACHED")); err != nil {
			return err
		}
	}
	ctx := context.Background()
	c := config(data, catalog, drop, crash)
	c.AheadBytes = 1 // every delivery is loaded ahead, where there is the time
	if strings.HasPrefix(os.Getenv("TEST_CRASH_AT"), string(crashpoint.LoadedAhead)) {
		c.Crash = whenAhead(crash)
	}
	a, err := app.Open(ctx, c)
	if err != nil {
		return err
	}
	if err := a.Once(ctx); err != nil {
		return err
	}
	return a.Close()
}

// whenAhead lets nothing be accepted before rows have been loaded ahead, so that
// a crash comes between the two.
func whenAhead(crash crashpoint.Hook) crashpoint.Hook {
	passed, files := make(chan struct{}), 0
	var once sync.Once
	return func(p crashpoint.Point) {
		switch p {
		case crashpoint.LoadedAhead:
			crash.Hit(p)
			once.Do(func() { close(passed) })
		case crashpoint.BlockPublished:
			// The rows of the first file are there when the second is received.
			if files++; files > 1 {
				select {
				case <-passed:
				case <-time.After(time.Minute):
				}
			}
		default:
		}
	}
}

// noon is the clock of the tests.
func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

func config(data, catalog, drop string, crash crashpoint.Hook) app.Config {
	return app.Config{Data: data, Catalog: catalog, Drop: drop, Settle: 300 * time.Millisecond, Clock: noon, Crash: crash, Registry: prometheus.NewRegistry(),
		Logger: slog.New(slog.NewTextHandler(logWriter(), nil))}
}

func logWriter() io.Writer {
	if os.Getenv("TEST_LOG") != "" {
		return os.Stderr
	}
	return io.Discard
}

// open starts an app that the test closes.
func open(t *testing.T, data, catalog, drop string) *app.App {
	t.Helper()
	a, err := app.Open(t.Context(), config(data, catalog, drop, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// once runs the whole main job over what lies in drop.
func once(t *testing.T, a *app.App) {
	t.Helper()
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// sql is the result of a query as tab-separated text.
func sql(t *testing.T, a *app.App, store, query string) string {
	t.Helper()
	var b bytes.Buffer
	if err := a.SQL(t.Context(), store, "TabSeparated", query, &b); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return b.String()
}

// published is every number and state that the views show, and every cell of
// the warehouse, without what tells one run from another: names of runs,
// times, revisions.
func published(t *testing.T, a *app.App) string {
	t.Helper()
	var b strings.Builder
	for _, v := range []string{"cell", "chart", "funnel", "variation"} {
		fmt.Fprintf(&b, "== %s\n%s", v, sql(t, a, "released", "SELECT * EXCEPT (run) FROM "+v+" ORDER BY ALL"))
	}
	fmt.Fprintf(&b, "== flag\n%s", sql(t, a, "released", "SELECT * EXCEPT (run, raised_at, raised_run) FROM flag ORDER BY ALL"))
	fmt.Fprintf(&b, "== warehouse\n%s", current(t, a))
	return b.String()
}

// current is the key and fingerprint of every current cell.
func current(t *testing.T, a *app.App) string {
	t.Helper()
	return sql(t, a, "warehouse", `SELECT registry, indicator, version, granularity, stratum, unit, period_start,
		argMax(tombstone, rev) AS gone, hex(argMax(fingerprint, rev)) FROM cell
		GROUP BY ALL HAVING NOT gone ORDER BY ALL`)
}

// diff shows the first lines in which two texts differ.
func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var b strings.Builder
	shown := 0
	for i := range max(len(w), len(g)) {
		var x, y string
		if i < len(w) {
			x = w[i]
		}
		if i < len(g) {
			y = g[i]
		}
		if x != y && shown < 5 {
			fmt.Fprintf(&b, "line %d\n  want %s\n  got  %s\n", i+1, x, y)
			shown++
		}
	}
	return b.String()
}

// child starts the main job in a process of its own.
func child(t *testing.T, data, catalog, drop string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "job", data, catalog, drop)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &out
}

// killed reports whether the process was ended by SIGKILL.
func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// copyDrop copies the files of a drop folder, each a second time under
// another name when twice is set.
func copyDrop(t *testing.T, from string, twice bool) string {
	t.Helper()
	to := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue // receipts that were given back
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		names := []string{e.Name()}
		if twice {
			names = append(names, strings.Replace(e.Name(), "_", "_again_", 1))
		}
		for _, n := range slices.Compact(names) {
			if err := os.WriteFile(filepath.Join(to, n), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return to
}
