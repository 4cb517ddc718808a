package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTheWalkOfTheReadme does what the README tells a newcomer with a file of
// her own: it writes the files and runs the commands that stand there.
func TestTheWalkOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, walk, ok := strings.Cut(string(readme), "\n## A registry of your own\n")
	if !ok {
		t.Fatal("the README has no such walk")
	}
	walk, _, _ = strings.Cut(walk, "\n## ")
	t.Chdir(t.TempDir())
	out := map[string]string{}
	for _, block := range regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$").FindAllStringSubmatch(walk, -1) {
		info, text := block[1], block[2]
		if _, name, ok := strings.Cut(info, " file="); ok {
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if info != "sh" {
			t.Fatalf("a block of %q: it is neither a file nor commands", info)
		}
		for line := range strings.Lines(text) {
			args := words(line)
			r := larstrom(t, "", args[1:]...)
			if args[0] != "bin/larstrom" || r.Status != 0 {
				t.Errorf("%s: %+v", line, r)
			}
			out[args[1]] = r.Out
		}
	}
	for command, want := range map[string]string{
		"check": `access_2026-02-01.csv:25 column in_time value "x"`,
		"up":    "publication 1 (run 2026-02-01-",
		"sql":   "clinic-1\t2025-11-01\tvalue\t61.",
		"flags": "HOLD",
	} {
		if !strings.Contains(out[command], want) {
			t.Errorf("%s: no %q in:\n%s", command, want, out[command])
		}
	}
	if !regexp.MustCompile(`clinic-1\t2026-01-01\t(held_empty|missing)\t`).MatchString(out["sql"]) {
		t.Errorf("the cell of the rejected row is shown:\n%s", out["sql"])
	}
}

// words splits a command as a shell does, as far as the README needs it.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}
