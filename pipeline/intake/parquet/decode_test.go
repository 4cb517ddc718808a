package parquet

// This test is inside the package because no writer makes these pages.

import (
	"errors"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go/format"
)

func TestIndices(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		n    int
		want []uint32
	}{
		{"a run", []byte{2, 6 << 1, 2}, 6, []uint32{2, 2, 2, 2, 2, 2}},
		{"packed", []byte{2, 1<<1 | 1, 0b11_10_01_00, 0b00_01_10_11}, 8, []uint32{0, 1, 2, 3, 3, 2, 1, 0}},
		{"packed with padding", []byte{2, 1<<1 | 1, 0b11_10_01_00, 0b00_01_10_11}, 3, []uint32{0, 1, 2}},
		{"both", []byte{2, 2 << 1, 1, 1<<1 | 1, 0b11_10_01_00, 0}, 6, []uint32{1, 1, 0, 1, 2, 3}},
		{"no bits", []byte{0, 3 << 1}, 3, []uint32{0, 0, 0}},
		{"outside of the dictionary", []byte{3, 2 << 1, 4}, 2, nil},
		{"too few", []byte{2, 2 << 1, 1}, 3, nil},
		{"too many", []byte{2, 4 << 1, 1}, 3, nil},
		{"too many packed", []byte{2, 2<<1 | 1, 0, 0, 0, 0}, 8, nil},
		{"cut", []byte{2, 1<<1 | 1, 0}, 8, nil},
		{"a value that is too wide", []byte{2, 2 << 1, 4}, 2, nil},
		{"too wide", []byte{33, 2 << 1, 1, 0, 0, 0, 0}, 2, nil},
		{"an endless run", []byte{2, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}, 3, nil},
		{"something behind", []byte{2, 2 << 1, 1, 0}, 2, nil},
		{"an empty run", []byte{2, 0, 1, 2 << 1, 1}, 2, nil},
		{"nothing", nil, 1, nil},
	} {
		got, err := indices(c.b, c.n, 4)
		if (err == nil) != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func TestPlainValues(t *testing.T) {
	text := column{physical: format.ByteArray}
	good := []byte{1, 0, 0, 0, 'a', 0, 0, 0, 0, 2, 0, 0, 0, 'b', 'c'}
	v, err := text.plainValues(slices.Clone(good), 3)
	if err != nil || string(v.at(0)) != "a" || string(v.at(1)) != "" || string(v.at(2)) != "bc" {
		t.Fatal(v, err)
	}
	for name, b := range map[string][]byte{
		"more values": append(slices.Clone(good), 0, 0, 0, 0), "cut": good[:14], "fewer": good[:9], "a length beyond": {200, 0, 0, 0, 'a', 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		// What lies behind a page in memory is another's, and never read.
		behind := append(slices.Clone(b), make([]byte, 300)...)[:len(b)]
		if _, err := text.plainValues(behind, 3); err == nil {
			t.Error(name)
		}
	}
	number := column{physical: format.Int64, width: 8}
	for _, n := range []int{1, 3} {
		if _, err := number.plainValues(make([]byte, 16), n); err == nil {
			t.Errorf("%d numbers of 16 bytes", n)
		}
	}
}

func TestDeltaBinary(t *testing.T) {
	// Blocks of 128 in 4 miniblocks; 3 values from 7: 7, 5, 8.
	good := []byte{0x80, 0x01, 4, 3, 14, 3 /* least -2 */, 3, 0, 0, 0, 0b00_101_000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	out, rest, err := deltaBinary(good, 3)
	if err != nil || !slices.Equal(out, []int64{7, 5, 8}) || len(rest) != 0 {
		t.Fatal(out, rest, err)
	}
	for n := range good {
		if _, _, err := deltaBinary(good[:n], 3); err == nil {
			t.Errorf("%d of its bytes", n)
		}
	}
	for name, b := range map[string][]byte{
		"another number": {0x80, 0x01, 4, 4, 14}, "no blocks": {0, 4, 3, 14}, "no miniblocks": {0x80, 0x01, 0, 3, 14}, "a huge block": {0x80, 0x80, 0x80, 0x01, 4, 3, 14},
		"a wide miniblock": {0x80, 0x01, 4, 3, 14, 3, 65, 0, 0, 0},
	} {
		if _, _, err := deltaBinary(append(b, make([]byte, 1000)...), 3); err == nil {
			t.Error(name)
		}
	}
}

// TestNullsOfAPage: a page of the second version says how many of its rows have
// no value, and its levels must say the same.
func TestNullsOfAPage(t *testing.T) {
	for nulls, ok := range map[int64]bool{-1: true, 0: false, 1: true, 2: false, 3: false, 1 << 40: false} {
		k := &chunk{r: &Reader{}, c: &column{kind: intKind, physical: format.Int32, width: 4, optional: true}, left: 3}
		err := k.data([]byte{3, 0b101}, make([]byte, 8), 3, nulls, format.Plain)
		if (err == nil) != ok || err != nil && !errors.Is(err, errPage) {
			t.Errorf("%d without a value of three, two of which have one: %v", nulls, err)
		}
	}
}

// TestStructLen: a structure is as long as it is, and its lists are no longer
// than what is there.
func TestStructLen(t *testing.T) {
	good := []byte{0x15, 4, 0x18, 2, 'a', 'b', 0x19, 0x1c, 0x11, 0x00, 0x2b, 1, 0x58, 2, 1, 'x', 0x00}
	if n, err := structLen(append(slices.Clone(good), 9, 9), 10); err != nil || n != len(good) {
		t.Fatal(n, err)
	}
	for n := range good {
		if _, err := structLen(good[:n], 10); err == nil {
			t.Errorf("%d of its bytes", n)
		}
	}
	if _, err := structLen(good, 1); err == nil {
		t.Error("more things than are allowed")
	}
	deep := slices.Repeat([]byte{0x1c}, 100)
	if _, err := structLen(deep, 10); err == nil {
		t.Error("structures without end")
	}
	if _, err := structLen([]byte{0x1e, 0}, 10); err == nil {
		t.Error("an unknown type")
	}
}
