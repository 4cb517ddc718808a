package conformance

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

// column is a type and values of it, as a slice for the driver's columnar append.
type column struct {
	typeName string
	values   any
}

func pointer[T any](v T) *T { return &v }

// powerOf2 is 2 to the exponent, plus add.
func powerOf2(exponent uint, add int64) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), exponent)
	return n.Add(n, big.NewInt(add))
}

func columns() []column {
	stockholm, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		panic(err) // the tests embed the time zones
	}
	utc := func(y int, m time.Month, d, h, min, s, ns int) time.Time {
		return time.Date(y, m, d, h, min, s, ns, time.UTC)
	}
	dec := decimal.RequireFromString
	negative := func(n *big.Int) *big.Int { return new(big.Int).Neg(n) }
	return []column{
		{"Int8", []int8{math.MinInt8, -1, 0, 1, math.MaxInt8}},
		{"Int16", []int16{math.MinInt16, -1, 0, math.MaxInt16}},
		{"Int32", []int32{math.MinInt32, -1, 0, math.MaxInt32}},
		{"Int64", []int64{math.MinInt64, -1, 0, math.MaxInt64}},
		{"Int128", []*big.Int{negative(powerOf2(127, 0)), big.NewInt(-1), big.NewInt(0), powerOf2(127, -1)}},
		{"Int256", []*big.Int{negative(powerOf2(255, 0)), big.NewInt(-1), big.NewInt(0), powerOf2(255, -1)}},
		{"UInt8", []uint8{0, 1, math.MaxUint8}},
		{"UInt16", []uint16{0, 1, math.MaxUint16}},
		{"UInt32", []uint32{0, 1, math.MaxUint32}},
		{"UInt64", []uint64{0, 1, math.MaxUint64}},
		{"UInt128", []*big.Int{big.NewInt(0), powerOf2(128, -1)}},
		{"UInt256", []*big.Int{big.NewInt(0), powerOf2(256, -1)}},
		{"Float32", []float32{0, float32(math.Copysign(0, -1)), 1.5, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}},
		{"Float64", []float64{0, math.Copysign(0, -1), 1.5, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN()}},
		{"Bool", []bool{true, false}},
		{"String", []string{"", "a", "åäö € 🚑", "nul\x00byte", "\xff\xfe not UTF-8", "it's \\ \"q\"\t\r\n;", strings.Repeat("long ", 20_000)}},
		{"FixedString(5)", []string{"abcde", "a\x00b\x00c", "\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff"}},
		{"Date", []time.Time{utc(1970, 1, 1, 0, 0, 0, 0), utc(2024, 2, 29, 0, 0, 0, 0), utc(2149, 6, 6, 0, 0, 0, 0)}},
		{"Date32", []time.Time{utc(1900, 1, 1, 0, 0, 0, 0), utc(1969, 12, 31, 0, 0, 0, 0), utc(2299, 12, 31, 0, 0, 0, 0)}},
		{"DateTime", []time.Time{utc(1970, 1, 1, 0, 0, 0, 0), utc(2024, 10, 27, 1, 30, 0, 0), utc(2106, 2, 7, 6, 28, 15, 0)}},
		{"DateTime('Europe/Stockholm')", []time.Time{time.Date(2024, 3, 31, 3, 0, 0, 0, stockholm), time.Date(2024, 10, 27, 1, 59, 59, 0, stockholm)}},
		{"DateTime64(3)", []time.Time{utc(1900, 1, 1, 0, 0, 0, 0), utc(1969, 12, 31, 23, 59, 59, 999e6), utc(2024, 2, 29, 12, 34, 56, 789e6), utc(2262, 4, 11, 23, 47, 16, 854e6)}}, // the driver ends in 2262
		{"DateTime64(6)", []time.Time{utc(1900, 1, 1, 0, 0, 0, 0), utc(2024, 2, 29, 12, 34, 56, 789012e3)}},
		{"DateTime64(9, 'Europe/Stockholm')", []time.Time{time.Date(1950, 1, 1, 0, 0, 0, 1, stockholm), time.Date(2024, 10, 27, 2, 30, 0, 123456789, stockholm)}},
		{"Decimal32(2)", []decimal.Decimal{dec("0"), dec("-9999999.99"), dec("9999999.99"), dec("0.01")}},
		{"Decimal64(4)", []decimal.Decimal{dec("0"), dec("-99999999999999.9999"), dec("99999999999999.9999")}},
		{"Decimal128(10)", []decimal.Decimal{dec("0"), dec("-9999999999999999999999999999.9999999999"), dec("9999999999999999999999999999.9999999999")}},
		{"Decimal256(20)", []decimal.Decimal{dec("0"), dec("-99999999999999999999999999999999999999999999999999999999.99999999999999999999"), dec("0.00000000000000000001")}},
		{"UUID", []uuid.UUID{uuid.Nil, uuid.Max, uuid.MustParse("417ddc5d-e556-4d27-95dd-a34d84e46a50")}},
		{"Enum8('low' = -128, 'ö' = 0, 'it''s' = 127)", []string{"low", "ö", "it's"}},
		{"Enum16('low' = -32768, 'high' = 32767)", []string{"low", "high"}},
		{"IPv4", []netip.Addr{netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("255.255.255.255")}},
		{"IPv6", []netip.Addr{netip.MustParseAddr("::"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}},
		{"Nullable(Int64)", []*int64{nil, pointer(int64(math.MinInt64)), pointer(int64(0)), nil}},
		{"Nullable(String)", []*string{pointer(""), nil, pointer("x")}},
		{"Nullable(Float64)", []*float64{nil, pointer(math.NaN()), pointer(1.0)}},
		{"Nullable(DateTime64(3))", []*time.Time{nil, pointer(utc(2024, 2, 29, 12, 0, 0, 1e6))}},
		{"Nullable(Decimal(18, 4))", []*decimal.Decimal{nil, pointer(dec("1.2345"))}},
		{"Nullable(UUID)", []*uuid.UUID{nil, pointer(uuid.Max)}},
		{"LowCardinality(String)", []string{"a", "", "b", "a", "a", "åäö"}},
		{"LowCardinality(Nullable(String))", []*string{nil, pointer(""), pointer("a"), nil, pointer("a")}},
		{"LowCardinality(FixedString(2))", []string{"ab", "cd", "ab"}},
		{"Array(Int32)", [][]int32{{}, {1}, {math.MinInt32, 0, math.MaxInt32}, {}}},
		{"Array(String)", [][]string{{}, {""}, {"a", "åäö", ""}}},
		{"Array(Nullable(Float64))", [][]*float64{{nil}, {}, {pointer(1.5), nil, pointer(math.Inf(1))}}},
		{"Array(Array(String))", [][][]string{{}, {{}}, {{"a"}, {}, {"b", "c"}}}},
		{"Array(LowCardinality(String))", [][]string{{"a", "b", "a"}, {}, {"b"}}},
		{"Array(LowCardinality(Nullable(String)))", [][]*string{{nil, pointer("x")}, {}}},
		{"Array(Array(Array(UInt8)))", [][][][]uint8{{{{1}, {}}, {}}, {}}},
		{"Map(String, Int64)", []map[string]int64{{}, {"a": 1}, {"a": math.MinInt64, "åäö": math.MaxInt64}}},
		{"Map(LowCardinality(String), Array(Nullable(String)))", []map[string][]*string{{}, {"a": {nil, pointer("x")}, "b": {}}}},
		{"Tuple(Int64, String)", [][]any{{int64(1), "a"}, {int64(math.MinInt64), ""}}},
		{"Tuple(a Int64, b LowCardinality(String))", []map[string]any{{"a": int64(1), "b": "x"}, {"a": int64(2), "b": ""}}},
		{"Array(Tuple(Int32, Nullable(String)))", [][][]any{{{int32(1), pointer("a")}, {int32(2), (*string)(nil)}}, {}}},
	}
}

func (s suite) types(t *testing.T) {
	conn := s.open(t)
	for _, c := range columns() {
		t.Run(c.typeName, func(t *testing.T) {
			table := s.table(t, conn, "id UInt32, v "+c.typeName, "MergeTree ORDER BY id")
			values := reflect.ValueOf(c.values)
			n := values.Len()
			ids := make([]uint32, n)
			for i := range ids {
				ids[i] = uint32(i)
			}
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(batch.Column(0).Append(ids), batch.Column(1).Append(c.values)); err != nil {
				t.Fatal(err)
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			rows, err := conn.Query(t.Context(), "SELECT v FROM "+table+" ORDER BY id")
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for ; rows.Next(); i++ {
				if i >= n {
					break
				}
				got := reflect.New(values.Type().Elem())
				if err := rows.Scan(got.Interface()); err != nil {
					t.Fatal(err)
				}
				if want := values.Index(i).Interface(); !same(got.Elem().Interface(), want) {
					t.Errorf("row %d: %v, want %v", i, got.Elem().Interface(), want)
				}
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Fatal(err)
			}
			if i != n {
				t.Errorf("%d rows, want %d", i, n)
			}
			if n, err := drain(conn, t.Context(), "SELECT v FROM "+table+" WHERE id > 1000000", nil); n != 0 || err != nil {
				t.Errorf("no rows: %d, %v", n, err)
			}
		})
	}
}

// same is equality of what was stored: NaN is NaN, an instant is an instant in
// any zone, and an address of IPv4 is itself in IPv6's clothes.
func same(a, b any) bool {
	switch x := a.(type) {
	case float64:
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y) || ok && math.IsNaN(x) && math.IsNaN(y)
	case float32:
		y, ok := b.(float32)
		return ok && math.Float32bits(x) == math.Float32bits(y) || ok && x != x && y != y
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	case *big.Int:
		y, ok := b.(*big.Int)
		return ok && x.Cmp(y) == 0
	case decimal.Decimal:
		y, ok := b.(decimal.Decimal)
		return ok && x.Equal(y)
	case netip.Addr:
		y, ok := b.(netip.Addr)
		return ok && x.Unmap() == y.Unmap()
	}
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if !x.IsValid() || !y.IsValid() {
		return x.IsValid() == y.IsValid()
	}
	if x.Kind() == reflect.Pointer && y.Kind() == reflect.Pointer {
		if x.IsNil() || y.IsNil() {
			return x.IsNil() && y.IsNil()
		}
		return same(x.Elem().Interface(), y.Elem().Interface())
	}
	if x.Type() != y.Type() {
		return false
	}
	switch x.Kind() {
	case reflect.Slice:
		if x.Type().Elem().Kind() == reflect.Uint8 {
			return string(x.Bytes()) == string(y.Bytes())
		}
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.Len() {
			if !same(x.Index(i).Interface(), y.Index(i).Interface()) {
				return false
			}
		}
		return true
	case reflect.Map:
		if x.Len() != y.Len() {
			return false
		}
		for _, k := range x.MapKeys() {
			v := y.MapIndex(k)
			if !v.IsValid() || !same(x.MapIndex(k).Interface(), v.Interface()) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}
