// Package intake owns how the bytes of one export file become observations:
// which feed a file belongs to, whether the file is whole, what each field
// means, which rows are rejected or parked and why, and the receipt that says
// so. It is pure: bytes and a catalog in, blocks, rejects and a summary out.
//
// It refuses to own where the file came from and where it is kept, when a
// delivery is accepted (package run), how blocks become bytes (package
// event/block), which rows are effective and whether a value is plausible
// (packages cell and quality). It never guesses an encoding or a dialect: the
// feed declares, and a difference rejects the file.
//
// # One sub-package a format
//
// A format turns bytes into records: a line number and the fields as text in
// UTF-8. Everything after that (types, units, policies, keys) is here and
// knows no format. Package delimited is the first format.
//
// # What becomes of a row
//
//   - observed: every field could be read;
//   - deleted: a row of a delta that takes its key away;
//   - rejected: a field could not be read. The row is a fact too: it goes into
//     the block with what was readable, so that cells carry its number;
//   - parked: the unit, indicator or version is not in the catalog. It waits.
//
// A fault in a column that the measures of a wide row share rejects all of
// them, a fault in the column of one measure only that measure. An implausible
// value removes nothing; it sets a finding.
//
// # What never happens
//
// A value is never repaired. A file is never half a fact: what Read has handed
// to the sink before it returns a *FileError is to be erased by the caller.
// No text that may identify a person leaves in a reject, a problem, a receipt
// or an error (see mask); the fields of rejected rows go to the rejected-rows
// file alone, which is the sender's own.
package intake
