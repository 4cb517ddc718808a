package intake

import (
	"fmt"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
)

// TestPollutedFields: what a field of a file of the field may look like, and
// what it is then. Each is right, or rejected in its place; what could be two
// things is the one that the feed declares, or none.
func TestPollutedFields(t *testing.T) {
	plain := func(*catalog.Feed) {}
	form := func(dates string) func(*catalog.Feed) {
		return func(f *catalog.Feed) { f.Dialect.Dates = dates }
	}
	row := func(date, unit, sex, num string) string { return strings.Join([]string{date, unit, sex, num}, ";") }
	ok := func(date, unit, sex string, num float64) string {
		return fmt.Sprintf("obs %s/%s %s v=%g", unit, sex, date, num)
	}
	rejected := func(column, rule string) string { return "!" + rule + " " + column }
	for _, tc := range []struct {
		name   string
		change func(*catalog.Feed)
		row    string
		want   string
	}{
		{"as it should be", plain, row("2024-01-01", "SE1-N", "K", "1,5"), ok("2024-01-01", "north", "K", 1.5)},
		{"thousands or decimals, undeclared", plain, row("2024-01-01", "SE1-N", "K", "1.234"), rejected("days", "C06")},
		{"thousands, declared", func(f *catalog.Feed) { f.Dialect.Thousands = "." }, row("2024-01-01", "SE1-N", "K", "1.234"), ok("2024-01-01", "north", "K", 1234)},
		{"decimals, declared", func(f *catalog.Feed) { f.Dialect.Decimal = "." }, row("2024-01-01", "SE1-N", "K", "1.234"), ok("2024-01-01", "north", "K", 1.234)},
		{"thousands of another length", func(f *catalog.Feed) { f.Dialect.Thousands = "." }, row("2024-01-01", "SE1-N", "K", "12.34"), rejected("days", "C06")},
		{"separators swapped", func(f *catalog.Feed) { f.Dialect.Thousands = "." }, row("2024-01-01", "SE1-N", "K", "1,234.5"), rejected("days", "C06")},
		{"a no-break space as padding", plain, row("2024-01-01", "\u00a0SE1-N\u00a0", "K\u202f", "\u00a01,5\u00a0"), ok("2024-01-01", "north", "K", 1.5)},
		{"a no-break space in a number", plain, row("2024-01-01", "SE1-N", "K", "1\u00a0234"), rejected("days", "C06")},
		{"a no-break space, declared", func(f *catalog.Feed) { f.Dialect.Thousands = "\u00a0" }, row("2024-01-01", "SE1-N", "K", "1\u00a0234"), ok("2024-01-01", "north", "K", 1234)},
		{"a zero-width space in a number", plain, row("2024-01-01", "SE1-N", "K", "1\u200b,5"), rejected("days", "C06")},
		{"a zero-width space in a unit", plain, row("2024-01-01", "SE1\u200b-N", "K", "1,5"), rejected("unit", "C06")},
		{"a zero-width space in a stratum", plain, row("2024-01-01", "SE1-N", "K\u200b", "1,5"), rejected("sex", "C06")},
		{"a byte order mark in a stratum", plain, row("2024-01-01", "SE1-N", "\ufeffK", "1,5"), rejected("sex", "C06")},
		{"a mark of direction in a date", plain, row("\u200e2024-01-01", "SE1-N", "K", "1,5"), rejected("date", "C06")},
		{"a guard, declared", func(f *catalog.Feed) { f.Dialect.Guards = true }, row(`="2024-01-01"`, `="SE1-N"`, `="K"`, `="1,5"`), ok("2024-01-01", "north", "K", 1.5)},
		{"a guard, undeclared", plain, row(`="2024-01-01"`, `="SE1-N"`, `="K"`, `="1,5"`), rejected("", "C02")},
		{"an exponent", plain, row("2024-01-01", "SE1-N", "K", "1,5e+02"), ok("2024-01-01", "north", "K", 150)},
		{"an exponent of a spreadsheet", plain, row("2024-01-01", "SE1-N", "K", "1,23E+05"), rejected("days", "C06")},
		{"a full-width digit", plain, row("2024-01-01", "SE1-N", "K", "１"), rejected("days", "C06")},
		{"a date of two orders, undeclared", plain, row("03-04-2024", "SE1-N", "K", "1,5"), rejected("date", "C06")},
		{"a date of two orders, declared", form("dd-mm-yyyy"), row("03-04-2024", "SE1-N", "K", "1,5"), ok("2024-04-03", "north", "K", 1.5)},
		{"an American date", form("dd-mm-yyyy"), row("04-13-2024", "SE1-N", "K", "1,5"), rejected("date", "C06")},
		{"a year of two digits", form("dd-mm-yyyy"), row("03-04-24", "SE1-N", "K", "1,5"), rejected("date", "C06")},
		{"the leap day of a common year", plain, row("2023-02-29", "SE1-N", "K", "1,5"), rejected("date", "C06")},
		{"the leap day of a leap year", plain, row("2024-02-29", "SE1-N", "K", "1,5"), ok("2024-02-29", "north", "K", 1.5)},
		{"a week that the year has", form("week"), row("2020-W53", "SE1-N", "K", "1,5"), ok("2020-12-28", "north", "K", 1.5)},
		{"a week that it has not", form("week"), row("2023-W53", "SE1-N", "K", "1,5"), rejected("date", "C06")},
		{"an hour that there was not", plain, row("2024-03-31T02:30", "SE1-N", "K", "1,5"), ok("2024-03-31", "north", "K", 1.5)},
		{"an hour that came twice, the first", plain, row("2024-10-27T02:30:00+02:00", "SE1-N", "K", "1,5"), ok("2024-10-27", "north", "K", 1.5)},
		{"an hour that came twice, the second", plain, row("2024-10-27T02:30:00+01:00", "SE1-N", "K", "1,5"), ok("2024-10-27", "north", "K", 1.5)},
		{"midnight by the sender's clock", plain, row("2024-06-30T22:30:00Z", "SE1-N", "K", "1,5"), ok("2024-07-01", "north", "K", 1.5)},
		{"a serial number of a spreadsheet", plain, row("45292", "SE1-N", "K", "1,5"), rejected("date", "C06")},
	} {
		feed := longFeed()
		feed.Columns = catalog.Columns{Unit: "unit", UnitSystem: "hsa", EventDate: "date", Strata: []string{"sex"}}
		feed.Measures = []catalog.Measure{{Indicator: "wait", Value: "days"}}
		tc.change(feed)
		text := "date;unit;sex;days\n" + tc.row + "\n"
		s, _, err := readText(t, feed, text, delivery())
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := strings.Join(s.rows(), "")
		if len(s.rejects) > 0 {
			got = rejected(s.rejects[0].Column, s.rejects[0].Rule)
			if s.rejects[0].Line != 2 || s.rejects[0].Hint == "" {
				t.Errorf("%s: %+v", tc.name, s.rejects[0])
			}
		} else {
			got = strings.Replace(strings.TrimPrefix(got, "2 "), "obs wait@1 ", "obs ", 1)
		}
		if got != tc.want {
			t.Errorf("%s: %q is %q, want %q", tc.name, tc.row, got, tc.want)
		}
	}
}

// Headers that are spoilt reject the file: nobody can tell which column is meant.
func TestPollutedHeaders(t *testing.T) {
	for name, header := range map[string]string{
		"a nameless column behind":     "unit;ind;date;num;den;",
		"nameless columns":             "unit;ind;date;num;den;;",
		"a column twice":               "unit;ind;date;num;num",
		"a zero-width space in a name": "unit;ind;date;num;de\u200bn",
		"letters in another case":      "unit;ind;date;Num;den",
		"a mark in the middle":         "unit;\ufeffind;date;num;den",
	} {
		text := header + "\nSE1-N;ctl;2024-01-01;1;2" + strings.Repeat(";", strings.Count(header, ";")-4) + "\n"
		if _, res, err := readText(t, longFeed(), text, delivery()); err == nil {
			t.Errorf("%s: taken, %+v", name, res)
		}
	}
}

// A value that cannot be is missing and takes no patient away; it stays beside.
func TestImplausibleValueIsMissing(t *testing.T) {
	feed := longFeed()
	feed.Columns = catalog.Columns{Unit: "unit", UnitSystem: "hsa", EventDate: "date"}
	feed.Measures = []catalog.Measure{{Indicator: "dose", Value: "days"}, {Indicator: "wait", Value: "days"}}
	text, want := "unit;date;days\n", []string(nil)
	for i, tc := range []struct{ value, dose string }{
		{"0,5", "v=0.5"}, {"100", "v=100"}, {"0,4", "(v=0.4) missing implausible"}, {"100,1", "(v=100.1) missing implausible"},
		{"-3", "(v=-3) missing implausible"}, {"", "missing"},
	} {
		text += "SE1-N;2024-01-31;" + tc.value + "\n"
		wait := "v=" + strings.Replace(tc.value, ",", ".", 1)
		if tc.value == "" {
			wait = "missing"
		}
		for _, of := range []string{"dose@1 north 2024-01-31 " + tc.dose, "wait@1 north 2024-01-31 " + wait} {
			want = append(want, fmt.Sprintf("%d obs %s", i+2, of))
		}
	}
	s, _, err := readText(t, feed, text, delivery())
	if err != nil || len(s.rejects) > 0 {
		t.Fatal(err, s.faults())
	}
	equal(t, "rows", s.rows(), want)
}
