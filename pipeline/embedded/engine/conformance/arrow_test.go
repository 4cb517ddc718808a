package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"larstrom/pipeline/embedded/engine/conformance"
)

// arrowStreams inserts Arrow IPC streams as they are and reads them back: what the
// blocks of the log are.
func arrowStreams(t *testing.T, target conformance.Target) {
	for _, compression := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionGZIP, clickhouse.CompressionLZ4} {
		t.Run(compression.String(), func(t *testing.T) {
			options := target.Options()
			options.Compression = &clickhouse.Compression{Method: compression, Level: 3}
			conn, err := clickhouse.Open(options)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := conn.Close(); err != nil {
					t.Error(err)
				}
			}()
			const table = "conformance_arrow"
			exec := func(sql string) {
				t.Helper()
				if err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			exec("DROP TABLE IF EXISTS " + table + " SYNC")
			exec("CREATE TABLE " + table + ` (unit LowCardinality(String), day Date32, n UInt64, value Nullable(Float64), note String, delivery String)
				ENGINE = MergeTree ORDER BY n`)
			defer exec("DROP TABLE " + table + " SYNC")

			const rows, batches = 50_000, 3
			for i, options := range [][]ipc.Option{{ipc.WithLZ4()}, {}} {
				block := arrowBlock(t, i*rows*batches, rows, batches, options...)
				if err := conn.InsertFormat(t.Context(), "ArrowStream", "INSERT INTO "+table+" (unit, day, n, value, note)", bytes.NewReader(block)); err != nil {
					t.Fatal(err)
				}
			}
			// The same bytes with a column that is computed.
			block := arrowBlock(t, 2*rows*batches, rows, batches, ipc.WithLZ4())
			err = conn.InsertFormat(t.Context(), "ArrowStream", "INSERT INTO "+table+
				" SELECT unit, day, n, value, note, 'd1' FROM input('unit String, day Date32, n UInt64, value Nullable(Float64), note String')", bytes.NewReader(block))
			if err != nil {
				t.Fatal(err)
			}
			// What ends half-way inserts nothing.
			if err := conn.InsertFormat(t.Context(), "ArrowStream", "INSERT INTO "+table+" (unit, day, n, value, note)", bytes.NewReader(block[:len(block)/2])); err == nil {
				t.Error("half a stream was accepted")
			}

			stream, err := conn.QueryFormat(t.Context(), "ArrowStream", "SELECT unit, day, n, value, note, delivery FROM "+table+" ORDER BY n SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1, output_format_arrow_string_as_string = 1")
			if err != nil {
				t.Fatal(err)
			}
			n := checkArrow(t, stream, rows*batches)
			if err := stream.Close(); err != nil {
				t.Error(err)
			}
			if n != 3*rows*batches {
				t.Errorf("%d rows, want %d", n, 3*rows*batches)
			}
			// Nothing is a stream too.
			if stream, err = conn.QueryFormat(t.Context(), "ArrowStream", "SELECT unit, n FROM "+table+" WHERE n > 1000000000"); err != nil {
				t.Fatal(err)
			}
			reader, err := ipc.NewReader(stream)
			if err != nil {
				t.Fatal(err)
			}
			if fields := reader.Schema().NumFields(); fields != 2 {
				t.Errorf("an empty result has %d columns, want 2", fields)
			}
			for reader.Next() {
				if reader.Record().NumRows() > 0 {
					t.Error("an empty result has rows")
				}
			}
			reader.Release()
			if err := errors.Join(reader.Err(), stream.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// arrowLarge reads results of millions of rows, several times: an encoder that
// falls behind the query must not stop it.
func arrowLarge(t *testing.T, target conformance.Target) {
	conn, err := clickhouse.Open(target.Options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const rows = 5_000_000
	for range 4 {
		stream, err := conn.QueryFormat(ctx, "ArrowStream", "SELECT number AS n, toString(number % 1000) AS s, number / 4 AS f FROM numbers_mt("+strconv.Itoa(rows)+") ORDER BY n")
		if err != nil {
			t.Fatal(err)
		}
		reader, err := ipc.NewReader(stream)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for reader.Next() {
			numbers := reader.Record().Column(0).(*array.Uint64)
			for _, v := range numbers.Uint64Values() {
				if v != uint64(n) {
					t.Fatalf("row %d is %d", n, v)
				}
				n++
			}
		}
		reader.Release()
		if err := errors.Join(reader.Err(), stream.Close()); err != nil || n != rows {
			t.Fatalf("%d rows, %v; want %d", n, err, rows)
		}
	}
}

// arrowBlock is a stream of record batches with a dictionary column; row k has
// values that follow from k.
func arrowBlock(t testing.TB, first, rows, batches int, options ...ipc.Option) []byte {
	t.Helper()
	allocator := memory.NewGoAllocator()
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "unit", Type: dictionary},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32},
		{Name: "n", Type: arrow.PrimitiveTypes.Uint64},
		{Name: "value", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "note", Type: arrow.BinaryTypes.String},
	}, nil)
	var out bytes.Buffer
	writer := ipc.NewWriter(&out, append(options, ipc.WithSchema(schema), ipc.WithAllocator(allocator))...)
	builder := array.NewRecordBuilder(allocator, schema)
	defer builder.Release()
	units := builder.Field(0).(*array.BinaryDictionaryBuilder)
	for b := range batches {
		for i := range rows {
			k := first + b*rows + i
			if err := units.AppendString(unitOf(k)); err != nil {
				t.Fatal(err)
			}
			builder.Field(1).(*array.Date32Builder).Append(arrow.Date32(k % 40_000))
			builder.Field(2).(*array.Uint64Builder).Append(uint64(k))
			if k%7 == 0 {
				builder.Field(3).AppendNull()
			} else {
				builder.Field(3).(*array.Float64Builder).Append(float64(k) / 4)
			}
			builder.Field(4).(*array.StringBuilder).Append(noteOf(k))
		}
		record := builder.NewRecord()
		if err := writer.Write(record); err != nil {
			t.Fatal(err)
		}
		record.Release()
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func unitOf(k int) string { return fmt.Sprintf("unit %d å", k%100) }
func noteOf(k int) string { return fmt.Sprintf("note;'%d'", k%1000) }

// checkArrow reads a stream that arrowBlock's rows were inserted for, in order;
// rows from twice part on have a delivery.
func checkArrow(t *testing.T, stream io.Reader, part int) int {
	t.Helper()
	reader, err := ipc.NewReader(stream)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Release()
	k := 0
	for reader.Next() {
		record := reader.Record()
		units, ok := record.Column(0).(*array.Dictionary)
		if !ok {
			t.Fatalf("unit came as %s, want a dictionary", record.Column(0).DataType())
		}
		names := units.Dictionary().(*array.String)
		days, numbers := record.Column(1).(*array.Date32), record.Column(2).(*array.Uint64)
		values, notes, deliveries := record.Column(3).(*array.Float64), record.Column(4).(*array.String), record.Column(5).(*array.String)
		for i := range int(record.NumRows()) {
			delivery := ""
			if k >= 2*part {
				delivery = "d1"
			}
			good := names.Value(units.GetValueIndex(i)) == unitOf(k) && int(days.Value(i)) == k%40_000 && numbers.Value(i) == uint64(k) &&
				values.IsNull(i) == (k%7 == 0) && (values.IsNull(i) || values.Value(i) == float64(k)/4) && notes.Value(i) == noteOf(k) && deliveries.Value(i) == delivery
			if !good {
				t.Fatalf("row %d is not as inserted", k)
			}
			k++
		}
	}
	if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return k
}
