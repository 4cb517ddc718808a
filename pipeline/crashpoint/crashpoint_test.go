package crashpoint_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"larstrom/pipeline/crashpoint"
)

// TestMain lets the test binary be the process that dies.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "pass" {
		os.Exit(pass(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// pass goes by every point three times and counts on standard output.
func pass(at, reached string) int {
	hook, err := crashpoint.Parse(at, reached)
	if err != nil {
		return 2
	}
	for i := range 3 {
		for _, p := range crashpoint.All() {
			_, _ = os.Stdout.WriteString(string(p) + " " + strconv.Itoa(i+1) + "\n")
			hook.Hit(p)
		}
	}
	return 3
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", ":", "nonsense", "Received", " received", "received ", "received:", "received:0", "received:-1", "received:x",
		"received:1.5", "received:1:2", "received:99999999999999999999", ":1"} {
		if hook, err := crashpoint.Parse(s, "x"); err == nil || hook != nil || !strings.Contains(err.Error(), "crash point \"") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestPointsAreDistinct(t *testing.T) {
	all := crashpoint.All()
	slices.Sort(all)
	if n := len(all); n != len(slices.Compact(all)) || n == 0 {
		t.Errorf("points %v", all)
	}
}

func TestNilHookDoesNothing(*testing.T) {
	var h crashpoint.Hook
	for _, p := range crashpoint.All() {
		h.Hit(p)
	}
}

func TestHookDiesAtItsPassing(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for at, last := range map[string]string{"received": "received 1", "cells_appended:1": "cells_appended 1", "pointer_moved:3": "pointer_moved 3", "raw_stored:2": "raw_stored 2"} {
		reached := filepath.Join(t.TempDir(), "reached")
		out, err := exec.Command(exe, "pass", at, reached).Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: %v", at, err)
		}
		if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
			t.Errorf("%s: %v", at, err)
		}
		if !strings.HasSuffix(string(out), last+"\n") {
			t.Errorf("%s: died after\n%s", at, out)
		}
		if b, err := os.ReadFile(reached); err != nil || string(b) != at {
			t.Errorf("%s: reached %q, %v", at, b, err)
		}
	}
	reached := filepath.Join(t.TempDir(), "reached")
	err = exec.Command(exe, "pass", "received:4", reached).Run() // passed three times only
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("a point that is not passed: %v", err)
	}
	if _, err := os.Stat(reached); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it says that it was reached: %v", err)
	}
}
