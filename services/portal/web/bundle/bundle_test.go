package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larstrom/services/portal/web"
)

// TestTheBundleIsThatOfTheSources fails when a source was changed and not
// bundled, or the bundle was changed by hand.
func TestTheBundleIsThatOfTheSources(t *testing.T) {
	want, err := build("..")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, web.Script()) {
		t.Errorf("dist/portal.js (%d bytes) is not the bundle of src (%d bytes): run `make bundle`", len(web.Script()), len(want))
	}
}

// TestTheBundleNamesNoAddress holds that scripts load nothing and are not told
// how this machine's folders are named.
func TestTheBundleNamesNoAddress(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"http:", "https:", "//www", "fetch(", "XMLHttpRequest", "import(", "eval(", "innerHTML", "sessionStorage", "cookie", root} {
		if strings.Contains(string(web.Script()), word) {
			t.Errorf("the script has %q", word)
		}
	}
	// What is remembered is a person's choice of keys, and nothing else.
	if n := strings.Count(string(web.Script()), "localStorage"); n != 2 || strings.Count(string(web.Script()), `"larstrom-keys"`) != 1 {
		t.Errorf("the script names its memory %d times; it reads and writes the choice of keys only", n)
	}
}

func TestFaultsAreNamedByFileAndLine(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"tsconfig.json": "{}", "src/portal.ts": "import { x } from './other.js';\nx();\n"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := build(dir); err == nil || !strings.Contains(err.Error(), "src/portal.ts:1:") {
		t.Errorf("%v, want the file and line of the import", err)
	}
}
