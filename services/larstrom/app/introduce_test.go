package app_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/introduction"
	"larstrom/services/validator"
)

// TestIntroduction: until its protocol is signed an indicator version is in the
// released store for its pilot units only; the sample names effective source
// rows, is the same whenever it is drawn, and stays so through a replay.
func TestIntroduction(t *testing.T) {
	dir := writeCatalog(t, "")
	path := filepath.Join(dir, "catalog.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	piloted := strings.Replace(string(text), "direction: up, multiplier: 100, maturity_lag_days: 10}",
		"direction: up, multiplier: 100, maturity_lag_days: 10, introduction: {pilot_units: [unit-a1]}}", 1)
	if piloted == string(text) {
		t.Fatal("the test catalog has no cas_ok any more")
	}
	write(t, dir, "catalog.yaml", piloted)
	a := open(t, t.TempDir(), dir, "")
	drop := t.TempDir()
	deliver := func(name string, rows ...string) {
		t.Helper()
		write(t, drop, name, "case,day,unit,ok,wait,stay,op\n"+strings.Join(rows, "\n")+fmt.Sprintf("\nEND %d\n", len(rows)))
		submit(t, a, false, filepath.Join(drop, name))
		if err := a.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var rows []string
	for i := range 60 {
		rows = append(rows, fmt.Sprintf("k%d,2025-11-%02d,%s,%d,5,3,U", i, i%28+1, testUnits[i%3], i%2))
	}
	deliver("cas_2026-02-01.csv", rows...)
	// Case 0 moves into the numerator, case 1 is deleted.
	deliver("cas_2026-02-02.csv", "k0,2025-11-01,a1,1,5,3,U", "k1,2025-11-02,a2,1,5,3,D")

	units := func() string {
		return strings.Join(strings.Fields(sql(t, a, "released", "SELECT DISTINCT unit FROM cell WHERE indicator = 'cas_ok' ORDER BY unit")), " ")
	}
	if got := units(); got != "unit-a1" {
		t.Fatalf("before the signature %q see it", got)
	}
	if got := sql(t, a, "released", "SELECT count(DISTINCT unit) FROM cell WHERE indicator = 'cas_wait'"); strings.TrimSpace(got) != "3" {
		t.Fatalf("%s units have the indicator that has no pilot units", got)
	}
	steward := catalog.Person{ID: "p-1", Roles: []catalog.Role{{Role: gate.RegionSteward}}}
	hers := catalog.Person{ID: "p-3", Roles: []catalog.Role{{Role: gate.SuperUser}}}
	ask := validator.Draw{Indicator: "cas_ok", Version: "1", Seed: "2026-02", Inside: 30, Outside: 29}
	if _, err := a.DrawSample(t.Context(), hers, ask); !errors.Is(err, gate.ErrForbidden) {
		t.Fatalf("drawn by a super-user: %v", err)
	}
	if _, err := a.DrawSample(t.Context(), steward, validator.Draw{Indicator: "cas_ok", Version: "1", Seed: "s", Inside: 31, Outside: 29}); !errors.Is(err, introduction.ErrRows) {
		t.Fatalf("more than there are: %v", err)
	}
	if _, err := a.DrawSample(t.Context(), steward, validator.Draw{Indicator: "adm_late", Version: "1", Seed: "s", Inside: 1, Outside: 1}); !errors.Is(err, introduction.ErrRows) {
		t.Fatalf("nothing delivered: %v", err)
	}
	drawn, err := a.DrawSample(t.Context(), steward, ask)
	if err != nil {
		t.Fatal(err)
	}
	// All 59 effective cases: 30 met it (29 odd ones, and case 0), 29 did not.
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, second := s.Deliveries()[0].Delivery, s.Deliveries()[1].Delivery
	if len(drawn.Cases) != 59 || drawn.Level != introduction.IsSmokeCheck {
		t.Fatalf("%d cases, %s", len(drawn.Cases), drawn.Level)
	}
	if !slices.ContainsFunc(drawn.Cases, func(r introduction.Row) bool {
		return r.Delivery == second && r.Line == 2 && r.Inside && r.Unit == "unit-a1"
	}) ||
		slices.ContainsFunc(drawn.Cases, func(r introduction.Row) bool { return r.Delivery == first && (r.Line == 2 || r.Line == 3) }) {
		t.Fatalf("the changed case is drawn as it was, or the deleted one is there: %+v", drawn.Cases)
	}
	ask.Inside, ask.Outside = 5, 5
	few, err := a.DrawSample(t.Context(), steward, ask)
	if err != nil {
		t.Fatal(err)
	}
	events := len(s.GateEvents("cas_ok"))
	again, err := a.DrawSample(t.Context(), steward, ask)
	if err != nil || again.Protocol != few.Protocol || !slices.Equal(again.Cases, few.Cases) {
		t.Fatalf("drawn again: %v\n%+v\n%+v", err, again, few)
	}
	if s, err = a.State(t.Context()); err != nil || len(s.GateEvents("cas_ok")) != events+1 {
		t.Fatalf("%d events after two equal draws, were %d, %v", len(s.GateEvents("cas_ok")), events, err)
	}
	sign := event.ProtocolSigned{Protocol: few.Protocol, Indicator: "cas_ok", Version: "1", Specification: "Cas 1.0", Comparison: "none elsewhere: compared with the annual report",
		InsideChecked: 5, InsideAgreed: 5, OutsideChecked: 5, OutsideAgreed: 4, Checker: "p-9"}
	if _, _, err := a.SignProtocol(t.Context(), steward, sign); !errors.Is(err, gate.ErrIntroduction) {
		t.Fatalf("four of five: %v", err)
	}
	sign.OutsideAgreed = 5
	signed, done, err := a.SignProtocol(t.Context(), steward, sign)
	if err != nil || signed.Level != introduction.IsSmokeCheck || !(signed.Low > 0.72 && signed.Low < 0.73) || done.Publication == 0 {
		t.Fatalf("signed %+v, %+v, %v", signed, done, err)
	}
	if got := units(); got != "unit-a1 unit-a2 unit-b1" {
		t.Fatalf("after the signature %q see it", got)
	}
	if report, err := a.Replay(t.Context(), func(string) {}); err != nil || report.Before != report.After {
		t.Fatalf("replay: %v, before %s, after %s", err, report.Before, report.After)
	}
	if _, err := a.RevokeProtocol(t.Context(), steward, event.ProtocolRevoked{Indicator: "cas_ok", Version: "1", Note: "wrong codes"}); err != nil {
		t.Fatal(err)
	}
	if got := units(); got != "unit-a1" {
		t.Fatalf("after the revocation %q see it", got)
	}
}
