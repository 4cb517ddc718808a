package app_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
)

// guardKey names one version of one cell as the released view shows it.
func guardKey(indicator string, g event.Guard) string {
	return strings.Join([]string{indicator, g.Version, g.Granularity, g.Stratum, g.Unit, g.Period.String(), g.Fingerprint.String()}, "|")
}

// visible are the versions that the released view shows.
func visible(t *testing.T, a *app.App) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	got := sql(t, a, "released", `SELECT concat_ws('|', indicator, indicator_version, granularity, stratum, unit, toString(period_start), fingerprint)
		FROM cell WHERE fingerprint != ''`)
	for line := range strings.Lines(got) {
		out[strings.TrimSuffix(line, "\n")] = true
	}
	return out
}

// TestHeldIsNeverVisible drives random histories of deliveries, decisions,
// bytes that come again, retractions, changes of the catalog, restarts and
// replays, and looks after every step: what an open BLOCK or HOLD guards is not
// in the released store, what a person rejected never comes back, no decision is
// lost to bytes that come again, and a decision is visible within a second.
func TestHeldIsNeverVisible(t *testing.T) {
	steps := 30
	if n, err := strconv.Atoi(os.Getenv("LARSTROM_HISTORY_STEPS")); err == nil {
		steps = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("LARSTROM_HISTORY_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("LARSTROM_HISTORY_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 9))
	catalogDir, data, drop := writeCatalog(t, ""), t.TempDir(), t.TempDir()
	loaded, err := catalog.LoadDir(catalogDir)
	if err != nil {
		t.Fatal(err)
	}
	var a *app.App
	start := func() {
		if a, err = app.Open(t.Context(), config(data, catalogDir, "", nil)); err != nil {
			t.Fatal(err)
		}
		if err := a.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop := func() {
		if a == nil {
			return // it did not start, and the test says so
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	start()
	defer func() { stop() }()
	h := &history{t: t, r: r, drop: drop, people: loaded.People, withdrawn: map[string]map[string]bool{}, done: map[string]int{}}
	h.deliver(a)
	for range steps {
		switch n := r.IntN(25); {
		case n < 8:
			h.deliver(a)
		case n < 17:
			h.decide(a)
		case n < 19:
			stop()
			start()
			h.done["restart"]++
		case n < 21:
			h.again(a)
		case n < 22:
			h.retract(a)
		case n < 24:
			stop()
			h.rule(catalogDir)
			start()
		default:
			report, err := a.Replay(t.Context(), func(string) {})
			if err != nil || report.Before != report.After {
				t.Fatalf("replay: %v, before %s, after %s", err, report.Before, report.After)
			}
			h.done["replay"]++
		}
		h.look(a)
	}
	t.Logf("steps: %v; decisions visible after (median) %v", h.done, h.median())
	if h.heldSeen == 0 {
		t.Error("nothing was ever held: the history asks no question")
	}
}

type history struct {
	t         *testing.T
	r         *rand.Rand
	drop      string
	people    []catalog.Person
	night     int
	withdrawn map[string]map[string]bool // by version: the flags whose rejection stands
	heldSeen  int
	took      []time.Duration
	done      map[string]int
	last      string // the newest file; empty where its delivery was taken back
	delivery  string
}

// deliver hands in a snapshot of the last months with faults in some cells.
func (h *history) deliver(a *app.App) {
	h.night++
	all := months(date(2023, 11, 1), 27)
	from := 24 - h.r.IntN(4)
	if h.night == 1 {
		from = 0
	}
	seed := uint64(h.r.IntN(3))
	text := admFile(all[from:], seed, func(m time.Time, u string, visits, late int) string {
		if h.night > 1 {
			switch h.r.IntN(14) {
			case 0:
				late = visits + 1 + h.r.IntN(3)
			case 1:
				visits, late = visits/3, late/4
			case 2:
				return ""
			}
		}
		return fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
	})
	name := "adm_" + date(2026, 2, h.night).Format("2006-01-02") + ".csv"
	write(h.t, h.drop, name, text)
	receipts := submit(h.t, a, false, filepath.Join(h.drop, name))
	h.last, h.delivery = name, receipts[0].Delivery
	h.done["delivery"]++
}

// again hands in the newest file once more: every decision stays.
func (h *history) again(a *app.App) {
	if h.last == "" {
		return
	}
	decided := func() map[string]gate.Status {
		flags, err := a.Flags(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		out := map[string]gate.Status{}
		for _, f := range flags {
			if slices.Contains([]gate.Status{gate.Accepted, gate.Rejected, gate.Waived, gate.Corrected, gate.Covered}, f.Status) {
				out[f.FlagRaised.Flag] = f.Status
			}
		}
		return out
	}
	before := decided()
	submit(h.t, a, true, filepath.Join(h.drop, h.last))
	if after := decided(); !maps.Equal(before, after) {
		h.t.Fatalf("after %v: the same bytes again turn %v into %v", h.done, before, after)
	}
	h.done["again"]++
}

// retract takes the newest delivery back.
func (h *history) retract(a *app.App) {
	if h.last == "" || h.night < 2 {
		return
	}
	if _, err := a.Retract(h.t.Context(), h.people[0], h.delivery, "another region's file"); err != nil {
		h.t.Fatalf("retract: %v", err)
	}
	h.last = ""
	h.done["retraction"]++
}

// rule moves a threshold in the catalog.
func (h *history) rule(dir string) {
	path := filepath.Join(dir, "catalog.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		h.t.Fatal(err)
	}
	const plain = "name: Visits, type: count, class: structure}"
	text := string(b)
	switch at := strings.Index(text, ", checks: {K09: {fraction: 0.9, note: a test}}"); {
	case at >= 0:
		text = strings.Replace(text, ", checks: {K09: {fraction: 0.9, note: a test}}", "", 1)
	case strings.Contains(text, plain):
		text = strings.Replace(text, plain, strings.TrimSuffix(plain, "}")+", checks: {K09: {fraction: 0.9, note: a test}}}", 1)
	default:
		h.t.Fatal("the catalog has no such indicator")
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	h.done["catalog"]++
}

// decide takes one random decision on one random flag; refusals are fine.
func (h *history) decide(a *app.App) {
	flags, err := a.Flags(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	flags = slices.DeleteFunc(flags, func(f gate.Flag) bool { return f.Status == gate.Resolved })
	if len(flags) == 0 {
		return
	}
	f := flags[h.r.IntN(len(flags))]
	kind := []string{event.Accept, event.RejectIt, event.Waive, gate.Confirm, event.Comment, event.Correct, gate.Undo}[h.r.IntN(7)]
	if len(f.Proposals) > 0 && h.r.IntN(2) == 0 {
		kind = gate.Confirm
	}
	numerator, denominator := float64(10+h.r.IntN(3)), 200.0
	order := validator.Order{Revisions: []validator.Revision{{Numerator: &numerator, Denominator: &denominator}}}
	if kind != event.Correct {
		order.Revisions = nil
	}
	order.Command = gate.Command{Flag: f.FlagRaised.Flag, Kind: kind, Cause: gate.ExportError, ExpectedVersion: f.Version}
	if kind == event.Comment || kind == event.Waive {
		order.Note = "seen"
	}
	if kind == event.Correct {
		order.Evidence = "the unit's own register"
	}
	start := time.Now()
	d, err := a.Order(h.t.Context(), h.people[h.r.IntN(len(h.people))], order)
	for _, refusal := range []error{gate.ErrCorrections, gate.ErrInvalid, gate.ErrForbidden, gate.ErrClosed, gate.ErrConflict, gate.ErrFourEyes} {
		if errors.Is(err, refusal) {
			h.done["refused"]++
			return
		}
	}
	if err != nil {
		h.t.Fatalf("%s %s: %v", kind, f.FlagRaised.Flag, err)
	}
	if len(d.Events) == 0 {
		return
	}
	h.took = append(h.took, time.Since(start))
	h.done[kind]++
	if kind == gate.Undo && f.Status == gate.Rejected {
		for _, by := range h.withdrawn {
			delete(by, f.FlagRaised.Flag)
		}
	}
	if kind == event.RejectIt {
		absent := func(g event.Guard) bool {
			k := g.Key("testland", f.Indicator)
			return g.Fingerprint == cell.FingerprintOf(k, cell.Content{}, true)
		}
		for _, g := range append(f.Guards, f.Also...) {
			if absent(g) {
				continue
			}
			k := guardKey(f.Indicator, g)
			if h.withdrawn[k] == nil {
				h.withdrawn[k] = map[string]bool{}
			}
			h.withdrawn[k][f.FlagRaised.Flag] = true
		}
	}
}

// look asserts what must hold after every step.
func (h *history) look(a *app.App) {
	flags, err := a.Flags(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	shown := visible(h.t, a)
	for _, f := range flags {
		if f.Status != gate.Open || f.Severity != event.Block && f.Severity != event.Hold {
			continue
		}
		for _, g := range append(f.Guards, f.Also...) {
			h.heldSeen++
			if shown[guardKey(f.Indicator, g)] {
				h.t.Fatalf("after %v: %s flag %s is open and its cell %s is visible", h.done, f.Severity, f.FlagRaised.Flag, guardKey(f.Indicator, g))
			}
		}
	}
	for k, by := range h.withdrawn {
		if shown[k] && len(by) > 0 {
			h.t.Fatalf("after %v: %s was rejected and is visible again", h.done, k)
		}
	}
	if len(shown) == 0 {
		h.t.Fatal("nothing is visible at all")
	}
}

func (h *history) median() time.Duration {
	if len(h.took) == 0 {
		return 0
	}
	slices.Sort(h.took)
	return h.took[len(h.took)/2]
}
