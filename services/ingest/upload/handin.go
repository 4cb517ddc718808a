package upload

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"larstrom/pipeline/intake"
)

// How often Run looks at the folder by itself: for what it could not hand in,
// for what another process left, and for what has expired.
const (
	retry   = 5 * time.Second
	tidying = time.Hour
)

// Run hands in what is whole and removes what has expired, until ctx ends. A
// file that is being handed in then is finished first.
func (h *Handler) Run(ctx context.Context) error {
	again := time.NewTicker(retry)
	defer again.Stop()
	tidy := time.NewTicker(tidying)
	defer tidy.Stop()
	if err := h.tidy(); err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	for {
		// What fails now is tried again: the file is here, and the sender waits.
		if err := h.handIn(context.WithoutCancel(ctx)); err != nil && ctx.Err() == nil {
			h.cfg.Logger.Error("uploads cannot be handed in now; trying again", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-again.C:
		case <-tidy.C:
			if err := h.tidy(); err != nil {
				return fmt.Errorf("upload: %w", err)
			}
		}
	}
}

// waiting is an upload that this process hands in.
type waiting struct {
	*info
	unlock func()
}

// handIn hands in together what is whole together: deliveries that wait
// together are taken in the order of their as-of dates.
func (h *Handler) handIn(ctx context.Context) error {
	all, err := h.store.all()
	if err != nil {
		return err
	}
	batches := map[bool][]waiting{}
	var errs []error
	for _, u := range all {
		if u.State != whole && (u.State != receiving || u.Offset != u.Length) {
			continue
		}
		unlock, err := h.store.lock(u.ID)
		if errors.Is(err, errLocked) || errors.Is(err, errNone) {
			continue // whoever has it goes on with it
		}
		if err == nil {
			u, err = h.ready(u.ID)
		}
		if err != nil || u == nil {
			if unlock != nil {
				unlock()
			}
			errs = append(errs, err)
			continue
		}
		batches[u.Again] = append(batches[u.Again], waiting{u, unlock})
	}
	for again, batch := range batches {
		err := h.submit(ctx, batch, again)
		if err != nil && len(batch) > 1 {
			// One file may be the reason: it must not keep the others back.
			err = nil
			for _, w := range batch {
				if w.State == whole {
					err = errors.Join(err, h.submit(ctx, []waiting{w}, again))
				}
			}
		}
		for _, w := range batch {
			w.unlock()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ready is the upload as it is under its lock, and marked as handed in. One
// that a crash left between its last byte and its end is ended first.
func (h *Handler) ready(id string) (*info, error) {
	u, err := h.store.load(id)
	if err != nil {
		return nil, err
	}
	if err := h.store.mend(u); err != nil {
		return nil, err
	}
	if u.State == receiving && u.Offset == u.Length {
		if p := h.complete(u); p != nil {
			return nil, p
		}
	}
	if u.State != whole {
		return nil, nil //nolint:nilnil // nothing to do is no error
	}
	return u, nil
}

// submit hands in files and keeps their receipts.
func (h *Handler) submit(ctx context.Context, batch []waiting, again bool) error {
	var paths []string
	before := make([]bool, len(batch))
	for i, w := range batch {
		if before[i] = w.Handed; !w.Handed {
			w.Handed = true
			if err := h.store.save(w.info); err != nil {
				return err
			}
		}
		paths = append(paths, h.store.wholeOf(w.info))
	}
	receipts, err := h.cfg.Submitter.Submit(ctx, paths, again)
	if err != nil {
		return err
	}
	if len(receipts) != len(batch) {
		return fmt.Errorf("%d receipts for %d files", len(receipts), len(batch))
	}
	var errs []error
	for i, w := range batch {
		errs = append(errs, h.decide(w.info, receipts[i], before[i]))
	}
	return errors.Join(errs...)
}

// decide keeps the receipt and gives up the bytes.
func (h *Handler) decide(u *info, r intake.Receipt, before bool) error {
	if before && r.Status == intake.StatusRepeated {
		// Handed in before a crash, which took the first answer with it.
		if first, err := h.cfg.Receipts.Receipt(r.Delivery); err == nil && first.File == u.Name {
			r = first
		}
	}
	u.State, u.Receipt, u.Expires = decided, &r, h.cfg.Clock().Add(h.cfg.Limits.Kept).UTC()
	if err := h.store.save(u); err != nil {
		return err
	}
	err := os.RemoveAll(filepath.Dir(h.store.wholeOf(u)))
	h.tell(u.ID)
	h.cfg.Metrics.ended(u.Feed, "handed_in")
	h.cfg.Logger.Info("upload handed in", "feed", u.Feed, "bytes", u.Length, "status", r.Status, "delivery", r.Delivery)
	return err
}

// tidy removes what has expired, and folders that never became an upload.
func (h *Handler) tidy() error {
	entries, err := os.ReadDir(h.store.dir)
	if err != nil {
		return err
	}
	now := h.cfg.Clock()
	for _, e := range entries {
		id := e.Name()
		if !isID(id) {
			continue
		}
		u, err := h.store.load(id)
		switch {
		case errors.Is(err, errNone):
			at, err := e.Info()
			if err != nil || now.Sub(at.ModTime()) < h.cfg.Limits.Unsent {
				continue
			}
		case err != nil:
			return err
		case u.State == whole || now.Before(u.Expires):
			continue
		}
		unlock, err := h.store.lock(id)
		if err != nil {
			continue // somebody is still writing to it
		}
		err = h.store.remove(id)
		unlock()
		if err != nil {
			return err
		}
		if u != nil && u.State == receiving {
			h.cfg.Metrics.ended(u.Feed, "expired")
			h.cfg.Logger.Info("upload expired", "feed", u.Feed, "offset", u.Offset, "length", u.Length)
		}
	}
	return nil
}
