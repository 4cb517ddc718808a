// Command fetch brings libchdb onto this machine: it downloads the pinned npm
// package, checks its SHA-512 before anything is unpacked, and puts the library
// into the cache under a versioned name, whole or not at all. It does nothing
// when the library is there. Two that run at once do the work once. The name of
// the library goes to standard output.
//
// It owns which packages are pinned. It refuses to own where the library is
// looked for (package engine) and how npm reaches its registry.
package main
