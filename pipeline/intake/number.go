package intake

import (
	"bytes"
	"math"

	"larstrom/pipeline/cell"
)

// numberForm is how a feed writes numbers.
type numberForm struct {
	decimal   byte
	thousands string // in UTF-8; empty: none
}

type numberFault uint8

const (
	numberOK numberFault = iota
	numberBroken
	numberTooLarge
	valueTooLarge
	numberRounded
)

func (f numberFault) texts(form numberForm) (text, hint string) {
	switch f {
	case numberTooLarge:
		return "the number is beyond what is counted here", "numbers are below 9.2 million million"
	case valueTooLarge:
		return "the value is beyond what is measured here", "values lie within a thousand million either way: their squares are added up exactly"
	case numberRounded:
		return "a number with an exponent that may have been rounded", "a spreadsheet writes what its cell shows, as 1,23E+05 for 123456: give the column a format that shows all digits"
	}
	return "not a number in the declared form",
		"digits with the decimal sign " + string(form.decimal) + form.groupsHint() +
			"; no unit; a text that means \"no value\" belongs under dialect.missing of the feed"
}

func (n numberForm) groupsHint() string {
	switch n.thousands {
	case "":
		return " and no sign between thousands"
	case " ":
		return " and a space between thousands, or none"
	case "\u00a0":
		return " and a no-break space between thousands, or none"
	case "\u202f":
		return " and a narrow no-break space between thousands, or none"
	default:
		return " and " + n.thousands + " between thousands, or none"
	}
}

// micro reads a number exactly, as a multiple of 1e-6: plain digits, or digits
// with an exponent, as programs write a large round number.
func (n numberForm) micro(b []byte) (int64, numberFault) {
	v, bad := n.plain(b)
	if bad == numberBroken {
		return n.scientific(b)
	}
	return v, bad
}

// maxMantissa is how many digits before an exponent are read: as many as a
// double has for certain.
const maxMantissa = 15

// scientific reads digits with an exponent where that moves the point and rounds
// nothing. A capital E before a plus is how spreadsheets write, and they round to
// what a cell shows: 1,23E+05 may be 123456.
func (n numberForm) scientific(b []byte) (int64, numberFault) {
	at := bytes.IndexAny(b, "eE")
	if at < 1 {
		return 0, numberBroken
	}
	mantissa, exponent := b[:at], b[at+1:]
	up := true
	spreadsheet := b[at] == 'E' && len(exponent) > 0 && exponent[0] == '+'
	if len(exponent) > 0 && (exponent[0] == '+' || exponent[0] == '-') {
		up = exponent[0] == '+'
		exponent = exponent[1:]
	}
	if len(exponent) < 1 || len(exponent) > 3 {
		return 0, numberBroken
	}
	power := 0
	for _, c := range exponent {
		if c < '0' || c > '9' {
			return 0, numberBroken
		}
		power = 10*power + int(c-'0')
	}
	if !up {
		power = -power
	}
	negative := mantissa[0] == '-'
	if negative || mantissa[0] == '+' {
		mantissa = mantissa[1:]
	}
	units, digits, decimals, point := int64(0), 0, 0, false
	for i, c := range mantissa {
		switch {
		case c == n.decimal && !point && i > 0 && i+1 < len(mantissa):
			point = true
		case c < '0' || c > '9' || digits == maxMantissa:
			return 0, numberBroken
		default:
			units, digits = 10*units+int64(c-'0'), digits+1
			if point {
				decimals++
			}
		}
	}
	if digits == 0 {
		return 0, numberBroken
	}
	if spreadsheet {
		return 0, numberRounded
	}
	for power += 6 - decimals; power < 0 && units%10 == 0 && units != 0; power++ {
		units /= 10
	}
	for ; power > 0 && units != 0; power-- {
		if units > math.MaxInt64/10 {
			return 0, numberTooLarge
		}
		units *= 10
	}
	if power < 0 && units != 0 {
		return 0, numberRounded // finer than what is counted
	}
	if negative {
		units = -units
	}
	return units, numberOK
}

// plain reads a number without an exponent, and rounds what is finer half to
// even. It takes a sign (+, - or the minus of Nordic locales, U+2212), digits,
// groups of three where the form has them, and decimals. It takes nothing that it
// would have to interpret: no letters, no group of another length, no decimal
// sign without a digit after it.
func (n numberForm) plain(b []byte) (int64, numberFault) {
	if len(b) == 1 && b[0]-'0' <= 9 { // most that are read: who met a goal
		return int64(b[0]-'0') * cell.Micro, numberOK
	}
	negative := false
	switch {
	case len(b) > 0 && (b[0] == '-' || b[0] == '+'):
		negative = b[0] == '-'
		b = b[1:]
	case len(b) > 2 && b[0] == 0xe2 && b[1] == 0x88 && b[2] == 0x92:
		negative = true
		b = b[3:]
	}
	const most = math.MaxInt64/cell.Micro + 1
	var units uint64
	digits, group := 0, -1 // group: digits since the last separator; -1: none yet
	i := 0
	for i < len(b) {
		c := b[i]
		if d := c - '0'; d <= 9 {
			if units = units*10 + uint64(d); units > most {
				units = most // stays there, too large; the form is still checked to its end
			}
			digits++
			if group >= 0 {
				group++
			}
			i++
			continue
		}
		if c == n.decimal {
			break
		}
		if t := n.thousands; t == "" || len(b)-i < len(t) || string(b[i:i+len(t)]) != t ||
			digits == 0 || group < 0 && digits > 3 || group >= 0 && group != 3 {
			return 0, numberBroken
		}
		group = 0
		i += len(n.thousands)
	}
	if group >= 0 && group != 3 {
		return 0, numberBroken
	}
	var micro uint64
	if i < len(b) {
		i++ // the decimal sign
		if i == len(b) {
			return 0, numberBroken
		}
		scale := uint64(cell.Micro)
		next, rest := byte(0), false
		for j := i; j < len(b); j++ {
			d := b[j] - '0'
			if d > 9 {
				return 0, numberBroken
			}
			digits++
			switch {
			case j-i < 6:
				scale /= 10
				micro += uint64(d) * scale
			case j-i == 6:
				next = d
			default:
				rest = rest || d != 0
			}
		}
		if next > 5 || next == 5 && (rest || micro%2 == 1) {
			micro++
		}
	}
	if digits == 0 {
		return 0, numberBroken
	}
	total := units*cell.Micro + micro
	if total > math.MaxInt64 {
		return 0, numberTooLarge
	}
	if negative {
		return -int64(total), numberOK
	}
	return int64(total), numberOK
}

// finer reports whether a number that micro reads has decimals that it rounds.
func (n numberForm) finer(b []byte) bool {
	return len(b) > 1+micros && n.beyond(b)
}

// micros is how many decimals are counted.
const micros = 6

func (n numberForm) beyond(b []byte) bool {
	at := bytes.IndexByte(b, n.decimal)
	return at >= 0 && len(b)-at > 1+micros && bytes.ContainsAny(b[at+1+micros:], "123456789") && !bytes.ContainsAny(b, "eE")
}
