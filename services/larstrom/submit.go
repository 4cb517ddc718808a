package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"larstrom/pipeline/intake"
	"larstrom/services/larstrom/control"
)

type submitCmd struct {
	Data   string   `placeholder:"DIR" xor:"where" required:"" help:"The data folder."`
	Server string   `placeholder:"URL" xor:"where" required:"" help:"The address of a server, in place of a data folder; the token is that of the files' feed, or the personal one of a source operator."`
	Again  bool     `help:"Take the files even if their bytes were seen before."`
	Files  []string `arg:"" name:"FILE" help:"Exports, each with its manifest beside it where its feed has one."`
	tokenFlag
	jsonFlag
	crashFlags
}

func (s *submitCmd) Run(ctx context.Context, c *console) error {
	for _, name := range s.Files {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: is no file; name the exports themselves", name)
		}
	}
	if s.Server != "" {
		token, err := s.token(c)
		if err != nil {
			return err
		}
		remote, err := control.NewRemote(s.Server, token)
		if err != nil {
			return &usageError{err.Error()}
		}
		uploader, err := control.NewUploader(s.Server, token, uploadsKept(c))
		if err != nil {
			return &usageError{err.Error()}
		}
		step, done := c.progress()
		receipts, err := uploader.Submit(ctx, s.Files, s.Again, step)
		done()
		if errors.Is(err, control.ErrNoFeedToken) {
			receipts, err = remote.Submit(ctx, s.Files, s.Again)
		}
		if err != nil {
			return err
		}
		return s.print(c, receipts)
	}
	return with(ctx, c, s.Data, s.crashFlags, func(on *session) error {
		receipts, err := on.Submit(ctx, s.Files, s.Again)
		if err != nil {
			return err
		}
		// The receipts are shown at once: they say what became of the files,
		// whatever happens to the publication.
		printed := s.print(c, receipts)
		if printed != nil && !errors.Is(printed, errShown) {
			return printed
		}
		return errors.Join(on.settle(ctx), printed)
	})
}

// uploadsKept is where a command that was interrupted left what it needs to go
// on; empty: nowhere.
func uploadsKept(c *console) string {
	dir := c.getenv("XDG_CACHE_HOME")
	if home := c.getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".cache")
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "larstrom", "uploads")
}

// print shows the receipts; a file that became no fact is exit status 1.
func (s *submitCmd) print(c *console, receipts []intake.Receipt) error {
	if err := writeReceipts(c, receipts, s.JSON); err != nil {
		return err
	}
	for _, r := range receipts {
		if r.Status != intake.StatusAccepted && r.Status != intake.StatusRepeated {
			return errShown
		}
	}
	return nil
}

func writeReceipts(c *console, receipts []intake.Receipt, asJSON bool) error {
	if asJSON {
		return writeJSON(c.out, "receipts", receipts)
	}
	for _, r := range receipts {
		if err := r.WriteText(c.out); err != nil {
			return err
		}
	}
	return nil
}
