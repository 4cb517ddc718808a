package deploy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/pipeline/embedded/engine"
)

// TestMain lets the test binary be the engine child and a session with the
// server's own configuration.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "engine":
			exit(engine.RunChild(context.Background(), os.Stdin, os.Stdout))
		case "session":
			exit(runSession(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// root is the top of the repository, seen from this package.
const root = ".."

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// environment is what `make secrets` writes, with absolute folders.
func environment(t testing.TB) map[string]string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "env")
	if err := secretsScript(name); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(read(t, name)))
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(key, "#") {
			env[key] = value
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	env["LARSTROM_CATALOG"] = absolute(t, filepath.Join(root, "schemas/catalog/examples/nhs-ae"))
	env["LARSTROM_DROP"] = t.TempDir()
	return env
}

func secretsScript(target string) error {
	out, err := exec.Command("sh", "secrets.sh", target, "env.example").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("secrets.sh: %w\n%s", err, out)
	}
	return err
}

func sha256Hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func absolute(t testing.TB, name string) string {
	t.Helper()
	abs, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func exists(t testing.TB, name string) bool {
	t.Helper()
	_, err := os.Stat(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}
