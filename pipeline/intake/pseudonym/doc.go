// Package pseudonym owns the keys of a region: those that turn the identifiers of
// persons into pseudonyms, the one that opens the raw files, and the one that the
// counts of editions for wider audiences are rounded with. It reads and makes the
// key file.
//
// It refuses to own which columns are identifiers (the catalog), what is hashed
// with what (package intake), where the key file is and who names it (the
// services), and the raw files (package rawstore).
//
// # Pseudonyms
//
// HMAC-SHA-256 (RFC 2104), cut to 16 bytes, with a key of 32 random bytes for
// each region and purpose: a personal identity number has so few values that
// whoever can hash can try them all, and so the hash needs a key. The purposes
// are "subject" and "key" (of natural keys, which may hold identifiers, too):
// equal values give pseudonyms that cannot be compared from one purpose or
// region to another.
//
// # The key file
//
// Lines of three words: region, purpose, key. "#" begins a comment. Only its
// owner may read it; any other mode is refused.
//
//	norrsund subject 2f6a…  64 hexadecimal digits
//	norrsund key     91c0…  64 hexadecimal digits
//	norrsund raw     AGE-SECRET-KEY-1…, or where nothing is opened age1…
//	norrsund rounding 77ab…  64 hexadecimal digits
//
// A file without the line rounding is one from before there were wider audiences:
// its key of natural keys gives one. A process that makes editions and reads no
// exports needs that line alone.
//
// Several keys raw are those of earlier times behind the present one: the first
// encrypts, each opens. A file that is there is never written. Who loses it loses the raw files, and
// no later delivery can be joined with what came before.
//
// # The id of the keys
//
// Each delivery names the id of the keys with which it was read: an HMAC of a
// constant, from which no key follows. Other keys give it another id, so that
// they are noticed before a row is read with them.
package pseudonym
