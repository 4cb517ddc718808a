// Package record owns what every format of a file turns its source into:
// records of text fields with a place that a sender understands, the fault
// that ends a file, and what is known at its end.
//
// It refuses to own any format (one sub-package of intake each), and what a
// field means (package intake).
//
// # The canonical form of a typed value
//
// A format with types of its own (NDJSON, XLSX, Parquet, Arrow, FHIR) writes a value as the feed
// would write it in text: a number in digits with the decimal sign of the
// feed, a truth value as 1 or 0, an absent value as the empty field.
package record
