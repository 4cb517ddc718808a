// Package aggregator is the service that turns accepted deliveries into cells
// and released cells into publications: it loads rows (those of a large file while
// it is still being read, where nobody sees them: ahead.go), recomputes the cells
// that a delivery touches, appends the changed ones to CELLS, and, when the
// gate has released, computes, writes and verifies the result sets and moves
// the pointer last. For each wider audience of the catalog it makes an edition of
// the first publication of every month, in a store of its own, and takes out of it
// what is withdrawn (edition.go).
//
// It refuses to own the checks and the gate's decisions (service validator,
// package gate), the statistics (packages publication, spc, funnel, variation)
// and the SQL (package warehouse).
package aggregator
