package app_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"larstrom/services/larstrom/app"
)

const grafanaPassword = "what only Grafana knows"

// grafana connects as Grafana's data source does: HTTP, gzip, a deadline.
func grafana(t *testing.T, addr, password string) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{addr}, Protocol: clickhouse.HTTP, Auth: clickhouse.Auth{Username: "grafana", Password: password},
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionGZIP}, Settings: clickhouse.Settings{"limit": 1_000_000},
		ClientInfo: clickhouse.ClientInfo{Products: []struct{ Name, Version string }{{"grafana", "12.0.0"}, {"clickhouse-datasource", "4.20.0"}}},
	})
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

// ask is the answer to a query in a text format, by plain HTTP.
func ask(t *testing.T, addr, query string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/?"+url.Values{"default_format": {"TSV"}}.Encode(), strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("grafana", grafanaPassword)
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// TestClickHouse serves a store of two publications to Grafana: the views and
// what menus are built from, nothing that they supersede, also after the engine
// has died; and nothing is left when the app is closed.
func TestClickHouse(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	defer goleak.VerifyNone(t, leaks)
	catalogDir, data, files := writeCatalog(t, ""), t.TempDir(), threeNights(t)
	first, second := t.TempDir(), t.TempDir()
	dropFile(t, files, "adm_2026-02-01.csv", first)
	dropFile(t, files, "adm_2026-02-02.csv", second)
	// A store that an earlier start made, without the listener.
	a, err := app.Open(t.Context(), config(data, catalogDir, first, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.ClickHouseAddr() != "" {
		t.Errorf("served at %s, unasked", a.ClickHouseAddr())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// The next night comes while Grafana reads.
	cfg := config(data, "", second, nil)
	cfg.ClickHouse = app.ClickHouse{Listen: "127.0.0.1:0", User: "grafana", Password: grafanaPassword}
	if a, err = app.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			_ = a.Close()
		}
	}()
	addr := a.ClickHouseAddr()
	if status, got := ask(t, addr, "SELECT count() > 0, max(publication) FROM chart, run"); status != http.StatusOK || got != "1\t1\n" {
		t.Errorf("the first night: %d %q", status, got)
	}
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, got := ask(t, addr, "SELECT max(publication) FROM run"); status != http.StatusOK || got != "2\n" {
		t.Errorf("the second night: %d %q", status, got)
	}
	views := strings.Fields(sql(t, a, "released", "SELECT name FROM system.tables WHERE database = 'released' AND engine = 'View' ORDER BY name"))
	hidden := strings.Fields(sql(t, a, "released", "SELECT name FROM system.tables WHERE database = 'released' AND engine != 'View' ORDER BY name"))
	charts := sql(t, a, "released", "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM chart")
	superseded := sql(t, a, "released", "SELECT count() > 0 FROM result_chart WHERE result_set NOT IN (SELECT arrayJoin(sets) FROM (SELECT sets FROM pointer ORDER BY publication DESC LIMIT 1))")
	if !slices.Equal(views, app.ReleasedViews()) {
		t.Errorf("the store has the views %v, and %v are served", views, app.ReleasedViews())
	}
	if len(hidden) < 10 || superseded != "1\n" {
		t.Fatalf("tables %v, superseded charts: %s: nothing to hide", hidden, superseded)
	}
	conn := grafana(t, addr, grafanaPassword)
	t.Run("views", func(t *testing.T) {
		for _, view := range views {
			for _, name := range []string{view, "released." + view, `"released"."` + view + `"`} {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				rows, err := conn.Query(ctx, "SELECT * FROM "+name)
				if err == nil {
					n := 0
					for rows.Next() {
						n++
					}
					if err = errors.Join(rows.Err(), rows.Close()); err == nil && fmt.Sprintln(n) != sql(t, a, "released", "SELECT count() FROM "+view) {
						t.Errorf("%s: %d rows", name, n)
					}
				}
				cancel()
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if _, got := ask(t, addr, "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM chart"); got != charts {
			t.Errorf("charts %s, want %s", got, charts)
		}
	})
	t.Run("menus", func(t *testing.T) {
		all := strings.Join(views, "\n") + "\n"
		for query, want := range map[string]string{
			"SHOW DATABASES": "released\n", `SHOW TABLES FROM "released"`: all, "SHOW TABLES": all,
			"SELECT name FROM system.tables WHERE database = 'released' ORDER BY name": all, "SELECT name FROM system.databases ORDER BY name": "released\n",
			"SELECT count() > 20, countIf(startsWith(table, 'result_') OR table = 'pointer') FROM system.columns":                 "1\t0\n",
			"SELECT name, type, table FROM system.columns WHERE database IN ('released') AND table = 'chart' AND name = 'centre'": "centre\tNullable(Float64)\tchart\n",
		} {
			if status, got := ask(t, addr, query); status != http.StatusOK || got != want {
				t.Errorf("%s: %d %q, want %q", query, status, got, want)
			}
		}
		if status, got := ask(t, addr, `DESC TABLE "released"."chart"`); status != http.StatusOK || !strings.Contains(got, "sigma_signal\tBool") {
			t.Errorf("%d %s", status, got)
		}
	})
	t.Run("what is superseded", func(t *testing.T) {
		for _, table := range hidden {
			for _, query := range []string{"SELECT * FROM " + table, "SELECT count() FROM released." + table, "SELECT 1 FROM chart WHERE (1 IN (SELECT 1 FROM `" + table + "`))", "DESCRIBE " + table,
				"SELECT * FROM chart SETTINGS additional_table_filters = {'" + table + "': '0'}", "SELECT * FROM merge('released', '^" + table + "$')", "INSERT INTO " + table + " SELECT * FROM " + table, "DROP TABLE " + table} {
				if status, got := ask(t, addr, query); status == http.StatusOK {
					t.Errorf("%s: %q", query, got)
				}
			}
		}
		if got := sql(t, a, "released", "SELECT count(), sum(cityHash64(toString(tuple(*)))) FROM chart"); got != charts {
			t.Errorf("charts have changed: %s, want %s", got, charts)
		}
	})
	t.Run("strangers", func(t *testing.T) {
		if err := grafana(t, addr, "something else").Ping(t.Context()); err == nil {
			t.Error("a wrong password is good")
		}
		response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/?query=SELECT+1", nil)))
		if err != nil || response.StatusCode != http.StatusUnauthorized {
			t.Errorf("nobody: %v %v", response.StatusCode, err)
		}
		_ = response.Body.Close()
	})
	t.Run("for the portal", func(t *testing.T) {
		var n uint64
		if err := a.ReleasedReader().QueryRow(t.Context(), "SELECT count() FROM chart").Scan(&n); err != nil || n == 0 {
			t.Errorf("%d charts, %v", n, err)
		}
		if err := a.ReleasedReader().Exec(t.Context(), "TRUNCATE TABLE result_chart"); err == nil {
			t.Error("the reader writes")
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		released := a.Engines()[1]
		if err := syscall.Kill(released.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
			var n uint64
			err := conn.QueryRow(t.Context(), "SELECT count() FROM released.chart").Scan(&n)
			if err == nil && n > 0 && released.Restarts() > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not answer again: %v", addr, err)
			}
		}
		if status, got := ask(t, addr, "SELECT * FROM pointer"); status == http.StatusOK {
			t.Errorf("the pointer: %s", got)
		}
	})
	closed = true
	if err := errors.Join(conn.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the address is not free afterwards: %v", err)
	}
	// An address in use is told before anything starts.
	cfg.ClickHouse.Listen = addr
	if _, err := app.Open(t.Context(), cfg); !errors.Is(err, app.ErrClickHouse) || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("an address in use: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestClickHouseConfig(t *testing.T) {
	cfg := config(t.TempDir(), "", "", nil)
	cfg.ReleasedDSN, cfg.ClickHouse = "http://u:p@127.0.0.1:1/released", app.ClickHouse{Listen: "127.0.0.1:0", User: "grafana", Password: "x"}
	if _, err := app.Open(t.Context(), cfg); !errors.Is(err, app.ErrClickHouse) || !strings.Contains(err.Error(), "ClickHouse server") {
		t.Errorf("with a server: %v", err)
	}
	for _, c := range []struct {
		listen, user, password string
		want                   string // a part of the error; "": none
	}{
		{listen: ""},
		{"127.0.0.1:8123", "grafana", "x", ""},
		{"localhost:8123", "grafana", "grafana", ""},
		{"[::1]:8123", "grafana", "x", ""},
		{"127.0.0.1:8123", "grafana", "", "password is empty"},
		{"127.0.0.1:8123", "", "x", "user is empty"},
		{"8123", "grafana", "x", "want host:port"},
		{"0.0.0.0:8123", "grafana", "", "password is empty"},
		{"0.0.0.0:8123", "grafana", "short", "has 5 characters"},
		{":8123", "grafana", "elevenchars", "has 11 characters"},
		{"[::]:8123", "grafana", "grafana123456", "everybody tries"},
		{"192.0.2.1:8123", "grafana", "Password1234!", "everybody tries"},
		{"192.0.2.1:8123", "region", "regionregion", "everybody tries"},
		{"192.0.2.1:8123", "grafana", "123456789012", "everybody tries"},
		{"grafana.example:8123", "grafana", "7Q2P-longer-than-most", ""},
	} {
		err := app.ClickHouse{Listen: c.listen, User: c.user, Password: c.password}.Validate()
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, app.ErrClickHouse) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil && len(c.password) > 6 && strings.Contains(err.Error(), c.password) {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
