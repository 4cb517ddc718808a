package intake

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"larstrom/pipeline/catalog"
	catalogschema "larstrom/schemas/catalog"
)

// readyFeed loads a ready feed definition.
func readyFeed(t testing.TB, name string) (fs.FS, *catalog.Catalog) {
	t.Helper()
	fsys, err := catalogschema.ReadyFeed(name)
	if name == "nhs-ae" {
		fsys, err = catalogschema.Example(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Load(fsys)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(c.Feeds) != 1 {
		t.Fatalf("%s has %d feeds", name, len(c.Feeds))
	}
	return fsys, c
}

// whole reads a file of a feed as the ingest service does and tells everything
// that came of it.
func whole(t testing.TB, c *catalog.Catalog, name string, text []byte) string {
	t.Helper()
	feed := &c.Feeds[0]
	if !slices.ContainsFunc(feed.Files, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
		t.Errorf("%s is none of the feed's files %v", name, feed.Files)
	}
	var b strings.Builder
	d := delivery()
	d.Name, d.Region = name, c.Region.Code
	arrival := time.Date(2024, 12, 31, 12, 0, 0, 0, time.UTC)
	var err error
	if d.AsOf, _, err = AsOf(feed, name, nil, arrival); err != nil {
		t.Fatal(err)
	}
	s := &taken{}
	res, err := Read(context.Background(), bytes.NewReader(text), feed, c.Index(), d, s)
	var bad *FileError
	if errors.As(err, &bad) {
		for _, p := range bad.Problems {
			fmt.Fprintf(&b, "file: %s\n", ReceiptProblem{Line: p.Line, Column: p.Column, Rule: p.Rule, Text: p.Text, Hint: p.Hint}.Where(name))
		}
		return b.String()
	}
	if err != nil {
		t.Fatal(err)
	}
	checkSum(t, s, res)
	from, to := Window(feed, &res)
	fmt.Fprintf(&b, "%s from %s to %s, as of %s: %d lines, %d rejected, %d parked, %d skipped\n", Kind(feed, &res), from, to, res.AsOf, res.Lines, res.Rejected, res.Parked, res.Skipped)
	for _, row := range s.rows() {
		fmt.Fprintf(&b, "  %s\n", row)
	}
	for _, r := range s.rejects {
		fmt.Fprintf(&b, "  %s\n", ReceiptProblem{Line: r.Line, Column: r.Column, Value: r.Value, Rule: r.Rule, Text: r.Text, Hint: r.Hint, Parked: r.Parked}.Where(name))
	}
	return b.String()
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestReadyFeeds reads every sample of every ready feed definition, those that
// are right and those that are not, and holds every observation and reject.
func TestReadyFeeds(t *testing.T) {
	names, err := catalogschema.ReadyFeeds()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "nhs-ae") {
		t.Run(name, func(t *testing.T) {
			fsys, c := readyFeed(t, name)
			var b strings.Builder
			for _, kind := range []string{"sample", "faulty"} {
				files, err := fs.Glob(fsys, kind+"/*")
				if err != nil {
					t.Fatal(err)
				}
				if len(files) == 0 && name != "nhs-ae" {
					t.Errorf("no file in %s", kind)
				}
				for _, file := range files {
					text, err := fs.ReadFile(fsys, file)
					if err != nil {
						t.Fatal(err)
					}
					if len(text) > 20_000 { // one of its beginnings is enough
						text = text[:bytes.LastIndexByte(text[:2000], '\n')+1]
					}
					told := whole(t, c, path.Base(file), text)
					fault := strings.Contains(told, " rej ") || strings.Contains(told, "file: ") || strings.Contains(told, " park ")
					if fault != (kind == "faulty") {
						t.Errorf("%s: faults: %v", file, fault)
					}
					fmt.Fprintf(&b, "%s: %s\n", file, told)
				}
			}
			golden := filepath.Join("testdata", "feeds", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, name, strings.Split(b.String(), "\n"), strings.Split(string(want), "\n"))
		})
	}
}
