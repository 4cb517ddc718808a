package typed_test

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/intake/typed"
)

func TestDecimals(t *testing.T) {
	comma := typed.Form{Decimal: ','}
	for _, c := range []struct {
		v     int64
		scale int
		want  string
	}{{0, 0, "0"}, {0, 2, "0,00"}, {5, 2, "0,05"}, {-5, 2, "-0,05"}, {1234, 2, "12,34"}, {1230, 2, "12,30"}, {-1, 0, "-1"}, {7, -3, "7000"}, {0, -3, "0"},
		{math.MinInt64, 3, "-9223372036854775,808"}, {math.MaxInt64, 19, "0,9223372036854775807"}} {
		if got := string(comma.AppendDecimal(nil, c.v, c.scale)); got != c.want {
			t.Errorf("%d scale %d: %s, want %s", c.v, c.scale, got, c.want)
		}
	}
}

// TestBigDecimals: any width gives the number that exact arithmetic gives.
func TestBigDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "small") { // with many bytes of sign
			sign := byte(0)
			if b[0]&0x80 != 0 {
				sign = 0xff
			}
			for range rapid.IntRange(0, 16).Draw(t, "padding") {
				b = append([]byte{sign}, b...)
			}
		}
		scale := rapid.IntRange(-5, 40).Draw(t, "scale")
		n := new(big.Int).SetBytes(b)
		if b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil))
		want := new(big.Rat).SetInt(n)
		if scale > 0 {
			want.Quo(want, power)
		} else {
			want.Mul(want, power)
		}
		var f typed.Form
		text := string(f.AppendBigDecimal(nil, b, scale))
		got, ok := new(big.Rat).SetString(text)
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%x scale %d: %s", b, scale, text)
		}
	})
}

func TestFloats(t *testing.T) {
	comma := typed.Form{Decimal: ','}
	for _, c := range []struct {
		v    float64
		bits int
		want string
	}{{0.1, 64, "0,1"}, {float64(float32(0.1)), 32, "0,1"}, {1e21, 64, "1000000000000000000000"}, {1234567, 64, "1234567"}, {-2.5e-7, 64, "-0,00000025"},
		{math.NaN(), 64, "NaN"}, {math.Inf(-1), 64, "-Inf"}} {
		if got := string(comma.AppendFloat(nil, c.v, c.bits)); got != c.want {
			t.Errorf("%v: %s, want %s", c.v, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		var f typed.Form
		if got, err := strconv.ParseFloat(string(f.AppendFloat(nil, v, 64)), 64); err != nil || got != v {
			t.Fatalf("%v became %v", v, got)
		}
	})
	for bits, want := range map[uint16]string{0: "0", 0x3c00: "1", 0xc000: "-2", 0x7bff: "65504", 0x0001: "0.000000059604644775390625", 0x3555: "0.333251953125", 0x7c00: "+Inf", 0x7e00: "NaN"} {
		var f typed.Form
		if got := string(f.AppendHalf(nil, bits)); got != want {
			if v, err := strconv.ParseFloat(got, 64); err != nil || strconv.FormatFloat(v, 'f', -1, 64) != mustShortest(t, want) {
				t.Errorf("%04x: %s, want %s", bits, got, want)
			}
		}
	}
}

func mustShortest(t *testing.T, s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func TestDates(t *testing.T) {
	day := func(s string) int64 {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at.Unix() / 86400
	}
	for _, c := range []struct{ form, day, want string }{
		{"", "2024-02-29", "2024-02-29"}, {"iso", "1899-12-31", "1899-12-31"}, {"dd.mm.yyyy", "2024-02-29", "29.02.2024"}, {"dd-mm-yyyy", "2024-02-29", "29-02-2024"},
		{"dd/mm/yyyy", "2024-02-29", "29/02/2024"}, {"yyyymmdd", "2024-02-29", "20240229"}, {"year-month", "2024-02-01", "2024-02"}, {"year-month", "2024-02-29", "2024-02-29"},
		{"year", "2024-01-01", "2024"}, {"year", "2024-02-01", "2024-02-01"}, {"quarter", "2024-04-01", "2024Q2"}, {"quarter", "2024-05-01", "2024-05-01"},
		{"week", "2024-12-30", "2025-W01"}, {"week", "2024-12-31", "2024-12-31"},
	} {
		f := typed.Form{Dates: c.form}
		if got := string(f.AppendDate(nil, day(c.day))); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.form, c.day, got, c.want)
		}
	}
}

// TestTimestamps: an instant is of the feed's zone, a civil time of none, and
// no fraction is lost.
func TestTimestamps(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	f := typed.Form{Zone: zone}
	at := time.Date(2024, 6, 30, 22, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		v       int64
		unit    time.Duration
		instant bool
		want    string
	}{
		{at.Unix(), time.Second, true, "2024-07-01T00:30:00"},
		{at.Unix(), time.Second, false, "2024-06-30T22:30:00"},
		{at.UnixMilli() + 1, time.Millisecond, false, "2024-06-30T22:30:00.001"},
		{at.UnixMicro() - 1, time.Microsecond, true, "2024-07-01T00:29:59.999999"},
		{at.UnixNano() + 1, time.Nanosecond, true, "2024-07-01T00:30:00.000000001"},
		{-1, time.Millisecond, false, "1969-12-31T23:59:59.999"},
		{time.Date(2024, 6, 30, 22, 0, 0, 0, time.UTC).Unix(), time.Second, true, "2024-07-01"},
		{math.MaxInt64, time.Second, true, "time 9223372036854775807"},
	} {
		if got := string(f.AppendTimestamp(nil, c.v, c.unit, c.instant)); got != c.want {
			t.Errorf("%d %v: %s, want %s", c.v, c.unit, got, c.want)
		}
	}
	if got := string(typed.AppendClock(nil, 3_600_500, time.Millisecond)); got != "01:00:00.5" {
		t.Error(got)
	}
	if got := string(typed.AppendUUID(nil, binary.BigEndian.AppendUint64(make([]byte, 8), 1))); got != "00000000-0000-0000-0000-000000000001" {
		t.Error(got)
	}
}
