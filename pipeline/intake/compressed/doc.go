// Package compressed owns the outermost form of a file: gzip, Zstandard or a
// ZIP archive with exactly one data file in it. It gives the bytes inside, and
// writes the same forms.
//
// It refuses to own what the bytes are (the packages of the formats) and
// where they come from. It guesses nothing: the feed declares the
// compression, and a file that begins otherwise is a *record.Error, as is a
// compressed file of a feed that declares none.
//
// # Limits
//
// A few bytes can stand for any number. What comes out is counted while it is
// read: it may not be more than Limits.Bytes, nor, beyond the first 16 MiB,
// more than Limits.Ratio times what went in. A ZIP whose directory already
// says more is refused before a byte of it is unpacked. Memory does not grow
// with the file; a Zstandard window above 64 MiB is refused.
//
// # Archives
//
// The directory at the end of a ZIP is what counts, so the source must be one
// that can be read at any place; another is held in memory up to Limits.Held.
// Names that begin with a dot and the resource forks of __MACOSX are no data.
// An encrypted file, a name that leads out of the archive (.., a root, a
// drive, a backslash) or has characters that do not show, and a method other
// than stored and deflated are refused: who writes them means something else
// than to deliver a table.
//
// # What stands around
//
// Names, comments and extra fields of gzip members, the frames of a Zstandard
// stream that are to be skipped, and of a ZIP the hidden files and every byte that
// lies in no file are handed to whoever looks through whole files (Aside). They
// are never given in an error. Files of an archive that lie in each other are
// refused.
//
// # The way back
//
// NewWriter compresses as the file came, for what is given back to its sender.
//
// # The end
//
// A container knows its own end: a gzip or Zstandard frame that stops early,
// and a ZIP without its directory, may be the beginning of a whole file
// (record.Error.Cut). What is damaged in the middle may not.
package compressed
