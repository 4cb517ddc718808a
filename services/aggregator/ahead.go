package aggregator

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/crashpoint"
	"larstrom/pipeline/event"
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/run"
	"larstrom/pipeline/warehouse"
)

// aheadBytes is Config.AheadBytes where that is 0: what a table of their own
// costs is little beside the loading of so many rows.
const aheadBytes = 4 << 20

// mostAhead bounds the deliveries whose rows wait for a decision in tables of
// their own; more are loaded when they are accepted.
const mostAhead = 64

// stopping bounds the wait for a store when the service stops: what is not dropped
// then is at the next start.
const stopping = 5 * time.Second

// ahead loads rows while their file is still being read into the log. They are
// no facts: they lie in tables of their own, which nobody reads. When LEDGER
// accepts exactly the blocks that were loaded, the rows go over; when it rejects
// or retracts the delivery, or has accepted other blocks, they are dropped.
// Whatever goes wrong here, the rows are loaded from the log when they are facts.
type ahead struct {
	s  *Service
	mu sync.Mutex
	of map[string]*early // by delivery
	// following is what is still being read, of the goroutine that learns alone.
	following string
}

// early is what is loaded of one delivery.
type early struct {
	feed, subject string
	stop          func() // ends the following
	following     conc.WaitGroup

	mu sync.Mutex // one of those who end it at a time
	// What the following owns, and then whoever has ended it.
	tally *eventlog.Tally
	held  [][]byte // while they are too few for a table
	bytes int
	rows  *warehouse.Ahead // nil: there is no table
	err   error
	ended bool
}

// LoadAhead begins to load the rows of deliveries that are received from now on,
// in goroutines that stop ends.
func (s *Service) LoadAhead(ctx context.Context) (stop func(), err error) {
	infos, err := s.cfg.Log.Info(ctx)
	if err != nil {
		return nil, err
	}
	var from uint64
	for _, i := range infos {
		if i.Stream == eventlog.LEDGER {
			from = i.Last + 1
		}
	}
	a := &s.ahead
	ctx, cancel := context.WithCancel(ctx)
	var work conc.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			err := s.cfg.Log.Follow(ctx, from, func(e event.Event) error {
				from = e.Sequence + 1
				a.learn(ctx, e)
				return nil
			})
			if ctx.Err() != nil {
				return
			}
			s.cfg.Logger.Warn("no rows are loaded ahead; trying again", "error", err.Error())
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
		a.mu.Lock()
		left := a.of
		a.of, a.following = nil, ""
		a.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopping)
		defer cancel()
		for _, e := range left {
			a.drop(ctx, e)
		}
	}, nil
}

// learn takes an event of LEDGER.
func (a *ahead) learn(ctx context.Context, e event.Event) {
	switch e.Type {
	case event.TypeDeliveryReceived:
		d, err := event.Decode[event.DeliveryReceived](e)
		if err != nil {
			return // who folds the LEDGER says so
		}
		// One file is read after the other: the one before is whole in the log.
		a.finish(ctx)
		a.follow(ctx, d)
	case event.TypeDeliveryAccepted: // its last rows need not wait for the run
		d, err := event.Decode[event.DeliveryAccepted](e)
		if err != nil {
			return
		}
		a.mu.Lock()
		o := a.of[d.Delivery]
		a.mu.Unlock()
		if o != nil {
			a.end(ctx, o, d.Blocks.Last, nil)
		}
	case event.TypeCellsAppended: // it was quicker than this
		if d, err := event.Decode[event.CellsAppended](e); err == nil {
			a.drop(ctx, a.remove(d.Delivery))
		}
	case event.TypeDeliveryRejected:
		if d, err := event.Decode[event.DeliveryRejected](e); err == nil {
			a.drop(ctx, a.remove(d.Delivery))
		}
	case event.TypeDeliveryRetracted:
		if d, err := event.Decode[event.DeliveryRetracted](e); err == nil {
			a.drop(ctx, a.remove(d.Delivery))
		}
	}
}

// finish ends what is followed. A delivery that is too small for a table is left
// to its acceptance.
func (a *ahead) finish(ctx context.Context) {
	a.mu.Lock()
	e := a.of[a.following]
	a.mu.Unlock()
	if e == nil {
		return
	}
	last, err := a.s.cfg.Log.LastSequence(ctx, eventlog.OBS, e.subject)
	a.end(ctx, e, last, err)
	if e.rows == nil {
		a.remove(a.following)
	}
}

// follow takes the blocks of a delivery as they come.
func (a *ahead) follow(ctx context.Context, d event.DeliveryReceived) {
	subject := event.ObsSubject(a.s.cfg.Catalog.Region.Code, d.Registry, d.Delivery)
	following, stop := context.WithCancel(ctx)
	e := &early{feed: d.Feed, subject: subject, stop: stop, tally: eventlog.NewTally(subject)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.of) >= mostAhead {
		stop()
		return
	}
	if a.of == nil {
		a.of = map[string]*early{}
	}
	a.of[d.Delivery], a.following = e, d.Delivery
	e.following.Go(func() {
		err := a.s.cfg.Log.Trail(following, eventlog.OBS, subject, func(seq uint64, payload []byte) error {
			return a.add(ctx, e, seq, payload)
		})
		if following.Err() == nil {
			e.err = err
		}
	})
}

// add takes a block. The inserts last as long as ctx, which is not that of the
// reading.
func (a *ahead) add(ctx context.Context, e *early, seq uint64, payload []byte) (err error) {
	e.tally.Add(seq)
	if e.rows != nil {
		return e.rows.Add(payload)
	}
	least := a.s.cfg.AheadBytes
	if least == 0 {
		least = aheadBytes
	}
	e.held = append(e.held, bytes.Clone(payload))
	if e.bytes += len(payload); e.bytes < least {
		return nil
	}
	if e.rows, err = a.s.cfg.Warehouse.NewAhead(ctx, e.feed); err != nil {
		return err
	}
	for _, b := range e.held {
		if err := e.rows.Add(b); err != nil {
			return err
		}
	}
	e.held = nil
	return nil
}

// end takes what is in the log up to a sequence and waits until its rows are in
// their table. With an error nothing more is taken.
func (a *ahead) end(ctx context.Context, e *early, last uint64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	e.ended = true
	e.stop()
	e.following.Wait()
	if e.err = errors.Join(e.err, err); e.err == nil && e.tally.Last() < last {
		if e.rows != nil {
			e.err = e.rows.Part() // two processors then have half of the rest each
		}
	}
	if e.err == nil && e.tally.Last() < last {
		e.err = a.s.cfg.Log.ReadSubject(ctx, eventlog.OBS, e.subject, e.tally.Last()+1, last, func(seq uint64, payload []byte) error {
			return a.add(ctx, e, seq, payload)
		})
	}
	e.held = nil
	if e.rows != nil {
		if e.err = e.rows.End(e.err); e.err == nil {
			a.s.cfg.Crash.Hit(crashpoint.LoadedAhead)
		}
	}
}

// remove gives up what is known of a delivery; nil: nothing is.
func (a *ahead) remove(delivery string) *early {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.of[delivery]
	delete(a.of, delivery)
	return e
}

var errNoFact = errors.New("the delivery is no fact")

// drop ends and drops; nil is nothing.
func (a *ahead) drop(ctx context.Context, e *early) {
	if e == nil {
		return
	}
	a.end(ctx, e, 0, errNoFact)
	if e.rows == nil {
		return
	}
	if err := e.rows.Drop(ctx); err != nil {
		a.s.cfg.Logger.Warn("rows that are no facts wait for the next start to be dropped", "error", err.Error())
	}
}

// accept makes the rows of an accepted delivery those of the store, if exactly
// they are there ahead.
func (a *ahead) accept(ctx context.Context, d *run.Delivery) {
	e := a.remove(d.Delivery)
	if e == nil {
		return
	}
	a.end(ctx, e, d.Accepted.Blocks.Last, nil)
	if e.rows == nil {
		return
	}
	if e.err != nil || !e.tally.Is(d.Accepted.Blocks) {
		a.drop(ctx, e)
		return
	}
	if err := e.rows.Accept(ctx); err != nil {
		a.s.cfg.Logger.Warn("rows that were loaded ahead are loaded again", "delivery", d.Delivery, "error", err.Error())
	}
}
