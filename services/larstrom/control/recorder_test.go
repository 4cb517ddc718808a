package control_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/queue"
	"larstrom/services/larstrom/control"
)

func (d *desk) Queue(_ context.Context, id control.Identity) (queue.Queue, error) {
	return queue.Queue{Tasks: []queue.Task{{Check: "K09", Unit: id.As, Flags: []string{"f1", "f2"}}}, Folded: queue.Folded{Tasks: 3, Flags: []string{"f3"}}}, d.err
}

func (d *desk) Affirm(_ context.Context, r control.AffirmRequest) (event.UnitAffirmed, error) {
	r.Affirmed.By = r.As
	return r.Affirmed, d.err
}

// Audit fails after it has begun where there is an error.
func (d *desk) Audit(_ context.Context, id control.Identity, w io.Writer) error {
	if errors.Is(d.err, gate.ErrForbidden) {
		return d.err
	}
	_, err := io.WriteString(w, "trail of "+id.As+"\n")
	return errors.Join(err, d.err)
}

func TestRecordsOverTheAPI(t *testing.T) {
	d := &desk{}
	dir, _ := serve(t, d)
	c := client(t, dir)
	id := control.Identity{As: "p", Token: "secret"}
	q, err := c.Queue(t.Context(), id)
	if err != nil || len(q.Tasks) != 1 || q.Tasks[0].Unit != "p" || len(q.Tasks[0].Flags) != 2 || q.Folded.Tasks != 3 {
		t.Errorf("queue %+v, %v", q, err)
	}
	day := catalog.NewDate(2026, 3, 31)
	a, err := c.Affirm(t.Context(), control.AffirmRequest{Identity: id, Affirmed: event.UnitAffirmed{Unit: "u", Through: day, Note: "n", Client: "c"}})
	if err != nil || a.By != "p" || a.Unit != "u" || a.Through != day || a.Note != "n" || a.Client != "c" {
		t.Errorf("affirmed %+v, %v", a, err)
	}
	var out bytes.Buffer
	if err := c.Audit(t.Context(), id, &out); err != nil || out.String() != "trail of p\n" {
		t.Errorf("trail %q, %v", out.String(), err)
	}
	d.err = gate.ErrForbidden
	out.Reset()
	var refused *control.Error
	if err := c.Audit(t.Context(), id, &out); !errors.As(err, &refused) || refused.Status != 403 || out.Len() > 0 {
		t.Errorf("refused: %q, %v", out.String(), err)
	}
	d.err = errors.New("the log went away")
	if err := c.Audit(t.Context(), id, &out); err == nil || !strings.Contains(err.Error(), "the log went away") {
		t.Errorf("broken off: %v", err)
	}
}
