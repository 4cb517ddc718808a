package cell

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
)

// Micro is the number of fixed-point units in one: observations carry their
// numbers as int64 multiples of 1e-6, so that sums are exact.
const Micro = 1_000_000

// Fixed is an exact 128-bit two's complement integer: a sum of int64
// fixed-point numbers, or of their squares. The zero value is 0.
type Fixed struct {
	Hi int64
	Lo uint64
}

// FixedOf is v as a 128-bit integer.
func FixedOf(v int64) Fixed { return Fixed{Hi: v >> 63, Lo: uint64(v)} }

// Add is the exact sum; it wraps only beyond 2^127, which int64 addends
// reach after 2^63 of them.
func (f Fixed) Add(g Fixed) Fixed {
	lo, carry := bits.Add64(f.Lo, g.Lo, 0)
	hi, _ := bits.Add64(uint64(f.Hi), uint64(g.Hi), carry)
	return Fixed{Hi: int64(hi), Lo: lo}
}

// Neg is −f.
func (f Fixed) Neg() Fixed {
	lo, borrow := bits.Sub64(0, f.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(f.Hi), borrow)
	return Fixed{Hi: int64(hi), Lo: lo}
}

// IsZero reports whether f is 0.
func (f Fixed) IsZero() bool { return f.Hi == 0 && f.Lo == 0 }

// Sign is −1, 0 or 1.
func (f Fixed) Sign() int {
	switch {
	case f.Hi < 0:
		return -1
	case f.IsZero():
		return 0
	default:
		return 1
	}
}

// Cmp is −1, 0 or 1 as f is below, equal to or above g.
func (f Fixed) Cmp(g Fixed) int {
	switch {
	case f.Hi < g.Hi || f.Hi == g.Hi && f.Lo < g.Lo:
		return -1
	case f == g:
		return 0
	default:
		return 1
	}
}

// Float is f divided by scale, correctly rounded where f fits in 53 bits and
// within one unit in the last place otherwise.
func (f Fixed) Float(scale float64) float64 {
	if f.Hi == int64(f.Lo)>>63 {
		return float64(int64(f.Lo)) / scale
	}
	v, _ := new(big.Float).SetInt(f.Big()).Float64()
	return v / scale
}

// Big is f as a big integer.
func (f Fixed) Big() *big.Int {
	b := big.NewInt(f.Hi)
	b.Lsh(b, 64)
	return b.Add(b, new(big.Int).SetUint64(f.Lo))
}

// FixedOfBig is b as a 128-bit integer; ok is false when it does not fit.
func FixedOfBig(b *big.Int) (f Fixed, ok bool) {
	if b.BitLen() > 127 {
		return Fixed{}, false
	}
	lo := new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64))
	hi := new(big.Int).Rsh(b, 64)
	return Fixed{Hi: hi.Int64(), Lo: lo.Uint64()}, true
}

// String is the decimal integer.
func (f Fixed) String() string {
	if f.Hi == int64(f.Lo)>>63 {
		return strconv.FormatInt(int64(f.Lo), 10)
	}
	return f.Big().String()
}

// MarshalText writes the decimal integer.
func (f Fixed) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads the decimal integer.
func (f *Fixed) UnmarshalText(b []byte) error {
	i, ok := new(big.Int).SetString(string(b), 10)
	if !ok {
		return fmt.Errorf("%q is no decimal integer", b)
	}
	v, ok := FixedOfBig(i)
	if !ok {
		return fmt.Errorf("%s does not fit in 128 bits", b)
	}
	*f = v
	return nil
}

// appendBytes appends the 16 bytes of f, most significant first.
func (f Fixed) appendBytes(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(f.Hi))
	return binary.BigEndian.AppendUint64(b, f.Lo)
}
