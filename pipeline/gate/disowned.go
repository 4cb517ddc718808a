package gate

import (
	"larstrom/pipeline/cell"
)

// Disowned reports whether a version that was visible once may no longer be
// shown to anybody, although others keep what they were shown until their next
// edition: it was withdrawn, or a BLOCK or HOLD on it is open, led to its
// rejection or ended because its source sent another one. What is visible now is
// not disowned, nor what a person accepted or waived or the check no longer finds,
// nor what a later version merely took the place of.
func (s *State) Disowned(k cell.Key, fp cell.Fingerprint) bool {
	c := s.cells[k]
	if c == nil {
		return false // nobody has asked anything of it
	}
	if v := s.view(c); (v.State == Released || v.State == HeldPrevious) && v.Shown.Fingerprint == fp {
		return false
	}
	if _, withdrawn := c.withdrawn[fp]; withdrawn {
		return true
	}
	flags := c.guards[fp]
	if p := s.projections[version{k, fp}]; p != nil && !s.standsAs(c, p.Base, fp) {
		flags = append([]*Flag{s.flags[p.Flag]}, flags...) // somebody has taken the correction back
	}
	for _, f := range flags {
		if f != nil && holding(f.Severity) && (f.Status == Open || f.Status == Rejected || f.Status == Resolved && f.Reason != Passed) {
			return true
		}
	}
	return false
}
