package run_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// ledger applies events as they are appended.
type ledger struct {
	t     fataler
	state run.State
	seq   uint64
}

func (l *ledger) event(body event.Body) event.Event {
	l.t.Helper()
	subject := event.RunSubject("nord")
	switch b := body.(type) {
	case event.CatalogAdopted:
		subject = event.CatalogSubject("nord")
	case event.DeliveryReceived:
		subject = event.DeliverySubject("nord", "reg", b.Delivery)
	case event.DeliveryAccepted:
		subject = event.DeliverySubject("nord", "reg", b.Delivery)
	case event.DeliveryRejected:
		subject = event.DeliverySubject("nord", "reg", b.Delivery)
	case event.DeliveryRepeated:
		subject = event.DeliverySubject("nord", "reg", b.Delivery)
	case event.ReleaseMade:
		subject = event.GateSubject("nord", b.Indicator)
	case event.FlagRaised:
		subject = event.GateSubject("nord", b.Indicator)
	}
	l.seq++
	e, err := event.New(subject, fmt.Sprint(l.seq), body, time.Unix(int64(l.seq), 0))
	if err != nil {
		l.t.Fatal(err)
	}
	e.Sequence = l.seq
	return e
}

func (l *ledger) apply(body event.Body) {
	l.t.Helper()
	if err := l.state.Apply(l.event(body)); err != nil {
		l.t.Fatalf("%T: %v", body, err)
	}
}

func (l *ledger) received(id, replaces string) {
	l.t.Helper()
	l.apply(event.DeliveryReceived{Delivery: id, Feed: "f", Registry: "reg", Raw: "raw-" + id, Replaces: replaces})
}

func (l *ledger) accepted(id string, asOf catalog.Date) {
	l.t.Helper()
	l.received(id, "")
	l.apply(event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: "snapshot", AsOf: asOf})
}

func ids(ds []*run.Delivery) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Delivery)
	}
	return strings.Join(out, " ")
}

// From the empty LEDGER to a publication and a decision after it, every
// question about what comes next.
func TestTheStoryOfARun(t *testing.T) {
	l := ledger{t: t}
	s := &l.state
	expect := func(what string, waiting, undecided string, idle, stale bool) {
		t.Helper()
		if got := ids(s.Waiting()); got != waiting {
			t.Errorf("%s: waiting are %q, want %q", what, got, waiting)
		}
		if got := ids(s.Undecided()); got != undecided {
			t.Errorf("%s: undecided are %q, want %q", what, got, undecided)
		}
		if s.Idle() != idle || s.Stale() != stale {
			t.Errorf("%s: idle %v, stale %v; want %v, %v", what, s.Idle(), s.Stale(), idle, stale)
		}
	}
	expect("the empty ledger", "", "", true, false)
	if s.NextRun() != nil || s.LastChecked() != nil || s.RunSeq() != 0 || s.GateSeq("i") != 0 || s.SeenRaw("raw-a", "f", "") != nil {
		t.Error("the empty ledger knows something")
	}
	l.apply(event.CatalogAdopted{Hash: "c1"})
	l.received("a", "")
	expect("received", "", "a", false, false)
	l.apply(event.DeliveryAccepted{Delivery: "a", Feed: "f", Kind: "snapshot", AsOf: jan(2)})
	expect("accepted", "a", "", false, false)
	l.accepted("b", jan(1))
	l.accepted("c", jan(2))
	expect("three", "b a c", "", false, false) // by as-of date, then by acceptance
	l.received("d", "")
	l.apply(event.DeliveryRejected{Delivery: "d", Feed: "f"})
	expect("rejected", "b a c", "", false, false)
	l.received("late", "")
	l.accepted("e", jan(2))
	l.apply(event.DeliveryAccepted{Delivery: "late", Feed: "f", Kind: "snapshot", AsOf: jan(2)})
	expect("accepted later than received", "b a c e late", "", false, false)

	if s.Delivery("a").Rev != 0 {
		t.Error("a delivery without run has a revision")
	}
	l.apply(event.RunOpened{Run: "r1", Ordinal: 1, AsOf: jan(1), Deliveries: []string{"b"}})
	expect("a run", "a c e late", "", false, false)
	if s.RunSeq() != l.seq {
		t.Errorf("the last event about runs is %d, not %d", s.RunSeq(), l.seq)
	}
	r1 := s.NextRun()
	if r1 == nil || r1.Run != "r1" || s.NextCells(r1) != s.Delivery("b") {
		t.Fatal("the run does not come next")
	}
	l.apply(event.RunOpened{Run: "r2", Ordinal: 2, AsOf: jan(2), Deliveries: []string{"a", "c", "e", "late"}})
	if s.NextRun() != r1 {
		t.Error("a later run comes first")
	}
	r2 := s.Run("r2")
	last := uint64(0)
	for _, id := range []string{"b", "a", "c", "e", "late"} { // revisions rise with the runs and in them, whatever was accepted first
		if d := s.Delivery(id); d.Rev <= last {
			t.Errorf("revision %d of %s comes after %d", d.Rev, id, last)
		} else {
			last = d.Rev
		}
	}
	if s.Rev(r1) != s.Delivery("b").Rev || s.Rev(r2) != s.Delivery("late").Rev {
		t.Errorf("revisions %d, %d", s.Rev(r1), s.Rev(r2))
	}
	l.apply(event.CellsAppended{Run: "r1", Delivery: "b", Rev: s.Delivery("b").Rev})
	if s.NextCells(r1) != nil || s.LastChecked() != nil {
		t.Error("all cells are there")
	}
	l.apply(event.RunChecked{Run: "r1", Rev: s.Rev(r1)})
	if s.LastChecked() != r1 {
		t.Error("the run is checked")
	}
	l.apply(event.ReleaseMade{Indicator: "j"})
	l.apply(event.ReleaseMade{Indicator: "i"})
	through := l.seq
	if got := s.Unpublished(); !slices.Equal(got, []string{"i", "j"}) {
		t.Errorf("unpublished %v", got)
	}
	if s.GateSeq("i") != through || s.GateSeq("j") != through-1 || len(s.GateEvents("i")) != 1 {
		t.Error("the gate's events")
	}
	l.apply(event.RunPublished{Publication: 1, Run: "r1", Catalog: "c1", Through: through})
	if s.NextRun() != r2 || s.Publication.Run != "r1" || s.PublicationSeq != l.seq || !s.PublishedAt.Equal(time.Unix(int64(l.seq), 0)) {
		t.Error("the publication")
	}
	expect("published", "", "", false, false)
	for _, id := range []string{"a", "c", "e", "late"} {
		if d := s.NextCells(r2); d == nil || d.Delivery != id {
			t.Fatalf("the cells of %v come next, want %s", d, id)
		}
		l.apply(event.CellsAppended{Run: "r2", Delivery: id, Rev: s.Delivery(id).Rev})
	}
	l.apply(event.RunChecked{Run: "r2"})
	l.apply(event.RunPublished{Publication: 2, Run: "r2", Catalog: "c1", Through: l.seq})
	expect("all published", "", "", true, false)

	l.apply(event.FlagRaised{Indicator: "i", Flag: "x"})
	expect("a flag is no release", "", "", true, false)
	l.apply(event.ReleaseMade{Indicator: "i"})
	expect("a release", "", "", false, true)
	l.apply(event.RunPublished{Publication: 3, Run: "r2", Catalog: "c1", Through: l.seq})
	expect("published again", "", "", true, false)
	l.apply(event.UnitAffirmed{Unit: "u", Through: jan(2)})
	expect("an affirmation", "", "", false, true)
	l.apply(event.RunPublished{Publication: 4, Run: "r2", Catalog: "c1", Through: l.seq})
	l.apply(event.UnitAffirmed{Unit: "u", Through: jan(1)})
	expect("an affirmation that says nothing new", "", "", true, false)
	l.apply(event.CatalogAdopted{Hash: "c2", Previous: "c1"})
	expect("another catalog", "", "", false, true)
	if s.Seq != l.seq {
		t.Errorf("sequence %d", s.Seq)
	}
}

func TestRepeatedAndRetriedFiles(t *testing.T) {
	l := ledger{t: t}
	s := &l.state
	l.accepted("a", jan(1))
	l.apply(event.DeliveryReceived{Delivery: "b", Feed: "f", Raw: "raw-a", Reason: event.CauseAgain})
	l.apply(event.DeliveryReceived{Delivery: "c", Feed: "g", Raw: "raw-a"})
	if s.SeenRaw("raw-a", "f", "") != s.Delivery("a") || s.SeenRaw("raw-a", "g", "") != s.Delivery("c") || s.SeenRaw("raw-b", "f", "") != nil {
		t.Error("first delivery of the bytes")
	}
	l.apply(event.DeliveryRepeated{Delivery: "a", Feed: "f"})
	l.apply(event.DeliveryRepeated{Delivery: "a", Feed: "f"})
	if s.Delivery("a").Repeats != 2 {
		t.Errorf("%d repeats", s.Delivery("a").Repeats)
	}
	l.received("d", "a")
	if s.Delivery("a").Retried != "d" {
		t.Error("a is read again")
	}
	l.apply(event.DeliveryRejected{Delivery: "d"})
	if s.Delivery("a").Retried != "" {
		t.Error("a second reading that was rejected replaces nothing")
	}
	if got := ids(s.Deliveries()); got != "a b c d" {
		t.Errorf("deliveries %s", got)
	}
}

// An event that was appended twice, after an unknown outcome, counts once.
func TestTheSameEventAgain(t *testing.T) {
	l := ledger{t: t}
	e := l.event(event.DeliveryReceived{Delivery: "a", Feed: "f", Raw: "x"})
	for range 2 {
		if err := l.state.Apply(e); err != nil {
			t.Fatal(err)
		}
		e.Sequence++
	}
	if len(l.state.Deliveries()) != 1 || l.state.Seq != 2 || !l.state.Has(e.ID) || l.state.Has("other") {
		t.Errorf("%d deliveries, sequence %d", len(l.state.Deliveries()), l.state.Seq)
	}
	r := l.event(event.RunOpened{Run: "r", Ordinal: 1})
	r.Sequence = 5
	if err := l.state.Apply(r); err != nil {
		t.Fatal(err)
	}
	if r.Sequence = 9; l.state.Apply(r) != nil || l.state.RunSeq() != 9 {
		t.Errorf("the last event about runs is %d: an append that expects %d would never be taken", l.state.RunSeq(), 5)
	}
}

func TestContradictions(t *testing.T) {
	received := func(id string) event.Body { return event.DeliveryReceived{Delivery: id, Feed: "f", Raw: id} }
	accepted := func(id string) event.Body { return event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: "delta"} }
	opened := func(ordinal int, ids ...string) event.Body {
		return event.RunOpened{Run: fmt.Sprint("r", ordinal), Ordinal: ordinal, Deliveries: ids}
	}
	cells := func(run, id string, rev uint64) event.Body {
		return event.CellsAppended{Run: run, Delivery: id, Rev: rev}
	}
	published := func(n int, run string) event.Body { return event.RunPublished{Publication: n, Run: run} }
	night := []event.Body{received("a"), accepted("a"), opened(1, "a"), cells("r1", "a", 100_001), event.RunChecked{Run: "r1"}}
	for _, c := range []struct {
		name   string
		before []event.Body
		event  event.Body
		says   string
	}{
		{"received twice", []event.Body{received("a")}, event.DeliveryReceived{Delivery: "a", Feed: "g"}, "received twice"},
		{"a second reading of nothing", nil, event.DeliveryReceived{Delivery: "b", Replaces: "a"}, "unknown a"},
		{"accepted unseen", nil, accepted("a"), "never received"},
		{"rejected unseen", nil, event.DeliveryRejected{Delivery: "a"}, "never received"},
		{"accepted twice", []event.Body{received("a"), accepted("a")}, event.DeliveryAccepted{Delivery: "a", Feed: "f"}, "decided twice"},
		{"accepted and rejected", []event.Body{received("a"), accepted("a")}, event.DeliveryRejected{Delivery: "a"}, "decided twice"},
		{"rejected and accepted", []event.Body{received("a"), event.DeliveryRejected{Delivery: "a"}}, accepted("a"), "decided twice"},
		{"a run is left out", nil, opened(2), "run 2 where 1"},
		{"a run twice", []event.Body{opened(1)}, event.RunOpened{Run: "other", Ordinal: 1}, "run 1 where 2"},
		{"a run of the unknown", nil, opened(1, "a"), "not accepted"},
		{"a run of the undecided", []event.Body{received("a")}, opened(1, "a"), "not accepted"},
		{"a run of the rejected", []event.Body{received("a"), event.DeliveryRejected{Delivery: "a"}}, opened(1, "a"), "not accepted"},
		{"in two runs", []event.Body{received("a"), accepted("a"), opened(1, "a")}, opened(2, "a"), "r1 and r2"},
		{"twice in a run", []event.Body{received("a"), accepted("a")}, opened(1, "a", "a"), "r1 and r1"},
		{"too many for one run", nil, opened(1, make([]string, run.MaxDeliveries+1)...), "100000 deliveries"},
		{"cells of the unknown", []event.Body{opened(1)}, cells("r1", "a", 1), "not in run r1"},
		{"cells before the run", []event.Body{received("a"), accepted("a")}, cells("r1", "a", 1), "not in run r1"},
		{"cells in another run", []event.Body{received("a"), accepted("a"), opened(1, "a"), opened(2)}, cells("r2", "a", 100_001), "not in run r2"},
		{"cells of another revision", night[:3], cells("r1", "a", 100_002), "100001"},
		{"other cells", night[:4], event.CellsAppended{Run: "r1", Delivery: "a", Rev: 100_001, Tombstones: 1}, "twice"},
		{"checked before it was opened", nil, event.RunChecked{Run: "r1"}, "never opened"},
		{"published before it was opened", nil, published(1, "r1"), "before it was checked"},
		{"published before it was checked", night[:4], published(1, "r1"), "before it was checked"},
		{"a publication is left out", night, published(2, "r1"), "publication 2 where 1"},
		{"a publication twice", append(slices.Clone(night), published(1, "r1")), event.RunPublished{Publication: 1, Run: "r1", Meta: "x"}, "publication 1 where 2"},
	} {
		l := ledger{t: t}
		for _, b := range c.before {
			l.apply(b)
		}
		if err := l.state.Apply(l.event(c.event)); !errors.Is(err, run.ErrLedger) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want one that says %q", c.name, err, c.says)
		}
	}
	for name, change := range map[string]func(*event.Event){
		"an unknown type":       func(e *event.Event) { e.Type = "nonsense" },
		"an unreadable body":    func(e *event.Event) { e.Data = []byte("[]") },
		"a sequence that falls": func(e *event.Event) { e.Sequence = 1 },
		"no sequence":           func(e *event.Event) { e.Sequence = 0 },
	} {
		l := ledger{t: t}
		l.apply(received("a"))
		l.apply(received("b"))
		e := l.event(received("c"))
		change(&e)
		if err := l.state.Apply(e); !errors.Is(err, run.ErrLedger) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := ledger{t: t}
	e := l.event(event.ReleaseMade{Indicator: "i"})
	e.Subject = "ledger.run.nord"
	if err := l.state.Apply(e); !errors.Is(err, run.ErrLedger) {
		t.Errorf("a release outside of the gate: %v", err)
	}
}

func TestGateTarget(t *testing.T) {
	for subject, want := range map[string]string{
		event.GateSubject("nord", "i1"): "nord i1 true", "ledger.run.nord": "  false", "ledger.gate.nord": "nord  false", "": "  false",
	} {
		region, indicator, ok := run.GateTarget(subject)
		if got := fmt.Sprint(region, " ", indicator, " ", ok); got != want {
			t.Errorf("%q: %q, want %q", subject, got, want)
		}
	}
}

// list is a LEDGER in memory that breaks off with an error.
type list struct {
	events []event.Event
	err    error
}

func (l list) Events(_ context.Context, from uint64) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		for _, e := range l.events {
			if e.Sequence >= from && !yield(e, nil) {
				return
			}
		}
		if l.err != nil {
			yield(event.Event{}, l.err)
		}
	}
}

func (l list) Follow(ctx context.Context, from uint64, fn func(event.Event) error) error {
	for e, err := range l.Events(ctx, from) {
		if err != nil {
			return err
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

func TestSyncAndAwait(t *testing.T) {
	l := ledger{t: t}
	src := list{events: []event.Event{l.event(event.DeliveryReceived{Delivery: "a"}), l.event(event.DeliveryReceived{Delivery: "b"})}}
	var s run.State
	for range 2 { // what was folded is not read again
		if err := s.Sync(t.Context(), src); err != nil || s.Seq != 2 {
			t.Fatal(s.Seq, err)
		}
	}
	broken := errors.New("broken")
	src.err = broken
	src.events = append(src.events, l.event(event.DeliveryReceived{Delivery: "c"}))
	if err := s.Sync(t.Context(), src); !errors.Is(err, broken) || s.Seq != 3 {
		t.Errorf("sequence %d, %v", s.Seq, err)
	}
	src.events = append(src.events, l.event(event.DeliveryAccepted{Delivery: "x"}))
	if err := s.Sync(t.Context(), src); !errors.Is(err, run.ErrLedger) {
		t.Error(err)
	}
	if err := run.Await(t.Context(), src, 3); err != nil {
		t.Errorf("the ledger has grown: %v", err)
	}
	if err := run.Await(t.Context(), src, 4); !errors.Is(err, broken) {
		t.Errorf("the ledger broke off: %v", err)
	}
}
