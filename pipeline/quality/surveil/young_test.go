package surveil_test

import (
	"runtime"
	"testing"

	"larstrom/pipeline/quality/night"
	"larstrom/pipeline/quality/surveil"
)

// young runs nights of young regions, with so many faults in each.
func young(tb testing.TB, c night.Config, regions int, nights []int, faults int, seed uint64) (s night.YoungScore) {
	tb.Helper()
	for range regions {
		g := night.NewYoung(c, seed)
		seed++
		for _, k := range nights {
			pasts, put := g.Night(k, faults)
			found, weeks := lookAtAll(tb, g, pasts)
			s.Add(g, put, found, g.JudgeYoung(pasts, surveil.Default().Thresholds["T02"], 0.05), weeks)
		}
	}
	return s
}

// lookAtAll judges the days and weeks of all indicators of a night together.
func lookAtAll(tb testing.TB, g *night.Young, pasts []*surveil.Past) (days, weeks map[[2]int]bool) {
	tb.Helper()
	o := surveil.Default()
	type found struct {
		at   [2]int
		week bool
	}
	var all []found
	floor := func(check string) func(int) surveil.Threshold {
		return func(int) surveil.Threshold { return o.Thresholds[check] }
	}
	for i, p := range pasts {
		w, begin := p.Windows(7, nil)
		for week, of := range []*surveil.Past{p, w} {
			r, err := surveil.Look(of, floor([]string{"T02", "T03"}[week]), o.Thresholds["T06"])
			if err != nil {
				tb.Fatal(err)
			}
			for _, v := range r.Found {
				at := [2]int{i*p.Series + v.Series, v.Period}
				if week == 1 {
					at[1] = begin + 7*v.Period
				}
				all, o.Past = append(all, found{at, week == 1}), append(o.Past, v.P)
			}
			o.Idle += r.Tested - len(r.Found)
		}
	}
	r, err := surveil.Run(&surveil.Panel{Nights: 1}, o)
	if err != nil {
		tb.Fatal(err)
	}
	days, weeks = map[[2]int]bool{}, map[[2]int]bool{}
	for i, v := range all {
		if r.Past[i] && v.week {
			weeks[v.at] = true
		} else if r.Past[i] {
			days[v.at] = true
		}
	}
	return days, weeks
}

// holdYoung holds a score to what is promised of any night.
func holdYoung(tb testing.TB, clean, faulty *night.YoungScore) {
	tb.Helper()
	tb.Logf("clean: %sfaulty: %s", clean, faulty)
	for _, w := range append(clean.Wrong, faulty.Wrong...) {
		tb.Log(w)
	}
	if allowed := 1 + 17*clean.Nights/200; clean.Flagged > allowed {
		tb.Errorf("%d of %d clean young nights have a false finding, %d may", clean.Flagged, clean.Nights, allowed)
	}
	if v := faulty.FalseShare(); v > 0.10 && faulty.False > 1 {
		tb.Errorf("%.3f of the findings are false", v)
	}
	if v := faulty.OfOracle(); v < 0.8 {
		tb.Errorf("recall is %.3f of the oracle's", v)
	}
}

// A region that has only just begun is judged by the history that its first
// delivery brought: on that night, and on those before nights can be compared.
func TestYoungNights(t *testing.T) {
	c := night.Default()
	c.Units, c.Indicators = 100, 4
	clean, faulty := youngCampaign(t, c, 1, []int{1, 6, 27}, 1)
	holdYoung(t, &clean, &faulty)
}

// youngCampaign are the nights of so many regions, clean and with five faults
// each. A first delivery is clean only if its history is; what is wrong in that
// is found and counts in the share of false findings.
func youngCampaign(tb testing.TB, c night.Config, regions int, nights []int, seed uint64) (clean, faulty night.YoungScore) {
	tb.Helper()
	clean = young(tb, c, regions, nights, 0, seed)
	spotless := c
	spotless.Contaminated = 0
	clean.Join(young(tb, spotless, regions, []int{0}, 0, seed+1000))
	faulty = young(tb, c, regions, append([]int{0}, nights...), 5, seed+2000)
	return clean, faulty
}

// BenchmarkYoungNights is the whole of it: 200 clean young nights, and 200 with
// five faults each.
func BenchmarkYoungNights(b *testing.B) {
	for b.Loop() {
		c := night.Default()
		clean, faulty := youngCampaign(b, c, 25, []int{1, 4, 8, 12, 16, 20, 28}, 3000)
		holdYoung(b, &clean, &faulty)
		b.ReportMetric(float64(clean.Flagged), "flagged-clean-nights")
		b.ReportMetric(faulty.FalseShare(), "false-share")
		b.ReportMetric(faulty.OfOracle(), "recall/oracle")
	}
}

// BenchmarkYoungNight is the first delivery of 24,000 series: a year of days.
func BenchmarkYoungNight(b *testing.B) {
	g := night.NewYoung(night.Default(), 1)
	pasts, _ := g.Night(0, 0)
	runtime.GC()
	for b.Loop() {
		lookAtAll(b, g, pasts)
	}
}
