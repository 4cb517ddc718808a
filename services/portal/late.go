package portal

import (
	"time"

	"larstrom/pipeline/catalog"
)

// lateness is a feed that should have come and did not.
type lateness struct {
	// Due is the as-of date that was awaited; zero: nothing has ever come.
	Due catalog.Date
	// Newest is the newest as-of date that came; zero: none.
	Newest catalog.Date
	// By is when the export of Due was awaited at the latest.
	By time.Time
}

// late says whether an export was due on the night and had not come by now. A
// feed is due a day, a week or a month after its newest as-of date, and late
// when the feed's time of day has passed then; a feed without one has the whole
// day. Without a schedule nothing is awaited, and what is dated after the night
// has come.
func late(s catalog.Schedule, zone *time.Location, came []catalog.Date, night catalog.Date, now time.Time) (lateness, bool) {
	if s.Every == "" || night.IsZero() {
		return lateness{}, false
	}
	var l lateness
	for _, d := range came {
		if l.Newest.Before(d) {
			l.Newest = d
		}
	}
	due := night
	if !l.Newest.IsZero() {
		due = next(s.Every, l.Newest)
		l.Due = due
	}
	if night.Before(due) {
		return lateness{}, false
	}
	l.By = deadline(s.By, due, zone)
	return l, !now.Before(l.By)
}

// next is the date after d at which an export is due.
func next(every string, d catalog.Date) catalog.Date {
	switch every {
	case "week":
		return d.AddDays(7)
	case "month":
		// The 31st of January is followed by the last of February.
		first := d.AddMonths(1)
		last := first.AddMonths(1).AddDays(-1)
		if same := first.AddDays(d.Time().Day() - 1); same.Before(last) {
			return same
		}
		return last
	default:
		return d.AddDays(1)
	}
}

// deadline is the instant of the civil time of day on the date, or the end of
// the date.
func deadline(clock string, on catalog.Date, zone *time.Location) time.Time {
	y, m, d := on.Time().Date()
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	}
	return time.Date(y, m, d, at.Hour(), at.Minute(), 0, 0, zone)
}
