// Package warehouse owns the two ClickHouse stores: their migrations, the
// loading of accepted blocks, the queries that turn effective rows into cells,
// the result sets of the released store and the pointer that shows them.
//
// It refuses to own where ClickHouse runs (package embedded, or a DSN), what a
// cell or a chart means (packages cell, spc, funnel, variation) and which
// version is visible (package gate). Everything goes through clickhouse-go's
// connection interface, so that the embedded engine and a server are one.
package warehouse
