package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/services/aggregator"
	"larstrom/services/ingest"
	"larstrom/services/larstrom/control"
)

// deliveries counts deliveries in words.
func deliveries(n int) string {
	if n == 1 {
		return "1 delivery"
	}
	return fmt.Sprintf("%d deliveries", n)
}

// known gives what is not there the status of that.
func known(err error) error {
	if errors.Is(err, ingest.ErrUnknown) || errors.Is(err, aggregator.ErrNoCells) {
		return &control.Error{Status: http.StatusNotFound, Code: "unknown", Message: err.Error()}
	}
	return err
}

// Diff shows one delivery's changes.
func (d direct) Diff(ctx context.Context, delivery string, all bool) (control.Diff, error) {
	changes, err := d.app.Restatements(ctx, delivery)
	if err != nil {
		return control.Diff{}, known(err)
	}
	out := control.Diff{Delivery: delivery, Cells: []control.DiffCell{}}
	for _, c := range changes {
		out.Add(c.Change, c.Closed, all)
	}
	return out, nil
}

func (d direct) Retract(ctx context.Context, r control.RetractRequest) (event.DeliveryRetracted, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return event.DeliveryRetracted{}, err
	}
	done, err := d.app.Retract(ctx, who, r.Delivery, r.Note)
	return done, known(err)
}

func (d direct) SkipNumbers(ctx context.Context, r control.SkipRequest) (event.SequenceSkipped, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return event.SequenceSkipped{}, err
	}
	done, err := d.app.SkipNumbers(ctx, who, r.Feed, r.From, r.Through, r.Note)
	return done, known(err)
}

type diffCmd struct {
	Delivery string `arg:"" name:"DELIVERY" help:"The delivery's id, as its receipt has it."`
	dataFlag
	All bool `help:"Also cells of periods that were open: those change every night."`
	jsonFlag
}

func (d *diffCmd) Run(ctx context.Context, c *console) error {
	return with(ctx, c, d.Data, crashFlags{}, func(s *session) error {
		diff, err := s.Diff(ctx, d.Delivery, d.All)
		if err != nil {
			return err
		}
		if d.JSON {
			return writeJSON(c.out, "diff", diff)
		}
		x, err := s.Catalog(ctx)
		if err != nil {
			return err
		}
		return writeDiff(c.out, x.Index(), diff)
	})
}

func writeDiff(w io.Writer, x *catalog.Index, diff control.Diff) error {
	head := fmt.Sprintf("%s changed, %d of them in periods that had been closed", plural(diff.Changed, "cell"), diff.Restated)
	rows := []string{head}
	if len(diff.Cells) > 0 {
		rows = append(rows, "PERIOD\tUNIT\tINDICATOR\tSTRATUM\tBEFORE\tAFTER\t")
	}
	for _, c := range diff.Cells {
		open := ""
		if !c.Closed {
			open = "open"
		}
		var kind catalog.IndicatorType
		if i, ok := x.Indicator(c.Indicator); ok {
			kind = i.Type
		}
		rows = append(rows, strings.Join([]string{c.Granularity + " " + c.Period.String(), c.Unit, c.Indicator, or(c.Stratum, "-"),
			side(kind, c.Before), side(kind, c.After), open}, "\t"))
	}
	return writeTable(w, rows)
}

// side is what a cell held, in the numbers by which its indicator is known.
func side(kind catalog.IndicatorType, s *control.DiffSide) string {
	if s == nil {
		return "nothing"
	}
	var text string
	switch kind {
	case catalog.Proportion, catalog.Rate:
		text = fmt.Sprintf("%g of %g", s.Numerator, s.Denominator)
	case catalog.StandardisedRatio:
		text = fmt.Sprintf("%g of %g expected", s.Numerator, s.Expected)
	case catalog.Count:
		text = fmt.Sprintf("%g", s.Numerator)
	default:
		text = fmt.Sprintf("%s, sum %g", plural(int(s.Cases), "case"), s.Sum)
	}
	if s.Rejected > 0 {
		text += fmt.Sprintf(", %d rejected", s.Rejected)
	}
	return text
}

type retractCmd struct {
	Delivery string `arg:"" name:"DELIVERY" help:"The delivery's id, as its receipt has it."`
	dataFlag
	As   string `required:"" placeholder:"USER" help:"The id of the person who retracts: a source operator or a steward of the registry; the token must be hers."`
	Note string `required:"" placeholder:"TEXT" help:"Why, without personal data."`
	tokenFlag
	jsonFlag
	crashFlags
}

func (r *retractCmd) Run(ctx context.Context, c *console) error {
	token, err := r.token(c)
	if err != nil {
		return err
	}
	return with(ctx, c, r.Data, r.crashFlags, func(s *session) error {
		done, err := s.Retract(ctx, control.RetractRequest{As: r.As, Token: token, Delivery: r.Delivery, Note: r.Note})
		if err != nil {
			return err
		}
		if r.JSON {
			return writeJSON(c.out, "retraction", done)
		}
		_, err = fmt.Fprintf(c.out, "delivery %s was retracted by %s on %s: its rows count no more, and what they had replaced counts again.\nWhat changed: larstrom diff %s --data %s\n",
			done.Delivery, done.By, done.On, done.Retraction, quoted(r.Data))
		return err
	})
}

type sequenceCmd struct {
	List sequenceListCmd `cmd:"" help:"List feeds that count their deliveries and wait for one."`
	Skip sequenceSkipCmd `cmd:"" help:"Await missing deliveries of a feed no more; what they kept back is taken."`
}

type sequenceListCmd struct {
	dataFlag
	jsonFlag
}

func (l *sequenceListCmd) Run(ctx context.Context, c *console) error {
	return with(ctx, c, l.Data, crashFlags{}, func(s *session) error {
		st, err := s.Status(ctx)
		if err != nil {
			return err
		}
		if l.JSON {
			return writeJSON(c.out, "sequences", st.Sequences)
		}
		rows := []string{"FEED\tAWAITED\tIN DISPUTE\tKEPT BACK"}
		for _, q := range st.Sequences {
			rows = append(rows, strings.Join([]string{q.Feed, or(awaited(q), "-"), or(strings.Join(q.Disputed, ", "), "-"), strings.Join(q.Held, ", ")}, "\t"))
		}
		if len(st.Sequences) == 0 {
			rows = []string{"no feed waits for a delivery"}
		}
		return writeTable(c.out, rows)
	})
}

// awaited are missing numbers in words.
func awaited(q control.Sequence) string {
	var out []string
	for _, g := range q.Missing {
		if g[0] == g[1] {
			out = append(out, fmt.Sprint(g[0]))
		} else {
			out = append(out, fmt.Sprintf("%d to %d", g[0], g[1]))
		}
	}
	return strings.Join(out, ", ")
}

type sequenceSkipCmd struct {
	Feed string `arg:"" name:"FEED" help:"The feed's id."`
	dataFlag
	As      string `required:"" placeholder:"USER" help:"The id of the steward who decides; the token must be hers."`
	Note    string `required:"" placeholder:"TEXT" help:"Why, without personal data."`
	From    int64  `placeholder:"N" help:"First number that is not awaited (default: the first gap)."`
	Through int64  `placeholder:"N" help:"Last number that is not awaited (default: that of the gap)."`
	tokenFlag
	jsonFlag
	crashFlags
}

func (k *sequenceSkipCmd) Run(ctx context.Context, c *console) error {
	if (k.From == 0) != (k.Through == 0) {
		return &usageError{"--from and --through go together"}
	}
	token, err := k.token(c)
	if err != nil {
		return err
	}
	return with(ctx, c, k.Data, k.crashFlags, func(s *session) error {
		done, err := s.SkipNumbers(ctx, control.SkipRequest{As: k.As, Token: token, Feed: k.Feed, From: k.From, Through: k.Through, Note: k.Note})
		if err != nil {
			return err
		}
		if k.JSON {
			return writeJSON(c.out, "skip", done)
		}
		_, err = fmt.Fprintf(c.out, "feed %s: %d to %d are awaited no more, by %s on %s\n", done.Feed, done.From, done.Through, done.By, done.On)
		return err
	})
}
