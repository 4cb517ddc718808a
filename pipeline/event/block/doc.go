// Package block owns the bytes of OBS and CELLS blocks: observations and cell
// versions as columns, to one Arrow IPC stream a block and back, the cells of a
// query result that comes as such a stream, and rows of any columns that go to a
// store as one. It is the only package that
// imports the Arrow library, so that another major version of it is a change
// here and nowhere else.
//
// Two properties are contracts. The bytes depend on the input alone: a block
// that is made again after a crash is byte-equal, and the log compares them.
// And a block is what the store inserts: its columns carry the names, the order
// and the types of the ClickHouse tables, or narrower ones that the store widens,
// none of them nullable, so that the loader hands a message on undecoded.
//
// It refuses to own where blocks are kept (package eventlog), what a row or a
// cell means (packages event and cell) and the tables (package warehouse). What
// it reads it does not trust: malformed input is ErrCorrupt, never a panic.
package block
