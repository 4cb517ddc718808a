package aggregator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// Fingerprint says what the stores hold: the cells of the warehouse, and the
// sets that the released store shows, whole ones only.
func (s *Service) Fingerprint(ctx context.Context) (string, error) {
	cells, sum, err := s.cfg.Warehouse.Fingerprint(ctx)
	if err != nil {
		return "", err
	}
	p, ok, err := s.cfg.Released.Pointer(ctx)
	if err != nil {
		return "", err
	}
	editions, err := s.editionFingerprints(ctx)
	if err != nil {
		return "", err
	}
	if !ok {
		return fmt.Sprintf("%d cells %016x, nothing published%s", cells, sum, editions), nil
	}
	sets := publication.SetID(fmt.Sprint(p.Sets), []publication.Sum{{Table: p.Meta}})
	return fmt.Sprintf("%d cells %016x, publication %d %s%s", cells, sum, p.Publication, sets, editions), nil
}

// Replay empties the stores and fills them again from the log: rows from OBS,
// cells from CELLS, the shown publication from both and the LEDGER. It runs no
// checks and appends nothing.
func (s *Service) Replay(ctx context.Context, progress func(string)) error {
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return err
	}
	progress("emptying the stores")
	s.verified = 0
	clear(s.built)
	s.flagged = flagged{}
	if err := errors.Join(s.cfg.Released.Truncate(ctx), s.cfg.Warehouse.Truncate(ctx), s.forgetEditions(ctx)); err != nil {
		return err
	}
	for i, d := range s.state.Deliveries() {
		if d.Cells == nil {
			continue
		}
		progress(fmt.Sprintf("delivery %d of %d: %s", i+1, len(s.state.Deliveries()), d.Delivery))
		if err := s.load(ctx, d); err != nil {
			return err
		}
		if err := s.cfg.Warehouse.LoadCells(ctx, *d.Cells, s.blocks(eventlog.CELLS, d.Cells.Cells)); err != nil {
			return err
		}
	}
	progress("computing the publication")
	if err := s.restorePointer(ctx); err != nil {
		return err
	}
	return s.showEditions(ctx, progress)
}

// Verify holds log, stores and LEDGER against each other and reports every
// difference through problem. It stops only when it cannot read on.
func (s *Service) Verify(ctx context.Context, progress func(string), problem func(string), count func(what string, n int)) error {
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		problem("LEDGER: " + err.Error())
		return nil //nolint:nilerr // a LEDGER that cannot be read is a finding, and it is reported
	}
	count("ledger events", int(s.state.Seq))
	inLog := map[versionKey]cell.Fingerprint{}
	for i, d := range s.state.Deliveries() {
		if d.Accepted == nil {
			continue
		}
		progress(fmt.Sprintf("delivery %d of %d: %s", i+1, len(s.state.Deliveries()), d.Delivery))
		if err := s.verifyDelivery(ctx, d, inLog, problem, count); err != nil {
			return err
		}
	}
	indicators := map[string]bool{}
	for i := range s.cfg.Catalog.Indicators {
		indicators[s.cfg.Catalog.Indicators[i].ID] = true
	}
	for k := range inLog { // also those that the catalog no longer has
		indicators[k.key.Indicator] = true
	}
	for _, id := range slices.Sorted(maps.Keys(indicators)) {
		progress("cells of " + id)
		if err := s.verifyCells(ctx, id, inLog, problem, count); err != nil {
			return err
		}
	}
	for k := range inLog {
		problem(fmt.Sprintf("warehouse: the version of revision %d of cell %s is in CELLS and not in the store", k.rev, k.key))
	}
	progress("recomputing cells")
	if err := s.verifyRecomputed(ctx, problem, count); err != nil {
		return err
	}
	progress("publication")
	if err := s.verifyPublication(ctx, problem, count); err != nil {
		return err
	}
	return s.verifyEditions(ctx, progress, problem, count)
}

type versionKey struct {
	key cell.Key
	rev uint64
}

// verifyDelivery reads the delivery's blocks from the log and compares its
// rows with the store's.
func (s *Service) verifyDelivery(ctx context.Context, d *run.Delivery, inLog map[versionKey]cell.Fingerprint, problem func(string), count func(string, int)) error {
	var sum warehouse.Sum
	var o event.Observations
	err := s.cfg.Log.ReadRange(ctx, eventlog.OBS, d.Accepted.Blocks, func(_ uint64, payload []byte) error {
		if err := block.DecodeObservations(payload, &o); err != nil {
			return err
		}
		sum.AddObservations(&o)
		return nil
	})
	count("OBS blocks", d.Accepted.Blocks.Blocks)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		problem(fmt.Sprintf("OBS: delivery %s: %v", d.Delivery, err))
	} else if d.Cells != nil {
		stored, err := s.cfg.Warehouse.Observations(ctx, d.Feed, d.Delivery)
		if err != nil {
			return err
		}
		if stored != sum {
			problem(fmt.Sprintf("warehouse: the rows of delivery %s are not those of the log (%d rows in the store, %d in the log); run replay", d.Delivery, stored.Rows, sum.Rows))
		}
		count("rows", int(sum.Rows))
	}
	if d.Cells == nil {
		return nil
	}
	err = s.cfg.Log.ReadRange(ctx, eventlog.CELLS, d.Cells.Cells, func(_ uint64, payload []byte) error {
		b, err := block.DecodeCells(payload)
		if err != nil {
			return err
		}
		for _, v := range b.Versions {
			inLog[versionKey{v.Key, v.Rev}] = v.Fingerprint
		}
		return nil
	})
	count("CELLS blocks", d.Cells.Cells.Blocks)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		problem(fmt.Sprintf("CELLS: delivery %s: %v", d.Delivery, err))
	}
	return nil
}

// verifyCells compares the store's versions with those of the log, and takes
// the ones that it found out of inLog.
func (s *Service) verifyCells(ctx context.Context, indicator string, inLog map[versionKey]cell.Fingerprint, problem func(string), count func(string, int)) error {
	versions, err := s.cfg.Warehouse.AllVersions(ctx, indicator)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		problem(fmt.Sprintf("warehouse: cells of %s: %v; run replay", indicator, err))
		for k := range inLog {
			if k.key.Indicator == indicator {
				delete(inLog, k)
			}
		}
		return nil
	}
	count("cell versions", len(versions))
	for _, v := range versions {
		k := versionKey{v.Key, v.Rev}
		fp, ok := inLog[k]
		if !ok || fp != v.Fingerprint {
			problem(fmt.Sprintf("warehouse: the version of revision %d of cell %s is not the one in CELLS; run replay", v.Rev, v.Key))
		}
		delete(inLog, k)
	}
	return nil
}

// verifyRecomputed computes the current cells of every feed from the rows and
// compares them with CELLS.
func (s *Service) verifyRecomputed(ctx context.Context, problem func(string), count func(string, int)) error {
	r := s.state.LastChecked()
	if r == nil {
		return nil
	}
	for i := range s.cfg.Catalog.Feeds {
		feed := &s.cfg.Catalog.Feeds[i]
		scope := s.scope(feed, r, "")
		if len(scope.Effective.Deliveries) == 0 {
			continue
		}
		now, err := s.cfg.Warehouse.Cells(ctx, s.cfg.Catalog.Region.Code, scope)
		if err != nil {
			return err
		}
		before, err := s.cfg.Warehouse.CurrentCells(ctx, scope, s.state.Rev(r)+1)
		if err != nil {
			problem(fmt.Sprintf("warehouse: cells of feed %s: %v; run replay", feed.ID, err))
			continue
		}
		diff, err := cell.Diff(nil, before, now, s.state.Rev(r)+1)
		if err != nil {
			return err
		}
		count("cells recomputed", len(now))
		for _, v := range diff {
			problem(fmt.Sprintf("cells: %s computed from the rows is not the one in CELLS", v.Key))
		}
	}
	return nil
}

// verifyPublication reads back every set that the pointer shows.
func (s *Service) verifyPublication(ctx context.Context, problem func(string), count func(string, int)) error {
	p := s.state.Publication
	at, ok, err := s.cfg.Released.Pointer(ctx)
	if err != nil {
		return err
	}
	if p == nil {
		if ok {
			problem("released: the store shows a publication that the LEDGER does not know; run replay")
		}
		return nil
	}
	if !ok || at.Publication != uint64(p.Publication) || at.Meta != p.Meta || !slices.Equal(p.Others(), at.Sets) {
		problem(fmt.Sprintf("released: the pointer is not at publication %d of the LEDGER; start `larstrom up`, which moves it", p.Publication))
	}
	broken, err := s.broken(ctx, *p)
	if err != nil {
		return err
	}
	for _, of := range broken {
		problem(fmt.Sprintf("released: the result set of %s is not what was written; run replay", of))
	}
	count("result sets", len(p.Others())+1)
	return nil
}

// broken are the owners of the publication's sets that the store does not hold
// as they were written.
func (s *Service) broken(ctx context.Context, p event.RunPublished) ([]string, error) {
	sets, err := s.cfg.Released.Whole(ctx, p.Sets, publication.IndicatorTemplate())
	if err != nil {
		return nil, err
	}
	if p.Lists == "" {
		meta, err := s.cfg.Released.Whole(ctx, map[string]string{publication.OfMeta: p.Meta}, publication.MetaTemplate())
		return append(sets, meta...), err
	}
	flags, others := publication.MetaApartTemplate()
	meta, err := s.cfg.Released.Whole(ctx, map[string]string{publication.OfMeta: p.Meta}, flags)
	if err != nil {
		return nil, err
	}
	lists, err := s.cfg.Released.Whole(ctx, map[string]string{publication.OfLists: p.Lists}, others)
	return slices.Concat(sets, meta, lists), err
}
