// Package ndjson owns JSON lines: it reads one object from each line into the
// fields that the feed reads.
//
// It refuses to own bytes (package delimited), line ends (package lines), what
// a field means, how many malformed lines a file may have and when a file is
// whole (package intake).
//
// # What is read
//
// The grammar is that of RFC 8259, read strictly; what it leaves to readers is
// refused. A value inside an object has the path of its keys, joined by dots;
// a key that has a dot itself has the same path as one inside. A path that
// stands twice in a line, half a surrogate pair, a NUL and an array where the
// feed reads a value make the line malformed. A number keeps its own
// digits and never becomes a float; an exponent moves its point, which is
// written as the feed's decimal sign. true is 1, false is 0, null is the empty field.
//
// # Columns
//
// The file has no header, so each object is held against the feed. A path that
// the feed neither reads nor ignores ends the file with a *record.Error: a
// changed export is to be noticed. An ignored path takes everything below it.
// A path that is read and absent makes the line malformed, unless the feed
// says that absent means missing; then a path that no object of the file has
// is a *record.Error at its end. The keys rule, column and hint, all three, are
// those of a file of rejected rows (Append), and are passed over.
package ndjson
