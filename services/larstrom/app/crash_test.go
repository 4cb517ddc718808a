package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"larstrom/pipeline/crashpoint"
	"larstrom/services/larstrom/app"
)

// cleanRun is what one undisturbed run of the three nights publishes.
func cleanRun(t *testing.T, catalog, drop string) (text string, took time.Duration) {
	t.Helper()
	start := time.Now()
	a := open(t, t.TempDir(), catalog, drop)
	once(t, a)
	took = time.Since(start)
	text = published(t, a) + audiences(t, a)
	for _, want := range []string{"\tC10\tBLOCK\t", "\tC11\tBLOCK\t", "\tK09\tHOLD\t", "\tC06\tHOLD\t", "\tK01\tHOLD\t"} {
		if !strings.Contains(text, want) {
			t.Errorf("the clean run has no flag %q", want)
		}
	}
	return text, took
}

// wideAudience is a wider audience of the test catalog.
const wideAudience = "profiles: [{id: internal, rule: internal}, {id: SE, rule: SE, edition_day: 2}]\n"

// audiences is what the wider audiences are shown, and where their stores are.
func audiences(t *testing.T, a *app.App) string {
	t.Helper()
	var b strings.Builder
	for _, p := range a.Audiences() {
		store := "released:" + p.ID
		fmt.Fprintf(&b, "== %s %s\n%s", store, editionOf(t, a, store), wideViews(t, a, store))
	}
	return b.String()
}

// sameKeys lets a new data folder have the keys of another: with others, counts
// are rounded otherwise.
func sameKeys(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, "keys", "larstrom.keys"))
	if err == nil {
		err = os.MkdirAll(filepath.Join(to, "keys"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "keys", "larstrom.keys"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// finish runs the job to its end and compares what it publishes.
func finish(t *testing.T, data, catalog, drop, want string) {
	t.Helper()
	a := open(t, data, catalog, drop)
	once(t, a)
	if got := published(t, a) + audiences(t, a); got != want {
		t.Errorf("what is published differs from one clean run:\n%s", diff(want, got))
	}
	report, err := a.Verify(t.Context(), func(string) {})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify after the crash: %v %v", report.Problems, err)
	}
}

// TestCrashAtEveryPoint kills a process right after each durable step, once
// with every file delivered once and once with every file delivered twice, and
// asserts that the step was reached and that a restart comes to the same.
func TestCrashAtEveryPoint(t *testing.T) {
	catalog, drop := writeCatalog(t, ""), threeNights(t)
	want, _ := cleanRun(t, catalog, drop)
	twice := copyDrop(t, drop, true)
	// The steps of editions are passed where there is a wider audience. Its second
	// edition is due on the second night.
	wide, keyed := writeCatalog(t, wideAudience), t.TempDir()
	a := open(t, keyed, wide, drop)
	once(t, a)
	wantWide := published(t, a) + audiences(t, a)
	all := os.Getenv("LARSTROM_CRASH_RUNS") != ""
	for i, p := range crashpoint.All() {
		// The second passing is a later file, indicator or night. The short
		// form has it for every third point.
		for _, at := range []string{string(p), string(p) + ":2"} {
			second := strings.HasSuffix(at, ":2")
			folder := drop
			if second == (i%2 == 0) {
				folder = twice
			}
			if second && i%3 != 2 && !all {
				continue
			}
			catalog, want := catalog, want
			if strings.HasPrefix(string(p), "edition_") {
				catalog, want = wide, wantWide
			}
			t.Run(at, func(t *testing.T) {
				t.Parallel()
				data, reached := t.TempDir(), filepath.Join(t.TempDir(), "reached")
				if catalog == wide {
					sameKeys(t, keyed, data)
				}
				cmd, out := child(t, data, catalog, folder, "TEST_CRASH_AT="+at, "TEST_CRASH_REACHED="+reached)
				if err := cmd.Wait(); !killed(err) {
					t.Fatalf("the process was not killed: %v\n%s", err, out)
				}
				if _, err := os.Stat(reached); err != nil {
					t.Fatalf("the fault was not reached: %v", err)
				}
				finish(t, data, catalog, folder, want)
			})
		}
	}
}

// TestCrashAtRandomMoments kills the process, and in other runs its engines,
// at random moments, several times over before it may finish.
func TestCrashAtRandomMoments(t *testing.T) {
	catalog, drop := writeCatalog(t, ""), threeNights(t)
	want, took := cleanRun(t, catalog, drop)
	runs := 4
	if n, err := strconv.Atoi(os.Getenv("LARSTROM_CRASH_RUNS")); err == nil {
		runs = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("LARSTROM_CRASH_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("LARSTROM_CRASH_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range runs {
		engines := i%2 == 1
		t.Run(fmt.Sprintf("%d engines=%v", i, engines), func(t *testing.T) {
			data := t.TempDir()
			hits := 0
			for try := 0; try < 3 || hits == 0 && try < 8; try++ {
				cmd, out := child(t, data, catalog, drop)
				done := make(chan error, 1)
				go func() { done <- cmd.Wait() }()
				select {
				case err := <-done:
					if err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
				case <-time.After(took/20 + time.Duration(r.Int64N(int64(took)/2))):
					if engines {
						hits += killEngines(t, cmd.Process.Pid)
						if err := <-done; err != nil && !starting(out) {
							t.Fatalf("it did not finish with its engines killed: %v\n%s", err, out)
						}
						continue
					}
					hits++
					_ = cmd.Process.Kill()
					if err := <-done; !killed(err) && err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
				}
			}
			if hits == 0 {
				t.Fatal("no kill hit a living process")
			}
			finish(t, data, catalog, drop, want)
		})
	}
}

// starting reports that the process ended while it was starting its engines or
// making their tables: that is an error that the operator sees, and nothing has begun.
func starting(out fmt.Stringer) bool {
	return strings.Contains(out.String(), "engine: the child ended before it was ready") || strings.Contains(out.String(), ": migrate ")
}

// killEngines kills the engine children of a process.
func killEngines(t *testing.T, parent int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				n++
			}
		}
	}
	return n
}
