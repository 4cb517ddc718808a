package app_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larstrom/services/larstrom/app"
)

// largeRegion is a catalog of units and indicators with one file a night of
// aggregated rows, of so many months.
func largeRegion(b *testing.B, units, indicators int) (catalog string) {
	b.Helper()
	var s strings.Builder
	s.WriteString("region: {code: large, name: Large, time_zone: Europe/Stockholm}\nprofiles: [{id: internal, rule: internal}]\n")
	s.WriteString("registries: [{code: all, name: All, country: SE}]\nindicators:\n")
	for i := range indicators {
		fmt.Fprintf(&s, "  - {id: i%03d, registry: all, name: I%03[1]d, type: proportion, subset: true, class: process, direction: up, multiplier: 100}\n", i)
	}
	s.WriteString("units:\n")
	for u := range units {
		fmt.Fprintf(&s, "  - {id: u%04d, name: U%04[1]d, kind: clinic, codes: {local: u%04[1]d}}\n", u)
	}
	s.WriteString(`feeds:
  - id: all
    registry: all
    files: ["all_*.csv"]
    dialect: {encoding: utf-8, delimiter: ";", dates: iso}
    delivery: snapshot
    scope: file
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    columns: {unit: unit, unit_system: local, event_date: month, indicator: indicator, numerator: n, denominator: d}
`)
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(s.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}

// largeFile has a row for each unit, indicator and month that write takes.
func largeFile(b *testing.B, dir, night string, units, indicators, months int, seed uint64) {
	b.Helper()
	f, err := os.Create(filepath.Join(dir, "all_"+night+".csv"))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = fmt.Fprintln(w, "unit;indicator;month;n;d") // Flush tells
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range indicators {
		for u := range units {
			p := 0.6 + 0.3*r.Float64()
			for m := range months {
				d := 40 + r.IntN(200)
				n := 0
				for range 8 { // eight draws are noise enough for a benchmark
					if r.Float64() < p {
						n += d / 8
					}
				}
				_, _ = fmt.Fprintf(w, "u%04d;i%03d;%04d-%02d-01;%d;%d\n", u, i, 2021+m/12, m%12+1, n, d)
			}
		}
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRecompute takes units × indicators × months to a publication, and
// then all of it to a publication again as a new catalog asks for.
func BenchmarkRecompute(b *testing.B) {
	units, indicators, months := 1200, 5, 60
	if n := os.Getenv("LARSTROM_BENCH_INDICATORS"); n != "" {
		if _, err := fmt.Sscan(n, &indicators); err != nil {
			b.Fatal(err)
		}
	}
	catalog, drop, data := largeRegion(b, units, indicators), b.TempDir(), b.TempDir()
	largeFile(b, drop, "2026-01-05", units, indicators, months, 1)
	for b.Loop() {
		started := time.Now()
		a, err := app.Open(b.Context(), config(data, catalog, drop, nil))
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Once(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Logf("%d cells: file to publication in %v", units*indicators*months, time.Since(started))
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
