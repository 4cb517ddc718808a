package publication_test

import (
	"fmt"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
)

// A corrected cell shows what the correction says, under a fingerprint of its
// own; what is not introduced is there for pilot units only, and of a cell under
// question what was released before.
func TestVisible(t *testing.T) {
	day := catalog.NewDate(2026, 3, 1)
	key := func(unit, version string) cell.Key {
		return cell.Key{Region: "nord", Registry: "hjarta", Indicator: "i1", Version: version, Granularity: "month", Unit: unit, PeriodStart: day.Days()}
	}
	var versions []cell.Version
	var seen []gate.Version
	for i, k := range []cell.Key{key("E", "1"), key("F", "1"), key("G", "2"), key("H", "2")} {
		c := cell.Content{Rows: 1, Numerator: cell.FixedOf(int64(i+1) * cell.Micro), Denominator: cell.FixedOf(10 * cell.Micro)}
		v := cell.Version{Key: k, Content: c, Fingerprint: cell.FingerprintOf(k, c, false), Rev: 7}
		versions = append(versions, v)
		seen = append(seen, gate.Version{Key: v.Key, Fingerprint: v.Fingerprint, Rev: v.Rev})
	}
	g := gate.New("nord", "i1")
	if err := g.Cells(seen); err != nil {
		t.Fatal(err)
	}
	seq := uint64(0)
	add := func(body event.Body) {
		t.Helper()
		seq++
		e, err := event.New(event.GateSubject("nord", "i1"), fmt.Sprint(seq), body, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = seq
		if err := g.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	guard := event.GuardOf(versions[0].Key, versions[0].Fingerprint)
	add(event.FlagRaised{Flag: "f", Check: "C10", CheckVersion: 1, Severity: event.Block, Indicator: "i1", Unit: "E", Rev: 7, Guards: []event.Guard{guard}, AsOf: day})
	right := event.ContentOf(versions[0].Content)
	right.Numerator = cell.FixedOf(8 * cell.Micro)
	add(event.DecisionProposed{Decision: "d", Flag: "f", Kind: event.Correct, By: "p1", Cause: gate.ExportError, Evidence: "e", On: day,
		Corrections: []event.Correction{{Cell: guard, Old: event.ContentOf(versions[0].Content), New: right}}})
	add(event.DecisionConfirmed{Decision: "d", Flag: "f", By: "p2", On: day})
	add(g.Release("run", 7, 1, 1))
	later := versions[1]
	later.Content.Numerator, later.Rev = cell.FixedOf(9*cell.Micro), 8
	later.Fingerprint = cell.FingerprintOf(later.Key, later.Content, false)
	versions = append(versions, later)
	if err := g.Cells([]gate.Version{{Key: later.Key, Fingerprint: later.Fingerprint, Rev: 8}}); err != nil {
		t.Fatal(err)
	}
	add(event.FlagRaised{Flag: "f2", Check: "K09", CheckVersion: 1, Severity: event.Hold, Indicator: "i1", Unit: "F", Rev: 8,
		Guards: []event.Guard{event.GuardOf(later.Key, later.Fingerprint)}, AsOf: day})
	add(g.Release("run2", 8, 2, 2))
	ind := &catalog.Indicator{ID: "i1", Versions: []catalog.Version{{ID: "1"}, {ID: "2", From: catalog.NewDate(2026, 1, 1)}},
		Introduction: catalog.Introduction{Signed: catalog.NewDate(2025, 1, 1), PilotUnits: []string{"W"}}}
	units := []catalog.Unit{{ID: "H", Parents: []catalog.Parent{{Unit: "W"}}}}
	table, err := cell.TableOf("nord", "i1", versions)
	if err != nil {
		t.Fatal(err)
	}
	got := publication.Visible(g, table, ind, units, day)
	if len(got) != 3 || got[0].Key.Unit != "E" || got[1].Key.Unit != "F" || got[2].Key.Unit != "H" {
		t.Fatalf("cells %+v", got)
	}
	if c := got[0]; c.State != spc.StateValue || c.Content.Numerator != right.Numerator || c.Fingerprint == versions[0].Fingerprint ||
		c.Fingerprint != cell.FingerprintOf(c.Key, c.Content, false) {
		t.Errorf("corrected %+v", c)
	}
	if c := got[1]; c.State != spc.StateHeldPrevious || c.Fingerprint != versions[1].Fingerprint || c.Content != versions[1].Content {
		t.Errorf("under question %+v", c)
	}
	if c := got[2]; c.State != spc.StateValue || c.Fingerprint != versions[3].Fingerprint || c.Content != versions[3].Content {
		t.Errorf("as delivered %+v", c)
	}
}
