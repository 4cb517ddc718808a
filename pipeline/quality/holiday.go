package quality

import (
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/aa"
	"github.com/rickar/cal/v2/dk"
	"github.com/rickar/cal/v2/no"
	"github.com/rickar/cal/v2/se"

	"larstrom/pipeline/catalog"
)

// Holidays tells the public holidays of a Nordic country (SE, NO, DK, FI, IS)
// from one day through another, with the eves on which care is closed there. Of
// other countries none is known.
func Holidays(country string, from, to catalog.Date) func(catalog.Date) bool {
	var list []*cal.Holiday
	eve := func(month time.Month, day int) *cal.Holiday {
		return &cal.Holiday{Month: month, Day: day, Func: cal.CalcDayOfMonth}
	}
	christmas := []*cal.Holiday{eve(time.December, 24), eve(time.December, 25), eve(time.December, 26), eve(time.December, 31), eve(time.January, 1)}
	switch country {
	case "SE":
		list = append(append(list, se.Holidays...), christmas...)
		list = append(list, se.Midsommarafton)
	case "NO":
		list = append(append(list, no.Holidays...), christmas...)
	case "DK":
		list = append(append(list, dk.Holidays...), christmas...)
	case "FI":
		list = append([]*cal.Holiday{aa.Epiphany, aa.GoodFriday, aa.Easter, aa.EasterMonday, aa.AscensionDay, eve(time.May, 1), eve(time.December, 6),
			se.Midsommarafton, se.Midsommardagen, se.AllaHelgonsDag}, christmas...)
	case "IS":
		list = append([]*cal.Holiday{easter(-3), aa.GoodFriday, aa.Easter, aa.EasterMonday, aa.AscensionDay, aa.Pentecost, aa.PentecostMonday, eve(time.May, 1), eve(time.June, 17),
			// The first day of summer is the Thursday after 18 April; the day
			// of commerce the first Monday of August.
			{Month: time.April, Day: 19, Weekday: time.Thursday, Offset: 1, Func: cal.CalcWeekdayFrom},
			{Month: time.August, Weekday: time.Monday, Offset: 1, Func: cal.CalcWeekdayOffset}}, christmas...)
	}
	days := map[int32]bool{}
	for year := from.Time().Year(); year <= to.Time().Year(); year++ {
		for _, h := range list {
			if actual, _ := h.Calc(year); !actual.IsZero() {
				days[catalog.NewDate(actual.Year(), actual.Month(), actual.Day()).Days()] = true
			}
		}
	}
	return func(d catalog.Date) bool { return days[d.Days()] }
}

// easter is the day that many days after Easter.
func easter(days int) *cal.Holiday { return &cal.Holiday{Offset: days, Func: cal.CalcEasterOffset} }
