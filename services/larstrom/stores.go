package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"larstrom/services/larstrom/app"
	"larstrom/services/larstrom/control"
)

type sqlCmd struct {
	Query string `arg:"" name:"QUERY" help:"One statement."`
	dataFlag
	As string `placeholder:"USER" help:"Ask as this person, who must be allowed to read all parts; the token must be hers. What is read of the warehouse is on record as hers, else as the operator's."`
	tokenFlag
	Store  string `default:"released" placeholder:"STORE" help:"released, warehouse, or released:PROFILE for what a wider audience of the catalog sees (default: ${default})."`
	Format string `placeholder:"F" help:"A ClickHouse format (default: PrettyCompact on a terminal, TabSeparated in a pipe)."`
}

func (q *sqlCmd) Run(ctx context.Context, c *console) error {
	if q.Store != "released" && q.Store != "warehouse" && !strings.HasPrefix(q.Store, "released:") {
		return &usageError{fmt.Sprintf("--store %s: there are released, warehouse, and released:PROFILE for a wider audience of the catalog", q.Store)}
	}
	format := q.Format
	if format == "" {
		format = "TabSeparated"
		if isTerminal(c.out) {
			format = "PrettyCompact"
		}
	}
	var id control.Identity
	if q.As != "" {
		var err error
		if id, err = (asFlag{q.As, q.tokenFlag}).identity(c); err != nil {
			return err
		}
	}
	return with(ctx, c, q.Data, crashFlags{}, func(s *session) error {
		var err error
		if q.As != "" {
			err = s.SQLAs(ctx, control.SQLRequest{Identity: id, Store: q.Store, Format: format, Query: q.Query, Client: client()}, c.out)
		} else {
			err = s.SQL(ctx, q.Store, format, q.Query, c.out)
		}
		if err != nil && (strings.Contains(err.Error(), "UNKNOWN_IDENTIFIER") || strings.Contains(err.Error(), "UNKNOWN_TABLE")) {
			return fmt.Errorf("%w; 'SHOW TABLES' names the views, and 'DESCRIBE chart' the columns of one", err)
		}
		if err != nil && strings.Contains(err.Error(), "Unknown format") {
			return &usageError{fmt.Sprintf("--format %s: there is no such format; ClickHouse has PrettyCompact, Vertical, Markdown, TabSeparatedWithNames, CSVWithNames, JSONEachRow, JSON, Arrow, Parquet and others", format)}
		}
		return err
	})
}

// placeFlags are a data folder whose log and stores may be on servers, as with
// the services of a scaled deployment.
type placeFlags struct {
	dataFlag
	logFlags
	storeFlags
}

// open gives the app for a command that no running process can do for it. Where
// log and stores are servers, the folder is shared, and who runs the command
// answers for what else works on them.
func (p *placeFlags) open(ctx context.Context, c *console, do func(*app.App) error) error {
	if p.NATS == "" && p.WarehouseDSN == "" && p.ReleasedDSN == "" {
		return alone(ctx, c, p.Data, do)
	}
	if err := isFolder(p.Data); err != nil {
		return fmt.Errorf("--data: %w; name the folder that the services share", err)
	}
	if p.NATS == "" || p.WarehouseDSN == "" || p.ReleasedDSN == "" {
		return &usageError{"--nats, --warehouse-dsn and --released-dsn go together; without them, log and stores are in the data folder"}
	}
	a, err := openApp(ctx, app.Config{Data: p.Data, KeyFile: c.getenv(envKeyFile), NATS: p.NATS, Credentials: p.NATSCreds, Replicas: p.replicas(),
		WarehouseDSN: p.WarehouseDSN, ReleasedDSN: p.ReleasedDSN, AudienceDSN: p.AudienceDSN, WithoutIntake: true, Logger: c.logger(slog.LevelWarn)}, crashFlags{})
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

type replayCmd struct {
	placeFlags
	jsonFlag
}

func (r *replayCmd) Run(ctx context.Context, c *console) error {
	return r.open(ctx, c, func(a *app.App) error {
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
	placeFlags
	jsonFlag
}

func (v *verifyCmd) Run(ctx context.Context, c *console) error {
	return v.open(ctx, c, func(a *app.App) error {
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
