package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// testCatalog is a small region: one aggregated snapshot feed and one
// case-level delta feed.
const testCatalog = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries:
  - {code: adm, name: Administration, country: SE}
  - {code: cas, name: Cases, country: SE}
indicators:
  - {id: adm_late, registry: adm, name: Late, type: proportion, subset: true, class: process, direction: down, multiplier: 100}
  - {id: adm_visits, registry: adm, name: Visits, type: count, class: structure}
  - {id: cas_ok, registry: cas, name: Good, type: proportion, subset: true, class: outcome, direction: up, multiplier: 100, maturity_lag_days: 10}
  - {id: cas_wait, registry: cas, name: Wait, type: mean, class: balancing, direction: down}
  - {id: cas_stay, registry: cas, name: Stay, type: median, class: outcome, direction: down, period: quarter}
profiles: [{id: internal, rule: internal}]
people:
  - {id: p-1, name: Reviewer One, roles: [region_steward], token_sha256: "%[1]s"}
  - {id: p-2, name: Reviewer Two, roles: [region_steward], token_sha256: "%[2]s"}
feeds:
  - id: adm-night
    registry: adm
    files: ["adm_*.csv"]
    dialect: {encoding: windows-1252, delimiter: ";", decimal: ",", dates: iso}
    delivery: snapshot
    scope: file
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    order: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    complete: {by: trailer, pattern: '^SLUT;(\d+)'}
    key: [Månad, Enhet]
    columns: {unit: Enhet, unit_system: local, event_date: Månad}
    measures:
      - {indicator: adm_late, numerator: Sena, denominator: Besök}
      - {indicator: adm_visits, numerator: Besök}
  - id: cas-delta
    registry: cas
    files: ["cas_*.csv"]
    dialect: {encoding: utf-8, delimiter: ",", dates: iso, missing: ["NA"]}
    delivery: delta
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    complete: {by: trailer, pattern: '^END (\d+)'}
    key: [case]
    operation: {column: op, delete: [D]}
    columns: {unit: unit, unit_system: local, event_date: day}
    measures:
      - {indicator: cas_ok, numerator: ok, denominator: "=1"}
      - {indicator: cas_wait, value: wait}
      - {indicator: cas_stay, value: stay}
`

const (
	tokenOne = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6"
	tokenTwo = "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4"
)

// units of the test region; the fourth falls silent on the last night.
var testUnits = []string{"a1", "a2", "b1", "b2", "c1", "c2", "d1", "d2", "e1", "e2", "f1"}

// writeCatalog writes the test catalog; extra YAML is added to it.
func writeCatalog(t *testing.T, extra string) string {
	t.Helper()
	var b strings.Builder
	text := testCatalog
	if strings.Contains(extra, "profiles:") {
		text = strings.Replace(text, "profiles: [{id: internal, rule: internal}]\n", "", 1)
	}
	fmt.Fprintf(&b, text, tokenOne, tokenTwo)
	b.WriteString("units:\n")
	for _, u := range testUnits {
		fmt.Fprintf(&b, "  - {id: unit-%[1]s, name: Unit %[1]s, kind: clinic, codes: {local: %[1]s}}\n", u)
	}
	b.WriteString(extra)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// write puts a file into a folder.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// latin1 encodes the letters that the test files use.
func latin1(s string) string {
	return strings.NewReplacer("å", "\xe5", "ä", "\xe4", "ö", "\xf6", "Å", "\xc5").Replace(s)
}

// admFile is a snapshot of the given months; line lets a test change a line.
func admFile(months []time.Time, seed uint64, line func(month time.Time, unit string, visits, late int) string) string {
	var b strings.Builder
	b.WriteString("Månad;Enhet;Besök;Sena\r\n")
	n := 0
	for _, m := range months {
		for _, u := range testUnits {
			r := rand.New(rand.NewPCG(seed, uint64(m.Unix())^uint64(u[0])<<8^uint64(u[1])))
			visits := 150 + r.IntN(60)
			late := r.IntN(visits/5) + visits/20
			text := fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
			if line != nil {
				text = line(m, u, visits, late)
			}
			if text == "" {
				continue
			}
			b.WriteString(text + "\r\n")
			n += strings.Count(text, "\r\n") + 1
		}
	}
	fmt.Fprintf(&b, "SLUT;%d\r\n", n)
	return latin1(b.String())
}

func months(from time.Time, n int) []time.Time {
	out := make([]time.Time, n)
	for i := range out {
		out[i] = from.AddDate(0, i, 0)
	}
	return out
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// threeNights writes the deliveries of three nights with the faults that the
// checks of this stage find: a row of the wrong type, an unknown unit, a
// numerator above its denominator, fewer records than the night before, a
// silent unit, a deleted and a moved case.
func threeNights(t *testing.T) string {
	t.Helper()
	drop := t.TempDir()
	first := date(2023, 11, 1)
	all := months(first, 27) // to January 2026
	write(t, drop, "adm_2026-02-01.csv", admFile(all, 1, nil))
	write(t, drop, "adm_2026-02-02.csv", admFile(all[20:], 1, func(m time.Time, u string, visits, late int) string {
		switch {
		case u == "a1" && m.Equal(all[22]):
			late = visits + 5 // C11: BLOCK
		case u == "b1" && m.Equal(all[21]):
			visits, late = visits/2, late/4 // K09: HOLD
		case u == "c1" && m.Equal(all[23]):
			return fmt.Sprintf("%s;%s;%d;många", m.Format("2006-01-02"), u, visits) // C06
		case u == "c2" && m.Equal(all[23]):
			return fmt.Sprintf("%s;%s;%d;%d\r\n%[1]s;zz;10;1", m.Format("2006-01-02"), u, visits, late) // C07: parked
		case u == "e1" && m.Equal(all[24]):
			line := fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
			return line + "\r\n" + line // C10: BLOCK
		}
		return fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
	}))
	write(t, drop, "adm_2026-02-03.csv", admFile(all[24:], 2, func(m time.Time, u string, visits, late int) string {
		if u == "b2" && m.Equal(all[26]) {
			return "" // K01: silent
		}
		return fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
	}))
	r := rand.New(rand.NewPCG(7, 7))
	var cases []string
	for i := range 1500 {
		day := first.AddDate(0, 0, r.IntN(800))
		ok, wait := fmt.Sprint(r.IntN(10)/2%2), fmt.Sprintf("%d.%d", r.IntN(90), r.IntN(10))
		if i%97 == 0 {
			wait = "NA"
		}
		cases = append(cases, fmt.Sprintf("c%04d,%s,%s,%s,%s,%d,U", i, day.Format("2006-01-02"), testUnits[r.IntN(len(testUnits))], ok, wait, r.IntN(12)))
	}
	delta := func(rows []string) string {
		return "case,day,unit,ok,wait,stay,op\n" + strings.Join(rows, "\n") + fmt.Sprintf("\nEND %d\n", len(rows))
	}
	write(t, drop, "cas_2026-02-01.csv", delta(cases[:1200]))
	moved := strings.Replace(cases[10], "c0010,", "c0010,", 1)
	parts := strings.Split(moved, ",")
	parts[1], parts[2] = "2025-12-24", "d2"
	write(t, drop, "cas_2026-02-02.csv", delta(append(append([]string{}, cases[1200:]...), strings.Join(parts, ","))))
	gone := strings.TrimSuffix(cases[11], "U") + "D"
	write(t, drop, "cas_2026-02-03.csv", delta([]string{gone, cases[12]}))
	return drop
}
