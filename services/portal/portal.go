package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sourcegraph/conc"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/run"
)

// Summary is what the status page shows.
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

// Released is the released store, as one who may only read it. Queries name
// its views; parameters are clickhouse.Named.
type Released interface {
	Query(ctx context.Context, query string, args ...any) (driver.Rows, error)
}

// Ledger is the fold of the LEDGER. Read brings it up to date and calls fn with
// it; nobody else uses or changes it meanwhile, and fn keeps no part of it that
// changes.
type Ledger interface {
	Read(ctx context.Context, fn func(*run.State) error) error
}

// Receipts are what the senders were told. A delivery without a receipt here is
// ErrNoReceipt: another process may keep it.
type Receipts interface {
	Receipt(ctx context.Context, delivery string) (intake.Receipt, error)
}

// ErrNoReceipt says that no receipt of the delivery is kept here.
var ErrNoReceipt = errors.New("portal: no receipt is kept here")

// Login tells whether the token is that of the person of that id, who may see
// the pages. It takes as long for a wrong token as for a right one.
type Login interface {
	Login(ctx context.Context, id, token string) bool
}

// Config of a Portal.
type Config struct {
	Source   Source               // required
	Registry *prometheus.Registry // required: what /metrics shows
	Logger   *slog.Logger         // required
	// Submit takes POST /v1/submit and decides by itself who may; nil: there is
	// no such page.
	Submit http.Handler
	// Uploads takes what is under its Paths and decides by itself who may; nil:
	// there is no such page.
	Uploads Mounted
	// Review takes what is under its Paths and decides by itself who may; nil:
	// there is no such page.
	Review Mounted
	// Pages are the pages about the data; nil: there is the status only, which
	// shows counts and has no login.
	Pages *Pages
}

// Mounted answers what is under its paths by itself, whatever the method and the
// name by which this machine is called. It sets the deadlines of its requests.
type Mounted interface {
	http.Handler
	Paths() []string
}

// Pages are what the pages about the data are made of.
type Pages struct {
	Released Released         // required
	Ledger   Ledger           // required
	Catalog  *catalog.Catalog // required: feeds with their schedules, the region and its time zone
	Clock    func() time.Time // required
	// Delivered is the store of what was delivered, of which the page of a flag
	// reads the cells that it guards; nil: it shows what is released only.
	Delivered Released
	// Receipts of deliveries; nil: pages show what the LEDGER says of them.
	Receipts Receipts
	// Login of those who come over a network; nil: the pages answer on loopback
	// only, where nobody logs in.
	Login Login
	// Scope says what who logs in may read; nil: everything.
	Scope Scope
	// Desk takes decisions; nil: the pages show commands only.
	Desk Desk
	// Several takes decisions about many flags at once; nil: one is decided at a
	// time.
	Several Several
	// Tasks say what a person is asked to decide first; nil: all flags are equal.
	Tasks Tasks
	// Affirming takes a person's word for what is shown of a unit; nil: nobody can
	// give it here.
	Affirming Affirming
	// Viewings keep who was shown a flag, before she is; nil: nobody does.
	Viewings Viewings
	// Sessions of people who decide on loopback, where nobody logs in to read;
	// nil: nobody can there.
	Sessions *Sessions
	// Data is what the shown commands name after --data; empty: DIR.
	Data string
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	missing := func(is bool, what string) {
		if is {
			errs = append(errs, errors.New("portal: "+what+": is nil"))
		}
	}
	missing(c.Source == nil, "source")
	missing(c.Registry == nil, "registry")
	missing(c.Logger == nil, "logger")
	if c.Pages != nil {
		missing(c.Pages.Released == nil, "pages: released")
		missing(c.Pages.Ledger == nil, "pages: ledger")
		missing(c.Pages.Catalog == nil, "pages: catalog")
		missing(c.Pages.Clock == nil, "pages: clock")
	}
	return errors.Join(errs...)
}

// Limits of one request.
const (
	headerTime  = 10 * time.Second
	requestTime = 30 * time.Second
	idleTime    = 2 * time.Minute
	pageTime    = 10 * time.Second
	stopTime    = 3 * time.Second
	maxHeader   = 64 << 10
)

// Portal answers over HTTP, in one language; others speaks the rest.
type Portal struct {
	cfg    Config
	words  *words
	layout *layout
	static map[string]asset
	shelf  *shelf
	// called are the names of the publication that was read last.
	called atomic.Pointer[called]
	// others are the same portal in each of its languages, this one too.
	others map[string]*Portal
}

// New is a portal that is ready to serve.
func New(cfg Config) (*Portal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	zone := time.UTC
	if cfg.Pages != nil {
		var err error
		if zone, err = time.LoadLocation(cfg.Pages.Catalog.Region.TimeZone); err != nil {
			return nil, fmt.Errorf("portal: time zone of the region: %w", err)
		}
	}
	static, err := assets()
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	said, err := newBooks()
	if err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	all, kept := map[string]*Portal{}, &shelf{}
	for _, lang := range languages() {
		w := newWords(lang.Path, zone)
		w.books = said
		if cfg.Pages != nil {
			w.names = catalogNames{cfg.Pages.Catalog.Index(), lang.Path}
		}
		l, err := newLayout(w)
		if err != nil {
			return nil, fmt.Errorf("portal: %w", err)
		}
		all[lang.Path] = &Portal{cfg: cfg, words: w, layout: l, static: static, shelf: kept, others: all}
	}
	return all[fallback], nil
}

// Listen opens the address. On one that is not loopback the pages want a login
// over a connection that nothing here encrypts: put a proxy that does before it.
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
		Handler:           p.Handler(isLoopback(l.Addr())),
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

// Handler is everything that the portal answers. On loopback nobody logs in,
// and only the names of this machine are answered: a page of another origin
// must not reach it under a name of its own.
func (p *Portal) Handler(loopback bool) http.Handler {
	in := map[string]http.Handler{}
	var d *door // wrong tokens are counted together, whatever the language
	if p.cfg.Pages != nil {
		d = newDoor(p.cfg.Pages.Login, p.cfg.Pages.Clock)
	}
	for lang, q := range p.others {
		in[lang] = q.routes(loopback, d)
	}
	h := tongue(http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in[languageOf(r)].ServeHTTP(w, r)
	})))
	if loopback {
		h = ownNames(h)
	}
	if p.cfg.Uploads != nil {
		h = mounted(p.cfg.Uploads, h)
	}
	if p.cfg.Review != nil {
		h = mounted(p.cfg.Review, h)
	}
	return secure(h)
}

// routes are what the portal answers in its own language.
func (p *Portal) routes(loopback bool, d *door) *http.ServeMux {
	mux := http.NewServeMux()
	p.pages(mux, loopback, d)
	for path, a := range p.static {
		mux.Handle("GET "+path, a)
	}
	mux.HandleFunc("GET /healthz", p.health)
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.cfg.Registry, promhttp.HandlerOpts{Registry: p.cfg.Registry,
		ErrorLog: slog.NewLogLogger(p.cfg.Logger.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError}))
	if p.cfg.Submit != nil {
		mux.HandleFunc("POST "+submitPath, func(w http.ResponseWriter, r *http.Request) {
			// An export takes as long as it takes.
			c := http.NewResponseController(w)
			if err := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); err != nil {
				p.cfg.Logger.Warn("no deadline can be lifted for an export", "error", err)
			}
			p.cfg.Submit.ServeHTTP(w, r)
		})
	}
	return mux
}

// pages are all pages for people. Without Config.Pages there is one.
func (p *Portal) pages(mux *http.ServeMux, loopback bool, d *door) {
	if p.cfg.Pages == nil {
		mux.HandleFunc("GET /{$}", p.show("status", p.status))
		return
	}
	guard := func(h http.HandlerFunc) http.Handler { return h }
	if !loopback {
		guard = d.require
	}
	for _, e := range p.table(loopback, d) {
		h := p.within(e.may, e.do)
		if e.open {
			mux.HandleFunc(e.pattern, h)
		} else {
			mux.Handle(e.pattern, guard(h))
		}
	}
}

// entry is what the portal answers at a pattern, and who may ask.
type entry struct {
	pattern string
	may     rule
	do      http.HandlerFunc
	// open says that nobody logs in for it: it is how one logs in, or out.
	open bool
}

// table is every page about the data and every form, each with its rule.
func (p *Portal) table(loopback bool, d *door) []entry {
	out := []entry{
		// It shows all feeds and what all checks hold back.
		{pattern: "GET /{$}", may: forWhole, do: p.show("tonight", p.tonight)},
		{pattern: "GET /deliveries", may: forWhole, do: p.show("deliveries", p.deliveries)},
		{pattern: "GET /deliveries/{delivery}", may: forDelivery, do: p.show("delivery", p.delivery)},
		{pattern: "GET /deliveries/{delivery}/receipt.json", may: forDelivery, do: p.receipt},
		{pattern: "GET /flags", may: forAll, do: p.show("flags", p.flags)},
		{pattern: "GET /flags/{flag}", may: forFlag, do: p.show("flag", p.flag)},
		{pattern: "GET /units", may: forAll, do: p.show("units", p.units)},
		{pattern: "GET /units/{unit}", may: forUnit, do: p.show("unit", p.unit)},
		{pattern: "GET /units/{unit}/{indicator}", may: forSeries, do: p.show("chart", p.chart)},
		{pattern: "GET /units/{unit}/{indicator}/{period}", may: forSeries, do: p.show("point", p.point)},
		{pattern: "GET /indicators", may: forWhole, do: p.show("indicators", p.indicators)},
		{pattern: "GET /indicators/{indicator}", may: forIndicator, do: p.show("indicator", p.indicator)},
		{pattern: "GET /help", may: forAll, do: p.show("help", p.help)},
		{pattern: "GET /keys", may: forAll, do: p.show("keys", p.keys)},
		{pattern: "GET /status", may: forWhole, do: p.show("status", p.status)},
		{pattern: "GET /", may: forAll, do: p.show("missing", p.nothing)},
	}
	return append(out, p.forms(loopback, d)...)
}

// anyLogin stands for whoever lets people in.
type anyLogin struct{}

// Login lets nobody in.
func (anyLogin) Login(context.Context, string, string) bool { return false }

// Patterns are all that a portal with everything may answer about the data, as
// http.ServeMux has them: for those who hold that nobody reads outside her part.
func Patterns() []string {
	p := &Portal{cfg: Config{Pages: &Pages{Desk: struct{ Desk }{}, Several: struct{ Several }{}, Affirming: struct{ Affirming }{}, Login: anyLogin{}, Sessions: &Sessions{}}}}
	var out []string
	for _, e := range p.table(true, nil) {
		out = append(out, e.pattern)
	}
	return out
}

func (p *Portal) summary(ctx context.Context) (Summary, error) {
	ctx, stop := context.WithTimeout(ctx, pageTime)
	defer stop()
	return p.cfg.Source.Summary(ctx)
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
