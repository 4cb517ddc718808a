package disclosure

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/spc"
)

// standing is what the audience gets of a cell.
type standing uint8

const (
	absent   standing = iota // nothing was delivered, and everybody may know it
	open                     // its numbers
	withheld                 // nothing, for ever
	unknown                  // nothing yet: it is under question
)

// work is one edition in the making: columns parallel to the cells, and the
// cells in an order in which those of one version and period stand together.
type work struct {
	rule
	key      []byte
	in       Input
	standing []standing
	cause    []Cause
	counts   []counts
	immature []bool
	before   map[cell.Key]cell.Fingerprint // of what was shown
	unit     []int32                       // by the order of the ids
	stratum  []int32
	units    []string
	order    []int32
}

func newWork(p *Profile, in Input) *work {
	n := len(in.Cells)
	w := &work{rule: p.rule(in.Indicator), key: p.cfg.Key, in: in, standing: make([]standing, n), cause: make([]Cause, n),
		counts: make([]counts, n), immature: make([]bool, n), order: make([]int32, n)}
	cells := in.Cells
	w.units, w.unit = numbered(cells, func(k *cell.Key) string { return k.Unit })
	_, w.stratum = numbered(cells, func(k *cell.Key) string { return k.Stratum })
	for i := range w.order {
		w.order[i] = int32(i)
	}
	slices.SortFunc(w.order, func(a, b int32) int {
		x, y := &cells[a].Key, &cells[b].Key
		return cmp.Or(compareSlice(x, y), cmp.Compare(w.unit[a], w.unit[b]), cmp.Compare(w.stratum[a], w.stratum[b]))
	})
	return w
}

// compareSlice orders keys by what one slice of the work has in common.
func compareSlice(a, b *cell.Key) int {
	if c := cmp.Compare(a.PeriodStart, b.PeriodStart); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(a.Version, b.Version), strings.Compare(a.Granularity, b.Granularity),
		strings.Compare(a.Registry, b.Registry))
}

// numbered are the different texts in their order, and that of each cell.
func numbered(cells []Cell, of func(*cell.Key) string) (texts []string, number []int32) {
	at := map[string]int32{}
	for i := range cells {
		s := of(&cells[i].Key)
		if _, ok := at[s]; !ok {
			at[s] = 0
			texts = append(texts, s)
		}
	}
	slices.Sort(texts)
	for i, s := range texts {
		at[s] = int32(i)
	}
	number = make([]int32, len(cells))
	for i := range cells {
		number[i] = at[of(&cells[i].Key)]
	}
	return texts, number
}

// nation is the kind of unit that NHS Digital's rule leaves free.
const nation = "nation"

// free reports whether the unit's own numbers are withheld only to protect
// others, and not rounded.
func (w *work) free(k *cell.Key) bool {
	if !w.round5 {
		return false
	}
	u, ok := w.in.Index.Unit(k.Unit)
	return ok && u.Kind == nation
}

// mature is what the publication takes for it.
func (w *work) mature(k *cell.Key) bool {
	end := catalog.Granularity(k.Granularity).PeriodEnd(catalog.DateOfDays(k.PeriodStart))
	return !w.in.Reach.Before(end.AddDays(w.in.Indicator.FollowUpDays + w.in.Indicator.MaturityLagDays))
}

// primary gives each cell its standing by itself.
func (w *work) primary() {
	before := make(map[cell.Key]struct{}, len(w.in.History.Withheld))
	for _, k := range w.in.History.Withheld {
		before[k] = struct{}{}
	}
	w.before = make(map[cell.Key]cell.Fingerprint, len(w.in.History.Shown))
	for _, s := range w.in.History.Shown {
		w.before[s.Key] = s.Fingerprint
	}
	ind := w.in.Indicator
	for i := range w.in.Cells {
		c := &w.in.Cells[i]
		held := c.State == spc.StateHeldEmpty || c.State != spc.StateHeldPrevious && c.State != spc.StateValue
		readable := !held && !c.Tombstone && !impossible(ind, &c.Content)
		if readable {
			w.counts[i] = countsOf(ind, &c.Content)
		}
		if _, earlier := before[c.Key]; earlier {
			w.standing[i], w.cause[i] = withheld, Earlier
			continue
		}
		switch {
		case !w.mature(&c.Key):
			w.immature[i], w.cause[i] = true, Immature
		case c.Tombstone && c.State == spc.StateValue:
			w.standing[i] = absent
		case !readable, masked(ind, &c.Content):
			w.standing[i] = unknown
		default:
			w.standing[i] = open
			few := w.in.Few != nil && w.in.Few[i]
			if !w.free(&c.Key) {
				w.cause[i] = w.judge(ind, &c.Content, w.counts[i], few)
			}
			if w.cause[i] != NoCause {
				w.standing[i] = withheld
			}
			if few { // many events of few persons hide nobody else
				w.counts[i].n, w.counts[i].m = 0, 0
			}
		}
	}
}

// edition is what came out.
func (w *work) edition() Edition {
	n := len(w.in.Cells)
	out := Edition{Cells: make([]Cell, n), Numerators: make([]float64, n), Denominators: make([]float64, n),
		Reasons: make([]Reason, n), Causes: w.cause, History: w.in.History}
	withheldNow, shownNow := slices.Clone(w.in.History.Withheld), make([]Source, 0, n)
	k := newKeyed(w.key)
	for i := range w.in.Cells {
		from, to := &w.in.Cells[i], &out.Cells[i]
		to.Key, to.State = from.Key, from.State
		out.Numerators[i], out.Denominators[i] = math.NaN(), math.NaN()
		switch {
		case w.standing[i] == withheld:
			to.State, out.Reasons[i] = spc.StateSuppressed, SmallNumbers
			if w.cause[i] != Earlier {
				withheldNow = append(withheldNow, from.Key)
			}
		case w.immature[i]:
			to.State, out.Reasons[i] = spc.StateSuppressed, NotMature
		case w.standing[i] == unknown && from.State == spc.StateValue && masked(w.in.Indicator, &from.Content):
			to.State, out.Reasons[i] = spc.StateSuppressed, SmallNumbers
		case w.standing[i] == unknown:
			to.State = spc.StateHeldEmpty
		case w.standing[i] == absent:
			to.Tombstone = true
		case empty(w.in.Indicator, &from.Content):
			to.Content = cell.Content{Rows: 1} // nobody, which is not an absence
			if from.Content.Missing > 0 || from.Content.Rows == 0 {
				to.Content = cell.Content{} // what was to come and did not
			}
			to.Fingerprint = cell.FingerprintOf(to.Key, to.Content, false)
			shownNow = append(shownNow, Source{from.Key, from.Fingerprint})
		default:
			r, offset := w.rule, int64(0)
			if w.free(&from.Key) {
				r.base = 1
			} else {
				offset = k.offset(&from.Key, r.base)
			}
			to.Content, out.Numerators[i], out.Denominators[i] = r.shown(w.in.Indicator, &from.Content, w.counts[i], offset)
			to.Fingerprint = cell.FingerprintOf(to.Key, to.Content, false)
			shownNow = append(shownNow, Source{from.Key, from.Fingerprint})
		}
	}
	slices.SortFunc(withheldNow, cell.Key.Compare)
	out.History.Withheld = slices.Compact(withheldNow)
	shownNow = append(shownNow, w.in.History.Shown...) // behind those of this edition, which go before them
	slices.SortStableFunc(shownNow, func(a, b Source) int { return a.Key.Compare(b.Key) })
	out.History.Shown = slices.CompactFunc(shownNow, func(a, b Source) bool { return a.Key == b.Key })
	return out
}
