package quality

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
)

// The histories that a zero is judged by.
const (
	// minBaseline mature periods, and minViews earlier views at equal lag, are
	// the least from which a mean is taken.
	minBaseline = 6
	minViews    = 3
	// maxBaseline is how many of the newest are used: two years of months.
	// An older level says little about tonight.
	maxBaseline = 24
)

// ZeroProbability is the probability of observing nothing in a period, given
// the volumes of n comparable periods with the given mean, under a negative
// binomial model with variance mean + alpha*mean².
//
// The mean is itself an estimate, with the variance of one period divided by
// n. The predictive variance is therefore (1 + 1/n) times that of one period;
// the probability is that of zero under the negative binomial with this mean
// and this variance, which with n = 24 and alpha = 0 turns exp(-7.0) into
// exp(-6.9). It returns 1 for a mean of 0, and NaN where mean or alpha is
// negative or not finite or n is below 1.
func ZeroProbability(mean, alpha float64, n int) float64 {
	if !(mean >= 0) || !(alpha >= 0) || math.IsInf(mean, 0) || math.IsInf(alpha, 0) || n < 1 {
		return math.NaN()
	}
	if mean == 0 {
		return 1
	}
	variance := (1 + 1/float64(n)) * (mean + alpha*mean*mean)
	a := (variance - mean) / (mean * mean) // > 0, since n is finite
	return math.Exp(-math.Log1p(a*mean) / a)
}

// Dispersion is the alpha of variance = mean + alpha*mean², common to all
// groups, by the method of moments; groups with fewer than two values do not
// count. It is 0 where the groups vary less than Poisson counts.
//
// With s² and m the sample variance and mean of a group of n, s² - m estimates
// alpha*mean² and m² - s²/n estimates mean², both without bias; alpha is the
// ratio of their sums weighted by n - 1 (after Bliss and Owen, Biometrika
// 1958, who pool moment estimates of a common k = 1/alpha over groups).
// Groups must be in a fixed order for the result to be the same to the bit.
func Dispersion(groups [][]float64) float64 {
	var over, square float64
	for _, g := range groups {
		n := float64(len(g))
		if n < 2 {
			continue
		}
		m := mean(g)
		var ss float64
		for _, v := range g {
			ss += (v - m) * (v - m)
		}
		s2 := ss / (n - 1)
		over += (n - 1) * (s2 - m)
		square += (n - 1) * (m*m - s2/n)
	}
	if !(over > 0) || !(square > 0) {
		return 0
	}
	return over / square
}

func mean(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

// history is what zeros of one unit, in one stratum or over all, are judged by.
type history struct {
	id     seriesID
	points []point // by period
	views  []view  // by period that they are for, then that they are of
	err    error
}

type seriesID struct{ registry, version, unit, stratum string }

// point is a period with the volume that counts in baselines.
type point struct {
	period           int32
	volume           float64
	mature, excluded bool
}

// view is how an earlier night saw the period of at the lag of the period on.
type view struct {
	on, of int32
	volume float64
}

// histories prepares the series of the input, in an order that does not depend
// on theirs: sums of floats do.
//
// A cell that vanished in this very run counts with what was known before: a
// unit that takes its whole past with it would otherwise leave nothing that
// its absence could be noticed by.
func histories(in *Input) []*history {
	before := map[seriesID]map[int32]float64{}
	for i := range in.Changed {
		c := &in.Changed[i]
		known, ok := c.before()
		if !ok || c.volume(in) != 0 {
			continue
		}
		id := idOf(c.Current.Key)
		if before[id] == nil {
			before[id] = map[int32]float64{}
		}
		before[id][c.Current.Key.PeriodStart] = Volume(in.Indicator.Type, known.Content)
	}
	all := make([]*history, len(in.Series))
	at := make(map[seriesID]*history, len(in.Series))
	for i := range in.Series {
		s := &in.Series[i]
		h := &history{id: s.id(), err: s.valid()}
		all[i] = h
		if other, twice := at[h.id]; twice {
			h.err = errors.New("the history is given twice")
			other.err = h.err
		}
		at[h.id] = h
		if h.err != nil {
			continue
		}
		for j, p := range s.Period {
			pt := point{p, s.Volume[j], s.Mature[j], s.Excluded[j]}
			if v, ok := before[h.id][p]; ok {
				pt.volume = v
			}
			// A negative volume is a fault that other checks block.
			pt.excluded = pt.excluded || pt.volume < 0
			h.points = append(h.points, pt)
		}
		for j, p := range s.LagFor {
			if s.LagOf[j] < p && s.LagVolume[j] >= 0 {
				h.views = append(h.views, view{p, s.LagOf[j], s.LagVolume[j]})
			}
		}
		h.sort()
	}
	slices.SortStableFunc(all, func(a, b *history) int { return a.id.compare(b.id) })
	return all
}

func (h *history) sort() {
	slices.SortFunc(h.points, func(a, b point) int { return cmp.Compare(a.period, b.period) })
	slices.SortFunc(h.views, func(a, b view) int {
		return cmp.Or(cmp.Compare(a.on, b.on), cmp.Compare(a.of, b.of), cmp.Compare(a.volume, b.volume))
	})
}

// byUnit adds up the histories of each unit: the series without stratum where
// there are any, else those of all strata.
func byUnit(all []*history) []*history {
	total := map[string]bool{}
	for _, h := range all {
		total[h.id.unit] = total[h.id.unit] || h.id.stratum == ""
	}
	var units []*history
	at := map[string]*history{}
	for _, h := range all {
		if total[h.id.unit] && h.id.stratum != "" {
			continue
		}
		u := at[h.id.unit]
		if u == nil {
			u = &history{id: seriesID{unit: h.id.unit}}
			at[h.id.unit] = u
			units = append(units, u)
		}
		if h.err != nil {
			u.err = h.err
		}
		u.points = append(u.points, h.points...)
		u.views = append(u.views, h.views...)
	}
	for _, u := range units {
		u.sort()
		u.points = merge(u.points, func(a, b point) bool { return a.period == b.period }, func(a *point, b point) {
			a.volume += b.volume
			a.mature = a.mature && b.mature
			a.excluded = a.excluded || b.excluded
		})
		u.views = merge(u.views, func(a, b view) bool { return a.on == b.on && a.of == b.of }, func(a *view, b view) {
			a.volume += b.volume
		})
	}
	return units
}

// merge adds up neighbours that are the same.
func merge[T any](sorted []T, same func(a, b T) bool, add func(a *T, b T)) []T {
	var out []T
	for _, v := range sorted {
		if n := len(out); n > 0 && same(out[n-1], v) {
			add(&out[n-1], v)
			continue
		}
		out = append(out, v)
	}
	return out
}

// model is what a zero in one indicator is judged by.
type model struct {
	daily bool
	at    map[seriesID]*history
	// mature says of each period whether it is, in any series that has it.
	mature map[int32]bool
	// alpha is the pooled dispersion of mature periods, lagAlpha that of views
	// at equal lag.
	alpha, lagAlpha float64
}

func newModel(g catalog.Granularity, all []*history) *model {
	m := &model{daily: g == catalog.Day, at: make(map[seriesID]*history, len(all)), mature: map[int32]bool{}}
	var mature, lagged [][]float64
	for _, h := range all {
		m.at[h.id] = h
		if h.err != nil {
			continue
		}
		for _, p := range h.points {
			m.mature[p.period] = m.mature[p.period] || p.mature
		}
		days := int32(1)
		if m.daily {
			days = 7
		}
		for day := range days {
			mature = append(mature, m.pick(h, math.MaxInt32, day))
		}
		for i := 0; i < len(h.views); {
			var v []float64
			v, i = m.viewsFrom(h, i)
			lagged = append(lagged, v)
		}
	}
	m.alpha = Dispersion(mature)
	// A period that is still filling holds a part of its records, and the part
	// varies too: thinning keeps alpha, and delay adds to it.
	m.lagAlpha = max(m.alpha, Dispersion(lagged))
	return m
}

// alike reports whether volumes of the two periods may be compared: days only
// with the same day of the week, since many units are closed on some.
func (m *model) alike(a, b int32) bool { return !m.daily || (a-b)%7 == 0 }

// pick are the volumes of the newest mature periods before the given one that
// are like the period like, oldest first.
func (m *model) pick(h *history, before, like int32) []float64 {
	var v []float64
	for i := len(h.points) - 1; i >= 0 && len(v) < maxBaseline; i-- {
		if p := h.points[i]; p.period < before && p.mature && !p.excluded && m.alike(p.period, like) {
			v = append(v, p.volume)
		}
	}
	slices.Reverse(v)
	return v
}

// after are the volumes of the first mature periods after the given one that are
// like it.
func (m *model) after(h *history, period int32, most int) []float64 {
	var v []float64
	for _, p := range h.points {
		if p.period > period && p.mature && !p.excluded && m.alike(p.period, period) && len(v) < most {
			v = append(v, p.volume)
		}
	}
	return v
}

// viewsFrom are the newest views for the period of row i, and the row after
// the last of them.
func (m *model) viewsFrom(h *history, i int) ([]float64, int) {
	on := h.views[i].on
	var v []float64
	for ; i < len(h.views) && h.views[i].on == on; i++ {
		if m.alike(h.views[i].of, on) {
			v = append(v, h.views[i].volume)
		}
	}
	return v[max(0, len(v)-maxBaseline):], i
}

// zero is the judgement of one zero: the expected volume and the probability
// of none, or why there is no judgement.
type zero struct {
	expected, p0 float64
	why          string
}

func (m *model) judge(h *history, period int32) zero {
	if m.mature[period] {
		v := m.pick(h, period, period)
		if len(v) > 0 && len(v) < minBaseline && slices.Max(v) > 0 {
			// A history that had begun: what came after says what there should be.
			v = append(v, m.after(h, period, minBaseline)...)
		}
		if len(v) < minBaseline {
			return zero{why: fmt.Sprintf("fewer than %d earlier mature periods", minBaseline)}
		}
		return zero{expected: mean(v), p0: ZeroProbability(mean(v), m.alpha, len(v))}
	}
	for i := 0; i < len(h.views); {
		on := h.views[i].on
		var v []float64
		if v, i = m.viewsFrom(h, i); on == period && len(v) >= minViews {
			return zero{expected: mean(v), p0: ZeroProbability(mean(v), m.lagAlpha, len(v))}
		}
	}
	return zero{why: fmt.Sprintf("not mature, and fewer than %d earlier views at the same lag", minViews)}
}

// Silence is a unit that delivered nothing, with the strongest evidence of any
// indicator of the feed that this is no chance.
type Silence struct {
	Unit string
	// P0 is the lowest probability of nothing in one indicator and period.
	// Nothing in all of them is at most as probable, whatever their
	// dependence, so that looking at many indicators raises no false alarm.
	P0 float64
	// Known is false where no indicator has the history to judge by.
	Known bool
	// Broken says why the evidence could not be computed, if so.
	Broken string
}

// Silences weighs the silence of units over all indicators of a feed: inputs
// has one Input for each. Put the result into every one of them. The result is
// sorted by unit.
func Silences(units []string, inputs []Input) []Silence {
	at := make(map[string]*Silence, len(units))
	for _, u := range units {
		at[u] = &Silence{Unit: u, P0: 1}
	}
	for i := range inputs {
		in := &inputs[i]
		m := newModel(in.Indicator.Period, byUnit(histories(in)))
		for u, s := range at {
			z, err := m.silence(in, u)
			switch {
			case err != nil:
				s.Broken = in.Indicator.ID + ": " + err.Error()
			case z.why == "":
				s.Known = true
				s.P0 = min(s.P0, z.p0)
			}
		}
	}
	all := make([]Silence, 0, len(at))
	for _, u := range slices.Sorted(maps.Keys(at)) {
		all = append(all, *at[u])
	}
	return all
}

// silence is the strongest evidence over the expected periods of the unit.
func (m *model) silence(in *Input, unit string) (zero, error) {
	best := zero{why: "no expected period"}
	h := m.at[seriesID{unit: unit}]
	if h == nil {
		return best, nil
	}
	if h.err != nil {
		return best, h.err
	}
	periods := map[int32]struct{}{}
	for i := range in.Series {
		if in.Series[i].Unit == unit {
			for _, p := range in.Series[i].Expected {
				periods[p] = struct{}{}
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(periods)) {
		if z := m.judge(h, p); best.why != "" || z.why == "" && z.p0 < best.p0 {
			best = z
		}
	}
	return best, nil
}

func (s *Series) id() seriesID { return seriesID{s.Registry, s.Version, s.Unit, s.Stratum} }

func idOf(k cell.Key) seriesID { return seriesID{k.Registry, k.Version, k.Unit, k.Stratum} }

func (a seriesID) compare(b seriesID) int {
	return cmp.Or(strings.Compare(a.registry, b.registry), strings.Compare(a.version, b.version),
		strings.Compare(a.unit, b.unit), strings.Compare(a.stratum, b.stratum))
}
