package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/quality"
)

// TestEveryCheckHasWords: the checks that have a title are exactly those of the
// catalogue, and each says in every language what it found.
func TestEveryCheckHasWords(t *testing.T) {
	var ids []string
	for _, c := range quality.Catalogue() {
		ids = append(ids, c.ID)
	}
	titles := checkTitles()
	if titled := slices.Sorted(maps.Keys(titles)); !slices.Equal(titled, ids) {
		t.Errorf("titles of\n%v\nand the catalogue has\n%v", titled, ids)
	}
	for i, l := range languages() {
		w, seen := newWords(l.Path, time.UTC), map[string]string{}
		for _, id := range ids {
			title, why := w.checks.title[id], w.checks.why[id]
			if title == "" || title != titles[id][i] || why == "" || !strings.HasSuffix(why, ".") {
				t.Errorf("%s in %s: %q, %q", id, l.Path, title, why)
			}
			if other := seen[title]; other != "" {
				t.Errorf("%s: %s and %s have one title", l.Path, other, id)
			}
			seen[title] = id
			if english := newWords(fallback, time.UTC); l.Path != fallback && (english.checks.why[id] == why || english.checks.title[id] == title) {
				t.Errorf("%s in %s is English", id, l.Path)
			}
		}
	}
}

// TestEveryRuleHasWords: every rule by which intake leaves lines out, as package
// intake names them, has words and what to do in every language.
func TestEveryRuleHasWords(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../pipeline/intake/intake.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Rule") && len(v.Values) == 1 {
			if text, ok := v.Values[0].(*ast.BasicLit); ok {
				if rules[v.Names[0].Name], err = strconv.Unquote(text.Value); err != nil {
					t.Fatal(err)
				}
			}
		}
		return true
	})
	if len(rules) < 10 {
		t.Fatalf("package intake has the rules %v", rules)
	}
	for _, l := range languages() {
		w := newWords(l.Path, time.UTC)
		for name, id := range rules {
			if !w.has("rule."+id) || !w.has("advice."+id) {
				t.Errorf("%s (%s) has no words in %s", name, id, l.Path)
			}
		}
	}
	for key := range english() {
		if id, ok := strings.CutPrefix(key, "advice."); ok && newWords(fallback, time.UTC).or("rule.", id) == id {
			t.Errorf("%s is about no rule", key)
		}
	}
}

// TestCountsAreSaid: no text of a number, in any language, shows what was to be
// filled in.
func TestCountsAreSaid(t *testing.T) {
	said := 0
	for _, l := range languages() {
		w := newWords(l.Path, time.UTC)
		for key, text := range w.texts {
			stem, ok := strings.CutSuffix(key, ".one")
			if !ok || !w.has(stem+".other") {
				continue
			}
			said++
			more := make([]any, max(0, strings.Count(text, "%s")-1))
			for i := range more {
				more[i] = "x"
			}
			for _, n := range []int{1, 2} {
				if got := w.count(stem, n, more...); strings.Contains(got, "%!") {
					t.Errorf("%s in %s: %q", stem, l.Path, got)
				}
			}
		}
	}
	if said < 40 {
		t.Errorf("only %d texts were said", said)
	}
}
