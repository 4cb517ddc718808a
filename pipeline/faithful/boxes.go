package faithful

// The modified runs rules of Anhøj & Wentzel-Larsen (2020), which the tool holds
// as a table for 10 to 100 useful observations; here they are computed.

// box is a region of crossings (at least cross) and longest run (at most run)
// that is no signal. Of its border row, crossings equal to cross, only runs up to
// runBorder belong to it, and of runs equal to run only crossings from
// crossBorder; -1 without a cut.
type box struct{ cross, run, crossBorder, runBorder int }

func (b box) signals(crossings, longest int) bool {
	switch {
	case crossings < b.cross || longest > b.run:
		return true
	case b.crossBorder < 0:
		return false
	}
	// The corner itself lies on both borders; belonging to one is enough.
	inside := crossings > b.cross && longest < b.run
	return !inside && !(crossings == b.cross && longest <= b.runBorder) && !(longest == b.run && crossings >= b.crossBorder)
}

const (
	boxTarget = 0.925              // least probability of no signal in control
	boxShift  = 0.7881446014166033 // P(above the line) after a shift of 0.8 sigma
	boxRuns   = 40                 // longer runs than these matter to no box
)

// runsBox finds the box of a number of useful observations: among those with at
// least the target probability the one least likely after the shift, and with cut
// what can be taken off its corner and borders.
func runsBox(n int, cut bool) box {
	calm, shifted := jointRuns(n, 0.5), jointRuns(n, boxShift)
	// Probability of at least c crossings and runs of at most l.
	boxOf := func(p [][]float64, c, l int) float64 {
		s := 0.0
		for i := c; i < n; i++ {
			s += p[l][i]
		}
		return s
	}
	point := func(p [][]float64, c, l int) float64 {
		if l < 1 || c < 0 || c >= n {
			return 0
		}
		return p[l][c] - p[l-1][c]
	}
	top := min(n, boxRuns)
	best, lowest := box{crossBorder: -1, runBorder: -1}, 2.0
	for c := 0; c < n; c++ {
		for l := 1; l <= top; l++ {
			if point(calm, c, l) > 0 && boxOf(calm, c, l) >= boxTarget {
				if s := boxOf(shifted, c, l); s < lowest {
					best.cross, best.run, lowest = c, l, s
				}
			}
		}
	}
	left := boxOf(calm, best.cross, best.run) - point(calm, best.cross, best.run)
	if !cut || left < boxTarget {
		return best
	}
	// The corner goes; then cells along the borders while the target holds, each
	// time the one more likely after the shift, and at last along one border alone.
	best.crossBorder, best.runBorder = best.cross+1, best.run-1
	for {
		alongC, alongL := point(calm, best.crossBorder, best.run), point(calm, best.cross, best.runBorder)
		cOK, lOK := alongC > 0 && left-alongC >= boxTarget, alongL > 0 && left-alongL >= boxTarget
		switch {
		case !cOK && !lOK:
			return best
		case !cOK || lOK && point(shifted, best.crossBorder, best.run) < point(shifted, best.cross, best.runBorder):
			left -= alongL
			best.runBorder--
		default:
			left -= alongC
			best.crossBorder++
		}
		if !cOK || !lOK {
			// Only one border remains: go on there, not back.
			for {
				c, l := point(calm, best.crossBorder, best.run), point(calm, best.cross, best.runBorder)
				switch {
				case !cOK && l > 0 && left-l >= boxTarget:
					left -= l
					best.runBorder--
				case !lOK && c > 0 && left-c >= boxTarget:
					left -= c
					best.crossBorder++
				default:
					return best
				}
			}
		}
	}
}

// jointRuns gives, for n independent observations above the line with probability
// p, the probability of c crossings and no run longer than l, as [l][c], l up to
// boxRuns.
func jointRuns(n int, p float64) [][]float64 {
	top := min(n, boxRuns)
	out := make([][]float64, top+1)
	out[0] = make([]float64, n)
	side := [2]float64{p, 1 - p}
	for l := 1; l <= top; l++ {
		// ends[s][t][c]: the first t observations end with a finished run on side s
		// after c crossings.
		var ends [2][][]float64
		for s := range ends {
			ends[s] = make([][]float64, n+1)
			for t := range ends[s] {
				ends[s][t] = make([]float64, n)
			}
		}
		for t := 1; t <= n; t++ {
			for s := range ends {
				mass := 1.0
				for r := 1; r <= l && r <= t; r++ {
					mass *= side[s]
					if r == t {
						ends[s][t][0] += mass
						continue
					}
					from := ends[1-s][t-r]
					for c := 1; c < t; c++ {
						ends[s][t][c] += mass * from[c-1]
					}
				}
			}
		}
		out[l] = make([]float64, n)
		for c := range n {
			out[l][c] = ends[0][n][c] + ends[1][n][c]
		}
	}
	return out
}
