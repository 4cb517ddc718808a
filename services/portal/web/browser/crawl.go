package browser

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is one page of a site.
type Page struct {
	// Path is path and query, as the link to it says.
	Path string `json:"path"`
	// Kind is what the page says that it is (data-page of its body); without
	// that, its path with a star for everything after the first part.
	Kind  string `json:"kind"`
	Bytes int    `json:"bytes"`
}

// Finding is one fault of one page.
type Finding struct {
	Page string `json:"page"`
	// View is how it was looked at, as "390 dark"; empty: as bytes.
	View string `json:"view"`
	What string `json:"what"`
}

func (f Finding) String() string {
	if f.View == "" {
		return f.Page + ": " + f.What
	}
	return f.Page + " (" + f.View + "): " + f.What
}

// Fold tells findings that say the same once, with the first page and view and
// the number of others.
func Fold(findings []Finding) []string {
	var order []string
	first, more := map[string]Finding{}, map[string]int{}
	for _, f := range findings {
		if _, seen := first[f.What]; seen {
			more[f.What]++
			continue
		}
		first[f.What], order = f, append(order, f.What)
	}
	told := make([]string, len(order))
	for i, what := range order {
		told[i] = first[what].String()
		if n := more[what]; n > 0 {
			told[i] += fmt.Sprintf(" (and in %d other views)", n)
		}
	}
	return told
}

// Limits of a crawl.
const (
	maxPages    = 50_000
	maxBytes    = 16 << 20
	requestTime = time.Minute
	requests    = 4 // at once
)

// Site is what a crawl found.
type Site struct {
	// Pages are those of HTML, by path.
	Pages []Page
	// Links is the number of followed addresses, pages or not.
	Links    int
	Findings []Finding
}

// Crawl follows every link, script, style, picture and form of the origin from
// its first page, and reads each page as bytes. An error is one of the crawl;
// faults of pages are findings.
func Crawl(ctx context.Context, base string) (Site, error) {
	origin, err := url.Parse(base)
	if err != nil {
		return Site{}, fmt.Errorf("crawl: %w", err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: requests}
	defer transport.CloseIdleConnections()
	c := crawl{
		origin: origin,
		client: &http.Client{Transport: transport, Timeout: requestTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		seen:   map[string]bool{"/": true},
		ids:    map[string]map[string]bool{},
	}
	for next := []link{{from: "/", path: "/"}}; len(next) > 0; {
		if len(c.seen) > maxPages {
			return Site{}, fmt.Errorf("crawl: more than %d addresses; serve a smaller region", maxPages)
		}
		level := pool.NewWithResults[[]link]().WithContext(ctx).WithMaxGoroutines(requests).WithFirstError()
		for _, l := range next {
			level.Go(func(ctx context.Context) ([]link, error) { return c.visit(ctx, l) })
		}
		found, err := level.Wait()
		if err != nil {
			return Site{}, fmt.Errorf("crawl: %w", err)
		}
		next = next[:0]
		for _, l := range slices.Concat(found...) {
			if !c.seen[l.path] {
				c.seen[l.path] = true
				next = append(next, l)
			}
		}
	}
	for _, l := range c.fragments {
		if !c.ids[l.path][l.fragment] {
			c.add(l.from, fmt.Sprintf("the link %s#%s has no target", l.path, l.fragment))
		}
	}
	slices.SortFunc(c.pages, func(a, b Page) int { return cmp.Compare(a.Path, b.Path) })
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Page, b.Page), cmp.Compare(a.What, b.What))
	})
	return Site{Pages: c.pages, Links: len(c.seen), Findings: slices.Compact(c.findings)}, nil
}

type link struct{ from, path, fragment string }

type crawl struct {
	origin *url.URL
	client *http.Client
	seen   map[string]bool // of the level's owner alone

	mu        sync.Mutex
	pages     []Page
	ids       map[string]map[string]bool // by path
	fragments []link
	findings  []Finding
}

func (c *crawl) add(page, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.findings = append(c.findings, Finding{Page: page, What: what})
}

// visit reads one address and returns where it leads.
func (c *crawl) visit(ctx context.Context, l link) (links []link, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.origin.Scheme+"://"+c.origin.Host+l.path, nil)
	if err != nil {
		c.add(l.from, fmt.Sprintf("the link %q is no address: %v", l.path, err))
		return nil, nil
	}
	res, err := c.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBytes {
		c.add(l.path, fmt.Sprintf("more than %d bytes", maxBytes))
		return nil, nil
	}
	if to := res.Header.Get("Location"); to != "" && res.StatusCode >= 300 && res.StatusCode < 400 {
		return c.resolve(l.path, to), nil
	}
	if res.StatusCode != http.StatusOK {
		c.add(l.from, fmt.Sprintf("the link to %s answers %s", l.path, res.Status))
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		c.add(l.path, fmt.Sprintf("content type %q", res.Header.Get("Content-Type")))
		return nil, nil
	}
	policy := res.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		c.add(l.path, fmt.Sprintf("the content security policy is not strict: %q", policy))
	}
	if kind != "text/html" {
		return nil, nil
	}
	return c.read(l.path, body)
}

// read takes a page apart.
func (c *crawl) read(path string, body []byte) ([]link, error) {
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := Page{Path: path, Kind: kindOf(path), Bytes: len(body)}
	ids, tags := map[string]bool{}, map[atom.Atom]int{}
	var links []link
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		tags[n.DataAtom]++
		// The same page in another language is followed from the first page only:
		// elsewhere it would be every page four times more.
		other := path != "/" && slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "hreflang" })
		for _, a := range n.Attr {
			switch name := strings.ToLower(a.Key); {
			case name == "data-page" && n.DataAtom == atom.Body:
				p.Kind = a.Val
			case name == "id" && ids[a.Val]:
				c.add(path, fmt.Sprintf("two elements have the id %q", a.Val))
			case name == "id":
				ids[a.Val] = true
			case name == "style", strings.HasPrefix(name, "on"):
				c.add(path, fmt.Sprintf("<%s> has the attribute %s, which the policy forbids", n.Data, name))
			case name == "href", name == "src", name == "action":
				to := c.resolve(path, a.Val)
				if to == nil && n.DataAtom != atom.A && !strings.HasPrefix(a.Val, "#") {
					c.add(path, fmt.Sprintf("<%s> loads %s, which is not of this origin", n.Data, a.Val))
				}
				if !other && (name != "action" || !posts(n)) {
					links = append(links, to...)
				}
			}
		}
		if n.DataAtom == atom.Style || n.DataAtom == atom.Script && n.FirstChild != nil {
			c.add(path, fmt.Sprintf("an inline <%s>, which the policy forbids", n.Data))
		}
	}
	if tags[atom.H1] != 1 || tags[atom.Main] != 1 {
		c.add(path, fmt.Sprintf("%d h1 and %d main, want one of each", tags[atom.H1], tags[atom.Main]))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages, c.ids[path] = append(c.pages, p), ids
	for _, l := range links {
		if l.fragment != "" {
			c.fragments = append(c.fragments, l)
		}
	}
	return links, nil
}

// posts reports whether the form gives something rather than asks for a page:
// a crawl gives nothing.
func posts(form *html.Node) bool {
	return slices.ContainsFunc(form.Attr, func(a html.Attribute) bool { return a.Key == "method" && strings.EqualFold(a.Val, "post") })
}

// resolve is the address that a page names; nothing for one of another origin.
func (c *crawl) resolve(from, ref string) []link {
	at, err := c.origin.Parse(from)
	if err != nil {
		return nil
	}
	to, err := at.Parse(ref)
	if err != nil {
		c.add(from, fmt.Sprintf("the link %q is no address: %v", ref, err))
		return nil
	}
	if to.Scheme != c.origin.Scheme || to.Host != c.origin.Host {
		return nil
	}
	return []link{{from: from, path: to.RequestURI(), fragment: to.Fragment}}
}

func kindOf(path string) string {
	path, _, _ = strings.Cut(path, "?")
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i := range parts[1:] {
		parts[i+1] = "*"
	}
	return strings.Join(parts, "/")
}
