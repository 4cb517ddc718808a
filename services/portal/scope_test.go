package portal_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"larstrom/services/portal"
)

// part is what a person may read: her units, and whether those are all.
type part struct {
	units []string
	all   bool
}

func (p part) Cells(_, unit string) bool { return p.all || slices.Contains(p.units, unit) }
func (p part) Flag(_ string, units []string) bool {
	return p.all || !slices.ContainsFunc(units, func(u string) bool { return !slices.Contains(p.units, u) })
}
func (p part) Delivery(string) bool { return p.all }

type parts map[string]part

func (p parts) Reader(id string) portal.Reader { return p[id] }

// Nobody reads outside her part, on any page; the lists hold what is hers.
func TestScope(t *testing.T) {
	h := pages(t, func(c *portal.Config) {
		c.Pages.Login = people{"anna": "a", "bo": "b", "chris": "c"}
		c.Pages.Scope = parts{"anna": {units: []string{"b"}}, "bo": {all: true}}
	}).Handler(false)
	ask := func(path, id, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host, r.RemoteAddr = "portal.example", "10.0.0.1:1234"
		r.SetBasicAuth(id, token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	paths := []string{"/deliveries/d2/receipt.json"}
	for path := range everyPage() {
		paths = append(paths, path)
	}
	for _, path := range paths {
		if got := ask(path, "bo", "b").Code; got != http.StatusOK {
			t.Errorf("%s for who may read all: %d", path, got)
		}
		anna, nobody := http.StatusForbidden, http.StatusForbidden
		switch {
		case path == "/":
			anna, nobody = http.StatusSeeOther, http.StatusSeeOther
		case path == "/help" || path == "/flags" || path == "/units":
			anna, nobody = http.StatusOK, http.StatusOK
		case path == "/flags/K09-held" || path == "/units/b" || strings.HasPrefix(path, "/units/b/"):
			anna = http.StatusOK
		}
		w := ask(path, "anna", "a")
		if w.Code != anna {
			t.Errorf("%s for a unit's reader: %d, want %d", path, w.Code, anna)
		}
		for _, others := range []string{"alpha centre", "C11-block", "T04-note"} {
			if path != "/help" && strings.Contains(w.Body.String(), others) {
				t.Errorf("%s tells a unit's reader of %s", path, others)
			}
		}
		w = ask(path, "chris", "c")
		if w.Code != nobody {
			t.Errorf("%s for who has no role: %d, want %d", path, w.Code, nobody)
		}
		if strings.Contains(w.Body.String(), "Zeta") || strings.Contains(w.Body.String(), "K09-held") {
			t.Errorf("%s tells who has no role something", path)
		}
	}
	if got := ask("/flags", "anna", "a"); !strings.Contains(got.Body.String(), "K09-held") {
		t.Error("her own flag is not in her list")
	}
	if got := ask("/flags/no-such-flag", "anna", "a").Code; got != http.StatusForbidden {
		t.Errorf("a flag that is not there: %d, want the answer to one that is not hers", got)
	}
}
