package validator

import (
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/quality"
	"larstrom/pipeline/quality/surveil"
	"larstrom/pipeline/run"
)

// month is one cell of a month that every night adds to, and its gate.
type month struct {
	t        *testing.T
	s        *Service
	versions []cell.Version
	gate     *gate.State
	day      catalog.Date
	nights   int
	brought  []int32 // what the panel says of each night
}

func (m *month) key() cell.Key {
	return cell.Key{Region: "nord", Registry: "reg", Indicator: "i", Version: "1", Granularity: "month", Unit: "u", PeriodStart: m.day.Days()}
}

func (m *month) apply(b event.Body) {
	m.t.Helper()
	e, err := event.New(event.GateSubject("nord", "i"), "c", b, time.Unix(0, 0))
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.gate.Apply(e); err != nil {
		m.t.Fatal(err)
	}
}

// night takes one run as Service.checkIndicator does: what was found, what was
// not looked at, and what came. It says which flags are open then.
func (m *month) night(check string, found, looked, came bool) string {
	m.t.Helper()
	m.nights++
	if len(m.brought) < m.nights {
		m.brought = append(m.brought, 40)
	}
	rev := uint64(m.nights)
	if came {
		content := cell.Content{Rows: 40 * int64(rev), Denominator: cell.FixedOf(40 * int64(rev) * cell.Micro)}
		v := cell.Version{Key: m.key(), Content: content, Fingerprint: cell.FingerprintOf(m.key(), content, false), Rev: rev}
		m.versions = append(m.versions, v)
		if err := m.gate.Cells([]gate.Version{{Key: v.Key, Fingerprint: v.Fingerprint, Rev: rev}}); err != nil {
			m.t.Fatal(err)
		}
	}
	cells, err := cell.TableOf("nord", "i", m.versions)
	if err != nil {
		m.t.Fatal(err)
	}
	newest := event.GuardOf(m.key(), m.versions[len(m.versions)-1].Fingerprint)
	o := quality.Origin{Run: string(rune('a' + m.nights)), Rev: rev, AsOf: m.day.AddDays(m.nights), Catalog: "h"}
	of := &matter{cells: cells, gate: m.gate, feeds: []*catalog.Feed{{}}}
	if looked {
		panel := surveil.Panel{First: m.day.Days() + 1, Nights: m.nights, Units: []string{"u"}, Indicators: []string{"i"}, Unit: []int32{0}, Indicator: []int32{0}}
		panel.Volume = m.brought[:m.nights]
		of.judged = quality.EvaluateNight(quality.Night{Region: "nord", AsOf: o.AsOf, Panel: &panel,
			Inputs: []quality.Input{{Region: "nord", Indicator: catalog.Indicator{ID: "i"}}}}, nil).Judged
	}
	if found {
		f := quality.Finding{Check: check, CheckVersion: 1, Severity: event.Hold, Status: quality.Flagged, Indicator: "i", Unit: "u",
			Observed: 90, Low: 80, High: 100, Guards: []event.Guard{newest}, Instances: 1}
		of.found = append(of.found, f)
	}
	n := &night{run: &run.Run{RunOpened: event.RunOpened{Run: o.Run}}, before: rev - 1, rev: rev}
	for _, f := range of.found {
		if flag, verdict := m.gate.Admit(quality.ToFlag(f, o), o.AsOf); verdict != gate.Known {
			m.apply(flag)
		}
	}
	for _, f := range m.s.carried(of, n, o) {
		if flag, verdict := m.gate.Admit(f, o.AsOf); verdict != gate.Known {
			m.apply(flag)
		}
	}
	for _, p := range m.gate.Cleared(o.Run, rev, o.AsOf, m.s.rejudged(of, n, m.gate)) {
		m.apply(p)
	}
	for _, r := range m.gate.Resolutions(o.Run, rev) {
		m.apply(r)
	}
	m.apply(m.gate.Release(o.Run, rev, 1, rev))
	shown := m.gate.View(m.key()).State == gate.Released
	open := 0
	for f := range m.gate.Flags {
		if f.Status == gate.Open {
			open++
		}
	}
	switch {
	case open == 0 && shown:
		return "shown"
	case open == 1 && !shown:
		return "held"
	case open == 0:
		return "withheld"
	}
	return "neither"
}

// What a night was asked about stays a question when the next night adds to the
// cell, until the check has looked and found nothing in two runs; nights on which
// it did not look do not count, and a new finding begins anew.
func TestANightsQuestionOutlivesItsVersion(t *testing.T) {
	type nights []struct {
		found, looked, came bool
		want                string
	}
	const yes, no = true, false
	for name, all := range map[string]struct {
		check   string
		nights  nights
		brought []int32
	}{
		"two clean nights":      {"T07", nights{{no, yes, yes, "shown"}, {yes, yes, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "shown"}}, nil},
		"nights without a look": {"T07", nights{{yes, yes, yes, "held"}, {no, no, yes, "held"}, {no, no, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "shown"}}, nil},
		"found again":           {"T07", nights{{yes, yes, yes, "held"}, {no, yes, yes, "held"}, {yes, yes, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "shown"}}, nil},
		"nothing comes":         {"T07", nights{{yes, yes, yes, "held"}, {no, yes, no, "held"}, {no, yes, no, "shown"}}, nil},
		"nothing comes once":    {"T07", nights{{yes, yes, yes, "held"}, {no, yes, no, "held"}, {no, yes, yes, "shown"}}, nil},
		"a check of cells":      {"C09", nights{{yes, yes, yes, "held"}, {no, yes, yes, "shown"}}, nil},
		"a moved code stays":    {"X06", nights{{yes, yes, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "held"}}, nil},
		"a moved code is back":  {"X06", nights{{yes, yes, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "held"}, {no, yes, yes, "shown"}}, []int32{0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{{ID: "i", Registry: "reg", Type: catalog.Proportion}}}
			m := &month{t: t, s: &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}, gate: gate.New("nord", "i"), day: catalog.NewDate(2026, 1, 1), brought: all.brought}
			for i, n := range all.nights {
				if got := m.night(all.check, n.found, n.looked, n.came); got != n.want {
					t.Fatalf("night %d: %s, want %s", i+1, got, n.want)
				}
			}
		})
	}
}

// What a person has rejected does not come back with the next night's records, and
// nobody is asked about it again, until its source has taken something of it back.
func TestRejectedNightsStayOut(t *testing.T) {
	c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{{ID: "i", Registry: "reg", Type: catalog.Proportion}}}
	m := &month{t: t, s: &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}, gate: gate.New("nord", "i"), day: catalog.NewDate(2026, 1, 1),
		brought: []int32{40, 40, 40, 40, surveil.Unknown, 40}}
	if got := m.night("T07", true, true, true); got != "held" {
		t.Fatal(got)
	}
	reject := func() {
		t.Helper()
		for f := range m.gate.Flags {
			if f.Status == gate.Open {
				m.apply(event.DecisionMade{Decision: "d" + f.Flag, Flag: f.Flag, Kind: event.RejectIt, By: "p", Cause: gate.ExportError, On: m.day})
			}
		}
	}
	for range 3 {
		reject()
		if got := m.night("T07", false, true, true); got != "withheld" {
			t.Fatalf("what was rejected is %s", got)
		}
	}
	reject()
	for range 2 {
		if got := m.night("T07", false, true, true); got != "shown" {
			t.Fatalf("what the source has corrected is %s", got)
		}
	}
}

// A flag that guards nothing, because nothing came, closes when what it missed
// comes in two runs.
func TestAFlagWithoutVersionsCloses(t *testing.T) {
	for _, check := range []string{"K01", "T08"} {
		c := &catalog.Catalog{Region: catalog.Region{Code: "nord"}, Indicators: []catalog.Indicator{{ID: "i", Registry: "reg", Type: catalog.Proportion}}}
		m := &month{t: t, s: &Service{cfg: Config{Catalog: c, Checks: quality.Catalogue()}, index: c.Index()}, gate: gate.New("nord", "i"), day: catalog.NewDate(2026, 1, 1)}
		if got := m.night(check, false, true, true); got != "shown" {
			t.Fatal(got)
		}
		m.apply(event.FlagRaised{Flag: "f", Check: check, CheckVersion: 1, Severity: event.Hold, Indicator: "i", Unit: "u", Period: m.day, Run: "r0", Rev: 1, AsOf: m.day})
		status := func() gate.Status {
			f, _ := m.gate.Flag("f")
			return f.Status
		}
		m.night(check, false, false, false)
		m.night(check, false, true, true)
		if status() != gate.Open {
			t.Errorf("%s closes after one run", check)
		}
		m.night(check, false, true, true)
		if status() != gate.Resolved {
			t.Errorf("%s stays open", check)
		}
	}
}
