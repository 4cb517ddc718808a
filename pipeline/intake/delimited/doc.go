// Package delimited owns the form of delimited text: it checks the bytes
// against the declared encoding, turns them into UTF-8 and splits them into
// records and fields, and it writes records in the same form.
//
// It refuses to own what a field means, which columns there must be, how many
// malformed records a file may have and when a file is whole (package intake).
//
// # The byte gate
//
// Every byte passes the gate before it is split. A byte that the declared
// encoding does not have, a NUL, or evidence of another encoding ends the file
// with a *Error; nothing is replaced and nothing is guessed. In a file that is
// declared single-byte, text in UTF-8 would read as valid mojibake, so it is
// looked for: a sequence that no text of the field has in a single-byte
// encoding (Ã before a continuation byte, or any of three bytes and more) ends
// the file at once; others do so at its end if no high byte stood outside a
// sequence.
//
// # The grammar
//
// That of RFC 4180 with the declared delimiter and quote, read strictly. A
// quote opens a field only as its first character; inside, it is doubled.
// Where RFC 4180 says nothing, readers differ and values change in silence,
// the record is malformed: a quote inside an unquoted field, text after a
// closing quote, a line end of another kind. A malformed record ends at the
// next line end, so that the fault stays where it is; those of its lines that
// lay inside a quote go with it, since nobody can tell what they were. A quote
// that is still open at the end of the file, or for longer than a record may
// be, is a *Error.
//
// The first line end decides which kind the file has: LF (with CRLF, also
// mixed) or CR. Lines without any character are skipped, except in a file of
// one column, where they are empty fields.
//
// Where the dialect says so, lines before the records are passed over as they
// stand (the preamble, by their number or until a line that matches), and a
// field ="…" is the text inside: a quote after = opens it as one would alone.
//
// # Parallel parsing
//
// Cutting one record out of a window of text needs no more state than the kind
// of line end. So a Reader with Workers cuts the text at line ends and lets
// several goroutines split the segments, each as if a record began with it. It
// takes their records over only from a place where a record does begin, which it
// knows from what is before: a line end within quotes costs time and nothing
// else. Records, lines and faults are those of reading in order.
package delimited
