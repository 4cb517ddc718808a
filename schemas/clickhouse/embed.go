package clickhouse

import "embed"

// Warehouse has the migrations of the warehouse store, NNN_name.sql.
//
//go:embed warehouse/*.sql
var Warehouse embed.FS

// Released has the migrations of the released store, NNN_name.sql.
//
//go:embed released/*.sql
var Released embed.FS
