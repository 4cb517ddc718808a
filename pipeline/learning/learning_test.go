package learning_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/learning"
)

// book is the gate of one indicator, minute by minute.
type book struct {
	t      *testing.T
	events []event.Event
	at     time.Time
}

func newBook(t *testing.T) *book { return &book{t: t, at: time.Unix(0, 0)} }

func (b *book) put(minutes int, body event.Body) *book {
	b.t.Helper()
	b.at = b.at.Add(time.Duration(minutes) * time.Minute)
	e, err := event.New(event.GateSubject("nord", "i1"), fmt.Sprint(len(b.events)), body, b.at)
	if err != nil {
		b.t.Fatal(err)
	}
	e.Sequence = uint64(len(b.events) + 1)
	b.events = append(b.events, e)
	return b
}

func (b *book) raise(flag string) *book {
	return b.put(0, event.FlagRaised{Flag: flag, Check: "T01", CheckVersion: 1, Severity: event.Hold, Indicator: "i1"})
}

func (b *book) decide(minutes int, flag, kind, batch string) *book {
	return b.put(minutes, event.DecisionMade{Decision: fmt.Sprintf("d%d", len(b.events)), Flag: flag, Kind: kind, By: "p", Batch: batch})
}

func (b *book) learn(runs ...event.RunChecked) []learning.Stat {
	b.t.Helper()
	s, err := learning.Learn([][]event.Event{b.events}, runs)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *book) one() learning.Stat {
	b.t.Helper()
	s := b.learn()
	if len(s) != 1 {
		b.t.Fatalf("%d checks, not 1: %+v", len(s), s)
	}
	return s[0]
}

func TestCounts(t *testing.T) {
	b := newBook(t)
	for i := range 6 {
		b.raise(fmt.Sprintf("f%d", i))
	}
	b.raise("f5") // again, while it is open
	b.put(10, event.FlagJudged{Flag: "f0", By: "p"})
	b.decide(4, "f0", event.RejectIt, "")                                                       // 14 minutes, 4 from the judgement
	b.decide(6, "f1", event.Accept, "")                                                         // 20 minutes
	b.put(0, event.FlagResolved{Flag: "f2", Reason: "resent"})                                  //
	b.decide(0, "f3", event.Comment, "")                                                        // decides nothing
	b.put(10, event.DecisionProposed{Decision: "p1", Flag: "f3", Kind: event.Correct, By: "p"}) // 30 minutes
	b.put(60, event.DecisionConfirmed{Decision: "p1", Flag: "f3", By: "q"})
	b.put(0, event.DecisionProposed{Decision: "p2", Flag: "f4", Kind: event.Accept, By: "p"}) // nobody confirms
	b.put(0, event.FlagRaised{Flag: "f9", Check: "T01", CheckVersion: 1, Severity: event.Hold, Indicator: "i1", Memory: "f1"})
	b.raise("f7").put(0, event.FlagResolved{Flag: "f7", Reason: "passed"})
	s := b.one()
	if s.Flags != 8 || s.Open != 2 || s.Resent != 1 || s.Passed != 1 || s.Covered != 1 || s.DecidedFlags != 3 || s.Decided != 3 || s.DataErrors != 2 {
		t.Errorf("counted %+v", s)
	}
	if *s.Precision != 2.0/3 || *s.MinutesRaised != 20 || *s.MinutesJudged != 4 {
		t.Errorf("precision %v, minutes %v and %v", *s.Precision, *s.MinutesRaised, *s.MinutesJudged)
	}
	// Wilson's interval of 2 of 3, by its formula.
	if math.Abs(*s.Low-0.20765) > 1e-4 || math.Abs(*s.High-0.93851) > 1e-4 {
		t.Errorf("interval %v to %v", *s.Low, *s.High)
	}
}

func TestABatchIsOneDecision(t *testing.T) {
	b := newBook(t)
	for i := range 40 {
		b.raise(fmt.Sprintf("f%d", i))
	}
	for i := range 40 {
		b.decide(1, fmt.Sprintf("f%d", i), event.Accept, "night")
	}
	s := b.one()
	if s.Decided != 1 || s.DecidedFlags != 40 || *s.MinutesRaised != 1 {
		t.Errorf("one batch of 40: %+v, %v minutes a flag", s, *s.MinutesRaised)
	}
	if p := learning.Proposals(b.learn()); len(p) != 0 {
		t.Errorf("one act moves a check: %+v", p)
	}
}

func TestWhatIsTakenBackOrOverruledDoesNotCount(t *testing.T) {
	b := newBook(t).raise("f1").decide(1, "f1", event.Accept, "")
	b.put(1, event.DecisionWithdrawn{Decision: "d1", Flag: "f1", By: "p"})
	if s := b.one(); s.Decided != 0 || s.Open != 1 || s.Precision != nil {
		t.Errorf("taken back: %+v", s)
	}
	b.decide(1, "f1", event.Accept, "").decide(1, "f1", event.RejectIt, "")
	if s := b.one(); s.Decided != 1 || s.DataErrors != 1 {
		t.Errorf("overruled: %+v", s)
	}
	b.raise("f1").decide(1, "f1", event.Accept, "")
	if s := b.one(); s.Flags != 2 || s.Decided != 2 || s.DataErrors != 1 {
		t.Errorf("asked anew: %+v", s)
	}
}

func TestProposals(t *testing.T) {
	for _, c := range []struct {
		errors, decided int
		severity        event.Severity
		want            string
	}{
		{5, 30, event.Hold, "demote"}, {6, 30, event.Hold, ""}, {0, 29, event.Hold, ""}, {0, 30, event.Note, ""}, {0, 30, event.Block, "demote"},
		{48, 50, event.Hold, "promote"}, {47, 50, event.Hold, ""}, {49, 49, event.Hold, ""}, {50, 50, event.Note, "promote"}, {50, 50, event.Block, ""},
	} {
		b := newBook(t)
		for i := range c.decided {
			f := fmt.Sprintf("f%d", i)
			b.put(0, event.FlagRaised{Flag: f, Check: "D04", CheckVersion: 2, Severity: c.severity, Indicator: "i1"})
			kind := event.Accept
			if i < c.errors {
				kind = event.RejectIt
			}
			b.decide(1, f, kind, "")
		}
		got := ""
		for _, p := range learning.Proposals(b.learn()) {
			got += map[bool]string{true: "promote", false: "demote"}[p.Promote]
			if p.Check != "D04" || p.Version != 2 || p.Decided != c.decided || p.DataErrors != c.errors {
				t.Errorf("%+v", p)
			}
		}
		if got != c.want {
			t.Errorf("%d of %d at %s: %q, want %q", c.errors, c.decided, c.severity, got, c.want)
		}
	}
}

func TestShadow(t *testing.T) {
	b := newBook(t).raise("f1")
	s := b.learn(event.RunChecked{Run: "r1", Shadow: map[string]int{"D04": 2, "T01": 1}}, event.RunChecked{Run: "r2", Shadow: map[string]int{"D04": 3}})
	if len(s) != 2 || s[0].Check != "D04" || s[0].Shadow != 5 || s[0].Flags != 0 || s[1].Shadow != 1 || s[1].Version != 1 {
		t.Errorf("%+v", s)
	}
}
