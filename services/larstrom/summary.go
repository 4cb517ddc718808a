package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/event"
	"larstrom/pipeline/gate"
	"larstrom/pipeline/intake"
	"larstrom/pipeline/quality"
	"larstrom/services/larstrom/control"
)

// How much of one thing a summary shows; the rest is counted.
const (
	mostProblems = 3
	mostFlags    = 3
)

// summary tells a newcomer what up --once has done and where to look.
type summary struct {
	name       string // of the program, as it was called
	data, drop string
	receipts   []intake.Receipt
	status     control.Status
	flags      []control.Flag
	catalog    *catalog.Catalog
}

func (s *summary) write(w io.Writer) error {
	for _, part := range []func(io.Writer) error{s.came, s.rejected, s.held, s.published, s.where} {
		if err := part(w); err != nil {
			return err
		}
	}
	return nil
}

// came is one line a file, in the order of the nights.
func (s *summary) came(w io.Writer) error {
	rows := []string{"  NIGHT\tFEED\tFILE\tLINES\tACCEPTED\tREJECTED\tPARKED\t"}
	repeated := 0
	for _, r := range s.sorted() {
		switch r.Status {
		case intake.StatusRepeated:
			repeated++
		case intake.StatusAccepted:
			rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t%d\t%d\t%d\t%d\t%s", r.AsOf, r.Feed, r.File, r.Lines, r.Accepted, r.Rejected, r.Parked, r.Note))
		case intake.StatusWaiting:
			rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t-\t-\t-\t-\twaits: %s", night(r), or(r.Feed, "?"), r.File, or(r.Note, "the file is not whole yet")))
		default:
			rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t-\t0\tall\t0\twhole file rejected", night(r), or(r.Feed, "?"), r.File))
		}
	}
	switch {
	case len(rows) > 1:
	case s.drop == "":
		rows = []string{"  no drop folder was named (--drop DIR); nothing new was read"}
	default:
		rows = []string{"  nothing new in " + s.drop}
	}
	if repeated > 0 {
		rows = append(rows, fmt.Sprintf("  %s with bytes that had come before: noted, not taken twice", plural(repeated, "further file")))
	}
	return section(w, "What came", rows)
}

func night(r intake.Receipt) string { return or(r.AsOf.String(), "-") }

// sorted are the receipts by night, feed and file.
func (s *summary) sorted() []intake.Receipt {
	all := slices.Clone(s.receipts)
	slices.SortStableFunc(all, func(a, b intake.Receipt) int {
		return cmp.Or(a.AsOf.Compare(b.AsOf), strings.Compare(a.Feed, b.Feed), strings.Compare(a.File, b.File))
	})
	return all
}

// rejected says of each file the first problems, in words of the receipt.
func (s *summary) rejected(w io.Writer) error {
	var rows []string
	for _, r := range s.sorted() {
		if r.Status == intake.StatusRepeated || len(r.Problems) == 0 {
			continue
		}
		for _, p := range r.Problems[:min(len(r.Problems), mostProblems)] {
			rows = append(rows, "  "+p.Where(r.File))
		}
		more := int64(len(r.Problems)) + r.Further - mostProblems
		switch {
		case r.RejectedRows != "" && more > 0:
			rows = append(rows, fmt.Sprintf("    and %d more; all rejected rows, each with rule and hint: %s", more, r.RejectedRows))
		case r.RejectedRows != "":
			rows = append(rows, "    the rejected rows, each with rule and hint: "+r.RejectedRows)
		case more > 0:
			rows = append(rows, fmt.Sprintf("    and %d more", more))
		}
	}
	if len(rows) == 0 {
		rows = []string{"  nothing"}
	}
	return section(w, "What was rejected, and why (the rest of each file went on)", rows)
}

// held is what clinicians are asked about: the open flags by severity and
// check, with what the check means and the first findings.
func (s *summary) held(w io.Writer) error {
	open, closed := map[string][]control.Flag{}, 0
	for _, f := range s.flags {
		if f.Status == gate.Open.String() {
			k := string(f.Severity) + " " + f.Check
			open[k] = append(open[k], f)
		} else {
			closed++
		}
	}
	index := s.catalog.Index()
	var rows []string
	for _, severity := range []event.Severity{event.Block, event.Hold, event.Note, event.Reject, event.Info} {
		for _, k := range slices.Sorted(maps.Keys(open)) {
			flags := open[k]
			if flags[0].Severity != severity {
				continue
			}
			rows = append(rows, fmt.Sprintf("  %s: %s%s  %s", k, plural(len(flags), "flag"), together(flags), explanation(flags[0].Check)))
			for _, f := range flags[:min(len(flags), mostFlags)] {
				rows = append(rows, "    "+finding(index, f))
			}
			if more := len(flags) - mostFlags; more > 0 {
				rows = append(rows, fmt.Sprintf("    and %d more", more))
			}
		}
	}
	if len(open) == 0 {
		rows = append(rows, "  nothing is under question")
	}
	if closed > 0 {
		rows = append(rows, fmt.Sprintf("  %s closed again: the data were sent anew, or somebody decided", plural(closed, "flag")))
	}
	rows = append(rows, fmt.Sprintf("  %s back until a super-user decides or better data come: charts show the last released value in grey, or a gap",
		plural(int(s.status.HeldCells), "cell")+map[bool]string{true: " is held", false: " are held"}[s.status.HeldCells == 1]))
	return section(w, "What is held, and why", rows)
}

// together says how many of the flags have which causes in common.
func together(flags []control.Flag) string {
	incidents, n := map[string]bool{}, 0
	for _, f := range flags {
		if f.Incident != "" {
			incidents[f.Incident] = true
			n++
		}
	}
	switch {
	case n == 0:
		return ""
	case n == len(flags):
		return " in " + plural(len(incidents), "incident")
	}
	return fmt.Sprintf(", %d of them in %s", n, plural(len(incidents), "incident"))
}

// finding is one flag in a line: what, where, since when.
func finding(x *catalog.Index, f control.Flag) string {
	var at []string
	if i, ok := x.Indicator(f.Indicator); ok {
		at = append(at, i.Name.In("en"))
	}
	if u, ok := x.Unit(f.Unit); ok {
		at = append(at, u.Name.In("en"))
	}
	if !f.Period.IsZero() {
		at = append(at, "period from "+f.Period.String())
	}
	return fmt.Sprintf("%s (night of %s): %s", strings.Join(at, ", "), f.AsOf, oneLine(f.Text))
}

func explanation(check string) string {
	for _, c := range quality.Catalogue() {
		if c.ID == check {
			return c.Explain.In("en")
		}
	}
	return ""
}

func (s *summary) published(w io.Writer) error {
	p := s.status.Publication
	if p == nil {
		return section(w, "What is published", []string{"  nothing yet: no file has been accepted"})
	}
	return section(w, "What is published", []string{
		fmt.Sprintf("  publication %d (run %s) shows what was known on %s: %s", p.Publication, p.Run, p.AsOf, plural(p.Indicators, "indicator")),
	})
}

func (s *summary) where(w io.Writer) error {
	at := "--data " + quoted(s.data)
	rows := []string{
		"  " + s.name + " up " + at + "\tkeep running: the pages are on http://127.0.0.1:8080",
		"  " + s.name + " flags list " + at + "\twhat is under question, and why",
		"  " + s.name + " sql " + at + " 'SELECT * FROM chart LIMIT 20'\tthe published points with their limits",
		"  " + s.name + " status " + at + "\tdeliveries, lag, last publication",
	}
	return section(w, "Where to look next", rows)
}

// section is a heading and its rows, aligned at their tabs.
func section(w io.Writer, heading string, rows []string) error {
	if _, err := fmt.Fprintln(w, heading); err != nil {
		return err
	}
	return writeTable(w, append(rows, ""))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
