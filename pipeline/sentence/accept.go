package sentence

import (
	"slices"
	"strconv"
	"strings"
)

// Accepted is the language of an Accept-Language header with the highest weight
// that is spoken; Norwegian of any kind is bokmål. Empty: none of them is.
func Accepted(header string) string {
	best, most := "", 0.0
	for one := range strings.SplitSeq(header, ",") {
		code, rest, _ := strings.Cut(strings.TrimSpace(one), ";")
		weight := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			if q, err := strconv.ParseFloat(text, 64); err == nil {
				weight = q
			}
		}
		code, _, _ = strings.Cut(strings.ToLower(code), "-")
		if code == "no" || code == "nn" {
			code = "nb"
		}
		if slices.Contains(Languages(), code) && weight > most {
			best, most = code, weight
		}
	}
	return best
}
