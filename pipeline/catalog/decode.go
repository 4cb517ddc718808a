package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// place is where a value stands, beside the value itself: validation walks
// both, so that every problem can name file, line, column and path.
type place struct {
	file      string
	line, col int
	path      string
	fields    map[string]*place
	items     []*place
	// broken: a problem of this value is already told. What follows from it
	// is not told again.
	broken bool
	// given: the value stands in a file; others are defaults.
	given bool
}

// field is the place of a field; of one that is not given, the place of the
// mapping that lacks it.
func (p *place) field(key string) *place {
	if f, ok := p.fields[key]; ok {
		return f
	}
	return &place{file: p.file, line: p.line, col: p.col, path: p.path + "." + key, broken: p.broken}
}

// item is the place of a list item; of a default one, that of the list.
func (p *place) item(i int) *place {
	if i < len(p.items) {
		return p.items[i]
	}
	return &place{file: p.file, line: p.line, col: p.col, path: fmt.Sprintf("%s[%d]", p.path, i), broken: p.broken}
}

func (p *place) String() string {
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.col)
}

// decoder turns YAML nodes into values of the model and checks each value by
// its rule tag.
type decoder struct {
	problems []Problem
	types    map[reflect.Type][]field
	patterns map[string]*regexp.Regexp
	// incomplete: some file could not be read, so that what other files
	// refer to may well be there.
	incomplete bool
}

func newDecoder() *decoder {
	return &decoder{types: map[reflect.Type][]field{}, patterns: map[string]*regexp.Regexp{}}
}

func (d *decoder) fields(t reflect.Type) []field {
	f, ok := d.types[t]
	if !ok {
		f = fieldsOf(t)
		d.types[t] = f
	}
	return f
}

func (d *decoder) compiled(pattern string) *regexp.Regexp {
	re, ok := d.patterns[pattern]
	if !ok {
		re = regexp.MustCompile(pattern)
		d.patterns[pattern] = re
	}
	return re
}

func (d *decoder) bad(p *place, value, says, hint string) {
	p.broken = true
	d.problems = append(d.problems, Problem{p.file, p.line, p.col, p.path, shorten(value), says, hint})
}

// parse reads one file into a node: nil for an empty one.
func (d *decoder) parse(file string, text []byte) *yaml.Node {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if line, col, r := firstForbidden(text); line > 0 {
		at := &place{file: file, line: line, col: col}
		switch {
		case r == utf8.RuneError:
			d.bad(at, "", "the file must be UTF-8", "save it in that encoding")
		default:
			d.bad(at, "", fmt.Sprintf("the character %U is not allowed in YAML", r), `remove it, or write it as an escape in double quotes`)
		}
		d.incomplete = true
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		if err = dec.Decode(&second); errors.Is(err, io.EOF) {
			return &doc
		}
		if err == nil {
			d.bad(&place{file: file, line: second.Line, col: second.Column}, "", "a file must hold one YAML document", "move what follows --- to a file of its own")
			return &doc
		}
	}
	d.incomplete = true
	d.bad(syntaxPlace(file, text, err), "", "the YAML cannot be read: "+syntaxMessage(err), syntaxHint(text, err))
	return nil
}

// firstForbidden finds the first byte that is not UTF-8 or the first
// character that YAML does not allow; line 0 if there is none.
func firstForbidden(text []byte) (line, col int, r rune) {
	line, col = 1, 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		invalid := r == utf8.RuneError && size == 1
		if invalid || (r < 0x20 && r != '\t' && r != '\n' && r != '\r') || (r >= 0x7f && r < 0xa0 && r != 0x85) ||
			r == 0xfeff || r == 0xfffe || r == 0xffff {
			return line, col, r
		}
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
		i += size
	}
	return 0, 0, 0
}

func syntaxMessage(err error) string {
	m := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(m, "line "); ok {
		if _, text, ok := strings.Cut(rest, ": "); ok {
			return text
		}
	}
	return m
}

// syntaxPlace finds where YAML text goes wrong. The library's own line is that
// of the construct around the fault, or the one before it, so the place is
// sought: it is behind the longest run of lines that can be read by itself.
func syntaxPlace(file string, text []byte, err error) *place {
	lines := strings.SplitAfter(string(text), "\n")
	p := &place{file: file, line: 1, col: 1}
	if tab := indentingTab(lines); tab > 0 && strings.Contains(err.Error(), "cannot start any token") {
		p.line = tab
		p.col = 1 + strings.IndexByte(lines[tab-1], '\t')
		return p
	}
	ends := make([]int, len(lines)+1)
	for i, l := range lines {
		ends[i+1] = ends[i] + len(l)
	}
	readable := func(n int) bool { return readAll(text[:ends[n]]) == nil }
	// Before a key or an item at the margin everything is complete, so there
	// the readable beginnings come first and halving finds the last of them.
	margins := []int{0}
	for i, l := range lines {
		if i > 0 && marginal(l) {
			margins = append(margins, i)
		}
	}
	last := sort.Search(len(margins), func(i int) bool { return !readable(margins[i]) }) - 1
	good := margins[max(last, 0)]
	end := len(lines)
	if last+1 < len(margins) {
		end = margins[last+1]
	}
	// Inside an item a beginning may end in the middle of a construct and be
	// readable again later.
	const farthest = 500
	for n := good + 1; n < min(end, good+farthest); n++ {
		if readable(n) {
			good = n
		}
	}
	p.line = good + 1
	l := lines[good]
	p.col = 1 + len(l) - len(strings.TrimLeft(l, " "))
	if _, anchor, ok := strings.Cut(err.Error(), "unknown anchor '"); ok {
		name, _, _ := strings.Cut(anchor, "'")
		p.col = 1 + utf8.RuneCountInString(l[:max(strings.Index(l, "*"+name), 0)])
	}
	return p
}

// readAll reads text for the sake of its error.
func readAll(text []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var n yaml.Node
		if err := dec.Decode(&n); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func blank(line string) bool {
	text := strings.TrimSpace(line)
	return text == "" || text[0] == '#'
}

// marginal reports whether a line begins a key at the margin, or a list item
// next to it.
func marginal(line string) bool {
	text := strings.TrimLeft(line, " ")
	if text == line {
		return !blank(line) && strings.IndexByte("-]}", line[0]) < 0
	}
	return len(line)-len(text) <= 4 && strings.HasPrefix(text, "- ")
}

func syntaxHint(text []byte, err error) string {
	if strings.Contains(err.Error(), "cannot start any token") && indentingTab(strings.Split(string(text), "\n")) > 0 {
		return "indent with spaces, not with tabs"
	}
	return "look at the indentation, and at quotes and brackets that are not closed, here and in the lines above"
}

// indentingTab is the first line that is indented with a tab, or 0.
func indentingTab(lines []string) int {
	for i, l := range lines {
		white := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if strings.Contains(white, "\t") && !blank(l) {
			return i + 1
		}
	}
	return 0
}

func (d *decoder) place(file string, n *yaml.Node, path string) *place {
	return &place{file: file, line: n.Line, col: n.Column, path: path, given: true}
}

// entry is one key of a mapping, with its value.
type entry struct {
	key   string
	node  *yaml.Node // the key, for its place
	value *yaml.Node
}

// entries are the keys of a mapping in their order, merge keys (<<) resolved:
// a key that is written out wins over a merged one, an earlier merged one
// over a later.
func (d *decoder) entries(n *yaml.Node, p *place, merging []*yaml.Node) []entry {
	var own []entry
	var merged []*yaml.Node
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		at := d.place(p.file, n.Content[i], p.path)
		switch {
		case key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge":
			merged = append(merged, value)
			continue
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			d.bad(at, key.Value, "a key must be text", "write it in quotes if it is meant as text")
			continue
		}
		if first, ok := seen[key.Value]; ok {
			d.bad(at, key.Value, "the key stands twice in this mapping", fmt.Sprintf("the first is in line %d; remove one of them", first.Line))
			continue
		}
		seen[key.Value] = n.Content[i]
		own = append(own, entry{key.Value, n.Content[i], value})
	}
	var sources []*yaml.Node
	for _, m := range merged {
		if t := target(m); t.Kind == yaml.SequenceNode {
			sources = append(sources, t.Content...)
		} else {
			sources = append(sources, m)
		}
	}
	for _, s := range sources {
		t := target(s)
		if t.Kind != yaml.MappingNode {
			d.bad(d.place(p.file, s, p.path), t.Value, "<< must be a mapping or a list of mappings", "name an anchor, as <<: *anchor")
			continue
		}
		if slices.Contains(merging, t) || t == n {
			d.bad(d.place(p.file, s, p.path), "", "<< must not contain itself", "remove it")
			continue
		}
		for _, e := range d.entries(t, p, append(merging, n)) {
			if _, ok := seen[e.key]; !ok {
				seen[e.key] = e.node
				own = append(own, e)
			}
		}
	}
	return own
}

func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!str":
		return "text"
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "nothing"
	default:
		return "a value with the tag " + n.Tag
	}
}

// value decodes a node into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, p *place, r rule) {
	n = target(n)
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		hint := "give it one or leave the key out"
		if n.Value != "" {
			hint = "write it in quotes if it is meant as text"
		}
		d.bad(p, n.Value, "has no value", hint)
		return
	}
	switch to := v.Addr().Interface().(type) {
	case *Text:
		d.text(n, to, p)
		return
	case *Date:
		d.date(n, to, p)
		return
	case *[]Code:
		if n.Kind == yaml.MappingNode {
			d.shortCodes(n, to, p)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), p, r)
	case reflect.Struct:
		d.structure(n, v, p, r)
	case reflect.Slice:
		d.list(n, v, p, r)
	case reflect.Map:
		d.checks(n, v, p)
	default:
		d.scalar(n, v, p, r)
	}
}

func (d *decoder) text(n *yaml.Node, to *Text, p *place) {
	if n.Kind == yaml.ScalarNode {
		var s string
		d.scalar(n, reflect.ValueOf(&s).Elem(), p, rule{})
		*to = Text{"en": s}
		return
	}
	if n.Kind != yaml.MappingNode {
		d.bad(p, "", "must be text, or texts by language, not "+kindOf(n), "as {sv: …, en: …}")
		return
	}
	*to = Text{}
	p.fields = map[string]*place{}
	for _, e := range d.entries(n, p, nil) {
		at := d.place(p.file, e.value, p.path+"."+e.key)
		p.fields[e.key] = at
		if !slices.Contains(languages(), e.key) {
			hint := meant(e.key, languages())
			if e.key == "no" || e.key == "nn" {
				hint = "did you mean nb?"
			}
			d.bad(d.place(p.file, e.node, p.path), e.key, "the language must be one of "+strings.Join(languages(), ", "), hint)
			continue
		}
		var s string
		d.value(e.value, reflect.ValueOf(&s).Elem(), at, rule{})
		(*to)[e.key] = s
	}
	if len(p.fields) == 0 && !p.broken {
		d.bad(p, "", "must have a text", "as {sv: …, en: …}")
	}
}

func (d *decoder) date(n *yaml.Node, to *Date, p *place) {
	if n.Kind != yaml.ScalarNode || (n.ShortTag() != "!!timestamp" && n.ShortTag() != "!!str") {
		d.bad(p, n.Value, "must be a date, not "+kindOf(n), "as 2024-01-31")
		return
	}
	at, err := ParseDate(n.Value)
	if err != nil || at.t.Year() < 1800 || at.t.Year() > 2999 {
		d.bad(p, n.Value, "must be a date of the years 1800 to 2999", "as 2024-01-31")
		return
	}
	*to = at
}

func (d *decoder) shortCodes(n *yaml.Node, to *[]Code, p *place) {
	for _, e := range d.entries(n, p, nil) {
		at := d.place(p.file, e.value, p.path+"."+e.key)
		at.fields = map[string]*place{
			"system": d.place(p.file, e.node, p.path+"."+e.key),
			"code":   d.place(p.file, e.value, p.path+"."+e.key),
		}
		code := Code{System: e.key}
		d.textRule(e.key, at.fields["system"], rule{form: "token"})
		d.value(e.value, reflect.ValueOf(&code.Code).Elem(), at.fields["code"], rule{form: "code"})
		*to = append(*to, code)
		p.items = append(p.items, at)
	}
}

func (d *decoder) checks(n *yaml.Node, v reflect.Value, p *place) {
	if n.Kind != yaml.MappingNode {
		d.bad(p, n.Value, "must be a mapping of check ids, not "+kindOf(n), "as {C11: {severity: NOTE, note: …}}")
		return
	}
	if len(n.Content) > 0 {
		v.Set(reflect.MakeMap(v.Type()))
	}
	p.fields = map[string]*place{}
	for _, e := range d.entries(n, p, nil) {
		at := d.place(p.file, e.node, p.path+"."+e.key)
		p.fields[e.key] = at
		d.textRule(e.key, at, rule{form: "check"})
		params := reflect.New(v.Type().Elem()).Elem()
		d.value(e.value, params, at, rule{})
		v.SetMapIndex(reflect.ValueOf(e.key), params)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, p *place, r rule) {
	if n.Kind != yaml.SequenceNode {
		d.bad(p, n.Value, "must be a list, not "+kindOf(n), "as [a, b], or one line for each item, beginning with -")
		return
	}
	if len(n.Content) == 0 && r.required {
		d.bad(p, "", "must not be empty", "")
		return
	}
	seen := map[string]*place{}
	for i, c := range n.Content {
		at := d.place(p.file, c, fmt.Sprintf("%s[%s]", p.path, label(c, i)))
		item := reflect.New(v.Type().Elem()).Elem()
		d.value(c, item, at, r.ofItem())
		if (r.set || r.unique) && !at.broken {
			if first, ok := seen[item.String()]; ok {
				d.bad(at, item.String(), "stands twice in this list", fmt.Sprintf("the first is in line %d; remove one of them", first.line))
				continue
			}
			seen[item.String()] = at
		}
		v.Set(reflect.Append(v, item))
		p.items = append(p.items, at)
	}
}

func (r rule) ofItem() rule { return rule{form: r.form, enum: r.enum} }

// label names a list item by what people call it, else by its position.
func label(n *yaml.Node, i int) string {
	if n = target(n); n.Kind == yaml.MappingNode {
		for _, key := range []string{"id", "code", "indicator", "unit"} {
			for j := 0; j+1 < len(n.Content); j += 2 {
				if v := target(n.Content[j+1]); n.Content[j].Value == key && v.Kind == yaml.ScalarNode && v.Value != "" {
					return shorten(v.Value)
				}
			}
		}
	}
	return strconv.Itoa(i)
}

// structure decodes a mapping, or a plain value in its place, into a struct.
// enum and default of the rule are those of the field that a plain value fills.
func (d *decoder) structure(n *yaml.Node, v reflect.Value, p *place, r rule) {
	fields := d.fields(v.Type())
	p.fields = map[string]*place{}
	short := slices.IndexFunc(fields, func(f field) bool { return f.rule.short })
	if n.Kind == yaml.ScalarNode && short >= 0 {
		f := fields[short]
		at := d.place(p.file, n, p.path)
		p.fields[f.key] = at
		d.value(n, v.Field(f.index), at, f.rule.with(r))
		p.broken = at.broken
		d.absent(v, p, fields)
		return
	}
	if n.Kind != yaml.MappingNode {
		d.bad(p, n.Value, "must be a mapping, not "+kindOf(n), "")
		return
	}
	for _, e := range d.entries(n, p, nil) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			d.unknown(e, p, fields)
			continue
		}
		f := fields[i]
		at := d.place(p.file, e.value, p.path+"."+e.key)
		p.fields[e.key] = at
		fr := f.rule
		if f.rule.short {
			fr = fr.with(r)
		}
		d.value(e.value, v.Field(f.index), at, fr)
	}
	d.absent(v, p, fields)
}

func (r rule) with(outer rule) rule {
	if len(outer.enum) > 0 {
		r.enum = outer.enum
	}
	return r
}

func (d *decoder) unknown(e entry, p *place, fields []field) {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	hint := meant(e.key, keys)
	if hint == "" {
		hint = "the keys here are " + strings.Join(keys, ", ")
	}
	at := d.place(p.file, e.node, p.path)
	d.bad(at, e.key, "the key is not known", hint)
}

// absent tells the required fields that are missing and gives the others
// their defaults.
func (d *decoder) absent(v reflect.Value, p *place, fields []field) {
	for _, f := range fields {
		if _, given := p.fields[f.key]; given {
			continue
		}
		if f.rule.required {
			at := p.field(f.key)
			p.fields[f.key] = at
			if !p.broken {
				at.path = p.path
				d.bad(at, f.key, "the key is required", "")
				at.path = p.path + "." + f.key
			}
			at.broken = true
			continue
		}
		d.fill(v.Field(f.index), f.rule)
	}
}

// fill gives a value that is not in the files its default.
func (d *decoder) fill(v reflect.Value, r rule) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[Date]() {
			return
		}
		for _, f := range d.fields(v.Type()) {
			if f.rule.short && r.byDefault != nil {
				f.rule.byDefault = r.byDefault
			}
			d.fill(v.Field(f.index), f.rule)
		}
	case reflect.String:
		if r.byDefault != nil {
			v.SetString(*r.byDefault)
		}
	case reflect.Bool:
		v.SetBool(r.byDefault != nil && *r.byDefault == "true")
	case reflect.Int, reflect.Int64:
		if r.byDefault != nil {
			n, _ := strconv.ParseInt(*r.byDefault, 10, 64)
			v.SetInt(n)
		}
	case reflect.Float64:
		if r.byDefault != nil {
			f, _ := strconv.ParseFloat(*r.byDefault, 64)
			v.SetFloat(f)
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, p *place, r rule) {
	wrong := func(want, hint string) {
		value := n.Value
		if r.form == "sha256" {
			value = ""
		}
		says := "must be " + want
		if is := kindOf(n); is != "a number" || want == "text" {
			says += ", not " + is
		}
		d.bad(p, value, says, hint)
	}
	tag := ""
	if n.Kind == yaml.ScalarNode {
		tag = n.ShortTag()
	}
	switch v.Kind() {
	case reflect.String:
		if tag != "!!str" {
			hint := ""
			if tag == "!!int" || tag == "!!float" || tag == "!!bool" || tag == "!!timestamp" {
				hint = "write it in quotes"
			}
			wrong("text", hint)
			return
		}
		v.SetString(n.Value)
		d.textRule(n.Value, p, r)
	case reflect.Bool:
		if tag != "!!bool" || (n.Value != "true" && n.Value != "false") {
			wrong("true or false", "")
			return
		}
		v.SetBool(n.Value == "true")
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if tag != "!!int" || err != nil || strconv.FormatInt(i, 10) != n.Value {
			wrong("a whole number", "in plain digits, as 30")
			return
		}
		v.SetInt(i)
		if says := r.checkNumber(float64(i)); says != "" {
			d.bad(p, n.Value, says, "")
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if (tag != "!!int" && tag != "!!float") || err != nil || !d.compiled(plainNumber).MatchString(n.Value) {
			wrong("a finite number", "with a decimal point, as 0.25")
			return
		}
		// A negative zero would be a second canonical form of zero.
		v.SetFloat(f + 0)
		if says := r.checkNumber(f); says != "" {
			d.bad(p, n.Value, says, "")
		}
	}
}

const plainNumber = `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`

func (d *decoder) textRule(s string, p *place, r rule) {
	says, hint := r.checkText(s, d.compiled)
	if says == "" {
		return
	}
	if r.form == "sha256" {
		s = ""
	}
	d.bad(p, s, says, hint)
}

func languages() []string { return []string{"sv", "nb", "da", "en"} }
