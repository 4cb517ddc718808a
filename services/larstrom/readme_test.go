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
	out, flag := map[string]string{}, "FLAG"
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
			args := words(strings.ReplaceAll(line, "FLAG", flag))
			if args[0] == "cat" {
				out["cat"] = outbox(t, args[1])
				continue
			}
			token := ""
			if rest, ok := strings.CutPrefix(args[0], "LARSTROM_TOKEN="); ok {
				token, args = rest, args[1:]
			}
			if name := args[1] + " " + args[2]; name == "flags show" {
				daemon(t, "mine/data") // commands ask it, and answer sooner
			}
			r := larstrom(t, token, args[1:]...)
			if args[0] != "bin/larstrom" || r.Status != 0 {
				t.Errorf("%s: %+v", line, r)
			}
			name := args[1]
			if name == "flags" {
				name += " " + args[2]
			}
			if name == "sql" && strings.Contains(line, "WHERE") {
				name = "sql after"
			}
			if _, ok := out[name]; !ok {
				out[name] = r.Out
			}
			if id := regexp.MustCompile(`(?m)^C11-\S+`).FindString(r.Out); id != "" && name == "flags list" {
				flag = id
			}
		}
	}
	for command, want := range map[string]string{
		"check":         `access_2026-02-01.csv:25 column in_time value "x"`,
		"up":            "publication 1 (run 2026-02-01-",
		"sql":           "clinic-1\t2025-11-01\tvalue\t61.",
		"flags list":    "HOLD",
		"cat":           "To: <p-1@example.org>",
		"flags show":    "The numerator 270 is above the denominator 219.",
		"flags preview": "nothing (held_empty)  77.63, 170 of 219 (value)",
		"flags decide":  "flags preview KIND C11-",
		"sql after":     "clinic-1\t2025-10-01\tvalue\t77.6\t",
		"why":           "numerator 170 of 219 was 270 of 219",
	} {
		if !strings.Contains(out[command], want) {
			t.Errorf("%s: no %q in:\n%s", command, want, out[command])
		}
	}
	if !regexp.MustCompile(`(?m)^C11 +1 +BLOCK +1 +0 +0 +0 +0 +0 +1 +1 +100 `).MatchString(out["flags learn"]) {
		t.Errorf("the decision teaches nothing:\n%s", out["flags learn"])
	}
	if !regexp.MustCompile(`clinic-1\t2026-01-01\t(held_empty|missing)\t`).MatchString(out["sql"]) {
		t.Errorf("the cell of the rejected row is shown:\n%s", out["sql"])
	}
}

// outbox is what lies there, of which one file is meant.
func outbox(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %q, %v", pattern, files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// words splits a command as a shell does, as far as the README needs it.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}
