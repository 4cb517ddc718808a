package validator

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
)

// Revisions become the new content of every version that the flag guards, or
// are refused with what is missing.
func TestRevisions(t *testing.T) {
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{{ID: "i", Registry: "reg", Type: catalog.Proportion, Subset: true}}}
	s := &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}
	day := catalog.NewDate(2026, 1, 1)
	var versions []cell.Version
	var seen []gate.Version
	var guards []event.Guard
	for m := range 2 {
		k := cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: day.AddMonths(m).Days()}
		content := cell.Content{Rows: 5, Numerator: cell.FixedOf(int64(2+m) * cell.Micro), Denominator: cell.FixedOf(9 * cell.Micro), Duplicates: 4}
		v := cell.Version{Key: k, Content: content, Fingerprint: cell.FingerprintOf(k, content, false), Rev: 1}
		versions, guards = append(versions, v), append(guards, event.GuardOf(k, v.Fingerprint))
		seen = append(seen, gate.Version{Key: k, Fingerprint: v.Fingerprint, Rev: 1})
	}
	table, err := cell.TableOf("nord", "i", versions)
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New("nord", "i")
	if err := g.Cells(seen); err != nil {
		t.Fatal(err)
	}
	e, err := event.New(event.GateSubject("nord", "i"), "c", event.FlagRaised{Flag: "f", Check: "K09", CheckVersion: 1, Severity: event.Hold, Indicator: "i",
		Unit: "u", Rev: 1, Guards: guards, AsOf: day}, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Apply(e); err != nil {
		t.Fatal(err)
	}
	f, _ := g.Flag("f")
	n := func(v float64) *float64 { return &v }
	rows, two, other := int64(6), int64(2), "female"
	for name, r := range map[string]struct {
		revisions []Revision
		want      string // numerators and denominators; empty: refused
	}{
		"one for all":         {[]Revision{{Numerator: n(7)}}, "7/9 7/9"},
		"one for each":        {[]Revision{{Period: day, Numerator: n(1)}, {Period: day.AddMonths(1), Denominator: n(3.5)}}, "1/9 3/3.5"},
		"rows":                {[]Revision{{Unit: "u", Version: "1", Rows: &rows}}, "2/9 3/9"},
		"none":                {nil, ""},
		"one is missing":      {[]Revision{{Period: day, Numerator: n(1)}}, ""},
		"two for one":         {[]Revision{{Numerator: n(1)}, {Period: day, Numerator: n(1)}}, ""},
		"one for no cell":     {[]Revision{{Numerator: n(1)}, {Unit: "v", Numerator: n(1)}}, ""},
		"another stratum":     {[]Revision{{Stratum: &other, Numerator: n(1)}}, ""},
		"events of nobody":    {[]Revision{{Denominator: n(0)}}, ""},
		"nobody and no event": {[]Revision{{Denominator: n(0), Numerator: n(0)}}, "0/0 0/0"},
		"a negative count":    {[]Revision{{Numerator: n(-1)}}, ""},
		"sums without values": {[]Revision{{Values: n(3)}}, ""},
		"squares too small":   {[]Revision{{ValueCount: &two, Values: n(10), ValueSquares: n(49)}}, ""},
		"squares that fit":    {[]Revision{{ValueCount: &two, Values: n(10), ValueSquares: n(50)}}, "2/9 3/9"},
		"above the whole":     {[]Revision{{Numerator: n(10)}}, ""},
		"no number":           {[]Revision{{Numerator: n(math.NaN())}}, ""},
		"more than a cell is": {[]Revision{{Denominator: n(1e12)}}, ""},
	} {
		got, err := s.corrections(g, f, table, r.revisions, day)
		if r.want == "" {
			if !errors.Is(err, gate.ErrCorrections) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
			continue
		}
		if err != nil || len(got) != 2 {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		text := ""
		for i, c := range got {
			text += fmt.Sprintf(" %g/%g", c.New.Numerator.Float(cell.Micro), c.New.Denominator.Float(cell.Micro))
			if c.Old != event.ContentOf(versions[i].Content) || c.New.Cell().Duplicates != 0 {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if text[1:] != r.want {
			t.Errorf("%s: %s, want %s", name, text[1:], r.want)
		}
	}
}

// The same commands have one batch id, others another.
func TestBatch(t *testing.T) {
	day := catalog.NewDate(2026, 1, 1)
	orders := func(flags ...string) (all []Order) {
		for _, f := range flags {
			all = append(all, Order{Command: gate.Command{Flag: f, Kind: event.Accept}})
		}
		return all
	}
	a, b := orders("f1", "f2"), orders("f1", "f3")
	if Batch("p", orders("f1", "f2"), day) != Batch("p", a, day) {
		t.Error("one batch has two ids")
	}
	seen := map[string]bool{}
	for _, id := range []string{Batch("p", a, day), Batch("q", a, day), Batch("p", b, day), Batch("p", a, day.AddDays(1))} {
		if seen[id] {
			t.Error("two batches have one id")
		}
		seen[id] = true
	}
}

// A correction that stands is judged in every run by the rules that hold then.
func TestCorrectionsAreCheckedAgain(t *testing.T) {
	ind := catalog.Indicator{ID: "i", Registry: "reg", Type: catalog.Proportion}
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{ind}}
	s := &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}
	day := catalog.NewDate(2026, 1, 1)
	k := cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: day.Days()}
	old := cell.Content{Rows: 5, Numerator: cell.FixedOf(2 * cell.Micro), Denominator: cell.FixedOf(9 * cell.Micro)}
	v := gate.Version{Key: k, Fingerprint: cell.FingerprintOf(k, old, false), Rev: 1}
	p := event.Correction{Cell: event.GuardOf(k, v.Fingerprint), Old: event.ContentOf(old), New: event.ContentOf(old)}
	p.New.Numerator = cell.FixedOf(12 * cell.Micro) // allowed where the numerator is no part of the denominator
	if err := s.lawful(&ind, []event.Correction{p}, day); err != nil {
		t.Fatal(err)
	}
	var events []event.Event
	for i, b := range []event.Body{
		event.FlagRaised{Flag: "f", Check: "K09", CheckVersion: 1, Severity: event.Hold, Indicator: "i", Unit: "u", Rev: 1, Guards: []event.Guard{p.Cell}, AsOf: day},
		event.DecisionProposed{Decision: "d", Flag: "f", Kind: event.Correct, By: "p", On: day, Corrections: []event.Correction{p}},
		event.DecisionConfirmed{Decision: "d", Flag: "f", By: "q", On: day},
	} {
		e, err := event.New(event.GateSubject("nord", "i"), "c", b, time.Unix(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = uint64(i + 1)
		events = append(events, e)
	}
	g, err := gate.Fold("nord", "i", []gate.Version{v}, events)
	if err != nil {
		t.Fatal(err)
	}
	m := &matter{indicator: &ind, gate: g, input: quality.Input{Region: "nord", Indicator: ind, AsOf: day, Tolerance: 1}}
	if found := s.recheck(m); len(found) != 0 {
		t.Errorf("lawful, and found: %+v", found)
	}
	m.input.Indicator.Subset = true
	found := s.recheck(m)
	if len(found) != 1 || found[0].Check != "C11" || len(found[0].Guards) != 1 || found[0].Guards[0].Fingerprint != gate.ShownAs(p, "nord", "i") {
		t.Fatalf("above the denominator that it is part of now: %+v", found)
	}
	flag, verdict := g.Admit(quality.ToFlag(found[0], quality.Origin{Run: "r", Rev: 1, AsOf: day}), day)
	if verdict != gate.Raise {
		t.Fatalf("verdict %d", verdict)
	}
	e, err := event.New(event.GateSubject("nord", "i"), "r", flag, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Apply(e); err != nil {
		t.Fatal(err)
	}
	if r := g.Resolutions("r", 1); len(r) != 0 || g.View(k).State != gate.HeldEmpty {
		t.Errorf("resolved %+v, shown %+v", r, g.View(k))
	}
}

// A flag that nothing has answered is judged anew in every run: it passes when
// its check, as it is now, has nothing against what it guards.
func TestFlagsAreJudgedAnew(t *testing.T) {
	ind := catalog.Indicator{ID: "i", Registry: "reg", Type: catalog.Proportion}
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{ind}}
	s := &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}
	day := catalog.NewDate(2026, 1, 1)
	k := cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: day.Days()}
	version := func(rev uint64, denominator, rejected int64) cell.Version {
		content := cell.Content{Rows: 95, Denominator: cell.FixedOf(denominator * cell.Micro), Rejected: rejected}
		return cell.Version{Key: k, Content: content, Fingerprint: cell.FingerprintOf(k, content, false), Rev: rev}
	}
	versions := []cell.Version{version(1, 100, 0), version(2, 60, 5)}
	cells, err := cell.TableOf("nord", "i", versions)
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New("nord", "i")
	if err := g.Cells([]gate.Version{{Key: k, Fingerprint: versions[0].Fingerprint, Rev: 1}}); err != nil {
		t.Fatal(err)
	}
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
	apply(g.Release("r1", 1, 1, 1))
	if err := g.Cells([]gate.Version{{Key: k, Fingerprint: versions[1].Fingerprint, Rev: 2}}); err != nil {
		t.Fatal(err)
	}
	guards := []event.Guard{event.GuardOf(k, versions[1].Fingerprint)}
	for _, check := range []string{"C06", "K09", "T02", "K01"} {
		apply(event.FlagRaised{Flag: check, Check: check, CheckVersion: 1, Severity: event.Hold, Indicator: "i", Unit: "u", Rev: 2, Run: "r2", Guards: guards, AsOf: day})
	}
	apply(g.Release("r2", 2, 1, 2))
	m := &matter{indicator: &ind, gate: g, cells: cells, input: quality.Input{Region: "nord", Indicator: ind, AsOf: day, Tolerance: 0.01}}
	passes := func(before uint64) string {
		t.Helper()
		out := ""
		for _, p := range g.Cleared("r3", 3, day, s.rejudged(m, &night{before: before}, g)) {
			out += p.Flag + " "
		}
		return out
	}
	if got := passes(2); got != "" {
		t.Errorf("nothing has changed, and it passes: %s", got)
	}
	m.input.Tolerance = 0.1 // the feed now tolerates it
	if got := passes(2); got != "C06 " {
		t.Errorf("passes %q", got)
	}
	if got := passes(1); got != "" {
		t.Errorf("judged in this run as what came, and again: %s", got)
	}
	fraction := 0.5 // of records that may be lost
	m.input.Indicator.Checks = map[string]catalog.CheckParams{"K09": {Fraction: &fraction}}
	if got := passes(2); got != "C06 K09 " {
		t.Errorf("passes %q", got)
	}
}
