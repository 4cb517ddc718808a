package quality_test

import (
	"math/rand/v2"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/quality/night"
)

// BenchmarkEvaluateNight is everything that the checks do in a night of 24,000
// changed series: each indicator, the panel, folding and incidents.
func BenchmarkEvaluateNight(b *testing.B) {
	v := night.New(night.Default(), 1)
	v.Spoil(5, night.Kinds())
	n := nightOf(v)
	cells := 0
	for i := range n.Inputs {
		cells += len(n.Inputs[i].Changed)
	}
	checks := quality.Catalogue()
	flags := 0
	for b.Loop() {
		flags = len(asks(quality.EvaluateNight(n, checks)))
	}
	b.ReportMetric(float64(cells), "cells")
	b.ReportMetric(float64(flags), "findings")
}

// Faults that follow from the cells alone are always found, in whatever unit
// and indicator, and nothing beside them.
func TestDeterministicFaultsAreAlwaysFound(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, fault := range []struct {
		name, check string
		severity    event.Severity
		spoil       func(in *quality.Input, c *quality.Change)
	}{
		{"duplicates", "C10", event.Block, func(_ *quality.Input, c *quality.Change) { c.Current.Content.Duplicates = 1 + int64(r.IntN(40)) }},
		{"swapped columns", "C11", event.Block, func(_ *quality.Input, c *quality.Change) {
			k := &c.Current.Content
			k.Numerator, k.Denominator = k.Denominator, k.Numerator
		}},
		{"units of measure", "P03", event.Hold, func(_ *quality.Input, c *quality.Change) {
			// HbA1c in %: at least 2 % of the values, and at least three.
			rows := c.Current.Content.Rows
			n := max(3, rows/50+1) + int64(r.IntN(int(rows/4)))
			k := &c.Current.Content
			each := int64((5.5 + 2*r.Float64()) * cell.Micro)
			k.ValueCount, k.Rows = k.ValueCount+n, rows+n
			k.Values = k.Values.Add(cell.FixedOf(n * each))
		}},
	} {
		for range 100 {
			in := quality.Input{Region: "nord", AsOf: catalog.NewDate(2022, 8, 3), Tolerance: 0.01,
				Indicator: catalog.Indicator{ID: "i1", Registry: "hjarta", Type: catalog.Proportion, Subset: true, Period: catalog.Month}}
			if fault.check == "P03" {
				in.Indicator.Type = catalog.Mean
			}
			for u := range 30 {
				rows := 15 + int64(r.IntN(400))
				c := content(1+int64(float64(rows-2)*r.Float64()), rows, rows)
				if fault.check == "P03" {
					mean := 42 + 14*r.Float64()
					c = cell.Content{Rows: rows, ValueCount: rows, Values: cell.FixedOf(int64(mean * float64(rows) * cell.Micro))}
				}
				was := version(string(rune('A'+u)), 30, c)
				is := was
				in.Changed = append(in.Changed, replaced(is, was))
			}
			at := &in.Changed[r.IntN(len(in.Changed))]
			fault.spoil(&in, at)
			at.Current.Fingerprint = cell.FingerprintOf(at.Current.Key, at.Current.Content, false)
			n := quality.Night{Region: "nord", AsOf: in.AsOf, Inputs: []quality.Input{in}}
			found := false
			for _, f := range quality.EvaluateNight(n, quality.Catalogue()).Findings {
				if !f.Raises() {
					continue
				}
				if f.Unit != at.Current.Key.Unit {
					t.Fatalf("%s of %s: found in %s: %+v", fault.name, at.Current.Key.Unit, f.Unit, f)
				}
				found = found || f.Check == fault.check && f.Severity == fault.severity
			}
			if !found {
				t.Fatalf("%s in %+v was not found", fault.name, at.Current.Content)
			}
		}
	}
}
