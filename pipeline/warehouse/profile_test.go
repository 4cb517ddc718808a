package warehouse_test

import (
	"math"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// What stood in the columns of a delivery is counted, by indicator, and of no
// other delivery.
func TestColumns(t *testing.T) {
	store, _ := newWarehouse(t, "columns")
	const dated = event.HasEventDate | event.HasRegistrationDate
	row := func(line uint64, stratum string, value int64, late int32) obs {
		d := days(2024, 1, 1) + int32(line) // the 1st was a Monday
		return obs{line: line, indicator: "month", version: "1", unit: "U1", strata: stratum, event: d, registered: d + late,
			has: dated | event.HasValue | event.HasDenominator, val: value, den: 1e6}
	}
	s := sent{id: "p-1", snapshot: true, blocks: [][]obs{{
		row(1, "a", 140e6, 1), row(2, "a", 138e6, 1), row(3, "b", 139.5e6, 2), row(4, "okänd", 99e6, 2), row(5, "b", 141e6, 9),
		{line: 6, indicator: "month", version: "1", unit: "U1", event: days(2024, 1, 6), has: event.HasEventDate | event.HasMissing, finding: event.UnknownCode},
		{line: 9, indicator: "month", version: "1", unit: "U1", event: days(2024, 1, 6), has: event.HasEventDate | event.HasMissing, finding: event.Implausible, val: 2000e6},
	}, {
		{line: 7, indicator: "week", version: "1", unit: "U1", event: days(2024, 1, 6), has: event.HasEventDate | event.HasNumerator | event.HasDenominator, num: 1e6, den: 2500e6},
		{line: 8, indicator: "week", version: "1", unit: "U1", event: days(2024, 1, 6), has: event.HasEventDate | event.HasNumerator | event.HasDenominator, num: 1e6, den: 7e6},
	}}}
	other := sent{id: "p-2", snapshot: true, blocks: [][]obs{{row(1, "z", 1e6, 1)}}}
	w := &world{feed: catalog.Feed{ID: "p", Registry: registry}, indicators: indicators(), sent: []sent{s, other}}
	load(t, store, w, s)
	load(t, store, w, other)
	targeted := w.pointers()
	for _, ind := range targeted {
		ind.Type, ind.Targets = catalog.Mean, []catalog.Target{{Value: 140}}
	}
	all, err := store.Columns(t.Context(), &w.feed, s.id, targeted)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || all[0].Indicator != "month" || all[1].Indicator != "week" {
		t.Fatalf("%+v", all)
	}
	sizes, err := store.Sizes(t.Context(), &w.feed, s.id, targeted, 1)
	if err != nil {
		t.Fatal(err)
	}
	// 99 to 141 are all about exp(5), and 2000, which was too much, about exp(8).
	if len(sizes) != 1 || len(sizes["month"]) != 1 || len(sizes["month"]["U1"]) != 2 || sizes["month"]["U1"][5] != 5 || sizes["month"]["U1"][8] != 1 {
		t.Errorf("sizes %v", sizes)
	}
	c := all[0]
	if c.Rows != 7 || c.Values != 5 || c.Missing != 2 || c.Unknown != 1 || !c.Single || c.Placeholders != 1 {
		t.Errorf("%+v", c)
	}
	if c.Strata["a"] != 2 || c.Strata["b"] != 2 || c.Strata["okänd"] != 1 || len(c.Strata) != 3 {
		t.Errorf("strata %v", c.Strata)
	}
	if c.Digits != [10]int64{0: 1, 1: 1, 8: 1, 9: 1} || c.Decimals != [7]int64{0: 4, 1: 1} {
		t.Errorf("digits %v, decimals %v", c.Digits, c.Decimals)
	}
	if c.Under != 2 || c.Over != 1 {
		t.Errorf("%d just under, %d just over", c.Under, c.Over)
	}
	if c.Weekdays != [7]int64{0, 1, 1, 1, 1, 3, 0} || c.Span != 4 {
		t.Errorf("weekdays %v over %d days", c.Weekdays, c.Span)
	}
	if c.LagP90 != 9 {
		t.Errorf("lag %v", c.LagP90)
	}
	d := all[1]
	least, most := 100.0, 140.0
	targeted[0].Plausible = catalog.Bounds{Min: &least, Max: &most}
	if targeted[0].ID != "month" {
		t.Fatal(targeted[0].ID)
	}
	outside, err := store.Outside(t.Context(), &w.feed, s.id, targeted)
	if err != nil || len(outside) != 1 || len(outside["month"]) != 1 || outside["month"]["U1"] != 1 {
		t.Errorf("outside %v, %v", outside, err)
	}
	if d.Single || d.Leading != [10]int64{2: 1, 7: 1} || d.Least != 7 || d.Most != 2500 || !math.IsNaN(d.LagP90) || d.Values != 0 {
		t.Errorf("%+v", d)
	}
}

// Values of one row are a pair, where both are whole.
func TestRounded(t *testing.T) {
	store, _ := newWarehouse(t, "rounded")
	row := func(line uint64, indicator string, value int64) obs {
		return obs{line: line, indicator: indicator, version: "1", unit: "U1", event: days(2024, 1, 1), has: event.HasEventDate | event.HasValue | event.HasDenominator, val: value, den: 1e6}
	}
	s := sent{id: "r-1", snapshot: true, blocks: [][]obs{{
		row(1, "month", 120e6), row(1, "tertial", 80e6), row(2, "month", 121e6), row(2, "tertial", 80e6),
		row(3, "month", 130e6), row(3, "tertial", 80.5e6), row(4, "month", 140e6),
	}, {row(5, "month", 110e6), row(5, "tertial", 70e6), row(5, "week", 70e6)}}}
	w := &world{feed: catalog.Feed{ID: "p", Registry: registry}, indicators: indicators(), sent: []sent{s}}
	load(t, store, w, s)
	if both, pairs, err := store.Rounded(t.Context(), &w.feed, s.id, "month", "tertial"); err != nil || both != 2 || pairs != 3 {
		t.Errorf("%d of %d pairs end in 0 both, %v; want 2 of 3", both, pairs, err)
	}
}
