// Package notifier is the service that sends what package notice writes: it
// follows the ledger, records what was not done in its time, hands messages to
// a sink, and records who was told how much once the sink has taken them.
//
// It refuses to own who is told what (package notice), what decisions teach
// (package learning), and addresses and settings of mail servers, which are no
// part of a catalog.
//
// A message is handed over at least once and then recorded (notice.sent). A
// crash between the two repeats that one message, with the identity that it had
// (Message-ID, by which mail servers and readers know it again); it never loses
// one. What the sink does not take for now is tried again with growing pauses;
// what it refuses for ever is left for the next day and counted.
//
// # Several processes of a region
//
// Each has a Holder of its own and claims messages in the ledger before it
// sends them (notice.claimed, appended with the expected sequence of its
// subject: of two that claim at once one is refused, and looks again). Nobody
// else sends a claimed message before the claim has ended, and no send lasts
// longer than the claim, so that no two send one message. When the process that
// has it dies, another sends it after the claim has ended (Lease, five minutes):
// if the process died between the sink's answer and notice.sent, that message
// arrives twice with one identity, as after a crash of a single process. The
// clocks of the machines must agree to within half a lease.
package notifier
