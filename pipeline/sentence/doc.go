// Package sentence reads the English sentences that the ledger and the stores
// keep of findings, and says them in the reader's language: what was expected,
// what came, with the numbers and dates of that language.
//
// A sentence is kept as English text, for ever; the text is the whole of it: by
// the book of patterns it is a kind and its values, and the patterns are the
// very forms in which package quality writes (a test there holds the two
// together). So events of every age are said in every language, and what nobody
// has a pattern for stays as it is and says that it is English.
//
// It owns the reading and the words. It does not own what a check finds, whether
// it is said, or what the check means in general: that is quality's, with the
// titles of the portal.
package sentence
