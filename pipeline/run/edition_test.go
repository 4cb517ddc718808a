package run_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// nights are published runs, one delivery each.
func nights(n int) []event.Body {
	var out []event.Body
	for i := range n {
		id, r := string(rune('a'+i)), string(rune('1'+i))
		out = append(out, event.DeliveryReceived{Delivery: id, Feed: "f", Raw: id}, event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: "delta"},
			event.RunOpened{Run: r, Ordinal: i + 1, Deliveries: []string{id}}, event.RunChecked{Run: r}, event.RunPublished{Publication: i + 1, Run: r})
	}
	return out
}

func TestEditions(t *testing.T) {
	l := ledger{t: t}
	for _, b := range nights(2) {
		l.apply(b)
	}
	jan, feb := catalog.NewDate(2026, 1, 5), catalog.NewDate(2026, 2, 5)
	if l.state.Edition("SE") != nil || l.state.Audiences() != nil || l.state.Made("SE") != nil {
		t.Error("an edition before the first")
	}
	few := []event.Guard{{Unit: "u"}}
	l.apply(event.PersonsCounted{Audience: "SE", Number: 1, Indicator: "i", Part: 1, Few: few})
	l.apply(event.EditionPublished{Audience: "SE", Number: 1, Edition: jan, Run: "1"})
	l.apply(event.EditionPublished{Audience: "R5", Number: 1, Edition: jan, Run: "1"})
	l.apply(event.EditionPublished{Audience: "SE", Number: 2, Edition: jan, Run: "1", UntilRun: "2", Until: 7})
	l.apply(event.EditionPublished{Audience: "SE", Number: 3, Edition: feb, Run: "2"})
	if e := l.state.Edition("SE"); e.Number != 3 || e.Edition != feb || e.PublishedAt.Unix() != int64(l.seq) {
		t.Errorf("the last: %+v", e)
	}
	var made []int
	for _, e := range l.state.Made("SE") {
		made = append(made, e.Number)
	}
	if !slices.Equal(made, []int{1, 3}) || !slices.Equal(l.state.Audiences(), []string{"R5", "SE"}) {
		t.Errorf("made %v of %v", made, l.state.Audiences())
	}
	if got := l.state.FewPersons("SE", 1, "i"); !slices.Equal(got, few) || l.state.FewPersons("SE", 3, "i") != nil || l.state.FewPersons("R5", 1, "i") != nil {
		t.Errorf("few persons: %v", got)
	}
	for says, b := range map[string]event.Body{
		"edition 5 of audience SE where 4":  event.EditionPublished{Audience: "SE", Number: 5, Edition: feb.AddMonths(1), Run: "2"},
		"which is not published":            event.EditionPublished{Audience: "SE", Number: 4, Edition: feb.AddMonths(1), Run: "9"},
		"is of 2026-02-05, the last one":    event.EditionPublished{Audience: "SE", Number: 4, Edition: feb, Run: "2"},
		"another one than the last":         event.EditionPublished{Audience: "SE", Number: 4, Edition: jan, Run: "1", UntilRun: "2", Until: 9},
		"which was never opened":            event.EditionPublished{Audience: "SE", Number: 4, Edition: feb, Run: "2", UntilRun: "9", Until: 9},
		"counted for edition 2 of audience": event.PersonsCounted{Audience: "SE", Number: 2, Indicator: "i", Part: 1},
	} {
		if err := l.state.Apply(l.event(b)); !errors.Is(err, run.ErrLedger) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want one that says %q", err, says)
		}
	}
}
