// Package control owns who has a data folder and how others reach that
// process: the lock, run.json, and the control API on loopback with its client.
// A command that finds the lock free does the work itself; one that finds it
// held asks the process that holds it (Client). Submitter, Reader and Reviewer
// are what both do, in the same types, so that what a person reads never
// depends on whether a process was running.
//
// It refuses to own the work itself (package app), what a person reads of the
// answers (package main) and any address but loopback: the API carries a token
// that gives everything its user may do, so it is never on a network.
//
// # What must hold
//
//   - One process has a data folder at a time. The lock is the kernel's
//     (flock): it ends with the process, however that ends.
//   - run.json without the lock, or of a process that does not answer to its
//     token, is what a crash left and is ignored.
//   - run.json is readable by its owner alone, and its token is compared in
//     constant time. A request whose Host is not loopback is refused before
//     anything else is read: a page in a browser cannot reach the API under a
//     name of its own.
//   - A person's token travels in the body of a request and is neither stored
//     nor logged.
package control
