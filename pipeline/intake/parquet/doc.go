// Package parquet owns Parquet files: it reads their flat columns into text
// fields, one page of each column at a time.
//
// It refuses to own what a field means and when a row is rejected (package
// intake), what is around a file (package compressed) and how a typed value is
// written (package typed).
//
// It writes them, too: rejected rows go back as a table with the same columns and
// types (Writer).
//
// The library reads the metadata (footer and page headers), once their lengths
// have been held against their bytes. Pages are unpacked and decoded here: the
// library unpacks without a bound, and decodes a page that lies about itself
// into whatever stood in its buffers before, which may be another file's rows.
// Here a page has exactly as many bytes and values as it says, or the file ends
// with a *record.Error.
//
// # What is read
//
// Top-level columns that are required or optional: integers (UINT_8 to INT_64),
// DECIMAL of any width, FLOAT16, FLOAT, DOUBLE, BOOLEAN, DATE, TIME, TIMESTAMP,
// texts (STRING, ENUM, JSON, and bytes without a type that are UTF-8), UUID and
// NULL, in every encoding of the format and packed with Snappy, gzip, Zstandard,
// Brotli or LZ4_RAW. A TIMESTAMP that is adjusted to UTC is an instant and
// becomes a time of the feed's zone; another is civil. A null is the empty
// field. INT96 is refused: some writers mean UTC by it, some a local time.
//
// What lies in columns of lists and groups is handed to whoever looks through
// whole files (Options.Unused), without its rows, as are the values of
// dictionaries that no row has, and the keys and values of the metadata (Aside).
//
// # The end
//
// The footer stands at the end, so a file that was cut has none
// (record.Error.Cut). Its numbers of rows must be those of the pages.
//
// # Limits
//
// The source must be one that can be read at any place; another is held in
// memory up to compressed.Limits.Held. Of each column that is read, one page
// and one dictionary are held, maxHeld bytes together. A footer of more than
// maxFooter bytes, or that lists more than maxItems things, is refused.
package parquet
