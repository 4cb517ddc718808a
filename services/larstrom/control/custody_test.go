package control_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
	"larstrom/services/larstrom/control"
)

func TestCustodyOverTheAPI(t *testing.T) {
	d := &desk{}
	dir, _ := serve(t, d)
	c := client(t, dir)
	diff, err := c.Diff(t.Context(), "d/1", true)
	if err != nil || diff.Delivery != "d/1" || diff.Changed != 2 {
		t.Errorf("diff of all: %+v, %v", diff, err)
	}
	if diff, err = c.Diff(t.Context(), "d1", false); err != nil || diff.Changed != 1 {
		t.Errorf("diff: %+v, %v", diff, err)
	}
	r, err := c.Retract(t.Context(), control.RetractRequest{As: "p", Token: "secret", Delivery: "d/1", Note: "why"})
	if err != nil || r != (event.DeliveryRetracted{Delivery: "d/1", By: "p with secret", Note: "why"}) {
		t.Errorf("retraction: %+v, %v", r, err)
	}
	k, err := c.SkipNumbers(t.Context(), control.SkipRequest{As: "p", Token: "secret", Feed: "f", From: 2, Through: 3, Note: "why"})
	if err != nil || k != (event.SequenceSkipped{Feed: "f", From: 2, Through: 3, By: "p with secret", Note: "why"}) {
		t.Errorf("skip: %+v, %v", k, err)
	}
	d.err = fmt.Errorf("%w: no", gate.ErrForbidden)
	_, err = c.Retract(t.Context(), control.RetractRequest{Delivery: "d"})
	refused, ok := errors.AsType[*control.Error](err)
	if !ok || refused.Status != http.StatusForbidden {
		t.Errorf("a refusal: %v", err)
	}
}

func TestDiffCountsAndKeeps(t *testing.T) {
	k := cell.Key{Indicator: "i", Unit: "u", Granularity: "month", PeriodStart: 19723}
	v := &cell.Version{Key: k, Content: cell.Content{Rows: 2, Numerator: cell.FixedOf(3 * cell.Micro), Denominator: cell.FixedOf(4 * cell.Micro)}}
	for all, want := range map[bool]int{true: 2, false: 1} {
		var d control.Diff
		d.Add(cell.Change{Key: k, Before: v}, true, all)
		d.Add(cell.Change{Key: k, After: v}, false, all)
		if d.Changed != 2 || d.Restated != 1 || len(d.Cells) != want {
			t.Errorf("all %v: %+v", all, d)
		}
		c := d.Cells[0]
		if c.After != nil || c.Before == nil || c.Before.Numerator != 3 || c.Before.Denominator != 4 || !c.Closed || c.Period != catalog.NewDate(2024, 1, 1) {
			t.Errorf("the closed one: %+v, before %+v", c, c.Before)
		}
	}
}

func TestStatusOfNumberedFeeds(t *testing.T) {
	var s run.State
	seq := uint64(0)
	apply := func(body event.Body) {
		t.Helper()
		seq++
		e, err := event.New("ledger.delivery.nord.reg.d", fmt.Sprint(seq), body, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = seq
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int64{1, 4, 5, 9} {
		id := fmt.Sprint("d", n)
		apply(event.DeliveryReceived{Delivery: id, Raw: id, Feed: "f"})
		apply(event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: "delta", Number: n, Step: 1})
	}
	st := control.StatusOf("nord", &s)
	if got := fmt.Sprintf("%+v", st.Sequences); got != "[{Feed:f Next:2 Missing:[[2 3] [6 8]] Disputed:[] Held:[d4 d5 d9]}]" {
		t.Errorf("sequences %s", got)
	}
	if n := st.Deliveries; n.Received != 4 || n.Held != 3 || n.Unpublished != 1 || n.Retracted != 0 {
		t.Errorf("deliveries %+v", n)
	}
	apply(event.DeliveryRetracted{Delivery: "d4", Retraction: "x4", By: "p"})
	apply(event.DeliveryRetracted{Delivery: "d1", Retraction: "x1", By: "p"})
	st = control.StatusOf("nord", &s)
	if n := st.Deliveries; n.Received != 4 || n.Held != 2 || n.Unpublished != 0 || n.Retracted != 2 {
		t.Errorf("after two retractions %+v", n)
	}
}
