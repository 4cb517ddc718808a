package gate

import (
	"fmt"
	"maps"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// CleanRuns is in how many runs, one after the other, a check must have judged
// what a flag guards and not found it again, before the flag closes by itself
// although the source has sent nothing else. A finding at the edge of
// significance would otherwise come and go from night to night.
const CleanRuns = 2

// Passed is the reason of a FlagResolved: the check does not find it any more.
const Passed = "passed"

// Cleared are the open flags that a run judged anew without finding them again,
// as clean says of each; a flag that was raised in the run is not asked about,
// and one that the source has answered closes as Resent. BLOCKs stay. They are ordered by flag and take effect by Apply, before
// Resolutions are asked for.
func (s *State) Cleared(run string, rev uint64, asOf catalog.Date, clean func(Flag) bool) []event.FlagPassed {
	var all []event.FlagPassed
	for _, id := range slices.Sorted(maps.Keys(s.open)) {
		if f := s.open[id]; s.passable(f, run, rev) == nil && clean(*f) {
			all = append(all, event.FlagPassed{Flag: id, Run: run, Rev: rev, AsOf: asOf})
		}
	}
	return all
}

// passable says why a run cannot have judged a flag anew, if it cannot.
func (s *State) passable(f *Flag, run string, rev uint64) error {
	switch {
	case f.Status != Open || f.Severity == event.Block:
		return fmt.Errorf("flag %s is %s %s", f.Flag, f.Status, f.Severity)
	case f.Run == run || f.passedIn == run:
		return fmt.Errorf("flag %s was raised or judged in run %s already", f.Flag, run)
	case rev < f.Rev || s.released && rev < s.release.Rev:
		return fmt.Errorf("flag %s is judged at revision %d, which has passed", f.Flag, rev)
	case slices.ContainsFunc(f.all(), func(g event.Guard) bool { return !s.newestIs(g, rev) }):
		return fmt.Errorf("flag %s guards versions that are not the newest of their cells", f.Flag)
	}
	return nil
}

// newestIs reports whether the guarded version is the newest of its cell at
// revision rev; of a cell that was never delivered, its absence is.
func (s *State) newestIs(g event.Guard, rev uint64) bool {
	c := s.cells[g.Key(s.region, s.indicator)]
	now, ok := c.newest(rev)
	if !ok {
		return g.Fingerprint == c.absence()
	}
	return now.Fingerprint == g.Fingerprint || s.standsAs(c, now.Fingerprint, g.Fingerprint)
}

func (s *State) applyPassed(p event.FlagPassed) error {
	f, err := s.flag(p.Flag)
	if err != nil {
		return err
	}
	if p.Run == "" {
		return fmt.Errorf("%w: flag %s passed in no run", ErrTransition, f.Flag)
	}
	if err := s.passable(f, p.Run, p.Rev); err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	f.clean++
	f.passedIn = p.Run
	s.floor = max(s.floor, p.Rev)
	return nil
}

// CleanSince is in how many runs, since the flag's check found it last, the check
// has not found it again.
func (f *Flag) CleanSince() int { return f.clean }

// unclean: what the check says of the flag begins anew.
func (f *Flag) unclean() { f.clean, f.passedIn = 0, "" }
