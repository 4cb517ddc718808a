package app_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
)

// scale is a region of units × indicators × months of monthly proportions. The
// indicators lie in registries of a few each, which deliver on days of their
// own, as registries do. Two cells of each indicator have more rejected rows
// than their feed tolerates, so that a person is asked twice an indicator.
type scale struct {
	units, indicators, months, decisions int
	// perFeed indicators are in one registry.
	perFeed int
}

// scaleOf is a scale with the numbers of the environment in place of its own.
func scaleOf(tb testing.TB, s scale) scale {
	tb.Helper()
	for name, to := range map[string]*int{"UNITS": &s.units, "INDICATORS": &s.indicators, "MONTHS": &s.months, "DECISIONS": &s.decisions} {
		if n := os.Getenv("LARSTROM_SCALE_" + name); n != "" {
			if _, err := fmt.Sscan(n, to); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return s
}

// profiled writes a profile of what this process computes until the function that
// it gives is called, if LARSTROM_SCALE_PROFILES names a folder for them.
func profiled(tb testing.TB, name string) func() {
	tb.Helper()
	dir := os.Getenv("LARSTROM_SCALE_PROFILES")
	if dir == "" {
		return func() {}
	}
	f, err := os.Create(filepath.Join(dir, name+".pprof"))
	if err != nil {
		tb.Fatal(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		tb.Fatal(err)
	}
	return func() {
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			tb.Error(err)
		}
	}
}

func (s scale) cells() int { return s.units * s.indicators * s.months }
func (s scale) feeds() int { return (s.indicators + s.perFeed - 1) / s.perFeed }

// of are the numbers of the indicators of a feed.
func (s scale) of(feed int) (from, to int) {
	return feed * s.perFeed, min((feed+1)*s.perFeed, s.indicators)
}

// period is the first day of month m.
func (s scale) period(m int) catalog.Date {
	return catalog.DateOf(time.Date(2021, time.Month(1+m), 1, 0, 0, 0, 0, time.UTC))
}

// catalog writes the region's catalog; edition tells one from the next.
func (s scale) catalog(tb testing.TB, edition string) string {
	tb.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `region: {code: large, name: %q, time_zone: Europe/Stockholm}
profiles: [{id: internal, rule: internal}]
people:
  - {id: p-1, name: Steward, roles: [region_steward], token_sha256: %q}
registries:
`, "Large "+edition, tokenOne)
	for f := range s.feeds() {
		fmt.Fprintf(&b, "  - {code: r%02d, name: R%02[1]d, country: SE}\n", f)
	}
	b.WriteString("indicators:\n")
	for i := range s.indicators {
		fmt.Fprintf(&b, "  - {id: i%03d, registry: r%02d, name: I%03[1]d, type: proportion, subset: true, class: process, direction: up, multiplier: 100}\n", i, i/s.perFeed)
	}
	b.WriteString("units:\n")
	for u := range s.units {
		fmt.Fprintf(&b, "  - {id: u%04d, name: U%04[1]d, kind: clinic, codes: {local: u%04[1]d}}\n", u)
	}
	b.WriteString("feeds:\n")
	for f := range s.feeds() {
		fmt.Fprintf(&b, `  - id: f%02d
    registry: r%02[1]d
    files: ["r%02[1]d_*.csv"]
    dialect: {encoding: utf-8, delimiter: ";", dates: iso}
    delivery: snapshot
    scope: file
    as_of: {by: name, pattern: '_(\d{4}-\d{2}-\d{2})\.csv$'}
    columns: {unit: unit, unit_system: local, event_date: month, indicator: indicator, numerator: n, denominator: d}
`, f)
	}
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// version is a cell as it was delivered at revision rev; another night gives
// a case more or less, or the same: so few restate a closed month without a
// question.
func (s scale) version(indicator, unit, month int, night, rev uint64, catalogVersion string) cell.Version {
	r := rand.New(rand.NewPCG(uint64(indicator)<<40|uint64(unit)<<20|uint64(month), 1))
	base := rand.New(rand.NewPCG(uint64(indicator)<<20|uint64(unit), 7))
	p, n := 0.6+0.3*base.Float64(), int64(100+base.IntN(200))
	met := min(max(int64(math.Round(float64(n)*p+math.Sqrt(float64(n)*p*(1-p))*r.NormFloat64())), 0), n)
	if night > 1 {
		met = min(max(met+int64(night%2)*2-1, 0), n)
	}
	v := cell.Version{Rev: rev, Key: cell.Key{Region: "large", Registry: fmt.Sprintf("r%02d", indicator/s.perFeed), Indicator: fmt.Sprintf("i%03d", indicator),
		Version: catalogVersion, Granularity: "month", Unit: fmt.Sprintf("u%04d", unit), PeriodStart: s.period(month).Days()},
		Content: cell.Content{Rows: 1, Numerator: cell.FixedOf(met * cell.Micro), Denominator: cell.FixedOf(n * cell.Micro)}}
	if month == s.months-1 && night == 1 && unit%(s.units/2) == 5 {
		v.Content.Rejected = 1
	}
	v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, false)
	return v
}

// deliver makes what an accepted delivery of a feed leaves behind once its
// cells are computed: its events in the LEDGER, the blocks of its cells in
// CELLS, and their rows in the warehouse. No file is read and no row is there,
// so that what is measured afterwards is measured alone. cells gives the versions
// of one indicator after the other. The deliveries given are one run.
func (s scale) deliver(ctx context.Context, a *app.App, asOf catalog.Date, night uint64, feeds []int, cells func(indicator int, rev uint64) []cell.Version) error {
	log, store := a.Parts()
	var state run.State
	now := noon()
	tell := func(subject, cause string, body event.Body) error {
		e, err := event.New(subject, cause, body, now)
		if err != nil {
			return err
		}
		if _, err := log.AppendEvent(ctx, e, nil); err != nil {
			return err
		}
		return state.Sync(ctx, log)
	}
	if err := state.Sync(ctx, log); err != nil {
		return err
	}
	r := event.RunOpened{Ordinal: len(state.Runs()) + 1, AsOf: asOf, Catalog: a.Catalog.Hash}
	r.Run = fmt.Sprintf("%s-%04d-scale", r.AsOf, r.Ordinal)
	for _, f := range feeds {
		d := fmt.Sprintf("d%02dx%d", f, night)
		feed, registry, name := fmt.Sprintf("f%02d", f), fmt.Sprintf("r%02d", f), fmt.Sprintf("r%02d_%s.csv", f, asOf)
		subject := event.DeliverySubject("large", registry, d)
		raw := fmt.Sprintf("%064x", uint64(f)<<32|night)
		if err := tell(subject, raw, event.DeliveryReceived{Delivery: d, Raw: raw, Name: name, Feed: feed, Registry: registry, AsOf: asOf,
			Reason: event.CauseNew, Catalog: a.Catalog.Hash}); err != nil {
			return err
		}
		if err := tell(subject, d, event.DeliveryAccepted{Delivery: d, Raw: raw, Name: name, Feed: feed, Registry: registry, AsOf: asOf,
			Kind: "delta", Catalog: a.Catalog.Hash, Blocks: event.Range{Subject: event.ObsSubject("large", registry, d)}}); err != nil {
			return err
		}
		r.Deliveries = append(r.Deliveries, d)
	}
	if err := tell(event.RunSubject("large"), r.Run, r); err != nil {
		return err
	}
	for i, f := range feeds {
		d := state.Delivery(r.Deliveries[i])
		var failed error
		blocks := func(yield func(eventlog.Block, error) bool) {
			splitter := block.NewSplitter()
			from, to := s.of(f)
			for indicator := from; indicator < to; indicator++ {
				vs := cells(indicator, d.Rev)
				if len(vs) == 0 {
					continue
				}
				failed = splitter.Cells(vs, r.Run, d.Delivery, func(payload []byte, rows int) error {
					if !yield(eventlog.Block{Payload: payload, Rows: rows}, nil) {
						return errors.New("the log takes no more")
					}
					return nil
				})
				if failed != nil {
					return
				}
			}
		}
		rng, err := log.AppendBlocks(ctx, eventlog.CELLS, event.CellsSubject("large", d.Registry, d.Delivery), blocks)
		if err := errors.Join(failed, err); err != nil {
			return err
		}
		body := event.CellsAppended{Run: r.Run, Delivery: d.Delivery, Rev: d.Rev, Cells: rng}
		load := warehouse.Blocks(func(ctx context.Context, f func([]byte) error) error {
			return log.ReadRange(ctx, eventlog.CELLS, rng, func(_ uint64, payload []byte) error { return f(payload) })
		})
		if err := store.LoadCells(ctx, body, load); err != nil {
			return err
		}
		if err := tell(event.RunSubject("large"), d.Delivery, body); err != nil {
			return err
		}
	}
	return nil
}

// all are all cells of an indicator.
func (s scale) all(catalogVersion string) func(indicator int, rev uint64) []cell.Version {
	return func(indicator int, rev uint64) []cell.Version {
		out := make([]cell.Version, 0, s.units*s.months)
		for u := range s.units {
			for m := range s.months {
				out = append(out, s.version(indicator, u, m, 1, rev, catalogVersion))
			}
		}
		return out
	}
}

// measured is what a scale cost.
type measured struct {
	fill, check, recompute time.Duration
	// night is that of a new month of all units in up to nightIndicators;
	// together, spread and again are 1 % of the series, of as few indicators as hold
	// them and, in the first and the second delivery of a day, of all.
	night, together, spread, again worked
	decisions                      []time.Duration // sorted
	// processor is the time of all processors that a decision took, in seconds.
	processor float64
}

// nightIndicators are changed in a night: with 1,200 units 24,000 series.
const nightIndicators = 20

// worked is how long a run took to be checked and then to be published, and the
// processors' time for both, in seconds.
type worked struct {
	checked, published                   time.Duration
	checkedProcessor, publishedProcessor float64
}

func (w worked) String() string {
	return fmt.Sprintf("checked in %.2f s, published in %.2f s (processor time %.2f and %.2f s)", w.checked.Seconds(), w.published.Seconds(), w.checkedProcessor, w.publishedProcessor)
}

// quantile is the smallest of the decisions' times that a share of them does
// not exceed.
func (m *measured) quantile(q float64) time.Duration {
	if len(m.decisions) == 0 {
		return 0
	}
	return m.decisions[max(int(float64(len(m.decisions))*q+0.999999)-1, 0)]
}

// measure fills the stores, takes decisions, changes 1 % of the series and
// computes everything again.
func (s scale) measure(tb testing.TB, say func(format string, args ...any)) measured {
	tb.Helper()
	ctx, data := tb.Context(), tb.TempDir()
	if dir := os.Getenv("LARSTROM_SCALE_DATA"); dir != "" {
		data = dir
	}
	first := s.catalog(tb, "one")
	a := s.open(tb, data, first)
	defer func() {
		if err := a.Close(); err != nil {
			tb.Error(err)
		}
	}()
	settle := func(a *app.App) time.Duration {
		started := time.Now()
		if err := a.Settle(ctx); err != nil {
			tb.Fatal(err)
		}
		return time.Since(started)
	}
	version := a.Catalog.Indicators[0].Versions[0].ID
	asOf := s.period(s.months).AddDays(10)
	var m measured
	settle(a)
	for f := range s.feeds() {
		started := time.Now()
		if err := s.deliver(ctx, a, asOf.AddDays(f), 1, []int{f}, s.all(version)); err != nil {
			tb.Fatal(err)
		}
		m.fill += time.Since(started)
		took := settle(a)
		m.check += took
		say("feed %d of %d: filled in %.2f s, checked and published in %.2f s (processor time %s)", f+1, s.feeds(), time.Since(started).Seconds()-took.Seconds(), took.Seconds(), processorTime())
	}
	stop := profiled(tb, "decisions")
	m.decisions, m.processor = s.decide(tb, a, say)
	stop()
	slices.Sort(m.decisions)
	say("%d decisions visible after %v (p50), %v (p95), %v (p99), %v (most); processor time %.2f s each", len(m.decisions), m.quantile(0.5), m.quantile(0.95),
		m.quantile(0.99), m.quantile(1), m.processor)
	// A new month of every unit.
	last := s.period(s.months + 1).AddDays(10 + s.feeds())
	var tonight []int
	for f := range s.feeds() {
		if from, _ := s.of(f); from < nightIndicators {
			tonight = append(tonight, f)
		}
	}
	newest := func(indicator int, rev uint64) []cell.Version {
		var out []cell.Version
		for u := range s.units {
			if indicator < nightIndicators {
				out = append(out, s.version(indicator, u, s.months, 1, rev, version))
			}
		}
		return out
	}
	if err := s.deliver(ctx, a, last, 4, tonight, newest); err != nil {
		tb.Fatal(err)
	}
	stop = profiled(tb, "night")
	m.night = s.steps(tb, a)
	stop()
	say("a night of %d series: %v", min(nightIndicators, s.indicators)*s.units, m.night)
	// 1 % of the series, the same day.
	one := max(s.units*s.indicators/100, 1)
	lastFeed := s.feeds() - 1
	from, _ := s.of(lastFeed)
	changed := func(chosen func(indicator, unit int) bool, night uint64) func(indicator int, rev uint64) []cell.Version {
		return func(indicator int, rev uint64) []cell.Version {
			var out []cell.Version
			for u := range s.units {
				if chosen(indicator, u) {
					for month := range s.months {
						out = append(out, s.version(indicator, u, month, night, rev, version))
					}
				}
			}
			return out
		}
	}
	if err := s.deliver(ctx, a, last, 2, []int{lastFeed}, changed(func(i, u int) bool { return (i-from)*s.units+u < one }, 2)); err != nil {
		tb.Fatal(err)
	}
	m.together = s.steps(tb, a)
	say("1 %% of the series, of as few indicators as hold them: %v", m.together)
	var feeds []int
	for f := range s.feeds() {
		feeds = append(feeds, f)
	}
	// The first delivery of a day moves the date to which all data reach; the second
	// finds it there.
	for i, to := range []*worked{&m.spread, &m.again} {
		if err := s.deliver(ctx, a, last, uint64(5+i), feeds, changed(func(_, u int) bool { return u%100 == 7 }, uint64(5+i))); err != nil {
			tb.Fatal(err)
		}
		stop = profiled(tb, fmt.Sprint("spread", i+1))
		*to = s.steps(tb, a)
		stop()
		say("1 %% of the series, of every indicator, delivery %d of the day: %v", i+1, *to)
	}
	// All of it again, as a catalog asks for whose units have other names.
	if err := a.Close(); err != nil {
		tb.Fatal(err)
	}
	a = s.open(tb, data, s.catalog(tb, "two"))
	began := time.Now()
	if err := a.Recover(ctx); err != nil {
		tb.Fatal(err)
	}
	say("after a start the stores were read back in %.2f s", time.Since(began).Seconds())
	before := processorTime()
	stop = profiled(tb, "recompute")
	m.recompute = settle(a)
	stop()
	say("%d cells to a publication in %.2f s (processor time %s before, %s after)", s.cells(), m.recompute.Seconds(), before, processorTime())
	return m
}

func (s scale) open(tb testing.TB, data, catalogDir string) *app.App {
	tb.Helper()
	a, err := app.Open(tb.Context(), config(data, catalogDir, "", nil))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// steps lets the services, which have recovered, check a run and publish it.
func (s scale) steps(tb testing.TB, a *app.App) (w worked) {
	tb.Helper()
	ctx := tb.Context()
	if err := a.Recover(ctx); err != nil {
		tb.Fatal(err)
	}
	step := func(step func(context.Context) (bool, error), to *time.Duration, processor *float64) {
		for started, before := time.Now(), processorSeconds(); ; {
			did, err := step(ctx)
			if err != nil {
				tb.Fatal(err)
			}
			if *to, *processor = time.Since(started), processorSeconds()-before; !did {
				return
			}
		}
	}
	step(a.Check, &w.checked, &w.checkedProcessor)
	step(a.Compute, &w.published, &w.publishedProcessor)
	return w
}

// decide takes decisions about flags of all indicators, one after the other,
// with the services running, and gives the time of each from the command to
// the answer of a query on the released store that shows it.
func (s scale) decide(tb testing.TB, a *app.App, say func(format string, args ...any)) (visibleAfter []time.Duration, processor float64) {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	flags, err := a.Flags(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	say("%d flags", len(flags))
	flags = slices.DeleteFunc(flags, func(f gate.Flag) bool { return f.Check != "C06" || f.Status != gate.Open })
	rounds := map[string]int{}
	round := map[string]int{}
	for _, f := range flags {
		round[f.FlagRaised.Flag] = rounds[f.Indicator]
		rounds[f.Indicator]++
	}
	slices.SortStableFunc(flags, func(x, y gate.Flag) int { return round[x.FlagRaised.Flag] - round[y.FlagRaised.Flag] })
	if len(flags) < s.decisions {
		tb.Fatalf("%d open flags for %d decisions", len(flags), s.decisions)
	}
	steward := a.Catalog.People[0]
	out := make([]time.Duration, 0, s.decisions)
	before := processorSeconds()
	for i, f := range flags[:s.decisions] {
		kind, state := event.Accept, "accepted"
		if i%4 == 3 {
			kind, state = event.RejectIt, "rejected"
		}
		started := time.Now()
		d, err := a.Order(ctx, steward, validator.Order{Command: gate.Command{Flag: f.FlagRaised.Flag, Kind: kind, Cause: gate.ExportError, ExpectedVersion: f.Version}})
		if err != nil {
			tb.Fatal(err)
		}
		var b strings.Builder
		g := f.Guards[0]
		query := fmt.Sprintf("SELECT (SELECT any(state) FROM flag WHERE flag = '%s'), state FROM cell WHERE indicator = '%s' AND unit = '%s' AND period_start = '%s'",
			f.FlagRaised.Flag, f.Indicator, g.Unit, g.Period)
		if err := a.SQL(ctx, "released", "TabSeparated", query, &b); err != nil {
			tb.Fatal(err)
		}
		out = append(out, time.Since(started))
		cellState := "held_empty"
		if kind == event.Accept {
			cellState = "preliminary"
			if a.Catalog.Indicators[0].MaturityLagDays == 0 {
				cellState = "value"
			}
		}
		if got := strings.TrimSpace(b.String()); got != state+"\t"+cellState {
			tb.Fatalf("after decision %d (publication %d) the released store says %q of flag %s", i+1, d.Publication, got, f.FlagRaised.Flag)
		}
	}
	processor = (processorSeconds() - before) / float64(s.decisions)
	stop()
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
	return out, processor
}

// processorSeconds is processorTime as one number.
func processorSeconds() float64 {
	sum := 0.0
	for part := range strings.SplitSeq(processorTime(), " + ") {
		if seconds, err := strconv.ParseFloat(part, 64); err == nil {
			sum += seconds
		}
	}
	return sum
}

// TestDecisionsReachTheReleasedStore is the short form of BenchmarkScale. What a
// clock says depends on what else the machine does, so the processors' time is
// held to the budget.
func TestDecisionsReachTheReleasedStore(t *testing.T) {
	s := scaleOf(t, scale{units: 1200, indicators: 2, months: 12, decisions: 4, perFeed: 2})
	m := s.measure(t, t.Logf)
	if m.processor > 1 {
		t.Errorf("a decision at %d cells took %.2f s of the processors until it was visible, not one second", s.cells(), m.processor)
	}
}

// BenchmarkScale measures the budgets of decisions, of a full recompute and of
// 1 % of the series. LARSTROM_SCALE_UNITS, _INDICATORS, _MONTHS and _DECISIONS
// make it smaller or larger.
func BenchmarkScale(b *testing.B) {
	s := scaleOf(b, scale{units: 1200, indicators: 150, months: 60, decisions: 200, perFeed: 10})
	for b.Loop() {
		m := s.measure(b, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
		fmt.Printf("%d cells; %d decisions visible after %v (p50), %v (p95), %v (p99), %v (most); night: %v; full recompute %v; 1 %% of the series: %v together, %v spread, %v the second time; most memory resident: %s\n",
			s.cells(), len(m.decisions), m.quantile(0.5), m.quantile(0.95), m.quantile(0.99), m.quantile(1), m.night, m.recompute, m.together, m.spread, m.again, residentMost())
		b.ReportMetric(m.quantile(0.5).Seconds(), "decision-p50-s")
		b.ReportMetric(m.quantile(0.99).Seconds(), "decision-p99-s")
		b.ReportMetric(m.recompute.Seconds(), "recompute-s")
		b.ReportMetric(m.night.checked.Seconds(), "night-checked-s")
		b.ReportMetric((m.together.checked + m.together.published).Seconds(), "one-percent-s")
	}
}

// residentMost is the most memory that this process and each of its children
// had resident, in MiB; on other systems than Linux nothing.
func residentMost() string {
	ids := []string{"self"}
	children, _ := filepath.Glob("/proc/self/task/*/children") // a malformed pattern alone fails
	for _, name := range children {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a thread that has ended
		}
		ids = append(ids, strings.Fields(string(text))...)
	}
	var out []string
	for _, id := range ids {
		text, err := os.ReadFile("/proc/" + id + "/status")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			var kib int
			if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
				out = append(out, fmt.Sprintf("%d MiB", kib>>10))
			}
		}
	}
	return strings.Join(out, " + ")
}
