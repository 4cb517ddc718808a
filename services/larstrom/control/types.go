package control

import (
	"context"
	"io"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/services/validator"
)

// Submitter takes exports. The receipts come in the order of the paths, and
// are there when the files are facts or refused; publication follows.
type Submitter interface {
	Submit(ctx context.Context, paths []string, again bool) ([]intake.Receipt, error)
}

// Reader tells and changes nothing.
type Reader interface {
	Status(ctx context.Context) (Status, error)
	// SQL writes the result of a query on a store (released or warehouse) in a
	// ClickHouse format. What was written before an error is no result.
	SQL(ctx context.Context, store, format, query string, w io.Writer) error
	Catalog(ctx context.Context) (*catalog.Catalog, error)
}

// Reviewer shows flags and takes decisions. Decide returns when the released
// store shows what follows from the decision.
type Reviewer interface {
	Flags(ctx context.Context) ([]Flag, error)
	Flag(ctx context.Context, id string) (Flag, error)
	Decide(ctx context.Context, d DecisionRequest) (Decision, error)
}

// Flag is a flag as commands and the API show it.
type Flag struct {
	event.FlagRaised
	Status string `json:"status"`
	// FlagVersion counts the events about the flag; a decision may name the
	// one that its author has read.
	FlagVersion   int                       `json:"flag_version"`
	Reason        string                    `json:"reason,omitempty"`
	Snoozed       catalog.Date              `json:"snoozed"`
	WaivedUntil   catalog.Date              `json:"waived_until"`
	Decisions     []event.DecisionMade      `json:"decisions,omitempty"`
	Proposals     []event.DecisionProposed  `json:"proposals,omitempty"`
	Confirmations []event.DecisionConfirmed `json:"confirmations,omitempty"`
	// Confirmed are the proposals of the confirmations.
	Confirmed []event.DecisionProposed `json:"confirmed,omitempty"`
	// Also are versions that contradict a correction.
	Also []event.Guard `json:"also,omitempty"`
	// Waiting says that a comment awaits the source's answer.
	Waiting    bool               `json:"waiting,omitempty"`
	Judgements []event.FlagJudged `json:"judgements,omitempty"`
	// Assigned is who is asked first; empty: all who may decide.
	Assigned string `json:"assigned,omitempty"`
	// Attached is the evidence that people attached.
	Attached []event.EvidenceAttached `json:"attached,omitempty"`
}

// FlagOf is the gate's flag in that form.
func FlagOf(f gate.Flag) Flag {
	return Flag{FlagRaised: f.FlagRaised, Status: f.Status.String(), FlagVersion: f.Version, Reason: f.Reason,
		Snoozed: f.Snoozed, WaivedUntil: f.WaivedUntil, Decisions: f.Decisions, Proposals: f.Proposals, Confirmations: f.Confirmations,
		Confirmed: f.Confirmed, Also: f.Also, Waiting: f.Waiting(), Judgements: f.Judgements,
		Assigned: f.Assigned, Attached: f.Evidence}
}

// DecisionRequest is what a person wants done to a flag.
type DecisionRequest struct {
	// As is the id of the person, Token the secret that shows that it is her.
	As    string `json:"as"`
	Token string `json:"token"`
	Flag  string `json:"flag"`
	// Kind is one of gate.Kinds.
	Kind  string `json:"kind"`
	Cause string `json:"cause,omitempty"`
	Note  string `json:"note,omitempty"`
	// Evidence is what it rests on, Revisions the new content of a correction.
	Evidence  string               `json:"evidence,omitempty"`
	Revisions []validator.Revision `json:"revisions,omitempty"`
	Until     catalog.Date         `json:"until"`
	Low       *float64             `json:"low,omitempty"`
	High      *float64             `json:"high,omitempty"`
	// Decision is the proposal to confirm or refuse, or the decision to undo;
	// empty: the only open one, or the one that holds.
	Decision string `json:"decision,omitempty"`
	// FlagVersion is the version of the flag that the person has read; 0: any.
	FlagVersion int `json:"flag_version,omitempty"`
	// To is to whom the flag is assigned; Link and SHA256 are where attached
	// evidence is, and its hash.
	To     string `json:"to,omitempty"`
	Link   string `json:"link,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	// Client is the program by which it was given, with its version.
	Client string `json:"client,omitempty"`
}

// Command is the gate's form of it.
func (d DecisionRequest) Command() gate.Command {
	return gate.Command{Flag: d.Flag, Kind: d.Kind, Cause: d.Cause, Note: d.Note, Until: d.Until, Low: d.Low, High: d.High,
		Decision: d.Decision, ExpectedVersion: d.FlagVersion, Evidence: d.Evidence,
		To: d.To, Link: d.Link, SHA256: d.SHA256, Client: d.Client}
}

// Decision is what became of it.
type Decision struct {
	// Events were appended to the LEDGER; none when it had been done before.
	Events []DecisionEvent `json:"events"`
	// Publication is the first that shows what follows; 0: none yet.
	Publication int `json:"publication"`
}

// DecisionEvent is one event at its place in the LEDGER.
type DecisionEvent struct {
	Type     event.Type `json:"type"`
	Sequence uint64     `json:"sequence"`
}

// DecisionOf is the decision that appended these events.
func DecisionOf(events []event.Event, publication int) Decision {
	d := Decision{Events: []DecisionEvent{}, Publication: publication}
	for _, e := range events {
		d.Events = append(d.Events, DecisionEvent{e.Type, e.Sequence})
	}
	return d
}

// Status is what an operator looks at first.
type Status struct {
	Region  string `json:"region"`
	Catalog string `json:"catalog"`
	// Running: a process works on the data folder; else nothing comes in, is checked
	// or published until one is started.
	Running bool `json:"running"`
	// Portal is where the pages are; empty: no process serves them now.
	Portal     string     `json:"portal,omitempty"`
	Deliveries Deliveries `json:"deliveries"`
	// Sequences are the numbered feeds of which something is kept back.
	Sequences []Sequence `json:"sequences"`
	Runs      Runs       `json:"runs"`
	// Lag is what each stream holds that the next step has not dealt with.
	Lag Lag `json:"lag"`
	// HeldCells are those that the last publication shows as held.
	HeldCells uint64 `json:"held_cells"`
	// OpenFlags counts the open flags by severity.
	OpenFlags map[event.Severity]int `json:"open_flags"`
	// Late counts those whose duty is beyond its time.
	Late Late `json:"late"`
	// Publication is the last one; nil before the first.
	Publication *Publication `json:"publication"`
	// Audiences are the wider ones, with their last editions; none: the catalog
	// has none.
	Audiences []Audience `json:"audiences,omitempty"`
	Engines   []Engine   `json:"engines"`
	// Awaited are files of the drop folder whose rest has not come; none where
	// no process watches one.
	Awaited []Awaited `json:"awaited,omitempty"`
}

// Late counts open flags that await somebody for longer than there was time.
type Late struct {
	// Due: all of the working days have passed; Escalated: one and a half times
	// as many, and the next level has been told.
	Due       int `json:"due"`
	Escalated int `json:"escalated"`
}

// Awaited is a file that waits for its rest.
type Awaited struct {
	Feed   string    `json:"feed"`
	File   string    `json:"file"`
	Reason string    `json:"reason"`
	Hint   string    `json:"hint,omitempty"`
	Since  time.Time `json:"since"`
	// Until is when it is rejected, if its rest does not come.
	Until time.Time `json:"until"`
}

// Deliveries counts the deliveries by what became of them.
type Deliveries struct {
	Received int `json:"received"`
	// Undecided are received and neither accepted nor rejected yet.
	Undecided int `json:"undecided"`
	Rejected  int `json:"rejected"`
	// Unpublished are accepted, and no publication shows them yet.
	Unpublished int `json:"unpublished"`
	Published   int `json:"published"`
	// Held are accepted and wait for one that is missing before them.
	Held int `json:"held"`
	// Retracted are those that somebody withdrew.
	Retracted int `json:"retracted"`
	// Repeated counts the times that bytes came again.
	Repeated int `json:"repeated"`
	// Lines of the accepted deliveries, and those that were not taken.
	Lines         int64 `json:"lines"`
	RejectedLines int64 `json:"rejected_lines"`
	ParkedLines   int64 `json:"parked_lines"`
}

// Runs counts the runs.
type Runs struct {
	Opened    int `json:"opened"`
	Published int `json:"published"`
}

// Lag says for each stream what waits.
type Lag struct {
	// Obs are blocks of accepted deliveries whose cells are not computed.
	Obs int `json:"obs_blocks"`
	// Cells are blocks of cells that no check has seen.
	Cells int `json:"cells_blocks"`
	// Ledger are gate events after the last publication that it should show.
	Ledger int `json:"ledger_events"`
	// Dead are messages in the DLQ, which wait for a person.
	Dead uint64 `json:"dlq_messages"`
}

// Publication is one publication.
type Publication struct {
	Publication int          `json:"publication"`
	Run         string       `json:"run"`
	AsOf        catalog.Date `json:"as_of"`
	At          time.Time    `json:"at"`
	Indicators  int          `json:"indicators"`
}

// Audience is a wider audience with its last edition.
type Audience struct {
	Audience string `json:"audience"`
	// Rule is that of its profile; empty: the catalog no longer has it.
	Rule string `json:"rule"`
	// Number is that of the store's pointer; 0: there is no edition yet, and the
	// rest is empty.
	Number int `json:"number"`
	// Edition is the day on which it was due, AsOf and Publication say what it was
	// made from, Taken whether something has been taken out of it since.
	Edition     catalog.Date `json:"edition"`
	AsOf        catalog.Date `json:"as_of"`
	Publication int          `json:"publication"`
	Taken       bool         `json:"taken"`
	At          time.Time    `json:"at,omitzero"`
	Indicators  int          `json:"indicators"`
	// Next is the first day on which a new one is due.
	Next catalog.Date `json:"next,omitzero"`
}

// Engine is one store's engine.
type Engine struct {
	Store    string `json:"store"`
	Running  bool   `json:"running"`
	Restarts int    `json:"restarts"`
}
