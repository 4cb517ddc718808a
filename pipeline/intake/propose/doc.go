// Package propose owns what an unknown export looks like: bytes in, a feed
// definition with its evidence out; and what an accepted export looked like, so
// that the next can be held against it.
//
// Detection proposes, the feed declares: nothing here ever decides how a file
// is read, and what is ambiguous is said to be (dd/mm or mm/dd, a comma that
// may be a decimal sign or one between thousands). It refuses to own the
// reading (package intake), the catalog's rules, and any value of a file:
// evidence is counts, forms, line numbers and the names of columns. It is pure.
//
// # How
//
// What is around the bytes is told by its first bytes; the encoding by a byte
// order mark, by validity as UTF-8 and by bytes that only Windows-1252 has; the
// delimiter by the width that most records agree on; a date or number form by
// reading every field of a column in it, with the very code that will. What a
// column is for is told by names that Nordic registries and the NHS use, and by
// content where no name says it.
package propose
