package app_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/schemas/openapi"
	"larstrom/schemas/openapi/judge"
	"larstrom/services/larstrom/app"
	"larstrom/services/validator"
	"larstrom/services/validator/review"
)

// part is a part of the organisation; empty: all of it.
type part struct{ unit, registry string }

// member is a person of the test, whose token is her id with a word before it.
type member struct {
	id, role string
	part
}

// members are persons of every role and every kind of scope.
func members() []member {
	var out []member
	for _, role := range []string{gate.Viewer, gate.SuperUser, gate.RegionSteward, gate.NationalSteward, gate.Auditor, gate.SourceOperator, gate.Administrator} {
		for i, p := range []part{{}, {unit: "unit-b1"}, {registry: "cas"}, {unit: "unit-b1", registry: "adm"}} {
			out = append(out, member{fmt.Sprintf("m-%s-%d", strings.ReplaceAll(role, "_", "-"), i), role, p})
		}
	}
	return out
}

func (m member) token() string { return "token of " + m.id }

// may is the rule in the test's own words: nobody reads outside her part, and
// an administrator reads nothing.
func (m member) may(f gate.Flag) bool {
	if m.role == gate.Administrator {
		return false
	}
	if m.unit != "" && (f.Unit != m.unit || slices.ContainsFunc(f.Guards, func(g event.Guard) bool { return g.Unit != m.unit })) {
		return false
	}
	return m.registry == "" || strings.HasPrefix(f.Indicator, m.registry+"_")
}

// desk is a region whose people are the members, asked over HTTP.
type desk struct {
	t   *testing.T
	app *app.App
	url string
	doc *openapi3.T
	now time.Time
	api *http.Client
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, now: noon()}
	dir := writeCatalog(t, "")
	path := filepath.Join(dir, "catalog.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var people strings.Builder
	for _, m := range members() {
		role := "{role: " + m.role
		if m.unit != "" {
			role += ", units: [" + m.unit + "]"
		}
		if m.registry != "" {
			role += ", registries: [" + m.registry + "]"
		}
		sum := sha256.Sum256([]byte(m.token()))
		fmt.Fprintf(&people, "  - {id: %s, name: %s, roles: [%s}], token_sha256: %q}\n", m.id, m.id, role, hex.EncodeToString(sum[:]))
	}
	// The scenario is of one flag about each cell: that its month was restated too
	// is asked elsewhere.
	catalog := strings.Replace(string(text), "direction: down, multiplier: 100}", `direction: down, multiplier: 100, checks: {K11: {off: true, note: "one flag a cell"}}}`, 1)
	write(t, dir, "catalog.yaml", strings.Replace(catalog, "people:\n", "people:\n"+people.String(), 1))
	cfg := config(t.TempDir(), dir, "", nil)
	cfg.Clock = func() time.Time { return d.now }
	if d.app, err = app.Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.app.Close(); err != nil {
			t.Error(err)
		}
	})
	drop, all := t.TempDir(), months(date(2023, 11, 1), 27)
	deliver := func(name, text string) {
		t.Helper()
		write(t, drop, name, text)
		submit(t, d.app, false, filepath.Join(drop, name))
		if err := d.app.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(time.Hour)
	}
	cases := func(n int) string {
		rows := make([]string, n)
		for i := range rows {
			rows[i] = fmt.Sprintf("k%d,2025-11-%02d,%s,%d,5,3,U", i, i%28+1, testUnits[i%3], i%2)
		}
		return "case,day,unit,ok,wait,stay,op\n" + strings.Join(rows, "\n") + fmt.Sprintf("\nEND %d\n", n)
	}
	deliver("adm_2026-02-01.csv", admFile(all, 1, nil))
	deliver("cas_2026-02-01.csv", cases(60))
	deliver("adm_2026-02-02.csv", admFile(all, 1, func(m time.Time, u string, visits, late int) string {
		switch {
		case u == "a1" && m.Equal(all[22]):
			late = 300 // C11: BLOCK
		case u == "b1" && m.Equal(all[21]):
			visits, late = visits/2, visits/2-3 // K09, and the share leaps
		case (u == "c1" || u == "c2") && m.Equal(all[20]):
			visits, late = visits/2, late/2
		}
		return fmt.Sprintf("%s;%s;%d;%d", m.Format("2006-01-02"), u, visits, late)
	}))
	h, err := review.New(review.Config{Catalog: d.app.Catalog, Reader: app.Desk{App: d.app}, Decider: app.Desk{App: d.app}, Introducer: app.Desk{App: d.app},
		Recorder: app.Desk{App: d.app}, Auditor: app.Desk{App: d.app},
		Clock: func() time.Time { return d.now }, Logger: slog.New(slog.NewTextHandler(logWriter(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	d.doc = judge.Document(t, openapi.Review())
	d.url, d.api = server.URL, &http.Client{Transport: judge.Transport(t, d.doc, server.Client().Transport)}
	return d
}

// reply is an answer that was read.
type reply struct {
	status int
	header http.Header
	body   string
}

// ask sends JSON, or nothing where v is nil, with headers "Name: value".
func (d *desk) ask(method, path, token string, v any, headers ...string) reply {
	d.t.Helper()
	var in io.Reader
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			d.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, in)
	if err != nil {
		d.t.Fatal(err)
	}
	if v != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := d.api.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		d.t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

func read[T any](d *desk, r reply) (v T) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		d.t.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return v
}

// written is how many events the gates have.
func (d *desk) written() (n uint64) {
	d.t.Helper()
	s, err := d.app.State(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, i := range d.app.Catalog.Indicators {
		n += uint64(len(s.GateEvents(i.ID)))
	}
	return n
}

func (d *desk) flag(check, indicator, unit string) gate.Flag {
	d.t.Helper()
	flags, err := d.app.Flags(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range flags {
		if f.Check == check && f.Indicator == indicator && f.Unit == unit {
			return f
		}
	}
	d.t.Fatalf("no flag of %s about %s of %s", check, indicator, unit)
	return gate.Flag{}
}

// request is how the walk asks an operation about a flag, and whether the
// answer to who may not read the flag is that it is not there.
type request struct {
	path   string
	body   any
	hidden bool
}

// requests are those of every operation of the document.
func requests(f gate.Flag) map[string]request {
	at := "/v1/review/flags/" + f.Flag
	// A judgement is a decision that publishes nothing: the walk is long.
	judge := map[string]any{"kind": "judge", "cause": "unknown", "evidence": "the walk"}
	several := map[string]any{"decisions": []any{map[string]any{"flag": f.Flag, "kind": "judge", "cause": "unknown", "evidence": "the walk"}}}
	unit := f.Unit
	if unit == "" {
		unit = "unit-a1"
	}
	period := f.Period.String()
	if period == "" {
		period = "2025-09-01"
	}
	return map[string]request{
		"listFlags":      {"/v1/review/flags?status=any&limit=500", nil, false},
		"readFlag":       {at, nil, true},
		"decide":         {at + "/decisions", judge, true},
		"undo":           {at + "/undo", map[string]any{"decision": "none"}, true},
		"preview":        {at + "/preview", map[string]any{"kind": "snooze"}, true},
		"decideAll":      {"/v1/review/decisions", several, false},
		"previewAll":     {"/v1/review/preview", several, true},
		"readQueue":      {"/v1/review/queue", nil, false},
		"affirm":         {"/v1/review/affirmations", map[string]any{"unit": unit, "through": "2025-11-30"}, false},
		"readLearning":   {"/v1/review/learning", nil, false},
		"readAudit":      {"/v1/review/audit", nil, false},
		"why":            {"/v1/review/why?indicator=" + f.Indicator + "&unit=" + unit + "&period=" + period, nil, false},
		"drawProtocol":   {"/v1/review/protocols", map[string]any{"indicator": f.Indicator, "indicator_version": "1", "seed": "s", "inside": 1, "outside": 1}, false},
		"signProtocol":   {"/v1/review/protocols/none/signatures", map[string]any{"indicator": f.Indicator, "indicator_version": "1"}, false},
		"revokeProtocol": {"/v1/review/revocations", map[string]any{"indicator": f.Indicator, "indicator_version": "1", "note": ""}, false},
		"readDocument":   {"/v1/openapi/review.yaml", nil, false},
	}
}

// TestNobodyOutside walks every operation of the document with persons of every
// role and scope: nobody reads or decides outside her part, and what she may not
// read is answered as what is not there.
func TestNobodyOutside(t *testing.T) {
	d := newDesk(t)
	all, err := d.app.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	targets := []gate.Flag{d.flag("C11", "adm_late", "unit-a1"), d.flag("K09", "adm_late", "unit-b1")}
	absent := gate.Flag{}
	absent.Flag, absent.Indicator, absent.Unit = "K09-none", "adm_late", "unit-zz"
	units := regexp.MustCompile(`unit-[a-z][0-9a-z]`)
	walked, reads, refusals := 0, 0, 0
	for path, item := range d.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if _, ok := requests(absent)[op.OperationID]; !ok {
				t.Fatalf("%s %s (%s) is not walked: say here how it is asked", method, path, op.OperationID)
			}
			for _, token := range []string{"", "token of nobody"} {
				q := requests(targets[0])[op.OperationID]
				d.now = d.now.Add(time.Minute) // wrong tokens are counted
				if got := d.ask(method, q.path, token, q.body); got.status != http.StatusUnauthorized && op.OperationID != "readDocument" {
					t.Errorf("%s with the token %q: %d", op.OperationID, token, got.status)
				}
			}
			for _, m := range members() {
				for _, f := range targets {
					q, before := requests(f)[op.OperationID], d.written()
					got := d.ask(method, q.path, m.token(), q.body)
					walked++
					name := fmt.Sprintf("%s: %s about %s of %s: %d %s", m.id, op.OperationID, f.Flag, f.Unit, got.status, got.body)
					if op.OperationID == "readDocument" {
						continue
					}
					for _, u := range units.FindAllString(got.body, -1) {
						if m.unit != "" && u != m.unit {
							t.Errorf("she reads of %s: %s", u, name)
						}
					}
					if m.registry == "adm" && strings.Contains(got.body, `"cas_`) || m.registry == "cas" && strings.Contains(got.body, `"adm_`) {
						t.Errorf("she reads of another registry: %s", name)
					}
					if m.may(f) {
						reads++
						if q.hidden && got.status == http.StatusNotFound {
							t.Errorf("hers is not there: %s", name)
						}
						decider := slices.Contains([]string{gate.SuperUser, gate.RegionSteward, gate.NationalSteward}, m.role)
						if op.OperationID == "decide" && (got.status == http.StatusOK) != decider {
							t.Errorf("decider %v: %s", decider, name)
						}
						continue
					}
					refusals++
					if after := d.written(); after != before {
						t.Errorf("it changed the ledger: %s", name)
					}
					if q.hidden {
						n := requests(absent)[op.OperationID]
						if none := d.ask(method, n.path, m.token(), n.body); got.status != http.StatusNotFound || none.status != got.status || none.body != got.body {
							t.Errorf("it differs from what is not there (%d %s): %s", none.status, none.body, name)
						}
					}
					if op.OperationID == "decideAll" {
						if o := read[review.Outcomes](d, got); o.Refused != 1 || o.Outcomes[0].Problem.Status != http.StatusNotFound {
							t.Errorf("in bulk: %s", name)
						}
					}
				}
			}
		}
	}
	for _, m := range members() {
		page := read[review.Page](d, d.ask("GET", "/v1/review/flags?status=any&limit=500", m.token(), nil))
		var got, want []string
		for _, f := range page.Flags {
			got = append(got, f.Flag)
		}
		for _, f := range all {
			if m.may(f) {
				want = append(want, f.Flag)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) || page.All != len(want) {
			t.Errorf("%s: the list has %v, want %v", m.id, got, want)
		}
	}
	t.Logf("%d requests of %d persons: %d about what they may read, %d refused", walked, len(members()), reads, refusals)
}

// TestReviewOverHTTP takes a decision through its whole life over HTTP.
func TestReviewOverHTTP(t *testing.T) {
	d := newDesk(t)
	token := func(role string, i int) string {
		return member{id: fmt.Sprintf("m-%s-%d", strings.ReplaceAll(role, "_", "-"), i)}.token()
	}
	one, two, hers := token(gate.RegionSteward, 0), token(gate.NationalSteward, 0), token(gate.SuperUser, 1)
	expect := func(r reply, status int, has string) reply {
		t.Helper()
		if r.status != status || !strings.Contains(r.body, has) {
			t.Fatalf("%d %s, want %d %q", r.status, r.body, status, has)
		}
		d.now = d.now.Add(time.Minute)
		return r
	}
	// Pages of a list are the list.
	whole := read[review.Page](d, d.ask("GET", "/v1/review/flags?limit=500", one, nil))
	var paged []review.Listed
	for next := "/v1/review/flags?limit=2"; next != ""; {
		page := read[review.Page](d, expect(d.ask("GET", next, one, nil), 200, ""))
		if len(page.Flags) > 2 || page.All != whole.All {
			t.Fatalf("a page of two: %+v", page)
		}
		paged, next = append(paged, page.Flags...), page.Next
	}
	if !reflect.DeepEqual(paged, whole.Flags) || len(paged) < 5 || paged[0].Severity != event.Block {
		t.Fatalf("pages %v, the list %v", paged, whole.Flags)
	}
	for _, x := range []struct{ query, has string }{
		{"?check=C11", "C11"}, {"?unit=unit-b1", "unit-b1"}, {"?indicator=adm_late", "adm_late"}, {"?severity=BLOCK", "BLOCK"},
	} {
		page := read[review.Page](d, expect(d.ask("GET", "/v1/review/flags"+x.query, one, nil), 200, x.has))
		if page.All == 0 || page.All >= whole.All {
			t.Errorf("%s: %d of %d flags", x.query, page.All, whole.All)
		}
	}
	for _, wrong := range []string{"?status=new", "?limit=0", "?limit=501", "?after=%21", "?sort=unit"} {
		expect(d.ask("GET", "/v1/review/flags"+wrong, one, nil), 400, "urn:larstrom:review:request")
	}

	hold := d.flag("K09", "adm_late", "unit-b1")
	at := "/v1/review/flags/" + hold.Flag
	etag := expect(d.ask("GET", at, hers, nil), 200, hold.Text).header.Get("ETag")
	if etag != fmt.Sprintf("%q", fmt.Sprint(hold.Version)) {
		t.Fatalf("ETag %s of version %d", etag, hold.Version)
	}
	accept := map[string]any{"kind": "accept", "cause": "organisational_change", "note": "half the clinic moved"}
	// The effect comes after cause and evidence, and looking is logged.
	expect(d.ask("POST", at+"/preview", hers, accept), 409, "judge-first")
	expect(d.ask("POST", at+"/decisions", hers, map[string]any{"kind": "judge", "cause": "organisational_change"}), 422, "evidence")
	judged := map[string]any{"kind": "judge", "cause": "organisational_change", "evidence": "the list of the clinic"}
	expect(d.ask("POST", at+"/decisions", hers, judged), 200, "flag.judged")
	before := d.written()
	seen := read[validator.Preview](d, expect(d.ask("POST", at+"/preview", hers, accept), 200, ""))
	if i := seen.Indicators["adm_late"]; seen.Flags != 1 || len(i.Cells) != 1 || len(i.Moves) != 1 || !slices.Equal(seen.Interest, []string{"unit-b1"}) {
		t.Fatalf("preview %+v", seen)
	}
	if others := regexp.MustCompile(`unit-([ac-z]|b[02-9])`).FindString(fmt.Sprintf("%+v", seen)); others != "" {
		t.Errorf("the preview tells her of %s", others)
	}
	if got := d.written(); got != before+1 {
		t.Fatalf("%d events after a viewing, want %d", got, before+1)
	}
	// She has an interest: it is proposed. The command repeated does nothing.
	took := read[review.Taken](d, expect(d.ask("POST", at+"/decisions", hers, accept, "If-Match: "+etag), 200, ""))
	if !took.Proposed || took.Repeated || len(took.Events) == 0 {
		t.Fatalf("%+v", took)
	}
	before = d.written()
	if again := read[review.Taken](d, expect(d.ask("POST", at+"/decisions", hers, accept, "If-Match: "+etag), 200, "")); !again.Repeated || d.written() != before {
		t.Fatalf("again: %+v, %d events more", again, d.written()-before)
	}
	// Who has read the flag before is told who changed it.
	late := expect(d.ask("POST", at+"/decisions", one, map[string]any{"kind": "reject", "cause": "export_error"}, "If-Match: "+etag), 412, "conflict")
	p := read[review.Problem](d, late)
	if p.Changed == nil || p.Changed.By != "m-super-user-1" || p.Changed.On.IsZero() || late.header.Get("ETag") == etag {
		t.Fatalf("%s %+v", late.header.Get("ETag"), p.Changed)
	}
	expect(d.ask("POST", at+"/decisions", one, accept, "If-Match: 3"), 400, "If-Match")
	// A second person confirms, and says what.
	expect(d.ask("POST", at+"/decisions", one, map[string]any{"kind": "confirm"}), 428, "decision")
	now := d.ask("GET", at, one, nil).header.Get("ETag")
	expect(d.ask("POST", at+"/decisions", hers, map[string]any{"kind": "confirm"}, "If-Match: "+now), 403, "forbidden")
	expect(d.ask("POST", at+"/decisions", one, map[string]any{"kind": "confirm"}, "If-Match: "+now), 200, "decision.confirmed")
	if got := sql(t, d.app, "released", `SELECT state FROM cell WHERE indicator = 'adm_late' AND unit = 'unit-b1' AND period_start = '2025-08-01'`); strings.TrimSpace(got) != "value" {
		t.Fatalf("confirmed: %q", got)
	}
	expect(d.ask("POST", at+"/decisions", one, map[string]any{"kind": "accept", "cause": "unknown"}), 428, "version")
	expect(d.ask("POST", at+"/decisions", one, map[string]any{"kind": "accept", "cause": "unknown"}, "If-Match: *"), 428, "version")
	expect(d.ask("POST", at+"/decisions", one, map[string]any{"kind": "accept", "cause": "unknown"}, "If-Match: "+etag), 412, "conflict")
	// Taken back once: repeated, it meets no other decision.
	expect(d.ask("POST", at+"/undo", two, map[string]any{}), 428, "version")
	now = d.ask("GET", at, two, nil).header.Get("ETag")
	expect(d.ask("POST", at+"/undo", two, map[string]any{"note": "too early"}, "If-Match: "+now), 200, "decision.withdrawn")
	before = d.written()
	expect(d.ask("POST", at+"/undo", two, map[string]any{"note": "too early"}, "If-Match: "+now), 422, "no such decision")
	if got := d.written(); got != before {
		t.Fatalf("an undo repeated adds %d events", got-before)
	}
	// Four eyes.
	block := "/v1/review/flags/" + d.flag("C11", "adm_late", "unit-a1").Flag
	correct := map[string]any{"kind": "correct", "cause": "export_error", "evidence": "log book", "revisions": []any{map[string]any{"numerator": 300}}}
	seenAt := d.ask("GET", block, one, nil).header.Get("ETag")
	expect(d.ask("POST", block+"/decisions", one, correct, "If-Match: "+seenAt), 422, "corrections")
	correct["revisions"] = []any{map[string]any{"numerator": 13}}
	// A key makes one command of what is sent twice, and of nothing else.
	const key = "Idempotency-Key: 7f3c"
	first := expect(d.ask("POST", block+"/decisions", one, correct, "If-Match: "+seenAt, key), 200, `"proposed":true`)
	before = d.written()
	if again := d.ask("POST", block+"/decisions", one, correct, "If-Match: "+seenAt, key); again.status != 200 || again.body != first.body ||
		again.header.Get("Idempotent-Replayed") != "true" || d.written() != before {
		t.Errorf("the same key again: %d %s, %d events more", again.status, again.body, d.written()-before)
	}
	expect(d.ask("POST", block+"/decisions", one, map[string]any{"kind": "comment", "note": "x"}, key), 422, "urn:larstrom:review:key")
	expect(d.ask("POST", block+"/decisions", two, map[string]any{"kind": "comment", "note": "x"}, key), 200, "")
	proposal := read[review.Flag](d, expect(d.ask("GET", block, one, nil), 200, "log book")).Proposals[0].Decision
	expect(d.ask("POST", block+"/decisions", one, map[string]any{"kind": "confirm", "decision": proposal}), 409, "four-eyes")
	expect(d.ask("POST", block+"/decisions", two, map[string]any{"kind": "confirm", "decision": proposal}), 200, "decision.confirmed")
	expect(d.ask("GET", "/v1/review/why?indicator=adm_late&unit=unit-a1&period=2025-09-01", one, nil), 200, `"confirmed":"m-national-steward-0"`)
	if then := expect(d.ask("GET", "/v1/review/why?indicator=adm_late&unit=unit-a1&period=2025-09-01&stratum=&on=2026-03-01", one, nil), 200, ""); then.body != "{\"answers\":[]}\n" {
		t.Errorf("on the day before: %s", then.body)
	}
	expect(d.ask("GET", "/v1/review/why?indicator=adm_late&unit=unit-a1&period=2025-09-01&on=yesterday", one, nil), 400, "on")
	expect(d.ask("GET", "/v1/review/why?indicator=no_such&unit=unit-a1&period=2025-09-01", one, nil), 404, "not-found")

	// In bulk: an event each, what fails is said for its flag.
	var decisions []any
	for _, f := range []gate.Flag{d.flag("K09", "adm_late", "unit-c1"), d.flag("K09", "adm_visits", "unit-c2"), {}} {
		decisions = append(decisions, map[string]any{"flag": f.Flag, "flag_version": f.Version, "kind": "accept", "cause": "population_change"})
	}
	decisions = append(decisions, map[string]any{"flag": d.flag("K09", "adm_late", "unit-c2").Flag, "flag_version": 7, "kind": "accept", "cause": "population_change"})
	out := read[review.Outcomes](d, expect(d.ask("POST", "/v1/review/decisions", one, map[string]any{"decisions": decisions}), 200, ""))
	if out.Refused != 2 || out.Outcomes[0].Taken == nil || out.Outcomes[1].Taken == nil || out.Outcomes[2].Problem.Status != 404 || out.Outcomes[3].Problem.Status != 412 ||
		out.Publication == 0 {
		t.Fatalf("in bulk: %+v", out)
	}
	expect(d.ask("POST", "/v1/review/decisions", one, map[string]any{"decisions": make([]map[string]any, 501)}), 422, "501")

	// An indicator version is introduced, and sent back.
	draw := map[string]any{"indicator": "cas_ok", "indicator_version": "1", "seed": "2026", "inside": 10, "outside": 10}
	sample := read[review.Sample](d, expect(d.ask("POST", "/v1/review/protocols", one, draw), 200, "smoke_check"))
	if len(sample.Cases) != 20 || !sample.Cases[0].Inside || sample.Cases[0].Line == 0 {
		t.Fatalf("%+v", sample)
	}
	draw["inside"] = 1000
	expect(d.ask("POST", "/v1/review/protocols", one, draw), 422, "sample")
	signature := map[string]any{"indicator": "cas_ok", "indicator_version": "1", "specification": "3.1", "comparison": "the registry's own report", "checker": "m-super-user-0",
		"inside_checked": 10, "inside_agreed": 10, "outside_checked": 10, "outside_agreed": 5}
	sign := "/v1/review/protocols/" + sample.Protocol + "/signatures"
	expect(d.ask("POST", sign, one, signature), 422, "introduction")
	signature["outside_agreed"] = 10
	expect(d.ask("POST", sign, one, signature), 200, `"repeated":false`)
	expect(d.ask("POST", sign, one, signature), 200, `"repeated":true`)
	revocation := map[string]any{"indicator": "cas_ok", "indicator_version": "1", "note": "another definition was read"}
	expect(d.ask("POST", "/v1/review/revocations", one, revocation), 200, `"repeated":false`)
	expect(d.ask("POST", "/v1/review/revocations", one, revocation), 200, `"repeated":true`)
}
