package quality_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/quality"
)

// told is a first delivery of an invented registry: by indicator, unit and
// period what came, all of it new tonight.
type told struct {
	period   catalog.Granularity
	first    catalog.Date
	units, n int
	// numbers are those of an indicator, unit and period; a negative volume: no
	// cell.
	numbers func(indicator, unit, t int) (numerator, volume float64)
	young   int // periods at the end that are still filling
	asked   func(unit, t int) bool
	only    func(t int) bool // nil: everything is new
	gone    int              // the unit that is awaited in the newest period; 0: none
}

// plain are numbers of units of different size, with a season that they share and
// chance of their own.
func plain(indicator, unit, t int) (numerator, volume float64) {
	r := rand.New(rand.NewPCG(uint64(1000*indicator+unit), uint64(t)))
	size := 60 * float64(2+unit%5) * (1 + 0.1*math.Sin(float64(t)/2))
	volume = math.Round(size * (1 + 0.06*r.NormFloat64()))
	share := 0.2 + 0.15*float64(indicator)
	return math.Round(volume * (share + 0.02*r.NormFloat64())), volume
}

func (d *told) night(indicators int) quality.Night {
	n := quality.Night{Region: "r"}
	for i := range indicators {
		in := quality.Input{Region: "r", Tolerance: 1, Indicator: catalog.Indicator{ID: fmt.Sprintf("i%d", i), Registry: "reg",
			Type: catalog.Proportion, Subset: true, Period: d.period, Versions: []catalog.Version{{ID: "1"}}}}
		for u := range d.units {
			s := quality.Series{Registry: "reg", Version: "1", Unit: fmt.Sprintf("u%02d", u)}
			day := d.first
			for t := range d.n {
				num, vol := d.numbers(i, u, t)
				start := day
				day = d.period.PeriodEnd(day)
				if vol < 0 {
					continue
				}
				k := cell.Key{Region: "r", Registry: "reg", Indicator: in.Indicator.ID, Version: "1", Granularity: string(d.period), Unit: s.Unit, PeriodStart: start.Days()}
				c := cell.Content{Rows: int64(vol), Numerator: cell.FixedOf(int64(num) * cell.Micro), Denominator: cell.FixedOf(int64(vol) * cell.Micro)}
				v := cell.Version{Key: k, Content: c, Fingerprint: cell.FingerprintOf(k, c, false), Rev: 1}
				s.Period, s.Volume, s.Numerator = append(s.Period, k.PeriodStart), append(s.Volume, vol), append(s.Numerator, num)
				s.Mature, s.Excluded = append(s.Mature, t < d.n-d.young), append(s.Excluded, false)
				s.Fingerprint, s.Tombstone = append(s.Fingerprint, v.Fingerprint), append(s.Tombstone, false)
				if d.only == nil || d.only(t) {
					in.Changed = append(in.Changed, quality.Change{Current: v, Asked: d.asked != nil && d.asked(u, t)})
				}
			}
			if _, vol := d.numbers(i, u, d.n-1); vol < 0 && d.gone == u && u > 0 {
				s.Expected = []int32{d.last().Days()}
			}
			in.AsOf = day
			in.Series = append(in.Series, s)
		}
		n.AsOf = in.AsOf
		n.Inputs = append(n.Inputs, in)
	}
	if d.gone > 0 {
		silent := quality.Silences([]string{fmt.Sprintf("u%02d", d.gone)}, n.Inputs)
		for i := range n.Inputs {
			n.Inputs[i].Silent = silent
		}
	}
	return n
}

// last is the first day of the newest period.
func (d *told) last() catalog.Date {
	day := d.first
	for range d.n - 1 {
		day = d.period.PeriodEnd(day)
	}
	return day
}

// odd are what the checks of volumes and copies ask of a night.
func (d *told) odd(indicators int) []string {
	var out []string
	r := quality.EvaluateNight(d.night(indicators), quality.Catalogue())
	for _, f := range r.Findings {
		if f.Raises() && slices.Contains([]string{"T02", "T03", "T05", "T04", "T06", "T07", "T08", "X06", "K01"}, f.Check) {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s", f.Check, f.Severity, f.Indicator, f.Unit, f.Period, f.Direction)))
		}
	}
	slices.Sort(out)
	return out
}

func months() *told {
	return &told{period: catalog.Month, first: catalog.NewDate(2023, 1, 1), units: 12, n: 30, numbers: plain}
}

// but changes the numbers of one place.
func but(d *told, change func(indicator, unit, t int, num, vol float64) (float64, float64)) *told {
	numbers := d.numbers
	d.numbers = func(i, u, t int) (float64, float64) {
		num, vol := numbers(i, u, t)
		return change(i, u, t, num, vol)
	}
	return d
}

// What a first delivery brings is judged by the periods around it: a fault of one
// period is a question, a level that lasts is none.
func TestFirstDeliveryIsJudgedByItself(t *testing.T) {
	times := func(factor float64, when func(i, u, at int) bool) *told {
		return but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
			if when(i, u, at) {
				return math.Round(num * factor), math.Round(vol * factor)
			}
			return num, vol
		})
	}
	at := func(unit, from, to int) func(i, u, t int) bool {
		return func(i, u, t int) bool { return i == 0 && u == unit && t >= from && t < to }
	}
	days := func() *told {
		return &told{period: catalog.Day, first: catalog.NewDate(2024, 9, 2), units: 12, n: 200, numbers: plain, young: 3}
	}
	for name, c := range map[string]struct {
		d    *told
		want []string
	}{
		"nothing":                {months(), nil},
		"ten times":              {times(10, at(3, 20, 21)), []string{"T03 HOLD i0 u03 2024-09-01 up"}},
		"a tenth":                {times(0.1, at(3, 29, 30)), []string{"T03 HOLD i0 u03 2025-06-01 down"}},
		"a year and a half ago":  {times(10, at(3, 8, 9)), []string{"T03 HOLD i0 u03 2023-09-01 up"}},
		"a tenth, as long ago":   {times(0.1, at(3, 8, 9)), []string{"T03 HOLD i0 u03 2023-09-01 down"}},
		"three times, as long":   {times(3, at(3, 8, 9)), nil},
		"a level that lasts":     {times(2, at(3, 22, 30)), nil},
		"and one that has ended": {times(2, at(3, 0, 24)), nil},
		"its own season":         {times(2, func(i, u, t int) bool { return u == 3 && t%12 == 6 }), nil},
		"everybody's season":     {times(1.6, func(_, _, t int) bool { return t%12 == 6 }), nil},
		"slow growth": {but(months(), func(_, u, t int, num, vol float64) (float64, float64) {
			g := math.Pow(1.02, float64(t*(u%2)))
			return math.Round(num * g), math.Round(vol * g)
		}), nil},
		"a unit that opens": {but(months(), func(_, u, t int, num, vol float64) (float64, float64) {
			if u != 3 {
				return num, vol
			}
			if t < 23 {
				return 0, -1
			}
			ramp := float64(t-22) / 12 // a sum over the last twelve months
			return math.Round(num * ramp), math.Round(vol * ramp)
		}), nil},
		"an improvement": {but(months(), func(_, u, t int, num, vol float64) (float64, float64) {
			if u == 3 && t >= 20 {
				num = math.Round(min(vol, num*(1+0.15*float64(t-20))))
			}
			return num, vol
		}), nil},
		"an improvement everywhere": {but(months(), func(_, _, t int, num, vol float64) (float64, float64) {
			if t >= 18 {
				num = math.Round(min(vol, num*(1+0.04*float64(t-18))))
			}
			return num, vol
		}), nil},
		"a level that all have": {but(months(), func(_, _, t int, num, vol float64) (float64, float64) {
			if t >= 22 {
				return math.Round(1.5 * num), math.Round(1.5 * vol)
			}
			return num, vol
		}), nil},
		"a day that fills": {but(days(), func(_, _, t int, num, vol float64) (float64, float64) {
			if t >= 197 {
				return math.Round(num / 4), math.Round(vol / 4)
			}
			return num, vol
		}), nil},
		"three times a day that fills": {but(days(), func(i, u, t int, num, vol float64) (float64, float64) {
			if t == 199 && i == 0 && u == 3 {
				return 3 * num, 3 * vol
			}
			return num, vol
		}), []string{"T02 HOLD i0 u03 2025-03-20 up"}},
		"half a settled day": {but(days(), func(i, u, t int, num, vol float64) (float64, float64) {
			if t == 180 && i == 0 && u == 3 {
				return math.Round(num / 3), math.Round(vol / 3)
			}
			return num, vol
		}), []string{"T02 HOLD i0 u03 2025-03-01 down"}},
	} {
		if got := c.d.odd(2); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

// A period that is missing inside a history is no zero and no closing: it is asked
// about, of one unit or as one question of all.
func TestMissingPeriods(t *testing.T) {
	without := func(d *told, when func(u, t int) bool) *told {
		return but(d, func(_, u, t int, num, vol float64) (float64, float64) {
			if when(u, t) {
				return 0, -1
			}
			return num, vol
		})
	}
	days := func() *told {
		return &told{period: catalog.Day, first: catalog.NewDate(2024, 9, 2), units: 12, n: 200, numbers: plain, young: 3}
	}
	few := but(months(), func(_, u, _ int, num, vol float64) (float64, float64) {
		if u == 3 {
			return 0, math.Round(vol / 80)
		}
		return num, vol
	})
	weekends := func() *told { return without(days(), func(_, t int) bool { return t%7 > 4 }) }
	for name, c := range map[string]struct {
		d    *told
		want []string
	}{
		"a month":                   {without(months(), func(u, t int) bool { return u == 3 && t == 20 }), []string{"T04 NOTE i0 u03 2024-09-01 down"}},
		"the second of all":         {without(months(), func(u, t int) bool { return u == 3 && t == 1 }), []string{"T04 NOTE i0 u03 2023-02-01 down"}},
		"three months":              {without(months(), func(u, t int) bool { return u == 3 && t > 19 && t < 23 }), []string{"T04 NOTE i0 u03 2024-09-01 down", "T04 NOTE i0 u03 2024-10-01 down", "T04 NOTE i0 u03 2024-11-01 down"}},
		"half a year: it closed":    {without(months(), func(u, t int) bool { return u == 3 && t > 15 && t < 22 }), nil},
		"every July":                {without(months(), func(u, t int) bool { return u == 3 && t%12 == 6 }), nil},
		"who does not always":       {without(months(), func(u, t int) bool { return u == 3 && t%4 == 2 }), nil},
		"who has little":            {without(few, func(u, t int) bool { return u == 3 && t == 20 }), nil},
		"it opened later":           {without(months(), func(u, t int) bool { return u == 3 && t < 9 }), nil},
		"of everybody":              {without(months(), func(_, t int) bool { return t == 20 }), []string{"T04 NOTE i0  2024-09-01 down"}},
		"of most":                   {without(months(), func(u, t int) bool { return u > 3 && t == 20 }), []string{"T04 NOTE i0  2024-09-01 down"}},
		"a Wednesday":               {without(weekends(), func(u, t int) bool { return u == 3 && t == 121 }), []string{"T04 NOTE i0 u03 2025-01-01 down"}},
		"who is closed at weekends": {weekends(), nil},
	} {
		if got := c.d.odd(1); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	// A holiday is known where the country is, and what did not change is not asked
	// about again.
	n := without(weekends(), func(u, t int) bool { return u == 3 && t == 121 }).night(1)
	n.Inputs[0].Country = "SE"
	if got := raised(n, "T04"); got != 0 {
		t.Errorf("%d flags about New Year's Day", got)
	}
	d := without(months(), func(u, t int) bool { return u == 3 && t == 20 })
	d.only = func(t int) bool { return t == 29 }
	if got := d.odd(1); got != nil {
		t.Errorf("an old gap is asked about again: %q", got)
	}
	d.only = func(t int) bool { return t == 21 }
	if got := d.odd(1); len(got) != 1 {
		t.Errorf("a gap beside which something changed: %q", got)
	}
	// Two indicators of a registry, one question.
	r := quality.EvaluateNight(without(months(), func(u, t int) bool { return u == 3 && t == 20 || u == 5 && t == 9 }).night(2), quality.Catalogue())
	if len(r.Incidents) != 1 || len(r.Incidents[0].Flags) != 4 {
		t.Errorf("%+v: four flags should be one question", r.Incidents)
	}
}

// raised counts the flags of a check.
func raised(n quality.Night, check string) (k int) {
	for _, f := range quality.EvaluateNight(n, quality.Catalogue()).Findings {
		if f.Raises() && f.Check == check {
			k++
		}
	}
	return k
}

// An old period that repeats another is a stale copy as the newest is; where several
// units say that the export is one, it is of those too that are too small to say so.
func TestOldStaleCopies(t *testing.T) {
	copied := func(back int, when func(u, t int) bool) *told {
		d := months()
		return but(d, func(i, u, t int, num, vol float64) (float64, float64) {
			if u == 11 { // small
				vol = math.Round(vol / 20)
				num = math.Round(vol / 3)
			}
			if when(u, t) {
				num, vol = plain(i, u, t-back)
				if u == 11 {
					vol = math.Round(vol / 20)
					num = math.Round(vol / 3)
				}
			}
			return num, vol
		})
	}
	for name, c := range map[string]struct {
		d    *told
		n    int // flags: of three indicators
		unit string
	}{
		"nothing":                 {copied(1, func(int, int) bool { return false }), 0, ""},
		"the month before":        {copied(1, func(u, t int) bool { return u == 4 && t == 9 }), 3, "u04"},
		"half a year before":      {copied(6, func(u, t int) bool { return u == 4 && t == 20 }), 3, "u04"},
		"of a small unit":         {copied(1, func(u, t int) bool { return u == 11 && t == 9 }), 0, ""},
		"of all, the small too":   {copied(1, func(_, t int) bool { return t == 9 }), 36, ""},
		"more than a year before": {copied(13, func(u, t int) bool { return u == 4 && t == 20 }), 0, ""},
	} {
		n := c.d.night(3)
		got := 0
		for _, f := range quality.EvaluateNight(n, quality.Catalogue()).Findings {
			if f.Check != "T08" || !f.Raises() {
				continue
			}
			got++
			if c.unit != "" && f.Unit != c.unit {
				t.Errorf("%s: of unit %s", name, f.Unit)
			}
		}
		if got != c.n {
			t.Errorf("%s: %d flags, not %d", name, got, c.n)
		}
	}
}

// Numbers that are worked out from one another, or never move, repeat themselves:
// that is no copy.
func TestDerivedNumbersAreNoCopies(t *testing.T) {
	for name, numbers := range map[string]func(i, u, t int) (float64, float64){
		"derived": func(i, u, t int) (float64, float64) {
			den := float64(200 + 10*rand.New(rand.NewPCG(uint64(u), uint64(t))).IntN(6))
			return math.Round(den * 0.1 * float64(i+2)), den * float64(i+1)
		},
		"always the same": func(i, _, t int) (float64, float64) { return 40, 100 + float64(i) + float64(t%2) },
	} {
		d := months()
		d.numbers = numbers
		if n := raised(d.night(4), "T08"); n > 0 {
			t.Errorf("%s: %d copies", name, n)
		}
	}
}

// A numerator that leaps by the factor between two units of measure, and back, is
// held; a rate that moves, however far, is not.
func TestNumeratorInAnotherUnit(t *testing.T) {
	for name, c := range map[string]struct {
		factor   float64
		from, to int
		want     int
	}{
		"a hundred times":           {100, 20, 21, 1},
		"sixty times, long ago":     {60, 5, 6, 1},
		"twenty-four times":         {24, 20, 21, 1},
		"a hundredth":               {0.01, 20, 21, 1},
		"ten times":                 {10, 20, 21, 0},
		"none":                      {0, 20, 21, 0},
		"a hundred times from then": {100, 20, 30, 0},
	} {
		n := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
			if u == 3 && at >= c.from && at < c.to {
				num *= c.factor
			}
			return math.Round(4 * num), 4 * vol
		}).night(1)
		n.Inputs[0].Indicator.Type, n.Inputs[0].Indicator.Subset = catalog.Rate, false
		if got := raised(n, "P03"); got != c.want {
			t.Errorf("%s: %d flags, not %d", name, got, c.want)
		}
		// A part that is larger than its whole is blocked; there is no second question.
		n.Inputs[0].Indicator.Type, n.Inputs[0].Indicator.Subset = catalog.Proportion, true
		want := c.want
		if c.factor > 1 {
			want = 0
		}
		if got := raised(n, "P03"); got != want {
			t.Errorf("%s, of a subset: %d flags, not %d", name, got, want)
		}
	}
	rising := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
		return math.Round(num * math.Pow(1.3, float64(min(at, 20)))), vol
	}).night(1)
	rising.Inputs[0].Indicator.Type, rising.Inputs[0].Indicator.Subset = catalog.Rate, false
	if got := raised(rising, "P03"); got != 0 {
		t.Errorf("a rate that rises for months: %d flags", got)
	}
}

// What a night before nights can be compared changes is judged, and nothing else;
// what was asked about stays a question while it is odd.
func TestOnlyWhatCameIsJudged(t *testing.T) {
	d := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
		if i == 0 && u == 3 && at == 25 {
			return 10 * num, 10 * vol
		}
		return num, vol
	})
	d.only = func(at int) bool { return at == 29 }
	if got := d.odd(1); got != nil {
		t.Errorf("an old month that did not change: %q", got)
	}
	mild := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
		if i == 0 && u == 3 && at == 25 {
			return math.Round(1.27 * num), math.Round(1.27 * vol)
		}
		return num, vol
	})
	if got := mild.odd(40); got != nil {
		t.Fatalf("among so many months it is nothing: %q", got)
	}
	mild.asked = func(u, at int) bool { return u == 3 && at == 25 }
	if got := mild.odd(40); len(got) != 1 {
		t.Errorf("what was asked is not asked any more: %q", got)
	}
}

// Feeds that come by the month are looked at for copies, for numbers that do not
// move, for columns that changed places, and for what all units share.
func TestMonthlyCopiesAndColumns(t *testing.T) {
	stale := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
		if u == 3 && at == 29 {
			return plain(i, u, 28)
		}
		return num, vol
	})
	if got, want := stale.odd(4), []string{"T08 HOLD i0 u03 2025-06-01", "T08 HOLD i1 u03 2025-06-01", "T08 HOLD i2 u03 2025-06-01", "T08 HOLD i3 u03 2025-06-01"}; !slices.Equal(got, want) {
		t.Errorf("a stale copy: %q", got)
	}
	stuck := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
		if i == 0 && u == 3 && at > 25 {
			return plain(i, u, 25)
		}
		return num, vol
	})
	if got := stuck.odd(4); !slices.Equal(got, []string{"T07 HOLD i0 u03 2025-06-01"}) {
		t.Errorf("a number that does not move: %q", got)
	}
	swapped := months()
	swapped.numbers = func(i, u, at int) (float64, float64) {
		_, vol := plain(0, u, at)
		of := i
		if u == 3 && at == 29 {
			of = 1 - i
		}
		share := []float64{0.2, 0.6}[of]
		r := rand.New(rand.NewPCG(uint64(u), uint64(at)))
		return math.Round(vol * (share + 0.02*r.NormFloat64())), vol
	}
	if got := swapped.odd(2); !slices.Equal(got, []string{"T05 HOLD i0 u03 2025-06-01 up", "T05 HOLD i1 u03 2025-06-01 down"}) {
		t.Errorf("columns that changed places: %q", got)
	}
	close := months()
	close.numbers = func(i, u, at int) (float64, float64) {
		_, vol := plain(0, u, at)
		of := i
		if u == 3 && at == 29 {
			of = 1 - i
		}
		r := rand.New(rand.NewPCG(uint64(10*u+of), uint64(at)))
		return math.Round(vol * ([]float64{0.2, 0.35}[of] + 0.01*r.NormFloat64())), vol
	}
	if got := close.odd(2); !slices.Equal(got, []string{"T05 HOLD i0 u03 2025-06-01 up", "T05 HOLD i1 u03 2025-06-01 down"}) {
		t.Errorf("columns of numbers that lie near each other, and never vary much: %q", got)
	}
	counts := months()
	counts.numbers = func(i, u, at int) (float64, float64) {
		of := i
		if u == 3 && at == 29 && i < 2 {
			of = 1 - i
		}
		num, vol := plain(of, u, at)
		if of == 1 {
			vol = math.Round(1.7 * vol)
		}
		return vol, max(num, vol)
	}
	if got := counts.odd(3); !slices.Equal(got, []string{"T05 HOLD i0 u03 2025-06-01 up", "T05 HOLD i1 u03 2025-06-01 down"}) {
		t.Errorf("columns of counts that changed places: %q", got)
	}
	counts.young = 1
	if got := counts.odd(3); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "T05") }) {
		t.Errorf("a month that is still filling has fewer records for another reason: %q", got)
	}
	shift := but(months(), func(i, _, at int, num, vol float64) (float64, float64) {
		if i == 0 && at == 29 {
			return math.Round(1.5 * num), math.Round(1.5 * vol)
		}
		return num, vol
	})
	if got := shift.odd(2); !slices.Equal(got, []string{"T06 HOLD i0  2025-06-01 up"}) {
		t.Errorf("a shift of all units: %q", got)
	}
}

// A history begins on some day: that its first period has little is no fault,
// while that it has too much is.
func TestFirstPeriodIsCut(t *testing.T) {
	for factor, want := range map[float64][]string{0.3: nil, 5: {"T03 HOLD i0 u03 2024-09-02 up"}} {
		weeks := &told{period: catalog.Week, first: catalog.NewDate(2024, 9, 2), units: 4, n: 30, numbers: plain}
		d := but(weeks, func(i, u, at int, num, vol float64) (float64, float64) {
			if at == 0 && (factor < 1 || u == 3 && i == 0) {
				return math.Round(factor * num), math.Round(factor * vol)
			}
			return num, vol
		})
		if got := d.odd(2); !slices.Equal(got, want) {
			t.Errorf("%g times in the first week: %q", factor, got)
		}
	}
}

// Few units' records behind months in which nobody has any are dated wrongly; a
// month that most have not sent yet, and a pause of all, are not.
func TestDatesAYearAhead(t *testing.T) {
	ahead := func(gap, units int) *told {
		d := months()
		d.n = 25 + gap
		d.numbers = func(i, u, at int) (float64, float64) {
			if at >= 24 && (at < d.n-1 || u >= units) {
				return 0, -1
			}
			return plain(i, u, at)
		}
		return d
	}
	for name, c := range map[string]struct {
		gap, units int
		want       []string
	}{
		"a year":              {11, 1, []string{"T03 HOLD i0 u00 2025-12-01 up", "T03 HOLD i1 u00 2025-12-01 up"}},
		"two months":          {2, 1, []string{"T03 HOLD i0 u00 2025-03-01 up", "T03 HOLD i1 u00 2025-03-01 up"}},
		"the first to send":   {0, 1, nil},
		"one month of nobody": {1, 1, nil},
		"a pause of all":      {11, 12, nil},
	} {
		if got := ahead(c.gap, c.units).odd(2); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// A unit that writes under another's code is one question: not that it is silent,
// nor that the other has too many.
func TestMonthlyMerge(t *testing.T) {
	d := but(months(), func(i, u, at int, num, vol float64) (float64, float64) {
		n, v := plain(i, 4, at)
		switch {
		case at == 29 && u == 4:
			return 0, -1
		case at == 29 && u == 3:
			return num + n, vol + v
		}
		return num, vol
	})
	d.gone = 4
	if got := d.odd(2); !slices.Equal(got, []string{"X06 HOLD i0 u04 2025-06-01 down", "X06 HOLD i1 u04 2025-06-01 down"}) {
		t.Errorf("%q", got)
	}
	r := quality.EvaluateNight(d.night(2), quality.Catalogue())
	questions := map[string]bool{}
	for _, f := range r.Findings {
		if f.Raises() && f.Check == "X06" {
			questions[f.Incident] = true
			units := map[string]bool{}
			for _, g := range f.Guards {
				units[g.Unit] = true
			}
			if !units["u03"] || !units["u04"] {
				t.Errorf("it guards cells of %v", units)
			}
		}
	}
	if len(questions) != 1 || questions[""] {
		t.Errorf("it is %d questions", len(questions))
	}
}
