package control_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/catalog"
	"larstrom/services/larstrom/control"
)

// TestKnow: a status has the audiences of the ledger and those of the catalog,
// each once, with the day of the next edition.
func TestKnow(t *testing.T) {
	jan := catalog.NewDate(2026, 1, 28)
	st := control.Status{Audiences: []control.Audience{{Audience: "gone", Number: 2, Edition: jan}, {Audience: "se", Number: 7, Edition: jan}}}
	st.Know([]catalog.Profile{{ID: "new", Rule: "ROUND5"}, {ID: "se", Rule: "SE", EditionDay: 28}})
	want := []control.Audience{{Audience: "gone", Number: 2, Edition: jan}, {Audience: "new", Rule: "ROUND5"},
		{Audience: "se", Rule: "SE", Number: 7, Edition: jan, Next: catalog.NewDate(2026, 2, 28)}}
	if d := cmp.Diff(want, st.Audiences, cmp.Comparer(func(a, b catalog.Date) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	var none control.Status
	if none.Know(nil); none.Audiences != nil {
		t.Errorf("audiences of a catalog without any: %v", none.Audiences)
	}
}
