package quality_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"larstrom/pipeline/sentence"
)

// Every sentence that a check of this package writes can be said in every
// language: package sentence has its pattern.
func TestEverySentenceIsInTheBook(t *testing.T) {
	book, err := sentence.Findings()
	if err != nil {
		t.Fatal(err)
	}
	forms := written(t)
	if len(forms) < 60 {
		t.Fatalf("%d sentences were found in the source", len(forms))
	}
	kinds := map[string]bool{}
	for form, where := range forms {
		kind := readable(book, form)
		if kind == "" {
			t.Errorf("%s: no pattern of package sentence reads %q; add it there, in four languages", where, form)
		}
		kinds[kind] = true
	}
	for _, k := range book.Kinds() { // and what is in the book is written somewhere
		if !kinds[k] && k != "incident" && k != "could_not_run" && k != "file.rejected" && k != "level.artefact" && !strings.HasPrefix(k, "shift.") && k != "cell.counts" {
			t.Errorf("nothing writes a sentence of the kind %s", k)
		}
	}
}

// written are the forms of the sentences in the source of the package.
func written(t *testing.T) map[string]string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]string{}
	set := token.NewFileSet()
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || strings.HasPrefix(f.Name(), "texts") {
			continue
		}
		tree, err := parser.ParseFile(set, f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				if kv, ok := n.(*ast.KeyValueExpr); ok {
					if name, ok := kv.Key.(*ast.Ident); ok && name.Name == "Text" {
						if text := literal(kv.Value); strings.HasSuffix(text, ".") {
							forms[text] = set.Position(kv.Pos()).String()
						}
					}
				}
				return true
			}
			where := set.Position(call.Pos()).String()
			switch name := called(call); {
			case name == "Sprintf":
				if text := literal(call.Args[0]); strings.HasSuffix(text, ".") && text != "%d rows %s." {
					forms[text] = where
				}
			case name == "ofFile":
				forms[literal(call.Args[2])] = where
			case name == "said":
				forms["1 row "+literal(call.Args[1])+"."], forms["%d rows "+literal(call.Args[2])+"."] = where, where
			}
			return true
		})
	}
	return forms
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(l.Value)
	if err != nil {
		return ""
	}
	return text
}

// readable is the kind of a sentence of that form, with something that may stand
// in the places of its verbs; empty: none reads it.
func readable(book *sentence.Book, form string) string {
	form = strings.TrimSuffix(form, " %s") // a further sentence
	text := regexp.MustCompile(`%[+]?(\.[0-9]+)?[dfg]`).ReplaceAllString(form, "7")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "%q", `"x"`), "%%", "%")
	words := []string{"12.5", "x", "tonight", "in 7 nights", "12 of 30 in 30 rows", "nothing", "days and hours", "2025-10-12", "it is", "appeared", "hours", "All units", "in all indicators"}
	var try func(text string) string
	try = func(text string) string {
		if !strings.Contains(text, "%s") {
			if all, ok := book.Read(text); ok && len(all) == 1 {
				return all[0].Kind
			}
			return ""
		}
		for _, w := range words {
			if kind := try(strings.Replace(text, "%s", w, 1)); kind != "" {
				return kind
			}
		}
		return ""
	}
	return try(text)
}
