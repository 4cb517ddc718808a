// Package arrow owns the published column specifications of the blocks in the
// streams OBS and CELLS: name, ClickHouse type, Arrow type and meaning of every
// column, in the order of the block.
//
// It refuses to own the encoding (package block, which a test holds equal to
// these files) and the tables (the migrations).
package arrow
