package gate_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// right is the command that puts the letter in the place of all that the flag
// guards.
func (b *book) right(flag, letter string) gate.Command {
	cmd := gate.Command{Flag: flag, Kind: event.Correct, Cause: gate.ExportError, Evidence: "the unit's own register"}
	for _, g := range b.s.Current(flag) {
		cmd.Corrections = append(cmd.Corrections, correction(g, letter))
	}
	return cmd
}

func (b *book) propose(flag, letter string) *book {
	b.t.Helper()
	return b.decide(b.right(flag, letter), steward)
}

func (b *book) confirm(flag string) *book {
	b.t.Helper()
	return b.decide(gate.Command{Flag: flag, Kind: gate.Confirm}, second)
}

// settle ends what the source has answered.
func (b *book) settle(agrees bool, want ...string) *book {
	b.t.Helper()
	var got []string
	for _, body := range b.s.Settled("run", b.rev, day, func(gate.Contest) bool { return agrees }) {
		b.append(body)
		switch e := body.(type) {
		case event.CorrectionRetired:
			got = append(got, e.Flag+" retired")
		case event.FlagReopened:
			got = append(got, e.Flag+" "+e.Reason)
		}
	}
	if !slices.Equal(got, want) {
		b.t.Fatalf("settled %q, want %q", got, want)
	}
	return b
}

func (b *book) undo(flag string, who gate.Actor) *book {
	b.t.Helper()
	return b.decide(gate.Command{Flag: flag, Kind: gate.Undo, At: b.now}, who)
}

func (b *book) is(flag string, want gate.Status) *book {
	b.t.Helper()
	if f, _ := b.s.Flag(flag); f.Status != want {
		b.t.Fatalf("flag %s is %s, want %s", flag, f.Status, want)
	}
	return b
}

func (b *book) hours(n int) *book {
	b.now = b.now.Add(time.Duration(n) * time.Hour)
	return b
}

// A BLOCK is corrected by two persons; what is shown has its own fingerprint.
func TestCorrectionIsShown(t *testing.T) {
	b := newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "C10", event.Block, "E 1 B").release().
		propose("f1", "C").release().sees("E 1 held_previous A f1").
		confirm("f1").is("f1", gate.Corrected).release().sees("E 1 released C! (f1 corrected)")
	k := key("E", 1)
	v := b.s.View(k)
	c, ok := b.s.Correction(k, v.Shown.Fingerprint)
	if !ok || c.By != "p1" || c.Confirmed != "p2" || c.Evidence != "the unit's own register" || c.Cause != gate.ExportError || c.Base != fp(k, "B") ||
		c.Old.Histogram != "B" || c.New.Histogram != "C" || v.Current.Fingerprint != fp(k, "B") || v.Shown.Rev != 2 {
		t.Errorf("correction %+v, view %+v", c, v)
	}
	// The same bytes again change nothing, nor does the finding about them.
	if _, verdict := b.s.Admit(finding("f1", "C10", event.Block, b.rev, guard(k, "B")), day); verdict != gate.Known {
		t.Errorf("corrected: %d", verdict)
	}
	b.release().sees("E 1 released C! (f1 corrected)")
	if got := b.s.Counts(); got.Held != 0 {
		t.Errorf("counts %+v", got)
	}
}

// Until the source sends what the correction says, or something else.
func TestSourceSendsAgain(t *testing.T) {
	start := func() *book {
		return newBook(t).cells("E 1 B", "E 2 A").raise("f1", "C10", event.Block, "E 1 B").release().propose("f1", "C").confirm("f1").release()
	}
	// The same content: nobody needs to say so.
	start().cells("E 1 C").settle(false, "f1 retired").is("f1", gate.Resolved).release().sees("E 1 released C")
	// The same numbers in other rows.
	start().cells("E 1 D").settle(true, "f1 retired").release().sees("E 1 released D")
	// Another: the flag opens again, and what was corrected is shown meanwhile.
	b := start().cells("E 1 D")
	forged := b.s.Release("run", b.rev, 1, b.rev)
	forged.Except = nil
	b.refuses(forged, gate.ErrGateViolation)
	b.release().sees("E 1 held_previous C! f1 (f1 corrected)")
	b.settle(false, "f1 conflict").is("f1", gate.Open).release().sees("E 1 held_previous C! f1 (f1 corrected)")
	// It guards the new version: a waiver or another correction ends it.
	if got := b.s.Current("f1"); len(got) != 1 || got[0] != guard(key("E", 1), "D") {
		t.Errorf("guards %v", got)
	}
	b.propose("f1", "A").confirm("f1").release().sees("E 1 released A! (f1 corrected)").
		cells("E 1 B").settle(false, "f1 conflict").release().sees("E 1 held_previous A! f1 (f1 corrected)")
	// The cell disappears: that is another thing than the correction says.
	start().cells("E 1 -").settle(true, "f1 conflict").release().sees("E 1 held_previous C! f1 (f1 corrected)")
	// What the correction replaced comes back after it was retired, and fails
	// as before.
	b = start().cells("E 1 C").settle(false, "f1 retired").release().cells("E 1 B")
	if _, verdict := b.s.Admit(finding("f1", "C10", event.Block, b.rev, guard(key("E", 1), "B")), day); verdict != gate.Raise {
		t.Errorf("after the correction was retired: %d", verdict)
	}
}

// A correction answers for all that the flag guards, or is refused.
func TestCorrectionIsWhole(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").raise("f1", "K09", event.Hold, "E 1 A", "E 2 A").release()
	part := b.right("f1", "C")
	part.Corrections = part.Corrections[:1]
	if _, err := b.s.Decide(part, steward, day); !errors.Is(err, gate.ErrCorrections) {
		t.Errorf("half a correction: %v", err)
	}
	b.propose("f1", "C").confirm("f1").release().sees("E 1 released C! (f1 corrected)", "E 2 released C! (f1 corrected)")
	// One cell is contradicted; the other stays as it was corrected.
	b.cells("E 1 B").settle(false, "f1 conflict").release().
		sees("E 1 held_previous C! f1 (f1 corrected)", "E 2 released C! (f1 corrected)")
	// The source has changed the data since the proposal.
	b = newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").propose("f1", "C").cells("E 1 B")
	if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: gate.Confirm}, second, day); !errors.Is(err, gate.ErrCorrections) {
		t.Errorf("confirmed for other data: %v", err)
	}
	// Nor can an absence be corrected, nor a rejected value come back by it.
	b = newBook(t).cells("E 1 A").release().cells("E 1 -").raise("f1", "K01", event.Hold, "E 1 -")
	if _, err := b.s.Decide(b.right("f1", "C"), steward, day); !errors.Is(err, gate.ErrCorrections) {
		t.Errorf("an absence: %v", err)
	}
	b = newBook(t).cells("E 1 A").raise("f0", "K09", event.Hold, "E 1 A").reject("f0").cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release()
	if _, err := b.s.Decide(b.right("f1", "A"), steward, day); !errors.Is(err, gate.ErrCorrections) {
		t.Errorf("a rejected value: %v", err)
	}
	b.refuses(event.DecisionProposed{Decision: "x", Flag: "f1", Kind: event.Correct, By: "p1", On: day,
		Corrections: []event.Correction{correction(guard(key("E", 1), "B"), "A")}}, gate.ErrTransition)
}

// Two flags about one version: each has its own decision, and they agree.
func TestTwoFlagsOneCorrection(t *testing.T) {
	b := newBook(t).cells("E 1 B").raise("f1", "C10", event.Block, "E 1 B").raise("f2", "T04", event.Hold, "E 1 B").release().
		propose("f1", "C").confirm("f1").release().sees("E 1 held_empty f2")
	if _, err := b.s.Decide(b.right("f2", "D"), steward, day); !errors.Is(err, gate.ErrCorrections) {
		t.Errorf("two contents of one cell: %v", err)
	}
	b.propose("f2", "C").confirm("f2").release().sees("E 1 released C! (f1 corrected)")
	// Taking one of them back hides it.
	b.undo("f2", second).sees("E 1 held_empty f2").release().sees("E 1 held_empty f2").
		accept("f2").release().sees("E 1 released C! (f1 corrected)").
		cells("E 1 C").settle(false, "f1 retired").is("f1", gate.Resolved).is("f2", gate.Accepted)
	newBook(t).cells("E 1 B").raise("f1", "C10", event.Block, "E 1 B").raise("f2", "C11", event.Block, "E 1 B").release().
		propose("f1", "C").confirm("f1").propose("f2", "C").confirm("f2").release().
		cells("E 1 D").settle(false, "f1 conflict").is("f2", gate.Resolved).release().sees("E 1 held_previous C! f1 (f1 corrected)")
}

func TestRejectingACorrection(t *testing.T) {
	newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").propose("f1", "C").confirm("f1").release().
		reject("f1").sees("E 1 held_empty f1").release().sees("E 1 held_empty f1").
		cells("E 1 C").release().sees("E 1 released C")
}

// A finding about a corrected version that nobody asked the gate about ends
// what the correction shows; and a correction cannot show what is held.
func TestCorrectionAndFlags(t *testing.T) {
	b := newBook(t).cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").propose("f1", "C").confirm("f1").release().
		sees("E 1 released C! (f1 corrected)").raise("f1", "K09", event.Hold, "E 1 B").sees("E 1 held_empty f1").
		release().sees("E 1 held_empty f1")
	if n := len(b.s.Corrections()); n != 0 {
		t.Errorf("%d corrections stand", n)
	}
	newBook(t).cells("E 1 C").raise("f0", "T04", event.Hold, "E 1 C").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release().
		propose("f1", "C").confirm("f1").release().sees("E 1 held_empty f0").accept("f0").release().sees("E 1 released C! (f0 accepted) (f1 corrected)")
	newBook(t).cells("E 1 C").raise("f0", "T04", event.Hold, "E 1 C").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").
		propose("f1", "C").confirm("f1").reject("f0").release().sees("E 1 held_empty f0")
}

// A waiver that could show nothing is refused, with what can be done instead.
func TestAShareAboveOneIsNotWaived(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "C11", event.Block, "E 1 A").release()
	_, err := b.s.Decide(gate.Command{Flag: "f1", Kind: event.Waive, Cause: gate.CodingPractice, Note: "so it is"}, steward, day)
	if !errors.Is(err, gate.ErrInvalid) || !strings.Contains(err.Error(), "correct or reject it") {
		t.Errorf("waived: %v", err)
	}
}

// What a check finds about the correction itself holds it, until the source
// sends again or two persons waive it.
func TestCorrectionUnderQuestion(t *testing.T) {
	b := newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release().
		propose("f1", "C").confirm("f1").release().sees("E 1 released C! (f1 corrected)").
		raise("f2", "C12", event.Block, "E 1 C").resolve().release().sees("E 1 held_empty f2")
	if _, verdict := b.s.Admit(finding("f2", "C12", event.Block, b.rev, guard(key("E", 1), "C")), day); verdict != gate.Known {
		t.Errorf("asked again every night: %d", verdict)
	}
	b.waive("f2").sees("E 1 released C! (f2 waived) (f1 corrected)")
	if l := b.s.Lapses("run", b.rev, day.AddDays(91)); len(l) != 1 || l[0].Flag != "f2" {
		t.Errorf("the waiver of a correction lapses as %+v", l)
	}
	newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release().
		propose("f1", "C").confirm("f1").release().raise("f2", "C12", event.Block, "E 1 C").release().
		cells("E 1 D").resolve("f2 resent").settle(false, "f1 conflict").release().sees("E 1 held_empty f1")
}

// Many small decisions about one's own unit are not less than a large one.
func TestInterestAddsUp(t *testing.T) {
	hers := gate.Actor{ID: "p3", Roles: []catalog.Role{{Role: gate.SuperUser, Units: []string{"E", "F"}}}}
	on := day
	b := newBook(t).cells("E 1 A", "E 2 A", "E 3 A", "F 1 A")
	for _, f := range []string{"E 1", "E 2", "E 3", "F 1"} {
		b.raise(f, "K09", event.Hold, f+" A")
	}
	accept := func(flag, batch string, points float64) gate.Command {
		unit, _, _ := strings.Cut(flag, " ")
		return gate.Command{Flag: flag, Kind: event.Accept, Cause: gate.TrueChange, Batch: batch, Client: "test 1", Effects: []gate.Effect{{Unit: unit, Points: points}, {Unit: "G", Points: 50}}}
	}
	give := func(cmd gate.Command, alone bool) {
		t.Helper()
		bodies, err := b.s.Decide(cmd, hers, on)
		if err != nil || len(bodies) != 1 {
			t.Fatalf("%v, %v", bodies, err)
		}
		d, is := bodies[0].(event.DecisionMade)
		if is != alone {
			t.Fatalf("%s of %+v alone: %v, want %v", cmd.Flag, cmd.Effects, is, alone)
		}
		if is && (len(d.Moves) != 1 || d.Moves[0] != event.Move(cmd.Effects[0]) || d.Role != "super_user E, F" || d.Client != "test 1") {
			t.Fatalf("decision %+v", d)
		}
		b.append(bodies[0])
	}
	give(accept("E 1", "", -3), true)
	give(accept("F 1", "", 5), true) // another unit
	give(accept("E 2", "", 2.5), false)
	if got := b.s.Interest(hers, []gate.Effect{{Unit: "E", Points: 2}, {Unit: "F", Points: 0}}, on, ""); len(got) != 0 {
		t.Errorf("three and two are five: %q", got)
	}
	// Later than an acceptance is remembered it no longer counts.
	for days, want := range map[int]int{90: 1, 91: 0} {
		if got := b.s.Interest(hers, []gate.Effect{{Unit: "E", Points: 2.5}}, on.AddDays(days), ""); len(got) != want {
			t.Errorf("after %d days: %q", days, got)
		}
	}
	// Somebody else's do not count, nor does what was taken back.
	if got := b.s.Interest(actor("p9", gate.SuperUser, "E"), []gate.Effect{{Unit: "E", Points: 2.5}}, on, ""); len(got) != 0 {
		t.Errorf("another's decisions: %q", got)
	}
	b.undo("E 1", hers)
	give(accept("E 3", "x", 2.5), true)
	give(accept("E 1", "x", 2.5), true) // one batch moves once
	if got := b.s.Interest(hers, []gate.Effect{{Unit: "E", Points: 2.5}}, on, "y"); len(got) != 0 {
		t.Errorf("a batch counts twice: %q", got)
	}
	if got := b.s.Interest(hers, []gate.Effect{{Unit: "E", Points: 2.6}}, on, "y"); len(got) != 1 {
		t.Errorf("a batch does not count: %q", got)
	}
	// A batch of which one awaits a second person does so whole.
	b = newBook(t).cells("E 1 A", "E 2 A").raise("E 1", "K09", event.Hold, "E 1 A").raise("E 2", "K09", event.Hold, "E 2 A")
	give(accept("E 1", "x", 6), false)
	give(accept("E 2", "x", 1), false)
}

// Who would accept a BLOCK is told what ends one.
func TestBlockIsNotAccepted(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A")
	_, err := b.s.Decide(gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.TrueChange, Effects: []gate.Effect{}}, steward, day)
	if !errors.Is(err, gate.ErrInvalid) || !strings.Contains(err.Error(), "ask the source to send again, or have two stewards waive it") {
		t.Errorf("refused with %v", err)
	}
}

// What a memory has covered is asked again once the memory has ended, although
// the source has sent nothing else.
func TestWhatWasCoveredIsAskedAgain(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1").release().cells("E 1 B")
	f := finding("f2", "K09", event.Hold, b.rev, guard(key("E", 1), "B"))
	covered, verdict := b.s.Admit(f, day)
	if verdict != gate.Remember {
		t.Fatal("not covered")
	}
	b.append(covered).release()
	if _, verdict := b.s.Admit(f, day.AddDays(90)); verdict != gate.Known {
		t.Errorf("on the last day: %d", verdict)
	}
	again, verdict := b.s.Admit(f, day.AddDays(91))
	if verdict != gate.Raise {
		t.Fatalf("a day later: %d", verdict)
	}
	b.append(again).is("f2", gate.Open).sees("E 1 held_empty f2")
}

// A finding at the edge goes only when it has been gone twice, and nothing that
// it had let be seen is hidden by that.
func TestCleanRuns(t *testing.T) {
	all := func(gate.Flag) bool { return true }
	pass := func(b *book, run string, want ...string) {
		t.Helper()
		var got []string
		for _, p := range b.s.Cleared(run, b.rev, day, all) {
			got = append(got, p.Flag)
			b.append(p)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("passed in %s: %q, want %q", run, got, want)
		}
	}
	b := newBook(t).cells("E 1 A", "E 2 A").release().raise("f1", "T02", event.Hold, "E 1 A").raise("f2", "C10", event.Block, "E 2 A").release().
		sees("E 1 held_empty f1")
	pass(b, "run") // it was raised in this one
	pass(b, "run 2", "f1")
	pass(b, "run 2") // judged once in a run
	b.resolve().release().sees("E 1 held_empty f1").
		refuses(event.FlagResolved{Flag: "f1", Reason: gate.Passed, Run: "run 2", Rev: b.rev}, gate.ErrGateViolation).
		refuses(event.FlagPassed{Flag: "f1", Run: "run 2", Rev: b.rev, AsOf: day}, gate.ErrTransition).
		refuses(event.FlagPassed{Flag: "f2", Run: "run 3", Rev: b.rev, AsOf: day}, gate.ErrTransition).
		refuses(event.FlagPassed{Flag: "f1", Rev: b.rev, AsOf: day}, gate.ErrTransition).
		refuses(event.FlagPassed{Flag: "f1", Run: "run 3", Rev: b.rev - 1, AsOf: day}, gate.ErrTransition)
	// Found again in between, it counts anew.
	b.raise("f1", "T02", event.Hold, "E 1 A")
	pass(b, "run 4", "f1")
	b.resolve()
	pass(b, "run 5", "f1")
	b.resolve("f1 passed").is("f1", gate.Resolved).sees("E 1 released A").release().sees("E 1 released A", "E 2 held_empty f2")
	// One that passes does not carry on what another asks, whichever is first.
	for _, ids := range [][2]string{{"f1", "f2"}, {"f2", "f1"}} {
		b = newBook(t).cells("E 1 A", "E 2 A").raise(ids[0], "T02", event.Hold, "E 1 A", "E 2 A").release().
			cells("E 1 B").raise(ids[1], "T02", event.Hold, "E 1 B").release()
		only := func(f gate.Flag) bool { return f.FlagRaised.Flag == ids[1] }
		for _, run := range []string{"run 2", "run 3"} {
			for _, p := range b.s.Cleared(run, b.rev, day, only) {
				b.append(p)
			}
		}
		b.cells("E 2 B")
		for _, r := range b.s.Resolutions("run 3", b.rev) {
			b.append(r)
		}
		b.is(ids[0], gate.Resolved).is(ids[1], gate.Resolved).release().sees("E 1 released B", "E 2 released B")
	}
	// What the source has replaced is closed by that, at once.
	b = newBook(t).cells("E 1 A").raise("f1", "T02", event.Hold, "E 1 A").release().cells("E 1 B")
	pass(b, "run 2")
	b.resolve("f1 resent").release().sees("E 1 released B")
}

// A flag is given to somebody, and gets evidence: neither decides anything.
func TestAssignAndAttach(t *testing.T) {
	hers := actor("p3", gate.SuperUser, "E")
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").release()
	f, _ := b.s.Flag("f1")
	version := f.Version
	b.decide(gate.Command{Flag: "f1", Kind: gate.Assign, To: "p3", Note: "you know the unit"}, steward)
	if bodies, err := b.s.Decide(gate.Command{Flag: "f1", Kind: gate.Assign, To: "p3"}, steward, day); err != nil || bodies != nil {
		t.Errorf("assigned twice: %v, %v", bodies, err)
	}
	b.decide(gate.Command{Flag: "f1", Kind: gate.Attach, Note: " the log book says 13 "}, actor("p6", gate.SourceOperator, "E"))
	link := gate.Command{Flag: "f1", Kind: gate.Attach, Link: "https://archive/12", SHA256: strings.Repeat("AB", 32), Client: "test 1"}
	b.decide(link, hers)
	if bodies, err := b.s.Decide(link, hers, day); err != nil || bodies != nil {
		t.Errorf("attached twice: %v, %v", bodies, err)
	}
	f, _ = b.s.Flag("f1")
	if f.Status != gate.Open || f.Version != version || f.Assigned != "p3" || len(f.Evidence) != 2 || f.Evidence[0].Text != "the log book says 13" ||
		len(f.Evidence[0].SHA256) != 64 || f.Evidence[1].SHA256 != strings.Repeat("ab", 32) || f.Evidence[1].Role != "super_user E" || f.Evidence[1].Client != "test 1" {
		t.Errorf("flag %+v", f)
	}
	for name, c := range map[string]struct {
		cmd  gate.Command
		who  gate.Actor
		want error
	}{
		"nothing":           {gate.Command{Kind: gate.Attach}, steward, gate.ErrInvalid},
		"a link alone":      {gate.Command{Kind: gate.Attach, Link: "x"}, steward, gate.ErrInvalid},
		"another's hash":    {gate.Command{Kind: gate.Attach, Note: "n", SHA256: strings.Repeat("ab", 32)}, steward, gate.ErrInvalid},
		"no hash":           {gate.Command{Kind: gate.Attach, Link: "x", SHA256: strings.Repeat("xy", 32)}, steward, gate.ErrInvalid},
		"another's unit":    {gate.Command{Kind: gate.Attach, Note: "n"}, actor("p7", gate.SuperUser, "F"), gate.ErrForbidden},
		"the source":        {gate.Command{Kind: gate.Assign, To: "p3"}, actor("p6", gate.SourceOperator, "E"), gate.ErrForbidden},
		"an administrator":  {gate.Command{Kind: gate.Assign, To: "p3"}, actor("p6", gate.Administrator), gate.ErrForbidden},
		"a viewer attaches": {gate.Command{Kind: gate.Attach, Note: "n"}, actor("p6", gate.Viewer), gate.ErrForbidden},
	} {
		c.cmd.Flag = "f1"
		if _, err := b.s.Decide(c.cmd, c.who, day); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.refuses(event.EvidenceAttached{Evidence: "x", Flag: "f1", By: "p1", On: day, Text: "n", SHA256: strings.Repeat("ab", 32)}, gate.ErrTransition)
	b.refuses(event.EvidenceAttached{Evidence: "x", Flag: "f1", By: "p1", On: day, SHA256: strings.Repeat("ab", 32)}, gate.ErrTransition)
	b.refuses(event.FlagAssigned{Flag: "f1", To: "p3", On: day}, gate.ErrTransition)
	b.decide(gate.Command{Flag: "f1", Kind: gate.Assign}, hers)
	if f, _ = b.s.Flag("f1"); f.Assigned != "" {
		t.Errorf("given back, and still that of %s", f.Assigned)
	}
	b.accept("f1").decide(gate.Command{Flag: "f1", Kind: gate.Attach, Note: "later"}, hers).is("f1", gate.Accepted)
	b.refuses(event.FlagAssigned{Flag: "f1", To: "p3", By: "p1", On: day}, gate.ErrTransition)
	if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: gate.Assign, To: "p3"}, steward, day); !errors.Is(err, gate.ErrClosed) {
		t.Errorf("a closed flag is assigned: %v", err)
	}
}

// Who was given a question is given it again when it is asked about newer versions;
// another question, or one that somebody has, is not hers.
func TestAssignmentFollowsTheQuestion(t *testing.T) {
	b := newBook(t).cells("E 1 A", "F 1 A").raise("f1", "K09", event.Hold, "E 1 A").raise("f2", "K09", event.Hold, "F 1 A").release()
	b.decide(gate.Command{Flag: "f1", Kind: gate.Assign, To: "p3"}, steward)
	b.cells("E 1 B", "F 1 B").raise("f3", "K09", event.Hold, "E 1 B").raise("f4", "T02", event.Hold, "E 1 B").raise("f5", "K09", event.Hold, "F 1 B")
	f, _ := b.s.Flag("f3")
	over := b.s.Handovers(f.Run, f.Rev, day)
	if len(over) != 1 || over[0].Flag != "f3" || over[0].To != "p3" || over[0].By != steward.ID || over[0].On != day {
		t.Fatalf("handed over: %+v", over)
	}
	if again := b.s.Handovers("another run", f.Rev, day); len(again) > 0 {
		t.Errorf("flags of another run are handed over: %+v", again)
	}
	b.append(over[0])
	if again := b.s.Handovers(f.Run, f.Rev, day); len(again) > 0 {
		t.Errorf("handed over twice: %+v", again)
	}
	b.resolve("f1 covered", "f2 covered").release()
	for flag, want := range map[string]string{"f3": "p3", "f4": "", "f5": ""} {
		if f, _ := b.s.Flag(flag); f.Assigned != want {
			t.Errorf("%s is given to %q, not %q", flag, f.Assigned, want)
		}
	}
	// What the source has put right is nobody's any more.
	b = newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").release()
	b.decide(gate.Command{Flag: "f1", Kind: gate.Assign, To: "p3"}, steward).cells("E 1 B").raise("f2", "T02", event.Hold, "E 1 B")
	f, _ = b.s.Flag("f2")
	if over := b.s.Handovers(f.Run, f.Rev, day); len(over) > 0 {
		t.Errorf("another check's question is handed over: %+v", over)
	}
}

// A version is in doubt from when it is questioned until somebody has answered in its
// favour, or its check no longer finds it.
func TestDoubted(t *testing.T) {
	doubted := func(b *book, spec string) bool {
		g := guards(t, spec)[0]
		return b.s.Doubted(g.Key("nord", "i1"), g.Fingerprint)
	}
	b := newBook(t).cells("E 1 A", "F 1 A")
	if doubted(b, "E 1 A") {
		t.Error("a version that nobody asked about")
	}
	b.raise("f1", "T02", event.Hold, "E 1 A").raise("f2", "C11", event.Note, "F 1 A").release()
	if !doubted(b, "E 1 A") || doubted(b, "F 1 A") {
		t.Error("a hold puts in doubt, a remark does not")
	}
	f, _ := b.s.Flag("f1")
	if !b.s.Doubts(f.Run, []string{"T02"}) || b.s.Doubts(f.Run, []string{"C11", "K10"}) || b.s.Doubts("another run", []string{"T02"}) {
		t.Error("what a run brought is in doubt by its holds")
	}
	b.cells("E 1 B").resolve("f1 resent").release()
	if !doubted(b, "E 1 A") || doubted(b, "E 1 B") {
		t.Error("what was put right stays in doubt, what put it right is not")
	}
	b = newBook(t).cells("E 1 A").raise("f1", "T02", event.Hold, "E 1 A").release().accept("f1").release()
	if doubted(b, "E 1 A") {
		t.Error("an accepted version")
	}
	b.reject("f1").release()
	if !doubted(b, "E 1 A") {
		t.Error("a rejected version")
	}
}

// A refusal ends the proposal, and the words of the refused are a new proposal.
func TestRefusal(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A").propose("f1", "C")
	refuse := gate.Command{Flag: "f1", Kind: gate.Refuse, Note: "the register says otherwise"}
	if _, err := b.s.Decide(refuse, steward, day); !errors.Is(err, gate.ErrFourEyes) {
		t.Errorf("refused by the proposer: %v", err)
	}
	f, _ := b.s.Flag("f1")
	b.refuses(event.DecisionRefused{Decision: f.Proposals[0].Decision, Flag: "f1", By: "p1", On: day}, gate.ErrFourEyes)
	b.decide(refuse, second).is("f1", gate.Open)
	b.refuses(event.DecisionConfirmed{Decision: f.Proposals[0].Decision, Flag: "f1", By: "p2", On: day}, gate.ErrTransition)
	b.propose("f1", "C")
	if g, _ := b.s.Flag("f1"); len(g.Proposals) != 1 || g.Proposals[0].Decision == f.Proposals[0].Decision {
		t.Errorf("proposals %+v", g.Proposals)
	}
	// The proposer takes back what nobody has answered yet.
	b.undo("f1", steward)
	if g, _ := b.s.Flag("f1"); len(g.Proposals) != 0 || g.Status != gate.Open {
		t.Errorf("flag %+v", g)
	}
}

func TestUndo(t *testing.T) {
	// An acceptance: the flag is open again, and with it what its memory covered.
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1").release().cells("E 1 B")
	f := finding("f2", "K09", event.Hold, b.rev, guard(key("E", 1), "B"))
	f, verdict := b.s.Admit(f, day)
	if verdict != gate.Remember {
		t.Fatal("not covered")
	}
	b.append(f).release().sees("E 1 released B (f2 covered)").hours(24).
		undo("f1", steward).is("f1", gate.Open).is("f2", gate.Open).sees("E 1 held_empty f2").release().sees("E 1 held_empty f2").
		accept("f2").release().sees("E 1 released B (f2 accepted)")
	if len(b.s.Memories()) != 1 {
		t.Errorf("memories %+v", b.s.Memories())
	}
	// A rejection: nothing comes back by itself.
	newBook(t).cells("E 1 A").release().raise("f1", "K09", event.Hold, "E 1 A").reject("f1").release().sees("E 1 held_empty f1").
		undo("f1", steward).release().sees("E 1 held_empty f1").accept("f1").release().sees("E 1 released A (f1 accepted)")
	// One of two rejections of the same version.
	newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").raise("f2", "T04", event.Hold, "E 1 A").reject("f1").reject("f2").
		undo("f1", steward).accept("f1").release().sees("E 1 held_empty f2")
	// A waiver, a correction and a snooze.
	newBook(t).cells("E 1 A").raise("f1", "C10", event.Block, "E 1 A").
		decide(gate.Command{Flag: "f1", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, steward).confirm("f1").release().
		sees("E 1 released A (f1 waived)").undo("f1", second).release().sees("E 1 held_empty f1").
		propose("f1", "C").confirm("f1").release().sees("E 1 released C! (f1 corrected)").
		undo("f1", steward).sees("E 1 held_empty f1").release().sees("E 1 held_empty f1")
	b = newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").
		decide(gate.Command{Flag: "f1", Kind: event.Snooze, Until: day.AddDays(9)}, steward).undo("f1", steward)
	if f, _ := b.s.Flag("f1"); !f.Snoozed.IsZero() {
		t.Errorf("flag %+v", f)
	}
	// The same words afterwards are a new decision; taking back twice is once.
	b.accept("f1").undo("f1", steward).accept("f1").is("f1", gate.Accepted)
	f1, _ := b.s.Flag("f1")
	again := gate.Command{Flag: "f1", Kind: gate.Undo, Decision: f1.Decisions[1].Decision, At: b.now}
	if bodies, err := b.s.Decide(again, steward, day); err != nil || bodies != nil {
		t.Errorf("taken back twice: %v, %v", bodies, err)
	}
	// A day later it is too late, for the command and for the log.
	b.hours(24).refuses(event.DecisionWithdrawn{Decision: "none", Flag: "f1", By: "p1", On: day}, gate.ErrTransition)
	late := event.DecisionWithdrawn{Decision: f1.Decisions[2].Decision, Flag: "f1", By: "p1", On: day}
	b.now = b.now.Add(time.Second)
	b.refuses(late, gate.ErrTransition)
	// What no longer holds cannot be taken back.
	b = newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1")
	f1, _ = b.s.Flag("f1")
	b.reject("f1")
	if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: gate.Undo, Decision: f1.Decisions[0].Decision, At: b.now}, steward, day); !errors.Is(err, gate.ErrClosed) {
		t.Errorf("overruled already: %v", err)
	}
}

// What was shown before the decision is shown again, marked; what was withdrawn
// or replaced under question since is not.
func TestUndoShowsTheReleaseBefore(t *testing.T) {
	start := func() *book {
		return newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").release().sees("E 1 held_previous A f1")
	}
	// An acceptance, and the way on from there.
	b := start().accept("f1").release().sees("E 1 released B (f1 accepted)").
		undo("f1", steward).sees("E 1 held_previous A f1").release().sees("E 1 held_previous A f1")
	b.accept("f1").release().sees("E 1 released B (f1 accepted)").undo("f1", steward).reject("f1").release().sees("E 1 held_previous A f1").
		cells("E 1 C").release().sees("E 1 released C")
	// Nobody had seen it yet.
	start().accept("f1").undo("f1", steward).release().sees("E 1 held_previous A f1")
	// What its memory covered is taken back with it, as far as both go.
	b = start().accept("f1").release().cells("E 1 C")
	f, verdict := b.s.Admit(finding("f2", "K09", event.Hold, b.rev, guard(key("E", 1), "C")), day)
	if verdict != gate.Remember {
		t.Fatal("not covered")
	}
	b.append(f).release().sees("E 1 released C (f2 covered)").undo("f1", steward).release().sees("E 1 held_previous A f2")
	// A waiver and a correction.
	b = newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "C10", event.Block, "E 1 B").release().
		decide(gate.Command{Flag: "f1", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, steward).confirm("f1").release().
		sees("E 1 released B (f1 waived)").undo("f1", second).release().sees("E 1 held_previous A f1").
		propose("f1", "C").confirm("f1").release().sees("E 1 released C! (f1 corrected)").
		undo("f1", steward).sees("E 1 held_previous A f1").release().sees("E 1 held_previous A f1")
	// The correction that was taken back does not come back by another undo.
	b.waive("f1").undo("f1", steward).release().sees("E 1 held_previous A f1")
	// The release before has been withdrawn meanwhile, or questioned, or was
	// under question when its source replaced it.
	start().accept("f1").release().raise("f0", "C11", event.Note, "E 1 A").reject("f0").undo("f1", steward).release().sees("E 1 held_empty f1")
	start().accept("f1").release().raise("f0", "T04", event.Hold, "E 1 A").undo("f1", steward).release().sees("E 1 held_empty f1")
	newBook(t).cells("E 1 A").release().raise("f0", "T04", event.Hold, "E 1 A").cells("E 1 B").raise("f1", "K09", event.Hold, "E 1 B").
		accept("f1").resolve("f0 resent").release().undo("f1", steward).release().sees("E 1 held_empty f1")
	// Something newer is shown that the decision had no part in.
	start().accept("f1").release().cells("E 1 C").release().undo("f1", steward).release().sees("E 1 released C")
}

// waive waives a BLOCK, by two persons, and releases.
func (b *book) waive(flag string) *book {
	b.t.Helper()
	return b.decide(gate.Command{Flag: flag, Kind: event.Waive, Cause: gate.FalseAlarm, Note: "again"}, steward).confirm(flag).release()
}

// A rejection that takes an acceptance's memory with it asks again what that
// memory covered.
func TestOverruledMemory(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1").release().cells("E 1 B")
	f, _ := b.s.Admit(finding("f2", "K09", event.Hold, b.rev, guard(key("E", 1), "B")), day)
	b.append(f).release().sees("E 1 released B (f2 covered)").
		reject("f1").is("f2", gate.Open).release().sees("E 1 held_empty f2")
	// Where an earlier release has not asked, the next night does.
	b = newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").accept("f1").release().cells("E 1 B")
	f, _ = b.s.Admit(finding("f2", "K09", event.Hold, b.rev, guard(key("E", 1), "B")), day)
	b.append(f).release().append(event.DecisionMade{Decision: "old", Flag: "f1", Kind: event.RejectIt, By: "p1", Cause: gate.Unknown, On: day}).
		release().sees("E 1 released B (f2 covered)")
	for _, l := range b.s.Lapses("run", b.rev, day) {
		b.append(l)
	}
	b.is("f2", gate.Open).release().sees("E 1 held_empty f2")
}

func TestWaiverExpires(t *testing.T) {
	b := newBook(t).cells("E 1 A", "E 2 A").raise("f1", "C10", event.Block, "E 1 A").raise("f2", "C10", event.Block, "E 2 A").
		decide(gate.Command{Flag: "f1", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, steward).confirm("f1").
		decide(gate.Command{Flag: "f2", Kind: event.Waive, Cause: gate.FalseAlarm, Note: "n"}, steward).confirm("f2").release().cells("E 2 B").release()
	if got := b.s.Lapses("run", b.rev, day.AddDays(90)); len(got) != 0 {
		t.Errorf("on the last day: %+v", got)
	}
	got := b.s.Lapses("run", b.rev, day.AddDays(91))
	if len(got) != 1 || got[0].Flag != "f1" || got[0].Reason != gate.Expired {
		t.Fatalf("after the last day: %+v", got)
	}
	early := got[0]
	early.AsOf = day.AddDays(90)
	b.refuses(early, gate.ErrTransition)
	b.append(got[0]).release().sees("E 1 held_empty f1", "E 2 released B")
}

func TestWaitingForTheSource(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A")
	days := func(from, to catalog.Date) int { return int(to.Days() - from.Days()) }
	on := func(n int, cmd gate.Command, who gate.Actor) {
		t.Helper()
		bodies, err := b.s.Decide(cmd, who, day.AddDays(n))
		if err != nil {
			t.Fatal(err)
		}
		b.append(bodies[0])
	}
	flag := func() gate.Flag { f, _ := b.s.Flag("f1"); return f }
	on(2, gate.Command{Flag: "f1", Kind: event.Comment, Note: "is this the old code?"}, steward)
	on(3, gate.Command{Flag: "f1", Kind: event.Comment, Note: "and since when?"}, steward)
	f := flag()
	if r, s := f.Days(day, day.AddDays(5), days); !f.Waiting() || r != 2 || s != 3 {
		t.Errorf("waiting: %d and %d days, %v", r, s, f.Waits)
	}
	on(6, gate.Command{Flag: "f1", Kind: event.Answer, Note: "since March"}, actor("p6", gate.SourceOperator))
	f = flag()
	if r, s := f.Days(day, day.AddDays(10), days); f.Waiting() || r != 6 || s != 4 {
		t.Errorf("answered: %d and %d days, %v", r, s, f.Waits)
	}
	on(7, gate.Command{Flag: "f1", Kind: event.Comment, Note: "and this?"}, steward)
	on(9, gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.TrueChange, Effects: []gate.Effect{}}, steward)
	f = flag()
	if r, s := f.Days(day.AddDays(3), day.AddDays(10), days); f.Waiting() || r != 2 || s != 5 {
		t.Errorf("decided: %d and %d days, %v", r, s, f.Waits)
	}
	b.sees("E 1 waiting").release().sees("E 1 released A (f1 accepted)")
}

// Who answers for a unit does not alone accept what moves its values.
func TestInterest(t *testing.T) {
	hers := actor("p5", gate.SuperUser, "E")
	both := gate.Actor{ID: "p7", Roles: []catalog.Role{{Role: gate.RegionSteward}, {Role: gate.SuperUser, Units: []string{"E"}}}}
	for name, c := range map[string]struct {
		who     gate.Actor
		effects []gate.Effect
		alone   bool
	}{
		"five points":            {hers, []gate.Effect{{Unit: "E", Points: 5}}, true},
		"more":                   {hers, []gate.Effect{{Unit: "E", Points: 5.01}}, false},
		"more, down":             {hers, []gate.Effect{{Unit: "E", Points: -5.01}}, false},
		"unlimited":              {hers, []gate.Effect{{Unit: "E", Points: math.Inf(1)}}, false},
		"another's unit":         {hers, []gate.Effect{{Unit: "F", Points: 50}}, true},
		"nothing":                {hers, []gate.Effect{}, true},
		"nobody knows":           {hers, nil, false},
		"a steward":              {steward, []gate.Effect{{Unit: "E", Points: 50}}, true},
		"a steward, unknown":     {steward, nil, true},
		"a steward with a unit":  {both, []gate.Effect{{Unit: "E", Points: 50}}, false},
		"a super-user of it all": {actor("p5", gate.SuperUser), []gate.Effect{{Unit: "E", Points: 6}}, false},
	} {
		b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A").
			decide(gate.Command{Flag: "f1", Kind: event.Accept, Cause: gate.TrueChange, Effects: c.effects}, c.who).release()
		if c.alone {
			b.sees("E 1 released A (f1 accepted)")
			continue
		}
		if f, _ := b.s.Flag("f1"); len(f.Proposals) != 1 || f.Proposals[0].Kind != event.Accept || f.Proposals[0].High != 100 {
			t.Errorf("%s: %+v", name, f)
		}
		b.sees("E 1 held_empty f1")
		if _, err := b.s.Decide(gate.Command{Flag: "f1", Kind: gate.Confirm}, c.who, day); err == nil {
			t.Errorf("%s: confirmed by the proposer", name)
		}
		b.confirm("f1").release().sees("E 1 released A (f1 accepted)")
		if m := b.s.Memories(); len(m) != 1 || m[0].Until != day.AddDays(gate.MemoryDays) {
			t.Errorf("%s: memories %+v", name, m)
		}
	}
}

// The judgement comes before the effect, by the same person.
func TestJudgementComesFirst(t *testing.T) {
	b := newBook(t).cells("E 1 A").raise("f1", "K09", event.Hold, "E 1 A")
	if _, err := b.s.Viewing("f1", event.Accept, steward, day); !errors.Is(err, gate.ErrJudgeFirst) {
		t.Errorf("shown before judging: %v", err)
	}
	judge := gate.Command{Flag: "f1", Kind: gate.Judge, Cause: gate.TrueChange, Evidence: "the new clinic opened"}
	b.decide(judge, second)
	if _, err := b.s.Viewing("f1", event.Accept, steward, day); !errors.Is(err, gate.ErrJudgeFirst) {
		t.Errorf("shown after another's judgement: %v", err)
	}
	b.decide(judge, steward)
	v, err := b.s.Viewing("f1", event.Accept, steward, day)
	if err != nil || v.Judgement == "" {
		t.Fatalf("%+v, %v", v, err)
	}
	if f, _ := b.s.Flag("f1"); f.Version != 1 {
		t.Error("a judgement makes what others have read stale")
	}
	b.append(v).decide(judge, steward)
	forged := v
	forged.By = "p9"
	b.refuses(forged, gate.ErrGateViolation)
	for kind, want := range map[string]error{event.Waive: nil, event.Comment: gate.ErrInvalid} {
		if _, err := b.s.Viewing("f1", kind, steward, day); !errors.Is(err, want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if _, err := b.s.Viewing("f1", event.Accept, actor("p5", gate.Auditor), day); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("an auditor: %v", err)
	}
	// A question that comes back is judged anew.
	b.accept("f1").undo("f1", steward)
	if _, err := b.s.Viewing("f1", event.Accept, steward, day); !errors.Is(err, gate.ErrJudgeFirst) {
		t.Errorf("judged in an earlier opening: %v", err)
	}
}

// inside tells, by the definition alone, whether a unit lies in a part.
func inside(unit string, part []string, parents map[string]string) bool {
	for u := unit; u != ""; u = parents[u] {
		if slices.Contains(part, u) {
			return true
		}
	}
	return len(part) == 0
}

// Nobody reads or does anything outside her organisation, whatever her roles.
func TestNobodyReachesOut(t *testing.T) {
	parents := map[string]string{"H1": "R", "H2": "R", "E": "H1", "F": "H1", "G": "H2"}
	var units []catalog.Unit
	for _, u := range []string{"R", "H1", "H2", "E", "F", "G"} {
		unit := catalog.Unit{ID: u}
		if parents[u] != "" {
			unit.Parents = []catalog.Parent{{Unit: parents[u]}}
		}
		units = append(units, unit)
	}
	ids := []string{"R", "H1", "H2", "E", "F", "G"}
	registries := []string{"hjarta", "hofte"}
	all := []string{gate.Viewer, gate.SuperUser, gate.RegionSteward, gate.NationalSteward, gate.Auditor, gate.SourceOperator, gate.Administrator}
	kinds := append(gate.Kinds(), gate.Bulk, gate.Introduce, gate.Affirm, "bless")
	done, read := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var roles []catalog.Role
		for range rapid.IntRange(0, 3).Draw(t, "roles") {
			roles = append(roles, catalog.Role{Role: rapid.SampledFrom(all).Draw(t, "role"),
				Units:      rapid.SliceOfNDistinct(rapid.SampledFrom(ids), 0, 2, rapid.ID[string]).Draw(t, "units"),
				Registries: rapid.SliceOfNDistinct(rapid.SampledFrom(registries), 0, 1, rapid.ID[string]).Draw(t, "registries")})
		}
		who := gate.NewActor(catalog.Person{ID: "p", Roles: roles}, units, day)
		about := rapid.SliceOfNDistinct(rapid.SampledFrom(append(ids, "")), 1, 3, rapid.ID[string]).Draw(t, "about")
		of := rapid.SliceOfNDistinct(rapid.SampledFrom(registries), 1, 2, rapid.ID[string]).Draw(t, "of")
		within := func(r catalog.Role) bool {
			for _, reg := range of {
				if len(r.Registries) > 0 && !slices.Contains(r.Registries, reg) {
					return false
				}
			}
			for _, u := range about {
				if !inside(u, r.Units, parents) {
					return false
				}
			}
			return true
		}
		has := func(names ...string) bool {
			return slices.ContainsFunc(roles, func(r catalog.Role) bool { return slices.Contains(names, r.Role) && within(r) })
		}
		admin := slices.ContainsFunc(roles, func(r catalog.Role) bool { return r.Role == gate.Administrator })
		for _, kind := range kinds {
			may := false
			switch kind {
			case event.Waive, gate.Confirm, gate.Refuse, gate.Bulk, gate.Introduce:
				may = has(gate.RegionSteward, gate.NationalSteward)
			case event.Answer, gate.Attach:
				may = has(gate.SourceOperator, gate.SuperUser, gate.RegionSteward, gate.NationalSteward)
			case "bless":
			default:
				may = has(gate.SuperUser, gate.RegionSteward, gate.NationalSteward)
			}
			if got := gate.Allowed(who, kind, of, about) == nil; got != (may && !admin) {
				t.Fatalf("%v may %s about %v of %v: %v", roles, kind, about, of, got)
			} else if got {
				done++
			}
		}
		for matter, names := range map[gate.Matter][]string{
			gate.OfCell:     {gate.Viewer, gate.SuperUser, gate.RegionSteward, gate.NationalSteward, gate.Auditor},
			gate.OfFlag:     {gate.Viewer, gate.SuperUser, gate.RegionSteward, gate.NationalSteward, gate.Auditor, gate.SourceOperator},
			gate.OfDelivery: {gate.Viewer, gate.SuperUser, gate.RegionSteward, gate.NationalSteward, gate.Auditor, gate.SourceOperator},
			gate.OfIncident: {gate.Viewer, gate.SuperUser, gate.RegionSteward, gate.NationalSteward, gate.Auditor, gate.SourceOperator},
			gate.OfEvent:    {gate.RegionSteward, gate.NationalSteward, gate.Auditor},
			"secret":        nil,
		} {
			err := gate.Reads(who, matter, of, about)
			if got := err == nil; got != has(names...) || err != nil && !errors.Is(err, gate.ErrForbidden) {
				t.Fatalf("%v reads a %s about %v of %v: %v", roles, matter, about, of, err)
			} else if got {
				read++
			}
		}
	})
	if done == 0 || read == 0 {
		t.Errorf("%d commands and %d readings were allowed", done, read)
	}
}

func TestReadingFlagsAndDeliveries(t *testing.T) {
	hers := actor("p5", gate.SuperUser, "E")
	f := gate.Flag{FlagRaised: finding("f1", "K09", event.Hold, 1, guards(t, "E 1 A")...)}
	if err := gate.ReadsFlag(hers, f, "hjarta"); err != nil {
		t.Error(err)
	}
	f.Also = guards(t, "F 1 A")
	if err := gate.ReadsFlag(hers, f, "hjarta"); !errors.Is(err, gate.ErrForbidden) || !strings.Contains(err.Error(), "F") {
		t.Errorf("a flag that guards another's cell too: %v", err)
	}
	feed := &catalog.Feed{Registry: "hjarta"}
	if err := gate.ReadsDelivery(hers, feed); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("a delivery of all units: %v", err)
	}
	feed.Schedule.Roster = []string{"E"}
	if err := gate.ReadsDelivery(hers, feed); err != nil {
		t.Error(err)
	}
	if err := gate.ReadsCell(actor("p6", gate.SourceOperator), "hjarta", "E"); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("a source operator reads a cell: %v", err)
	}
}

func TestAgrees(t *testing.T) {
	c := event.Content{Rows: 3, Numerator: cell.FixedOf(1), Denominator: cell.FixedOf(3)}
	same := cell.Content{Rows: 9, Rejected: 2, Numerator: cell.FixedOf(1), Denominator: cell.FixedOf(3)}
	if !gate.Agrees(c, same) {
		t.Error("the same numbers in other rows differ")
	}
	same.Numerator = cell.FixedOf(2)
	if gate.Agrees(c, same) {
		t.Error("other numbers agree")
	}
}

func TestIntroductionProtocol(t *testing.T) {
	ind := &catalog.Indicator{ID: "i1", Versions: []catalog.Version{
		{ID: "1"}, {ID: "2", From: catalog.NewDate(2024, 1, 1), Comparable: true}, {ID: "3", From: catalog.NewDate(2025, 1, 1)}, {ID: "4", From: catalog.NewDate(2026, 1, 1), Comparable: true}},
		Introduction: catalog.Introduction{PilotUnits: []string{"H"}}}
	b := newBook(t)
	shown := func(want string) {
		t.Helper()
		var got string
		for _, v := range ind.Versions {
			if b.s.Introduced(ind, v.ID) {
				got += v.ID
			}
		}
		if got != want {
			t.Errorf("introduced %q, want %q", got, want)
		}
	}
	shown("")
	ind.Introduction.Signed = catalog.NewDate(2023, 6, 1)
	shown("12")
	ind.Introduction.Signed = catalog.NewDate(2025, 6, 1)
	shown("1234")
	ind.Introduction = catalog.Introduction{}
	shown("1234")
	ind.Introduction = catalog.Introduction{Signed: catalog.NewDate(2023, 6, 1), PilotUnits: []string{"H"}}

	drawn := event.ProtocolDrawn{Protocol: "P", Indicator: "i1", Version: "3", Seed: "7", Rev: 1, On: day, Inside: 10, Outside: 10, Rows: "h"}
	if _, err := b.s.Draw(drawn, "hjarta", actor("p5", gate.SuperUser)); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("drawn by a super-user: %v", err)
	}
	draw, err := b.s.Draw(drawn, "hjarta", steward)
	if err != nil {
		t.Fatal(err)
	}
	good := event.ProtocolSigned{Protocol: "P", Indicator: "i1", Version: "3", Specification: "Hf 3.1", Comparison: "KPP 2025, 2 % apart",
		InsideChecked: 10, InsideAgreed: 10, OutsideChecked: 10, OutsideAgreed: 10, Checker: "p8", On: day}
	if _, err := b.s.Sign(good, "hjarta", steward); !errors.Is(err, gate.ErrIntroduction) {
		t.Errorf("signed before a sample was drawn: %v", err)
	}
	b.append(draw)
	shown("12")
	for name, change := range map[string]func(*event.ProtocolSigned){
		"another sample":         func(p *event.ProtocolSigned) { p.Protocol = "Q" },
		"no specification":       func(p *event.ProtocolSigned) { p.Specification = " " },
		"no comparison":          func(p *event.ProtocolSigned) { p.Comparison = "" },
		"no checker":             func(p *event.ProtocolSigned) { p.Checker = "" },
		"nothing outside":        func(p *event.ProtocolSigned) { p.OutsideChecked, p.OutsideAgreed = 0, 0 },
		"more than drawn":        func(p *event.ProtocolSigned) { p.InsideChecked = 11 },
		"more than checked":      func(p *event.ProtocolSigned) { p.InsideAgreed = 11 },
		"eight of ten, one side": func(p *event.ProtocolSigned) { p.OutsideAgreed = 8 },
	} {
		p := good
		change(&p)
		if _, err := b.s.Sign(p, "hjarta", steward); !errors.Is(err, gate.ErrIntroduction) {
			t.Errorf("%s: %v", name, err)
		}
	}
	signed, err := b.s.Sign(good, "hjarta", steward)
	if err != nil {
		t.Fatal(err)
	}
	// Twenty of twenty: Wilson's lower bound is 83.9 %, and it says so.
	if signed.Level != "smoke_check" || math.Abs(signed.Low-0.8389) > 1e-4 || signed.High != 1 || signed.By != "p1" {
		t.Errorf("signed %+v", signed)
	}
	forged := signed
	forged.Level = "sample"
	b.refuses(forged, gate.ErrTransition)
	b.append(signed)
	shown("123")
	revoked, err := b.s.Revoke(event.ProtocolRevoked{Indicator: "i1", Version: "2", Note: "the code list was wrong", On: day}, "hjarta", second)
	if err != nil {
		t.Fatal(err)
	}
	b.append(revoked)
	shown("13")
	below := func(unit, above string) bool { return unit == "E" && above == "H" }
	if !gate.Pilot(ind, "H", below) || !gate.Pilot(ind, "E", below) || gate.Pilot(ind, "F", below) {
		t.Error("pilot units")
	}
}

// What a person has rejected holds for later versions that still fail: nobody is
// asked again, nothing of it is shown, and taking the rejection back asks about
// the newest version too.
func TestARejectionHoldsWhileItFails(t *testing.T) {
	b := newBook(t).cells("E 1 A").release().cells("E 1 B").raise("f1", "T02", event.Hold, "E 1 B").reject("f1").release().cells("E 1 C")
	f, verdict := b.s.Admit(finding("f2", "T02", event.Hold, b.rev, guard(key("E", 1), "C")), day)
	if verdict != gate.Remember || f.Memory != "f1" {
		t.Fatalf("asked again: %d, memory of %q", verdict, f.Memory)
	}
	b.append(f).release().is("f2", gate.Rejected).sees("E 1 held_previous A f2")
	if n := b.s.Counts().Open[event.Hold]; n != 0 {
		t.Errorf("%d flags are open", n)
	}
	b.undo("f1", steward).is("f1", gate.Open).is("f2", gate.Open)
}
