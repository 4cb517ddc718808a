package app

import (
	"larstrom/pipeline/eventlog"
	"larstrom/pipeline/warehouse"
)

// Parts are the log and the store of cells: the scale test puts cells there
// that no file brought.
func (a *App) Parts() (*eventlog.Log, *warehouse.Warehouse) { return a.log, a.warehouse }
