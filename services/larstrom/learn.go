package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"larstrom/pipeline/learning"
	"larstrom/services/larstrom/control"
)

type flagsLearnCmd struct {
	dataFlag
	jsonFlag
}

func (l *flagsLearnCmd) Run(ctx context.Context, c *console) error {
	return with(ctx, c, l.Data, crashFlags{}, func(s *session) error {
		learned, err := s.Learned(ctx)
		if err != nil {
			return err
		}
		if l.JSON {
			return writeJSON(c.out, "learning", learned)
		}
		return writeTable(c.out, learnedTable(learned))
	})
}

// learnedTable is a line a check and version, and below a line a proposal.
func learnedTable(l control.Learned) []string {
	if len(l.Checks) == 0 {
		return []string{"no check has raised a flag yet"}
	}
	rows := []string{"CHECK\tVERSION\tSEVERITY\tFLAGS\tOPEN\tRESENT\tPASSED\tCOVERED\tSHADOW\tDECIDED\tDATA ERRORS\tPRECISION\t95 %\tMINUTES\tFROM JUDGEMENT"}
	number := func(v *float64, scale float64) string {
		if v == nil {
			return "-"
		}
		return strconv.FormatFloat(*v*scale, 'f', 0, 64)
	}
	for _, s := range l.Checks {
		interval := "-"
		if s.Low != nil {
			interval = number(s.Low, 100) + "-" + number(s.High, 100)
		}
		rows = append(rows, strings.Join([]string{s.Check, strconv.Itoa(s.Version), or(string(s.Severity), "-"), strconv.Itoa(s.Flags), strconv.Itoa(s.Open),
			strconv.Itoa(s.Resent), strconv.Itoa(s.Passed), strconv.Itoa(s.Covered), strconv.Itoa(s.Shadow), strconv.Itoa(s.Decided), strconv.Itoa(s.DataErrors),
			number(s.Precision, 100), interval, number(s.MinutesRaised, 1), number(s.MinutesJudged, 1)}, "\t"))
	}
	for _, p := range l.Proposals {
		what := "lower its severity"
		if p.Promote {
			what = "raise it to BLOCK"
		}
		rows = append(rows, fmt.Sprintf("proposal: check %s version %d: %s (%d of %d decisions found the data wrong); for a steward, in the catalog",
			p.Check, p.Version, what, p.DataErrors, p.Decided))
	}
	return rows
}

func (d direct) Learned(ctx context.Context) (control.Learned, error) {
	stats, err := d.app.Learned(ctx)
	if err != nil {
		return control.Learned{}, err
	}
	l := control.Learned{Checks: stats, Proposals: learning.Proposals(stats)}
	if l.Proposals == nil {
		l.Proposals = []learning.Proposal{}
	}
	return l, nil
}
