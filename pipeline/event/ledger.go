package event

import (
	"encoding/json"
	"fmt"
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
	TypeRunOpened         Type = "run.opened"
	TypeCellsAppended     Type = "cells.appended"
	TypeRunChecked        Type = "run.checked"
	TypeRunPublished      Type = "run.published"
	TypeFlagRaised        Type = "flag.raised"
	TypeFlagResolved      Type = "flag.resolved"
	TypeDecisionMade      Type = "decision.made"
	TypeDecisionProposed  Type = "decision.proposed"
	TypeDecisionConfirmed Type = "decision.confirmed"
	TypeReleaseMade       Type = "release.made"
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

// RunSubject carries the steps of the runs.
func RunSubject(region string) string { return "ledger.run." + region }

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
)

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
	// Manifest is the manifest that came with the file, as it came; a later
	// reading of the raw file needs it.
	Manifest string `json:"manifest,omitempty"`
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
	Kind     string       `json:"kind"`
	From     catalog.Date `json:"from"`
	To       catalog.Date `json:"to"`
	Blocks   Range        `json:"blocks"`
	Lines    int64        `json:"lines"` // data lines read
	Observed int64        `json:"observed"`
	Deleted  int64        `json:"deleted"`
	Rejected int64        `json:"rejected"`
	Parked   int64        `json:"parked"`
	// Rules counts rejected and parked lines by rule.
	Rules    map[string]int64 `json:"rules,omitempty"`
	Catalog  string           `json:"catalog"`
	Replaces string           `json:"replaces,omitempty"`
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
}

// RunChecked ends the checks of a run.
type RunChecked struct {
	Run string `json:"run"`
	// Rev is the highest revision that was checked.
	Rev   uint64         `json:"rev"`
	Flags map[string]int `json:"flags,omitempty"` // raised, by check
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
	// Memory names the accepted flag whose band covers this finding.
	Memory  string `json:"memory,omitempty"`
	Catalog string `json:"catalog"`
	// AsOf is the as-of date of the run: the day on which Memory must not
	// have expired.
	AsOf catalog.Date `json:"as_of"`
}

// FlagResolved closes a flag without a person: the finding is gone (resent),
// or a newer flag asks the same question of the newer version (covered).
type FlagResolved struct {
	Flag   string `json:"flag"`
	Reason string `json:"reason"` // resent, covered
	Run    string `json:"run"`
	// Rev is the highest revision that had been checked.
	Rev uint64 `json:"rev"`
}

// Kinds of decisions.
const (
	Accept   = "accept"
	RejectIt = "reject"
	Comment  = "comment"
	Snooze   = "snooze"
	Waive    = "waive"
	Correct  = "correct"
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
}

// DecisionProposed is a waiver or correction that awaits a second person.
type DecisionProposed struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	Kind     string       `json:"kind"`
	By       string       `json:"by"`
	Cause    string       `json:"cause"`
	Note     string       `json:"note,omitempty"`
	On       catalog.Date `json:"on"`
	Until    catalog.Date `json:"until"`
}

// DecisionConfirmed is the second person's word.
type DecisionConfirmed struct {
	Decision string       `json:"decision"`
	Flag     string       `json:"flag"`
	By       string       `json:"by"`
	On       catalog.Date `json:"on"`
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
func (RunOpened) EventType() Type         { return TypeRunOpened }
func (CellsAppended) EventType() Type     { return TypeCellsAppended }
func (RunChecked) EventType() Type        { return TypeRunChecked }
func (RunPublished) EventType() Type      { return TypeRunPublished }
func (FlagRaised) EventType() Type        { return TypeFlagRaised }
func (FlagResolved) EventType() Type      { return TypeFlagResolved }
func (DecisionMade) EventType() Type      { return TypeDecisionMade }
func (DecisionProposed) EventType() Type  { return TypeDecisionProposed }
func (DecisionConfirmed) EventType() Type { return TypeDecisionConfirmed }
func (ReleaseMade) EventType() Type       { return TypeReleaseMade }
