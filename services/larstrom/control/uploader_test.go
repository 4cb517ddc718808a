package control_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake"
	"larstrom/services/ingest/upload"
	"larstrom/services/larstrom/control"
)

// counter takes files and knows their hashes.
type counter struct {
	mu   sync.Mutex
	sums []string
}

func (c *counter) Submit(_ context.Context, paths []string, _ bool) ([]intake.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []intake.Receipt
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		h := sha256.Sum256(b)
		c.sums = append(c.sums, hex.EncodeToString(h[:]))
		out = append(out, intake.Receipt{Format: 1, Status: intake.StatusAccepted, File: filepath.Base(p), Raw: hex.EncodeToString(h[:]), Delivery: "d", RejectedRows: "x"})
	}
	return out, nil
}

func (c *counter) Receipt(string) (intake.Receipt, error) { return intake.Receipt{}, os.ErrNotExist }
func (c *counter) RejectedRows(string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("the rejected rows")), nil
}

// uploads is a server of the protocol whose line breaks as often as broken says.
func uploads(t *testing.T, broken func(r *http.Request) bool) (url string, desk *counter) {
	t.Helper()
	h := sha256.Sum256([]byte("secret"))
	c, err := catalog.Load(fstest.MapFS{"c.yaml": {Data: fmt.Appendf(nil, `
region: {code: norr, name: Norr, time_zone: Europe/Stockholm}
registries: [{code: reg, name: Registry, country: SE}]
indicators: [{id: visits, registry: reg, name: Visits, type: count, class: process}]
units: [{id: u1, name: One, kind: clinic, codes: {local: "1"}}]
feeds:
  - {id: a, registry: reg, files: ["a_*.csv"], delivery: snapshot, upload_tokens: [%x], columns: {unit: unit, unit_system: local, event_date: date},
     measures: [{indicator: visits, numerator: n}]}
`, h)}})
	if err != nil {
		t.Fatal(err)
	}
	desk = &counter{}
	handler, err := upload.New(upload.Config{Dir: t.TempDir(), Catalog: c, Submitter: desk, Receipts: desk, Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if broken(r) {
			if r.Method == http.MethodPatch && rand.IntN(2) == 0 {
				handler.ServeHTTP(httptest.NewRecorder(), r) // done, and the answer is lost
			}
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	ctx, stop := context.WithCancel(t.Context())
	var run conc.WaitGroup
	run.Go(func() { _ = handler.Run(ctx) })
	t.Cleanup(func() { server.Close(); stop(); run.Wait() })
	return server.URL, desk
}

func bigFile(t *testing.T, size int) (path, sum string) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	path = filepath.Join(t.TempDir(), "a_1.csv")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	h := sha256.Sum256(b)
	return path, hex.EncodeToString(h[:])
}

// TestUploaderGoesOn: half of all requests break, and the file comes whole and
// once; a command that was interrupted is gone on with by the next.
func TestUploaderGoesOn(t *testing.T) {
	var mu sync.Mutex
	patches := 0
	stopped := true
	url, desk := uploads(t, func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodPatch {
			if patches++; patches%2 == 1 {
				return true
			}
		}
		return stopped && patches > 2
	})
	path, sum := bigFile(t, 40<<20)
	notes := t.TempDir()
	u, err := control.NewUploader(url, "secret", notes)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	pause := func(c context.Context, _ time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		if stopped && patches > 2 {
			stop()
		}
		return context.Cause(c)
	}
	u.SetPause(pause)
	if _, err := u.Submit(ctx, []string{path}, false, func(string) {}); !errors.Is(err, context.Canceled) {
		t.Fatalf("the interruption: %v", err)
	}
	if len(desk.sums) > 0 {
		t.Fatal("half a file was handed in")
	}
	if entries, err := os.ReadDir(notes); err != nil || len(entries) != 1 {
		t.Fatalf("the notes: %v %v", entries, err)
	}
	mu.Lock()
	stopped = false
	mu.Unlock()
	var from []string
	if u, err = control.NewUploader(url, "secret", notes); err != nil {
		t.Fatal(err)
	}
	u.SetPause(pause)
	r, err := u.Submit(t.Context(), []string{path}, false, func(s string) { from = append(from, s) })
	if err != nil || len(r) != 1 || r[0].Raw != sum {
		t.Fatalf("%+v %v", r, err)
	}
	if strings.Contains(from[0], ": 0 of") {
		t.Errorf("the second command began anew: %q", from[0])
	}
	if len(desk.sums) != 1 {
		t.Errorf("handed in %d times", len(desk.sums))
	}
	if b, err := os.ReadFile(r[0].RejectedRows); err != nil || string(b) != "the rejected rows" {
		t.Errorf("%s: %q %v", r[0].RejectedRows, b, err)
	}
	if entries, err := os.ReadDir(notes); err != nil || len(entries) > 0 {
		t.Errorf("the notes: %v %v", entries, err)
	}
}

// TestUploaderGivesUp: what no repetition would mend is told at once, and an
// endless fault after a while.
func TestUploaderGivesUp(t *testing.T) {
	down := false
	url, _ := uploads(t, func(*http.Request) bool { return down })
	path, _ := bigFile(t, 100)
	for _, x := range []struct {
		what, token, file, has string
		down                   bool
	}{
		{"a wrong token", "other", path, "no feed", false},
		{"another name", "secret", "b_1.csv", "a_*.csv", false},
		{"no file", "secret", "a_none.csv", "no such file", false},
		{"a server that is away", "secret", path, "tried 9 times", true},
	} {
		down = x.down
		if x.file != path && x.file != "a_none.csv" {
			x.file = filepath.Join(t.TempDir(), x.file)
			if err := os.WriteFile(x.file, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		u, err := control.NewUploader(url, x.token, "")
		if err != nil {
			t.Fatal(err)
		}
		u.SetPause(func(context.Context, time.Duration) error { return nil })
		_, err = u.Submit(t.Context(), []string{x.file}, false, func(string) {})
		if err == nil || !strings.Contains(err.Error(), x.has) {
			t.Errorf("%s: %v, want %q", x.what, err, x.has)
		}
		if x.what == "a wrong token" && !errors.Is(err, control.ErrNoFeedToken) {
			t.Errorf("%s is not ErrNoFeedToken: %v", x.what, err)
		}
	}
	for _, address := range []string{"ftp://x", "http://example.org", "", "::"} {
		if _, err := control.NewUploader(address, "secret", ""); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
}
