package night

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/quality/surveil"
)

// Score adds up what was found over many nights, against the truth.
type Score struct {
	Nights int
	// Flagged nights had any statistical finding.
	Flagged int
	// Asked are the statistical findings that a person is shown, False those
	// of them about something that no fault touched.
	Asked, False int
	// Made and Met count faults and those that were found, by kind; for moves
	// and common modes found is as exactly one task.
	Made, Met map[Kind]int
	// Bands count faults of single series by the band of the series' mean.
	Bands [bands]Band
	// Wrong names what was found without a fault, Missed what was not found of
	// what a whole unit or source did, for the reader.
	Wrong, Missed []string
}

// Band is a range of means of series.
type Band struct{ Made, Met, Oracle int }

const bands = 5

// bandTop is the upper end of a band of the mean, in records a day.
func bandTop(band int) float64 { return [bands]float64{3, 6, 12, 24, math.Inf(1)}[band] }

func bandOf(mean float64) int {
	b := 0
	for mean >= bandTop(b) {
		b++
	}
	return b
}

func statistical(f *surveil.Finding) bool {
	return slices.Contains([]string{"T02", "T03", "T05", "T06", "K04", "D04"}, f.Check)
}

// Add scores one night.
func (s *Score) Add(n *Night, faults []Fault, found []surveil.Finding, oracle Oracle) {
	if s.Made == nil {
		s.Made, s.Met = map[Kind]int{}, map[Kind]int{}
	}
	s.Nights++
	asked := 0
	for i := range found {
		f := &found[i]
		if f.Into >= 0 || !statistical(f) {
			continue
		}
		asked++
		if !n.touched(faults, f) {
			s.False++
			s.Wrong = append(s.Wrong, fmt.Sprintf("%+v", *f))
		}
	}
	s.Asked += asked
	if asked > 0 {
		s.Flagged++
	}
	for i := range faults {
		f := &faults[i]
		s.Made[f.Kind]++
		met := n.met(faults, i, found)
		if met {
			s.Met[f.Kind]++
		} else if f.Series < 0 {
			s.Missed = append(s.Missed, n.about(f, found))
		}
		if f.Series < 0 {
			continue
		}
		b := &s.Bands[bandOf(n.Mean[f.Series])]
		b.Made++
		if met {
			b.Met++
		}
		if f.Kind == Lost && oracle.Missing[f.Series] || f.Kind != Lost && oracle.Volume[f.Series] {
			b.Oracle++
		}
	}
}

// covers reports whether finding f is about series s.
func (n *Night) covers(f *surveil.Finding, s int) bool {
	p := &n.Panel
	if f.Series >= 0 {
		return f.Series == s
	}
	u := int(p.Unit[s])
	if f.Unit >= 0 || f.Other >= 0 {
		return u == f.Unit || u == f.Other
	}
	return (f.Indicator < 0 || f.Indicator == int(p.Indicator[s])) && (f.Source < 0 || f.Source == int(p.UnitSource[u]))
}

// touched reports whether a fault changed what the finding is about.
func (n *Night) touched(faults []Fault, f *surveil.Finding) bool {
	for i := range faults {
		if f.Check == "T06" && faults[i].Kind != CommonMode {
			continue
		}
		for s := range n.Panel.Unit {
			if n.covers(f, s) && faults[i].Touches(n, s) {
				return true
			}
		}
	}
	return false
}

// met reports whether fault i was found; what concerns a whole unit or source
// must be one task and nothing beside it.
func (n *Night) met(faults []Fault, i int, found []surveil.Finding) bool {
	f := &faults[i]
	tasks, right := 0, 0
	for j := range found {
		r := &found[j]
		if r.Into >= 0 {
			continue
		}
		about := false
		for s := range n.Panel.Unit {
			if !n.covers(r, s) || !f.Touches(n, s) {
				continue
			}
			elsewhere := false
			for k := range faults {
				elsewhere = elsewhere || k != i && faults[k].Touches(n, s)
			}
			if about = !elsewhere || r.Check == "T06" && f.Kind == CommonMode; about {
				break
			}
			if f.Series >= 0 || f.Unit >= 0 {
				about = true
				break
			}
		}
		if !about {
			continue
		}
		if f.Kind != CommonMode && r.Check == "T06" {
			continue
		}
		tasks++
		switch f.Kind {
		case Silent:
			if r.Check == "K01" && r.Unit == f.Unit {
				right++
			}
		case StaleCopy:
			if r.Check == "T08" && r.Unit == f.Unit {
				right++
			}
		case Merge, Split:
			if r.Check == "X06" && r.Unit == f.Unit && r.Other == f.Other {
				right++
			}
		case CommonMode:
			if r.Check == "T06" {
				right++
			}
		case Lost:
			if r.Check == "K04" {
				return true
			}
		default:
			if r.Check == "T02" || r.Check == "T03" {
				return true
			}
		}
	}
	switch f.Kind {
	case Silent, StaleCopy:
		return right == 1
	}
	return right == 1 && tasks == 1
}

// about writes a fault with everything that was found about it.
func (n *Night) about(f *Fault, found []surveil.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%+v:", *f)
	for i := range found {
		r := &found[i]
		for s := range n.Panel.Unit {
			if r.Into < 0 && n.covers(r, s) && f.Touches(n, s) {
				fmt.Fprintf(&b, " %+v", *r)
				break
			}
		}
	}
	return b.String()
}

// Share is found of made.
func (s *Score) Share(kinds ...Kind) float64 {
	made, met := 0, 0
	for _, k := range kinds {
		made += s.Made[k]
		met += s.Met[k]
	}
	if made == 0 {
		return 1
	}
	return float64(met) / float64(made)
}

// FalseShare is the pooled proportion of false findings.
func (s *Score) FalseShare() float64 {
	if s.Asked == 0 {
		return 0
	}
	return float64(s.False) / float64(s.Asked)
}

// OfOracle is the recall of faults of single series, relative to the oracle's.
func (s *Score) OfOracle() float64 {
	met, oracle := 0, 0
	for _, b := range s.Bands {
		met += b.Met
		oracle += b.Oracle
	}
	if oracle == 0 {
		return 1
	}
	return float64(met) / float64(oracle)
}

// String is a table for a reader.
func (s *Score) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d nights: %d with a statistical finding; %d findings, %d false (%.3f)\n", s.Nights, s.Flagged, s.Asked, s.False, s.FalseShare())
	var kinds []Kind
	for k := range s.Made {
		kinds = append(kinds, k)
	}
	slices.SortFunc(kinds, func(a, b Kind) int { return cmp.Compare(a, b) })
	for _, k := range kinds {
		fmt.Fprintf(&b, "  %-12s %4d of %4d  %.3f\n", k, s.Met[k], s.Made[k], s.Share(k))
	}
	low := 0.0
	for i, v := range s.Bands {
		if v.Made > 0 {
			fmt.Fprintf(&b, "  mean %3.0f to %3.0f: %4d faults of single series, recall %.3f, oracle %.3f\n", low, min(bandTop(i), 999), v.Made,
				float64(v.Met)/float64(v.Made), float64(v.Oracle)/float64(v.Made))
		}
		low = bandTop(i)
	}
	return b.String()
}
