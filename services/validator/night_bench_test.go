package validator

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/run"
)

// BenchmarkChecksOfANight is what the checks of a night of 24,000 changed series
// cost beside reading the cells and appending what was found: 1,200 units and
// 20 indicators with two years of months, of which the newest changed on each
// of 60 nights.
func BenchmarkChecksOfANight(b *testing.B) {
	const units, indicators, months, nights = 1200, 20, 24, 60
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Registries: []catalog.Registry{{Code: "r", Country: "SE"}},
		Feeds: []catalog.Feed{{ID: "f", Registry: "r", Tolerance: 0.01}}}
	for u := range units {
		c.Units = append(c.Units, catalog.Unit{ID: fmt.Sprintf("u%04d", u)})
	}
	for i := range indicators {
		c.Indicators = append(c.Indicators, catalog.Indicator{ID: fmt.Sprintf("i%02d", i), Registry: "r", Type: catalog.Proportion, Subset: true, Period: catalog.Month,
			Versions: []catalog.Version{{ID: "1"}}})
	}
	first := catalog.NewDate(2024, 1, 1)
	newest := first.AddMonths(months - 1)
	n := &night{run: &run.Run{RunOpened: event.RunOpened{Run: "r1", AsOf: newest.AddDays(nights)}}, rev: nights, before: nights - 1, feeds: map[string]bool{"f": true}, seen: map[string][]quality.Seen{}}
	for k := range nights {
		n.seen["f"] = append(n.seen["f"], quality.Seen{AsOf: newest.AddDays(k + 1), Rev: uint64(k + 1)})
	}
	s := &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}
	tables := make([]*cell.Table, indicators)
	for i := range tables {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		build := cell.NewTableBuilder("nord", c.Indicators[i].ID)
		for u := range units {
			var versions []cell.Version
			add := func(period catalog.Date, rev uint64, num, den int64) {
				k := cell.Key{Region: "nord", Registry: "r", Indicator: c.Indicators[i].ID, Version: "1", Granularity: "month", Unit: c.Units[u].ID, PeriodStart: period.Days()}
				content := cell.Content{Rows: den, Numerator: cell.FixedOf(num * cell.Micro), Denominator: cell.FixedOf(den * cell.Micro)}
				versions = append(versions, cell.Version{Key: k, Content: content, Fingerprint: cell.FingerprintOf(k, content, false), Rev: rev})
			}
			for m := range months - 1 {
				den := 200 + r.Int64N(60)
				add(first.AddMonths(m), 1, den*7/10, den)
			}
			var num, den int64
			for k := range nights {
				d := 5 + r.Int64N(7)
				num, den = num+r.Int64N(d+1), den+d
				add(newest, uint64(k+1), num, den)
			}
			if err := build.Add(versions); err != nil {
				b.Fatal(err)
			}
		}
		t, err := build.Table()
		if err != nil {
			b.Fatal(err)
		}
		tables[i] = t
	}
	changed, found := 0, 0
	for b.Loop() {
		var matters []*matter
		changed, found = 0, 0
		start := time.Now()
		for i, t := range tables {
			g, err := gate.FoldTable(t, nil)
			if err != nil {
				b.Fatal(err)
			}
			m := &matter{indicator: &c.Indicators[i], feeds: []*catalog.Feed{&c.Feeds[0]}, cells: t, gate: g}
			s.lay(n, m, g, n.run.AsOf)
			matters = append(matters, m)
			changed += len(m.input.Changed)
		}
		laid := time.Since(start)
		q := s.gather(n, matters)
		b.ReportMetric(laid.Seconds(), "s-layout")
		b.ReportMetric((time.Since(start) - laid).Seconds(), "s-panel")
		for _, f := range quality.EvaluateNight(q, s.cfg.Checks).Findings {
			if f.Raises() {
				found++
			}
		}
	}
	b.ReportMetric(float64(changed), "series")
	b.ReportMetric(float64(found), "flags")
}
