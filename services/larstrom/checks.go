package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"larstrom/pipeline/quality"
)

type checksCmd struct {
	ID []string `arg:"" optional:"" help:"The checks, by id (default: all)."`
	jsonFlag
}

// listedCheck is one check of the catalogue as it is printed.
type listedCheck struct {
	ID       string  `json:"check"`
	Version  int     `json:"check_version"`
	Severity string  `json:"severity"`
	Mode     string  `json:"mode"`
	Count    float64 `json:"count,omitempty"`
	Fraction float64 `json:"fraction,omitempty"`
	P        float64 `json:"p,omitempty"`
	Owner    string  `json:"owner"`
	Note     string  `json:"note"`
	// Judged is by the checks of a night (yes), partly, elsewhere, or no; Why
	// says what is not, and why.
	Judged string `json:"judged"`
	Why    string `json:"why,omitempty"`
	Means  string `json:"means"`
}

func (l *checksCmd) Run(c *console) error {
	all := listedChecks()
	for _, id := range l.ID {
		if !slices.ContainsFunc(all, func(v listedCheck) bool { return v.ID == id }) {
			return fmt.Errorf("check %q: the catalogue has none of that id; `larstrom checks` lists them", id)
		}
	}
	if len(l.ID) > 0 {
		all = slices.DeleteFunc(all, func(v listedCheck) bool { return !slices.Contains(l.ID, v.ID) })
	}
	if l.JSON {
		return writeJSON(c.out, "checks", all)
	}
	return writeTable(c.out, checksTable(all))
}

// listedChecks is the whole catalogue, with the default thresholds.
func listedChecks() []listedCheck {
	var out []listedCheck
	for _, c := range quality.Catalogue() {
		v := listedCheck{ID: c.ID, Version: c.Version, Severity: string(c.Severity), Mode: string(c.Mode), Count: c.Count, Fraction: c.Fraction, P: c.P,
			Owner: c.Owner, Note: c.Note, Judged: "yes", Means: c.Explain.In("en")}
		switch {
		case c.Absent != "":
			v.Judged, v.Why = "no", c.Absent
		case c.Elsewhere != "":
			v.Judged, v.Why = "elsewhere", c.Elsewhere
		case c.Partly != "":
			v.Judged, v.Why = "partly", c.Partly
		}
		out = append(out, v)
	}
	return out
}

// checksTable is a line a check.
func checksTable(all []listedCheck) []string {
	number := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	rows := []string{"CHECK\tSEVERITY\tCOUNT\tFRACTION\tP\tJUDGED\tWHAT IT MEANS, AND WHAT IS NOT JUDGED"}
	for _, v := range all {
		text := v.Means
		if v.Why != "" {
			text += " [" + v.Why + "]"
		}
		rows = append(rows, strings.Join([]string{v.ID, v.Severity, number(v.Count), number(v.Fraction), number(v.P), v.Judged, text}, "\t"))
	}
	return rows
}
