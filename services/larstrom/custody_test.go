package main

import (
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/services/larstrom/control"
)

func TestWriteDiff(t *testing.T) {
	c := &catalog.Catalog{Indicators: []catalog.Indicator{{ID: "p", Type: catalog.Proportion}, {ID: "n", Type: catalog.Count}, {ID: "m", Type: catalog.Median},
		{ID: "s", Type: catalog.StandardisedRatio}}}
	jan := catalog.NewDate(2024, 1, 1)
	row := func(indicator string, closed bool, before, after *control.DiffSide) control.DiffCell {
		return control.DiffCell{Indicator: indicator, Unit: "u", Granularity: "month", Period: jan, Closed: closed, Before: before, After: after}
	}
	var b strings.Builder
	err := writeDiff(&b, c.Index(), control.Diff{Changed: 9, Restated: 3, Cells: []control.DiffCell{
		row("p", true, &control.DiffSide{Numerator: 3, Denominator: 10}, &control.DiffSide{Numerator: 4, Denominator: 11, Rejected: 1}),
		row("n", true, nil, &control.DiffSide{Numerator: 4}),
		row("m", true, &control.DiffSide{Cases: 1, Sum: 2.5}, nil),
		row("s", false, &control.DiffSide{Numerator: 3, Expected: 2.5}, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"9 cells changed, 3 of them in periods that had been closed",
		"PERIOD UNIT INDICATOR STRATUM BEFORE AFTER",
		"month 2024-01-01 u p - 3 of 10 4 of 11, 1 rejected",
		"month 2024-01-01 u n - nothing 4",
		"month 2024-01-01 u m - 1 case, sum 2.5 nothing",
		"month 2024-01-01 u s - 3 of 2.5 expected nothing open",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestStatusNamesWhatIsAwaited(t *testing.T) {
	for want, q := range map[string]control.Sequence{
		"Feed f 1 delivery kept back: delivery 2 to 3, 5 has not come (larstrom sequence skip f)":                       {Feed: "f", Next: 2, Missing: [][2]int64{{2, 3}, {5, 5}}, Held: []string{"d"}},
		"Feed f 2 deliveries kept back: delivery 7 came twice with different content (larstrom retract one of the two)": {Feed: "f", Next: 7, Missing: [][2]int64{}, Held: []string{"d", "e"}},
	} {
		found := false
		for _, f := range facts(control.Status{Sequences: []control.Sequence{q}}) {
			found = found || f.Name+" "+f.Text == want
		}
		if !found {
			t.Errorf("status of %+v does not say %q", q, want)
		}
	}
}
