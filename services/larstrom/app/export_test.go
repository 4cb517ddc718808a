package app

import (
	"context"

	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/warehouse"
)

// Parts are the log and the store of cells: the scale test puts cells there
// that no file brought.
func (a *App) Parts() (*eventlog.Log, *warehouse.Warehouse) { return a.log, a.warehouse }

// Recover, Compute and Check are the steps of the services, one by one.
func (a *App) Recover(ctx context.Context) error                    { return a.aggregator.Recover(ctx) }
func (a *App) Compute(ctx context.Context) (worked bool, err error) { return a.aggregator.Step(ctx) }
func (a *App) Check(ctx context.Context) (worked bool, err error)   { return a.validator.Step(ctx) }
