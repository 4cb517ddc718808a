package validator

import (
	"slices"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
)

// TestReadable: of what a decision would change, a person is shown her part.
func TestReadable(t *testing.T) {
	hers := gate.Actor{ID: "p", Roles: []catalog.Role{{Role: gate.SuperUser, Units: []string{"b"}}}}
	all := gate.Actor{ID: "q", Roles: []catalog.Role{{Role: gate.RegionSteward}}}
	nobody := gate.Actor{ID: "r", Roles: []catalog.Role{{Role: gate.Administrator}}}
	full := func() impact.Impact {
		var i impact.Impact
		for _, u := range []string{"a", "b", "c"} {
			p, points := impact.Place{Unit: u}, 1.0
			i.Cells, i.Charts = append(i.Cells, impact.Cell{Place: p}), append(i.Charts, p)
			i.Signals, i.Centres = append(i.Signals, impact.Signal{Place: p}), append(i.Centres, impact.Centre{Place: p})
			i.Outliers, i.Moves = append(i.Outliers, impact.Outlier{Place: p}), append(i.Moves, impact.Move{Unit: u, Points: &points})
		}
		return i
	}
	for _, x := range []struct {
		who  gate.Actor
		want []string
	}{{hers, []string{"b"}}, {all, []string{"a", "b", "c"}}, {nobody, nil}} {
		i := readable(x.who, &catalog.Indicator{ID: "i", Registry: "reg"}, full())
		var lists [6][]string
		for _, c := range i.Cells {
			lists[0] = append(lists[0], c.Unit)
		}
		for _, c := range i.Charts {
			lists[1] = append(lists[1], c.Unit)
		}
		for _, c := range i.Signals {
			lists[2] = append(lists[2], c.Unit)
		}
		for _, c := range i.Centres {
			lists[3] = append(lists[3], c.Unit)
		}
		for _, c := range i.Outliers {
			lists[4] = append(lists[4], c.Unit)
		}
		for _, c := range i.Moves {
			lists[5] = append(lists[5], c.Unit)
		}
		for n, got := range lists {
			if !slices.Equal(got, x.want) {
				t.Errorf("%s reads of %v in list %d, want %v", x.who.ID, got, n, x.want)
			}
		}
	}
}

// TestConceal: a flag that guards others' cells too is told to be there, and no
// more.
func TestConceal(t *testing.T) {
	g := gate.New("norr", "i")
	for n, units := range [][]string{{"b"}, {"a", "b"}} {
		f := event.FlagRaised{Flag: []string{"mine", "shared"}[n], Check: "T06", Severity: event.Note, Indicator: "i", Unit: "b", Text: "about a too",
			Run: "r1", Rev: 1, AsOf: catalog.NewDate(2026, 3, 1)}
		for _, u := range units {
			f.Guards = append(f.Guards, event.Guard{Registry: "reg", Version: "1", Granularity: "month", Unit: u, Period: catalog.NewDate(2026, 1, 1)})
		}
		e, err := event.New(event.GateSubject("norr", "i"), "t", f, f.AsOf.Time())
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = uint64(n + 1)
		if err := g.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	a := Answer{Flags: []Reason{{Flag: "mine", Check: "T06", Text: "about a too"}, {Flag: "shared", Check: "T06", Text: "about a too", Part: "holds"}}}
	conceal(&a, g, gate.Actor{ID: "p", Roles: []catalog.Role{{Role: gate.Viewer, Units: []string{"b"}}}}, "reg")
	if a.Flags[0].Flag != "mine" || a.Flags[0].Text == "" {
		t.Errorf("her own flag: %+v", a.Flags[0])
	}
	if r := a.Flags[1]; r.Flag != "" || r.Text != "" || r.Decisions != nil || r.Check != "T06" || r.Part != "holds" {
		t.Errorf("the shared flag: %+v", r)
	}
}
