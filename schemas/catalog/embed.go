package catalogschema

import (
	"embed"
	"io/fs"
)

// Embedding needs variables; nothing writes to them.

//go:embed catalog.schema.json
var schema string

//go:embed examples feeds
var examples embed.FS

// ReadyFeeds are the names of the ready feed definitions, in order.
func ReadyFeeds() ([]string, error) {
	list, err := examples.ReadDir("feeds")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names, nil
}

// ReadyFeed is one ready feed definition: a small catalog in catalog.yaml, and
// beside it invented files, those in sample right and those in faulty not.
func ReadyFeed(name string) (fs.FS, error) {
	if _, err := fs.Stat(examples, "feeds/"+name); err != nil {
		return nil, err
	}
	return fs.Sub(examples, "feeds/"+name)
}

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
