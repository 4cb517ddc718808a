// Package natsd owns the NATS server that the log lives on: starting it inside
// this process with durable JetStream, proving at start that it really is
// durable, connecting to it without a port, and stopping it in order. Where the
// log lives on a cluster of its own, it owns the connection to that instead, so
// that services see one type in both deployments.
//
// It refuses to own streams, subjects and messages (package eventlog), the lock
// on the data directory (one process a directory is the caller's promise) and
// the configuration of an external cluster, of which it can only say what a
// client can see.
package natsd
