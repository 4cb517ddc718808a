package run

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"larstrom/pipeline/event"
)

// Edition is what a wider audience was last given.
type Edition struct {
	event.EditionPublished
	PublishedAt time.Time
}

// audience is what the LEDGER says of one wider audience.
type audience struct {
	last *Edition
	// made are the editions as they were made, without those events that only
	// take something out.
	made []event.EditionPublished
	few  map[int]map[string][]event.Guard // number → indicator → cells of few persons
}

// audience is that of the profile; it is made when there is none.
func (s *State) audience(profile string) *audience {
	if s.audiences == nil {
		s.audiences = map[string]*audience{}
	}
	a := s.audiences[profile]
	if a == nil {
		a = &audience{few: map[int]map[string][]event.Guard{}}
		s.audiences[profile] = a
	}
	return a
}

// next is the number of the audience's next edition.
func (a *audience) next() int {
	if a.last == nil {
		return 1
	}
	return a.last.Number + 1
}

func (s *State) counted(e event.Event) error {
	b, err := event.Decode[event.PersonsCounted](e)
	if err != nil {
		return err
	}
	a := s.audience(b.Audience)
	if b.Number != a.next() {
		return fmt.Errorf("persons are counted for edition %d of audience %s where %d is next", b.Number, b.Audience, a.next())
	}
	if a.few[b.Number] == nil {
		a.few[b.Number] = map[string][]event.Guard{}
	}
	a.few[b.Number][b.Indicator] = append(a.few[b.Number][b.Indicator], b.Few...)
	return nil
}

func (s *State) editionPublished(e event.Event) error {
	b, err := event.Decode[event.EditionPublished](e)
	if err != nil {
		return err
	}
	a := s.audience(b.Audience)
	r := s.run(b.Run)
	switch {
	case b.Number != a.next():
		return fmt.Errorf("edition %d of audience %s where %d is next", b.Number, b.Audience, a.next())
	case r == nil || !r.Published:
		return fmt.Errorf("edition %d of audience %s is made from run %s, which is not published", b.Number, b.Audience, b.Run)
	case b.Until == 0:
		if a.last != nil && !a.last.Edition.Before(b.Edition) {
			return fmt.Errorf("edition %d of audience %s is of %s, the last one of %s", b.Number, b.Audience, b.Edition, a.last.Edition)
		}
		a.made = append(a.made, b)
	case a.last == nil || a.last.Edition != b.Edition || a.last.Run != b.Run || a.last.Through != b.Through || a.last.Catalog != b.Catalog:
		return fmt.Errorf("edition %d of audience %s takes something out of another one than the last", b.Number, b.Audience)
	case s.run(b.UntilRun) == nil:
		return fmt.Errorf("edition %d of audience %s reaches to run %s, which was never opened", b.Number, b.Audience, b.UntilRun)
	}
	a.last = &Edition{b, e.Time}
	return nil
}

// Audiences are the profiles of the audiences that have an edition, sorted.
func (s *State) Audiences() []string {
	var out []string
	for _, id := range slices.Sorted(maps.Keys(s.audiences)) {
		if s.audiences[id].last != nil {
			out = append(out, id)
		}
	}
	return out
}

// Edition is what the audience was last given, nil before its first edition.
func (s *State) Edition(profile string) *Edition {
	if a := s.audiences[profile]; a != nil {
		return a.last
	}
	return nil
}

// Made are the audience's editions as they were made, in order.
func (s *State) Made(profile string) []event.EditionPublished {
	if a := s.audiences[profile]; a != nil {
		return a.made
	}
	return nil
}

// FewPersons are the cells of the audience's edition of that number, published or
// in the making, that hold too few persons although their counts are larger.
func (s *State) FewPersons(profile string, number int, indicator string) []event.Guard {
	if a := s.audiences[profile]; a != nil {
		return a.few[number][indicator]
	}
	return nil
}

// Retractions are the revisions of the deliveries that only withdraw another
// one, of the runs after r up to and including to.
func (s *State) Retractions(r, to *Run) map[uint64]bool {
	out := map[uint64]bool{}
	for _, d := range s.order {
		if d.Retracts == nil || d.Run == "" {
			continue
		}
		if in := s.run(d.Run); in.Ordinal > r.Ordinal && in.Ordinal <= to.Ordinal {
			out[d.Rev] = true
		}
	}
	return out
}
