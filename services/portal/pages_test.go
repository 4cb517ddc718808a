package portal_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"larstrom/pipeline/event"
	"larstrom/services/portal"
)

func stratum(s string) string { return "?stratum=" + url.QueryEscape(s) }

// everyPage is a page of each kind with what it says and what it never says.
func everyPage() map[string][]string {
	return map[string][]string{
		"/": {"The night of 10 April 2026", "today", "3 files came", "34 lines left out", "1 whole file refused", "2 questions hold data back",
			"2 cells show an earlier value, 1 show none", "1 feed is late", "the <last> line has no end", "a number, date or text of the wrong form", "weekly",
			"Publication 2", "10 April 2026, 05:30", "Held cells", "What to do next", "There are fewer records than before"},
		"/deliveries":    {`night <two> & "more".csv`, "refused", "being read", "1,234", "night one.csv"},
		"/deliveries/d2": {"1,234 lines: 1,200 accepted, 30 rejected, 4 parked.", "Täljare", "1x<", "digits only", "9•••", "and 12 more", "1 October 2023 to before 1 April 2026"},
		"/deliveries/d3": {"The whole file was refused", "the <last> line has no end", "send it again", "17", "The full receipt is kept where"},
		"/deliveries/d1": {"500 lines: 500 accepted", "The full receipt is kept where"},
		"/flags":         {"C11", "K09", "T04", "Fewer <records> than before.", "Care <in> time & place", "all units"},
		"/flags/K09-held": {"HOLD", "Observed 10", "Expected 46.5", "less than expected", "July 2025", "commented by anna", "I ask <the> source.",
			"larstrom flags decide K09-held accept --data 'my data' --as USER --cause CAUSE", "8 to 12, also", "These versions are held back", "10 April 2026"},
		"/flags/C11-block": {"BLOCK", "waiver proposed by bo, coding or documentation practice", "decide C11-block confirm", "decide C11-block waive", naughty},
		"/flags/T04-note":  {"NOTE", "all units", "It names no cell", "Nothing of these is held back by this flag"},
		"/units":           {"The area", "alpha centre", "Zeta centre", naughty, "until 30 September 2028 , carried on by Zeta centre", "3 points under question"},
		"/units/b":         {"Zeta centre", "Belongs to The area", "Care <in> time & place", "Visits", "1 open flag", "version 1"},
		"/units/n":         {naughty, "Care <in> time & place"},
		"/units/c":         {"alpha centre", "Stratum " + naughty, "Below the limits in February 2026"},
		"/units/b/care": {"Zeta centre", "Under question, earlier value", "Under question, not shown", "Suppressed", "Not delivered", "Nobody eligible", "Not applicable",
			"Preliminary", "Report 2025", "80.0% a goal, not a limit", "70.0%", "Spec <1>"},
		"/units/b/care?version=1":          {"October 2023", "September 2024"},
		"/units/b/visits":                  {"Visits", "XmR", "March 2026"},
		"/units/c/care" + stratum(naughty): {"alpha centre", "outside the limits"},
		"/units/b/care/2025-07-01": {"Under question, earlier value", "A newer version is under question", "Numerator 45", "Denominator 60", "95 % interval", "HOLD", "open",
			"K09", "commented by anna", "Fingerprint under question", "released before", "It is under question since the night of 10 April 2026.",
			"Where the value shown comes from The deliveries that were in force in the last publication before it was questioned.", "night one.csv", `night <two> & "more".csv`, "75.0%"},
		"/units/b/care/2025-08-01": {"Under question, not shown", "nothing was released before"},
		"/units/b/care/2025-09-01": {"Suppressed", "could identify somebody"},
		"/units/b/care/2025-10-01": {"Not delivered", "That is not a nought"},
		"/units/b/care/2025-11-01": {"Nobody eligible", "0 of 0"},
		"/units/b/care/2025-12-01": {"Not applicable", "does not apply"},
		"/units/b/care/2026-01-01": {"Under question, earlier value"},
		"/units/b/care/2026-03-01": {"Preliminary", "not mature"},
		"/units/c/care/2026-02-01?stratum=": {"Outside the limits", "beyond three standard deviations", "16.7%", "Numerator 20", "Denominator 120", "p", "Baseline",
			"No check has questioned this cell"},
		"/indicators":        {"Care <in> time & place", "Visits", "process", "higher"},
		"/indicators/care":   {"Care <in> time & place", "alpha centre", "Zeta centre", naughty, "Units by name. They are not ranked", "How large the variation is"},
		"/indicators/visits": {"Counts and medians have no funnel", "Zeta centre"},
		"/help":              {"How to read", "Nobody eligible", "A long run", "Balancing indicator"},
		"/status":            {"Held cells", "4 & <script>"},
	}
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&", "&#43;", "+").Replace(s)
}

func TestEveryPage(t *testing.T) {
	h := pages(t, nil).Handler(true)
	for path, want := range everyPage() {
		w := get(t, h, path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Content-Type"))
		}
		said := unescape(text(w.Body.String()))
		for _, s := range want {
			if !strings.Contains(said, strings.Join(strings.Fields(s), " ")) {
				t.Errorf("%s does not say %q:\n%s", path, s, said)
			}
		}
		for _, never := range []string{"<script>alert", "NaN", "%!", "<no value>", "ZgotmplZ", "/secret", "<nil>", "0001"} {
			if strings.Contains(w.Body.String(), never) {
				t.Errorf("%s has %q", path, never)
			}
		}
		if !strings.Contains(w.Body.String(), `<body data-page="`) {
			t.Errorf("%s does not say what kind of page it is", path)
		}
		if !strings.Contains(said, "Nordland <i>") {
			t.Errorf("%s does not name the region", path)
		}
	}
}

// A file that is being read, or was refused, does not wait for its publication.
func TestWaiting(t *testing.T) {
	if said := text(get(t, pages(t, nil).Handler(true), "/").Body.String()); strings.Contains(said, "not in the charts yet") {
		t.Error(said)
	}
	d := story(t)
	d.add(t, event.DeliverySubject("nord", "reg", "d4"), received, event.DeliveryAccepted{Delivery: "d4", Feed: "sometimes", AsOf: tonight, Kind: "snapshot"})
	h := pages(t, func(c *portal.Config) { c.Pages.Ledger = d }).Handler(true)
	if said := text(get(t, h, "/").Body.String()); !strings.Contains(said, "1 file is accepted and not in the charts yet") {
		t.Error(said)
	}
}

// Each kind of nothing is told apart in the table of a chart, and none has a
// number.
func TestTheKindsOfNothing(t *testing.T) {
	page := get(t, pages(t, nil).Handler(true), "/units/b/care").Body.String()
	row := regexp.MustCompile(`(?s)<tr class="s-([a-z_]+)"><th scope="row">.*?<time datetime="([0-9-]+)">.*?</th><td class="n">([^<]*)</td><td>([^<]*)(?: <span class="tag">[^<]*</span>)?</td>`)
	got := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		got[m[2]] = m[1] + " " + m[3] + " " + m[4]
	}
	for month, want := range map[string]string{
		"2025-06": "value 78.3% Value", "2025-07": "held_previous 75.0% Under question, earlier value", "2025-08": "held_empty – Under question, not shown",
		"2025-09": "suppressed – Suppressed", "2025-10": "missing – Not delivered", "2025-11": "no_eligible – Nobody eligible",
		"2025-12": "not_applicable – Not applicable", "2026-01": "held_previous – Under question, earlier value", "2026-03": "preliminary 78.3% Preliminary",
	} {
		if got[month] != want {
			t.Errorf("%s: %q, want %q", month, got[month], want)
		}
	}
	if strings.Count(page, "<svg") != 2 {
		t.Errorf("%d drawings, want a wide and a narrow one", strings.Count(page, "<svg"))
	}
}

// Units come by name, and links lead on: from a chart's every point to its page.
func TestOrderAndLinks(t *testing.T) {
	h := pages(t, nil).Handler(true)
	for _, path := range []string{"/indicators/care", "/units"} {
		page := get(t, h, path).Body.String()
		page = page[strings.LastIndex(page, "<table")+1:] // on /units: all of it
		alpha, zeta := strings.LastIndex(page, "alpha centre"), strings.LastIndex(page, "Zeta centre")
		if path == "/units" {
			zeta = strings.Index(page, ">Zeta centre<")
		}
		if alpha < 0 || alpha > zeta {
			t.Errorf("%s: alpha centre at %d, Zeta centre at %d; units come by name", path, alpha, zeta)
		}
	}
	seen := map[string]bool{}
	link := regexp.MustCompile(`href="(/[^"]*)"`)
	periods := regexp.MustCompile(`^/units/([cn]/care|b/visits)/.*[3-9]-01`) // some, and those of unit b, are enough
	queue := []string{"/", "/flags?severity=HOLD&check=K09", "/flags?indicator=care&unit=b"}
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] || periods.MatchString(path) {
			continue
		}
		seen[path] = true
		w := get(t, h, path)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		for _, m := range link.FindAllStringSubmatch(w.Body.String(), -1) {
			queue = append(queue, unescape(m[1]))
		}
	}
	for path := range everyPage() {
		if path, _, _ = strings.Cut(path, "?"); !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(s string) bool { return strings.HasPrefix(s, path) }) {
			t.Errorf("no link leads to %s", path)
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d pages are linked, which is too few", len(seen))
	}
}

func TestUnknown(t *testing.T) {
	h := pages(t, nil).Handler(true)
	for _, path := range []string{"/nothing", "/units/x", "/units/" + url.PathEscape(naughty), "/units/b/x", "/units/x/care", "/units/b/care?version=9",
		"/units/b/care?stratum=x", "/units/b/care/2025-07-02", "/units/b/care/1999-01-01", "/units/b/care/soon", "/indicators/x", "/indicators/care?stratum=x",
		"/flags/x", "/deliveries/x", "/deliveries/x/receipt.json", "/deliveries/d3/receipt.json", "/deliveries/..%2f..%2fetc", "/v1/submit",
		"/units/%ff", "/units/b/care/2025-07-01?stratum=%ff"} {
		w := get(t, h, path)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "There is no such page") || !strings.Contains(w.Body.String(), `href="/"`) {
			t.Errorf("%s: %d; want 404 and a way back\n%s", path, w.Code, text(w.Body.String()))
		}
	}
}

func TestReceipt(t *testing.T) {
	w := get(t, pages(t, nil).Handler(true), "/deliveries/d2/receipt.json")
	var got struct {
		Delivery     string
		RejectedRows string `json:"rejected_rows"`
		Problems     []any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Delivery != "d2" || len(got.Problems) != 3 || got.RejectedRows != "" {
		t.Errorf("%v %+v; want the receipt without the way to the rejected rows", err, got)
	}
	if !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("headers %v", w.Header())
	}
}

func TestFilters(t *testing.T) {
	h := pages(t, nil).Handler(true)
	for query, want := range map[string][]string{
		"":                {"C11-block", "K09-held", "T04-note"},
		"?severity=HOLD":  {"K09-held"},
		"?check=T04":      {"T04-note"},
		"?indicator=care": {"C11-block", "K09-held"},
		"?unit=n":         {"C11-block"},
		"?unit=c":         nil,
		"?page=99":        {"C11-block", "K09-held", "T04-note"},
		"?unit=" + url.QueryEscape(`' OR 1=1 --\`): nil,
	} {
		var got []string
		for _, m := range regexp.MustCompile(`href="/flags/([^"]+)"`).FindAllStringSubmatch(get(t, h, "/flags"+query).Body.String(), -1) {
			got = append(got, m[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("/flags%s: %v, want %v", query, got, want)
		}
	}
}

// Before the first publication every page says what to do.
func TestEmptyStore(t *testing.T) {
	conn := store(t, "empty")
	defer func() { _ = conn.Close() }()
	h := pages(t, func(c *portal.Config) { c.Pages.Released, c.Pages.Ledger = conn, &diary{} }).Handler(true)
	for path, want := range map[string]string{"/": "Nothing has come yet", "/deliveries": "No file has come yet", "/flags": "Nothing is published yet",
		"/units": "Nothing is published yet", "/indicators": "Nothing is published yet"} {
		w := get(t, h, path)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || !strings.Contains(w.Body.String(), "larstrom submit") {
			t.Errorf("%s: %d, want %q and what to do:\n%s", path, w.Code, want, text(w.Body.String()))
		}
	}
	for _, path := range []string{"/units/b", "/units/b/care", "/units/b/care/2025-07-01", "/indicators/care"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
	// A night that is not published yet tells what came.
	h = pages(t, func(c *portal.Config) { c.Pages.Released = conn }).Handler(true)
	if said := text(get(t, h, "/").Body.String()); !strings.Contains(said, "The night of 10 April 2026") || !strings.Contains(said, "nothing is published yet") {
		t.Error(said)
	}
}

// moving is a store in which the pointer moves while a page is read.
type moving struct {
	driver.Conn
	move  func()
	asked int
}

func (m *moving) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	m.asked++
	if strings.Contains(query, "FROM chart") {
		m.move()
	}
	return m.Conn.Query(ctx, query, args...)
}

// A page is of one publication: it is read again when the pointer moved.
func TestOnePublication(t *testing.T) {
	conn := store(t, "moving")
	defer func() { _ = conn.Close() }()
	publish(t, conn, 7, nil, nil)
	times := 1
	m := &moving{Conn: conn}
	next := uint64(7)
	m.move = func() {
		if times > 0 {
			times--
			next++
			publish(t, conn, next, nil, nil)
		}
	}
	h := pages(t, func(c *portal.Config) { c.Pages.Released = m }).Handler(true)
	if said := text(get(t, h, "/units/b/care").Body.String()); !strings.Contains(said, "Publication 8 shows") {
		t.Errorf("after the pointer moved: %s", said)
	}
	// What was read of a publication is kept, and not asked again.
	times, m.asked = 100, 0
	if said := text(get(t, h, "/units/b/care").Body.String()); !strings.Contains(said, "Publication 8 shows") || m.asked != 1 {
		t.Errorf("the same page again: %d queries, one for the pointer is enough: %s", m.asked, said)
	}
	next++
	publish(t, conn, next, nil, nil)
	if w := get(t, h, "/units/b/care"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "renewed") {
		t.Errorf("while the pointer moves on and on: %d %s", w.Code, text(w.Body.String()))
	}
}

// broken fails with what nobody outside must learn.
type broken struct{}

func (broken) Query(context.Context, string, ...any) (driver.Rows, error) {
	return nil, errors.New("secret host and table")
}

func TestNothingLeaks(t *testing.T) {
	var log strings.Builder
	to := slog.New(slog.NewTextHandler(&log, nil))
	for name, change := range map[string]func(*portal.Config){
		"store":  func(c *portal.Config) { c.Pages.Released = broken{} },
		"ledger": func(c *portal.Config) { c.Pages.Ledger = &diary{err: errors.New("secret host and table")} },
	} {
		log.Reset()
		h := pages(t, func(c *portal.Config) { change(c); c.Logger = to }).Handler(true)
		for _, path := range []string{"/", "/units/b/care/2025-07-01", "/flags/K09-held"} {
			w := get(t, h, path)
			if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s: %s: %d %s; want 503 without details", name, path, w.Code, w.Body)
			}
		}
		if strings.Count(log.String(), "secret host") < 3 {
			t.Errorf("%s: the log does not say what was wrong: %s", name, &log)
		}
	}
}

// What a screen reader needs on every page, and what the policy forbids.
func TestEveryPageIsAccessible(t *testing.T) {
	h := pages(t, nil).Handler(true)
	paths := slices.Collect(maps.Keys(everyPage()))
	for _, path := range append(paths, "/nothing") {
		w := get(t, h, path)
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: policy %s", path, policy)
		}
		for _, problem := range faults(w.Body) {
			t.Errorf("%s: %s", path, problem)
		}
	}
}

// faults are the accessibility faults of a page that can be seen in its markup.
func faults(page io.Reader) []string {
	var out []string
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	tokens := xml.NewDecoder(page)
	tokens.Strict, tokens.AutoClose, tokens.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	count, ids, labels := map[string]int{}, map[string]bool{}, map[string]bool{}
	var refs, controls []string
	heading, link := 0, "-"
	svg := 0
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fault("no well-formed markup: %v", err)
			break
		}
		switch e := token.(type) {
		case xml.StartElement:
			tag := e.Name.Local
			count[tag]++
			attr := map[string]string{}
			for _, a := range e.Attr {
				attr[a.Name.Local] = a.Value
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") {
					fault("%s has the attribute %s, which the policy forbids", tag, a.Name.Local)
				}
			}
			if id := attr["id"]; id != "" {
				if ids[id] {
					fault("two elements with the id %s", id)
				}
				ids[id] = true
			}
			for _, a := range []string{"aria-labelledby", "aria-describedby"} {
				refs = append(refs, strings.Fields(attr[a])...)
			}
			switch tag {
			case "svg":
				svg++
			case "style", "iframe", "object", "embed":
				fault("the page has a %s", tag)
			case "script":
				if attr["src"] != "/portal.js" {
					fault("a script that is not the portal's own")
				}
			case "form":
				if attr["method"] != "get" || attr["action"] == "" {
					fault("a form that does not ask for a page: %v", attr)
				}
			case "h1", "h2", "h3":
				level := int(tag[1] - '0')
				if level > heading+1 {
					fault("%s after h%d", tag, heading)
				}
				heading = level
			case "th":
				if attr["scope"] == "" {
					fault("a header cell without scope")
				}
			case "label":
				labels[attr["for"]] = true
			case "select", "input":
				if attr["type"] != "hidden" {
					controls = append(controls, attr["id"])
				}
			case "nav":
				if attr["aria-label"] == "" {
					fault("a nav without a name")
				}
			case "a":
				link = strings.TrimSpace(attr["aria-label"])
				if h := attr["href"]; !strings.HasPrefix(h, "/") && !strings.HasPrefix(h, "#") {
					fault("a link to %q", h)
				}
			}
		case xml.CharData:
			link += strings.TrimSpace(string(e))
		case xml.EndElement:
			if e.Name.Local == "svg" {
				svg--
			}
			if e.Name.Local == "a" && link == "" {
				fault("a link without a text")
			}
		}
	}
	for _, r := range refs {
		if !ids[r] {
			fault("nothing has the id %s that is referred to", r)
		}
	}
	for _, c := range controls {
		if c == "" || !labels[c] {
			fault("a control without a label: %q", c)
		}
	}
	for _, tag := range []string{"h1", "main", "html"} {
		if count[tag] != 1 {
			fault("%d %s, want one", count[tag], tag)
		}
	}
	if count["table"] != count["caption"] {
		fault("%d tables with %d captions", count["table"], count["caption"])
	}
	if count["svg"] > 0 && count["table"]+count["article"]+count["dl"] == 0 {
		fault("a drawing without its numbers")
	}
	return out
}

// On loopback only this machine's own names are answered.
func TestOwnNames(t *testing.T) {
	taken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	p := pages(t, func(c *portal.Config) { c.Submit = taken })
	for host, want := range map[string]int{"127.0.0.1:8080": 200, "localhost": 200, "LOCALHOST:1": 200, "[::1]:8080": 200, "[::1]": 200, "evil.example": 421,
		"127.0.0.1.evil.example:8080": 421, "localhost:x": 421, "": 421, "127.0.0.2:8080": 421} {
		for _, path := range []string{"/help", "/metrics", "/page.css"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			p.Handler(true).ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("host %q: %s: %d, want %d", host, path, w.Code, want)
			}
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/submit", strings.NewReader("x"))
	r.Host = "proxy.example"
	w := httptest.NewRecorder()
	if p.Handler(true).ServeHTTP(w, r); w.Code != http.StatusAccepted {
		t.Errorf("an export through a proxy: %d; it has a token of its own", w.Code)
	}
}

// people are who may log in.
type people map[string]string

func (p people) Login(_ context.Context, id, token string) bool { return token != "" && p[id] == token }

func TestLogin(t *testing.T) {
	now := time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC)
	h := pages(t, func(c *portal.Config) {
		c.Pages.Login, c.Pages.Clock = people{"anna": "right"}, func() time.Time { return now }
	}).Handler(false)
	ask := func(path, from, id, token string) int {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		r.Host, r.RemoteAddr = "portal.example", from+":1234"
		if id != "" {
			r.SetBasicAuth(id, token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code == http.StatusUnauthorized && !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			t.Errorf("%s: 401 without a challenge", path)
		}
		if w.Code >= 400 && strings.Contains(w.Body.String(), "Zeta") {
			t.Errorf("%s: %d with data", path, w.Code)
		}
		return w.Code
	}
	for path := range everyPage() {
		if got := ask(path, "10.0.0.1", "", ""); got != http.StatusUnauthorized {
			t.Errorf("%s without a login: %d, want 401", path, got)
		}
	}
	for path, want := range map[string]int{"/deliveries/d2/receipt.json": 401, "/nothing": 401, "/healthz": 200, "/metrics": 200, "/page.css": 200, "/portal.js": 200} {
		if got := ask(path, "10.0.0.1", "", ""); got != want {
			t.Errorf("%s without a login: %d, want %d", path, got, want)
		}
	}
	if got := ask("/units/b", "10.0.0.1", "anna", "right"); got != http.StatusOK {
		t.Errorf("with the right token: %d", got)
	}
	for i := range 10 {
		if got := ask("/", "10.0.0.1", "anna", "wrong"); got != http.StatusUnauthorized {
			t.Errorf("wrong token %d: %d, want 401", i, got)
		}
	}
	if got := ask("/", "10.0.0.1", "anna", "right"); got != http.StatusTooManyRequests {
		t.Errorf("after ten wrong ones: %d, want 429 also for the right one", got)
	}
	if got := ask("/units", "10.0.0.2", "anna", "right"); got != http.StatusOK {
		t.Errorf("from another host: %d, want 200", got)
	}
	now = now.Add(time.Minute)
	if got := ask("/units", "10.0.0.1", "anna", "right"); got != http.StatusOK {
		t.Errorf("a minute later: %d, want 200", got)
	}
	h = pages(t, nil).Handler(false)
	if got := ask("/units", "10.0.0.1", "anna", "right"); got != http.StatusForbidden {
		t.Errorf("without anybody who could log in: %d, want 403", got)
	}
	if got := ask("/healthz", "10.0.0.1", "", ""); got != http.StatusOK {
		t.Errorf("/healthz: %d", got)
	}
}
