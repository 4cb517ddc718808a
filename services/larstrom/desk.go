package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/services/larstrom/app"
	"larstrom/services/portal"
	"larstrom/services/validator"
	"larstrom/services/validator/review"
)

// newReview takes decisions over HTTP, from people with their token or a
// session of the portal.
func newReview(a *app.App, sessions *portal.Sessions, behindProxy bool, log *slog.Logger) (*review.Handler, error) {
	d := app.Desk{App: a}
	return review.New(review.Config{Catalog: a.Catalog, Reader: d, Decider: d, Introducer: d, Clock: time.Now, Sessions: sessions,
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

// orderOf is the order in the validator's words.
func orderOf(o portal.Order) validator.Order {
	out := validator.Order{Command: o.Command}
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
