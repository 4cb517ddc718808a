package notice_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/notice"
	"larstrom/pipeline/queue"
	"larstrom/pipeline/run"
)

const region = `
region: {code: nord, name: Nord, time_zone: Europe/Stockholm}
registries: [{code: stroke, name: Stroke, country: SE}]
indicators:
  - {id: reperf, registry: stroke, name: {sv: Reperfusion i tid, nb: Reperfusjon i tide, da: Reperfusion til tiden, en: Reperfusion in time}, type: proportion, subset: true, class: process, direction: up}
profiles: [{id: internal, rule: internal}]
units:
  - {id: region-n, name: Region Nord, kind: region}
  - {id: lund, name: Lunds sjukhus, kind: hospital, parents: [{unit: region-n}]}
  - {id: falun, name: Falu lasarett, kind: hospital, parents: [{unit: region-n}]}
people:
  - {id: p-anna, name: Anna Andersson, email: anna@example.org, roles: [{role: super_user, units: [lund]}]}
  - {id: p-bo, name: Bo Berg, email: bo@example.org, language: nb, roles: [{role: super_user, units: [falun]}]}
  - {id: p-rut, name: Rut Rask, email: rut@example.org, language: da, roles: [{role: region_steward, units: [region-n]}]}
  - {id: p-siv, name: Siv Sand, email: siv@example.org, language: en, roles: [{role: region_steward, units: [region-n]}]}
  - {id: p-nat, name: Nat Nord, email: nat@example.org, language: en, roles: [national_steward]}
  - {id: p-src, name: Sven Source, email: src@example.org, language: en, roles: [source_operator]}
  - {id: p-adm, name: Ada Admin, email: ada@example.org, roles: [administrator, region_steward]}
  - {id: p-tyst, name: Tyra Tyst, roles: [{role: super_user, units: [lund]}]}
`

func load(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Load(fstest.MapFS{"c.yaml": {Data: []byte(region)}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// question is an open HOLD of Lund, opened on a day.
func question(t testing.TB, flag, on string) notice.Question {
	return notice.Question{OpenedSeq: uint64(len(flag)) + 1, OpenedOn: day(t, on), Published: true,
		Flag: gate.Flag{Status: gate.Open, FlagRaised: event.FlagRaised{Flag: flag, Check: "T01", Severity: event.Hold, Indicator: "reperf", Unit: "lund",
			Observed: 4711.25, Expected: 17.125, Text: "4711.25 where 17.125 was expected", Guards: []event.Guard{{Registry: "stroke", Unit: "lund"}}}}}
}

func input(t testing.TB, on string, q ...notice.Question) notice.Input {
	return notice.Input{Catalog: load(t), On: day(t, on), Through: 9, Questions: q, Pages: "https://larstrom.example"}
}

// to are the people whom messages go to.
func to(all []notice.Message) string {
	var out []string
	for _, m := range all {
		out = append(out, strings.TrimSuffix(m.To, "@example.org"))
	}
	return strings.Join(out, " ")
}

func TestDigestSaysWhatAndNothingElse(t *testing.T) {
	q := question(t, "f1", "2025-06-18")
	in := input(t, "2025-06-18", q)
	in.Explain = func(check string) catalog.Text { return catalog.Text{"sv": "Värdet avviker.", "en": "odd"} }
	all := notice.Digests(in)
	if to(all) != "anna" {
		t.Fatalf("a flag of Lund goes to %q", to(all))
	}
	m := all[0]
	for _, want := range []string{"Nya ärenden: 1\n", "Reperfusion i tid · Lunds sjukhus · T01 HOLD", "senast 26 juni 2025", "Värdet avviker.", "https://larstrom.example/flags/f1"} {
		if !strings.Contains(m.Body, want) {
			t.Errorf("the digest lacks %q:\n%s", want, m.Body)
		}
	}
	for _, secret := range []string{"4711", "17.125", "p-anna", "Andersson", "anna@"} {
		if strings.Contains(m.Subject+m.Body+m.Sent.Notice, secret) {
			t.Errorf("the digest holds %q:\n%s", secret, m.Body)
		}
	}
	if m.Sent.New != 1 || m.Sent.Tasks != 1 || len(m.Sent.Offered) != 1 || m.Sent.On.String() != "2025-06-18" || m.Sent.Kind != event.NoticeDigest {
		t.Errorf("the ledger is to keep %+v", m.Sent)
	}
	if again := notice.Digests(in); again[0].Sent.Notice != m.Sent.Notice {
		t.Error("the same digest has two identities")
	}
	in.Sent = []event.NoticeSent{m.Sent}
	if got := notice.Digests(in); len(got) != 0 {
		t.Errorf("a second digest on the day:\n%s", got[0].Body)
	}
	in.On = day(t, "2025-06-19")
	if got := notice.Digests(in); len(got) != 0 {
		t.Errorf("a digest without news:\n%s", got[0].Body)
	}
}

func TestNoDigestOnHolidays(t *testing.T) {
	for on, want := range map[string]string{"2025-06-20": "", "2025-06-21": "", "2025-06-22": "", "2025-06-23": "anna"} {
		if got := to(notice.Digests(input(t, on, question(t, "f1", "2025-06-19")))); got != want {
			t.Errorf("%s: %q, want %q", on, got, want)
		}
	}
}

func TestEveryLanguageHasItsWords(t *testing.T) {
	seen := map[string]string{}
	for _, lang := range []string{"sv", "nb", "da", "en"} {
		in := input(t, "2025-09-10", question(t, "f1", "2025-09-10"))
		at := slices.IndexFunc(in.Catalog.People, func(p catalog.Person) bool { return p.ID == "p-anna" })
		in.Catalog.People[at].Language = lang
		m := notice.Digests(in)[0]
		if m.Language != lang || strings.Contains(m.Body, "%!") || strings.Contains(m.Subject, "%!") {
			t.Errorf("%s: %s\n%s", lang, m.Subject, m.Body)
		}
		if other, ok := seen[m.Subject]; ok {
			t.Errorf("%s and %s have one subject", lang, other)
		}
		seen[m.Subject] = lang
	}
	in := input(t, "2025-09-10")
	in.Advice = []notice.Advice{{Check: "T01", Version: 2}, {Check: "K01", Version: 1, Promote: true}}
	for _, m := range notice.Digests(in) {
		if m.To != "nat@example.org" || strings.Contains(m.Body, "%!") || !strings.Contains(m.Body, "Check T01 version 2: proposal to lower") || m.Sent.New != 2 {
			t.Errorf("advice to %s:\n%s", m.To, m.Body)
		}
	}
}

// history sends what is due day by day and says who got what.
func history(t *testing.T, q notice.Question, days ...string) []string {
	t.Helper()
	var sent []event.NoticeSent
	var out []string
	for _, d := range days {
		in := input(t, d, q)
		in.Sent = sent
		for _, m := range notice.Digests(in) {
			sent = append(sent, m.Sent)
			out = append(out, fmt.Sprintf("%s %s new %d reminders %d escalated %d", d[5:], strings.TrimSuffix(m.To, "@example.org"), m.Sent.New, m.Sent.Reminders, m.Sent.Escalated))
		}
	}
	return out
}

func workweeks(t *testing.T, from string, n int) []string {
	var out []string
	for d := day(t, from); len(out) < n; d = d.AddDays(1) {
		out = append(out, d.String())
	}
	return out
}

func TestRemindersAndEscalation(t *testing.T) {
	// HOLD, five working days: half on the third, due on the fifth, late on
	// the eighth. 1 September 2025 is a Monday.
	got := history(t, question(t, "f1", "2025-09-01"), workweeks(t, "2025-09-01", 21)...)
	want := []string{
		"09-01 anna new 1 reminders 0 escalated 0",
		"09-04 anna new 0 reminders 1 escalated 0",
		"09-08 anna new 0 reminders 1 escalated 0",
		"09-11 anna new 0 reminders 1 escalated 0",
		"09-11 rut new 1 reminders 0 escalated 1",
		"09-11 siv new 1 reminders 0 escalated 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("HOLD:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	q := question(t, "f1", "2025-06-18")
	q.Severity = event.Block
	got = history(t, q, workweeks(t, "2025-06-18", 21)...)
	want = []string{ // midsummer between
		"06-18 anna new 1 reminders 0 escalated 0",
		"06-19 anna new 0 reminders 1 escalated 0",
		"06-23 anna new 0 reminders 1 escalated 0",
		"06-24 anna new 0 reminders 1 escalated 0",
		"06-24 rut new 1 reminders 0 escalated 1",
		"06-24 siv new 1 reminders 0 escalated 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("BLOCK:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSourceClockRunsWhileTheReviewerWaits(t *testing.T) {
	q := question(t, "f1", "2025-09-01")
	q.Waits = []gate.Wait{{From: day(t, "2025-09-02")}}
	got := history(t, q, workweeks(t, "2025-09-02", 14)...)
	want := []string{
		"09-02 src new 1 reminders 0 escalated 0",
		"09-05 src new 0 reminders 1 escalated 0",
		"09-09 src new 0 reminders 1 escalated 0",
		"09-12 anna new 1 reminders 0 escalated 1",
		"09-12 src new 0 reminders 1 escalated 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("while the source owes an answer:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// Answered: the reviewer's clock goes on where it stood, one day used.
	q.Waits[0].To = day(t, "2025-09-12")
	in := input(t, "2025-09-15", q)
	if m := notice.Digests(in); to(m) != "anna" || !strings.Contains(m[0].Body, "senast 18 september 2025") {
		t.Errorf("after the answer: %q %v", to(m), m)
	}
}

func TestAProposalIsForAnotherSteward(t *testing.T) {
	q := question(t, "f1", "2025-09-01")
	q.Proposals = []event.DecisionProposed{{Decision: "d1", By: "p-siv", On: day(t, "2025-09-01")}}
	if got := to(notice.Digests(input(t, "2025-09-01", q))); got != "rut" {
		t.Errorf("a proposal of one steward goes to %q", got)
	}
	if got := to(notice.Digests(input(t, "2025-09-04", q))); got != "nat rut" {
		t.Errorf("two working days and a half later it goes to %q", got)
	}
}

func TestSnoozedIsNotNamedUntilItIsLate(t *testing.T) {
	q := question(t, "f1", "2025-09-01")
	q.Snoozed = day(t, "2025-09-20")
	if got := to(notice.Digests(input(t, "2025-09-05", q))); got != "" {
		t.Errorf("snoozed: %q", got)
	}
	if got := to(notice.Digests(input(t, "2025-09-11", q))); got != "anna rut siv" {
		t.Errorf("snoozed and late: %q", got)
	}
}

func TestBudgetShowsWhatMatters(t *testing.T) {
	var all []notice.Question
	for i := range 8 {
		q := question(t, fmt.Sprintf("f%d", i), "2025-09-01")
		q.Check = fmt.Sprintf("T%02d", i)
		q.Guards = slices.Repeat(q.Guards, i+1) // f7 keeps back most
		all = append(all, q)
	}
	all[0].Severity = event.Block
	in := input(t, "2025-09-01", all...)
	m := notice.Digests(in)[0]
	if m.Sent.New != notice.SuperUserWeek || m.Sent.Beyond != 3 || !strings.Contains(m.Body, "inte nämns i dag: 3") {
		t.Errorf("eight tasks: %+v", m.Sent)
	}
	for i := range 8 {
		named := strings.Contains(m.Body, fmt.Sprintf("/flags/f%d\n", i))
		if want := i == 0 || i > 3; named != want {
			t.Errorf("f%d is named: %v", i, named)
		}
	}
	in.Sent, in.On = []event.NoticeSent{m.Sent}, day(t, "2025-09-02")
	if got := notice.Digests(in)[0].Sent; got.New != 0 || got.Reminders != 1 || got.Beyond != 3 {
		t.Errorf("in the same week only the BLOCK is called to mind: %+v", got)
	}
	in.On = day(t, "2025-09-08")
	if got := notice.Digests(in)[0].Sent; got.New != 3 || got.Beyond != 0 {
		t.Errorf("in the next week: %+v", got)
	}
	// Stewards: twenty a day.
	all = nil
	for i := range 30 {
		q := question(t, fmt.Sprintf("f%d", i), "2025-09-01")
		q.Check, q.Unit, q.Guards[0].Unit = fmt.Sprintf("T%02d", i), "region-n", "region-n"
		all = append(all, q)
	}
	for _, m := range notice.Digests(input(t, "2025-09-01", all...)) {
		if m.Sent.New != notice.StewardDay || m.Sent.Beyond != 10 {
			t.Errorf("%s: %+v", m.To, m.Sent)
		}
	}
	// What was told at once is of the same day.
	in = input(t, "2025-09-01", all...)
	in.Sent = []event.NoticeSent{{Kind: event.NoticeImmediate, Person: "p-rut", On: day(t, "2025-09-01"), New: 15}}
	if got := notice.Digests(in)[0]; got.To != "rut@example.org" || got.Sent.New != 5 || got.Sent.Beyond != 25 {
		t.Errorf("after 15: %s %+v", got.To, got.Sent)
	}
}

func TestAnIncidentIsOneTask(t *testing.T) {
	var all []notice.Question
	for i := range 40 {
		q := question(t, fmt.Sprintf("f%02d", i), "2025-09-01")
		q.Incident = "i1"
		if i%2 == 0 {
			q.Unit, q.Guards[0].Unit = "falun", "falun"
		}
		all = append(all, q)
	}
	got := notice.Digests(input(t, "2025-09-01", all...))
	if to(got) != "anna bo" {
		t.Fatalf("goes to %q", to(got))
	}
	for _, m := range got {
		if m.Sent.New != 1 || strings.Contains(m.Body, "Falu") == (m.To == "anna@example.org") {
			t.Errorf("%s:\n%s", m.To, m.Body)
		}
	}
}

func TestOneCheckOfOneUnitIsOneTask(t *testing.T) {
	var all []notice.Question
	for i := range 36 {
		all = append(all, question(t, fmt.Sprintf("f%02d", i), "2025-09-01"))
	}
	all[35].Check = "K09"
	if got := notice.Digests(input(t, "2025-09-01", all...)); got[0].Sent.New != 2 || !strings.Contains(got[0].Body, "35 flaggor") {
		t.Errorf("36 months of one unit:\n%s", got[0].Body)
	}
	in := input(t, "2025-09-02", all...)
	in.Sent = []event.NoticeSent{notice.Digests(input(t, "2025-09-01", all...))[0].Sent}
	in.Questions[3].OpenedOn = day(t, "2025-09-02") // opened again
	if got := notice.Digests(in); len(got) != 1 || got[0].Sent.New != 1 {
		t.Errorf("opened again: %+v", got)
	}
}

func TestImmediateOnlyForABlockOnWhatIsPublished(t *testing.T) {
	q := question(t, "f1", "2025-09-06") // a Saturday
	in := func(q notice.Question) notice.Input { return input(t, "2025-09-06", q) }
	if got := notice.Immediate(in(q)); len(got) != 0 {
		t.Errorf("for a HOLD: %q", to(got))
	}
	q.Severity = event.Block
	q.Published = false
	if got := notice.Immediate(in(q)); len(got) != 0 {
		t.Errorf("not published: %q", to(got))
	}
	q.Published = true
	got := notice.Immediate(in(q))
	if to(got) != "anna rut siv" {
		t.Fatalf("goes to %q", to(got))
	}
	for _, m := range got {
		if strings.Contains(m.Subject+m.Body, "4711") || m.Sent.Kind != event.NoticeImmediate {
			t.Errorf("%+v\n%s", m.Sent, m.Body)
		}
	}
	next := in(q)
	next.Sent = []event.NoticeSent{got[0].Sent, got[1].Sent, got[2].Sent}
	if again := notice.Immediate(next); len(again) != 0 {
		t.Errorf("told twice: %q", to(again))
	}
	// What came between sending and keeping does not make another message.
	later := question(t, "f22", "2025-09-06")
	later.Severity, later.Check = event.Block, "C11"
	more := notice.Immediate(input(t, "2025-09-06", q, later))
	if more[0].Sent.Notice != got[0].Sent.Notice || len(more[0].Sent.Offered) != 2 {
		t.Errorf("computed again after a crash: %+v, was %+v", more[0].Sent, got[0].Sent)
	}
	next.On = day(t, "2025-09-08")
	if got := notice.Digests(next); to(got) != "anna" || got[0].Sent.New != 0 || got[0].Sent.Reminders != 1 {
		t.Errorf("on Monday half of her time has passed, and nothing is new: %q %+v", to(got), got[0].Sent)
	}
}

// The questions that the ledger tells are those of the gate.
func TestQuestionsFollowTheLedger(t *testing.T) {
	var s run.State
	var seq uint64
	at := time.Date(2025, 9, 1, 20, 0, 0, 0, time.UTC)
	put := func(subject string, b event.Body) {
		t.Helper()
		e, err := event.New(subject, fmt.Sprint(seq), b, at)
		if err != nil {
			t.Fatal(err)
		}
		seq++
		e.Sequence = seq
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	on := func(d string) catalog.Date { return day(t, d) }
	gateOf := event.GateSubject("nord", "reperf")
	put(event.RunSubject("nord"), event.RunOpened{Run: "r1", Ordinal: 1})
	raise := event.FlagRaised{Flag: "f1", Check: "T01", Severity: event.Hold, Indicator: "reperf", Unit: "lund", Run: "r1"}
	put(gateOf, raise)
	ask := func() []notice.Question {
		t.Helper()
		zone, err := time.LoadLocation("Europe/Stockholm")
		if err != nil {
			t.Fatal(err)
		}
		q, err := notice.Questions(&s, zone)
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := ask(); len(q) != 0 {
		t.Fatal("a run whose checks go on asks already")
	}
	put(event.RunSubject("nord"), event.RunChecked{Run: "r1"})
	if q := ask(); len(q) != 1 || q[0].OpenedSeq != 2 || q[0].OpenedOn != on("2025-09-01") || q[0].Published || q[0].Waiting() {
		t.Fatalf("raised: %+v", q)
	}
	at = at.Add(3 * time.Hour) // past midnight in Stockholm
	put(event.RunSubject("nord"), event.RunPublished{Publication: 1, Run: "r1", Sets: map[string]string{"reperf": "s1"}})
	put(gateOf, event.DecisionMade{Decision: "d1", Flag: "f1", Kind: event.Comment, By: "p", On: on("2025-09-02")})
	if q := ask(); len(q) != 1 || !q[0].Waiting() || !q[0].Published {
		t.Fatalf("asked: %+v", q)
	}
	put(gateOf, event.DecisionMade{Decision: "d2", Flag: "f1", Kind: event.Answer, By: "p", On: on("2025-09-04")})
	put(gateOf, event.DecisionMade{Decision: "d3", Flag: "f1", Kind: event.Snooze, By: "p", On: on("2025-09-04"), Until: on("2025-09-09")})
	put(gateOf, event.DecisionProposed{Decision: "d4", Flag: "f1", Kind: event.Accept, By: "p", On: on("2025-09-05")})
	if q := ask(); q[0].Waiting() || len(q[0].Proposals) != 1 || q[0].Snoozed != on("2025-09-09") || q[0].Waits[0].To != on("2025-09-04") {
		t.Fatalf("proposed: %+v", q)
	}
	put(gateOf, event.DecisionRefused{Decision: "d4", Flag: "f1", By: "o", On: on("2025-09-05")})
	put(gateOf, event.DecisionWithdrawn{Decision: "d3", Flag: "f1", By: "p", On: on("2025-09-05")})
	if q := ask(); len(q[0].Proposals) != 0 || !q[0].Snoozed.IsZero() || q[0].OpenedSeq != 2 {
		t.Fatalf("refused, not snoozed: %+v", q)
	}
	put(gateOf, event.FlagAssigned{Flag: "f1", To: "p-rut", By: "p", On: on("2025-09-05")})
	if q := ask(); q[0].Assigned != "p-rut" {
		t.Fatalf("assigned: %+v", q)
	}
	put(gateOf, event.DecisionMade{Decision: "d5", Flag: "f1", Kind: event.Accept, By: "p", On: on("2025-09-05")})
	if q := ask(); len(q) != 0 {
		t.Fatalf("accepted: %+v", q)
	}
	put(gateOf, event.DecisionWithdrawn{Decision: "d5", Flag: "f1", By: "p", On: on("2025-09-05")})
	if q := ask(); len(q) != 1 || q[0].OpenedSeq != seq || q[0].OpenedOn != on("2025-09-02") || len(q[0].Waits) != 0 || q[0].Assigned != "p-rut" {
		t.Fatalf("taken back: %+v", q)
	}
	put(gateOf, event.DecisionMade{Decision: "d6", Flag: "f1", Kind: event.Comment, By: "p", On: on("2025-09-08")})
	put(gateOf, event.DecisionProposed{Decision: "d7", Flag: "f1", Kind: event.Accept, By: "p", On: on("2025-09-10")})
	if q := ask(); q[0].Waiting() || q[0].Waits[0].To != on("2025-09-10") {
		t.Fatalf("proposed while the source owes an answer: %+v", q)
	}
	put(event.NoticeSubject("nord"), event.NoticeSent{Notice: "n", Kind: event.NoticeDigest, Person: "p"})

	// A newer version of the cells does not set the clock back; what another check,
	// or the same about another unit, asks is another question.
	since := ask()[0].OpenedSeq
	at = at.AddDate(0, 0, 7)
	put(event.RunSubject("nord"), event.RunOpened{Run: "r2", Ordinal: 2})
	for flag, of := range map[string][2]string{"f2": {"T01", "lund"}, "f3": {"T01", "ystad"}, "f4": {"T04", "lund"}} {
		raise.Flag, raise.Check, raise.Unit, raise.Run = flag, of[0], of[1], "r2"
		put(gateOf, raise)
	}
	put(gateOf, event.FlagResolved{Flag: "f1", Reason: gate.Superseded, Run: "r2"})
	put(event.RunSubject("nord"), event.RunChecked{Run: "r2"})
	asked := map[string]string{}
	for _, q := range ask() {
		asked[q.FlagRaised.Flag] = q.OpenedOn.String()
		if (q.OpenedSeq == since) != (q.FlagRaised.Flag == "f2") {
			t.Errorf("%s was opened at %d", q.FlagRaised.Flag, q.OpenedSeq)
		}
	}
	if want := map[string]string{"f2": "2025-09-02", "f3": "2025-09-09", "f4": "2025-09-09"}; !maps.Equal(asked, want) {
		t.Errorf("opened on %v, want %v", asked, want)
	}
}

// An indicator version that awaits its protocol is a task of those who may sign it,
// of nobody else, in one digest; it is said again when half of its time has passed,
// when all of it has, and late, and is another task once a sample is drawn.
func TestIntroductionsAwaitTheirStewards(t *testing.T) {
	n := queue.Introduction{Indicator: "reperf", Version: "2", Registry: "stroke", Since: day(t, "2025-09-01")} // a Monday
	in := input(t, "2025-09-02")
	in.Introductions = []queue.Introduction{n}
	digest := func(on string) string {
		t.Helper()
		in.On = day(t, on)
		all := notice.Digests(in)
		for _, m := range all {
			in.Sent = append(in.Sent, m.Sent)
		}
		if len(all) == 0 {
			return ""
		}
		return to(all) + ": " + all[0].Body
	}
	first := digest("2025-09-02")
	for _, want := range []string{"nat: New tasks: 1\n", "Reperfusion in time · version 2\n", "shown to pilot units only: draw a sample for the introduction protocol; by 15 September 2025", "larstrom protocol draw"} {
		if !strings.Contains(first, want) {
			t.Errorf("the digest lacks %q:\n%s", want, first)
		}
	}
	for on, want := range map[string]string{"2025-09-03": "", "2025-09-06": "", "2025-09-07": ""} { // a day without news, and a week-end
		if got := digest(on); got != want {
			t.Errorf("%s: %s", on, got)
		}
	}
	for _, x := range [][2]string{{"2025-09-08", "half of the time has passed"}, {"2025-09-09", ""}, {"2025-09-15", "the time is up"}, {"2025-09-22", "late, was due 15 September 2025"}} {
		if got := digest(x[0]); x[1] == "" && got != "" || !strings.Contains(got, x[1]) || x[1] != "" && !strings.Contains(got, "Reminders: 1") {
			t.Errorf("%s: want %q, got %s", x[0], x[1], got)
		}
	}
	in.Introductions[0].Protocol, in.Introductions[0].Since = "p1", day(t, "2025-09-22")
	if got := digest("2025-09-23"); !strings.Contains(got, "New tasks: 1") || !strings.Contains(got, "check the cases against the record, and sign") {
		t.Errorf("after the sample was drawn: %s", got)
	}
	in.Introductions = nil
	if got := digest("2025-10-06"); got != "" {
		t.Errorf("after the signature: %s", got)
	}
	if got := notice.Immediate(notice.Input{Catalog: in.Catalog, On: in.On, Introductions: []queue.Introduction{n}}); len(got) != 0 {
		t.Errorf("at once: %v", got)
	}
}

// What is given to somebody is asked of her alone, until it is late: then of the
// next level as well. Who cannot be written to, or may not decide, is as nobody.
func TestAssignedIsAskedFirst(t *testing.T) {
	for _, c := range []struct{ to, fresh, late string }{
		{"", "anna", "anna rut siv"}, {"p-rut", "rut", "anna rut"}, {"p-anna", "anna", "anna rut siv"},
		{"p-tyst", "anna", "anna rut siv"}, {"p-bo", "anna", "anna rut siv"}, {"p-gone", "anna", "anna rut siv"},
	} {
		q := question(t, "f1", "2025-09-01")
		q.Assigned = c.to
		if got := to(notice.Digests(input(t, "2025-09-01", q))); got != c.fresh {
			t.Errorf("given to %q: %s, want %s", c.to, got, c.fresh)
		}
		if got := to(notice.Digests(input(t, "2025-09-11", q))); got != c.late {
			t.Errorf("given to %q and late: %s, want %s", c.to, got, c.late)
		}
	}
}
