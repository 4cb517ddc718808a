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
