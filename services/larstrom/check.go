package main

import (
	"context"
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
)

type checkCmd struct {
	File    string `arg:"" name:"FILE" help:"The export."`
	Feed    string `placeholder:"NAME" help:"The feed (default: the one whose patterns match the file name)."`
	Catalog string `placeholder:"DIR" xor:"where" required:"" help:"Folder of YAML."`
	Data    string `placeholder:"DIR" xor:"where" required:"" help:"Data folder, for the catalog in use there."`
	jsonFlag
}

func (k *checkCmd) Run(ctx context.Context, c *console) error {
	cat, err := k.catalog(ctx, c)
	if err != nil {
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
	d := intake.Delivery{Region: cat.Region.Code, Name: name}
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

func readAs(ctx context.Context, f io.Reader, feed *catalog.Feed, index *catalog.Index, path string, d *intake.Delivery) (intake.Result, error) {
	b, err := os.ReadFile(intake.ManifestName(path))
	if err == nil {
		d.Manifest, err = intake.ParseManifest(b)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return intake.Result{}, err
	}
	if d.AsOf, _, err = intake.AsOf(feed, d.Name, d.Manifest, time.Now()); err != nil {
		return intake.Result{}, err
	}
	if _, _, err := intake.OrderKey(feed, d.Name, d.Manifest); err != nil {
		return intake.Result{}, err
	}
	res, err := intake.Read(ctx, f, feed, index, *d, nowhere{})
	if err == nil {
		err = intake.Unplaced(feed, &res)
	}
	return res, err
}

// nowhere takes everything and keeps nothing: the result counts.
type nowhere struct{}

func (nowhere) Block(*event.Observations) error { return nil }
func (nowhere) Reject(*intake.Reject) error     { return nil }
