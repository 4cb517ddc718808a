package surveil_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"larstrom/pipeline/quality/night"
	"larstrom/pipeline/quality/surveil"
)

// perRegion are the tested nights of one region of the generator.
const perRegion = 8

// campaign runs so many nights of the fixed generator, with so many faults in
// each, and gives the score and the longest time that one night took.
func campaign(tb testing.TB, c night.Config, nights, faults int, seed uint64) (s night.Score, slowest time.Duration) {
	tb.Helper()
	o := surveil.Default()
	for done := 0; done < nights; seed++ {
		n := min(perRegion, nights-done)
		g := night.NewRegion(c, seed, n)
		for k := range n {
			v := g.Night(k)
			put := v.Spoil(faults, night.Kinds())
			started := time.Now()
			r, err := surveil.Run(&v.Panel, o)
			if err != nil {
				tb.Fatal(err)
			}
			slowest = max(slowest, time.Since(started))
			var oracle night.Oracle
			if faults > 0 {
				// The hypotheses that the oracle does not look at.
				oracle = v.Judge(o, r.Tested["T05"]+r.Tested["T06"]+r.Tested["D04"])
			}
			s.Add(v, put, r.Findings, oracle)
		}
		done += n
	}
	return s, slowest
}

// hold holds a score to what is promised of it.
func hold(tb testing.TB, clean, faulty *night.Score) {
	tb.Helper()
	tb.Logf("clean: %sfaulty: %s", clean, faulty)
	for _, w := range append(append(clean.Wrong, faulty.Wrong...), faulty.Missed...) {
		tb.Log(w)
	}
	// 18 of 200, in proportion, and what chance adds to it in fewer nights.
	if allowed := 1 + 17*clean.Nights/200; clean.Flagged > allowed {
		tb.Errorf("%d of %d clean nights have a statistical finding, %d may", clean.Flagged, clean.Nights, allowed)
	}
	if v := faulty.FalseShare(); v > 0.10 && faulty.False > 1 {
		tb.Errorf("%.3f of the findings are false", v)
	}
	if v := faulty.OfOracle(); v < 0.8 {
		tb.Errorf("recall is %.3f of the oracle's", v)
	}
	for _, k := range []struct {
		kinds []night.Kind
		least float64
	}{{[]night.Kind{night.Silent}, 1}, {[]night.Kind{night.CommonMode}, 0.95}, {[]night.Kind{night.Merge, night.Split}, 0.9}, {[]night.Kind{night.StaleCopy}, 1}} {
		made, met := 0, 0
		for _, kind := range k.kinds {
			made, met = made+faulty.Made[kind], met+faulty.Met[kind]
		}
		// In a few nights one miss is no rate.
		missed := made - met
		if k.least < 1 && made < 50 {
			missed--
		}
		if float64(missed) > (1-k.least)*float64(made) {
			tb.Errorf("%v: %d of %d, not %.2f", k.kinds, met, made, k.least)
		}
	}
}

// The short form: a few nights of a smaller region.
func TestNights(t *testing.T) {
	c := night.Default()
	c.Units = 400
	clean, _ := campaign(t, c, 4, 0, 1)
	faulty, _ := campaign(t, c, 6, 5, 11)
	hold(t, &clean, &faulty)
}

// Other regions than the fixed one: units that are closed at weekends, series
// that grow or shrink, seasons of each unit's own, a handful of units. What the
// models do not know of must make them ask less, not more.
func TestOtherRegions(t *testing.T) {
	for name, change := range map[string]func(*night.Config){
		"closed at weekends": func(c *night.Config) { c.Closed = 0.7 },
		"growing":            func(c *night.Config) { c.Drift = 0.2 },
		"own seasons":        func(c *night.Config) { c.OwnSeason, c.Season = true, 0.2 },
		"a handful of units": func(c *night.Config) { c.Units, c.Sources = 6, 1 },
		"large units":        func(c *night.Config) { c.Units, c.Median = 60, 200 },
		"rare events":        func(c *night.Config) { c.Median = 0.3 },
	} {
		c := night.Default()
		c.Units, c.Indicators = 150, 8
		change(&c)
		s, _ := campaign(t, c, perRegion, 0, 77)
		if s.Flagged > 1 {
			t.Errorf("%s: %d of %d clean nights have a finding: %v", name, s.Flagged, s.Nights, s.Wrong)
		}
	}
}

// BenchmarkNights is the whole of it: 200 clean nights, and 200 with five
// faults each, on both ways to take the numbers of a night.
func BenchmarkNights(b *testing.B) {
	for _, basis := range []struct {
		name  string
		basis night.Basis
	}{{"happened", night.Happened}, {"came", night.Came}} {
		b.Run(basis.name, func(b *testing.B) {
			c := night.Default()
			c.Basis = basis.basis
			for b.Loop() {
				clean, slow := campaign(b, c, 200, 0, 1000)
				faulty, slower := campaign(b, c, 200, 5, 2000)
				hold(b, &clean, &faulty)
				b.ReportMetric(max(slow, slower).Seconds(), "s/slowest-night")
				b.ReportMetric(float64(clean.Flagged), "flagged-clean-nights")
				b.ReportMetric(faulty.FalseShare(), "false-share")
				b.ReportMetric(faulty.OfOracle(), "recall/oracle")
				b.ReportMetric(faulty.Share(night.Silent), "silent")
				b.ReportMetric(faulty.Share(night.StaleCopy), "stale-copies")
				b.ReportMetric(faulty.Share(night.CommonMode), "common-modes")
				b.ReportMetric(faulty.Share(night.Merge, night.Split), "merges-and-splits")
				for i, v := range faulty.Bands {
					b.ReportMetric(float64(v.Met)/float64(max(v.Made, 1)), fmt.Sprintf("recall-band-%d", i+1))
					b.ReportMetric(float64(v.Oracle)/float64(max(v.Made, 1)), fmt.Sprintf("oracle-band-%d", i+1))
				}
			}
		})
	}
}

// BenchmarkNight is one night of 24,000 series.
func BenchmarkNight(b *testing.B) {
	v := night.New(night.Default(), 1)
	v.Spoil(5, night.Kinds())
	runtime.GC()
	for b.Loop() {
		if _, err := surveil.Run(&v.Panel, surveil.Default()); err != nil {
			b.Fatal(err)
		}
	}
}
