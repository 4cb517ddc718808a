package propose

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/delimited"
	"larstrom/pipeline/intake/record"
)

// Head is how many bytes at the beginning of a file show its form.
const Head = 1 << 20

// FormOf is what an accepted file looked like: what of its layout is known, and
// of a delimited one what its first rows show. It tells no value.
func FormOf(head []byte, feed *catalog.Feed, l intake.Layout) event.Form {
	f := event.Form{Columns: slices.Clone(l.Columns)}
	switch feed.Format {
	case "", "delimited", "fixed", "ndjson":
	default:
		return f
	}
	f.LineEnd = map[string]string{"\n": "LF", "\r\n": "CRLF", "\r": "CR"}[l.LineEnd]
	if feed.Compression == "zip" {
		return f // a ZIP is read from its end
	}
	if feed.Compression != "" {
		r, err := compressed.NewReader(bytes.NewReader(head), feed.Compression, compressed.Limits{})
		if err != nil {
			return f
		}
		// The end is cut off: what comes before the error is enough.
		head, _ = io.ReadAll(io.LimitReader(r, Head))
		_ = r.Close()
	}
	f.Encoding = feed.Dialect.Encoding
	if !bytes.ContainsFunc(head, func(r rune) bool { return r >= 0x80 }) {
		f.Encoding = "" // ASCII, which tells nothing
	}
	if feed.Format != "" && feed.Format != "delimited" {
		return f
	}
	look(&f, head, feed)
	return f
}

// sampled is how many rows show what their columns look like.
const sampled = 2000

// look reads the first rows of a delimited file.
func look(f *event.Form, head []byte, feed *catalog.Feed) {
	r, err := delimited.NewReader(bytes.NewReader(head), feed.Dialect, delimited.Options{Preamble: record.Preamble{Lines: feed.Dialect.Preamble.Lines}})
	if err != nil || feed.Dialect.Preamble.Until != "" {
		return
	}
	if feed.Dialect.Header {
		rec, err := r.Next()
		if err != nil {
			return
		}
		f.Quoted = feed.Dialect.Quote != "" && bytes.HasPrefix(rec.Raw, []byte(feed.Dialect.Quote))
	}
	cols, err := newColumns(f.Columns)
	if err != nil {
		return
	}
	for range sampled {
		rec, err := r.Next()
		if err != nil { // the end, or the place at which the head is cut
			break
		}
		for i, c := range cols {
			if i < len(rec.Fields) && rec.Malformed == "" {
				c.add(rec.Line, rec.Fields[i])
			}
		}
	}
	number := slices.Index(numberForms(), [2]string{feed.Dialect.Decimal, feed.Dialect.Thousands})
	for _, c := range cols {
		if i := c.isDate(false); i >= 0 {
			f.Dates = put(f.Dates, c.name, dateForms()[i])
		} else if number >= 0 && c.isNumber(number) && c.decimals[0] >= 0 {
			decimals := fmt.Sprint(c.decimals[0])
			if c.decimals[1] != c.decimals[0] {
				decimals = fmt.Sprintf("%d to %d", c.decimals[0], c.decimals[1])
			}
			f.Decimals = put(f.Decimals, c.name, decimals)
		}
	}
}

func put(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// mostFindings bounds what one delivery is told of the one before.
const mostFindings = 20

// Differences are the findings of a delivery against the accepted one before:
// what changed in its form and yet was read. Decimals that vary by chance (1.5
// and 1.25) are no difference; that they appear or go, or that a fixed number
// of them becomes another, is.
func Differences(was, now event.Form) []event.Problem {
	var out []event.Problem
	add := func(rule, column, hint, format string, args ...any) {
		if len(out) < mostFindings {
			out = append(out, event.Problem{Rule: rule, Column: column, Text: fmt.Sprintf(format, args...), Hint: hint})
		}
	}
	const hint = "nothing was misread; ask the sender whether the export was changed, and what else is new in it"
	if was.Encoding != now.Encoding && was.Encoding != "" && now.Encoding != "" {
		add(intake.RuleBytes, "", hint, "the encoding was %s at the delivery before and is %s", was.Encoding, now.Encoding)
	}
	if was.LineEnd != now.LineEnd && was.LineEnd != "" && now.LineEnd != "" {
		add(intake.RuleDialect, "", hint, "lines ended with %s at the delivery before and end with %s", was.LineEnd, now.LineEnd)
	}
	if was.Quoted != now.Quoted && len(was.Columns) > 0 {
		add(intake.RuleDialect, "", hint, "the header %s in quotes at the delivery before, and now %s", stands(was.Quoted), stands(now.Quoted))
	}
	columns(was.Columns, now.Columns, func(column, format string, args ...any) { add(intake.RuleHeader, column, hint, format, args...) })
	for _, name := range now.Columns {
		a, b := was.Decimals[name], now.Decimals[name]
		if a != "" && b != "" && a != b && (fixedly(a) && fixedly(b) || (a == "0") != (b == "0")) {
			add(intake.RuleType, name, "hold a value against the sender's own: a scale of another kind, or rounded values?", "numbers had %s decimals at the delivery before and have %s", a, b)
		}
		if a, b := was.Dates[name], now.Dates[name]; a != "" && b != "" && a != b {
			add(intake.RuleType, name, hint, "dates were of the form %s at the delivery before and are of %s", a, b)
		}
	}
	return out
}

func fixedly(decimals string) bool { return !strings.Contains(decimals, " ") }

func stands(quoted bool) string {
	if quoted {
		return "stood"
	}
	return "did not stand"
}

// columns are the differences of the headers.
func columns(was, now []string, add func(column, format string, args ...any)) {
	if len(was) == 0 || len(now) == 0 {
		return
	}
	var common [2][]string
	for _, n := range was {
		if slices.Contains(now, n) {
			common[0] = append(common[0], n)
		} else {
			add(n, "the column is no longer there; nothing is read from it")
		}
	}
	for _, n := range now {
		if slices.Contains(was, n) {
			common[1] = append(common[1], n)
		} else {
			add(n, "the column was not there at the delivery before")
		}
	}
	if !slices.Equal(common[0], common[1]) {
		add("", "the columns are in another order than at the delivery before")
	}
}
