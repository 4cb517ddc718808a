package app_test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
)

// TestReview takes a correction, an acceptance with an interest in it, an undo
// and decisions in bulk through the whole pipeline: what is shown follows, says
// why, and stays so through restarts, replays and bytes that come again.
func TestReview(t *testing.T) {
	now := noon()
	cfg := config(t.TempDir(), writeCatalog(t, ""), "", nil)
	cfg.Clock = func() time.Time { return now }
	var a *app.App
	start := func() {
		t.Helper()
		var err error
		cfg.Registry = prometheus.NewRegistry()
		if a, err = app.Open(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	stop := func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	start()
	defer func() { stop() }()
	all := months(date(2023, 11, 1), 27)
	drop := t.TempDir()
	deliver := func(name, text string, again bool) {
		t.Helper()
		write(t, drop, name, text)
		submit(t, a, again, filepath.Join(drop, name))
		if err := a.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	night := func(lateOfA1 int) string {
		return admFile(all, 1, func(m time.Time, u string, visits, late int) string {
			switch {
			case u == "a1" && m.Equal(all[22]):
				late = lateOfA1
			case u == "b1" && m.Equal(all[21]):
				visits, late = visits/2, visits/2-3 // K09, and the share leaps
			case u == "c1" && m.Equal(all[20]), u == "c2" && m.Equal(all[20]), u == "d1" && m.Equal(all[20]):
				visits, late = visits/2, late/2
			}
			return fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
		})
	}
	deliver("adm_2026-02-01.csv", admFile(all, 1, nil), false)
	second := night(300) // C11: BLOCK
	deliver("adm_2026-02-02.csv", second, false)

	one, two := catalog.Person{ID: "p-1", Roles: []catalog.Role{{Role: gate.RegionSteward}}}, catalog.Person{ID: "p-2", Roles: []catalog.Role{{Role: gate.RegionSteward}}}
	hers := catalog.Person{ID: "p-3", Roles: []catalog.Role{{Role: gate.SuperUser, Units: []string{"unit-b1"}}}}
	flagOf := func(check, indicator, unit string) gate.Flag {
		t.Helper()
		flags, err := a.Flags(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range flags {
			if f.Check == check && f.Indicator == indicator && f.Unit == unit && f.Status != gate.Resolved {
				return f
			}
		}
		t.Fatalf("no flag of %s about %s of %s", check, indicator, unit)
		return gate.Flag{}
	}
	order := func(who catalog.Person, o validator.Order, want error) app.Decision {
		t.Helper()
		d, err := a.Order(t.Context(), who, o)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Fatalf("%s by %s: %v, want %v", o.Kind, who.ID, err, want)
		}
		now = now.Add(time.Minute)
		return d
	}
	point := func(unit string, month time.Time) string {
		t.Helper()
		return strings.TrimSpace(sql(t, a, "released", fmt.Sprintf(`SELECT state, numerator, denominator FROM cell
			WHERE indicator = 'adm_late' AND unit = '%s' AND period_start = '%s'`, unit, month.Format("2006-01-02"))))
	}
	why := func(unit string, month, at time.Time) validator.Answer {
		t.Helper()
		answers, err := a.Why(t.Context(), one, validator.Question{Indicator: "adm_late", Unit: unit, Period: catalog.DateOf(month), At: at})
		if err != nil || len(answers) != 1 {
			t.Fatalf("why: %+v, %v", answers, err)
		}
		return answers[0]
	}
	expect := func(got, want string) {
		t.Helper()
		if got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}

	// The correction.
	block := flagOf("C11", "adm_late", "unit-a1")
	before := point("unit-a1", all[22])
	if !strings.HasPrefix(before, "held_previous\t") {
		t.Fatalf("before: %q", before)
	}
	held := now
	corrected := "value\t13\t" + before[strings.LastIndex(before, "\t")+1:]
	numerator, above := 13.0, 300.0
	correct := validator.Order{Command: gate.Command{Flag: block.Flag, Kind: event.Correct, Cause: gate.ExportError, Evidence: "log book of the unit"},
		Revisions: []validator.Revision{{Numerator: &above}}}
	order(one, correct, gate.ErrCorrections)
	correct.Revisions[0].Numerator = &numerator
	order(one, correct, nil)
	expect(point("unit-a1", all[22]), before)
	confirm := validator.Order{Command: gate.Command{Flag: block.Flag, Kind: gate.Confirm}}
	order(one, confirm, gate.ErrFourEyes)
	order(two, confirm, nil)
	// What else asks about the cell is answered by the same correction.
	others, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range others {
		if f.Unit == "unit-a1" && f.Indicator == "adm_late" && f.Holds() {
			correct.Flag, confirm.Flag = f.Flag, f.Flag
			order(one, correct, nil)
			order(two, confirm, nil)
		}
	}
	expect(point("unit-a1", all[22]), corrected)
	answer := why("unit-a1", all[22], time.Time{})
	if c := answer.Correction; c == nil || c.By != "p-1" || c.Confirmed != "p-2" || c.Evidence != "log book of the unit" || c.Base != answer.Delivered ||
		answer.Shown == answer.Delivered || answer.State != "value" || !answer.Visible || *answer.Numerator != 13 {
		t.Fatalf("why: %+v", answer)
	}
	fingerprint := sql(t, a, "released", `SELECT fingerprint FROM cell WHERE indicator = 'adm_late' AND unit = 'unit-a1' AND period_start = '2025-09-01'`)
	expect(strings.TrimSpace(fingerprint), answer.Shown)
	if then := why("unit-a1", all[22], held); then.Correction != nil || then.State != "held_previous" || !then.Visible || len(then.Flags) == 0 || then.Publication >= answer.Publication {
		t.Fatalf("as it was seen before: %+v", then)
	}
	if _, err := a.Why(t.Context(), hers, validator.Question{Indicator: "adm_late", Unit: "unit-a1", Period: catalog.DateOf(all[22])}); !errors.Is(err, gate.ErrForbidden) {
		t.Fatalf("another's unit: %v", err)
	}
	// It stays through a restart, a replay and the same bytes again.
	stop()
	start()
	if report, err := a.Replay(t.Context(), func(string) {}); err != nil || report.Before != report.After {
		t.Fatalf("replay: %v, before %s, after %s", err, report.Before, report.After)
	}
	deliver("adm_2026-02-02.csv", second, true)
	expect(point("unit-a1", all[22]), corrected)

	// Who answers for a unit judges before she looks, and does not alone accept
	// what moves its values.
	hold := flagOf("K09", "adm_late", "unit-b1")
	accept := validator.Order{Command: gate.Command{Flag: hold.Flag, Kind: event.Accept, Cause: gate.OrganisationalChange}}
	if _, err := a.Preview(t.Context(), hers, []validator.Order{accept}); !errors.Is(err, gate.ErrJudgeFirst) {
		t.Fatalf("shown before she judged: %v", err)
	}
	order(hers, validator.Order{Command: gate.Command{Flag: hold.Flag, Kind: gate.Judge, Cause: gate.OrganisationalChange, Evidence: "half the clinic moved"}}, nil)
	seen, err := a.Preview(t.Context(), hers, []validator.Order{accept})
	if err != nil {
		t.Fatal(err)
	}
	if i := seen.Indicators["adm_late"]; seen.Flags != 1 || len(i.Cells) != 1 || i.Cells[0].Unit != "unit-b1" || len(i.Charts) != 1 || len(i.Moves) != 1 ||
		!(*i.Moves[0].Points > 5) || len(seen.Interest) != 1 || seen.Interest[0] != "unit-b1" {
		t.Fatalf("preview %+v", seen)
	}
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	viewed := 0
	for _, e := range s.GateEvents("adm_late") {
		if e.Type == event.TypeImpactViewed {
			viewed++
		}
	}
	if viewed != 1 {
		t.Fatalf("%d viewings are in the ledger", viewed)
	}
	before = point("unit-b1", all[21])
	order(hers, accept, nil)
	expect(point("unit-b1", all[21]), before)
	order(hers, validator.Order{Command: gate.Command{Flag: hold.Flag, Kind: gate.Confirm}}, gate.ErrForbidden)
	order(two, validator.Order{Command: gate.Command{Flag: hold.Flag, Kind: gate.Confirm}}, nil)
	if got := point("unit-b1", all[21]); got == before || !strings.HasPrefix(got, "value\t") {
		t.Fatalf("confirmed: %q", got)
	}
	// Taken back within a day it is under question again; a day later it is late.
	undo := validator.Order{Command: gate.Command{Flag: hold.Flag, Kind: gate.Undo}}
	order(two, undo, nil)
	if got := point("unit-b1", all[21]); got != before {
		t.Fatalf("taken back it shows %q, and showed %q before", got, before)
	}
	order(one, accept, nil)
	now = now.Add(25 * time.Hour)
	order(one, undo, gate.ErrTooLate)

	// She sees what is hers, and nothing else.
	mine, err := a.FlagsFor(t.Context(), hers)
	if err != nil || len(mine) == 0 {
		t.Fatalf("%d flags, %v", len(mine), err)
	}
	for _, f := range mine {
		if f.Unit != "unit-b1" {
			t.Errorf("she reads flag %s of %s", f.Flag, f.Unit)
		}
	}
	if _, err := a.FlagFor(t.Context(), hers, block.Flag); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("she reads flag %s: %v", block.Flag, err)
	}

	// In bulk: an event for each flag with one batch, and what fails is said
	// for its flag.
	var orders []validator.Order
	for _, u := range []string{"unit-c1", "unit-c2", "unit-d1"} {
		for _, i := range []string{"adm_late", "adm_visits"} {
			orders = append(orders, validator.Order{Command: gate.Command{Flag: flagOf("K09", i, u).Flag, Kind: event.Accept, Cause: gate.PopulationChange}})
		}
	}
	orders = append(orders, validator.Order{Command: gate.Command{Flag: "K09-none", Kind: event.Accept, Cause: gate.PopulationChange}})
	orders[1].ExpectedVersion = 7
	// The process dies between two indicators: the same command goes on.
	cfg.Crash = func(p crashpoint.Point) {
		if p == crashpoint.Released {
			panic("dies")
		}
	}
	stop()
	start()
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("nothing died")
			}
		}()
		_, _ = a.DecideAll(t.Context(), one, orders)
	}()
	cfg.Crash = nil
	stop()
	start()
	inLedger := func() (decisions, releases map[string]int) {
		t.Helper()
		s, err := a.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		decisions, releases = map[string]int{}, map[string]int{}
		for _, i := range []string{"adm_late", "adm_visits"} {
			for _, e := range s.GateEvents(i) {
				if d, err := event.Decode[event.DecisionMade](e); err == nil && d.Batch != "" {
					decisions[d.Batch+" "+d.Flag]++
				}
				if e.Type == event.TypeReleaseMade {
					releases[i]++
				}
			}
		}
		return decisions, releases
	}
	if half, _ := inLedger(); len(half) != 3 {
		t.Fatalf("after the crash the ledger has %v", half)
	}
	repeated, err := a.DecideAll(t.Context(), one, orders)
	if err != nil {
		t.Fatal(err)
	}
	whole, releases := inLedger()
	for id, n := range whole {
		if n != 1 {
			t.Errorf("%s was decided %d times", id, n)
		}
	}
	if len(whole) != 5 || repeated.Publication == 0 {
		t.Errorf("after the second try the ledger has %v", whole)
	}
	if _, err := a.DecideAll(t.Context(), one, orders); err != nil {
		t.Fatal(err)
	}
	if again, more := inLedger(); len(again) != 5 || !maps.Equal(more, releases) {
		t.Errorf("a third time adds something: %v, %v", again, more)
	}
	batches := map[string]int{}
	for i, o := range repeated.Of {
		switch {
		case i == 1:
			if !errors.Is(o.Err, gate.ErrConflict) {
				t.Errorf("outcome %d: %v", i, o.Err)
			}
		case i == 6:
			if !errors.Is(o.Err, gate.ErrUnknownFlag) {
				t.Errorf("outcome %d: %v", i, o.Err)
			}
		default:
			// Those of the first indicator had been decided before the crash.
			if o.Err != nil || (len(o.Events) == 0) != (i%2 == 0) {
				t.Fatalf("outcome %d: %+v", i, o)
			}
			if i%2 == 0 {
				continue
			}
			d, err := event.Decode[event.DecisionMade](o.Events[0])
			if err != nil || d.Flag != o.Flag {
				t.Errorf("outcome %d: %+v, %v", i, d, err)
			}
			batches[d.Batch]++
		}
	}
	if len(batches) != 1 || batches[""] != 0 {
		t.Errorf("batches %v", batches)
	}
	if got := point("unit-d1", all[20]); !strings.HasPrefix(got, "value\t") {
		t.Errorf("decided in bulk: %q", got)
	}
	if few, err := a.DecideAll(t.Context(), hers, orders[:2]); err != nil || !errors.Is(few.Of[0].Err, gate.ErrForbidden) {
		t.Errorf("a super-user in bulk: %+v, %v", few, err)
	}
	if _, err := a.DecideAll(t.Context(), one, make([]validator.Order, validator.MostAtOnce+1)); !errors.Is(err, gate.ErrInvalid) {
		t.Errorf("too many at once: %v", err)
	}

	// The source sends what the correction says, and it is retired.
	deliver("adm_2026-02-03.csv", night(13), false)
	expect(point("unit-a1", all[22]), corrected)
	if answer := why("unit-a1", all[22], time.Time{}); answer.Correction != nil || answer.Shown != answer.Delivered {
		t.Errorf("after the source has sent it: %+v", answer)
	}

	// What a person was given, saw and stands by is on record.
	open := flagOf("K09", "adm_visits", "unit-b1")
	if open.Status != gate.Open {
		t.Fatalf("the flag of unit-b1 is %s", open.Status)
	}
	keepsRecord(t, a, open, one, catalog.Person{ID: "p-5", Roles: []catalog.Role{{Role: gate.SuperUser, Units: []string{"unit-e1"}}}})
}
