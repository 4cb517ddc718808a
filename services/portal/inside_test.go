package portal

import (
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

func date(t testing.TB, s string) catalog.Date {
	t.Helper()
	if s == "" {
		return catalog.Date{}
	}
	d, err := catalog.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLate(t *testing.T) {
	stockholm, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, every, by string
		came            []string
		night           string
		now             string // UTC
		late            bool
		due             string
	}{
		{"no schedule", "", "", nil, "2026-03-10", "2026-04-01T00:00", false, ""},
		{"nothing has come at all, no night", "day", "05:00", nil, "", "2026-04-01T00:00", false, ""},
		{"came tonight", "day", "05:00", []string{"2026-03-09", "2026-03-10"}, "2026-03-10", "2026-03-12T00:00", false, ""},
		{"came out of order", "day", "05:00", []string{"2026-03-10", "2026-03-09"}, "2026-03-10", "2026-03-12T00:00", false, ""},
		{"last night only", "day", "05:00", []string{"2026-03-09"}, "2026-03-10", "2026-03-12T00:00", true, "2026-03-10"},
		{"days ago", "day", "05:00", []string{"2026-03-02"}, "2026-03-10", "2026-03-12T00:00", true, "2026-03-03"},
		{"never", "day", "05:00", nil, "2026-03-10", "2026-03-12T00:00", true, ""},
		{"never, not yet that late", "day", "05:00", nil, "2026-03-10", "2026-03-10T03:59", false, ""},
		{"a minute before its time in winter", "day", "05:00", []string{"2026-03-09"}, "2026-03-10", "2026-03-10T03:59", false, ""},
		{"at its time in winter", "day", "05:00", []string{"2026-03-09"}, "2026-03-10", "2026-03-10T04:00", true, "2026-03-10"},
		{"at its time in summer", "day", "05:00", []string{"2026-07-09"}, "2026-07-10", "2026-07-10T03:00", true, "2026-07-10"},
		{"no time of day: the whole day", "day", "", []string{"2026-03-09"}, "2026-03-10", "2026-03-10T22:59", false, ""},
		{"no time of day: the day is over", "day", "", []string{"2026-03-09"}, "2026-03-10", "2026-03-10T23:00", true, "2026-03-10"},
		{"six days", "week", "05:00", []string{"2026-03-04"}, "2026-03-10", "2026-03-12T00:00", false, ""},
		{"seven days", "week", "05:00", []string{"2026-03-03"}, "2026-03-10", "2026-03-12T00:00", true, "2026-03-10"},
		{"the same day of the next month", "month", "05:00", []string{"2026-02-10"}, "2026-03-10", "2026-03-12T00:00", true, "2026-03-10"},
		{"a day before that", "month", "05:00", []string{"2026-02-11"}, "2026-03-10", "2026-03-12T00:00", false, ""},
		{"a short month", "month", "05:00", []string{"2026-01-31"}, "2026-02-28", "2026-03-12T00:00", true, "2026-02-28"},
		{"a short month, the day before", "month", "05:00", []string{"2026-01-31"}, "2026-02-27", "2026-03-12T00:00", false, ""},
		{"over new year", "month", "05:00", []string{"2025-12-15"}, "2026-01-15", "2026-03-12T00:00", true, "2026-01-15"},
		{"dated after the night", "day", "05:00", []string{"2026-03-20"}, "2026-03-10", "2026-03-12T00:00", false, ""},
	} {
		now, err := time.Parse("2006-01-02T15:04", x.now)
		if err != nil {
			t.Fatal(err)
		}
		var came []catalog.Date
		for _, c := range x.came {
			came = append(came, date(t, c))
		}
		l, is := late(catalog.Schedule{Every: x.every, By: x.by}, stockholm, came, date(t, x.night), now)
		if is != x.late || is && l.Due.String() != x.due {
			t.Errorf("%s: late %v, due %s; want %v, %s", x.name, is, l.Due, x.late, x.due)
		}
	}
}

// The words beside a chart are about its newest mature value: a run that has
// ended is told as past, and what was not judged is not called steady.
func TestVerdict(t *testing.T) {
	p := &Portal{words: newWords("en", time.UTC)}
	points := func(change func(i int, r *pointRow)) series {
		s := series{seriesID: seriesID{Granularity: "month"}}
		for i := range 12 {
			r := pointRow{Start: time.Date(2025, time.Month(i+1), 1, 0, 0, 0, 0, time.UTC), State: "value", Value: 9, Centre: 10, LCL: 5, UCL: 15, Phase: 1, Granularity: "month"}
			change(i, &r)
			s.Points = append(s.Points, r)
		}
		return s
	}
	run := func(from, to int) func(int, *pointRow) {
		return func(i int, r *pointRow) {
			r.RunsSignal = true
			if from <= i && i <= to {
				r.Rules = []string{"anhoej_run"}
			}
		}
	}
	for _, x := range []struct {
		name       string
		s          series
		mark, text string
	}{
		{"steady", points(func(int, *pointRow) {}), "steady", "No signal up to December 2025: it varies as before."},
		{"not mature", points(func(i int, r *pointRow) {
			if i > 9 {
				r.State = "preliminary"
			}
		}), "steady", "No signal up to October 2025: it varies as before."},
		{"runs off", points(func(_ int, r *pointRow) { r.Why = "The values have a season: run rules are off." }), "steady",
			"Not outside the limits up to December 2025. Runs are not judged here: the chart's page says why."},
		{"a run that lasts", points(run(4, 11)), "runs", "A lasting shift: an unusual run below the centre line since May 2025."},
		{"a run that is past", points(run(1, 8)), "runs", "An unusual run below the centre line, from February 2025 to September 2025."},
		{"few crossings", points(func(_ int, r *pointRow) { r.RunsSignal, r.Rules = true, []string{ruleCrossings} }), "runs",
			"A lasting shift or drift: the values cross the centre line unusually seldom."},
		{"a pattern of other rules", points(func(i int, r *pointRow) {
			if i > 5 {
				r.RunsSignal, r.Rules = true, []string{"six_trend"}
			}
		}), "runs", "An unusual pattern, up to December 2025: six rising or falling."},
		{"the newest left out", points(func(i int, r *pointRow) { r.Excluded = i > 9; r.SigmaSignal = i == 9 }), "sigma", "Below the limits in October 2025: look for a special cause."},
		{"a run over what was left out", points(func(i int, r *pointRow) {
			r.RunsSignal, r.Excluded = true, i == 8
			if i >= 4 && i != 8 {
				r.Rules = []string{"anhoej_run"}
			}
		}), "runs", "A lasting shift: an unusual run below the centre line since May 2025."},
		{"outside", points(func(i int, r *pointRow) { r.SigmaSignal = i == 11 }), "sigma", "Below the limits in December 2025: look for a special cause."},
	} {
		if v := p.verdictOf(x.s, measure{w: p.words}); v.Mark != x.mark || v.Text != x.text {
			t.Errorf("%s: %s %q, want %s %q", x.name, v.Mark, v.Text, x.mark, x.text)
		}
	}
}

func TestWords(t *testing.T) {
	w := newWords("en", time.UTC)
	nan := math.NaN()
	for _, x := range []struct{ got, want string }{
		{w.whole(0), "0"}, {w.whole(999), "999"}, {w.whole(1000), "1,000"}, {(&words{group: "\u00a0"}).whole(1000), "1000"}, {(&words{group: "\u00a0"}).whole(10000), "10\u00a0000"}, {(&words{group: "."}).whole(1000), "1.000"}, {w.whole(-1234567), "\u22121,234,567"},
		{w.num(nan, 1), "–"}, {w.num(math.Inf(1), 1), "–"}, {w.num(-0.001, 1), "0.0"}, {w.num(-1.25, 1), "\u22121.2"}, {w.num(12345.678, 2), "12,345.68"}, {w.num(2e15, 0), "2e+15"},
		{w.figures(0), "0"}, {w.figures(0.0001234), "0.000123"}, {w.figures(1.23456e-9), "1.2e-09"}, {w.figures(0.314), "0.314"}, {w.figures(1.67), "1.67"}, {w.figures(46.5), "46.5"}, {w.figures(123.4), "123"}, {w.figures(8), "8"},
		{w.count("lines", 1), "1 line"}, {w.count("lines", 2), "2 lines"}, {w.count("lines", 0), "0 lines"},
		{w.period("month", date(t, "2026-03-01")), "March 2026"}, {w.period("week", date(t, "2025-12-29")), "week 1 of 2026"},
		{w.period("quarter", date(t, "2026-04-01")), "quarter 2 of 2026"}, {w.period("tertial", date(t, "2026-09-01")), "tertial 3 of 2026"},
		{w.period("half_year", date(t, "2026-07-01")), "half-year 2 of 2026"}, {w.period("year", date(t, "2026-01-01")), "2026"},
		{w.period("day", date(t, "2026-03-09")), "9 March 2026"}, {w.period("month", catalog.Date{}), "–"},
		{w.span("month", date(t, "2026-01-01"), date(t, "2026-04-01")), "January 2026 to March 2026"}, {w.span("month", date(t, "2026-01-01"), date(t, "2026-02-01")), "January 2026"},
		{w.ago(date(t, "2026-03-01"), date(t, "2026-03-01")), "today"}, {w.ago(date(t, "2026-02-28"), date(t, "2026-03-01")), "yesterday"},
		{w.ago(date(t, "2026-02-01"), date(t, "2026-03-01")), "28 days ago"}, {w.ago(date(t, "2026-03-02"), date(t, "2026-03-01")), "dated after today"},
		{quoted("a/b-1.c"), "a/b-1.c"}, {quoted("it's $x"), `'it'\''s $x'`}, {quoted(""), "''"},
		{w.or("state.", "value"), "Value"}, {w.or("state.", "novel"), "novel"},
	} {
		if x.got != x.want {
			t.Errorf("%q, want %q", x.got, x.want)
		}
	}
	for _, x := range []struct {
		i          indicatorRow
		values     []float64
		value      float64
		say, title string
	}{
		{indicatorRow{Type: "proportion", Multiplier: 100}, nil, 12.345, "12.3%", "per cent"},
		{indicatorRow{Type: "rate", Multiplier: 100}, []float64{20}, 12.345, "12.3 per 100", "per 100"},
		{indicatorRow{Type: "rate", Multiplier: 1000}, []float64{2}, 1.234, "1.23 per 1,000", "per 1,000"},
		{indicatorRow{Type: "count", Multiplier: 1}, []float64{2}, 1234, "1,234", ""},
		{indicatorRow{Type: "mean", Multiplier: 1}, []float64{2000}, 1234.5, "1,234", ""},
		{indicatorRow{Type: "time_between", Multiplier: 1}, []float64{50}, 12.5, "12.5 days", "days"},
		{indicatorRow{Type: "proportion", Multiplier: 100}, nil, nan, "–", "per cent"},
	} {
		if m := w.measureOf(x.i, x.values); m.say(x.value) != x.say || m.title() != x.title {
			t.Errorf("%+v: %q %q, want %q %q", x.i, m.say(x.value), m.title(), x.say, x.title)
		}
	}
}

// Every text that a page asks for is there, with one form for one and one for
// many, and every text is asked for.
func TestTexts(t *testing.T) {
	texts := english()
	used := map[string]bool{}
	want := func(key string) {
		used[key] = true
		if _, ok := texts[key]; !ok {
			t.Errorf("there is no text %q", key)
		}
	}
	files, err := os.ReadDir("page")
	if err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(`\bt "([^"]+)"|\.t\("([^"]+)"[,)]|say\("(variation[^"]+)"`)
	counted := regexp.MustCompile(`\b(?:count|form) "([^"]+)"|\.(?:count|form)\("([^"]+)"`)
	var source strings.Builder
	read := func(name string) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	for _, f := range files {
		read("page/" + f.Name())
	}
	for _, f := range []string{"charts", "deliveries", "evidence", "affirm", "flags", "help", "indicators", "layout", "ledger", "point", "signals", "tasks", "tonight", "units", "why", "words"} {
		read(f + ".go")
	}
	for _, m := range plain.FindAllStringSubmatch(source.String(), -1) {
		if key := m[1] + m[2] + m[3]; !strings.HasSuffix(key, ".") {
			want(key)
		}
	}
	for _, m := range counted.FindAllStringSubmatch(source.String(), -1) {
		want(m[1] + m[2] + ".one")
		want(m[1] + m[2] + ".other")
	}
	families := regexp.MustCompile(`^(matters|advice|fact|checklist|annotation|export|came|year|weekday|elsewhere|flag|month|state|spc|chart\.kind|rule|cause|reason|step|status|direction|kind|class|better|type|measurement|every|command|technical|maturity|nav|help|delivery|field|verdict\.(sigma|runs|past))\.`)
	for key, text := range texts {
		if !used[key] && !families.MatchString(key) {
			t.Errorf("nobody asks for the text %q", key)
		}
		if strings.TrimSpace(text) == "" {
			t.Errorf("the text %q is empty", key)
		}
	}
}

// A tree that names parents in a circle, or none that is there, still shows
// every unit once, by name.
func TestTree(t *testing.T) {
	b := treeOf(newWords("en", time.UTC), []unitRow{{ID: "1", Name: "b", Parent: "2"}, {ID: "2", Name: "a", Parent: "1"}, {ID: "3", Name: "C", Parent: "gone"}, {ID: "4", Name: "d", Parent: "4"},
		{ID: "5", Name: "z", Parent: "3"}, {ID: "6", Name: "Y", Parent: "3"}}, []charted{{ID: "3", Others: 2}, {ID: "9", Others: 1, Held: 1}})
	var names []string
	var walk func(all []*unitNode, depth string)
	walk = func(all []*unitNode, depth string) {
		for _, n := range all {
			names = append(names, depth+n.Name)
			walk(n.Below, depth+">")
		}
	}
	walk(b.Top, "")
	if got := strings.Join(names, " "); got != "9 a b C >Y >z d" || b.Charted != 2 {
		t.Errorf("%s, %d with charts", got, b.Charted)
	}
}

func apply(t *testing.T, s *run.State, subject string, bodies ...event.Body) {
	t.Helper()
	for _, b := range bodies {
		e, err := event.New(subject, "", b, time.Unix(int64(s.Seq), 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence, e.ID = s.Seq+1, e.ID+time.Unix(int64(s.Seq), 0).String()
		if err := s.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
}

// Behind a period are the newest snapshot that covers it and later deltas, of
// published runs.
func TestBehind(t *testing.T) {
	var s run.State
	deliver := func(id, kind, from, to string) {
		apply(t, &s, "ledger.delivery.nord.reg."+id, event.DeliveryReceived{Delivery: id, Raw: id, Feed: "f", Registry: "reg"},
			event.DeliveryAccepted{Delivery: id, Feed: "f", Kind: kind, From: date(t, from), To: date(t, to)})
	}
	deliver("all", "snapshot", "", "")
	deliver("d1", "delta", "", "")
	deliver("march", "snapshot", "2026-03-01", "2026-04-01")
	deliver("d2", "delta", "", "")
	apply(t, &s, "ledger.run.nord", event.RunOpened{Run: "r1", Ordinal: 1, Deliveries: []string{"all", "d1", "march", "d2"}}, event.RunChecked{Run: "r1"})
	if got := behind(&s, []string{"f"}, "u", catalog.Month, date(t, "2026-03-01")); got != nil {
		t.Errorf("before a publication: %v", got)
	}
	apply(t, &s, "ledger.run.nord", event.RunPublished{Run: "r1", Publication: 1})
	deliver("later", "snapshot", "", "")
	apply(t, &s, "ledger.run.nord", event.RunOpened{Run: "r2", Ordinal: 2, Deliveries: []string{"later"}})
	for period, want := range map[string]string{"2026-02-01": "all d1 d2", "2026-03-01": "march d2", "2026-04-01": "all d1 d2"} {
		var got []string
		for _, e := range behind(&s, []string{"f", "none"}, "u", catalog.Month, date(t, period)) {
			got = append(got, e.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", period, got, want)
		}
	}
	// What is withdrawn is named there, with who did it; what replaces other
	// units is not.
	apply(t, &s, "ledger.delivery.nord.reg.march", event.DeliveryRetracted{Delivery: "march", Retraction: "x", By: "somebody"})
	apply(t, &s, "ledger.delivery.nord.reg.other", event.DeliveryReceived{Delivery: "other", Raw: "other", Feed: "f", Registry: "reg"},
		event.DeliveryAccepted{Delivery: "other", Feed: "f", Kind: "snapshot", Units: []string{"v"}})
	apply(t, &s, "ledger.run.nord", event.RunChecked{Run: "r2"}, event.RunOpened{Run: "r3", Ordinal: 3, Deliveries: []string{"x", "other"}}, event.RunChecked{Run: "r3"},
		event.RunPublished{Run: "r3", Publication: 2})
	for at, want := range map[string]string{"2026-03-01 u": "march later", "2026-02-01 u": "later", "2026-03-01 v": "march other"} {
		period, unit, _ := strings.Cut(at, " ")
		var got []string
		for _, e := range behind(&s, []string{"f"}, unit, catalog.Month, date(t, period)) {
			got = append(got, e.ID)
			if (e.Retracted != nil) != (e.ID == "march") {
				t.Errorf("%s: %s is withdrawn: %v", at, e.ID, e.Retracted)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", at, got, want)
		}
	}
	if all := exportsOf(&s); len(all) != 6 {
		t.Errorf("%d deliveries came", len(all))
	}
}

// What becomes of a flag is told step by step.
func TestStories(t *testing.T) {
	var s run.State
	flag := event.FlagRaised{Flag: "F", Check: "K09", Severity: event.Hold, Indicator: "i", Unit: "u"}
	covered := flag
	covered.Memory = "G"
	apply(t, &s, "ledger.gate.nord.i", flag)
	status := func(want string, version, proposals int) {
		t.Helper()
		all, err := storiesOf(s.GateEvents("i"), func([]byte) bool { return true })
		if err != nil || len(all) != 1 || all[0].Status != want || all[0].Version != version || len(all[0].Steps) != version || len(all[0].Proposals) != proposals {
			t.Fatalf("%v %+v; want %s after %d events with %d proposals", err, all, want, version, proposals)
		}
	}
	status("open", 1, 0)
	for _, x := range []struct {
		body      event.Body
		status    string
		proposals int
	}{
		{event.DecisionMade{Flag: "F", Kind: event.Comment}, "open", 0},
		{event.DecisionMade{Flag: "F", Kind: event.Snooze}, "open", 0},
		{event.DecisionProposed{Flag: "F", Kind: event.Waive}, "open", 1},
		{event.DecisionConfirmed{Flag: "F"}, "waived", 0},
		{flag, "open", 0},
		{event.DecisionMade{Flag: "F", Kind: event.Accept}, "accepted", 0},
		{event.DecisionMade{Flag: "F", Kind: event.RejectIt}, "rejected", 0},
		{covered, "covered", 0},
		{event.FlagResolved{Flag: "F", Reason: "resent"}, "resolved", 0},
		{flag, "open", 0},
		{event.DecisionProposed{Decision: "p", Flag: "F", Kind: event.Correct, By: "p1"}, "open", 1},
		{event.DecisionRefused{Decision: "p", Flag: "F"}, "open", 0},
		{event.DecisionProposed{Decision: "q", Flag: "F", Kind: event.Correct, By: "p1", Cause: "export_error", Evidence: "register",
			Corrections: []event.Correction{{Cell: event.Guard{Unit: "u"}}}}, "open", 1},
		{event.DecisionConfirmed{Decision: "q", Flag: "F", By: "p2"}, "corrected", 0},
		{event.DecisionWithdrawn{Decision: "q", Flag: "F"}, "open", 0},
		{event.DecisionProposed{Decision: "r", Flag: "F", Kind: event.Accept}, "open", 1},
		{event.DecisionWithdrawn{Decision: "r", Flag: "F"}, "open", 0},
		{event.DecisionProposed{Decision: "s", Flag: "F", Kind: event.Accept}, "open", 1},
		{event.DecisionConfirmed{Decision: "s", Flag: "F"}, "accepted", 0},
		{event.FlagReopened{Flag: "F", Reason: "overruled"}, "open", 0},
		{event.CorrectionRetired{Decision: "q", Flag: "F"}, "resolved", 0},
	} {
		version := len(s.GateEvents("i"))
		apply(t, &s, "ledger.gate.nord.i", x.body)
		status(x.status, version+1, x.proposals)
	}
	if all, err := storiesOf(s.GateEvents("i"), func([]byte) bool { return true }); err != nil || len(all[0].Corrections) != 1 ||
		all[0].Corrections[0].By != "p1" || all[0].Corrections[0].Confirmed != "p2" || all[0].Corrections[0].Evidence != "register" {
		t.Errorf("%v: corrections %+v", err, all[0].Corrections)
	}
	apply(t, &s, "ledger.gate.nord.i", event.DecisionMade{Flag: "unknown", Kind: event.Accept})
	if all, err := storiesOf(s.GateEvents("i"), func([]byte) bool { return false }); err != nil || len(all) != 0 {
		t.Errorf("%v %v; want nothing where no finding may be asked for", all, err)
	}
}

func TestFeedsOf(t *testing.T) {
	c := &catalog.Catalog{Indicators: []catalog.Indicator{{ID: "i", Registry: "a"}}, Feeds: []catalog.Feed{{ID: "long", Registry: "a"}, {ID: "other", Registry: "b"},
		{ID: "wide", Registry: "b", Measures: []catalog.Measure{{Indicator: "i"}}}, {ID: "without", Registry: "a", Measures: []catalog.Measure{{Indicator: "j"}}}}}
	if got := strings.Join(feedsOf(c, "i"), " "); got != "long wide" {
		t.Errorf("%s, want long wide", got)
	}
	if got := feedsOf(c, "none"); got != nil {
		t.Errorf("%v of an unknown indicator", got)
	}
}
