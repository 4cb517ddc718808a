package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/services/larstrom/control"
)

type flagsCmd struct {
	List   flagsListCmd   `cmd:"" help:"List open flags, gravest first as they were raised."`
	Show   flagsShowCmd   `cmd:"" help:"Show one flag: evidence, what it guards, decisions."`
	Decide flagsDecideCmd `cmd:"" help:"Decide about a flag; waits until the released store shows it."`

	Bulk    flagsBulkCmd    `cmd:"" help:"Decide about several flags at once, each by an event of its own; for stewards."`
	Preview flagsPreviewCmd `cmd:"" help:"What decisions would change in what is published; after you have judged the flags (flags decide FLAG judge)."`

	Queue  flagsQueueCmd  `cmd:"" help:"What you are to decide first: at most five new tasks a week for a super-user and twenty a day for a steward; the rest is folded."`
	Affirm flagsAffirmCmd `cmd:"" help:"Stand by what is shown of a unit up to the last day of a quarter."`
	Audit  flagsAuditCmd  `cmd:"" help:"Write the audit trail as a signed file of JSON lines, or verify one."`

	Learn flagsLearnCmd `cmd:"" help:"What decisions teach about the checks: flags, precision, minutes, and proposals for a steward."`
}

type flagsListCmd struct {
	dataFlag
	All       bool   `help:"Closed flags too."`
	Indicator string `placeholder:"ID" help:"Flags of this indicator only."`
	Unit      string `placeholder:"ID" help:"Flags of this unit only."`
	scopeFlag
	jsonFlag
}

func (l *flagsListCmd) Run(ctx context.Context, c *console) error {
	return with(ctx, c, l.Data, crashFlags{}, func(s *session) error {
		all, err := l.flags(ctx, c, s)
		if err != nil {
			return err
		}
		flags := []control.Flag{}
		for _, severity := range []event.Severity{event.Block, event.Hold, event.Note, event.Reject, event.Info} {
			for _, f := range all {
				if f.Severity == severity && l.wants(f) {
					flags = append(flags, f)
				}
			}
		}
		if l.JSON {
			return writeJSON(c.out, "flags", flags)
		}
		rows := []string{"FLAG\tSEVERITY\tCHECK\tSTATUS\tINDICATOR\tUNIT\tPERIOD\tFINDING"}
		for _, f := range flags {
			rows = append(rows, strings.Join([]string{f.Flag, string(f.Severity), f.Check, f.Status, f.Indicator, or(f.Unit, "all"),
				or(f.Period.String(), "several"), oneLine(f.Text)}, "\t"))
		}
		if len(flags) == 0 {
			rows = []string{"no flags"}
			if len(all) > 0 {
				rows = []string{fmt.Sprintf("no flag is like that; without filters there are %d", len(all))}
			}
		}
		return writeTable(c.out, rows)
	})
}

func (l *flagsListCmd) wants(f control.Flag) bool {
	return (l.All || f.Status == gate.Open.String()) && (l.Indicator == "" || l.Indicator == f.Indicator) && (l.Unit == "" || l.Unit == f.Unit)
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

type flagsShowCmd struct {
	Flag string `arg:"" name:"FLAG" help:"The flag's id."`
	dataFlag
	scopeFlag
	jsonFlag
}

func (w *flagsShowCmd) Run(ctx context.Context, c *console) error {
	return with(ctx, c, w.Data, crashFlags{}, func(s *session) error {
		f, err := w.flag(ctx, c, s, w.Flag)
		if err != nil {
			return err
		}
		if w.JSON {
			return writeJSON(c.out, "flag", f)
		}
		return writeFlag(c.out, f)
	})
}

// mostGuards is how many guarded cells are shown to a person.
const mostGuards = 20

func writeFlag(w io.Writer, f control.Flag) error {
	rows := []string{
		"flag\t" + f.Flag,
		fmt.Sprintf("status\t%s (version %d)", f.Status, f.FlagVersion),
		fmt.Sprintf("check\t%s version %d, %s", f.Check, f.CheckVersion, f.Severity),
		"indicator\t" + f.Indicator,
		"unit\t" + or(f.Unit, "all"),
	}
	add := func(name, text string) {
		if text != "" {
			rows = append(rows, name+"\t"+text)
		}
	}
	add("stratum", f.Stratum)
	add("period", or(f.Period.String(), "several"))
	add("finding", oneLine(f.Text))
	add("observed", fmt.Sprintf("%g, expected %g %s", f.Observed, f.Expected, f.Direction))
	add("acceptance covers", fmt.Sprintf("%g to %g", f.Low, f.High))
	add("raised", fmt.Sprintf("run %s, as of %s", f.Run, f.AsOf))
	add("closed", f.Reason)
	add("snoozed until", f.Snoozed.String())
	add("waived until", f.WaivedUntil.String())
	for i, g := range f.Guards {
		if i == mostGuards {
			add("", fmt.Sprintf("and %d more; --json shows all", len(f.Guards)-i))
			break
		}
		add("guards", fmt.Sprintf("%s %s %s %s %s %s", g.Unit, g.Granularity, g.Period, or(g.Stratum, "-"), g.Version, g.Fingerprint))
	}
	for _, p := range f.Proposals {
		add("proposed", fmt.Sprintf("%s %s by %s, %s, until %s: %s (awaits a second person: flags decide %s confirm)",
			p.On, p.Kind, p.By, p.Cause, p.Until, oneLine(strings.TrimSpace(p.Note+" "+p.Evidence)), f.Flag))
		for _, c := range p.Corrections {
			add("", fmt.Sprintf("%s %s: numerator %s of %s becomes %s of %s", c.Cell.Unit, c.Cell.Period, micro(c.Old.Numerator.Float(1)),
				micro(c.Old.Denominator.Float(1)), micro(c.New.Numerator.Float(1)), micro(c.New.Denominator.Float(1))))
		}
	}
	for _, p := range f.Confirmations {
		add("confirmed", fmt.Sprintf("%s by %s (%s)", p.On, p.By, p.Decision))
	}
	for _, d := range f.Decisions {
		add("decided", decisionText(d))
	}
	for _, j := range f.Judgements {
		add("judged", fmt.Sprintf("%s by %s, %s: %s", j.On, j.By, j.Cause, oneLine(j.Evidence)))
	}
	add("assigned", f.Assigned)
	for _, e := range f.Attached {
		add("evidence", fmt.Sprintf("%s by %s: %s (SHA-256 %s)", e.On, e.By, oneLine(strings.TrimSpace(e.Text+" "+e.Link)), e.SHA256))
	}
	if f.Waiting {
		add("waiting", "for the source's answer (flags decide "+f.Flag+" answer)")
	}
	return writeTable(w, rows)
}

// tokenFlag is where a personal token comes from. It is never an argument:
// those stand in the list of processes and in the shell's history.
type tokenFlag struct {
	TokenFile string `placeholder:"FILE" help:"File with the personal token (default: the variable LARSTROM_TOKEN)."`
}

const tokenVariable = "LARSTROM_TOKEN" //nolint:gosec // the name of a variable is no secret

func (t tokenFlag) token(c *console) (string, error) {
	if t.TokenFile == "" {
		return strings.TrimSpace(c.getenv(tokenVariable)), nil
	}
	b, err := os.ReadFile(t.TokenFile)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

type flagsDecideCmd struct {
	Flag string `arg:"" name:"FLAG" help:"The flag's id."`
	Kind string `arg:"" name:"DECISION" enum:"accept,reject,correct,comment,answer,snooze,waive,confirm,refuse,undo,judge,assign,attach" help:"accept, reject, correct, comment, answer, snooze or waive; confirm or refuse what another has proposed; undo within a day; judge before a preview; assign to somebody; attach evidence."`
	dataFlag
	asFlag
	orderFlag

	Proposal    string `placeholder:"ID" help:"The proposal to confirm or refuse, or the decision to undo, where there are several."`
	FlagVersion int    `placeholder:"N" help:"The version of the flag that was read; refused if it has changed since."`

	To     string `placeholder:"USER" help:"Assign: to whom; without it to nobody any more."`
	Link   string `placeholder:"URL" help:"Attach: where the document is; without it, the evidence is the note."`
	SHA256 string `name:"sha256" placeholder:"HEX" help:"Attach: the SHA-256 of the document."`
	jsonFlag
	crashFlags
}

func (d *flagsDecideCmd) Run(ctx context.Context, c *console) error {
	r, err := d.request(d.Kind)
	if err != nil {
		return err
	}
	r.As, r.Flag, r.Decision, r.FlagVersion = d.As, d.Flag, d.Proposal, d.FlagVersion
	r.To, r.Link, r.SHA256 = d.To, d.Link, d.SHA256
	if r.Token, err = d.token(c); err != nil {
		return err
	}
	return with(ctx, c, d.Data, d.crashFlags, func(s *session) error {
		started := time.Now()
		done, err := s.Decide(ctx, r)
		if err != nil {
			return err
		}
		if d.JSON {
			return writeJSON(c.out, "decision", done)
		}
		return writeDecision(c, r, done, time.Since(started))
	})
}

func writeDecision(c *console, r control.DecisionRequest, done control.Decision, took time.Duration) error {
	var b strings.Builder
	if len(done.Events) == 0 {
		fmt.Fprintf(&b, "flag %s: this was decided before; nothing was added\n", r.Flag)
	} else {
		fmt.Fprintf(&b, "flag %s: %s by %s is in the ledger (%s, sequence %d)\n", r.Flag, r.Kind, r.As, done.Events[0].Type, done.Events[0].Sequence)
	}
	switch {
	case r.Kind == gate.Assign || r.Kind == gate.Attach:
		b.WriteString("recorded; the flag awaits a decision as before\n")
	case r.Kind == gate.Judge:
		fmt.Fprintf(&b, "recorded; `%s flags preview KIND %s` now shows you what a decision would change\n", c.name, r.Flag)
	case done.Publication == 0:
		b.WriteString("not visible yet: there is no publication\n")
	case len(done.Events) > 0 && done.Events[0].Type == event.TypeDecisionProposed:
		fmt.Fprintf(&b, "proposed; nothing changes before a second steward confirms: %s flags decide %s confirm (publication %d)\n", c.name, r.Flag, done.Publication)
	default:
		fmt.Fprintf(&b, "visible in publication %d, %s after the command\n", done.Publication, took.Round(time.Millisecond))
	}
	_, err := io.WriteString(c.out, b.String())
	return err
}
