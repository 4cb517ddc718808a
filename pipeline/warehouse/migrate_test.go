package warehouse_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/event/block"
	"larstrom/pipeline/warehouse"
	schemas "larstrom/schemas/clickhouse"
)

// lines are the rows of a query, their values joined by blanks.
func lines(t *testing.T, conn driver.Conn, query string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		values := make([]any, len(rows.Columns()))
		for i, c := range rows.ColumnTypes() {
			values[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		parts := make([]string, len(values))
		for i, v := range values {
			parts[i] = written(reflect.ValueOf(v).Elem())
		}
		out = append(out, strings.Join(parts, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// written is a scanned value as text; NULL is a pointer to nothing.
func written(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "NULL"
		}
		v = v.Elem()
	}
	if d, ok := v.Interface().(time.Time); ok {
		return d.UTC().Format("2006-01-02T15:04:05.000")
	}
	return fmt.Sprint(v.Interface())
}

func TestMigrate(t *testing.T) {
	conn := database(t, "migrate")
	files := fstest.MapFS{
		"m/001_a.sql": {Data: []byte("-- a comment; with a semicolon\nCREATE TABLE IF NOT EXISTS a (x String) ENGINE = MergeTree ORDER BY x;\n" +
			"-- INSERT INTO a VALUES ('not');\nINSERT INTO a VALUES ('one;');\n")},
		"m/002_b.sql": {Data: []byte("INSERT INTO a VALUES ('two')")},
		"m/readme.md": {Data: []byte("not a migration")},
		"n/001_c.sql": {Data: []byte("INSERT INTO a VALUES ('three')")},
	}
	with := func(change func(fstest.MapFS)) fstest.MapFS {
		m := fstest.MapFS{}
		for k, v := range files {
			m[k] = v
		}
		change(m)
		return m
	}
	for i := range 2 {
		if err := warehouse.Migrate(t.Context(), conn, files, "m"); err != nil {
			t.Fatalf("time %d: %v", i+1, err)
		}
		if got := lines(t, conn, "SELECT x FROM a ORDER BY x"); !slices.Equal(got, []string{"one;", "two"}) {
			t.Fatalf("time %d: the table holds %q", i+1, got)
		}
	}
	more := with(func(m fstest.MapFS) { m["m/003_c.sql"] = &fstest.MapFile{Data: []byte("INSERT INTO a VALUES ('3')")} })
	for name, c := range map[string]struct {
		files fstest.MapFS
		says  string
	}{
		"a changed file": {with(func(m fstest.MapFS) { m["m/002_b.sql"] = &fstest.MapFile{Data: []byte("SELECT 1")} }), "002_b.sql"},
		"a file is gone": {with(func(m fstest.MapFS) { delete(m, "m/001_a.sql") }), "001_a.sql"},
	} {
		if err := warehouse.Migrate(t.Context(), conn, c.files, "m"); !errors.Is(err, warehouse.ErrMigration) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := warehouse.Migrate(t.Context(), conn, more, "m"); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, conn, "SELECT x FROM a ORDER BY x"); !slices.Equal(got, []string{"3", "one;", "two"}) {
		t.Errorf("the table holds %q", got)
	}
	if err := warehouse.Migrate(t.Context(), conn, files, "m"); !errors.Is(err, warehouse.ErrMigration) || !strings.Contains(err.Error(), "003_c.sql") {
		t.Errorf("an older program: %v", err)
	}
	bad := with(func(m fstest.MapFS) { m["m/004_bad.sql"] = &fstest.MapFile{Data: []byte("CREATE NONSENSE")} })
	bad["m/003_c.sql"] = more["m/003_c.sql"]
	for range 2 { // what failed was not applied and fails again
		if err := warehouse.Migrate(t.Context(), conn, bad, "m"); err == nil || !strings.Contains(err.Error(), "004_bad.sql") {
			t.Errorf("a wrong statement: %v", err)
		}
	}
}

// A crash between two statements leaves a part; the next start mends it.
func TestMigrationsAreRepeatable(t *testing.T) {
	conn := migrated(t, "migrate_again", schemas.Warehouse, "warehouse")
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE migration"); err != nil {
		t.Fatal(err)
	}
	if err := warehouse.Migrate(t.Context(), conn, schemas.Warehouse, "warehouse"); err != nil {
		t.Error(err)
	}
	conn = migrated(t, "migrate_again_released", schemas.Released, "released")
	if err := conn.Exec(t.Context(), "TRUNCATE TABLE migration"); err != nil {
		t.Fatal(err)
	}
	if err := warehouse.Migrate(t.Context(), conn, schemas.Released, "released"); err != nil {
		t.Error(err)
	}
}

// The loader hands blocks on undecoded, so tables and blocks must agree.
func TestTablesAreTheBlocks(t *testing.T) {
	conn := migrated(t, "schema", schemas.Warehouse, "warehouse")
	for _, s := range []block.Schema{block.ObservationSchema(), block.CellSchema()} {
		var want []string
		for _, c := range s.Columns {
			want = append(want, c.Name+" "+c.ClickHouse)
		}
		slices.Sort(want) // columns of a block find theirs by name
		got := lines(t, conn, "SELECT name, type FROM system.columns WHERE database = 'schema' AND table = ?", s.Table)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("table %s (-block +table):\n%s", s.Table, d)
		}
	}
}

func TestConnect(t *testing.T) {
	for _, dsn := range []string{"", "clickhouse://host:9000/db", "nonsense://x", "http://host:port/db"} {
		if conn, err := warehouse.Connect(dsn); !errors.Is(err, warehouse.ErrDSN) {
			t.Errorf("%q: %v, %v", dsn, conn, err)
		}
	}
	conn, err := warehouse.Connect(fmt.Sprintf("http://%s:%s@%s/default", eng.User(), eng.Secret(), eng.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	got := lines(t, conn, "SELECT name, value FROM system.settings WHERE name IN ('async_insert', 'insert_deduplicate') ORDER BY name")
	if !slices.Equal(got, []string{"async_insert 0", "insert_deduplicate 0"}) {
		t.Errorf("settings %q", got)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
}
