package validator

import (
	"slices"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/run"
)

// came is a version of a cell, with the check that holds it; empty: nothing does.
type came struct {
	volume int64
	held   string
}

// lost takes a cell through its nights and says whether the last one has lost
// records (K09) and whether a closed period was restated (K11), then and asked again
// in the night after.
func lost(t *testing.T, nights ...came) (k09, k11, again bool) {
	t.Helper()
	k := cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: catalog.NewDate(2025, 1, 1).Days()}
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Registries: []catalog.Registry{{Code: "reg", Country: "SE"}}, Units: []catalog.Unit{{ID: "u"}},
		Feeds:      []catalog.Feed{{ID: "f", Registry: "reg", Tolerance: 0.01}},
		Indicators: []catalog.Indicator{{ID: "i", Registry: "reg", Type: catalog.Rate, Period: catalog.Month, Versions: []catalog.Version{{ID: "1"}}}}}
	s := &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}
	g := gate.New("nord", "i")
	apply := func(b event.Body) {
		t.Helper()
		e, err := event.New(event.GateSubject("nord", "i"), "c", b, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	var versions []cell.Version
	add := func(rev uint64, volume int64) cell.Version {
		content := cell.Content{Rows: 1, Denominator: cell.FixedOf(volume * cell.Micro)}
		v := cell.Version{Key: k, Content: content, Fingerprint: cell.FingerprintOf(k, content, false), Rev: rev}
		versions = append(versions, v)
		return v
	}
	take := func(rev uint64, v cell.Version, held string) {
		if err := g.Cells([]gate.Version{{Key: v.Key, Fingerprint: v.Fingerprint, Rev: rev}}); err != nil {
			t.Fatal(err)
		}
		if held != "" {
			apply(event.FlagRaised{Flag: held + time.Unix(int64(rev), 0).String(), Check: held, Severity: event.Hold, Indicator: "i", Unit: "u", Period: catalog.DateOfDays(k.PeriodStart),
				Run: "r", Rev: rev, Guards: []event.Guard{event.GuardOf(k, v.Fingerprint)}, AsOf: catalog.NewDate(2026, 1, 1)})
		}
		for _, r := range g.Resolutions("r", rev) {
			apply(r)
		}
		apply(g.Release("r", rev, 1, rev))
	}
	night := func(before, rev uint64) *night {
		n := &night{run: &run.Run{RunOpened: event.RunOpened{Run: "now", AsOf: catalog.NewDate(2026, 1, 1)}}, rev: rev, before: before,
			feeds: map[string]bool{"f": true}, seen: map[string][]quality.Seen{}}
		for r := range rev {
			n.seen["f"] = append(n.seen["f"], quality.Seen{AsOf: catalog.NewDate(2025, 12, 1).AddDays(int(r)), Rev: r + 1})
		}
		return n
	}
	for i, v := range nights[:len(nights)-1] {
		take(uint64(i+1), add(uint64(i+1), v.volume), v.held)
	}
	last := uint64(len(nights))
	v := add(last, nights[last-1].volume)
	table, err := cell.TableOf("nord", "i", versions)
	if err != nil {
		t.Fatal(err)
	}
	m := &matter{indicator: &c.Indicators[0], feeds: []*catalog.Feed{&c.Feeds[0]}, cells: table, gate: g}
	s.lay(night(last-1, last), m, g, catalog.NewDate(2026, 1, 1))
	found := func(check string) bool {
		return slices.ContainsFunc(quality.Evaluate(m.input, quality.Catalogue()), func(f quality.Finding) bool { return f.Check == check && f.Status == quality.Flagged })
	}
	k09, k11 = found("K09"), found("K11")
	take(last, v, "K09")
	of := s.rejudged(m, night(last, last+1), g)
	for f := range g.Flags {
		if f.Rev == last && f.Status == gate.Open {
			again = !of(f)
		}
	}
	return k09, k11, again
}

// What puts a fault right that nobody was shown is no loss; a loss from what was
// shown is one, whatever was held between.
func TestWhatACellIsComparedWith(t *testing.T) {
	for name, c := range map[string]struct {
		nights   []came
		k09, k11 bool
	}{
		"a loss":                                   {[]came{{300, ""}, {200, ""}}, true, true},
		"a gain":                                   {[]came{{300, ""}, {301, ""}}, false, false},
		"a spike that was never shown":             {[]came{{346, "T02"}, {123, ""}}, false, false},
		"one that lasted two nights":               {[]came{{346, "T02"}, {350, "T02"}, {123, ""}}, false, false},
		"a spike on what was shown, and back":      {[]came{{123, ""}, {346, "T02"}, {123, ""}}, false, false},
		"less than was shown, behind a spike":      {[]came{{300, ""}, {900, "T02"}, {200, ""}}, true, true},
		"too few, and as few again":                {[]came{{300, ""}, {200, "K09"}, {199, ""}}, true, true},
		"less each time":                           {[]came{{300, ""}, {290, "K11"}, {280, "K11"}, {270, ""}}, true, true},
		"a spike that was shown":                   {[]came{{346, ""}, {123, ""}}, true, true},
		"too few that were never shown, and right": {[]came{{20, "T02"}, {300, ""}}, false, false},
	} {
		k09, k11, again := lost(t, c.nights...)
		if k09 != c.k09 || k11 != c.k11 {
			t.Errorf("%s: K09 %v, K11 %v", name, k09, k11)
		}
		if k09 && !again {
			t.Errorf("%s: the night after, K09 does not find it any more", name)
		}
	}
}
