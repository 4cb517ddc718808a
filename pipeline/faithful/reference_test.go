package faithful

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

// reference is the folder of cases computed by the tools themselves, or "".
func reference() string {
	shared := os.Getenv("LARSTROM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "reference")
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		return ""
	}
	return dir
}

type refCase struct {
	Name      string          `json:"name"`
	Method    string          `json:"method"`
	Tolerance float64         `json:"tolerance_rel"`
	Expected  json.RawMessage `json:"expected"`
}

// diff lists where got does not hold what want holds. Keys that only got has are
// no difference.
func diff(at string, want, got any, tol func(path string) float64, out *[]string) {
	if len(*out) > 5 {
		return
	}
	add := func(format string, args ...any) { *out = append(*out, at+": "+fmt.Sprintf(format, args...)) }
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			add("want an object, got %v", got)
			return
		}
		keys := make([]string, 0, len(w))
		for k := range w {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			v, ok := g[k]
			if !ok {
				*out = append(*out, at+"."+k+": missing")
				continue
			}
			diff(at+"."+k, w[k], v, tol, out)
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			add("want %d entries, got %v", len(w), got)
			return
		}
		for i := range w {
			diff(fmt.Sprintf("%s[%d]", at, i), w[i], g[i], tol, out)
		}
	case float64:
		g, ok := got.(float64)
		if !ok {
			add("want %v, got %v", w, got)
			return
		}
		if d := math.Abs(w - g); d > tol(at)*math.Abs(w) && d > 1e-12 {
			add("want %.17g, got %.17g", w, g)
		}
	default:
		if want != got {
			add("want %v, got %v", want, got)
		}
	}
}

// TestReference runs every case of every method.
func TestReference(t *testing.T) {
	dir := reference()
	if dir == "" {
		fmt.Println("faithful: the reference folder is absent; no reference case was run")
		return
	}
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index []struct {
		File   string `json:"file"`
		Method string `json:"method"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		t.Fatal(err)
	}
	known := Methods()
	passed, total := map[string]int{}, map[string]int{}
	for _, ix := range index {
		total[ix.Method]++
		t.Run(strings.TrimSuffix(ix.File, ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(dir, ix.File))
			if err != nil {
				t.Fatal(err)
			}
			var c refCase
			if err := json.Unmarshal(raw, &c); err != nil {
				t.Fatal(err)
			}
			out, err := Run(raw)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Run(raw)
			if err != nil || string(again) != string(out) {
				t.Fatalf("the same case gave other bytes (%v)", err)
			}
			var want, got any
			if err := json.Unmarshal(c.Expected, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("result is not JSON: %v", err)
			}
			prune(want)
			var list []string
			diff("expected", want, got, c.tolerance, &list)
			for _, d := range list {
				t.Error(d)
			}
			if len(list) == 0 {
				passed[ix.Method]++
			}
		})
	}
	n, m := 0, 0
	var lines []string
	for _, k := range known {
		n += passed[k]
		lines = append(lines, fmt.Sprintf("%s %d/%d", k, passed[k], total[k]))
	}
	for _, k := range total {
		m += k
	}
	fmt.Printf("faithful: %d of %d reference cases passed: %s\n", n, m, strings.Join(lines, ", "))
}

// prune removes what the README names as optional.
func prune(want any) {
	if w, ok := want.(map[string]any); ok {
		delete(w, "r_warnings")
		if w["error"] == true {
			delete(w, "error_message") // the wording is the tool's own
		}
	}
}

// tolerance is the one of the case, or the one its README gives a field of it.
func (c refCase) tolerance(path string) float64 {
	has := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(path, p) })
	}
	switch {
	case c.Method == "heterogeneity.tau2" && has(".DL.", ".HE."):
		return 1e-9
	case c.Method == "heterogeneity.tau2" && has(".PM.", ".REML."):
		return 1e-6
	case c.Method == "icc.oneway" && has(".ms", ".n0", ".anova"):
		return 1e-9
	}
	return c.Tolerance
}
