// Package arrowipc owns Arrow files and streams of another system (the IPC
// format, Feather v2 included): it reads their flat columns into text fields,
// one record batch at a time.
//
// It writes them, too, by the Arrow library: rejected rows go back as a file or
// stream with the same columns and types (Writer); a dictionary goes back as its
// values.
//
// It refuses to own what a field means and when a row is rejected (package
// intake), what is around a file (package compressed), how a typed value is
// written (package typed), and the blocks of the log (package event/block). It
// does not read by that library: the library takes lengths and offsets on trust, reads what lies behind a short
// buffer as zeros, copies every column and takes a stream that broke off for a
// whole one. Here each length is held against the bytes that are there, only
// the columns that the feed reads are unpacked, and a fault ends the file.
//
// # What is read
//
// Integers, half, single and double precision, decimals of any width, truth
// values, dates, times, timestamps, texts and bytes that are UTF-8 (views
// included), nulls, and dictionaries of these. A timestamp with a zone is an
// instant and becomes a time of the feed's zone; without one it is civil. A
// null is the empty field. A column of any other type may be ignored by the
// feed, not read. What lies in columns of lists and structs is handed to whoever
// looks through whole files (Options.Unused), without its rows, as are the values
// of dictionaries that no row has, what stands under nulls and around texts, and
// the metadata of schema, fields, messages and
// footer (Aside).
//
// # The end
//
// A file ends with a footer that lists its blocks; they must be the ones that
// were read, in their order. A stream ends with its end mark: one without is
// taken for cut, though the format allows it, since nothing else tells it from
// the beginning of a longer one. Nothing may follow.
//
// # Limits
//
// Memory holds one record batch and the dictionaries: maxBody bytes as they
// come, maxHeld unpacked. Delta dictionaries, big-endian data and the form of
// before Arrow 0.15 are refused.
package arrowipc
