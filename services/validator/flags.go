package validator

import (
	"context"

	"larstrom/pipeline/gate"
)

// readFlags are the flags of an indicator as they stood at a place of its gate
// and a revision of its cells.
type readFlags struct {
	gate, rev uint64
	flags     []gate.Flag
}

// flagsOf are the flags of an indicator, in the order in which they were
// raised. Lists are read far more often than anything changes, and the cells
// that a gate must be told are many: what has been read stays until an event or
// a revision comes. The slice is shared.
func (s *Service) flagsOf(ctx context.Context, indicator string) ([]gate.Flag, error) {
	at := readFlags{gate: s.state.GateSeq(indicator), rev: s.foldRev()}
	if known, ok := s.read[indicator]; ok && known.gate == at.gate && known.rev == at.rev {
		return known.flags, nil
	}
	_, g, err := s.fold(ctx, indicator)
	if err != nil {
		return nil, err
	}
	s.cfg.Metrics.gate(indicator, g.Counts())
	for f := range g.Flags {
		at.flags = append(at.flags, f)
	}
	if s.read == nil {
		s.read = map[string]readFlags{}
	}
	s.read[indicator] = at
	return at.flags, nil
}

// foldRev is the revision of the cells that a gate is told; 0: none.
func (s *Service) foldRev() uint64 {
	r := s.state.LastChecked()
	if r == nil {
		return 0
	}
	// Flags of a run that is being checked already guard its cells.
	if next := s.state.NextRun(); next != nil && s.state.NextCells(next) == nil {
		return s.state.Rev(next)
	}
	return s.state.Rev(r)
}
