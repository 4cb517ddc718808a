package publication

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Set is one immutable result set: the rows of some tables of the released
// store. ID is derived from all of its content.
type Set struct {
	ID     string
	Tables []Table
}

// Table is the rows of one table, as columns of equal length.
type Table struct {
	Name    string // without the prefix result_
	Columns []Column
}

// Column is one column. Values is a []string, []float64, []int32 (days since
// 1970-01-01), []int64 (counts or milliseconds since 1970-01-01), []uint32,
// []uint16, []int8, []bool or [][]string.
type Column struct {
	Name   string
	Values any
}

// Rows is the number of rows.
func (t Table) Rows() int {
	if len(t.Columns) == 0 {
		return 0
	}
	return t.Columns[0].length()
}

func (c Column) length() int {
	switch v := c.Values.(type) {
	case []string:
		return len(v)
	case []float64:
		return len(v)
	case []int32:
		return len(v)
	case []int64:
		return len(v)
	case []uint32:
		return len(v)
	case []uint16:
		return len(v)
	case []int8:
		return len(v)
	case []bool:
		return len(v)
	case [][]string:
		return len(v)
	}
	panic(fmt.Sprintf("publication: column %s has values of type %T", c.Name, c.Values))
}

// Bits is row i of the column as 64 bits: numbers as they are stored, texts by
// their XXH64. The released store computes the same bits in SQL, so that the
// two can be compared without reading the rows back.
func (c Column) Bits(i int) uint64 {
	switch v := c.Values.(type) {
	case []string:
		return xxhash.Sum64String(v[i])
	case []float64:
		return math.Float64bits(v[i])
	case []int32:
		return uint64(int64(v[i]))
	case []int64:
		return uint64(v[i])
	case []uint32:
		return uint64(v[i])
	case []uint16:
		return uint64(v[i])
	case []int8:
		return uint64(int64(v[i]))
	case []bool:
		if v[i] {
			return 1
		}
		return 0
	case [][]string:
		return xxhash.Sum64String(strings.Join(v[i], ArraySeparator))
	}
	panic(fmt.Sprintf("publication: column %s has values of type %T", c.Name, c.Values))
}

// ArraySeparator joins the elements of an array for its checksum.
const ArraySeparator = "\x1f"

// Checksum is the number of rows and the wrapping sum, over the rows, of the
// XXH64 of the row's column bits in order, little-endian. It does not depend
// on the order of rows and changes with every value.
func (t Table) Checksum() (rows int, sum uint64) {
	b := make([]byte, 0, 8*len(t.Columns))
	for i := range t.Rows() {
		b = b[:0]
		for _, c := range t.Columns {
			b = binary.LittleEndian.AppendUint64(b, c.Bits(i))
		}
		sum += xxhash.Sum64(b)
	}
	return t.Rows(), sum
}

// Sum is the checksum of one table of a set.
type Sum struct {
	Table string
	Rows  uint64
	Sum   uint64
}

// SetID names a set by the checksums of its tables.
func SetID(of string, sums []Sum) string {
	h := sha256.New()
	fmt.Fprintf(h, "larstrom set 1\n%s\n", of)
	for _, s := range sums {
		fmt.Fprintf(h, "%s %d %016x\n", s.Table, s.Rows, s.Sum)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Seal names the set of the given owner (an indicator id, or "meta") by its
// content.
func Seal(of string, tables []Table) Set {
	sums := make([]Sum, len(tables))
	for i, t := range tables {
		n, s := t.Checksum()
		sums[i] = Sum{t.Name, uint64(n), s}
	}
	return Set{ID: SetID(of, sums), Tables: tables}
}
