package ingest

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/propose"
	"larstrom/pipeline/run"
)

// formOf is what the raw file looks like, as its beginning shows it.
func formOf(raw io.ReadSeeker, feed *catalog.Feed, l intake.Layout) (event.Form, error) {
	if _, err := raw.Seek(0, io.SeekStart); err != nil {
		return event.Form{}, fmt.Errorf("look at the form of a file: %w", err)
	}
	head := make([]byte, propose.Head)
	n, err := io.ReadFull(raw, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return event.Form{}, fmt.Errorf("look at the form of a file: %w", err)
	}
	return propose.FormOf(head[:n], feed, l), nil
}

// tooWide asks about a file that replaces far more than the one of its feed that
// was accepted before it.
func (s *Service) tooWide(feed *catalog.Feed, result *intake.Result) error {
	for _, d := range slices.Backward(s.state.Deliveries()) {
		if d.Feed == feed.ID && d.Accepted != nil && d.Retracted == nil && d.Accepted.Kind == "snapshot" {
			return intake.TooWide(feed, result, d.Accepted.From, d.Accepted.To)
		}
	}
	return nil
}

// outOfOrder adds to a file that comes late that a newer one of its feed came
// before it (check L03).
func (s *Service) outOfOrder(t *taken) {
	if t.accepted.OrderKey == "" {
		return
	}
	d := s.state.Later(t.accepted.Feed, t.accepted.OrderKey)
	if d == nil {
		return
	}
	if q, ok := s.state.Sequence(t.accepted.Feed); ok && slices.ContainsFunc(q.Held, func(h *run.Delivery) bool { return h.Delivery == d.Delivery }) {
		return // which waits for this one
	}
	p := event.Problem{Rule: "L03", Text: "it comes late: " + d.Name + ", which is newer by the order of the feed, came before it",
		Hint: "where both tell of the same, the newer counts and this one changes nothing; if this one is to correct it, send it with a newer place in the order"}
	t.accepted.Findings = append(slices.Clone(t.accepted.Findings), p)
	t.receipt.Findings = append(t.receipt.Findings, intake.ReceiptProblem{Rule: p.Rule, Text: p.Text, Hint: p.Hint})
}

// compare adds to a file that is to be accepted what is different from the one
// of its feed that was accepted before. forms are those of the files that were
// accepted just now.
func (s *Service) compare(t *taken, forms map[string]event.Form) {
	before := forms[t.accepted.Feed]
	if before.IsZero() {
		for _, d := range slices.Backward(s.state.Deliveries()) {
			if d.Feed == t.accepted.Feed && d.Accepted != nil && !d.Accepted.Form.IsZero() {
				before = d.Accepted.Form
				break
			}
		}
	}
	forms[t.accepted.Feed] = t.accepted.Form
	if before.IsZero() || t.accepted.Form.IsZero() {
		return
	}
	found := propose.Differences(before, t.accepted.Form)
	t.accepted.Findings = append(slices.Clone(t.accepted.Findings), found...)
	for _, f := range found {
		t.receipt.Findings = append(t.receipt.Findings, intake.ReceiptProblem{Line: f.Line, Column: f.Column, Rule: f.Rule, Text: f.Text, Hint: f.Hint})
	}
}
