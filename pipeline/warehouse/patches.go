package warehouse

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"larstrom/pipeline/publication"
)

// Patched is a set whose rows are those of a base, but for the series that a
// patch replaces, and those of the patch.
type Patched struct{ Whole, Base, Patch string }

// patches are the sets that are known to be held as patches, by their ids. What
// is in none of them is held whole.
type patches struct {
	mu sync.Mutex
	of map[string]Patched
}

func (p *patches) hold(all ...Patched) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[string]Patched{}
	}
	for _, x := range all {
		p.of[x.Whole] = x
	}
}

func (p *patches) forget(sets ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range sets {
		delete(p.of, id)
	}
}

func (p *patches) forgetAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.of)
}

// among are those of the sets, in their order.
func (p *patches) among(sets []string) []Patched {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Patched
	for _, id := range sets {
		if x, ok := p.of[id]; ok {
			out = append(out, x)
		}
	}
	return out
}

// dropped forgets the sets that rest on what is no more there.
func (p *patches) dropped(sets map[string][]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.of, func(_ string, x Patched) bool { return sets[x.Base] != nil || sets[x.Patch] != nil })
}

// NamedPatch is a patch and whom its set is of: an indicator, or publication.OfMeta.
type NamedPatch struct {
	Of    string
	Patch publication.Patch
}

// Patched is how the store holds the set, if it is known to hold it as a patch.
func (r *Released) Patched(set string) (of Patched, ok bool) {
	for _, of := range r.patches.among([]string{set}) {
		return of, true
	}
	return Patched{}, false
}

// FlagSums are what each flag of a set adds to its checksum, by id.
func (r *Released) FlagSums(ctx context.Context, set string) (map[string]uint64, error) {
	flags, _ := publication.MetaApartTemplate()
	rows, err := r.conn.Query(ctx, fmt.Sprintf("SELECT flag, xxHash64(concat(%s)) FROM result_flag WHERE result_set = %s", bitsSQL(flags.Tables[0]), text(set)))
	if err != nil {
		return nil, fmt.Errorf("flags of set %s: %w", set, err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]uint64{}
	for rows.Next() {
		var id string
		var sum uint64
		if err := rows.Scan(&id, &sum); err != nil {
			return nil, fmt.Errorf("flags of set %s: %w", set, err)
		}
		out[id] = sum
	}
	return out, rows.Err()
}

// WritePatches stores sets of one kind, those of indicators or those of flags, as
// patches of their bases, which the store must hold, and reads back what it wrote.
func (r *Released) WritePatches(ctx context.Context, all []NamedPatch) error {
	for part := range slices.Chunk(all, setsPerInsert) {
		var sets []Named
		for _, p := range part {
			if p.Patch.ID != p.Patch.Base {
				sets = append(sets, Named{Of: publication.OfPatch(p.Of), Set: p.Patch.Rows})
			}
		}
		if err := r.writeSets(ctx, sets); err != nil {
			return err
		}
		for _, p := range part {
			if p.Patch.ID == p.Patch.Base {
				r.patches.forget(p.Patch.ID)
				continue
			}
			r.patches.hold(Patched{Whole: p.Patch.ID, Base: p.Patch.Base, Patch: p.Patch.Rows.ID})
		}
	}
	return nil
}

// wholeByPatch are those of the sets, given by owner, that the store holds as
// patches, as it has them on record; what is not as it was written is not among
// them.
func (r *Released) wholeByPatch(ctx context.Context, sets map[string]string, template publication.Set) (map[string]bool, error) {
	out := map[string]bool{}
	if len(sets) == 0 || keyOf(template.Tables[0].Name) == "" {
		return out, nil
	}
	owner := map[string]string{}
	for of, id := range sets {
		owner[id] = of
	}
	ids := slices.Sorted(maps.Keys(owner))
	r.patches.forget(ids...)
	rows, err := r.conn.Query(ctx, fmt.Sprintf("SELECT DISTINCT whole, base, toString(result_set) AS patch FROM result_replaced WHERE whole IN (%s) ORDER BY ALL",
		strings.Trim(texts(ids), "[]")))
	if err != nil {
		return nil, fmt.Errorf("look for patches: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Patched
	for rows.Next() {
		var p Patched
		if err := rows.Scan(&p.Whole, &p.Base, &p.Patch); err != nil {
			return nil, fmt.Errorf("look for patches: %w", err)
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for patches: %w", err)
	}
	for len(all) > 0 {
		// Those of one query have bases of their own, so that what one replaces is
		// not taken from another.
		var some, rest []Patched
		bases := map[string]bool{}
		for _, p := range all {
			if bases[p.Base] || len(some) == setsPerInsert {
				rest = append(rest, p)
				continue
			}
			bases[p.Base] = true
			some = append(some, p)
		}
		all = rest
		stored, err := r.patchedIDs(ctx, some, owner, template)
		if err != nil {
			return nil, fmt.Errorf("read back patches: %w", err)
		}
		for i, p := range some {
			if stored[i] == p.Whole && !out[owner[p.Whole]] {
				out[owner[p.Whole]] = true
				r.patches.hold(p)
			}
		}
	}
	return out, nil
}

// keyOf are the columns by which rows of a patch stand in the place of those of its
// base; empty: the table is wholly that of the patch.
func keyOf(table string) string {
	switch table {
	case "cell", "chart":
		return "indicator_version, granularity, stratum, unit"
	case "flag":
		return "flag"
	}
	return ""
}

// patchedIDs are the names that sets deserve that are held as patches of bases
// that differ.
func (r *Released) patchedIDs(ctx context.Context, all []Patched, owner map[string]string, template publication.Set) ([]string, error) {
	at := map[string]int{}
	sums := make([][]publication.Sum, len(all))
	var pieces, patches []string
	for i, p := range all {
		at[p.Base], at[p.Patch] = i, i
		pieces, patches = append(pieces, p.Base, p.Patch), append(patches, p.Patch)
		for _, t := range template.Tables {
			sums[i] = append(sums[i], publication.Sum{Table: t.Name})
		}
	}
	among := func(ids []string) string { return "result_set IN (" + strings.Trim(texts(ids), "[]") + ")" }
	var parts []string
	for j, t := range template.Tables {
		where := among(patches)
		if key := keyOf(t.Name); key != "" {
			where = fmt.Sprintf("%s AND (result_set, %s) NOT IN (SELECT base, %[2]s FROM result_replaced WHERE %s)", among(pieces), key, among(patches))
		}
		parts = append(parts, sumSQL(j, t, where))
	}
	err := r.sums(ctx, parts, func(place uint8, id string, n, sum uint64) {
		s := &sums[at[id]][place]
		s.Rows += n
		s.Sum += sum
	})
	out := make([]string, len(all))
	for i, p := range all {
		out[i] = publication.SetID(owner[p.Whole], sums[i])
	}
	return out, err
}
