package catalog_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"larstrom/pipeline/catalog"
	catalogschema "larstrom/schemas/catalog"
)

func mapFS(texts ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i, text := range texts {
		fsys[string(rune('a'+i))+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// FuzzLoad: whatever a file holds, Load gives a catalog that Decode reads
// back, or problems that have a place and a rule; it never panics.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"nhs-ae", "norrsund"} {
		fsys, err := catalogschema.Example(name)
		if err != nil {
			f.Fatal(err)
		}
		err = fs.WalkDir(fsys, ".", func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || file == "units.yaml" {
				return err
			}
			text, err := fs.ReadFile(fsys, file)
			f.Add(text)
			return err
		})
		if err != nil {
			f.Fatal(err)
		}
	}
	f.Add([]byte(base))
	for _, b := range brokenCatalogs() {
		f.Add([]byte(b.new))
	}
	f.Add([]byte("units: &u [*u]"))
	f.Add([]byte("region: &r {<<: *r, <<: [*r, *r]}"))
	f.Add([]byte("? [a]\n: b\n? {x: y}\n: z"))
	f.Add([]byte("indicators: [{targets: [~, 1, {value: -0}]}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := catalog.Load(mapFS(string(text)))
		if err != nil {
			var wrong *catalog.Error
			if !errors.As(err, &wrong) || len(wrong.Problems) == 0 || c != nil {
				t.Fatalf("no problem is named: %v", err)
			}
			for _, p := range wrong.Problems {
				if p.Rule == "" || p.File != "" && (p.Line < 1 || p.Column < 1) {
					t.Fatalf("no place or no rule: %+v", p)
				}
			}
			return
		}
		back, err := catalog.Decode(c.Canonical())
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Canonical())
		}
		if d := sameValues(c, back); d != "" || !bytes.Equal(back.Canonical(), c.Canonical()) || back.Hash != c.Hash {
			t.Fatal(d)
		}
	})
}

// FuzzDecode: bytes that Decode accepts are the ones that Canonical writes.
func FuzzDecode(f *testing.F) {
	f.Add(example(f, "norrsund").Canonical())
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := catalog.Decode(b)
		if err == nil && !bytes.Equal(c.Canonical(), b) {
			t.Fatalf("%s\n%s", b, c.Canonical())
		}
	})
}
