package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sourcegraph/conc"

	"larstrom/pipeline/event"
	"larstrom/services/larstrom/control"
	"larstrom/services/portal"
)

// jsonVersion is that of every JSON form that commands print.
const jsonVersion = 1

// writeJSON prints one named value with the version of its form.
func writeJSON(w io.Writer, name string, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"version": jsonVersion, name: v})
}

// writeTable aligns rows; a row is one text with tabs.
func writeTable(w io.Writer, rows []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		if _, err := fmt.Fprintln(t, r); err != nil {
			return err
		}
	}
	return t.Flush()
}

// isTerminal reports whether w is a terminal (or another character device,
// to which a line of progress does no harm).
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// clearLine goes to the beginning of the line and empties it.
const clearLine = "\r\x1b[K"

// withProgress does long work and, on a terminal, says meanwhile how far it is.
func withProgress(ctx context.Context, c *console, far func(context.Context) (string, error), work func(context.Context) error) error {
	if !isTerminal(c.err) {
		return work(ctx)
	}
	watch, stop := context.WithCancel(ctx)
	var wg conc.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-watch.Done():
				_, _ = io.WriteString(c.err, clearLine)
				return
			case <-tick.C:
				// What cannot be told now is told by the work itself.
				if text, err := far(watch); err == nil {
					_, _ = io.WriteString(c.err, clearLine+text)
				}
			}
		}
	})
	return work(ctx)
}

// progress is where work that reports its steps says them: on a terminal only.
func (c *console) progress() (step func(string), done func()) {
	if !isTerminal(c.err) {
		return func(string) {}, func() {}
	}
	return func(s string) { _, _ = io.WriteString(c.err, clearLine+s) }, func() { _, _ = io.WriteString(c.err, clearLine) }
}

// facts are the status as pairs of a name and a text, for people.
func facts(st control.Status) []portal.Fact {
	d := st.Deliveries
	fs := []portal.Fact{
		{Name: "Region", Text: st.Region},
		{Name: "Catalog", Text: short(st.Catalog)},
		{Name: "Deliveries", Text: fmt.Sprintf("%d received: %d published, %d waiting for their publication, %d rejected, %d being read; %d repeated",
			d.Received, d.Published, d.Unpublished, d.Rejected, d.Undecided, d.Repeated)},
		{Name: "Lines", Text: fmt.Sprintf("%d, of which %d rejected and %d parked", d.Lines, d.RejectedLines, d.ParkedLines)},
		{Name: "Lag", Text: fmt.Sprintf("OBS %d blocks, CELLS %d blocks, LEDGER %d events, DLQ %d messages",
			st.Lag.Obs, st.Lag.Cells, st.Lag.Ledger, st.Lag.Dead)},
		{Name: "Open flags", Text: severities(st.OpenFlags)},
		{Name: "Late duties", Text: lateText(st.Late)},
		{Name: "Held cells", Text: fmt.Sprint(st.HeldCells)},
	}
	for _, q := range st.Sequences {
		text := fmt.Sprintf("%s kept back: delivery %s has not come (larstrom sequence skip %s)", deliveries(len(q.Held)), awaited(q), q.Feed)
		if len(q.Missing) == 0 {
			text = fmt.Sprintf("%s kept back: delivery %d came twice with different content (larstrom retract one of the two)", deliveries(len(q.Held)), q.Next)
		}
		fs = append(fs, portal.Fact{Name: "Feed " + q.Feed, Text: text})
	}
	p := portal.Fact{Name: "Publication", Text: "none yet"}
	if st.Publication != nil {
		p.Text = fmt.Sprintf("%d of %s: run %s, as of %s, %s", st.Publication.Publication,
			st.Publication.At.UTC().Format("2006-01-02 15:04 UTC"), st.Publication.Run, st.Publication.AsOf, plural(st.Publication.Indicators, "indicator"))
	}
	fs = append(fs, p)
	for _, a := range st.Audiences {
		fs = append(fs, portal.Fact{Name: "Audience " + a.Audience, Text: edition(a)})
	}
	if st.Portal != "" {
		fs = append(fs, portal.Fact{Name: "Pages", Text: st.Portal + "/"})
	}
	for _, w := range st.Awaited {
		fs = append(fs, portal.Fact{Name: "Awaited " + w.Feed, Text: fmt.Sprintf("%s is not whole: %s; it is waited for until %s", w.File, w.Reason, w.Until.UTC().Format("2006-01-02 15:04 UTC"))})
	}
	for _, e := range st.Engines {
		text := "running"
		if !e.Running {
			text = "being started again"
		}
		fs = append(fs, portal.Fact{Name: "Engine " + e.Store, Text: fmt.Sprintf("%s, restarted %d times", text, e.Restarts)})
	}
	return fs
}

// lateText says how many flags await somebody for longer than there was time.
func lateText(n control.Late) string {
	if n == (control.Late{}) {
		return "none"
	}
	return fmt.Sprintf("%s past the time that there was; %s past one and a half times as much, and the next level has been told",
		plural(n.Due, "flag"), plural(n.Escalated, "flag"))
}

// edition says what a wider audience has.
func edition(a control.Audience) string {
	rule := "rule " + a.Rule
	if a.Rule == "" {
		rule = "no longer in the catalog"
	}
	if a.Number == 0 {
		return rule + ": no edition yet; the first follows the next publication"
	}
	text := fmt.Sprintf("%s: edition of %s (number %d), as of %s, publication %d, %s", rule, a.Edition, a.Number, a.AsOf, a.Publication, plural(a.Indicators, "indicator"))
	if a.Taken {
		text += "; what was withdrawn since is taken out"
	}
	if !a.Next.IsZero() {
		text += "; the next is due from " + a.Next.String()
	}
	return text
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

// severities counts flags in words, gravest first.
func severities(n map[event.Severity]int) string {
	var parts []string
	for _, s := range []event.Severity{event.Reject, event.Block, event.Hold, event.Note, event.Info} {
		if n[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[s], s))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// quoted is a word as a shell takes it.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:@,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
