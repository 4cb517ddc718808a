package simulate

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"larstrom/pipeline/catalog"
)

// Finding is one flag, as the checks raised it.
type Finding struct {
	// ID names the flag in the report.
	ID        string
	Check     string
	Severity  string
	Indicator string
	Unit      string
	// Period is the first day of the one period that it is about; zero: several.
	Period catalog.Date
	// AsOf is the night on which it was raised.
	AsOf catalog.Date
}

// Receipt is what became of one file of the drop folder.
type Receipt struct {
	File string
	// Status is accepted, rejected, repeated or waiting.
	Status string
	// Rules are the rules by which the file or rows of it were turned away, with
	// the number of rows (1 for a file).
	Rules map[string]int64
}

// Verdict is what became of a fault.
type Verdict string

// The verdicts.
const (
	// Caught: an expected check acted, at its severity, on the night it came.
	Caught Verdict = "caught"
	// Late: an expected check acted at its severity, on a later night.
	Late Verdict = "late"
	// OtherSeverity: an expected check acted, at another severity.
	OtherSeverity Verdict = "other severity"
	// Missed: an expected check exists and did not act.
	Missed Verdict = "missed"
	// NotCovered: no expected check exists yet.
	NotCovered Verdict = "not covered"
)

// Outcome is the verdict on one fault.
type Outcome struct {
	Fault   Fault
	Verdict Verdict
	// Check, Severity and Night are of what acted, or of what was expected.
	Check    string
	Severity string
	Night    catalog.Date
	// Findings is how many flags, files or rows of the expected checks there
	// were on that night; Units how many of the fault's units they are about.
	Findings, Units int
}

// Report holds the truth against what the checks found.
type Report struct {
	Outcomes []Outcome
	// Explained are findings of other checks about what a fault touched, on the
	// nights that had it.
	Explained []Finding
	// Aftermath are findings about what a fault touched on the nights after it:
	// what is mended changes too.
	Aftermath []Finding
	// FalseAlarms are findings that no fault explains and that hold something
	// back: all but those of the severities NOTE and INFO.
	FalseAlarms []Finding
	// Remarks are NOTE and INFO findings that no fault explains.
	Remarks []Finding
}

// heard is a finding with the feed and file that it is about.
type heard struct {
	Finding
	feed, file string
	rows       int64
}

// Evaluate says for each fault whether the checks noticed it, and which
// findings no fault explains. present are the checks that exist, by id, those
// that turn files and rows away among them; feedOf gives the feed of an
// indicator. It is pure, and the order of its arguments does not matter.
func Evaluate(t *Truth, feedOf func(indicator string) string, findings []Finding, receipts []Receipt, present []string) *Report {
	var all []heard
	for _, f := range findings {
		all = append(all, heard{Finding: f, feed: feedOf(f.Indicator)})
	}
	sent := map[string]*Delivery{}
	for i := range t.Deliveries {
		sent[t.Deliveries[i].File] = &t.Deliveries[i]
	}
	for _, r := range receipts {
		all = append(all, r.heard(sent[r.File])...)
	}
	slices.SortStableFunc(all, func(a, b heard) int {
		return cmp.Or(a.AsOf.Compare(b.AsOf), strings.Compare(a.Check, b.Check), strings.Compare(a.Indicator, b.Indicator),
			strings.Compare(a.Unit, b.Unit), a.Period.Compare(b.Period), strings.Compare(a.file, b.file), strings.Compare(a.ID, b.ID))
	})
	rep := &Report{}
	for i := range t.Faults {
		rep.Outcomes = append(rep.Outcomes, judge(&t.Faults[i], all, present))
	}
	for _, h := range all {
		expected, during, after := false, false, false
		for i := range t.Faults {
			f := &t.Faults[i]
			switch {
			case h.AsOf.Before(f.Night) || !f.touches(&h):
			case f.Until.Before(h.AsOf):
				after = true
			case slices.ContainsFunc(f.Expect, func(e Expectation) bool { return e.Check == h.Check }):
				expected = true
			default:
				during = true
			}
		}
		switch {
		case expected:
		case during:
			rep.Explained = append(rep.Explained, h.Finding)
		case after:
			rep.Aftermath = append(rep.Aftermath, h.Finding)
		case h.Severity == "NOTE" || h.Severity == "INFO":
			rep.Remarks = append(rep.Remarks, h.Finding)
		default:
			rep.FalseAlarms = append(rep.FalseAlarms, h.Finding)
		}
	}
	return rep
}

// heard are what a receipt says, as findings. A file that waits for its rest
// is turned away like one that is rejected.
func (r Receipt) heard(d *Delivery) []heard {
	if d == nil {
		return []heard{{Finding: Finding{Check: "-", Severity: "REJECT", ID: r.File}, file: r.File}}
	}
	of := func(check, severity string, rows int64) heard {
		return heard{Finding: Finding{ID: r.File, Check: check, Severity: severity, AsOf: d.AsOf}, feed: d.Feed, file: d.File, rows: rows}
	}
	if r.Status == "repeated" {
		return []heard{of("C05", "INFO", 1)}
	}
	var out []heard
	for rule, n := range r.Rules {
		if n > 0 {
			out = append(out, of(rule, "REJECT", n))
		}
	}
	if len(out) == 0 && r.Status != "accepted" {
		out = append(out, of("-", "REJECT", 1))
	}
	return out
}

// touches reports whether a finding is about something that the fault touches.
// Periods are not compared: a finding may be about any period of the rows.
func (f *Fault) touches(h *heard) bool {
	switch {
	case h.feed != f.Feed:
		return false
	case h.file != "":
		return true
	}
	return (len(f.Units) == 0 || h.Unit == "" || slices.Contains(f.Units, h.Unit)) &&
		(len(f.Indicators) == 0 || slices.Contains(f.Indicators, h.Indicator))
}

// judge is the verdict on one fault: the best that any expected check deserves.
func judge(f *Fault, all []heard, present []string) Outcome {
	o := Outcome{Fault: *f, Verdict: NotCovered, Check: f.Expect[0].Check, Severity: f.Expect[0].Severity, Night: f.Night}
	rank := func(v Verdict) int {
		return slices.Index([]Verdict{NotCovered, Missed, OtherSeverity, Late, Caught}, v)
	}
	units := map[string]bool{}
	for _, e := range f.Expect {
		if !e.Also && o.Verdict == NotCovered && slices.Contains(present, e.Check) {
			o.Verdict, o.Check, o.Severity = Missed, e.Check, e.Severity
		}
		for i := range all {
			h := &all[i]
			if h.Check != e.Check || h.AsOf.Before(f.Night) || f.Until.Before(h.AsOf) || !f.touches(h) {
				continue
			}
			v := Caught
			switch {
			case h.Severity != e.Severity:
				v = OtherSeverity
			case h.AsOf != f.Night:
				v = Late
			}
			if e.Also && v != Caught {
				continue // it need not notice, so it is not late either
			}
			if rank(v) > rank(o.Verdict) {
				o.Verdict, o.Check, o.Severity, o.Night = v, h.Check, h.Severity, h.AsOf
				o.Findings = 0
				clear(units)
			}
			if v == o.Verdict && h.Check == o.Check && h.AsOf == o.Night {
				o.Findings++
				if slices.Contains(f.Units, h.Unit) {
					units[h.Unit] = true
				}
			}
		}
	}
	o.Units = len(units)
	return o
}

// Counts are the outcomes by verdict.
func (r *Report) Counts() map[Verdict]int {
	n := map[Verdict]int{}
	for _, o := range r.Outcomes {
		n[o.Verdict]++
	}
	return n
}

// WriteText writes the report as a table for people.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(format string, args ...any) {
		_, _ = fmt.Fprintf(t, format+"\n", args...) // the writer keeps its error for Flush
	}
	line("NIGHT\tFAULT\tFEED\tSIZE\tVERDICT\tCHECK\tFINDINGS\tUNITS")
	for _, o := range r.Outcomes {
		f := &o.Fault
		units := "-"
		if len(f.Units) > 0 && o.Findings > 0 {
			units = fmt.Sprintf("%d of %d", o.Units, len(f.Units))
		}
		check := o.Check + " " + o.Severity
		if o.Verdict == Late {
			check += " " + o.Night.String()
		}
		line("%s\t%s %s\t%s\t%.3g %s\t%s\t%s\t%d\t%s", f.Night, f.ID, f.Kind, f.Feed, f.Size, f.SizeOf, o.Verdict, check, o.Findings, units)
	}
	n := r.Counts()
	line("")
	line("%d faults: %d caught on their night, %d late, %d at another severity, %d missed, %d that no present check covers",
		len(r.Outcomes), n[Caught], n[Late], n[OtherSeverity], n[Missed], n[NotCovered])
	line("%d further findings about what a fault touched, %d about its mending; %d false alarms; %d remarks", len(r.Explained), len(r.Aftermath), len(r.FalseAlarms), len(r.Remarks))
	const most = 20
	for i, f := range r.FalseAlarms {
		if i == most {
			line("  and %d more", len(r.FalseAlarms)-most)
			break
		}
		line("  false alarm %s %s, night %s: %s %s %s %s", f.Check, f.Severity, f.AsOf, f.Indicator, f.Unit, f.Period, f.ID)
	}
	return t.Flush()
}
