// Package notifier is the service that sends what package notice writes: it
// follows the ledger, hands messages to a sink, and records who was told how
// much once the sink has taken them.
//
// It refuses to own who is told what (package notice), what decisions teach
// (package learning), and addresses and settings of mail servers, which are no
// part of a catalog.
//
// A message is handed over at least once and then recorded (notice.sent). A
// crash between the two repeats that one message, with the identity that it had
// (Message-ID); it never loses one. What the sink does not take for now is
// tried again with growing pauses; what it refuses for ever is left for the
// next day and counted. One process of a region runs it.
package notifier
