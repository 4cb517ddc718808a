package portal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/gate"
	"larstrom/pipeline/sentence"
)

// Every pattern of a refusal is one that package gate or the validator writes, so
// that none is left behind when they change their words.
func TestRefusalsAreThoseOfTheGate(t *testing.T) {
	b, err := newBooks()
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, form := range refusalForms(t, "../../pipeline/gate", "../validator") {
		form = strings.TrimPrefix(form, "%w: ")
		form = strings.ReplaceAll(strings.ReplaceAll(regexp.MustCompile(`%[dv]`).ReplaceAllString(form, "7"), "%q", `"x"`), "%%", "%")
		tries := []string{form}
		for _, word := range []string{"x", "2025-10-12", "2025-10-12T10:00:00Z", "its numerator is above the denominator that it is part of", "it has a numerator above 0 of 0"} {
			for _, f := range tries[:len(tries):len(tries)] {
				tries = append(tries, strings.Replace(f, "%s", word, 1), strings.ReplaceAll(f, "%s", word))
			}
		}
		for _, text := range tries {
			if all, ok := b.refusals.Read(strings.ReplaceAll(text, "%s", "x")); ok {
				for _, s := range all {
					met[s.Kind] = true
				}
			}
		}
	}
	for _, p := range refusalPatterns() {
		if !met[p.Kind] {
			t.Errorf("nobody refuses by %q (%s)", p.English, p.Kind)
		}
		if p.Sv == p.English || p.Nb == p.English || p.Da == p.English {
			t.Errorf("%s is English", p.Kind)
		}
	}
}

// refusalForms are the forms of errors in the source of the packages.
func refusalForms(t *testing.T, dirs ...string) []string {
	t.Helper()
	var out []string
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil && strings.Count(s, " ") > 2 {
						out = append(out, s)
					}
				}
				return true
			})
		}
	}
	return out
}

// A refusal is said in the reader's language, and never with the words of a
// program.
func TestRefusalsInWords(t *testing.T) {
	said, err := newBooks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lang, problem string
		err           error
		want          string
	}{
		{"sv", "forbidden", fmt.Errorf("%w: confirm needs the role region_steward or national_steward, p-1 has: super_user", gate.ErrForbidden), "Det kräver rollen regionsteward eller nationell steward; du har: superanvändare."},
		{"sv", "judge_first", fmt.Errorf("%w: p-1 has judged flag X not yet; record cause and evidence (judge), then look", gate.ErrJudgeFirst), ""},
		{"nb", "invalid", fmt.Errorf("%w: reject needs a note", gate.ErrInvalid), "Skriv en merknad."},
		{"da", "invalid", fmt.Errorf("%w: snooze needs a last day between 2026-04-11 and 2026-05-10", gate.ErrInvalid), "Vælg en sidste dag fra 11. april 2026 til 10. maj 2026."},
		{"sv", "invalid", fmt.Errorf("%w: something new <here>", gate.ErrInvalid), `<span lang="en">something new &lt;here&gt;</span>`},
		{"en", "invalid", fmt.Errorf("%w: something new", gate.ErrInvalid), "something new"},
		{"sv", "too_late", fmt.Errorf("%w: decision ab was taken at 2026-04-09T08:00:00Z; reject or correct instead", gate.ErrTooLate), "Beslutet fattades 9 april 2026."},
	} {
		w := newWords(c.lang, time.UTC)
		w.books = said
		if got := string(w.detail(c.problem, c.err.Error())); got != c.want {
			t.Errorf("%s: %q, want %q", c.lang, got, c.want)
		}
	}
	if _, err := sentence.NewBook(refusalPatterns()); err != nil {
		t.Error(err)
	}
}
