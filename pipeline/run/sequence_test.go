package run_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// numbered is an accepted delivery of feed f that counts from 1 on.
func (l *ledger) numbered(id, raw string, n int64, asOf catalog.Date) {
	l.t.Helper()
	l.apply(event.DeliveryReceived{Delivery: id, Feed: "f", Registry: "reg", Raw: raw, Place: fmt.Sprint(n)})
	l.apply(event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: "delta", AsOf: asOf, Raw: raw, OrderKey: fmt.Sprint(n), Number: n, Step: 1, First: 1})
}

func (l *ledger) retracted(id, retraction, by string, on catalog.Date) {
	l.t.Helper()
	l.apply(event.DeliveryRetracted{Delivery: id, Retraction: retraction, By: by, On: on})
}

// opened opens runs until nothing waits, and does the rest of each.
func (l *ledger) opened() {
	l.t.Helper()
	for w := l.state.Waiting(); len(w) > 0; w = l.state.Waiting() {
		n := len(l.state.Runs()) + 1
		l.apply(event.RunOpened{Run: fmt.Sprint("r", n), Ordinal: n, Deliveries: strings.Fields(ids(w))})
	}
}

// effectiveNow are the deliveries that hold, in their order.
func (l *ledger) effectiveNow() string {
	runs := l.state.Runs()
	var out []string
	for _, d := range l.state.EffectiveOf("f", runs[len(runs)-1], "").Deliveries {
		out = append(out, d.ID)
	}
	return strings.Join(out, " ")
}

func TestDisputedNumbers(t *testing.T) {
	l := ledger{t: t}
	expect := func(what, waiting, held, disputed string, next int64) {
		t.Helper()
		q, ok := l.state.Sequence("f")
		if got := ids(l.state.Waiting()); got != waiting || !ok {
			t.Errorf("%s: waiting %q, want %q", what, got, waiting)
		}
		if ids(q.Held) != held || ids(q.Disputed) != disputed || q.Next != next || len(q.Missing) > 0 {
			t.Errorf("%s: held %q, disputed %q, next %d, missing %v; want %q, %q, %d", what, ids(q.Held), ids(q.Disputed), q.Next, q.Missing, held, disputed, next)
		}
		if got := len(l.state.Sequences()); (got > 0) != (held != "") {
			t.Errorf("%s: %d feeds keep something back", what, got)
		}
	}
	if _, ok := l.state.Sequence("f"); ok {
		t.Error("a sequence without deliveries")
	}
	l.numbered("b", "B", 2, jan(1))
	l.numbered("a", "A", 1, jan(3)) // a later date, and yet before
	expect("by number, not by date", "a b", "", "", 3)
	l.numbered("b2", "B2", 2, jan(2))
	l.numbered("c", "C", 3, jan(2))
	l.numbered("b3", "B", 2, jan(2)) // the same bytes, on purpose
	expect("other bytes of a number", "a b b3", "b2 c", "b2", 2)
	l.opened()
	if got := ids(l.state.Waiting()); got != "" {
		t.Errorf("after the runs: %s", got)
	}
	// The first is read again by a newer catalog: no dispute with itself, and
	// still one with the other.
	l.apply(event.DeliveryReceived{Delivery: "b4", Feed: "f", Registry: "reg", Raw: "B", Place: "2", Replaces: "b"})
	l.apply(event.DeliveryAccepted{Delivery: "b4", Feed: "f", Kind: "delta", AsOf: jan(2), Number: 2, Step: 1, First: 1, OrderKey: "2", Replaces: "b"})
	expect("read again", "b4", "b2 c", "b2", 2)
	l.retracted("b3", "x3", "p", jan(5))
	l.retracted("b4", "x4", "p", jan(5))
	if got := ids(l.state.Waiting()); !strings.Contains(got, "b2") || !strings.Contains(got, "c") || !strings.Contains(got, "b4") || strings.Contains(got, "x4") {
		t.Errorf("the other holds the number now: waiting %q", got)
	}
	l.opened()
	if got := l.effectiveNow(); got != "a b2 c" {
		t.Errorf("%s hold, want a b2 c", got)
	}
	// A feed that counts no more keeps nothing back.
	l.numbered("z", "Z", 9, jan(6))
	if q, _ := l.state.Sequence("f"); ids(q.Held) != "z" {
		t.Errorf("held %q", ids(q.Held))
	}
	l.apply(event.DeliveryReceived{Delivery: "n", Feed: "f", Raw: "N"})
	l.apply(event.DeliveryAccepted{Delivery: "n", Feed: "f", Kind: "delta", AsOf: jan(7)})
	if got := ids(l.state.Waiting()); got != "z n" {
		t.Errorf("waiting %q", got)
	}
}

// A number is free once any reading of its bytes was retracted, also one that
// was read again since.
func TestANumberIsFreeForGood(t *testing.T) {
	l := ledger{t: t}
	l.numbered("a", "A", 1, jan(1))
	l.opened()
	l.retracted("a", "xa", "p", jan(2))
	l.apply(event.DeliveryReceived{Delivery: "a2", Feed: "f", Registry: "reg", Raw: "A", Place: "1", Replaces: "a"})
	l.apply(event.DeliveryAccepted{Delivery: "a2", Feed: "f", Kind: "delta", AsOf: jan(1), Number: 1, Step: 1, First: 1, OrderKey: "1", Replaces: "a"})
	l.numbered("b", "B", 1, jan(1))
	if q, _ := l.state.Sequence("f"); len(q.Held) > 0 || q.Next != 2 {
		t.Errorf("held %q, next %d", ids(q.Held), q.Next)
	}
	l.opened()
	if got := l.effectiveNow(); got != "b" {
		t.Errorf("%s hold, want b", got)
	}
}

func TestRetractions(t *testing.T) {
	l := ledger{t: t}
	s := &l.state
	l.accepted("a", jan(1))
	l.accepted("b", jan(2))
	l.opened()
	r := s.Runs()[len(s.Runs())-1]
	if got := s.AsOf("f", r); got != jan(2) {
		t.Fatalf("as of %s", got)
	}
	l.retracted("b", "xb", "p1", jan(9))
	l.retracted("b", "xc", "p2", jan(8)) // somebody else, at the same time
	if w := s.Delivery("b").Retracted; w == nil || w.By != "p1" || s.Delivery("xc") != nil {
		t.Errorf("retracted %+v", w)
	}
	if got := ids(s.Waiting()); got != "xb" {
		t.Errorf("waiting %q", got)
	}
	if x := s.Delivery("xb"); x.Retracts == nil || x.Accepted.Kind != event.KindRetraction || x.Accepted.AsOf != jan(9) || x.Replaces != "b" || x.Accepted.Replaces != "b" {
		t.Errorf("the retraction is %+v", x)
	}
	if got := l.effectiveNow(); got != "b" {
		t.Errorf("before its run %s hold", got)
	}
	l.opened()
	r = s.Runs()[len(s.Runs())-1]
	if got := l.effectiveNow(); got != "a" {
		t.Errorf("after its run %s hold", got)
	}
	if got := s.AsOf("f", r); got != jan(1) {
		t.Errorf("the data reach %s: a retraction brings none", got)
	}
	if got := s.Reached(r, s.Delivery("xb")); got != jan(2) {
		t.Errorf("before it they reached %s", got)
	}
	if got := s.Reached(s.Run("r1"), s.Delivery("a")); !got.IsZero() {
		t.Errorf("before anything they reached %s", got)
	}
	if got := s.Dropped(r, s.Delivery("xb")); fmt.Sprint(got) != "[b]" {
		t.Errorf("it drops %v", got)
	}
	if s.FeedRev("f", r) != s.Delivery("xb").Rev {
		t.Error("the revision of the feed")
	}
	if s.SeenRaw("raw-b", "f", "") != s.Delivery("b") {
		t.Error("the bytes were seen, whatever became of them")
	}

	// What was read again while it was retracted stays retracted.
	l.received("b2", "b")
	l.apply(event.DeliveryAccepted{Delivery: "b2", Feed: "f", Kind: "snapshot", AsOf: jan(2), Replaces: "b"})
	l.opened()
	if got := l.effectiveNow(); got != "a" {
		t.Errorf("after another reading %s hold", got)
	}

	// Of what no run has yet, nothing is taken.
	l.accepted("c", jan(3))
	l.retracted("c", "xc", "p", jan(9))
	if got := ids(s.Waiting()); got != "" || len(s.Waiting()) > 0 {
		t.Errorf("waiting %q", got)
	}
	for id, due := range map[string]bool{"a": true, "xb": true, "c": false, "xc": false} {
		if s.Due(s.Delivery(id)) != due {
			t.Errorf("cells of %s are due: %v", id, !due)
		}
	}

	// A reading that is retracted before its run goes with the one before it.
	l.accepted("d", jan(4))
	l.opened()
	l.received("d2", "d")
	l.apply(event.DeliveryAccepted{Delivery: "d2", Feed: "f", Kind: "snapshot", AsOf: jan(4), Replaces: "d"})
	if s.Standing(s.Delivery("d")) != s.Delivery("d2") || s.Standing(s.Delivery("a")) != s.Delivery("a") {
		t.Error("the reading that stands")
	}
	l.retracted("d2", "xd", "p", jan(4))
	if got := ids(s.Waiting()); got != "d2" {
		t.Errorf("waiting %q, want the reading, and then its retraction", got)
	}
	l.opened()
	if got := l.effectiveNow(); got != "a" {
		t.Errorf("%s hold, want a", got)
	}
}

func TestRetractionsAndSkipsThatContradict(t *testing.T) {
	for _, c := range []struct {
		name  string
		event event.Body
		says  string
	}{
		{"unseen", event.DeliveryRetracted{Delivery: "q", Retraction: "x"}, "not accepted"},
		{"rejected", event.DeliveryRetracted{Delivery: "bad", Retraction: "x"}, "not accepted"},
		{"a retraction", event.DeliveryRetracted{Delivery: "xa", Retraction: "y"}, "itself a retraction"},
		{"under another's id", event.DeliveryRetracted{Delivery: "b", Retraction: "a"}, "id of delivery a"},
		{"backwards", event.SequenceSkipped{Feed: "f", From: 3, Through: 2}, "3 through 2"},
	} {
		l := ledger{t: t}
		l.accepted("a", jan(1))
		l.accepted("b", jan(1))
		l.received("bad", "")
		l.apply(event.DeliveryRejected{Delivery: "bad"})
		l.retracted("a", "xa", "p", jan(2))
		if err := l.state.Apply(l.event(c.event)); !errors.Is(err, run.ErrLedger) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want one that says %q", c.name, err, c.says)
		}
	}
	l := ledger{t: t}
	l.apply(event.SequenceSkipped{Feed: "f", From: 3, Through: 3})
	if l.state.FeedSeq("f") != l.seq || l.state.FeedSeq("g") != 0 {
		t.Error("the last event about a feed")
	}
}

func TestPartsOfUnitsAndLengths(t *testing.T) {
	l := ledger{t: t}
	for i, a := range []event.DeliveryAccepted{
		{KeyOrder: event.KeysAscend}, {Units: []string{"u1"}, From: jan(2), To: jan(5)},
		{Windows: []event.Window{{Period: catalog.Day, From: jan(3), To: jan(4)}}, From: jan(3), To: jan(9)},
	} {
		a.Delivery, a.Feed, a.Kind = fmt.Sprint("d", i+1), "f", "snapshot"
		l.received(a.Delivery, "")
		l.apply(a)
	}
	l.opened()
	e := l.state.EffectiveOf("f", l.state.Runs()[0], "")
	for _, c := range []struct {
		period catalog.Granularity
		unit   string
		want   string
	}{
		{catalog.Month, "u2", "[{  1}]"}, {catalog.Month, "u1", "[{ 2024-01-02 1} {2024-01-02 2024-01-05 2} {2024-01-05  1}]"},
		{catalog.Day, "u2", "[{ 2024-01-03 1} {2024-01-03 2024-01-04 3} {2024-01-04  1}]"},
		{catalog.Day, "u1", "[{ 2024-01-02 1} {2024-01-02 2024-01-03 2} {2024-01-03 2024-01-04 3} {2024-01-04 2024-01-05 2} {2024-01-05  1}]"},
	} {
		if got := fmt.Sprint(e.Of(c.period, c.unit)); got != c.want {
			t.Errorf("%s of %s: %s, want %s", c.period, c.unit, got, c.want)
		}
	}
	if got := fmt.Sprint(e.Deliveries); got != "[{d1 true false true} {d2 true true false} {d3 true true false}]" {
		t.Errorf("deliveries %s", got)
	}
}
