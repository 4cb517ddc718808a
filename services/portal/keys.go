package portal

import "net/http"

// keysBody is the keys of reviewing: each with what it does.
type keysBody struct{ Keys []crumb }

// keys is the page on which a person chooses her keys. The choice stays in her
// browser: the portal never learns it.
func (p *Portal) keys(*http.Request) (*view, error) {
	s, b := p.speak(), &keysBody{}
	for _, k := range []crumb{{"j", "after"}, {"k", "before"}, {"a", "accept"}, {"x", "reject"}, {"e", "correct"}, {"c", "comment"}, {"s", "snooze"},
		{"w", "waive"}, {"f", "attach"}, {"p", "assign"}, {"u", "undo"}, {"/", "key.filter"}, {"?", "keys"}, {"g q", "queue"}} {
		b.Keys = append(b.Keys, crumb{k.Path, s.S(k.Title)})
	}
	return &view{Title: p.words.t("keys.title"), Section: "flags", Crumbs: p.crumbs(crumb{"/flags", p.words.t("nav.flags")}), Body: b}, nil
}
