// Package event owns what is written to the streams: the columns of an OBS
// block, the types and bodies of LEDGER events, their subjects and their
// identities.
//
// It refuses to own how they are stored (package eventlog), how columns become
// bytes (package block) and what follows from an event (packages run and gate).
package event
