package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/impact"
	"larstrom/services/larstrom/control"
	"larstrom/services/validator"
)

// asFlag is the person as whom a command acts. The token comes from tokenFlag.
type asFlag struct {
	As string `required:"" placeholder:"USER" help:"The id of the person who asks; the token must be hers."`
	tokenFlag
}

func (a asFlag) identity(c *console) (control.Identity, error) {
	token, err := a.token(c)
	return control.Identity{As: a.As, Token: token}, err
}

// scopeFlag lets a command show what one person may read.
type scopeFlag struct {
	As string `placeholder:"USER" help:"Show what this person may read; the token must be hers."`
	tokenFlag
}

// flags are those that the person may read, or all where none is named: who
// can read the data folder can read all of it.
func (f scopeFlag) flags(ctx context.Context, c *console, s *session) ([]control.Flag, error) {
	if f.As == "" {
		return s.Flags(ctx)
	}
	id, err := asFlag(f).identity(c)
	if err != nil {
		return nil, err
	}
	return s.FlagsFor(ctx, id)
}

func (f scopeFlag) flag(ctx context.Context, c *console, s *session, id string) (control.Flag, error) {
	if f.As == "" {
		return s.Flag(ctx, id)
	}
	who, err := asFlag(f).identity(c)
	if err != nil {
		return control.Flag{}, err
	}
	return s.FlagFor(ctx, who, id)
}

// wordsFlag are the words of a decision.
type wordsFlag struct {
	Cause    string `placeholder:"CAUSE" help:"Needed to accept, reject, correct, waive and judge: export_error, coding_practice, true_change, organisational_change, definition_change, population_change, duplicate_or_late, false_alarm or unknown."`
	Note     string `placeholder:"TEXT" help:"Free text without personal data; needed to comment, answer, waive and refuse."`
	Evidence string `placeholder:"TEXT" help:"What it rests on, without personal data; needed to correct and to judge."`
	Until    string `placeholder:"DATE" help:"Last day of a snooze, an acceptance or a waiver, as 2006-01-02."`
}

// contentFlag is the new content of a correction.
type contentFlag struct {
	Numerator   *float64 `placeholder:"N" help:"Correct: the right numerator."`
	Denominator *float64 `placeholder:"N" help:"Correct: the right denominator."`
	Expected    *float64 `placeholder:"N" help:"Correct: the right number of expected events."`
	Revisions   string   `placeholder:"FILE" help:"Correct several cells, or sums and counts of values: a JSON array of objects with unit, period, stratum, indicator_version, rows, numerator, denominator, expected, value_count, values, value_squares, histogram, missing."`
}

func (f contentFlag) revisions() ([]validator.Revision, error) {
	var out []validator.Revision
	if f.Revisions != "" {
		if f.Numerator != nil || f.Denominator != nil || f.Expected != nil {
			return nil, &usageError{"--revisions says all; leave out --numerator, --denominator and --expected"}
		}
		b, err := os.ReadFile(f.Revisions)
		if err != nil {
			return nil, fmt.Errorf("revisions: %w", err)
		}
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&out); err != nil {
			return nil, fmt.Errorf("revisions: %s: %w", f.Revisions, err)
		}
		return out, nil
	}
	if f.Numerator != nil || f.Denominator != nil || f.Expected != nil {
		out = []validator.Revision{{Numerator: f.Numerator, Denominator: f.Denominator, Expected: f.Expected}}
	}
	return out, nil
}

// orderFlag is a decision without its flag.
type orderFlag struct {
	wordsFlag
	contentFlag
	Low  *float64 `placeholder:"X" help:"Narrow the band that an acceptance covers."`
	High *float64 `placeholder:"X" help:"Narrow the band that an acceptance covers."`
}

func (o orderFlag) request(kind string) (r control.DecisionRequest, err error) {
	r = control.DecisionRequest{Client: client(), Kind: kind, Cause: o.Cause, Note: o.Note, Evidence: o.Evidence, Low: o.Low, High: o.High}
	if o.Until != "" {
		if r.Until, err = catalog.ParseDate(o.Until); err != nil {
			return r, &usageError{"--until: " + err.Error()}
		}
	}
	r.Revisions, err = o.revisions()
	return r, err
}

// chosen are the flags that a command is about: named ones, or all open ones of
// an incident, a check, an indicator or a unit.
type chosen struct {
	Flags     []string `arg:"" optional:"" name:"FLAG" help:"The flags' ids."`
	Incident  string   `placeholder:"ID" help:"All open flags of this incident."`
	Check     string   `placeholder:"ID" help:"All open flags of this check."`
	Indicator string   `placeholder:"ID" help:"All open flags of this indicator."`
	Unit      string   `placeholder:"ID" help:"All open flags of this unit."`
}

func (f chosen) requests(ctx context.Context, s *session, id control.Identity, r control.DecisionRequest) ([]control.DecisionRequest, error) {
	filtered := f.Incident != "" || f.Check != "" || f.Indicator != "" || f.Unit != ""
	if filtered == (len(f.Flags) > 0) {
		return nil, &usageError{"name flags, or choose them with --incident, --check, --indicator and --unit"}
	}
	all, err := s.FlagsFor(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []control.DecisionRequest
	add := func(flag string, version int) {
		o := r
		o.Flag, o.FlagVersion = flag, version
		out = append(out, o)
	}
	for _, g := range all {
		if filtered && g.Status == gate.Open.String() && (f.Incident == "" || f.Incident == g.Incident) && (f.Check == "" || f.Check == g.Check) &&
			(f.Indicator == "" || f.Indicator == g.Indicator) && (f.Unit == "" || f.Unit == g.Unit) {
			add(g.Flag, g.FlagVersion)
		}
	}
	for _, flag := range f.Flags {
		version := 0
		if at := slices.IndexFunc(all, func(g control.Flag) bool { return g.Flag == flag }); at >= 0 {
			version = all[at].FlagVersion
		}
		add(flag, version)
	}
	switch {
	case len(out) == 0:
		return nil, errors.New("no open flag is chosen; `larstrom flags list` shows them")
	case len(out) > validator.MostAtOnce:
		return nil, fmt.Errorf("%d flags are chosen, and %d can be decided at once; choose fewer", len(out), validator.MostAtOnce)
	}
	return out, nil
}

type flagsBulkCmd struct {
	Kind string `arg:"" name:"DECISION" enum:"accept,reject,comment,answer,snooze,waive,correct,confirm,refuse,undo,judge" help:"What is decided of each."`
	chosen
	dataFlag
	asFlag
	orderFlag
	jsonFlag
	crashFlags
}

func (b *flagsBulkCmd) Run(ctx context.Context, c *console) error {
	r, err := b.request(b.Kind)
	if err != nil {
		return err
	}
	id, err := b.identity(c)
	if err != nil {
		return err
	}
	return with(ctx, c, b.Data, b.crashFlags, func(s *session) error {
		orders, err := b.requests(ctx, s, id, r)
		if err != nil {
			return err
		}
		done, err := s.DecideAll(ctx, control.OrdersRequest{Identity: id, Orders: orders})
		if err != nil {
			return err
		}
		refused := 0
		for _, o := range done.Of {
			if o.Error != nil {
				refused++
			}
		}
		if b.JSON {
			err = writeJSON(c.out, "decisions", done)
		} else {
			err = writeOutcomes(c.out, b.Kind, done)
		}
		if err == nil && refused > 0 {
			err = fmt.Errorf("%d of %d decisions were refused; each says why above", refused, len(done.Of))
		}
		return err
	})
}

func writeOutcomes(w io.Writer, kind string, done control.Outcomes) error {
	rows := []string{"FLAG\tOUTCOME"}
	for _, o := range done.Of {
		text := kind + ": in the ledger"
		switch {
		case o.Error != nil:
			text = "refused: " + oneLine(o.Error.Message)
		case len(o.Events) == 0:
			text = "decided before; nothing was added"
		}
		rows = append(rows, o.Flag+"\t"+text)
	}
	if done.Publication > 0 {
		rows = append(rows, fmt.Sprintf("\tvisible in publication %d", done.Publication))
	}
	return writeTable(w, rows)
}

type flagsPreviewCmd struct {
	Kind string `arg:"" name:"DECISION" enum:"accept,reject,correct,waive" help:"What is tried on each."`
	chosen
	dataFlag
	asFlag
	orderFlag
	jsonFlag
}

func (p *flagsPreviewCmd) Run(ctx context.Context, c *console) error {
	r, err := p.request(p.Kind)
	if err != nil {
		return err
	}
	id, err := p.identity(c)
	if err != nil {
		return err
	}
	return with(ctx, c, p.Data, crashFlags{}, func(s *session) error {
		orders, err := p.requests(ctx, s, id, r)
		if err != nil {
			return err
		}
		seen, err := s.Preview(ctx, control.OrdersRequest{Identity: id, Orders: orders})
		if err != nil {
			return err
		}
		if p.JSON {
			return writeJSON(c.out, "preview", seen)
		}
		cat, err := s.Catalog(ctx)
		if err != nil {
			return err
		}
		return writePreview(c.out, cat.Index(), p.Kind, seen)
	})
}

// mostChanges is how many changes of a kind are shown to a person.
const mostChanges = 20

// writePreview says what decisions would change, with the names that people
// know units and indicators by.
func writePreview(w io.Writer, x *catalog.Index, kind string, p validator.Preview) error {
	if _, err := fmt.Fprintf(w, "To %s %s would change this, and nothing has changed yet:\n", kind, plural(p.Flags, "flag")); err != nil {
		return err
	}
	for _, id := range sortedKeys(p.Indicators) {
		i, name := p.Indicators[id], id
		if ind, ok := x.Indicator(id); ok {
			name = fmt.Sprintf("%s (%s)", ind.Name.In("en"), id)
		}
		if err := section(w, "\n"+name, previewRows(x, &i)); err != nil {
			return err
		}
	}
	if len(p.Indicators) == 0 {
		if _, err := fmt.Fprintln(w, "  nothing"); err != nil {
			return err
		}
	}
	for _, flag := range sortedKeys(p.Refused) {
		if _, err := fmt.Fprintf(w, "Refused: flag %s: %s\n", flag, oneLine(p.Refused[flag])); err != nil {
			return err
		}
	}
	if len(p.Interest) > 0 {
		_, err := fmt.Fprintf(w, "You answer for %s, whose published values move by more than you may decide alone: an acceptance awaits a steward's confirmation.\n",
			strings.Join(p.Interest, ", "))
		return err
	}
	return nil
}

// previewRows are the changes of one indicator, kind by kind.
func previewRows(x *catalog.Index, i *impact.Impact) []string {
	unit := func(id string) string {
		if u, ok := x.Unit(id); ok {
			return u.Name.In("en")
		}
		return id
	}
	number := func(v *float64) string {
		if v == nil {
			return "none"
		}
		return fmt.Sprintf("%.4g", *v)
	}
	shown := func(value, numerator, denominator *float64, state string) string {
		switch {
		case value == nil:
			return "nothing (" + state + ")"
		case numerator == nil || denominator == nil:
			return fmt.Sprintf("%.4g (%s)", *value, state)
		}
		return fmt.Sprintf("%.4g, %.12g of %.12g (%s)", *value, *numerator, *denominator, state)
	}
	rows := []string{fmt.Sprintf("  in all: %s, %s, %s, %s, %s", plural(len(i.Cells), "cell"), plural(len(i.Charts), "chart"), plural(len(i.Signals), "signal"),
		plural(len(i.Centres), "centre line"), plural(len(i.Outliers), "place")+" in funnels")}
	list := func(heading string, n int, row func(int) string) {
		if n == 0 {
			return
		}
		rows = append(rows, "  "+heading)
		for k := range min(n, mostChanges) {
			rows = append(rows, "    "+row(k))
		}
		if n > mostChanges {
			rows = append(rows, fmt.Sprintf("    and %d more; --json shows all", n-mostChanges))
		}
	}
	at := func(p impact.Place) string { return unit(p.Unit) + "\t" + p.Period.String() + stratumOf(p.Stratum) }
	list("CELL\tPERIOD\tNOW\tAFTER", len(i.Cells), func(k int) string {
		c := i.Cells[k]
		return at(c.Place) + "\t" + shown(c.Before, c.NumeratorBefore, c.DenominatorBefore, c.StateBefore) + "\t" + shown(c.After, c.NumeratorAfter, c.DenominatorAfter, c.StateAfter)
	})
	list("SIGNAL\tPERIOD\tNOW\tAFTER", len(i.Signals), func(k int) string {
		g := i.Signals[k]
		return at(g.Place) + "\t" + or(strings.Join(g.Before, ", "), "none") + "\t" + or(strings.Join(g.After, ", "), "none")
	})
	list("CENTRE LINE\tFROM\tNOW\tAFTER", len(i.Centres), func(k int) string {
		c := i.Centres[k]
		return at(c.Place) + "\t" + number(c.Before) + "\t" + number(c.After)
	})
	list("FUNNEL\t\tNOW\tAFTER", len(i.Outliers), func(k int) string {
		o := i.Outliers[k]
		return unit(o.Unit) + stratumOf(o.Stratum) + "\t\t" + placeIn(o.Before) + "\t" + placeIn(o.After)
	})
	list("CHART\t\tDRAWN ANEW", len(i.Charts), func(k int) string { return unit(i.Charts[k].Unit) + stratumOf(i.Charts[k].Stratum) })
	list("PUBLISHED VALUES\t\tMOVE", len(i.Moves), func(k int) string {
		m := i.Moves[k]
		if m.Points == nil {
			return unit(m.Unit) + "\t\tfrom nothing"
		}
		return fmt.Sprintf("%s\t\tby up to %.3g points", unit(m.Unit), *m.Points)
	})
	return rows
}

func stratumOf(stratum string) string {
	if stratum == "" {
		return ""
	}
	return ", " + stratum
}

func placeIn(outlier int8) string {
	switch {
	case outlier < 0:
		return "below the limits"
	case outlier > 0:
		return "above the limits"
	}
	return "inside"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

type whyCmd struct {
	dataFlag
	asFlag
	Indicator string  `required:"" placeholder:"ID" help:"The indicator."`
	Unit      string  `required:"" placeholder:"ID" help:"The unit."`
	Period    string  `required:"" placeholder:"DATE" help:"First day of the period, as 2006-01-02."`
	Stratum   *string `placeholder:"TEXT" help:"The stratum; empty for the total."`
	Version   string  `name:"indicator-version" placeholder:"ID" help:"The version of the indicator's definition."`
	On        string  `aliases:"as-of" placeholder:"DATE" help:"As it was seen at the end of this day, or at an instant like 2006-01-02T15:04:05Z (default: now)."`
	jsonFlag
}

func (w *whyCmd) Run(ctx context.Context, c *console) error {
	id, err := w.identity(c)
	if err != nil {
		return err
	}
	r := control.WhyRequest{Identity: id, Indicator: w.Indicator, Unit: w.Unit, Version: w.Version, Stratum: w.Stratum}
	if r.Period, err = catalog.ParseDate(w.Period); err != nil {
		return &usageError{"--period: " + err.Error()}
	}
	return with(ctx, c, w.Data, crashFlags{}, func(s *session) error {
		if w.On != "" {
			cat, err := s.Catalog(ctx)
			if err != nil {
				return err
			}
			if r.At, err = instant(w.On, cat.Region.TimeZone); err != nil {
				return err
			}
		}
		answers, err := s.Why(ctx, r)
		if err != nil {
			return err
		}
		if w.JSON {
			return writeJSON(c.out, "why", answers)
		}
		return writeAnswers(c.out, answers)
	})
}

// instant is the instant that a text names: itself, or the last of a day in
// the zone.
func instant(text, zone string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	d, err := catalog.ParseDate(text)
	if err != nil {
		return time.Time{}, &usageError{"--on: " + err.Error()}
	}
	z, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time zone of the region: %w", err)
	}
	t := d.AddDays(1).Time()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, z).Add(-time.Nanosecond), nil
}

func writeAnswers(w io.Writer, answers []validator.Answer) error {
	if len(answers) == 0 {
		_, err := io.WriteString(w, "nothing was published of it then\n")
		return err
	}
	var rows []string
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, name+"\t"+text)
		}
	}
	for _, a := range answers {
		add("point", fmt.Sprintf("%s %s %s, version %s, stratum %s", a.Indicator, a.Unit, a.Period, a.Version, or(a.Stratum, "-")))
		add("publication", fmt.Sprintf("%d of %s, as of %s", a.Publication, a.PublishedAt.UTC().Format(time.RFC3339), a.AsOf))
		shown := "nothing"
		if a.Visible && a.Numerator != nil {
			shown = fmt.Sprintf("%g of %g", *a.Numerator, *a.Denominator)
		}
		add("shown", fmt.Sprintf("%s (%s) %s", shown, a.State, a.Shown))
		switch a.Hidden {
		case "":
		case "above_one":
			add("hidden", "a share above 1 cannot be drawn, waived or not: correct or reject it")
		default:
			add("hidden", "the indicator version is not introduced; only its pilot units see it")
		}
		if a.Delivered != a.Shown {
			add("delivered", a.Delivered)
		}
		if k := a.Correction; k != nil {
			add("corrected", fmt.Sprintf("%s by %s, confirmed by %s, %s: %s (numerator %s of %s was %s of %s)", k.On, k.By, k.Confirmed, k.Cause, oneLine(k.Evidence),
				micro(k.New.Numerator.Float(1)), micro(k.New.Denominator.Float(1)), micro(k.Old.Numerator.Float(1)), micro(k.Old.Denominator.Float(1))))
		}
		for _, f := range a.Flags {
			add(f.Part, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, f.Flag, oneLine(f.Text)))
			for _, d := range f.Decisions {
				add("", decisionText(d))
			}
		}
	}
	return writeTable(w, rows)
}

func micro(v float64) string { return fmt.Sprintf("%g", v/1e6) }

// decisionText is one decision as a line.
func decisionText(d event.DecisionMade) string {
	text := fmt.Sprintf("%s %s by %s", d.On, d.Kind, d.By)
	if d.Cause != "" {
		text += ", " + d.Cause
	}
	if !d.Until.IsZero() {
		text += ", until " + d.Until.String()
	}
	if d.Note != "" {
		text += ": " + oneLine(d.Note)
	}
	if d.Evidence != "" {
		text += " (" + oneLine(d.Evidence) + ")"
	}
	return text
}

// The app's own answers.

func (d direct) DecideAll(ctx context.Context, r control.OrdersRequest) (control.Outcomes, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return control.Outcomes{}, err
	}
	done, err := d.app.DecideAll(ctx, who, r.Commands())
	return control.OutcomesOf(done.Of, done.Publication), err
}

func (d direct) Preview(ctx context.Context, r control.OrdersRequest) (validator.Preview, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return validator.Preview{}, err
	}
	return d.app.Preview(ctx, who, r.Commands())
}

func (d direct) Why(ctx context.Context, r control.WhyRequest) ([]validator.Answer, error) {
	who, err := control.Authenticate(d.app.Catalog, r.As, r.Token)
	if err != nil {
		return nil, err
	}
	return d.app.Why(ctx, who, r.Question())
}

func (d direct) FlagsFor(ctx context.Context, id control.Identity) ([]control.Flag, error) {
	who, err := control.Authenticate(d.app.Catalog, id.As, id.Token)
	if err != nil {
		return nil, err
	}
	flags, err := d.app.FlagsFor(ctx, who)
	if err != nil {
		return nil, err
	}
	out := make([]control.Flag, len(flags))
	for i, f := range flags {
		out[i] = control.FlagOf(f)
	}
	return out, nil
}

func (d direct) FlagFor(ctx context.Context, id control.Identity, flag string) (control.Flag, error) {
	who, err := control.Authenticate(d.app.Catalog, id.As, id.Token)
	if err != nil {
		return control.Flag{}, err
	}
	if err := d.app.See(ctx, who, flag, client()); err != nil {
		return control.Flag{}, err
	}
	f, err := d.app.FlagFor(ctx, who, flag)
	if err != nil {
		return control.Flag{}, err
	}
	return control.FlagOf(f), nil
}
