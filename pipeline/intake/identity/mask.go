package identity

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// MaxMask is the number of characters that a mask shows.
const MaxMask = 24

// Mask shows of a value only its form: digits as d, letters as x, spaces and
// the other signs of ASCII as they are, anything else as "?", at most MaxMask
// characters and then "...". It is the form in which intake masks text, and
// the language of declared opaque identifiers (NewColumn).
func Mask(value []byte) string {
	var room [4 * MaxMask]byte
	return string(appendMask(room[:0], value))
}

func appendMask(out, value []byte) []byte {
	for n := 0; len(value) > 0; n++ {
		if n == MaxMask {
			return append(out, "..."...)
		}
		r, size := utf8.DecodeRune(value)
		value = value[size:]
		switch {
		case unicode.IsDigit(r) || unicode.IsNumber(r):
			out = append(out, 'd')
		case unicode.IsLetter(r) || unicode.IsMark(r):
			out = append(out, 'x')
		case r > ' ' && r < 0x7f:
			out = append(out, byte(r))
		case unicode.IsSpace(r):
			out = append(out, ' ')
		default:
			out = append(out, '?')
		}
	}
	return out
}

// masked reports whether the mask of a value is that text.
func masked(value []byte, as string) bool {
	var room [4 * MaxMask]byte
	return string(appendMask(room[:0], bytes.TrimSpace(value))) == as
}
