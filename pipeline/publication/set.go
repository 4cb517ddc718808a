package publication

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/sourcegraph/conc"
)

// Set is one immutable result set: the rows of some tables of the released
// store. ID is derived from all of its content.
type Set struct {
	ID     string
	Tables []Table
}

// Rows is the number of rows of all tables.
func (s Set) Rows() int {
	n := 0
	for _, t := range s.Tables {
		n += t.Rows()
	}
	return n
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
	t.each(func(row uint64) { rows, sum = rows+1, sum+row })
	return rows, sum
}

// each gives what each row adds to the checksum, in their order.
func (t Table) each(yield func(sum uint64)) {
	width, n := 8*len(t.Columns), t.Rows()
	b := make([]byte, min(n, checksumRows)*width)
	for from := 0; from < n; from += checksumRows {
		to := min(from+checksumRows, n)
		for j, c := range t.Columns {
			c.bits(from, to, func(i int, bits uint64) {
				binary.LittleEndian.PutUint64(b[(i-from)*width+8*j:], bits)
			})
		}
		for i := range to - from {
			yield(xxhash.Sum64(b[i*width : (i+1)*width]))
		}
	}
}

// checksumRows are taken at a time, column by column.
const checksumRows = 512

// bits hands the Bits of the rows [from, to) to put. Neighbours often have the
// same text, which is hashed once.
func (c Column) bits(from, to int, put func(row int, bits uint64)) {
	switch v := c.Values.(type) {
	case []string:
		last, hash := "", xxhash.Sum64String("")
		for i := from; i < to; i++ {
			if v[i] != last {
				last, hash = v[i], xxhash.Sum64String(v[i])
			}
			put(i, hash)
		}
	case []float64:
		for i := from; i < to; i++ {
			put(i, math.Float64bits(v[i]))
		}
	case [][]string:
		empty := xxhash.Sum64String("")
		for i := from; i < to; i++ {
			if len(v[i]) == 0 {
				put(i, empty)
			} else {
				put(i, c.Bits(i))
			}
		}
	default:
		for i := from; i < to; i++ {
			put(i, c.Bits(i))
		}
	}
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
	var all conc.WaitGroup
	for i, t := range tables {
		all.Go(func() {
			n, s := t.Checksum()
			sums[i] = Sum{t.Name, uint64(n), s}
		})
	}
	all.Wait()
	return Set{ID: SetID(of, sums), Tables: tables}
}
