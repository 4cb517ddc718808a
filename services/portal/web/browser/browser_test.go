package browser_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/figure"
	"larstrom/services/portal/web"
	"larstrom/services/portal/web/browser"
)

const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const sheet = `:root { color-scheme: light dark; }
body { font: 1rem/1.5 sans-serif; margin: 0 auto; padding: 1rem; max-width: 60rem; color: CanvasText; background: Canvas; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .25rem .5rem; }
.chosen { background: Highlight; color: HighlightText; }
.chosen a { color: inherit; }
li { line-height: 2; }
`

// site is pages that lack nothing, and one for each fault.
type site struct{ faults map[string]fault }

// fault is what makes a good page a bad one, and what is to be said of it.
type fault struct {
	head, body string // added
	cut, put   string // replaced, once
	csp        string // instead of the policy
	want       []string
}

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := "text/html; charset=utf-8"
	var text string
	w.Header().Set("Content-Security-Policy", policy)
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case name == "sheet.css":
		kind, text = "text/css", sheet+figure.Stylesheet()
	case name == "faint.css":
		kind, text = "text/css", "@media (prefers-color-scheme: dark) { main p { color: #444; background: #333; } main .lf .lf-axis text { fill: #555; } }"
	case name == "bare.css":
		kind, text = "text/css", "a:focus { outline: none; } .skip:focus { left: -100rem; }"
	case name == "portal.js":
		kind, text = "text/javascript; charset=utf-8", string(web.Script())
	case name == "inline.js":
		kind, text = "text/javascript", "document.body.setAttribute('style', 'color: red'); document.body.append(document.createElement('style'));"
	case name == "fails.js":
		kind, text = "text/javascript", "null.x();"
	case name == "far.js":
		kind, text = "text/javascript", "document.querySelector('main').append(Object.assign(new Image(), { alt: 'far', src: 'https://example.org/a.png' }));"
	case name == "trap.js":
		kind, text = "text/javascript", "document.querySelector('main table a').addEventListener('keydown', (e) => e.preventDefault());"
	case name == "late.js":
		kind, text = "text/javascript", "const a = document.createElement('a'); a.href = '/unit/30'; a.textContent = 'three'; document.querySelector('main').append(a);"
	case name == "":
		text = s.first()
	case name == "chart":
		text = page("chart", "A chart", chart())
	case strings.HasPrefix(name, "unit/"):
		text = page("unit", "Unit "+html.EscapeString(name[5:]), "<p>A unit.</p>")
	default:
		f, ok := s.faults[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if f.csp != "" {
			w.Header().Set("Content-Security-Policy", f.csp)
		}
		text = page(name, "Page", chart())
		if f.cut != "" {
			text = strings.Replace(text, f.cut, f.put, 1)
		}
		text = strings.Replace(text, "</head>", f.head+"</head>", 1)
		text = strings.Replace(text, "</main>", f.body+"</main>", 1)
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write([]byte(text))
}

func page(kind, title, body string) string {
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
		`<title>` + title + `</title><link rel="stylesheet" href="/sheet.css"><script src="/portal.js" defer></script></head>` +
		`<body data-page="` + kind + `"><a class="skip" href="#main">To the text</a><header><nav aria-label="Pages"><a href="/">First page</a></nav></header>` +
		`<main id="main" tabindex="-1"><h1>` + title + `</h1>` + body + `</main></body></html>`
}

func (s site) first() string {
	var b strings.Builder
	b.WriteString(`<p><a href="/chart">A chart</a></p><ul data-filter="Find a unit" data-filter-count="{shown} of {all} units">`)
	for i := range 40 {
		fmt.Fprintf(&b, `<li><a href="/unit/%d">Östra vårdcentralen %d</a></li>`, i, i)
	}
	b.WriteString(`</ul><ul data-filter="Find a place" data-filter-count="{shown} of {all} places">`)
	for i := range 4 {
		fmt.Fprintf(&b, `<li>Region %d<ul><li>Ward a%d</li><li>Ward b%d <ol><li><a href="/unit/%d">Bed %d</a></li></ol></li></ul></li>`, i, i, i, i, i)
	}
	b.WriteString("</ul><ul>")
	for name := range s.faults {
		fmt.Fprintf(&b, `<li><a href="/%s">%s</a></li>`, name, name)
	}
	b.WriteString("</ul>")
	return page("first", "First page", b.String())
}

// chart has a point in every state, and the table of what they lead to.
func chart() string {
	states := []figure.State{figure.Value, figure.Value, figure.Missing, figure.HeldPrevious, figure.HeldEmpty, figure.Suppressed, figure.NoEligible, figure.NotApplicable, figure.Value, figure.Preliminary}
	c := figure.Control{Title: "Waiting over four hours", Percent: true, Decimals: 1, Texts: figure.EnglishTexts()}
	var b strings.Builder
	b.WriteString("<table><caption>Points</caption><thead><tr><th scope=col>Month</th><th scope=col>Value</th><th scope=col>State</th></tr></thead><tbody>")
	for i, s := range states {
		month := time.Date(2025, time.Month(i+1), 1, 0, 0, 0, 0, time.UTC)
		c.Points = append(c.Points, figure.ControlPoint{Start: month, Period: month.Format("2006-01"), Value: float64(10 + i), Centre: 14, LCL: 8, UCL: 18,
			State: s, SigmaSignal: i == 8, N: 200, Href: fmt.Sprintf("/unit/%d", i)})
		fmt.Fprintf(&b, `<tr><th scope=row><a href="/unit/%d">%s</a></th><td>%d %%</td><td>%s</td></tr>`, i, month.Format("2006-01"), 10+i, s)
	}
	b.WriteString("</tbody></table>")
	var svg strings.Builder
	if err := c.WriteSVG(&svg, figure.Options{ID: "chart", NoHeading: true}); err != nil {
		return html.EscapeString(err.Error())
	}
	return `<figure>` + svg.String() + `<p data-readout hidden>Arrow keys go from point to point.</p></figure>` + b.String()
}

// faults are each kind of fault that the crawl, then Chromium, is to find.
func faults() (crawled, seen map[string]fault) {
	crawled = map[string]fault{
		"dead":      {body: `<a href="/gone">dead</a>`, want: []string{"the link to /gone answers 404"}},
		"fragment":  {body: `<a href="/unit/1#part">part</a>`, want: []string{"the link /unit/1#part has no target"}},
		"twice":     {body: `<p id="main">twice</p>`, want: []string{`two elements have the id "main"`}},
		"styled":    {body: `<p style="color: red">red</p>`, want: []string{"the attribute style, which the policy forbids"}},
		"handler":   {body: `<p onclick="x()">x</p>`, want: []string{"the attribute onclick, which the policy forbids"}},
		"inline":    {body: `<script>x()</script>`, want: []string{"an inline <script>"}},
		"elsewhere": {head: `<script src="https://example.org/a.js"></script>`, want: []string{"<script> loads https://example.org/a.js"}},
		"headings":  {body: `<h1>Again</h1>`, want: []string{"2 h1 and 1 main"}},
		"loose":     {csp: "default-src 'none'; style-src 'self'; script-src 'self' 'unsafe-inline'", want: []string{"the content security policy is not strict"}},
	}
	seen = map[string]fault{
		"looks": {
			head: `<link rel="stylesheet" href="/faint.css"><link rel="stylesheet" href="/gone.css"><script src="/fails.js" defer></script><script src="/far.js" defer></script>`,
			body: `<img src="/sheet.css"><p>faint</p><pre>` + strings.Repeat("wide", 200) + `</pre><label>Find <input></label><p><a href="/">a</a><a href="/chart">b</a></p>`,
			cut:  `<a href="/unit/3">2025-04</a>`, put: "2025-04",
			csp: strings.Replace(policy, "img-src", "img-src https:", 1),
			want: []string{"axe: image-alt", "axe: color-contrast", "axe: target-size", "text. in a drawing is", "the page scrolls sideways", "gone.css: net::ERR_ABORTED", "a script failed",
				"a request to another origin: https://example.org/a.png", "without scripts this does nothing", "links are only in a drawing"},
		},
		"violation": {head: `<script src="/inline.js" defer></script>`, want: []string{"Content Security Policy"}},
		"trap":      {head: `<script src="/trap.js" defer></script>`, want: []string{"of the keyboard is"}},
		"bare":      {head: `<link rel="stylesheet" href="/bare.css">`, want: []string{"the focus has no mark", "the skip link cannot be seen"}},
		"order":     {body: `<a href="/" tabindex="2">first</a>`, want: []string{"no skip link", "of the keyboard is", "axe: tabindex"}},
		"silent": {head: `<script src="/late.js" defer></script>`, cut: `<script src="/portal.js" defer></script>`,
			body: `<ol data-filter="Find">` + strings.Repeat(`<li>one</li>`, 12) + `</ol>`,
			want: []string{"a list of 12 rows cannot be searched", "stops for the keyboard, want one", "without scripts there is no link to /unit/30"}},
	}
	return crawled, seen
}

func serve(t *testing.T, s site) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func TestPagesThatLackNothing(t *testing.T) {
	base := serve(t, site{})
	found, err := browser.Crawl(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Pages) != 42 || found.Links != 44 {
		t.Errorf("%d pages and %d links, want 42 and 44", len(found.Pages), found.Links)
	}
	plan := browser.NewPlan(base, found.Pages, 0)
	plan.Screenshots = t.TempDir()
	if len(plan.Whole) != 3 || len(plan.Sample) != 2 {
		t.Errorf("whole %v, sample %v, want one page of each kind and two more units", plan.Whole, plan.Sample)
	}
	seen := check(t, plan)
	if seen.Opened != 17 || seen.Axe != 14 {
		t.Errorf("%d opened, %d axe runs, want 17 and 14", seen.Opened, seen.Axe)
	}
	for _, told := range browser.Fold(append(found.Findings, seen.Findings...)) {
		t.Error(told)
	}
}

func check(t *testing.T, plan browser.Plan) browser.Result {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	seen, err := browser.Check(ctx, plan)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestEachFaultIsFound(t *testing.T) {
	crawled, seen := faults()
	base := serve(t, site{crawled})
	found, err := browser.Crawl(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	demand(t, crawled, found.Findings)

	base = serve(t, site{seen})
	plan := browser.Plan{Base: base}
	for name := range seen {
		if p := (browser.Page{Path: "/" + name, Kind: name}); name == "violation" {
			plan.Sample = append(plan.Sample, p)
		} else {
			plan.Whole = append(plan.Whole, p)
		}
	}
	demand(t, seen, check(t, plan).Findings)
}

// demand wants of every fault that it was found on its page.
func demand(t *testing.T, faults map[string]fault, found []browser.Finding) {
	t.Helper()
	for name, f := range faults {
		for _, want := range f.want {
			if !slices.ContainsFunc(found, func(x browser.Finding) bool { return x.Page == "/"+name && strings.Contains(x.What, want) }) {
				t.Errorf("/%s: %q was not found", name, want)
				for _, x := range found {
					if x.Page == "/"+name {
						t.Log(x)
					}
				}
			}
		}
	}
}

func TestFoldTellsEachFaultOnce(t *testing.T) {
	got := browser.Fold([]browser.Finding{{Page: "/b", View: "390 dark", What: "x"}, {Page: "/a", What: "y"}, {Page: "/c", View: "390 dark", What: "x"}})
	if want := []string{"/b (390 dark): x (and in 1 other views)", "/a: y"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAMachineWithoutChromium(t *testing.T) {
	t.Setenv("LARSTROM_CHROMIUM", "/nowhere/chromium")
	_, err := browser.Check(t.Context(), browser.Plan{Base: "http://127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "LARSTROM_CHROMIUM=/nowhere/chromium does not start") {
		t.Errorf("%v, want which program does not start", err)
	}
}
