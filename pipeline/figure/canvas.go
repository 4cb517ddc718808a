package figure

import (
	"bytes"
	"encoding/xml"
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// canvas writes well-formed elements. Attributes are pairs of name and value;
// whatever a caller's text holds is escaped, characters that XML forbids are
// replaced.
type canvas struct{ buf bytes.Buffer }

func (c *canvas) start(name string, attrs []string) {
	c.buf.WriteByte('<')
	c.buf.WriteString(name)
	for i := 0; i+1 < len(attrs); i += 2 {
		c.buf.WriteByte(' ')
		c.buf.WriteString(attrs[i])
		c.buf.WriteString(`="`)
		c.text(attrs[i+1])
		c.buf.WriteByte('"')
	}
}

func (c *canvas) begin(name string, attrs ...string) {
	c.start(name, attrs)
	c.buf.WriteString(">\n")
}

func (c *canvas) end(name string) {
	c.buf.WriteString("</")
	c.buf.WriteString(name)
	c.buf.WriteString(">\n")
}

func (c *canvas) empty(name string, attrs ...string) {
	c.start(name, attrs)
	c.buf.WriteString("/>\n")
}

func (c *canvas) element(name, text string, attrs ...string) {
	c.start(name, attrs)
	c.buf.WriteByte('>')
	c.text(text)
	c.end(name)
}

// text escapes s; writing to a buffer cannot fail.
func (c *canvas) text(s string) { _ = xml.EscapeText(&c.buf, []byte(s)) }

// coord is a coordinate with at most two decimals.
func coord(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}

func translate(x, y float64) string { return "translate(" + coord(x) + " " + coord(y) + ")" }

// link is an address that may be followed from a figure: relative or of the web;
// anything else is none.
func link(href string) string {
	if href == "" || strings.ContainsFunc(href, unicode.IsControl) {
		return ""
	}
	u, err := url.Parse(href)
	if err != nil || (u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return href
}

// bold is how much wider a bold text is.
const bold = 1.1

// textWidth estimates the width of a text in a common sans-serif, on the wide
// side.
func textWidth(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case strings.ContainsRune(" .,:;|!'’ijlI\u00a0\u202f", r):
			w += 0.33
		case strings.ContainsRune("frt()[]-/", r):
			w += 0.42
		case strings.ContainsRune("mwMWæÆœŒ%@—", r):
			w += 0.96
		case unicode.IsDigit(r):
			w += 0.62
		case unicode.IsUpper(r):
			w += 0.74
		case unicode.Is(unicode.Mn, r):
		case r > 0x2e80:
			w += 1.05
		default:
			w += 0.61
		}
	}
	return w * size
}

// fit shortens a text to a width, with an ellipsis.
func fit(s string, size, width float64) string {
	if textWidth(s, size) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 {
		r = r[:len(r)-1]
		if t := strings.TrimRight(string(r), " ") + "…"; textWidth(t, size) <= width {
			return t
		}
	}
	return "…"
}

// wrap breaks a text at spaces into at most most lines, the last one shortened.
func wrap(s string, size, width float64, most int) []string {
	words := strings.Fields(s)
	var lines []string
	for len(words) > 0 {
		if len(lines) == most-1 {
			return append(lines, fit(strings.Join(words, " "), size, width))
		}
		n := 1
		for n < len(words) && textWidth(strings.Join(words[:n+1], " "), size) <= width {
			n++
		}
		lines = append(lines, fit(strings.Join(words[:n], " "), size, width))
		words = words[n:]
	}
	return lines
}

// number writes values in the language of the figure.
type number struct {
	t        Texts
	suffix   string
	decimals int
}

func (n number) format(v float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, frac, _ := strings.Cut(s, ".")
	var b strings.Builder
	if v < 0 && strings.Trim(s, "0.") != "" {
		b.WriteString("−")
	}
	b.WriteString(Grouped(whole, n.t.Thousands))
	if frac != "" {
		b.WriteString(n.t.Decimal)
		b.WriteString(frac)
	}
	return b.String()
}

// Grouped sets the thousands of a whole number's digits apart, as all charts and
// tables do: with a sign from four digits on, 1,234, with a space from five, since
// 1234 is written together where spaces are used.
func Grouped(digits, thousands string) string {
	if len(digits) < 4 || len(digits) == 4 && strings.TrimSpace(thousands) == "" {
		return digits
	}
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(thousands)
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (n number) value(v float64) string { return n.format(v, n.decimals) + n.suffix }

// tick writes a label of an axis with as many decimals as its step needs.
func (n number) tick(v, step float64) string {
	suffix := n.suffix
	if suffix != n.t.Percent {
		suffix = "" // the unit of measure stands in the title of the axis
	}
	return n.format(v, stepDecimals(step)) + suffix
}

func stepDecimals(step float64) int {
	d := 0
	for d < 12 && math.Abs(step-math.Round(step)) > 1e-9*math.Abs(step) {
		step *= 10
		d++
	}
	return d
}
