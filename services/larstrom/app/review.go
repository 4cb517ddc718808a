package app

import (
	"context"
	"fmt"
	"slices"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/queue"
	"larstrom/services/validator"
)

// Order carries out a person's command, with the new content of a correction,
// and returns when the released store shows what follows from it.
func (a *App) Order(ctx context.Context, who catalog.Person, o validator.Order) (Decision, error) {
	actor, on := a.actor(who)
	d, err := a.validator.Decide(ctx, actor, o, on)
	if err != nil {
		return Decision{}, err
	}
	publication, err := a.visible(ctx, d.Seq)
	return Decision{Events: d.Events, Publication: publication}, err
}

// Outcomes are what became of commands that were given at once.
type Outcomes struct {
	Of []validator.Outcome
	// Publication is the first that shows them; 0: nothing was decided, or
	// there is none yet.
	Publication int
}

// DecideAll carries out commands about several flags.
func (a *App) DecideAll(ctx context.Context, who catalog.Person, orders []validator.Order) (Outcomes, error) {
	actor, on := a.actor(who)
	all, err := a.validator.DecideAll(ctx, actor, orders, on)
	if err != nil {
		return Outcomes{}, err
	}
	var seq uint64
	for _, o := range all {
		if o.Err == nil {
			seq = max(seq, o.Seq)
		}
	}
	out := Outcomes{Of: all}
	if slices.ContainsFunc(all, func(o validator.Outcome) bool { return len(o.Events) > 0 }) {
		out.Publication, err = a.visible(ctx, seq)
	}
	return out, err
}

// Preview shows a person what her commands would change, once she has judged.
func (a *App) Preview(ctx context.Context, who catalog.Person, orders []validator.Order) (validator.Preview, error) {
	actor, on := a.actor(who)
	return a.validator.Preview(ctx, actor, orders, on)
}

// Why says what was visible of a point at an instant, and why.
func (a *App) Why(ctx context.Context, who catalog.Person, q validator.Question) ([]validator.Answer, error) {
	actor, _ := a.actor(who)
	return a.validator.Why(ctx, actor, q)
}

// FlagsFor are the flags that the person may read.
func (a *App) FlagsFor(ctx context.Context, who catalog.Person) ([]gate.Flag, error) {
	actor, _ := a.actor(who)
	return a.validator.FlagsFor(ctx, actor)
}

// FlagFor is the flag of that id, if the person may read it.
func (a *App) FlagFor(ctx context.Context, who catalog.Person, id string) (gate.Flag, error) {
	actor, _ := a.actor(who)
	return a.validator.FlagFor(ctx, actor, id)
}

// actor is the person in today's organisation.
func (a *App) actor(who catalog.Person) (gate.Actor, catalog.Date) {
	on := catalog.DateOf(a.cfg.Clock())
	return gate.NewActor(who, a.Catalog.Units, on), on
}

// visible waits for the publication that shows the LEDGER up to seq.
func (a *App) visible(ctx context.Context, seq uint64) (publication int, err error) {
	if err := a.await(ctx, seq); err != nil {
		return 0, fmt.Errorf("the decision is taken but not shown yet: %w", err)
	}
	publication, _, _, err = a.published(ctx)
	return publication, err
}

// DrawSample draws the cases of an introduction protocol.
func (a *App) DrawSample(ctx context.Context, who catalog.Person, d validator.Draw) (validator.Drawn, error) {
	actor, on := a.actor(who)
	return a.validator.DrawSample(ctx, actor, d, on)
}

// SignProtocol introduces an indicator version, and returns when the released
// store shows it.
func (a *App) SignProtocol(ctx context.Context, who catalog.Person, p event.ProtocolSigned) (event.ProtocolSigned, Decision, error) {
	actor, on := a.actor(who)
	p, d, err := a.validator.SignProtocol(ctx, actor, p, on)
	if err != nil {
		return p, Decision{}, err
	}
	publication, err := a.visible(ctx, d.Seq)
	return p, Decision{Events: d.Events, Publication: publication}, err
}

// RevokeProtocol sends an indicator version back to its pilot units, and
// returns when the released store shows it no more.
func (a *App) RevokeProtocol(ctx context.Context, who catalog.Person, p event.ProtocolRevoked) (Decision, error) {
	actor, on := a.actor(who)
	d, err := a.validator.RevokeProtocol(ctx, actor, p, on)
	if err != nil {
		return Decision{}, err
	}
	publication, err := a.visible(ctx, d.Seq)
	return Decision{Events: d.Events, Publication: publication}, err
}

// QueueFor is what the person is to decide first, and what is folded away.
func (a *App) QueueFor(ctx context.Context, who catalog.Person) (queue.Queue, error) {
	actor, on := a.actor(who)
	return a.validator.QueueFor(ctx, actor, on)
}

// See puts on record that the person was shown a flag whole.
func (a *App) See(ctx context.Context, who catalog.Person, flag, client string) error {
	actor, on := a.actor(who)
	return a.validator.See(ctx, actor, flag, client, on)
}

// SeenBy is who was shown the flag.
func (a *App) SeenBy(ctx context.Context, who catalog.Person, flag string) ([]event.FlagSeen, error) {
	actor, _ := a.actor(who)
	return a.validator.SeenBy(ctx, actor, flag)
}

// Affirm puts on record that the person stands by what is shown of a unit up to
// the last day of a quarter, and returns when the released store says so.
func (a *App) Affirm(ctx context.Context, who catalog.Person, u event.UnitAffirmed) (event.UnitAffirmed, error) {
	actor, on := a.actor(who)
	said, seq, err := a.validator.Affirm(ctx, actor, u, on)
	if err != nil || seq == 0 {
		return said, err
	}
	if publication, _, _, err := a.published(ctx); err != nil || publication == 0 {
		return said, err // nothing is shown yet; the first publication will say it
	}
	if err := a.await(ctx, seq); err != nil {
		return said, fmt.Errorf("it is on record but not shown yet: %w", err)
	}
	return said, nil
}
