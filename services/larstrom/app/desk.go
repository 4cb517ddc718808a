package app

import (
	"context"
	"io"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/learning"
	"larstrom/pipeline/queue"
	"larstrom/services/validator"
	"larstrom/services/validator/review"
)

// Desk is the app as people ask it over HTTP.
type Desk struct{ App *App }

// FlagsFor are the flags that the person may read.
func (d Desk) FlagsFor(ctx context.Context, who catalog.Person) ([]gate.Flag, error) {
	return d.App.FlagsFor(ctx, who)
}

// FlagFor is the flag of that id, if the person may read it.
func (d Desk) FlagFor(ctx context.Context, who catalog.Person, flag string) (gate.Flag, error) {
	return d.App.FlagFor(ctx, who, flag)
}

// Why says what was visible of a point at an instant, and why.
func (d Desk) Why(ctx context.Context, who catalog.Person, q validator.Question) ([]validator.Answer, error) {
	return d.App.Why(ctx, who, q)
}

// Order carries out a person's command.
func (d Desk) Order(ctx context.Context, who catalog.Person, o validator.Order) (review.Done, error) {
	done, err := d.App.Order(ctx, who, o)
	return review.Done(done), err
}

// DecideAll carries out commands about several flags.
func (d Desk) DecideAll(ctx context.Context, who catalog.Person, orders []validator.Order) ([]validator.Outcome, int, error) {
	out, err := d.App.DecideAll(ctx, who, orders)
	return out.Of, out.Publication, err
}

// Preview shows a person what her commands would change.
func (d Desk) Preview(ctx context.Context, who catalog.Person, orders []validator.Order) (validator.Preview, error) {
	return d.App.Preview(ctx, who, orders)
}

// DrawSample draws the cases of an introduction protocol.
func (d Desk) DrawSample(ctx context.Context, who catalog.Person, draw validator.Draw) (validator.Drawn, error) {
	return d.App.DrawSample(ctx, who, draw)
}

// SignProtocol introduces an indicator version.
func (d Desk) SignProtocol(ctx context.Context, who catalog.Person, p event.ProtocolSigned) (event.ProtocolSigned, review.Done, error) {
	signed, done, err := d.App.SignProtocol(ctx, who, p)
	return signed, review.Done(done), err
}

// RevokeProtocol sends an indicator version back to its pilot units.
func (d Desk) RevokeProtocol(ctx context.Context, who catalog.Person, p event.ProtocolRevoked) (review.Done, error) {
	done, err := d.App.RevokeProtocol(ctx, who, p)
	return review.Done(done), err
}

// QueueFor is what the person is to decide first.
func (d Desk) QueueFor(ctx context.Context, who catalog.Person) (queue.Queue, error) {
	return d.App.QueueFor(ctx, who)
}

// Affirm puts on record that the person stands by what is shown of a unit.
func (d Desk) Affirm(ctx context.Context, who catalog.Person, u event.UnitAffirmed) (event.UnitAffirmed, error) {
	return d.App.Affirm(ctx, who, u)
}

// See puts on record that the person was shown a flag whole.
func (d Desk) See(ctx context.Context, who catalog.Person, flag, client string) error {
	return d.App.See(ctx, who, flag, client)
}

// Audit writes the signed trail for the person.
func (d Desk) Audit(ctx context.Context, who catalog.Person, w io.Writer) error {
	return d.App.Audit(ctx, &who, w)
}

// LearnedFor is what decisions teach about the checks, for who reads the events
// of all parts.
func (d Desk) LearnedFor(ctx context.Context, who catalog.Person) ([]learning.Stat, error) {
	return d.App.LearnedFor(ctx, who)
}
