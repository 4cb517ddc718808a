package intake

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Texts that differ in any byte, or in their length, have different keys.
func TestKeyOfText(t *testing.T) {
	keys := map[textKey]string{}
	add := func(text []byte) {
		k := keyOfText(text)
		if other, ok := keys[k]; ok && other != string(text) {
			t.Fatalf("%q and %q have one key", text, other)
		}
		keys[k] = string(text)
	}
	for n := range maxSeen + 1 {
		for _, fill := range []byte{0, 'a'} {
			text := bytes.Repeat([]byte{fill}, n)
			add(text)
			for i := range text {
				for _, c := range []byte{1, 'b', 0xff} {
					text[i] = c
					add(text)
				}
				text[i] = fill
			}
		}
	}
}

// What is known of a text is what was found out of it last, or nothing: never
// what was found out of another, also where there are more than are remembered.
func TestSeenKnowsItsTexts(t *testing.T) {
	for _, texts := range []int{1, 1200, maxSeenTexts, maxSeenTexts + 1, 3 * maxSeenTexts} {
		s, found, known := &seen{}, map[string]int32{}, 0
		for i := range int32(10 * maxSeenTexts) {
			text := fmt.Sprintf("SE2321000016-%04X", (int(i)*7919)%texts)
			c := s.of([]byte(text))
			if c.knows&knowsDay != 0 {
				if known++; c.day != found[text] {
					t.Fatalf("%q is %d, and %d was found", text, c.day, found[text])
				}
			}
			c.day, c.knows = i, knowsDay
			found[text] = i
			if again := s.of([]byte(text)); again.day != i {
				t.Fatalf("%q is forgotten at once", text)
			}
		}
		if want := 10*maxSeenTexts - texts; texts <= maxSeenTexts && known != want {
			t.Errorf("of %d texts %d were known again, want %d", texts, known, want)
		}
		if len(s.cells) > maxSeenTexts {
			t.Errorf("%d texts are remembered", len(s.cells))
		}
	}
	for _, text := range []string{"", "SE2321000016-1234-5678-9"} {
		if (&seen{}).of([]byte(text)) != nil {
			t.Errorf("%q is remembered", text)
		}
	}
}

// A row reads the same whatever texts came before it: those that come again, are
// too long to be remembered, mean something else on another day, or are wrong.
func TestRowsReadAsTheyDoAlone(t *testing.T) {
	feed := longFeed()
	feed.Columns.Strata = []string{"sex"}
	feed.Columns.RegistrationDate = "reg"
	const header = "unit;ind;date;num;den;reg;sex\n"
	units := rapid.SampledFrom([]string{"SE1-N", "SE1-S", "MOVED", " SE1-N ", "NONE", "", "NA", "SE1-N-SE1-N-SE1-N-SE1-N-SE1-N", "2024-01-02"})
	dates := rapid.SampledFrom([]string{"2024-01-02", "2024-02-29", "2024-04-01", "2025-02-01", "2024-02-30", "2024-01-02T10:15", " 2024-01-02", "1999-01-01", "2031-01-01", ""})
	strata := rapid.SampledFrom([]string{"K", "M", "*", "", "K ", "K/M", "NA", "a stratum of more than 24 bytes", "2024-01-02"})
	numbers := rapid.SampledFrom([]string{"1", "0", "1,5", "1,25000001", "-1", "x", "", "NA"})
	row := rapid.Custom(func(t *rapid.T) string {
		return strings.Join([]string{units.Draw(t, "unit"), rapid.SampledFrom([]string{"n", "ctl"}).Draw(t, "ind"), dates.Draw(t, "date"),
			numbers.Draw(t, "num"), numbers.Draw(t, "den"), dates.Draw(t, "reg"), strata.Draw(t, "sex")}, ";") + "\n"
	})
	// What was found, without the line on which it stands.
	found := func(t rapid.TB, text string) (out []string) {
		s := &taken{}
		if _, err := Read(context.Background(), strings.NewReader(header+text), feed, world(), delivery(), s); err != nil {
			t.Fatal(err)
		}
		for _, line := range append(s.rows(), s.faults()...) {
			_, rest, _ := strings.Cut(line, " ")
			out = append(out, rest)
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		// Dates are read in another way where one of them stands for none.
		feed.Dialect.Missing = []string{"NA", "1999-01-01"}[:rapid.IntRange(1, 2).Draw(t, "missing")]
		rows := rapid.SliceOfN(row, 1, 30).Draw(t, "rows")
		var want []string
		for _, r := range rows {
			want = append(want, found(t, r)...)
		}
		got := found(t, strings.Join(rows, ""))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%q\ngive %q,\nalone %q", rows, got, want)
		}
	})
}

// A date that the feed lists as none is none, first or again.
func TestDateThatIsNone(t *testing.T) {
	feed := longFeed()
	feed.Dialect.Missing = []string{"1999-01-01"}
	s, _, err := readText(t, feed, "unit;ind;date;num;den\n"+strings.Repeat("SE1-N;n;1999-01-01;1;2\n", 2), delivery())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "faults", s.faults(), []string{`2 C06 date "1999-01-01"`, `3 C06 date "1999-01-01"`})
}
