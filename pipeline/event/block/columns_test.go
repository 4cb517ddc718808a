package block

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/decimal256"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/cell"
)

func someCells(n int) []cell.Version {
	vs := make([]cell.Version, n)
	for i := range vs {
		v := &vs[i]
		v.Rev = uint64(100 + i)
		v.Key = cell.Key{Region: "nord", Registry: "pvq", Indicator: fmt.Sprintf("ind%d", i/7), Version: "1", Granularity: "month",
			Unit: fmt.Sprintf("SE%04d", i%7), Stratum: []string{"", "f"}[i%2], PeriodStart: int32(19000 + 30*i)}
		v.Tombstone = i%5 == 4
		if !v.Tombstone {
			v.Content = cell.Content{Rows: int64(i), Numerator: cell.FixedOf(int64(i) * cell.Micro), Denominator: cell.FixedOf(-1),
				ValueCount: 2, Values: cell.Fixed{Hi: -3, Lo: 7}, ValueSquares: cell.Fixed{Hi: 1 << 40, Lo: 1}, Expected: cell.FixedOf(5),
				Histogram: strings.Repeat("1*2 ", i%3), Missing: 1, Rejected: 2, Duplicates: 3, NumeratorAbove: 4, Negative: 5,
				ZeroDenominator: 6, RateMismatch: 7, UnknownCodes: 8, Masked: 9, BadReasons: 10}
		}
		v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, v.Tombstone)
	}
	return vs
}

// shape is how a server may return the columns.
type shape struct {
	strings, counts, period, sums, fingerprint arrow.DataType
	scale                                      int32 // added to the scale of the sums
	nullable, reversed                         bool
	without                                    string
	batch                                      int
	options                                    []ipc.Option
}

func plainShape() shape {
	return shape{strings: arrow.BinaryTypes.String, counts: arrow.PrimitiveTypes.Int64, period: arrow.FixedWidthTypes.Date32,
		sums: &arrow.Decimal128Type{Precision: 38}, fingerprint: &arrow.FixedSizeBinaryType{ByteWidth: 32}, batch: 1000}
}

// stream writes cells as a server of that shape would.
func (s shape) stream(t *testing.T, vs []cell.Version) []byte {
	t.Helper()
	type column struct {
		field arrow.Field
		add   func(array.Builder, *cell.Version)
	}
	var columns []column
	text := func(name string, get func(*cell.Version) string) {
		columns = append(columns, column{arrow.Field{Name: name, Type: s.strings}, func(b array.Builder, v *cell.Version) {
			switch b := b.(type) {
			case *array.StringBuilder:
				b.Append(get(v))
			case *array.BinaryDictionaryBuilder:
				if err := b.AppendString(get(v)); err != nil {
					t.Fatal(err)
				}
			case array.StringLikeBuilder:
				b.Append(get(v))
			case *array.BinaryBuilder:
				b.Append([]byte(get(v)))
			default:
				t.Fatalf("no builder %T", b)
			}
		}})
	}
	count := func(name string, get func(*cell.Version) int64) {
		columns = append(columns, column{arrow.Field{Name: name, Type: s.counts}, func(b array.Builder, v *cell.Version) {
			switch b := b.(type) {
			case *array.Int64Builder:
				b.Append(get(v))
			case *array.Uint64Builder:
				b.Append(uint64(get(v)))
			case *array.Int32Builder:
				b.Append(int32(get(v)))
			case *array.Uint32Builder:
				b.Append(uint32(get(v)))
			case *array.Int16Builder:
				b.Append(int16(get(v)))
			case *array.Uint16Builder:
				b.Append(uint16(get(v)))
			case *array.Int8Builder:
				b.Append(int8(get(v)))
			case *array.Uint8Builder:
				b.Append(uint8(get(v)))
			case *array.Float64Builder:
				b.Append(float64(get(v)))
			default:
				t.Fatalf("no builder %T", b)
			}
		}})
	}
	sum := func(name string, scale int32, get func(*cell.Version) cell.Fixed) {
		var dt arrow.DataType = &arrow.Decimal128Type{Precision: 38, Scale: scale + s.scale}
		if s.sums.ID() == arrow.DECIMAL256 {
			dt = &arrow.Decimal256Type{Precision: 76, Scale: scale + s.scale}
		} else if s.sums.ID() != arrow.DECIMAL128 {
			dt = s.sums
		}
		columns = append(columns, column{arrow.Field{Name: name, Type: dt}, func(b array.Builder, v *cell.Version) {
			f := get(v)
			switch b := b.(type) {
			case *array.Decimal128Builder:
				b.Append(decimal128.New(f.Hi, f.Lo))
			case *array.Decimal256Builder:
				b.Append(decimal256.FromBigInt(f.Big()))
			case *array.FixedSizeBinaryBuilder:
				b.Append(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, f.Lo), uint64(f.Hi))[:b.Type().(*arrow.FixedSizeBinaryType).ByteWidth])
			case *array.Int64Builder:
				b.Append(int64(f.Lo))
			}
		}})
	}
	count("rev", func(v *cell.Version) int64 { return int64(v.Rev) })
	text("region", func(v *cell.Version) string { return v.Key.Region })
	text("registry", func(v *cell.Version) string { return v.Key.Registry })
	text("indicator", func(v *cell.Version) string { return v.Key.Indicator })
	text("version", func(v *cell.Version) string { return v.Key.Version })
	text("granularity", func(v *cell.Version) string { return v.Key.Granularity })
	text("unit", func(v *cell.Version) string { return v.Key.Unit })
	text("stratum", func(v *cell.Version) string { return v.Key.Stratum })
	columns = append(columns, column{arrow.Field{Name: "period_start", Type: s.period}, func(b array.Builder, v *cell.Version) {
		switch b := b.(type) {
		case *array.Date32Builder:
			b.Append(arrow.Date32(v.Key.PeriodStart))
		case *array.Uint16Builder:
			b.Append(uint16(v.Key.PeriodStart))
		case *array.Int32Builder:
			b.Append(v.Key.PeriodStart)
		case *array.StringBuilder:
			b.Append("")
		}
	}})
	count("tombstone", func(v *cell.Version) int64 {
		if v.Tombstone {
			return 1
		}
		return 0
	})
	count("rows", func(v *cell.Version) int64 { return v.Content.Rows })
	sum("numerator", 6, func(v *cell.Version) cell.Fixed { return v.Content.Numerator })
	sum("denominator", 6, func(v *cell.Version) cell.Fixed { return v.Content.Denominator })
	sum("values", 6, func(v *cell.Version) cell.Fixed { return v.Content.Values })
	sum("expected", 6, func(v *cell.Version) cell.Fixed { return v.Content.Expected })
	count("value_count", func(v *cell.Version) int64 { return v.Content.ValueCount })
	sum("value_squares", 12, func(v *cell.Version) cell.Fixed { return v.Content.ValueSquares })
	text("histogram", func(v *cell.Version) string { return v.Content.Histogram })
	count("missing", func(v *cell.Version) int64 { return v.Content.Missing })
	count("rejected", func(v *cell.Version) int64 { return v.Content.Rejected })
	count("duplicates", func(v *cell.Version) int64 { return v.Content.Duplicates })
	count("numerator_above", func(v *cell.Version) int64 { return v.Content.NumeratorAbove })
	count("negative", func(v *cell.Version) int64 { return v.Content.Negative })
	count("zero_denominator", func(v *cell.Version) int64 { return v.Content.ZeroDenominator })
	count("rate_mismatch", func(v *cell.Version) int64 { return v.Content.RateMismatch })
	count("unknown_codes", func(v *cell.Version) int64 { return v.Content.UnknownCodes })
	count("masked", func(v *cell.Version) int64 { return v.Content.Masked })
	count("bad_reasons", func(v *cell.Version) int64 { return v.Content.BadReasons })
	columns = append(columns, column{arrow.Field{Name: "fingerprint", Type: s.fingerprint}, func(b array.Builder, v *cell.Version) {
		switch b := b.(type) {
		case *array.FixedSizeBinaryBuilder:
			b.Append(v.Fingerprint[:b.Type().(*arrow.FixedSizeBinaryType).ByteWidth])
		case *array.BinaryBuilder:
			b.Append(v.Fingerprint[:])
		case *array.StringBuilder:
			b.Append(string(v.Fingerprint[:]))
		}
	}})
	columns = append(columns, column{arrow.Field{Name: "something else", Type: arrow.PrimitiveTypes.Float64},
		func(b array.Builder, _ *cell.Version) { b.(*array.Float64Builder).Append(1) }})

	var kept []column
	for _, c := range columns {
		if c.field.Name == s.without {
			continue
		}
		c.field.Nullable = s.nullable
		if s.reversed {
			kept = append([]column{c}, kept...)
		} else {
			kept = append(kept, c)
		}
	}
	fields := make([]arrow.Field, len(kept))
	for i, c := range kept {
		fields[i] = c.field
	}
	schema := arrow.NewSchema(fields, nil)
	var out bytes.Buffer
	w := ipc.NewWriter(&out, append([]ipc.Option{ipc.WithSchema(schema)}, s.options...)...)
	for from := 0; from < len(vs); from += s.batch {
		b := array.NewRecordBuilder(memory.NewGoAllocator(), schema)
		for i := from; i < min(from+s.batch, len(vs)); i++ {
			for j, c := range kept {
				c.add(b.Field(j), &vs[i])
			}
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestCellReaderTakesWhatServersReturn(t *testing.T) {
	dictionary := func(index, value arrow.DataType) arrow.DataType {
		return &arrow.DictionaryType{IndexType: index, ValueType: value}
	}
	vs := someCells(60)
	for name, alter := range map[string]func(*shape){
		"plain":                 func(*shape) {},
		"several batches":       func(s *shape) { s.batch = 7 },
		"nullable, no nulls":    func(s *shape) { s.nullable = true },
		"another order":         func(s *shape) { s.reversed = true },
		"binary":                func(s *shape) { s.strings = arrow.BinaryTypes.Binary },
		"large strings":         func(s *shape) { s.strings = arrow.BinaryTypes.LargeString },
		"dictionaries, 8 bits":  func(s *shape) { s.strings = dictionary(arrow.PrimitiveTypes.Int8, arrow.BinaryTypes.String) },
		"dictionaries, 64 bits": func(s *shape) { s.strings = dictionary(arrow.PrimitiveTypes.Uint64, arrow.BinaryTypes.Binary) },
		"dictionaries replaced": func(s *shape) {
			s.strings, s.batch = dictionary(arrow.PrimitiveTypes.Int32, arrow.BinaryTypes.String), 7
		},
		"Decimal256":         func(s *shape) { s.sums = &arrow.Decimal256Type{Precision: 76} },
		"Int128":             func(s *shape) { s.sums = &arrow.FixedSizeBinaryType{ByteWidth: 16} },
		"Date":               func(s *shape) { s.period = arrow.PrimitiveTypes.Uint16 },
		"days":               func(s *shape) { s.period = arrow.PrimitiveTypes.Int32 },
		"UInt64 counts":      func(s *shape) { s.counts = arrow.PrimitiveTypes.Uint64 },
		"Int32 counts":       func(s *shape) { s.counts = arrow.PrimitiveTypes.Int32 },
		"UInt32 counts":      func(s *shape) { s.counts = arrow.PrimitiveTypes.Uint32 },
		"Int16 counts":       func(s *shape) { s.counts = arrow.PrimitiveTypes.Int16 },
		"UInt16 counts":      func(s *shape) { s.counts = arrow.PrimitiveTypes.Uint16 },
		"UInt8 counts":       func(s *shape) { s.counts = arrow.PrimitiveTypes.Uint8 },
		"binary fingerprint": func(s *shape) { s.fingerprint = arrow.BinaryTypes.Binary },
		"string fingerprint": func(s *shape) { s.fingerprint = arrow.BinaryTypes.String },
		"LZ4":                func(s *shape) { s.options = []ipc.Option{ipc.WithLZ4()} },
		"ZSTD":               func(s *shape) { s.options = []ipc.Option{ipc.WithZstd()} },
	} {
		t.Run(name, func(t *testing.T) {
			s := plainShape()
			alter(&s)
			got, err := ReadCells(bytes.NewReader(s.stream(t, vs)), true)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(vs, got); d != "" {
				t.Fatalf("read differs (-want +got):\n%s", d)
			}
		})
	}
}

func TestCellReaderRefuses(t *testing.T) {
	vs := someCells(4)
	for name, tc := range map[string]struct {
		alter func(*shape)
		want  error
		text  string
	}{
		"a column is missing":   {func(s *shape) { s.without = "rejected" }, ErrInvalid, "rejected"},
		"no fingerprint":        {func(s *shape) { s.without = "fingerprint" }, ErrInvalid, "fingerprint"},
		"sums of another scale": {func(s *shape) { s.scale = -1 }, ErrInvalid, "decimals"},
		"256 bits, other scale": {func(s *shape) { s.sums, s.scale = &arrow.Decimal256Type{Precision: 76}, 1 }, ErrInvalid, "decimals"},
		"sums of 8 bytes":       {func(s *shape) { s.sums = &arrow.FixedSizeBinaryType{ByteWidth: 8} }, ErrInvalid, "numerator"},
		"sums as integers":      {func(s *shape) { s.sums = arrow.PrimitiveTypes.Int64 }, ErrInvalid, "numerator"},
		"counts as floats":      {func(s *shape) { s.counts = arrow.PrimitiveTypes.Float64 }, ErrInvalid, "rev"},
		"period as text":        {func(s *shape) { s.period = arrow.BinaryTypes.String }, ErrInvalid, "period_start"},
		"fingerprint of 16":     {func(s *shape) { s.fingerprint = &arrow.FixedSizeBinaryType{ByteWidth: 16} }, ErrCorrupt, "16 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := plainShape()
			tc.alter(&s)
			r := NewCellReader(bytes.NewReader(s.stream(t, vs)), false)
			_, err := r.Next()
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("error %v, want %v that says %q", err, tc.want, tc.text)
			}
			if _, again := r.Next(); again != err {
				t.Errorf("the next call says %v", again)
			}
		})
	}
}

// What a query leaves out is zero, and what no cell has is an error.
func TestContentsHaveSomeColumns(t *testing.T) {
	b := array.NewRecordBuilder(memory.NewGoAllocator(), arrow.NewSchema([]arrow.Field{
		{Name: "unit", Type: arrow.BinaryTypes.String}, {Name: "rows", Type: arrow.PrimitiveTypes.Int64},
		{Name: "numerator", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16}}}, nil))
	b.Field(0).(*array.StringBuilder).Append("a")
	b.Field(1).(*array.Int64Builder).Append(3)
	b.Field(2).(*array.FixedSizeBinaryBuilder).Append([]byte{0: 7, 15: 0x80})
	rec := b.NewRecord()
	stream := func(rec arrow.Record) *bytes.Buffer {
		var out bytes.Buffer
		w := ipc.NewWriter(&out, ipc.WithSchema(rec.Schema()))
		if err := errors.Join(w.Write(rec), w.Close()); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	got, err := ReadContents(stream(rec))
	want := []cell.Version{{Key: cell.Key{Unit: "a"}, Content: cell.Content{Rows: 3, Numerator: cell.Fixed{Hi: math.MinInt64, Lo: 7}}}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for _, name := range []string{"row", "unit"} { // misspelt; there twice
		fields := rec.Schema().Fields()
		fields[1].Name = name
		wrong := array.NewRecord(arrow.NewSchema(fields, nil), rec.Columns(), 1)
		if _, err := ReadContents(stream(wrong)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("column %s: error %v", name, err)
		}
	}
	whole := stream(rec).Bytes()
	if _, err := ReadContents(bytes.NewReader(whole[:len(whole)-8])); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a stream that broke off: %v", err)
	}
}

func TestCellReaderEnds(t *testing.T) {
	s := plainShape()
	r := NewCellReader(bytes.NewReader(s.stream(t, nil)), true)
	for range 2 {
		if batch, err := r.Next(); err != io.EOF || batch != nil {
			t.Errorf("an empty result: %v %v", batch, err)
		}
	}
	// Where a batch ends, the library alone would take the end for the whole.
	s.batch = 5
	whole := s.stream(t, someCells(10))
	short := s.stream(t, someCells(5))
	cut := whole[:len(short)-8]
	if !bytes.Equal(cut, short[:len(short)-8]) {
		t.Fatal("the case does not cut between two batches")
	}
	if got, err := ReadCells(bytes.NewReader(cut), true); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a result cut between two batches: %d cells, error %v, want ErrCorrupt", len(got), err)
	}
}

// Only this package may know the Arrow library's types: a block says which ones
// it has in words.
func TestSchemaNamesAreArrows(t *testing.T) {
	for table, specs := range map[string][]spec{"obs": obsSpecs(), "cell": cellSpecs()} {
		seen := map[string]bool{}
		for _, sp := range specs {
			if seen[sp.name] {
				t.Errorf("%s has two columns %s", table, sp.name)
			}
			seen[sp.name] = true
			_, name := sp.kind.names()
			id := strings.ToLower(sp.kind.dataType().ID().String())
			if base, _, _ := strings.Cut(name, "<"); base != "utf8" && !strings.HasPrefix(strings.ReplaceAll(name, "decimal128", "decimal"), strings.TrimSuffix(id, "128")) {
				t.Errorf("%s.%s is called %s and is %s", table, sp.name, name, id)
			}
		}
	}
}

func TestSumsBeyond128Bits(t *testing.T) {
	for name, tc := range map[string]struct {
		v  *big.Int
		ok bool
	}{
		"largest":       {new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 127), big.NewInt(1)), true},
		"smallest":      {new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127)), true},
		"one above":     {new(big.Int).Lsh(big.NewInt(1), 127), false},
		"one below":     {new(big.Int).Sub(new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 127)), big.NewInt(1)), false},
		"far above":     {new(big.Int).Lsh(big.NewInt(1), 200), false},
		"third word":    {new(big.Int).Lsh(big.NewInt(1), 130), false},
		"minus one":     {big.NewInt(-1), true},
		"far below":     {new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 200)), false},
		"of both signs": {new(big.Int).Neg(big.NewInt(1 << 62)), true},
	} {
		b := array.NewDecimal256Builder(memory.NewGoAllocator(), &arrow.Decimal256Type{Precision: 76, Scale: 6})
		b.Append(decimal256.FromBigInt(tc.v))
		var got cell.Fixed
		err := eachFixed(b.NewArray(), 6, func(_ int, f cell.Fixed) { got = f })
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
		if tc.ok && got.Big().Cmp(tc.v) != 0 {
			t.Errorf("%s: %s, want %s", name, got, tc.v)
		}
	}
}

// Blocks of before the counts of reasons are in logs, and stay what they were.
func TestEarlierCellsAreRead(t *testing.T) {
	v := someCells(4)[3]
	v.Content.Masked, v.Content.BadReasons = 0, 0
	v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, false)
	b, err := NewEncoder().Cells([]cell.Version{v}, "d", "r")
	if err != nil {
		t.Fatal(err)
	}
	without := func(drop ...string) []byte {
		r, err := ipc.NewReader(bytes.NewReader(b))
		if err != nil || !r.Next() {
			t.Fatal(err)
		}
		var fields []arrow.Field
		var columns []arrow.Array
		for i, f := range r.Schema().Fields() {
			if !slices.Contains(drop, f.Name) {
				fields, columns = append(fields, f), append(columns, r.Record().Column(i))
			}
		}
		schema := arrow.NewSchema(fields, nil)
		var out bytes.Buffer
		w := ipc.NewWriter(&out, ipc.WithSchema(schema))
		if err := errors.Join(w.Write(array.NewRecord(schema, columns, 1)), w.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	got, err := DecodeCells(without("masked", "bad_reasons"))
	if err != nil || len(got.Versions) != 1 || got.Versions[0] != v {
		t.Errorf("%v: %+v", err, got)
	}
	for _, drop := range [][]string{{"masked"}, {"unknown_codes"}, {"masked", "bad_reasons", "rejected"}} {
		if _, err := DecodeCells(without(drop...)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("without %v: %v", drop, err)
		}
	}
}
