package control

import (
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
)

// Know adds to the audiences of the LEDGER what the catalog says of them, and
// those that have no edition yet.
func (st *Status) Know(profiles []catalog.Profile) {
	for i := range profiles {
		p := &profiles[i]
		at := slices.IndexFunc(st.Audiences, func(a Audience) bool { return a.Audience == p.ID })
		if at < 0 {
			at = len(st.Audiences)
			st.Audiences = append(st.Audiences, Audience{Audience: p.ID})
		}
		a := &st.Audiences[at]
		a.Rule = p.Rule
		if !a.Edition.IsZero() {
			a.Next = p.Edition(a.Edition.AddDays(31)) // a month has no more, and no two editions fall into it
		}
	}
	slices.SortFunc(st.Audiences, func(a, b Audience) int { return strings.Compare(a.Audience, b.Audience) })
}
