package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/learning"
	"larstrom/schemas/openapi"
	"larstrom/schemas/openapi/judge"
	"larstrom/services/validator"
	"larstrom/services/validator/review"
)

// caller asks a running process as people do; every answer is held against the
// published document.
type caller struct {
	t    *testing.T
	url  string
	http *http.Client
}

// ask sends JSON, or nothing where v is nil, with headers "Name: value", and
// holds the status.
func (c *caller) ask(method, path, who string, v any, status int, headers ...string) []byte {
	c.t.Helper()
	var in io.Reader
	if v != nil {
		b, err := json.Marshal(v)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	if v != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who+"-demo")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		c.t.Fatal(err)
	}
	if res.StatusCode != status {
		c.t.Fatalf("%s %s of %s: %d %s, want %d", method, path, who, res.StatusCode, b, status)
	}
	return b
}

func parsed[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

func (c *caller) flag(who, id string) (review.Flag, string) {
	c.t.Helper()
	f := parsed[review.Flag](c.t, c.ask("GET", "/v1/review/flags/"+id, who, nil, 200))
	return f, fmt.Sprintf("If-Match: %q", fmt.Sprint(f.FlagVersion))
}

func (c *caller) decide(who, id string, decision map[string]any, status int, headers ...string) review.Taken {
	c.t.Helper()
	b := c.ask("POST", "/v1/review/flags/"+id+"/decisions", who, decision, status, headers...)
	if status != 200 {
		return review.Taken{}
	}
	return parsed[review.Taken](c.t, b)
}

// reviewed starts a process on a region with a BLOCK, a HOLD on a silent unit in
// each of three indicators, and people of two parts of it.
func reviewed(t *testing.T) (data string, args []string) {
	t.Helper()
	root := t.TempDir()
	data, cat, drop := filepath.Join(root, "data"), filepath.Join(root, "catalog"), filepath.Join(root, "drop")
	if err := os.CopyFS(cat, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	var people strings.Builder
	people.WriteString("people:\n")
	for id, role := range map[string]string{"rf4-super": "super_user, units: [RF4]", "ryj-super": "super_user, units: [RYJ]", "ae-source": "source_operator, registries: [nhs-ae]",
		"ae-auditor": "auditor"} {
		sum := sha256.Sum256([]byte(id + "-demo"))
		fmt.Fprintf(&people, "  - {id: %s, name: %s, roles: [{role: %s}], token_sha256: %s}\n", id, id, role, hex.EncodeToString(sum[:]))
	}
	if err := os.WriteFile(filepath.Join(cat, "more_people.yaml"), []byte(people.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	export(t, drop, "ae_attendances_1.csv")
	second := months(t, drop, "ae_attendances_2.csv", 25)
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	// More breaches than attendances in one month of R1H.
	b = regexp.MustCompile(`(?m)^(2018-01-01,R1H,1,)(\d+),\d+,`).ReplaceAll(b, []byte("${1}${2},${2}9,"))
	if err := os.WriteFile(second, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return data, []string{"--catalog", cat, "--drop", drop}
}

// TestAPersonReviewsOverHTTP drives a running larstrom as people do who have no
// shell: what they are asked, one decision and many, the second person, the
// affirmation, the trail. Every answer is as the document says. The process is
// killed in the middle; what had been decided stays decided.
func TestAPersonReviewsOverHTTP(t *testing.T) {
	data, args := reviewed(t)
	doc := judge.Document(t, openapi.Review())
	process, listen := daemon(t, data, args...)
	c := &caller{t, "http://" + listen, &http.Client{Transport: judge.Transport(t, doc, &http.Transport{})}}
	defer c.http.CloseIdleConnections()

	// The flags come with the first publication.
	var page review.Page
	for end := time.Now().Add(time.Minute); ; {
		page = parsed[review.Page](t, c.ask("GET", "/v1/review/flags?limit=500", "ae-steward", nil, 200))
		if slices.ContainsFunc(page.Flags, func(f review.Listed) bool { return f.Check == "C11" }) && strings.Contains(larstrom(t, "", "status", "--data", data).Out, "2 published") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no BLOCK is raised and published: %+v", page)
		}
	}
	find := func(check, unit string) []review.Listed {
		return slices.DeleteFunc(slices.Clone(page.Flags), func(f review.Listed) bool { return f.Check != check || f.Unit != unit })
	}
	block, silent := find("C11", "R1H")[0].Flag, find("K01", "RF4")
	if len(silent) != 3 {
		t.Fatalf("%d units are silent: %+v", len(silent), page.Flags)
	}

	// What lies outside her part is not there, whatever is asked.
	if got := parsed[review.Page](t, c.ask("GET", "/v1/review/flags?status=any", "ryj-super", nil, 200)); slices.ContainsFunc(got.Flags, func(f review.Listed) bool { return f.Unit != "RYJ" }) {
		t.Errorf("another's flags are listed: %+v", got)
	}
	c.ask("GET", "/v1/review/flags/"+block, "ryj-super", nil, 404)
	c.ask("POST", "/v1/review/affirmations", "ryj-super", map[string]any{"unit": "RF4", "through": "2017-12-31"}, 404)
	for _, path := range []string{"/v1/review/learning", "/v1/review/audit"} {
		c.ask("GET", path, "ryj-super", nil, 403)
		c.ask("GET", path, "ae-source", nil, 403)
	}

	// The queue asks first about what blocks; a steward gives a task to somebody,
	// who then has it in hers.
	asked := func(who string) []string {
		var out []string
		for _, task := range parsed[struct {
			Tasks []struct {
				Check    string
				Assigned bool
			}
		}](t, c.ask("GET", "/v1/review/queue", who, nil, 200)).Tasks {
			out = append(out, fmt.Sprint(task.Check, " ", task.Assigned))
		}
		return out
	}
	if got := asked("ae-steward"); len(got) < 2 || got[0] != "C11 false" {
		t.Errorf("the steward's queue: %v", got)
	}
	if got := asked("ae-viewer"); len(got) != 0 {
		t.Errorf("a viewer's queue: %v", got)
	}
	c.decide("ae-steward", silent[0].Flag, map[string]any{"kind": "assign", "to": "ryj-super"}, 422)
	c.decide("ae-steward", silent[0].Flag, map[string]any{"kind": "assign", "to": "rf4-super"}, 200)
	if got := asked("rf4-super"); !slices.Contains(got, "K01 true") {
		t.Errorf("her queue after the assignment: %v", got)
	}

	// The source is asked, and answers; evidence is attached.
	c.decide("rf4-super", silent[0].Flag, map[string]any{"kind": "comment", "note": "Is the site closed?"}, 200)
	if f, at := c.flag("ae-source", silent[0].Flag); !f.Waiting || f.Assigned != "rf4-super" {
		t.Errorf("after the question: %+v", f)
	} else {
		c.decide("ae-source", silent[0].Flag, map[string]any{"kind": "answer", "note": "Since January."}, 200, at)
		c.decide("ae-source", silent[0].Flag, map[string]any{"kind": "accept", "cause": "organisational_change"}, 403, at)
	}
	c.decide("rf4-super", silent[0].Flag, map[string]any{"kind": "attach", "link": "https://example.org/minutes.pdf", "sha256": strings.Repeat("0a", 32)}, 200)
	if f, _ := c.flag("rf4-super", silent[0].Flag); f.Waiting || len(f.Attached) != 1 || f.Attached[0].Link == "" {
		t.Errorf("after the answer: %+v", f)
	}

	// Snoozed, and taken back.
	_, at := c.flag("rf4-super", silent[0].Flag)
	c.decide("rf4-super", silent[0].Flag, map[string]any{"kind": "snooze", "until": time.Now().AddDate(0, 0, 7).Format(time.DateOnly)}, 200, at)
	f, _ := c.flag("rf4-super", silent[0].Flag)
	if f.Snoozed.IsZero() {
		t.Errorf("after the snooze: %+v", f)
	}
	c.ask("POST", "/v1/review/flags/"+silent[0].Flag+"/undo", "rf4-super", map[string]any{"decision": f.Decisions[len(f.Decisions)-1].Decision}, 200)
	if f, _ := c.flag("rf4-super", silent[0].Flag); !f.Snoozed.IsZero() {
		t.Errorf("after the undo: %+v", f)
	}

	// Many at once: judged, looked at, decided, each by an event of its own. Who has
	// read an older version is told, and the others are decided.
	many := func(kind string, more map[string]any) map[string]any {
		var all []any
		for i, s := range silent {
			f, _ := c.flag("ae-steward", s.Flag)
			one := map[string]any{"flag": s.Flag, "flag_version": f.FlagVersion, "kind": kind}
			for k, v := range more {
				one[k] = v
			}
			if i == 2 && kind == "accept" && more["stale"] != nil {
				one["flag_version"] = f.FlagVersion + 7
			}
			delete(one, "stale")
			all = append(all, one)
		}
		return map[string]any{"decisions": all}
	}
	accept := map[string]any{"cause": "organisational_change", "note": "The site is closed.", "stale": true}
	c.ask("POST", "/v1/review/preview", "ae-steward", many("accept", accept), 409)
	judged := map[string]any{"cause": "organisational_change", "evidence": "The source says so."}
	if out := parsed[review.Outcomes](t, c.ask("POST", "/v1/review/decisions", "ae-steward", many("judge", judged), 200)); out.Refused != 0 {
		t.Fatalf("judged: %+v", out)
	}
	if seen := parsed[validator.Preview](t, c.ask("POST", "/v1/review/preview", "ae-steward", many("accept", map[string]any{"cause": "organisational_change"}), 200)); seen.Flags != 3 || len(seen.Indicators) != 3 {
		t.Errorf("the preview: %+v", seen)
	}
	out := parsed[review.Outcomes](t, c.ask("POST", "/v1/review/decisions", "ae-steward", many("accept", accept), 200))
	if out.Refused != 1 || out.Outcomes[0].Taken == nil || out.Outcomes[1].Taken == nil || out.Outcomes[2].Problem == nil || out.Outcomes[2].Problem.Status != 412 || out.Publication == 0 {
		t.Fatalf("at once: %+v", out)
	}
	a, _ := c.flag("ae-steward", silent[0].Flag)
	b, _ := c.flag("ae-steward", silent[1].Flag)
	last := func(f review.Flag) string { return f.Decisions[len(f.Decisions)-1].Batch }
	if a.Status != "accepted" || b.Status != "accepted" || last(a) == "" || last(a) != last(b) {
		t.Errorf("of one batch: %s %q, %s %q", a.Status, last(a), b.Status, last(b))
	}

	// A unit is not affirmed while something about it awaits a decision.
	affirm := map[string]any{"unit": "RF4", "through": "2018-03-31", "note": "as it is"}
	c.ask("POST", "/v1/review/affirmations", "rf4-super", affirm, 422)
	_, at = c.flag("ae-steward", silent[2].Flag)
	c.decide("ae-steward", silent[2].Flag, map[string]any{"kind": "accept", "cause": "organisational_change"}, 200, at)
	first := c.ask("POST", "/v1/review/affirmations", "rf4-super", affirm, 200)
	if again := c.ask("POST", "/v1/review/affirmations", "rf4-super", affirm, 200); !bytes.Equal(first, again) {
		t.Errorf("affirmed again: %s, want %s", again, first)
	}

	// Four eyes: who proposes a correction does not confirm it; what is shown follows.
	shown := func() string {
		return strings.TrimSpace(larstrom(t, "", "sql", "--data", data, "SELECT state FROM cell WHERE indicator = 'ae_over_4h' AND unit = 'R1H' AND period_start = '2018-01-01' AND stratum = '1'").Out)
	}
	_, at = c.flag("ae-steward", block)
	c.decide("ae-steward", block, map[string]any{"kind": "accept", "cause": "unknown"}, 422, at)
	correct := map[string]any{"kind": "correct", "cause": "export_error", "evidence": "the log book", "revisions": []any{map[string]any{"numerator": 104}}}
	c.decide("ae-steward", block, correct, 428)
	if took := c.decide("ae-steward", block, correct, 200, at); !took.Proposed {
		t.Errorf("the correction: %+v", took)
	}
	f, at = c.flag("ae-steward-2", block)
	c.decide("ae-steward", block, map[string]any{"kind": "confirm"}, 409, at)
	if got := shown(); got != "held_empty" && got != "held_previous" {
		t.Errorf("before the second person it shows %q", got)
	}

	// Nothing of it is lost with the process.
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	process, listen = daemon(t, data, args[2:]...)
	c.url = "http://" + listen
	if again := c.decide("ae-steward", block, correct, 200, at); !again.Repeated {
		t.Errorf("the correction again after the kill: %+v", again)
	}
	if now, _ := c.flag("ae-steward-2", block); now.FlagVersion != f.FlagVersion || len(now.Proposals) != 1 {
		t.Errorf("after the kill: version %d with %d proposals, before %d", now.FlagVersion, len(now.Proposals), f.FlagVersion)
	}
	c.decide("ae-steward-2", block, map[string]any{"kind": "confirm"}, 200, at)
	if got := shown(); got != "value" {
		t.Errorf("after the second person it shows %q; under question are\n%s", got, larstrom(t, "", "flags", "list", "--data", data).Out)
	}

	// The publication that followed says who stands by what.
	if got := larstrom(t, "", "sql", "--data", data, "SELECT unit, affirmed_through FROM unit WHERE unit IN ('RF4', 'R1H') ORDER BY unit").Out; got != "R1H\t\\N\nRF4\t2018-03-31\n" {
		t.Errorf("affirmed: %q", got)
	}

	// What it teaches, and the trail, which the command verifies.
	learned := parsed[review.Learned](t, c.ask("GET", "/v1/review/learning", "ae-auditor", nil, 200))
	if !slices.ContainsFunc(learned.Checks, func(s learning.Stat) bool { return s.Check == "K01" && s.Decided == 2 && s.DataErrors == 0 }) {
		t.Errorf("what K01 teaches: %+v", learned.Checks)
	}
	trail := c.ask("GET", "/v1/review/audit", "ae-auditor", nil, 200)
	for _, want := range []string{`"type":"flag.seen"`, `"type":"unit.affirmed"`, `"client":"HTTP Go-http-client/1.1"`, `"type":"evidence.attached"`} {
		if !bytes.Contains(trail, []byte(want)) {
			t.Errorf("the trail lacks %s", want)
		}
	}
	file := filepath.Join(t.TempDir(), "trail.jsonl")
	if err := os.WriteFile(file, trail, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := larstrom(t, "", "flags", "audit", "--verify", file, "--data", data); r.Status != 0 || !strings.Contains(r.Out, "whole") {
		t.Errorf("the trail: %+v", r)
	}

	// A form of the pages that does not say what was read decides nothing.
	form := func(path string, values url.Values, cookies ...*http.Cookie) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+path, strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, k := range cookies {
			r.AddCookie(k)
		}
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return res
	}
	session := form("/flags/"+block+"/session", url.Values{"id": {"ae-steward"}, "token": {"ae-steward-demo"}}).Cookies()
	reject := url.Values{"kind": {"reject"}, "cause": {"export_error"}, "note": {"x"}}
	if res := form("/flags/"+block+"/decisions", reject, session...); res.StatusCode != http.StatusPreconditionRequired {
		t.Errorf("a form without the version: %d", res.StatusCode)
	}
	reject.Set("version", "1")
	if res := form("/flags/"+block+"/decisions", reject, session...); res.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("a form with an older version: %d", res.StatusCode)
	}
	if f, _ := c.flag("ae-steward", block); f.Status != "corrected" {
		t.Errorf("after forms that were refused: %s", f.Status)
	}

	// Over a network people log in, and nobody is told of another's part.
	closed, _ := c.flag("ae-steward", silent[0].Flag)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	process, listen = daemon(t, data, append(slices.Clone(args[2:]), "--listen", "0.0.0.0:0")...)
	nobodyOutside(t, listen, page.Flags, closed)

	// All of it can be made again from the log.
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	if r := larstrom(t, "", "verify", "--data", data); r.Status != 0 || !strings.Contains(r.Out, "agree") {
		t.Errorf("verify: %+v", r)
	}
	if r := larstrom(t, "", "replay", "--data", data, "--json"); r.Status != 0 || !strings.Contains(r.Out, `"equal": true`) {
		t.Errorf("replay: %+v", r)
	}
}
