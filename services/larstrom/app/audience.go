package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/warehouse"
	"larstrom/schemas/clickhouse"
	"larstrom/services/aggregator"
)

// ErrAudience says that a wider audience has no store, or a store no audience.
var ErrAudience = errors.New("the audience cannot have its editions")

// openAudiences opens a released store for every wider audience of the catalog.
// Without any it does nothing.
func (a *App) openAudiences(ctx context.Context) error {
	var ids []string
	for i := range a.Catalog.Profiles {
		if p := &a.Catalog.Profiles[i]; p.Wider() {
			ids = append(ids, p.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.cfg.AudienceDSN)) {
		if !slices.Contains(ids, id) {
			return fmt.Errorf("%w: %q is given a store, and the catalog has no such profile; %s", ErrAudience, id, thereAre(ids))
		}
	}
	if as := a.cfg.ClickHouse.Audience; as != "" && a.cfg.ClickHouse.Listen != "" && !slices.Contains(ids, as) {
		return fmt.Errorf("%w: %w: the catalog has no wider audience %q; %s", ErrClickHouse, ErrAudience, as, thereAre(ids))
	}
	if a.cfg.WithoutAudiences || len(ids) == 0 {
		return nil
	}
	rounding, err := a.rounding()
	if err != nil {
		return err
	}
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	from := len(a.stores)
	for _, id := range ids {
		if a.cfg.ReleasedDSN != "" && a.cfg.AudienceDSN[id] == "" {
			return fmt.Errorf("%w: %q: the released store is on a server, so name its own database there, too: --audience-dsn %s=DSN", ErrAudience, id, id)
		}
		a.stores = append(a.stores, "released:"+id)
		a.engines, a.conns, a.readers = append(a.engines, nil), append(a.conns, nil), append(a.readers, nil)
	}
	for i, id := range ids {
		p.Go(func(ctx context.Context) error {
			return a.openStore(ctx, from+i, a.stores[from+i], a.cfg.AudienceDSN[id], clickhouse.Released)
		})
	}
	if err := p.Wait(); err != nil {
		return err
	}
	for i, id := range ids {
		if rounding == nil {
			continue
		}
		a.audiences = append(a.audiences, aggregator.Audience{ID: id, Store: warehouse.NewReleased(a.conns[from+i]), Key: rounding.For(id)})
	}
	return nil
}

func thereAre(ids []string) string {
	if len(ids) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(ids, ", ")
}

// rounding is the secret of the region's editions; nil where the keys are lost,
// which is told: what has been published stays, and nothing is added.
func (a *App) rounding() (*pseudonym.Rounding, error) {
	if a.keys != nil {
		r := a.keys.Rounding()
		return &r, nil
	}
	if a.noKeys != nil {
		a.cfg.Logger.Error("wider audiences get no editions: they are rounded with a key of the key file", "error", a.noKeys.Error())
		return nil, nil //nolint:nilerr // told above: the rest goes on without editions
	}
	r, err := pseudonym.LoadRounding(a.cfg.keyFile(), a.Catalog.Region.Code)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: editions for wider audiences are rounded with a key of it; name it with --key-file (a file with the line %q alone is enough), or make a first one with `larstrom keys`: %w",
			ErrKeyFile, a.Catalog.Region.Code+" rounding …", err)
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// Audiences are the wider audiences of the catalog, in the order of their ids.
func (a *App) Audiences() []catalog.Profile {
	var out []catalog.Profile
	for _, p := range a.Catalog.Profiles {
		if p.Wider() {
			out = append(out, p)
		}
	}
	return out
}
