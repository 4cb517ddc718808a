package portal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/run"
	"larstrom/pipeline/spc"
	"larstrom/pipeline/warehouse"
	"larstrom/services/portal"
)

// naughty is a name that is markup, script and template wherever it is not
// escaped.
const naughty = `Å <b>"&'</b><script>alert(1)</script> {{.}} ${x}`

// The region of the tests: two units and one with a naughty name, 30 months,
// newest March 2026.
func region() *catalog.Catalog {
	en := func(s string) catalog.Text { return catalog.Text{"en": s} }
	return &catalog.Catalog{
		Region:     catalog.Region{Code: "nord", Name: en("Nordland <i>"), TimeZone: "Europe/Stockholm"},
		Registries: []catalog.Registry{{Code: "reg", Name: en("Registry"), Country: "SE"}},
		Indicators: []catalog.Indicator{
			{ID: "care", Registry: "reg", Name: en("Care <in> time & place"), Spec: "Spec <1>", Type: catalog.Proportion, Subset: true, Class: "process",
				Direction: "up", Measurement: "event", Period: catalog.Month, Multiplier: 100, MaturityLagDays: 20,
				Targets: []catalog.Target{{Value: 0.8}}, References: []catalog.Reference{{Value: 0.7, Level: "nation", Source: "Report 2025"}},
				Versions: []catalog.Version{{ID: "1", To: month(12)}, {ID: "2", From: month(12)}}},
			{ID: "visits", Registry: "reg", Name: en("Visits"), Type: catalog.Count, Class: "structure", Direction: "none", Measurement: "event",
				Period: catalog.Month, Multiplier: 1, Versions: []catalog.Version{{ID: "1"}}},
		},
		Units: []catalog.Unit{
			{ID: "area", Name: en("The area"), Kind: "area"},
			{ID: "b", Name: en("Zeta centre"), Kind: "health_centre", Parents: []catalog.Parent{{Unit: "area"}}},
			{ID: "c", Name: en("alpha centre"), Kind: "health_centre", Parents: []catalog.Parent{{Unit: "area"}}},
			{ID: "n", Name: en(naughty), Kind: "health_centre", To: month(60), Successors: []catalog.Successor{{Unit: "b", From: month(60), Policy: "break", AsOf: "period"}}},
		},
		Feeds: []catalog.Feed{
			{ID: "daily", Registry: "reg", Delivery: "snapshot", Schedule: catalog.Schedule{Every: "day", By: "05:00"}},
			{ID: "weekly", Registry: "reg", Delivery: "snapshot", Measures: []catalog.Measure{{Indicator: "visits"}}, Schedule: catalog.Schedule{Every: "week"}},
			{ID: "sometimes", Registry: "reg", Delivery: "snapshot", Measures: []catalog.Measure{{Indicator: "visits"}}},
		},
	}
}

// month is the first of a month, counted from October 2023.
func month(n int) catalog.Date { return catalog.NewDate(2023, 10, 1).AddMonths(n) }

// tonight is the newest as-of date of the fixture.
var tonight = catalog.NewDate(2026, 4, 10)

func counts(indicator, version, unit, stratum string, at catalog.Date, num, den float64) publication.Cell {
	micro := func(v float64) cell.Fixed { return cell.FixedOf(int64(math.Round(v * cell.Micro))) }
	c := publication.Cell{State: spc.StateValue, Key: cell.Key{Region: "nord", Registry: "reg", Indicator: indicator, Version: version,
		Granularity: "month", Unit: unit, Stratum: stratum, PeriodStart: at.Days()},
		Content: cell.Content{Rows: 10, Numerator: micro(num), Denominator: micro(den)}}
	c.Fingerprint = cell.FingerprintOf(c.Key, c.Content, false)
	return c
}

func in(state spc.State, c publication.Cell) publication.Cell { c.State = state; return c }

// releasedCells are those of an indicator. Unit b has every state in version 2;
// unit c a point outside the limits, and strata.
func releasedCells(indicator string) []publication.Cell {
	var out []publication.Cell
	if indicator == "visits" {
		for i := range 30 {
			out = append(out, counts("visits", "1", "b", "", month(i), float64(100+i%3), 0))
		}
		return out
	}
	for i := range 12 {
		out = append(out, counts("care", "1", "b", "", month(i), float64(40+i%4), 60))
	}
	for i := 12; i < 30; i++ {
		b := counts("care", "2", "b", "", month(i), float64(45+i%3), 60)
		switch i {
		case 21:
			b.State = spc.StateHeldPrevious
		case 22:
			b.State = spc.StateHeldEmpty
		case 23:
			b.State = spc.StateSuppressed
		case 24:
			continue // never delivered
		case 25:
			b = counts("care", "2", "b", "", month(i), 0, 0)
		case 26:
			b.State = spc.StateNotApplicable
		case 27:
			b = in(spc.StateHeldPrevious, counts("care", "2", "b", "", month(i), 0, 0))
		}
		out = append(out, b)
		num := float64(90 + i%3)
		if i == 28 {
			num = 20
		}
		out = append(out, counts("care", "2", "c", "", month(i), num, 120), counts("care", "2", "c", naughty, month(i), num/2, 60),
			counts("care", "2", "n", "", month(i), 30, 60))
	}
	return out
}

// publish writes the region's sets and moves the pointer to them.
func publish(t testing.TB, conn driver.Conn, number uint64, flags []publication.Flag, deliveries []publication.Delivery) {
	t.Helper()
	publishOf(t, conn, number, region(), releasedCells, flags, deliveries)
}

// publishOf does so for any region.
func publishOf(t testing.TB, conn driver.Conn, number uint64, c *catalog.Catalog, cells func(indicator string) []publication.Cell, flags []publication.Flag, deliveries []publication.Delivery) {
	t.Helper()
	ctx := context.Background()
	w := warehouse.NewReleased(conn)
	var named []warehouse.Named
	var ids []string
	for i := range c.Indicators {
		s, err := publication.Build(publication.Input{Region: "nord", Index: c.Index(), Indicator: &c.Indicators[i],
			Cells: cells(c.Indicators[i].ID), Reach: tonight})
		if err != nil {
			t.Fatal(err)
		}
		named, ids = append(named, warehouse.Named{Of: c.Indicators[i].ID, Set: s}), append(ids, s.ID)
	}
	meta := publication.Meta(publication.MetaInput{Catalog: c, Flags: flags, Deliveries: deliveries})
	if err := errors.Join(w.WriteSets(ctx, named), w.WriteSets(ctx, []warehouse.Named{{Of: "meta", Set: meta}}),
		w.MovePointer(ctx, warehouse.Pointer{Publication: number, Run: "r2", AsOf: tonight, Catalog: "cat",
			PublishedAt: time.Date(2026, 4, 10, 3, 30, 0, 0, time.UTC), Sets: ids, Meta: meta.ID})); err != nil {
		t.Fatal(err)
	}
}

// guard binds a flag to the version of a cell.
func guard(c publication.Cell) event.Guard { return event.GuardOf(c.Key, c.Fingerprint) }

// Flags of the fixture. The held one guards a later version of a cell that
// shows its earlier one.
func heldFlag() event.FlagRaised {
	later := counts("care", "2", "b", "", month(21), 10, 60)
	return event.FlagRaised{Flag: "K09-held", Check: "K09", CheckVersion: 1, Severity: event.Hold, Indicator: "care", Unit: "b", Period: month(21),
		Observed: 10, Expected: 46.5, Direction: "down", Low: 8, High: 12, Text: "Fewer <records> than before.", Run: "r2", Rev: 200001,
		Guards: []event.Guard{guard(later)}, AsOf: tonight}
}

func blockFlag() event.FlagRaised {
	return event.FlagRaised{Flag: "C11-block", Check: "C11", CheckVersion: 1, Severity: event.Block, Indicator: "care", Unit: "n",
		Observed: 61, Expected: 60, Direction: "up", Text: "The numerator 61.5 is above the denominator 60.", Run: "r2", Rev: 200001, AsOf: tonight,
		Guards: []event.Guard{guard(counts("care", "2", "n", "", month(29), 61, 60))}}
}

func noteFlag() event.FlagRaised {
	return event.FlagRaised{Flag: "T04-note", Check: "T04", CheckVersion: 1, Severity: event.Note, Indicator: "visits", Run: "r1", Rev: 100001,
		Text: "A remark.", AsOf: catalog.NewDate(2026, 4, 9)}
}

// diary is the LEDGER of the fixture. It is what portal.Ledger asks for.
type diary struct {
	mu    sync.Mutex
	state run.State
	seq   uint64
	err   error
}

func (d *diary) Read(_ context.Context, fn func(*run.State) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return d.err
	}
	return fn(&d.state)
}

func (d *diary) add(t testing.TB, subject string, at time.Time, bodies ...event.Body) {
	t.Helper()
	for _, b := range bodies {
		d.seq++
		e, err := event.New(subject, fmt.Sprint(d.seq), b, at)
		if err != nil {
			t.Fatal(err)
		}
		e.Sequence = d.seq
		if err := d.state.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
}

// received is when the night's files came.
var received = time.Date(2026, 4, 10, 2, 15, 0, 0, time.UTC)

// story is the LEDGER: two nights, of the newest a file with rejected lines, a
// refused one and one that is being read.
func story(t testing.TB) *diary {
	t.Helper()
	d := &diary{}
	deliver := func(id, feed, name string, asOf catalog.Date, at time.Time, a *event.DeliveryAccepted, r *event.DeliveryRejected) {
		d.add(t, event.DeliverySubject("nord", "reg", id), at, event.DeliveryReceived{Delivery: id, Raw: "raw" + id, Name: name, Feed: feed, Registry: "reg", AsOf: asOf, Reason: event.CauseNew})
		if a != nil {
			a.Delivery, a.Feed, a.Name, a.AsOf, a.Kind = id, feed, name, asOf, "snapshot"
			d.add(t, event.DeliverySubject("nord", "reg", id), at, *a)
		}
		if r != nil {
			r.Delivery, r.Feed, r.Name = id, feed, name
			d.add(t, event.DeliverySubject("nord", "reg", id), at, *r)
		}
	}
	before := received.AddDate(0, 0, -1)
	deliver("d1", "daily", "night one.csv", tonight.AddDays(-1), before, &event.DeliveryAccepted{Lines: 500, Observed: 500}, nil)
	deliver("d0", "weekly", "week.csv", tonight.AddDays(-8), before, &event.DeliveryAccepted{Lines: 7, Observed: 7}, nil)
	deliver("d2", "daily", `night <two> & "more".csv`, tonight, received, &event.DeliveryAccepted{Lines: 1234, Observed: 1200, Rejected: 30, Parked: 4,
		From: month(0), To: month(30), Rules: map[string]int64{"C06": 30, "C07": 4}}, nil)
	deliver("d3", "sometimes", "cut.csv", catalog.Date{}, received, nil, &event.DeliveryRejected{Problems: []event.Problem{
		{Line: 17, Column: "Datum", Rule: "C04", Text: "the <last> line has no end", Hint: "send it again"}}})
	deliver("d4", "sometimes", "coming.csv", tonight, received, nil, nil)
	runs := event.RunSubject("nord")
	d.add(t, runs, before, event.RunOpened{Run: "r1", Ordinal: 1, AsOf: tonight.AddDays(-1), Deliveries: []string{"d1"}}, event.RunChecked{Run: "r1"},
		event.RunPublished{Run: "r1", Publication: 1, AsOf: tonight.AddDays(-1)})
	gate := event.GateSubject("nord", "care")
	d.add(t, event.GateSubject("nord", "visits"), before, noteFlag())
	d.add(t, runs, received, event.RunOpened{Run: "r2", Ordinal: 2, AsOf: tonight, Deliveries: []string{"d2"}})
	d.add(t, gate, received, heldFlag(), blockFlag(),
		event.DecisionMade{Decision: "x1", Flag: "K09-held", Kind: event.Comment, By: "anna", Note: "I ask <the> source.", On: tonight},
		event.DecisionProposed{Decision: "x2", Flag: "C11-block", Kind: event.Waive, By: "bo", Cause: "coding_practice", Note: "so it is", On: tonight, Until: tonight.AddDays(30)})
	d.add(t, runs, received, event.RunChecked{Run: "r2"}, event.RunPublished{Run: "r2", Publication: 2, AsOf: tonight})
	return d
}

func publishedFlags() []publication.Flag {
	var out []publication.Flag
	for _, f := range []event.FlagRaised{heldFlag(), blockFlag(), noteFlag()} {
		out = append(out, publication.Flag{FlagRaised: f, Status: "open", RaisedAt: received})
	}
	closed := heldFlag()
	closed.Flag, closed.Text = "K09-closed", "A closed question."
	return append(out, publication.Flag{FlagRaised: closed, Status: "accepted", RaisedAt: received})
}

// released is the shared store with the fixture in it.
func released(t testing.TB) driver.Conn {
	t.Helper()
	shared.once.Do(func() {
		shared.conn = store(t, "shared")
		// The run of an earlier night, which notes were raised in.
		first := warehouse.Pointer{Publication: 1, Run: "r1", AsOf: tonight.AddDays(-1), PublishedAt: received.AddDate(0, 0, -1), Sets: []string{}}
		if err := warehouse.NewReleased(shared.conn).MovePointer(context.Background(), first); err != nil {
			t.Fatal(err)
		}
		publish(t, shared.conn, 2, publishedFlags(), nil)
	})
	if shared.conn == nil {
		t.Fatal("the shared store could not be made")
	}
	return shared.conn
}

// receipts by delivery.
type receipts map[string]intake.Receipt

func (r receipts) Receipt(_ context.Context, delivery string) (intake.Receipt, error) {
	if delivery == "d1" {
		return intake.Receipt{}, errors.New("secret path of the receipts")
	}
	rec, ok := r[delivery]
	if !ok {
		return rec, portal.ErrNoReceipt
	}
	return rec, nil
}

func kept() receipts {
	return receipts{"d2": {Format: 1, Status: intake.StatusAccepted, Delivery: "d2", File: `night <two> & "more".csv`, Raw: "rawd2", Lines: 1234, Accepted: 1200,
		Rejected: 30, Parked: 4, RejectedRows: "/secret/rejected.csv", Further: 12, Problems: []intake.ReceiptProblem{
			{Line: 3, Column: "Täljare", Value: "1x<", Rule: "C06", Text: "no number", Hint: "digits only"},
			{Line: 9, Column: "Enhet", Value: "9•••", Rule: "C07", Text: "unknown unit", Parked: true},
			{Line: 11, Column: "Datum", Value: "x", Rule: "C06", Text: "not a date in the declared form, or not in the calendar", Hint: "a date is written 2024-05-31, with or without a time after it"}}}}
}

// source is the status.
type source struct {
	summary portal.Summary
	err     error
}

func (s *source) Summary(context.Context) (portal.Summary, error) { return s.summary, s.err }

func status() *source {
	return &source{summary: portal.Summary{Region: "nord", Facts: []portal.Fact{{Name: "Held cells", Text: "4 & <script>"}}}}
}

// pages are those of the fixture; change may change them.
func pages(t testing.TB, change func(*portal.Config)) *portal.Portal {
	t.Helper()
	cfg := portal.Config{Source: status(), Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
		Pages: &portal.Pages{Released: released(t), Ledger: story(t), Catalog: region(), Receipts: kept(), Data: "my data",
			Clock: func() time.Time { return time.Date(2026, 4, 10, 9, 0, 0, 0, time.UTC) }}}
	if change != nil {
		change(&cfg)
	}
	p, err := portal.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get asks as a browser on this machine does.
func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
	r.Host = "127.0.0.1:8080"
	h.ServeHTTP(w, r)
	return w
}

// text is a page without markup, on one line.
func text(html string) string {
	var b strings.Builder
	in := false
	for _, r := range html {
		switch {
		case r == '<':
			in = true
			b.WriteByte(' ')
		case r == '>':
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
