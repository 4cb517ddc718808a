package review_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/learning"
	"larstrom/pipeline/queue"
	"larstrom/services/validator"
	"larstrom/services/validator/review"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "token of anna"

// desk answers with one flag; what it is told it counts. The whole system
// behind the same handler is tested in services/larstrom/app.
type desk struct {
	orders int
	err    error
	seen   []string
	cut    bool          // the audit trail breaks off
	gone   chan struct{} // closed when the asker has gone, while an order is under way
}

func (d *desk) FlagsFor(context.Context, catalog.Person) ([]gate.Flag, error) {
	return []gate.Flag{one()}, nil
}

func one() gate.Flag {
	return gate.Flag{FlagRaised: event.FlagRaised{Flag: "K09-one", Check: "K09", Severity: event.Hold, Indicator: "visits", Unit: "u1", Text: "233 records where there were 1516: 1283 fewer (84.6 %)."},
		Status: gate.Open, Version: 3}
}

func (d *desk) FlagFor(_ context.Context, _ catalog.Person, id string) (gate.Flag, error) {
	if id != "K09-one" {
		return gate.Flag{}, gate.ErrUnknownFlag
	}
	return one(), nil
}

func (d *desk) Why(context.Context, catalog.Person, validator.Question) ([]validator.Answer, error) {
	return nil, d.err
}

func (d *desk) Order(ctx context.Context, _ catalog.Person, _ validator.Order) (review.Done, error) {
	d.orders++
	if d.gone != nil {
		<-d.gone
	}
	return review.Done{}, errors.Join(d.err, ctx.Err())
}

func (d *desk) DecideAll(context.Context, catalog.Person, []validator.Order) ([]validator.Outcome, int, error) {
	d.orders++
	return nil, 0, d.err
}

func (d *desk) Preview(context.Context, catalog.Person, []validator.Order) (validator.Preview, error) {
	d.orders++
	return validator.Preview{}, d.err
}

func (d *desk) DrawSample(context.Context, catalog.Person, validator.Draw) (validator.Drawn, error) {
	return validator.Drawn{}, d.err
}

func (d *desk) SignProtocol(_ context.Context, _ catalog.Person, p event.ProtocolSigned) (event.ProtocolSigned, review.Done, error) {
	return p, review.Done{}, d.err
}

func (d *desk) RevokeProtocol(context.Context, catalog.Person, event.ProtocolRevoked) (review.Done, error) {
	return review.Done{}, d.err
}

func (d *desk) QueueFor(context.Context, catalog.Person) (queue.Queue, error) {
	return queue.Of(nil, "anna", queue.Budget{New: 1, Per: catalog.Day}, catalog.NewDate(2026, 3, 2)), d.err
}

func (d *desk) Affirm(_ context.Context, _ catalog.Person, u event.UnitAffirmed) (event.UnitAffirmed, error) {
	return u, d.err
}

func (d *desk) See(_ context.Context, _ catalog.Person, flag, client string) error {
	d.seen = append(d.seen, flag+" by "+client)
	return d.err
}

func (d *desk) Audit(_ context.Context, _ catalog.Person, w io.Writer) error {
	if d.err == nil || d.cut {
		_, _ = io.WriteString(w, "{}\n")
	}
	return d.err
}

func (d *desk) LearnedFor(context.Context, catalog.Person) ([]learning.Stat, error) {
	return nil, d.err
}

// sessions know one cookie.
type sessions struct{}

func (sessions) Person(r *http.Request) (string, bool) {
	c, err := r.Cookie("larstrom-session")
	return "anna", err == nil && c.Value == "hers"
}

type place struct {
	desk *desk
	h    *review.Handler
	log  *bytes.Buffer
	now  time.Time
}

func newPlace(t *testing.T) *place {
	t.Helper()
	sum := sha256.Sum256([]byte(token))
	c, err := catalog.Load(fstest.MapFS{"c.yaml": {Data: fmt.Appendf(nil, `
region: {code: norr, name: Norr, time_zone: Europe/Stockholm}
registries: [{code: reg, name: Registry, country: SE}]
indicators: [{id: visits, registry: reg, name: Visits, type: count, class: process}]
units: [{id: u1, name: One, kind: clinic, codes: {local: "1"}}]
people: [{id: anna, name: Anna, roles: [region_steward], token_sha256: %q}]
`, hex.EncodeToString(sum[:]))}})
	if err != nil {
		t.Fatal(err)
	}
	p := &place{desk: &desk{}, log: &bytes.Buffer{}, now: time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)}
	p.h, err = review.New(review.Config{Catalog: c, Reader: p.desk, Decider: p.desk, Introducer: p.desk, Recorder: p.desk, Auditor: p.desk, Sessions: sessions{},
		Clock: func() time.Time { return p.now }, Logger: slog.New(slog.NewTextHandler(p.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask asks on this machine, from the host, with headers "Name: value".
func (p *place) ask(t *testing.T, method, path, body, host string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.RemoteAddr = host + ":1234"
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "" {
			continue
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	return w
}

const (
	hers    = "Authorization: Bearer " + token
	session = "Cookie: larstrom-session=hers"
	decide  = "/v1/review/flags/K09-one/decisions"
	comment = `{"kind": "comment", "note": "a secret note"}`
)

// TestWhoAsks: a person by her token, or by her session from its own pages.
func TestWhoAsks(t *testing.T) {
	p := newPlace(t)
	for _, x := range []struct {
		what    string
		status  int
		headers []string
	}{
		{"her token", 200, []string{hers}},
		{"nobody", 401, nil},
		{"a wrong token", 401, []string{"Authorization: Bearer x"}},
		{"no token", 401, []string{"Authorization: Bearer "}},
		{"the way of the pages", 401, []string{"Authorization: Basic YW5uYTp0b2tlbiBvZiBhbm5h"}},
		{"a wrong token beside a session", 401, []string{"Authorization: Bearer x", session}},
		{"her session", 200, []string{session, "Sec-Fetch-Site: same-origin"}},
		{"her session, of another site", 403, []string{session, "Sec-Fetch-Site: cross-site"}},
		{"her session, of another host of the site", 403, []string{session, "Sec-Fetch-Site: same-site"}},
		{"her session, of another origin", 403, []string{session, "Origin: https://evil.example"}},
		{"another session", 401, []string{"Cookie: larstrom-session=other"}},
	} {
		before := p.desk.orders
		w := p.ask(t, "POST", decide, comment, "10.0.0.1", x.headers...)
		if w.Code != x.status || p.desk.orders-before != map[bool]int{true: 1}[x.status == 200] {
			t.Errorf("%s: %d %s, %d orders", x.what, w.Code, w.Body, p.desk.orders-before)
		}
		if strings.Contains(w.Body.String(), token) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v %s", x.what, w.Header(), w.Body)
		}
	}
	if w := p.ask(t, "GET", "/v1/review/flags?token="+strings.ReplaceAll(token, " ", "+"), "", "10.0.0.9"); w.Code != 401 {
		t.Errorf("a token in an address lets in: %d", w.Code)
	}
	// Over a network, clear text is refused before the token is looked at.
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/review/flags", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	if w.Code != 403 || !strings.Contains(w.Body.String(), "clear-text") {
		t.Errorf("clear text: %d %s", w.Code, w.Body)
	}
}

// TestAViewingIsOnRecord: that somebody was shown a flag is kept before she is, with
// the program that asked; what cannot be kept is not shown.
func TestAViewingIsOnRecord(t *testing.T) {
	p := newPlace(t)
	const at = "/v1/review/flags/K09-one"
	if w := p.ask(t, "GET", at, "", "10.0.0.1", hers, "User-Agent: Reader/2\x01 "+strings.Repeat("å", 100)); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(p.desk.seen) != 1 || !strings.HasPrefix(p.desk.seen[0], "K09-one by HTTP Reader/2 å") || len(p.desk.seen[0]) > 150 || !utf8.ValidString(p.desk.seen[0]) {
		t.Errorf("on record: %q", p.desk.seen)
	}
	p.ask(t, "GET", at+"x", "", "10.0.0.1", hers)
	if len(p.desk.seen) != 1 {
		t.Errorf("a flag that is not there was seen: %q", p.desk.seen)
	}
	p.desk.err = errors.New("the log is away")
	if w := p.ask(t, "GET", at, "", "10.0.0.1", hers); w.Code != 500 || strings.Contains(w.Body.String(), "1516") {
		t.Errorf("without a record: %d %s", w.Code, w.Body)
	}
}

// TestATrailThatBreaksOff closes the connection: nobody takes it for whole.
func TestATrailThatBreaksOff(t *testing.T) {
	p := newPlace(t)
	if w := p.ask(t, "GET", "/v1/review/audit", "", "10.0.0.1", hers); w.Code != 200 || w.Body.String() != "{}\n" || w.Header().Get("Content-Type") != "application/jsonl" {
		t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	p.desk.err, p.desk.cut = errors.New("the log is away"), true
	defer func() {
		if r := recover(); r != http.ErrAbortHandler {
			t.Errorf("it ended with %v", r)
		}
	}()
	p.ask(t, "GET", "/v1/review/audit", "", "10.0.0.1", hers)
	t.Error("it ended as if it were whole")
}

// TestWrongTokensAreCounted: a host that guesses waits, others do not.
func TestWrongTokensAreCounted(t *testing.T) {
	p := newPlace(t)
	for range 10 {
		if w := p.ask(t, "GET", "/v1/review/flags", "", "10.0.0.1", "Authorization: Bearer x"); w.Code != 401 {
			t.Fatalf("%d", w.Code)
		}
	}
	if w := p.ask(t, "GET", "/v1/review/flags", "", "10.0.0.1", hers); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("after ten wrong ones: %d %v", w.Code, w.Header())
	}
	if w := p.ask(t, "GET", "/v1/review/flags", "", "10.0.0.2", hers); w.Code != 200 {
		t.Errorf("another host: %d", w.Code)
	}
	p.now = p.now.Add(time.Minute)
	if w := p.ask(t, "GET", "/v1/review/flags", "", "10.0.0.1", hers); w.Code != 200 {
		t.Errorf("a minute later: %d", w.Code)
	}
}

// TestBodies: bodies are bounded, are JSON, and say nothing else.
func TestBodies(t *testing.T) {
	p := newPlace(t)
	for _, x := range []struct {
		what, path, body string
		status           int
		headers          []string
	}{
		{"no JSON", decide, "kind", 400, nil},
		{"another word", decide, `{"kind": "comment", "as": "bo"}`, 400, nil},
		{"two values", decide, comment + comment, 400, nil},
		{"a form", decide, "kind=comment", 415, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"too large", decide, `{"kind": "comment", "note": "` + strings.Repeat("x", 64<<10) + `"}`, 413, nil},
		{"no decisions", "/v1/review/decisions", `{"decisions": []}`, 422, nil},
		{"too many", "/v1/review/decisions", `{"decisions": [` + strings.Repeat(`{"flag":"x","kind":"accept"},`, 500) + `{"flag":"x","kind":"accept"}]}`, 422, nil},
		{"too many together", "/v1/review/preview", `{"decisions": [` + strings.Repeat(`{"flag":"x","kind":"accept"},`, 500) + `{"flag":"x","kind":"accept"}]}`, 422, nil},
		{"a weak version", decide, comment, 400, []string{`If-Match: W/"3"`}},
		{"no such flag", "/v1/review/flags/K09-two/decisions", comment, 404, nil},
		{"another method", "/v1/review/flags/K09-one", comment, 404, nil},
	} {
		if w := p.ask(t, "POST", x.path, x.body, "10.0.0.1", append([]string{hers}, x.headers...)...); w.Code != x.status || !strings.Contains(w.Body.String(), `"hint"`) {
			t.Errorf("%s: %d %s", x.what, w.Code, w.Body)
		}
	}
	if p.desk.orders != 0 {
		t.Errorf("%d orders were given", p.desk.orders)
	}
}

// TestFaultsOfOurs are told to the operator, without what was sent.
func TestFaultsOfOurs(t *testing.T) {
	p := newPlace(t)
	p.desk.err = errors.New("the store is away")
	w := p.ask(t, "POST", decide, comment, "10.0.0.1", hers)
	if w.Code != 500 || strings.Contains(w.Body.String(), "store is away") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if log := p.log.String(); !strings.Contains(log, "store is away") || strings.Contains(log, "secret") || strings.Contains(log, token) || strings.Contains(log, "anna") {
		t.Errorf("the log lines: %s", log)
	}
}

// TestADecisionIsFinished: who goes away does not stop what has begun.
func TestADecisionIsFinished(t *testing.T) {
	p := newPlace(t)
	p.desk.gone = make(chan struct{})
	ctx, leave := context.WithCancel(context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})))
	r := httptest.NewRequestWithContext(ctx, "POST", decide, strings.NewReader(comment))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	go func() { leave(); close(p.desk.gone) }()
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	_, err := review.New(review.Config{})
	for _, want := range []string{"catalog", "reader", "decider", "introducer", "recorder", "auditor", "clock", "logger"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
