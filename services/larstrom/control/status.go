package control

import (
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// StatusOf is what the LEDGER says; what only the gate, the stores and the
// processes know (open flags, held cells, the DLQ, engines) is left to the
// caller.
func StatusOf(region string, s *run.State) Status {
	st := Status{Region: region, Catalog: s.Catalog, OpenFlags: map[event.Severity]int{}, Engines: []Engine{}}
	for _, d := range s.Deliveries() {
		st.delivery(s, d)
	}
	st.Sequences = sequencesOf(s)
	for _, q := range st.Sequences {
		st.Deliveries.Held += len(q.Held)
	}
	st.Deliveries.Unpublished -= st.Deliveries.Held
	for _, r := range s.Runs() {
		st.Runs.Opened++
		if r.Published {
			st.Runs.Published++
		}
		if r.Checked == nil {
			for _, id := range r.Deliveries {
				if c := s.Delivery(id).Cells; c != nil {
					st.Lag.Cells += c.Cells.Blocks
				}
			}
		}
	}
	var through uint64
	if p := s.Publication; p != nil {
		through = p.Through
		st.Publication = &Publication{Publication: p.Publication, Run: p.Run, AsOf: p.AsOf, At: s.PublishedAt, Indicators: len(p.Sets)}
	}
	for _, id := range s.Audiences() {
		e := s.Edition(id)
		st.Audiences = append(st.Audiences, Audience{Audience: id, Number: e.Number, Edition: e.Edition, AsOf: e.AsOf, Publication: e.Publication,
			Taken: e.Until > 0, At: e.PublishedAt, Indicators: len(e.Sets)})
	}
	for _, indicator := range s.Unpublished() {
		for _, e := range s.GateEvents(indicator) {
			if e.Sequence > through {
				st.Lag.Ledger++
			}
		}
	}
	return st
}

func (st *Status) delivery(s *run.State, d *run.Delivery) {
	n := &st.Deliveries
	switch {
	case d.Retracts != nil: // no bytes came
		n.Retracted++
		return
	case d.Retracted != nil && d.Run == "":
		n.Received++
		return // before any run had it
	}
	n.Received++
	n.Repeated += d.Repeats
	switch {
	case d.Rejected != nil:
		n.Rejected++
		return
	case d.Accepted == nil:
		n.Undecided++
		return
	}
	if r := s.Run(d.Run); r != nil && r.Published {
		n.Published++
	} else {
		n.Unpublished++
	}
	n.Lines += d.Accepted.Lines
	n.RejectedLines += d.Accepted.Rejected
	n.ParkedLines += d.Accepted.Parked
	if d.Cells == nil {
		st.Lag.Obs += d.Accepted.Blocks.Blocks
	}
}

// LateOf counts the open flags of the LEDGER whose duty is beyond its time.
func LateOf(s *run.State) (Late, error) {
	var n Late
	if len(s.Breaches()) == 0 {
		return n, nil // no flag needs to be read
	}
	flags, err := s.FlagsAt(s.Seq)
	for _, f := range flags {
		switch f.SLA {
		case event.SLADue:
			n.Due++
		case event.SLALate:
			n.Escalated++
		}
	}
	return n, err
}
