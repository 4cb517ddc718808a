package publication_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/spc"
)

// bitsOf are the rows of a set as texts, by table.
func bitsOf(set publication.Set) map[string][]string {
	out := map[string][]string{}
	for _, t := range set.Tables {
		rows := []string{}
		for i := range t.Rows() {
			row := ""
			for _, c := range t.Columns {
				row += fmt.Sprintf("%s=%016x ", c.Name, c.Bits(i))
			}
			rows = append(rows, row)
		}
		out[t.Name] = rows
	}
	return out
}

// textsOf is a column of texts of a table.
func textsOf(t publication.Table, name string) []string {
	for _, c := range t.Columns {
		if c.Name == name {
			return c.Values.([]string)
		}
	}
	return nil
}

// patched are the rows of a set as a store shows them that has the base and the
// patch.
func patched(base publication.Set, p publication.Patch) map[string][]string {
	type key struct{ version, granularity, stratum, unit string }
	keys := func(t publication.Table) []key {
		var out []key
		version, granularity, stratum, unit := textsOf(t, "indicator_version"), textsOf(t, "granularity"), textsOf(t, "stratum"), textsOf(t, "unit")
		for i := range version {
			out = append(out, key{version[i], granularity[i], stratum[i], unit[i]})
		}
		return out
	}
	replaced := keys(p.Rows.Tables[4])
	out, was := bitsOf(p.Rows), bitsOf(base)
	delete(out, publication.Replaced)
	for _, t := range base.Tables[:2] {
		for i, k := range keys(t) {
			if !slices.Contains(replaced, k) {
				out[t.Name] = append(out[t.Name], was[t.Name][i])
			}
		}
	}
	for _, rows := range out {
		slices.Sort(rows)
	}
	return out
}

// A set that is made from an earlier one, with the series that have changed, is
// the set that is made of all cells, and so are the rows that a store then shows;
// also where the data reach a later date by then that changes nothing of the others.
func TestUpdateIsBuild(t *testing.T) {
	updated, whole, undone, later := 0, 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		ind := catalog.Indicator{ID: "i", Registry: "g", Type: rapid.SampledFrom([]catalog.IndicatorType{catalog.Proportion, catalog.Rate, catalog.Mean, catalog.Count}).Draw(t, "type"),
			Subset: true, Direction: "up", Multiplier: 100, Period: catalog.Month, Measurement: rapid.SampledFrom([]string{"event", "cross_section"}).Draw(t, "measurement"),
			Versions: []catalog.Version{{ID: "1"}}, MaturityLagDays: rapid.SampledFrom([]int{0, 40}).Draw(t, "lag")}
		c := &catalog.Catalog{Indicators: []catalog.Indicator{ind}}
		units := rapid.IntRange(4, 9).Draw(t, "units")
		for u := range units {
			c.Units = append(c.Units, catalog.Unit{ID: fmt.Sprint("u", u)})
		}
		if rapid.IntRange(0, 9).Draw(t, "joined") == 0 {
			c.Units[0].Successors = []catalog.Successor{{Unit: "u1", From: catalog.NewDate(2021, 5, 1), Policy: "sum", AsOf: rapid.SampledFrom([]string{"current", "period"}).Draw(t, "as of")}}
		}
		months := rapid.IntRange(1, 30).Draw(t, "months")
		reach := catalog.NewDate(2020, 1, 1).AddMonths(months).AddDays(3)
		one := func(unit string, month int) publication.Cell {
			k := cell.Key{Region: "r", Registry: "g", Indicator: "i", Version: "1", Granularity: "month", Unit: unit, PeriodStart: catalog.NewDate(2020, 1, 1).AddMonths(month).Days()}
			n := rapid.Int64Range(0, 60).Draw(t, "n")
			x := rapid.Int64Range(0, n).Draw(t, "x")
			content := cell.Content{Rows: n, Numerator: cell.FixedOf(x * cell.Micro), Denominator: cell.FixedOf(n * cell.Micro),
				ValueCount: n, Values: cell.FixedOf(x * cell.Micro), ValueSquares: cell.FixedOf(2 * x * cell.Micro)}
			out := publication.Cell{Key: k, Content: content, State: rapid.SampledFrom([]spc.State{spc.StateValue, spc.StateValue, spc.StateValue, spc.StateValue,
				spc.StateHeldPrevious, spc.StateHeldEmpty}).Draw(t, "state"), Tombstone: rapid.IntRange(0, 15).Draw(t, "gone") == 0}
			out.Fingerprint = cell.FingerprintOf(k, content, out.Tombstone)
			return out
		}
		cells := map[string][]publication.Cell{}
		series := func(unit string) {
			cells[unit] = nil
			for m := range rapid.SampledFrom([]int{months, months - 1, months / 2}).Draw(t, "until") {
				if rapid.IntRange(0, 12).Draw(t, "hole") > 0 {
					cells[unit] = append(cells[unit], one(unit, m))
				}
			}
		}
		all := func(of func(unit string) bool) publication.Input {
			var out []publication.Cell
			for unit, cs := range cells {
				if of(unit) {
					out = append(out, cs...)
				}
			}
			slices.SortFunc(out, func(a, b publication.Cell) int { return a.Key.Compare(b.Key) })
			return publication.Input{Region: "r", Index: c.Index(), Indicator: &ind, Cells: out, Reach: reach}
		}
		every := func(string) bool { return true }
		for _, u := range c.Units[:units-1] {
			series(u.ID)
		}
		base, made, err := publication.BuildMade(all(every))
		if err != nil {
			t.Fatal(err)
		}
		if want, err := publication.Build(all(every)); err != nil || want.ID != base.ID {
			t.Fatalf("made as %s, built as %s, %v", base.ID, want.ID, err)
		}
		first, current := cells, true                         // the set that was made last is of the cells as they are
		changed, step := map[string]bool{}, map[string]bool{} // since the base, and since the set that was made last
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			if to := reach.AddDays(rapid.SampledFrom([]int{0, 1, 8, 26, 40}).Draw(t, "days")); to != reach && made.Steady(&ind, c.Units, reach, to) {
				reach = to
				later++
				if same, err := publication.Build(all(every)); err != nil || current && same.ID != made.ID {
					t.Fatalf("with data that reach %s it is %s, and was %s, %v", to, same.ID, made.ID, err)
				}
			}
			cells = maps.Clone(cells)
			for range rapid.IntRange(1, 2).Draw(t, "changes") {
				u := rapid.SampledFrom(c.Units).Draw(t, "unit").ID
				changed[u], step[u] = true, true
				switch at := rapid.IntRange(0, months).Draw(t, "what"); {
				case at == months && len(first[u]) > 0:
					cells[u] = first[u] // as it was
				case len(cells[u]) > 0:
					own := slices.Clone(cells[u])
					i := min(at, len(own)-1)
					month := int(own[i].Key.PeriodStart-catalog.NewDate(2020, 1, 1).Days()) / 30
					k := own[i].Key
					own[i] = one(u, month)
					own[i].Key = k
					cells[u] = own
				default:
					series(u)
				}
			}
			want, err := publication.Build(all(every))
			if err != nil {
				t.Fatal(err)
			}
			// What changed before the last set may be left out where it is as in the base.
			left := ""
			if earlier := slices.DeleteFunc(slices.Sorted(maps.Keys(changed)), func(u string) bool { return step[u] }); len(earlier) > 0 && rapid.Bool().Draw(t, "narrow") {
				left = rapid.SampledFrom(earlier).Draw(t, "left out")
			}
			p, next, ok, err := made.Update(all(func(u string) bool { return changed[u] && u != left }))
			if err != nil {
				t.Fatal(err)
			}
			if current = ok; !ok {
				whole++
				continue
			}
			updated++
			clear(step)
			if made = next; next.ID != want.ID || p.ID != want.ID || p.Base != base.ID {
				t.Fatalf("updated to %s (%s), built as %s", next.ID, p.ID, want.ID)
			}
			if p.ID == base.ID {
				undone++
				continue
			}
			shown, rows := patched(base, p), bitsOf(want)
			wide, err := impact.Compare(&ind, base, want)
			if err != nil {
				t.Fatal(err)
			}
			narrow, err := impact.Compare(&ind, p.Replaces(base), p.Rows)
			if err != nil || !reflect.DeepEqual(wide, narrow) {
				t.Fatalf("between the sets lie the charts %+v, between the patch and what it replaces %+v, %v", wide.Charts, narrow.Charts, err)
			}
			for name, of := range rows {
				slices.Sort(of)
				if !slices.Equal(of, shown[name]) {
					t.Fatalf("table %s: shown are %d rows that differ from %d", name, len(shown[name]), len(of))
				}
			}
		}
	})
	if updated < 20 || whole < 20 || undone == 0 || later < 20 {
		t.Errorf("%d updated, %d to be made whole, %d as they were, %d with later data: the cases are too few", updated, whole, undone, later)
	}
}

// A later date changes a set where a period matures by it, or the catalog says
// something else of a unit.
func TestSteady(t *testing.T) {
	ind := catalog.Indicator{ID: "i", Registry: "g", Type: catalog.Proportion, Subset: true, Period: catalog.Month, Measurement: "event",
		Versions: []catalog.Version{{ID: "1"}}, FollowUpDays: 3, MaturityLagDays: 7}
	c := &catalog.Catalog{Indicators: []catalog.Indicator{ind}, Units: []catalog.Unit{{ID: "u"}}}
	reach := catalog.NewDate(2026, 3, 5) // February matures on 11 March
	k := cell.Key{Region: "r", Registry: "g", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: catalog.NewDate(2026, 2, 1).Days()}
	content := cell.Content{Rows: 9, Numerator: cell.FixedOf(4 * cell.Micro), Denominator: cell.FixedOf(9 * cell.Micro)}
	_, made, err := publication.BuildMade(publication.Input{Region: "r", Index: c.Index(), Indicator: &ind, Reach: reach,
		Cells: []publication.Cell{{Key: k, Content: content, State: spc.StateValue, Fingerprint: cell.FingerprintOf(k, content, false)}}})
	if err != nil {
		t.Fatal(err)
	}
	on := reach.AddDays(2)
	for name, x := range map[string]struct {
		to   catalog.Date
		unit catalog.Unit
		want bool
	}{
		"the same day":            {reach, catalog.Unit{}, true},
		"an earlier one":          {reach.AddDays(-1), catalog.Unit{}, false},
		"before it matures":       {catalog.NewDate(2026, 3, 10), catalog.Unit{}, true},
		"when it matures":         {catalog.NewDate(2026, 3, 11), catalog.Unit{}, false},
		"months later":            {catalog.NewDate(2026, 6, 5), catalog.Unit{}, false},
		"a unit begins":           {on, catalog.Unit{From: on}, false},
		"a unit ends":             {on, catalog.Unit{To: on}, false},
		"a unit moves":            {on, catalog.Unit{Parents: []catalog.Parent{{Unit: "w", From: on}}}, false},
		"a unit leaves":           {on, catalog.Unit{Parents: []catalog.Parent{{Unit: "w", To: on}}}, false},
		"another carries on":      {on, catalog.Unit{Successors: []catalog.Successor{{Unit: "w", From: on}}}, false},
		"a unit begins next day":  {on, catalog.Unit{From: on.AddDays(1)}, true},
		"a unit had begun by now": {on, catalog.Unit{From: reach}, true},
	} {
		if got := made.Steady(&ind, []catalog.Unit{{ID: "v"}, x.unit}, reach, x.to); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
