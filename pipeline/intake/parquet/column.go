package parquet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// kind is what the values of a column are.
type kind uint8

const (
	otherKind kind = iota
	nullKind
	boolKind
	intKind
	uintKind
	floatKind
	doubleKind
	halfKind
	decimalKind
	dateKind
	clockKind
	timestampKind
	textKind
	uuidKind
)

// column is one top-level column.
type column struct {
	name     string
	leaf     int // its position among the leaves; -1: there are columns in it
	kind     kind
	typeName string // as the format names it, for errors
	physical format.Type
	width    int // bytes of a value, 0 for bytes of any length
	optional bool
	scale    int
	digits   int // of a decimal
	bits     int // of an integer, where its type says so
	unit     time.Duration
	instant  bool
	// def and rep are the highest definition and repetition levels of a leaf that
	// lies in another column: a value is there where its definition level is def.
	def, rep int
	// inside are the leaves of a column that is not read; nil: some of them cannot
	// be looked through.
	inside []column
}

// readColumns reads the tree of the schema as far as its top. leaves counts
// all of it.
func readColumns(schema []format.SchemaElement) (columns []column, leaves int, ok bool) {
	if len(schema) == 0 || schema[0].Type.Valid {
		return nil, 0, false
	}
	at := 1
	for range schema[0].NumChildren.V {
		if at >= len(schema) {
			return nil, 0, false
		}
		c := column{leaf: -1}
		if schema[at].Type.Valid {
			c.leaf = leaves
			c.describe(&schema[at])
		} else {
			c.typeName = "a group"
			if schema[at].LogicalType.Value != nil {
				c.typeName = schema[at].LogicalType.String()
			}
		}
		c.name = schema[at].Name
		from := leaves
		begin := at
		if at, leaves, ok = below(schema, at, leaves, 0); !ok {
			return nil, 0, false
		}
		if c.leaf < 0 || c.kind == otherKind {
			c.inside = leavesOf(schema[begin:at], c.name, from)
		}
		columns = append(columns, c)
	}
	return columns, leaves, at == len(schema)
}

// below steps over an element and what lies in it.
func below(schema []format.SchemaElement, at, leaves, depth int) (next, sum int, ok bool) {
	if at >= len(schema) || depth > 64 {
		return 0, 0, false
	}
	e := &schema[at]
	at++
	if e.Type.Valid {
		return at, leaves + 1, e.NumChildren.V == 0
	}
	for range e.NumChildren.V {
		if at, leaves, ok = below(schema, at, leaves, depth+1); !ok {
			return 0, 0, false
		}
	}
	return at, leaves, e.NumChildren.V >= 0
}

// leavesOf are the leaves of an element, the first of which is the leaf at from,
// with what lies below it; nil where the values of one cannot be read as text.
func leavesOf(tree []format.SchemaElement, name string, from int) []column {
	var out []column
	at, ok := 0, true
	var walk func(def, rep int)
	walk = func(def, rep int) {
		e := tree[at]
		at++
		switch e.RepetitionType.V {
		case format.Optional:
			def++
		case format.Repeated:
			def, rep = def+1, rep+1
		}
		if !e.Type.Valid {
			for range e.NumChildren.V {
				walk(def, rep)
			}
			return
		}
		c := column{name: name, leaf: from + len(out), def: def, rep: rep}
		e.RepetitionType.V = format.Required // its levels say the rest
		c.describe(&e)
		ok = ok && c.readable() == nil
		out = append(out, c)
	}
	walk(0, 0)
	if !ok {
		return nil
	}
	return out
}

// highest is the definition level of a value that is there.
func (c *column) highest() int {
	if c.optional {
		return 1
	}
	return c.def
}

// describe reads what the values of a leaf are. One that is not read stays of
// otherKind.
func (c *column) describe(e *format.SchemaElement) {
	c.physical = e.Type.V
	c.optional = e.RepetitionType.V == format.Optional
	c.typeName = c.physical.String()
	switch c.physical {
	case format.Int32, format.Float:
		c.width = 4
	case format.Int64, format.Double:
		c.width = 8
	case format.Int96:
		c.width = 12
	case format.FixedLenByteArray:
		if c.width = int(e.TypeLength.V); c.width < 1 || c.width > 1<<16 {
			return
		}
	}
	if e.RepetitionType.V == format.Repeated {
		c.typeName = "a list"
		return
	}
	if e.LogicalType.Value != nil {
		c.typeName = e.LogicalType.String()
		c.logical(e)
		return
	}
	if e.ConvertedType.Valid {
		c.typeName = fmt.Sprintf("%s with the converted type %d", c.physical, e.ConvertedType.V)
		c.converted(e)
		return
	}
	c.plain()
}

// plain is a type without annotation.
func (c *column) plain() {
	switch c.physical {
	case format.Boolean:
		c.kind = boolKind
	case format.Int32, format.Int64:
		c.kind = intKind
	case format.Float:
		c.kind = floatKind
	case format.Double:
		c.kind = doubleKind
	case format.ByteArray:
		c.kind = textKind // where it is UTF-8; older writers annotate nothing
	}
}

func (c *column) whole() bool { return c.physical == format.Int32 || c.physical == format.Int64 }

func (c *column) logical(e *format.SchemaElement) {
	switch t := e.LogicalType.Value.(type) {
	case *format.StringType, *format.EnumType, *format.JsonType:
		c.text()
	case *format.DecimalType:
		c.decimal(int(t.Scale), int(t.Precision))
	case *format.DateType:
		c.date()
	case *format.TimeType:
		c.time(clockKind, t.Unit, false)
	case *format.TimestampType:
		c.time(timestampKind, t.Unit, t.IsAdjustedToUTC)
	case *format.IntType:
		c.integer(t.IsSigned)
		c.bits = int(t.BitWidth)
	case *format.NullType:
		c.kind = nullKind
	case *format.UUIDType:
		if c.physical == format.FixedLenByteArray && c.width == 16 {
			c.kind = uuidKind
		}
	case *format.Float16Type:
		if c.physical == format.FixedLenByteArray && c.width == 2 {
			c.kind = halfKind
		}
	}
}

func (c *column) converted(e *format.SchemaElement) {
	switch e.ConvertedType.V {
	case deprecated.UTF8, deprecated.Enum, deprecated.Json:
		c.text()
	case deprecated.Decimal:
		c.decimal(int(e.Scale.V), int(e.Precision.V))
	case deprecated.Date:
		c.date()
	case deprecated.TimeMillis, deprecated.TimeMicros:
		c.time(clockKind, unitOf(e.ConvertedType.V == deprecated.TimeMillis), false)
	case deprecated.TimestampMillis, deprecated.TimestampMicros:
		c.time(timestampKind, unitOf(e.ConvertedType.V == deprecated.TimestampMillis), true)
	case deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64:
		c.integer(false)
	case deprecated.Int8, deprecated.Int16, deprecated.Int32, deprecated.Int64:
		c.integer(true)
	}
}

func unitOf(millis bool) format.TimeUnit {
	if millis {
		return format.TimeUnit{Value: &format.MilliSeconds{}}
	}
	return format.TimeUnit{Value: &format.MicroSeconds{}}
}

func (c *column) text() {
	if c.physical == format.ByteArray {
		c.kind = textKind
	}
}

func (c *column) integer(signed bool) {
	if c.whole() {
		if c.kind = uintKind; signed {
			c.kind = intKind
		}
	}
}

func (c *column) date() {
	if c.physical == format.Int32 {
		c.kind = dateKind
	}
}

func (c *column) decimal(scale, precision int) {
	c.digits = precision
	fits := c.whole() || c.physical == format.ByteArray || c.physical == format.FixedLenByteArray && c.width <= maxDecimal
	if c.scale = scale; fits && typed.ScaleOK(scale) {
		c.kind = decimalKind
	}
}

// maxDecimal is how many bytes a decimal may have.
const maxDecimal = 64

func (c *column) time(k kind, unit format.TimeUnit, instant bool) {
	if unit.Value == nil || !c.whole() {
		return
	}
	c.kind, c.unit, c.instant = k, unit.Value.Duration(), instant
}

// readable is nil where values of the column can be read as text.
func (c *column) readable() *record.Error {
	if c.leaf >= 0 && c.kind != otherKind {
		return nil
	}
	hint := "let the sender write numbers, dates, texts or truth values there; or, if the column is not used, list it under ignore_columns of the feed"
	if c.physical == format.Int96 && c.leaf >= 0 {
		hint = "nothing says whether its times are of UTC; let the sender write TIMESTAMP or DATE"
	}
	return &record.Error{Column: c.name, Rule: "C03", Text: "the column holds values of the type " + c.typeName + ", which is not read", Hint: hint}
}

// append writes a value as text. ok is false where a text is none.
func (c *column) append(b, v []byte, f *typed.Form) (text []byte, ok bool) {
	switch c.kind {
	case boolKind:
		return typed.AppendBool(b, v[0] != 0), true
	case intKind:
		return f.AppendDecimal(b, c.int64(v), 0), true
	case uintKind:
		if c.width == 4 {
			return fmt.Append(b, binary.LittleEndian.Uint32(v)), true
		}
		return fmt.Append(b, binary.LittleEndian.Uint64(v)), true
	case halfKind:
		return f.AppendHalf(b, binary.LittleEndian.Uint16(v)), true
	case floatKind:
		return f.AppendFloat(b, float64(math.Float32frombits(binary.LittleEndian.Uint32(v))), 32), true
	case doubleKind:
		return f.AppendFloat(b, math.Float64frombits(binary.LittleEndian.Uint64(v)), 64), true
	case decimalKind:
		if c.whole() {
			return f.AppendDecimal(b, c.int64(v), c.scale), true
		}
		return f.AppendBigDecimal(b, v, c.scale), len(v) > 0 && len(v) <= maxDecimal
	case dateKind:
		return f.AppendDate(b, c.int64(v)), true
	case clockKind:
		return typed.AppendClock(b, c.int64(v), c.unit), true
	case timestampKind:
		return f.AppendTimestamp(b, c.int64(v), c.unit, c.instant), true
	case uuidKind:
		return typed.AppendUUID(b, v), true
	default:
		return append(b, v...), isText(v)
	}
}

func isText(v []byte) bool { return utf8.Valid(v) && bytes.IndexByte(v, 0) < 0 }

func (c *column) int64(v []byte) int64 {
	if c.width == 4 {
		return int64(int32(binary.LittleEndian.Uint32(v)))
	}
	return int64(binary.LittleEndian.Uint64(v))
}

// find is the top-level column of a name, nil where there is none.
func find(columns []column, name string) *column {
	if i := slices.IndexFunc(columns, func(c column) bool { return c.name == name }); i >= 0 {
		return &columns[i]
	}
	return nil
}
