package queue_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/queue"
	"larstrom/pipeline/run"
)

// A version with data awaits its protocol until that is signed, and again after a
// revocation; one that has ended, or has not begun, or has no data, does not.
func TestIntroductions(t *testing.T) {
	c, err := catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(`
region: {code: nord, name: Nord, time_zone: Europe/Stockholm}
registries: [{code: reg, name: R, country: SE}]
units: [{id: u, name: U, kind: clinic}]
indicators:
  - {id: new, registry: reg, name: New, type: count, class: process, introduction: {pilot_units: [u]},
     versions: [{id: "1", to: 2026-01-01}, {id: "2", from: 2026-01-01, to: 2027-01-01}, {id: "3", from: 2027-01-01}]}
  - {id: none, registry: reg, name: Without data, type: count, class: process, introduction: {pilot_units: [u]}}
  - {id: old, registry: reg, name: Old, type: count, class: process}
profiles: [{id: internal, rule: internal}]
`)}})
	if err != nil {
		t.Fatal(err)
	}
	var s run.State
	at := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC) // the day after, in the zone
	say := func(b event.Body) {
		t.Helper()
		e, err := event.New(event.GateSubject("nord", "new"), fmt.Sprint(s.Seq), b, at)
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = s.Seq + 1
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want ...queue.Introduction) {
		t.Helper()
		got, err := queue.Introductions(&s, c, time.FixedZone("CET", 3600), monday)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	expect()
	say(event.ReleaseMade{Run: "r", Rev: 1})
	two := queue.Introduction{Indicator: "new", Version: "2", Registry: "reg", Since: monday}
	expect(two)
	drawn := event.ProtocolDrawn{Protocol: "p1", Indicator: "new", Version: "2", Seed: "s", By: "a", On: monday.AddDays(1), Inside: 5, Outside: 5, Rows: "x"}
	say(drawn)
	expect(queue.Introduction{Indicator: "new", Version: "2", Registry: "reg", Since: monday.AddDays(1), Protocol: "p1"})
	g := gate.New("nord", "new")
	for _, e := range s.GateEvents("new") {
		if e.Type == event.TypeProtocolDrawn {
			if err := g.Apply(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	steward := gate.Actor{ID: "a", Roles: []catalog.Role{{Role: gate.RegionSteward}}}
	signed, err := g.Sign(event.ProtocolSigned{Protocol: "p1", Indicator: "new", Version: "2", Specification: "s", Comparison: "c", Checker: "b", On: monday,
		InsideChecked: 5, InsideAgreed: 5, OutsideChecked: 5, OutsideAgreed: 5}, "reg", steward)
	if err != nil {
		t.Fatal(err)
	}
	say(signed)
	expect()
	say(event.ProtocolRevoked{Indicator: "new", Version: "2", By: "a", Note: "n", On: monday.AddDays(3)})
	revoked := queue.Introduction{Indicator: "new", Version: "2", Registry: "reg", Since: monday.AddDays(3), Revoked: true}
	expect(revoked)
	drawn.Protocol, drawn.On = "p2", monday.AddDays(4)
	say(drawn)
	expect(queue.Introduction{Indicator: "new", Version: "2", Registry: "reg", Since: monday.AddDays(4), Protocol: "p2", Revoked: true})

	for role, n := range map[string]int{gate.RegionSteward: 1, gate.NationalSteward: 1, gate.SuperUser: 0, gate.Auditor: 0, gate.Administrator: 0} {
		if got := queue.For([]queue.Introduction{two}, gate.Actor{ID: "a", Roles: []catalog.Role{{Role: role}}}); len(got) != n {
			t.Errorf("%s: %v", role, got)
		}
	}
	elsewhere := gate.Actor{ID: "a", Roles: []catalog.Role{{Role: gate.RegionSteward, Registries: []string{"other"}}}}
	if got := queue.For([]queue.Introduction{two}, elsewhere); len(got) != 0 {
		t.Errorf("a steward of another registry: %v", got)
	}
}
