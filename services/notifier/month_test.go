package notifier_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/simulate"
)

// files is a folder in memory.
type files fstest.MapFS

type file struct {
	bytes.Buffer
	close func([]byte)
}

func (f *file) Close() error { f.close(f.Bytes()); return nil }

func (f files) Create(name string) (io.WriteCloser, error) {
	return &file{close: func(b []byte) { f[name] = &fstest.MapFile{Data: b} }}, nil
}

// simulated is the catalog of a simulated region: people of four countries.
func simulated(t *testing.T) *catalog.Catalog {
	t.Helper()
	o := simulate.Default()
	o.Seed, o.Units, o.Indicators, o.Months, o.Nights, o.Faults = 3, 16, 10, 13, 1, 0
	all := files{}
	if _, err := simulate.Run(t.Context(), o, all, func(string) {}); err != nil {
		t.Fatal(err)
	}
	sub, err := fs.Sub(fstest.MapFS(all), "catalog")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAMonthOfMailHoldsNoValue takes a simulated region through a month of
// flags, questions, proposals and decisions whose texts and numbers would give
// something away, and looks through every mail for a digit that is neither a
// date, a count of tasks, the name of something public nor an opaque link.
func TestAMonthOfMailHoldsNoValue(t *testing.T) {
	p, m := newPlace(t), listen(t, false)
	p.catalog = simulated(t)
	region := p.catalog.Region.Code
	p.put(event.CatalogSubject(region), event.CatalogAdopted{Hash: p.catalog.Hash})
	p.now = time.Date(2025, 9, 1, 3, 0, 0, 0, time.UTC)
	s := p.service(m.sink(t))
	r := rand.New(rand.NewPCG(7, 11))
	checks := quality.Catalogue()
	const identity = "19121212-1212"
	secrets := []string{identity}
	var open []event.FlagRaised
	for n := 1; n <= 30; n++ {
		run := fmt.Sprintf("r%d", n)
		p.put(event.RunSubject(region), event.RunOpened{Run: run, Ordinal: n})
		for k := range 6 {
			ind := &p.catalog.Indicators[r.IntN(len(p.catalog.Indicators))]
			unit := p.catalog.Units[r.IntN(len(p.catalog.Units))]
			observed, expected := float64(1000+r.IntN(90000))+0.25, float64(1000+r.IntN(90000))+0.75
			f := event.FlagRaised{Flag: fmt.Sprintf("f%d-%d", n, k), Check: checks[r.IntN(len(checks))].ID, CheckVersion: 1, Indicator: ind.ID, Unit: unit.ID, Run: run,
				Severity: []event.Severity{event.Hold, event.Hold, event.Block, event.Note}[r.IntN(4)], Observed: observed, Expected: expected, Low: observed / 2, High: observed * 2,
				Text:   fmt.Sprintf("%g where %g was expected, of %s", observed, expected, identity),
				Guards: []event.Guard{{Registry: ind.Registry, Unit: unit.ID, Version: "1", Granularity: "month", Period: day(t, "2025-08-01")}}}
			if r.IntN(3) == 0 {
				f.Incident = "i-" + run
			}
			secrets = append(secrets, fmt.Sprint(observed), fmt.Sprint(expected), fmt.Sprint(int(observed)), fmt.Sprint(int(expected)))
			p.put(event.GateSubject(region, ind.ID), f)
			open = append(open, f)
		}
		p.put(event.RunSubject(region), event.RunChecked{Run: run})
		sets := map[string]string{}
		for i := range p.catalog.Indicators {
			sets[p.catalog.Indicators[i].ID] = "s"
		}
		p.put(event.RunSubject(region), event.RunPublished{Publication: n, Run: run, Sets: sets})
		on := catalog.DateOf(p.now)
		for range 2 {
			f := open[r.IntN(len(open))]
			subject, d := event.GateSubject(region, f.Indicator), fmt.Sprintf("d%d-%d", n, r.Uint32())
			words := fmt.Sprintf("%s has %g", identity, f.Observed)
			switch r.IntN(3) {
			case 0:
				p.put(subject, event.DecisionMade{Decision: d, Flag: f.Flag, Kind: event.Comment, By: "p-1001", Note: words, On: on})
			case 1:
				p.put(subject, event.DecisionProposed{Decision: d, Flag: f.Flag, Kind: event.Waive, By: "p-2001", Cause: "unknown", Note: words, Evidence: words, On: on})
			default:
				p.put(subject, event.DecisionMade{Decision: d, Flag: f.Flag, Kind: event.Accept, By: "p-1001", Cause: "true_change", Note: words, On: on})
			}
		}
		p.step(s) // at night: what blocks
		p.now = p.now.Add(4 * time.Hour)
		p.step(s) // in the morning: the digests
		p.now = p.now.Add(20 * time.Hour)
	}

	public := []string{}
	for _, c := range checks {
		for _, text := range c.Explain {
			public = append(public, strings.Join(strings.Fields(text), " "))
		}
		public = append(public, c.ID)
	}
	for i := range p.catalog.Indicators {
		for _, text := range p.catalog.Indicators[i].Name {
			public = append(public, text)
		}
	}
	for i := range p.catalog.Units {
		for _, text := range p.catalog.Units[i].Name {
			public = append(public, text)
		}
	}
	slices.SortFunc(public, func(a, b string) int { return len(b) - len(a) })
	allowed := regexp.MustCompile(`https://larstrom\.example/flags(/f\d+-\d+)?` + // opaque
		`|\b\d{1,2}\.? \p{L}+ \d{4}\b` + // a day by which something is to be done
		`|(?m)^[^:\n]+: \d{1,3}$` + // how many tasks a section has
		`|\b\d{1,3} (flag|flagg|flaggor|flags)\b` + // together
		`|(och|og|and) \d{1,3} (till|til|mere|more)`)
	mails, raw := m.got()
	days := map[string]int{}
	languages := map[string]int{}
	for i, text := range raw {
		mail, err := netmail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(mail.Body))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(mail.Header.Get("Subject"))
		if err != nil {
			t.Fatal(err)
		}
		languages[mail.Header.Get("Content-Language")]++
		to, _, _ := strings.Cut(mails[i], " ")
		on, err := mail.Header.Date()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(subject, "stop") && !strings.Contains(subject, "blocked") {
			days[to+" "+on.Format(time.DateOnly)]++
		}
		body := strings.ReplaceAll(subject+"\n"+string(b), "\r\n", "\n")
		for _, secret := range secrets {
			if strings.Contains(body, secret) {
				t.Fatalf("a mail holds %s:\n%s", secret, body)
			}
		}
		rest := body
		for _, text := range public {
			rest = strings.ReplaceAll(rest, text, "")
		}
		rest = allowed.ReplaceAllString(rest, "")
		if at := strings.IndexAny(rest, "0123456789"); at >= 0 {
			t.Fatalf("a mail holds the digit in %q:\n%s", rest[max(0, at-30):min(len(rest), at+30)], body)
		}
	}
	for who, n := range days {
		if n > 1 {
			t.Errorf("%s got %d digests", who, n)
		}
	}
	for _, lang := range []string{"sv", "nb", "da", "en"} {
		if languages[lang] == 0 {
			t.Errorf("no mail in %s: %v", lang, languages)
		}
	}
	if len(raw) < 60 {
		t.Errorf("only %d mails came", len(raw))
	}
	t.Logf("%d mails: %v", len(raw), languages)
}
