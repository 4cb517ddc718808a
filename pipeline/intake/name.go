package intake

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake/identity"
)

// maxName is the most bytes that a file name has on any system.
const maxName = 255

// CheckName refuses the name of a file that is none without its folder, that
// does not show what it is, or in which a personal identity number stands: the
// name goes into receipts, logs and the LEDGER. It gives the name as it may be
// shown, and nil for one that may be taken.
func CheckName(name string, today catalog.Date) (shown string, bad *event.Problem) {
	problem := func(rule, text, hint string) (string, *event.Problem) {
		return outline(strings.Map(visible, name)), &event.Problem{Rule: rule, Text: text, Hint: hint}
	}
	const plain = "name the file by letters, digits, dots, hyphens and underscores"
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`):
		return problem(RuleBytes, "the name is not that of a file without its folder", plain)
	case len(name) > maxName:
		return problem(RuleBytes, fmt.Sprintf("the name of the file has more than %d bytes", maxName), plain)
	case !utf8.ValidString(name) || strings.Map(visible, name) != name:
		return problem(RuleBytes, "the name of the file has characters that do not show", plain)
	case nameHoldsIdentity(name, today):
		return problem(RuleIdentity, "the name of the file holds what looks like a personal identity number", "name the file by what it delivers and when, never by whom")
	}
	return name, nil
}

// visible is "?" for characters that change how a name looks, or what it does.
func visible(r rune) rune {
	if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
		return '?'
	}
	return r
}

// CheckManifest refuses a manifest in which a personal identity number stands:
// it is kept as it came. What the feed reads of it is not looked at.
func CheckManifest(feed *catalog.Feed, text []byte, today catalog.Date) error {
	var all map[string]any
	if err := json.Unmarshal([]byte(strings.TrimPrefix(string(text), "\ufeff")), &all); err != nil {
		return nil //nolint:nilerr // ParseManifest says what is wrong with it
	}
	read := map[string]bool{"sha256": true, "rows": true}
	for _, e := range []struct {
		of   catalog.Extract
		name string
	}{{feed.Order, "order"}, {feed.AsOf, "as_of"}} {
		if e.of.By == "manifest" {
			if e.of.Field != "" {
				e.name = e.of.Field
			}
			read[e.name] = true
		}
	}
	var holds func(v any) bool
	holds = func(v any) bool {
		switch v := v.(type) {
		case string:
			return holdsIdentity(v, today)
		case float64:
			return holdsIdentity(fmt.Sprintf("%.0f", v), today)
		case []any:
			for _, x := range v {
				if holds(x) {
					return true
				}
			}
		case map[string]any:
			for k, x := range v {
				if holdsIdentity(k, today) || holds(x) {
					return true
				}
			}
		}
		return false
	}
	for k, v := range all {
		if !read[k] && (holdsIdentity(k, today) || holds(v)) {
			return fileError(event.Problem{Rule: RuleIdentity, Text: "the manifest holds what looks like a personal identity number",
				Hint: `leave it out; of the manifest "sha256" and "rows" are needed, and what the feed reads`})
		}
	}
	return nil
}

// A number that begins with a date of the last years is a time stamp: names
// are full of them, and few of those who are in registries are so young.
const stampYears = 3

// nameHoldsIdentity reports whether an identity number stands in the name of a
// file, also one that touches letters or a number behind a dot: in a name there
// is nothing that it would be worth to leave there.
func nameHoldsIdentity(name string, today catalog.Date) bool {
	apart := strings.ReplaceAll(name, ".", "_")
	b := []byte(apart)
	digit := func(i int) bool { return i >= 0 && i < len(b) && b[i] >= '0' && b[i] <= '9' }
	for i, c := range apart {
		if c|0x20 == 't' && digit(i-1) && digit(i+1) {
			continue // a date and a time
		}
		if c < 0x80 && asciiLetter(byte(c)) {
			b[i] = '_'
		}
	}
	if holdsIdentity(name, today) || holdsIdentity(apart, today) || holdsIdentity(string(b), today) {
		return true
	}
	for i := range apart { // a number with letters, which are no others
		end := i + len("ddmmyy-dddx")
		if end <= len(apart) && digit(i) && !digit(i-1) && !digit(i+6) && asciiLetter(apart[end-1]) && holdsIdentity(apart[i:end], today) {
			return true
		}
	}
	return false
}

// holdsIdentity reports whether a text that is no field holds an identity
// number. There is no column to judge by, so what chance makes of time stamps
// and of serial numbers is left out.
func holdsIdentity(text string, today catalog.Date) bool {
	s, err := identity.NewScanner(identity.Defaults(), 0)
	if err != nil {
		return false // the defaults are valid
	}
	for rest := []byte(text); ; {
		hit := s.Scan(rest)
		if !hit.Found() {
			return false
		}
		number := string(rest[hit.Start:hit.End])
		if !isStamp(number, today) && (hit.Kind != identity.CPR || len(number) > 10 || keepsModulus(number)) {
			return true
		}
		rest = rest[hit.End:]
	}
}

// isStamp reports whether a number begins with a date of the last years.
func isStamp(number string, today catalog.Date) bool {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	from, to := today.Time().AddDate(-stampYears, 0, 0), today.Time().AddDate(1, 0, 0)
	for _, layout := range []string{"20060102", "060102"} {
		if len(digits) >= len(layout) {
			if t, err := time.Parse(layout, digits[:len(layout)]); err == nil && t.After(from) && t.Before(to) {
				return true
			}
		}
	}
	return false
}

// keepsModulus holds ten digits against the modulus of Danish numbers, which
// most still keep.
func keepsModulus(number string) bool {
	sum := 0
	for i, weight := range []int{4, 3, 2, 7, 6, 5, 4, 3, 2, 1} {
		sum += int(number[i]-'0') * weight
	}
	return sum%11 == 0
}
