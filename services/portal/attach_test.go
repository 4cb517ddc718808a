package portal_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/portal"
)

// TestEvidenceAndAssignment: the page offers to attach evidence and to give the
// flag to those who may decide about it, under the same rules as its other forms,
// and shows what was attached and who has the flag.
func TestEvidenceAndAssignment(t *testing.T) {
	hash, desk := strings.Repeat("ab", 32), &counter{}
	d := story(t)
	c := region()
	for _, p := range []struct{ id, name, role, unit string }{{"anna", "Anna <A>", "super_user", "b"}, {"bo", "Bo", "region_steward", ""}, {"cia", "Cia", "super_user", "c"},
		{"dan", "Dan", "viewer", ""}, {"eva", "Eva", "super_user", "area"}, {"adm", "Adm", "administrator", ""}} {
		role := catalog.Role{Role: p.role}
		if p.unit != "" {
			role.Units = []string{p.unit}
		}
		c.People = append(c.People, catalog.Person{ID: p.id, Name: p.name, Roles: []catalog.Role{role}})
	}
	h := pages(t, func(cfg *portal.Config) {
		cfg.Pages.Ledger, cfg.Pages.Catalog = d, c
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Sessions = people{"anna": "a", "bo": "b"}, desk, portal.NewSessions(cfg.Pages.Clock)
		cfg.Pages.Scope = parts{"anna": {units: []string{"b"}}, "bo": {all: true}}
	}).Handler(true)
	b := newBrowser(t, h)
	const at = "/flags/K09-held"
	attach := url.Values{"kind": {gate.Attach}, "note": {"the list of the ward"}, "link": {"https://archive.example/12"}, "sha256": {hash}, "version": {"2"}}
	assign := url.Values{"kind": {gate.Assign}, "to": {"eva"}, "note": {"you know it"}, "version": {"2"}}
	for _, form := range []url.Values{attach, assign} {
		if w := b.do(http.MethodPost, at+"/decisions", form); w.Code != 401 {
			t.Errorf("%s by nobody: %d", form.Get("kind"), w.Code)
		}
	}
	b.do(http.MethodPost, at+"/session", url.Values{"id": {"anna"}, "token": {"a"}})
	page := b.do(http.MethodGet, at, nil).Body.String()
	options := page[strings.Index(page, `<select name="to">`):]
	options = options[:strings.Index(options, "</select>")]
	var offered []string
	for o := range strings.SplitSeq(options, `<option value="`) {
		if id, _, ok := strings.Cut(o, `"`); ok && !strings.HasPrefix(o, "<select") {
			offered = append(offered, id)
		}
	}
	if !slices.Equal(offered, []string{"", "anna", "bo", "eva"}) {
		t.Errorf("offered are %q", offered)
	}
	for _, form := range []url.Values{attach, assign} {
		without := url.Values{"kind": form["kind"], "to": form["to"], "note": form["note"]}
		if w := b.do(http.MethodPost, at+"/decisions", without); w.Code != 428 || !strings.Contains(w.Body.String(), form.Get("note")) {
			t.Errorf("%s of no version: %d", form.Get("kind"), w.Code)
		}
		if w := b.do(http.MethodPost, at+"/decisions", form); w.Code != 303 || w.Header().Get("Location") != at {
			t.Errorf("%s: %d to %q", form.Get("kind"), w.Code, w.Header().Get("Location"))
		}
	}
	if len(desk.orders) != 2 || desk.orders[0].Link != "https://archive.example/12" || desk.orders[0].SHA256 != hash || desk.orders[0].Note != "the list of the ward" ||
		desk.orders[0].ExpectedVersion != 2 || desk.orders[1].To != "eva" || desk.orders[1].ExpectedVersion != 2 {
		t.Errorf("ordered: %+v", desk.orders)
	}
	d.add(t, event.GateSubject("nord", "care"), received, event.EvidenceAttached{Evidence: "e1", Flag: "K09-held", By: "anna", Text: "a <list>", Link: "https://archive.example/12", SHA256: hash, On: tonight},
		event.EvidenceAttached{Evidence: "e2", Flag: "K09-held", By: "bo", Link: "javascript:alert(1)", SHA256: hash, On: tonight},
		event.FlagAssigned{Flag: "K09-held", To: "eva", By: "anna", Note: "you know it", On: tonight})
	page = b.do(http.MethodGet, at, nil).Body.String()
	for _, want := range []string{"<q>a &lt;list&gt;</q>", `<a href="https://archive.example/12" rel="external noreferrer">`, `<code>javascript:alert(1)</code>`,
		"The flag is assigned to <strong>Eva</strong>", `<option value="eva" selected>`, `name="version" value="2"`, "evidence attached", "given to eva by anna"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, `href="javascript`) {
		t.Error("a link may lead to a script")
	}
	desk.err = gate.ErrForbidden
	if w := b.do(http.MethodPost, at+"/decisions", attach); w.Code != 403 || !strings.Contains(w.Body.String(), `value="https://archive.example/12"`) {
		t.Errorf("forbidden: %d, or what was written is gone", w.Code)
	}
}
