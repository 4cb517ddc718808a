package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/pipeline/queue"
	"larstrom/services/larstrom/app"
	"larstrom/services/portal"
	"larstrom/services/validator"
	"larstrom/services/validator/review"
)

// newReview takes decisions over HTTP, from people with their token or a
// session of the portal.
func newReview(a *app.App, sessions *portal.Sessions, behindProxy bool, log *slog.Logger) (*review.Handler, error) {
	d := app.Desk{App: a}
	return review.New(review.Config{Catalog: a.Catalog, Reader: d, Decider: d, Introducer: d, Recorder: d, Auditor: d, Clock: time.Now, Sessions: sessions,
		BehindProxy: behindProxy, Logger: log.With("service", "validator", "part", "review")})
}

// desk takes the decisions that people take on the portal's pages.
type desk struct{ app *app.App }

func (d desk) person(id string) (catalog.Person, error) {
	p, ok := d.app.Catalog.Index().Person(id)
	if !ok {
		return catalog.Person{}, fmt.Errorf("%w: the catalog has no such person any more", gate.ErrForbidden)
	}
	return *p, nil
}

// Affirm puts on record that the person stands by what is shown of a unit.
func (d desk) Affirm(ctx context.Context, person, unit string, through catalog.Date) error {
	who, err := d.person(person)
	if err != nil {
		return err
	}
	_, err = d.app.Affirm(ctx, who, event.UnitAffirmed{Unit: unit, Through: through, Client: clientNamed("portal")})
	return err
}

// See puts on record that the person was shown a flag. On this machine everybody
// reads, also what her roles do not reach: that is not read as her.
func (d desk) See(ctx context.Context, person, flag string) error {
	who, err := d.person(person)
	if err != nil {
		return err
	}
	if err := d.app.See(ctx, who, flag, clientNamed("portal")); !errors.Is(err, gate.ErrForbidden) {
		return err
	}
	return nil
}

// orderOf is the order in the validator's words.
func orderOf(o portal.Order) validator.Order {
	out := validator.Order{Command: o.Command}
	out.Client = clientNamed("portal")
	if o.Numerator != nil || o.Denominator != nil || o.Expected != nil {
		out.Revisions = []validator.Revision{{Numerator: o.Numerator, Denominator: o.Denominator, Expected: o.Expected}}
	}
	return out
}

func (d desk) Decide(ctx context.Context, person string, o portal.Order) (proposed bool, err error) {
	who, err := d.person(person)
	if err != nil {
		return false, err
	}
	if _, err := d.app.FlagFor(ctx, who, o.Flag); err != nil {
		return false, err
	}
	done, err := d.app.Order(ctx, who, orderOf(o))
	return slices.ContainsFunc(done.Events, func(e event.Event) bool { return e.Type == event.TypeDecisionProposed }), err
}

func (d desk) Preview(ctx context.Context, person string, o portal.Order) (impact.Impact, error) {
	who, err := d.person(person)
	if err != nil {
		return impact.Impact{}, err
	}
	f, err := d.app.FlagFor(ctx, who, o.Flag)
	if err != nil {
		return impact.Impact{}, err
	}
	seen, err := d.app.Preview(ctx, who, []validator.Order{orderOf(o)})
	if err != nil {
		return impact.Impact{}, err
	}
	if why := seen.Refused[o.Flag]; why != "" {
		return impact.Impact{}, fmt.Errorf("%w: %s", gate.ErrInvalid, why)
	}
	return seen.Indicators[f.Indicator], nil
}

// DecideAll takes several decisions of one person; those about flags that she
// may not read are refused as such.
func (d desk) DecideAll(ctx context.Context, person string, orders []portal.Order) ([]portal.Result, error) {
	who, err := d.person(person)
	if err != nil {
		return nil, err
	}
	readable, err := d.readable(ctx, who)
	if err != nil {
		return nil, err
	}
	out := make([]portal.Result, len(orders))
	var all []validator.Order
	var places []int
	for i, o := range orders {
		out[i].Flag = o.Flag
		if !readable[o.Flag] {
			out[i].Err = fmt.Errorf("%w: there is no such flag that you may read", gate.ErrForbidden)
			continue
		}
		all, places = append(all, orderOf(o)), append(places, i)
	}
	if len(all) == 0 {
		return out, nil
	}
	done, err := d.app.DecideAll(ctx, who, all)
	if err != nil {
		return nil, err
	}
	for n, o := range done.Of {
		r := &out[places[n]]
		r.Err = o.Err
		r.Proposed = slices.ContainsFunc(o.Events, func(e event.Event) bool { return e.Type == event.TypeDecisionProposed })
	}
	return out, nil
}

// QueueFor is what a person is asked to decide first.
func (d desk) QueueFor(ctx context.Context, person string) (queue.Queue, error) {
	who, err := d.person(person)
	if err != nil {
		return queue.Queue{}, err
	}
	return d.app.QueueFor(ctx, who)
}

// readable are the ids of the flags that the person may read.
func (d desk) readable(ctx context.Context, who catalog.Person) (map[string]bool, error) {
	all, err := d.app.FlagsFor(ctx, who)
	out := make(map[string]bool, len(all))
	for _, f := range all {
		out[f.Flag] = true
	}
	return out, err
}

// PreviewAll shows a person what her decisions together would change.
func (d desk) PreviewAll(ctx context.Context, person string, orders []portal.Order) (map[string]impact.Impact, map[string]string, error) {
	who, err := d.person(person)
	if err != nil {
		return nil, nil, err
	}
	readable, err := d.readable(ctx, who)
	if err != nil {
		return nil, nil, err
	}
	var all []validator.Order
	for _, o := range orders {
		if !readable[o.Flag] {
			return nil, nil, fmt.Errorf("%w: there is no such flag that you may read", gate.ErrForbidden)
		}
		all = append(all, orderOf(o))
	}
	seen, err := d.app.Preview(ctx, who, all)
	return seen.Indicators, seen.Refused, err
}
