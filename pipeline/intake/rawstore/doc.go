// Package rawstore owns the raw files: it keeps every delivered file under the
// SHA-256 of its bytes, whole and synced before anything else happens with it.
//
// It refuses to own what the bytes mean and the keys, and it never changes or
// overwrites a file that it holds.
//
// # Encryption
//
// A store that is made with a recipient encrypts what it takes (age,
// age-encryption.org/v1) while it comes in: no byte of it is ever on the disk in
// clear, in no temporary file either. The name is still the hash of the bytes as
// they were delivered, behind which ".age" stands. Reading needs an identity;
// without one, what is encrypted can be taken and kept, not opened (ErrSealed).
//
// A file that comes in parts is encrypted, too, before it is whole (Sealer): it
// grows by frames, through crashes, and is given up when it has been put here.
//
// Memory does not grow with a file: it is encrypted, and opened at any place, in
// parts of 64 KiB.
package rawstore
