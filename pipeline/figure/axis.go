package figure

import (
	"math"
	"strconv"
	"time"
)

type valueAxis struct {
	low, high, step float64
	ticks           []float64
}

// newValueAxis covers low..high with about n ticks on round values. percent
// keeps it within 0..100 unless the values themselves leave that range.
func newValueAxis(low, high float64, n int, percent bool) valueAxis {
	if !(low <= high) {
		low, high = 0, 1
		if percent {
			high = 100
		}
	}
	least, most := low, high
	pad := (high - low) * 0.06
	if size := math.Max(math.Abs(low), math.Abs(high)); high-low <= 1e-9*size || size < 1e-100 {
		pad = size * 0.1
		if size < 1e-100 {
			pad = 1
		}
	}
	low, high = low-pad, high+pad
	if least >= 0 && low < 0.35*high {
		low = 0
	}
	if most <= 0 && high > 0 && low < 0 {
		high = 0
	}
	step := niceStep((high - low) / float64(max(n, 2)))
	low, high = math.Floor(low/step*2+1e-9)*step/2, math.Ceil(high/step*2-1e-9)*step/2
	if percent && most <= 100 && high > 100 {
		high = 100
	}
	a := valueAxis{low: low, high: high, step: step}
	first := math.Ceil(low/step - 1e-9)
	for i := 0; i < 40; i++ {
		v := (first + float64(i)) * step
		if v > high+step*1e-9 {
			break
		}
		a.ticks = append(a.ticks, v)
	}
	return a
}

// niceStep is the smallest of 1, 2 and 5 times a power of ten that is not
// below raw.
func niceStep(raw float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5, 10} {
		if raw <= m*p*(1+1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// day is the civil date and time of t as days since 1970, zoneless.
func day(t time.Time) float64 {
	y, m, d := t.Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	clock := float64(t.Hour())*3600 + float64(t.Minute())*60 + float64(t.Second())
	return float64(midnight) + clock/86400
}

type timeTick struct {
	at          float64 // in days
	label, year string  // year where it changes
	major       bool
}

// dateTicks are at most about most ticks from low to high (days), on the firsts
// of days, weeks, months or years, not closer than the data.
func dateTicks(low, high, closest, most float64, t Texts) []timeTick {
	type unit struct {
		days         float64
		d, m, y      int
		roomPerLabel float64
	}
	units := []unit{
		{1, 1, 0, 0, 1.3}, {2, 2, 0, 0, 1.3}, {7, 7, 0, 0, 1.3}, {14, 14, 0, 0, 1.3},
		{30.4, 0, 1, 0, 1}, {60.9, 0, 2, 0, 1}, {91.3, 0, 3, 0, 1}, {121.7, 0, 4, 0, 1}, {182.6, 0, 6, 0, 1},
	}
	for _, y := range []int{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000} {
		units = append(units, unit{365.25 * float64(y), 0, 0, y, 1})
	}
	u := units[len(units)-1]
	for _, c := range units {
		if c.days >= closest*0.9 && (high-low)/c.days*c.roomPerLabel <= most {
			u = c
			break
		}
	}
	from := time.Unix(int64(math.Ceil(low))*86400, 0).UTC()
	y, m, d := from.Date()
	next := func(i int) time.Time {
		switch {
		case u.d >= 7: // Mondays; 1970-01-05 was one
			first := int(math.Ceil((math.Ceil(low)-4)/float64(u.d)))*u.d + 4
			return time.Unix(int64(first+i*u.d)*86400, 0).UTC()
		case u.d > 0:
			return time.Date(y, m, d+i*u.d, 0, 0, 0, 0, time.UTC)
		case u.m > 0:
			return time.Date(y, time.Month((int(m)-1)/u.m*u.m+1+i*u.m), 1, 0, 0, 0, 0, time.UTC)
		default:
			return time.Date(y/u.y*u.y+i*u.y, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	var ticks []timeTick
	year := math.MinInt
	for i := 0; i < 400; i++ {
		at := next(i)
		p := day(at)
		if p > high {
			break
		}
		if p < low {
			continue
		}
		tick := timeTick{at: p}
		ty, tm, td := at.Date()
		switch {
		case u.y > 0:
			tick.label = strconv.Itoa(ty)
		case u.m > 0:
			tick.label = t.Months[tm-1]
		default:
			tick.label = strconv.Itoa(td) + " " + t.Months[tm-1]
		}
		if u.y == 0 && ty != year {
			tick.year, tick.major = strconv.Itoa(ty), year != math.MinInt || (tm == 1 && td == 1)
			year = ty
		}
		ticks = append(ticks, tick)
	}
	return ticks
}
