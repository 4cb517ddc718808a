package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/pipeline/run"
)

// ErrKeyFile says that the key file is not where it was.
var ErrKeyFile = errors.New("the key file is gone")

// keyFile is where a data folder has its keys if nobody names another place.
func (c *Config) keyFile() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return filepath.Join(c.Data, "keys", "larstrom.keys")
}

// openKeys reads the key file. A data folder whose keys nobody has named, and
// in which nothing has been read yet, gets new ones; where deliveries were read
// with keys that are gone, they are never made anew. What needs no keys goes on
// without.
func (a *App) openKeys(ctx context.Context) error {
	path, region := a.cfg.keyFile(), a.Catalog.Region.Code
	k, err := pseudonym.Load(path, region)
	if errors.Is(err, fs.ErrNotExist) {
		if k, err = a.makeKeys(ctx, path, region); k == nil && err == nil {
			return nil
		}
	}
	if errors.Is(err, pseudonym.ErrNoKey) && a.cfg.WithoutIntake {
		return nil // a file with the key of rounding alone
	}
	if err != nil {
		return err
	}
	a.keys = k
	a.raw = rawstore.NewSealed(filepath.Join(a.cfg.Data, "raw"), k.Recipient(), k.Identities()...)
	a.incoming = rawstore.NewSealer(k.Recipient(), k.Identities()...)
	return nil
}

// Incoming encrypts files on their way in; nil: there are no keys for it.
func (a *App) Incoming() *rawstore.Sealer { return a.incoming }

func (a *App) makeKeys(ctx context.Context, path, region string) (*pseudonym.Keys, error) {
	switch {
	case a.cfg.WithoutIntake:
		return nil, nil
	case a.cfg.KeyFile != "":
		return nil, fmt.Errorf("%w: %s is not there; restore it, or make a first one with `larstrom keys`", ErrKeyFile, path)
	}
	var s run.State
	if err := s.Sync(ctx, a.log); err != nil {
		return nil, err
	}
	for _, d := range s.Deliveries() {
		if d.Keys != "" {
			a.noKeys = fmt.Errorf("%w: delivery %s was read with the keys %s, and %s is not there; restore it, or name its place with --key-file", ErrKeyFile, d.Delivery, d.Keys, path)
			return nil, nil
		}
	}
	err := pseudonym.Create(path, region, rand.Reader)
	switch {
	case err == nil:
		a.cfg.Logger.Info("made the keys of this region's pseudonyms and raw files: keep a copy in a safe place, apart from the data", "file", path)
	case !errors.Is(err, fs.ErrExist): // else another process has just made them
		return nil, err
	}
	return pseudonym.Load(path, region)
}
