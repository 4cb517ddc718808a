package gate

import (
	"fmt"
	"slices"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Release proposes to make visible the newest version of every cell up to
// revision rev, except those that are held or withdrawn. rev must have been
// checked: a version that no check has seen has no flag that could hold it.
// After a decision between two runs, run, rev and the CELLS sequences are
// those of LastRelease. The event takes effect by Apply.
func (s *State) Release(run string, rev, cellsFrom, cellsTo uint64) event.ReleaseMade {
	r := event.ReleaseMade{
		Indicator: s.indicator, Run: run, Rev: rev, CellsFrom: cellsFrom, CellsTo: cellsTo,
		Except: s.exceptions(rev), Withdrawn: s.withdrawn(),
	}
	if len(r.Except) > maxExcept {
		r.ExceptFlags = s.holding()
		byFlag := s.guardedBy(r.ExceptFlags)
		r.Except = slices.DeleteFunc(r.Except, func(g event.Guard) bool {
			_, ok := byFlag[version{g.Key(s.region, s.indicator), g.Fingerprint}]
			return ok
		})
	}
	return r
}

// maxExcept is how many exceptions a release names one by one; above it names
// the flags that hold them.
const maxExcept = 1000

// version is one version of one cell.
type version struct {
	key cell.Key
	fp  cell.Fingerprint
}

// holding are the open flags that hold versions back, sorted.
func (s *State) holding() []string {
	var ids []string
	for id, f := range s.open {
		if f.Holds() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// guardedBy are the versions that the named flags guard; unknown flags guard
// nothing.
func (s *State) guardedBy(flags []string) map[version]struct{} {
	out := map[version]struct{}{}
	for _, id := range flags {
		if f := s.flags[id]; f != nil {
			for _, g := range f.all() {
				out[version{g.Key(s.region, s.indicator), g.Fingerprint}] = struct{}{}
			}
		}
	}
	return out
}

// LastRelease is the last release that was applied, if there is one.
func (s *State) LastRelease() (event.ReleaseMade, bool) { return s.release, s.released }

// exceptions are the newest versions up to rev that must not be visible.
func (s *State) exceptions(rev uint64) []event.Guard {
	var except []event.Guard
	add := func(c *cellState) {
		if v, ok := c.newest(rev); ok && (s.kept(c, v.Fingerprint) || s.unsettledCorrection(c, v.Fingerprint)) {
			except = append(except, event.GuardOf(c.key, v.Fingerprint))
		}
	}
	for _, f := range s.open {
		if !f.Holds() {
			continue
		}
		for _, g := range f.all() {
			add(s.cells[g.Key(s.region, s.indicator)])
		}
	}
	for c := range s.withdrawals {
		add(c)
	}
	for k := range s.corrections {
		add(s.cells[k])
	}
	return canonical(except)
}

// withdrawn are all versions that are never to be shown again.
func (s *State) withdrawn() []event.Guard {
	var all []event.Guard
	for c := range s.withdrawals {
		for fp := range c.withdrawn {
			all = append(all, event.GuardOf(c.key, fp))
		}
	}
	return canonical(all)
}

// applyRelease verifies before it shows anything: the release may hold back
// more than the gate does, never less.
func (s *State) applyRelease(r event.ReleaseMade) error {
	if r.Indicator != s.indicator {
		return fmt.Errorf("%w: release of indicator %s", ErrForeign, r.Indicator)
	}
	if s.released && r.Rev < s.release.Rev {
		return fmt.Errorf("%w: release of revision %d after that of %d", ErrOrder, r.Rev, s.release.Rev)
	}
	except := s.guardedBy(r.ExceptFlags)
	named := make(map[cell.Key]cell.Fingerprint, len(r.Except))
	for _, g := range r.Except {
		k := g.Key(s.region, s.indicator)
		if fp, ok := named[k]; ok && fp != g.Fingerprint {
			return fmt.Errorf("%w: two exceptions for %s", ErrTransition, k)
		}
		named[k] = g.Fingerprint
		except[version{k, g.Fingerprint}] = struct{}{}
	}
	for _, g := range s.exceptions(r.Rev) {
		k := g.Key(s.region, s.indicator)
		if _, ok := except[version{k, g.Fingerprint}]; !ok {
			return fmt.Errorf("%w: the release of revision %d would show version %s of %s, which is held or withdrawn",
				ErrGateViolation, r.Rev, g.Fingerprint, k)
		}
	}
	if !sameGuards(canonical(r.Withdrawn), s.withdrawn()) {
		return fmt.Errorf("%w: the release of revision %d does not name the withdrawn versions that decisions made so", ErrGateViolation, r.Rev)
	}
	for k := range named {
		if s.of(k) != nil {
			s.cell(k) // a release may hold back what nothing questions
		}
	}
	for c := range s.unsettled {
		s.show(c, r.Rev, except)
	}
	s.release, s.released = r, true
	s.floor = max(s.floor, r.Rev)
	return nil
}

func (s *State) show(c *cellState, rev uint64, except map[version]struct{}) {
	at := len(c.versions) - 1
	for at >= 0 && c.versions[at].Rev > rev {
		at--
	}
	if at < 0 {
		return
	}
	v := c.versions[at]
	c.versions = slices.Delete(c.versions, 0, at)
	if _, ok := except[version{c.key, v.Fingerprint}]; ok {
		return
	}
	v = s.corrected(c, v)
	if news := !c.hasVisible || c.visible != v; news && !v.Tombstone {
		s.forgetAbsence(c)
	}
	c.visible, c.hasVisible = v, true
	if len(c.versions) == 1 {
		delete(s.unsettled, c)
	}
}

// forgetAbsence ends the withdrawal of a cell's absence once the cell is back.
// Every absence of a cell has the same fingerprint: without this, one wrong
// disappearance would make each later, right one unreleasable. The checks ask
// again when the cell disappears again, and no value resurfaces by it.
func (s *State) forgetAbsence(c *cellState) {
	if len(c.withdrawn) == 0 {
		return
	}
	delete(c.withdrawn, c.absence())
	if len(c.withdrawn) == 0 {
		delete(s.withdrawals, c)
	}
}
