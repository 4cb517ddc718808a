package gate

import (
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/cell"
	"larstrom/pipeline/event"
)

// Status is where a flag is.
type Status uint8

// The states of a flag. Only an open BLOCK or HOLD keeps versions back.
const (
	// Open awaits a decision or a better delivery.
	Open Status = iota + 1
	// Covered was raised inside the band of an earlier acceptance.
	Covered
	// Accepted: the data are right.
	Accepted
	// Rejected: the data are wrong; the guarded versions are withdrawn.
	Rejected
	// Waived by two persons, for exactly the guarded versions.
	Waived
	// Resolved without a person; see Flag.Reason.
	Resolved
	// Corrected by two persons: the cells show what the source should have
	// sent, until it sends again.
	Corrected
)

// String is the lower-case name.
func (s Status) String() string {
	switch s {
	case Open:
		return "open"
	case Covered:
		return "covered"
	case Accepted:
		return "accepted"
	case Rejected:
		return "rejected"
	case Waived:
		return "waived"
	case Resolved:
		return "resolved"
	case Corrected:
		return "corrected"
	}
	return "unknown"
}

// Flag is a flag and what has become of it. The slices are shared with the
// state: read them, do not write them.
type Flag struct {
	event.FlagRaised
	Status Status
	// Version counts the events about the flag; a command names the version
	// that its author has read.
	Version int
	// Opened counts how often the flag was raised from nothing or from closed.
	Opened int
	// Reason is that of the FlagResolved which closed it.
	Reason string
	// Decisions and Confirmations are in ledger order; Proposals are those
	// that still await a second person.
	Decisions     []event.DecisionMade
	Proposals     []event.DecisionProposed
	Confirmations []event.DecisionConfirmed
	// Confirmed are the proposals of Confirmations.
	Confirmed []event.DecisionProposed
	// Snoozed is the last day of a snooze, or zero.
	Snoozed catalog.Date
	// WaivedUntil is the last day of a confirmed waiver, or zero.
	WaivedUntil catalog.Date
	// Also are versions that contradict a correction; the flag guards them as
	// it does Guards.
	Also []event.Guard
	// Waits are the times in which the reviewer waited for the source. Only
	// the last may have no end.
	Waits []Wait
	// Judgements of this opening, in ledger order.
	Judgements []event.FlagJudged
	// Assigned is who is asked first; empty: all who may decide. AssignedBy is who
	// said so.
	Assigned, AssignedBy string
	// Evidence that people attached, in ledger order.
	Evidence []event.EvidenceAttached

	// clean counts the runs since the flag was raised last in which its check
	// did not find it again, and passedIn is the last of them.
	clean    int
	passedIn string

	last change
	// standing is the decision that gave the flag its present state, empty
	// when no person did; snooze is the decision behind Snoozed.
	standing, snooze string
	// again counts what was taken back or refused: the same words afterwards
	// are a new decision.
	again int
}

// all are the versions that the flag guards.
func (f *Flag) all() []event.Guard {
	if len(f.Also) == 0 {
		return f.Guards
	}
	return append(slices.Clone(f.Guards), f.Also...)
}

// change describes the latest event about a flag, for ConflictError.
type change struct {
	what, by string
	on       catalog.Date
}

// Holds reports whether the flag keeps back the versions that it guards.
func (f *Flag) Holds() bool { return f.Status == Open && holding(f.Severity) }

func holding(s event.Severity) bool { return s == event.Block || s == event.Hold }

// rank orders severities by what they forbid: a flag raised again never
// becomes milder while it is open.
func rank(s event.Severity) int {
	switch s {
	case event.Block:
		return 5
	case event.Hold:
		return 4
	case event.Note:
		return 3
	case event.Reject:
		return 2
	case event.Info:
		return 1
	}
	return 0
}

// Memory is what an acceptance remembers: later findings of the check on the
// target inside the band do not hold, until it expires.
//
// It reaches the cells that the accepted flag guarded and, where the flag was
// about several periods, the same series in later periods. It never reaches
// other or earlier cells: who accepts that a unit has been silent since May
// has not accepted that its past disappears.
type Memory struct {
	Flag, Check   string
	Unit, Stratum string
	Direction     string
	Low, High     float64
	// Until is the last day on which it holds.
	Until catalog.Date
	// Rev is the revision of the accepted finding; only later ones are covered.
	Rev uint64

	cells map[cell.Key]struct{}
	// series maps a key with period zero to the last accepted period; nil
	// when the flag was about one period.
	series map[cell.Key]int32
}

// covers reports whether the finding f, judged on the day asOf, lies within m.
func (m *Memory) covers(f *event.FlagRaised, region string, asOf catalog.Date) bool {
	if f.Severity == event.Block || m.Check != f.Check || m.Unit != f.Unit || m.Stratum != f.Stratum ||
		m.Direction != f.Direction || f.Rev <= m.Rev || asOf.IsZero() || m.Until.Before(asOf) ||
		!(f.Observed >= m.Low && f.Observed <= m.High) {
		return false
	}
	for _, g := range f.Guards {
		k := g.Key(region, f.Indicator)
		if _, ok := m.cells[k]; ok {
			continue
		}
		period := k.PeriodStart
		k.PeriodStart = 0
		last, ok := m.series[k]
		if !ok || period <= last {
			return false
		}
	}
	return true
}

func newMemory(f *Flag, d event.DecisionMade, region string) *Memory {
	m := &Memory{Flag: f.Flag, Check: f.Check, Unit: f.Unit, Stratum: f.Stratum, Direction: f.Direction,
		Low: d.Low, High: d.High, Until: until(d.On, d.Until), Rev: f.Rev, cells: make(map[cell.Key]struct{}, len(f.Guards))}
	if f.Period.IsZero() {
		m.series = map[cell.Key]int32{}
	}
	for _, g := range f.all() {
		k := g.Key(region, f.Indicator)
		m.cells[k] = struct{}{}
		if m.series != nil {
			p := k.PeriodStart
			k.PeriodStart = 0
			if last, ok := m.series[k]; !ok || p > last {
				m.series[k] = p
			}
		}
	}
	return m
}

// MemoryDays is how long acceptances and waivers last unless they say otherwise.
const MemoryDays = 90

func until(on, given catalog.Date) catalog.Date {
	if given.IsZero() {
		return on.AddDays(MemoryDays)
	}
	return given
}

// compareGuards orders guards by cell and fingerprint.
func compareGuards(a, b event.Guard) int {
	if c := a.Key("", "").Compare(b.Key("", "")); c != 0 {
		return c
	}
	return strings.Compare(string(a.Fingerprint[:]), string(b.Fingerprint[:]))
}

// canonical is a sorted copy of guards without repetitions.
func canonical(guards []event.Guard) []event.Guard {
	c := slices.Clone(guards)
	slices.SortFunc(c, compareGuards)
	return slices.CompactFunc(c, func(a, b event.Guard) bool { return compareGuards(a, b) == 0 })
}

func sameGuards(a, b []event.Guard) bool {
	return slices.EqualFunc(a, b, func(x, y event.Guard) bool { return compareGuards(x, y) == 0 })
}
