package block

import (
	"encoding/binary"
	"fmt"
)

// The library reads message metadata (FlatBuffers tables) on trust. Most wrong
// numbers in it end in a panic, which can be caught; a wrong vector length in a
// schema ends in an allocation that kills the process, and a wrong child offset
// in endless recursion. So a schema is walked here first, with every offset
// checked, and may hold flat columns only.

// Slots of the tables (Message.fbs, Schema.fbs), in the order of their fields.
const (
	slotMessageHeaderType = 1
	slotMessageHeader     = 2
	slotMessageBodyLength = 3
	slotSchemaFields      = 1
	slotSchemaMetadata    = 2
	slotFieldTypeType     = 2
	slotFieldChildren     = 5
	slotFieldMetadata     = 6
	slotBatchLength       = 0
	headerSchema          = 1
	headerBatch           = 3
)

// flatType reports whether a type code is of a column without children.
func flatType(code byte) bool {
	switch code {
	case 2, 3, 4, 5, 6, 7, 8, 10, 15, 19, 20: // Int … Date, Timestamp, FixedSizeBinary, LargeBinary, LargeUtf8
		return true
	}
	return false
}

// flat is message metadata; a read outside it is a panic with outside.
type flat []byte

type outside struct{}

func (f flat) span(at, n int64) []byte {
	if at < 0 || n < 0 || at+n > int64(len(f)) {
		panic(outside{})
	}
	return f[at : at+n]
}

func (f flat) u16(at int64) int64 { return int64(binary.LittleEndian.Uint16(f.span(at, 2))) }
func (f flat) u32(at int64) int64 { return int64(binary.LittleEndian.Uint32(f.span(at, 4))) }

// follow is the position that an offset points to.
func (f flat) follow(at int64) int64 { return at + f.u32(at) }

// field is the position of a field of the table, 0 when it is absent.
func (f flat) field(table int64, slot int64) int64 {
	vtable := table - int64(int32(f.u32(table)))
	if size := f.u16(vtable); 4+2*slot >= size { // as the library decides it
		return 0
	}
	at := f.u16(vtable + 4 + 2*slot)
	if at == 0 {
		return 0
	}
	return table + at
}

// vector is the length of a field that is a vector of tables, and the position
// of its first element.
func (f flat) vector(table int64, slot int64) (first, n int64) {
	at := f.field(table, slot)
	if at == 0 {
		return 0, 0
	}
	start := f.follow(at)
	n = f.u32(start)
	f.span(start+4, 4*n)
	return start + 4, n
}

// inspect checks the metadata of a message as far as the library does not, and
// returns the length of the body that follows.
func inspect(meta []byte) (body int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			body, err = 0, fmt.Errorf("%w: message metadata points outside itself", ErrCorrupt)
		}
	}()
	f := flat(meta)
	root := f.follow(0)
	if at := f.field(root, slotMessageBodyLength); at > 0 {
		body = int64(binary.LittleEndian.Uint64(f.span(at, 8)))
	}
	if body < 0 {
		return 0, fmt.Errorf("%w: a message body of %d bytes", ErrCorrupt, body)
	}
	kind := f.field(root, slotMessageHeaderType)
	header := f.field(root, slotMessageHeader)
	if kind == 0 || header == 0 {
		return 0, fmt.Errorf("%w: a message without content", ErrCorrupt)
	}
	if f.span(kind, 1)[0] != headerSchema {
		return body, nil
	}
	schema := f.follow(header)
	f.vector(schema, slotSchemaMetadata)
	first, n := f.vector(schema, slotSchemaFields)
	for i := range n {
		column := f.follow(first + 4*i)
		f.vector(column, slotFieldMetadata)
		if _, children := f.vector(column, slotFieldChildren); children > 0 {
			return 0, fmt.Errorf("%w: column %d is nested", ErrCorrupt, i)
		}
		if at := f.field(column, slotFieldTypeType); at == 0 || !flatType(f.span(at, 1)[0]) {
			return 0, fmt.Errorf("%w: column %d has a type that no block or cell has", ErrCorrupt, i)
		}
	}
	return body, nil
}

// batchRows is the number of rows of a message that is a record batch, whose
// metadata inspect has passed. What follows them is not looked at.
func batchRows(message []byte) (rows int64, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			rows, ok = -1, true // no number that a block can have
		}
	}()
	f := flat(message)
	root := f.follow(0)
	if f.span(f.field(root, slotMessageHeaderType), 1)[0] != headerBatch {
		return 0, false
	}
	if at := f.field(f.follow(f.field(root, slotMessageHeader)), slotBatchLength); at > 0 {
		rows = int64(binary.LittleEndian.Uint64(f.span(at, 8)))
	}
	return rows, true
}
