package figure_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"larstrom/pipeline/figure"
)

var update = flag.Bool("update", false, "write the golden files")

func svg(t *testing.T, write func(b *bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// layouts are the ways in which every case is drawn.
func layouts() map[string]figure.Options {
	return map[string]figure.Options{
		"wide":   {Standalone: true},
		"narrow": {Standalone: true, Narrow: true},
		"page":   {ID: "f1", NoHeading: true},
	}
}

func TestGolden(t *testing.T) {
	drawings := map[string]func(b *bytes.Buffer, o figure.Options) error{}
	for name, c := range controls() {
		drawings["control_"+name] = func(b *bytes.Buffer, o figure.Options) error { return c.WriteSVG(b, o) }
	}
	for name, f := range funnels() {
		drawings["funnel_"+name] = func(b *bytes.Buffer, o figure.Options) error { return f.WriteSVG(b, o) }
	}
	for _, name := range slices.Sorted(maps.Keys(drawings)) {
		for _, layout := range slices.Sorted(maps.Keys(layouts())) {
			if layout != "wide" && name != "control_every_state" && name != "funnel_named" {
				continue
			}
			t.Run(name+"_"+layout, func(t *testing.T) {
				got := svg(t, func(b *bytes.Buffer) error { return drawings[name](b, layouts()[layout]) })
				again := svg(t, func(b *bytes.Buffer) error { return drawings[name](b, layouts()[layout]) })
				if got != again {
					t.Error("two drawings of the same values differ")
				}
				path := filepath.Join("testdata", name+"_"+layout+".svg")
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("the drawing differs from %s; look at it, and if it is right run with -update", path)
				}
			})
		}
	}
}
