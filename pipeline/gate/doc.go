// Package gate decides which version of every cell of one indicator may be
// seen. It is a pure state machine: cell versions and gate events of the
// ledger go in, views come out.
//
// It owns flags and their states, what each decision does, the memory of
// acceptances, corrections and what becomes of them, four eyes, who may read
// and who may decide, introduction protocols, and what a release may make
// visible. It verifies what it is given: an event that would show a held or withdrawn
// version, or that no legal history can contain, is an error and changes
// nothing.
//
// It refuses to own: how findings are made (package quality), where events and
// cells are kept and in which subject sequence they are appended (package
// eventlog), what a cell holds (package cell), maturity, suppression and
// everything that is drawn. It does no I/O and reads no clock: dates come in
// with commands and events.
//
// # What holds
//
//   - A version that an open BLOCK or HOLD guards is never visible.
//   - A version that a person rejected is never visible again, in no history
//     of later deliveries. Withdrawing a visible version shows nothing in its
//     place until a newer one is released.
//   - BLOCK is never accepted and never released by memory. It ends when the
//     source resends, or when two persons waive or correct exactly this version.
//   - Who proposes never confirms.
//   - A correction is a version of its own, with the fingerprint of what it
//     says; the delivered one stays as it is. It is shown in its place until
//     the source sends again: then nothing newer is released before the two
//     have been compared, and the flag opens again where they differ.
//   - Taking a decision back shows nothing new: the flag is open again, and the
//     release before it is shown, marked, unless it was withdrawn since.
//   - What a person would move in her own unit by more than MostPoints, at once
//     or bit by bit within InterestDays, she does not accept alone, and she says
//     why before she is shown by how much.
//   - State depends only on the versions and on the order of the events:
//     applying more of them later gives what a fold of all gives, and an event
//     applied twice counts once.
//
// # Order
//
// Events are applied in ledger order. Versions may be given early: a release
// of revision r sees versions up to r. They may not be given late: a version
// that an applied release should have seen is an error.
package gate
