package portal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/services/portal"
)

// counter takes orders, or refuses them with err.
type counter struct {
	persons  []string
	orders   []portal.Order
	shown    int
	proposed bool
	err      error
}

func (c *counter) Decide(_ context.Context, person string, o portal.Order) (bool, error) {
	if c.err != nil {
		return false, c.err
	}
	c.persons, c.orders = append(c.persons, person), append(c.orders, o)
	return c.proposed, nil
}

func (c *counter) Preview(_ context.Context, _ string, o portal.Order) (impact.Impact, error) {
	if c.err != nil {
		return impact.Impact{}, c.err
	}
	c.shown++
	before, after := 77.5, 16.7
	return impact.Impact{Cells: []impact.Cell{{Place: impact.Place{Unit: "b", Granularity: "month", Period: month(21)}, Before: &before, After: &after}}}, nil
}

// browser keeps cookies, on this machine.
type browser struct {
	t       *testing.T
	h       http.Handler
	cookies []*http.Cookie
	headers map[string]string
}

func newBrowser(t *testing.T, h http.Handler) *browser { return &browser{t: t, h: h} }

func (b *browser) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, path, strings.NewReader(form.Encode()))
	r.Host, r.RemoteAddr = "127.0.0.1:8080", "127.0.0.1:999"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookies = slices.DeleteFunc(b.cookies, func(o *http.Cookie) bool { return o.Name == c.Name })
		if c.MaxAge >= 0 {
			b.cookies = append(b.cookies, c)
		}
	}
	return w
}

// deciding is the portal with a desk, and its clock.
func deciding(t *testing.T, loopback bool) (*browser, *counter, *time.Time) {
	now := time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC)
	c := &counter{}
	h := pages(t, func(cfg *portal.Config) {
		cfg.Pages.Clock = func() time.Time { return now }
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Sessions = people{"anna": "a", "bo": "b"}, c, portal.NewSessions(cfg.Pages.Clock)
		cfg.Pages.Scope = parts{"anna": {units: []string{"b"}}, "bo": {all: true}}
	}).Handler(loopback)
	return &browser{t: t, h: h}, c, &now
}

// TestDecidingOnThisMachine: nobody logs in to read; to decide one shows who
// one is, once.
func TestDecidingOnThisMachine(t *testing.T) {
	b, desk, now := deciding(t, true)
	const at = "/flags/K09-held"
	accept := url.Values{"kind": {"accept"}, "cause": {"true_change"}, "note": {"so it is"}, "until": {"2026-05-01"}, "version": {"2"}}
	if w := b.do("GET", at, nil); w.Code != 200 || !strings.Contains(w.Body.String(), `action="/flags/K09-held/session"`) || strings.Contains(w.Body.String(), `value="accept"`) {
		t.Fatalf("before the login: %d %s", w.Code, text(w.Body.String()))
	}
	for _, path := range []string{at + "/decisions", at + "/preview"} {
		if w := b.do("POST", path, accept); w.Code != 401 || !strings.Contains(w.Body.String(), "Log in first") {
			t.Errorf("%s of nobody: %d", path, w.Code)
		}
	}
	if w := b.do("POST", at+"/session", url.Values{"id": {"bo"}, "token": {"a"}}); w.Code != 401 || len(b.cookies) != 0 {
		t.Errorf("a wrong token: %d %v", w.Code, b.cookies)
	}
	w := b.do("POST", at+"/session", url.Values{"id": {"bo"}, "token": {"b"}})
	if w.Code != 303 || w.Header().Get("Location") != at || len(b.cookies) != 1 {
		t.Fatalf("login: %d %v", w.Code, w.Header())
	}
	if c := b.cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, "bo") || c.Path != "/" {
		t.Errorf("the cookie %+v", c)
	}
	page := b.do("GET", at, nil).Body.String()
	for _, kind := range []string{"judge", "accept", "reject", "correct", "snooze", "comment"} {
		if !strings.Contains(page, `name="kind" value="`+kind+`"`) {
			t.Errorf("the panel lacks %s", kind)
		}
	}
	for key, what := range map[string]string{"a": "Accept", "x": "Reject", "e": "Correct", "c": "Comment", "s": "Snooze", "?": "Keys"} {
		if !strings.Contains(page, `data-key="`+key+`">`+what) {
			t.Errorf("the key %s has no visible button", key)
		}
	}
	// The decision goes to the desk as it was written, and the next flag comes.
	if w := b.do("POST", at+"/decisions", accept); w.Code != 303 || w.Header().Get("Location") == at || !strings.HasPrefix(w.Header().Get("Location"), "/flags/") {
		t.Errorf("accept: %d %s", w.Code, w.Header().Get("Location"))
	}
	o := desk.orders[0]
	if len(desk.orders) != 1 || desk.persons[0] != "bo" || o.Flag != "K09-held" || o.Kind != "accept" || o.Cause != "true_change" || o.Note != "so it is" ||
		o.ExpectedVersion != 2 || o.Until != catalog.NewDate(2026, 5, 1) {
		t.Errorf("the order %+v", desk.orders)
	}
	for kind, proposed := range map[string]bool{"comment": false, "accept": true} {
		desk.proposed = proposed
		if w := b.do("POST", at+"/decisions", url.Values{"kind": {kind}, "note": {"x"}, "version": {"2"}}); w.Code != 303 || w.Header().Get("Location") != at {
			t.Errorf("%s (proposed %v): %d %s, want to stay", kind, proposed, w.Code, w.Header().Get("Location"))
		}
	}
	if w := b.do("POST", at+"/decisions", url.Values{"kind": {"correct"}, "numerator": {"46,5"}, "version": {"2"}}); w.Code != 303 || *desk.orders[3].Numerator != 46.5 || desk.orders[3].Denominator != nil {
		t.Errorf("correct: %d %+v", w.Code, desk.orders)
	}
	if w := b.do("POST", at+"/decisions", url.Values{"kind": {"correct"}, "numerator": {"many"}}); w.Code != 422 || len(desk.orders) != 4 {
		t.Errorf("no number: %d", w.Code)
	}
	if w := b.do("POST", at+"/preview", url.Values{"kind": {"reject"}}); w.Code != 200 || desk.shown != 1 || !strings.Contains(text(w.Body.String()), "77.5 16.7") {
		t.Errorf("the effect: %d %s", w.Code, text(w.Body.String()))
	}
	// Other sites cannot use the session.
	b.headers = map[string]string{"Sec-Fetch-Site": "cross-site"}
	if w := b.do("POST", at+"/decisions", accept); w.Code != 403 || len(desk.orders) != 4 {
		t.Errorf("from another site: %d", w.Code)
	}
	b.headers = nil
	// It ends when it is not used, and at once when she says so.
	*now = now.Add(59 * time.Minute)
	if w := b.do("POST", at+"/decisions", accept); w.Code != 303 {
		t.Errorf("within the hour: %d", w.Code)
	}
	*now = now.Add(time.Hour)
	if w := b.do("POST", at+"/decisions", accept); w.Code != 401 {
		t.Errorf("after an idle hour: %d", w.Code)
	}
	b.do("POST", at+"/session", url.Values{"id": {"bo"}, "token": {"b"}})
	kept := slices.Clone(b.cookies)
	b.do("POST", "/session/end", nil)
	b.cookies = kept
	if w := b.do("POST", at+"/decisions", accept); w.Code != 401 {
		t.Errorf("after the end: %d", w.Code)
	}
}

// TestGuessingWaits: wrong tokens are counted.
func TestGuessingWaits(t *testing.T) {
	b, _, _ := deciding(t, true)
	for range 10 {
		b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"x"}})
	}
	if w := b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}}); w.Code != 429 || len(b.cookies) != 0 {
		t.Errorf("after ten wrong ones: %d", w.Code)
	}
}

// TestDecidingOverTheNetwork: who has logged in to read decides as she, within
// her part.
func TestDecidingOverTheNetwork(t *testing.T) {
	b, desk, _ := deciding(t, false)
	decide := func(id, token, flag string) int {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/flags/"+flag+"/decisions", strings.NewReader("kind=comment&note=x"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(id, token)
		w := httptest.NewRecorder()
		b.h.ServeHTTP(w, r)
		return w.Code
	}
	for _, x := range []struct {
		id, token, flag string
		want            int
	}{{"anna", "a", "K09-held", 303}, {"anna", "a", "C11-block", 403}, {"anna", "b", "K09-held", 401}, {"bo", "b", "C11-block", 303}} {
		if got := decide(x.id, x.token, x.flag); got != x.want {
			t.Errorf("%s about %s: %d, want %d", x.id, x.flag, got, x.want)
		}
	}
	if !slices.Equal(desk.persons, []string{"anna", "bo"}) {
		t.Errorf("decided by %v", desk.persons)
	}
}

// TestRefusals: a refusal says what to do, and who decided meanwhile.
func TestRefusals(t *testing.T) {
	b, desk, _ := deciding(t, true)
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	for _, x := range []struct {
		err    error
		status int
		has    string
	}{
		{&gate.ConflictError{Flag: "K09-held", Expected: 2, Actual: 3, What: "accept", By: "anna", On: tonight}, 412, "The flag has changed since you read it: accepted by anna, 10 April 2026"},
		{fmt.Errorf("%w: x", gate.ErrFourEyes), 409, "Who proposes does not confirm"},
		{fmt.Errorf("%w: x", gate.ErrJudgeFirst), 409, "Record cause and evidence first."},
		{fmt.Errorf("%w: x", gate.ErrForbidden), 403, "Your roles do not allow it"},
		{fmt.Errorf("%w: x", gate.ErrTooLate), 409, "within a day"},
		{fmt.Errorf("%w: a note is needed", gate.ErrInvalid), 422, "a note is needed"},
		{context.DeadlineExceeded, 500, "The server could not"},
	} {
		desk.err = x.err
		for _, path := range []string{"/decisions", "/preview"} {
			if w := b.do("POST", "/flags/K09-held"+path, url.Values{"kind": {event.Accept}, "version": {"2"}}); w.Code != x.status || !strings.Contains(text(w.Body.String()), x.has) {
				t.Errorf("%v: %d %s", x.err, w.Code, text(w.Body.String()))
			}
		}
	}
}

// TestAFormNamesTheVersion: what decides says which version of the flag was read;
// without one nobody can be overruled unseen.
func TestAFormNamesTheVersion(t *testing.T) {
	b, desk, _ := deciding(t, true)
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	for _, kind := range []string{"accept", "reject", "correct", "snooze", "waive", "answer", "confirm", "refuse", "undo"} {
		for _, version := range []string{"", "0", "-1"} {
			form := url.Values{"kind": {kind}, "version": {version}, "note": {"what she wrote"}}
			w := b.do("POST", "/flags/K09-held/decisions", form)
			if w.Code != http.StatusPreconditionRequired || len(desk.orders) != 0 || !strings.Contains(text(w.Body.String()), "which version of the flag you have read") {
				t.Errorf("%s with the version %q: %d, %d orders", kind, version, w.Code, len(desk.orders))
			}
		}
	}
	took := 0
	for _, form := range []url.Values{{"kind": {"comment"}}, {"kind": {"judge"}}, {"kind": {"confirm"}, "decision": {"x"}}, {"kind": {"refuse"}, "decision": {"x"}},
		{"kind": {"undo"}, "decision": {"x"}}, {"kind": {"accept"}, "version": {"2"}}} {
		took++
		if w := b.do("POST", "/flags/K09-held/decisions", form); w.Code != http.StatusSeeOther || len(desk.orders) != took {
			t.Errorf("%v: %d, %d orders", form, w.Code, len(desk.orders))
		}
	}
}

// viewings are who was shown which flag.
type viewings struct {
	seen []string
	err  error
}

func (v *viewings) See(_ context.Context, person, flag string) error {
	v.seen = append(v.seen, person+" "+flag)
	return v.err
}

// TestAViewingIsKept: that a person was shown a flag is on record before she is;
// of who has not said who she is there is nothing to keep.
func TestAViewingIsKept(t *testing.T) {
	v := &viewings{}
	now := time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC)
	h := pages(t, func(cfg *portal.Config) {
		cfg.Pages.Clock = func() time.Time { return now }
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Sessions, cfg.Pages.Viewings = people{"bo": "b"}, &counter{}, portal.NewSessions(cfg.Pages.Clock), v
	}).Handler(true)
	b := newBrowser(t, h)
	if b.do("GET", "/flags/K09-held", nil); len(v.seen) != 0 {
		t.Errorf("nobody has said who she is: %v", v.seen)
	}
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	b.do("GET", "/flags/K09-held", nil)
	b.do("GET", "/flags/no-such", nil)
	b.do("GET", "/flags", nil)
	if !slices.Equal(v.seen, []string{"bo K09-held"}) {
		t.Errorf("on record: %v", v.seen)
	}
	v.err = errors.New("the log is away")
	if w := b.do("GET", "/flags/K09-held", nil); w.Code < 500 || strings.Contains(w.Body.String(), "Fewer") {
		t.Errorf("what cannot be put on record is shown: %d", w.Code)
	}
}

// TestTongues: the panel speaks what the reader asks for, and remembers it.
func TestTongues(t *testing.T) {
	b, _, _ := deciding(t, true)
	for accept, want := range map[string]string{"": "Decide", "sv-SE,sv;q=0.9,en;q=0.8": "Besluta", "nn-NO": "Beslutt", "de, da;q=0.7, en;q=0.5": "Beslut", "fi": "Decide"} {
		b.headers, b.cookies = map[string]string{"Accept-Language": accept}, nil
		if page := b.do("GET", "/flags/K09-held", nil).Body.String(); !strings.Contains(page, `<h2 id="decide">`+want+`</h2>`) {
			t.Errorf("%q: the panel is not titled %s", accept, want)
		}
	}
	b.headers = map[string]string{"Accept-Language": "da"}
	for _, path := range []string{"/flags/K09-held?lang=sv", "/flags/K09-held", "/flags/K09-held?lang=xx"} {
		if page := b.do("GET", path, nil).Body.String(); !strings.Contains(page, `lang="sv" aria-labelledby="decide"`) {
			t.Errorf("%s: not in Swedish", path)
		}
	}
}
