package record

import "unicode"

// minTelling is how many digits the shortest number of a person has.
const minTelling = 9

// Telling reports whether a text has as many digits, of any script, as the
// number of a person: of what stands beside the records only such texts are
// kept until they can be looked at.
func Telling(text string) bool {
	n := 0
	for _, r := range text {
		if r >= '0' && r <= '9' || r >= 0x80 && unicode.IsNumber(r) {
			if n++; n == minTelling {
				return true
			}
		}
	}
	return false
}
