package sentence_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"larstrom/pipeline/sentence"
)

// Every pattern of a receipt is one that intake writes, so that none is left behind
// when intake changes its words; each is in three other languages.
func TestReceiptsAreThoseOfIntake(t *testing.T) {
	b, err := sentence.Receipts()
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, form := range writtenBy(t, "../intake") {
		form = strings.ReplaceAll(form, "\x00\x00", "\x00 and \x00")
		for _, fill := range []string{"x", "2025-10-12", "event", "date", "5 data rows", "5 fields"} {
			if all, ok := b.Read(strings.ReplaceAll(form, "\x00", fill)); ok && len(all) == 1 {
				met[all[0].Kind] = true
			}
		}
		if all, ok := b.Read(strings.Replace(strings.Replace(form, "\x00", "event", 1), "\x00", "2025-10-12", 1)); ok && len(all) == 1 {
			met[all[0].Kind] = true
		}
	}
	for _, k := range b.Kinds() {
		if !met[k] {
			t.Errorf("intake writes nothing of the kind %s", k)
		}
		s := sentence.Said{Kind: k}
		for i, slot := range b.Slots(k) {
			s.Values = append(s.Values, sample(slot, i))
		}
		for _, lang := range sentence.Languages()[:3] {
			if b.Say(s, lang, nil) == b.Say(s, "en", nil) {
				t.Errorf("%s is English in %s", k, lang)
			}
		}
	}
}

// writtenBy are the texts in the source of a package and those below it, with \x00
// for what is put in.
func writtenBy(t *testing.T, dir string) []string {
	t.Helper()
	verbs := regexp.MustCompile(`%[.0-9]*[a-z]`)
	var out []string
	var flat func(e ast.Expr) string
	flat = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
				return s
			}
		case *ast.BinaryExpr:
			if e.Op == token.ADD {
				return flat(e.X) + flat(e.Y)
			}
		}
		return "\x00"
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), dir+"/"+path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			e, ok := n.(ast.Expr)
			if !ok {
				return true
			}
			text := flat(e)
			if strings.Count(text, " ") < 1 || text == "\x00" {
				return true
			}
			out = append(out, text)
			if form := strings.ReplaceAll(regexp.MustCompile(`%d`).ReplaceAllString(text, "7"), "%s", "\x00"); strings.Contains(text, "%") {
				out = append(out, verbs.ReplaceAllString(form, "\x00"))
			}
			_, binary := e.(*ast.BinaryExpr)
			return !binary
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
