// Package lines owns the physical lines of a text that has passed the byte
// gate: where they end, which kind of line end they have, whether the last of
// them ended, and which is the trailer.
//
// It refuses to own encodings (package delimited, whose gate it reads) and
// what is in a line (packages fixed and ndjson). Quotes mean nothing to it:
// delimited text, where a line end can stand inside a field, is not its
// business.
//
// The first line end decides which kind the file has: LF (with CRLF, also
// mixed) or CR. A line end of another kind stays in its line, for the format
// to refuse. Lines without any character are skipped.
package lines
