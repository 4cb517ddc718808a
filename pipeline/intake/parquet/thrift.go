package parquet

import (
	"encoding/binary"
	"errors"
)

// The library decodes Thrift on trust: a list of three bytes may say that it
// has two thousand million items, and gets the memory for them. So a structure
// is walked here first.

var (
	errShort   = errors.New("it ends within its metadata")
	errTooMany = errors.New("its metadata list too many things")
	errThrift  = errors.New("its metadata are not well formed")
)

// maxNesting is how deep structures may lie in each other.
const maxNesting = 16

// Types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// walker steps over values of the compact protocol.
type walker struct {
	b     []byte
	at    int
	items int // that lists may still have
}

// structLen is the length of the structure that b begins with. errShort says
// that b is too short to tell.
func structLen(b []byte, items int) (int, error) {
	w := walker{b: b, items: items}
	if err := w.structure(0); err != nil {
		return 0, err
	}
	return w.at, nil
}

func (w *walker) byte() (byte, error) {
	if w.at >= len(w.b) {
		return 0, errShort
	}
	w.at++
	return w.b[w.at-1], nil
}

func (w *walker) varint() (uint64, error) {
	v, n := binary.Uvarint(w.b[w.at:])
	switch {
	case n == 0:
		return 0, errShort
	case n < 0:
		return 0, errThrift
	}
	w.at += n
	return v, nil
}

func (w *walker) skip(n uint64) error {
	if n > uint64(len(w.b)-w.at) {
		return errShort
	}
	w.at += int(n)
	return nil
}

func (w *walker) structure(depth int) error {
	if depth > maxNesting {
		return errThrift
	}
	for {
		head, err := w.byte()
		if err != nil || head == 0 {
			return err
		}
		if head>>4 == 0 { // the id follows
			if _, err := w.varint(); err != nil {
				return err
			}
		}
		if typ := head & 0xf; typ != thriftTrue && typ != thriftFalse { // which have no byte of their own here
			if err := w.value(typ, depth); err != nil {
				return err
			}
		}
	}
}

func (w *walker) value(typ byte, depth int) error {
	switch typ {
	case thriftTrue, thriftFalse, thriftByte:
		return w.skip(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := w.varint()
		return err
	case thriftDouble:
		return w.skip(8)
	case thriftBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case thriftList, thriftSet:
		head, err := w.byte()
		if err != nil {
			return err
		}
		n := uint64(head >> 4)
		if n == 15 {
			if n, err = w.varint(); err != nil {
				return err
			}
		}
		return w.elements(n, depth, head&0xf)
	case thriftMap:
		n, err := w.varint()
		if err != nil || n == 0 {
			return err
		}
		types, err := w.byte()
		if err != nil {
			return err
		}
		return w.elements(n, depth, types>>4, types&0xf)
	case thriftStruct:
		return w.structure(depth + 1)
	default:
		return errThrift
	}
}

func (w *walker) elements(n uint64, depth int, types ...byte) error {
	if n > uint64(w.items) {
		return errTooMany
	}
	w.items -= int(n)
	for range n {
		for _, typ := range types {
			if err := w.value(typ, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}
