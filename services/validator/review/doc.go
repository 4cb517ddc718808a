// Package review is how people review flags over HTTP: they read what lies in
// their part of the organisation and what they are to decide first, decide, look
// at what a decision would change, take it back, ask why a point looked as it did
// on a date, affirm what is shown of their units, introduce indicator versions,
// and, where they read the events of all parts, take the audit trail and what
// decisions teach. The commands `larstrom flags`, `why` and `protocol` give
// the same orders under the same rules (packages gate and validator). The
// document schemas/openapi/review.yaml says all of it, and a test holds every
// answer against it.
//
// # What holds
//
//   - Every request is a person's: by her personal token in the Authorization
//     header, or by a session that she opened with it. That nobody logs in on
//     this machine to read its pages makes nobody a person here.
//   - What a person may not read does not exist for her: such a flag or point
//     is answered as one that is not there. What she may read but not decide is
//     refused with the reason.
//   - A command repeated has no second effect. Decisions are named by their
//     content; what takes back, confirms or refuses names the decision or the
//     version of the flag that was read.
//   - A decision names the version of the flag that was read (If-Match), and is
//     refused without one, and when somebody has decided meanwhile; the refusal says
//     who, when and what.
//   - That somebody was shown a flag whole is in the LEDGER before she is.
//   - A command that carries an Idempotency-Key is carried out once, and sent again
//     it gets the first answer again.
//   - Every route has a rule of access; one without is not served.
//   - A decision that has begun is finished, also when who asked has gone.
//   - A session counts only for requests of its own origin. No token stands in
//     an address, an answer or a log line, and no log line has a value. Wrong
//     tokens are counted by host. Bodies are bounded, and are JSON.
//   - Nothing is taken in clear text over a network, unless the operator says
//     that a proxy before this process has encrypted it.
//
// It refuses to own what is allowed and what follows from a decision (package
// gate, package validator), who the people are (package catalog), how a session
// begins (the portal), and who listens with which certificate (the wiring).
package review
