package catalogschema

import (
	"embed"
	"io/fs"
)

// Embedding needs variables; nothing writes to them.

//go:embed catalog.schema.json
var schema string

//go:embed examples
var examples embed.FS

// Schema is the JSON Schema (2020-12) of one catalog file.
func Schema() []byte { return []byte(schema) }

// Example is one example catalog: nhs-ae or norrsund. It is an error if there
// is none of that name.
func Example(name string) (fs.FS, error) {
	sub, err := fs.Sub(examples, "examples/"+name)
	if err != nil {
		return nil, err
	}
	if _, err := fs.Stat(sub, "."); err != nil {
		return nil, err
	}
	return sub, nil
}
