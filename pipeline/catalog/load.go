package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// LoadDir is Load of a folder.
func LoadDir(dir string) (*Catalog, error) { return Load(os.DirFS(dir)) }

// Load reads the *.yaml and *.yml files of a folder and those below it as one
// catalog. Every file holds any of the top-level keys; lists of several files
// are joined. A wrong catalog is refused whole with an *Error that lists every
// problem; another error says that the folder itself cannot be read.
//
// Files and folders whose names begin with a dot are passed over: editors and
// orchestrators keep second copies of a catalog there.
func Load(fsys fs.FS) (*Catalog, error) {
	names, err := catalogFiles(fsys)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w; name a folder that can be read", err)
	}
	l := loader{d: newDecoder(), c: &Catalog{}, top: &place{fields: map[string]*place{}}}
	if len(names) == 0 {
		l.d.bad(&place{}, "", "the folder holds no catalog", "put *.yaml files into it, one with the key region")
		return nil, &Error{l.d.problems}
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			l.d.incomplete = true
			l.d.bad(&place{file: name}, "", "the file cannot be read: "+reason(err), "look at its permissions")
			continue
		}
		l.file(name, text)
	}
	return l.finish()
}

func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

func catalogFiles(fsys fs.FS) ([]string, error) {
	var names []string
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(path.Base(name), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(name); !entry.IsDir() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// loader joins the files of one catalog.
type loader struct {
	d   *decoder
	c   *Catalog
	top *place
}

func (l *loader) file(name string, text []byte) {
	doc := l.d.parse(name, text)
	if doc == nil || len(doc.Content) == 0 {
		return
	}
	root := target(doc.Content[0])
	at := l.d.place(name, root, "")
	if root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null" {
		return
	}
	if root.Kind != yaml.MappingNode {
		l.d.bad(at, root.Value, "a catalog file must be a mapping, not "+kindOf(root), "begin with a key, as units:")
		l.d.incomplete = true
		return
	}
	catalog := reflect.ValueOf(l.c).Elem()
	fields := l.d.fields(catalog.Type())
	for _, e := range l.d.entries(root, at, nil) {
		// Keys that begin with x- are a place for anchors.
		if strings.HasPrefix(e.key, "x-") {
			continue
		}
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == e.key })
		if i < 0 {
			l.d.unknown(e, at, fields)
			l.d.incomplete = true
			continue
		}
		f := fields[i]
		here := l.d.place(name, e.value, e.key)
		before, again := l.top.fields[e.key]
		if f.key == "region" {
			if again {
				l.d.bad(l.d.place(name, e.node, e.key), "", "a catalog must have one region", "the first is at "+before.String()+"; remove one of them")
				continue
			}
			l.top.fields[e.key] = here
			l.d.value(e.value, catalog.Field(f.index), here, f.rule)
			continue
		}
		part := reflect.New(catalog.Field(f.index).Type()).Elem()
		l.d.value(e.value, part, here, rule{})
		l.d.incomplete = l.d.incomplete || here.broken
		catalog.Field(f.index).Set(reflect.AppendSlice(catalog.Field(f.index), part))
		if again {
			before.items = append(before.items, here.items...)
			here = before
		}
		l.top.fields[e.key] = here
	}
}

func (l *loader) finish() (*Catalog, error) {
	for _, f := range l.d.fields(reflect.TypeFor[Catalog]()) {
		if _, given := l.top.fields[f.key]; f.rule.required && !given && !l.d.incomplete {
			l.d.bad(&place{}, f.key, "the key is required", "no file of the catalog has it")
		}
	}
	fillWhole(l.c)
	v := validator{d: l.d, c: l.c, top: l.top}
	v.run()
	if len(l.d.problems) > 0 {
		return nil, &Error{sortProblems(l.d.problems)}
	}
	normalise(l.c)
	l.c.seal()
	return l.c, nil
}

// fillWhole gives the defaults that depend on more than one key.
func fillWhole(c *Catalog) {
	for i := range c.Indicators {
		if in := &c.Indicators[i]; len(in.Versions) == 0 {
			in.Versions = []Version{{ID: "1"}}
		}
	}
	for i := range c.Feeds {
		f := &c.Feeds[i]
		if f.TimeZone == "" {
			f.TimeZone = c.Region.TimeZone
		}
		if f.AsOf.By != "arrival" && f.AsOf.Layout == "" {
			f.AsOf.Layout = "2006-01-02"
		}
	}
	if len(c.Profiles) == 0 {
		c.Profiles = []Profile{{ID: "internal", Rule: "internal"}}
	}
}
