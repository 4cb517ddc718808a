// Package cell owns what a cell is: its key, its exact content, its
// fingerprint, its versions, one by one and as the columns of a table, and the
// difference between two nights of cells.
//
// It refuses to own where rows come from, which version is visible (package
// gate) and what is drawn (package spc). It does no I/O.
package cell
