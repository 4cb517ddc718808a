package gate

import (
	"slices"

	"larstrom/pipeline/cell"
)

// Doubted reports whether something stands, or stood, against a version: an open
// hold or block, a rejection, or a hold that only another version answered. Such a
// version is no measure of a later one: what puts it right must not be taken for a
// loss. What a person has accepted or waived is not in doubt, nor is that of which
// the check afterwards found nothing.
func (s *State) Doubted(k cell.Key, fp cell.Fingerprint) bool {
	if len(s.cells) == 0 {
		return false
	}
	c := s.cells[k]
	if c == nil {
		return false
	}
	if _, withdrawn := c.withdrawn[fp]; withdrawn {
		return true
	}
	return slices.ContainsFunc(c.guards[fp], func(f *Flag) bool {
		return holding(f.Severity) && f.doubts()
	})
}

// doubts reports whether the flag was never answered in favour of what it guards.
func (f *Flag) doubts() bool {
	switch f.Status {
	case Accepted, Covered, Waived:
		return false
	case Resolved:
		return f.Reason != Passed
	}
	return true
}

// Doubts reports whether a run raised a hold of one of the checks that was never
// answered in favour of what it brought.
func (s *State) Doubts(run string, checks []string) bool {
	for _, id := range s.order {
		if f := s.flags[id]; f.Run == run && holding(f.Severity) && slices.Contains(checks, f.Check) && f.doubts() {
			return true
		}
	}
	return false
}
