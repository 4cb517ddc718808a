// Package rawstore owns the raw files: it keeps every delivered file under the
// SHA-256 of its bytes, whole and synced before anything else happens with it.
//
// It refuses to own what the bytes mean, and it never changes or overwrites a
// file that it holds.
package rawstore
