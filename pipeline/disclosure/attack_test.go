package disclosure

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/disclosure/attack"
	"larstrom/pipeline/spc"
)

// The attacker knows the hierarchy, every table of every edition, and that counts
// are whole, never negative and only grow. It is told more than the tables hold:
// each number that is shown, exactly, as if nothing were rounded. What it cannot
// find so, nobody finds from the rounded numbers or from charts made of them.

// place is a unit and a stratum.
type place struct{ unit, stratum string }

// world is a hierarchy with counts: region, areas, units; n persons with and m
// without the outcome in each stratum.
type world struct {
	catalog *catalog.Catalog
	below   map[string][]string // children
	leaves  []string
	strata  []string // without the total
	n, m    map[place]int64
	rng     *rand.Rand
}

func newWorld(seed uint64, areas, units int, strata ...string) *world {
	w := &world{below: map[string][]string{}, strata: strata, n: map[place]int64{}, m: map[place]int64{}, rng: rand.New(rand.NewPCG(seed, 7))}
	cat := &catalog.Catalog{Units: []catalog.Unit{{ID: "region", Kind: "region"}}}
	for a := range areas {
		area := fmt.Sprintf("area%d", a)
		cat.Units = append(cat.Units, catalog.Unit{ID: area, Kind: "area", Parents: []catalog.Parent{{Unit: "region"}}})
		w.below["region"] = append(w.below["region"], area)
		for u := range 1 + w.rng.IntN(units) {
			unit := fmt.Sprintf("unit%d%d", a, u)
			cat.Units = append(cat.Units, catalog.Unit{ID: unit, Kind: "clinic", Parents: []catalog.Parent{{Unit: area}}})
			w.below[area] = append(w.below[area], unit)
			w.leaves = append(w.leaves, unit)
		}
	}
	w.catalog = cat
	for _, u := range w.leaves {
		for _, s := range w.columns() {
			w.n[place{u, s}], w.m[place{u, s}] = w.draw(), w.draw()
		}
	}
	w.sum()
	return w
}

// columns are what persons are counted in: the strata, or only the total.
func (w *world) columns() []string {
	if len(w.strata) == 0 {
		return []string{""}
	}
	return w.strata
}

func (w *world) draw() int64 {
	switch w.rng.IntN(4) {
	case 0:
		return int64(w.rng.IntN(8))
	case 1:
		return int64(w.rng.IntN(20))
	default:
		return int64(10 + w.rng.IntN(150))
	}
}

// sum makes the totals of units and strata.
func (w *world) sum() {
	for _, q := range []map[place]int64{w.n, w.m} {
		for _, top := range w.tops() {
			for _, s := range w.columns() {
				q[place{top, s}] = 0
				for _, area := range w.below[top] {
					q[place{area, s}] = 0
					for _, u := range w.below[area] {
						q[place{area, s}] += q[place{u, s}]
					}
					q[place{top, s}] += q[place{area, s}]
				}
			}
		}
		if len(w.strata) > 0 {
			for _, u := range w.units() {
				q[place{u, ""}] = 0
				for _, s := range w.strata {
					q[place{u, ""}] += q[place{u, s}]
				}
			}
		}
	}
}

func (w *world) units() []string {
	out := slices.Clone(w.leaves)
	for _, top := range w.tops() {
		out = append(append(out, w.below[top]...), top)
	}
	return out
}

// tops are the units that nothing is above.
func (w *world) tops() []string {
	if len(w.below["chain"]) == 0 {
		return []string{"region"}
	}
	return []string{"region", "chain"}
}

func (w *world) places() []place {
	var out []place
	for _, u := range w.units() {
		out = append(out, place{u, ""})
		for _, s := range w.strata {
			out = append(out, place{u, s})
		}
	}
	return out
}

// grow registers late persons.
func (w *world) grow(chance float64) {
	for _, u := range w.leaves {
		for _, s := range w.columns() {
			if w.rng.Float64() < chance {
				w.n[place{u, s}] += int64(w.rng.IntN(4))
				w.m[place{u, s}] += int64(w.rng.IntN(4))
			}
		}
	}
	w.sum()
}

// cross puts each unit under an owner as well, and the owners under a chain.
func (w *world) cross(owners int) *world {
	w.catalog.Units = append(w.catalog.Units, catalog.Unit{ID: "chain", Kind: "owner"})
	for o := range owners {
		id := fmt.Sprintf("owner%d", o)
		w.catalog.Units = append(w.catalog.Units, catalog.Unit{ID: id, Kind: "owner", Parents: []catalog.Parent{{Unit: "chain"}}})
	}
	for i := range w.catalog.Units {
		if u := &w.catalog.Units[i]; u.Kind == "clinic" {
			o := fmt.Sprintf("owner%d", w.rng.IntN(owners))
			u.Parents = append(u.Parents, catalog.Parent{Unit: o})
			if len(w.below[o]) == 0 {
				w.below["chain"] = append(w.below["chain"], o)
			}
			w.below[o] = append(w.below[o], u.ID)
		}
	}
	w.sum()
	return w
}

var march = catalog.NewDate(2026, 3, 1)

func proportion() *catalog.Indicator {
	return &catalog.Indicator{ID: "i", Type: catalog.Proportion, Subset: true, Period: catalog.Month, Versions: []catalog.Version{{ID: "1"}}}
}

func cellOf(unit, stratum string, n, total int64) Cell {
	c := Cell{Key: cell.Key{Region: "r", Registry: "g", Indicator: "i", Version: "1", Granularity: "month", Unit: unit, Stratum: stratum, PeriodStart: march.Days()},
		State: spc.StateValue, Content: cell.Content{Rows: total, Numerator: cell.FixedOf(n * cell.Micro), Denominator: cell.FixedOf(total * cell.Micro)}}
	c.Fingerprint = cell.FingerprintOf(c.Key, c.Content, false)
	return c
}

func (w *world) cells() []Cell {
	var out []Cell
	for _, p := range w.places() {
		out = append(out, cellOf(p.unit, p.stratum, w.n[p], w.n[p]+w.m[p]))
	}
	return out
}

func profileOf(t testing.TB, rule string) *Profile {
	t.Helper()
	p, err := New(Config{Rule: rule, Key: []byte("a key that only this test has, 32 bytes")})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sums writes the equations of the hierarchy and of the strata for one quantity;
// at names the variable of a place.
func (w *world) sums(s *attack.System, at func(place) int) {
	for _, stratum := range append([]string{""}, w.strata...) {
		for _, above := range w.units() {
			var parts []int
			for _, u := range w.below[above] {
				parts = append(parts, at(place{u, stratum}))
			}
			if len(parts) > 0 {
				s.Equal(parts, []int{at(place{above, stratum})})
			}
		}
	}
	if len(w.strata) == 0 {
		return
	}
	for _, u := range w.units() {
		var parts []int
		for _, stratum := range w.strata {
			parts = append(parts, at(place{u, stratum}))
		}
		s.Equal(parts, []int{at(place{u, ""})})
	}
}

// night is what was published on one night, and the truth behind it.
type night struct {
	edition Edition
	n, m    map[place]int64
}

// exact is the attacker who is told every shown number exactly: one system for
// the persons with the outcome and one for those without.
func (w *world) exact(nights []night, growing bool) [2]*attack.System {
	var out [2]*attack.System
	for q := range out {
		s := attack.New()
		for t, one := range nights {
			truth := one.n
			if q == 1 {
				truth = one.m
			}
			at := func(p place) int { return s.Variable(fmt.Sprintf("%d/%s/%s", t, p.unit, p.stratum)) }
			for _, c := range one.edition.Cells {
				if p := (place{c.Key.Unit, c.Key.Stratum}); c.State != spc.StateSuppressed {
					s.Know(at(p), float64(truth[p]))
				}
			}
			w.sums(s, at)
			if t > 0 && growing {
				for _, p := range w.places() {
					was := s.Variable(fmt.Sprintf("%d/%s/%s", t-1, p.unit, p.stratum))
					s.Equal([]int{was, s.Variable(fmt.Sprintf("more %d/%s/%s", t, p.unit, p.stratum))}, []int{at(p)})
				}
			}
		}
		out[q] = s
	}
	return out
}

// widths of the rules: how many numbers a withheld cell must be able to be.
func widthOf(rule string) float64 {
	if rule == SE {
		return 5
	}
	return 7
}

// clone keeps a night's truth.
func (w *world) clone() (n, m map[place]int64) {
	n, m = map[place]int64{}, map[place]int64{}
	for p := range w.n {
		n[p], m[p] = w.n[p], w.m[p]
	}
	return n, m
}

// primaryOnly is the naive publisher: it withholds small cells and no others.
func primaryOnly(p *Profile, in Input) Edition {
	w := newWork(p, in)
	w.primary()
	return w.edition()
}

// broken counts the withheld cells that an attacker bounds below the width, by
// propagation and, where it is asked for, by linear programming.
func (w *world) broken(t *testing.T, rule string, nights []night, growing, programme bool) (withheld, broken int) {
	t.Helper()
	for _, s := range w.exact(nights, growing) {
		s.Propagate()
		for at, one := range nights {
			for _, c := range one.edition.Cells {
				if c.State != spc.StateSuppressed {
					continue
				}
				withheld++
				i := s.Variable(fmt.Sprintf("%d/%s/%s", at, c.Key.Unit, c.Key.Stratum))
				low, high := s.Range(i)
				if programme && high-low >= widthOf(rule) {
					var err error
					if low, high, err = s.Bounds(i); err != nil {
						t.Fatal(err)
					}
				}
				if high-low < widthOf(rule) {
					broken++
				}
			}
		}
	}
	return withheld, broken
}

func worlds() []*world {
	var out []*world
	for seed := range uint64(12) {
		out = append(out, newWorld(seed, 2+int(seed%2), 4), newWorld(seed, 2, 3, "F", "M"), newWorld(seed, 2, 3, "0-17", "18-64", "65-"))
	}
	for seed := range uint64(8) {
		out = append(out, newWorld(seed+50, 3, 5).cross(3), newWorld(seed+50, 2, 3, "F", "M").cross(2))
	}
	return out
}

func (w *world) input(history History) Input {
	return Input{Index: w.catalog.Index(), Indicator: proportion(), Cells: w.cells(), Reach: march.AddMonths(2), History: history}
}

func TestAttackerSolvesNaiveSuppression(t *testing.T) {
	for _, rule := range []string{SE, Round5} {
		p, cells, broken := profileOf(t, rule), 0, 0
		for _, w := range worlds() {
			n, m := w.clone()
			c, b := w.broken(t, rule, []night{{primaryOnly(p, w.input(History{})), n, m}}, false, false)
			cells, broken = cells+c, broken+b
		}
		t.Logf("%s: primary suppression alone: %d of %d withheld numbers are bounded", rule, broken, cells)
		if broken < cells/5 {
			t.Errorf("%s: the attacker solves only %d of %d: it could not tell a good rule from a bad one", rule, broken, cells)
		}
	}
}

func TestAttackerFailsOnOneEdition(t *testing.T) {
	for _, rule := range []string{SE, Round5} {
		p, cells, broken, shown, all := profileOf(t, rule), 0, 0, 0, 0
		for i, w := range worlds() {
			n, m := w.clone()
			e := p.Apply(w.input(History{}))
			c, b := w.broken(t, rule, []night{{e, n, m}}, false, true)
			if cells, broken = cells+c, broken+b; b > 0 {
				t.Errorf("%s, world %d: %d of %d withheld numbers are bounded to fewer than %v", rule, i, b, c, widthOf(rule))
			}
			for _, c := range e.Cells {
				if all++; c.State == spc.StateValue {
					shown++
				}
			}
		}
		t.Logf("%s: %d of %d withheld numbers bounded; %d of %d cells shown", rule, broken, cells, shown, all)
	}
}

// TestAttackerFailsOnThirtyNights restates growing counts on thirty nights. Even
// a publisher who makes an edition of every one of them gives nothing away.
func TestAttackerFailsOnThirtyNights(t *testing.T) {
	for _, rule := range []string{SE, Round5} {
		p := profileOf(t, rule)
		naive := 0
		all := worlds()
		for i, w := range append(all[:6], all[len(all)-4:]...) {
			var nights, bare []night
			var history History
			for range 30 {
				n, m := w.clone()
				e := p.Apply(w.input(history))
				history = e.History
				nights, bare = append(nights, night{e, n, m}), append(bare, night{primaryOnly(p, w.input(History{})), n, m})
				w.grow(0.2)
			}
			if c, b := w.broken(t, rule, nights, true, false); b > 0 {
				t.Errorf("%s, world %d: %d of %d withheld numbers of thirty nights are bounded", rule, i, b, c)
			}
			_, b := w.broken(t, rule, bare, true, false)
			naive += b
			if c, b := w.broken(t, rule, nights[29:], false, true); b > 0 {
				t.Errorf("%s, world %d: %d of %d withheld numbers of the last night are bounded by linear programming", rule, i, b, c)
			}
		}
		if naive == 0 {
			t.Errorf("%s: thirty nights of primary suppression give the attacker nothing: the test could not fail", rule)
		}
	}
}

// TestPeriodsAreIndependent: what is withheld in one period depends on no other,
// and no sum goes over periods, so that one period is all that there is to solve.
func TestPeriodsAreIndependent(t *testing.T) {
	for _, rule := range []string{SE, Round5} {
		p, april := profileOf(t, rule), march.AddMonths(1).Days()
		a, b := newWorld(1, 2, 4, "F", "M"), newWorld(1, 2, 4, "F", "M")
		b.grow(1)
		in, second := a.input(History{}), b.cells()
		first := p.Apply(in)
		for i := range second {
			second[i].Key.PeriodStart = april
		}
		in.Cells = second
		alone := p.Apply(in)
		in.Cells = append(a.cells(), second...)
		both := p.Apply(in)
		same(t, rule, append(first.Cells, alone.Cells...), both.Cells)
	}
}

// TestNightsOfAMonth publishes thirty nights on which counts grow and cells are
// held and released, as a publisher does: an edition when it is due, and between
// editions what is left of it. No night shows a number that the first did not.
func TestNightsOfAMonth(t *testing.T) {
	p, w := profileOf(t, SE), newWorld(3, 3, 4, "F", "M")
	var edition Edition
	var first, made = Edition{}, 0
	shown, gone := 0, 0
	last := catalog.Date{}
	for day := range 30 {
		in := w.input(edition.History)
		in.Reach = catalog.NewDate(2026, 6, 1).AddDays(day)
		for i := range in.Cells {
			if w.rng.IntN(10) == 0 {
				in.Cells[i] = Cell{Key: in.Cells[i].Key, State: spc.StateHeldEmpty}
			}
		}
		if monthly := (&catalog.Profile{}); Due(monthly, last, in.Reach) {
			edition, last = p.Apply(in), monthly.Edition(in.Reach)
			first, made = edition, made+1
		}
		held := map[cell.Key]bool{}
		for _, c := range in.Cells {
			held[c.Key] = c.State == spc.StateHeldEmpty
		}
		for i, c := range Without(edition, func(k cell.Key, _ cell.Fingerprint) bool { return held[k] }).Cells {
			switch {
			case c == first.Cells[i]:
				shown++
			case c.State == spc.StateHeldEmpty && c.Content == cell.Content{}:
				gone++
			default:
				t.Fatalf("night %d shows %s as the first did not", day, c.Key)
			}
		}
		w.grow(0.02)
	}
	if shown < 300 || gone < 30 {
		t.Errorf("%d shown, %d gone: the test could not fail", shown, gone)
	}
	same(t, "editions", 1, made)
}
