package dashboards_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/embedded/engine"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/larstrom/app"
)

// TestMain lets the test binary be the engine child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		if err := engine.RunChild(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// naughty names and strata try to end a string, to be a macro, a variable, an
// escape or markup.
var naughty = []string{
	`O'Brien & Söner "Väst"`, `Åsa Ängö`, `100 % vård %27`, `C:\klinik\`, `$__dateFilter(x) ${indicator} [[unit]]`,
	`\'; DROP TABLE pointer; --`, `<b>{unit}</b> ? /* a */ # b`, `Norra`, `Norra`,
}

// catalogOf is a region with every kind of indicator that charts differ by.
const regionYAML = `
region: {code: testland, name: Testland, time_zone: Europe/Stockholm}
registries:
  - {code: adm, name: Administration, country: SE}
  - {code: cas, name: Cases, country: SE}
indicators:
  - {id: adm_late, registry: adm, name: "Late, '%' of \\visits", type: proportion, subset: true, class: process, direction: down, multiplier: 100,
     maturity_lag_days: 10, targets: [0.05], references: [{level: nation, value: 0.08, source: "Nation's mean"}]}
  - {id: adm_visits, registry: adm, name: Visits, type: count, class: structure}
  - {id: adm_rate, registry: adm, name: Late per 1000, type: rate, class: balancing, direction: none, multiplier: 1000}
  - {id: cas_ok, registry: cas, name: Good, type: proportion, subset: true, class: outcome, direction: up, multiplier: 100, maturity_lag_days: 10,
     versions: [{id: "1", to: 2025-01-01}, {id: "2-b", from: 2025-01-01}]}
  - {id: cas_wait, registry: cas, name: Wait, type: mean, class: balancing, direction: down}
  - {id: cas_stay, registry: cas, name: Stay, type: median, class: outcome, direction: down, period: quarter}
  - {id: cas_none, registry: cas, name: Never delivered, type: proportion, subset: true, class: outcome, direction: up}
profiles: [{id: internal, rule: internal}]
people:
  - {id: p-1, name: Reviewer, roles: [region_steward], token_sha256: "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6"}
feeds:
  - id: adm-night
    registry: adm
    files: ["adm_*.csv"]
    dialect: {encoding: utf-8, delimiter: ";", decimal: ",", dates: iso}
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
      - {indicator: adm_rate, numerator: Sena, denominator: Besök}
  - id: cas-delta
    registry: cas
    files: ["cas_*.csv"]
    dialect: {encoding: utf-8, delimiter: ",", dates: iso, missing: ["NA"]}
    delivery: delta
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    complete: {by: trailer, pattern: '^END (\d+)'}
    key: [case]
    columns: {unit: unit, unit_system: local, event_date: day, strata: [grp]}
    measures:
      - {indicator: cas_ok, numerator: ok, denominator: "=1"}
      - {indicator: cas_wait, value: wait}
      - {indicator: cas_stay, value: stay}
units:
`

func writeFile(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func unitCode(i int) string { return fmt.Sprintf("u%02d", i) }

// region writes a catalog, and the exports of two nights: one unit far above
// the others and one somewhat, one that ended, one that has fallen silent, a
// shift, and rows that the checks of either night hold.
func region(t *testing.T) (catalog, drop string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(regionYAML)
	for i, name := range naughty {
		fmt.Fprintf(&b, "  - {id: %s, name: %s, kind: clinic, codes: {local: %[1]s}", unitCode(i), strconv.Quote(name))
		if i == 8 {
			b.WriteString(", to: 2025-10-01, successors: [{unit: u06, from: 2025-10-01, policy: break, as_of: period}]")
		}
		b.WriteString("}\n")
	}
	catalog, drop = t.TempDir(), t.TempDir()
	writeFile(t, catalog, "catalog.yaml", b.String())
	for night := range 2 {
		writeFile(t, drop, fmt.Sprintf("adm_2026-02-0%d.csv", night+1), admFile(night))
	}
	writeFile(t, drop, "cas_2026-02-01.csv", casFile())
	return catalog, drop
}

const monthsOfRegion = 36 // to January 2026

func admFile(night int) string {
	var b strings.Builder
	b.WriteString("Månad;Enhet;Besök;Sena\n")
	n := 0
	for m := range monthsOfRegion {
		month := time.Date(2023, time.Month(2+m), 1, 0, 0, 0, 0, time.UTC)
		for u := range naughty {
			r := rand.New(rand.NewPCG(uint64(u), uint64(m)))
			visits := 300 + 40*u + r.IntN(30)
			share := 0.10
			switch {
			case u == 4:
				share = 0.25 // far above
			case u == 5:
				share = 0.115
			case u == 6 && m >= 18:
				share = 0.03 // a shift
			}
			late := 0
			for range visits {
				if r.Float64() < share {
					late++
				}
			}
			switch {
			case u == 8 && m >= 32, u == 7 && m >= 20:
				continue // ended; silent
			case u == 1 && m == 30, u == 2 && m == 31 && night == 1:
				late = visits + 5 // more than all: BLOCK
			case u == 3 && m == 10:
				continue // one month is missing
			case u == 0 && m == 12:
				visits, late = 0, 0 // nobody
			}
			fmt.Fprintf(&b, "%s;%s;%d;%d\n", month.Format(time.DateOnly), unitCode(u), visits, late)
			n++
		}
	}
	fmt.Fprintf(&b, "SLUT;%d\n", n)
	return b.String()
}

func casFile() string {
	r := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	b.WriteString("case,day,unit,grp,ok,wait,stay\n")
	groups := []string{`man'); -- \`, `å %27 $unit`}
	n := 0
	for range 2000 {
		day := time.Date(2023, 2, 1+r.IntN(1090), 0, 0, 0, 0, time.UTC)
		ok := "0"
		if r.Float64() < 0.8 {
			ok = "1"
		}
		fmt.Fprintf(&b, "c%04d,%s,%s,%s,%s,%.1f,%d\n", n, day.Format(time.DateOnly), unitCode(r.IntN(2)), groups[r.IntN(len(groups))], ok,
			math.Abs(30+10*r.NormFloat64()), r.IntN(12))
		n++
	}
	fmt.Fprintf(&b, "END %d\n", n)
	return b.String()
}

const grafanaUser, grafanaPassword = "grafana", "of the test alone"

// deploy runs the region to its publications in a deployment of its own.
func deploy(t *testing.T) *app.App {
	t.Helper()
	catalog, drop := region(t)
	a, err := app.Open(t.Context(), app.Config{
		Data: t.TempDir(), Catalog: catalog, Drop: drop, Registry: prometheus.NewRegistry(),
		ClickHouse: app.ClickHouse{Listen: "127.0.0.1:0", User: grafanaUser, Password: grafanaPassword},
		Clock:      func() time.Time { return time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC) },
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := a.Once(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Received() {
		if r.Status != "accepted" {
			t.Fatalf("%s is %s: %v", r.File, r.Status, r.Problems)
		}
	}
	decide(t, a)
	return a
}

// decide accepts that a month had nobody.
func decide(t *testing.T, a *app.App) {
	t.Helper()
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flags {
		if f.Indicator == "adm_late" && f.Unit == unitCode(0) {
			if _, err := a.Decide(t.Context(), a.Catalog.People[0], gate.Command{Flag: f.FlagRaised.Flag, Kind: event.Accept, Cause: gate.TrueChange}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("the checks did not ask about the month that had nobody")
}
