// Package portal is the service that people and monitors reach over HTTP: the
// pages about the data, the status, /healthz, /metrics, and the door through
// which source operators hand in exports.
//
// It owns what the pages say and how: their texts in four languages (text.go,
// text_nordic.go, speech.go, checks.go; why.go for what the store says in English), their
// look (page/), and what is late. It refuses to own what the numbers are (it reads
// the views of the released store, and on the page of a flag the cells in question
// as they were delivered), what became of deliveries and flags (it
// reads the fold of the LEDGER), how charts are drawn (package figure), who may
// come in (Login), who may hand in what (Submit), and what a decision is and
// whether a person may take it (Desk, Review): its forms give orders there.
//
// # The pages
//
//	/                                      tonight: what came, was rejected, is held, is late; what to do
//	/deliveries, /deliveries/ID            every file with its receipt
//	/flags, /flags/ID                      open questions; evidence, history, decisions, one at a time or many
//	/keys                                  the keys of reviewing, and others of one's own
//	/units, /units/UNIT                    one unit's control charts; who stands by them
//	/units/UNIT/INDICATOR                  one chart, its phases and its points
//	/units/UNIT/INDICATOR/PERIOD           why a point looks as it does
//	/indicators, /indicators/INDICATOR     one funnel, and the variation between units
//	/help, /status                         how to read; the state of the machinery
//
// A series is chosen by the parameters stratum and version, else it is the
// newest one.
//
// # What must hold
//
//   - A page shows one publication, and says which. It is read again when the
//     pointer moved meanwhile.
//   - Every pattern has one rule of access (Portal.table); a test enumerates them.
//   - A page is in the language that the address, the reader's choice or the
//     browser asks for: Swedish, Norwegian, Danish or English. What stays English,
//     such as the sentence of a finding or a receipt, is marked as that, and stands
//     after the explanation in the reader's language.
//   - A form that decides names the version of the flag that was read. That a person
//     was shown a flag is on record before she is.
//   - What was read of a publication is kept until another is shown (shelf.go).
//   - Cause and evidence are recorded before the effect of a decision is offered.
//   - A form that is refused keeps what was typed, and says what to do.
//   - Units are in the order of their names in the language, never of values.
//   - Each kind of nothing has a name of its own; none is a nought.
//   - Nothing on a page runs or loads anything from elsewhere: the content
//     security policy allows the portal's own style, script and sign, no inline
//     style or script, no frame, and forms that go to the portal only.
//   - On loopback nobody logs in to read, and only this machine's own names are
//     answered. To decide one shows one's token there, once: the session is in
//     memory, ends with an idle hour, and its cookie is of this site only.
//     Elsewhere every page wants a staff id and its token. Wrong ones are
//     counted. No address of a page names a person.
//   - Rejected rows, which are the sender's raw data, are not served. What went
//     wrong inside is in the log and not on the page.
//   - A request of another origin that could change something is refused
//     (http.CrossOriginProtection). No request holds a connection for ever,
//     except the body of an export.
package portal
