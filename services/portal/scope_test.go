package portal_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/publication"
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
	desk := &counter{}
	all := pages(t, func(c *portal.Config) {
		c.Pages.Login = people{"anna": "a", "bo": "b", "chris": "c"}
		c.Pages.Scope = parts{"anna": {units: []string{"b"}}, "bo": {all: true}}
		c.Pages.Affirming = &affirmer{}
		c.Pages.Desk, c.Pages.Several, c.Pages.Sessions = desk, &nobodyElse{t: t, own: "K09-held"}, portal.NewSessions(c.Pages.Clock)
	})
	h := all.Handler(false)
	ask := func(path, id, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host, r.RemoteAddr = "portal.example", "10.0.0.1:1234"
		r.SetBasicAuth(id, token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	walked := newWalk(t, all.Patterns())
	paths := []string{"/deliveries/d2/receipt.json", "/keys"}
	for path := range everyPage() {
		paths = append(paths, path)
	}
	for _, path := range paths {
		walked.Path(path)
		if got := ask(path, "bo", "b").Code; got != http.StatusOK {
			t.Errorf("%s for who may read all: %d", path, got)
		}
		anna, nobody := http.StatusForbidden, http.StatusForbidden
		switch {
		case path == "/":
			anna, nobody = http.StatusSeeOther, http.StatusSeeOther
		case path == "/help" || path == "/keys" || path == "/flags" || path == "/units":
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
	// No form decides about what she may not read, and says nothing of it.
	for _, path := range []string{"/flags/C11-block/decisions", "/flags/C11-block/preview", "/flags/T04-note/decisions", "/units/c/affirmations", "/flags"} {
		walked.Form(path)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("kind=accept&cause=unknown&version=1&flag=C11-block@1&do=decide"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth("anna", "a")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[path == "/flags"]; w.Code != want || len(desk.orders) != 0 || desk.shown != 0 {
			t.Errorf("%s of a unit's reader: %d, %d orders", path, w.Code, len(desk.orders))
		}
		if body := w.Body.String(); strings.Contains(body, "The numerator 61.5 is") || strings.Contains(body, "A remark.") {
			t.Errorf("%s tells a unit's reader of another's flag", path)
		}
	}
	walked.All()
	if got := ask("/flags", "anna", "a"); !strings.Contains(got.Body.String(), "K09-held") {
		t.Error("her own flag is not in her list")
	}
	if got := ask("/flags/no-such-flag", "anna", "a").Code; got != http.StatusForbidden {
		t.Errorf("a flag that is not there: %d, want the answer to one that is not hers", got)
	}
}

// walk holds that every pattern of the portal is asked.
type walk struct {
	t    *testing.T
	mux  *http.ServeMux
	left map[string]bool
}

func newWalk(t *testing.T, patterns []string) *walk {
	w := &walk{t, http.NewServeMux(), map[string]bool{}}
	for _, p := range patterns {
		w.mux.Handle(p, http.NotFoundHandler())
		w.left[p] = p != "GET /" // what is nowhere else has nothing to show
	}
	return w
}

func (w *walk) Path(path string) { w.ask(http.MethodGet, path) }
func (w *walk) Form(path string) { w.ask(http.MethodPost, path) }

func (w *walk) ask(method, path string) {
	_, pattern := w.mux.Handler(httptest.NewRequestWithContext(w.t.Context(), method, path, nil))
	w.left[pattern] = false
}

func (w *walk) All() {
	w.t.Helper()
	for pattern, left := range w.left {
		if left {
			w.t.Errorf("%s is not walked: say here how it is asked, and what another's reader is answered", pattern)
		}
	}
}

// nobodyElse takes orders about one flag, as the desk of the wiring refuses what
// the person may not read.
type nobodyElse struct {
	t   *testing.T
	own string
}

func (n *nobodyElse) DecideAll(_ context.Context, _ string, orders []portal.Order) ([]portal.Result, error) {
	var out []portal.Result
	for _, o := range orders {
		r := portal.Result{Flag: o.Flag}
		if o.Flag != n.own {
			r.Err = gate.ErrForbidden
		}
		out = append(out, r)
	}
	return out, nil
}

func (n *nobodyElse) PreviewAll(context.Context, string, []portal.Order) (map[string]impact.Impact, map[string]string, error) {
	n.t.Error("somebody looks")
	return nil, nil, nil
}

// ofRegistry reads one registry of some units.
type ofRegistry struct {
	part
	registry string
}

func (o ofRegistry) Reader(string) portal.Reader { return o }
func (o ofRegistry) Cells(registry, unit string) bool {
	return registry == o.registry && o.part.Cells(registry, unit)
}
func (o ofRegistry) Flag(registry string, units []string) bool {
	return registry == o.registry && o.part.Flag(registry, units)
}

// Who reads one registry of a unit is told of no other: neither its charts, nor how
// many flags or points under question there are.
func TestOneRegistryOfAUnit(t *testing.T) {
	c := region()
	c.Registries = append(c.Registries, catalog.Registry{Code: "other", Name: catalog.Text{"en": "Other"}, Country: "SE"})
	c.Indicators[1].Registry = "other"
	flags := publishedFlags()
	for _, id := range []string{"K09-visits", "K09-visits-2"} {
		f := heldFlag()
		f.Flag, f.Indicator, f.Text, f.Guards = id, "visits", "Fewer visits.", nil
		flags = append(flags, publication.Flag{FlagRaised: f, Status: "open", RaisedAt: received})
	}
	conn := store(t, "registries")
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	publishOf(t, conn, 1, c, releasedCells, flags, nil)
	for registry, want := range map[string]struct{ flags, units, lacks string }{
		"reg":   {"1 open flag", "3 points under question", "Visits"},
		"other": {"2 open flags", "1 indicator", "under question, earlier value"},
	} {
		h := pages(t, func(cfg *portal.Config) {
			cfg.Pages.Released, cfg.Pages.Catalog = conn, c
			cfg.Pages.Login, cfg.Pages.Scope = people{"anna": "a"}, ofRegistry{part{units: []string{"b"}}, registry}
		}).Handler(false)
		ask := func(path string) string {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.SetBasicAuth("anna", "a")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return text(w.Body.String())
		}
		if page := ask("/units/b"); !strings.Contains(page, want.flags) || strings.Contains(page, want.lacks) {
			t.Errorf("%s: the unit's page is not of %q: %s", registry, want.flags, page)
		}
		if page := ask("/units"); !strings.Contains(page, want.units) || registry == "other" && strings.Contains(page, "under question") {
			t.Errorf("%s: the list is not of %q: %s", registry, want.units, page)
		}
	}
}
