// Package conformance is what Lärström needs of a ClickHouse, written as tests:
// Run holds the embedded engine and, where there is one, a ClickHouse server to
// the same behaviour through the same client.
//
// It owns what is asked of both. It refuses to own what only one of them has
// (authentication and wire details of the embedded engine's HTTP interface are
// tested in package engine) and schemas (package warehouse).
//
// The suite makes its own tables in the database of the connection, with names
// that begin with conformance_, and drops them. Its part on Arrow is in the
// package's own test, so that importing the suite does not bring in Arrow.
package conformance
