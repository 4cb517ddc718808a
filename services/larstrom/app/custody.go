package app

import (
	"context"
	"fmt"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
	"larstrom/services/aggregator"
)

// Restatements are the cells that a delivery changed, as they were before it
// and with it.
func (a *App) Restatements(ctx context.Context, delivery string) ([]aggregator.Restatement, error) {
	s, err := a.State(ctx)
	if err != nil {
		return nil, err
	}
	return a.aggregator.Restatements(ctx, s, delivery)
}

// Retract withdraws a delivery for a person and returns when a publication
// shows the data without it.
func (a *App) Retract(ctx context.Context, who catalog.Person, delivery, note string) (event.DeliveryRetracted, error) {
	r, err := a.ingest.Retract(ctx, who, delivery, note)
	if err != nil {
		return r, err
	}
	if err := a.awaitRuns(ctx); err != nil {
		return r, fmt.Errorf("the delivery is retracted but that is not shown yet: %w", err)
	}
	return r, nil
}

// SkipNumbers says for a person that deliveries of a numbered feed are awaited no
// more, and returns when a publication shows what they kept back.
func (a *App) SkipNumbers(ctx context.Context, who catalog.Person, feed string, from, through int64, note string) (event.SequenceSkipped, error) {
	k, err := a.ingest.SkipNumbers(ctx, who, feed, from, through, note)
	if err != nil {
		return k, err
	}
	if err := a.awaitRuns(ctx); err != nil {
		return k, fmt.Errorf("the numbers are skipped but what they kept back is not shown yet: %w", err)
	}
	return k, nil
}

// awaitRuns returns when the runs that are open now are published and shown.
func (a *App) awaitRuns(ctx context.Context) error {
	if did, err := a.alone(ctx); did {
		return err
	}
	s, err := a.State(ctx)
	if err != nil {
		return err
	}
	opened := len(s.Runs())
	for {
		if next := s.NextRun(); next == nil || next.Ordinal > opened {
			if s.Publication == nil {
				return nil
			}
			return a.aggregator.AwaitShown(ctx, s.Publication.Publication)
		}
		if err := run.Await(ctx, a.log, s.Seq); err != nil {
			return err
		}
		if err := s.Sync(ctx, a.log); err != nil {
			return err
		}
	}
}
