package run_test

import (
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Who has seen what, and what a unit stands by: the last word of each counts.
func TestSeenAndAffirmed(t *testing.T) {
	l := ledger{t: t}
	for _, s := range []event.FlagSeen{{Flag: "f", FlagVersion: 2, By: "q"}, {Flag: "f", FlagVersion: 3, By: "p"}, {Flag: "f", FlagVersion: 1, By: "p"}, {Flag: "g", FlagVersion: 1, By: "p"}} {
		l.apply(s)
	}
	if got := l.state.SeenBy("f"); len(got) != 2 || got[0].By != "p" || got[0].FlagVersion != 3 || got[1].By != "q" {
		t.Errorf("seen by %+v", got)
	}
	l.apply(event.DataRead{What: event.ReadRows, Of: "h"})
	june, march := catalog.NewDate(2025, time.June, 30), catalog.NewDate(2025, time.March, 31)
	l.apply(event.UnitAffirmed{Unit: "u", Through: june, By: "p"})
	l.apply(event.UnitAffirmed{Unit: "u", Through: march, By: "q"})
	if a, ok := l.state.Affirmed("u"); !ok || a.By != "p" {
		t.Errorf("affirmed %+v", a)
	}
	// What a publication tells is what had been said by then.
	seq := l.state.Seq
	for through, want := range map[uint64]catalog.Date{seq - 2: {}, seq - 1: june, seq: june, seq + 9: june} {
		if got := l.state.AffirmedAt(through)["u"]; got != want {
			t.Errorf("affirmed at %d: %s, want %s", through, got, want)
		}
	}
	end := catalog.NewDate(2025, time.July, 1) // of June, half-open
	for _, c := range []struct {
		unit    string
		end, on catalog.Date
		want    bool
	}{
		{"u", end, end, false}, {"u", end.AddDays(1), end.AddDays(1), true}, {"v", end, end, true},
		{"v", end, catalog.NewDate(2025, time.September, 30), true}, {"v", end, catalog.NewDate(2025, time.October, 1), false},
	} {
		if got := l.state.Preliminary(c.unit, c.end, c.on); got != c.want {
			t.Errorf("unit %s, period before %s, on %s: preliminary %v", c.unit, c.end, c.on, got)
		}
	}
}
