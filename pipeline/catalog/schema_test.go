package catalog

// This test is inside the package because it holds the published schema
// against the rule tags, which are not exported.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	catalogschema "larstrom/schemas/catalog"
)

type object = map[string]any

func schemaObject(t *testing.T) object {
	t.Helper()
	var s object
	if err := json.Unmarshal(catalogschema.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemaHasTheModel: every type and field of the model is in the schema
// with the same rules, and the schema has nothing else.
func TestSchemaHasTheModel(t *testing.T) {
	s := schemaObject(t)
	c := comparison{t: t, defs: s["$defs"].(object), seen: map[string]bool{"text": true, "date": true}}
	c.fields("", s, reflect.TypeFor[Catalog](), false)
	for name := range c.defs {
		if !c.seen[name] {
			t.Errorf("$defs/%s is of no type of the model", name)
		}
	}
	texts := c.defs["text"].(object)["anyOf"].([]any)[1].(object)["properties"].(object)
	for _, l := range languages() {
		delete(texts, l)
		if !slices.Contains(languages(), l) {
			t.Errorf("text lacks %s", l)
		}
	}
	if len(texts) > 0 {
		t.Errorf("text has languages that the loader refuses: %v", texts)
	}
}

type comparison struct {
	t    *testing.T
	defs object
	seen map[string]bool
}

// fields compares the properties of an object schema with the fields of a
// type. required is not compared for the top level, where it holds for the
// catalog and not for one file.
func (c comparison) fields(at string, s object, model reflect.Type, required bool) {
	props := s["properties"].(object)
	if s["additionalProperties"] != false {
		c.t.Errorf("%s: additionalProperties must be false", at)
	}
	var needs, has []string
	for _, f := range fieldsOf(model) {
		here := at + "." + f.key
		p, ok := props[f.key].(object)
		if !ok {
			c.t.Errorf("%s: the field %s.%s is not in the schema", here, model.Name(), model.Field(f.index).Name)
			continue
		}
		delete(props, f.key)
		if text, _ := p["description"].(string); len(text) < 5 {
			c.t.Errorf("%s: no description", here)
		}
		if f.rule.required {
			needs = append(needs, f.key)
		}
		r := f.rule
		if !required {
			r.required = false
		}
		c.value(here, p, model.Field(f.index).Type, r)
	}
	for key := range props {
		c.t.Errorf("%s.%s: the model has no such field", at, key)
	}
	if !required {
		return
	}
	if list, ok := s["required"].([]any); ok {
		for _, x := range list {
			has = append(has, x.(string))
		}
	}
	slices.Sort(needs)
	slices.Sort(has)
	if !slices.Equal(needs, has) {
		c.t.Errorf("%s: the schema requires %v, the loader %v", at, has, needs)
	}
}

func (c comparison) value(at string, s object, model reflect.Type, r rule) {
	if model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	if r.byDefault != nil && fmt.Sprint(s["default"]) != *r.byDefault {
		c.t.Errorf("%s: default %v in the schema, %s in the loader", at, s["default"], *r.byDefault)
	}
	switch {
	case model == reflect.TypeFor[Text]():
		c.equal(at, "$ref", s["$ref"], "#/$defs/text")
	case model == reflect.TypeFor[Date]():
		c.equal(at, "$ref", s["$ref"], "#/$defs/date")
	case model.Kind() == reflect.Struct:
		c.structure(at, s, model, r)
	case model == reflect.TypeFor[[]Code]():
		// The short form is compared by the broken catalogs.
		c.value(at, s["anyOf"].([]any)[1].(object), reflect.TypeFor[[]struct{ Code }](), r)
	case model.Kind() == reflect.Slice:
		c.equal(at, "type", s["type"], "array")
		c.equal(at, "uniqueItems", s["uniqueItems"] == true, r.set || r.unique)
		c.equal(at, "minItems", s["minItems"] == 1.0, r.required)
		item := model.Elem()
		if item.Kind() == reflect.Struct && item.Name() == "" {
			item = item.Field(0).Type
		}
		c.value(at+"[]", s["items"].(object), item, r.ofItem())
	case model.Kind() == reflect.Map:
		c.equal(at, "propertyNames", s["propertyNames"].(object)["pattern"], formOf("check").pattern)
		c.value(at+"{}", s["additionalProperties"].(object), model.Elem(), rule{})
	case model.Kind() == reflect.String:
		c.equal(at, "type", s["type"], "string")
		c.text(at, s, r)
	case model.Kind() == reflect.Bool:
		c.equal(at, "type", s["type"], "boolean")
	case model.Kind() == reflect.Float64:
		c.equal(at, "type", s["type"], "number")
	default:
		c.equal(at, "type", s["type"], "integer")
	}
	for key, b := range map[string]*float64{"minimum": r.min, "maximum": r.max, "exclusiveMinimum": r.above, "exclusiveMaximum": r.below} {
		want := any(nil)
		if b != nil {
			want = *b
		}
		c.equal(at, key, s[key], want)
	}
}

func (c comparison) text(at string, s object, r rule) {
	f := formOf(r.form)
	var enum []any
	for _, e := range slices.Concat(r.enum, f.only) {
		enum = append(enum, e)
	}
	have, _ := s["enum"].([]any)
	c.equal(at, "enum", have, enum)
	pattern, _ := s["pattern"].(string)
	c.equal(at, "pattern", pattern, f.pattern)
	if len(enum) == 0 && pattern == "" {
		c.equal(at, "minLength", s["minLength"], 1.0)
	}
}

func (c comparison) structure(at string, s object, model reflect.Type, r rule) {
	full := s
	for _, f := range fieldsOf(model) {
		if !f.rule.short {
			continue
		}
		any := s["anyOf"].([]any)
		fr := f.rule.with(r)
		fr.byDefault, fr.required = nil, false
		c.value(at+"(short)", any[0].(object), model.Field(f.index).Type, fr)
		full = any[1].(object)
		if len(r.enum) > 0 {
			c.text(at+"."+f.key, full["properties"].(object)[f.key].(object), rule{enum: r.enum})
		}
	}
	ref, _ := full["$ref"].(string)
	name := path.Base(ref)
	c.equal(at, "$ref", name, snakeCase(model.Name()))
	if def, ok := c.defs[name].(object); ok && !c.seen[name] {
		c.seen[name] = true
		c.fields(name, def, model, true)
	}
}

func (c comparison) equal(at, key string, have, want any) {
	if !reflect.DeepEqual(have, want) {
		c.t.Errorf("%s: %s is %v in the schema, %v in the loader", at, key, have, want)
	}
}

func snakeCase(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(catalogschema.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("catalog.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("catalog.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is YAML as JSON sees it.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	case yaml.MappingNode:
		m := object{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || n.Value == ".inf" {
			return nil
		}
		return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	default:
		return n.Value
	}
}

// validateFile validates the text of one file.
func validateFile(s *jsonschema.Schema, text []byte) error {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return err
	}
	return s.Validate(plain(&n))
}

func TestExamplesMeetTheSchema(t *testing.T) {
	s := compiledSchema(t)
	ready, err := catalogschema.ReadyFeeds()
	if err != nil || len(ready) < 7 {
		t.Fatalf("ready feeds %v, %v", ready, err)
	}
	for _, name := range append(ready, "nhs-ae", "norrsund") {
		of, least := catalogschema.ReadyFeed, 1
		if !slices.Contains(ready, name) {
			of, least = catalogschema.Example, 4
		}
		fsys, err := of(name)
		if err != nil {
			t.Fatal(err)
		}
		files, err := catalogFiles(fsys)
		if err != nil || len(files) < least {
			t.Fatalf("%s: files %v, %v", name, files, err)
		}
		for _, file := range files {
			text, err := fs.ReadFile(fsys, file)
			if err != nil {
				t.Fatal(err)
			}
			if err := validateFile(s, text); err != nil {
				t.Errorf("%s/%s: %v", name, file, err)
			}
		}
	}
}

// SchemaValidator lets the table of broken catalogs, which is outside the
// package, ask the schema.
func SchemaValidator(t testing.TB) func(text string) error {
	s := compiledSchema(t)
	return func(text string) error { return validateFile(s, []byte(text)) }
}

// TestRuleTags reads every tag of the model.
func TestRuleTags(t *testing.T) {
	var walk func(m reflect.Type, seen []reflect.Type) int
	walk = func(m reflect.Type, seen []reflect.Type) int {
		for m.Kind() == reflect.Pointer || m.Kind() == reflect.Slice || m.Kind() == reflect.Map {
			m = m.Elem()
		}
		if m.Kind() != reflect.Struct || m == reflect.TypeFor[Date]() || slices.Contains(seen, m) {
			return 0
		}
		n := 0
		for _, f := range fieldsOf(m) {
			n += 1 + walk(m.Field(f.index).Type, append(seen, m))
		}
		return n
	}
	if n := walk(reflect.TypeFor[Catalog](), nil); n < 150 {
		t.Errorf("only %d fields", n)
	}
	if _, err := parseRule("requird"); err == nil {
		t.Error("a misspelt tag was read")
	}
}
