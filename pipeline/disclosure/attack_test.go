package disclosure

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// The attacker knows the hierarchy, every table of every edition, and that counts
// are whole, never negative and only grow. It is told more than the tables hold:
// each number that is shown, exactly, as if nothing were rounded. What it cannot
// find so, nobody finds from the rounded numbers or from charts made of them.

// place is a unit and a stratum.
type place struct{ unit, stratum string }

// system is a set of equations over whole numbers of at least 0: in each row
// sum(plus) − sum(minus) = 0.
type system struct {
	index map[string]int
	names []string
	low   []float64
	high  []float64
	plus  [][]int
	minus [][]int
}

func newSystem() *system { return &system{index: map[string]int{}} }

func (s *system) variable(name string) int {
	if i, ok := s.index[name]; ok {
		return i
	}
	s.index[name] = len(s.names)
	s.names = append(s.names, name)
	s.low, s.high = append(s.low, 0), append(s.high, math.Inf(1))
	return len(s.names) - 1
}

func (s *system) know(i int, v float64) { s.low[i], s.high[i] = v, v }

func (s *system) equal(plus, minus []int) {
	s.plus, s.minus = append(s.plus, plus), append(s.minus, minus)
}

// propagate narrows the bounds until none moves: every term of an equation lies
// within what the others leave of it.
func (s *system) propagate() {
	for range 200 {
		moved := false
		narrow := func(terms, others []int, k int) {
			low, high := 0.0, 0.0 // of others − terms without k
			for _, j := range others {
				low, high = low+s.low[j], high+s.high[j]
			}
			for i, j := range terms {
				if i != k {
					low, high = low-s.high[j], high-s.low[j]
				}
			}
			j := terms[k]
			if low > s.low[j] {
				s.low[j], moved = low, true
			}
			if high < s.high[j] {
				s.high[j], moved = high, true
			}
		}
		for r := range s.plus {
			for k := range s.plus[r] {
				narrow(s.plus[r], s.minus[r], k)
			}
			for k := range s.minus[r] {
				narrow(s.minus[r], s.plus[r], k)
			}
		}
		if !moved {
			return
		}
	}
}

// bounds are the least and the most that a variable can be by linear programming
// over all equations at once; known variables are put in as numbers.
func (s *system) bounds(t *testing.T, target int) (low, high float64) {
	t.Helper()
	free := []int{}
	at := map[int]int{}
	for i := range s.names {
		if s.low[i] != s.high[i] {
			at[i] = len(free)
			free = append(free, i)
		}
	}
	if _, ok := at[target]; !ok {
		return s.low[target], s.high[target]
	}
	n := len(free)
	var rows [][]float64
	for r := range s.plus {
		row := make([]float64, n+1)
		for _, side := range []struct {
			terms []int
			sign  float64
		}{{s.plus[r], 1}, {s.minus[r], -1}} {
			for _, j := range side.terms {
				if k, ok := at[j]; ok {
					row[k] += side.sign
				} else {
					row[n] -= side.sign * s.low[j]
				}
			}
		}
		rows = append(rows, row)
	}
	rows = independent(rows, n)
	if len(rows) == 0 {
		return 0, math.Inf(1)
	}
	a, b := mat.NewDense(len(rows), n, nil), make([]float64, len(rows))
	for i, row := range rows {
		a.SetRow(i, row[:n])
		b[i] = row[n]
	}
	// Columns of nothing are free of every equation.
	used := false
	for _, row := range rows {
		used = used || row[at[target]] != 0
	}
	if !used {
		return 0, math.Inf(1)
	}
	return s.extreme(t, a, b, at[target], 1), s.extreme(t, a, b, at[target], -1)
}

func (s *system) extreme(t *testing.T, a *mat.Dense, b []float64, target int, sign float64) float64 {
	t.Helper()
	r, n := a.Dims()
	keep, col := []int{}, 0
	for j := range n {
		zero := true
		for i := range r {
			zero = zero && a.At(i, j) == 0
		}
		if !zero {
			if j == target {
				col = len(keep)
			}
			keep = append(keep, j)
		}
	}
	m := mat.NewDense(r, len(keep), nil)
	for k, j := range keep {
		for i := range r {
			m.Set(i, k, a.At(i, j))
		}
	}
	c := make([]float64, len(keep))
	c[col] = sign
	if r == len(keep) { // one solution
		var x mat.VecDense
		if err := x.SolveVec(m, mat.NewVecDense(r, b)); err != nil {
			t.Fatal(err)
		}
		return math.Round(x.AtVec(col))
	}
	v, _, err := lp.Simplex(c, m, b, 1e-9, nil)
	switch {
	case errors.Is(err, lp.ErrUnbounded):
		return math.Inf(int(-sign))
	case err != nil:
		t.Fatalf("linear programme of %d rows and %d columns: %v", r, len(keep), err)
	}
	return math.Round(v * sign)
}

// independent reduces rows to as many as the rank, each with a positive right
// side.
func independent(rows [][]float64, n int) [][]float64 {
	var out [][]float64
	for col := 0; col < n; col++ {
		pivot := -1
		for i, r := range rows {
			if math.Abs(r[col]) > 1e-9 && (pivot < 0 || math.Abs(r[col]) > math.Abs(rows[pivot][col])) {
				pivot = i
			}
		}
		if pivot < 0 {
			continue
		}
		p := rows[pivot]
		rows = slices.Delete(rows, pivot, pivot+1)
		for _, set := range [][][]float64{rows, out} {
			for _, r := range set {
				if f := r[col] / p[col]; f != 0 {
					for k := range r {
						if r[k] -= f * p[k]; math.Abs(r[k]) < 1e-9 {
							r[k] = 0
						}
					}
				}
			}
		}
		out = append(out, p)
	}
	for _, r := range out {
		if r[n] < 0 {
			for k := range r {
				r[k] = -r[k]
			}
		}
	}
	return out
}

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
func (w *world) sums(s *system, at func(place) int) {
	for _, stratum := range append([]string{""}, w.strata...) {
		for _, above := range w.units() {
			var parts []int
			for _, u := range w.below[above] {
				parts = append(parts, at(place{u, stratum}))
			}
			if len(parts) > 0 {
				s.equal(parts, []int{at(place{above, stratum})})
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
		s.equal(parts, []int{at(place{u, ""})})
	}
}

// night is what was published on one night, and the truth behind it.
type night struct {
	edition Edition
	n, m    map[place]int64
}

// exact is the attacker who is told every shown number exactly: one system for
// the persons with the outcome and one for those without.
func (w *world) exact(nights []night, growing bool) [2]*system {
	var out [2]*system
	for q := range out {
		s := newSystem()
		for t, one := range nights {
			truth := one.n
			if q == 1 {
				truth = one.m
			}
			at := func(p place) int { return s.variable(fmt.Sprintf("%d/%s/%s", t, p.unit, p.stratum)) }
			for _, c := range one.edition.Cells {
				if p := (place{c.Key.Unit, c.Key.Stratum}); c.State != spc.StateSuppressed {
					s.know(at(p), float64(truth[p]))
				}
			}
			w.sums(s, at)
			if t > 0 && growing {
				for _, p := range w.places() {
					was := s.variable(fmt.Sprintf("%d/%s/%s", t-1, p.unit, p.stratum))
					s.equal([]int{was, s.variable(fmt.Sprintf("more %d/%s/%s", t, p.unit, p.stratum))}, []int{at(p)})
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
		s.propagate()
		for at, one := range nights {
			for _, c := range one.edition.Cells {
				if c.State != spc.StateSuppressed {
					continue
				}
				withheld++
				i := s.variable(fmt.Sprintf("%d/%s/%s", at, c.Key.Unit, c.Key.Stratum))
				low, high := s.low[i], s.high[i]
				if programme && high-low >= widthOf(rule) {
					low, high = s.bounds(t, i)
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
	last := catalog.Date{}
	for day := range 30 {
		in := w.input(edition.History)
		in.Reach = catalog.NewDate(2026, 6, 1).AddDays(day)
		for i := range in.Cells {
			if w.rng.IntN(10) == 0 {
				in.Cells[i] = Cell{Key: in.Cells[i].Key, State: spc.StateHeldEmpty}
			}
		}
		if p.Due(last, in.Reach) {
			edition, last = p.Apply(in), in.Reach
			first, made = edition, made+1
		}
		shown, gone := 0, 0
		for i, c := range Between(edition, in.Cells).Cells {
			switch {
			case c == first.Cells[i]:
				shown++
			case c.State == spc.StateHeldEmpty && c.Content == cell.Content{}:
				gone++
			default:
				t.Fatalf("night %d shows %s as the first did not", day, c.Key)
			}
		}
		if day > 20 && (shown == 0 || gone == 0) {
			t.Errorf("night %d: %d shown, %d gone: the test could not fail", day, shown, gone)
		}
		w.grow(0.02)
	}
	same(t, "editions", 1, made)
}
