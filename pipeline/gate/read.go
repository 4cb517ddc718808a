package gate

import (
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// Matter is a kind of thing that a person may want to read.
type Matter string

// The matters.
const (
	OfFlag     Matter = "flag"
	OfCell     Matter = "cell"
	OfDelivery Matter = "delivery"
	OfIncident Matter = "incident"
	OfEvent    Matter = "event"
)

// Reads reports by a nil error whether the actor may read something about
// these registries and units; an empty unit stands for all of a registry's.
// Otherwise the error is ErrForbidden and says why.
//
// Viewers, super-users, stewards and auditors read what lies wholly in their
// part. Source operators read deliveries, and the flags and incidents that
// came of them, in theirs; of published cells they read nothing. The raw
// events are the auditors' and stewards'. Administrators read nothing: they
// know who there is, not what was measured.
func Reads(a Actor, m Matter, registries, units []string) error {
	may := false
	for _, r := range a.Roles {
		if !slices.Contains(readers(m), r.Role) {
			continue
		}
		may = true
		if a.reaches(r, registries, units) {
			return nil
		}
	}
	if may {
		return fmt.Errorf("%w: the roles of %s do not reach unit %s of registry %s", ErrForbidden, a.ID, strings.Join(units, ", "), strings.Join(registries, ", "))
	}
	return fmt.Errorf("%w: %s has no role that reads a %s", ErrForbidden, a.ID, m)
}

func readers(m Matter) []string {
	switch m {
	case OfCell:
		return []string{Viewer, SuperUser, RegionSteward, NationalSteward, Auditor}
	case OfFlag, OfDelivery, OfIncident:
		return []string{Viewer, SuperUser, RegionSteward, NationalSteward, Auditor, SourceOperator}
	case OfEvent:
		return []string{RegionSteward, NationalSteward, Auditor}
	}
	return nil
}

// ReadsFlag reports by a nil error whether the actor may read the flag: it
// must lie in her part with everything that it guards. registry is that of the
// flag's indicator.
func ReadsFlag(a Actor, f Flag, registry string) error {
	registries, units := []string{registry}, []string{f.Unit}
	for _, g := range f.all() {
		registries, units = append(registries, g.Registry), append(units, g.Unit)
	}
	slices.Sort(registries)
	slices.Sort(units)
	return Reads(a, OfFlag, slices.Compact(registries), slices.Compact(units))
}

// ReadsCell reports by a nil error whether the actor may read the cells of a
// unit in a registry.
func ReadsCell(a Actor, registry, unit string) error {
	return Reads(a, OfCell, []string{registry}, []string{unit})
}

// ReadsDelivery reports by a nil error whether the actor may read a delivery of
// a feed: it is about every unit of the feed's roster, and of the whole
// registry where there is none.
func ReadsDelivery(a Actor, f *catalog.Feed) error {
	units := f.Schedule.Roster
	if len(units) == 0 {
		units = []string{""}
	}
	return Reads(a, OfDelivery, []string{f.Registry}, units)
}
