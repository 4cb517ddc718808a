package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go/format"
)

var (
	errPage     = errors.New("a page does not hold the values that it says")
	errEncoding = errors.New("a page is encoded in a way that its type does not have")
	errIndex    = errors.New("a value lies outside its dictionary")
)

// values are those of one page that are not null.
type values struct {
	n     int
	fixed []byte // n times width bytes; of truth values, one byte each
	width int    // 0: bytes of any length, with their ends
	bytes []byte
	ends  []uint32
	index []uint32 // positions in a dictionary
}

// at is one value.
func (v *values) at(i int) []byte {
	if v.width > 0 {
		return v.fixed[i*v.width : (i+1)*v.width]
	}
	from := uint32(0)
	if i > 0 {
		from = v.ends[i-1]
	}
	return v.bytes[from:v.ends[i]:v.ends[i]]
}

// size is the memory that they take.
func (v *values) size() int64 {
	return int64(cap(v.fixed)) + int64(cap(v.bytes)) + 4*int64(cap(v.ends)) + 4*int64(cap(v.index))
}

// decode reads n values; b has nothing else.
func (c *column) decode(b []byte, n int, encoding format.Encoding, limit int64) (v values, err error) {
	v = values{n: n, width: c.width}
	if c.physical == format.Boolean {
		v.width = 1
		switch encoding {
		case format.Plain:
			v.fixed, err = unpackBits(b, n)
		case format.RLE:
			if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) != int64(len(b)-4) {
				return v, errPage
			}
			v.fixed, err = hybridBytes(b[4:], n, true)
		default:
			err = errEncoding
		}
		return v, err
	}
	switch encoding {
	case format.Plain:
		return c.plainValues(b, n)
	case format.DeltaBinaryPacked:
		if c.physical != format.Int32 && c.physical != format.Int64 {
			return v, errEncoding
		}
		deltas, rest, err := deltaBinary(b, n)
		if err != nil || len(rest) > 0 {
			return v, errPage
		}
		v.fixed = make([]byte, 0, n*c.width)
		for _, d := range deltas {
			if c.width == 4 {
				v.fixed = binary.LittleEndian.AppendUint32(v.fixed, uint32(d))
			} else {
				v.fixed = binary.LittleEndian.AppendUint64(v.fixed, uint64(d))
			}
		}
		return v, nil
	case format.DeltaLengthByteArray:
		if c.physical != format.ByteArray {
			return v, errEncoding
		}
		lengths, rest, err := deltaBinary(b, n)
		if err != nil {
			return v, err
		}
		v.bytes, v.ends = rest, make([]uint32, n)
		end := int64(0)
		for i, l := range lengths {
			if l < 0 || l > int64(len(rest))-end {
				return v, errPage
			}
			end += l
			v.ends[i] = uint32(end)
		}
		if end != int64(len(rest)) {
			return v, errPage
		}
		return v, nil
	case format.DeltaByteArray:
		return c.deltaBytes(b, n, limit)
	case format.ByteStreamSplit:
		if c.width == 0 || c.physical == format.Int96 {
			return v, errEncoding
		}
		if int64(len(b)) != int64(n)*int64(c.width) {
			return v, errPage
		}
		v.fixed = make([]byte, len(b))
		for i := range n {
			for k := range c.width {
				v.fixed[i*c.width+k] = b[k*n+i]
			}
		}
		return v, nil
	default:
		return v, fmt.Errorf("%w: %s", errEncoding, encoding)
	}
}

func (c *column) plainValues(b []byte, n int) (values, error) {
	v := values{n: n, width: c.width}
	if c.width > 0 {
		if v.fixed = b; int64(len(b)) != int64(n)*int64(c.width) {
			return v, errPage
		}
		return v, nil
	}
	if n > len(b)/4 {
		return v, errPage
	}
	// The lengths are taken out of the bytes, in their place.
	v.ends = make([]uint32, n)
	at, to := 0, 0
	for i := range n {
		if len(b)-at < 4 {
			return v, errPage
		}
		size := int64(binary.LittleEndian.Uint32(b[at:]))
		at += 4
		if size > int64(len(b)-at) {
			return v, errPage
		}
		copy(b[to:], b[at:at+int(size)])
		at, to = at+int(size), to+int(size)
		v.ends[i] = uint32(to)
	}
	if at != len(b) {
		return v, errPage
	}
	v.bytes = b[:to]
	return v, nil
}

// deltaBytes reads values that share their beginnings with the one before.
func (c *column) deltaBytes(b []byte, n int, limit int64) (values, error) {
	v := values{n: n, width: c.width}
	if c.physical != format.ByteArray && c.physical != format.FixedLenByteArray {
		return v, errEncoding
	}
	prefixes, b, err := deltaBinary(b, n)
	if err != nil {
		return v, err
	}
	suffixes, b, err := deltaBinary(b, n)
	if err != nil {
		return v, err
	}
	v.ends = make([]uint32, n)
	from, last := 0, 0 // of the value before
	for i := range n {
		p, s := prefixes[i], suffixes[i]
		if p < 0 || p > int64(last-from) || s < 0 || s > int64(len(b)) {
			return v, errPage
		}
		if int64(len(v.bytes))+p+s > limit {
			return v, tooLarge()
		}
		start := len(v.bytes)
		v.bytes = append(v.bytes, v.bytes[from:from+int(p)]...)
		v.bytes = append(v.bytes, b[:s]...)
		b = b[s:]
		if from, last = start, len(v.bytes); c.width > 0 && last-start != c.width {
			return v, errPage
		}
		v.ends[i] = uint32(last)
	}
	if len(b) > 0 {
		return v, errPage
	}
	if c.width > 0 {
		v.fixed, v.bytes, v.ends = v.bytes, nil, nil
	}
	return v, nil
}

// unpackBits gives one byte for each bit.
func unpackBits(b []byte, n int) ([]byte, error) {
	if len(b) != (n+7)/8 {
		return nil, errPage
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = b[i/8] >> (i % 8) & 1
	}
	return out, nil
}

// hybrid gives the runs of n values of width bits, run-length or bit-packed.
// What is behind the last value is padding of its group, or a fault. Of truths
// some writers pad runs, too, and write the bits of a whole byte.
func hybrid(b []byte, n, width int, truths bool, run func(value uint32, count int)) error {
	for n > 0 {
		head, k := binary.Uvarint(b)
		if k <= 0 || head > 1<<32 || head < 2 {
			return errPage
		}
		b = b[k:]
		if head&1 == 0 {
			size := (width + 7) / 8
			count := int(head >> 1)
			if len(b) < size || count > n && !(truths && count-n < 8) {
				return errPage
			}
			count = min(count, n)
			var word [4]byte
			copy(word[:], b[:size])
			value := binary.LittleEndian.Uint32(word[:])
			if truths && value == 0xff {
				value = 1
			}
			if width < 32 && value>>width != 0 {
				return errPage
			}
			run(value, count)
			n -= count
			b = b[size:]
			continue
		}
		count := int64(head>>1) * 8
		size := count / 8 * int64(width)
		if size > int64(len(b)) || count-int64(n) > 7 {
			return errPage
		}
		packed := b[:size]
		b = b[size:]
		var word uint64
		have := 0
		for range min(count, int64(n)) {
			for have < width {
				word |= uint64(packed[0]) << have
				packed = packed[1:]
				have += 8
			}
			run(uint32(word&(1<<width-1)), 1)
			word >>= width
			have -= width
		}
		n -= int(min(count, int64(n)))
	}
	if len(b) > 0 {
		return errPage
	}
	return nil
}

// hybridBytes are n values of one bit.
func hybridBytes(b []byte, n int, truths bool) ([]byte, error) {
	out := make([]byte, 0, n)
	err := hybrid(b, n, 1, truths, func(v uint32, count int) {
		for range count {
			out = append(out, byte(v))
		}
	})
	return out, err
}

// indices reads positions in a dictionary of size values.
func indices(b []byte, n, size int) ([]uint32, error) {
	if len(b) < 1 || b[0] > 32 {
		return nil, errPage
	}
	out := make([]uint32, 0, n)
	most := uint32(0)
	if err := hybrid(b[1:], n, int(b[0]), false, func(v uint32, count int) {
		most = max(most, v)
		for range count {
			out = append(out, v)
		}
	}); err != nil {
		return nil, err
	}
	if int64(most) >= int64(size) {
		return nil, errIndex
	}
	return out, nil
}

// deltaBinary reads n whole numbers and gives what follows them.
func deltaBinary(b []byte, n int) (out []int64, rest []byte, err error) {
	uvarint := func() uint64 {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			err = errPage
			return 0
		}
		b = b[k:]
		return v
	}
	varint := func() int64 {
		u := uvarint()
		return int64(u>>1) ^ -int64(u&1)
	}
	block, minis, total, first := uvarint(), uvarint(), uvarint(), varint()
	if err != nil || block == 0 || block%128 != 0 || block > 1<<16 || minis == 0 || minis > block/8 || block%minis != 0 || block/minis%8 != 0 || total != uint64(n) {
		return nil, nil, errPage
	}
	if n == 0 {
		return nil, b, nil
	}
	each := int(block / minis)
	out = append(make([]int64, 0, n), first)
	for len(out) < n {
		least := varint()
		if err != nil || len(b) < int(minis) {
			return nil, nil, errPage
		}
		widths := b[:minis]
		b = b[minis:]
		for _, width := range widths {
			if len(out) == n {
				break // miniblocks without values have no bytes
			}
			if width > 64 || len(b) < each/8*int(width) {
				return nil, nil, errPage
			}
			packed := b[:each/8*int(width)]
			b = b[each/8*int(width):]
			for i := 0; i < each && len(out) < n; i++ {
				out = append(out, out[len(out)-1]+least+int64(bitsAt(packed, i*int(width), int(width))))
			}
		}
	}
	return out, b, nil
}

// bitsAt reads width bits from a bit position on.
func bitsAt(b []byte, at, width int) uint64 {
	if width == 0 {
		return 0
	}
	var word [16]byte
	copy(word[:], b[at/8:])
	low, high := binary.LittleEndian.Uint64(word[:]), binary.LittleEndian.Uint64(word[8:])
	if shift := at % 8; shift > 0 {
		low = low>>shift | high<<(64-shift)
	}
	if width == 64 {
		return low
	}
	return low & (1<<width - 1)
}
