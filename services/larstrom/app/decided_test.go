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
		return strings.TrimSpace(sql(t, a, "released", "SELECT length(patched) FROM pointer ORDER BY publication DESC, moved DESC LIMIT 1"))
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
		s.decideSome(t, a, r, 4)
		seen[patched()] = true
	}
	if len(seen) == 1 && seen["0"] {
		t.Error("no set was made from another one")
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
	if got := patched(); got != "0" {
		t.Errorf("made again there are %s patches", got)
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
