// Package run owns the story of the deliveries and runs as the LEDGER tells
// it: what was received, accepted, retracted, computed, checked and published,
// what comes next, what waits for a number that is missing before it, and which
// deliveries are effective in which order.
//
// It refuses to own the gate (package gate), the rows themselves and any I/O:
// it folds events, in LEDGER order, into values. Every service folds the same
// events and so comes to the same next step, also after a crash.
package run
