package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"larstrom/pipeline/cell"
)

// interner keeps one string a distinct value over a whole result: units and
// indicators repeat a million times.
type interner struct {
	known map[string]string
	last  string
}

func newInterner() *interner { return &interner{known: make(map[string]string)} }

// of is b as a string. Results are ordered, so the value is mostly the last one.
func (in *interner) of(b []byte) string {
	if string(b) == in.last {
		return in.last
	}
	s, ok := in.known[string(b)]
	if !ok {
		s = string(b)
		in.known[s] = s
	}
	in.last = s
	return s
}

// fill sets the field of every version that the column name holds, which is 0
// before. A column without a field (run, delivery and what else a query selects) is passed over.
func fill(dst []cell.Version, name string, col arrow.Array, in *interner) error {
	if col.NullN() != 0 {
		return fmt.Errorf("%w: column %s has nulls", ErrCorrupt, name)
	}
	err := fillColumn(dst, name, col, in)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("column %s: %w", name, err)
	}
	return err
}

func fillColumn(dst []cell.Version, name string, col arrow.Array, in *interner) error {
	text := func(set func(v *cell.Version, s string)) error {
		return eachString(col, in.of, func(i int, s string) { set(&dst[i], s) })
	}
	count := func(set func(v *cell.Version, n int64)) error {
		return eachInt(col, func(i int, n int64) { set(&dst[i], n) })
	}
	sum := func(scale int32, set func(v *cell.Version, f cell.Fixed)) error {
		return eachFixed(col, scale, func(i int, f cell.Fixed) { set(&dst[i], f) })
	}
	switch name {
	case "rev":
		return count(func(v *cell.Version, n int64) { v.Rev = uint64(n) })
	case "region":
		return text(func(v *cell.Version, s string) { v.Key.Region = s })
	case "registry":
		return text(func(v *cell.Version, s string) { v.Key.Registry = s })
	case "indicator":
		return text(func(v *cell.Version, s string) { v.Key.Indicator = s })
	case "version":
		return text(func(v *cell.Version, s string) { v.Key.Version = s })
	case "granularity":
		return text(func(v *cell.Version, s string) { v.Key.Granularity = s })
	case "unit":
		return text(func(v *cell.Version, s string) { v.Key.Unit = s })
	case "stratum":
		return text(func(v *cell.Version, s string) { v.Key.Stratum = s })
	case "histogram":
		return text(func(v *cell.Version, s string) { v.Content.Histogram = s })
	case "period_start":
		return eachDate(col, func(i int, days int32) { dst[i].Key.PeriodStart = days })
	case "tombstone":
		return count(func(v *cell.Version, n int64) { v.Tombstone = n != 0 })
	case "rows":
		return count(func(v *cell.Version, n int64) { v.Content.Rows = n })
	case "numerator":
		return sum(microScale, func(v *cell.Version, f cell.Fixed) { v.Content.Numerator = f })
	case "denominator":
		return sum(microScale, func(v *cell.Version, f cell.Fixed) { v.Content.Denominator = f })
	case "values":
		return sum(microScale, func(v *cell.Version, f cell.Fixed) { v.Content.Values = f })
	case "expected":
		return sum(microScale, func(v *cell.Version, f cell.Fixed) { v.Content.Expected = f })
	case "value_count":
		return count(func(v *cell.Version, n int64) { v.Content.ValueCount = n })
	case "value_squares":
		return sum(squareScale, func(v *cell.Version, f cell.Fixed) { v.Content.ValueSquares = f })
	case "missing":
		return count(func(v *cell.Version, n int64) { v.Content.Missing = n })
	case "rejected":
		return count(func(v *cell.Version, n int64) { v.Content.Rejected = n })
	case "duplicates":
		return count(func(v *cell.Version, n int64) { v.Content.Duplicates = n })
	case "numerator_above":
		return count(func(v *cell.Version, n int64) { v.Content.NumeratorAbove = n })
	case "negative":
		return count(func(v *cell.Version, n int64) { v.Content.Negative = n })
	case "zero_denominator":
		return count(func(v *cell.Version, n int64) { v.Content.ZeroDenominator = n })
	case "rate_mismatch":
		return count(func(v *cell.Version, n int64) { v.Content.RateMismatch = n })
	case "unknown_codes":
		return count(func(v *cell.Version, n int64) { v.Content.UnknownCodes = n })
	case "masked":
		return count(func(v *cell.Version, n int64) { v.Content.Masked = n })
	case "bad_reasons":
		return count(func(v *cell.Version, n int64) { v.Content.BadReasons = n })
	case "fingerprint":
		return eachBytes(col, func(i int, b []byte) error {
			if len(b) != len(dst[i].Fingerprint) {
				return fmt.Errorf("%w: a fingerprint of %d bytes", ErrCorrupt, len(b))
			}
			copy(dst[i].Fingerprint[:], b)
			return nil
		})
	}
	return nil
}

func unreadable(col arrow.Array) error {
	return fmt.Errorf("type %s cannot be read as this column: %w", col.DataType(), ErrInvalid)
}

// eachBytes hands every value's bytes to set, which must not keep them.
func eachBytes(col arrow.Array, set func(i int, b []byte) error) error {
	type bytesAt interface{ Value(i int) []byte }
	switch c := col.(type) {
	case *array.FixedSizeBinary, *array.Binary, *array.LargeBinary:
		at := c.(bytesAt)
		for i := range col.Len() {
			if err := set(i, at.Value(i)); err != nil {
				return err
			}
		}
	case *array.String:
		for i := range col.Len() {
			if err := set(i, []byte(c.Value(i))); err != nil {
				return err
			}
		}
	default:
		return unreadable(col)
	}
	return nil
}

// eachString hands every value to set as the string that of makes of it.
func eachString(col arrow.Array, of func([]byte) string, set func(i int, s string)) error {
	switch c := col.(type) {
	case *array.Dictionary:
		values, err := dictionaryStrings(c, func(s string) string { return of([]byte(s)) })
		if err != nil {
			return err
		}
		for i := range c.Len() {
			code := c.GetValueIndex(i)
			if code < 0 || code >= len(values) {
				return fmt.Errorf("%w: it points outside its dictionary", ErrCorrupt)
			}
			set(i, values[code])
		}
	case *array.String:
		// The bytes of the column, without a copy a row.
		b := c.ValueBytes()
		first := c.ValueOffset(0)
		for i := range c.Len() {
			from := c.ValueOffset(i) - first
			set(i, of(b[from:from+c.ValueLen(i)]))
		}
	case *array.Binary:
		for i := range c.Len() {
			set(i, of(c.Value(i)))
		}
	case *array.LargeString:
		for i := range c.Len() {
			set(i, of([]byte(c.Value(i))))
		}
	case *array.LargeBinary:
		for i := range c.Len() {
			set(i, of(c.Value(i)))
		}
	default:
		return unreadable(col)
	}
	return nil
}

func dictionaryStrings(d *array.Dictionary, of func(string) string) ([]string, error) {
	var values []string
	switch v := d.Dictionary().(type) {
	case *array.String:
		values = make([]string, v.Len())
		for i := range values {
			values[i] = of(v.Value(i))
		}
	case *array.Binary:
		values = make([]string, v.Len())
		for i := range values {
			values[i] = of(string(v.Value(i)))
		}
	default:
		return nil, unreadable(d)
	}
	return values, nil
}

// eachInt hands every value to set. UInt64 is passed bit by bit; the columns of
// that type are sequences, which stay below 2^63.
func eachInt(col arrow.Array, set func(i int, n int64)) error {
	switch c := col.(type) {
	case *array.Int64:
		eachOf(c.Int64Values(), set)
	case *array.Uint64:
		for _, v := range c.Uint64Values() {
			if v > math.MaxInt64 {
				return fmt.Errorf("%w: it holds %d", ErrCorrupt, v)
			}
		}
		eachOf(c.Uint64Values(), set)
	case *array.Int32:
		eachOf(c.Int32Values(), set)
	case *array.Uint32:
		eachOf(c.Uint32Values(), set)
	case *array.Int16:
		eachOf(c.Int16Values(), set)
	case *array.Uint16:
		eachOf(c.Uint16Values(), set)
	case *array.Int8:
		eachOf(c.Int8Values(), set)
	case *array.Uint8:
		eachOf(c.Uint8Values(), set)
	case *array.Boolean:
		for i := range c.Len() {
			n := int64(0)
			if c.Value(i) {
				n = 1
			}
			set(i, n)
		}
	default:
		return unreadable(col)
	}
	return nil
}

func eachOf[T int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](values []T, set func(i int, n int64)) {
	for i, v := range values {
		if v != 0 { // what is filled is 0 as it is, and most counts are
			set(i, int64(v))
		}
	}
}

func eachDate(col arrow.Array, set func(i int, days int32)) error {
	switch c := col.(type) {
	case *array.Date32:
		for i, d := range c.Date32Values() {
			set(i, int32(d))
		}
	case *array.Uint16: // ClickHouse Date
		for i, d := range c.Uint16Values() {
			set(i, int32(d))
		}
	case *array.Int32:
		for i, d := range c.Int32Values() {
			set(i, d)
		}
	default:
		return unreadable(col)
	}
	return nil
}

// eachFixed hands every value to set in units of 10^-scale; 16 bytes, the least
// significant first, are a number of such units.
func eachFixed(col arrow.Array, scale int32, set func(i int, f cell.Fixed)) error {
	switch c := col.(type) {
	case *array.Decimal128:
		if got := c.DataType().(*arrow.Decimal128Type).Scale; got != scale {
			return fmt.Errorf("it has %d decimals and should have %d: %w", got, scale, ErrInvalid)
		}
		for i, v := range c.Values() {
			if v != (decimal128.Num{}) {
				set(i, fixedOf(v))
			}
		}
	case *array.Decimal256:
		if got := c.DataType().(*arrow.Decimal256Type).Scale; got != scale {
			return fmt.Errorf("it has %d decimals and should have %d: %w", got, scale, ErrInvalid)
		}
		for i, v := range c.Values() {
			w := v.Array() // least significant word first
			sign := uint64(int64(w[1]) >> 63)
			if w[2] != sign || w[3] != sign {
				return fmt.Errorf("%w: a sum is beyond 128 bits", ErrCorrupt)
			}
			set(i, cell.Fixed{Hi: int64(w[1]), Lo: w[0]})
		}
	case *array.FixedSizeBinary:
		if c.DataType().(*arrow.FixedSizeBinaryType).ByteWidth != 16 {
			return unreadable(col)
		}
		for i := range c.Len() {
			b := c.Value(i)
			set(i, cell.Fixed{Hi: int64(binary.LittleEndian.Uint64(b[8:])), Lo: binary.LittleEndian.Uint64(b)})
		}
	default:
		return unreadable(col)
	}
	return nil
}

func fixedOf(v decimal128.Num) cell.Fixed { return cell.Fixed{Hi: v.HighBits(), Lo: v.LowBits()} }
