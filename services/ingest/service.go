package ingest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/event/block"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/compressed"
	"larstrom/pipeline/intake/pseudonym"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/pipeline/run"
)

// Config is what the service needs.
type Config struct {
	Log     *eventlog.Log
	Catalog *catalog.Catalog
	Raw     *rawstore.Store
	// Keys make the pseudonyms. nil: nothing can be taken, and NoKeys says why.
	Keys   *pseudonym.Keys
	NoKeys error
	// Receipts is the folder with one folder a delivery.
	Receipts string
	// Incoming opens files that lie sealed on their way in; nil: none does.
	Incoming *rawstore.Sealer
	// Drop is the folder that is watched; empty: none.
	Drop string
	// Settle is how long a file of the drop folder of which a beginning looks
	// like a whole must not have changed; 0: DefaultSettle.
	Settle  time.Duration
	Clock   func() time.Time
	Logger  *slog.Logger
	Metrics *Metrics
	Crash   crashpoint.Hook
}

// Validate joins everything that is missing.
func (c Config) Validate() error {
	var errs []error
	if c.Log == nil || c.Catalog == nil || c.Raw == nil {
		errs = append(errs, errors.New("ingest: a log, a catalog and a raw store are needed"))
	}
	if c.Receipts == "" {
		errs = append(errs, errors.New("ingest: no folder for receipts"))
	}
	if c.Clock == nil || c.Logger == nil {
		errs = append(errs, errors.New("ingest: a clock and a logger are needed"))
	}
	return errors.Join(errs...)
}

// Service takes exports.
type Service struct {
	cfg   Config
	index *catalog.Index

	mu    sync.Mutex // one file batch at a time: the order of acceptance is a fact
	state run.State
	// known are the files of the drop folder that need no second look.
	known map[string]sighting
	// oneWay says that receipts cannot be put into the drop folder.
	oneWay bool
	// seen guards awaited, which is asked for while files are taken.
	seen    sync.Mutex
	awaited map[string]Awaited
	last    []intake.Receipt
}

// sighting is what a file and its manifest looked like when they were taken.
type sighting struct {
	size               int64
	modified, manifest time.Time
}

// New is a service that is ready to run.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Metrics.start(cfg.Catalog.Feeds)
	return &Service{cfg: cfg, index: cfg.Catalog.Index(), known: map[string]sighting{}}, nil
}

// file is one export on its way in.
type file struct {
	path, name string
	again      bool
	// submitted files are handed in by somebody, so that a repetition is
	// worth a note; a file that lies in the drop folder is only seen again.
	submitted bool
	// live says that the service goes on running and may wait for the rest of
	// the file, which changed last at changed.
	live    bool
	changed time.Time
}

// taken is a file that was read and waits for its acceptance.
type taken struct {
	received event.DeliveryReceived
	accepted event.DeliveryAccepted
	receipt  intake.Receipt
}

// Submit hands in files and returns their receipts in the same order.
func (s *Service) Submit(ctx context.Context, paths []string, again bool) ([]intake.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var files []file
	for _, p := range paths {
		files = append(files, file{path: p, name: filepath.Base(p), again: again, submitted: true})
	}
	receipts, err := s.take(ctx, files)
	if err != nil {
		return receipts, err
	}
	if err := s.openRuns(ctx); err != nil {
		return receipts, err
	}
	s.sayHeld(receipts)
	return receipts, nil
}

// Recover lets the next look into the drop folder also finish what a crash
// left, and reads parked rows again that a newer catalog may know.
func (s *Service) Recover(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return err
	}
	if err := s.checkKeys(); err != nil {
		return err
	}
	return s.receiveParked(ctx)
}

// receiveParked hands in again the deliveries with parked rows that were read
// with an older catalog.
func (s *Service) receiveParked(ctx context.Context) error {
	for _, d := range s.state.Deliveries() {
		if d.Accepted == nil || d.Accepted.Parked == 0 || d.Retried != "" || d.Retracted != nil || d.Accepted.Catalog == s.cfg.Catalog.Hash {
			continue
		}
		if _, ok := s.index.Feed(d.Feed); !ok {
			continue
		}
		r := d.DeliveryReceived
		r.Reason, r.Replaces, r.Catalog, r.Keys = event.CauseCatalog, d.Delivery, s.cfg.Catalog.Hash, s.cfg.Keys.ID()
		r.Delivery = deliveryID(r.Raw, r.Feed, "catalog "+s.cfg.Catalog.Hash+" "+d.Delivery)
		if s.state.Delivery(r.Delivery) != nil {
			continue // this catalog has been tried, and it rejects the file
		}
		if err := s.receive(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// readInto reads a received delivery; one that becomes no fact is rejected.
func (s *Service) readInto(ctx context.Context, r event.DeliveryReceived, done *[]*taken) error {
	t, err := s.read(ctx, r)
	if bad, ok := isFileError(err); ok {
		_, err := s.reject(ctx, r, bad)
		return err
	}
	if err != nil {
		return err
	}
	*done = append(*done, t)
	return nil
}

// take brings files in, in the order of their as-of dates.
func (s *Service) take(ctx context.Context, files []file) ([]intake.Receipt, error) {
	if len(files) > 0 {
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return nil, err
		}
		if err := s.checkKeys(); err != nil {
			return nil, err
		}
	}
	receipts := make([]intake.Receipt, len(files))
	at := map[string][]int{} // delivery → places in receipts
	var done []*taken
	for i, f := range files {
		started := s.cfg.Clock()
		r, t, err := s.bring(ctx, f)
		s.cfg.Metrics.observe("ingest", s.cfg.Clock().Sub(started))
		if err != nil {
			shown, _ := intake.CheckName(f.name, catalog.DateOf(started))
			return nil, fmt.Errorf("%s: %w", shown, err)
		}
		if t == nil {
			receipts[i] = *r
			continue
		}
		if len(at[t.received.Delivery]) == 0 {
			done = append(done, t)
		}
		at[t.received.Delivery] = append(at[t.received.Delivery], i)
	}
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return nil, err
	}
	for _, d := range s.state.Undecided() { // received before a crash, or parked rows
		if len(at[d.Delivery]) == 0 {
			if err := s.readInto(ctx, d.DeliveryReceived, &done); err != nil {
				return nil, err
			}
		}
	}
	accepted, err := s.accept(ctx, done)
	if err != nil {
		return nil, err
	}
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return nil, err
	}
	for _, r := range accepted {
		for n, i := range at[r.Delivery] {
			if n == 0 {
				receipts[i] = r
				continue
			}
			again, _, err := s.repeated(ctx, files[i], s.state.Delivery(r.Delivery)) // the same bytes under two names
			if err != nil {
				return nil, err
			}
			receipts[i] = *again
		}
	}
	return receipts, nil
}

// bring stores the raw file and reads it. Either a receipt is final (a
// repetition, a rejection, a file that no feed knows or that waits for its
// rest) or the file waits for acceptance.
func (s *Service) bring(ctx context.Context, f file) (*intake.Receipt, *taken, error) {
	shown, bad := intake.CheckName(f.name, catalog.DateOf(s.cfg.Clock()))
	if bad != nil {
		f.name = shown // from here on nobody sees another
		if bad.Rule == intake.RuleIdentity {
			if err := s.refusedName(ctx, "", shown); err != nil {
				return nil, nil, err
			}
		}
		return undelivered(f, intake.StatusRejected, *bad), nil, nil
	}
	feed, err := s.index.FeedFor(f.name)
	if err != nil {
		unknown := event.Problem{Rule: intake.RuleHeader, Text: err.Error(),
			Hint: "name the file as one of the feeds says, or add a feed to the catalog"}
		return undelivered(f, intake.StatusRejected, unknown), nil, nil //nolint:nilerr // a file that no feed knows is rejected, and its receipt says why
	}
	in, err := s.cfg.Incoming.Open(f.path)
	if err != nil && !f.submitted {
		s.cfg.Logger.Warn("a file of the drop folder cannot be opened; trying again", "error", err.Error())
		return undelivered(f, intake.StatusWaiting, event.Problem{Rule: intake.RuleBytes, Text: "the file cannot be opened",
			Hint: "let the service read it"}), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if large := tooLarge(in.Size, feed); large != nil {
		return undelivered(f, intake.StatusRejected, *large), nil, in.Close()
	}
	waits := f.patient(feed, s.cfg.Clock())
	if waits && in.Plain != nil {
		bad, err := s.unfinished(ctx, in.Plain, feed, f)
		if err == nil && bad == nil {
			_, err = in.Plain.Seek(0, io.SeekStart)
		}
		if err != nil || bad != nil {
			if err = errors.Join(err, in.Close()); err != nil {
				return nil, nil, err
			}
			w := undelivered(f, intake.StatusWaiting, bad.Problems...)
			w.Feed = feed.ID
			return w, nil, nil
		}
	}
	raw, err := s.cfg.Raw.Put(in)
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, nil, err
	}
	s.cfg.Crash.Hit(crashpoint.RawStored)
	if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
		return nil, nil, err
	}
	text, manifest, err := s.manifest(f)
	at, again := "", ""
	if feed.Sequence != nil && err == nil {
		if at, _, err = intake.OrderKey(feed, f.name, manifest); at != "" {
			again = "place " + at
		}
	}
	seen := s.state.SeenRaw(raw.SHA256, feed.ID, at)
	if seen != nil && seen.Rejected != nil && seen.Rejected.Catalog != s.cfg.Catalog.Hash {
		f.again = true // what one catalog rejects another may read
	}
	if seen != nil && seen.Rejected != nil && err == nil && string(text) != seen.Manifest {
		f.again = true // what was rejected without its manifest, or with another
	}
	if seen != nil && !f.again && (seen.Accepted != nil || seen.Rejected != nil) {
		return s.repeated(ctx, f, seen)
	}
	r := event.DeliveryReceived{
		Delivery: deliveryID(raw.SHA256, feed.ID, again), Raw: raw.SHA256, Size: raw.Size, Name: f.name, Feed: feed.ID, Place: at,
		Registry: feed.Registry, Reason: event.CauseNew, Catalog: s.cfg.Catalog.Hash, Keys: s.cfg.Keys.ID(),
	}
	if err == nil {
		err = intake.CheckManifest(feed, text, catalog.DateOf(s.cfg.Clock()))
	}
	if err == nil {
		r.Manifest = string(text)
		r.AsOf, _, err = intake.AsOf(feed, f.name, manifest, s.cfg.Clock())
	}
	if err == nil && feed.Complete.By == "manifest" && manifest == nil {
		err = &intake.FileError{Incomplete: true, Problems: []event.Problem{{Rule: intake.RuleWhole, Text: "the file's manifest is not there",
			Hint: "send " + intake.ManifestName(f.name) + " with it"}}}
	}
	if bad, ok := isFileError(err); ok && bad.Incomplete && !f.submitted && (waits || !f.live) {
		w := undelivered(f, intake.StatusWaiting, bad.Problems...)
		w.Feed = feed.ID
		return w, nil, nil
	} else if ok {
		return s.received(ctx, f, seen, r, func(event.DeliveryReceived) (*taken, error) { return nil, bad })
	}
	if err != nil {
		return nil, nil, err
	}
	return s.received(ctx, f, seen, r, func(r event.DeliveryReceived) (*taken, error) { return s.read(ctx, r) })
}

// tooLarge refuses a file that is beyond the limit of its feed before it fills
// the disk.
func tooLarge(size int64, feed *catalog.Feed) *event.Problem {
	limit := compressed.Limits{Bytes: feed.Limits.Bytes}.WithDefaults().Bytes
	if size <= limit {
		return nil
	}
	return &event.Problem{Rule: intake.RuleBytes, Text: fmt.Sprintf("the file has %d bytes, and the limit of feed %s is %d", size, feed.ID, limit),
		Hint: "let the sender split it; or, if it is right, raise limits.bytes of the feed"}
}

// received tells the LEDGER of the file, unless it knows, and reads it.
func (s *Service) received(ctx context.Context, f file, seen *run.Delivery, r event.DeliveryReceived,
	read func(event.DeliveryReceived) (*taken, error)) (*intake.Receipt, *taken, error) {
	switch {
	case seen != nil && !f.again:
		r = seen.DeliveryReceived // received before a crash
	case seen != nil:
		r.Reason = event.CauseAgain
		r.Delivery = deliveryID(r.Raw, r.Feed, fmt.Sprintf("again %d", s.state.Seq))
		if err := s.receive(ctx, r); err != nil {
			return nil, nil, err
		}
	default:
		if err := s.receive(ctx, r); err != nil {
			return nil, nil, err
		}
	}
	t, err := read(r)
	bad, ok := isFileError(err)
	switch {
	case ok:
		receipt, err := s.reject(ctx, r, bad)
		return &receipt, nil, err
	case err != nil:
		return nil, nil, err
	}
	return nil, t, nil
}

func isFileError(err error) (*intake.FileError, bool) {
	var bad *intake.FileError
	ok := errors.As(err, &bad)
	return bad, ok
}

func deliveryID(raw, feed, again string) string {
	h := sha256.Sum256([]byte("larstrom delivery 1\n" + raw + "\n" + feed + "\n" + again))
	return hex.EncodeToString(h[:8])
}

func (s *Service) subject(r event.DeliveryReceived) string {
	return event.DeliverySubject(s.cfg.Catalog.Region.Code, r.Registry, r.Delivery)
}

func (s *Service) obsSubject(r event.DeliveryReceived) string {
	return event.ObsSubject(s.cfg.Catalog.Region.Code, r.Registry, r.Delivery)
}

func (s *Service) receive(ctx context.Context, r event.DeliveryReceived) error {
	if err := s.append(ctx, s.subject(r), r.Raw, r, 0); err != nil {
		return err
	}
	s.cfg.Crash.Hit(crashpoint.Received)
	return s.state.Sync(ctx, s.cfg.Log)
}

// append writes one event on a subject whose last event is at expected.
func (s *Service) append(ctx context.Context, subject, cause string, body event.Body, expected uint64) error {
	e, err := event.New(subject, cause, body, s.cfg.Clock())
	if err != nil {
		return err
	}
	_, err = s.cfg.Log.AppendEvent(ctx, e, &expected)
	return err
}

// read turns the raw file of a received delivery into OBS blocks, which are
// inert until the acceptance. A *intake.FileError says that it becomes no fact;
// what had been written of it is erased then.
func (s *Service) read(ctx context.Context, r event.DeliveryReceived) (*taken, error) {
	feed, ok := s.index.Feed(r.Feed)
	if !ok {
		return nil, &intake.FileError{Problems: []event.Problem{{Rule: intake.RuleHeader,
			Text: "the catalog no longer has the feed " + r.Feed, Hint: "put the feed back, or hand the file in again for another feed"}}}
	}
	manifest, err := manifestOf(r)
	if err != nil {
		return nil, err
	}
	raw, err := s.cfg.Raw.Open(r.Raw)
	if err != nil {
		return nil, err
	}
	defer func() { _ = raw.Close() }()
	if r.Catalog != s.cfg.Catalog.Hash {
		// Received before a crash, under another catalog: what had been written
		// with that one is no part of this reading.
		if _, err := s.cfg.Log.EraseSubject(ctx, eventlog.OBS, s.obsSubject(r)); err != nil {
			return nil, err
		}
	}
	rejects, err := s.newRejects(r.Delivery, feed)
	if err != nil {
		return nil, err
	}
	defer rejects.discard()
	d := intake.Delivery{Region: s.cfg.Catalog.Region.Code, ID: r.Delivery, Name: r.Name, Raw: r.Raw, AsOf: r.AsOf, Manifest: manifest, Keys: s.cfg.Keys}
	result, rng, err := s.readWhole(ctx, raw, feed, d, rejects)
	if err == nil {
		err = intake.Unplaced(feed, &result)
	}
	if err == nil && r.Reason == event.CauseNew {
		err = s.tooWide(feed, &result)
	}
	var at place
	if err == nil {
		at, err = placeOf(feed, r.Name, manifest, &result)
	}
	if bad, ok := isFileError(err); ok {
		if len(bad.Identity) == 0 {
			bad.Identity = result.Identity // the file was read to its end
		}
		_, err := s.cfg.Log.EraseSubject(ctx, eventlog.OBS, s.obsSubject(r))
		return nil, errors.Join(err, bad)
	}
	if err != nil {
		return nil, err
	}
	if len(result.Identity) > 0 {
		if err := s.found(ctx, r, event.OutcomeRows, result.Identity); err != nil {
			return nil, err
		}
	}
	s.cfg.Crash.Hit(crashpoint.BlockPublished)
	if err := rejects.keep(); err != nil {
		return nil, err
	}
	form, err := formOf(raw, feed, result.Layout)
	if err != nil {
		return nil, err
	}
	receipt, err := intake.NewReceipt(feed, d, result, nil)
	if err != nil {
		return nil, err
	}
	receipt.RejectedRows = rejects.path
	from, to := intake.Window(feed, &result)
	order := ""
	if result.KeysOnce {
		order = event.KeysAscend
	}
	return &taken{received: r, receipt: receipt, accepted: event.DeliveryAccepted{
		Delivery: r.Delivery, Raw: r.Raw, Name: r.Name, Feed: r.Feed, Registry: r.Registry, AsOf: result.AsOf,
		OrderKey: at.key, Number: at.number, Step: at.step, First: at.first, Blocks: rng, Lines: result.Lines,
		Kind: intake.Kind(feed, &result), Units: result.Units, KeyOrder: order, From: from, To: to, Windows: intake.Windows(feed, &result),
		Observed: result.Observed, Deleted: result.Deleted, Rejected: result.Rejected, Parked: result.Parked,
		Rules: result.Rules, Catalog: s.cfg.Catalog.Hash, Replaces: r.Replaces, Form: form, Findings: result.Findings,
	}}, nil
}

// place is where the deliveries of a feed are ordered and counted.
type place struct {
	key                 string
	number, step, first int64
}

func placeOf(feed *catalog.Feed, name string, m *intake.Manifest, res *intake.Result) (at place, err error) {
	key, inColumn, err := intake.OrderKey(feed, name, m)
	if err != nil {
		return at, err
	}
	if inColumn {
		key = res.OrderKey
	}
	number, numbered, err := intake.Number(feed, key)
	if err != nil || !numbered {
		return place{key: key}, err
	}
	return place{key, number, feed.Sequence.Step, feed.Sequence.First}, nil
}

// readWhole reads the file into the log, twice where the first reading only
// tells what its columns hold.
func (s *Service) readWhole(ctx context.Context, raw io.ReadSeeker, feed *catalog.Feed, d intake.Delivery, rejects *rejectsFile) (intake.Result, event.Range, error) {
	subject := event.ObsSubject(d.Region, feed.Registry, d.ID)
	if end, err := s.cfg.Log.LastSequence(ctx, eventlog.OBS, subject); err != nil {
		return intake.Result{}, event.Range{}, err
	} else if end > 0 {
		// A crash left blocks, and nothing says of which reading they are: the
		// file does. What a first reading left is then compared with the next.
		_, err := intake.Read(ctx, raw, feed, s.index, d, nothing{})
		if again, ok := errors.AsType[*intake.Reread](err); ok {
			d.Looked = again.Looked
			_, err = s.cfg.Log.EraseSubject(ctx, eventlog.OBS, subject)
		}
		if err := seekStart(raw, err); err != nil {
			return intake.Result{}, event.Range{}, err
		}
	}
	result, rng, err := s.blocks(ctx, raw, feed, d, rejects)
	again, ok := errors.AsType[*intake.Reread](err)
	if !ok {
		return result, rng, err
	}
	d.Looked = again.Looked
	_, err = s.cfg.Log.EraseSubject(ctx, eventlog.OBS, subject)
	if err := seekStart(raw, errors.Join(err, rejects.restart(feed))); err != nil {
		return intake.Result{}, event.Range{}, err
	}
	return s.blocks(ctx, raw, feed, d, rejects)
}

// seekStart goes back to the beginning, unless there is an error already.
func seekStart(r io.Seeker, err error) error {
	if err == nil {
		_, err = r.Seek(0, io.SeekStart)
	}
	return err
}

// nothing takes everything and keeps nothing.
type nothing struct{}

func (nothing) Block(*event.Observations) error { return nil }
func (nothing) Reject(*intake.Reject) error     { return nil }

// blocks reads the file into the log, a block at a time.
func (s *Service) blocks(ctx context.Context, raw io.Reader, feed *catalog.Feed, d intake.Delivery, rejects *rejectsFile) (result intake.Result, rng event.Range, err error) {
	// The order key is wanted before the first block: a file without it is rejected.
	if _, _, err := intake.OrderKey(feed, d.Name, d.Manifest); err != nil {
		return result, rng, err
	}
	splitter := block.NewSplitter()
	rng, err = s.cfg.Log.AppendBlocks(ctx, eventlog.OBS, event.ObsSubject(d.Region, feed.Registry, d.ID), func(yield func(eventlog.Block, error) bool) {
		// The file is read on while a block is encoded and stored.
		full, stored := make(chan *event.Observations), make(chan error)
		var reading conc.WaitGroup
		defer reading.Wait()
		var failed error
		reading.Go(func() {
			defer close(full)
			sink := &sink{rejects: rejects, emit: func(o *event.Observations) error {
				full <- o
				return <-stored
			}}
			result, failed = intake.Read(ctx, raw, feed, s.index, d, sink)
		})
		var stop error
		for o := range full {
			if stop == nil {
				stop = splitter.Observations(o, func(payload []byte, rows int) error {
					if !yield(eventlog.Block{Payload: payload, Rows: rows}, nil) {
						return errStopped
					}
					return nil
				})
			}
			stored <- stop
		}
		if failed != nil && !errors.Is(failed, errStopped) {
			yield(eventlog.Block{}, failed)
		}
	})
	return result, rng, err
}

var errStopped = errors.New("the log takes no more blocks")

type sink struct {
	emit    func(*event.Observations) error
	rejects *rejectsFile
}

func (s *sink) Block(o *event.Observations) error { return s.emit(o) }
func (s *sink) Reject(r *intake.Reject) error     { return s.rejects.rows.Reject(r) }

// accept makes the files that were read facts, in the order of their as-of
// dates and, within one, of their names.
func (s *Service) accept(ctx context.Context, done []*taken) ([]intake.Receipt, error) {
	slices.SortStableFunc(done, func(a, b *taken) int {
		return cmp.Or(a.accepted.AsOf.Compare(b.accepted.AsOf), strings.Compare(a.received.Name, b.received.Name))
	})
	var out []intake.Receipt
	forms := map[string]event.Form{}
	for _, t := range done {
		d := s.state.Delivery(t.received.Delivery)
		if d == nil {
			return nil, fmt.Errorf("delivery %s was read and is not in the ledger", t.received.Delivery)
		}
		s.compare(t, forms)
		s.outOfOrder(t)
		if err := s.writeReceipt(t.receipt); err != nil {
			return nil, err
		}
		if err := s.append(ctx, s.subject(t.received), t.received.Raw, t.accepted, d.ReceivedSeq); err != nil {
			return nil, err
		}
		s.cfg.Crash.Hit(crashpoint.Accepted)
		s.cfg.Metrics.accepted(t.accepted)
		s.cfg.Logger.Info("delivery accepted", "delivery", t.accepted.Delivery, "feed", t.accepted.Feed, "as_of", t.accepted.AsOf.String(),
			"lines", t.accepted.Lines, "observed", t.accepted.Observed, "rejected", t.accepted.Rejected, "parked", t.accepted.Parked)
		out = append(out, t.receipt)
	}
	return out, s.state.Sync(ctx, s.cfg.Log)
}

// reject records why a file became no fact.
func (s *Service) reject(ctx context.Context, r event.DeliveryReceived, bad *intake.FileError) (intake.Receipt, error) {
	d := s.state.Delivery(r.Delivery)
	if d == nil {
		return intake.Receipt{}, fmt.Errorf("delivery %s was read and is not in the ledger", r.Delivery)
	}
	feed := &catalog.Feed{ID: r.Feed, Registry: r.Registry}
	if err := s.foundIn(ctx, r, bad); err != nil {
		return intake.Receipt{}, err
	}
	receipt, err := intake.NewReceipt(feed, intake.Delivery{Region: s.cfg.Catalog.Region.Code, ID: r.Delivery, Name: r.Name, Raw: r.Raw, AsOf: r.AsOf},
		intake.Result{}, bad)
	if err != nil {
		return receipt, err
	}
	if err := s.writeReceipt(receipt); err != nil {
		return receipt, err
	}
	body := event.DeliveryRejected{Delivery: r.Delivery, Raw: r.Raw, Name: r.Name, Feed: r.Feed, Registry: r.Registry,
		Problems: bad.Problems, Catalog: s.cfg.Catalog.Hash}
	if err := s.append(ctx, s.subject(r), r.Raw, body, d.ReceivedSeq); err != nil {
		return receipt, err
	}
	s.cfg.Metrics.rejectedFile(r.Feed)
	s.cfg.Logger.Info("delivery rejected", "delivery", r.Delivery, "feed", r.Feed, "problems", len(bad.Problems), "rule", bad.Problems[0].Rule)
	return receipt, s.state.Sync(ctx, s.cfg.Log)
}

// repeated notes bytes that were seen before (C05).
// again says how bytes that came before are taken once more, on each way.
const again = "; to have them taken once more, hand them in with the word again: larstrom submit --again, or again true in Upload-Metadata"

func (s *Service) repeated(ctx context.Context, f file, seen *run.Delivery) (*intake.Receipt, *taken, error) {
	receipt, err := s.Receipt(seen.Delivery)
	if errors.Is(err, fs.ErrNotExist) { // a receipt is derived: the LEDGER has what matters
		receipt, err = intake.Receipt{Format: 1, Delivery: seen.Delivery, Feed: seen.Feed, Registry: seen.Registry, Raw: seen.Raw, AsOf: seen.AsOf}, nil
		if a := seen.Accepted; a != nil {
			receipt.Lines, receipt.Rejected, receipt.Parked, receipt.Observations = a.Lines, a.Rejected, a.Parked, a.Observed
			receipt.AsOf, receipt.Rules = a.AsOf, a.Rules
		}
	}
	if err != nil {
		return nil, nil, err
	}
	receipt.Note = "these bytes came before as " + seen.Name + " and changed nothing" + again
	if w := s.state.Standing(seen).Retracted; w != nil {
		receipt.Note = "these bytes came before as " + seen.Name + " and were retracted on " + w.On.String() + again
	}
	receipt.Status, receipt.File = intake.StatusRepeated, f.name
	if !f.submitted && f.name == seen.Name {
		return &receipt, nil, nil // the file still lies in the drop folder
	}
	body := event.DeliveryRepeated{Delivery: seen.Delivery, Raw: seen.Raw, Name: f.name, Feed: seen.Feed}
	e, err := event.New(s.subject(seen.DeliveryReceived), f.name, body, s.cfg.Clock())
	if err != nil {
		return nil, nil, err
	}
	if !s.state.Has(e.ID) {
		if _, err := s.cfg.Log.AppendEvent(ctx, e, nil); err != nil {
			return nil, nil, err
		}
	}
	s.cfg.Metrics.repeated(seen.Feed)
	return &receipt, nil, s.state.Sync(ctx, s.cfg.Log)
}

// openRuns puts every accepted delivery into a run, one run for each as-of
// date, in their order.
func (s *Service) openRuns(ctx context.Context) error {
	for {
		if err := s.state.Sync(ctx, s.cfg.Log); err != nil {
			return err
		}
		waiting := s.state.Waiting()
		if len(waiting) == 0 {
			return nil
		}
		r := event.RunOpened{Ordinal: len(s.state.Runs()) + 1, AsOf: waiting[0].Accepted.AsOf, Catalog: s.cfg.Catalog.Hash}
		h := sha256.New()
		for _, d := range waiting {
			if d.Accepted.AsOf != r.AsOf || len(r.Deliveries) == run.MaxDeliveries {
				break // a number that comes before may have a later date
			}
			r.Deliveries = append(r.Deliveries, d.Delivery)
			h.Write([]byte(d.Delivery))
		}
		r.Run = fmt.Sprintf("%s-%04d-%s", r.AsOf, r.Ordinal, hex.EncodeToString(h.Sum(nil)[:3]))
		err := s.append(ctx, event.RunSubject(s.cfg.Catalog.Region.Code), r.Run, r, s.state.RunSeq())
		var conflict *eventlog.WrongLastSequenceError
		if errors.As(err, &conflict) {
			continue // another service wrote about a run meanwhile
		}
		if err != nil {
			return err
		}
		s.cfg.Crash.Hit(crashpoint.RunOpened)
		s.cfg.Logger.Info("run opened", "run", r.Run, "deliveries", len(r.Deliveries))
	}
}
