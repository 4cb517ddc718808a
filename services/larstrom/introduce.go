package main

import (
	"context"
	"fmt"
	"io"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/introduction"
	"larstrom/services/larstrom/control"
	"larstrom/services/validator"
)

type protocolCmd struct {
	Size   protocolSizeCmd   `cmd:"" help:"How many cases to check."`
	Draw   protocolDrawCmd   `cmd:"" help:"Draw the cases of an introduction protocol, from inside and from outside the numerator."`
	Sign   protocolSignCmd   `cmd:"" help:"Sign the protocol: all units see the indicator version from the next publication on."`
	Revoke protocolRevokeCmd `cmd:"" help:"Send an indicator version back to its pilot units."`
}

type protocolSizeCmd struct {
	AtLeast  float64 `default:"0.9" placeholder:"SHARE" help:"The agreement to show if every case agrees (default: ${default})."`
	Expected float64 `default:"0.95" placeholder:"SHARE" help:"The agreement that is expected (default: ${default})."`
	Within   float64 `default:"0.05" placeholder:"SHARE" help:"How exactly it is to be known, plus or minus (default: ${default})."`
}

func (p *protocolSizeCmd) Run(_ context.Context, c *console) error {
	show, err := introduction.SizeToShow(p.AtLeast)
	if err != nil {
		return &usageError{"--at-least: " + err.Error()}
	}
	estimate, err := introduction.SizeToEstimate(p.Expected, p.Within)
	if err != nil {
		return &usageError{"--expected, --within: " + err.Error()}
	}
	low, _ := introduction.Interval(10, 10)
	_, err = fmt.Fprintf(c.out, "%d cases on each side, all of which agree, show an agreement of at least %.0f %% (95 %%, Wilson)\n"+
		"%d cases on each side tell an agreement of %.0f %% within plus or minus %.0f points\n"+
		"fewer are a smoke check: ten of ten still has a lower bound of %.0f %%\n", show, 100*p.AtLeast, estimate, 100*p.Expected, 100*p.Within, 100*low)
	return err
}

// versionFlag names an indicator version.
type versionFlag struct {
	Indicator string `required:"" placeholder:"ID" help:"The indicator."`
	Version   string `name:"indicator-version" default:"1" placeholder:"ID" help:"The version of its definition (default: ${default})."`
}

type protocolDrawCmd struct {
	dataFlag
	asFlag
	versionFlag
	Seed    string `required:"" placeholder:"TEXT" help:"The seed: the same seed and data give the same cases."`
	Inside  int    `default:"10" placeholder:"N" help:"Cases from the numerator (default: ${default})."`
	Outside int    `default:"10" placeholder:"N" help:"Cases from outside it (default: ${default})."`
	From    string `placeholder:"DATE" help:"Only cases from this day on."`
	To      string `placeholder:"DATE" help:"Only cases before this day."`
	jsonFlag
}

func (d *protocolDrawCmd) Run(ctx context.Context, c *console) error {
	id, err := d.identity(c)
	if err != nil {
		return err
	}
	r := control.DrawRequest{Identity: id, Draw: validator.Draw{Indicator: d.Indicator, Version: d.Version, Seed: d.Seed, Inside: d.Inside, Outside: d.Outside}}
	for _, day := range []struct {
		name, text string
		to         *catalog.Date
	}{{"--from", d.From, &r.From}, {"--to", d.To, &r.To}} {
		if day.text == "" {
			continue
		}
		if *day.to, err = catalog.ParseDate(day.text); err != nil {
			return &usageError{day.name + ": " + err.Error()}
		}
	}
	return with(ctx, c, d.Data, crashFlags{}, func(s *session) error {
		drawn, err := s.Draw(ctx, r)
		if err != nil {
			return err
		}
		if d.JSON {
			return writeJSON(c.out, "sample", drawn)
		}
		return writeSample(c.out, drawn)
	})
}

func writeSample(w io.Writer, d validator.Drawn) error {
	rows := []string{"protocol\t" + d.Protocol, fmt.Sprintf("level\t%s, if every case agrees", d.Level), "CASE\tDELIVERY\tLINE\tUNIT\tSTRATUM\tNUMERATOR"}
	for i, k := range d.Cases {
		side := "outside"
		if k.Inside {
			side = "inside"
		}
		rows = append(rows, fmt.Sprintf("%d\t%s\t%d\t%s\t%s\t%s", i+1, k.Delivery, k.Line, k.Unit, or(k.Stratum, "-"), side))
	}
	return writeTable(w, rows)
}

type protocolSignCmd struct {
	Protocol string `arg:"" help:"The protocol that was drawn."`
	dataFlag
	asFlag
	versionFlag
	Specification  string `required:"" placeholder:"TEXT" help:"The specification that was read."`
	Comparison     string `required:"" placeholder:"TEXT" help:"The cross-system comparison, and what it said."`
	Checker        string `required:"" placeholder:"USER" help:"Who checked the cases against the record."`
	InsideChecked  int    `required:"" placeholder:"N" help:"Checked cases from the numerator."`
	InsideAgreed   int    `required:"" placeholder:"N" help:"Those on which the record agrees."`
	OutsideChecked int    `required:"" placeholder:"N" help:"Checked cases from outside the numerator."`
	OutsideAgreed  int    `required:"" placeholder:"N" help:"Those on which the record agrees."`
	Note           string `placeholder:"TEXT" help:"Free text without personal data."`
	jsonFlag
}

func (p *protocolSignCmd) Run(ctx context.Context, c *console) error {
	id, err := p.identity(c)
	if err != nil {
		return err
	}
	r := control.SignRequest{Identity: id, Protocol: event.ProtocolSigned{Protocol: p.Protocol, Indicator: p.Indicator, Version: p.Version,
		Specification: p.Specification, Comparison: p.Comparison, InsideChecked: p.InsideChecked, InsideAgreed: p.InsideAgreed,
		OutsideChecked: p.OutsideChecked, OutsideAgreed: p.OutsideAgreed, Checker: p.Checker, Note: p.Note}}
	return with(ctx, c, p.Data, crashFlags{}, func(s *session) error {
		signed, err := s.Sign(ctx, r)
		if err != nil {
			return err
		}
		if p.JSON {
			return writeJSON(c.out, "protocol", signed)
		}
		e := signed.Protocol
		what := "sample"
		if e.Level == introduction.IsSmokeCheck {
			what = "smoke check"
		}
		_, err = fmt.Fprintf(c.out, "%s version %s is introduced: %s, %d of %d cases agree (95 %% interval %.1f to %.1f %%), visible in publication %d\n",
			e.Indicator, e.Version, what, e.InsideAgreed+e.OutsideAgreed, e.InsideChecked+e.OutsideChecked, 100*e.Low, 100*e.High, signed.Publication)
		return err
	})
}

type protocolRevokeCmd struct {
	dataFlag
	asFlag
	versionFlag
	Note string `required:"" placeholder:"TEXT" help:"Why, without personal data."`
	jsonFlag
}

func (p *protocolRevokeCmd) Run(ctx context.Context, c *console) error {
	id, err := p.identity(c)
	if err != nil {
		return err
	}
	return with(ctx, c, p.Data, crashFlags{}, func(s *session) error {
		done, err := s.Revoke(ctx, control.RevokeRequest{Identity: id, Indicator: p.Indicator, Version: p.Version, Note: p.Note})
		if err != nil {
			return err
		}
		if p.JSON {
			return writeJSON(c.out, "decision", done)
		}
		_, err = fmt.Fprintf(c.out, "%s version %s is visible to its pilot units only, from publication %d\n", p.Indicator, p.Version, done.Publication)
		return err
	})
}

func (d direct) Draw(ctx context.Context, r control.DrawRequest) (validator.Drawn, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return validator.Drawn{}, err
	}
	return d.app.DrawSample(ctx, who, r.Draw)
}

func (d direct) Sign(ctx context.Context, r control.SignRequest) (control.Signed, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return control.Signed{}, err
	}
	p, done, err := d.app.SignProtocol(ctx, who, r.Protocol)
	return control.Signed{Protocol: p, Publication: done.Publication}, err
}

func (d direct) Revoke(ctx context.Context, r control.RevokeRequest) (control.Decision, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return control.Decision{}, err
	}
	done, err := d.app.RevokeProtocol(ctx, who, event.ProtocolRevoked{Indicator: r.Indicator, Version: r.Version, Note: r.Note})
	return control.DecisionOf(done.Events, done.Publication), err
}
