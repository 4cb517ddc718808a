package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/schemas/openapi"
	"larstrom/schemas/openapi/judge"
	"larstrom/services/portal"
	"larstrom/services/validator/review"
)

// outsider asks as a person of another part of the organisation.
type outsider struct {
	t    *testing.T
	base string
	who  string
}

// answered is what a browser or a program is told.
type answered struct {
	status int
	header http.Header
	body   string
}

func (o *outsider) ask(method, path, kind, body string) answered {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.base+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", kind)
	}
	switch {
	case o.who == "":
	case strings.HasPrefix(path, "/v1/"):
		r.Header.Set("Authorization", "Bearer "+o.who+"-demo")
	default:
		r.SetBasicAuth(o.who, o.who+"-demo")
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		o.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		o.t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, string(b)}
}

// names are of what somebody asks: ids of another part, or ids of nothing.
type guessed struct{ flag, unit, indicator, period, delivery, protocol, decision, incident string }

func (g guessed) fill(path string) string {
	return strings.NewReplacer("{flag}", g.flag, "{unit}", g.unit, "{indicator}", g.indicator, "{period}", g.period, "{delivery}", g.delivery,
		"{protocol}", g.protocol, "{$}", "", "{upload}", g.protocol).Replace(path)
}

// plain is an answer without the names that were asked with.
func (g guessed) plain(text string) string {
	for _, name := range []string{g.flag, g.unit, g.period, g.delivery, g.protocol, g.decision, g.incident} {
		text = strings.ReplaceAll(strings.ReplaceAll(text, name, "…"), url.QueryEscape(name), "…")
	}
	return text
}

// asks are the bodies and questions with which every path is asked.
func (g guessed) asks(pattern string) []string {
	method, path, _ := strings.Cut(pattern, " ")
	path = g.fill(path)
	query := url.Values{"indicator": {g.indicator}, "unit": {g.unit}, "period": {g.period}}
	switch {
	case method == http.MethodGet && strings.HasSuffix(path, "/why"):
		at := func(on string) string { q := query; q.Set("on", on); return path + "?" + q.Encode() }
		return []string{path + "?" + query.Encode(), at("2018-03-01"), at("2030-01-01"), at("2018-03-01T12:00:00Z")}
	case method == http.MethodGet && strings.Contains(pattern, "{") && !strings.Contains(pattern, "{$}"):
		return []string{path, path + "?version=1&granularity=month&stratum=1"}
	case method == http.MethodGet:
		return []string{path, path + "?status=any&limit=500", path + "?unit=" + g.unit, path + "?indicator=" + g.indicator + "&unit=" + g.unit, path + "?incident=" + g.incident,
			path + "?check=K01&severity=HOLD", path + "?lang=sv&page=1", path + "?version=1&granularity=month&stratum=1"}
	}
	return []string{path}
}

func (g guessed) bodies(path string) (kind string, bodies []string) {
	if !strings.HasPrefix(path, "/v1/") {
		for _, k := range []string{"accept", "attach", "assign", "confirm"} {
			f := url.Values{"kind": {k}, "cause": {"unknown"}, "note": {"n"}, "evidence": {"e"}, "to": {"ryj-super"}, "until": {"2099-01-01"}, "version": {"1"}, "decision": {g.decision},
				"flag": {g.flag + "@1"}, "do": {"decide"}, "through": {"2017-12-31"}, "id": {"ryj-super"}, "token": {"wrong"}}
			bodies = append(bodies, f.Encode())
		}
		for _, do := range []string{"preview"} {
			bodies = append(bodies, url.Values{"do": {do}, "kind": {"reject"}, "cause": {"unknown"}, "evidence": {"e"}, "note": {"n"}, "flag": {g.flag + "@1"}}.Encode())
		}
		return "application/x-www-form-urlencoded", bodies
	}
	one := func(kind string) map[string]any {
		return map[string]any{"kind": kind, "cause": "unknown", "note": "n", "evidence": "e", "until": "2099-01-01", "decision": g.decision}
	}
	var all []any
	for _, k := range []string{"accept", "judge", "confirm"} {
		d := one(k)
		all = append(all, d)
		listed := map[string]any{"flag": g.flag, "flag_version": 1}
		for name, v := range d {
			listed[name] = v
		}
		all = append(all, map[string]any{"decisions": []any{listed}})
	}
	all = append(all, map[string]any{"decision": g.decision, "note": "n"}, map[string]any{"unit": g.unit, "through": "2017-12-31"},
		map[string]any{"indicator": g.indicator, "indicator_version": "1", "seed": "s", "inside": 1, "outside": 1},
		map[string]any{"indicator": g.indicator, "indicator_version": "1", "specification": "s", "comparison": "c", "checker": "p", "inside_checked": 1, "note": "n"},
		map[string]any{"indicator": g.indicator, "indicator_version": "1", "note": "n"})
	for _, v := range all {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		bodies = append(bodies, string(b))
	}
	return "application/json", bodies
}

// nobodyOutside asks a running process, as people of other parts and as nobody,
// for everything that its pages and its document have, with the ids of what is not
// theirs and with ids of nothing: they are told the same of both, and nothing of
// what is not theirs.
func nobodyOutside(t *testing.T, listen string, flags []review.Listed, f review.Flag) {
	_, port, _ := strings.Cut(listen[strings.LastIndex(listen, "]")+1:], ":")
	base := "http://127.0.0.1:" + port
	steward := outsider{t, base, "ae-steward"}
	delivery := regexp.MustCompile(`/deliveries/([0-9a-f]{8,})`).FindStringSubmatch(steward.ask("GET", "/deliveries", "", "").body)
	if delivery == nil {
		t.Fatal("the steward sees no delivery")
	}
	theirs := guessed{flag: f.Flag, unit: f.Unit, indicator: f.Indicator, period: f.Period.String(), delivery: delivery[1], protocol: strings.Repeat("a", 32),
		decision: f.Decisions[0].Decision, incident: f.Incident}
	if theirs.period == "" {
		theirs.period = "2018-03-01"
	}
	if theirs.incident == "" {
		theirs.incident = "incident-none"
	}
	none := guessed{flag: "K01-" + strings.Repeat("0", 20), unit: "ZZZ9", indicator: f.Indicator, period: "2018-02-01", delivery: strings.Repeat("f", len(delivery[1])),
		protocol: strings.Repeat("b", 32), decision: strings.Repeat("c", 32), incident: "incident-" + strings.Repeat("0", 20)}

	patterns := portal.Patterns()
	for path, item := range judge.Document(t, openapi.Review()).Paths.Map() {
		for method := range item.Operations() {
			patterns = append(patterns, method+" "+path)
		}
	}
	for path, item := range judge.Document(t, openapi.Upload()).Paths.Map() {
		for method := range item.Operations() {
			patterns = append(patterns, method+" "+path)
		}
	}
	patterns = append(patterns, "GET /healthz", "GET /metrics", "POST /v1/submit", "DELETE /flags/{flag}", "PUT /flags/{flag}/decisions", "HEAD /flags/{flag}", "OPTIONS /v1/review/flags/{flag}")
	slices.Sort(patterns)
	// What is not hers: units, what was written of them, and flags.
	secret := regexp.MustCompile(`\b(RF4|R1H)\b|The site is closed|the log book|minutes\.pdf|Since January`)
	others := map[string]bool{}
	for _, l := range flags {
		if l.Unit != "RYJ" {
			others[l.Flag] = true
		}
	}
	asked, began := 0, time.Now()
	for _, who := range []string{"ryj-super", ""} {
		o := outsider{t, base, who}
		for _, pattern := range patterns {
			method, path, _ := strings.Cut(pattern, " ")
			as, bs := theirs.asks(pattern), none.asks(pattern)
			for i := range as {
				kind, bodies := "", []string{""}
				otherBodies := bodies
				if method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions {
					kind, bodies = theirs.bodies(path)
					_, otherBodies = none.bodies(path)
				}
				if who == "" && i > 0 {
					break
				}
				for j := range bodies {
					if who == "" && j > 0 {
						break
					}
					got, want := o.ask(method, as[i], kind, bodies[j]), o.ask(method, bs[i], kind, otherBodies[j])
					asked += 2
					name := fmt.Sprintf("%q asks %s %s (%s)", who, method, as[i], bodies[j])
					if got.status != want.status {
						t.Errorf("%s: %d, of nothing %d", name, got.status, want.status)
					}
					if got.status >= 500 {
						t.Errorf("%s: %d %.300s", name, got.status, got.body)
					}
					if path == "/metrics" {
						if m := secret.FindString(got.body); m != "" {
							t.Errorf("%s is told of %q", name, m)
						}
						continue // counts go on
					}
					if g, w := theirs.plain(got.body), none.plain(want.body); g != w {
						t.Errorf("%s: what is told differs from what is told of nothing:\n%.1000s\n%.1000s", name, different(g, w), different(w, g))
					}
					told := theirs.plain(got.body)
					if m := secret.FindString(told); m != "" {
						t.Errorf("%s is told of %q: %.300s", name, m, told[max(strings.Index(told, m)-150, 0):])
					}
					for id := range others {
						if id != theirs.flag && strings.Contains(told, id) {
							t.Errorf("%s is told of the flag %s", name, id)
						}
					}
					if who == "" && got.status < 400 && method != http.MethodOptions && !slices.Contains([]string{"/healthz", "/v1/openapi/review.yaml", "/v1/openapi/upload.yaml"}, path) {
						t.Errorf("%s: nobody is answered %d", name, got.status)
					}
				}
			}
		}
	}
	// And what is hers is there.
	own := outsider{t, base, "ryj-super"}
	for _, path := range []string{"/flags", "/units", "/units/RYJ", "/v1/review/flags?status=any"} {
		if got := own.ask("GET", path, "", ""); got.status != 200 {
			t.Errorf("%s of her own: %d", path, got.status)
		}
	}
	if asked < 400 {
		t.Errorf("only %d requests were made", asked)
	}
	t.Logf("%d requests to %d patterns in %s", asked, len(patterns), time.Since(began).Round(time.Millisecond))
}

// different is the part of a that is not of b.
func different(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	return string(bytes.ToValidUTF8([]byte(a[max(i-100, 0):min(len(a), i+200)]), nil))
}
