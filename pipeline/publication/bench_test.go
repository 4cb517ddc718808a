package publication_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/publication"
)

// BenchmarkBuild makes the set of one indicator of 1,200 units and 60 months
// from its table: what a decision costs, and a 150th of a full recompute.
func BenchmarkBuild(b *testing.B) {
	ind := catalog.Indicator{ID: "i", Registry: "g", Type: catalog.Proportion, Subset: true, Direction: "up", Multiplier: 100, Period: catalog.Month,
		Measurement: "event", Versions: []catalog.Version{{ID: "1"}}}
	c := &catalog.Catalog{Indicators: []catalog.Indicator{ind}}
	var versions []cell.Version
	r := rand.New(rand.NewPCG(1, 2))
	for u := range 1200 {
		unit := fmt.Sprintf("u%04d", u)
		c.Units = append(c.Units, catalog.Unit{ID: unit})
		at := catalog.NewDate(2021, 1, 1)
		for range 60 {
			n := int64(100 + r.IntN(100))
			v := cell.Version{Rev: 1, Key: cell.Key{Region: "r", Registry: "g", Indicator: "i", Version: "1", Granularity: "month", Unit: unit, PeriodStart: at.Days()},
				Content: cell.Content{Rows: 1, Numerator: cell.FixedOf((n*3/4 + r.Int64N(n/5)) * cell.Micro), Denominator: cell.FixedOf(n * cell.Micro)}}
			v.Fingerprint = cell.FingerprintOf(v.Key, v.Content, false)
			versions = append(versions, v)
			at = catalog.Month.PeriodEnd(at)
		}
	}
	table, err := cell.TableOf("r", "i", versions)
	if err != nil {
		b.Fatal(err)
	}
	e, err := event.New(event.GateSubject("r", "i"), "run", event.ReleaseMade{Indicator: "i", Run: "run", Rev: 1}, catalog.NewDate(2026, 1, 10).Time())
	if err != nil {
		b.Fatal(err)
	}
	index, reach := c.Index(), catalog.NewDate(2026, 1, 10)
	id := ""
	b.ReportAllocs()
	for b.Loop() {
		g, err := gate.FoldTable(table, []event.Event{e})
		if err != nil {
			b.Fatal(err)
		}
		set, err := publication.Build(publication.Input{Region: "r", Index: index, Indicator: &ind,
			Cells: publication.Visible(g, table, &ind, c.Units, reach), Reach: reach})
		if err != nil || id != "" && id != set.ID {
			b.Fatal(err, id, set.ID)
		}
		id = set.ID
	}
	b.ReportMetric(float64(table.Len()*b.N)/b.Elapsed().Seconds()/1e6, "Mcells/s")
	b.Logf("set %s", id)
}
