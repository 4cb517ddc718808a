package portal_test

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/queue"
	"larstrom/services/portal"
)

// TestWhatTheReviewerSees: everything that a decision rests on is on one page.
func TestWhatTheReviewerSees(t *testing.T) {
	b, _, _ := deciding(t, true)
	page := b.do("GET", "/flags/K09-held", nil).Body.String()
	said := html.UnescapeString(text(page))
	for _, want := range []string{
		"Until somebody has decided, charts show the value from before", // why it matters
		"Observed 10", "Expected 46.5 (less than expected)", "8 to 12", // with the band
		"The last thirteen months", "The months in numbers", "Numerator", "Denominator", "A year before", "July 2025 in question",
		"What came, and what dashboards show now", "Under question, earlier value",
		"Beside other units", "They are not ranked",
		"The same check elsewhere", "Neighbouring units 0 of 1 units flagged (0%)", "All units here 1 of 3 units flagged (33%)",
		"What changed in the export", "night one.csv", `night <two> & "more".csv`, "500", "1,234 changed",
		"Earlier decisions about the unit and the indicator", "Nobody has decided about them before.",
		"Specification: Spec <1>", "Read the specification", "Compare the number", "Check five to ten cases", "Record cause and evidence",
		"anna", "I ask <the> source.",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the page of the flag lacks %q", want)
		}
	}
	if n := strings.Count(page, `class="band"`); n != 1 {
		t.Errorf("%d drawings of the band", n)
	}
	for _, id := range []string{`id="year`, `id="peers`} {
		if !strings.Contains(page, id) {
			t.Errorf("there is no drawing %s", id)
		}
	}
	months := page[strings.Index(page, "The months in numbers"):]
	months = months[:strings.Index(months, "</table>")]
	if n := strings.Count(months, "<tr"); n < 11 || n > 14 {
		t.Errorf("%d rows of months, want a head and at most thirteen", n)
	}
	if strings.Contains(page, "/preview") {
		t.Error("the effect is offered before cause and evidence are recorded")
	}
}

// TestWhoReadsOneUnitSeesHerOwn: of other units not even the place in the funnel.
func TestWhoReadsOneUnitSeesHerOwn(t *testing.T) {
	b, _, _ := deciding(t, false)
	b.headers = map[string]string{"Authorization": "Basic YW5uYTph"} // anna, who reads unit b
	w := b.do("GET", "/flags/K09-held", nil)
	said := html.UnescapeString(text(w.Body.String()))
	if w.Code != 200 || !strings.Contains(said, "other units are not yours to read") || strings.Contains(said, "alpha centre") || strings.Contains(said, "Å <b>") {
		t.Errorf("%d %s", w.Code, said)
	}
	for path, want := range map[string]int{"/units/b": 200, "/units/b/care": 200, "/units/c": 403, "/units/c/care": 403, "/indicators/care": 403, "/deliveries": 403, "/keys": 200} {
		w := b.do("GET", path+"?lang=sv", nil)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), "Den här sidan får du inte läsa") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// TestRefusedFormsKeepWhatWasTyped: nobody writes a reason twice.
func TestRefusedFormsKeepWhatWasTyped(t *testing.T) {
	b, desk, _ := deciding(t, true)
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	desk.err = &gate.ConflictError{Flag: "K09-held", Expected: 2, Actual: 3, What: "accept", By: "anna", On: tonight}
	form := url.Values{"kind": {event.Accept}, "cause": {"coding_practice"}, "note": {"a long <reason>"}, "evidence": {"the log book"}, "until": {"2026-05-01"}, "version": {"2"}}
	for _, wrong := range []string{"", "until"} {
		if wrong == "until" {
			desk.err = nil
			form.Set("until", "soon")
		}
		page := b.do("POST", "/flags/K09-held/decisions", form).Body.String()
		for _, want := range []string{">a long &lt;reason&gt;</textarea>", ">the log book</textarea>", `<option value="coding_practice" selected>`, "What you wrote is kept below", `role="alert"`, "<details open>"} {
			if !strings.Contains(page, want) {
				t.Errorf("after a refusal (%q) the page lacks %s", wrong, want)
			}
		}
	}
	if len(desk.orders) != 0 {
		t.Errorf("%d orders", len(desk.orders))
	}
}

// TestTheEffectIsOfHerOwnJudgement: cause and evidence are there first, and are
// those that the preview is asked with.
func TestTheEffectIsOfHerOwnJudgement(t *testing.T) {
	diary := story(t)
	diary.add(t, event.GateSubject("nord", "care"), received, event.FlagJudged{Judgement: "j1", Flag: "K09-held", By: "bo", Cause: "true_change", Evidence: "we moved <half>", On: tonight})
	c := &counter{}
	now := func() time.Time { return received.Add(time.Hour) }
	h := pages(t, func(cfg *portal.Config) {
		cfg.Pages.Clock, cfg.Pages.Ledger = now, diary
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Sessions = people{"bo": "b", "eva": "e"}, c, portal.NewSessions(now)
	}).Handler(true)
	for id, judged := range map[string]bool{"bo": true, "eva": false} {
		b := &browser{t: t, h: h}
		b.do("POST", "/flags/K09-held/session", url.Values{"id": {id}, "token": {id[:1]}})
		page := b.do("GET", "/flags/K09-held", nil).Body.String()
		if strings.Contains(page, "/flags/K09-held/preview") != judged || strings.Contains(page, `name="evidence" value="we moved &lt;half&gt;"`) != judged {
			t.Errorf("%s, who has judged %v: the effect is offered %v", id, judged, strings.Contains(page, "/preview"))
		}
		if !strings.Contains(html.UnescapeString(text(page)), "cause and evidence recorded, before the effect was shown by bo") {
			t.Errorf("the history lacks the judgement")
		}
	}
}

// bulk is what the list gives orders to.
type bulk struct {
	orders []portal.Order
	shown  int
}

func (d *bulk) DecideAll(_ context.Context, _ string, orders []portal.Order) ([]portal.Result, error) {
	d.orders = orders
	out := make([]portal.Result, len(orders))
	for i, o := range orders {
		out[i].Flag = o.Flag
		if o.Flag == "C11-block" {
			out[i].Err = fmt.Errorf("%w: a BLOCK is not accepted", gate.ErrInvalid)
		}
	}
	return out, nil
}

func (d *bulk) QueueFor(context.Context, string) (queue.Queue, error) {
	return queue.Queue{Tasks: []queue.Task{{Severity: event.Hold, Check: "K09", Indicator: "care", Unit: "b",
		Checks: []string{"K09"}, Units: []string{"b"}, OpenedOn: tonight, Flags: []string{"K09-held", "K09-more"}},
		{Severity: event.Hold, Check: "K11", Indicator: "care", Unit: "b", Incident: "x", Checks: []string{"K09", "K11"}, Units: []string{"a", "b", "u3", "u4"}, OpenedOn: tonight, Flags: []string{"K11-held"}}},
		Folded: queue.Folded{Tasks: 7}}, nil
}

func (d *bulk) PreviewAll(_ context.Context, _ string, orders []portal.Order) (map[string]impact.Impact, map[string]string, error) {
	d.shown = len(orders)
	return map[string]impact.Impact{"care": {Cells: make([]impact.Cell, 3), Charts: make([]impact.Place, 2)}}, map[string]string{"C11-block": "a BLOCK is not accepted"}, nil
}

// TestSeveralAtOnce: marked flags are previewed and decided together, each with
// the version that was read; what is refused is said for its flag and stays
// marked.
func TestSeveralAtOnce(t *testing.T) {
	d, c := &bulk{}, &counter{}
	now := func() time.Time { return received.Add(time.Hour) }
	h := pages(t, func(cfg *portal.Config) {
		cfg.Pages.Clock = now
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Several, cfg.Pages.Tasks, cfg.Pages.Sessions = people{"bo": "b"}, c, d, d, portal.NewSessions(now)
	}).Handler(true)
	b := &browser{t: t, h: h}
	if page := b.do("GET", "/flags", nil).Body.String(); strings.Contains(page, "checkbox") {
		t.Error("nobody has logged in, and may mark flags")
	}
	if w := b.do("POST", "/flags", url.Values{"flag": {"K09-held@2"}, "kind": {"accept"}, "do": {"decide"}}); w.Code != 401 || d.orders != nil {
		t.Errorf("of nobody: %d", w.Code)
	}
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	if said := html.UnescapeString(text(b.do("GET", "/flags", nil).Body.String())); !strings.Contains(said, "Your tasks") || !strings.Contains(said, "HOLD K09 Fewer records than before Care <in> time & place Zeta centre 2 10 April 2026") ||
		!strings.Contains(said, "HOLD K11 , K09 Care <in> time & place Zeta centre, a, u3 + 1 1 10 April 2026") || !strings.Contains(said, "7 more tasks wait") {
		t.Errorf("the tasks: %s", said)
	}
	marks := regexp.MustCompile(`type="checkbox" name="flag" value="([^"]+)"`).FindAllStringSubmatch(b.do("GET", "/flags", nil).Body.String(), -1)
	if len(marks) != 3 || marks[0][1] != "C11-block@2" || marks[1][1] != "K09-held@2" {
		t.Fatalf("the list can mark %q", marks)
	}
	form := url.Values{"flag": {"K09-held@2", "C11-block@2"}, "kind": {"accept"}, "cause": {"export_error"}, "note": {"a common <cause>"}}
	form.Set("do", "preview")
	page := b.do("POST", "/flags", form).Body.String()
	if d.shown != 2 || d.orders != nil || !strings.Contains(text(page), "Cells that show something else 3 Charts that change 2") || !strings.Contains(page, "a BLOCK is not accepted") ||
		!strings.Contains(page, `value="K09-held@2" checked`) || !strings.Contains(page, "a common &lt;cause&gt;</textarea>") {
		t.Errorf("the preview of %d flags: %s", d.shown, text(page))
	}
	form.Set("do", "decide")
	page = b.do("POST", "/flags", form).Body.String()
	if len(d.orders) != 2 || d.orders[0].ExpectedVersion != 2 || d.orders[0].Kind != event.Accept || d.orders[0].Cause != "export_error" || d.orders[0].Note != "a common <cause>" {
		t.Errorf("the orders %+v", d.orders)
	}
	if !strings.Contains(text(page), "Decided: 1 / 2") || !strings.Contains(page, `value="C11-block@2" checked`) || strings.Contains(page, `value="K09-held@2" checked`) {
		t.Errorf("the results: %s", text(page))
	}
	form.Set("do", "judge")
	b.do("POST", "/flags", form)
	if d.orders[0].Kind != gate.Judge || d.orders[0].Evidence != "a common <cause>" {
		t.Errorf("judged: %+v", d.orders[0])
	}
	d.orders = nil
	for range 500 {
		form.Add("flag", "x@1")
	}
	form.Set("do", "decide")
	if w := b.do("POST", "/flags", form); w.Code != 422 || d.orders != nil || !strings.Contains(w.Body.String(), "between 1 and 500") {
		t.Errorf("too many: %d", w.Code)
	}
}

// TestNoEnglishInSwedish: no page in Swedish, Norwegian or Danish has a sentence
// of the portal's in English, and each says its language.
func TestNoEnglishInSwedish(t *testing.T) {
	b, _, _ := deciding(t, true)
	english := regexp.MustCompile(`(?s)<(\w+)[^>]* lang="en".*?</(table|span|td|a)>`)
	sentences := portal.EnglishSentences()
	if len(sentences) < 200 {
		t.Fatalf("%d sentences", len(sentences))
	}
	for _, lang := range []string{"sv", "nb", "da"} {
		b.cookies = nil
		for _, path := range []string{"/", "/deliveries", "/deliveries/d2", "/deliveries/d3", "/flags", "/flags/K09-held", "/flags/C11-block", "/units", "/units/b", "/units/b/care",
			"/units/b/care/2025-06-01", "/units/b/care/2025-07-01", "/indicators", "/indicators/care", "/indicators/visits", "/help", "/keys", "/status", "/no-such-page"} {
			w := b.do("GET", path+"?lang="+lang, nil)
			page := w.Body.String()
			if w.Header().Get("Content-Language") != lang || !strings.Contains(page, `<html lang="`+lang+`">`) {
				t.Errorf("%s in %s: %q", path, lang, w.Header().Get("Content-Language"))
			}
			said := html.UnescapeString(text(english.ReplaceAllString(page, "")))
			for _, s := range sentences {
				if strings.Contains(said, s) {
					t.Errorf("%s in %s says %q", path, lang, s)
				}
			}
		}
		// The choice lasts without being named again.
		if page := b.do("GET", "/units", nil).Body.String(); !strings.Contains(page, `<html lang="`+lang+`">`) {
			t.Errorf("%s is not remembered", lang)
		}
	}
}

// introducing is a queue with indicator versions that await a signature.
type introducing struct{}

func (introducing) QueueFor(context.Context, string) (queue.Queue, error) {
	return queue.Queue{Introductions: []queue.Introduction{{Indicator: "care", Version: "2", Since: tonight}, {Indicator: "visits", Version: "1", Since: tonight, Protocol: "p1"}}}, nil
}

// TestIntroductionsAreTasks: who signs sees which versions only pilot units see, and
// what to do.
func TestIntroductionsAreTasks(t *testing.T) {
	b := newBrowser(t, pages(t, func(cfg *portal.Config) {
		cfg.Pages.Login, cfg.Pages.Desk, cfg.Pages.Sessions, cfg.Pages.Tasks = people{"bo": "b"}, &counter{}, portal.NewSessions(cfg.Pages.Clock), introducing{}
	}).Handler(true))
	b.do("POST", "/flags/K09-held/session", url.Values{"id": {"bo"}, "token": {"b"}})
	said := html.UnescapeString(text(b.do("GET", "/flags", nil).Body.String()))
	for _, want := range []string{"Care <in> time & place, version 2: draw a sample for the introduction protocol (since 10 April 2026 )",
		"larstrom protocol draw --indicator care --indicator-version 2 --seed TEXT --data 'my data' --as USER",
		"Visits, version 1: the sample is drawn: check the cases against the record and sign the protocol", "larstrom protocol sign p1 --indicator visits"} {
		if !strings.Contains(said, want) {
			t.Errorf("the tasks lack %q: %s", want, said)
		}
	}
}
