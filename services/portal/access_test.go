package portal

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/run"
)

// closed are a store, a ledger and a desk that nobody may come to.
type closed struct{ t *testing.T }

func (c closed) Read(_ context.Context, fn func(*run.State) error) error { return fn(&run.State{}) }
func (c closed) Decide(context.Context, string, Order) (bool, error) {
	c.t.Error("somebody decides")
	return false, nil
}
func (c closed) Preview(context.Context, string, Order) (impact.Impact, error) {
	c.t.Error("somebody looks")
	return impact.Impact{}, nil
}
func (c closed) DecideAll(context.Context, string, []Order) ([]Result, error) {
	c.t.Error("somebody decides")
	return nil, nil
}
func (c closed) PreviewAll(context.Context, string, []Order) (map[string]impact.Impact, map[string]string, error) {
	c.t.Error("somebody looks")
	return nil, nil, nil
}
func (c closed) Affirm(context.Context, string, string, catalog.Date) error {
	c.t.Error("somebody affirms")
	return nil
}
func (closed) Login(_ context.Context, id, _ string) bool { return id == "nobody" }
func (closed) Reader(string) Reader                       { return readsNothing{} }

type readsNothing struct{}

func (readsNothing) Cells(string, string) bool  { return false }
func (readsNothing) Flag(string, []string) bool { return false }
func (readsNothing) Delivery(string) bool       { return false }

// TestEveryPatternHasARule enumerates what the portal answers: every pattern has a
// rule of access, everything but these pages is closed to who may read nothing,
// and nobody comes to anything without a login. A page that is added without a
// rule fails here.
func TestEveryPatternHasARule(t *testing.T) {
	c := closed{t}
	all, err := New(Config{Source: statusless{}, Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Pages: &Pages{Released: nothing{}, Ledger: c, Catalog: &catalog.Catalog{Registries: []catalog.Registry{{Code: "reg"}}}, Clock: time.Now,
			Login: c, Scope: c, Desk: c, Several: c, Affirming: c, Sessions: NewSessions(time.Now)}})
	if err != nil {
		t.Fatal(err)
	}
	choosing := map[string]bool{"GET /flags": true, "GET /units": true, "GET /help": true, "GET /keys": true, "GET /": true, "POST /flags": true,
		"POST /flags/{flag}/session": true, "POST /session/end": true}
	network := all.Handler(false)
	for _, e := range all.table(true, newDoor(c, time.Now)) {
		if e.may == nil {
			t.Errorf("%s has no rule of access", e.pattern)
			continue
		}
		rule := runtime.FuncForPC(reflect.ValueOf(e.may).Pointer()).Name()
		if isOpen := strings.HasSuffix(rule, ".forAll"); isOpen != choosing[e.pattern] {
			t.Errorf("%s: its rule is %s; if it chooses by itself what to show, say so here", e.pattern, rule)
		}
		method, path, _ := strings.Cut(e.pattern, " ")
		path = strings.NewReplacer("{$}", "", "{flag}", "f", "{unit}", "u", "{indicator}", "i", "{period}", "2026-01-01", "{delivery}", "d").Replace(path)
		ask := func(id string) int {
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			r.RemoteAddr = "10.0.0.1:1"
			if id != "" {
				r.SetBasicAuth(id, "x")
			}
			w := httptest.NewRecorder()
			network.ServeHTTP(w, r)
			return w.Code
		}
		if e.open {
			continue // on loopback only
		}
		if got := ask(""); got != http.StatusUnauthorized {
			t.Errorf("%s without a login: %d", e.pattern, got)
		}
		if got := ask("nobody"); !choosing[e.pattern] && got != http.StatusForbidden && (path != "/" || got != http.StatusSeeOther) {
			t.Errorf("%s of who may read nothing: %d", e.pattern, got)
		}
	}
}

type statusless struct{}

func (statusless) Summary(context.Context) (Summary, error) { return Summary{}, nil }

// nothing is a store that cannot be read.
type nothing struct{}

func (nothing) Query(context.Context, string, ...any) (driver.Rows, error) {
	return nil, errors.New("nothing is read here")
}
