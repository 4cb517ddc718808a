package arrowipc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"larstrom/pipeline/intake/typed"
)

// batch is one record batch, or the values of a dictionary.
type batch struct {
	f        flat
	body     []byte
	rows     int64
	nodes    int64 // position of the first, and how many
	nNodes   int64
	buffers  int64
	nBuffers int64
	codec    int64 // -1: none
	variadic []int64
	old      bool
	// look takes the values of columns that are not read, with the column in which
	// they lie; nil: nobody looks at them.
	look func(top *column, v *vector) error
}

var (
	errBatch   = errors.New("a record batch does not hold what its schema says")
	errBuffer  = errors.New("a column is shorter than its rows")
	errPacked  = errors.New("a packed column is damaged")
	errNulls   = errors.New("a column has another number of nulls than it says")
	errText    = errors.New("a text lies outside its column")
	errNotText = errors.New("a text is not UTF-8, or has a NUL")
	errIndex   = errors.New("a value lies outside its dictionary")
)

// maxRows bounds the rows of one batch.
const maxRows = 1 << 24

func readBatch(f flat, table int64, body []byte, old bool) (b *batch, err error) {
	defer recovered(&err)
	b = &batch{f: f, body: body, codec: -1, old: old, rows: f.longOf(table, slotBatchLength)}
	if b.rows < 0 || b.rows > maxRows {
		return nil, errBatch
	}
	b.nodes, b.nNodes = f.vector(table, slotBatchNodes, 16)
	b.buffers, b.nBuffers = f.vector(table, slotBatchBuffers, 16)
	if c := f.table(table, slotBatchCompression); c != 0 {
		if b.codec = int64(f.byteOf(c, 0)); b.codec > 1 || f.byteOf(c, 1) != 0 {
			return nil, errors.New("a record batch is packed in a way that is not known")
		}
	}
	first, n := f.vector(table, slotBatchVariadic, 8)
	for i := range n {
		b.variadic = append(b.variadic, f.i64(first+8*i))
	}
	return b, nil
}

// vector is a column of a batch that is read.
type vector struct {
	c     *column
	rows  int64
	nulls []byte // a set bit is a value; nil: all are
	data  []byte
	// text and views hold texts: bytes by offsets, or the buffers of views.
	offsets []byte
	views   [][]byte
	dict    *dictionary
}

// dictionary is its values as text.
type dictionary struct {
	text []byte
	ends []int // of each value in text
	null []bool
	used []uint64 // a set bit is a value that a row has had
}

// budget counts what is unpacked.
type budget struct {
	held   int64 // of this batch
	limit  int64
	total  int64 // of the file
	over   func(total int64) error
	unpack unpacker
}

func (b *budget) take(n int64) error {
	b.held += n
	b.total += n
	if b.held > b.limit {
		return tooLarge(b.limit)
	}
	return b.over(b.total)
}

// vectors gives each column that is wanted.
func (b *batch) vectors(columns []column, dicts map[int64]*dictionary, room *budget, each func(*column, *vector) error) (err error) {
	defer recovered(&err)
	node, buffer, nextVariadic := int64(0), int64(0), 0
	variadic := func() (int64, error) {
		if nextVariadic >= len(b.variadic) || b.variadic[nextVariadic] < 0 || b.variadic[nextVariadic] > b.nBuffers {
			return 0, errBatch
		}
		nextVariadic++
		return b.variadic[nextVariadic-1], nil
	}
	for i := range columns {
		c := &columns[i]
		buffers, nodes, err := c.buffers(variadic, b.old)
		if err != nil {
			return err
		}
		if node+nodes > b.nNodes || buffer+buffers > b.nBuffers {
			return errBatch
		}
		if c.col >= 0 {
			v, err := b.vector(c, node, buffer, buffers, dicts, room, b.rows)
			if err != nil {
				return err
			}
			if err := each(c, v); err != nil {
				return err
			}
		} else if b.look != nil && c.lookable() {
			if err := b.inside(c, c, node, buffer, room); err != nil {
				return err
			}
		}
		node, buffer = node+nodes, buffer+buffers
	}
	if node != b.nNodes || buffer != b.nBuffers || nextVariadic != len(b.variadic) {
		return errBatch
	}
	return nil
}

// inside hands on what lies in a column, which begins at that node and buffer.
func (b *batch) inside(top, c *column, node, buffer int64, room *budget) error {
	none := func() (int64, error) { return 0, errBatch } // no views lie here
	all, _, err := c.buffers(none, b.old)
	if err != nil {
		return err
	}
	for i := range c.children {
		n, _, err := c.children[i].buffers(none, b.old)
		if err != nil {
			return err
		}
		all -= n
	}
	node, buffer = node+1, buffer+all // behind its own
	for i := range c.children {
		child := &c.children[i]
		buffers, nodes, err := child.buffers(none, b.old)
		if err != nil {
			return err
		}
		switch {
		case child.container():
			err = b.inside(top, child, node, buffer, room)
		case child.telling():
			var v *vector
			rows := b.f.i64(b.nodes + 16*node)
			if rows < 0 || rows > maxRows {
				return errBatch
			}
			if v, err = b.vector(child, node, buffer, buffers, nil, room, rows); err == nil {
				err = b.look(top, v)
			}
		}
		if err != nil {
			return err
		}
		node, buffer = node+nodes, buffer+buffers
	}
	return nil
}

// vector holds every length of one column against the bytes that are there.
func (b *batch) vector(c *column, node, buffer, buffers int64, dicts map[int64]*dictionary, room *budget, rows int64) (*vector, error) {
	v := &vector{c: c, rows: b.f.i64(b.nodes + 16*node)}
	nullCount := b.f.i64(b.nodes + 16*node + 8)
	if v.rows != rows || nullCount < -1 || nullCount > v.rows {
		return nil, errBatch
	}
	typ := c
	if c.index != nil {
		if typ = c.index; dicts[c.id] == nil {
			return nil, errors.New("a dictionary is used before it is there")
		}
		v.dict = dicts[c.id]
	}
	if typ.typ == typeNull {
		return v, nil
	}
	var err error
	if v.nulls, err = b.buffer(buffer, room); err != nil {
		return nil, err
	}
	if err := v.countNulls(nullCount); err != nil {
		return nil, err
	}
	if v.rows == 0 {
		return v, nil
	}
	if v.data, err = b.buffer(buffer+1, room); err != nil {
		return nil, err
	}
	need := func(n int64) error {
		if int64(len(v.data)) < n {
			return errBuffer
		}
		return nil
	}
	switch typ.typ {
	case typeBool:
		return v, need((v.rows + 7) / 8)
	case typeBinary, typeUtf8, typeLargeBinary, typeLargeUtf8:
		v.offsets = v.data
		width := int64(4)
		if typ.typ == typeLargeBinary || typ.typ == typeLargeUtf8 {
			width = 8
		}
		if err := need((v.rows + 1) * width); err != nil {
			return nil, err
		}
		v.data, err = b.buffer(buffer+2, room)
		return v, err
	case typeBinaryView, typeUtf8View:
		for i := buffer + 2; i < buffer+buffers; i++ {
			view, err := b.buffer(i, room)
			if err != nil {
				return nil, err
			}
			v.views = append(v.views, view)
		}
		return v, need(16 * v.rows)
	default:
		return v, need(v.rows * typ.width)
	}
}

// countNulls holds the bits against the number of nulls that the file gives.
func (v *vector) countNulls(want int64) error {
	if len(v.nulls) == 0 {
		if want > 0 {
			return errNulls
		}
		v.nulls = nil
		return nil
	}
	if int64(len(v.nulls)) < (v.rows+7)/8 {
		return errBuffer
	}
	values := int64(0)
	for i := range v.rows / 8 {
		values += int64(bits.OnesCount8(v.nulls[i]))
	}
	if rest := v.rows % 8; rest > 0 {
		values += int64(bits.OnesCount8(v.nulls[v.rows/8] & (1<<rest - 1)))
	}
	if want >= 0 && v.rows-values != want {
		return errNulls
	}
	if values == v.rows {
		v.nulls = nil
	}
	return nil
}

// buffer is one buffer of the body, unpacked.
func (b *batch) buffer(i int64, room *budget) ([]byte, error) {
	at, n := b.f.i64(b.buffers+16*i), b.f.i64(b.buffers+16*i+8)
	if at < 0 || n < 0 || at > int64(len(b.body)) || n > int64(len(b.body))-at {
		return nil, errBuffer
	}
	raw := b.body[at : at+n : at+n]
	if b.codec < 0 || n == 0 {
		return raw, nil
	}
	if n < 8 {
		return nil, errPacked
	}
	size := int64(binary.LittleEndian.Uint64(raw))
	if raw = raw[8:]; size == -1 {
		return raw, nil
	}
	if size < 0 {
		return nil, errPacked
	}
	if err := room.take(size); err != nil {
		return nil, err
	}
	return room.unpack.unpack(raw, size, b.codec == 1)
}

// unpacker unpacks columns.
type unpacker struct {
	zstd *zstd.Decoder
	lz4  *lz4.Reader
}

// unpack gives exactly size bytes. A panic of a library is a fault of what it
// was given.
func (u *unpacker) unpack(raw []byte, size int64, isZstd bool) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, errPacked
		}
	}()
	if isZstd {
		return u.unpackZstd(raw, size)
	}
	return u.unpackLZ4(raw, size)
}

// unpackZstd gives exactly size bytes; more or fewer are a fault.
func (u *unpacker) unpackZstd(raw []byte, size int64) ([]byte, error) {
	if u.zstd == nil {
		var err error
		if u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxHeld)); err != nil {
			return nil, err
		}
	}
	out, err := u.zstd.DecodeAll(raw, make([]byte, 0, min(size, int64(len(raw))*8)))
	if err != nil || int64(len(out)) != size {
		return nil, errPacked
	}
	return out, nil
}

func (u *unpacker) unpackLZ4(raw []byte, size int64) ([]byte, error) {
	if u.lz4 == nil {
		u.lz4 = lz4.NewReader(nil)
	}
	u.lz4.Reset(bytes.NewReader(raw))
	// It grows with what comes, not with what is promised.
	out := bytes.NewBuffer(make([]byte, 0, min(size, int64(len(raw))*8)+bytes.MinRead))
	n, err := io.Copy(out, io.LimitReader(u.lz4, size+1))
	if err != nil || n != size {
		return nil, errPacked
	}
	return out.Bytes(), nil
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// null reports whether a row has no value.
func (v *vector) null(row int64) bool {
	return v.c.typ == typeNull && v.c.index == nil || v.nulls != nil && v.nulls[row/8]>>(row%8)&1 == 0
}

// field is the text of a row: a part of the column, or what is appended to the
// scratch memory.
func (v *vector) field(scratch []byte, row int64, f *typed.Form) (text, grown []byte, err error) {
	if v.null(row) {
		return nil, scratch, nil
	}
	if v.dict != nil {
		i := v.c.index.integer(v.data[row*v.c.index.width:])
		if i < 0 || i >= int64(len(v.dict.ends)) {
			return nil, scratch, errIndex
		}
		v.dict.used[i/64] |= 1 << (i % 64)
		if v.dict.null[i] {
			return nil, scratch, nil
		}
		from := 0
		if i > 0 {
			from = v.dict.ends[i-1]
		}
		return v.dict.text[from:v.dict.ends[i]:v.dict.ends[i]], scratch, nil
	}
	switch v.c.typ {
	case typeBinary, typeUtf8, typeLargeBinary, typeLargeUtf8, typeBinaryView, typeUtf8View:
		text, err := v.text(row)
		return text, scratch, err
	}
	from := len(scratch)
	scratch = v.append(scratch, row, f)
	return scratch[from:len(scratch):len(scratch)], scratch, nil
}

// hidden hands on what no row has of a column: under its nulls, and before and
// behind its texts.
func (v *vector) hidden(scratch []byte, f *typed.Form, look func([]byte)) []byte {
	if v.dict != nil || v.rows == 0 || v.c.typ == typeNull {
		return scratch // the values of dictionaries are looked at by themselves
	}
	isText := false
	switch v.c.typ {
	case typeBinary, typeUtf8, typeLargeBinary, typeLargeUtf8:
		isText = true
		if first, _, ok := v.place(0); ok {
			look(v.data[:first])
		}
		if _, last, ok := v.place(v.rows - 1); ok {
			look(v.data[last:])
		}
	case typeBinaryView, typeUtf8View:
		isText = true
	}
	for row := range v.rows {
		if !v.null(row) {
			continue
		}
		if !isText {
			from := len(scratch)
			scratch = v.append(scratch, row, f)
			look(scratch[from:])
			scratch = scratch[:from]
		} else if text, err := v.bytes(row); err == nil {
			look(text)
		}
	}
	return scratch
}

// place is where the text of a row lies in the column; it is not ok where it
// lies outside.
func (v *vector) place(row int64) (from, to int64, ok bool) {
	if v.c.typ == typeBinary || v.c.typ == typeUtf8 {
		from, to = int64(int32(binary.LittleEndian.Uint32(v.offsets[4*row:]))), int64(int32(binary.LittleEndian.Uint32(v.offsets[4*row+4:])))
	} else {
		from, to = int64(binary.LittleEndian.Uint64(v.offsets[8*row:])), int64(binary.LittleEndian.Uint64(v.offsets[8*row+8:]))
	}
	return from, to, from >= 0 && to >= from && to <= int64(len(v.data))
}

func (v *vector) text(row int64) ([]byte, error) {
	text, err := v.bytes(row)
	if err == nil && (!utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0) {
		return nil, errNotText
	}
	return text, err
}

// bytes are those of a row of texts, whether it has a value or not.
func (v *vector) bytes(row int64) ([]byte, error) {
	var from, to int64
	src := v.data
	switch v.c.typ {
	case typeBinary, typeUtf8, typeLargeBinary, typeLargeUtf8:
		from, to, _ = v.place(row) // which is held against the bytes below
	default:
		view := v.data[16*row : 16*row+16]
		n := int64(int32(binary.LittleEndian.Uint32(view)))
		if n <= 12 {
			src, from, to = view, 4, 4+n
			break
		}
		i := int64(int32(binary.LittleEndian.Uint32(view[8:])))
		if i < 0 || i >= int64(len(v.views)) {
			return nil, errText
		}
		src, from = v.views[i], int64(int32(binary.LittleEndian.Uint32(view[12:])))
		to = from + n
	}
	if from < 0 || to < from || to > int64(len(src)) {
		return nil, errText
	}
	return src[from:to:to], nil
}

// append writes a value of fixed width.
func (v *vector) append(b []byte, row int64, f *typed.Form) []byte {
	c := v.c
	if c.typ == typeBool {
		return typed.AppendBool(b, v.data[row/8]>>(row%8)&1 == 1)
	}
	at := v.data[row*c.width : (row+1)*c.width]
	switch c.typ {
	case typeInt:
		if !c.signed && c.width == 8 {
			return fmt.Append(b, binary.LittleEndian.Uint64(at))
		}
		return f.AppendDecimal(b, c.integer(at), 0)
	case typeFloat:
		switch c.width {
		case 2:
			return f.AppendHalf(b, binary.LittleEndian.Uint16(at))
		case 4:
			return f.AppendFloat(b, float64(math.Float32frombits(binary.LittleEndian.Uint32(at))), 32)
		}
		return f.AppendFloat(b, math.Float64frombits(binary.LittleEndian.Uint64(at)), 64)
	case typeDecimal:
		var big [32]byte
		n := copy(big[:], at)
		slices.Reverse(big[:n])
		return f.AppendBigDecimal(b, big[:n], c.scale)
	case typeDate:
		if c.width == 4 {
			return f.AppendDate(b, int64(int32(binary.LittleEndian.Uint32(at))))
		}
		return f.AppendTimestamp(b, int64(binary.LittleEndian.Uint64(at)), c.unit, false)
	case typeTime:
		n := int64(int32(binary.LittleEndian.Uint32(at)))
		if c.width == 8 {
			n = int64(binary.LittleEndian.Uint64(at))
		}
		return typed.AppendClock(b, n, c.unit)
	default: // typeTimestamp
		return f.AppendTimestamp(b, int64(binary.LittleEndian.Uint64(at)), c.unit, c.instant)
	}
}

// integer reads a whole number of up to eight bytes; one beyond int64 is
// negative.
func (c *column) integer(b []byte) int64 {
	switch c.width {
	case 1:
		if c.signed {
			return int64(int8(b[0]))
		}
		return int64(b[0])
	case 2:
		if u := binary.LittleEndian.Uint16(b); c.signed {
			return int64(int16(u))
		} else {
			return int64(u)
		}
	case 4:
		if u := binary.LittleEndian.Uint32(b); c.signed {
			return int64(int32(u))
		} else {
			return int64(u)
		}
	default:
		return int64(binary.LittleEndian.Uint64(b))
	}
}
