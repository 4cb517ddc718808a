// Package intake owns how the bytes of one export file become observations:
// when it was made, whether it is whole, what each field
// means, which rows are rejected or parked and why, and the receipt that says
// so. It is pure: bytes and a catalog in, blocks, rejects and a summary out.
//
// It refuses to own which feed a file belongs to (package catalog), where it
// came from and where it is kept, when a
// delivery is accepted (package run), how blocks become bytes (package
// event/block), which rows are effective and whether a value is plausible
// (packages cell and quality). It never guesses an encoding or a dialect: the
// feed declares, and a difference rejects the file.
//
// # One sub-package a format
//
// A format turns bytes into records: a line number and the fields as text in
// UTF-8 (package record). Everything after that (types, units, policies, keys)
// is here and knows no format. The formats are delimited, fixed, ndjson, xlsx,
// parquet, arrowipc and fhir; package typed writes the values of typed columns,
// package compressed takes off what is around any of them.
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
// # What is read into an observation
//
//   - Spaces around a field are padding. Texts that mean "no value" are those
//     of the dialect and the empty field; they hold for numbers, dates,
//     subjects and versions.
//   - The unit and the version are those of the event date. Without a readable
//     one, a code tells its unit if it has only ever named one, and the version
//     of a rejected row is "*". A date after the as-of date is a slip: the row
//     is rejected, and its date tells nothing.
//   - The key is an HMAC-SHA-256, cut to 16 bytes, over the hash of registry,
//     feed and indicator and over the values of the key columns, each with its
//     length. The subject is taken in the same way with its registry, under
//     another key, so that no clear identifier enters the log (package
//     pseudonym). A row whose key columns are all empty has no key; in a delta
//     it is rejected.
//   - In a delta, a row that does not meet the condition of a measure deletes
//     what an earlier row of its key may have given that measure.
//   - In a snapshot of months, a row outside them is rejected and leaves no
//     observation: no later snapshot would ever replace it.
//   - What a file says of itself (feed.Instruction) goes before what its feed
//     says: Result.Kind, Scope and Units tell it.
//   - A row that does not meet the feed's conditions (only) is none of its rows;
//     in a delta it takes its key away, as it may have been one before.
//   - Texts that the feed translates are what it says, and no other text is a
//     value in their column; in those of codes it is a code.
//   - A row that says why it has no number (reasons, check C17) has none, by no
//     policy a zero; one that its source withholds is marked as that. With a
//     number beside the reason, or with a reason that is none, it is rejected.
//   - Counts of a proportion of cases are whole: 1.234 may be what a wrong decimal
//     sign makes of 1,234, and is rejected.
//   - A number with an exponent is read where that moves the point alone. What a
//     spreadsheet may have rounded for its cell is rejected.
//   - Of a file in Unicode, a text of a unit, stratum or key with characters that
//     do not show rejects its row: two texts that look the same are the same.
//   - Rows that each hold one number (pivot) are one observation if they follow
//     each other and none of the numbers is absent or there twice; else they are
//     rejected.
//   - A line without any delimiter after a row may be the end of it: both are
//     rejected. The header again is a line that is rejected and no row.
//
// # What never happens
//
// A value is never repaired. A file is never half a fact: what Read has handed
// to the sink before it returns a *FileError is to be erased by the caller.
// No text that may identify a person leaves in a reject, a problem, a receipt
// or an error (see mask); the fields of rejected rows go to the rejected-rows
// file alone, which is the sender's own, and there, too, declared identifiers
// and whatever looks like an identity number are outlines.
//
// # Identity numbers
//
// Check C15 looks at every field that is not declared (package identity). What a
// number in a column means is known at the end of the file, so no block counts
// before: a column of them makes Read fail, and a column whose numbers only the
// whole explains makes it ask for a second reading (Reread). Whatever the end
// is, no number has been in a block before.
//
// Whole files are looked through: also what stands above and below the rows; in
// other sheets of a workbook, its comments, names, properties, headers and kept
// copies of data; in other resources of a Bundle; in the metadata of tables, and
// the values of their dictionaries that no row has; in names and comments of
// archives and compressed streams. A number there rejects the file, since there is
// no row to reject; so it does in a column of lists or groups. What cannot be
// looked through (a column with a type in it that is not read, an embedded
// document) is refused, unless the feed declares that identifiers may stand in
// that column. Of pictures what their metadata say is looked at, not what they
// show. The name of the file and
// those of its columns and sheets are told only where they hold no number.
//
// # What a file replaces
//
// Rejected rows that come back, mended, are told by the three columns that they
// have more. Alone they would replace a snapshot: they are added by their keys,
// and refused where the feed has none.
//
// A snapshot of the periods of its own rows replaces all that it spans. A file
// that has no rows for some of them says so (Spread); one that spans far more
// than the delivery before it, most of it empty, is asked about (TooWide).
package intake
