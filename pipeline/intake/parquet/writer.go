package parquet

import (
	"fmt"
	"io"
	"math/big"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"larstrom/pipeline/intake/typed"
)

// groupRows is how many rows a group has; they are held until it is written.
const groupRows = 20_000

// Types are the types of all top-level columns, in the order of the file, as a
// Writer writes them again.
func (r *Reader) Types() []typed.Column {
	types := make([]typed.Column, len(r.columns))
	for i := range r.columns {
		types[i] = r.columns[i].typed()
	}
	return types
}

func (c *column) typed() typed.Column {
	if c.readable() != nil {
		return typed.Column{}
	}
	switch c.kind {
	case boolKind:
		return typed.Column{Kind: typed.Bool}
	case intKind, uintKind:
		t := typed.Column{Kind: typed.Int, Bits: 8 * c.width}
		if c.kind == uintKind {
			t.Kind = typed.Uint
		}
		if c.bits == 8 || c.bits == 16 {
			t.Bits = c.bits
		}
		return t
	case floatKind:
		return typed.Column{Kind: typed.Float, Bits: 32}
	case doubleKind, halfKind: // whose text is that of a double
		return typed.Column{Kind: typed.Float, Bits: 64}
	case decimalKind:
		if c.scale < 0 || c.digits < 1 || c.digits > typed.MaxPrecision {
			return typed.Column{}
		}
		return typed.Column{Kind: typed.Decimal, Precision: c.digits, Scale: c.scale}
	case dateKind:
		return typed.Column{Kind: typed.Date}
	case clockKind:
		return typed.Column{Kind: typed.Clock, Unit: c.unit}
	case timestampKind:
		return typed.Column{Kind: typed.Timestamp, Unit: c.unit, Instant: c.instant}
	}
	return typed.Column{}
}

// Writer writes rows of texts as a Parquet file with typed columns, so that a
// Reader reads the same texts. An empty text is a null.
//
// It uses the library, which is right for what it makes itself.
type Writer struct {
	w     *pq.GenericWriter[any]
	types []typed.Column
	form  typed.Form
	rows  int
	row   pq.Row
}

// group is one whose columns stand in the order in which they are given.
type group struct {
	pq.Group
	names []string
}

func (g group) Fields() []pq.Field {
	by := map[string]pq.Field{}
	for _, f := range g.Group.Fields() {
		by[f.Name()] = f
	}
	fields := make([]pq.Field, len(g.names))
	for i, name := range g.names {
		fields[i] = by[name]
	}
	return fields
}

// NewWriter begins a file with these columns, whose names differ.
func NewWriter(w io.Writer, names []string, types []typed.Column, form typed.Form) *Writer {
	all := group{Group: pq.Group{}, names: names}
	for i, name := range names {
		all.Group[name] = pq.Compressed(pq.Optional(node(&types[i])), &pq.Snappy)
	}
	return &Writer{w: pq.NewGenericWriter[any](w, pq.NewSchema("rejected", all)), types: types, form: form}
}

func node(c *typed.Column) pq.Node {
	unit := pq.Nanosecond
	switch c.Unit {
	case time.Millisecond:
		unit = pq.Millisecond
	case time.Microsecond:
		unit = pq.Microsecond
	}
	switch c.Kind {
	case typed.Bool:
		return pq.Leaf(pq.BooleanType)
	case typed.Int:
		return pq.Int(c.Bits)
	case typed.Uint:
		return pq.Uint(c.Bits)
	case typed.Float:
		if c.Bits == 32 {
			return pq.Leaf(pq.FloatType)
		}
		return pq.Leaf(pq.DoubleType)
	case typed.Decimal:
		return pq.Decimal(c.Scale, c.Precision, pq.FixedLenByteArrayType(decimalBytes(c.Precision)))
	case typed.Date:
		return pq.Date()
	case typed.Clock:
		return pq.TimeAdjusted(unit, false)
	case typed.Timestamp:
		return pq.TimestampAdjusted(unit, c.Instant)
	}
	return pq.String()
}

// decimalBytes is how many bytes hold so many digits and a sign.
func decimalBytes(digits int) int {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	return most.BitLen()/8 + 1
}

// Row writes the next row, whose texts are values of their columns.
func (w *Writer) Row(fields []string) error {
	w.row = w.row[:0]
	for i := range w.types {
		v, level := pq.NullValue(), 0
		if i < len(fields) && fields[i] != "" {
			var ok bool
			if v, ok = w.value(&w.types[i], fields[i]); !ok {
				return fmt.Errorf("write a Parquet file: a text is no value of column %d", i+1)
			}
			level = 1
		}
		w.row = append(w.row, v.Level(0, level, i))
	}
	_, err := w.w.WriteRows([]pq.Row{w.row})
	if w.rows++; err == nil && w.rows%groupRows == 0 {
		err = w.w.Flush()
	}
	if err != nil {
		return fmt.Errorf("write a Parquet file: %w", err)
	}
	return nil
}

func (w *Writer) value(c *typed.Column, text string) (pq.Value, bool) {
	if c.Kind == typed.Text {
		return pq.ByteArrayValue([]byte(text)), true
	}
	v, ok := c.Parse(text, &w.form)
	if !ok {
		return pq.Value{}, false
	}
	switch {
	case c.Kind == typed.Bool:
		return pq.BooleanValue(v.Int == 1), true
	case c.Kind == typed.Float && c.Bits == 32:
		return pq.FloatValue(float32(v.Float)), true
	case c.Kind == typed.Float:
		return pq.DoubleValue(v.Float), true
	case c.Kind == typed.Decimal:
		return pq.FixedLenByteArrayValue(complement(v.Big, decimalBytes(c.Precision))), true
	case c.Bits > 0 && c.Bits <= 32, c.Kind == typed.Date, c.Kind == typed.Clock && c.Unit == time.Millisecond:
		return pq.Int32Value(int32(v.Int)), true
	}
	return pq.Int64Value(v.Int), true
}

// complement is a number in so many bytes of two's complement, most significant
// first.
func complement(n *big.Int, width int) []byte {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*width)))
	}
	return n.FillBytes(make([]byte, width))
}

// Close ends the file. It leaves what it writes to open.
func (w *Writer) Close() error {
	if err := w.w.Close(); err != nil {
		return fmt.Errorf("write a Parquet file: %w", err)
	}
	return nil
}
