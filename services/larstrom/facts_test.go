package main

import (
	"regexp"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/services/larstrom/control"
	"larstrom/services/portal"
)

// Every fact of the status can be said in every language of the pages.
func TestFactsInEveryLanguage(t *testing.T) {
	at := time.Date(2026, 3, 2, 7, 5, 0, 0, time.UTC)
	day := catalog.DateOf(at)
	full := control.Status{Region: "mine", Catalog: "33136a623d79", OpenFlags: map[event.Severity]int{event.Block: 3, event.Hold: 2}, Late: control.Late{Due: 1, Escalated: 2},
		HeldCells: 7, Portal: "http://127.0.0.1:8080", Publication: &control.Publication{Publication: 6, Run: "2026-03-02-0001-abcdef", AsOf: day, At: at, Indicators: 20},
		Sequences: []control.Sequence{{Feed: "f", Next: 3, Missing: [][2]int64{{3, 5}, {7, 7}}, Held: []string{"a", "b"}}, {Feed: "g", Next: 4, Held: []string{"c"}}},
		Audiences: []control.Audience{{Audience: "SE", Rule: "SE"}, {Audience: "OPEN", Rule: "ROUND5", Number: 2, Edition: day, AsOf: day, Publication: 5, Indicators: 1, Taken: true, Next: day},
			{Audience: "GONE", Number: 1, Edition: day, AsOf: day, Publication: 5, Indicators: 3}, {Audience: "NEVER"}},
		Awaited: []control.Awaited{{Feed: "f", File: "a.csv", Reason: "the last line has no end", Until: at}},
		Engines: []control.Engine{{Store: "warehouse", Running: true, Restarts: 1}, {Store: "released"}}}
	plain := regexp.MustCompile(`^(https?://.*|[0-9]+|[0-9a-f]{12}|mine|[0-9]+ BLOCK, [0-9]+ HOLD)$`)
	for _, st := range []control.Status{full, {Region: "mine"}} {
		for _, f := range facts(st) {
			for _, lang := range []string{"sv", "nb", "da", "en"} {
				if f.Text == "" || plain.MatchString(f.Text) {
					continue
				}
				said, err := portal.FactIn(f, lang)
				if err != nil {
					t.Error(err)
				}
				if english := regexp.MustCompile(`\b(the|has|not|come|running|received|flags|indicators|edition)\b`).FindString(said); lang != "en" && english != "" && f.Name != "Awaited f" {
					t.Errorf("%s of %s: %q", lang, f.Name, said)
				}
			}
		}
	}
}
