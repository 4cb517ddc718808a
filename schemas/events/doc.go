// Package events owns the published JSON Schemas (draft 2020-12) of the bodies
// of LEDGER events, one file a type, named after it.
//
// It refuses to own the types themselves (package event); a test here holds the
// two equal, field by field.
package events
