package gate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
)

// Kinds of commands that decide nothing by themselves.
const (
	// Judge records cause and evidence before the effect is shown.
	Judge = "judge"
	// Refuse is a second person's no to a proposal.
	Refuse = "refuse"
	// Undo takes a decision or proposal back.
	Undo = "undo"
)

// MostPoints is by how many points of the published scale a person may move
// the values of her own units alone.
const MostPoints = 5.0

// Effect is what a decision would do to the published values of one unit.
type Effect struct {
	Unit string
	// Points is the largest move of one published value, in points of the
	// published scale (percentage points for a proportion in percent, percent
	// of the earlier value for what is no share). NaN or an infinity counts as
	// more than any.
	Points float64
}

// Interested are the units of effects that move by more than MostPoints and
// that the person answers for as a super-user, sorted: she has an interest in
// what is shown of them. Whatever else she is, somebody else must confirm.
func Interested(a Actor, effects []Effect) []string {
	var out []string
	for _, e := range effects {
		if math.Abs(e.Points) <= MostPoints {
			continue
		}
		if slices.ContainsFunc(a.Roles, func(r catalog.Role) bool {
			return r.Role == SuperUser && a.within(r, []string{e.Unit})
		}) {
			out = append(out, e.Unit)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// interest says whether an acceptance by who must be confirmed by a steward.
// Where nobody has computed what it moves, a person who answers for one of the
// units as a super-user has an interest.
func (s *State) interest(f *Flag, who Actor, effects []Effect) bool {
	if effects != nil {
		return len(Interested(who, effects)) > 0
	}
	return slices.ContainsFunc(who.Roles, func(r catalog.Role) bool {
		return r.Role == SuperUser && slices.ContainsFunc(s.units(f), func(u string) bool { return who.within(r, []string{u}) })
	})
}

// judge records a cause and what it rests on.
func (s *State) judge(f *Flag, cmd Command, by string, on catalog.Date) ([]event.Body, error) {
	if !slices.Contains(Causes(), cmd.Cause) {
		return nil, fmt.Errorf("%w: a judgement needs a cause: %s", ErrInvalid, strings.Join(Causes(), ", "))
	}
	evidence := strings.TrimSpace(cmd.Evidence)
	if evidence == "" {
		return nil, fmt.Errorf("%w: a judgement needs evidence: what was looked at, and what it said", ErrInvalid)
	}
	if f.Status != Open {
		return nil, fmt.Errorf("%w: flag %s is %s (%s)", ErrClosed, f.Flag, f.Status, f.last.what)
	}
	j := event.FlagJudged{Flag: f.Flag, By: by, Cause: cmd.Cause, Evidence: evidence, On: on}
	j.Judgement = f.idOf("judgement", by, on.String(), cmd.Cause, evidence)
	if slices.ContainsFunc(f.Judgements, func(o event.FlagJudged) bool { return o.Judgement == j.Judgement }) {
		return nil, nil
	}
	return []event.Body{j}, nil
}

// Viewing says what to append before the person is shown what a decision of the
// kind would do to published results: that she was. It is refused with
// ErrJudgeFirst until she has recorded cause and evidence of this opening of
// the flag, and with ErrForbidden where she could not decide it.
func (s *State) Viewing(flag, kind string, who Actor, on catalog.Date) (event.ImpactViewed, error) {
	f, err := s.flag(flag)
	if err != nil {
		return event.ImpactViewed{}, err
	}
	if err := Allowed(who, kind, s.registries(f), s.units(f)); err != nil {
		return event.ImpactViewed{}, err
	}
	if !slices.Contains([]string{event.Accept, event.RejectIt, event.Correct, event.Waive}, kind) {
		return event.ImpactViewed{}, fmt.Errorf("%w: a decision to %s has no effect on published results", ErrInvalid, kind)
	}
	for _, j := range slices.Backward(f.Judgements) {
		if j.By == who.ID {
			return event.ImpactViewed{Flag: f.Flag, Kind: kind, By: who.ID, Judgement: j.Judgement, On: on}, nil
		}
	}
	return event.ImpactViewed{}, fmt.Errorf("%w: %s has judged flag %s not yet; record cause and evidence (judge), then look", ErrJudgeFirst, who.ID, f.Flag)
}

func (s *State) applyJudged(j event.FlagJudged) error {
	f, err := s.flag(j.Flag)
	if err != nil {
		return err
	}
	if j.Judgement == "" || j.By == "" || j.On.IsZero() || j.Evidence == "" || f.Status != Open {
		return fmt.Errorf("%w: a judgement of flag %s, which is %s, without id, person, date or evidence", ErrTransition, f.Flag, f.Status)
	}
	if !slices.ContainsFunc(f.Judgements, func(o event.FlagJudged) bool { return o.Judgement == j.Judgement }) {
		f.Judgements = append(f.Judgements, j)
	}
	return nil
}

// applyViewed verifies that the judgement came first. It changes nothing: that
// somebody looked is no change that another must read.
func (s *State) applyViewed(v event.ImpactViewed) error {
	f, err := s.flag(v.Flag)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(f.Judgements, func(j event.FlagJudged) bool { return j.Judgement == v.Judgement && j.By == v.By }) {
		return fmt.Errorf("%w: %s saw the effect of flag %s before she had judged it", ErrGateViolation, v.By, f.Flag)
	}
	return nil
}
