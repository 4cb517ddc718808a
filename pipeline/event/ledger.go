package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
)

// Type is the CloudEvents type of a LEDGER event.
type Type string

// The LEDGER event types. Each has a body type of the same name below and a
// JSON Schema in schemas/events.
const (
	TypeCatalogAdopted    Type = "catalog.adopted"
	TypeDeliveryReceived  Type = "delivery.received"
	TypeDeliveryAccepted  Type = "delivery.accepted"
	TypeDeliveryRejected  Type = "delivery.rejected"
	TypeDeliveryRepeated  Type = "delivery.repeated"
	TypeIdentityFound     Type = "identity.found"
	TypeDeliveryRetracted Type = "delivery.retracted"
	TypeSequenceSkipped   Type = "sequence.skipped"
	TypeRunOpened         Type = "run.opened"
	TypeCellsAppended     Type = "cells.appended"
	TypeRunChecked        Type = "run.checked"
	TypeRunPublished      Type = "run.published"
	TypePersonsCounted    Type = "persons.counted"
	TypeEditionPublished  Type = "edition.published"
	TypeFlagRaised        Type = "flag.raised"
	TypeFlagResolved      Type = "flag.resolved"
	TypeDecisionMade      Type = "decision.made"
	TypeDecisionProposed  Type = "decision.proposed"
	TypeDecisionConfirmed Type = "decision.confirmed"
	TypeReleaseMade       Type = "release.made"

	TypeDecisionRefused   Type = "decision.refused"
	TypeDecisionWithdrawn Type = "decision.withdrawn"
	TypeFlagReopened      Type = "flag.reopened"
	TypeFlagJudged        Type = "flag.judged"
	TypeImpactViewed      Type = "impact.viewed"
	TypeCorrectionRetired Type = "correction.retired"
	TypeProtocolDrawn     Type = "protocol.drawn"
	TypeProtocolSigned    Type = "protocol.signed"
	TypeProtocolRevoked   Type = "protocol.revoked"

	TypeFlagPassed       Type = "flag.passed"
	TypeFlagAssigned     Type = "flag.assigned"
	TypeEvidenceAttached Type = "evidence.attached"
	TypeFlagSeen         Type = "flag.seen"
	TypeDataRead         Type = "data.read"
	TypeUnitAffirmed     Type = "unit.affirmed"
	TypeNoticeSent       Type = "notice.sent"
	TypeNoticeClaimed    Type = "notice.claimed"
	TypeSLABreached      Type = "sla.breached"
)

// Event is one LEDGER event. Sequence is 0 until it has been appended.
type Event struct {
	// ID is hash(type, subject, cause, content); time is not in it.
	ID       string
	Type     Type
	Subject  string
	Cause    string // id of the event or command that led to this one
	Time     time.Time
	Data     json.RawMessage
	Sequence uint64
}

// Body is the content of a LEDGER event.
type Body interface{ EventType() Type }

// New is an event about body on subject. The time is recorded and is no part
// of the identity.
func New(subject, cause string, body Body, now time.Time) (Event, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", body.EventType(), err)
	}
	return Event{
		ID: IDOf(body.EventType(), subject, cause, data), Type: body.EventType(), Subject: subject,
		Cause: cause, Time: now.UTC().Truncate(time.Millisecond), Data: data,
	}, nil
}

// Decode reads the body of an event of type B.
func Decode[B Body](e Event) (B, error) {
	var b B
	if e.Type != b.EventType() {
		return b, fmt.Errorf("event %d is %s, not %s", e.Sequence, e.Type, b.EventType())
	}
	if err := json.Unmarshal(e.Data, &b); err != nil {
		return b, fmt.Errorf("event %d %s: %w", e.Sequence, e.Type, err)
	}
	return b, nil
}

// Subjects of the streams. Region, registry, indicator and delivery are
// subject-safe by the catalog's rules.

// CatalogSubject carries catalog.adopted.
func CatalogSubject(region string) string { return "ledger.catalog." + region }

// DeliverySubject carries everything about one delivery.
func DeliverySubject(region, registry, delivery string) string {
	return "ledger.delivery." + region + "." + registry + "." + delivery
}

// FeedSubject carries what is decided about one feed.
func FeedSubject(region, registry, feed string) string {
	return "ledger.feed." + region + "." + registry + "." + feed
}

// SecuritySubject carries what somebody answers for who is not the sender.
func SecuritySubject(region string) string { return "ledger.security." + region }

// RunSubject carries the steps of the runs.
func RunSubject(region string) string { return "ledger.run." + region }

// ReadingSubject carries who was shown what.
func ReadingSubject(region string) string { return "ledger.reading." + region }

// UnitSubject carries what people say of whole units.
func UnitSubject(region string) string { return "ledger.unit." + region }

// NoticeSubject carries who was told how much, and what has not been done in
// its time.
func NoticeSubject(region string) string { return "ledger.notice." + region }

// GateSubject carries flags, decisions and releases of one indicator.
func GateSubject(region, indicator string) string { return "ledger.gate." + region + "." + indicator }

// ObsSubject carries the OBS blocks of one delivery.
func ObsSubject(region, registry, delivery string) string {
	return "obs." + region + "." + registry + "." + delivery
}

// CellsSubject carries the CELLS blocks that one delivery changed.
func CellsSubject(region, registry, delivery string) string {
	return "cells." + region + "." + registry + "." + delivery
}

// CatalogAdopted says from when on a catalog holds.
type CatalogAdopted struct {
	Hash     string `json:"hash"`
	Previous string `json:"previous,omitempty"`
}

// Reasons why a delivery was taken.
const (
	CauseNew     = "new"
	CauseAgain   = "again"   // submit --again
	CauseCatalog = "catalog" // parked rows are tried again under a new catalog
	// CauseRetracted: no bytes came; an earlier delivery was withdrawn.
	CauseRetracted = "retracted"
)

// KindRetraction is the Kind of what run.State makes of a DeliveryRetracted.
const KindRetraction = "retraction"

// DeliveryReceived is written when the raw file is stored and synced.
type DeliveryReceived struct {
	Delivery string       `json:"delivery"`
	Raw      string       `json:"raw"` // hex SHA-256 of the bytes
	Size     int64        `json:"size"`
	Name     string       `json:"name"` // base name of the file
	Feed     string       `json:"feed"`
	Registry string       `json:"registry"`
	AsOf     catalog.Date `json:"as_of"`
	Reason   string       `json:"reason"`
	Replaces string       `json:"replaces,omitempty"` // for CauseCatalog
	Catalog  string       `json:"catalog"`
	// Keys is the id of the keys with which pseudonyms are made of it.
	Keys string `json:"keys,omitempty"`
	// Manifest is the manifest that came with the file, as it came; a later
	// reading of the raw file needs it.
	Manifest string `json:"manifest,omitempty"`
	// Place is the order key in a feed that counts its deliveries: equal bytes
	// in two places are two deliveries, as of two nights on which nothing
	// happened.
	Place string `json:"place,omitempty"`
}

// Range is a contiguous part of one subject of a stream: the stream sequences
// of its first and last message (both inclusive; 0, 0: empty), their number,
// their rows and the SHA-256 over their payloads in order.
type Range struct {
	Subject string `json:"subject"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
	Blocks  int    `json:"blocks"`
	Rows    int64  `json:"rows"`
	Hash    string `json:"hash"`
}

// DeliveryAccepted makes the delivery's OBS blocks facts.
type DeliveryAccepted struct {
	Delivery string       `json:"delivery"`
	Raw      string       `json:"raw"`
	Name     string       `json:"name"`
	Feed     string       `json:"feed"`
	Registry string       `json:"registry"`
	AsOf     catalog.Date `json:"as_of"`
	// OrderKey orders deliveries of a feed; empty: by acceptance.
	OrderKey string `json:"order_key,omitempty"`
	// Kind is snapshot or delta. A snapshot replaces From..To (half-open,
	// civil dates of the period date; zero: open).
	Kind string       `json:"kind"`
	From catalog.Date `json:"from"`
	To   catalog.Date `json:"to"`
	// Windows are what a snapshot replaces of the periods of each length,
	// where that differs; of a length that is not named, nothing. Empty:
	// From..To of all. They lie within From..To.
	Windows []Window `json:"windows,omitempty"`
	// Units are those that a snapshot replaces; empty: every unit.
	Units []string `json:"units,omitempty"`
	// Number is the delivery's own in a feed that numbers its deliveries, Step
	// the distance between two and First the first that is awaited (0: that of
	// the first delivery that was accepted). Step 0: they are not numbered.
	Number   int64 `json:"number,omitempty"`
	Step     int64 `json:"step,omitempty"`
	First    int64 `json:"first,omitempty"`
	Blocks   Range `json:"blocks"`
	Lines    int64 `json:"lines"` // data lines read
	Observed int64 `json:"observed"`
	Deleted  int64 `json:"deleted"`
	Rejected int64 `json:"rejected"`
	Parked   int64 `json:"parked"`
	// KeyOrder is KeysAscend where the keys stand in the file in ascending order,
	// so that no two rows have the same. Empty: nobody knows.
	KeyOrder string `json:"key_order,omitempty"`
	// Rules counts rejected and parked lines by rule.
	Rules    map[string]int64 `json:"rules,omitempty"`
	Catalog  string           `json:"catalog"`
	Replaces string           `json:"replaces,omitempty"`
	// Form is what the file looked like; the next delivery is held against it.
	Form Form `json:"form,omitzero"`
	// Findings are differences from the accepted delivery before that changed
	// no value, and peculiarities of the file.
	Findings []Problem `json:"findings,omitempty"`
}

// KeysAscend is the one DeliveryAccepted.KeyOrder.
const KeysAscend = "ascending"

// Form is what of a file's form a feed may leave open. It holds names of
// columns and no value.
type Form struct {
	// Encoding is empty where the file shows none.
	Encoding string `json:"encoding,omitempty"`
	// LineEnd is LF, CRLF or CR.
	LineEnd string `json:"line_end,omitempty"`
	// Quoted says that the header stands in quotes.
	Quoted bool `json:"quoted,omitempty"`
	// Columns in the order of the file.
	Columns []string `json:"columns,omitempty"`
	// Decimals are how many the numbers of a column have, as "2" or "0 to 3";
	// Dates the form of the dates of a column, as in a catalog's dialect.
	Decimals map[string]string `json:"decimals,omitempty"`
	Dates    map[string]string `json:"dates,omitempty"`
}

// IsZero reports whether nothing is known of a form.
func (f Form) IsZero() bool { return f.LineEnd == "" && len(f.Columns) == 0 }

// Window is a half-open stretch of time in periods of one length.
type Window struct {
	Period catalog.Granularity `json:"period"`
	From   catalog.Date        `json:"from"`
	To     catalog.Date        `json:"to"`
}

// DeliveryRejected says why a file became no fact.
type DeliveryRejected struct {
	Delivery string    `json:"delivery"`
	Raw      string    `json:"raw"`
	Name     string    `json:"name"`
	Feed     string    `json:"feed"`
	Registry string    `json:"registry"`
	Problems []Problem `json:"problems"`
	Catalog  string    `json:"catalog"`
}

// Problem is a fault of a file or row without any value of it.
type Problem struct {
	Line   uint64 `json:"line,omitempty"`
	Column string `json:"column,omitempty"`
	Rule   string `json:"rule"`
	Text   string `json:"text"`
	Hint   string `json:"hint"`
}

// DeliveryRepeated notes bytes that had been seen before (check C05).
type DeliveryRepeated struct {
	Delivery string `json:"delivery"` // the first delivery of these bytes
	Raw      string `json:"raw"`
	Name     string `json:"name"`
	Feed     string `json:"feed"`
}

// DeliveryRetracted withdraws an accepted delivery: its rows count no more,
// and what it had replaced counts again. It is taken as a delivery of its own,
// Retraction, in the place of the retracted one and with no rows; what was
// accepted stays as it was.
type DeliveryRetracted struct {
	Delivery   string       `json:"delivery"`
	Retraction string       `json:"retraction"`
	By         string       `json:"by"`
	On         catalog.Date `json:"on"`
	Note       string       `json:"note"`
}

// SequenceSkipped says that the deliveries of a numbered feed from one number
// through another are awaited no more (check L03).
type SequenceSkipped struct {
	Feed    string       `json:"feed"`
	From    int64        `json:"from"`
	Through int64        `json:"through"`
	By      string       `json:"by"`
	On      catalog.Date `json:"on"`
	Note    string       `json:"note"`
}

// What became of a file in which identity numbers were found.
const (
	OutcomeFile = "file_rejected"
	OutcomeRows = "rows_rejected"
	// OutcomeName: the number stands in the name, and nothing was read.
	OutcomeName = "name_rejected"
)

// IdentityFound is a security event: a delivery held what looks like personal
// identity numbers where none is declared (check C15). It says where and how
// many, and nothing of what they are.
type IdentityFound struct {
	// Delivery, Raw, Feed and Registry are empty where the name was refused.
	Delivery string           `json:"delivery,omitempty"`
	Raw      string           `json:"raw,omitempty"`
	Feed     string           `json:"feed,omitempty"`
	Registry string           `json:"registry,omitempty"`
	Name     string           `json:"name,omitempty"` // outline of a name that was refused
	Outcome  string           `json:"outcome"`
	Columns  []IdentityColumn `json:"columns"`
	Catalog  string           `json:"catalog"`
}

// IdentityColumn is what was found in one column.
type IdentityColumn struct {
	Column string `json:"column"` // empty: beside the columns
	Level  string `json:"level"`  // isolated, pattern
	Kind   string `json:"kind"`   // the kind of number that is commonest there
	Hits   int64  `json:"hits"`   // fields that hold one
	Fields int64  `json:"fields"` // that are not empty
}

// RunOpened begins one run: deliveries of one as-of date, in the order in
// which they are taken.
type RunOpened struct {
	Run        string       `json:"run"`
	Ordinal    int          `json:"ordinal"`
	AsOf       catalog.Date `json:"as_of"`
	Deliveries []string     `json:"deliveries"`
	Catalog    string       `json:"catalog"`
}

// CellsAppended says which CELLS blocks one delivery changed.
type CellsAppended struct {
	Run        string `json:"run"`
	Delivery   string `json:"delivery"`
	Rev        uint64 `json:"rev"`
	Cells      Range  `json:"cells"`
	Tombstones int64  `json:"tombstones"`
	// Restated are the changed cells of periods that had been closed: mature
	// by what the feed's earlier deliveries reached.
	Restated int64 `json:"restated,omitempty"`
}

// RunChecked ends the checks of a run.
type RunChecked struct {
	Run string `json:"run"`
	// Rev is the highest revision that was checked.
	Rev   uint64         `json:"rev"`
	Flags map[string]int `json:"flags,omitempty"` // raised, by check
	// Shadow counts the findings of checks in shadow mode, which ask nobody.
	Shadow map[string]int `json:"shadow,omitempty"`
	// Incidents is how many likely causes the flags share.
	Incidents int `json:"incidents,omitempty"`
	// Outcomes count the instances of every check by what became of them.
	Outcomes map[string]Outcomes `json:"outcomes,omitempty"`
}

// Outcomes are how many instances of one check came to what in a run.
type Outcomes struct {
	Passed        int64 `json:"passed,omitempty"`
	Found         int64 `json:"found,omitempty"`
	Folded        int64 `json:"folded,omitempty"` // explained by another finding
	NotApplicable int64 `json:"not_applicable,omitempty"`
	CouldNotRun   int64 `json:"could_not_run,omitempty"`
}

// RunPublished is a complete publication.
type RunPublished struct {
	Publication int          `json:"publication"` // 1, 2, …
	Run         string       `json:"run"`
	AsOf        catalog.Date `json:"as_of"`
	Catalog     string       `json:"catalog"`
	// Through is the LEDGER sequence up to which gate events are in it.
	Through uint64 `json:"through"`
	// Sets maps each indicator to its result set.
	Sets map[string]string `json:"sets"`
	// Meta is the result set of what belongs to no indicator: the flags, whose
	// states a decision changes.
	Meta string `json:"meta"`
	// Lists is the result set of deliveries, units, indicators and annotations,
	// which decisions leave as they are. Empty: these are in Meta, as they were in
	// publications before there was such a set.
	Lists string `json:"lists,omitempty"`
}

// Others are the result sets that the store's pointer shows beside Meta, sorted.
func (p *RunPublished) Others() []string {
	ids := slices.Collect(maps.Values(p.Sets))
	if p.Lists != "" {
		ids = append(ids, p.Lists)
	}
	slices.Sort(ids)
	return ids
}

// PersonsCounted names cells of an edition in the making that hold fewer persons
// than the audience's rule asks for, although their counts are larger. Persons are
// counted in the rows, which are kept for a time only: what followed from them is
// said here, so that an edition can be made again without.
type PersonsCounted struct {
	Audience  string `json:"audience"`
	Number    int    `json:"number"` // of the edition
	Indicator string `json:"indicator"`
	// Part numbers the events of one indicator, from 1.
	Part int     `json:"part"`
	Few  []Guard `json:"few"`
}

// EditionPublished is a complete edition for a wider audience: what its profile
// leaves of a publication. The next one follows in another month. Until then
// another event may take out of it what has been withdrawn; nothing enters.
type EditionPublished struct {
	Audience string `json:"audience"` // id of the profile
	Number   int    `json:"number"`   // 1, 2, … in the audience's store
	// Edition is the day on which it was due.
	Edition catalog.Date `json:"edition"`
	// Publication, Run, AsOf, Catalog and Through are those of the publication
	// that it was made from.
	Publication int          `json:"publication"`
	Run         string       `json:"run"`
	AsOf        catalog.Date `json:"as_of"`
	Catalog     string       `json:"catalog"`
	Through     uint64       `json:"through"`
	// Key is the id of the secret with which counts are rounded.
	Key string `json:"key"`
	// UntilRun and Until are the run and the LEDGER sequence up to which what was
	// withdrawn since is taken out; empty and 0: it is as it was made.
	UntilRun string `json:"until_run,omitempty"`
	Until    uint64 `json:"until,omitempty"`
	// Sets maps each indicator to its result set, Histories to the name of what
	// editions up to this one have shown and withheld of it.
	Sets      map[string]string `json:"sets"`
	Histories map[string]string `json:"histories"`
	// Meta is the result set of what belongs to no indicator.
	Meta string `json:"meta"`
}

// Severity is how a finding acts (CHECKS, severities).
type Severity string

// The severities, gravest first.
const (
	Reject Severity = "REJECT"
	Block  Severity = "BLOCK"
	Hold   Severity = "HOLD"
	Note   Severity = "NOTE"
	Info   Severity = "INFO"
)

// Guard binds a flag, an exception or a withdrawal to one version of one
// cell of the subject's indicator.
type Guard struct {
	Registry    string           `json:"registry"`
	Version     string           `json:"version"`
	Granularity string           `json:"granularity"`
	Unit        string           `json:"unit"`
	Stratum     string           `json:"stratum,omitempty"`
	Period      catalog.Date     `json:"period"`
	Fingerprint cell.Fingerprint `json:"fingerprint"`
}

// Key is the guarded cell's key.
func (g Guard) Key(region, indicator string) cell.Key {
	return cell.Key{Region: region, Registry: g.Registry, Indicator: indicator, Version: g.Version,
		Granularity: g.Granularity, Unit: g.Unit, Stratum: g.Stratum, PeriodStart: g.Period.Days()}
}

// GuardOf guards version fp of the cell k.
func GuardOf(k cell.Key, fp cell.Fingerprint) Guard {
	return Guard{Registry: k.Registry, Version: k.Version, Granularity: k.Granularity, Unit: k.Unit,
		Stratum: k.Stratum, Period: catalog.DateOfDays(k.PeriodStart), Fingerprint: fp}
}

// FlagRaised is one check's finding on one target.
type FlagRaised struct {
	Flag         string   `json:"flag"`
	Check        string   `json:"check"`
	CheckVersion int      `json:"check_version"`
	Severity     Severity `json:"severity"`
	Indicator    string   `json:"indicator"`
	Unit         string   `json:"unit,omitempty"`
	Stratum      string   `json:"stratum,omitempty"`
	// Period is the period that the finding is about; zero: several.
	Period catalog.Date `json:"period"`
	// Observed and Expected are aggregates, never a person's value.
	Observed  float64 `json:"observed"`
	Expected  float64 `json:"expected"`
	Direction string  `json:"direction,omitempty"` // up, down
	// Low and High are the band that an acceptance covers.
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Text   string  `json:"text"`
	Run    string  `json:"run"`
	Rev    uint64  `json:"rev"`
	Guards []Guard `json:"guards"`
	// Memory names the accepted flag whose band covers this finding, or the
	// rejected one that it still fails as.
	Memory  string `json:"memory,omitempty"`
	Catalog string `json:"catalog"`
	// AsOf is the as-of date of the run: the day on which Memory must not
	// have expired.
	AsOf catalog.Date `json:"as_of"`
	// Incident names the likely cause that the flag shares with others; empty:
	// it stands alone.
	Incident string `json:"incident,omitempty"`
	// Clean is in how many runs, one after the other, the check had not found it
	// again when its cells got the versions that the flag guards now.
	Clean int `json:"clean,omitempty"`
}

// FlagResolved closes a flag without a person: the finding is gone (resent), a
// newer flag asks the same question of the newer version (covered), or the check
// has not found it in several runs (passed).
type FlagResolved struct {
	Flag   string `json:"flag"`
	Reason string `json:"reason"` // resent, covered, passed
	Run    string `json:"run"`
	// Rev is the highest revision that had been checked.
	Rev uint64 `json:"rev"`
}

// FlagPassed says that a run judged anew what a flag guards, and that the check
// did not find it again. One of them closes nothing.
type FlagPassed struct {
	Flag string       `json:"flag"`
	Run  string       `json:"run"`
	Rev  uint64       `json:"rev"`
	AsOf catalog.Date `json:"as_of"`
}

// Kinds of decisions.
const (
	Accept   = "accept"
	RejectIt = "reject"
	Comment  = "comment"
	Snooze   = "snooze"
	Waive    = "waive"
	Correct  = "correct"
	// Answer is the source's word on a comment; it decides nothing.
	Answer = "answer"
)

// DecisionMade is what one person decided of a flag.
type DecisionMade struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	Kind     string       `json:"kind"`
	By       string       `json:"by"`
	Cause    string       `json:"cause,omitempty"`
	Note     string       `json:"note,omitempty"`
	On       catalog.Date `json:"on"`
	Until    catalog.Date `json:"until"`
	// Low and High are the accepted band.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Evidence says what the decision rests on, without personal data.
	Evidence string `json:"evidence,omitempty"`
	// Batch is shared by the decisions that one command took.
	Batch string `json:"batch,omitempty"`
	// Moves are by how much an acceptance moved published values of units that
	// the person answers for; those of one batch are said with each of it.
	Moves []Move `json:"moves,omitempty"`
	// Role is the one by which the person may do it, with its units; Client is
	// the program by which she did, with its version.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// Move is by how many points of the published scale a unit's values move.
type Move struct {
	Unit   string  `json:"unit"`
	Points float64 `json:"points"`
}

// DecisionProposed is a waiver, a correction, or an acceptance by somebody who
// has an interest in it, that awaits a second person.
type DecisionProposed struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	Kind     string       `json:"kind"`
	By       string       `json:"by"`
	Cause    string       `json:"cause"`
	Note     string       `json:"note,omitempty"`
	On       catalog.Date `json:"on"`
	Until    catalog.Date `json:"until"`
	// Low and High are the band of a proposed acceptance.
	Low  float64 `json:"low,omitempty"`
	High float64 `json:"high,omitempty"`
	// Evidence says what the proposal rests on; a correction needs it.
	Evidence string `json:"evidence,omitempty"`
	// Corrections are the new contents of all cells that the flag guards.
	Corrections []Correction `json:"corrections,omitempty"`
	Batch       string       `json:"batch,omitempty"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// Correction says what a version of a cell should have held. The version
// itself stays as it was delivered.
type Correction struct {
	// Cell is the corrected version.
	Cell Guard   `json:"cell"`
	Old  Content `json:"old"`
	New  Content `json:"new"`
}

// Content is what a correction says of a cell: sums in micro-units, as in
// CELLS (ValueSquares in their squares). What counts faults of rows is not in
// it: a corrected cell has none.
type Content struct {
	Rows         int64      `json:"rows"`
	Numerator    cell.Fixed `json:"numerator"`
	Denominator  cell.Fixed `json:"denominator"`
	ValueCount   int64      `json:"value_count"`
	Values       cell.Fixed `json:"values"`
	ValueSquares cell.Fixed `json:"value_squares"`
	Expected     cell.Fixed `json:"expected"`
	Missing      int64      `json:"missing"`
	Histogram    string     `json:"histogram,omitempty"`
}

// ContentOf is what a correction can say of the content c.
func ContentOf(c cell.Content) Content {
	return Content{Rows: c.Rows, Numerator: c.Numerator, Denominator: c.Denominator, ValueCount: c.ValueCount, Values: c.Values,
		ValueSquares: c.ValueSquares, Expected: c.Expected, Missing: c.Missing, Histogram: c.Histogram}
}

// Cell is the content of a cell that holds what c says and no faults.
func (c Content) Cell() cell.Content {
	return cell.Content{Rows: c.Rows, Numerator: c.Numerator, Denominator: c.Denominator, ValueCount: c.ValueCount, Values: c.Values,
		ValueSquares: c.ValueSquares, Expected: c.Expected, Missing: c.Missing, Histogram: c.Histogram}
}

// DecisionConfirmed is the second person's word.
type DecisionConfirmed struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	By       string       `json:"by"`
	On       catalog.Date `json:"on"`
	Batch    string       `json:"batch,omitempty"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// DecisionRefused ends a proposal: the second person says no.
type DecisionRefused struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	By       string       `json:"by"`
	Note     string       `json:"note"`
	On       catalog.Date `json:"on"`
	Batch    string       `json:"batch,omitempty"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// DecisionWithdrawn takes a decision or a proposal back. The flag is open
// again, and what it guards is under question; nothing becomes visible by it.
type DecisionWithdrawn struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	By       string       `json:"by"`
	Note     string       `json:"note,omitempty"`
	On       catalog.Date `json:"on"`
	Batch    string       `json:"batch,omitempty"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// FlagReopened opens a closed flag without a new finding: its waiver expired,
// the acceptance that covered it was overruled, or the source contradicts its
// correction.
type FlagReopened struct {
	Flag   string `json:"flag"`
	Reason string `json:"reason"` // expired, overruled, conflict
	Run    string `json:"run,omitempty"`
	Rev    uint64 `json:"rev"`
	// AsOf is the as-of date of the run, or the day of the decision.
	AsOf catalog.Date `json:"as_of"`
	// Guards are the versions that contradict a correction; the flag guards
	// them from now on as well.
	Guards []Guard `json:"guards,omitempty"`
}

// FlagJudged is a person's cause and evidence, recorded before she sees what a
// decision would do to published results.
type FlagJudged struct {
	Judgement string       `json:"judgement"`
	Flag      string       `json:"flag"`
	By        string       `json:"by"`
	Cause     string       `json:"cause"`
	Evidence  string       `json:"evidence"`
	On        catalog.Date `json:"on"`
}

// ImpactViewed says that a person was shown what a decision would do.
type ImpactViewed struct {
	Flag string `json:"flag"`
	// Kind is the decision that was tried.
	Kind string `json:"kind"`
	By   string `json:"by"`
	// Judgement is what she had recorded before.
	Judgement string       `json:"judgement"`
	On        catalog.Date `json:"on"`
}

// CorrectionRetired ends a correction: the source has sent what it says.
type CorrectionRetired struct {
	Decision string `json:"decision"`
	Flag     string `json:"flag"`
	// Cell is the version that the source sent.
	Cell Guard  `json:"cell"`
	Run  string `json:"run"`
	Rev  uint64 `json:"rev"`
}

// FlagAssigned gives a flag to a person, who is asked before the others that
// may decide it. It decides nothing.
type FlagAssigned struct {
	Flag string `json:"flag"`
	// To is the opaque staff id; empty: to nobody any more.
	To   string       `json:"to,omitempty"`
	By   string       `json:"by"`
	Note string       `json:"note,omitempty"`
	On   catalog.Date `json:"on"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// EvidenceAttached adds to a flag what a decision can rest on: a text, or a
// reference to a document that is kept elsewhere.
type EvidenceAttached struct {
	Evidence string `json:"evidence"`
	Flag     string `json:"flag"`
	By       string `json:"by"`
	// Text and Link are without personal data.
	Text string `json:"text,omitempty"`
	Link string `json:"link,omitempty"`
	// SHA256 is that of the document, or of the text where there is none.
	SHA256 string       `json:"sha256"`
	On     catalog.Date `json:"on"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// FlagSeen says that a person was shown a flag whole, as it was then.
type FlagSeen struct {
	Flag        string       `json:"flag"`
	FlagVersion int          `json:"flag_version"`
	By          string       `json:"by"`
	On          catalog.Date `json:"on"`
	Client      string       `json:"client,omitempty"`
}

// Kinds of data whose reading is on record.
const (
	// ReadSample is the lines of a sample, which lead to persons where the
	// source is kept.
	ReadSample = "sample"
	// ReadRows is a query to the store of rows.
	ReadRows = "rows"
)

// DataRead says that person-level data were read: by whom, and what.
type DataRead struct {
	// By is an opaque staff id; empty: the operator of the process.
	By   string `json:"by,omitempty"`
	What string `json:"what"`
	// Of is the protocol, or the SHA-256 of the query: never what was read.
	Of     string       `json:"of"`
	On     catalog.Date `json:"on"`
	Client string       `json:"client,omitempty"`
}

// UnitAffirmed says that somebody who answers for a unit has looked at what is
// shown of it up to a day, and stands by it.
type UnitAffirmed struct {
	Unit string `json:"unit"`
	// Through is the last day of a quarter.
	Through catalog.Date `json:"through"`
	By      string       `json:"by"`
	Note    string       `json:"note,omitempty"`
	On      catalog.Date `json:"on"`
	// Role and Client are as in DecisionMade.
	Role   string `json:"role,omitempty"`
	Client string `json:"client,omitempty"`
}

// ProtocolDrawn is a sample for the introduction of an indicator version: the
// same seed and rows give the same sample.
type ProtocolDrawn struct {
	Protocol  string       `json:"protocol"`
	Indicator string       `json:"indicator"`
	Version   string       `json:"version"`
	Seed      string       `json:"seed"`
	Rev       uint64       `json:"rev"`
	By        string       `json:"by"`
	On        catalog.Date `json:"on"`
	// Inside and Outside are the sizes of the sample from the numerator and
	// from outside it; Rows is the SHA-256 of the drawn rows in order.
	Inside  int    `json:"inside"`
	Outside int    `json:"outside"`
	Rows    string `json:"rows"`
}

// ProtocolSigned introduces an indicator version: from now on all units see it.
type ProtocolSigned struct {
	Protocol  string `json:"protocol"` // that of ProtocolDrawn
	Indicator string `json:"indicator"`
	Version   string `json:"version"`
	// Specification and Comparison refer to what was read and compared.
	Specification string `json:"specification"`
	Comparison    string `json:"comparison"`
	// Checked rows of the sample, and those on which the record agrees.
	InsideChecked  int `json:"inside_checked"`
	InsideAgreed   int `json:"inside_agreed"`
	OutsideChecked int `json:"outside_checked"`
	OutsideAgreed  int `json:"outside_agreed"`
	// Low and High are Wilson's 95 % interval of the agreement.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Level is sample, or smoke_check: too few cases to say more than that
	// nothing is grossly wrong.
	Level   string       `json:"level"`
	Checker string       `json:"checker"`
	By      string       `json:"by"`
	On      catalog.Date `json:"on"`
	Note    string       `json:"note,omitempty"`
}

// ProtocolRevoked sends an indicator version back to its pilot units.
type ProtocolRevoked struct {
	Indicator string       `json:"indicator"`
	Version   string       `json:"version"`
	By        string       `json:"by"`
	Note      string       `json:"note"`
	On        catalog.Date `json:"on"`
}

// Kinds of notices.
const (
	NoticeDigest    = "digest"
	NoticeImmediate = "immediate"
)

// NoticeSent says that the sink has taken a message to a person. It holds
// opaque ids and counts, and nothing of what the message was about.
type NoticeSent struct {
	// Notice is the identity of the message, which repetitions share.
	Notice string `json:"notice"`
	Kind   string `json:"kind"`
	Person string `json:"person"`
	// On is the day of the message in the region's zone.
	On catalog.Date `json:"on"`
	// Through is the LEDGER sequence that the message knew.
	Through uint64 `json:"through"`
	// Tasks are all that were the person's; New, Reminders and Escalated those
	// that the message named for the first time, again, and as escalated;
	// Beyond those that the budget left unnamed.
	Tasks     int `json:"tasks"`
	New       int `json:"new"`
	Reminders int `json:"reminders"`
	Escalated int `json:"escalated"`
	Beyond    int `json:"beyond"`
	// Offered are the opaque ids of the tasks that it named for the first time.
	Offered []string `json:"offered,omitempty"`
}

// NoticeClaimed gives one of several processes some messages: until Seconds
// after the time of the event no other hands them to the sink. It is appended
// with the expected sequence of its subject, so that of two that claim at once
// one is refused.
type NoticeClaimed struct {
	// Holder is the opaque name of the process.
	Holder string `json:"holder"`
	// Notices are the identities of the messages, as in NoticeSent.
	Notices []string `json:"notices"`
	Seconds int      `json:"seconds"`
}

// Stages of a duty that was not done in its time.
const (
	SLADue  = "due"  // all of its working days have passed
	SLALate = "late" // one and a half times as many: the next level is told
)

// SLABreached says that somebody has not done a duty about a flag in the
// working days that there were for it (check L05).
type SLABreached struct {
	// Breach is the identity of the fact, which repetitions share.
	Breach    string `json:"breach"`
	Flag      string `json:"flag"`
	Indicator string `json:"indicator"`
	Unit      string `json:"unit,omitempty"`
	// Duty is review, answer or confirm.
	Duty     string   `json:"duty"`
	Severity Severity `json:"severity"`
	Stage    string   `json:"stage"`
	// Since is the LEDGER sequence of the event that the duty follows from.
	Since uint64 `json:"since"`
	// Days is how many working days there were, Due the day on which the last
	// of them passed, On the day on which this was found.
	Days int          `json:"days"`
	Due  catalog.Date `json:"due"`
	On   catalog.Date `json:"on"`
	// Level is the role that is told as well; empty: there is none above, or
	// the duty is not late yet.
	Level string `json:"level,omitempty"`
}

// ReleaseMade makes visible the newest version of every cell of the
// indicator up to revision Rev, except the named ones.
type ReleaseMade struct {
	Indicator string `json:"indicator"`
	Run       string `json:"run"`
	Rev       uint64 `json:"rev"`
	// CellsFrom and CellsTo are the CELLS stream sequences that Rev covers.
	CellsFrom uint64  `json:"cells_from"`
	CellsTo   uint64  `json:"cells_to"`
	Except    []Guard `json:"except,omitempty"`
	// ExceptFlags name open flags all of whose guarded versions are excepted:
	// when a whole snapshot is in question, naming each cell would not fit.
	ExceptFlags []string `json:"except_flags,omitempty"`
	// Withdrawn versions are never shown again.
	Withdrawn []Guard `json:"withdrawn,omitempty"`
}

// The bodies name their types.

func (CatalogAdopted) EventType() Type    { return TypeCatalogAdopted }
func (DeliveryReceived) EventType() Type  { return TypeDeliveryReceived }
func (DeliveryAccepted) EventType() Type  { return TypeDeliveryAccepted }
func (DeliveryRejected) EventType() Type  { return TypeDeliveryRejected }
func (DeliveryRepeated) EventType() Type  { return TypeDeliveryRepeated }
func (IdentityFound) EventType() Type     { return TypeIdentityFound }
func (DeliveryRetracted) EventType() Type { return TypeDeliveryRetracted }
func (SequenceSkipped) EventType() Type   { return TypeSequenceSkipped }
func (RunOpened) EventType() Type         { return TypeRunOpened }
func (CellsAppended) EventType() Type     { return TypeCellsAppended }
func (RunChecked) EventType() Type        { return TypeRunChecked }
func (RunPublished) EventType() Type      { return TypeRunPublished }
func (PersonsCounted) EventType() Type    { return TypePersonsCounted }
func (EditionPublished) EventType() Type  { return TypeEditionPublished }
func (FlagRaised) EventType() Type        { return TypeFlagRaised }
func (FlagResolved) EventType() Type      { return TypeFlagResolved }
func (DecisionMade) EventType() Type      { return TypeDecisionMade }
func (DecisionProposed) EventType() Type  { return TypeDecisionProposed }
func (DecisionConfirmed) EventType() Type { return TypeDecisionConfirmed }
func (ReleaseMade) EventType() Type       { return TypeReleaseMade }
func (DecisionRefused) EventType() Type   { return TypeDecisionRefused }
func (DecisionWithdrawn) EventType() Type { return TypeDecisionWithdrawn }
func (FlagReopened) EventType() Type      { return TypeFlagReopened }
func (FlagJudged) EventType() Type        { return TypeFlagJudged }
func (ImpactViewed) EventType() Type      { return TypeImpactViewed }
func (CorrectionRetired) EventType() Type { return TypeCorrectionRetired }
func (ProtocolDrawn) EventType() Type     { return TypeProtocolDrawn }
func (ProtocolSigned) EventType() Type    { return TypeProtocolSigned }
func (ProtocolRevoked) EventType() Type   { return TypeProtocolRevoked }
func (FlagPassed) EventType() Type        { return TypeFlagPassed }
func (FlagAssigned) EventType() Type      { return TypeFlagAssigned }
func (EvidenceAttached) EventType() Type  { return TypeEvidenceAttached }
func (FlagSeen) EventType() Type          { return TypeFlagSeen }
func (DataRead) EventType() Type          { return TypeDataRead }
func (UnitAffirmed) EventType() Type      { return TypeUnitAffirmed }
func (NoticeSent) EventType() Type        { return TypeNoticeSent }
func (NoticeClaimed) EventType() Type     { return TypeNoticeClaimed }
func (SLABreached) EventType() Type       { return TypeSLABreached }
