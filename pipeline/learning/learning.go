package learning

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/variation"
)

// When a proposal is made (CHECKS, rules for thresholds).
const (
	DemoteBelow  = 0.20
	DemoteAfter  = 30
	PromoteAbove = 0.95
	PromoteAfter = 50
)

// Stat is what is known of one version of a check.
type Stat struct {
	Check   string `json:"check"`
	Version int    `json:"version"`
	// Severity is that of the last flag.
	Severity event.Severity `json:"severity,omitempty"`
	// Flags counts openings: a flag that comes back counts again. They are
	// open, decided (DecidedFlags), resolved by a delivery (Resent), found no
	// more (Passed), or were covered by the memory of an acceptance (Covered).
	Flags        int `json:"flags"`
	Open         int `json:"open"`
	Resent       int `json:"resent"`
	Passed       int `json:"passed"`
	Covered      int `json:"covered"`
	DecidedFlags int `json:"decided_flags"`
	// Decided are the decisions, and DataErrors those that found the data
	// wrong.
	Decided    int `json:"decided"`
	DataErrors int `json:"data_errors"`
	// Precision is DataErrors / Decided with Wilson's 95 % interval (Wilson
	// 1927); nil where nothing is decided.
	Precision *float64 `json:"precision,omitempty"`
	Low       *float64 `json:"low,omitempty"`
	High      *float64 `json:"high,omitempty"`
	// MinutesRaised is the median time from the first flag of a decision to
	// the decision, MinutesJudged that from the first recorded judgement, per
	// flag of the decision; nil where there is none.
	MinutesRaised *float64 `json:"minutes_from_raised,omitempty"`
	MinutesJudged *float64 `json:"minutes_from_judged,omitempty"`
	// Shadow counts findings in shadow mode, which asked nobody. They are
	// those of every version, and stand with the newest.
	Shadow int `json:"shadow"`
}

// Proposal is a task for a steward.
type Proposal struct {
	Check   string `json:"check"`
	Version int    `json:"version"`
	// Promote: to BLOCK; else to a lower severity.
	Promote    bool    `json:"promote"`
	Decided    int     `json:"decided"`
	DataErrors int     `json:"data_errors"`
	Precision  float64 `json:"precision"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
}

// opening is one time that a flag was open.
type opening struct {
	raised, judged time.Time
	check          string
	version        int
	by             *verdict
	resent, passed bool
	covered        bool
}

// verdict is a decision about one flag.
type verdict struct {
	act     string // the batch, or the decision itself
	kind    string
	at      time.Time // when its author had made up her mind
	decided string
}

type key struct {
	check   string
	version int
}

// fold is what has been read of one gate.
type fold struct {
	all      []*opening
	now      map[string]*opening
	proposed map[string]verdict
	last     map[key]event.Severity
}

// Learn counts over the gate events of each indicator, in ledger order, and
// the ends of the runs' checks. The result is ordered by check and version.
func Learn(gates [][]event.Event, runs []event.RunChecked) ([]Stat, error) {
	f := fold{last: map[key]event.Severity{}}
	for _, events := range gates {
		f.now, f.proposed = map[string]*opening{}, map[string]verdict{}
		for _, e := range events {
			if err := f.apply(e); err != nil {
				return nil, err
			}
		}
	}
	shadow := map[string]int{}
	for _, r := range runs {
		for check, n := range r.Shadow {
			shadow[check] += n
		}
	}
	return f.stats(shadow), nil
}

func (f *fold) apply(e event.Event) error {
	switch e.Type {
	case event.TypeFlagRaised:
		return read(e, func(b event.FlagRaised) { f.raised(b, e.Time) })
	case event.TypeFlagReopened:
		return read(e, func(b event.FlagReopened) {
			if o := f.now[b.Flag]; o != nil {
				f.open(b.Flag, &opening{raised: e.Time, check: o.check, version: o.version})
			}
		})
	case event.TypeFlagResolved:
		return read(e, func(b event.FlagResolved) {
			if o := f.now[b.Flag]; o != nil {
				o.passed = b.Reason == "passed" // gate.Passed
				o.resent = !o.passed
			}
		})
	case event.TypeFlagJudged:
		return read(e, func(b event.FlagJudged) {
			if o := f.now[b.Flag]; o != nil && o.judged.IsZero() {
				o.judged = e.Time
			}
		})
	case event.TypeDecisionMade:
		return read(e, func(b event.DecisionMade) {
			if b.Kind == event.Accept || b.Kind == event.RejectIt {
				f.decide(b.Flag, verdict{act: cmp.Or(b.Batch, b.Decision), kind: b.Kind, at: e.Time, decided: b.Decision})
			}
		})
	case event.TypeDecisionProposed:
		return read(e, func(b event.DecisionProposed) {
			f.proposed[b.Decision] = verdict{act: cmp.Or(b.Batch, b.Decision), kind: b.Kind, at: e.Time, decided: b.Decision}
		})
	case event.TypeDecisionConfirmed:
		return read(e, func(b event.DecisionConfirmed) {
			if v, ok := f.proposed[b.Decision]; ok {
				f.decide(b.Flag, v)
			}
		})
	case event.TypeDecisionWithdrawn:
		return read(e, func(b event.DecisionWithdrawn) {
			if o := f.now[b.Flag]; o != nil && o.by != nil && o.by.decided == b.Decision {
				o.by = nil
			}
		})
	}
	return nil
}

func read[B event.Body](e event.Event, then func(B)) error {
	b, err := event.Decode[B](e)
	if err == nil {
		then(b)
	}
	return err
}

func (f *fold) open(flag string, o *opening) {
	f.now[flag] = o
	f.all = append(f.all, o)
}

func (f *fold) raised(b event.FlagRaised, at time.Time) {
	k := key{b.Check, b.CheckVersion}
	f.last[k] = b.Severity
	o := f.now[b.Flag]
	if o != nil && o.by == nil && !o.resent && !o.passed && !o.covered && o.version == b.CheckVersion {
		return // asked again while it is open
	}
	f.open(b.Flag, &opening{raised: at, check: b.Check, version: b.CheckVersion, covered: b.Memory != ""})
}

func (f *fold) decide(flag string, v verdict) {
	if o := f.now[flag]; o != nil {
		o.by, o.resent, o.passed, o.covered = &v, false, false, false
	}
}

// act is one decision with all flags that it was about.
type act struct {
	wrong          bool
	flags          int
	raised, judged time.Time
	at             time.Time
}

func (f *fold) stats(shadow map[string]int) []Stat {
	stats := map[key]*Stat{}
	acts := map[key]map[string]*act{}
	newest := map[string]int{}
	of := func(k key) *Stat {
		if stats[k] == nil {
			stats[k] = &Stat{Check: k.check, Version: k.version, Severity: f.last[k]}
			acts[k] = map[string]*act{}
		}
		newest[k.check] = max(newest[k.check], k.version)
		return stats[k]
	}
	for _, o := range f.all {
		k := key{o.check, o.version}
		s := of(k)
		s.Flags++
		switch {
		case o.by != nil:
			s.DecidedFlags++
			// One command may reject some and accept others.
			id := o.by.kind + " " + o.by.act
			if acts[k][id] == nil {
				acts[k][id] = &act{raised: o.raised}
			}
			acts[k][id].add(o)
		case o.resent:
			s.Resent++
		case o.passed:
			s.Passed++
		case o.covered:
			s.Covered++
		default:
			s.Open++
		}
	}
	for check, n := range shadow {
		of(key{check, newest[check]}).Shadow = n
	}
	out := make([]Stat, 0, len(stats))
	for k, s := range stats {
		s.weigh(slices.Collect(maps.Values(acts[k])))
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Stat) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Version, b.Version))
	})
	return out
}

func (a *act) add(o *opening) {
	a.flags++
	a.wrong = o.by.kind == event.RejectIt || o.by.kind == event.Correct
	if o.raised.Before(a.raised) {
		a.raised = o.raised
	}
	if !o.judged.IsZero() && (a.judged.IsZero() || o.judged.Before(a.judged)) {
		a.judged = o.judged
	}
	if a.at.Before(o.by.at) {
		a.at = o.by.at
	}
}

// weigh computes what follows from the decisions.
func (s *Stat) weigh(acts []*act) {
	var raised, judged []float64
	for _, a := range acts {
		s.Decided++
		if a.wrong {
			s.DataErrors++
		}
		each := func(since time.Time) float64 { return a.at.Sub(since).Minutes() / float64(a.flags) }
		raised = append(raised, each(a.raised))
		if !a.judged.IsZero() && !a.at.Before(a.judged) {
			judged = append(judged, each(a.judged))
		}
	}
	s.MinutesRaised, s.MinutesJudged = median(raised), median(judged)
	if s.Decided == 0 {
		return
	}
	p := float64(s.DataErrors) / float64(s.Decided)
	low, high := variation.Wilson(float64(s.DataErrors), float64(s.Decided), 0.95)
	s.Precision, s.Low, s.High = &p, &low, &high
}

func median(v []float64) *float64 {
	if len(v) == 0 {
		return nil
	}
	slices.Sort(v)
	m := (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	return &m
}

// Proposals are what the counts suggest, in their order. A check that blocks
// already is not promoted, and one that only notes or informs keeps nothing
// back and is not demoted.
func Proposals(stats []Stat) []Proposal {
	var out []Proposal
	for _, s := range stats {
		if s.Precision == nil {
			continue
		}
		p := Proposal{Check: s.Check, Version: s.Version, Decided: s.Decided, DataErrors: s.DataErrors, Precision: *s.Precision, Low: *s.Low, High: *s.High}
		switch {
		case s.Decided >= DemoteAfter && p.Precision < DemoteBelow && (s.Severity == event.Block || s.Severity == event.Hold):
			out = append(out, p)
		case s.Decided >= PromoteAfter && p.Precision > PromoteAbove && s.Severity != event.Block:
			p.Promote = true
			out = append(out, p)
		}
	}
	return out
}
