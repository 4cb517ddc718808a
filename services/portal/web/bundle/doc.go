// Command bundle writes dist/portal.js from the TypeScript in src. It needs no
// Node: the bundler is a Go library, pinned by go.mod, so that the test of this
// package can hold that what is committed is what the sources say.
//
// It owns how the scripts are bundled. It refuses to own their types, which
// the compiler checks (`make web`).
package main
