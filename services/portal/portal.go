package portal

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sourcegraph/conc"
)

// Summary is what the first page shows.
type Summary struct {
	Region string
	Facts  []Fact
}

// Fact is one line of it.
type Fact struct{ Name, Text string }

// Source gives the summary as it is now.
type Source interface {
	Summary(ctx context.Context) (Summary, error)
}

// Config of a Portal.
type Config struct {
	Source   Source               // required
	Registry *prometheus.Registry // required: what /metrics shows
	Logger   *slog.Logger         // required
	// Submit takes POST /v1/submit and decides by itself who may; nil: there is
	// no such page.
	Submit http.Handler
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Source == nil {
		errs = append(errs, errors.New("portal: source: is nil"))
	}
	if c.Registry == nil {
		errs = append(errs, errors.New("portal: registry: is nil"))
	}
	if c.Logger == nil {
		errs = append(errs, errors.New("portal: logger: is nil"))
	}
	return errors.Join(errs...)
}

// Limits of one request.
const (
	headerTime  = 10 * time.Second
	requestTime = 30 * time.Second
	idleTime    = 2 * time.Minute
	summaryTime = 10 * time.Second
	stopTime    = 3 * time.Second
	maxHeader   = 64 << 10
)

// Portal answers over HTTP.
type Portal struct {
	cfg  Config
	page *template.Template
}

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle []byte

// New is a portal that is ready to serve.
func New(cfg Config) (*Portal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	return &Portal{cfg, page}, nil
}

// Listen opens the address, which may be that of any interface: put a proxy
// that encrypts and authenticates before one that is not loopback.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; name another address with --listen", addr, err)
	}
	return l, nil
}

// Serve answers on the listener until ctx ends, and closes it.
func (p *Portal) Serve(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler:           p.Handler(),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(p.cfg.Logger.Handler(), slog.LevelWarn),
	}
	var tasks conc.WaitGroup
	defer tasks.Wait()
	failed := make(chan error, 1)
	tasks.Go(func() { failed <- server.Serve(l) })
	select {
	case err := <-failed:
		return fmt.Errorf("portal: %w", err)
	case <-ctx.Done():
	}
	stopping, stop := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer stop()
	if server.Shutdown(stopping) == nil {
		return nil
	}
	cancel()
	return server.Close()
}

// Handler is everything that the portal answers.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.first)
	mux.HandleFunc("GET /page.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(pageStyle)
	})
	mux.HandleFunc("GET /healthz", p.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.cfg.Registry, promhttp.HandlerOpts{Registry: p.cfg.Registry,
		ErrorLog: slog.NewLogLogger(p.cfg.Logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError}))
	if p.cfg.Submit != nil {
		mux.HandleFunc("POST /v1/submit", func(w http.ResponseWriter, r *http.Request) {
			// An export takes as long as it takes.
			c := http.NewResponseController(w)
			if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); err != nil {
				p.cfg.Logger.Warn("no deadline can be lifted for an export", "error", err)
			}
			p.cfg.Submit.ServeHTTP(w, r)
		})
	}
	return secure(http.NewCrossOriginProtection().Handler(mux))
}

// secure sets what a browser must know of every answer, also of refusals.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (p *Portal) summary(ctx context.Context) (Summary, error) {
	ctx, stop := context.WithTimeout(ctx, summaryTime)
	defer stop()
	return p.cfg.Source.Summary(ctx)
}

func (p *Portal) first(w http.ResponseWriter, r *http.Request) {
	s, err := p.summary(r.Context())
	if err != nil {
		p.cfg.Logger.Error("the status cannot be read", "error", err)
	}
	var page bytes.Buffer
	if err := p.page.Execute(&page, struct {
		Summary
		Failed bool
	}{s, err != nil}); err != nil {
		p.cfg.Logger.Error("the page cannot be written", "error", err)
		http.Error(w, "the page cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = page.WriteTo(w)
}

// health is 200 while the status can be read, which takes the log and the
// released store, and 503 otherwise. Why, the log lines say.
func (p *Portal) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := p.summary(r.Context()); err != nil {
		p.cfg.Logger.Error("not healthy", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("the status cannot be read; see the log lines of the process\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}
