package typed

import (
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Kind is what the values of a column are.
type Kind uint8

// The kinds of columns. A column of a kind that is none of these is one of texts.
const (
	Text Kind = iota
	Bool
	Int
	Uint
	Float
	Decimal
	Date
	Clock
	Timestamp
)

// MaxPrecision is how many digits a decimal may have to be written as one.
const MaxPrecision = 76

// Column is the type of a column, so that another file can have it again. The
// zero value is a column of texts.
type Column struct {
	Kind Kind
	// Bits are those of a whole number (8 to 64) or of a Float (32 or 64).
	Bits int
	// Precision and Scale are those of a decimal.
	Precision, Scale int
	// Unit is that of a Clock or Timestamp; Instant says of a Timestamp that it is
	// one of UTC and not civil.
	Unit    time.Duration
	Instant bool
}

// Value is a value of a column that is none of texts: in Float that of a Float,
// in Big that of a Decimal without its point, else in Int (bits of a Uint, days
// of a Date, units of a Clock or Timestamp, 1 and 0 of a Bool).
type Value struct {
	Int   int64
	Float float64
	Big   *big.Int
}

// Parse is the value that a Form writes as the text. It is not ok where the
// column has none: nothing is rounded, and what it gives is written as the same
// text again.
func (c *Column) Parse(text string, f *Form) (v Value, ok bool) {
	if text == "" {
		return v, false
	}
	var err error
	switch c.Kind {
	case Bool:
		v.Int = int64(strings.IndexByte("01", text[0]))
	case Int:
		v.Int, err = strconv.ParseInt(text, 10, c.Bits)
	case Uint:
		var u uint64
		u, err = strconv.ParseUint(text, 10, c.Bits)
		v.Int = int64(u)
	case Float:
		v.Float, err = strconv.ParseFloat(f.pointed(text), c.Bits)
	case Decimal:
		digits := strings.Replace(f.pointed(text), ".", "", 1)
		if v.Big, ok = new(big.Int).SetString(digits, 10); !ok || len(new(big.Int).Abs(v.Big).String()) > min(c.Precision, MaxPrecision) {
			return v, false
		}
	case Clock:
		at, bad := time.Parse("15:04:05.999999999", text)
		v.Int, err = int64(at.Sub(at.Truncate(24*time.Hour))/max(c.Unit, 1)), bad
	case Date, Timestamp:
		at, civil := f.time(text, c.Kind == Timestamp && c.Instant)
		if !civil {
			return v, false
		}
		if v.Int = at.Unix(); c.Kind == Date {
			v.Int = floor(v.Int, 86400)
		} else {
			v.Int = v.Int*int64(time.Second/c.Unit) + int64(at.Nanosecond())/int64(c.Unit)
		}
	default:
		return v, false
	}
	return v, err == nil && string(c.append(nil, &v, f)) == text
}

// append writes the value as a reader of the column does.
func (c *Column) append(b []byte, v *Value, f *Form) []byte {
	switch c.Kind {
	case Bool:
		return strconv.AppendInt(b, v.Int, 10)
	case Int:
		return f.AppendDecimal(b, v.Int, 0)
	case Uint:
		return strconv.AppendUint(b, uint64(v.Int), 10)
	case Float:
		return f.AppendFloat(b, v.Float, c.Bits)
	case Decimal:
		return f.scaled(b, v.Big.Sign() < 0, new(big.Int).Abs(v.Big).Append(nil, 10), c.Scale)
	case Date:
		return f.AppendDate(b, v.Int)
	case Clock:
		return AppendClock(b, v.Int, c.Unit)
	default:
		return f.AppendTimestamp(b, v.Int, c.Unit, c.Instant)
	}
}

// pointed is a number with a point.
func (f *Form) pointed(text string) string {
	if f.Decimal == 0 || f.Decimal == '.' {
		return text
	}
	if strings.IndexByte(text, '.') >= 0 {
		return "" // which is no number
	}
	return strings.Replace(text, string(f.Decimal), ".", 1)
}

// time reads what appendTime has written.
func (f *Form) time(text string, instant bool) (at time.Time, ok bool) {
	zone := time.UTC
	if instant && f.Zone != nil {
		zone = f.Zone
	}
	for _, layout := range []string{time.DateOnly, "02.01.2006", "02-01-2006", "02/01/2006", "20060102", "2006-01", "2006"} {
		for _, clock := range []string{"", "T15:04:05.999999999", " 15:04:05.999999999"} {
			if at, err := time.ParseInLocation(layout+clock, text, zone); err == nil {
				return at, true
			}
		}
	}
	if len(text) < 6 {
		return at, false
	}
	year, err := strconv.Atoi(text[:4])
	if err != nil {
		return at, false
	}
	if week, isWeek := strings.CutPrefix(text[4:], "-W"); isWeek {
		n, err := strconv.Atoi(week)
		first := time.Date(year, 1, 4, 0, 0, 0, 0, zone) // of the first week
		return first.AddDate(0, 0, -(int(first.Weekday())+6)%7+7*(n-1)), err == nil
	}
	quarter, isQuarter := strings.CutPrefix(text[4:], "Q")
	n, err := strconv.Atoi(quarter)
	return time.Date(year, time.Month(3*n-2), 1, 0, 0, 0, 0, zone), isQuarter && err == nil
}

// floor is a/b rounded down.
func floor(a, b int64) int64 {
	if a%b < 0 {
		return a/b - 1
	}
	return a / b
}
