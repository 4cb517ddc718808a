package typed

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
)

// Form is how a feed writes values. The zero value writes a point, ISO dates
// and times of UTC.
type Form struct {
	// Decimal is how the point of a number is written; 0: as a point.
	Decimal byte
	// Dates is how a date is written, as in catalog.Dialect; empty: iso.
	Dates string
	// Zone is the zone in which an instant becomes a date; nil: UTC.
	Zone *time.Location
}

// AppendBool writes 1 or 0.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, '1')
	}
	return append(b, '0')
}

// AppendFloat writes the shortest text that gives the same number of that
// many bits, without an exponent. NaN and Inf are written so, which is no
// number of any feed.
func (f *Form) AppendFloat(b []byte, v float64, bits int) []byte {
	from := len(b)
	return f.point(strconv.AppendFloat(b, v, 'f', -1, bits), from)
}

// point puts the feed's decimal sign in the place of the point.
func (f *Form) point(b []byte, from int) []byte {
	if f.Decimal == 0 || f.Decimal == '.' {
		return b
	}
	if i := slices.Index(b[from:], '.'); i >= 0 {
		b[from+i] = f.Decimal
	}
	return b
}

// AppendHalf writes a half-precision number.
func (f *Form) AppendHalf(b []byte, bits uint16) []byte {
	exp, frac := int(bits>>10&0x1f), float64(bits&0x3ff)
	var v float64
	switch exp {
	case 0:
		v = math.Ldexp(frac, -24)
	case 0x1f:
		if v = math.Inf(1); frac != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(1024+frac, exp-25)
	}
	if bits>>15 != 0 {
		v = -v
	}
	return f.AppendFloat(b, v, 64) // every half is exact in a double
}

// maxScale bounds the zeros that one number can be written with.
const maxScale = 400

// AppendDecimal writes v times 10 to the power of minus scale, with all
// digits of the scale.
func (f *Form) AppendDecimal(b []byte, v int64, scale int) []byte {
	var digits [20]byte
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	return f.scaled(b, v < 0, strconv.AppendUint(digits[:0], u, 10), scale)
}

// AppendBigDecimal writes a decimal of any width, in two's complement, most
// significant byte first.
func (f *Form) AppendBigDecimal(b, v []byte, scale int) []byte {
	if len(v) == 0 {
		return f.scaled(b, false, []byte{'0'}, scale)
	}
	sign := byte(0)
	if v[0]&0x80 != 0 {
		sign = 0xff
	}
	for len(v) > 8 && v[0] == sign && v[1]&0x80 == sign&0x80 {
		v = v[1:]
	}
	if len(v) <= 8 {
		var w [8]byte
		for i := range w {
			w[i] = sign
		}
		copy(w[8-len(v):], v)
		return f.AppendDecimal(b, int64(binary.BigEndian.Uint64(w[:])), scale)
	}
	n := new(big.Int).SetBytes(v)
	if sign != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
	}
	return f.scaled(b, n.Sign() < 0, n.Abs(n).Append(nil, 10), scale)
}

// scaled puts the point among the digits of a whole number.
func (f *Form) scaled(b []byte, negative bool, digits []byte, scale int) []byte {
	if negative {
		b = append(b, '-')
	}
	if scale <= 0 {
		b = append(b, digits...)
		if len(digits) == 1 && digits[0] == '0' {
			return b
		}
		for range min(-scale, maxScale) {
			b = append(b, '0')
		}
		return b
	}
	whole := len(digits) - scale
	if whole <= 0 {
		b = append(b, '0')
	} else {
		b = append(b, digits[:whole]...)
	}
	b = append(b, '.')
	from := len(b) - 1
	for range min(-whole, maxScale) {
		b = append(b, '0')
	}
	b = append(b, digits[max(whole, 0):]...)
	return f.point(b, from)
}

// ScaleOK reports whether a scale is one that numbers are written with.
func ScaleOK(scale int) bool { return scale >= -maxScale && scale <= maxScale }

// AppendDate writes the date of a day since 1970-01-01.
func (f *Form) AppendDate(b []byte, days int64) []byte {
	if days > 1<<40 || days < -1<<40 {
		return strconv.AppendInt(append(b, "day "...), days, 10) // of no calendar
	}
	return f.appendTime(b, time.Unix(days*86400, 0).UTC())
}

// AppendTimestamp writes a time of so many units since 1970. One that is an
// instant becomes that of the feed's zone; another is already civil.
func (f *Form) AppendTimestamp(b []byte, v int64, unit time.Duration, instant bool) []byte {
	perSecond := int64(time.Second / unit)
	sec, rest := v/perSecond, v%perSecond
	if rest < 0 {
		sec, rest = sec-1, rest+perSecond
	}
	if sec > 1<<46 || sec < -1<<46 {
		return strconv.AppendInt(append(b, "time "...), v, 10) // of no calendar
	}
	at := time.Unix(sec, rest*int64(unit)).UTC()
	if instant && f.Zone != nil {
		at = at.In(f.Zone)
	}
	return f.appendTime(b, at)
}

// AppendClock writes a time of day.
func AppendClock(b []byte, v int64, unit time.Duration) []byte {
	if v < 0 || v >= int64(24*time.Hour/unit) {
		return strconv.AppendInt(append(b, "clock "...), v, 10) // of no day
	}
	at := time.Unix(0, v*int64(unit)).UTC()
	return at.AppendFormat(b, "15:04:05.999999999")
}

// appendTime writes a civil time in the feed's form where the form tells it
// whole, and else as ISO, which is then no date of the form.
func (f *Form) appendTime(b []byte, at time.Time) []byte {
	h, m, s := at.Clock()
	midnight := h == 0 && m == 0 && s == 0 && at.Nanosecond() == 0
	first := midnight && at.Day() == 1
	layout := "2006-01-02"
	switch f.Dates {
	case "dd.mm.yyyy":
		layout = "02.01.2006"
	case "dd-mm-yyyy":
		layout = "02-01-2006"
	case "dd/mm/yyyy":
		layout = "02/01/2006"
	case "yyyymmdd":
		if midnight {
			layout = "20060102"
		}
	case "year-month":
		if first {
			layout = "2006-01"
		}
	case "year":
		if first && at.Month() == time.January {
			layout = "2006"
		}
	case "quarter":
		if first && at.Month()%3 == 1 {
			return fmt.Appendf(b, "%04dQ%d", at.Year(), (at.Month()+2)/3)
		}
	case "week":
		if midnight && at.Weekday() == time.Monday {
			year, week := at.ISOWeek()
			return fmt.Appendf(b, "%04d-W%02d", year, week)
		}
	}
	switch {
	case midnight:
	case layout == "2006-01-02":
		layout += "T15:04:05.999999999"
	default:
		layout += " 15:04:05.999999999"
	}
	return at.AppendFormat(b, layout)
}

// AppendUUID writes sixteen bytes as a UUID.
func AppendUUID(b, v []byte) []byte {
	return fmt.Appendf(b, "%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:16])
}
