package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// ErrLedger says that the LEDGER contradicts itself: our own corruption.
var ErrLedger = errors.New("the ledger contradicts itself")

// Delivery is what the LEDGER says of one delivery.
type Delivery struct {
	event.DeliveryReceived
	ReceivedSeq uint64
	ReceivedAt  time.Time
	Accepted    *event.DeliveryAccepted
	// AcceptedSeq is the LEDGER sequence of the acceptance; 0 until then.
	AcceptedSeq uint64
	// Rev orders the versions of cells: it rises with the runs and, in a run,
	// with the deliveries. It is 0 until a run has the delivery.
	Rev      uint64
	Rejected *event.DeliveryRejected
	// RejectedSeq is the LEDGER sequence of the rejection; 0 until then.
	RejectedSeq uint64
	Run         string
	Cells       *event.CellsAppended
	Repeats     int
	// Repeated are the times that the bytes came again.
	Repeated []Repeat
	// Retried is the delivery that read the same bytes again under a newer
	// catalog; from that one's run on this one has no effect.
	Retried string
	// Retracted is the word by which a person withdrew the delivery, nil where
	// nobody did. From the run of the retraction on it has no effect.
	Retracted *event.DeliveryRetracted
	// Retracts is that word where this is no delivery of bytes but the
	// retraction itself; nil otherwise.
	Retracts *event.DeliveryRetracted
}

// Repeat is one time that the bytes of a delivery came again.
type Repeat struct {
	Name string // of the file
	At   time.Time
	Seq  uint64 // of the LEDGER
}

// Run is what the LEDGER says of one run.
type Run struct {
	event.RunOpened
	OpenedSeq uint64
	Checked   *event.RunChecked
	Published bool
}

// State is the fold of the LEDGER. The zero value is the empty LEDGER.
// It is not safe for concurrent use.
type State struct {
	// Seq is the sequence of the last applied event.
	Seq     uint64
	Catalog string
	// Region is that of the catalogs; every subject carries it.
	Region     string
	deliveries map[string]*Delivery
	order      []*Delivery // by reception
	runs       []*Run
	byRun      map[string]*Run
	raws       map[string]*Delivery // by raw hash, feed and place: the first, or the first after a rejection
	// Publication is the last publication, nil before the first.
	Publication    *event.RunPublished
	PublicationSeq uint64
	PublishedAt    time.Time
	audiences      map[string]*audience     // by profile
	gate           map[string][]event.Event // indicator → its gate events
	release        map[string]uint64        // indicator → sequence of its last release
	flags          map[string]string        // flag → indicator
	folded         map[string]*flagFold     // by indicator; see flagsOf
	ids            map[string]bool          // ids of applied events
	runSeq         uint64
	skipped        map[string][]Gap  // feed → numbers that are awaited no more
	feedSeq        map[string]uint64 // feed → sequence of the last event about it
	breaches       []Breach
	breachesOf     map[string][]Breach // by flag
	seen           seen
}

// Apply folds one event; events come in LEDGER order. An event that
// contradicts the earlier ones is ErrLedger.
func (s *State) Apply(e event.Event) error {
	if s.deliveries == nil {
		s.deliveries = map[string]*Delivery{}
		s.byRun = map[string]*Run{}
		s.raws = map[string]*Delivery{}
		s.gate = map[string][]event.Event{}
		s.release = map[string]uint64{}
		s.flags = map[string]string{}
		s.ids = map[string]bool{}
		s.skipped = map[string][]Gap{}
		s.feedSeq = map[string]uint64{}
	}
	if e.Sequence <= s.Seq {
		return fmt.Errorf("%w: event %d comes after %d", ErrLedger, e.Sequence, s.Seq)
	}
	s.Seq = e.Sequence
	if strings.HasPrefix(e.Subject, "ledger.run.") {
		s.runSeq = e.Sequence
	}
	if s.ids[e.ID] {
		return nil // the same event, appended again after an unknown outcome
	}
	s.ids[e.ID] = true
	if err := s.apply(e); err != nil {
		return fmt.Errorf("%w: event %d (%s): %w", ErrLedger, e.Sequence, e.Type, err)
	}
	return nil
}

func (s *State) apply(e event.Event) error {
	switch e.Type {
	case event.TypeCatalogAdopted:
		b, err := event.Decode[event.CatalogAdopted](e)
		if err != nil {
			return err
		}
		s.Catalog, s.Region = b.Hash, strings.TrimPrefix(e.Subject, "ledger.catalog.")
	case event.TypeDeliveryReceived:
		b, err := event.Decode[event.DeliveryReceived](e)
		if err != nil {
			return err
		}
		if s.deliveries[b.Delivery] != nil {
			return fmt.Errorf("delivery %s is received twice", b.Delivery)
		}
		d := &Delivery{DeliveryReceived: b, ReceivedSeq: e.Sequence, ReceivedAt: e.Time}
		s.deliveries[b.Delivery] = d
		s.order = append(s.order, d)
		// A rejection is not the last word on its bytes: a later catalog may
		// read them.
		if k := rawKey(b.Raw, b.Feed, b.Place); s.raws[k] == nil || s.raws[k].Rejected != nil {
			s.raws[k] = d
		}
		if b.Replaces != "" {
			o := s.deliveries[b.Replaces]
			if o == nil {
				return fmt.Errorf("delivery %s replaces the unknown %s", b.Delivery, b.Replaces)
			}
			o.Retried = b.Delivery
		}
	case event.TypeDeliveryAccepted:
		b, err := event.Decode[event.DeliveryAccepted](e)
		if err != nil {
			return err
		}
		d, err := s.open(b.Delivery)
		if err != nil {
			return err
		}
		d.Accepted, d.AcceptedSeq = &b, e.Sequence
	case event.TypeDeliveryRejected:
		b, err := event.Decode[event.DeliveryRejected](e)
		if err != nil {
			return err
		}
		d, err := s.open(b.Delivery)
		if err != nil {
			return err
		}
		d.Rejected, d.RejectedSeq = &b, e.Sequence
		if o := s.deliveries[d.Replaces]; o != nil {
			o.Retried = ""
		}
	case event.TypeDeliveryRepeated:
		b, err := event.Decode[event.DeliveryRepeated](e)
		if err != nil {
			return err
		}
		if d := s.deliveries[b.Delivery]; d != nil {
			d.Repeats++
			d.Repeated = append(d.Repeated, Repeat{Name: b.Name, At: e.Time, Seq: e.Sequence})
		}
	case event.TypeDeliveryRetracted:
		return s.retract(e)
	case event.TypeSequenceSkipped:
		return s.skip(e)
	case event.TypeIdentityFound:
		// For those who answer for it; nothing follows here.
		_, err := event.Decode[event.IdentityFound](e)
		return err
	case event.TypeNoticeSent:
		// For the service that sends; nothing follows here.
		_, err := event.Decode[event.NoticeSent](e)
		return err
	case event.TypeNoticeClaimed:
		_, err := event.Decode[event.NoticeClaimed](e)
		return err
	case event.TypeSLABreached:
		b, err := event.Decode[event.SLABreached](e)
		if err != nil {
			return err
		}
		s.breached(Breach{SLABreached: b, Seq: e.Sequence})
	case event.TypeRunOpened:
		return s.openRun(e)
	case event.TypeCellsAppended:
		b, err := event.Decode[event.CellsAppended](e)
		if err != nil {
			return err
		}
		d := s.deliveries[b.Delivery]
		switch {
		case d == nil || d.Run != b.Run:
			return fmt.Errorf("cells of delivery %s, which is not in run %s", b.Delivery, b.Run)
		case b.Rev != d.Rev:
			return fmt.Errorf("cells of delivery %s with revision %d, not %d", b.Delivery, b.Rev, d.Rev)
		case d.Cells != nil:
			return fmt.Errorf("cells of delivery %s are appended twice", b.Delivery)
		}
		d.Cells = &b
	case event.TypeRunChecked:
		b, err := event.Decode[event.RunChecked](e)
		if err != nil {
			return err
		}
		r := s.run(b.Run)
		if r == nil {
			return fmt.Errorf("run %s was never opened", b.Run)
		}
		r.Checked = &b
	case event.TypeRunPublished:
		b, err := event.Decode[event.RunPublished](e)
		if err != nil {
			return err
		}
		r := s.run(b.Run)
		if r == nil || r.Checked == nil {
			return fmt.Errorf("run %s is published before it was checked", b.Run)
		}
		if want := s.publications() + 1; b.Publication != want {
			return fmt.Errorf("publication %d where %d is next", b.Publication, want)
		}
		r.Published = true
		s.Publication, s.PublicationSeq, s.PublishedAt = &b, e.Sequence, e.Time
	case event.TypePersonsCounted:
		return s.counted(e)
	case event.TypeEditionPublished:
		return s.editionPublished(e)
	case event.TypeFlagSeen:
		return decoded(e, s.seen.flag)
	case event.TypeDataRead:
		_, err := event.Decode[event.DataRead](e)
		return err
	case event.TypeUnitAffirmed:
		return decoded(e, func(b event.UnitAffirmed) { s.seen.unit(b, e.Sequence) })
	case event.TypeFlagRaised, event.TypeFlagResolved, event.TypeDecisionMade,
		event.TypeDecisionProposed, event.TypeDecisionConfirmed, event.TypeReleaseMade,
		event.TypeDecisionRefused, event.TypeDecisionWithdrawn, event.TypeFlagReopened, event.TypeFlagJudged, event.TypeImpactViewed,
		event.TypeCorrectionRetired, event.TypeProtocolDrawn, event.TypeProtocolSigned, event.TypeProtocolRevoked,
		event.TypeFlagPassed, event.TypeFlagAssigned, event.TypeEvidenceAttached:
		_, indicator, ok := GateTarget(e.Subject)
		if !ok {
			return fmt.Errorf("subject %q is no gate subject", e.Subject)
		}
		s.gate[indicator] = append(s.gate[indicator], e)
		if e.Type == event.TypeFlagRaised {
			b, err := event.Decode[event.FlagRaised](e)
			if err != nil {
				return err
			}
			s.flags[b.Flag] = indicator
		}
		if e.Type == event.TypeReleaseMade {
			s.release[indicator] = e.Sequence
		}
	default:
		return fmt.Errorf("unknown type %q", e.Type)
	}
	return nil
}

// GateTarget reads region and indicator from a gate subject.
func GateTarget(subject string) (region, indicator string, ok bool) {
	rest, ok := strings.CutPrefix(subject, "ledger.gate.")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, ".")
}

func (s *State) open(id string) (*Delivery, error) {
	d := s.deliveries[id]
	switch {
	case d == nil:
		return nil, fmt.Errorf("delivery %s was never received", id)
	case d.Accepted != nil || d.Rejected != nil:
		return nil, fmt.Errorf("delivery %s is decided twice", id)
	}
	return d, nil
}

// revsPerRun separates the revisions of two runs: revision 1200003 is the
// third delivery of run 12.
const revsPerRun = 100_000

// MaxDeliveries is the most that one run may have.
const MaxDeliveries = revsPerRun - 1

func (s *State) openRun(e event.Event) error {
	b, err := event.Decode[event.RunOpened](e)
	if err != nil {
		return err
	}
	if b.Ordinal != len(s.runs)+1 {
		return fmt.Errorf("run %d where %d is next", b.Ordinal, len(s.runs)+1)
	}
	if len(b.Deliveries) >= revsPerRun {
		return fmt.Errorf("run %s has %d deliveries", b.Run, len(b.Deliveries))
	}
	for i, id := range b.Deliveries {
		d := s.deliveries[id]
		if d == nil || d.Accepted == nil {
			return fmt.Errorf("run %s has delivery %s, which was not accepted", b.Run, id)
		}
		if d.Run != "" {
			return fmt.Errorf("delivery %s is in the runs %s and %s", id, d.Run, b.Run)
		}
		d.Run, d.Rev = b.Run, uint64(b.Ordinal)*revsPerRun+uint64(i)+1
	}
	s.runs = append(s.runs, &Run{RunOpened: b, OpenedSeq: e.Sequence})
	s.byRun[b.Run] = s.runs[len(s.runs)-1]
	return nil
}

func (s *State) publications() int {
	if s.Publication == nil {
		return 0
	}
	return s.Publication.Publication
}

func rawKey(raw, feed, place string) string { return feed + " " + raw + " " + place }

// Delivery is the delivery of that id, nil when there is none.
func (s *State) Delivery(id string) *Delivery { return s.deliveries[id] }

// Deliveries are all deliveries in the order of reception.
func (s *State) Deliveries() []*Delivery { return s.order }

// SeenRaw is the delivery that these bytes made for that feed, in that place
// where it counts its deliveries; nil when they are new: the first, or where
// that was rejected the next.
func (s *State) SeenRaw(raw, feed, place string) *Delivery {
	if d := s.raws[rawKey(raw, feed, place)]; d != nil || place == "" {
		return d
	}
	return s.raws[rawKey(raw, feed, "")] // from before the feed counted
}

// Runs are all runs in order.
func (s *State) Runs() []*Run { return s.runs }

func (s *State) run(id string) *Run {
	return s.byRun[id]
}

// Run is the run of that id, nil when there is none.
func (s *State) Run(id string) *Run { return s.run(id) }

// Undecided are the deliveries that are received and neither accepted nor
// rejected, in the order of reception: a crash came between.
func (s *State) Undecided() []*Delivery {
	return s.where(func(d *Delivery) bool { return d.Accepted == nil && d.Rejected == nil })
}

// Waiting are the accepted deliveries that are in no run and may be, in the
// order in which they are to be taken: by as-of date, then by acceptance; those
// of a feed that numbers them by their numbers. Those that a gap in the numbers
// keeps back are not among them (Sequence).
func (s *State) Waiting() []*Delivery {
	held := s.held()
	w := s.where(func(d *Delivery) bool {
		return d.Accepted != nil && d.Run == "" && !held[d] && !withdrawn(d) && !s.untimely(d)
	})
	slices.SortStableFunc(w, func(a, b *Delivery) int {
		return cmp.Or(a.Accepted.AsOf.Compare(b.Accepted.AsOf), cmp.Compare(a.AcceptedSeq, b.AcceptedSeq))
	})
	byNumber(w)
	return w
}

func (s *State) where(f func(*Delivery) bool) []*Delivery {
	var out []*Delivery
	for _, d := range s.order {
		if f(d) {
			out = append(out, d)
		}
	}
	return out
}

// NextRun is the first run that is not published, nil when all are.
func (s *State) NextRun() *Run {
	for _, r := range s.runs {
		if !r.Published {
			return r
		}
	}
	return nil
}

// NextCells is the first delivery of run r whose cells are not in CELLS, nil
// when all are.
func (s *State) NextCells(r *Run) *Delivery {
	for _, id := range r.Deliveries {
		if d := s.deliveries[id]; d.Cells == nil {
			return d
		}
	}
	return nil
}

// Rev is the highest revision of run r and the runs before it.
func (s *State) Rev(r *Run) uint64 {
	var rev uint64
	for _, o := range s.runs {
		for _, id := range o.Deliveries {
			rev = max(rev, s.deliveries[id].Rev)
		}
		if o == r {
			break
		}
	}
	return rev
}

// LastChecked is the last run whose checks are done, nil before the first.
func (s *State) LastChecked() *Run {
	for _, r := range slices.Backward(s.runs) {
		if r.Checked != nil {
			return r
		}
	}
	return nil
}

// GateEvents are the gate events of the indicator in order. The slice is not
// to be changed.
func (s *State) GateEvents(indicator string) []event.Event { return s.gate[indicator] }

// IndicatorOf is the indicator whose gate has the flag, empty when none has.
func (s *State) IndicatorOf(flag string) string { return s.flags[flag] }

// GateSeq is the sequence of the last gate event of the indicator, 0 when
// there is none: what the next append expects.
func (s *State) GateSeq(indicator string) uint64 {
	if g := s.gate[indicator]; len(g) > 0 {
		return g[len(g)-1].Sequence
	}
	return 0
}

// RunSeq is the sequence of the last event about runs, 0 when there is none:
// what the next append expects.
func (s *State) RunSeq() uint64 { return s.runSeq }

// Has reports whether the event of that id was applied.
func (s *State) Has(id string) bool { return s.ids[id] }

// Unpublished are the indicators with a release that the last publication
// does not hold, sorted.
func (s *State) Unpublished() []string {
	var through uint64
	if s.Publication != nil {
		through = s.Publication.Through
	}
	var out []string
	for ind, seq := range s.release {
		if seq > through {
			out = append(out, ind)
		}
	}
	slices.Sort(out)
	return out
}

// Idle reports whether nothing is left to do: every delivery is decided,
// every accepted one is in a published run, every release is published.
func (s *State) Idle() bool {
	return len(s.Undecided()) == 0 && len(s.Waiting()) == 0 && s.NextRun() == nil && !s.Stale()
}

// Stale reports whether the last publication lacks a release or an affirmation, or
// was drawn with another catalog than the adopted one.
func (s *State) Stale() bool {
	return len(s.Unpublished()) > 0 || s.Publication != nil && (s.Publication.Catalog != s.Catalog || s.seen.affirmed > s.Publication.Through)
}

// FeedRev is the highest revision of the feed's deliveries up to and
// including run r, 0 when there is none.
func (s *State) FeedRev(feed string, r *Run) uint64 {
	var rev uint64
	for _, d := range s.through(feed, r, "") {
		rev = max(rev, d.Rev)
	}
	return rev
}

// AsOf is the newest as-of date of the feed's deliveries up to and including
// run r that hold, zero when there is none: what was retracted reaches nowhere.
func (s *State) AsOf(feed string, r *Run) catalog.Date {
	return newest(standing(s.through(feed, r, "")))
}

// Reached is how far the feed of d, a delivery of run r, had come before d: by
// it periods were open or closed.
func (s *State) Reached(r *Run, d *Delivery) catalog.Date {
	with := s.through(d.Feed, r, d.Delivery)
	return newest(standing(with[:len(with)-1]))
}

func newest(ds []*Delivery) catalog.Date {
	var as catalog.Date
	for _, d := range ds {
		if as.Before(d.Accepted.AsOf) {
			as = d.Accepted.AsOf
		}
	}
	return as
}

// Source gives LEDGER events from a sequence on to the present end.
type Source interface {
	Events(ctx context.Context, from uint64) iter.Seq2[event.Event, error]
}

// Sync folds what is new in the LEDGER.
func (s *State) Sync(ctx context.Context, src Source) error {
	for e, err := range src.Events(ctx, s.Seq+1) {
		if err != nil {
			return fmt.Errorf("read the ledger from %d: %w", s.Seq+1, err)
		}
		if err := s.Apply(e); err != nil {
			return err
		}
	}
	return nil
}

// Follower gives LEDGER events as they come.
type Follower interface {
	Follow(ctx context.Context, from uint64, fn func(event.Event) error) error
}

var errAwaited = errors.New("awaited")

// Await returns when the LEDGER has grown beyond the sequence after.
func Await(ctx context.Context, f Follower, after uint64) error {
	err := f.Follow(ctx, after+1, func(event.Event) error { return errAwaited })
	if errors.Is(err, errAwaited) {
		return nil
	}
	return err
}
