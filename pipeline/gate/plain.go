package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Of almost all cells nobody ever asks anything. What is seen of such a plain
// cell follows from its versions and from the revision of the last release
// alone: the newest version up to it. So they stay in the table that they came
// in, and cost the gate nothing; a cell gets a state of its own when a flag
// guards it, or a release names it.

// FoldTable is the gate after all versions of a table and all events, which are
// in ledger order: what Fold gives for the same versions. The table is kept.
func FoldTable(t *cell.Table, events []event.Event) (*State, error) {
	s := New(t.Region(), t.Indicator())
	s.base = t
	for _, e := range events {
		if err := s.Apply(e); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// of is the state of a cell, which is not to be changed; nil where the cell is
// unknown.
func (s *State) of(k cell.Key) *cellState {
	if c := s.cells[k]; c != nil {
		return c
	}
	return s.plain(k)
}

// plain is the state of a cell of the table that nothing has concerned; nil
// where the table does not have it.
func (s *State) plain(k cell.Key) *cellState {
	if s.base == nil {
		return nil
	}
	_, from, to := s.base.Find(k)
	if from == to {
		return nil
	}
	c := &cellState{key: k}
	at := s.showing(from, to)
	if at >= from {
		c.visible, c.hasVisible, from = s.ref(at), true, at
	}
	for row := from; row < to; row++ {
		c.versions = append(c.versions, s.ref(row))
	}
	return c
}

func (s *State) ref(row int) Ref {
	return Ref{Fingerprint: s.base.Fingerprint(row), Rev: s.base.Rev(row), Tombstone: s.base.Tombstone(row)}
}

// showing is the row, of those of a plain cell, that the last release shows; one
// before the first where it shows none.
func (s *State) showing(from, to int) int {
	row := to - 1
	for row >= from && !(s.released && s.base.Rev(row) <= s.release.Rev) {
		row--
	}
	return row
}

// plainView is the view of a cell of the table while nothing concerns it; that of
// an unknown one where the table does not have it.
func (s *State) plainView(k cell.Key) View {
	if s.base == nil {
		return View{}
	}
	_, from, to := s.base.Find(k)
	if from == to {
		return View{}
	}
	return s.viewOf(from, to)
}

func (s *State) viewOf(from, to int) View {
	v := View{State: Waiting, Current: s.ref(to - 1)}
	if at := s.showing(from, to); at >= from {
		v.State, v.Shown = Released, s.ref(at)
		if v.Shown.Tombstone {
			v.State, v.Shown = Missing, Ref{}
		}
	}
	return v
}

// plainViews calls yield for every cell of the table, in the order of the keys,
// with the view that it has while nothing concerns it, until it returns false.
func (s *State) plainViews(yield func(cell.Key, View) bool) {
	if s.base == nil {
		return
	}
	for i := range s.base.Series() {
		_, from, to := s.base.SeriesAt(i)
		for row := from; row < to; {
			end := s.base.End(row, to)
			if !yield(s.base.Key(i, row), s.viewOf(row, end)) {
				return
			}
			row = end
		}
	}
}

// Concerned are the cells that the events name, sorted: those that flags guard,
// corrections are of, or releases except. A gate that is told of these alone
// knows every flag, and what a release would say, as one that is told of all;
// it does not know what is seen of the others.
func Concerned(region, indicator string, events []event.Event) ([]cell.Key, error) {
	keys := map[cell.Key]struct{}{}
	for _, e := range events {
		var body struct {
			Guards      []event.Guard      `json:"guards"`
			Except      []event.Guard      `json:"except"`
			Withdrawn   []event.Guard      `json:"withdrawn"`
			Corrections []event.Correction `json:"corrections"`
		}
		switch e.Type {
		case event.TypeFlagRaised, event.TypeFlagReopened, event.TypeReleaseMade, event.TypeDecisionProposed:
		default:
			continue // about cells that a flag guards already
		}
		if err := json.Unmarshal(e.Data, &body); err != nil {
			return nil, fmt.Errorf("event %d %s: %w", e.Sequence, e.Type, err)
		}
		for _, c := range body.Corrections {
			body.Guards = append(body.Guards, c.Cell)
		}
		for _, g := range slices.Concat(body.Guards, body.Except, body.Withdrawn) {
			keys[g.Key(region, indicator)] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(keys), cell.Key.Compare), nil
}
