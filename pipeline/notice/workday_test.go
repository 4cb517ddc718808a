package notice_test

import (
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/notice"
)

func day(t testing.TB, s string) catalog.Date {
	t.Helper()
	d, err := catalog.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The dates are those of the countries' own calendars.
func TestHolidaysAreNoWorkingDays(t *testing.T) {
	for country, c := range map[string]struct{ closed, open []string }{
		"SE": {
			// Epiphany, Good Friday, Easter Monday, 1 May, Ascension, national
			// day, midsummer eve, the eves of Christmas and New Year.
			closed: []string{"2025-01-06", "2024-03-29", "2025-04-18", "2026-04-03", "2027-03-26", "2024-04-01", "2025-04-21", "2026-04-06", "2027-03-29",
				"2024-05-01", "2024-05-09", "2025-05-29", "2026-05-14", "2027-05-06", "2024-06-06", "2025-06-06",
				"2024-06-21", "2025-06-20", "2026-06-19", "2027-06-25", "2024-12-24", "2025-12-31"},
			open: []string{"2024-05-20", "2025-06-09", "2025-05-30", "2024-12-23", "2025-05-16"},
		},
		"NO": {
			closed: []string{"2024-03-28", "2025-04-17", "2024-05-17", "2027-05-17", "2024-05-20", "2025-06-09", "2026-05-25", "2025-05-29", "2026-05-14", "2025-05-01"},
			open:   []string{"2024-06-21", "2025-06-06", "2025-01-06"},
		},
		"DK": {
			closed: []string{"2024-03-28", "2025-04-17", "2024-05-09", "2025-05-29", "2024-05-20", "2025-06-09", "2024-12-24"},
			// Great Prayer Day is none since 2024.
			open: []string{"2024-04-26", "2025-05-16", "2026-05-01", "2024-06-21"},
		},
		"FI": {
			closed: []string{"2025-01-06", "2024-05-09", "2025-05-29", "2024-06-21", "2025-06-20", "2024-12-06", "2025-04-21", "2025-05-01"},
			open:   []string{"2025-06-06", "2024-05-20", "2025-06-09"},
		},
		"IS": {
			closed: []string{"2024-04-25", "2025-04-24", "2026-04-23", "2027-04-22", "2024-06-17", "2025-06-17", "2024-08-05", "2025-08-04", "2026-08-03", "2024-03-28"},
			open:   []string{"2024-06-21", "2025-04-25"},
		},
		"GB": {
			closed: []string{"2024-05-06", "2024-05-27", "2024-08-26", "2025-05-05", "2025-08-25", "2026-12-28", "2027-12-27", "2027-12-28", "2025-04-18", "2025-04-21"},
			open:   []string{"2024-05-01", "2025-05-29", "2024-12-24", "2025-06-20"},
		},
	} {
		w := notice.NewWorkdays(country, day(t, "2024-01-01"), day(t, "2027-12-31"))
		for _, d := range c.closed {
			if w.On(day(t, d)) {
				t.Errorf("%s: %s is a holiday", country, d)
			}
		}
		for _, d := range c.open {
			if !w.On(day(t, d)) {
				t.Errorf("%s: %s is a working day", country, d)
			}
		}
		if w.On(day(t, "2025-09-06")) || w.On(day(t, "2025-09-07")) || !w.On(day(t, "2025-09-08")) {
			t.Errorf("%s: weekends", country)
		}
	}
}

func TestWorkdaysAreCounted(t *testing.T) {
	w := notice.NewWorkdays("SE", day(t, "2025-01-01"), day(t, "2025-12-31"))
	for _, c := range []struct {
		from, to string
		n        int
	}{
		{"2025-06-18", "2025-06-18", 0},
		{"2025-06-18", "2025-06-19", 1},
		{"2025-06-18", "2025-06-23", 2}, // midsummer eve and a weekend between
		{"2025-06-20", "2025-06-22", 0},
		{"2025-12-23", "2025-12-29", 1},
	} {
		if n := w.Between(day(t, c.from), day(t, c.to)); n != c.n {
			t.Errorf("%s to %s: %d working days, not %d", c.from, c.to, n, c.n)
		}
	}
	if d := w.After(day(t, "2025-06-18"), 2); d.String() != "2025-06-23" {
		t.Errorf("two working days after 18 June: %s", d)
	}
	if d := w.After(day(t, "2025-06-21"), 0); d.String() != "2025-06-21" {
		t.Errorf("none: %s", d)
	}
}
