package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/simulate"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
)

// disk is a simulate.Sink.
type disk string

func (d disk) Create(name string) (io.WriteCloser, error) {
	path := filepath.Join(string(d), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.Create(path)
}

// judged takes a simulated region through all its nights and says what became
// of its faults.
func judged(ctx context.Context, tb testing.TB, o simulate.Options) (*simulate.Truth, *simulate.Report, *app.App) {
	tb.Helper()
	dir := tb.TempDir()
	if _, err := simulate.Run(ctx, o, disk(dir), nil); err != nil {
		tb.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		tb.Fatal(err)
	}
	truth, err := simulate.ReadTruth(bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	a, err := app.Open(ctx, config(tb.TempDir(), filepath.Join(dir, "catalog"), filepath.Join(dir, "drop"), nil))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := a.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := a.Once(ctx); err != nil {
		tb.Fatal(err)
	}
	flags, err := a.Flags(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	var findings []simulate.Finding
	for _, f := range flags {
		findings = append(findings, simulate.Finding{ID: f.FlagRaised.Flag, Check: f.Check, Severity: string(f.Severity),
			Indicator: f.Indicator, Unit: f.Unit, Period: f.Period, AsOf: f.AsOf})
	}
	var receipts []simulate.Receipt
	for _, r := range a.Received() {
		rules := map[string]int64{}
		for rule, n := range r.Rules {
			rules[rule] += n
		}
		if r.Status == intake.StatusRejected || r.Status == intake.StatusWaiting {
			for _, p := range r.Problems {
				rules[p.Rule]++
			}
		}
		receipts = append(receipts, simulate.Receipt{File: r.File, Status: r.Status, Rules: rules})
	}
	present := []string{intake.RuleBytes, intake.RuleDialect, intake.RuleHeader, intake.RuleWhole, intake.RuleFuture}
	for _, c := range quality.Catalogue() {
		if o.Nights < quality.FewestNights && slices.Contains([]string{"D04", "K04", "X06"}, c.ID) {
			continue // it has too few nights to compare with; see checks_nightly.txt
		}
		present = append(present, c.ID)
	}
	return truth, simulate.Evaluate(truth, func(indicator string) string { return feedOf(a, indicator) }, findings, receipts, present), a
}

// TestSimulatedFaultsAreHandled: every injected fault that a present check
// covers is noticed at its severity on the night it came, nothing else is held,
// and what is clean is released.
func TestSimulatedFaultsAreHandled(t *testing.T) {
	t.Parallel()
	o := simulate.Default()
	o.Units, o.Months, o.Indicators = 60, 15, 20
	truth, report, a := judged(t.Context(), t, o)
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + text.String())
	n := report.Counts()
	if n[simulate.Missed] > 0 || n[simulate.Late] > 0 || n[simulate.OtherSeverity] > 0 || len(report.FalseAlarms) > 0 {
		t.Errorf("missed %d, late %d, at another severity %d, false alarms %d", n[simulate.Missed], n[simulate.Late], n[simulate.OtherSeverity], len(report.FalseAlarms))
	}
	for _, o := range report.Outcomes {
		// That rows of the last days have moved shows in what each night brings,
		// not in the months of a history.
		if (o.Verdict == simulate.NotCovered) != (o.Fault.Kind == simulate.MergedUnits) {
			t.Errorf("%s %s is %s: what needs many nights, and nothing else, is not covered", o.Fault.ID, o.Fault.Kind, o.Verdict)
		}
	}
	if len(report.Outcomes) != len(simulate.Kinds()) {
		t.Errorf("%d faults: there should be one of each kind", len(report.Outcomes))
	}
	together(t, a, truth)
	improvements(t, a, truth)
	mended(t, a, truth)
	clean, held := released(t, a)
	if clean == 0 || held == 0 {
		t.Errorf("%d clean and %d held cells: there should be both", clean, held)
	}
	t.Logf("%d clean cells are shown in their newest version, %d are held", clean, held)
}

// feedOf is the feed that brings an indicator.
func feedOf(a *app.App, indicator string) string {
	i, ok := a.Catalog.Index().Indicator(indicator)
	for _, f := range a.Catalog.Feeds {
		if ok && f.Registry == i.Registry {
			return f.ID
		}
	}
	return ""
}

// together holds that what one mistake did to several units or indicators is
// one question: its flags of the expected check are of one incident.
func together(t *testing.T, a *app.App, truth *simulate.Truth) {
	t.Helper()
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range truth.Faults {
		for _, e := range fault.Expect {
			incidents, n := map[string]bool{}, 0
			for _, f := range flags {
				if f.Check == e.Check && f.AsOf == fault.Night && feedOf(a, f.Indicator) == fault.Feed &&
					(len(fault.Units) == 0 || f.Unit == "" || slices.Contains(fault.Units, f.Unit)) {
					incidents[f.Incident] = true
					n++
				}
			}
			if n > 1 && (len(incidents) > 1 || incidents[""]) {
				t.Errorf("%s %s: %d flags of %s are of %d incidents", fault.ID, fault.Kind, n, e.Check, len(incidents))
			}
		}
	}
}

// improvements holds that no cell is held because care changed there: what is
// held of such a unit is what a fault touched.
func improvements(t *testing.T, a *app.App, truth *simulate.Truth) {
	t.Helper()
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	faulty := func(f *gate.Flag) bool {
		return slices.ContainsFunc(truth.Faults, func(x simulate.Fault) bool {
			return x.Feed == feedOf(a, f.Indicator) && !f.AsOf.Before(x.Night) && (len(x.Units) == 0 || f.Unit == "" || slices.Contains(x.Units, f.Unit))
		})
	}
	if len(truth.Changes) == 0 {
		t.Error("nothing changes in this region")
	}
	for i := range flags {
		f := &flags[i]
		if f.Severity != event.Block && f.Severity != event.Hold || faulty(f) {
			continue
		}
		for _, c := range truth.Changes {
			for _, g := range f.Guards {
				if c.Indicator == f.Indicator && c.Unit == g.Unit && !g.Period.Before(c.From) {
					t.Errorf("%s holds %s of %s in %s, which %s", f.Check, f.Indicator, g.Unit, g.Period, c.Kind)
				}
			}
		}
	}
}

// mended holds that what a sender puts right is released without a person: nothing
// is asked of the right numbers because they differ from the wrong ones, which
// nobody was shown.
func mended(t *testing.T, a *app.App, truth *simulate.Truth) {
	t.Helper()
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, x := range truth.Faults {
		right := slices.ContainsFunc(truth.Deliveries, func(f simulate.Delivery) bool {
			return f.Feed == x.Feed && x.Until.Before(f.AsOf) && len(f.Faults) == 0
		})
		if !right || x.Kind != simulate.Spike {
			continue
		}
		for i := range flags {
			f := &flags[i]
			if f.Holds() && feedOf(a, f.Indicator) == x.Feed && slices.Contains(x.Units, f.Unit) && !f.Period.Before(x.From) && f.Period.Before(x.To) {
				t.Errorf("%s was mended, and %s still asks of %s, %s: %s", x.ID, f.Check, f.Unit, f.Period, f.Text)
			}
		}
		for _, unit := range x.Units {
			for line := range strings.Lines(sql(t, a, "released", fmt.Sprintf("SELECT indicator, state FROM cell WHERE unit = '%s' AND granularity = 'day' AND period_start = '%s'", unit, x.From))) {
				indicator, state, _ := strings.Cut(strings.TrimSpace(line), "\t")
				if feedOf(a, indicator) != x.Feed {
					continue
				}
				if tried++; state != "value" && state != "preliminary" {
					t.Errorf("%s was mended, and %s of %s, %s is %q", x.ID, indicator, unit, x.From, state)
				}
			}
		}
	}
	if tried == 0 {
		t.Error("no fault was mended")
	}
}

// released holds that every current cell that no open flag guards is shown in
// its newest version, and every other one not.
func released(t *testing.T, a *app.App) (clean, held int) {
	t.Helper()
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	guarded := map[string]bool{} // fingerprints: of key and content
	for _, f := range flags {
		if f.Status == gate.Open && (f.Severity == event.Block || f.Severity == event.Hold) {
			for _, g := range f.Guards {
				guarded[g.Fingerprint.String()] = true
			}
		}
	}
	shown := map[string]string{}
	for line := range strings.Lines(sql(t, a, "released", "SELECT fingerprint, state FROM cell WHERE fingerprint != ''")) {
		fingerprint, state, _ := strings.Cut(strings.TrimSpace(line), "\t")
		shown[fingerprint] = state
	}
	for fingerprint := range strings.FieldsSeq(sql(t, a, "warehouse", `SELECT lower(hex(argMax(fingerprint, rev))) FROM cell
		GROUP BY registry, indicator, version, granularity, stratum, unit, period_start HAVING NOT argMax(tombstone, rev)`)) {
		state := shown[fingerprint]
		switch {
		case guarded[fingerprint]:
			held++
			if state != "" {
				t.Errorf("cell version %s is under question and is shown as %s", fingerprint, state)
			}
		case state == "" || strings.HasPrefix(state, "held_"):
			t.Errorf("cell version %s is under no question, and its state is %q", fingerprint, state)
		default:
			clean++
		}
	}
	return clean, held
}

// BenchmarkSimulatedFaults prints what became of the faults of the region of
// make demo.
func BenchmarkSimulatedFaults(b *testing.B) {
	for b.Loop() {
		started := time.Now()
		o := simulate.Default()
		o.Seed = 1
		_, report, _ := judged(b.Context(), b, o)
		b.Logf("%v from nothing to the last publication", time.Since(started))
		// The log of a benchmark is cut short.
		if err := report.WriteText(os.Stdout); err != nil {
			b.Fatal(err)
		}
	}
}

// TestQuestionsGoOn takes one wrong month through its versions: who was given the
// question has it when it is asked about the next version, and what puts it right is
// released by itself.
func TestQuestionsGoOn(t *testing.T) {
	t.Parallel()
	drop := t.TempDir()
	a := open(t, t.TempDir(), writeCatalog(t, ""), "")
	all := months(date(2024, 1, 1), 25)
	unit := testUnits[2]
	night := 0
	// deliver makes the month have so many late visits beyond all, or as many as it
	// should.
	deliver := func(beyond int) []gate.Flag {
		t.Helper()
		night++
		path := filepath.Join(drop, fmt.Sprintf("adm_2026-02-%02d.csv", night))
		write(t, drop, filepath.Base(path), admFile(all, 1, func(m time.Time, u string, visits, late int) string {
			if beyond > 0 && u == unit && m.Equal(date(2025, 6, 1)) {
				late = visits + beyond
			}
			return fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
		}))
		submit(t, a, false, path)
		flags, err := a.Flags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(slices.Clone(flags), func(f gate.Flag) bool { return f.Check != "C11" || !f.Holds() })
	}
	flags := deliver(1)
	if len(flags) != 1 {
		t.Fatalf("%d flags about a numerator above its denominator", len(flags))
	}
	first := flags[0]
	if _, err := a.Order(t.Context(), person(t, a, "p-1"), validator.Order{Command: gate.Command{Flag: first.Flag, Kind: gate.Assign, To: "p-2"}}); err != nil {
		t.Fatal(err)
	}
	if flags = deliver(2); len(flags) != 1 || flags[0].Flag == first.Flag || flags[0].Assigned != "p-2" {
		t.Errorf("the question about the next version: %+v", flags)
	}
	if flags = deliver(0); len(flags) != 0 {
		t.Errorf("it is right, and %d flags are open", len(flags))
	}
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range flags {
		if f.Holds() {
			t.Errorf("it is right, and %s holds %s of %s: %s", f.Check, f.Indicator, f.Unit, f.Text)
		}
	}
	if held := sql(t, a, "released", "SELECT unit, period_start, state FROM cell WHERE state LIKE 'held%'"); held != "" {
		t.Errorf("it is right, and is held:\n%s", held)
	}
}
