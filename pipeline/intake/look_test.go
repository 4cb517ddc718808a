package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/identity"
)

// persons makes identity numbers that follow the rules of their kinds.
func persons(r *rand.Rand) map[identity.Kind]func() string {
	date := func() (y, m, d int) { return 1930 + r.IntN(60), 1 + r.IntN(12), 1 + r.IntN(28) }
	weigh := func(digits string, w ...int) int {
		sum := 0
		for i, k := range w {
			sum += int(digits[i]-'0') * k
		}
		return sum
	}
	swedish := func(plus int) func() string {
		return func() string {
			y, m, d := date()
			n := fmt.Sprintf("%02d%02d%02d%03d", y%100, m, d+plus, 1+r.IntN(999))
			sum := 0
			for i := range n {
				v := int(n[i]-'0') * (2 - i%2)
				sum += v/10 + v%10
			}
			return fmt.Sprintf("%d%s-%s%d", y/100, n[:6], n[6:], (10-sum%10)%10)
		}
	}
	norwegian := func(day, month int, fh bool) func() string {
		return func() string {
			for {
				y, m, d := date()
				n := fmt.Sprintf("%02d%02d%02d%03d", d+day, m+month, y%100, r.IntN(500))
				if fh {
					n = fmt.Sprintf("%d%08d", 8+r.IntN(2), r.IntN(1e8))
				}
				k1 := 11 - weigh(n, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11
				if k1 == 10 {
					continue
				}
				n += fmt.Sprint(k1 % 11)
				k2 := 11 - weigh(n, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11
				if k2 == 10 {
					continue
				}
				return n + fmt.Sprint(k2%11)
			}
		}
	}
	return map[identity.Kind]func() string{
		identity.Personnummer: swedish(0), identity.Samordningsnummer: swedish(60),
		identity.Fodselsnummer: norwegian(0, 0, false), identity.DNumber: norwegian(40, 0, false),
		identity.HNumber: norwegian(0, 40, false), identity.FHNumber: norwegian(0, 0, true),
		identity.CPR: func() string {
			y, m, d := date()
			return fmt.Sprintf("%02d%02d%02d-%04d", d, m, y%100, r.IntN(4000))
		},
		identity.HETU: func() string {
			y, m, d := date()
			n := fmt.Sprintf("%02d%02d%02d%03d", d, m, y%100, 2+r.IntN(898))
			v := 0
			for _, c := range n {
				v = (v*10 + int(c-'0')) % 31
			}
			return n[:6] + "-" + n[6:] + string("0123456789ABCDEFHJKLMNPRSTUVWXY"[v])
		},
	}
}

// notedFeed is a wide file with a note that the feed ignores, and a cost that it
// reads.
func notedFeed() *catalog.Feed {
	f := wideFeed()
	f.IgnoreColumns = []string{"note"}
	return f
}

const notedHeader = "unit;date;pid;sex;id;ok;days;ward;note\n"

// noted is one row; change says what stands in which column.
func noted(i int, change map[string]string) string {
	row := []string{"SE1-N", "2024-05-01", fmt.Sprintf("p%d", i), "K", fmt.Sprintf("k%d", i), "1", "2,5", "A", ""}
	for j, name := range strings.Split(strings.TrimSpace(notedHeader), ";") {
		if text, ok := change[name]; ok {
			row[j] = text
		}
	}
	return strings.Join(row, ";") + "\n"
}

// readOnce reads without reading again, and gives what the sink had taken even
// where the file is no fact.
func readOnce(feed *catalog.Feed, text string, looked *Looked) (*taken, Result, error) {
	s := &taken{}
	d := delivery()
	d.Looked = looked
	res, err := Read(context.Background(), strings.NewReader(text), feed, world(), d, s)
	return s, res, err
}

// leaks fails where a number shows in what any reading gave away.
func leaks(t *testing.T, feed *catalog.Feed, numbers []string, s *taken, res Result, err error) {
	t.Helper()
	var out strings.Builder
	w := NewRejectedRows(&out, feed)
	for i := range s.rejects {
		if err := w.Reject(&s.rejects[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	receipt := Receipt{}
	if err == nil || errors.As(err, new(*FileError)) {
		receipt, err = NewReceipt(feed, delivery(), res, err)
		if err != nil {
			t.Fatal(err)
		}
	}
	o := &s.obs
	fmt.Fprint(&out, receipt, err, s.rejects, o.Indicator.Values, o.Version.Values, o.Unit.Values, o.Stratum.Values, o.Subject, res.Identity)
	if err := receipt.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for i := range o.Line {
		fmt.Fprintf(&out, " %s", o.Key[i])
		for _, n := range []int64{o.Numerator[i], o.Denominator[i], o.Value[i], o.Expected[i]} {
			fmt.Fprintf(&out, " %d", n/1e6)
		}
	}
	all := out.String()
	compact := strings.NewReplacer("-", "", " ", "", ".", "")
	for _, n := range numbers {
		for _, form := range []string{n, compact.Replace(n), strings.TrimPrefix(compact.Replace(n), "19")} {
			if i := strings.Index(all, form); i >= 0 {
				t.Errorf("%s shows: %.120q", form, all[max(0, i-60):])
				return
			}
		}
	}
}

// Every kind of number, in every column that declares none, rejects the file;
// nothing of it leaves before.
func TestColumnsOfIdentitiesRejectTheFile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 15))
	for kind, person := range persons(r) {
		for _, column := range []string{"note", "id", "sex", "ward", "days", "ok", "unit", "date"} {
			for _, around := range []string{"%s", "pat %s ok"} {
				var b strings.Builder
				b.WriteString(notedHeader)
				var numbers []string
				for i := range 300 {
					if i%3 > 0 {
						b.WriteString(noted(i, nil))
						continue
					}
					n := person()
					numbers = append(numbers, n)
					b.WriteString(noted(i, map[string]string{column: fmt.Sprintf(around, n)}))
				}
				s, res, err := readOnce(notedFeed(), b.String(), nil)
				what := fmt.Sprintf("%v in %s as %q", kind, column, around)
				bad, ok := errors.AsType[*FileError](err)
				if !ok || len(bad.Problems) != 1 || bad.Problems[0].Rule != RuleIdentity || bad.Problems[0].Column != column || bad.Problems[0].Hint == "" {
					t.Errorf("%s: %v", what, err)
					continue
				}
				if len(bad.Identity) != 1 || bad.Identity[0].Column != column || bad.Identity[0].Level != "pattern" || bad.Identity[0].Hits != 100 {
					t.Errorf("%s: found %+v", what, bad.Identity)
				}
				leaks(t, notedFeed(), numbers, s, res, err)
			}
		}
	}
}

// A number here and there rejects its rows and no others, in whichever column
// and however it stands.
func TestIsolatedIdentitiesRejectTheirRows(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 15))
	kinds := persons(r)
	for kind, person := range kinds {
		for _, column := range []string{"note", "id", "sex", "ward", "days", "unit"} {
			for _, around := range []string{"%s", "pat %s ok"} {
				var b strings.Builder
				b.WriteString(notedHeader)
				var numbers []string
				for i := range 400 {
					if i != 7 && i != 391 {
						b.WriteString(noted(i, nil))
						continue
					}
					n := person()
					numbers = append(numbers, n)
					b.WriteString(noted(i, map[string]string{column: fmt.Sprintf(around, n)}))
				}
				what := fmt.Sprintf("%v in %s as %q", kind, column, around)
				first, res, err := readOnce(notedFeed(), b.String(), nil)
				leaks(t, notedFeed(), numbers, first, res, err)
				s, res, err := readText(t, notedFeed(), b.String(), delivery())
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				var lines []uint64
				for _, x := range s.rejects {
					if x.Rule == RuleIdentity {
						lines = append(lines, x.Line)
					}
				}
				if !slices.Equal(lines, []uint64{9, 393}) || res.Rejected != 2 || res.Rules[RuleIdentity] != 2 || res.Lines != 400 {
					t.Errorf("%s: lines %v, %d rejected, rules %v", what, lines, res.Rejected, res.Rules)
				}
				if len(res.Identity) != 1 || res.Identity[0].Column != column || res.Identity[0].Level != "isolated" || res.Identity[0].Hits != 2 {
					t.Errorf("%s: found %+v", what, res.Identity)
				}
				leaks(t, notedFeed(), numbers, s, res, err)
			}
		}
	}
}

// Identifiers of ten digits, some of which pass as numbers, are no persons: in a
// key the file is read once, in a stratum twice, and nothing is rejected.
func TestIdentifiersThatPassByChance(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 15))
	for column, again := range map[string]bool{"id": false, "note": false, "sex": true} {
		var b strings.Builder
		b.WriteString(notedHeader)
		hits := 0
		scanner, err := identity.NewScanner(identity.Defaults(), 20241231)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2000 {
			id := fmt.Sprintf("%010d", r.Uint64N(1e10))
			if scanner.Scan([]byte(id)).Found() {
				hits++
			}
			b.WriteString(noted(i, map[string]string{column: id}))
		}
		if hits < 50 {
			t.Fatalf("%d pass", hits)
		}
		_, _, err = readOnce(notedFeed(), b.String(), nil)
		if _, ok := errors.AsType[*Reread](err); ok != again || !again && err != nil {
			t.Errorf("%s: %v", column, err)
		}
		_, res, err := readText(t, notedFeed(), b.String(), delivery())
		if err != nil || res.Rejected != 0 || len(res.Identity) != 0 {
			t.Errorf("%s: %d rejected, %+v, %v", column, res.Rejected, res.Identity, err)
		}
		// With a few persons among them, their rows are.
		declared := notedFeed()
		declared.Opaque = []catalog.OpaqueColumn{{Column: column, Forms: []string{"dddddddddd"}}}
		text := b.String() + noted(2001, map[string]string{column: "131052-308T"})
		_, res, err = readText(t, declared, text, delivery())
		if err != nil || res.Rejected != 1 || len(res.Identity) != 1 {
			t.Errorf("%s, declared: %d rejected, %+v, %v", column, res.Rejected, res.Identity, err)
		}
	}
}

// What is declared is neither looked at nor given back.
func TestDeclaredIdentifiers(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 15))
	person := persons(r)[identity.Personnummer]
	feed := notedFeed()
	feed.Identifiers = []string{"id", "note"}
	var b strings.Builder
	b.WriteString(notedHeader)
	var numbers []string
	for i := range 300 {
		a, k, note := person(), person(), "Åsa "+person()
		numbers = append(numbers, a, k, note, "Åsa")
		row := map[string]string{"pid": a, "id": k, "note": note}
		if i == 5 {
			row["days"] = "många"
		}
		b.WriteString(noted(i, row))
	}
	b.WriteString(person() + ";" + person() + "\n") // cut
	s, res, err := readText(t, feed, b.String(), delivery())
	if err != nil || res.Rejected != 2 || len(res.Identity) != 0 {
		t.Fatalf("%d rejected, %+v, %v", res.Rejected, res.Identity, err)
	}
	leaks(t, feed, numbers, s, res, err)
	if raw := s.rejects[0].Raw; raw[2] != "dddddddd-dddd" || raw[4] != "dddddddd-dddd" || raw[8] != "xxx dddddddd-dddd" || raw[0] != "SE1-N" || raw[6] != "många" {
		t.Errorf("given back is %q", raw)
	}
	if raw := strings.Join(s.rejects[1].Raw, ";"); raw != "dddddddd-dddd;dddddddd-dddd" {
		t.Errorf("a row that could not be split is given back as %q", raw)
	}
	for _, x := range s.rejects {
		if !strings.Contains(x.Hint, fmt.Sprintf("line %d of the file", x.Line)) {
			t.Errorf("the hint %q does not say the line", x.Hint)
		}
	}
}

// Text that could not be split, and the preamble, hide what looks like a number.
func TestUnsplitTextHidesNumbers(t *testing.T) {
	feed := notedFeed()
	feed.Columns.Subject, feed.Key = "", nil
	feed.IgnoreColumns = []string{"note", "pid", "id"}
	text := notedHeader + strings.Repeat(noted(1, nil), 300) + "a;b 19121212-1212 c;13097248022\n\"x 131052-308T\"y;2\n"
	s, res, err := readText(t, feed, text, delivery())
	if err != nil || res.Rejected != 2 {
		t.Fatal(res.Rejected, err)
	}
	leaks(t, feed, []string{"19121212-1212", "13097248022", "131052-308T"}, s, res, err)
	if raw := strings.Join(s.rejects[0].Raw, ";"); raw != "a;b dddddddd-dddd c;ddddddddddd" {
		t.Errorf("given back is %q", raw)
	}
	if len(res.Identity) != 1 || res.Identity[0].Column != "" || res.Identity[0].Hits != 3 {
		t.Errorf("found %+v", res.Identity)
	}
}

// Values that JSON has and no column, and keys inside what is ignored.
func TestIgnoredValuesOfJSON(t *testing.T) {
	feed := wideFeed()
	feed.Format, feed.IgnoreColumns = "ndjson", []string{"meta"}
	line := func(i int, meta string) string {
		return fmt.Sprintf(`{"unit":"SE1-N","date":"2024-05-01","pid":"p%d","sex":"K","id":"k%d","ok":1,"days":2.5,"ward":"A","meta":%s}`+"\n", i, i, meta)
	}
	good := strings.Builder{}
	for i := range 300 {
		good.WriteString(line(i, `{"by":"export","n":[1,2]}`))
	}
	for name, meta := range map[string]string{
		"value": `"19121212-1212"`, "nested": `{"a":[{"b":"13097248022"}]}`, "number": `{"a":191212121212}`, "escaped": `"pat\n\u00319121212-1212"`,
		"key": `{"131052-308T":true}`, "text": `{"a":"se 131052-308T"}`,
	} {
		s, res, err := readText(t, feed, good.String()+line(300, meta), delivery())
		if err != nil || res.Rejected != 1 || len(s.rejects) != 1 || s.rejects[0].Rule != RuleIdentity || s.rejects[0].Line != 301 {
			t.Errorf("%s: %d rejected, %v", name, res.Rejected, err)
		}
		leaks(t, feed, []string{"19121212-1212", "13097248022", "131052-308T"}, s, res, err)
	}
	r := rand.New(rand.NewPCG(5, 15))
	var b strings.Builder
	for i := range 300 {
		b.WriteString(line(i, `{"of":"`+persons(r)[identity.Fodselsnummer]()+`"}`))
	}
	if _, _, err := readOnce(feed, b.String(), nil); err == nil || problems(t, err)[0][:3] != RuleIdentity {
		t.Errorf("a file of them: %v", err)
	}
}

// However a file mixes numbers, identifiers and texts: what comes of it is what
// a reading that knows the verdicts from the beginning makes of it, and nothing
// of a person leaves in any reading.
func TestSecondReadingIsTheTruth(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 15))
		makers := slices.Collect(maps.Values(persons(r)))
		share := rapid.SampledFrom([]float64{0, 0.002, 0.02, 0.3}).Draw(rt, "share")
		column := rapid.SampledFrom([]string{"note", "id", "sex", "ward"}).Draw(rt, "column")
		digits := rapid.IntRange(0, 12).Draw(rt, "digits")
		feed := notedFeed()
		var b strings.Builder
		b.WriteString(notedHeader)
		var numbers []string
		for i := range rapid.IntRange(1, 400).Draw(rt, "rows") {
			text := ""
			for range digits {
				text += string(rune('0' + r.IntN(10)))
			}
			if r.Float64() < share {
				text = makers[r.IntN(len(makers))]()
				numbers = append(numbers, text)
				if r.IntN(2) == 0 {
					text = "pat " + text
				}
			}
			b.WriteString(noted(i, map[string]string{column: text}))
		}
		first, res, err := readOnce(feed, b.String(), nil)
		if column != "sex" { // identifiers that chance explains are strata as they are
			leaks(t, feed, numbers, first, res, err)
		}
		again, ok := errors.AsType[*Reread](err)
		if !ok {
			return
		}
		second, res, err := readOnce(feed, b.String(), again.Looked)
		if err != nil {
			rt.Fatal(err)
		}
		third, res3, err := readOnce(feed, b.String(), again.Looked)
		if err != nil || !reflect.DeepEqual(second.rows(), third.rows()) || res.Rejected != res3.Rejected {
			rt.Fatalf("the second reading differs from the third: %v", err)
		}
		verdict := again.Looked.verdicts[column]
		if verdict.Level == identity.Isolated && res.Rules[RuleIdentity] == 0 && len(numbers) > 0 && digits == 0 {
			rt.Fatalf("numbers %v, verdict %+v, and no row is rejected", numbers, verdict)
		}
	})
}

// The cells of a file do not depend on the keys of the pseudonyms, and other
// keys give other pseudonyms and natural keys for every row.
func TestKeysChangeNothingElse(t *testing.T) {
	var b strings.Builder
	b.WriteString(notedHeader)
	for i := range 500 {
		b.WriteString(noted(i, map[string]string{"pid": fmt.Sprintf("p%d", i/2)}))
	}
	a, resA, err := readText(t, notedFeed(), b.String(), delivery())
	if err != nil {
		t.Fatal(err)
	}
	d := delivery()
	d.Keys = otherKeys(t)
	c, resC, err := readText(t, notedFeed(), b.String(), d)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "rows", a.rows(), c.rows())
	said := func(res Result) string {
		b, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, c := said(resA), said(resC); a != c {
		t.Errorf("the results differ:\n%s\n%s", a, c)
	}
	people := map[[16]byte]bool{}
	for i := range a.obs.Line {
		if a.obs.Subject[i] == c.obs.Subject[i] || a.obs.Key[i] == c.obs.Key[i] {
			t.Fatalf("row %d has the same pseudonym or key", i)
		}
		people[a.obs.Subject[i]] = true
	}
	if len(people) != 250 {
		t.Errorf("%d pseudonyms of 250 persons", len(people))
	}
	d.Keys = nil
	if _, _, err := readText(t, notedFeed(), b.String(), d); err == nil || !strings.Contains(err.Error(), "keys of region r1") {
		t.Errorf("without keys: %v", err)
	}
}

// Limits of rows and fields, each format by itself.
func TestRowAndFieldLimits(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name   string
		limits catalog.Limits
		note   string
		says   string // of the file or of the row; empty: it is taken
	}{
		{"defaults", catalog.Limits{}, strings.Repeat("x", 60_000), ""},
		{"field", catalog.Limits{}, strings.Repeat("x", 66_000), "a field of 66000 bytes, and the limit is 65536"},
		{"row", catalog.Limits{Field: 2 << 20}, strings.Repeat("x", 1<<20), "more than 1048576 bytes"},
		{"own field", catalog.Limits{Field: 299}, long, "a field of 300 bytes, and the limit is 299"},
		{"own field that fits", catalog.Limits{Field: 300}, long, ""},
		{"own row", catalog.Limits{Row: 200}, long, "more than 200 bytes"},
	} {
		for _, format := range []string{"delimited", "ndjson", "fixed", "xlsx"} {
			feed := notedFeed()
			feed.Format, feed.Limits = format, c.limits
			if format == "ndjson" {
				// What is ignored is no field; here it is one.
				feed.IgnoreColumns, feed.Columns.Strata = nil, []string{"sex", "note"}
			}
			text := limited(t, feed, c.note)
			s, res, err := readText(t, feed, text, delivery())
			said := fmt.Sprint(err)
			for _, x := range s.rejects {
				said += x.Text
			}
			if format == "xlsx" && c.name == "own row" {
				c.says = "a row of"
			}
			if format == "xlsx" && c.name == "row" {
				continue // a cell has at most 32,767 characters; see package xlsx
			}
			taken := err == nil && res.Rejected == 0
			if taken != (c.says == "") || !strings.Contains(said, c.says) {
				t.Errorf("%s, %s: %d rejected, %.200s", c.name, format, res.Rejected, said)
			}
		}
	}
}

// limited is a file of the feed with one row whose note is the text.
func limited(t *testing.T, feed *catalog.Feed, note string) string {
	t.Helper()
	names := strings.Split(strings.TrimSpace(notedHeader), ";")
	values := strings.Split(strings.TrimSpace(noted(1, map[string]string{"note": note})), ";")
	switch feed.Format {
	case "ndjson":
		var b strings.Builder
		for i, n := range names {
			fmt.Fprintf(&b, `%s"%s":"%s"`, []string{"{", ","}[min(i, 1)], n, values[i])
		}
		return b.String() + "}\n"
	case "fixed":
		feed.Dialect.Header = false
		var b strings.Builder
		from := 1
		for i, n := range names {
			feed.Fixed = append(feed.Fixed, catalog.FixedColumn{Name: n, From: from, Width: max(1, len(values[i]))})
			b.WriteString(values[i] + " ")
			from += max(1, len(values[i])) + 1
		}
		return b.String() + "\n"
	case "xlsx":
		var b strings.Builder
		for _, row := range [][]string{names, values} {
			b.WriteString("<row>")
			for _, v := range row {
				fmt.Fprintf(&b, `<c t="str"><v>%s</v></c>`, v)
			}
			b.WriteString("</row>")
		}
		return workbookOf(t, "<worksheet><sheetData>"+b.String()+"</sheetData></worksheet>")
	}
	return notedHeader + noted(1, map[string]string{"note": note})
}

// The thresholds of check C15 are the feed's where it has any.
func TestThresholdsOfAFeed(t *testing.T) {
	numbers := persons(rand.New(rand.NewPCG(1, 2)))[identity.Personnummer]
	var b strings.Builder
	b.WriteString(notedHeader)
	for i := range 400 {
		note := map[string]string{"note": "as agreed"}
		if i%100 == 7 {
			note["note"] = numbers()
		}
		b.WriteString(noted(i, note))
	}
	for name, tc := range map[string]struct {
		limits *catalog.IdentityLimits
		file   bool
	}{
		"four of the default's five": {nil, false},
		"three make a pattern":       {&catalog.IdentityLimits{MinDistinct: 3, MinShare: 0.001, Alpha: 0.01}, true},
		"a share of a half":          {&catalog.IdentityLimits{MinDistinct: 3, MinShare: 0.5, Alpha: 0.01}, false},
	} {
		feed := notedFeed()
		feed.Identity = tc.limits
		_, _, err := readOnce(feed, b.String(), nil)
		var again *Reread
		if errors.As(err, &again) {
			_, _, err = readOnce(feed, b.String(), again.Looked)
		}
		var bad *FileError
		if got := errors.As(err, &bad); got != tc.file || err != nil && !got {
			t.Errorf("%s: %v", name, err)
		}
	}
}
