package app_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/text/encoding/charmap"

	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/embedded/engine"
	"larstrom/services/larstrom/app"
)

// caseCatalog is that of caseFile.
func caseCatalog(b testing.TB) string {
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
// decimal comma and ";", and, where plain is not empty, as the engine likes them
// best.
func caseFiles(b testing.TB, export, plain string, rows int) {
	b.Helper()
	create := func(name string) (*os.File, *bufio.Writer) {
		f, err := os.Create(cmp.Or(name, os.DevNull))
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

// BenchmarkIntake compares the way from a file to durable log, loaded rows and
// cells with the engine's own import of the same rows from UTF-8, in pairs. The
// ratio is above one where intake is faster.
//
// Three imports are timed. That of "ratio" is the fastest that the engine has
// (columns known, no order but the file's, two threads that write); that of
// "ratio-sorted" puts the rows into an order by unit and day; that of "ratio-obs"
// fills the very table that intake fills, where a MD5 stands for each of the
// pseudonym and the key. None makes cells, a log, or anything that can be taken up
// after a crash.
func BenchmarkIntake(b *testing.B) {
	rows, pairs := number(b, "LARSTROM_BENCH_ROWS", 5_000_000), number(b, "LARSTROM_BENCH_PAIRS", 5)
	catalog, drop := caseCatalog(b), b.TempDir()
	plain := filepath.Join(b.TempDir(), "plain.csv")
	caseFiles(b, filepath.Join(drop, "pv_2026-01-05.csv"), plain, rows)
	for b.Loop() {
		ratios := map[string][]float64{}
		var ways []passed
		for pair := range pairs {
			theirs := map[string]time.Duration{}
			measure := func() {
				for _, i := range imports(plain) {
					theirs[i.name] = engineImport(b, i, rows)
				}
			}
			if pair%2 == 0 {
				measure()
			}
			way := intakeOnce(b, catalog, drop)
			ways = append(ways, way)
			if pair%2 == 1 {
				measure()
			}
			ours := way[len(way)-1].at
			fmt.Printf("pair %d: file to cells %.2f s (%.2f M rows/s)", pair+1, ours.Seconds(), float64(rows)/ours.Seconds()/1e6)
			for _, i := range imports(plain) {
				ratio := theirs[i.name].Seconds() / ours.Seconds()
				ratios[i.name] = append(ratios[i.name], ratio)
				fmt.Printf("; import %s %.2f s, ratio %.2f", i.what, theirs[i.name].Seconds(), ratio)
			}
			fmt.Println()
		}
		for name, all := range ratios {
			slices.Sort(all)
			b.ReportMetric(all[len(all)/2], name)
		}
		slices.SortFunc(ways, func(a, b passed) int { return cmp.Compare(a[len(a)-1].at, b[len(b)-1].at) })
		ways[len(ways)/2].print(rows)
	}
}

// number is a setting of the environment.
func number(b testing.TB, name string, otherwise int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(name, err)
	}
	return n
}

// oneImport is a way for the engine to take the plain file by itself.
type oneImport struct{ name, what, table, insert string }

func imports(plain string) []oneImport {
	const columns = "contact String, person String, unit LowCardinality(String), day Date32, sex LowCardinality(String), met UInt8, value Float64"
	from := "file('" + plain + "', CSVWithNames, '" + columns + "') SETTINGS max_insert_threads = 2"
	return []oneImport{
		{"ratio", "as fast as can be", "CREATE TABLE plain (" + columns + ") ENGINE = MergeTree ORDER BY tuple()", "INSERT INTO plain SELECT * FROM " + from},
		{"ratio-sorted", "sorted", "CREATE TABLE plain (" + columns + ") ENGINE = MergeTree ORDER BY (unit, day)", "INSERT INTO plain SELECT * FROM " + from},
		{"ratio-obs", "into obs", obsTable, `INSERT INTO plain SELECT 'd', 'pv', 'pv', 'bench', 0, rowNumberInAllBlocks(), 0, 'bp', '1', unit, sex, day,
			toDate32(0), MD5(person), MD5(contact), 19, 0, toInt64(met) * 1000000, 1000000, 0, 0 FROM ` + from + ", optimize_on_insert = 0"},
	}
}

// obsTable has the columns and the order of the warehouse's table.
const obsTable = `CREATE TABLE plain (delivery LowCardinality(String), feed LowCardinality(String), registry LowCardinality(String), region LowCardinality(String),
	block UInt32, line UInt64, kind UInt8, indicator LowCardinality(String), version LowCardinality(String), unit LowCardinality(String), stratum LowCardinality(String),
	event_date Date32, registration_date Date32, subject FixedString(16), key FixedString(16), has UInt8, finding UInt8,
	numerator Int64, denominator Int64, value Int64, expected Int64)
	ENGINE = ReplacingMergeTree PARTITION BY feed PRIMARY KEY delivery ORDER BY (delivery, line, indicator)`

// engineImport is the time of the engine's own import.
func engineImport(b *testing.B, i oneImport, rows int) time.Duration {
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
	if err := conn.Exec(b.Context(), i.table); err != nil {
		b.Fatal(err)
	}
	before, err := processes()
	if err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	if err := conn.Exec(b.Context(), i.insert); err != nil {
		b.Fatal(err)
	}
	took := time.Since(started)
	after, err := processes()
	if err != nil {
		b.Fatal(err)
	}
	if os.Getenv("TEST_LOG") != "" {
		fmt.Printf("import %s: %.2f s, processor time of the engine %.2f s\n", i.what, took.Seconds(), (after.children - before.children).Seconds())
	}
	var n uint64
	if err := conn.QueryRow(b.Context(), "SELECT count() FROM plain").Scan(&n); err != nil || n != uint64(rows) {
		b.Fatal(n, err)
	}
	return took
}

// used is what this process and its children, the engines, have used: processor
// time, and the most memory that was resident at once, in bytes.
type used struct {
	self, children             time.Duration
	residentSelf, residentMost int64
}

// processes reads what Linux tells of them; elsewhere nothing.
func processes() (u used, err error) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return u, err
	}
	ids := []string{"self"}
	for _, name := range lists {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has ended
		}
		ids = append(ids, strings.Fields(string(text))...)
	}
	for i, id := range ids {
		stat, statErr := os.ReadFile("/proc/" + id + "/stat")
		status, err := os.ReadFile("/proc/" + id + "/status")
		if errors.Join(statErr, err) != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		var user, system, kilobytes int64
		if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
			return u, err
		}
		if _, most, ok := strings.Cut(string(status), "VmHWM:"); ok {
			if _, err := fmt.Sscan(most, &kilobytes); err != nil {
				return u, err
			}
		}
		ticks := time.Duration(user+system) * 10 * time.Millisecond
		if i == 0 {
			u.self, u.residentSelf = ticks, kilobytes<<10
			continue
		}
		u.children, u.residentMost = u.children+ticks, max(u.residentMost, kilobytes<<10)
	}
	return u, nil
}

// processorTime is that of this process and of its children, in seconds.
func processorTime() string {
	u, err := processes()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.2f + %.2f", u.self.Seconds(), u.children.Seconds())
}

// passed are the moments of one intake, in order.
type passed []moment

type moment struct {
	name string
	at   time.Duration
	used used
}

// print says what each row cost on each part of the way.
func (p passed) print(rows int) {
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(rows) }
	fmt.Printf("%-34s %10s %14s %14s  (nanoseconds a row)\n", "", "time", "processor: Go", "engine")
	for i, m := range p[1:] {
		was := p[i]
		fmt.Printf("%-34s %10.0f %14.0f %14.0f\n", m.name, each(m.at-was.at), each(m.used.self-was.used.self), each(m.used.children-was.used.children))
	}
	first, last := p[0], p[len(p)-1]
	fmt.Printf("%-34s %10.0f %14.0f %14.0f  resident at most: Go %d MiB, engine %d MiB\n", "file to cells", each(last.at), each(last.used.self-first.used.self),
		each(last.used.children-first.used.children), last.used.residentSelf>>20, last.used.residentMost>>20)
}

// watched notes when a job passes the points of intake.
func watched(b testing.TB) (crashpoint.Hook, func(name string), *passed) {
	b.Helper()
	var way passed
	started := time.Now()
	note := func(name string) {
		u, err := processes()
		if err != nil {
			b.Error(err)
		}
		way = append(way, moment{name, time.Since(started), u})
	}
	names := map[crashpoint.Point]string{crashpoint.RawStored: "raw file stored and synced", crashpoint.BlockPublished: "read into the durable log",
		crashpoint.RunOpened: "receipt, acceptance, run", crashpoint.Loaded: "rows loaded", crashpoint.CellsAppended: "cells computed and in the log"}
	return func(p crashpoint.Point) {
		if name, ok := names[p]; ok {
			note(name)
		}
	}, note, &way
}

// lastWord calls done when a message is logged first.
type lastWord struct {
	slog.Handler
	message string
	done    func()
}

func (l *lastWord) Handle(_ context.Context, r slog.Record) error {
	if r.Message == l.message && l.done != nil {
		l.done()
		l.done = nil
	}
	return nil
}
func (l *lastWord) Enabled(context.Context, slog.Level) bool { return true }
func (l *lastWord) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lastWord) WithGroup(string) slog.Handler            { return l }

// intakeOnce is the way from a look into the drop folder to the cells.
// LARSTROM_BENCH_PROFILE names a file for what this process does on it.
func intakeOnce(b testing.TB, catalog, drop string) passed {
	b.Helper()
	hook, note, way := watched(b)
	c := config(b.TempDir(), catalog, drop, hook)
	done := func() {
		note("cells loaded")
		pprof.StopCPUProfile()
	}
	c.Logger, c.Registry = slog.New(&lastWord{message: "cells computed", done: done}), prometheus.NewRegistry()
	a, err := app.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	if profile := os.Getenv("LARSTROM_BENCH_PROFILE"); profile != "" { // that of the last pair stays
		f, err := os.Create(profile)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			b.Fatal(err)
		}
	}
	opened := time.Now()
	note("opened")
	before := (*way)[0].at
	if err := errors.Join(a.Once(b.Context()), a.Close()); err != nil {
		b.Fatal(err)
	}
	if os.Getenv("TEST_LOG") != "" {
		fmt.Printf("to the publication %.2f s\n", time.Since(opened).Seconds())
	}
	for i := range *way {
		(*way)[i].at -= before
	}
	if len(*way) != 7 {
		b.Fatalf("the points that were passed: %v", *way)
	}
	return *way
}

// intakeChild is intakeOnce in a process of its own, whose memory is that of
// intake alone: it ends when the cells are in the log.
func intakeChild(b testing.TB, catalog, drop string, env ...string) (m footprint) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "intake", b.TempDir(), catalog, drop)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Sscan(string(out), &m.resident, &m.engine, &m.live, (*int64)(&m.took)); err != nil {
		b.Fatalf("%q: %v", out, err)
	}
	return m
}

// footprint is what one intake took: the peaks of this process's and of the larger
// engine's resident memory, and how much of the heap was in use when all rows were
// loaded, in bytes.
type footprint struct {
	resident, engine, live int64
	took                   time.Duration
}

// inUse is how much of the heap is in use when what is not has been collected,
// without what the log's server holds: it keeps what was written or read in the
// last ten seconds, and so the more the faster the machine is.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools keep goes the second time
	var records []runtime.MemProfileRecord
	for n, ok := runtime.MemProfile(nil, false); !ok; {
		records = make([]runtime.MemProfileRecord, n+100)
		if n, ok = runtime.MemProfile(records, false); ok {
			records = records[:n]
		}
	}
	var sum int64
	for i := range records {
		if !ofServer(records[i].Stack()) {
			sum += records[i].InUseBytes()
		}
	}
	return sum
}

// ofServer reports whether the log's server allocated here.
func ofServer(stack []uintptr) bool {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "github.com/nats-io/nats-server/") {
			return true
		}
		if !more {
			return false
		}
	}
}

// intakeJob is the child: it prints its footprint.
func intakeJob(w io.Writer, data, catalog, drop string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var started time.Time
	var failed error
	var live int64
	a, err := app.Open(ctx, config(data, catalog, drop, func(p crashpoint.Point) {
		switch p {
		case crashpoint.Loaded:
			live = inUse()
			return
		case crashpoint.CellsAppended:
		default:
			return
		}
		u, err := processes()
		if failed = err; err == nil {
			_, failed = fmt.Fprintln(w, u.residentSelf, u.residentMost, live, time.Since(started).Nanoseconds())
		}
		stop()
	}))
	if err != nil {
		return err
	}
	started = time.Now()
	err = a.Once(ctx)
	if ctx.Err() == nil {
		failed = errors.Join(failed, err, errors.New("no cells were computed"))
	}
	return errors.Join(failed, a.Close())
}

// most is the resident memory that intake may have.
const most = 512 << 20

// What each further row may take, in bytes: kept in use when it is loaded, less
// than the pseudonym of each would be, which is 16; and at most on the way, where
// the collector, and what waits for a store on a busy machine, make it uncertain.
const kept, grown = 8, 120

// TestIntakeMemory holds that memory does not grow with the file, from where
// every buffer has been filled once. Make bench has the long form.
func TestIntakeMemory(t *testing.T) {
	const few, many = 300_000, 1_200_000
	peak := map[int]footprint{}
	catalog := caseCatalog(t)
	for _, rows := range []int{few, many} {
		drop := t.TempDir()
		caseFiles(t, filepath.Join(drop, "pv_2026-01-05.csv"), "", rows)
		// What is in use is to be seen, and not what the collector leaves lying.
		m := intakeChild(t, catalog, drop, "GOGC=20")
		t.Logf("%d rows: this process %d MiB, of which %d MiB in use at the end, an engine %d MiB, %d ns a row",
			rows, m.resident>>20, m.live>>20, m.engine>>20, m.took.Nanoseconds()/int64(rows))
		peak[rows] = m
	}
	each := func(of func(footprint) int64) int64 { return (of(peak[many]) - of(peak[few])) / (many - few) }
	live, resident := each(func(m footprint) int64 { return m.live }), each(func(m footprint) int64 { return m.resident })
	if peak[many].resident > most || live > kept || resident > grown {
		t.Errorf("%d rows take %d MiB, and each of the last %d bytes, of which %d stay in use", many, peak[many].resident>>20, resident, live)
	}
}

// BenchmarkIntakeMemory is the memory and time of files of a million rows and
// more, up to LARSTROM_BENCH_ROWS.
func BenchmarkIntakeMemory(b *testing.B) {
	largest := number(b, "LARSTROM_BENCH_ROWS", 50_000_000)
	catalog := caseCatalog(b)
	for b.Loop() {
		var first, last int64
		for _, rows := range []int{1_000_000, 5_000_000, 10_000_000, 50_000_000} {
			if rows > largest {
				break
			}
			drop := b.TempDir()
			name := filepath.Join(drop, "pv_2026-01-05.csv")
			caseFiles(b, name, "", rows)
			m := intakeChild(b, catalog, drop)
			resident := m.resident
			fmt.Printf("%d M rows: this process %d MiB, of which %d MiB in use at the end, an engine %d MiB, %d ns a row\n",
				rows/1_000_000, resident>>20, m.live>>20, m.engine>>20, m.took.Nanoseconds()/int64(rows))
			if err := os.Remove(name); err != nil {
				b.Fatal(err)
			}
			if first == 0 {
				first = resident
			}
			if last = resident; resident > most {
				b.Errorf("%d rows take %d MiB", rows, resident>>20)
			}
		}
		b.ReportMetric(float64(last>>20), "MiB")
		b.ReportMetric(float64(last)/float64(first), "MiB/first")
	}
}
