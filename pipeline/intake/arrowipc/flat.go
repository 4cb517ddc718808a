package arrowipc

import (
	"encoding/binary"
	"errors"

	"larstrom/pipeline/intake/record"
)

// flat is the metadata of a message (FlatBuffers). Every read is held against
// its bounds; one outside is a panic with outside, which recovered turns into
// an error where the reading began.
type flat []byte

type outside struct{}

var errOutside = errors.New("its metadata points outside itself")

// recovered turns a read outside the metadata into an error. No other panic
// passes: none is expected.
func recovered(err *error) {
	switch p := recover().(type) {
	case nil:
	case outside:
		*err = errOutside
	default:
		panic(p)
	}
}

func (f flat) span(at, n int64) []byte {
	if at < 0 || n < 0 || at > int64(len(f)) || n > int64(len(f))-at {
		panic(outside{})
	}
	return f[at : at+n]
}

func (f flat) u16(at int64) int64 { return int64(binary.LittleEndian.Uint16(f.span(at, 2))) }
func (f flat) u32(at int64) int64 { return int64(binary.LittleEndian.Uint32(f.span(at, 4))) }
func (f flat) i64(at int64) int64 { return int64(binary.LittleEndian.Uint64(f.span(at, 8))) }

// follow is the position that an offset points to.
func (f flat) follow(at int64) int64 { return at + f.u32(at) }

// field is the position of a field of a table, 0 where it is absent.
func (f flat) field(table, slot int64) int64 {
	vtable := table - int64(int32(f.u32(table)))
	if 4+2*slot+2 > f.u16(vtable) {
		return 0
	}
	at := f.u16(vtable + 4 + 2*slot)
	if at == 0 {
		return 0
	}
	return table + at
}

// table is the table that a field points to, 0 where it is absent.
func (f flat) table(table, slot int64) int64 {
	at := f.field(table, slot)
	if at == 0 {
		return 0
	}
	return f.follow(at)
}

func (f flat) byteOf(table, slot int64) byte {
	if at := f.field(table, slot); at != 0 {
		return f.span(at, 1)[0]
	}
	return 0
}

func (f flat) shortOf(table, slot, byDefault int64) int64 { //nolint:unparam // that every short lies in slot 0 is chance; the callers name the slot
	if at := f.field(table, slot); at != 0 {
		return int64(int16(f.u16(at)))
	}
	return byDefault
}

func (f flat) intOf(table, slot, byDefault int64) int64 {
	if at := f.field(table, slot); at != 0 {
		return int64(int32(f.u32(at)))
	}
	return byDefault
}

func (f flat) longOf(table, slot int64) int64 {
	if at := f.field(table, slot); at != 0 {
		return f.i64(at)
	}
	return 0
}

func (f flat) stringOf(table, slot int64) string {
	at := f.table(table, slot)
	if at == 0 {
		return ""
	}
	return string(f.span(at+4, f.u32(at)))
}

// pairs are the keys and values of metadata in which the number of a person may
// stand.
func (f flat) pairs(table, slot int64) (out []string) {
	first, n := f.vector(table, slot, 4)
	for i := range n {
		pair := f.follow(first + 4*i)
		for _, text := range []string{f.stringOf(pair, slotPairKey), f.stringOf(pair, slotPairValue)} {
			if record.Telling(text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// vector is the position of the first element of a field, and how many there
// are, each of so many bytes.
func (f flat) vector(table, slot, size int64) (first, n int64) {
	at := f.table(table, slot)
	if at == 0 {
		return 0, 0
	}
	n = f.u32(at)
	f.span(at+4, size*n)
	return at + 4, n
}
