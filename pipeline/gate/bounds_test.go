package gate_test

import (
	"errors"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// TestBoundsThemselves: what lies on a bound is inside it.
func TestBoundsThemselves(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A", "E 3 A").raise("hold", "K09", event.Hold, "E 1 A").raise("note", "K03", event.Note, "E 2 A").
		raise("info", "C05", event.Info, "E 3 A")
	low, high, observed := 80.0, 100.0, 90.0
	full, none := content("B"), content("B")
	full.Rows, full.ValueCount = 7, 7
	none.Rows, none.Missing = 7, 7
	right := func(c event.Content) []event.Correction {
		return []event.Correction{{Cell: guard(key("E", 1), "A"), Old: content("A"), New: c}}
	}
	correct := gate.Command{Flag: "hold", Kind: event.Correct, Cause: gate.Unknown, Evidence: "the unit's own register"}
	of := func(c event.Content) gate.Command { cmd := correct; cmd.Corrections = right(c); return cmd }
	beyond := func(change func(*event.Content)) gate.Command { c := content("B"); change(&c); return of(c) }
	ofNote := correct
	ofNote.Flag, ofNote.Corrections = "note", []event.Correction{correction(guard(key("E", 2), "A"), "B")}
	for name, c := range map[string]struct {
		cmd  gate.Command
		want error
	}{
		"the whole band":         {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Low: &low, High: &high}, nil},
		"a band of the observed": {gate.Command{Flag: "hold", Kind: event.Accept, Cause: gate.Unknown, Low: &observed, High: &observed}, nil},
		"every row has a value":  {of(full), nil},
		"no row has one":         {of(none), nil},
		"more values than rows":  {beyond(func(c *event.Content) { c.ValueCount = 2 }), gate.ErrCorrections},
		"more missing than rows": {beyond(func(c *event.Content) { c.Missing = 2 }), gate.ErrCorrections},
		"values below none":      {beyond(func(c *event.Content) { c.ValueCount = -1 }), gate.ErrCorrections},
		"missing below none":     {beyond(func(c *event.Content) { c.Missing = -1 }), gate.ErrCorrections},
		"no rows":                {beyond(func(c *event.Content) { c.Rows = 0 }), gate.ErrCorrections},
		"of a note":              {ofNote, nil},
		"a note rejected":        {gate.Command{Flag: "note", Kind: event.RejectIt, Cause: gate.Unknown}, nil},
	} {
		bodies, err := b.s.Decide(c.cmd, steward, day)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
			continue
		}
		// What the gate proposes, it takes.
		for _, body := range bodies {
			if again, err := gate.Fold("nord", "i1", b.versions, append(b.events[:len(b.events):len(b.events)], b.event(body))); err != nil || again == nil {
				t.Errorf("%s is decided and refused: %v", name, err)
			}
		}
	}
	// A proposal that came in another way keeps to the same bounds.
	point := event.DecisionProposed{Decision: "p", Flag: "hold", Kind: event.Accept, By: "p1", On: day, Cause: gate.Unknown, Low: observed, High: observed}
	turned := point
	turned.Low = 91
	b.refuses(turned, gate.ErrTransition).append(point)
	forged := func(flag string, month int, base string) event.DecisionProposed {
		return event.DecisionProposed{Decision: "forged", Flag: flag, Kind: event.Correct, By: "p1", On: day, Cause: gate.Unknown, Evidence: "e",
			Corrections: []event.Correction{{Cell: guard(key("E", month), base), Old: content(base), New: content("C")}}}
	}
	b.refuses(forged("info", 3, "A"), gate.ErrTransition).refuses(forged("note", 2, "B"), gate.ErrTransition).
		refuses(forged("note", 1, "A"), gate.ErrTransition).append(forged("note", 2, "A"))
	if f, _ := b.s.Flag("hold"); len(f.Proposals) != 1 || f.Waiting() {
		t.Errorf("flag %+v", f)
	}
}

// TestADecisionIsAllOfItsContent: what differs in evidence, in a far decimal of
// the band or in a corrected number is another decision.
func TestADecisionIsAllOfItsContent(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A")
	seen := map[string]string{}
	id := func(name string, cmd gate.Command) {
		t.Helper()
		bodies, err := b.s.Decide(cmd, steward, day)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got string
		switch d := bodies[0].(type) {
		case event.DecisionMade:
			got = d.Decision
		case event.DecisionProposed:
			got = d.Decision
		}
		if other, ok := seen[got]; ok || got == "" {
			t.Errorf("%s has the id %q of %s", name, got, other)
		}
		seen[got] = name
	}
	accept := gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.Unknown}
	near, nearer := 85.00001, 85.00002
	id("accepted", accept)
	accept.Low = &near
	id("in a band", accept)
	accept.Low = &nearer
	id("in another band", accept)
	far, farther := 95.00001, 95.00002
	accept.High = &far
	id("in a band to its left", accept)
	accept.High = &farther
	id("in a band to its right", accept)
	for _, evidence := range []string{"the log book", "the register"} {
		accept.Evidence = evidence
		id("by "+evidence, accept)
	}
	correct := b.right("f1", "C")
	id("corrected", correct)
	id("corrected otherwise", b.right("f1", "D"))
	// Each time that the flag is opened again, the same words are another answer.
	given := map[string]bool{}
	for range 4 {
		b.accept("f1")
		f, _ := b.s.Flag("f1")
		given[f.Decisions[len(f.Decisions)-1].Decision] = true
		b.undo("f1", steward)
	}
	for range 4 {
		b.propose("f1", "C")
		f, _ := b.s.Flag("f1")
		given[f.Proposals[0].Decision] = true
		b.decide(gate.Command{Flag: "f1", Kind: gate.Refuse, Note: "the register says otherwise"}, second)
	}
	if len(given) != 8 {
		t.Errorf("four acceptances and four proposals have %d ids", len(given))
	}
}

// TestConfirmingWhatWasNotProposed: who names a decision confirms or refuses that one
// or none.
func TestConfirmingWhatWasNotProposed(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").raise("f1", "C10", event.Block, "E 1 A").raise("f2", "C10", event.Block, "E 2 A").
		propose("f1", "C").propose("f2", "C")
	proposal := func(flag string) string { f, _ := b.s.Flag(flag); return f.Proposals[0].Decision }
	one, other := proposal("f1"), proposal("f2")
	for _, kind := range []string{gate.Confirm, gate.Refuse} {
		for _, named := range []string{other, "never made"} {
			if bodies, err := b.s.Decide(gate.Command{Flag: "f1", Kind: kind, Decision: named, Note: "n"}, second, day); !errors.Is(err, gate.ErrInvalid) {
				t.Errorf("%s of %q: %v, %v", kind, named, bodies, err)
			}
		}
	}
	for _, named := range []string{"", other, "never made"} {
		b.refuses(event.DecisionRefused{Decision: named, Flag: "f1", By: "p2", On: day}, gate.ErrTransition).
			refuses(event.DecisionConfirmed{Decision: named, Flag: "f1", By: "p2", On: day}, gate.ErrTransition)
	}
	refuse := gate.Command{Flag: "f1", Kind: gate.Refuse, Decision: one, Note: "the register says otherwise"}
	b.decide(refuse, second)
	if bodies, err := b.s.Decide(refuse, second, day); bodies != nil || err != nil {
		t.Errorf("refused twice: %v, %v", bodies, err)
	}
	refuse.Flag = "f2"
	if bodies, err := b.s.Decide(refuse, second, day); bodies != nil || err == nil {
		t.Errorf("another flag's decision refused again: %v, %v", bodies, err)
	}
	confirm := gate.Command{Flag: "f2", Kind: gate.Confirm, Decision: other}
	b.decide(confirm, second).is("f2", gate.Corrected).is("f1", gate.Open)
	if bodies, err := b.s.Decide(confirm, second, day); bodies != nil || err != nil {
		t.Errorf("confirmed twice: %v, %v", bodies, err)
	}
}

// TestCleanRunsOfAnAbsence: what was never delivered can pass as well; once it is
// delivered, its absence cannot.
func TestCleanRunsOfAnAbsence(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K01", event.Hold, "E 2 -").release()
	pass := func(run string) error {
		return b.s.Apply(b.event(event.FlagPassed{Flag: "f1", Run: run, Rev: b.rev, AsOf: day}))
	}
	if err := pass("run 2"); err != nil {
		t.Errorf("an absence that is not found again: %v", err)
	}
	b.cells("E 2 A")
	if pass("run 3") == nil {
		t.Error("what is delivered is judged as absent")
	}
}

// TestMemoryOfASeriesGrowsFromItsLast: it covers what comes after the last period
// that it knows, in whichever order the flag named them, and nothing before.
func TestMemoryOfASeriesGrowsFromItsLast(t *testing.T) {
	for _, order := range [][]string{{"E 2 -", "E 4 -"}, {"E 4 -", "E 2 -"}} {
		b := newBook(t).cells("E 2 -", "E 4 -")
		f := finding("f1", "K01", event.Hold, b.rev, guards(t, order...)...)
		f.Period = catalog.Date{}
		b.append(f).accept("f1").release().cells("E 3 -", "E 5 -")
		for spec, want := range map[string]gate.Verdict{"E 5 -": gate.Remember, "E 3 -": gate.Raise} {
			f := finding("f2", "K01", event.Hold, b.rev, guards(t, spec)...)
			f.Period = catalog.Date{}
			if _, got := b.s.Admit(f, day); got != want {
				t.Errorf("%v, %s: verdict %d, want %d", order, spec, got, want)
			}
		}
	}
}

// TestNineOfTenSuffice: agreement on the bound is enough.
func TestNineOfTenSuffice(t *testing.T) {
	b := newBook(t)
	draw, err := b.s.Draw(event.ProtocolDrawn{Protocol: "P", Indicator: "i1", Version: "3", Seed: "7", Rev: 1, On: day, Inside: 10, Outside: 10, Rows: "h"}, "hjarta", steward)
	if err != nil {
		t.Fatal(err)
	}
	b.append(draw)
	for agreed, want := range map[int]bool{9: true, 8: false, -1: false} {
		for _, inside := range []bool{true, false} {
			p := event.ProtocolSigned{Protocol: "P", Indicator: "i1", Version: "3", Specification: "Hf 3.1", Comparison: "KPP 2025, 2 % apart",
				InsideChecked: 10, InsideAgreed: 10, OutsideChecked: 10, OutsideAgreed: 10, Checker: "p8", On: day}
			if inside {
				p.InsideAgreed = agreed
			} else {
				p.OutsideAgreed = agreed
			}
			if _, err := b.s.Sign(p, "hjarta", steward); (err == nil) != want || err != nil && !errors.Is(err, gate.ErrIntroduction) {
				t.Errorf("%d of ten agree, inside %v: %v", agreed, inside, err)
			}
		}
	}
}

// TestTwoEventsAtOnePlace: a place in the log has one event.
func TestTwoEventsAtOnePlace(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A")
	second := b.event(event.FlagPassed{Flag: "f1", Run: "run 2", Rev: b.rev, AsOf: day})
	second.Sequence = b.events[0].Sequence
	if err := b.s.Apply(second); !errors.Is(err, gate.ErrOrder) {
		t.Errorf("a second event at place %d: %v", second.Sequence, err)
	}
}

// TestWhatWasAnsweredCanBeRejected: whoever looks again may find that the first answer
// was wrong, whichever it was.
func TestWhatWasAnsweredCanBeRejected(t *testing.T) {
	covered := func() *book {
		b := newBook(t).cells("E 1 A").raise("f0", "K09", event.Hold, "E 1 A").accept("f0").release().cells("E 1 B")
		f, _ := b.s.Admit(finding("f1", "K09", event.Hold, b.rev, guard(key("E", 1), "B")), day)
		return b.append(f)
	}
	for status, b := range map[gate.Status]*book{
		gate.Open:      newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A"),
		gate.Accepted:  newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1"),
		gate.Corrected: newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").propose("f1", "C").confirm("f1"),
		gate.Waived:    newBook(t).cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A").waive("f1"),
		gate.Covered:   covered(),
	} {
		b.is("f1", status).release().reject("f1").is("f1", gate.Rejected).release()
		if v := b.s.View(key("E", 1)); v.State != gate.HeldEmpty && v.State != gate.HeldPrevious || v.Current.Fingerprint == v.Shown.Fingerprint {
			t.Errorf("%s, then rejected: %+v", status, v)
		}
	}
}

// TestSnoozedAgain: the same words after they were taken back snooze again.
func TestSnoozedAgain(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A")
	snooze := gate.Command{Flag: "f1", Kind: event.Snooze, Until: day.AddDays(9)}
	for range 3 {
		b.decide(snooze, steward)
		if f, _ := b.s.Flag("f1"); f.Snoozed != snooze.Until {
			t.Fatalf("snoozed until %s", f.Snoozed)
		}
		b.undo("f1", steward)
	}
}
