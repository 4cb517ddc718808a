package portal

import (
	"context"
	"net/http"
	"net/url"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/run"
)

// Affirming takes a person's word that she has looked at what is shown of a unit
// up to the last day of a quarter, and stands by it. Errors are those of package
// gate.
type Affirming interface {
	Affirm(ctx context.Context, person, unit string, through catalog.Date) error
}

// affirmation is who stands by what is shown of a unit, and the form to do so.
type affirmation struct {
	*speech
	Unit string
	// Said is up to when, by whom and on which day; empty: nobody has.
	Said string
	// Due is the last day of the newest quarter that the publication tells whole; zero:
	// the reader cannot affirm it, or it is affirmed.
	Due             catalog.Date
	DueSaid         string
	Problem, Detail string
}

// affirmationOf is that of the unit as the LEDGER tells it now.
func (p *Portal) affirmationOf(r *http.Request, unit string, pub *publication) (affirmation, error) {
	a := affirmation{speech: p.speak(), Unit: unit}
	var said event.UnitAffirmed
	if err := p.ledger(r.Context(), func(s *run.State) error {
		said, _ = s.Affirmed(unit)
		return nil
	}); err != nil {
		return a, err
	}
	if !said.Through.IsZero() {
		a.Said = p.words.t("affirm.through", p.words.date(said.Through), said.By, p.words.date(said.On))
	}
	due := catalog.Quarter.PeriodStart(day(pub.AsOf)).AddDays(-1)
	if _, known := p.person(r); known && p.cfg.Pages.Affirming != nil && said.Through.Before(due) {
		a.Due, a.DueSaid = due, p.words.date(due)
	}
	return a, nil
}

// unaffirmed marks in the lines of a chart the values that nobody stands by yet, as
// of the publication's day.
func (p *Portal) unaffirmed(ctx context.Context, unit string, lines []pointLine, on catalog.Date) error {
	return p.ledger(ctx, func(s *run.State) error {
		for i := range lines {
			lines[i].Unaffirmed = lines[i].State == "value" && s.Preliminary(unit, day(lines[i].End), on)
		}
		return nil
	})
}

// affirmForm takes an affirmation, and shows the unit's page.
func (p *Portal) affirmForm(w http.ResponseWriter, r *http.Request) {
	unit := r.PathValue("unit")
	person, ok := p.person(r)
	through, err := catalog.ParseDate(r.PostForm.Get("through"))
	var o panelOutcome
	switch {
	case !ok:
		o = panelOutcome{Status: http.StatusUnauthorized, Problem: "nobody"}
	case err != nil:
		o = panelOutcome{Status: http.StatusUnprocessableEntity, Problem: "invalid", Detail: "through"}
	default:
		ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), requestTime)
		defer stop()
		if err := p.cfg.Pages.Affirming.Affirm(ctx, person, unit, through); err != nil {
			o = p.refused("", err)
			break
		}
		http.Redirect(w, r, "/units/"+url.PathEscape(unit), http.StatusSeeOther)
		return
	}
	p.show("unit", func(r *http.Request) (*view, error) {
		v, err := p.unit(r)
		if err != nil {
			return v, err
		}
		if b, ok := v.Body.(*unitBody); ok {
			b.Affirmation.Problem, b.Affirmation.Detail = o.Problem, o.Detail
			v.Status = o.Status
		}
		return v, nil
	})(w, r)
}
