// Package fixed owns text with columns of fixed width: it cuts each line at
// the characters that the feed declares.
//
// It refuses to own bytes and encodings (package delimited), line ends
// (package lines), what a field means and when a file is whole (package
// intake).
//
// A position counts characters, not bytes. The form is read strictly, since a
// line that has slipped by one character still cuts into values: a line that
// is shorter than its columns, characters beyond them or between them that are
// no spaces, and tabs make the line malformed. Sign and fill of a field
// are its own: nothing but the padding around it is taken off (by package
// intake).
package fixed
