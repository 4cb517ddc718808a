package review_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"larstrom/services/validator/review"
)

// TestFindingsInTheReadersLanguage: a finding is said in the language that is
// asked for, with its numbers; without one as the LEDGER keeps it. Its kind and
// values are told in any case.
func TestFindingsInTheReadersLanguage(t *testing.T) {
	p := newPlace(t)
	for accepts, want := range map[string][2]string{
		"":                     {"", "233 records where there were 1516: 1283 fewer (84.6 %)."},
		"fi":                   {"", "233 records where there were 1516: 1283 fewer (84.6 %)."},
		"sv-SE,en;q=0.5":       {"sv", "233 poster där det fanns 1516: 1283 färre (84,6 %)."},
		"fi, nn;q=0.9, en;q=0": {"nb", "233 poster der det var 1516: 1283 færre (84,6 %)."},
		"da":                   {"da", "233 poster, hvor der var 1.516: 1.283 færre (84,6 %)."},
		"en-GB":                {"en", "233 records where there were 1,516: 1,283 fewer (84.6%)."},
	} {
		var flag review.Flag
		var page review.Page
		for path, into := range map[string]any{"/v1/review/flags/K09-one": &flag, "/v1/review/flags": &page} {
			w := p.ask(t, http.MethodGet, path, "", "10.0.0.1", hers, "Accept-Language: "+accepts)
			if w.Code != 200 || w.Header().Get("Content-Language") != want[0] || !strings.Contains(w.Header().Get("Vary"), "Accept-Language") {
				t.Errorf("%s for %q: %d %q", path, accepts, w.Code, w.Header())
			}
			if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
				t.Fatal(err)
			}
		}
		if len(page.Flags) == 0 {
			t.Fatal("no flags")
		}
		for _, got := range []string{flag.Text, page.Flags[0].Text} {
			if got = strings.ReplaceAll(got, "\u00a0", " "); got != want[1] {
				t.Errorf("for %q: %q, want %q", accepts, got, want[1])
			}
		}
		if len(flag.Said) != 1 || flag.Said[0].Kind != "cell.fewer" || strings.Join(flag.Said[0].Values, " ") != "233 1516 1283 84.6" {
			t.Errorf("said: %v", flag.Said)
		}
	}
}
