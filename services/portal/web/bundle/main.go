package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: bundle DIR, the folder with src and dist") }
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	script, err := build(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(output(dir), script, 0o644)
}

func output(dir string) string { return filepath.Join(dir, "dist", "portal.js") }

// build is the bundle of the sources in dir: the same sources give the same
// bytes.
func build(dir string) ([]byte, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	r := api.Build(api.BuildOptions{
		AbsWorkingDir: dir,
		EntryPoints:   []string{"src/portal.ts"},
		Outfile:       output(dir),
		Bundle:        true,
		Format:        api.FormatIIFE,
		Platform:      api.PlatformBrowser,
		Target:        api.ES2022,
		Charset:       api.CharsetUTF8,
		TreeShaking:   api.TreeShakingTrue,
		LegalComments: api.LegalCommentsNone,
		LogLevel:      api.LogLevelSilent,
		Tsconfig:      filepath.Join(dir, "tsconfig.json"),
	})
	var errs []error
	for _, m := range append(r.Errors, r.Warnings...) {
		at := ""
		if m.Location != nil {
			at = fmt.Sprintf("%s:%d:%d: ", m.Location.File, m.Location.Line, m.Location.Column)
		}
		errs = append(errs, errors.New(at+m.Text))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(r.OutputFiles) != 1 {
		return nil, fmt.Errorf("%d files, want one script", len(r.OutputFiles))
	}
	return r.OutputFiles[0].Contents, nil
}
