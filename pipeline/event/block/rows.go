package block

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Values is one column of rows of no block's schema.
type Values struct {
	Name string
	// Data is a []string, []float64, []int32 (days since 1970-01-01), []int64,
	// []uint32, []uint16, []int8, []bool, [][]string or a Constant.
	Data any
	// Distinct says that most texts of a []string are met once: they are written
	// as they are and not through a dictionary.
	Distinct bool
	// Milliseconds says that an []int64 is instants, in milliseconds since 1970.
	Milliseconds bool
}

// Constant is a column with the same text in each of so many rows.
type Constant struct {
	Text string
	Rows int
}

// RowsWriter writes columns of rows as one Arrow stream, for a store to insert.
// It is not safe for concurrent use.
type RowsWriter struct {
	to io.Writer
	w  *ipc.Writer // nil before the first rows
}

// NewRowsWriter is a RowsWriter to w.
func NewRowsWriter(w io.Writer) *RowsWriter { return &RowsWriter{to: w} }

// Write adds rows; every call has the same columns. Columns of unequal length are
// ErrInvalid.
func (r *RowsWriter) Write(columns []Values) error {
	fields := make([]arrow.Field, len(columns))
	arrays := make([]arrow.Array, len(columns))
	for i, c := range columns {
		a, err := r.array(c)
		if err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		if i > 0 && a.Len() != arrays[0].Len() {
			return fmt.Errorf("column %s has %d rows and column %s has %d: %w", c.Name, a.Len(), columns[0].Name, arrays[0].Len(), ErrInvalid)
		}
		fields[i], arrays[i] = arrow.Field{Name: c.Name, Type: a.DataType()}, a
	}
	if len(arrays) == 0 || arrays[0].Len() == 0 {
		return nil
	}
	schema := arrow.NewSchema(fields, nil)
	if r.w == nil {
		r.w = ipc.NewWriter(r.to, ipc.WithSchema(schema))
	}
	if err := r.w.Write(array.NewRecord(schema, arrays, int64(arrays[0].Len()))); err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	return nil
}

// Close writes the end of the stream; without rows there is none.
func (r *RowsWriter) Close() error {
	if r.w == nil {
		return nil
	}
	return r.w.Close()
}

func (r *RowsWriter) array(c Values) (arrow.Array, error) {
	switch v := c.Data.(type) {
	case Constant:
		d := array.MakeFromData(array.NewData(arrow.BinaryTypes.String, 1, []*memory.Buffer{nil,
			memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, int32(len(v.Text))})), memory.NewBufferBytes([]byte(v.Text))}, nil, 0, 0))
		dt := dictionary.dataType().(*arrow.DictionaryType)
		return array.NewDictionaryArray(dt, flatArray(dt.IndexType, v.Rows, arrow.Int32Traits.CastToBytes(make([]int32, v.Rows))), d), nil
	case []string:
		if c.Distinct {
			var t texts
			t.reset(len(v))
			size := 0
			for _, s := range v {
				size += len(s)
			}
			t.bytes = make([]byte, 0, size)
			for _, s := range v {
				t.add(s)
			}
			return stringArray(t, len(v)), nil
		}
		var d dict
		d.reset(len(v))
		for _, s := range v {
			d.add(s)
		}
		return d.array(), nil
	case [][]string:
		var t texts
		t.reset(0)
		offsets := make([]int32, 1, len(v)+1)
		for _, list := range v {
			for _, s := range list {
				t.add(s)
			}
			offsets = append(offsets, int32(len(t.offsets)-1))
		}
		values := stringArray(t, len(t.offsets)-1)
		return array.MakeFromData(array.NewData(arrow.ListOfNonNullable(arrow.BinaryTypes.String), len(v),
			[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}, []arrow.ArrayData{values.Data()}, 0, 0)), nil
	case []float64:
		return flatArray(arrow.PrimitiveTypes.Float64, len(v), arrow.Float64Traits.CastToBytes(v)), nil
	case []int32:
		return flatArray(arrow.FixedWidthTypes.Date32, len(v), arrow.Int32Traits.CastToBytes(v)), nil
	case []int64:
		if c.Milliseconds {
			return flatArray(&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, len(v), arrow.Int64Traits.CastToBytes(v)), nil
		}
		return flatArray(arrow.PrimitiveTypes.Int64, len(v), arrow.Int64Traits.CastToBytes(v)), nil
	case []uint32:
		return flatArray(arrow.PrimitiveTypes.Uint32, len(v), arrow.Uint32Traits.CastToBytes(v)), nil
	case []uint16:
		return flatArray(arrow.PrimitiveTypes.Uint16, len(v), arrow.Uint16Traits.CastToBytes(v)), nil
	case []int8:
		return flatArray(arrow.PrimitiveTypes.Int8, len(v), arrow.Int8Traits.CastToBytes(v)), nil
	case []bool:
		b := make([]byte, len(v))
		for i, set := range v {
			if set {
				b[i] = 1
			}
		}
		return flatArray(arrow.PrimitiveTypes.Uint8, len(v), b), nil
	}
	return nil, fmt.Errorf("values of type %T cannot be written: %w", c.Data, ErrInvalid)
}

func stringArray(t texts, n int) arrow.Array {
	return array.MakeFromData(array.NewData(arrow.BinaryTypes.String, n, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(t.offsets)), memory.NewBufferBytes(t.bytes)}, nil, 0, 0))
}
