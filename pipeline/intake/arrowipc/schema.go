package arrowipc

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"larstrom/pipeline/intake/record"
	"larstrom/pipeline/intake/typed"
)

// Slots of the tables of Message.fbs, Schema.fbs and File.fbs.
const (
	slotMessageVersion    = 0
	slotMessageHeaderType = 1
	slotMessageHeader     = 2
	slotMessageBodyLength = 3
	slotMessageMetadata   = 4

	slotSchemaEndianness = 0
	slotSchemaFields     = 1
	slotSchemaMetadata   = 2

	slotFieldName       = 0
	slotFieldTypeType   = 2
	slotFieldType       = 3
	slotFieldDictionary = 4
	slotFieldChildren   = 5
	slotFieldMetadata   = 6

	slotDictionaryID    = 0
	slotDictionaryIndex = 1

	slotBatchLength      = 0
	slotBatchNodes       = 1
	slotBatchBuffers     = 2
	slotBatchCompression = 3
	slotBatchVariadic    = 4

	slotDictionaryBatchID    = 0
	slotDictionaryBatchData  = 1
	slotDictionaryBatchDelta = 2

	slotFooterSchema       = 1
	slotFooterDictionaries = 2
	slotFooterBatches      = 3
	slotFooterMetadata     = 4

	slotPairKey   = 0
	slotPairValue = 1
)

// Headers of messages.
const (
	headerSchema     = 1
	headerDictionary = 2
	headerBatch      = 3
)

// Type codes of Schema.fbs.
const (
	typeNull = iota + 1
	typeInt
	typeFloat
	typeBinary
	typeUtf8
	typeBool
	typeDecimal
	typeDate
	typeTime
	typeTimestamp
	typeInterval
	typeList
	typeStruct
	typeUnion
	typeFixedBinary
	typeFixedList
	typeMap
	typeDuration
	typeLargeBinary
	typeLargeUtf8
	typeLargeList
	typeRunEnd
	typeBinaryView
	typeUtf8View
	typeListView
	typeLargeListView
)

// The most columns, nested ones included, and how deep they may lie in each
// other.
const (
	maxColumns = 4096
	maxDepth   = 32
)

// column is one field of the schema.
type column struct {
	name     string
	typ      byte
	width    int64 // bytes of a value of fixed width; 0: bits
	signed   bool
	scale    int
	digits   int // of a decimal
	unit     time.Duration
	instant  bool
	dense    bool
	children []column
	// index is the type of the positions in a dictionary; nil: there is none.
	index *column
	id    int64 // of the dictionary
	col   int   // where the feed reads it; -1: nowhere
	// said are the texts of the field's metadata in which a number may stand.
	said []string
}

var errColumns = errors.New("too many columns")

// readSchema reads a schema of a metadata version. A fault is an error; its
// text names no value of the file.
func readSchema(f flat, schema int64) (columns []column, err error) {
	defer recovered(&err)
	if f.shortOf(schema, slotSchemaEndianness, 0) != 0 {
		return nil, errors.New("its numbers are big-endian, which is not read")
	}
	count := 0
	return fields(f, schema, slotSchemaFields, 0, &count)
}

func fields(f flat, table, slot int64, depth int, count *int) ([]column, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("its columns lie more than %d deep in each other", maxDepth)
	}
	first, n := f.vector(table, slot, 4)
	if *count += int(n); *count > maxColumns {
		return nil, errColumns
	}
	out := make([]column, n)
	for i := range n {
		if err := out[i].read(f, f.follow(first+4*i), depth, count); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *column) read(f flat, field int64, depth int, count *int) (err error) {
	c.name, c.typ, c.col = f.stringOf(field, slotFieldName), f.byteOf(field, slotFieldTypeType), -1
	if err := c.readType(f, f.table(field, slotFieldType)); err != nil {
		return err
	}
	if d := f.table(field, slotFieldDictionary); d != 0 {
		c.id = f.longOf(d, slotDictionaryID)
		c.index = &column{typ: typeInt, width: 4, signed: true}
		if at := f.table(d, slotDictionaryIndex); at != 0 {
			if err := c.index.readType(f, at); err != nil {
				return err
			}
		}
	}
	c.said = f.pairs(field, slotFieldMetadata)
	c.children, err = fields(f, field, slotFieldChildren, depth+1, count)
	return err
}

// readType reads what a type has beside its code.
func (c *column) readType(f flat, at int64) error {
	bad := func() error { return fmt.Errorf("a column has a %s that the format does not have", c.typeName()) }
	if at == 0 && c.typ != typeNull {
		return bad()
	}
	units := [...]time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond}
	unit := func(n int64) bool {
		if n < 0 || n >= int64(len(units)) {
			return false
		}
		c.unit = units[n]
		return true
	}
	switch c.typ {
	case typeInt:
		bits := f.intOf(at, 0, 0)
		if c.width, c.signed = bits/8, f.byteOf(at, 1) != 0; bits != 8 && bits != 16 && bits != 32 && bits != 64 {
			return bad()
		}
	case typeFloat:
		p := f.shortOf(at, 0, 0)
		if p < 0 || p > 2 {
			return bad()
		}
		c.width = 2 << p
	case typeDecimal:
		c.digits, c.scale = int(f.intOf(at, 0, 0)), int(f.intOf(at, 1, 0))
		bits := f.intOf(at, 2, 128)
		if c.width = bits / 8; bits != 32 && bits != 64 && bits != 128 && bits != 256 || !typed.ScaleOK(c.scale) {
			return bad()
		}
	case typeDate:
		switch f.shortOf(at, 0, 1) {
		case 0:
			c.width = 4
		case 1:
			c.width, c.unit = 8, time.Millisecond
		default:
			return bad()
		}
	case typeTime:
		bits := f.intOf(at, 1, 32)
		if c.width = bits / 8; bits != 32 && bits != 64 || !unit(f.shortOf(at, 0, 1)) {
			return bad()
		}
	case typeTimestamp:
		c.width, c.instant = 8, f.stringOf(at, 1) != ""
		if !unit(f.shortOf(at, 0, 0)) {
			return bad()
		}
	case typeDuration:
		c.width = 8
	case typeInterval:
		c.width = [...]int64{4, 8, 16}[min(max(f.shortOf(at, 0, 0), 0), 2)]
	case typeUnion:
		c.dense = f.shortOf(at, 0, 0) == 1
	case typeFixedBinary:
		if c.width = f.intOf(at, 0, 0); c.width < 1 {
			return bad()
		}
	}
	return nil
}

func (c *column) typeName() string {
	names := [...]string{"none", "null", "int", "float", "binary", "utf8", "bool", "decimal", "date", "time", "timestamp", "interval", "list", "struct",
		"union", "fixed-size binary", "fixed-size list", "map", "duration", "large binary", "large utf8", "large list", "run-end encoded", "binary view", "utf8 view",
		"list view", "large list view"}
	if int(c.typ) < len(names) {
		return names[c.typ]
	}
	return "type that is not known"
}

// readable is nil where values of the column can be read as text.
func (c *column) readable() *record.Error {
	switch c.typ {
	case typeNull, typeInt, typeFloat, typeBinary, typeUtf8, typeBool, typeDecimal, typeDate, typeTime, typeTimestamp, typeLargeBinary, typeLargeUtf8, typeBinaryView, typeUtf8View:
		if len(c.children) == 0 && (c.index == nil || c.index.typ == typeInt) {
			return nil
		}
	}
	return &record.Error{Column: c.name, Rule: "C03", Text: "the column holds values of the type " + c.typeName() + ", which is not read",
		Hint: "let the sender write numbers, dates, texts or truth values there; or, if the column is not used, list it under ignore_columns of the feed"}
}

// telling reports whether a text or a number of many digits can stand in the
// column, or in one that lies in it.
func (c *column) telling() bool {
	switch c.typ {
	case typeNull, typeBool, typeDate, typeTime, typeTimestamp, typeInterval, typeDuration:
		return false
	case typeList, typeStruct, typeUnion, typeFixedList, typeMap, typeLargeList, typeRunEnd, typeListView, typeLargeListView:
		return slices.ContainsFunc(c.children, func(c column) bool { return c.telling() })
	}
	return true
}

// container reports whether values of other columns lie in those of the column.
func (c *column) container() bool {
	switch c.typ {
	case typeList, typeStruct, typeUnion, typeFixedList, typeMap, typeLargeList, typeRunEnd, typeListView, typeLargeListView:
		return c.index == nil
	}
	return false
}

// lookable reports whether what lies in a column that is not read can be looked
// through: texts and numbers, without dictionaries and views.
func (c *column) lookable() bool {
	for i := range c.children {
		child := &c.children[i]
		if child.container() {
			if !child.lookable() {
				return false
			}
			continue
		}
		if child.telling() && (child.readable() != nil || child.index != nil) || child.typ == typeBinaryView || child.typ == typeUtf8View {
			return false
		}
	}
	return c.container()
}

// buffers is how many buffers and nodes a column and what lies in it have in a
// record batch.
func (c *column) buffers(variadic func() (int64, error), old bool) (buffers, nodes int64, err error) {
	nodes = 1
	typ := c.typ
	if c.index != nil {
		return 2, 1, nil // positions; what the dictionary holds is elsewhere
	}
	switch typ {
	case typeNull, typeRunEnd:
	case typeInt, typeFloat, typeBool, typeDecimal, typeDate, typeTime, typeTimestamp, typeInterval, typeDuration, typeFixedBinary, typeList, typeLargeList, typeMap:
		buffers = 2
	case typeBinary, typeUtf8, typeLargeBinary, typeLargeUtf8, typeListView, typeLargeListView:
		buffers = 3
	case typeStruct, typeFixedList:
		buffers = 1
	case typeUnion:
		if buffers = 1; c.dense {
			buffers = 2
		}
		if old {
			buffers++
		}
	case typeBinaryView, typeUtf8View:
		n, err := variadic()
		if err != nil {
			return 0, 0, err
		}
		buffers = 2 + n
	default:
		return 0, 0, fmt.Errorf("a column has the type number %d, which is not known", typ)
	}
	for i := range c.children {
		b, n, err := c.children[i].buffers(variadic, old)
		if err != nil {
			return 0, 0, err
		}
		buffers, nodes = buffers+b, nodes+n
	}
	return buffers, nodes, nil
}
