package conformance_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"larstrom/pipeline/embedded/engine"
)

func benchEngine(b *testing.B, change ...func(*engine.Config)) (*engine.Engine, driver.Conn) {
	b.Helper()
	cfg := engine.Config{Path: b.TempDir(), Databases: []string{"bench"}, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	e, err := engine.Start(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := e.Open()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(conn.Close(), e.Close()); err != nil {
			b.Error(err)
		}
	})
	return e, conn
}

const benchColumns = "(unit LowCardinality(String), day Date32, n UInt64, value Nullable(Float64), note String) ENGINE = MergeTree ORDER BY n"

// BenchmarkInsert compares the ways into one table: rows/s is what counts.
func BenchmarkInsert(b *testing.B) {
	run := func(b *testing.B, rows int, insert func(conn driver.Conn) error, change ...func(*engine.Config)) {
		_, conn := benchEngine(b, change...)
		if err := conn.Exec(b.Context(), "CREATE TABLE t "+benchColumns); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := insert(conn); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	for _, rows := range []int{1_000, 62_500, 250_000, 1_000_000} {
		for _, sync := range []bool{true, false} {
			block := arrowBlock(b, 0, rows, 1, ipc.WithLZ4())
			b.Run(fmt.Sprintf("ArrowStream/rows=%d/sync=%v", rows, sync), func(b *testing.B) {
				run(b, rows, func(conn driver.Conn) error {
					return conn.InsertFormat(b.Context(), "ArrowStream", "INSERT INTO t", bytes.NewReader(block))
				}, func(c *engine.Config) { c.NoSync = !sync })
			})
		}
		units, days, numbers, values, notes := make([]string, rows), make([]time.Time, rows), make([]uint64, rows), make([]*float64, rows), make([]string, rows)
		for k := range rows {
			f := float64(k) / 4
			units[k], days[k], numbers[k], values[k], notes[k] = unitOf(k), time.Unix(int64(k%40_000)*86400, 0).UTC(), uint64(k), &f, noteOf(k)
		}
		b.Run(fmt.Sprintf("batch/rows=%d", rows), func(b *testing.B) {
			run(b, rows, func(conn driver.Conn) error {
				batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO t")
				if err != nil {
					return err
				}
				for i, column := range []any{units, days, numbers, values, notes} {
					if err := batch.Column(i).Append(column); err != nil {
						return err
					}
				}
				return batch.Send()
			})
		})
	}
	const rows = 1_000_000
	csv := filepath.Join(b.TempDir(), "rows.csv")
	var text bytes.Buffer
	text.WriteString("unit,day,n,value,note\n")
	for k := range rows {
		fmt.Fprintf(&text, "%s,%s,%d,%g,%s\n", unitOf(k), time.Unix(int64(k%40_000)*86400, 0).UTC().Format(time.DateOnly), k, float64(k)/4, noteOf(k))
	}
	if err := os.WriteFile(csv, text.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("the engine's own CSV import", func(b *testing.B) {
		run(b, rows, func(conn driver.Conn) error {
			return conn.Exec(b.Context(), "INSERT INTO t SELECT * FROM file('"+csv+"', CSVWithNames)")
		})
	})
	b.Run("CSV through HTTP", func(b *testing.B) {
		run(b, rows, func(conn driver.Conn) error {
			return conn.InsertFormat(b.Context(), "CSVWithNames", "INSERT INTO t", bytes.NewReader(text.Bytes()))
		})
	})
}

// BenchmarkSelect reads five million rows of five columns in order.
func BenchmarkSelect(b *testing.B) {
	const rows = 5_000_000
	_, conn := benchEngine(b)
	for _, sql := range []string{
		"CREATE TABLE t " + benchColumns,
		"INSERT INTO t SELECT concat('unit ', toString(number % 100)), toDate32(number % 40000), number, number / 4, concat('note ', toString(number % 1000)) FROM numbers(" + fmt.Sprint(rows) + ")",
	} {
		if err := conn.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	const sql = "SELECT * FROM t ORDER BY n"
	report := func(b *testing.B) { b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s") }
	b.Run("driver, one row at a time", func(b *testing.B) {
		for b.Loop() {
			result, err := conn.Query(b.Context(), sql)
			if err != nil {
				b.Fatal(err)
			}
			var unit, note string
			var day time.Time
			var n uint64
			var value *float64
			for result.Next() {
				if err := result.Scan(&unit, &day, &n, &value, &note); err != nil {
					b.Fatal(err)
				}
			}
			if err := errors.Join(result.Err(), result.Close()); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	for _, format := range []string{"ArrowStream", "Native", "CSV"} {
		b.Run(format+" bytes", func(b *testing.B) {
			for b.Loop() {
				stream, err := conn.QueryFormat(b.Context(), format, sql)
				if err != nil {
					b.Fatal(err)
				}
				_, err = io.Copy(io.Discard, stream)
				if err := errors.Join(err, stream.Close()); err != nil {
					b.Fatal(err)
				}
			}
			report(b)
		})
	}
	b.Run("ArrowStream records", func(b *testing.B) {
		for b.Loop() {
			stream, err := conn.QueryFormat(b.Context(), "ArrowStream", sql)
			if err != nil {
				b.Fatal(err)
			}
			reader, err := ipc.NewReader(stream)
			if err != nil {
				b.Fatal(err)
			}
			for reader.Next() {
			}
			reader.Release()
			if err := errors.Join(reader.Err(), stream.Close()); err != nil {
				b.Fatal(err)
			}
		}
		report(b)
	})
	b.Run("one value", func(b *testing.B) {
		for b.Loop() {
			var n uint64
			if err := conn.QueryRow(b.Context(), "SELECT 1::UInt64").Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStart is from nothing to the first answer.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		e, err := engine.Start(b.Context(), engine.Config{Path: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
