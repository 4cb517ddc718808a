package aggregator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// built is what a result set was made from; equal inputs give the equal set.
type built struct {
	gate  uint64 // last gate event
	rev   uint64 // newest delivery that changed a cell of the indicator
	reach catalog.Date
	set   string
	// made is what of the set the next one can be made from, nil: nothing; release
	// is the revision up to which its gate had released, and base the gate event of
	// the set whose rows are in the store.
	made          *publication.Made
	release, base uint64
}

// same reports whether both were made from the same cells, as the gate shows them.
func (b *built) same(o *built) bool { return b.gate == o.gate && b.rev == o.rev }

// publish computes the result sets of the run's cells as the gate shows them,
// writes and verifies them, tells the LEDGER, and moves the pointer last.
func (s *Service) publish(ctx context.Context, r *run.Run) error {
	started := s.cfg.Clock()
	p := event.RunPublished{Run: r.Run, AsOf: r.AsOf, Catalog: s.cfg.Catalog.Hash, Through: s.state.Seq, Publication: 1}
	if last := s.state.Publication; last != nil {
		p.Publication = last.Publication + 1
		if p.AsOf.Before(last.AsOf) {
			p.AsOf = last.AsOf // a late file takes nothing back of what is known
		}
	}
	if err := s.write(ctx, r, &p, true); err != nil {
		return err
	}
	if err := s.appendRun(ctx, fmt.Sprint(p.Publication), p); err != nil {
		return err
	}
	s.verified, s.diverged = p.Publication, false
	s.cfg.Crash.Hit(crashpoint.Published)
	if err := s.restorePointer(ctx); err != nil {
		return err
	}
	s.cfg.Crash.Hit(crashpoint.PointerMoved)
	s.cfg.Metrics.observe("publish", s.cfg.Clock().Sub(started))
	s.cfg.Logger.Info("published", "publication", p.Publication, "run", p.Run, "indicators", len(p.Sets))
	return nil
}

// write makes the sets of publication p and fills in their names. apart asks for
// lists in a set beside the flags.
func (s *Service) write(ctx context.Context, r *run.Run, p *event.RunPublished, apart bool) error {
	p.Sets = map[string]string{}
	from, err := s.sources(ctx, r)
	if err != nil {
		return err
	}
	in := publication.MetaInput{Catalog: s.cfg.Catalog, Deliveries: s.deliveries(r, p.Through), Affirmed: s.state.AffirmedAt(p.Through)}
	// The store takes them while the indicators are computed.
	beside := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	take := func(of string, set publication.Set) {
		beside.Go(func(ctx context.Context) error {
			return s.cfg.Released.WriteSets(ctx, []warehouse.Named{{Of: of, Set: set}})
		})
	}
	flags := s.flagged
	if apart {
		_, lists := publication.MetaApart(in)
		made, err := s.flagSet(ctx, p.Through)
		if err != nil {
			return err
		}
		flags = made.flagged
		p.Meta, p.Lists = flags.made.ID, lists.ID
		if made.whole != nil {
			take(publication.OfMeta, *made.whole)
		} else if made.patch != nil {
			beside.Go(func(ctx context.Context) error {
				return s.cfg.Released.WritePatches(ctx, []warehouse.NamedPatch{{Of: publication.OfMeta, Patch: *made.patch}})
			})
		}
		if !s.listed(lists.ID) {
			take(publication.OfLists, lists)
		}
	} else {
		if in.Flags, err = s.flags(p.Through); err != nil {
			return err
		}
		meta := publication.Meta(in)
		p.Meta, p.Lists = meta.ID, ""
		take(publication.OfMeta, meta)
	}
	if err := errors.Join(s.writeIndicators(ctx, r, from, p), beside.Wait()); err != nil {
		return err
	}
	s.flagged = flags // what is not stored has to be made again
	return nil
}

// writeIndicators makes the sets of the indicators.
func (s *Service) writeIndicators(ctx context.Context, r *run.Run, from map[string]built, p *event.RunPublished) error {
	var fresh []warehouse.Named
	var patches []warehouse.NamedPatch
	rows := 0
	all := map[string]built{}
	write := func() error {
		if err := errors.Join(s.cfg.Released.WriteSets(ctx, fresh), s.cfg.Released.WritePatches(ctx, patches)); err != nil {
			return err
		}
		maps.Copy(s.built, all) // what is not stored has to be made again
		fresh, patches, rows = nil, nil, 0
		clear(all)
		s.cfg.Crash.Hit(crashpoint.SetWritten)
		return nil
	}
	indicators := s.cfg.Catalog.Indicators
	for len(indicators) > 0 {
		part := indicators[:min(len(indicators), setsAtOnce)]
		indicators = indicators[len(part):]
		made, err := s.sets(ctx, r, part, from, p.Through)
		if err != nil {
			return err
		}
		for i, m := range made {
			id := part[i].ID
			all[id] = m.built
			p.Sets[id] = m.built.set
			switch {
			case m.fresh != nil:
				fresh = append(fresh, warehouse.Named{Of: id, Set: *m.fresh})
				rows += m.fresh.Rows()
			case m.patch != nil:
				patches = append(patches, warehouse.NamedPatch{Of: id, Patch: *m.patch})
				rows += m.patch.Rows.Rows()
			}
			if rows > rowsPerWrite {
				if err := write(); err != nil {
					return err
				}
			}
		}
	}
	return write()
}

// sources tells of every indicator how far its data reach in a run, and the
// newest delivery that changed a cell of it.
func (s *Service) sources(ctx context.Context, r *run.Run) (map[string]built, error) {
	rev := s.state.Rev(r)
	if s.changedAt.through != rev || s.changedAt.of == nil {
		of, err := s.cfg.Warehouse.Revs(ctx, rev)
		if err != nil {
			return nil, err
		}
		s.changedAt.through, s.changedAt.of = rev, of
	}
	out := make(map[string]built, len(s.cfg.Catalog.Indicators))
	for i := range s.cfg.Catalog.Feeds {
		f := &s.cfg.Catalog.Feeds[i]
		as := s.state.AsOf(f.ID, r)
		for _, ind := range s.indicatorsOf(f) {
			b := out[ind.ID]
			b.rev = s.changedAt.of[ind.ID]
			if b.reach.Before(as) {
				b.reach = as
			}
			out[ind.ID] = b
		}
	}
	return out, nil
}

// rowsPerWrite bounds the rows that wait in memory to be written.
const rowsPerWrite = 500_000

// setsAtOnce are read and computed side by side: while one waits for the store
// others compute.
const setsAtOnce = 4

// made is the set of an indicator, whole or as a patch; without both the last one
// still holds.
type made struct {
	built
	fresh *publication.Set
	patch *publication.Patch
}

// sets makes the result sets of some indicators.
func (s *Service) sets(ctx context.Context, r *run.Run, indicators []catalog.Indicator, from map[string]built, through uint64) ([]made, error) {
	out := make([]made, len(indicators))
	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	for i := range indicators {
		p.Go(func(ctx context.Context) (err error) {
			out[i], err = s.set(ctx, r, &indicators[i], from[indicators[i].ID], through)
			return err
		})
	}
	return out, p.Wait()
}

// set makes the result set of one indicator, unless the last one still holds:
// then there is none to write. from is the indicator's of sources. It changes
// nothing of s.
func (s *Service) set(ctx context.Context, r *run.Run, ind *catalog.Indicator, from built, through uint64) (made, error) {
	b := from
	b.gate = s.gateSeq(ind.ID, through)
	was, ok := s.built[ind.ID]
	steady := ok && (was.reach == b.reach || was.made.Steady(ind, s.cfg.Catalog.Units, was.reach, b.reach))
	if steady && was.same(&b) {
		return made{built: was}, nil
	}
	if set, ok := s.carried(r, ind.ID, b.gate); ok {
		b.set = set
		return made{built: b}, nil
	}
	if !ok {
		var err error
		if was, steady, err = s.remembered(ctx, r, ind, b); err != nil {
			return made{}, err
		}
	}
	if steady {
		if m, ok, err := s.updated(ctx, r, ind, was, b, through); ok || err != nil {
			return m, err
		}
	}
	cells, err := s.cfg.Warehouse.Table(ctx, s.cfg.Catalog.Region.Code, ind.ID, s.state.Rev(r))
	if err != nil {
		return made{}, err
	}
	set, err := s.whole(ind, cells, &b, through)
	if err != nil {
		return made{}, err
	}
	return made{built: b, fresh: &set}, nil
}

// whole makes the result set of an indicator of all its cells, as its gate shows them
// at a LEDGER sequence, and completes b.
func (s *Service) whole(ind *catalog.Indicator, cells *cell.Table, b *built, through uint64) (publication.Set, error) {
	g, err := s.gate(ind.ID, cells, through)
	if err != nil {
		return publication.Set{}, err
	}
	set, of, err := publication.BuildMade(s.shows(ind, g, cells, b.reach))
	if err != nil {
		return publication.Set{}, err
	}
	b.set, b.made, b.base = set.ID, of, b.gate
	if last, released := g.LastRelease(); released {
		b.release = last.Rev
	}
	return set, nil
}

// remembered is what the indicator's set in the last publication of run r was made
// from, which is not known after a start: it is made again, and need not be written,
// for the store was found to hold it. What makes it is less than half of what writing
// it would take. Where the store holds it as a patch it is not known what the base
// shows, and ok is false.
func (s *Service) remembered(ctx context.Context, r *run.Run, ind *catalog.Indicator, b built) (was built, ok bool, err error) {
	last := s.state.Publication
	if last == nil || s.verified != last.Publication || last.Run != r.Run || last.Catalog != s.cfg.Catalog.Hash || last.Sets[ind.ID] == "" {
		return built{}, false, nil
	}
	if _, patched := s.cfg.Released.Patched(last.Sets[ind.ID]); patched {
		return built{}, false, nil
	}
	cells, err := s.cfg.Warehouse.Table(ctx, s.cfg.Catalog.Region.Code, ind.ID, s.state.Rev(r))
	if err != nil {
		return built{}, false, err
	}
	was = b
	was.gate = s.gateSeq(ind.ID, last.Through)
	if _, err := s.whole(ind, cells, &was, last.Through); err != nil {
		return built{}, false, err
	}
	return was, was.set == last.Sets[ind.ID], nil
}

// shows is what the gate shows of cells, for a publication.
func (s *Service) shows(ind *catalog.Indicator, g *gate.State, cells *cell.Table, reach catalog.Date) publication.Input {
	return publication.Input{Region: s.cfg.Catalog.Region.Code, Index: s.index, Indicator: ind,
		Cells: publication.Visible(g, cells, ind, s.cfg.Catalog.Units, reach), Reach: reach}
}

// updated makes the set of an indicator from the last one, which the store shows
// and which was made as was says. What is seen of a cell follows from its versions
// and from the last release, unless an event names it: so only series can have
// changed that have a cell which some event names, or a version that the last
// release had not reached. ok is false where this does not do.
func (s *Service) updated(ctx context.Context, r *run.Run, ind *catalog.Indicator, was, b built, through uint64) (m made, ok bool, err error) {
	last := s.state.Publication
	if was.made == nil || was.release == 0 || was.gate > b.gate || last == nil || s.verified != last.Publication ||
		last.Catalog != s.cfg.Catalog.Hash || last.Sets[ind.ID] != was.set || s.introduces(ind.ID, was.gate, through) {
		return made{}, false, nil
	}
	events := s.gateEvents(ind.ID, through)
	keys, err := gate.Concerned(s.cfg.Catalog.Region.Code, ind.ID, events)
	if err != nil {
		return made{}, false, err
	}
	since := was.release
	if b.rev <= since {
		since = s.state.Rev(r) // nothing is newer
	}
	cells, err := s.cfg.Warehouse.TableOfSeries(ctx, s.cfg.Catalog.Region.Code, ind.ID, s.state.Rev(r), keys, since)
	if err != nil {
		return made{}, false, err
	}
	g, err := gate.FoldTable(cells, events)
	if err != nil {
		return made{}, false, err
	}
	release, released := g.LastRelease()
	if !released {
		return made{}, false, nil
	}
	if gone, err := s.gone(cells, g, s.gateEvents(ind.ID, was.base)); gone || err != nil {
		return made{}, false, err
	}
	patch, of, ok, err := was.made.Update(s.shows(ind, g, cells, b.reach))
	if !ok || err != nil {
		return made{}, false, err
	}
	b.set, b.made, b.release, b.base = of.ID, of, release.Rev, was.base
	if of.ID == was.set {
		return made{built: b}, true, nil
	}
	return made{built: b, patch: &patch}, true, nil
}

// gone reports whether a gate takes back what it showed after its first events: it
// is not to stay in the store under a patch that hides it.
func (s *Service) gone(cells *cell.Table, now *gate.State, events []event.Event) (bool, error) {
	before, err := gate.FoldTable(cells, events)
	if err != nil {
		return false, err
	}
	withdrawn := map[cell.Fingerprint]bool{}
	if last, ok := now.LastRelease(); ok {
		for _, g := range last.Withdrawn {
			withdrawn[g.Fingerprint] = true
		}
	}
	for k, v := range before.Views {
		if v.State != gate.Released && v.State != gate.HeldPrevious {
			continue
		}
		w := now.View(k)
		if w.Shown != v.Shown && (w.State != gate.Released || w.Shown.Rev < v.Shown.Rev || withdrawn[v.Shown.Fingerprint]) {
			return true, nil
		}
	}
	return false, nil
}

// introduces reports whether the indicator's gate has events, after one LEDGER
// sequence and up to another, by which all cells of a version may begin or end to
// be seen.
func (s *Service) introduces(indicator string, after, through uint64) bool {
	return slices.ContainsFunc(s.state.GateEvents(indicator), func(e event.Event) bool {
		return e.Sequence > after && e.Sequence <= through && (e.Type == event.TypeProtocolSigned || e.Type == event.TypeProtocolRevoked)
	})
}

// flags are all flags as they were at a LEDGER sequence.
func (s *Service) flags(through uint64) ([]publication.Flag, error) {
	all, err := s.state.FlagsAt(through)
	return told(all), err
}

func told(flags []run.Flag) []publication.Flag {
	out := make([]publication.Flag, len(flags))
	for i, f := range flags {
		out[i] = publication.Flag{FlagRaised: f.FlagRaised, Status: f.Status, RaisedAt: f.RaisedAt, SLA: f.SLA}
	}
	return out
}

// carried is the indicator's set in the last publication, if nothing that it
// was made from has changed since: after a decision all other indicators keep
// theirs, also right after a start.
func (s *Service) carried(r *run.Run, indicator string, gate uint64) (string, bool) {
	last := s.state.Publication
	if last == nil || s.verified != last.Publication || last.Run != r.Run || last.Catalog != s.cfg.Catalog.Hash ||
		gate != s.gateSeq(indicator, last.Through) {
		return "", false
	}
	set, ok := last.Sets[indicator]
	return set, ok
}

// listed reports that the last publication has these lists and that they were
// read back as written.
func (s *Service) listed(lists string) bool {
	last := s.state.Publication
	return last != nil && s.verified == last.Publication && last.Lists == lists
}

func (s *Service) gateSeq(indicator string, through uint64) uint64 {
	for _, e := range slices.Backward(s.state.GateEvents(indicator)) {
		if e.Sequence <= through {
			return e.Sequence
		}
	}
	return 0
}

// gate folds the indicator's gate up to a LEDGER sequence.
func (s *Service) gate(indicator string, cells *cell.Table, through uint64) (*gate.State, error) {
	return gate.FoldTable(cells, s.gateEvents(indicator, through))
}

// gateEvents are those of the indicator's gate up to a LEDGER sequence.
func (s *Service) gateEvents(indicator string, through uint64) []event.Event {
	events := s.state.GateEvents(indicator)
	n := len(events)
	for n > 0 && events[n-1].Sequence > through {
		n--
	}
	return events[:n]
}

// deliveries are those of the runs up to and including r, and those that were
// rejected up to a LEDGER sequence.
func (s *Service) deliveries(r *run.Run, through uint64) []publication.Delivery {
	var out []publication.Delivery
	for _, d := range s.state.Deliveries() {
		if d.Retracts != nil {
			continue // said of the delivery that it withdraws
		}
		p := publication.Delivery{Received: d.DeliveryReceived, ReceivedAt: d.ReceivedAt}
		if w := d.Retracted; w != nil {
			if x := s.state.Delivery(w.Retraction); x.Run != "" && s.state.Run(x.Run).Ordinal <= r.Ordinal {
				p.Retracted = w.On
			}
		}
		switch {
		case d.Rejected != nil && d.RejectedSeq <= through:
			p.Rejected = d.Rejected
		case d.Accepted != nil && d.Run != "" && s.state.Run(d.Run).Ordinal <= r.Ordinal:
			p.Accepted = d.Accepted
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}

// restorePointer shows the last publication. Its sets were verified before
// the LEDGER named it; after a start they are once more, and a set that the
// store has lost is made again.
func (s *Service) restorePointer(ctx context.Context) error {
	p := s.state.Publication
	if p == nil {
		return nil
	}
	at, ok, err := s.cfg.Released.Pointer(ctx)
	if err != nil {
		return err
	}
	if ok && at.Publication > uint64(p.Publication) {
		return fmt.Errorf("the released store shows publication %d, the ledger knows %d: the store belongs to another log; run replay", at.Publication, p.Publication)
	}
	if ok && at.Publication == uint64(p.Publication) && at.Run == p.Run && at.Meta == p.Meta && s.verified == p.Publication {
		s.show(p.Publication)
		return nil
	}
	if s.verified != p.Publication {
		broken, err := s.broken(ctx, *p)
		if err != nil {
			return err
		}
		if len(broken) > 0 {
			if err := s.rewrite(ctx, *p); err != nil {
				return err
			}
		}
		s.verified = p.Publication
	}
	pointer := warehouse.Pointer{Publication: uint64(p.Publication), Run: p.Run, AsOf: p.AsOf, Catalog: p.Catalog,
		PublishedAt: s.state.PublishedAt, Sets: p.Others(), Meta: p.Meta}
	if pointer.Reach, err = s.reached(p); err != nil {
		return err
	}
	keep := []string{p.Meta}
	if err := s.cfg.Released.MovePointer(ctx, pointer); err != nil {
		return err
	}
	s.show(p.Publication)
	if ok {
		keep = append(keep, at.All()...)
	}
	if p.Publication%dropEvery != 0 && ok && at.Run == p.Run {
		return nil
	}
	return s.cfg.Released.DropUnused(ctx, append(keep, pointer.Sets...))
}

// reached is the date up to which the data of each indicator that has any reach in a
// publication.
func (s *Service) reached(p *event.RunPublished) (map[string]catalog.Date, error) {
	then := &Service{cfg: s.cfg, state: s.state}
	if p.Catalog != s.cfg.Catalog.Hash {
		was, err := s.cfg.CatalogOf(p.Catalog)
		if err != nil {
			return nil, err
		}
		then.cfg.Catalog = was
	}
	r, out := s.state.Run(p.Run), map[string]catalog.Date{}
	for i := range then.cfg.Catalog.Feeds {
		f := &then.cfg.Catalog.Feeds[i]
		as := s.state.AsOf(f.ID, r)
		for _, ind := range then.indicatorsOf(f) {
			if !as.IsZero() && out[ind.ID].Before(as) {
				out[ind.ID] = as
			}
		}
	}
	return out, nil
}

// dropEvery is how many publications of one run, one for each decision, may pass
// until the sets that none shows any more are dropped together.
const dropEvery = 4

func (s *Service) show(publication int) {
	s.shown.Lock()
	defer s.shown.Unlock()
	s.shown.publication = publication
	close(s.shown.changed)
	s.shown.changed = make(chan struct{})
}

// AwaitShown returns when the released store shows the publication or a later
// one.
func (s *Service) AwaitShown(ctx context.Context, publication int) error {
	for {
		s.shown.Lock()
		done, changed := s.shown.publication >= publication, s.shown.changed
		s.shown.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrDiverged says that a publication cannot be made again as it was.
var ErrDiverged = errors.New("the publication cannot be made again as it was")

// rewrite makes the sets of a publication again, from CELLS and the LEDGER.
func (s *Service) rewrite(ctx context.Context, p event.RunPublished) error {
	was, err := s.cfg.CatalogOf(p.Catalog)
	if err != nil {
		return err
	}
	then := &Service{cfg: s.cfg, index: was.Index(), state: s.state, built: map[string]built{}}
	then.cfg.Catalog = was
	again := p
	if err := then.write(ctx, s.state.Run(p.Run), &again, p.Lists != ""); err != nil {
		return err
	}
	for ind, id := range p.Sets {
		if again.Sets[ind] != id {
			return fmt.Errorf("%w: indicator %s gives set %s where the ledger has %s", ErrDiverged, ind, again.Sets[ind], id)
		}
	}
	if again.Meta != p.Meta {
		return fmt.Errorf("%w: meta gives set %s where the ledger has %s", ErrDiverged, again.Meta, p.Meta)
	}
	if again.Lists != p.Lists {
		return fmt.Errorf("%w: lists give set %s where the ledger has %s", ErrDiverged, again.Lists, p.Lists)
	}
	return nil
}
