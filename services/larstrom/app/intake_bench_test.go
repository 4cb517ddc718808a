package app_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/encoding/charmap"

	"larstrom/pipeline/embedded/engine"
	"larstrom/services/larstrom/app"
)

// caseCatalog is that of caseFile.
func caseCatalog(b *testing.B) string {
	b.Helper()
	var s strings.Builder
	s.WriteString(`region: {code: bench, name: Bench, time_zone: Europe/Stockholm}
profiles: [{id: internal, rule: internal}]
registries: [{code: pv, name: Primary care, country: SE}]
indicators:
  - {id: bp, registry: pv, name: Blood pressure, type: proportion, subset: true, class: process, direction: up, multiplier: 100}
units:
`)
	for u := range caseUnits {
		fmt.Fprintf(&s, "  - {id: vc-%04d, name: Vårdcentral %04[1]d, kind: clinic, codes: {hsa: SE2321000016-%04[1]X}}\n", u)
	}
	s.WriteString(`feeds:
  - id: pv
    registry: pv
    files: ["pv_*.csv"]
    dialect: {encoding: windows-1252, delimiter: ";", decimal: ",", dates: iso}
    delivery: snapshot
    scope: all
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    key: [kontakt]
    ignore_columns: [värde]
    columns: {unit: enhet, unit_system: hsa, event_date: datum, subject: person, strata: [kön]}
    measures: [{indicator: bp, numerator: uppnått, denominator: "=1"}]
`)
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(s.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}

const caseUnits = 1200

// caseFiles writes the same rows twice: as the export in Windows-1252 with
// decimal comma and ";", and as the engine likes them best.
func caseFiles(b *testing.B, export, plain string, rows int) {
	b.Helper()
	create := func(name string) (*os.File, *bufio.Writer) {
		f, err := os.Create(name)
		if err != nil {
			b.Fatal(err)
		}
		return f, bufio.NewWriterSize(f, 1<<20)
	}
	ef, ew := create(export)
	pf, pw := create(plain)
	latin := charmap.Windows1252.NewEncoder()
	encode := func(s string) string {
		t, err := latin.String(s)
		if err != nil {
			b.Fatal(err)
		}
		return t
	}
	_, _ = ew.WriteString(encode("kontakt;person;enhet;datum;kön;uppnått;värde\r\n")) // Flush tells
	_, _ = pw.WriteString("contact,person,unit,day,sex,met,value\n")
	sexes := []string{"Kvinna", "Man", "Övrigt"}
	encoded := []string{encode(sexes[0]), encode(sexes[1]), encode(sexes[2])}
	r := rand.New(rand.NewPCG(1, 2))
	first := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		person, unit, sex := r.IntN(rows), r.IntN(caseUnits), r.IntN(3)
		day := first.AddDate(0, 0, r.IntN(1000)).Format(time.DateOnly)
		met, whole, tenth := r.IntN(2), 90+r.IntN(100), r.IntN(10)
		_, _ = fmt.Fprintf(ew, "%08d;P%07d;SE2321000016-%04X;%s;%s;%d;%d,%d\r\n", i, person, unit, day, encoded[sex], met, whole, tenth)
		_, _ = fmt.Fprintf(pw, "%08d,P%07d,SE2321000016-%04X,%s,%s,%d,%d.%d\n", i, person, unit, day, sexes[sex], met, whole, tenth)
	}
	for _, w := range []*bufio.Writer{ew, pw} {
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
	}
	for _, f := range []*os.File{ef, pf} {
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// moments notes when a message was logged first, and what it had cost by then.
type moments struct {
	slog.Handler
	mu  *sync.Mutex
	at  map[string]time.Time
	cpu map[string]string
}

func (m moments) Handle(_ context.Context, r slog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.at[r.Message]; !ok {
		m.at[r.Message], m.cpu[r.Message] = time.Now(), processorTime()
	}
	return nil
}
func (m moments) Enabled(context.Context, slog.Level) bool { return true }
func (m moments) WithAttrs([]slog.Attr) slog.Handler       { return m }
func (m moments) WithGroup(string) slog.Handler            { return m }

// processorTime is that of this process and of each of its children, in
// seconds; on other systems than Linux nothing.
func processorTime() string {
	children, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return ""
	}
	ids := []string{"self"}
	for _, name := range children {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has ended
		}
		ids = append(ids, strings.Fields(string(text))...)
	}
	var out []string
	for _, id := range ids {
		text, err := os.ReadFile("/proc/" + id + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		var user, system float64
		if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err == nil {
			out = append(out, fmt.Sprintf("%.2f", (user+system)/100))
		}
	}
	return strings.Join(out, " + ")
}

// BenchmarkIntake compares the way from a file to durable log, loaded rows and
// cells with the engine's own import of the same rows, in pairs.
func BenchmarkIntake(b *testing.B) {
	rows, pairs := 5_000_000, 5
	for name, to := range map[string]*int{"LARSTROM_BENCH_ROWS": &rows, "LARSTROM_BENCH_PAIRS": &pairs} {
		if n := os.Getenv(name); n != "" {
			if _, err := fmt.Sscan(n, to); err != nil {
				b.Fatal(err)
			}
		}
	}
	catalog, drop := caseCatalog(b), b.TempDir()
	plain := filepath.Join(b.TempDir(), "plain.csv")
	caseFiles(b, filepath.Join(drop, "pv_2026-01-05.csv"), plain, rows)
	for b.Loop() {
		var ratios []float64
		for pair := range pairs {
			theirs, ours := engineImport(b, plain, rows), intakeOnce(b, catalog, drop)
			if pair%2 == 1 {
				theirs = engineImport(b, plain, rows)
			}
			ratios = append(ratios, theirs.Seconds()/ours.Seconds())
			fmt.Printf("pair %d: engine's import %.2f s (%.2f M rows/s), file to cells %.2f s (%.2f M rows/s), ratio %.2f\n", pair+1,
				theirs.Seconds(), float64(rows)/theirs.Seconds()/1e6, ours.Seconds(), float64(rows)/ours.Seconds()/1e6, ratios[pair])
		}
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "ratio")
	}
}

// engineImport is the time of the engine's own import.
func engineImport(b *testing.B, plain string, rows int) time.Duration {
	b.Helper()
	e, err := engine.Start(b.Context(), engine.Config{Path: b.TempDir(), Databases: []string{"warehouse"}, MaxMemory: 6 << 30, MaxQueryMemory: 4 << 30,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = e.Close() }() // nothing is left to lose
	conn, err := e.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.Exec(b.Context(), `CREATE TABLE plain (contact String, person String, unit LowCardinality(String), day Date32,
		sex LowCardinality(String), met UInt8, value Float64) ENGINE = MergeTree ORDER BY (unit, day)`); err != nil {
		b.Fatal(err)
	}
	started, cost := time.Now(), processorTime()
	if err := conn.Exec(b.Context(), "INSERT INTO plain SELECT * FROM file('"+plain+"', CSVWithNames)"); err != nil {
		b.Fatal(err)
	}
	took := time.Since(started)
	if os.Getenv("TEST_LOG") != "" {
		fmt.Printf("the engine's import: processor time %s before, %s after\n", cost, processorTime())
	}
	var n uint64
	if err := conn.QueryRow(b.Context(), "SELECT count() FROM plain").Scan(&n); err != nil || n != uint64(rows) {
		b.Fatal(n, err)
	}
	return took
}

// intakeOnce is the time from a look into the drop folder to the cells.
func intakeOnce(b *testing.B, catalog, drop string) time.Duration {
	b.Helper()
	m := moments{mu: &sync.Mutex{}, at: map[string]time.Time{}, cpu: map[string]string{}}
	c := config(b.TempDir(), catalog, drop, nil)
	c.Logger, c.Registry = slog.New(m), prometheus.NewRegistry()
	a, err := app.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	started, cost := time.Now(), processorTime()
	if err := a.Once(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"delivery accepted", "cells computed"} {
		if m.at[name].IsZero() {
			b.Fatalf("%q was never said", name)
		}
	}
	if os.Getenv("TEST_LOG") != "" {
		fmt.Printf("accepted after %v, cells after %v, all after %v\n", m.at["delivery accepted"].Sub(started), m.at["cells computed"].Sub(started), time.Since(started))
		fmt.Printf("processor time of this process and of the engines: %s before, %s accepted, %s cells\n", cost, m.cpu["delivery accepted"], m.cpu["cells computed"])
	}
	return m.at["cells computed"].Sub(started)
}
