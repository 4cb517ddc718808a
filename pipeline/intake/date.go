package intake

import (
	"encoding/binary"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
)

// Dates lie in these years; another year is a slip or stands for no date.
const (
	firstYear = 1900
	lastYear  = 2199
)

func yearKnown(y int) bool { return y >= firstYear && y <= lastYear }

// dateForm is how a feed writes dates, and the zone in which a time with an
// offset becomes a date. A time without offset is already in that zone.
type dateForm struct {
	form string
	zone *time.Location
}

func (d dateForm) hint() string {
	switch d.form {
	case "iso":
		return "a date is written 2024-05-31, with or without a time after it"
	case "dd.mm.yyyy":
		return "a date is written 31.05.2024, with or without a time after it"
	case "dd-mm-yyyy":
		return "a date is written 31-05-2024, with or without a time after it"
	case "dd/mm/yyyy":
		return "a date is written 31/05/2024, with or without a time after it"
	case "yyyymmdd":
		return "a date is written 20240531"
	case "year-month":
		return "a month is written 2024-05, 2024M05 or 202405"
	case "quarter":
		return "a quarter is written 2024Q1, 2024K1, 2024-Q1, 2024 Q1, Q1 2024, kv 1 2024 or 1. kvartal 2024"
	case "week":
		return "an ISO week is written 2024-W05, 2024V05 or 2024U05"
	case "half-year":
		return "a half-year is written 2024-H1, 2024H1 or 2024 H1"
	case "tertial":
		return "a tertial is written 2024-T1, 2024T1 or 2024 T1"
	case "financial-year":
		return "a financial year, from 1 April, is written 2023-24, 2023/24, 202324 or 2324"
	default:
		return "a year is written 2024"
	}
}

// days reads a date as days since 1970-01-01. A year, half-year, tertial,
// quarter, month or week is its first day; a week is an ISO week.
func (d dateForm) days(b []byte) (int32, bool) {
	switch d.form {
	case "iso":
		if day, ok := plainISO(b); ok {
			return day, true
		}
		if len(b) < 10 || b[4] != '-' || b[7] != '-' {
			return 0, false
		}
		return d.clock(number(b[:4]), number(b[5:7]), number(b[8:10]), b[10:])
	case "dd.mm.yyyy":
		return d.dayFirst(b, '.')
	case "dd-mm-yyyy":
		return d.dayFirst(b, '-')
	case "dd/mm/yyyy":
		return d.dayFirst(b, '/')
	case "yyyymmdd":
		if len(b) != 8 {
			return 0, false
		}
		return civil(number(b[:4]), number(b[4:6]), number(b[6:]))
	case "year-month":
		switch {
		case len(b) == 6:
			return civil(number(b[:4]), number(b[4:]), 1)
		case len(b) == 7 && (b[4] == '-' || b[4]|0x20 == 'm'):
			return civil(number(b[:4]), number(b[5:]), 1)
		}
	case "year":
		if len(b) == 4 {
			return civil(number(b), 1, 1)
		}
	case "quarter":
		if q := afterYear(b); len(q) == 2 && (q[0]|0x20 == 'q' || q[0]|0x20 == 'k') && q[1] >= '1' && q[1] <= '4' {
			return civil(number(b[:4]), int(q[1]-'1')*3+1, 1)
		}
		return quarterFirst(b)
	case "week":
		if w := afterYear(b); len(w) == 3 && (w[0]|0x20 == 'w' || w[0]|0x20 == 'v' || w[0]|0x20 == 'u') {
			return isoWeek(number(b[:4]), number(w[1:]))
		}
	case "half-year":
		if h := afterYear(b); len(h) == 2 && h[0]|0x20 == 'h' && h[1] >= '1' && h[1] <= '2' {
			return civil(number(b[:4]), int(h[1]-'1')*6+1, 1)
		}
	case "tertial":
		if t := afterYear(b); len(t) == 2 && t[0]|0x20 == 't' && t[1] >= '1' && t[1] <= '3' {
			return civil(number(b[:4]), int(t[1]-'1')*4+1, 1)
		}
	case "financial-year":
		return financialYear(b)
	}
	return 0, false
}

// quarterFirst reads a quarter before its year: Q1 2024, K1-2024, kv 1 2024 or
// 1. kvartal 2024.
func quarterFirst(b []byte) (int32, bool) {
	at := len(b) - 4
	if at < 3 || !strings.ContainsRune(" -/", rune(b[at-1])) {
		return 0, false
	}
	word, digit := strings.ToLower(string(b[:at-1])), b[0]
	if last := len(word) - 1; word[last] >= '1' && word[last] <= '4' {
		digit, word = word[last], strings.TrimSuffix(word[:last], " ")
	} else {
		word = strings.TrimPrefix(strings.TrimPrefix(word[1:], "."), " ")
	}
	switch word {
	case "q", "k", "kv", "kv.", "kvt", "kvt.", "kvartal", "quarter":
		if digit >= '1' && digit <= '4' {
			return civil(number(b[at:]), int(digit-'1')*3+1, 1)
		}
	}
	return 0, false
}

// financialYear is 1 April of the first of two years that follow each other.
func financialYear(b []byte) (int32, bool) {
	first, second := -1, -1
	switch {
	case len(b) == 4:
		first, second = 2000+number(b[:2]), number(b[2:])
		if number(b[:2]) < 0 {
			return 0, false
		}
	case len(b) == 6:
		first, second = number(b[:4]), number(b[4:])
	case len(b) == 7 && (b[4] == '-' || b[4] == '/'):
		first, second = number(b[:4]), number(b[5:])
	}
	if first < 0 || second != (first+1)%100 {
		return 0, false
	}
	return civil(first, 4, 1)
}

// afterYear is what follows the year and a hyphen or space that may stand
// after it.
func afterYear(b []byte) []byte {
	if len(b) < 5 {
		return nil
	}
	if b[4] == '-' || b[4] == ' ' {
		return b[5:]
	}
	return b[4:]
}

// dayFirst reads day, month and year; day and month may have one digit.
func (d dateForm) dayFirst(b []byte, sep byte) (int32, bool) {
	i := 0
	part := func() int {
		from := i
		for i < len(b) && i < from+2 && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		n := number(b[from:i])
		if i >= len(b) || b[i] != sep {
			return -1
		}
		i++
		return n
	}
	day := part()
	if day < 0 {
		return 0, false
	}
	month := part()
	if month < 0 || len(b) < i+4 {
		return 0, false
	}
	return d.clock(number(b[i:i+4]), month, day, b[i+4:])
}

// clock reads what may follow a date: a time of day, and an offset from UTC,
// with which the date becomes that of the zone.
func (d dateForm) clock(y, m, day int, b []byte) (int32, bool) {
	days, ok := civil(y, m, day)
	if !ok || len(b) == 0 {
		return days, ok
	}
	if b[0] != 'T' && b[0] != ' ' || len(b) < 6 || b[3] != ':' {
		return 0, false
	}
	hour, minute, second := number(b[1:3]), number(b[4:6]), 0
	b = b[6:]
	if len(b) >= 3 && b[0] == ':' {
		second = number(b[1:3])
		b = b[3:]
		if len(b) > 1 && (b[0] == '.' || b[0] == ',') {
			n := 1
			for n < len(b) && b[n] >= '0' && b[n] <= '9' {
				n++
			}
			if n == 1 || n > 10 {
				return 0, false
			}
			b = b[n:]
		}
	}
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
		return 0, false
	}
	if len(b) == 0 {
		return days, true
	}
	offset := 0
	switch {
	case len(b) == 1 && b[0] == 'Z':
	case len(b) >= 3 && (b[0] == '+' || b[0] == '-'):
		h, min := number(b[1:3]), 0
		switch {
		case len(b) == 6 && b[3] == ':':
			min = number(b[4:])
		case len(b) == 5:
			min = number(b[3:])
		case len(b) != 3:
			return 0, false
		}
		if h < 0 || h > 14 || min < 0 || min > 59 {
			return 0, false
		}
		if offset = h*3600 + min*60; b[0] == '-' {
			offset = -offset
		}
	default:
		return 0, false
	}
	at := int64(days)*86400 + int64(hour*3600+minute*60+second-offset)
	return catalog.DateOf(time.Unix(at, 0).In(d.zone)).Days(), true
}

// number reads digits and nothing else; -1 where there is anything else.
func number(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// civil is a date that the calendar has, in days since 1970-01-01.
func civil(y, m, d int) (int32, bool) {
	if !yearKnown(y) || m < 1 || m > 12 || d < 1 || d > monthDays(y, m) {
		return 0, false
	}
	before := y - 1
	days := before*365 + before/4 - before/100 + before/400 - 719162
	if days += beforeMonth(m); m > 2 && leap(y) {
		days++
	}
	return int32(days + d - 1), true
}

func leap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

// beforeMonth is how many days of a year without a leap day come before a month.
func beforeMonth(m int) int {
	return int([...]uint16{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}[m-1])
}

func monthDays(y, m int) int {
	if m == 2 && leap(y) {
		return 29
	}
	return beforeMonth(m+1) - beforeMonth(m)
}

// plainISO reads 2024-05-31, the commonest form of all, at once: eight bytes are
// held against 0000-00- and must be digits there, and nothing, above it.
func plainISO(b []byte) (int32, bool) {
	const zeros, limits, tops = 0x2d30302d30303030, 0x7f76767f76767676, 0x8080808080808080
	if len(b) != 10 {
		return 0, false
	}
	x := binary.LittleEndian.Uint64(b) ^ zeros
	tens, ones := b[8]-'0', b[9]-'0'
	if (x|(x+limits))&tops != 0 || tens > 9 || ones > 9 {
		return 0, false
	}
	at := func(i int) int { return int(x >> (8 * i) & 0xff) }
	return civil(1000*at(0)+100*at(1)+10*at(2)+at(3), 10*at(5)+at(6), 10*int(tens)+int(ones))
}

// isoWeek is the Monday of the week. Week 1 holds January 4; a year has week
// 53 if the week after 52 still holds a Thursday of it.
func isoWeek(y, w int) (int32, bool) {
	if w < 1 || w > 53 {
		return 0, false
	}
	fourth, ok := civil(y, 1, 4)
	if !ok {
		return 0, false
	}
	monday := fourth - weekday(fourth) + int32(w-1)*7
	if w == 53 && catalog.DateOfDays(monday+3).Time().Year() != y {
		return 0, false
	}
	return monday, true
}

// weekday counts from Monday, 0. The epoch was a Thursday.
func weekday(days int32) int32 { return ((days+3)%7 + 7) % 7 }
