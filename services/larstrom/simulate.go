package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/simulate"
)

type simulateCmd struct {
	Out        string   `required:"" placeholder:"DIR" help:"New or empty folder for catalog, drop and truth.json."`
	Seed       uint64   `required:"" placeholder:"N" help:"The same seed gives the same bytes."`
	Units      int      `default:"60" placeholder:"N" help:"Units that report (default: ${default})."`
	Indicators int      `default:"20" placeholder:"N" help:"Indicators (default: ${default})."`
	Months     int      `default:"36" placeholder:"N" help:"Months of history (default: ${default})."`
	Nights     int      `default:"5" placeholder:"N" help:"Nights of deliveries after the first load (default: ${default})."`
	LastNight  string   `placeholder:"DATE" help:"Date of the last night (default: a fixed day, never today's)."`
	Faults     *int     `placeholder:"F" help:"How many faults to inject; 0: none (default: one of each kind)."`
	Fault      []string `placeholder:"KIND" help:"Kinds to choose from (default: all), as unit_silent,spike."`
	jsonFlag
}

func (s *simulateCmd) Run(ctx context.Context, c *console) (err error) {
	o, err := s.options()
	if err != nil {
		return err
	}
	if err := newFolder(s.Out); err != nil {
		return err
	}
	step, end := c.progress()
	res, err := simulate.Run(ctx, o, folder(s.Out), step)
	end()
	if err != nil {
		return err
	}
	if s.JSON {
		return writeJSON(c.out, "simulated", map[string]any{"out": s.Out, "files": res.Files, "rows": res.Rows, "bytes": res.Bytes, "faults": len(res.Truth.Faults)})
	}
	return s.summary(c, res)
}

func (s *simulateCmd) options() (simulate.Options, error) {
	o := simulate.Default()
	o.Seed, o.Units, o.Indicators, o.Months, o.Nights = s.Seed, s.Units, s.Indicators, s.Months, s.Nights
	if s.Faults != nil {
		if o.Faults = *s.Faults; o.Faults < 0 {
			return o, &usageError{fmt.Sprintf("simulate: --faults is %d; it is a number of faults, 0 for none", o.Faults)}
		}
	}
	for _, k := range s.Fault {
		o.Kinds = append(o.Kinds, simulate.Kind(k))
	}
	if s.LastNight != "" {
		d, err := catalog.ParseDate(s.LastNight)
		if err != nil {
			return o, &usageError{"--last-night: " + err.Error()}
		}
		o.LastNight = d
	}
	if err := o.Validate(); err != nil {
		return o, &usageError{strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return o, nil
}

// newFolder makes the folder, or refuses one that holds something: what an
// earlier simulation left there would become part of this one.
func newFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(dir, 0o750)
	case err != nil:
		return fmt.Errorf("--out: %w; name a new or empty folder", err)
	case len(entries) > 0:
		return fmt.Errorf("--out: %s is not empty (it holds %s); name a new or empty folder", dir, entries[0].Name())
	}
	return nil
}

// folder is a simulate.Sink on disk.
type folder string

func (f folder) Create(name string) (io.WriteCloser, error) {
	path := filepath.Join(string(f), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (s *simulateCmd) summary(c *console, res *simulate.Result) error {
	t := res.Truth
	rows := []string{
		fmt.Sprintf("Region\t%s, invented: %d units, %d indicators", t.Region, t.Units, len(t.Indicators)),
		fmt.Sprintf("Exports\t%d files, %d rows, %.1f MB: a first load as of %s and %d nights to %s", res.Files, res.Rows, float64(res.Bytes)/1e6,
			t.FirstLoad, len(t.Nights), t.Nights[len(t.Nights)-1]),
		fmt.Sprintf("Faults\t%d, described in %s", len(t.Faults), filepath.Join(s.Out, "truth.json")),
	}
	for _, f := range t.Faults {
		rows = append(rows, fmt.Sprintf("  %s\t%s %s: %s", f.Night, f.Kind, f.File, f.Text))
	}
	rows = append(rows, fmt.Sprintf("Next\t%s up --once --data DIR --catalog %s --drop %s", c.name, quoted(filepath.Join(s.Out, "catalog")), quoted(filepath.Join(s.Out, "drop"))))
	return writeTable(c.out, rows)
}
