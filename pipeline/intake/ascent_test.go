package intake

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// What is said of the keys of a file holds of the keys of its rows.
func TestKeysOnce(t *testing.T) {
	line := func(id string) string { return "SE1-N;2024-01-05;19121212-1212;F;" + id + ";1;3;A\n" }
	for _, c := range []struct {
		name string
		ids  []string
		feed func(*catalog.Feed)
		want bool
	}{
		{"one", []string{"a"}, nil, true},
		{"ascending texts", []string{"a", "b", "bb"}, nil, true},
		{"ascending numbers", []string{"8", "9", "10", "11"}, nil, true},
		{"the same twice", []string{"a", "b", "b"}, nil, false},
		{"the first again", []string{"a", "b", "a"}, nil, false},
		{"descending", []string{"b", "a", "c"}, nil, false},
		{"rows without a key between", []string{"a", "", "b", ""}, nil, true},
		{"no keys", []string{"", ""}, nil, false},
		{"an indicator twice", []string{"a", "b"}, func(f *catalog.Feed) { f.Measures[2].Indicator = "ctl" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			feed := wideFeed()
			if c.feed != nil {
				c.feed(feed)
			}
			text := wideHeader
			for _, id := range c.ids {
				text += line(id)
			}
			_, got, err := readText(t, feed, text, delivery())
			if err != nil {
				t.Fatal(err)
			}
			if got.KeysOnce != c.want {
				t.Errorf("KeysOnce %t of the keys %q", got.KeysOnce, c.ids)
			}
		})
	}
	rapid.Check(t, func(r *rapid.T) {
		ids := rapid.SliceOfN(rapid.StringMatching(`[a-c]{0,2}`), 1, 8).Draw(r, "ids")
		if rapid.Bool().Draw(r, "sorted") {
			slices.SortFunc(ids, func(a, b string) int { return strings.Compare(fmt.Sprint(len(a), a), fmt.Sprint(len(b), b)) })
		}
		text := wideHeader
		for _, id := range ids {
			l := line(id)
			if rapid.IntRange(0, 4).Draw(r, "spoiled") == 0 {
				l = strings.Replace(l, "2024-01-05", "soon", 1)
			}
			text += l
		}
		out, res, err := readText(t, wideFeed(), text, delivery())
		if err != nil {
			r.Fatal(err)
		}
		seen := map[[16]byte]bool{}
		for i, k := range out.obs.Key {
			if k == ([16]byte{}) || out.obs.Kind[i] == event.Parked {
				continue
			}
			if seen[k] && res.KeysOnce {
				r.Fatalf("the keys %q are said to be there once", ids)
			}
			seen[k] = true
		}
	})
}
