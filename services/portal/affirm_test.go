package portal_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/portal"
)

// affirmer takes affirmations, or refuses them with err.
type affirmer struct {
	taken []string
	err   error
}

func (a *affirmer) Affirm(_ context.Context, person, unit string, through catalog.Date) error {
	if a.err == nil {
		a.taken = append(a.taken, fmt.Sprint(person, " ", unit, " ", through))
	}
	return a.err
}

// TestAffirming: who answers for a unit sees whether somebody stands by its values,
// gives her word by one button, and the marks at new values go.
func TestAffirming(t *testing.T) {
	now := time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC)
	a, ledger := &affirmer{}, story(t)
	b := newBrowser(t, pages(t, func(cfg *portal.Config) {
		cfg.Pages.Clock, cfg.Pages.Ledger = func() time.Time { return now }, ledger
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Sessions, cfg.Pages.Affirming = people{"bo": "b"}, &counter{}, portal.NewSessions(cfg.Pages.Clock), a
	}).Handler(true))
	const due = "We have looked at the values through 31 March 2026 and stand by them"
	if page := text(b.do("GET", "/units/c", nil).Body.String()); !strings.Contains(page, "Nobody has affirmed what is shown here.") || strings.Contains(page, due) {
		t.Errorf("before she says who she is: %s", page)
	}
	marks := func() int {
		return strings.Count(b.do("GET", "/units/c/care?stratum=", nil).Body.String(), "not yet affirmed")
	}
	// January and February; March is not mature, and December ended three months ago.
	if got := marks(); got != 2 {
		t.Errorf("%d values are marked, want 2", got)
	}
	form := url.Values{"through": {"2026-03-31"}}
	if w := b.do("POST", "/units/c/affirmations", form); w.Code != http.StatusUnauthorized || len(a.taken) != 0 {
		t.Errorf("of nobody: %d", w.Code)
	}
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	if page := text(b.do("GET", "/units/c", nil).Body.String()); !strings.Contains(page, due) {
		t.Errorf("there is no button: %s", page)
	}
	a.err = fmt.Errorf("%w: flag K09-x about unit c awaits a decision", gate.ErrInvalid)
	if w := b.do("POST", "/units/c/affirmations", form); w.Code != http.StatusUnprocessableEntity || !strings.Contains(text(w.Body.String()), "It was not affirmed. Something is missing or does not fit:") ||
		!strings.Contains(w.Body.String(), "K09-x") {
		t.Errorf("refused: %d %s", w.Code, text(w.Body.String()))
	}
	a.err = nil
	if w := b.do("POST", "/units/c/affirmations", url.Values{"through": {"spring"}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("no date: %d", w.Code)
	}
	if w := b.do("POST", "/units/c/affirmations", form); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/units/c" || !slices.Equal(a.taken, []string{"bo c 2026-03-31"}) {
		t.Errorf("%d %v %v", w.Code, w.Header(), a.taken)
	}
	ledger.add(t, event.UnitSubject("nord"), now, event.UnitAffirmed{Unit: "c", Through: catalog.NewDate(2026, 3, 31), By: "bo", On: tonight})
	if page := text(b.do("GET", "/units/c", nil).Body.String()); !strings.Contains(page, "Affirmed through 31 March 2026, by bo on 10 April 2026.") || strings.Contains(page, due) {
		t.Errorf("afterwards: %s", page)
	}
	if got := marks(); got != 0 {
		t.Errorf("%d values are still marked", got)
	}
	// Another unit's word is its own.
	if page := text(b.do("GET", "/units/b", nil).Body.String()); !strings.Contains(page, "Nobody has affirmed") {
		t.Error("another unit is affirmed too")
	}
}
