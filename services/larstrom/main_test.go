package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"larstrom/services/larstrom/inmemory"
)

// envMain makes the test binary the program, also for the engine children that
// it starts.
const envMain = "LARSTROM_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(envMain) != "" {
		os.Exit(start(os.Args[1:]))
	}
	testscript.Main(inmemory.M{Tests: m}, map[string]func(){"larstrom": func() { os.Exit(start(os.Args[1:])) }})
}

// TestScripts runs the commands that need no engine.
func TestScripts(t *testing.T) {
	examples, err := filepath.Abs("../../schemas/catalog/examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv(envMain, "1")
			e.Setenv("EXAMPLES", examples)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// exits STATUS COMMAND ARG...: the command ends with that status.
			"exits": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: exits STATUS COMMAND ARG...")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				err = ts.Exec(args[1], args[2:]...)
				got := 0
				var status *exec.ExitError
				if errors.As(err, &status) {
					got = status.ExitCode()
				} else {
					ts.Check(err)
				}
				if got != want {
					ts.Fatalf("status %d, want %d", got, want)
				}
			},
		},
	})
}
