// Package fhir owns reports of quality measures in FHIR R4 (MeasureReport): a
// single resource, a Bundle of them, or one resource a line (bulk export). It
// turns each report into rows of text fields with fixed names (Columns of
// package catalog): one row a group, and one a stratum of the stratifiers that
// the feed takes.
//
// It refuses to own what a field means and when a row is rejected (package
// intake), bytes (package delimited), line ends (package lines) and every other
// resource, but for the Organizations and Locations of a Bundle, which tell the
// identifiers of reporters.
//
// # What is read
//
//   - JSON by RFC 8259, strictly: a key that stands twice is refused. A number
//     keeps its digits and never becomes a float; an exponent moves its point.
//   - A count that is absent, or has a data-absent-reason, is no value and
//     never zero. A population that the report lacks is no value, too.
//   - numerator and denominator are those of the report, or, as the feed says,
//     what is left of them without the exclusions and exceptions of the report.
//     A report that counts any rejects its row where the feed does not say.
//   - The period is two dates in the feed's zone, its last day included. A year
//     or month stands for its first day at the start and its last at the end.
//   - The measure is looked up by its canonical URL, with its version before
//     without; one that the feed does not list is its own indicator, which no
//     catalog has, so that its rows wait.
//   - The subject of an individual report stands in the column subject alone.
//
// # What goes back
//
// Rejected reports go back in the form in which they came, each whole and behind
// an OperationOutcome that says what is wrong with it (Writer): the check, what to
// do, and where, in FHIRPath. Such a file can be mended and sent again as it is;
// the outcomes in it say that its reports come back (record.Record.Back). Where a
// unit was known by an Organization of the Bundle alone, one stands before.
//
// # What is refused
//
// Reports of another type than the feed's, those that are not complete, and
// those that a modifier extension or implicit rules give another meaning, reject
// their rows. So do the types subject-list and data-collection (data-exchange),
// which are lists and no counts. A Bundle that says that a further page follows,
// or that counts more matches than it has, is not whole; a history is none of
// reports.
package fhir
