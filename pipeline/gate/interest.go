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
// what is shown of them. Whatever else she is, somebody else must confirm. What
// she has accepted before is not in it; see State.Interest.
func Interested(a Actor, effects []Effect) []string {
	var out []string
	for _, e := range effects {
		if math.Abs(e.Points) <= MostPoints {
			continue
		}
		if a.answersFor(e.Unit) {
			out = append(out, e.Unit)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// InterestDays is how long what a person has accepted alone about her own units
// is added to what she accepts next: as long as an acceptance is remembered.
const InterestDays = MemoryDays

// Interest are the units of effects in which the person has an interest on the
// day on: what she has accepted alone about this indicator in the last
// InterestDays days and has not taken back counts with them, so that many small
// decisions are not less than a large one. Decisions of one batch moved
// together and count once; those of the named batch are in effects.
func (s *State) Interest(who Actor, effects []Effect, on catalog.Date, batch string) []string {
	moved := map[string]float64{}
	counted := map[string]bool{batch: true}
	for _, id := range s.order {
		for _, d := range s.flags[id].Decisions {
			if d.By != who.ID || len(d.Moves) == 0 || d.On.AddDays(InterestDays).Before(on) || d.Batch != "" && counted[d.Batch] || s.decisions[d.Decision].over {
				continue
			}
			counted[d.Batch] = true
			for _, m := range d.Moves {
				moved[m.Unit] += math.Abs(m.Points)
			}
		}
	}
	summed := make([]Effect, len(effects))
	for i, e := range effects {
		if e.Points != 0 {
			e.Points = math.Abs(e.Points) + moved[e.Unit]
		}
		summed[i] = e
	}
	return Interested(who, summed)
}

// moves are the effects on the units that the person answers for, by unit.
func moves(who Actor, effects []Effect) []event.Move {
	var out []event.Move
	for _, e := range effects {
		if e.Points != 0 && who.answersFor(e.Unit) {
			out = append(out, event.Move{Unit: e.Unit, Points: e.Points})
		}
	}
	slices.SortFunc(out, func(a, b event.Move) int { return strings.Compare(a.Unit, b.Unit) })
	return out
}

// answersFor reports whether the unit is the person's as a super-user.
func (a Actor) answersFor(unit string) bool {
	return slices.ContainsFunc(a.Roles, func(r catalog.Role) bool { return r.Role == SuperUser && a.within(r, []string{unit}) })
}

// interest says whether an acceptance by who must be confirmed by a steward.
// Where nobody has computed what it moves, a person who answers for one of the
// units as a super-user has an interest.
func (s *State) interest(f *Flag, who Actor, cmd Command, on catalog.Date) bool {
	if cmd.Batch != "" && s.proposed(who.ID, cmd.Batch) {
		return true // a batch that is given again after it broke off is still one
	}
	if cmd.Effects != nil {
		return len(s.Interest(who, cmd.Effects, on, cmd.Batch)) > 0
	}
	return slices.ContainsFunc(s.units(f), who.answersFor)
}

// proposed reports whether an acceptance of the batch awaits a second person.
func (s *State) proposed(by, batch string) bool {
	for _, f := range s.flags {
		if slices.ContainsFunc(f.Proposals, func(p event.DecisionProposed) bool { return p.Kind == event.Accept && p.By == by && p.Batch == batch }) {
			return true
		}
	}
	return false
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
