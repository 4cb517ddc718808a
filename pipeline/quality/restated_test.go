package quality_test

import (
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/quality"
)

// Who accepts that a closed month has another numerator has accepted that number,
// and not every one that the same denominator can have: the finding's value, from
// which its band comes, is what moved.
func TestRestatedNumeratorIsWhatIsAccepted(t *testing.T) {
	asOf := catalog.NewDate(2022, 8, 3)
	found := func(num, den int64) quality.Finding {
		in := quality.Input{Region: "nord", AsOf: asOf, Indicator: catalog.Indicator{ID: "i1", Registry: "hjarta", Type: catalog.Proportion, Period: catalog.Month}}
		in.Indicator.Checks = map[string]catalog.CheckParams{"K09": {Off: true}}
		in.Changed = []quality.Change{replaced(version("A", 20, content(num, den, 1)), version("A", 20, content(142, 173, 1)))}
		in.Series = []quality.Series{series("A", repeat(173, 21)...)}
		for _, f := range quality.EvaluateNight(quality.Night{Region: "nord", AsOf: asOf, Inputs: []quality.Input{in}}, quality.Catalogue()).Findings {
			if f.Check == "K11" && f.Raises() {
				return f
			}
		}
		t.Fatalf("%d of %d is not found", num, den)
		return quality.Finding{}
	}
	for _, c := range []struct {
		num, den           int64
		observed, expected float64
		direction          string
	}{
		{158, 173, 158, 142, ""},
		{20, 173, 20, 142, ""},
		{150, 190, 190, 173, "up"}, // more came than were counted: the volume
		{130, 120, 120, 173, "down"},
	} {
		if f := found(c.num, c.den); f.Observed != c.observed || f.Expected != c.expected || f.Direction != c.direction {
			t.Errorf("%d of %d: %v where %v was expected, direction %q", c.num, c.den, f.Observed, f.Expected, f.Direction)
		}
	}
}
