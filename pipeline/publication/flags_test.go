package publication_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/event"
	"larstrom/pipeline/publication"
)

// overlaid is what the views show of a patch on a base: the rows of the patch, and
// those of the base that it does not replace.
func overlaid(base publication.Set, p publication.Patch) map[string]string {
	out := map[string]string{}
	add := func(t publication.Table) {
		ids := values[string](t, "flag")
		for i, id := range ids {
			row := ""
			for _, c := range t.Columns {
				row += fmt.Sprintf("%x ", c.Bits(i))
			}
			out[id] = row
		}
	}
	add(base.Tables[0])
	if len(p.Rows.Tables) > 0 {
		for _, id := range values[string](p.Rows.Tables[1], "flag") {
			delete(out, id)
		}
		add(p.Rows.Tables[0])
	}
	return out
}

func values[T any](t publication.Table, name string) []T {
	i := slices.IndexFunc(t.Columns, func(c publication.Column) bool { return c.Name == name })
	return t.Columns[i].Values.([]T)
}

// However flags are raised and change, a set of them made from the last one is the
// set that is built of all of them: by its name, and by what is shown.
func TestFlagsPatchedAreBuilt(t *testing.T) {
	patches := 0
	rapid.Check(t, func(t *rapid.T) {
		flags := map[string][]publication.Flag{} // by indicator
		all := func() []publication.Flag {
			var out []publication.Flag
			for _, of := range flags {
				out = append(out, of...)
			}
			return out
		}
		indicator := rapid.SampledFrom([]string{"a", "b", "c"})
		raise := func(i string) {
			flags[i] = append(flags[i], publication.Flag{Status: "open", FlagRaised: event.FlagRaised{
				Indicator: i, Flag: fmt.Sprintf("%s%d", i, len(flags[i])), Unit: rapid.SampledFrom([]string{"u", "v"}).Draw(t, "unit")}})
		}
		for range rapid.SampledFrom([]int{0, 1, 5, 400}).Draw(t, "flags") {
			raise(indicator.Draw(t, "of"))
		}
		base, made := publication.BuildFlags("nord", all())
		for range rapid.IntRange(1, 6).Draw(t, "decisions") {
			moved := map[string][]publication.Flag{}
			for range rapid.IntRange(0, 40).Draw(t, "moves") {
				i := indicator.Draw(t, "moves")
				if n := len(flags[i]); n == 0 || rapid.IntRange(0, 4).Draw(t, "new") == 0 {
					raise(i)
				} else {
					flags[i] = slices.Clone(flags[i])
					flags[i][rapid.IntRange(0, n-1).Draw(t, "flag")].Status = rapid.SampledFrom([]string{"open", "accepted", "rejected"}).Draw(t, "status")
				}
				moved[i] = nil
			}
			for i := range moved {
				moved[i] = flags[i]
			}
			want, whole := publication.BuildFlags("nord", all())
			patch, next, ok := made.Update("nord", moved)
			if !ok {
				base, made = want, whole
				continue
			}
			patches++
			if next.ID != want.ID || patch.ID != want.ID || patch.Base != base.ID || next.Base != base.ID {
				t.Fatalf("patched %s (%s) on %s, built %s on %s", next.ID, patch.ID, patch.Base, want.ID, base.ID)
			}
			if got, want := overlaid(base, patch), overlaid(want, publication.Patch{}); !maps.Equal(got, want) {
				t.Fatalf("patched:\n%v\nbuilt:\n%v", got, want)
			}
			made = next
			if rapid.Bool().Draw(t, "start") { // nothing is known but what the store and the ledger have
				sums := map[string]uint64{}
				ids, i := values[string](base.Tables[0], "flag"), 0
				for _, row := range publication.RowSums(base.Tables[0]) {
					sums[ids[i]] = row
					i++
				}
				made = whole.On(base.ID, sums, all())
			}
		}
	})
	if patches == 0 {
		t.Error("no set was made from another")
	}
}
