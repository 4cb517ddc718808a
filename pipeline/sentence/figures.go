package sentence

import (
	"strconv"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/figure"
)

// Number is a number as it is kept, with the decimal sign and the groups of the
// language. A very small one is written with a power of ten.
func Number(text, lang string) string {
	decimal, group := ",", "\u00a0"
	switch lang {
	case "en":
		decimal, group = ".", ","
	case "da":
		group = "."
	}
	mantissa, exponent, has := strings.Cut(text, "e")
	sign := ""
	switch {
	case strings.HasPrefix(mantissa, "-"):
		sign, mantissa = "\u2212", mantissa[1:]
	case strings.HasPrefix(mantissa, "+"):
		sign, mantissa = "+", mantissa[1:]
	}
	whole, part, fraction := strings.Cut(mantissa, ".")
	out := sign + figure.Grouped(whole, group)
	if fraction {
		out += decimal + part
	}
	if n, err := strconv.Atoi(exponent); has && err == nil {
		out += "\u00a0·\u00a010" + raised(n)
	}
	return out
}

// raised is an exponent.
func raised(n int) string {
	return strings.NewReplacer("-", "⁻", "0", "⁰", "1", "¹", "2", "²", "3", "³", "4", "⁴", "5", "⁵", "6", "⁶", "7", "⁷", "8", "⁸", "9", "⁹").Replace(strconv.Itoa(n))
}

// Date is a date in words.
func Date(d catalog.Date, lang string) string {
	y, m, day := d.Time().Date()
	dot := "."
	var months string
	switch lang {
	case "sv":
		dot, months = "", "januari februari mars april maj juni juli augusti september oktober november december"
	case "nb":
		months = "januar februar mars april mai juni juli august september oktober november desember"
	case "da":
		months = "januar februar marts april maj juni juli august september oktober november december"
	default:
		dot, months = "", "January February March April May June July August September October November December"
	}
	return strconv.Itoa(day) + dot + " " + strings.Fields(months)[m-1] + " " + strconv.Itoa(y)
}

// nights says how long was looked at.
func nights(text, lang string) string {
	n := strings.TrimSuffix(strings.TrimPrefix(text, "in "), " nights")
	tonight := n == "tonight"
	switch {
	case lang == "sv" && tonight, lang == "nb" && tonight:
		return "i natt"
	case lang == "da" && tonight:
		return "i nat"
	case lang == "sv":
		return "på " + n + " nätter"
	case lang == "nb":
		return "på " + n + " netter"
	case lang == "da":
		return "på " + n + " nætter"
	}
	return text
}

// content says what a cell holds.
func content(text, lang string) string {
	of := map[string][4]string{ // nothing, of, in, rows
		"sv": {"ingenting", "av", "i", "rader"}, "nb": {"ingenting", "av", "i", "rader"},
		"da": {"intet", "af", "i", "rækker"}, "en": {"nothing", "of", "in", "rows"},
	}[lang]
	if text == "nothing" {
		return of[0]
	}
	words := strings.Fields(text)
	for i, w := range words {
		switch w {
		case "of":
			words[i] = of[1]
		case "in":
			words[i] = of[2]
		case "rows":
			words[i] = of[3]
			if words[i-1] == "1" {
				words[i] = map[string]string{"sv": "rad", "nb": "rad", "da": "række", "en": "row"}[lang]
			}
		default:
			words[i] = Number(w, lang)
		}
	}
	return strings.Join(words, " ")
}
