package gate

import (
	"fmt"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// The roles of the catalog that matter here.
const (
	SuperUser       = "super_user"
	RegionSteward   = "region_steward"
	NationalSteward = "national_steward"
	Administrator   = "administrator"
	Viewer          = "viewer"
	Auditor         = "auditor"
	SourceOperator  = "source_operator"
)

// Confirm is the kind of a command by which a second person confirms a
// proposal.
const Confirm = "confirm"

// What a person may do beside commands about one flag.
const (
	// Bulk is deciding about more than one flag at once.
	Bulk = "bulk"
	// Introduce is drawing, signing and revoking introduction protocols.
	Introduce = "introduce"
	// Affirm is standing by what is shown of a unit.
	Affirm = "affirm"
)

// Actor is a person together with the part of the organisation that her roles
// reach.
type Actor struct {
	ID    string
	Roles []catalog.Role
	// Below reports whether unit lies below above in the organisation. Nil:
	// no unit lies below another.
	Below func(unit, above string) bool
}

// NewActor is the person p in the hierarchy that holds on the given day.
func NewActor(p catalog.Person, units []catalog.Unit, on catalog.Date) Actor {
	parents := make(map[string][]string, len(units))
	for _, u := range units {
		for _, up := range u.Parents {
			if on.Within(up.From, up.To) {
				parents[u.ID] = append(parents[u.ID], up.Unit)
			}
		}
	}
	below := func(unit, above string) bool {
		// A catalog's hierarchy has no cycles; the walk ends even if one had.
		queue, met := slices.Clone(parents[unit]), map[string]bool{unit: true}
		for len(queue) > 0 {
			u := queue[0]
			queue = queue[1:]
			if u == above {
				return true
			}
			if !met[u] {
				met[u] = true
				queue = append(queue, parents[u]...)
			}
		}
		return false
	}
	return Actor{ID: p.ID, Roles: p.Roles, Below: below}
}

// Allowed reports by a nil error whether the actor may do kind (a decision
// kind of package event, or Confirm) to a flag about these registries and
// units; an empty unit stands for the whole indicator. Otherwise the error is
// ErrForbidden and says why.
//
// Super-users accept, reject, comment, snooze, judge, undo, assign, attach
// evidence, affirm and propose corrections in their units. Stewards do the same in their parts; they also
// propose waivers, confirm or refuse what others propose, decide in bulk, and
// sign introduction protocols. Source operators answer comments, attach evidence
// and decide nothing. Nobody else does anything; a person who administers users decides
// nothing whatever other roles she has, since she could have given them to
// herself.
func Allowed(a Actor, kind string, registries, units []string) error {
	var held []string
	for _, r := range a.Roles {
		if r.Role == Administrator {
			return fmt.Errorf("%w: %s is an administrator, and administrators decide nothing; ask a steward", ErrForbidden, a.ID)
		}
		held = append(held, r.Role)
	}
	may := false
	for _, r := range a.Roles {
		if !mayDo(r.Role, kind) {
			continue
		}
		may = true
		if a.reaches(r, registries, units) {
			return nil
		}
	}
	if may {
		where := strings.Join(units, ", ")
		if slices.Equal(units, []string{""}) {
			where = "(all)"
		}
		return fmt.Errorf("%w: the roles of %s do not reach unit %s of registry %s; ask a steward there",
			ErrForbidden, a.ID, where, strings.Join(registries, ", "))
	}
	if len(held) == 0 {
		held = []string{"none"}
	}
	return fmt.Errorf("%w: %s needs the role %s, %s has: %s", ErrForbidden, kind, needed(kind), a.ID, strings.Join(held, ", "))
}

// Capacity is the role by which the actor may do kind, with the units that it
// names; empty: she may not.
func Capacity(a Actor, kind string, registries, units []string) string {
	if Allowed(a, kind, registries, units) != nil {
		return ""
	}
	at := slices.IndexFunc(a.Roles, func(r catalog.Role) bool { return mayDo(r.Role, kind) && a.reaches(r, registries, units) })
	return strings.TrimSpace(a.Roles[at].Role + " " + strings.Join(a.Roles[at].Units, ", "))
}

func mayDo(role, kind string) bool {
	return slices.Contains(doers(kind), role)
}

// doers are the roles that may do a kind.
func doers(kind string) []string {
	switch kind {
	case event.Accept, event.RejectIt, event.Comment, event.Snooze, event.Correct, Judge, Undo, Assign, Affirm:
		return []string{SuperUser, RegionSteward, NationalSteward}
	case event.Answer, Attach:
		return []string{SourceOperator, SuperUser, RegionSteward, NationalSteward}
	case event.Waive, Confirm, Refuse, Bulk, Introduce:
		return []string{RegionSteward, NationalSteward}
	}
	return nil
}

func needed(kind string) string {
	roles := doers(kind)
	if len(roles) == 0 {
		return "that nobody has"
	}
	if last := len(roles) - 1; last > 0 {
		return strings.Join(roles[:last], ", ") + " or " + roles[last]
	}
	return roles[0]
}

func (a Actor) reaches(r catalog.Role, registries, units []string) bool {
	if len(r.Registries) > 0 {
		if len(registries) == 0 {
			return false
		}
		for _, reg := range registries {
			if !slices.Contains(r.Registries, reg) {
				return false
			}
		}
	}
	return a.within(r, units)
}

// within reports whether every unit lies in the role's part; an empty unit
// stands for all, and is in no part.
func (a Actor) within(r catalog.Role, units []string) bool {
	if len(r.Units) == 0 {
		return true
	}
	for _, u := range units {
		if !slices.ContainsFunc(r.Units, func(above string) bool {
			return u == above || a.Below != nil && a.Below(u, above)
		}) {
			return false
		}
	}
	return len(units) > 0
}
