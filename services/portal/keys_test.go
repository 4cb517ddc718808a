package portal_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/services/portal"
	chromium "larstrom/services/portal/web/browser"
)

// TestReviewingByKeys reviews in Chromium with the real pages and script: every
// key leads into its panel and sends nothing, none works while somebody types,
// and each can be another.
func TestReviewingByKeys(t *testing.T) {
	now := func() time.Time { return received.Add(time.Hour) }
	diary := story(t)
	diary.add(t, event.GateSubject("nord", "care"), received, event.DecisionProposed{Decision: "x3", Flag: "K09-held", Kind: event.Accept, By: "bo",
		Cause: "true_change", Note: "so it is", On: tonight, Until: tonight.AddDays(30)})
	h := pages(t, func(cfg *portal.Config) {
		cfg.Pages.Clock, cfg.Pages.Ledger = now, diary
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Several, cfg.Pages.Sessions = people{"bo": "b"}, &counter{}, &bulk{}, portal.NewSessions(now)
	}).Handler(true)
	// The person has logged in: the browser of the test comes with her session.
	person := newBrowser(t, h)
	person.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range person.cookies {
			r.AddCookie(c)
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	ctx, stop := context.WithTimeout(t.Context(), 4*time.Minute)
	defer stop()
	faults, err := chromium.CheckKeys(ctx, chromium.Reviewing{Base: server.URL, List: "/flags", Flag: "/flags/K09-held", Keys: "/keys"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
	// And with axe, contrast, and at 400 % zoom, in three languages.
	plan := chromium.Plan{Base: server.URL}
	for _, path := range []string{"/flags/K09-held?lang=sv", "/flags?lang=da", "/keys?lang=nb"} {
		plan.Sample = append(plan.Sample, chromium.Page{Path: path, Kind: path})
	}
	seen, err := chromium.Check(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range chromium.Fold(seen.Findings) {
		t.Error(told)
	}
}
