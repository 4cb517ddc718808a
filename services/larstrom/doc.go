// Command larstrom is the one binary: `larstrom up` runs all services in one
// process, `larstrom SERVICE` one of them, and the other commands hand in
// exports, look, decide and repair.
//
// It owns the command line: flags, what is printed, exit statuses (0 done,
// 1 the data or the request, 2 usage). It refuses to own what a command does:
// package app wires and runs, package control finds the process to ask.
package main
