package parquet_test

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

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/parquet"
	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// read gives one text a row, its fields joined by "|", and the fault.
func read(t testing.TB, b []byte, opt parquet.Options) (out []string, err error) {
	t.Helper()
	r, err := parquet.NewReader(bytes.NewReader(b), opt)
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

// group keeps columns in the order of the file.
type group struct {
	pq.Group
	names []string
}

func (g group) Fields() []pq.Field {
	byName := map[string]pq.Field{}
	for _, f := range g.Group.Fields() {
		byName[f.Name()] = f
	}
	out := make([]pq.Field, len(g.names))
	for i, n := range g.names {
		out[i] = byName[n]
	}
	return out
}

type named struct {
	name string
	node pq.Node
}

func schemaOf(columns []named) *pq.Schema {
	g := group{Group: pq.Group{}}
	for _, c := range columns {
		g.Group[c.name] = c.node
		g.names = append(g.names, c.name)
	}
	return pq.NewSchema("export", g)
}

// write writes rows, each a value a column; groups of so many rows.
func write(t testing.TB, columns []named, rows [][]pq.Value, perGroup int, opt ...pq.WriterOption) []byte {
	t.Helper()
	var out bytes.Buffer
	schema := schemaOf(columns)
	w := pq.NewWriter(&out, append([]pq.WriterOption{schema}, opt...)...)
	for i, row := range rows {
		leveled := make(pq.Row, len(row))
		for k, v := range row {
			level := 0
			if columns[k].node.Optional() && !v.IsNull() {
				level = 1
			}
			leveled[k] = v.Level(0, level, k)
		}
		if _, err := w.WriteRows([]pq.Row{leveled}); err != nil {
			t.Fatal(err)
		}
		if perGroup > 0 && i%perGroup == perGroup-1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// everything is a table of every type that is read, and its rows as text.
func everything() (columns []named, rows [][]pq.Value, want []string) {
	at := time.Date(2024, 6, 30, 22, 30, 0, 0, time.UTC)
	half := []byte{0x00, 0x3e} // 1.5
	big := binary.BigEndian.AppendUint64(bytes.Repeat([]byte{0xff}, 8), ^uint64(12344))
	for _, c := range []struct {
		node pq.Node
		v    pq.Value
		text string
	}{
		{pq.Int(8), pq.Int32Value(-8), "-8"}, {pq.Int(16), pq.Int32Value(-16), "-16"}, {pq.Int(32), pq.Int32Value(-32), "-32"},
		{pq.Int(64), pq.Int64Value(math.MinInt64), "-9223372036854775808"},
		{pq.Uint(8), pq.Int32Value(8), "8"}, {pq.Uint(32), pq.Int32Value(-1), "4294967295"}, {pq.Uint(64), pq.Int64Value(-1), "18446744073709551615"},
		{pq.Leaf(pq.Int32Type), pq.Int32Value(7), "7"}, {pq.Leaf(pq.Int64Type), pq.Int64Value(-7), "-7"},
		{pq.Leaf(pq.FloatType), pq.FloatValue(0.1), "0,1"}, {pq.Leaf(pq.DoubleType), pq.DoubleValue(-0.1), "-0,1"}, {pq.Leaf(pq.DoubleType), pq.DoubleValue(1e21), "1000000000000000000000"},
		{pq.Leaf(pq.BooleanType), pq.BooleanValue(true), "1"},
		{pq.Decimal(3, 9, pq.Int32Type), pq.Int32Value(-12345), "-12,345"}, {pq.Decimal(2, 18, pq.Int64Type), pq.Int64Value(5), "0,05"},
		{pq.Decimal(3, 38, pq.FixedLenByteArrayType(16)), pq.FixedLenByteArrayValue(big), "-12,345"},
		{pq.Decimal(0, 20, pq.ByteArrayType), pq.ByteArrayValue([]byte{0x01, 0x00}), "256"},
		{pq.Date(), pq.Int32Value(int32(at.Unix() / 86400)), "30.06.2024"},
		{pq.Time(pq.Millisecond), pq.Int32Value(3_661_500), "01:01:01.5"},
		{pq.TimestampAdjusted(pq.Millisecond, false), pq.Int64Value(at.UnixMilli()), "30.06.2024 22:30:00"},
		{pq.TimestampAdjusted(pq.Microsecond, true), pq.Int64Value(at.UnixMicro() + 1), "01.07.2024 00:30:00.000001"},
		{pq.TimestampAdjusted(pq.Nanosecond, true), pq.Int64Value(at.UnixNano()), "01.07.2024 00:30:00"},
		{pq.String(), pq.ByteArrayValue([]byte("åäö")), "åäö"}, {pq.Enum(), pq.ByteArrayValue([]byte("K")), "K"}, {pq.JSON(), pq.ByteArrayValue([]byte("{}")), "{}"},
		{pq.Leaf(pq.ByteArrayType), pq.ByteArrayValue([]byte("bytes")), "bytes"},
		{pq.UUID(), pq.FixedLenByteArrayValue(append(make([]byte, 15), 1)), "00000000-0000-0000-0000-000000000001"},
		{pq.Leaf(pq.FixedLenByteArrayType(2)), pq.FixedLenByteArrayValue(half), ""},
	} {
		if c.text == "" {
			continue // bytes without a meaning; see TestRefused
		}
		if len(rows) == 0 {
			rows, want = make([][]pq.Value, 3), make([]string, 3)
		}
		columns = append(columns, named{fmt.Sprintf("r%02d", len(columns)), c.node}, named{fmt.Sprintf("o%02d", len(columns)), pq.Optional(c.node)})
		for i := range rows {
			null, text := pq.NullValue(), ""
			if i != 1 {
				null, text = c.v, c.text
			}
			rows[i] = append(rows[i], c.v, null)
			want[i] += "|" + c.text + "|" + text
		}
	}
	for i := range want {
		want[i] = want[i][1:]
	}
	return columns, rows, want
}

func options(t testing.TB, columns []named) parquet.Options {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	opt := parquet.Options{Form: typed.Form{Decimal: ',', Dates: "dd.mm.yyyy", Zone: zone}}
	for _, c := range columns {
		opt.Names = append(opt.Names, c.name)
	}
	return opt
}

func codecs() map[string]compress.Codec {
	return map[string]compress.Codec{"none": &pq.Uncompressed, "snappy": &pq.Snappy, "gzip": &pq.Gzip, "brotli": &pq.Brotli, "zstd": &pq.Zstd, "lz4": &pq.Lz4Raw}
}

// TestEveryType: in every codec, both kinds of pages and several groups.
func TestEveryType(t *testing.T) {
	columns, rows, want := everything()
	for name, codec := range codecs() {
		for _, version := range []int{1, 2} {
			for _, perGroup := range []int{0, 2} {
				b := write(t, columns, rows, perGroup, pq.Compression(codec), pq.DataPageVersion(version))
				got, err := read(t, b, options(t, columns))
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s, pages of version %d: %v\n%s\nwant\n%s", name, version, err, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		}
	}
}

// TestEncodings: any values in any encoding come out as their texts.
func TestEncodings(t *testing.T) {
	type encoded struct {
		typ      pq.Type
		encoding encoding.Encoding
		draw     func(*rapid.T) (pq.Value, string)
	}
	whole := func(t *rapid.T) int64 {
		if rapid.Bool().Draw(t, "wild") {
			return rapid.Int64().Draw(t, "v")
		}
		return rapid.Int64Range(-3, 100).Draw(t, "v")
	}
	i32 := func(t *rapid.T) (pq.Value, string) {
		v := int32(whole(t))
		return pq.Int32Value(v), fmt.Sprint(v)
	}
	i64 := func(t *rapid.T) (pq.Value, string) { v := whole(t); return pq.Int64Value(v), fmt.Sprint(v) }
	f64 := func(t *rapid.T) (pq.Value, string) {
		v := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "v")
		return pq.DoubleValue(float64(v)), fmt.Sprint(v)
	}
	f32 := func(t *rapid.T) (pq.Value, string) {
		v := rapid.Int64Range(-1<<20, 1<<20).Draw(t, "v")
		return pq.FloatValue(float32(v)), fmt.Sprint(v)
	}
	text := func(t *rapid.T) (pq.Value, string) {
		s := rapid.SampledFrom([]string{"", "SE1", "SE1-N"}).Draw(t, "begin") + strings.ReplaceAll(rapid.StringN(0, 12, -1).Draw(t, "s"), "\x00", "")
		return pq.ByteArrayValue([]byte(s)), s
	}
	truth := func(t *rapid.T) (pq.Value, string) {
		v := rapid.Bool().Draw(t, "v")
		return pq.BooleanValue(v), map[bool]string{true: "1", false: "0"}[v]
	}
	uuid := func(t *rapid.T) (pq.Value, string) {
		v := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v")
		return pq.FixedLenByteArrayValue(v), string(typed.AppendUUID(nil, v))
	}
	str := pq.String().Type()
	cases := []encoded{
		{pq.Int32Type, &pq.Plain, i32}, {pq.Int32Type, &pq.RLEDictionary, i32}, {pq.Int32Type, &pq.DeltaBinaryPacked, i32}, {pq.Int32Type, &pq.ByteStreamSplit, i32},
		{pq.Int64Type, &pq.Plain, i64}, {pq.Int64Type, &pq.RLEDictionary, i64}, {pq.Int64Type, &pq.DeltaBinaryPacked, i64}, {pq.Int64Type, &pq.ByteStreamSplit, i64},
		{pq.DoubleType, &pq.Plain, f64}, {pq.DoubleType, &pq.ByteStreamSplit, f64}, {pq.FloatType, &pq.Plain, f32}, {pq.FloatType, &pq.ByteStreamSplit, f32}, {pq.FloatType, &pq.RLEDictionary, f32},
		{str, &pq.Plain, text}, {str, &pq.RLEDictionary, text}, {str, &pq.DeltaLengthByteArray, text}, {str, &pq.DeltaByteArray, text},
		{pq.BooleanType, &pq.Plain, truth}, {pq.BooleanType, &pq.RLE, truth},
		{pq.UUID().Type(), &pq.Plain, uuid}, {pq.UUID().Type(), &pq.RLEDictionary, uuid}, {pq.UUID().Type(), &pq.DeltaByteArray, uuid}, {pq.UUID().Type(), &pq.ByteStreamSplit, uuid},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%v %v", c.typ, c.encoding), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				node := pq.Encoded(pq.Leaf(c.typ), c.encoding)
				optional := rapid.Bool().Draw(rt, "optional")
				if optional {
					node = pq.Optional(node)
				}
				var rows [][]pq.Value
				var want []string
				for range rapid.IntRange(1, 4).Draw(rt, "runs") {
					v, s := c.draw(rt)
					if optional && rapid.IntRange(0, 3).Draw(rt, "null") == 0 {
						v, s = pq.NullValue(), ""
					}
					for range rapid.SampledFrom([]int{1, 2, 7, 8, 9, 40, 300}).Draw(rt, "times") {
						rows, want = append(rows, []pq.Value{v}), append(want, s)
						if rapid.IntRange(0, 9).Draw(rt, "other") == 0 {
							v, s = c.draw(rt)
						}
					}
				}
				columns := []named{{"c", node}}
				b := write(t, columns, rows, rapid.SampledFrom([]int{0, 5, 100}).Draw(rt, "group"), pq.DataPageVersion(rapid.IntRange(1, 2).Draw(rt, "version")),
					pq.PageBufferSize(rapid.SampledFrom([]int{64, 1 << 20}).Draw(rt, "page")), pq.Compression(rapid.SampledFrom([]compress.Codec{&pq.Uncompressed, &pq.Snappy}).Draw(rt, "codec")))
				got, err := read(t, b, parquet.Options{Names: []string{"c"}})
				if err != nil || !slices.Equal(got, want) {
					rt.Fatalf("%v\n%q\nwant\n%q", err, got, want)
				}
			})
		})
	}
}

// TestCutEverywhere: no beginning of a file passes for the file.
func TestCutEverywhere(t *testing.T) {
	columns, rows, _ := everything()
	b := write(t, columns, rows, 2)
	opt := options(t, columns)
	for n := range b {
		_, err := read(t, b[:n], opt)
		if n == 0 && err == nil {
			continue // the empty file is told by its End
		}
		if bad, ok := errors.AsType[*record.Error](err); !ok || !bad.Cut {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
}

// TestDamage: a byte that was changed in a page is noticed by its checksum;
// one in the metadata gives a fault or the same number of rows, never a panic.
func TestDamage(t *testing.T) {
	columns, rows, want := everything()
	columns = columns[14:36]
	for i := range rows {
		rows[i], want[i] = rows[i][14:36], strings.Join(strings.Split(want[i], "|")[14:36], "|")
	}
	opt := options(t, columns)
	for _, codec := range []compress.Codec{&pq.Uncompressed, &pq.Zstd} {
		b := write(t, columns, rows, 0, pq.Compression(codec))
		other := 0
		for i := range b {
			c := bytes.Clone(b)
			c[i] ^= []byte{0x01, 0x80, 0xff}[i%3]
			got, err := read(t, c, opt)
			if err == nil && len(got) != len(want) {
				t.Fatalf("byte %d of %d changed: %d rows", i, len(b), len(got))
			}
			if err == nil && !slices.Equal(got, want) {
				other++
			}
			if _, ok := errors.AsType[*record.Error](err); err != nil && !ok {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
		// What the footer says of a column (its decimals, its zone) is held by
		// no checksum.
		if other > len(b)/50 {
			t.Errorf("%d of %d changed bytes gave other values", other, len(b))
		}
	}
}

// footed gives the file with another footer.
func footed(t testing.TB, b []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	size := int(binary.LittleEndian.Uint32(b[len(b)-8:]))
	begin := len(b) - 8 - size
	var meta format.FileMetaData
	protocol := &thrift.CompactProtocol{}
	if err := thrift.Unmarshal(protocol, b[begin:begin+size], &meta); err != nil {
		t.Fatal(err)
	}
	change(&meta)
	footer, err := thrift.Marshal(protocol, meta)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.LittleEndian.AppendUint32(slices.Concat(b[:begin], footer), uint32(len(footer))), "PAR1"...)
}

// TestFooterAgainstPages: a footer that says another thing than the pages ends
// the file.
func TestFooterAgainstPages(t *testing.T) {
	columns := []named{{"c", pq.Optional(pq.String())}, {"d", pq.Encoded(pq.Int(64), &pq.RLEDictionary)}}
	var rows [][]pq.Value
	for i := range 10 {
		rows = append(rows, []pq.Value{pq.ByteArrayValue([]byte("x")), pq.Int64Value(int64(i % 3))})
	}
	rows[4][0] = pq.NullValue()
	b := write(t, columns, rows, 5, pq.DataPageVersion(1))
	opt := parquet.Options{Names: []string{"c", "d"}}
	if got, err := read(t, footed(t, b, func(*format.FileMetaData) {}), opt); err != nil || len(got) != 10 {
		t.Fatal(len(got), err)
	}
	chunk := func(m *format.FileMetaData, k int) *format.ColumnMetaData { return &m.RowGroups[0].Columns[k].MetaData }
	for _, c := range []struct {
		name   string
		change func(*format.FileMetaData)
	}{
		{"more rows", func(m *format.FileMetaData) { m.NumRows++ }},
		{"fewer rows", func(m *format.FileMetaData) { m.NumRows-- }},
		{"more rows in a group", func(m *format.FileMetaData) { m.NumRows++; m.RowGroups[0].NumRows++ }},
		{"more rows and values", func(m *format.FileMetaData) {
			m.NumRows++
			m.RowGroups[0].NumRows++
			chunk(m, 0).NumValues++
			chunk(m, 1).NumValues++
		}},
		{"fewer rows and values", func(m *format.FileMetaData) {
			m.NumRows--
			m.RowGroups[0].NumRows--
			chunk(m, 0).NumValues--
			chunk(m, 1).NumValues--
		}},
		{"a group less", func(m *format.FileMetaData) { m.RowGroups = m.RowGroups[:1] }},
		{"a column less", func(m *format.FileMetaData) { m.RowGroups[1].Columns = m.RowGroups[1].Columns[:1] }},
		{"another type", func(m *format.FileMetaData) { chunk(m, 1).Type = format.Int32 }},
		{"another codec", func(m *format.FileMetaData) { chunk(m, 0).Codec = format.Zstd }},
		{"a codec that is not read", func(m *format.FileMetaData) { chunk(m, 0).Codec = format.LZO }},
		{"columns outside", func(m *format.FileMetaData) { chunk(m, 0).DataPageOffset = 1 << 40 }},
		{"columns that are too long", func(m *format.FileMetaData) { chunk(m, 0).TotalCompressedSize = 1 << 40 }},
		{"columns that are too short", func(m *format.FileMetaData) { chunk(m, 0).TotalCompressedSize -= 3 }},
		{"columns of another file", func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].FilePath = "other" }},
		{"required that is optional", func(m *format.FileMetaData) { m.Schema[1].RepetitionType.V = format.Required }},
		{"a schema that is no tree", func(m *format.FileMetaData) { m.Schema[0].NumChildren.V = 3 }},
		{"columns that are exchanged", func(m *format.FileMetaData) { g := m.RowGroups[0].Columns; g[0], g[1] = g[1], g[0] }},
	} {
		got, err := read(t, footed(t, b, c.change), opt)
		if bad, ok := errors.AsType[*record.Error](err); !ok || bad.Hint == "" {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

// TestNested: columns with something in them are stepped over, and refused
// where they are read.
func TestNested(t *testing.T) {
	type inner struct {
		A int32
		B []string
	}
	type row struct {
		List  []string         `parquet:"list,list"`
		Plain []int64          `parquet:"repeated"`
		In    inner            `parquet:"inner"`
		Map   map[string]int32 `parquet:"map"`
		N     int64            `parquet:"n"`
	}
	var out bytes.Buffer
	w := pq.NewGenericWriter[row](&out)
	if _, err := w.Write([]row{{List: []string{"x", "y"}, Plain: []int64{1, 2}, In: inner{1, []string{"z"}}, Map: map[string]int32{"k": 1}, N: 42}, {N: 43}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := read(t, out.Bytes(), parquet.Options{Names: []string{"n"}})
	if err != nil || !slices.Equal(got, []string{"42", "43"}) {
		t.Errorf("%q, %v", got, err)
	}
	for _, column := range []string{"list", "repeated", "inner", "map"} {
		_, err := read(t, out.Bytes(), parquet.Options{Names: []string{"n", column}})
		bad, ok := errors.AsType[*record.Error](err)
		if !ok || bad.Rule != "C03" || bad.Column != column || bad.Hint == "" {
			t.Errorf("%s: %v", column, err)
		}
	}
	r, err := parquet.NewReader(bytes.NewReader(out.Bytes()), parquet.Options{})
	if err != nil || !slices.Equal(r.Columns(), []string{"list", "repeated", "inner", "map", "n"}) {
		t.Errorf("%q, %v", r.Columns(), err)
	}
}

func TestRefused(t *testing.T) {
	one := func(node pq.Node, v pq.Value, opt ...pq.WriterOption) []byte {
		return write(t, []named{{"c", node}}, [][]pq.Value{{v}}, 0, opt...)
	}
	var wide []named
	var row []pq.Value
	for i := range 10_000 {
		wide, row = append(wide, named{fmt.Sprint(i), pq.Int(32)}), append(row, pq.Int32Value(1))
	}
	var zeros [][]pq.Value
	for range 640 {
		zeros = append(zeros, []pq.Value{pq.ByteArrayValue(bytes.Repeat([]byte{'0'}, 64<<10))})
	}
	many := func(opt ...pq.WriterOption) []byte {
		return write(t, []named{{"c", pq.Encoded(pq.String(), &pq.Plain)}}, zeros, 0, opt...)
	}
	plain := one(pq.String(), pq.ByteArrayValue([]byte("a")))
	footer := func(b ...byte) []byte { // with a structure of these bytes
		out := append([]byte("PAR1"), b...)
		return append(binary.LittleEndian.AppendUint32(out, uint32(len(b))), "PAR1"...)
	}
	opt := parquet.Options{Names: []string{"c"}}
	small := opt
	small.Limits = compressed.Limits{Bytes: 1 << 20}
	for _, c := range []struct {
		name, want string
		b          []byte
		opt        parquet.Options
	}{
		{"other file", "does not begin as one", []byte("unit;date;n\n1;2;3\n"), opt},
		{"encrypted", "encrypted", []byte("PARE00000000PARE"), opt},
		{"footer outside", "no footer", append(bytes.Clone(plain[:len(plain)-8]), 0xff, 0xff, 0xff, 0x7f, 'P', 'A', 'R', '1'), opt},
		{"10,000 columns", "more than 4096 columns", write(t, wide, [][]pq.Value{row}, 0), opt},
		{"INT96", "INT96", one(pq.Leaf(pq.Int96Type), pq.Int96Value([3]uint32{1, 2, 3})), opt},
		{"bytes of fixed length", "FIXED_LEN_BYTE_ARRAY", one(pq.Leaf(pq.FixedLenByteArrayType(2)), pq.FixedLenByteArrayValue([]byte{1, 2})), opt},
		{"not UTF-8", "not UTF-8", one(pq.String(), pq.ByteArrayValue([]byte("a\xff"))), opt},
		{"not UTF-8 in a dictionary", "not UTF-8", one(pq.Encoded(pq.String(), &pq.RLEDictionary), pq.ByteArrayValue([]byte("a\xff"))), opt},
		{"NUL", "NUL", one(pq.String(), pq.ByteArrayValue([]byte("a\x00b"))), opt},
		{"ratio", "times the size", many(pq.Compression(&pq.Zstd), pq.SkipPageBounds("c"), pq.SkipPageStatistics("c")), opt},
		{"bytes", "more than 1048576 bytes", many(pq.Compression(&pq.Snappy)), small},
		{"a list of two thousand million", "more than 200000 things", footer(0x29, 0xfc, 0x80, 0x94, 0xeb, 0xdc, 0x03), opt},
		{"no structure", "damaged", footer(0xff, 0xff, 0xff), opt},
	} {
		_, err := read(t, c.b, c.opt)
		bad, ok := errors.AsType[*record.Error](err)
		if !ok || bad.Rule == "" || bad.Hint == "" || !strings.Contains(bad.Text, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestSource: a source that cannot be read at any place is held up to its
// limit, and its own error is no fault of the file.
func TestSource(t *testing.T) {
	columns, rows, want := everything()
	b := write(t, columns, rows, 0)
	opt := options(t, columns)
	r, err := parquet.NewReader(io.MultiReader(bytes.NewReader(b)), opt)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		_, err = r.Next()
	}
	if err != io.EOF || n != len(want)+1 {
		t.Error(n, err)
	}
	opt.Limits.Held = 100
	if _, err := parquet.NewReader(io.MultiReader(bytes.NewReader(b)), opt); err == nil {
		t.Error("more than the limit was held")
	}
	broken := errors.New("the disk is gone")
	opt.Limits.Held = 0
	for left := range 200 {
		r, err := parquet.NewReader(&failingFile{bytes.NewReader(b), left, broken}, opt)
		for err == nil {
			_, err = r.Next()
		}
		if err == io.EOF {
			return
		}
		if !errors.Is(err, broken) {
			t.Fatalf("after %d reads: %v", left, err)
		}
	}
	t.Error("the source never lasted")
}

// failingFile fails after so many reads.
type failingFile struct {
	*bytes.Reader
	left int
	err  error
}

func (f *failingFile) ReadAt(b []byte, at int64) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return f.Reader.ReadAt(b, at)
}

// FuzzReader: whatever the bytes are, the reader ends without panic and with
// bounded memory.
func FuzzReader(f *testing.F) {
	columns, rows, _ := everything()
	for _, codec := range codecs() {
		f.Add(write(f, columns, rows, 2, pq.Compression(codec)))
	}
	narrow := make([][]pq.Value, len(rows))
	for i := range rows {
		narrow[i] = rows[i][:8]
	}
	f.Add(write(f, columns[:8], narrow, 0, pq.DataPageVersion(1)))
	opt := options(f, columns)
	opt.Limits = compressed.Limits{Bytes: 8 << 20}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := read(t, b, opt)
		if _, ok := errors.AsType[*record.Error](err); err != nil && !ok {
			t.Fatal(err)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	type row struct {
		Unit string  `parquet:"unit,dict"`
		Date int32   `parquet:"date,date"`
		PID  string  `parquet:"pid"`
		OK   bool    `parquet:"ok"`
		Days float64 `parquet:"days"`
		Key  int64   `parquet:"key"`
		Ward *string `parquet:"ward,dict"`
	}
	wards := []string{"A", "B", "C"}
	rows := make([]row, 300_000)
	for i := range rows {
		rows[i] = row{fmt.Sprintf("SE%04d", i%1200), int32(19000 + i%1000), fmt.Sprintf("P%07d", i), i%3 == 0, float64(i%1000) / 10, int64(i), &wards[i%3]}
	}
	for name, codec := range codecs() {
		var out bytes.Buffer
		w := pq.NewGenericWriter[row](&out, pq.Compression(codec), pq.MaxRowsPerRowGroup(100_000))
		if _, err := w.Write(rows); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(out.Len()))
			for b.Loop() {
				r, err := parquet.NewReader(bytes.NewReader(out.Bytes()), parquet.Options{Names: []string{"unit", "date", "pid", "ok", "days", "key", "ward"}})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for ; ; n++ {
					if _, err = r.Next(); err != nil {
						break
					}
				}
				if err != io.EOF || n != len(rows) {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(len(rows))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}
