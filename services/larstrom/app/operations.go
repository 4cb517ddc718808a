package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/intake/rawstore"
	"larstrom/pipeline/run"
	"larstrom/services/ingest"
	"larstrom/services/validator"
)

// State is a fresh fold of the LEDGER.
func (a *App) State(ctx context.Context) (*run.State, error) {
	var s run.State
	return &s, s.Sync(ctx, a.log)
}

// Receipt is what the sender of a delivery was told; where this process has no
// receipt of it, the error is fs.ErrNotExist.
func (a *App) Receipt(delivery string) (intake.Receipt, error) { return a.ingest.Receipt(delivery) }

// Awaited are the files of the drop folder that wait for their rest.
func (a *App) Awaited() []ingest.Awaited { return a.ingest.Awaited() }

// RejectedRows is the file of the rejected rows of a delivery; where this
// process has none, the error is fs.ErrNotExist.
func (a *App) RejectedRows(delivery string) (io.ReadCloser, error) {
	return a.ingest.RejectedRows(delivery)
}

// Submit hands in files; it returns when their receipts exist. The
// publication follows by Settle or by the running services.
func (a *App) Submit(ctx context.Context, paths []string, again bool) ([]intake.Receipt, error) {
	return a.ingest.Submit(ctx, paths, again)
}

// RefusedName tells of an identity number in the name of an upload of the feed.
func (a *App) RefusedName(ctx context.Context, feed, shown string) error {
	return a.ingest.RefusedName(ctx, feed, shown)
}

// Received are the receipts of the last look into the drop folder.
func (a *App) Received() []intake.Receipt { return a.ingest.Last() }

// Flags are all flags, by indicator and then as they were raised.
func (a *App) Flags(ctx context.Context) ([]gate.Flag, error) { return a.validator.Flags(ctx) }

// Flag is the flag of that id.
func (a *App) Flag(ctx context.Context, id string) (gate.Flag, error) {
	return a.validator.Flag(ctx, id)
}

// Decision is what became of a person's command.
type Decision struct {
	Events []event.Event
	// Publication is the first that shows it.
	Publication int
}

// Decide carries out a person's command and returns when the released store
// shows what follows from it.
func (a *App) Decide(ctx context.Context, who catalog.Person, cmd gate.Command) (Decision, error) {
	return a.Order(ctx, who, validator.Order{Command: cmd})
}

// await returns when a publication shows the LEDGER up to seq. Where no
// services run, the work is done here.
func (a *App) await(ctx context.Context, seq uint64) error {
	if did, err := a.alone(ctx); did {
		return err
	}
	for {
		publication, through, at, err := a.published(ctx)
		if err != nil {
			return err
		}
		if publication > 0 && through >= seq {
			return a.aggregator.AwaitShown(ctx, publication)
		}
		if err := run.Await(ctx, a.log, at); err != nil {
			return err
		}
	}
}

// published is the last publication, 0 before the first, the LEDGER sequence
// that it shows, and the one at which the LEDGER is.
func (a *App) published(ctx context.Context) (publication int, through, at uint64, err error) {
	a.ledger.Lock()
	defer a.ledger.Unlock()
	s := &a.ledger.state
	if err := s.Sync(ctx, a.log); err != nil {
		return 0, 0, 0, err
	}
	if p := s.Publication; p != nil {
		publication, through = p.Publication, p.Through
	}
	return publication, through, s.Seq, nil
}

// ReplayReport compares the stores before and after.
type ReplayReport struct{ Before, After string }

// Replay rebuilds both stores from the log.
func (a *App) Replay(ctx context.Context, progress func(string)) (ReplayReport, error) {
	var r ReplayReport
	var err error
	if r.Before, err = a.aggregator.Fingerprint(ctx); err != nil {
		return r, err
	}
	if err = a.aggregator.Replay(ctx, progress); err != nil {
		return r, err
	}
	r.After, err = a.aggregator.Fingerprint(ctx)
	return r, err
}

// VerifyReport is what was checked and what was found.
type VerifyReport struct {
	Problems []string
	Checked  map[string]int
	// Unchecked is what could not be checked here, by what is missing.
	Unchecked map[string]int
}

// Verify holds raw files, log, stores and LEDGER against each other.
func (a *App) Verify(ctx context.Context, progress func(string)) (VerifyReport, error) {
	r := VerifyReport{Checked: map[string]int{}, Unchecked: map[string]int{}}
	problem := func(p string) { r.Problems = append(r.Problems, p) }
	s, err := a.State(ctx)
	if err != nil {
		problem("LEDGER: " + err.Error())
		return r, nil //nolint:nilerr // a LEDGER that cannot be read is a finding, and it is in the report
	}
	seen := map[string]bool{}
	for _, d := range s.Deliveries() {
		if seen[d.Raw] {
			continue
		}
		seen[d.Raw] = true
		progress("raw file " + d.Raw)
		if err := a.raw.Verify(d.Raw); errors.Is(err, rawstore.ErrSealed) {
			r.Unchecked["encrypted raw files, whose key is not here: name the key file in LARSTROM_KEY_FILE"]++
			continue
		} else if err != nil {
			problem(fmt.Sprintf("raw file of delivery %s: %v", d.Delivery, err))
		}
		r.Checked["raw files"]++
	}
	for _, p := range s.Runs() {
		if seen[p.Catalog] {
			continue
		}
		seen[p.Catalog] = true
		if _, err := a.catalogOf(p.Catalog); err != nil {
			problem(err.Error() + "; start `larstrom up` with the folder of that catalog, or restore DIR/catalogs")
		}
		r.Checked["catalogs"]++
	}
	err = a.aggregator.Verify(ctx, progress, problem, func(what string, n int) { r.Checked[what] += n })
	return r, err
}
