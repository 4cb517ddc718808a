package arrowipc

import (
	"fmt"
	"io"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/decimal256"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"larstrom/pipeline/intake/typed"
)

// A record batch that is written has so many rows or, if they are long, so many
// bytes of text.
const (
	batchRows = 10_000
	batchText = 16 << 20
)

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
	to interface {
		Write(arrow.Record) error
		Close() error
	}
	columns []typed.Column
	form    typed.Form
	batch   *array.RecordBuilder
	rows    int
	text    int
}

// NewWriter begins a file or stream with these columns.
func NewWriter(w io.Writer, stream bool, names []string, types []typed.Column, form typed.Form) (*Writer, error) {
	fields := make([]arrow.Field, len(types))
	for i := range types {
		fields[i] = arrow.Field{Name: names[i], Type: typeOf(&types[i]), Nullable: true}
	}
	schema := arrow.NewSchema(fields, nil)
	out := &Writer{columns: types, form: form, batch: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
	if stream {
		out.to = ipc.NewWriter(w, ipc.WithSchema(schema))
		return out, nil
	}
	file, err := ipc.NewFileWriter(&counted{w: w}, ipc.WithSchema(schema))
	if err != nil {
		return nil, fmt.Errorf("write Arrow data: %w", err)
	}
	out.to = file
	return out, nil
}

// counted knows where it is, which is all that a writer of files asks.
type counted struct {
	w  io.Writer
	at int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.at += int64(n)
	return n, err
}

func (c *counted) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, fmt.Errorf("write Arrow data: a seek of %d from %d, and what is written stays", offset, whence)
	}
	return c.at, nil
}

func unitOf(d time.Duration) arrow.TimeUnit {
	switch d {
	case time.Second:
		return arrow.Second
	case time.Millisecond:
		return arrow.Millisecond
	case time.Microsecond:
		return arrow.Microsecond
	}
	return arrow.Nanosecond
}

// typeOf is the library's type of a column.
func typeOf(c *typed.Column) arrow.DataType {
	switch c.Kind {
	case typed.Bool:
		return arrow.FixedWidthTypes.Boolean
	case typed.Int:
		return map[int]arrow.DataType{8: arrow.PrimitiveTypes.Int8, 16: arrow.PrimitiveTypes.Int16,
			32: arrow.PrimitiveTypes.Int32, 64: arrow.PrimitiveTypes.Int64}[c.Bits]
	case typed.Uint:
		return map[int]arrow.DataType{8: arrow.PrimitiveTypes.Uint8, 16: arrow.PrimitiveTypes.Uint16,
			32: arrow.PrimitiveTypes.Uint32, 64: arrow.PrimitiveTypes.Uint64}[c.Bits]
	case typed.Float:
		if c.Bits == 32 {
			return arrow.PrimitiveTypes.Float32
		}
		return arrow.PrimitiveTypes.Float64
	case typed.Decimal:
		if c.Precision > 38 {
			return &arrow.Decimal256Type{Precision: int32(c.Precision), Scale: int32(c.Scale)}
		}
		return &arrow.Decimal128Type{Precision: int32(c.Precision), Scale: int32(c.Scale)}
	case typed.Date:
		return arrow.FixedWidthTypes.Date32
	case typed.Clock:
		if unit := unitOf(c.Unit); unit <= arrow.Millisecond {
			return &arrow.Time32Type{Unit: unit}
		}
		return &arrow.Time64Type{Unit: unitOf(c.Unit)}
	case typed.Timestamp:
		if c.Instant {
			return &arrow.TimestampType{Unit: unitOf(c.Unit), TimeZone: "UTC"}
		}
		return &arrow.TimestampType{Unit: unitOf(c.Unit)}
	}
	return arrow.BinaryTypes.String
}

// Row writes the next row, whose texts are values of their columns.
func (w *Writer) Row(fields []string) error {
	for i := range w.columns {
		to := w.batch.Field(i)
		if i >= len(fields) || fields[i] == "" {
			to.AppendNull()
			continue
		}
		w.text += len(fields[i])
		if texts, is := to.(*array.StringBuilder); is {
			texts.Append(fields[i])
			continue
		}
		v, ok := w.columns[i].Parse(fields[i], &w.form)
		if !ok {
			return fmt.Errorf("write Arrow data: a text is no value of column %d", i+1)
		}
		add(to, &v)
	}
	if w.rows++; w.rows < batchRows && w.text < batchText {
		return nil
	}
	return w.flush()
}

// add appends a value to a column, whose type it fits.
func add(to array.Builder, v *typed.Value) {
	switch to := to.(type) {
	case *array.BooleanBuilder:
		to.Append(v.Int != 0)
	case *array.Int8Builder:
		to.Append(int8(v.Int))
	case *array.Int16Builder:
		to.Append(int16(v.Int))
	case *array.Int32Builder:
		to.Append(int32(v.Int))
	case *array.Int64Builder:
		to.Append(v.Int)
	case *array.Uint8Builder:
		to.Append(uint8(v.Int))
	case *array.Uint16Builder:
		to.Append(uint16(v.Int))
	case *array.Uint32Builder:
		to.Append(uint32(v.Int))
	case *array.Uint64Builder:
		to.Append(uint64(v.Int))
	case *array.Float32Builder:
		to.Append(float32(v.Float))
	case *array.Float64Builder:
		to.Append(v.Float)
	case *array.Decimal128Builder:
		to.Append(decimal128.FromBigInt(v.Big))
	case *array.Decimal256Builder:
		to.Append(decimal256.FromBigInt(v.Big))
	case *array.Date32Builder:
		to.Append(arrow.Date32(v.Int))
	case *array.Time32Builder:
		to.Append(arrow.Time32(v.Int))
	case *array.Time64Builder:
		to.Append(arrow.Time64(v.Int))
	case *array.TimestampBuilder:
		to.Append(arrow.Timestamp(v.Int))
	}
}

// flush writes the rows so far as a record batch.
func (w *Writer) flush() error {
	rows := w.batch.NewRecord()
	defer rows.Release()
	w.rows, w.text = 0, 0
	if err := w.to.Write(rows); err != nil {
		return fmt.Errorf("write Arrow data: %w", err)
	}
	return nil
}

// Close ends the file or stream. It leaves what it writes to open.
func (w *Writer) Close() error {
	if w.rows > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if err := w.to.Close(); err != nil {
		return fmt.Errorf("write Arrow data: %w", err)
	}
	return nil
}
