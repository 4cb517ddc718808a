package publication

import (
	"maps"
	"slices"
)

// MadeFlags is what must be known of a set of flags to make from it one in which
// few of them are different. It is never changed.
type MadeFlags struct {
	// ID names the set.
	ID string
	// Base is the set whose rows the store has, all but those that a patch
	// replaces; the set itself where there is none.
	Base string

	of    map[string]map[string]uint64 // by indicator and id: what each flag adds to the checksum
	base  map[string]uint64            // by id, of the base
	other map[string]Flag              // by id: those whose rows are not those of the base
	sum   Sum
}

// mostFlags is the share of the flags above which a whole set of them costs less,
// over many decisions, than patches that grow with each.
const mostFlags = 0.02

// fewFlags are so few that a patch of them costs no less than the set.
const fewFlags = 64

// BuildFlags is the set of flags alone, with what is to be known of it.
func BuildFlags(region string, flags []Flag) (Set, *MadeFlags) {
	t := tableOfFlags(region, flags)
	m := &MadeFlags{of: map[string]map[string]uint64{}, base: make(map[string]uint64, len(flags)), sum: Sum{Table: t.Name}}
	indicators, ids := column[string](t, "indicator"), column[string](t, "flag")
	i := 0
	t.each(func(sum uint64) {
		of := m.of[indicators[i]]
		if of == nil {
			of = map[string]uint64{}
			m.of[indicators[i]] = of
		}
		of[ids[i]], m.base[ids[i]] = sum, sum
		m.sum.Rows++
		m.sum.Sum += sum
		i++
	})
	m.ID = SetID(OfMeta, []Sum{m.sum})
	m.Base = m.ID
	return Set{ID: m.ID, Tables: []Table{t}}, m
}

// On is the same set, where the store holds it as a patch of another one: base has
// by id what each flag of that adds to its checksum, and flags are all of the set.
func (m *MadeFlags) On(id string, base map[string]uint64, flags []Flag) *MadeFlags {
	out := *m
	out.Base, out.base, out.other = id, base, map[string]Flag{}
	for _, f := range flags {
		if sum, ok := base[f.FlagRaised.Flag]; !ok || sum != m.of[f.Indicator][f.FlagRaised.Flag] {
			out.other[f.FlagRaised.Flag] = f
		}
	}
	return &out
}

// Update makes the set that BuildFlags makes of flags that differ from those of a
// set that was made only in some indicators: of has all flags of these. ok is false
// where the set has to be made whole: much has changed, or flags are gone.
func (m *MadeFlags) Update(region string, of map[string][]Flag) (p Patch, made *MadeFlags, ok bool) {
	out := *m
	out.of, out.other = maps.Clone(m.of), maps.Clone(m.other)
	if out.other == nil {
		out.other = map[string]Flag{}
	}
	for indicator, flags := range of {
		now := make(map[string]uint64, len(flags))
		t := tableOfFlags(region, flags)
		ids, i := column[string](t, "flag"), 0
		t.each(func(sum uint64) {
			now[ids[i]] = sum
			i++
		})
		if len(now) < len(flags) {
			return Patch{}, nil, false // one id twice
		}
		for id, was := range m.of[indicator] {
			if _, there := now[id]; !there {
				return Patch{}, nil, false
			}
			out.sum.Rows--
			out.sum.Sum -= was
		}
		for _, f := range flags {
			id := f.FlagRaised.Flag
			sum := now[id]
			out.sum.Rows++
			out.sum.Sum += sum
			if base, there := m.base[id]; there && base == sum {
				delete(out.other, id)
			} else {
				out.other[id] = f
			}
		}
		out.of[indicator] = now
	}
	out.ID = SetID(OfMeta, []Sum{out.sum})
	if n := len(out.other); n > fewFlags && float64(n) > mostFlags*float64(out.sum.Rows) {
		return Patch{}, nil, false
	}
	p = Patch{ID: out.ID, Base: out.Base}
	if len(out.other) == 0 {
		return p, &out, p.ID == p.Base
	}
	t := tableOfFlags(region, slices.Collect(maps.Values(out.other)))
	p.Rows = Seal(OfPatch(OfMeta), []Table{t, replacedFlags(p, column[string](t, "flag"))})
	return p, &out, true
}

// replacedFlags is the table of the flags of the base that the patch replaces, or
// adds to it.
func replacedFlags(p Patch, flags []string) Table {
	whole, base := make([]string, len(flags)), make([]string, len(flags))
	for i := range flags {
		whole[i], base[i] = p.ID, p.Base
	}
	return Table{Replaced, []Column{{"whole", whole}, {"base", base}, {"flag", flags}}}
}
