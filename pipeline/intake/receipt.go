package intake

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"larstrom/pipeline/catalog"
	"larstrom/pipeline/intake/record"
)

// What a receipt says became of the file.
const (
	StatusAccepted = "accepted"
	StatusRejected = "rejected"
	StatusRepeated = "repeated"
	StatusWaiting  = "waiting"
)

// Receipt tells the sender what became of a file. It holds no value that may
// identify a person.
type Receipt struct {
	// Format is the version of this form.
	Format   int    `json:"format"`
	Status   string `json:"status"`
	Delivery string `json:"delivery,omitempty"`
	Region   string `json:"region,omitempty"`
	Registry string `json:"registry,omitempty"`
	Feed     string `json:"feed,omitempty"`
	File     string `json:"file"`
	// Raw is the hex SHA-256 of the bytes.
	Raw  string       `json:"raw,omitempty"`
	AsOf catalog.Date `json:"as_of"`
	// From and To are the half-open span of periods in the file.
	From         catalog.Date `json:"from"`
	To           catalog.Date `json:"to"`
	Lines        int64        `json:"lines"`
	Accepted     int64        `json:"accepted"`
	Rejected     int64        `json:"rejected"`
	Parked       int64        `json:"parked"`
	Skipped      int64        `json:"skipped,omitempty"` // lines that the feed does not take
	Observations int64        `json:"observations"`
	Deletions    int64        `json:"deletions"`
	// Rules counts the rejected and parked lines by rule.
	Rules map[string]int64 `json:"rules,omitempty"`
	// Reasons counts the lines without number by the reason that they give.
	Reasons map[string]int64 `json:"reasons,omitempty"`
	// Problems are the first of the file; Further is how many there are beside.
	Problems []ReceiptProblem `json:"problems,omitempty"`
	Further  int64            `json:"further_problems,omitempty"`
	// Findings are peculiarities of the file that changed no value.
	Findings []ReceiptProblem `json:"findings,omitempty"`
	// RejectedRows is where the file of the rejected rows is; empty: none.
	RejectedRows string `json:"rejected_rows,omitempty"`
	// Note is a sentence of the caller's own.
	Note string `json:"note,omitempty"`
}

// ReceiptProblem is one fault of the file or of a row.
type ReceiptProblem struct {
	Line   uint64 `json:"line,omitempty"`
	Column string `json:"column,omitempty"`
	Place  string `json:"place,omitempty"` // the cell of a workbook
	Value  string `json:"value,omitempty"` // masked
	Rule   string `json:"rule"`
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"`
	Parked bool   `json:"parked,omitempty"`
}

// NewReceipt is the receipt of what Read returned. An error that is no
// *FileError is none of the sender's: such a file has no receipt yet.
func NewReceipt(feed *catalog.Feed, d Delivery, res Result, err error) (Receipt, error) {
	r := Receipt{Format: 1, Status: StatusAccepted, Delivery: d.ID, Region: d.Region, Registry: feed.Registry,
		Feed: feed.ID, File: d.Name, Raw: d.Raw, AsOf: d.AsOf}
	if err != nil {
		var fe *FileError
		if !errors.As(err, &fe) {
			return Receipt{}, err
		}
		r.Status = StatusRejected
		for i, p := range fe.Problems {
			if i == MaxFirst {
				r.Further = int64(len(fe.Problems) - i)
				break
			}
			r.Problems = append(r.Problems, ReceiptProblem{Line: p.Line, Column: p.Column, Rule: p.Rule, Text: p.Text, Hint: p.Hint})
		}
		return r, nil
	}
	r.AsOf, r.From, r.To = res.AsOf, res.From, res.To
	r.Lines, r.Rejected, r.Parked = res.Lines, res.Rejected, res.Parked
	r.Skipped, r.Reasons = res.Skipped, maps.Clone(res.Reasons)
	r.Accepted = res.Lines - res.Rejected - res.Parked - res.Skipped
	r.Observations, r.Deletions = res.Observed, res.Deleted
	r.Rules = maps.Clone(res.Rules)
	for _, f := range res.First {
		r.Problems = append(r.Problems, ReceiptProblem{Line: f.Line, Column: f.Column, Place: f.Place, Value: f.Value, Rule: f.Rule, Text: f.Text, Hint: f.Hint, Parked: f.Parked})
	}
	r.Further = res.Faults - int64(len(res.First))
	for _, f := range res.Findings {
		r.Findings = append(r.Findings, ReceiptProblem{Line: f.Line, Rule: f.Rule, Text: f.Text, Hint: f.Hint})
	}
	return r, nil
}

// WriteText writes the receipt for a reader, one fact a line.
func (r Receipt) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.File, r.Status)
	if r.Feed != "" {
		fmt.Fprintf(&b, ", feed %s", r.Feed)
	}
	if !r.AsOf.IsZero() {
		fmt.Fprintf(&b, ", as of %s", r.AsOf)
	}
	b.WriteByte('\n')
	if r.Delivery != "" {
		fmt.Fprintf(&b, "  delivery %s\n", r.Delivery)
	}
	if r.Note != "" {
		fmt.Fprintf(&b, "  %s\n", r.Note)
	}
	if r.Status == StatusAccepted {
		fmt.Fprintf(&b, "  %s: %d accepted, %d rejected, %d parked; %s", record.Count(r.Lines, "line"), r.Accepted, r.Rejected, r.Parked, record.Count(r.Observations, "observation"))
		if r.Deletions > 0 {
			fmt.Fprintf(&b, ", %s", record.Count(r.Deletions, "deletion"))
		}
		if r.Skipped > 0 {
			fmt.Fprintf(&b, "; none of this feed's: %s", record.Count(r.Skipped, "line"))
		}
		b.WriteByte('\n')
		if !r.From.IsZero() {
			fmt.Fprintf(&b, "  periods from %s to before %s\n", r.From, r.To)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(r.Rules)) {
		fmt.Fprintf(&b, "  rule %s: %s\n", rule, record.Count(r.Rules[rule], "line"))
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		lines := "lines have"
		if r.Reasons[reason] == 1 {
			lines = "line has"
		}
		fmt.Fprintf(&b, "  %d %s no number, for the reason %s\n", r.Reasons[reason], lines, reason)
	}
	for _, p := range r.Findings {
		b.WriteString("  note: ")
		b.WriteString(p.Where(r.File))
		b.WriteByte('\n')
	}
	for _, p := range r.Problems {
		b.WriteString("  ")
		b.WriteString(p.Where(r.File))
		b.WriteByte('\n')
	}
	if r.Further > 0 {
		fmt.Fprintf(&b, "  and %d more\n", r.Further)
	}
	if r.RejectedRows != "" {
		fmt.Fprintf(&b, "  rejected and parked rows, with rule, column and hint: %s\n", r.RejectedRows)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Where is the problem on one line: file, line, column, value, rule, hint.
func (p ReceiptProblem) Where(file string) string {
	var b strings.Builder
	b.WriteString(file)
	switch {
	case p.Place != "":
		fmt.Fprintf(&b, ":%s", p.Place)
	case p.Line > 0:
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Column != "" {
		fmt.Fprintf(&b, " column %s", p.Column)
	}
	if p.Value != "" {
		fmt.Fprintf(&b, " value %q", p.Value)
	}
	fmt.Fprintf(&b, ": %s (%s", p.Text, p.Rule)
	if p.Parked {
		b.WriteString(", parked")
	}
	b.WriteByte(')')
	if p.Hint != "" {
		fmt.Fprintf(&b, "; %s", p.Hint)
	}
	return b.String()
}
