package surveil

// Hypotheses are the p-values of a night by check and scale, for tests of how
// they are distributed.
func Hypotheses(p *Panel, o Options) map[string][]float64 {
	by := make([][]int, len(p.Indicators))
	for s, i := range p.Indicator {
		by[i] = append(by[i], s)
	}
	names := map[int]string{familyDay: "T02 1", familyWeek: "T03 7", familyMonth: "T03 28", familyRate: "T05 28",
		familyMissingWeek: "K04 7", familyMissingMonth: "K04 28", familyCommon: "T06", familyZeros: "D04", familyMissingDay: "K04 1"}
	out := map[string][]float64{}
	var parts []*part
	for i, series := range by {
		t := judge(p, &o, i, series)
		parts = append(parts, t)
		for _, h := range t.tests {
			out[names[h.family]] = append(out[names[h.family]], h.P)
		}
	}
	for _, h := range common(p, &o, parts) {
		out[names[h.family]] = append(out[names[h.family]], h.P)
	}
	return out
}

// Dispersions are the pooled ones of an indicator's scales.
func Dispersions(p *Panel, indicator int) []float64 {
	var series []int
	for s, i := range p.Indicator {
		if int(i) == indicator {
			series = append(series, s)
		}
	}
	b := newBlock(p, indicator, series)
	return []float64{b.alpha, b.scale(1, sameWeekdays).alpha, b.scale(7, weeks).alpha, b.scale(28, months).alpha}
}
