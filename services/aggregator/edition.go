package aggregator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sourcegraph/conc/pool"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/disclosure"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/publication"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// Audience is a wider audience of the catalog: a profile that is not exact.
type Audience struct {
	// ID is that of its profile.
	ID string
	// Store is its own released store.
	Store *warehouse.Released
	// Key is the secret with which its counts are rounded.
	Key []byte
}

// audience is what the service knows of one.
type audience struct {
	Audience
	key string // its id
	// shown is the edition that the store's pointer is known to be at, verified
	// the last one whose sets were read back.
	shown, verified int
	// looked is the publication up to which editions are due and withdrawals
	// looked for; ran and through are its run and LEDGER sequence.
	looked  int
	ran     string
	through uint64
	// stopped: it contradicts itself, and nothing more is shown to it.
	stopped bool
}

// ErrOtherKey says that an audience's editions were rounded with another secret:
// with both numbers a reader would come nearer to the count.
var ErrOtherKey = errors.New("the editions of the audience were rounded with another key")

// editions does what is due for the wider audiences. What is wrong with one, for
// good, stops that one alone and is logged; the error is of stores that are away.
func (s *Service) editions(ctx context.Context) (worked bool, away error) {
	for _, a := range s.audiences {
		if a.stopped {
			continue
		}
		did, err := s.edition(ctx, a)
		switch {
		case err == nil:
		case ctx.Err() != nil || warehouse.Transient(err):
			away = errors.Join(away, fmt.Errorf("audience %s: %w", a.ID, err))
		default:
			a.stopped = true
			s.cfg.Logger.Error("an audience gets no more editions until this is mended and the program started again", "audience", a.ID, "error", err.Error())
		}
		worked = worked || did
	}
	return worked, away
}

// edition publishes what is due for one audience, and shows it.
func (s *Service) edition(ctx context.Context, a *audience) (worked bool, err error) {
	last := s.state.Edition(a.ID)
	if last != nil && last.Key != a.key {
		return false, fmt.Errorf("%w: %s, and the key file gives %s; restore the key file, or give the audience a new id and with it a new store", ErrOtherKey, last.Key, a.key)
	}
	p := s.state.Publication
	if p != nil && p.Catalog == s.cfg.Catalog.Hash && !s.diverged && a.looked != p.Publication {
		started := s.cfg.Clock()
		profile, ok := s.index.Profile(a.ID)
		if !ok {
			return false, fmt.Errorf("the catalog has no profile %s", a.ID)
		}
		if last == nil || disclosure.Due(profile, last.Edition, p.AsOf) {
			worked, err = true, s.publishEdition(ctx, a, profile, p)
		} else {
			worked, err = s.takeOut(ctx, a, *last, p)
		}
		if err != nil {
			return false, err
		}
		a.looked, a.ran, a.through = p.Publication, p.Run, p.Through
		if worked {
			s.cfg.Crash.Hit(crashpoint.EditionPublished)
			s.cfg.Metrics.observe("edition", s.cfg.Clock().Sub(started))
		}
	}
	return worked, s.showEdition(ctx, a)
}

// publishEdition makes an edition of the publication p and tells the LEDGER.
func (s *Service) publishEdition(ctx context.Context, a *audience, profile *catalog.Profile, p *event.RunPublished) error {
	e := event.EditionPublished{Audience: a.ID, Number: 1, Edition: profile.Edition(p.AsOf), Publication: p.Publication, Run: p.Run, AsOf: p.AsOf,
		Catalog: p.Catalog, Through: p.Through, Key: a.key, Sets: map[string]string{}, Histories: map[string]string{}}
	if last := s.state.Edition(a.ID); last != nil {
		e.Number = last.Number + 1
	}
	m, err := s.making(a, e)
	if err != nil {
		return err
	}
	if err := m.count(ctx); err != nil {
		return err
	}
	if err := m.write(ctx, m.indicators()); err != nil {
		return err
	}
	if err := s.appendEdition(ctx, a, m.e); err != nil {
		return err
	}
	s.cfg.Logger.Info("edition published", "audience", a.ID, "edition", e.Edition.String(), "number", e.Number, "indicators", len(m.e.Sets))
	return nil
}

// takeOut looks for what was withdrawn since an edition was made, and publishes
// what is left of it.
func (s *Service) takeOut(ctx context.Context, a *audience, last run.Edition, p *event.RunPublished) (worked bool, err error) {
	ran, through := last.Run, last.Through
	if last.Until > 0 {
		ran, through = last.UntilRun, last.Until
	}
	if a.through > through {
		ran, through = a.ran, a.through
	}
	retracted := len(s.state.Retractions(s.state.Run(ran), s.state.Run(p.Run))) > 0
	var look []string
	for _, id := range slices.Sorted(maps.Keys(last.Sets)) {
		if retracted || s.takesBack(id, through, p.Through) {
			look = append(look, id)
		}
	}
	if len(look) == 0 {
		return false, nil
	}
	e := last.EditionPublished
	e.Number, e.UntilRun, e.Until = e.Number+1, p.Run, p.Through
	e.Sets = maps.Clone(e.Sets)
	m, err := s.making(a, e)
	if err != nil {
		return false, err
	}
	if err := m.write(ctx, look); err != nil {
		return false, err
	}
	if maps.Equal(m.e.Sets, last.Sets) {
		return false, nil
	}
	if err := s.appendEdition(ctx, a, m.e); err != nil {
		return false, err
	}
	s.cfg.Logger.Info("taken out of an edition what was withdrawn", "audience", a.ID, "edition", e.Edition.String(), "number", e.Number)
	return true, nil
}

// takesBack reports whether the indicator's gate has events, after one LEDGER
// sequence and up to another, by which a version that was shown may have to go,
// or one that had to go may be shown again.
func (s *Service) takesBack(indicator string, after, through uint64) bool {
	for _, e := range slices.Backward(s.state.GateEvents(indicator)) {
		switch {
		case e.Sequence > through:
			continue
		case e.Sequence <= after:
			return false
		}
		switch e.Type {
		case event.TypeReleaseMade, event.TypeFlagJudged, event.TypeImpactViewed, event.TypeProtocolDrawn:
		case event.TypeFlagRaised:
			if f, err := event.Decode[event.FlagRaised](e); err != nil || f.Severity == event.Block || f.Severity == event.Hold {
				return true
			}
		default:
			return true
		}
	}
	return false
}

// appendEdition tells the LEDGER of an edition, whose sets are written and were
// read back, unless another process has told it of one of that number.
func (s *Service) appendEdition(ctx context.Context, a *audience, e event.EditionPublished) error {
	if err := s.append(ctx, fmt.Sprintf("%s %d", e.Audience, e.Number), e, func() bool { return s.editionIs(a, e.Number) }); err != nil {
		return err
	}
	a.verified = e.Number
	return nil
}

// editionIs reports whether the audience's last edition has that number or a
// later one.
func (s *Service) editionIs(a *audience, number int) bool {
	last := s.state.Edition(a.ID)
	return last != nil && last.Number >= number
}

// append writes one event beside those about runs, unless it is superseded by
// then.
func (s *Service) append(ctx context.Context, cause string, body event.Body, superseded func() bool) error {
	e, err := event.New(event.RunSubject(s.cfg.Catalog.Region.Code), cause, body, s.cfg.Clock())
	if err != nil {
		return err
	}
	for !s.state.Has(e.ID) && !superseded() {
		expected := s.state.RunSeq()
		_, err := s.cfg.Log.AppendEvent(ctx, e, &expected)
		var conflict *eventlog.WrongLastSequenceError
		if err != nil && !errors.As(err, &conflict) {
			return err
		}
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return err
		}
	}
	return nil
}

// showEdition moves the audience's pointer to its last edition. A set that the
// store has lost is made again.
func (s *Service) showEdition(ctx context.Context, a *audience) error {
	e := s.state.Edition(a.ID)
	if e == nil || a.shown == e.Number {
		return nil
	}
	at, ok, err := a.Store.Pointer(ctx)
	if err != nil {
		return err
	}
	if ok && at.Publication > uint64(e.Number) {
		return fmt.Errorf("the released store of audience %s shows edition %d, the ledger knows %d: the store belongs to another log; run replay", a.ID, at.Publication, e.Number)
	}
	if a.verified != e.Number {
		broken, err := s.brokenEdition(ctx, a, e.EditionPublished)
		if err != nil {
			return err
		}
		if len(broken) > 0 {
			if err := s.rewriteEdition(ctx, a, e.EditionPublished); err != nil {
				return err
			}
		}
		a.verified = e.Number
	}
	if ok && at.Publication == uint64(e.Number) && at.Meta == e.Meta {
		a.shown = e.Number
		return nil
	}
	pointer := warehouse.Pointer{Publication: uint64(e.Number), Run: e.Run, AsOf: e.AsOf, Catalog: e.Catalog, PublishedAt: e.PublishedAt,
		Sets: slices.Sorted(maps.Values(e.Sets)), Meta: e.Meta}
	if pointer.Reach, err = s.reached(&event.RunPublished{Run: e.Run, Catalog: e.Catalog}); err != nil {
		return err
	}
	if err := a.Store.MovePointer(ctx, pointer); err != nil {
		return err
	}
	a.shown = e.Number
	s.cfg.Crash.Hit(crashpoint.EditionShown)
	keep := append(slices.Clone(pointer.Sets), pointer.Meta)
	if ok {
		keep = append(append(keep, at.Sets...), at.Meta)
	}
	if err := a.Store.DropUnused(ctx, keep); err != nil {
		return err
	}
	// What the editions before the last two have shown is in the history of these.
	if made := s.state.Made(a.ID); e.Until == 0 && len(made) > 2 {
		return s.cfg.Warehouse.DropHistory(ctx, a.ID, made[len(made)-3].Number)
	}
	return nil
}

// brokenEdition are the owners of the edition's sets that the audience's store
// does not hold as they were written.
func (s *Service) brokenEdition(ctx context.Context, a *audience, e event.EditionPublished) ([]string, error) {
	sets, err := a.Store.Whole(ctx, e.Sets, publication.IndicatorTemplate())
	if err != nil {
		return nil, err
	}
	meta, err := a.Store.Whole(ctx, map[string]string{"meta": e.Meta}, publication.MetaTemplate())
	return append(sets, meta...), err
}

// rewriteEdition makes the sets of an edition again, from CELLS and the LEDGER.
func (s *Service) rewriteEdition(ctx context.Context, a *audience, e event.EditionPublished) error {
	again := e
	again.Sets, again.Histories = map[string]string{}, map[string]string{}
	m, err := s.making(a, again)
	if err != nil {
		return err
	}
	if err := m.write(ctx, slices.Sorted(maps.Keys(e.Sets))); err != nil {
		return err
	}
	for id, set := range e.Sets {
		if m.e.Sets[id] != set || m.e.Histories[id] != e.Histories[id] {
			return fmt.Errorf("%w: edition %d of audience %s, indicator %s: set %s and history %s where the ledger has %s and %s; go back to the program that made it, or give the audience a new id and with it a new store",
				ErrDiverged, e.Number, a.ID, id, m.e.Sets[id], m.e.Histories[id], set, e.Histories[id])
		}
	}
	if m.e.Meta != e.Meta {
		return fmt.Errorf("%w: edition %d of audience %s: meta gives set %s where the ledger has %s", ErrDiverged, e.Number, a.ID, m.e.Meta, e.Meta)
	}
	return nil
}

// making is an edition in the making, or made again: what it is made from.
type making struct {
	e       event.EditionPublished
	a       *audience
	s       *Service
	then    *Service // with the catalog of the edition
	profile *catalog.Profile
	rule    *disclosure.Profile
	run     *run.Run
	until   *run.Run // nil: nothing is taken out
	// base is the number of the edition as it was made, and before are the
	// editions before it.
	base   int
	before []event.EditionPublished
	// few are the cells of few persons, by indicator.
	few map[string]map[cell.Key]bool
}

func (s *Service) making(a *audience, e event.EditionPublished) (*making, error) {
	m := &making{e: e, a: a, s: s, then: s, base: e.Number, run: s.state.Run(e.Run), few: map[string]map[cell.Key]bool{}}
	if e.Catalog != s.cfg.Catalog.Hash {
		was, err := s.cfg.CatalogOf(e.Catalog)
		if err != nil {
			return nil, err
		}
		m.then = &Service{cfg: s.cfg, index: was.Index(), state: s.state, built: map[string]built{}}
		m.then.cfg.Catalog = was
	}
	if e.Until > 0 {
		m.until = s.state.Run(e.UntilRun)
	}
	for i, made := range s.state.Made(a.ID) {
		if made.Edition == e.Edition {
			m.base = made.Number
			break
		}
		m.before = s.state.Made(a.ID)[:i+1]
	}
	var ok bool
	if m.profile, ok = m.then.index.Profile(a.ID); !ok {
		return nil, fmt.Errorf("catalog %s has no profile %s", e.Catalog, a.ID)
	}
	var err error
	m.rule, err = disclosure.New(disclosure.Config{Rule: m.profile.Rule, Key: a.Key, Lenient: m.profile.Lenient})
	return m, err
}

// indicators are those that the audience sees, in the order of their ids.
func (m *making) indicators() []string {
	var out []string
	for _, ind := range m.then.cfg.Catalog.Indicators {
		if m.profile.Sees(ind.ID) {
			out = append(out, ind.ID)
		}
	}
	return out
}

// write makes the sets of some indicators, stores them, and fills in their names.
func (m *making) write(ctx context.Context, indicators []string) error {
	var fresh []warehouse.Named
	rows := 0
	write := func() error {
		err := m.a.Store.WriteSets(ctx, fresh)
		fresh, rows = nil, 0
		m.s.cfg.Crash.Hit(crashpoint.EditionWritten)
		return err
	}
	for part := range slices.Chunk(indicators, setsAtOnce) {
		made := make([]wide, len(part))
		p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
		for i, id := range part {
			p.Go(func(ctx context.Context) (err error) {
				made[i], err = m.one(ctx, id)
				return err
			})
		}
		if err := p.Wait(); err != nil {
			return err
		}
		for i, w := range made {
			m.e.Sets[part[i]] = w.set.ID
			if m.until == nil || m.e.Histories[part[i]] == "" {
				m.e.Histories[part[i]] = w.history
			}
			fresh = append(fresh, warehouse.Named{Of: part[i], Set: w.set})
			for _, t := range w.set.Tables {
				rows += t.Rows()
			}
		}
		if rows > rowsPerWrite {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := write(); err != nil {
		return err
	}
	meta := publication.MetaEdition(m.then.cfg.Catalog, m.profile)
	if err := m.a.Store.WriteSets(ctx, []warehouse.Named{{Of: "meta", Set: meta}}); err != nil {
		return err
	}
	m.e.Meta = meta.ID
	return nil
}

// wide is what an edition has of one indicator.
type wide struct {
	set     publication.Set
	history string
}

// one makes the result set of an indicator, and keeps its history.
func (m *making) one(ctx context.Context, indicator string) (wide, error) {
	var w wide
	ind, ok := m.then.index.Indicator(indicator)
	if !ok {
		return w, fmt.Errorf("catalog %s has no indicator %s", m.e.Catalog, indicator)
	}
	before, err := m.history(ctx, indicator)
	if err != nil {
		return w, err
	}
	e, reach, err := m.apply(ctx, ind, before)
	if err != nil {
		return w, err
	}
	if w.history, err = m.s.cfg.Warehouse.WriteHistory(ctx, m.a.ID, m.base, indicator, e.History); err != nil {
		return w, err
	}
	if m.until != nil {
		gone, err := m.gone(ctx, ind)
		if err != nil {
			return w, err
		}
		e = disclosure.Without(e, gone)
	}
	w.set, err = publication.BuildEdition(publication.Input{Region: m.then.cfg.Catalog.Region.Code, Index: m.then.index, Indicator: ind, Reach: reach}, e)
	return w, err
}

// visible are the cells of an indicator as the publication shows them to a wider
// audience, before anything is withheld.
func (m *making) visible(ctx context.Context, ind *catalog.Indicator) ([]disclosure.Cell, catalog.Date, error) {
	reach := m.then.reach(ind, m.run)
	table, g, err := m.gate(ctx, ind, m.run, m.e.Through)
	if err != nil {
		return nil, reach, err
	}
	return publication.Wide(g, ind, publication.Visible(g, table, ind, m.then.cfg.Catalog.Units, reach)), reach, nil
}

// gate is the indicator's gate and its cells as of a run and a LEDGER sequence.
func (m *making) gate(ctx context.Context, ind *catalog.Indicator, r *run.Run, through uint64) (*cell.Table, *gate.State, error) {
	table, err := m.s.cfg.Warehouse.Table(ctx, m.s.cfg.Catalog.Region.Code, ind.ID, m.s.state.Rev(r))
	if err != nil {
		return nil, nil, err
	}
	g, err := m.then.gate(ind.ID, table, through)
	return table, g, err
}

// apply withholds and rounds.
func (m *making) apply(ctx context.Context, ind *catalog.Indicator, before disclosure.History) (disclosure.Edition, catalog.Date, error) {
	cells, reach, err := m.visible(ctx, ind)
	if err != nil {
		return disclosure.Edition{}, reach, err
	}
	few := map[cell.Key]bool{}
	for _, g := range m.s.state.FewPersons(m.a.ID, m.base, ind.ID) {
		few[g.Key(m.s.cfg.Catalog.Region.Code, ind.ID)] = true
	}
	in := disclosure.Input{Index: m.then.index, Indicator: ind, Cells: cells, Reach: reach, History: before}
	if len(few) > 0 {
		in.Few = make([]bool, len(cells))
		for i := range cells {
			in.Few[i] = few[cells[i].Key]
		}
	}
	return m.rule.Apply(in), reach, nil
}

// history is that of the editions before this one. Where the warehouse has lost
// it, they are made again, one after the other.
func (m *making) history(ctx context.Context, indicator string) (disclosure.History, error) {
	for i, e := range slices.Backward(m.before) {
		name, has := e.Histories[indicator]
		if !has {
			continue // it was not in that edition
		}
		h, err := m.s.cfg.Warehouse.History(ctx, m.a.ID, e.Number, indicator, name)
		if !errors.Is(err, warehouse.ErrNoHistory) {
			return h, err
		}
		earlier, err := m.s.making(m.a, e)
		if err != nil {
			return h, err
		}
		earlier.before = m.before[:i]
		ind, ok := earlier.then.index.Indicator(indicator)
		if !ok {
			return h, fmt.Errorf("catalog %s has no indicator %s", e.Catalog, indicator)
		}
		if h, err = earlier.history(ctx, indicator); err != nil {
			return h, err
		}
		again, _, err := earlier.apply(ctx, ind, h)
		if err != nil {
			return h, err
		}
		if got := again.History.Sum(); got != name {
			return h, fmt.Errorf("%w: what edition %d of audience %s has shown of %s is %s where the ledger has %s; go back to the program that made it, or give the audience a new id and with it a new store",
				ErrDiverged, e.Number, m.a.ID, indicator, got, name)
		}
		_, err = m.s.cfg.Warehouse.WriteHistory(ctx, m.a.ID, e.Number, indicator, again.History)
		return again.History, err
	}
	return disclosure.History{}, nil
}

// gone says of a version that the edition shows whether it had to go by now.
func (m *making) gone(ctx context.Context, ind *catalog.Indicator) (func(cell.Key, cell.Fingerprint) bool, error) {
	table, g, err := m.gate(ctx, ind, m.until, m.e.Until)
	if err != nil {
		return nil, err
	}
	retracted := m.s.state.Retractions(m.run, m.until)
	return func(k cell.Key, fp cell.Fingerprint) bool {
		if !g.Introduced(ind, k.Version) || g.Disowned(k, fp) {
			return true
		}
		if len(retracted) == 0 {
			return false
		}
		if v := g.View(k); v.Shown.Fingerprint == fp {
			return false
		}
		_, from, to := table.Find(k)
		for row := from; row < to; row++ {
			if retracted[table.Rev(row)] { // it had come with what somebody withdrew
				return true
			}
		}
		return false
	}, nil
}

// reach is the date up to which the data of an indicator's feeds reach in a run.
func (s *Service) reach(ind *catalog.Indicator, r *run.Run) catalog.Date {
	var reach catalog.Date
	for i := range s.cfg.Catalog.Feeds {
		f := &s.cfg.Catalog.Feeds[i]
		if !slices.Contains(s.indicatorsOf(f), ind) {
			continue
		}
		if as := s.state.AsOf(f.ID, r); reach.Before(as) {
			reach = as
		}
	}
	return reach
}

// fewPerEvent bounds the cells that one event names.
const fewPerEvent = 5000

// count looks for cells of few persons and tells the LEDGER which they are.
func (m *making) count(ctx context.Context) error {
	for _, id := range m.indicators() {
		ind, _ := m.then.index.Indicator(id)
		few, err := m.fewPersons(ctx, ind)
		if err != nil {
			return err
		}
		known := m.s.state.FewPersons(m.a.ID, m.base, id)
		few = slices.DeleteFunc(few, func(g event.Guard) bool { return slices.Contains(known, g) })
		part := len(known) // so that a later event is another one
		for some := range slices.Chunk(few, fewPerEvent) {
			part++
			body := event.PersonsCounted{Audience: m.a.ID, Number: m.base, Indicator: id, Part: part, Few: some}
			if err := m.s.append(ctx, fmt.Sprintf("%s %d", m.a.ID, m.base), body, func() bool { return m.s.editionIs(m.a, m.base) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// fewPersons are the cells of an indicator that hold fewer persons than the rule
// asks for, although their counts are larger. Where several feeds bring the
// indicator somebody may be in each of them, so the largest number counts.
func (m *making) fewPersons(ctx context.Context, ind *catalog.Indicator) ([]event.Guard, error) {
	persons := map[cell.Key]disclosure.Persons{}
	for i := range m.then.cfg.Catalog.Feeds {
		f := &m.then.cfg.Catalog.Feeds[i]
		indicators := m.then.indicatorsOf(f)
		if !slices.Contains(indicators, ind) {
			continue
		}
		source := warehouse.Source{Feed: f, Effective: m.s.state.EffectiveOf(f.ID, m.run, ""), Indicators: indicators}
		counted, err := m.s.cfg.Warehouse.Persons(ctx, m.s.cfg.Catalog.Region.Code, source, ind)
		if err != nil {
			return nil, err
		}
		for k, p := range counted {
			q := persons[k]
			persons[k] = disclosure.Persons{All: max(p.All, q.All), With: max(p.With, q.With), Without: max(p.Without, q.Without)}
		}
	}
	if len(persons) == 0 {
		return nil, nil
	}
	cells, _, err := m.visible(ctx, ind)
	if err != nil {
		return nil, err
	}
	var few []event.Guard
	for i := range cells {
		c := &cells[i]
		if !c.Tombstone && !c.Fingerprint.IsZero() && m.rule.Few(ind, &c.Content, persons[c.Key]) {
			few = append(few, event.GuardOf(c.Key, c.Fingerprint))
		}
	}
	return few, nil
}

// editionFingerprints say what the stores of the audiences show.
func (s *Service) editionFingerprints(ctx context.Context) (string, error) {
	var out strings.Builder
	for _, a := range s.audiences {
		p, ok, err := a.Store.Pointer(ctx)
		if err != nil {
			return "", fmt.Errorf("audience %s: %w", a.ID, err)
		}
		if ok {
			fmt.Fprintf(&out, ", %s %d %s", a.ID, p.Publication, publication.SetID(fmt.Sprint(p.Sets), []publication.Sum{{Table: p.Meta}}))
		}
	}
	return out.String(), nil
}

// forgetEditions empties the stores of the audiences.
func (s *Service) forgetEditions(ctx context.Context) error {
	for _, a := range s.audiences {
		a.shown, a.verified = 0, 0
		if err := a.Store.Truncate(ctx); err != nil {
			return fmt.Errorf("audience %s: %w", a.ID, err)
		}
	}
	return nil
}

// showEditions fills the stores of the audiences again.
func (s *Service) showEditions(ctx context.Context, progress func(string)) error {
	for _, a := range s.audiences {
		progress("computing the edition of " + a.ID)
		if err := s.showEdition(ctx, a); err != nil {
			return fmt.Errorf("audience %s: %w", a.ID, err)
		}
	}
	return nil
}

// verifyEditions reads back every set that the pointers of the audiences show.
func (s *Service) verifyEditions(ctx context.Context, progress, problem func(string), count func(string, int)) error {
	for _, a := range s.audiences {
		progress("edition of " + a.ID)
		e := s.state.Edition(a.ID)
		at, ok, err := a.Store.Pointer(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("audience %s: %w", a.ID, err)
		case e == nil && ok:
			problem(fmt.Sprintf("released:%s: the store shows an edition that the LEDGER does not know; run replay", a.ID))
			continue
		case e == nil:
			continue
		}
		if e.Key != a.key {
			problem(fmt.Sprintf("released:%s: %v: %s, and the key file gives %s; restore the key file", a.ID, ErrOtherKey, e.Key, a.key))
		}
		if !ok || at.Publication != uint64(e.Number) || at.Meta != e.Meta || !slices.Equal(slices.Sorted(maps.Values(e.Sets)), at.Sets) {
			problem(fmt.Sprintf("released:%s: the pointer is not at edition %d of the LEDGER; start `larstrom up`, which moves it", a.ID, e.Number))
		}
		broken, err := s.brokenEdition(ctx, a, e.EditionPublished)
		if err != nil {
			return err
		}
		for _, of := range broken {
			problem(fmt.Sprintf("released:%s: the result set of %s is not what was written; run replay", a.ID, of))
		}
		count("result sets of editions", len(e.Sets)+1)
	}
	return nil
}
