package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/publication"

	natsd "larstrom/pipeline/embedded/nats"
	"larstrom/services/larstrom/app"
)

// TestReplayIntoEmptyStores: stores that were lost altogether come back from
// the log with equal fingerprints and equal published numbers.
func TestReplayIntoEmptyStores(t *testing.T) {
	catalog, drop, data := writeCatalog(t, ""), threeNights(t), t.TempDir()
	a, err := app.Open(t.Context(), config(data, catalog, drop, nil))
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	// A file that is rejected after the last publication is not in it.
	write(t, drop, "adm_2026-02-04.csv", "garbage\n")
	once(t, a)
	want := published(t, a)
	report, err := a.Replay(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if report.Before != report.After || !strings.Contains(report.After, "publication 3") {
		t.Errorf("replay: before %s, after %s", report.Before, report.After)
	}
	if got := published(t, a); got != want {
		t.Errorf("after a replay:\n%s", diff(want, got))
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, store := range []string{"warehouse", "released"} {
		if err := os.RemoveAll(filepath.Join(data, store)); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, data, "", "")
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := published(t, b); got != want {
		t.Errorf("after the stores were lost:\n%s", diff(want, got))
	}
	verified(t, b)
}

// TestPublicationWithListsInMeta: a log whose last publication has flags and
// lists in one set, as they were before lists had their own, gives the same views
// and can be made again.
func TestPublicationWithListsInMeta(t *testing.T) {
	a := open(t, t.TempDir(), writeCatalog(t, ""), threeNights(t))
	once(t, a)
	want := published(t, a)
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	flags, err := s.FlagsAt(s.Publication.Through)
	if err != nil {
		t.Fatal(err)
	}
	in := publication.MetaInput{Catalog: a.Catalog}
	for _, f := range flags {
		in.Flags = append(in.Flags, publication.Flag{FlagRaised: f.FlagRaised, Status: f.Status, RaisedAt: f.RaisedAt, SLA: f.SLA})
	}
	for _, d := range s.Deliveries() {
		in.Deliveries = append(in.Deliveries, publication.Delivery{Received: d.DeliveryReceived, ReceivedAt: d.ReceivedAt, Accepted: d.Accepted, Rejected: d.Rejected})
	}
	old := *s.Publication
	if apart, lists := publication.MetaApart(in); old.Meta != apart.ID || old.Lists != lists.ID {
		t.Fatalf("publication %d has flags %s and lists %s, computed are %s and %s", old.Publication, old.Meta, old.Lists, apart.ID, lists.ID)
	}
	old.Publication, old.Meta, old.Lists = old.Publication+1, publication.Meta(in).ID, ""
	e, err := event.New(event.RunSubject("testland"), "old", old, s.PublishedAt)
	if err != nil {
		t.Fatal(err)
	}
	log, _ := a.Parts()
	if _, err := log.AppendEvent(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Replay(t.Context(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if got := published(t, a); got != want {
		t.Errorf("with the lists in meta:\n%s", diff(want, got))
	}
	if p := verified(t, a); len(p) != 0 {
		t.Errorf("verify: %v", p)
	}
	got := sql(t, a, "released", "SELECT (SELECT count() FROM unit), (SELECT count() FROM delivery), (SELECT max(publication) FROM run)")
	if got, want := strings.TrimSpace(got), fmt.Sprintf("%d\t%d\t%d", len(a.Catalog.Units), len(in.Deliveries), old.Publication); got != want {
		t.Errorf("units, deliveries and publication are %q, not %q", got, want)
	}
}

func verified(t *testing.T, a *app.App) []string {
	t.Helper()
	report, err := a.Verify(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return report.Problems
}

// TestVerifyFinds damages one thing at a time and asserts that verify names it.
func TestVerifyFinds(t *testing.T) {
	catalog, drop, data := writeCatalog(t, ""), threeNights(t), t.TempDir()
	a, err := app.Open(t.Context(), config(data, catalog, drop, nil))
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	if p := verified(t, a); len(p) != 0 {
		t.Fatalf("a clean run has problems: %v", p)
	}
	expect := func(what string, a *app.App, words ...string) {
		t.Helper()
		problems := strings.Join(verified(t, a), "\n")
		for _, w := range words {
			if !strings.Contains(problems, w) {
				t.Errorf("%s: verify does not say %q, but: %s", what, w, problems)
			}
		}
	}
	s, err := a.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := s.Deliveries()[0]
	alter := func(store int, statement string) {
		t.Helper()
		conn, err := a.Engines()[store].Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(t.Context(), statement+" SETTINGS mutations_sync = 2"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	alter(0, "ALTER TABLE obs UPDATE numerator = numerator + 1000000 WHERE delivery = '"+first.Delivery+"' AND line = 7")
	expect("a row of obs", a, "warehouse: the rows of delivery "+first.Delivery)
	alter(0, "ALTER TABLE cell UPDATE denominator = denominator + 1 WHERE indicator = 'cas_ok' AND unit = 'unit-a1' AND period_start = '2025-01-01'")
	expect("a row of cell", a, "warehouse: cells of cas_ok")
	alter(1, "ALTER TABLE result_chart UPDATE centre = centre + 0.001 WHERE indicator = 'adm_late' AND unit = 'unit-b2' AND period_start = '2025-06-01'")
	expect("a row of the released store", a, "released: the result set of adm_late")
	alter(1, "ALTER TABLE result_unit UPDATE name = 'another' WHERE unit = 'unit-b2'")
	expect("the name of a unit", a, "released: the result set of lists")
	if _, err := a.Replay(t.Context(), func(string) {}); err != nil {
		t.Fatal(err)
	}
	if p := verified(t, a); len(p) != 0 {
		t.Errorf("replay does not mend the stores: %v", p)
	}
	raw := filepath.Join(data, "raw", first.Raw[:2], first.Raw+".age")
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(raw, b, 0o600); err != nil {
		t.Fatal(err)
	}
	expect("a flipped byte of a raw file", a, "raw file of delivery "+first.Delivery)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// A block that is gone from the log.
	client, err := natsd.Start(natsd.Config{StoreDir: filepath.Join(data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	log, err := eventlog.Open(t.Context(), client.JetStream(), eventlog.Config{Replicas: client.Replicas()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.EraseSubject(t.Context(), eventlog.OBS, event.ObsSubject("testland", first.Registry, first.Delivery)); err != nil {
		t.Fatal(err)
	}
	client.Shutdown()
	a, err = app.Open(t.Context(), config(data, catalog, "", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	expect("a missing block", a, "OBS: delivery "+first.Delivery, "raw file of delivery")
}

// TestQueriesReadTablesOnly: what a person asks of a store can neither write
// nor reach files or the network.
func TestQueriesReadTablesOnly(t *testing.T) {
	a := open(t, t.TempDir(), writeCatalog(t, ""), "")
	outside := filepath.Join(t.TempDir(), "out.csv")
	for _, query := range []string{
		"INSERT INTO FUNCTION file('" + outside + "', 'CSV', 'a String') VALUES ('x')",
		"SELECT * FROM file('/etc/hostname', 'LineAsString')",
		"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
		"SELECT 1 INTO OUTFILE '" + outside + "'",
		"TRUNCATE TABLE pointer", "DROP TABLE pointer", "SET readonly = 0",
		"INSERT INTO pointer (publication) VALUES (1)",
	} {
		for _, store := range []string{"released", "warehouse"} {
			if err := a.SQL(t.Context(), store, "TabSeparated", query, &strings.Builder{}); err == nil {
				t.Errorf("%s takes %q", store, query)
			}
		}
	}
	if _, err := os.Stat(outside); err == nil {
		t.Error("a query wrote a file")
	}
}
