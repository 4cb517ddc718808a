package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"larstrom/pipeline/embedded/engine"
	"larstrom/services/larstrom/control"
)

type engineCmd struct{}

func (engineCmd) Run(ctx context.Context, c *console) error { return engine.RunChild(ctx, c.in, c.out) }

type tokenCmd struct {
	Feed string `placeholder:"NAME" help:"Make a token that hands in files of this feed over HTTPS, in place of a personal one."`
	jsonFlag
}

func (t *tokenCmd) Run(c *console) error {
	token, sha := control.NewToken()
	if t.JSON {
		return writeJSON(c.out, "token", map[string]string{"token": token, "token_sha256": sha})
	}
	if t.Feed != "" {
		return writeTable(c.out, []string{
			"token\t" + token + "\tthe sender keeps it, and gives it in LARSTROM_TOKEN or with --token-file",
			"upload_tokens\t[" + sha + "]\tgoes under the feed " + t.Feed + " in the catalog",
		})
	}
	return writeTable(c.out, []string{
		"token\t" + token + "\tthe person keeps it, and gives it in LARSTROM_TOKEN or with --token-file",
		"token_sha256\t" + sha + "\tgoes under the person in the catalog",
	})
}

// buildVersion is what the binary says of its version and revision; empty where
// it says nothing.
func buildVersion() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", ""
	}
	version, revision = info.Main.Version, "unknown"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	if version == "" || version == "(devel)" {
		version = "development"
	}
	return version, revision
}

type versionCmd struct{ jsonFlag }

func (v *versionCmd) Run(c *console) error {
	version, revision := buildVersion()
	if version == "" {
		return errors.New("this binary has no build information; build it with the go command")
	}
	if v.JSON {
		return writeJSON(c.out, "larstrom", map[string]string{"version": version, "revision": revision, "go": runtime.Version(), "libchdb": engine.LibraryVersion})
	}
	_, err := fmt.Fprintf(c.out, "larstrom %s (revision %s, %s, libchdb %s)\n", version, revision, runtime.Version(), engine.LibraryVersion)
	return err
}
