// Package catalog owns what a region has agreed on: its registries,
// indicators, care units and their history, feeds, code systems, people and
// audience profiles. It reads them from YAML, refuses a wrong catalog whole
// with every problem at once, and gives validated, immutable values, their
// canonical form and hash, and the lookups that the rest asks per row.
//
// A catalog is named by the SHA-256 of its canonical form. The form holds
// values only: how they are spread over files, the order of keys and the
// comments do not show, and neither does the order of a list in which order
// has no meaning.
//
// It refuses to own what the values do: it parses no export (package
// intake), aggregates no row (package cell), runs no check (package quality),
// decides who may decide (package gate) and stores nothing. Except for Load
// and LoadDir, which read the files of a catalog, it does no I/O and reads no
// clock.
package catalog
