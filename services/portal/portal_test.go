package portal_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"larstrom/services/portal"
)

func newPortal(t *testing.T, s *source, submit http.Handler) *portal.Portal {
	t.Helper()
	reg := prometheus.NewRegistry()
	n := prometheus.NewCounter(prometheus.CounterOpts{Name: "larstrom_test_total", Help: "Test."})
	reg.MustRegister(n)
	n.Add(7)
	p, err := portal.New(portal.Config{Source: s, Registry: reg, Logger: slog.New(slog.DiscardHandler), Submit: submit})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestStatusOnly(t *testing.T) {
	s := &source{summary: portal.Summary{Region: "nord<b>", Facts: []portal.Fact{{Name: "Held cells", Text: "4 & <script>"}}}}
	h := newPortal(t, s, nil).Handler(true)
	for _, x := range []struct {
		path   string
		status int
		kind   string
		has    []string
	}{
		{"/", 200, "text/html; charset=utf-8", []string{`<html lang="en">`, `<th scope="row" role="rowheader">Held cells</th>`, "4 &amp; &lt;script&gt;", "nord&lt;b&gt;", `<a href="/metrics">`}},
		{"/page.css", 200, "text/css; charset=utf-8", []string{"body"}},
		{"/healthz", 200, "text/plain; charset=utf-8", []string{"ok\n"}},
		{"/metrics", 200, "text/plain", []string{"larstrom_test_total 7"}},
		{"/nothing", 404, "", nil},
		{"/v1/submit", 404, "", nil},
	} {
		w := get(t, h, x.path)
		if w.Code != x.status || !strings.HasPrefix(w.Header().Get("Content-Type"), x.kind) {
			t.Errorf("%s: %d %s", x.path, w.Code, w.Header().Get("Content-Type"))
		}
		for _, text := range x.has {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s lacks %q:\n%s", x.path, text, w.Body)
			}
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", x.path, w.Header())
		}
	}
}

func TestAStatusThatCannotBeRead(t *testing.T) {
	s := &source{err: errors.New("secret detail of the store")}
	h := newPortal(t, s, nil).Handler(true)
	for _, path := range []string{"/", "/healthz"} {
		w := get(t, h, path)
		if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s; want 503 without details", path, w.Code, w.Body)
		}
	}
	if w := get(t, h, "/metrics"); w.Code != http.StatusOK {
		t.Errorf("/metrics: %d; metrics are needed most when something is wrong", w.Code)
	}
}

func TestOtherOriginsCannotSubmit(t *testing.T) {
	taken := 0
	server := httptest.NewServer(newPortal(t, &source{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		taken++
		_, _ = io.Copy(w, r.Body)
	})).Handler(true))
	defer server.Close()
	for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-site": http.StatusForbidden, "": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/submit", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		req.Close = true
		if site != "" {
			req.Header.Set("Sec-Fetch-Site", site)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%q: %d, want %d", site, res.StatusCode, want)
		}
	}
	if taken != 1 {
		t.Errorf("%d exports were taken, want 1", taken)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	p := newPortal(t, &source{}, nil)
	l, err := portal.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := portal.Listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("an address in use: %v, want what to do", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, l) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	stop()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := http.DefaultClient.Do(req); err == nil {
		t.Error("it still answers")
	}
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	_, err := portal.New(portal.Config{Pages: &portal.Pages{}})
	for _, want := range []string{"source", "registry", "logger", "released", "ledger", "catalog", "clock"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
