package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/run"
	"larstrom/services/larstrom/app"
)

// TestTheDropFolderWaits: a file that is not whole is waited for, and said to
// be; it is taken when its rest has come, and rejected when the feed's patience
// is over. What nobody waits for is rejected at once.
func TestTheDropFolderWaits(t *testing.T) {
	catalogDir, files, folder := writeCatalog(t, ""), threeNights(t), t.TempDir()
	write(t, catalogDir, "packed.yaml", `feeds:
  - id: packed
    registry: adm
    files: ["packed_*.gz"]
    compression: gzip
    complete: {by: none, patience_minutes: 5}
    dialect: {encoding: windows-1252, delimiter: ";", decimal: ","}
    delivery: snapshot
    columns: {unit: Enhet, unit_system: local, event_date: Månad}
    measures: [{indicator: adm_visits, numerator: Besök}]
    ignore_columns: [Sena]
`)
	csv, err := os.ReadFile(filepath.Join(files, "adm_2026-02-01.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	z := gzip.NewWriter(&gz)
	if _, err := z.Write(csv[:bytes.LastIndex(csv, []byte("SLUT"))]); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}

	var ahead atomic.Int64
	cfg := config(t.TempDir(), catalogDir, folder, nil)
	cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	a, err := app.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var services conc.WaitGroup
	services.Go(func() { _ = a.Run(ctx) })
	awaited := func(want string) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		deadline := time.After(time.Minute)
		var got string
		for {
			var names []string
			for _, w := range a.Awaited() {
				names = append(names, w.Feed+" "+w.File+": "+w.Reason)
			}
			if got = strings.Join(names, "; "); got == want {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("awaited are %q, want %q", got, want)
			}
		}
	}
	decided := func(accepted, rejected int) func(*run.State) bool {
		return func(s *run.State) bool {
			a, r := 0, 0
			for _, d := range s.Deliveries() {
				if d.Accepted != nil {
					a++
				}
				if d.Rejected != nil {
					r++
				}
			}
			return a == accepted && r == rejected && (accepted == 0 || s.Publication != nil && s.Idle())
		}
	}
	state := func() *run.State {
		t.Helper()
		s, err := a.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}

	text := string(csv)
	write(t, folder, "adm_2026-02-01.csv", text[:len(text)-3])
	awaited("adm-night adm_2026-02-01.csv: the last line does not end")
	write(t, folder, "packed_2.gz", gz.String()[:gz.Len()-9])
	awaited("adm-night adm_2026-02-01.csv: the last line does not end; packed packed_2.gz: the gzip stream ends before its end")
	if n := len(state().Deliveries()); n > 0 {
		t.Errorf("the LEDGER has %d deliveries of files that are not whole", n)
	}
	if raw, err := filepath.Glob(filepath.Join(cfg.Data, "raw", "??", "*")); err != nil || len(raw) > 0 {
		t.Errorf("the raw store keeps %v, %v", raw, err)
	}
	// The rest of one comes; the patience with the other ends.
	moved := func(name, text string) {
		t.Helper()
		write(t, folder, ".coming", text)
		if err := os.Rename(filepath.Join(folder, ".coming"), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	moved("adm_2026-02-01.csv", text)
	eventually(t, a, decided(1, 0))
	awaited("packed packed_2.gz: the gzip stream ends before its end")
	ahead.Store(int64(6 * time.Minute))
	awaited("")
	eventually(t, a, decided(1, 1))
	for _, d := range state().Deliveries() {
		if d.Rejected != nil {
			r, err := a.Receipt(d.Delivery)
			if err != nil || d.Feed != "packed" || len(r.Problems) != 1 || r.Problems[0].Rule != "C04" {
				t.Errorf("%+v %v", r, err)
			}
		}
	}
	// Whole at last, it is another file.  It comes at once: by the clock that ran
	// ahead, the patience with one half written would be over already.
	moved("packed_2.gz", gz.String())
	eventually(t, a, decided(2, 1))
	stop()
	services.Wait()
	// Nobody waits here.
	write(t, folder, "packed_3.gz", gz.String()[:gz.Len()-20])
	once(t, a)
	if !decided(2, 2)(state()) {
		t.Error("--once does not reject what is not whole")
	}
}
