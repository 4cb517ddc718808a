package app_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/services/larstrom/app"
)

// The fixtures of the checks: one region, in which every unit of every
// registry has one thing wrong with it or nothing. Their exports go from the
// drop folder to the gate, and what the checks found there is asserted whole.
// That removing a check or moving its threshold would be noticed is tried on
// what the checks saw on those nights.

const qualityCatalog = `
region: {code: fixture, name: Fixture, time_zone: Europe/Stockholm}
registries:
  - {code: month, name: Monthly, country: SE}
  - {code: cases, name: Cases, country: SE}
  - {code: strata, name: Strata, country: SE}
  - {code: lost, name: Lost rows, country: SE}
  - {code: absent, name: Absent, country: SE}
  - {code: night, name: Nightly, country: SE}
  - {code: count, name: Counted, country: SE}
code_systems: [{id: icd, codes: [A, B]}]
profiles: [{id: internal, rule: internal}, {id: SE, rule: SE}]
people: [{id: p-1, name: Steward, roles: [region_steward]}]
indicators:
  - {id: m_share, registry: month, name: Share, type: proportion, subset: true, class: process, coverage: m_cover, at_most: m_top, same_as: m_twin, listed: m_list}
  - {id: m_cover, registry: month, name: Coverage, type: proportion, subset: true, class: structure}
  - {id: m_top, registry: month, name: Upper, type: count, class: structure}
  - {id: m_twin, registry: month, name: Twin, type: proportion, subset: true, class: process}
  - {id: m_list, registry: month, name: Listed, type: count, class: structure}
  - {id: m_strata, registry: month, name: Strata, type: proportion, subset: true, class: process, additive: true}
  - {id: m_new, registry: month, name: Redefined, type: proportion, subset: true, class: process, versions: [{id: "1", to: 2026-02-01}, {id: "2", from: 2026-02-01}]}
  - {id: c_ok, registry: cases, name: Good, type: proportion, subset: true, class: process, missing: not_met}
  - {id: c_plain, registry: cases, name: Plain, type: mean, class: process, plausible: {min: 0, max: 200}}
  - {id: c_over, registry: cases, name: Systolic, type: mean, class: process, pair: c_under}
  - {id: c_under, registry: cases, name: Diastolic, type: mean, class: process}
  - {id: c_unit, registry: cases, name: Unit of measure, type: median, class: process}
  - {id: c_digit, registry: cases, name: End digits, type: mean, class: process}
  - {id: c_target, registry: cases, name: Target, type: mean, class: process, targets: [140]}
  - {id: c_place, registry: cases, name: Placeholder, type: mean, class: process}
  - {id: c_decimal, registry: cases, name: Decimals, type: mean, class: process}
  - {id: s_ok, registry: strata, name: Good, type: proportion, subset: true, class: process, extreme: [k9]}
  - {id: l_ok, registry: lost, name: Good, type: proportion, subset: true, class: process}
  - {id: a_ok, registry: absent, name: Good, type: proportion, subset: true, class: process, period: day}
  - {id: q_ok, registry: count, name: Good, type: proportion, subset: true, class: process}
  - {id: n_visits, registry: night, name: Visits, type: count, class: structure}
  - {id: n_good, registry: night, name: Good, type: proportion, subset: true, class: process}
  - {id: n_case, registry: night, name: Cases, type: proportion, subset: true, class: process, missing: not_met, maturity_lag_days: 20}
  - {id: n_screen, registry: night, name: Screened, type: count, class: process}
  - {id: n_rare, registry: night, name: Rare, type: count, class: process}
feeds:
  - id: month-all
    registry: month
    files: ["month_*.csv"]
    delivery: snapshot
    scope: all
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [id]
    schedule: {every: week, by: "06:00"}
    columns: {unit: unit, unit_system: local, indicator: indicator, event_date: month, strata: [stratum], numerator: num, denominator: den, rate: rate}
    ignore_columns: []
  - id: case-all
    registry: cases
    files: ["case_*.csv"]
    dialect: {missing: ["NA"]}
    delivery: snapshot
    scope: all
    tolerance: 0.02
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [case]
    columns: {unit: unit, unit_system: local, event_date: day}
    codes: [{column: code, system: icd}]
    measures:
      - {indicator: c_ok, numerator: ok, denominator: "=1"}
      - {indicator: c_plain, value: plain}
      - {indicator: c_over, value: over}
      - {indicator: c_under, value: under}
      - {indicator: c_unit, value: hba}
      - {indicator: c_digit, value: digit}
      - {indicator: c_target, value: target}
      - {indicator: c_place, value: place}
      - {indicator: c_decimal, value: decimal}
  - id: strata-all
    registry: strata
    files: ["strata_*.csv"]
    delivery: snapshot
    scope: all
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [case]
    columns: {unit: unit, unit_system: local, event_date: day, strata: [kind]}
    measures: [{indicator: s_ok, numerator: ok, denominator: "=1"}]
  - id: lost-all
    registry: lost
    files: ["lost_*.csv"]
    delivery: snapshot
    scope: all
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [case]
    reasons: {column: reason, codes: [MSK, NI]}
    columns: {unit: unit, unit_system: local, indicator: indicator, event_date: day, numerator: ok, denominator: "=1"}
  - id: absent-day
    registry: absent
    files: ["absent_*.csv"]
    delivery: snapshot
    scope: file
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [unit, day]
    schedule: {every: day, by: "06:00"}
    columns: {unit: unit, unit_system: local, event_date: day}
    measures: [{indicator: a_ok, numerator: num, denominator: den}]
  - id: count-delta
    registry: count
    files: ["count_*.csv"]
    delivery: delta
    order: {by: name, pattern: '_(\d+)_'}
    sequence: {step: 1, first: 1}
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [id]
    columns: {unit: unit, unit_system: local, event_date: day}
    measures: [{indicator: q_ok, numerator: ok, denominator: "=1"}]
  - id: night-delta
    registry: night
    files: ["night_*.csv"]
    dialect: {missing: ["NA"]}
    delivery: delta
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})'}
    key: [id]
    columns: {unit: unit, unit_system: local, indicator: indicator, event_date: day, registration_date: registered, numerator: num, denominator: den}
units:
`

// lastNight is the night of the faults, and the day of the tests' clock.
func lastNight() catalog.Date { return catalog.NewDate(2026, 3, 2) }

// nightsBefore is how many nights in a row there were before it: enough for six
// earlier weeks.
const nightsBefore = 49

// daysBefore is on how many days before the last night there was one: before
// those in a row a few, that reach three months of four weeks back. Of the first
// nothing is known.
func daysBefore() []int {
	days := []int{112, 107, 96, 85, 79, 70, 65, 63, 57, 53}
	for d := nightsBefore; d >= 0; d-- {
		days = append(days, d)
	}
	return days
}

func unitName(i int) string { return fmt.Sprintf("u%02d", i) }

// fixtureUnits report in every registry.
const fixtureUnits = 30

type rows struct {
	strings.Builder
	n int
}

func (r *rows) add(format string, a ...any) {
	r.n++
	fmt.Fprintf(&r.Builder, "%d,"+format+"\n", append([]any{r.n}, a...)...)
}

// writeQuality writes the catalog and the exports of all nights.
func writeQuality(t *testing.T, nights bool) (dir, drop string) {
	t.Helper()
	dir, drop = t.TempDir(), t.TempDir()
	var b strings.Builder
	if nights {
		b.WriteString(onlyNights(qualityCatalog))
	} else {
		b.WriteString(strings.Replace(qualityCatalog, "    ignore_columns: []\n", "", 1))
	}
	for i := 1; i <= fixtureUnits; i++ {
		fmt.Fprintf(&b, "  - {id: %[1]s, name: Unit %[1]s, kind: clinic, codes: {local: %[1]s}}\n", unitName(i))
	}
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if nights {
		nightly(t, drop)
		return dir, drop
	}
	last := lastNight()
	for _, faulty := range []bool{false, true} {
		on := last.AddDays(-10)
		if faulty {
			on = last
		}
		write(t, drop, fmt.Sprintf("month_%s.csv", on), monthly(faulty))
		write(t, drop, fmt.Sprintf("case_%s.csv", on), caseRows(faulty))
		write(t, drop, fmt.Sprintf("strata_%s.csv", on), strataRows(faulty))
		write(t, drop, fmt.Sprintf("lost_%s.csv", on), lostRows(faulty))
	}
	// The same bytes again, and files that are turned away.
	write(t, drop, fmt.Sprintf("strata_%s_again.csv", last), strataRows(true))
	write(t, drop, fmt.Sprintf("lost_%s_bytes.csv", last), strings.Replace(lostRows(true), "u01", "\xe501", 1))
	write(t, drop, fmt.Sprintf("lost_%s_header.csv", last), strings.Replace(lostRows(true), "ok", "bad", 1))
	write(t, drop, fmt.Sprintf("lost_%s_cut.csv", last), strings.TrimSuffix(lostRows(true), "\n"))
	write(t, drop, fmt.Sprintf("lost_%s_ragged.csv", last), strings.ReplaceAll(lostRows(true), ",1,", ",1,,"))
	write(t, drop, fmt.Sprintf("lost_%s_person.csv", last), personRows())
	write(t, drop, fmt.Sprintf("absent_%s.csv", last.AddDays(-4)), absentRows(last.AddDays(-4)))
	for _, n := range []int{1, 3} { // L03, and L04: of the week after
		write(t, drop, fmt.Sprintf("count_%d_%s.csv", n, last.AddDays(6+n)), countRows(n))
	}
	return dir, drop
}

// onlyNights is the catalog with the nightly registry alone: what no file comes of
// need not be published every night.
func onlyNights(catalog string) string {
	var b strings.Builder
	keep := true
	for line := range strings.Lines(catalog) {
		switch {
		case strings.HasPrefix(line, "  - {code: "):
			keep = strings.Contains(line, "{code: night,")
		case strings.HasPrefix(line, "  - {id: ") && strings.Contains(line, "registry: "):
			keep = strings.Contains(line, "registry: night,")
		case strings.HasPrefix(line, "  - id: "):
			keep = strings.Contains(line, "night")
		case !strings.HasPrefix(line, "    "):
			keep = true
		}
		if keep {
			b.WriteString(line)
		}
	}
	return b.String()
}

// monthly are 26 months of aggregated rows, one fault a unit.
func monthly(faulty bool) string {
	var b strings.Builder
	b.WriteString("id,unit,indicator,month,stratum,num,den,rate\n")
	r := rows{}
	first := catalog.NewDate(2024, 1, 1)
	months := 25
	if faulty {
		months = 26
	}
	for m := range months {
		month := first.AddMonths(m)
		newest := faulty && m == months-1
		for i := 1; i <= fixtureUnits; i++ {
			rnd := rand.New(rand.NewPCG(uint64(m), uint64(i)))
			u := unitName(i)
			den := 180 + rnd.IntN(40)
			num := den*7/10 + rnd.IntN(9)
			cover, coverOf, top, twin, list := 95-(m+i)%4, 100, den, den, den
			rate := ""
			row := func(indicator, stratum string, num, den any) {
				r.add("%s,%s,%s,%s,%v,%v,%s", u, indicator, month, stratum, num, den, rate)
			}
			switch { // D03: orders of magnitude, and only few first digits
			case m == 0 && i == 14:
				cover, coverOf = 1, 1
			case m == 0 && i == 15:
				cover, coverOf = 1900, 2000
			}
			switch {
			case newest && i == 1: // K01: nothing of the unit
				continue
			case newest && i == 2: // T04: a zero
				num, den, top, twin, list = 0, 0, 0, 0, 0
			case m == 20 && faulty && i == 3: // K09: half of a closed month is gone
				den, num, twin, list = den/2, num/2, den/2, den/2
			case m == 20 && faulty && i == 4: // K11: a third more of one
				den, num = den*4/3, num*4/3
				top, twin, list = den, den, den
			case newest && i == 5: // C11
				num, top = den+3, den+3
			case newest && i == 6: // C12
				rate = "0.1"
			case newest && i == 7: // P04: more than there can be
				top = num - 40
			case newest && i == 8: // X01: another count of the same
				den, num = 5*den, 5*num
				top, list, twin = den, den, den*8/10
			case newest && i == 9: // K06: poorly covered
				cover = 70
			case newest && i == 10: // K07: fewer than are listed
				list = den * 3 / 2
			case newest && i == 11: // P06: an outlier
				num = den / 5
			case month == catalog.NewDate(2026, 1, 1) && i == 12: // K08: still filling
				den, num = den/2, num/2
				top, twin, list = den, den, den
			}
			row("m_share", "", num, den)
			rate = ""
			row("m_cover", "", cover, coverOf)
			row("m_top", "", top, "")
			row("m_twin", "", twin*7/10, twin)
			row("m_list", "", list, "")
			if i <= 12 {
				row("m_new", "", num/2, den)
				total := den
				if newest && i == 12 { // C13
					total++
				}
				half := den / 2
				row("m_strata", "", half, total)
				row("m_strata", "F", half/2, half)
				row("m_strata", "M", half-half/2, den-half)
			}
			if newest && (i == 13 || i == 14) { // C10: a row twice
				r.n--
				row("m_list", "", list, "")
			}
		}
	}
	b.WriteString(r.String())
	return b.String()
}

// caseRows are two months of cases with values, one fault a measure.
func caseRows(faulty bool) string {
	var b strings.Builder
	b.WriteString("case,unit,day,code,ok,plain,over,under,hba,digit,target,place,decimal\n")
	r := rows{}
	months := []catalog.Date{catalog.NewDate(2025, 12, 1), catalog.NewDate(2026, 1, 1)}
	if faulty {
		months = append(months, catalog.NewDate(2026, 2, 1))
	}
	for _, month := range months {
		newest := faulty && month == months[len(months)-1]
		for i := 1; i <= 8; i++ {
			for k := range 100 {
				rnd := rand.New(rand.NewPCG(uint64(month.Days()), uint64(1000*i+k)))
				day := month.AddDays(rnd.IntN(28))
				code, ok := "A", any(min(rnd.IntN(10), 7)/7)
				hba, digit, place, decimal := 40+rnd.IntN(30), 90+rnd.IntN(60), 30+rnd.IntN(40), fmt.Sprint(20+rnd.IntN(20))
				target := 130 + rnd.IntN(21)
				plain, over, under := 50+rnd.IntN(20), 121+rnd.IntN(9), 71+rnd.IntN(9)
				if newest {
					if k < 28 { // D01: both
						over, under = 120, 70
					}
					switch {
					case i == 2 && k < 30:
						code = "X" // C09
					case (i == 3 || i == 6) && k < 4:
						ok = "?" // C06
					case i == 4 && k < 20:
						ok = "NA" // K03
					case (i == 5 || i == 8) && k < 30:
						hba = 6 // P03: in %
					case i == 7 && k == 0:
						plain = 999 // P01
					case i == 1 && k < 12:
						plain = 230 // P01, in more than some rows
					}
					if target == 141 || target == 142 && k%2 == 0 {
						target = 139 // D02
					}
					if k%5 == 0 {
						place = 99 // K05
					}
				}
				if faulty {
					if k%5 > 0 {
						digit -= digit % 10 // D01
					}
					decimal += ".5" // D07
				}
				r.add("%s,%s,%s,%v,%d,%d,%d,%d,%d,%d,%d,%s", unitName(i), day, code, ok, plain, over, under, hba, digit, target, place, decimal)
			}
		}
	}
	b.WriteString(r.String())
	return b.String()
}

// strataRows are cases by kind and day of the week.
func strataRows(faulty bool) string {
	var b strings.Builder
	b.WriteString("case,unit,day,kind,ok\n")
	r := rows{}
	kinds := []string{"k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8"}
	from := catalog.NewDate(2026, 1, 5)
	for i := 1; i <= 6; i++ {
		for k := range 200 {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(k)))
			kind, day := kinds[rnd.IntN(len(kinds))], from.AddDays(rnd.IntN(35))
			if faulty && kind >= "k5" {
				kind = "k9" // K10, D05, D06
			}
			if faulty { // T09: weekends are on Monday
				if w := int(day.Time().Weekday()+6) % 7; w > 4 {
					day = day.AddDays(-w)
				}
			}
			r.add("%s,%s,%s,%d", unitName(i), day, kind, min(rnd.IntN(10), 6)/6)
		}
	}
	b.WriteString(r.String())
	return b.String()
}

// lostRows are cases of which too many cannot be taken.
func lostRows(faulty bool) string {
	var b strings.Builder
	b.WriteString("case,unit,indicator,day,ok,reason\n")
	r := rows{}
	from := catalog.NewDate(2026, 1, 5)
	for i := 1; i <= 6; i++ {
		for k := range 50 {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(k)))
			unit, indicator, day := unitName(i), "l_ok", from.AddDays(rnd.IntN(30))
			if faulty && i == 6 {
				switch {
				case k < 20:
					day = catalog.NewDate(2027, 1, 1) // T01
				case k < 40:
					unit = "nobody" // C07, K13
				case k < 45:
					indicator = "nothing" // C08
				default:
					continue
				}
			}
			ok, reason := any(rnd.IntN(2)), ""
			if faulty && i == 5 && k == 0 {
				ok, reason = "", "XX" // C17
			}
			r.add("%s,%s,%s,%v,%s", unit, indicator, day, ok, reason)
		}
	}
	b.WriteString(r.String())
	return b.String()
}

// countRows are a few cases of four units and more of a fifth: K12.
func countRows(n int) string {
	var b strings.Builder
	b.WriteString("id,unit,day,ok\n")
	for k := range 34 {
		fmt.Fprintf(&b, "%d-%d,%s,2026-02-01,%d\n", n, k, unitName(1+min(k, 4)), k%2)
	}
	return b.String()
}

// personRows have personal identity numbers where the units should be, of a
// range that is given to nobody.
func personRows() string {
	var b strings.Builder
	b.WriteString("case,unit,indicator,day,ok,reason\n")
	for k := range 60 {
		nine := fmt.Sprintf("%02d%02d%02d%03d", 40+k, 1+k%12, 1+k%28, 238+k%2)
		sum := 0
		for i, c := range nine { // Luhn's rule
			d := int(c-'0') * (2 - i%2)
			sum += d/10 + d%10
		}
		fmt.Fprintf(&b, "%d,%s-%s%d,l_ok,2026-01-05,1,\n", k, nine[:6], nine[6:], (10-sum%10)%10)
	}
	return b.String()
}

func absentRows(on catalog.Date) string {
	var b strings.Builder
	b.WriteString("unit,day,num,den\n")
	for d := range 10 {
		for i := 1; i <= 3; i++ {
			fmt.Fprintf(&b, "%s,%s,%d,%d\n", unitName(i), on.AddDays(d-10), 12+i+d%3, 20)
		}
	}
	return b.String()
}

// nightly writes a delta for each night: what happened on its day.
func nightly(t *testing.T, drop string) {
	t.Helper()
	last := lastNight()
	for _, left := range daysBefore() {
		day, n := last.AddDays(-left), nightsBefore-left
		var b strings.Builder
		b.WriteString("id,unit,indicator,day,registered,num,den\n")
		for i := 1; i <= fixtureUnits; i++ {
			u := unitName(i)
			drawn, again := n, left == 0 && i == 6
			if again { // T08: nine nights ago again
				drawn -= 9
			}
			rnd := rand.New(rand.NewPCG(uint64(drawn), uint64(i)))
			poisson := func(mean float64) int {
				v := 0.0
				for range 12 {
					v += rnd.Float64()
				}
				return max(int(mean+(v-6)*math.Sqrt(mean)+0.5), 0)
			}
			visits, good, screen, rare := poisson(40), poisson(60), poisson(50), poisson(5)
			met := 0
			missing, late := 0, 4
			switch {
			case i == 1 && left == 0: // T02
				visits = 85
			case i == 4 && left == 0: // K04
				missing = 5
			case i == 5 && left < 4: // T07
				visits, good = 41, 60
			case i == 11: // T03
				visits = 96 + (n+200)*5%9
				if left < 6 {
					visits = visits * 73 / 100
				}
			case i == 13 && slices.Contains([]int{1, 4, 9, 15, 20}, left): // D04
				rare = 0
			}
			share := 0.7
			if i == 12 && left < 28 { // T05
				share = 0.5
			}
			for range good {
				if rnd.Float64() < share {
					met++
				}
			}
			if i == 5 && left < 4 {
				met = 42
			}
			if left == 0 {
				late = 7 // L02
				if !again {
					screen = screen * 6 / 10 // T06
				}
			}
			if left == 0 && (i == 7 || i == 8) { // K01, X06
				continue
			}
			if left == 0 && i == 9 { // X06: what unit 8 had
				visits, good, met, rare = visits+40, good+60, met+42, rare+5
				screen += 30
			}
			row := func(indicator string, k int, day, registered catalog.Date, num, den any) {
				fmt.Fprintf(&b, "%d-%s-%s-%d,%s,%s,%s,%s,%v,%v\n", n, u, indicator, k, u, indicator, day, registered, num, den)
			}
			row("n_visits", 0, day, day, visits, "")
			row("n_good", 0, day, day, met, good)
			row("n_screen", 0, day, day, screen, "")
			row("n_rare", 0, day, day, rare, "")
			for k := range 12 {
				num := any(min(rnd.IntN(10), 7) / 7)
				if k < missing {
					num = "NA"
				}
				row("n_case", k, day.AddDays(-late), day, num, 1)
			}
		}
		write(t, drop, fmt.Sprintf("night_%s.csv", day), b.String())
	}
}

// qualityRun is what came of the fixtures.
type qualityRun struct {
	nights []quality.Night
	flags  []gate.Flag
}

func runQuality(t *testing.T, nights bool) *qualityRun {
	t.Helper()
	dir, drop := writeQuality(t, nights)
	out := &qualityRun{}
	var mu sync.Mutex
	cfg := config(t.TempDir(), dir, drop, nil)
	cfg.WithoutAudiences = true // what they would not be shown is known without them
	cfg.Judged = func(n quality.Night) {
		mu.Lock()
		defer mu.Unlock()
		out.nights = append(out.nights, n)
	}
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	once(t, a)
	if out.flags, err = a.Flags(t.Context()); err != nil {
		t.Fatal(err)
	}
	return out
}

// line says what a finding is about, and what follows from it: with which others
// it is one question.
func line(n *quality.Night, f *quality.Finding, r *quality.Result) string {
	what := "on record"
	switch {
	case f.Raises():
		what = "asks"
		for _, i := range r.Incidents {
			if i.ID == f.Incident {
				what = fmt.Sprintf("asks in %s of %d", i.Cause, len(i.Flags))
			}
		}
	case f.FoldedInto != "":
		what = "explained"
	}
	return fmt.Sprintf("%s %s %s %s %s %s", n.AsOf, f.Check, f.Severity, what, cmp.Or(f.Indicator, "-"), cmp.Or(f.Unit, "-"))
}

// foundIn is what the checks find in the nights, as lines with how many there are
// of each.
func foundIn(nights []quality.Night, checks []quality.Check) []string {
	list := map[string]int{}
	for i := range nights {
		r := quality.EvaluateNight(nights[i], checks)
		for j := range r.Findings {
			if f := &r.Findings[j]; f.Status == quality.Flagged || f.Status == quality.CouldNotRun {
				list[line(&nights[i], f, &r)]++
			}
		}
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(list)) {
		out = append(out, fmt.Sprintf("%s x%d", k, list[k]))
	}
	return out
}

// untried are the checks that no fixture here can make find something, and why.
func untried() map[string]string {
	return map[string]string{
		"C16": "a catalog that breaks it is not adopted",
		"L05": "held by the reminders of the review", "X07": "held by the introduction protocol",
	}
}

// TestEveryCheckThroughThePipeline: what the checks find in the fixtures is
// exactly what is written down, every flag of it is in the gate, and without
// any one check, or with its threshold on the wrong side, it would be another.
func TestEveryCheckThroughThePipeline(t *testing.T) {
	t.Parallel()
	holdToFixtures(t, "checks.txt", false, func(c quality.Check) bool {
		return (!c.Panel || c.Run != nil || c.ID == "P06") && c.ID != "L02"
	})
}

// TestNightlyChecksThroughThePipeline is the same for the checks that need to
// have seen many nights.
func TestNightlyChecksThroughThePipeline(t *testing.T) {
	t.Parallel()
	holdToFixtures(t, "checks_nightly.txt", true, func(c quality.Check) bool {
		return slices.Contains([]string{"D04", "K01", "K04", "L02", "T02", "T03", "T05", "T06", "T07", "T08", "X06"}, c.ID)
	})
}

func holdToFixtures(t *testing.T, name string, nights bool, tried func(quality.Check) bool) {
	t.Helper()
	r := runQuality(t, nights)
	if nights {
		r.nights = r.nights[len(r.nights)-1:]
	}
	checks := quality.Catalogue()
	all := foundIn(r.nights, checks)
	golden(t, name, strings.Join(all, "\n")+"\n")
	raised := map[string]int{}
	for i := range r.nights {
		n := &r.nights[i]
		for _, f := range quality.EvaluateNight(*n, checks).Findings {
			if f.Raises() {
				raised[quality.FlagID(f)+" "+f.Incident]++
			}
		}
	}
	for _, f := range r.flags {
		if nights && f.AsOf != lastNight() {
			continue
		}
		if raised[f.FlagRaised.Flag+" "+f.Incident] == 0 {
			t.Errorf("the gate has the flag %s of %s that no check raised", f.FlagRaised.Flag, f.Indicator)
		}
		delete(raised, f.FlagRaised.Flag+" "+f.Incident)
	}
	for id := range raised {
		t.Errorf("the gate does not have the flag %s", id)
	}
	skip := untried()
	for i, c := range checks {
		if c.Absent != "" || skip[c.ID] != "" || !tried(c) {
			continue
		}
		without := slices.Delete(slices.Clone(checks), i, i+1)
		if slices.Equal(foundIn(r.nights, without), all) {
			t.Errorf("without %s the checks find the same", c.ID)
		}
		for name, wrong := range wrongSide(c) {
			moved := slices.Clone(r.nights)
			for i := range moved {
				moved[i].Checks = map[string]catalog.CheckParams{c.ID: wrong}
			}
			if slices.Equal(foundIn(moved, checks), all) {
				t.Errorf("with the %s of %s on the wrong side the checks find the same", name, c.ID)
			}
		}
	}
}

// wrongSide are thresholds with which a check must miss what it finds.
func wrongSide(c quality.Check) map[string]catalog.CheckParams {
	huge, all, none, never := 1e12, 1.0, 0.0, 1e-300
	fraction := &all
	switch c.ID {
	case "K06", "K08": // below which something is odd
		fraction = &none
	}
	out := map[string]catalog.CheckParams{}
	if c.Count > 0 {
		out["count"] = catalog.CheckParams{Count: &huge, Note: "wrong"}
		if c.ID == "T10" { // for how long a change is one
			out["count"] = catalog.CheckParams{Count: &none, Note: "wrong"}
		}
	}
	// Of the times of events no hour is known, what is usual is not learned yet,
	// and a move that conserves everything passes any share.
	if c.Fraction > 0 && c.ID != "T09" && c.ID != "X06" {
		out["fraction"] = catalog.CheckParams{Fraction: fraction, Note: "wrong"}
	}
	if c.P > 0 && c.ID != "K11" {
		out["p"] = catalog.CheckParams{P: &never, Note: "wrong"}
	}
	return out
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with the file of that name in testdata.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s is not what came of it; run with -update where that is meant:\n%s", path, diff(string(want), text))
	}
}

// infectionsCatalog is that of the real file of hospital infections.
const infectionsCatalog = `
region: {code: hovedstaden, name: Capital region, time_zone: Europe/Copenhagen}
registries: [{code: infections, name: Hospital infections, country: DK}]
profiles: [{id: internal, rule: internal}]
people: [{id: p-1, name: Steward, roles: [region_steward]}]
units: [{id: AHH, name: AHH, kind: hospital, codes: {local: AHH}}, {id: BFH, name: BFH, kind: hospital, codes: {local: BFH}}, {id: BOH, name: BOH, kind: hospital, codes: {local: BOH}},
  {id: HGH, name: HGH, kind: hospital, codes: {local: HGH}}, {id: NOH, name: NOH, kind: hospital, codes: {local: NOH}}, {id: RGH, name: RGH, kind: hospital, codes: {local: RGH}}]
indicators:
  - {id: bac, registry: infections, name: Bacteraemia, type: rate, class: outcome, direction: down, multiplier: 10000}
  - {id: cdi, registry: infections, name: C. difficile, type: rate, class: outcome, direction: down, multiplier: 10000}
  - {id: uti, registry: infections, name: Urinary tract, type: rate, class: outcome, direction: down, multiplier: 10000}
feeds:
  - id: infections
    registry: infections
    files: ["*infections*.csv"]
    dialect: {encoding: utf-8, delimiter: ",", dates: iso}
    delivery: snapshot
    scope: all
    order: {by: name, pattern: '_(\d)'}
    key: [hospital, infection, month]
    columns: {unit: hospital, unit_system: local, indicator: infection, event_date: month, numerator: n, denominator: days}
`

// TestFaultsInARealFile plants a fault of each kind in the first delivery of a real
// file and takes it through intake, checks and gate; then the file comes as it is,
// and nothing is asked or held any more.
func TestFaultsInARealFile(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(aeFile(t)), "qicharts2_hospital_infections.csv"))
	if err != nil {
		t.Log("the shared data folder is absent: nothing was tried")
		return
	}
	// The codes of indicators are written small in a catalog.
	text := strings.NewReplacer(`"BAC"`, "bac", `"CDI"`, "cdi", `"UTI"`, "uti").Replace(string(b))
	dir, drop := t.TempDir(), t.TempDir()
	write(t, dir, "catalog.yaml", infectionsCatalog)
	a := open(t, t.TempDir(), dir, drop)
	var wrong strings.Builder
	lines := strings.Split(strings.TrimSpace(text), "\n")
	before := map[string]string{} // a line's numbers by the rest of it
	for _, line := range lines {
		f := strings.Split(line, ",")
		of := strings.Trim(f[0], `"`)
		at := of + " " + strings.TrimSuffix(f[2], "-01")
		if last := before[f[0]+f[1]]; at == "RGH 2015-12" { // the month before once more
			f[3], f[4], _ = strings.Cut(last, ",")
		}
		before[f[0]+f[1]] = f[3] + "," + f[4]
		number := func(s string) float64 {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		switch at {
		case "AHH 2015-09":
			continue // missing
		case "BFH 2016-05":
			f[4] = fmt.Sprint(10 * number(f[4]))
		case "NOH 2016-03":
			wrong.WriteString(line + "\n") // twice
		case "HGH 2015-05":
			f[3] = fmt.Sprint(100 * number(f[3]))
		case "BOH 2016-02":
			f[3], f[4] = "0", "0"
		case "AHH 2015-03":
			f[4] = fmt.Sprint(24 * number(f[4])) // hours
		}
		wrong.WriteString(strings.Join(f, ",") + "\n")
	}
	asked := func() []string {
		once(t, a)
		flags, err := a.Flags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		set := map[string]bool{}
		for _, f := range flags {
			if f.Status == gate.Open && (f.Holds() || f.Check == "T04") {
				set[fmt.Sprintf("%s %s %s %s", f.Unit, f.Period, f.Check, f.Severity)] = true
			}
		}
		return slices.Sorted(maps.Keys(set))
	}
	write(t, drop, "infections_1.csv", wrong.String())
	want := []string{"AHH 2015-03-01 T03 HOLD", "AHH 2015-09-01 T04 NOTE", "BFH 2016-05-01 T03 HOLD", "BOH 2016-02-01 T03 HOLD", "HGH 2015-05-01 P03 HOLD", "NOH 2016-03-01 C10 BLOCK", "RGH 2015-12-01 T08 HOLD"}
	if got := asked(); !slices.Equal(got, want) {
		t.Errorf("asked %q\nnot   %q", got, want)
	}
	write(t, drop, "infections_2.csv", text)
	if got := asked(); len(got) > 0 {
		t.Errorf("it is right, and asked are %q", got)
	}
	if held := sql(t, a, "released", "SELECT unit, indicator, period_start, state FROM cell WHERE state != 'value' AND state != 'preliminary' LIMIT 20"); held != "" {
		t.Errorf("it is right, and is not shown:\n%s", held)
	}
}
