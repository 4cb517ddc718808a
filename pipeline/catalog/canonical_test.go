package catalog_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"larstrom/pipeline/catalog"
	catalogschema "larstrom/schemas/catalog"
)

func sameValues(a, b *catalog.Catalog) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(catalog.Catalog{}))
}

func TestDecodeReadsCanonical(t *testing.T) {
	for _, name := range []string{"nhs-ae", "norrsund"} {
		c := example(t, name)
		b := c.Canonical()
		back, err := catalog.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := sameValues(c, back); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if !bytes.Equal(back.Canonical(), b) || back.Hash != c.Hash || len(c.Hash) != 64 {
			t.Errorf("%s: bytes or hash differ", name)
		}
		if _, ok := back.Index().Unit(c.Units[0].ID); !ok {
			t.Errorf("%s: no index after Decode", name)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	b := string(example(t, "norrsund").Canonical())
	for name, c := range map[string]struct{ damaged, says string }{
		"empty":         {"", "cannot be read"},
		"cut":           {b[:len(b)-1], "cannot be read"},
		"white space":   {strings.Replace(b, ",", ", ", 1), "differ at byte"},
		"follows":       {b + "{}", "something follows"},
		"unknown field": {strings.Replace(b, `{"format":1,`, `{"format":1,"x":1,`, 1), `unknown field "x"`},
		"other case":    {strings.Replace(b, `"region":`, `"Region":`, 1), "differ at byte"},
		"format":        {strings.Replace(b, `{"format":1,`, `{"format":2,`, 1), "has format 2"},
		"no format":     {strings.Replace(b, `{"format":1,`, `{`, 1), "has format 0"},
		"twice":         {strings.Replace(b, `{"code":"norrsund"`, `{"code":"x","code":"norrsund"`, 1), "differ at byte"},
		"bad date":      {strings.Replace(b, `"from":"2023-01-01"`, `"from":"2023-1-1"`, 1), "2023-1-1"},
		"null":          {"null", "has format 0"},
	} {
		if c.damaged == b {
			t.Fatalf("%s: nothing was damaged", name)
		}
		if got, err := catalog.Decode([]byte(c.damaged)); err == nil || got != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v; want %q", name, got != nil, err, c.says)
		}
	}
}

// TestEveryFieldIsInTheHash: altering any one value of a catalog alters the
// canonical form, so no field can be forgotten in it.
func TestEveryFieldIsInTheHash(t *testing.T) {
	c := example(t, "norrsund")
	b := c.Canonical()
	altered := 0
	var walk func(v reflect.Value, at string)
	check := func(at string, restore func()) {
		altered++
		if bytes.Equal(c.Canonical(), b) {
			t.Errorf("%s is not in the canonical form", at)
		}
		restore()
	}
	walk = func(v reflect.Value, at string) {
		switch v.Kind() {
		case reflect.String:
			old := v.String()
			v.SetString(old + "x")
			check(at, func() { v.SetString(old) })
		case reflect.Bool:
			v.SetBool(!v.Bool())
			check(at, func() { v.SetBool(!v.Bool()) })
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
			check(at, func() { v.SetInt(v.Int() - 1) })
		case reflect.Float64:
			old := v.Float()
			v.SetFloat(old + 1)
			check(at, func() { v.SetFloat(old) })
		case reflect.Pointer:
			if !v.IsNil() {
				walk(v.Elem(), at)
			}
		case reflect.Slice:
			for i := range min(v.Len(), 3) {
				walk(v.Index(i), fmt.Sprintf("%s[%d]", at, i))
			}
			old := v.Interface()
			v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem()))
			check(at+"+1", func() { v.Set(reflect.ValueOf(old)) })
		case reflect.Struct:
			if d, ok := v.Addr().Interface().(*catalog.Date); ok {
				old := *d
				*d = catalog.NewDate(1999, 9, 9)
				check(at, func() { *d = old })
				return
			}
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Name != "Hash" {
					walk(v.Field(i), at+"."+f.Name)
				}
			}
		}
	}
	walk(reflect.ValueOf(c).Elem(), "")
	if !bytes.Equal(c.Canonical(), b) || altered < 400 {
		t.Fatalf("%d values altered, restored %v", altered, bytes.Equal(c.Canonical(), b))
	}
}

// ordered are the lists in which order has meaning; those of every other key
// are shuffled.
func ordered() map[string]bool {
	return map[string]bool{"key": true, "strata": true, "names": true}
}

// shuffle permutes lists and the keys of mappings everywhere below n.
func shuffle(n *yaml.Node, key string, r *rand.Rand) {
	switch n.Kind {
	case yaml.SequenceNode:
		if !ordered()[key] {
			r.Shuffle(len(n.Content), func(i, j int) { n.Content[i], n.Content[j] = n.Content[j], n.Content[i] })
		}
		for _, c := range n.Content {
			shuffle(c, "", r)
		}
	case yaml.MappingNode:
		r.Shuffle(len(n.Content)/2, func(i, j int) {
			n.Content[2*i], n.Content[2*j] = n.Content[2*j], n.Content[2*i]
			n.Content[2*i+1], n.Content[2*j+1] = n.Content[2*j+1], n.Content[2*i+1]
		})
		for i := 0; i+1 < len(n.Content); i += 2 {
			shuffle(n.Content[i+1], n.Content[i].Value, r)
		}
	}
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	n.Style &^= yaml.FlowStyle
}

// TestHashKnowsValuesOnly: files split and named anyhow, lists, keys and
// comments permuted: the hash, the canonical bytes and the values are equal.
func TestHashKnowsValuesOnly(t *testing.T) {
	for _, name := range []string{"base", "norrsund"} {
		var fsys fs.FS = mapFS(base)
		if name != "base" {
			var err error
			if fsys, err = catalogschema.Example(name); err != nil {
				t.Fatal(err)
			}
		}
		want, err := catalog.Load(fsys)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		err = fs.WalkDir(fsys, ".", func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			text, err := fs.ReadFile(fsys, file)
			texts = append(texts, string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(rt *rapid.T) {
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			parts := fstest.MapFS{}
			for i, text := range texts {
				var doc yaml.Node
				if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
					rt.Fatal(err)
				}
				root := writtenOut(doc.Content[0])
				shuffle(root, "", r)
				// Each top-level key goes to one of a few files; a list may
				// be torn in two.
				for k := 0; k+1 < len(root.Content); k += 2 {
					key, value := root.Content[k], root.Content[k+1]
					if strings.HasPrefix(key.Value, "x-") {
						continue
					}
					cut := len(value.Content)
					if value.Kind == yaml.SequenceNode && cut > 1 {
						cut = r.IntN(cut)
					}
					add := func(items []*yaml.Node, kind yaml.Kind) {
						if len(items) == 0 {
							return
						}
						part := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, {Kind: kind, Content: items}}}
						b, err := yaml.Marshal(part)
						if err != nil {
							rt.Fatal(err)
						}
						file := fmt.Sprintf("%d/%d-%d-%d.yaml", r.IntN(3), r.IntN(1000), i, k+len(parts))
						parts[file] = &fstest.MapFile{Data: append([]byte("# another comment\n"), b...)}
					}
					add(value.Content[:cut], value.Kind)
					add(value.Content[cut:], value.Kind)
				}
			}
			have, err := catalog.Load(parts)
			if err != nil {
				rt.Fatal(err)
			}
			if d := sameValues(want, have); d != "" || have.Hash != want.Hash || !bytes.Equal(have.Canonical(), want.Canonical()) {
				rt.Fatalf("hash %s, want %s; %s", have.Hash, want.Hash, d)
			}
		})
	}
}

// writtenOut is a copy of a tree with every alias replaced by what it names.
func writtenOut(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	c := *n
	c.Anchor = ""
	c.Content = nil
	for _, x := range n.Content {
		c.Content = append(c.Content, writtenOut(x))
	}
	return &c
}

// TestOrderThatHasMeaning: the order of these lists is in the hash.
func TestOrderThatHasMeaning(t *testing.T) {
	first, _, _ := loadText(strings.NewReplacer("strata: [Sex]", "strata: [Sex, Age]", "key: [id]", "key: [id, op]").Replace(base))
	for _, change := range []string{"strata: [Age, Sex]", "key: [op, id]"} {
		texts := map[string]string{"strata: [Sex]": "strata: [Sex, Age]", "key: [id]": "key: [id, op]"}
		for old := range texts {
			if old[:3] == change[:3] {
				texts[old] = change
			}
		}
		text := base
		for old, now := range texts {
			text = strings.Replace(text, old, now, 1)
		}
		second, problems, err := loadText(text)
		if err != nil || problems != nil {
			t.Fatal(err, problems)
		}
		if first.Hash == second.Hash {
			t.Errorf("%s: the order is not in the hash", change)
		}
	}
}

// TestZeroHasOneForm: a negative zero and an empty mapping leave no trace.
func TestZeroHasOneForm(t *testing.T) {
	hash := func(old, now string) string {
		c, problems, err := loadText(strings.Replace(base, old, now, 1))
		if err != nil || problems != nil {
			t.Fatal(err, problems)
		}
		back, err := catalog.Decode(c.Canonical())
		if err != nil {
			t.Fatal(err)
		}
		if d := sameValues(c, back); d != "" {
			t.Error(d)
		}
		return c.Hash
	}
	if hash("count: 3", "count: 0") != hash("count: 3", "count: -0") {
		t.Error("a negative zero is not a zero")
	}
	checks := "    checks:\n      C11: {count: 3, fraction: 0.02, note: tried}\n"
	if hash(checks, "") != hash(checks, "    checks: {}\n") {
		t.Error("no checks are not no checks")
	}
}
