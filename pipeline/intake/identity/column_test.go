package identity

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func columnOf(t testing.TB, s *Scanner, fields []string, opaque ...string) *Column {
	t.Helper()
	c, err := NewColumn(s, opaque...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		c.Add([]byte(f))
	}
	return c
}

// rejected counts the fields whose rows the verdict rejects.
func rejected(t testing.TB, s *Scanner, fields []string) int {
	c := columnOf(t, s, fields)
	v, n := c.Verdict(), 0
	for _, f := range fields {
		if h := s.Scan([]byte(f)); v.Rejects(h) {
			n++
		}
	}
	return n
}

func many(n int, of func() string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = of()
	}
	return out
}

// Columns that hold no persons, however many of their fields pass as numbers.
func TestColumnsOfOtherThings(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	s := scanner(t, today)
	serial := 8001010000
	phone := func() string { return fmt.Sprintf("07%d%07d", []int{0, 2, 3, 6, 9}[r.Intn(5)], r.Intn(1e7)) }
	for _, c := range []struct {
		name string
		make func() string
	}{
		{"ten random digits", func() string { return randomDigits(r, 10) }},
		{"ten with a hyphen", func() string { return randomDigits(r, 6) + "-" + randomDigits(r, 4) }},
		{"eleven random digits", func() string { return randomDigits(r, 11) }},
		{"twelve random digits", func() string { return randomDigits(r, 12) }},
		{"time stamps of twelve digits", func() string {
			return birth(r.Intn, 2020, 2025).Format("20060102") + fmt.Sprintf("%02d%02d", r.Intn(24), r.Intn(60))
		}},
		{"dates and times", func() string {
			return birth(r.Intn, 2020, 2025).Format("2006-01-02") + fmt.Sprintf(" %02d%02d", r.Intn(24), r.Intn(60))
		}},
		{"case numbers yymmdd-nnnn", func() string { return birth(r.Intn, 2021, 2025).Format("060102") + "-" + randomDigits(r, 4) }},
		{"serial numbers", func() string { serial += 1 + r.Intn(3); return strconv.Itoa(serial) }},
		{"serial numbers with zeros", func() string { return fmt.Sprintf("%010d", r.Int63n(3_200_000_000)) }},
		{"telephones", phone},
		{"telephones from 070", func() string { return "070" + randomDigits(r, 7) }},
		{"identifiers by Luhn's rule", func() string { return withLuhn(randomDigits(r, 9)) }},
		{"organisations", func() string { return withLuhn(fmt.Sprintf("%d%07d", 16+r.Intn(83), r.Intn(1e7))) }},
		{"Norwegian accounts", func() string {
			for {
				n := randomDigits(r, 10)
				if k := eleven(weighted(n, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)); k != "" {
					return n + k
				}
			}
		}},
		{"HSA-ids", func() string { return fmt.Sprintf("SE2321000%03d-%04d", r.Intn(1000), r.Intn(1e4)) }},
		{"SOR codes", func() string { return randomDigits(r, 11) + "1000016" }},
		{"EAN", func() string { return randomDigits(r, 13) }},
		{"OIDs", func() string { return "1.2.752.129.2.1." + randomDigits(r, 10) }},
		{"decimals", func() string { return fmt.Sprint(r.Float64() * 100) }},
		{"few identifiers, often", func() string {
			return []string{"8001010019", "0101801234", "0102801234", "0103801234"}[r.Intn(4)] + "5"
		}},
	} {
		for _, n := range []int{200, 5000} {
			fields := many(n, c.make)
			v := columnOf(t, s, fields).Verdict()
			if v.Level != Clean || v.Kind != None {
				t.Errorf("%d %s: %v, %v: %d of %d dated, %d checked where %.1f are expected, P %.2g, share %.3f", n, c.name, v.Level, v.Kind, v.Dated, v.Distinct, v.Checked, v.Expected, v.P, v.Share)
			}
			if n := rejected(t, s, fields); n != 0 {
				t.Errorf("%s: %d rows are rejected", c.name, n)
			}
		}
	}
}

// Columns of numbers: whichever kind, however written, among whatever else.
func TestColumnsOfNumbers(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	s := scanner(t, today)
	for _, m := range makers {
		v := columnOf(t, s, many(300, func() string { return m.make(r.Intn) })).Verdict()
		if v.Level != Pattern || v.Kind.family() != m.kind.family() || v.Share < .8 || v.P > 1e-6 {
			t.Errorf("%s: %+v", m.name, v)
		}
		written := columnOf(t, s, many(300, func() string {
			all := writings(m.country, m.name, m.make(r.Intn))
			return "pat " + all[r.Intn(len(all))] + ", ok"
		})).Verdict()
		if written.Level != Pattern {
			t.Errorf("%s in a text: %+v", m.name, written)
		}
	}
	for _, c := range []struct {
		name string
		kind Kind
		make func() string
	}{
		{"one in ten personnummer among random digits", Personnummer, func() string {
			if r.Intn(10) == 0 {
				return swede(0)(r.Intn)[2:]
			}
			return randomDigits(r, 10)
		}},
		{"one in ten CPR numbers among random digits", CPR, func() string {
			if r.Intn(10) == 0 {
				return dane(true)(r.Intn)
			}
			return randomDigits(r, 10)
		}},
		{"persons and a tenth of organisations", Personnummer, func() string {
			if r.Intn(10) == 0 {
				return withLuhn(fmt.Sprintf("%d%07d", 16+r.Intn(83), r.Intn(1e7)))
			}
			return swede(0)(r.Intn)[2:]
		}},
		{"personnummer in one text of fifty", Personnummer, func() string {
			if r.Intn(50) == 0 {
				n := swede(0)(r.Intn)
				return "gäller " + n[:8] + "-" + n[8:] + " enl. remiss"
			}
			return "utan anmärkning"
		}},
		{"time stamps and a tenth of personnummer", Personnummer, func() string {
			if r.Intn(10) == 0 {
				return swede(0)(r.Intn)
			}
			return birth(r.Intn, 2020, 2025).Format("20060102") + fmt.Sprintf("%02d%02d", r.Intn(24), r.Intn(60))
		}},
	} {
		v := columnOf(t, s, many(5000, c.make)).Verdict()
		if v.Level != Pattern || v.Kind != c.kind {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

// Numbers here and there: the rows go, the file stays.
func TestIsolatedNumbers(t *testing.T) {
	r := rand.New(rand.NewSource(4))
	s := scanner(t, today)
	plain := func(n int) []string { return many(n, func() string { return "utan anmärkning" }) }
	number := func() string { n := swede(0)(r.Intn); return n[:8] + "-" + n[8:] }
	same := number()
	for _, c := range []struct {
		name   string
		fields []string
		rows   int
	}{
		{"one in a text", append(plain(1000), "ring "+number()), 1},
		{"one alone in its field", append(plain(1000), number()), 1},
		{"thirty among fifty thousand", append(plain(50_000), many(30, func() string { return "se " + number() })...), 30},
		{"the same a thousand times", many(1000, func() string { return same }), 1000},
		{"four numbers and nothing else", many(4, number), 4},
		{"one with a hyphen among ten digits", append(many(500, func() string { return randomDigits(r, 10) }), number()), 1},
		{"a CPR number in a text", append(plain(10), "cpr 010180-1234"), 1},
		{"within texts with other identifiers", append(many(40, func() string { return fmt.Sprintf("nr 99%08d", r.Intn(1e8)) }), "nr 0101801234"), 1},
		{"two in one field", append(plain(10), number()+" och "+number()), 1},
	} {
		v := columnOf(t, s, c.fields).Verdict()
		if v.Level != Isolated || v.Hits < int64(c.rows) {
			t.Errorf("%s: %+v", c.name, v)
		}
		if n := rejected(t, s, c.fields); n != c.rows {
			t.Errorf("%s: %d rows are rejected, want %d", c.name, n, c.rows)
		}
	}
	// More than chance gives, and less than a pattern.
	for name, fields := range map[string][]string{
		"1.2 % of random identifiers":    append(many(1000, func() string { return randomDigits(r, 10) }), many(12, func() string { return swede(0)(r.Intn)[2:] })...),
		"Luhn's rule, year and month":    many(500, func() string { return withLuhn(birth(r.Intn, 1960, 1999).Format("0601") + randomDigits(r, 5)) }),
		"twelve of Denmark, no modulus":  many(12, func() string { return dane(false)(r.Intn) }),
		"a fifth of Denmark, no modulus": append(many(1000, func() string { return randomDigits(r, 10) }), many(250, func() string { return dane(false)(r.Intn) })...),
	} {
		if v := columnOf(t, s, fields).Verdict(); v.Level != Isolated {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := columnOf(t, s, nil).Verdict(); v.Level != Clean || v.Fields != 0 || v.Share != 0 {
		t.Errorf("an empty column: %+v", v)
	}
	if v := columnOf(t, s, []string{"", "  ", "\t\t\t\t\t\t\t\t\t\t\t\t", "1"}).Verdict(); v.Fields != 1 {
		t.Errorf("%d fields are not empty, want 1", v.Fields)
	}
}

// At the thresholds: a pattern begins where count, probability and share are
// all reached. Five in five have a probability of 1e-5 under Luhn's rule,
// seven of seven 1e-7.
func TestThresholds(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	numbers := many(40, func() string { return swede(0)(r.Intn) })
	level := func(change func(*Params), fields []string) Level {
		p := Defaults()
		p.Countries = []string{"SE"}
		change(&p)
		s, err := NewScanner(p, today)
		if err != nil {
			t.Fatal(err)
		}
		return columnOf(t, s, fields).Verdict().Level
	}
	same := func(*Params) {}
	padded := func(n, among int) []string {
		return append(many(among-n, func() string { return "-" }), numbers[:n]...)
	}
	for _, c := range []struct {
		name   string
		change func(*Params)
		fields []string
		want   Level
	}{
		{"six", same, numbers[:6], Isolated}, {"seven", same, numbers[:7], Pattern},
		{"five at 1e-4", func(p *Params) { p.Alpha = 1e-4 }, numbers[:5], Pattern},
		{"four at 1e-3", func(p *Params) { p.Alpha = 1e-3 }, numbers[:4], Isolated},
		{"four of four at 1e-3", func(p *Params) { p.Alpha, p.MinDistinct = 1e-3, 4 }, numbers[:4], Pattern},
		{"1.1 %", same, padded(22, 2000), Pattern}, {"0.9 %", same, padded(18, 2000), Isolated},
		{"0.9 % where 0.5 % will do", func(p *Params) { p.MinShare = .005 }, padded(18, 2000), Pattern},
	} {
		if got := level(c.change, c.fields); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	// Nineteen identifiers are too few to be forgiven, twenty are not.
	ids := []string{"0101801234"}
	for len(ids) < 20 {
		ids = append(ids, fmt.Sprintf("99%08d", r.Intn(1e8)))
	}
	s := scanner(t, today, "DK")
	if v := columnOf(t, s, ids[:19]).Verdict(); v.Level != Isolated {
		t.Errorf("nineteen identifiers: %v", v.Level)
	}
	if v := columnOf(t, s, ids).Verdict(); v.Level != Clean {
		t.Errorf("twenty identifiers: %v", v.Level)
	}
}

// How often a column of random identifiers is taken for something else: a
// pattern never, isolated numbers within what AlphaChance allows for the
// countries that are judged.
func TestFalseAlarms(t *testing.T) {
	r := rand.New(rand.NewSource(6))
	s := scanner(t, today)
	const columns, size = 1000, 300
	for _, digits := range []int{10, 11, 12} {
		count := map[Level]int{}
		for range columns {
			count[columnOf(t, s, many(size, func() string { return randomDigits(r, digits) })).Verdict().Level]++
		}
		// Each of at most three countries has AlphaChance.
		bound := 3 * Defaults().AlphaChance
		se := math.Sqrt(bound * (1 - bound) / columns)
		t.Logf("%d columns of %d strings of %d digits: %d isolated, %d patterns (bound %.1f %% isolated, Monte-Carlo error %.2f %%)", columns, size, digits, count[Isolated], count[Pattern], 100*bound, 100*se)
		if share := float64(count[Isolated]) / columns; share > bound+3*se || count[Pattern] > 0 {
			t.Errorf("%d digits: %d isolated, %d patterns of %d", digits, count[Isolated], count[Pattern], columns)
		}
	}
}

// The verdict depends on the fields, not on their order, on how often the same
// come in turn, nor on the parts in which they are read, also where only a
// sample is kept.
func TestOrderAndPartsDoNotMatter(t *testing.T) {
	p := Defaults()
	p.Sample = 64
	s, err := NewScanner(p, today)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
		fields := many(rapid.IntRange(1, 1500).Draw(t, "fields"), func() string {
			switch r.Intn(4) {
			case 0:
				return swede(0)(r.Intn)[2:]
			case 1:
				return "text " + norwegianNumber(0, 0)(r.Intn)
			case 2:
				return "8001010019"
			default:
				return randomDigits(r, 10+r.Intn(3))
			}
		})
		whole, _ := NewColumn(s)
		for _, f := range fields {
			whole.Add([]byte(f))
		}
		r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
		parts := make([]*Column, rapid.IntRange(1, 4).Draw(t, "parts"))
		for i := range parts {
			parts[i], _ = NewColumn(s)
		}
		for _, f := range fields {
			parts[r.Intn(len(parts))].Add([]byte(f))
		}
		for _, other := range parts[1:] {
			parts[0].Merge(other)
		}
		if a, b := whole.Verdict(), parts[0].Verdict(); a != b {
			t.Fatalf("%+v, in parts %+v", a, b)
		}
		if a, b := whole.Verdict(), whole.Verdict(); a != b {
			t.Fatal("a second look differs")
		}
	})
}

// What a column keeps is bounded.
func TestSampleIsBounded(t *testing.T) {
	r := rand.New(rand.NewSource(7))
	p := Defaults()
	p.Sample = 100
	s, err := NewScanner(p, today)
	if err != nil {
		t.Fatal(err)
	}
	c := columnOf(t, s, many(20_000, func() string { return randomDigits(r, 10) }))
	for _, tally := range c.groups {
		if tally != nil && len(tally.seen) >= 200 {
			t.Errorf("%d strings are kept of a sample of 100", len(tally.seen))
		}
	}
	if v := c.Verdict(); v.Shaped != 20_000 || v.Level != Clean {
		t.Errorf("%+v", v)
	}
}

func TestOpaqueForms(t *testing.T) {
	r := rand.New(rand.NewSource(8))
	s := scanner(t, today)
	fields := many(50, func() string { n := swede(0)(r.Intn); return n[2:8] + "-" + n[8:] })
	if v := columnOf(t, s, fields, "xxdddd", "dddddd-dddd").Verdict(); v.Level != Clean || v.Exempt != 50 || v.Hits != 0 || v.Fields != 50 {
		t.Errorf("declared: %+v", v)
	}
	if v := columnOf(t, s, fields, "dddddddddd").Verdict(); v.Level != Pattern || v.Exempt != 0 {
		t.Errorf("another form declared: %+v", v)
	}
	if v := columnOf(t, s, append(many(2000, func() string { return "-" }), " 800101-0019 ", "800101-0019 x"), "dddddd-dddd").Verdict(); v.Exempt != 1 || v.Hits != 1 || v.Level != Isolated {
		t.Errorf("in a text: %+v", v)
	}
	for _, form := range []string{"", "8001010019", "abc", "ddXdd", "ååå", strings.Repeat("d", MaxMask+1), "d\td"} {
		if _, err := NewColumn(s, form); err == nil {
			t.Errorf("the form %q is taken", form)
		}
	}
	for _, form := range []string{"d", "dddddddddd", "xxdddddddddd-xddd", "d.d.ddd", "xxx dd/dd", strings.Repeat("d", MaxMask)} {
		if _, err := NewColumn(s, form); err != nil {
			t.Error(err)
		}
	}
}

func TestParams(t *testing.T) {
	if err := Defaults().Validate(); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]Params{
		"everything": {}, "a country": {Countries: []string{"DE"}},
		"shares": {MinDistinct: 1, MinShare: 2, Alpha: 1, MinIDs: 1, AlphaChance: -1, MinDated: 1, MinDatedShare: .1, DateChance: .2, MinDays: 32, Sample: 1 << 20},
	} {
		err := p.Validate()
		if err == nil {
			t.Fatalf("%s: valid", name)
		}
		if again := p.Validate(); err.Error() != again.Error() {
			t.Errorf("%s: the order of the errors changes", name)
		}
		if _, err := NewScanner(p, today); err == nil {
			t.Errorf("%s: a scanner is made", name)
		}
	}
	nan := Defaults()
	nan.Alpha = math.NaN()
	if nan.Validate() == nil {
		t.Error("NaN is valid")
	}
}

// No value leaves: not by any way of printing.
func TestNothingIsShown(t *testing.T) {
	const number = "8001010019"
	s := scanner(t, today)
	field := []byte("pat " + number)
	h := s.Scan(field)
	c := columnOf(t, s, []string{string(field), number})
	v := c.Verdict()
	key, _ := strconv.ParseUint(number, 10, 64)
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, shown := range []string{fmt.Sprintf(form, c), fmt.Sprintf(form, h), fmt.Sprintf(form, v), fmt.Sprintf(form, &v)} {
			for _, secret := range []string{number, "800101", strconv.FormatUint(hash(key), 10), strconv.FormatUint(hash(key), 16)} {
				if strings.Contains(shown, secret) {
					t.Errorf("%s shows the number or its hash", form)
				}
			}
		}
	}
	for value, want := range map[string]string{
		number: "dddddddddd", "800101-0019": "dddddd-dddd", "Åsa 12½": "xxx ddd", "\uff18\u0661\u00a0\u200b\t\x01": "dd ? ?",
		"": "", strings.Repeat("7", 30): strings.Repeat("d", 24) + "...", "\xff": "?",
	} {
		if got := Mask([]byte(value)); got != want {
			t.Errorf("mask %q, want %q", got, want)
		}
	}
}

func TestNames(t *testing.T) {
	var names []string
	for k := None; k < kinds; k++ {
		names = append(names, k.String())
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != int(kinds) || Clean.String() != "clean" || Isolated.String() != "isolated" || Pattern.String() != "pattern" {
		t.Errorf("%v", names)
	}
}

// What a first reading of a file supposes is held against these.
func TestForgivenAndRejected(t *testing.T) {
	r := rand.New(rand.NewSource(15))
	s := scanner(t, today)
	ids := many(3000, func() string { return randomDigits(r, 10) })
	for name, c := range map[string]struct {
		fields             []string
		forgiven, rejected bool
	}{
		"nothing":                  {[]string{"a", "12", ""}, false, false},
		"identifiers":              {ids, true, false},
		"a number":                 {[]string{"131052-308T"}, false, true},
		"a number within a text":   {[]string{"se 131052-308T"}, false, false},
		"identifiers and a number": {append(slices.Clone(ids), "131052-308T"), true, true},
	} {
		v := columnOf(t, s, c.fields).Verdict()
		if v.Forgiven != c.forgiven || v.Rejected != c.rejected {
			t.Errorf("%s: forgiven %v, rejected %v", name, v.Forgiven, v.Rejected)
		}
		for _, f := range c.fields {
			h := s.Scan([]byte(f))
			if h.Whole() && v.Rejects(h) && !v.Rejected || h.Whole() && !v.Rejects(h) && !v.Forgiven {
				t.Errorf("%s: %q is not as the verdict says", name, f)
			}
		}
	}
}

// Short spares the call and counts what Add would have counted.
func TestShort(t *testing.T) {
	s := scanner(t, today)
	for _, f := range []string{"", " ", "   ", "1", " 1", "1 ", "123456789", "1234567890", "131052-308T", "åäöåäöåäö"} {
		a, b := columnOf(t, s, nil), columnOf(t, s, []string{f})
		if !a.Short([]byte(f)) {
			a.Add([]byte(f))
		}
		if a.Verdict() != b.Verdict() || a.Short([]byte(f)) && s.Scan([]byte(f)).Found() {
			t.Errorf("%q: %+v, %+v", f, a.Verdict(), b.Verdict())
		}
	}
	c := columnOf(t, s, nil, "dddddddddd", "xx-dd")
	for f, want := range map[string]bool{"1234567890": true, " 1234567890 ": true, "123456789": false, "ab-12": true, "ab-1x": false} {
		if c.Exempt([]byte(f)) != want {
			t.Errorf("%q is exempt: %v", f, !want)
		}
	}
}
