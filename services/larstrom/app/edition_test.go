package app_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/disclosure/attack"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
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

// newWideWorld is that of so many months; the checks that are named ask, others
// are off.
func newWideWorld(t *testing.T, areas, clinics, of int, ask ...string) (w *wideWorld, catalog string) {
	t.Helper()
	w = &wideWorld{months: months(date(2025, 9, 1), of), below: map[string][]string{}, n: map[string]int64{}, m: map[string]int64{}, rng: rand.New(rand.NewPCG(6, 7))}
	var off []string
	for _, id := range strings.Fields("C05 C06 C09 C10 C11 C12 C13 K01 K02 K03 K04 K05 K06 K07 K08 K09 K10 K11 K12 K13 T01 T02 T03 T04 T05 T06 T07 T08 T09 T10 D04 D05 P05 P06 X06") {
		if !slices.Contains(ask, id) {
			off = append(off, id+`: {off: true, note: "numbers by chance"}`)
		}
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
	nights := 30
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
			was, _, _ := strings.Cut(views[store], "==")
			if was == edition && night%4 != 0 { // every view takes its time to read
				continue
			}
			text := edition + wideViews(t, a, store)
			switch {
			case was != edition:
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
	began = time.Now()
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
	t.Logf("the attack took %v", time.Since(began))
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

// editionOf is the newest edition of an audience's store.
func editionOf(t *testing.T, a *app.App, store string) string {
	t.Helper()
	return strings.TrimSpace(sql(t, a, store, "SELECT max(publication) FROM run"))
}

// TestEditionsTakeOut: an edition stays as it is, whatever is sent and corrected
// later, until the next month; only what somebody takes back goes at once, and
// what a person vouches for again is shown again as it was.
func TestEditionsTakeOut(t *testing.T) {
	w, dir := newWideWorld(t, 1, 3, 3, "K09")
	for k := range w.n {
		w.n[k], w.m[k] = w.n[k]+40, w.m[k]+60 // nothing is withheld: numbers are revised as they should be
	}
	w.sum()
	loaded, err := catalog.LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	a := open(t, data, dir, "")
	night := func(day string) {
		t.Helper()
		w.m[wideKey("c02", "m", 2)]++ // no two exports have the same bytes
		w.sum()
		write(t, data, "hier_"+day+".csv", w.file())
		submit(t, a, false, filepath.Join(data, "hier_"+day+".csv"))
	}
	edition := func(want string) string {
		t.Helper()
		if got := editionOf(t, a, "released:SE"); want != "" && got != want {
			t.Fatalf("edition %s, want %s; flags:\n%s\nheld:\n%s", got, want, sql(t, a, "released", "SELECT check, severity, unit, stratum, period_start, state, text FROM flag"),
				sql(t, a, "released:SE", "SELECT unit, stratum, period_start, state FROM cell WHERE state != 'value'"))
		}
		return wideViews(t, a, "released:SE")
	}
	const at = " FROM cell WHERE unit = 'c01' AND stratum = 'f' AND period_start = '2025-09-01'"

	night("2026-02-01")
	first := edition("1")
	w.m[wideKey("c01", "f", 0)] += 30
	w.sum()
	night("2026-02-14")
	if got := edition("1"); got != first {
		t.Errorf("a late correction changes a published edition:\n%s", diff(first, got))
	}
	if got, want := sql(t, a, "released", "SELECT denominator"+at), fmt.Sprintln(w.n[wideKey("c01", "f", 0)]+w.m[wideKey("c01", "f", 0)]); got != want {
		t.Errorf("the exact store has %q, want %q at once", got, want)
	}
	night("2026-03-01")
	second := edition("2")
	if second == first {
		t.Error("the late correction is not in the next edition")
	}

	// The source takes persons away: that is held, and the wide edition keeps what
	// was right when it was made.
	w.m[wideKey("c01", "f", 0)] -= 60
	w.sum()
	night("2026-03-02")
	if got := edition("2"); got != second {
		t.Errorf("a finding about a later version changes a published edition:\n%s", diff(second, got))
	}
	if got := sql(t, a, "released", "SELECT state"+at); got != "held_previous\n" {
		t.Fatalf("the exact store has %q", got)
	}
	flags := func(kind string, status gate.Status) {
		t.Helper()
		all, err := a.Flags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range all {
			if f.Status != status || f.Unit != "c01" {
				continue
			}
			n++
			if _, err := a.Order(t.Context(), loaded.People[0], validator.Order{Command: gate.Command{Flag: f.FlagRaised.Flag, Kind: kind, Cause: gate.TrueChange, ExpectedVersion: f.Version}}); err != nil {
				t.Fatal(err)
			}
		}
		if n == 0 {
			t.Fatalf("no flag is %s", status)
		}
	}
	flags(event.Accept, gate.Open)
	if got := edition("2"); got != second {
		t.Errorf("an acceptance changes a published edition:\n%s", diff(second, got))
	}
	night("2026-04-01")
	third := edition("3")
	shown := sql(t, a, "released:SE", "SELECT denominator"+at)
	if was := fmt.Sprintln(w.n[wideKey("c01", "f", 0)] + w.m[wideKey("c01", "f", 0)] + 60); third == second || shown == was {
		t.Errorf("the accepted version is not in the next edition: %q", shown)
	}

	// Taken back: the version goes from the wide store at once.
	flags(gate.Undo, gate.Accepted)
	edition("5") // one for each of two flags
	if got := sql(t, a, "released:SE", "SELECT state, numerator, denominator, value, fingerprint"+at); got != "held_empty\t\\N\t\\N\t\\N\t\n" {
		t.Errorf("what was taken back is shown as %q", got)
	}
	if got := sql(t, a, "released:SE", "SELECT countIf(state IN ('value', 'held_previous')), countIf(state = 'held_empty') FROM cell"); got != "43\t2\n" {
		t.Errorf("%q cells are shown and taken out, want 43 and 2", got)
	}
	noLeaks(t, a, "released:SE", 10)
	flags(event.Accept, gate.Open)
	if got := edition("7"); got != third {
		t.Errorf("vouched for again:\n%s", diff(third, got))
	}

	// A retracted delivery: what it had brought goes at once.
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Deliveries()[3:] {
		if _, err := a.Retract(t.Context(), loaded.People[0], d.Delivery, "sent by mistake"); err != nil {
			t.Fatal(err)
		}
	}
	last := edition("")
	for unit, want := range map[string]string{"c01": "held_empty\n", "c00": "value\n"} {
		if st := sql(t, a, "released:SE", "SELECT state"+strings.Replace(at, "c01", unit, 1)); st != want {
			t.Errorf("after the retraction %s is %q, want %q", unit, st, want)
		}
	}
	report, err := a.Verify(t.Context(), func(string) {})
	if err != nil || len(report.Problems) > 0 || report.Checked["result sets of editions"] == 0 {
		t.Errorf("verify: %v %v %v", report.Problems, report.Checked, err)
	}
	replayed, err := a.Replay(t.Context(), func(string) {})
	if err != nil || replayed.Before != replayed.After || !strings.Contains(replayed.After, ", SE ") {
		t.Errorf("replay: %v, before %s, after %s", err, replayed.Before, replayed.After)
	}
	if got := edition(""); got != last {
		t.Errorf("after the replay:\n%s", diff(last, got))
	}
}

// subjectCatalog is a registry of cases with the persons behind them.
const subjectCatalog = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries: [{code: cas, name: Cases, country: SE}]
indicators:
  - {id: cas_ok, registry: cas, name: Good, type: proportion, subset: true, class: outcome, direction: up}
  - {id: cas_other, registry: cas, name: Other, type: proportion, subset: true, class: outcome, direction: up}
profiles: [{id: internal, rule: internal}, {id: SE, rule: SE, indicators: [cas_ok]}]
people: [{id: p-1, name: One, roles: [region_steward]}]
feeds:
  - id: cas
    registry: cas
    files: ["cas_*.csv"]
    dialect: {encoding: utf-8, delimiter: ",", dates: iso}
    delivery: snapshot
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    columns: {unit: unit, unit_system: local, event_date: day, subject: person}
    measures:
      - {indicator: cas_ok, numerator: ok, denominator: "=1"}
      - {indicator: cas_other, numerator: ok, denominator: "=1"}
units:
  - {id: many, name: Many, kind: clinic, codes: {local: many}}
  - {id: few, name: Few, kind: clinic, codes: {local: few}}
  - {id: one, name: One, kind: clinic, codes: {local: one}}
`

// asGrafana is what a data source gets from the guarded listener.
func asGrafana(t *testing.T, a *app.App, as app.ClickHouse, query string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.ClickHouseAddr(), strings.NewReader(query))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(as.User, as.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestEditionsCountPersons: sixty events of sixty persons are shown, those of
// fourteen persons are not, nor those of whom four have the outcome; and without
// the rows that told it, an edition is made again as it was.
func TestEditionsCountPersons(t *testing.T) {
	dir, data := t.TempDir(), t.TempDir()
	write(t, dir, "catalog.yaml", subjectCatalog)
	var b strings.Builder
	b.WriteString("day,unit,person,ok\n")
	for i := range 60 {
		ok := i % 2
		fmt.Fprintf(&b, "2025-11-%02d,many,a%d,%d\n", 1+i%28, i, ok)
		fmt.Fprintf(&b, "2025-11-%02d,few,b%d,%d\n", 1+i%28, i%14, ok)
		person := fmt.Sprintf("c%d", i)
		if ok == 1 {
			person = fmt.Sprintf("c%d", i%8) // 1, 3, 5, 7
		}
		fmt.Fprintf(&b, "2025-11-%02d,one,%s,%d\n", 1+i%28, person, ok)
	}
	write(t, data, "cas_2026-01-05.csv", b.String())
	cfg := config(data, dir, "", nil)
	cfg.ClickHouse = app.ClickHouse{Listen: "127.0.0.1:0", Audience: "SE", User: "grafana", Password: "of this test alone"}
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	submit(t, a, false, filepath.Join(data, "cas_2026-01-05.csv"))
	const states = "SELECT indicator, unit, state FROM cell ORDER BY ALL"
	want := "cas_ok\tfew\tsuppressed\ncas_ok\tmany\tvalue\ncas_ok\tone\tsuppressed\n"
	if got := sql(t, a, "released:SE", states); got != want {
		t.Errorf("the audience is shown\n%swant\n%s", got, want)
	}
	if got := asGrafana(t, a, cfg.ClickHouse, states); got != want {
		t.Errorf("Grafana is shown\n%swant\n%s", got, want)
	}
	if got := sql(t, a, "released", "SELECT count(), sum(numerator) FROM cell"); got != "6\t180\n" {
		t.Errorf("the exact store has %q", got)
	}
	if got := sql(t, a, "released:SE", "SELECT groupArray(indicator) FROM indicator"); got != "['cas_ok']\n" {
		t.Errorf("the audience sees %q", got)
	}
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if few := s.FewPersons("SE", 1, "cas_ok"); len(few) != 2 {
		t.Errorf("the ledger has %d cells of few persons, want 2: %v", len(few), few)
	}
	if err := a.SQL(t.Context(), "released:SE2", "", "SELECT 1", io.Discard); err == nil || !strings.Contains(err.Error(), "there are warehouse, released, released:SE") {
		t.Errorf("a store that is none: %v", err)
	}
	before := wideViews(t, a, "released:SE")
	replayed, err := a.Replay(t.Context(), func(string) {})
	if err != nil || replayed.Before != replayed.After || wideViews(t, a, "released:SE") != before {
		t.Errorf("replay: %v, before %s, after %s", err, replayed.Before, replayed.After)
	}
}
