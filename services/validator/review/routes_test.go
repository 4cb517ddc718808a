package review_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"larstrom/pipeline/gate"
	"larstrom/schemas/openapi"
	"larstrom/services/validator/review"
)

// asked is how each route is asked about a flag that the person may not read,
// and what she is answered. A route that is not here fails the test, and so does
// one of the router that the document does not have.
func asked() map[string]struct {
	path, body string
	status     int
} {
	type q = struct {
		path, body string
		status     int
	}
	const other = "/v1/review/flags/K09-two"
	return map[string]q{
		"GET /v1/review/flags":                            {"/v1/review/flags", "", 200},
		"GET /v1/review/flags/{flag}":                     {other, "", 404},
		"POST /v1/review/flags/{flag}/decisions":          {other + "/decisions", `{"kind": "comment", "note": "x"}`, 404},
		"POST /v1/review/flags/{flag}/undo":               {other + "/undo", `{"decision": "x"}`, 404},
		"POST /v1/review/flags/{flag}/preview":            {other + "/preview", `{"kind": "accept"}`, 404},
		"POST /v1/review/decisions":                       {"/v1/review/decisions", `{"decisions": [{"flag": "K09-two", "kind": "comment", "note": "x"}]}`, 200},
		"POST /v1/review/preview":                         {"/v1/review/preview", `{"decisions": [{"flag": "K09-two", "kind": "accept"}]}`, 404},
		"GET /v1/review/why":                              {"/v1/review/why?indicator=visits&unit=u2&period=2026-01-01", "", 404},
		"GET /v1/review/queue":                            {"/v1/review/queue", "", 403},
		"POST /v1/review/affirmations":                    {"/v1/review/affirmations", `{"unit": "u2", "through": "2025-12-31"}`, 404},
		"GET /v1/review/learning":                         {"/v1/review/learning", "", 403},
		"GET /v1/review/audit":                            {"/v1/review/audit", "", 403},
		"POST /v1/review/protocols":                       {"/v1/review/protocols", `{"indicator": "visits"}`, 403},
		"POST /v1/review/protocols/{protocol}/signatures": {"/v1/review/protocols/x/signatures", `{"indicator": "visits"}`, 403},
		"POST /v1/review/revocations":                     {"/v1/review/revocations", `{"indicator": "visits"}`, 403},
		"GET /v1/openapi/review.yaml":                     {"/v1/openapi/review.yaml", "", 200},
	}
}

// TestEveryRouteHasARule enumerates the router: nobody without a token is
// answered, nobody is told of what she may not read, the document has exactly
// these routes, and one without a rule is not served at all.
func TestEveryRouteHasARule(t *testing.T) {
	p := newPlace(t)
	p.desk.err = gate.ErrForbidden
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Review())
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	routes := p.h.Routes()
	slices.Sort(documented)
	slices.Sort(routes)
	if !slices.Equal(routes, documented) {
		t.Errorf("the router has\n%s\nand the document\n%s", strings.Join(routes, "\n"), strings.Join(documented, "\n"))
	}
	for _, route := range routes {
		q, ok := asked()[route]
		if !ok {
			t.Errorf("%s: say here how it is asked, and what who may not read the flag is answered", route)
			continue
		}
		method, _, _ := strings.Cut(route, " ")
		public := route == "GET /v1/openapi/review.yaml"
		p.now = p.now.Add(time.Minute)
		if w := p.ask(t, method, q.path, q.body, "10.0.0.3"); (w.Code == http.StatusUnauthorized) == public {
			t.Errorf("%s of nobody: %d", route, w.Code)
		}
		w := p.ask(t, method, q.path, q.body, "10.0.0.3", hers)
		if w.Code != q.status || !public && strings.Contains(w.Body.String(), "u2") || p.desk.orders != 0 {
			t.Errorf("%s about another's: %d %s, %d orders, want %d", route, w.Code, w.Body, p.desk.orders, q.status)
		}
		if w.Code >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %v", route, w.Header())
		}
		if method == "POST" {
			op := doc.Paths.Find(strings.TrimPrefix(route, "POST ")).Post
			if !slices.ContainsFunc(op.Parameters, func(x *openapi3.ParameterRef) bool { return x.Value.Name == "Idempotency-Key" }) {
				t.Errorf("%s: the document does not name the key", route)
			}
		}
	}
	if err := p.h.ServeWithoutRule(); err == nil || !strings.Contains(err.Error(), "no rule of access") {
		t.Errorf("a route without a rule: %v", err)
	}
}

// TestADecisionNamesAVersion: what decides says what was read.
func TestADecisionNamesAVersion(t *testing.T) {
	p := newPlace(t)
	for body, needs := range map[string]bool{
		`{"kind": "accept", "cause": "unknown"}`: true, `{"kind": "reject", "cause": "unknown"}`: true, `{"kind": "snooze"}`: true,
		`{"kind": "waive"}`: true, `{"kind": "correct"}`: true, `{"kind": "confirm"}`: true, `{"kind": "confirm", "decision": "x"}`: false,
		`{"kind": "comment", "note": "x"}`: false, `{"kind": "judge"}`: false,
	} {
		for match, given := range map[string]bool{"": false, "If-Match: *": false, `If-Match: "3"`: true} {
			before := p.desk.orders
			w := p.ask(t, "POST", decide, body, "10.0.0.1", hers, match)
			if refused := needs && !given; (w.Code == http.StatusPreconditionRequired) != refused || (p.desk.orders == before) != refused {
				t.Errorf("%s with %q: %d %s", body, match, w.Code, w.Body)
			}
		}
	}
	w := p.ask(t, "POST", "/v1/review/decisions", `{"decisions": [{"flag": "K09-one", "kind": "accept", "cause": "unknown"}]}`, "10.0.0.1", hers)
	var out review.Outcomes
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || out.Refused != 1 || out.Outcomes[0].Problem.Status != http.StatusPreconditionRequired {
		t.Errorf("in bulk: %d %s", w.Code, w.Body)
	}
}

// TestAKeyIsOneCommand: sent again it has the first answer, with another body it
// is refused, another person's is another, and a fault of ours is none.
func TestAKeyIsOneCommand(t *testing.T) {
	p := newPlace(t)
	const key = "Idempotency-Key: k1"
	ask := func(body string, headers ...string) (status int, text, replayed string, orders int) {
		before := p.desk.orders
		w := p.ask(t, "POST", decide, body, "10.0.0.1", append([]string{hers}, headers...)...)
		return w.Code, w.Body.String(), w.Header().Get("Idempotent-Replayed"), p.desk.orders - before
	}
	p.desk.err = errors.New("away")
	if status, _, _, _ := ask(comment, key); status != 500 {
		t.Fatalf("%d", status)
	}
	p.desk.err = nil
	status, first, replayed, orders := ask(comment, key)
	if status != 200 || replayed != "" || orders != 1 {
		t.Fatalf("after a fault of ours: %d, replayed %q, %d orders", status, replayed, orders)
	}
	if status, text, replayed, orders := ask(comment, key); status != 200 || text != first || replayed != "true" || orders != 0 {
		t.Errorf("again: %d %q, replayed %q, %d orders", status, text, replayed, orders)
	}
	for what, headers := range map[string][]string{"another body": {key}, "another version": {key, `If-Match: "4"`}} {
		body := comment
		if what == "another body" {
			body = `{"kind": "comment", "note": "other"}`
		}
		if status, text, _, orders := ask(body, headers...); status != 422 || !strings.Contains(text, "urn:larstrom:review:key") || orders != 0 {
			t.Errorf("%s: %d %s, %d orders", what, status, text, orders)
		}
	}
	if status, _, _, _ := ask(comment, "Idempotency-Key: "+strings.Repeat("x", 256)); status != 400 {
		t.Errorf("a long key: %d", status)
	}
	// A refusal is an answer too.
	p.desk.err = gate.ErrTooLate
	ask(comment, "Idempotency-Key: k2")
	p.desk.err = nil
	if status, _, replayed, orders := ask(comment, "Idempotency-Key: k2"); status != 409 || replayed != "true" || orders != 0 {
		t.Errorf("a refusal again: %d, replayed %q, %d orders", status, replayed, orders)
	}
	p.now = p.now.Add(24 * time.Hour)
	if _, _, replayed, orders := ask(comment, key); replayed != "" || orders != 1 {
		t.Errorf("a day later: replayed %q, %d orders", replayed, orders)
	}
}

// TestAKeyUnderWay: who sends it again meanwhile waits for the one answer.
func TestAKeyUnderWay(t *testing.T) {
	p := newPlace(t)
	p.desk.gone = make(chan struct{})
	var all sync.WaitGroup
	codes := make([]int, 8)
	started := make(chan struct{}, len(codes))
	for i := range codes {
		all.Go(func() {
			started <- struct{}{}
			codes[i] = p.ask(t, "POST", decide, comment, "10.0.0.1", hers, "Idempotency-Key: k").Code
		})
	}
	for range codes {
		<-started
	}
	close(p.desk.gone)
	all.Wait()
	if p.desk.orders != 1 || slices.ContainsFunc(codes, func(c int) bool { return c != 200 }) {
		t.Errorf("%d orders, answers %v", p.desk.orders, codes)
	}
}
