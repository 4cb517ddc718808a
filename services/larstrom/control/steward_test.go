package control_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/services/larstrom/control"
	"larstrom/services/validator"
)

func (d *desk) DecideAll(_ context.Context, r control.OrdersRequest) (control.Outcomes, error) {
	var all []validator.Outcome
	for i, o := range r.Commands() {
		out := validator.Outcome{Flag: o.Flag}
		if i == 1 {
			out.Err = fmt.Errorf("%w: %s by %s with %s", gate.ErrForbidden, o.Kind, r.As, r.Token)
		} else {
			out.Events = []event.Event{{Type: event.TypeDecisionMade, Sequence: 5}}
		}
		all = append(all, out)
	}
	return control.OutcomesOf(all, 3), d.err
}

func (d *desk) Preview(_ context.Context, r control.OrdersRequest) (validator.Preview, error) {
	points := 6.5
	return validator.Preview{Flags: len(r.Orders), Interest: []string{r.As}, Indicators: map[string]impact.Impact{
		"i1": {Moves: []impact.Move{{Unit: "u", Points: &points}, {Unit: "v"}}}}}, d.err
}

func (d *desk) Why(_ context.Context, r control.WhyRequest) ([]validator.Answer, error) {
	q := r.Question()
	return []validator.Answer{{Indicator: q.Indicator, Unit: q.Unit, Version: q.Version, Stratum: *q.Stratum, Period: q.Period, PublishedAt: q.At}}, d.err
}

func (d *desk) FlagsFor(_ context.Context, id control.Identity) ([]control.Flag, error) {
	return []control.Flag{{Status: id.As + " with " + id.Token}}, d.err
}

func (d *desk) FlagFor(_ context.Context, id control.Identity, flag string) (control.Flag, error) {
	return control.Flag{Status: id.As, Reason: flag}, d.err
}

func (d *desk) Draw(_ context.Context, r control.DrawRequest) (validator.Drawn, error) {
	return validator.Drawn{ProtocolDrawn: event.ProtocolDrawn{Protocol: "P", Indicator: r.Indicator, Version: r.Version, Seed: r.Seed, By: r.As, Inside: r.Inside}}, d.err
}

func (d *desk) Sign(_ context.Context, r control.SignRequest) (control.Signed, error) {
	return control.Signed{Protocol: r.Protocol, Publication: 4}, d.err
}

func (d *desk) Revoke(_ context.Context, r control.RevokeRequest) (control.Decision, error) {
	return control.DecisionOf([]event.Event{{Type: event.TypeProtocolRevoked, Sequence: uint64(len(r.Indicator + r.Version + r.Note))}}, 5), d.err
}

func TestTheStewardsQuestionsOverTheAPI(t *testing.T) {
	d := &desk{}
	dir, _ := serve(t, d)
	c, ctx := client(t, dir), t.Context()
	same := func(what string, want, got any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	n, stratum := 4.5, "f"
	r := control.OrdersRequest{Identity: control.Identity{As: "p", Token: "t"}, Orders: []control.DecisionRequest{
		{Flag: "f1", Kind: event.Correct, Cause: "export_error", Evidence: "e", Revisions: []validator.Revision{{Unit: "u", Numerator: &n}}},
		{Flag: "f2", Kind: event.Accept}}}
	if got := r.Commands(); len(got) != 2 || got[0].Evidence != "e" || len(got[0].Revisions) != 1 || got[1].Flag != "f2" {
		t.Errorf("commands %+v", got)
	}
	done, err := c.DecideAll(ctx, r)
	same("decisions", control.Outcomes{Publication: 3, Of: []control.Outcome{
		{Flag: "f1", Events: []control.DecisionEvent{{Type: event.TypeDecisionMade, Sequence: 5}}},
		{Flag: "f2", Events: []control.DecisionEvent{}, Error: &control.Error{Code: "forbidden", Message: "gate: not allowed: accept by p with t"}}}}, done, err)
	want, _ := d.Preview(ctx, r)
	seen, err := c.Preview(ctx, r)
	same("preview", want, seen, err)
	why := control.WhyRequest{Identity: control.Identity{As: "p"}, Indicator: "i1", Unit: "u", Version: "2", Stratum: &stratum,
		Period: catalog.NewDate(2026, 1, 1), At: time.Unix(1700000000, 0).UTC()}
	wanted, _ := d.Why(ctx, why)
	answers, err := c.Why(ctx, why)
	same("why", wanted, answers, err)
	mine, err := c.FlagsFor(ctx, control.Identity{As: "p", Token: "t"})
	same("her flags", []control.Flag{{Status: "p with t"}}, mine, err)
	one, err := c.FlagFor(ctx, control.Identity{As: "p"}, "no/such flag")
	same("her flag", control.Flag{Status: "p", Reason: "no/such flag"}, one, err)
	draw := control.DrawRequest{Identity: control.Identity{As: "p", Token: "t"}, Draw: validator.Draw{Indicator: "i1", Version: "2", Seed: "7", Inside: 5}}
	wantDrawn, _ := d.Draw(ctx, draw)
	drawn, err := c.Draw(ctx, draw)
	same("sample", wantDrawn, drawn, err)
	sign := control.SignRequest{Protocol: event.ProtocolSigned{Protocol: "P", Low: 0.5}}
	wantSigned, _ := d.Sign(ctx, sign)
	signed, err := c.Sign(ctx, sign)
	same("signature", wantSigned, signed, err)
	revoke := control.RevokeRequest{Indicator: "i1", Version: "2", Note: "n"}
	wantRevoked, _ := d.Revoke(ctx, revoke)
	revoked, err := c.Revoke(ctx, revoke)
	same("revocation", wantRevoked, revoked, err)
	for _, e := range []struct {
		err  error
		code string
	}{{gate.ErrJudgeFirst, "judge_first"}, {gate.ErrTooLate, "too_late"}, {gate.ErrIntroduction, "introduction"}} {
		d.err = e.err
		_, err := c.Preview(ctx, r)
		if told, ok := errors.AsType[*control.Error](err); !ok || told.Code != e.code {
			t.Errorf("%v came as %v", e.err, err)
		}
	}
}
