package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// polluted is a file while it is spoilt: its rows without their ends, and the
// bytes that an encoding would not write.
type polluted struct {
	tb    *table
	lines []string // the header is the first
	end   []string // of each line
	raw   func([]byte) []byte
	hit   map[int]bool // rows, from 0, that the pollution touched
}

// pollution spoils row i of the file, or all of it.
type pollution struct {
	name string
	do   func(t *rapid.T, p *polluted, i int)
}

// pollutions are the ways in which files of the field are known to be spoilt.
func pollutions() []pollution {
	line := func(name string, change func(t *rapid.T, p *polluted, s string) string) pollution {
		return pollution{name, func(t *rapid.T, p *polluted, i int) { p.lines[i] = change(t, p, p.lines[i]) }}
	}
	nth := func(t *rapid.T, s, part string) int { // where one of the parts begins
		var at []int
		for i := range len(s) {
			if strings.HasPrefix(s[i:], part) {
				at = append(at, i)
			}
		}
		if len(at) == 0 {
			return len(s)
		}
		return rapid.SampledFrom(at).Draw(t, "at")
	}
	insert := func(t *rapid.T, s, part string) string {
		r := []rune(s)
		i := rapid.IntRange(0, len(r)).Draw(t, "position")
		return string(r[:i]) + part + string(r[i:])
	}
	// nthField changes a field that holds no delimiter: the unit (0), the date (1)
	// or the number (3).
	field := func(n int, change func(t *rapid.T, s string) string) func(t *rapid.T, p *polluted, s string) string {
		return func(t *rapid.T, p *polluted, s string) string {
			d := p.tb.feed.Dialect.Delimiter
			body := strings.TrimSuffix(s, p.tb.after)
			from, to := 0, strings.Index(body, d)
			if n == 1 {
				from = to + 1
				to = from + strings.Index(body[from:], d)
			}
			if n == 3 {
				from, to = strings.LastIndex(body, d)+1, len(body)
			}
			inner := func(s string) string {
				for _, q := range []string{"=" + p.tb.feed.Dialect.Quote, p.tb.feed.Dialect.Quote} {
					if p.tb.feed.Dialect.Quote != "" && strings.HasPrefix(s, q) {
						return q + change(t, strings.TrimSuffix(strings.TrimPrefix(s, q), p.tb.feed.Dialect.Quote)) + p.tb.feed.Dialect.Quote
					}
				}
				return change(t, s)
			}
			return body[:from] + inner(body[from:to]) + body[to:] + p.tb.after
		}
	}
	always := func(s string) func(*rapid.T, string) string { return func(*rapid.T, string) string { return s } }
	digits := func(zero rune) func(*rapid.T, string) string {
		return func(_ *rapid.T, s string) string {
			return strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return zero + r - '0'
				}
				return r
			}, s)
		}
	}
	around := func(ways ...string) func(*rapid.T, string) string {
		return func(t *rapid.T, s string) string {
			return fmt.Sprintf(rapid.SampledFrom(ways).Draw(t, "way"), s)
		}
	}
	return []pollution{
		line("a number in digits of full width", field(3, digits('０'))),
		line("a date in digits of full width", field(1, digits('０'))),
		line("a number in Arabic digits", field(3, digits('٠'))),
		line("a number with what it counts", field(3, around("%s %%", "%s%%", "%s st", "ca %s", "<%s", "~%s", "kr %s", "%s dagar"))),
		line("a number in another notation", field(3, around("(%s)", "%s-", "0x%s", "'%s", "--%s", "+-%s", "%se", "%sE+05", "%sE5x", "1/%s", "%s:00"))),
		line("a number that a spreadsheet has shortened", field(3, always("1,23E+05"))),
		line("a number that is none", field(3, func(t *rapid.T, _ string) string {
			return rapid.SampledFrom([]string{"NaN", "Inf", "-", "#DIV/0!", "#N/A", "1,2,3", "1.2.3", "O", "l", ",", ".", "1_000", "½", "²"}).Draw(t, "n")
		})),
		line("a number that a spreadsheet took for a date", field(3, func(t *rapid.T, _ string) string {
			return rapid.SampledFrom([]string{"2-jan", "jan-25", "02-01-2025", "2025-01-02"}).Draw(t, "n")
		})),
		line("spaces around a number", field(3, around(" %s", "%s ", "\u00a0%s", "%s\u00a0\u00a0", "\t%s "))),
		line("spaces around a unit", field(0, around(" %s", "%s ", "\u00a0%s", "%s\u00a0"))),
		line("a space in a number", field(3, func(t *rapid.T, s string) string {
			i := rapid.IntRange(1, len(s)).Draw(t, "at")
			return s[:i] + rapid.SampledFrom([]string{" ", "\u00a0", "  "}).Draw(t, "space") + s[i:]
		})),
		line("what does not show in a number", field(3, around("\u200b%s", "%s\u00ad", "\u202a%s", "%s\u200d"))),
		line("what does not show in a unit", field(0, around("\u200b%s", "%s\u00ad", "\u202a%s", "%s\u200d", "\ufeff%s"))),
		line("a date as a serial number", field(1, always("45292"))),
		line("a date with a short year", field(1, always("24-01-31"))),
		line("a date that no calendar has", field(1, func(t *rapid.T, _ string) string {
			return rapid.SampledFrom([]string{"2023-02-29", "31.04.2024", "2024-13-01", "00.00.0000", "20240230", "2024-W54", "2023-W53", "2024-Q5", "2024-00", "0000-01-01", "2024M13", "31-11-2024"}).Draw(t, "d")
		})),
		line("a date that lost a digit", field(1, func(t *rapid.T, s string) string {
			if i := strings.LastIndexAny(s, "0123456789"); i > 0 && !strings.ContainsAny(s, ":T ") {
				return s[:i] + s[i+1:]
			}
			return s
		})),
		line("the unit and the date exchanged", func(_ *rapid.T, p *polluted, s string) string {
			f := strings.SplitN(s, p.tb.feed.Dialect.Delimiter, 3)
			return strings.Join([]string{f[1], f[0], f[2]}, p.tb.feed.Dialect.Delimiter)
		}),
		line("a field left out and one added behind", func(_ *rapid.T, p *polluted, s string) string {
			f := strings.SplitN(s, p.tb.feed.Dialect.Delimiter, 2)
			return f[1] + p.tb.feed.Dialect.Delimiter
		}),
		line("a field added before and the last left out", func(_ *rapid.T, p *polluted, s string) string {
			d := p.tb.feed.Dialect.Delimiter
			s = d + strings.TrimSuffix(s, p.tb.after)
			return s[:strings.LastIndex(s, d)] + p.tb.after
		}),
		{"what follows the rows", func(t *rapid.T, p *polluted, _ int) {
			p.end[len(p.end)-1] += rapid.SampledFrom([]string{"Antal rader: 3", "-- slut --", "\x1a", "Totalt", "\x00", "}", "(3 rows affected)", "Summa" + p.tb.feed.Dialect.Delimiter + "3"}).Draw(t, "end") + p.tb.eol
		}},
		{"rows of another table behind", func(_ *rapid.T, p *polluted, _ int) {
			d := p.tb.feed.Dialect.Delimiter
			p.end[len(p.end)-1] += p.tb.eol + "kod" + d + "namn" + p.tb.eol + "SE1-N" + d + "Norra" + p.tb.eol + "SE1-S" + d + "Södra" + p.tb.eol
		}},
		{"a column that stands twice behind", func(_ *rapid.T, p *polluted, _ int) {
			d := p.tb.feed.Dialect.Delimiter
			for i := range p.lines {
				body := strings.TrimSuffix(p.lines[i], p.tb.after)
				p.lines[i] = body + body[strings.LastIndex(body, d):] + p.tb.after
			}
		}},
		{"another encoding in a row", func(t *rapid.T, p *polluted, i int) {
			const mark = "\u0001"
			p.lines[i] = strings.ReplaceAll(insert(t, p.lines[i], "å"), "å", mark)
			enc := p.tb.feed.Dialect.Encoding
			p.raw = func(b []byte) []byte {
				other := []byte("å")
				if strings.HasPrefix(enc, "utf-8") {
					other = []byte{0xe5}
				}
				if strings.HasPrefix(enc, "utf-16") {
					other = []byte{0xe5, 0xe5, 0xe5}
				}
				return bytes.ReplaceAll(b, bytesIn(strings.TrimSuffix(enc, "-bom"), mark)[map[bool]int{true: 2}[strings.HasPrefix(enc, "utf-16")]:], other)
			}
		}},
		{"half a character", func(t *rapid.T, p *polluted, i int) {
			p.raw = func(b []byte) []byte {
				if !strings.HasPrefix(p.tb.feed.Dialect.Encoding, "utf") {
					return b
				}
				i := rapid.IntRange(0, len(b)).Draw(t, "byte")
				return slices.Concat(b[:i], []byte{0xc3}, b[i:])
			}
		}},
		line("a quote that is missing", func(t *rapid.T, p *polluted, s string) string {
			i := nth(t, s, `"`)
			return s[:i] + s[min(i+1, len(s)):]
		}),
		line("a quote too many", func(t *rapid.T, p *polluted, s string) string { return insert(t, s, `"`) }),
		line("quotes escaped by a backslash", func(_ *rapid.T, _ *polluted, s string) string { return strings.ReplaceAll(s, `""`, `\"`) }),
		line("another quote", func(_ *rapid.T, _ *polluted, s string) string { return strings.ReplaceAll(s, `"`, "'") }),
		line("a delimiter too many", func(t *rapid.T, p *polluted, s string) string { return insert(t, s, p.tb.feed.Dialect.Delimiter) }),
		line("a delimiter that is missing", func(t *rapid.T, p *polluted, s string) string {
			i := nth(t, s, p.tb.feed.Dialect.Delimiter)
			return s[:i] + s[min(i+1, len(s)):]
		}),
		line("another delimiter in a row", func(_ *rapid.T, p *polluted, s string) string {
			return strings.ReplaceAll(s, p.tb.feed.Dialect.Delimiter, "~")
		}),
		line("a row cut short", func(t *rapid.T, p *polluted, s string) string {
			r := []rune(s)
			return string(r[:rapid.IntRange(1, len(r)).Draw(t, "cut")])
		}),
		line("a line end in a row", func(t *rapid.T, p *polluted, s string) string { return insert(t, s, p.tb.eol) }),
		line("another line end in a row", func(t *rapid.T, p *polluted, s string) string {
			return insert(t, s, rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "end"))
		}),
		line("a NUL", func(t *rapid.T, p *polluted, s string) string { return insert(t, s, "\x00") }),
		line("a byte order mark in the middle", func(t *rapid.T, p *polluted, s string) string {
			if !strings.HasPrefix(p.tb.feed.Dialect.Encoding, "utf") {
				return insert(t, s, "\u00ef\u00bb\u00bf")
			}
			return insert(t, s, "\ufeff")
		}),
		line("columns too many", func(_ *rapid.T, p *polluted, s string) string {
			return s + strings.Repeat(p.tb.feed.Dialect.Delimiter, 2) + "x"
		}),
		line("another decimal sign", func(_ *rapid.T, p *polluted, s string) string {
			i := strings.LastIndex(strings.TrimSuffix(s, p.tb.after), p.tb.feed.Dialect.Delimiter) + 1
			return s[:i] + strings.NewReplacer(",", ".", ".", ",").Replace(s[i:])
		}),
		{"lines joined", func(_ *rapid.T, p *polluted, i int) {
			p.end[i] = ""
			p.hit[i] = true // the next row goes with it
		}},
		{"another line end", func(t *rapid.T, p *polluted, i int) {
			p.end[i] = rapid.SampledFrom([]string{"\n", "\r\n", "\r", "\n\r", "\u0085"}).Draw(t, "end")
			p.hit[i] = true
		}},
		{"empty lines", func(t *rapid.T, p *polluted, i int) { p.end[i] += strings.Repeat(p.tb.eol, 2) }},
		{"a line of spaces", func(_ *rapid.T, p *polluted, i int) { p.end[i] += "  \t " + p.tb.eol }},
		{"a line of delimiters", func(_ *rapid.T, p *polluted, i int) {
			p.end[i] += strings.Repeat(p.tb.feed.Dialect.Delimiter, 3) + p.tb.after + p.tb.eol
		}},
		{"a comment", func(_ *rapid.T, p *polluted, i int) { p.end[i] += "# total 12" + p.tb.eol }},
		{"the header again", func(_ *rapid.T, p *polluted, i int) { p.end[i] += p.lines[0] + p.tb.eol }},
		{"a sum at the end", func(_ *rapid.T, p *polluted, _ int) {
			p.end[len(p.end)-1] += "Sum" + strings.Repeat(p.tb.feed.Dialect.Delimiter, 3) + "99" + p.tb.after + p.tb.eol
		}},
		{"no header", func(_ *rapid.T, p *polluted, _ int) { p.lines[0], p.end[0] = "", "" }},
		{"a column renamed", func(_ *rapid.T, p *polluted, _ int) { p.lines[0] = strings.Replace(p.lines[0], "date", "datum", 1) }},
		{"a column twice", func(_ *rapid.T, p *polluted, _ int) { p.lines[0] = strings.Replace(p.lines[0], "date", "unit", 1) }},
		{"columns of the header changed", func(_ *rapid.T, p *polluted, _ int) {
			p.lines[0] = strings.NewReplacer("unit", "text", "text", "unit").Replace(p.lines[0])
			for i := range p.lines {
				p.hit[i] = true
			}
		}},
		{"another line above the header", func(_ *rapid.T, p *polluted, _ int) { p.lines[0] = "Uttag" + p.tb.eol + p.lines[0] }},
		{"another encoding", func(t *rapid.T, p *polluted, _ int) {
			other := rapid.SampledFrom([]string{"utf-8", "utf-8-bom", "iso-8859-1", "utf-16le", "utf-16be"}).Draw(t, "other")
			p.raw = func(b []byte) []byte {
				text := textOf(p.tb.feed.Dialect.Encoding, b)
				if other == "iso-8859-1" && strings.ContainsFunc(text, func(r rune) bool { return r > 0xff }) {
					other = "utf-16le"
				}
				return bytesIn(other, text)
			}
		}},
		{"a byte of no letter", func(t *rapid.T, p *polluted, _ int) {
			p.raw = func(b []byte) []byte {
				i := rapid.IntRange(0, len(b)).Draw(t, "byte")
				return slices.Concat(b[:i], []byte{0x81}, b[i:])
			}
		}},
		{"a byte that is missing", func(t *rapid.T, p *polluted, _ int) {
			if !strings.HasPrefix(p.tb.feed.Dialect.Encoding, "utf-16") {
				return // a letter less is no pollution that a file could show
			}
			p.raw = func(b []byte) []byte {
				i := rapid.IntRange(0, len(b)-1).Draw(t, "byte")
				return slices.Concat(b[:i], b[i+1:])
			}
		}},
		{"a file that ends early", func(t *rapid.T, p *polluted, _ int) {
			p.raw = func(b []byte) []byte { return b[:rapid.IntRange(0, len(b)-1).Draw(t, "end")] }
			for i := range p.lines {
				p.hit[i] = true
			}
		}},
	}
}

// TestPollutedFiles: of a file that is spoilt in one of the ways known, each
// row is either read as it was meant or rejected with its place, and no row is
// read that was not there.
func TestPollutedFiles(t *testing.T) {
	for _, how := range pollutions() {
		t.Run(how.name, func(t *testing.T) { spoil(t, how) })
	}
}

func spoil(t *testing.T, how pollution) {
	var files, rows, none int // files and rows rejected, and files read whole
	rapid.Check(t, func(t *rapid.T) {
		tb := dialects(t)
		d := &tb.feed.Dialect
		d.Header, d.Names = true, nil
		d.Preamble, tb.preamble = catalog.Preamble{}, ""
		p := &polluted{tb: tb, hit: map[int]bool{}, raw: func(b []byte) []byte { return b }}
		header := strings.TrimSuffix(tb.header(), tb.eol)
		p.lines, p.end = []string{header}, []string{tb.eol}
		// Enough rows that a bad one is not the whole file's fault.
		n := rapid.SampledFrom([]int{3, 3, 3, 3, 3, 3, 3, 110}).Draw(t, "rows")
		var facts []fact
		for i := range n {
			f := tb.facts().Draw(t, "fact")
			f.text = fmt.Sprintf("id%d.%s", i, f.text)
			f.num = int64(i)*1_000_000 + 250_000
			f.text = string(trim([]byte(f.text)))
			facts = append(facts, f)
			p.lines = append(p.lines, strings.TrimSuffix(tb.row(t, f, tb.number(t, f.num)), tb.eol))
			p.end = append(p.end, tb.eol)
		}
		if d.Decimal == d.Delimiter || d.Thousands == d.Delimiter {
			d.Decimal, d.Thousands = ".", "" // so that every delimiter is one
			for i := range facts {
				p.lines[i+1] = strings.TrimSuffix(tb.row(t, facts[i], tb.number(t, facts[i].num)), tb.eol)
			}
		}
		row := rapid.IntRange(1, n).Draw(t, "row")
		p.hit[row-1] = true
		how.do(t, p, row)
		var b strings.Builder
		for i := range p.lines {
			b.WriteString(p.lines[i] + p.end[i])
		}
		text := b.String()
		encoding := d.Encoding
		if strings.HasPrefix(encoding, "iso") || strings.HasPrefix(encoding, "windows") {
			text = strings.Map(func(r rune) rune {
				if r > 0xff {
					return '?'
				}
				return r
			}, text)
		}
		spoilt := p.raw(bytesIn(encoding, text))
		s := &taken{}
		del := delivery()
		del.AsOf = catalog.Date{}
		_, err := Read(context.Background(), strings.NewReader(string(spoilt)), tb.feed, world(), del, s)
		var bad *FileError
		if errors.As(err, &bad) {
			files++
			for _, problem := range bad.Problems {
				if problem.Text == "" || problem.Hint == "" || problem.Rule == "" {
					t.Fatalf("%s: %+v says too little", how.name, problem)
				}
			}
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", how.name, err)
		}
		seen := map[int]bool{}
		for k := range s.obs.Line {
			if s.obs.Kind[k] != event.Observed {
				continue
			}
			got := fact{s.obs.Unit.At(k), catalog.DateOfDays(s.obs.EventDate[k]).Time(), s.obs.Stratum.At(k), s.obs.Value[k]}
			// The text of the row that was hit is as it stands in the file: it
			// may be any. A number that lost its end is another number.
			i := int((got.num - 250_000) / 1_000_000)
			if how.name == "a row cut short" && got.text == facts[row-1].text {
				i, got.num = row-1, facts[row-1].num
			}
			ids := regexp.MustCompile(`id\d+\.`).FindAllString(got.text, -1)
			if i < 0 || i >= n || got.num != facts[i].num || got.unit != facts[i].unit || !got.date.Equal(facts[i].date) ||
				got.text != facts[i].text && i != row-1 || len(ids) > 1 {
				t.Fatalf("%s: read of\n%q\nas %s, which is no row of it", how.name, text, got)
			}
			if seen[i] {
				t.Fatalf("%s: row %d of\n%q\nis read twice", how.name, i, text)
			}
			seen[i] = true
		}
		lost := 0
		for i := range facts {
			if seen[i] {
				continue
			}
			lost++
			named := slices.ContainsFunc(s.rejects, func(r Reject) bool {
				return r.Line > 0 && r.Text != "" && r.Hint != "" && strings.Contains(strings.Join(r.Raw, "\x00"), fmt.Sprintf("id%d.", i))
			})
			if how.name == "a file that ends early" && !slices.ContainsFunc(facts[i:], func(f fact) bool { return seen[int((f.num-250_000)/1_000_000)] }) {
				continue // a file that ends after a row may be whole, for all that it shows
			}
			if !named && (len(s.rejects) == 0 || !p.hit[i] && !p.hit[i-1]) {
				t.Fatalf("%s: row %d of\n%q\nis neither read nor rejected; rejects %v", how.name, i, text, s.faults())
			}
		}
		if lost > 0 {
			rows++
		} else {
			none++
		}
	})
	t.Logf("%d files rejected, of %d a row, %d read whole", files, rows, none)
}
