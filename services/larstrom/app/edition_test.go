package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/disclosure/attack"
	"larstrom/pipeline/quality"
	"larstrom/services/larstrom/app"
)

// wideCatalog is a region whose export has rows for clinics, areas and the
// region, for women, men and both, and two wider audiences.
const wideCatalog = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries:
  - {code: hier, name: Hierarchy, country: SE}
indicators:
  - id: hier_ok
    registry: hier
    name: Good
    type: proportion
    subset: true
    class: process
    direction: up
    multiplier: 100
    maturity_lag_days: 20
    checks: {%s}
profiles:
  - {id: internal, rule: internal}
  - {id: SE, rule: SE, note: everybody}
  - {id: R5, rule: ROUND5, edition_day: 3, note: who is used to rounding to five}
people:
  - {id: p-1, name: Reviewer One, roles: [region_steward]}
  - {id: p-2, name: Reviewer Two, roles: [region_steward]}
feeds:
  - id: hier-night
    registry: hier
    files: ["hier_*.csv"]
    dialect: {encoding: utf-8, delimiter: ";", dates: iso}
    delivery: snapshot
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    key: [month, unit, sex]
    columns: {unit: unit, unit_system: local, event_date: month, strata: [sex]}
    measures:
      - {indicator: hier_ok, numerator: ok, denominator: seen}
units:
  - {id: all, name: Testland, kind: region, codes: {local: all}}
`

// wideWorld is the truth behind the exports: n persons with the outcome and m
// without it, of each clinic, sex and month.
type wideWorld struct {
	months []time.Time
	units  []string            // clinics, areas, region
	below  map[string][]string // of areas and region
	n, m   map[string]int64    // by unit|sex|month
	rng    *rand.Rand
}

// sexes are the strata, the total first.
var sexes = []string{"", "f", "m"}

func wideKey(unit, sex string, month int) string { return fmt.Sprintf("%s|%s|%d", unit, sex, month) }

func newWideWorld(t *testing.T, areas, clinics, of int) (w *wideWorld, catalog string) {
	t.Helper()
	w = &wideWorld{months: months(date(2025, 9, 1), of), below: map[string][]string{}, n: map[string]int64{}, m: map[string]int64{}, rng: rand.New(rand.NewPCG(6, 7))}
	var off []string
	for _, c := range quality.Registry() {
		off = append(off, c.ID+`: {off: true, note: "numbers by chance"}`)
	}
	yaml := fmt.Sprintf(wideCatalog, strings.Join(off, ", "))
	for a := range areas {
		area := fmt.Sprintf("a%d", a)
		w.below["all"] = append(w.below["all"], area)
		yaml += fmt.Sprintf("  - {id: %[1]s, name: Area %[1]s, kind: area, parents: [all], codes: {local: %[1]s}}\n", area)
		for c := range clinics {
			clinic := fmt.Sprintf("c%d%d", a, c)
			w.below[area] = append(w.below[area], clinic)
			w.units = append(w.units, clinic)
			yaml += fmt.Sprintf("  - {id: %[1]s, name: Clinic %[1]s, kind: clinic, parents: [%s], codes: {local: %[1]s}}\n", clinic, area)
			for _, sex := range sexes[1:] {
				for i := range w.months {
					w.n[wideKey(clinic, sex, i)], w.m[wideKey(clinic, sex, i)] = w.draw(), w.draw()
				}
			}
		}
	}
	w.units = append(append(w.units, w.below["all"]...), "all")
	w.sum()
	dir := t.TempDir()
	write(t, dir, "catalog.yaml", yaml)
	return w, dir
}

func (w *wideWorld) draw() int64 {
	if w.rng.IntN(8) == 0 {
		return int64(w.rng.IntN(8))
	}
	return int64(15 + w.rng.IntN(60))
}

func (w *wideWorld) sum() {
	for _, q := range []map[string]int64{w.n, w.m} {
		for i := range w.months {
			for _, unit := range w.units {
				for _, sex := range sexes[1:] {
					if parts := w.below[unit]; len(parts) > 0 {
						sum := int64(0)
						for _, p := range parts {
							sum += q[wideKey(p, sex, i)]
						}
						q[wideKey(unit, sex, i)] = sum
					}
				}
				q[wideKey(unit, "", i)] = q[wideKey(unit, "f", i)] + q[wideKey(unit, "m", i)]
			}
		}
	}
}

// grow registers a few persons late: many of a month that is young on that day,
// and seldom one of an older month.
func (w *wideWorld) grow(on time.Time) {
	for _, area := range w.below["all"] {
		for _, c := range w.below[area] {
			for _, sex := range sexes[1:] {
				for i := range w.months {
					chance := 0.5
					if w.months[i].AddDate(0, 1, 20).Before(on) {
						chance = 0.005
					}
					if w.rng.Float64() < chance {
						w.n[wideKey(c, sex, i)] += int64(w.rng.IntN(3))
						w.m[wideKey(c, sex, i)] += int64(w.rng.IntN(2))
					}
				}
			}
		}
	}
	w.sum()
}

func (w *wideWorld) file() string {
	var b strings.Builder
	b.WriteString("month;unit;sex;ok;seen\n")
	for i, month := range w.months {
		for _, u := range w.units {
			for _, sex := range sexes {
				k := wideKey(u, sex, i)
				fmt.Fprintf(&b, "%s;%s;%s;%d;%d\n", month.Format("2006-01-02"), u, sex, w.n[k], w.n[k]+w.m[k])
			}
		}
	}
	return b.String()
}

// seen is one edition of a store, and the truth of the night it was made of.
type seen struct {
	states map[string]string // by key
	n, m   map[string]int64
}

func (w *wideWorld) read(t *testing.T, a *app.App, store string) seen {
	t.Helper()
	s := seen{states: map[string]string{}, n: map[string]int64{}, m: map[string]int64{}}
	for k := range w.n {
		s.n[k], s.m[k] = w.n[k], w.m[k]
	}
	for line := range strings.Lines(sql(t, a, store, "SELECT unit, stratum, period_start, state FROM cell")) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		month := slices.IndexFunc(w.months, func(m time.Time) bool { return m.Format("2006-01-02") == f[2] })
		s.states[wideKey(f[0], f[1], month)] = f[3]
	}
	return s
}

// attacked counts the withheld numbers, and those that somebody bounds to fewer
// than width who knows the hierarchy, that counts only grow, and every number
// that any edition shows, exactly. Programme adds linear programming over the
// last edition.
func (w *wideWorld) attacked(t *testing.T, editions []seen, width float64) (withheld, bounded int) {
	t.Helper()
	for month := range w.months {
		for q := range 2 {
			for _, over := range [][]seen{editions, editions[len(editions)-1:]} {
				s := attack.New()
				at := func(e int, unit, sex string) int { return s.Variable(fmt.Sprintf("%d %s %s", e, unit, sex)) }
				for e, one := range over {
					truth := one.n
					if q == 1 {
						truth = one.m
					}
					for _, u := range w.units {
						var parts []int
						for _, sex := range sexes {
							if one.states[wideKey(u, sex, month)] == "value" {
								s.Know(at(e, u, sex), float64(truth[wideKey(u, sex, month)]))
							}
							var below []int
							for _, c := range w.below[u] {
								below = append(below, at(e, c, sex))
							}
							if len(below) > 0 {
								s.Equal(below, []int{at(e, u, sex)})
							}
							if sex != "" {
								parts = append(parts, at(e, u, sex))
							}
							if e > 0 {
								s.Equal([]int{at(e-1, u, sex), s.Variable(fmt.Sprintf("more %d %s %s", e, u, sex))}, []int{at(e, u, sex)})
							}
						}
						s.Equal(parts, []int{at(e, u, "")})
					}
				}
				s.Propagate()
				for e, one := range over {
					for _, u := range w.units {
						for _, sex := range sexes {
							if one.states[wideKey(u, sex, month)] != "suppressed" {
								continue
							}
							withheld++
							low, high := s.Range(at(e, u, sex))
							if len(over) == 1 && high-low >= width {
								var err error
								if low, high, err = s.Bounds(at(e, u, sex)); err != nil {
									t.Fatal(err)
								}
							}
							if high-low < width {
								bounded++
								if os.Getenv("TEST_LOG") != "" {
									t.Logf("%v %s of %s %q, edition %d of %d, programme %v: %v to %v of %d", w.months[month], []string{"with", "without"}[q], u, sex, e, len(over), len(over) == 1, low, high, one.n[wideKey(u, sex, month)])
								}
							}
						}
					}
				}
			}
		}
	}
	return withheld, bounded
}

// wideViews are all that a wider audience may read, without what names the run.
func wideViews(t *testing.T, a *app.App, store string) string {
	t.Helper()
	var b strings.Builder
	for _, v := range app.ReleasedViews() {
		if v != "run" { // a store that was made again has its last edition alone
			fmt.Fprintf(&b, "== %s\n%s", v, sql(t, a, store, "SELECT * EXCEPT (run) FROM "+v+" ORDER BY ALL"))
		}
	}
	return b.String()
}

// leaks are the rows of an audience's store that say more than they may.
var leaks = map[string]string{
	"a withheld cell has a number or a name": `SELECT unit, stratum, period_start, state FROM cell WHERE state NOT IN ('value', 'held_previous', 'no_eligible')
		AND (coalesce(numerator, denominator, value, ci_low, ci_high, expected, coverage, missing_share) IS NOT NULL OR fingerprint != '')`,
	"a withheld point has a number or a name": `SELECT unit, stratum, period_start, state FROM chart WHERE state NOT IN ('value', 'held_previous', 'no_eligible')
		AND (coalesce(value, n, sd, p_value, false_alarm) IS NOT NULL OR fingerprint != '' OR sigma_signal OR runs_signal OR notEmpty(rules))`,
	"a point is not that of the cell": `SELECT c.unit, c.stratum, c.period_start FROM cell AS c FULL JOIN chart AS p
		ON c.unit = p.unit AND c.stratum = p.stratum AND c.period_start = p.period_start
		WHERE c.state != p.state OR abs(c.value - p.value) > 1e-9 OR c.denominator != p.n OR c.fingerprint != p.fingerprint`,
	"a funnel has more than the cells that are shown": `SELECT f.unit, f.stratum, f.denominator, sum(c.denominator) AS shown FROM funnel AS f
		LEFT JOIN (SELECT * FROM cell WHERE state = 'value') AS c ON c.unit = f.unit AND c.stratum = f.stratum
		WHERE f.denominator IS NOT NULL GROUP BY f.unit, f.stratum, f.denominator HAVING f.denominator != shown`,
	"a count is not rounded": `SELECT unit, stratum, period_start, numerator, denominator FROM cell WHERE numerator % %BASE% != 0 OR denominator % %BASE% != 0`,
	"a missing share":        "SELECT unit FROM cell WHERE missing_share IS NOT NULL",
	"a flag":                 "SELECT flag FROM flag",
	"a delivery":             "SELECT delivery FROM delivery",
}

func noLeaks(t *testing.T, a *app.App, store string, base int) {
	t.Helper()
	for what, query := range leaks {
		if got := sql(t, a, store, strings.ReplaceAll(query, "%BASE%", strconv.Itoa(base))); got != "" {
			t.Errorf("%s: %s:\n%s", store, what, got)
		}
	}
}

// TestAttackerOfTheStores takes a region through nights of late registrations and
// lets somebody with all released tables of every edition solve for what is
// withheld. Between editions nothing changes, while the exact store does.
func TestAttackerOfTheStores(t *testing.T) {
	nights := 32
	if n, err := strconv.Atoi(os.Getenv("LARSTROM_EDITION_NIGHTS")); err == nil {
		nights = max(n, nights)
	}
	w, catalog := newWideWorld(t, 2, 4, 6)
	a := open(t, t.TempDir(), catalog, "")
	drop := t.TempDir()
	stores := map[string]struct {
		width float64
		base  int
	}{"released:SE": {5, 10}, "released:R5": {7, 5}}
	editions, views, exact := map[string][]seen{}, map[string]string{}, ""
	changed := 0
	began := time.Now()
	for night := range nights {
		on := date(2026, 1, 20).AddDate(0, 0, night*3)
		name := "hier_" + on.Format("2006-01-02") + ".csv"
		write(t, drop, name, w.file())
		submit(t, a, false, filepath.Join(drop, name))
		if now := sql(t, a, "released", "SELECT sum(cityHash64(unit, stratum, period_start, fingerprint)) FROM cell"); now != exact {
			exact, changed = now, changed+1
		}
		for store := range stores {
			edition := sql(t, a, store, "SELECT max(publication) FROM run")
			text := edition + wideViews(t, a, store)
			switch was, _, _ := strings.Cut(views[store], "=="); {
			case views[store] == "" || !strings.HasPrefix(text, was):
				editions[store] = append(editions[store], w.read(t, a, store))
				views[store] = text
				noLeaks(t, a, store, stores[store].base)
			case views[store] != text:
				t.Fatalf("night %d: %s changes between editions:\n%s", night, store, diff(views[store], text))
			}
		}
		w.grow(on)
	}
	t.Logf("%d nights took %v", nights, time.Since(began))
	if changed < nights*2/3 {
		t.Errorf("the exact store changed on %d of %d nights only", changed, nights)
	}
	for store, of := range stores {
		if len(editions[store]) < 4 {
			t.Errorf("%s: %d editions of %d nights", store, len(editions[store]), nights)
		}
		states := map[string]int{}
		for _, s := range editions[store][len(editions[store])-1].states {
			states[s]++
		}
		withheld, bounded := w.attacked(t, editions[store], of.width)
		t.Logf("%s: %d editions of %d nights; %d of %d withheld numbers bounded below %v; last edition %v", store, len(editions[store]), nights, bounded, withheld, of.width, states)
		if bounded > 0 {
			t.Errorf("%s: %d of %d withheld numbers are bounded to fewer than %v", store, bounded, withheld, of.width)
		}
		if states["value"] < 60 || states["suppressed"] < 30 {
			t.Errorf("%s: %v: there is nothing to attack", store, states)
		}
		if _, bounded := w.attacked(t, w.naive(editions[store]), of.width); bounded == 0 {
			t.Errorf("%s: the attacker finds nothing where small cells alone are withheld: the test could not fail", store)
		}
	}
	report, err := a.Verify(t.Context(), func(string) {})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %v %v", report.Problems, err)
	}
	replayed, err := a.Replay(t.Context(), func(string) {})
	if err != nil || replayed.Before != replayed.After {
		t.Errorf("replay: %v, before %s, after %s", err, replayed.Before, replayed.After)
	}
	for store := range stores {
		if text := sql(t, a, store, "SELECT max(publication) FROM run") + wideViews(t, a, store); text != views[store] {
			t.Errorf("%s after a replay:\n%s", store, diff(views[store], text))
		}
	}
}

// naive is what a publisher shows who withholds small cells and no others.
func (w *wideWorld) naive(editions []seen) []seen {
	var out []seen
	for _, e := range editions {
		bare := seen{states: map[string]string{}, n: e.n, m: e.m}
		for k := range e.states {
			bare.states[k] = "value"
			if e.n[k] < 5 || e.m[k] < 5 {
				bare.states[k] = "suppressed"
			}
		}
		out = append(out, bare)
	}
	return out
}
