package notice

import (
	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/gb"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/quality"
)

// Workdays are the working days of one country. It is made for a span of years
// and is safe for concurrent use.
type Workdays struct{ closed func(catalog.Date) bool }

// NewWorkdays are the working days of a country (SE, NO, DK, FI, IS, GB) from
// one day through another: Mondays to Fridays without the public holidays and
// the eves on which offices are closed. Of other countries no holiday is known.
func NewWorkdays(country string, from, to catalog.Date) Workdays {
	if country != "GB" {
		return Workdays{quality.Holidays(country, from, to)}
	}
	days := map[int32]bool{}
	for year := from.Time().Year() - 1; year <= to.Time().Year()+1; year++ {
		for _, h := range gb.Holidays {
			// A bank holiday on a weekend is kept on a working day.
			if _, kept := h.Calc(year); !kept.IsZero() {
				days[catalog.NewDate(kept.Date()).Days()] = true
			}
		}
	}
	return Workdays{func(d catalog.Date) bool { return days[d.Days()] }}
}

// On reports whether the day is a working day.
func (w Workdays) On(d catalog.Date) bool {
	return !cal.IsWeekend(d.Time()) && (w.closed == nil || !w.closed(d))
}

// Between counts the working days after from, through to. From a Friday to the
// next Monday it is one.
func (w Workdays) Between(from, to catalog.Date) int {
	n := 0
	for d := from.AddDays(1); !to.Before(d); d = d.AddDays(1) {
		if w.On(d) {
			n++
		}
	}
	return n
}

// After is the day on which n working days have passed since from; n <= 0: from.
func (w Workdays) After(from catalog.Date, n int) catalog.Date {
	for n > 0 {
		from = from.AddDays(1)
		if w.On(from) {
			n--
		}
	}
	return from
}
