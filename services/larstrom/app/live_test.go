package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
	"larstrom/services/larstrom/app"
)

// shown says that the publication of that number is shown and nothing is left
// to do.
func shown(publication int) func(*run.State) bool {
	return func(s *run.State) bool {
		return s.Publication != nil && s.Publication.Publication >= publication && s.Idle()
	}
}

// eventually waits until the LEDGER says what is awaited and the views show
// its last publication: the pointer moves last.
func eventually(t *testing.T, a *app.App, awaited func(*run.State) bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		s, err := a.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if awaited(s) && sql(t, a, "released", "SELECT max(publication) FROM run") == fmt.Sprintln(s.Publication.Publication) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("what is awaited did not come")
		}
	}
}

// drop puts a file into the drop folder as a careful exporter does.
func dropFile(t *testing.T, from, name, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, "."+name, string(b))
	if err := os.Rename(filepath.Join(to, "."+name), filepath.Join(to, name)); err != nil {
		t.Fatal(err)
	}
}

// TestServicesLive runs all services as `up` does: files appear in the drop
// folder, an engine is killed between two nights, a person decides, and the
// end of the context stops everything without loss.
func TestServicesLive(t *testing.T) {
	catalogDir, files, folder, data := writeCatalog(t, ""), threeNights(t), t.TempDir(), t.TempDir()
	loaded, err := catalog.LoadDir(catalogDir)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(data, catalogDir, folder, nil)
	cfg.Clock = time.Now // files settle by the real clock
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var services conc.WaitGroup
	var stopped error
	services.Go(func() { stopped = a.Run(ctx) })

	dropFile(t, files, "adm_2026-02-01.csv", folder)
	eventually(t, a, shown(1))
	for _, e := range a.Engines() {
		if err := syscall.Kill(e.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	dropFile(t, files, "adm_2026-02-02.csv", folder)
	eventually(t, a, shown(2))
	for i, e := range a.Engines() {
		if e.Restarts() == 0 {
			t.Errorf("engine %d was not restarted", i)
		}
	}
	flags, err := a.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	decided := false
	for _, f := range flags {
		if f.Check != "K09" || f.Indicator != "adm_visits" {
			continue
		}
		before := visible(t, a)
		start := time.Now()
		d, err := a.Decide(t.Context(), loaded.People[0], gate.Command{Flag: f.FlagRaised.Flag, Kind: event.Accept, Cause: gate.TrueChange})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(start)
		after := visible(t, a)
		for _, g := range f.Guards {
			if k := guardKey(f.Indicator, g); before[k] || !after[k] {
				t.Errorf("cell %s: visible before the acceptance %v, after it %v", k, before[k], after[k])
			}
		}
		t.Logf("publication %d shows the decision after %v", d.Publication, took)
		decided = true
		break
	}
	if !decided {
		t.Error("there was no K09 flag to decide on")
	}
	stop()
	services.Wait()
	if stopped != nil {
		t.Errorf("the services stopped with %v", stopped)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	b := open(t, data, "", "")
	if err := b.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p := verified(t, b); len(p) > 0 {
		t.Errorf("verify after the stop: %v", p)
	}
}

// TestParkedRowsComeBack: rows of an unknown unit wait, and count from the run
// on that has a catalog which knows it.
func TestParkedRowsComeBack(t *testing.T) {
	drop, data := threeNights(t), t.TempDir()
	a, err := app.Open(t.Context(), config(data, writeCatalog(t, ""), drop, nil))
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	before := current(t, a)
	if strings.Contains(before, "unit-zz") {
		t.Fatal("the unknown unit has cells")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	more := "  - {id: unit-zz, name: New, kind: clinic, codes: {local: zz}}\n"
	b := open(t, data, writeCatalog(t, more), drop)
	once(t, b)
	after := current(t, b)
	if n := strings.Count(after, "unit-zz"); n != 2 {
		t.Errorf("the unit has %d cells where its one row gives one to each of two indicators:\n%s", n, diff(before, after))
	}
	for line := range strings.Lines(before) {
		if !strings.Contains(after, line) {
			t.Errorf("the new reading changed %s", line)
		}
	}
	once(t, b)
	if again := current(t, b); again != after {
		t.Errorf("reading again changes again:\n%s", diff(after, again))
	}
	if p := verified(t, b); len(p) > 0 {
		t.Errorf("verify: %v", p)
	}
}

// TestNoCatalogIsAnError names what to do.
func TestNoCatalogIsAnError(t *testing.T) {
	a, err := app.Open(t.Context(), config(t.TempDir(), "", "", nil))
	if err == nil {
		_ = a.Close()
	}
	if !errors.Is(err, app.ErrNoCatalog) {
		t.Errorf("%v", err)
	}
}

// TestRejectedFileUnderANewCatalog: bytes that one catalog rejects are read
// again under the next, and only then.
func TestRejectedFileUnderANewCatalog(t *testing.T) {
	data, drop := t.TempDir(), t.TempDir()
	write(t, drop, "adm_2026-02-01.csv", strings.Replace(admFile(months(date(2025, 1, 1), 3), 1, nil), "Sena", "Late", 1))
	a, err := app.Open(t.Context(), config(data, writeCatalog(t, ""), drop, nil))
	if err != nil {
		t.Fatal(err)
	}
	once(t, a)
	once(t, a)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	changed := writeCatalog(t, "")
	path := filepath.Join(changed, "catalog.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, changed, "catalog.yaml", strings.Replace(string(b), "numerator: Sena", "numerator: Late", 1))
	c := open(t, data, changed, drop)
	once(t, c)
	s, err := c.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := s.Deliveries(); len(d) != 2 || d[0].Rejected == nil || d[1].Accepted == nil || s.Publication == nil {
		t.Errorf("%d deliveries, publication %v", len(d), s.Publication)
	}
	rows, err := os.ReadDir(filepath.Join(data, "receipts"))
	if err != nil || len(rows) != 2 {
		t.Errorf("%d receipts: %v", len(rows), err)
	}
}

// TestAnotherRegionIsRefused: a data folder stays with its region.
func TestAnotherRegionIsRefused(t *testing.T) {
	data := t.TempDir()
	a, err := app.Open(t.Context(), config(data, writeCatalog(t, ""), "", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	other := writeCatalog(t, "")
	path := filepath.Join(other, "catalog.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, other, "catalog.yaml", strings.Replace(string(b), "code: testland", "code: elsewhere", 1))
	a, err = app.Open(t.Context(), config(data, other, "", nil))
	if err == nil {
		_ = a.Close()
	}
	if !errors.Is(err, app.ErrRegion) {
		t.Errorf("%v", err)
	}
}

// TestLostReceiptStopsNothing: receipts are derived; the same bytes under
// another name are a repetition also when their receipt is gone.
func TestLostReceiptStopsNothing(t *testing.T) {
	data, files := t.TempDir(), threeNights(t)
	a := open(t, data, writeCatalog(t, ""), "")
	submit(t, a, false, filepath.Join(files, "adm_2026-02-01.csv"))
	if err := os.RemoveAll(filepath.Join(data, "receipts")); err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "adm_copy_2026-02-01.csv")
	b, err := os.ReadFile(filepath.Join(files, "adm_2026-02-01.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(again, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r := submit(t, a, false, again)
	if r[0].Status != "repeated" || r[0].Lines == 0 {
		t.Errorf("%+v", r[0])
	}
}
