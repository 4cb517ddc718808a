// Package xlsx owns workbooks (ISO/IEC 29500): it reads the rows of one sheet
// into text fields, one row at a time.
//
// It refuses to own what a field means and when a row is rejected (package
// intake), and what is around a workbook (package compressed, whose archives
// and limits it uses). It is not a general reader of workbooks: what is shown
// (formats, colours, charts) is none of its business, except where the format
// of a cell tells that its number is a date.
//
// # What a cell holds
//
//   - A number is the shortest text that gives the same double: a writer that
//     stores 1234.1 as 1234.0999999999999 means 1234.1. A text that no double
//     would have (a whole number, or more than 17 digits) stays as it is. The
//     decimal sign is the feed's.
//   - A number whose format has a year, month or day is a date, by the 1900 or
//     1904 calendar of the workbook, written as the feed writes dates; with a
//     time after it where it has one. 29 February 1900, which only Excel
//     knows, and what lies before the calendar are errors.
//   - A number whose format has a time alone is hours:minutes:seconds.
//   - A truth value is 1 or 0; a text is itself, its _xHHHH_ decoded.
//   - A formula is its cached value; one without is an error, as is an error
//     (#N/A). Errors are named in record.Record.Faulty.
//
// # What the eye does not see
//
// Hidden rows and columns are read as all others, and are a finding. Merged
// cells hold a value in the first of them only, so that the others would pass
// for empty: where they lie among the rows of data they end the file, above
// them they are a finding. Rows without any value are skipped.
//
// Whatever else a workbook holds is handed to whoever looks through whole files
// (Reader.Aside): other sheets, comments, names, properties, headers, formulas,
// shared texts that no cell has, copies of data that pivots and links keep.
// Embedded documents are refused there. Of pictures the metadata and the
// texts of drawings are looked at, not what a photograph shows.
//
// # The end
//
// The directory of the archive stands at its end, so a workbook that was cut
// has none (record.Error.Cut), and a sheet without rows is one.
package xlsx
