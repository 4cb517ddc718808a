package notice

import (
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/run"
)

// Question is an open BLOCK or HOLD that awaits somebody.
type Question struct {
	gate.Flag
	// OpenedSeq and OpenedOn are where and when it was opened last; a flag that
	// carries on the question of an older version was opened when that one was.
	OpenedSeq uint64
	OpenedOn  catalog.Date
	// Moved is the LEDGER sequence of the event that its duty follows from.
	Moved uint64
	// Published: the last publication has the indicator.
	Published bool
}

// Questions are the open BLOCKs and HOLDs of the runs whose checks are
// complete, in the order of FlagsAt; days are those of the zone. Package gate
// has verified the events; here they are only read.
func Questions(s *run.State, zone *time.Location) ([]Question, error) {
	flags, err := s.FlagsAt(s.Seq)
	if err != nil {
		return nil, err
	}
	var out []Question
	clocks := map[string]map[string]*clock{}
	for _, f := range flags {
		if f.Status != gate.Open.String() || f.Severity != event.Block && f.Severity != event.Hold {
			continue
		}
		if r := s.Run(f.Run); r == nil || r.Checked == nil {
			continue // more may come of the same cause
		}
		byFlag := clocks[f.Indicator]
		if byFlag == nil {
			if byFlag, err = clocksOf(s.GateEvents(f.Indicator), zone); err != nil {
				return nil, err
			}
			clocks[f.Indicator] = byFlag
		}
		q := Question{Flag: gate.Flag{FlagRaised: f.FlagRaised, Status: gate.Open}, Moved: f.Moved}
		if c := byFlag[f.Flag]; c != nil {
			q.OpenedSeq, q.OpenedOn, q.Waits, q.Proposals, q.Snoozed, q.Assigned = c.seq, c.on, c.waits, c.proposals, c.snoozed, c.assigned
		}
		if s.Publication != nil {
			_, q.Published = s.Publication.Sets[f.Indicator]
		}
		out = append(out, q)
	}
	return out, nil
}

// Opened is the day on which each flag of one indicator's gate events was
// opened last, as [Question] has it.
func Opened(events []event.Event, zone *time.Location) (map[string]catalog.Date, error) {
	clocks, err := clocksOf(events, zone)
	on := make(map[string]catalog.Date, len(clocks))
	for flag, c := range clocks {
		on[flag] = c.on
	}
	return on, err
}

// subject is what a flag asks about, whichever version of it.
type subject struct {
	check, unit, stratum string
	period               catalog.Date
}

// clock is what the events of one flag say of its times.
type clock struct {
	subject   subject
	seq       uint64
	on        catalog.Date
	open      bool
	waits     []gate.Wait
	proposals []event.DecisionProposed
	snoozed   catalog.Date
	snooze    string // the decision behind snoozed
	memory    string // the accepted flag that covered this one
	assigned  string // to whom it was given; opening it again leaves that
}

func clocksOf(events []event.Event, zone *time.Location) (map[string]*clock, error) {
	all := map[string]*clock{}
	of := func(flag string) *clock {
		if all[flag] == nil {
			all[flag] = &clock{}
		}
		return all[flag]
	}
	for _, e := range events {
		var err error
		on := catalog.DateOf(e.Time.In(zone))
		switch e.Type {
		case event.TypeFlagRaised:
			err = read(e, func(b event.FlagRaised) {
				if c := of(b.Flag); !c.open {
					*c = clock{subject: subject{b.Check, b.Unit, b.Stratum, b.Period}, seq: e.Sequence, on: on, open: b.Memory == "", memory: b.Memory, assigned: c.assigned}
				}
			})
		case event.TypeFlagReopened:
			err = read(e, func(b event.FlagReopened) { of(b.Flag).reopened(e.Sequence, on) })
		case event.TypeFlagResolved:
			err = read(e, func(b event.FlagResolved) {
				c := of(b.Flag)
				c.open = false
				if b.Reason != gate.Superseded {
					return
				}
				for _, o := range all {
					if o.open && o.subject == c.subject && o.seq > c.seq {
						o.seq, o.on = c.seq, c.on
					}
				}
			})
		case event.TypeFlagAssigned:
			err = read(e, func(b event.FlagAssigned) { of(b.Flag).assigned = b.To })
		case event.TypeDecisionMade:
			err = read(e, func(b event.DecisionMade) { of(b.Flag).made(b) })
		case event.TypeDecisionProposed:
			err = read(e, func(b event.DecisionProposed) {
				c := of(b.Flag)
				c.answered(b.On)
				c.proposals = append(c.proposals, b)
			})
		case event.TypeDecisionConfirmed:
			err = read(e, func(b event.DecisionConfirmed) { of(b.Flag).open = false })
		case event.TypeDecisionRefused:
			err = read(e, func(b event.DecisionRefused) { of(b.Flag).drop(b.Decision) })
		case event.TypeDecisionWithdrawn:
			err = read(e, func(b event.DecisionWithdrawn) {
				c := of(b.Flag)
				switch {
				case !c.open:
					c.reopened(e.Sequence, on)
					for _, o := range all { // what its acceptance covered is asked as well
						if o.memory == b.Flag && !o.open {
							o.reopened(e.Sequence, on)
						}
					}
				case c.snooze == b.Decision:
					c.snoozed, c.snooze = catalog.Date{}, ""
				default:
					c.drop(b.Decision)
				}
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func read[B event.Body](e event.Event, then func(B)) error {
	b, err := event.Decode[B](e)
	if err == nil {
		then(b)
	}
	return err
}

// reopened begins anew: nothing that was said of the flag before counts.
func (c *clock) reopened(seq uint64, on catalog.Date) {
	*c = clock{subject: c.subject, seq: seq, on: on, open: true, assigned: c.assigned}
}

func (c *clock) made(d event.DecisionMade) {
	switch d.Kind {
	case event.Comment:
		if n := len(c.waits); c.open && (n == 0 || !c.waits[n-1].To.IsZero()) {
			c.waits = append(c.waits, gate.Wait{From: d.On})
		}
		return
	case event.Snooze:
		c.snoozed, c.snooze = d.Until, d.Decision
	case event.Accept, event.RejectIt:
		c.open = false
	}
	c.answered(d.On)
}

// answered ends a wait that lasts.
func (c *clock) answered(on catalog.Date) {
	if n := len(c.waits); n > 0 && c.waits[n-1].To.IsZero() {
		if on.Before(c.waits[n-1].From) {
			on = c.waits[n-1].From
		}
		c.waits[n-1].To = on
	}
}

func (c *clock) drop(decision string) {
	c.proposals = slices.DeleteFunc(c.proposals, func(p event.DecisionProposed) bool { return p.Decision == decision })
}
