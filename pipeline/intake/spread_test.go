package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
)

// lateRows is a file with a row in each of the months, as 2024-01.
func lateRows(months ...string) string {
	var b strings.Builder
	b.WriteString("unit;ind;date;num;den\n")
	for _, m := range months {
		fmt.Fprintf(&b, "SE1-N;ctl;%s-07;1;2\n", m)
	}
	return b.String()
}

// A snapshot of the periods of its own rows replaces all that it spans: what it
// has no rows for is said, with the line of the date that may be a slip.
func TestAFileSaysWhatItReplaces(t *testing.T) {
	for _, tc := range []struct {
		name   string
		text   string
		change func(*catalog.Feed)
		want   string
	}{
		{"whole", lateRows("2024-01", "2024-02", "2024-03"), nil, ""},
		{"one", lateRows("2024-02"), nil, ""},
		{"a hole", lateRows("2024-01", "2024-03"), nil, "2: the file replaces 3 months, from 2024-01-01 to before 2024-04-01, and has rows for 2 of them: what was there of the others is gone"},
		{"a slip before", lateRows("2024-02", "2024-01", "1924-03", "2024-03"), nil, "4: the file replaces 1201 months, from 1924-03-01 to before 2024-04-01, and has rows for 4 of them: what was there of the others is gone"},
		{"a slip behind", lateRows("2021-02", "2021-01", "2024-03", "2021-03"), nil, "4: the file replaces 39 months, from 2021-01-01 to before 2024-04-01, and has rows for 4 of them: what was there of the others is gone"},
		{"a rejected row replaces, too", lateRows("2024-01", "2024-02") + "SE1-N;ctl;2023-11-03;x;2\n", nil, "4: the file replaces 4 months, from 2023-11-01 to before 2024-03-01, and has rows for 3 of them: what was there of the others is gone"},
		{"a delta replaces nothing", lateRows("2024-01", "2024-03"), func(f *catalog.Feed) { f.Delivery, f.Scope, f.Key = "delta", catalog.Scope{}, []string{"date"} }, ""},
		{"all is replaced", lateRows("2024-01", "2024-03"), func(f *catalog.Feed) { f.Scope.Window = "all" }, ""},
	} {
		feed := longFeed()
		if tc.change != nil {
			tc.change(feed)
		}
		d := delivery()
		d.Keys = keys()
		_, res, err := readText(t, feed, tc.text, d)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		got := ""
		for _, f := range res.Findings {
			got += fmt.Sprintf("%d: %s", f.Line, f.Text)
		}
		if got != tc.want {
			t.Errorf("%s:\n%s, want\n%s", tc.name, got, tc.want)
		}
	}
}

// A file that spans far more than the one before it, mostly without rows, is
// asked about; a long one that is whole is not, nor is the first.
func TestASpanThatIsFarTooWideIsAskedAbout(t *testing.T) {
	read := func(months ...string) Result {
		_, res, err := readText(t, longFeed(), lateRows(months...), delivery())
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	var years []string
	for y := 2015; y < 2025; y++ {
		for m := 1; m <= 12; m++ {
			years = append(years, fmt.Sprintf("%d-%02d", y, m))
		}
	}
	from, to := day("2024-01-01"), day("2024-04-01")
	slip := read("2024-01", "2024-02", "2014-03", "2024-03")
	var bad *FileError
	if err := TooWide(longFeed(), &slip, from, to); !errors.As(err, &bad) || bad.Problems[0].Line != 4 || bad.Problems[0].Rule != RuleWhole {
		t.Errorf("a slip: %v", err)
	}
	if err := TooWide(longFeed(), &slip, catalog.Date{}, catalog.Date{}); err != nil {
		t.Errorf("the first of its feed: %v", err)
	}
	if err := TooWide(longFeed(), &slip, day("2010-01-01"), to); err != nil {
		t.Errorf("no wider than before: %v", err)
	}
	whole := read(years...)
	if err := TooWide(longFeed(), &whole, from, to); err != nil {
		t.Errorf("ten years, whole: %v", err)
	}
	hole := read("2024-01", "2024-03", "2024-04")
	if err := TooWide(longFeed(), &hole, from, to); err != nil {
		t.Errorf("a month more, and a hole: %v", err)
	}
}

// The set of days and what it says of periods agree with a plain map.
func TestDaySet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfN(rapid.Int32Range(-700, 3000), 1, 12).Draw(t, "days")
		g := rapid.SampledFrom([]catalog.Granularity{catalog.Day, catalog.Week, catalog.Month, catalog.Quarter, catalog.Year}).Draw(t, "period")
		var s daySet
		with := map[catalog.Date]bool{}
		lo, hi := days[0], days[0]
		for i, d := range days {
			s.add(d, uint64(i+1))
			with[g.PeriodStart(catalog.DateOfDays(d))] = true
			lo, hi = min(lo, d), max(hi, d)
		}
		got, n := s.spread(g), 0
		for at := g.PeriodStart(catalog.DateOfDays(lo)); !catalog.DateOfDays(hi).Before(at); at = g.PeriodEnd(at) {
			n++
		}
		if got.Periods != n || got.With != len(with) || days[got.Line-1] != lo && days[got.Line-1] != hi {
			t.Fatalf("%+v, want %d with rows of %d", got, len(with), n)
		}
	})
}
