// Package eventlog owns the log on JetStream: its four streams and their
// settings, appending that survives crashes and lost answers without a second
// copy, reading back exactly what was accepted, replaying and following the
// LEDGER without a gap, and erasing what the law says.
//
// What it promises:
//
//   - What was acknowledged is on disk. It says so only after the server did,
//     and the server of package natsd syncs before it answers.
//   - Nothing is stored twice. Every append names the last sequence of its
//     subject that it follows, so that of two attempts at most one takes effect.
//   - An answer that did not come is never taken for a yes or a no: what is
//     stored is read and compared.
//   - What is read is whole: a missing or altered message is an error that names
//     it, never a shorter result.
//
// It refuses to own what the messages mean (package event), how blocks are
// encoded (package block), which server it talks to (package natsd) and what to
// do about an event (services).
package eventlog
