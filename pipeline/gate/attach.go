package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Kinds of commands that prepare a decision.
const (
	// Assign gives a flag to a person, or with no person back to all.
	Assign = "assign"
	// Attach adds evidence to a flag: a text, or a link with the hash of what
	// it leads to.
	Attach = "attach"
)

// assign says who is asked first. That she may decide is for the caller to
// verify, who knows the people.
func (s *State) assign(f *Flag, cmd Command, by string, on catalog.Date) ([]event.Body, error) {
	if f.Status != Open {
		return nil, fmt.Errorf("%w: flag %s is %s (%s)", ErrClosed, f.Flag, f.Status, f.last.what)
	}
	if f.Assigned == cmd.To {
		return nil, nil
	}
	return []event.Body{event.FlagAssigned{Flag: f.Flag, To: cmd.To, By: by, Note: strings.TrimSpace(cmd.Note), On: on}}, nil
}

func (s *State) applyAssigned(a event.FlagAssigned) error {
	f, err := s.flag(a.Flag)
	if err != nil {
		return err
	}
	if a.By == "" || a.On.IsZero() || f.Status != Open {
		return fmt.Errorf("%w: assignment of flag %s, which is %s, without person or date", ErrTransition, f.Flag, f.Status)
	}
	f.Assigned, f.AssignedBy = a.To, a.By
	return nil
}

// Handovers give the flags that a run raised to those who have been given the same
// question about earlier versions, whose flags these close: she who looks into a
// question goes on with it. They are ordered by the closing flag and take effect by
// Apply, before what closes it. That she may decide is for the caller to verify.
func (s *State) Handovers(run string, rev uint64, on catalog.Date) []event.FlagAssigned {
	var all []event.FlagAssigned
	given := map[string]bool{}
	for _, id := range s.order {
		f := s.open[id]
		if f == nil || f.Assigned == "" {
			continue
		}
		if reason, ok := s.resolution(f, rev); !ok || reason != Superseded {
			continue
		}
		for _, g := range f.all() {
			c := s.cells[g.Key(s.region, s.indicator)]
			now, ok := c.newest(rev)
			if !ok {
				continue
			}
			for _, o := range c.guards[now.Fingerprint] {
				if o != f && o.Check == f.Check && o.Status == Open && o.Run == run && o.Assigned == "" && !given[o.Flag] {
					given[o.Flag] = true
					all = append(all, event.FlagAssigned{Flag: o.Flag, To: f.Assigned, By: f.AssignedBy, Note: "goes on with flag " + f.Flag, On: on})
				}
			}
		}
	}
	return all
}

// attach adds evidence; to a closed flag as well, since what was decided may
// have to be shown to rest on something.
func (s *State) attach(f *Flag, cmd Command, by string, on catalog.Date) ([]event.Body, error) {
	e := event.EvidenceAttached{Flag: f.Flag, By: by, Text: strings.TrimSpace(cmd.Note), Link: strings.TrimSpace(cmd.Link), SHA256: strings.ToLower(strings.TrimSpace(cmd.SHA256)), On: on}
	switch {
	case e.Text == "" && e.Link == "":
		return nil, fmt.Errorf("%w: evidence is a note, or a link with the SHA-256 of what it leads to", ErrInvalid)
	case e.Link == "" && e.SHA256 == "":
		e.SHA256 = hashOf(e.Text)
	}
	if err := evident(e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	h := sha256.Sum256(fmt.Appendf(nil, "evidence %d:%s%d:%s%d:%s%d:%s%s", len(f.Flag), f.Flag, len(by), by, len(e.Text), e.Text, len(e.Link), e.Link, e.SHA256))
	e.Evidence = hex.EncodeToString(h[:16])
	if slices.ContainsFunc(f.Evidence, func(o event.EvidenceAttached) bool { return o.Evidence == e.Evidence }) {
		return nil, nil
	}
	return []event.Body{e}, nil
}

func hashOf(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

// evident says what is wrong with an attachment, if anything.
func evident(e event.EvidenceAttached) error {
	switch {
	case len(e.SHA256) != 2*sha256.Size || strings.Trim(e.SHA256, "0123456789abcdef") != "":
		return errors.New("a link needs the SHA-256 of what it leads to: 64 hexadecimal digits")
	case e.Link == "" && e.SHA256 != hashOf(e.Text):
		return errors.New("the SHA-256 is not that of the text")
	}
	return nil
}

func (s *State) applyAttached(e event.EvidenceAttached) error {
	f, err := s.flag(e.Flag)
	if err != nil {
		return err
	}
	if e.Evidence == "" || e.By == "" || e.On.IsZero() || e.Text == "" && e.Link == "" {
		return fmt.Errorf("%w: evidence for flag %s without id, content, person or date", ErrTransition, f.Flag)
	}
	if err := evident(e); err != nil {
		return fmt.Errorf("%w: evidence for flag %s: %w", ErrTransition, f.Flag, err)
	}
	if !slices.ContainsFunc(f.Evidence, func(o event.EvidenceAttached) bool { return o.Evidence == e.Evidence }) {
		f.Evidence = append(slices.Clone(f.Evidence), e)
	}
	return nil
}
