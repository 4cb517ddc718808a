// Package audit owns the form of the audit trail that leaves the house: the
// events of the LEDGER one a line, each decision with what it rested on, chained
// by hashes and signed at the end.
//
// It refuses to own what happened (package event), who may have the trail
// (package gate), and where the signing key is kept. It reads no clock.
//
// # The file
//
// JSON lines. The first names the region, the instant and the public key. Every
// line names the SHA-256 of the line before it, so that none can be changed,
// left out, put in or moved without a trace; the last has the number of events
// and an Ed25519 signature over its own hash. Who has kept the public key knows
// that the whole is as it was written by the holder of the private one.
//
// A decision carries what was in force: check and version, severity, the
// finding with the band that could be accepted, the catalog that held the
// threshold, and the fingerprints of the data that were decided about. That is
// taken from the flag as it stood then, and not from what has become of it.
package audit
