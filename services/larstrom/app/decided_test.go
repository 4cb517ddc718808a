package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
)

// TestDecidedIsRebuilt takes decisions and takes some back, between nights of the
// same day, so that sets are made one from the other; then all of them are made
// again from the log, and the same is shown.
func TestDecidedIsRebuilt(t *testing.T) {
	s := scale{units: 24, indicators: 3, months: 14, perFeed: 3}
	data, dir := t.TempDir(), s.catalog(t, "one")
	a := s.open(t, data, dir)
	version := a.Catalog.Indicators[0].Versions[0].ID
	asOf := s.period(s.months).AddDays(10)
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.deliver(t.Context(), a, asOf, 1, []int{0}, s.all(version)); err != nil {
		t.Fatal(err)
	}
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 1))
	few := func(night uint64) func(indicator int, rev uint64) []cell.Version {
		return func(indicator int, rev uint64) (out []cell.Version) {
			for _, month := range []int{4, s.months - 1} {
				v := s.version(indicator, 3*indicator+int(night), month, night, rev, version)
				v.Content.Numerator = cell.FixedOf(int64(night) * cell.Micro) // a closed month is another
				v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, false)
				out = append(out, v)
			}
			return out
		}
	}
	patched := func() string {
		return strings.TrimSpace(sql(t, a, "released", "SELECT length(patched), meta_patch != '' FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1"))
	}
	shown := func() string {
		var all []string
		for _, view := range []string{"cell", "chart", "funnel", "variation", "flag"} {
			all = append(all, fmt.Sprintf("SELECT '%s' AS view, count(), sum(cityHash64(toString(tuple(* EXCEPT (run))))) FROM %[1]s", view))
		}
		return sql(t, a, "released", "SELECT * FROM ("+strings.Join(all, " UNION ALL ")+") ORDER BY view")
	}
	seen := map[string]bool{}
	for night := range uint64(3) {
		if night > 0 {
			if err := s.deliver(t.Context(), a, asOf, night+1, []int{0}, few(night+1)); err != nil {
				t.Fatal(err)
			}
			if err := a.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.decideSome(t, a, r, 3)
		seen[patched()] = true
	}
	for p := range seen {
		if indicators, flags, _ := strings.Cut(p, "\t"); indicators == "0" || flags == "0" {
			t.Errorf("%s sets of indicators were made from others, and %s of flags", indicators, flags)
		}
	}
	was := shown()
	// Another process finds the patches as they are.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = s.open(t, data, dir)
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	before := patched()
	if err := a.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != was || patched() != before {
		t.Errorf("after a start the views show\n%s\nwith %s patches, and showed\n%s\nwith %s", got, patched(), was, before)
	}
	report, err := a.Replay(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if report.Before != report.After {
		t.Errorf("before %s\nafter %s", report.Before, report.After)
	}
	if got := shown(); got != was {
		t.Errorf("made again the views show\n%s\nand showed\n%s", got, was)
	}
	if got := patched(); got != "0\t0" {
		t.Errorf("made again there are %s patches", got)
	}
	// What the process has not made itself since it began it makes in memory, and
	// goes on from there.
	pointer := func(what string) []string {
		return strings.Fields(sql(t, a, "released", "SELECT arrayStringConcat("+what+", ' ') FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1"))
	}
	found, from := pointer("sets"), false
	for range 4 { // one that is undone leaves the set as it was
		s.decideSome(t, a, r, 1)
		from = from || slices.ContainsFunc(pointer("patched.base"), func(base string) bool { return slices.Contains(found, base) })
	}
	if !from {
		t.Errorf("no set was made from one that the process had found: %v, and found were %v", pointer("patched.base"), found)
	}
	was = shown()
	if report, err = a.Replay(t.Context(), func(string) {}); err != nil || report.Before != report.After {
		t.Errorf("%v, before %s\nafter %s", err, report.Before, report.After)
	}
	if got := shown(); got != was {
		t.Errorf("made again once more the views show\n%s\nand showed\n%s", got, was)
	}
}

// decideSome takes up to so many decisions about open flags, and takes some of
// them back, with the services running.
func (s scale) decideSome(t *testing.T, a *app.App, r *rand.Rand, most int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	flags, err := a.Flags(ctx)
	if err != nil {
		t.Fatal(err)
	}
	flags = slices.DeleteFunc(flags, func(f gate.Flag) bool { return f.Status != gate.Open || f.Severity != event.Hold })
	r.Shuffle(len(flags), func(i, j int) { flags[i], flags[j] = flags[j], flags[i] })
	for _, f := range flags[:min(most, len(flags))] {
		cmd := gate.Command{Flag: f.FlagRaised.Flag, Kind: event.Accept, Cause: gate.ExportError, ExpectedVersion: f.Version}
		if r.IntN(3) == 0 {
			cmd.Kind = event.RejectIt
		}
		d, err := a.Order(ctx, a.Catalog.People[0], validator.Order{Command: cmd})
		if err != nil {
			t.Fatal(err)
		}
		if r.IntN(3) > 0 {
			continue
		}
		back := gate.Command{Flag: cmd.Flag, Kind: gate.Undo, ExpectedVersion: f.Version + 1}
		for _, e := range d.Events {
			if e.Type == event.TypeDecisionMade {
				made, err := event.Decode[event.DecisionMade](e)
				if err != nil {
					t.Fatal(err)
				}
				back.Decision = made.Decision
			}
		}
		if _, err := a.Order(ctx, a.Catalog.People[0], validator.Order{Command: back}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestWithdrawnIsInNoTable: what was shown and is withdrawn is soon in no table of
// the released store, also where its set could have been patched: a patch would hide
// it and leave it there.
func TestWithdrawnIsInNoTable(t *testing.T) {
	s := scale{units: 24, indicators: 1, months: 14, perFeed: 1}
	a := s.open(t, t.TempDir(), s.catalog(t, "one"))
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	settle := func() {
		t.Helper()
		if err := a.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	if err := s.deliver(t.Context(), a, s.period(s.months).AddDays(10), 1, []int{0}, s.all(a.Catalog.Indicators[0].Versions[0].ID)); err != nil {
		t.Fatal(err)
	}
	settle()
	held := func() []gate.Flag {
		t.Helper()
		flags, err := a.Flags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(flags, func(f gate.Flag) bool { return f.Check != "C06" })
	}
	decide := func(flag int, kind string) {
		t.Helper()
		f := held()[flag]
		cmd := gate.Command{Flag: f.FlagRaised.Flag, Kind: kind, Cause: gate.ExportError, ExpectedVersion: f.Version}
		if _, err := a.Order(t.Context(), a.Catalog.People[0], validator.Order{Command: cmd}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(held()); n != 2 {
		t.Fatalf("%d flags, want 2", n)
	}
	guard := held()[0].Guards[0]
	stored := func() string {
		t.Helper()
		return strings.TrimSpace(sql(t, a, "released", fmt.Sprintf("SELECT (SELECT count() FROM result_cell WHERE fingerprint = '%s'), (SELECT count() FROM result_chart WHERE fingerprint = '%[1]s')", guard.Fingerprint)))
	}
	if got := stored(); got != "0\t0" {
		t.Errorf("what is held is in the tables: %s rows", got)
	}
	decide(0, event.Accept)
	// The sets are written whole, with what was accepted.
	if _, err := a.Replay(t.Context(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if got := stored(); got != "1\t1" {
		t.Fatalf("what was accepted is in the tables with %s rows", got)
	}
	decide(0, event.RejectIt)
	// Sets that nothing shows any more are dropped after some more decisions.
	for range 2 {
		decide(1, event.Accept)
		decide(1, gate.Undo)
	}
	if got := stored(); got != "0\t0" {
		t.Errorf("what was withdrawn is in the tables: %s rows", got)
	}
}
