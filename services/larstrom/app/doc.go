// Package app owns the wiring of one process: what is started in which order
// for which command, how the services share the log and the stores, and how
// all of it stops in the order of the data.
//
// It refuses to own what the services do and how a person calls them (package
// main and package control).
package app
