package identity

import (
	"bytes"
	"fmt"
	"math"
	"math/rand"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"
)

// What holds no identity number although it has the digits for one.
func TestSober(t *testing.T) {
	se, no, dk := "800101"+"001"+luhn("800101001"), firstChecked("010180", 0, 499), "0101801234"
	s := scanner(t, today)
	for _, n := range []string{se, "19" + se, se[:6] + "-" + se[6:], no, no[:6] + " " + no[6:], dk, dk[:6] + "-" + dk[6:], finnish3("010180", "-", 123), finnish3("010110", "A", 123)} {
		if !s.Scan([]byte(n)).Found() {
			t.Fatalf("%s alone is not found", Mask([]byte(n)))
		}
		for _, c := range []string{
			"%s1", "1%s", "%sx", "x%s", "å%s", "%sé", "SE%s-A123", // longer runs and words; HSA-ids
			"+%s", "0.%s", "12,%s", "%s.5", "%s,25", "%s.25 kr", // telephones and decimals
			"1.2.752.129.2.1.%s", "%s.1.2", "2024-%s", "12345-%s", "%s-12", "%s.12345", "12/%s", "%s/2024", "%s:30", // OIDs, case numbers, times
			"\uff11%s", "%s\u0661", "%s\u200b1",
		} {
			field := []byte(fmt.Sprintf(c, n))
			if h := s.Scan(field); h.Found() {
				t.Errorf("%s: %v at %d to %d", fmt.Sprintf(c, Mask([]byte(n))), h.Kind, h.Start, h.End)
			}
		}
	}
	for _, field := range []string{
		"", " ", "1", "2024-05-31", "2024-05-31 23:59:59", "2024-05-31T23:59:59.123+02:00", "20240531235959", "31.05.2024 12:30",
		"7350053850019", "4006381333931", // EAN
		"SE2321000016-1003", "SE162321000016-10JK", "556123-4567", "331501000016007", // HSA-id, organisation, SOR
		"1.2.752.129.2.1.4.1", "550e8400-e29b-41d4-a716-446655440000", "+46 70 123 45 67", "070-123 45 67", "+4512345678", "0046701234567",
		"SE45 5000 0000 0583 9825 7466", "4111 1111 1111 1111", "12 345 678,90", "0,4512019871", "1e10", "978-91-0-012345-6",
		strings.Repeat("0101", 300), strings.Repeat("1 ", 300), strings.Repeat("1-", 300), strings.Repeat("-", 300),
		"år 2024 vecka 12, 13 och 14: 120 av 800 (15 %)",
	} {
		if h := s.Scan([]byte(field)); h.Found() {
			t.Errorf("%q: %v at %d to %d", field, h.Kind, h.Start, h.End)
		}
	}
	// Lists of numbers, and a first that is none before a second that is.
	for _, field := range []string{"%[1]s,%[1]s", "%[1]s;%[1]s", "%[1]s/%[1]s", "x%[1]s %[1]s", "1234567890123 %[1]s", "nr 12 %[1]s"} {
		text := fmt.Sprintf(field, se)
		c, _ := NewColumn(s)
		c.Add([]byte(text))
		want := int64(strings.Count(text, se))
		if strings.HasPrefix(text, "x") {
			want--
		}
		if v := c.Verdict(); v.Shaped != want || v.Hits != 1 {
			t.Errorf(field+": %d strings and %d hits, want %d and 1", "n", "n", v.Shaped, v.Hits, want)
		}
	}
}

// Wherever in a long text, whatever without width is in it, and behind signs
// that do not join it to another number.
func TestFoundFarIn(t *testing.T) {
	s := scanner(t, today)
	n := withLuhn("800101001")
	for _, written := range []string{n, "1980-01-01-" + n[6:], n[:4] + "\u00ad" + n[4:], n[:4] + "\u00ad" + n[4:7] + "\u00ad" + n[7:], n[:6] + "\u2060-" + n[6:]} {
		for before := range 200 {
			for _, after := range []int{0, 7, 100} {
				field := []byte(strings.Repeat("a", max(before-1, 0)) + strings.Repeat(" ", min(before, 1)) + written + strings.Repeat(" b", after))
				if h := s.Scan(field); h.Start != before || h.End != before+len(written) {
					t.Fatalf("%d bytes before and %d after %s: %+v", before, 2*after, Mask([]byte(written)), h)
				}
			}
		}
	}
	for _, field := range []string{"12 -%s", "12, %s", "123456-%s", "%s-123456", "-%s", "%s-", "%s - 12", "2024:%s", "%s."} {
		if h := s.Scan([]byte(fmt.Sprintf(field, n))); h.Kind != Personnummer || h.group.whole() == strings.ContainsAny(field, "12") {
			t.Errorf(field+": %+v", "n", h)
		}
	}
}

func randomDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(r.Intn(10))
	}
	return string(b)
}

// Of random strings as many are numbers as theory says: counted over the
// calendar of package time, times the chance of the check digits.
func TestRateAmongRandomStrings(t *testing.T) {
	days := func(year int) float64 {
		return float64(time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC).YearDay())
	}
	sum := func(of func(yy int) float64) (all float64) {
		for yy := range 100 {
			all += of(yy)
		}
		return all
	}
	either := sum(func(yy int) float64 { return max(days(1900+yy), days(2000+yy)) })
	norway := sum(func(yy int) float64 {
		s := .5 * days(1900+yy)
		switch {
		case yy < 40:
			s += .5 * days(2000+yy)
		case yy >= 54:
			s += .25*days(1800+yy) + .1*days(1900+yy)
		default:
			s += .1 * days(1900+yy)
		}
		return s
	})
	denmark := sum(func(yy int) float64 {
		s := .4 * days(1900+yy)
		if yy <= 36 {
			s += .2 * days(2000+yy)
		} else {
			s += .2 * days(1900+yy)
		}
		if yy <= 57 {
			return s + .4*days(2000+yy)
		}
		return s + .4*days(1800+yy)
	})
	centuries := sum(func(yy int) float64 { return days(1800+yy) + days(1900+yy) + days(2000+yy) })
	digits := func(n int) func(*rand.Rand) string {
		return func(r *rand.Rand) string { return randomDigits(r, n) }
	}
	for i, c := range []struct {
		name, country string
		make          func(*rand.Rand) string
		theory        float64
	}{
		{"ten digits", "SE", digits(10), either * 2 / 1e6 * .999 / 10},
		{"ten digits", "DK", digits(10), denmark / 1e6},
		{"ten digits", "IS", digits(10), centuries / 1e6 * .8 / 10 / 11},
		{"eleven digits", "NO", digits(11), (norway*2*4/1e6 + .2) / 121},
		{"twelve digits", "SE", digits(12), centuries * 2 / 1e8 * .999 / 10},
		{"a date and six digits", "SE", func(r *rand.Rand) string {
			return birth(r.Intn, 1990, 2025).Format("20060102") + randomDigits(r, 4)
		}, .999 / 10},
		{"six digits, A, three and a character", "FI", func(r *rand.Rand) string {
			return randomDigits(r, 6) + "A" + randomDigits(r, 3) + string(checkCharacters[r.Intn(31)])
		}, sum(func(yy int) float64 { return days(2000 + yy) }) / 1e6 * .998 / 31},
	} {
		const n = 1_000_000
		r := rand.New(rand.NewSource(int64(i + 1)))
		s := scanner(t, 0, c.country)
		hits := 0
		for range n {
			if s.Scan([]byte(c.make(r))).Found() {
				hits++
			}
		}
		measured, se := float64(hits)/n, math.Sqrt(c.theory*(1-c.theory)/n)
		t.Logf("%s, %s: %.4f %% measured, %.4f %% by theory, Monte-Carlo error %.4f %%", c.name, c.country, 100*measured, 100*c.theory, 100*se)
		if math.Abs(measured-c.theory) > 4*se {
			t.Errorf("%s, %s: %.5f measured, %.5f by theory, more than four Monte-Carlo errors of %.5f apart", c.name, c.country, measured, c.theory, se)
		}
	}
}

// A number of any kind is found in any text in which it stands free, at its
// place; glued to a letter or to digits it is not.
func TestFoundInAnyText(t *testing.T) {
	s := scanner(t, today)
	rapid.Check(t, func(t *rapid.T) {
		m := makers[rapid.IntRange(0, len(makers)-1).Draw(t, "kind")]
		number := m.make(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") })
		written := rapid.SampledFrom(writings(m.country, m.name, number)).Draw(t, "form")
		words := rapid.StringOf(rapid.RuneFrom([]rune("abcåäö ÆØ;()\"=?!_|\t%#")))
		before, after := words.Draw(t, "before"), words.Draw(t, "after")
		free := func(s string) bool { return s == "" || strings.ContainsAny(s, " ;()\"=?!_|\t%#") }
		if before != "" && !free(lastRune(before)) {
			before += " "
		}
		if after != "" && !free(string([]rune(after)[:1])) {
			after = ";" + after
		}
		field := []byte(before + written + after)
		h := s.Scan(field)
		if !h.Found() || h.Start != len(before) || h.End != len(before)+len(written) {
			t.Fatalf("%s: %+v, want it at %d to %d", Mask(field), h, len(before), len(before)+len(written))
		}
		for _, glued := range []string{before + "b" + written + after, before + written + "å" + after, before + written + "777" + after} {
			if h := s.Scan([]byte(glued)); h.Found() {
				t.Fatalf("%s glued: %+v", Mask([]byte(glued)), h)
			}
		}
	})
}

func lastRune(s string) string {
	r := []rune(s)
	return string(r[len(r)-1])
}

// One wrong digit is always seen by Luhn's rule, by two digits modulo 11, by
// modulo 31; not in the century, which no check digit covers; and in a Danish
// number by its modulus alone, which does not decide.
func TestOneWrongDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := makers[rapid.IntRange(0, len(makers)-1).Draw(t, "kind")]
		number := []byte(m.make(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }))
		i := rapid.IntRange(0, len(number)-1).Filter(func(i int) bool { return number[i] >= '0' && number[i] <= '9' }).Draw(t, "place")
		number[i] = '0' + (number[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		p := Defaults()
		p.Countries = []string{m.country}
		s, err := NewScanner(p, today)
		if err != nil {
			t.Fatal(err)
		}
		h := s.Scan(number)
		switch {
		case m.country == "SE" && i < 2, m.country == "IS" && i == 9:
			return
		case m.country == "DK":
			c := cursor{field: number}
			if f, ok := s.next(&c); ok && m.name == "CPR" && f.passes.has(danish) {
				t.Fatalf("%s with another digit %d keeps the modulus", m.name, i)
			}
		case h.Found():
			t.Fatalf("%s with another digit %d: %v", m.name, i, h.Kind)
		}
	})
}

// What Unicode calls digits come in tens, or digit would be wrong.
func TestDigitsOfAllScripts(t *testing.T) {
	for _, c := range unicode.Nd.R16 {
		if c.Stride != 1 || (c.Hi-c.Lo+1)%10 != 0 {
			t.Errorf("%x to %x are not tens", c.Lo, c.Hi)
		}
	}
	for _, c := range unicode.Nd.R32 {
		if c.Stride != 1 || (c.Hi-c.Lo+1)%10 != 0 {
			t.Errorf("%x to %x are not tens", c.Lo, c.Hi)
		}
	}
	s := scanner(t, today, "SE")
	n := withLuhn("800101001")
	for _, zero := range []rune{0x660, 0x6f0, 0x966, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7f6, 0x1fbf0} {
		wide := strings.Map(func(r rune) rune { return r - '0' + zero }, n)
		if h := s.Scan([]byte(wide)); h.Kind != Personnummer || h.End != len(wide) {
			t.Errorf("digits from %x: %+v", zero, h)
		}
	}
}

// The quick look misses nothing that the slow one finds.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"800101-0019", "pnr 19800101-0019.", "131052-308T", "010180 123 45", "\uff18\uff10\uff10\uff11\uff10\uff11\uff10\uff10\uff11\uff19", "1980 01 01 0019", "\x80\xff0101801234", "01.01.80 12345", "0101801234,0101801234"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, field []byte) {
		s := scanner(t, today)
		before := bytes.Clone(field)
		h := s.Scan(field)
		if !bytes.Equal(before, field) {
			t.Fatal("the field was changed")
		}
		if h.Found() && (h.Start < 0 || h.Start >= h.End || h.End > len(field)) {
			t.Fatalf("%+v in %d bytes", h, len(field))
		}
		c := cursor{field: field}
		for {
			found, ok := s.next(&c)
			if !ok {
				break
			}
			if len(field) < minField || !promising(field) {
				t.Fatalf("%q is passed over, but has a number's form at %d to %d", field, found.start, found.end)
			}
			if found.start >= found.end || found.end > len(field) {
				t.Fatalf("%+v in %d bytes", found, len(field))
			}
		}
		column, _ := NewColumn(s)
		if got := column.Add(field); got != h {
			t.Fatalf("the column finds %+v, the scanner %+v", got, h)
		}
		column.Verdict()
		if m := Mask(field); strings.ContainsAny(m, "0123456789") {
			t.Fatalf("the mask %q shows digits", m)
		}
	})
}

func TestScanAllocatesNothing(t *testing.T) {
	s := scanner(t, today)
	column, _ := NewColumn(s, "dddddd-dddx")
	fields := [][]byte{[]byte("SE2321000016-1003"), []byte("2024-05-31 23:59:59"), []byte("pat 800101-0019 åter"), []byte("\uff18\uff10\uff10\uff11\uff10\uff11-\uff10\uff10\uff11\uff19"), []byte("131052-308T")}
	for _, f := range fields {
		column.Add(f)
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, f := range fields {
			s.Scan(f)
			column.Add(f)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	cases := []struct {
		name string
		make func() string
	}{
		{"code", func() string { return fmt.Sprintf("VC%04d", r.Intn(1e4)) }},
		{"number", func() string { return fmt.Sprintf("%d,%02d", r.Intn(1e4), r.Intn(100)) }},
		{"date", func() string { return birth(r.Intn, 2020, 2025).Format("2006-01-02") }},
		{"timestamp", func() string { return birth(r.Intn, 2020, 2025).Format("2006-01-02 15:04:05") }},
		{"HSA-id", func() string { return fmt.Sprintf("SE2321000%03d-%04d", r.Intn(1000), r.Intn(1e4)) }},
		{"text", func() string {
			return "Återbesök om 3 månader, HbA1c 52 mmol/mol, blodtryck 135/85, i övrigt väl"[:40+r.Intn(30)]
		}},
		{"UUID", func() string {
			return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.Intn(1<<16), r.Intn(1<<16), r.Intn(1<<16), r.Int63n(1<<48))
		}},
		{"ten digits", func() string { return randomDigits(r, 10) }},
		{"personnummer", func() string { n := swede(0)(r.Intn); return n[:8] + "-" + n[8:] }},
	}
	ordinary := func() string { return cases[r.Intn(6)].make() }
	cases = append(cases, struct {
		name string
		make func() string
	}{"ordinary", ordinary})
	for _, c := range cases {
		fields, size := make([][]byte, 4096), 0
		for i := range fields {
			fields[i] = []byte(c.make())
			size += len(fields[i])
		}
		s := scanner(b, today)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, f := range fields {
					s.Scan(f)
				}
			}
		})
		if c.name == "ten digits" || c.name == "ordinary" {
			b.Run(c.name+" in a column", func(b *testing.B) {
				column, _ := NewColumn(s)
				b.SetBytes(int64(size))
				for b.Loop() {
					for _, f := range fields {
						column.Add(f)
					}
				}
			})
		}
	}
}
