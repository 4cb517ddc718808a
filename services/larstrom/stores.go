package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"larstrom/services/larstrom/app"
)

type sqlCmd struct {
	Query string `arg:"" name:"QUERY" help:"One statement."`
	dataFlag
	Store  string `enum:"released,warehouse" default:"released" help:"released or warehouse."`
	Format string `placeholder:"F" help:"A ClickHouse format (default: PrettyCompact on a terminal, TabSeparated in a pipe)."`
}

func (q *sqlCmd) Run(ctx context.Context, c *console) error {
	format := q.Format
	if format == "" {
		format = "TabSeparated"
		if isTerminal(c.out) {
			format = "PrettyCompact"
		}
	}
	return with(ctx, c, q.Data, crashFlags{}, func(s *session) error {
		return s.SQL(ctx, q.Store, format, q.Query, c.out)
	})
}

type replayCmd struct {
	dataFlag
	jsonFlag
}

func (r *replayCmd) Run(ctx context.Context, c *console) error {
	return alone(ctx, c, r.Data, func(a *app.App) error {
		step, end := c.progress()
		report, err := a.Replay(ctx, step)
		end()
		if err != nil {
			return err
		}
		same := report.Before == report.After
		if r.JSON {
			err = writeJSON(c.out, "replay", map[string]any{"before": report.Before, "after": report.After, "equal": same})
		} else {
			verdict := "equal: the stores were what the log says"
			if !same {
				verdict = "different: the stores were not what the log says, and are now"
			}
			err = writeTable(c.out, []string{"before\t" + report.Before, "after\t" + report.After, "\t" + verdict})
		}
		return err
	})
}

type verifyCmd struct {
	dataFlag
	jsonFlag
}

func (v *verifyCmd) Run(ctx context.Context, c *console) error {
	return alone(ctx, c, v.Data, func(a *app.App) error {
		step, end := c.progress()
		report, err := a.Verify(ctx, step)
		end()
		if err != nil {
			return err
		}
		if v.JSON {
			problems := report.Problems
			if problems == nil {
				problems = []string{}
			}
			err = writeJSON(c.out, "verify", map[string]any{"checked": report.Checked, "unchecked": report.Unchecked, "problems": problems})
		} else {
			var rows []string
			for _, what := range slices.Sorted(maps.Keys(report.Checked)) {
				rows = append(rows, fmt.Sprintf("checked\t%s\t%d", what, report.Checked[what]))
			}
			for _, what := range slices.Sorted(maps.Keys(report.Unchecked)) {
				rows = append(rows, fmt.Sprintf("NOT CHECKED\t%s\t%d", what, report.Unchecked[what]))
			}
			for _, p := range report.Problems {
				rows = append(rows, "PROBLEM\t"+oneLine(p))
			}
			switch {
			case len(report.Problems) == 0 && len(report.Unchecked) == 0:
				rows = append(rows, "raw files, log, stores and ledger agree")
			case len(report.Problems) == 0:
				rows = append(rows, "what could be checked agrees; not all of it could")
			default:
				rows = append(rows, fmt.Sprintf("%d problems; `larstrom replay` rebuilds the stores from the log, raw files and the log come from the backup", len(report.Problems)))
			}
			err = writeTable(c.out, rows)
		}
		if err == nil && len(report.Problems) > 0 {
			return errShown
		}
		return err
	})
}
