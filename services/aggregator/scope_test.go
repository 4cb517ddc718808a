package aggregator

import (
	"fmt"
	"slices"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/run"
)

// A cell is made of the rows of every feed that brings its indicator, so these
// belong to the scope of each other; others do not.
func TestScopeHasEveryFeedOfItsIndicators(t *testing.T) {
	c := &catalog.Catalog{
		Indicators: []catalog.Indicator{{ID: "a", Registry: "r"}, {ID: "b", Registry: "r"}, {ID: "c", Registry: "s"}},
		Feeds: []catalog.Feed{
			{ID: "long", Registry: "r"},
			{ID: "wide_a", Registry: "r", Measures: []catalog.Measure{{Indicator: "a"}}},
			{ID: "wide_b", Registry: "r", Measures: []catalog.Measure{{Indicator: "b"}}},
			{ID: "other", Registry: "s"},
		},
	}
	s := &Service{cfg: Config{Catalog: c}, state: run.State{}}
	for feed, want := range map[int]string{0: "long [a b] with [wide_a wide_b]", 1: "wide_a [a] with [long]", 2: "wide_b [b] with [long]", 3: "other [c] with []"} {
		scope := s.scope(&c.Feeds[feed], &run.Run{}, "")
		var indicators, others []string
		for _, i := range scope.Indicators {
			indicators = append(indicators, i.ID)
		}
		for _, o := range scope.Others {
			others = append(others, o.Feed.ID)
			if !slices.ContainsFunc(o.Indicators, func(i *catalog.Indicator) bool { return slices.Contains(scope.Indicators, i) }) {
				t.Errorf("%s shares nothing with %s", o.Feed.ID, scope.Feed.ID)
			}
		}
		if got := fmt.Sprint(scope.Feed.ID, " ", indicators, " with ", others); got != want {
			t.Errorf("scope %s, want %s", got, want)
		}
	}
}
