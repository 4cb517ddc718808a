package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"github.com/sourcegraph/conc/pool"
)

// Target is a ClickHouse under test.
type Target interface {
	// Options returns options of its own for each call; the suite changes them.
	Options() *clickhouse.Options
}

// Process is a Target whose server process may be measured and killed, and comes
// back by itself.
type Process interface {
	Pid() int
	Restarts() int
}

// Run runs the whole suite.
func Run(t *testing.T, target Target) {
	s := suite{target}
	t.Run("types", s.types)
	t.Run("zero rows", s.zeroRows)
	t.Run("parameters", s.parameters)
	t.Run("settings", s.settings)
	t.Run("exceptions", s.exceptions)
	t.Run("exception in mid-stream", s.midStream)
	t.Run("compression", s.compression)
	t.Run("formats", s.formats)
	t.Run("large result", s.largeResult)
	t.Run("large insert", s.largeInsert)
	t.Run("cancel by context", s.cancelByContext)
	t.Run("kill query", s.killQuery)
	t.Run("concurrency", s.concurrency)
	if p, ok := target.(Process); ok {
		t.Run("process killed", func(t *testing.T) { s.processKilled(t, p) })
	}
}

type suite struct{ target Target }

// patience is the longest that the suite waits for something that should be
// there at once.
const patience = 30 * time.Second

func (s suite) open(t *testing.T, change ...func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	options := s.target.Options()
	for _, c := range change {
		c(options)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

// table creates a table under a name of its own.
func (s suite) table(t *testing.T, conn driver.Conn, columns, engine string) string {
	t.Helper()
	name := "conformance_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	exec(t, conn, "CREATE TABLE "+name+" ("+columns+") ENGINE = "+engine)
	t.Cleanup(func() {
		if err := conn.Exec(context.Background(), "DROP TABLE "+name+" SYNC"); err != nil {
			t.Errorf("drop: %v", err)
		}
	})
	return name
}

func exec(t *testing.T, conn driver.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// value reads one value.
func value[T any](t *testing.T, ctx context.Context, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(ctx, sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// drain reads a result to its end.
func drain(conn driver.Conn, ctx context.Context, sql string, each func(n int)) (int, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return 0, err
	}
	n := 0
	for rows.Next() {
		n++
		if each != nil {
			each(n)
		}
	}
	return n, errors.Join(rows.Err(), rows.Close())
}

// until polls a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		if condition() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func wantCode(t *testing.T, what string, err error, code int32) {
	t.Helper()
	var exception *clickhouse.Exception
	switch {
	case err == nil:
		t.Errorf("%s: no error, want code %d", what, code)
	case !errors.As(err, &exception):
		t.Errorf("%s: %v (%T), want *clickhouse.Exception with code %d", what, err, err, code)
	case exception.Code != code:
		t.Errorf("%s: code %d (%s), want %d", what, exception.Code, exception.Message, code)
	}
}

// running counts the queries that carry mark in their text, but for the one that
// asks.
func running(t *testing.T, conn driver.Conn, mark string) uint64 {
	t.Helper()
	return value[uint64](t, t.Context(), conn,
		"SELECT count() FROM system.processes WHERE query LIKE '%"+mark+"%' AND query NOT LIKE '%system.processes%'")
}

func (s suite) zeroRows(t *testing.T) {
	conn := s.open(t)
	name := s.table(t, conn, "a UInt64, b Nullable(String), c LowCardinality(String)", "MergeTree ORDER BY a")
	for _, sql := range []string{
		"SELECT a, b, c FROM " + name,
		"SELECT a, b, c FROM " + name + " SETTINGS max_threads = 1",
		"WITH 1 AS x SELECT a, b, c FROM " + name + " WHERE a = x -- nothing",
		"SELECT a, b, c FROM " + name + " UNION ALL SELECT a, b, c FROM " + name + ";",
	} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if rows.Next() {
			t.Errorf("%s: has a row", sql)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
		if got := strings.Join(rows.Columns(), ","); got != "a,b,c" {
			t.Errorf("%s: columns %q, want a,b,c", sql, got)
		}
	}
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+name)
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Send(); err != nil {
		t.Errorf("a batch of no rows: %v", err)
	}
	if err := conn.InsertFormat(t.Context(), "CSV", "INSERT INTO "+name, strings.NewReader("")); err != nil {
		t.Errorf("a CSV of no rows: %v", err)
	}
}

func (s suite) parameters(t *testing.T) {
	conn := s.open(t)
	for _, text := range []string{
		"plain", "", "åäö € 🚑", "it's", `back\slash`, `\'; DROP TABLE nothing; --`, "'; SELECT 1; --", `{x:String}`, "a;b", "%d", `"q"`, "`b`",
		"two\nlines", "a\ttab",
	} {
		got := value[string](t, t.Context(), conn, "SELECT {x:String}", clickhouse.Named("x", text))
		if got != text {
			t.Errorf("parameter %q came back as %q", text, got)
		}
	}
	if got := value[uint64](t, t.Context(), conn, "SELECT {a:UInt64} + {b:UInt64} + {a:UInt64}", clickhouse.Named("a", 20), clickhouse.Named("b", 2)); got != 42 {
		t.Errorf("parameters by name: %d, want 42", got)
	}
	if got := value[uint64](t, t.Context(), conn, "SELECT count() FROM {d:Identifier}.{t:Identifier}", clickhouse.Named("d", "system"), clickhouse.Named("t", "one")); got != 1 {
		t.Errorf("identifier parameter: %d, want 1", got)
	}
	if got := value[string](t, t.Context(), conn, "SELECT arrayStringConcat({x:Array(String)}, '|')", clickhouse.Named("x", []string{"a", "b'c"})); got != "a|b'c" {
		t.Errorf("array parameter: %q", got)
	}
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	if got := value[time.Time](t, t.Context(), conn, "SELECT {d:Date}", clickhouse.Named("d", "2024-02-29")); !got.Equal(day) {
		t.Errorf("date parameter: %s", got)
	}
	// One query's parameters are not the next one's.
	var v string
	wantCode(t, "a parameter of the query before", conn.QueryRow(t.Context(), "SELECT {x:String}").Scan(&v), 456)
}

func (s suite) settings(t *testing.T) {
	conn := s.open(t)
	limited := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_result_rows": 10, "max_threads": 1}))
	_, err := drain(conn, limited, "SELECT number FROM numbers(1000)", nil)
	wantCode(t, "max_result_rows", err, 396)
	if got := value[uint64](t, limited, conn, "SELECT toUInt64(getSetting('max_threads'))"); got != 1 {
		t.Errorf("max_threads = %d within its query, want 1", got)
	}
	for range 20 { // whichever connection it gets
		if n, err := drain(conn, t.Context(), "SELECT number FROM numbers(1000)", nil); n != 1000 || err != nil {
			t.Fatalf("the next query: %d rows, %v; want 1000", n, err)
		}
	}
	for _, text := range []string{"it's", `x', max_result_rows = '1`, `back\`, `\', max_result_rows = 1 --`, "a\nb", "; SELECT 1", "åäö"} {
		ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"log_comment": text}))
		if got := value[string](t, ctx, conn, "SELECT getSetting('log_comment')"); got != text {
			t.Errorf("setting %q came back as %q", text, got)
		}
		if got := value[uint64](t, ctx, conn, "SELECT toUInt64(getSetting('max_result_rows'))"); got != 0 {
			t.Errorf("setting %q also set max_result_rows = %d", text, got)
		}
	}
	unknown := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"no_such_setting": 1}))
	wantCode(t, "unknown setting", conn.Exec(unknown, "SELECT 1"), 115)
	exec(t, conn, "SET max_threads = 1") // a session of its own
	exec(t, conn, "USE system")
	database := s.target.Options().Auth.Database
	if got := value[string](t, t.Context(), conn, "SELECT currentDatabase()"); got != database {
		t.Errorf("database after USE: %q, want %q", got, database)
	}
}

func (s suite) exceptions(t *testing.T) {
	conn := s.open(t)
	with := func(name string, v any) context.Context {
		return clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{name: v}))
	}
	for _, c := range []struct {
		sql  string
		code int32
		ctx  context.Context
	}{
		{sql: "SELECT * FROM no_such_table", code: 60},
		{sql: "SELEC 1", code: 62},
		{sql: "SELECT (1", code: 62},
		{sql: "SELECT 'open", code: 62},
		{sql: "SELECT no_such_column", code: 47},
		{sql: "SELECT * FROM no_such_database.t", code: 81},
		{sql: "SELECT noSuchFunction()", code: 46},
		{sql: "SELECT throwIf(1)", code: 395},
		{sql: "SELECT groupArray(toString(number)) FROM numbers(1e8)", code: 241, ctx: with("max_memory_usage", 50<<20)},
		{sql: "SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))", code: 159, ctx: with("max_execution_time", 1)},
		{sql: "SELECT 1; SELECT 2", code: 62},
		{sql: "INSERT INTO no_such_table VALUES (1)", code: 60},
	} {
		ctx := c.ctx
		if ctx == nil {
			ctx = t.Context()
		}
		wantCode(t, c.sql, conn.Exec(ctx, c.sql), c.code)
		_, err := drain(conn, ctx, c.sql, nil)
		wantCode(t, "query: "+c.sql, err, c.code)
	}
	name := s.table(t, conn, "a UInt8", "MergeTree ORDER BY a")
	var exception *clickhouse.Exception
	if err := conn.InsertFormat(t.Context(), "CSV", "INSERT INTO "+name, strings.NewReader("1\n2\nthree\n")); !errors.As(err, &exception) {
		t.Errorf("insert of text into a number: %v", err)
	}
	if got := value[uint64](t, t.Context(), conn, "SELECT count() FROM "+name); got != 0 {
		t.Errorf("a failed insert left %d rows", got)
	}
	exec(t, conn, "INSERT INTO "+name+" VALUES (1), (2)")
	exec(t, conn, "INSERT INTO "+name+" SELECT 3")
	if got := value[uint64](t, t.Context(), conn, "SELECT sum(a) FROM "+name); got != 6 {
		t.Errorf("sum = %d, want 6", got)
	}
}

// compressions are the driver's.
func compressions() map[string]clickhouse.CompressionMethod {
	return map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone, "gzip": clickhouse.CompressionGZIP, "deflate": clickhouse.CompressionDeflate,
		"lz4": clickhouse.CompressionLZ4, "zstd": clickhouse.CompressionZSTD,
	}
}

func compressed(method clickhouse.CompressionMethod) func(*clickhouse.Options) {
	return func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: method, Level: 3} }
}

func (s suite) midStream(t *testing.T) {
	const sql = "SELECT number, toString(number), throwIf(number = 400000) FROM numbers(600000) SETTINGS max_threads = 1"
	for name, method := range compressions() {
		conn := s.open(t, compressed(method))
		n, err := drain(conn, t.Context(), sql, nil)
		wantCode(t, name, err, 395)
		if n == 0 || n >= 400_000 {
			t.Errorf("%s: %d rows before the exception, want some of the first 400000", name, n)
		}
		for _, format := range []string{"CSV", "JSON", "RowBinary"} {
			stream, err := conn.QueryFormat(t.Context(), format, sql)
			if err == nil {
				_, err = io.Copy(io.Discard, stream)
				_ = stream.Close()
			}
			wantCode(t, name+", "+format, err, 395)
		}
		// The connection is good for another query.
		if got := value[uint8](t, t.Context(), conn, "SELECT 1"); got != 1 {
			t.Errorf("%s: afterwards: %d", name, got)
		}
	}
}

func (s suite) compression(t *testing.T) {
	const rows = 100_000
	for name, method := range compressions() {
		t.Run(name, func(t *testing.T) {
			conn := s.open(t, compressed(method))
			table := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
			insertRows(t, t.Context(), conn, table, rows)
			checkRows(t, conn, table, rows)
			n, err := drain(conn, t.Context(), "SELECT * FROM "+table, nil)
			if err != nil || n != rows {
				t.Errorf("%d rows, %v; want %d", n, err, rows)
			}
			stream, err := conn.QueryFormat(t.Context(), "TSV", "SELECT * FROM "+table+" ORDER BY a")
			if err != nil {
				t.Fatal(err)
			}
			copyOf := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
			if err := conn.InsertFormat(t.Context(), "TSV", "INSERT INTO "+copyOf, stream); err != nil {
				t.Fatal(err)
			}
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
			checkRows(t, conn, copyOf, rows)
			wantCode(t, name, conn.Exec(t.Context(), "SELECT no_such_column"), 47)
			_, err = conn.Query(t.Context(), "SELECT no_such_column")
			wantCode(t, name, err, 47)
		})
	}
}

// insertRows inserts rows 0 … n-1 of a known table.
func insertRows(t testing.TB, ctx context.Context, conn driver.Conn, table string, n int) {
	t.Helper()
	if err := tryInsertRows(ctx, conn, table, 0, n); err != nil {
		t.Fatal(err)
	}
}

// tryInsertRows inserts rows first … first+n-1 in one batch, by column.
func tryInsertRows(ctx context.Context, conn driver.Conn, table string, first, n int) error {
	a, b, c, d := make([]uint64, n), make([]string, n), make([]string, n), make([]*float64, n)
	for i := range n {
		k := first + i
		a[i], b[i], c[i] = uint64(k), strconv.Itoa(k), "c"+strconv.Itoa(k%100)
		if k%3 == 0 {
			f := float64(k) / 2
			d[i] = &f
		}
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" (a, b, c, d)")
	if err != nil {
		return err
	}
	for i, column := range []any{a, b, c, d} {
		if err := batch.Column(i).Append(column); err != nil {
			return err
		}
	}
	return batch.Send()
}

func checkRows(t *testing.T, conn driver.Conn, table string, n int) {
	t.Helper()
	good := value[uint64](t, t.Context(), conn, fmt.Sprintf(
		"SELECT countIf(b = toString(a) AND c = concat('c', toString(a %% 100)) AND ifNull(d, -1) = if(a %% 3 = 0, a / 2, -1)) FROM (SELECT DISTINCT * FROM %s)", table))
	all := value[uint64](t, t.Context(), conn, "SELECT count() FROM "+table)
	if good != uint64(n) || all != uint64(n) {
		t.Errorf("%d of %d rows are as inserted, want %d", good, all, n)
	}
}

func (s suite) formats(t *testing.T) {
	conn := s.open(t)
	for _, c := range []struct{ format, sql, want string }{
		{"TSV", "SELECT number, 'a' FROM numbers(2)", "0\ta\n1\ta\n"},
		{"CSVWithNames", "SELECT number AS n FROM numbers(2)", "\"n\"\n0\n1\n"},
		{"JSONEachRow", "SELECT number AS n FROM numbers(2)", "{\"n\":0}\n{\"n\":1}\n"},
		{"CSVWithNames", "SELECT number AS n FROM numbers(0)", "\"n\"\n"},
		{"TSV", "SHOW TABLES FROM system LIKE 'one'", "one\n"},
		{"TSV", "EXISTS TABLE system.one", "1\n"},
		{"Values", "SELECT 1, 'it''s' -- at the end", `(1,'it\'s')`},
		{"TSV", "(SELECT 1) UNION ALL (SELECT 1);", "1\n1\n"},
	} {
		stream, err := conn.QueryFormat(t.Context(), c.format, c.sql)
		if err != nil {
			t.Errorf("%s as %s: %v", c.sql, c.format, err)
			continue
		}
		got, err := io.ReadAll(stream)
		if err := errors.Join(err, stream.Close()); err != nil || string(got) != c.want {
			t.Errorf("%s as %s: %q, %v; want %q", c.sql, c.format, got, err, c.want)
		}
	}
	// A format is written once, not once a block.
	stream, err := conn.QueryFormat(t.Context(), "CSVWithNames", "SELECT number AS a_name FROM numbers(300000)")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		t.Fatal(err)
	}
	if lines, heads := strings.Count(string(got), "\n"), strings.Count(string(got), "a_name"); lines != 300001 || heads != 1 {
		t.Errorf("CSV of 300000 rows has %d lines and %d headers", lines, heads)
	}
	// What one format wrote another table reads, byte for byte.
	for _, format := range []string{"Native", "Parquet", "JSONEachRow", "RowBinaryWithNamesAndTypes", "JSONCompact", "CSV", "Arrow"} {
		from := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
		to := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
		insertRows(t, t.Context(), conn, from, 100_000)
		stream, err := conn.QueryFormat(t.Context(), format, "SELECT a, b, c, d FROM "+from)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		err = conn.InsertFormat(t.Context(), format, "INSERT INTO "+to+" (a, b, c, d)", stream)
		if format == "Native" && err != nil {
			// Over HTTP the driver asks for blocks at its own revision, which an
			// insert does not take.
			err = nil
			insertRows(t, t.Context(), conn, to, 100_000)
		}
		if err := errors.Join(err, stream.Close()); err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		checkRows(t, conn, to, 100_000)
	}
	// Columns computed from rows that are streamed in.
	to := s.table(t, conn, "a UInt64, b String", "MergeTree ORDER BY a")
	err = conn.InsertFormat(t.Context(), "CSV", "INSERT INTO "+to+" SELECT a * 10, 'x' FROM input('a UInt64')", strings.NewReader("1\n2\n"))
	if err != nil {
		t.Errorf("insert with input(): %v", err)
	} else if got := value[uint64](t, t.Context(), conn, "SELECT sum(a) FROM "+to+" WHERE b = 'x'"); got != 30 {
		t.Errorf("insert with input(): sum %d, want 30", got)
	}
}

// resident is a process's memory in bytes, or 0 where the system does not say.
func resident(pid int) int64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// flat fails when memory grows by more than limit while work calls sample.
func (s suite) flat(t *testing.T, what string, limit int64, work func(sample func())) {
	t.Helper()
	pid := 0
	if p, ok := s.target.(Process); ok {
		pid = p.Pid()
	}
	runtime.GC()
	ownBefore, otherBefore := heap(), resident(pid)
	own, other := int64(0), int64(0)
	work(func() {
		own = max(own, heap()-ownBefore)
		other = max(other, resident(pid)-otherBefore)
	})
	t.Logf("%s: own heap grew by %d MiB, the process by %d MiB (from %d)", what, own>>20, other>>20, otherBefore>>20)
	if own > limit || other > limit {
		t.Errorf("%s: memory grew by %d (own) and %d MiB (process), want at most %d", what, own>>20, other>>20, limit>>20)
	}
}

func (s suite) largeResult(t *testing.T) {
	const rows = 10_000_000 // 190 MB in Native, 180 MB in CSV
	const sql = "SELECT number AS a, toString(number) AS b FROM numbers(10000000)"
	conn := s.open(t)
	s.flat(t, "10 M rows through the driver", 150<<20, func(sample func()) {
		result, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Fatal(err)
		}
		var a, sum uint64
		var b string
		n := 0
		for result.Next() {
			if n++; n%1000 == 1 {
				if err := result.Scan(&a, &b); err != nil {
					t.Fatal(err)
				}
				sum += a
			}
			if n%500_000 == 0 {
				sample()
			}
		}
		if err := errors.Join(result.Err(), result.Close()); err != nil || n != rows {
			t.Fatalf("%d rows, %v; want %d", n, err, rows)
		}
		if want := uint64(rows/1000) * (rows/1000 - 1) / 2 * 1000; sum != want {
			t.Errorf("sum of every thousandth = %d, want %d", sum, want)
		}
	})
	s.flat(t, "10 M rows as CSV", 250<<20, func(sample func()) {
		stream, err := conn.QueryFormat(t.Context(), "CSV", sql)
		if err != nil {
			t.Fatal(err)
		}
		lines, bytes := 0, 0
		buffer := make([]byte, 1<<20)
		for {
			n, err := stream.Read(buffer)
			for _, c := range buffer[:n] {
				if c == '\n' {
					lines++
				}
			}
			if bytes>>23 != (bytes+n)>>23 {
				sample()
			}
			bytes += n
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := stream.Close(); err != nil || lines != rows {
			t.Errorf("%d lines, %v; want %d", lines, err, rows)
		}
	})
}

func (s suite) largeInsert(t *testing.T) {
	const rows = 1_000_000
	conn := s.open(t)
	table := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
	insertRows(t, t.Context(), conn, table, rows)
	checkRows(t, conn, table, rows)
	if parts := value[uint64](t, t.Context(), conn, "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = {t:String}", clickhouse.Named("t", table)); parts != 1 {
		t.Errorf("one insert made %d parts, want 1: it is not atomic", parts)
	}
}

func (s suite) cancelByContext(t *testing.T) {
	conn := s.open(t)
	for _, sql := range []string{
		"SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))",
		"SELECT number FROM numbers(1e13)",
		"INSERT INTO FUNCTION null('a UInt64') SELECT number FROM numbers(1e13) WHERE sipHash64(number) = 1",
	} {
		mark := "mark_" + uuid.NewString()
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() { _, err := drain(conn, ctx, sql+" /* "+mark+" */", nil); failed <- err }()
		until(t, "the query runs", func() bool { return running(t, conn, mark) > 0 })
		cancel()
		select {
		case err := <-failed:
			if err == nil {
				t.Errorf("%s: no error after cancellation", sql)
			}
		case <-time.After(patience):
			t.Fatalf("%s: did not return after cancellation", sql)
		}
		until(t, "the cancelled query stops working", func() bool { return running(t, conn, mark) == 0 })
	}
}

func (s suite) killQuery(t *testing.T) {
	conn := s.open(t)
	for _, sql := range []string{
		"SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))",
		"SELECT number FROM numbers(1e13)",
		"SELECT number FROM numbers(1e13) FORMAT CSV",
		"INSERT INTO FUNCTION null('a UInt64') SELECT number FROM numbers(1e13) WHERE sipHash64(number) = 1",
	} {
		id := "kill_" + uuid.NewString()
		ctx := clickhouse.Context(t.Context(), clickhouse.WithQueryID(id))
		failed := make(chan error, 1)
		go func() {
			if strings.Contains(sql, "FORMAT") {
				stream, err := conn.QueryFormat(ctx, "CSV", "SELECT number FROM numbers(1e13) /* "+id+" */")
				if err == nil {
					_, err = io.Copy(io.Discard, stream)
					_ = stream.Close()
				}
				failed <- err
				return
			}
			_, err := drain(conn, ctx, sql+" /* "+id+" */", nil)
			failed <- err
		}()
		until(t, "the query runs", func() bool { return running(t, conn, id) > 0 })
		// From another connection; nothing else may be ended by it.
		other := s.open(t)
		exec(t, other, "KILL QUERY WHERE query_id = 'another' ASYNC")
		if running(t, conn, id) == 0 {
			t.Fatalf("%s: was ended by another's KILL", sql)
		}
		exec(t, other, "KILL QUERY WHERE query_id = '"+id+"' ASYNC")
		select {
		case err := <-failed:
			wantCode(t, sql, err, 394)
		case <-time.After(patience):
			t.Fatalf("%s: did not return after KILL", sql)
		}
		until(t, "the killed query stops working", func() bool { return running(t, conn, id) == 0 })
	}
}

func (s suite) concurrency(t *testing.T) {
	conn := s.open(t, func(o *clickhouse.Options) { o.MaxOpenConns = 40; o.MaxIdleConns = 40 })
	table := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
	work := pool.New().WithErrors()
	for i := range 16 {
		work.Go(func() error {
			for j := range 4 {
				var sum uint64
				if err := conn.QueryRow(t.Context(), "SELECT sum(number) FROM numbers(1000000)").Scan(&sum); err != nil || sum != 499999500000 {
					return fmt.Errorf("sum: %d, %w", sum, err)
				}
				if n, err := drain(conn, t.Context(), "SELECT number, toString(number) FROM numbers(100000)", nil); err != nil || n != 100000 {
					return fmt.Errorf("stream: %d rows, %w", n, err)
				}
				if err := tryInsertRows(t.Context(), conn, table, (i*4+j)*1000, 1000); err != nil {
					return fmt.Errorf("insert: %w", err)
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	checkRows(t, conn, table, 16*4*1000)
}

// kill ends the process at once and waits until it answers again.
func (s suite) kill(t *testing.T, p Process, conn driver.Conn) {
	t.Helper()
	before, pid := p.Restarts(), p.Pid()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the process is started again", func() bool { return p.Restarts() > before && p.Pid() != 0 })
	until(t, "the process answers", func() bool { return conn.Ping(t.Context()) == nil })
}

func (s suite) processKilled(t *testing.T, p Process) {
	t.Run("select stream", func(t *testing.T) {
		for _, name := range []string{"none", "gzip", "lz4"} {
			method := compressions()[name]
			conn := s.open(t, compressed(method))
			killed := false
			n, err := drain(conn, t.Context(), "SELECT number, toString(number) FROM numbers(1e9)", func(n int) {
				if n == 500_000 {
					s.kill(t, p, s.open(t))
					killed = true
				}
			})
			if !killed || err == nil {
				t.Errorf("%s: killed=%v, %d rows and error %v; want an error", name, killed, n, err)
			}
			stream, err := conn.QueryFormat(t.Context(), "CSV", "SELECT number FROM numbers(1e9)")
			if err != nil {
				t.Errorf("%s: the next query: %v", name, err)
				continue
			}
			if _, err := io.CopyN(io.Discard, stream, 1<<20); err != nil {
				t.Errorf("%s: the next query: %v", name, err)
			}
			s.kill(t, p, s.open(t))
			if n, err := io.Copy(io.Discard, stream); err == nil {
				t.Errorf("%s: %d bytes of CSV without an error", name, n)
			}
			_ = stream.Close()
		}
	})
	t.Run("inserts", func(t *testing.T) { s.killInserts(t, p, 1) })
	t.Run("16 inserts at once", func(t *testing.T) { s.killInserts(t, p, 16) })
	t.Run("16 selects at once", func(t *testing.T) {
		conn := s.open(t, func(o *clickhouse.Options) { o.MaxOpenConns = 40; o.MaxIdleConns = 40 })
		mark := "mark_" + uuid.NewString()
		work := pool.New().WithErrors()
		for range 16 {
			work.Go(func() error {
				if n, err := drain(conn, t.Context(), "SELECT number FROM numbers(1e10) /* "+mark+" */", nil); err == nil {
					return fmt.Errorf("%d rows without an error", n)
				}
				return nil
			})
		}
		until(t, "all queries run", func() bool { return running(t, conn, mark) == 16 })
		s.kill(t, p, s.open(t))
		if err := work.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// killInserts kills the process while writers insert, and checks that what was
// acknowledged is all there and what was not is there whole or not at all.
func (s suite) killInserts(t *testing.T, p Process, writers int) {
	const rows = 20_000
	conn := s.open(t, func(o *clickhouse.Options) { o.MaxOpenConns = 40; o.MaxIdleConns = 40 })
	table := s.table(t, conn, "a UInt64, b String, c LowCardinality(String), d Nullable(Float64)", "MergeTree ORDER BY a")
	for round := range 3 {
		acknowledged := make(chan int, 10_000)
		stop, cancel := context.WithCancel(t.Context())
		work := pool.New()
		for w := range writers {
			work.Go(func() {
				for i := 0; stop.Err() == nil; i++ {
					batch := (round*1000+i)*writers + w
					if err := tryInsertRows(stop, conn, table, batch*rows, rows); err != nil {
						return // once down, this writer is done: its last batch is in doubt
					}
					acknowledged <- batch
				}
			})
		}
		until(t, "some inserts are acknowledged", func() bool { return len(acknowledged) >= 2*writers })
		s.kill(t, p, s.open(t))
		cancel()
		work.Wait()
		close(acknowledged)

		present := make(map[int]uint64)
		result, err := conn.Query(t.Context(), fmt.Sprintf("SELECT toInt64(intDiv(a, %d)) AS batch, count() FROM %s GROUP BY batch", rows, table))
		if err != nil {
			t.Fatal(err)
		}
		for result.Next() {
			var batch int64
			var n uint64
			if err := result.Scan(&batch, &n); err != nil {
				t.Fatal(err)
			}
			present[int(batch)] = n
		}
		if err := errors.Join(result.Err(), result.Close()); err != nil {
			t.Fatal(err)
		}
		n := 0
		for batch := range acknowledged {
			n++
			if present[batch] != rows {
				t.Errorf("acknowledged batch %d has %d rows of %d", batch, present[batch], rows)
			}
		}
		for batch, got := range present {
			if got != rows {
				t.Errorf("batch %d is there in part: %d rows of %d", batch, got, rows)
			}
		}
		t.Logf("%d acknowledged, %d present", n, len(present))
	}
}
