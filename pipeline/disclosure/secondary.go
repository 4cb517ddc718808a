package disclosure

import (
	"cmp"
	"slices"

	"larstrom/pipeline/catalog"
)

// node is one unit in one slice: its cell without stratum and those of its
// strata, as positions in the work's columns.
type node struct {
	unit   int32
	total  int32 // −1: none
	strata []int32
}

// secondary withholds, slice by slice, what would give away what is withheld.
func (w *work) secondary() {
	var s slice
	s.init(w)
	for from := 0; from < len(w.order); {
		to := from + 1
		first := &w.in.Cells[w.order[from]].Key
		for to < len(w.order) && compareSlice(first, &w.in.Cells[w.order[to]].Key) == 0 {
			to++
		}
		w.freeze(w.order[from:to])
		s.protect(w.order[from:to], catalog.DateOfDays(first.PeriodStart))
		from = to
	}
}

// freeze withholds what has changed since it was shown, in a slice in which
// anything is withheld: the old number and the new would tell the difference, and
// with it what is withheld. Its sums have changed as well, up to the top, so that
// nothing that is left binds the new numbers.
func (w *work) freeze(order []int32) {
	published, closed := false, false
	for _, i := range order {
		_, shown := w.before[w.in.Cells[i].Key]
		published = published || shown || w.cause[i] == Earlier
		closed = closed || w.standing[i] == withheld || w.standing[i] == unknown
	}
	if !published || !closed {
		return
	}
	for _, i := range order {
		was, shown := w.before[w.in.Cells[i].Key]
		switch {
		case w.standing[i] == open && (!shown || was != w.in.Cells[i].Fingerprint),
			w.standing[i] == absent && shown:
			w.standing[i], w.cause[i] = withheld, Revised
		}
	}
}

// slice is one version and period: the sums that hold in it are those of the
// units below a unit, of each stratum by itself, and those of a unit's strata.
//
// A unit's strata are withheld together or not at all. So what is withheld of
// the strata below a unit is a whole block, units by strata; with all margins
// known a cell of a whole block can still be anything from nothing to the least
// of its margins and of what these leave of the block. It is enough, then, to
// see to the margins.
type slice struct {
	*work
	nodes  []node
	at     []int32 // by unit: node + 1
	layers [2]layer
	above  [][]parent // by unit
}

// parent is one unit above another, and when; units that have no cells are
// numbered after those that have.
type parent struct {
	unit     int32
	from, to catalog.Date
}

// layer is the sums of the totals, or those of the strata.
type layer struct {
	strata   bool
	columns  int
	column   []int32 // by cell
	has      []bool
	shut     []bool    // withheld or unknown
	parents  [][]int32 // nearest units above that have the layer
	children [][]int32 // by size, then unit
	up       []int32   // nodes, children before parents
	mass     []mass    // node × column: what is free below
}

// mass is what is withheld in a sum: how many of its parts, and the persons with
// and without the outcome in the smallest parts of these.
type mass struct {
	parts int32
	n, m  int64
}

func (s *slice) init(w *work) {
	s.work = w
	number := make(map[string]int32, len(w.units))
	for i, id := range w.units {
		number[id] = int32(i)
	}
	ids := slices.Clone(w.units)
	for i := 0; i < len(ids); i++ {
		var above []parent
		if u, ok := w.in.Index.Unit(ids[i]); ok {
			for _, p := range u.Parents {
				if _, ok := number[p.Unit]; !ok {
					number[p.Unit] = int32(len(ids))
					ids = append(ids, p.Unit)
				}
				above = append(above, parent{number[p.Unit], p.From, p.To})
			}
		}
		s.above = append(s.above, above)
	}
	s.at = make([]int32, len(ids))
	s.layers[1].strata, s.layers[1].column = true, make([]int32, len(w.in.Cells))
}

func (s *slice) protect(order []int32, at catalog.Date) {
	needed := false
	for _, i := range order {
		needed = needed || s.standing[i] == withheld || s.standing[i] == unknown
	}
	if !needed {
		return
	}
	for _, n := range s.nodes {
		s.at[n.unit] = 0
	}
	s.nodes = s.nodes[:0]
	for _, i := range order {
		if s.standing[i] == absent {
			continue
		}
		if n := len(s.nodes); n == 0 || s.nodes[n-1].unit != s.unit[i] {
			s.nodes = append(s.nodes, node{unit: s.unit[i], total: -1})
			s.at[s.unit[i]] = int32(n + 1)
		}
		last := &s.nodes[len(s.nodes)-1]
		if s.in.Cells[i].Key.Stratum == "" {
			last.total = i
		} else {
			last.strata = append(last.strata, i)
		}
	}
	for l := range s.layers {
		s.lay(&s.layers[l], at)
	}
	for again := true; again; {
		again = s.across()
		for l := range s.layers {
			again = s.margins(&s.layers[l]) || again
		}
	}
}

// cells are the cells of a node in a layer.
func (s *slice) cells(l *layer, i int32) []int32 {
	switch n := &s.nodes[i]; {
	case l.strata:
		return n.strata
	case n.total >= 0:
		return []int32{n.total}
	}
	return nil
}

// lay finds who is above whom, and in which order sums are taken.
func (s *slice) lay(l *layer, at catalog.Date) {
	n := len(s.nodes)
	l.has, l.shut = make([]bool, n), make([]bool, n)
	l.parents, l.children = make([][]int32, n), make([][]int32, n)
	l.columns, l.up = 1, l.up[:0]
	if l.strata {
		l.columns = 0
	}
	seen := map[int32]int32{}
	for i := range s.nodes {
		for _, c := range s.cells(l, int32(i)) {
			l.has[i] = true
			l.shut[i] = l.shut[i] || s.standing[c] != open
			if !l.strata {
				continue
			}
			if _, ok := seen[s.stratum[c]]; !ok {
				l.columns++
				seen[s.stratum[c]] = int32(l.columns - 1)
			}
			l.column[c] = seen[s.stratum[c]]
		}
	}
	l.mass = make([]mass, n*l.columns)
	for i := range s.nodes {
		if l.has[i] {
			l.parents[i] = s.nearest(l, nil, s.nodes[i].unit, at, 0)
		}
		for _, p := range l.parents[i] {
			l.children[p] = append(l.children[p], int32(i))
		}
	}
	for i := range l.children {
		slices.SortFunc(l.children[i], func(a, b int32) int {
			return cmp.Or(cmp.Compare(s.size(l, a), s.size(l, b)), cmp.Compare(a, b))
		})
	}
	depth := make([]int32, n)
	for range maxDepth {
		for i := range s.nodes {
			for _, p := range l.parents[i] {
				depth[i] = max(depth[i], min(depth[p]+1, maxDepth))
			}
		}
	}
	for i := range s.nodes {
		if l.has[i] {
			l.up = append(l.up, int32(i))
		}
	}
	slices.SortFunc(l.up, func(a, b int32) int { return cmp.Or(cmp.Compare(depth[b], depth[a]), cmp.Compare(a, b)) })
}

// maxDepth bounds a walk up the hierarchy, which has no cycles.
const maxDepth = 16

// nearest are the units above a unit at a date that have the layer, nearest
// first; a unit without cells is seen through.
func (s *slice) nearest(l *layer, to []int32, unit int32, at catalog.Date, depth int) []int32 {
	for _, p := range s.above[unit] {
		if depth == maxDepth || !at.Within(p.from, p.to) {
			continue
		}
		i := s.at[p.unit] - 1
		switch {
		case i < 0 || !l.has[i]:
			to = s.nearest(l, to, p.unit, at, depth+1)
		case !slices.Contains(to, i):
			to = append(to, i)
		}
	}
	return to
}

// size orders what is withheld to protect others: the smallest first.
func (s *slice) size(l *layer, i int32) int64 {
	sum := int64(0)
	for _, c := range s.cells(l, i) {
		sum += s.counts[c].n
		if twoSided(s.in.Indicator, &s.in.Cells[c].Content) {
			sum += s.counts[c].m
		}
	}
	return sum
}

// hide withholds a node's cells in a layer; false if they were.
func (s *slice) hide(l *layer, i int32) bool {
	if l.shut[i] {
		return false
	}
	l.shut[i] = true
	for _, c := range s.cells(l, i) {
		if s.standing[c] == open {
			s.standing[c], s.cause[c] = withheld, Complementary
		}
	}
	return true
}

// across sees to the sum of a unit's strata.
func (s *slice) across() (changed bool) {
	totals, strata := &s.layers[0], &s.layers[1]
	for i := range s.nodes {
		if !totals.has[i] || !strata.has[i] {
			continue
		}
		if totals.shut[i] {
			if !strata.shut[i] {
				changed = s.hide(strata, int32(i)) || changed
			}
		} else if strata.shut[i] {
			q := s.counts[s.nodes[i].total]
			if len(s.nodes[i].strata) < 2 || q.n < s.width || q.m < s.width {
				changed = s.hide(totals, int32(i)) || changed
			}
		}
		if strata.shut[i] { // all or none
			for _, c := range s.nodes[i].strata {
				if s.standing[c] == open {
					s.standing[c], s.cause[c], changed = withheld, Complementary, true
				}
			}
		}
	}
	return changed
}

// margins sees to the sums of the units below a unit, from the bottom to the top.
func (s *slice) margins(l *layer) (changed bool) {
	for _, i := range l.up {
		changed = s.margin(l, i) || changed
	}
	return changed
}

func (s *slice) margin(l *layer, i int32) (changed bool) {
	below := l.mass[int(i)*l.columns : (int(i)+1)*l.columns]
	children := l.children[i]
	next := 0
	more := func() bool { // the smallest child that is still open
		for ; next < len(children); next++ {
			if c := children[next]; s.size(l, c) > 0 && s.hide(l, c) {
				s.own(l, c)
				return true
			}
		}
		return false
	}
	for {
		clear(below)
		some := false
		for _, c := range children {
			if !l.shut[c] {
				continue
			}
			some = true
			for k, f := range l.mass[int(c)*l.columns : (int(c)+1)*l.columns] {
				below[k].parts, below[k].n, below[k].m = below[k].parts+min(1, f.parts), below[k].n+f.n, below[k].m+f.m
			}
		}
		switch {
		case !some && (!l.shut[i] || len(children) == 0):
			s.own(l, i)
			return s.sideways(l, i) || changed
		case l.shut[i]:
			if !s.told(l, i, below) || !more() { // what is above takes all that is below into account
				return s.sideways(l, i) || changed
			}
		case s.enough(below):
			return changed
		case !more():
			changed = s.hide(l, i)
			return s.sideways(l, i) || changed
		}
		changed = true
	}
}

// told reports whether the open parts of a withheld unit tell one of its cells.
// A cell of which there are no parts is free by itself.
func (s *slice) told(l *layer, i int32, below []mass) (told bool) {
	for _, c := range s.cells(l, i) {
		k := s.columnOf(l, c)
		if below[k].parts > 0 {
			continue
		}
		below[k] = s.massOf(c)
		for _, child := range l.children[i] {
			told = told || slices.ContainsFunc(s.cells(l, child), func(d int32) bool { return s.columnOf(l, d) == k })
		}
	}
	return told
}

// enough reports whether what is withheld in each column leaves all of it open.
func (s *slice) enough(below []mass) bool {
	for _, f := range below {
		if f.parts > 0 && (f.parts < 2 || f.n < s.width || f.m < s.width) {
			return false
		}
	}
	return true
}

// own makes a node's own cells what is free in it.
func (s *slice) own(l *layer, i int32) {
	f := l.mass[int(i)*l.columns : (int(i)+1)*l.columns]
	clear(f)
	for _, c := range s.cells(l, i) {
		f[s.columnOf(l, c)] = s.massOf(c)
	}
}

func (s *slice) columnOf(l *layer, c int32) int32 {
	if l.strata {
		return l.column[c]
	}
	return 0
}

// massOf is what a cell adds to what is free. A cell under question may be shown
// later, so its persons hide nobody.
func (s *slice) massOf(c int32) mass {
	switch s.standing[c] {
	case withheld:
		return mass{1, s.counts[c].n, s.counts[c].m}
	case unknown:
		return mass{1, 0, 0}
	}
	return mass{}
}

// sideways sees to a withheld unit that is below two others, in two hierarchies
// of the same units: what one of them hides the other tells. All that is above it
// is withheld, in both, so that no sum binds it.
func (s *slice) sideways(l *layer, i int32) (changed bool) {
	if !l.shut[i] || len(l.parents[i]) < 2 {
		return false
	}
	for _, p := range l.parents[i] {
		changed = s.upward(l, p, 0) || changed
	}
	return changed
}

func (s *slice) upward(l *layer, i int32, depth int) (changed bool) {
	changed = s.hide(l, i)
	if depth < maxDepth {
		for _, p := range l.parents[i] {
			changed = s.upward(l, p, depth+1) || changed
		}
	}
	return changed
}
