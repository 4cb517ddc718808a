package arrowipc_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/decimal256"
	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"pgregory.net/rapid"

	"larstrom/pipeline/intake/arrowipc"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// seekBuffer is what the writer of files needs.
type seekBuffer struct{ bytes.Buffer }

func (b *seekBuffer) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("the writer seeks")
	}
	return int64(b.Len()), nil
}

// form is how batches are written.
type form struct {
	file bool
	eos  bool // a file with an end mark before its footer, as most writers write it
	opt  []ipc.Option
}

func forms() map[string]form {
	return map[string]form{
		"stream": {}, "stream lz4": {opt: []ipc.Option{ipc.WithLZ4()}}, "stream zstd": {opt: []ipc.Option{ipc.WithZstd()}},
		"file": {file: true}, "file lz4": {file: true, opt: []ipc.Option{ipc.WithLZ4()}}, "file eos": {file: true, eos: true},
	}
}

func write(t testing.TB, f form, records ...arrow.Record) []byte {
	t.Helper()
	opt := append([]ipc.Option{ipc.WithSchema(records[0].Schema())}, f.opt...)
	var out seekBuffer
	var w interface {
		Write(arrow.Record) error
		Close() error
	}
	var err error
	if f.file {
		w, err = ipc.NewFileWriter(&out, opt...)
	} else {
		w = ipc.NewWriter(&out, opt...)
	}
	for _, rec := range records {
		if err == nil {
			err = w.Write(rec)
		}
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	if f.eos {
		footer := len(b) - 10 - int(uint32(b[len(b)-10])|uint32(b[len(b)-9])<<8|uint32(b[len(b)-8])<<16)
		b = slices.Insert(bytes.Clone(b), footer, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0)
	}
	return b
}

// read gives one text a row, its fields joined by "|", and the fault.
func read(t testing.TB, b []byte, opt arrowipc.Options) (out []string, err error) {
	t.Helper()
	r, err := arrowipc.NewReader(bytes.NewReader(b), opt)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if rec.Line != uint64(len(out)+1) {
			t.Fatalf("row %d says that it is %d", len(out)+1, rec.Line)
		}
		out = append(out, string(bytes.Join(rec.Fields, []byte("|"))))
	}
}

// everything is a table of every type that is read, and its rows as text.
func everything(t testing.TB) (rec arrow.Record, want []string) {
	t.Helper()
	millis := &arrow.TimestampType{Unit: arrow.Millisecond}
	instants := &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	texts := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.BinaryTypes.String}
	numbers := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int64}
	types := []arrow.DataType{arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.FixedWidthTypes.Boolean,
		&arrow.Decimal128Type{Precision: 20, Scale: 3}, &arrow.Decimal256Type{Precision: 50, Scale: 0},
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64, arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time64ns, millis, instants,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.BinaryTypes.StringView, texts, numbers, arrow.Null}
	fields := make([]arrow.Field, len(types))
	for i, typ := range types {
		fields[i] = arrow.Field{Name: fmt.Sprintf("c%d", i), Type: typ, Nullable: true}
	}
	at := time.Date(2024, 6, 30, 22, 30, 0, 0, time.UTC)
	day := arrow.Date32FromTime(at)
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i := range 3 {
		for k := range types {
			f := b.Field(k)
			if i == 1 {
				f.AppendNull()
				continue
			}
			switch f := f.(type) {
			case *array.Int8Builder:
				f.Append(-8)
			case *array.Int16Builder:
				f.Append(-16)
			case *array.Int32Builder:
				f.Append(-32)
			case *array.Int64Builder:
				f.Append(math.MinInt64)
			case *array.Uint8Builder:
				f.Append(8)
			case *array.Uint16Builder:
				f.Append(16)
			case *array.Uint32Builder:
				f.Append(32)
			case *array.Uint64Builder:
				f.Append(math.MaxUint64)
			case *array.Float16Builder:
				f.Append(float16.New(1.5))
			case *array.Float32Builder:
				f.Append(0.1)
			case *array.Float64Builder:
				f.Append(-0.1)
			case *array.BooleanBuilder:
				f.Append(i == 0)
			case *array.Decimal128Builder:
				f.Append(decimal128.FromI64(-12345))
			case *array.Decimal256Builder:
				f.Append(decimal256.FromI64(7).Mul(decimal256.FromI64(math.MaxInt64)))
			case *array.Date32Builder:
				f.Append(day)
			case *array.Date64Builder:
				f.Append(arrow.Date64FromTime(time.Date(2024, 6, 30, 0, 0, 0, 0, time.UTC)))
			case *array.Time32Builder:
				f.Append(3661)
			case *array.Time64Builder:
				f.Append(1)
			case *array.TimestampBuilder:
				if k == 18 {
					f.Append(arrow.Timestamp(at.UnixMilli()))
				} else {
					f.Append(arrow.Timestamp(at.UnixMicro() + 1))
				}
			case *array.StringBuilder:
				f.Append("å")
			case *array.LargeStringBuilder:
				f.Append("")
			case *array.BinaryBuilder:
				f.Append([]byte("bytes"))
			case *array.StringViewBuilder:
				f.Append([]string{"short", "", "a text of more than twelve"}[i])
			case *array.BinaryDictionaryBuilder:
				if err := f.AppendString([]string{"K", "", "M"}[i]); err != nil {
					t.Fatal(err)
				}
			case *array.Int64DictionaryBuilder:
				if err := f.Append(int64(i)); err != nil {
					t.Fatal(err)
				}
			case *array.NullBuilder:
				f.AppendNull()
			default:
				t.Fatalf("%T", f)
			}
		}
	}
	row := func(yes, view, sex string, i int) string {
		return fmt.Sprintf("-8|-16|-32|-9223372036854775808|8|16|32|18446744073709551615|1,5|0,1|-0,1|%s|-12,345|64563604257983430649|30.06.2024|30.06.2024|01:01:01|00:00:00.000000001|"+
			"30.06.2024 22:30:00|01.07.2024 00:30:00.000001|å||bytes|%s|%s|%d|", yes, view, sex, i)
	}
	return b.NewRecord(), []string{row("1", "short", "K", 0), strings.Repeat("|", len(types)-1), row("0", "a text of more than twelve", "M", 2)}
}

func options(t testing.TB, rec arrow.Record) arrowipc.Options {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	opt := arrowipc.Options{Form: typed.Form{Decimal: ',', Dates: "dd.mm.yyyy", Zone: zone}}
	for _, f := range rec.Schema().Fields() {
		opt.Names = append(opt.Names, f.Name)
	}
	return opt
}

func TestEveryType(t *testing.T) {
	rec, want := everything(t)
	for name, f := range forms() {
		got, err := read(t, write(t, f, rec, rec), options(t, rec))
		if err != nil || !slices.Equal(got, append(slices.Clone(want), want...)) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// TestCutEverywhere: no beginning of the data passes for the data.
func TestCutEverywhere(t *testing.T) {
	rec, _ := everything(t)
	opt := options(t, rec)
	for name, f := range forms() {
		b := write(t, f, rec)
		for n := range b {
			_, err := read(t, b[:n], opt)
			bad, ok := errors.AsType[*record.Error](err)
			if n == 0 && err == nil {
				continue // the empty file is told by its End
			}
			if !ok || !bad.Cut {
				t.Fatalf("%s: %d of %d bytes: %v", name, n, len(b), err)
			}
		}
		if _, err := read(t, append(bytes.Clone(b), 0), options(t, rec)); err == nil {
			t.Errorf("%s: a byte after the end", name)
		}
	}
}

// TestDamage: a byte that was changed gives a fault or other values, never a
// panic, and never another number of rows.
func TestDamage(t *testing.T) {
	rec, want := everything(t)
	opt := options(t, rec)
	for name, f := range forms() {
		b := write(t, f, rec)
		for i := range b {
			c := bytes.Clone(b)
			c[i] ^= []byte{0x01, 0x80, 0xff}[i%3]
			got, err := read(t, c, opt)
			if err == nil && len(got) != len(want) {
				t.Fatalf("%s: byte %d of %d changed: %d rows", name, i, len(b), len(got))
			}
			if _, ok := errors.AsType[*record.Error](err); err != nil && !ok {
				t.Fatalf("%s: byte %d: %v", name, i, err)
			}
		}
	}
}

// frames are the messages of a stream, the end mark last.
func frames(b []byte) (out [][]byte) {
	for len(b) > 0 {
		n := 8 + int(binary.LittleEndian.Uint32(b[4:]))
		for n < len(b) && (binary.LittleEndian.Uint32(b[n:]) != 0xffffffff || binary.LittleEndian.Uint32(b[n+4:]) > 1<<16) {
			n += 8 // the body
		}
		out, b = append(out, b[:n]), b[n:]
	}
	return out
}

// TestSpliced: parts of good data that do not belong together are no data.
func TestSpliced(t *testing.T) {
	one := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil))
	two := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "m", Type: arrow.PrimitiveTypes.Int64}}, nil))
	words := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "n", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}}}, nil))
	const rows, nulls = 1237, 101
	for i := range rows {
		for _, b := range []*array.RecordBuilder{one, two} {
			if i < nulls {
				b.Field(0).AppendNull()
			} else {
				b.Field(0).(*array.Int64Builder).Append(1)
			}
		}
		two.Field(1).(*array.Int64Builder).Append(2)
		if err := words.Field(0).(*array.BinaryDictionaryBuilder).AppendString("a"); err != nil {
			t.Fatal(err)
		}
	}
	plain, wide, dictionary := write(t, form{}, one.NewRecord()), write(t, form{}, two.NewRecord()), write(t, form{}, words.NewRecord())
	opt := arrowipc.Options{Names: []string{"n"}}
	if got, err := read(t, plain, opt); err != nil || len(got) != rows {
		t.Fatal(len(got), err)
	}
	p, w, d := frames(plain), frames(wide), frames(dictionary)
	node := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, rows), nulls)
	other := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, rows), nulls-1)
	if bytes.Count(plain, node) != 1 || len(p) != 3 || len(d) != 4 {
		t.Fatal("the data are not as they were", len(p), len(d))
	}
	three := write(t, form{file: true}, textTable(t, "n", "first"), textTable(t, "n", "2nd"), textTable(t, "n", "third"))
	from, to := bytes.Index(three, []byte("first")), bytes.Index(three, []byte("2nd"))
	mark := []byte{0xff, 0xff, 0xff, 0xff}
	begin, end := from+bytes.Index(three[from:], mark), to+bytes.Index(three[to:], mark)
	for _, c := range []struct {
		name, want string
		b          []byte
	}{
		{"another number of nulls", "number of nulls", bytes.Replace(plain, node, other, 1)},
		{"a batch of more columns", "what its schema says", slices.Concat(p[0], w[1], p[2])},
		{"a batch of fewer columns", "what its schema says", slices.Concat(w[0], p[1], p[2])},
		{"a dictionary of no column", "of no column", slices.Concat(p[0], d[1], p[1], p[2])},
		{"a dictionary that is not there", "before it is there", slices.Concat(d[0], d[2], d[3])},
		{"two schemas", "of the kind 1", slices.Concat(p[0], p[0], p[1], p[2])},
		{"a file without one of its batches", "other record batches", slices.Concat(three[:begin], three[end:])},
	} {
		_, err := read(t, c.b, opt)
		bad, ok := errors.AsType[*record.Error](err)
		if !ok || bad.Rule != "C02" || !strings.Contains(bad.Text, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestNested: columns with something in them are stepped over, and refused
// where they are read.
func TestNested(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		{Name: "struct", Type: arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "b", Type: arrow.ListOf(arrow.PrimitiveTypes.Int8)})},
		{Name: "map", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)},
		{Name: "fixed", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int16)},
		{Name: "span", Type: arrow.FixedWidthTypes.Duration_s},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	if err := b.UnmarshalJSON([]byte(`{"list":["x","y"],"struct":{"a":1,"b":[1,2]},"map":[{"key":"k","value":1}],"fixed":[1,2],"span":"5s","n":42}`)); err != nil {
		t.Fatal(err)
	}
	rec := b.NewRecord()
	for name, f := range forms() {
		file := write(t, f, rec)
		got, err := read(t, file, arrowipc.Options{Names: []string{"n"}})
		if err != nil || !slices.Equal(got, []string{"42"}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		for _, column := range []string{"list", "struct", "map", "fixed", "span"} {
			_, err := read(t, file, arrowipc.Options{Names: []string{"n", column}})
			bad, ok := errors.AsType[*record.Error](err)
			if !ok || bad.Rule != "C03" || bad.Column != column || bad.Hint == "" {
				t.Errorf("%s: %s: %v", name, column, err)
			}
		}
	}
}

// TestColumns: the header names all columns, those that are not read too.
func TestColumns(t *testing.T) {
	rec, _ := everything(t)
	r, err := arrowipc.NewReader(bytes.NewReader(write(t, form{}, rec)), arrowipc.Options{Names: []string{"c3"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Columns(); len(got) != int(rec.NumCols()) || got[3] != "c3" {
		t.Error(got)
	}
}

func textTable(t testing.TB, column string, texts ...string) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: column, Type: arrow.BinaryTypes.String}}, nil))
	defer b.Release()
	for _, s := range texts {
		b.Field(0).(*array.StringBuilder).Append(s)
	}
	return b.NewRecord()
}

func TestRefused(t *testing.T) {
	wide := make([]arrow.Field, 10_000)
	for i := range wide {
		wide[i] = arrow.Field{Name: fmt.Sprint(i), Type: arrow.PrimitiveTypes.Int8}
	}
	many := array.NewRecord(arrow.NewSchema(wide[:1], nil), []arrow.Array{array.MakeArrayOfNull(memory.DefaultAllocator, arrow.PrimitiveTypes.Int8, 1)}, 1)
	big := arrow.NewSchema(wide, nil)
	columns := make([]arrow.Array, len(wide))
	for i := range columns {
		columns[i] = many.Column(0)
	}
	zeros := textTable(t, "s", strings.Repeat("0", 40<<20))
	plain := write(t, form{}, textTable(t, "s", "a"))
	legacy := bytes.Clone(plain[4:])
	for _, c := range []struct {
		name, want string
		b          []byte
		opt        arrowipc.Options
	}{
		{"other file", "not Arrow", []byte("unit;date;n\n1;2;3\n"), arrowipc.Options{}},
		{"short other file", "not Arrow", []byte("unit"), arrowipc.Options{}},
		{"feather 1", "version 1", []byte("FEA1xxxxxxxx"), arrowipc.Options{}},
		{"before 0.15", "not Arrow", legacy, arrowipc.Options{}},
		{"10,000 columns", "more than 4096 columns", write(t, form{}, array.NewRecord(big, columns, 1)), arrowipc.Options{}},
		{"ratio", "times their size", write(t, form{opt: []ipc.Option{ipc.WithZstd()}}, zeros), arrowipc.Options{Names: []string{"s"}}},
		{"bytes", "more than 1000 bytes", write(t, form{opt: []ipc.Option{ipc.WithLZ4()}}, zeros), arrowipc.Options{Names: []string{"s"}, Limits: compressed.Limits{Bytes: 1000}}},
		{"not UTF-8", "not UTF-8", write(t, form{}, textTable(t, "s", "a\xff")), arrowipc.Options{Names: []string{"s"}}},
		{"NUL", "has a NUL", write(t, form{}, textTable(t, "s", "a\x00b")), arrowipc.Options{Names: []string{"s"}}},
	} {
		_, err := read(t, c.b, c.opt)
		bad, ok := errors.AsType[*record.Error](err)
		if !ok || bad.Cut || bad.Rule == "" || bad.Hint == "" || !strings.Contains(bad.Text, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestSourceError: an error of the source is its own and no fault of the file.
func TestSourceError(t *testing.T) {
	rec, _ := everything(t)
	b := write(t, form{file: true}, rec)
	broken := errors.New("the disk is gone")
	for n := 0; n < len(b); n += 97 {
		r, err := arrowipc.NewReader(io.MultiReader(bytes.NewReader(b[:n]), errReader{broken}), options(t, rec))
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, broken) {
			t.Fatalf("%d: %v", n, err)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestRoundTrip: any values in any batches come out as their texts.
func TestRoundTrip(t *testing.T) {
	all := forms()
	names := make([]string, 0, len(all))
	for n := range all {
		names = append(names, n)
	}
	slices.Sort(names)
	schema := arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "v", Type: arrow.BinaryTypes.StringView, Nullable: true}, {Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true}}, nil)
	rapid.Check(t, func(rt *rapid.T) {
		var want []string
		var records []arrow.Record
		for range rapid.IntRange(1, 3).Draw(rt, "batches") {
			b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
			for range rapid.IntRange(0, 20).Draw(rt, "rows") {
				var row []string
				for k := range 4 {
					if rapid.IntRange(0, 4).Draw(rt, "null") == 0 {
						b.Field(k).AppendNull()
						row = append(row, "")
						continue
					}
					switch f := b.Field(k).(type) {
					case *array.Int64Builder:
						v := rapid.Int64().Draw(rt, "i")
						f.Append(v)
						row = append(row, fmt.Sprint(v))
					case *array.StringBuilder:
						s := text(rt)
						f.Append(s)
						row = append(row, s)
					case *array.StringViewBuilder:
						s := text(rt)
						f.Append(s)
						row = append(row, s)
					case *array.Date32Builder:
						d := rapid.Int32Range(-20000, 40000).Draw(rt, "d")
						f.Append(arrow.Date32(d))
						row = append(row, time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly))
					}
				}
				want = append(want, strings.Join(row, "|"))
			}
			records = append(records, b.NewRecord())
		}
		got, err := read(t, write(t, all[rapid.SampledFrom(names).Draw(rt, "form")], records...), arrowipc.Options{Names: []string{"i", "s", "v", "d"}})
		if err != nil || !slices.Equal(got, want) {
			rt.Fatalf("%v\n%q\nwant\n%q", err, got, want)
		}
	})
}

func text(t *rapid.T) string {
	return strings.ReplaceAll(rapid.StringN(0, 20, -1).Draw(t, "s"), "\x00", "")
}

// FuzzReader: whatever the bytes are, the reader ends without panic and with
// bounded memory.
func FuzzReader(f *testing.F) {
	rec, _ := everything(f)
	for _, form := range forms() {
		f.Add(write(f, form, rec))
	}
	f.Add([]byte(magicOnly))
	opt := options(f, rec)
	opt.Limits = compressed.Limits{Bytes: 8 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := read(t, b, opt)
		if _, ok := errors.AsType[*record.Error](err); err != nil && !ok {
			t.Fatal(err)
		}
	})
}

const magicOnly = "ARROW1\x00\x00"

func BenchmarkReader(b *testing.B) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "unit", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}},
		{Name: "date", Type: arrow.FixedWidthTypes.Date32}, {Name: "pid", Type: arrow.BinaryTypes.String}, {Name: "ok", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "days", Type: arrow.PrimitiveTypes.Float64}, {Name: "key", Type: arrow.PrimitiveTypes.Int64}, {Name: "ward", Type: arrow.BinaryTypes.String}}, nil)
	const rows = 64_000
	rb := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer rb.Release()
	for i := range rows {
		if err := rb.Field(0).(*array.BinaryDictionaryBuilder).AppendString(fmt.Sprintf("SE%04d", i%1200)); err != nil {
			b.Fatal(err)
		}
		rb.Field(1).(*array.Date32Builder).Append(arrow.Date32(19000 + i%1000))
		rb.Field(2).(*array.StringBuilder).Append(fmt.Sprintf("P%07d", i))
		rb.Field(3).(*array.BooleanBuilder).Append(i%3 == 0)
		rb.Field(4).(*array.Float64Builder).Append(float64(i%1000) / 10)
		rb.Field(5).(*array.Int64Builder).Append(int64(i))
		rb.Field(6).(*array.StringBuilder).Append([]string{"A", "B", "C"}[i%3])
	}
	rec := rb.NewRecord()
	for name, f := range map[string]form{"plain": {}, "lz4": {opt: []ipc.Option{ipc.WithLZ4()}}} {
		file := write(b, f, rec, rec, rec, rec, rec)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				r, err := arrowipc.NewReader(bytes.NewReader(file), arrowipc.Options{Names: []string{"unit", "date", "pid", "ok", "days", "key", "ward"}})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for ; ; n++ {
					if _, err = r.Next(); err != nil {
						break
					}
				}
				if err != io.EOF || n != 5*rows {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(5*rows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
