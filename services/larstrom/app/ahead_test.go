package app_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"larstrom/pipeline/crashpoint"
	"larstrom/services/larstrom/app"
)

// Rows are in the store before their delivery is accepted, in a table of their
// own: obs has none of them, and the tables are gone when they are facts.
func TestRowsAheadOfAcceptance(t *testing.T) {
	ctx := t.Context()
	var conn driver.Conn
	const inTables = "SELECT toInt64(count()), toInt64(ifNull(sum(total_rows), 0)) FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'obs_ahead_')"
	var tables, ahead, facts int64
	look := func() error {
		return errors.Join(conn.QueryRow(context.WithoutCancel(ctx), inTables).Scan(&tables, &ahead),
			conn.QueryRow(context.WithoutCancel(ctx), "SELECT toInt64(count()) FROM obs").Scan(&facts))
	}
	first := true
	c := config(t.TempDir(), writeCatalog(t, ""), threeNights(t), whenAhead(func(p crashpoint.Point) {
		if p != crashpoint.LoadedAhead || !first {
			return
		}
		first = false
		if err := look(); err != nil || facts > 0 || ahead == 0 {
			t.Errorf("before anything is accepted: %d rows in obs, %d in %d tables of their own, %v", facts, ahead, tables, err)
		}
	}))
	c.AheadBytes = 1
	a, err := app.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if conn, err = a.Engines()[0].Open(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }() // it has read all that it is to read
	once(t, a)
	if err := look(); err != nil || first || tables > 0 || facts == 0 {
		t.Errorf("at the end: %d rows in obs, %d tables of rows that are no facts (were there any: %v), %v", facts, tables, !first, err)
	}
	report, err := a.Verify(ctx, func(string) {})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %v %v", report.Problems, err)
	}
}
