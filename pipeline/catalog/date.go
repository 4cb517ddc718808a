package catalog

import (
	"fmt"
	"time"
)

// NewDate returns the civil date y-m-d.
func NewDate(y int, m time.Month, d int) Date {
	return Date{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// ParseDate reads an ISO date, 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date of the form 2006-01-02", s)
	}
	return Date{t}, nil
}

// DateOf is the civil date of t in its own location.
func DateOf(t time.Time) Date { return NewDate(t.Date()) }

// DateOfDays is the date that many days after 1970-01-01 (the Arrow and
// ClickHouse Date32 number).
func DateOfDays(days int32) Date { return Date{time.Unix(int64(days)*86400, 0).UTC()} }

// Days is the number of days since 1970-01-01; 0 for the zero Date.
func (d Date) Days() int32 {
	if d.t.IsZero() {
		return 0
	}
	s := d.t.Unix()
	if s < 0 {
		return int32((s - 86399) / 86400)
	}
	return int32(s / 86400)
}

// IsZero reports whether no date was given.
func (d Date) IsZero() bool { return d.t.IsZero() }

// Time is midnight UTC of the date.
func (d Date) Time() time.Time { return d.t }

// Before reports whether d is before e.
func (d Date) Before(e Date) bool { return d.t.Before(e.t) }

// Compare orders dates as time.Time.Compare does.
func (d Date) Compare(e Date) int { return d.t.Compare(e.t) }

// AddDays is the date n days later.
func (d Date) AddDays(n int) Date { return Date{d.t.AddDate(0, 0, n)} }

// AddMonths is the first of the month n months after d's month.
func (d Date) AddMonths(n int) Date {
	y, m, _ := d.t.Date()
	return NewDate(y, m+time.Month(n), 1)
}

// String is the ISO form, empty for the zero Date.
func (d Date) String() string {
	if d.t.IsZero() {
		return ""
	}
	return d.t.Format("2006-01-02")
}

// MarshalText writes the ISO form.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the ISO form; empty text is the zero Date.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	p, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = p
	return nil
}

// Within reports whether d lies in the half-open interval from..to, where a
// zero bound is open.
func (d Date) Within(from, to Date) bool {
	return (from.IsZero() || !d.Before(from)) && (to.IsZero() || d.Before(to))
}

// PeriodStart is the first day of the period of granularity g that holds d.
// Weeks are ISO weeks: they begin on Monday.
func (g Granularity) PeriodStart(d Date) Date {
	y, m, _ := d.t.Date()
	switch g {
	case Week:
		back := (int(d.t.Weekday()) + 6) % 7
		return d.AddDays(-back)
	case Month:
		return NewDate(y, m, 1)
	case Quarter:
		return NewDate(y, (m-1)/3*3+1, 1)
	case Tertial:
		return NewDate(y, (m-1)/4*4+1, 1)
	case HalfYear:
		return NewDate(y, (m-1)/6*6+1, 1)
	case Year:
		return NewDate(y, 1, 1)
	default:
		return d
	}
}

// PeriodEnd is the first day after the period that begins at start.
func (g Granularity) PeriodEnd(start Date) Date {
	switch g {
	case Week:
		return start.AddDays(7)
	case Month:
		return start.AddMonths(1)
	case Quarter:
		return start.AddMonths(3)
	case Tertial:
		return start.AddMonths(4)
	case HalfYear:
		return start.AddMonths(6)
	case Year:
		return start.AddMonths(12)
	default:
		return start.AddDays(1)
	}
}

// Equal reports whether d and e are the same date.
func (d Date) Equal(e Date) bool { return d.t.Equal(e.t) }
