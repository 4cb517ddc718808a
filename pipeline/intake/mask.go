package intake

import (
	"strings"

	"larstrom/pipeline/intake/identity"
)

// What a value may show of itself in a reject, a problem or a receipt.
//
// A personal identity number can stand in any column, and so can a name: a
// shifted row is enough. So a value is shown as its shape (letters as x,
// digits as d, at most maxShape characters), except where its form excludes a
// person:
//
//   - the field of a number: digits, signs, an exponent and spaces with fewer than
//     maxDigits digits, or a usual text for "no value";
//   - the field of a date: the same, or two hyphens, dots or slashes between
//     four, two and two digits;
//   - the field of a code (unit, indicator, version): at most maxCode ASCII
//     letters, digits, dots, hyphens and underscores, with at least one digit
//     (or it might be a name) and fewer than maxDigits.
//
// Nordic identity numbers have ten digits or more (HETU nine), so a value with
// fewer than six digits holds none.
type field uint8

const (
	textField field = iota
	codeField
	numberField
	dateField
)

const (
	maxShape  = identity.MaxMask
	maxDigits = 6
	maxCode   = 12
)

// mask is the value as it may be shown.
func mask(value []byte, f field) string {
	if f != textField && safe(value, f) {
		return string(value)
	}
	return shape(value)
}

func safe(value []byte, f field) bool {
	if len(value) == 0 || len(value) > maxShape {
		return false
	}
	digits, others := 0, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case f == codeField && (asciiLetter(c) || c == '.' || c == '-' || c == '_'):
		case f != codeField && strings.IndexByte("+-., %/:", c) >= 0:
		case f == numberField && c|0x20 == 'e' && i > 0 && value[i-1]-'0' <= 9: // of an exponent
		default:
			others = true
		}
	}
	switch f {
	case codeField:
		return !others && digits > 0 && digits < maxDigits && len(value) <= maxCode
	case dateField:
		if !others && dateShape(value) {
			return true
		}
	}
	return !others && digits < maxDigits || f == numberField && nothing(value)
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// dateShape is 9999-99-99 or 99-99-9999 with one of three separators: no
// identity number is written so.
func dateShape(value []byte) bool {
	s := shape(value)
	if s == "dddd-dd" { // a month
		return true
	}
	for _, sep := range []string{"-", ".", "/"} {
		if s == "dddd"+sep+"dd"+sep+"dd" || s == "dd"+sep+"dd"+sep+"dddd" {
			return true
		}
	}
	return false
}

// nothing is a usual text for "no value", which a feed may have forgotten.
func nothing(value []byte) bool {
	switch strings.ToLower(string(value)) {
	case "na", "n/a", "nan", "null", "none", "nil", "inf", "-inf", "+inf", "infinity", "-infinity",
		"true", "false", "msk", "ni", "inv", "unk", "missing",
		"#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#formula": // of a workbook
		return true
	}
	return false
}

// shape keeps of a text only which characters are letters, digits and spaces.
func shape(value []byte) string { return identity.Mask(value) }
