package run

import (
	"time"

	"larstrom/pipeline/catalog"
)

// Lateness is a feed that should have come and did not.
type Lateness struct {
	// Due is the as-of date that was awaited; zero: nothing has ever come.
	Due catalog.Date
	// Newest is the newest as-of date that came; zero: none.
	Newest catalog.Date
	// By is when the export of Due was awaited at the latest.
	By time.Time
}

// Late says whether an export was due on the night and had not come by now. A
// feed is due a day, a week or a month after its newest as-of date, and late
// when the feed's time of day has passed then; a feed without one has the whole
// day. Without a schedule nothing is awaited, and what is dated after the night
// has come.
func Late(s catalog.Schedule, zone *time.Location, came []catalog.Date, night catalog.Date, now time.Time) (Lateness, bool) {
	if s.Every == "" || night.IsZero() {
		return Lateness{}, false
	}
	var l Lateness
	for _, d := range came {
		if l.Newest.Before(d) {
			l.Newest = d
		}
	}
	due := night
	if !l.Newest.IsZero() {
		due = nextDue(s.Every, l.Newest)
		l.Due = due
	}
	if night.Before(due) {
		return Lateness{}, false
	}
	l.By = deadline(s.By, due, zone)
	return l, !now.Before(l.By)
}

// LateFeeds says of every feed with a schedule whether it is late now, by what
// the LEDGER says of its deliveries: a rejected file has not come.
func (s *State) LateFeeds(c *catalog.Catalog, now time.Time) map[string]bool {
	came := map[string][]catalog.Date{}
	for _, d := range s.Deliveries() {
		if d.Accepted != nil {
			came[d.Feed] = append(came[d.Feed], d.Accepted.AsOf)
		}
	}
	out := map[string]bool{}
	for i := range c.Feeds {
		f := &c.Feeds[i]
		if f.Schedule.Every == "" {
			continue
		}
		zone, err := time.LoadLocation(f.TimeZone)
		if err != nil {
			zone = time.UTC
		}
		_, out[f.ID] = Late(f.Schedule, zone, came[f.ID], catalog.DateOf(now.In(zone)), now)
	}
	return out
}

// nextDue is the date after d at which an export is due.
func nextDue(every string, d catalog.Date) catalog.Date {
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
