package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/propose"
	"larstrom/pipeline/intake/pseudonym"
)

type checkCmd struct {
	File    string `arg:"" name:"FILE" help:"The export."`
	Feed    string `placeholder:"NAME" help:"The feed (default: the one whose patterns match the file name)."`
	Catalog string `placeholder:"DIR" xor:"where" help:"Folder of YAML; without it and --data, a feed is proposed for the file."`
	Data    string `placeholder:"DIR" xor:"where" help:"Data folder, for the catalog in use there."`
	jsonFlag
}

func (k *checkCmd) Run(ctx context.Context, c *console) error {
	if k.Catalog == "" && k.Data == "" {
		if k.Feed != "" {
			return &usageError{"check: --feed needs --catalog or --data, where the feed is"}
		}
		return k.propose(c)
	}
	cat, err := k.catalog(ctx, c)
	if err != nil {
		return err
	}
	if _, err := cat.Index().FeedFor(filepath.Base(k.File)); k.Feed == "" && errors.Is(err, catalog.ErrNoFeed) {
		if proposed := k.propose(c); errors.Is(proposed, fs.ErrNotExist) {
			return proposed
		}
		return err
	}
	receipt, err := dryRun(ctx, cat, k.Feed, k.File)
	if err != nil {
		return fmt.Errorf("%s: %w", k.File, err)
	}
	if k.JSON {
		err = writeJSON(c.out, "receipt", receipt)
	} else if _, err = io.WriteString(c.out, "dry run, nothing is stored: this would be the receipt\n"); err == nil {
		err = receipt.WriteText(c.out)
	}
	if err == nil && receipt.Status != intake.StatusAccepted {
		return errShown
	}
	return err
}

// propose prints a feed definition for a file that no feed takes.
func (k *checkCmd) propose(c *console) error {
	f, err := os.Open(k.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: is no file", k.File)
	}
	p, err := propose.Propose(filepath.Base(k.File), f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w; ask the sender for its description", k.File, err)
	}
	if k.JSON {
		return writeJSON(c.out, "proposal", map[string]any{"yaml": p.YAML(), "columns": p.Columns(), "warnings": p.Warnings, "evidence": p.Evidence()})
	}
	_, err = io.WriteString(c.out, p.YAML())
	return err
}

func (k *checkCmd) catalog(ctx context.Context, c *console) (cat *catalog.Catalog, err error) {
	if k.Catalog != "" {
		if err := isFolder(k.Catalog); err != nil {
			return nil, err
		}
		return loadCatalog(k.Catalog)
	}
	err = with(ctx, c, k.Data, crashFlags{}, func(s *session) error {
		cat, err = s.Catalog(ctx)
		return err
	})
	return cat, err
}

// dryRun reads the file as ingest would and gives the receipt that would come
// of it.
func dryRun(ctx context.Context, cat *catalog.Catalog, feedID, path string) (intake.Receipt, error) {
	name := filepath.Base(path)
	index := cat.Index()
	var feed *catalog.Feed
	if feedID != "" {
		var ok bool
		if feed, ok = index.Feed(feedID); !ok {
			return intake.Receipt{}, fmt.Errorf("the catalog has no feed %q", feedID)
		}
	} else {
		var err error
		if feed, err = index.FeedFor(name); err != nil {
			return intake.Receipt{}, err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return intake.Receipt{}, err
	}
	defer func() { _ = f.Close() }()
	// Nobody sees the pseudonyms of a dry run.
	keys, err := pseudonym.New(cat.Region.Code, rand.Reader)
	if err != nil {
		return intake.Receipt{}, err
	}
	d := intake.Delivery{Region: cat.Region.Code, Name: name, Keys: keys}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return intake.Receipt{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return intake.Receipt{}, err
	}
	d.Raw = hex.EncodeToString(hash.Sum(nil))
	res, err := readAs(ctx, f, feed, index, path, &d)
	return intake.NewReceipt(feed, d, res, err)
}

func readAs(ctx context.Context, f io.ReadSeeker, feed *catalog.Feed, index *catalog.Index, path string, d *intake.Delivery) (intake.Result, error) {
	now := time.Now()
	shown, bad := intake.CheckName(d.Name, catalog.DateOf(now))
	if bad != nil {
		d.Name = shown
		return intake.Result{}, &intake.FileError{Problems: []event.Problem{*bad}}
	}
	b, err := os.ReadFile(intake.ManifestName(path))
	if err == nil {
		if d.Manifest, err = intake.ParseManifest(b); err == nil {
			err = intake.CheckManifest(feed, b, catalog.DateOf(now))
		}
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return intake.Result{}, err
	}
	if d.AsOf, _, err = intake.AsOf(feed, d.Name, d.Manifest, now); err != nil {
		return intake.Result{}, err
	}
	if _, _, err := intake.OrderKey(feed, d.Name, d.Manifest); err != nil {
		return intake.Result{}, err
	}
	res, err := intake.Read(ctx, f, feed, index, *d, nowhere{})
	if again, ok := errors.AsType[*intake.Reread](err); ok {
		d.Looked = again.Looked
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return intake.Result{}, err
		}
		res, err = intake.Read(ctx, f, feed, index, *d, nowhere{})
	}
	if err == nil {
		err = intake.Unplaced(feed, &res)
	}
	return res, err
}

// nowhere takes everything and keeps nothing: the result counts.
type nowhere struct{}

func (nowhere) Block(*event.Observations) error { return nil }
func (nowhere) Reject(*intake.Reject) error     { return nil }
