package arrowipc

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"time"

	flatbuffers "github.com/google/flatbuffers/go"

	"larstrom/pipeline/intake/typed"
)

// A record batch that is written has so many rows or, if they are long, so many
// bytes of text.
const (
	batchRows = 10_000
	batchText = 16 << 20
)

const metadataV5 = 4

// Types are the types of all columns, in the order of the file, as a Writer
// writes them again: a dictionary as its values.
func (r *Reader) Types() []typed.Column {
	types := make([]typed.Column, len(r.columns))
	for i := range r.columns {
		types[i] = r.columns[i].typed()
	}
	return types
}

// Stream reports whether the data came as a stream and not as a file.
func (r *Reader) Stream() bool { return !r.isFile }

func (c *column) typed() typed.Column {
	if c.readable() != nil {
		return typed.Column{}
	}
	switch c.typ {
	case typeBool:
		return typed.Column{Kind: typed.Bool}
	case typeInt:
		if c.signed {
			return typed.Column{Kind: typed.Int, Bits: int(8 * c.width)}
		}
		return typed.Column{Kind: typed.Uint, Bits: int(8 * c.width)}
	case typeFloat:
		if c.width == 4 {
			return typed.Column{Kind: typed.Float, Bits: 32}
		}
		return typed.Column{Kind: typed.Float, Bits: 64} // whose text a half has, too
	case typeDecimal:
		if c.scale < 0 || c.digits < 1 || c.digits > typed.MaxPrecision {
			return typed.Column{}
		}
		return typed.Column{Kind: typed.Decimal, Precision: c.digits, Scale: c.scale}
	case typeDate:
		return typed.Column{Kind: typed.Date}
	case typeTime:
		return typed.Column{Kind: typed.Clock, Unit: c.unit}
	case typeTimestamp:
		return typed.Column{Kind: typed.Timestamp, Unit: c.unit, Instant: c.instant}
	}
	return typed.Column{}
}

// Writer writes rows of texts as an Arrow file or stream with typed columns, so
// that a Reader reads the same texts. An empty text is a null.
type Writer struct {
	w       io.Writer
	stream  bool
	names   []string
	columns []building
	form    typed.Form
	at      int64
	rows    int
	text    int
	blocks  []block
}

// building is a column of the record batch that is being filled.
type building struct {
	typed.Column
	valid   []byte // a bit a row
	nulls   int64
	offsets []byte // of texts
	data    []byte
}

// NewWriter begins a file or stream with these columns.
func NewWriter(w io.Writer, stream bool, names []string, types []typed.Column, form typed.Form) (*Writer, error) {
	out := &Writer{w: w, stream: stream, names: names, form: form, columns: make([]building, len(types))}
	for i := range types {
		out.columns[i].Column = types[i]
	}
	if !stream {
		if err := out.write([]byte(magic + "\x00\x00")); err != nil {
			return nil, err
		}
	}
	b := flatbuffers.NewBuilder(1 << 10)
	_, err := out.message(b, headerSchema, out.schema(b), nil)
	return out, err
}

func (w *Writer) write(b []byte) error {
	n, err := w.w.Write(b)
	if w.at += int64(n); err != nil {
		return fmt.Errorf("write Arrow data: %w", err)
	}
	return nil
}

// message writes one with its frame.
func (w *Writer) message(b *flatbuffers.Builder, header byte, table flatbuffers.UOffsetT, body []byte) (block, error) {
	b.StartObject(5)
	b.PrependInt64Slot(slotMessageBodyLength, int64(len(body)), 0)
	b.PrependUOffsetTSlot(slotMessageHeader, table, 0)
	b.PrependInt16Slot(slotMessageVersion, metadataV5, 0)
	b.PrependByteSlot(slotMessageHeaderType, header, 0)
	b.Finish(b.EndObject())
	meta := b.FinishedBytes()
	size := (len(meta) + 7) / 8 * 8
	frame := binary.LittleEndian.AppendUint32(nil, continuation)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(size))
	frame = append(append(frame, meta...), make([]byte, size-len(meta))...)
	at := block{w.at, int64(len(frame)), int64(len(body))}
	if err := w.write(frame); err != nil {
		return at, err
	}
	return at, w.write(body)
}

// schema writes the table of the schema.
func (w *Writer) schema(b *flatbuffers.Builder) flatbuffers.UOffsetT {
	fields := make([]flatbuffers.UOffsetT, len(w.columns))
	for i := range w.columns {
		code, of := w.columns[i].typeOf(b)
		name := b.CreateString(w.names[i])
		b.StartVector(4, 0, 4)
		children := b.EndVector(0)
		b.StartObject(7)
		b.PrependUOffsetTSlot(slotFieldName, name, 0)
		b.PrependUOffsetTSlot(slotFieldType, of, 0)
		b.PrependUOffsetTSlot(slotFieldChildren, children, 0)
		b.PrependBoolSlot(1, true, false) // it may be null
		b.PrependByteSlot(slotFieldTypeType, code, 0)
		fields[i] = b.EndObject()
	}
	all := offsets(b, fields)
	b.StartObject(4)
	b.PrependUOffsetTSlot(slotSchemaFields, all, 0)
	return b.EndObject()
}

func offsets(b *flatbuffers.Builder, of []flatbuffers.UOffsetT) flatbuffers.UOffsetT {
	b.StartVector(4, len(of), 4)
	for _, at := range slices.Backward(of) {
		b.PrependUOffsetT(at)
	}
	return b.EndVector(len(of))
}

// typeOf writes the table of a column's type.
func (c *building) typeOf(b *flatbuffers.Builder) (code byte, table flatbuffers.UOffsetT) {
	unit := int16(slices.Index([]time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond}, c.Unit))
	zone := flatbuffers.UOffsetT(0)
	if c.Kind == typed.Timestamp && c.Instant {
		zone = b.CreateString("UTC")
	}
	b.StartObject(3)
	switch c.Kind {
	case typed.Bool:
		code = typeBool
	case typed.Int, typed.Uint:
		code = typeInt
		b.PrependInt32Slot(0, int32(c.Bits), 0)
		b.PrependBoolSlot(1, c.Kind == typed.Int, false)
	case typed.Float:
		code = typeFloat
		b.PrependInt16Slot(0, int16(c.Bits/32), 0) // single 1, double 2
	case typed.Decimal:
		code = typeDecimal
		b.PrependInt32Slot(0, int32(c.Precision), 0)
		b.PrependInt32Slot(1, int32(c.Scale), 0)
		b.PrependInt32Slot(2, int32(8*c.width()), 128)
	case typed.Date:
		code = typeDate
		b.PrependInt16Slot(0, 0, 1) // days
	case typed.Clock:
		code = typeTime
		b.PrependInt16Slot(0, unit, 1)
		b.PrependInt32Slot(1, int32(8*c.width()), 32)
	case typed.Timestamp:
		code = typeTimestamp
		b.PrependInt16Slot(0, unit, 0)
		b.PrependUOffsetTSlot(1, zone, 0)
	default:
		code = typeUtf8
	}
	return code, b.EndObject()
}

// width is how many bytes a value has.
func (c *building) width() int {
	switch c.Kind {
	case typed.Decimal:
		if c.Precision > 38 {
			return 32
		}
		return 16
	case typed.Date:
		return 4
	case typed.Clock:
		if c.Unit >= time.Millisecond {
			return 4
		}
		return 8
	case typed.Timestamp:
		return 8
	}
	return c.Bits / 8
}

// Row writes the next row, whose texts are values of their columns.
func (w *Writer) Row(fields []string) error {
	for i := range w.columns {
		text := ""
		if i < len(fields) {
			text = fields[i]
		}
		if !w.columns[i].add(w.rows, text, &w.form) {
			return fmt.Errorf("write Arrow data: a text is no value of column %d", i+1)
		}
		w.text += len(text)
	}
	if w.rows++; w.rows < batchRows && w.text < batchText {
		return nil
	}
	return w.batch()
}

func (c *building) add(row int, text string, f *typed.Form) bool {
	if row%8 == 0 {
		c.valid = append(c.valid, 0)
	}
	if text != "" {
		c.valid[row/8] |= 1 << (row % 8)
	} else {
		c.nulls++
	}
	if c.Kind == typed.Text {
		if row == 0 {
			c.offsets = append(c.offsets, 0, 0, 0, 0)
		}
		c.data = append(c.data, text...)
		c.offsets = binary.LittleEndian.AppendUint32(c.offsets, uint32(len(c.data)))
		return true
	}
	var v typed.Value
	if text != "" {
		var ok bool
		if v, ok = c.Parse(text, f); !ok {
			return false
		}
	}
	switch n := c.width(); {
	case c.Kind == typed.Bool:
		if row%8 == 0 {
			c.data = append(c.data, 0)
		}
		c.data[row/8] |= byte(v.Int) << (row % 8)
	case c.Kind == typed.Float && c.Bits == 32:
		c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(float32(v.Float)))
	case c.Kind == typed.Float:
		c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(v.Float))
	case c.Kind == typed.Decimal:
		c.data = append(c.data, complement(v.Big, n)...)
	default:
		c.data = append(c.data, binary.LittleEndian.AppendUint64(nil, uint64(v.Int))[:n]...)
	}
	return true
}

// complement is a number in so many bytes of two's complement, least significant
// first.
func complement(n *big.Int, width int) []byte {
	b := make([]byte, width)
	switch {
	case n == nil:
		return b
	case n.Sign() < 0:
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*width)))
	}
	slices.Reverse(n.FillBytes(b))
	return b
}

// batch writes the rows so far as a record batch.
func (w *Writer) batch() error {
	if w.rows == 0 {
		return nil
	}
	var body []byte
	var buffers [][2]int64
	add := func(b []byte) {
		buffers = append(buffers, [2]int64{int64(len(body)), int64(len(b))})
		body = append(body, b...)
		body = append(body, make([]byte, -len(body)&7)...)
	}
	for i := range w.columns {
		c := &w.columns[i]
		add(c.valid)
		if c.Kind == typed.Text {
			add(c.offsets)
		}
		add(c.data)
	}
	b := flatbuffers.NewBuilder(1 << 10)
	pairs := func(n int, at func(i int) (first, second int64)) flatbuffers.UOffsetT {
		b.StartVector(16, n, 8)
		for i := range n {
			first, second := at(n - 1 - i)
			b.PrependInt64(second)
			b.PrependInt64(first)
		}
		return b.EndVector(n)
	}
	nodes := pairs(len(w.columns), func(i int) (first, second int64) { return int64(w.rows), w.columns[i].nulls })
	places := pairs(len(buffers), func(i int) (first, second int64) { return buffers[i][0], buffers[i][1] })
	b.StartObject(4)
	b.PrependInt64Slot(slotBatchLength, int64(w.rows), 0)
	b.PrependUOffsetTSlot(slotBatchNodes, nodes, 0)
	b.PrependUOffsetTSlot(slotBatchBuffers, places, 0)
	at, err := w.message(b, headerBatch, b.EndObject(), body)
	if err != nil {
		return err
	}
	w.blocks = append(w.blocks, at)
	w.rows, w.text = 0, 0
	for i := range w.columns {
		c := &w.columns[i]
		c.valid, c.nulls, c.offsets, c.data = c.valid[:0], 0, c.offsets[:0], c.data[:0]
	}
	return nil
}

// Close ends the file or stream. It leaves what it writes to open.
func (w *Writer) Close() error {
	if err := w.batch(); err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint64(nil, continuation) // and a length of 0
	if w.stream {
		return w.write(end)
	}
	b := flatbuffers.NewBuilder(1 << 10)
	schema := w.schema(b)
	list := func(blocks []block) flatbuffers.UOffsetT {
		b.StartVector(24, len(blocks), 8)
		for _, at := range slices.Backward(blocks) {
			b.PrependInt64(at.body)
			b.PrependInt32(0) // padding
			b.PrependInt32(int32(at.meta))
			b.PrependInt64(at.at)
		}
		return b.EndVector(len(blocks))
	}
	dictionaries, batches := list(nil), list(w.blocks)
	b.StartObject(5)
	b.PrependUOffsetTSlot(slotFooterSchema, schema, 0)
	b.PrependUOffsetTSlot(slotFooterDictionaries, dictionaries, 0)
	b.PrependUOffsetTSlot(slotFooterBatches, batches, 0)
	b.PrependInt16Slot(0, metadataV5, 0)
	b.Finish(b.EndObject())
	footer := b.FinishedBytes()
	end = append(end, footer...)
	end = binary.LittleEndian.AppendUint32(end, uint32(len(footer)))
	return w.write(append(end, magic...))
}
