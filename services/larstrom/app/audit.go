package app

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"larstrom/pipeline/audit"
	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
)

// auditKey is where a data folder has the key that signs audit trails: beside
// the others.
func (c *Config) auditKey() string { return filepath.Join(filepath.Dir(c.keyFile()), "audit.key") }

// AuditKey is the public key of this folder's trails. The first time it is
// asked for, the private one is made.
func (a *App) AuditKey() (ed25519.PublicKey, error) {
	key, err := a.signing()
	if err != nil {
		return nil, err
	}
	return key.Public().(ed25519.PublicKey), nil
}

func (a *App) signing() (ed25519.PrivateKey, error) {
	key, err := audit.LoadKey(a.cfg.auditKey())
	if errors.Is(err, fs.ErrNotExist) {
		return audit.MakeKey(a.cfg.auditKey(), rand.Reader)
	}
	return key, err
}

// Audit writes the whole LEDGER as a signed trail. A person gets it who may read
// events of everything; nil is the operator, who can read the data folder.
func (a *App) Audit(ctx context.Context, who *catalog.Person, w io.Writer) error {
	if who != nil {
		if err := a.readsEvents(*who); err != nil {
			return err
		}
	}
	key, err := a.signing()
	if err != nil {
		return err
	}
	out, err := audit.NewWriter(w, key, a.Catalog.Region.Code, a.cfg.Clock())
	if err != nil {
		return err
	}
	for e, err := range a.log.Events(ctx, 1) {
		if err != nil {
			return err
		}
		if err := out.Add(e); err != nil {
			return err
		}
	}
	return out.Close()
}

// readsEvents refuses who may not read the events of everything.
func (a *App) readsEvents(who catalog.Person) error {
	actor, _ := a.actor(who)
	var registries []string
	for _, r := range a.Catalog.Registries {
		registries = append(registries, r.Code)
	}
	return gate.Reads(actor, gate.OfEvent, registries, []string{""})
}

// noteRows puts a query to the store of rows on record, before it is asked: by whom,
// empty for the operator.
func (a *App) noteRows(ctx context.Context, by, client, query string) error {
	h := sha256.Sum256([]byte(query))
	return a.validator.Read(ctx, event.DataRead{By: by, Client: client, What: event.ReadRows, Of: hex.EncodeToString(h[:]), On: catalog.DateOf(a.cfg.Clock())})
}
