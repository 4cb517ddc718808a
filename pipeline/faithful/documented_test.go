package faithful_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is an author with a year, as comments cite methods: Shewhart 1931,
// Anhøj & Olesen 2014, Steiner et al. 2000, Dobson et al. (1991).
var source = regexp.MustCompile(`\p{Lu}[\p{L}'’.-]*\p{L}(?: et al\.?)?,? \(?(?:1[89]|20)\d\d\b`)

// TestExportedFunctionsAreDocumented holds what readers of the methods are
// promised: every exported function of spc, funnel and variation has a comment that
// begins with its name; where it can fail the comment says with what; where values
// come in it says what becomes of those that are missing or out of range; and where
// numbers come out it, or the type that it belongs to or gives, cites the method.
func TestExportedFunctionsAreDocumented(t *testing.T) {
	// They hand over, or look up, what another function computed, and define what
	// they say in their own words.
	plain := map[string]string{
		"spc.Arrange":                  "puts entries in order",
		"spc.Series.Slice":             "a part of the input",
		"spc.Charts.At":                "one of the charts of Batch",
		"spc.Charts.Evidence":          "LatestEvidence of all",
		"spc.Chart.Latest":             "some of the signals of a chart",
		"spc.TargetAt":                 "looks a target up",
		"variation.ChiSquaredQuantile": "spc's",
	}
	total, excused := 0, 0
	for _, name := range []string{"spc", "funnel", "variation"} {
		p := readPackage(t, filepath.Join("..", name))
		for _, f := range p.functions {
			total++
			for _, wrong := range p.check(f) {
				if _, ok := plain[name+"."+f.name]; ok && strings.HasPrefix(wrong, "no source") {
					excused++
					continue
				}
				t.Errorf("%s.%s %s:\n%s", name, f.name, wrong, f.doc)
			}
		}
	}
	if excused != len(plain) {
		t.Errorf("%d functions are excused of citing, %d need it", len(plain), excused)
	}
	t.Logf("%d exported functions", total)
}

type documented struct {
	name     string // with the receiver
	doc      string
	receiver string
	decl     *ast.FuncDecl
}

type documentedPackage struct {
	functions []documented
	types     map[string]string // comments
	structs   map[string]*ast.StructType
}

func readPackage(t *testing.T, dir string) *documentedPackage {
	t.Helper()
	p := &documentedPackage{types: map[string]string{}, structs: map[string]*ast.StructType{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok {
						p.types[ts.Name.Name] = strings.Join(strings.Fields(ts.Doc.Text()+" "+d.Doc.Text()), " ")
						if st, ok := ts.Type.(*ast.StructType); ok {
							p.structs[ts.Name.Name] = st
						}
					}
				}
			case *ast.FuncDecl:
				f := documented{name: d.Name.Name, doc: strings.Join(strings.Fields(d.Doc.Text()), " "), decl: d}
				if d.Recv != nil {
					f.receiver = typeName(d.Recv.List[0].Type)
					f.name = f.receiver + "." + f.name
				}
				if d.Name.IsExported() && (f.receiver == "" || ast.IsExported(f.receiver)) {
					p.functions = append(p.functions, f)
				}
			}
		}
	}
	return p
}

// typeName is the name of a type without pointer and slice.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.ArrayType:
		return typeName(e.Elt)
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return typeName(e.X)
	}
	return ""
}

func isSlice(e ast.Expr) bool {
	a, ok := e.(*ast.ArrayType)
	return ok && a.Len == nil
}

// numeric reports whether a type is, or holds, numbers with a fraction.
func (p *documentedPackage) numeric(e ast.Expr) bool {
	name := typeName(e)
	if name == "float64" {
		return true
	}
	st, ok := p.structs[name]
	if !ok {
		return false
	}
	for _, f := range st.Fields.List {
		if typeName(f.Type) == "float64" {
			return true
		}
	}
	return false
}

// check says what the comment of f lacks.
func (p *documentedPackage) check(f documented) []string {
	var wrong []string
	says := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(f.doc, w) {
				return true
			}
		}
		return false
	}
	if !strings.HasPrefix(f.doc, f.decl.Name.Name+" ") {
		wrong = append(wrong, "has no comment that begins with its name")
	}
	cited := source.MatchString(f.doc) || source.MatchString(p.types[f.receiver])
	computes, fails := false, false
	if f.decl.Type.Results != nil {
		for _, r := range f.decl.Type.Results.List {
			switch {
			case typeName(r.Type) == "error":
				fails = true
			case p.numeric(r.Type):
				computes = true
				cited = cited || source.MatchString(p.types[typeName(r.Type)])
			}
		}
	}
	slices, numbers := false, false
	for _, in := range f.decl.Type.Params.List {
		name := typeName(in.Type)
		switch {
		case name == "float64" && isSlice(in.Type), name == "Series", name == "Input":
			slices = true
		case name == "float64":
			numbers = true
		}
	}
	if fails && !says("rror", "Err") {
		wrong = append(wrong, "can fail and does not say with what")
	}
	if slices && !says("NaN", "issing", "tate", "passed over") {
		wrong = append(wrong, "takes values and does not say what becomes of missing ones")
	}
	if numbers && !says("NaN", "rror", "outside", "-1 for", "clipped") {
		wrong = append(wrong, "takes numbers and does not say what becomes of those out of range")
	}
	if computes && !cited {
		wrong = append(wrong, "no source: no author and year of its method, nor of the types that it belongs to or gives")
	}
	return wrong
}
