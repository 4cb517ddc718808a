package gate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"larstrom/pipeline/event"
)

// verdict is what is known of a decision or proposal by its id.
type verdict struct {
	flag, kind string
	// by are who took part: proposer and confirmer, or the one who decided.
	by []string
	// at is when it took effect, or was proposed.
	at time.Time
	// done: made or confirmed. over: refused or withdrawn.
	done, over bool
}

func (s *State) applyProposed(p event.DecisionProposed, at time.Time) error {
	f, err := s.flag(p.Flag)
	if err != nil {
		return err
	}
	if p.Decision == "" || p.By == "" || p.On.IsZero() {
		return fmt.Errorf("%w: a proposal for flag %s without id, person or date", ErrTransition, f.Flag)
	}
	if s.decisions[p.Decision] != nil {
		return nil
	}
	if err := s.proposable(f, p); err != nil {
		return err
	}
	s.decisions[p.Decision] = &verdict{flag: f.Flag, kind: p.Kind, by: []string{p.By}, at: at}
	f.Proposals = append(f.Proposals, p)
	f.answered(p.On)
	f.touch("proposal to "+p.Kind, p.By, p.On)
	return nil
}

// proposable reports whether a proposal has a place in the flag's present
// state; confirmed it would have its effect there.
func (s *State) proposable(f *Flag, p event.DecisionProposed) error {
	fits := f.Status == Open
	switch p.Kind {
	case event.Waive:
		fits = fits && f.Severity == event.Block
	case event.Accept:
		if f.Severity == event.Block {
			return fmt.Errorf("%w: flag %s is BLOCK and cannot be accepted", ErrGateViolation, f.Flag)
		}
		fits = fits && acceptable(f.Severity) && p.Low <= p.High && !math.IsInf(p.Low, 0) && !math.IsInf(p.High, 0)
	case event.Correct:
		if fits = fits && rank(f.Severity) >= rank(event.Note); !fits {
			break
		}
		if err := s.correctable(f, p.Corrections); err != nil {
			return fmt.Errorf("%w: %w", ErrTransition, err)
		}
	default:
		fits = false
	}
	if !fits {
		return fmt.Errorf("%w: proposal to %s flag %s, which is %s %s", ErrTransition, p.Kind, f.Flag, f.Status, f.Severity)
	}
	return nil
}

func (s *State) applyConfirmed(d event.DecisionConfirmed, at time.Time) error {
	f, err := s.flag(d.Flag)
	if err != nil {
		return err
	}
	if d.By == "" || d.On.IsZero() {
		return fmt.Errorf("%w: a confirmation for flag %s without person or date", ErrTransition, f.Flag)
	}
	if v := s.decisions[d.Decision]; v != nil && v.done {
		return nil
	}
	at0 := slices.IndexFunc(f.Proposals, func(p event.DecisionProposed) bool { return p.Decision == d.Decision })
	if at0 < 0 {
		return fmt.Errorf("%w: flag %s has no open proposal %s", ErrTransition, f.Flag, d.Decision)
	}
	p := f.Proposals[at0]
	if p.By == d.By {
		return fmt.Errorf("%w: %s, decision %s of flag %s", ErrFourEyes, d.By, d.Decision, f.Flag)
	}
	if err := s.proposable(f, p); err != nil {
		return err
	}
	switch p.Kind {
	case event.Waive:
		s.keepEarlier(f)
		s.close(f, Waived)
		f.WaivedUntil = until(p.On, p.Until)
		f.standing = p.Decision
	case event.Accept:
		s.accept(f, event.DecisionMade{Decision: p.Decision, Flag: f.Flag, Kind: p.Kind, By: p.By, On: p.On, Until: p.Until, Low: p.Low, High: p.High})
	case event.Correct:
		s.correct(f, p, d)
	}
	v := s.decisions[d.Decision]
	v.done, v.at, v.by = true, at, append(v.by, d.By)
	f.Confirmations = append(f.Confirmations, d)
	f.Confirmed = append(f.Confirmed, p)
	f.answered(d.On)
	f.touch("confirmed "+p.Kind, d.By, d.On)
	return nil
}

func (s *State) applyRefused(r event.DecisionRefused) error {
	f, err := s.flag(r.Flag)
	if err != nil {
		return err
	}
	if r.By == "" || r.On.IsZero() {
		return fmt.Errorf("%w: a refusal for flag %s without person or date", ErrTransition, f.Flag)
	}
	if r.Decision == "" {
		return fmt.Errorf("%w: a refusal for flag %s of no decision", ErrTransition, f.Flag)
	}
	v := s.decisions[r.Decision]
	if v != nil && v.over {
		return nil
	}
	p, err := f.proposal(r.Decision)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransition, err)
	}
	if p.By == r.By {
		return fmt.Errorf("%w: %s refuses what she proposed herself; withdrawing is another event", ErrFourEyes, r.By)
	}
	v.over = true
	f.dropProposal(r.Decision)
	f.touch("refused to "+p.Kind, r.By, r.On)
	return nil
}

// proposal is the open proposal of that id; an empty id means the only one.
func (f *Flag) proposal(id string) (event.DecisionProposed, error) {
	if id == "" && len(f.Proposals) == 1 {
		return f.Proposals[0], nil
	}
	at := slices.IndexFunc(f.Proposals, func(p event.DecisionProposed) bool { return p.Decision == id })
	switch {
	case len(f.Proposals) == 0:
		return event.DecisionProposed{}, fmt.Errorf("%w: flag %s has no open proposal", ErrInvalid, f.Flag)
	case id == "":
		return event.DecisionProposed{}, fmt.Errorf("%w: flag %s has %d proposals; name one", ErrInvalid, f.Flag, len(f.Proposals))
	case at < 0:
		return event.DecisionProposed{}, fmt.Errorf("%w: flag %s has no open proposal %s", ErrInvalid, f.Flag, id)
	}
	return f.Proposals[at], nil
}

// dropProposal forgets an open proposal, without writing into what was given
// out.
func (f *Flag) dropProposal(id string) {
	f.Proposals = slices.DeleteFunc(slices.Clone(f.Proposals), func(p event.DecisionProposed) bool { return p.Decision == id })
	f.again++
}
