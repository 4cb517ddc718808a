// Package attack owns the reader who wants to know what was withheld: it bounds
// unknown counts by everything that is known of their sums, with whole numbers by
// propagation and over all equations at once by linear programming.
//
// It refuses to own what is published and what the reader knows (the tests of
// package disclosure and of the services). No service uses it. It is pure.
package attack
