package engine

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	chproto "github.com/ClickHouse/ch-go/proto"
	chcolumn "github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

func TestParseType(t *testing.T) {
	fixed := func(w int) *nativeType { return &nativeType{width: w} }
	str := &nativeType{kind: stringType}
	of := func(kind typeKind, elements ...*nativeType) *nativeType {
		return &nativeType{kind: kind, elements: elements}
	}
	for name, want := range map[string]*nativeType{
		"UInt8":                                    fixed(1),
		"DateTime('Europe/Stockholm')":             fixed(4),
		"DateTime64(3, 'UTC')":                     fixed(8),
		"Enum8('a, b)' = 1, 'it\\'s' = 2)":         fixed(1),
		"Decimal(9, 2)":                            fixed(4),
		"Decimal(76, 20)":                          fixed(32),
		"FixedString(16)":                          fixed(16),
		"IntervalDay":                              fixed(8),
		"Nullable(String)":                         of(nullableType, str),
		"Nullable(Nothing)":                        of(nullableType, fixed(1)),
		"LowCardinality(Nullable(FixedString(3)))": of(lowCardinalityType, fixed(3)),
		"Map(String, Array(UInt64))":               of(arrayType, of(tupleType, str, of(arrayType, fixed(8)))),
		"Tuple()":                                  fixed(1),
		"Tuple(UInt8, String)":                     of(tupleType, fixed(1), str),
		"Tuple(a UInt8, `b (c) d` Decimal(9, 2), e String)":   of(tupleType, fixed(1), fixed(4), str),
		"Tuple(a Tuple(b UInt8, c Enum8('x y' = 1)), d Date)": of(tupleType, of(tupleType, fixed(1), fixed(1)), fixed(2)),
		"Nested(a UInt8, b String)":                           of(arrayType, of(tupleType, fixed(1), str)),
		"Polygon":                                             of(arrayType, of(arrayType, of(tupleType, fixed(8), fixed(8)))),
		"Variant(Array(UInt8), String)":                       of(variantType, of(arrayType, fixed(1)), str),
		"SimpleAggregateFunction(sum, UInt64)":                fixed(8),
		"JSON":                                                {kind: jsonType},
	} {
		got, err := parseType(name)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	for _, name := range []string{"AggregateFunction(sum, UInt8)", "Dynamic", "", "Array(", "Array(AggregateFunction(sum, UInt8))", "FixedString(0)", "FixedString(x)"} {
		if got, err := parseType(name); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

// TestReframe compares with the driver: a block that it encodes at revision 0 must
// decode to the same at the revision that it asks for.
func TestReframe(t *testing.T) {
	const revision = 54460
	server := &chcolumn.ServerContext{Revision: revision}
	block := &proto.Block{ServerContext: server}
	for _, c := range []struct{ name, typeName string }{{"n", "UInt64"}, {"s", "LowCardinality(String)"}, {"a", "Array(Nullable(String))"}, {"m", "Map(String, UInt8)"}} {
		if err := block.AddColumn(c.name, chcolumn.Type(c.typeName)); err != nil {
			t.Fatal(err)
		}
	}
	x := "x"
	for i := range 300 {
		if err := block.Append(uint64(i), "v", []*string{nil, &x}, map[string]uint8{"k": uint8(i % 250)}); err != nil {
			t.Fatal(err)
		}
	}
	var encoded chproto.Buffer
	if err := block.Encode(&encoded, 0); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f := newReframer(&out, revision)
	if err := f.write(append(bytes.Clone(encoded.Buf), encoded.Buf...)); err != nil {
		t.Fatal(err)
	}
	if f.blocks != 2 {
		t.Fatalf("%d blocks, want 2", f.blocks)
	}
	reader := chproto.NewReader(&out)
	for range 2 {
		decoded := &proto.Block{ServerContext: server}
		if err := decoded.Decode(reader, revision); err != nil {
			t.Fatal(err)
		}
		if decoded.Rows() != 300 {
			t.Fatalf("%d rows, want 300", decoded.Rows())
		}
		for i, c := range decoded.Columns {
			for row := range decoded.Rows() {
				if got, want := c.Row(row, false), block.Columns[i].Row(row, false); !reflect.DeepEqual(got, want) {
					t.Fatalf("column %s row %d: %v, want %v", c.Name(), row, got, want)
				}
			}
		}
	}
	// The end of a block that is cut off is noticed.
	for _, cut := range []int{1, 2, len(encoded.Buf) / 2, len(encoded.Buf) - 1} {
		var e *exception
		if err := newReframer(&bytes.Buffer{}, revision).write(encoded.Buf[:cut]); !errors.As(err, &e) || e.code != codeIncorrectData {
			t.Errorf("cut at %d: %v, want code %d", cut, err, codeIncorrectData)
		}
	}
}

// FuzzReframe holds for any bytes: no panic, and no more output than input and
// frames.
func FuzzReframe(f *testing.F) {
	f.Add([]byte("\x01\x01\x01x\x05UInt8\x07"))
	f.Add([]byte("\x01\x02\x01x\x16LowCardinality(String)\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x01\x01v\x16Variant(String, UInt8)\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01"))
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01x\x06String"))
	f.Add([]byte("\x02\x01\x01a\x0cArray(UInt8)\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		_ = newReframer(&out, 54460).write(data)
		if out.Len() > 16*len(data)+16 {
			t.Fatalf("%d bytes became %d", len(data), out.Len())
		}
	})
}
