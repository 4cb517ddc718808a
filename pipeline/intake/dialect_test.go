package intake

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// bytesIn writes a text in an encoding, with its byte order mark. It shares
// nothing with the writer of rejected rows.
func bytesIn(encoding, text string) []byte {
	switch encoding {
	case "utf-8":
		return []byte(text)
	case "utf-8-bom":
		return []byte("\xef\xbb\xbf" + text)
	case "utf-16le", "utf-16be":
		var order binary.AppendByteOrder = binary.LittleEndian
		if encoding == "utf-16be" {
			order = binary.BigEndian
		}
		b := order.AppendUint16(nil, 0xfeff)
		for _, u := range utf16.Encode([]rune(text)) {
			b = order.AppendUint16(b, u)
		}
		return b
	}
	var b []byte
	for _, r := range text {
		if r > 0xff {
			panic(fmt.Sprintf("%s has no %q", encoding, r))
		}
		b = append(b, byte(r))
	}
	return b
}

// textOf reads it back.
func textOf(encoding string, b []byte) string {
	switch encoding {
	case "utf-8":
		return string(b)
	case "utf-8-bom":
		return strings.TrimPrefix(string(b), "\xef\xbb\xbf")
	case "utf-16le", "utf-16be":
		var order binary.ByteOrder = binary.LittleEndian
		if encoding == "utf-16be" {
			order = binary.BigEndian
		}
		var u []uint16
		for i := 2; i+1 < len(b); i += 2 {
			u = append(u, order.Uint16(b[i:]))
		}
		return string(utf16.Decode(u))
	}
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

// fact is one row of a table, whose values are to come back.
type fact struct {
	unit string
	date time.Time
	text string
	num  int64 // micro
}

func (f fact) String() string {
	return fmt.Sprintf("%s %s %q %d", f.unit, f.date.Format(time.DateOnly), f.text, f.num)
}

func factsOf(s *taken) []string {
	var all []string
	o := &s.obs
	for i := range o.Line {
		if o.Kind[i] == event.Observed {
			all = append(all, fact{o.Unit.At(i), catalog.DateOfDays(o.EventDate[i]).Time(), o.Stratum.At(i), o.Value[i]}.String())
		}
	}
	return all
}

// table is a file in a dialect.
type table struct {
	feed     *catalog.Feed
	eol      string
	preamble string
	after    string // what stands behind the last column
}

// dialects draws any of them. Every key of the dialect takes part, each in
// every combination that a catalog can declare.
func dialects(t *rapid.T) *table {
	f := longFeed()
	d := &f.Dialect
	d.Encoding = rapid.SampledFrom([]string{"utf-8", "utf-8-bom", "iso-8859-1", "windows-1252", "utf-16le", "utf-16be"}).Draw(t, "encoding")
	d.Delimiter = rapid.SampledFrom([]string{";", ",", "\t", "|"}).Draw(t, "delimiter")
	d.Quote = rapid.SampledFrom([]string{`"`, "'", ""}).Draw(t, "quote")
	d.Decimal = rapid.SampledFrom([]string{",", "."}).Draw(t, "decimal")
	if d.Quote == "" && d.Decimal == d.Delimiter {
		d.Decimal = "."
	}
	groups := []string{"", " ", "\u00a0", ".", ","}
	if strings.HasPrefix(d.Encoding, "utf") {
		groups = append(groups, "\u202f")
	}
	groups = slices.DeleteFunc(groups, func(s string) bool { return s == d.Decimal || s == d.Delimiter && d.Quote == "" })
	d.Thousands = rapid.SampledFrom(groups).Draw(t, "thousands")
	d.Dates = rapid.SampledFrom([]string{"iso", "dd.mm.yyyy", "dd-mm-yyyy", "dd/mm/yyyy", "yyyymmdd", "year", "year-month", "quarter", "week", "half-year", "tertial", "financial-year"}).Draw(t, "dates")
	d.Guards = d.Quote != "" && rapid.Bool().Draw(t, "guards")
	d.NamelessLast = rapid.Bool().Draw(t, "nameless")
	tb := &table{feed: f, eol: rapid.SampledFrom([]string{"\n", "\r\n", "\r"}).Draw(t, "eol")}
	if d.NamelessLast {
		tb.after = d.Delimiter
	}
	if rapid.Bool().Draw(t, "no header") {
		d.Header, d.Names = false, []string{"unit", "date", "text", "val"}
	}
	switch n := rapid.IntRange(0, 4).Draw(t, "preamble"); {
	case n == 0:
	case n < 3 || !d.Header:
		d.Preamble.Lines = n
		for i := range n {
			tb.preamble += strings.Repeat(`Rapport "x;y`, i) + tb.eol
		}
	default:
		d.Preamble.Until = "^.?unit."
		for i := range n {
			tb.preamble += fmt.Sprintf("line %d of %s'", i, d.Delimiter) + tb.eol
		}
	}
	f.Columns = catalog.Columns{Unit: "unit", UnitSystem: "hsa", Indicator: "=wait", EventDate: "date", Strata: []string{"text"}, Value: "val"}
	return tb
}

// texts are fields with everything that a dialect may trip over.
func (tb *table) texts() *rapid.Generator[string] {
	d := tb.feed.Dialect
	letters := []rune("abcåäöæøÅÄÖé=-/% ;,|\t.'\"\n\r")
	if strings.HasPrefix(d.Encoding, "utf") {
		letters = append(letters, 'ž', '日', '\u00a0', '\u202f', '😀', '\u2028', '\v')
	}
	return rapid.Custom(func(t *rapid.T) string {
		s := string(rapid.SliceOfN(rapid.SampledFrom(letters), 0, 8).Draw(t, "text"))
		if d.Quote == "" {
			s = strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' || string(r) == d.Delimiter {
					return 'q'
				}
				return r
			}, s)
		}
		if d.Guards && strings.HasPrefix(s, "=") {
			s = "x" + s
		}
		return string(trim([]byte(s)))
	})
}

func (tb *table) facts() *rapid.Generator[fact] {
	return rapid.Custom(func(t *rapid.T) fact {
		at := time.Date(rapid.IntRange(2000, 2023).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day"), 0, 0, 0, 0, time.UTC)
		num := rapid.Int64Range(-1_000_000_000, 1_000_000_000).Draw(t, "num")
		if rapid.Bool().Draw(t, "large") {
			num *= 1_000_000
		}
		return fact{rapid.SampledFrom([]string{"north", "south"}).Draw(t, "unit"), tb.first(at), tb.texts().Draw(t, "t"), num}
	})
}

// first is the first day of the period that the dialect's dates tell.
func (tb *table) first(at time.Time) time.Time {
	var months int
	switch tb.feed.Dialect.Dates {
	case "year":
		months = 12
	case "half-year":
		months = 6
	case "tertial":
		months = 4
	case "quarter":
		months = 3
	case "year-month":
		months = 1
	case "week":
		return at.AddDate(0, 0, -(int(at.Weekday())+6)%7)
	case "financial-year":
		return time.Date(at.AddDate(0, -3, 0).Year(), 4, 1, 0, 0, 0, 0, time.UTC)
	default:
		return at
	}
	return time.Date(at.Year(), time.Month((int(at.Month())-1)/months*months+1), 1, 0, 0, 0, 0, time.UTC)
}

// date writes a date in one of the ways of the dialect.
func (tb *table) date(t *rapid.T, at time.Time) string {
	of := func(ways ...string) string { return rapid.SampledFrom(ways).Draw(t, "way") }
	clock := of("", " 00:00", "T23:59", " 07:05:09", "T12:00:00.123")
	y := at.Format("2006")
	sep := of("", "-", " ")
	switch tb.feed.Dialect.Dates {
	case "iso":
		return at.Format("2006-01-02") + clock
	case "dd.mm.yyyy":
		return at.Format(of("02.01.2006", "2.1.2006")) + clock
	case "dd-mm-yyyy":
		return at.Format("02-01-2006") + clock
	case "dd/mm/yyyy":
		return at.Format("02/01/2006") + clock
	case "yyyymmdd":
		return at.Format("20060102")
	case "year":
		return y
	case "year-month":
		return at.Format(of("2006-01", "200601", "2006M01"))
	case "quarter":
		return fmt.Sprintf("%s%s%s%d", y, sep, of("Q", "K", "q"), (int(at.Month())+2)/3)
	case "half-year":
		return fmt.Sprintf("%s%s%s%d", y, sep, of("H", "h"), (int(at.Month())+5)/6)
	case "tertial":
		return fmt.Sprintf("%s%s%s%d", y, sep, of("T", "t"), (int(at.Month())+3)/4)
	case "week":
		year, week := at.ISOWeek()
		return fmt.Sprintf("%d%s%s%02d", year, sep, of("W", "V", "U"), week)
	default:
		n := (at.Year() + 1) % 100
		if at.Year() < 2000 {
			return fmt.Sprintf("%s-%02d", y, n)
		}
		return of(fmt.Sprintf("%s-%02d", y, n), fmt.Sprintf("%s/%02d", y, n), fmt.Sprintf("%s%02d", y, n), fmt.Sprintf("%s%02d", y[2:], n))
	}
}

// number writes micro-units, with or without the separators of thousands.
func (tb *table) number(t *rapid.T, n int64) string {
	d := tb.feed.Dialect
	sign := ""
	if n < 0 {
		sign, n = "-", -n
		if strings.HasPrefix(d.Encoding, "utf") && rapid.Bool().Draw(t, "minus") {
			sign = "−"
		}
	}
	whole := fmt.Sprint(n / 1_000_000)
	if d.Thousands != "" && rapid.Bool().Draw(t, "grouped") {
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + d.Thousands + whole[i:]
		}
	}
	fraction := strings.TrimRight(fmt.Sprintf("%06d", n%1_000_000), "0")
	if fraction != "" {
		fraction = d.Decimal + fraction
	}
	return sign + whole + fraction
}

// field writes one field: quoted where it must be, or by chance.
func (tb *table) field(t *rapid.T, s string) string {
	d := tb.feed.Dialect
	if d.Quote == "" {
		return s
	}
	quoted := d.Quote + strings.ReplaceAll(s, d.Quote, d.Quote+d.Quote) + d.Quote
	switch {
	case d.Guards && rapid.IntRange(0, 3).Draw(t, "guarded") == 0:
		return "=" + quoted
	case strings.ContainsAny(s, d.Delimiter+d.Quote+"\r\n"), rapid.IntRange(0, 3).Draw(t, "quoted") == 0:
		return quoted
	}
	return s
}

// header is what stands above the rows.
func (tb *table) header() string {
	if !tb.feed.Dialect.Header {
		return tb.preamble
	}
	return tb.preamble + strings.Join([]string{"unit", "date", "text", "val"}, tb.feed.Dialect.Delimiter) + tb.after + tb.eol
}

func (tb *table) row(t *rapid.T, f fact, num string) string {
	code := map[string]string{"north": "SE1-N", "south": "SE1-S"}[f.unit]
	fields := []string{tb.field(t, code), tb.field(t, tb.date(t, f.date)), tb.field(t, f.text), tb.field(t, num)}
	return strings.Join(fields, tb.feed.Dialect.Delimiter) + tb.after + tb.eol
}

// TestEveryDialect: the values of any table come back exactly, in whatever
// dialect it is written.
func TestEveryDialect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := dialects(t)
		facts := rapid.SliceOfN(tb.facts(), 1, 12).Draw(t, "facts")
		text := tb.header()
		var want []string
		for _, f := range facts {
			text += tb.row(t, f, tb.number(t, f.num))
			want = append(want, f.String())
		}
		d := delivery()
		d.AsOf = catalog.Date{}
		s := &taken{}
		if _, err := Read(context.Background(), strings.NewReader(string(bytesIn(tb.feed.Dialect.Encoding, text))), tb.feed, world(), d, s); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := factsOf(s); !slices.Equal(got, want) || len(s.rejects) > 0 {
			t.Fatalf("%q:\n%s\nwant\n%s\nrejects %v", text, strings.Join(got, "\n"), strings.Join(want, "\n"), s.faults())
		}
	})
}

// TestRejectedRowsReadAgain: what is rejected of a table is written in its own
// dialect; mended and sent again, it is read as what it should have been.
func TestRejectedRowsReadAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tb := dialects(t)
		tb.feed.Delivery, tb.feed.Scope = "delta", catalog.Scope{}
		facts := rapid.SliceOfN(tb.facts(), 2, 8).Draw(t, "facts")
		text := tb.header()
		var want []string
		for i, f := range facts {
			num := tb.number(t, f.num)
			if i%2 == 1 {
				num = fmt.Sprintf("wrong%dwrong", i)
				want = append(want, f.String())
			}
			text += tb.row(t, f, num)
		}
		d := delivery()
		d.AsOf = catalog.Date{}
		var out strings.Builder
		w := NewRejectedRows(&out, tb.feed)
		if _, err := Read(context.Background(), strings.NewReader(string(bytesIn(tb.feed.Dialect.Encoding, text))), tb.feed, world(), d, rejectsOnly{w}); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		back := textOf(tb.feed.Dialect.Encoding, []byte(out.String()))
		for i, f := range facts {
			if i%2 == 1 {
				num := tb.number(t, f.num)
				if q := tb.feed.Dialect.Quote; q != "" {
					num = q + num + q
				}
				if strings.Count(back, fmt.Sprintf("wrong%dwrong", i)) != 1 {
					t.Fatalf("row %d of %q is not in %q", i, text, back)
				}
				back = strings.Replace(back, fmt.Sprintf("wrong%dwrong", i), num, 1)
			}
		}
		s := &taken{}
		if _, err := Read(context.Background(), strings.NewReader(string(bytesIn(tb.feed.Dialect.Encoding, back))), tb.feed, world(), d, s); err != nil {
			t.Fatalf("%q, of which %q comes back: %v", text, back, err)
		}
		if got := factsOf(s); !slices.Equal(got, want) || len(s.rejects) > 0 {
			t.Fatalf("%q, of which %q comes back:\n%s\nwant\n%s\nrejects %v", text, back, strings.Join(got, "\n"), strings.Join(want, "\n"), s.faults())
		}
	})
}
