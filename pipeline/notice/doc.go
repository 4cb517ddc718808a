// Package notice decides who is told what, and when: the tasks that follow from
// flags, their clocks in working days, one digest a day per person, and the
// message at once for a BLOCK on a published indicator.
//
// It owns the working days of a country, the time that each duty has (SLA), its
// reminders at half and at the whole of it and the escalation at one and a half
// (check L05), the reminder of indicator versions that await their introduction
// protocol, the fact that a duty was not done in it, whose task a flag is, the budget of new tasks and which of them
// go first within it, and the words of a message in the reader's language.
//
// It refuses to own what a flag is and who may decide it (package gate), how a
// message travels and when it counts as sent (service notifier), and what
// pages show. It is pure: flags, people, dates and what was sent before come
// in, messages go out.
//
// # What holds
//
//   - A message has no value of a cell, no text of a finding, which may quote
//     one, and no person's identity beside the address.
//   - It names only what its reader may decide, or answer for.
//   - A person gets at most one digest a day, and none that would say nothing
//     new.
//   - A message that is computed again after a crash has the same identity.
//   - While the reviewer waits for the source, her clock stands and the
//     source's runs.
//   - Tasks are chosen by their expected impact, and listed by indicator and
//     name: a message is no league table.
package notice
